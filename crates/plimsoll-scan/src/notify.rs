//! Tells those who asked to be told: takes events from the store's outbox, makes deliveries of them, and sends these.
//!
//! ```text
//! event ─ plan ─→ delivery ─ tell ─→ things (page by page) ─ words ─→ CloudEvents ─ sign, post ─→ receiver
//! ```
//!
//! Everything is at least once: how far a delivery is gets noted after the receiver took it. A target is told one thing after
//! the other, by one process at a time; what fails is tried again, later and later, for a day, and then kept as a dead letter.
//! Which words a finding has is not known here; it is handed in ([`Shapes`]).

mod plan;
mod post;
mod reach;
mod sign;
mod tell;
mod words;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_store::{Claim, Delivery, Ending, FindingRow, Registry, RegistrySummary, Store, Target};
use plimsoll_types::automation::{Automation, EventSource};
use plimsoll_types::webhook::Webhook;
use plimsoll_types::{Generation, ResourceId, Scope, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use reach::Reach;

use crate::Result;
use crate::clock::{Clock, backoff};
use plan::{Subscriber, Wish};
use post::Post;

const AUTOMATIONS: &str = "microsoft.security/automations";
const WEBHOOKS: &str = "microsoft.containerregistry/registries/webhooks";
/// Events that are routed together, and subscribers that are read together.
const BATCH: u32 = 200;
/// Deliveries that one claim of a target may end before others get their turn.
const TURN: usize = 100;
/// How long what is done stays to be seen, and how long a dead letter.
const KEEP_DONE: Duration = Duration::from_secs(7 * 86_400);
const KEEP_DEAD: Duration = Duration::from_secs(30 * 86_400);

/// How telling is done.
#[derive(Debug, Clone)]
pub struct NotifySettings {
    /// Targets that are told at the same time.
    pub concurrency: usize,
    /// How often to look for news.
    pub poll: Duration,
    /// How often to look whether a snapshot is due, and for old deliveries.
    pub look: Duration,
    /// How long a target belongs to this process before another may take it over.
    pub lease: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take in all.
    pub timeout: Duration,
    /// How long to wait after the first failure; doubled with each further one.
    pub first_retry: Duration,
    /// The longest wait between two attempts.
    pub most_retry: Duration,
    /// How long a delivery is tried before it is given up.
    pub window: Duration,
    /// Deliveries that may wait for one target.
    pub max_pending: u32,
    /// How often snapshots are told.
    pub snapshot_every: Duration,
    /// Where requests may go.
    pub reach: Reach,
    /// Whether every web hook is asked first, not only those that say so.
    pub handshake: bool,
    /// Who asks, in `WebHook-Request-Origin`: a host name.
    pub origin: String,
    /// How long requests under way may take when the process is asked to stop.
    pub grace: Duration,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            poll: Duration::from_millis(500),
            look: Duration::from_secs(60),
            lease: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            first_retry: Duration::from_secs(5),
            most_retry: Duration::from_secs(3600),
            window: Duration::from_secs(24 * 3600),
            max_pending: 10_000,
            snapshot_every: Duration::from_secs(7 * 86_400),
            reach: Reach::default(),
            handshake: false,
            origin: "plimsoll.local".to_owned(),
            grace: Duration::from_secs(10),
        }
    }
}

/// Tells a finding as sub-assessments, the form that is preferred first.
pub type TellFinding = dyn Fn(&Scope, &FindingRow) -> Vec<Value> + Send + Sync;
/// Tells a registry's verdict under the recommendation of a generation as an assessment.
pub type TellAssessment = dyn Fn(&Scope, Generation, &RegistrySummary) -> Option<Value> + Send + Sync;

/// How things look on the wire.
#[derive(Clone)]
pub struct Shapes {
    /// Findings.
    pub finding: Arc<TellFinding>,
    /// Verdicts.
    pub assessment: Arc<TellAssessment>,
}

/// Tells those who asked. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    shapes: Shapes,
    clock: Clock,
    settings: NotifySettings,
    post: Post,
}

/// How an attempt at a delivery ended.
enum Attempt {
    /// The delivery is over.
    Over(Ending),
    /// It failed, and may do better later: the reason, the HTTP status, and when the receiver wants to be asked again.
    Failed(String, Option<i64>, Option<Duration>),
    /// The receiver wants a rest, or the process stops: it goes on at this instant.
    Paused(Timestamp),
    /// The target belongs to another process now, or is gone.
    Lost,
}

