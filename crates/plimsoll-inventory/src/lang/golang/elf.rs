//! As much of ELF as tells where Go's data is (System V ABI, "Program Header").

use super::{Shape, Span};

const LOAD: u64 = 1;
const EXECUTABLE: u64 = 1;
const WRITABLE: u64 = 2;

/// Segments beyond this many are not looked at; real binaries have about ten.
const SEGMENTS: usize = 128;

/// Owner and type of the note that holds a Go build id, as they stand in memory in both byte orders.
const GO_NOTES: [&[u8]; 2] = [b"\x04\0\0\0Go\0\0", b"\0\0\0\x04Go\0\0"];

/// The writable segments, and of a Go binary also the read-only ones; empty where the headers make no sense.
pub(super) fn spans(start: &[u8]) -> Vec<Span> {
    spans_of(start).unwrap_or_default()
}

fn spans_of(start: &[u8]) -> Option<Vec<Span>> {
    let is_64 = match start.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let is_big_endian = *start.get(5)? == 2;
    let number = |at: usize, bytes: usize| {
        Some(Shape { bytes, is_big_endian }.number(start.get(at..at.checked_add(bytes)?)?))
    };
    let word = if is_64 { 8 } else { 4 };
    let table = usize::try_from(number(if is_64 { 32 } else { 28 }, word)?).ok()?;
    let entry_size = usize::try_from(number(if is_64 { 54 } else { 42 }, 2)?).ok()?;
    let count = usize::try_from(number(if is_64 { 56 } else { 44 }, 2)?).ok()?;
    let is_go = GO_NOTES.iter().any(|note| memchr::memmem::find(start, note).is_some());
    let mut spans = Vec::new();
    for n in 0..count.min(SEGMENTS) {
        let entry = table.checked_add(n.checked_mul(entry_size)?)?;
        let field = |at_32: usize, at_64: usize, bytes| {
            number(entry.checked_add(if is_64 { at_64 } else { at_32 })?, bytes)
        };
        let (kind, flags) = (field(0, 0, 4)?, field(24, 4, 4)?);
        let (offset, address, size) = (field(4, 8, word)?, field(8, 16, word)?, field(16, 32, word)?);
        let is_searched = flags & WRITABLE != 0;
        if kind != LOAD || size == 0 || !is_searched && (!is_go || flags & EXECUTABLE != 0) {
            continue;
        }
        let end = offset.checked_add(size)?;
        spans.push(Span { start: offset, end, address: if is_go { address } else { 0 }, is_searched });
    }
    Some(spans)
}
