//! The nouns of Plimsoll: digests, references, manifests, packages, inventories, findings, resource ids.
//!
//! Everything here is a plain value that is checked once, by its constructor, and trusted afterwards. Nothing here does
//! I/O, awaits, reads a clock or knows a database, a route or a status code. The crate imports nothing of ours.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod automation;
pub mod base;
pub mod coverage;
pub mod digest;
pub mod ecosystem;
pub mod exemption;
pub mod exploit;
pub mod finding;
pub mod generation;
pub mod guid;
pub mod import;
pub mod inventory;
pub mod log;
pub mod manifest;
pub mod package;
pub mod plan;
pub mod probe;
pub mod purl;
pub mod reference;
pub mod registry;
pub mod resource;
pub mod rule;
pub mod sbom;
pub mod score;
pub mod time;
pub mod trigger;
pub mod webhook;

pub use base::{BaseImage, chain_ids};
pub use coverage::{Coverage, Health};
pub use digest::{Algorithm, Digest, Hasher};
pub use ecosystem::Ecosystem;
pub use exemption::Exemption;
pub use finding::{
    Cvss, Evidence, FixStatus, Match, Severity, Status, SubscriptionFix, SuppressedBy, Suppression,
    ThirdParty,
};
pub use generation::Generation;
pub use guid::Guid;
pub use inventory::{ImageInventory, InstalledPackage, LayerInventory, Problem, ProblemKind};
pub use manifest::{Descriptor, Manifest, ManifestKind, Platform};
pub use package::{Package, PackageType};
pub use purl::Purl;
pub use reference::{ImageReference, Reference, RepositoryName, Tag};
pub use resource::{ResourceId, Scope};
pub use rule::{Invalid, Rule};
pub use time::Timestamp;
pub use trigger::{Trigger, Watch};

/// A text that is not what it should be: what was expected, and what was found instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected}, found {found:?}")]
pub struct ParseError {
    /// What the text should have been, for example `a digest such as sha256:…`.
    pub expected: &'static str,
    /// The text as it came, cut to 100 characters.
    pub found: String,
}

impl ParseError {
    /// Says that `found` is not `expected`. The text is cut, since it may come from a stranger.
    pub fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: found.chars().take(100).collect() }
    }
}
