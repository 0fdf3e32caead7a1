//! Copies an image from another registry, or from another of our own, into a registry here.
//!
//! All manifests are read first, so that limits are known to hold before a byte is copied. Blobs that are there already are
//! skipped, so an import that was cut off goes on where it was. Bytes are taken from the source even where the store holds
//! the same digest elsewhere: who merely names a digest must not get content that others keep to themselves. Referrers
//! (signatures, SBOMs) are not copied.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use plimsoll_store::{ManifestPut, RegistryId, Store, Stored};
use plimsoll_types::import::{Credentials, ImportRequest, Place};
use plimsoll_types::manifest::media;
use plimsoll_types::{
    Descriptor, Digest, ImageReference, Manifest, Reference, RepositoryName, ResourceId, Tag, Trigger,
};
use serde_json::{Value, json};

use super::Shared;
use crate::client::{self, ClientOptions, FetchedManifest, RegistryClient, Secret};
use crate::{Error, ErrorKind, Result};

/// Indexes in indexes.
const MAX_DEPTH: usize = 4;
/// Blobs of one import that are copied at the same time.
const BLOBS_AT_ONCE: usize = 3;
/// How often the progress is written down.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// What one import may take.
#[derive(Debug, Clone)]
pub struct ImportLimits {
    /// Imports at the same time.
    pub at_once: usize,
    /// How often one is begun before it fails for good.
    pub attempts: i64,
    /// Bytes of all blobs.
    pub bytes: u64,
    /// Manifests, those of all platforms counted.
    pub manifests: usize,
    /// Blobs.
    pub blobs: usize,
    /// Time.
    pub time: Duration,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            at_once: 2,
            attempts: 3,
            bytes: 200 << 30,
            manifests: 1_000,
            blobs: 20_000,
            time: Duration::from_secs(6 * 3600),
        }
    }
}

impl Shared {
    /// Does an import and records how it ended. An error is one that may pass: the import is tried again.
    pub(super) async fn import(&self, operation: &str, attempt: i64) -> Result<()> {
        let Some(import) = self.store.import(operation).await? else { return Ok(()) };
        let target = self.store.in_registry(import.registry).triggered_by(Trigger::Import);
        let progress = Progress::default();
        let work = async {
            let source = Source::open(&self.store, &import.request, import.credentials.as_ref()).await?;
            self.copy(&source, &target, &import.request, attempt, &progress).await
        };
        let limit = self.settings.imports.time;
        let note = self.note(operation, &progress);
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(limit, work) => outcome.unwrap_or_else(|_| {
                let message = format!("the import took longer than {} seconds", limit.as_secs());
                Err(Error::new(ErrorKind::TooLarge, message))
            }),
            () = note => return Ok(()),
        };
        match outcome {
            Ok(()) => {
                self.store.end_import(operation, &progress.json(), None, (self.clock)()).await?;
                tracing::info!(
                    operation,
                    bytes = progress.bytes_copied.load(Ordering::Relaxed),
                    "an import is done"
                );
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(error),
            Err(error) => self.end_failed_import(operation, &progress.json(), &error).await,
        }
    }

    /// Records that an import failed for good.
    pub(super) async fn end_failed_import(
        &self,
        operation: &str,
        progress: &Value,
        error: &Error,
    ) -> Result<()> {
        let code = match error.kind() {
            ErrorKind::Busy => "Conflict",
            ErrorKind::NotFound => "SourceImageNotFound",
            ErrorKind::Denied => "SourceAccessDenied",
            ErrorKind::TooLarge => "ImportTooLarge",
            ErrorKind::Usage => "InvalidParameter",
            _ => "ImportFailed",
        };
        let message = error.chain();
        tracing::warn!(operation, code, error = message, "an import failed");
        Ok(self.store.end_import(operation, progress, Some((code, &message)), (self.clock)()).await?)
    }

    /// Writes the progress down, again and again.
    async fn note(&self, operation: &str, progress: &Progress) {
        loop {
            tokio::time::sleep(NOTE_EVERY).await;
            if let Err(error) = self.store.note_operation(operation, &progress.json(), (self.clock)()).await {
                tracing::warn!(operation, %error, "the progress of an import could not be noted");
            }
        }
    }

