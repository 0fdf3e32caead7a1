//! Network rules: from which addresses a registry may be reached.
//!
//! They hold for every request that comes over the network, the token endpoints included. The scanner is let through by
//! `networkRuleBypassOptions`, as Azure's trusted services are; it is a part of this process and never comes this way.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use plimsoll_types::registry::{Action, NetworkRules, Properties, Switch};
use serde_json::json;

use crate::errors::{Error, Kind};

/// The rules of one registry.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    is_public: bool,
    rules: NetworkRules,
}

impl Network {
    pub(crate) fn of(properties: Properties) -> Self {
        let is_public = properties.public_network_access != Switch::Disabled;
        Self { is_public, rules: properties.network_rule_set }
    }

    /// Lets a client in, or says why not. A client whose address nobody knows is let in only where everybody is.
    pub(crate) fn admit(&self, client: Option<IpAddr>) -> Result<(), Error> {
        let shown = client.map_or_else(|| "unknown".to_owned(), |client| client.to_string());
        let why = if !self.is_public {
            "its publicNetworkAccess is Disabled, which no rule overrides"
        } else if self.rules.default_action == Action::Allow
            || client.is_some_and(|client| self.rules.admit(client))
        {
            return Ok(());
        } else {
            "no IP rule of its networkRuleSet names it, and the default action is Deny"
        };
        let message = format!("client with IP '{shown}' is not allowed access to this registry: {why}");
        Err(Error::new(Kind::Denied, message).with_detail(json!({ "clientAddress": shown })))
    }
}

/// The address that a request came from: the peer's, or where a proxy stands in front and can be believed, the last one
/// that it wrote down, for those before it are the client's own words.
pub(crate) fn client(trust_forwarded: bool, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = peer.map(|peer| peer.ip().to_canonical());
    if !trust_forwarded {
        return peer;
    }
    match headers.get_all("x-forwarded-for").iter().next_back() {
        // What the proxy wrote and cannot be read is not to be taken for the proxy's own address.
        Some(value) => value.to_str().ok()?.rsplit(',').next().and_then(address),
        None => peer,
    }
}

/// An address, as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use plimsoll_types::registry::Description;

    use super::*;

    fn network(properties: serde_json::Value) -> Network {
        Network::of(Description::of_body(&json!({ "properties": properties })).properties)
    }

    fn admits(network: &Network, address: &str) -> bool {
        network.admit(Some(address.parse().unwrap())).is_ok()
    }

    #[test]
    fn a_new_registry_lets_everybody_in() {
        let open = network(json!({}));
        assert!(admits(&open, "203.0.113.9") && admits(&open, "2001:db8::1"));
        assert!(open.admit(None).is_ok());
    }

    #[test]
    fn rules_name_who_gets_in() {
        let rules = json!([{ "action": "Allow", "value": "203.0.113.0/24" }, { "value": "2001:db8::7" }]);
        let some = network(json!({ "networkRuleSet": { "defaultAction": "Deny", "ipRules": rules } }));
        assert!(admits(&some, "203.0.113.9") && admits(&some, "2001:db8::7"));
        assert!(admits(&some, "::ffff:203.0.113.9"), "an IPv4 address is the same inside of an IPv6 one");
        for refused in ["203.0.114.9", "2001:db8::8", "127.0.0.1"] {
            assert!(!admits(&some, refused), "{refused}");
        }
        assert!(some.admit(None).is_err());
        let closed = network(json!({
            "publicNetworkAccess": "Disabled",
            "networkRuleSet": { "defaultAction": "Allow", "ipRules": [{ "value": "203.0.113.9" }] },
        }));
        assert!(!admits(&closed, "203.0.113.9"), "Disabled overrides rules");
    }

    #[test]
    fn a_client_cannot_write_its_own_address() {
        let headers = |values: &[&str]| {
            let values =
                values.iter().map(|value| ("x-forwarded-for".parse().unwrap(), value.parse().unwrap()));
            values.collect::<HeaderMap>()
        };
        let peer = Some("[::ffff:192.0.2.1]:4711".parse().unwrap());
        let seen = |trust, values: &[&str]| client(trust, peer, &headers(values)).map(|ip| ip.to_string());
        let peer_ip = Some("192.0.2.1".to_owned());
        assert_eq!(seen(false, &["203.0.113.9"]), peer_ip);
        assert_eq!(seen(true, &[]), peer_ip);
        for values in [&["203.0.113.9"][..], &["10.0.0.1, 203.0.113.9"], &["10.0.0.1", "203.0.113.9:80"]] {
            assert_eq!(seen(true, values), Some("203.0.113.9".to_owned()), "{values:?}");
        }
        assert_eq!(seen(true, &["[2001:db8::7]:80"]), Some("2001:db8::7".to_owned()));
        assert_eq!(seen(true, &["203.0.113.9, unknown"]), None);
    }
}
