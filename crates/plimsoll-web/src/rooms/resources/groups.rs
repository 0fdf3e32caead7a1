//! Resource groups.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::{Deleted, ResourceGroup};
use plimsoll_types::ResourceId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::filter::{Filter, Subject};
use super::id;
use crate::call::Call;
use crate::error::Error;
use crate::{document, listing, shapes};

const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
const DELETE: &str = "Microsoft.Resources/subscriptions/resourceGroups/delete";

/// The most resource groups of a subscription; Azure's number.
const MAX_GROUPS: usize = 980;

pub(super) async fn list(call: &Call<'_>, subscription: &str) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let filter = Filter::of_call(call)?;
    super::subscription(call, subscription).await?;
    let mut rows = Vec::new();
    for group in call.web.store.resource_groups(subscription).await? {
        let id = id(&shapes::group_id(&group))?;
        let shape = shapes::resource_group(&group);
        if call.may(READ, &id) && filter.admits(&Subject::of_shape(&id, &shape)) {
            rows.push((id.key().to_owned(), shape));
        }
    }
    listing::answer(call, rows)
}

pub(super) async fn one(call: &Call<'_>, subscription: &str, name: &str) -> Result<Response, Error> {
    let id = id(&format!("/subscriptions/{subscription}/resourceGroups/{name}"))?;
    match *call.method {
        Method::GET => {
            call.authorize(READ, &id)?;
            let group = super::resource_group(call, subscription, name).await?;
            Ok(Json(shapes::resource_group(&group)).into_response())
        }
        // `az group exists` asks so, and reads the status alone.
        Method::HEAD => {
            call.authorize(READ, &id)?;
            let group = call.web.store.resource_group(subscription, name).await?;
            let status = if group.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
            Ok(status.into_response())
        }
        Method::PUT => put(call, &id, subscription, name).await,
        Method::PATCH => patch(call, &id, subscription, name).await,
        Method::DELETE => delete(call, &id, subscription, name).await,
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

#[derive(Deserialize)]
struct Body {
    location: Option<String>,
    #[serde(default, deserialize_with = "tags")]
    tags: Option<BTreeMap<String, String>>,
}

fn tags<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    plimsoll_types::registry::tags(deserializer).map(Some)
}

async fn put(call: &Call<'_>, id: &ResourceId, subscription: &str, name: &str) -> Result<Response, Error> {
    call.authorize(WRITE, id)?;
    let body = document::of_call(call)?;
    document::require_text(&body, &["location"], "LocationRequired")?;
    let body: Body = document::read(Value::Object(body))?;
    let subscription = super::subscription(call, subscription).await?;
    let location = body.location.unwrap_or_default();
    match call.web.store.resource_group(&subscription.id, name).await? {
        Some(group) => must_stay(&group.location, &location, name)?,
        None => {
            check_name(name)?;
            if call.web.store.resource_groups(&subscription.id).await?.len() >= MAX_GROUPS {
                let message = format!("the subscription has {MAX_GROUPS} resource groups, no more fit");
                return Err(Error::conflict("ResourceGroupQuotaExceeded", message));
            }
        }
    }
    let group = ResourceGroup {
        subscription: subscription.id.clone(),
        name: name.to_owned(),
        location,
        tags: json!(body.tags.unwrap_or_default()),
        created_at: call.now,
    };
    let is_new = call.web.store.put_resource_group(&group).await?;
    let group = super::resource_group(call, &subscription.id, name).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shapes::resource_group(&group))).into_response())
}

async fn patch(call: &Call<'_>, id: &ResourceId, subscription: &str, name: &str) -> Result<Response, Error> {
    call.authorize(WRITE, id)?;
    let body: Body = document::read(Value::Object(document::of_call(call)?))?;
    let mut group = super::resource_group(call, subscription, name).await?;
    if let Some(location) = &body.location {
        must_stay(&group.location, location, name)?;
    }
    if let Some(tags) = body.tags {
        group.tags = json!(tags);
        call.web.store.put_resource_group(&group).await?;
    }
    Ok(Json(shapes::resource_group(&group)).into_response())
}

async fn delete(call: &Call<'_>, id: &ResourceId, subscription: &str, name: &str) -> Result<Response, Error> {
    call.authorize(DELETE, id)?;
    super::resource_group(call, subscription, name).await?;
    match call.web.store.delete_resource_group(subscription, name).await? {
        Deleted::InUse => {
            let message = format!(
                "the resource group {name} has registries; delete these first, since their images go with them"
            );
            Err(Error::conflict("ResourceGroupNotEmpty", message))
        }
        Deleted::Yes | Deleted::Unknown => Ok(StatusCode::OK.into_response()),
    }
}

/// Fails where a place is named that differs from the one that stands.
pub(crate) fn must_stay(location: &str, wanted: &str, name: &str) -> Result<(), Error> {
    // "West Europe" and "westeurope" are one.
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    if plain(location) == plain(wanted) {
        return Ok(());
    }
    let message = format!(
        "{name} already exists in the location '{location}'; it cannot be made in '{wanted}' under the same name"
    );
    Err(Error::conflict("InvalidResourceLocation", message))
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=90).contains(&name.chars().count())
        && name.chars().all(|c| c.is_alphanumeric() || "-_.()".contains(c))
        && !name.ends_with('.');
    if fits {
        return Ok(());
    }
    let message = format!(
        "a resource group's name has 1 to 90 letters, digits, '-', '_', '.' or brackets and does not end in '.', found {name:?}"
    );
    Err(Error::bad_request("InvalidResourceGroupName", message))
}
