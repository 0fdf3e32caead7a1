//! Names of registries: their form, whether one is free, and the host name that comes of it.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::document;
use crate::error::Error;

#[derive(Deserialize)]
struct Body {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Whether a registry could be made under a name. It is asked of the subscription, the tenant or a location; names are
/// unique in all of them.
pub(super) async fn check(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let scope = call.path.scope()?;
    call.authorize("Microsoft.ContainerRegistry/checkNameAvailability/read", &scope)?;
    if let Some(subscription) = scope.subscription() {
        crate::rooms::resources::subscription(call, subscription).await?;
    }
    let body: Body = document::read(Value::Object(document::of_call(call)?))?;
    if !body.kind.eq_ignore_ascii_case("Microsoft.ContainerRegistry/registries") {
        let message =
            format!("type must be Microsoft.ContainerRegistry/registries, found {:?}", cut(&body.kind));
        return Err(Error::bad_request("InvalidResourceType", message));
    }
    let problem = match check_form(&body.name) {
        Err(error) => Some(("Invalid", error)),
        Ok(()) => {
            let store = &call.web.store;
            let has_name = store.registry_by_name(&body.name).await?.is_some();
            let has_host = store.registry_by_host(&login_server(call, &body.name)).await?.is_some();
            (has_name || has_host).then(|| ("AlreadyExists", taken(&body.name)))
        }
    };
    let answer = match problem {
        None => json!({
            "nameAvailable": true,
            "availableLoginServerName": login_server(call, &body.name),
        }),
        Some((reason, error)) => {
            json!({"nameAvailable": false, "reason": reason, "message": error.to_string()})
        }
    };
    Ok(Json(answer).into_response())
}

/// Fails unless a new registry may have this name.
pub(super) fn check_form(name: &str) -> Result<(), Error> {
    if (5..=50).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let message =
        format!("a registry's name has 5 to 50 letters and digits and nothing else, found {:?}", cut(name));
    Err(Error::bad_request("InvalidRegistryName", message))
}

/// The host name that a new registry of this name answers to.
pub(super) fn login_server(call: &Call<'_>, name: &str) -> String {
    format!("{}.{}", name.to_ascii_lowercase(), call.web.login_server_suffix)
}

pub(super) fn taken(name: &str) -> Error {
    Error::conflict("AlreadyInUse", format!("the registry name {name} is already in use"))
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}
