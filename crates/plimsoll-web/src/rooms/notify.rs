//! Who is told: `Microsoft.Security/automations`, and what became of it: `Plimsoll.Security/deliveries`.
//!
//! The secret of a web hook and the address of a Logic App are written, never read: who writes an automation anew without
//! them keeps those that it had.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use plimsoll_store::{Delivery, DeliveryFilter, DeliveryState, Event, Replay, Resource};
use plimsoll_types::ResourceId;
use plimsoll_types::automation::{Action, Automation, Fault};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::parameters::LARGEST_PAGE;

const AUTOMATIONS: &str = "Microsoft.Security/automations";
const READ: &str = "Microsoft.Security/automations/read";
const WRITE: &str = "Microsoft.Security/automations/write";
const DELETE: &str = "Microsoft.Security/automations/delete";
const READ_DELIVERIES: &str = "Plimsoll.Security/deliveries/read";
const REPLAY: &str = "Plimsoll.Security/deliveries/replay/action";

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let rest = call.path.rest();
    match (call.path.provider().as_str(), &rest[..]) {
        ("microsoft.security", [word]) if is(word, "automations") => list_automations(call).await,
        ("microsoft.security", [word, _]) if is(word, "automations") => one_automation(call).await,
        ("microsoft.security", [word, _, last]) if is(word, "automations") && is(last, "validate") => {
            validate_automation(call).await
        }
        ("plimsoll.security", [word]) if is(word, "deliveries") => list_deliveries(call).await,
        ("plimsoll.security", [word, last]) if is(word, "deliveries") && is(last, "replay") => {
            replay_dead_deliveries(call).await
        }
        ("plimsoll.security", [word, name]) if is(word, "deliveries") => get_delivery(call, name).await,
        ("plimsoll.security", [word, name, last]) if is(word, "deliveries") && is(last, "replay") => {
            replay_delivery(call, name).await
        }
        _ => return Ok(None),
    }
    .map(Some)
}

async fn list_automations(call: &Call<'_>) -> Result<Response, Error> {
    only(call, &[Method::GET], "GET")?;
    let scope = call.path.scope()?;
    must_exist(call, &scope).await?;
    call.authorize(READ, &scope)?;
    let after = match call.parameters.skip_token.as_deref() {
        None => None,
        Some(token) => Some(id_in(token).ok_or_else(|| Error::of_skip_token(token))?),
    };
    let wanted = call.parameters.top.unwrap_or(LARGEST_PAGE);
    let mut found =
        call.web.store.resources(AUTOMATIONS, Some(&scope), after.as_ref(), wanted as u32 + 1).await?;
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next_link =
        found.last().filter(|_| more).map(|last| next_link(call, &URL_SAFE_NO_PAD.encode(last.id.as_str())));
    let seen = found.iter().filter(|resource| call.may(READ, &resource.id));
    Ok(Json(Page { value: seen.map(shape).collect::<Vec<_>>(), next_link }).into_response())
}

async fn one_automation(call: &Call<'_>) -> Result<Response, Error> {
    let id = call.path.resource(2)?;
    must_exist(call, &call.path.scope()?).await?;
    match *call.method {
        Method::GET | Method::HEAD => {
            call.authorize(READ, &id)?;
            let found = call.web.store.resource(&id).await?;
            Ok(Json(shape(&found.ok_or_else(|| unknown(&id))?)).into_response())
        }
        Method::PUT => {
            call.authorize(WRITE, &id)?;
            put_automation(call, &id, call.json()?).await
        }
        Method::PATCH => {
            call.authorize(WRITE, &id)?;
            let found = call.web.store.resource(&id).await?.ok_or_else(|| unknown(&id))?;
            let mut body = found.body;
            merge(&mut body, &call.json::<Value>()?, 0);
            put_automation(call, &id, body).await
        }
        Method::DELETE => {
            call.authorize(DELETE, &id)?;
            call.web.store.delete_resource(&id).await?;
            call.web.store.forget_target(&id).await?;
            // Never 200: Azure's SDK takes it for a failure.
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

async fn put_automation(call: &Call<'_>, id: &ResourceId, mut body: Value) -> Result<Response, Error> {
    let store = &call.web.store;
    let secrets = check(call, id, &mut body).await.map_err(|refusal| match refusal {
        Refusal::Fault(fault) => Error::bad_request("InvalidAutomation", fault.to_string()),
        Refusal::Error(error) => error,
    })?;
    let is_new = store.put_resource_with_secrets(id, &body, &secrets, call.now).await?;
    let kept = store.resource(id).await?.ok_or_else(|| unknown(id))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shape(&kept))).into_response())
}

