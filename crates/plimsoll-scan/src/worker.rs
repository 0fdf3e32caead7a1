//! Does the jobs that pushes, imports and new advisories leave behind.
//!
//! A job is keyed by what it is about and may run twice, so each step first looks whether its outcome is there already.
//! What a layer or an image does wrong is recorded in its verdict; only what is our own fault (a database or a disk that
//! does not answer) is tried again, later and later, and in the end told as the image's failure.

mod attach;
mod gate;
mod image;
mod import;
mod rematch;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use plimsoll_store::{ImageState, Job, JobKind, Store};
use plimsoll_types::inventory::PROBE_VERSION;
use plimsoll_types::{Digest, LayerInventory, sbom};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::advisories::AdvisoryHandle;
use crate::clock::{Clock, backoff};
use crate::flight::Flights;
use crate::sandbox::{Input, Sandbox};
use crate::{Error, Result};

pub use gate::EventLog;
pub use import::ImportLimits;

/// How the worker works. The defaults are for a machine of its own.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Jobs at the same time.
    pub concurrency: usize,
    /// How long a job belongs to this process before another may take it over.
    pub lease: Duration,
    /// How often a job is begun before it fails for good.
    pub max_attempts: i64,
    /// How long to wait before the second attempt; doubled with each further one, up to five minutes.
    pub first_retry: Duration,
    /// How often to look whether somebody else put a new advisory database in place.
    pub refresh: Duration,
    /// How long running jobs may go on when the process is asked to stop.
    pub grace: Duration,
    /// What imports may take.
    pub imports: ImportLimits,
    /// In which form its SBOM is attached to each image that is scanned; `None` where none is.
    pub attach_sboms: Option<sbom::Format>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: std::thread::available_parallelism().map_or(2, usize::from).max(2),
            lease: Duration::from_secs(60),
            max_attempts: 12,
            first_retry: Duration::from_secs(1),
            refresh: Duration::from_millis(400),
            grace: Duration::from_secs(10),
            imports: ImportLimits::default(),
            attach_sboms: None,
        }
    }
}

/// Takes jobs from the store and does them. Cheap to clone; all clones are one worker.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    sandbox: Arc<Sandbox>,
    advisories: AdvisoryHandle,
    clock: Clock,
    settings: WorkerSettings,
    /// Layers that are being read, so that an image waits for them and does not read them again.
    layers: Flights<Digest, LayerAnswer>,
    /// Matches are brought to one generation at a time.
    rematching: Mutex<()>,
    /// Where the scanner's own logins and pulls are noted.
    log: OnceLock<EventLog>,
}

/// A layer's inventory; `None` where its blob is not there.
type LayerAnswer = std::result::Result<Option<Arc<LayerInventory>>, Arc<Error>>;

impl Worker {
    /// A worker. Nothing runs yet.
    pub fn new(
        store: Store,
        sandbox: Arc<Sandbox>,
        advisories: AdvisoryHandle,
        clock: Clock,
        settings: WorkerSettings,
    ) -> Self {
        let layers = Flights::new();
        let (rematching, log) = (Mutex::default(), OnceLock::new());
        let shared = Shared { store, sandbox, advisories, clock, settings, layers, rematching, log };
        Self { shared: Arc::new(shared) }
    }

    /// The same worker, which notes its logins at registries and its pulls here.
    pub fn noting_in(self, log: EventLog) -> Self {
        // Set once, before it runs; who asks again gets the first.
        let _ = self.shared.log.set(log);
        self
    }

