//! Lists of resources in pages, in the order of their ids.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::call::Call;
use crate::error::Error;
use crate::page::Page;
use crate::parameters::LARGEST_PAGE;

/// The longest token, in bytes: the longest id, encoded.
const MAX_TOKEN: usize = 4096;

/// The page that was asked for, of rows that come with their keys. A token is the key of the last row before it, so that
/// rows which come and go meanwhile neither repeat nor hide others.
pub(crate) fn answer<T: Serialize>(call: &Call<'_>, mut rows: Vec<(String, T)>) -> Result<Response, Error> {
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(token) = call.parameters.skip_token.as_deref() {
        let after = read_token(token).ok_or_else(|| Error::of_skip_token(token))?;
        rows.retain(|(key, _)| *key > after);
    }
    let size = call.parameters.top.unwrap_or(LARGEST_PAGE);
    let more = rows.len() > size;
    rows.truncate(size);
    let next_link = rows.last().filter(|_| more).map(|(key, _)| next_link(call, key));
    let value = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Json(Page { value, next_link }).into_response())
}

fn next_link(call: &Call<'_>, last: &str) -> String {
    let mut link = call.base.link(&format!(
        "/{}?api-version={}&$skipToken={}",
        call.uri.path().trim_start_matches('/'),
        call.parameters.api_version,
        URL_SAFE_NO_PAD.encode(last)
    ));
    if let Some(top) = call.parameters.top {
        link.push_str(&format!("&$top={top}"));
    }
    if let Some(filter) = call.parameters.get("$filter") {
        link.push_str(&format!("&$filter={}", utf8_percent_encode(filter, NON_ALPHANUMERIC)));
    }
    link
}

fn read_token(token: &str) -> Option<String> {
    let bytes = if token.len() <= MAX_TOKEN { URL_SAFE_NO_PAD.decode(token).ok()? } else { return None };
    let key = String::from_utf8(bytes).ok()?;
    key.starts_with('/').then_some(key)
}