impl Notifier {
    /// A notifier. Nothing runs yet.
    pub fn new(store: Store, shapes: Shapes, clock: Clock, settings: NotifySettings) -> Result<Self> {
        let post = Post::new(settings.reach, settings.connect_timeout, settings.timeout)?;
        Ok(Self { shared: Arc::new(Shared { store, shapes, clock, settings, post }) })
    }

    /// Tells until `shutdown`, then lets the requests under way end, as far as the grace allows.
    pub async fn run(&self, shutdown: CancellationToken) {
        let shared = &self.shared;
        if let Err(error) = shared.store.release_own_targets((shared.clock)()).await {
            tracing::warn!(%error, "the deliveries of this node's earlier life could not be taken back; their leases will run out");
        }
        let slots = Arc::new(Semaphore::new(shared.settings.concurrency.max(1)));
        let mut senders = JoinSet::new();
        let mut looked = None;
        while !shutdown.is_cancelled() {
            while senders.try_join_next().is_some() {}
            if looked.is_none_or(|at: tokio::time::Instant| at.elapsed() >= shared.settings.look) {
                looked = Some(tokio::time::Instant::now());
                shared.look_after().await.unwrap_or_else(|error| {
                    tracing::error!(
                        error = error.chain(),
                        "snapshots and old deliveries could not be looked after"
                    );
                });
            }
            if let Err(error) = shared.route().await {
                tracing::error!(error = error.chain(), "news could not be routed; they are tried again");
            }
            while let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                match shared.store.claim_target((shared.clock)(), millis(shared.settings.lease)).await {
                    Ok(Some(claim)) => {
                        let (shared, shutdown) = (Arc::clone(shared), shutdown.clone());
                        senders.spawn(async move {
                            if let Err(error) = shared.attend(&claim, &shutdown).await {
                                tracing::error!(target = %claim.target.resource, error = error.chain(), "a target could not be told; it is tried again when its lease has run out");
                            }
                            drop(slot);
                        });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!(%error, "no target could be taken from the store");
                        break;
                    }
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(shared.settings.poll) => {}
            }
        }
        let end = async { while senders.join_next().await.is_some() {} };
        if tokio::time::timeout(shared.settings.grace, end).await.is_err() {
            senders.shutdown().await;
        }
        if let Err(error) = shared.store.release_own_targets((shared.clock)()).await {
            tracing::warn!(%error, "deliveries that were cut off could not be given back; their leases will run out");
        }
    }
}