    /// Does jobs until `shutdown`, then lets the running ones end, as far as the grace allows. Jobs that were cut off are
    /// free again for whoever comes next.
    pub async fn run(&self, shutdown: CancellationToken) {
        let shared = &self.shared;
        if let Err(error) = shared.store.release_own_jobs().await {
            tracing::warn!(%error, "the jobs of this node's earlier life could not be taken back; their leases will run out");
        }
        let following = tokio::spawn(follow(Arc::clone(shared), shutdown.clone()));
        let slots = Arc::new(Semaphore::new(shared.settings.concurrency.max(1)));
        let mut running = JoinSet::new();
        // Imports wait for others most of the time and have their own places, so that they hold up no push.
        let import_slots = Arc::new(Semaphore::new(shared.settings.imports.at_once.max(1)));
        while !shutdown.is_cancelled() {
            while running.try_join_next().is_some() {}
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            let import_slot = Arc::clone(&import_slots).try_acquire_owned().ok();
            let (now, lease) = ((shared.clock)(), millis(shared.settings.lease));
            let claimed = match import_slot {
                Some(_) => shared.store.claim_job(now, lease).await,
                None => shared.store.claim_job_but_imports(now, lease).await,
            };
            match claimed {
                Ok(Some(job)) => {
                    let shared = Arc::clone(shared);
                    let slot = match &job.kind {
                        JobKind::Import(_) => import_slot,
                        _ => Some(slot),
                    };
                    running.spawn(async move {
                        shared.attend(job).await;
                        drop(slot);
                    });
                }
                Ok(None) => {
                    drop((slot, import_slot));
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = shared.store.job_wake_up(Duration::from_secs(1)) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "no job could be taken from the store");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(Duration::from_secs(2)) => {}
                    }
                }
            }
        }
        let end = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(shared.settings.grace, end).await.is_err() {
            running.shutdown().await;
        }
        following.abort();
        if let Err(error) = shared.store.release_own_jobs().await {
            tracing::warn!(%error, "jobs that were cut off could not be given back; their leases will run out");
        }
    }
}

/// Follows the advisory database: whatever generation begins to count, the matches are brought to it.
async fn follow(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut generations = shared.advisories.subscribe();
    let mut announced = 0;
    let mut told = None;
    while !shutdown.is_cancelled() {
        let generation = *generations.borrow_and_update();
        if generation != announced {
            match shared.announce(generation).await {
                Ok(()) => announced = generation,
                Err(error) => {
                    tracing::error!(error = error.chain(), "the new advisories could not be announced")
                }
            }
        }
        let handle = shared.advisories.clone();
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = generations.changed() => continue,
            () = tokio::time::sleep(shared.settings.refresh) => {}
        }
        // Another process may have updated the database: `plimsoll db update`.
        let refreshed = tokio::task::spawn_blocking(move || handle.refresh()).await;
        let failure = refreshed.ok().and_then(Result::err).map(|error| error.chain());
        // Told once, not every time it is looked at.
        if failure != told
            && let Some(error) = &failure
        {
            tracing::warn!(error, "the new advisory database cannot be opened");
        }
        told = failure;
    }
}

impl Shared {
    /// Does one job while its lease is kept, and records how it ended.
    async fn attend(&self, job: Job) {
        let outcome = if job.attempts > self.settings.max_attempts {
            Err(Error::new(
                crate::ErrorKind::Unavailable,
                format!("begun {} times and never ended", job.attempts - 1),
            ))
        } else {
            match self.with_lease(&job, self.perform(&job).boxed()).await {
                Some(outcome) => outcome,
                // Somebody else has it, and will record it.
                None => return,
            }
        };
        let recorded = match outcome {
            Ok(()) => self.store.complete_job(&job).await.map_err(Error::from),
            Err(error) => self.record_failure(&job, &error).await,
        };
        if let Err(error) = recorded {
            tracing::error!(job = ?job.kind, error = error.chain(), "the outcome of a job could not be recorded; it will run again");
        }
    }

    async fn perform(&self, job: &Job) -> Result<()> {
        match &job.kind {
            JobKind::ReadLayer(blob) => self.layer(blob).await.map(drop),
            JobKind::ScanImage(digest) => self.scan_image(digest).await,
            JobKind::Rematch { .. } => self.rematch().await,
            JobKind::Import(operation) => self.import(operation, job.attempts).await,
        }
    }

