//! All that outlives a process: blobs, registry metadata, jobs, inventories, matches.
//!
//! This is the only crate that knows SQL and table names. It runs on SQLite and a folder, and on PostgreSQL and an object
//! store, with the same statements; the database is the truth, and a blob without a row does not exist.
//!
//! Every method that changes something is one transaction, and durable when it returns. Time is handed in.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blobs;
mod error;
mod jobs;
mod manifests;
mod scans;
mod verdicts;

pub use blobs::{BlobInfo, ByteStream, Finished, Upload, UploadId};
pub use error::{Error, ErrorKind, Result};
pub use jobs::{Job, JobKind, Priority};
pub use manifests::{Deleted, ManifestPut, Referrer, StoredManifest, Stored};
pub use scans::{ImageState, PackageId, StoredImage, StoredPackage, Verdict};
pub use verdicts::{FindingCursor, FindingFilter, FindingId, FindingRow, ImageSummary, RegistrySummary};

/// Where everything is kept. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    // database pools, blob store, notifier
}

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `sqlite:PATH` or `postgres://…`. The file is made where it is missing.
    pub database: String,
    /// `file:PATH`, `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `gs://BUCKET/PREFIX`.
    pub blobs: String,
    /// Options of the object store, such as `aws_endpoint` or `aws_access_key_id`; they win over the environment's.
    pub blob_options: Vec<(String, String)>,
    /// The name of this process among those that share the database; it owns the leases on jobs.
    pub node: String,
}

impl Store {
    /// Opens the store, and brings its tables up to date.
    pub async fn open(settings: &Settings) -> Result<Self> { unimplemented!() }

    /// Whether database and blob store answer. The error says which does not.
    pub async fn check(&self) -> Result<()> { unimplemented!() }

    /// Closes the pools once running statements are done.
    pub async fn close(&self) { unimplemented!() }
}
