//! Identities: who somebody is, and by what we know.

use plimsoll_store::Principal;
use plimsoll_types::Guid;
use plimsoll_types::access::PrincipalKind;
use serde::{Deserialize, Serialize};

use crate::Gate;

/// Who somebody is. It goes into the tokens that are issued, and comes back in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: Guid,
    pub(crate) name: String,
    pub(crate) kind: PrincipalKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<Guid>,
    pub(crate) credential: Credential,
}

/// By what we know: what must still stand when a token comes back that was issued for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Credential {
    /// One of our tokens, by its number.
    Token { id: String },
    /// A password, by the instant at which it was set.
    Password { changed_at: i64 },
    /// A token of this identity provider.
    Issuer { issuer: String },
    /// A password of a registry's own user.
    Registry { registry: String, name: String, version: u64 },
    /// None was asked for: the registry lets everybody pull.
    Nothing,
    /// None was asked for: the server asks nobody.
    Everyone,
}

impl Identity {
    pub(crate) fn new(principal: Principal, credential: Credential) -> Self {
        let Principal { id, kind, name, .. } = principal;
        Self { id, name, kind, groups: Vec::new(), credential }
    }

    pub(crate) fn everyone() -> Self {
        let (id, name) = (Guid::derived(&["plimsoll", "everyone"]), "everyone".to_owned());
        let kind = PrincipalKind::ServicePrincipal;
        Self { id, name, kind, groups: Vec::new(), credential: Credential::Everyone }
    }

    pub(crate) fn anonymous() -> Self {
        let (id, name) = (Guid::nil(), "anonymous".to_owned());
        let kind = PrincipalKind::ServicePrincipal;
        Self { id, name, kind, groups: Vec::new(), credential: Credential::Nothing }
    }

    pub(crate) fn of_registry(gate: &Gate, credential: Credential) -> Self {
        let (id, name) = (Guid::derived(&["plimsoll", "registry", gate.id.key()]), gate.name.clone());
        Self { id, name, kind: PrincipalKind::ServicePrincipal, groups: Vec::new(), credential }
    }
}
