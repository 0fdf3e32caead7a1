//! Where an image comes from when no server is asked: folders, archives, registries, SBOMs.
//!
//! Opening a source finds the manifest and the configuration, both bounded and checked against their digests, and where
//! the bytes of each layer lie. No layer is read here, and nothing is unpacked: a layer's bytes go straight to the probe.

mod archive;
mod attached;
mod local;
mod platform;
mod registry;
mod rootfs;
mod target;

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_types::manifest::{ImageConfig, media};
use plimsoll_types::{
    BaseImage, Descriptor, Digest, Manifest, Platform, Problem, ProblemKind, RepositoryName,
};

pub(crate) use attached::{Attached, Home, nothing_attached, read as read_attached};
pub use platform::{parse as parse_platform, this_machine};
pub use target::Target;

use crate::client::{ClientOptions, CredentialFiles, RegistryClient};
use crate::sandbox::Input;
use crate::{Error, ErrorKind, Result};

/// Largest image configuration that is parsed.
pub(crate) const MAX_CONFIG_BYTES: usize = 4 << 20;

/// How a target is looked for.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Which image of an index is meant; `None` means this machine's, or the only one.
    pub platform: Option<Platform>,
    /// How registries are spoken to.
    pub client: ClientOptions,
    /// Where credentials for registries are.
    pub credentials: CredentialFiles,
    /// Whether VEX documents are heeded that are attached to the image in its registry.
    pub attached_vex: bool,
}

/// An image, found.
pub(crate) struct SourceImage {
    /// The name it was found under, with what was chosen: `docker.io/library/alpine:3.20`.
    pub(crate) reference: Option<String>,
    /// Digest of the manifest, where there is one.
    pub(crate) digest: Option<Digest>,
    /// What it was built upon, as its manifest's annotations have it.
    pub(crate) base: Option<BaseImage>,
    /// The configuration, where there is one that can be read.
    pub(crate) config: Option<ImageConfig>,
    /// The layers, lowest first.
    pub(crate) layers: Vec<SourceLayer>,
    /// What is wrong with it so far.
    pub(crate) problems: Vec<Problem>,
    /// What a person should know, such as which platform was chosen.
    pub(crate) notes: Vec<String>,
    /// Its registry, where it came from one.
    pub(crate) home: Option<Home>,
}

/// A layer, found.
pub(crate) struct SourceLayer {
    /// Its digest in the manifest, or its diff id in an archive without manifests. `None` outside an image.
    pub(crate) digest: Option<Digest>,
    /// Its packed size in bytes, where it is known.
    pub(crate) size: Option<u64>,
    /// Where its bytes are.
    pub(crate) bytes: LayerBytes,
}

/// Where the bytes of a layer are.
pub(crate) enum LayerBytes {
    /// Here.
    Part(Part),
    /// In a registry.
    Blob { client: RegistryClient, repository: RepositoryName, digest: Digest },
    /// In the files under a folder. What cannot be read is collected while it is.
    Folder { folder: File, problems: Problems },
    /// Nowhere.
    Absent(Problem),
}

/// Part of an open file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Problems that come up while a source is being read.
#[derive(Clone, Default)]
pub(crate) struct Problems(Arc<Mutex<Vec<Problem>>>);

impl Problems {
    /// Most that are kept of one source.
    const MOST: usize = 1_000;

    fn add(&self, problem: Problem) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < Self::MOST {
            list.push(problem);
        } else if list.len() == Self::MOST {
            list.push(Problem::new(ProblemKind::Unreadable, "more could not be read than is listed here"));
        }
    }

    pub(crate) fn take(&self) -> Vec<Problem> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LayerBytes {
    /// The bytes for the probe, or why there are none.
    pub(crate) fn input(&self) -> Result<std::result::Result<Input, Problem>> {
        let again = |file: &File| {
            let message = "cannot open a file a second time";
            file.try_clone().map_err(|error| Error::new(ErrorKind::Unavailable, message).because(error))
        };
        Ok(match self {
            Self::Absent(problem) => Err(problem.clone()),
            Self::Part(part) => {
                Ok(Input::File { file: again(&part.file)?, offset: part.offset, length: part.length })
            }
            Self::Blob { client, repository, digest } => {
                Ok(Input::Stream(Box::pin(client.blob_stream(repository, digest))))
            }
            Self::Folder { folder, problems } => {
                Ok(Input::Stream(Box::pin(rootfs::stream(again(folder)?, problems.clone()))))
            }
        })
    }
}

/// What a target holds.
pub(crate) enum Source {
    Image(Box<SourceImage>),
    Sbom(Part),
}

/// Finds what a target names.
pub(crate) async fn open(target: &Target, options: &SourceOptions) -> Result<Source> {
    if let Target::Registry(reference) = target {
        return Ok(Source::Image(Box::new(registry::open(reference, options).await?)));
    }
    let (target, platform) = (target.clone(), options.platform.clone());
    let opened = tokio::task::spawn_blocking(move || open_local(&target, platform.as_ref())).await;
    opened.map_err(|error| Error::new(ErrorKind::Unavailable, "opening it failed").because(error))?
}

fn open_local(target: &Target, platform: Option<&Platform>) -> Result<Source> {
    let image = match target {
        Target::OciDir(place) => local::oci_folder(place, platform)?,
        Target::OciArchive(place) => local::oci_archive(place, platform)?,
        Target::DockerArchive(place) => local::docker_archive(place, platform)?,
        Target::Rootfs(path) => rootfs::open(path)?,
        Target::Sbom(path) => {
            let file = local::open_file(path)?;
            let length = file.metadata().map_err(|error| Error::file("read", path, error))?.len();
            return Ok(Source::Sbom(Part { file: Arc::new(file), offset: 0, length }));
        }
        Target::Registry(_) => return Err(Error::new(ErrorKind::Usage, "a registry is not a local source")),
    };
    Ok(Source::Image(Box::new(image)))
}

/// Reads a configuration that was checked against its digest. One that cannot be understood is a problem of the image.
pub(crate) fn read_config(body: &[u8], problems: &mut Vec<Problem>) -> Option<ImageConfig> {
    match ImageConfig::parse(body) {
        Ok(config) => Some(config),
        Err(error) => {
            problems.push(Problem::new(ProblemKind::Unreadable, error.to_string()));
            None
        }
    }
}

/// Why a layer's bytes are of no use to anybody without its key; `None` for any other layer.
pub(crate) fn encrypted(layer: &Descriptor) -> Option<Problem> {
    let is_encrypted = media::is_encrypted_layer(&layer.media_type);
    is_encrypted.then(|| {
        let message = format!("the layer {} is encrypted, and cannot be read without its key", layer.digest);
        Problem::new(ProblemKind::Unsupported, message)
    })
}

/// An error for a manifest that is not an image's.
fn not_an_image(manifest: &Manifest) -> Error {
    let config = manifest.config.as_ref().map(|config| config.media_type.as_str());
    // A signature may have the configuration of an image: then its layers say what it is.
    let layer = manifest.layers.first().map(|layer| layer.media_type.as_str());
    let artifact = manifest.artifact_type.as_deref();
    let artifact = artifact.filter(|artifact| !matches!(*artifact, media::OCI_CONFIG | media::DOCKER_CONFIG));
    let artifact = artifact.or(layer).or(config).unwrap_or("of no type");
    Error::new(ErrorKind::Usage, format!("it is not an image but another artifact ({artifact})"))
}
