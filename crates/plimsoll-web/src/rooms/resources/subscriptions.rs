//! Subscriptions. Azure makes them by a sales contract; here `PUT /subscriptions/{id}` with a `displayName` does.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::Deleted;
use plimsoll_types::ResourceId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::id;
use crate::call::Call;
use crate::document;
use crate::error::Error;
use crate::{listing, shapes};

const READ: &str = "Microsoft.Resources/subscriptions/read";
const WRITE: &str = "Microsoft.Resources/subscriptions/write";
const DELETE: &str = "Microsoft.Resources/subscriptions/delete";
const READ_LOCATIONS: &str = "Microsoft.Resources/subscriptions/locations/read";

/// The most subscriptions that there are.
const MAX_SUBSCRIPTIONS: usize = 10_000;

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let mut rows = Vec::new();
    for subscription in call.web.store.subscriptions().await? {
        let id = id(&format!("/subscriptions/{}", subscription.id))?;
        // Who has a role on one registry must find the way to it.
        if call.caller.reaches(&id) {
            rows.push((id.key().to_owned(), shapes::subscription(&subscription)));
        }
    }
    listing::answer(call, rows)
}

pub(super) async fn one(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let id = id(&format!("/subscriptions/{name}"))?;
    match *call.method {
        Method::GET | Method::HEAD => get(call, &id, name).await,
        Method::PUT => put(call, &id, name).await,
        Method::DELETE => delete(call, &id, name).await,
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

async fn get(call: &Call<'_>, id: &ResourceId, name: &str) -> Result<Response, Error> {
    call.authorize(READ, id)?;
    let subscription = super::subscription(call, name).await?;
    Ok(Json(shapes::subscription(&subscription)).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    display_name: String,
}

async fn put(call: &Call<'_>, id: &ResourceId, name: &str) -> Result<Response, Error> {
    let store = &call.web.store;
    let known = store.subscription(name).await?;
    // Who may change one need not be one who may make others.
    call.authorize(WRITE, if known.is_some() { id } else { &ROOT })?;
    let body: Body = document::read(Value::Object(document::of_call(call)?))?;
    if !is_guid(name) {
        let message = format!("a subscription's id is a GUID such as {}, found {name:?}", shapes::TENANT);
        return Err(Error::bad_request("InvalidSubscriptionId", message));
    }
    let length = body.display_name.chars().count();
    if !(1..=64).contains(&length) || body.display_name.chars().any(char::is_control) {
        let message =
            format!("displayName has 1 to 64 characters, none of them for control; it has {length}");
        return Err(Error::bad_request("InvalidSubscriptionName", message));
    }
    if known.is_none() && store.subscriptions().await?.len() >= MAX_SUBSCRIPTIONS {
        return Err(Error::conflict("SubscriptionLimitExceeded", format!("there are {MAX_SUBSCRIPTIONS}")));
    }
    let is_new = store.put_subscription(name, &body.display_name, call.now).await?;
    let subscription = super::subscription(call, name).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shapes::subscription(&subscription))).into_response())
}

async fn delete(call: &Call<'_>, id: &ResourceId, name: &str) -> Result<Response, Error> {
    call.authorize(DELETE, id)?;
    if call.web.scope.subscription.eq_ignore_ascii_case(name) {
        let message = format!("the subscription {name} stands in the server's settings");
        return Err(Error::conflict("SubscriptionInUse", message));
    }
    match call.web.store.delete_subscription(name).await? {
        Deleted::Yes => Ok(StatusCode::OK.into_response()),
        Deleted::Unknown => Ok(StatusCode::NO_CONTENT.into_response()),
        Deleted::InUse => {
            let message = format!("the subscription {name} has resource groups; delete these first");
            Err(Error::conflict("SubscriptionInUse", message))
        }
    }
}

/// There is one place: here. Any other word is taken as a location too, and given back.
pub(super) async fn list_locations(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    call.authorize(READ_LOCATIONS, &id(&format!("/subscriptions/{name}"))?)?;
    let subscription = super::subscription(call, name).await?;
    let here = format!("/subscriptions/{}/locations/local", subscription.id);
    let location = json!({
        "id": here,
        "subscriptionId": subscription.id,
        "name": "local",
        "type": "Region",
        "displayName": "Local",
        "regionalDisplayName": "Local",
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended",
            "geography": "Local",
            "geographyGroup": "Local",
            "physicalLocation": "Local",
            "pairedRegion": [],
        },
    });
    listing::answer(call, vec![(here, location)])
}

static ROOT: std::sync::LazyLock<ResourceId> = std::sync::LazyLock::new(ResourceId::root);

fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
