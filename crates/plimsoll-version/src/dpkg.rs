//! Debian and its kin: `[epoch:]upstream[-revision]`, as dpkg compares it.
//!
//! Source: `deb-version(7)` and Debian Policy 5.6.12; in doubt, what `dpkg --compare-versions` answers. Upstream version
//! and revision are read as turns of a text without digits and a number. Texts compare by character: `~` comes before
//! everything, even the end; letters come before other characters. What is missing is empty or zero, so
//! `1.0 = 1.0-0 = 1.0-00`.
//!
//! A text is weak where dpkg calls its syntax bad. What dpkg only warns of (other characters, a letter in front) keeps
//! the place that dpkg gives it. What dpkg refuses gets this one: an empty text is below all others; an epoch that is no
//! number is read as the beginning of the upstream version; an empty upstream version or revision is `0`. Unlike dpkg we
//! have no largest epoch.

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits};

/// Nothing at all, where not even a version begins.
const NOTHING: u8 = 0;
const TILDE: u8 = 1;
/// The end of a text: after `~`, before everything else.
const END: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    let version = version.trim_ascii();
    let mut key = Writer::new();
    if version.is_empty() {
        key.integer(b"0");
        key.tag(NOTHING);
        return VersionKey { bytes: key.into_bytes(), weak: true };
    }

    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("0", version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    key.integer(epoch.as_bytes());
    write_part(&mut key, upstream.as_bytes());
    write_part(&mut key, revision.as_bytes());

    let good_epoch = rest.len() < version.len() || !version.contains(':');
    let weak = !(good_epoch && is_good_upstream(upstream) && is_good_revision(revision));
    VersionKey { bytes: key.into_bytes(), weak }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_good_upstream(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+~:".contains(&byte))
}

fn is_good_revision(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~".contains(&byte))
}

/// Upstream version or revision: texts and numbers by turns, and an end that sorts as the empty text would.
pub(crate) fn write_part(key: &mut Writer, mut part: &[u8]) {
    loop {
        let (text, rest) = part.split_at(span(part, |byte| !byte.is_ascii_digit()));
        let (number, rest) = split_digits(rest);
        for &byte in text {
            write_character(key, byte);
        }
        key.tag(END);
        key.integer(number);
        part = rest;
        if part.is_empty() {
            // Only the first text of a part can be empty: here an END stands for the empty rest of the part.
            return key.tag(END);
        }
    }
}

/// dpkg adds 256 to what is not a letter, and reads bytes beyond ASCII as negative: they land between the two.
fn write_character(key: &mut Writer, byte: u8) {
    match byte {
        b'~' => key.tag(TILDE),
        b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => key.tag(byte),
        _ => {
            key.tag(0xff);
            key.tag(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use crate::Scheme::Dpkg;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn a_tilde_comes_before_the_end_and_letters_before_the_rest() {
        check_ladder(Dpkg, &["1.0~~", "1.0~~a", "1.0~", "1.0~rc1", "1.0", "1.0a", "1.0b", "1.0+b1", "1.0.1"]);
        check_ladder(Dpkg, &["1.0~rc1-1", "1.0-1~bpo1", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0-10"]);
        check_ladder(Dpkg, &["2.36-9+deb12u4", "2.36-9+deb12u10", "2.36-10", "1:0.1"]);
        check_ladder(Dpkg, &["1.0A", "1.0Z", "1.0a", "1.0z", "1.0+"]);
    }

    #[test]
    fn what_is_missing_is_zero() {
        check_equal(Dpkg, &["1.0", "1.0-0", "1.0-00", "0:1.0", "00:1.00", "1.0-", " 1.0 "]);
        check_equal(Dpkg, &["1.", "1.0", "1.00"]);
        check_equal(Dpkg, &["0", "0-0", "00"]);
    }

    #[test]
    fn the_revision_follows_the_last_hyphen_and_the_epoch_the_first_colon() {
        check_ladder(Dpkg, &["1.0-1", "1.0-1-1", "1.0-2-1"]);
        check_ladder(Dpkg, &["9", "1:1", "1:1:1", "2:0", "10:0"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(Dpkg, &["1.20240101123456789012", "1.20240101123456789013", "1.120240101123456789012"]);
        check_ladder(Dpkg, &["1:1", "99999999999999999999:1", "100000000000000000000:0"]);
    }

    #[test]
    fn a_text_with_bad_syntax_is_weak_but_has_its_place() {
        check_weak(Dpkg, &["", "a:1", ":1", "1:", "1.0-", "1_0", "1 0", "a", "é", "1.0-1_2", "1.0-1:2"]);
        check_ladder(Dpkg, &["", "~", "0", "1", "1.0a", "1.0é", "1.0+", "1.0_1"]);
    }

    /// deb-version(7) word for word: compare character by character, then number by number, until something differs.
    fn by_the_manual(mut a: &[u8], mut b: &[u8]) -> Ordering {
        let weight = |byte: Option<&u8>| match byte {
            Some(b'~') => -1,
            None | Some(b'0'..=b'9') => 0,
            Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
            Some(other) => i32::from(*other) + 256,
        };
        while !a.is_empty() || !b.is_empty() {
            while a.first().is_some_and(|x| !x.is_ascii_digit())
                || b.first().is_some_and(|x| !x.is_ascii_digit())
            {
                match weight(a.first()).cmp(&weight(b.first())) {
                    Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                    unequal => return unequal,
                }
            }
            let number = |text: &mut &[u8]| -> u128 {
                let (digits, rest) = crate::encode::split_digits(text);
                *text = rest;
                digits.iter().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
            };
            match number(&mut a).cmp(&number(&mut b)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        Ordering::Equal
    }

    proptest! {
        #[test]
        fn keys_order_as_the_manual_does(a in "[0-9]{0,2}[01a~+.Z]{0,9}", b in "[0-9]{0,2}[01a~+.Z]{0,9}") {
            prop_assume!(!a.is_empty() && !b.is_empty());
            prop_assert_eq!(Dpkg.compare(&a, &b), by_the_manual(a.as_bytes(), b.as_bytes()));
        }
    }
}
