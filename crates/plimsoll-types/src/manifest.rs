//! Image manifests and indexes, in the OCI and the Docker schema 2 dialects.
//!
//! A manifest is kept as the bytes that were pushed; what is parsed here is only looked at, never written back, so that a
//! digest always stays the digest of what the client sent. The same bytes must not be readable as two kinds
//! (CVE-2021-41190), so a document that carries both `manifests` and `layers` or `config` is refused. So is one with a key
//! in another [spelling], which some readers take for the key itself.

mod spelling;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Digest, Timestamp};

/// Largest manifest that is accepted, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;
/// Most descriptors (layers, or manifests of an index) in one manifest.
pub const MAX_DESCRIPTORS: usize = 10_000;

/// The media types that Plimsoll tells apart.
pub mod media {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// OCI image configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// Docker image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

    /// Whether a layer of this type may be absent from the registry (foreign and non-distributable layers).
    pub fn is_foreign_layer(media_type: &str) -> bool {
        media_type.contains("nondistributable") || media_type.contains("rootfs.foreign")
    }

    /// Whether this is the type of an image's layer, in any compression and dialect.
    pub fn is_layer(media_type: &str) -> bool {
        media_type.contains("image.layer.") || media_type.contains("image.rootfs.")
    }

    /// Whether this is the type of a document, which nothing can unpack as a layer: cosign's signatures and attestations
    /// have the configuration of an image, and layers such as these.
    pub fn is_document(media_type: &str) -> bool {
        let kind = media_type.split(';').next().unwrap_or_default().trim_end();
        kind.starts_with("text/") || kind.ends_with("json") || kind.ends_with("xml")
    }

    /// Whether a layer of this type is encrypted, so that only who has the key can say what is in it (ocicrypt).
    pub fn is_encrypted_layer(media_type: &str) -> bool {
        media_type.split(['+', ';']).any(|part| part.eq_ignore_ascii_case("encrypted"))
    }
}

/// What a manifest is, as far as its readers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManifestKind {
    /// A runnable image: its config is an image configuration, and its layers are not documents. Engines run it whatever
    /// its `artifactType` says, so that this counts only where no layer is one of an image.
    Image,
    /// A list of manifests, usually one a platform.
    Index,
    /// Anything else in manifest form: a chart, a signature, an attestation, an SBOM.
    Artifact,
}

