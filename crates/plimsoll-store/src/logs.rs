//! Resource logs, kept for a while; and the name under which this store's own scanner appears in them.

use plimsoll_types::log::{Event, Table, What};
use plimsoll_types::{Digest, RepositoryName, Tag, Timestamp};

use crate::blobs::random_name;
use crate::database::{Arg, Row, args};
use crate::{Error, RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;
/// Events that are removed in one transaction.
const REMOVED_AT_ONCE: i64 = 10_000;

/// Which events are asked for. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only those of this registry.
    pub registry: Option<RegistryId>,
    /// Only those at this instant or later.
    pub since: Option<Timestamp>,
    /// Only those before this instant.
    pub until: Option<Timestamp>,
    /// Only those with this `OperationName`.
    pub operation: Option<String>,
    /// Only those of this principal.
    pub identity: Option<String>,
    /// Only those of this repository.
    pub repository: Option<String>,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its row; later events have higher ones.
    pub row: i64,
    /// The registry that it is about.
    pub registry: RegistryId,
    /// What happened.
    pub event: Event,
}

/// A place where an image is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlace {
    /// The registry.
    pub registry: RegistryId,
    /// The repository.
    pub repository: RepositoryName,
    /// The first of its tags there.
    pub tag: Option<Tag>,
    /// The media type it was pushed as.
    pub media_type: String,
    /// The size of its manifest in bytes.
    pub size: u64,
}

impl Store {
    /// Keeps events, in one transaction.
    pub async fn log_events(&self, events: &[(RegistryId, Event)]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(events.len() * 7);
        for (registry, event) in events {
            let repository = match &event.what {
                What::Repository(what) => what.repository.as_str(),
                What::Login { .. } => "",
            };
            let detail = serde_json::to_string(event)
                .map_err(|error| Error::corrupt("an event that is no JSON").because(error))?;
            rows.extend(args![
                event.at,
                event.table().as_str(),
                registry.0,
                event.operation(),
                event.identity.as_str(),
                repository,
                detail,
            ]);
        }
        let sql = "insert into resource_logs (at, category, registry, operation, identity, repository, detail) \
            values {rows}";
        let mut tx = self.db.begin("keep resource logs").await?;
        tx.insert(sql, 7, &rows).await?;
        tx.commit().await
    }

    /// Up to `n` events of a table behind the row `after`, the oldest first.
    pub async fn resource_logs(
        &self,
        table: Table,
        filter: &LogFilter,
        after: i64,
        n: u32,
    ) -> Result<Vec<LoggedEvent>> {
        self.logs(table, filter, "id > $3", after, "id", n).await
    }

    /// The newest `n` events of a table before the row `before` (none: of all), the newest first.
    pub async fn newest_resource_logs(
        &self,
        table: Table,
        filter: &LogFilter,
        before: Option<i64>,
        n: u32,
    ) -> Result<Vec<LoggedEvent>> {
        self.logs(table, filter, "id < $3", before.unwrap_or(i64::MAX), "id desc", n).await
    }

    async fn logs(
        &self,
        table: Table,
        filter: &LogFilter,
        place: &str,
        row: i64,
        order: &str,
        n: u32,
    ) -> Result<Vec<LoggedEvent>> {
        let mut sql =
            format!("select id, registry, detail from resource_logs where category = $1 and {place}");
        let mut values = args![table.as_str(), i64::from(n.min(MAX_PAGE)), row].to_vec();
        let conditions: [(&str, Option<Arg<'_>>); 6] = [
            ("registry =", filter.registry.map(|registry| Arg::from(registry.0))),
            ("at >=", filter.since.map(Arg::from)),
            ("at <", filter.until.map(Arg::from)),
            ("operation =", filter.operation.as_deref().map(Arg::from)),
            ("identity =", filter.identity.as_deref().map(Arg::from)),
            ("repository =", filter.repository.as_deref().map(Arg::from)),
        ];
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(value);
                sql.push_str(&format!(" and {condition} ${}", values.len()));
            }
        }
        sql.push_str(&format!(" order by {order} limit $2"));
        let read = |row: &Row| {
            let event = row.json(2)?.ok_or_else(|| Error::corrupt("an event without its detail"))?;
            Ok(LoggedEvent { row: row.get(0)?, registry: RegistryId(row.get(1)?), event })
        };
        self.db.all("read resource logs", sql, &values).await?.iter().map(read).collect()
    }

    /// Removes the events before `before`, and of the rest all but the newest `most`. Tells how many.
    pub async fn expire_resource_logs(&self, before: Timestamp, most: u64) -> Result<u64> {
        let sql = "select max(id) from resource_logs";
        let row = self.db.one("look at the resource logs", sql, &[]).await?;
        let newest = row.map(|row| row.get::<Option<i64>>(0)).transpose()?.flatten().unwrap_or(0);
        let oldest = newest.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
        let mut removed = 0;
        loop {
            let sql = "delete from resource_logs where id in \
                (select id from resource_logs where id <= $1 or at < $2 order by id limit $3)";
            let mut tx = self.db.begin("remove old resource logs").await?;
            let now = tx.execute(sql, &args![oldest, before, REMOVED_AT_ONCE]).await?;
            tx.commit().await?;
            removed += now;
            if now < REMOVED_AT_ONCE as u64 {
                return Ok(removed);
            }
        }
    }

    /// The principal that our own scanner logs in as: a GUID that this store made up once.
    pub async fn scanner_identity(&self) -> Result<String> {
        let sql = "select id from identities where name = 'scanner'";
        if let Some(row) = self.db.one("look for the scanner's identity", sql, &[]).await? {
            return row.get(0);
        }
        let hex = random_name()?;
        // The version and the variant of a random UUID (RFC 9562, 5.4).
        let id = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
        let mut tx = self.db.begin("make the scanner's identity").await?;
        let insert = "insert into identities (name, id) values ('scanner', $1) on conflict (name) do nothing";
        tx.execute(insert, &args![&id]).await?;
        let row = tx.one(sql, &[]).await?;
        tx.commit().await?;
        row.ok_or_else(|| Error::corrupt("the scanner's identity was not kept"))?.get(0)
    }

    /// Where an image is kept: up to `n` repositories, in the order in which it came to them.
    pub async fn image_places(&self, digest: &Digest, n: u32) -> Result<Vec<ImagePlace>> {
        let sql = "select r.registry, r.name, l.media_type, m.size, \
            (select min(t.name) from tags t where t.repository = l.repository and t.digest = l.digest) \
            from repository_manifests l join repositories r on r.id = l.repository \
            join manifests m on m.digest = l.digest where l.digest = $1 order by l.id limit $2";
        let rows = self.db.all("look for an image", sql, &args![digest, i64::from(n.min(MAX_PAGE))]).await?;
        let read = |row: &Row| {
            let tag = match row.get::<Option<&str>>(4)? {
                Some(_) => Some(row.parse(4)?),
                None => None,
            };
            Ok(ImagePlace {
                registry: RegistryId(row.get(0)?),
                repository: row.parse(1)?,
                media_type: row.get(2)?,
                size: row.count(3)?,
                tag,
            })
        };
        rows.iter().map(read).collect()
    }
}
