//! Wheels and eggs.

use super::matches;
use crate::tests::{Archive, packages};

const WHEEL: &str = "usr/lib/python3/dist-packages/x-1.dist-info/METADATA";

#[test]
fn all_four_forms_are_installed_packages() {
    for path in [
        WHEEL,
        "usr/lib/python3/dist-packages/x-1.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/x-1.egg-info",
        "usr/lib/python3/dist-packages/x.egg/EGG-INFO/PKG-INFO",
    ] {
        assert!(matches(path), "{path}");
    }
    for path in [
        "METADATA",
        "x/METADATA",
        "PKG-INFO",
        "src/PKG-INFO",
        "x-1.dist-info/RECORD",
        "x.egg-info/SOURCES.txt",
    ] {
        assert!(!matches(path), "{path}");
    }
}

#[test]
fn headers_end_at_the_first_empty_line() {
    let read = |content: &str| packages(&Archive::default().file(WHEEL, content).read());
    let expected = [format!("{WHEEL} zope.interface 5.1")];
    assert_eq!(
        read("Metadata-Version: 2.1\r\nname: zope.interface\r\nVERSION: 5.1\r\n\r\nName: other\n"),
        expected
    );
    assert_eq!(read("\u{feff}Name: zope.interface\nSummary: x\n Name: folded\nVersion:5.1"), expected);
    let long = format!("Description: {}\nName: zope.interface\nVersion: 5.1\n", "x".repeat(200_000));
    assert_eq!(read(&long), expected);
}

#[test]
fn metadata_that_names_nothing_is_a_problem() {
    for content in ["", "Name: x\n", "Name: x\n\nVersion: 1\n", "\u{0}\u{1}"] {
        let layer = Archive::default().file(WHEEL, content).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (0, 1), "{content}");
    }
}
