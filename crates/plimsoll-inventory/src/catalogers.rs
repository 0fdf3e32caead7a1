//! The catalogers: which files of a layer say something, and who reads them.
//!
//! A cataloger is a module with `matches`, which looks at a path in its one spelling, and `reader`, which makes a [`Reader`]
//! for one such file. Readers are fed the file in pieces, as it streams by, and hold no more of it than they must.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;

use crate::{distro, lang, os};

/// A reader of one package source.
pub(crate) struct Cataloger {
    /// What it reads, for a person.
    pub(crate) name: &'static str,
    /// Whether a file at this path is for it.
    pub(crate) matches: fn(&str) -> bool,
    /// Takes a file, named by its path, in hand.
    pub(crate) reader: fn(&str, &Limits) -> Box<dyn Reader>,
}

/// All that find their files by path. Go binaries are found by their first bytes instead: [`lang::golang::sniff`].
pub(crate) static CATALOGERS: [Cataloger; 5] = [
    Cataloger { name: "distribution", matches: distro::matches, reader: distro::reader },
    Cataloger { name: "dpkg", matches: os::dpkg::matches, reader: os::dpkg::reader },
    Cataloger { name: "apk", matches: os::apk::matches, reader: os::apk::reader },
    Cataloger { name: "Python", matches: lang::python::matches, reader: lang::python::reader },
    Cataloger { name: "npm", matches: lang::npm::matches, reader: lang::npm::reader },
];

/// The cataloger for a path.
pub(crate) fn for_path(path: &str) -> Option<&'static Cataloger> {
    CATALOGERS.iter().find(|cataloger| (cataloger.matches)(path))
}

/// One file on its way through.
pub(crate) trait Reader {
    /// Takes the next piece and says whether it wants another.
    fn read(&mut self, piece: &[u8]) -> Want;

    /// Bytes that it holds in memory, which have a limit.
    fn held(&self) -> usize;

    /// What the file says. `whole` is false where it was cut short: then only what is certain counts.
    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable>;
}

/// Whether a reader needs what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    More,
    Nothing,
}

/// Why a file that should name packages could not be understood: one sentence, without a full stop.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl Unreadable {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Takes a whole file and says what it says.
pub(crate) type Parse = fn(&str, &[u8]) -> Result<Option<FileContent>, Unreadable>;

/// Reads small files: holds all of one, then parses it.
pub(crate) struct Whole {
    path: String,
    bytes: Vec<u8>,
    parse: Parse,
}

impl Whole {
    pub(crate) fn boxed(path: &str, parse: Parse) -> Box<dyn Reader> {
        Box::new(Self { path: path.to_owned(), bytes: Vec::new(), parse })
    }
}

impl Reader for Whole {
    fn read(&mut self, piece: &[u8]) -> Want {
        self.bytes.extend_from_slice(piece);
        Want::More
    }

    fn held(&self) -> usize {
        self.bytes.len()
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if !whole {
            return Ok(None);
        }
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        (self.parse)(&self.path, bytes)
    }
}

/// Reads files line by line, however large they are.
pub(crate) struct ByLine<T> {
    /// The beginning of a line whose end is in the next piece.
    partial: Vec<u8>,
    lines: T,
}

/// What makes something of lines.
pub(crate) trait Lines {
    /// Takes the next line, without its end. What of it goes beyond [`LONGEST_LINE`] is lost.
    fn line(&mut self, line: &[u8]) -> Want;

    /// As [`Reader::held`].
    fn held(&self) -> usize;

    /// As [`Reader::finish`].
    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable>;
}

/// No field that names a package is longer; descriptions and file lists are, and may be cut.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

impl<T: Lines + 'static> ByLine<T> {
    pub(crate) fn boxed(lines: T) -> Box<dyn Reader> {
        Box::new(Self { partial: Vec::new(), lines })
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl<T: Lines + 'static> Reader for ByLine<T> {
    fn read(&mut self, mut piece: &[u8]) -> Want {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let line = &piece[..end];
            let want = if self.partial.is_empty() {
                self.lines.line(without_return(&line[..end.min(LONGEST_LINE)]))
            } else {
                self.keep(line);
                let want = self.lines.line(without_return(&self.partial));
                self.partial.clear();
                want
            };
            if want == Want::Nothing {
                return Want::Nothing;
            }
            piece = &piece[end + 1..];
        }
        self.keep(piece);
        Want::More
    }

    fn held(&self) -> usize {
        self.partial.len() + self.lines.held()
    }

    fn finish(mut self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        // The last line may lack its end; of a file that was cut short it may be half a line.
        if whole && !self.partial.is_empty() {
            self.lines.line(without_return(&self.partial));
        }
        self.lines.finish(whole)
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `Key: value` with a key in any case, as dpkg and e-mail headers have it; the value without space around it.
pub(crate) fn field<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let (name, rest) = line.split_at_checked(key.len())?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    name.eq_ignore_ascii_case(key.as_bytes()).then(|| value.trim_ascii())
}

/// The text of a value; what is not UTF-8 is replaced.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
