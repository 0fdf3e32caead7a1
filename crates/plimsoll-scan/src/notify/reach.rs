//! Where requests may go. Whoever may write an automation decides where this server sends them, and it stands in places that
//! its users cannot reach. So addresses are judged, not names: a name is looked up once, for the connection that is made.
//!
//! By default the public Internet and private networks are open (people deliver inside), and this machine and its link are
//! not: local services, and the metadata services of clouds, trust whoever can speak to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    Loopback,
    /// The link, and the addresses at which clouds serve their machines' secrets.
    Link,
    /// Nothing that can be spoken to.
    Nothing,
}

/// Which addresses requests may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    public: bool,
    private: bool,
    loopback: bool,
    link: bool,
}

impl Default for Reach {
    /// The public Internet and private networks.
    fn default() -> Self {
        Self { public: true, private: true, loopback: false, link: false }
    }
}

impl FromStr for Reach {
    type Err = String;

    /// Reads a list of `public`, `private`, `loopback` and `link-local`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut reach = Self { public: false, private: false, loopback: false, link: false };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "public" => reach.public = true,
                "private" => reach.private = true,
                "loopback" => reach.loopback = true,
                "link-local" => reach.link = true,
                _ => return Err(format!("{word:?} is none of public, private, loopback and link-local")),
            }
        }
        Ok(reach)
    }
}

impl Reach {
    /// Fails where the host of the address is written as an IP address that may not be reached.
    pub(super) fn check(self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match host.parse() {
            Ok(address) if !self.allows(address) => Err(refusal(host, kind(address))),
            _ => Ok(()),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        match kind(address) {
            Kind::Public => self.public,
            Kind::Private => self.private,
            Kind::Loopback => self.loopback,
            Kind::Link => self.link,
            Kind::Nothing => false,
        }
    }
}

impl Resolve for Reach {
    /// Only the addresses that may be reached.
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| reach.allows(address.ip())).collect();
            match found.first() {
                Some(refused) if allowed.is_empty() => {
                    Err(refusal(&format!("{name} ({})", refused.ip()), kind(refused.ip())).into())
                }
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// What every refusal contains, so that it can be told from a failure that may pass.
pub(super) const REFUSED: &str = "web hooks may not be sent there";

fn refusal(host: &str, kind: Kind) -> String {
    let kind = match kind {
        Kind::Public => "a public address",
        Kind::Private => "a private address",
        Kind::Loopback => "an address of this machine itself",
        Kind::Link => "an address of the link or of a cloud's metadata service",
        Kind::Nothing => "no address of a host",
    };
    format!("{host} is {kind}, and {REFUSED}: see the setting webhook_targets")
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    // Azure's and Alibaba's metadata services hide in public and shared space.
    const METADATA: [[u8; 4]; 2] = [[168, 63, 129, 16], [100, 100, 100, 200]];
    let octets = address.octets();
    match octets {
        _ if METADATA.contains(&octets) || address.is_link_local() => Kind::Link,
        [127, ..] => Kind::Loopback,
        [0, ..] | [224..=255, ..] => Kind::Nothing,
        // Shared address space (RFC 6598), and networks for measurements (RFC 2544).
        [100, 64..=127, ..] | [198, 18..=19, ..] => Kind::Private,
        _ if address.is_private() => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    if address.is_loopback() {
        return Kind::Loopback;
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = || kind_of_v4(Ipv4Addr::from((u32::from(g) << 16) | u32::from(h)));
    match (a, b, c, d, e, f) {
        // An IPv4 address in another coat: mapped, compatible, translated (RFC 6052), 6to4.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(),
        (0, 0, 0, 0, 0, 0) => Kind::Nothing,
        (0x2002, ..) => kind_of_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
        // The metadata service of EC2.
        (0xfd00, 0x0ec2, ..) => Kind::Link,
        _ if address.is_unicast_link_local() => Kind::Link,
        _ if address.is_unique_local() || (a & 0xffc0) == 0xfec0 => Kind::Private,
        _ if address.is_multicast() => Kind::Nothing,
        _ => Kind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_in_every_coat() {
        for (address, expected) in [
            ("93.184.216.34", Kind::Public),
            ("10.1.2.3", Kind::Private),
            ("172.31.0.1", Kind::Private),
            ("172.32.0.1", Kind::Public),
            ("192.168.0.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("127.0.0.1", Kind::Loopback),
            ("127.9.9.9", Kind::Loopback),
            ("0.0.0.0", Kind::Nothing),
            ("255.255.255.255", Kind::Nothing),
            ("224.0.0.1", Kind::Nothing),
            ("169.254.169.254", Kind::Link),
            ("168.63.129.16", Kind::Link),
            ("100.100.100.200", Kind::Link),
            ("::1", Kind::Loopback),
            ("::", Kind::Nothing),
            ("::ffff:127.0.0.1", Kind::Loopback),
            ("::ffff:169.254.169.254", Kind::Link),
            ("64:ff9b::7f00:1", Kind::Loopback),
            ("2002:7f00:1::", Kind::Loopback),
            ("fe80::1", Kind::Link),
            ("fd00:ec2::254", Kind::Link),
            ("fd12::1", Kind::Private),
            ("ff02::1", Kind::Nothing),
            ("2606:4700::1111", Kind::Public),
        ] {
            assert_eq!(kind(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_judged_however_it_is_written() {
        let check = |url: &str| Reach::default().check(&Url::parse(url).unwrap());
        for open in ["https://hooks.example/a", "http://10.0.0.1:8080/", "https://[fd12::1]/"] {
            assert_eq!(check(open), Ok(()), "{open}");
        }
        for shut in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:5000/",
            "http://169.254.169.254/",
        ] {
            assert!(check(shut).unwrap_err().contains(REFUSED), "{shut}");
        }
        let all: Reach = "loopback, link-local".parse().unwrap();
        assert!(all.check(&Url::parse("http://127.0.0.1/").unwrap()).is_ok());
        assert!(all.check(&Url::parse("http://10.0.0.1/").unwrap()).is_err());
        assert!("everywhere".parse::<Reach>().is_err());
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        let refused = match Reach::default().resolve("localhost".parse().unwrap()).await {
            Ok(addresses) => panic!("{:?}", addresses.collect::<Vec<_>>()),
            Err(error) => error.to_string(),
        };
        assert!(refused.contains(REFUSED), "{refused}");
    }
}
