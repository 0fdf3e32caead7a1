//! Entries of a tar archive, as they stream by (POSIX.1-2024 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
//! Format").
//!
//! Why not a library: a reader that never allocates for an entry nobody asks about, that hands out bodies without copying,
//! and that knows each limit. Where readers differ, this one does what Go's `archive/tar` does, because every container
//! engine unpacks with that: what we see should be what runs.

use std::io::Read;

use plimsoll_types::{Digest, Problem, ProblemKind};

use crate::unpack::Unpack;

const BLOCK: usize = 512;

/// What names and extended headers may take beside a path: Go refuses more than 1 MiB of them, too.
const METADATA: u64 = 1024 * 1024;

/// Headers that only describe the next one. An honest entry has three at most.
const METADATA_IN_A_ROW: u32 = 64;

/// Blocks of a sparse map, 21 pieces each.
const SPARSE_BLOCKS: u32 = 65_536;

/// A tar archive of which one entry is at hand.
pub(crate) struct Tar<R: Read> {
    bytes: Unpack<R>,
    path: Vec<u8>,
    target: Vec<u8>,
    /// Of the entry at hand: what of the body was not handed out, and the padding behind it.
    body: u64,
    padding: u64,
    metadata: u64,
    started: bool,
}

/// What a header says, but for the names: [`Tar::path`] and [`Tar::target`] have those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// Bytes of the body.
    pub(crate) size: u64,
    /// Whether somebody may execute it.
    pub(crate) executable: bool,
    /// Whether holes were left out of the body, which is then not the file.
    pub(crate) sparse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    HardLink,
    SymbolicLink,
    /// Devices, pipes and whatever else has no content of its own.
    Other,
}

/// What the headers before an entry said about it: GNU's, which win, and the extended one.
#[derive(Default)]
struct Extension {
    long_path: Option<Vec<u8>>,
    long_target: Option<Vec<u8>>,
    pax: Pax,
}

/// The records of an extended header that matter here.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse_name: Option<Vec<u8>>,
    sparse_major: Option<Vec<u8>>,
    sparse_minor: Option<Vec<u8>>,
    has_sparse_map: bool,
}

impl<R: Read> Tar<R> {
    /// An archive of which nothing was read. Names may be `path_bytes` long and then some, so that the caller can tell.
    pub(crate) fn new(bytes: Unpack<R>, path_bytes: usize) -> Self {
        let metadata = METADATA.saturating_add(path_bytes as u64);
        Self { bytes, path: vec![], target: vec![], body: 0, padding: 0, metadata, started: false }
    }

