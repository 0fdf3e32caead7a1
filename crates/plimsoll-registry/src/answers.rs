//! What answers have in common: their headers, and the conditions under which they stay short.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, StatusCode, header, response};
use plimsoll_types::Digest;

/// The digest of what is served or was stored.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Marks a registry of the second protocol version; docker looks for it.
pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
/// The name of an upload session.
pub(crate) const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// The subject that a manifest was listed under.
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// A tag that was set on request.
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// The filters that shaped a list of referrers.
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// The start of an answer about the content `digest`, which never changes: its digest is its entity tag.
pub(crate) fn about(status: StatusCode, digest: &Digest) -> response::Builder {
    Response::builder()
        .status(status)
        .header(CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, format!("\"{digest}\""))
        // Strangers choose the bytes; no browser shall guess what they are.
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// The answer to a client that has the content already.
pub(crate) fn not_modified(digest: &Digest) -> Result<Response, http::Error> {
    about(StatusCode::NOT_MODIFIED, digest).body(Body::empty())
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> response::Builder {
    Response::builder().status(status).header(header::CONTENT_LENGTH, 0)
}

/// Whether `If-None-Match` names this content (RFC 9110, 13.1.2: compared weakly).
pub(crate) fn client_has(headers: &HeaderMap, digest: &Digest) -> bool {
    let names = |tag: &str| tag == "*" || is_entity_tag(tag.strip_prefix("W/").unwrap_or(tag), digest);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|tag| names(tag.trim())))
}

/// Whether `text` is the entity tag of this content, in the strong form.
pub(crate) fn is_entity_tag(text: &str, digest: &Digest) -> bool {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) == Some(digest.as_str())
}
