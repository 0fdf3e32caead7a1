//! Images in folders and archives: the OCI image layout (image-layout.md) and what `docker save` writes.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_types::manifest::{MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, ManifestKind, media};
use plimsoll_types::{
    BaseImage, Descriptor, Digest, ImageReference, Manifest, Platform, Problem, ProblemKind,
};
use serde::Deserialize;

use super::archive::Archive;
use super::{
    LayerBytes, MAX_CONFIG_BYTES, Part, SourceImage, SourceLayer, encrypted, not_an_image, platform,
    read_config,
};
use crate::{Error, ErrorKind, Result};

/// `oci-dir:PATH[:tag]`.
pub(super) fn oci_folder(place: &str, platform: Option<&Platform>) -> Result<SourceImage> {
    let (path, tag) = split(place)?;
    if !path.is_dir() {
        let message = format!("{} is not a folder; for an archive write oci-archive:{place}", path.display());
        return Err(Error::new(ErrorKind::Usage, message));
    }
    oci_layout(&Files::Folder(path.clone()), &path, tag, platform)
}

/// `oci-archive:FILE[:tag]`.
pub(super) fn oci_archive(place: &str, platform: Option<&Platform>) -> Result<SourceImage> {
    let (path, tag) = split(place)?;
    let files = Files::Archive(Archive::open(open_file(&path)?, &path)?);
    if files.part("index.json")?.is_none() && files.part("manifest.json")?.is_some() {
        let message = format!("{} was written by docker save; write docker-archive:{place}", path.display());
        return Err(Error::new(ErrorKind::Usage, message));
    }
    oci_layout(&files, &path, tag, platform)
}

/// `docker-archive:FILE[:reference]`.
pub(super) fn docker_archive(place: &str, platform: Option<&Platform>) -> Result<SourceImage> {
    let (path, reference) = split(place)?;
    let files = Files::Archive(Archive::open(open_file(&path)?, &path)?);
    let Some(list) = files.read("manifest.json", MAX_MANIFEST_BYTES)? else {
        let message = match files.part("index.json")? {
            Some(_) => format!("{} is an OCI layout; write oci-archive:{place}", path.display()),
            None => format!("{} has no manifest.json; it was not written by docker save", path.display()),
        };
        return Err(Error::new(ErrorKind::Usage, message));
    };
    let damaged = |what: String| Error::new(ErrorKind::Damaged, format!("{}: {what}", path.display()));
    let images: Vec<SavedImage> = serde_json::from_slice(&list)
        .map_err(|error| damaged(format!("manifest.json is not valid: {error}")))?;
    let image = choose_saved(&images, reference.as_deref(), &path)?;
    if image.layers.len() > MAX_DESCRIPTORS {
        return Err(damaged(format!("an image of {} layers", image.layers.len())));
    }
    let body = files.read(&image.config, MAX_CONFIG_BYTES)?;
    let body = body.ok_or_else(|| damaged(format!("{} is missing", image.config)))?;
    let digest = Digest::sha256(&body);
    let mut problems = Vec::new();
    // The file's name is the digest: `<hex>.json`, or `blobs/sha256/<hex>` since Docker 25.
    let named = image.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if named.len() == 64 && named != digest.hex() {
        problems
            .push(Problem::new(ProblemKind::Mismatch, "the configuration is not the one that its name says"));
    }
    let config = read_config(&body, &mut problems);
    platform::check(platform, config.as_ref())?;
    let diff_ids = config.as_ref().map(|config| config.rootfs.diff_ids.as_slice()).unwrap_or_default();
    let mut layers = Vec::with_capacity(image.layers.len());
    for (number, name) in image.layers.iter().enumerate() {
        let part = files.part(name)?;
        layers.push(SourceLayer {
            digest: diff_ids.get(number).cloned(),
            size: part.as_ref().map(|part| part.length),
            bytes: part.map_or_else(|| LayerBytes::Absent(missing(name)), LayerBytes::Part),
        });
    }
    Ok(SourceImage {
        reference: image.repo_tags.first().cloned(),
        digest: manifest_with_config(&files, &digest),
        base: None,
        config,
        layers,
        problems,
        notes: Vec::new(),
        home: None,
    })
}

/// Where a path ends and a tag begins: both may hold colons, so the longest path that exists is the path.
fn split(place: &str) -> Result<(PathBuf, Option<String>)> {
    let ends = std::iter::once(place.len()).chain(place.rmatch_indices(':').map(|(at, _)| at));
    for end in ends {
        let path = Path::new(&place[..end]);
        if end > 0 && path.exists() {
            return Ok((
                path.to_owned(),
                place.get(end + 1..).filter(|tag| !tag.is_empty()).map(str::to_owned),
            ));
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("{place} does not exist")))
}

/// Opens a regular file for reading; a pipe or a device could keep us waiting for ever.
pub(super) fn open_file(path: &Path) -> Result<File> {
    let failed = |error| Error::file("open", path, error);
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is not a file", path.display())));
    }
    Ok(file)
}

