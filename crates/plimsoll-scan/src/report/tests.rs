use plimsoll_types::coverage::Conclusion;
use plimsoll_types::{Package, PackageType};

use super::*;

fn installed(name: &str, path: &str) -> InstalledPackage {
    InstalledPackage {
        package: Package { source: Some("src".into()), ..Package::new(PackageType::Apk, name, "1-r0") },
        ecosystem: Some(Ecosystem::release_of("Alpine", "v3.4")),
        path: path.to_owned(),
        layer: Some(Digest::sha256(b"layer")),
        purl: format!("pkg:apk/alpine/{name}@1-r0"),
        details: Default::default(),
    }
}

fn found(vulnerability: &str, severity: Severity, fixed: Option<&str>) -> Match {
    Match {
        vulnerability: vulnerability.into(),
        advisories: vec![format!("ALPINE-{vulnerability}")],
        aliases: vec![],
        status: Status::Affected,
        fixed_version: fixed.map(str::to_owned),
        severity,
        cvss: vec![],
        summary: "A flaw".into(),
        description: String::new(),
        published: Some(Timestamp(0)),
        modified: None,
        references: vec![],
        weak: false,
        evidence: Default::default(),
    }
}

fn report(matches: Vec<(InstalledPackage, Match)>) -> Report {
    let image = Image {
        target: "oci-dir:./a:latest".into(),
        reference: Some("latest".into()),
        digest: Some(Digest::sha256(b"manifest")),
        base: None,
        platform: Some("linux/amd64".into()),
        distro: Some(Distro { id: "alpine".into(), version_id: "3.4.6".into(), ..Distro::default() }),
        layers: vec![ImageLayer {
            digest: Digest::sha256(b"layer"),
            diff_id: None,
            size: Some(3),
            read: true,
            command: "COPY app /".into(),
        }],
        created: None,
    };
    let packages = vec![installed("musl", "a"), installed("musl", "b"), installed("zlib", "a")];
    let inventory = ImageInventory { distro: image.distro.clone(), packages, ..ImageInventory::default() };
    let coverage = Coverage {
        conclusion: Conclusion { complete: true, reason: None },
        distro: None,
        ecosystems: vec![],
        advisories: None,
        layers: vec![],
        packages: 3,
        packages_without_ecosystem: 0,
        packages_without_version: 0,
        packages_partly_compared: 0,
        unpacked_bytes: 0,
        problems: vec![],
        problem_count: 0,
    };
    Report::new(image, inventory, matches, coverage, Vec::new())
}

#[test]
fn the_worst_comes_first_and_the_numbers_add_up() {
    let report = report(vec![
        (installed("zlib", "a"), found("CVE-1", Severity::Low, None)),
        (installed("musl", "b"), found("CVE-3", Severity::Critical, Some("2"))),
        (installed("musl", "a"), found("CVE-3", Severity::Critical, Some("2"))),
        (installed("musl", "a"), found("CVE-2", Severity::Unknown, None)),
    ]);
    let order: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.vulnerability.as_str(), finding.package.path.as_str()))
        .collect();
    assert_eq!(order, [("CVE-3", "a"), ("CVE-3", "b"), ("CVE-1", "a"), ("CVE-2", "a")]);
    let summary = &report.summary;
    assert_eq!(summary.state, Health::Unhealthy);
    assert_eq!((summary.findings, summary.fixable, summary.vulnerabilities), (4, 2, 3));
    assert_eq!((summary.packages, summary.vulnerable_packages), (3, 3));
    let total: u64 = Severity::ALL.iter().map(|severity| summary.by_severity.of(*severity)).sum();
    assert_eq!((total, summary.by_severity.critical), (4, 2));
    assert_eq!(report.worst(), Some(Severity::Critical));
    assert_eq!(self::report(vec![]).summary.state, Health::Healthy);
}

#[test]
fn the_json_has_the_documented_names() {
    let report = report(vec![(installed("musl", "a"), found("CVE-3", Severity::Critical, Some("2")))]);
    let json = serde_json::to_value(&report).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().map(String::to_owned).collect()
    };
    assert_eq!(keys(&json), ["coverage", "findings", "image", "schemaVersion", "summary"]);
    let finding = &json["findings"][0];
    let expected = [
        "advisories",
        "aliases",
        "cvss",
        "fixedVersion",
        "package",
        "published",
        "references",
        "severity",
        "status",
        "title",
        "vulnerability",
        "weak",
    ];
    assert_eq!(keys(finding), expected);
    let expected = ["ecosystem", "layer", "name", "path", "purl", "source", "sourceVersion", "version"];
    assert_eq!(keys(&finding["package"]), expected);
    assert_eq!(finding["published"], "1970-01-01T00:00:00Z");
    assert_eq!((&finding["severity"], &finding["status"]), (&"critical".into(), &"affected".into()));
    assert_eq!(json["image"]["distro"]["version"], "3.4.6");
    // Every name that is written is explained to users.
    let page = include_str!("../../../../docs/scan-json.md");
    for name in keys(finding).iter().chain(&keys(&json["summary"])).chain(&keys(&json["coverage"])) {
        assert!(page.contains(name.as_str()), "docs/scan-json.md does not speak of {name}");
    }
}

#[test]
fn the_inventory_is_the_same_bytes_each_time_and_each_reference_is_unique() {
    let of = |at: i64| report(vec![]).to_sbom(Format::CycloneDx, Timestamp(at));
    let bom = of(0);
    assert_eq!(bom, of(1));
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let components = bom["components"].as_array().unwrap();
    let references: HashSet<_> =
        components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!((components.len(), references.len()), (4, 4));
    assert_eq!(
        (&components[0]["type"], &components[0]["version"]),
        (&"operating-system".into(), &"3.4.6".into())
    );
    assert_eq!(components[1]["purl"], "pkg:apk/alpine/musl@1-r0");
    let properties = components[1]["properties"].as_array().unwrap();
    assert!(properties.contains(&serde_json::json!({"name": "plimsoll:location:path", "value": "a"})));
    let serial = bom["serialNumber"].as_str().unwrap();
    let hex: Vec<&str> = serial.strip_prefix("urn:uuid:").unwrap().split('-').collect();
    assert_eq!(hex.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(hex[2].starts_with('8') && hex[3].starts_with(['8', '9', 'a', 'b']), "{serial}");
}
