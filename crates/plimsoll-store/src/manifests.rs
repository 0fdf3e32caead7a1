//! Manifests, tags, referrers, repositories.
//!
//! A manifest row is the content, kept once; a row of `repository_manifests` is the content in one repository. All rows of
//! a push are written in one transaction, in one order of tables and inside a table in one order of keys, so that two
//! pushes of shared content wait for each other and never lock each other out.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use plimsoll_types::manifest::media;
use plimsoll_types::{Digest, Manifest, ManifestKind, Reference, RepositoryName, Tag, Timestamp};

use crate::attributes::{self, Attributes};
use crate::charges::charge_image;
use crate::database::{Arg, MAX_CONFLICTS, Row, Tx, args, step_aside};
use crate::notify::changes::record_arrival;
use crate::plans::is_registry_covered;
use crate::registries::{RegistryId, RepositoryKey};
use crate::triggers::queue_images;
use crate::{Error, ErrorKind, QuarantineState, Result, Store, history, summaries};

/// Manifests that may name one subject in one repository.
const MAX_REFERRERS: u64 = 10_000;
/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// A manifest as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// The media type it was pushed as.
    pub media_type: String,
    /// The bytes that were pushed.
    pub body: Bytes,
    /// What was said of it in quarantine.
    pub quarantine: Option<QuarantineState>,
}

/// What HEAD tells of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// Its digest.
    pub digest: Digest,
    /// The media type it was pushed as.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// What was said of it in quarantine.
    pub quarantine: Option<QuarantineState>,
}

/// A manifest to be stored. The digest was computed from the body by the caller, and the manifest parsed from it.
#[derive(Debug, Clone)]
pub struct ManifestPut<'a> {
    /// Where it goes.
    pub repository: &'a RepositoryName,
    /// Tags to set on it; none when it is pushed by digest.
    pub tags: &'a [Tag],
    /// Digest of the body.
    pub digest: &'a Digest,
    /// The bytes.
    pub body: Bytes,
    /// The bytes, read.
    pub manifest: &'a Manifest,
    /// The instant of the push.
    pub now: Timestamp,
}

/// How storing a manifest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is there, with tags, links, job and event row: one transaction.
    Yes,
    /// Blobs or manifests that it names are not in the repository; nothing was stored.
    Missing(Vec<Digest>),
    /// Descriptors whose size is not that of their content: digest, size as the manifest has it, size in truth. Clients
    /// allocate and show by these numbers; nothing was stored.
    WrongSize(Vec<(Digest, u64, u64)>),
}

/// How a deletion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Yes,
    /// There was none.
    Unknown,
    /// Something still needs it; nothing changed.
    InUse,
}

/// A manifest that names another as its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its artifact type, where it has one.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
}

impl Store {
    /// Stores a manifest with its tags, links to blobs and children, scan job (for an image) and event row in one
    /// transaction. Storing it again is harmless: tags move, nothing is scanned twice. Non-distributable layers and the
    /// subject may be absent. `Err(Locked)` where the repository, or a tag that would move, may not be written.
    pub async fn put_manifest(&self, put: ManifestPut<'_>) -> Result<Stored> {
        let mut conflicts = 0;
        loop {
            match self.try_put_manifest(&put).await {
                Err(error) if error.is_conflict() && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                result => return result,
            }
        }
    }

