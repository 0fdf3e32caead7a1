//! Manifests, tags, referrers, repositories.

use bytes::Bytes;
use plimsoll_types::{Digest, Manifest, Reference, RepositoryName, Tag, Timestamp};

use crate::{Result, Store};

/// A manifest as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// The media type it was pushed as.
    pub media_type: String,
    /// The bytes that were pushed.
    pub body: Bytes,
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
    /// subject may be absent.
    pub async fn put_manifest(&self, put: ManifestPut<'_>) -> Result<Stored> { unimplemented!() }

    /// The manifest that a tag or digest names in this repository.
    pub async fn manifest(&self, repository: &RepositoryName, reference: &Reference) -> Result<Option<StoredManifest>> { unimplemented!() }

    /// Only digest, media type and size of it: what HEAD needs.
    pub async fn manifest_head(&self, repository: &RepositoryName, reference: &Reference) -> Result<Option<(Digest, String, u64)>> { unimplemented!() }

    /// Removes a manifest from the repository, with all tags on it.
    pub async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest, now: Timestamp) -> Result<Deleted> { unimplemented!() }

    /// Removes a tag; what it named stays.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag, now: Timestamp) -> Result<Deleted> { unimplemented!() }

    /// Up to `n` tags behind `last`, in ASCII order. `None` where the repository does not exist.
    pub async fn tags(&self, repository: &RepositoryName, last: Option<&str>, n: u32) -> Result<Option<Vec<Tag>>> { unimplemented!() }

    /// Up to `n` repositories behind `last`, in ASCII order.
    pub async fn repositories(&self, last: Option<&str>, n: u32) -> Result<Vec<RepositoryName>> { unimplemented!() }

    /// Whether the repository exists: something was pushed to it.
    pub async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool> { unimplemented!() }

    /// Up to `n` manifests whose subject is `subject`, behind the digest `last`, in the order of their digests.
    pub async fn referrers(&self, repository: &RepositoryName, subject: &Digest, artifact_type: Option<&str>, last: Option<&Digest>, n: u32) -> Result<Vec<Referrer>> { unimplemented!() }
}
