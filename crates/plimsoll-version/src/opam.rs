//! opam: Debian's order without epochs.
//!
//! Source: opam's manual, "Version ordering". Upstream version and revision, behind the last hyphen, are turns of a text
//! without digits and a number; `~` comes before everything, even the end; letters before other characters. What is missing
//! is zero: `1.0 = 1.0-0`.
//!
//! Weak is a text with characters that no version of opam may have, or without any.

use crate::VersionKey;
use crate::dpkg;
use crate::encode::Writer;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim_ascii();
    let (upstream, revision) = text.rsplit_once('-').unwrap_or((text, ""));
    let mut key = Writer::new();
    dpkg::write_part(&mut key, upstream.as_bytes());
    dpkg::write_part(&mut key, revision.as_bytes());
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+.~".contains(&byte);
    VersionKey { bytes: key.into_bytes(), weak: text.is_empty() || !text.bytes().all(is_good) }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Opam;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn the_ladder_of_the_manual() {
        check_ladder(
            Opam,
            &[
                "~~", "~", "~beta2", "~beta10", "0.1", "1.0~beta", "1.0", "1.0-test", "1.0.1", "1.0.10",
                "dev", "trunk",
            ],
        );
        check_ladder(Opam, &["v0.9.0", "v0.16~preview.128", "v0.16.0", "v0.16.1"]);
        check_ladder(Opam, &["4.14.0~alpha1", "4.14.0", "4.14.0+flambda", "4.14.1", "5.0.0"]);
    }

    #[test]
    fn what_is_missing_is_zero() {
        check_equal(Opam, &["1.0", "1.0-0", "1.0-", "01.0"]);
        check_equal(Opam, &["1.", "1.0"]);
    }

    #[test]
    fn other_characters_are_weak() {
        check_weak(Opam, &["", "1:0", "1 0", "é"]);
        check_ladder(Opam, &["1.0", "1:0"]);
    }
}
