//! One request, read: where it points, what it brings, who sends it.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use plimsoll_access::Caller;
use plimsoll_types::{ResourceId, Timestamp};
use serde::de::DeserializeOwned;

use crate::Web;
use crate::error::Error;
use crate::links::Base;
use crate::parameters::Parameters;
use crate::rooms::resource_graph::{Desk, Settings as GraphSettings};

/// The longest body of a request, in bytes.
pub(crate) const MAX_BODY: usize = 4 << 20;

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) web: &'a Web,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) path: Path,
    pub(crate) parameters: Parameters,
    pub(crate) base: Base,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
    /// Who sends it; known, unless the operation is for anyone.
    pub(crate) caller: Caller,
    /// Where queries are admitted.
    pub(crate) desk: &'a Desk,
    /// How the tables of queries are shown.
    pub(crate) settings: GraphSettings,
}

impl Call<'_> {
    /// The body as JSON. The error names the field that is not as it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let body = if self.body.is_empty() { b"null" } else { &*self.body };
        // serde would take a list for an object, by the order of its fields.
        let found = match body.trim_ascii_start().first() {
            Some(b'[') => Some("a list"),
            Some(b'"') => Some("a text"),
            Some(b'-' | b'0'..=b'9') => Some("a number"),
            Some(b't' | b'f') => Some("true or false"),
            _ => None,
        };
        if let Some(found) = found {
            let message = format!("the body of the request must be an object, found {found}");
            return Err(Error::bad_request("InvalidRequestContent", message));
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| malformed(&error.path().to_string(), error.inner()))?;
        reader.end().map_err(|error| {
            Error::bad_request(
                "InvalidRequestContent",
                format!("behind the body's JSON there is more: {error}"),
            )
        })?;
        Ok(value)
    }

    /// Fails unless the caller may do `action` (`Microsoft.Security/pricings/write`) at `scope`. Every operation asks; the
    /// one that the table of operations names was asked for already, at the resource that the path names.
    pub(crate) fn authorize(&self, action: &str, scope: &ResourceId) -> Result<(), Error> {
        if self.may(action, scope) { Ok(()) } else { Err(Error::forbidden(&self.caller, action, scope)) }
    }

    /// Whether the caller may do `action` at `scope`: what lists leave out without a word.
    pub(crate) fn may(&self, action: &str, scope: &ResourceId) -> bool {
        self.caller.may(action, scope)
    }

    /// What the client is told of credentials that are no good.
    pub(crate) fn unauthenticated(&self, error: plimsoll_access::Error) -> Error {
        Error::of_access(error, &self.base)
    }
}

/// The error that names the field of a body that is not as it should be.
pub(crate) fn malformed(path: &str, problem: &dyn std::fmt::Display) -> Error {
    let message = match path {
        "." => format!("the body of the request is not as it should be: {problem}"),
        path => format!("{path} in the body of the request is not as it should be: {problem}"),
    };
    Error::bad_request("InvalidRequestContent", message)
}

/// A path: a scope, a provider, and what of the provider is asked for. Case does not count in keywords and names, and
/// empty segments are skipped: some clients send `//` where a scope begins with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// All segments, decoded.
    pub(crate) segments: Vec<String>,
    /// How many of them come before the last `providers/NAMESPACE`; all where there is none.
    scope: usize,
}

impl Path {
    /// The path as it came in the request line. `None` where it is not text.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned()))
            .collect::<Option<Vec<_>>>()?;
        let scope = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
        let scope = scope.filter(|at| at + 1 < segments.len()).unwrap_or(segments.len());
        Some(Self { segments, scope })
    }

    /// The namespace behind the last `providers`, in lower case; empty where there is none.
    pub(crate) fn provider(&self) -> String {
        self.segments.get(self.scope + 1).map(|name| name.to_ascii_lowercase()).unwrap_or_default()
    }

    /// What stands in front of the last `providers`: the scope of what is asked for. The error says what is wrong with it.
    pub(crate) fn scope(&self) -> Result<ResourceId, Error> {
        id(&self.segments[..self.scope])
    }

    /// The segments behind the provider's namespace; all segments where there is no provider.
    pub(crate) fn rest(&self) -> Vec<&str> {
        let from = if self.scope < self.segments.len() { self.scope + 2 } else { 0 };
        self.segments[from..].iter().map(String::as_str).collect()
    }

    /// The nearest thing that the path names: the resource that an action is done to, or what a list is of.
    pub(crate) fn nearest(&self) -> Result<ResourceId, Error> {
        let pairs = self.rest().len() & !1;
        if self.scope == self.segments.len() {
            // Of `/subscriptions/S/locations` it is the subscription.
            let above = self.segments.len().saturating_sub(1);
            return self.scope().or_else(|error| id(&self.segments[..above]).map_err(|_| error));
        }
        if pairs == 0 { self.scope() } else { self.resource(pairs) }
    }

    /// The id of the resource that the first `n` segments of [`Path::rest`] name.
    pub(crate) fn resource(&self, n: usize) -> Result<ResourceId, Error> {
        let from = if self.scope < self.segments.len() { self.scope + 2 } else { 0 };
        id(&self.segments[..(from + n).min(self.segments.len())])
    }
}

fn id(segments: &[String]) -> Result<ResourceId, Error> {
    format!("/{}", segments.join("/")).parse().map_err(|error: plimsoll_types::ParseError| {
        Error::bad_request("InvalidResourceId", error.to_string())
    })
}

/// Whether a segment is this keyword: they have no case.
pub(crate) fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_provider_divides_a_path() {
        let path = Path::parse(
            "//subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/REGISTRIES/r/providers/Microsoft.Security/assessments/k%2Fx",
        )
        .unwrap();
        assert_eq!(path.provider(), "microsoft.security");
        assert_eq!(path.scope().unwrap().kind(), "microsoft.containerregistry/registries");
        assert_eq!(path.rest(), ["assessments", "k/x"]);
        let action =
            Path::parse("/subscriptions/s/resourceGroups/g/providers/P.Q/registries/r/importImage").unwrap();
        assert_eq!(action.rest(), ["registries", "r", "importImage"]);
        assert_eq!(action.resource(2).unwrap().name(), "r");
        assert_eq!(action.nearest().unwrap(), action.resource(2).unwrap());
        let list = Path::parse("/subscriptions/s/providers/Microsoft.Security/assessments").unwrap();
        assert_eq!(list.nearest().unwrap().as_str(), "/subscriptions/s");
    }

    #[test]
    fn a_path_without_a_provider_is_all_rest() {
        let path = Path::parse("/metadata/endpoints").unwrap();
        assert_eq!((path.provider().as_str(), path.rest()), ("", vec!["metadata", "endpoints"]));
        assert_eq!(Path::parse("/subscriptions/%ff"), None);
        assert!(Path::parse("/").unwrap().scope().unwrap().is_root());
    }
}
