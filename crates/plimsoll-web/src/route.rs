//! What a path asks for.
//!
//! A scope is a path of its own and may stand in front of every resource, and case does not count in keywords and names
//! (azure-rest-api-specs mixes `subAssessments` and `subassessments`). A table of routes cannot say that, so paths are
//! read here, segment by segment. Empty segments are skipped: some clients send `//` where a scope begins with a slash.

use percent_encoding::percent_decode_str;
use plimsoll_types::Scope;

use crate::error::Error;

/// An operation with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// All sub-assessments at a place.
    SubAssessments(Place),
    /// The sub-assessments of one assessment.
    SubAssessmentsOf(Place, String),
    /// One sub-assessment: assessment and name.
    SubAssessment(Place, String, String),
    /// All assessments at a place.
    Assessments(Place),
    /// One assessment.
    Assessment(Place, String),
    /// What is known of all assessments, for the tenant or a subscription.
    AllMetadata(Option<Place>),
    /// What is known of one.
    Metadata(Option<Place>, String),
}

/// A scope as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A management group. Whatever its name, it holds the one subscription that there is.
    ManagementGroup,
    /// A subscription.
    Subscription(String),
    /// Subscription and resource group.
    ResourceGroup(String, String),
    /// Subscription, resource group, and the resource: type (`Microsoft.ContainerRegistry/registries`) and name.
    Resource { subscription: String, group: String, kind: String, name: String },
}

impl Route {
    /// The operation that this path, as it came in the request line, asks for.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8().ok())
            .collect::<Option<Vec<_>>>()?;
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        let provider = segments
            .windows(2)
            .rposition(|pair| is(pair[0], "providers") && is(pair[1], "Microsoft.Security"));
        let provider = provider?;
        let (scope, resource) = (&segments[..provider], &segments[provider + 2..]);
        match *resource {
            [kind] if is(kind, "subAssessments") => Some(Self::SubAssessments(Place::parse(scope)?)),
            [kind] if is(kind, "assessments") => Some(Self::Assessments(Place::parse(scope)?)),
            [kind, key] if is(kind, "assessments") => {
                Some(Self::Assessment(Place::parse(scope)?, key.to_owned()))
            }
            [kind, key, child] if is(kind, "assessments") && is(child, "subAssessments") => {
                Some(Self::SubAssessmentsOf(Place::parse(scope)?, key.to_owned()))
            }
            [kind, key, child, name] if is(kind, "assessments") && is(child, "subAssessments") => {
                Some(Self::SubAssessment(Place::parse(scope)?, key.to_owned(), name.to_owned()))
            }
            [kind] if is(kind, "assessmentMetadata") => {
                Some(Self::AllMetadata(Place::parse_metadata_scope(scope)?))
            }
            [kind, key] if is(kind, "assessmentMetadata") => {
                Some(Self::Metadata(Place::parse_metadata_scope(scope)?, key.to_owned()))
            }
            _ => None,
        }
    }
}

impl Place {
    fn parse(segments: &[&str]) -> Option<Self> {
        let owned = |text: &&str| (*text).to_owned();
        match segments {
            [providers, provider, kind, _]
                if is(providers, "providers")
                    && is(provider, "Microsoft.Management")
                    && is(kind, "managementGroups") =>
            {
                Some(Self::ManagementGroup)
            }
            [keyword, subscription] if is(keyword, "subscriptions") => {
                Some(Self::Subscription(owned(subscription)))
            }
            [keyword, subscription, groups, group]
                if is(keyword, "subscriptions") && is(groups, "resourceGroups") =>
            {
                Some(Self::ResourceGroup(owned(subscription), owned(group)))
            }
            [keyword, subscription, groups, group, providers, provider, kind, name]
                if is(keyword, "subscriptions")
                    && is(groups, "resourceGroups")
                    && is(providers, "providers") =>
            {
                Some(Self::Resource {
                    subscription: owned(subscription),
                    group: owned(group),
                    kind: format!("{provider}/{kind}"),
                    name: owned(name),
                })
            }
            _ => None,
        }
    }

    /// Metadata stands at the tenant, which is no scope at all, or in a subscription. The outer `None`: neither.
    fn parse_metadata_scope(segments: &[&str]) -> Option<Option<Self>> {
        if segments.is_empty() {
            return Some(None);
        }
        Self::parse(segments).filter(|place| matches!(place, Self::Subscription(_))).map(Some)
    }

