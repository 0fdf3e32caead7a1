//! Semantic versioning as Go speaks it: of modules and of its own toolchains.
//!
//! Source: <https://go.dev/ref/mod#versions> and <https://go.dev/doc/toolchain>; in doubt, what `golang.org/x/mod/semver`
//! and `go/version` answer. A module version is a semantic version with a `v` in front, here optional, as advisories leave
//! it out. A pseudo-version (`v1.2.4-0.20230101000000-abcdefabcdef`) is a pre-release and sorts as one; `+incompatible`
//! and `+dirty` are build metadata.
//!
//! A toolchain (`go1.22rc1`, or `1.22rc1`) is read as the semantic version by which the vulnerability database calls it,
//! `1.22.0-rc.1`. What a vendor or a build experiment adds does not count (`go1.20.12 (Red Hat 1.20.12-1.el9)`,
//! `go1.21.5 X:boringcrypto`, `go1.21.5-bigcorp`). A development build (`devel go1.24-abcdef`, `go1.24-devel_abcdef`) is
//! weak and comes before the release candidates: it is `1.24.0-0`. So is, where it stands, any other ending that begins
//! with a letter or a digit. `go1.21` is `1.21.0`, although the toolchains' own order puts the language version before its
//! release candidates: advisories and binaries mean the release.
//!
//! Everything else, and what is weak, is as in the `semver` module; the keys of both compare with each other.

use crate::VersionKey;
use crate::encode::split_digits;
use crate::semver;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let text = text.strip_prefix("devel ").unwrap_or(text);
    let is_devel = text.len() < version.trim().len();
    match text.strip_prefix("go").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        Some(toolchain) => toolchain_key(toolchain, is_devel),
        None => short_toolchain_key(text).unwrap_or_else(|| semver::key(version)),
    }
}

/// `1.22rc1`, a toolchain without its `go`, is no semantic version and would read as one with the pre-release `rc1`.
fn short_toolchain_key(text: &str) -> Option<VersionKey> {
    let (numbers, rest) = semver::split_numbers(text.as_bytes())?;
    let (pre_release, rest) = split_pre_release(rest)?;
    rest.is_empty().then(|| VersionKey { bytes: semver::write(&numbers, Some(&pre_release)), weak: false })
}

fn toolchain_key(text: &str, is_devel: bool) -> VersionKey {
    let Some((numbers, rest)) = semver::split_numbers(text.as_bytes()) else {
        return semver::unreadable(text);
    };
    if is_devel || rest.starts_with(b"-devel") {
        return VersionKey { bytes: semver::write(&numbers, Some(b"0")), weak: true };
    }
    let (pre_release, rest) = match split_pre_release(rest) {
        Some((pre_release, rest)) => (Some(pre_release), rest),
        None => (None, rest),
    };
    let weak = numbers.len() > 3 || rest.first().is_some_and(u8::is_ascii_alphanumeric);
    VersionKey { bytes: semver::write(&numbers, pre_release.as_deref()), weak }
}

/// `rc1…` as `rc.1` and what follows.
fn split_pre_release(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let name = ["alpha", "beta", "rc"].into_iter().find(|name| text.starts_with(name.as_bytes()))?;
    let (number, rest) = split_digits(&text[name.len()..]);
    (!number.is_empty()).then(|| ([name.as_bytes(), b".", number].concat(), rest))
}

#[cfg(test)]
mod tests {
    use crate::Scheme::{Go, Semver};
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn pseudo_versions_are_pre_releases() {
        check_ladder(
            Go,
            &[
                "v0.0.0-20180101000000-abcdefabcdef",
                "v0.0.0-20230101000000-000000000000",
                "v0.0.0",
                "v1.2.3-pre",
                "v1.2.3-pre.0.20230101000000-abcdefabcdef",
                "v1.2.3",
                "v1.2.4-0.20230101000000-abcdefabcdef",
                "v1.2.4",
            ],
        );
    }

    #[test]
    fn the_v_and_what_follows_a_plus_do_not_count() {
        check_equal(Go, &["v2.0.0+incompatible", "v2.0.0", "2.0.0", "v2", "v2.0", "v2.0.0+dirty"]);
    }

    #[test]
    fn toolchains_are_semantic_versions_in_disguise() {
        check_ladder(
            Go,
            &[
                "go1.20.14",
                "go1.21rc2",
                "go1.21.0",
                "go1.21.13",
                "go1.22-devel_0123abcd",
                "go1.22beta1",
                "go1.22rc1",
                "go1.22rc2",
                "go1.22rc10",
                "go1.22",
                "go1.22.1",
                "go2",
            ],
        );
        check_equal(Go, &["go1.22rc1", "1.22rc1", "1.22.0-rc.1", "v1.22.0-rc.1", "go1.22rc1-bigcorp"]);
        check_equal(
            Go,
            &[
                "go1.20.12",
                "1.20.12",
                "go1.20.12 (Red Hat 1.20.12-1.el9)",
                "go1.20.12 X:boringcrypto",
                "go1.20.12-bigcorp",
                "go1.20.12+abc",
                "go1.20.12 -X:nocoverageredesign",
                "go1.20.12b7",
            ],
        );
        check_equal(Go, &["go1.21", "1.21", "1.21.0", "go1.21.0"]);
        check_equal(Go, &["devel go1.24-0123abcd Mon Jan 6", "go1.24-devel_0123abcd", "1.24.0-0"]);
    }

    #[test]
    fn what_is_no_version_is_weak() {
        check_weak(
            Go,
            &[
                "",
                "(devel)",
                "devel +0123abcd",
                "devel go1.24-0123abcd",
                "go1.24-devel_0123",
                "go1.20.12b7",
                "gopher",
            ],
        );
        check_ladder(Go, &["", "(devel)", "v0.0.0-00010101000000-000000000000"]);
    }

    #[test]
    fn keys_compare_with_those_of_semver() {
        assert_eq!(Go.key("v1.2.3-rc.1+incompatible"), Semver.key("1.2.3-rc.1"));
    }
}
