//! Uploads: a blob comes in at once, as a stream, or chunk by chunk in a session that survives broken connections.
//!
//! A session's `Range` header tells the bytes that are safely there. For an empty session it says `0-0`, as it does for
//! one byte: distribution began so, and clients know.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header, response};
use plimsoll_store::{ByteStream, ErrorKind, Finished, Upload, UploadId};
use plimsoll_types::access::Verb;
use plimsoll_types::{Algorithm, Digest, RepositoryName};

use crate::Registry;
use crate::access::Visit;
use crate::answers::{CONTENT_DIGEST, UPLOAD_UUID, empty};
use crate::errors::{Error, Kind};
use crate::incoming::{announced_length, stream};
use crate::ranges;
use crate::routes::{Query, pushed_digest};

/// `POST`: mounts a blob, takes a whole one, or opens a session.
pub(crate) async fn start(
    visit: &Visit,
    repository: &RepositoryName,
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let registry = &visit.registry;
    // A mount that cannot be never fails: the client gets a session and pushes.
    let mount = query.first("mount").and_then(|digest| digest.parse::<Digest>().ok());
    if let Some(digest) = &mount
        && mounted(visit, repository, query.first("from"), digest).await?
    {
        return created(repository, digest);
    }
    if let Some(text) = query.first("digest") {
        let digest = pushed_digest(text)?;
        let body = Box::pin(stream(body, announced_length(headers), &registry.settings));
        let finished = registry.store.put_blob(repository, &digest, body, registry.now()).await?;
        return created(repository, &finished.blob.digest);
    }
    let algorithm = match (query.first("digest-algorithm"), mount) {
        (Some(name), _) => name
            .parse()
            .map_err(|error| Error::new(Kind::DigestInvalid, format!("digest-algorithm: {error}")))?,
        (None, Some(digest)) => digest.algorithm(),
        (None, None) => Algorithm::Sha256,
    };
    let upload = registry.store.start_upload(repository, algorithm, registry.now()).await?;
    Ok(session(StatusCode::ACCEPTED, repository, &upload).body(Body::empty())?)
}

/// `PATCH`: appends a chunk, or with no `Content-Range` a stream of any length.
pub(crate) async fn append(
    registry: &Registry,
    repository: &RepositoryName,
    id: &UploadId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let (at, body) = chunk(registry, headers, body)?;
    match registry.store.append(repository, id, at, body, registry.now()).await {
        Ok(upload) => Ok(session(StatusCode::ACCEPTED, repository, &upload).body(Body::empty())?),
        Err(error) => Err(refused(registry, repository, id, error).await),
    }
}

/// `PUT`: appends what is left, if anything, and closes the session with the digest of the whole.
pub(crate) async fn finish(
    registry: &Registry,
    repository: &RepositoryName,
    id: &UploadId,
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let Some(digest) = query.first("digest") else {
        return Err(Error::new(
            Kind::DigestInvalid,
            "an upload is closed with ?digest= and the digest of the whole",
        ));
    };
    let digest = pushed_digest(digest)?;
    let (at, body) = chunk(registry, headers, body)?;
    match registry.store.finish_upload(repository, id, at, body, &digest, registry.now()).await {
        Ok(Finished { blob, .. }) => created(repository, &blob.digest),
        Err(error) => Err(refused(registry, repository, id, error).await),
    }
}

/// `GET`: how far the session is.
pub(crate) async fn show(
    registry: &Registry,
    repository: &RepositoryName,
    id: &UploadId,
) -> Result<Response, Error> {
    let upload = registry.store.upload(repository, id).await?.ok_or_else(|| unknown(id))?;
    Ok(session(StatusCode::NO_CONTENT, repository, &upload).body(Body::empty())?)
}

/// `DELETE`: ends the session.
pub(crate) async fn cancel(
    registry: &Registry,
    repository: &RepositoryName,
    id: &UploadId,
) -> Result<Response, Error> {
    if !registry.store.cancel_upload(repository, id).await? {
        return Err(unknown(id));
    }
    Ok(Response::builder().status(StatusCode::NO_CONTENT).body(Body::empty())?)
}