    async fn try_put_manifest(&self, put: &ManifestPut<'_>) -> Result<Stored> {
        let mut tx = self.db.begin("store a manifest").await?;
        let key = self.key(put.repository);
        let repository = make_repository(&mut tx, &key, put.now).await?;
        let needs = Needs::of(put.manifest);
        let links = match needs.check(&mut tx, repository).await? {
            Ok(links) => links,
            Err(missing) => return Ok(Stored::Missing(missing)),
        };
        let lies = wrong_sizes(&mut tx, put.manifest, &links).await?;
        if !lies.is_empty() {
            return Ok(Stored::WrongSize(lies));
        }
        if let Some(subject) = &put.manifest.subject {
            let sql = "select count(*) from repository_manifests where repository = $1 and subject = $2";
            let referrers = tx.one(sql, &args![repository, &subject.digest]).await?;
            if referrers.map(|row| row.count(0)).transpose()?.unwrap_or_default() >= MAX_REFERRERS {
                let message = format!("{} has {MAX_REFERRERS} referrers, no more are taken", subject.digest);
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
        }
        store_content(&mut tx, put, &links, &needs.children).await?;
        let subject = put.manifest.subject.as_ref().map(|subject| subject.digest.as_str());
        let sql = "insert into repository_manifests \
            (repository, digest, media_type, subject, pushed_at, first_pushed_at, changed_at) \
            values ($1, $2, $3, $4, $5, $5, $5) on conflict (repository, digest) do nothing";
        let media_type = put.manifest.media_type.as_str();
        let values = args![repository, put.digest, media_type, subject, put.now];
        let is_new = tx.execute(sql, &values).await? > 0;
        if !is_new {
            let sql = "update repository_manifests set media_type = $3, pushed_at = $4, changed_at = $4 \
                where repository = $1 and digest = $2 and (attributes & 2) <> 0";
            tx.execute(sql, &args![repository, put.digest, media_type, put.now]).await?;
        }
        let detail = serde_json::json!({ "mediaType": media_type, "size": put.body.len(), "tags": put.tags });
        let detail = detail.to_string();
        record_event(&mut tx, "image.pushed", &key, Some(put.digest), None, put.now, &detail).await?;
        move_tags(&mut tx, repository, &key, put).await?;
        let queued = put.manifest.kind == ManifestKind::Image && self.queue_scan(&mut tx, put).await?;
        if put.manifest.kind == ManifestKind::Image {
            count_image(&mut tx, repository, put).await?;
        }
        if is_new && !queued && put.manifest.kind == ManifestKind::Image {
            record_arrival(&mut tx, &key, put.digest, put.now).await?;
        }
        tx.commit().await?;
        if queued {
            self.wake_up.one();
        }
        Ok(Stored::Yes)
    }

    /// The manifest that a tag or digest names in this repository. `Err(Locked)` where one of them may not be read.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<StoredManifest>> {
        let sql = match reference {
            Reference::Tag(_) => {
                "select m.digest, l.media_type, m.body, l.quarantine, r.attributes & l.attributes & t.attributes \
                from repositories r join tags t on t.repository = r.id \
                join repository_manifests l on l.repository = r.id and l.digest = t.digest \
                join manifests m on m.digest = l.digest where r.key = $1 and t.name = $2"
            }
            Reference::Digest(_) => {
                "select m.digest, l.media_type, m.body, l.quarantine, r.attributes & l.attributes \
                from repositories r join repository_manifests l on l.repository = r.id \
                join manifests m on m.digest = l.digest where r.key = $1 and l.digest = $2"
            }
        };
        let Some(row) = self.readable(sql, repository, reference).await? else { return Ok(None) };
        let body = Bytes::from(row.get::<Vec<u8>>(2)?);
        let quarantine = quarantine(&row)?;
        Ok(Some(StoredManifest { digest: row.parse(0)?, media_type: row.get(1)?, body, quarantine }))
    }

