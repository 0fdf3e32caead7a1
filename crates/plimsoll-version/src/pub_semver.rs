//! Pub: semantic versions whose build metadata counts.
//!
//! Source: the documentation of Dart's `pub_semver`. As in Semantic Versioning, but of two versions that are otherwise equal
//! the one with build metadata is newer, and its identifiers compare as those of a pre-release do:
//! `1.0.0-rc < 1.0.0-rc+1 < 1.0.0 < 1.0.0+1 < 1.0.0+2`.
//!
//! What is weak, and where it stands, is as in the `semver` module.

use crate::VersionKey;
use crate::encode::Writer;
use crate::semver;

const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;

const NO_BUILD: u8 = 0;
const BUILD: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let text =
        version.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, 'v' | 'V' | '=')).trim_end();
    let (plain, build) = match text.split_once('+') {
        Some((plain, build)) => (plain, Some(build.as_bytes())),
        None => (text, None),
    };
    let Some((numbers, rest)) = semver::split_numbers(plain.as_bytes()) else {
        return semver::unreadable(version);
    };
    let (pre_release, well_formed) = semver::split_pre_release(rest);
    let mut key = Writer::new();
    semver::write_numbers(&mut key, &numbers);
    match pre_release {
        Some(pre_release) => {
            key.tag(PRE_RELEASE);
            semver::write_identifiers(&mut key, pre_release);
        }
        None => key.tag(RELEASE),
    }
    match build {
        Some(build) => {
            key.tag(BUILD);
            semver::write_identifiers(&mut key, build);
        }
        None => key.tag(NO_BUILD),
    }
    let well_formed = well_formed && build.is_none_or(semver::are_identifiers);
    VersionKey { bytes: key.into_bytes(), weak: !well_formed || numbers.len() > 3 }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Pub;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn build_metadata_counts() {
        check_ladder(
            Pub,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha+1",
                "1.0.0-alpha.1",
                "1.0.0-rc",
                "1.0.0",
                "1.0.0+0",
                "1.0.0+1",
                "1.0.0+1.0",
                "1.0.0+2",
                "1.0.0+10",
                "1.0.0+a",
                "1.0.1-0",
                "1.0.1",
            ],
        );
        check_equal(Pub, &["1.0.0+1", "1.0+01", "v1.0.0+1"]);
    }

    #[test]
    fn what_is_no_version_is_weak() {
        check_weak(Pub, &["", "any", "1.2.3.4", "1.0.0-", "1.0.0+", "1.0.0+a..b"]);
        check_ladder(Pub, &["", "any", "0.0.0-0", "1.2.3+1", "1.2.3.4", "1.2.4"]);
    }
}
