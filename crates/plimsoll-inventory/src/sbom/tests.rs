//! CycloneDX documents as Syft and Trivy write them.

use plimsoll_types::probe::Limits;
use plimsoll_types::{ImageInventory, ProblemKind};
use serde_json::{Value, json};

use crate::read_sbom;

fn read(components: Value) -> ImageInventory {
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components,
        "metadata": {"component": {"type": "container", "name": "image", "version": "sha256:0"}}});
    read_sbom(document.to_string().as_bytes(), &Limits::default()).unwrap()
}

/// The package of a purl: type, name, version, ecosystem.
fn of_purl(purl: &str) -> String {
    let image = read(json!([{"type": "library", "name": "x", "purl": purl}]));
    let [found] = &image.packages[..] else { return format!("{:?}", image.problems) };
    let ecosystem = found.ecosystem.as_ref().map(ToString::to_string).unwrap_or_default();
    format!(
        "{} {} {} {ecosystem}",
        found.package.package_type.as_str(),
        found.package.name,
        found.package.version
    )
}

#[test]
fn the_purl_of_a_distribution_s_package_says_all() {
    let purl = "pkg:deb/debian/libc6@2.31-13?arch=amd64&distro=debian-11&upstream=glibc%402.31-12";
    let image =
        read(json!([{"bom-ref": "ref-1", "type": "library", "name": "libc6", "version": "?", "purl": purl}]));
    let found = &image.packages[0];
    assert_eq!((found.package.name.as_str(), found.package.version.as_str()), ("libc6", "2.31-13"));
    assert_eq!(found.package.advised_as(), ("glibc", "2.31-12"));
    assert_eq!(found.package.architecture.as_deref(), Some("amd64"));
    assert_eq!(found.ecosystem.as_ref().unwrap().to_string(), "Debian:11");
    assert_eq!((found.path.as_str(), found.layer.as_ref()), ("ref-1", None));
    assert_eq!(found.purl, purl);
    assert_eq!(image.distro.unwrap().id, "debian");
    let same =
        read(json!([{"purl": "pkg:deb/debian/libc6@2.31-13?distro=debian-11&upstream=glibc%402.31-13"}]));
    assert_eq!(same.packages[0].package.source_version, None);
}

#[test]
fn names_are_those_of_each_ecosystem() {
    for (purl, expected) in [
        ("pkg:npm/%40babel/core@7.0.0", "npm @babel/core 7.0.0 npm"),
        ("pkg:golang/golang.org/x/net@v0.1.0#http2", "golang golang.org/x/net v0.1.0 Go"),
        ("pkg:golang/stdlib@1.22.3", "golang stdlib 1.22.3 Go"),
        (
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "maven org.apache.logging.log4j:log4j-core 2.14.1 Maven",
        ),
        ("pkg:composer/symfony/http-kernel@v5.1", "composer symfony/http-kernel v5.1 Packagist"),
        ("pkg:pypi/django@3.2", "pypi django 3.2 PyPI"),
        ("pkg:cargo/rand@0.8.5", "cargo rand 0.8.5 crates.io"),
        ("pkg:nuget/Newtonsoft.Json@13.0.1", "nuget Newtonsoft.Json 13.0.1 NuGet"),
        ("pkg:conda/numpy@1.2", "conda numpy 1.2 "),
        (
            "pkg:rpm/almalinux/perl-Errno@1.28-416.el8?epoch=4&distro=almalinux-8.9",
            "rpm perl-Errno 4:1.28-416.el8 AlmaLinux:8",
        ),
        ("pkg:rpm/almalinux/bash@5-1.el9?epoch=0&distro=almalinux-9", "rpm bash 5-1.el9 AlmaLinux:9"),
        ("pkg:apk/alpine/musl@1.1.14-r15?distro=alpine-3.4.6", "apk musl 1.1.14-r15 Alpine:v3.4"),
        ("pkg:apk/wolfi/glibc@2.38-r1", "apk glibc 2.38-r1 "),
    ] {
        assert_eq!(of_purl(purl), expected, "{purl}");
    }
    let rpm =
        read(json!([{"purl": "pkg:rpm/rhel/glibc-common@2.28-1.el8?upstream=glibc-2.28-1.el8.src.rpm"}]));
    let package = &rpm.packages[0].package;
    assert_eq!((package.source.as_deref(), package.source_version.as_deref()), (Some("glibc"), None));
}

#[test]
fn the_operating_system_stands_in_where_a_purl_is_silent() {
    let image = read(json!([
        {"type": "library", "name": "musl", "purl": "pkg:apk/alpine/musl@1.1.14-r15"},
        {"type": "operating-system", "name": "Alpine", "version": "3.4.6", "description": "Alpine Linux v3.4"},
    ]));
    assert_eq!(image.packages.len(), 1);
    assert_eq!(image.packages[0].ecosystem.as_ref().unwrap().to_string(), "Alpine:v3.4");
    assert_eq!(image.distro.unwrap().pretty_name, "Alpine Linux v3.4");
}

#[test]
fn components_in_components_count_and_those_without_a_purl_are_listed() {
    let image = read(json!([{"type": "application", "name": "package-lock.json", "components": [
        {"type": "library", "name": "a", "purl": "pkg:npm/a@1"},
        {"type": "library", "group": "org", "name": "b", "version": "2", "components": [{"name": "c", "purl": "pkg:npm/c@1"}]},
        {"type": "file", "name": "/etc/passwd"},
    ]}]));
    let names: Vec<_> = image.packages.iter().map(|p| p.package.name.as_str()).collect();
    assert_eq!((names, image.entries), (vec!["a", "c", "org/b"], 5));
    assert_eq!(image.packages[2].ecosystem, None);
}

#[test]
fn a_purl_that_is_none_is_a_problem_and_the_rest_is_read() {
    let image = read(json!([{"name": "bad", "purl": "pkg:/"}, {"name": "good", "purl": "pkg:npm/good@1"}]));
    assert_eq!((image.packages.len(), image.problems.len()), (1, 1));
    assert_eq!(
        (image.problems[0].kind, image.problems[0].path.as_deref()),
        (ProblemKind::Unreadable, Some("bad"))
    );
}

#[test]
fn what_is_no_cyclonedx_is_refused() {
    let refuse = |text: &str| read_sbom(text.as_bytes(), &Limits::default()).unwrap_err().kind;
    assert_eq!(refuse(""), ProblemKind::Unsupported);
    assert_eq!(refuse("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>"), ProblemKind::Unsupported);
    assert_eq!(refuse(r#"{"spdxVersion":"SPDX-2.3"}"#), ProblemKind::Unsupported);
    assert_eq!(refuse(r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#), ProblemKind::Unsupported);
    assert_eq!(refuse(r#"{"bomFormat":"CycloneDX""#), ProblemKind::Unreadable);
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}"#,
        r#"[{"components":"#.repeat(10_000)
    );
    assert_eq!(refuse(&deep), ProblemKind::Unreadable);
    let few = Limits { file_bytes: 10, ..Limits::default() };
    assert_eq!(read_sbom(deep.as_bytes(), &few).unwrap_err().kind, ProblemKind::LimitExceeded);
}
