//! The outbox: what is to be told, to whom, and how far that is.
//!
//! What happens is written down as an event in the transaction in which it happened ([`changes`]); nothing acknowledged is
//! left untold. An event is *routed* once: a delivery for each target that it concerns. There is one row for an event and
//! a target, however many findings the event is about: these are looked up page by page while they are told ([`pages`]).
//!
//! A target (one action of an automation, one web hook) is a queue with an order and a lease, so that several nodes share the
//! targets, and no two tell one target at a time. Who holds a lease is known by the number of the claim: whoever lost it
//! can neither go on nor end what a successor does.

pub(crate) mod changes;
mod pages;

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_types::{Digest, ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::database::{Arg, Row, Tx, args};
use crate::{Error, RegistryId, Result, Store};

pub use pages::{Change, Position, Telling, Tellings};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;
/// Requests of a web hook that are kept to be shown.
const KEPT_WEBHOOK_EVENTS: i64 = 100;
/// Dead deliveries of one target that are kept.
const MAX_DEAD: i64 = 10_000;

/// Who asked for a change over the wire, as events tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Origin {
    /// The id of the request.
    pub id: String,
    /// The registry's name as the client wrote it.
    pub host: String,
    /// `PUT`, `DELETE`.
    pub method: String,
    /// What the client says that it is.
    pub useragent: String,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addr: Option<String>,
    /// Who it is, where it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its row.
    pub id: i64,
    /// What: `image.pushed`, `image.deleted`, `image.assessed`, `matches.changed`, …
    pub kind: String,
    /// In which registry; `None` where it is not about one.
    pub registry: Option<RegistryId>,
    /// In which repository; empty where it is not about one.
    pub repository: String,
    /// To which manifest.
    pub digest: Option<Digest>,
    /// To which tag.
    pub tag: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What else there is to know of it.
    pub detail: Value,
}

/// What a delivery tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryKind {
    /// Findings that appeared, changed or went away.
    Findings,
    /// Verdicts on registries.
    Assessments,
    /// A push or a deletion, as a CloudEvent.
    Registry,
    /// All findings and verdicts there are.
    Snapshot,
    /// A push or a deletion, as registries' web hooks tell it.
    Webhook,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits, or is under way.
    Pending,
    /// All of it was taken by the receiver.
    Done,
    /// It was given up; it can be replayed.
    Dead,
}

/// Who is told: an action of an automation, or a web hook (whose number is 0).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The automation or web hook.
    pub resource: ResourceId,
    /// The number of the action.
    pub action: u32,
}

/// A delivery to be queued. One of the same event, target, kind and part is queued once.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// The event; `None` for what happens by the clock.
    pub event: Option<i64>,
    /// Who is told.
    pub target: Target,
    /// What.
    pub kind: DeliveryKind,
    /// Which part of the event, where it is told in several.
    pub part: String,
    /// What is to be known besides the event.
    pub detail: Value,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its row.
    pub id: i64,
    /// Who is told.
    pub target: Target,
    /// What.
    pub kind: DeliveryKind,
    /// The event.
    pub event: Option<i64>,
    /// Which part of it.
    pub part: String,
    /// What is to be known besides the event.
    pub detail: Value,
    /// How far it is.
    pub state: DeliveryState,
    /// What was told last of it.
    pub position: Option<Position>,
    /// How many things the receiver took.
    pub sent: u64,
    /// Attempts that failed since something was taken.
    pub attempts: u64,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// The HTTP status of the last answer that was a failure.
    pub status: Option<i64>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// From when on its attempts count: since it was queued, or replayed.
    pub since: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// A target that this process may tell things until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The target.
    pub target: Target,
    /// Deliveries to it that failed one after the other.
    pub failures: u64,
    /// What was noted about the receiver's consent.
    pub agreed: Option<String>,
    number: i64,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The receiver took it.
    Done,
    /// There was nothing to tell; the row goes.
    Nothing,
    /// It is given up: the reason, and the HTTP status where there was an answer.
    Dead(String, Option<i64>),
}

/// Which deliveries are asked for. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only to automations and web hooks at or below this scope.
    pub under: Option<ResourceId>,
}

