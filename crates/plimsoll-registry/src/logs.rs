//! What happened: pulls for whoever wants to know what is in use, and events for the resource logs.
//!
//! A request only leaves a note in memory; once a second the notes are written to the store, many in one transaction. No
//! request waits for that. There is room for a certain number of notes, and where a store that does not answer lets it
//! run full, the events that find no room are counted, and the count is told in the log.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use plimsoll_access::Caller;
use plimsoll_store::{ErrorKind, Pull, RegistryId, Store};
use plimsoll_types::log::{Event, Operation, Repository, What};
use plimsoll_types::{Digest, Reference, RepositoryName, Scope, Timestamp};

use crate::access::Arrival;
use crate::answers::CONTENT_DIGEST;
use crate::errors::Error;
use crate::{Clock, acr};

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

/// What a request does to a repository, as far as logs are concerned.
pub(crate) struct Deed<'a> {
    operation: Operation,
    repository: &'a RepositoryName,
    tag: Option<&'a str>,
    digest: Option<&'a Digest>,
}

impl<'a> Deed<'a> {
    /// A request about a manifest. A HEAD is none: it brings nothing to anybody.
    pub(crate) fn of_manifest(
        method: &Method,
        repository: &'a RepositoryName,
        reference: &'a Reference,
    ) -> Option<Self> {
        let (tag, digest) = match reference {
            Reference::Tag(tag) => (Some(tag.as_str()), None),
            Reference::Digest(digest) => (None, Some(digest)),
        };
        let operation = match *method {
            Method::GET => Operation::Pull,
            Method::PUT => Operation::Push,
            Method::DELETE if tag.is_some() => Operation::Untag,
            Method::DELETE => Operation::Delete,
            _ => return None,
        };
        Some(Self { operation, repository, tag, digest })
    }

    /// A request of Azure's own API.
    pub(crate) fn of_acr(endpoint: &'a acr::Endpoint, method: &Method) -> Option<Self> {
        if *method != Method::DELETE {
            return None;
        }
        let delete = Operation::Delete;
        match endpoint {
            acr::Endpoint::Repository(repository) => {
                Some(Self { operation: delete, repository, tag: None, digest: None })
            }
            acr::Endpoint::Tag(repository, tag) => {
                Some(Self { operation: Operation::Untag, repository, tag: Some(tag.as_str()), digest: None })
            }
            acr::Endpoint::Manifest(repository, digest) => {
                Some(Self { operation: delete, repository, tag: None, digest: Some(digest) })
            }
            _ => None,
        }
    }
}

impl Arrival {
    /// Notes what a request did to a repository, or tried to. One that only has to say first who sends it is not noted.
    pub(crate) fn note(
        &self,
        head: &Parts,
        caller: &Caller,
        deed: Option<Deed<'_>>,
        answered: &Result<Response, Error>,
    ) {
        let Some(deed) = deed else { return };
        let journal = &self.here.registry.journal;
        let (status, headers) = match answered {
            Ok(response) => (response.status(), Some(response.headers())),
            Err(error) => (error.status(), None),
        };
        let told = headers.and_then(|headers| text(headers, &CONTENT_DIGEST));
        let is_pull = deed.operation == Operation::Pull && headers.is_some();
        if is_pull && let Some(digest) = told.and_then(|digest| digest.parse().ok()) {
            journal.pulled(self.here.id, deed.repository, &digest, self.began);
        }
        if !journal.is_listening() || status == StatusCode::UNAUTHORIZED {
            return;
        }
        // A push says in its own headers what the answer to a pull says.
        let described = match deed.operation {
            Operation::Push => Some(&head.headers),
            Operation::Pull => headers,
            _ => None,
        };
        let described = |name| described.and_then(|headers| text(headers, &name)).map(str::to_owned);
        let what = Repository {
            operation: deed.operation,
            repository: deed.repository.to_string(),
            tag: deed.tag.map(str::to_owned),
            digest: told.map(str::to_owned).or_else(|| deed.digest.map(Digest::to_string)),
            media_type: described(header::CONTENT_TYPE),
            artifact_type: None,
            size: described(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        };
        let identity = if caller.is_anonymous() { "" } else { caller.id().as_str() };
        let event = self.event(head, identity, status, What::Repository(what));
        journal.log(self.here.id, event);
    }

    /// Notes a login, with the caller and its token where it went well.
    pub(crate) fn note_login(&self, head: &Parts, status: StatusCode, login: Option<(&Caller, &str)>) {
        let journal = &self.here.registry.journal;
        if !journal.is_listening() {
            return;
        }
        let (identity, token) = match login {
            Some((caller, token)) => (caller.id().as_str(), token_name(token)),
            None => ("", String::new()),
        };
        journal.log(self.here.id, self.event(head, identity, status, What::Login { token }));
    }

    fn event(&self, head: &Parts, identity: &str, status: StatusCode, what: What) -> Event {
        let at = self.here.registry.now();
        let user_agent = text(&head.headers, &header::USER_AGENT).unwrap_or_default();
        Event {
            at,
            correlation: self.correlation.clone(),
            login_server: self.here.scope.registry_host.clone(),
            identity: identity.to_owned(),
            address: self.client.map(|client| client.to_string()).unwrap_or_default(),
            user_agent: user_agent.chars().take(MAX_TEXT).collect(),
            duration_ms: u64::try_from(at.0 - self.began.0).unwrap_or(0),
            status: status.as_u16(),
            what,
        }
    }
}

/// The longest text of a client's that is kept, in characters.
pub(crate) const MAX_TEXT: usize = 256;
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The name that the client gave its request, or one that no other request of this process has.
pub(crate) fn correlation(headers: &HeaderMap) -> String {
    static SEED: LazyLock<(u64, AtomicU64)> = LazyLock::new(|| {
        let random = || RandomState::new().build_hasher().finish();
        (random(), AtomicU64::new(random()))
    });
    let is_name = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if let Some(name) = text(headers, &CLIENT_REQUEST_ID).filter(is_name) {
        return name.to_owned();
    }
    let (process, next) = (SEED.0, SEED.1.fetch_add(1, Ordering::Relaxed));
    let (a, b, c) = (process >> 32, (process >> 16) & 0xffff, process & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-a{:03x}-{:012x}", (next >> 48) & 0xfff, next & 0xffff_ffff_ffff)
}

/// The name of a token that was given out (`jti`), which is not the token; empty for one that tells nobody its name.
fn token_name(token: &str) -> String {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let claims: Option<serde_json::Value> = payload.and_then(|json| serde_json::from_slice(&json).ok());
    claims.as_ref().and_then(|claims| claims["jti"].as_str()).unwrap_or_default().to_owned()
}
