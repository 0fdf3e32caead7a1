//! VEX documents that somebody attached to an image in its registry: as referrers, bare or in attestations; under the tag
//! that cosign keeps attestations under; and among the attestations of an image that BuildKit built.
//!
//! What is attached is as trustworthy as those who can push to the repository: signatures are not checked. How much is
//! looked at, fetched and read is limited, since a registry can offer any amount (CVE-2024-29902 and its kin).

use std::collections::HashSet;

use plimsoll_advisory::vex::{self, Vex};
use plimsoll_types::manifest::media;
use plimsoll_types::{Descriptor, Digest, ImageReference, Manifest, Reference};

use super::SourceImage;
use crate::artifact::SBOM_OF_OURS;
use crate::client::{RegistryClient, fallback_tag};
use crate::report::AttachedVex;
use crate::{Error, ErrorKind, Result};

/// Manifests that are fetched to see what they hold.
const MAX_MANIFESTS: usize = 100;
/// Documents that are fetched, and reasons why others are not heeded that are told.
const MAX_DOCUMENTS: usize = 50;
/// Bytes of one document.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;
/// Bytes of all documents.
const MAX_BYTES: u64 = 64 << 20;

/// Where the parts of a registry's image are from which more can be asked.
pub(crate) struct Home {
    pub(crate) client: RegistryClient,
    pub(crate) image: ImageReference,
    /// The indexes that led to the image, the outermost first, with the attestations that they list of it.
    pub(crate) indexes: Vec<(Digest, Vec<Descriptor>)>,
}

/// What is attached to an image.
#[derive(Default)]
pub(crate) struct Attached {
    pub(crate) vex: Vex,
    /// What was read, and what could not be.
    pub(crate) documents: Vec<AttachedVex>,
    manifests: usize,
    /// The digests of what was fetched, or would have been.
    taken: HashSet<Digest>,
    /// Whether it was told that there are more.
    is_full: bool,
    bytes: u64,
}

/// Reads what is attached to an image, or to an index that led to it. What cannot be read is told among the documents; it
/// is an error where the registry does not say what is attached.
pub(crate) async fn read(image: &SourceImage) -> Result<Attached> {
    let mut attached = Attached::default();
    let (Some(home), Some(digest)) = (&image.home, &image.digest) else {
        return Err(nothing_attached());
    };
    let digests: Vec<&Digest> = home.indexes.iter().map(|(index, _)| index).chain([digest]).collect();
    let names: Vec<&str> = digests.iter().map(|digest| digest.as_str()).collect();
    let this = vex::Image { digests: &names, reference: image.reference.as_deref() };
    for subject in &digests {
        let unlisted = |error: Error| {
            let message = format!("{} does not say what is attached to {subject}", home.image.host);
            Error::new(error.kind(), message).because(error)
        };
        let repository = &home.image.repository;
        let referrers = home.client.referrers(repository, subject).await.map_err(unlisted)?;
        if referrers.cut_short {
            attached.left_out(subject, "there are more referrers than are looked at");
        }
        for referrer in referrers.all.iter().filter(|referrer| may_hold_vex(referrer)) {
            attached.look(home, &Reference::Digest(referrer.digest.clone()), Some(subject), this).await;
        }
        // Before cosign had referrers it kept a manifest under a tag of its own.
        let tag = format!("{}.att", fallback_tag(subject)?);
        if let Ok(tag) = tag.parse() {
            attached.look(home, &Reference::Tag(tag), None, this).await;
        }
    }
    for attestations in home.indexes.iter().map(|(_, attestations)| attestations) {
        for manifest in attestations {
            attached.look(home, &Reference::Digest(manifest.digest.clone()), None, this).await;
        }
    }
    Ok(attached)
}

/// What is not in a registry has nothing attached.
pub(crate) fn nothing_attached() -> Error {
    let message =
        "documents are attached to images in a registry alone; name those for other targets with --vex";
    Error::new(ErrorKind::Usage, message)
}

impl Home {
    pub(crate) fn into_indexes(self) -> Vec<Digest> {
        self.indexes.into_iter().map(|(digest, _)| digest).collect()
    }
}

impl Attached {
    /// Looks into a manifest for documents. One that is said to be a referrer must itself name its subject.
    async fn look(
        &mut self,
        home: &Home,
        reference: &Reference,
        subject: Option<&Digest>,
        this: vex::Image<'_>,
    ) {
        if self.manifests == MAX_MANIFESTS {
            return;
        }
        self.manifests += 1;
        let fetched = match home.client.manifest(&home.image.repository, reference).await {
            Ok(fetched) => fetched,
            Err(error) if error.kind() == ErrorKind::NotFound && subject.is_none() => return,
            Err(error) => {
                if let Reference::Digest(digest) = reference {
                    self.left_out(digest, &error.chain());
                }
                return;
            }
        };
        let manifest = match Manifest::parse(&fetched.media_type, &fetched.body) {
            Ok(manifest) => manifest,
            Err(error) => return self.left_out(&fetched.digest, &error.to_string()),
        };
        let is_about = |subject: &Digest| manifest.subject.as_ref().is_some_and(|of| of.digest == *subject);
        if subject.is_some_and(|subject| !is_about(subject)) {
            return self
                .left_out(&fetched.digest, "it is listed as attached, and says itself that it is not");
        }
        for layer in manifest.layers.iter().filter(|layer| is_vex(layer)) {
            self.take(home, &fetched.digest, layer, this).await;
        }
        if self.manifests == MAX_MANIFESTS {
            self.left_out(&fetched.digest, "there may be more behind this one, which were not looked at");
        }
    }