    /// The next entry; `None` at the end of the archive. What was not read of the entry before is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Problem> {
        self.skip(self.body.saturating_add(self.padding))?;
        (self.body, self.padding) = (0, 0);
        let mut extension = Extension::default();
        for _ in 0..METADATA_IN_A_ROW {
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.size.ok_or_else(|| damaged("an entry's size is not a number that can be"))?;
            match header.kind {
                b'L' => extension.long_path = Some(until_nul(&self.metadata(size)?).to_vec()),
                b'K' => extension.long_target = Some(until_nul(&self.metadata(size)?).to_vec()),
                // A second one replaces the first.
                b'x' => extension.pax = Pax::read(&self.metadata(size)?)?,
                // Global records: Go hands them to its caller as an entry, so that what came before them is lost, and
                // no container engine applies them.
                b'g' => {
                    self.metadata(size)?;
                    extension = Extension::default();
                }
                _ => return self.entry(&header, size, extension).map(Some),
            }
        }
        Err(damaged("an entry has too many extended headers"))
    }

    /// The path of the entry at hand, as it is written.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// What the link at hand points at.
    pub(crate) fn target(&self) -> &[u8] {
        &self.target
    }

    /// The first bytes of what is left of the body, in one piece. They are not consumed.
    pub(crate) fn peek(&mut self, wanted: usize) -> Result<&[u8], Problem> {
        let wanted = usize::try_from(self.body).unwrap_or(usize::MAX).min(wanted);
        self.bytes.peek(wanted)
    }

    /// The next piece of the body; empty behind its last byte.
    pub(crate) fn read(&mut self) -> Result<&[u8], Problem> {
        if self.body == 0 {
            return Ok(&[]);
        }
        let piece = self.bytes.take(self.body)?;
        if piece.is_empty() {
            return Err(damaged("the archive ends in the middle of an entry"));
        }
        self.body -= piece.len() as u64;
        Ok(piece)
    }

    /// Reads whatever is behind the end of the archive: it belongs to the layer's diff id.
    pub(crate) fn drain(&mut self) -> Result<(), Problem> {
        while !self.bytes.take(u64::MAX)?.is_empty() {}
        Ok(())
    }

    /// Unpacked bytes so far.
    pub(crate) fn unpacked_bytes(&self) -> u64 {
        self.bytes.total()
    }

    /// The digest of all bytes so far.
    pub(crate) fn digest(self) -> Digest {
        self.bytes.digest()
    }

    fn skip(&mut self, mut length: u64) -> Result<(), Problem> {
        while length > 0 {
            let skipped = self.bytes.take(length)?.len() as u64;
            if skipped == 0 {
                return Err(damaged("the archive ends in the middle of an entry"));
            }
            length -= skipped;
        }
        Ok(())
    }

    /// The next header block; `None` at the end of the archive, which is two blocks of zeros, or one and nothing behind it.
    fn header(&mut self) -> Result<Option<Header>, Problem> {
        let block = self.bytes.peek(BLOCK)?;
        let Ok(block) = <&[u8; BLOCK]>::try_from(block) else {
            return match (block.len(), self.started) {
                (0, false) => Ok(None),
                (0, true) => Err(damaged("the archive ends without its end mark")),
                (_, true) => Err(damaged("the archive ends in the middle of a header")),
                (_, false) => Err(not_an_archive(block)),
            };
        };
        let checksum = checksum(block);
        if checksum.unsigned == 0x20 * 8 && block.iter().all(|byte| *byte == 0) {
            // Some programs read on behind a lone one, and Go refuses the archive.
            let next = &self.bytes.peek(2 * BLOCK)?[BLOCK..];
            return match next.iter().all(|byte| *byte == 0) {
                true => Ok(None),
                false => Err(damaged("a lone block of zeros stands in the middle of the archive")),
            };
        }
        let said = octal(&block[148..156]);
        if said.is_none_or(|said| said != checksum.unsigned && said != checksum.signed) {
            return Err(match self.started {
                true => damaged("a header's checksum is wrong"),
                false => not_an_archive(block),
            });
        }
        let header = Header::read(block, &mut self.path, &mut self.target);
        self.bytes.take(BLOCK as u64)?;
        self.started = true;
        Ok(Some(header))
    }

    /// The body of a header that describes the next one.
    fn metadata(&mut self, size: u64) -> Result<Vec<u8>, Problem> {
        if size > self.metadata {
            let message = format!("an extended header is larger than {} bytes", self.metadata);
            return Err(Problem::new(ProblemKind::LimitExceeded, message));
        }
        (self.body, self.padding) = (size, padding(size));
        let mut bytes = Vec::new();
        while self.body > 0 {
            bytes.extend_from_slice(self.read()?);
        }
        self.skip(self.padding)?;
        self.padding = 0;
        Ok(bytes)
    }

    fn entry(&mut self, header: &Header, size: u64, extension: Extension) -> Result<Entry, Problem> {
        if header.kind == b'S' && header.sparse_map_goes_on {
            self.skip_sparse_map()?;
        }
        let Extension { long_path, long_target, mut pax } = extension;
        let is_sparse_pax = pax.is_sparse();
        let sparse_name = pax.sparse_name.take().filter(|_| is_sparse_pax);
        let not_empty = |text: &Vec<u8>| !text.is_empty();
        if let Some(path) = sparse_name.or(long_path.filter(not_empty)).or(pax.path) {
            self.path = path;
        }
        if let Some(target) = long_target.filter(not_empty).or(pax.target) {
            self.target = target;
        }
        let kind = match header.kind {
            // Archives from before ustar mark a directory by a slash.
            0 if self.path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::SymbolicLink,
            b'5' => Kind::Directory,
            _ => Kind::Other,
        };
        // These have no body, whatever their size says; a hard link often repeats the size of its target.
        let bodiless = kind == Kind::Directory || matches!(header.kind, b'1'..=b'6');
        let size = if bodiless { 0 } else { pax.size.unwrap_or(size) };
        (self.body, self.padding) = (size, padding(size));
        let sparse = header.kind == b'S' || is_sparse_pax;
        Ok(Entry { kind, size, executable: header.mode & 0o111 != 0, sparse })
    }

    /// The blocks of an old GNU sparse map that did not fit into the header.
    fn skip_sparse_map(&mut self) -> Result<(), Problem> {
        for _ in 0..SPARSE_BLOCKS {
            let goes_on = match self.bytes.peek(BLOCK)? {
                block if block.len() < BLOCK => {
                    return Err(damaged("the archive ends in the middle of an entry"));
                }
                block => block[504] != 0,
            };
            self.bytes.take(BLOCK as u64)?;
            if !goes_on {
                return Ok(());
            }
        }
        Err(damaged("the map of a sparse file has no end"))
    }
}

/// What one header block says; names go into the buffers of the reader.
struct Header {
    kind: u8,
    /// `None` where it is not a number, is negative or has more than 63 bits.
    size: Option<u64>,
    mode: u64,
    sparse_map_goes_on: bool,
}

impl Header {
    fn read(block: &[u8; BLOCK], path: &mut Vec<u8>, target: &mut Vec<u8>) -> Self {
        let is_posix = &block[257..263] == b"ustar\0";
        let is_star = is_posix && &block[508..512] == b"tar\0";
        let prefix = match (is_posix, is_star) {
            (true, true) => until_nul(&block[345..476]),
            (true, false) => until_nul(&block[345..500]),
            // GNU's own format keeps times and the sparse map there.
            _ => &[],
        };
        path.clear();
        if !prefix.is_empty() {
            path.extend_from_slice(prefix);
            path.push(b'/');
        }
        path.extend_from_slice(until_nul(&block[..100]));
        target.clear();
        target.extend_from_slice(until_nul(&block[157..257]));
        Self {
            kind: block[156],
            size: number(&block[124..136]),
            mode: number(&block[100..108]).unwrap_or(0),
            sparse_map_goes_on: block[482] != 0,
        }
    }
}

