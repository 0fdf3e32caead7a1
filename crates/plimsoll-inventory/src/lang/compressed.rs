//! A compressed document somewhere in a program, found while the program streams by.
//!
//! Where it is, a table at the program's end says, and what has passed cannot be asked again. So each place where the document
//! may begin is tried: a few bytes unpacked tell whether it is the one.

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;
use plimsoll_types::inventory::FileContent;

use super::elf::Header;
use crate::catalogers::{ELF, Reader, Start, Unreadable, Want};

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// What the compressed bytes begin with, one of these.
    pub(super) magic: &'static [&'static [u8]],
    /// Bytes of a header that the decompressor does not know.
    pub(super) header: usize,
    /// Whether it is zlib; otherwise deflate alone.
    pub(super) is_zlib: bool,
    /// What the document begins with.
    pub(super) beginning: &'static [u8],
    /// How large the document may be.
    pub(super) most: usize,
    /// Whether segments that are written to hold it. Code never does.
    pub(super) is_writable: bool,
}

/// The compressed bytes that are enough to unpack the beginning of the document.
const ENOUGH: usize = 512;

/// A reader for a program that may hold such a document; `None` where it is none that can be searched.
pub(super) fn reader(kind: Kind, start: &Start<'_>, parse: ParseDocument) -> Option<Box<dyn Reader>> {
    Some(Box::new(Document { search: Search::of(kind, start)?, parse }))
}

/// What a document says.
type ParseDocument = fn(&[u8]) -> Result<Option<FileContent>, Unreadable>;

struct Document {
    search: Search,
    parse: ParseDocument,
}

impl Reader for Document {
    fn read(&mut self, piece: &[u8]) -> Want {
        if self.search.push(piece) { Want::More } else { Want::Nothing }
    }

    /// The window is as large as a piece, and the document has its own limit.
    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let document = self.search.finish().map_err(Unreadable::because)?;
        document.map_or(Ok(None), |document| (self.parse)(&document))
    }
}

/// The search.
struct Search {
    kind: Kind,
    /// Parts of the file that are not searched.
    skipped: Vec<(u64, u64)>,
    offset: u64,
    /// What is searched, with the end of what was searched before.
    window: Vec<u8>,
    /// Places that were tried. Each costs about as much as a thousand bytes that only pass.
    tries: u64,
    found: Found,
}

enum Found {
    Nothing,
    Stream(Decompress, Vec<u8>),
    Document(Vec<u8>),
    Failed(&'static str),
}

impl Search {
    /// A search through a program; `None` where it is none that can be searched.
    fn of(kind: Kind, start: &Start<'_>) -> Option<Self> {
        let skipped = match Header::read(start.bytes) {
            Some(header) => {
                let segments = header.segments.iter();
                let segments = segments.filter(|s| s.is_executable || s.is_writable && !kind.is_writable);
                segments.map(|segment| (segment.start, segment.end)).collect()
            }
            None if start.bytes.starts_with(ELF) => return None,
            None => vec![],
        };
        Some(Self { kind, skipped, offset: 0, window: vec![], tries: 0, found: Found::Nothing })
    }

    /// Takes the next piece; true as long as more is wanted.
    fn push(&mut self, mut piece: &[u8]) -> bool {
        while !piece.is_empty() {
            let (length, is_skipped) = self.stretch(piece.len());
            let (part, rest) = piece.split_at(length);
            piece = rest;
            self.offset += length as u64;
            match self.found {
                Found::Document(_) | Found::Failed(_) => return false,
                Found::Stream(..) => self.inflate(part),
                Found::Nothing if is_skipped => {
                    self.search(true);
                    self.window.clear();
                }
                Found::Nothing => {
                    self.window.extend_from_slice(part);
                    self.search(false);
                }
            }
        }
        matches!(self.found, Found::Nothing | Found::Stream(..))
    }

    /// How many of the next bytes are all skipped or all searched, and which.
    fn stretch(&self, most: usize) -> (usize, bool) {
        let here = self.offset;
        let until = |at: u64| usize::try_from(at - here).unwrap_or(usize::MAX).min(most);
        let inside = self.skipped.iter().filter(|(from, to)| *from <= here && here < *to);
        if let Some(end) = inside.map(|(_, to)| *to).max() {
            return (until(end), true);
        }
        let next = self.skipped.iter().map(|(from, _)| *from).filter(|from| here < *from).min();
        (next.map_or(most, until), false)
    }

    /// The document, where there is one; or why it cannot be had.
    fn finish(mut self) -> Result<Option<Vec<u8>>, &'static str> {
        if matches!(self.found, Found::Nothing) {
            self.search(true);
        }
        match self.found {
            Found::Nothing => Ok(None),
            Found::Document(document) => Ok(Some(document)),
            Found::Failed(reason) => Err(reason),
            Found::Stream(..) => Err("what it says of its own content ends too early"),
        }
    }

    /// Tries each place of the window. What is too close to its end to tell waits for more.
    fn search(&mut self, is_last: bool) {
        let mut places: Vec<usize> =
            self.kind.magic.iter().flat_map(|magic| memmem::find_iter(&self.window, magic)).collect();
        places.sort_unstable();
        // Of the last bytes, the magic may be half there.
        let mut keep_from = self.window.len().saturating_sub(8);
        for at in places {
            if !is_last && self.window.len() - at < ENOUGH {
                keep_from = keep_from.min(at);
                break;
            }
            if !self.may_begin(at) {
                continue;
            }
            self.tries += 1;
            // By chance there is one in twenty thousand bytes.
            if self.tries > 64 + self.offset / 1024 {
                self.window = vec![];
                return self.found =
                    Found::Failed("more places where its content may be told than can be tried");
            }
            if self.begins(&self.window[at..]) {
                let rest = self.window.split_off(at + self.kind.header);
                self.window = vec![];
                self.found = Found::Stream(Decompress::new(self.kind.is_zlib), vec![]);
                return self.inflate(&rest);
            }
        }
        self.window.drain(..keep_from);
    }

    /// Text is not stored as it is: the first block is compressed in one of the two ways that there are.
    fn may_begin(&self, at: usize) -> bool {
        let first = self.window.get(at + self.kind.header.max(if self.kind.is_zlib { 2 } else { 0 }));
        first.is_some_and(|byte| matches!(byte & 0b110, 0b010 | 0b100))
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        let mut unpacked = [0; 64];
        let wanted = self.kind.beginning;
        let unpacked = &mut unpacked[..wanted.len().min(64)];
        let bytes = bytes.get(self.kind.header..).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(4 * ENOUGH)];
        let mut inflate = Decompress::new(self.kind.is_zlib);
        let _ = inflate.decompress(bytes, unpacked, FlushDecompress::None);
        unpacked == wanted
    }

    fn inflate(&mut self, mut piece: &[u8]) {
        let Found::Stream(inflate, document) = &mut self.found else { return };
        loop {
            if document.len() > self.kind.most {
                return self.found =
                    Found::Failed("what it says of its own content is larger than any such text");
            }
            document.reserve(64 * 1024);
            let before = inflate.total_in();
            let Ok(status) = inflate.decompress_vec(piece, document, FlushDecompress::None) else {
                return self.found = Found::Failed("what it says of its own content is damaged");
            };
            let consumed = usize::try_from(inflate.total_in() - before).unwrap_or(0);
            piece = &piece[consumed..];
            if status == Status::StreamEnd {
                return self.found = Found::Document(std::mem::take(document));
            }
            if piece.is_empty() && document.len() < document.capacity() {
                return;
            }
        }
    }
}
