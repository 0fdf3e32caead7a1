//! The door: from path and method to the room that answers.
//!
//! Repository names contain slashes and the noun stands behind them, so a path is read from its right end. It is read
//! once, here; behind this module there are only checked names.
//!
//! ```text
//! /v2/                                 GET            is this a registry?
//! /v2/_catalog                         GET            repositories
//! /v2/<name>/tags/list                 GET            tags
//! /v2/<name>/manifests/<reference>     GET PUT DELETE manifest
//! /v2/<name>/blobs/<digest>            GET DELETE     blob
//! /v2/<name>/blobs/uploads/            POST           mount, upload or session
//! /v2/<name>/blobs/uploads/<id>        GET PATCH PUT DELETE  session
//! /v2/<name>/referrers/<digest>        GET            referrers
//! /acr/v1/…                            see the module acr
//! /oauth2/token                        GET POST       an access token
//! /oauth2/exchange                     POST           a refresh token
//! ```

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query as UriQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use plimsoll_store::UploadId;
use plimsoll_types::access::Verb;
use plimsoll_types::{Digest, ParseError, Reference, RepositoryName};

use crate::access::{Arrival, Visit};
use crate::answers::API_VERSION;
use crate::errors::{Error, Kind};
use crate::hosts::Hosts;
use crate::logs::Deed;
use crate::{Registry, acr, blobs, lists, manifests, tokens, uploads};

/// The longest path with query that is read.
const MAX_URI_BYTES: usize = 8 * 1024;
/// The most bytes of a refused request that are read before it is answered: twice a chunk of Azure's SDK. And how long.
const MOST_READ_PAST: usize = 8 << 20;
const LONGEST_READ_PAST: Duration = Duration::from_secs(10);

/// All routes of the registry: `/v2/`, `/acr/v1/`, `/oauth2/` and below. Unknown paths below it are answered in the specification's form, so the
/// router has no fallback of its own and can be merged with others.
pub fn router(registry: Registry) -> Router {
    Router::new()
        .route("/v2", any(serve))
        .route("/v2/", any(serve))
        .route("/v2/{*rest}", any(serve))
        .route("/acr/v1", any(serve))
        .route("/acr/v1/{*rest}", any(serve))
        .route("/oauth2/token", any(serve))
        .route("/oauth2/exchange", any(serve))
        .with_state(Arc::new(Hosts::new(registry)))
}

async fn serve(State(hosts): State<Arc<Hosts>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = Some(body);
    let answered = answer(&hosts, &head, &mut body).await;
    if answered.is_err()
        && let Some(unread) = body
    {
        read_past(unread).await;
    }
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    let status = response.status().as_u16();
    tracing::debug!(method = %head.method, path = head.uri.path(), status, "answered");
    response
}