    async fn take(&mut self, home: &Home, manifest: &Digest, layer: &Descriptor, this: vex::Image<'_>) {
        // The same document may be listed more than once.
        if self.taken.contains(&layer.digest) {
            return;
        }
        // What turns out to be no VEX document counts, too: a manifest can name thousands.
        if self.taken.len() >= MAX_DOCUMENTS {
            if !self.is_full {
                self.is_full = true;
                self.left_out(manifest, "there are more documents than are read");
            }
            return;
        }
        self.taken.insert(layer.digest.clone());
        let outcome = if layer.size > MAX_DOCUMENT_BYTES || self.bytes + layer.size > MAX_BYTES {
            Err(format!("it has {} bytes, and that is more than is read", layer.size))
        } else {
            self.bytes += layer.size;
            self.read(home, manifest, layer, this).await.map_err(|error| error.chain())
        };
        let (statements, problem) = match outcome {
            // An SBOM is of the same type as a VEX document in CycloneDX, and an attestation may be of anything.
            Ok(0) if layer.media_type == CYCLONEDX || is_attestation(&layer.media_type) => return,
            Ok(statements) => (statements as u64, None),
            Err(problem) => (0, Some(problem)),
        };
        self.documents.push(AttachedVex {
            manifest: manifest.clone(),
            document: Some(layer.digest.clone()),
            media_type: layer.media_type.clone(),
            statements,
            problem,
        });
    }

    async fn read(
        &mut self,
        home: &Home,
        manifest: &Digest,
        layer: &Descriptor,
        this: vex::Image<'_>,
    ) -> Result<usize> {
        let limit = usize::try_from(layer.size).unwrap_or(usize::MAX);
        let bytes = home.client.blob(&home.image.repository, &layer.digest, limit).await?;
        Ok(self.vex.add_attached(&format!("attached as {manifest}"), &bytes, this)?)
    }

    /// Tells of something that is not heeded; once there are many, of none further.
    fn left_out(&mut self, manifest: &Digest, why: &str) {
        if self.documents.len() >= 2 * MAX_DOCUMENTS {
            return;
        }
        self.documents.push(AttachedVex {
            manifest: manifest.clone(),
            document: None,
            media_type: String::new(),
            statements: 0,
            problem: Some(why.to_owned()),
        });
    }
}

const CYCLONEDX: &str = "application/vnd.cyclonedx+json";

/// Media types of VEX documents.
const DOCUMENTS: [&str; 4] =
    ["application/vnd.openvex+json", "application/openvex+json", "application/csaf+json", CYCLONEDX];

/// Media types of attestations, which may be of anything: bare, in an envelope, and in-toto's own for envelopes, with the
/// name of the predicate between.
const ATTESTATIONS: [&str; 2] = ["application/vnd.in-toto+json", "application/vnd.dsse.envelope.v1+json"];
const ENVELOPE_OF: (&str, &str) = ("application/vnd.in-toto.", "+dsse");
/// Sigstore's bundles have their version in the type.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
/// What an attestation is of: as BuildKit and docker, cosign's bundles, and cosign's tag say it.
const PREDICATES: [&str; 3] =
    ["in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"];
/// The type of OpenVEX as a predicate, without its version.
const OPENVEX: &str = "https://openvex.dev/ns";

/// Whether a referrer may hold a VEX document, by what its list says of it.
fn may_hold_vex(referrer: &Descriptor) -> bool {
    if referrer.media_type != media::OCI_MANIFEST || annotation(referrer, SBOM_OF_OURS).is_some() {
        return false;
    }
    // Some name the type of what holds nothing in place of an artifact's, and some nothing.
    let artifact_type = referrer.artifact_type.as_deref().unwrap_or_default();
    let says_nothing = ["", "application/vnd.oci.empty.v1+json", "application/vnd.unknown.artifact.v1"]
        .contains(&artifact_type);
    says_nothing && of_openvex(referrer) || is_of_type(artifact_type, referrer)
}

/// Whether a layer is a VEX document, or an attestation that may be one.
fn is_vex(layer: &Descriptor) -> bool {
    is_of_type(&layer.media_type, layer)
}

fn is_of_type(media_type: &str, described: &Descriptor) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    DOCUMENTS.contains(&bare) || is_attestation(bare) && of_openvex(described)
}

fn is_attestation(media_type: &str) -> bool {
    ATTESTATIONS.contains(&media_type)
        || media_type.starts_with(BUNDLE)
        || media_type.starts_with(ENVELOPE_OF.0) && media_type.ends_with(ENVELOPE_OF.1)
}

fn annotation<'a>(described: &'a Descriptor, name: &str) -> Option<&'a str> {
    described.annotations.as_ref()?.get(name).map(String::as_str)
}

/// Whether an attestation is of OpenVEX, as far as its descriptor tells.
fn of_openvex(described: &Descriptor) -> bool {
    PREDICATES
        .iter()
        .find_map(|name| annotation(described, name))
        .is_none_or(|predicate| predicate.starts_with(OPENVEX))
}
