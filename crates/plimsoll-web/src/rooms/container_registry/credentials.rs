//! The passwords of a registry's own user. They are derived from a key that all nodes share, so that they can be told again
//! and are kept nowhere.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_access::Gate;
use plimsoll_store::Registry;
use plimsoll_types::registry::Description;
use serde::Deserialize;
use serde_json::{Value, json};

use super::registry;
use crate::call::{Call, malformed};
use crate::document;
use crate::error::Error;
use crate::rooms::resources::id;

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let registry = registry(call, "listCredentials/action").await?;
    must_have_user(&registry)?;
    tell(call, &registry).await
}

#[derive(Deserialize)]
struct Body {
    name: String,
}

/// Makes a new password in the place of one of the two; who logs in with the old one is refused from now on.
pub(super) async fn renew(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let registry = registry(call, "regenerateCredential/action").await?;
    let body: Body = document::read(Value::Object(document::of_call(call)?))?;
    must_have_user(&registry)?;
    let Some(name) = Gate::PASSWORDS.into_iter().find(|name| name.eq_ignore_ascii_case(&body.name)) else {
        return Err(malformed("name", &format!("it must be one of {}", Gate::PASSWORDS.join(", "))));
    };
    let place = id(&registry.scope.registry_id())?;
    let renewed = call.web.access.renew_registry_password(&place, name).await;
    renewed.map_err(|error| call.unauthenticated(error))?;
    tell(call, &registry).await
}

/// Passwords of a registry's tokens are not made here: our own tokens do what they would.
pub(super) async fn generate(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    registry(call, "generateCredentials/action").await?;
    let message = "passwords of a registry's tokens are not supported; make a token with `plimsoll token create` and \
        assign it a role on the repositories that it is for";
    Err(Error::bad_request("NotSupported", message))
}

async fn tell(call: &Call<'_>, registry: &Registry) -> Result<Response, Error> {
    let place = id(&registry.scope.registry_id())?;
    let mut passwords = Vec::new();
    for name in Gate::PASSWORDS {
        let password = call.web.access.registry_password(&place, name).await;
        let password = password.map_err(|error| call.unauthenticated(error))?;
        passwords.push(json!({"name": name, "value": password}));
    }
    Ok(Json(json!({"username": registry.scope.registry, "passwords": passwords})).into_response())
}

fn must_have_user(registry: &Registry) -> Result<(), Error> {
    if Description::of_body(&registry.body).properties.admin_user_enabled {
        return Ok(());
    }
    let message = format!(
        "the registry {} has no user of its own; set properties.adminUserEnabled to true to give it one",
        registry.scope.registry
    );
    Err(Error::bad_request("UnAuthorizedForCredentialOperations", message))
}
