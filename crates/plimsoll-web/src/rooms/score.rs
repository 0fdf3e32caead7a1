//! `Microsoft.Security/secureScores`: how many of the points that can be reached are reached, with the controls that give
//! them; and, under `Plimsoll.Security`, how that was before.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_store::{Registry, ScorePoint, Store};
use plimsoll_types::score::{Points, Resources};
use plimsoll_types::{Generation, Timestamp};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::exemptions::Exemptions;
use crate::page::Page;
use crate::places::registries_at;
use crate::route::Place;
use crate::shapes::{Code, code};

/// The initiative that there is: Azure's name for the default one.
const INITIATIVE: &str = "ascScore";
/// The control to which both recommendations belong, with what Azure gives for it.
const CONTROL: &str = "5d8a1c6e-7f0b-4c39-9a44-2b6f0e31c7a2";
const CONTROL_NAME: &str = "Remediate vulnerabilities";
const MAX_POINTS: u32 = 6;
const READ: &str = "Microsoft.Security/secureScores/read";

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let provider = call.path.provider();
    let rest = call.path.rest();
    let scores = |word: &str| is(word, "secureScores");
    let controls = |word: &str| is(word, "secureScoreControls");
    let answer = match (provider.as_str(), &rest[..]) {
        ("microsoft.security", [word]) if scores(word) => {
            json!(Page::whole(vec![shown(call, &score(call).await?)]))
        }
        ("microsoft.security", [word, name]) if scores(word) => {
            must_be_known(name)?;
            shown(call, &score(call).await?)
        }
        ("microsoft.security", [word, name, child]) if scores(word) && controls(child) => {
            must_be_known(name)?;
            json!(Page::whole(vec![shown_control(call, &score(call).await?)]))
        }
        ("microsoft.security", [word]) if controls(word) => {
            json!(Page::whole(vec![shown_control(call, &score(call).await?)]))
        }
        ("microsoft.security", [word]) if is(word, "secureScoreControlDefinitions") => {
            let scope = call.path.scope()?;
            let parent = if scope.is_root() { "" } else { scope.as_str() };
            if !scope.is_root() {
                subscription(call)?;
            }
            json!(Page::whole(vec![definition(parent)]))
        }
        ("plimsoll.security", [word, name, history]) if scores(word) && is(history, "history") => {
            must_be_known(name)?;
            list_history(call).await?
        }
        _ => return Ok(None),
    };
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    Ok(Some(Json(answer).into_response()))
}

/// Writes down the score of each subscription, where it changed or the last one is a day old.
pub async fn record_scores(store: &Store, now: Timestamp) -> Result<(), plimsoll_store::Error> {
    store.settle_rules(now).await?;
    for subscription in store.subscriptions().await? {
        let registries = store.registries().await?;
        let held = registries
            .iter()
            .filter(|registry| registry.scope.subscription.eq_ignore_ascii_case(&subscription.id))
            .cloned()
            .collect::<Vec<_>>();
        let resources = match resources(store, &held, now).await {
            Ok(resources) => resources,
            Err(Error::Store(error)) => return Err(error),
            Err(_) => continue,
        };
        store.record_score(&subscription.id, &point(resources, now)).await?;
    }
    Ok(())
}

/// The score of the subscription that the path names, which is written down on the way.
async fn score(call: &Call<'_>) -> Result<Resources, Error> {
    let subscription = subscription(call)?;
    call.authorize(READ, &call.path.scope()?)?;
    let store = &call.web.store;
    let registries = registries_at(call, &Place::Subscription(subscription.clone()), READ).await?;
    store.settle_rules(call.now).await?;
    let resources = resources(store, &registries, call.now).await?;
    store.record_score(&subscription, &point(resources, call.now)).await?;
    Ok(resources)
}

/// A registry is unhealthy if it is so under one of the recommendations, healthy if it is so under one and unhealthy
/// under none.
async fn resources(store: &Store, registries: &[Registry], now: Timestamp) -> Result<Resources, Error> {
    let exemptions = Exemptions::load(store).await?;
    let mut resources = Resources::default();
    for Registry { id, scope, .. } in registries {
        let id = *id;
        let mut codes = Vec::new();
        for generation in Generation::ALL {
            let worst = store.worst_of_registry(id, generation).await?;
            codes.push(code(worst, exemptions.of(scope, generation, now)));
        }
        if codes.contains(&Code::Unhealthy) {
            resources.unhealthy += 1;
        } else if codes.contains(&Code::Healthy) {
            resources.healthy += 1;
        } else {
            resources.not_applicable += 1;
        }
    }
    Ok(resources)
}

