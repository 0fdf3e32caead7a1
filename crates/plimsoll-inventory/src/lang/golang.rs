//! Go: the build information in binaries (Go's `debug/buildinfo` and `runtime/debug.ParseBuildInfo`).
//!
//! The linker writes a block with a magic number into the writable data: since Go 1.18 with the two strings behind it, before
//! that with two pointers to them. A binary streams by once, so the reader looks for the block in the writable segments
//! alone, and keeps read-only data only of binaries that carry Go's build id, since an old block's pointers lead back
//! there. All other executables are skipped after their first page.

use memchr::memmem;
use plimsoll_types::inventory::FileContent;
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{ELF, Reader, Start, Unreadable, Want};

mod elf;

const MAGIC: &[u8] = b"\xff Go buildinf:";

/// The block's fixed part.
const HEADER: usize = 32;

/// The linker aligns the block to this.
const ALIGNMENT: u64 = 16;

/// The largest list of modules that is read: 20,000 of them.
const MODULES_BYTES: usize = 2 * 1024 * 1024;

/// A reader for a file that begins like an executable with writable data.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    if start.size < 4 * 1024 {
        return None;
    }
    let spans = match start.bytes {
        bytes if bytes.starts_with(ELF) => elf::spans(bytes),
        // Windows, and macOS on its two processors: the magic number may be anywhere.
        _ => vec![Span { start: 0, end: u64::MAX, address: 0, is_searched: true }],
    };
    if !spans.iter().any(|span| span.is_searched) {
        return None;
    }
    let room = start.limits.file_bytes;
    let (window, kept) = (vec![], vec![]);
    Some(Box::new(Binary { spans, offset: 0, window, window_start: 0, kept, room, block: Block::Unseen }))
}

/// A part of the file that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// From here, up to but not including `end`, in the file.
    start: u64,
    end: u64,
    /// Where `start` is in memory.
    address: u64,
    /// Whether the block can be in it. Otherwise it is only kept.
    is_searched: bool,
}

struct Binary {
    /// Parts of the file, in its order.
    spans: Vec<Span>,
    /// Bytes of the file that passed.
    offset: u64,
    /// The bytes that are searched: the end of what was, or the block up to here.
    window: Vec<u8>,
    window_start: u64,
    /// Data by its address, where old pointers may lead, and how much of it there may still be.
    kept: Vec<(u64, Vec<u8>)>,
    room: usize,
    block: Block,
}

/// What is known of the block.
enum Block {
    Unseen,
    /// Version and modules.
    Strings(Vec<u8>, Vec<u8>),
    /// Of before Go 1.18: where the headers of the two strings are.
    Pointers {
        version: u64,
        modules: u64,
        shape: Shape,
    },
}

/// How numbers are written in the binary.
#[derive(Clone, Copy)]
struct Shape {
    bytes: usize,
    is_big_endian: bool,
}

impl Reader for Binary {
    fn read(&mut self, piece: &[u8]) -> Want {
        let piece_start = self.offset;
        self.offset += piece.len() as u64;
        for number in 0..self.spans.len() {
            let span = self.spans[number];
            let Some(part) = part_of(piece, piece_start, span) else { continue };
            let part_start = piece_start.max(span.start);
            if span.address != 0 {
                self.keep(part, span.address.saturating_add(part_start - span.start));
            }
            if span.is_searched && matches!(self.block, Block::Unseen) {
                self.search(part, part_start);
            }
        }
        let is_behind = self.spans.iter().all(|span| span.end <= self.offset);
        if is_behind || matches!(self.block, Block::Strings(..)) { Want::Nothing } else { Want::More }
    }

    /// What is kept has its own limit, which makes old binaries unreadable and no others.
    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        let (version, modules) = match &self.block {
            Block::Unseen => return Ok(None),
            Block::Strings(version, modules) => (version.clone(), modules.clone()),
            Block::Pointers { .. } if !whole => return Ok(None),
            Block::Pointers { version, modules, shape } => {
                let version = self.string_at(*version, *shape).filter(|version| !version.is_empty());
                let version = version.ok_or_else(|| {
                    Unreadable::because("its build information, of before Go 1.18, was not found")
                })?;
                (version, self.string_at(*modules, *shape).unwrap_or_default())
            }
        };
        let packages =
            packages(&crate::catalogers::text(&version), &crate::catalogers::text(without_marks(&modules)));
        Ok((!packages.is_empty()).then_some(FileContent::packages(packages)))
    }
}

/// What of a piece of the file is in the span.
fn part_of(piece: &[u8], piece_start: u64, span: Span) -> Option<&[u8]> {
    let from = span.start.saturating_sub(piece_start);
    let to = span.end.saturating_sub(piece_start).min(piece.len() as u64);
    (from < to).then(|| &piece[usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0)])
}

impl Binary {
    /// Keeps data for old pointers. Where there is too much of it, none is kept.
    fn keep(&mut self, part: &[u8], address: u64) {
        match self.room.checked_sub(part.len()) {
            Some(room) => {
                self.room = room;
                self.kept.push((address, part.to_vec()));
            }
            None => (self.room, self.kept) = (0, vec![]),
        }
    }

