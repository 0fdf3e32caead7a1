//! Resource providers: which there are, with their types and versions, and what can be done with each. All are registered
//! always.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use plimsoll_types::ResourceId;
use serde_json::{Value, json};

use super::id;
use crate::call::Call;
use crate::error::Error;
use crate::listing;
use crate::operations::{self, Access};

const READ: &str = "Microsoft.Resources/subscriptions/providers/read";

/// A provider: its namespace, and its types with the versions that clients in the field send. Any other version is
/// answered as well.
struct Provider {
    namespace: &'static str,
    types: &'static [(&'static str, &'static [&'static str])],
}

const REGISTRY_VERSIONS: &[&str] = &["2026-09-01-preview", "2025-11-01", "2023-07-01", "2019-05-01"];

const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.Authorization",
        types: &[("roleAssignments", &["2022-04-01"]), ("roleDefinitions", &["2022-04-01"])],
    },
    Provider {
        namespace: "Microsoft.ContainerRegistry",
        types: &[
            ("registries", REGISTRY_VERSIONS),
            ("registries/webhooks", REGISTRY_VERSIONS),
            ("registries/replications", REGISTRY_VERSIONS),
            ("registries/scopeMaps", REGISTRY_VERSIONS),
            ("registries/tokens", REGISTRY_VERSIONS),
            ("registries/cacheRules", REGISTRY_VERSIONS),
            ("registries/credentialSets", REGISTRY_VERSIONS),
            ("registries/connectedRegistries", REGISTRY_VERSIONS),
            ("checkNameAvailability", REGISTRY_VERSIONS),
            ("operations", REGISTRY_VERSIONS),
        ],
    },
    Provider {
        namespace: "Microsoft.ResourceGraph",
        types: &[("resources", &["2021-03-01"]), ("queries", &["2024-04-01"])],
    },
    Provider {
        namespace: "Microsoft.Resources",
        types: &[
            ("subscriptions", &["2022-12-01"]),
            ("subscriptions/resourceGroups", &["2024-11-01"]),
            ("resources", &["2024-11-01"]),
            ("tenants", &["2022-12-01"]),
        ],
    },
    Provider {
        namespace: "Microsoft.Security",
        types: &[
            ("assessments", &["2021-06-01"]),
            ("subAssessments", &["2019-01-01-preview"]),
            ("assessmentMetadata", &["2021-06-01"]),
            ("pricings", &["2024-01-01", "2023-01-01"]),
            ("secureScores", &["2020-01-01"]),
            ("secureScoreControls", &["2020-01-01"]),
            ("automations", &["2023-12-01-preview"]),
        ],
    },
    Provider { namespace: "Plimsoll.Security", types: &[] },
];

pub(super) async fn list(call: &Call<'_>, subscription: Option<&str>) -> Result<Response, Error> {
    must_read(call)?;
    let scope = scope(call, subscription).await?;
    let rows = PROVIDERS.iter().map(|provider| {
        let shape = shape(provider, &scope);
        (shape["id"].as_str().unwrap_or_default().to_ascii_lowercase(), shape)
    });
    listing::answer(call, rows.collect())
}

pub(super) async fn get(
    call: &Call<'_>,
    subscription: Option<&str>,
    namespace: &str,
) -> Result<Response, Error> {
    must_read(call)?;
    let scope = scope(call, subscription).await?;
    Ok(Json(shape(provider(namespace)?, &scope)).into_response())
}

/// Answers that it is registered: `az` asks before it makes the first registry of a subscription.
pub(super) async fn register(
    call: &Call<'_>,
    subscription: &str,
    namespace: &str,
) -> Result<Response, Error> {
    if *call.method != Method::POST {
        return Err(Error::MethodNotAllowed("POST"));
    }
    let provider = provider(namespace)?;
    let subscription = id(&format!("/subscriptions/{subscription}"))?;
    call.authorize(&format!("{}/register/action", provider.namespace), &subscription)?;
    super::subscription(call, subscription.name()).await?;
    Ok(Json(shape(provider, &subscription)).into_response())
}

