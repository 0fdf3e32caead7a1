//! Images in a registry.

use plimsoll_types::manifest::{ManifestKind, media};
use plimsoll_types::{
    BaseImage, Descriptor, Digest, ImageReference, Manifest, Problem, ProblemKind, Reference,
};

use super::{
    Home, LayerBytes, MAX_CONFIG_BYTES, SourceImage, SourceLayer, SourceOptions, encrypted, not_an_image,
    platform, read_config,
};
use crate::client::RegistryClient;
use crate::{Error, ErrorKind, Result};

/// Finds an image. The tag is looked up once; everything after that goes by digest.
pub(super) async fn open(image: &ImageReference, options: &SourceOptions) -> Result<SourceImage> {
    let client = RegistryClient::with_files(image, &options.credentials, options.client.clone()).await?;
    let damaged = |error| Error::new(ErrorKind::Damaged, format!("{image}: {error}"));
    let mut notes = Vec::new();
    let mut at = Step { reference: image.reference.clone(), indexes: vec![], has_platform: false };
    // What is still to be looked into, should what was chosen not have the image.
    let mut left: Vec<Step> = vec![];
    let too_many = || damaged(platform::too_many());
    for _ in 0..platform::MAX_MANIFESTS {
        let Step { reference, indexes, has_platform } = at;
        if indexes.len() >= platform::MAX_DEPTH {
            return Err(too_many());
        }
        let fetched = client.manifest(&image.repository, &reference).await?;
        let manifest = Manifest::parse(&fetched.media_type, &fetched.body).map_err(damaged)?;
        match manifest.kind {
            ManifestKind::Artifact => return Err(not_an_image(&manifest)),
            ManifestKind::Index => {
                let machine = platform::this_machine();
                let step = |chosen: &Descriptor| {
                    let of_chosen = |said: &&Descriptor| is_attestation_of(said, &chosen.digest);
                    let attestations = manifest.manifests.iter().filter(of_chosen).cloned().collect();
                    let mut indexes = indexes.clone();
                    indexes.push((fetched.digest.clone(), attestations));
                    let reference = Reference::Digest(chosen.digest.clone());
                    Step { reference, indexes, has_platform: chosen.platform.is_some() }
                };
                match platform::choose(&manifest.manifests, options.platform.as_ref(), &machine) {
                    Ok((chosen, note)) => {
                        notes.extend(note);
                        at = step(chosen);
                    }
                    Err(error) => {
                        left.extend(platform::nested(&manifest.manifests).into_iter().rev().map(step));
                        at = left.pop().ok_or(error)?;
                    }
                }
            }
            ManifestKind::Image => {
                let mut found = read(&client, image, &manifest).await?;
                if !has_platform {
                    platform::check(options.platform.as_ref(), found.config.as_ref())?;
                }
                found.digest = Some(fetched.digest);
                found.notes = notes;
                found.home = Some(Home { client, image: image.clone(), indexes });
                return Ok(found);
            }
        }
    }
    Err(too_many())
}

/// A manifest that may be, or lead to, the image.
struct Step {
    reference: Reference,
    /// As in [`Home`].
    indexes: Vec<(Digest, Vec<Descriptor>)>,
    /// Whether an index says for which platform it is.
    has_platform: bool,
}

/// Whether an entry of an index is BuildKit's manifest of attestations of an image (BuildKit, "Image Attestation Storage").
fn is_attestation_of(entry: &Descriptor, image: &Digest) -> bool {
    let said = |name: &str| entry.annotations.as_ref().and_then(|all| all.get(name)).map(String::as_str);
    said("vnd.docker.reference.type") == Some("attestation-manifest")
        && said("vnd.docker.reference.digest") == Some(image.as_str())
}

async fn read(client: &RegistryClient, image: &ImageReference, manifest: &Manifest) -> Result<SourceImage> {
    let mut problems = Vec::new();
    let config = match &manifest.config {
        Some(config) => match client.blob(&image.repository, &config.digest, MAX_CONFIG_BYTES).await {
            Ok(body) => read_config(&body, &mut problems),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Damaged | ErrorKind::TooLarge) =>
            {
                let kind = match error.kind() {
                    ErrorKind::NotFound => ProblemKind::Missing,
                    ErrorKind::TooLarge => ProblemKind::LimitExceeded,
                    _ => ProblemKind::Mismatch,
                };
                problems.push(Problem::new(kind, format!("the configuration: {error}")));
                None
            }
            Err(error) => return Err(error),
        },
        None => None,
    };
    let layer = |descriptor: &Descriptor| SourceLayer {
        digest: Some(descriptor.digest.clone()),
        size: Some(descriptor.size),
        // Layers of other publishers are not fetched from where the manifest says: that would be a request of its
        // author's choice to anywhere (CVE-2026-10517).
        bytes: if media::is_foreign_layer(&descriptor.media_type) {
            let message =
                format!("the layer {} is distributed elsewhere and was not fetched", descriptor.digest);
            LayerBytes::Absent(Problem::new(ProblemKind::Missing, message))
        } else if let Some(problem) = encrypted(descriptor) {
            LayerBytes::Absent(problem)
        } else {
            LayerBytes::Blob {
                client: client.clone(),
                repository: image.repository.clone(),
                digest: descriptor.digest.clone(),
            }
        },
    };
    Ok(SourceImage {
        reference: Some(image.to_string()),
        digest: None,
        base: BaseImage::of_annotations(&manifest.annotations),
        config,
        layers: manifest.layers.iter().map(layer).collect(),
        problems,
        notes: Vec::new(),
        home: None,
    })
}