/// A pointer to content: type, digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Platform of the content, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Type of the artifact that the content is, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Operating system and processor of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system; Windows images carry it.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// A manifest, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Image, index or other artifact.
    pub kind: ManifestKind,
    /// The media type it was pushed as, without parameters.
    pub media_type: String,
    /// `artifactType`, or for image manifests without one the media type of the config (distribution specification,
    /// "Listing Referrers"). `None` for an index without one.
    pub artifact_type: Option<String>,
    /// The config of an image manifest.
    pub config: Option<Descriptor>,
    /// The layers of an image manifest, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifests of an index.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// Free annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why bytes are not a manifest that Plimsoll takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(pub String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Reads `body`, which came with the `Content-Type` `content_type` (parameters are ignored; empty means not given).
    ///
    /// Fails when the document is no manifest, contradicts its type, or passes a limit.
    pub fn parse(content_type: &str, body: &[u8]) -> Result<Self, ManifestError> {
        let fail = |text: String| Err(ManifestError(text));
        if body.len() > MAX_MANIFEST_BYTES {
            return fail(format!("the manifest has {} bytes, the limit is {MAX_MANIFEST_BYTES}", body.len()));
        }
        let document: Document = match serde_json::from_slice(body) {
            Ok(document) => document,
            Err(error) => return fail(format!("the manifest is not valid: {error}")),
        };
        if let Err(error) = spelling::check(body) {
            return fail(format!("the manifest is not valid: {error}"));
        }
        let pushed_as = content_type.split(';').next().unwrap_or_default().trim();
        let inside = document.media_type.as_deref().unwrap_or_default();
        if !pushed_as.is_empty() && !inside.is_empty() && pushed_as != inside {
            return fail(format!("pushed as {pushed_as}, but its mediaType is {inside}"));
        }
        let media_type = if pushed_as.is_empty() { inside } else { pushed_as };
        if document.schema_version != Some(2) {
            return fail("schemaVersion must be 2; Docker schema 1 is not taken".into());
        }
        let is_index = match media_type {
            media::OCI_INDEX | media::DOCKER_LIST => true,
            media::OCI_MANIFEST | media::DOCKER_MANIFEST => false,
            "" => return fail("neither Content-Type nor mediaType says what the manifest is".into()),
            other => return fail(format!("{other} is not a manifest type that this registry knows")),
        };
        let image_fields = document.config.is_some() || document.layers.is_some();
        if is_index && image_fields || !is_index && document.manifests.is_some() {
            return fail("a manifest has either config and layers, or manifests, never both".into());
        }
        if is_index && document.manifests.is_none() {
            return fail("an index needs the list manifests".into());
        }
        if !is_index && (document.config.is_none() || document.layers.is_none()) {
            return fail("an image manifest needs config and layers".into());
        }
        let layers = document.layers.unwrap_or_default();
        let manifests = document.manifests.unwrap_or_default();
        if layers.len().max(manifests.len()) > MAX_DESCRIPTORS {
            return fail(format!("more than {MAX_DESCRIPTORS} descriptors"));
        }
        let config_type = document.config.as_ref().map(|config| config.media_type.clone());
        let kind = match config_type.as_deref() {
            _ if is_index => ManifestKind::Index,
            Some(media::OCI_CONFIG | media::DOCKER_CONFIG) => {
                let has_type = document.artifact_type.as_ref().is_some_and(|name| !name.is_empty());
                let mut types = layers.iter().map(|layer| layer.media_type.as_str());
                let is_image = match has_type {
                    true => types.any(media::is_layer),
                    false => layers.is_empty() || !types.all(media::is_document),
                };
                if is_image { ManifestKind::Image } else { ManifestKind::Artifact }
            }
            _ => ManifestKind::Artifact,
        };
        Ok(Self {
            kind,
            media_type: media_type.to_owned(),
            artifact_type: document.artifact_type.filter(|t| !t.is_empty()).or(config_type),
            config: document.config,
            layers,
            manifests,
            subject: document.subject,
            annotations: document.annotations.unwrap_or_default(),
        })
    }
}

