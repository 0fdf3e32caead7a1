//! `Microsoft.Security/pricings`: the plans of a subscription, on or off.
//!
//! All of Azure's plans are listed, kept and given back; those that cover registries mean something here
//! (`plimsoll_types::plan`). Booleans are texts, `"True"` and `"False"`, as Azure has them.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_types::plan::{self, Plan, REGISTRY_EXTENSION, Tier};
use plimsoll_types::{ResourceId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;

const KIND: &str = "Microsoft.Security/pricings";
/// Extensions of one plan; Azure has fewer than ten.
const MAX_EXTENSIONS: usize = 50;
/// The longest name of an extension or sub-plan, in characters.
const MAX_NAME: usize = 200;
/// The longest plan as it is kept, in bytes.
const MAX_KEPT: usize = 64 << 10;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.security" {
        return Ok(None);
    }
    match *call.path.rest() {
        [kind] if is(kind, "pricings") => {
            if !matches!(*call.method, Method::GET | Method::HEAD) {
                return Err(Error::MethodNotAllowed("GET, HEAD"));
            }
            list_plans(call).await.map(Some)
        }
        [kind, name] if is(kind, "pricings") => {
            let response = match *call.method {
                Method::GET | Method::HEAD => get_plan(call, name).await?,
                Method::PUT => put_plan(call, name).await?,
                Method::DELETE => return Err(refuse_delete(call)?),
                _ => return Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
            };
            Ok(Some(response))
        }
        _ => Ok(None),
    }
}

async fn list_plans(call: &Call<'_>) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Microsoft.Security/pricings/read", &scope)?;
    let wanted = call.parameters.get("$filter").map(names_of_filter).transpose()?;
    let mut plans = Vec::new();
    for name in plan::PLANS {
        if wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| is(wanted, name))) {
            plans.push(read_plan(call, &scope, name).await?);
        }
    }
    Ok(Json(Page::whole(plans)).into_response())
}

async fn get_plan(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Microsoft.Security/pricings/read", &scope)?;
    Ok(Json(read_plan(call, &scope, known(name)?).await?).into_response())
}

async fn put_plan(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Microsoft.Security/pricings/write", &scope)?;
    let name = known(name)?;
    let wanted: Wanted = call.json::<WantedPlan>()?.properties;
    let id = id_of(&scope, name)?;
    // What nobody has said yet is a state, too: what the request does not name stays as it is shown.
    let before = match stored(call, &id).await? {
        Some(properties) => properties,
        None => unsaid(call, &scope, name).await?,
    };
    let properties = wanted.merged(name, Some(&before), call.now)?;
    let body = json!({ "properties": properties });
    if body.to_string().len() > MAX_KEPT {
        let message = format!("a plan must not have more than {MAX_KEPT} bytes");
        return Err(Error::bad_request("InvalidRequestContent", message));
    }
    let put = call.web.store.put_plan(&id, &body, call.now).await?;
    tracing::info!(plan = name, scope = %scope, covered = put.covered, queued = put.queued, "a plan was set");
    // Never 201, even for a plan that is set for the first time: az takes it for a failure.
    Ok(Json(read_plan(call, &scope, name).await?).into_response())
}

/// Azure deletes plans of single machines only.
fn refuse_delete(call: &Call<'_>) -> Result<Error, Error> {
    call.authorize("Microsoft.Security/pricings/delete", &call.path.scope()?)?;
    Ok(Error::bad_request(
        "InvalidOperation",
        "a subscription always has all its plans; to switch one off, PUT it with pricingTier Free",
    ))
}

/// The subscription that the path names.
async fn subscription(call: &Call<'_>) -> Result<ResourceId, Error> {
    let scope = call.path.scope()?;
    let Some(id) = scope.subscription().filter(|_| scope.kind() == "microsoft.resources/subscriptions")
    else {
        let message =
            "plans belong to subscriptions: /subscriptions/{id}/providers/Microsoft.Security/pricings";
        return Err(Error::bad_request("InvalidScope", message));
    };
    let is_known = is(id, &call.web.scope.subscription)
        || call.web.store.subscriptions().await?.iter().any(|known| is(id, &known.id));
    if is_known { Ok(scope) } else { Err(Error::UnknownSubscription(id.to_owned())) }
}

