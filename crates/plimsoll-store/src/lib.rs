//! All that outlives a process: blobs, registry metadata, jobs, inventories, matches.
//!
//! This is the only crate that knows SQL and table names. It runs on SQLite and a folder, and on PostgreSQL and an object
//! store, with the same statements; the database is the truth, and a blob without a row does not exist.
//!
//! Every method that changes something is one transaction, and durable when it returns. Time is handed in.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod attributes;
mod bases;
mod blobs;
mod charges;
mod counts;
mod database;
mod error;
mod exploits;
mod fsck;
mod graph;
mod history;
mod imports;
mod jobs;
mod logs;
mod manifests;
mod migrations;
mod notify;
mod packages;
mod plans;
mod pulls;
mod registries;
mod resources;
mod rules;
mod scans;
mod scopes;
mod scores;
mod summaries;
mod triggers;
mod verdicts;

pub use access::{Assigned, FailedLogins, NewToken, Principal, Token, UserLogin};
pub use attributes::{
    AttributeChange, Attributes, DeletedRepository, ManifestChange, ManifestDetails, Order, QuarantineState,
    RepositoryDetails, TagDetails,
};
pub use blobs::{BlobInfo, ByteStream, Finished, Upload, UploadId};
pub use charges::{Charge, MeterRow};
pub use counts::{CountBy, CountFilter, Group};
pub use error::{Error, ErrorKind, Result};
pub use fsck::FsckReport;
pub use graph::FindingGroup;
pub use history::{Ended, HistoryCursor, HistoryFilter, HistoryRow};
pub use imports::StoredImport;
pub use jobs::{Job, JobKind, Priority};
pub use logs::{ImagePlace, LogFilter, LoggedEvent};
pub use manifests::{Deleted, ManifestHead, ManifestPut, Referrer, Stored, StoredManifest};
pub use notify::{
    Change, Claim, Delivery, DeliveryFilter, DeliveryKind, DeliveryState, Ending, Event, NewDelivery, Origin,
    Position, Replay, Target, Telling, Tellings,
};
pub use packages::{PackageId, StoredPackage};
pub use plans::PlanStored;
pub use pulls::{Pull, PulledImage};
pub use registries::{Registry, RegistryId, ResourceGroup, Subscription};
pub use resources::{Operation, OperationState, Resource};
pub use rules::{Hiding, Preview};
pub use scans::{ImageState, StoredImage, Verdict};
pub use scopes::RegistryUsage;
pub use scores::ScorePoint;
pub use summaries::{RegistrySummary, Worst};
pub use triggers::{ScanFilter, ScanRow};
pub use verdicts::{FindingCursor, FindingFilter, FindingId, FindingRow, ImageSummary};

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use blobs::BlobStore;
use database::Database;
use jobs::WakeUp;
use plimsoll_types::Trigger;

/// Where everything is kept. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    db: Database,
    blobs: Arc<BlobStore>,
    wake_up: Arc<WakeUp>,
    node: Arc<str>,
    /// The registry that methods speak of where they name a repository.
    registry: RegistryId,
    /// Counts the changes to registries that this process made.
    registries_changed: Arc<AtomicU64>,
    /// Who asks for what is changed through this handle.
    origin: Option<Arc<Origin>>,
    /// Why what is stored through this handle is scanned.
    trigger: Trigger,
}

/// What a store is opened with.
#[derive(Clone)]
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

impl std::fmt::Debug for Settings {
    /// Without the database's password and the values of the options, which may be keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options: Vec<_> = self.blob_options.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings")
            .field("database", &database::without_password(&self.database))
            .field("blobs", &self.blobs)
            .field("blob_options", &options)
            .field("node", &self.node)
            .finish()
    }
}

impl Store {
    /// Opens the store, and brings its tables up to date.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let db = Database::open(&settings.database).await?;
        let blobs = Arc::new(BlobStore::open(&settings.blobs, &settings.blob_options).await?);
        let wake_up = Arc::new(WakeUp::listen(&db));
        let store = Self {
            db,
            blobs,
            wake_up,
            node: settings.node.as_str().into(),
            registry: RegistryId::FIRST,
            registries_changed: Arc::default(),
            origin: None,
            trigger: Trigger::Push,
        };
        store.remove_stray_uploads().await?;
        Ok(store)
    }

    /// Whether database and blob store answer. The error says which does not.
    pub async fn check(&self) -> Result<()> {
        self.db.one("reach the database", "select 1", &[]).await?;
        self.blobs.check().await
    }

    /// Lets the database look at how its tables have grown, so that it finds the short way to rows. Worth doing after many
    /// images came; cheap at any time.
    pub async fn gather_statistics(&self) -> Result<()> {
        self.db.gather_statistics().await
    }

    /// Closes the pools once running statements are done.
    pub async fn close(&self) {
        self.wake_up.stop();
        self.db.close().await;
    }
}
