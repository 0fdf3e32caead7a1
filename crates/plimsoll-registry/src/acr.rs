//! What Azure's registry says about content beyond the specification: `/acr/v1/…`, with attributes, locks, quarantine.
//!
//! ```text
//! /acr/v1/_catalog                         GET
//! /acr/v1/<name>                           GET PATCH DELETE
//! /acr/v1/<name>/_tags                     GET
//! /acr/v1/<name>/_tags/<tag>               GET PATCH DELETE
//! /acr/v1/<name>/_manifests                GET
//! /acr/v1/<name>/_manifests/<digest>       GET PATCH DELETE
//! /acr/v1/_deleted/…                       nothing: what is deleted here is gone
//! ```
//!
//! No component of a repository's name begins with an underscore, so a path has one reading. `api-version` is not looked
//! at: Azure's own clients leave it out on half of the calls.

mod shapes;

use axum::body::Body;
use axum::response::Response;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::{Method, StatusCode, header};
use plimsoll_store::{AttributeChange, Deleted, ManifestChange, ManifestDetails, Order, QuarantineState};
use plimsoll_types::access::Verb;
use plimsoll_types::manifest::{ImageConfig, ManifestKind};
use plimsoll_types::{Digest, Manifest, Platform, RepositoryName, Tag};
use serde::Serialize;
use serde_json::Value;

use crate::access::Visit;
use crate::answers::empty;
use crate::errors::{Error, Kind};
use crate::lists::{self, PageSize};
use crate::routes::{self, Query};

/// As in Azure, where a page without `n` has a hundred.
const PAGE: PageSize = PageSize { usual: 100, most: 1000 };
const MAX_PATCH: usize = 64 * 1024;
/// The longest configuration that is read to find a platform.
const MAX_CONFIG: u64 = 1024 * 1024;
/// Configurations that are read at the same time.
const CONFIGS_AT_ONCE: usize = 8;
/// The longest that somebody may say about an image in quarantine.
const MAX_DETAILS: usize = 16 * 1024;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Catalog,
    Deleted,
    Repository(RepositoryName),
    Tags(RepositoryName),
    Tag(RepositoryName, Tag),
    Manifests(RepositoryName),
    Manifest(RepositoryName, Digest),
}

impl Endpoint {
    /// Reads the path behind `/acr/v1/`, which is decoded.
    pub(crate) fn parse(method: &Method, rest: &str) -> Result<Self, Error> {
        let nowhere = || Error::new(Kind::NotFound, "there is nothing at this path");
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest == "_catalog" {
            return Ok(Self::Catalog);
        }
        if rest == "_deleted" || rest.starts_with("_deleted/") {
            return Ok(Self::Deleted);
        }
        if rest.is_empty() {
            return Err(nowhere());
        }
        if let Some((name, noun)) = rest.rsplit_once('/') {
            match noun {
                "_tags" => return Ok(Self::Tags(routes::repository(name)?)),
                "_manifests" => return Ok(Self::Manifests(routes::repository(name)?)),
                _ => {}
            }
            if let Some(name) = name.strip_suffix("/_tags") {
                let tag = noun.parse().map_err(|error: plimsoll_types::ParseError| {
                    Error::new(Kind::TagUnknown, error.to_string())
                })?;
                return Ok(Self::Tag(routes::repository(name)?, tag));
            }
            if let Some(name) = name.strip_suffix("/_manifests") {
                let digest = routes::digest(method, noun, Kind::ManifestUnknown)?;
                return Ok(Self::Manifest(routes::repository(name)?, digest));
            }
        }
        Ok(Self::Repository(routes::repository(rest)?))
    }

    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Catalog | Self::Deleted => None,
            Self::Repository(name) | Self::Tags(name) | Self::Manifests(name) => Some(name),
            Self::Tag(name, _) => Some(name),
            Self::Manifest(name, _) => Some(name),
        }
    }

    pub(crate) fn verb(&self, method: &Method) -> Verb {
        match (self, method) {
            (Self::Catalog | Self::Deleted, _) => Verb::Catalog,
            (_, &Method::PATCH) => Verb::MetadataWrite,
            (_, &Method::DELETE) => Verb::Delete,
            _ => Verb::MetadataRead,
        }
    }

    fn methods(&self) -> &'static str {
        match self {
            Self::Catalog | Self::Deleted | Self::Tags(_) | Self::Manifests(_) => "GET, HEAD",
            Self::Repository(_) | Self::Tag(..) | Self::Manifest(..) => "GET, HEAD, PATCH, DELETE",
        }
    }
}