fn known(name: &str) -> Result<&'static str, Error> {
    plan::plan_name(name).ok_or_else(|| {
        let message = format!("there is no plan {name:?}; there are {}", plan::PLANS.join(", "));
        Error::not_found("ResourceNotFound", message)
    })
}

fn id_of(scope: &ResourceId, name: &str) -> Result<ResourceId, Error> {
    scope.extend(KIND, name).map_err(|error| Error::bad_request("InvalidResourceId", error.to_string()))
}

/// `name in (Containers,Arm)`, with or without quotes.
fn names_of_filter(filter: &str) -> Result<Vec<String>, Error> {
    let bad = || Error::InvalidParameter {
        name: "$filter",
        expected: "name in (Containers,ContainerRegistry)",
        found: filter.chars().take(100).collect(),
    };
    let lower = filter.to_ascii_lowercase();
    let rest = lower.trim().strip_prefix("name").ok_or_else(bad)?.trim_start();
    if let Some(name) = rest.strip_prefix("eq ") {
        return Ok(vec![name.trim().trim_matches('\'').to_owned()]);
    }
    let list = rest.strip_prefix("in").ok_or_else(bad)?.trim();
    let list = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(bad)?;
    Ok(list.split(',').map(|name| name.trim().trim_matches(['\'', '"']).to_owned()).collect())
}

async fn stored(call: &Call<'_>, id: &ResourceId) -> Result<Option<Value>, Error> {
    Ok(call.web.store.resource(id).await?.map(|resource| resource.body["properties"].clone()))
}

async fn read_plan(call: &Call<'_>, scope: &ResourceId, name: &'static str) -> Result<Value, Error> {
    let id = id_of(scope, name)?;
    let properties = match stored(call, &id).await? {
        Some(properties) => properties,
        None => unsaid(call, scope, name).await?,
    };
    Ok(shape(&id, name, &properties))
}

/// What a plan is while nobody has said anything of it.
async fn unsaid(call: &Call<'_>, scope: &ResourceId, name: &str) -> Result<Value, Error> {
    let plan = Plan::unsaid(name);
    let mut properties = json!({ "pricingTier": plan.tier });
    if plan.tier == Tier::Standard {
        let subscriptions = call.web.store.subscriptions().await?;
        let since = subscriptions
            .iter()
            .find(|known| scope.subscription().is_some_and(|id| is(id, &known.id)))
            .map_or(call.now, |known| known.created_at);
        properties["enablementTime"] = json!(since.to_string());
    }
    if plan.scans_registries {
        properties["extensions"] = json!([{ "name": REGISTRY_EXTENSION, "isEnabled": "True" }]);
    }
    Ok(properties)
}

/// A plan as clients read it.
fn shape(id: &ResourceId, name: &str, kept: &Value) -> Value {
    let is_on = Plan::of_properties(kept).tier == Tier::Standard;
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    set("pricingTier", json!(if is_on { Tier::Standard } else { Tier::Free }));
    for optional in ["subPlan", "enablementTime"] {
        if let Some(value) = kept[optional].as_str() {
            set(optional, json!(value));
        }
    }
    // There is nothing to pay, so there is no trial that could end.
    set("freeTrialRemainingTime", json!("PT0S"));
    set("enforce", json!(kept["enforce"].as_str().unwrap_or("False")));
    set("inherited", json!("False"));
    let mut extensions = kept["extensions"].as_array().cloned().unwrap_or_default();
    if plan::offers_registry_extension(name) && !extensions.iter().any(is_registry_extension) {
        extensions.push(json!({ "name": REGISTRY_EXTENSION, "isEnabled": "False" }));
    }
    for extension in &mut extensions {
        if extension["isEnabled"] == "True" {
            extension["operationStatus"] = json!({ "code": "Succeeded", "message": "" });
        }
    }
    let lacks = |extension: &Value| is_registry_extension(extension) && extension["isEnabled"] != "True";
    let covered = match (is_on, extensions.iter().any(lacks)) {
        (false, _) => "NotCovered",
        (true, true) => "PartiallyCovered",
        (true, false) => "FullyCovered",
    };
    set("resourcesCoverageStatus", json!(covered));
    if !extensions.is_empty() {
        set("extensions", json!(extensions));
    }
    let successor = plan::replaced_by(name);
    set("deprecated", json!(successor.is_some()));
    if let Some(successor) = successor {
        set("replacedBy", json!([successor]));
    }
    json!({ "id": id.as_str(), "name": name, "type": KIND, "properties": properties })
}

