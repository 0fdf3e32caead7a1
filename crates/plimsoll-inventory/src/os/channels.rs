//! Files that tell where packages came from: Alpine's repositories, Red Hat's content sets and labels, Ubuntu Pro's state.

use plimsoll_types::inventory::{ChannelKind, Channels, FileContent};
use plimsoll_types::probe::Limits;
use serde::Deserialize;

use crate::catalogers::{Reader, Unreadable, Whole, text};
use crate::path::split;

const REPOSITORIES: &str = "etc/apk/repositories";
const UBUNTU_PRO: &str = "var/lib/ubuntu-advantage/status.json";

/// Where Red Hat's builds keep what they know of themselves, before and since they are made by Konflux.
const BUILD_INFO: [&str; 2] = ["root/buildinfo", "usr/share/buildinfo"];

/// All of them.
pub(crate) fn matches(path: &str) -> bool {
    let (folder, name) = split(path);
    path == REPOSITORIES
        || path == UBUNTU_PRO
        || folder == "etc/apk/repositories.d" && name.ends_with(".list")
        || is_content_manifest(path)
        || BUILD_INFO.contains(&folder) && (name == "labels.json" || name.starts_with("Dockerfile-"))
}

fn is_content_manifest(path: &str) -> bool {
    let (folder, name) = split(path);
    let is_named = name.ends_with(".json") && name != "labels.json";
    is_named && (folder == "root/buildinfo/content_manifests" || folder == "usr/share/buildinfo")
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// Names that one file may tell; a build has some tens of content sets.
const NAMES: usize = 1000;

fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let (kind, mut names) = match split(path).1 {
        "status.json" => (ChannelKind::UbuntuPro, services(bytes)?),
        "labels.json" => labels(bytes)?,
        name if is_content_manifest(path) => {
            (ChannelKind::ContentSets, content_sets(bytes).map_err(|error| named(name, &error))?)
        }
        name => match name.strip_prefix("Dockerfile-") {
            Some(build) => (ChannelKind::RedHatBuilds, vec![build.to_owned()]),
            None => (ChannelKind::AlpineBranches, branches(&text(bytes))),
        },
    };
    names.truncate(NAMES);
    Ok((!names.is_empty()).then_some(FileContent::Channels(Channels { kind, names })))
}

fn named(name: &str, error: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::because(format!("{name} is not the JSON that it should be: {error}"))
}

/// The branches that repositories are of: `v3.18` of `https://dl-cdn.alpinelinux.org/alpine/v3.18/main`, with or without a
/// tag in front.
fn branches(content: &str) -> Vec<String> {
    let mut branches = Vec::new();
    for line in content.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let is_branch = |part: &&str| {
            *part == "edge"
                || part.strip_prefix('v').and_then(|rest| rest.split_once('.')).is_some_and(
                    |(major, minor)| {
                        [major, minor]
                            .iter()
                            .all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                    },
                )
        };
        let branch = line.split(['/', ' ']).find(is_branch);
        // `latest-stable` moves, and says nothing.
        if let Some(branch) = branch.filter(|branch| !branches.iter().any(|known| known == branch)) {
            branches.push(branch.to_owned());
        }
        if branches.len() >= NAMES {
            break;
        }
    }
    branches
}

fn services(bytes: &[u8]) -> Result<Vec<String>, Unreadable> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        services: Vec<Service>,
    }
    #[derive(Deserialize)]
    struct Service {
        #[serde(default)]
        name: String,
        #[serde(default)]
        status: String,
    }
    let status: Status = serde_json::from_slice(bytes).map_err(|error| named("status.json", &error))?;
    let enabled = status.services.into_iter().filter(|service| service.status == "enabled");
    Ok(enabled.map(|service| service.name).collect())
}

fn content_sets(bytes: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        content_sets: Vec<String>,
    }
    serde_json::from_slice(bytes).map(|manifest: Manifest| manifest.content_sets)
}

/// A product where the labels name one, else name, version and release of the build.
fn labels(bytes: &[u8]) -> Result<(ChannelKind, Vec<String>), Unreadable> {
    #[derive(Deserialize)]
    struct Labels {
        #[serde(default)]
        cpe: String,
        #[serde(default, rename = "com.redhat.component")]
        component: String,
        #[serde(default)]
        version: String,
        #[serde(default)]
        release: String,
    }
    let labels: Labels = serde_json::from_slice(bytes).map_err(|error| named("labels.json", &error))?;
    if !labels.cpe.is_empty() {
        return Ok((ChannelKind::Products, vec![labels.cpe]));
    }
    let build = format!("{}-{}-{}", labels.component, labels.version, labels.release);
    let names = if labels.component.is_empty() { vec![] } else { vec![build] };
    Ok((ChannelKind::RedHatBuilds, names))
}
