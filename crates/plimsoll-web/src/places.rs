//! The registries that a place of a path holds.

use std::collections::HashMap;

use plimsoll_store::{Registry, RegistryId};
use plimsoll_types::ResourceId;

use crate::call::Call;
use crate::error::Error;
use crate::route::Place;

/// The registries at a place in which the caller may do `action`. Fails where there is no such place.
pub(crate) async fn registries_at(
    call: &Call<'_>,
    place: &Place,
    action: &str,
) -> Result<Vec<Registry>, Error> {
    let store = &call.web.store;
    let all = store.registries().await?;
    let mut held = Vec::new();
    let mut refusal = None;
    for registry in all {
        match place.must_hold(&registry.scope) {
            Ok(()) => held.push(registry),
            Err(error) => refusal = Some(error),
        }
    }
    if held.is_empty() && !is_there(call, place).await? {
        let unknown = || Error::UnknownResource("Microsoft.ContainerRegistry/registries".to_owned());
        return Err(refusal_of(place).or(refusal).unwrap_or_else(unknown));
    }
    held.retain(|registry| {
        registry.scope.registry_id().parse().is_ok_and(|id: ResourceId| call.may(action, &id))
    });
    Ok(held)
}

/// The registries in a scope in which the caller may do `action`. A scope that holds none, or is none, has none.
pub(crate) async fn registries_below(
    call: &Call<'_>,
    scope: &ResourceId,
    action: &str,
) -> Result<HashMap<RegistryId, Registry>, Error> {
    let mut below = call.web.store.registries().await?;
    below.retain(|registry| {
        let id: Option<ResourceId> = registry.scope.registry_id().parse().ok();
        id.is_some_and(|id| scope.contains(&id) && call.may(action, &id))
    });
    Ok(below.into_iter().map(|registry| (registry.id, registry)).collect())
}

/// Whether a place without a registry is there all the same.
async fn is_there(call: &Call<'_>, place: &Place) -> Result<bool, Error> {
    let store = &call.web.store;
    Ok(match place {
        Place::ManagementGroup => true,
        Place::Subscription(wanted) => {
            store.subscriptions().await?.iter().any(|found| found.id.eq_ignore_ascii_case(wanted))
        }
        Place::ResourceGroup(subscription, wanted) => {
            let groups = store.resource_groups(subscription).await?;
            groups.iter().any(|found| found.name.eq_ignore_ascii_case(wanted))
        }
        Place::Resource { .. } => false,
    })
}

fn refusal_of(place: &Place) -> Option<Error> {
    match place {
        Place::Subscription(subscription) => Some(Error::UnknownSubscription(subscription.clone())),
        _ => None,
    }
}
