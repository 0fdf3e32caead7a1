//! The catalogers: which files of a layer say something, and who reads them.
//!
//! Most find their files by path ([`CATALOGERS`]): a module with `matches`, which looks at a path in its one spelling, and
//! `reader`, which makes a [`Reader`] for one such file. A path has one cataloger, the first that wants it. Programs and
//! archives are found by their first bytes ([`SNIFFERS`]), under any name that no cataloger wants; of these, as many may read
//! the same file as see something in it, and what they say is added up.
//!
//! Readers are fed the file in pieces, as it streams by, and hold no more of it than they must.

use std::collections::HashSet;
use std::rc::Rc;

use plimsoll_types::inventory::{Confidence, FileContent, Found};
use plimsoll_types::probe::Limits;
use plimsoll_types::{PackageType, ProblemKind};

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

/// All that find their files by path, but for those of languages, which are [`lang::CATALOGERS`].
pub(crate) static CATALOGERS: &[Cataloger] = &[
    Cataloger { name: "distribution", matches: distro::matches, reader: distro::reader },
    Cataloger { name: "dpkg", matches: os::dpkg::matches, reader: os::dpkg::reader },
    Cataloger { name: "rpm", matches: os::rpm::matches, reader: os::rpm::reader },
    Cataloger { name: "apk", matches: os::apk::matches, reader: os::apk::reader },
    Cataloger { name: "pacman", matches: os::pacman::matches, reader: os::pacman::reader },
    Cataloger { name: "Portage", matches: os::portage::matches, reader: os::portage::reader },
    Cataloger { name: "Homebrew", matches: os::brew::matches, reader: os::brew::reader },
    Cataloger { name: "snap", matches: os::snap::matches, reader: os::snap::reader },
    Cataloger { name: "Flatpak", matches: os::flatpak::matches, reader: os::flatpak::reader },
    Cataloger { name: "Chisel", matches: os::chisel::matches, reader: os::chisel::reader },
    Cataloger { name: "Bottlerocket", matches: os::bottlerocket::matches, reader: os::bottlerocket::reader },
    Cataloger { name: "COS", matches: os::cos::matches, reader: os::cos::reader },
    Cataloger { name: "channel", matches: os::channels::matches, reader: os::channels::reader },
];

/// A reader of what is told by its first bytes.
pub(crate) struct Sniffer {
    /// What it reads, for a person.
    pub(crate) name: &'static str,
    /// What such a file begins with, one of these. None is longer than [`MAGIC`].
    pub(crate) magic: &'static [&'static [u8]],
    /// Looks closer, and takes the file in hand where there may be something in it.
    pub(crate) reader: fn(&Start<'_>) -> Option<Box<dyn Reader>>,
}

/// The beginning of a file.
pub(crate) struct Start<'a> {
    /// Its path, which helps to tell what it may be.
    pub(crate) path: &'a str,
    /// Bytes of the whole file.
    pub(crate) size: u64,
    /// Its first bytes, [`FIRST_PAGES`] of them if it has so many: headers and notes of a program are there.
    pub(crate) bytes: &'a [u8],
    pub(crate) limits: &'a Limits,
}

/// All that find their files by their first bytes.
pub(crate) static SNIFFERS: &[Sniffer] = &[
    Sniffer { name: "Go", magic: &[ELF, PE, MACH_O], reader: lang::golang::sniff },
    Sniffer { name: "Rust", magic: &[ELF, PE, MACH_O], reader: lang::rust::sniff },
    Sniffer { name: "GraalVM", magic: &[ELF], reader: lang::native_image::sniff },
    Sniffer { name: "package note", magic: &[ELF], reader: lang::note::sniff },
    Sniffer { name: "UPX", magic: &[ELF, PE], reader: lang::upx::sniff },
    Sniffer { name: ".NET library", magic: &[PE], reader: lang::dotnet::assembly::sniff },
    Sniffer { name: ".NET bundle", magic: &[ELF, PE], reader: lang::dotnet::bundle::sniff },
    Sniffer { name: "PHP extension", magic: &[ELF], reader: lang::php::extension::sniff },
    Sniffer { name: "program", magic: &[ELF], reader: lang::classifier::sniff },
    Sniffer { name: "PHP archive", magic: PHP, reader: lang::classifier::sniff },
];

pub(crate) const ELF: &[u8] = b"\x7fELF";
pub(crate) const PE: &[u8] = b"MZ";
/// Of 64 bits in the byte order of its two processors.
pub(crate) const MACH_O: &[u8] = b"\xcf\xfa\xed\xfe";

/// An archive of PHP's that is a program begins with what runs it.
const PHP: &[&[u8]] = &[b"#!/usr/bin/env p", b"#!/usr/bin/php"];

/// The first bytes that tell what a file may be.
pub(crate) const MAGIC: usize = 16;

/// What of a file is looked at to tell what is in it.
pub(crate) const FIRST_PAGES: usize = 16 * 1024;

