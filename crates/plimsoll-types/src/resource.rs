//! Where things stand in Azure Resource Manager's order: subscription, resource group, registry, and what hangs below.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// The longest resource id, in bytes.
const MAX_BYTES: usize = 2048;
/// The longest segment, in bytes.
const MAX_SEGMENT: usize = 260;

/// The place of a registry in the resource hierarchy. The names go into every resource id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Subscription, a GUID.
    pub subscription: String,
    /// Resource group.
    pub resource_group: String,
    /// Registry.
    pub registry: String,
    /// The name that clients of the registry type: `registry.example:5000`. It stands in findings as `registryHost`.
    pub registry_host: String,
}

impl Scope {
    /// The subscription's resource id: `/subscriptions/…`.
    pub fn subscription_id(&self) -> String {
        format!("/subscriptions/{}", self.subscription)
    }

    /// The registry's resource id.
    pub fn registry_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerRegistry/registries/{}",
            self.subscription, self.resource_group, self.registry
        )
    }
}

/// An absolute resource id, such as `/subscriptions/S/resourceGroups/G/providers/P/T/N`. It keeps the case that it was
/// written in and is compared without it. `/` is the root, which holds everything.
///
/// A repository's name has slashes, so behind the type `repositories` the name goes on to the end, or to the next
/// `/providers/`.
#[derive(Debug, Clone)]
pub struct ResourceId {
    text: String,
    /// The text in lower case, which is what counts.
    key: String,
}

impl ResourceId {
    /// The root: the tenant.
    pub fn root() -> Self {
        Self { text: "/".into(), key: "/".into() }
    }

    /// The id of a subscription.
    pub fn of_subscription(subscription: &str) -> Result<Self, ParseError> {
        format!("/subscriptions/{subscription}").parse()
    }

    /// The id as it was written, with single slashes and none at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: equal for ids that mean the same.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.key == "/"
    }

    /// The subscription that it is in, or is.
    pub fn subscription(&self) -> Option<&str> {
        self.after("/subscriptions/")
    }

    /// The resource group that it is in, or is.
    pub fn resource_group(&self) -> Option<&str> {
        self.subscription()?;
        let at = self.key.find("/resourcegroups/")?;
        // Only directly below the subscription; elsewhere it would be part of a resource's name.
        if self.key[..at].matches('/').count() != 2 {
            return None;
        }
        self.text[at + "/resourcegroups/".len()..].split('/').next()
    }

    /// The full type in lower case, such as `microsoft.containerregistry/registries/webhooks`; that of subscriptions and
    /// resource groups is below `microsoft.resources/`. Empty for the root.
    pub fn kind(&self) -> String {
        let (at, is_provider) = match self.key.rfind("/providers/") {
            Some(at) => (at + "/providers/".len(), true),
            None => (0, false),
        };
        if !is_provider {
            return match (self.subscription(), self.resource_group()) {
                (Some(_), Some(_)) => "microsoft.resources/subscriptions/resourcegroups".into(),
                (Some(_), None) => "microsoft.resources/subscriptions".into(),
                _ => String::new(),
            };
        }
        let mut segments = self.key[at..].split('/');
        let mut kind = segments.next().unwrap_or_default().to_owned();
        while let Some(word) = segments.next() {
            kind.push('/');
            kind.push_str(word);
            if word == REPOSITORIES || segments.next().is_none() {
                break;
            }
        }
        kind
    }

    /// The last name. Empty for the root.
    pub fn name(&self) -> &str {
        let from = self.key.rfind("/providers/").unwrap_or(0);
        if let Some(at) = self.key[from..].find(&format!("/{REPOSITORIES}/")) {
            return &self.text[from + at + REPOSITORIES.len() + 2..];
        }
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// What it hangs on: a resource's parent resource, group or subscription; the root's parent is none.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let name = self.name().len();
        let front = &self.text[..self.text.len() - name - 1];
        let front = &front[..front.rfind('/').unwrap_or(0)];
        // Of `…/providers/Namespace` nothing is left that could be a resource.
        let lower = front.to_ascii_lowercase();
        let front = match lower.rfind("/providers/") {
            Some(at) if !lower[at + "/providers/".len()..].contains('/') => &front[..at],
            _ => front,
        };
        Some(if front.is_empty() { Self::root() } else { Self::trusted(front.to_owned()) })
    }

    /// Whether `other` is this, or is below it. The root holds everything, and so does a management group: there is one
    /// tenant with one hierarchy.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root()
            || self.key == other.key
            || other.key.strip_prefix(&self.key).is_some_and(|rest| rest.starts_with('/'))
            || (self.kind() == "microsoft.management/managementgroups" && other.subscription().is_some())
    }

    /// The resource of this type and name on this one: `id.extend("Microsoft.Security/pricings", "Containers")`.
    pub fn extend(&self, kind: &str, name: &str) -> Result<Self, ParseError> {
        let front = if self.is_root() { "" } else { &self.text };
        format!("{front}/providers/{kind}/{name}").parse()
    }

    /// The child resource of this type and name: `registry.child("webhooks", "w")`.
    pub fn child(&self, kind: &str, name: &str) -> Result<Self, ParseError> {
        format!("{}/{kind}/{name}", self.text).parse()
    }

    fn after(&self, keyword: &str) -> Option<&str> {
        self.key.starts_with(keyword).then(|| self.text[keyword.len()..].split('/').next()).flatten()
    }

    fn trusted(text: String) -> Self {
        Self { key: text.to_ascii_lowercase(), text }
    }
}

