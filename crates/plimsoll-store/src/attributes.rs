//! Repositories, tags and manifests as their owners see them: what may be done with each, when it was changed, whether it
//! is in quarantine. And the deletion of a whole repository, which a lock anywhere inside of it forbids.
//!
//! What is switched off here is refused by the methods that would do it ([`crate::ErrorKind::Locked`]), in the transaction
//! that would do it, so that no way round is left. Writing that is switched off forbids deletion too, as in Azure.

use bytes::Bytes;
use plimsoll_types::{Digest, Platform, RepositoryName, Tag, Timestamp};

use crate::database::{Arg, Row, Tx, args};
use crate::manifests::{find_repository, record_event};
use crate::registries::RepositoryKey;
use crate::{Error, ErrorKind, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 1000;
/// The most bytes of manifests that one list holds, but for a single one: strangers make them as large as they can.
const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// What may be done with a repository, a tag or a manifest. All of it, unless somebody switched it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// It may be deleted.
    pub delete: bool,
    /// It may be overwritten, and deleted.
    pub write: bool,
    /// It may be pulled.
    pub read: bool,
    /// Lists show it.
    pub list: bool,
}

/// The bits of a row.
const DELETE: i64 = 1;
const WRITE: i64 = 2;
const READ: i64 = 4;
const LIST: i64 = 8;

impl Attributes {
    /// Nothing is switched off.
    pub const ALL: Self = Self { delete: true, write: true, read: true, list: true };

    pub(crate) fn of_bits(bits: i64) -> Self {
        let has = |bit| bits & bit != 0;
        Self { delete: has(DELETE), write: has(WRITE), read: has(READ), list: has(LIST) }
    }

    fn bits(self) -> i64 {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.delete, DELETE) | bit(self.write, WRITE) | bit(self.read, READ) | bit(self.list, LIST)
    }

    fn with(self, change: &AttributeChange) -> Self {
        Self {
            delete: change.delete.unwrap_or(self.delete),
            write: change.write.unwrap_or(self.write),
            read: change.read.unwrap_or(self.read),
            list: change.list.unwrap_or(self.list),
        }
    }

    /// The error of a deletion, where it is switched off. `what` begins its sentence.
    pub(crate) fn allow_deletion(self, what: impl std::fmt::Display) -> Result<()> {
        if self.delete && self.write {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, format!("{what} is locked against deletion")))
    }

    pub(crate) fn allow_writing(self, what: impl std::fmt::Display) -> Result<()> {
        if self.write {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, format!("{what} is locked against writing")))
    }

    pub(crate) fn allow_reading(self, what: impl std::fmt::Display) -> Result<()> {
        if self.read {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Locked, format!("{what} is locked against reading")))
    }
}

/// What is to be switched on or off; `None` leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributeChange {
    /// As [`Attributes::delete`].
    pub delete: Option<bool>,
    /// As [`Attributes::write`].
    pub write: Option<bool>,
    /// As [`Attributes::read`].
    pub read: Option<bool>,
    /// As [`Attributes::list`].
    pub list: Option<bool>,
}

/// What somebody who looked at a manifest in quarantine says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuarantineState {
    /// It may be pulled.
    Passed,
    /// It may not.
    Failed,
}

impl QuarantineState {
    /// The word that clients have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self> {
        let known = [Self::Passed, Self::Failed].into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| Error::corrupt(format!("the quarantine state {text}")))
    }
}