    /// Only digest, media type and size of it: what HEAD needs.
    pub async fn manifest_head(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>> {
        let sql = match reference {
            Reference::Tag(_) => {
                "select m.digest, l.media_type, m.size, l.quarantine, r.attributes & l.attributes & t.attributes \
                from repositories r join tags t on t.repository = r.id \
                join repository_manifests l on l.repository = r.id and l.digest = t.digest \
                join manifests m on m.digest = l.digest where r.key = $1 and t.name = $2"
            }
            Reference::Digest(_) => {
                "select m.digest, l.media_type, m.size, l.quarantine, r.attributes & l.attributes \
                from repositories r join repository_manifests l on l.repository = r.id \
                join manifests m on m.digest = l.digest where r.key = $1 and l.digest = $2"
            }
        };
        let Some(row) = self.readable(sql, repository, reference).await? else { return Ok(None) };
        let quarantine = quarantine(&row)?;
        let (digest, media_type, size) = (row.parse(0)?, row.get(1)?, row.count(2)?);
        Ok(Some(ManifestHead { digest, media_type, size, quarantine }))
    }

    /// The digest that a tag or digest names in this repository, whether or not it may be read.
    pub(crate) async fn digest_of(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>> {
        let sql = match reference {
            Reference::Tag(_) => {
                "select t.digest from repositories r join tags t on t.repository = r.id \
                where r.key = $1 and t.name = $2"
            }
            Reference::Digest(_) => {
                "select l.digest from repositories r join repository_manifests l on l.repository = r.id \
                where r.key = $1 and l.digest = $2"
            }
        };
        let values = reference_args(&self.key(repository), reference);
        let row = self.db.one("look for a manifest", sql, &values).await?;
        row.map(|row| row.parse(0)).transpose()
    }

    /// The row of a manifest, whose fifth column holds what may be done with it.
    async fn readable(
        &self,
        sql: &'static str,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Row>> {
        let values = reference_args(&self.key(repository), reference);
        let row = self.db.one("look for a manifest", sql, &values).await?;
        if let Some(row) = &row {
            Attributes::of_bits(row.get(4)?)
                .allow_reading(format_args!("the manifest {reference} of {repository}"))?;
        }
        Ok(row)
    }

    /// Removes a manifest from the repository, with all tags on it. `InUse` where an index of the repository names it.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Deleted> {
        let key = self.key(repository);
        let mut tx = self.db.begin("delete a manifest").await?;
        let Some(id) = find_repository(&mut tx, &key).await? else { return Ok(Deleted::Unknown) };
        // The lock waits for an index or a tag that is being stored and needs the manifest; what follows then sees it.
        let lock = tx.for_update();
        let sql = format!(
            "select attributes from repository_manifests where repository = $1 and digest = $2{lock}"
        );
        let Some(row) = tx.one(sql, &args![id, digest]).await? else { return Ok(Deleted::Unknown) };
        attributes::of_repository(&mut tx, id).await?.allow_deletion(format_args!("the repository {key}"))?;
        Attributes::of_bits(row.get(0)?).allow_deletion(format_args!("{key}@{digest}"))?;
        let sql = "select 1 from manifest_children c join repository_manifests p on p.digest = c.parent \
            where c.child = $2 and p.repository = $1 limit 1";
        if tx.one(sql, &args![id, digest]).await?.is_some() {
            return Ok(Deleted::InUse);
        }
        let sql = "delete from tags where repository = $1 and digest = $2 returning name, attributes";
        let mut tags = Vec::new();
        for row in tx.all(sql, &args![id, digest]).await? {
            let tag: Tag = row.parse(0)?;
            // Returning without a commit undoes what was done so far.
            Attributes::of_bits(row.get(1)?).allow_deletion(format_args!("{key}:{tag}"))?;
            tags.push(tag);
        }
        tags.sort();
        for tag in &tags {
            record_event(&mut tx, "image.untagged", &key, Some(digest), Some(tag), now, "{}").await?;
        }
        history::remember_image(&mut tx, id, digest, now).await?;
        let sql = "delete from pulls where image = \
            (select id from repository_manifests where repository = $1 and digest = $2)";
        tx.execute(sql, &args![id, digest]).await?;
        let sql =
            "delete from repository_manifests where repository = $1 and digest = $2 returning media_type";
        let row = tx.one(sql, &args![id, digest]).await?;
        let media_type = row.map(|row| row.get::<String>(0)).transpose()?;
        let detail = serde_json::json!({ "mediaType": media_type }).to_string();
        record_event(&mut tx, "image.deleted", &key, Some(digest), None, now, &detail).await?;
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// Removes a tag; what it named stays.
    pub async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        now: Timestamp,
    ) -> Result<Deleted> {
        let key = self.key(repository);
        let mut tx = self.db.begin("delete a tag").await?;
        let Some(id) = find_repository(&mut tx, &key).await? else { return Ok(Deleted::Unknown) };
        attributes::of_repository(&mut tx, id).await?.allow_deletion(format_args!("the repository {key}"))?;
        let sql = "delete from tags where repository = $1 and name = $2 returning digest, attributes";
        let Some(row) = tx.one(sql, &args![id, tag]).await? else { return Ok(Deleted::Unknown) };
        Attributes::of_bits(row.get(1)?).allow_deletion(format_args!("{key}:{tag}"))?;
        let digest: Digest = row.parse(0)?;
        record_event(&mut tx, "image.untagged", &key, Some(&digest), Some(tag), now, "{}").await?;
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// Up to `n` tags that lists may show, behind `last`, in ASCII order. `None` where the repository does not exist.
    pub async fn tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        n: u32,
    ) -> Result<Option<Vec<Tag>>> {
        let sql = "select t.name from repositories r join tags t on t.repository = r.id \
            where r.key = $1 and t.name > $2 and (t.attributes & 8) <> 0 order by t.name limit $3";
        let limit = i64::from(n.min(MAX_PAGE));
        let rows =
            self.db.all("list tags", sql, &args![&self.key(repository), last.unwrap_or(""), limit]).await?;
        if rows.is_empty() && !self.repository_exists(repository).await? {
            return Ok(None);
        }
        rows.iter().map(|row| row.parse(0)).collect::<Result<_>>().map(Some)
    }

    /// Up to `n` repositories that lists may show, behind `last`, in ASCII order.
    pub async fn repositories(&self, last: Option<&str>, n: u32) -> Result<Vec<RepositoryName>> {
        let sql = "select name from repositories where registry = $3 and name > $1 and (attributes & 8) <> 0 \
            order by name limit $2";
        let values = args![last.unwrap_or(""), i64::from(n.min(MAX_PAGE)), self.registry.0];
        self.db.all("list repositories", sql, &values).await?.iter().map(|row| row.parse(0)).collect()
    }

    /// Whether the repository exists: something was pushed to it.
    pub async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool> {
        let sql = "select 1 from repositories where key = $1";
        Ok(self.db.one("look for a repository", sql, &args![&self.key(repository)]).await?.is_some())
    }

    /// Up to `n` manifests whose subject is `subject`, behind the digest `last`, in the order of their digests.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        last: Option<&Digest>,
        n: u32,
    ) -> Result<Vec<Referrer>> {
        let sql = "select m.digest, l.media_type, m.size, m.artifact_type, m.annotations from repositories r \
            join repository_manifests l on l.repository = r.id join manifests m on m.digest = l.digest \
            where r.key = $1 and l.subject = $2 and l.digest > $4 and ($3 is null or m.artifact_type = $3) \
            and (l.attributes & 8) <> 0 \
            order by l.digest limit $5";
        let last = last.map_or("", Digest::as_str);
        let values = args![&self.key(repository), subject, artifact_type, last, i64::from(n.min(MAX_PAGE))];
        let read = |row: &Row| {
            Ok(Referrer {
                digest: row.parse(0)?,
                media_type: row.get(1)?,
                size: row.count(2)?,
                artifact_type: row.get(3)?,
                annotations: row.json(4)?.unwrap_or_default(),
            })
        };
        self.db.all("list referrers", sql, &values).await?.iter().map(read).collect()
    }

