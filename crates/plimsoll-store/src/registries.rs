//! Subscriptions, resource groups and registries: what everything else belongs to.

use std::sync::atomic::Ordering;

use plimsoll_types::{RepositoryName, Scope, Timestamp};
use serde_json::Value;

use crate::database::{Arg, Row, args};
use crate::{Error, ErrorKind, Result, Store};

/// A registry's row. Names can be given away and taken again; this number never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryId(pub i64);

impl RegistryId {
    /// The first registry that a store ever had: the one that `serve` makes from its settings.
    pub const FIRST: Self = Self(1);
}

/// An embedded registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// Its row.
    pub id: RegistryId,
    /// Where it stands, and under which host name clients reach it.
    pub scope: Scope,
    /// What a client wrote of it: `location`, `sku`, `tags`, `identity` and `properties`, as Resource Manager has them.
    pub body: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id, a GUID.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A resource group.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceGroup {
    /// The subscription.
    pub subscription: String,
    /// Its name, in the case that it was made with.
    pub name: String,
    /// Where Azure would keep it; a word that is given back.
    pub location: String,
    /// Its tags, a map of texts.
    pub tags: Value,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A repository of one registry, as rows name it: `REGISTRY/NAME`.
pub(crate) struct RepositoryKey {
    pub(crate) registry: RegistryId,
    pub(crate) name: RepositoryName,
    /// Who asks for what is done to it.
    pub(crate) origin: Option<std::sync::Arc<crate::Origin>>,
    text: String,
}

impl RepositoryKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

impl From<&RepositoryKey> for Arg<'_> {
    fn from(key: &RepositoryKey) -> Self {
        Self::from(key.text.clone())
    }
}

impl Store {
    /// The same store, speaking of this registry wherever a method names a repository.
    pub fn in_registry(&self, registry: RegistryId) -> Self {
        Self { registry, ..self.clone() }
    }

    /// The registry that this handle speaks of; the first one where nothing else was said.
    pub fn registry_id(&self) -> RegistryId {
        self.registry
    }

    /// Makes sure that this registry is there, with its resource group and subscription, and answers to the host of
    /// `scope` from now on. Gives its row.
    pub async fn ensure_registry(&self, scope: &Scope, body: &Value, now: Timestamp) -> Result<RegistryId> {
        let mut tx = self.db.begin("set up the registry").await?;
        let key = scope.subscription.to_ascii_lowercase();
        let sql = "insert into subscriptions (id, display_name, created_at) values ($1, 'Plimsoll', $2) \
            on conflict (id) do nothing";
        tx.execute(sql, &args![&key, now]).await?;
        let sql = "insert into resource_groups (id, subscription, name, location, tags, created_at) \
            values ($1, $2, $3, 'local', '{}', $4) on conflict (id) do nothing";
        let group = group_key(&scope.subscription, &scope.resource_group);
        tx.execute(sql, &args![&group, &key, &scope.resource_group, now]).await?;
        let sql = "insert into registries \
            (subscription, resource_group, name, name_key, host, body, created_at, changed_at) \
            values ($1, $2, $3, $4, $5, $6, $7, $7) \
            on conflict (name_key) do update set host = excluded.host returning id";
        let values = args![
            &scope.subscription,
            &scope.resource_group,
            &scope.registry,
            scope.registry.to_ascii_lowercase(),
            &scope.registry_host,
            body.to_string(),
            now
        ];
        let row = tx.one(sql, &values).await?;
        let row = row.ok_or_else(|| Error::corrupt("the registry was not kept"))?;
        let id = RegistryId(row.get(0)?);
        tx.commit().await?;
        self.registries_have_changed();
        Ok(id)
    }

