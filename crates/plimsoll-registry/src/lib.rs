//! OCI distribution 1.1 over HTTP: what `docker push`, `skopeo copy`, `helm pull` and their kin talk to.
//!
//! A request comes in at one door ([`routes`]), which reads the path from the right, asks [`access`] whether it may (the
//! [`tokens`] by which clients say who they are come from here too), and hands it to the room of its noun: [`blobs`], [`uploads`], [`manifests`], [`lists`] (tags, catalog, referrers). A room
//! reads its input, asks the store once or twice, and shapes the answer. What fails is an [`errors::Error`] by kind; only
//! that module knows which status code a failure has.
//!
//! Nothing here knows a table, a file or a cache: what a repository holds is asked of the store on every request, in the
//! same database that deletions use (CVE-2024-39897 and CVE-2026-35172 are what happens otherwise). Bodies pass through as
//! streams; only a manifest, which is small by decree, is held in memory.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod answers;
mod blobs;
mod errors;
mod incoming;
mod lists;
mod manifests;
mod ranges;
mod routes;
mod tokens;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_access::{Access, Connection};
use plimsoll_store::Store;
use plimsoll_types::Timestamp;

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
