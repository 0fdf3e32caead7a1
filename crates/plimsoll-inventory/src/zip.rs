//! zip archives as they stream by, with the archives inside them (PKWARE APPNOTE 6.3.10, 4.3 to 4.5).
//!
//! Programs read a zip from its end: the directory there says which entries exist, and where. A file in a layer passes once,
//! from its beginning, so the entries are taken as they come, those that somebody wants are kept, and the directory decides
//! at the end which of them count. So memory goes with what is kept, not with the archive, and an archive that says one thing
//! to who reads it from the front and another to who reads it from the end is told as its programs see it.
//!
//! What is not wanted is skipped without being unpacked, unless only unpacking tells where it ends.

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;
use plimsoll_types::ProblemKind;
use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;

use crate::catalogers::{Reader, Unreadable, Want};

/// How deep archives in archives are read. A library in a web application in an enterprise application is the third.
const DEPTH: u32 = 8;

/// Entries of an archive and all inside it.
const ENTRIES: u32 = 2_000_000;

/// Bytes that all kept entries and names may take together.
const KEPT: usize = 24 * 1024 * 1024;

/// What may stand before the first entry: the script of an archive that starts itself.
const PREFIX: u64 = 1024 * 1024;

/// Ends of archives in one file. More than one is there when an archive was put behind another.
const ENDS: usize = 16;

/// Problems of an archive and all inside it that are told.
const PROBLEMS: usize = 20;

const SCRATCH: usize = 32 * 1024;

/// What an entry is good for, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing.
    Not,
    /// Its first bytes, this many.
    Start(usize),
    /// Its content is an archive itself.
    Archive,
}

/// What was found in an archive.
#[derive(Debug, Default)]
pub(crate) struct Unzipped {
    /// Path and content of the wanted files, in the order of the archive.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Path and content of the archives inside.
    pub(crate) archives: Vec<(String, Unzipped)>,
}

/// What an archive and all inside it may use, and what went wrong with it.
pub(crate) struct Account {
    /// Bytes of the outermost archive that passed.
    passed: u64,
    unpacked: u64,
    most: u64,
    ratio: u64,
    entries: u32,
    kept: usize,
    problems: Vec<(ProblemKind, String)>,
    is_over: bool,
}

impl Account {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            passed: 0,
            unpacked: 0,
            most: limits.unpacked_bytes,
            ratio: limits.ratio,
            entries: 0,
            kept: 0,
            problems: vec![],
            is_over: false,
        }
    }

    /// What went wrong.
    pub(crate) fn into_problems(self) -> Vec<(ProblemKind, String)> {
        self.problems
    }

    fn problem(&mut self, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS {
            self.problems.push((ProblemKind::Unreadable, message.into()));
        }
    }

    fn over(&mut self, message: String) {
        if !self.is_over {
            self.is_over = true;
            self.problems.push((ProblemKind::LimitExceeded, message));
        }
    }

    fn unpack(&mut self, bytes: usize) {
        self.unpacked = self.unpacked.saturating_add(bytes as u64);
        let honest = self.passed.max(1024 * 1024).saturating_mul(self.ratio);
        if self.unpacked > self.most {
            self.over(format!("the archives in it unpack to more than {} bytes", self.most));
        } else if self.unpacked > honest {
            self.over(format!("the archives in it unpack to more than {} times its size", self.ratio));
        }
    }

    fn keep(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > KEPT {
            self.over(format!("what must be held of it is more than {KEPT} bytes"));
        }
    }

    fn entry(&mut self) {
        self.entries = self.entries.saturating_add(1);
        if self.entries > ENTRIES {
            self.over(format!("it has more than {ENTRIES} entries"));
        }
    }
}

/// A reader of archives of which a few files are wanted.
pub(crate) fn reader(limits: &Limits, select: fn(&str) -> Wanted, parse: ParseFiles) -> Box<dyn Reader> {
    Box::new(Files { zip: Zip::new(select), account: Account::new(limits), parse })
}

