//! Carries a database through a registry: what [`super::carry`] writes to a file, as an OCI artifact.
//!
//! ```text
//! manifest   artifactType application/vnd.plimsoll.advisories.v1; annotations for people and their tools
//! ├ config   application/vnd.plimsoll.advisories.label.v1: the first three lines of the file, its signature among them
//! └ layer    application/vnd.plimsoll.advisories.export.v1: the file
//! ```
//!
//! The lines are there twice so that whose database it is and how old it is are known before it is fetched. Annotations are
//! nobody's word: nothing here reads them.

use std::fs::File;
use std::io::{Read, Seek};

use bytes::Bytes;
use futures_util::StreamExt;
use plimsoll_types::manifest::media;
use plimsoll_types::{Algorithm, Descriptor, Digest, Hasher, ImageReference, Manifest, Reference};
use tokio::io::AsyncWriteExt;

use super::bucket::nameless;
use super::carry::{Exported, Head, Imported, MAX_DATABASE_BYTES};
use super::{FeedEvent, FeedProgress, Feeds, Lock, UpdateOptions, Updated};
use crate::artifact::{Artifact, descriptor};
use crate::client::{ClientOptions, Content, CredentialFiles, RegistryClient};
use crate::{Error, ErrorKind, Result};

const ARTIFACT: &str = "application/vnd.plimsoll.advisories.v1";
const LABEL: &str = "application/vnd.plimsoll.advisories.label.v1";
const EXPORT: &str = "application/vnd.plimsoll.advisories.export.v1";
/// The name under which other clients write the layer.
const TITLE: &str = "advisories.plimsoll";
/// Bytes of the first three lines.
const MAX_LABEL_BYTES: usize = 9 << 20;

/// How the registries are spoken to that carry databases, and whose databases are taken.
#[derive(Debug, Clone, Default)]
pub struct RegistryAccess {
    /// How they are spoken to.
    pub client: ClientOptions,
    /// Where credentials are.
    pub credentials: CredentialFiles,
    /// The Ed25519 public key (PEM) that a database must be signed with; without one, every whole database is taken.
    pub key: Option<String>,
}

/// A database that is in a registry now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its generation.
    pub generation: u64,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Bytes of it as it was pushed.
    pub bytes: u64,
}

impl Feeds {
    /// Pushes the generation that counts to a registry. `key` is an Ed25519 private key in PEM (PKCS #8).
    pub async fn push(&self, to: &ImageReference, key: Option<&str>) -> Result<Pushed> {
        if let Reference::Digest(_) = to.reference {
            let message = format!("{to} is a digest, which says what there is already; name a tag");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        self.generation_to_carry()?;
        let (feeds, key) = (self.clone(), key.map(str::to_owned));
        let (file, exported, digest, bytes) = blocking(move || {
            let mut file = nameless(&feeds.folder)?;
            let exported = feeds.export_to(&file, &feeds.folder, key.as_deref())?;
            let (digest, bytes) = digest(&mut file).map_err(|error| {
                Error::new(ErrorKind::Unavailable, "cannot read the export").because(error)
            })?;
            Ok((file, exported, digest, bytes))
        })
        .await?;
        let options = ClientOptions { push: true, ..self.registry.client.clone() };
        let client = RegistryClient::with_files(to, &self.registry.credentials, options).await?;
        let artifact = artifact(&exported, digest.clone(), bytes);
        let content = Content::File { file: &file, size: bytes };
        client.push_blob(&to.repository, &digest, &content).await?;
        let label = Content::Bytes(artifact.config.1.clone());
        client.push_blob(&to.repository, &artifact.config_digest(), &label).await?;
        let manifest = artifact.manifest();
        let digest = Digest::sha256(&manifest);
        client.push_manifest(&to.repository, &to.reference, media::OCI_MANIFEST, manifest).await?;
        Ok(Pushed { generation: exported.generation, digest, bytes })
    }

    /// Takes a database from a registry, where somebody pushed it. With a key in the access, only one that is signed with
    /// it. An older generation than the one that counts is taken only with `force`. What fails on the way changes nothing.
    pub async fn pull(
        &self,
        from: &ImageReference,
        force: bool,
        progress: &FeedProgress,
    ) -> Result<Imported> {
        let access = &self.registry;
        let client = RegistryClient::with_files(from, &access.credentials, access.client.clone()).await?;
        let fetched = client.manifest(&from.repository, &from.reference).await?;
        let manifest = Manifest::parse(&fetched.media_type, &fetched.body)
            .map_err(|error| Error::new(ErrorKind::Damaged, format!("{from}: {error}")))?;
        let (label, export) = parts(&manifest, from)?;
        let label = client.blob(&from.repository, &label.digest, MAX_LABEL_BYTES).await?;
        let (feeds, name) = (self.clone(), from.to_string());
        let known = blocking(move || {
            let head = Head::read(&mut label.as_ref(), &name)?;
            let _lock = Lock::take(&feeds.folder)?;
            feeds.weigh(&head, &name, feeds.registry.key.as_deref(), force)
        });
        if let Some(known) = known.await? {
            return Ok(known);
        }
        let file = self.download(&client, from, &export, progress).await?;
        progress(FeedEvent::Compiling);
        let (feeds, name) = (self.clone(), from.to_string());
        blocking(move || feeds.take(file, &name, feeds.registry.key.as_deref(), force)).await
    }

    /// [`Feeds::update`], where the feed is a database in a registry.
    pub(super) async fn update_from(
        &self,
        from: &ImageReference,
        options: &UpdateOptions,
        progress: &FeedProgress,
    ) -> Result<Updated> {
        let pulled = self.pull(from, options.accept_drop, progress).await?;
        Ok(Updated { generation: pulled.generation, changed: !pulled.was_there, ecosystems: Vec::new() })
    }

    /// The export in a file that has no name, so that nothing is left behind however this process ends.
    async fn download(
        &self,
        client: &RegistryClient,
        from: &ImageReference,
        export: &Descriptor,
        progress: &FeedProgress,
    ) -> Result<File> {
        let file = nameless(&self.folder)?;
        let write = |error| Error::file("write to", &self.folder, error);
        let mut to = tokio::fs::File::from_std(file.try_clone().map_err(write)?);
        let mut stream = Box::pin(client.described_blob_stream(&from.repository, export));
        let mut bytes = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::InvalidData => ErrorKind::Damaged,
                    _ => ErrorKind::Unavailable,
                };
                Error::new(kind, format!("{from} was not fetched")).because(error)
            })?;
            to.write_all(&chunk).await.map_err(write)?;
            bytes += chunk.len() as u64;
            let ecosystem = from.to_string();
            progress(FeedEvent::Downloaded { ecosystem, bytes, total: Some(export.size) });
        }
        to.flush().await.map_err(write)?;
        let mut file = file;
        file.rewind().map_err(write)?;
        Ok(file)
    }
}

