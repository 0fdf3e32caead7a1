//! Google's Container-Optimized OS: its list of packages, `etc/cos-package-info.json`. They are built from Gentoo's recipes.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use crate::catalogers::{Reader, Unreadable, Whole};

/// The list in its place.
pub(crate) fn matches(path: &str) -> bool {
    path == "etc/cos-package-info.json"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// What packages were built with is listed as well, and is not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    installed_packages: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    category: String,
    name: String,
    version: String,
    /// `2` of `1.2.3-r2`; a text or a number.
    #[serde(default)]
    revision: serde_json::Value,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let list: List = serde_json::from_slice(bytes)
        .map_err(|error| Unreadable::because(format!("it is not the JSON that it should be: {error}")))?;
    let package = |listed: Listed| {
        let revision = listed.revision.to_string();
        let revision = revision.trim_matches('"').trim_start_matches('r');
        let is_number = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
        let version = match is_number && revision != "0" {
            true => format!("{}-r{revision}", listed.version),
            false => listed.version,
        };
        let name = if listed.category.is_empty() {
            listed.name
        } else {
            format!("{}/{}", listed.category, listed.name)
        };
        Package::new(PackageType::Ebuild, &name, &version).into()
    };
    Ok(Some(FileContent::Database(list.installed_packages.into_iter().map(package).collect())))
}
