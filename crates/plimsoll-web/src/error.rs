//! What went wrong, in Azure's error envelope. The only module that knows status codes.
//!
//! Codes are the ones Azure's clients know. `Retry-After` goes out with 503 and the quota's 429 only: the clients repeat every request, of
//! whatever method, whose failure carries that header.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use plimsoll_access::Caller;
use plimsoll_store::ErrorKind;
use plimsoll_types::ResourceId;
use serde::Serialize;

use crate::links::Base;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this path is not one that the server knows")]
    UnknownRoute,
    /// With the methods that there are.
    #[error("this method is not possible here; there are {0}")]
    MethodNotAllowed(&'static str),
    #[error("the body of the request is longer than {} bytes, or broke off", crate::call::MAX_BODY)]
    BodyTooLarge,
    /// The caller must say who it is, or has said so with credentials that are no good. With the challenge.
    #[error("{message}")]
    Unauthenticated { code: &'static str, message: String, challenge: String },
    /// What a room refuses in its own words: status, code, message.
    #[error("{message}")]
    Refused { status: StatusCode, code: &'static str, message: String },
    #[error("the api-version query parameter is missing, a date such as 2019-01-01-preview")]
    MissingApiVersion,
    #[error("the api-version {0:?} is not a date such as 2021-06-01 or 2019-01-01-preview")]
    InvalidApiVersion(String),
    #[error("the query parameter {name} must be {expected}, found {found:?}")]
    InvalidParameter { name: &'static str, expected: &'static str, found: String },
    #[error("the subscription '{0}' could not be found; GET /subscriptions tells which one is served")]
    UnknownSubscription(String),
    #[error("resource group '{0}' could not be found")]
    UnknownResourceGroup(String),
    #[error("the resource '{0}' was not found")]
    UnknownResource(String),
    /// With the seconds after which the caller may ask again.
    #[error("too many queries in a short time; ask again in {seconds} s")]
    TooMany { seconds: u64 },
    #[error(transparent)]
    Store(#[from] plimsoll_store::Error),
    /// What only an operator can mend, and is no fault of the store.
    #[error("{0}")]
    Broken(String),
}

impl Error {
    /// 400: what was sent is not as it should be.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// 404: the thing is not there.
    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::NOT_FOUND, code, message: message.into() }
    }

    /// 409: something else stands in the way.
    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::CONFLICT, code, message: message.into() }
    }

    /// 412: it is not any more what the client thinks it is.
    pub(crate) fn precondition_failed(message: impl Into<String>) -> Self {
        let (status, code) = (StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        Self::Refused { status, code, message: message.into() }
    }

    /// 403: of what a query names, the caller may see nothing.
    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::Refused { status: StatusCode::FORBIDDEN, code: "AccessDenied", message: message.into() }
    }

    /// 429: the caller asks too often; with the milliseconds after which it may again.
    pub(crate) fn too_many(resets_after: i64) -> Self {
        let seconds = u64::try_from((resets_after + 999) / 1000).unwrap_or(1).max(1);
        Self::TooMany { seconds }
    }

    /// Whether it says that something is not there for this caller.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.status_and_code().0, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
    }

    /// 401: nobody said who it is.
    pub(crate) fn anonymous(base: &Base) -> Self {
        let message = "Authentication failed. The 'Authorization' header is missing.".to_owned();
        Self::Unauthenticated { code: "AuthenticationFailed", message, challenge: challenge(base, None) }
    }

    /// What became of credentials that were no good, or could not be judged.
    pub(crate) fn of_access(error: plimsoll_access::Error, base: &Base) -> Self {
        use plimsoll_access::{Error as Access, Refusal};
        match error {
            Access::Refused(refusal @ Refusal::Invalid(_)) => Self::Unauthenticated {
                code: "InvalidAuthenticationToken",
                message: refusal.to_string(),
                challenge: challenge(base, Some("invalid_token")),
            },
            Access::Refused(refusal @ Refusal::TooMany(_)) => Self::Refused {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: "TooManyRequests",
                message: refusal.to_string(),
            },
            Access::Refused(refusal @ Refusal::Unavailable(_)) => Self::Refused {
                status: StatusCode::SERVICE_UNAVAILABLE,
                code: "ServiceUnavailable",
                message: refusal.to_string(),
            },
            Access::Store(error) => error.into(),
            Access::Misconfigured(why) => Self::Broken(why),
            Access::Broken(why) => Self::Broken(why.to_owned()),
        }
    }

    /// 403: the caller has no role that allows `action` at `scope`. In Azure's words, which scripts look into.
    pub(crate) fn forbidden(caller: &Caller, action: &str, scope: &ResourceId) -> Self {
        let message = format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope \
             '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            caller.name(),
            caller.id(),
        );
        Self::Refused { status: StatusCode::FORBIDDEN, code: "AuthorizationFailed", message }
    }

    /// A `$skipToken` that no `nextLink` of the list ever had.
    pub(crate) fn of_skip_token(token: &str) -> Self {
        let expected = "a token from a nextLink of this list";
        Self::InvalidParameter { name: "$skipToken", expected, found: token.chars().take(100).collect() }
    }

    /// The error as clients see it. What only an operator can mend goes to the log, under the request's id.
    pub(crate) fn tell(&self, request_id: &str) -> Told {
        let message = match self {
            Self::Store(error) => {
                tracing::error!(request.id = request_id, error = full(error), "the store could not answer");
                match error.kind() {
                    ErrorKind::Unavailable => "the store does not answer at the moment, try again".to_owned(),
                    _ => format!(
                        "the server could not answer; its log has the cause under request {request_id}"
                    ),
                }
            }
            Self::Broken(why) => {
                tracing::error!(request.id = request_id, error = why, "a request could not be answered");
                format!("the server could not answer; its log has the cause under request {request_id}")
            }
            // What a stranger typed may be long.
            mine => mine.to_string().chars().take(1000).collect(),
        };
        let (status, code) = self.status_and_code();
        let allow = if let Self::MethodNotAllowed(methods) = self { Some(*methods) } else { None };
        let challenge = match self {
            Self::Unauthenticated { challenge, .. } => HeaderValue::from_str(challenge).ok(),
            _ => None,
        };
        let retry_after = match self {
            Self::TooMany { seconds } => Some(*seconds),
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        };
        Told { status, allow, challenge, retry_after, body: Envelope { error: Inner { code, message } } }
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownRoute => (StatusCode::NOT_FOUND, "NotFound"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge"),
            Self::Unauthenticated { code, .. } => (StatusCode::UNAUTHORIZED, code),
            Self::Refused { status, code, .. } => (*status, code),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "RateLimiting"),
            Self::MissingApiVersion => (StatusCode::BAD_REQUEST, "MissingApiVersionParameter"),
            Self::InvalidApiVersion(_) => (StatusCode::BAD_REQUEST, "InvalidApiVersionParameter"),
            Self::InvalidParameter { .. } => (StatusCode::BAD_REQUEST, "InvalidQueryParameterValue"),
            Self::UnknownSubscription(_) => (StatusCode::NOT_FOUND, "SubscriptionNotFound"),
            Self::UnknownResourceGroup(_) => (StatusCode::NOT_FOUND, "ResourceGroupNotFound"),
            Self::UnknownResource(_) => (StatusCode::NOT_FOUND, "ResourceNotFound"),
            Self::Store(error) if error.kind() == ErrorKind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
            }
            Self::Store(_) | Self::Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        }
    }
}

