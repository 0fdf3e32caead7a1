//! Hosts: which embedded registry a request is for, by the name that the client knows it by.
//!
//! The registries are few and asked for by every request, so they are held in memory, for a second at most: then, or at
//! once where this process changed one of them, they are read anew. Another node's change counts within that second.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use plimsoll_access::{Connection, Gate};
use plimsoll_store::RegistryId;
use plimsoll_types::registry::{Description, PolicyStatus};
use plimsoll_types::{Scope, Timestamp};

use crate::Registry;
use crate::errors::{Error, Kind};
use crate::network::Network;

/// How long the registries are believed to be what they were, in milliseconds.
const FRESH: i64 = 1000;

/// An embedded registry, and what of it counts for every request.
pub(crate) struct Here {
    pub(crate) id: RegistryId,
    pub(crate) scope: Scope,
    /// Its store speaks of this registry and no other.
    pub(crate) registry: Registry,
    pub(crate) gate: Gate,
    pub(crate) network: Network,
    /// Whether images are held back until somebody has looked at them.
    pub(crate) quarantines: bool,
}

/// Finds registries by host.
pub(crate) struct Hosts {
    front: Registry,
    table: RwLock<Option<Arc<Table>>>,
    reading: tokio::sync::Mutex<()>,
}

struct Table {
    version: u64,
    read_at: Timestamp,
    /// The one that answers to every name that no other has.
    first: Option<Arc<Here>>,
    by_host: HashMap<String, Arc<Here>>,
}

impl Hosts {
    pub(crate) fn new(front: Registry) -> Self {
        Self { front, table: RwLock::default(), reading: tokio::sync::Mutex::default() }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.front.settings.connection
    }

    /// The registry that a client means by `host`.
    pub(crate) async fn find(&self, host: &str) -> Result<Arc<Here>, Error> {
        let table = self.table().await?;
        let found = match host.bytes().any(|b| b.is_ascii_uppercase()) {
            false => table.by_host.get(host),
            true => table.by_host.get(&host.to_ascii_lowercase()),
        };
        let nowhere = || Error::new(Kind::NotFound, "there is no registry here");
        found.or(table.first.as_ref()).cloned().ok_or_else(nowhere)
    }

    async fn table(&self) -> Result<Arc<Table>, Error> {
        let (version, now) = (self.front.store.registries_version(), self.front.now());
        let known = self.known();
        if let Some(table) = known.as_ref().filter(|table| table.is_fresh(version, now)) {
            return Ok(Arc::clone(table));
        }
        let _reading = match (&known, self.reading.try_lock()) {
            (_, Ok(reading)) => reading,
            // Somebody reads them already. What is only old will do until then.
            (Some(table), Err(_)) if table.version == version => return Ok(Arc::clone(table)),
            (_, Err(_)) => self.reading.lock().await,
        };
        if let Some(table) = self.known().filter(|table| table.is_fresh(version, now)) {
            return Ok(table);
        }
        let table = Arc::new(self.read(version, now).await?);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&table));
        Ok(table)
    }

    fn known(&self) -> Option<Arc<Table>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, version: u64, read_at: Timestamp) -> Result<Table, Error> {
        let mut table = Table { version, read_at, first: None, by_host: HashMap::new() };
        for registry in self.front.store.registries().await? {
            let gate = match Gate::of(&registry) {
                Ok(gate) => gate,
                Err(error) => {
                    let name = &registry.scope.registry;
                    tracing::error!(registry.name = name, %error, "a registry cannot be served");
                    continue;
                }
            };
            let properties = Description::of_body(&registry.body).properties;
            let here = Arc::new(Here {
                id: registry.id,
                registry: Registry { store: self.front.store.in_registry(registry.id), ..self.front.clone() },
                gate,
                quarantines: properties.policies.quarantine_policy.status == PolicyStatus::Enabled,
                network: Network::of(properties),
                scope: registry.scope,
            });
            table.first.get_or_insert_with(|| Arc::clone(&here));
            table.by_host.insert(here.scope.registry_host.to_ascii_lowercase(), here);
        }
        Ok(table)
    }
}

impl Table {
    /// A clock that was put back makes it old, too.
    fn is_fresh(&self, version: u64, now: Timestamp) -> bool {
        self.version == version && (0..FRESH).contains(&(now.0 - self.read_at.0))
    }
}
