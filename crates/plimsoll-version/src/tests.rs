//! What the tests of all schemes share, and the laws that every scheme keeps.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

const ALL: [Scheme; 7] =
    [Scheme::Dpkg, Scheme::Apk, Scheme::Semver, Scheme::Go, Scheme::Pep440, Scheme::Rpm, Scheme::Gem];

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
        for scheme in ALL {
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
    ] {
        assert!(!scheme.key(version).is_weak(), "{scheme:?}: {version}");
    }
}

#[test]
fn ecosystems_have_the_order_of_their_tools() {
    for (name, scheme) in [
        ("Ubuntu", Scheme::Dpkg),
        ("Wolfi", Scheme::Apk),
        ("npm", Scheme::Semver),
        ("SwiftURL", Scheme::Semver),
        ("Go", Scheme::Go),
        ("PyPI", Scheme::Pep440),
        ("Photon OS", Scheme::Rpm),
        ("RubyGems", Scheme::Gem),
    ] {
        assert_eq!(Scheme::of_ecosystem(name), Some(scheme), "{name}");
    }
    // A hyphen of Bitnami's is a revision, not a pre-release: no scheme of ours orders it.
    for name in ["Bitnami", "Maven", "debian", "Debian:12", ""] {
        assert_eq!(Scheme::of_ecosystem(name), None, "{name}");
    }
}

#[test]
fn nothing_is_below_the_lowest_key() {
    for scheme in ALL {
        for text in ["", "~", "0", "0~~", "-", "!", "\0", "0.dev0", "0.0.0-0"] {
            assert!(VersionKey::lowest() < scheme.key(text), "{scheme:?}: {text:?}");
        }
    }
}

#[test]
fn a_long_text_is_read_in_linear_time() {
    for scheme in ALL {
        for piece in ["0", "9", ".", "0.", "a", "~", "-", "_p", ".0a", "1-r", "*", "\0"] {
            let text = format!("1.{}", piece.repeat(50_000));
            assert!(scheme.key(&text).as_bytes().len() <= 20 * text.len(), "{scheme:?}: {piece:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_has_a_key(text in any::<String>()) {
        for scheme in ALL {
            prop_assert!(VersionKey::lowest() < scheme.key(&text), "{:?}", scheme);
            prop_assert_eq!(scheme.compare(&text, &text), Ordering::Equal);
        }
    }

    /// No key is the beginning of another: what is stored behind a key cannot change the order.
    #[test]
    fn keys_delimit_themselves(a in "[0-9a-c.~^_+:!rv*-]{1,12}", b in "[0-9a-c.~^_+:!rv*-]{1,12}") {
        for scheme in ALL {
            let [a, b] = [scheme.key(&a), scheme.key(&b)];
            prop_assert!(a == b || !a.as_bytes().starts_with(b.as_bytes()), "{:?}", scheme);
        }
    }
}
