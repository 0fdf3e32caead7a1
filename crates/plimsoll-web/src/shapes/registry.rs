//! `Microsoft.ContainerRegistry/registries` and what hangs below them.

use plimsoll_store::{Registry, Resource};
use plimsoll_types::registry::{Description, IdentityKind};
use plimsoll_types::{Digest, ResourceId};
use serde_json::{Map, Value, json};

use super::TENANT;

/// A registry, with what only the server knows of it beside what was written.
pub(crate) fn registry(registry: &Registry) -> Value {
    let description = Description::of_body(&registry.body);
    let id = registry.scope.registry_id();
    let mut properties = json!(description.properties);
    let known = json!({
        "loginServer": registry.scope.registry_host,
        "creationDate": registry.created_at.to_string(),
        "provisioningState": "Succeeded",
        "dataEndpointHostNames": [],
        "privateEndpointConnections": [],
    });
    if let (Some(properties), Value::Object(known)) = (properties.as_object_mut(), known) {
        properties.extend(known);
    }
    let mut shape = json!({
        "id": id,
        "name": registry.scope.registry,
        "type": "Microsoft.ContainerRegistry/registries",
        "location": description.location,
        "tags": description.tags,
        "sku": {"name": description.sku.name, "tier": description.sku.name},
        "systemData": system_data(registry.created_at, registry.changed_at),
        "properties": properties,
    });
    if let Some(identity) = &description.identity {
        shape["identity"] = json!(identity);
        if matches!(identity.kind, IdentityKind::SystemAssigned | IdentityKind::Both) {
            shape["identity"]["principalId"] = principal_of(&id).into();
            shape["identity"]["tenantId"] = TENANT.into();
        }
    }
    shape
}

/// A document below a registry: its id, what stands at its top, and its properties with those that only the server knows.
/// `kind` is the type as Azure writes it; `hidden` are properties that are not shown.
pub(crate) fn child(resource: &Resource, kind: &str, hidden: &[&str]) -> Value {
    let mut shape = Map::new();
    shape.insert("id".into(), resource.id.as_str().into());
    shape.insert("name".into(), resource.id.name().into());
    shape.insert("type".into(), kind.into());
    for (name, value) in resource.body.as_object().into_iter().flatten() {
        shape.insert(name.clone(), value.clone());
    }
    let mut properties = shape.remove("properties").unwrap_or_else(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|name, _| !hidden.contains(&name.as_str()));
        properties.insert("provisioningState".into(), "Succeeded".into());
        if !HAVE_NO_CREATION_DATE.iter().any(|without| kind.ends_with(without)) {
            properties.insert("creationDate".into(), resource.created_at.to_string().into());
        }
    }
    shape.insert("properties".into(), properties);
    shape.insert("systemData".into(), system_data(resource.created_at, resource.changed_at));
    Value::Object(shape)
}

/// The types whose schema has no `creationDate`.
const HAVE_NO_CREATION_DATE: [&str; 3] = ["/webhooks", "/replications", "/connectedRegistries"];

fn system_data(created: plimsoll_types::Timestamp, changed: plimsoll_types::Timestamp) -> Value {
    json!({"createdAt": created.to_string(), "lastModifiedAt": changed.to_string()})
}

/// The principal of a resource that has an identity of its own: always the same for the same resource.
fn principal_of(id: &str) -> String {
    let key = id.parse::<ResourceId>().map_or_else(|_| id.to_ascii_lowercase(), |id| id.key().to_owned());
    let digest = Digest::sha256(format!("identity of {key}").as_bytes());
    let hex = digest.as_str().rsplit(':').next().unwrap_or_default();
    // The bits that say what a GUID was made from: a name (RFC 9562, version 8).
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
