//! Blobs in an object store: S3, Azure Blob Storage, Google Cloud Storage.
//!
//! ```text
//! blobs/<32 hex>                  a blob, from its first part on; the row of the blob tells the name
//! uploads/<32 hex>/<offset>       the bytes of a session that do not fill a part yet
//! ```
//!
//! The upload's key is the blob's key, so nothing is copied at the end. Parts have one size but for the last, which all
//! stores take. The parts' identities are those that the store gave, and completing with them fails when a part was
//! overwritten by a node that only thought it held the session; the row decides who does.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};
use plimsoll_types::{Algorithm, Digest, Hasher, Timestamp};

use super::{ByteStream, Hold, Holds, Progress, UploadId, next_batch, random_name};
use crate::database::args;
use crate::{Error, ErrorKind, Result, Store};

const PART_BYTES: usize = 8 * 1024 * 1024;
/// How long a node that died keeps others from going on with a session.
const HOLD_MS: i64 = 60_000;

/// What the clouds' clients have in common.
trait Cloud: ObjectStore + MultipartStore {}
impl<T: ObjectStore + MultipartStore> Cloud for T {}

pub(crate) struct Objects {
    cloud: Arc<dyn Cloud>,
    prefix: String,
    /// For messages.
    url: String,
    pub(super) holds: Holds,
}

/// Bytes that are in no part yet.
#[derive(Default)]
pub(super) struct Rest {
    chunks: VecDeque<Bytes>,
    size: usize,
}