impl Pax {
    /// Records of the form `LENGTH KEY=VALUE\n`, where the length counts itself.
    fn read(mut records: &[u8]) -> Result<Self, Problem> {
        let bad = || damaged("an extended header is not a list of records");
        let mut pax = Self::default();
        while !records.is_empty() {
            let space = records.iter().take(20).position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length =
                std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let record = length.and_then(|length| records.get(space + 1..length)).ok_or_else(bad)?;
            records = &records[space + 1 + record.len()..];
            let Some((b'\n', record)) = record.split_last() else { return Err(bad()) };
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            pax.set(&record[..equals], &record[equals + 1..])?;
        }
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Problem> {
        match key {
            // A path with a NUL is one file to us and another to who unpacks it.
            b"path" | b"linkpath" | b"GNU.sparse.name" if value.contains(&0) => {
                return Err(damaged("a path holds a NUL"));
            }
            b"path" => self.path = Some(value.to_vec()).filter(|path| !path.is_empty()),
            b"linkpath" => self.target = Some(value.to_vec()).filter(|path| !path.is_empty()),
            b"size" if value.is_empty() => self.size = None,
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
                let size = size.and_then(|size| u64::try_from(size).ok());
                self.size = Some(size.ok_or_else(|| damaged("an entry's size is not a number that can be"))?);
            }
            b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()).filter(|name| !name.is_empty()),
            b"GNU.sparse.major" => self.sparse_major = Some(value.to_vec()),
            b"GNU.sparse.minor" => self.sparse_minor = Some(value.to_vec()),
            b"GNU.sparse.map" => self.has_sparse_map = !value.is_empty(),
            _ => {}
        }
        Ok(())
    }

    /// Whether the body has holes, in one of the three forms that exist. In any other the file is what the body is.
    fn is_sparse(&self) -> bool {
        match (self.sparse_major.as_deref(), self.sparse_minor.as_deref()) {
            (Some(b"0"), Some(b"0" | b"1")) | (Some(b"1"), Some(b"0")) => true,
            (None | Some(b""), None | Some(b"")) => self.has_sparse_map,
            _ => false,
        }
    }
}

/// Bytes behind a body up to the next block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
}

/// A number in octal, or in base 256 with the highest bit set (GNU), which must not be negative.
fn number(field: &[u8]) -> Option<u64> {
    let [first, rest @ ..] = field else { return None };
    if first & 0x80 == 0 {
        return octal(field);
    }
    if first & 0x40 != 0 {
        return None;
    }
    let mut value = u64::from(first & 0x3f);
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
    }
    (value <= i64::MAX as u64).then_some(value)
}

/// An octal number between spaces and NULs; nothing at all is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let digits = &digits[..digits.iter().position(is_blank).unwrap_or(digits.len())];
    digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Sums of a header's bytes with the checksum itself as spaces. Some old programs summed signed bytes.
struct Checksum {
    unsigned: u64,
    signed: u64,
}

fn checksum(block: &[u8; BLOCK]) -> Checksum {
    let spaces = 0x20 * 8;
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let high = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(byte >> 7)).sum::<u32>();
    let (before, behind) = (&block[..148], &block[156..]);
    let unsigned = u64::from(sum(before) + sum(behind)) + spaces;
    // A negative sum is no octal number, so that it can match nothing.
    let signed = unsigned.wrapping_sub(256 * u64::from(high(before) + high(behind)));
    Checksum { unsigned, signed }
}

fn damaged(message: &str) -> Problem {
    Problem::new(ProblemKind::Damaged, message)
}

/// Says what it is instead, as far as the first bytes tell.
fn not_an_archive(start: &[u8]) -> Problem {
    let known: [(&[u8], &str); 9] = [
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"\x1f\x8b", "gzip inside another compression"),
        (b"\x28\xb5\x2f\xfd", "zstd inside another compression"),
        (b"PK\x03\x04", "zip"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x7fELF", "an executable"),
        (b"hsqs", "squashfs"),
        (b"{", "JSON"),
    ];
    if let Some((_, name)) = known.iter().find(|(magic, _)| start.starts_with(magic)) {
        let message = format!("the layer is not a tar archive but {name}");
        return Problem::new(ProblemKind::Unsupported, message);
    }
    let start = &start[..start.len().min(16)];
    // Text as it is, but for what a terminal would obey; the rest by number.
    let shown: String = start.utf8_chunks().fold(String::new(), |shown, chunk| {
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        shown + &chunk.valid().escape_debug().to_string() + &invalid.collect::<String>()
    });
    Problem::new(
        ProblemKind::Unsupported,
        format!("the layer is not a tar archive: it starts with \"{shown}\""),
    )
}
