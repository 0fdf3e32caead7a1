//! Swift: dependencies that were checked out for a build (github.com/swiftlang/swift-package-manager, workspace state).
//!
//! A compiled program does not tell what it was built of; this is only there where the build's own folder is.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::json::{List, Text};
use super::{object, some};
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;

/// `**/.build/workspace-state.json`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    name == "workspace-state.json" && split(directory).1 == ".build"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

#[derive(Deserialize)]
struct Workspace {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    dependencies: List<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "packageRef", default)]
    package: Reference,
    #[serde(default)]
    state: State,
}

#[derive(Deserialize, Default)]
struct Reference {
    /// Of newer states.
    #[serde(default)]
    location: Text,
    /// Of older ones.
    #[serde(default)]
    path: Text,
}

#[derive(Deserialize, Default)]
struct State {
    #[serde(rename = "checkoutState", default)]
    checkout: Checkout,
    /// Of packages from a registry.
    #[serde(default)]
    version: Text,
}

#[derive(Deserialize, Default)]
struct Checkout {
    #[serde(default)]
    version: Text,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let workspace: Workspace = object(bytes)?;
    let packages = workspace.object.dependencies.0.iter().filter_map(|dependency| {
        let Dependency { package, state } = dependency;
        let location = package.location.0.as_deref().or(package.path.0.as_deref())?;
        // A branch or a revision has no version; a folder on the disk is the author's own.
        let version = state.checkout.version.0.as_deref().or(state.version.0.as_deref()).unwrap_or_default();
        let name = name(location)?;
        Some(Package::new(PackageType::Swift, &name, version).into())
    });
    Ok(some(packages.collect()))
}

/// `github.com/apple/swift-nio` of `https://github.com/apple/swift-nio.git` or `git@github.com:apple/swift-nio`.
fn name(location: &str) -> Option<String> {
    let rest = match location.split_once("://") {
        Some((_, rest)) => rest.split_once('@').map_or(rest, |(_, rest)| rest).to_owned(),
        None => location.split_once('@')?.1.replacen(':', "/", 1),
    };
    let rest = rest.trim_end_matches('/');
    Some(rest.strip_suffix(".git").unwrap_or(rest).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Archive, packages};

    #[test]
    fn what_was_checked_out_is_named_by_its_address() {
        let path = "app/.build/workspace-state.json";
        assert!(matches(path) && !matches("app/workspace-state.json"));
        let json = r#"{"version":6,"object":{"artifacts":[],"dependencies":[
            {"basedOn":null,"packageRef":{"identity":"swift-nio","kind":"remoteSourceControl",
             "location":"https://github.com/apple/swift-nio.git","name":"swift-nio"},
             "state":{"checkoutState":{"revision":"abc","version":"2.54.0"},"name":"sourceControlCheckout"},"subpath":"x"},
            {"packageRef":{"location":"git@github.com:vapor/vapor"},"state":{"checkoutState":{"branch":"main"}}},
            {"packageRef":{"location":"/src/mine","kind":"fileSystem"},"state":{"name":"fileSystem"}}]}}"#;
        let layer = Archive::default().file(path, json).read();
        let expected =
            [format!("{path} github.com/apple/swift-nio 2.54.0"), format!("{path} github.com/vapor/vapor ")];
        assert_eq!((packages(&layer), layer.problems), (expected.to_vec(), vec![]));
        for bad in ["", "{}", r#"{"object":{"dependencies":[1]}}"#] {
            assert_eq!(Archive::default().file(path, bad).read().problems.len(), 1, "{bad}");
        }
    }
}
