//! Maven: as `ComparableVersion` of Maven 3.9 orders it.
//!
//! Source: Maven's "POM reference, version order specification"; in doubt, what the class answers. A version is numbers and
//! words between dots. A hyphen, and every change from digits to letters or back, begins a list within the list. What is
//! null at the end of a list (`0`, and `ga`, `final`, `release`) falls away: `1.0-ga = 1.0.0 = 1`. Then item is compared with
//! item, the end counting as null: `alpha < beta < milestone < rc = cr < snapshot < null < sp < any other word < a list < a
//! number`; `a`, `b` and `m` before a digit are `alpha`, `beta`, `milestone`. A list against the end counts as its first item
//! that is not null.
//!
//! Maven's order contradicts itself where a word stands between dots within a list, as in `1.sp.1` and `1.0.alpha.1`:
//! `1 < 1.sp.1`, `1.sp.1 < 1-alpha`, `1-alpha < 1`. Ours is total and keeps to the end as the measure: whatever is older than
//! the end comes before whatever is newer. Before the end, the older first: words, lists, words behind zeros; behind it:
//! words, lists, words behind zeros, numbers. So it differs from Maven's only where a word meets a list, or a word behind
//! zeros, of the other side of the end.
//!
//! Maven takes any text. Weak is one without an ASCII digit.

use std::borrow::Cow;

use crate::VersionKey;
use crate::encode::{Writer, without_leading_zeros};

// What comes next, the older first. "Before" and "behind" are meant as seen from the end.
const WORD_BEFORE: u8 = 1;
const LIST_BEFORE: u8 = 2;
const WORD_AFTER_ZEROS_BEFORE: u8 = 3;
const END: u8 = 4;
const WORD_BEHIND: u8 = 5;
const LIST_BEHIND: u8 = 6;
const WORD_AFTER_ZEROS_BEHIND: u8 = 7;
const NUMBER: u8 = 8;

const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", RELEASE, "sp"];
const RELEASE: &str = "";
const RELEASE_RANK: u8 = 5;
const OTHER_RANK: u8 = 7;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Item<'a> {
    /// Without leading zeros.
    Number(&'a str),
    Word(&'a str),
    /// What follows is a list within the list, to the end.
    List,
}

pub(crate) fn key(version: &str) -> VersionKey {
    let weak = !version.bytes().any(|byte| byte.is_ascii_digit());
    let text: Cow<'_, str> = if version.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        version.to_lowercase().into()
    } else {
        version.into()
    };
    let items = without_nulls(&items(&text));
    let mut key = Writer::new();
    let mut zeros = 0;
    for (item, is_behind) in items {
        match item {
            Item::Number("") => {
                zeros += 1;
                continue;
            }
            Item::Number(digits) => {
                key.tag(NUMBER);
                key.count_down(zeros);
                key.integer(digits.as_bytes());
            }
            Item::Word(word) => {
                match (zeros, is_behind) {
                    (0, false) => key.tag(WORD_BEFORE),
                    (0, true) => key.tag(WORD_BEHIND),
                    (_, false) => key.tag(WORD_AFTER_ZEROS_BEFORE),
                    (_, true) => key.tag(WORD_AFTER_ZEROS_BEHIND),
                }
                if zeros > 0 {
                    key.count(zeros);
                }
                let rank = rank(word);
                key.tag(rank);
                if rank == OTHER_RANK {
                    key.text(word.as_bytes());
                }
            }
            Item::List => key.tag(if is_behind { LIST_BEHIND } else { LIST_BEFORE }),
        }
        zeros = 0;
    }
    key.tag(END);
    VersionKey { bytes: key.into_bytes(), weak }
}

fn rank(word: &str) -> u8 {
    let known = QUALIFIERS.iter().position(|qualifier| *qualifier == word);
    known.map_or(OTHER_RANK, |position| position as u8)
}

/// Takes a text in lower case apart.
fn items(text: &str) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut list_start = 0;
    let open = |items: &mut Vec<Item<'_>>, list_start: &mut usize| {
        items.push(Item::List);
        *list_start = items.len();
    };
    let mut start = 0;
    let mut is_digit = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' | b'-' => {
                items.push(if at == start { Item::Number("") } else { item(&text[start..at], is_digit) });
                start = at + 1;
                if byte == b'-' {
                    open(&mut items, &mut list_start);
                }
            }
            b'0'..=b'9' => {
                if !is_digit && at > start {
                    if items.len() > list_start {
                        open(&mut items, &mut list_start);
                    }
                    items.push(Item::Word(word(&text[start..at], true)));
                    start = at;
                    open(&mut items, &mut list_start);
                }
                is_digit = true;
            }
            _ => {
                if is_digit && at > start {
                    items.push(item(&text[start..at], true));
                    start = at;
                    open(&mut items, &mut list_start);
                }
                is_digit = false;
            }
        }
    }
    if start < text.len() {
        if !is_digit && items.len() > list_start {
            open(&mut items, &mut list_start);
        }
        items.push(item(&text[start..], is_digit));
    }
    items
}

