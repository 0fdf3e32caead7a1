//! Byte ranges of both kinds: `Range` of a download (RFC 9110, 14) and `Content-Range` of an upload's chunk
//! (distribution specification, "Pushing a blob in chunks").

use std::ops::Range;

/// More ranges than this in one request are not served one by one; the client gets the whole.
const MAX_RANGES: usize = 1024;

/// What a download asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: no range was asked for, or none that is understood.
    Whole,
    /// These parts, none of them empty, none reaching past the end.
    Parts(Vec<Range<u64>>),
    /// Only parts that do not exist.
    Nothing,
}

/// Reads a `Range` header about content of `size` bytes.
///
/// A header that makes no sense is ignored, as the RFC has it, but for a reversed range, which the OCI's conformance suite
/// wants refused. Ranges that together are longer than the content would only make work for us: they get the whole.
pub(crate) fn wanted(header: &str, size: u64) -> Wanted {
    let Some(specifiers) = header.strip_prefix("bytes=") else { return Wanted::Whole };
    if specifiers.split(',').count() > MAX_RANGES {
        return Wanted::Whole;
    }
    let mut parts = Vec::new();
    for specifier in specifiers.split(',') {
        match part(specifier.trim(), size) {
            Some(part) if part.is_empty() => {}
            Some(part) => parts.push(part),
            None => return Wanted::Whole,
        }
    }
    let total = parts.iter().map(|part| part.end - part.start).fold(0, u64::saturating_add);
    match parts.len() {
        0 => Wanted::Nothing,
        2.. if total > size => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

/// `a-b`, `a-` or `-n`, cut to the content. Empty where nothing of it exists, `None` where it is no range.
fn part(specifier: &str, size: u64) -> Option<Range<u64>> {
    match specifier.split_once('-')? {
        ("", suffix) => Some(size.saturating_sub(position(suffix)?)..size),
        (first, "") => Some(position(first)?.min(size)..size),
        (first, last) => {
            let end = position(last)?.saturating_add(1).min(size);
            Some(position(first)?.min(end)..end)
        }
    }
}

/// The start and the length of an upload's chunk, from its `Content-Range`: plain `first-last`, both inclusive.
pub(crate) fn chunk(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.split_once('-')?;
    let (first, last) = (position(first)?, position(last)?);
    Some((first, last.checked_sub(first)?.checked_add(1)?))
}

/// A decimal number; one too large for 64 bits lies behind the end of everything.
fn position(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_cut_to_the_content() {
        for (header, part) in [
            ("bytes=2-4", 2..5),
            ("bytes=2-", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            ("bytes=8-99", 8..10),
            ("bytes=0-99999999999999999999999", 0..10),
        ] {
            assert_eq!(wanted(header, 10), Wanted::Parts(vec![part]), "{header}");
        }
    }

    #[test]
    fn what_does_not_exist_cannot_be_had() {
        for header in ["bytes=10-", "bytes=10-12", "bytes=5-0", "bytes=-0", "bytes=20-30,40-50"] {
            assert_eq!(wanted(header, 10), Wanted::Nothing, "{header}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2", "lines=1-2", "bytes=1-2,x"]
        {
            assert_eq!(wanted(header, 10), Wanted::Whole, "{header}");
        }
    }

    #[test]
    fn several_ranges_are_parts_unless_they_multiply_the_content() {
        #[allow(clippy::single_range_in_vec_init)]
        let one_left = Wanted::Parts(vec![0..2]);
        assert_eq!(wanted("bytes=0-1, 4-5", 10), Wanted::Parts(vec![0..2, 4..6]));
        assert_eq!(wanted("bytes=0-1,10-11", 10), one_left);
        assert_eq!(wanted("bytes=0-9,0-9", 10), Wanted::Whole);
        assert_eq!(wanted(&format!("bytes=0-0{}", ",1-1".repeat(MAX_RANGES)), 1 << 40), Wanted::Whole);
    }

    #[test]
    fn a_chunk_has_two_plain_ends() {
        assert_eq!(chunk("0-9"), Some((0, 10)));
        assert_eq!(chunk("7-7"), Some((7, 1)));
        for bad in
            ["", "-", "0-", "-9", "9-0", "bytes 0-9/10", "bytes=0-9", "0-9/10", "0-18446744073709551615"]
        {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
