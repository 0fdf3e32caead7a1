//! Subscriptions and resource groups as clients make and remove them, the end of a registry, and what one holds.

use plimsoll_types::{ResourceId, Timestamp};

use crate::access::renew_password;
use crate::database::{MAX_CONFLICTS, Row, Tx, args, step_aside};
use crate::registries::{RegistryId, group_key};
use crate::{Deleted, Error, ErrorKind, Registry, ResourceGroup, Result, Store, Subscription, rules};

/// What a registry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegistryUsage {
    /// The bytes of its blobs and manifests, each counted once.
    pub bytes: u64,
    /// Its repositories.
    pub repositories: u64,
}

/// What goes with a registry, in the order in which references allow it. `$1` is its row. Manifests and blobs stay, since
/// others may hold them; they are a collector's.
const BELOW_A_REGISTRY: &[&str] = &[
    "delete from pulls where image in (select m.id from repository_manifests m \
        join repositories r on r.id = m.repository where r.registry = $1)",
    "delete from tags where repository in (select id from repositories where registry = $1)",
    "delete from pulls where image in (select l.id from repository_manifests l \
        join repositories r on r.id = l.repository where r.registry = $1)",
    "delete from repository_manifests where repository in (select id from repositories where registry = $1)",
    "delete from repository_blobs where repository in (select id from repositories where registry = $1)",
    "delete from repositories where registry = $1",
];

impl Store {
    /// One subscription.
    pub async fn subscription(&self, id: &str) -> Result<Option<Subscription>> {
        let sql = "select id, display_name, created_at from subscriptions where id = $1";
        let row = self.db.one("look for a subscription", sql, &args![id.to_ascii_lowercase()]).await?;
        let read = |row: Row| {
            Ok(Subscription {
                id: row.get(0)?,
                display_name: row.get(1)?,
                created_at: Timestamp(row.get(2)?),
            })
        };
        row.map(read).transpose()
    }

    /// Makes a subscription, or gives it another name. Gives whether it is new.
    pub async fn put_subscription(&self, id: &str, display_name: &str, now: Timestamp) -> Result<bool> {
        let key = id.to_ascii_lowercase();
        let mut tx = self.db.begin("store a subscription").await?;
        let sql = "update subscriptions set display_name = $2 where id = $1";
        let changed = tx.execute(sql, &args![&key, display_name]).await?;
        if changed == 0 {
            let sql = "insert into subscriptions (id, display_name, created_at) values ($1, $2, $3) \
                on conflict (id) do update set display_name = excluded.display_name";
            tx.execute(sql, &args![&key, display_name, now]).await?;
        }
        tx.commit().await?;
        Ok(changed == 0)
    }

    /// Removes a subscription with its settings. `InUse` while it has resource groups.
    pub async fn delete_subscription(&self, id: &str) -> Result<Deleted> {
        let key = id.to_ascii_lowercase();
        let mut tx = self.db.begin("delete a subscription").await?;
        let sql = format!("select 1 from subscriptions where id = $1{}", tx.for_update());
        if tx.one(sql, &args![&key]).await?.is_none() {
            return Ok(Deleted::Unknown);
        }
        let sql = "select 1 from resource_groups where subscription = $1 limit 1";
        if tx.one(sql, &args![&key]).await?.is_some() {
            return Ok(Deleted::InUse);
        }
        delete_settings(&mut tx, &ResourceId::of_subscription(&key).map_err(no_id)?).await?;
        for sql in ["delete from plans where subscription = $1", "delete from subscriptions where id = $1"] {
            tx.execute(sql, &args![&key]).await?;
        }
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// One resource group, whatever the case of its name.
    pub async fn resource_group(&self, subscription: &str, name: &str) -> Result<Option<ResourceGroup>> {
        let sql = "select subscription, name, location, tags, created_at from resource_groups where id = $1";
        let values = args![group_key(subscription, name)];
        let row = self.db.one("look for a resource group", sql, &values).await?;
        let read = |row: Row| {
            Ok(ResourceGroup {
                subscription: row.get(0)?,
                name: row.get(1)?,
                location: row.get(2)?,
                tags: row.json(3)?.unwrap_or_default(),
                created_at: Timestamp(row.get(4)?),
            })
        };
        row.map(read).transpose()
    }

    /// Makes a resource group, or changes the tags of the one that has this name. Gives whether it is new. `NotFound`
    /// where there is no such subscription.
    pub async fn put_resource_group(&self, group: &ResourceGroup) -> Result<bool> {
        let subscription = group.subscription.to_ascii_lowercase();
        let id = group_key(&subscription, &group.name);
        let tags = group.tags.to_string();
        let mut tx = self.db.begin("store a resource group").await?;
        let sql = format!("select 1 from subscriptions where id = $1{}", tx.for_share());
        if tx.one(sql, &args![&subscription]).await?.is_none() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no subscription {subscription}")));
        }
        let changed =
            tx.execute("update resource_groups set tags = $2 where id = $1", &args![&id, &tags]).await?;
        if changed == 0 {
            let sql = "insert into resource_groups (id, subscription, name, location, tags, created_at) \
                values ($1, $2, $3, $4, $5, $6) on conflict (id) do update set tags = excluded.tags";
            let values = args![&id, &subscription, &group.name, &group.location, &tags, group.created_at];
            tx.execute(sql, &values).await?;
        }
        tx.commit().await?;
        Ok(changed == 0)
    }

