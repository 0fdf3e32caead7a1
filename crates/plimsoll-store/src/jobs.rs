//! The job queue: rows with leases, at least once, idempotent by what they are about.
//!
//! There is one row for a kind and a subject. Asking again for a job that waits changes at most its priority; asking for
//! one that runs marks the row, and when the run ends a new row takes its place, so that nothing that happened during the
//! run is missed. A run is named by its row and the number of its attempt: a process that lost its lease can neither renew
//! nor end the run of its successor.

use std::time::Duration;

use plimsoll_types::{Digest, Timestamp, Trigger};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::database::{Database, Tx, args};
use crate::{Error, Result, Store};

/// The channel of PostgreSQL's LISTEN and NOTIFY.
const CHANNEL: &str = "plimsoll_jobs";

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
    /// Copy an image from another registry: the operation that was asked for.
    Import(String),
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

impl From<Trigger> for Priority {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Push => Self::Push,
            Trigger::Import => Self::Import,
            Trigger::Manual | Trigger::Plan => Self::Manual,
            Trigger::Advisories | Trigger::RecentlyPulled => Self::Periodic,
        }
    }
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
    /// Queues a job, or raises the priority of the one that waits already. A job that runs is run once more afterwards.
    pub async fn enqueue(&self, kind: &JobKind, priority: Priority, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("queue a job").await?;
        enqueue_in(&mut tx, kind, priority, now).await?;
        tx.commit().await?;
        self.wake_up.one();
        Ok(())
    }

    /// Takes the most urgent job that is due, for `lease_ms` milliseconds. Jobs whose lease ran out are due again.
    pub async fn claim_job(&self, now: Timestamp, lease_ms: i64) -> Result<Option<Job>> {
        self.claim(now, lease_ms, true).await
    }

    /// The same, passing over imports: for a worker that has as many of them as it may.
    pub async fn claim_job_but_imports(&self, now: Timestamp, lease_ms: i64) -> Result<Option<Job>> {
        self.claim(now, lease_ms, false).await
    }

    async fn claim(&self, now: Timestamp, lease_ms: i64, imports: bool) -> Result<Option<Job>> {
        let mut tx = self.db.begin("take a job").await?;
        let sql = format!(
            "update jobs set state = 'running', owner = $2, due_at = $3, claimed_at = $1, \
                attempts = attempts + 1 \
            where id = (select id from jobs where due_at <= $1 and ($4 = 1 or kind <> 'import') \
                order by priority desc, due_at, id limit 1{}) \
            returning id, kind, subject, attempts",
            tx.for_update_skip_locked()
        );
        let row =
            tx.one(sql, &args![now, &*self.node, now.plus_millis(lease_ms), i64::from(imports)]).await?;
        let Some(row) = row else {
            tx.commit().await?;
            return Ok(None);
        };
        let kind = JobKind::read(row.get(1)?, row.get(2)?)?;
        let job = Job { id: row.get(0)?, kind, attempts: row.get(3)? };
        tx.commit().await?;
        // Several jobs queued at once may have woken one worker only: each that finds work wakes the next.
        self.wake_up.one();
        Ok(Some(job))
    }

    /// Keeps the lease. `false` where another process has taken the job over.
    pub async fn renew_lease(&self, job: &Job, now: Timestamp, lease_ms: i64) -> Result<bool> {
        let sql = "update jobs set due_at = $3 where id = $1 and attempts = $2 and state = 'running'";
        let mut tx = self.db.begin("renew the lease of a job").await?;
        let renewed = tx.execute(sql, &args![job.id, job.attempts, now.plus_millis(lease_ms)]).await?;
        tx.commit().await?;
        Ok(renewed > 0)
    }

    /// The job is done; its row goes.
    pub async fn complete_job(&self, job: &Job) -> Result<()> {
        let mut tx = self.db.begin("complete a job").await?;
        let sql = "delete from jobs where id = $1 and attempts = $2 and state = 'running' \
            returning kind, subject, again_at, again_priority";
        let row = tx.one(sql, &args![job.id, job.attempts]).await?;
        let again = match row {
            Some(row) => queue_again(&mut tx, &row).await?,
            None => false,
        };
        tx.commit().await?;
        if again {
            self.wake_up.one();
        }
        Ok(())
    }

    /// The job failed and is due again at `retry_at`, or never with `None` (the row stays, for people to see). One that was
    /// asked for again while it ran is due at once.
    pub async fn fail_job(&self, job: &Job, reason: &str, retry_at: Option<Timestamp>) -> Result<()> {
        let mut tx = self.db.begin("record the failure of a job").await?;
        let sql = "update jobs set state = case when $4 is null then 'failed' else 'waiting' end, \
            due_at = $4, reason = $3, owner = null \
            where id = $1 and attempts = $2 and state = 'running' \
            returning kind, subject, again_at, again_priority";
        let row = tx.one(sql, &args![job.id, job.attempts, reason, retry_at]).await?;
        let mut again = false;
        if let Some(row) = row
            && row.get::<Option<i64>>(2)?.is_some()
        {
            tx.execute("delete from jobs where id = $1", &args![job.id]).await?;
            again = queue_again(&mut tx, &row).await?;
        }
        tx.commit().await?;
        if again {
            self.wake_up.one();
        }
        Ok(())
    }

    /// Waits until a job may be due: one was queued by this process (or, on PostgreSQL, by any), or `at_most` has passed.
    pub async fn job_wake_up(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.wake_up.notify.notified()).await;
    }

    /// Frees the jobs that an earlier life of this node held, so that nobody waits for their leases. On SQLite there is only one node.
    pub async fn release_own_jobs(&self) -> Result<u64> {
        let mut tx = self.db.begin("release the jobs of this node").await?;
        let every_owner = i64::from(!tx.is_postgres());
        let sql = "update jobs set state = 'waiting', due_at = claimed_at, owner = null \
            where state = 'running' and (owner = $1 or $2 = 1)";
        let released = tx.execute(sql, &args![&*self.node, every_owner]).await?;
        tx.commit().await?;
        if released > 0 {
            self.wake_up.one();
        }
        Ok(released)
    }
}

