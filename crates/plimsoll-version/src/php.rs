//! PHP: `version_compare`.
//!
//! Source: the manual of `version_compare`; in doubt, what PHP 8.2 answers. A version is runs of digits and runs of letters,
//! parted by anything else. A word counts only by what it begins with: any other word < `dev` < `alpha`, `a` < `beta`, `b` <
//! `RC`, `rc` < the end < a number < `pl`, `p`. So `1.0rc1 < 1.0 < 1.0.0 < 1.0pl1`, and `preview` is a `p`.
//!
//! PHP's order contradicts itself where a version ends with a dot (`1. < 1.dev` and `1.dev < 1.`), which for us comes before
//! everything that could follow, and where it has a `#`, which PHP takes for any number and we for zero. Both are weak, and
//! so is a text without a digit in front.

use crate::VersionKey;
use crate::encode::{Writer, split_digits};

// What comes next, the older first.
const NOTHING: u8 = 0;
const OTHER_WORD: u8 = 1;
const END: u8 = 6;
const NUMBER: u8 = 7;
/// What a word begins with; the first that fits.
const WORDS: [(&[u8], u8); 10] = [
    (b"dev", 2),
    (b"alpha", 3),
    (b"a", 3),
    (b"beta", 4),
    (b"b", 4),
    (b"RC", 5),
    (b"rc", 5),
    (b"#", NUMBER),
    (b"pl", 8),
    (b"p", 8),
];

pub(crate) fn key(version: &str) -> VersionKey {
    let weak = !version.starts_with(|c: char| c.is_ascii_digit()) || version.contains('#');
    let mut key = Writer::new();
    let ends_with_dot = write(&mut key, version.as_bytes());
    VersionKey { bytes: key.into_bytes(), weak: weak || ends_with_dot }
}

/// Writes the parts of a version. True if the order is our own, since PHP has none.
pub(crate) fn write(key: &mut Writer, version: &[u8]) -> bool {
    let canonical = canonical(version);
    if canonical.is_empty() {
        key.tag(NOTHING);
        return false;
    }
    let mut rest = canonical.as_slice();
    loop {
        let dot = rest.iter().position(|&byte| byte == b'.');
        let part = &rest[..dot.unwrap_or(rest.len())];
        if part.first().is_some_and(u8::is_ascii_digit) {
            key.tag(NUMBER);
            key.integer(split_digits(part).0);
        } else {
            let word = WORDS.iter().find(|(name, _)| part.starts_with(name));
            key.tag(word.map_or(OTHER_WORD, |(_, tag)| *tag));
            if word.is_some_and(|(_, tag)| *tag == NUMBER) {
                key.integer(b"");
            }
        }
        match dot {
            None => {
                key.tag(END);
                return false;
            }
            Some(dot) if dot + 1 == rest.len() => {
                key.tag(NOTHING);
                return true;
            }
            Some(dot) => rest = &rest[dot + 1..],
        }
    }
}

/// The version with single dots between its parts. The first character stays whatever it is, and so does one behind a digit.
fn canonical(version: &[u8]) -> Vec<u8> {
    let Some((&first, rest)) = version.split_first() else { return Vec::new() };
    let mut parts = Vec::with_capacity(version.len() + 8);
    parts.push(first);
    let is_separator = |byte: u8| matches!(byte, b'-' | b'_' | b'+');
    let mut last = first;
    for &byte in rest {
        let from_word = !last.is_ascii_digit() && last != b'.' && !is_separator(last);
        let turns = (from_word && byte.is_ascii_digit())
            || (last.is_ascii_digit() && !byte.is_ascii_digit() && byte != b'.');
        let keeps = !is_separator(byte) && (turns || byte.is_ascii_alphanumeric());
        if (turns || !keeps) && parts.last() != Some(&b'.') {
            parts.push(b'.');
        }
        if keeps {
            parts.push(byte);
        }
        last = byte;
    }
    parts
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Php;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn words_lie_on_both_sides_of_the_end() {
        check_ladder(
            Php,
            &[
                "", "1foo", "1dev", "1alpha1", "1alpha2", "1beta", "1RC1", "1rc2", "1", "1.0", "1.0.0",
                "1.0pl1", "1.1", "1.10", "1pl1",
            ],
        );
        check_ladder(Php, &["5.2", "5.2.0rc1", "5.2.0", "5.2.0pl1", "5.2.1"]);
    }

    #[test]
    fn a_word_counts_by_what_it_begins_with() {
        check_equal(Php, &["1.0beta2", "1.0-b2", "1.0_b+2", "1.0.bogus.2"]);
        check_equal(Php, &["1.0pl1", "1.0p1", "1.0preview1", "1.0-patch1"]);
        check_equal(Php, &["1.0foo", "1.0 bar", "1.0~"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(Php, &["1.18446744073709551615", "1.18446744073709551616", "99999999999999999999"]);
    }

    #[test]
    fn what_begins_or_ends_oddly_is_weak() {
        check_weak(Php, &["", "v1", "-1", "1.", "1-", "#"]);
        check_ladder(Php, &["1.", "1.foo", "1.dev", "1", "1.0"]);
    }
}
