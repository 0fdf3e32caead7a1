//! An image's inventory as a document that others read: CycloneDX, SPDX, and JSON of our own, which has all of it.
//!
//! There is nothing of chance in a document: the same image gives the same bytes, and two packages never share an identifier,
//! whatever their names are.

mod cyclonedx;
mod license;
mod native;
mod spdx;

use serde_json::{Map, Value, json};

use crate::{Digest, ImageInventory, InstalledPackage, Problem, ProblemKind, Timestamp};

/// What a document is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name of the image, or what was scanned.
    pub name: &'a str,
    /// The digest of its manifest, where it has one.
    pub digest: Option<&'a Digest>,
    /// `linux/amd64`, where that is known.
    pub platform: Option<&'a str>,
    /// Whether it is an image; otherwise a folder or a document.
    pub is_image: bool,
}

/// The forms of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CycloneDX 1.6 in JSON.
    CycloneDx,
    /// SPDX 2.3 in JSON.
    Spdx,
    /// Our own, described in `docs/sbom.md`.
    Native,
}

impl Format {
    /// The media type of a document in this form.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::CycloneDx => "application/vnd.cyclonedx+json",
            Self::Spdx => "application/spdx+json",
            Self::Native => "application/vnd.plimsoll.inventory+json",
        }
    }
}

/// Writes the document. `created` is when that happens, which SPDX wants to know and no other form says.
pub fn write(format: Format, subject: &Subject<'_>, inventory: &ImageInventory, created: Timestamp) -> Value {
    match format {
        Format::CycloneDx => cyclonedx::write(subject, inventory),
        Format::Spdx => spdx::write(subject, inventory, created),
        Format::Native => native::write(subject, inventory),
    }
}

/// A UUID of version 8 (RFC 9562, section 5.8) made of the image's digest, or of the content where there is none.
fn uuid(kind: &str, subject: &Subject<'_>, inventory: &ImageInventory) -> String {
    let seed = match subject.digest {
        Some(digest) => digest.to_string(),
        None => {
            let purls: Vec<_> =
                inventory.packages.iter().map(|p| (p.purl.as_str(), p.path.as_str())).collect();
            json!([subject.name, purls]).to_string()
        }
    };
    let mut hex: Vec<char> =
        Digest::sha256(format!("plimsoll {kind} {seed}").as_bytes()).hex().chars().take(32).collect();
    hex[12] = '8';
    hex[16] = ['8', '9', 'a', 'b'][hex[16].to_digit(16).unwrap_or(0) as usize % 4];
    let part = |range: std::ops::Range<usize>| hex[range].iter().collect::<String>();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

/// The version of the program that writes.
fn tool() -> String {
    format!("plimsoll-{}", env!("CARGO_PKG_VERSION"))
}

fn put(object: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        object.insert(name.to_owned(), json!(value));
    }
}

/// What is known of a package and has no place of its own in the other forms, by the names under which it is read back.
fn properties(installed: &InstalledPackage) -> Vec<(&'static str, String)> {
    let (package, details) = (&installed.package, &installed.details);
    let confidence = match details.confidence {
        crate::inventory::Confidence::High => None,
        crate::inventory::Confidence::Medium => Some("medium".to_owned()),
        crate::inventory::Confidence::Low => Some("low".to_owned()),
    };
    let all = [
        ("layer:digest", installed.layer.as_ref().map(ToString::to_string)),
        ("location:path", Some(installed.path.clone())),
        ("package:confidence", confidence),
        ("package:ecosystem", installed.ecosystem.as_ref().map(ToString::to_string)),
        ("package:evidence", details.evidence.clone()),
        ("package:origin", details.origin.clone()),
        ("package:ownedBy", details.owned_by.clone()),
        ("package:source", package.source.clone()),
        ("package:sourceVersion", package.source_version.clone()),
    ];
    let filled =
        |(name, value): (&'static str, Option<String>)| Some((name, value.filter(|v| !v.is_empty())?));
    all.into_iter().filter_map(filled).collect()
}

/// Problems that a document tells of.
const PROBLEMS: usize = 1000;

/// What could not be read of the image, so that who reads the document alone does not take silence for safety.
fn problems(inventory: &ImageInventory) -> impl Iterator<Item = (&'static str, String)> {
    let more = inventory.problems.len().saturating_sub(PROBLEMS);
    let more = (more > 0).then(|| {
        Problem::new(ProblemKind::Unreadable, format!("{more} more problems of the image are not listed"))
    });
    let listed = inventory.problems.iter().take(PROBLEMS).cloned();
    listed.chain(more).map(|problem| ("problem", json!(problem).to_string()))
}

#[cfg(test)]
mod tests;