impl DeliveryKind {
    const ALL: [Self; 5] = [Self::Findings, Self::Assessments, Self::Registry, Self::Snapshot, Self::Webhook];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Findings => "findings",
            Self::Assessments => "assessments",
            Self::Registry => "registry",
            Self::Snapshot => "snapshot",
            Self::Webhook => "webhook",
        }
    }
}

impl DeliveryState {
    /// All.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Done, Self::Dead];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

impl Target {
    /// The key of its row: no resource id has a `#`.
    fn key(&self) -> String {
        format!("{}#{}", self.resource.key(), self.action)
    }

    fn read(key: &str) -> Result<Self> {
        let parts = key.rsplit_once('#').and_then(|(resource, action)| {
            Some(Self { resource: resource.parse().ok()?, action: action.parse().ok()? })
        });
        parts.ok_or_else(|| Error::corrupt(format!("{key} is no target of deliveries")))
    }
}

impl Store {
    /// The same store; what is changed through this handle is told to have been asked for by `origin`.
    pub fn on_behalf_of(&self, origin: Origin) -> Self {
        Self { origin: Some(origin.into()), ..self.clone() }
    }

    /// The oldest events that were not routed yet.
    pub async fn unrouted_events(&self, n: u32) -> Result<Vec<Event>> {
        let sql = format!("{EVENTS} where routed = 0 order by id limit $1");
        let rows = self.db.all("look for news", sql, &args![i64::from(n.min(MAX_PAGE))]).await?;
        rows.iter().map(read_event).collect()
    }

    /// One event; `None` where it is not kept any more.
    pub async fn event(&self, id: i64) -> Result<Option<Event>> {
        let sql = format!("{EVENTS} where id = $1");
        self.db.one("look for an event", sql, &args![id]).await?.as_ref().map(read_event).transpose()
    }

    /// Queues the deliveries of these events, which are routed then. Events that another process has routed meanwhile are
    /// left out. What a target's full queue cannot take is dead from the start. Gives how many were queued.
    pub async fn route_events(
        &self,
        events: &[i64],
        deliveries: &[NewDelivery],
        max_pending: u32,
        now: Timestamp,
    ) -> Result<u64> {
        let mut tx = self.db.begin("route events").await?;
        let list: Vec<Arg<'_>> = events.iter().map(|id| Arg::from(*id)).collect();
        let sql = format!(
            "select id from events where routed = 0 and id in ({{list}}) order by id{}",
            tx.for_update()
        );
        let rows = tx.all_in(&sql, &[], &list).await?;
        let ours: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        let list: Vec<Arg<'_>> = ours.iter().map(|id| Arg::from(*id)).collect();
        tx.all_in("update events set routed = 1 where id in ({list}) returning 1", &[], &list).await?;
        let ours: Vec<&NewDelivery> =
            deliveries.iter().filter(|new| new.event.is_none_or(|event| ours.contains(&event))).collect();
        let queued = queue(&mut tx, &ours, max_pending, now).await?;
        tx.commit().await?;
        Ok(queued)
    }

    /// Queues one delivery that no event asks for, such as the ping of a web hook.
    pub async fn queue_delivery(
        &self,
        delivery: &NewDelivery,
        max_pending: u32,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin("queue a delivery").await?;
        queue(&mut tx, &[delivery], max_pending, now).await?;
        tx.commit().await
    }

    /// Queues a snapshot for the target where one is due, and notes that the next one is at `next`. Gives whether it was.
    pub async fn queue_snapshot(&self, target: &Target, now: Timestamp, next: Timestamp) -> Result<bool> {
        let key = target.key();
        let sql = "select snapshot_at from delivery_targets where target = $1 and snapshot_at > $2";
        if self.db.one("look when a snapshot is due", sql, &args![&key, now]).await?.is_some() {
            return Ok(false);
        }
        let mut tx = self.db.begin("queue a snapshot").await?;
        let sql = "insert into delivery_targets (target, snapshot_at) values ($1, $3) \
            on conflict (target) do update set snapshot_at = excluded.snapshot_at \
            where delivery_targets.snapshot_at is null or delivery_targets.snapshot_at <= $2";
        let due = tx.execute(sql, &args![&key, now, next]).await? > 0;
        if due {
            let snapshot = NewDelivery {
                event: None,
                target: target.clone(),
                kind: DeliveryKind::Snapshot,
                part: String::new(),
                detail: Value::Null,
            };
            queue(&mut tx, &[&snapshot], u32::MAX, now).await?;
        }
        tx.commit().await?;
        Ok(due)
    }

