//! Go: the build information in binaries (Go's `debug/buildinfo` and `runtime/debug.ParseBuildInfo`).
//!
//! The linker writes a block with a magic number into the writable data: since Go 1.18 with the two strings behind it, before
//! that with two pointers to them. A binary streams by once, so the reader looks for the block in the writable segments
//! alone, and keeps read-only data only of binaries that carry Go's build id, since an old block's pointers lead back
//! there. All other executables are skipped after their first page.

use memchr::memmem;
use plimsoll_types::inventory::FileContent;
use plimsoll_types::{Package, PackageType};

mod sections;

use super::elf::{Header, SegmentKind, Shape};
use crate::catalogers::{ELF, Reader, Start, Unreadable, Want};

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
        bytes if bytes.starts_with(ELF) => spans(bytes),
        // Windows, and macOS on its two processors: the magic number may be anywhere.
        bytes => {
            let anywhere = Span { start: 0, end: u64::MAX, address: 0, is_searched: true };
            let is_go = memmem::find(bytes, GO_BUILD_ID).is_some();
            let data = if is_go { sections::data(bytes) } else { vec![] };
            [anywhere].into_iter().chain(data).collect()
        }
    };
    if !spans.iter().any(|span| span.is_searched) {
        return None;
    }
    let room = start.limits.file_bytes;
    let (window, kept) = (vec![], vec![]);
    Some(Box::new(Binary { spans, offset: 0, window, window_start: 0, kept, room, block: Block::Unseen }))
}

/// Owner and type of the note that holds a Go build id, as they stand in memory in both byte orders.
const GO_NOTES: [&[u8]; 2] = [b"\x04\0\0\0Go\0\0", b"\0\0\0\x04Go\0\0"];

/// Where there are no notes, what stands in front of the code.
const GO_BUILD_ID: &[u8] = b"\xff Go build ID: \"";

/// The writable segments, and of a Go binary also the read-only ones; empty where the headers make no sense.
fn spans(start: &[u8]) -> Vec<Span> {
    let Some(header) = Header::read(start) else { return vec![] };
    let is_go = GO_NOTES.iter().any(|note| memmem::find(start, note).is_some());
    let segments = header.segments.iter().filter(|segment| segment.kind == SegmentKind::Load);
    let segments = segments.filter(|segment| segment.is_writable || is_go && !segment.is_executable);
    let span = segments.map(|segment| Span {
        start: segment.start,
        end: segment.end,
        address: if is_go { segment.address } else { 0 },
        is_searched: segment.is_writable,
    });
    span.collect()
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
    let (mut main_package, mut main_module, mut flags) = ("", None, "");
    // Modules that a folder stands in for: parts of the same source tree, tagged together with it.
    let mut siblings = Vec::new();
    for line in modules.lines() {
        let mut words = line.split('\t');
        let (kind, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let version = words.next().unwrap_or_default();
        match kind {
            "path" => main_package = path,
            "mod" => {
                main_module = Some((packages.len(), path));
                packages.push(package(path, if version == "(devel)" { "" } else { version }));
            }
            "dep" => packages.push(package(path, version)),
            // The line tells what was built in place of the module of the line before.
            "=>" if packages.len() > 1 => {
                let replaced = packages.pop();
                match replaced {
                    // A folder has no version, and whose code is in it nobody knows: it is still that module.
                    Some(replaced) if is_folder(path) => {
                        siblings.push(replaced.clone());
                        packages.push(package(&replaced.name, ""));
                    }
                    _ => packages.push(package(path, version)),
                }
            }
            "build" => flags = path.strip_prefix("-ldflags=").unwrap_or(flags),
            _ => {}
        }
    }
    if let Some((at, path)) = main_module
        && packages.get(at).is_some_and(|main| main.version.is_empty())
    {
        packages[at].version =
            linked_version(flags, path).or_else(|| tagged(path, &siblings)).unwrap_or_default();
    }
    // Built without a module, from a vendored tree: all that is known is what it is.
    if main_module.is_none() && main_package.contains('/') {
        packages.push(package(main_package, &linked_version(flags, main_package).unwrap_or_default()));
    }
    packages.retain(|package| !package.name.is_empty());
    packages
}

fn is_folder(path: &str) -> bool {
    path.starts_with(['.', '/', '\\']) || path.get(1..2) == Some(":")
}

/// What the linker was told to write into a variable that is called like a version: `-X main.version=1.2.3`. Where several
/// of them disagree, none of them counts.
fn linked_version(flags: &str, module: &str) -> Option<String> {
    const NAMES: [&str; 8] = [
        "version",
        "gitversion",
        "appversion",
        "buildversion",
        "releaseversion",
        "semver",
        "gitdescribe",
        "gittag",
    ];
    let flags = unquoted(flags);
    let mut found: [Option<String>; 2] = [None, None];
    let mut ambiguous = [false; 2];
    let mut words = words(&flags).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-X=").or_else(|| word.strip_prefix("--X=")) {
            Some(setting) => setting.to_owned(),
            None if word == "-X" || word == "--X" => words.next()?,
            None => continue,
        };
        let Some((variable, value)) = setting.split_once('=') else { continue };
        let Some((package, name)) = variable.rsplit_once('.') else { continue };
        let Some(version) =
            semantic(value).filter(|_| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)))
        else {
            continue;
        };
        // Its own variables come before those of a library that keeps versions.
        let is_own = package == "main"
            || package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_version = package.rsplit('/').next() == Some("version");
        let rank = match (is_own, is_version) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => continue,
        };
        ambiguous[rank] |= found[rank].as_ref().is_some_and(|other| *other != version);
        found[rank] = Some(version);
    }
    let [own, other] = found;
    match (own, other) {
        (Some(version), _) if !ambiguous[0] => Some(version),
        (None, Some(version)) if !ambiguous[1] => Some(version),
        _ => None,
    }
}

