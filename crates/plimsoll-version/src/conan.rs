//! ConanCenter: as `Version` of Conan 2 orders it.
//!
//! Source: Conan's documentation of version ranges; in doubt, what the class answers. Items between dots, zeros at the end not
//! counting (`1 = 1.0`), fewer before more; then a pre-release behind the first hyphen, older than none; then a build behind
//! the last plus, newer than none. Both are items between dots themselves.
//!
//! Numbers compare as numbers and texts by their bytes. A number against a text is for Conan a text as well, which is no
//! order (`2 < 10 < 1a < 2`): ours puts numbers before texts, as Conan does where the text begins with a letter.
//!
//! Conan takes any text. Weak is one that begins with something else than a digit.

use crate::VersionKey;
use crate::encode::Writer;

// What follows the items, or instead of an item its end.
const END: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;

const NO_BUILD: u8 = 0;
const BUILD: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let (rest, build) = match text.rsplit_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (items, pre_release) = match rest.split_once('-') {
        Some((items, pre_release)) => (items, Some(pre_release)),
        None => (rest, None),
    };
    let mut key = Writer::new();
    write_items(&mut key, items);
    match pre_release {
        Some(pre_release) => {
            key.tag(PRE_RELEASE);
            write_items(&mut key, pre_release);
        }
        None => key.tag(RELEASE),
    }
    match build {
        Some(build) => {
            key.tag(BUILD);
            write_items(&mut key, build);
        }
        None => key.tag(NO_BUILD),
    }
    VersionKey { bytes: key.into_bytes(), weak: !text.starts_with(|c: char| c.is_ascii_digit()) }
}

fn write_items(key: &mut Writer, text: &str) {
    let is_number = |item: &str| !item.is_empty() && item.bytes().all(|byte| byte.is_ascii_digit());
    // Zeros are written when something follows them.
    let mut zeros = 0;
    for item in text.split('.') {
        if is_number(item) && item.bytes().all(|byte| byte == b'0') {
            zeros += 1;
            continue;
        }
        for _ in 0..zeros {
            key.tag(NUMBER);
            key.integer(b"");
        }
        zeros = 0;
        if is_number(item) {
            key.tag(NUMBER);
            key.integer(item.as_bytes());
        } else {
            key.tag(TEXT);
            key.text(item.as_bytes());
        }
    }
    key.tag(END);
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Conan;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn items_then_pre_release_then_build() {
        check_ladder(
            Conan,
            &[
                "1.0-alpha",
                "1.0-alpha.1",
                "1.0-beta",
                "1.0",
                "1.0+1",
                "1.0+2.a",
                "1.0.1",
                "1.2",
                "1.10",
                "1.a",
                "2",
            ],
        );
        check_ladder(Conan, &["1.1.1", "1.1.2", "1.1.1a", "1.1.1w", "cci.20190101", "cci.20230101"]);
        check_ladder(Conan, &["1.99999999999999999999", "1.100000000000000000000"]);
    }

    #[test]
    fn zeros_at_the_end_do_not_count() {
        check_equal(Conan, &["1", "1.0", "1.0.0", "01"]);
        check_equal(Conan, &["1-rc.0", "1.0-rc", "1.0-rc.0.0"]);
    }

    #[test]
    fn what_begins_without_a_digit_is_weak() {
        check_weak(Conan, &["", "cci.20190101", "system", "v1"]);
        check_ladder(Conan, &["1", "cci.20190101", "system"]);
    }
}