/// The part of an image configuration that a scan needs (OCI image specification, config.md).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ImageConfig {
    /// `linux`, `windows`, …
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm64`, …
    #[serde(default)]
    pub architecture: String,
    /// `v8`, …
    #[serde(default)]
    pub variant: Option<String>,
    /// Version of the operating system; Windows images carry it.
    #[serde(default, rename = "os.version")]
    pub os_version: Option<String>,
    /// When the image was built, as it says itself: any value, since nothing may hang on it.
    #[serde(default)]
    pub created: serde_json::Value,
    /// The digests of the unpacked layers.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How it was built, first step first. It is for people: where it is not as the specification has it, it is empty.
    #[serde(default, deserialize_with = "history")]
    pub history: Vec<HistoryStep>,
}

/// A step of an image's history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct HistoryStep {
    /// The command.
    pub created_by: String,
    /// Whether it brought no layer.
    pub empty_layer: bool,
}

/// A history that somebody wrote as he liked must not keep the image from being read.
fn history<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HistoryStep>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The root file system of an image configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct RootFs {
    /// Digests of the unpacked layers, lowest first.
    #[serde(default)]
    pub diff_ids: Vec<Digest>,
}

impl ImageConfig {
    /// Reads a configuration blob; `Err` says what is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, ManifestError> {
        serde_json::from_slice(body)
            .map_err(|error| ManifestError(format!("the image configuration is not valid: {error}")))
    }

    /// When the image was built, where it says so in a way that can be understood.
    pub fn created_at(&self) -> Option<Timestamp> {
        self.created.as_str()?.parse().ok()
    }

    /// The command that made each layer, lowest first, at most [`Self::MAX_COMMAND`] characters of it. Empty where the
    /// history does not fit the layers, or says nothing.
    pub fn commands(&self, layers: usize) -> Vec<String> {
        let steps: Vec<&HistoryStep> = self.history.iter().filter(|step| !step.empty_layer).collect();
        if steps.len() != layers {
            return vec![String::new(); layers];
        }
        let one_line = |step: &HistoryStep| {
            let words: Vec<&str> = step.created_by.split_whitespace().collect();
            let words = words.join(" ");
            // What the classic builder writes before each command.
            let words = words.strip_prefix("/bin/sh -c #(nop) ").unwrap_or(&words);
            words.chars().filter(|c| !c.is_control()).take(Self::MAX_COMMAND).collect()
        };
        steps.into_iter().map(one_line).collect()
    }

    /// Characters of a command that are kept.
    pub const MAX_COMMAND: usize = 200;

    /// The platform that the configuration names, where it names one.
    pub fn platform(&self) -> Option<Platform> {
        (!self.os.is_empty()).then(|| Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":2}}"#, Digest::sha256(b"{}"))
    }

    fn parse(content_type: &str, body: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(content_type, body.as_bytes())
    }

    #[test]
    fn an_image_an_index_and_an_artifact_are_told_apart() {
        let image =
            format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, descriptor(media::OCI_CONFIG));
        assert_eq!(parse(media::OCI_MANIFEST, &image).unwrap().kind, ManifestKind::Image);
        let chart = image.replace(media::OCI_CONFIG, "application/vnd.cncf.helm.config.v1+json");
        let chart = parse("application/vnd.oci.image.manifest.v1+json; charset=utf-8", &chart).unwrap();
        assert_eq!(chart.kind, ManifestKind::Artifact);
        assert_eq!(chart.artifact_type.as_deref(), Some("application/vnd.cncf.helm.config.v1+json"));
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media::OCI_INDEX);
        assert_eq!(parse("", &index).unwrap().kind, ManifestKind::Index);
    }

    #[test]
    fn what_engines_run_is_an_image_and_signatures_are_none() {
        let kind = |artifact_type: &str, layers: &[&str]| {
            let layers: Vec<_> = layers.iter().map(|layer| descriptor(layer)).collect();
            let manifest = format!(
                r#"{{"schemaVersion":2,{artifact_type}"config":{},"layers":[{}]}}"#,
                descriptor(media::OCI_CONFIG),
                layers.join(",")
            );
            parse(media::OCI_MANIFEST, &manifest).unwrap().kind
        };
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        for documents in [
            &["application/vnd.dev.cosign.simplesigning.v1+json"][..],
            &["application/vnd.dsse.envelope.v1+json"],
            &["application/vnd.in-toto+json", "application/vnd.in-toto+json; charset=utf-8"],
            &["text/spdx"],
            &["application/xml"],
        ] {
            assert_eq!(kind("", documents), ManifestKind::Artifact, "{documents:?}");
        }
        let typed = r#""artifactType":"application/x","#;
        assert_eq!(kind(typed, &[]), ManifestKind::Artifact);
        assert_eq!(kind(typed, &["application/octet-stream"]), ManifestKind::Artifact);
        assert_eq!(kind(typed, &[layer]), ManifestKind::Image);
        assert_eq!(kind(r#""artifactType":"","#, &["application/x-tar"]), ManifestKind::Image);
        for layers in
            [&[][..], &[layer], &["application/vnd.docker.image.rootfs.diff.tar.gzip"], &["application/x"]]
        {
            assert_eq!(kind("", layers), ManifestKind::Image, "{layers:?}");
        }
        assert_eq!(kind("", &["application/vnd.in-toto+json", layer]), ManifestKind::Image);
    }

    #[test]
    fn a_date_that_is_none_spoils_no_configuration() {
        let at = |created: &str| {
            let config = format!(r#"{{"os":"linux","created":{created}}}"#);
            ImageConfig::parse(config.as_bytes()).unwrap().created_at().map(|at| at.to_string())
        };
        assert_eq!(at(r#""2026-01-02T03:04:05Z""#).as_deref(), Some("2026-01-02T03:04:05Z"));
        for bad in ["null", "1", r#""yesterday""#, "{}"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let config = descriptor(media::OCI_CONFIG);
        let both = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"manifests":[]}}"#);
        assert!(parse(media::OCI_MANIFEST, &both).is_err());
        assert!(parse(media::OCI_INDEX, &both).is_err());
        let lying = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media::OCI_INDEX);
        assert!(parse(media::OCI_MANIFEST, &lying).unwrap_err().0.contains("mediaType"));
        assert!(parse(media::OCI_INDEX, r#"{"schemaVersion":1,"manifests":[]}"#).is_err());
        assert!(parse("text/plain", r#"{"schemaVersion":2,"manifests":[]}"#).is_err());
        assert!(parse(media::OCI_INDEX, "[").is_err());
    }
}
