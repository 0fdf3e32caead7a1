//! `Plimsoll.Security/findingHistory`: which findings there were, from when to when; and what was known at an instant.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use plimsoll_store::{HistoryCursor, HistoryFilter, HistoryRow};
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::parameters::LARGEST_PAGE;
use crate::places::registries_below;

const READ: &str = "Microsoft.Security/assessments/subAssessments/read";

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "plimsoll.security" {
        return Ok(None);
    }
    match call.path.rest()[..] {
        [kind] if is(kind, "findingHistory") => {}
        _ => return Ok(None),
    }
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let registries = registries_below(call, &scope, READ).await?;
    let filter = HistoryFilter {
        registries: Some(registries.keys().copied().collect()),
        repository: parameter(call, "repository", "the name of a repository")?,
        image: parameter(call, "digest", "the digest of an image, such as sha256:…")?,
        vulnerability: call.parameters.get("vulnerability").map(str::to_owned),
        as_of: parameter(call, "asOf", "an RFC 3339 instant such as 2026-08-21T10:00:00Z")?,
    };
    let after = match call.parameters.skip_token.as_deref() {
        None => None,
        Some(token) => Some(from_token(token).ok_or_else(|| Error::of_skip_token(token))?),
    };
    let wanted = u32::try_from(call.parameters.top.unwrap_or(LARGEST_PAGE)).unwrap_or(u32::MAX);
    let (rows, next) = call.web.store.finding_history(&filter, after, wanted).await?;
    let value: Vec<Value> =
        rows.iter().filter_map(|row| Some(shown(&registries.get(&row.registry)?.scope, row))).collect();
    let next_link = next.map(|cursor| next_link(call, cursor));
    Ok(Some(Json(Page { value, next_link }).into_response()))
}

fn parameter<T: std::str::FromStr>(
    call: &Call<'_>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, Error> {
    let Some(text) = call.parameters.get(name) else { return Ok(None) };
    let found = || text.chars().take(100).collect();
    text.parse().map(Some).map_err(|_| Error::InvalidParameter { name, expected, found: found() })
}

fn shown(scope: &plimsoll_types::Scope, row: &HistoryRow) -> Value {
    json!({
        "registry": scope.registry_id(),
        "repository": row.repository.as_str(),
        "digest": row.digest.as_str(),
        "package": row.package.package.name,
        "version": row.package.package.version,
        "purl": row.package.purl,
        "vulnerability": row.vulnerability,
        "status": row.status,
        "severity": row.severity.as_str(),
        "fixedVersion": row.fixed_version,
        "firstSeen": row.since.to_string(),
        "goneOn": row.until.map(|until| until.to_string()),
        "goneBecause": row.ended_by.map(|end| end.as_str()),
    })
}

fn next_link(call: &Call<'_>, cursor: HistoryCursor) -> String {
    let mut link = format!("/{}?", call.uri.path().trim_start_matches('/'));
    for name in ["api-version", "$top", "repository", "digest", "vulnerability", "asOf"] {
        if let Some(value) = call.parameters.get(name) {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            link.push_str(&format!("{name}={value}&"));
        }
    }
    let token = format!("{}.{}", cursor.image, cursor.given);
    call.base.link(&format!("{link}$skipToken={}", URL_SAFE_NO_PAD.encode(token)))
}

fn from_token(token: &str) -> Option<HistoryCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(token.get(..64.min(token.len()))?).ok()?;
    let (image, given) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
    Some(HistoryCursor { image: image.parse().ok()?, given: given.parse().ok()? })
}
