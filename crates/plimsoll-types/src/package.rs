//! Installed packages, as an image's own records name them.

use serde::{Deserialize, Serialize};

use crate::Ecosystem;
use crate::inventory::Distro;
use crate::purl::Purl;

/// Whose package format a package is in. The words are those of the purl specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageType {
    /// Debian's, Ubuntu's and their derivatives'.
    Deb,
    /// Alpine's, Wolfi's, Chainguard's.
    Apk,
    /// Red Hat's and its relatives', SUSE's.
    Rpm,
    /// Python's.
    Pypi,
    /// Node's.
    Npm,
    /// Go modules; the standard library is the module `stdlib`.
    Golang,
    /// Rust's.
    Cargo,
    /// Ruby's.
    Gem,
    /// PHP's.
    Composer,
    /// .NET's.
    Nuget,
    /// Java's.
    Maven,
    /// Bitnami's components.
    Bitnami,
    /// A package of no known format; it is listed and never matched.
    Generic,
    /// Arch's (pacman) and its relatives'.
    Alpm,
    /// Gentoo's (Portage).
    Ebuild,
    /// OpenWrt's and Yocto's.
    Opkg,
    /// The Nix store's.
    Nix,
    /// Homebrew's.
    Brew,
    /// Canonical's snaps.
    Snap,
    /// Flatpak's.
    Flatpak,
    /// Conda's.
    Conda,
    /// Elixir's and Erlang's from hex.pm.
    Hex,
    /// Erlang/OTP applications of no known registry.
    Otp,
    /// Dart's.
    Pub,
    /// Swift's.
    Swift,
    /// Haskell's.
    Hackage,
    /// R's from CRAN.
    Cran,
    /// R's from Bioconductor.
    Bioconductor,
    /// Lua's.
    Luarocks,
    /// Perl's.
    Cpan,
    /// Julia's.
    Julia,
    /// C's and C++'s from ConanCenter.
    Conan,
    /// OCaml's.
    Opam,
    /// WordPress's plug-ins and themes.
    Wordpress,
    /// Actions of GitHub's workflows.
    Github,
}

impl PackageType {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Pypi,
        Self::Npm,
        Self::Golang,
        Self::Cargo,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
        Self::Maven,
        Self::Bitnami,
        Self::Generic,
        Self::Alpm,
        Self::Ebuild,
        Self::Opkg,
        Self::Nix,
        Self::Brew,
        Self::Snap,
        Self::Flatpak,
        Self::Conda,
        Self::Hex,
        Self::Otp,
        Self::Pub,
        Self::Swift,
        Self::Hackage,
        Self::Cran,
        Self::Bioconductor,
        Self::Luarocks,
        Self::Cpan,
        Self::Julia,
        Self::Conan,
        Self::Opam,
        Self::Wordpress,
        Self::Github,
    ];

    /// The type in a purl.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Maven => "maven",
            Self::Bitnami => "bitnami",
            Self::Generic => "generic",
            Self::Alpm => "alpm",
            Self::Ebuild => "ebuild",
            Self::Opkg => "opkg",
            Self::Nix => "nix",
            Self::Brew => "brew",
            Self::Snap => "snap",
            Self::Flatpak => "flatpak",
            Self::Conda => "conda",
            Self::Hex => "hex",
            Self::Otp => "otp",
            Self::Pub => "pub",
            Self::Swift => "swift",
            Self::Hackage => "hackage",
            Self::Cran => "cran",
            Self::Bioconductor => "bioconductor",
            Self::Luarocks => "luarocks",
            Self::Cpan => "cpan",
            Self::Julia => "julia",
            Self::Conan => "conan",
            Self::Opam => "opam",
            Self::Wordpress => "wordpress",
            Self::Github => "github",
        }
    }

    /// Whether a distribution ships it, so that the distribution decides the ecosystem.
    pub fn is_os(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm | Self::Alpm | Self::Ebuild | Self::Opkg)
    }

    /// The language ecosystem of the type; `None` for packages of a distribution and for generic ones.
    pub fn language_ecosystem(self) -> Option<Ecosystem> {
        let name = match self {
            Self::Pypi => "PyPI",
            Self::Npm => "npm",
            Self::Golang => "Go",
            Self::Cargo => "crates.io",
            Self::Gem => "RubyGems",
            Self::Composer => "Packagist",
            Self::Nuget => "NuGet",
            Self::Maven => "Maven",
            Self::Bitnami => "Bitnami",
            Self::Hex => "Hex",
            Self::Pub => "Pub",
            Self::Swift => "SwiftURL",
            Self::Hackage => "Hackage",
            Self::Cran => "CRAN",
            Self::Bioconductor => "Bioconductor",
            Self::Julia => "Julia",
            Self::Conan => "ConanCenter",
            Self::Opam => "opam",
            Self::Github => "GitHub Actions",
            Self::Deb
            | Self::Apk
            | Self::Rpm
            | Self::Alpm
            | Self::Ebuild
            | Self::Opkg
            | Self::Nix
            | Self::Brew
            | Self::Snap
            | Self::Flatpak
            | Self::Conda
            | Self::Otp
            | Self::Luarocks
            | Self::Cpan
            | Self::Wordpress
            | Self::Generic => return None,
        };
        Some(Ecosystem::of(name))
    }
}

