//! What was read from layers, and what an image holds as their sum.
//!
//! A [`LayerInventory`] is a fact about the unpacked bytes of one layer and the version of the probe that read it. It says
//! which packages its files name, what it removes from the layers below, and what could not be read. An
//! [`ImageInventory`] is a pure [merge](ImageInventory::merge) of them: no byte of a layer is needed again.

mod distro;
mod lifetime;
mod merge;
mod problem;

pub use distro::Distro;
pub use problem::{Problem, ProblemKind};

use serde::{Deserialize, Serialize};

use crate::{Digest, Ecosystem, Package, Purl};

/// The version of what the probe reads. It goes up with every change that can change a layer inventory, and makes the
/// stored ones stale.
pub const PROBE_VERSION: i64 = 2;

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
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub replaced: Vec<u64>,
    /// [`path_hash`] of each directory entry, sorted: it hides a file of the same path below, but nothing under it.
    #[serde(deserialize_with = "crate::probe::budget::list")]
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
    Database(Vec<Package>),
    /// A file of one package or one binary with what is built into it (`status.d`, `METADATA`, `package.json`, Go).
    #[serde(deserialize_with = "crate::probe::budget::list")]
    Packages(Vec<Package>),
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
    /// What could not be read, of all layers.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub problems: Vec<Problem>,
    /// Sum of the layers' unpacked sizes in bytes.
    pub unpacked_bytes: u64,
    /// Sum of the layers' entries.
    pub entries: u64,
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
}

impl InstalledPackage {
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
        Self { package, ecosystem, path: String::new(), layer: None, purl: purl.to_string() }
    }
}

#[cfg(test)]
mod tests;