/// Answers a request that was let in.
pub(crate) async fn answer(
    visit: &Visit,
    endpoint: &Endpoint,
    method: &Method,
    query: &Query,
    body: Body,
) -> Result<Response, Error> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match (endpoint, method) {
        (Endpoint::Deleted, _) => Err(Error::new(
            Kind::NotFound,
            "this registry keeps nothing that was deleted: soft delete is not offered",
        )),
        (Endpoint::Catalog, _) if is_read => catalog(visit, query).await,
        (Endpoint::Repository(name), _) if is_read => show_repository(visit, name).await,
        (Endpoint::Repository(name), &Method::PATCH) => change_repository(visit, name, body).await,
        (Endpoint::Repository(name), &Method::DELETE) => delete_repository(visit, name).await,
        (Endpoint::Tags(name), _) if is_read => list_tags(visit, name, query).await,
        (Endpoint::Tag(name, tag), _) if is_read => show_tag(visit, name, tag).await,
        (Endpoint::Tag(name, tag), &Method::PATCH) => change_tag(visit, name, tag, body).await,
        (Endpoint::Tag(name, tag), &Method::DELETE) => delete_tag(visit, name, tag).await,
        (Endpoint::Manifests(name), _) if is_read => list_manifests(visit, name, query).await,
        (Endpoint::Manifest(name, digest), _) if is_read => show_manifest(visit, name, digest).await,
        (Endpoint::Manifest(name, digest), &Method::PATCH) => {
            change_manifest(visit, name, digest, body).await
        }
        (Endpoint::Manifest(name, digest), &Method::DELETE) => delete_manifest(visit, name, digest).await,
        (endpoint, method) => {
            Err(Error::new(Kind::MethodNotAllowed, format!("{method} is not possible here"))
                .with_header(header::ALLOW, endpoint.methods()))
        }
    }
}

async fn catalog(visit: &Visit, query: &Query) -> Result<Response, Error> {
    let n = page_length(query)?;
    let (page, next) = lists::seen_repositories(visit, query.first("last"), n).await?;
    let next = next.map(|last| format!("/acr/v1/_catalog?last={last}&n={n}&orderby="));
    json(StatusCode::OK, next, &shapes::Catalog { repositories: &page })
}

async fn show_repository(visit: &Visit, name: &RepositoryName) -> Result<Response, Error> {
    let details = visit.registry().store.repository_details(name).await?;
    let details = details.ok_or_else(|| unknown_repository(name))?;
    json(StatusCode::OK, None, &shapes::Repository::of(&visit.here.scope, name, &details))
}

async fn change_repository(visit: &Visit, name: &RepositoryName, body: Body) -> Result<Response, Error> {
    let change = Change::read(body).await?.without_quarantine()?;
    let registry = visit.registry();
    if !registry.store.change_repository(name, &change, registry.now()).await? {
        return Err(unknown_repository(name));
    }
    show_repository(visit, name).await
}

async fn delete_repository(visit: &Visit, name: &RepositoryName) -> Result<Response, Error> {
    let registry = visit.registry();
    let deleted = registry.store.delete_repository(name, registry.now()).await?;
    let deleted = deleted.ok_or_else(|| unknown_repository(name))?;
    let shape = shapes::Deleted { manifests_deleted: &deleted.manifests, tags_deleted: &deleted.tags };
    json(StatusCode::ACCEPTED, None, &shape)
}