impl Shared {
    /// Makes deliveries of all events that nobody has routed yet.
    async fn route(&self) -> Result<()> {
        loop {
            let events = self.store.unrouted_events(BATCH).await?;
            if events.is_empty() {
                return Ok(());
            }
            let subscribers = self.subscribers().await?;
            let registries = if subscribers.is_empty() { HashMap::new() } else { self.registries().await? };
            let deliveries: Vec<_> =
                events.iter().flat_map(|event| plan::deliveries(event, &subscribers, &registries)).collect();
            let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
            let max_pending = self.settings.max_pending;
            self.store.route_events(&ids, &deliveries, max_pending, (self.clock)()).await?;
            if events.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Queues the snapshots that are due, and clears away what is old.
    async fn look_after(&self) -> Result<()> {
        let now = (self.clock)();
        let next = now.plus_millis(millis(self.settings.snapshot_every));
        for subscriber in self.subscribers().await? {
            let Wish::Automation(automation) = &subscriber.wish else { continue };
            let snapshots = [EventSource::SubAssessmentsSnapshot, EventSource::AssessmentsSnapshot];
            if !snapshots.into_iter().any(|source| automation.listens_to(source)) {
                continue;
            }
            for action in 0..automation.actions.len() {
                let action = u32::try_from(action).unwrap_or(u32::MAX);
                let target = Target { resource: subscriber.id.clone(), action };
                self.store.queue_snapshot(&target, now, next).await?;
            }
        }
        let before = |keep: Duration| now.plus_millis(-millis(keep));
        let cleared = self.store.tidy_deliveries(before(KEEP_DONE), before(KEEP_DEAD)).await?;
        let (pending, dead) = self.store.count_deliveries().await?;
        if (pending, dead, cleared) != (0, 0, 0) {
            tracing::info!(pending, dead, cleared, "deliveries were looked through");
        }
        Ok(())
    }

    /// Tells a target what waits for it.
    async fn attend(&self, claim: &Claim, shutdown: &CancellationToken) -> Result<()> {
        let lease = millis(self.settings.lease);
        let mut agreed = claim.agreed.clone();
        for _ in 0..TURN {
            let Some(delivery) = self.store.next_delivery(claim).await? else { break };
            let attempt = self.tell(claim, &mut agreed, &delivery, shutdown).await?;
            let now = (self.clock)();
            match attempt {
                Attempt::Over(ending) => {
                    log_ending(&delivery, &ending);
                    if !self.store.end_delivery(claim, delivery.id, &ending, now, lease).await? {
                        return Ok(());
                    }
                }
                Attempt::Failed(reason, status, after) => {
                    return self.note_failure(claim, &delivery, &reason, status, after).await;
                }
                Attempt::Paused(until) => return Ok(self.store.release_target(claim, until).await?),
                Attempt::Lost => return Ok(()),
            }
        }
        Ok(self.store.release_target(claim, (self.clock)()).await?)
    }

    /// Lets the target rest, and gives the delivery up if it has been tried for long enough.
    async fn note_failure(
        &self,
        claim: &Claim,
        delivery: &Delivery,
        reason: &str,
        status: Option<i64>,
        after: Option<Duration>,
    ) -> Result<()> {
        let now = (self.clock)();
        let attempt = u32::try_from(claim.failures + 1).unwrap_or(u32::MAX);
        let wait = backoff(self.settings.first_retry, self.settings.most_retry, attempt)
            .max(after.unwrap_or_default());
        let retry_at = now.plus_millis(millis(wait));
        tracing::warn!(delivery = delivery.id, target = %claim.target.resource, attempt, reason, "a delivery failed");
        if !self.store.fail_delivery(claim, delivery.id, reason, status, retry_at, now).await? {
            return Ok(());
        }
        if now.0.saturating_sub(delivery.since.0) < millis(self.settings.window) {
            return Ok(());
        }
        let hours = self.settings.window.as_secs() / 3600;
        let reason =
            format!("given up after {} attempts in {hours} hours; at last: {reason}", delivery.attempts + 1);
        self.store.give_up_delivery(delivery.id, &reason, status, now).await?;
        log_ending(delivery, &Ending::Dead(reason, status));
        Ok(())
    }

    /// All that want to be told. A document that cannot be read tells nobody anything, and the log.
    async fn subscribers(&self) -> Result<Vec<Subscriber>> {
        let mut subscribers = Vec::new();
        for kind in [AUTOMATIONS, WEBHOOKS] {
            let mut after: Option<ResourceId> = None;
            loop {
                let page = self.store.resources(kind, None, after.as_ref(), BATCH).await?;
                subscribers.extend(page.iter().filter_map(|resource| read(&resource.id, &resource.body)));
                if page.len() < BATCH as usize {
                    break;
                }
                after = page.into_iter().last().map(|resource| resource.id);
            }
        }
        Ok(subscribers)
    }

    async fn subscriber(&self, id: &ResourceId) -> Result<Option<Subscriber>> {
        let resource = self.store.resource(id).await?;
        Ok(resource.and_then(|resource| read(&resource.id, &resource.body)))
    }

    async fn registries(&self) -> Result<HashMap<plimsoll_store::RegistryId, Registry>> {
        Ok(self.store.registries().await?.into_iter().map(|registry| (registry.id, registry)).collect())
    }
}

fn read(id: &ResourceId, body: &Value) -> Option<Subscriber> {
    let wish = match id.kind().as_str() {
        AUTOMATIONS => Automation::read(id, body).map(Wish::Automation).map_err(|fault| fault.to_string()),
        _ => serde_json::from_value::<Webhook>(body.clone())
            .map(Wish::Webhook)
            .map_err(|error| error.to_string()),
    };
    match wish {
        Ok(wish) => Some(Subscriber { id: id.clone(), wish }),
        Err(fault) => {
            tracing::warn!(resource = %id, fault, "nobody is told by this document: it cannot be read");
            None
        }
    }
}

fn log_ending(delivery: &Delivery, ending: &Ending) {
    let (id, target, kind) = (delivery.id, &delivery.target.resource, delivery.kind.as_str());
    match ending {
        Ending::Done => tracing::info!(delivery = id, %target, kind, "a delivery is done"),
        Ending::Nothing => tracing::debug!(delivery = id, %target, kind, "there was nothing to tell"),
        Ending::Dead(reason, _) => {
            tracing::error!(delivery = id, %target, kind, reason, "a delivery was given up")
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
