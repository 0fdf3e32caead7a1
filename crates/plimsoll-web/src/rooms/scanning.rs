//! `Plimsoll.Security`: how the scans of a registry go, asking for one, and the meter. Azure has no resource for these.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_store::{ImageState, MeterRow, RegistryId, ScanFilter, ScanRow, Store};
use plimsoll_types::coverage::Coverage;
use plimsoll_types::{Digest, ProblemKind, Reference, RepositoryName, ResourceId, Tag, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::parameters::LARGEST_PAGE;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "plimsoll.security" {
        return Ok(None);
    }
    let reads = matches!(*call.method, Method::GET | Method::HEAD);
    let (is_allowed, allowed) = match call.path.rest().first() {
        Some(word) if is(word, "rescan") => (*call.method == Method::POST, "POST"),
        Some(word) if is(word, "scans") || is(word, "meters") => (reads, "GET, HEAD"),
        _ => return Ok(None),
    };
    if !is_allowed {
        return Err(Error::MethodNotAllowed(allowed));
    }
    let response = match *call.path.rest() {
        [action] if is(action, "rescan") => rescan(call).await?,
        [kind] if is(kind, "scans") => list_scans(call).await?,
        [kind, name] if is(kind, "scans") => get_scan(call, name).await?,
        [kind] if is(kind, "meters") => list_meters(call).await?,
        [kind, month] if is(kind, "meters") => get_meter(call, month).await?,
        [kind, month, charges] if is(kind, "meters") && is(charges, "charges") => {
            list_charges(call, month).await?
        }
        _ => return Ok(None),
    };
    Ok(Some(response))
}

/// What to scan again: nothing said means the whole registry.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Rescan {
    #[serde(deserialize_with = "text_or_none")]
    repository: Option<RepositoryName>,
    #[serde(deserialize_with = "text_or_none")]
    digest: Option<Digest>,
    #[serde(deserialize_with = "text_or_none")]
    tag: Option<Tag>,
}

/// A text of a checked type, or null.
fn text_or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err = plimsoll_types::ParseError>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

async fn rescan(call: &Call<'_>) -> Result<Response, Error> {
    let (id, _, store) = registry(call).await?;
    call.authorize("Plimsoll.Security/scans/rescan/action", &id)?;
    // No body, an empty one and `null` all mean the whole registry.
    let wanted = call.json::<Option<Rescan>>()?.unwrap_or_default();
    let reference = match (wanted.digest, wanted.tag) {
        (Some(digest), None) => Some(Reference::Digest(digest)),
        (None, tag) => tag.map(Reference::Tag),
        (Some(_), Some(_)) => {
            return Err(Error::bad_request("InvalidRequestContent", "name a digest or a tag, not both"));
        }
    };
    if reference.is_some() && wanted.repository.is_none() {
        let message = "a digest or a tag needs the repository that it is in";
        return Err(Error::bad_request("InvalidRequestContent", message));
    }
    let queued = store.rescan(wanted.repository.as_ref(), reference.as_ref(), call.now).await;
    let queued = queued.map_err(|error| match error.kind() {
        plimsoll_store::ErrorKind::NotFound => Error::not_found("ResourceNotFound", error.to_string()),
        _ => error.into(),
    })?;
    tracing::info!(registry = %id, queued, "a scan was asked for");
    Ok((StatusCode::OK, Json(json!({ "queued": queued }))).into_response())
}

