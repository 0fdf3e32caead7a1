//! SBOMs that lie in an image: those of Bitnami, which are the records of its own builds, and any others.
//!
//! Whoever made the image could write what he likes into such a document, and it may speak of another state of the image. So what
//! only an SBOM names is marked as that, and a setting says whether it is believed. Bitnami's files are what its installer left,
//! as other package managers leave theirs.

use plimsoll_types::PackageType;
use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::probe::Limits;

use super::some;
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;
use crate::sbom::Document;

/// `opt/bitnami/**/.spdx-NAME.spdx`.
pub(crate) fn matches(path: &str) -> bool {
    let name = split(path).1;
    path.starts_with("opt/bitnami/") && name.starts_with(".spdx-") && name.ends_with(".spdx")
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let document = read(bytes)?;
    let problems = document.problems.into_iter().map(|problem| (problem.kind, problem.to_string())).collect();
    // Of the documents of its parts each names the whole image as well, without a format.
    let packages = document.packages.into_iter().filter(|p| p.package.package_type != PackageType::Generic);
    let packages = packages.map(|p| Found { details: p.details, ..p.package.into() }).collect();
    Unreadable::partly(some(packages), problems)
}

fn read(bytes: &[u8]) -> Result<Document, Unreadable> {
    crate::sbom::parse(bytes).map_err(|problem| Unreadable::because(problem.message))
}

/// Any other SBOM.
pub(crate) mod embedded {
    use super::{
        Confidence, Details, FileContent, Found, Limits, Reader, Unreadable, Whole, read, some, split,
    };

    /// By the usual names of such documents.
    pub(crate) fn matches(path: &str) -> bool {
        let name = split(path).1;
        if super::matches(path) {
            return false;
        }
        let ends = [".spdx.json", ".cdx.json", ".sbom.json", ".bom.json", ".spdx"];
        ends.iter().any(|end| name.ends_with(end)) || matches!(name, "sbom.json" | "bom.json")
    }

    /// Reads the whole file.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let name = split(path).1;
        let document = match read(bytes) {
            Ok(document) => document,
            // Many things are called so.
            Err(_) if matches!(name, "sbom.json" | "bom.json") => return Ok(None),
            Err(unreadable) => return Err(unreadable),
        };
        let packages = document.packages.into_iter().map(|installed| {
            let evidence = Some(format!("{}{name}", Details::BY_SBOM));
            let details = Details { evidence, confidence: Confidence::Low, ..installed.details };
            Found { details, ..installed.package.into() }
        });
        let problems =
            document.problems.into_iter().map(|problem| (problem.kind, problem.to_string())).collect();
        Unreadable::partly(some(packages.collect()), problems)
    }
}

#[cfg(test)]
mod tests;
