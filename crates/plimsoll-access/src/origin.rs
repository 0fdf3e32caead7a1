//! Origins: by which name the client knows this server.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// How clients reach the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connection {
    /// Whether the listener speaks TLS.
    pub tls: bool,
    /// Whether a proxy stands in front whose `X-Forwarded-Proto` and `X-Forwarded-Host` can be believed. Without one,
    /// any client could write them.
    pub trust_forwarded: bool,
}

/// Scheme and host of this server as the client that asks sees it: `https` and `registry.example:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host with its port, as the client wrote it.
    pub host: String,
}

impl Origin {
    /// The origin of one request. `default` is the host of a request that names none, as HTTP/1.0 allows.
    pub fn of(connection: &Connection, uri: &Uri, headers: &HeaderMap, default: &str) -> Self {
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
        // HTTP/2 has the host in the URI.
        let host = forwarded("x-forwarded-host")
            .and_then(host)
            .or_else(|| uri.authority().map(Authority::as_str).and_then(host))
            .or_else(|| headers.get(header::HOST)?.to_str().ok().and_then(host));
        Self { scheme, host: host.unwrap_or(default).to_owned() }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

fn host(text: &str) -> Option<&str> {
    text.parse::<Authority>().is_ok_and(|authority| !authority.as_str().contains('@')).then_some(text)
}
