//! As much of Windows' programs as tells where in one is what (Microsoft, "PE Format").
//!
//! Everything is in the first pages, so that a program that streams by can be told apart before the rest of it comes. All
//! numbers are an attacker's: nothing is reached but by checked ranges.

use crate::catalogers::PE;

/// Sections beyond this many are not looked at; compilers write three, Go's linker about twenty.
const SECTIONS: usize = 96;

/// What the headers of a program say.
pub(crate) struct Header<'a> {
    start: &'a [u8],
    /// Where the optional header begins.
    pub(crate) optional: usize,
    /// Where the table of sections begins.
    table: usize,
    count: usize,
}

/// A part of the file that is loaded.
pub(crate) struct Section {
    /// In memory, from where the program is loaded.
    pub(crate) address: u32,
    /// Bytes in the file.
    pub(crate) size: u32,
    /// In the file.
    pub(crate) offset: u32,
    /// What it holds; `None` where the first pages end before they say it.
    pub(crate) kind: Option<u32>,
}

impl<'a> Header<'a> {
    /// The headers at the beginning of a file; `None` where they make no sense.
    pub(crate) fn read(start: &'a [u8]) -> Option<Self> {
        if !start.starts_with(PE) {
            return None;
        }
        let header = usize::try_from(u32_at(start, 0x3c)?).ok()?;
        if start.get(header..header.checked_add(4)?)? != b"PE\0\0" {
            return None;
        }
        let count = usize::from(u16_at(start, header + 6)?).min(SECTIONS);
        let optional = header + 24;
        let table = optional + usize::from(u16_at(start, header + 20)?);
        Some(Self { start, optional, table, count })
    }

    /// The sections, as far as the first pages tell of them.
    pub(crate) fn sections(&self) -> impl Iterator<Item = Section> {
        (0..self.count).map_while(|number| {
            let field = |at: usize| u32_at(self.start, self.table + 40 * number + at);
            Some(Section { address: field(12)?, size: field(16)?, offset: field(20)?, kind: field(36) })
        })
    }
}

/// A number of two bytes.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A number of four bytes.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