fn item(text: &str, is_digit: bool) -> Item<'_> {
    if is_digit {
        let zeros = text.len() - without_leading_zeros(text.as_bytes()).len();
        Item::Number(&text[zeros..])
    } else {
        Item::Word(word(text, false))
    }
}

fn word(text: &str, before_digit: bool) -> &str {
    match text {
        "a" if before_digit => "alpha",
        "b" if before_digit => "beta",
        "m" if before_digit => "milestone",
        "ga" | "final" | "release" => RELEASE,
        "cr" => "rc",
        _ => text,
    }
}

/// The items without what is null at the end of a list, each with its side of the end: whether it is newer, or what follows
/// it if it is itself null.
fn without_nulls<'a>(items: &[Item<'a>]) -> Vec<(Item<'a>, bool)> {
    let mut kept = Vec::with_capacity(items.len());
    let mut is_behind = true;
    let mut at_end = true;
    for &item in items.iter().rev() {
        let is_null = match item {
            Item::Number(digits) => digits.is_empty(),
            Item::Word(word) => word == RELEASE,
            Item::List => {
                at_end = true;
                if !kept.is_empty() {
                    kept.push((item, is_behind));
                }
                continue;
            }
        };
        if is_null && at_end {
            continue;
        }
        at_end = false;
        if !is_null {
            is_behind = match item {
                Item::Word(word) => rank(word) > RELEASE_RANK,
                _ => true,
            };
        }
        kept.push((item, is_behind));
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Maven;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn qualifiers_lie_on_both_sides_of_the_release() {
        check_ladder(
            Maven,
            &[
                "1-alpha-1",
                "1-alpha-2",
                "1-beta-1",
                "1-milestone-1",
                "1-rc-1",
                "1-cr-2",
                "1-SNAPSHOT",
                "1",
                "1-sp",
                "1-sp-1",
                "1-abc",
                "1-jre8",
                "1-1",
                "1-2",
                "1.0.1",
                "1.1",
            ],
        );
        check_ladder(
            Maven,
            &["2.0-rc2", "2.0-snapshot", "2.0", "2.0.0.1", "2.0.1-alpha", "2.0.1", "2.0.1-xyz", "2.0.1-123"],
        );
        check_ladder(Maven, &["31.0-jre", "31.0.1-android", "31.0.1-jre", "31.1-jre"]);
    }

    #[test]
    fn what_is_null_falls_away() {
        check_equal(
            Maven,
            &["1", "1.0", "1.0.0", "1-0", "1.0-0", "1-ga", "1.FINAL", "1.0.release", "1-", "1.", "01"],
        );
        check_equal(Maven, &["1-x", "1.0-x", "1.0.0-x", "1.x", "1.0.x"]);
        check_equal(Maven, &["", "0", "ga", "0.0-0"]);
    }

    #[test]
    fn a_change_from_digits_to_letters_is_a_hyphen() {
        check_equal(Maven, &["1.0rc1", "1.0-rc1", "1.0.RC1", "1.0-cr-1", "1rc-1"]);
        check_equal(Maven, &["1a1", "1-alpha-1", "1.alpha1"]);
        check_equal(Maven, &["1-a1", "1-alpha1"]);
        check_ladder(Maven, &["1-a1", "1-b1", "1-m1", "1-a", "1-b", "1-m"]);
        check_ladder(Maven, &["1.0.0.X1", "1.0.0-X2", "1.0.0.X10"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(
            Maven,
            &[
                "1.2147483648",
                "1.20190126230843.999999999999999",
                "1.9223372036854775808",
                "1.99999999999999999999",
                "20190126230843",
            ],
        );
    }

    #[test]
    fn where_maven_contradicts_itself_the_end_is_the_measure() {
        check_ladder(
            Maven,
            &["1.alpha.1", "1-alpha", "1.0.alpha.1", "1", "1.sp.1", "1-sp", "1.0.sp.1", "1.0.1"],
        );
    }

    #[test]
    fn a_text_without_a_number_is_weak() {
        check_weak(Maven, &["", "latest", "${version}", "-", "x"]);
        check_ladder(Maven, &["alpha", "snapshot", "0", "x", "1"]);
    }
}
