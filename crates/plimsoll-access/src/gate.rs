//! Gates: what of a registry counts when somebody wants in.

use plimsoll_store::Registry;
use plimsoll_types::registry::Description;
use plimsoll_types::{ParseError, ResourceId};

/// A registry, as far as it decides who may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Where roles on it are given.
    pub id: ResourceId,
    /// Its name, which is the name of its own user too.
    pub name: String,
    /// Whether everybody may pull (`anonymousPullEnabled`).
    pub anonymous_pull: bool,
    /// Whether it has a user of its own (`adminUserEnabled`).
    pub admin_user: bool,
}

impl Gate {
    /// The names of the passwords of a registry's own user.
    pub const PASSWORDS: [&'static str; 2] = ["password", "password2"];

    /// The gate of a registry.
    pub fn of(registry: &Registry) -> Result<Self, ParseError> {
        let switches = Description::of_body(&registry.body).properties;
        Ok(Self {
            id: registry.scope.registry_id().parse()?,
            name: registry.scope.registry.clone(),
            anonymous_pull: switches.anonymous_pull_enabled,
            admin_user: switches.admin_user_enabled,
        })
    }
}
