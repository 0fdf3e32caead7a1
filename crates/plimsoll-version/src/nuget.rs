//! NuGet: as `NuGet.Versioning` orders it.
//!
//! Source: "Package versioning" of NuGet's documentation. A semantic version with one to four numbers, missing ones being
//! zero (`1.0 = 1.0.0.0`); labels of a pre-release compare without regard to case, numbers among them as numbers; what
//! follows a plus does not count, and neither do leading zeros.
//!
//! Weak is a `v` in front, a fifth number, and what `semver` calls weak; it has the place that it has there.

use crate::VersionKey;
use crate::semver;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let bare = text.trim_start_matches(['v', 'V', '=']).trim_start();
    let (bare_text, _metadata) = bare.split_once('+').unwrap_or((bare, ""));
    let Some((numbers, rest)) = semver::split_numbers(bare_text.as_bytes()) else {
        return semver::unreadable(version);
    };
    let (pre_release, well_formed) = semver::split_pre_release(rest);
    let pre_release = pre_release.map(<[u8]>::to_ascii_uppercase);
    VersionKey {
        bytes: semver::write(&numbers, pre_release.as_deref()),
        weak: !well_formed || numbers.len() > 4 || bare.len() < text.len(),
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Nuget;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn four_numbers_and_labels() {
        check_ladder(
            Nuget,
            &[
                "1.0.0-1",
                "1.0.0-2",
                "1.0.0-10",
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-Alpha.beta",
                "1.0.0-alpha1",
                "1.0.0-BETA",
                "1.0.0-rc",
                "1.0.0",
                "1.0.0.1-rc",
                "1.0.0.1",
                "1.0.1",
                "1.99999999999999999999",
            ],
        );
    }

    #[test]
    fn spelling_does_not_count() {
        check_equal(Nuget, &["1", "1.0", "1.0.0", "1.0.0.0", "01.00", " 1.0 ", "1.0+build"]);
        check_equal(Nuget, &["1.0-RC.1", "1.0.0.0-rc.01", "1.0.0-Rc.1+x"]);
    }

    #[test]
    fn what_nuget_refuses_is_weak() {
        check_weak(Nuget, &["", "v1.0", "1.2.3.4.5", "1.0-", "1.0-a..b", "1.0.x", "latest", "1.0_1"]);
        check_ladder(Nuget, &["", "latest", "0.0.0-0", "1.2.3.4", "1.2.3.4.5", "1.2.3.5"]);
    }
}
