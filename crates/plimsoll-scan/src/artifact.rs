//! Artifacts of ours in a registry: an OCI manifest with one layer, which may be about an image.
//!
//! There is nothing of chance in a manifest, so that the same content is the same artifact, however often and from however
//! many places it is pushed.

use std::collections::BTreeMap;

use bytes::Bytes;
use plimsoll_types::manifest::media;
use plimsoll_types::{Descriptor, Digest};
use serde_json::{Map, Value, json};

/// The configuration of an artifact that needs none (image specification, "Guidance for an Empty Descriptor").
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// Marks the SBOMs that we attach, with the version of the probe that read the image: the greater is the newer.
pub(crate) const SBOM_OF_OURS: &str = "vnd.plimsoll.probe.version";

/// An artifact to be pushed.
pub(crate) struct Artifact {
    /// What it is.
    pub(crate) artifact_type: &'static str,
    /// Media type and content of the configuration.
    pub(crate) config: (&'static str, Bytes),
    /// The one layer. Its annotations are written.
    pub(crate) layer: Descriptor,
    /// What it is about.
    pub(crate) subject: Option<Descriptor>,
    /// What is said of it.
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// An artifact without a configuration.
    pub(crate) fn new(artifact_type: &'static str, layer: Descriptor) -> Self {
        let config = (EMPTY.0, Bytes::from_static(EMPTY.1));
        Self { artifact_type, config, layer, subject: None, annotations: BTreeMap::new() }
    }

    /// The digest of the configuration.
    pub(crate) fn config_digest(&self) -> Digest {
        Digest::sha256(&self.config.1)
    }

    /// The manifest, of the type [`media::OCI_MANIFEST`].
    pub(crate) fn manifest(&self) -> Bytes {
        let mut manifest = Map::new();
        manifest.insert("schemaVersion".to_owned(), json!(2));
        manifest.insert("mediaType".to_owned(), json!(media::OCI_MANIFEST));
        manifest.insert("artifactType".to_owned(), json!(self.artifact_type));
        let config = descriptor(self.config.0, self.config_digest(), self.config.1.len() as u64);
        manifest.insert("config".to_owned(), json!(config));
        manifest.insert("layers".to_owned(), json!([self.layer]));
        if let Some(subject) = &self.subject {
            // A subject is named by these three alone.
            let subject = descriptor(&subject.media_type, subject.digest.clone(), subject.size);
            manifest.insert("subject".to_owned(), json!(subject));
        }
        if !self.annotations.is_empty() {
            manifest.insert("annotations".to_owned(), json!(self.annotations));
        }
        Value::Object(manifest).to_string().into()
    }
}

/// A pointer to content.
pub(crate) fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size,
        platform: None,
        artifact_type: None,
        annotations: None,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_types::{Manifest, ManifestKind};

    use super::*;

    #[test]
    fn an_artifact_is_a_manifest_that_is_no_image() {
        let layer = descriptor("application/spdx+json", Digest::sha256(b"x"), 1);
        let mut artifact = Artifact::new("application/spdx+json", layer);
        artifact.subject = Some(descriptor(media::OCI_MANIFEST, Digest::sha256(b"image"), 5));
        let manifest = Manifest::parse(media::OCI_MANIFEST, &artifact.manifest()).unwrap();
        assert_eq!(manifest.kind, ManifestKind::Artifact);
        assert_eq!(manifest.artifact_type.as_deref(), Some("application/spdx+json"));
        assert_eq!(manifest.subject.unwrap().digest, Digest::sha256(b"image"));
        assert_eq!(manifest.config.unwrap().digest, artifact.config_digest());
    }
}
