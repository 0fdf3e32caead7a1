//! What holds for all catalogers of languages.

use super::*;
use crate::tests::{Archive, packages};

#[test]
fn no_cataloger_looks_for_a_name_that_is_passed_by() {
    for path in [
        "a/node_modules/b/package.json",
        "a/x.dist-info/METADATA",
        "a/x.egg-info/PKG-INFO",
        "a/x.egg-info",
        "a/x.egg",
        "a/x.jar",
        "a/x.WAR",
        "a/specifications/x.gemspec",
        "a/x.deps.json",
        "vendor/composer/installed.json",
        "a/.yarn/cache/x.zip",
        "opt/conda/conda-meta/x.json",
        "opt/java/release",
        "a/.registry/x.reg",
        "a/ebin/x.app",
        "a/releases/26/OTP_VERSION",
        "a/DESCRIPTION",
        "a/rocks-5.1/x/1-1/x-1-1.rockspec",
        "a/.meta/X-1/install.json",
        "a/perllocal.pod",
        "a/.pub-cache/hosted/pub.dev/x-1/pubspec.yaml",
        "a/packages/X/abcde/Project.toml",
        "a/.build/workspace-state.json",
        "a/conaninfo.txt",
        "a/p/cache.sqlite3",
        "a/.crates2.json",
        "a/wp-includes/version.php",
        "a/wp-content/plugins/x/x.php",
        "a/wp-content/themes/x/style.css",
        "opt/bitnami/redis/.spdx-redis.spdx",
        "usr/share/x.cdx.json",
    ] {
        let wants = CATALOGERS.iter().filter(|cataloger| (cataloger.matches)(path)).count();
        assert!(wants == 1 && catalogers(path).len() == CATALOGERS.len(), "{path}: {wants}");
    }
    for path in ["usr/bin/bash", "etc/passwd", "usr/lib/libz.so.1", "app/index.js", ".jar", "jar"] {
        assert!(catalogers(path).is_empty(), "{path}");
    }
}

#[test]
fn an_empty_or_broken_file_is_never_healthy_and_never_a_panic() {
    let limits = plimsoll_types::probe::Limits::default();
    for cataloger in CATALOGERS {
        for bytes in [&b""[..], b"\0", b"{", b"[1]", b"PK\x03\x04", &[0xff; 100], &b"[".repeat(100_000)] {
            for size in [1, 7, 4096] {
                let mut reader = (cataloger.reader)("a/b/c.d", &limits);
                for piece in bytes.chunks(size) {
                    if reader.read(piece) == crate::catalogers::Want::Nothing {
                        break;
                    }
                }
                let said = reader.finish(true);
                let packages = match said {
                    Ok(content) => content,
                    Err(unreadable) => {
                        assert!(!unreadable.problems.is_empty(), "{}", cataloger.name);
                        unreadable.content.map(|content| *content)
                    }
                };
                // Lua's folders name the rock whatever the file says.
                assert!(packages.is_none() || cataloger.name == "Lua", "{}: {packages:?}", cataloger.name);
            }
        }
    }
}

/// What a file at a path says: names and versions, and the number of problems.
fn read(path: &str, text: &str) -> (Vec<String>, usize) {
    let layer = Archive::default().file(path, text).read();
    let names = packages(&layer)
        .iter()
        .map(|line| line.rsplit_once(&format!("{path} ")).unwrap().1.to_owned())
        .collect();
    (names, layer.problems.len())
}

fn found(name: &str) -> (Vec<String>, usize) {
    (vec![name.to_owned()], 0)
}

#[test]
fn conda_s_records_name_one_package_each() {
    let path = "opt/conda/conda-meta/numpy-1.24.3-py311h64a7726_0.json";
    assert_eq!(
        read(
            path,
            r#"{"name":"numpy","version":"1.24.3","build":"x","subdir":"linux-64","license":"BSD-3-Clause"}"#
        ),
        found("numpy 1.24.3")
    );
    for broken in ["", "{}", "[]", r#"{"name":"numpy"}"#] {
        assert_eq!(read(path, broken), (vec![], 1), "{broken}");
    }
}

#[test]
fn r_packages_count_where_they_are_installed() {
    let path = "usr/lib/R/library/MASS/DESCRIPTION";
    let text = "Package: MASS\nPriority: recommended\nVersion: 7.3-58.2\nTitle: Support Functions\n  Version: folded\nLicense: GPL-2 | GPL-3\n";
    assert_eq!(
        read(path, &format!("{text}Built: R 4.2.2; x86_64-pc-linux-gnu; 2023-01-25; unix\n")),
        found("MASS 7.3-58.2")
    );
    assert_eq!(read(path, text), (vec![], 0));
    let layer = Archive::default()
        .file(path, "Package: a\nVersion: 1\nbiocViews: x\nLicense: GPL-2 | GPL-3\nBuilt: R\n")
        .read();
    let found = &layer.files[0].content.found()[0];
    assert_eq!(found.package.package_type, plimsoll_types::PackageType::Bioconductor);
    assert_eq!(found.details.licenses, ["GPL-2", "GPL-3"]);
    // Packages of CRAN may have views of Bioconductor's, too.
    let layer = Archive::default()
        .file(path, "Package: a\nVersion: 1\nbiocViews: x\nRepository: CRAN\nBuilt: R\n")
        .read();
    assert_eq!(layer.files[0].content.found()[0].package.package_type, plimsoll_types::PackageType::Cran);
}

#[test]
fn rocks_are_named_by_the_folders_that_luarocks_made() {
    let path = "usr/local/lib/luarocks/rocks-5.1/lpeg/1.0.2-1/lpeg-1.0.2-1.rockspec";
    assert_eq!(
        read(path, "package = \"LPeg\"\nversion = \"1.0.2-1\"\ndescription = { license = \"MIT\" }\n"),
        found("lpeg 1.0.2-1")
    );
    assert_eq!(read("src/lpeg-1.0.2-1.rockspec", "package = \"LPeg\"\n"), (vec![], 0));
}

#[test]
fn dart_s_cache_and_julia_s_depot_are_read() {
    let path = "root/.pub-cache/hosted/pub.dev/http-1.1.0/pubspec.yaml";
    assert_eq!(
        read(path, "name: http\nversion: \"1.1.0\"\ndependencies:\n  version: 2\n"),
        found("http 1.1.0")
    );
    assert_eq!(read(path, "name: http\n"), (vec![], 1));
    assert_eq!(read("app/pubspec.yaml", "name: app\nversion: 1.0.0\n"), (vec![], 0));
    let path = "root/.julia/packages/JSON/93Ea8/Project.toml";
    assert_eq!(
        read(path, "name = \"JSON\"\nuuid = \"x\"\nversion = \"0.21.4\"\n[deps]\nname = \"x\"\n"),
        found("JSON 0.21.4")
    );
    assert_eq!(
        read("usr/local/julia/share/julia/stdlib/v1.9/Dates/Project.toml", "name = \"Dates\"\n"),
        (vec![], 0)
    );
    assert_eq!(read(path, "[deps]\n"), (vec![], 1));
    assert_eq!(read("app/Project.toml", "name = \"App\"\nversion = \"1.0.0\"\n"), (vec![], 0));
}