/// One scan, as the list has it.
#[derive(Serialize)]
struct Scan {
    id: String,
    name: String,
    #[serde(rename = "type")]
    resource_type: &'static str,
    properties: ScanProperties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScanProperties {
    repository: String,
    digest: String,
    tags: Vec<String>,
    state: &'static str,
    reason: Option<String>,
    trigger: Option<&'static str>,
    attempts: u64,
    next_attempt: Option<String>,
    queued_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    assessed_at: Option<String>,
    last_pulled_at: Option<String>,
}

impl Scan {
    fn new(registry: &ResourceId, row: ScanRow) -> Self {
        let (state, reason) = state(&row);
        let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        Self {
            id: format!("{registry}/providers/Plimsoll.Security/scans/{}", row.row),
            name: row.row.to_string(),
            resource_type: "Plimsoll.Security/scans",
            properties: ScanProperties {
                repository: row.repository.to_string(),
                digest: row.digest.to_string(),
                tags: row.tags,
                state,
                reason,
                trigger: row.trigger.map(|trigger| trigger.as_str()),
                attempts: row.attempts,
                next_attempt: text(row.next_attempt),
                queued_at: text(row.queued_at),
                started_at: text(row.started_at),
                finished_at: text(row.finished_at),
                assessed_at: text(row.assessed_at),
                last_pulled_at: text(row.pulled_at),
            },
        }
    }
}

/// The word for how far a scan is, with the reason where there is one.
fn state(row: &ScanRow) -> (&'static str, Option<String>) {
    if let Some(failure) = &row.last_failure {
        return ("Failed", Some(failure.clone()));
    }
    match &row.state {
        ImageState::Uncovered => {
            ("NotCovered", Some("the subscription's plan is off, so nothing of it is scanned".to_owned()))
        }
        ImageState::Queued => ("Queued", None),
        ImageState::Running => ("Running", None),
        ImageState::AwaitingAdvisories => {
            ("AwaitingAdvisories", Some("it was read, and waits for the first advisories".to_owned()))
        }
        ImageState::Failed(reason) => ("Failed", Some(reason.clone())),
        ImageState::Unsupported(reason) => ("Unsupported", Some(reason.clone())),
        ImageState::Done => match Coverage::deserialize(&row.coverage) {
            Ok(coverage) if coverage.conclusion.complete => ("Done", None),
            Ok(coverage) => {
                let is_too_large =
                    coverage.problems.iter().any(|problem| problem.kind == ProblemKind::LimitExceeded);
                (if is_too_large { "TooLarge" } else { "Done" }, coverage.conclusion.reason)
            }
            Err(_) => ("Done", None),
        },
    }
}

async fn list_scans(call: &Call<'_>) -> Result<Response, Error> {
    let (id, _, store) = registry(call).await?;
    call.authorize("Plimsoll.Security/scans/read", &id)?;
    let filter = ScanFilter {
        repository: filtered(call, "repository", "a repository's name")?,
        digest: filtered(call, "digest", "a digest")?,
    };
    let wanted = call.parameters.get("state");
    let after =
        token(call)?.map_or(Ok(0), |token| token.parse().map_err(|_| Error::of_skip_token(&token)))?;
    let size = call.parameters.top.unwrap_or(LARGEST_PAGE);
    let rows = store.scans(&filter, after, size as u32).await?;
    // A page on which a state is rare may be short; there is another while the registry has more.
    let next_link = rows
        .last()
        .filter(|_| rows.len() == size)
        .map(|last| next_link(call, &last.row.to_string(), &["repository", "digest", "state"]));
    let scans = rows.into_iter().map(|row| Scan::new(&id, row));
    let value = scans.filter(|scan| wanted.is_none_or(|wanted| is(wanted, scan.properties.state))).collect();
    Ok(Json(Page { value, next_link }).into_response())
}

async fn get_scan(call: &Call<'_>, name: &str) -> Result<Response, Error> {
    let (id, _, store) = registry(call).await?;
    call.authorize("Plimsoll.Security/scans/read", &id)?;
    let missing = || Error::UnknownResource(format!("Plimsoll.Security/scans/{name}"));
    let row: i64 = name.parse().ok().filter(|row| *row > 0).ok_or_else(missing)?;
    let found =
        store.scans(&ScanFilter::default(), row - 1, 1).await?.into_iter().find(|found| found.row == row);
    Ok(Json(Scan::new(&id, found.ok_or_else(missing)?)).into_response())
}

async fn list_meters(call: &Call<'_>) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Plimsoll.Security/meters/read", &scope)?;
    let rows = call.web.store.meter(scope.subscription().unwrap_or_default(), None).await?;
    let months = rows.chunk_by(|a, b| a.month == b.month);
    let value = months.map(|rows| meter(&scope, &rows[0].month, rows)).collect::<Vec<_>>();
    Ok(Json(Page::whole(value)).into_response())
}

async fn get_meter(call: &Call<'_>, month: &str) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Plimsoll.Security/meters/read", &scope)?;
    let month = checked_month(month)?;
    let rows = call.web.store.meter(scope.subscription().unwrap_or_default(), Some(month)).await?;
    Ok(Json(meter(&scope, month, &rows)).into_response())
}

async fn list_charges(call: &Call<'_>, month: &str) -> Result<Response, Error> {
    let scope = subscription(call).await?;
    call.authorize("Plimsoll.Security/meters/read", &scope)?;
    let month = checked_month(month)?;
    let after = token(call)?;
    let size = call.parameters.top.unwrap_or(LARGEST_PAGE);
    let subscription = scope.subscription().unwrap_or_default();
    let charges = call.web.store.charges(subscription, month, after.as_deref(), size as u32).await?;
    let next_link = charges
        .last()
        .filter(|_| charges.len() == size)
        .map(|last| next_link(call, last.digest.as_str(), &[]));
    let value = charges
        .iter()
        .map(|charge| {
            let digest = &charge.digest;
            json!({
                "id": format!("{scope}/providers/Plimsoll.Security/meters/{month}/charges/{digest}"),
                "name": digest.as_str(),
                "type": "Plimsoll.Security/meters/charges",
                "properties": {
                    "digest": digest.as_str(),
                    "registry": charge.registry_name,
                    "chargedAt": charge.charged_at.to_string(),
                },
            })
        })
        .collect();
    Ok(Json(Page::<Value> { value, next_link }).into_response())
}

/// The charges of a month, by registry.
fn meter(scope: &ResourceId, month: &str, rows: &[MeterRow]) -> Value {
    let registries: Vec<Value> =
        rows.iter().map(|row| json!({ "registry": row.registry_name, "images": row.images })).collect();
    json!({
        "id": format!("{scope}/providers/Plimsoll.Security/meters/{month}"),
        "name": month,
        "type": "Plimsoll.Security/meters",
        "properties": {
            "month": month,
            "unit": "Images",
            "images": rows.iter().map(|row| row.images).sum::<u64>(),
            "registries": registries,
        },
    })
}

fn checked_month(month: &str) -> Result<&str, Error> {
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let fits = month.split_once('-').is_some_and(|(year, number)| {
        digits(year, 4) && digits(number, 2) && ("01"..="12").contains(&number)
    });
    let shown: String = month.chars().take(100).collect();
    let error =
        || Error::bad_request("InvalidMonth", format!("a month is written as 2026-11, found {shown:?}"));
    if fits { Ok(month) } else { Err(error()) }
}

/// The registry that the path names, with the store that speaks of it.
async fn registry(call: &Call<'_>) -> Result<(ResourceId, RegistryId, Store), Error> {
    let scope = call.path.scope()?;
    if scope.kind() != "microsoft.containerregistry/registries" {
        let message = "scans belong to registries: …/Microsoft.ContainerRegistry/registries/{name}/providers/Plimsoll.Security/scans";
        return Err(Error::bad_request("InvalidScope", message));
    }
    let found = call.web.store.registry_by_name(scope.name()).await?;
    let found =
        found.filter(|found| found.scope.registry_id().parse::<ResourceId>().is_ok_and(|id| id == scope));
    let registry = found.ok_or_else(|| Error::UnknownResource(scope.as_str().to_owned()))?;
    let id = registry.scope.registry_id().parse().unwrap_or(scope);
    Ok((id, registry.id, call.web.store.in_registry(registry.id)))
}

/// The subscription that the path names.
async fn subscription(call: &Call<'_>) -> Result<ResourceId, Error> {
    let scope = call.path.scope()?;
    let Some(id) = scope.subscription().filter(|_| scope.kind() == "microsoft.resources/subscriptions")
    else {
        let message =
            "meters belong to subscriptions: /subscriptions/{id}/providers/Plimsoll.Security/meters";
        return Err(Error::bad_request("InvalidScope", message));
    };
    let is_known = is(id, &call.web.scope.subscription)
        || call.web.store.subscriptions().await?.iter().any(|known| is(id, &known.id));
    if is_known { Ok(scope) } else { Err(Error::UnknownSubscription(id.to_owned())) }
}

fn filtered<T: std::str::FromStr>(
    call: &Call<'_>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, Error> {
    let Some(text) = call.parameters.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let found = text.chars().take(100).collect();
    text.parse().map(Some).map_err(|_| Error::InvalidParameter { name, expected, found })
}

/// What the token of the page names: the last row before it.
fn token(call: &Call<'_>) -> Result<Option<String>, Error> {
    let Some(token) = call.parameters.skip_token.as_deref() else { return Ok(None) };
    let bytes = if token.len() <= 400 { URL_SAFE_NO_PAD.decode(token).ok() } else { None };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| Error::of_skip_token(token))
}

fn next_link(call: &Call<'_>, last: &str, parameters: &[&str]) -> String {
    let path = call.uri.path().trim_start_matches('/');
    let mut link = call.base.link(&format!(
        "/{path}?api-version={}&$skipToken={}",
        call.parameters.api_version,
        URL_SAFE_NO_PAD.encode(last)
    ));
    if let Some(top) = call.parameters.top {
        link.push_str(&format!("&$top={top}"));
    }
    for name in parameters {
        if let Some(value) = call.parameters.get(name) {
            link.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
    }
    link
}