    /// Takes the target that has been due for longest, for `lease_ms` milliseconds.
    pub async fn claim_target(&self, now: Timestamp, lease_ms: i64) -> Result<Option<Claim>> {
        let mut tx = self.db.begin("take a queue of deliveries").await?;
        let sql = format!(
            "update delivery_targets set owner = $2, due_at = $3, claims = claims + 1 \
            where target = (select target from delivery_targets where due_at <= $1 \
                order by due_at, target limit 1{}) \
            returning target, claims, failures, agreed",
            tx.for_update_skip_locked()
        );
        let row = tx.one(sql, &args![now, &*self.node, now.plus_millis(lease_ms)]).await?;
        let claim = row.map(|row| {
            Ok::<_, Error>(Claim {
                target: Target::read(row.get(0)?)?,
                number: row.get(1)?,
                failures: row.count(2)?,
                agreed: row.get(3)?,
            })
        });
        tx.commit().await?;
        claim.transpose()
    }

    /// The first delivery that waits for the target.
    pub async fn next_delivery(&self, claim: &Claim) -> Result<Option<Delivery>> {
        let sql = format!("{DELIVERIES} where target = $1 and state = 'pending' order by id limit 1");
        let row = self.db.one("look for a delivery", sql, &args![claim.target.key()]).await?;
        row.as_ref().map(read_delivery).transpose()
    }