/// Takes the body of a request that is refused. Azure's SDK sends each chunk of a blob without a token first, to be told
/// where it gets one; it does not hear that while it still writes into a connection that was closed.
async fn read_past(body: Body) {
    let read = async {
        let mut body = body.into_data_stream();
        let mut left = MOST_READ_PAST;
        while let Some(Ok(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whoever sends more, or takes longer, is cut off as before.
    let _ = tokio::time::timeout(LONGEST_READ_PAST, read).await;
}

/// Answers, and takes the body where it is wanted: not before the caller is known, and may.
async fn answer(hosts: &Hosts, head: &Parts, body: &mut Option<Body>) -> Result<Response, Error> {
    let arrival = Arrival::of(hosts, head).await?;
    if let Err(refusal) = arrival.here.network.admit(arrival.client) {
        arrival.note_login(head, refusal.status(), None);
        return Err(refusal);
    }
    if head.uri.path_and_query().is_some_and(|text| text.as_str().len() > MAX_URI_BYTES) {
        let message = format!("path and query have at most {MAX_URI_BYTES} bytes");
        return Err(Error::new(Kind::UriTooLong, message));
    }
    let path = head.uri.path();
    if path.starts_with("/oauth2/") {
        return log_in(&arrival, head, body.take().unwrap_or_default()).await;
    }
    let method = &head.method;
    let query = Query::parse(&head.uri)?;
    if let Some(rest) = path.strip_prefix("/acr/v1") {
        let rest = decoded(rest)?;
        let endpoint = acr::Endpoint::parse(method, rest.strip_prefix('/').unwrap_or_default())?;
        let (verb, repository) = (endpoint.verb(method), endpoint.repository());
        let visit = Visit::of(&arrival, head, verb, repository).await?;
        let answered = match visit.decide(verb, repository) {
            Ok(()) => acr::answer(&visit, &endpoint, method, &query, body.take().unwrap_or_default()).await,
            Err(refusal) => Err(refusal),
        };
        let deed = Deed::of_acr(&endpoint, method);
        arrival.note(head, &visit.caller, deed, &answered);
        return answered;
    }
    let endpoint = Endpoint::parse(method, &head.uri)?;
    let (verb, repository) = (endpoint.verb(method), endpoint.repository());
    let visit = Visit::of(&arrival, head, verb, repository).await?;
    let answered = match visit.decide(verb, repository) {
        Ok(()) => dispatch(&visit, &endpoint, head, &query, body.take().unwrap_or_default()).await,
        Err(refusal) => Err(refusal),
    };
    if let Endpoint::Manifest(name, reference) = &endpoint {
        arrival.note(head, &visit.caller, Deed::of_manifest(method, name, reference), &answered);
    }
    answered
}

async fn log_in(arrival: &Arrival, head: &Parts, body: Body) -> Result<Response, Error> {
    let login = match head.uri.path() {
        "/oauth2/token" => tokens::token(arrival, head, body).await,
        _ => tokens::exchange(arrival, head, body).await,
    };
    match login {
        Ok(login) => {
            arrival.note_login(head, login.response.status(), Some((&login.caller, &login.token)));
            Ok(login.response)
        }
        Err(refusal) => {
            arrival.note_login(head, refusal.status(), None);
            Err(refusal)
        }
    }
}

/// Answers a request that was let in.
async fn dispatch(
    visit: &Visit,
    endpoint: &Endpoint,
    head: &Parts,
    query: &Query,
    body: Body,
) -> Result<Response, Error> {
    let (method, headers) = (&head.method, &head.headers);
    let registry = visit.registry();
    match (endpoint, method) {
        (Endpoint::Base, &Method::GET | &Method::HEAD) => {
            Ok((StatusCode::OK, axum::Json(serde_json::json!({}))).into_response())
        }
        (Endpoint::Catalog, &Method::GET | &Method::HEAD) => lists::repositories(visit, query).await,
        (Endpoint::Tags(name), &Method::GET | &Method::HEAD) => lists::tags(registry, name, query).await,
        (Endpoint::Referrers(name, subject), &Method::GET | &Method::HEAD) => {
            lists::referrers(registry, name, subject, query).await
        }
        (Endpoint::Manifest(name, reference), &Method::GET) => {
            manifests::get(visit, name, reference, headers).await
        }
        (Endpoint::Manifest(name, reference), &Method::HEAD) => {
            manifests::head(visit, name, reference, headers).await
        }
        (Endpoint::Manifest(name, reference), &Method::PUT) => {
            manifests::put(registry, name, reference, query, headers, body).await
        }
        (Endpoint::Manifest(name, reference), &Method::DELETE) => {
            manifests::delete(registry, name, reference).await
        }
        (Endpoint::Blob(name, digest), &Method::GET) => blobs::get(registry, name, digest, headers).await,
        (Endpoint::Blob(name, digest), &Method::HEAD) => blobs::head(registry, name, digest, headers).await,
        (Endpoint::Blob(name, digest), &Method::DELETE) => blobs::delete(registry, name, digest).await,
        (Endpoint::Uploads(name), &Method::POST) => uploads::start(visit, name, query, headers, body).await,
        (Endpoint::Upload(name, id), &Method::GET | &Method::HEAD) => uploads::show(registry, name, id).await,
        (Endpoint::Upload(name, id), &Method::PATCH) => {
            uploads::append(registry, name, id, headers, body).await
        }
        (Endpoint::Upload(name, id), &Method::PUT) => {
            uploads::finish(registry, name, id, query, headers, body).await
        }
        (Endpoint::Upload(name, id), &Method::DELETE) => uploads::cancel(registry, name, id).await,
        (endpoint, method) => {
            Err(Error::new(Kind::MethodNotAllowed, format!("{method} is not possible here"))
                .with_header(header::ALLOW, endpoint.methods()))
        }
    }
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    Base,
    Catalog,
    Tags(RepositoryName),
    Manifest(RepositoryName, Reference),
    Blob(RepositoryName, Digest),
    Uploads(RepositoryName),
    Upload(RepositoryName, UploadId),
    Referrers(RepositoryName, Digest),
}

impl Endpoint {
    fn parse(method: &Method, uri: &Uri) -> Result<Self, Error> {
        let path = uri.path();
        let rest = path.strip_prefix("/v2").unwrap_or(path);
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let rest = decoded(rest)?;
        match &*rest {
            "" => return Ok(Self::Base),
            "_catalog" => return Ok(Self::Catalog),
            _ => {}
        }
        let nowhere = || Error::new(Kind::NotFound, "there is nothing at this path");
        let (front, last) = rest.rsplit_once('/').ok_or_else(nowhere)?;
        // A trailing slash is part of the one path that the specification writes so.
        if last.is_empty() {
            let name = front.strip_suffix("/blobs/uploads").ok_or_else(nowhere)?;
            return Ok(Self::Uploads(repository(name)?));
        }
        let (name, noun) = front.rsplit_once('/').ok_or_else(nowhere)?;
        match (noun, last) {
            ("tags", "list") => Ok(Self::Tags(repository(name)?)),
            ("blobs", "uploads") => Ok(Self::Uploads(repository(name)?)),
            ("manifests", reference) => {
                Ok(Self::Manifest(repository(name)?, self::reference(method, reference)?))
            }
            ("blobs", digest) => {
                Ok(Self::Blob(repository(name)?, self::digest(method, digest, Kind::BlobUnknown)?))
            }
            ("uploads", id) => {
                let name = name.strip_suffix("/blobs").ok_or_else(nowhere)?;
                let unknown = |_| Error::new(Kind::BlobUploadUnknown, "an upload has no such name");
                Ok(Self::Upload(repository(name)?, id.parse().map_err(unknown)?))
            }
            // Never 404, which would say that the registry has no referrers API at all.
            ("referrers", digest) => Ok(Self::Referrers(repository(name)?, pushed_digest(digest)?)),
            _ => Err(nowhere()),
        }
    }

    fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Tags(name) | Self::Uploads(name) => Some(name),
            Self::Manifest(name, _) => Some(name),
            Self::Blob(name, _) | Self::Referrers(name, _) => Some(name),
            Self::Upload(name, _) => Some(name),
        }
    }

    /// What a request with this method wants. Everything about a session is a push, its end included.
    fn verb(&self, method: &Method) -> Verb {
        match (self, method) {
            (Self::Base, _) => Verb::Look,
            (Self::Catalog, _) => Verb::Catalog,
            (Self::Uploads(_) | Self::Upload(..), _) => Verb::Push,
            (_, &Method::GET | &Method::HEAD) => Verb::Pull,
            (_, &Method::DELETE) => Verb::Delete,
            _ => Verb::Push,
        }
    }

    fn methods(&self) -> &'static str {
        match self {
            Self::Base | Self::Catalog | Self::Tags(_) | Self::Referrers(..) => "GET, HEAD",
            Self::Manifest(..) => "GET, HEAD, PUT, DELETE",
            Self::Blob(..) => "GET, HEAD, DELETE",
            Self::Uploads(_) => "POST",
            Self::Upload(..) => "GET, HEAD, PATCH, PUT, DELETE",
        }
    }
}

