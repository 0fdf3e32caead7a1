//! Queues scans for the reasons that there are, and tells how far they are.

use plimsoll_types::{Digest, Reference, RepositoryName, Timestamp, Trigger};

use crate::database::{Arg, MAX_CONFLICTS, Row, Tx, args, step_aside};
use crate::jobs::enqueue_scans_in;
use crate::plans::IN_COVERED;
use crate::{Error, ErrorKind, ImageState, RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// How the scan of an image in a repository goes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanRow {
    /// Its row, which orders the list.
    pub row: i64,
    /// The registry.
    pub registry: RegistryId,
    /// The repository.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Its tags, sorted; none where it can be pulled by its digest only.
    pub tags: Vec<String>,
    /// How far the scan is. While an attempt that failed waits to be repeated, it is queued.
    pub state: ImageState,
    /// Why the last attempt failed, where one did and another follows.
    pub last_failure: Option<String>,
    /// How often the scan that waits or runs was begun.
    pub attempts: u64,
    /// When a waiting scan is due.
    pub next_attempt: Option<Timestamp>,
    /// Why it was last queued.
    pub trigger: Option<Trigger>,
    /// When it was last queued.
    pub queued_at: Option<Timestamp>,
    /// When it was last begun.
    pub started_at: Option<Timestamp>,
    /// When it last ended, well or not.
    pub finished_at: Option<Timestamp>,
    /// When the verdict that stands was made.
    pub assessed_at: Option<Timestamp>,
    /// When a client last pulled it from there.
    pub pulled_at: Option<Timestamp>,
    /// What was read and what could not be.
    pub coverage: serde_json::Value,
}

/// Which scans are asked for. Empty means all of the registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanFilter {
    /// Only this repository.
    pub repository: Option<RepositoryName>,
    /// Only this image.
    pub digest: Option<Digest>,
}

impl Store {
    /// This store, with everything that is stored through it queued for this reason in place of a push.
    pub fn triggered_by(&self, trigger: Trigger) -> Self {
        Self { trigger, ..self.clone() }
    }

    /// Queues the images of this registry again, or those of one repository, or one image (by tag or digest; of an index,
    /// all its images). Tells how many. `Err(NotFound)` where what was named is not there.
    pub async fn rescan(
        &self,
        repository: Option<&RepositoryName>,
        reference: Option<&Reference>,
        now: Timestamp,
    ) -> Result<u64> {
        let mut values = args![self.registry.0].to_vec();
        let mut condition = "r.registry = $1".to_owned();
        if let Some(repository) = repository {
            values.push((&self.key(repository)).into());
            condition.push_str(" and r.key = $2");
            if !self.repository_exists(repository).await? {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no repository {repository}")));
            }
        }
        let digest = match (repository, reference) {
            (Some(repository), Some(reference)) => {
                let found = self.digest_of(repository, reference).await?;
                let missing = || Error::new(ErrorKind::NotFound, format!("{repository} has no {reference}"));
                Some(found.ok_or_else(missing)?)
            }
            _ => None,
        };
        if let Some(digest) = &digest {
            values.push(digest.into());
            condition.push_str(
                " and l.digest in (with recursive part (digest) as (select m.digest from manifests m where m.digest = $3 \
                union select c.child from manifest_children c join part on part.digest = c.parent) \
                select digest from part)",
            );
        }
        let condition = format!(
            "images.digest in (select l.digest from repository_manifests l \
            join repositories r on r.id = l.repository where {condition}) and {IN_COVERED}"
        );
        self.queue_all(&condition, &values, Trigger::Manual, now).await
    }

    /// Queues the images that were pulled at `pulled_since` or later and last assessed at `assessed_until` or before, as
    /// far as they are covered. Tells how many.
    pub async fn queue_recently_pulled(
        &self,
        pulled_since: Timestamp,
        assessed_until: Timestamp,
        now: Timestamp,
    ) -> Result<u64> {
        // First a look without a lock: mostly there is nothing to do.
        let due = "assessed_at <= $2 and state not in ('queued', 'running', 'awaiting-advisories') \
            and exists (select 1 from pulls u join repository_manifests l on l.id = u.image \
            where l.digest = images.digest and u.pulled_at >= $1)";
        let values = args![pulled_since, assessed_until];
        let sql = format!("select 1 from images where {due} and {IN_COVERED} limit 1");
        if self.db.one("look for images that are due", sql, &values).await?.is_none() {
            return Ok(0);
        }
        self.queue_all(&format!("{due} and {IN_COVERED}"), &values, Trigger::RecentlyPulled, now).await
    }

    /// Queues these images. Tells how many there are.
    pub async fn queue_scans(&self, images: &[Digest], trigger: Trigger, now: Timestamp) -> Result<u64> {
        let mut queued = 0;
        for part in images.chunks(500) {
            let list: Vec<_> = (1..=part.len()).map(|number| format!("${number}")).collect();
            let values: Vec<_> = part.iter().map(Arg::from).collect();
            queued +=
                self.queue_all(&format!("digest in ({})", list.join(",")), &values, trigger, now).await?;
        }
        Ok(queued)
    }