/// `v1.2.3` of `1.2.3`, `v1.2.3-rc1` or `v1.2.3+build`; nothing of what is no version.
fn semantic(value: &str) -> Option<String> {
    let value = value.trim().strip_prefix('v').unwrap_or(value.trim());
    let numbers = value.split(['-', '+']).next()?;
    let mut parts = numbers.split('.');
    let is_number =
        |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|byte| byte.is_ascii_digit());
    let are_numbers = parts.clone().count() == 3 && parts.all(is_number);
    let fits =
        value.len() < 60 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte));
    (are_numbers && fits).then(|| format!("v{value}"))
}

/// The text of Go's quotes, where there are any.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.trim_matches('`').to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

/// Words as the linker's caller splits them: at spaces that are not in quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut has_word) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (quote, c) {
            (None, '\'' | '"') => (quote, has_word) = (Some(c), true),
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => {
                if std::mem::take(&mut has_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, c) => {
                word.push(c);
                has_word = true;
            }
        }
    }
    if has_word {
        words.push(word);
    }
    words
}

/// The version under which the whole source tree was tagged, from a module of it that was built out of its folder.
fn tagged(module: &str, siblings: &[Package]) -> Option<String> {
    let root = |path: &str| {
        let parts =
            if ["github.com/", "gitlab.com/", "bitbucket.org/"].iter().any(|host| path.starts_with(host)) {
                3
            } else {
                2
            };
        path.splitn(parts + 1, '/').take(parts).collect::<Vec<_>>().join("/")
    };
    let own = root(module);
    let is_version = |package: &&Package| {
        root(&package.name) == own
            && semantic(&package.version).is_some()
            && !package.version.starts_with("v0.0.0")
    };
    siblings.iter().find(is_version).map(|package| package.version.clone())
}

fn package(path: &str, version: &str) -> Package {
    Package::new(PackageType::Golang, path, version)
}

/// `1.22.3` of `go1.22.3`, `go1.22.3 X:boringcrypto` or `go1.22.3 (Red Hat 1.22.3-1.el9)`; empty for what is no release
/// (`devel go1.23-0123abc`, `go1.26-devel_0123abc`).
fn release(toolchain: &str) -> String {
    let Some(version) = toolchain.strip_prefix("go") else { return String::new() };
    let number = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (number, rest) = version.split_at(number);
    if rest.starts_with("-devel") {
        return String::new();
    }
    let pre = ["rc", "beta"].into_iter().find(|pre| rest.starts_with(pre)).map_or(0, |pre| {
        let digits = rest[pre.len()..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 { 0 } else { pre.len() + digits }
    });
    format!("{}{}", number.trim_end_matches('.'), &rest[..pre])
}

#[cfg(test)]
pub(crate) mod tests;