/// Everything that can be done with a provider's resources, by the names that roles use: what is described below, and
/// whatever else an operation of the API asks for. It is the same for everybody, so that nobody needs a role to read it.
pub(super) fn list_operations(call: &Call<'_>, namespace: &str) -> Result<Response, Error> {
    must_read(call)?;
    let namespace = provider(namespace)?.namespace;
    let mut known: BTreeMap<&str, (String, &str)> = asked_for();
    known.extend(
        OPERATIONS.iter().map(|(name, resource, operation)| (*name, ((*resource).to_owned(), *operation))),
    );
    let rows = known.into_iter().filter(|(name, _)| name.split('/').next() == Some(namespace));
    let rows = rows.map(|(name, (resource, operation))| {
        let shape = json!({
            "name": name,
            "isDataAction": false,
            "origin": "user,system",
            "display": {
                "provider": namespace,
                "resource": resource,
                "operation": operation,
                "description": format!("{operation}: {resource}"),
            },
        });
        (format!("/{name}"), shape)
    });
    listing::answer(call, rows.collect())
}

/// The actions that the API's operations need, each with a resource and what is done to it in the words of its name.
fn asked_for() -> BTreeMap<&'static str, (String, &'static str)> {
    let actions = operations::all().filter_map(|operation| match operation.access {
        Access::Action(action) => Some(action),
        _ => None,
    });
    let described = actions.filter_map(|action| {
        let (_, rest) = action.split_once('/')?;
        let rest = rest.strip_suffix("/action").unwrap_or(rest);
        let (resource, verb) = rest.rsplit_once('/')?;
        Some((action, (resource.to_owned(), verb)))
    });
    described.collect()
}

/// Action, resource, and what it does to it.
const OPERATIONS: &[(&str, &str, &str)] = &[
    (
        "Microsoft.ContainerRegistry/checkNameAvailability/read",
        "Name",
        "Check whether a registry's name is free",
    ),
    ("Microsoft.ContainerRegistry/operations/read", "Operations", "List the operations"),
    ("Microsoft.ContainerRegistry/register/action", "Provider", "Register the provider"),
    ("Microsoft.ContainerRegistry/registries/read", "Registry", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/write", "Registry", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/delete", "Registry", "Delete"),
    ("Microsoft.ContainerRegistry/registries/importImage/action", "Registry", "Import an image"),
    (
        "Microsoft.ContainerRegistry/registries/listCredentials/action",
        "Registry",
        "List the passwords of its own user",
    ),
    (
        "Microsoft.ContainerRegistry/registries/regenerateCredential/action",
        "Registry",
        "Renew a password of its own user",
    ),
    ("Microsoft.ContainerRegistry/registries/listUsages/read", "Registry", "List what it holds"),
    ("Microsoft.ContainerRegistry/registries/operationStatuses/read", "Operation", "Get how far it is"),
    ("Microsoft.ContainerRegistry/registries/pull/read", "Image", "Pull"),
    ("Microsoft.ContainerRegistry/registries/push/write", "Image", "Push"),
    ("Microsoft.ContainerRegistry/registries/artifacts/delete", "Image", "Delete"),
    ("Microsoft.ContainerRegistry/registries/metadata/read", "Repository", "Get attributes"),
    ("Microsoft.ContainerRegistry/registries/metadata/write", "Repository", "Change attributes"),
    ("Microsoft.ContainerRegistry/registries/quarantine/read", "Image", "Pull from quarantine"),
    ("Microsoft.ContainerRegistry/registries/quarantine/write", "Image", "Change its state of quarantine"),
    ("Microsoft.ContainerRegistry/registries/webhooks/read", "Webhook", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/webhooks/write", "Webhook", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/webhooks/delete", "Webhook", "Delete"),
    ("Microsoft.ContainerRegistry/registries/webhooks/ping/action", "Webhook", "Send a test"),
    (
        "Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action",
        "Webhook",
        "Get address and headers",
    ),
    (
        "Microsoft.ContainerRegistry/registries/webhooks/listEvents/action",
        "Webhook",
        "List what was delivered",
    ),
    ("Microsoft.ContainerRegistry/registries/scopeMaps/read", "Scope map", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/scopeMaps/write", "Scope map", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/scopeMaps/delete", "Scope map", "Delete"),
    ("Microsoft.ContainerRegistry/registries/tokens/read", "Token", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/tokens/write", "Token", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/tokens/delete", "Token", "Delete"),
    ("Microsoft.ContainerRegistry/registries/cacheRules/read", "Cache rule", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/cacheRules/write", "Cache rule", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/cacheRules/delete", "Cache rule", "Delete"),
    ("Microsoft.ContainerRegistry/registries/credentialSets/read", "Credential set", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/credentialSets/write", "Credential set", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/credentialSets/delete", "Credential set", "Delete"),
    ("Microsoft.ContainerRegistry/registries/replications/read", "Replication", "Get or list"),
    ("Microsoft.ContainerRegistry/registries/replications/write", "Replication", "Create or update"),
    ("Microsoft.ContainerRegistry/registries/replications/delete", "Replication", "Delete"),
    ("Microsoft.ContainerRegistry/registries/connectedRegistries/read", "Connected registry", "Get or list"),
    (
        "Microsoft.ContainerRegistry/registries/connectedRegistries/write",
        "Connected registry",
        "Create or update",
    ),
    ("Microsoft.ContainerRegistry/registries/connectedRegistries/delete", "Connected registry", "Delete"),
    (
        "Microsoft.ContainerRegistry/registries/connectedRegistries/deactivate/action",
        "Connected registry",
        "Deactivate",
    ),
    (
        "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read",
        "Private endpoint connection",
        "Get or list",
    ),
    ("Microsoft.ContainerRegistry/registries/privateLinkResources/read", "Private link", "Get or list"),
    ("Microsoft.Resources/subscriptions/read", "Subscription", "Get or list"),
    ("Microsoft.Resources/subscriptions/write", "Subscription", "Create or rename"),
    ("Microsoft.Resources/subscriptions/delete", "Subscription", "Delete"),
    ("Microsoft.Resources/subscriptions/locations/read", "Location", "List"),
    ("Microsoft.Resources/subscriptions/providers/read", "Provider", "Get or list"),
    ("Microsoft.Resources/subscriptions/resourceGroups/read", "Resource group", "Get or list"),
    ("Microsoft.Resources/subscriptions/resourceGroups/write", "Resource group", "Create or update"),
    ("Microsoft.Resources/subscriptions/resourceGroups/delete", "Resource group", "Delete"),
    ("Microsoft.Security/assessments/read", "Assessment", "Get or list"),
    ("Microsoft.Security/assessments/subAssessments/read", "Sub-assessment", "Get or list"),
    ("Microsoft.Security/assessmentMetadata/read", "Assessment metadata", "Get or list"),
    ("Microsoft.Security/automations/read", "Automation", "Get or list"),
    ("Microsoft.Security/automations/write", "Automation", "Create or update"),
    ("Microsoft.Security/automations/delete", "Automation", "Delete"),
    ("Microsoft.Security/pricings/read", "Plan", "Get or list"),
    ("Microsoft.Security/pricings/write", "Plan", "Switch"),
    ("Microsoft.Security/pricings/delete", "Plan", "Delete what was set below a subscription"),
    ("Microsoft.Security/register/action", "Provider", "Register the provider"),
    ("Microsoft.Security/secureScores/read", "Secure score", "Get or list"),
    ("Microsoft.Security/secureScoreControls/read", "Secure score control", "Get or list"),
    ("Microsoft.Security/secureScoreControlDefinitions/read", "Secure score control definition", "List"),
];

