//! Ecosystems: whose packages, whose names, whose version order (OSV schema, "affected[].package.ecosystem").

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// An ecosystem of the OSV schema with its release where it has one: `PyPI`, `Alpine:v3.4`, `Ubuntu:22.04:LTS`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ecosystem {
    name: String,
    release: Option<String>,
}

impl Ecosystem {
    /// An ecosystem without releases, such as `npm`.
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), release: None }
    }

    /// One release of an ecosystem, such as `Debian` `11`.
    pub fn release_of(name: &str, release: &str) -> Self {
        Self { name: name.to_owned(), release: Some(release.to_owned()) }
    }

    /// The name before the first colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands behind the first colon.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// The package name by which advisories of this ecosystem are looked up, or `name` itself where names are exact.
    ///
    /// PyPI: PEP 503 (lower case; runs of `-`, `_`, `.` are one `-`). NuGet, Packagist, Hex, Pub, GitHub Actions, Bitnami,
    /// VSCode and WordPress fold case. SwiftURL: the address without scheme, user and `.git`, in lower case. Who patches
    /// packages of another ecosystem (`Root:PyPI`) keeps its names.
    pub fn lookup_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let inner = || self.release.as_deref().and_then(|release| release.split(':').next());
        let ecosystem = match self.name.as_str() {
            "Docker Hardened Images" | "Echo" | "Root" | "TuxCare" => inner().unwrap_or_default(),
            own => own,
        };
        match ecosystem {
            "PyPI" => pep503(name),
            "NuGet" | "Packagist" | "Hex" | "Pub" | "GitHub Actions" | "Bitnami" | "VSCode" | "WordPress" => {
                lower_case(name)
            }
            "SwiftURL" => lower_case(bare_address(name)),
            _ => Cow::Borrowed(name),
        }
    }
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

/// `github.com/apple/swift-nio` of `https://git@github.com/apple/swift-nio.git/`.
fn bare_address(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, address)| address);
    let host = address.split('/').next().unwrap_or_default();
    let user = host.rfind('@').map_or(0, |at| at + 1);
    let address = address[user..].trim_end_matches('/');
    address.strip_suffix(".git").unwrap_or(address)
}

fn pep503(name: &str) -> Cow<'_, str> {
    let is_normal = |text: &str| {
        text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.contains("--")
    };
    if is_normal(name) {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.extend(c.to_lowercase()),
        }
    }
    Cow::Owned(normal)
}

impl FromStr for Ecosystem {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, release) = match text.split_once(':') {
            Some((name, release)) => (name, Some(release.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || text.len() > 200 {
            return Err(ParseError::new("an OSV ecosystem such as PyPI or Alpine:v3.18", text));
        }
        Ok(Self { name: name.to_owned(), release })
    }
}

impl TryFrom<String> for Ecosystem {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Ecosystem> for String {
    fn from(ecosystem: Ecosystem) -> Self {
        ecosystem.to_string()
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.release.as_ref().map_or(Ok(()), |release| write!(f, ":{release}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_as_their_ecosystem_compares_them() {
        let pypi = Ecosystem::of("PyPI");
        for spelling in ["zope.interface", "Zope_Interface", "zope--interface", "zope._-interface"] {
            assert_eq!(pypi.lookup_name(spelling), "zope-interface");
        }
        for exact in
            ["npm", "Go", "Maven", "crates.io", "RubyGems", "CRAN", "Julia", "Debian", "AlmaLinux", "Root"]
        {
            assert_eq!(Ecosystem::of(exact).lookup_name("JSON_Stream.x"), "JSON_Stream.x", "{exact}");
        }
        for folding in
            ["NuGet", "Packagist", "Hex", "Pub", "GitHub Actions", "Bitnami", "VSCode", "WordPress"]
        {
            assert_eq!(
                Ecosystem::of(folding).lookup_name("Actions/Check_Out"),
                "actions/check_out",
                "{folding}"
            );
        }
        for patched in ["Root:PyPI", "Echo:PyPI", "TuxCare:PyPI"] {
            assert_eq!(patched.parse::<Ecosystem>().unwrap().lookup_name("Zope_Interface"), "zope-interface");
        }
        let swift = Ecosystem::of("SwiftURL");
        for address in [
            "github.com/Apple/swift-nio",
            "https://github.com/apple/swift-nio.git",
            "ssh://git@github.com/apple/swift-nio/",
        ] {
            assert_eq!(swift.lookup_name(address), "github.com/apple/swift-nio");
        }
        assert_eq!("Ubuntu:22.04:LTS".parse::<Ecosystem>().unwrap().release(), Some("22.04:LTS"));
    }
}