/// A change to a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestChange {
    /// What is switched on or off.
    pub attributes: AttributeChange,
    /// What is said of it in quarantine.
    pub quarantine: Option<QuarantineState>,
    /// Why, in the words of whoever says it.
    pub quarantine_details: Option<String>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryDetails {
    /// When something was first pushed to it.
    pub created_at: Timestamp,
    /// When something was last pushed to it, or its attributes changed.
    pub changed_at: Timestamp,
    /// How many manifests it has.
    pub manifests: u64,
    /// How many tags it has.
    pub tags: u64,
    /// What may be done with it.
    pub attributes: Attributes,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagDetails {
    /// Its name.
    pub name: Tag,
    /// What it names.
    pub digest: Digest,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last moved, or its attributes changed.
    pub changed_at: Timestamp,
    /// What may be done with it.
    pub attributes: Attributes,
}

/// A manifest in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestDetails {
    /// Its digest.
    pub digest: Digest,
    /// The media type it was pushed as.
    pub media_type: String,
    /// The bytes that were pushed.
    pub body: Bytes,
    /// When it was first pushed to the repository.
    pub created_at: Timestamp,
    /// When it was last pushed there, or its attributes changed.
    pub changed_at: Timestamp,
    /// The tags on it that lists show, in ASCII order.
    pub tags: Vec<Tag>,
    /// What may be done with it.
    pub attributes: Attributes,
    /// What was said of it in quarantine.
    pub quarantine: Option<QuarantineState>,
    /// Why.
    pub quarantine_details: Option<String>,
    /// Its platform, where a scan has read it.
    pub platform: Option<Platform>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By name or digest.
    #[default]
    Name,
    /// By the last change, the oldest first.
    OldestFirst,
    /// By the last change, the newest first.
    NewestFirst,
}

/// What a deleted repository had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletedRepository {
    /// The manifests.
    pub manifests: Vec<Digest>,
    /// The tags.
    pub tags: Vec<Tag>,
}

impl Store {
    /// A repository. `None` where it does not exist.
    pub async fn repository_details(&self, repository: &RepositoryName) -> Result<Option<RepositoryDetails>> {
        let sql = "select r.created_at, r.changed_at, r.attributes, \
            (select count(*) from repository_manifests l where l.repository = r.id), \
            (select count(*) from tags t where t.repository = r.id), \
            (select max(l.changed_at) from repository_manifests l where l.repository = r.id) \
            from repositories r where r.key = $1";
        let row = self.db.one("look for a repository", sql, &args![&self.key(repository)]).await?;
        let read = |row: Row| {
            let pushed_at: Option<i64> = row.get(5)?;
            Ok(RepositoryDetails {
                created_at: Timestamp(row.get(0)?),
                changed_at: Timestamp(row.get::<i64>(1)?.max(pushed_at.unwrap_or(0))),
                manifests: row.count(3)?,
                tags: row.count(4)?,
                attributes: Attributes::of_bits(row.get(2)?),
            })
        };
        row.map(read).transpose()
    }

