//! .NET libraries by the version resource that their compiler writes (Microsoft, "PE Format", "The .rsrc Section";
//! "VS_VERSIONINFO structure").
//!
//! The original name of the file is mostly that of the package, and the product's version that of the package with the revision
//! of its source behind it. Mostly: so it is a guess, and counts only where no `deps.json` lies beside the library. Programs
//! that are not .NET's are packages of no registry and stay out.

use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{Reader, Start, Unreadable, Want};
use crate::lang::one;
use crate::lang::pe::{Header, u16_at, u32_at};

/// What is looked at of the resources; those of a library are a few hundred bytes, and only icons make them large.
const MOST: usize = 1024 * 1024;

/// Entries of one directory of resources.
const ENTRIES: usize = 256;

/// The kind of resource that tells a version.
const VERSION: u32 = 16;

/// A reader for a .NET library with resources.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let resources = Resources::find(start.bytes)?;
    let skipped = resources.offset;
    Some(Box::new(Library { resources, skipped, bytes: vec![] }))
}

/// Where the resources of a library are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resources {
    /// In the file.
    offset: u64,
    /// Bytes in the file, as far as they are looked at.
    length: usize,
    /// In memory, as addresses in them are.
    address: u32,
}

impl Resources {
    /// Reads the headers; `None` where it is no .NET library, or one without resources.
    fn find(start: &[u8]) -> Option<Self> {
        let header = Header::read(start)?;
        let directories = match u16_at(start, header.optional)? {
            0x10b => header.optional + 96,
            0x20b => header.optional + 112,
            _ => return None,
        };
        // The number of directories stands before them.
        let count = u32_at(start, directories - 4)?;
        let directory = |number: usize| u32_at(start, directories + 8 * number);
        let (resources, runtime) = (directory(2)?, directory(14)?);
        if count < 15 || resources == 0 || runtime == 0 {
            return None;
        }
        header.sections().find_map(|section| {
            let inside = resources.checked_sub(section.address).filter(|inside| *inside < section.size)?;
            let length = usize::try_from(section.size - inside).ok()?.min(MOST);
            let offset = u64::from(section.offset) + u64::from(inside);
            Some(Self { offset, length, address: resources })
        })
    }
}

struct Library {
    resources: Resources,
    /// Bytes of the file that are to come before the resources.
    skipped: u64,
    bytes: Vec<u8>,
}

impl Reader for Library {
    fn read(&mut self, piece: &[u8]) -> Want {
        let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(piece.len());
        self.skipped -= skipped as u64;
        let wanted = self.resources.length - self.bytes.len();
        let piece = &piece[skipped..];
        self.bytes.extend_from_slice(&piece[..piece.len().min(wanted)]);
        if self.bytes.len() < self.resources.length { Want::More } else { Want::Nothing }
    }

    fn held(&self) -> usize {
        self.bytes.len()
    }

    /// What makes no sense as resources is no library that a package brought, and none is missed.
    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        Ok(version_resource(&self.bytes, self.resources.address).and_then(package).and_then(one))
    }
}

/// The texts of the version resource that matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    file: String,
    product_version: String,
    file_version: String,
}

/// The package that a library says to be of.
fn package(said: Said) -> Option<Found> {
    let name = [".dll", ".exe"].iter().find_map(|end| {
        let at = said.file.len().checked_sub(end.len()).filter(|at| said.file.is_char_boundary(*at))?;
        said.file[at..].eq_ignore_ascii_case(end).then(|| &said.file[..at])
    })?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // Texts of a language, and what sends programs of the global cache from one version to another, are of another package.
    let is_part = name.ends_with(".resources") || name.starts_with("policy.");
    if name.is_empty() || name.len() > 100 || !name.chars().all(is_name) || is_part {
        return None;
    }
    let told = [("ProductVersion", &said.product_version), ("FileVersion", &said.file_version)];
    let (by, text, version) = told.into_iter().find_map(|(by, text)| Some((by, text, version(text)?)))?;
    let evidence = Some(format!("{}{by} {text}", Details::BY_CONTENT));
    let details = Details { confidence: Confidence::Low, evidence, ..Details::default() };
    Some(Found { details, ..Package::new(PackageType::Nuget, name, version).into() })
}

