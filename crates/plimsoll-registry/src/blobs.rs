//! Blobs: reading them whole or in parts, and taking them out of a repository.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use plimsoll_store::{BlobInfo, ByteStream, Deleted, Store};
use plimsoll_types::{Digest, RepositoryName};

use crate::Registry;
use crate::answers::{about, client_has, empty, is_entity_tag, not_modified};
use crate::errors::{Error, Kind};
use crate::ranges::{Wanted, wanted};

/// `HEAD`: whether the repository holds the blob, and how large it is.
pub(crate) async fn head(
    registry: &Registry,
    repository: &RepositoryName,
    digest: &Digest,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let blob = find(registry, repository, digest).await?;
    if client_has(headers, digest) {
        return Ok(not_modified(digest)?);
    }
    whole(&blob, Body::empty())
}

/// `GET`: the blob, or the parts of it that `Range` asks for.
pub(crate) async fn get(
    registry: &Registry,
    repository: &RepositoryName,
    digest: &Digest,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let blob = find(registry, repository, digest).await?;
    if client_has(headers, digest) {
        return Ok(not_modified(digest)?);
    }
    match wanted(range_header(headers, digest), blob.size) {
        Wanted::Whole => {
            let bytes = read(&registry.store, &blob, None).await?;
            whole(&blob, Body::from_stream(bytes))
        }
        Wanted::Parts(parts) => match parts.as_slice() {
            [part] => {
                let bytes = read(&registry.store, &blob, Some(part.clone())).await?;
                let response = about(StatusCode::PARTIAL_CONTENT, digest)
                    .header(header::CONTENT_TYPE, OCTETS)
                    .header(header::CONTENT_LENGTH, part.end - part.start)
                    .header(header::CONTENT_RANGE, content_range(part, blob.size));
                Ok(response.body(Body::from_stream(bytes))?)
            }
            _ => several_parts(registry.store.clone(), blob, parts),
        },
        Wanted::Nothing => Err(Error::new(Kind::RangeInvalid, "the blob has no such range")
            .with_header(header::CONTENT_RANGE, &format!("bytes */{}", blob.size))),
    }
}

/// `DELETE`: takes the blob out of the repository, unless a manifest there needs it.
pub(crate) async fn delete(
    registry: &Registry,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Error> {
    match registry.store.delete_blob(repository, digest, registry.now()).await? {
        Deleted::Yes => Ok(empty(StatusCode::ACCEPTED).body(Body::empty())?),
        Deleted::Unknown => Err(unknown(repository, digest)),
        Deleted::InUse => Err(Error::new(
            Kind::InUse,
            format!("a manifest in {repository} needs the blob {digest}; delete the manifest first"),
        )),
    }
}

const OCTETS: &str = "application/octet-stream";

async fn find(registry: &Registry, repository: &RepositoryName, digest: &Digest) -> Result<BlobInfo, Error> {
    registry.store.blob(repository, digest).await?.ok_or_else(|| unknown(repository, digest))
}

fn unknown(repository: &RepositoryName, digest: &Digest) -> Error {
    Error::new(Kind::BlobUnknown, format!("{repository} holds no blob {digest}"))
}

/// The `Range` of the request; empty where there is none, or where `If-Range` names other content.
fn range_header<'a>(headers: &'a HeaderMap, digest: &Digest) -> &'a str {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::IF_RANGE) {
        Some(tag) if !is_entity_tag(tag, digest) => "",
        _ => text(header::RANGE).unwrap_or_default(),
    }
}

async fn read(store: &Store, blob: &BlobInfo, part: Option<Range<u64>>) -> Result<ByteStream, Error> {
    store.read_blob(blob, part).await.map_err(|error| Error::of_store(error, Kind::BlobUnknown))
}

fn whole(blob: &BlobInfo, body: Body) -> Result<Response, Error> {
    Ok(about(StatusCode::OK, &blob.digest)
        .header(header::CONTENT_TYPE, OCTETS)
        .header(header::CONTENT_LENGTH, blob.size)
        .header(header::ACCEPT_RANGES, "bytes")
        .body(body)?)
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// Several parts as `multipart/byteranges` (RFC 9110, 14.6). Clients of zstd:chunked layers read so. A part is opened only
/// when the one before it is sent.
fn several_parts(store: Store, blob: BlobInfo, parts: Vec<Range<u64>>) -> Result<Response, Error> {
    let boundary = boundary();
    let size = blob.size;
    let title = move |part: &Range<u64>, boundary: &str| {
        let range = content_range(part, size);
        format!("\r\n--{boundary}\r\nContent-Type: {OCTETS}\r\nContent-Range: {range}\r\n\r\n")
    };
    let end = format!("\r\n--{boundary}--\r\n");
    let titles = parts.iter().map(|part| title(part, &boundary).len() as u64).sum::<u64>();
    let contents = parts.iter().map(|part| part.end - part.start).sum::<u64>();
    let response = about(StatusCode::PARTIAL_CONTENT, &blob.digest)
        .header(header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"))
        .header(header::CONTENT_LENGTH, titles + contents + end.len() as u64);
    let bodies = stream::iter(parts)
        .then(move |part| {
            let (store, blob) = (store.clone(), blob.clone());
            let title = Bytes::from(title(&part, &boundary));
            async move {
                let content = store.read_blob(&blob, Some(part)).await.map_err(std::io::Error::other)?;
                Ok::<_, std::io::Error>(stream::iter([Ok(title)]).chain(content))
            }
        })
        .try_flatten();
    let end = stream::iter([Ok::<_, std::io::Error>(Bytes::from(end))]);
    Ok(response.body(Body::from_stream(bodies.chain(end)))?)
}

/// A boundary that the pusher of a blob cannot have put into it, for it is chosen anew for every answer.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
