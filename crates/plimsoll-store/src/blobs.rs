//! Blobs: uploads that can be resumed, reads by range, membership in repositories.
//!
//! Bytes are hashed once, while they stream. A session's row holds how far it is and the state of the hash there, so that
//! a restarted process, or on an object store another node, goes on where the last acknowledged request ended. What lies
//! behind that offset is from a request that broke off, and is overwritten.
//!
//! The order of a push is: bytes durable at their last place, then the row. A crash between the two leaves bytes that no
//! row names; they are harmless, and in a folder the next upload of the digest takes their place.

mod folder;
mod objects;

use std::collections::HashSet;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use plimsoll_types::inventory::PROBE_VERSION;
use plimsoll_types::{Algorithm, Digest, Hasher, ParseError, RepositoryName, Timestamp};

use crate::database::{Tx, args};
use crate::jobs::enqueue_in;
use crate::manifests::{find_repository, make_repository, record_event};
use crate::{Deleted, Error, ErrorKind, JobKind, Priority, Result, Store};
use folder::Folder;
use objects::Objects;

/// Upload sessions that may be open at once.
const MAX_UPLOADS: i64 = 1024;
/// A session ends after a day, however busy it is.
const MAX_UPLOAD_AGE_MS: i64 = 24 * 60 * 60 * 1000;
/// As many of the first bytes as tell whether a blob is a layer.
const HEAD_BYTES: usize = 512;

/// Bytes on their way, in or out.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A blob that a repository holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where the blob store keeps it; means something to the store only.
    pub location: String,
}

/// The name of an upload session: 32 hexadecimal digits, not guessable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

/// An upload session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// How many bytes are safely there.
    pub offset: u64,
}

/// What a finished upload gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The blob, durable and linked to the repository.
    pub blob: BlobInfo,
}

impl std::str::FromStr for UploadId {
    type Err = ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 32 && text.bytes().all(lower_hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("the name of an upload: 32 lower-case hexadecimal digits", text))
        }
    }
}

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl UploadId {
    fn random() -> Result<Self> {
        random_name().map(Self)
    }
}

impl Store {
    /// The blob, if this repository holds it. Being stored elsewhere does not count (CVE-2024-39897, CVE-2026-35172).
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobInfo>> {
        let sql = "select b.size, b.location from repositories r \
            join repository_blobs l on l.repository = r.id join blobs b on b.digest = l.blob \
            where r.key = $1 and l.blob = $2";
        let row = self.db.one("look for a blob", sql, &args![&self.key(repository), digest]).await?;
        row.map(|row| BlobInfo::read(digest, &row)).transpose()
    }

    /// The blob wherever it is: for scans, which ask by what a stored manifest names, never for clients.
    pub async fn blob_anywhere(&self, digest: &Digest) -> Result<Option<BlobInfo>> {
        let sql = "select size, location from blobs where digest = $1";
        let row = self.db.one("look for a blob", sql, &args![digest]).await?;
        row.map(|row| BlobInfo::read(digest, &row)).transpose()
    }

