//! `Microsoft.Security/assessments` and `assessmentMetadata` of a customer's own: recommendations and verdicts that somebody
//! else than Plimsoll writes, kept and listed beside those that are built in.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::Resource;
use plimsoll_types::{Generation, ResourceId};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;

pub(crate) const ASSESSMENT: &str = "Microsoft.Security/assessments";
pub(crate) const METADATA: &str = "Microsoft.Security/assessmentMetadata";
/// The most that a list tells.
const MOST: u32 = 1000;
/// The most bytes of a document.
const LARGEST: usize = 64 * 1024;

/// Answers what this room knows: one document whose key is not built in. What is built in, and all lists, are told next door.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.security" {
        return Ok(None);
    }
    let kind = match call.path.rest()[..] {
        [kind, _] if is(kind, "assessments") => ASSESSMENT,
        [kind, _] if is(kind, "assessmentMetadata") => METADATA,
        _ => return Ok(None),
    };
    let id = call.path.resource(2)?;
    let scope = id.parent().unwrap_or_else(ResourceId::root);
    if Generation::ALL.iter().any(|generation| is(generation.key(), id.name())) {
        let deed = match *call.method {
            Method::PUT => "write",
            Method::DELETE => "delete",
            _ => return Ok(None),
        };
        call.authorize(&format!("{kind}/{deed}"), &scope)?;
        let message = format!("{} is built in, and nobody writes it but Plimsoll", id.name());
        return Err(Error::bad_request("BuiltInAssessment", message));
    }
    let store = &call.web.store;
    match *call.method {
        Method::GET | Method::HEAD => {
            let Some(found) = store.resource(&id).await? else { return Ok(None) };
            call.authorize(&format!("{kind}/read"), &scope)?;
            Ok(Some(Json(shown(&found)).into_response()))
        }
        Method::PUT => {
            call.authorize(&format!("{kind}/write"), &scope)?;
            let properties = match kind {
                METADATA => metadata(call, &scope).await?,
                _ => assessment(call, &id, &scope).await?,
            };
            let body = json!({ "properties": properties });
            if body.to_string().len() > LARGEST {
                return Err(malformed(&format!("the document must not have more than {LARGEST} bytes")));
            }
            let is_new = store.put_resource(&id, &body, call.now).await?;
            let found = store.resource(&id).await?.ok_or_else(|| Error::UnknownResource(id.to_string()))?;
            // Azure says 201 for an assessment that is new, and 200 for metadata in any case.
            let status = if is_new && kind == ASSESSMENT { StatusCode::CREATED } else { StatusCode::OK };
            Ok(Some((status, Json(shown(&found))).into_response()))
        }
        Method::DELETE => {
            call.authorize(&format!("{kind}/delete"), &scope)?;
            let deleted = store.delete_resource(&id).await?;
            Ok(Some(if deleted { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response()))
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

/// The documents of a kind at a scope and below it, as far as the caller may read them.
pub(crate) async fn listed(call: &Call<'_>, kind: &str, scope: &ResourceId) -> Result<Vec<Value>, Error> {
    let found = call.web.store.resources(kind, Some(scope), None, MOST).await?;
    let may = |one: &&Resource| {
        one.id.parent().is_some_and(|at| scope.contains(&at) && call.may(&format!("{kind}/read"), &at))
    };
    Ok(found.iter().filter(may).map(shown).collect())
}

/// What is said of a recommendation. Only a customer's own can be written.
async fn metadata(call: &Call<'_>, scope: &ResourceId) -> Result<Value, Error> {
    let is_known = match scope.subscription() {
        Some(id) => call.web.store.subscription(id).await?.is_some(),
        None => false,
    };
    if scope.kind() != "microsoft.resources/subscriptions" || !is_known {
        return Err(Error::UnknownResource(scope.to_string()));
    }
    let properties = object(call.json::<Value>()?)?;
    for (name, words) in
        [("severity", &["Low", "Medium", "High"][..]), ("assessmentType", &["CustomerManaged"][..])]
    {
        let word = properties[name].as_str().unwrap_or_default();
        if !words.contains(&word) {
            return Err(malformed(&format!(
                "properties.{name} must be one of {}, found {word:?}",
                words.join(", ")
            )));
        }
    }
    text(&properties, "displayName")?;
    Ok(properties)
}

/// A verdict under a recommendation that the subscription has metadata of.
async fn assessment(call: &Call<'_>, id: &ResourceId, scope: &ResourceId) -> Result<Value, Error> {
    let mut properties = object(call.json::<Value>()?)?;
    let code = properties["status"]["code"].as_str().unwrap_or_default();
    if !["Healthy", "Unhealthy", "NotApplicable"].contains(&code) {
        let message =
            format!("properties.status.code must be Healthy, Unhealthy or NotApplicable, found {code:?}");
        return Err(malformed(&message));
    }
    let subscription = scope.subscription().unwrap_or_default();
    let at: ResourceId = format!("/subscriptions/{subscription}/providers/{METADATA}/{}", id.name())
        .parse()
        .map_err(|_| Error::UnknownResource(scope.to_string()))?;
    let Some(metadata) = call.web.store.resource(&at).await? else {
        let message =
            format!("there is no assessmentMetadata {}; PUT it in the subscription first", id.name());
        return Err(Error::bad_request("AssessmentMetadataNotFound", message));
    };
    let before = call.web.store.resource(id).await?;
    let now = json!(call.now.to_string());
    let earlier = before.as_ref().map(|before| &before.body["properties"]["status"]);
    let first = earlier.map_or(now.clone(), |status| status["firstEvaluationDate"].clone());
    let changed = earlier.filter(|status| status["code"] == properties["status"]["code"]);
    let changed = changed.map_or(now, |status| status["statusChangeDate"].clone());
    properties["status"]["firstEvaluationDate"] = first;
    properties["status"]["statusChangeDate"] = changed;
    properties["displayName"] = metadata.body["properties"]["displayName"].clone();
    Ok(properties)
}

fn object(mut body: Value) -> Result<Value, Error> {
    match body["properties"].take() {
        properties @ Value::Object(_) => Ok(properties),
        _ => Err(malformed("properties must be an object")),
    }
}

fn text(properties: &Value, name: &str) -> Result<(), Error> {
    match properties[name].as_str().is_some_and(|text| !text.is_empty()) {
        true => Ok(()),
        false => Err(malformed(&format!("properties.{name} must be a text"))),
    }
}

fn malformed(message: &str) -> Error {
    Error::bad_request("InvalidRequestContent", message.to_owned())
}

fn shown(found: &Resource) -> Value {
    let kind = if found.id.kind().ends_with("assessments") { ASSESSMENT } else { METADATA };
    json!({
        "id": found.id,
        "name": found.id.name(),
        "type": kind,
        "properties": found.body["properties"],
    })
}
