//! What a registry holds beside what its tier would hold in Azure. Bytes are told and never refused: the disk is the limit.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_types::ResourceId;
use plimsoll_types::registry::{Description, SkuName};
use serde_json::json;

use super::registry;
use crate::call::Call;
use crate::error::Error;
use crate::page::Page;
use crate::rooms::resources::id;

/// The most webhooks of a registry of this tier.
pub(super) fn max_webhooks(sku: SkuName) -> usize {
    match sku {
        SkuName::Classic | SkuName::Basic => 2,
        SkuName::Standard => 10,
        SkuName::Premium => 500,
    }
}

/// The most scope maps and tokens of a registry of this tier.
pub(super) fn max_tokens(sku: SkuName) -> usize {
    match sku {
        SkuName::Classic | SkuName::Basic => 100,
        SkuName::Standard => 500,
        SkuName::Premium => 50_000,
    }
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    // Azure asks with GET, and has done so with POST.
    super::must_be(call, &[Method::GET, Method::HEAD, Method::POST], "GET, HEAD, POST")?;
    let registry = registry(call, "listUsages/read").await?;
    let description = Description::of_body(&registry.body);
    let sku = description.sku.name;
    let gibibytes: u64 = match sku {
        SkuName::Classic | SkuName::Basic => 10,
        SkuName::Standard => 100,
        SkuName::Premium => 500,
    };
    let held = call.web.store.registry_usage(registry.id).await?;
    let id = id(&registry.scope.registry_id())?;
    let usage = |name: &str, limit: usize, current: usize, unit: &str| json!({"name": name, "limit": limit, "currentValue": current, "unit": unit});
    let rules = description.properties.network_rule_set.ip_rules.len();
    let usages = vec![
        json!({"name": "Size", "limit": gibibytes << 30, "currentValue": held.bytes, "unit": "Bytes"}),
        usage("Webhooks", max_webhooks(sku), count(call, &id, "webhooks").await?, "Count"),
        usage("Geo-replications", 1, 0, "Count"),
        usage("IPRules", plimsoll_types::registry::MAX_IP_RULES, rules, "Count"),
        usage("VNetRules", 0, description.properties.network_rule_set.virtual_network_rules.len(), "Count"),
        usage("PrivateEndpointConnections", 0, 0, "Count"),
        usage("ScopeMaps", max_tokens(sku), count(call, &id, "scopeMaps").await?, "Count"),
        usage("Tokens", max_tokens(sku), count(call, &id, "tokens").await?, "Count"),
    ];
    Ok(Json(Page::whole(usages)).into_response())
}

/// How many documents of this type the registry has.
pub(super) async fn count(call: &Call<'_>, registry: &ResourceId, kind: &str) -> Result<usize, Error> {
    let kind = format!("Microsoft.ContainerRegistry/registries/{kind}");
    Ok(call.web.store.resources(&kind, Some(registry), None, u32::MAX).await?.len())
}
