//! What was read from layers, and what an image holds as their sum.
//!
//! A [`LayerInventory`] is a fact about the unpacked bytes of one layer and the version of the probe that read it. It says
//! which packages its files name, what it removes from the layers below, and what could not be read. An
//! [`ImageInventory`] is a pure [merge](ImageInventory::merge) of them: no byte of a layer is needed again.

mod channels;
mod distro;
mod found;
mod merge;
mod problem;
mod support;

pub use channels::{ChannelKind, Channels};
pub use distro::{Distro, UBUNTU_RELEASES};
pub use found::{Confidence, Details, Found, OwnedFiles, owned_hash};
pub use merge::DISTRO_FILES;
pub use problem::{Problem, ProblemKind};

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Ecosystem, Package, Purl};

/// The version of what the probe reads. It goes up with every change that can change a layer inventory, and makes the
/// stored ones stale.
pub const PROBE_VERSION: i64 = 5;

/// What one layer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerInventory {
    /// Digest of the unpacked bytes, computed while they passed. Meaningless where a problem cut the layer short.
    pub diff_id: Digest,
    /// Unpacked size in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// The files that say something, sorted by path, each path once.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub files: Vec<FileFact>,
    /// Paths that whiteouts remove from the layers below, with all that is under them.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub whiteouts: Vec<String>,
    /// Directories whose content the layers below lose (opaque whiteouts); `""` is the root.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub opaque: Vec<String>,
    /// [`path_hash`] of each entry that is not a directory, sorted: it hides the same path, and all paths under it, of
    /// the layers below.
    #[serde(with = "crate::probe::budget::steps")]
    pub replaced: Vec<u64>,
    /// [`path_hash`] of each directory entry, sorted: it hides a file of the same path below, but nothing under it.
    #[serde(with = "crate::probe::budget::steps")]
    pub directories: Vec<u64>,
    /// Hard links whose path would say something and whose target is in a lower layer.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub links: Vec<HardLink>,
    /// What could not be read.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub problems: Vec<Problem>,
}

/// What one file of a layer says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileFact {
    /// Path from the root of the image, without a leading slash. Bytes that are not UTF-8 are written as `\xNN`.
    pub path: String,
    /// What it says.
    pub content: FileContent,
}

/// The kinds of facts that files hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FileContent {
    /// `os-release` and its relatives.
    Distro(Distro),
    /// A package database (dpkg `status`, apk `installed`): the list of the top-most one holds, older ones do not.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    Database(Vec<Found>),
    /// A file of one package or one binary with what is built into it (`status.d`, `METADATA`, `package.json`, Go).
    #[serde(deserialize_with = "crate::probe::budget::list")]
    Packages(Vec<Found>),
    /// A list of a package's files.
    Files(OwnedFiles),
    /// Where packages come from.
    Channels(Channels),
}

impl FileContent {
    /// Packages of one file, without anything else known of them.
    pub fn packages(packages: impl IntoIterator<Item = Package>) -> Self {
        Self::Packages(packages.into_iter().map(Found::from).collect())
    }

    /// The packages that it names.
    pub fn found(&self) -> &[Found] {
        match self {
            Self::Database(found) | Self::Packages(found) => found,
            Self::Distro(_) | Self::Files(_) | Self::Channels(_) => &[],
        }
    }

    /// The packages that it names, to be changed.
    pub fn found_mut(&mut self) -> Option<&mut Vec<Found>> {
        match self {
            Self::Database(found) | Self::Packages(found) => Some(found),
            Self::Distro(_) | Self::Files(_) | Self::Channels(_) => None,
        }
    }
}

/// A hard link to a file of a lower layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardLink {
    /// The new name.
    pub path: String,
    /// The file of a lower layer.
    pub target: String,
}

/// A short name for a path, for [`LayerInventory::replaced`]. The path is written as in [`FileFact::path`].
pub fn path_hash(path: &str) -> u64 {
    rapidhash::v3::rapidhash_v3(path.as_bytes())
}

