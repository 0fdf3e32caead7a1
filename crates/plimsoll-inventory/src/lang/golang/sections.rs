//! Where programs for Windows and macOS keep data (Microsoft, "PE Format"; Apple, "Mach-O File Format Reference"): old build
//! information leads there by address.

use super::Span;
use crate::catalogers::PE;
use crate::lang::pe::{Header, Section, u16_at};

/// Sections of a segment beyond this many are not looked at.
const SECTIONS: usize = 96;

/// Load commands beyond this many are not looked at.
const COMMANDS: usize = 64;

/// The sections that hold data and no code, with where they are in memory; none where the headers make no sense.
pub(super) fn data(start: &[u8]) -> Vec<Span> {
    let found = if start.starts_with(PE) { of_pe(start) } else { of_mach_o(start) };
    let mut spans = found.unwrap_or_default();
    spans.sort_by_key(|span| span.start);
    spans
}

/// A section that is only kept. One without an address would not be, and has none of what is looked for.
fn span(start: u64, size: u64, address: u64) -> Option<Span> {
    let end = start.checked_add(size).filter(|end| *end > start && address != 0)?;
    Some(Span { start, end, address, is_searched: false })
}

fn of_pe(start: &[u8]) -> Option<Vec<Span>> {
    const CODE: u32 = 0x2000_0000;
    let header = Header::read(start)?;
    let base = match u16_at(start, header.optional)? {
        0x10b => number(start, header.optional + 28, 4)?,
        0x20b => number(start, header.optional + 24, 8)?,
        _ => return None,
    };
    let data = |section: Section| {
        let (kind, address) = (section.kind?, base.checked_add(section.address.into())?);
        Some(span(section.offset.into(), section.size.into(), address).filter(|_| kind & CODE == 0))
    };
    Some(header.sections().map_while(data).flatten().collect())
}

fn of_mach_o(start: &[u8]) -> Option<Vec<Span>> {
    const SEGMENT: u64 = 0x19;
    const CODE: u64 = 0x8000_0400;
    let mut spans = Vec::new();
    let mut at = 32_usize;
    for _ in 0..usize::try_from(number(start, 16, 4)?).ok()?.min(COMMANDS) {
        let (kind, size) = (number(start, at, 4)?, usize::try_from(number(start, at + 4, 4)?).ok()?);
        if kind == SEGMENT {
            for n in 0..usize::try_from(number(start, at + 64, 4)?).ok()?.min(SECTIONS) {
                let section = at + 72 + 80 * n;
                let (address, length) = (number(start, section + 32, 8)?, number(start, section + 40, 8)?);
                let (offset, kind) = (number(start, section + 48, 4)?, number(start, section + 64, 4)?);
                // What is zeroed when the program starts has no place in the file.
                spans.extend(span(offset, length, address).filter(|_| kind & CODE == 0 && offset != 0));
            }
        }
        at = at.checked_add(size.max(8))?;
    }
    Some(spans)
}

/// A number of so many bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