    /// Changes what may be done with a repository. `false` where it does not exist.
    pub async fn change_repository(
        &self,
        repository: &RepositoryName,
        change: &AttributeChange,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("change a repository").await?;
        let lock = tx.for_change();
        let sql = format!("select id, attributes from repositories where key = $1{lock}");
        let Some(row) = tx.one(sql, &args![&self.key(repository)]).await? else { return Ok(false) };
        let (id, attributes): (i64, i64) = (row.get(0)?, row.get(1)?);
        let attributes = Attributes::of_bits(attributes).with(change).bits();
        let sql = "update repositories set attributes = $2, changed_at = $3 where id = $1";
        tx.execute(sql, &args![id, attributes, now]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// A tag. `None` where there is none.
    pub async fn tag_details(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<TagDetails>> {
        let sql = format!("{TAGS} where r.key = $1 and t.name = $2");
        let row = self.db.one("look for a tag", sql, &args![&self.key(repository), tag]).await?;
        row.as_ref().map(read_tag).transpose()
    }

    /// Changes what may be done with a tag. `false` where there is none.
    pub async fn change_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        change: &AttributeChange,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("change a tag").await?;
        let Some(id) = find_repository(&mut tx, &self.key(repository)).await? else { return Ok(false) };
        let lock = tx.for_change();
        let sql = format!("select attributes from tags where repository = $1 and name = $2{lock}");
        let Some(row) = tx.one(sql, &args![id, tag]).await? else { return Ok(false) };
        let attributes = Attributes::of_bits(row.get(0)?).with(change).bits();
        let sql = "update tags set attributes = $3, changed_at = $4 where repository = $1 and name = $2";
        tx.execute(sql, &args![id, tag, attributes, now]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Up to `n` tags that lists may show, behind the tag `last`, in this order; only those on `digest` where it is named.
    /// `None` where the repository does not exist.
    pub async fn tag_list(
        &self,
        repository: &RepositoryName,
        digest: Option<&Digest>,
        order: Order,
        last: Option<&str>,
        n: u32,
    ) -> Result<Option<Vec<TagDetails>>> {
        let key = self.key(repository);
        let mut sql = format!("{TAGS} where r.key = $1 and (t.attributes & {LIST}) <> 0");
        let mut values = args![&key, i64::from(n.min(MAX_PAGE))].to_vec();
        if let Some(digest) = digest {
            values.push(Arg::from(digest));
            sql.push_str(" and t.digest = $3");
        }
        let position = "select t.changed_at from repositories r join tags t on t.repository = r.id \
            where r.key = $1 and t.name = $2";
        if !self.walk(&mut sql, &mut values, &key, order, last, "t.name", position).await? {
            return Ok(Some(Vec::new()));
        }
        let rows = self.db.all("list tags", sql, &values).await?;
        if rows.is_empty() && !self.repository_exists(repository).await? {
            return Ok(None);
        }
        rows.iter().map(read_tag).collect::<Result<_>>().map(Some)
    }

    /// A manifest. `None` where there is none.
    pub async fn manifest_details(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<ManifestDetails>> {
        let sql = format!("{MANIFESTS} where r.key = $1 and l.digest = $2");
        let rows = self.db.all("look for a manifest", sql, &args![&self.key(repository), digest]).await?;
        Ok(self.read_manifests(rows).await?.pop())
    }

    /// Changes a manifest. `false` where there is none.
    pub async fn change_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        change: &ManifestChange,
        now: Timestamp,
    ) -> Result<bool> {
        let key = self.key(repository);
        let mut tx = self.db.begin("change a manifest").await?;
        let Some(id) = find_repository(&mut tx, &key).await? else { return Ok(false) };
        let lock = tx.for_change();
        let sql = format!(
            "select attributes from repository_manifests where repository = $1 and digest = $2{lock}"
        );
        let Some(row) = tx.one(sql, &args![id, digest]).await? else { return Ok(false) };
        let attributes = Attributes::of_bits(row.get(0)?).with(&change.attributes).bits();
        let state = change.quarantine.map(QuarantineState::as_str);
        let sql = "update repository_manifests set attributes = $3, changed_at = $4, \
            quarantine = coalesce($5, quarantine), quarantine_details = coalesce($6, quarantine_details) \
            where repository = $1 and digest = $2";
        let values = args![id, digest, attributes, now, state, change.quarantine_details.as_deref()];
        tx.execute(sql, &values).await?;
        if let Some(state) = state {
            let detail = serde_json::json!({ "state": state }).to_string();
            record_event(&mut tx, "image.quarantine", &key, Some(digest), None, now, &detail).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Up to `n` manifests that lists may show, behind the digest `last`, in this order; fewer where they are large. And
    /// whether more follow. `None` where the repository does not exist.
    pub async fn manifest_list(
        &self,
        repository: &RepositoryName,
        order: Order,
        last: Option<&str>,
        n: u32,
    ) -> Result<Option<(Vec<ManifestDetails>, bool)>> {
        let key = self.key(repository);
        let mut sql = format!(
            "select l.id, m.size from repositories r join repository_manifests l on l.repository = r.id \
            join manifests m on m.digest = l.digest where r.key = $1 and (l.attributes & {LIST}) <> 0"
        );
        let n = n.min(MAX_PAGE);
        // One more than is asked for, to see whether there is one.
        let mut values = args![&key, i64::from(n) + 1].to_vec();
        let position = "select l.changed_at from repositories r join repository_manifests l on l.repository = r.id \
            where r.key = $1 and l.digest = $2";
        if !self.walk(&mut sql, &mut values, &key, order, last, "l.digest", position).await? {
            return Ok(Some((Vec::new(), false)));
        }
        let found = self.db.all("list manifests", sql, &values).await?;
        if found.is_empty() && !self.repository_exists(repository).await? {
            return Ok(None);
        }
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for row in found.iter().take(n as usize) {
            bytes += row.count(1)?;
            if bytes > MAX_PAGE_BYTES && !rows.is_empty() {
                break;
            }
            rows.push(row.get::<i64>(0)?);
        }
        let ids: Vec<_> = rows.iter().map(|row| Arg::from(*row)).collect();
        let sql = format!("{MANIFESTS} where l.id in ({{list}})");
        let bodies = self.db.all_in("list manifests", &sql, &[], &ids).await?;
        let mut by_row = std::collections::HashMap::new();
        for row in bodies {
            by_row.insert(row.get::<i64>(0)?, row);
        }
        // One that was deleted between the two statements is left out.
        let rows_in_order: Vec<_> = rows.iter().filter_map(|row| by_row.remove(row)).collect();
        Ok(Some((self.read_manifests(rows_in_order).await?, rows.len() < found.len())))
    }

    /// Deletes a repository with all that it holds, and tells what that was; `None` where it does not exist. A lock on the
    /// repository, or on any tag or manifest in it, forbids it.
    pub async fn delete_repository(
        &self,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<DeletedRepository>> {
        let key = self.key(repository);
        let mut tx = self.db.begin("delete a repository").await?;
        // Waits for the pushes that are being written, for they hold the row; those that come later make a new one.
        let lock = tx.for_update();
        let sql = format!("select id, attributes from repositories where key = $1{lock}");
        let Some(row) = tx.one(sql, &args![&key]).await? else { return Ok(None) };
        let id: i64 = row.get(0)?;
        Attributes::of_bits(row.get(1)?).allow_deletion(format_args!("the repository {repository}"))?;
        let sql = format!(
            "select digest, attributes from repository_manifests where repository = $1 order by digest{lock}"
        );
        let mut deleted = DeletedRepository::default();
        for row in tx.all(sql, &args![id]).await? {
            let digest: Digest = row.parse(0)?;
            Attributes::of_bits(row.get(1)?).allow_deletion(format_args!("{repository}@{digest}"))?;
            deleted.manifests.push(digest);
        }
        let sql =
            format!("select name, attributes, digest from tags where repository = $1 order by name{lock}");
        for row in tx.all(sql, &args![id]).await? {
            let tag: Tag = row.parse(0)?;
            Attributes::of_bits(row.get(1)?).allow_deletion(format_args!("{repository}:{tag}"))?;
            let digest: Digest = row.parse(2)?;
            record_event(&mut tx, "image.untagged", &key, Some(&digest), Some(&tag), now, "{}").await?;
            deleted.tags.push(tag);
        }
        for sql in [
            "delete from tags where repository = $1",
            "delete from pulls where image in (select id from repository_manifests where repository = $1)",
            "delete from repository_manifests where repository = $1",
            "delete from repository_blobs where repository = $1",
            "delete from repositories where id = $1",
        ] {
            tx.execute(sql, &args![id]).await?;
        }
        for digest in &deleted.manifests {
            record_event(&mut tx, "image.deleted", &key, Some(digest), None, now, "{}").await?;
        }
        tx.commit().await?;
        Ok(Some(deleted))
    }

    /// Ends a statement with place, order and length of a page: `name` is the column that names a row, `position` the
    /// statement that tells when the row of a name was changed. `false` where the row `last` is gone, and with it the place.
    #[allow(clippy::too_many_arguments, reason = "the two lists differ in no more than this")]
    async fn walk<'a>(
        &self,
        sql: &mut String,
        values: &mut Vec<Arg<'a>>,
        key: &RepositoryKey,
        order: Order,
        last: Option<&'a str>,
        name: &str,
        position: &'static str,
    ) -> Result<bool> {
        let changed = name.replace(".name", ".changed_at").replace(".digest", ".changed_at");
        let (compare, direction) = match order {
            Order::Name | Order::OldestFirst => (">", "asc"),
            Order::NewestFirst => ("<", "desc"),
        };
        if let Some(last) = last.filter(|last| !last.is_empty()) {
            let next = values.len() + 1;
            values.push(Arg::from(last));
            if order == Order::Name {
                sql.push_str(&format!(" and {name} {compare} ${next}"));
            } else {
                let Some(row) = self.db.one("find the place in a list", position, &args![key, last]).await?
                else {
                    return Ok(false);
                };
                values.push(Arg::from(row.get::<i64>(0)?));
                let at = next + 1;
                sql.push_str(&format!(
                    " and ({changed} {compare} ${at} or {changed} = ${at} and {name} {compare} ${next})"
                ));
            }
        }
        let columns = match order {
            Order::Name => name.to_owned(),
            _ => format!("{changed} {direction}, {name}"),
        };
        sql.push_str(&format!(" order by {columns} {direction} limit $2"));
        Ok(true)
    }

    /// Rows of [`MANIFESTS`], with their tags.
    async fn read_manifests(&self, rows: Vec<Row>) -> Result<Vec<ManifestDetails>> {
        let mut ids = Vec::new();
        for row in &rows {
            ids.push(Arg::from(row.get::<i64>(0)?));
        }
        let sql = format!(
            "select l.id, t.name from repository_manifests l \
            join tags t on t.repository = l.repository and t.digest = l.digest \
            where (t.attributes & {LIST}) <> 0 and l.id in ({{list}}) order by l.id, t.name"
        );
        let mut tags: std::collections::HashMap<i64, Vec<Tag>> = std::collections::HashMap::new();
        for row in self.db.all_in("list tags", &sql, &[], &ids).await? {
            tags.entry(row.get(0)?).or_default().push(row.parse(1)?);
        }
        let mut read = |row: &Row| {
            let quarantine: Option<&str> = row.get(7)?;
            Ok(ManifestDetails {
                digest: row.parse(1)?,
                media_type: row.get(2)?,
                body: Bytes::from(row.get::<Vec<u8>>(3)?),
                created_at: Timestamp(row.get(4)?),
                changed_at: Timestamp(row.get(5)?),
                tags: tags.remove(&row.get::<i64>(0)?).unwrap_or_default(),
                attributes: Attributes::of_bits(row.get(6)?),
                quarantine: quarantine.map(QuarantineState::read).transpose()?,
                quarantine_details: row.get(8)?,
                platform: row.json(9)?,
            })
        };
        rows.iter().map(&mut read).collect()
    }
}

const TAGS: &str = "select t.name, t.digest, t.created_at, t.changed_at, t.attributes \
    from repositories r join tags t on t.repository = r.id";

const MANIFESTS: &str = "select l.id, l.digest, l.media_type, m.body, l.first_pushed_at, l.changed_at, \
    l.attributes, l.quarantine, l.quarantine_details, i.platform \
    from repositories r join repository_manifests l on l.repository = r.id \
    join manifests m on m.digest = l.digest left join images i on i.digest = l.digest";

fn read_tag(row: &Row) -> Result<TagDetails> {
    Ok(TagDetails {
        name: row.parse(0)?,
        digest: row.parse(1)?,
        created_at: Timestamp(row.get(2)?),
        changed_at: Timestamp(row.get(3)?),
        attributes: Attributes::of_bits(row.get(4)?),
    })
}

/// What may be done with the repository as a whole.
pub(crate) async fn of_repository(tx: &mut Tx, id: i64) -> Result<Attributes> {
    let row = tx.one("select attributes from repositories where id = $1", &args![id]).await?;
    Ok(match row {
        Some(row) => Attributes::of_bits(row.get(0)?),
        None => Attributes::ALL,
    })
}