    /// The bytes of a blob, or of a range of it.
    pub async fn read_blob(&self, blob: &BlobInfo, range: Option<Range<u64>>) -> Result<ByteStream> {
        let range = range.unwrap_or(0..blob.size);
        let range = range.start.min(blob.size)..range.end.min(blob.size);
        if range.is_empty() {
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        match &*self.blobs {
            BlobStore::Folder(folder) => folder.read(&blob.location, range).await,
            BlobStore::Objects(objects) => objects.read(&blob.location, range).await,
        }
    }

    /// The blob as an open file, where the blob store is a folder, so that bytes need not pass through this process.
    pub async fn open_blob_file(&self, blob: &BlobInfo) -> Result<Option<std::fs::File>> {
        match &*self.blobs {
            BlobStore::Folder(folder) => folder.open_blob(&blob.location).await.map(Some),
            BlobStore::Objects(_) => Ok(None),
        }
    }

    /// Starts an upload session. `algorithm` is what the bytes are hashed with while they stream.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Upload> {
        let id = UploadId::random()?;
        let progress = Progress::new(algorithm)?;
        let sql = "insert into uploads (id, repository, algorithm, received, hash_state, head, location, parts, \
            tail, held_until, started_at, touched_at) \
            select $1, $2, $3, 0, $4, $5, $6, '[]', 0, 0, $7, $7 \
            where (select count(*) from uploads) < $8";
        let mut tx = self.db.begin("start an upload").await?;
        let inserted = tx
            .execute(
                sql,
                &args![
                    &id.0,
                    &self.key(repository),
                    algorithm.as_str(),
                    progress.hasher.save(),
                    Vec::new(),
                    &progress.location,
                    now,
                    MAX_UPLOADS
                ],
            )
            .await?;
        tx.commit().await?;
        if inserted == 0 {
            let message = format!("{MAX_UPLOADS} uploads are open, no more can be started now");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(Upload { id, offset: 0 })
    }

    /// The session of this repository, or none.
    pub async fn upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<Option<Upload>> {
        let sql = "select received from uploads where id = $1 and repository = $2";
        let row = self.db.one("look for an upload", sql, &args![&id.0, &self.key(repository)]).await?;
        row.map(|row| Ok(Upload { id: id.clone(), offset: row.count(0)? })).transpose()
    }

    /// Appends a stream. With `at`, the session must stand exactly there (else `WrongOffset`, and nothing changes).
    /// What arrived before the stream broke off is kept only if the method returns `Ok`.
    pub async fn append(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        now: Timestamp,
    ) -> Result<Upload> {
        let (hold, progress) = self.take_session(repository, id, at, now).await?;
        let old_tail = progress.tail_name(id);
        let written = match (self.blobs.write(id, progress, body, &hold).await, &*self.blobs) {
            (Ok(progress), BlobStore::Objects(objects)) => objects.save_tail(id, progress).await,
            (written, _) => written,
        };
        let (progress, hold) = give_back_on_error(written, hold).await?;
        let sql = "update uploads set received = $2, hash_state = $3, head = $4, multipart = $5, parts = $6, \
            tail = $7, touched_at = $8, holder = null, held_until = 0 \
            where id = $1 and (holder is null or holder = $9)";
        let parts = serde_json::to_string(&progress.parts).unwrap_or_default();
        let mut tx = self.db.begin("record the progress of an upload").await?;
        let values = args![
            &id.0,
            signed(progress.received)?,
            progress.hasher.save(),
            progress.head.as_slice(),
            progress.multipart.as_deref(),
            parts,
            signed(progress.tail)?,
            now,
            hold.token.as_str(),
        ];
        let updated = tx.execute(sql, &values).await?;
        tx.commit().await?;
        hold.row_is_free();
        if updated == 0 {
            return Err(Error::new(ErrorKind::NotFound, format!("the upload {id} was ended meanwhile")));
        }
        if let (BlobStore::Objects(objects), Some(old)) = (&*self.blobs, old_tail)
            && progress.tail_name(id).as_ref() != Some(&old)
        {
            objects.forget(&old).await;
        }
        Ok(Upload { id: id.clone(), offset: progress.received })
    }

    /// Appends the last stream, checks the digest, makes the blob durable, links it to the repository, and queues the layer
    /// job where the first bytes look like a layer: one transaction. On `DigestMismatch` the session is gone and nothing is stored.
    pub async fn finish_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Finished> {
        let (hold, progress) = self.take_session(repository, id, at, now).await?;
        let tail = progress.tail_name(id);
        let written = self.blobs.write(id, progress, body, &hold).await;
        let (progress, hold) = give_back_on_error(written, hold).await?;
        let published = self.publish(id, progress, digest).await;
        if matches!(&published, Err(error) if error.kind() == ErrorKind::DigestMismatch) {
            self.forget_session(id).await?;
        }
        let ((location, progress), hold) = give_back_on_error(published, hold).await?;
        let finished = self.record_blob(repository, digest, &progress, location, Some(id), now).await?;
        hold.row_is_free();
        if let (BlobStore::Objects(objects), Some(tail)) = (&*self.blobs, tail) {
            objects.forget(&tail).await;
        }
        Ok(finished)
    }

    /// A whole blob at once, without a session.
    pub async fn put_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        body: ByteStream,
        now: Timestamp,
    ) -> Result<Finished> {
        let id = UploadId::random()?;
        let hold = Hold::unshared();
        let progress = Progress::new(digest.algorithm())?;
        let _cleaner = match &*self.blobs {
            BlobStore::Folder(folder) => Some(folder.cleaner(&id)),
            BlobStore::Objects(_) => None,
        };
        let progress = self.blobs.write(&id, progress, body, &hold).await?;
        let (location, progress) = self.publish(&id, progress, digest).await?;
        self.record_blob(repository, digest, &progress, location, None, now).await
    }

