//! Package notes: which package a program was built for, in the program itself (systemd.io, "Package Metadata for ELF Files").

use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::elf::Header;
use super::json::Text;
use super::{object, one};
use crate::catalogers::{Reader, Start, Unreadable, Want};

const OWNER: &[u8] = b"FDO";
const PACKAGE: u64 = 0xcafe_1a7e;

/// A reader for a program with a note, which needs nothing more of it.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let header = Header::read(start.bytes)?;
    let notes = header.notes(start.bytes);
    let (_, _, note) = notes.into_iter().find(|(owner, kind, _)| *owner == OWNER && *kind == PACKAGE)?;
    Some(Box::new(Note(note.to_vec())))
}

struct Note(Vec<u8>);

impl Reader for Note {
    fn read(&mut self, _: &[u8]) -> Want {
        Want::Nothing
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        parse(&self.0)
    }
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "type", default)]
    kind: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    architecture: Text,
    #[serde(default)]
    os: Text,
    #[serde(rename = "osVersion", default)]
    os_version: Text,
}

fn parse(note: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let json = &note[..note.iter().position(|byte| *byte == 0).unwrap_or(note.len())];
    let metadata: Metadata = object(json)?;
    let (name, version) = (metadata.name.as_str(), metadata.version.as_str());
    if name.is_empty() {
        return Err(Unreadable::because("there is no name in its package note"));
    }
    let kind = match metadata.kind.as_str() {
        "deb" => PackageType::Deb,
        "rpm" => PackageType::Rpm,
        "apk" => PackageType::Apk,
        "alpm" | "pacman" => PackageType::Alpm,
        _ => PackageType::Generic,
    };
    let mut package = Package::new(kind, name, version);
    package.architecture = metadata.architecture.0.filter(|text| !text.is_empty());
    let origin = match (metadata.os.as_str(), metadata.os_version.as_str()) {
        ("", _) => None,
        (os, "") => Some(os.to_owned()),
        (os, version) => Some(format!("{os} {version}")),
    };
    let evidence = Some(Details::BY_NOTE.to_owned());
    let details = Details { origin, evidence, confidence: Confidence::Medium, ..Details::default() };
    Ok(one(Found { details, ..package.into() }))
}

#[cfg(test)]
mod tests;
