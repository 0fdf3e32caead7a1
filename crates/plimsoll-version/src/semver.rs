//! Semantic Versioning 2.0.0, as npm and crates.io use it.
//!
//! Source: <https://semver.org/spec/v2.0.0.html>, section 11. Build metadata does not count. Pre-releases take part in
//! the plain order, since advisories are evaluated by it: `2.0.0-rc.1` lies below `2.0.0` and is in a range that ends there.
//!
//! Advisories and manifests are written by people, so this much is read without complaint: white space, `v` and `=` in
//! front, leading zeros, and partial versions, filled with zeros (`1.2` is `1.2.0`). What is weak:
//! - a fourth number and more, compared as numbers, zero where missing: `1.2.3 = 1.2.3.0 < 1.2.3.1`;
//! - anything else behind the numbers, read as a pre-release: `1.2.3rc1` is `1.2.3-rc1`, `1.2.x` is `1.2.0-x`;
//! - odd characters or nothing at all in an identifier, compared as text;
//! - a text without a number in front, such as `main`: below every version, among its like in the order of the bytes.

use crate::VersionKey;
use crate::encode::{Writer, split_digits, without_leading_zeros};

const UNREADABLE: u8 = 0;
const VERSION: u8 = 1;

const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;
const ANOTHER_NUMBER: u8 = 2;

const LAST: u8 = 0;
const NUMERIC: u8 = 1;
const ALPHANUMERIC: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    let text =
        version.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, 'v' | 'V' | '=')).trim_end();
    let (text, _build) = text.split_once('+').unwrap_or((text, ""));
    let Some((numbers, rest)) = split_numbers(text.as_bytes()) else {
        return unreadable(version);
    };
    let (pre_release, well_formed) = split_pre_release(rest);
    VersionKey { bytes: write(&numbers, pre_release), weak: !well_formed || numbers.len() > 3 }
}

/// What follows the numbers, as a pre-release, and whether it is well-formed.
pub(crate) fn split_pre_release(rest: &[u8]) -> (Option<&[u8]>, bool) {
    match rest {
        [] => (None, true),
        [b'-', pre_release @ ..] => (Some(pre_release), are_identifiers(pre_release)),
        [b'.' | b'_', loose @ ..] | loose => (Some(loose), false),
    }
}

/// The key of a text that is no version at all: below all that are.
pub(crate) fn unreadable(text: &str) -> VersionKey {
    let mut key = Writer::new();
    key.tag(UNREADABLE);
    key.text(text.as_bytes());
    VersionKey { bytes: key.into_bytes(), weak: true }
}

/// The key of the given numbers, of which at least three count, and of a pre-release with its identifiers between dots.
pub(crate) fn write(numbers: &[&[u8]], pre_release: Option<&[u8]>) -> Vec<u8> {
    let mut key = Writer::new();
    write_numbers(&mut key, numbers);
    match pre_release {
        Some(pre_release) => {
            key.tag(PRE_RELEASE);
            write_identifiers(&mut key, pre_release);
        }
        None => key.tag(RELEASE),
    }
    key.into_bytes()
}

/// The beginning of a key. What follows it must be below [`ANOTHER_NUMBER`].
pub(crate) fn write_numbers(key: &mut Writer, numbers: &[&[u8]]) {
    key.tag(VERSION);
    let significant = numbers.iter().rposition(|number| !number.is_empty()).map_or(0, |last| last + 1);
    for position in 0..significant.max(3) {
        if position >= 3 {
            key.tag(ANOTHER_NUMBER);
        }
        key.integer(numbers.get(position).copied().unwrap_or_default());
    }
}

/// Identifiers between dots: numbers before texts, fewer before more.
pub(crate) fn write_identifiers(key: &mut Writer, identifiers: &[u8]) {
    for identifier in identifiers.split(|&byte| byte == b'.') {
        if !identifier.is_empty() && identifier.iter().all(u8::is_ascii_digit) {
            key.tag(NUMERIC);
            key.integer(identifier);
        } else {
            key.tag(ALPHANUMERIC);
            key.text(identifier);
        }
    }
    key.tag(LAST);
}

/// The numbers between dots at the beginning, without leading zeros, and what follows. None if there is no number.
pub(crate) fn split_numbers(text: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let mut numbers = Vec::with_capacity(3);
    let mut rest = text;
    loop {
        let (digits, after) = split_digits(rest);
        if digits.is_empty() {
            return None;
        }
        numbers.push(without_leading_zeros(digits));
        match after {
            [b'.', b'0'..=b'9', ..] => rest = &after[1..],
            _ => return Some((numbers, after)),
        }
    }
}

pub(crate) fn are_identifiers(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'.').all(|identifier| {
        !identifier.is_empty() && identifier.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Semver;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn the_ladder_of_the_specification() {
        check_ladder(Semver, &["1.0.0", "2.0.0", "2.1.0", "2.1.1"]);
        check_ladder(
            Semver,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-beta",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0",
            ],
        );
    }

    #[test]
    fn identifiers_compare_by_their_kind() {
        check_ladder(
            Semver,
            &[
                "1.0.0-0",
                "1.0.0-0.0",
                "1.0.0-1",
                "1.0.0-1-",
                "1.0.0-A",
                "1.0.0-a",
                "1.0.0-a.b",
                "1.0.0-a-b",
                "1.0.0-a1",
            ],
        );
        check_ladder(
            Semver,
            &["1.0.0-99999999999999999999", "1.0.0-100000000000000000000", "1.0.0--1", "1.0.0"],
        );
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(
            Semver,
            &["1.18446744073709551615.0", "1.18446744073709551616.0", "99999999999999999999.0.0"],
        );
    }

    #[test]
    fn spelling_and_build_metadata_do_not_count() {
        check_equal(
            Semver,
            &["1.2.0", "v1.2.0", "=1.2.0", " = v1.2.0 ", "1.2", "1.2.0+build.5", "01.2.0+0-a"],
        );
        check_equal(Semver, &["1.0.0-rc.1", "1-rc.1", "1.0.0-rc.01", "1.0.0-rc.1+x-y"]);
    }

    #[test]
    fn what_is_no_version_is_weak_but_has_its_place() {
        check_weak(
            Semver,
            &["", "main", "*", "1.2.x", "1.2.3.4", "1.2.3rc1", "1.0.0-", "1.0.0-a..b", "1.2.", "1.0.0-é"],
        );
        check_ladder(Semver, &["", "latest", "main", "0.0.0-0", "0.0.0"]);
        check_ladder(Semver, &["1.2.3-rc1", "1.2.3", "1.2.3.0.1", "1.2.3.1-rc", "1.2.3.1", "1.2.4-0"]);
        check_equal(Semver, &["1.2.3rc1", "1.2.3.rc1", "1.2.3-rc1"]);
        check_equal(Semver, &["1.2.3", "1.2.3.0", "1.2.3.0.0"]);
    }
}
