use serde_json::json;

use super::*;
use crate::{Cvss, Ecosystem, Package, PackageType, Status};

fn rule(criteria: Value) -> Result<Rule, Invalid> {
    Rule::parse(&json!({"properties": {"reason": "accepted", "criteria": criteria}}))
}

fn zlib() -> InstalledPackage {
    InstalledPackage {
        package: Package::new(PackageType::Apk, "zlib", "1.2.11"),
        ecosystem: Some(Ecosystem::release_of("Alpine", "v3.17")),
        path: String::new(),
        layer: None,
        purl: String::new(),
        details: Default::default(),
    }
}

fn flaw() -> Match {
    Match {
        vulnerability: "CVE-2022-37434".into(),
        advisories: vec!["ALPINE-CVE-2022-37434".into()],
        aliases: vec!["GHSA-1".into()],
        status: Status::Affected,
        fixed_version: Some("1.2.13".into()),
        severity: Severity::Medium,
        cvss: vec![Cvss { version: "3.1".into(), vector: String::new(), score: 6.4, source: String::new() }],
        summary: "Heap overflow in Inflate".into(),
        description: String::new(),
        published: None,
        modified: None,
        references: vec![],
        weak: false,
        evidence: Default::default(),
    }
}

#[test]
fn each_criterion_hides_what_it_names_and_nothing_else() {
    for (criteria, hides) in [
        (json!({"findingIds": "other;cve-2022-37434"}), true),
        (json!({"findingIds": "ghsa-1"}), true),
        (json!({"findingIds": "900123"}), false),
        (json!({"cves": ["CVE-2022-37434"]}), true),
        (json!({"cves": "CVE-2022-3743;CVE-2022-374344"}), false),
        (json!({"categories": "alpine"}), true),
        (json!({"categories": "Debian; npm"}), false),
        (json!({"securityChecks": "overflow in inflate"}), true),
        (json!({"securityChecks": "deflate"}), false),
        (json!({"cvssV3Below": 6.5}), true),
        (json!({"cvssV3Below": "6.4"}), false),
        (json!({"severityBelow": "High"}), true),
        (json!({"severityBelow": "medium"}), false),
        (json!({"severityAtOrBelow": "medium"}), true),
        (json!({"severityAtOrBelow": "low"}), false),
        (json!({"patchable": true}), true),
        (json!({"patchable": false}), false),
        (json!({"fixStatuses": "fixavailable;WontFix"}), true),
        (json!({"fixStatuses": "NoFixAvailable"}), false),
        (json!({"packages": "openssl;zl*"}), true),
        (json!({"packages": "openssl"}), false),
        // All fields have to fit.
        (json!({"packages": "zlib", "cves": "CVE-1"}), false),
    ] {
        assert_eq!(rule(criteria.clone()).unwrap().hides_match(&zlib(), &flaw()), hides, "{criteria}");
    }
}

#[test]
fn what_nobody_knows_is_not_below_anything() {
    let unknown = Match { severity: Severity::Unknown, cvss: vec![], ..flaw() };
    for criteria in [
        json!({"severityBelow": "critical"}),
        json!({"severityAtOrBelow": "critical"}),
        json!({"cvssV3Below": 10}),
    ] {
        assert!(!rule(criteria).unwrap().hides_match(&zlib(), &unknown));
    }
}

#[test]
fn criteria_of_the_image_are_kept_apart() {
    let digest = Digest::sha256(b"image");
    for (criteria, hides) in [
        (json!({"imageDigests": digest.as_str()}), true),
        (json!({"imageDigests": Digest::sha256(b"other").as_str()}), false),
        (json!({"osVersions": "ubuntu_linux_20.04;Alpine_3.17"}), true),
        (json!({"osVersions": "alpine_3.1"}), false),
        (json!({"repositories": "team/*"}), true),
        (json!({"repositories": "team"}), false),
        (json!({"repositories": "team/*", "osVersions": "debian_12"}), false),
    ] {
        let rule = rule(criteria.clone()).unwrap();
        assert!(rule.criteria.has_image_conditions());
        assert!(rule.hides_match(&zlib(), &flaw()), "no condition on the match");
        let fits = rule.hides_in_image(&"team/app".parse().unwrap(), &digest, Some("alpine_3.17"));
        assert_eq!(fits, hides, "{criteria}");
    }
    let without = rule(json!({"osVersions": "alpine_3.17"})).unwrap();
    assert!(!without.hides_in_image(&"team/app".parse().unwrap(), &digest, None));
}

#[test]
fn a_wrong_rule_is_told_by_its_field() {
    for (criteria, field) in [
        (json!({}), "properties.criteria"),
        (json!(null), "properties.criteria"),
        (json!({"cve": "CVE-1"}), "properties.criteria.cve"),
        (json!({"cves": "GHSA-1"}), "properties.criteria.cves"),
        (json!({"cves": ";"}), "properties.criteria.cves"),
        (json!({"cves": [1]}), "properties.criteria.cves"),
        (json!({"findingIds": "a%b"}), "properties.criteria.findingIds"),
        (json!({"cvssV3Below": 11}), "properties.criteria.cvssV3Below"),
        (json!({"severityBelow": "bad"}), "properties.criteria.severityBelow"),
        (json!({"severityAtOrBelow": "unknown"}), "properties.criteria.severityAtOrBelow"),
        (json!({"patchable": "yes"}), "properties.criteria.patchable"),
        (json!({"fixStatuses": "Maybe"}), "properties.criteria.fixStatuses"),
        (json!({"imageDigests": "sha256:1"}), "properties.criteria.imageDigests"),
        (json!({"packages": vec!["x"; 1001]}), "properties.criteria.packages"),
    ] {
        assert_eq!(rule(criteria.clone()).unwrap_err().field, field, "{criteria}");
    }
    let criteria = json!({"cves": "CVE-1"});
    for (properties, field) in [
        (json!(7), "properties"),
        (json!({"criteria": criteria}), "properties.reason"),
        (json!({"criteria": criteria, "reason": " "}), "properties.reason"),
        (json!({"criteria": criteria, "reason": "r", "expiresOn": "soon"}), "properties.expiresOn"),
        (json!({"criteria": criteria, "reason": "r", "assessmentKeys": ["x"]}), "properties.assessmentKeys"),
        (json!({"criteria": criteria, "reason": "r", "until": 1}), "properties.until"),
    ] {
        assert_eq!(Rule::parse(&json!({"properties": properties})).unwrap_err().field, field, "{properties}");
    }
}

#[test]
fn a_rule_ends_at_its_instant_and_speaks_of_its_recommendations() {
    let parse = |more: Value| {
        let mut properties = json!({"reason": "r", "criteria": {"cves": "CVE-1"}});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Rule::parse(&json!({"properties": properties})).unwrap()
    };
    let rule = parse(json!({"expiresOn": "1970-01-01T00:00:01Z"}));
    assert!(rule.is_active(Timestamp(999)) && !rule.is_active(Timestamp(1000)));
    assert_eq!(rule.generation_bits(), 3);
    let second = parse(json!({"assessmentKeys": "C0B7CFC6-3172-465a-b378-53c7ff2cc0d5"}));
    assert_eq!((second.generations.as_slice(), second.generation_bits()), (&[Generation::Second][..], 2));
}