/// One installed package: a fact read from one file of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its format.
    pub package_type: PackageType,
    /// Its name as its own records have it: `libc6`, `@babel/core`, `golang.org/x/net`, `group:artifact`.
    pub name: String,
    /// Its version as its own records have it, with an rpm's epoch in front (`1:2.3-4`). Empty means not known.
    pub version: String,
    /// Its processor architecture, where its records name one.
    pub architecture: Option<String>,
    /// The source package it was built from (dpkg `Source`, apk origin), where it differs from `name`.
    pub source: Option<String>,
    /// The version of the source package, where it differs from `version`.
    pub source_version: Option<String>,
}

impl Package {
    /// A package with nothing but a name and a version.
    pub fn new(package_type: PackageType, name: &str, version: &str) -> Self {
        Self {
            package_type,
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: None,
            source: None,
            source_version: None,
        }
    }

    /// The source package's name, which is the package's own where no other is known.
    pub fn source_name(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }

    /// The source package's version, which is the package's own where no other is known.
    pub fn source_version(&self) -> &str {
        self.source_version.as_deref().unwrap_or(&self.version)
    }

    /// Name and version under which advisories speak of this package: the source's for dpkg and apk, its own elsewhere.
    pub fn advised_as(&self) -> (&str, &str) {
        match self.package_type {
            PackageType::Deb | PackageType::Apk => (self.source_name(), self.source_version()),
            _ => (&self.name, &self.version),
        }
    }

    /// The package URL, as Syft writes it: `pkg:deb/debian/libc6@2.31-13?arch=amd64&distro=debian-11&upstream=glibc`.
    pub fn purl(&self, distro: Option<&Distro>) -> Purl {
        let mut purl = Purl::default();
        purl.package_type = self.package_type.as_str().to_owned();
        let (namespace, name) = match self.package_type {
            t if t.is_os() => (distro.map_or("", |d| d.id.as_str()), self.name.as_str()),
            PackageType::Maven => self.name.split_once(':').unwrap_or(("", &self.name)),
            PackageType::Npm
            | PackageType::Golang
            | PackageType::Composer
            | PackageType::Swift
            | PackageType::Github => self.name.rsplit_once('/').unwrap_or(("", &self.name)),
            _ => ("", self.name.as_str()),
        };
        purl.namespace = namespace.to_owned();
        purl.name = match self.package_type {
            PackageType::Pypi => Ecosystem::of("PyPI").lookup_name(name).into_owned(),
            _ => name.to_owned(),
        };
        purl.version = self.version.clone();
        if self.package_type == PackageType::Rpm
            && let Some((epoch, rest)) = self.version.split_once(':')
        {
            purl.version = rest.to_owned();
            purl.set("epoch", epoch);
        }
        if let Some(architecture) = &self.architecture {
            let key = match self.package_type {
                PackageType::Gem => "platform",
                PackageType::Conda => "subdir",
                _ => "arch",
            };
            purl.set(key, architecture);
        }
        if self.package_type.is_os() {
            if let Some(distro) = distro {
                purl.set("distro", &distro.purl_name());
            }
            let upstream = match (&self.source, &self.source_version) {
                (None, None) => None,
                (_, None) => Some(self.source_name().to_owned()),
                (_, Some(version)) => Some(format!("{}@{version}", self.source_name())),
            };
            if let Some(upstream) = upstream {
                purl.set("upstream", &upstream);
            }
        }
        purl
    }
}
