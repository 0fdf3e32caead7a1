//! Absolute links back to this server. Azure's Python client takes nothing else as a `nextLink`.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use plimsoll_types::Scope;

/// How clients reach the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connection {
    /// Whether the listener speaks TLS.
    pub tls: bool,
    /// Whether a proxy stands in front whose `X-Forwarded-Proto` and `X-Forwarded-Host` can be believed. Without one,
    /// any client could write them.
    pub trust_forwarded: bool,
}

/// What the host names of new registries end with, where the first one is reached as `host`. Names below `localhost` lead to
/// the machine itself (RFC 6761, 6.3), and below an address there are no names at all.
pub fn login_server_suffix(host: &str) -> String {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (host, None),
    };
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let name = if is_address || name.is_empty() { "localhost".to_owned() } else { name.to_ascii_lowercase() };
    match port {
        Some(port) => format!("{name}:{port}"),
        None => name,
    }
}

/// What absolute links begin with, as the client that asks sees this server: `https://registry.example:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// The base for one request.
    pub(crate) fn of(connection: &Connection, uri: &Uri, headers: &HeaderMap, scope: &Scope) -> Self {
        let forwarded = |name: &str| {
            let value = headers.get(name).filter(|_| connection.trust_forwarded)?.to_str().ok()?;
            // A chain of proxies makes a list; the first is the one that the client spoke to.
            value.split(',').next().map(str::trim)
        };
        let scheme = match forwarded("x-forwarded-proto") {
            Some(proto) if proto.eq_ignore_ascii_case("https") => "https",
            Some(proto) if proto.eq_ignore_ascii_case("http") => "http",
            _ if connection.tls => "https",
            _ => "http",
        };
        // HTTP/2 has the host in the URI; HTTP/1.0 may have none at all, and then the configured name must do.
        let host = forwarded("x-forwarded-host")
            .and_then(host)
            .or_else(|| uri.authority().map(Authority::as_str).and_then(host))
            .or_else(|| headers.get(header::HOST)?.to_str().ok().and_then(host));
        Self(format!("{scheme}://{}", host.unwrap_or(&scope.registry_host)))
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

fn host(text: &str) -> Option<&str> {
    text.parse::<Authority>().is_ok_and(|authority| !authority.as_str().contains('@')).then_some(text)
}

#[cfg(test)]
mod tests {
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
    fn new_registries_are_named_below_the_host() {
        for (host, suffix) in [
            ("127.0.0.1:5000", "localhost:5000"),
            ("[::1]:5000", "localhost:5000"),
            ("localhost:5000", "localhost:5000"),
            ("Registry.example", "registry.example"),
            ("registry.example:443", "registry.example:443"),
        ] {
            assert_eq!(login_server_suffix(host), suffix);
        }
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
