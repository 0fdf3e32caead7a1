//! `importImage`: reads what is asked for, precisely, and queues it. The copying is the conveyor's.

use axum::response::Response;
use http::Method;
use plimsoll_store::{ErrorKind, Registry};
use plimsoll_types::import::{Credentials, ImportRequest, Mode, Place, Source, Target};
use plimsoll_types::{Digest, Reference, RepositoryName, ResourceId, Tag};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

use super::registry;
use crate::call::{Call, malformed};
use crate::document;
use crate::error::Error;
use crate::rooms::{long_running, resources::id};

const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";

/// The most names that one import sets.
const MAX_TARGETS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    source: SourceBody,
    #[serde(default)]
    target_tags: Vec<String>,
    #[serde(default)]
    untagged_target_repositories: Vec<String>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceBody {
    resource_id: Option<String>,
    registry_uri: Option<String>,
    source_image: String,
    credentials: Option<CredentialsBody>,
}

#[derive(Deserialize)]
struct CredentialsBody {
    username: Option<String>,
    password: String,
}

/// Takes an import on, or says what is wrong with it: what the client may not do, a source that is not ours, a tag that is
/// there already.
pub(super) async fn begin(call: &Call<'_>) -> Result<Response, Error> {
    super::must_be(call, &[Method::POST], "POST")?;
    let target = registry(call, "importImage/action").await?;
    let body: Body = document::read(Value::Object(document::of_call(call)?))?;
    let (request, credentials) = understand(call, body).await?;
    check_source(call, &request.source).await?;
    let there = call.web.store.in_registry(target.id);
    let taken = there.taken_targets(&request).await?;
    if let Some((name, digest)) = taken.first() {
        let message = format!(
            "the tag {name} is there already and names {digest}; mode Force moves it, and nothing was imported"
        );
        return Err(Error::conflict("Conflict", message));
    }
    let target_id = id(&target.scope.registry_id())?;
    let queued = there.queue_import(&target_id, &request, credentials.as_ref(), call.now).await;
    let operation = queued.map_err(|error| match error.kind() {
        ErrorKind::LimitExceeded => Error::conflict("TooManyImports", error.to_string()),
        _ => error.into(),
    })?;
    let kept = call.web.store.operation(&operation).await?;
    let kept = kept.ok_or_else(|| Error::UnknownResource(format!("operationResults/{operation}")))?;
    long_running::accepted(call, &kept)
}

/// What the body means, with every name checked.
async fn understand(call: &Call<'_>, body: Body) -> Result<(ImportRequest, Option<Credentials>), Error> {
    let (repository, reference) = image(&body.source.source_image)?;
    let credentials = body.source.credentials.map(|given| Credentials {
        username: given.username.filter(|name| !name.is_empty()),
        password: given.password,
    });
    let (place, repository) = match (&body.source.resource_id, &body.source.registry_uri) {
        (Some(id), None) => {
            if credentials.is_some() {
                let problem =
                    "they go with registryUri; a registry of our own is opened by the caller's roles";
                return Err(malformed("source.credentials", &problem));
            }
            (own(id)?, repository)
        }
        (None, Some(uri)) => {
            let host = host(uri)?;
            let own = call.web.store.registry_by_host(&host).await?;
            match own.filter(|_| credentials.is_none()) {
                Some(own) => (Place::Registry(id(&own.scope.registry_id())?), repository),
                None => {
                    let repository = as_known_there(&host, repository)?;
                    (Place::Host(host), repository)
                }
            }
        }
        _ => return Err(malformed("source", &"it must have one of resourceId and registryUri, not both")),
    };
    if body.target_tags.len() + body.untagged_target_repositories.len() > MAX_TARGETS {
        let problem = format!("with untaggedTargetRepositories it has more than {MAX_TARGETS} names");
        return Err(malformed("targetTags", &problem));
    }
    // Without a name of its own a target has the source's.
    let tag = match &reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(_) => None,
    };
    let mut targets = BTreeSet::new();
    for (at, text) in body.target_tags.iter().enumerate() {
        targets
            .insert(target(text, tag).map_err(|problem| malformed(&format!("targetTags[{at}]"), &problem))?);
    }
    let mut untagged = BTreeSet::new();
    for (at, text) in body.untagged_target_repositories.iter().enumerate() {
        let name: Result<RepositoryName, _> = text.parse();
        let path = || format!("untaggedTargetRepositories[{at}]");
        untagged.insert(name.map_err(|problem| malformed(&path(), &problem))?);
    }
    if targets.is_empty() && untagged.is_empty() {
        match tag {
            Some(tag) => drop(targets.insert(Target { repository: repository.clone(), tag: tag.clone() })),
            None => drop(untagged.insert(repository.clone())),
        }
    }
    let source = Source { place, repository, reference };
    let request = ImportRequest {
        source,
        targets: targets.into_iter().collect(),
        untagged: untagged.into_iter().collect(),
        mode: body.mode,
    };
    Ok((request, credentials))
}