/// Queues a job in a transaction of somebody else, who wakes the workers once it is committed.
pub(crate) async fn enqueue_in(
    tx: &mut Tx,
    kind: &JobKind,
    priority: Priority,
    now: Timestamp,
) -> Result<()> {
    let (kind, subject) = kind.names();
    // A waiting job is due at once, whatever it waits for: somebody asked. A failed one gets a new chance.
    tx.insert(INSERT_JOBS, 6, &args![kind, subject, priority as i64, "waiting", now, 0_i64]).await?;
    notify_other_nodes(tx).await
}

/// Queues the scans of many images in a transaction of somebody else.
pub(crate) async fn enqueue_scans_in(
    tx: &mut Tx,
    images: &[Digest],
    priority: Priority,
    now: Timestamp,
) -> Result<()> {
    let row = |image| args!["scan-image", image, priority as i64, "waiting", now, 0_i64];
    let rows: Vec<_> = images.iter().flat_map(row).collect();
    tx.insert(INSERT_JOBS, 6, &rows).await?;
    notify_other_nodes(tx).await
}

/// One row for a kind and a subject, whatever state the one that is there is in.
const INSERT_JOBS: &str = "insert into jobs (kind, subject, priority, state, due_at, attempts) values {rows} \
    on conflict (kind, subject) do update set \
        priority = case when jobs.state = 'failed' or jobs.priority < excluded.priority \
            then excluded.priority else jobs.priority end, \
        attempts = case when jobs.state = 'failed' then 0 else jobs.attempts end, \
        reason = case when jobs.state = 'failed' then null else jobs.reason end, \
        again_at = case when jobs.state = 'running' then excluded.due_at end, \
        again_priority = case when jobs.state = 'running' then excluded.priority end, \
        due_at = case when jobs.state = 'running' then jobs.due_at \
            when jobs.state = 'waiting' and jobs.due_at < excluded.due_at then jobs.due_at \
            else excluded.due_at end, \
        state = case when jobs.state = 'running' then 'running' else 'waiting' end";

/// Tells the other nodes, once the transaction is committed.
pub(crate) async fn notify_other_nodes(tx: &mut Tx) -> Result<()> {
    if tx.is_postgres() {
        tx.all("select 1 from pg_notify($1, '')", &args![CHANNEL]).await?;
    }
    Ok(())
}

/// A new row for a job that was asked for again while it ran. `row` ends with kind, subject, instant and priority.
async fn queue_again(tx: &mut Tx, row: &crate::database::Row) -> Result<bool> {
    let Some(at) = row.get::<Option<i64>>(2)? else { return Ok(false) };
    let kind = JobKind::read(row.get(0)?, row.get(1)?)?;
    let priority = Priority::read(row.get::<Option<i64>>(3)?.unwrap_or_default());
    enqueue_in(tx, &kind, priority, Timestamp(at)).await?;
    Ok(true)
}

impl JobKind {
    fn names(&self) -> (&'static str, String) {
        match self {
            Self::ReadLayer(blob) => ("read-layer", blob.to_string()),
            Self::ScanImage(image) => ("scan-image", image.to_string()),
            Self::Rematch { generation } => ("rematch", generation.to_string()),
            Self::Import(operation) => ("import", operation.clone()),
        }
    }

    fn read(kind: &str, subject: &str) -> Result<Self> {
        let digest = || subject.parse::<Digest>().ok();
        let read = match kind {
            "read-layer" => digest().map(Self::ReadLayer),
            "scan-image" => digest().map(Self::ScanImage),
            "rematch" => subject.parse().ok().map(|generation| Self::Rematch { generation }),
            "import" => Some(Self::Import(subject.to_owned())),
            _ => None,
        };
        read.ok_or_else(|| Error::corrupt(format!("the job {kind} of {subject} is of no known kind")))
    }
}

impl Priority {
    fn read(number: i64) -> Self {
        match number {
            ..=0 => Self::Periodic,
            1 => Self::Manual,
            2 => Self::Import,
            3.. => Self::Push,
        }
    }
}

/// What workers wait at.
pub(crate) struct WakeUp {
    notify: std::sync::Arc<Notify>,
    listener: Option<JoinHandle<()>>,
}

impl WakeUp {
    /// Listens to the other nodes, where there can be some.
    pub(crate) fn listen(db: &Database) -> Self {
        let notify = std::sync::Arc::new(Notify::new());
        let listener = db.postgres().map(|pool| tokio::spawn(listen(pool.clone(), notify.clone())));
        Self { notify, listener }
    }

    /// Work was queued. On PostgreSQL this node hears of it twice, which is harmless.
    pub(crate) fn one(&self) {
        self.notify.notify_one();
    }

    pub(crate) fn stop(&self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(pool: sqlx::PgPool, notify: std::sync::Arc<Notify>) {
    loop {
        let heard = async {
            let mut listener = sqlx::postgres::PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            loop {
                listener.recv().await?;
                notify.notify_one();
            }
        };
        let result: std::result::Result<(), sqlx::Error> = heard.await;
        if let Err(error) = result {
            tracing::warn!(%error, "the database does not tell of new jobs; they are found by asking");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