const REPOSITORIES: &str = "repositories";

impl FromStr for ResourceId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseError::new("a resource id such as /subscriptions/…", text);
        if text == "/" {
            return Ok(Self::root());
        }
        if text.len() > MAX_BYTES || !text.starts_with('/') {
            return Err(bad());
        }
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        let fits = |segment: &&str| {
            segment.len() <= MAX_SEGMENT
                && !matches!(*segment, "." | "..")
                && !segment.chars().any(|c| c.is_control() || matches!(c, '?' | '#' | '\\' | '%'))
        };
        if segments.is_empty() || !segments.iter().all(fits) {
            return Err(bad());
        }
        let is = |segment: Option<&&str>, word: &str| segment.is_some_and(|s| s.eq_ignore_ascii_case(word));
        let mut rest = &segments[..];
        if is(rest.first(), "subscriptions") {
            rest = rest.get(2..).ok_or_else(bad)?;
            if is(rest.first(), "resourceGroups") {
                rest = rest.get(2..).ok_or_else(bad)?;
            }
        }
        while !rest.is_empty() {
            // providers, namespace, and then pairs of type and name.
            if !is(rest.first(), "providers") || rest.len() < 4 {
                return Err(bad());
            }
            rest = &rest[2..];
            while !rest.is_empty() && !is(rest.first(), "providers") {
                if rest.len() < 2 {
                    return Err(bad());
                }
                let is_repository = is(rest.first(), REPOSITORIES);
                rest = &rest[2..];
                while is_repository && !rest.is_empty() && !is(rest.first(), "providers") {
                    rest = &rest[1..];
                }
            }
        }
        Ok(Self::trusted(format!("/{}", segments.join("/"))))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str =
        "/subscriptions/S/resourceGroups/G/providers/Microsoft.ContainerRegistry/registries/R";

    fn id(text: &str) -> ResourceId {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_knows_its_parts() {
        let registry = id(REGISTRY);
        assert_eq!(registry.subscription(), Some("S"));
        assert_eq!(registry.resource_group(), Some("G"));
        assert_eq!(registry.kind(), "microsoft.containerregistry/registries");
        assert_eq!(registry.name(), "R");
        let hook = registry.child("webhooks", "W").unwrap();
        assert_eq!(
            (hook.kind().as_str(), hook.name()),
            ("microsoft.containerregistry/registries/webhooks", "W")
        );
        assert_eq!(hook.parent(), Some(registry.clone()));
        let rule = registry.extend("Microsoft.Security/assessments", "k").unwrap();
        assert_eq!(
            (rule.kind().as_str(), rule.parent()),
            ("microsoft.security/assessments", Some(registry.clone()))
        );
        assert_eq!(registry.parent(), Some(id("/subscriptions/s/resourcegroups/g")));
        assert_eq!(id("/subscriptions/s/resourceGroups/g").parent(), Some(id("/subscriptions/S")));
        assert_eq!(id("/subscriptions/s").parent(), Some(ResourceId::root()));
        assert_eq!(
            id("/subscriptions/s/resourceGroups/g").kind(),
            "microsoft.resources/subscriptions/resourcegroups"
        );
        assert_eq!(ResourceId::root().parent(), None);
    }

    #[test]
    fn a_repository_keeps_its_slashes() {
        let repository = id(REGISTRY).child("repositories", "team/app").unwrap();
        assert_eq!(repository.name(), "team/app");
        assert_eq!(repository.kind(), "microsoft.containerregistry/registries/repositories");
        assert_eq!(repository.parent(), Some(id(REGISTRY)));
        assert!(!repository.contains(&id(REGISTRY).child("repositories", "team/application").unwrap()));
    }

    #[test]
    fn what_is_above_contains_what_is_below_whatever_the_case() {
        let registry = id(&REGISTRY.to_uppercase().replace("//", "/"));
        for above in [
            "/",
            "/subscriptions/s",
            "/subscriptions/S/resourcegroups/g",
            REGISTRY,
            "/providers/Microsoft.Management/managementGroups/all",
        ] {
            assert!(id(above).contains(&registry), "{above}");
        }
        for beside in ["/subscriptions/s2", "/subscriptions/s/resourceGroups/gg", &format!("{REGISTRY}2")] {
            assert!(!id(beside).contains(&registry), "{beside}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "subscriptions/s",
            "/subscriptions",
            "/subscriptions/s/x/y",
            "/subscriptions/s/providers/p",
            "/subscriptions/s/providers/p/t",
            "/a/b",
            "/subscriptions/..",
            "/subscriptions/a\nb",
            "/subscriptions/a%2fb",
        ] {
            assert!(bad.parse::<ResourceId>().is_err(), "{bad}");
        }
        assert!(format!("/subscriptions/{}", "x".repeat(5000)).parse::<ResourceId>().is_err());
        assert_eq!(id("//subscriptions//s/").as_str(), "/subscriptions/s");
    }
}
