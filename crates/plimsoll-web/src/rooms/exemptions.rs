//! `Microsoft.Authorization/policyExemptions`: registries, groups and subscriptions that are taken out of the assessments.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::Resource;
use plimsoll_types::{Exemption, ResourceId};
use serde_json::{Value, json};

use super::rules::invalid;
use crate::call::{Call, is};
use crate::error::Error;
use crate::exemptions::KIND;
use crate::page::Page;

const READ: &str = "Microsoft.Authorization/policyExemptions/read";
/// The most that a list tells.
const MOST: u32 = 10_000;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.authorization" {
        return Ok(None);
    }
    match call.path.rest()[..] {
        [kind] if is(kind, "policyExemptions") => list(call).await,
        [kind, _] if is(kind, "policyExemptions") => one(call).await,
        _ => return Ok(None),
    }
    .map(Some)
}

/// The exemptions that concern a scope: those on it, below it, and above it.
async fn list(call: &Call<'_>) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let all = call.web.store.resources(KIND, None, None, MOST).await?;
    let concerns = |found: &Resource| {
        let at = found.id.parent().unwrap_or_else(ResourceId::root);
        (scope.contains(&at) || at.contains(&scope)) && call.may(READ, &at)
    };
    let shown: Vec<Value> = all.iter().filter(|found| concerns(found)).map(shown).collect();
    Ok(Json(Page::whole(shown)).into_response())
}

async fn one(call: &Call<'_>) -> Result<Response, Error> {
    let (id, store) = (call.path.resource(2)?, &call.web.store);
    let scope = id.parent().unwrap_or_else(ResourceId::root);
    match *call.method {
        Method::GET | Method::HEAD => {
            call.authorize(READ, &scope)?;
            let found = store.resource(&id).await?.ok_or_else(|| Error::UnknownResource(id.to_string()))?;
            Ok(Json(shown(&found)).into_response())
        }
        Method::PUT => {
            call.authorize("Microsoft.Authorization/policyExemptions/write", &scope)?;
            let body: Value = call.json()?;
            let mut body = json!({ "properties": body["properties"] });
            let exemption = Exemption::parse(&body).map_err(invalid)?;
            body["properties"]["exemptionCategory"] = json!(exemption.category);
            let is_new = store.put_resource(&id, &body, call.now).await?;
            tracing::info!(exemption = %id, category = exemption.category, "an exemption was set");
            let found = store.resource(&id).await?.ok_or_else(|| Error::UnknownResource(id.to_string()))?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(shown(&found))).into_response())
        }
        Method::DELETE => {
            call.authorize("Microsoft.Authorization/policyExemptions/delete", &scope)?;
            let deleted = store.delete_resource(&id).await?;
            tracing::info!(exemption = %id, deleted, "an exemption was removed");
            Ok(if deleted { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

fn shown(found: &Resource) -> Value {
    json!({
        "id": found.id,
        "name": found.id.name(),
        "type": KIND,
        "properties": found.body["properties"],
        "systemData": {
            "createdAt": found.created_at.to_string(),
            "lastModifiedAt": found.changed_at.to_string(),
        },
    })
}
