//! Scopes: where an assignment counts. They are resource ids, down to a registry's repositories:
//! `…/registries/NAME/repositories/REPOSITORY`.
//!
//! A repository is not a folder: `repositories/team` is that one repository and not `team/app`. All whose names begin with
//! `team/` are written `repositories/team/*`.

use crate::{ParseError, RepositoryName, ResourceId};

const REPOSITORY: &str = "microsoft.containerregistry/registries/repositories";

/// The scope of a repository in the registry of this id. `None` where registry and name are too long for an id, and then
/// nobody has a right there.
pub fn repository(registry: &ResourceId, name: &RepositoryName) -> Option<ResourceId> {
    registry.child("repositories", name.as_str()).ok()
}

/// Whether what is given at `scope` counts for `other`: it is the same, or lies below.
pub fn holds(scope: &ResourceId, other: &ResourceId) -> bool {
    if !is_repository(scope) {
        return scope.contains(other);
    }
    match scope.key().strip_suffix('*') {
        Some(front) => is_repository(other) && other.key().starts_with(front),
        None => scope == other,
    }
}

/// Reads a scope that a role can be given at. The slash that it begins with may be missing.
pub fn assignable(text: &str) -> Result<ResourceId, ParseError> {
    let wrong = || {
        let expected = "a scope: /, /subscriptions/… or /providers/Microsoft.Management/managementGroups/00000000-0000-0000-0000-000000000000";
        ParseError::new(expected, text)
    };
    if text.is_empty() {
        return Err(wrong());
    }
    let rooted = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    let scope: ResourceId = rooted.parse().map_err(|_| wrong())?;
    if scope.kind() == "microsoft.management/managementgroups" && scope.name() != crate::Guid::nil().as_str()
    {
        // A mistyped name must not give rights everywhere.
        let expected =
            "the one management group that there is, 00000000-0000-0000-0000-000000000000, which holds all";
        return Err(ParseError::new(expected, text));
    }
    if is_repository(&scope) {
        let name = scope.name();
        name.strip_suffix("/*").unwrap_or(name).parse::<RepositoryName>()?;
    } else if scope.key().contains('*') {
        // It means something behind a repository, and must not look as if it did elsewhere.
        return Err(wrong());
    }
    Ok(scope)
}

fn is_repository(scope: &ResourceId) -> bool {
    scope.key().contains("/repositories/") && scope.kind() == REPOSITORY
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str =
        "/subscriptions/S/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";

    fn scope(text: &str) -> ResourceId {
        assignable(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_scope_holds_what_lies_below_it_and_nothing_beside_it() {
        let app = scope(&format!("{REGISTRY}/repositories/team/app"));
        for holder in [
            "/",
            "/providers/Microsoft.Management/managementGroups/00000000-0000-0000-0000-000000000000",
            "/subscriptions/s",
            "/SUBSCRIPTIONS/s/resourcegroups/G/",
            REGISTRY,
            &format!("{REGISTRY}/repositories/team/app"),
            &format!("{REGISTRY}/repositories/team/*"),
        ] {
            assert!(holds(&scope(holder), &app), "{holder}");
        }
        for other in [
            "/subscriptions/s2",
            "/subscriptions/s/resourceGroups/g2",
            &format!("{REGISTRY}2"),
            &format!("{REGISTRY}/repositories/team"),
            &format!("{REGISTRY}/repositories/te/*"),
            &format!("{REGISTRY}/repositories/team/app2"),
            &format!("{REGISTRY}/repositories/team/app/*"),
        ] {
            assert!(!holds(&scope(other), &app), "{other}");
        }
        assert!(!holds(&scope("/subscriptions/s"), &ResourceId::root()));
        assert!(!holds(
            &scope("/providers/Microsoft.Management/managementGroups/00000000-0000-0000-0000-000000000000"),
            &ResourceId::root()
        ));
    }

    #[test]
    fn a_group_may_be_called_repositories() {
        let group = scope("/subscriptions/s/resourceGroups/repositories");
        let inside = "/providers/Microsoft.ContainerRegistry/registries/repositories";
        let registry = scope(&format!("{group}{inside}"));
        assert!(holds(&group, &registry));
        assert!(holds(&registry, &repository(&registry, &"team/app".parse().unwrap()).unwrap()));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let long = format!("/subscriptions/{}", "a".repeat(3000));
        for text in [
            "",
            "everything",
            "/subscriptions/../x",
            "/subscriptions/a\nb",
            "/subscriptions/*",
            "/providers/Microsoft.Management/managementGroups/mistyped",
            &long,
            &format!("{REGISTRY}/repositories/Team"),
            &format!("{REGISTRY}/repositories/*/app"),
        ] {
            assert!(assignable(text).is_err(), "{text}");
        }
        assert_eq!(scope("subscriptions//S/").as_str(), "/subscriptions/S");
    }
}
