//! Which subscriptions are covered: the plans as documents, and the one bit that follows from them.
//!
//! The bit is kept beside the documents and written in their transaction, so that a push asks for one row. A subscription
//! without a row is covered (`plimsoll_types::plan::Plan::unsaid`).

use plimsoll_types::plan::{self, Plan};
use plimsoll_types::{Digest, ResourceId, Timestamp, Trigger};
use serde_json::Value;

use crate::charges::charge_subscription;
use crate::database::{MAX_CONFLICTS, Tx, args, step_aside};
use crate::resources::write_resource;
use crate::triggers::queue_images;
use crate::{Error, ErrorKind, RegistryId, Result, Store, summaries};

/// What storing a plan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanStored {
    /// Whether nobody had said anything about this plan before.
    pub is_new: bool,
    /// Whether the subscription's registries are covered now.
    pub covered: bool,
    /// How many images were queued, because they are covered now and were never judged.
    pub queued: u64,
}

impl Store {
    /// Stores a plan of a subscription. `body` is the document with its `properties`. Where this brings the subscription's
    /// registries under cover, all images in them that have no verdict are queued, in the same transaction.
    pub async fn put_plan(&self, id: &ResourceId, body: &Value, now: Timestamp) -> Result<PlanStored> {
        let subscription = id
            .subscription()
            .map(str::to_ascii_lowercase)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{id} is not in a subscription")))?;
        let mut conflicts = 0;
        loop {
            match self.try_put_plan(id, &subscription, body, now).await {
                Err(error) if error.is_conflict() && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                result => return result,
            }
        }
    }

    async fn try_put_plan(
        &self,
        id: &ResourceId,
        subscription: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<PlanStored> {
        let mut tx = self.db.begin("store a plan").await?;
        // The row is made first: two who change plans of one subscription at once wait for each other here.
        let sql = "insert into plans (subscription, covered, changed_at) values ($1, 1, $2) \
            on conflict (subscription) do update set changed_at = excluded.changed_at returning covered";
        let before = tx.one(sql, &args![subscription, now]).await?;
        let before = before.map(|row| row.get::<i64>(0)).transpose()? == Some(1);
        let is_new = write_resource(&mut tx, id, body, now).await?;
        let covered = plans_cover(&mut tx, subscription).await?;
        let sql = "update plans set covered = $2 where subscription = $1";
        tx.execute(sql, &args![subscription, i64::from(covered)]).await?;
        let mut queued = 0;
        if covered && !before {
            let condition =
                format!("verdict is null and state <> 'awaiting-advisories' and {IN_SUBSCRIPTION}");
            queued = queue_images(&mut tx, &condition, &args![subscription], Trigger::Plan, now).await?;
            charge_subscription(&mut tx, subscription, now).await?;
        }
        tx.commit().await?;
        if queued > 0 {
            self.wake_up.one();
        }
        Ok(PlanStored { is_new, covered, queued })
    }

    /// Whether the registries of this subscription are covered.
    pub async fn is_covered(&self, subscription: &str) -> Result<bool> {
        let sql = "select covered from plans where subscription = $1";
        let values = args![subscription.to_ascii_lowercase()];
        let row = self.db.one("look whether a subscription is covered", sql, &values).await?;
        Ok(row.map(|row| row.get::<i64>(0)).transpose()? != Some(0))
    }

    /// Whether an image is in a registry that is covered. One that is in no repository is not.
    pub async fn is_image_covered(&self, digest: &Digest) -> Result<bool> {
        let sql = format!("select 1 from images where digest = $1 and {IN_COVERED} limit 1");
        Ok(self.db.one("look whether an image is covered", sql, &args![digest]).await?.is_some())
    }

    /// Takes a queued or running scan back, since the image is not covered: the verdict that stood stands on, and where
    /// there was none the image waits for the plan. Where the plan came back meanwhile, nothing changes and the answer is
    /// `false`.
    pub async fn set_uncovered(&self, digest: &Digest) -> Result<bool> {
        let mut tx = self.db.begin("record that an image is not covered").await?;
        let sql = format!(
            "update images set state = coalesce(verdict, 'uncovered'), \
            reason = case when verdict is null then null else verdict_reason end \
            where digest = $1 and not {IN_COVERED}"
        );
        let changed = tx.execute(sql, &args![digest]).await?;
        tx.commit().await?;
        Ok(changed > 0)
    }

    /// Takes the verdicts away that were made at `until` or before, of images in no registry that is covered. Tells how
    /// many.
    pub async fn age_out(&self, until: Timestamp) -> Result<u64> {
        // Almost always there is nobody without the plan, and then nothing has to be looked through.
        let sql = "select 1 from plans where covered = 0 limit 1";
        if self.db.one("look for subscriptions without the plan", sql, &[]).await?.is_none() {
            return Ok(0);
        }
        let mut tx = self.db.begin("let findings age out").await?;
        let sql = format!(
            "update images set verdict = null, verdict_reason = null, state = 'uncovered', reason = null, \
            assessed_at = null where assessed_at <= $1 and verdict is not null \
            and state not in ('queued', 'running') and not {IN_COVERED} returning digest"
        );
        let aged = tx.all(sql, &args![until]).await?;
        for row in &aged {
            summaries::refresh_state(&mut tx, &row.parse(0)?, until).await?;
        }
        tx.commit().await?;
        Ok(aged.len() as u64)
    }
}

/// Whether the image is in some registry of the subscription `$1`.
const IN_SUBSCRIPTION: &str = "exists (select 1 from repository_manifests l \
    join repositories r on r.id = l.repository join registries g on g.id = r.registry \
    where l.digest = images.digest and lower(g.subscription) = $1)";

/// Whether the image is in some registry that is covered. A registry without a row is one that no client sees yet.
pub(crate) const IN_COVERED: &str = "exists (select 1 from repository_manifests l \
    join repositories r on r.id = l.repository left join registries g on g.id = r.registry \
    left join plans p on p.subscription = lower(g.subscription) \
    where l.digest = images.digest and coalesce(p.covered, 1) = 1)";

/// Whether what is pushed to this registry now is to be scanned: one row, by its key.
pub(crate) async fn is_registry_covered(tx: &mut Tx, registry: RegistryId) -> Result<bool> {
    let sql = "select p.covered from registries g join plans p on p.subscription = lower(g.subscription) \
        where g.id = $1";
    let row = tx.one(sql, &args![registry.0]).await?;
    Ok(row.map(|row| row.get::<i64>(0)).transpose()? != Some(0))
}

/// Whether all that was said of the subscription's plans, and what goes without saying, covers its registries.
async fn plans_cover(tx: &mut Tx, subscription: &str) -> Result<bool> {
    let key = |name: &str| {
        format!("/subscriptions/{subscription}/providers/microsoft.security/pricings/{name}")
            .to_ascii_lowercase()
    };
    let mut plans = Vec::new();
    for name in plan::PLANS {
        let row = tx.one("select body from resources where id = $1", &args![key(name)]).await?;
        let body = row.map(|row| row.json::<Value>(0)).transpose()?.flatten();
        let said = body.map(|body| Plan::of_properties(&body["properties"]));
        plans.push((name, said.unwrap_or_else(|| Plan::unsaid(name))));
    }
    Ok(plan::covers_registries(plans))
}
