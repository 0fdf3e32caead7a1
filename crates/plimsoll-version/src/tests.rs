//! What the tests of all schemes share, and the laws that every scheme keeps.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

/// Each version is older than every one behind it.
#[track_caller]
pub(crate) fn check_ladder(scheme: Scheme, versions: &[&str]) {
    for (position, low) in versions.iter().enumerate() {
        for high in &versions[position + 1..] {
            assert_eq!(scheme.compare(low, high), Ordering::Less, "{scheme:?}: {low:?} < {high:?}");
            assert_eq!(scheme.compare(high, low), Ordering::Greater, "{scheme:?}: {high:?} > {low:?}");
        }
    }
}

/// All the versions are one version.
#[track_caller]
pub(crate) fn check_equal(scheme: Scheme, versions: &[&str]) {
    for version in versions {
        assert_eq!(
            scheme.compare(versions[0], version),
            Ordering::Equal,
            "{scheme:?}: {:?} = {version:?}",
            versions[0]
        );
    }
}

/// None of the texts is a version.
#[track_caller]
pub(crate) fn check_weak(scheme: Scheme, texts: &[&str]) {
    for text in texts {
        assert!(scheme.key(text).is_weak(), "{scheme:?}: {text:?}");
    }
}

#[test]
fn ordinary_versions_are_not_weak() {
    for version in ["1", "1.2.3", "0.1.0", "20240101", "10.20.30"] {
        for scheme in Scheme::ALL {
            assert!(!scheme.key(version).is_weak(), "{scheme:?}: {version}");
        }
    }
    for (scheme, version) in [
        (Scheme::Dpkg, "1:2.30.2-1+deb11u2~bpo10+1"),
        (Scheme::Apk, "1.2.3a_rc1_p2~0af-r4"),
        (Scheme::Semver, "1.2.3-rc.1+build.5"),
        (Scheme::Go, "v0.0.0-20230101000000-abcdefabcdef"),
        (Scheme::Go, "go1.22rc1"),
        (Scheme::Pep440, "1!2.0rc1.post2.dev3+cu118"),
        (Scheme::Rpm, "0:4.18.0-147.0.3.el8_1"),
        (Scheme::Gem, "1.2.3.rc1"),
        (Scheme::Maven, "4.1.0.Beta1-SNAPSHOT"),
        (Scheme::Nuget, "1.2.3.4-rc.1+metadata"),
        (Scheme::Composer, "v2.4.5-p8"),
        (Scheme::Composer, "1.x-dev"),
        (Scheme::Php, "5.3.0RC1"),
        (Scheme::Bitnami, "5.4.6-3"),
        (Scheme::Cran, "1.2-10"),
        (Scheme::Haskell, "9.4.7-beta"),
        (Scheme::Pacman, "1:2.0.r15.gabc-2"),
        (Scheme::Conan, "1.1.1w-rc+3"),
        (Scheme::Opam, "4.14.0~alpha1+flambda"),
        (Scheme::Pub, "1.0.0-dev.1+2"),
        (Scheme::Julia, "1.2.13+4"),
        (Scheme::Jvm, "1.8.0_392-b08"),
        (Scheme::Jvm, "17.0.9+9-LTS"),
        (Scheme::Portage, "1.2.3b_rc1_p2-r4"),
        (Scheme::Conda, "1!2.0.rc1_dev+local.1"),
        (Scheme::Freebsd, "1.2.3.b1_2,1"),
        (Scheme::Homebrew, "2.1.0-p194_1"),
    ] {
        assert!(!scheme.key(version).is_weak(), "{scheme:?}: {version}");
    }
}

#[test]
fn nothing_is_below_the_lowest_key() {
    for scheme in Scheme::ALL {
        for text in ["", "~", "0", "0~~", "-", "!", "\0", "0.dev0", "0.0.0-0"] {
            assert!(VersionKey::lowest() < scheme.key(text), "{scheme:?}: {text:?}");
        }
    }
}

#[test]
fn a_long_text_is_read_in_linear_time() {
    for scheme in Scheme::ALL {
        for piece in
            ["0", "9", ".", "0.", "a", "~", "-", "_p", ".0a", "1-r", "*", "\0", "a1", ".sp", "+", ".x"]
        {
            let text = format!("1.{}", piece.repeat(50_000));
            assert!(scheme.key(&text).as_bytes().len() <= 20 * text.len(), "{scheme:?}: {piece:?}");
        }
    }
}

/// A megabyte of each kind of difficulty at once.
#[test]
fn a_version_of_a_megabyte_has_a_key() {
    let text = format!("1.{}", "0.a1-~_p0+9*\u{e9}!:".repeat(60_000));
    for scheme in Scheme::ALL {
        assert!(scheme.key(&text).as_bytes().len() <= 20 * text.len(), "{scheme:?}");
    }
}

proptest! {
    #[test]
    fn any_text_has_a_key(text in any::<String>()) {
        for scheme in Scheme::ALL {
            prop_assert!(VersionKey::lowest() < scheme.key(&text), "{:?}", scheme);
            prop_assert_eq!(scheme.compare(&text, &text), Ordering::Equal);
        }
    }

    /// No key is the beginning of another: what is stored behind a key cannot change the order.
    #[test]
    fn keys_delimit_themselves(a in "[0-9a-c.~^_+:!rv*-]{1,12}", b in "[0-9a-c.~^_+:!rv*-]{1,12}") {
        for scheme in Scheme::ALL {
            let [a, b] = [scheme.key(&a), scheme.key(&b)];
            prop_assert!(a == b || !a.as_bytes().starts_with(b.as_bytes()), "{:?}", scheme);
        }
    }
}