/// Mounts the blob if `from` was named and holds it. Without `from`, every repository would have to be asked on the
/// client's behalf; the specification leaves that to us, and CVE-2024-39897 tells how it ends.
async fn mounted(
    visit: &Visit,
    repository: &RepositoryName,
    from: Option<&str>,
    digest: &Digest,
) -> Result<bool, Error> {
    let Some(from) = from.and_then(|from| from.parse::<RepositoryName>().ok()) else { return Ok(false) };
    if visit.decide(Verb::Pull, Some(&from)).is_err() {
        return Ok(false);
    }
    let registry = &visit.registry;
    Ok(registry.store.mount_blob(&from, repository, digest, registry.now()).await?)
}

/// Where the request's body belongs in the session (`None`: at its end), and the body.
fn chunk(registry: &Registry, headers: &HeaderMap, body: Body) -> Result<(Option<u64>, ByteStream), Error> {
    let announced = announced_length(headers);
    let Some(range) = headers.get(header::CONTENT_RANGE) else {
        return Ok((None, Box::pin(stream(body, announced, &registry.settings))));
    };
    let (start, length) = range.to_str().ok().and_then(ranges::chunk).ok_or_else(|| {
        Error::new(
            Kind::BlobUploadInvalid,
            "Content-Range of a chunk is FIRST-LAST, two numbers, both inclusive",
        )
    })?;
    if announced.is_some_and(|announced| announced != length) {
        return Err(Error::new(
            Kind::SizeInvalid,
            format!("Content-Range covers {length} bytes, Content-Length says otherwise"),
        ));
    }
    Ok((Some(start), Box::pin(stream(body, Some(length), &registry.settings))))
}

/// The error of an append. A chunk at the wrong place is told the right one, so that the client can go on.
async fn refused(
    registry: &Registry,
    repository: &RepositoryName,
    id: &UploadId,
    error: plimsoll_store::Error,
) -> Error {
    match error.kind() {
        ErrorKind::NotFound => return unknown(id),
        ErrorKind::WrongOffset => {}
        _ => return error.into(),
    }
    match registry.store.upload(repository, id).await {
        Ok(Some(upload)) => Error::from(error)
            .with_header(header::LOCATION, &location(repository, id))
            .with_header(header::RANGE, &progress(&upload))
            .with_header(UPLOAD_UUID, &id.to_string()),
        Ok(None) => unknown(id),
        Err(error) => error.into(),
    }
}

fn unknown(id: &UploadId) -> Error {
    Error::new(Kind::BlobUploadUnknown, format!("there is no upload {id} here; it may have ended or expired"))
}

fn created(repository: &RepositoryName, digest: &Digest) -> Result<Response, Error> {
    Ok(empty(StatusCode::CREATED)
        .header(header::LOCATION, format!("/v2/{repository}/blobs/{digest}"))
        .header(CONTENT_DIGEST, digest.as_str())
        .body(Body::empty())?)
}

fn session(status: StatusCode, repository: &RepositoryName, upload: &Upload) -> response::Builder {
    // 204 has no Content-Length (RFC 9110, 8.6).
    let builder =
        if status == StatusCode::NO_CONTENT { Response::builder().status(status) } else { empty(status) };
    builder
        .header(header::LOCATION, location(repository, &upload.id))
        .header(header::RANGE, progress(upload))
        .header(UPLOAD_UUID, upload.id.to_string())
}

/// A path, for a registry behind a proxy cannot know by which scheme and port it was reached.
fn location(repository: &RepositoryName, id: &UploadId) -> String {
    format!("/v2/{repository}/blobs/uploads/{id}")
}

fn progress(upload: &Upload) -> String {
    format!("0-{}", upload.offset.saturating_sub(1))
}
