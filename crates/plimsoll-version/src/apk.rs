//! Alpine and its kin: `digits{.digits}[letter]{_suffix[digits]}[~hash][-rN]`, as apk-tools 2.14 compares it.
//!
//! Source: apk-package(5); in doubt, what `apk version -t` of apk-tools 2.14.4 answers. A version is read token by token,
//! the value of a token first and then the kind of the next one. Of two versions that are equal so far, the one whose
//! next token has the earlier [`Kind`] is older: `1.2_rc1 < 1.2 < 1.2-r0 < 1.2_p1 < 1.2a < 1.2.1`. A component after the
//! first is older the more zeros it begins with, like a fraction, and otherwise a number: `1.001 < 1.02 < 1.010 < 1.1`.
//! (apk-tools 3 compares such components as text, `1.010 < 1.02`; we do not.)
//!
//! A text is weak where apk calls it invalid. It keeps the place that apk gives it: reading stops at the first token
//! that cannot be, and what stopped there is equal to all that stopped there and newer than all that went on or ended
//! (but an unknown suffix counts as `_rc` that stopped). Empty text is `0`.
//!
//! Two differences from apk-tools 2.14: numbers have no bound (apk rejects those of 18 digits and more), and the commit
//! hash of apk-tools 3 is understood, after the suffixes and before the revision, compared as text.

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits, without_leading_zeros};

/// What kind of token comes next, the older version first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `_alpha` to `_rc`, or an unknown suffix.
    PreSuffix = 1,
    End,
    Revision,
    Hash,
    SuffixNumber,
    /// `_cvs` to `_p`.
    Suffix,
    Letter,
    /// The digits after a run of zeros, or after a letter.
    Digits,
    /// The digits after a dot.
    Component,
    Invalid,
}

const PRE_SUFFIXES: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const SUFFIXES: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

pub(crate) fn key(version: &str) -> VersionKey {
    let mut key = Writer::new();
    let mut rest = version.as_bytes();
    let mut kind = Kind::Digits;
    let valid = loop {
        let next = write_value(&mut key, kind, &mut rest);
        key.tag(next as u8);
        match next {
            Kind::End => break !version.is_empty(),
            Kind::Invalid => break false,
            _ => kind = next,
        }
    };
    VersionKey { bytes: key.into_bytes(), weak: !valid }
}

/// Writes the value of a token and tells which kind of token follows.
fn write_value(key: &mut Writer, kind: Kind, rest: &mut &[u8]) -> Kind {
    match kind {
        Kind::Component => {
            let zeros = span(rest, |&byte| byte == b'0');
            if zeros > 0 {
                // All zeros but the last make the value negative; the last one begins a number of its own.
                write_component(key, zeros - 1, b"");
                *rest = &rest[zeros - 1..];
                return Kind::Digits;
            }
            write_component(key, 0, take_digits(rest));
        }
        Kind::Letter => {
            key.tag(rest[0]);
            *rest = &rest[1..];
        }
        Kind::PreSuffix | Kind::Suffix => {
            let (_, position, length) = suffix(rest);
            key.tag(position);
            if length == 0 && !rest.is_empty() {
                return Kind::Invalid;
            }
            *rest = &rest[length..];
        }
        Kind::Hash => {
            let (hash, after) = rest.split_at(span(rest, u8::is_ascii_hexdigit));
            if hash.is_empty() {
                return Kind::Invalid;
            }
            key.text(hash);
            *rest = after;
        }
        _ => key.integer(take_digits(rest)),
    }
    next_kind(kind, rest)
}

/// The value of a component: minus the zeros before its last zero, or its number.
fn write_component(key: &mut Writer, zeros: usize, digits: &[u8]) {
    if zeros > 0 {
        key.tag(0);
        key.count_down(zeros);
    } else {
        key.tag(1);
        key.integer(digits);
    }
}

fn take_digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (digits, after) = split_digits(rest);
    *rest = after;
    without_leading_zeros(digits)
}