    /// Stores a registry: makes it, or changes the body and host of the one that has this place and name. `Err(Conflict)`
    /// where the name or the host belongs to another, `Err(NotFound)` where there is no such resource group. Gives whether
    /// it is new.
    pub async fn put_registry(
        &self,
        scope: &Scope,
        body: &Value,
        now: Timestamp,
    ) -> Result<(RegistryId, bool)> {
        let mut tx = self.db.begin("store a registry").await?;
        let sql = "select id, subscription, resource_group, name, host, body, created_at, changed_at \
            from registries where name_key = $1 or host = $2";
        let key = scope.registry.to_ascii_lowercase();
        let mut mine = None;
        for row in tx.all(sql, &args![&key, &scope.registry_host]).await? {
            let found = read_registry(&row)?;
            let is_mine = found.scope.registry.eq_ignore_ascii_case(&scope.registry)
                && found.scope.subscription.eq_ignore_ascii_case(&scope.subscription)
                && found.scope.resource_group.eq_ignore_ascii_case(&scope.resource_group);
            if !is_mine {
                let message =
                    format!("the registry {} is taken, or its host {}", scope.registry, scope.registry_host);
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            mine = Some(found.id);
        }
        let (id, is_new) = match mine {
            Some(id) => {
                let sql = "update registries set host = $2, body = $3, changed_at = $4 where id = $1";
                tx.execute(sql, &args![id.0, &scope.registry_host, body.to_string(), now]).await?;
                (id, false)
            }
            None => {
                // The lock waits for a group that is being deleted.
                let sql = format!("select 1 from resource_groups where id = $1{}", tx.for_share());
                let group = group_key(&scope.subscription, &scope.resource_group);
                if tx.one(sql, &args![group]).await?.is_none() {
                    let message = format!("there is no resource group {}", scope.resource_group);
                    return Err(Error::new(ErrorKind::NotFound, message));
                }
                let sql = "insert into registries \
                    (subscription, resource_group, name, name_key, host, body, created_at, changed_at) \
                    values ($1, $2, $3, $4, $5, $6, $7, $7) returning id";
                let values = args![
                    &scope.subscription,
                    &scope.resource_group,
                    &scope.registry,
                    &key,
                    &scope.registry_host,
                    body.to_string(),
                    now
                ];
                let row = tx.one(sql, &values).await?;
                let row = row.ok_or_else(|| Error::corrupt("the registry was not kept"))?;
                (RegistryId(row.get(0)?), true)
            }
        };
        tx.commit().await?;
        self.registries_have_changed();
        Ok((id, is_new))
    }

    /// Replaces the body of a registry, unless it is no longer what the caller has seen. Gives whether it is done.
    pub async fn change_registry(
        &self,
        id: RegistryId,
        seen: &Value,
        body: &Value,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("change a registry").await?;
        let sql = "update registries set body = $3, changed_at = $4 where id = $1 and body = $2";
        let values = args![id.0, seen.to_string(), body.to_string(), now];
        let changed = tx.execute(sql, &values).await?;
        tx.commit().await?;
        self.registries_have_changed();
        Ok(changed > 0)
    }

    /// One registry.
    pub async fn registry(&self, id: RegistryId) -> Result<Option<Registry>> {
        let sql = format!("{REGISTRIES} where id = $1");
        let row = self.db.one("look for a registry", sql, &args![id.0]).await?;
        row.as_ref().map(read_registry).transpose()
    }

    /// The registry of this name, whatever the case.
    pub async fn registry_by_name(&self, name: &str) -> Result<Option<Registry>> {
        let sql = format!("{REGISTRIES} where name_key = $1");
        let row = self.db.one("look for a registry", sql, &args![name.to_ascii_lowercase()]).await?;
        row.as_ref().map(read_registry).transpose()
    }

    /// The registry that answers to this host name, `registry.example:5000`.
    pub async fn registry_by_host(&self, host: &str) -> Result<Option<Registry>> {
        let sql = format!("{REGISTRIES} where host = $1");
        let row = self.db.one("look for a registry", sql, &args![host.to_ascii_lowercase()]).await?;
        row.as_ref().map(read_registry).transpose()
    }

    /// All registries, in the order in which they were made.
    pub async fn registries(&self) -> Result<Vec<Registry>> {
        let sql = format!("{REGISTRIES} order by id");
        self.db.all("list the registries", sql, &[]).await?.iter().map(read_registry).collect()
    }

    /// All subscriptions.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        let sql = "select id, display_name, created_at from subscriptions order by created_at, id";
        let read = |row: &Row| {
            Ok(Subscription {
                id: row.get(0)?,
                display_name: row.get(1)?,
                created_at: Timestamp(row.get(2)?),
            })
        };
        self.db.all("list the subscriptions", sql, &[]).await?.iter().map(read).collect()
    }

    /// The resource groups of a subscription.
    pub async fn resource_groups(&self, subscription: &str) -> Result<Vec<ResourceGroup>> {
        let sql = "select subscription, name, location, tags, created_at from resource_groups \
            where subscription = $1 order by id";
        let values = args![subscription.to_ascii_lowercase()];
        let read = |row: &Row| {
            Ok(ResourceGroup {
                subscription: row.get(0)?,
                name: row.get(1)?,
                location: row.get(2)?,
                tags: row.json(3)?.unwrap_or_default(),
                created_at: Timestamp(row.get(4)?),
            })
        };
        self.db.all("list the resource groups", sql, &values).await?.iter().map(read).collect()
    }

    /// A number that grows whenever this process has changed a registry.
    pub fn registries_version(&self) -> u64 {
        self.registries_changed.load(Ordering::Acquire)
    }

    /// To be called once such a change is committed.
    pub(crate) fn registries_have_changed(&self) {
        self.registries_changed.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn key(&self, repository: &RepositoryName) -> RepositoryKey {
        let text = format!("{}/{repository}", self.registry.0);
        RepositoryKey { registry: self.registry, name: repository.clone(), origin: self.origin.clone(), text }
    }
}

const REGISTRIES: &str =
    "select id, subscription, resource_group, name, host, body, created_at, changed_at from registries";

/// The key of a resource group's row.
pub(crate) fn group_key(subscription: &str, group: &str) -> String {
    format!("{subscription}/{group}").to_ascii_lowercase()
}

fn read_registry(row: &Row) -> Result<Registry> {
    Ok(Registry {
        id: RegistryId(row.get(0)?),
        scope: Scope {
            subscription: row.get(1)?,
            resource_group: row.get(2)?,
            registry: row.get(3)?,
            registry_host: row.get(4)?,
        },
        body: row.json(5)?.unwrap_or_default(),
        created_at: Timestamp(row.get(6)?),
        changed_at: Timestamp(row.get(7)?),
    })
}
