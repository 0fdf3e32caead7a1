//! Compressed bytes to unpacked bytes, counted, limited and hashed while they pass.
//!
//! The format is what the first bytes say, not what the media type says: layers labelled gzip that are plain tar exist
//! (scanning facts 2.1). Bytes are handed out as slices of one buffer that is used again and again.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use plimsoll_types::probe::Limits;
use plimsoll_types::{Algorithm, Digest, Hasher, Problem, ProblemKind};

use crate::gzip::{Gunzip, SLACK, WINDOW};

/// Large enough that the cost of a call is nothing, small enough to stay in the second-level cache between inflating,
/// hashing and walking.
const BUFFER: usize = 256 * 1024;

/// Compressed bytes are read in pieces of this size.
const INPUT_BUFFER: usize = 128 * 1024;

/// The ratio says nothing about the first bytes: a small layer of zeros is small.
const RATIO_COUNTS_AFTER: u64 = 1024 * 1024;

/// A stream of unpacked bytes.
pub(crate) struct Unpack<R: Read> {
    source: Source<R>,
    /// Room for what gzip refers to, for what is asked for at once, and for what gzip writes behind that.
    buffer: Box<[u8]>,
    /// What of the buffer was read and not yet consumed.
    start: usize,
    end: usize,
    total: u64,
    hasher: Option<Hasher>,
    most: u64,
    ratio: u64,
}

impl<R: Read> Unpack<R> {
    /// A stream that counts and keeps the limits, without hashing.
    pub(crate) fn new(input: R, limits: &Limits) -> Self {
        Self {
            source: Source::Fresh(Some(input), limits.compressed_bytes),
            buffer: vec![0; WINDOW + BUFFER + SLACK].into_boxed_slice(),
            start: 0,
            end: 0,
            total: 0,
            hasher: None,
            most: limits.unpacked_bytes,
            ratio: limits.ratio,
        }
    }

    /// The same stream with its diff id.
    pub(crate) fn hashing(self) -> Self {
        Self { hasher: Some(Hasher::new(Algorithm::Sha256)), ..self }
    }

    /// What is at hand, at least one byte unless the stream is at its end. Nothing is consumed.
    pub(crate) fn fill(&mut self) -> Result<&[u8], Problem> {
        if self.start == self.end {
            self.make_room();
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The next `wanted` bytes in one piece, or fewer where the stream ends before. Nothing is consumed.
    pub(crate) fn peek(&mut self, wanted: usize) -> Result<&[u8], Problem> {
        let wanted = wanted.min(BUFFER);
        if self.end - self.start < wanted {
            self.make_room();
            while self.end - self.start < wanted && self.read_more()? > 0 {}
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + wanted)])
    }

    /// Takes at most `most` of the bytes at hand. Empty at the end of the stream.
    pub(crate) fn take(&mut self, most: u64) -> Result<&[u8], Problem> {
        let at_hand = self.fill()?.len();
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(at_hand);
        self.start += length;
        Ok(&self.buffer[self.start - length..self.start])
    }

    /// How many bytes came out so far.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The digest of all bytes that came out.
    pub(crate) fn digest(self) -> Digest {
        self.hasher.unwrap_or_else(|| Hasher::new(Algorithm::Sha256)).finish()
    }

    /// Moves what is at hand to the front, behind the window.
    fn make_room(&mut self) {
        let from = self.start.min(self.end.saturating_sub(self.source.window()));
        self.buffer.copy_within(from..self.end, 0);
        self.start -= from;
        self.end -= from;
    }

    /// Reads behind what is at hand; the bytes are counted and hashed here and nowhere else.
    fn read_more(&mut self) -> Result<usize, Problem> {
        let room = (WINDOW + BUFFER).saturating_sub(self.end);
        // One byte past the limit is enough to know that it was passed.
        let allowed = usize::try_from((self.most - self.total).saturating_add(1)).unwrap_or(usize::MAX);
        let until = self.end + room.min(allowed);
        let length = self.source.read(&mut self.buffer, self.end, until)?;
        if self.total + length as u64 > self.most {
            return Err(limit(format!("the layer unpacks to more than {} bytes", self.most)));
        }
        self.total += length as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer[self.end..self.end + length]);
        }
        self.end += length;
        if self.total > RATIO_COUNTS_AFTER
            && self.source.compressed().is_some_and(|c| self.total > c.max(1).saturating_mul(self.ratio))
        {
            return Err(limit(format!("the layer unpacks to more than {} times its size", self.ratio)));
        }
        Ok(length)
    }
}

