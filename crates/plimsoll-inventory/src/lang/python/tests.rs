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
    assert!(matches("srv/tests/env/lib/python3.11/site-packages/x-1.dist-info/METADATA"));
    assert!(matches("srv/tests/x-1.dist-info/METADATA"));
    assert!(matches("root/.cache/uv/archive-v0/q1W/lib/python3.11/site-packages/x-1.dist-info/METADATA"));
    assert!(matches("srv/pkgs/my-own-tool/lib/python3.11/site-packages/x-1.dist-info/METADATA"));
    for path in [
        "root/.cache/uv/archive-v0/MSraJBQEb9HNsnU7/certifi-2026.10.18.dist-info/METADATA",
        "opt/conda/pkgs/requests-2.25.1-pyhd3eb1b0_0/site-packages/requests-2.25.1.dist-info/METADATA",
        "opt/conda/pkgs/charset-normalizer-2.0.4-py311_0/lib/python3.11/site-packages/x-1.dist-info/METADATA",
        "usr/lib/python3/dist-packages/pkg_resources/tests/data/a/b-1.0-py3.7.egg/EGG-INFO/PKG-INFO",
        "opt/v/lib/python3.11/site-packages/importlib_metadata/fixtures/x-1.dist-info/METADATA",
        "usr/lib/python3.11/test/test_importlib/x.egg-info",
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
fn licences_are_kept_from_wherever_they_stand() {
    let licenses = |headers: &str| {
        let text = format!("Name: a\nVersion: 1\n{headers}\n\nLicense: not this\n");
        Archive::default().file(WHEEL, text).read().files[0].content.found()[0].details.licenses.clone()
    };
    assert_eq!(licenses("License: BSD\nClassifier: License :: OSI Approved :: BSD License"), ["BSD"]);
    assert_eq!(
        licenses("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License"),
        ["MIT License"]
    );
    assert_eq!(licenses("License: x\nLicense-Expression: MIT OR Apache-2.0"), ["MIT OR Apache-2.0"]);
    assert_eq!(licenses(&format!("License: {}", "the whole text of it ".repeat(100))), Vec::<String>::new());
}

#[test]
fn eggs_that_python_is_tested_with_are_not_installed() {
    for path in [
        "usr/local/lib/python3.11/test/test_importlib/data/example-21.12-py3.6.egg",
        "usr/lib/python3/dist-packages/pkg_resources/tests/data/my-test-package_zipped-egg/my_test_package-1.0-py3.7.egg",
    ] {
        assert!(!super::egg::matches(path), "{path}");
    }
    for path in ["usr/lib/python3.11/site-packages/x.egg", "srv/test/x.egg", "srv/tests/lib/python3.11/x.egg"]
    {
        assert!(super::egg::matches(path), "{path}");
    }
}

#[test]
fn a_zipped_egg_is_read_as_it_is() {
    use crate::zip::tests::{Builder, How};
    let path = "usr/lib/python3/dist-packages/x-1.egg";
    let info = b"Metadata-Version: 1.0\r\nName: zope.interface\r\nVersion: 5.1\r\nLicense: ZPL 2.1\r\n\r\nName: other\r\n";
    for how in [How::Stored, How::Deflated, How::Streamed] {
        let egg =
            Builder::default().with("EGG-INFO/PKG-INFO", info, how).with("zope/x.py", b"code", how).finish();
        let layer = Archive::default().file(path, egg).read();
        assert_eq!((packages(&layer), layer.problems), (vec![format!("{path} zope.interface 5.1")], vec![]));
    }
    for broken in [b"".to_vec(), b"text".to_vec(), Builder::default().with("x", b"y", How::Stored).finish()] {
        assert_eq!(Archive::default().file(path, broken).read().problems.len(), 1);
    }
}

/// What pip installs, pip lists.
#[test]
fn what_pip_installs_is_found_as_pip_lists_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tool");
    std::fs::create_dir_all(root.join("zope_tool")).unwrap();
    std::fs::write(root.join("zope_tool/__init__.py"), "").unwrap();
    std::fs::write(
        root.join("setup.py"),
        "from setuptools import setup\nsetup(name='Zope.Tool', version='1.0.post1', license='ZPL-2.1', packages=['zope_tool'])\n",
    )
    .unwrap();
    let target = folder.path().join("site-packages");
    let mut pip = std::process::Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-build-isolation",
        "--no-deps",
        "--target",
    ]);
    let Ok(output) = pip.arg(&target).arg(&root).env("PIP_DISABLE_PIP_VERSION_CHECK", "1").output() else {
        return crate::tests::skip("python3");
    };
    if !output.status.success() {
        return eprintln!("skipped: pip cannot install: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut archive = Archive::default();
    for entry in std::fs::read_dir(&target).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".dist-info") {
            let path = format!("site-packages/{name}/METADATA");
            archive = archive.file(&path, std::fs::read(entry.path().join("METADATA")).unwrap());
        }
    }
    let layer = archive.read();
    let found = &layer.files[0].content.found()[0];
    let name = found.package.name.replace(['.', '_'], "-").to_lowercase();
    assert_eq!((name.as_str(), found.package.version.as_str()), ("zope-tool", "1.0.post1"));
    assert_eq!(found.details.licenses, ["ZPL-2.1"]);
}

#[test]
fn metadata_that_names_nothing_is_a_problem() {
    for content in ["", "Name: x\n", "Name: x\n\nVersion: 1\n", "\u{0}\u{1}"] {
        let layer = Archive::default().file(WHEEL, content).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (0, 1), "{content}");
    }
}