/// Whether a file at this path may name packages, so that it matters who owns it: it has a cataloger, or may be a program
/// or a library.
pub(crate) fn may_matter(path: &str) -> bool {
    let (directory, name) = crate::path::split(path);
    let is_data = ["usr/share", "usr/include", "usr/src", "etc", "var", "boot"].iter().any(|data| {
        directory.strip_prefix(data).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let may_be_program = || {
        directory.split('/').any(|part| matches!(part, "bin" | "sbin" | "libexec"))
            || !name.contains('.')
            || name.contains(".so")
            || [".exe", ".dll", ".bin", ".node"].iter().any(|end| name.ends_with(end))
    };
    (!is_data && may_be_program()) || for_path(path).is_some()
}

/// The cataloger for a path.
pub(crate) fn for_path(path: &str) -> Option<&'static Cataloger> {
    CATALOGERS.iter().chain(lang::catalogers(path)).find(|cataloger| (cataloger.matches)(path))
}

/// One file on its way through.
pub(crate) trait Reader {
    /// Learns, before the first piece, how long the file is.
    fn expect(&mut self, _size: u64) {}

    /// Takes the next piece and says whether it wants another.
    fn read(&mut self, piece: &[u8]) -> Want;

    /// Bytes that it holds in memory, which have a limit.
    fn held(&self) -> usize;

    /// The file itself, where it says something only together with another file of its layer, which may come before or
    /// behind it: [`os::rpm::join`]. It is asked for once, when the reader has all it wanted.
    fn left(&self) -> Option<Rc<Vec<u8>>> {
        None
    }

    /// What the file says. `whole` is false where it was cut short: then only what is certain counts.
    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable>;
}

/// Whether a reader needs what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    More,
    Nothing,
}

/// Why a file that should name packages could not be understood, or not all of it: sentences without a full stop.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) problems: Vec<(ProblemKind, String)>,
    /// What could be understood all the same.
    pub(crate) content: Option<Box<FileContent>>,
}

impl Unreadable {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { problems: vec![(ProblemKind::Unreadable, reason.into())], content: None }
    }

    /// What was understood, and what was not.
    pub(crate) fn partly(
        content: Option<FileContent>,
        problems: Vec<(ProblemKind, String)>,
    ) -> Result<Option<FileContent>, Self> {
        if problems.is_empty() { Ok(content) } else { Err(Self { problems, content: content.map(Box::new) }) }
    }

    /// The same, with what was understood.
    pub(crate) fn but(self, content: FileContent) -> Self {
        Self { content: Some(Box::new(content)), ..self }
    }
}

/// What several readers of one file say together.
pub(crate) fn both(one: Option<FileContent>, other: Option<FileContent>) -> Option<FileContent> {
    match (one, other) {
        (Some(FileContent::Packages(mut all)), Some(FileContent::Packages(more))) => {
            all.extend(more);
            without_guesses(&mut all);
            Some(FileContent::Packages(all))
        }
        (Some(content), _) | (None, Some(content)) => Some(content),
        (None, None) => None,
    }
}

/// Takes away what has no version where another reader knows it, and a guess at the version of a program in Go that says its
/// version itself or is another.
fn without_guesses(all: &mut Vec<Found>) {
    let key = |found: &Found| (found.package.package_type, found.package.name.clone());
    let is_go = |found: &Found| found.package.package_type == PackageType::Golang;
    let is_guess = |found: &Found| is_go(found) && found.details.confidence == Confidence::Low;
    if all.iter().any(|found| is_go(found) && !is_guess(found)) {
        let open: HashSet<_> = all.iter().filter(|found| found.package.version.is_empty()).map(key).collect();
        all.retain(|found| !is_guess(found) || open.contains(&key(found)));
    }
    let known: HashSet<_> = all.iter().filter(|found| !found.package.version.is_empty()).map(key).collect();
    all.retain(|found| !found.package.version.is_empty() || !known.contains(&key(found)));
}

/// Roughly the memory that a package takes, so that a list of a hundred million is noticed before it is there. It is more
/// than the package takes in the probe's record.
pub(crate) fn weight(found: &Found) -> usize {
    let (package, details) = (&found.package, &found.details);
    let texts = [&package.architecture, &package.source, &package.source_version];
    let details = [&details.origin, &details.evidence, &details.owned_by]
        .into_iter()
        .flatten()
        .chain(&found.details.licenses);
    let texts = texts
        .into_iter()
        .flatten()
        .chain(&found.module)
        .chain(details)
        .map(|text| text.len() + 40)
        .sum::<usize>();
    size_of::<Found>() + package.name.len() + package.version.len() + 32 + texts + found.owns.len() * 10
}

/// Takes a whole file and says what it says.
pub(crate) type Parse = fn(&str, &[u8]) -> Result<Option<FileContent>, Unreadable>;

/// Reads small files: holds all of one, then parses it.
pub(crate) struct Whole {
    path: String,
    bytes: Vec<u8>,
    most: usize,
    parse: Parse,
}

impl Whole {
    pub(crate) fn boxed(path: &str, limits: &Limits, parse: Parse) -> Box<dyn Reader> {
        Box::new(Self { path: path.to_owned(), bytes: Vec::new(), most: limits.file_bytes, parse })
    }
}

impl Reader for Whole {
    /// A large file would otherwise be there twice while its memory grows. Only what is written to takes memory.
    fn expect(&mut self, size: u64) {
        self.bytes.reserve_exact(usize::try_from(size).unwrap_or(usize::MAX).min(self.most));
    }

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