fn is_registry_extension(extension: &Value) -> bool {
    extension["name"].as_str().is_some_and(|name| is(name, REGISTRY_EXTENSION))
}

/// The body of a PUT.
#[derive(Deserialize)]
struct WantedPlan {
    properties: Wanted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    pricing_tier: String,
    sub_plan: Option<String>,
    enforce: Option<String>,
    extensions: Option<Vec<WantedExtension>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedExtension {
    name: String,
    is_enabled: String,
    additional_extension_properties: Option<Map<String, Value>>,
}

impl Wanted {
    /// What is kept: what was asked for, and for extensions that nobody speaks of, what was there. Whoever switches a plan
    /// on without a word about extensions gets the registry extension: it is what the plan is for here.
    fn merged(self, name: &str, before: Option<&Value>, now: Timestamp) -> Result<Value, Error> {
        let is_on = match self.pricing_tier.to_ascii_lowercase().as_str() {
            "standard" => true,
            "free" => false,
            other => {
                let message = format!("properties.pricingTier must be Free or Standard, found {other:?}");
                return Err(Error::bad_request("InvalidPricingTier", message));
            }
        };
        let was_on = before.is_some_and(|before| Plan::of_properties(before).tier == Tier::Standard);
        let mut kept = json!({ "pricingTier": if is_on { Tier::Standard } else { Tier::Free } });
        if let Some(sub_plan) = self.sub_plan {
            kept["subPlan"] = json!(checked("subPlan", sub_plan)?);
        }
        if let Some(enforce) = self.enforce {
            kept["enforce"] = json!(truth("properties.enforce", &enforce)?);
        }
        if !is_on {
            return Ok(kept);
        }
        let earlier = before.filter(|_| was_on);
        let since = earlier.and_then(|before| before["enablementTime"].as_str().map(str::to_owned));
        kept["enablementTime"] = json!(since.unwrap_or_else(|| now.to_string()));
        kept["extensions"] = match (self.extensions, earlier) {
            (Some(wanted), _) if wanted.len() > MAX_EXTENSIONS => {
                let message = format!("a plan has at most {MAX_EXTENSIONS} extensions");
                return Err(Error::bad_request("InvalidRequestContent", message));
            }
            (Some(wanted), earlier) => {
                let mut extensions = Vec::with_capacity(wanted.len());
                for (number, one) in wanted.into_iter().enumerate() {
                    extensions.push(one.kept(number)?);
                }
                // One that is not named stays as it was.
                let earlier = earlier.and_then(|before| before["extensions"].as_array()).cloned();
                let unnamed = earlier.unwrap_or_default().into_iter().filter(|old| {
                    let name = old["name"].as_str().unwrap_or_default();
                    !extensions.iter().any(|new| new["name"].as_str().is_some_and(|new| is(new, name)))
                });
                let unnamed: Vec<Value> = unnamed.collect();
                json!([extensions, unnamed].concat())
            }
            (None, Some(earlier)) => earlier["extensions"].clone(),
            (None, None) if plan::offers_registry_extension(name) => {
                json!([{ "name": REGISTRY_EXTENSION, "isEnabled": "True" }])
            }
            (None, None) => json!([]),
        };
        Ok(kept)
    }
}

impl WantedExtension {
    fn kept(self, number: usize) -> Result<Value, Error> {
        let is_enabled = truth(&format!("properties.extensions[{number}].isEnabled"), &self.is_enabled)?;
        let mut kept =
            json!({ "name": checked("the name of an extension", self.name)?, "isEnabled": is_enabled });
        if let Some(more) = self.additional_extension_properties {
            kept["additionalExtensionProperties"] = Value::Object(more);
        }
        Ok(kept)
    }
}

fn truth(place: &str, text: &str) -> Result<&'static str, Error> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok("True"),
        "false" => Ok("False"),
        _ => {
            let message = format!("{place} must be the text True or False, found {text:?}");
            Err(Error::bad_request("InvalidRequestContent", message.chars().take(300).collect::<String>()))
        }
    }
}

fn checked(what: &str, name: String) -> Result<String, Error> {
    if (1..=MAX_NAME).contains(&name.chars().count()) {
        return Ok(name);
    }
    let message = format!("{what} must have 1 to {MAX_NAME} characters");
    Err(Error::bad_request("InvalidRequestContent", message))
}
