//! Gentoo: as `vercmp` of Portage orders it.
//!
//! Source: the Package Manager Specification, "Version Comparison"; in doubt, what Portage answers. Numbers between dots, more
//! being newer than fewer; those after the first that begin with a zero compare as fractions (`1.02 < 1.1`, `1.010 = 1.01`);
//! a letter; suffixes `_alpha < _beta < _pre < _rc < none < _p`, each with a number; a revision `-r1`.
//!
//! Everything else is weak: what cannot be read comes behind the version in front of it, in the order of the bytes.

use crate::VersionKey;
use crate::encode::{Writer, split_digits};

// What comes after a number, the older first.
const END: u8 = 0;
const FRACTION: u8 = 1;
const NUMBER: u8 = 2;

const NO_LETTER: u8 = 0;

// The longer name first where one begins with another. None at all stands between `_rc` and `_p`.
const SUFFIXES: [(&[u8], u8); 5] = [(b"alpha", 1), (b"beta", 2), (b"pre", 3), (b"rc", 4), (b"p", 6)];
const NO_SUFFIX: u8 = 5;

const REST: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let mut key = Writer::new();
    let (first, mut rest) = split_digits(version.trim().as_bytes());
    let mut weak = first.is_empty();
    key.integer(first);
    while let [b'.', b'0'..=b'9', ..] = rest {
        let (digits, after) = split_digits(&rest[1..]);
        if digits[0] == b'0' {
            let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
            key.tag(FRACTION);
            key.text(&digits[..significant]);
        } else {
            key.tag(NUMBER);
            key.integer(digits);
        }
        rest = after;
    }
    key.tag(END);
    match rest {
        [letter @ b'a'..=b'z', after @ ..] => {
            key.tag(*letter);
            rest = after;
        }
        _ => key.tag(NO_LETTER),
    }
    while let Some((name, tag)) =
        rest.strip_prefix(b"_").and_then(|text| SUFFIXES.iter().find(|(name, _)| text.starts_with(name)))
    {
        let (digits, after) = split_digits(&rest[1 + name.len()..]);
        key.tag(*tag);
        key.integer(digits);
        rest = after;
    }
    key.tag(NO_SUFFIX);
    let revision = rest.strip_prefix(b"-r").map(split_digits).filter(|(digits, _)| !digits.is_empty());
    key.integer(revision.map_or(&b""[..], |(digits, _)| digits));
    rest = revision.map_or(rest, |(_, after)| after);
    if rest.is_empty() {
        key.tag(END);
    } else {
        weak = true;
        key.tag(REST);
        key.text(rest);
    }
    VersionKey { bytes: key.into_bytes(), weak }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Portage;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn numbers_letters_suffixes_revision() {
        check_ladder(
            Portage,
            &[
                "1.2_alpha",
                "1.2_alpha1",
                "1.2_beta",
                "1.2_pre2",
                "1.2_rc1",
                "1.2_rc1-r1",
                "1.2",
                "1.2-r1",
                "1.2_p",
                "1.2_p1",
                "1.2b",
                "1.2b_p1",
                "1.2.0",
                "1.2.1",
                "1.10",
                "12.2b",
                "12.2.5",
                "20240101",
            ],
        );
        check_ladder(Portage, &["1.2_p1_alpha", "1.2_p1", "1.2_p1_p", "1.2_p2"]);
    }

    #[test]
    fn a_leading_zero_makes_a_fraction() {
        check_ladder(Portage, &["1", "1.0", "1.001", "1.01", "1.02", "1.1", "1.9", "1.10"]);
        check_equal(Portage, &["1.010", "1.01"]);
        check_equal(Portage, &["1.0", "1.00"]);
        check_equal(Portage, &["01.2", "1.2"]);
    }

    #[test]
    fn missing_numbers_are_zero() {
        check_equal(Portage, &["1_p", "1_p0", "1_p0-r0"]);
        check_equal(Portage, &["1", "1-r0", "1-r00"]);
        check_ladder(Portage, &["1.99999999999999999999", "1.100000000000000000000"]);
    }

    #[test]
    fn the_rest_is_weak() {
        check_weak(Portage, &["", "1.", "1.2A", "1.2ab", "1.2_foo", "1.2-1", "1.2-r", "v1", "9999-live"]);
        check_ladder(Portage, &["", "x", "1.2", "1.2_foo", "1.2-r1", "1.2_p"]);
    }
}
