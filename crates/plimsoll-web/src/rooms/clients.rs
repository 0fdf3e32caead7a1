//! What clients ask before anything else: where the parts of the cloud are, which tenants there are, and what the whole
//! API is. `az cloud register` begins here, and asks without a token.

use std::sync::LazyLock;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::Method;
use http::header;
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::openapi;
use crate::page::Page;
use crate::shapes::TENANT;

/// The OpenAPI document, made once.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let segments: Vec<&str> = call.path.segments.iter().map(String::as_str).collect();
    let response: fn(&Call<'_>) -> Response = match segments[..] {
        [metadata, endpoints] if is(metadata, "metadata") && is(endpoints, "endpoints") => endpoints_of,
        [tenants] if is(tenants, "tenants") => list_tenants,
        ["openapi.json"] => openapi_document,
        _ => return Ok(None),
    };
    match *call.method {
        Method::GET | Method::HEAD => Ok(Some(response(call))),
        _ => Err(Error::MethodNotAllowed("GET, HEAD")),
    }
}

/// From this version on the answer is the cloud itself; before it, a list of clouds.
const ONE_CLOUD_SINCE: &str = "2022-09-01";

fn endpoints_of(call: &Call<'_>) -> Response {
    let cloud = cloud(call);
    let version = call.parameters.api_version.as_str();
    if version.is_empty() || version >= ONE_CLOUD_SINCE {
        Json(cloud).into_response()
    } else {
        Json([cloud]).into_response()
    }
}

/// The cloud, as the client that asks sees it. Everything is at the one listener. `az` needs the name, the authentication
/// and the suffixes, and fails without a word about it where one is missing.
fn cloud(call: &Call<'_>) -> Value {
    let here = call.base.link("");
    json!({
        "name": "Plimsoll",
        "resourceManager": here,
        "portal": here,
        "graphAudience": here,
        "graph": here,
        "microsoftGraphResourceId": here,
        "authentication": {
            "loginEndpoint": here,
            // The first is what clients ask tokens for; the second is what some make of it.
            "audiences": [here, format!("{here}/")],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {
            "acrLoginServer": call.base.host_without_port(),
            // az names data endpoints with it.
            "storage": call.base.host_without_port(),
        },
    })
}

fn list_tenants(_: &Call<'_>) -> Response {
    let tenant = json!({
        "id": format!("/tenants/{TENANT}"),
        "tenantId": TENANT,
        "tenantCategory": "Home",
        "displayName": "Plimsoll",
        "countryCode": "",
        "domains": [],
    });
    Json(Page::whole(vec![tenant])).into_response()
}

fn openapi_document(_: &Call<'_>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}
