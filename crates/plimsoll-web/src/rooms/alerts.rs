//! Alerts, and the rules that suppress them.
//!
//! Azure raises alerts about what runs; nothing here runs images, so there is never one, and the lists say so. The rules
//! are kept all the same: what a team automates against Azure finds them as it wrote them. They have no say over findings.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::Resource;
use plimsoll_types::{ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;

const KIND: &str = "Microsoft.Security/alertsSuppressionRules";
/// The most rules that a list tells.
const MOST: u32 = 1000;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.security" {
        return Ok(None);
    }
    match call.path.rest()[..] {
        [alerts] if is(alerts, "alerts") => list_alerts(call).map(Some),
        [locations, _, alerts] if is(locations, "locations") && is(alerts, "alerts") => {
            list_alerts(call).map(Some)
        }
        [locations, _, alerts, ref named @ ..] if is(locations, "locations") && is(alerts, "alerts") => {
            refuse_alert(call, named).map(Some)
        }
        [rules] if is(rules, "alertsSuppressionRules") => list_rules(call).await.map(Some),
        [rules, _] if is(rules, "alertsSuppressionRules") => one_rule(call).await.map(Some),
        _ => Ok(None),
    }
}

fn list_alerts(call: &Call<'_>) -> Result<Response, Error> {
    must_be(call, &[Method::GET], "GET, HEAD")?;
    call.authorize("Microsoft.Security/alerts/read", &call.path.scope()?)?;
    Ok(Json(Page::<Value>::whole(Vec::new())).into_response())
}

/// One alert, or what is to be done with it.
fn refuse_alert(call: &Call<'_>, named: &[&str]) -> Result<Response, Error> {
    let (action, method) = match named {
        [_] => ("Microsoft.Security/alerts/read", Method::GET),
        _ => ("Microsoft.Security/alerts/write", Method::POST),
    };
    must_be(call, &[method], if named.len() == 1 { "GET, HEAD" } else { "POST" })?;
    call.authorize(action, &call.path.scope()?)?;
    match *named {
        [_, verb] if is(verb, "simulate") => Err(Error::bad_request(
            "NotSupported",
            "nothing here raises alerts, so that none can be simulated",
        )),
        [name] => Err(unknown(name)),
        [name, verb]
            if ["dismiss", "resolve", "activate", "inProgress"].iter().any(|word| is(verb, word)) =>
        {
            Err(unknown(name))
        }
        _ => Err(Error::UnknownRoute),
    }
}

fn unknown(name: &str) -> Error {
    Error::UnknownResource(format!("Microsoft.Security/alerts/{name}"))
}

/// A rule's properties, as clients write them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    alert_type: String,
    reason: String,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiration_date_utc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppression_alerts_scope: Option<Scope>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Enabled,
    Disabled,
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scope {
    /// Conditions, whose keys are free but for `field`.
    all_of: Vec<Condition>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Condition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Body {
    properties: Properties,
}

async fn list_rules(call: &Call<'_>) -> Result<Response, Error> {
    must_be(call, &[Method::GET], "GET, HEAD")?;
    let scope = call.path.scope()?;
    call.authorize("Microsoft.Security/alertsSuppressionRules/read", &scope)?;
    let wanted = call.parameters.get("AlertType");
    let rules = call.web.store.resources(KIND, Some(&scope), None, MOST).await?;
    let rules = rules.iter().filter(|rule| wanted.is_none_or(|wanted| rule.body["alertType"] == wanted));
    Ok(Json(Page::whole(rules.map(|rule| shown(rule, call.now)).collect())).into_response())
}

async fn one_rule(call: &Call<'_>) -> Result<Response, Error> {
    let id = call.path.resource(2)?;
    let store = &call.web.store;
    let action = |verb: &str| format!("Microsoft.Security/alertsSuppressionRules/{verb}");
    match *call.method {
        Method::GET | Method::HEAD => {
            call.authorize(&action("read"), &id)?;
            Ok(Json(shown(&found(call, &id).await?, call.now)).into_response())
        }
        Method::PUT => {
            call.authorize(&action("write"), &id)?;
            let Body { properties } = call.json()?;
            if let Some(date) = &properties.expiration_date_utc
                && date.parse::<Timestamp>().is_err()
            {
                let message =
                    "properties.expirationDateUtc in the body of the request must be an RFC 3339 instant";
                return Err(Error::bad_request("InvalidRequestContent", message));
            }
            let body = json!(properties);
            store.put_resource(&id, &body, call.now).await?;
            Ok(Json(shown(&found(call, &id).await?, call.now)).into_response())
        }
        Method::DELETE => {
            call.authorize(&action("delete"), &id)?;
            store.delete_resource(&id).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

async fn found(call: &Call<'_>, id: &ResourceId) -> Result<Resource, Error> {
    let found = call.web.store.resource(id).await?;
    found.ok_or_else(|| Error::UnknownResource(format!("{KIND}/{}", id.name())))
}

/// A rule as clients read it; one whose time is over says so.
fn shown(rule: &Resource, now: Timestamp) -> Value {
    let mut properties = rule.body.clone();
    let ends = properties["expirationDateUtc"].as_str().and_then(|date| date.parse::<Timestamp>().ok());
    if ends.is_some_and(|ends| ends <= now) {
        properties["state"] = json!(State::Expired);
    }
    properties["lastModifiedUtc"] = rule.changed_at.to_string().into();
    json!({"id": rule.id.as_str(), "name": rule.id.name(), "type": KIND, "properties": properties})
}

fn must_be(call: &Call<'_>, methods: &[Method], allowed: &'static str) -> Result<(), Error> {
    let method = if *call.method == Method::HEAD { &Method::GET } else { call.method };
    if methods.contains(method) { Ok(()) } else { Err(Error::MethodNotAllowed(allowed)) }
}
