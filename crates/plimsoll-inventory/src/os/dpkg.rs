//! dpkg: `var/lib/dpkg/status`, the one-package files of `status.d` that distroless images have, and the lists of
//! files in `info` (deb822(5), dpkg(1) "Package states").
//!
//! A line that is no field is skipped, never the file: dpkg itself would refuse it, but a scanner must see the other
//! packages.

use plimsoll_types::inventory::{Confidence, FileContent, Found, OwnedFiles};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::owned::Owned;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text, weight};

const DATABASE: &str = "var/lib/dpkg/status";
const DIRECTORY: &str = "var/lib/dpkg/status.d/";

/// Lists of files.
const FILES: [&str; 3] = ["var/lib/dpkg/info/", "usr/lib/opkg/info/", "var/lib/opkg/info/"];

/// The database of opkg, which has the format of dpkg: OpenWrt's, Yocto's and Entware's.
const OPKG: [&str; 3] = ["usr/lib/opkg/status", "var/lib/opkg/status", "opt/lib/opkg/status"];

/// The database, or a file of the directory but for the checksums.
pub(crate) fn matches(path: &str) -> bool {
    let is_package = |name: &str| !name.contains('/') && !name.ends_with(".md5sums");
    path == DATABASE
        || OPKG.contains(&path)
        || path.strip_prefix(DIRECTORY).is_some_and(is_package)
        || listed_package(path).is_some()
}

/// Whose files a list is of: `info/libc6:amd64.list`.
fn listed_package(path: &str) -> Option<&str> {
    let package = FILES.iter().find_map(|folder| path.strip_prefix(folder))?.strip_suffix(".list")?;
    (!package.contains('/')).then(|| package.split_once(':').map_or(package, |(name, _)| name))
}

/// Reads stanzas, a line at a time.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    if let Some(package) = listed_package(path) {
        return ByLine::boxed(Files { package: package.to_owned(), before: vec![], owned: Owned::default() });
    }
    let is_opkg = OPKG.contains(&path);
    let is_database = path == DATABASE || is_opkg;
    let package_type = if is_opkg { PackageType::Opkg } else { PackageType::Deb };
    ByLine::boxed(Status {
        is_database,
        package_type,
        stanza: Stanza::default(),
        packages: vec![],
        weight: 0,
    })
}

struct Status {
    is_database: bool,
    package_type: PackageType,
    stanza: Stanza,
    packages: Vec<Found>,
    weight: usize,
}

#[derive(Default)]
struct Stanza {
    name: String,
    version: String,
    status: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    maintainer: Option<String>,
    origin: Option<String>,
}

impl Lines for Status {
    fn line(&mut self, line: &[u8]) -> Want {
        let Some(first) = line.first() else {
            self.end_stanza();
            return Want::More;
        };
        // A database has a hundred lines for each that matters; a space begins the rest of a folded field.
        if !b"PVSAMOpvsamo".contains(first) {
            return Want::More;
        }
        if let Some(value) = field(line, "Package") {
            // A stanza has one: what parts this one from the one before is no empty line, or is missing.
            if !self.stanza.name.is_empty() {
                self.end_stanza();
            }
            self.stanza.name = text(value);
            return Want::More;
        }
        let stanza = &mut self.stanza;
        if let Some(value) = field(line, "Version") {
            stanza.version = text(value);
        } else if let Some(value) = field(line, "Status") {
            stanza.status = Some(text(value));
        } else if let Some(value) = field(line, "Architecture") {
            stanza.architecture = Some(text(value));
        } else if let Some(value) = field(line, "Source") {
            stanza.source = Some(text(value));
        } else if let Some(value) = field(line, "Maintainer") {
            stanza.maintainer = Some(text(value));
        } else if let Some(value) = field(line, "Origin") {
            stanza.origin = Some(text(value));
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.weight
    }

    fn finish(mut self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if whole {
            self.end_stanza();
        }
        if self.is_database {
            return Ok(Some(FileContent::Database(self.packages)));
        }
        Ok((!self.packages.is_empty()).then_some(FileContent::Packages(self.packages)))
    }
}

impl Status {
    fn end_stanza(&mut self) {
        if let Some(found) = std::mem::take(&mut self.stanza).package(self.package_type) {
            self.weight += weight(&found);
            self.packages.push(found);
        }
    }
}

impl Stanza {
    /// The package, where its files are on the disk.
    fn package(self, package_type: PackageType) -> Option<Found> {
        let state = self.status.as_deref().map(state);
        if self.name.is_empty() || matches!(state, Some("not-installed" | "config-files")) {
            return None;
        }
        let mut package = Package::new(package_type, &self.name, &self.version);
        package.architecture = self.architecture.filter(|architecture| !architecture.is_empty());
        if let Some(source) = &self.source {
            let (name, version) = source.split_once('(').unwrap_or((source, ""));
            let version = version.trim_end_matches(')').trim();
            package.source =
                Some(name.trim().to_owned()).filter(|name| *name != self.name && !name.is_empty());
            package.source_version =
                Some(version.to_owned()).filter(|version| *version != self.version && !version.is_empty());
        }
        let mut found = Found::from(package);
        found.details.origin = self.origin.or(self.maintainer).filter(|origin| !origin.is_empty());
        // Some of its files are on the disk, and nobody knows of which version.
        if state == Some("half-installed") {
            found.details.confidence = Confidence::Low;
        }
        Some(found)
    }
}

/// The third of `want flag state`. What is no state counts as one that leaves files on the disk: rather a package too many
/// than one overlooked.
fn state(status: &str) -> &str {
    status.split_ascii_whitespace().nth(2).unwrap_or_default()
}

struct Files {
    package: String,
    /// The line before, which is a directory if this one is in it.
    before: Vec<u8>,
    owned: Owned,
}

impl Lines for Files {
    fn line(&mut self, line: &[u8]) -> Want {
        let is_directory =
            line.strip_prefix(self.before.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        if !is_directory {
            self.owned.add(&self.before);
        }
        self.before.clear();
        self.before.extend_from_slice(line);
        Want::More
    }

    fn held(&self) -> usize {
        self.owned.held() + self.before.len()
    }

    fn finish(mut self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if whole {
            self.owned.add(&self.before);
        }
        let (package, paths) = (self.package, self.owned.finish());
        Ok((!paths.is_empty()).then_some(FileContent::Files(OwnedFiles { package, paths })))
    }
}

#[cfg(test)]
mod tests;