    /// Queues the scan of an image that has no good verdict yet, where its registry is covered. One that was judged before
    /// is charged to the subscription that it came to now, if it never was.
    async fn queue_scan(&self, tx: &mut Tx, put: &ManifestPut<'_>) -> Result<bool> {
        let sql = "insert into images (digest, state, layers, coverage) values ($1, 'uncovered', '[]', 'null') \
            on conflict (digest) do nothing";
        tx.execute(sql, &args![put.digest]).await?;
        let sql = format!("select verdict from images where digest = $1{}", tx.for_change());
        let verdict = tx.one(sql, &args![put.digest]).await?;
        let verdict = verdict.map(|row| row.get::<Option<String>>(0)).transpose()?.flatten();
        if !is_registry_covered(tx, self.registry).await? {
            return Ok(false);
        }
        if verdict.as_deref() == Some("done") {
            charge_image(tx, put.digest, put.now).await?;
            return Ok(false);
        }
        queue_images(tx, "digest = $1", &args![put.digest], self.trigger, put.now).await?;
        Ok(true)
    }
}

/// What has to be in the repository before the manifest.
struct Needs {
    /// Config and layers.
    blobs: Vec<Digest>,
    /// Layers that may be absent.
    foreign: Vec<Digest>,
    /// Manifests of an index.
    children: Vec<Digest>,
}

