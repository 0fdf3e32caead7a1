//! Python: the metadata of installed distributions (packaging.python.org, "Core metadata specifications" and "Recording
//! installed projects"; eggs as setuptools writes them).
//!
//! Only the headers are read. Behind the first empty line is the description, which may well have a line `Name:`. Wheels that
//! lie about to be installed (`ensurepip/_bundled`) are not installed, nor is what caches hold; copies that other packages
//! brought along (`_vendor`) are.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::json::Licenses;
use super::{licensed, one};
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text};
use crate::path::{is_for_tests, split};

/// `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, a file `*.egg-info`, `EGG-INFO/PKG-INFO`. Zipped eggs are for [`egg`].
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    if is_for_tests_of_package(directory) || is_cached(directory) {
        return false;
    }
    match name {
        "METADATA" => directory.ends_with(".dist-info"),
        "PKG-INFO" => directory.ends_with(".egg-info") || split(directory).1 == "EGG-INFO",
        _ => name.ends_with(".egg-info"),
    }
}

/// Whether it is below the tests of an installed package or of Python itself: they have eggs to be tested with.
fn is_for_tests_of_package(path: &str) -> bool {
    let is_home = |part: &str| {
        let is_version = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        matches!(part, "site-packages" | "dist-packages")
            || part.strip_prefix("python").is_some_and(is_version)
    };
    let mut below = path.rsplit('/');
    // What lies in the innermost home is judged by the folders between the two.
    let has_tests = below.by_ref().take_while(|part| !is_home(part)).any(is_for_tests);
    has_tests && below.any(is_home)
}

/// Whether it lies in a cache from which it would be installed: uv's `archive-v0/ID/…`, where only whole environments are run
/// from, and Conda's `pkgs/NAME-VERSION-BUILD/…`.
fn is_cached(path: &str) -> bool {
    let mut parts = path.split('/');
    while let Some(part) = parts.next() {
        match part {
            "archive-v0" => return parts.nth(1).is_some_and(|inside| inside != "lib"),
            "pkgs" => {
                let mut package = parts.next().unwrap_or_default().rsplitn(3, '-').skip(1);
                let has_version =
                    package.next().is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()));
                if has_version && package.next().is_some() {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Reads the headers.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Headers::default())
}

#[derive(Default)]
struct Headers {
    name: String,
    version: String,
    /// `License-Expression`, which stands for all others.
    expression: Option<String>,
    licenses: Licenses,
    /// From `Classifier: License :: …`, for what says nothing else.
    classified: Licenses,
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
        } else if let Some(value) = field(line, "License-Expression").filter(|value| value.len() < 1000) {
            self.expression = Some(text(value));
        } else if let Some(value) = field(line, "License").filter(|value| *value != b"UNKNOWN") {
            self.licenses.add(&text(value));
        } else if let Some(value) = field(line, "Classifier")
            && let Some(name) = text(value).strip_prefix("License ::")
        {
            self.classified.add(name.rsplit("::").next().unwrap_or_default());
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if self.is_complete() {
            let package = Package::new(PackageType::Pypi, &self.name, &self.version);
            let licenses = match self.expression {
                Some(expression) => Licenses(vec![expression]),
                None if self.licenses.0.is_empty() => self.classified,
                None => self.licenses,
            };
            return Ok(one(licensed(package, licenses)));
        }
        if whole { Err(Unreadable::because("there is no name with a version in it")) } else { Ok(None) }
    }
}

/// Eggs in one file, which Python runs as they are.
pub(crate) mod egg {
    use super::{Headers, Limits, Lines, Reader, Unreadable, Want};
    use crate::zip::{self, Wanted};

    /// `**/*.egg`.
    pub(crate) fn matches(path: &str) -> bool {
        path.ends_with(".egg") && !super::is_for_tests_of_package(path)
    }

    /// Reads the archive as it streams by.
    pub(crate) fn reader(_: &str, limits: &Limits) -> Box<dyn Reader> {
        let select = |path: &str| match path {
            "EGG-INFO/PKG-INFO" => Wanted::Start(64 * 1024),
            _ => Wanted::Not,
        };
        zip::reader(limits, select, |unzipped, problems, whole| {
            let mut headers = Headers::default();
            for line in unzipped.files.iter().flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n')) {
                if headers.line(line.strip_suffix(b"\r").unwrap_or(line)) == Want::Nothing {
                    break;
                }
            }
            match headers.finish(whole) {
                Ok(content) => Unreadable::partly(content, problems),
                Err(unreadable) if problems.is_empty() => Err(unreadable),
                Err(_) => Unreadable::partly(None, problems),
            }
        })
    }
}

#[cfg(test)]
mod tests;