    /// Looks for the block in the window, with the part behind it.
    fn search(&mut self, part: &[u8], start: u64) {
        if self.window_start + self.window.len() as u64 != start {
            self.window.clear();
            self.window_start = start;
        }
        self.window.extend_from_slice(part);
        let mut from = 0;
        while let Some(found) = memmem::find(&self.window[from..], MAGIC) {
            let at = from + found;
            from = at + 1;
            if !(self.window_start + at as u64).is_multiple_of(ALIGNMENT) {
                continue;
            }
            match Block::read(&self.window[at..]) {
                Ok(Some(block)) => {
                    self.block = block;
                    self.window = vec![];
                    return;
                }
                Ok(None) => {}
                Err(Incomplete) => return self.forget(at),
            }
        }
        self.forget(self.window.len().saturating_sub(MAGIC.len()));
    }

    fn forget(&mut self, length: usize) {
        self.window.drain(..length);
        self.window_start += length as u64;
    }

    /// The string whose header, a pointer and a length, is at an address.
    fn string_at(&self, header: u64, shape: Shape) -> Option<Vec<u8>> {
        let number = |address: u64| Some(shape.number(&self.bytes_at(address, shape.bytes)?));
        let length = usize::try_from(number(header.checked_add(shape.bytes as u64)?)?).ok()?;
        if length > MODULES_BYTES {
            return None;
        }
        self.bytes_at(number(header)?, length)
    }

    /// Bytes of what was kept, which may lie across pieces of it.
    fn bytes_at(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        for (start, piece) in &self.kept {
            let from = address.checked_add(found.len() as u64)?.checked_sub(*start);
            let rest = from.and_then(|from| piece.get(usize::try_from(from).ok()?..)).unwrap_or_default();
            found.extend_from_slice(&rest[..rest.len().min(length - found.len())]);
        }
        (found.len() == length).then_some(found)
    }
}

/// The block goes on behind what is at hand.
struct Incomplete;

impl Block {
    /// The block that begins here; `None` where it only looks like one.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Incomplete> {
        let header = bytes.get(..HEADER).ok_or(Incomplete)?;
        let (pointer_size, flags) = (header[14], header[15]);
        if flags & 2 == 0 {
            let shape = Shape { bytes: usize::from(pointer_size), is_big_endian: flags & 1 != 0 };
            if !matches!(shape.bytes, 4 | 8) {
                return Ok(None);
            }
            let pointer = |n: usize| shape.number(&header[16 + n * shape.bytes..16 + (n + 1) * shape.bytes]);
            return Ok(Some(Self::Pointers { version: pointer(0), modules: pointer(1), shape }));
        }
        let mut rest = &bytes[HEADER..];
        let Some(version) = string(&mut rest)? else { return Ok(None) };
        let Some(modules) = string(&mut rest)? else { return Ok(None) };
        Ok(Some(Self::Strings(version.to_vec(), modules.to_vec())))
    }
}

/// Takes a string behind its length; `None` where the length cannot be.
fn string<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Incomplete> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if length > MODULES_BYTES {
                return Ok(None);
            }
            let (string, rest) = bytes[at + 1..].split_at_checked(length).ok_or(Incomplete)?;
            *bytes = rest;
            return Ok(Some(string));
        }
    }
    if bytes.len() < 4 { Err(Incomplete) } else { Ok(None) }
}

impl Shape {
    fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }
}

/// The list of modules stands between two marks of 16 bytes.
fn without_marks(modules: &[u8]) -> &[u8] {
    match modules.len().checked_sub(17).and_then(|last| modules.get(last)) {
        Some(b'\n') if modules.len() >= 33 => &modules[16..modules.len() - 16],
        _ => &[],
    }
}

/// The standard library, the main module and what it was built with, replacements in place of what they replace.
fn packages(toolchain: &str, modules: &str) -> Vec<Package> {
    let mut packages = vec![package("stdlib", &release(toolchain))];
    let (mut main_package, mut has_main_module) = ("", false);
    for line in modules.lines() {
        let mut words = line.split('\t');
        let (kind, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let version = words.next().unwrap_or_default();
        match kind {
            "path" => main_package = path,
            "mod" => {
                has_main_module = true;
                packages.push(package(path, if version == "(devel)" { "" } else { version }));
            }
            "dep" => packages.push(package(path, version)),
            // The line tells what was built in place of the module of the line before. A folder has no version.
            "=>" if packages.len() > 1 => {
                packages.pop();
                packages.push(package(path, version));
            }
            _ => {}
        }
    }
    // Built without a module, from a vendored tree: all that is known is what it is.
    if !has_main_module && main_package.contains('/') {
        packages.push(package(main_package, ""));
    }
    packages.retain(|package| !package.name.is_empty());
    packages
}

fn package(path: &str, version: &str) -> Package {
    Package::new(PackageType::Golang, path, version)
}

/// `1.22.3` of `go1.22.3`, `go1.22.3 X:boringcrypto` or `go1.22.3 (Red Hat 1.22.3-1.el9)`; empty for what is no release
/// (`devel go1.23-0123abc`).
fn release(toolchain: &str) -> String {
    let Some(version) = toolchain.strip_prefix("go") else { return String::new() };
    let number = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (number, rest) = version.split_at(number);
    let pre = ["rc", "beta"].into_iter().find(|pre| rest.starts_with(pre)).map_or(0, |pre| {
        let digits = rest[pre.len()..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 { 0 } else { pre.len() + digits }
    });
    format!("{}{}", number.trim_end_matches('.'), &rest[..pre])
}

#[cfg(test)]
pub(crate) mod tests;