/// The path with its percent signs resolved: some clients write the colon of a digest so, and Azure's SDKs the slashes of
/// a repository's name. A segment that walks must not come out of it: it could only be meant to be read differently by
/// somebody behind or before us.
fn decoded(path: &str) -> Result<Cow<'_, str>, Error> {
    let bad = || Error::new(Kind::NameInvalid, "the path contains a segment that cannot be part of a name");
    let mut decoded = Cow::Borrowed(path);
    if path.contains('%') {
        let mut text = String::with_capacity(path.len());
        let mut rest = path;
        while let Some((plain, encoded)) = rest.split_once('%') {
            let code =
                encoded.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())).ok_or_else(bad)?;
            let byte = u8::from_str_radix(code, 16).map_err(|_| bad())?;
            // No name has any other character than these.
            if !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'%') {
                return Err(bad());
            }
            text.push_str(plain);
            text.push(char::from(byte));
            rest = &encoded[2..];
        }
        text.push_str(rest);
        decoded = Cow::Owned(text);
    }
    if decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(bad());
    }
    Ok(decoded)
}

pub(crate) fn repository(name: &str) -> Result<RepositoryName, Error> {
    name.parse().map_err(|error: ParseError| Error::new(Kind::NameInvalid, error.to_string()))
}

fn reference(method: &Method, text: &str) -> Result<Reference, Error> {
    if text.contains(':') {
        return digest(method, text, Kind::ManifestUnknown).map(Reference::Digest);
    }
    text.parse().map_err(|error: ParseError| {
        // What cannot exist is not there; only a push needs to know that its tag is at fault.
        let kind = if *method == Method::PUT { Kind::TagInvalid } else { Kind::ManifestUnknown };
        Error::new(kind, error.to_string())
    })
}

