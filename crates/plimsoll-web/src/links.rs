//! Absolute links back to this server. Azure's Python client takes nothing else as a `nextLink`.

use http::{HeaderMap, Uri};
use plimsoll_access::Origin;
use plimsoll_types::Scope;

pub use plimsoll_access::Connection;

/// What absolute links begin with, as the client that asks sees this server: `https://registry.example:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// The base for one request.
    pub(crate) fn of(connection: &Connection, uri: &Uri, headers: &HeaderMap, scope: &Scope) -> Self {
        Self(Origin::of(connection, uri, headers, &scope.registry_host).to_string())
    }

    /// An absolute link to `path_and_query`, which begins with a slash.
    pub(crate) fn link(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.0)
    }

    /// The host alone, as the client named it.
    pub(crate) fn host_without_port(&self) -> &str {
        let authority = self.0.split_once("://").map_or(self.0.as_str(), |(_, authority)| authority);
        match authority.rsplit_once(':') {
            // An IPv6 address has colons of its own, in brackets.
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn base(connection: Connection, uri: &str, headers: &[(&'static str, &str)]) -> String {
        let scope = Scope {
            subscription: "s".into(),
            resource_group: "g".into(),
            registry: "r".into(),
            registry_host: "configured:5000".into(),
        };
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
        });
        Base::of(&connection, &uri.parse().unwrap(), &headers.collect(), &scope).link("/x")
    }

    #[test]
    fn links_lead_where_the_client_came_from() {
        let plain = Connection::default();
        assert_eq!(base(plain, "/", &[("host", "localhost:5000")]), "http://localhost:5000/x");
        assert_eq!(
            base(Connection { tls: true, ..plain }, "https://h2.example/", &[]),
            "https://h2.example/x"
        );
        assert_eq!(base(plain, "/", &[]), "http://configured:5000/x");
        assert_eq!(base(plain, "/", &[("host", "user@evil/")]), "http://configured:5000/x");
    }

    #[test]
    fn a_proxy_is_believed_only_where_there_is_one() {
        let sent = [
            ("host", "inside:1"),
            ("x-forwarded-host", "outside.example, inside"),
            ("x-forwarded-proto", "https,http"),
        ];
        let trusting = Connection { trust_forwarded: true, tls: false };
        assert_eq!(base(trusting, "/", &sent), "https://outside.example/x");
        assert_eq!(base(Connection::default(), "/", &sent), "http://inside:1/x");
    }
}
