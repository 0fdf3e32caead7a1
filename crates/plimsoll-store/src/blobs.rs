//! Blobs: uploads that can be resumed, reads by range, membership in repositories.

use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use plimsoll_types::{Algorithm, Digest, RepositoryName, Timestamp};

use crate::{Deleted, Result, Store};

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
    type Err = plimsoll_types::ParseError;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> { unimplemented!() }
}

impl std::fmt::Display for UploadId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Store {
    /// The blob, if this repository holds it. Being stored elsewhere does not count (CVE-2024-39897, CVE-2026-35172).
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobInfo>> { unimplemented!() }

    /// The blob wherever it is: for scans, which ask by what a stored manifest names, never for clients.
    pub async fn blob_anywhere(&self, digest: &Digest) -> Result<Option<BlobInfo>> { unimplemented!() }

    /// The bytes of a blob, or of a range of it.
    pub async fn read_blob(&self, blob: &BlobInfo, range: Option<Range<u64>>) -> Result<ByteStream> { unimplemented!() }

    /// The blob as an open file, where the blob store is a folder, so that bytes need not pass through this process.
    pub async fn open_blob_file(&self, blob: &BlobInfo) -> Result<Option<std::fs::File>> { unimplemented!() }

    /// Starts an upload session. `algorithm` is what the bytes are hashed with while they stream.
    pub async fn start_upload(&self, repository: &RepositoryName, algorithm: Algorithm, now: Timestamp) -> Result<Upload> { unimplemented!() }

    /// The session of this repository, or none.
    pub async fn upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<Option<Upload>> { unimplemented!() }

    /// Appends a stream. With `at`, the session must stand exactly there (else `WrongOffset`, and nothing changes).
    /// What arrived before the stream broke off is kept only if the method returns `Ok`.
    pub async fn append(&self, repository: &RepositoryName, id: &UploadId, at: Option<u64>, body: ByteStream, now: Timestamp) -> Result<Upload> { unimplemented!() }

    /// Appends the last stream, checks the digest, makes the blob durable, links it to the repository, and queues the layer
    /// job where the first bytes look like a layer: one transaction. On `DigestMismatch` the session is gone and nothing is stored.
    pub async fn finish_upload(&self, repository: &RepositoryName, id: &UploadId, at: Option<u64>, body: ByteStream, digest: &Digest, now: Timestamp) -> Result<Finished> { unimplemented!() }

    /// A whole blob at once, without a session.
    pub async fn put_blob(&self, repository: &RepositoryName, digest: &Digest, body: ByteStream, now: Timestamp) -> Result<Finished> { unimplemented!() }

    /// Ends a session and frees its space. `false` where there is none.
    pub async fn cancel_upload(&self, repository: &RepositoryName, id: &UploadId) -> Result<bool> { unimplemented!() }

    /// Ends the sessions that nobody touched since `before`; tells how many.
    pub async fn expire_uploads(&self, before: Timestamp) -> Result<u64> { unimplemented!() }

    /// Links a blob that `from` holds to `to` as well. `false` where `from` does not hold it.
    pub async fn mount_blob(&self, from: &RepositoryName, to: &RepositoryName, digest: &Digest, now: Timestamp) -> Result<bool> { unimplemented!() }

    /// Unlinks a blob from the repository, unless a manifest there needs it.
    pub async fn delete_blob(&self, repository: &RepositoryName, digest: &Digest, now: Timestamp) -> Result<Deleted> { unimplemented!() }
}
