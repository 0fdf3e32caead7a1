//! Version text to sort key, one module a scheme.
//!
//! A version becomes a byte string whose plain byte order *is* the order of its ecosystem: comparing two keys with
//! `memcmp` gives the answer that the vendor's own tool gives for the two texts. Ranges of versions are then intervals
//! of bytes, which a binary search or an index of a database can answer without knowing any scheme.
//!
//! The crate knows nothing of packages, advisories or ranges. Every key is made in linear time, from any text, without
//! a panic and without a bound on the size of a number.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod apk;
mod dpkg;
mod encode;
mod gem;
mod go;
mod pep440;
mod rpm;
mod semver;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// How the versions of an ecosystem are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Debian, Ubuntu and their kin: `deb-version(7)`, as `dpkg --compare-versions` answers.
    Dpkg,
    /// Alpine, Wolfi, Chainguard: as `apk version -t` of apk-tools 2.14 answers.
    Apk,
    /// Semantic Versioning 2.0.0, with the leniency that advisories of npm and crates.io need.
    Semver,
    /// Semantic versioning as Go speaks it: `v1.2.3+incompatible`, pseudo-versions, and toolchains such as `go1.22rc1`.
    Go,
    /// Python: PEP 440, as the `packaging` library answers.
    Pep440,
    /// The RPM family: `rpmvercmp` over epoch, version and release.
    Rpm,
    /// RubyGems: as `Gem::Version` answers.
    Gem,
}

impl Scheme {
    /// The scheme of an ecosystem, by its OSV name without release (`Debian`, not `Debian:12`).
    ///
    /// None when we know no order for it: its versions can then only be compared for equality.
    pub fn of_ecosystem(name: &str) -> Option<Scheme> {
        Some(match name {
            "Debian" | "Ubuntu" | "Echo" => Scheme::Dpkg,
            "Alpine" | "Alpaquita" | "BellSoft Hardened Containers" | "Chainguard" | "MinimOS" | "Wolfi" => {
                Scheme::Apk
            }
            "npm" | "crates.io" | "Hex" | "SwiftURL" | "GitHub Actions" | "Kubernetes" => Scheme::Semver,
            "Go" => Scheme::Go,
            "PyPI" => Scheme::Pep440,
            "AlmaLinux" | "Azure Linux" | "Mageia" | "Photon OS" | "Red Hat" | "Rocky Linux" | "SUSE"
            | "openEuler" | "openSUSE" => Scheme::Rpm,
            "RubyGems" => Scheme::Gem,
            _ => return None,
        })
    }

    /// The sort key of a version.
    pub fn key(self, version: &str) -> VersionKey {
        match self {
            Scheme::Dpkg => dpkg::key(version),
            Scheme::Apk => apk::key(version),
            Scheme::Semver => semver::key(version),
            Scheme::Go => go::key(version),
            Scheme::Pep440 => pep440::key(version),
            Scheme::Rpm => rpm::key(version),
            Scheme::Gem => gem::key(version),
        }
    }

    /// The order of two versions: that of their keys.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        self.key(a).cmp(&self.key(b))
    }
}

/// A version as a byte string whose plain order is the order of its scheme.
///
/// Keys of different schemes do not compare to anything meaningful, but for [`Scheme::Semver`] and [`Scheme::Go`], which
/// share one form. Equal keys mean equal versions, however they were written: `1.0` and `1.0-0` of dpkg have one key.
#[derive(Debug, Clone)]
pub struct VersionKey {
    bytes: Vec<u8>,
    weak: bool,
}

impl VersionKey {
    /// The key below every key of every scheme: what `introduced: "0"` of an OSV range means.
    pub const fn lowest() -> VersionKey {
        VersionKey { bytes: Vec::new(), weak: false }
    }

    /// The bytes to compare or to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to store, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether the text is no version of its scheme. The key still has the place that the scheme's module documents, but
    /// a match that rests on it is weak evidence.
    pub fn is_weak(&self) -> bool {
        self.weak
    }
}

impl PartialEq for VersionKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for VersionKey {}

impl Hash for VersionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl Ord for VersionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl PartialOrd for VersionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