async fn validate_automation(call: &Call<'_>) -> Result<Response, Error> {
    only(call, &[Method::POST], "POST")?;
    let id = call.path.resource(2)?;
    must_exist(call, &call.path.scope()?).await?;
    call.authorize(WRITE, &id)?;
    let mut body: Value = call.json()?;
    let (is_valid, message) = match check(call, &id, &mut body).await {
        Ok(_) => (true, "The automation is valid".to_owned()),
        Err(Refusal::Fault(fault)) => (false, fault.to_string()),
        Err(Refusal::Error(error)) => return Err(error),
    };
    Ok(Json(json!({ "isValid": is_valid, "message": message })).into_response())
}

enum Refusal {
    Fault(Fault),
    Error(Error),
}

/// Reads a document, takes its secrets out, and leaves in it what is kept. Secrets that are not written anew are those of
/// the automation as it was, of an action with the same address.
async fn check(
    call: &Call<'_>,
    id: &ResourceId,
    body: &mut Value,
) -> Result<BTreeMap<usize, String>, Refusal> {
    let automation = Automation::read(id, body).map_err(Refusal::Fault)?;
    let mut secrets = Automation::take_secrets(body);
    let before = call.web.store.resource(id).await.map_err(|error| Refusal::Error(error.into()))?;
    let before = before.and_then(|resource| Automation::read(id, &resource.body).ok());
    if let Some(before) = before {
        let kept = call.web.store.secrets(id).await.map_err(|error| Refusal::Error(error.into()))?;
        for (number, action) in automation.actions.iter().enumerate() {
            let same = before.actions.iter().position(|other| is_same(action, other));
            if let Some(secret) = same.and_then(|old| kept.get(&old)) {
                secrets.entry(number).or_insert_with(|| secret.clone());
            }
        }
    }
    for (number, action) in automation.actions.iter().enumerate() {
        if matches!(action, Action::LogicApp { .. }) && !secrets.contains_key(&number) {
            return Err(Refusal::Fault(Fault {
                at: format!("properties.actions[{number}].uri"),
                message: "must be the address to post to".into(),
            }));
        }
    }
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !["id", "name", "type", "systemData"].iter().any(|word| is(name, word)));
    }
    Ok(secrets)
}

fn is_same(a: &Action, b: &Action) -> bool {
    match (a, b) {
        (Action::Webhook(a), Action::Webhook(b)) => a.uri == b.uri,
        (Action::LogicApp { resource: a }, Action::LogicApp { resource: b }) => a.eq_ignore_ascii_case(b),
        _ => false,
    }
}

/// JSON Merge Patch (RFC 7396), as deep as a document is.
fn merge(into: &mut Value, patch: &Value, depth: usize) {
    match (into, patch) {
        (Value::Object(fields), Value::Object(changes)) if depth < 16 => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                } else {
                    merge(fields.entry(name.clone()).or_insert(Value::Null), change, depth + 1);
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

fn shape(resource: &Resource) -> Value {
    let mut body = resource.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("id".into(), json!(resource.id));
        fields.insert("name".into(), json!(resource.id.name()));
        fields.insert("type".into(), json!(AUTOMATIONS));
        if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
            properties.entry("isEnabled").or_insert(json!(true));
        }
    }
    body
}

async fn list_deliveries(call: &Call<'_>) -> Result<Response, Error> {
    only(call, &[Method::GET], "GET")?;
    let scope = call.path.scope()?;
    call.authorize(READ_DELIVERIES, &scope)?;
    let state = match call.parameters.get("state") {
        None | Some("") => None,
        Some(word) => {
            Some(DeliveryState::ALL.into_iter().find(|state| is(state.as_str(), word)).ok_or_else(|| {
                Error::InvalidParameter {
                    name: "state",
                    expected: "pending, done or dead",
                    found: word.chars().take(100).collect(),
                }
            })?)
        }
    };
    let before = match call.parameters.skip_token.as_deref() {
        None => None,
        Some(token) => Some(row_in(token).ok_or_else(|| Error::of_skip_token(token))?),
    };
    let wanted = call.parameters.top.unwrap_or(LARGEST_PAGE);
    // A management group is above all subscriptions, and has no part in their ids.
    let filter = DeliveryFilter { state, under: Some(scope).filter(|scope| scope.subscription().is_some()) };
    let mut found = call.web.store.deliveries(&filter, before, wanted as u32 + 1).await?;
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next_link = found.last().filter(|_| more).map(|last| {
        let link = next_link(call, &URL_SAFE_NO_PAD.encode(last.id.to_string()));
        state.map_or(link.clone(), |state| format!("{link}&state={}", state.as_str()))
    });
    let mut value = Vec::with_capacity(found.len());
    for delivery in found.iter().filter(|delivery| call.may(READ_DELIVERIES, &delivery.target.resource)) {
        value.push(shape_of(call, delivery).await?);
    }
    Ok(Json(Page { value, next_link }).into_response())
}