/// The version that a text begins with, two to four numbers and what makes it a preview: `13.0.3` of `13.0.3+0a2e291`.
fn version(text: &str) -> Option<&str> {
    let end = text.find(|c: char| c == '+' || c == ',' || c.is_whitespace()).unwrap_or(text.len());
    let version = &text[..end];
    let (numbers, preview) = version.split_once('-').unwrap_or((version, "0"));
    let is_number =
        |part: &str| (1..10).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_known = numbers.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    let is_preview =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let count = numbers.split('.').count();
    let is_one = (2..=4).contains(&count)
        && numbers.split('.').all(is_number)
        && preview.split('.').all(is_preview)
        && version.len() <= 64;
    (is_one && is_known).then_some(version)
}

/// The version resource among these, the first in whatever language.
fn version_resource(resources: &[u8], address: u32) -> Option<Said> {
    // Three levels: kind, name, language. The highest bit says that another level follows.
    let kind = entries(resources, 0)?.find(|(id, _)| *id == VERSION)?.1;
    let (_, name) = entries(resources, below(kind)?)?.next()?;
    let (_, language) = entries(resources, below(name)?)?.next()?;
    let entry = usize::try_from(language).ok()?;
    let from = usize::try_from(u32_at(resources, entry)?.checked_sub(address)?).ok()?;
    let size = usize::try_from(u32_at(resources, entry.checked_add(4)?)?).ok()?;
    let root = Block::read(resources.get(from..from.checked_add(size)?)?)?.0;
    let mut said = Said::default();
    for texts in root.children().filter(|child| child.key == "StringFileInfo") {
        for text in texts.children().flat_map(|table| table.children()) {
            let field = match text.key.as_str() {
                "OriginalFilename" => &mut said.file,
                "ProductVersion" => &mut said.product_version,
                "FileVersion" => &mut said.file_version,
                _ => continue,
            };
            if field.is_empty() {
                *field = utf16(text.value).trim().to_owned();
            }
        }
    }
    Some(said)
}

fn below(offset: u32) -> Option<usize> {
    (offset & 1 << 31 != 0).then_some(usize::try_from(offset & !(1 << 31)).ok()?)
}

/// The entries of a directory of resources: what each is, and where.
fn entries(resources: &[u8], at: usize) -> Option<impl Iterator<Item = (u32, u32)> + '_> {
    let count =
        usize::from(u16_at(resources, at.checked_add(12)?)?) + usize::from(u16_at(resources, at + 14)?);
    let entry = move |number: usize| {
        let entry = at + 16 + 8 * number;
        Some((u32_at(resources, entry)?, u32_at(resources, entry + 4)?))
    };
    Some((0..count.min(ENTRIES)).map_while(entry))
}

/// A part of a version resource: a key with a value and more parts, each beginning at a multiple of four bytes.
struct Block<'a> {
    key: String,
    value: &'a [u8],
    rest: &'a [u8],
}

/// The longest key and the longest value that are taken, in units of two bytes.
const TEXT: usize = 256;

impl<'a> Block<'a> {
    /// The part at the beginning of these bytes, and what follows it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::from(u16_at(bytes, 0)?);
        let own = bytes.get(..length).filter(|own| own.len() >= 6)?;
        let is_text = u16_at(own, 4)? == 1;
        let value_length = usize::from(u16_at(own, 2)?) * if is_text { 2 } else { 1 };
        let units = own[6..].chunks_exact(2).take(TEXT).position(|unit| unit == [0, 0])?;
        let key = utf16(&own[6..6 + 2 * units]);
        let value_at = (6 + 2 * units + 2).next_multiple_of(4).min(own.len());
        // Some writers count the value of a text in bytes.
        let value_end = (value_at + value_length).min(own.len());
        let rest = own.get(value_end.next_multiple_of(4)..).unwrap_or_default();
        let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Self { key, value: &own[value_at..value_end], rest }, next))
    }

    fn children(&self) -> impl Iterator<Item = Block<'a>> + use<'a> {
        let mut rest = self.rest;
        std::iter::from_fn(move || {
            let (block, behind) = Block::read(rest)?;
            rest = behind;
            Some(block)
        })
    }
}

/// The text up to its first NUL.
fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).take(TEXT).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests;