/// A digest in a path. One of an algorithm that we do not know is well-formed: on reading it is simply not there.
pub(crate) fn digest(method: &Method, text: &str, unknown: Kind) -> Result<Digest, Error> {
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::DELETE);
    text.parse().map_err(|error: ParseError| {
        let kind = if is_read && has_foreign_algorithm(text) { unknown } else { Kind::DigestInvalid };
        Error::new(kind, error.to_string())
    })
}

/// Whether the text is a digest of the grammar in the image specification's descriptor.md, of an unregistered algorithm.
fn has_foreign_algorithm(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    let is_component =
        |c: &str| !c.is_empty() && c.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_encoded = |b: u8| b.is_ascii_alphanumeric() || b"=_-".contains(&b);
    !matches!(algorithm, "sha256" | "sha512")
        && algorithm.split(['+', '.', '_', '-']).all(is_component)
        && !encoded.is_empty()
        && encoded.bytes().all(is_encoded)
}

/// A digest that content is to be stored under.
pub(crate) fn pushed_digest(text: &str) -> Result<Digest, Error> {
    text.parse().map_err(|error: ParseError| Error::new(Kind::DigestInvalid, error.to_string()))
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(uri: &Uri) -> Result<Self, Error> {
        if uri.query().is_none() {
            return Ok(Self::default());
        }
        let bad = || Error::new(Kind::QueryInvalid, "the query cannot be read");
        let UriQuery(pairs) = UriQuery::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| bad())?;
        // PostgreSQL takes no text with a zero in it, and nothing that is asked for here has one.
        if pairs.iter().any(|(_, value)| value.contains('\0')) {
            return Err(bad());
        }
        Ok(Self(pairs))
    }

    /// The first value of a parameter. Clients that repeat others than `tag` mean nothing by it.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, path: &str) -> Result<Endpoint, Kind> {
        let uri: Uri = path.parse().unwrap();
        Endpoint::parse(&method, &uri).map_err(|error| error.kind())
    }

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_read_from_the_right() {
        let digest = Digest::sha256(b"");
        let id = "0123456789abcdef0123456789abcdef";
        for (path, endpoint) in [
            ("/v2".to_owned(), Endpoint::Base),
            ("/v2/".to_owned(), Endpoint::Base),
            ("/v2/_catalog".to_owned(), Endpoint::Catalog),
            ("/v2/a/tags/list".to_owned(), Endpoint::Tags(name("a"))),
            ("/v2/a/b/c/d/e/f/g/h/i/tags/list".to_owned(), Endpoint::Tags(name("a/b/c/d/e/f/g/h/i"))),
            ("/v2/team%2Fapp/tags/list".to_owned(), Endpoint::Tags(name("team/app"))),
            ("/v2/team%2fapp%2Ftags%2flist".to_owned(), Endpoint::Tags(name("team/app"))),
            ("/v2/tags/tags/list".to_owned(), Endpoint::Tags(name("tags"))),
            ("/v2/a%2Fb%2fc/tags/list".to_owned(), Endpoint::Tags(name("a/b/c"))),
            ("/v2/a/manifests/list".to_owned(), Endpoint::Manifest(name("a"), "list".parse().unwrap())),
            (
                "/v2/a/blobs/uploads/manifests/1".to_owned(),
                Endpoint::Manifest(name("a/blobs/uploads"), "1".parse().unwrap()),
            ),
            (
                format!("/v2/a/manifests/{digest}"),
                Endpoint::Manifest(name("a"), Reference::Digest(digest.clone())),
            ),
            (format!("/v2/a/blobs/blobs/{digest}"), Endpoint::Blob(name("a/blobs"), digest.clone())),
            (
                format!("/v2/a/blobs/{}", digest.as_str().replace(':', "%3a")),
                Endpoint::Blob(name("a"), digest.clone()),
            ),
            ("/v2/a/blobs/uploads/".to_owned(), Endpoint::Uploads(name("a"))),
            ("/v2/a/blobs/uploads".to_owned(), Endpoint::Uploads(name("a"))),
            (format!("/v2/a/blobs/uploads/{id}"), Endpoint::Upload(name("a"), id.parse().unwrap())),
            (format!("/v2/a/referrers/{digest}"), Endpoint::Referrers(name("a"), digest.clone())),
        ] {
            assert_eq!(parse(Method::GET, &path), Ok(endpoint), "{path}");
        }
    }

    #[test]
    fn no_path_walks_out_of_a_repository() {
        for path in [
            "/v2/a/../b/tags/list",
            "/v2/../etc/tags/list",
            "/v2/a%2f%2fb/tags/list",
            "/v2/%2Fetc/tags/list",
            "/v2/a/%2e%2e/tags/list",
            "/v2/a%2f..%2fb/tags/list",
            "/v2/a%2F%2e%2E%2Fb/tags/list",
            "/v2/a%5cb/tags/list",
            "/v2/a%00/tags/list",
            "/v2/a%252fb/tags/list",
            "/v2/a%/tags/list",
            "/v2/a%zz/tags/list",
            "/v2/a%é/tags/list",
            "/v2/A/tags/list",
            "/v2/a//b/tags/list",
            "/v2//tags/list",
            "/v2/a/./tags/list",
        ] {
            let Ok(uri) = path.parse::<Uri>() else { continue };
            let kind = Endpoint::parse(&Method::GET, &uri).map_err(|error| error.kind());
            assert_eq!(kind, Err(Kind::NameInvalid), "{path}");
        }
        assert_eq!(parse(Method::GET, "/v2/a/blobs/uploads/../x"), Err(Kind::NameInvalid));
        assert_eq!(parse(Method::GET, "/v2/a/blobs/uploads/etc"), Err(Kind::BlobUploadUnknown));
    }

    #[test]
    fn what_is_not_in_the_specification_is_nowhere() {
        for path in
            ["/v2/a", "/v2/a/b", "/v2/a/b/c", "/v2/a/tags/list/", "/v2/a/tags", "/v2/_catalog/", "/v2//"]
        {
            assert_eq!(parse(Method::GET, path), Err(Kind::NotFound), "{path}");
        }
    }

    #[test]
    fn a_bad_digest_is_told_apart_by_what_one_wants_with_it() {
        for (method, path, kind) in [
            (Method::GET, "/v2/a/blobs/sha256:baddigeststring", Kind::DigestInvalid),
            (Method::GET, "/v2/a/blobs/nodigest", Kind::DigestInvalid),
            (Method::GET, "/v2/a/blobs/blake3:00ff", Kind::BlobUnknown),
            (Method::HEAD, "/v2/a/manifests/sha256+b64:Zm9v", Kind::ManifestUnknown),
            (Method::PUT, "/v2/a/manifests/blake3:00ff", Kind::DigestInvalid),
            (Method::PUT, "/v2/a/manifests/.bad", Kind::TagInvalid),
            (Method::GET, "/v2/a/manifests/.bad", Kind::ManifestUnknown),
            (Method::GET, "/v2/a/referrers/blake3:00ff", Kind::DigestInvalid),
        ] {
            assert_eq!(parse(method, path), Err(kind), "{path}");
        }
    }
}
