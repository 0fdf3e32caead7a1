//! Packages of programming languages, and software that nobody's package manager put there: installed evidence only. A lock
//! file lists what may not be installed.

pub(crate) mod bitnami;
pub(crate) mod classifier;
mod compressed;
pub(crate) mod conan;
pub(crate) mod conda;
pub(crate) mod dart;
pub(crate) mod dotnet;
pub(crate) mod elf;
pub(crate) mod erlang;
pub(crate) mod golang;
pub(crate) mod java;
mod json;
pub(crate) mod julia;
pub(crate) mod lua;
pub(crate) mod native_image;
pub(crate) mod note;
pub(crate) mod npm;
pub(crate) mod perl;
pub(crate) mod php;
pub(crate) mod python;
pub(crate) mod r;
pub(crate) mod ruby;
pub(crate) mod rust;
pub(crate) mod swift;
pub(crate) mod upx;
pub(crate) mod wordpress;

use plimsoll_types::Package;
use plimsoll_types::inventory::{Details, FileContent, Found};

use crate::catalogers::Unreadable;
use json::Licenses;

/// A package with its licences.
fn licensed(package: Package, licenses: Licenses) -> Found {
    Found { details: Details { licenses: licenses.0, ..Details::default() }, ..package.into() }
}

/// What a file says that names one package.
fn one(package: Found) -> Option<FileContent> {
    Some(FileContent::Packages(vec![package]))
}

/// What a file says that names these, without any twice; nothing where there are none.
fn some(mut packages: Vec<Found>) -> Option<FileContent> {
    packages.sort_by(|a, b| a.package.cmp(&b.package).then_with(|| a.details.cmp(&b.details)));
    packages.dedup_by(|a, b| a.package == b.package);
    (!packages.is_empty()).then_some(FileContent::Packages(packages))
}

fn not_json(error: &serde_json::Error) -> Unreadable {
    Unreadable::because(format!("it is not JSON as expected: {error}"))
}
