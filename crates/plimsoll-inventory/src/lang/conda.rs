//! Conda: the record of each installed package (docs.conda.io, "conda-meta").

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::json::{Licenses, Text};
use super::{licensed, object, one};
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;

/// `**/conda-meta/*.json`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    split(directory).1 == "conda-meta" && name.ends_with(".json")
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    subdir: Text,
    #[serde(default)]
    license: Licenses,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let record: Record = object(bytes)?;
    if record.name.as_str().is_empty() || record.version.as_str().is_empty() {
        return Err(Unreadable::because("there is no name with a version in it"));
    }
    let mut package = Package::new(PackageType::Conda, record.name.as_str(), record.version.as_str());
    // `noarch`, or a platform such as `linux-64`.
    package.architecture = record.subdir.0.filter(|subdir| !subdir.is_empty());
    Ok(one(licensed(package, record.license)))
}
