//! RubyGems: as `Gem::Version` compares it.
//!
//! Source: the documentation of `Gem::Version`. A version is runs of digits and runs of letters; a hyphen reads as
//! `.pre.`. Letters make a pre-release: they are older than any number and than the end, which counts as zeros without
//! number: `1.0.a < 1.0 = 1 < 1.0.1`. Zeros before the first letters do not count either: `1.0.a = 1.a`.
//!
//! A text that `Gem::Version` refuses is weak. If it begins with a digit, it is read by the same rules, all other
//! characters only parting the runs; else it sorts below every version, among its like in the order of the bytes. Only
//! the empty text is `0`, and not weak, as RubyGems has it.

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits, without_leading_zeros};

const UNREADABLE: u8 = 0;
const VERSION: u8 = 1;

// What comes next: the end counts as zeros for ever, so a number after some zeros is newer, letters are older.
const LETTERS: u8 = 0;
const END: u8 = 1;
const NUMBER: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let mut key = Writer::new();
    if text.starts_with(|c: char| !c.is_ascii_digit()) {
        key.tag(UNREADABLE);
        key.text(text.as_bytes());
        return VersionKey { bytes: key.into_bytes(), weak: true };
    }
    key.tag(VERSION);
    write_segments(&mut key, text.as_bytes());
    VersionKey { bytes: key.into_bytes(), weak: !text.is_empty() && !is_correct(text) }
}

/// Writes what is not zero, each behind the zeros that it follows: before letters many zeros are newer, before a number
/// they are older.
fn write_segments(key: &mut Writer, mut rest: &[u8]) {
    let mut zeros = 0;
    let mut is_release = true;
    loop {
        let (segment, after) = next_segment(rest);
        rest = after;
        match segment {
            [] => return key.tag(END),
            [b'0'..=b'9', ..] => {
                let number = without_leading_zeros(segment);
                if number.is_empty() {
                    zeros += 1;
                    continue;
                }
                key.tag(NUMBER);
                key.count_down(zeros);
                key.integer(number);
            }
            letters => {
                key.tag(LETTERS);
                key.count(if is_release { 0 } else { zeros });
                key.text(letters);
                is_release = false;
            }
        }
        zeros = 0;
    }
}

/// The next run of digits or of letters, or `pre` for a hyphen, and what follows it.
fn next_segment(text: &[u8]) -> (&[u8], &[u8]) {
    let text = &text[span(text, |byte| !byte.is_ascii_alphanumeric() && *byte != b'-')..];
    match text {
        [b'-', after @ ..] => (b"pre", after),
        [b'0'..=b'9', ..] => split_digits(text),
        _ => text.split_at(span(text, u8::is_ascii_alphabetic)),
    }
}

/// `number {.alphanumeric} [-identifiers]`, as in the pattern of `Gem::Version`.
fn is_correct(text: &str) -> bool {
    let (release, pre) = text.split_once('-').map_or((text, None), |(release, pre)| (release, Some(pre)));
    let (number, rest) = split_digits(release.as_bytes());
    let parts = |text: &[u8], also: &[u8]| {
        text.split(|&byte| byte == b'.').all(|part| {
            !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || also.contains(byte))
        })
    };
    !number.is_empty()
        && (rest.is_empty() || rest.strip_prefix(b".").is_some_and(|rest| parts(rest, b"")))
        && pre.is_none_or(|pre| parts(pre.as_bytes(), b"-"))
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Gem;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn letters_make_a_pre_release() {
        check_ladder(
            Gem,
            &["1.0.a", "1.0.a.2", "1.0.a10", "1.0.b1", "1.0", "1.0.1.a", "1.0.1", "1.1", "1.9", "1.10"],
        );
        check_ladder(Gem, &["1.0.0-", "1.0.0-1", "1.0.0.rc1", "1"]);
        check_ladder(Gem, &["1.0.A", "1.0.a", "1.0"]);
    }

    #[test]
    fn zeros_at_the_end_of_a_part_do_not_count() {
        check_equal(Gem, &["1", "1.0", "1.0.0", "01.00", " 1 "]);
        check_equal(Gem, &["1.a", "1.0.a", "1.0.0.a", "1.a.0", "1.0.a.0.0"]);
        check_equal(Gem, &["", "0", "0.0"]);
        check_equal(Gem, &["1-1", "1.pre.1", "1.0-1"]);
    }

    #[test]
    fn zeros_between_count_against_the_end() {
        check_ladder(Gem, &["1.a.b", "1.a.0.b", "1.a.0.0.b", "1.a", "1.a.0.0.1", "1.a.0.1", "1.a.1"]);
        check_ladder(Gem, &["1.0.0.1", "1.0.1", "1.1"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(Gem, &["1.18446744073709551615", "1.18446744073709551616", "99999999999999999999"]);
    }

    #[test]
    fn a_text_that_ruby_refuses_is_weak() {
        check_weak(Gem, &["junk", "1.", "1..2", "1_0", "v1.0", "1a", "1.2 beta", "1-", ".1", "1.é"]);
        check_ladder(Gem, &["", "1.2.beta"]);
        check_ladder(Gem, &["junk", "v1.0", "0.a", ""]);
    }
}