/// Makes something of the wanted files; what went wrong with them joins the problems. `false` where the archive was cut short.
type ParseFiles = fn(Unzipped, Vec<(ProblemKind, String)>, bool) -> Result<Option<FileContent>, Unreadable>;

struct Files {
    zip: Zip,
    account: Account,
    parse: ParseFiles,
}

impl Reader for Files {
    fn read(&mut self, piece: &[u8]) -> Want {
        if self.zip.push(piece, &mut self.account) { Want::More } else { Want::Nothing }
    }

    /// What is held has a limit of its own.
    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        let Self { zip, mut account, parse } = *self;
        let unzipped = zip.finish(&mut account);
        let unzipped = unzipped.ok_or_else(|| Unreadable::because("it is not a zip archive"))?;
        parse(unzipped, account.into_problems(), whole)
    }
}

/// An archive on its way through.
pub(crate) struct Zip {
    select: fn(&str) -> Wanted,
    depth: u32,
    /// Where the next byte is in the archive.
    offset: u64,
    /// Bytes taken and not yet understood: a header of which the rest is to come.
    held: Held,
    state: State,
    /// Whether there was a header, so that it is an archive.
    is_archive: bool,
    inflate: Option<Box<Decompress>>,
    files: Vec<Entry>,
    /// What the directory at hand lists of what is wanted: path and offset.
    listed: Vec<(String, u64)>,
    directory: u64,
    ends: Vec<End>,
}

/// Bytes of which the first are let go one after the other, without moving the others.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    start: usize,
}

