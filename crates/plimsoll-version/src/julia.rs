//! Julia: as `VersionNumber` orders it.
//!
//! Source: Julia's manual, "Version Number Literals". A semantic version with one to three numbers, whose pre-release may
//! follow without a hyphen if it begins with a letter, and whose build metadata counts: `1.0- < 1.0-rc < 1.0 < 1.0+1 < 1.0+2 <
//! 1.0+`. A bare hyphen is below every pre-release of the version, a bare plus above every build.
//!
//! What else is weak, and where it stands, is as in the `semver` module.

use crate::VersionKey;
use crate::encode::Writer;
use crate::semver;

// Below the tag for another number.
const PRE_RELEASE: u8 = 0;
const RELEASE: u8 = 1;

const BARE_HYPHEN: u8 = 0;
const IDENTIFIERS: u8 = 1;

const NO_BUILD: u8 = 0;
const BUILD: u8 = 1;
const HIGHEST: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let (plain, build) = match text.split_once('+') {
        Some((plain, build)) => (plain, Some(build.as_bytes())),
        None => (text, None),
    };
    let plain = plain.strip_prefix(['v', 'V']).unwrap_or(plain);
    let Some((numbers, rest)) = semver::split_numbers(plain.as_bytes()) else {
        return semver::unreadable(version);
    };
    let (pre_release, well_formed) = match rest {
        b"-" => (Some(&b""[..]), true),
        [first, ..] if first.is_ascii_alphabetic() => (Some(rest), semver::are_identifiers(rest)),
        _ => semver::split_pre_release(rest),
    };
    let mut key = Writer::new();
    semver::write_numbers(&mut key, &numbers);
    match pre_release {
        Some(pre_release) => {
            key.tag(PRE_RELEASE);
            key.tag(if pre_release.is_empty() { BARE_HYPHEN } else { IDENTIFIERS });
            semver::write_identifiers(&mut key, pre_release);
        }
        None => key.tag(RELEASE),
    }
    match build {
        None => key.tag(NO_BUILD),
        Some([]) => key.tag(HIGHEST),
        Some(build) => {
            key.tag(BUILD);
            semver::write_identifiers(&mut key, build);
        }
    }
    let well_formed =
        well_formed && build.is_none_or(|build| build.is_empty() || semver::are_identifiers(build));
    VersionKey { bytes: key.into_bytes(), weak: !well_formed || numbers.len() > 3 }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Julia;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn pre_releases_and_builds() {
        check_ladder(
            Julia,
            &[
                "1.0.0-",
                "1.0.0-1",
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-beta",
                "1.0.0",
                "1.0.0+0",
                "1.0.0+1",
                "1.0.0+1.0",
                "1.0.0+2",
                "1.0.0+10",
                "1.0.0+a",
                "1.0.0+",
                "1.0.1",
                "1.1",
            ],
        );
        check_equal(Julia, &["1.0.0-rc1", "1rc1", "1.0-rc1", "v1.0rc1"]);
        check_equal(Julia, &["1", "v1", "1.0", "1.0.0", "01.0"]);
    }

    #[test]
    fn what_julia_refuses_is_weak() {
        check_weak(Julia, &["", "master", "1.2.3.4", "1.2.3-a..b", "1.x.*", "1.2.3+a..b"]);
        check_ladder(Julia, &["", "master", "0-", "1.2.3", "1.2.3.4", "1.2.4-"]);
    }
}
