//! `Microsoft.Resources`: subscriptions, resource groups, and what every client asks of any cloud: which resources there
//! are, which providers, which operations.

mod filter;
mod groups;
mod inventory;
mod providers;
mod subscriptions;

pub(crate) use groups::must_stay;

use axum::response::Response;
use plimsoll_store::{ResourceGroup, Subscription};
use plimsoll_types::ResourceId;

use crate::call::Call;
use crate::error::Error;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let lower: Vec<String> = call.path.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let named = |at: usize| call.path.segments[at].as_str();
    let response = match words[..] {
        ["subscriptions"] => subscriptions::list(call).await,
        ["subscriptions", _] => subscriptions::one(call, named(1)).await,
        ["subscriptions", _, "locations"] => subscriptions::list_locations(call, named(1)).await,
        ["subscriptions", _, "resources"] => inventory::list(call, named(1), None).await,
        ["subscriptions", _, "resourcegroups"] => groups::list(call, named(1)).await,
        ["subscriptions", _, "resourcegroups", _] => groups::one(call, named(1), named(3)).await,
        ["subscriptions", _, "resourcegroups", _, "resources"] => {
            inventory::list(call, named(1), Some(named(3))).await
        }
        ["subscriptions", _, "providers"] => providers::list(call, Some(named(1))).await,
        ["subscriptions", _, "providers", _] => providers::get(call, Some(named(1)), named(3)).await,
        ["subscriptions", _, "providers", _, "register"] => {
            providers::register(call, named(1), named(3)).await
        }
        ["providers"] => providers::list(call, None).await,
        ["providers", _] => providers::get(call, None, named(1)).await,
        ["providers", _, "operations"] => providers::list_operations(call, named(1)),
        _ => return Ok(None),
    };
    response.map(Some)
}

/// The subscription of this id, or a 404.
pub(crate) async fn subscription(call: &Call<'_>, id: &str) -> Result<Subscription, Error> {
    let found = call.web.store.subscription(id).await?;
    found.ok_or_else(|| Error::UnknownSubscription(id.to_owned()))
}

/// The resource group of this name, or a 404.
pub(crate) async fn resource_group(
    call: &Call<'_>,
    subscription: &str,
    name: &str,
) -> Result<ResourceGroup, Error> {
    let found = call.web.store.resource_group(subscription, name).await?;
    match found {
        Some(group) => Ok(group),
        None => {
            self::subscription(call, subscription).await?;
            Err(Error::UnknownResourceGroup(name.to_owned()))
        }
    }
}

/// An id that the server itself has put together.
pub(crate) fn id(text: &str) -> Result<ResourceId, Error> {
    text.parse().map_err(|error: plimsoll_types::ParseError| {
        Error::bad_request("InvalidResourceId", error.to_string())
    })
}
