//! The list of packages in images of Azure Linux that have no rpm: a line of ten fields for each, between tabs, as a query
//! of rpm wrote them (name, version-release, two times, vendor, epoch, size, architecture, epoch as a number, source).

use plimsoll_types::inventory::{FileContent, Found};
use plimsoll_types::{Package, PackageType};

use super::header::{is_nothing, set_source, version_of};
use crate::catalogers::{Lines, Unreadable, Want, text, weight};

#[derive(Default)]
pub(super) struct Manifest {
    found: Vec<Found>,
    weight: usize,
    /// The first line that is none of a package.
    bad: Option<String>,
}

impl Lines for Manifest {
    fn line(&mut self, line: &[u8]) -> Want {
        if line.is_empty() {
            return Want::More;
        }
        match package(&text(line)) {
            Some(found) if found.package.name == "gpg-pubkey" => {}
            Some(found) => {
                self.weight += weight(&found);
                self.found.push(found);
            }
            None => _ = self.bad.get_or_insert_with(|| text(&line[..line.len().min(80)])),
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.weight
    }

    fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
        match self.bad {
            Some(line) => {
                let reason = format!("a line of the list is none of a package: {line}");
                Err(Unreadable::because(reason).but(FileContent::Database(self.found)))
            }
            None => Ok(Some(FileContent::Database(self.found))),
        }
    }
}

fn package(line: &str) -> Option<Found> {
    let mut fields = line.split('\t').map(str::trim);
    let mut next = || fields.next();
    let (name, version) = (next()?, next()?);
    let vendor = fields.nth(2)?;
    let mut fields = fields.skip(2);
    let (architecture, epoch, source) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    if name.is_empty() || version.is_empty() {
        return None;
    }
    let mut package = Package::new(PackageType::Rpm, name, &version_of(epoch.parse().ok(), version, ""));
    package.architecture = Some(architecture.to_owned()).filter(|architecture| !is_nothing(architecture));
    set_source(&mut package, source);
    let mut found = Found::from(package);
    found.details.origin = Some(vendor.to_owned()).filter(|vendor| !is_nothing(vendor));
    Some(found)
}
