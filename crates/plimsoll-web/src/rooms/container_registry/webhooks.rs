//! Webhooks: documents that whoever delivers reads from the store. Addresses and headers may hold secrets, and are told by
//! `getCallbackConfig` alone.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use plimsoll_store::Resource;
use plimsoll_types::ResourceId;
use plimsoll_types::registry::Description;
use plimsoll_types::webhook::Webhook;
use serde_json::{Value, json};

use super::registry;
use super::usages::{count, max_webhooks};
use crate::call::{Call, malformed};
use crate::error::Error;
use crate::page::Page;
use crate::rooms::resources::must_stay;
use crate::{document, listing, shapes};

const TYPE: &str = "Microsoft.ContainerRegistry/registries/webhooks";
const HIDDEN: [&str; 2] = ["serviceUri", "customHeaders"];

/// The most events that are told.
const MAX_EVENTS: u32 = 100;
/// The most headers that go with a delivery, and the longest address and header, in bytes.
const MAX_HEADERS: usize = 32;
const MAX_LENGTH: usize = 2048;

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::GET, Method::HEAD], "GET, HEAD")?;
    registry(call, "webhooks/read").await?;
    let place = call.path.resource(2)?;
    let hooks = call.web.store.resources(TYPE, Some(&place), None, u32::MAX).await?;
    let rows = hooks.into_iter().map(|hook| (hook.id.key().to_owned(), shape(&hook)));
    listing::answer(call, rows.collect())
}

pub(super) async fn one(call: &Call<'_>) -> Result<Response, Error> {
    match *call.method {
        Method::GET | Method::HEAD => Ok(Json(shape(&find(call, "read").await?)).into_response()),
        Method::PUT => put(call).await,
        Method::PATCH => patch(call).await,
        Method::DELETE => {
            registry(call, "webhooks/delete").await?;
            let id = call.path.resource(4)?;
            let deleted = call.web.store.delete_resource(&id).await?;
            call.web.store.forget_target(&id).await?;
            Ok(if deleted { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

async fn put(call: &Call<'_>) -> Result<Response, Error> {
    let registry = registry(call, "webhooks/write").await?;
    let id = call.path.resource(4)?;
    let body = document::of_call(call)?;
    document::require_text(&body, &["location"], "LocationRequired")?;
    let hook: Webhook = document::read(Value::Object(body))?;
    check(&hook)?;
    match call.web.store.resource(&id).await? {
        Some(known) => {
            must_stay(known.body["location"].as_str().unwrap_or_default(), &hook.location, id.name())?
        }
        None => {
            check_name(id.name())?;
            let sku = Description::of_body(&registry.body).sku.name;
            if count(call, &call.path.resource(2)?, "webhooks").await? >= max_webhooks(sku) {
                let message = format!(
                    "the registry has {} webhooks, more do not fit into the tier {}",
                    max_webhooks(sku),
                    sku.as_str()
                );
                return Err(Error::conflict("WebhookQuotaExceeded", message));
            }
        }
    }
    keep(call, &id, &hook).await
}

async fn patch(call: &Call<'_>) -> Result<Response, Error> {
    let known = find(call, "write").await?;
    let mut patch = document::of_call(call)?;
    let mut body = known.body;
    patch.remove("location");
    if let Some(tags) = patch.remove("tags") {
        body["tags"] = tags;
    }
    // The headers that are named replace those that were there.
    if let Some(headers) =
        patch.get_mut("properties").and_then(|properties| properties.as_object_mut()?.remove("customHeaders"))
    {
        body["properties"]["customHeaders"] = headers;
    }
    document::merge(&mut body, Value::Object(patch));
    let hook: Webhook = document::read(body)?;
    check(&hook)?;
    keep(call, &known.id, &hook).await
}

async fn keep(call: &Call<'_>, id: &ResourceId, hook: &Webhook) -> Result<Response, Error> {
    let is_new = call.web.store.put_resource(id, &json!(hook), call.now).await?;
    let kept = call.web.store.resource(id).await?.ok_or_else(|| unknown(id.name()))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shape(&kept))).into_response())
}

/// Address and headers, which the resource itself does not show.
pub(super) async fn get_callback_config(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let hook = find(call, "getCallbackConfig/action").await?;
    let properties = &hook.body["properties"];
    let config =
        json!({"serviceUri": properties["serviceUri"], "customHeaders": properties["customHeaders"]});
    Ok(Json(config).into_response())
}

/// Sends a test, as the delivery of an event goes.
pub(super) async fn ping(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let hook = find(call, "ping/action").await?;
    let event = call.web.store.ping_webhook(&hook.id, call.now).await?;
    Ok(Json(json!({ "id": event })).into_response())
}

/// What was sent last, newest first, and what was answered.
pub(super) async fn list_events(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let hook = find(call, "listEvents/action").await?;
    let n = call.parameters.top.and_then(|top| u32::try_from(top).ok()).unwrap_or(MAX_EVENTS);
    let events = call.web.store.webhook_events(&hook.id, n.min(MAX_EVENTS)).await?;
    Ok(Json(Page::whole(events)).into_response())
}

/// The webhook that the path names, once the caller may do `action` with it.
async fn find(call: &Call<'_>, action: &str) -> Result<Resource, Error> {
    registry(call, &format!("webhooks/{action}")).await?;
    let id = call.path.resource(4)?;
    call.web.store.resource(&id).await?.ok_or_else(|| unknown(id.name()))
}

fn shape(hook: &Resource) -> Value {
    shapes::child(hook, TYPE, &HIDDEN)
}

fn check_name(name: &str) -> Result<(), Error> {
    if (5..=50).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let message = format!("a webhook's name has 5 to 50 letters and digits and nothing else, found {name:?}");
    Err(Error::bad_request("InvalidWebhookName", message))
}

/// What the types do not say: that it could be delivered.
fn check(hook: &Webhook) -> Result<(), Error> {
    let properties = &hook.properties;
    if properties.actions.is_empty() {
        return Err(malformed("properties.actions", &"it must name an action, such as push or delete"));
    }
    let is_address = |uri: Uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    };
    if properties.service_uri.len() > MAX_LENGTH || !properties.service_uri.parse().is_ok_and(is_address) {
        // It is not repeated: it may hold a key.
        let problem = format!("it must be an http or https URI of at most {MAX_LENGTH} bytes");
        return Err(malformed("properties.serviceUri", &problem));
    }
    if properties.custom_headers.len() > MAX_HEADERS {
        let problem = format!("at most {MAX_HEADERS} headers go with a delivery");
        return Err(malformed("properties.customHeaders", &problem));
    }
    for (name, value) in &properties.custom_headers {
        let fits = name.parse::<HeaderName>().is_ok()
            && HeaderValue::from_str(value).is_ok()
            && name.len() + value.len() <= MAX_LENGTH;
        if !fits {
            let name: String = name.chars().take(100).collect();
            let problem = format!("{name:?} is no header of HTTP, or is longer than {MAX_LENGTH} bytes");
            return Err(malformed("properties.customHeaders", &problem));
        }
    }
    Ok(())
}

fn unknown(name: &str) -> Error {
    Error::UnknownResource(format!("{TYPE}/{name}"))
}
