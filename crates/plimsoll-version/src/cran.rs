//! R: CRAN and Bioconductor, as `package_version` orders it.
//!
//! Source: "Writing R Extensions" and the documentation of `numeric_version`. Numbers between dots or hyphens, which mean the
//! same; more numbers are newer than fewer: `1.0 < 1.0.0 = 1-0.0 < 1.0-1`.
//!
//! A text that is anything else is weak. Its numbers in front count; what follows them comes behind the end and before
//! another number, in the order of the bytes.

use crate::VersionKey;
use crate::encode::{Writer, split_digits};

const END: u8 = 0;
const OTHER: u8 = 1;
const NUMBER: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    write(version.trim(), |byte| matches!(byte, b'.' | b'-'))
}

/// The key of numbers between separators.
pub(crate) fn write(text: &str, is_separator: impl Fn(u8) -> bool) -> VersionKey {
    let mut key = Writer::new();
    let mut rest = text.as_bytes();
    let weak = loop {
        let (digits, after) = split_digits(rest);
        if digits.is_empty() {
            break true;
        }
        key.tag(NUMBER);
        key.integer(digits);
        match after {
            [] => break false,
            [separator, b'0'..=b'9', ..] if is_separator(*separator) => rest = &after[1..],
            _ => {
                rest = after;
                break true;
            }
        }
    };
    if weak {
        key.tag(OTHER);
        key.text(rest);
    } else {
        key.tag(END);
    }
    VersionKey { bytes: key.into_bytes(), weak }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Cran;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn numbers_alone_count() {
        check_ladder(
            Cran,
            &["0.9", "1", "1.0", "1.0.0", "1.0-1", "1.2", "1.10", "2024.1", "99999999999999999999"],
        );
        check_equal(Cran, &["1.0-1", "1.0.1", "1-0-1", "01.00.1", " 1.0.1 "]);
    }

    #[test]
    fn what_r_refuses_is_weak() {
        check_weak(Cran, &["", "1.", "1..0", "1.0a", "v1", "1_0", "-1"]);
        check_ladder(Cran, &["", "v1", "0", "1.0", "1.0a", "1.0b", "1.0.0"]);
    }
}
