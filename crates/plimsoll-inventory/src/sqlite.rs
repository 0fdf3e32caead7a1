//! SQLite databases that are held in memory, read without SQLite (sqlite.org, "Database File Format").
//!
//! All that is needed: the rows of a table by its name, in the order of their ids, with what a write-ahead log changes about
//! them. Every page is read at most once, so that no lie about their links costs more than the size of the file.

use std::collections::HashMap;

use crate::catalogers::Unreadable;

/// What such a file begins with.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Pages from the root of a table to its rows; ten levels hold more than any file.
const DEPTH: usize = 20;

/// Columns of a row that are looked at; the tables read here have a handful.
const COLUMNS: usize = 64;

/// A database in memory.
pub(crate) struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Bytes of a page that are used.
    usable: usize,
    log: Log<'a>,
}

/// What is done with a row, by its id and its columns.
pub(crate) type Row<'r> = dyn FnMut(i64, &[Value]) -> Result<(), Unreadable> + 'r;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    /// The text of a text, or the bytes of a blob.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) | Self::Blob(bytes) => bytes,
            Self::Null | Self::Integer(_) => &[],
        }
    }
}

/// Whether changes of the database may stand in a log beside it.
pub(crate) fn has_log(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.get(18..20).is_some_and(|versions| versions.contains(&2))
}

/// Whether a log has changes in it that were committed.
pub(crate) fn log_says_something(log: &[u8]) -> bool {
    Log::read(log).is_some_and(|log| !log.pages.is_empty() || log.is_implausible)
}

impl<'a> Database<'a> {
    /// The database with the changes of its log, which may be empty.
    pub(crate) fn open(bytes: &'a [u8], log: &'a [u8]) -> Result<Self, Unreadable> {
        let log = Log::read(log).unwrap_or_default();
        if log.is_implausible {
            return Err(Unreadable::because("the write-ahead log makes no sense"));
        }
        // The first page may be in the log, and with it the size of all pages, which never changes.
        let header = log.pages.get(&1).copied().unwrap_or(bytes);
        if !header.starts_with(MAGIC) {
            return Err(Unreadable::because("it is no SQLite database"));
        }
        let bad = || Unreadable::because("the header of the SQLite database makes no sense");
        let page_size = match header.get(16..18).ok_or_else(bad)? {
            [0, 1] => 65_536,
            size => usize::from(u16::from_be_bytes([size[0], size[1]])),
        };
        let reserved = usize::from(*header.get(20).ok_or_else(bad)?);
        if !page_size.is_power_of_two() || page_size < 512 || page_size - reserved < 480 {
            return Err(bad());
        }
        if !log.pages.is_empty() && log.page_size != page_size {
            return Err(Unreadable::because("the write-ahead log is of another database"));
        }
        Ok(Self { bytes, page_size, usable: page_size - reserved, log })
    }

    /// Calls `row` with the id and the columns of each row of a table; `None` where there is no such table.
    pub(crate) fn rows(&self, table: &str, row: &mut Row<'_>) -> Result<Option<()>, Unreadable> {
        let mut root = None;
        self.walk(1, &mut |_, columns| {
            // type, name, tbl_name, rootpage, sql
            if let [kind, name, _, Value::Integer(page), ..] = columns
                && kind.bytes() == b"table"
                && name.bytes().eq_ignore_ascii_case(table.as_bytes())
            {
                root = u32::try_from(*page).ok();
            }
            Ok(())
        })?;
        match root {
            Some(root) => self.walk(root, row).map(Some),
            None => Ok(None),
        }
    }

    /// Walks a table's tree from its root.
    fn walk(&self, root: u32, row: &mut Row<'_>) -> Result<(), Unreadable> {
        let mut seen = Seen::new(self.page_count(), self.bytes.len().saturating_add(self.log.bytes));
        // Pages that wait, the next one last.
        let mut waiting = vec![(root, 0_usize)];
        let mut children = Vec::new();
        while let Some((number, depth)) = waiting.pop() {
            let page = self.page(number, &mut seen)?;
            // The first page has the header of the file in front.
            let start = if number == 1 { 100 } else { 0 };
            let bad = || damaged(number);
            let kind = *page.get(start).ok_or_else(bad)?;
            let cells = usize::from(be16(page, start + 3).ok_or_else(bad)?);
            let pointers = start + if kind == 0x05 { 12 } else { 8 };
            let cell = |n: usize| be16(page, pointers + 2 * n).map(usize::from).ok_or_else(bad);
            match kind {
                0x05 if depth < DEPTH => {
                    children.clear();
                    for n in 0..cells {
                        children.push((be32(page, cell(n)?).ok_or_else(bad)?, depth + 1));
                    }
                    children.push((be32(page, start + 8).ok_or_else(bad)?, depth + 1));
                    waiting.extend(children.drain(..).rev());
                }
                0x0d => {
                    for n in 0..cells {
                        let (id, payload) = self.payload(page, cell(n)?, &mut seen)?.ok_or_else(bad)?;
                        row(id, &columns(&payload).ok_or_else(bad)?)?;
                    }
                }
                _ => return Err(bad()),
            }
        }
        Ok(())
    }

