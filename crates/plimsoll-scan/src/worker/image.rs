//! The scan of an image that was pushed: its layers' inventories, merged, matched, concluded, recorded.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use plimsoll_store::{ImageState, StoredImage, Verdict};
use plimsoll_types::inventory::Owners;
use plimsoll_types::manifest::{ImageConfig, ManifestKind, media};
use plimsoll_types::{
    Coverage, Descriptor, Digest, ImageInventory, InstalledPackage, LayerInventory, Match, Platform, Problem,
    ProblemKind,
};

use super::Shared;
use crate::advisories::Advisories;
use crate::assess::{self, Looked};
use crate::pipeline::{Merged, merge};
use crate::source::{MAX_CONFIG_BYTES, encrypted, read_config};
use crate::{Error, ErrorKind, Result};

/// Layers of one image that are asked for at the same time; the sandbox decides how many are read.
const WAITING_LAYERS: usize = 64;

impl Shared {
    /// Scans an image and records the verdict. Harmless when there is one already.
    pub(super) async fn scan_image(&self, digest: &Digest) -> Result<()> {
        let Some(image) = self.store.image(digest).await? else { return Ok(()) };
        if image.manifest.kind != ManifestKind::Image {
            return Ok(());
        }
        if !self.store.is_image_covered(digest).await? && self.store.set_uncovered(digest).await? {
            tracing::info!(image.digest = %digest, "an image was not scanned: no plan covers it");
            return Ok(());
        }
        if let Some(reason) = self.refusal(digest).await? {
            tracing::info!(image.digest = %digest, reason, "an image was not read");
            let state = ImageState::Unsupported(reason);
            return Ok(self.store.set_image_state(digest, &state, (self.clock)()).await?);
        }
        self.store.set_image_state(digest, &ImageState::Running, (self.clock)()).await?;
        let mut problems = Vec::new();
        let config = self.config(&image, &mut problems).await?;
        let platform = config.as_ref().and_then(ImageConfig::platform);
        let layers = &image.manifest.layers;
        let read = match assess::windows(platform.as_ref()) {
            Some(_) => vec![None; layers.len()],
            None => self.layers_of(layers, &mut problems).await?,
        };
        let digests: Vec<_> = layers.iter().map(|layer| Some(layer.digest.clone())).collect();
        let mut merged = merge(&digests, &read, config.as_ref(), problems, platform.as_ref());
        if !self.sandbox.believes_embedded_sboms() {
            merged.inventory.forget_embedded_sboms();
        }
        drop(read);
        self.conclude(digest, platform.as_ref(), &merged).await?;
        if assess::unsupported(platform.as_ref(), &merged.inventory).is_none() {
            self.attach_sbom(digest, config.as_ref(), &merged.inventory).await;
        }
        Ok(())
    }

    /// Matches and records, and does it again where another generation of advisories came to count meanwhile.
    async fn conclude(&self, digest: &Digest, platform: Option<&Platform>, merged: &Merged) -> Result<()> {
        let Merged { inventory, layers, chain } = merged;
        loop {
            let advisories = self.advisories.load();
            let now = (self.clock)();
            let coverage = assess::coverage(Looked {
                inventory,
                layers: layers.clone(),
                platform,
                advisories: advisories.as_deref(),
                now,
            });
            let generation = advisories.as_deref().map_or(0, Advisories::generation);
            let matches = match advisories {
                Some(advisories) => self.new_matches(advisories, inventory).await?,
                None => Vec::new(),
            };
            let state = match assess::unsupported(platform, inventory) {
                Some(reason) => ImageState::Unsupported(reason),
                None if generation == 0 => ImageState::AwaitingAdvisories,
                None => ImageState::Done,
            };
            let verdict = Verdict {
                image: digest,
                platform,
                inventory,
                chain,
                state,
                coverage: as_json(&coverage)?,
                matches,
                generation,
                now,
            };
            self.store.save_verdict(verdict).await?;
            if self.advisories.generation() == generation {
                tracing::info!(
                    image.digest = %digest,
                    packages = inventory.packages.len(),
                    generation,
                    complete = coverage.conclusion.complete,
                    "an image was assessed"
                );
                return Ok(());
            }
        }
    }

