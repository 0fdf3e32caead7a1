//! A package as one file of a layer names it, with what is known of it beside what makes it one.

use serde::{Deserialize, Serialize};

use super::path_hash;
use crate::Package;

/// A package that a file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The package.
    pub package: Package,
    /// What else is known of it.
    pub details: Details,
    /// [`owned_hash`] of those of its files that may name packages themselves, where the same database lists its files.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub owns: Vec<u64>,
    /// The module that an rpm belongs to, as its label names it: `nodejs:16:8060020220…:ad008a3a`. It makes the package
    /// another one, and goes into the purl.
    pub module: Option<String>,
}

/// What is known of a package and does not make it another one: two packages that differ in nothing else have the same
/// vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Details {
    /// Its licences, as its own records have them: SPDX expressions, or names that somebody wrote.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub licenses: Vec<String>,
    /// Who built it, as its own records say: dpkg's `Origin` or `Maintainer`, an rpm's `Vendor`.
    pub origin: Option<String>,
    /// How sure it is that this package is there, in this version.
    pub confidence: Confidence,
    /// What told it, where that is not a record of the package: the bytes of a program, a place inside an archive.
    pub evidence: Option<String>,
    /// The package of the distribution that owns the file. Known once the layers are merged.
    pub owned_by: Option<String>,
}

/// How sure it is that a package is there, in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Its own records name it.
    #[default]
    High,
    /// Read out of a program's content, where it stands beyond doubt.
    Medium,
    /// Derived from names, or from content that others may hold as well.
    Low,
}

/// The files of a package that its database lists in a file of their own (dpkg's `info/*.list`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedFiles {
    /// The name of the package.
    pub package: String,
    /// [`owned_hash`] of those that may name packages themselves.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub paths: Vec<u64>,
}

impl Details {
    /// What [`Self::evidence`] begins with where a program's content told its name and version.
    pub const BY_CONTENT: &'static str = "content: ";
    /// What [`Self::evidence`] is where a program carries a note of the package that it was built for.
    pub const BY_NOTE: &'static str = ".note.package";
    /// What [`Self::evidence`] begins with where an SBOM that lies in the image names it, and nothing else.
    pub const BY_SBOM: &'static str = "SBOM: ";

    /// Whether it is only what a program's content says, which a record of the same file makes needless.
    pub fn is_by_content(&self) -> bool {
        self.evidence.as_ref().is_some_and(|evidence| evidence.starts_with(Self::BY_CONTENT))
    }

    /// Whether it is only hearsay of a package that has, or should have, a record elsewhere.
    pub fn is_hearsay(&self) -> bool {
        self.is_by_sbom() || self.evidence.as_deref() == Some(Self::BY_NOTE)
    }

    /// Whether only an SBOM that lies in the image names it.
    pub fn is_by_sbom(&self) -> bool {
        self.evidence.as_ref().is_some_and(|evidence| evidence.starts_with(Self::BY_SBOM))
    }
}

impl From<Package> for Found {
    fn from(package: Package) -> Self {
        Self { package, details: Details::default(), owns: vec![], module: None }
    }
}

/// A short name for a path under which its owner finds it. Databases list files as their packages had them: where `/lib`
/// and `/bin` are links into `/usr`, and `/usr/sbin` one to `/usr/bin`, the same file has two spellings. All have one hash.
pub fn owned_hash(path: &str) -> u64 {
    let merged = path.strip_prefix("usr/").unwrap_or(path);
    match merged.split_once('/') {
        Some(("sbin" | "bin", rest)) => path_hash(&format!("usr/bin/{rest}")),
        Some(("lib" | "lib32" | "lib64" | "libx32", _)) => path_hash(&format!("usr/{merged}")),
        _ => path_hash(path),
    }
}
