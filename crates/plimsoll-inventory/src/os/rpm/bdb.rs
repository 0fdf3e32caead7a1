//! Berkeley DB, rpm's form before SQLite: a hash table whose values are headers (Berkeley DB, `src/dbinc/db_page.h`).
//!
//! The table is not looked anything up in, so its buckets do not matter: each page of the kind that holds pairs is read in
//! the order of the file. A header is rarely small enough for that and lies on a chain of overflow pages; each page of these
//! is used at most once.

use super::Packages;
use crate::catalogers::Unreadable;

const HASH_MAGIC: u32 = 0x0006_1561;

/// Kinds of pages.
const HASH_METADATA: u8 = 8;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

/// Kinds of items on them.
const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

const PAGE_HEADER: usize = 26;

/// Flag of the metadata: pages carry checksums, so that their headers are longer. rpm never asked for it.
const HAS_CHECKSUMS: u8 = 1;

/// Gives the header of each package.
pub(super) fn headers(bytes: &[u8], packages: &mut Packages) -> Result<(), Unreadable> {
    let file = File::open(bytes)?;
    let mut used = vec![false; file.pages];
    for number in 1..file.pages {
        let page = file.page(number)?;
        if !matches!(page.get(25), Some(&(HASH_UNSORTED | HASH))) {
            continue;
        }
        let items = usize::from(file.u16(page, 20).unwrap_or(0));
        let end_of_index = PAGE_HEADER + 2 * items;
        if end_of_index > page.len() {
            return Err(damaged(number));
        }
        // Keys and values alternate. An item ends where the one before it begins, the first one with the page.
        let mut end = page.len();
        for item in 0..items {
            let start = usize::from(file.u16(page, PAGE_HEADER + 2 * item).unwrap_or(0));
            let content = page.get(start..end).filter(|_| start >= end_of_index && start < end);
            let content = content.ok_or_else(|| damaged(number))?;
            end = start;
            if item % 2 == 1 {
                file.value(number, content, &mut used, packages)?;
            }
        }
    }
    Ok(())
}

struct File<'a> {
    bytes: &'a [u8],
    page_size: usize,
    pages: usize,
    is_big_endian: bool,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let none = || Unreadable::because("it is no Berkeley DB hash table");
        let mut file = Self { bytes, page_size: 512, pages: 0, is_big_endian: false };
        if file.u32(bytes, 12) != Some(HASH_MAGIC) {
            file.is_big_endian = true;
        }
        if file.u32(bytes, 12) != Some(HASH_MAGIC) || bytes.get(25) != Some(&HASH_METADATA) {
            return Err(none());
        }
        if bytes.get(24) != Some(&0) {
            return Err(Unreadable::because("the Berkeley DB is encrypted"));
        }
        if bytes.get(26).is_none_or(|flags| flags & HAS_CHECKSUMS != 0) {
            return Err(Unreadable::because("the Berkeley DB has checksums, which rpm never writes"));
        }
        file.page_size = file.u32(bytes, 20).ok_or_else(none)? as usize;
        if !file.page_size.is_power_of_two() || !(512..=65_536).contains(&file.page_size) {
            return Err(Unreadable::because("the Berkeley DB has pages of a size that cannot be"));
        }
        file.pages = bytes.len() / file.page_size;
        let last = file.u32(bytes, 32).ok_or_else(none)? as usize;
        if last >= file.pages {
            return Err(Unreadable::because("the Berkeley DB ends too early"));
        }
        Ok(file)
    }

    /// A package's header is longer than the numbers that the value of the first key holds: the last number given to a
    /// package.
    fn value(
        &self,
        number: usize,
        item: &[u8],
        used: &mut [bool],
        packages: &mut Packages,
    ) -> Result<(), Unreadable> {
        match item {
            [KEY_DATA, header @ ..] if header.len() > 8 => packages.add(header),
            [KEY_DATA, ..] => Ok(()),
            [OFF_PAGE, ..] => {
                let (first, length) = (self.u32(item, 4), self.u32(item, 8));
                let (Some(first), Some(length)) = (first, length) else { return Err(damaged(number)) };
                packages.add(&self.chain(first as usize, length as usize, used)?)
            }
            // Several values of one key, which rpm does not have in this table.
            _ => Err(damaged(number)),
        }
    }

    fn chain(&self, first: usize, length: usize, used: &mut [bool]) -> Result<Vec<u8>, Unreadable> {
        let mut content = Vec::new();
        let mut number = first;
        while content.len() < length {
            match used.get_mut(number) {
                Some(used) if number != 0 && !*used => *used = true,
                _ => return Err(damaged(number)),
            }
            let page = self.page(number)?;
            let on_page = usize::from(self.u16(page, 22).unwrap_or(0));
            let on_page = page.get(PAGE_HEADER..PAGE_HEADER + on_page).filter(|_| page[25] == OVERFLOW);
            let on_page = on_page.ok_or_else(|| damaged(number))?;
            content.extend_from_slice(&on_page[..on_page.len().min(length - content.len())]);
            number = self.u32(page, 16).unwrap_or(0) as usize;
        }
        Ok(content)
    }

    fn page(&self, number: usize) -> Result<&'a [u8], Unreadable> {
        let start = number.checked_mul(self.page_size);
        let page = start.and_then(|start| self.bytes.get(start..start.checked_add(self.page_size)?));
        page.ok_or_else(|| damaged(number))
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at.checked_add(2)?)?;
        let bytes = [bytes[0], bytes[1]];
        Some(if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        Some(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

fn damaged(page: usize) -> Unreadable {
    Unreadable::because(format!("page {page} of the Berkeley DB is damaged"))
}
