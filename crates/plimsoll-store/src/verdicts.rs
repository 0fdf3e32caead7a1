//! What readers ask: findings, summaries.

use plimsoll_types::{Digest, InstalledPackage, Match, Platform, RepositoryName, Severity, Timestamp};

use crate::{ImageState, Result, Store};

/// The stable name of a finding row: an image in a repository, a package version, a vulnerability. It is written as a GUID
/// from which the rows are found again; the row of an image without findings has neither package nor vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId {
    /// Row of the image in its repository.
    pub image: i64,
    /// Row of the package version, or 0.
    pub package: i64,
    /// Row of the vulnerability, or 0.
    pub vulnerability: i64,
}

/// Which findings are asked for. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Only this repository.
    pub repository: Option<RepositoryName>,
    /// Only this image.
    pub image: Option<Digest>,
}

/// Where a page ends; the next one begins behind it.
pub type FindingCursor = FindingId;

/// One row as readers present it: a finding, or the row of an image that has none.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    /// Its name.
    pub id: FindingId,
    /// The image it is about.
    pub image: ImageSummary,
    /// What was found; `None` in the one row of an image without findings.
    pub finding: Option<(InstalledPackage, Match)>,
    /// When this finding was first seen on any image of the store, or for a row without a finding when the verdict was made.
    pub first_seen: Timestamp,
}

/// An image in its repository.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSummary {
    /// The repository.
    pub repository: RepositoryName,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// The tags on it, sorted; empty for an untagged image that can still be pulled.
    pub tags: Vec<String>,
    /// When it was last pushed to this repository.
    pub pushed_at: Timestamp,
    /// Its platform, where the configuration names one.
    pub platform: Option<Platform>,
    /// The distribution's id and version (`alpine`, `3.4.6`), where one was recognised.
    pub distro: Option<plimsoll_types::inventory::Distro>,
    /// How far its scan is.
    pub state: ImageState,
    /// What was read and what could not be.
    pub coverage: serde_json::Value,
    /// When the verdict that stands was made.
    pub assessed_at: Option<Timestamp>,
}

impl std::fmt::Display for FindingId {
    /// A GUID.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { unimplemented!() }
}

impl std::str::FromStr for FindingId {
    type Err = plimsoll_types::ParseError;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> { unimplemented!() }
}

/// A registry in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrySummary {
    /// Images in all repositories.
    pub images: u64,
    /// Images with at least one finding.
    pub unhealthy: u64,
    /// Images that were looked at, understood and found clean.
    pub healthy: u64,
    /// Images that could not be judged.
    pub not_applicable: u64,
    /// Images whose first verdict is not there yet.
    pub pending: u64,
    /// Findings by severity, worst first.
    pub findings: Vec<(Severity, u64)>,
    /// When the first verdict was made.
    pub first_assessed: Option<Timestamp>,
    /// When the last verdict was made or matches last changed.
    pub last_changed: Option<Timestamp>,
}

impl Store {
    /// Up to `n` rows behind `after`, in the order of their ids. Images that have no verdict yet have no row.
    pub async fn findings(&self, filter: &FindingFilter, after: Option<FindingCursor>, n: u32) -> Result<Vec<FindingRow>> { unimplemented!() }

    /// One row by its name.
    pub async fn finding(&self, id: FindingId) -> Result<Option<FindingRow>> { unimplemented!() }

    /// The registry in numbers.
    pub async fn registry_summary(&self) -> Result<RegistrySummary> { unimplemented!() }

    /// Images of all repositories or of one, newest push first, with how far their scans are.
    pub async fn images(&self, repository: Option<&RepositoryName>, n: u32) -> Result<Vec<ImageSummary>> { unimplemented!() }
}