impl Needs {
    fn of(manifest: &Manifest) -> Self {
        let (foreign, local): (Vec<_>, Vec<_>) =
            manifest.layers.iter().partition(|layer| media::is_foreign_layer(&layer.media_type));
        let sorted = |mut digests: Vec<Digest>| {
            digests.sort();
            digests.dedup();
            digests
        };
        Self {
            blobs: sorted(local.into_iter().chain(&manifest.config).map(|d| d.digest.clone()).collect()),
            foreign: sorted(foreign.into_iter().map(|d| d.digest.clone()).collect()),
            children: sorted(manifest.manifests.iter().map(|d| d.digest.clone()).collect()),
        }
    }

    /// The blobs to link, or what is missing. What was found stays until the transaction ends.
    async fn check(
        &self,
        tx: &mut Tx,
        repository: i64,
    ) -> Result<std::result::Result<Vec<Digest>, Vec<Digest>>> {
        let lock = tx.for_share();
        let all: Vec<Arg<'_>> = self.blobs.iter().chain(&self.foreign).map(Arg::from).collect();
        let sql = format!(
            "select blob from repository_blobs where repository = $1 and blob in ({{list}}) order by blob{lock}"
        );
        let blobs = present(tx, &sql, repository, &all).await?;
        let all: Vec<Arg<'_>> = self.children.iter().map(Arg::from).collect();
        let sql = format!(
            "select digest from repository_manifests where repository = $1 and digest in ({{list}}) order by digest{lock}"
        );
        let children = present(tx, &sql, repository, &all).await?;
        let absent = |wanted: &[Digest], there: &BTreeSet<Digest>| {
            wanted.iter().filter(|digest| !there.contains(*digest)).cloned().collect::<Vec<_>>()
        };
        let missing = [absent(&self.blobs, &blobs), absent(&self.children, &children)].concat();
        Ok(if missing.is_empty() { Ok(blobs.into_iter().collect()) } else { Err(missing) })
    }
}

/// The descriptors of present content that give another size than it has. Of blobs, only those in the repository are
/// asked for: the answer must not tell what others hold.
async fn wrong_sizes(tx: &mut Tx, manifest: &Manifest, links: &[Digest]) -> Result<Vec<(Digest, u64, u64)>> {
    let blobs = manifest.config.iter().chain(&manifest.layers);
    let blobs = blobs.filter(|descriptor| links.binary_search(&descriptor.digest).is_ok());
    let queries = [
        ("select digest, size from blobs where digest in ({list})", blobs.collect::<Vec<_>>()),
        ("select digest, size from manifests where digest in ({list})", manifest.manifests.iter().collect()),
    ];
    let mut wrong = Vec::new();
    for (sql, descriptors) in queries {
        let digests: Vec<Arg<'_>> =
            descriptors.iter().map(|descriptor| Arg::from(&descriptor.digest)).collect();
        let mut sizes = HashMap::new();
        for row in tx.all_in(sql, &[], &digests).await? {
            sizes.insert(row.parse::<Digest>(0)?, row.count(1)?);
        }
        wrong.extend(descriptors.into_iter().filter_map(|descriptor| {
            let size = *sizes.get(&descriptor.digest)?;
            (size != descriptor.size).then(|| (descriptor.digest.clone(), descriptor.size, size))
        }));
    }
    Ok(wrong)
}

