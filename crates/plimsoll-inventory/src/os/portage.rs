//! Portage: `var/db/pkg/CATEGORY/NAME-VERSION/CONTENTS` of each package of Gentoo, whose path names it and whose lines list
//! its files (Package Manager Specification; portage(5), "VDB").

use plimsoll_types::inventory::{FileContent, Found};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::owned::Owned;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want};

/// `CONTENTS` of a package.
pub(crate) fn matches(path: &str) -> bool {
    package(path).is_some()
}

/// Reads the list, a line at a time.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    let package = package(path).unwrap_or_else(|| Package::new(PackageType::Ebuild, "", ""));
    ByLine::boxed(Contents { package, owned: Owned::default() })
}

fn package(path: &str) -> Option<Package> {
    let mut parts = path.strip_prefix("var/db/pkg/")?.strip_suffix("/CONTENTS")?.split('/');
    let (category, name, None) = (parts.next()?, parts.next()?, parts.next()) else { return None };
    // The version begins behind the last hyphen before a digit; behind it may come a revision, `-r1`.
    let is_version = |at: &usize| name[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let at = name.rmatch_indices('-').map(|(at, _)| at).find(is_version)?;
    let (name, version) = (&name[..at], &name[at + 1..]);
    (!name.is_empty() && !category.is_empty())
        .then(|| Package::new(PackageType::Ebuild, &format!("{category}/{name}"), version))
}

struct Contents {
    package: Package,
    owned: Owned,
}

impl Lines for Contents {
    fn line(&mut self, line: &[u8]) -> Want {
        // `obj PATH MD5 TIME`; a path may hold spaces.
        if let Some(rest) = line.strip_prefix(b"obj ") {
            let mut ends = rest.iter().enumerate().rev().filter(|(_, byte)| **byte == b' ');
            if let Some((end, _)) = ends.nth(1) {
                self.owned.add(&rest[..end]);
            }
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.owned.held()
    }

    fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let mut found = Found::from(self.package);
        found.owns = self.owned.finish();
        Ok(Some(FileContent::Packages(vec![found])))
    }
}
