//! What scans write: layer inventories, image inventories, package versions, matches, verdicts.

use plimsoll_types::{Descriptor, Digest, Ecosystem, ImageInventory, InstalledPackage, LayerInventory, Manifest, Match, Platform, Timestamp};

use crate::{Job, Result, Store};

/// How far the scan of an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// A job waits.
    Queued,
    /// A job runs.
    Running,
    /// The inventory is there, but no advisory database yet to match it with.
    AwaitingAdvisories,
    /// A verdict stands.
    Done,
    /// The scan failed for good, for the reason given.
    Failed(String),
    /// Nothing in it can be judged, for the reason given (for example a Windows image).
    Unsupported(String),
}

/// An image row with what a scan needs.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredImage {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest, read.
    pub manifest: Manifest,
    /// How far its scan is.
    pub state: ImageState,
}

/// The row of a package version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub i64);

/// A unique package version.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPackage {
    /// Its row.
    pub id: PackageId,
    /// The package, as some image holds it (path and layer are empty).
    pub package: InstalledPackage,
    /// The generation of the advisory database that it was last matched with; 0 for never.
    pub generation: u64,
}

/// What a scan found out about an image. The image's findings are not in it: they are the join of its packages with
/// the matches of these package versions.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// Digest of the manifest.
    pub image: &'a Digest,
    /// Platform, as the configuration says.
    pub platform: Option<&'a Platform>,
    /// What the image holds.
    pub inventory: &'a ImageInventory,
    /// `Done`, `AwaitingAdvisories`, `Failed` or `Unsupported`.
    pub state: ImageState,
    /// What was read and what could not be, as JSON for readers (see `plimsoll_scan::Coverage`).
    pub coverage: serde_json::Value,
    /// Matches of package versions that were never matched, or with an older generation: package and all its matches.
    pub matches: Vec<(InstalledPackage, Vec<Match>)>,
    /// The generation of the advisory database that `matches` come from; 0 for none.
    pub generation: u64,
    /// The instant of the verdict.
    pub now: Timestamp,
}

impl Store {
    /// The inventory of the layer in this blob, as this version of the probe reads it.
    pub async fn layer_inventory(&self, blob: &Digest, probe_version: i64) -> Result<Option<LayerInventory>> { unimplemented!() }

    /// Records what a layer's blob holds. The inventory is kept by diff id: blobs that unpack to the same share it.
    pub async fn save_layer_inventory(&self, blob: &Digest, probe_version: i64, inventory: &LayerInventory, now: Timestamp) -> Result<()> { unimplemented!() }

    /// The image of this manifest digest.
    pub async fn image(&self, digest: &Digest) -> Result<Option<StoredImage>> { unimplemented!() }

    /// Marks an image's scan as running, or as failed for good. The last good verdict stands until its successor is written.
    pub async fn set_image_state(&self, digest: &Digest, state: &ImageState, now: Timestamp) -> Result<()> { unimplemented!() }

    /// The rows of those packages that are known already, in the order asked; `None` where a package version is new.
    pub async fn stored_packages(&self, packages: &[InstalledPackage]) -> Result<Vec<Option<StoredPackage>>> { unimplemented!() }

    /// Replaces the image's inventory and verdict, adds new package versions, replaces the matches handed in: one transaction.
    pub async fn save_verdict(&self, verdict: Verdict<'_>) -> Result<()> { unimplemented!() }

    /// Up to `n` package versions behind `after` in row order that were last matched with an older generation than
    /// `generation`; with `names`, only those advised under one of these (ecosystem name, lookup name) pairs.
    pub async fn packages_to_rematch(&self, generation: u64, names: Option<&[(String, String)]>, after: PackageId, n: u32) -> Result<Vec<StoredPackage>> { unimplemented!() }

    /// Replaces the matches of package versions, unless they were matched with a newer generation already: one transaction.
    pub async fn save_matches(&self, matches: &[(PackageId, Vec<Match>)], generation: u64, now: Timestamp) -> Result<()> { unimplemented!() }

    /// Queues a scan of every image in the state `AwaitingAdvisories`; tells how many.
    pub async fn wake_awaiting_images(&self, now: Timestamp) -> Result<u64> { unimplemented!() }

    /// The generation of the advisory database that all matches were last brought to; 0 for none.
    pub async fn matched_generation(&self) -> Result<u64> { unimplemented!() }

    /// Records that all matches are at this generation.
    pub async fn set_matched_generation(&self, generation: u64) -> Result<()> { unimplemented!() }
}
