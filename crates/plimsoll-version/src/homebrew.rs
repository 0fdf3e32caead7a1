//! Homebrew: as its `PkgVersion` orders it; also what has no rules of its own, such as the releases of Android and of Linux.
//!
//! Source: the tests and descriptions of Homebrew's `Version`. A version is numbers and words in a row, whatever parts them.
//! `alpha` < `beta` < `pre` < `rc` < the end < any other word < `p` < `.post` < a number; `a1` and `b1` are alpha and beta. Each
//! of the named words counts with the number behind it. Zeros before a word or the end say nothing: `2.1.0-p194 = 2.1-p194`.
//! A revision behind the last underscore counts last: `1.0 < 1.0_1`.
//!
//! Homebrew has no clear order between other words, `p` and `.post`; ours is as above. Weak is a text without a digit.

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits};

// What comes next, the older first.
const ALPHA: u8 = 1;
const BETA: u8 = 2;
const PRE: u8 = 3;
const RC: u8 = 4;
const END: u8 = 5;
const WORD: u8 = 6;
const PATCH: u8 = 7;
const POST: u8 = 8;
const NUMBER: u8 = 9;

/// The first that fits; the second flag says that a number must follow.
const WORDS: [(&[u8], u8, bool); 7] = [
    (b"alpha", ALPHA, false),
    (b"a", ALPHA, true),
    (b"beta", BETA, false),
    (b"b", BETA, true),
    (b"pre", PRE, false),
    (b"rc", RC, false),
    (b"p", PATCH, false),
];

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim().to_ascii_lowercase();
    let text =
        text.strip_prefix('v').filter(|bare| bare.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(&text);
    let (rest, revision) = match text.rsplit_once('_') {
        Some((rest, revision)) if !rest.is_empty() && is_number(revision) => (rest, revision),
        _ => (text, ""),
    };
    let mut key = Writer::new();
    write_tokens(&mut key, rest.as_bytes());
    key.integer(revision.as_bytes());
    VersionKey { bytes: key.into_bytes(), weak: !text.bytes().any(|byte| byte.is_ascii_digit()) }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn write_tokens(key: &mut Writer, mut rest: &[u8]) {
    let mut zeros = 0;
    loop {
        let is_separator = |byte: &u8| !byte.is_ascii_alphanumeric();
        let separators = span(rest, is_separator);
        let is_post = separators > 0 && rest[separators - 1..].starts_with(b".post");
        rest = &rest[separators..];
        let Some(first) = rest.first() else {
            return key.tag(END);
        };
        if first.is_ascii_digit() {
            let (digits, after) = split_digits(rest);
            rest = after;
            if digits.iter().all(|&digit| digit == b'0') {
                zeros += 1;
                continue;
            }
            key.tag(NUMBER);
            key.count_down(zeros);
            key.integer(digits);
            zeros = 0;
            continue;
        }
        zeros = 0;
        let named = WORDS.iter().find(|(name, _, needs_number)| {
            rest.starts_with(name) && (!needs_number || rest.get(name.len()).is_some_and(u8::is_ascii_digit))
        });
        let post_number = rest.get(4..).map_or(&b""[..], |after| split_digits(after).0);
        if is_post && !post_number.is_empty() {
            key.tag(POST);
            key.integer(post_number);
            rest = &rest[4 + post_number.len()..];
        } else if let Some((name, tag, _)) = named {
            let (digits, after) = split_digits(&rest[name.len()..]);
            key.tag(*tag);
            key.integer(digits);
            rest = after;
        } else {
            let (word, after) = rest.split_at(span(rest, u8::is_ascii_alphabetic));
            key.tag(WORD);
            key.text(word);
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Homebrew;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn words_lie_on_both_sides_of_the_end() {
        check_ladder(
            Homebrew,
            &[
                "2.1alpha",
                "2.1alpha3",
                "2.1b2",
                "2.1-pre1",
                "2.1.0-rc1",
                "2.1rc2",
                "2.1",
                "2.1-foo",
                "2.1-p194",
                "2.1-p195",
                "2.1.post1",
                "2.1.0.1",
                "2.1.1",
                "2.10",
            ],
        );
        check_equal(Homebrew, &["2.1.0-p194", "2.1-p194", "2.1_p194"]);
        check_equal(Homebrew, &["1", "1.0", "1.0.0", "1-0"]);
        check_ladder(Homebrew, &["1.0", "1.0_1", "1.0_10", "1.0.1"]);
    }

    #[test]
    fn releases_of_android_and_linux() {
        check_ladder(Homebrew, &["8.1", "10", "12", "12L", "13", "13:2023-05-01", "14-next", "15"]);
        check_ladder(
            Homebrew,
            &["2.6.32", "2.6.32.5", "4.19", "5.4-rc1", "v5.4", "5.4.0.1", "5.4.1", "5.10"],
        );
        check_ladder(Homebrew, &["1.99999999999999999999", "1.100000000000000000000"]);
    }

    #[test]
    fn a_text_without_a_number_is_weak() {
        check_weak(Homebrew, &["", "HEAD", "SoCVersion", "_"]);
    }
}
