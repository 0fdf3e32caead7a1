//! Bitnami: semantic versions whose part behind the hyphen is the revision of the package.
//!
//! Source: the description of Bitnami's own `go-version`; in doubt, what it answers. `1.2.3-4` is the fourth revision of
//! `1.2.3`, so it is newer: `1.2.3 < 1.2.3-0 < 1.2.3-1 < 1.2.4`. Everything behind the hyphen is a revision, `rc1` too, and its
//! identifiers compare as those of a pre-release do elsewhere. What follows a plus does not count.
//!
//! What is weak, and where it stands, is as in the `semver` module.

use crate::VersionKey;
use crate::encode::Writer;
use crate::semver;

// Below the tag for another number.
const PLAIN: u8 = 0;
const REVISION: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let text =
        version.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, 'v' | 'V' | '=')).trim_end();
    let (text, _metadata) = text.split_once('+').unwrap_or((text, ""));
    let Some((numbers, rest)) = semver::split_numbers(text.as_bytes()) else {
        return semver::unreadable(version);
    };
    let (revision, well_formed) = semver::split_pre_release(rest);
    let mut key = Writer::new();
    semver::write_numbers(&mut key, &numbers);
    match revision {
        Some(revision) => {
            key.tag(REVISION);
            semver::write_identifiers(&mut key, revision);
        }
        None => key.tag(PLAIN),
    }
    VersionKey { bytes: key.into_bytes(), weak: !well_formed || numbers.len() > 3 }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Bitnami;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn a_revision_is_newer_than_none() {
        check_ladder(
            Bitnami,
            &[
                "5.4.5-9",
                "5.4.6",
                "5.4.6-0",
                "5.4.6-1",
                "5.4.6-3",
                "5.4.6-10",
                "5.4.6-rc1",
                "5.4.7",
                "10.0.0",
            ],
        );
        check_ladder(
            Bitnami,
            &["1.62.0", "1.62.0-0", "1.62.0-0.2", "1.62.0-alpha", "1.62.0-alpha.1", "1.62.1"],
        );
        check_ladder(Bitnami, &["1.2.3", "1.2.3-1", "1.2.3.4", "1.2.3.4-1", "1.2.4"]);
    }

    #[test]
    fn spelling_does_not_count() {
        check_equal(Bitnami, &["1.2.0", "1.2", "v1.2.0", "1.2.0+build"]);
        check_equal(Bitnami, &["11", "11.0.0"]);
        check_equal(Bitnami, &["1.2.0-1", "1.2-1", "1.2.0-01"]);
    }

    #[test]
    fn what_is_no_version_is_weak() {
        check_weak(Bitnami, &["", "nightly.2026-03-10.0", "1.2.3.4", "1.2.3-", "1.x"]);
        check_ladder(Bitnami, &["", "nightly.2026-03-10.0", "0.0.0", "0.0.0-0"]);
    }
}
