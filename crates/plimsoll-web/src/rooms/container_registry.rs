//! `Microsoft.ContainerRegistry`: registries as resources, with what hangs below them and what is done with them.

mod children;
mod credentials;
mod import;
mod names;
mod registries;
mod usages;
mod webhooks;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_store::Registry;
use plimsoll_types::ResourceId;

use crate::call::Call;
use crate::error::Error;
use crate::page::Page;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.containerregistry" {
        return Ok(None);
    }
    let rest = call.path.rest();
    let lower: Vec<String> = rest.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let response = match words[..] {
        ["checknameavailability"] | ["locations", _, "checknameavailability"] => names::check(call).await,
        ["registries"] => registries::list(call).await,
        ["registries", _] => registries::one(call).await,
        ["registries", _, "importimage"] => import::begin(call).await,
        ["registries", _, "listusages"] => usages::list(call).await,
        ["registries", _, "listcredentials"] => credentials::list(call).await,
        ["registries", _, "regeneratecredential"] => credentials::renew(call).await,
        ["registries", _, "generatecredentials"] => credentials::generate(call).await,
        ["registries", _, "privatelinkresources"] => list_nothing(call, "privateLinkResources").await,
        ["registries", _, "privateendpointconnections"] => {
            list_nothing(call, "privateEndpointConnections").await
        }
        ["registries", _, "privatelinkresources", _] => no_child(call, "privateLinkResources").await,
        ["registries", _, "privateendpointconnections", _] => {
            no_child(call, "privateEndpointConnections").await
        }
        ["registries", _, "webhooks"] => webhooks::list(call).await,
        ["registries", _, "webhooks", _] => webhooks::one(call).await,
        ["registries", _, "webhooks", _, "getcallbackconfig"] => webhooks::get_callback_config(call).await,
        ["registries", _, "webhooks", _, "ping"] => webhooks::ping(call).await,
        ["registries", _, "webhooks", _, "listevents"] => webhooks::list_events(call).await,
        ["registries", _, "connectedregistries", _, "deactivate"] => children::deactivate(call).await,
        ["registries", _, kind] if children::Kind::of(kind).is_some() => children::list(call).await,
        ["registries", _, kind, _] if children::Kind::of(kind).is_some() => children::one(call).await,
        _ => return Ok(None),
    };
    response.map(Some)
}

/// The registry that the path names, once the caller may do `action` on it.
async fn registry(call: &Call<'_>, action: &str) -> Result<Registry, Error> {
    let id = call.path.resource(2)?;
    call.authorize(&format!("Microsoft.ContainerRegistry/registries/{action}"), &id)?;
    find(call, &id).await
}

/// The registry with this id, or the 404 that says what is missing: subscription, group or registry.
async fn find(call: &Call<'_>, id: &ResourceId) -> Result<Registry, Error> {
    if let Some(registry) = call.web.store.registry_at(id).await? {
        return Ok(registry);
    }
    if let (Some(subscription), Some(group)) = (id.subscription(), id.resource_group()) {
        super::resources::resource_group(call, subscription, group).await?;
    }
    Err(Error::UnknownResource(format!("Microsoft.ContainerRegistry/registries/{}", id.name())))
}

/// A list of what no registry here has.
async fn list_nothing(call: &Call<'_>, kind: &str) -> Result<Response, Error> {
    must_be(call, &[Method::GET, Method::HEAD], "GET, HEAD")?;
    registry(call, &format!("{kind}/read")).await?;
    Ok(Json(Page::<()>::whole(Vec::new())).into_response())
}

/// One of what no registry here has. To make a connection is not ours either: Azure's network does, and a client only
/// approves it.
async fn no_child(call: &Call<'_>, kind: &str) -> Result<Response, Error> {
    let verb = match *call.method {
        Method::GET | Method::HEAD => "read",
        Method::PUT => "write",
        Method::DELETE => "delete",
        _ => return Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    };
    registry(call, &format!("{kind}/{verb}")).await?;
    if *call.method == Method::DELETE {
        return Ok(http::StatusCode::NO_CONTENT.into_response());
    }
    let name = call.path.rest().last().copied().unwrap_or_default();
    Err(Error::UnknownResource(format!("Microsoft.ContainerRegistry/registries/{kind}/{name}")))
}

fn must_be(call: &Call<'_>, methods: &[Method], told: &'static str) -> Result<(), Error> {
    if methods.contains(call.method) { Ok(()) } else { Err(Error::MethodNotAllowed(told)) }
}