impl Held {
    fn get(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn extend(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(piece);
    }

    fn release(&mut self, length: usize) {
        self.start += length;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}

enum State {
    /// Looking for the first header, or the next one behind bytes that are none.
    Seek {
        from: u64,
    },
    /// At a signature.
    Header,
    Body(Body),
    /// Behind a body whose length only the descriptor says.
    Descriptor,
    /// Nothing more is looked at.
    Done,
}

struct Body {
    /// Compressed bytes that are left; `None` where the end of the deflate stream is the end.
    left: Option<u64>,
    is_deflated: bool,
    has_descriptor: bool,
    sink: Sink,
}

enum Sink {
    Nothing,
    Bytes(Vec<u8>, usize),
    Archive(Box<Zip>),
}

/// A wanted entry, at its offset.
struct Entry {
    path: String,
    offset: u64,
    content: Content,
}

enum Content {
    File(Vec<u8>),
    Archive(Unzipped),
    /// It was there and could not be unpacked, which is told.
    Nothing,
}

/// An end of directory record, with what its directory lists.
struct End {
    listed: Vec<(String, u64)>,
    /// What must be added to an offset in the directory: the length of what stands in front of the archive.
    shift: u64,
    /// Where the file must end for this one to count.
    file_end: u64,
}

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const DIRECTORY_END: &[u8; 4] = b"PK\x05\x06";
const DIRECTORY_END_64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR_64: &[u8; 4] = b"PK\x06\x07";
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";

fn is_header(bytes: &[u8]) -> bool {
    [LOCAL, CENTRAL, DIRECTORY_END, DIRECTORY_END_64].iter().any(|signature| bytes.starts_with(*signature))
}

impl Zip {
    /// An archive of which nothing passed yet, outside of all others.
    pub(crate) fn new(select: fn(&str) -> Wanted) -> Self {
        Self::at(select, 0)
    }

    fn at(select: fn(&str) -> Wanted, depth: u32) -> Self {
        Self {
            select,
            depth,
            offset: 0,
            held: Held::default(),
            state: State::Seek { from: 0 },
            is_archive: false,
            inflate: None,
            files: vec![],
            listed: vec![],
            directory: 0,
            ends: vec![],
        }
    }

    /// Takes the next piece. False once nothing more is wanted: it is no archive, or a limit was passed.
    pub(crate) fn push(&mut self, mut piece: &[u8], account: &mut Account) -> bool {
        if self.depth == 0 {
            account.passed = account.passed.saturating_add(piece.len() as u64);
        }
        while !account.is_over {
            let goes_on = match self.state {
                State::Done => return false,
                State::Seek { from } => self.seek(&mut piece, from),
                State::Header => self.header(&mut piece, account),
                State::Body(_) => self.body(&mut piece, account),
                State::Descriptor => self.descriptor(&mut piece),
            };
            if !goes_on {
                return !matches!(self.state, State::Done);
            }
        }
        false
    }

    /// What was found; `None` where it was no archive at all.
    pub(crate) fn finish(mut self, account: &mut Account) -> Option<Unzipped> {
        if !self.is_archive {
            return None;
        }
        self.finish_sink(account);
        let Some(end) = self.end() else {
            if !account.is_over {
                account.problem("an archive without an end");
            }
            let everything = self.files.into_iter();
            return Some(everything.fold(Unzipped::default(), Unzipped::with));
        };
        let mut unzipped = Unzipped::default();
        let mut missing = None;
        for (path, offset) in end.listed {
            let offset = offset.saturating_add(end.shift);
            // The entries are in the order in which they came by.
            let at = self.files.partition_point(|file| file.offset < offset);
            match self.files.get_mut(at) {
                Some(file) if file.offset == offset && file.path == path => {
                    let content = std::mem::replace(&mut file.content, Content::Nothing);
                    unzipped = unzipped.with(Entry { path, offset, content });
                }
                _ => missing = missing.or(Some(path)),
            }
        }
        if let Some(path) = missing.filter(|_| !account.is_over) {
            account.problem(format!("its directory lists {path}, which is not where it should be"));
        }
        Some(unzipped)
    }

    /// The last end of directory behind whose comment the file ends, as programs look for it.
    fn end(&mut self) -> Option<End> {
        let file_end = self.offset + self.held.get().len() as u64;
        let at = self.ends.iter().rposition(|end| end.file_end == file_end);
        // Bytes behind the end are what some tools leave; many programs look over them.
        let at = at.or(self.ends.len().checked_sub(1))?;
        Some(self.ends.swap_remove(at))
    }

    /// Moves bytes of the piece to what is held, until that is `length` bytes long.
    fn hold(&mut self, piece: &mut &[u8], length: usize) -> bool {
        let missing = length.saturating_sub(self.held.get().len());
        if missing > 0 {
            let (taken, rest) = piece.split_at(missing.min(piece.len()));
            self.held.extend(taken);
            *piece = rest;
        }
        self.held.get().len() >= length
    }

    /// Lets go of held bytes that were understood.
    fn release(&mut self, length: usize) {
        self.held.release(length);
        self.offset += length as u64;
    }

    /// Looks for a header. What lies before it belongs to nothing.
    fn seek(&mut self, piece: &mut &[u8], from: u64) -> bool {
        if !piece.is_empty() {
            self.held.extend(piece);
            *piece = &[];
        }
        let held = self.held.get();
        let found = memmem::find_iter(held, b"PK").find(|at| {
            let rest = &held[*at..];
            is_header(rest) || rest.len() < 4
        });
        let length = held.len();
        match found {
            Some(at) if length - at >= 4 => {
                self.release(at);
                self.is_archive = true;
                self.state = State::Header;
                return true;
            }
            Some(at) => self.release(at),
            None => self.release(length.saturating_sub(1)),
        }
        if !self.is_archive && self.offset - from > PREFIX {
            self.state = State::Done;
        }
        false
    }

    fn header(&mut self, piece: &mut &[u8], account: &mut Account) -> bool {
        if !self.hold(piece, 4) {
            return false;
        }
        match self.held.get().first_chunk() {
            Some(LOCAL) => self.local(piece, account),
            Some(CENTRAL) => self.central(piece, account),
            Some(DIRECTORY_END) => self.directory_end(piece, account),
            Some(DIRECTORY_END_64) => {
                if !self.hold(piece, 12) {
                    return false;
                }
                let length = number(self.held.get(), 4, 8).min(1024);
                let whole = 12 + usize::try_from(length).unwrap_or(0);
                if !self.hold(piece, whole) {
                    return false;
                }
                self.release(whole);
                true
            }
            Some(LOCATOR_64) => {
                let whole = self.hold(piece, 20);
                if whole {
                    self.release(20);
                }
                whole
            }
            _ => {
                self.state = State::Seek { from: self.offset };
                true
            }
        }
    }

    fn local(&mut self, piece: &mut &[u8], account: &mut Account) -> bool {
        if !self.hold(piece, 30) {
            return false;
        }
        let header = self.held.get();
        let (name, extra) = (length(header, 26), length(header, 28));
        if !self.hold(piece, 30 + name + extra) {
            return false;
        }
        account.entry();
        let header = self.held.get();
        let (flags, method) = (length(header, 6), length(header, 8));
        let path = crate::path::escape(&header[30..30 + name]);
        let packed = Sizes::read(header, 18, &header[30 + name..30 + name + extra]).packed;
        let offset = self.offset;
        self.release(30 + name + extra);
        let (is_encrypted, has_descriptor) = (flags & 1 != 0, flags & 8 != 0);
        let is_unknown = has_descriptor && packed == 0;
        let mut wanted = (self.select)(&path);
        if wanted == Wanted::Archive && self.depth + 1 >= DEPTH {
            account.problem(format!("{path} is an archive {DEPTH} deep, which is not looked into"));
            wanted = Wanted::Not;
            self.keep(account, &path, offset, Content::Nothing);
        }
        let cannot = match method {
            _ if is_encrypted => Some("is encrypted"),
            0 if is_unknown => Some("is stored without its length"),
            0 | 8 => None,
            _ => Some("is compressed in a way that is not read"),
        };
        if let Some(reason) = cannot.filter(|_| wanted != Wanted::Not) {
            account.problem(format!("{path} {reason}"));
            self.keep(account, &path, offset, Content::Nothing);
            wanted = Wanted::Not;
        }
        if is_unknown && cannot.is_some() {
            // Nothing says where it ends: the next header is where the next one is found.
            self.state = State::Seek { from: self.offset };
            return true;
        }
        let sink = match wanted {
            Wanted::Not => Sink::Nothing,
            Wanted::Start(most) => Sink::Bytes(vec![], most),
            Wanted::Archive => Sink::Archive(Box::new(Self::at(self.select, self.depth + 1))),
        };
        if wanted != Wanted::Not {
            self.keep(account, &path, offset, Content::Nothing);
        }
        let is_deflated = method == 8 && (is_unknown || wanted != Wanted::Not);
        if is_deflated {
            match &mut self.inflate {
                Some(inflate) => inflate.reset(false),
                None => self.inflate = Some(Box::new(Decompress::new(false))),
            }
        }
        let left = (!is_unknown).then_some(packed);
        self.state = State::Body(Body { left, is_deflated, has_descriptor, sink });
        true
    }

    fn keep(&mut self, account: &mut Account, path: &str, offset: u64, content: Content) {
        account.keep(path.len() + size_of::<Entry>());
        self.files.push(Entry { path: path.to_owned(), offset, content });
    }

    fn body(&mut self, piece: &mut &[u8], account: &mut Account) -> bool {
        let State::Body(body) = &mut self.state else { return true };
        let is_held = !self.held.get().is_empty();
        let input: &[u8] = if is_held { self.held.get() } else { piece };
        let most = body.left.unwrap_or(u64::MAX);
        let input = &input[..usize::try_from(most).unwrap_or(usize::MAX).min(input.len())];
        if input.is_empty() && most > 0 {
            return false;
        }
        let mut is_damaged = false;
        let is_wanted = !matches!(body.sink, Sink::Nothing);
        let (consumed, is_end) = match &mut self.inflate {
            Some(inflate) if body.is_deflated => {
                let done = inflate_into(inflate, input, body, account);
                is_damaged = done.is_none_or(|(consumed, is_end)| consumed == 0 && !is_end && most > 0);
                done.unwrap_or((0, true))
            }
            _ => {
                feed(&mut body.sink, input, account);
                (input.len(), false)
            }
        };
        if let Some(left) = &mut body.left {
            *left -= consumed as u64;
        }
        let left = body.left;
        if is_held {
            self.held.release(consumed);
        } else {
            *piece = &piece[consumed..];
        }
        self.offset += consumed as u64;
        if is_damaged && !account.is_over {
            let path = self.files.last().filter(|_| is_wanted).map_or("an entry", |file| file.path.as_str());
            account.problem(format!("{path} is damaged"));
            // How much of it came out before depends on how it was cut into pieces.
            if let State::Body(Body { sink: sink @ Sink::Bytes(..), .. }) = &mut self.state {
                *sink = Sink::Nothing;
            }
        }
        match left {
            // Where the length is known it counts, whatever the stream in it says.
            Some(0) => {
                self.finish_sink(account);
                let has_descriptor = matches!(&self.state, State::Body(body) if body.has_descriptor);
                self.state = if has_descriptor { State::Descriptor } else { State::Header };
            }
            None if is_end && !is_damaged => {
                self.finish_sink(account);
                self.state = State::Descriptor;
            }
            None if is_damaged => {
                self.finish_sink(account);
                self.state = State::Seek { from: self.offset };
            }
            Some(_) if is_end || is_damaged => {
                self.finish_sink(account);
                if let State::Body(body) = &mut self.state {
                    body.is_deflated = false;
                }
            }
            _ => {}
        }
        true
    }

    /// Puts what the entry at hand turned out to be into its place.
    fn finish_sink(&mut self, account: &mut Account) {
        let State::Body(body) = &mut self.state else { return };
        let content = match std::mem::replace(&mut body.sink, Sink::Nothing) {
            Sink::Nothing => return,
            Sink::Bytes(bytes, _) => Content::File(bytes),
            Sink::Archive(zip) => zip.finish(account).map_or(Content::Nothing, Content::Archive),
        };
        if let Some(file) = self.files.last_mut() {
            if matches!(content, Content::Nothing) && !account.is_over {
                account.problem(format!("{} is not an archive", file.path));
            }
            file.content = content;
        }
    }

    /// Skips the sizes behind a body. They come with or without a signature, in 4 bytes or in 8: the next header tells.
    fn descriptor(&mut self, piece: &mut &[u8]) -> bool {
        if !self.hold(piece, 4) {
            return false;
        }
        // With a known size many writers leave it out, whatever the flag says.
        if is_header(self.held.get()) {
            self.state = State::Header;
            return true;
        }
        if !self.hold(piece, 28) {
            return false;
        }
        let lengths: [usize; 2] = if self.held.get().starts_with(DESCRIPTOR) { [16, 24] } else { [12, 20] };
        match lengths.into_iter().find(|length| is_header(&self.held.get()[*length..])) {
            Some(length) => {
                self.release(length);
                self.state = State::Header;
            }
            None => self.state = State::Seek { from: self.offset },
        }
        true
    }

    fn central(&mut self, piece: &mut &[u8], account: &mut Account) -> bool {
        if !self.hold(piece, 46) {
            return false;
        }
        let header = self.held.get();
        let (name, extra, comment) = (length(header, 28), length(header, 30), length(header, 32));
        let whole = 46 + name + extra + comment;
        if !self.hold(piece, whole) {
            return false;
        }
        account.entry();
        if self.directory == 0 {
            self.directory = self.offset;
        }
        let header = self.held.get();
        let path = crate::path::escape(&header[46..46 + name]);
        if (self.select)(&path) != Wanted::Not {
            let sizes = Sizes::read(header, 20, &header[46 + name..46 + name + extra]);
            let offset = sizes.offset(number(header, 42, 4));
            account.keep(path.len() + size_of::<(String, u64)>());
            self.listed.push((path, offset));
        }
        self.release(whole);
        true
    }

    fn directory_end(&mut self, piece: &mut &[u8], account: &mut Account) -> bool {
        if !self.hold(piece, 22) {
            return false;
        }
        let comment = length(self.held.get(), 20);
        let offset = number(self.held.get(), 16, 4);
        let at = if self.directory == 0 { self.offset } else { self.directory };
        // Larger ones say their place in a record of their own; nothing stands in front of those.
        let said = if offset == u64::from(u32::MAX) { at } else { offset };
        if self.ends.len() == ENDS {
            account.problem("it has more ends than an archive can have");
            self.state = State::Done;
            return false;
        }
        self.ends.push(End {
            listed: std::mem::take(&mut self.listed),
            shift: at.saturating_sub(said),
            file_end: self.offset.saturating_add(22 + comment as u64),
        });
        self.directory = 0;
        self.release(22);
        self.state = State::Seek { from: self.offset };
        true
    }
}

impl Unzipped {
    fn with(mut self, entry: Entry) -> Self {
        match entry.content {
            Content::File(bytes) => self.files.push((entry.path, bytes)),
            Content::Archive(archive) => self.archives.push((entry.path, archive)),
            Content::Nothing => {}
        }
        self
    }
}

/// Unpacks as much as it can; what was consumed, and whether the stream ended. `None` where it is no deflate stream.
fn inflate_into(
    inflate: &mut Decompress,
    input: &[u8],
    body: &mut Body,
    account: &mut Account,
) -> Option<(usize, bool)> {
    let mut scratch = [0; SCRATCH];
    let mut consumed = 0;
    loop {
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(&input[consumed..], &mut scratch, FlushDecompress::None).ok()?;
        let step = usize::try_from(inflate.total_in() - before_in).unwrap_or(0);
        let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(0);
        consumed += step;
        account.unpack(made);
        feed(&mut body.sink, &scratch[..made], account);
        if status == Status::StreamEnd {
            return Some((consumed, true));
        }
        if account.is_over || (step == 0 && made == 0) || (consumed == input.len() && made < SCRATCH) {
            return Some((consumed, false));
        }
    }
}

fn feed(sink: &mut Sink, bytes: &[u8], account: &mut Account) {
    match sink {
        Sink::Nothing => {}
        Sink::Bytes(kept, most) => {
            let room = most.saturating_sub(kept.len()).min(bytes.len());
            account.keep(room);
            kept.extend_from_slice(&bytes[..room]);
        }
        Sink::Archive(zip) => {
            zip.push(bytes, account);
        }
    }
}

/// Little-endian number of 2, 4 or 8 bytes; what is not there is zero.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn length(bytes: &[u8], at: usize) -> usize {
    usize::try_from(number(bytes, at, 2)).unwrap_or(0)
}

/// Sizes that may have moved to the extra field, where they have 8 bytes each (APPNOTE 4.5.3).
struct Sizes<'a> {
    packed: u64,
    /// What the extra field has behind the sizes.
    rest: &'a [u8],
}

impl<'a> Sizes<'a> {
    /// Of a header whose packed size is at `at`, with the unpacked one behind it.
    fn read(header: &[u8], at: usize, extra: &'a [u8]) -> Self {
        let (packed, unpacked) = (number(header, at, 4), number(header, at + 4, 4));
        let full = u64::from(u32::MAX);
        let mut fields = field_64(extra);
        if unpacked == full {
            fields = fields.get(8..).unwrap_or_default();
        }
        if packed != full {
            return Self { packed, rest: fields };
        }
        // Without the field that it points to, the number means what it says, and leads out of any archive.
        let packed = if fields.len() < 8 { full } else { number(fields, 0, 8) };
        Self { packed, rest: fields.get(8..).unwrap_or_default() }
    }

    fn offset(&self, said: u64) -> u64 {
        if said == u64::from(u32::MAX) { number(self.rest, 0, 8) } else { said }
    }
}

/// The body of the extra field with the id 1.
fn field_64(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (id, size) = (number(extra, 0, 2), length(extra, 2));
        let Some(body) = extra.get(4..4 + size) else { return &[] };
        if id == 1 {
            return body;
        }
        extra = &extra[4 + size..];
    }
    &[]
}

#[cfg(test)]
pub(crate) mod tests;