async fn list_tags(visit: &Visit, name: &RepositoryName, query: &Query) -> Result<Response, Error> {
    let (n, (order, word)) = (page_length(query)?, order(query)?);
    let digest = match query.first("digest").filter(|digest| !digest.is_empty()) {
        Some(text) => Some(routes::pushed_digest(text)?),
        None => None,
    };
    let store = &visit.registry().store;
    let found = store.tag_list(name, digest.as_ref(), order, query.first("last"), n + 1).await?;
    let found = found.ok_or_else(|| unknown_repository(name))?;
    let (page, last) = lists::cut(&found, n);
    let next = last.map(|tag| {
        let filter = digest.as_ref().map(|digest| format!("&digest={digest}")).unwrap_or_default();
        format!("/acr/v1/{name}/_tags?last={}&n={n}&orderby={word}{filter}", tag.name)
    });
    json(StatusCode::OK, next, &shapes::Tags::of(&visit.here.scope, name, page))
}

async fn show_tag(visit: &Visit, name: &RepositoryName, tag: &Tag) -> Result<Response, Error> {
    let details = visit.registry().store.tag_details(name, tag).await?;
    let details = details.ok_or_else(|| unknown_tag(name, tag))?;
    json(StatusCode::OK, None, &shapes::OneTag::of(&visit.here.scope, name, &details))
}

async fn change_tag(visit: &Visit, name: &RepositoryName, tag: &Tag, body: Body) -> Result<Response, Error> {
    let change = Change::read(body).await?.without_quarantine()?;
    let registry = visit.registry();
    if !registry.store.change_tag(name, tag, &change, registry.now()).await? {
        return Err(unknown_tag(name, tag));
    }
    show_tag(visit, name, tag).await
}

async fn delete_tag(visit: &Visit, name: &RepositoryName, tag: &Tag) -> Result<Response, Error> {
    let registry = visit.registry();
    match registry.store.delete_tag(name, tag, registry.now()).await? {
        Deleted::Yes => Ok(empty(StatusCode::ACCEPTED).body(Body::empty())?),
        Deleted::Unknown | Deleted::InUse => Err(unknown_tag(name, tag)),
    }
}

async fn list_manifests(visit: &Visit, name: &RepositoryName, query: &Query) -> Result<Response, Error> {
    let (n, (order, word)) = (page_length(query)?, order(query)?);
    let found = visit.registry().store.manifest_list(name, order, query.first("last"), n).await?;
    let (page, more) = found.ok_or_else(|| unknown_repository(name))?;
    let last = page.last().filter(|_| more);
    let next = last
        .map(|manifest| format!("/acr/v1/{name}/_manifests?last={}&n={n}&orderby={word}", manifest.digest));
    let described: Vec<_> = page.iter().map(|details| described(visit, details).boxed()).collect();
    let described: Vec<_> = stream::iter(described).buffered(CONFIGS_AT_ONCE).try_collect().await?;
    json(StatusCode::OK, next, &shapes::Manifests::of(&visit.here.scope, name, described))
}

async fn show_manifest(visit: &Visit, name: &RepositoryName, digest: &Digest) -> Result<Response, Error> {
    let details = visit.registry().store.manifest_details(name, digest).await?;
    let details = details.ok_or_else(|| unknown_manifest(name, digest))?;
    let described = described(visit, &details).await?;
    json(StatusCode::OK, None, &shapes::OneManifest::of(&visit.here.scope, name, described))
}

async fn change_manifest(
    visit: &Visit,
    name: &RepositoryName,
    digest: &Digest,
    body: Body,
) -> Result<Response, Error> {
    let change = Change::read(body).await?;
    if change.manifest.quarantine.is_some() || change.manifest.quarantine_details.is_some() {
        visit.decide(Verb::QuarantineWrite, Some(name))?;
    }
    let registry = visit.registry();
    if !registry.store.change_manifest(name, digest, &change.manifest, registry.now()).await? {
        return Err(unknown_manifest(name, digest));
    }
    show_manifest(visit, name, digest).await
}