fn artifact(exported: &Exported, digest: Digest, bytes: u64) -> Artifact {
    let mut layer = descriptor(EXPORT, digest, bytes);
    let title = ("org.opencontainers.image.title".to_owned(), TITLE.to_owned());
    layer.annotations = Some([title].into());
    let said = [
        ("org.opencontainers.image.created", Some(exported.created_at.to_string())),
        ("vnd.plimsoll.advisories.generation", Some(exported.generation.to_string())),
        ("vnd.plimsoll.advisories.count", Some(exported.advisories.to_string())),
        ("vnd.plimsoll.advisories.checked", exported.checked_at.map(|at| at.to_string())),
        ("vnd.plimsoll.advisories.signature", exported.is_signed.then(|| "ed25519".to_owned())),
    ];
    let mut artifact = Artifact::new(ARTIFACT, layer);
    artifact.config = (LABEL, Bytes::from(exported.head.clone()));
    artifact.annotations =
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    artifact
}

/// The label and the export of a manifest.
fn parts(manifest: &Manifest, from: &ImageReference) -> Result<(Descriptor, Descriptor)> {
    let config = manifest.config.as_ref().filter(|config| config.media_type == LABEL);
    let (Some(config), [export]) = (config, manifest.layers.as_slice()) else {
        let what = manifest.artifact_type.as_deref().unwrap_or("an index");
        let message = format!("{from} is no advisory database ({what}); `plimsoll db push` puts one there");
        return Err(Error::new(ErrorKind::Usage, message));
    };
    if export.media_type != EXPORT || manifest.artifact_type.as_deref() != Some(ARTIFACT) {
        let message = format!("{from} is an advisory database of a form that this version does not read");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    if export.size > MAX_DATABASE_BYTES {
        return Err(Error::new(ErrorKind::TooLarge, format!("{from} is larger than any database")));
    }
    Ok((config.clone(), export.clone()))
}

fn digest(file: &mut File) -> std::io::Result<(Digest, u64)> {
    file.rewind()?;
    let (mut hasher, mut buffer, mut bytes) = (Hasher::new(Algorithm::Sha256), vec![0; 256 << 10], 0);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hasher.finish(), bytes));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        bytes += count as u64;
    }
}

/// Work on the disk, off the threads that answer requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Unavailable, "work on the disk failed").because(error))?
}