    /// The row whose cell begins at `at`: its id, and its bytes from the page and those it flows over to.
    fn payload(&self, page: &[u8], at: usize, seen: &mut Seen) -> Result<Option<(i64, Vec<u8>)>, Unreadable> {
        let Some((length, first)) = varint(page, at) else { return Ok(None) };
        let Some((id, second)) = varint(page, at + first) else { return Ok(None) };
        let start = at + first + second;
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        let Some(room) = seen.room.checked_sub(length) else { return Ok(None) };
        seen.room = room;
        // "Cell Payload Overflow Pages" of the file format: how much of it is on this page.
        let most = self.usable - 35;
        let local = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fits = least + (length - least) % (self.usable - 4);
            if fits <= most { fits } else { least }
        };
        let Some(on_page) = page.get(start..start + local) else { return Ok(None) };
        let mut payload = on_page.to_vec();
        if length > local {
            let Some(mut next) = be32(page, start + local) else { return Ok(None) };
            while payload.len() < length {
                let page = self.page(next, seen)?;
                let rest = (length - payload.len()).min(self.usable - 4);
                let (Some(following), Some(more)) = (be32(page, 0), page.get(4..4 + rest)) else {
                    return Ok(None);
                };
                payload.extend_from_slice(more);
                next = following;
            }
        }
        Ok(Some((id as i64, payload)))
    }

    fn page_count(&self) -> usize {
        (self.bytes.len() / self.page_size).max(self.log.page_count)
    }

    fn page(&self, number: u32, seen: &mut Seen) -> Result<&'a [u8], Unreadable> {
        if !seen.first_time(number) {
            return Err(damaged(number));
        }
        if let Some(page) = self.log.pages.get(&number) {
            return Ok(page);
        }
        let start = (number as usize - 1).checked_mul(self.page_size);
        let page = start.and_then(|start| self.bytes.get(start..start.checked_add(self.page_size)?));
        page.ok_or_else(|| damaged(number))
    }
}

/// Which pages were read, and how many bytes rows may still take: cells that lie over each other would make a short file
/// long.
struct Seen {
    pages: Vec<bool>,
    room: usize,
}

impl Seen {
    fn new(pages: usize, room: usize) -> Self {
        Self { pages: vec![false; pages + 1], room }
    }

    /// Whether there is such a page and nobody asked for it before. No page has the number 0.
    fn first_time(&mut self, number: u32) -> bool {
        match self.pages.get_mut(number as usize) {
            Some(seen) if number != 0 => !std::mem::replace(seen, true),
            _ => false,
        }
    }
}

/// The newest committed pages of a write-ahead log (sqlite.org, "The Write-Ahead Log", 4).
#[derive(Default)]
struct Log<'a> {
    pages: HashMap<u32, &'a [u8]>,
    page_size: usize,
    /// Pages of the database after the last commit.
    page_count: usize,
    bytes: usize,
    /// It is in order, and speaks of pages that no database here can have.
    is_implausible: bool,
}

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

impl<'a> Log<'a> {
    /// `None` where it is none. What follows a frame whose checksum is wrong was never committed.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..LOG_HEADER)?;
        let is_big_endian = match be32(header, 0)? {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page_size = be32(header, 8)? as usize;
        let mut sum = checksum((0, 0), &header[..24], is_big_endian);
        let written = |bytes: &[u8], at| Some((be32(bytes, at)?, be32(bytes, at + 4)?));
        if !page_size.is_power_of_two()
            || !(512..=65_536).contains(&page_size)
            || Some(sum) != written(header, 24)
        {
            return None;
        }
        let mut log = Self { page_size, bytes: bytes.len(), ..Self::default() };
        let mut open: Vec<(u32, &'a [u8])> = Vec::new();
        for frame in bytes[LOG_HEADER..].chunks_exact(FRAME_HEADER + page_size) {
            let (head, page) = frame.split_at(FRAME_HEADER);
            sum = checksum(checksum(sum, &head[..8], is_big_endian), page, is_big_endian);
            if head[8..16] != header[16..24] || Some(sum) != written(head, 16) {
                break;
            }
            open.push((be32(head, 0)?, page));
            let committed = be32(head, 4)?;
            if committed != 0 {
                log.page_count = committed as usize;
                log.pages.extend(open.drain(..));
            }
        }
        // A number that no file behind it can have would only make a large table of seen pages.
        let highest = log.pages.keys().max().copied().unwrap_or(0) as usize;
        log.page_count = log.page_count.min(highest);
        log.is_implausible = highest > MOST_PAGES;
        Some(log)
    }
}

/// Of any database read here: 64 MiB in pages of 512 bytes have so many.
const MOST_PAGES: usize = 1 << 22;

fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

/// The columns of a record ("Record Format").
fn columns(record: &[u8]) -> Option<Vec<Value>> {
    let (header_length, mut at) = varint(record, 0)?;
    let header_length = usize::try_from(header_length).ok()?;
    let mut body = header_length;
    let mut columns = Vec::new();
    while at < header_length && columns.len() < COLUMNS {
        let (kind, length) = varint(record, at)?;
        at += length;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => usize::try_from((kind - 12) / 2).ok()?,
        };
        let bytes = record.get(body..body.checked_add(length)?)?;
        body += length;
        columns.push(match kind {
            // A real number is never asked for.
            0 | 7 => Value::Null,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            1..=6 => Value::Integer(integer(bytes)),
            kind if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(bytes.to_vec()),
        });
    }
    Some(columns)
}

/// A number in two's complement.
fn integer(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of one to nine bytes, and how many they are.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let bytes = bytes.get(at..)?;
    let mut number = 0_u64;
    for (n, byte) in bytes.iter().take(9).enumerate() {
        if n == 8 {
            return Some((number << 8 | u64::from(*byte), 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, n + 1));
        }
    }
    None
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn damaged(page: u32) -> Unreadable {
    Unreadable::because(format!("page {page} of the SQLite database is damaged"))
}

#[cfg(test)]
mod tests;
