//! What hangs below a registry and is only kept: scope maps, tokens, cache rules, credential sets, replications, connected
//! registries. They are checked, kept and given back, so that what describes a registry in Azure describes it here; none of
//! them does anything yet.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_store::{Registry, Resource};
use plimsoll_types::ResourceId;
use plimsoll_types::registry::{Description, Identity, PolicyStatus, Switch, tags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::registry;
use super::usages::{count, max_tokens};
use crate::call::{Call, is, malformed};
use crate::error::Error;
use crate::{document, listing, shapes};

/// A type of such documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ScopeMaps,
    Tokens,
    CacheRules,
    CredentialSets,
    Replications,
    ConnectedRegistries,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::ScopeMaps,
        Self::Tokens,
        Self::CacheRules,
        Self::CredentialSets,
        Self::Replications,
        Self::ConnectedRegistries,
    ];

    /// The type that this segment of a path names.
    pub(super) fn of(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| is(segment, kind.segment()))
    }

    fn segment(self) -> &'static str {
        match self {
            Self::ScopeMaps => "scopeMaps",
            Self::Tokens => "tokens",
            Self::CacheRules => "cacheRules",
            Self::CredentialSets => "credentialSets",
            Self::Replications => "replications",
            Self::ConnectedRegistries => "connectedRegistries",
        }
    }

    fn resource_type(self) -> String {
        format!("Microsoft.ContainerRegistry/registries/{}", self.segment())
    }

    /// The most that a registry has.
    fn limit(self, registry: &Registry) -> usize {
        match self {
            Self::ScopeMaps | Self::Tokens => max_tokens(Description::of_body(&registry.body).sku.name),
            Self::CacheRules | Self::CredentialSets => 1000,
            Self::Replications | Self::ConnectedRegistries => 100,
        }
    }

    /// The body as it is kept, or what is wrong with it.
    fn read(self, body: Value) -> Result<Value, Error> {
        match self {
            Self::ScopeMaps => kept::<ScopeMap>(body),
            Self::Tokens => kept::<Token>(body),
            Self::CacheRules => kept::<CacheRule>(body),
            Self::CredentialSets => kept::<CredentialSet>(body),
            Self::Replications => kept::<Replication>(body),
            Self::ConnectedRegistries => kept::<ConnectedRegistry>(body),
        }
    }
}

/// A document with properties of a type.
#[derive(Serialize, Deserialize)]
struct Document<P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, deserialize_with = "some_tags", skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
    properties: P,
}

fn some_tags<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    tags(deserializer).map(Some)
}

