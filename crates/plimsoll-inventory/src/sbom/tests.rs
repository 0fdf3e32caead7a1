//! CycloneDX documents as Syft and Trivy write them.

use plimsoll_types::probe::Limits;
use plimsoll_types::{ImageInventory, Problem, ProblemKind};
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
fn what_is_no_sbom_is_refused() {
    let refuse = |text: &str| read_sbom(text.as_bytes(), &Limits::default()).unwrap_err().kind;
    assert_eq!(refuse(""), ProblemKind::Unsupported);
    assert_eq!(refuse("<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>"), ProblemKind::Unsupported);
    assert_eq!(refuse(r#"{"spdxVersion":"SPDX-3.0"}"#), ProblemKind::Unsupported);
    assert_eq!(refuse(r#"{"plimsollInventory":2}"#), ProblemKind::Unsupported);
    assert_eq!(refuse("{}"), ProblemKind::Unsupported);
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

const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[
    {"SPDXID":"SPDXRef-DocumentRoot-Image-x","name":"x","primaryPackagePurpose":"CONTAINER"},
    {"SPDXID":"SPDXRef-OperatingSystem-1","name":"alpine","versionInfo":"3.18.4","primaryPackagePurpose":"OPERATING-SYSTEM"},
    {"SPDXID":"SPDXRef-1","name":"musl","versionInfo":"1.2.4-r1","licenseDeclared":"MIT","licenseConcluded":"NOASSERTION",
     "externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a"},
      {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:apk/alpine/musl@1.2.4-r1?arch=x86_64"}]},
    {"SPDXID":"SPDXRef-2","name":"left-pad","versionInfo":"1.0.0","licenseDeclared":"NOASSERTION","licenseConcluded":"WTFPL",
     "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/left-pad@1.0.0"}]},
    {"SPDXID":"SPDXRef-3","name":"mine","versionInfo":"1"}]}"#;

/// Name, version, ecosystem and licences.
fn shown(image: &ImageInventory) -> Vec<String> {
    let of = |p: &plimsoll_types::InstalledPackage| {
        let ecosystem = p.ecosystem.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {} {ecosystem} {}", p.package.name, p.package.version, p.details.licenses.join(","))
    };
    image.packages.iter().map(of).collect()
}

#[test]
fn spdx_is_read_as_json_and_as_tags() {
    let json = read_sbom(SPDX.as_bytes(), &Limits::default()).unwrap();
    let expected = ["musl 1.2.4-r1 Alpine:v3.18 MIT", "left-pad 1.0.0 npm WTFPL", "mine 1  "];
    assert_eq!((shown(&json), json.problems.len()), (expected.map(str::to_owned).to_vec(), 0));
    assert_eq!(json.distro.unwrap().id, "alpine");
    let tags = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nDocumentComment: <text>x\nPackageName: no\n</text>\n\
        PackageName: alpine\nSPDXID: SPDXRef-OperatingSystem\nPackageVersion: 3.18.4\nPrimaryPackagePurpose: OPERATING-SYSTEM\n\
        PackageName: musl\nSPDXID: SPDXRef-1\nPackageVersion: 1.2.4-r1\nPackageLicenseDeclared: MIT\n\
        ExternalRef: SECURITY cpe23Type cpe:2.3:a\nExternalRef: PACKAGE-MANAGER purl pkg:apk/alpine/musl@1.2.4-r1?arch=x86_64\n\n\
        PackageName: left-pad\nSPDXID: SPDXRef-2\nPackageVersion: 1.0.0\nPackageLicenseDeclared: NOASSERTION\n\
        PackageLicenseConcluded: WTFPL\nExternalRef: PACKAGE-MANAGER purl pkg:npm/left-pad@1.0.0\n\
        FileName: ./x\nSPDXID: SPDXRef-File\nPackageName: mine\nSPDXID: SPDXRef-3\nPackageVersion: 1\n";
    let tags = read_sbom(tags.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(shown(&tags), expected);
}

/// An inventory with one of everything that could be lost on the way.
fn inventory() -> ImageInventory {
    use plimsoll_types::inventory::{Confidence, Details, Distro, FileContent, FileFact, Found};
    use plimsoll_types::{Digest, LayerInventory, Package, PackageType};
    let distro = Distro {
        id: "debian".into(),
        like: vec!["a".into(), "b".into()],
        codename: "trixie".into(),
        pretty_name: "Debian testing".into(),
        ..Distro::default()
    };
    let package = |kind, name, version| Found::from(Package::new(kind, name, version));
    let mut libc = package(PackageType::Deb, "libc6", "2.38-1");
    libc.package.architecture = Some("amd64".into());
    libc.package.source = Some("glibc".into());
    libc.package.source_version = Some("2.38-1+b1".into());
    libc.details.licenses = vec!["LGPL-2.1-or-later".into(), "my own".into()];
    libc.details.origin = Some("Debian".into());
    let mut nginx = package(PackageType::Bitnami, "nginx", "1.25.3");
    nginx.details = Details {
        confidence: Confidence::Medium,
        evidence: Some(format!("{}nginx version: nginx/1.25.3", Details::BY_CONTENT)),
        ..Details::default()
    };
    let mut log4j = package(PackageType::Maven, "org.apache:log4j", "2.0");
    log4j.details.evidence = Some("a.war!b.jar".into());
    let facts = [
        ("usr/lib/os-release", FileContent::Distro(distro)),
        ("var/lib/dpkg/status", FileContent::Database(vec![libc])),
        ("a/nginx", FileContent::Packages(vec![nginx])),
        ("a/a.war", FileContent::Packages(vec![log4j])),
        (
            "a/METADATA",
            FileContent::packages([
                Package::new(PackageType::Pypi, "Zope.Interface", "5.1"),
                Package::new(PackageType::Npm, "@a/b", "1"),
                Package::new(PackageType::Golang, "github.com/A/b", "v1.0.0"),
                Package::new(PackageType::Rpm, "perl", "4:5.1-1"),
                Package::new(PackageType::Swift, "github.com/apple/swift-nio", "2"),
                Package::new(PackageType::Generic, "pecl/redis", ""),
                Package::new(PackageType::Composer, "a/b", "v1"),
            ]),
        ),
        ("b/METADATA", FileContent::packages([Package::new(PackageType::Npm, "@a/b", "1")])),
    ];
    let mut files: Vec<_> =
        facts.into_iter().map(|(path, content)| FileFact { path: path.into(), content }).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let layer = LayerInventory { files, ..crate::read_layer(&b""[..], &Limits::default()) };
    ImageInventory::merge(&[(Some(Digest::sha256(b"layer")), &layer)])
}

#[test]
fn what_we_write_is_read_back_as_it_was() {
    use plimsoll_types::sbom::{self, Format, Subject};
    let mut image = inventory();
    assert_eq!(image.packages.len(), 11);
    // What could not be read is told as well: without it, whoever finds nothing would call the image healthy.
    image.problems = vec![
        Problem::new(ProblemKind::Damaged, "the \"layer\" ends"),
        Problem::at(ProblemKind::Unreadable, "a=b", "not understood"),
    ];
    let subject = Subject { name: "x", digest: None, platform: None, is_image: true };
    for format in [Format::CycloneDx, Format::Spdx, Format::Native] {
        let text = sbom::write(format, &subject, &image, plimsoll_types::Timestamp(0)).to_string();
        let mut back = read_sbom(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(back.problems, image.problems);
        assert_eq!(back.distro, image.distro, "{format:?}");
        for (installed, original) in back.packages.iter_mut().zip(&image.packages) {
            if format == Format::Spdx {
                // One expression, in which a name of one's own is a reference.
                assert_eq!(installed.details.licenses.is_empty(), original.details.licenses.is_empty());
                installed.details.licenses.clone_from(&original.details.licenses);
            }
            assert_eq!(installed, original, "{format:?}");
        }
        assert_eq!(back.packages.len(), image.packages.len());
    }
}

#[test]
fn a_document_of_a_hundred_thousand_components_is_read_in_one_go() {
    let one = |n: usize| {
        json!({"type": "library", "name": format!("p{n}"), "purl": format!("pkg:npm/p{n}@1.0.{n}"),
        "licenses": [{"license": {"id": "MIT"}}], "properties": [{"name": "x", "value": "y"}]})
    };
    let image = read(Value::Array((0..100_000).map(one).collect()));
    assert_eq!((image.packages.len(), image.entries, image.problems.len()), (100_000, 100_000, 0));
    // What is two bytes in the document is none in memory.
    let nothings = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}{{}}]}}"#,
        "{},".repeat(1_500_000)
    );
    let image = read_sbom(nothings.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((image.packages.len(), image.problems.len()), (0, 1));
    assert_eq!(image.problems[0].kind, ProblemKind::LimitExceeded);
}

#[test]
fn a_release_that_has_only_a_name_is_told_by_it() {
    let system = json!([{"type": "operating-system", "name": "debian", "properties": [
        {"name": "syft:distro:idLike:0", "value": "a"}, {"name": "syft:distro:idLike:1", "value": "b"},
        {"name": "syft:distro:versionCodename", "value": "trixie"}]}]);
    let distro = read(system).distro.unwrap();
    assert_eq!(
        (distro.like.join(" "), distro.ecosystem().unwrap().to_string()),
        ("a b".into(), "Debian:13".into())
    );
}