/// The challenge of a 401, as Resource Manager sends it.
fn challenge(base: &Base, error: Option<&str>) -> String {
    let error = error.map(|error| format!(", error=\"{error}\"")).unwrap_or_default();
    format!("Bearer authorization_uri=\"{}\"{error}", base.link("/"))
}

/// An error with its causes, for the log.
fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// An error, ready to be sent.
#[derive(Debug)]
pub(crate) struct Told {
    status: StatusCode,
    allow: Option<&'static str>,
    challenge: Option<HeaderValue>,
    /// Seconds.
    retry_after: Option<u64>,
    body: Envelope,
}

#[derive(Debug, Serialize)]
struct Envelope {
    error: Inner,
}

#[derive(Debug, Serialize)]
struct Inner {
    code: &'static str,
    message: String,
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        (self.status, headers, Json(self.body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_do_not_see_the_inside_of_the_store() {
        let inside = plimsoll_store::Error::new(ErrorKind::Corrupt, "row 7 of secrets");
        let told = Error::from(inside).tell("request-1");
        assert_eq!(told.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!told.body.error.message.contains("secrets"));
        assert!(told.body.error.message.contains("request-1"));
    }

    #[test]
    fn only_what_may_be_repeated_says_when() {
        let busy = Error::from(plimsoll_store::Error::new(ErrorKind::Unavailable, "locked"));
        let response = busy.tell("1").into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        let response = Error::UnknownRoute.tell("1").into_response();
        assert!(!response.headers().contains_key("retry-after"));
    }
}