    async fn queue_all(
        &self,
        condition: &str,
        values: &[Arg<'_>],
        trigger: Trigger,
        now: Timestamp,
    ) -> Result<u64> {
        let mut conflicts = 0;
        loop {
            let attempt = async {
                let mut tx = self.db.begin("queue scans").await?;
                let queued = queue_images(&mut tx, condition, values, trigger, now).await?;
                tx.commit().await?;
                Ok(queued)
            };
            match attempt.await {
                Err(error) if Error::is_conflict(&error) && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                Ok(queued) => {
                    if queued > 0 {
                        self.wake_up.one();
                    }
                    return Ok(queued);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Up to `n` scans of this registry behind the row `after`, in the order of their rows.
    pub async fn scans(&self, filter: &ScanFilter, after: i64, n: u32) -> Result<Vec<ScanRow>> {
        let mut values = args![self.registry.0, after, i64::from(n.min(MAX_PAGE))].to_vec();
        let mut sql =
            "select l.id, r.registry, r.name, l.digest, i.state, i.reason, i.scan_trigger, i.queued_at, \
            i.started_at, i.finished_at, i.assessed_at, i.coverage, j.state, j.reason, j.attempts, j.due_at, \
            u.pulled_at from repository_manifests l join repositories r on r.id = l.repository \
            join images i on i.digest = l.digest \
            left join jobs j on j.kind = 'scan-image' and j.subject = l.digest \
            left join pulls u on u.image = l.id where r.registry = $1 and l.id > $2"
                .to_owned();
        if let Some(repository) = &filter.repository {
            values.push((&self.key(repository)).into());
            sql.push_str(&format!(" and r.key = ${}", values.len()));
        }
        if let Some(digest) = &filter.digest {
            values.push(digest.into());
            sql.push_str(&format!(" and l.digest = ${}", values.len()));
        }
        sql.push_str(" order by l.id limit $3");
        let rows = self.db.all("list scans", sql, &values).await?;
        let ids = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
        let tags = self.tags_of(&ids).await?;
        rows.iter()
            .map(|row| {
                let mut scan = read_scan(row)?;
                scan.tags = tags.get(&scan.row).cloned().unwrap_or_default();
                Ok(scan)
            })
            .collect()
    }

    /// Up to `n` images behind the row `after` that have a good verdict, with what it says of what was read.
    pub async fn judged(&self, after: i64, n: u32) -> Result<Vec<(i64, Digest, serde_json::Value)>> {
        let sql =
            "select id, digest, coverage from images where id > $1 and verdict = 'done' order by id limit $2";
        let rows = self.db.all("list judged images", sql, &args![after, i64::from(n.min(MAX_PAGE))]).await?;
        let read = |row: &Row| Ok((row.get(0)?, row.parse(1)?, row.json(2)?.unwrap_or_default()));
        rows.iter().map(read).collect()
    }
}

/// Queues all images that fulfil a condition on `images`, in a transaction of somebody else. One that is being scanned now
/// is scanned once more afterwards.
pub(crate) async fn queue_images(
    tx: &mut Tx,
    condition: &str,
    values: &[Arg<'_>],
    trigger: Trigger,
    now: Timestamp,
) -> Result<u64> {
    let at = values.len();
    let sql = format!(
        "update images set reason = case when state = 'running' then reason end, \
        state = case when state = 'running' then state else 'queued' end, \
        scan_trigger = ${}, queued_at = ${} where {condition} returning digest",
        at + 1,
        at + 2
    );
    let values = [values, &args![trigger.as_str(), now]].concat();
    let rows = tx.all(sql, &values).await?;
    let mut images = rows.iter().map(|row| row.parse(0)).collect::<Result<Vec<Digest>>>()?;
    // The jobs in one order, so that two who queue at once wait for each other and never lock each other out.
    images.sort();
    enqueue_scans_in(tx, &images, trigger.into(), now).await?;
    Ok(images.len() as u64)
}

fn read_scan(row: &Row) -> Result<ScanRow> {
    let instant = |column| row.get::<Option<i64>>(column).map(|at| at.map(Timestamp));
    let job: Option<&str> = row.get(12)?;
    let attempts = row.get::<Option<i64>>(14)?.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    // An attempt that failed leaves the image as it was while it ran.
    let waits = job == Some("waiting");
    let state = match ImageState::read(row.get(4)?, row.get(5)?)? {
        ImageState::Running if waits => ImageState::Queued,
        state => state,
    };
    Ok(ScanRow {
        row: row.get(0)?,
        registry: RegistryId(row.get(1)?),
        repository: row.parse(2)?,
        digest: row.parse(3)?,
        tags: Vec::new(),
        state,
        last_failure: if waits { row.get(13)? } else { None },
        attempts,
        next_attempt: if waits { instant(15)? } else { None },
        trigger: row.get::<Option<&str>>(6)?.and_then(Trigger::of),
        queued_at: instant(7)?,
        started_at: instant(8)?,
        finished_at: instant(9)?,
        assessed_at: instant(10)?,
        pulled_at: instant(16)?,
        coverage: row.json(11)?.unwrap_or_default(),
    })
}