    /// Matches of the package versions that were never matched, or with an older generation.
    async fn new_matches(
        &self,
        advisories: Arc<Advisories>,
        inventory: &ImageInventory,
    ) -> Result<Vec<(InstalledPackage, Vec<Match>)>> {
        let stored = self.store.stored_packages(&inventory.packages).await?;
        let stale = inventory.packages.iter().zip(stored).filter(|(_, stored)| {
            stored.as_ref().is_none_or(|stored| stored.generation < advisories.generation())
        });
        let owners = Owners::among(&inventory.packages);
        // The same package version may be there many times, by other paths.
        let different: HashMap<_, (&InstalledPackage, Option<&InstalledPackage>)> = stale
            .map(|(package, _)| (package, owners.of(package)))
            .map(|(package, owner)| {
                let key = (&package.package, &package.ecosystem, &package.purl);
                ((key, owner.map(|owner| &owner.package)), (package, owner))
            })
            .collect();
        let different = different.into_values().map(|(package, owner)| (package.clone(), owner.cloned()));
        match_packages(advisories, different.collect()).await
    }

    /// The configuration; `None` where it is not there or cannot be understood, with the reason among the problems.
    async fn config(&self, image: &StoredImage, problems: &mut Vec<Problem>) -> Result<Option<ImageConfig>> {
        let Some(descriptor) = &image.manifest.config else { return Ok(None) };
        let Some(blob) = self.store.blob_anywhere(&descriptor.digest).await? else {
            problems.push(Problem::new(ProblemKind::Missing, "the configuration is not there"));
            return Ok(None);
        };
        if blob.size > MAX_CONFIG_BYTES as u64 {
            let message =
                format!("the configuration has {} bytes, the limit is {MAX_CONFIG_BYTES}", blob.size);
            problems.push(Problem::new(ProblemKind::LimitExceeded, message));
            return Ok(None);
        }
        let mut stream = self.store.read_blob(&blob, None).await?;
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            let failed = |error| {
                Error::new(ErrorKind::Unavailable, "the configuration could not be read").because(error)
            };
            body.extend_from_slice(&chunk.map_err(failed)?);
            if body.len() > MAX_CONFIG_BYTES {
                return Err(Error::new(
                    ErrorKind::Damaged,
                    format!("{} is longer than its row says", descriptor.digest),
                ));
            }
        }
        Ok(read_config(&body, problems))
    }

    async fn layers_of(
        &self,
        layers: &[Descriptor],
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Option<Arc<LayerInventory>>>> {
        let mut asked = Vec::with_capacity(layers.len());
        for layer in layers {
            asked.push(match encrypted(layer) {
                Some(_) => std::future::ready(Ok(None)).boxed(),
                None => self.layer(&layer.digest).boxed(),
            });
        }
        let read: Vec<_> = stream::iter(asked).buffered(WAITING_LAYERS).try_collect().await?;
        for (descriptor, _) in layers.iter().zip(&read).filter(|(_, layer)| layer.is_none()) {
            if let Some(problem) = encrypted(descriptor) {
                problems.push(problem);
                continue;
            }
            let message = match media::is_foreign_layer(&descriptor.media_type) {
                true => format!("the layer {} is distributed elsewhere and is not here", descriptor.digest),
                false => format!("the layer {} is not there", descriptor.digest),
            };
            problems.push(Problem::new(ProblemKind::Missing, message));
        }
        Ok(read)
    }
}

/// Matches packages, each with its owner, off the threads that answer requests: an image may have tens of thousands.
pub(super) async fn match_packages(
    advisories: Arc<Advisories>,
    packages: Vec<(InstalledPackage, Option<InstalledPackage>)>,
) -> Result<Vec<(InstalledPackage, Vec<Match>)>> {
    let find = move || {
        packages
            .into_iter()
            .map(|(package, owner)| (advisories.find(&package, owner.as_ref()), package))
            .map(|(found, package)| (package, found))
            .collect()
    };
    let found = tokio::task::spawn_blocking(find).await;
    found.map_err(|error| Error::new(ErrorKind::Unavailable, "matching failed").because(error))
}

fn as_json(coverage: &Coverage) -> Result<serde_json::Value> {
    serde_json::to_value(coverage)
        .map_err(|error| Error::new(ErrorKind::Damaged, "a coverage that is no JSON").because(error))
}