/// The files of a layout.
enum Files {
    Folder(PathBuf),
    Archive(Archive),
}

impl Files {
    /// A file by its name in the layout. The name is our own or made of a digest, unless the files are in an archive,
    /// where a name is only looked up.
    fn part(&self, name: &str) -> Result<Option<Part>> {
        match self {
            Self::Archive(archive) => Ok(archive.part(name)),
            Self::Folder(folder) => match open_file(&folder.join(name)) {
                Ok(file) => {
                    let length = file.metadata().map_err(|error| Error::file("read", folder, error))?.len();
                    Ok(Some(Part { file: Arc::new(file), offset: 0, length }))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Part>> {
        self.part(&format!("blobs/{}/{}", digest.algorithm().as_str(), digest.hex()))
    }

    fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>> {
        self.part(name)?.map(|part| part.read(name, limit)).transpose()
    }

    /// A blob's bytes, checked against its digest.
    fn read_blob(&self, digest: &Digest, limit: usize) -> Result<Vec<u8>> {
        let Some(part) = self.blob(digest)? else {
            return Err(Error::new(ErrorKind::NotFound, format!("{digest} is not in the layout")));
        };
        let bytes = part.read(digest.as_str(), limit)?;
        if Digest::of(digest.algorithm(), &bytes) != *digest {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("{digest} has other content than its name says"),
            ));
        }
        Ok(bytes)
    }
}

impl Part {
    fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let length = usize::try_from(self.length).ok().filter(|length| *length <= limit);
        let Some(length) = length else {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("{name} has {} bytes, the limit is {limit}", self.length),
            ));
        };
        let mut bytes = vec![0; length];
        let failed = |error| Error::new(ErrorKind::Unavailable, format!("cannot read {name}")).because(error);
        self.file.read_exact_at(&mut bytes, self.offset).map_err(failed)?;
        Ok(bytes)
    }
}

fn oci_layout(
    files: &Files,
    path: &Path,
    tag: Option<String>,
    platform: Option<&Platform>,
) -> Result<SourceImage> {
    let Some(index) = files.read("index.json", MAX_MANIFEST_BYTES)? else {
        let message = format!("{} has no index.json; it is not an OCI image layout", path.display());
        return Err(Error::new(ErrorKind::Usage, message));
    };
    let damaged = |error| Error::new(ErrorKind::Damaged, format!("{}: {error}", path.display()));
    let top = Manifest::parse(media::OCI_INDEX, &index).map_err(damaged)?;
    let mut notes = Vec::new();
    let mut chosen = choose_named(&top.manifests, tag.as_deref(), platform, path, &mut notes)?.clone();
    let reference = tag.or_else(|| name_of(&chosen).map(str::to_owned));
    // What is still to be looked into, should what was chosen not have it, and how deep it lies.
    let mut left: Vec<(Descriptor, usize)> = vec![];
    let mut depth = 0;
    let too_many = || damaged(platform::too_many());
    for _ in 0..platform::MAX_MANIFESTS {
        if depth >= platform::MAX_DEPTH {
            return Err(too_many());
        }
        let body = files.read_blob(&chosen.digest, MAX_MANIFEST_BYTES)?;
        let manifest = Manifest::parse(&chosen.media_type, &body).map_err(damaged)?;
        match manifest.kind {
            ManifestKind::Index => {
                match platform::choose(&manifest.manifests, platform, &platform::this_machine()) {
                    Ok((next, note)) => {
                        notes.extend(note);
                        (chosen, depth) = (next.clone(), depth + 1);
                    }
                    Err(error) => {
                        left.extend(
                            platform::nested(&manifest.manifests)
                                .into_iter()
                                .rev()
                                .map(|entry| (entry.clone(), depth + 1)),
                        );
                        (chosen, depth) = left.pop().ok_or(error)?;
                    }
                }
            }
            ManifestKind::Artifact => return Err(not_an_image(&manifest)),
            ManifestKind::Image => {
                let said = chosen.platform.is_some();
                let image = oci_image(files, &manifest, chosen.digest, reference, notes)?;
                if !said {
                    platform::check(platform, image.config.as_ref())?;
                }
                return Ok(image);
            }
        }
    }
    Err(too_many())
}

fn oci_image(
    files: &Files,
    manifest: &Manifest,
    digest: Digest,
    reference: Option<String>,
    notes: Vec<String>,
) -> Result<SourceImage> {
    let mut problems = Vec::new();
    let config = match &manifest.config {
        Some(config) => match files.read_blob(&config.digest, MAX_CONFIG_BYTES) {
            Ok(body) => read_config(&body, &mut problems),
            Err(error) => {
                problems.push(Problem::new(problem_of(&error), format!("the configuration: {error}")));
                None
            }
        },
        None => None,
    };
    let mut layers = Vec::with_capacity(manifest.layers.len());
    for layer in &manifest.layers {
        let bytes = match (encrypted(layer), files.blob(&layer.digest)?) {
            (Some(problem), _) => LayerBytes::Absent(problem),
            (None, Some(part)) => {
                if part.length != layer.size {
                    let message = format!(
                        "{} has {} bytes, the manifest says {}",
                        layer.digest, part.length, layer.size
                    );
                    problems.push(Problem::new(ProblemKind::Mismatch, message));
                }
                LayerBytes::Part(part)
            }
            (None, None) => LayerBytes::Absent(missing(layer.digest.as_str())),
        };
        layers.push(SourceLayer { digest: Some(layer.digest.clone()), size: Some(layer.size), bytes });
    }
    let base = BaseImage::of_annotations(&manifest.annotations);
    Ok(SourceImage { reference, digest: Some(digest), base, config, layers, problems, notes, home: None })
}

