//! Manifests: read by tag or digest, pushed byte for byte, taken out.
//!
//! What was pushed is what is served: never converted, whatever `Accept` prefers, for then the digest would change.

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header};
use plimsoll_store::{Deleted, ManifestHead, ManifestPut, QuarantineState, Stored};
use plimsoll_types::access::Verb;
use plimsoll_types::manifest::MAX_MANIFEST_BYTES;
use plimsoll_types::{Digest, Manifest, Reference, RepositoryName, Tag};
use serde_json::json;

use crate::Registry;
use crate::access::Visit;
use crate::answers::{CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, about, client_has, empty, not_modified};
use crate::errors::{Error, Kind};
use crate::incoming::{announced_length, stream};
use crate::routes::Query;

/// More tags than this do not fit into the longest URI that clients may count on, 8 KiB.
const MAX_TAGS: usize = 46;

/// `HEAD`: digest, type and size of the manifest.
pub(crate) async fn head(
    visit: &Visit,
    repository: &RepositoryName,
    reference: &Reference,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let found = visit.registry().store.manifest_head(repository, reference).await?;
    let ManifestHead { digest, media_type, size, quarantine } =
        found.ok_or_else(|| unknown(repository, reference))?;
    hold_back(visit, repository, reference, quarantine)?;
    if client_has(headers, &digest) {
        return Ok(not_modified(&digest)?);
    }
    Ok(about(StatusCode::OK, &digest)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CONTENT_LENGTH, size)
        .body(Body::empty())?)
}

/// `GET`: the manifest, as it was pushed.
pub(crate) async fn get(
    visit: &Visit,
    repository: &RepositoryName,
    reference: &Reference,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let found = visit.registry().store.manifest(repository, reference).await?;
    let manifest = found.ok_or_else(|| unknown(repository, reference))?;
    hold_back(visit, repository, reference, manifest.quarantine)?;
    if client_has(headers, &manifest.digest) {
        return Ok(not_modified(&manifest.digest)?);
    }
    Ok(about(StatusCode::OK, &manifest.digest)
        .header(header::CONTENT_TYPE, manifest.media_type)
        .header(header::CONTENT_LENGTH, manifest.body.len())
        .body(Body::from(manifest.body))?)
}

/// `PUT`: stores the manifest, and sets the tag of the path or the tags of `?tag=`.
pub(crate) async fn put(
    registry: &Registry,
    repository: &RepositoryName,
    reference: &Reference,
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let asked = asked_tags(query)?;
    let body = read(registry, headers, body).await?;
    let digest = match reference {
        Reference::Tag(_) => Digest::sha256(&body),
        Reference::Digest(named) => {
            let digest = Digest::of(named.algorithm(), &body);
            if digest != *named {
                let message = format!("the manifest's digest is {digest}, not {named}");
                return Err(Error::new(Kind::DigestInvalid, message));
            }
            digest
        }
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let manifest = Manifest::parse(content_type.unwrap_or_default(), &body)
        .map_err(|error| Error::new(Kind::ManifestInvalid, error.to_string()))?;
    let mut tags = asked.clone();
    if let Reference::Tag(tag) = reference
        && !tags.contains(tag)
    {
        tags.push(tag.clone());
    }
    let now = registry.now();
    let put = ManifestPut { repository, tags: &tags, digest: &digest, body, manifest: &manifest, now };
    match registry.store.put_manifest(put).await? {
        Stored::Yes => created(repository, &digest, &manifest, &asked),
        Stored::Missing(missing) => Err(Error::new(
            Kind::ManifestBlobUnknown,
            format!("the manifest names content that {repository} does not hold; push it first"),
        )
        .with_detail(json!(missing.iter().map(|digest| json!({ "digest": digest })).collect::<Vec<_>>()))),
        Stored::WrongSize(lies) => {
            Err(Error::new(Kind::ManifestInvalid, "the manifest gives a size that its content does not have")
                .with_detail(json!(
                    lies.iter()
                        .map(|(digest, said, size)| json!({ "digest": digest, "said": said, "size": size }))
                        .collect::<Vec<_>>()
                )))
        }
    }
}

/// `DELETE`: by digest the manifest with all its tags, by tag only the tag.
pub(crate) async fn delete(
    registry: &Registry,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Error> {
    let deleted = match reference {
        Reference::Tag(tag) => registry.store.delete_tag(repository, tag, registry.now()).await?,
        Reference::Digest(digest) => {
            registry.store.delete_manifest(repository, digest, registry.now()).await?
        }
    };
    match deleted {
        Deleted::Yes => Ok(empty(StatusCode::ACCEPTED).body(Body::empty())?),
        Deleted::Unknown => Err(unknown(repository, reference)),
        Deleted::InUse => Err(Error::new(
            Kind::InUse,
            format!("an index in {repository} lists the manifest {reference}; delete the index first"),
        )),
    }
}

/// Refuses an image that nobody has let out of quarantine, but to those who look at such images. To others its tag is not
/// there; who knows the digest knows that it is, and is told.
fn hold_back(
    visit: &Visit,
    repository: &RepositoryName,
    reference: &Reference,
    said: Option<QuarantineState>,
) -> Result<(), Error> {
    if !visit.here.quarantines
        || said == Some(QuarantineState::Passed)
        || visit.decide(Verb::QuarantineRead, Some(repository)).is_ok()
    {
        return Ok(());
    }
    Err(match reference {
        Reference::Tag(_) => unknown(repository, reference),
        Reference::Digest(_) => {
            let message = format!("the operation is disallowed: {repository}@{reference} is in quarantine");
            Error::new(Kind::Locked, message)
        }
    })
}

fn unknown(repository: &RepositoryName, reference: &Reference) -> Error {
    Error::new(Kind::ManifestUnknown, format!("{repository} holds no manifest {reference}"))
}

fn asked_tags(query: &Query) -> Result<Vec<Tag>, Error> {
    let mut tags = Vec::new();
    for text in query.all("tag") {
        let tag: Tag =
            text.parse().map_err(|error| Error::new(Kind::TagInvalid, format!("?tag=: {error}")))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > MAX_TAGS {
            return Err(Error::new(Kind::TooManyTags, format!("one push sets at most {MAX_TAGS} tags")));
        }
    }
    Ok(tags)
}

/// The whole body, which is refused before it is read where its announced length is too much (CVE-2017-11468).
async fn read(registry: &Registry, headers: &HeaderMap, body: Body) -> Result<Bytes, Error> {
    let too_large =
        || Error::new(Kind::ManifestTooLarge, format!("a manifest has at most {MAX_MANIFEST_BYTES} bytes"));
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > MAX_MANIFEST_BYTES as u64) {
        return Err(too_large());
    }
    let mut frames = stream(body, announced, &registry.settings);
    let mut whole = BytesMut::new();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| Error::new(Kind::SizeInvalid, error.to_string()))?;
        if whole.len() + frame.len() > MAX_MANIFEST_BYTES {
            return Err(too_large());
        }
        whole.extend_from_slice(&frame);
    }
    Ok(whole.freeze())
}

fn created(
    repository: &RepositoryName,
    digest: &Digest,
    manifest: &Manifest,
    asked: &[Tag],
) -> Result<Response, Error> {
    let mut response = empty(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{repository}/manifests/{digest}"))
        .header(CONTENT_DIGEST, digest.as_str());
    if let Some(subject) = &manifest.subject {
        response = response.header(OCI_SUBJECT, subject.digest.as_str());
    }
    for tag in asked {
        response = response.header(OCI_TAG, tag.as_str());
    }
    Ok(response.body(Body::empty())?)
}
