//! Python: the metadata of installed distributions (packaging.python.org, "Core metadata specifications" and "Recording
//! installed projects"; eggs as setuptools writes them).
//!
//! Only the headers are read. Behind the first empty line is the description, which may well have a line `Name:`.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text};
use crate::path::split;

/// `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, a file `*.egg-info`, `EGG-INFO/PKG-INFO`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    match name {
        "METADATA" => directory.ends_with(".dist-info"),
        "PKG-INFO" => directory.ends_with(".egg-info") || split(directory).1 == "EGG-INFO",
        _ => name.ends_with(".egg-info"),
    }
}

/// Reads headers up to name and version.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Headers::default())
}

#[derive(Default)]
struct Headers {
    name: String,
    version: String,
    started: bool,
}

impl Headers {
    fn is_complete(&self) -> bool {
        !self.name.is_empty() && !self.version.is_empty()
    }
}

impl Lines for Headers {
    fn line(&mut self, line: &[u8]) -> Want {
        let line = if self.started { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        if line.is_empty() && self.started {
            return Want::Nothing;
        }
        self.started = true;
        if let Some(value) = field(line, "Name").filter(|_| self.name.is_empty()) {
            self.name = text(value);
        } else if let Some(value) = field(line, "Version").filter(|_| self.version.is_empty()) {
            self.version = text(value);
        }
        if self.is_complete() { Want::Nothing } else { Want::More }
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if self.is_complete() {
            let package = Package::new(PackageType::Pypi, &self.name, &self.version);
            return Ok(Some(FileContent::packages([package])));
        }
        if whole { Err(Unreadable::because("there is no name with a version in it")) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests;
