//! `Plimsoll.Security/disableRules`: which findings are nobody's concern, and why. Azure's portal has such rules, and no
//! API for them; this one is ours.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::{ErrorKind, Preview, Registry, RegistryId, Resource};
use plimsoll_types::{Invalid, ResourceId, Rule, Timestamp};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::rooms::resources;
use crate::shapes::{SubAssessment, TENANT};

const KIND: &str = "Plimsoll.Security/disableRules";
/// The most rules that there are.
const MOST: u32 = 1000;
/// Findings that a preview shows.
const EXAMPLES: u32 = 20;
/// The longest name.
const MAX_NAME: usize = 128;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "plimsoll.security" {
        return Ok(None);
    }
    match call.path.rest()[..] {
        [kind] if is(kind, "disableRules") => list_rules(call).await,
        [kind, preview]
            if is(kind, "disableRules") && is(preview, "preview") && *call.method == Method::POST =>
        {
            preview_rule(call, &call.path.scope()?.extend(KIND, "preview").map_err(bad_id)?).await
        }
        [kind, _] if is(kind, "disableRules") => one_rule(call).await,
        [kind, _, preview] if is(kind, "disableRules") && is(preview, "preview") => {
            preview_rule(call, &call.path.resource(2)?).await
        }
        _ => return Ok(None),
    }
    .map(Some)
}

/// The rules that hang at a scope or below it.
async fn list_rules(call: &Call<'_>) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let scope = call.path.scope()?;
    call.authorize("Plimsoll.Security/disableRules/read", &scope)?;
    let all = call.web.store.resources(KIND, None, None, MOST).await?;
    let held = all.into_iter().filter(|rule| {
        let at = rule.id.parent().unwrap_or_else(ResourceId::root);
        scope.contains(&at) && call.may("Plimsoll.Security/disableRules/read", &at)
    });
    let shown: Vec<Value> = held.map(|rule| shown(&rule, call.now)).collect();
    Ok(Json(Page::whole(shown)).into_response())
}

