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
mod bitnami;
mod composer;
mod conan;
mod conda;
mod cran;
mod dpkg;
mod encode;
mod evr;
mod freebsd;
mod gem;
mod go;
mod haskell;
mod homebrew;
mod julia;
mod jvm;
mod maven;
mod names;
mod nuget;
mod opam;
mod pacman;
mod padded;
mod pep440;
mod php;
mod portage;
mod pub_semver;
mod rpm;
mod semver;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// How the versions of an ecosystem are ordered. The numbers are stored in databases and stay what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// Debian, Ubuntu and their kin, opkg: `deb-version(7)`, as `dpkg --compare-versions` answers.
    Dpkg = 1,
    /// Alpine, Wolfi, Chainguard: as `apk version -t` of apk-tools 2.14 answers.
    Apk = 2,
    /// Semantic Versioning 2.0.0, with the leniency that advisories of npm and crates.io need.
    Semver = 3,
    /// Semantic versioning as Go speaks it: `v1.2.3+incompatible`, pseudo-versions, and toolchains such as `go1.22rc1`.
    Go = 4,
    /// Python: PEP 440, as the `packaging` library answers.
    Pep440 = 5,
    /// The RPM family: `rpmvercmp` over epoch, version and release.
    Rpm = 6,
    /// RubyGems: as `Gem::Version` answers.
    Gem = 7,
    /// Maven: as `ComparableVersion` of Maven 3.9 answers.
    Maven = 8,
    /// NuGet: as `NuGet.Versioning` answers.
    Nuget = 9,
    /// Packagist: as Composer normalises a version, then `version_compare` of PHP.
    Composer = 10,
    /// `version_compare` of PHP by itself, as WordPress uses it.
    Php = 11,
    /// Bitnami: semantic versions whose part after the hyphen is a revision, newer than none.
    Bitnami = 12,
    /// CRAN and Bioconductor: as `package_version` of R answers.
    Cran = 13,
    /// Hackage and GHC: the numbers of `Data.Version`.
    Haskell = 14,
    /// Arch Linux: as `vercmp` of pacman answers.
    Pacman = 15,
    /// ConanCenter: as `Version` of Conan 2 answers.
    Conan = 16,
    /// opam: the order of Debian without epochs.
    Opam = 17,
    /// Pub: semantic versions whose build metadata counts.
    Pub = 18,
    /// Julia: as `VersionNumber` answers.
    Julia = 19,
    /// Java's own runtime: `8u392`, `1.8.0_392`, `11.0.2+9`.
    Jvm = 20,
    /// Gentoo: as `vercmp` of Portage answers.
    Portage = 21,
    /// Conda: as `VersionOrder` answers.
    Conda = 22,
    /// FreeBSD's packages: as `pkg version -t` answers.
    Freebsd = 23,
    /// Homebrew: as its `PkgVersion` answers; also what has no rules of its own, such as Android's and Linux's releases.
    Homebrew = 24,
}

impl Scheme {
    /// All schemes, in the order of their numbers.
    pub const ALL: [Scheme; 24] = [
        Scheme::Dpkg,
        Scheme::Apk,
        Scheme::Semver,
        Scheme::Go,
        Scheme::Pep440,
        Scheme::Rpm,
        Scheme::Gem,
        Scheme::Maven,
        Scheme::Nuget,
        Scheme::Composer,
        Scheme::Php,
        Scheme::Bitnami,
        Scheme::Cran,
        Scheme::Haskell,
        Scheme::Pacman,
        Scheme::Conan,
        Scheme::Opam,
        Scheme::Pub,
        Scheme::Julia,
        Scheme::Jvm,
        Scheme::Portage,
        Scheme::Conda,
        Scheme::Freebsd,
        Scheme::Homebrew,
    ];

    /// The number that stands for the scheme in a database; never 0.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The scheme that the number stands for.
    pub fn from_code(code: u8) -> Option<Scheme> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
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
            Scheme::Maven => maven::key(version),
            Scheme::Nuget => nuget::key(version),
            Scheme::Composer => composer::key(version),
            Scheme::Php => php::key(version),
            Scheme::Bitnami => bitnami::key(version),
            Scheme::Cran => cran::key(version),
            Scheme::Haskell => haskell::key(version),
            Scheme::Pacman => pacman::key(version),
            Scheme::Conan => conan::key(version),
            Scheme::Opam => opam::key(version),
            Scheme::Pub => pub_semver::key(version),
            Scheme::Julia => julia::key(version),
            Scheme::Jvm => jvm::key(version),
            Scheme::Portage => portage::key(version),
            Scheme::Conda => conda::key(version),
            Scheme::Freebsd => freebsd::key(version),
            Scheme::Homebrew => homebrew::key(version),
        }
    }

    /// Whether the text names a branch that moves, such as Composer's `dev-main`. It has a key, but for the vendor's tool it
    /// lies in no range of versions, and is only equal to itself.
    pub fn is_branch(self, version: &str) -> bool {
        self == Scheme::Composer && composer::is_branch(version)
    }

    /// What of a version's text counts where it is no version of the scheme, so that only the same text is the same version.
    ///
    /// Its key would not do for that: a key has room for what the scheme knows of texts, and `.` and `..` of rpm share one.
    pub fn plain_text(self, version: &str) -> Cow<'_, str> {
        match self {
            Scheme::Composer => composer::plain_text(version),
            // As the vendor's tool did as long as it took such texts: case counts for nothing.
            Scheme::Pep440 => version.trim().to_ascii_lowercase().into(),
            _ => version.trim_ascii().into(),
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