async fn present(tx: &mut Tx, sql: &str, repository: i64, list: &[Arg<'_>]) -> Result<BTreeSet<Digest>> {
    tx.all_in(sql, &args![repository], list).await?.iter().map(|row| row.parse(0)).collect()
}

/// The manifest itself with its links, unless some repository brought it before.
async fn store_content(
    tx: &mut Tx,
    put: &ManifestPut<'_>,
    blobs: &[Digest],
    children: &[Digest],
) -> Result<()> {
    let manifest = put.manifest;
    let kind = match manifest.kind {
        ManifestKind::Image => "image",
        ManifestKind::Index => "index",
        ManifestKind::Artifact => "artifact",
    };
    let annotations = serde_json::to_string(&manifest.annotations).unwrap_or_else(|_| "{}".to_owned());
    let subject = manifest.subject.as_ref().map(|subject| subject.digest.as_str());
    let sql = "insert into manifests \
        (digest, kind, media_type, artifact_type, subject, annotations, size, body) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (digest) do nothing";
    let values = args![
        put.digest,
        kind,
        &manifest.media_type,
        manifest.artifact_type.as_deref(),
        subject,
        annotations,
        put.body.len() as i64,
        &put.body[..],
    ];
    if tx.execute(sql, &values).await? == 0 {
        return Ok(());
    }
    let links: Vec<_> = blobs.iter().flat_map(|blob| args![put.digest, blob]).collect();
    tx.insert("insert into manifest_blobs (manifest, blob) values {rows}", 2, &links).await?;
    let links: Vec<_> = children.iter().flat_map(|child| args![put.digest, child]).collect();
    tx.insert("insert into manifest_children (parent, child) values {rows}", 2, &links).await?;
    Ok(())
}

/// Sets the tags, and records those that are new or point elsewhere now.
async fn move_tags(tx: &mut Tx, repository: i64, key: &RepositoryKey, put: &ManifestPut<'_>) -> Result<()> {
    let tags: BTreeSet<&Tag> = put.tags.iter().collect();
    for tag in tags {
        let lock = tx.for_change();
        let sql = format!("select digest, attributes from tags where repository = $1 and name = $2{lock}");
        let row = tx.one(sql, &args![repository, tag]).await?;
        let before = row.as_ref().map(|row| row.get::<String>(0)).transpose()?;
        if before.as_deref() == Some(put.digest.as_str()) {
            continue;
        }
        if let Some(row) = row {
            Attributes::of_bits(row.get(1)?).allow_writing(format_args!("{key}:{tag}"))?;
        }
        let sql = "insert into tags (repository, name, digest, moved_at, created_at, changed_at) \
            values ($1, $2, $3, $4, $4, $4) on conflict (repository, name) do update set \
            digest = excluded.digest, moved_at = excluded.moved_at, changed_at = excluded.changed_at";
        tx.execute(sql, &args![repository, tag, put.digest, put.now]).await?;
        let detail = serde_json::json!({ "previous": before }).to_string();
        record_event(tx, "image.tagged", key, Some(put.digest), Some(tag), put.now, &detail).await?;
    }
    Ok(())
}

fn quarantine(row: &Row) -> Result<Option<QuarantineState>> {
    row.get::<Option<&str>>(3)?.map(QuarantineState::read).transpose()
}

/// Puts an image that is new in its repository among those that are counted. Its content may have been judged elsewhere.
async fn count_image(tx: &mut Tx, repository: i64, put: &ManifestPut<'_>) -> Result<()> {
    let sql = "select i.id from repository_manifests l join images i on i.digest = l.digest \
        left join image_summaries s on s.image = l.id \
        where l.repository = $1 and l.digest = $2 and s.image is null";
    if let Some(row) = tx.one(sql, &args![repository, put.digest]).await? {
        tx.lock_counts(false).await?;
        summaries::refresh_image(tx, row.get(0)?, put.now).await?;
    }
    Ok(())
}

fn reference_args<'a>(repository: &RepositoryKey, reference: &'a Reference) -> [Arg<'a>; 2] {
    match reference {
        Reference::Tag(tag) => args![repository, tag],
        Reference::Digest(digest) => args![repository, digest],
    }
}

