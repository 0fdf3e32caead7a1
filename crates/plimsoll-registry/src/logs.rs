//! What happened: pulls for whoever wants to know what is in use, and events for the resource logs.
//!
//! A request only leaves a note in memory; once a second the notes are written to the store, many in one transaction. No
//! request waits for that. There is room for a certain number of notes, and where a store that does not answer lets it
//! run full, the events that find no room are counted, and the count is told in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_store::{ErrorKind, Pull, RegistryId, Store};
use plimsoll_types::log::Event;
use plimsoll_types::{Digest, RepositoryName, Scope, Timestamp};

use crate::Clock;

/// Events that wait to be written.
const MAX_EVENTS: usize = 65_536;
/// Images whose pulls are remembered, waiting or written.
const MAX_PULLS: usize = 65_536;
/// A pull so soon behind one that was written tells nobody anything new.
const SAME_PULL: i64 = 60 * 60 * 1000;
/// How often notes are written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Events that the store keeps, however young they are.
const MAX_KEPT: u64 = 5_000_000;
const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

/// Takes whole lines, each with its line feed. It may block.
pub type Lines = Arc<dyn Fn(&str) -> std::io::Result<()> + Send + Sync>;

/// How events are kept.
#[derive(Clone, Default)]
pub struct JournalSettings {
    /// For how many days the store keeps them; with 0 it gets none.
    pub days: u32,
    /// Where they go as lines of JSON, if anywhere.
    pub lines: Option<Lines>,
}

/// Takes notes of pulls and events. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    settings: JournalSettings,
    notes: Mutex<Notes>,
    /// One writes at a time, so that what is written last happened last.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Notes {
    pulls: HashMap<Pulled, Timestamp>,
    /// The pulls that were written lately.
    written: HashMap<Pulled, Timestamp>,
    events: Vec<(RegistryId, Event)>,
    dropped: u64,
}

type Pulled = (RegistryId, RepositoryName, Digest);

impl Journal {
    /// A journal. Nothing is written before [`Journal::run`] or [`Journal::flush`].
    pub fn new(store: Store, clock: Clock, settings: JournalSettings) -> Self {
        let (notes, writing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { store, clock, settings, notes, writing }) }
    }

    /// Notes an event.
    pub fn log(&self, registry: RegistryId, event: Event) {
        if !self.is_listening() {
            return;
        }
        let mut notes = self.notes();
        match notes.events.len() < MAX_EVENTS {
            true => notes.events.push((registry, event)),
            false => notes.dropped += 1,
        }
    }

    /// Whether anybody wants to know of events.
    pub(crate) fn is_listening(&self) -> bool {
        self.inner.settings.days > 0 || self.inner.settings.lines.is_some()
    }

    /// Notes that a client pulled an image.
    pub(crate) fn pulled(
        &self,
        registry: RegistryId,
        repository: &RepositoryName,
        digest: &Digest,
        at: Timestamp,
    ) {
        let image = (registry, repository.clone(), digest.clone());
        let mut notes = self.notes();
        if notes.written.get(&image).is_some_and(|before| at.0 - before.0 < SAME_PULL) {
            return;
        }
        // With no room left the image counts as pulled when somebody pulls it next.
        if notes.pulls.len() < MAX_PULLS {
            notes.pulls.insert(image, at);
        }
    }

    /// Writes notes and removes old events until `stop`, and then the notes that are left.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut expired_at = None;
        loop {
            let is_over = tokio::select! {
                () = &mut stop => true,
                () = tokio::time::sleep(FLUSH_EVERY) => false,
            };
            self.flush().await;
            if is_over {
                return;
            }
            let now = (self.inner.clock)();
            if expired_at.is_none_or(|before: Timestamp| now.0 - before.0 >= HOUR) {
                expired_at = Some(now);
                self.expire(now).await;
            }
        }
    }

    /// Writes what was noted so far. What could not be written waits for the next time.
    pub async fn flush(&self) {
        let _writing = self.inner.writing.lock().await;
        let (pulls, events, dropped) = {
            let mut notes = self.notes();
            let dropped = std::mem::take(&mut notes.dropped);
            (std::mem::take(&mut notes.pulls), std::mem::take(&mut notes.events), dropped)
        };
        if dropped > 0 {
            tracing::warn!(dropped, "events found no room and are missing from the resource logs");
        }
        self.write_pulls(pulls).await;
        self.write_events(events).await;
    }

    async fn write_pulls(&self, pulls: HashMap<Pulled, Timestamp>) {
        if pulls.is_empty() {
            return;
        }
        let rows: Vec<_> = pulls
            .iter()
            .map(|((registry, repository, digest), at)| Pull {
                registry: *registry,
                repository: repository.clone(),
                digest: digest.clone(),
                at: *at,
            })
            .collect();
        let result = self.inner.store.record_pulls(&rows).await;
        let mut notes = self.notes();
        match result {
            Ok(()) => {
                if notes.written.len() + pulls.len() > MAX_PULLS {
                    notes.written.clear();
                }
                notes.written.extend(pulls);
            }
            Err(error) => {
                tracing::warn!(%error, "pulls could not be recorded and wait for the next time");
                for (image, at) in pulls {
                    // One that was noted meanwhile is the newer one.
                    notes.pulls.entry(image).or_insert(at);
                }
            }
        }
    }

    async fn write_events(&self, events: Vec<(RegistryId, Event)>) {
        if events.is_empty() {
            return;
        }
        if self.inner.settings.days > 0
            && let Err(error) = self.inner.store.log_events(&events).await
        {
            if error.kind() == ErrorKind::Unavailable {
                tracing::warn!(%error, "resource logs could not be kept and wait for the next time");
                return self.put_back(events);
            }
            tracing::error!(%error, events = events.len(), "resource logs could not be kept and are lost");
        }
        if let Some(lines) = &self.inner.settings.lines
            && let Err(error) = self.write_lines(lines, &events).await
        {
            tracing::warn!(error, "resource logs could not be written as lines");
        }
    }

    /// Puts events before those that were noted meanwhile. The newest that find no room are dropped.
    fn put_back(&self, mut events: Vec<(RegistryId, Event)>) {
        let mut notes = self.notes();
        events.append(&mut notes.events);
        let too_many = events.len().saturating_sub(MAX_EVENTS);
        notes.dropped += too_many as u64;
        events.truncate(MAX_EVENTS);
        notes.events = events;
    }

    async fn write_lines(&self, lines: &Lines, events: &[(RegistryId, Event)]) -> Result<(), String> {
        let registries = self.inner.store.registries().await.map_err(|error| error.to_string())?;
        let scopes: HashMap<RegistryId, Scope> =
            registries.into_iter().map(|registry| (registry.id, registry.scope)).collect();
        let mut text = String::new();
        for (registry, event) in events {
            let row = serde_json::Value::Object(event.row(scopes.get(registry)));
            text.push_str(&row.to_string());
            text.push('\n');
        }
        let lines = Arc::clone(lines);
        let written = tokio::task::spawn_blocking(move || lines(&text)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    async fn expire(&self, now: Timestamp) {
        let before = now.plus_millis(-DAY * i64::from(self.inner.settings.days));
        match self.inner.store.expire_resource_logs(before, MAX_KEPT).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "old resource logs were removed"),
            Err(error) => tracing::warn!(%error, "old resource logs could not be removed"),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
