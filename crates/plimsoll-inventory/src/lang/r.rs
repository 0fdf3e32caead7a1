//! R: `DESCRIPTION` of installed packages (R manual, "Writing R Extensions", 1.1.1).
//!
//! Only installing writes the field `Built`; a source tree has the same file without it.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::json::Licenses;
use super::{licensed, one};
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text};
use crate::path::split;

/// `**/DESCRIPTION`.
pub(crate) fn matches(path: &str) -> bool {
    path.ends_with("/DESCRIPTION") && !split(path).0.is_empty()
}

/// Reads fields, line by line.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Description::default())
}

#[derive(Default)]
struct Description {
    name: String,
    version: String,
    licenses: Licenses,
    /// Some of CRAN's have views of Bioconductor's as well.
    is_from_cran: bool,
    is_bioconductor: bool,
    is_built: bool,
}

impl Lines for Description {
    fn line(&mut self, line: &[u8]) -> Want {
        if let Some(value) = field(line, "Package") {
            self.name = text(value);
        } else if let Some(value) = field(line, "Version") {
            self.version = text(value);
        } else if let Some(value) = field(line, "License") {
            // `GPL (>= 2) | file LICENSE`
            String::from_utf8_lossy(value).split('|').for_each(|name| self.licenses.add(name));
        } else if let Some(value) = field(line, "Repository") {
            self.is_from_cran |= value == b"CRAN";
        } else if field(line, "biocViews").is_some() {
            self.is_bioconductor = true;
        } else if field(line, "Built").is_some() {
            self.is_built = true;
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    /// A file of this name without `Built` is anybody's.
    fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
        if !self.is_built || self.name.is_empty() || self.version.is_empty() {
            return Ok(None);
        }
        let kind = if self.is_bioconductor && !self.is_from_cran {
            PackageType::Bioconductor
        } else {
            PackageType::Cran
        };
        Ok(one(licensed(Package::new(kind, &self.name, &self.version), self.licenses)))
    }
}
