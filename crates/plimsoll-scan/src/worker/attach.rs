//! Attaches its SBOM to each image that was scanned, in every repository that has the image.

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use plimsoll_store::{ImagePlace, ManifestPut, Registry, Store, Stored};
use plimsoll_types::log::{Operation, Repository, What};
use plimsoll_types::manifest::{ImageConfig, media};
use plimsoll_types::sbom::Format;
use plimsoll_types::{Digest, ImageInventory, Manifest, Reference};

use super::Shared;
use super::gate::{MAX_PLACES, lets_in_the_scanner};
use crate::artifact::descriptor;
use crate::attach::{Attachment, Described};
use crate::{Error, ErrorKind, Result};

const CREATED: u16 = 201;

impl Shared {
    /// Attaches the SBOM of an image to it, where that is wanted. The verdict stands already and does not depend on it: what
    /// cannot be attached is told in the log, and the next scan of the image tries again.
    pub(super) async fn attach_sbom(
        &self,
        image: &Digest,
        config: Option<&ImageConfig>,
        inventory: &ImageInventory,
    ) {
        let Some(format) = self.settings.attach_sboms else { return };
        let places = match self.store.image_places(image, MAX_PLACES).await {
            Ok(places) => places,
            Err(error) => {
                tracing::warn!(image.digest = %image, %error, "the places of an image could not be looked up for its SBOM");
                return;
            }
        };
        let mut done: Vec<&ImagePlace> = Vec::new();
        for place in &places {
            let same = |other: &&ImagePlace| {
                (other.registry, &other.repository) == (place.registry, &place.repository)
            };
            if done.iter().any(same) {
                continue;
            }
            done.push(place);
            let attached = self.attach_at(format, image, place, config, inventory).boxed().await;
            match attached {
                Ok(Some(manifest)) => {
                    tracing::info!(image.digest = %image, repository.name = %place.repository, %manifest, "an SBOM was attached");
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(image.digest = %image, repository.name = %place.repository, error = error.chain(), "an SBOM could not be attached");
                }
            }
        }
    }

    /// `None` where it is there already, or nobody wants the scanner.
    async fn attach_at(
        &self,
        format: Format,
        image: &Digest,
        place: &ImagePlace,
        config: Option<&ImageConfig>,
        inventory: &ImageInventory,
    ) -> Result<Option<Digest>> {
        let Some(registry) = self.store.registry(place.registry).await? else { return Ok(None) };
        if !lets_in_the_scanner(&registry) {
            return Ok(None);
        }
        let platform = config.and_then(ImageConfig::platform).map(|platform| platform.to_string());
        let described = Described {
            subject: descriptor(&place.media_type, image.clone(), place.size),
            name: &format!("{}/{}", registry.scope.registry_host, place.repository),
            platform: platform.as_deref(),
            created: config.and_then(ImageConfig::created_at),
        };
        let Attachment { document, artifact } = Attachment::new(format, described, inventory);
        let body = artifact.manifest();
        let digest = Digest::sha256(&body);
        let store = self.store.in_registry(place.registry);
        // Storing it again would tell everybody of another push.
        if store.manifest_head(&place.repository, &Reference::Digest(digest.clone())).await?.is_some() {
            return Ok(None);
        }
        let (size, kind) = (body.len() as u64, artifact.artifact_type);
        self.keep_blob(&store, place, &artifact.layer.digest, document).await?;
        self.keep_blob(&store, place, &artifact.config_digest(), artifact.config.1.clone()).await?;
        let manifest = Manifest::parse(media::OCI_MANIFEST, &body)
            .map_err(|error| Error::new(ErrorKind::Damaged, error.to_string()))?;
        let put = ManifestPut {
            repository: &place.repository,
            tags: &[],
            digest: &digest,
            body,
            manifest: &manifest,
            now: (self.clock)(),
        };
        match store.put_manifest(put).await? {
            Stored::Yes => {}
            refused => {
                return Err(Error::new(ErrorKind::Damaged, format!("{digest} was not taken: {refused:?}")));
            }
        }
        self.log_push(&registry, place, &digest, kind, size).await?;
        Ok(Some(digest))
    }

    async fn keep_blob(
        &self,
        store: &Store,
        place: &ImagePlace,
        digest: &Digest,
        bytes: Bytes,
    ) -> Result<()> {
        if store.blob(&place.repository, digest).await?.is_some() {
            return Ok(());
        }
        let body = Box::pin(stream::once(async { Ok(bytes) }));
        store.put_blob(&place.repository, digest, body, (self.clock)()).await?;
        Ok(())
    }

    async fn log_push(
        &self,
        registry: &Registry,
        place: &ImagePlace,
        digest: &Digest,
        artifact_type: &str,
        size: u64,
    ) -> Result<()> {
        let what = What::Repository(Repository {
            operation: Operation::Push,
            repository: place.repository.to_string(),
            tag: None,
            digest: Some(digest.to_string()),
            media_type: Some(media::OCI_MANIFEST.to_owned()),
            artifact_type: Some(artifact_type.to_owned()),
            size: Some(size),
        });
        self.log(registry, CREATED, what).await
    }
}