/// What an image holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ImageInventory {
    /// The distribution, where one was recognised.
    pub distro: Option<Distro>,
    /// All packages, sorted by type, name, version and path.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub packages: Vec<InstalledPackage>,
    /// Where the packages came from, a kind once, as far as the image tells.
    #[serde(default, deserialize_with = "crate::probe::budget::list")]
    pub channels: Vec<Channels>,
    /// What could not be read, of all layers.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub problems: Vec<Problem>,
    /// Sum of the layers' unpacked sizes in bytes.
    pub unpacked_bytes: u64,
    /// Sum of the layers' entries.
    pub entries: u64,
}

impl ImageInventory {
    /// Forgets the packages that only an SBOM names which lies in the image.
    pub fn forget_embedded_sboms(&mut self) {
        self.packages.retain(|installed| !installed.details.is_by_sbom());
    }
}

/// The distribution's packages of an image by name: who owns the files of packages of languages.
pub struct Owners<'a> {
    by_name: HashMap<&'a str, &'a InstalledPackage>,
}

impl<'a> Owners<'a> {
    /// Those among the packages of an image. Of several with one name it is the last.
    pub fn among(packages: &'a [InstalledPackage]) -> Self {
        let of_system = packages.iter().filter(|installed| installed.package.package_type.is_os());
        Self { by_name: of_system.map(|installed| (installed.package.name.as_str(), installed)).collect() }
    }

    /// The package of the distribution that owns the files of this one, which is a language's.
    pub fn of(&self, installed: &InstalledPackage) -> Option<&'a InstalledPackage> {
        let name = installed.details.owned_by.as_deref()?;
        let owner = self.by_name.get(name)?;
        (!installed.package.package_type.is_os()).then_some(*owner)
    }
}

/// A package in its image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// The package.
    pub package: Package,
    /// Under which ecosystem it is matched; `None` where nobody publishes advisories that we know how to read.
    pub ecosystem: Option<Ecosystem>,
    /// The file that names it.
    pub path: String,
    /// The layer that brought it: the digest in the manifest. `None` outside an image.
    pub layer: Option<Digest>,
    /// Its package URL.
    pub purl: String,
    /// What else is known of it. The store keeps its licences and who built it.
    #[serde(default)]
    pub details: Details,
}

impl InstalledPackage {
    /// A package at no particular place, with nothing else known of it.
    pub fn new(package: Package, ecosystem: Option<Ecosystem>) -> Self {
        let purl = package.purl(None).to_string();
        Self { package, ecosystem, path: String::new(), layer: None, purl, details: Details::default() }
    }

    /// The qualifier of a purl that holds an rpm's modularity label, as Syft writes it.
    pub(crate) const MODULE: &'static str = "rpmmod";

    /// The module that an rpm belongs to, by its label: `nodejs:16:8060020220…:ad008a3a`. It is compared with advisories
    /// for the same module and stream, and a package without one with advisories without one.
    pub fn module(&self) -> Option<String> {
        // Most packages have none, and need not be taken apart to know that.
        if !self.purl.contains("rpmmod=") {
            return None;
        }
        self.purl.parse::<Purl>().ok()?.qualifier(Self::MODULE).map(str::to_owned)
    }

    /// The distribution or the language's ecosystem: `Alpine`, `npm`.
    pub fn category(&self) -> &str {
        match &self.ecosystem {
            Some(ecosystem) => ecosystem.name(),
            None => self.package.package_type.as_str(),
        }
    }

    /// A package that an SBOM names by its purl, with the SBOM's own file as its path.
    pub fn from_sbom(package: Package, distro: Option<&Distro>, purl: &Purl) -> Self {
        let ecosystem = match package.package_type {
            t if t.is_os() => distro.and_then(Distro::ecosystem),
            t => t.language_ecosystem(),
        };
        Self { purl: purl.to_string(), ..Self::new(package, ecosystem) }
    }
}

#[cfg(test)]
mod tests;
