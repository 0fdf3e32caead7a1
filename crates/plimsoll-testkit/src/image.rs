//! Tiny images: layers from a few files, manifests over them, OCI layouts on disk.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use plimsoll_types::Digest;
use plimsoll_types::manifest::media;
use serde_json::{Value, json};

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Plain tar.
    Plain,
    /// One gzip member.
    Gzip,
    /// One zstd frame.
    Zstd,
}

/// A layer in the making: a tar archive in memory.
pub struct Layer {
    archive: tar::Builder<Vec<u8>>,
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer {
    /// An empty layer.
    pub fn new() -> Self {
        Self { archive: tar::Builder::new(Vec::new()) }
    }

    /// The layer with one more regular file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Into memory, with a path that the caller chose: this cannot fail.
        self.archive.append_data(&mut header, path, content).expect("a tar in memory");
        self
    }

    /// The layer with a whiteout of a path of the layers below.
    #[must_use]
    pub fn without(self, path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let separator = if folder.is_empty() { "" } else { "/" };
        self.file(&format!("{folder}{separator}.wh.{name}"), "")
    }

    /// Alpine's release file and package database.
    #[must_use]
    pub fn alpine(self, version: &str, packages: &[(&str, &str)]) -> Self {
        let mut installed = String::new();
        for (name, version) in packages {
            installed.push_str(&format!("P:{name}\nV:{version}\nA:x86_64\no:{name}\n\n"));
        }
        let release = format!("ID=alpine\nVERSION_ID={version}\nPRETTY_NAME=\"Alpine Linux v{version}\"\n");
        self.file("etc/os-release", release).file("lib/apk/db/installed", installed)
    }

    /// The archive's bytes, plain.
    pub fn tar(self) -> Vec<u8> {
        self.archive.into_inner().expect("a tar in memory")
    }
}

/// Some bytes with their descriptor.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The media type of its descriptor.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Bytes of a media type.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: Digest::sha256(&bytes), bytes }
    }

    /// The descriptor that names it.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest.as_str(), "size": self.bytes.len()})
    }
}

/// An image: a manifest with all that it names.
#[derive(Debug, Clone)]
pub struct Image {
    /// The manifest.
    pub manifest: Blob,
    /// The configuration.
    pub config: Blob,
    /// The layers, lowest first.
    pub layers: Vec<Blob>,
}

impl Image {
    /// An image for linux/amd64 of layers given as plain tar archives.
    pub fn of(layers: &[Vec<u8>], packing: Packing) -> Self {
        Self::for_platform(layers, packing, "linux", "amd64")
    }

    /// An image for a platform.
    pub fn for_platform(layers: &[Vec<u8>], packing: Packing, os: &str, architecture: &str) -> Self {
        let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
        let config = json!({"os": os, "architecture": architecture, "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let layers = layers.iter().map(|layer| pack(layer, packing)).collect();
        Self::with(Blob::new(media::OCI_CONFIG, config.to_string().into_bytes()), layers)
    }

    /// An image of a configuration and layers that are there already, honest or not.
    pub fn with(config: Blob, layers: Vec<Blob>) -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        Self { manifest: Blob::new(media::OCI_MANIFEST, manifest.to_string().into_bytes()), config, layers }
    }

    /// Digest of the manifest: the image's name.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// Configuration and layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// An index of images, one a platform.
pub fn index(images: &[(&Image, &str, &str)]) -> Blob {
    let manifests: Vec<_> = images
        .iter()
        .map(|(image, os, architecture)| {
            let mut descriptor = image.manifest.descriptor();
            descriptor["platform"] = json!({"os": os, "architecture": architecture});
            descriptor
        })
        .collect();
    let document = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": manifests});
    Blob::new(media::OCI_INDEX, document.to_string().into_bytes())
}

/// Packs a plain tar archive as a layer.
pub fn pack(layer: &[u8], packing: Packing) -> Blob {
    let base = "application/vnd.oci.image.layer.v1.tar";
    match packing {
        Packing::Plain => Blob::new(base, layer.to_vec()),
        Packing::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(layer).expect("gzip in memory");
            Blob::new(&format!("{base}+gzip"), encoder.finish().expect("gzip in memory"))
        }
        Packing::Zstd => {
            let packed = zstd::stream::encode_all(layer, 1).expect("zstd in memory");
            Blob::new(&format!("{base}+zstd"), packed)
        }
    }
}

/// Writes an OCI image layout with one tagged manifest, an image's or an index's, and the images under it.
pub fn write_layout(folder: &Path, top: &Blob, tag: &str, images: &[&Image]) -> Result<()> {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs)?;
    let put = |blob: &Blob| std::fs::write(blobs.join(blob.digest.hex()), &blob.bytes);
    put(top)?;
    for image in images {
        put(&image.manifest)?;
        image.blobs().try_for_each(put)?;
    }
    let mut entry = top.descriptor();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    std::fs::write(folder.join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string())?;
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}