    /// Removes a resource group with its settings. `InUse` while it has registries.
    pub async fn delete_resource_group(&self, subscription: &str, name: &str) -> Result<Deleted> {
        let id = group_key(subscription, name);
        let mut tx = self.db.begin("delete a resource group").await?;
        // The lock waits for a registry that is being made in it; what follows then sees it.
        let sql = format!("select 1 from resource_groups where id = $1{}", tx.for_update());
        if tx.one(sql, &args![&id]).await?.is_none() {
            return Ok(Deleted::Unknown);
        }
        let sql =
            "select 1 from registries where lower(subscription) = $1 and lower(resource_group) = $2 limit 1";
        let values = args![subscription.to_ascii_lowercase(), name.to_ascii_lowercase()];
        if tx.one(sql, &values).await?.is_some() {
            return Ok(Deleted::InUse);
        }
        let scope = format!("/subscriptions/{subscription}/resourceGroups/{name}");
        delete_settings(&mut tx, &scope.parse().map_err(no_id)?).await?;
        tx.execute("delete from resource_groups where id = $1", &args![&id]).await?;
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// The registry that this id names: name, group and subscription must fit.
    pub async fn registry_at(&self, id: &ResourceId) -> Result<Option<Registry>> {
        let found = self.registry_by_name(id.name()).await?;
        Ok(found.filter(|registry| registry.scope.registry_id().eq_ignore_ascii_case(id.as_str())))
    }

    /// Removes a registry with its repositories, tags, links and uploads, and all settings below it, in one transaction.
    /// Blobs and manifests stay for a collector. `InUse` for the first registry, which stands in the process's settings
    /// and would be back at the next start.
    pub async fn delete_registry(&self, id: RegistryId) -> Result<Deleted> {
        if id == RegistryId::FIRST {
            return Ok(Deleted::InUse);
        }
        let mut conflicts = 0;
        let deleted = loop {
            match self.try_delete_registry(id).await {
                Err(error) if error.is_conflict() && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                result => break result?,
            }
        };
        if deleted == Deleted::Yes {
            self.registries_have_changed();
            // Their space is worth nothing without the registry, and nothing is wrong while it is still there.
            self.forget_uploads(format!("{}/", id.0)..format!("{}0", id.0)).await?;
        }
        Ok(deleted)
    }

    async fn try_delete_registry(&self, id: RegistryId) -> Result<Deleted> {
        let mut tx = self.db.begin("delete a registry").await?;
        let sql = format!(
            "select subscription, resource_group, name from registries where id = $1{}",
            tx.for_update()
        );
        let Some(row) = tx.one(sql, &args![id.0]).await? else { return Ok(Deleted::Unknown) };
        let scope = plimsoll_types::Scope {
            subscription: row.get(0)?,
            resource_group: row.get(1)?,
            registry: row.get(2)?,
            registry_host: String::new(),
        };
        // The locks wait for what is being pushed, and whoever comes later finds the repository gone.
        let sql = format!("select id from repositories where registry = $1 order by id{}", tx.for_update());
        tx.all(sql, &args![id.0]).await?;
        for sql in BELOW_A_REGISTRY {
            tx.execute(*sql, &args![id.0]).await?;
        }
        let place: ResourceId = scope.registry_id().parse().map_err(no_id)?;
        delete_settings(&mut tx, &place).await?;
        rules::forget_rules_without_document(&mut tx).await?;
        // They are derived from the name: a registry that takes it again must have others.
        for name in ["password", "password2"] {
            renew_password(&mut tx, &place, name).await?;
        }
        tx.execute("delete from registries where id = $1", &args![id.0]).await?;
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// What a registry holds. Reads all its links.
    pub async fn registry_usage(&self, id: RegistryId) -> Result<RegistryUsage> {
        let count = |table: &str, column: &str, content: &str| {
            format!(
                "(select cast(coalesce(sum(c.size), 0) as bigint) from {content} c where c.digest in \
                (select l.{column} from {table} l join repositories r on r.id = l.repository where r.registry = $1))"
            )
        };
        let sql = format!(
            "select {} + {}, (select count(*) from repositories where registry = $1)",
            count("repository_blobs", "blob", "blobs"),
            count("repository_manifests", "digest", "manifests"),
        );
        let row = self.db.one("sum up a registry", sql, &args![id.0]).await?;
        let row = row.ok_or_else(|| Error::corrupt("a sum had no row"))?;
        Ok(RegistryUsage { bytes: row.count(0)?, repositories: row.count(1)? })
    }
}

/// Removes the settings below a place, and the roles that were given at it and below it: whoever makes another thing of
/// the same name must not find them.
async fn delete_settings(tx: &mut Tx, place: &ResourceId) -> Result<()> {
    // All that begins with the place and a slash: the byte behind the slash is 0.
    let (from, to) = (format!("{}/", place.key()), format!("{}0", place.key()));
    for sql in [
        "delete from resources where id >= $1 and id < $2",
        "delete from resource_secrets where resource >= $1 and resource < $2",
        "delete from deliveries where resource >= $1 and resource < $2",
        "delete from delivery_targets where target >= $1 and target < $2",
        "delete from delivery_told where target >= $1 and target < $2",
        "delete from webhook_events where webhook >= $1 and webhook < $2",
    ] {
        tx.execute(sql, &args![&from, &to]).await?;
    }
    let sql = "delete from role_assignments where scope_key = $1 or (scope_key >= $2 and scope_key < $3)";
    tx.execute(sql, &args![place.key(), &from, &to]).await?;
    Ok(())
}

fn no_id(error: plimsoll_types::ParseError) -> Error {
    Error::corrupt(format!("the database holds what it never should: {error}"))
}