async fn get_delivery(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    only(call, &[Method::GET], "GET")?;
    let delivery = find_delivery(call, name).await?;
    call.authorize(READ_DELIVERIES, &delivery.target.resource)?;
    Ok(Json(shape_of(call, &delivery).await?).into_response())
}

async fn replay_delivery(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    only(call, &[Method::POST], "POST")?;
    let delivery = find_delivery(call, name).await?;
    call.authorize(REPLAY, &delivery.target.resource)?;
    if call.web.store.replay(Replay::One(delivery.id), call.now).await? == 0 {
        let message = format!("the delivery {name} is pending: it is sent without being replayed");
        return Err(Error::conflict("DeliveryPending", message));
    }
    let delivery = find_delivery(call, name).await?;
    Ok(Json(shape_of(call, &delivery).await?).into_response())
}

async fn replay_dead_deliveries(call: &Call<'_>) -> Result<Response, Error> {
    only(call, &[Method::POST], "POST")?;
    let scope = call.path.scope()?;
    call.authorize(REPLAY, &scope)?;
    let under = Some(&scope).filter(|scope| scope.subscription().is_some());
    let replayed = call.web.store.replay(Replay::AllDead(under), call.now).await?;
    Ok(Json(json!({ "replayed": replayed })).into_response())
}

async fn find_delivery(call: &Call<'_>, name: &str) -> Result<Delivery, Error> {
    let scope = call.path.scope()?;
    let unknown = || Error::UnknownResource(format!("Plimsoll.Security/deliveries/{name}"));
    let id: i64 = name.parse().map_err(|_| unknown())?;
    let found = call.web.store.delivery(id).await?;
    found.filter(|delivery| scope.contains(&delivery.target.resource)).ok_or_else(unknown)
}

async fn shape_of(call: &Call<'_>, delivery: &Delivery) -> Result<Value, Error> {
    let event = match delivery.event {
        Some(event) => call.web.store.event(event).await?,
        None => None,
    };
    let subscription = delivery.target.resource.subscription().unwrap_or_default();
    let told_of = |event: Event| {
        json!({
            "kind": event.kind,
            "repository": event.repository,
            "digest": event.digest,
            "time": event.at.to_string(),
        })
    };
    Ok(json!({
        "id": format!("/subscriptions/{subscription}/providers/Plimsoll.Security/deliveries/{}", delivery.id),
        "name": delivery.id.to_string(),
        "type": "Plimsoll.Security/deliveries",
        "properties": {
            "state": delivery.state.as_str(),
            "kind": delivery.kind.as_str(),
            "target": delivery.target.resource,
            "action": delivery.target.action,
            "event": event.map(told_of),
            "sent": delivery.sent,
            "attempts": delivery.attempts,
            "reason": delivery.reason,
            "httpStatus": delivery.status,
            "createdAt": delivery.created_at.to_string(),
            "changedAt": delivery.changed_at.to_string(),
        },
    }))
}

fn only(call: &Call<'_>, methods: &[Method], told: &'static str) -> Result<(), Error> {
    let is_one =
        methods.contains(call.method) || (*call.method == Method::HEAD && methods.contains(&Method::GET));
    if is_one { Ok(()) } else { Err(Error::MethodNotAllowed(told)) }
}

/// Fails unless the scope is a subscription, or a resource group, that is there.
async fn must_exist(call: &Call<'_>, scope: &ResourceId) -> Result<(), Error> {
    let Some(subscription) = scope.subscription() else {
        let message = "automations are kept in a subscription or a resource group";
        return Err(Error::bad_request("InvalidResourceId", message));
    };
    let known = call.web.store.subscriptions().await?;
    let is_served = is(subscription, &call.web.scope.subscription);
    if !is_served && !known.iter().any(|known| is(&known.id, subscription)) {
        return Err(Error::UnknownSubscription(subscription.to_owned()));
    }
    let Some(group) = scope.resource_group() else { return Ok(()) };
    let groups = call.web.store.resource_groups(subscription).await?;
    if (is_served && is(group, &call.web.scope.resource_group))
        || groups.iter().any(|known| is(&known.name, group))
    {
        return Ok(());
    }
    Err(Error::UnknownResourceGroup(group.to_owned()))
}

fn unknown(id: &ResourceId) -> Error {
    Error::UnknownResource(format!("{AUTOMATIONS}/{}", id.name()))
}

fn next_link(call: &Call<'_>, token: &str) -> String {
    let path = call.uri.path().trim_start_matches('/');
    let link =
        call.base.link(&format!("/{path}?api-version={}&$skipToken={token}", call.parameters.api_version));
    call.parameters.top.map_or(link.clone(), |top| format!("{link}&$top={top}"))
}

fn id_in(token: &str) -> Option<ResourceId> {
    text_in(token)?.parse().ok()
}

fn row_in(token: &str) -> Option<i64> {
    text_in(token)?.parse().ok()
}

fn text_in(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}