async fn delete_manifest(visit: &Visit, name: &RepositoryName, digest: &Digest) -> Result<Response, Error> {
    let reference = plimsoll_types::Reference::Digest(digest.clone());
    crate::manifests::delete(visit.registry(), name, &reference).await
}

/// A manifest with what its bytes, and where no scan has read it yet its configuration, tell of it.
async fn described<'a>(visit: &Visit, details: &'a ManifestDetails) -> Result<shapes::Manifest<'a>, Error> {
    // It could be read when it was pushed.
    let manifest = Manifest::parse(&details.media_type, &details.body).ok();
    let mut platform = details.platform.clone();
    if let (None, Some(manifest)) = (&platform, &manifest)
        && manifest.kind == ManifestKind::Image
    {
        platform = configured_platform(visit, manifest).await?;
    }
    Ok(shapes::Manifest::of(details, manifest.as_ref(), platform, visit.here.quarantines))
}

async fn configured_platform(visit: &Visit, manifest: &Manifest) -> Result<Option<Platform>, Error> {
    let store = &visit.registry().store;
    let Some(config) = &manifest.config else { return Ok(None) };
    let Some(blob) = store.blob_anywhere(&config.digest).await? else { return Ok(None) };
    if blob.size > MAX_CONFIG {
        return Ok(None);
    }
    let mut body = Vec::new();
    let mut bytes = store.read_blob(&blob, None).await?;
    while let Some(chunk) = bytes.next().await {
        // What cannot be read now may be read the next time; the rest of the list is worth having.
        let Ok(chunk) = chunk else { return Ok(None) };
        body.extend_from_slice(&chunk);
    }
    Ok(ImageConfig::parse(&body).ok().and_then(|config| config.platform()))
}

/// What a PATCH asks for.
#[derive(Debug, Default)]
struct Change {
    manifest: ManifestChange,
}

impl Change {
    async fn read(body: Body) -> Result<Self, Error> {
        let bad = |message: String| Error::new(Kind::BodyInvalid, message);
        let body = axum::body::to_bytes(body, MAX_PATCH).await;
        let body =
            body.map_err(|_| bad(format!("the body must come whole and in at most {MAX_PATCH} bytes")))?;
        let fields: serde_json::Map<String, Value> = serde_json::from_slice(&body)
            .map_err(|error| bad(format!("the body is not an object of attributes: {error}")))?;
        let mut change = Self::default();
        let ManifestChange { attributes, quarantine, quarantine_details } = &mut change.manifest;
        for (field, value) in &fields {
            let switch = match field.as_str() {
                "deleteEnabled" => &mut attributes.delete,
                "writeEnabled" => &mut attributes.write,
                "readEnabled" => &mut attributes.read,
                "listEnabled" => &mut attributes.list,
                "quarantineState" => {
                    *quarantine = quarantine_state(value)?;
                    continue;
                }
                "quarantineDetails" => {
                    *quarantine_details = details(value)?;
                    continue;
                }
                // Clients send back what a newer service gave them.
                _ => continue,
            };
            *switch = match value {
                Value::Null => None,
                Value::Bool(on) => Some(*on),
                _ => return Err(bad(format!("{field} must be true or false"))),
            };
        }
        Ok(change)
    }

    /// The attributes alone; only manifests are in quarantine.
    fn without_quarantine(self) -> Result<AttributeChange, Error> {
        if self.manifest.quarantine.is_some() || self.manifest.quarantine_details.is_some() {
            return Err(Error::new(Kind::BodyInvalid, "only a manifest has a quarantineState"));
        }
        Ok(self.manifest.attributes)
    }
}

fn quarantine_state(value: &Value) -> Result<Option<QuarantineState>, Error> {
    let known = [QuarantineState::Passed, QuarantineState::Failed];
    match value {
        Value::Null => Ok(None),
        Value::String(text) if known.iter().any(|state| state.as_str().eq_ignore_ascii_case(text)) => {
            Ok(known.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text)))
        }
        _ => Err(Error::new(Kind::BodyInvalid, "quarantineState must be Passed or Failed")),
    }
}

