//! Chisel: the slices of Ubuntu's packages that an image was cut from, `var/lib/chisel/manifest.wall` (Chisel's
//! documentation, "Chisel manifest"): JSON by lines in zstd.
//!
//! The manifest does not tell the source of a package, so that its advisories are looked up by its own name.

use std::io::{BufRead, BufReader, Read};

use plimsoll_types::inventory::{FileContent, Found};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::owned::Owned;
use crate::catalogers::{LONGEST_LINE, Reader, Unreadable, Whole, weight};

/// The manifest in its place.
pub(crate) fn matches(path: &str) -> bool {
    path == "var/lib/chisel/manifest.wall"
}

/// Reads the whole file, which is small in zstd.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// Unpacked; a manifest of ten thousand files has two of these MiB.
const MOST: u64 = 256 << 20;

/// Window that its writer may have used: 8 MiB.
const WINDOW: u32 = 23;

/// What all packages together may take in memory.
const WEIGHT: usize = 32 << 20;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    arch: String,
    #[serde(default)]
    slice: String,
    #[serde(default)]
    path: String,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let bad = |error: &dyn std::fmt::Display| Unreadable::because(format!("it cannot be unpacked: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| bad(&error))?;
    decoder.window_log_max(WINDOW).map_err(|error| bad(&error))?;
    let mut lines = BufReader::new(decoder.take(MOST));
    let (mut packages, mut owned) = (Vec::<Found>::new(), Vec::<(String, Owned)>::new());
    let (mut held, mut total) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line);
        let length = length.map_err(|error| bad(&error))?;
        if length == 0 {
            break;
        }
        total += length as u64;
        let line: Line = serde_json::from_slice(&line)
            .map_err(|error| Unreadable::because(format!("a line of it is not understood: {error}")))?;
        match line.kind.as_str() {
            "package" if !line.name.is_empty() => {
                let mut package = Package::new(PackageType::Deb, &line.name, &line.version);
                package.architecture = Some(line.arch).filter(|arch| !arch.is_empty());
                packages.push(package.into());
                held += packages.last().map_or(0, weight);
            }
            // A file of a slice, which is named PACKAGE_SLICE. They are sorted by slices.
            "content" => {
                let package = line.slice.split('_').next().unwrap_or_default();
                if owned.last().is_none_or(|(last, _)| last != package) {
                    owned.push((package.to_owned(), Owned::default()));
                    held += 64;
                }
                if let Some((_, owned)) = owned.last_mut() {
                    let before = owned.held();
                    owned.add(line.path.as_bytes());
                    held += owned.held() - before;
                }
            }
            _ => {}
        }
        if held > WEIGHT || total >= MOST {
            return Err(Unreadable::because("it is larger than any manifest"));
        }
    }
    packages.sort_by(|a, b| a.package.name.cmp(&b.package.name));
    for (name, owned) in owned {
        if let Ok(at) = packages.binary_search_by(|found| found.package.name.as_str().cmp(&name)) {
            packages[at].owns.extend(owned.finish());
        }
    }
    Ok(Some(FileContent::Database(packages)))
}