async fn one_rule(call: &Call<'_>) -> Result<Response, Error> {
    let (id, store) = (call.path.resource(2)?, &call.web.store);
    let scope = id.parent().unwrap_or_else(ResourceId::root);
    match *call.method {
        Method::GET | Method::HEAD => {
            call.authorize("Plimsoll.Security/disableRules/read", &scope)?;
            let rule = store.resource(&id).await?.ok_or_else(|| Error::UnknownResource(id.to_string()))?;
            Ok(Json(shown(&rule, call.now)).into_response())
        }
        Method::PUT => {
            call.authorize("Plimsoll.Security/disableRules/write", &scope)?;
            check_place(call, &id).await?;
            let (mut body, rule) = read_rule(call)?;
            body["by"] = json!(call.caller.name());
            let put = store.put_rule(&id, &body, &rule, call.now).await;
            let is_new = put.map_err(|error| match error.kind() {
                ErrorKind::LimitExceeded => Error::conflict("QuotaExceeded", error.to_string()),
                _ => error.into(),
            })?;
            tracing::info!(rule = %id, reason = rule.reason, "a disable rule was set");
            let stored = store.resource(&id).await?.ok_or_else(|| Error::UnknownResource(id.to_string()))?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(shown(&stored, call.now))).into_response())
        }
        Method::DELETE => {
            call.authorize("Plimsoll.Security/disableRules/delete", &scope)?;
            check_place(call, &id).await?;
            let deleted = store.delete_rule(&id, call.now).await?;
            tracing::info!(rule = %id, deleted, "a disable rule was removed");
            Ok(if deleted { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

/// What the rule in the body would hide if it were stored under this id.
async fn preview_rule(call: &Call<'_>, id: &ResourceId) -> Result<Response, Error> {
    if *call.method != Method::POST {
        return Err(Error::MethodNotAllowed("POST"));
    }
    let scope = id.parent().unwrap_or_else(ResourceId::root);
    call.authorize("Plimsoll.Security/disableRules/read", &scope)?;
    check_place(call, id).await?;
    let (body, rule) = match call.body.is_empty() {
        false => read_rule(call)?,
        // Without a body, of the rule that is stored.
        true => {
            let stored = call.web.store.resource(id).await?;
            let body = stored.ok_or_else(|| Error::UnknownResource(id.to_string()))?.body;
            let rule = Rule::parse(&body).map_err(invalid)?;
            (body, rule)
        }
    };
    let store = &call.web.store;
    store.settle_rules(call.now).await?;
    let preview = store.preview_rule(id, &body, &rule, EXAMPLES, call.now).await?;
    let registries = store.registries().await?;
    Ok(Json(shown_preview(call, &rule, &preview, &registries).await?).into_response())
}

async fn shown_preview(
    call: &Call<'_>,
    rule: &Rule,
    preview: &Preview,
    registries: &[Registry],
) -> Result<Value, Error> {
    let generation = rule.generations.first().copied().unwrap_or_default();
    let scope_of = |id: RegistryId| registries.iter().find(|registry| registry.id == id);
    let mut examples = Vec::new();
    for id in &preview.examples {
        let Some(row) = call.web.store.finding(*id, generation).await? else { continue };
        if let Some(registry) = scope_of(row.image.registry) {
            examples.push(json!(SubAssessment::new(&registry.scope, generation, &row)));
        }
    }
    let by_severity: serde_json::Map<String, Value> =
        preview.by_severity.iter().map(|(severity, count)| (severity.to_string(), json!(count))).collect();
    Ok(json!({
        "findings": preview.findings,
        "newlyHidden": preview.newly_hidden,
        "images": preview.images,
        "imagesLeftClean": preview.images_left_clean,
        "patchable": preview.patchable,
        "bySeverity": by_severity,
        "examples": examples,
    }))
}

/// Fails unless a rule can have this id.
async fn check_place(call: &Call<'_>, id: &ResourceId) -> Result<(), Error> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '(' | ')');
    if id.name().chars().count() > MAX_NAME || !id.name().chars().all(fits) {
        let message = "the name of a rule has up to 128 letters, digits, spaces, and - _ . ( )";
        return Err(Error::bad_request("InvalidResourceName", message));
    }
    let scope = id.parent().unwrap_or_else(ResourceId::root);
    let is_registry = scope.kind() == "microsoft.containerregistry/registries";
    let kinds = [
        "",
        "microsoft.management/managementgroups",
        "microsoft.resources/subscriptions",
        "microsoft.resources/subscriptions/resourcegroups",
    ];
    if !is_registry && !kinds.contains(&scope.kind().as_str()) {
        let message = format!(
            "a rule hangs on a registry, resource group, subscription or management group, not on {scope}"
        );
        return Err(Error::bad_request("InvalidScope", message));
    }
    if scope.kind() == "microsoft.management/managementgroups" && scope.name() != TENANT {
        // There is one, which holds all; a mistyped name must not hide findings everywhere.
        return Err(Error::UnknownResource(scope.to_string()));
    }
    if let Some(id) = scope.subscription() {
        resources::subscription(call, id).await?;
    }
    let registries = call.web.store.registries().await?;
    let is_it = |registry: &Registry| registry.scope.registry_id().eq_ignore_ascii_case(scope.as_str());
    if is_registry && !registries.iter().any(is_it) {
        return Err(Error::UnknownResource(scope.to_string()));
    }
    Ok(())
}

/// The rule in the body, with the body as it is kept: what a client read back and sends again has no more to it.
fn read_rule(call: &Call<'_>) -> Result<(Value, Rule), Error> {
    let body: Value = call.json()?;
    let mut body = json!({ "properties": body["properties"] });
    let rule = Rule::parse(&body).map_err(invalid)?;
    if let Some(properties) = body["properties"].as_object_mut() {
        properties.remove("state");
    }
    Ok((body, rule))
}

fn shown(rule: &Resource, now: Timestamp) -> Value {
    let mut properties = rule.body["properties"].clone();
    let is_active = Rule::parse(&rule.body).is_ok_and(|rule| rule.is_active(now));
    properties["state"] = json!(if is_active { "Active" } else { "Expired" });
    json!({
        "id": rule.id,
        "name": rule.id.name(),
        "type": KIND,
        "properties": properties,
        "systemData": {
            "createdAt": rule.created_at.to_string(),
            "lastModifiedBy": rule.body["by"],
            "lastModifiedAt": rule.changed_at.to_string(),
        },
    })
}

/// A field that is not as it should be.
pub(super) fn invalid(error: Invalid) -> Error {
    Error::bad_request("InvalidRequestContent", error.to_string())
}

fn bad_id(error: plimsoll_types::ParseError) -> Error {
    Error::bad_request("InvalidResourceId", error.to_string())
}