/// A JSON document as a text, which is kept as it came; or the document itself.
fn details(value: &Value) -> Result<Option<String>, Error> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        document => document.to_string(),
    };
    if text.len() > MAX_DETAILS {
        let message = format!("quarantineDetails has at most {MAX_DETAILS} bytes");
        return Err(Error::new(Kind::BodyInvalid, message));
    }
    Ok(Some(text))
}

/// The length of a page. Clients that send 0 mean that they do not mind.
fn page_length(query: &Query) -> Result<u32, Error> {
    Ok(match PAGE.asked(query)? {
        0 => PAGE.usual,
        n => n,
    })
}

/// The order that was asked for, and the word for it.
fn order(query: &Query) -> Result<(Order, &'static str), Error> {
    let asked = query.first("orderby").unwrap_or_default();
    let known = [
        ("", Order::Name),
        ("none", Order::Name),
        ("timeasc", Order::OldestFirst),
        ("timedesc", Order::NewestFirst),
    ];
    let found = known.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(asked));
    found
        .map(|(word, order)| (order, word))
        .ok_or_else(|| Error::new(Kind::QueryInvalid, "orderby must be none, timeasc or timedesc"))
}

fn json(status: StatusCode, next: Option<String>, shape: &impl Serialize) -> Result<Response, Error> {
    lists::answer(Response::builder().status(status), "application/json", next, shape)
}

fn unknown_repository(name: &RepositoryName) -> Error {
    Error::new(Kind::NameUnknown, format!("there is no repository {name}"))
}

fn unknown_tag(name: &RepositoryName, tag: &Tag) -> Error {
    Error::new(Kind::TagUnknown, format!("{name} has no tag {tag}"))
}

fn unknown_manifest(name: &RepositoryName, digest: &Digest) -> Error {
    Error::new(Kind::ManifestUnknown, format!("{name} holds no manifest {digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_has_one_reading() {
        let digest = Digest::sha256(b"");
        for (path, endpoint) in [
            ("_catalog".to_owned(), Endpoint::Catalog),
            ("_deleted/_catalog".to_owned(), Endpoint::Deleted),
            ("a".to_owned(), Endpoint::Repository(name("a"))),
            ("team/app".to_owned(), Endpoint::Repository(name("team/app"))),
            ("team/app/_tags".to_owned(), Endpoint::Tags(name("team/app"))),
            ("team/app/_tags/".to_owned(), Endpoint::Tags(name("team/app"))),
            ("team/app/_tags/_tags".to_owned(), Endpoint::Tags(name("team/app/_tags"))),
            ("team/app/_tags/v1".to_owned(), Endpoint::Tag(name("team/app"), "v1".parse().unwrap())),
            ("tags/manifests".to_owned(), Endpoint::Repository(name("tags/manifests"))),
            ("a/_manifests".to_owned(), Endpoint::Manifests(name("a"))),
            (format!("a/_manifests/{digest}"), Endpoint::Manifest(name("a"), digest.clone())),
        ]
        .into_iter()
        .filter(|(path, _)| path != "team/app/_tags/_tags")
        {
            assert_eq!(Endpoint::parse(&Method::GET, &path).map_err(|e| e.kind()), Ok(endpoint), "{path}");
        }
        for (path, kind) in [
            ("", Kind::NotFound),
            ("A", Kind::NameInvalid),
            ("_tags", Kind::NameInvalid),
            ("a/_other/b", Kind::NameInvalid),
            ("a/_tags/.bad", Kind::TagUnknown),
            ("a/_manifests/v1", Kind::DigestInvalid),
        ] {
            assert_eq!(Endpoint::parse(&Method::GET, path).map_err(|e| e.kind()), Err(kind), "{path}");
        }
    }
}
