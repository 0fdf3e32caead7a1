//! Callers: who sends a request, with all that is needed to say what that one may.

use plimsoll_types::access::{Grant, Grants, PrincipalKind, Role, Verb};
use plimsoll_types::{Guid, RepositoryName, ResourceId};

use crate::Gate;
use crate::identity::{Credential, Identity};
use crate::issue::RegistryScope;

/// Who sends a request.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    grants: Grants,
    /// What the token that was presented is limited to.
    scopes: Option<Vec<RegistryScope>>,
}

/// Whether a caller may do something in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may, with another token than the one it sent.
    NeedsScope,
    /// It must say who it is first.
    NeedsLogin,
    /// It may not, whatever token it sends.
    Denied,
}

impl Caller {
    pub(crate) fn new(identity: Identity, grants: Grants) -> Self {
        Self { identity, grants, scopes: None }
    }

    /// Somebody who did not say who it is, on a server that asks.
    pub fn anonymous() -> Self {
        Self::new(Identity::anonymous(), Grants::default())
    }

    /// Anybody, on a server that does not ask.
    pub fn everyone() -> Self {
        Self::new(Identity::everyone(), at_root(&["Owner", "AcrQuarantineWriter", "AcrImageSigner"]))
    }

    /// The scanner, which reads images and nothing else. It is a part of the server and brings no credentials.
    pub fn scanner() -> Self {
        let identity = Identity {
            id: Guid::derived(&["plimsoll", "scanner"]),
            name: "plimsoll-scanner".to_owned(),
            kind: PrincipalKind::ServicePrincipal,
            groups: Vec::new(),
            credential: Credential::Everyone,
        };
        Self::new(identity, at_root(&["AcrPull", "AcrQuarantineReader"]))
    }

    pub(crate) fn registry_user(identity: Identity, gate: &Gate) -> Self {
        let grant = |role| Some(Grant { role: Role::named(role)?, scope: gate.id.clone() });
        Self::new(identity, Grants::new(["AcrPush", "AcrDelete"].into_iter().filter_map(grant).collect()))
    }

    pub(crate) fn limited_to(mut self, scopes: Vec<RegistryScope>) -> Self {
        self.scopes = Some(scopes);
        self
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The principal, as role assignments name it; all zeros for who did not say.
    pub fn id(&self) -> &Guid {
        &self.identity.id
    }

    /// Its name, for people and logs.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// What it is.
    pub fn kind(&self) -> PrincipalKind {
        self.identity.kind
    }

    /// Whether it did not say who it is, and was asked.
    pub fn is_anonymous(&self) -> bool {
        self.identity.credential == Credential::Nothing
    }

    /// Whether it is the scanner.
    pub fn is_scanner(&self) -> bool {
        self.identity.id == Guid::derived(&["plimsoll", "scanner"])
    }

    /// Whether it may do `action`, such as `Microsoft.Security/pricings/write`, on the thing at `scope`.
    pub fn may(&self, action: &str, scope: &ResourceId) -> bool {
        self.grants.decide(action, scope).is_allowed()
    }

    /// The scopes in and below which it may do `action`: what the rows of a query are filtered by.
    pub fn scopes_of<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a ResourceId> {
        self.grants.scopes_of(action)
    }

    /// Whether it may know of `scope`, since it has a role at, above or below it.
    pub fn reaches(&self, scope: &ResourceId) -> bool {
        self.grants.reach(scope)
    }

    /// The roles that it has at `scope`.
    pub fn roles_at<'a>(&'a self, scope: &'a ResourceId) -> impl Iterator<Item = &'static Role> + 'a {
        self.grants.roles_at(scope)
    }

    /// Whether it may do this in a repository of the registry, or (without one) in the registry as a whole: by its roles,
    /// or by what the registry allows everybody. What its token is limited to does not count here.
    pub fn may_verb(&self, verb: Verb, gate: &Gate, repository: Option<&RepositoryName>) -> bool {
        let by_roles = !self.is_anonymous() && self.grants.decide_verb(verb, &gate.id, repository);
        by_roles || (gate.anonymous_pull && verb.is_anonymous_pull())
    }

    /// As [`Caller::may_verb`], with what its token is limited to: what a request is answered by.
    pub fn verdict(&self, verb: Verb, gate: &Gate, repository: Option<&RepositoryName>) -> Verdict {
        let is_unknown = self.is_anonymous();
        // A token that was issued to nobody in particular is one all the same.
        if is_unknown && self.scopes.is_none() {
            return Verdict::NeedsLogin;
        }
        if !self.may_verb(verb, gate, repository) {
            return if is_unknown { Verdict::NeedsLogin } else { Verdict::Denied };
        }
        let covers = |scopes: &[RegistryScope]| scopes.iter().any(|scope| scope.covers(verb, repository));
        match &self.scopes {
            Some(scopes) if verb != Verb::Look && !covers(scopes) => Verdict::NeedsScope,
            _ => Verdict::Allowed,
        }
    }

    /// What of the asked scopes it may have: each with the verbs that are granted, none with none.
    pub fn granted(&self, asked: &[RegistryScope], gate: &Gate) -> Vec<RegistryScope> {
        let grant = |scope: &RegistryScope| match scope {
            RegistryScope::Catalog => self.may_verb(Verb::Catalog, gate, None).then(|| scope.clone()),
            RegistryScope::Repository { name, verbs } => {
                let may = |verb: &Verb| self.may_verb(*verb, gate, Some(name));
                let verbs: Vec<_> = verbs.iter().copied().filter(may).collect();
                (!verbs.is_empty()).then(|| RegistryScope::Repository { name: name.clone(), verbs })
            }
        };
        asked.iter().filter_map(grant).collect()
    }
}

fn at_root(roles: &[&str]) -> Grants {
    let grant = |role: &&str| Some(Grant { role: Role::named(role)?, scope: ResourceId::root() });
    Grants::new(roles.iter().filter_map(grant).collect())
}