fn problem_of(error: &Error) -> ProblemKind {
    match error.kind() {
        ErrorKind::NotFound => ProblemKind::Missing,
        ErrorKind::Damaged => ProblemKind::Mismatch,
        ErrorKind::TooLarge => ProblemKind::LimitExceeded,
        _ => ProblemKind::Unreadable,
    }
}

fn missing(layer: &str) -> Problem {
    Problem::new(ProblemKind::Missing, format!("the layer {layer} is not there"))
}

/// `org.opencontainers.image.ref.name` (annotations.md), or the whole reference that containerd keeps.
fn name_of(descriptor: &Descriptor) -> Option<&str> {
    let annotations = descriptor.annotations.as_ref()?;
    let name = ["org.opencontainers.image.ref.name", "io.containerd.image.name"]
        .iter()
        .find_map(|key| annotations.get(*key));
    name.map(String::as_str)
}

/// Chooses among the entries of `index.json`: by name; the only one; or by platform, where they are one image's platforms.
fn choose_named<'a>(
    entries: &'a [Descriptor],
    tag: Option<&str>,
    platform: Option<&Platform>,
    path: &Path,
    notes: &mut Vec<String>,
) -> Result<&'a Descriptor> {
    let names: Vec<&str> = entries.iter().filter_map(name_of).collect();
    let is_meant =
        |name: &str, tag: &str| name == tag || name.rsplit_once(':').is_some_and(|(_, end)| end == tag);
    if let Some(tag) = tag {
        let found = entries.iter().find(|entry| {
            name_of(entry).is_some_and(|name| is_meant(name, tag)) || entry.digest.as_str() == tag
        });
        return found.ok_or_else(|| {
            let there = if names.is_empty() {
                "none of its images has a name".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            Error::new(ErrorKind::NotFound, format!("{} has no image {tag}; {there}", path.display()))
        });
    }
    if let [only] = entries {
        return Ok(only);
    }
    let mut different = names.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() > 1 {
        let message = format!(
            "{0} holds several images; name one of them, as in {0}:{1} (it has {2})",
            path.display(),
            names[0],
            different.join(", ")
        );
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let (chosen, note) = platform::choose(entries, platform, &platform::this_machine())?;
    notes.extend(note);
    Ok(chosen)
}

/// One image of `manifest.json` (github.com/moby/docker-image-spec, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default, deserialize_with = "or_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    layers: Vec<String>,
}

/// Go writes an empty list as `null`.
fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn choose_saved<'a>(
    images: &'a [SavedImage],
    reference: Option<&str>,
    path: &Path,
) -> Result<&'a SavedImage> {
    let tags = || {
        images.iter().flat_map(|image| &image.repo_tags).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    if let Some(wanted) = reference {
        // `alpine:3.20` and `docker.io/library/alpine:3.20` are one name.
        let whole: Option<ImageReference> = wanted.parse().ok();
        let is_meant = |tag: &String| {
            tag == wanted
                || tag.rsplit_once(':').is_some_and(|(_, end)| end == wanted)
                || whole.is_some() && whole == tag.parse().ok()
        };
        return images.iter().find(|image| image.repo_tags.iter().any(is_meant)).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("{} has no image {wanted}; it has {}", path.display(), tags()),
            )
        });
    }
    match images {
        [] => Err(Error::new(ErrorKind::NotFound, format!("{} has no image", path.display()))),
        [only] => Ok(only),
        [_, ..] => {
            let message = format!(
                "{0} holds several images; name one of them, as in {0}:TAG (it has {1})",
                path.display(),
                tags()
            );
            Err(Error::new(ErrorKind::Usage, message))
        }
    }
}

/// Since Docker 25 an archive is an OCI layout as well, whose manifests give the image its digest.
fn manifest_with_config(files: &Files, config: &Digest) -> Option<Digest> {
    let index = files.read("index.json", MAX_MANIFEST_BYTES).ok()??;
    let index = Manifest::parse(media::OCI_INDEX, &index).ok()?;
    index.manifests.into_iter().take(1_000).map(|entry| entry.digest).find(|digest| {
        let body = files.read_blob(digest, MAX_MANIFEST_BYTES).ok();
        let manifest = body.and_then(|body| {
            Manifest::parse("", &body).or_else(|_| Manifest::parse(media::OCI_MANIFEST, &body)).ok()
        });
        manifest.and_then(|manifest| manifest.config).is_some_and(|descriptor| descriptor.digest == *config)
    })
}