    /// Runs `work` and renews the lease meanwhile; `None` where another process took the job over.
    async fn with_lease<T>(&self, job: &Job, work: impl Future<Output = T>) -> Option<T> {
        let lease = millis(self.settings.lease);
        let renew = async {
            loop {
                tokio::time::sleep(self.settings.lease / 3).await;
                match self.store.renew_lease(job, (self.clock)(), lease).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => tracing::warn!(job = ?job.kind, %error, "a lease could not be renewed"),
                }
            }
        };
        tokio::select! {
            outcome = work => Some(outcome),
            () = renew => None,
        }
    }

    async fn record_failure(&self, job: &Job, error: &Error) -> Result<()> {
        let now = (self.clock)();
        let reason = error.chain();
        let attempt = u32::try_from(job.attempts).unwrap_or(u32::MAX);
        let most = match &job.kind {
            JobKind::Import(_) => self.settings.imports.attempts,
            _ => self.settings.max_attempts,
        };
        if job.attempts < most {
            let wait = backoff(self.settings.first_retry, Duration::from_secs(300), attempt);
            tracing::warn!(job = ?job.kind, attempt, error = reason, "a job failed and will be tried again");
            return Ok(self.store.fail_job(job, &reason, Some(now.plus_millis(millis(wait)))).await?);
        }
        tracing::error!(job = ?job.kind, attempt, error = reason, "a job failed for good");
        if let JobKind::ScanImage(digest) = &job.kind {
            self.store.set_image_state(digest, &ImageState::Failed(reason.clone()), now).await?;
        }
        if let JobKind::Import(operation) = &job.kind {
            self.end_failed_import(operation, &serde_json::json!({}), error).await?;
            return Ok(self.store.complete_job(job).await?);
        }
        Ok(self.store.fail_job(job, &reason, None).await?)
    }

    /// The inventory of a layer's blob: as stored, or else read now, or else as whoever reads it already will find it.
    async fn layer(&self, blob: &Digest) -> Result<Option<Arc<LayerInventory>>> {
        let begin = || {
            let (store, sandbox, clock, blob) =
                (self.store.clone(), Arc::clone(&self.sandbox), Arc::clone(&self.clock), blob.clone());
            async move { read_layer(&store, &sandbox, &clock, &blob).await.map_err(Arc::new) }.boxed()
        };
        self.layers.join(blob.clone(), begin).await.map_err(|error| Error::new(error.kind(), error.chain()))
    }

    /// Leaves the jobs behind that a new generation of advisories asks for.
    async fn announce(&self, generation: u64) -> Result<()> {
        let now = (self.clock)();
        if self.store.matched_generation().await? < generation {
            let job = JobKind::Rematch { generation };
            self.store.enqueue(&job, plimsoll_store::Priority::Manual, now).await?;
        }
        let woken = self.store.wake_awaiting_images(now).await?;
        tracing::info!(generation, woken, "a new generation of advisories counts");
        Ok(())
    }
}

async fn read_layer(
    store: &Store,
    sandbox: &Sandbox,
    clock: &Clock,
    blob: &Digest,
) -> Result<Option<Arc<LayerInventory>>> {
    if let Some(known) = store.layer_inventory(blob, PROBE_VERSION).await? {
        return Ok(Some(Arc::new(known)));
    }
    let Some(info) = store.blob_anywhere(blob).await? else { return Ok(None) };
    let input = match store.open_blob_file(&info).await? {
        Some(file) => Input::File { file, offset: 0, length: info.size },
        None => Input::Stream(store.read_blob(&info, None).await?),
    };
    let inventory = sandbox.read_layer(input).await?;
    let crashed = |problem: &plimsoll_types::Problem| problem.kind == plimsoll_types::ProblemKind::Crashed;
    // Whoever pulled the plug may have been the machine's own need of memory: the next scan of it may fare better.
    if !inventory.problems.iter().any(crashed) {
        store.save_layer_inventory(blob, PROBE_VERSION, &inventory, clock()).await?;
    }
    Ok(Some(Arc::new(inventory)))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