    async fn copy(
        &self,
        source: &Source,
        target: &Store,
        request: &ImportRequest,
        attempt: i64,
        progress: &Progress,
    ) -> Result<()> {
        let limits = &self.settings.imports;
        let image = SourceImage::read(source, &request.source.reference, limits).await?;
        let taken = target.taken_targets(request).await?;
        // What an earlier attempt of this very import has set does not stand in its way.
        let taken: Vec<String> = taken
            .into_iter()
            .filter(|(_, digest)| attempt == 1 || *digest != image.root)
            .map(|(name, _)| name)
            .collect();
        if !taken.is_empty() {
            let message = format!(
                "{} is there already; nothing was copied. Import with mode Force to move it",
                taken.join(", ")
            );
            return Err(Error::new(ErrorKind::Busy, message));
        }
        let mut repositories: BTreeMap<&RepositoryName, Vec<Tag>> = BTreeMap::new();
        for repository in &request.untagged {
            repositories.entry(repository).or_default();
        }
        for one in &request.targets {
            repositories.entry(&one.repository).or_default().push(one.tag.clone());
        }
        progress.expect(&image, repositories.len());
        let all: Vec<&RepositoryName> = repositories.keys().copied().collect();
        for (number, repository) in all.iter().enumerate() {
            let before = &all[..number];
            stream::iter(image.blobs.values().map(Ok))
                .try_for_each_concurrent(BLOBS_AT_ONCE, |blob| {
                    self.copy_blob(source, target, before.first().copied(), repository, blob, progress)
                })
                .await?;
        }
        for (repository, tags) in &repositories {
            for digest in &image.order {
                let tags = if *digest == image.root { tags.as_slice() } else { &[] };
                self.put(target, repository, digest, &image.manifests[digest], tags).await?;
            }
        }
        Ok(())
    }

    async fn copy_blob(
        &self,
        source: &Source,
        target: &Store,
        sibling: Option<&RepositoryName>,
        repository: &RepositoryName,
        blob: &Descriptor,
        progress: &Progress,
    ) -> Result<()> {
        let now = (self.clock)();
        let is_there = target.blob(repository, &blob.digest).await?.is_some();
        let mounted = match (is_there, sibling) {
            (true, _) => true,
            (false, Some(sibling)) => target.mount_blob(sibling, repository, &blob.digest, now).await?,
            (false, None) => match source {
                Source::Ours { registry, repository: from, .. } => {
                    target.mount_blob_from(*registry, from, repository, &blob.digest, now).await?
                }
                Source::Elsewhere { .. } => false,
            },
        };
        if mounted {
            progress.blob(blob.size);
            return Ok(());
        }
        let Source::Elsewhere { client, repository: from } = source else {
            let message = format!("the source has no blob {}", blob.digest);
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let counted = client.described_blob_stream(from, blob);
        let stored = target.put_blob(repository, &blob.digest, Box::pin(counted), now).await;
        stored.map_err(|error| {
            let is_false = std::error::Error::source(&error)
                .and_then(|source| source.downcast_ref::<std::io::Error>())
                .is_some_and(|source| source.kind() == std::io::ErrorKind::InvalidData);
            let kind = match error.kind() {
                plimsoll_store::ErrorKind::DigestMismatch => ErrorKind::Damaged,
                plimsoll_store::ErrorKind::Interrupted if is_false => ErrorKind::Damaged,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, format!("cannot copy the blob {}: {error}", blob.digest))
        })?;
        progress.blob(blob.size);
        Ok(())
    }

    async fn put(
        &self,
        target: &Store,
        repository: &RepositoryName,
        digest: &Digest,
        (fetched, manifest): &(FetchedManifest, Manifest),
        tags: &[Tag],
    ) -> Result<()> {
        let now = (self.clock)();
        let body = fetched.body.clone();
        let stored =
            target.put_manifest(ManifestPut { repository, tags, digest, body, manifest, now }).await?;
        let damaged = |message: String| Err(Error::new(ErrorKind::Damaged, message));
        match stored {
            Stored::Yes => Ok(()),
            Stored::Missing(missing) => {
                damaged(format!("{digest} names what the source does not have: {missing:?}"))
            }
            refused => damaged(format!("{digest} was not taken: {refused:?}")),
        }
    }
}

/// Where an image is copied from.
enum Source {
    /// A registry that is spoken to over the network.
    Elsewhere { client: RegistryClient, repository: RepositoryName },
    /// A registry in the same store.
    Ours { store: Store, registry: RegistryId, repository: RepositoryName },
}

impl Source {
    async fn open(store: &Store, request: &ImportRequest, credentials: Option<&Credentials>) -> Result<Self> {
        let repository = request.source.repository.clone();
        match &request.source.place {
            Place::Host(host) => {
                let reference = ImageReference {
                    host: host.clone(),
                    repository: repository.clone(),
                    reference: request.source.reference.clone(),
                };
                let client =
                    RegistryClient::new(&reference, credentials.map(for_client), ClientOptions::default())?;
                Ok(Self::Elsewhere { client, repository })
            }
            Place::Registry(id) => {
                let found = store.registry_by_name(id.name()).await?.filter(|found| {
                    found.scope.registry_id().parse::<ResourceId>().is_ok_and(|found| found == *id)
                });
                let missing = || Error::new(ErrorKind::NotFound, format!("there is no registry {id}"));
                let registry = found.ok_or_else(missing)?.id;
                Ok(Self::Ours { store: store.in_registry(registry), registry, repository })
            }
        }
    }

    async fn manifest(&self, reference: &Reference) -> Result<FetchedManifest> {
        match self {
            Self::Elsewhere { client, repository } => client.manifest(repository, reference).await,
            Self::Ours { store, repository, .. } => {
                let found = store.manifest(repository, reference).await?.ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, format!("the source has no {reference} in {repository}"))
                })?;
                Ok(FetchedManifest { media_type: found.media_type, digest: found.digest, body: found.body })
            }
        }
    }
}

