//! Who may do what: Azure's role-based access control as plain functions over plain values.
//!
//! A [`Role`] lists actions by pattern; an [`Assignment`] gives a role to a principal at a scope and everything below it
//! ([`holds`]); what a principal's assignments come to are its [`Grants`]. Rights only add up: there is no assignment
//! that takes away, and a role's `notActions` take away from that role alone. Actions of the data plane (`dataActions`) are
//! apart: not even Owner's `*` covers them.
//!
//! The registry's verbs ([`Verb`]) are answered from the same grants, by the actions that each of them needs.

mod grants;
mod role;
mod scope;
mod verb;

pub use grants::{Decision, Grant, Grants};
pub use role::Role;
pub use scope::{assignable, holds, repository};
pub use verb::Verb;

use serde::{Deserialize, Serialize};

use crate::{Guid, ParseError, ResourceId, Timestamp};

/// What a principal is, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program: whoever holds a token, the scanner.
    ServicePrincipal,
    /// Several, as an identity provider says.
    Group,
}

impl PrincipalKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::Group => "Group",
        }
    }
}

impl std::str::FromStr for PrincipalKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::User, Self::ServicePrincipal, Self::Group]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| ParseError::new("one of User, ServicePrincipal and Group", text))
    }
}

/// A role, given to a principal at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its own name.
    pub id: Guid,
    /// Where it counts, with everything below.
    pub scope: ResourceId,
    /// The role's id. One that this version does not know gives nothing.
    pub role: Guid,
    /// Who has the role.
    pub principal: Guid,
    /// What the principal is said to be.
    pub principal_kind: PrincipalKind,
    /// Who gave it, for people to read.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}
