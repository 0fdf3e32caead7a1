//! What a client is told when something fails. This is the only module that knows the status code of a failure.
//!
//! The wire form is `{"errors":[{"code","message","detail"}]}` (distribution specification, "Error Codes"). What only an
//! operator can mend is said to the client in general words and logged with its cause.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use plimsoll_store::ErrorKind;
use serde_json::{Value, json};

/// What went wrong, by what the client can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    FormInvalid,
    InUse,
    Internal,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    NotFound,
    PaginationInvalid,
    QueryInvalid,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    TooManyTags,
    Unauthorized,
    Unavailable,
    UriTooLong,
}

impl Kind {
    /// Status and code on the wire. Codes beyond the specification's list are those that distribution has always sent.
    fn wire(self) -> (StatusCode, &'static str) {
        match self {
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::BlobUploadInvalid => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::BlobUploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Self::Denied => (StatusCode::FORBIDDEN, "DENIED"),
            Self::DigestInvalid => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            Self::FormInvalid => (StatusCode::BAD_REQUEST, "UNSUPPORTED"),
            Self::InUse => (StatusCode::METHOD_NOT_ALLOWED, "DENIED"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
            Self::ManifestBlobUnknown => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            Self::ManifestInvalid => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::NameInvalid => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::NameUnknown => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::NotFound => (StatusCode::NOT_FOUND, "UNSUPPORTED"),
            Self::PaginationInvalid => (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"),
            Self::QueryInvalid => (StatusCode::BAD_REQUEST, "UNSUPPORTED"),
            Self::RangeInvalid => (StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID"),
            Self::SizeInvalid => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            Self::TagInvalid => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            Self::TooManyTags => (StatusCode::URI_TOO_LONG, "TAG_INVALID"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "UNSUPPORTED"),
        }
    }
}

/// A request that failed: a kind, a message for the client, headers that the kind needs.
#[derive(Debug)]
pub(crate) struct Error {
    kind: Kind,
    message: String,
    detail: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Box<plimsoll_store::Error>>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: Value::Null, headers: Vec::new(), cause: None }
    }

    /// The same error with what a program may want to know.
    pub(crate) fn with_detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// The same error with a header; left out where `value` cannot stand in one.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// An error of the store. `missing` is what it means here that a thing was not found.
    pub(crate) fn of_store(error: plimsoll_store::Error, missing: Kind) -> Self {
        let (kind, message) = match error.kind() {
            ErrorKind::Unavailable => (Kind::Unavailable, "the registry cannot reach its storage; try again"),
            ErrorKind::Corrupt | ErrorKind::Misconfigured => {
                (Kind::Internal, "the registry failed; its operator finds the cause in the log")
            }
            ErrorKind::Interrupted => (
                Kind::SizeInvalid,
                "the body broke off or does not have its announced length; it was not kept",
            ),
            ErrorKind::DigestMismatch => {
                (Kind::DigestInvalid, "the digest is not that of the content that was sent; nothing was kept")
            }
            ErrorKind::WrongOffset => {
                (Kind::RangeInvalid, "the upload does not stand at the start of this chunk")
            }
            ErrorKind::NotFound => (missing, "there is no such thing (any more)"),
            ErrorKind::Conflict => {
                (Kind::Internal, "the registry contradicts itself; its operator finds the cause in the log")
            }
            ErrorKind::LimitExceeded => {
                (Kind::TooManyRequests, "a limit of the registry is reached; try again")
            }
        };
        Self { cause: Some(Box::new(error)), ..Self::new(kind, message) }
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Tells the log what the client cannot mend. The rest is the client's affair and only shown to who looks for it.
    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let mut causes = cause.to_string();
        let mut source = std::error::Error::source(&**cause);
        while let Some(inner) = source {
            causes = format!("{causes}: {inner}");
            source = inner.source();
        }
        match self.kind {
            Kind::Internal => tracing::error!(causes, "a request failed within the registry"),
            Kind::Unavailable => tracing::warn!(causes, "a request was put off, the store did not answer"),
            _ => tracing::debug!(causes, "a request was refused"),
        }
    }
}

impl From<plimsoll_store::Error> for Error {
    /// Where nothing else was said, what the store misses is an upload session: of all things only they vanish on their own.
    fn from(error: plimsoll_store::Error) -> Self {
        Self::of_store(error, Kind::BlobUploadUnknown)
    }
}

impl From<plimsoll_access::Error> for Error {
    /// Credentials that are no good are told in plain words; none of them says whether a name exists.
    fn from(error: plimsoll_access::Error) -> Self {
        use plimsoll_access::{Error as Access, Refusal};
        match error {
            Access::Refused(refusal @ Refusal::Invalid(_)) => Self::new(Kind::Unauthorized, refusal.to_string()),
            Access::Refused(refusal @ Refusal::TooMany(_)) => Self::new(Kind::TooManyRequests, refusal.to_string()),
            Access::Refused(refusal @ Refusal::Unavailable(_)) => Self::new(Kind::Unavailable, refusal.to_string()),
            Access::Store(error) => error.into(),
            error @ (Access::Misconfigured(_) | Access::Broken(_)) => {
                tracing::error!(causes = %error, "a request could not be authenticated");
                Self::new(Kind::Internal, "the registry failed; its operator finds the cause in the log")
            }
        }
    }
}

impl From<http::Error> for Error {
    /// A header that cannot be written: of values that were checked before, so it is our fault.
    fn from(error: http::Error) -> Self {
        tracing::error!(causes = %error, "an answer could not be written");
        Self::new(Kind::Internal, "the registry failed; its operator finds the cause in the log")
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let (status, code) = self.kind.wire();
        let mut failure = json!({ "code": code, "message": self.message });
        if !self.detail.is_null() {
            failure["detail"] = self.detail;
        }
        let mut response = (status, Json(json!({ "errors": [failure] }))).into_response();
        if matches!(self.kind, Kind::TooManyRequests | Kind::Unavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}
