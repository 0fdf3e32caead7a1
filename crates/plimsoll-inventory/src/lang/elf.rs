//! As much of ELF as tells where in a program is what (System V ABI, "ELF Header" and "Program Header").
//!
//! Everything is in the first pages, so that a program that streams by can be told apart before the rest of it comes. All
//! numbers are an attacker's: nothing is reached but by checked ranges.

/// Segments beyond this many are not looked at; real programs have about ten.
const SEGMENTS: usize = 128;

/// What the headers of a program say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) shape: Shape,
    pub(crate) segments: Vec<Segment>,
    /// Whether there is a table of sections, which linkers write and packers drop.
    pub(crate) has_sections: bool,
}

/// How numbers are written in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of an address.
    pub(crate) bytes: usize,
    pub(crate) is_big_endian: bool,
}

impl Shape {
    pub(crate) fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }
}

/// A part of the file that is loaded or says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) kind: SegmentKind,
    /// From here, up to but not including `end`, in the file.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Where `start` is in memory.
    pub(crate) address: u64,
    pub(crate) is_executable: bool,
    pub(crate) is_writable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    Load,
    Note,
    Other,
}

impl Header {
    /// The headers at the beginning of a file; `None` where they make no sense.
    pub(crate) fn read(start: &[u8]) -> Option<Self> {
        if !start.starts_with(crate::catalogers::ELF) {
            return None;
        }
        let is_64 = match start.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let word = if is_64 { 8 } else { 4 };
        let shape = Shape { bytes: word, is_big_endian: *start.get(5)? == 2 };
        let number = |at: usize, bytes: usize| Some(shape.number(start.get(at..at.checked_add(bytes)?)?));
        let table = usize::try_from(number(if is_64 { 32 } else { 28 }, word)?).ok()?;
        let sections = number(if is_64 { 40 } else { 32 }, word)?;
        let entry_size = usize::try_from(number(if is_64 { 54 } else { 42 }, 2)?).ok()?;
        let count = usize::try_from(number(if is_64 { 56 } else { 44 }, 2)?).ok()?;
        let mut segments = Vec::new();
        for n in 0..count.min(SEGMENTS) {
            let entry = table.checked_add(n.checked_mul(entry_size)?)?;
            let field = |at_32: usize, at_64: usize, bytes| {
                number(entry.checked_add(if is_64 { at_64 } else { at_32 })?, bytes)
            };
            let (kind, flags) = (field(0, 0, 4)?, field(24, 4, 4)?);
            let (offset, address, size) = (field(4, 8, word)?, field(8, 16, word)?, field(16, 32, word)?);
            let kind = match kind {
                1 => SegmentKind::Load,
                4 => SegmentKind::Note,
                _ => SegmentKind::Other,
            };
            if size == 0 {
                continue;
            }
            segments.push(Segment {
                kind,
                start: offset,
                end: offset.checked_add(size)?,
                address,
                is_executable: kind == SegmentKind::Load && flags & 1 != 0,
                is_writable: kind == SegmentKind::Load && flags & 2 != 0,
            });
        }
        Some(Self { shape, segments, has_sections: sections != 0 })
    }

    /// The notes that lie in the first pages: name of the owner, type and content.
    pub(crate) fn notes<'a>(&self, start: &'a [u8]) -> Vec<(&'a [u8], u64, &'a [u8])> {
        let mut notes = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.kind == SegmentKind::Note) {
            let range = usize::try_from(segment.start).ok().zip(usize::try_from(segment.end).ok());
            let end = |end: usize| end.min(start.len());
            let Some(mut rest) = range.and_then(|(from, to)| start.get(from..end(to))) else { continue };
            while let Some(header) = rest.get(..12) {
                let size =
                    |at: usize| usize::try_from(self.shape.number(&header[at..at + 4])).unwrap_or(usize::MAX);
                let (name, content) = (size(0), size(4));
                let kind = self.shape.number(&header[8..12]);
                let behind = |at: usize, length: usize| at.checked_add(length)?.checked_next_multiple_of(4);
                let Some(content_at) = behind(12, name) else { break };
                let Some(next) = behind(content_at, content) else { break };
                let body = content_at.checked_add(content).and_then(|end| rest.get(content_at..end));
                let (Some(owner), Some(body)) = (rest.get(12..12 + name), body) else { break };
                notes.push((owner.strip_suffix(b"\0").unwrap_or(owner), kind, body));
                rest = rest.get(next..).unwrap_or_default();
            }
        }
        notes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program with code, read-only data and writable data, each in a segment of its own.
    pub(crate) fn program(read_only: &[u8], writable: &[u8]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(64, 0);
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[40..48].copy_from_slice(&1_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&3_u16.to_le_bytes());
        let at = 8192 + read_only.len() as u64;
        let segments = [(5_u32, 0, 8192), (4, 8192, read_only.len() as u64), (6, at, writable.len() as u64)];
        for (flags, offset, size) in segments {
            file.extend([1_u32, flags].iter().flat_map(|n| n.to_le_bytes()));
            file.extend(
                [offset, 0x40_0000 + offset, 0, size, size, 4096].iter().flat_map(|n| n.to_le_bytes()),
            );
        }
        file.resize(8192, 0x90);
        file.extend_from_slice(read_only);
        file.extend_from_slice(writable);
        file.resize(file.len() + 5000, 1);
        file
    }

    /// A program of one's own: this one.
    #[test]
    fn the_headers_of_a_real_program_are_read() {
        let Ok(program) = std::fs::read("/proc/self/exe") else { return eprintln!("skipped: no /proc") };
        let header = Header::read(&program[..16 * 1024]).unwrap();
        assert_eq!((header.shape.bytes, header.has_sections), (size_of::<usize>(), true));
        assert!(header.segments.iter().any(|segment| segment.is_executable && !segment.is_writable));
        assert!(header.segments.iter().all(|segment| segment.end <= program.len() as u64));
        let notes = header.notes(&program[..16 * 1024]);
        assert!(
            notes.iter().any(|(owner, kind, id)| *owner == b"GNU" && *kind == 3 && id.len() == 20),
            "{notes:?}"
        );
    }

    #[test]
    fn headers_that_lie_lead_nowhere() {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(64, 0xff);
        assert_eq!(Header::read(&program), None);
        for length in 0..program.len() {
            Header::read(&program[..length]);
        }
        program.resize(16 * 1024, 0xff);
        program[32..40].copy_from_slice(&64_u64.to_le_bytes());
        let header = Header::read(&program);
        assert!(header.is_none_or(|header| header.notes(&program).is_empty()));
    }
}
