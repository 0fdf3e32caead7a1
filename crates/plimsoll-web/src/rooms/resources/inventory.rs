//! Which resources there are: how `az` finds a registry of which it has only the name.

use axum::response::Response;
use http::Method;
use plimsoll_types::ResourceId;
use serde_json::{Value, json};

use super::filter::{Filter, Subject};
use super::id;
use crate::call::Call;
use crate::error::Error;
use crate::{listing, shapes};

/// The types of documents that are resources of their own, with a location and tags, as Azure writes them.
const TRACKED: [&str; 2] = [
    "Microsoft.ContainerRegistry/registries/webhooks",
    "Microsoft.ContainerRegistry/registries/replications",
];

/// What a list of resources tells of each.
const TOLD: [&str; 8] = ["id", "name", "type", "location", "tags", "sku", "identity", "systemData"];

/// All resources of a subscription, or of one of its groups, that the filter admits and the caller may read.
pub(super) async fn list(
    call: &Call<'_>,
    subscription: &str,
    group: Option<&str>,
) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let filter = Filter::of_call(call)?;
    let place = match group {
        Some(group) => {
            let group = super::resource_group(call, subscription, group).await?;
            id(&shapes::group_id(&group))?
        }
        None => id(&format!("/subscriptions/{}", super::subscription(call, subscription).await?.id))?,
    };
    let mut rows = Vec::new();
    let mut take = |id: ResourceId, kind: &str, shape: Value| {
        if place.contains(&id)
            && call.may(&format!("{kind}/read"), &id)
            && filter.admits(&Subject::of_shape(&id, &shape))
        {
            rows.push((id.key().to_owned(), brief(&shape)));
        }
    };
    for registry in call.web.store.registries().await? {
        let shape = shapes::registry(&registry);
        take(id(&registry.scope.registry_id())?, "Microsoft.ContainerRegistry/registries", shape);
    }
    for kind in TRACKED {
        for resource in call.web.store.resources(kind, Some(&place), None, u32::MAX).await? {
            let shape = shapes::child(&resource, kind, &[]);
            take(resource.id, kind, shape);
        }
    }
    listing::answer(call, rows)
}

fn brief(shape: &Value) -> Value {
    let mut brief = json!({});
    for name in TOLD {
        if let Some(value) = shape.get(name) {
            brief[name] = value.clone();
        }
    }
    brief
}
