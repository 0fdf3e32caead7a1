//! Homebrew: the receipts of what it poured, `Cellar/NAME/VERSION/INSTALL_RECEIPT.json`. The path says name and version.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{Reader, Unreadable, Whole};

/// A receipt.
pub(crate) fn matches(path: &str) -> bool {
    package(path).is_some()
}

/// Reads nothing: the receipt tells how it was built.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

fn parse(path: &str, _: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    Ok(package(path).map(|package| FileContent::packages([package])))
}

fn package(path: &str) -> Option<Package> {
    let mut parts = path.strip_suffix("/INSTALL_RECEIPT.json")?.rsplit('/');
    let (version, name, cellar) = (parts.next()?, parts.next()?, parts.next()?);
    (cellar == "Cellar" && !name.is_empty() && !version.is_empty())
        .then(|| Package::new(PackageType::Brew, name, version))
}
