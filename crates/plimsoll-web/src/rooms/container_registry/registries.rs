//! Registries: list, get, create, update, delete. Each answer is the end of it: nothing here takes long.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::{Deleted, ErrorKind, Registry};
use plimsoll_types::registry::Description;
use plimsoll_types::{ResourceId, Scope};
use serde_json::{Map, Value, json};

use super::{names, registry};
use crate::call::Call;
use crate::error::Error;
use crate::rooms::resources::{id, must_stay, resource_group, subscription};
use crate::{document, listing, shapes};

const READ: &str = "Microsoft.ContainerRegistry/registries/read";
const WRITE: &str = "Microsoft.ContainerRegistry/registries/write";

/// The most registries that there are.
const MAX_REGISTRIES: usize = 10_000;
/// How often a change is begun anew where another one came between.
const MAX_CONFLICTS: u32 = 10;

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::GET, Method::HEAD], "GET, HEAD")?;
    let scope = call.path.scope()?;
    match (scope.subscription(), scope.resource_group()) {
        (Some(subscription), Some(group)) => drop(resource_group(call, subscription, group).await?),
        (Some(id), None) => drop(subscription(call, id).await?),
        (None, _) => return Err(Error::UnknownRoute),
    }
    let mut rows = Vec::new();
    for registry in call.web.store.registries().await? {
        let id = id(&registry.scope.registry_id())?;
        if scope.contains(&id) && call.may(READ, &id) {
            rows.push((id.key().to_owned(), shapes::registry(&registry)));
        }
    }
    listing::answer(call, rows)
}

pub(super) async fn one(call: &Call<'_>) -> Result<Response, Error> {
    match *call.method {
        Method::GET | Method::HEAD => {
            Ok(Json(shapes::registry(&registry(call, "read").await?)).into_response())
        }
        Method::PUT => put(call).await,
        Method::PATCH => patch(call).await,
        Method::DELETE => delete(call).await,
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

/// Makes a registry, or describes it anew: what the body does not name has its default.
async fn put(call: &Call<'_>) -> Result<Response, Error> {
    let id = call.path.resource(2)?;
    call.authorize(WRITE, &id)?;
    let (Some(subscription), Some(group)) = (id.subscription(), id.resource_group()) else {
        return Err(Error::UnknownRoute);
    };
    let group = resource_group(call, subscription, group).await?;
    let body = document::of_call(call)?;
    document::require_text(&body, &["location"], "LocationRequired")?;
    document::require_text(&body, &["sku", "name"], "SkuRequired")?;
    let description: Description = document::read(Value::Object(body))?;
    let store = &call.web.store;
    let scope = match store.registry_at(&id).await? {
        Some(known) => {
            let before = Description::of_body(&known.body);
            must_stay(&before.location, &description.location, &known.scope.registry)?;
            known.scope
        }
        None => {
            names::check_form(id.name())?;
            if store.registries().await?.len() >= MAX_REGISTRIES {
                let message = format!("there are {MAX_REGISTRIES} registries, no more fit");
                return Err(Error::conflict("RegistryQuotaExceeded", message));
            }
            Scope {
                subscription: group.subscription,
                resource_group: group.name,
                registry: id.name().to_owned(),
                registry_host: names::login_server(call, id.name()),
            }
        }
    };
    let stored = store.put_registry(&scope, &json!(description), call.now).await;
    let (registry, is_new) = stored.map_err(|error| match error.kind() {
        ErrorKind::Conflict => names::taken(&scope.registry),
        ErrorKind::NotFound => Error::UnknownResourceGroup(scope.resource_group.clone()),
        _ => error.into(),
    })?;
    let registry = store.registry(registry).await?.ok_or_else(|| gone(&id))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shapes::registry(&registry))).into_response())
}

/// Changes what the body names, and nothing else. Lists and tags are replaced as a whole.
async fn patch(call: &Call<'_>) -> Result<Response, Error> {
    let mut found = registry(call, "write").await?;
    let patch = document::of_call(call)?;
    let store = &call.web.store;
    for _ in 0..MAX_CONFLICTS {
        let changed = json!(patched(&found, patch.clone())?);
        if store.change_registry(found.id, &found.body, &changed, call.now).await? {
            let id = id(&found.scope.registry_id())?;
            let registry = store.registry(found.id).await?.ok_or_else(|| gone(&id))?;
            return Ok(Json(shapes::registry(&registry)).into_response());
        }
        // Somebody else changed it meanwhile: what they did must not be undone.
        found = registry(call, "write").await?;
    }
    Err(Error::conflict("Conflict", "others change this registry all the time, try again"))
}

fn patched(registry: &Registry, mut patch: Map<String, Value>) -> Result<Description, Error> {
    let mut document = json!(Description::of_body(&registry.body));
    // The location stays whatever a client sends along; the others have no parts that could be changed alone.
    patch.remove("location");
    for whole in ["tags", "identity"] {
        if let Some(value) = patch.remove(whole) {
            document[whole] = value;
        }
    }
    document::merge(&mut document, Value::Object(patch));
    document::read(document)
}

async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let id = call.path.resource(2)?;
    call.authorize("Microsoft.ContainerRegistry/registries/delete", &id)?;
    let (Some(subscription), Some(group)) = (id.subscription(), id.resource_group()) else {
        return Err(Error::UnknownRoute);
    };
    resource_group(call, subscription, group).await?;
    let Some(registry) = call.web.store.registry_at(&id).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    match call.web.store.delete_registry(registry.id).await? {
        Deleted::Yes => Ok(StatusCode::OK.into_response()),
        Deleted::Unknown => Ok(StatusCode::NO_CONTENT.into_response()),
        Deleted::InUse => {
            let message = format!(
                "the registry {} is the one that the server's settings name, and would be back at its next start",
                registry.scope.registry
            );
            Err(Error::conflict("RegistryInUse", message))
        }
    }
}

fn gone(id: &ResourceId) -> Error {
    Error::UnknownResource(format!("Microsoft.ContainerRegistry/registries/{}", id.name()))
}