impl Objects {
    pub(super) fn open(url: &str, options: &[(String, String)]) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let cloud: Arc<dyn Cloud> = match scheme {
            _ if bucket.is_empty() => return Err(unknown_url(url)),
            "s3" => Arc::new(s3(bucket, options)?),
            "az" => Arc::new(azure(bucket, options)?),
            "gs" => Arc::new(google(bucket, options)?),
            _ => return Err(unknown_url(url)),
        };
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self { cloud, prefix, url: url.to_owned(), holds: Holds::default() })
    }

    pub(super) async fn check(&self) -> Result<()> {
        match self.cloud.head(&self.path("plimsoll")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("reach", error)),
        }
    }

    pub(super) async fn size(&self, location: &str) -> Result<u64> {
        let meta = self.cloud.head(&self.path(location)).await.map_err(|e| self.failed("look into", e))?;
        Ok(meta.size)
    }

    pub(super) async fn read(&self, location: &str, range: Range<u64>) -> Result<ByteStream> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let path = self.path(location);
        let found = self.cloud.get_opts(&path, options).await.map_err(|e| self.failed("read from", e))?;
        Ok(Box::pin(found.into_stream().map(|bytes| bytes.map_err(std::io::Error::other))))
    }

    /// Takes the stream into parts. What fills no part stays in `rest`. A multipart upload that was begun for this stream
    /// and not finished is ended again, since no row tells of it.
    pub(super) async fn write(
        &self,
        id: &UploadId,
        progress: Progress,
        body: ByteStream,
    ) -> Result<Progress> {
        let (known, location) = (progress.multipart.clone(), progress.location.clone());
        let mut begun = known.clone();
        let written = self.write_parts(id, progress, body, &mut begun).await;
        if let (Err(_), None, Some(begun)) = (&written, known, begun) {
            self.abort(id, &location, &begun).await;
        }
        written
    }

    async fn write_parts(
        &self,
        id: &UploadId,
        mut progress: Progress,
        mut body: ByteStream,
        begun: &mut Option<String>,
    ) -> Result<Progress> {
        if let Some(tail) = progress.tail_name(id) {
            let found = self.cloud.get(&self.path(&tail)).await.map_err(|e| self.failed("read from", e))?;
            let bytes = found.bytes().await.map_err(|e| self.failed("read from", e))?;
            if bytes.len() as u64 != progress.tail {
                return Err(Error::corrupt(format!("the tail of the upload {id} has changed")));
            }
            progress.rest.push(bytes);
        }
        loop {
            let missing = PART_BYTES.saturating_sub(progress.rest.size).max(1);
            let batch = next_batch(&mut body, missing).await?;
            if batch.is_empty() {
                progress.tail = progress.rest.size as u64;
                return Ok(progress);
            }
            for bytes in &batch {
                progress.rest.push(bytes.clone());
            }
            progress = hash(progress, batch).await?;
            while progress.rest.size >= PART_BYTES {
                let part = progress.rest.take(PART_BYTES);
                let put = self.put_part(&mut progress, part).await;
                begun.clone_from(&progress.multipart);
                put?;
            }
        }
    }

    /// Keeps what fills no part until the next request.
    pub(super) async fn save_tail(&self, id: &UploadId, mut progress: Progress) -> Result<Progress> {
        if let Some(tail) = progress.tail_name(id) {
            let size = progress.rest.size;
            let payload = progress.rest.take(size);
            self.cloud.put(&self.path(&tail), payload).await.map_err(|e| self.failed("write to", e))?;
        }
        Ok(progress)
    }

    /// Makes the object of all parts and the rest.
    pub(super) async fn complete(&self, mut progress: Progress) -> Result<Progress> {
        let size = progress.rest.size;
        let rest = progress.rest.take(size);
        let path = self.path(&progress.location);
        if progress.multipart.is_none() {
            self.cloud.put(&path, rest).await.map_err(|e| self.failed("write to", e))?;
            return Ok(progress);
        }
        if size > 0 {
            self.put_part(&mut progress, rest).await?;
        }
        let parts = progress.parts.iter().map(|id| PartId { content_id: id.clone() }).collect();
        let multipart = progress.multipart.clone().unwrap_or_default();
        let done = self.cloud.complete_multipart(&path, &multipart, parts).await;
        done.map_err(|e| self.failed("complete an object of", e))?;
        Ok(progress)
    }

    /// Reads the object again, with another algorithm.
    pub(super) async fn hash(&self, progress: &Progress, algorithm: Algorithm) -> Result<Digest> {
        let mut hasher = Hasher::new(algorithm);
        if progress.received > 0 {
            let mut stream = self.read(&progress.location, 0..progress.received).await?;
            while let Some(bytes) = stream.next().await {
                let broken = |e| Error::new(ErrorKind::Unavailable, "cannot read an object again").because(e);
                hasher.update(&bytes.map_err(broken)?);
            }
        }
        Ok(hasher.finish())
    }

    /// Frees what an upload has left.
    pub(super) async fn discard(&self, id: &UploadId, location: &str, multipart: Option<&str>) {
        if let Some(multipart) = multipart {
            self.abort(id, location, multipart).await;
        }
        let prefix = self.path(&format!("uploads/{id}"));
        let mut tails = self.cloud.list(Some(&prefix));
        while let Some(Ok(tail)) = tails.next().await {
            let _ = self.cloud.delete(&tail.location).await;
        }
    }

    async fn abort(&self, id: &UploadId, location: &str, multipart: &str) {
        if let Err(error) = self.cloud.abort_multipart(&self.path(location), &multipart.to_owned()).await {
            tracing::warn!(%error, upload.id = %id, "a multipart upload could not be ended");
        }
    }

    /// Removes an object that no row names. Where that fails, it stays as an orphan.
    pub(super) async fn forget(&self, location: &str) {
        if let Err(error) = self.cloud.delete(&self.path(location)).await {
            tracing::warn!(%error, location, "an object that is not needed could not be removed");
        }
    }

    async fn put_part(&self, progress: &mut Progress, part: PutPayload) -> Result<()> {
        let path = self.path(&progress.location);
        let multipart = match &progress.multipart {
            Some(multipart) => multipart.clone(),
            None => {
                let new = self.cloud.create_multipart(&path).await;
                progress.multipart.insert(new.map_err(|e| self.failed("begin an object of", e))?).clone()
            }
        };
        let part = self.cloud.put_part(&path, &multipart, progress.parts.len(), part).await;
        progress.parts.push(part.map_err(|e| self.failed("write a part to", e))?.content_id);
        Ok(())
    }

    fn path(&self, location: &str) -> Path {
        if self.prefix.is_empty() {
            Path::from(location)
        } else {
            Path::from(format!("{}/{location}", self.prefix))
        }
    }

    fn failed(&self, attempt: &str, error: object_store::Error) -> Error {
        Error::objects(&format!("{attempt} the blob store {}", self.url), error)
    }
}

impl Rest {
    fn push(&mut self, bytes: Bytes) {
        self.size += bytes.len();
        self.chunks.push_back(bytes);
    }

    /// The first `size` bytes.
    fn take(&mut self, size: usize) -> PutPayload {
        let mut taken = Vec::new();
        let mut missing = size.min(self.size);
        self.size -= missing;
        while missing > 0
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            if chunk.len() > missing {
                self.chunks.push_front(chunk.split_off(missing));
            }
            missing -= chunk.len();
            taken.push(chunk);
        }
        taken.into_iter().collect()
    }
}

