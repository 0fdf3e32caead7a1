//! Rust: the list of crates in programs that were built with `cargo auditable` (github.com/rust-secure-code/cargo-auditable,
//! "The audit data format").
//!
//! It is a section `.dep-v0` of JSON under zlib. Where a section is, the end of a program says, and what passes cannot be asked
//! again: so the reader looks for what such a section looks like in the parts that hold data, and takes the first that is one.
//! A program without it tells nothing of what it was built of; of what `cargo install` built, Cargo keeps at least a list.

use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::compressed::{self, Kind};
use super::json::{List, Text};
use super::{object, some};
use crate::catalogers::{Reader, Start, Unreadable};

/// The section: zlib of any level above the lowest, in read-only data, no larger than the format's own readers take.
const LIST: Kind = Kind {
    magic: &[b"\x78\xda", b"\x78\x9c", b"\x78\x5e"],
    header: 0,
    is_zlib: true,
    beginning: b"{\"packages\":[",
    most: 8 * 1024 * 1024,
    is_writable: false,
};

/// A reader for a program that may have such a list.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    compressed::reader(LIST, start, parse)
}

#[derive(Deserialize)]
struct Dependencies {
    #[serde(default)]
    packages: List<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    source: Text,
    /// `build` for what ran while it was built, and is not in it.
    #[serde(default)]
    kind: Text,
}

fn parse(list: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let dependencies: Dependencies = object(list)?;
    let crates = dependencies.packages.0.into_iter().filter(|one| {
        one.kind.as_str() != "build" && !one.name.as_str().is_empty() && !one.version.as_str().is_empty()
    });
    let packages = crates.map(|one| {
        let package = Package::new(PackageType::Cargo, one.name.as_str(), one.version.as_str());
        // Of the same name as on crates.io, and not from there: it may be the same thing, or somebody's own.
        let confidence = match one.source.as_str() {
            "crates.io" | "registry" | "" => Confidence::High,
            _ => Confidence::Medium,
        };
        let origin = one.source.0.filter(|source| source != "crates.io");
        Found { details: Details { confidence, origin, ..Details::default() }, ..package.into() }
    });
    Ok(some(packages.collect()))
}

/// What `cargo install` installed (doc.rust-lang.org/cargo, "cargo install").
pub(crate) mod installed {
    use serde::Deserialize;

    use super::{Confidence, Details, FileContent, Found, Package, PackageType, Unreadable, object, some};
    use crate::catalogers::{Reader, Whole};
    use crate::lang::json::{Size, Table};
    use crate::path::split;
    use plimsoll_types::probe::Limits;

    /// `**/.crates2.json`.
    pub(crate) fn matches(path: &str) -> bool {
        split(path).1 == ".crates2.json"
    }

    /// Reads the whole file.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    #[derive(Deserialize)]
    struct Journal {
        #[serde(default)]
        installs: Table<Size>,
    }

    /// Keys such as `ripgrep 13.0.0 (registry+https://github.com/rust-lang/crates.io-index)`.
    fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let journal: Journal = object(bytes)?;
        let packages = journal.installs.0.iter().filter_map(|(install, _)| {
            let mut words = install.splitn(3, ' ');
            let (name, version) = (words.next()?, words.next()?);
            let source = words.next().unwrap_or_default().trim_matches(['(', ')']);
            let (kind, address) = source.split_once('+').unwrap_or((source, ""));
            let is_public = address.contains("crates.io");
            let confidence = if is_public { Confidence::High } else { Confidence::Medium };
            let origin = (!is_public && !kind.is_empty()).then(|| kind.to_owned());
            let details = Details { confidence, origin, ..Details::default() };
            let package = Package::new(PackageType::Cargo, name, version);
            (!name.is_empty() && !version.is_empty()).then(|| Found { details, ..package.into() })
        });
        Ok(some(packages.collect()))
    }
}

#[cfg(test)]
mod tests;