    /// Fails unless this place is, or holds, the registry at `scope`.
    pub(crate) fn must_hold(&self, scope: &Scope) -> Result<(), Error> {
        let in_subscription = |subscription: &str| {
            let fits = is(subscription, &scope.subscription);
            if fits { Ok(()) } else { Err(Error::UnknownSubscription(subscription.to_owned())) }
        };
        let in_group = |group: &str| {
            let fits = is(group, &scope.resource_group);
            if fits { Ok(()) } else { Err(Error::UnknownResourceGroup(group.to_owned())) }
        };
        match self {
            Self::ManagementGroup => Ok(()),
            Self::Subscription(subscription) => in_subscription(subscription),
            Self::ResourceGroup(subscription, group) => {
                in_subscription(subscription)?;
                in_group(group)
            }
            Self::Resource { subscription, group, kind, name } => {
                in_subscription(subscription)?;
                in_group(group)?;
                let fits = is(kind, "Microsoft.ContainerRegistry/registries") && is(name, &scope.registry);
                if fits { Ok(()) } else { Err(Error::UnknownResource(format!("{kind}/{name}"))) }
            }
        }
    }

    /// Whether it is a resource, which alone can be assessed.
    pub(crate) fn is_resource(&self) -> bool {
        matches!(self, Self::Resource { .. })
    }
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";

    fn registry() -> Place {
        Place::Resource {
            subscription: "s".into(),
            group: "g".into(),
            kind: "Microsoft.ContainerRegistry/registries".into(),
            name: "r".into(),
        }
    }

    #[test]
    fn a_scope_may_stand_in_front_of_every_resource() {
        let rest = "/providers/Microsoft.Security/subAssessments";
        for (scope, place) in [
            ("/subscriptions/s", Place::Subscription("s".into())),
            ("/subscriptions/s/resourceGroups/g", Place::ResourceGroup("s".into(), "g".into())),
            (REGISTRY, registry()),
            ("/providers/Microsoft.Management/managementGroups/all", Place::ManagementGroup),
        ] {
            assert_eq!(
                Route::parse(&format!("{scope}{rest}")),
                Some(Route::SubAssessments(place)),
                "{scope}"
            );
        }
    }

    #[test]
    fn the_last_provider_decides_what_is_asked_for() {
        let at = |rest: &str| Route::parse(&format!("{REGISTRY}/providers/Microsoft.Security/{rest}"));
        assert_eq!(at("assessments"), Some(Route::Assessments(registry())));
        assert_eq!(at("assessments/k"), Some(Route::Assessment(registry(), "k".into())));
        assert_eq!(at("assessments/k/subAssessments"), Some(Route::SubAssessmentsOf(registry(), "k".into())));
        assert_eq!(
            at("assessments/k/subAssessments/n"),
            Some(Route::SubAssessment(registry(), "k".into(), "n".into()))
        );
        for unknown in
            ["pricings", "assessments/k/other", "assessmentMetadata", "assessments/k/subAssessments/n/x"]
        {
            assert_eq!(at(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn case_and_doubled_slashes_do_not_count_but_names_keep_theirs() {
        let shouted = "//SUBSCRIPTIONS/s//resourcegroups/g/Providers/microsoft.containerregistry/REGISTRIES/R%C3%A4/providers/microsoft.security/ASSESSMENTS/K%2Fk/subassessments/";
        let Some(Route::SubAssessmentsOf(Place::Resource { name, .. }, key)) = Route::parse(shouted) else {
            panic!("{:?}", Route::parse(shouted));
        };
        assert_eq!((name.as_str(), key.as_str()), ("Rä", "K/k"));
    }

    #[test]
    fn strangers_paths_are_no_routes() {
        for path in [
            "/",
            "/v2/",
            "/subscriptions/s/resourceGroups",
            "/providers/Microsoft.Security",
            "/providers/Microsoft.Security/subAssessments",
            "/subscriptions/s/x/y/providers/Microsoft.Security/subAssessments",
            "/subscriptions/%ff",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_place_must_hold_the_registry() {
        let scope = Scope {
            subscription: "S".into(),
            resource_group: "g".into(),
            registry: "r".into(),
            registry_host: "localhost:5000".into(),
        };
        assert!(registry().must_hold(&scope).is_ok());
        assert!(matches!(
            Place::Subscription("t".into()).must_hold(&scope),
            Err(Error::UnknownSubscription(_))
        ));
        assert!(matches!(
            Place::ResourceGroup("s".into(), "h".into()).must_hold(&scope),
            Err(Error::UnknownResourceGroup(_))
        ));
        let vault = Place::Resource {
            subscription: "s".into(),
            group: "g".into(),
            kind: "Microsoft.KeyVault/vaults".into(),
            name: "r".into(),
        };
        assert!(matches!(vault.must_hold(&scope), Err(Error::UnknownResource(_))));
    }
}