/// A user name of zeros stands for "the password is a token", and so does none (as `az acr import` sends it).
fn for_client(credentials: &Credentials) -> client::Credentials {
    match credentials.username.as_deref() {
        None | Some("" | "00000000-0000-0000-0000-000000000000") => {
            client::Credentials::IdentityToken(Secret::new(credentials.password.clone()))
        }
        Some(username) => client::Credentials::Password {
            username: username.to_owned(),
            password: Secret::new(credentials.password.clone()),
        },
    }
}

/// An image, or an index with all that it names.
struct SourceImage {
    root: Digest,
    manifests: HashMap<Digest, (FetchedManifest, Manifest)>,
    /// Each manifest behind all that it names.
    order: Vec<Digest>,
    blobs: BTreeMap<Digest, Descriptor>,
}

impl SourceImage {
    /// Reads all manifests. Fails where the whole would pass a limit.
    async fn read(source: &Source, reference: &Reference, limits: &ImportLimits) -> Result<Self> {
        let first = source.manifest(reference).await?;
        let root = first.digest.clone();
        let mut manifests = HashMap::new();
        let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        let (mut bytes, mut level) = (0_u64, vec![first]);
        for _ in 0..=MAX_DEPTH {
            let mut next: BTreeSet<Digest> = BTreeSet::new();
            for fetched in level {
                let manifest = Manifest::parse(&fetched.media_type, &fetched.body).map_err(|error| {
                    Error::new(ErrorKind::Damaged, format!("{}: {error}", fetched.digest))
                })?;
                next.extend(manifest.manifests.iter().map(|child| child.digest.clone()));
                let local =
                    manifest.layers.iter().filter(|layer| !media::is_foreign_layer(&layer.media_type));
                for blob in manifest.config.iter().chain(local) {
                    if blobs.insert(blob.digest.clone(), blob.clone()).is_none() {
                        bytes = bytes.saturating_add(blob.size);
                    }
                }
                manifests.insert(fetched.digest.clone(), (fetched, manifest));
            }
            next.retain(|digest| !manifests.contains_key(digest));
            let over = [
                (manifests.len() + next.len() > limits.manifests, format!("{} manifests", limits.manifests)),
                (blobs.len() > limits.blobs, format!("{} blobs", limits.blobs)),
                (bytes > limits.bytes, format!("{} bytes", limits.bytes)),
            ];
            if let Some((_, limit)) = over.into_iter().find(|(is_over, _)| *is_over) {
                return Err(Error::new(ErrorKind::TooLarge, format!("the image has more than {limit}")));
            }
            if next.is_empty() {
                let mut order = Vec::with_capacity(manifests.len());
                put_in_order(&root, &manifests, &mut order);
                return Ok(Self { root, manifests, order, blobs });
            }
            level = stream::iter(next)
                .map(|digest| async move { source.manifest(&Reference::Digest(digest)).await })
                .buffered(BLOBS_AT_ONCE)
                .try_collect()
                .await?;
        }
        Err(Error::new(ErrorKind::Damaged, format!("{root} has indexes more than {MAX_DEPTH} deep")))
    }
}

/// Children before parents. A digest cannot name itself, so there is an end, and the depth was limited before.
fn put_in_order(
    digest: &Digest,
    manifests: &HashMap<Digest, (FetchedManifest, Manifest)>,
    order: &mut Vec<Digest>,
) {
    if order.contains(digest) {
        return;
    }
    if let Some((_, manifest)) = manifests.get(digest) {
        for child in &manifest.manifests {
            put_in_order(&child.digest, manifests, order);
        }
        order.push(digest.clone());
    }
}

/// How far an import is.
#[derive(Default)]
struct Progress {
    manifests: AtomicU64,
    blobs: AtomicU64,
    bytes: AtomicU64,
    blobs_copied: AtomicU64,
    bytes_copied: AtomicU64,
}

impl Progress {
    fn expect(&self, image: &SourceImage, repositories: usize) {
        let times = repositories as u64;
        self.manifests.store(image.manifests.len() as u64, Ordering::Relaxed);
        self.blobs.store(image.blobs.len() as u64 * times, Ordering::Relaxed);
        let bytes = image.blobs.values().map(|blob| blob.size).sum::<u64>();
        self.bytes.store(bytes.saturating_mul(times), Ordering::Relaxed);
    }

    fn blob(&self, size: u64) {
        self.blobs_copied.fetch_add(1, Ordering::Relaxed);
        self.bytes_copied.fetch_add(size, Ordering::Relaxed);
    }

    fn json(&self) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "manifests": count(&self.manifests),
            "blobs": count(&self.blobs),
            "blobsCopied": count(&self.blobs_copied),
            "bytes": count(&self.bytes),
            "bytesCopied": count(&self.bytes_copied),
        })
    }
}