fn limit(message: String) -> Problem {
    Problem::new(ProblemKind::LimitExceeded, message)
}

type Input<R> = BufReader<Counted<Chain<Cursor<Vec<u8>>, R>>>;

enum Source<R: Read> {
    /// Not looked at yet, with what it may have in all.
    Fresh(Option<R>, u64),
    Plain(Input<R>),
    Gzip(Gunzip<Input<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Input<R>>),
}

impl<R: Read> Source<R> {
    /// Reads to `at` and behind, where enough is there at `until`. gzip may write some more, [`SLACK`] at most.
    fn read(&mut self, buffer: &mut [u8], at: usize, until: usize) -> Result<usize, Problem> {
        if let Self::Fresh(input, most) = self
            && let Some(input) = input.take()
        {
            *self = Self::sniff(input, *most)?;
        }
        loop {
            let (read, format) = match self {
                Self::Fresh(..) => return Ok(0),
                Self::Plain(input) => (input.read(&mut buffer[at..until]), "layer"),
                Self::Gzip(decoder) => (decoder.read(buffer, at, until), "gzip stream"),
                Self::Zstd(decoder) => (decoder.read(&mut buffer[at..until]), "zstd stream"),
            };
            match read {
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(damaged(format, &error)),
            }
        }
    }

    /// Looks at the magic bytes (RFC 1952, 2.3.1; RFC 8878, 3.1).
    fn sniff(mut input: R, most: u64) -> Result<Self, Problem> {
        let mut start = Vec::with_capacity(4);
        input.by_ref().take(4).read_to_end(&mut start).map_err(|error| damaged("layer", &error))?;
        let format = start.clone();
        let counted = Counted { inner: Cursor::new(start).chain(input), count: 0, most };
        let mut input = BufReader::with_capacity(INPUT_BUFFER, counted);
        Ok(match format[..] {
            [0x1f, 0x8b, ..] => Self::Gzip(Gunzip::new(input)),
            // A frame, or a skippable frame as estargz and pzstd put in front.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let decoder = zstd::stream::read::Decoder::with_buffer(input);
                Self::Zstd(decoder.map_err(|error| damaged("zstd stream", &error))?)
            }
            _ => {
                // What is not compressed has the limit of what comes out.
                input.get_mut().most = u64::MAX;
                Self::Plain(input)
            }
        })
    }

    /// How much of what came out must stay in front of what comes next.
    fn window(&self) -> usize {
        if matches!(self, Self::Gzip(_)) { WINDOW } else { 0 }
    }

    /// Compressed bytes that went into what came out so far; `None` where nothing is compressed.
    fn compressed(&self) -> Option<u64> {
        let input = match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
            Self::Fresh(..) | Self::Plain(_) => return None,
        };
        Some(input.get_ref().count.saturating_sub(input.buffer().len() as u64))
    }
}

fn damaged(what: &str, error: &io::Error) -> Problem {
    let message = match error.kind() {
        io::ErrorKind::QuotaExceeded => return limit(format!("the layer has {error}")),
        io::ErrorKind::UnexpectedEof => format!("the {what} ends too early"),
        _ => format!("the {what} cannot be read: {error}"),
    };
    Problem::new(ProblemKind::Damaged, message)
}

/// Counts what is read. The limit stands here and not where bytes come out: a stream can be endless and unpack to nothing.
struct Counted<R> {
    inner: R,
    count: u64,
    most: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        if self.count > self.most {
            let message = format!("more than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        Ok(length)
    }
}

/// Reads at most `most` bytes of `input` into memory; one byte more is a problem.
pub(crate) fn read_whole(input: impl Read, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut input = BufReader::with_capacity(INPUT_BUFFER, input);
    loop {
        let piece = match input.fill_buf() {
            Ok([]) => return Ok(bytes),
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged("document", &error)),
        };
        if bytes.len() + piece.len() > most {
            return Err(limit(format!("the document is larger than {most} bytes")));
        }
        bytes.extend_from_slice(piece);
        let length = piece.len();
        input.consume(length);
    }
}
