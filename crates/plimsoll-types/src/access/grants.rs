//! Grants: what a principal's assignments come to.

use super::{Assignment, Role, holds};
use crate::ResourceId;

/// A role at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: &'static Role,
    /// Where it counts, with everything below.
    pub scope: ResourceId,
}

/// Everything that one principal was given, itself and as a member of its groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// An answer to "may it?", with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Yes, by this grant.
    Allowed(&'a Grant),
    /// No: no assignment says so.
    Denied,
}

impl Decision<'_> {
    /// Whether it is a yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Grants {
    /// Grants that do not come from assignments.
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// What these assignments come to. Roles that this version does not know are left out.
    pub fn of<'a>(assignments: impl IntoIterator<Item = &'a Assignment>) -> Self {
        let grant = |assignment: &Assignment| {
            Some(Grant { role: Role::by_id(&assignment.role)?, scope: assignment.scope.clone() })
        };
        Self(assignments.into_iter().filter_map(grant).collect())
    }

    /// Whether `action` is granted on the thing at `scope`.
    pub fn decide(&self, action: &str, scope: &ResourceId) -> Decision<'_> {
        let grant = self.0.iter().find(|grant| holds(&grant.scope, scope) && grant.role.allows(action));
        grant.map_or(Decision::Denied, Decision::Allowed)
    }

    /// The scopes in and below which `action` is granted: what a list is filtered by.
    pub fn scopes_of<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a ResourceId> {
        self.0.iter().filter(move |grant| grant.role.allows(action)).map(|grant| &grant.scope)
    }

    /// The roles that count at `scope`.
    pub fn roles_at<'a>(&'a self, scope: &'a ResourceId) -> impl Iterator<Item = &'static Role> + 'a {
        self.0.iter().filter(|grant| holds(&grant.scope, scope)).map(|grant| grant.role)
    }

    /// Whether anything is granted at, above or below `scope`: who has a role on a registry may know the names of the
    /// group and the subscription that it lies in.
    pub fn reach(&self, scope: &ResourceId) -> bool {
        self.0.iter().any(|grant| holds(&grant.scope, scope) || scope.contains(&grant.scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/s";
    const REGISTRY: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";
    const FINDINGS: &str = "Microsoft.Security/assessments/subAssessments/read";
    const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";

    fn scope(text: &str) -> ResourceId {
        text.parse().unwrap()
    }

    fn grants(roles: &[(&str, &str)]) -> Grants {
        let grant = |(role, at): &(&str, &str)| Grant { role: Role::named(role).unwrap(), scope: scope(at) };
        Grants::new(roles.iter().map(grant).collect())
    }

    #[test]
    fn a_security_reader_sees_findings_and_cannot_pull() {
        let reader = grants(&[("Security Reader", SUBSCRIPTION)]);
        assert!(reader.decide(FINDINGS, &scope(REGISTRY)).is_allowed());
        assert!(!reader.decide(PULL, &scope(REGISTRY)).is_allowed());
    }

    #[test]
    fn acr_pull_can_pull_and_sees_no_findings() {
        let puller = grants(&[("AcrPull", REGISTRY)]);
        assert!(puller.decide(PULL, &scope(REGISTRY)).is_allowed());
        assert!(!puller.decide(FINDINGS, &scope(REGISTRY)).is_allowed());
        assert!(
            !puller
                .decide("Microsoft.ContainerRegistry/registries/push/write", &scope(REGISTRY))
                .is_allowed()
        );
    }

    #[test]
    fn a_role_counts_where_it_was_given_and_below() {
        let reader = grants(&[("Reader", SUBSCRIPTION)]);
        assert!(!reader.decide(FINDINGS, &scope("/subscriptions/t")).is_allowed());
        assert!(!reader.decide(FINDINGS, &ResourceId::root()).is_allowed());
        assert!(reader.reach(&scope(REGISTRY)) && !reader.reach(&scope("/subscriptions/t")));
        assert!(grants(&[("AcrPull", REGISTRY)]).reach(&scope(SUBSCRIPTION)));
    }

    #[test]
    fn rights_add_up_and_what_one_role_lacks_another_gives() {
        let write = "Microsoft.Authorization/roleAssignments/write";
        let both = [("Contributor", SUBSCRIPTION), ("User Access Administrator", SUBSCRIPTION)];
        assert!(!grants(&both[..1]).decide(write, &scope(REGISTRY)).is_allowed());
        let both = grants(&both);
        assert!(both.decide(write, &scope(REGISTRY)).is_allowed());
        let pull = both.decide(PULL, &scope(REGISTRY));
        assert!(matches!(pull, Decision::Allowed(by) if by.role.name == "Contributor"), "{pull:?}");
    }
}