/// What the type of a document does not say.
trait Check {
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeMap {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    actions: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    scope_map_id: ResourceId,
    #[serde(default = "enabled")]
    status: PolicyStatus,
    #[serde(default)]
    credentials: Credentials,
}

/// Those of a token: none can be made here, and what a client writes of them is not kept.
#[derive(Default, Serialize, Deserialize)]
struct Credentials {
    #[serde(default, skip_deserializing)]
    certificates: [(); 0],
    #[serde(default, skip_deserializing)]
    passwords: [(); 0],
}

fn enabled() -> PolicyStatus {
    PolicyStatus::Enabled
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheRule {
    source_repository: String,
    target_repository: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_set_resource_id: Option<ResourceId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialSet {
    login_server: String,
    auth_credentials: Vec<AuthCredential>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthCredential {
    name: String,
    username_secret_identifier: String,
    password_secret_identifier: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replication {
    #[serde(default = "yes")]
    region_endpoint_enabled: bool,
    #[serde(default = "disabled")]
    zone_redundancy: Switch,
}

fn yes() -> bool {
    true
}

fn disabled() -> Switch {
    Switch::Disabled
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectedRegistry {
    mode: String,
    parent: Parent,
    #[serde(default)]
    client_token_ids: Vec<ResourceId>,
    #[serde(default)]
    notifications_list: Vec<String>,
    #[serde(default)]
    logging: Map<String, Value>,
    #[serde(default)]
    garbage_collection: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<ResourceId>,
    sync_properties: SyncProperties,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncProperties {
    token_id: ResourceId,
    message_ttl: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sync_window: Option<String>,
}

/// What a scope map may allow on a repository, and on a gateway.
const ON_REPOSITORY: [&str; 5] =
    ["content/read", "content/write", "content/delete", "metadata/read", "metadata/write"];
const ON_GATEWAY: [&str; 4] = ["config/read", "config/write", "message/read", "message/write"];

impl Check for ScopeMap {
    fn check(&self) -> Result<(), Error> {
        if !(1..=500).contains(&self.actions.len()) {
            return Err(malformed("properties.actions", &"it must name 1 to 500 actions"));
        }
        for (at, action) in self.actions.iter().enumerate() {
            let on = |front: &str, rights: &[&str]| {
                let rest = action.strip_prefix(front)?;
                let name = rights.iter().find_map(|right| rest.strip_suffix(right)?.strip_suffix('/'))?;
                let plain = name.trim_end_matches('*').trim_end_matches('/');
                let fits = plain.is_empty() && name.contains('*')
                    || plain.parse::<plimsoll_types::RepositoryName>().is_ok();
                fits.then_some(())
            };
            if on("repositories/", &ON_REPOSITORY).or_else(|| on("gateway/", &ON_GATEWAY)).is_none() {
                let problem = format!(
                    "it must be repositories/NAME/ and one of {}, or gateway/NAME/ and one of {}, found {:?}",
                    ON_REPOSITORY.join(", "),
                    ON_GATEWAY.join(", "),
                    action.chars().take(100).collect::<String>()
                );
                return Err(malformed(&format!("properties.actions[{at}]"), &problem));
            }
        }
        Ok(())
    }
}

impl Check for Token {
    fn check(&self) -> Result<(), Error> {
        must_be_of(&self.scope_map_id, Kind::ScopeMaps, "properties.scopeMapId")
    }
}

impl Check for CacheRule {
    fn check(&self) -> Result<(), Error> {
        let source = self.source_repository.trim_end_matches("/*");
        if source.parse::<plimsoll_types::ImageReference>().is_err() || !source.contains('/') {
            let problem = "it must be a repository with its host, such as docker.io/library/alpine";
            return Err(malformed("properties.sourceRepository", &problem));
        }
        let target = self.target_repository.trim_end_matches("/*");
        if target != "*" && target.parse::<plimsoll_types::RepositoryName>().is_err() {
            return Err(malformed(
                "properties.targetRepository",
                &"it must be a repository such as team/app",
            ));
        }
        match &self.credential_set_resource_id {
            Some(id) => must_be_of(id, Kind::CredentialSets, "properties.credentialSetResourceId"),
            None => Ok(()),
        }
    }
}

impl Check for CredentialSet {
    fn check(&self) -> Result<(), Error> {
        if self.login_server.is_empty() || self.login_server.parse::<http::uri::Authority>().is_err() {
            return Err(malformed("properties.loginServer", &"it must be a host such as docker.io"));
        }
        if self.auth_credentials.len() != 1 || self.auth_credentials[0].name != "Credential1" {
            return Err(malformed("properties.authCredentials", &"it must have one credential, Credential1"));
        }
        Ok(())
    }
}

impl Check for Replication {}

impl Check for ConnectedRegistry {
    fn check(&self) -> Result<(), Error> {
        const MODES: [&str; 4] = ["ReadWrite", "ReadOnly", "Registry", "Mirror"];
        if !MODES.iter().any(|mode| is(&self.mode, mode)) {
            return Err(malformed("properties.mode", &format!("it must be one of {}", MODES.join(", "))));
        }
        must_be_of(
            &self.parent.sync_properties.token_id,
            Kind::Tokens,
            "properties.parent.syncProperties.tokenId",
        )
    }
}

fn must_be_of(id: &ResourceId, kind: Kind, path: &str) -> Result<(), Error> {
    if is(&id.kind(), &kind.resource_type()) {
        return Ok(());
    }
    Err(malformed(path, &format!("it must be the id of one of {}, found {id}", kind.resource_type())))
}

fn kept<P: Check + Serialize + DeserializeOwned>(body: Value) -> Result<Value, Error> {
    let document: Document<P> = document::read(body)?;
    document.properties.check()?;
    Ok(json!(document))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::GET, Method::HEAD], "GET, HEAD")?;
    let kind = kind(call)?;
    registry(call, &format!("{}/read", kind.segment())).await?;
    let place = call.path.resource(2)?;
    let resources = call.web.store.resources(&kind.resource_type(), Some(&place), None, u32::MAX).await?;
    let rows = resources.into_iter().map(|resource| (resource.id.key().to_owned(), shape(kind, &resource)));
    listing::answer(call, rows.collect())
}

pub(super) async fn one(call: &Call<'_>) -> Result<Response, Error> {
    let kind = kind(call)?;
    match *call.method {
        Method::GET | Method::HEAD => Ok(Json(shape(kind, &find(call, kind, "read").await?)).into_response()),
        Method::PUT => put(call, kind).await,
        Method::PATCH => patch(call, kind).await,
        Method::DELETE => {
            registry(call, &format!("{}/delete", kind.segment())).await?;
            let deleted = call.web.store.delete_resource(&call.path.resource(4)?).await?;
            // Clients of cache rules and credential sets take no 200.
            let takes_200 = !matches!(kind, Kind::CacheRules | Kind::CredentialSets);
            let status = if deleted && takes_200 { StatusCode::OK } else { StatusCode::NO_CONTENT };
            Ok(status.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
    }
}

async fn put(call: &Call<'_>, kind: Kind) -> Result<Response, Error> {
    let registry = registry(call, &format!("{}/write", kind.segment())).await?;
    let id = call.path.resource(4)?;
    let mut body = document::of_call(call)?;
    if kind == Kind::Replications {
        document::require_text(&body, &["location"], "LocationRequired")?;
        // The location says it all; Azure's model has the rest as optional.
        body.entry("properties").or_insert_with(|| json!({}));
    }
    let body = kind.read(Value::Object(body))?;
    if call.web.store.resource(&id).await?.is_none() {
        check_name(id.name())?;
        if count(call, &call.path.resource(2)?, kind.segment()).await? >= kind.limit(&registry) {
            let message = format!("the registry has {} {}", kind.limit(&registry), kind.segment());
            return Err(Error::conflict("QuotaExceeded", message));
        }
    }
    keep(call, kind, &id, &body).await
}

async fn patch(call: &Call<'_>, kind: Kind) -> Result<Response, Error> {
    let known = find(call, kind, "write").await?;
    let mut patch = document::of_call(call)?;
    let mut body = known.body;
    patch.remove("location");
    for whole in ["tags", "identity"] {
        if let Some(value) = patch.remove(whole) {
            body[whole] = value;
        }
    }
    if kind == Kind::CacheRules {
        // Where it copies from and to stays for good.
        if let Some(properties) = patch.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| name == "credentialSetResourceId");
        }
    }
    document::merge(&mut body, Value::Object(patch));
    let body = kind.read(body)?;
    keep(call, kind, &known.id, &body).await
}

async fn keep(call: &Call<'_>, kind: Kind, id: &ResourceId, body: &Value) -> Result<Response, Error> {
    let is_new = call.web.store.put_resource(id, body, call.now).await?;
    let kept = call.web.store.resource(id).await?.ok_or_else(|| unknown(kind, id.name()))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shape(kind, &kept))).into_response())
}

/// Nothing is connected, so that it is inactive already.
pub(super) async fn deactivate(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    find(call, Kind::ConnectedRegistries, "deactivate/action").await?;
    Ok(StatusCode::OK.into_response())
}

async fn find(call: &Call<'_>, kind: Kind, action: &str) -> Result<Resource, Error> {
    registry(call, &format!("{}/{action}", kind.segment())).await?;
    let id = call.path.resource(4)?;
    call.web.store.resource(&id).await?.ok_or_else(|| unknown(kind, id.name()))
}

fn shape(kind: Kind, resource: &Resource) -> Value {
    let mut shape = shapes::child(resource, &kind.resource_type(), &[]);
    if kind == Kind::ConnectedRegistries {
        shape["properties"]["activation"] = json!({"status": "Inactive"});
        shape["properties"]["connectionState"] = json!("Offline");
    }
    shape
}

fn kind(call: &Call<'_>) -> Result<Kind, Error> {
    call.path.rest().get(2).and_then(|segment| Kind::of(segment)).ok_or(Error::UnknownRoute)
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=50).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if fits {
        return Ok(());
    }
    let message = format!("a name has 1 to 50 letters, digits, '-' and '_', found {name:?}");
    Err(Error::bad_request("InvalidResourceName", message))
}

fn unknown(kind: Kind, name: &str) -> Error {
    Error::UnknownResource(format!("{}/{name}", kind.resource_type()))
}
