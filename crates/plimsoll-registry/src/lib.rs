//! OCI distribution 1.1 over HTTP: what `docker push`, `skopeo copy`, `helm pull` and their kin talk to; and what Azure's
//! registry has beyond it, under `/acr/v1/` ([`acr`]).
//!
//! A request comes in at one door ([`routes`]). Its host says which registry it is for ([`hosts`]), and whether its sender's
//! [`network`] may reach that. The path is read from the right, [`access`] is asked whether the caller may (the [`tokens`] by
//! which clients say who they are come from here too), and the room of the noun answers: [`blobs`], [`uploads`],
//! [`manifests`], [`lists`] (tags, catalog, referrers). A room reads its input, asks the store once or twice, and shapes the
//! answer. What fails is an [`errors::Error`] by kind; only that module knows which status code a failure has. What was done
//! is noted for the resource [`logs`].
//!
//! Nothing here knows a table or a file, and only [`hosts`] has a cache: what a repository holds is asked of the store on every request, in the
//! same database that deletions use (CVE-2024-39897 and CVE-2026-35172 are what happens otherwise). Bodies pass through as
//! streams; only a manifest, which is small by decree, is held in memory.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod acr;
mod answers;
mod blobs;
mod errors;
mod hosts;
mod incoming;
mod lists;
mod logs;
mod manifests;
mod network;
mod ranges;
mod routes;
mod tokens;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_access::{Access, Connection};
use plimsoll_store::Store;
use plimsoll_types::Timestamp;

pub use logs::{Journal, JournalSettings, Lines};
pub use routes::router;

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the registry is made of. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    /// Where everything is kept.
    pub store: Store,
    /// The clock that pushes and deletions are dated by.
    pub clock: Clock,
    /// Recognises callers.
    pub access: Access,
    /// Takes notes of what happens.
    pub journal: Journal,
    /// How it behaves.
    pub settings: Settings,
}

impl Registry {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// How the registry behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How clients reach the listener.
    pub connection: Connection,
    /// How long a client may take for the next [`Settings::patience_bytes`] of a body before it is given up. The clock runs
    /// only while the registry waits for the client.
    pub patience: Duration,
    /// How many bytes must come within [`Settings::patience`].
    pub patience_bytes: u64,
}

impl Default for Settings {
    /// A client must send 1 KiB/s, looked at every half minute.
    fn default() -> Self {
        Self {
            connection: Connection::default(),
            patience: Duration::from_secs(30),
            patience_bytes: 30 * 1024,
        }
    }
}