    /// Notes how far a delivery is and that the receiver took `sent` more things, and renews the lease. `false` where another
    /// process has taken the target over.
    pub async fn note_delivery(
        &self,
        claim: &Claim,
        delivery: i64,
        position: Position,
        sent: u64,
        now: Timestamp,
        lease_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin("note how far a delivery is").await?;
        if !hold(&mut tx, claim, now.plus_millis(lease_ms)).await? {
            return Ok(false);
        }
        let sql = "update deliveries set position = $2, sent = sent + $3, changed_at = $4, \
            attempts = case when $3 > 0 then 0 else attempts end where id = $1";
        let sent = i64::try_from(sent).unwrap_or(i64::MAX);
        tx.execute(sql, &args![delivery, position.to_text(), sent, now]).await?;
        if sent > 0 {
            let sql = "update delivery_targets set failures = 0 where target = $1";
            tx.execute(sql, &args![claim.target.key()]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Notes what the receiver consented to.
    pub async fn note_agreement(&self, claim: &Claim, agreed: &str) -> Result<()> {
        let mut tx = self.db.begin("note the consent of a receiver").await?;
        let sql = "update delivery_targets set agreed = $2 where target = $1";
        tx.execute(sql, &args![claim.target.key(), agreed]).await?;
        tx.commit().await
    }

    /// Ends a delivery, and renews the lease. `false` where another process has taken the target over.
    pub async fn end_delivery(
        &self,
        claim: &Claim,
        delivery: i64,
        ending: &Ending,
        now: Timestamp,
        lease_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin("end a delivery").await?;
        if !hold(&mut tx, claim, now.plus_millis(lease_ms)).await? {
            return Ok(false);
        }
        match ending {
            Ending::Done => {
                let sql = "update deliveries set state = 'done', reason = null, status = null, changed_at = $2 \
                    where id = $1";
                tx.execute(sql, &args![delivery, now]).await?;
            }
            Ending::Nothing => {
                tx.execute("delete from deliveries where id = $1", &args![delivery]).await?;
            }
            Ending::Dead(reason, status) => {
                let sql = "update deliveries set state = 'dead', reason = $2, status = $3, changed_at = $4 \
                    where id = $1";
                tx.execute(sql, &args![delivery, reason, *status, now]).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that an attempt failed, and lets the target go until `retry_at`. `false` where another process has taken it over.
    pub async fn fail_delivery(
        &self,
        claim: &Claim,
        delivery: i64,
        reason: &str,
        status: Option<i64>,
        retry_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("note that a delivery failed").await?;
        let sql = "update delivery_targets set due_at = $3, owner = null, failures = failures + 1 \
            where target = $1 and claims = $2 and owner is not null";
        if tx.execute(sql, &args![claim.target.key(), claim.number, retry_at]).await? == 0 {
            return Ok(false);
        }
        let sql = "update deliveries set attempts = attempts + 1, reason = $2, status = $3, changed_at = $4 \
            where id = $1";
        tx.execute(sql, &args![delivery, reason, status, now]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives a delivery up that waits, whoever has its target.
    pub async fn give_up_delivery(
        &self,
        delivery: i64,
        reason: &str,
        status: Option<i64>,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin("give a delivery up").await?;
        let sql = "update deliveries set state = 'dead', reason = $2, status = $3, changed_at = $4 \
            where id = $1 and state = 'pending'";
        tx.execute(sql, &args![delivery, reason, status, now]).await?;
        tx.commit().await
    }

    /// Lets a target go. If something waits for it, it is due at `due_at`.
    pub async fn release_target(&self, claim: &Claim, due_at: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("let a queue of deliveries go").await?;
        let key = claim.target.key();
        // Two statements: the second one sees what was queued by whoever had the lock before.
        let sql = format!(
            "select 1 from delivery_targets where target = $1 and claims = $2 and owner is not null{}",
            tx.for_update()
        );
        if tx.one(sql, &args![&key, claim.number]).await?.is_some() {
            let sql = "update delivery_targets set owner = null, due_at = case when exists \
                (select 1 from deliveries where target = $1 and state = 'pending') then $2 else null end \
                where target = $1";
            tx.execute(sql, &args![&key, due_at]).await?;
        }
        tx.commit().await
    }

    /// Frees the targets that an earlier life of this node held. On SQLite there is only one node.
    pub async fn release_own_targets(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin("release the deliveries of this node").await?;
        let every_owner = i64::from(!tx.is_postgres());
        let sql = "update delivery_targets set owner = null, due_at = $3 \
            where owner is not null and (owner = $1 or $2 = 1)";
        let released = tx.execute(sql, &args![&*self.node, every_owner, now]).await?;
        tx.commit().await?;
        Ok(released)
    }

    /// Up to `n` deliveries, newest first, older than the row `before`.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<i64>,
        n: u32,
    ) -> Result<Vec<Delivery>> {
        let mut sql = format!("{DELIVERIES} where id < $1");
        let mut values = args![before.unwrap_or(i64::MAX), i64::from(n.min(MAX_PAGE))].to_vec();
        if let Some(state) = filter.state {
            values.push(state.as_str().into());
            sql.push_str(&format!(" and state = ${}", values.len()));
        }
        push_scope(&mut sql, &mut values, filter.under.as_ref());
        sql.push_str(" order by id desc limit $2");
        self.db.all("list deliveries", sql, &values).await?.iter().map(read_delivery).collect()
    }

    /// How many deliveries wait, and how many were given up.
    pub async fn count_deliveries(&self) -> Result<(u64, u64)> {
        let sql = "select count(*) from deliveries where state = $1";
        let mut counts = [0; 2];
        for (count, state) in counts.iter_mut().zip(["pending", "dead"]) {
            let row = self.db.one("count deliveries", sql, &args![state]).await?;
            *count = row.map(|row| row.count(0)).transpose()?.unwrap_or_default();
        }
        Ok((counts[0], counts[1]))
    }

    /// One delivery.
    pub async fn delivery(&self, id: i64) -> Result<Option<Delivery>> {
        let sql = format!("{DELIVERIES} where id = $1");
        self.db.one("look for a delivery", sql, &args![id]).await?.as_ref().map(read_delivery).transpose()
    }

    /// Sends deliveries again: one by its row, or all that were given up at or below a scope. One that was given up goes on
    /// where it stopped; one that is done begins anew. Gives how many wait now that did not before.
    pub async fn replay(&self, which: Replay<'_>, now: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin("replay deliveries").await?;
        let mut sql =
            "update deliveries set position = case when state = 'done' then null else position end, \
            state = 'pending', attempts = 0, reason = null, status = null, since = $1, changed_at = $1 \
            where "
                .to_owned();
        let mut values = args![now].to_vec();
        match which {
            Replay::One(id) => {
                values.push(id.into());
                sql.push_str("id = $2 and state <> 'pending'");
            }
            Replay::AllDead(under) => {
                sql.push_str("state = 'dead'");
                push_scope(&mut sql, &mut values, under);
            }
        }
        sql.push_str(" returning target");
        let rows = tx.all(sql, &values).await?;
        let targets: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        for target in &targets {
            wake(&mut tx, target, now).await?;
        }
        tx.commit().await?;
        Ok(rows.len() as u64)
    }

    /// The verdict on `subject` that the target was last told.
    pub async fn last_told(&self, target: &Target, subject: &str) -> Result<Option<String>> {
        let sql = "select told from delivery_told where target = $1 and subject = $2";
        let row = self.db.one("look for what was told", sql, &args![target.key(), subject]).await?;
        row.map(|row| row.get(0)).transpose()
    }

    /// Notes the verdict on `subject` that the target was told.
    pub async fn note_told(&self, target: &Target, subject: &str, told: &str) -> Result<()> {
        let mut tx = self.db.begin("note what was told").await?;
        let sql = "insert into delivery_told (target, subject, told) values ($1, $2, $3) \
            on conflict (target, subject) do update set told = excluded.told";
        tx.execute(sql, &args![target.key(), subject, told]).await?;
        tx.commit().await
    }

    /// Keeps a request of a registry's web hook with its answer, and only the last hundred of them.
    pub async fn record_webhook_event(
        &self,
        webhook: &ResourceId,
        event: &str,
        request: &Value,
        response: Option<&Value>,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.db.begin("keep a request of a web hook").await?;
        let sql =
            "insert into webhook_events (webhook, event, at, request, response) values ($1, $2, $3, $4, $5)";
        let values = args![webhook.key(), event, now, request.to_string(), response.map(Value::to_string)];
        tx.execute(sql, &values).await?;
        let sql = "delete from webhook_events where webhook = $1 and id <= coalesce((select id from webhook_events \
            where webhook = $1 order by id desc limit 1 offset $2), 0)";
        tx.execute(sql, &args![webhook.key(), KEPT_WEBHOOK_EVENTS]).await?;
        tx.commit().await
    }

    /// The last `n` requests of a registry's web hook, newest first, as `listEvents` has them: `id`, `eventRequestMessage`,
    /// `eventResponseMessage`.
    pub async fn webhook_events(&self, webhook: &ResourceId, n: u32) -> Result<Vec<Value>> {
        let sql = "select event, request, response from webhook_events where webhook = $1 order by id desc limit $2";
        let rows = self
            .db
            .all("list requests of a web hook", sql, &args![webhook.key(), i64::from(n.min(MAX_PAGE))])
            .await?;
        let read = |row: &Row| {
            let mut event = serde_json::json!({
                "id": row.get::<&str>(0)?,
                "eventRequestMessage": row.json::<Value>(1)?.unwrap_or_default(),
            });
            if let Some(response) = row.json::<Value>(2)? {
                event["eventResponseMessage"] = response;
            }
            Ok(event)
        };
        rows.iter().map(read).collect()
    }

    /// Queues the ping of a registry's web hook; gives the event's id.
    pub async fn ping_webhook(&self, webhook: &ResourceId, now: Timestamp) -> Result<String> {
        let hex = crate::blobs::random_name()?;
        let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]);
        let ping = NewDelivery {
            event: None,
            target: Target { resource: webhook.clone(), action: 0 },
            kind: DeliveryKind::Webhook,
            part: "ping".to_owned(),
            detail: serde_json::json!({ "id": id, "timestamp": now.to_string(), "action": "ping" }),
        };
        self.queue_delivery(&ping, u32::MAX, now).await?;
        Ok(id)
    }

    /// Stores a setting with what its document must not hold: what was kept under other slots goes. Gives whether it is new.
    pub async fn put_resource_with_secrets(
        &self,
        id: &ResourceId,
        body: &Value,
        secrets: &BTreeMap<usize, String>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("store a resource").await?;
        let is_new = crate::resources::write_resource(&mut tx, id, body, now).await?;
        tx.execute("delete from resource_secrets where resource = $1", &args![id.key()]).await?;
        for (slot, secret) in secrets {
            let sql = "insert into resource_secrets (resource, slot, value) values ($1, $2, $3)";
            tx.execute(sql, &args![id.key(), slot.to_string(), secret]).await?;
        }
        tx.commit().await?;
        Ok(is_new)
    }

    /// What a setting's document must not hold.
    pub async fn secrets(&self, id: &ResourceId) -> Result<BTreeMap<usize, String>> {
        let sql = "select slot, value from resource_secrets where resource = $1";
        let rows = self.db.all("look for secrets", sql, &args![id.key()]).await?;
        let read = |row: &Row| {
            let slot: &str = row.get(0)?;
            let slot = slot.parse().map_err(|_| Error::corrupt(format!("{slot} is no slot of a secret")))?;
            Ok((slot, row.get(1)?))
        };
        rows.iter().map(read).collect()
    }

    /// Forgets all about an automation or web hook that is gone: its deliveries, secrets and what it was told.
    pub async fn forget_target(&self, id: &ResourceId) -> Result<()> {
        let mut tx = self.db.begin("forget a target of deliveries").await?;
        let (low, high) = (format!("{}#", id.key()), format!("{}$", id.key()));
        for sql in [
            "delete from delivery_targets where target >= $1 and target < $2",
            "delete from delivery_told where target >= $1 and target < $2",
        ] {
            tx.execute(sql, &args![&low, &high]).await?;
        }
        for sql in [
            "delete from deliveries where resource = $1",
            "delete from resource_secrets where resource = $1",
            "delete from webhook_events where webhook = $1",
        ] {
            tx.execute(sql, &args![id.key()]).await?;
        }
        tx.commit().await
    }

    /// Clears away deliveries that were done before `done_before` and given up before `dead_before`, and the events about
    /// findings of before `done_before` that no delivery needs.
    pub async fn tidy_deliveries(&self, done_before: Timestamp, dead_before: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin("clear away old deliveries").await?;
        let sql = "delete from deliveries where (state = 'done' and changed_at < $1) \
            or (state = 'dead' and changed_at < $2)";
        let cleared = tx.execute(sql, &args![done_before, dead_before]).await?;
        let sql = "delete from events where kind in ('image.assessed', 'matches.changed') and at < $1 and routed = 1 \
            and not exists (select 1 from deliveries d where d.event = events.id)";
        tx.execute(sql, &args![done_before]).await?;
        tx.commit().await?;
        Ok(cleared)
    }
}

/// Which deliveries are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay<'a> {
    /// This one, given up or done.
    One(i64),
    /// All that were given up, at or below a scope where one is named.
    AllDead(Option<&'a ResourceId>),
}

/// Queues deliveries, target by target in the order of their keys, so that two who queue do not lock each other out.
async fn queue(tx: &mut Tx, deliveries: &[&NewDelivery], max_pending: u32, now: Timestamp) -> Result<u64> {
    let mut by_target: BTreeMap<String, Vec<&NewDelivery>> = BTreeMap::new();
    for new in deliveries {
        by_target.entry(new.target.key()).or_default().push(new);
    }
    let mut queued = 0;
    for (target, deliveries) in by_target {
        wake(tx, &target, now).await?;
        let (max_pending, wanted) = (i64::from(max_pending), deliveries.len() as i64);
        let mut room = max_pending - count_up_to(tx, &target, "pending", max_pending).await?;
        let mut room_for_dead =
            if room < wanted { MAX_DEAD - count_up_to(tx, &target, "dead", MAX_DEAD).await? } else { 0 };
        for new in deliveries {
            if new.kind == DeliveryKind::Assessments && is_verdict_waiting(tx, &target).await? {
                continue;
            }
            let (state, reason) = if room > 0 {
                room -= 1;
                ("pending", None)
            } else if room_for_dead > 0 {
                room_for_dead -= 1;
                ("dead", Some(format!("{max_pending} deliveries were waiting for this target already")))
            } else {
                tracing::error!(target = %new.target.resource, event = new.event, "a delivery is lost: the target's queue and its dead letters are full");
                continue;
            };
            let sql = "insert into deliveries (target, resource, kind, event, part, detail, state, reason, \
                created_at, since, changed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9) \
                on conflict (event, target, kind, part) do nothing";
            let values = args![
                &target,
                new.target.resource.key(),
                new.kind.as_str(),
                new.event,
                &new.part,
                new.detail.to_string(),
                state,
                reason,
                now
            ];
            queued += tx.execute(sql, &values).await?;
        }
    }
    Ok(queued)
}

/// Makes the target due now, unless it is due, taken or backing off already.
async fn wake(tx: &mut Tx, target: &str, now: Timestamp) -> Result<()> {
    let sql = "insert into delivery_targets (target, due_at) values ($1, $2) on conflict (target) do update \
        set due_at = coalesce(delivery_targets.due_at, excluded.due_at)";
    tx.execute(sql, &args![target, now]).await?;
    Ok(())
}

async fn count_up_to(tx: &mut Tx, target: &str, state: &str, most: i64) -> Result<i64> {
    let sql = format!(
        "select count(*) from (select 1 from deliveries where target = $1 and state = '{state}' limit $2) few"
    );
    let row = tx.one(sql, &args![target, most]).await?;
    row.map(|row| row.get(0)).transpose().map(Option::unwrap_or_default)
}

/// Whether a delivery of verdicts waits that nobody has begun: it will tell them as they are then.
async fn is_verdict_waiting(tx: &mut Tx, target: &str) -> Result<bool> {
    let sql = "select 1 from deliveries where target = $1 and state = 'pending' and kind = 'assessments' \
        and position is null limit 1";
    Ok(tx.one(sql, &args![target]).await?.is_some())
}

/// Renews the lease; `false` where the claim is not the last one.
async fn hold(tx: &mut Tx, claim: &Claim, until: Timestamp) -> Result<bool> {
    let sql =
        "update delivery_targets set due_at = $3 where target = $1 and claims = $2 and owner is not null";
    Ok(tx.execute(sql, &args![claim.target.key(), claim.number, until]).await? > 0)
}

fn push_scope(sql: &mut String, values: &mut Vec<Arg<'_>>, under: Option<&ResourceId>) {
    let Some(under) = under.filter(|under| !under.is_root()) else { return };
    for text in [under.key().to_owned(), format!("{}/", under.key()), format!("{}0", under.key())] {
        values.push(text.into());
    }
    let n = values.len();
    sql.push_str(&format!(" and (resource = ${} or (resource >= ${} and resource < ${n}))", n - 2, n - 1));
}

const EVENTS: &str = "select id, kind, registry, repository, digest, tag, at, detail from events";

fn read_event(row: &Row) -> Result<Event> {
    let registry = row.get::<i64>(2)?;
    Ok(Event {
        id: row.get(0)?,
        kind: row.get(1)?,
        registry: (registry != 0).then_some(RegistryId(registry)),
        repository: row.get(3)?,
        digest: row.get::<Option<&str>>(4)?.map(|_| row.parse(4)).transpose()?,
        tag: row.get(5)?,
        at: Timestamp(row.get(6)?),
        detail: row.json(7)?.unwrap_or_default(),
    })
}

const DELIVERIES: &str = "select id, target, kind, event, part, detail, state, position, sent, attempts, reason, \
    status, created_at, since, changed_at from deliveries";

fn read_delivery(row: &Row) -> Result<Delivery> {
    let (kind, state): (&str, &str) = (row.get(2)?, row.get(6)?);
    let unknown = |word: &str| Error::corrupt(format!("a delivery of the kind or state {word}"));
    Ok(Delivery {
        id: row.get(0)?,
        target: Target::read(row.get(1)?)?,
        kind: DeliveryKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| unknown(kind))?,
        event: row.get(3)?,
        part: row.get(4)?,
        detail: row.json(5)?.unwrap_or_default(),
        state: DeliveryState::ALL
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| unknown(state))?,
        position: row.get::<Option<&str>>(7)?.map(Position::read).transpose()?,
        sent: row.count(8)?,
        attempts: row.count(9)?,
        reason: row.get(10)?,
        status: row.get(11)?,
        created_at: Timestamp(row.get(12)?),
        since: Timestamp(row.get(13)?),
        changed_at: Timestamp(row.get(14)?),
    })
}