    /// Ends a session and frees its space. `false` where there is none.
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<bool> {
        if self.upload(repository, id).await?.is_none() {
            return Ok(false);
        }
        self.forget_session(id).await
    }

    /// Ends the sessions that nobody touched since `before`, and those that were begun more than a day before that; tells
    /// how many. A session that a request is appending to right now stays.
    pub async fn expire_uploads(&self, before: Timestamp) -> Result<u64> {
        let sql = "select id from uploads where held_until < $1 and (touched_at < $1 or started_at < $2)";
        let oldest = before.plus_millis(-MAX_UPLOAD_AGE_MS);
        let mut ended = 0;
        for row in self.db.all("look for old uploads", sql, &args![before, oldest]).await? {
            let id: UploadId = row.parse(0)?;
            if let Some(_hold) = self.blobs.hold(&id)
                && self.forget_session(&id).await?
            {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Ends the sessions of all repositories whose keys are in this range. One that a request is appending to right now
    /// stays until it is too old.
    pub(crate) async fn forget_uploads(&self, repositories: Range<String>) -> Result<()> {
        let sql = "select id from uploads where repository >= $1 and repository < $2";
        let values = args![repositories.start, repositories.end];
        for row in self.db.all("look for the uploads of a registry", sql, &values).await? {
            let id: UploadId = row.parse(0)?;
            if let Some(_hold) = self.blobs.hold(&id) {
                self.forget_session(&id).await?;
            }
        }
        Ok(())
    }

    /// Links a blob that `from` holds to `to` as well. `false` where `from` does not hold it.
    pub async fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("mount a blob").await?;
        let lock = tx.for_share();
        let sql = format!(
            "select 1 from repository_blobs where blob = $2 and repository = (select id from repositories where key = $1){lock}"
        );
        if tx.one(sql, &args![&self.key(from), digest]).await?.is_none() {
            return Ok(false);
        }
        let repository = make_repository(&mut tx, &self.key(to), now).await?;
        link_blob(&mut tx, repository, digest, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Unlinks a blob from the repository, unless a manifest there needs it.
    pub async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Deleted> {
        let key = self.key(repository);
        let mut tx = self.db.begin("delete a blob").await?;
        let Some(id) = find_repository(&mut tx, &key).await? else { return Ok(Deleted::Unknown) };
        // The lock waits for a manifest that is being stored and needs the blob; the next statement then sees it.
        let sql =
            format!("select 1 from repository_blobs where repository = $1 and blob = $2{}", tx.for_update());
        if tx.one(sql, &args![id, digest]).await?.is_none() {
            return Ok(Deleted::Unknown);
        }
        let sql = "select 1 from manifest_blobs b join repository_manifests m on m.digest = b.manifest \
            where b.blob = $2 and m.repository = $1 limit 1";
        if tx.one(sql, &args![id, digest]).await?.is_some() {
            return Ok(Deleted::InUse);
        }
        let sql = "delete from repository_blobs where repository = $1 and blob = $2";
        tx.execute(sql, &args![id, digest]).await?;
        record_event(&mut tx, "blob.deleted", &key, Some(digest), None, now, "{}").await?;
        tx.commit().await?;
        Ok(Deleted::Yes)
    }

    /// Removes what uploads without a row left in the folder when the process was killed.
    pub(crate) async fn remove_stray_uploads(&self) -> Result<()> {
        let BlobStore::Folder(folder) = &*self.blobs else { return Ok(()) };
        let strays = folder.uploads()?;
        // Asked after the folder was listed: a session that starts meanwhile is not among the strays.
        let rows = self.db.all("list the uploads", "select id from uploads", &[]).await?;
        let known = rows.iter().map(|row| row.get::<String>(0)).collect::<Result<HashSet<_>>>()?;
        for name in strays.iter().filter(|name| !known.contains(*name)) {
            folder.remove_stray(name);
        }
        Ok(())
    }

    /// The session for one request to append to, which nobody else may do meanwhile.
    async fn take_session(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        now: Timestamp,
    ) -> Result<(Arc<Hold>, Progress)> {
        let busy = || {
            let message = format!("another request is appending to the upload {id}");
            Error::new(ErrorKind::WrongOffset, message)
        };
        let mut hold = self.blobs.hold(id).ok_or_else(busy)?;
        if matches!(&*self.blobs, BlobStore::Objects(_)) {
            if self.upload(repository, id).await?.is_none() {
                return Err(no_upload(repository, id));
            }
            hold = objects::hold_row(self, hold, now).await?.ok_or_else(busy)?;
        }
        let found = self.read_session(repository, id, at).await;
        let (progress, hold) = give_back_on_error(found, Arc::new(hold)).await?;
        Ok((hold, progress))
    }

    async fn read_session(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
    ) -> Result<Progress> {
        let sql = "select algorithm, received, hash_state, head, location, multipart, parts, tail from uploads \
            where id = $1 and repository = $2";
        let row = self.db.one("look for an upload", sql, &args![&id.0, &self.key(repository)]).await?;
        let progress = Progress::read(&row.ok_or_else(|| no_upload(repository, id))?)?;
        match at {
            Some(at) if at != progress.received => {
                let message = format!("the upload {id} stands at {}, not at {at}", progress.received);
                Err(Error::new(ErrorKind::WrongOffset, message))
            }
            _ => Ok(progress),
        }
    }

    /// Checks the digest and brings the bytes to their last place; tells where that is. Nothing is kept on a mismatch.
    async fn publish(
        &self,
        id: &UploadId,
        progress: Progress,
        digest: &Digest,
    ) -> Result<(String, Progress)> {
        let mismatch = |found: &Digest| {
            let message = format!("the bytes that were sent have the digest {found}, not {digest}");
            Error::new(ErrorKind::DigestMismatch, message)
        };
        let hashed_otherwise = progress.hasher.algorithm() != digest.algorithm();
        if !hashed_otherwise {
            let found = progress.hasher.clone().finish();
            if &found != digest {
                self.blobs.discard(id, &progress.location, progress.multipart.as_deref()).await;
                return Err(mismatch(&found));
            }
        }
        match &*self.blobs {
            BlobStore::Folder(folder) => {
                // The client named another algorithm than it announced: the one case in which bytes are read again.
                if hashed_otherwise {
                    let found = folder.hash(id, digest.algorithm()).await?;
                    if &found != digest {
                        self.blobs.discard(id, &progress.location, None).await;
                        return Err(mismatch(&found));
                    }
                }
                Ok((folder.publish(id, digest).await?, progress))
            }
            BlobStore::Objects(objects) => {
                let progress = objects.complete(progress).await?;
                if hashed_otherwise {
                    let found = objects.hash(&progress, digest.algorithm()).await?;
                    if &found != digest {
                        objects.forget(&progress.location).await;
                        return Err(mismatch(&found));
                    }
                }
                Ok((progress.location.clone(), progress))
            }
        }
    }

    /// The transaction that makes durable bytes a blob.
    async fn record_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        progress: &Progress,
        location: String,
        upload: Option<&UploadId>,
        now: Timestamp,
    ) -> Result<Finished> {
        let mut tx = self.db.begin("record a blob").await?;
        let id = make_repository(&mut tx, &self.key(repository), now).await?;
        let sql = "insert into blobs (digest, size, location, created_at) values ($1, $2, $3, $4) \
            on conflict (digest) do nothing";
        let values = args![digest, signed(progress.received)?, &location, now];
        let blob = if tx.execute(sql, &values).await? == 1 {
            BlobInfo { digest: digest.clone(), size: progress.received, location: location.clone() }
        } else {
            let sql = "select size, location from blobs where digest = $1";
            let row = tx.one(sql, &args![digest]).await?;
            let row = row.ok_or_else(|| Error::corrupt(format!("the blob {digest} was not kept")))?;
            BlobInfo::read(digest, &row)?
        };
        link_blob(&mut tx, id, digest, now).await?;
        if let Some(upload) = upload {
            tx.execute("delete from uploads where id = $1", &args![&upload.0]).await?;
        }
        let mut queued = false;
        if looks_like_a_layer(&progress.head) {
            let sql = "select 1 from layer_blobs where blob = $1 and probe_version = $2";
            if tx.one(sql, &args![digest, PROBE_VERSION]).await?.is_none() {
                enqueue_in(&mut tx, &JobKind::ReadLayer(digest.clone()), Priority::Push, now).await?;
                queued = true;
            }
        }
        tx.commit().await?;
        if queued {
            self.wake_up.one();
        }
        // Another client was first with these bytes: its object is the blob.
        if let BlobStore::Objects(objects) = &*self.blobs
            && blob.location != location
        {
            objects.forget(&location).await;
        }
        Ok(Finished { blob })
    }

    /// Removes the session's row, and then its bytes. `false` where there was none.
    async fn forget_session(&self, id: &UploadId) -> Result<bool> {
        let mut tx = self.db.begin("end an upload").await?;
        let sql = "delete from uploads where id = $1 returning location, multipart";
        let Some(row) = tx.one(sql, &args![&id.0]).await? else { return Ok(false) };
        let (location, multipart): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        tx.commit().await?;
        self.blobs.discard(id, &location, multipart.as_deref()).await;
        Ok(true)
    }
}

impl BlobInfo {
    fn read(digest: &Digest, row: &crate::database::Row) -> Result<Self> {
        Ok(Self { digest: digest.clone(), size: row.count(0)?, location: row.get(1)? })
    }
}

async fn link_blob(tx: &mut Tx, repository: i64, digest: &Digest, now: Timestamp) -> Result<()> {
    let sql = "insert into repository_blobs (repository, blob, linked_at) values ($1, $2, $3) \
        on conflict (repository, blob) do nothing";
    tx.execute(sql, &args![repository, digest, now]).await?;
    Ok(())
}

/// Whether the first bytes are those of gzip (RFC 1952, 2.3.1), zstd (RFC 8878, 3.1.1) or a POSIX tar archive.
fn looks_like_a_layer(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
        || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        || head.get(257..262).is_some_and(|magic| magic == b"ustar")
}

/// Where blobs are kept: a folder, or an object store.
pub(crate) enum BlobStore {
    Folder(Folder),
    Objects(Objects),
}

/// How far the bytes of an upload are.
struct Progress {
    hasher: Hasher,
    received: u64,
    /// The first bytes.
    head: Vec<u8>,
    /// Of an object store: where the blob will be.
    location: String,
    /// Of an object store: the multipart upload, once there is one, and its parts.
    multipart: Option<String>,
    parts: Vec<String>,
    /// Of an object store: how many bytes behind the last part are kept in an object of their own.
    tail: u64,
    /// Of an object store: bytes that were received and are in no part yet.
    rest: objects::Rest,
}

impl Progress {
    fn new(algorithm: Algorithm) -> Result<Self> {
        Ok(Self {
            hasher: Hasher::new(algorithm),
            received: 0,
            head: Vec::new(),
            location: format!("blobs/{}", random_name()?),
            multipart: None,
            parts: Vec::new(),
            tail: 0,
            rest: objects::Rest::default(),
        })
    }

    fn read(row: &crate::database::Row) -> Result<Self> {
        let algorithm: Algorithm = row.parse(0)?;
        let hasher = Hasher::restore(algorithm, row.get(2)?)
            .map_err(|e| Error::corrupt("the hash state of an upload cannot be read").because(e))?;
        Ok(Self {
            hasher,
            received: row.count(1)?,
            head: row.get(3)?,
            location: row.get(4)?,
            multipart: row.get(5)?,
            parts: row.json(6)?.unwrap_or_default(),
            tail: row.count(7)?,
            rest: objects::Rest::default(),
        })
    }

    /// Takes the next bytes into the hash.
    fn take(&mut self, bytes: &[u8]) {
        if self.head.len() < HEAD_BYTES {
            self.head.extend_from_slice(&bytes[..bytes.len().min(HEAD_BYTES - self.head.len())]);
        }
        self.hasher.update(bytes);
        self.received += bytes.len() as u64;
    }

    /// The object that keeps the tail. Its name tells the offset, so that a request that breaks off cannot spoil it.
    fn tail_name(&self, id: &UploadId) -> Option<String> {
        (self.tail > 0).then(|| format!("uploads/{id}/{}", self.received))
    }
}

impl BlobStore {
    pub(crate) async fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        match url.strip_prefix("file:") {
            Some(path) => Folder::open(path.strip_prefix("//").unwrap_or(path)).map(Self::Folder),
            None => Objects::open(url, options).map(Self::Objects),
        }
    }

    pub(crate) async fn check(&self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.check(),
            Self::Objects(objects) => objects.check().await,
        }
    }

    /// The size of what is stored at `location`.
    pub(crate) async fn size(&self, location: &str) -> Result<u64> {
        match self {
            Self::Folder(folder) => folder.size(location),
            Self::Objects(objects) => objects.size(location).await,
        }
    }

    /// Appends to the upload what the stream gives, durably.
    async fn write(
        &self,
        id: &UploadId,
        progress: Progress,
        body: ByteStream,
        hold: &Arc<Hold>,
    ) -> Result<Progress> {
        match self {
            Self::Folder(folder) => folder.write(id, progress, body, hold.clone()).await,
            Self::Objects(objects) => objects.write(id, progress, body).await,
        }
    }

    /// Frees the space of an upload, as far as that is possible now.
    async fn discard(&self, id: &UploadId, location: &str, multipart: Option<&str>) {
        match self {
            Self::Folder(folder) => folder.discard(id),
            Self::Objects(objects) => objects.discard(id, location, multipart).await,
        }
    }

    /// Marks the session as being appended to, by this process. `None` where it is already.
    fn hold(&self, id: &UploadId) -> Option<Hold> {
        let holds = match self {
            Self::Folder(folder) => &folder.holds,
            Self::Objects(objects) => &objects.holds,
        };
        let new = holds.lock().unwrap_or_else(PoisonError::into_inner).insert(id.0.clone());
        new.then(|| Hold { id: id.0.clone(), holds: holds.clone(), token: String::new(), row: None })
    }
}

/// The sessions that requests of this process are appending to.
type Holds = Arc<Mutex<HashSet<String>>>;

/// The right to append to a session. It ends with the last thread that may still write, not with the request.
struct Hold {
    id: String,
    holds: Holds,
    /// Of an object store: what the row is held by against other nodes.
    token: String,
    row: Option<objects::RowHold>,
}

impl Hold {
    /// For bytes that have no session.
    fn unshared() -> Arc<Self> {
        Arc::new(Self { id: String::new(), holds: Holds::default(), token: String::new(), row: None })
    }
}

impl Hold {
    /// The row is held no more: the transaction that ended the request gave it back.
    fn row_is_free(&self) {
        if let Some(row) = &self.row {
            row.is_free();
        }
    }
}

/// Gives the row of a session back before an error is answered, so that the client's next request finds it free.
async fn give_back_on_error<T>(result: Result<T>, hold: Arc<Hold>) -> Result<(T, Arc<Hold>)> {
    match result {
        Ok(value) => Ok((value, hold)),
        Err(error) => {
            if let Some(row) = &hold.row {
                row.give_back().await;
            }
            Err(error)
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The next bytes of a stream, at least `enough` of them unless it ends. None at all mean that it has ended.
async fn next_batch(body: &mut ByteStream, enough: usize) -> Result<Vec<Bytes>> {
    let (mut batch, mut size) = (Vec::new(), 0);
    while size < enough {
        match body.next().await {
            Some(Ok(bytes)) if bytes.is_empty() => {}
            Some(Ok(bytes)) => {
                size += bytes.len();
                batch.push(bytes);
            }
            Some(Err(error)) => {
                let message = format!("the stream of the upload broke off: {error}");
                return Err(Error::new(ErrorKind::Interrupted, message).because(error));
            }
            None => break,
        }
    }
    Ok(batch)
}

fn no_upload(repository: &RepositoryName, id: &UploadId) -> Error {
    Error::new(ErrorKind::NotFound, format!("{repository} has no upload {id}"))
}

fn signed(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| Error::new(ErrorKind::LimitExceeded, "a size beyond 2^63 bytes"))
}

/// 32 hexadecimal digits that nobody can guess.
pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "the system gave no random bytes").because(e.to_string())
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
