//! The meter: one charge for each image digest that was ever scanned in a subscription.
//!
//! A charge is written in the transaction of the verdict that earns it. Scanning again is free, and so is what could not be
//! judged; while a subscription's plan is off nothing is charged to it.

use plimsoll_types::{Digest, Timestamp};

use crate::database::{Row, Tx, args};
use crate::{RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// The charges of a registry in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterRow {
    /// `2026-11`.
    pub month: String,
    /// The registry.
    pub registry: RegistryId,
    /// Its name when the charge was made.
    pub registry_name: String,
    /// How many images were charged.
    pub images: u64,
}

/// One charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The image.
    pub digest: Digest,
    /// The registry that it was first scanned in.
    pub registry_name: String,
    /// When.
    pub charged_at: Timestamp,
}

impl Store {
    /// What was charged to a subscription, by month and registry, newest month first; of one month only, where one is named.
    pub async fn meter(&self, subscription: &str, month: Option<&str>) -> Result<Vec<MeterRow>> {
        let sql = "select month, registry, max(registry_name), count(*) from charges \
            where subscription = $1 and ($2 is null or month = $2) \
            group by month, registry order by month desc, registry";
        let values = args![subscription.to_ascii_lowercase(), month];
        let read = |row: &Row| {
            Ok(MeterRow {
                month: row.get(0)?,
                registry: RegistryId(row.get(1)?),
                registry_name: row.get(2)?,
                images: row.count(3)?,
            })
        };
        self.db.all("read the meter", sql, &values).await?.iter().map(read).collect()
    }

    /// Up to `n` charges of a month, behind the digest `after`, in the order of their digests.
    pub async fn charges(
        &self,
        subscription: &str,
        month: &str,
        after: Option<&str>,
        n: u32,
    ) -> Result<Vec<Charge>> {
        let sql = "select digest, registry_name, charged_at from charges \
            where subscription = $1 and month = $2 and digest > $3 order by digest limit $4";
        let values =
            args![subscription.to_ascii_lowercase(), month, after.unwrap_or(""), i64::from(n.min(MAX_PAGE))];
        let read = |row: &Row| {
            Ok(Charge {
                digest: row.parse(0)?,
                registry_name: row.get(1)?,
                charged_at: Timestamp(row.get(2)?),
            })
        };
        self.db.all("list charges", sql, &values).await?.iter().map(read).collect()
    }
}

/// Charges an image to all subscriptions that hold it under cover and were not charged for it before.
pub(crate) async fn charge_image(tx: &mut Tx, digest: &Digest, now: Timestamp) -> Result<()> {
    let sql = charge_sql("images.digest = $3 and coalesce(p.covered, 1) = 1");
    tx.execute(sql, &args![month(now), now, digest]).await?;
    Ok(())
}

/// Charges a subscription, which is under cover now, for all images in it that have a verdict.
pub(crate) async fn charge_subscription(tx: &mut Tx, subscription: &str, now: Timestamp) -> Result<()> {
    tx.execute(charge_sql("lower(g.subscription) = $3"), &args![month(now), now, subscription]).await?;
    Ok(())
}

fn charge_sql(condition: &str) -> String {
    format!(
        "insert into charges (subscription, digest, registry, registry_name, month, charged_at) \
        select lower(g.subscription), images.digest, min(g.id), min(g.name), $1, $2 from images \
        join repository_manifests l on l.digest = images.digest join repositories r on r.id = l.repository \
        join registries g on g.id = r.registry left join plans p on p.subscription = lower(g.subscription) \
        where images.verdict = 'done' and images.billable = 1 and {condition} \
        group by lower(g.subscription), images.digest on conflict (subscription, digest) do nothing"
    )
}

/// `2026-11`.
fn month(now: Timestamp) -> String {
    now.to_string().chars().take(7).collect()
}
