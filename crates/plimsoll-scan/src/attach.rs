//! The SBOM of an image, attached to it in its registry: a referrer whose one layer is the document.
//!
//! The same image gives the same document, and that the same manifest, whoever attaches it and however often. So SPDX's date
//! of creation is that of the image here, and the document calls the image by its repository and digest, not by a tag.

use bytes::Bytes;
use plimsoll_types::inventory::PROBE_VERSION;
use plimsoll_types::manifest::{MAX_MANIFEST_BYTES, media};
use plimsoll_types::sbom::{self, Format, Subject};
use plimsoll_types::{
    Descriptor, Digest, ImageInventory, ImageReference, Reference, RepositoryName, Timestamp,
};
use serde_json::{Value, json};

use crate::artifact::{Artifact, SBOM_OF_OURS, descriptor};
use crate::client::{ClientOptions, Content, RegistryClient, fallback_tag};
use crate::report::Report;
use crate::source::SourceOptions;
use crate::{Error, ErrorKind, Result};

/// How many things could not be read in the image, where there are any.
const PROBLEMS: &str = "vnd.plimsoll.inventory.problems";
/// How often the list of referrers is written where others write it at the same time.
const ATTEMPTS: u32 = 3;

/// An SBOM that is attached to its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedSbom {
    /// Digest of the manifest that holds it.
    pub manifest: Digest,
    /// What it is attached to.
    pub subject: Digest,
    /// Whether it was there already.
    pub was_there: bool,
}

/// An SBOM and the artifact that holds it.
pub(crate) struct Attachment {
    pub(crate) document: Bytes,
    pub(crate) artifact: Artifact,
}

/// What an SBOM is made of, beside its inventory.
pub(crate) struct Described<'a> {
    /// The image's manifest.
    pub(crate) subject: Descriptor,
    /// `HOST/REPOSITORY`.
    pub(crate) name: &'a str,
    pub(crate) platform: Option<&'a str>,
    /// When the image was built, by its configuration.
    pub(crate) created: Option<Timestamp>,
}

impl Attachment {
    pub(crate) fn new(format: Format, described: Described<'_>, inventory: &ImageInventory) -> Self {
        let Described { subject, name, platform, created } = described;
        let about = Subject { name, digest: Some(&subject.digest), platform, is_image: true };
        // An image may say that it is older than time; no form can write that.
        let created = created.filter(|at| at.0 >= 0).unwrap_or_default();
        let document = Bytes::from(sbom::write(format, &about, inventory, created).to_string());
        let kind = format.media_type();
        let layer = descriptor(kind, Digest::sha256(&document), document.len() as u64);
        let mut artifact = Artifact::new(kind, layer);
        artifact.subject = Some(subject);
        artifact.annotations.insert(SBOM_OF_OURS.to_owned(), PROBE_VERSION.to_string());
        if !inventory.problems.is_empty() {
            // Not every form has a place for them, and a list that is not whole must not look like one.
            artifact.annotations.insert(PROBLEMS.to_owned(), inventory.problems.len().to_string());
        }
        Self { document, artifact }
    }
}

/// Attaches the inventory of an image, which `report` is on, to the image in its registry. Doing it again changes nothing.
pub async fn attach_sbom(
    image: &ImageReference,
    report: &Report,
    format: Format,
    options: &SourceOptions,
) -> Result<AttachedSbom> {
    let Some(subject) = report.image.digest.clone() else {
        let message = "an SBOM is attached to an image in a registry; this one has no manifest there";
        return Err(Error::new(ErrorKind::Usage, message));
    };
    let access = ClientOptions { push: true, ..options.client.clone() };
    let client = RegistryClient::with_files(image, &options.credentials, access).await?;
    let repository = &image.repository;
    let fetched = client.manifest(repository, &Reference::Digest(subject.clone())).await?;
    let described = Described {
        subject: descriptor(&fetched.media_type, subject.clone(), fetched.body.len() as u64),
        name: &format!("{}/{repository}", image.host),
        platform: report.image.platform.as_deref(),
        created: report.image.created,
    };
    let Attachment { document, artifact } = Attachment::new(format, described, &report.inventory);
    let body = artifact.manifest();
    let manifest = Digest::sha256(&body);
    let known = client.referrers(repository, &subject).await?;
    if known.all.iter().any(|referrer| referrer.digest == manifest) {
        return Ok(AttachedSbom { manifest, subject, was_there: true });
    }
    client.push_blob(repository, &artifact.layer.digest, &Content::Bytes(document)).await?;
    let config = Content::Bytes(artifact.config.1.clone());
    client.push_blob(repository, &artifact.config_digest(), &config).await?;
    let mut entry = descriptor(media::OCI_MANIFEST, manifest.clone(), body.len() as u64);
    entry.artifact_type = Some(artifact.artifact_type.to_owned());
    entry.annotations = Some(artifact.annotations);
    let reference = Reference::Digest(manifest.clone());
    let is_listed = client.push_manifest(repository, &reference, media::OCI_MANIFEST, body).await?;
    if !is_listed {
        list(&client, repository, &subject, &entry).await?;
    }
    Ok(AttachedSbom { manifest, subject, was_there: false })
}

/// Keeps the list of referrers for a registry that does not (distribution specification, "Pushing Manifests with Subject").
/// Nothing there says that somebody else writes the same list, so it is looked whether the entry stayed.
async fn list(
    client: &RegistryClient,
    repository: &RepositoryName,
    subject: &Digest,
    entry: &Descriptor,
) -> Result<()> {
    let tag = Reference::Tag(fallback_tag(subject)?);
    for _ in 0..=ATTEMPTS {
        let mut index = match client.manifest(repository, &tag).await {
            Ok(fetched) => serde_json::from_slice::<Value>(&fetched.body).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": []})
            }
            Err(error) => return Err(error),
        };
        let Some(manifests) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            let message = format!("{repository}:{tag}, which is for a list of referrers, is something else");
            return Err(Error::new(ErrorKind::Damaged, message));
        };
        if manifests.iter().any(|known| known["digest"] == entry.digest.as_str()) {
            return Ok(());
        }
        manifests.push(json!(entry));
        let body = index.to_string();
        if body.len() > MAX_MANIFEST_BYTES {
            let message = format!("{subject} has more referrers than its list can hold");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        client.push_manifest(repository, &tag, media::OCI_INDEX, body.into()).await?;
    }
    let message = format!("others write the list of referrers of {subject} at the same time; try again");
    Err(Error::new(ErrorKind::Busy, message))
}
