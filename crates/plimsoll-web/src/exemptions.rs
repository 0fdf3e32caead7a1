//! Which registries are exempted from which recommendation. Nothing here knows a request, so that whoever makes rows of
//! verdicts can ask.

use plimsoll_store::Store;
use plimsoll_types::{Exemption, Generation, ResourceId, Scope, Timestamp};

use crate::error::Error;

/// The type of the resources.
pub(crate) const KIND: &str = "Microsoft.Authorization/policyExemptions";
/// The policy that both recommendations come from.
const POLICY: &str = "5f0f936f-2f01-4bf5-b6be-d423792fa562";
/// The most exemptions that are looked at.
const MOST: u32 = 10_000;

/// All exemptions that there are.
pub(crate) struct Exemptions(Vec<Exempting>);

/// An exemption with the resource that says so.
pub(crate) struct Exempting {
    /// The exemption's id.
    pub(crate) id: ResourceId,
    /// What it says.
    pub(crate) exemption: Exemption,
}

impl Exemptions {
    pub(crate) async fn load(store: &Store) -> Result<Self, Error> {
        let resources = store.resources(KIND, None, None, MOST).await?;
        let read = |resource: plimsoll_store::Resource| {
            // It was checked when it was stored.
            let exemption = Exemption::parse(&resource.body).ok()?;
            Some(Exempting { id: resource.id, exemption })
        };
        Ok(Self(resources.into_iter().filter_map(read).collect()))
    }

    /// What exempts a registry from the recommendation of a generation at this instant.
    pub(crate) fn of(&self, scope: &Scope, generation: Generation, now: Timestamp) -> Option<&Exempting> {
        let registry: ResourceId = scope.registry_id().parse().ok()?;
        self.0.iter().find(|exempting| {
            exempting.id.parent().is_some_and(|scope| scope.contains(&registry))
                && exempting.exemption.covers(generation.key(), POLICY, now)
        })
    }
}

impl Exempting {
    /// Why, for a person.
    pub(crate) fn reason(&self) -> String {
        let Exemption { category, display_name, description, .. } = &self.exemption;
        let name = if display_name.is_empty() { self.id.name() } else { display_name };
        let because = if description.is_empty() { String::new() } else { format!(": {description}") };
        format!("Exempted by {name} ({category}){because}")
    }
}
