//! Where things stand in Azure Resource Manager's order: subscription, resource group, registry.

use serde::{Deserialize, Serialize};

/// The place of the embedded registry in the resource hierarchy. Plain configuration; the names go into every resource id.
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
