//! `Plimsoll.Security/affectedImages`: which images have a vulnerability, hidden or not.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_store::{ImageSummary, Registry, RegistryId};
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
        [kind] if is(kind, "affectedImages") => {}
        _ => return Ok(None),
    }
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let expected = "the name of a vulnerability, such as CVE-2024-3094";
    let vulnerability = call.parameters.get("vulnerability").filter(|name| !name.is_empty());
    let vulnerability = vulnerability.ok_or(Error::InvalidParameter {
        name: "vulnerability",
        expected,
        found: String::new(),
    })?;
    let registries = registries_below(call, &scope, READ).await?;
    let after = match call.parameters.skip_token.as_deref() {
        None => 0,
        // Digits alone, which every client leaves as they are.
        Some(token) => {
            token.parse::<i64>().ok().filter(|row| *row > 0).ok_or_else(|| Error::of_skip_token(token))?
        }
    };
    let wanted = call.parameters.top.unwrap_or(LARGEST_PAGE).max(1);
    let ids: Vec<RegistryId> = registries.keys().copied().collect();
    let n = u32::try_from(wanted).unwrap_or(u32::MAX);
    let images = call.web.store.images_with(vulnerability, Some(&ids), after, n).await?;
    let is_full = images.len() as u64 >= u64::from(n);
    let next_link = images.last().filter(|_| is_full).map(|(row, _)| next_link(call, vulnerability, *row));
    let shown = |image: &ImageSummary| Some(shown(registries.get(&image.registry)?, image));
    let value: Vec<Value> = images.iter().filter_map(|(_, image)| shown(image)).collect();
    Ok(Some(Json(Page { value, next_link }).into_response()))
}

fn shown(registry: &Registry, image: &ImageSummary) -> Value {
    json!({
        "registry": registry.scope.registry_id(),
        "registryHost": registry.scope.registry_host,
        "repository": image.repository.as_str(),
        "digest": image.digest.as_str(),
        "tags": image.tags,
        "platform": image.platform.as_ref().map(ToString::to_string),
        "pushedOn": image.pushed_at.to_string(),
        "assessedOn": image.assessed_at.map(|at| at.to_string()),
    })
}

fn next_link(call: &Call<'_>, vulnerability: &str, row: i64) -> String {
    let encoded = percent_encoding::utf8_percent_encode(vulnerability, percent_encoding::NON_ALPHANUMERIC);
    let mut link = format!(
        "/{}?api-version={}&vulnerability={encoded}",
        call.uri.path().trim_start_matches('/'),
        call.parameters.api_version,
    );
    if let Some(top) = call.parameters.top {
        link.push_str(&format!("&$top={top}"));
    }
    call.base.link(&format!("{link}&$skipToken={row}"))
}
