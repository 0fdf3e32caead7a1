//! Bottlerocket: its list of what it was built of, `usr/share/bottlerocket/application-inventory.json`.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use crate::catalogers::{Reader, Unreadable, Whole};

/// The list in its place.
pub(crate) fn matches(path: &str) -> bool {
    path == "usr/share/bottlerocket/application-inventory.json"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inventory {
    content: Vec<Application>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Application {
    name: String,
    version: String,
    #[serde(default)]
    release: String,
    #[serde(default)]
    epoch: Option<String>,
    #[serde(default)]
    architecture: String,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let inventory: Inventory = serde_json::from_slice(bytes)
        .map_err(|error| Unreadable::because(format!("it is not the JSON that it should be: {error}")))?;
    let package = |application: Application| {
        let Application { name, version, release, epoch, architecture } = application;
        let epoch = epoch.and_then(|epoch| epoch.parse().ok());
        let version = super::rpm::version_of(epoch, &version, &release);
        let mut package = Package::new(PackageType::Rpm, &name, &version);
        package.architecture = Some(architecture).filter(|architecture| !architecture.is_empty());
        package.into()
    };
    Ok(Some(FileContent::Database(inventory.content.into_iter().map(package).collect())))
}