/// Fails where the source is ours and the caller may not pull it, or it is not there.
async fn check_source(call: &Call<'_>, source: &Source) -> Result<(), Error> {
    let Place::Registry(registry) = &source.place else { return Ok(()) };
    let repository = registry.child("repositories", source.repository.as_str());
    let repository = repository.map_err(|problem| malformed("source.sourceImage", &problem))?;
    call.authorize(PULL, &repository)?;
    let registry: Registry = super::find(call, registry).await?;
    let there = call.web.store.in_registry(registry.id);
    if there.manifest_head(&source.repository, &source.reference).await?.is_some() {
        return Ok(());
    }
    let separator = if matches!(source.reference, Reference::Digest(_)) { '@' } else { ':' };
    let message = format!(
        "the registry {} has no image {}{separator}{}",
        registry.scope.registry, source.repository, source.reference
    );
    Err(Error::not_found("ImageNotFound", message))
}

/// `repository`, `repository:tag`, `repository@digest`.
fn image(text: &str) -> Result<(RepositoryName, Reference), Error> {
    let bad = |problem: &dyn std::fmt::Display| malformed("source.sourceImage", problem);
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|problem| bad(&problem))?)),
        None => (text, None),
    };
    let (name, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
    let tag: Tag = tag.parse().map_err(|problem| bad(&problem))?;
    let name: RepositoryName = name.parse().map_err(|problem| bad(&problem))?;
    Ok((name, digest.map_or(Reference::Tag(tag), Reference::Digest)))
}

/// `repository` or `repository:tag`; without a tag, the source's, or `latest` where that has none.
fn target(text: &str, tag: Option<&Tag>) -> Result<Target, plimsoll_types::ParseError> {
    match text.split_once(':') {
        Some((repository, tag)) => Ok(Target { repository: repository.parse()?, tag: tag.parse()? }),
        None => {
            let tag = tag.map_or_else(|| "latest".parse(), |tag| Ok(tag.clone()))?;
            Ok(Target { repository: text.parse()?, tag })
        }
    }
}

fn own(text: &str) -> Result<Place, Error> {
    let registry: ResourceId = text.parse().map_err(|problem| malformed("source.resourceId", &problem))?;
    if registry.kind() != "microsoft.containerregistry/registries" {
        let problem = format!("it must be the id of a registry, found one of {:?}", registry.kind());
        return Err(malformed("source.resourceId", &problem));
    }
    Ok(Place::Registry(registry))
}

/// The host that a `registryUri` names. Azure's has no scheme, and clients write one all the same.
fn host(uri: &str) -> Result<String, Error> {
    let host = uri.strip_prefix("https://").unwrap_or(uri).trim_end_matches('/').to_ascii_lowercase();
    let fits = host.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if fits {
        return Ok(host);
    }
    let found: String = uri.chars().take(100).collect();
    let problem = format!("it must be a host such as docker.io or registry.example:5000, found {found:?}");
    Err(malformed("source.registryUri", &problem))
}

/// Docker Hub keeps its own images under `library/`, and users leave that out.
fn as_known_there(host: &str, repository: RepositoryName) -> Result<RepositoryName, Error> {
    let is_hub =
        matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com");
    if is_hub && !repository.as_str().contains('/') {
        let name = format!("library/{repository}").parse();
        return name.map_err(|problem: plimsoll_types::ParseError| malformed("source.sourceImage", &problem));
    }
    Ok(repository)
}