fn must_read(call: &Call<'_>) -> Result<(), Error> {
    match *call.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Error::MethodNotAllowed("GET, HEAD")),
    }
}

/// The subscription that is asked about, or the tenant, whose providers are everybody's.
async fn scope(call: &Call<'_>, subscription: Option<&str>) -> Result<ResourceId, Error> {
    let Some(subscription) = subscription else { return Ok(ResourceId::root()) };
    let scope = id(&format!("/subscriptions/{subscription}"))?;
    call.authorize(READ, &scope)?;
    super::subscription(call, subscription).await?;
    Ok(scope)
}

fn provider(namespace: &str) -> Result<&'static Provider, Error> {
    PROVIDERS.iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace)).ok_or_else(|| {
        let known: Vec<_> = PROVIDERS.iter().map(|provider| provider.namespace).collect();
        let message = format!("the resource provider {namespace} is not one of {}", known.join(", "));
        Error::not_found("InvalidResourceNamespace", message)
    })
}

fn shape(provider: &Provider, scope: &ResourceId) -> Value {
    let front = if scope.is_root() { "" } else { scope.as_str() };
    let types = provider.types.iter().map(|(name, versions)| {
        json!({
            "resourceType": name,
            "locations": ["local"],
            "apiVersions": versions,
            "defaultApiVersion": versions.iter().find(|version| !version.contains("preview")).or(versions.first()),
            "capabilities": "None",
        })
    });
    json!({
        "id": format!("{front}/providers/{}", provider.namespace),
        "namespace": provider.namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
        "resourceTypes": types.collect::<Vec<_>>(),
    })
}
