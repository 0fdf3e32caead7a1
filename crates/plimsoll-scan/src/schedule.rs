//! What a server does by the clock: ask the feed for news, and clear away uploads that nobody finishes.

use std::time::Duration;

use plimsoll_store::Store;
use tokio_util::sync::CancellationToken;

use crate::advisories::AdvisoryHandle;
use crate::clock::{Clock, jitter};
use crate::feeds::{FeedProgress, Feeds, UpdateOptions};
use crate::{ErrorKind, Result};

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
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            update_every: Some(Duration::from_secs(6 * 3600)),
            update: UpdateOptions::default(),
            retry_after: Duration::from_secs(15 * 60),
            expire_every: Duration::from_secs(600),
            upload_idle: Duration::from_secs(3600),
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
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = async { tokio::join!(updates, uploads) } => {}
    }
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
        tokio::time::sleep(settings.expire_every).await;
    }
}
