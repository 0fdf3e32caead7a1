//! Dart: packages in the cache that programs are run from (dart.dev, "Package cache").
//!
//! A program that was compiled ahead of time has nothing of this kind in it, and nothing tells what it was built of.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::one;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text};

/// `**/.pub-cache/hosted/HOST/NAME-VERSION/pubspec.yaml`.
pub(crate) fn matches(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    parts.next() == Some("pubspec.yaml")
        && parts.nth(2) == Some("hosted")
        && parts.next().is_some_and(|cache| cache == ".pub-cache" || cache == "pub-cache" || cache == "Cache")
}

/// Reads top-level keys, line by line.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Pubspec::default())
}

#[derive(Default)]
struct Pubspec {
    name: String,
    version: String,
}

impl Lines for Pubspec {
    fn line(&mut self, line: &[u8]) -> Want {
        let value = |value: &[u8]| text(value).trim_matches(['"', '\'']).to_owned();
        if let Some(name) = field(line, "name") {
            self.name = value(name);
        } else if let Some(version) = field(line, "version") {
            self.version = value(version);
        }
        if self.name.is_empty() || self.version.is_empty() { Want::More } else { Want::Nothing }
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if !self.name.is_empty() && !self.version.is_empty() {
            return Ok(one(Package::new(PackageType::Pub, &self.name, &self.version).into()));
        }
        if whole { Err(Unreadable::because("there is no name with a version in it")) } else { Ok(None) }
    }
}
