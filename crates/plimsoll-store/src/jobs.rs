//! The job queue: rows with leases, at least once, idempotent by what they are about.

use plimsoll_types::{Digest, Timestamp};

use crate::{Result, Store};

/// What is to be done. A job of one kind about one thing is queued at most once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Read a layer's blob into its inventory.
    ReadLayer(Digest),
    /// Merge, match and record an image, reading the layers that were not read yet.
    ScanImage(Digest),
    /// Match again what a generation of the advisory database changed.
    Rematch {
        /// The generation to bring the matches to.
        generation: u64,
    },
}

/// How urgent a job is: push before import before manual before periodic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Nobody waits.
    Periodic,
    /// Somebody asked.
    Manual,
    /// An import waits.
    Import,
    /// A push waits.
    Push,
}

/// A job that this process holds the lease of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The row.
    pub id: i64,
    /// What is to be done.
    pub kind: JobKind,
    /// How often it was begun, this time included.
    pub attempts: i64,
}

impl Store {
    /// Queues a job, or raises the priority of the one that waits already.
    pub async fn enqueue(&self, kind: &JobKind, priority: Priority, now: Timestamp) -> Result<()> { unimplemented!() }

    /// Takes the most urgent job that is due, for `lease_ms` milliseconds. Jobs whose lease ran out are due again.
    pub async fn claim_job(&self, now: Timestamp, lease_ms: i64) -> Result<Option<Job>> { unimplemented!() }

    /// Keeps the lease. `false` where another process has taken the job over.
    pub async fn renew_lease(&self, job: &Job, now: Timestamp, lease_ms: i64) -> Result<bool> { unimplemented!() }

    /// The job is done; its row goes.
    pub async fn complete_job(&self, job: &Job) -> Result<()> { unimplemented!() }

    /// The job failed and is due again at `retry_at`, or never with `None` (the row stays, for people to see).
    pub async fn fail_job(&self, job: &Job, reason: &str, retry_at: Option<Timestamp>) -> Result<()> { unimplemented!() }

    /// Waits until a job may be due: one was queued by this process (or, on PostgreSQL, by any), or `at_most` has passed.
    pub async fn job_wake_up(&self, at_most: std::time::Duration) { unimplemented!() }

    /// Frees the jobs that an earlier life of this node held, so that nobody waits for their leases. On SQLite there is only one node.
    pub async fn release_own_jobs(&self) -> Result<u64> { unimplemented!() }
}
