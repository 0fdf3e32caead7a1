//! .NET: the libraries that an application or a runtime was published with (dotnet/sdk, "runtime configuration file",
//! `deps.json`).
//!
//! `libraries` lists what the project refers to; what of it was put beside the application, `targets` says: a library of which
//! no file is deployed is not there. A program in one file has the record inside: [`bundle`]. Where there is none, the
//! libraries speak for themselves: [`assembly`].

use std::collections::HashMap;

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::json::{Size, Table, Text};
use super::{object, some};
use crate::catalogers::{Reader, Unreadable, Whole};

pub(crate) mod assembly;
pub(crate) mod bundle;

/// `*.deps.json`.
pub(crate) fn matches(path: &str) -> bool {
    path.ends_with(".deps.json")
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

#[derive(Deserialize)]
struct Dependencies {
    #[serde(rename = "runtimeTarget", default)]
    target: Target,
    #[serde(default)]
    targets: Table<Table<Assets>>,
    #[serde(default)]
    libraries: Table<Library>,
}

/// An object with a name in newer files, the name alone in older ones.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Target {
    Named {
        name: String,
    },
    Name(String),
    #[default]
    Nothing,
}

#[derive(Deserialize, Default)]
struct Library {
    #[serde(rename = "type", default)]
    kind: Text,
}

/// The files of a library that are deployed.
#[derive(Deserialize, Default)]
struct Assets {
    #[serde(default)]
    runtime: Size,
    #[serde(default)]
    native: Size,
    #[serde(rename = "runtimeTargets", default)]
    runtime_targets: Size,
    #[serde(default)]
    resources: Size,
}

impl Assets {
    fn are_some(&self) -> bool {
        [self.runtime, self.native, self.runtime_targets, self.resources].iter().any(|size| size.0 > 0)
    }
}

fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let dependencies: Dependencies = object(bytes)?;
    let name = match &dependencies.target {
        Target::Named { name } | Target::Name(name) => name.as_str(),
        Target::Nothing => "",
    };
    let targets = &dependencies.targets.0;
    let target = targets.iter().find(|(target, _)| target == name).or(targets.first());
    let assets: Option<HashMap<&str, &Assets>> = target.map(|(_, Table(libraries))| {
        libraries.iter().map(|(name, assets)| (name.as_str(), assets)).collect()
    });
    let is_deployed = |library: &str| {
        assets.as_ref().is_none_or(|assets| assets.get(library).is_some_and(|assets| assets.are_some()))
    };
    let packages = dependencies.libraries.0.iter().filter_map(|(library, Library { kind })| {
        let (name, version) = library.split_once('/')?;
        // A runtime that was published along with its application is the package of that name.
        let name = match kind.as_str() {
            "package" => name,
            "runtimepack" => name.strip_prefix("runtimepack.").unwrap_or(name),
            _ => return None,
        };
        let is_there = is_deployed(library) && !name.is_empty() && !version.is_empty();
        is_there.then(|| {
            let shared = shared(path, name);
            let (name, version) = shared.as_ref().map_or((name, version), |(name, version)| (name, version));
            Package::new(PackageType::Nuget, name, version).into()
        })
    });
    // A record without packages says, too, what is there: of the libraries beside it none is a package.
    Ok(some(packages.collect()).or_else(|| Some(FileContent::packages([]))))
}

/// The runtime as advisories know it, of `**/shared/NAME/VERSION/NAME.deps.json`: `NAME.Runtime.SYSTEM` in the version that the
/// folder says. Before .NET 5 the record calls it `runtime.SYSTEM.NAME`, in a version that sorts below its own release
/// (`3.1.23-servicing.22122.4`).
fn shared<'a>(path: &'a str, library: &str) -> Option<(String, &'a str)> {
    let mut parts = path.rsplit('/');
    let name = parts.next()?.strip_suffix(".deps.json")?;
    let (version, folder, shared) = (parts.next()?, parts.next()?, parts.next()?);
    if shared != "shared" || folder != name || !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let old = || library.strip_prefix("runtime.")?.strip_suffix(name)?.strip_suffix('.');
    let new = || library.strip_prefix(name)?.strip_prefix(".Runtime.");
    Some((format!("{name}.Runtime.{}", old().or_else(new)?), version))
}

#[cfg(test)]
mod tests;
