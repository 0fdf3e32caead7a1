//! The JSON of `/acr/v1/…`. Azure's Python client fails on a repository or a tag without `changeableAttributes`.

use plimsoll_store::{Attributes, ManifestDetails, RepositoryDetails, TagDetails};
use plimsoll_types::manifest::{Manifest as Parsed, ManifestKind};
use plimsoll_types::{Digest, Platform, RepositoryName, Scope, Tag};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Catalog<'a> {
    pub(super) repositories: &'a [RepositoryName],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deleted<'a> {
    pub(super) manifests_deleted: &'a [Digest],
    pub(super) tags_deleted: &'a [Tag],
}

/// What every answer about a repository begins with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    registry: &'a str,
    image_name: &'a str,
}

impl<'a> Head<'a> {
    fn of(scope: &'a Scope, name: &'a RepositoryName) -> Self {
        Self { registry: &scope.registry_host, image_name: name.as_str() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    created_time: String,
    last_update_time: String,
    manifest_count: u64,
    tag_count: u64,
    changeable_attributes: Changeable,
}

impl<'a> Repository<'a> {
    pub(super) fn of(scope: &'a Scope, name: &'a RepositoryName, details: &RepositoryDetails) -> Self {
        Self {
            head: Head::of(scope, name),
            created_time: details.created_at.to_string(),
            last_update_time: details.changed_at.to_string(),
            manifest_count: details.manifests,
            tag_count: details.tags,
            changeable_attributes: details.attributes.into(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Tags<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    tags: Vec<TagShape<'a>>,
}

impl<'a> Tags<'a> {
    pub(super) fn of(scope: &'a Scope, name: &'a RepositoryName, tags: &'a [TagDetails]) -> Self {
        Self { head: Head::of(scope, name), tags: tags.iter().map(TagShape::of).collect() }
    }
}

#[derive(Serialize)]
pub(super) struct OneTag<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    tag: TagShape<'a>,
}

impl<'a> OneTag<'a> {
    pub(super) fn of(scope: &'a Scope, name: &'a RepositoryName, tag: &'a TagDetails) -> Self {
        Self { head: Head::of(scope, name), tag: TagShape::of(tag) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TagShape<'a> {
    name: &'a Tag,
    digest: &'a Digest,
    created_time: String,
    last_update_time: String,
    /// In the manner of Notary, which is not offered.
    signed: bool,
    changeable_attributes: Changeable,
}

impl<'a> TagShape<'a> {
    fn of(tag: &'a TagDetails) -> Self {
        Self {
            name: &tag.name,
            digest: &tag.digest,
            created_time: tag.created_at.to_string(),
            last_update_time: tag.changed_at.to_string(),
            signed: false,
            changeable_attributes: tag.attributes.into(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Manifests<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    manifests: Vec<Manifest<'a>>,
}

impl<'a> Manifests<'a> {
    pub(super) fn of(scope: &'a Scope, name: &'a RepositoryName, manifests: Vec<Manifest<'a>>) -> Self {
        Self { head: Head::of(scope, name), manifests }
    }
}

#[derive(Serialize)]
pub(super) struct OneManifest<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    manifest: Manifest<'a>,
}

impl<'a> OneManifest<'a> {
    pub(super) fn of(scope: &'a Scope, name: &'a RepositoryName, manifest: Manifest<'a>) -> Self {
        Self { head: Head::of(scope, name), manifest }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<'a> {
    digest: &'a Digest,
    /// Of an image what a client pulls, configuration and layers; of others the manifest itself.
    image_size: u64,
    created_time: String,
    last_update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<String>,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_media_type: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<ReferenceShape>,
    tags: &'a [Tag],
    changeable_attributes: OfManifest<'a>,
}

impl<'a> Manifest<'a> {
    pub(super) fn of(
        details: &'a ManifestDetails,
        manifest: Option<&Parsed>,
        platform: Option<Platform>,
        quarantines: bool,
    ) -> Self {
        let (architecture, os) =
            platform.map(|platform| (non_empty(platform.architecture), non_empty(platform.os))).unzip();
        let image = manifest.filter(|manifest| manifest.kind == ManifestKind::Image);
        let contents = |image: &Parsed| {
            image.config.iter().chain(&image.layers).map(|d| d.size).fold(0, u64::saturating_add)
        };
        let state = match details.quarantine {
            Some(state) => Some(state.as_str()),
            None => quarantines.then_some("Quarantined"),
        };
        Self {
            digest: &details.digest,
            image_size: image.map_or(details.body.len() as u64, contents),
            created_time: details.created_at.to_string(),
            last_update_time: details.changed_at.to_string(),
            architecture: architecture.flatten(),
            os: os.flatten(),
            media_type: &details.media_type,
            config_media_type: manifest
                .and_then(|manifest| manifest.config.as_ref())
                .map(|config| config.media_type.clone()),
            references: manifest.map(ReferenceShape::all).unwrap_or_default(),
            tags: &details.tags,
            changeable_attributes: OfManifest {
                attributes: details.attributes.into(),
                quarantine_state: state,
                quarantine_details: details.quarantine_details.as_deref(),
            },
        }
    }
}

/// A manifest that an index lists.
#[derive(Serialize)]
struct ReferenceShape {
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<String>,
}

impl ReferenceShape {
    fn all(index: &Parsed) -> Vec<Self> {
        let listed = index.manifests.iter();
        listed
            .map(|descriptor| {
                let platform = descriptor.platform.as_ref();
                Self {
                    digest: descriptor.digest.clone(),
                    architecture: platform.and_then(|platform| non_empty(platform.architecture.clone())),
                    os: platform.and_then(|platform| non_empty(platform.os.clone())),
                }
            })
            .collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changeable {
    delete_enabled: bool,
    write_enabled: bool,
    read_enabled: bool,
    list_enabled: bool,
}

impl From<Attributes> for Changeable {
    fn from(attributes: Attributes) -> Self {
        let Attributes { delete, write, read, list } = attributes;
        Self { delete_enabled: delete, write_enabled: write, read_enabled: read, list_enabled: list }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfManifest<'a> {
    #[serde(flatten)]
    attributes: Changeable,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine_details: Option<&'a str>,
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