pub(crate) async fn find_repository(tx: &mut Tx, key: &RepositoryKey) -> Result<Option<i64>> {
    let row = tx.one("select id from repositories where key = $1", &args![key]).await?;
    row.map(|row| row.get(0)).transpose()
}

/// The row of the repository that something is written to, made now if there is none. It is not deleted before the
/// transaction ends. `Err(Locked)` where the repository may not be written.
pub(crate) async fn make_repository(tx: &mut Tx, key: &RepositoryKey, now: Timestamp) -> Result<i64> {
    if let Some(id) = hold_repository(tx, key).await? {
        return Ok(id);
    }
    if key.registry != RegistryId::FIRST {
        // The lock waits for a registry that is being deleted.
        let sql = format!("select 1 from registries where id = $1{}", tx.for_share());
        if tx.one(sql, &args![key.registry.0]).await?.is_none() {
            return Err(Error::new(ErrorKind::NotFound, format!("the registry of {key} is gone")));
        }
    }
    let sql = "insert into repositories (key, registry, name, created_at, changed_at) \
        values ($1, $2, $3, $4, $4) on conflict (key) do nothing";
    for _ in 0..=MAX_CONFLICTS {
        tx.execute(sql, &args![key, key.registry.0, &key.name, now]).await?;
        // Where somebody else made it, somebody may have deleted it between the two statements.
        if let Some(id) = hold_repository(tx, key).await? {
            return Ok(id);
        }
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("the repository {key} is deleted again and again; try later"),
    ))
}

async fn hold_repository(tx: &mut Tx, key: &RepositoryKey) -> Result<Option<i64>> {
    let lock = tx.for_key_share();
    let sql = format!("select id, attributes from repositories where key = $1{lock}");
    let Some(row) = tx.one(sql, &args![key]).await? else { return Ok(None) };
    Attributes::of_bits(row.get(1)?).allow_writing(format_args!("the repository {key}"))?;
    row.get(0).map(Some)
}

/// Writes down what happens in this transaction.
pub(crate) async fn record_event(
    tx: &mut Tx,
    kind: &'static str,
    repository: &RepositoryKey,
    digest: Option<&Digest>,
    tag: Option<&Tag>,
    now: Timestamp,
    detail: &str,
) -> Result<()> {
    let sql = "insert into events (kind, repository, digest, tag, at, detail, registry) values ($1, $2, $3, $4, $5, $6, $7)";
    let (digest, tag) = (digest.map(Digest::as_str), tag.map(Tag::as_str));
    let mut detail = std::borrow::Cow::from(detail);
    if let Some(origin) = &repository.origin
        && let Ok(mut fields) = serde_json::from_str::<serde_json::Value>(&detail)
        && fields.is_object()
    {
        fields["request"] = serde_json::json!(**origin);
        detail = fields.to_string().into();
    }
    tx.execute(sql, &args![kind, &repository.name, digest, tag, now, detail, repository.registry.0]).await?;
    Ok(())
}
