//! The RPM family: `[epoch:]version[-release]`, as rpm compares it.
//!
//! Source: `rpmvercmp` and `rpmVersionCompare` of rpm 4.18, and rpm-version(7). Version and release are runs of digits and
//! runs of letters; everything else only parts them. Digits are newer than letters, more is newer than less. `~` comes
//! before everything, even the end; `^` comes after the end and before everything else:
//! `1.0~rc1 < 1.0 < 1.0^git1 < 1.0a < 1.0.1`.
//!
//! A missing epoch is `0`. A missing release sorts before every release, as in rpm's label comparison; that a missing
//! release equals every release, as a dependency would have it, is no order: `1.0-1 = 1.0 = 1.0-2`.
//!
//! rpm reads any text. Weak is one without a letter or a digit in its version.

use crate::encode::{Writer, span, split_digits};
use crate::{VersionKey, evr};

// What a version goes on with, the older first.
const TILDE: u8 = 1;
const END: u8 = 2;
const CARET: u8 = 3;
const LETTERS: u8 = 4;
const DIGITS: u8 = 5;

pub(crate) fn key(version: &str) -> VersionKey {
    evr::key(version, write_segments, |version| !version.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

fn write_segments(key: &mut Writer, mut rest: &[u8]) {
    let is_separator = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^');
    loop {
        rest = &rest[span(rest, is_separator)..];
        rest = match rest {
            [] => return key.tag(END),
            [b'~', after @ ..] => {
                key.tag(TILDE);
                after
            }
            [b'^', after @ ..] => {
                key.tag(CARET);
                after
            }
            [b'0'..=b'9', ..] => {
                let (digits, after) = split_digits(rest);
                key.tag(DIGITS);
                key.integer(digits);
                after
            }
            _ => {
                let (letters, after) = rest.split_at(span(rest, u8::is_ascii_alphabetic));
                key.tag(LETTERS);
                key.text(letters);
                after
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Rpm;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn tilde_and_caret_stand_around_the_end() {
        check_ladder(
            Rpm,
            &["1.0~~", "1.0~rc1", "1.0~rc1^git1", "1.0", "1.0^", "1.0^git1~pre", "1.0^git1", "1.0a", "1.0.1"],
        );
    }

    #[test]
    fn digits_are_newer_than_letters_and_more_is_newer_than_less() {
        check_ladder(
            Rpm,
            &["1.0", "1.0.a", "1.0.ab", "1.0.b", "1.0.0", "1.0.1", "1.0.10", "1.0.99999999999999999999"],
        );
        check_ladder(Rpm, &["fc4", "fc4.a", "fc10", "10", "10abc"]);
    }

    #[test]
    fn separators_only_part() {
        check_equal(Rpm, &["1.0", "1_0", "1..0", "1.0.", "1+0", "1.é0", "01.00"]);
        check_equal(Rpm, &["1.1.α", "1.1.β", "1.1."]);
        check_equal(Rpm, &["1a2", "1.a.2"]);
    }

    #[test]
    fn epoch_version_release() {
        check_ladder(Rpm, &["2.0-1", "1:1.0", "1:1.0-1.el8", "1:1.0-1.el8_4", "1:1.0-2.el8", "2:0"]);
        check_equal(Rpm, &["0:1.0-1", "1.0-1", ":1.0-1"]);
        check_ladder(Rpm, &["1.0", "1.0-", "1.0-0", "1.0-1"]);
        check_ladder(Rpm, &["4.18.0-147.el8", "4.18.0-147.0.3.el8_1", "4.18.0-193.el8"]);
    }

    #[test]
    fn a_version_without_letter_or_digit_is_weak() {
        check_weak(Rpm, &["", "-1", "1:", "..", "~"]);
    }
}
