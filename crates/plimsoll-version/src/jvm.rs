//! Java's own runtime, in its three ways to count: `8u392`, `1.8.0_392`, `11.0.2+9`.
//!
//! Source: JEP 223 and JEP 322, and `Runtime.Version` without what it calls optional. Numbers between dots, zeros at the end
//! not counting; a pre-release behind a hyphen (`21-ea`), older than none; a build behind a plus, newer than none: `21-ea+9 <
//! 21 < 21+35 < 21.0.1+12`. What follows the build behind a hyphen (`-LTS`) does not count.
//!
//! Until Java 8 the feature was the second number, and the update stood behind an underscore or a `u`: `1.8.0_392-b08`,
//! `8u392-b08` and `8.0.392+8` are one. `jdk` in front is left out.
//!
//! Everything else is weak: what cannot be read comes behind the version in front of it, in the order of the bytes.

use crate::VersionKey;
use crate::encode::{Writer, split_digits, without_leading_zeros};

// What comes behind the numbers, below another number.
const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;
const ANOTHER: u8 = 2;

const NUMERIC: u8 = 0;
const ALPHANUMERIC: u8 = 1;

const NO_BUILD: u8 = 0;
const BUILD: u8 = 1;

const END: u8 = 0;
const REST: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let text = text.strip_prefix("jdk").map_or(text, |text| text.strip_prefix('-').unwrap_or(text));
    let (numbers, rest) = numbers(text.as_bytes());
    let (pre_release, rest) = match rest {
        [b'-', after @ ..] if build_word(after).is_none() && word_length(after) > 0 => {
            let (word, after) = after.split_at(word_length(after));
            (Some(word), after)
        }
        _ => (None, rest),
    };
    let (build, rest) = build(rest);
    let is_optional =
        |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let rest = match rest {
        [b'-', optional @ ..] if build.is_some() && !optional.is_empty() && is_optional(optional) => &[][..],
        [b'+', b'-', optional @ ..] if !optional.is_empty() && is_optional(optional) => &[],
        _ => rest,
    };

    let mut key = Writer::new();
    let significant = numbers.iter().rposition(|number| !number.is_empty()).map_or(0, |last| last + 1);
    for number in &numbers[..significant] {
        key.tag(ANOTHER);
        key.integer(number);
    }
    match pre_release {
        Some(word) => {
            key.tag(PRE_RELEASE);
            if word.iter().all(u8::is_ascii_digit) {
                key.tag(NUMERIC);
                key.integer(word);
            } else {
                key.tag(ALPHANUMERIC);
                key.text(word);
            }
        }
        None => key.tag(RELEASE),
    }
    match build {
        Some(build) => {
            key.tag(BUILD);
            key.integer(build);
        }
        None => key.tag(NO_BUILD),
    }
    if rest.is_empty() {
        key.tag(END);
    } else {
        key.tag(REST);
        key.text(rest);
    }
    VersionKey { bytes: key.into_bytes(), weak: numbers.is_empty() || !rest.is_empty() }
}

/// The numbers in the modern way, without leading zeros, and what follows them.
fn numbers(text: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut numbers: Vec<&[u8]> = Vec::with_capacity(4);
    let mut rest = text;
    let mut is_old = false;
    loop {
        let (digits, after) = split_digits(rest);
        if digits.is_empty() {
            return (numbers, rest);
        }
        numbers.push(without_leading_zeros(digits));
        rest = after;
        match after {
            [b'.', b'0'..=b'9', ..] => {
                // `1.8` is Java 8; there is no Java 1 that counts the modern way.
                if numbers.len() == 1 && numbers[0] == b"1" {
                    is_old = true;
                    numbers.clear();
                }
                rest = &after[1..];
            }
            [b'u', b'0'..=b'9', ..] if numbers.len() == 1 && !is_old => {
                numbers.push(b"");
                rest = &after[1..];
            }
            [b'_', b'0'..=b'9', ..] if is_old && numbers.len() <= 2 => {
                numbers.resize(2, b"");
                rest = &after[1..];
            }
            _ => return (numbers, rest),
        }
    }
}

/// The build behind a plus, or in the old way as `-b08`, and what follows it.
fn build(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match text {
        [b'+', after @ ..] if after.first().is_some_and(u8::is_ascii_digit) => {
            let (digits, after) = split_digits(after);
            (Some(digits), after)
        }
        [b'-', after @ ..] => match build_word(after) {
            Some(digits) => (Some(digits), &after[1 + digits.len()..]),
            None => (None, text),
        },
        _ => (None, text),
    }
}

/// The digits of `b08`, if the word is one of these.
fn build_word(text: &[u8]) -> Option<&[u8]> {
    let (digits, after) = split_digits(text.strip_prefix(b"b")?);
    let ends = !after.first().is_some_and(u8::is_ascii_alphanumeric);
    (!digits.is_empty() && ends).then_some(digits)
}

fn word_length(text: &[u8]) -> usize {
    crate::encode::span(text, u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Jvm;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn three_ways_to_count_are_one_order() {
        check_ladder(
            Jvm,
            &[
                "1.6.0_45",
                "7u80",
                "1.8.0-ea",
                "1.8.0",
                "8u5",
                "1.8.0_20",
                "8u392",
                "1.8.0_392-b08",
                "8u402",
                "9-ea",
                "9",
                "11.0.2",
                "11.0.2+9",
                "11.0.10",
                "17.0.9+8",
                "17.0.9+9-LTS",
                "17.0.9.1",
                "21-ea+9",
                "21-ea+35",
                "21",
                "21+35",
                "21.0.1+12",
            ],
        );
        check_equal(Jvm, &["8u392-b08", "1.8.0_392-b08", "8.0.392+8", "jdk8u392-b08"]);
        check_equal(Jvm, &["11", "11.0", "11.0.0", "jdk-11"]);
        check_equal(Jvm, &["11.0.2+9", "11.0.2+9-LTS", "11.0.2+09-LTS-2019"]);
    }

    #[test]
    fn the_rest_is_weak() {
        check_weak(Jvm, &["", "latest", "1.8.0_392_2", "11.0.2_9", "11..0", "11.0.2+9 x"]);
        check_ladder(Jvm, &["", "latest", "1.8.0", "11.0.2", "11.0.2_9", "11.0.3"]);
    }
}