/// Reads the character that begins the next token, and what may follow what.
fn next_kind(kind: Kind, rest: &mut &[u8]) -> Kind {
    let is_number = matches!(kind, Kind::Digits | Kind::Component);
    let is_suffix = matches!(kind, Kind::PreSuffix | Kind::Suffix);
    let (next, skipped) = match **rest {
        [] => (Kind::End, 0),
        [b'a'..=b'z', ..] if is_number => (Kind::Letter, 0),
        [b'0'..=b'9', ..] if kind == Kind::Letter => (Kind::Digits, 0),
        [b'0'..=b'9', ..] if is_suffix => (Kind::SuffixNumber, 0),
        [b'.', ..] if is_number => (Kind::Component, 1),
        [b'_', ..] if is_number || is_suffix || matches!(kind, Kind::Letter | Kind::SuffixNumber) => {
            (suffix(&rest[1..]).0, 1)
        }
        [b'~', ..] if !matches!(kind, Kind::Hash | Kind::Revision) => (Kind::Hash, 1),
        [b'-', b'r', ..] => (Kind::Revision, 2),
        _ => (Kind::Invalid, 0),
    };
    *rest = &rest[skipped..];
    next
}

/// The suffix at the beginning of the text: its kind, its place among its kind, its length.
fn suffix(text: &[u8]) -> (Kind, u8, usize) {
    let find = |names: &[&str]| names.iter().position(|name| text.starts_with(name.as_bytes()));
    if let Some(position) = find(&PRE_SUFFIXES) {
        return (Kind::PreSuffix, position as u8, PRE_SUFFIXES[position].len());
    }
    if let Some(position) = find(&SUFFIXES) {
        return (Kind::Suffix, position as u8, SUFFIXES[position].len());
    }
    // apk takes nothing at all for the first of the later suffixes, and anything unknown for the last of the earlier ones.
    match text {
        [] => (Kind::Suffix, 0, 0),
        _ => (Kind::PreSuffix, PRE_SUFFIXES.len() as u8 - 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Apk;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn suffixes_lie_on_both_sides_of_the_version() {
        check_ladder(
            Apk,
            &[
                "1.2_alpha",
                "1.2_alpha1",
                "1.2_beta",
                "1.2_pre3",
                "1.2_rc1",
                "1.2_rc1-r1",
                "1.2_rc2",
                "1.2_rc10",
                "1.2",
                "1.2-r0",
                "1.2-r1",
                "1.2-r10",
                "1.2_cvs1",
                "1.2_svn1",
                "1.2_git20200101",
                "1.2_hg1",
                "1.2_p",
                "1.2_p1",
                "1.2_p2",
                "1.2a",
                "1.2a1",
                "1.2b",
                "1.2.0",
                "1.2.1",
                "1.3",
            ],
        );
        check_ladder(Apk, &["1.2_p1_rc1", "1.2_p1", "1.2_p1-r1", "1.2_p1_p1", "1.2_p2"]);
        check_ladder(Apk, &["3.0.0_rc1", "3.0.0", "3.0.1", "3.0.10"]);
    }

    #[test]
    fn leading_zeros_of_later_components_are_fractions() {
        check_ladder(Apk, &["1", "1.000", "1.00", "1.0", "1.1", "1.9", "1.10"]);
        check_ladder(Apk, &["1.001", "1.01", "1.02", "1.010", "1.1"]);
        check_equal(Apk, &["1", "01", "001"]);
        check_equal(Apk, &["1_rc1-r1", "1_rc01-r01"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(
            Apk,
            &["1.99999999999999999999", "1.100000000000000000000", "2", "99999999999999999999"],
        );
    }

    #[test]
    fn a_commit_hash_stands_before_the_revision() {
        check_ladder(Apk, &["1.2", "1.2-r3", "1.2~aa", "1.2~aa-r1", "1.2~ab-r0", "1.2_p1", "1.2_p1~aa"]);
    }

    #[test]
    fn oddities_that_apk_accepts() {
        check_equal(Apk, &["1.2_", "1.2_cvs"]);
        check_equal(Apk, &["1-r", "1-r0"]);
        check_equal(Apk, &["a", "0a"]);
        check_ladder(Apk, &["1", "1.00", "1.", "1.0", "1..", "1..2", "1.1"]);
    }

    #[test]
    fn a_text_that_apk_rejects_is_weak_and_newer_than_what_it_begins_with() {
        check_weak(
            Apk,
            &["", "1.2_foo", "1.2A", "1.2-1", "1.2+x", "foo", "1~", "1.2aa", "1.2:3", "1-r1.2", "1~aa~bb"],
        );
        check_equal(Apk, &["1.2-1", "1.2-2", "1.2+x"]);
        check_equal(Apk, &["1.2_foo", "1.2_bar"]);
        check_ladder(Apk, &["1.2_rc", "1.2_rc1", "1.2_foo", "1.2", "1.2.1", "1.2+x", "1.3"]);
    }
}