/// Hashes away from the threads that serve requests: a part takes milliseconds.
async fn hash(mut progress: Progress, batch: Vec<Bytes>) -> Result<Progress> {
    let hashing = tokio::task::spawn_blocking(move || {
        for bytes in &batch {
            progress.take(bytes);
        }
        progress
    });
    hashing.await.map_err(Error::stopped)
}

/// The row of a session, held against other nodes. It is given back when dropped.
pub(super) struct RowHold {
    store: Store,
    id: String,
    token: String,
    free: AtomicBool,
    renewal: tokio::task::JoinHandle<()>,
}

impl RowHold {
    /// Somebody else gave the row back.
    pub(super) fn is_free(&self) {
        self.free.store(true, Ordering::Relaxed);
        self.renewal.abort();
    }

    pub(super) async fn give_back(&self) {
        self.is_free();
        give_back(&self.store, &self.id, &self.token).await;
    }
}

/// Where that fails, the hold runs out by itself.
async fn give_back(store: &Store, id: &str, token: &str) {
    let sql = "update uploads set holder = null, held_until = 0 where id = $1 and holder = $2";
    if let Ok(mut tx) = store.db.begin("give an upload back").await
        && tx.execute(sql, &args![id, token]).await.is_ok()
    {
        let _ = tx.commit().await;
    }
}

/// Takes the row of a session. `None` where another node holds it.
pub(super) async fn hold_row(store: &Store, mut hold: Hold, now: Timestamp) -> Result<Option<Hold>> {
    let token = random_name()?;
    let sql = "update uploads set holder = $2, held_until = $3 \
        where id = $1 and (holder is null or held_until <= $4)";
    let mut tx = store.db.begin("take an upload").await?;
    let taken = tx.execute(sql, &args![&hold.id, &token, now.plus_millis(HOLD_MS), now]).await?;
    tx.commit().await?;
    if taken == 0 {
        return Ok(None);
    }
    let renewal = tokio::spawn(renew(store.clone(), hold.id.clone(), token.clone(), now));
    hold.token = token.clone();
    hold.row = Some(RowHold {
        store: store.clone(),
        id: hold.id.clone(),
        token,
        free: AtomicBool::new(false),
        renewal,
    });
    Ok(Some(hold))
}

async fn renew(store: Store, id: String, token: String, start: Timestamp) {
    let begun = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(HOLD_MS as u64 / 3)).await;
        let now = start.plus_millis(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let sql = "update uploads set held_until = $3 where id = $1 and holder = $2";
        let renewed = async {
            let mut tx = store.db.begin("keep an upload").await?;
            tx.execute(sql, &args![&id, &token, now.plus_millis(HOLD_MS)]).await?;
            tx.commit().await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%error, upload.id = id, "the hold on an upload could not be renewed");
        }
    }
}

impl Drop for RowHold {
    /// For a request that was dropped on its way: its client has gone, and will ask on another connection.
    fn drop(&mut self) {
        self.renewal.abort();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.free.load(Ordering::Relaxed) {
            let (store, id, token) = (self.store.clone(), self.id.clone(), self.token.clone());
            runtime.spawn(async move { give_back(&store, &id, &token).await });
        }
    }
}

fn s3(bucket: &str, options: &[(String, String)]) -> Result<object_store::aws::AmazonS3> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    for (name, value) in options {
        builder = builder.with_config(name.parse().map_err(|e| unknown_option(name, e))?, value);
    }
    builder.build().map_err(|e| unusable("s3", bucket, e))
}

fn azure(container: &str, options: &[(String, String)]) -> Result<object_store::azure::MicrosoftAzure> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container);
    for (name, value) in options {
        builder = builder.with_config(name.parse().map_err(|e| unknown_option(name, e))?, value);
    }
    builder.build().map_err(|e| unusable("az", container, e))
}

fn google(bucket: &str, options: &[(String, String)]) -> Result<object_store::gcp::GoogleCloudStorage> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    for (name, value) in options {
        builder = builder.with_config(name.parse().map_err(|e| unknown_option(name, e))?, value);
    }
    builder.build().map_err(|e| unusable("gs", bucket, e))
}

fn unknown_url(url: &str) -> Error {
    let message = format!(
        "blobs must be file:PATH, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX, found {url}"
    );
    Error::new(ErrorKind::Misconfigured, message)
}

fn unknown_option(name: &str, error: object_store::Error) -> Error {
    Error::new(ErrorKind::Misconfigured, format!("the blob store has no option {name}")).because(error)
}

fn unusable(scheme: &str, bucket: &str, error: object_store::Error) -> Error {
    let message = format!("cannot use the blob store {scheme}://{bucket}: {error}");
    Error::new(ErrorKind::Misconfigured, message).because(error)
}
