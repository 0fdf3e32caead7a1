//! What a server does by the clock: ask the feeds for news, queue images that were pulled lately, let findings age out where
//! the plan is off, and clear away uploads that nobody finishes.
//!
//! What is counted in days goes by the clock that is handed in, looked at each second, so that an operator who rehearses
//! ageing (or a test) turns that clock and sees the outcome at once.

use std::time::Duration;

use plimsoll_store::Store;
use plimsoll_types::{Timestamp, Watch};
use tokio_util::sync::CancellationToken;

use crate::advisories::AdvisoryHandle;
use crate::clock::{Clock, jitter};
use crate::exploits::ExploitFeeds;
use crate::feeds::{FeedProgress, Feeds, UpdateOptions};
use crate::{ErrorKind, Result};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);

/// When things are due.
#[derive(Debug, Clone)]
pub struct ScheduleSettings {
    /// How often the feed is asked; `None` means never.
    pub update_every: Option<Duration>,
    /// How it is asked.
    pub update: UpdateOptions,
    /// How soon it is asked again after it failed.
    pub retry_after: Duration,
    /// How often uploads are looked through.
    pub expire_every: Duration,
    /// How long an upload may lie untouched.
    pub upload_idle: Duration,
    /// How long a pull keeps an image under watch.
    pub watch: Watch,
    /// How often the images under watch are looked through.
    pub watch_every: Duration,
    /// Where evidence of exploits comes from.
    pub exploits: ExploitFeeds,
    /// How often it is asked for.
    pub exploits_every: Duration,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            update_every: Some(Duration::from_secs(6 * 3600)),
            update: UpdateOptions::default(),
            retry_after: Duration::from_secs(15 * 60),
            expire_every: Duration::from_secs(600),
            upload_idle: Duration::from_secs(3600),
            watch: Watch::default(),
            watch_every: Duration::from_secs(15),
            exploits: ExploitFeeds::default(),
            exploits_every: Duration::from_secs(24 * 3600),
        }
    }
}

/// Keeps to the schedule until `shutdown`.
pub async fn run(
    settings: ScheduleSettings,
    store: Store,
    feeds: Feeds,
    advisories: AdvisoryHandle,
    clock: Clock,
    shutdown: CancellationToken,
) {
    let updates = keep_updated(&settings, &feeds, &advisories);
    let uploads = keep_tidy(&settings, &store, &clock);
    let watch = keep_watch(&settings, &store, &clock);
    let exploits = keep_exploits(&settings, &store, &clock);
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = async { tokio::join!(updates, uploads, watch, exploits) } => {}
    }
}

/// Queues what was pulled lately and assessed long ago, and takes away what has aged out.
async fn keep_watch(settings: &ScheduleSettings, store: &Store, clock: &Clock) {
    let mut last: Option<Timestamp> = None;
    loop {
        let now = clock();
        if is_time(last, settings.watch_every, now) {
            last = Some(now);
            if let Err(error) = look_through(&settings.watch, store, now).await {
                tracing::warn!(%error, "the images that were pulled lately could not be looked through");
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn look_through(watch: &Watch, store: &Store, now: Timestamp) -> plimsoll_store::Result<()> {
    let (pulled, assessed) = (watch.pulled_since(now), watch.assessed_until(now));
    let queued = store.queue_recently_pulled(pulled, assessed, now).await?;
    if queued > 0 {
        tracing::info!(queued, "images that were pulled lately are assessed again");
    }
    let aged = store.age_out(watch.aged_out_until(now)).await?;
    if aged > 0 {
        tracing::info!(aged, "findings aged out where no plan is on");
    }
    Ok(())
}

/// Reads the evidence of exploits. Findings are whole without it, so a feed that does not answer is no error.
async fn keep_exploits(settings: &ScheduleSettings, store: &Store, clock: &Clock) {
    let feeds = &settings.exploits;
    if *feeds == ExploitFeeds::default() {
        return;
    }
    let (mut kev, mut epss) = store.exploits_read_at().await.unwrap_or_default();
    // A file costs nothing to read, and may be another one since the last start.
    let is_file = |location: &Option<String>| location.as_ref().is_some_and(|text| text.starts_with("file:"));
    kev = kev.filter(|_| !is_file(&feeds.known_exploited));
    epss = epss.filter(|_| !is_file(&feeds.epss));
    loop {
        let now = clock();
        if is_time(kev, settings.exploits_every, now) {
            kev = Some(now);
            told(feeds.update_known_exploited(store, clock).await);
        }
        if is_time(epss, settings.exploits_every, now) {
            epss = Some(now);
            told(feeds.update_epss(store, clock).await);
        }
        tokio::time::sleep(TICK).await;
    }
}

fn told(outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::info!(error = error.chain(), "evidence of exploits keeps the state it had");
    }
}

/// Whether something that was last done at `last` is to be done now. A clock that was turned back does not stop it.
fn is_time(last: Option<Timestamp>, every: Duration, now: Timestamp) -> bool {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    last.is_none_or(|last| now < last || now.0.saturating_sub(last.0) >= every)
}

async fn keep_updated(settings: &ScheduleSettings, feeds: &Feeds, advisories: &AdvisoryHandle) {
    let Some(every) = settings.update_every else { return };
    // Whoever restarts a server often must not ask the feed as often.
    if let Some(left) =
        feeds.age_ms().and_then(|age| every.checked_sub(Duration::from_millis(u64::try_from(age).ok()?)))
    {
        tokio::time::sleep(left.min(every)).await;
    }
    loop {
        let wait = match update(feeds, &settings.update, advisories).await {
            Ok(()) => jitter(every),
            // Another process is at it; its outcome is found by whoever watches the folder.
            Err(error) if error.kind() == ErrorKind::Busy => settings.retry_after,
            Err(error) => {
                tracing::error!(feed = %feeds.location(), error = error.chain(), "the advisories could not be updated");
                jitter(settings.retry_after)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn update(feeds: &Feeds, options: &UpdateOptions, advisories: &AdvisoryHandle) -> Result<()> {
    let quiet: FeedProgress = std::sync::Arc::new(|_| {});
    let updated = feeds.update(options, &quiet).await?;
    for (ecosystem, reason) in updated.failures() {
        tracing::warn!(ecosystem, error = reason, "an ecosystem keeps the advisories it had");
    }
    tracing::info!(generation = updated.generation, changed = updated.changed, "the feed was asked");
    let handle = advisories.clone();
    let refreshed = tokio::task::spawn_blocking(move || handle.refresh()).await;
    refreshed.map_err(|error| {
        crate::Error::new(ErrorKind::Unavailable, "opening the advisories failed").because(error)
    })??;
    Ok(())
}

async fn keep_tidy(settings: &ScheduleSettings, store: &Store, clock: &Clock) {
    let idle = i64::try_from(settings.upload_idle.as_millis()).unwrap_or(i64::MAX);
    loop {
        match store.expire_uploads(clock().plus_millis(-idle)).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "uploads that nobody finished were cleared away"),
            Err(error) => tracing::warn!(%error, "unfinished uploads could not be cleared away"),
        }
        if let Err(error) = store.gather_statistics().await {
            tracing::warn!(%error, "the database could not look at its tables");
        }
        tokio::time::sleep(settings.expire_every).await;
    }
}