fn point(resources: Resources, now: Timestamp) -> ScorePoint {
    let control = json!({
        "name": CONTROL,
        "displayName": CONTROL_NAME,
        "healthyResourceCount": resources.healthy,
        "unhealthyResourceCount": resources.unhealthy,
        "notApplicableResourceCount": resources.not_applicable,
        "score": points(resources.points(MAX_POINTS)),
    });
    ScorePoint {
        at: now,
        points: resources.points(MAX_POINTS),
        weight: resources.weight(),
        controls: json!([control]),
    }
}

/// Newest first; `before` (an instant) and `$top` choose.
async fn list_history(call: &Call<'_>) -> Result<Value, Error> {
    let subscription = subscription(call)?;
    call.authorize(READ, &call.path.scope()?)?;
    let before = match call.parameters.get("before") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Error::InvalidParameter {
            name: "before",
            expected: "an RFC 3339 instant such as 2026-08-21T10:00:00Z",
            found: text.chars().take(100).collect(),
        })?),
    };
    let top = u32::try_from(call.parameters.top.unwrap_or(1000)).unwrap_or(1000);
    let found = call.web.store.score_history(&subscription, before, top).await?;
    let shown = found.iter().map(|point| {
        json!({
            "at": point.at.to_string(),
            "score": points(point.points),
            "weight": point.weight,
            "controls": point.controls,
        })
    });
    Ok(json!(Page::whole(shown.collect::<Vec<Value>>())))
}

fn subscription(call: &Call<'_>) -> Result<String, Error> {
    let scope = call.path.scope()?;
    let is_subscription = scope.kind() == "microsoft.resources/subscriptions";
    let found = scope.subscription().filter(|_| is_subscription).map(str::to_owned);
    found.ok_or_else(|| Error::bad_request("InvalidScope", "a score is that of a subscription"))
}

fn must_be_known(name: &str) -> Result<(), Error> {
    let known = is(name, INITIATIVE);
    if known {
        Ok(())
    } else {
        Err(Error::UnknownResource(format!("Microsoft.Security/secureScores/{name}")))
    }
}

fn shown(call: &Call<'_>, resources: &Resources) -> Value {
    json!({
        "id": format!("{}/providers/Microsoft.Security/secureScores/{INITIATIVE}", scope_of(call)),
        "name": INITIATIVE,
        "type": "Microsoft.Security/secureScores",
        "properties": {
            "displayName": "ASC score",
            "weight": resources.weight(),
            "score": points(resources.points(MAX_POINTS)),
        },
    })
}

fn shown_control(call: &Call<'_>, resources: &Resources) -> Value {
    let parent = scope_of(call);
    let mut control = json!({
        "id": format!("{parent}/providers/Microsoft.Security/secureScores/{INITIATIVE}/secureScoreControls/{CONTROL}"),
        "name": CONTROL,
        "type": "Microsoft.Security/secureScores/secureScoreControls",
        "properties": {
            "displayName": CONTROL_NAME,
            "healthyResourceCount": resources.healthy,
            "unhealthyResourceCount": resources.unhealthy,
            "notApplicableResourceCount": resources.not_applicable,
            "weight": resources.weight(),
            "score": points(resources.points(MAX_POINTS)),
        },
    });
    let expands = call.parameters.get("$expand").unwrap_or_default();
    if expands.split(',').any(|word| is(word.trim(), "definition")) {
        control["properties"]["definition"] = definition(&parent);
    }
    control
}

fn definition(parent: &str) -> Value {
    let assessments = Generation::ALL.map(|generation| {
        json!({"id": format!("{parent}/providers/Microsoft.Security/assessmentMetadata/{}", generation.key())})
    });
    json!({
        "id": format!("{parent}/providers/Microsoft.Security/secureScoreControlDefinitions/{CONTROL}"),
        "name": CONTROL,
        "type": "Microsoft.Security/secureScoreControlDefinitions",
        "properties": {
            "displayName": CONTROL_NAME,
            "description": "Images in registries should have no known vulnerabilities. Upgrade what has a fix, and disable \
                            the findings that are no concern.",
            "maxScore": MAX_POINTS,
            "source": {"sourceType": "BuiltIn"},
            "assessmentDefinitions": assessments,
        },
    })
}

fn scope_of(call: &Call<'_>) -> String {
    call.path.scope().map(|scope| scope.to_string()).unwrap_or_default()
}

fn points(points: Points) -> Value {
    let round = |value: f64, digits: f64| (value * digits).round() / digits;
    json!({
        "max": points.max as i64,
        "current": round(points.current, 100.0),
        "percentage": round(points.percentage(), 10_000.0),
    })
}
