//! Rows as they are stored, and as the two generations tell them.

use plimsoll_store::FindingId;
use plimsoll_types::inventory::Distro;
use plimsoll_types::manifest::media;
use plimsoll_types::{
    BaseImage, Cvss, Digest, Ecosystem, Package, PackageType, Platform, Severity, Timestamp,
};
use serde_json::{Value, json};

use super::*;

const REGISTRY: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";

fn shown(generation: Generation, row: &FindingRow) -> Value {
    let scope = Scope {
        subscription: "s".into(),
        resource_group: "g".into(),
        registry: "r".into(),
        registry_host: "localhost:5000".into(),
    };
    serde_json::to_value(SubAssessment::new(&scope, generation, row)).unwrap()
}

fn image() -> ImageSummary {
    ImageSummary {
        registry: plimsoll_store::RegistryId::FIRST,
        repository: "team/app".parse().unwrap(),
        digest: Digest::sha256(b"manifest"),
        media_type: media::OCI_MANIFEST.into(),
        tags: vec!["1.0".into(), "latest".into()],
        pushed_at: Timestamp(0),
        platform: Some(Platform {
            os: "linux".into(),
            architecture: "amd64".into(),
            variant: None,
            os_version: None,
        }),
        distro: Some(Distro {
            id: "alpine".into(),
            version_id: "3.4.6".into(),
            pretty_name: "Alpine Linux v3.4".into(),
            ..Distro::default()
        }),
        state: ImageState::Done,
        coverage: json!({"conclusion": {"complete": true}}),
        assessed_at: Some(Timestamp(2000)),
        base: None,
    }
}

fn libcrypto() -> InstalledPackage {
    let mut package = Package::new(PackageType::Apk, "libcrypto1.0", "1.0.2n-r0");
    package.source = Some("openssl".into());
    InstalledPackage {
        package,
        ecosystem: Some(Ecosystem::release_of("Alpine", "v3.4")),
        path: "lib/apk/db/installed".into(),
        layer: Some(Digest::sha256(b"layer")),
        purl: "pkg:apk/alpine/libcrypto1.0@1.0.2n-r0".into(),
        details: Default::default(),
    }
}

fn an_overflow() -> Match {
    let cvss = |version: &str, score| Cvss {
        version: version.into(),
        vector: format!("CVSS:{version}/AV:N"),
        score,
        source: "ALPINE-CVE-2018-0732".into(),
    };
    Match {
        vulnerability: "CVE-2018-0732".into(),
        advisories: vec!["ALPINE-CVE-2018-0732".into()],
        aliases: vec!["GHSA-aaaa-bbbb-cccc".into()],
        status: MatchStatus::Affected,
        fixed_version: Some("1.0.2o-r1".into()),
        severity: Severity::Critical,
        cvss: vec![cvss("3.1", 9.8), cvss("2.0", 5.0)],
        summary: String::new(),
        description: "An overflow".into(),
        published: Some(Timestamp(1000)),
        modified: None,
        references: vec!["https://example.test/1".into(), "javascript:alert(1)".into()],
        weak: false,
        evidence: Default::default(),
    }
}

fn row(image: ImageSummary, finding: Option<(InstalledPackage, Match)>) -> FindingRow {
    let id = match finding {
        Some(_) => FindingId { image: 1, package: 2, vulnerability: 3 },
        None => FindingId { image: 1, package: 0, vulnerability: 0 },
    };
    FindingRow { id, image, finding, first_seen: Timestamp(0), hidden: None, exploitation: None }
}

#[test]
fn a_finding_is_told_in_the_first_generations_shape() {
    let row = row(image(), Some((libcrypto(), an_overflow())));
    let layer = Digest::sha256(b"layer");
    assert_eq!(
        shown(Generation::First, &row),
        json!({
            "id": format!("{REGISTRY}/providers/Microsoft.Security/assessments/dbd0cb49-b563-45e7-9724-889e799fa648/subAssessments/{}", row.id),
            "name": row.id.to_string(),
            "type": "Microsoft.Security/assessments/subAssessments",
            "properties": {
                "id": "CVE-2018-0732",
                "displayName": "CVE-2018-0732 in libcrypto1.0",
                "status": {
                    "code": "Unhealthy",
                    "cause": "",
                    "description": "libcrypto1.0 1.0.2n-r0 is affected",
                    "severity": "High",
                },
                "remediation": format!("Upgrade libcrypto1.0 1.0.2n-r0 (built from openssl) to version 1.0.2o-r1 or later. It is named by lib/apk/db/installed in layer {layer}."),
                "impact": "CVSS 3.1 base score 9.8 (CVSS:3.1/AV:N), according to ALPINE-CVE-2018-0732",
                "category": "Alpine",
                "description": "An overflow",
                "timeGenerated": "1970-01-01T00:00:02Z",
                "resourceDetails": {"source": "Azure", "id": REGISTRY},
                "additionalData": {
                    "assessedResourceType": "ContainerRegistryVulnerability",
                    "type": "Vulnerability",
                    "cvss": {"2.0": {"base": 5.0}, "3.0": {"base": 9.8}},
                    "patchable": true,
                    "cve": [{"title": "CVE-2018-0732", "link": "https://nvd.nist.gov/vuln/detail/CVE-2018-0732"}],
                    "publishedTime": "1970-01-01T00:00:01Z",
                    "vendorReferences": [
                        {"title": "ALPINE-CVE-2018-0732", "link": "https://osv.dev/vulnerability/ALPINE-CVE-2018-0732"},
                        {"title": "https://example.test/1", "link": "https://example.test/1"},
                    ],
                    "registryHost": "localhost:5000",
                    "repositoryName": "team/app",
                    "imageDigest": Digest::sha256(b"manifest").as_str(),
                },
            },
        })
    );
}

#[test]
fn a_finding_is_told_in_the_second_generations_shape() {
    let row = row(image(), Some((libcrypto(), an_overflow())));
    let shown = shown(Generation::Second, &row);
    let digest = Digest::sha256(b"manifest");
    let properties = &shown["properties"];
    assert_eq!(properties["displayName"], "CVE-2018-0732");
    assert_eq!(properties["status"]["severity"], "Critical");
    assert_eq!(
        properties["resourceDetails"],
        json!({"source": "Azure", "id": format!("/repositories/team/app/images/{digest}")})
    );
    assert_eq!(
        properties["additionalData"],
        json!({
            "assessedResourceType": "AzureContainerRegistryVulnerability",
            "cvssV30Score": 9.8,
            "vulnerabilityDetails": {
                "cveId": "CVE-2018-0732",
                "severity": "Critical",
                "publishedDate": "1970-01-01T00:00:01Z",
                "cvss": {
                    "2.0": {"base": 5.0, "cvssVectorString": "CVSS:2.0/AV:N"},
                    "3.0": {"base": 9.8, "cvssVectorString": "CVSS:3.1/AV:N"},
                },
                "workarounds": [],
                "references": [
                    {"title": "ALPINE-CVE-2018-0732", "link": "https://osv.dev/vulnerability/ALPINE-CVE-2018-0732"},
                    {"title": "https://example.test/1", "link": "https://example.test/1"},
                ],
                "weaknesses": {"cwe": []},
            },
            "artifactDetails": {
                "registryHost": "localhost:5000",
                "repositoryName": "team/app",
                "digest": digest.as_str(),
                "tags": ["1.0", "latest"],
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": "ContainerImage",
                "lastPushedToRegistryUTC": "1970-01-01T00:00:00Z",
            },
            "softwareDetails": {
                "packageName": "libcrypto1.0",
                "vendor": "alpine",
                "version": "1.0.2n-r0",
                "fixedVersion": "1.0.2o-r1",
                "category": "OS",
                "language": "",
                "fixStatus": "FixAvailable",
                "evidence": [format!("lib/apk/db/installed in layer {}", Digest::sha256(b"layer"))],
                "layer": {"digest": Digest::sha256(b"layer").as_str(), "isOfBaseImage": false},
                "osDetails": {"osPlatform": "linux", "osName": "Alpine Linux v3.4", "osVersion": "alpine_3.4"},
            },
        })
    );
}

#[test]
fn what_nobody_knows_is_left_out_and_lists_stay_lists() {
    let lodash = InstalledPackage {
        package: Package::new(PackageType::Npm, "lodash", "4.17.4"),
        ecosystem: Some(Ecosystem::of("npm")),
        path: "app/node_modules/lodash/package.json".into(),
        layer: None,
        purl: "pkg:npm/lodash@4.17.4".into(),
        details: Default::default(),
    };
    let mut bare = an_overflow();
    bare.vulnerability = "GHSA-aaaa-bbbb-cccc".into();
    bare.aliases.clear();
    bare.advisories.clear();
    bare.references.clear();
    bare.cvss.clear();
    bare.fixed_version = None;
    bare.published = None;
    bare.severity = Severity::Unknown;
    bare.summary = "Pollution of prototypes".into();
    bare.description.clear();
    let image = ImageSummary { distro: None, platform: None, assessed_at: None, ..image() };
    let row = row(image, Some((lodash, bare)));

    let first = &shown(Generation::First, &row)["properties"];
    assert_eq!(first["displayName"], "Pollution of prototypes");
    assert_eq!(first["description"], "Pollution of prototypes");
    assert_eq!((&first["category"], &first["status"]["severity"]), (&json!("npm"), &json!("Unknown")));
    for absent in ["impact", "timeGenerated"] {
        assert_eq!(first.get(absent), None, "{absent}");
    }
    let data = &first["additionalData"];
    assert_eq!(
        (&data["cve"], &data["vendorReferences"], &data["cvss"]),
        (&json!([]), &json!([]), &json!({}))
    );
    assert_eq!((&data["patchable"], data.get("publishedTime")), (&json!(false), None));

    let second = &shown(Generation::Second, &row)["properties"]["additionalData"];
    assert_eq!(second.get("cvssV30Score"), None);
    assert_eq!(second["vulnerabilityDetails"]["cvss"], json!({"2.0": null, "3.0": null}));
    let software = &second["softwareDetails"];
    assert_eq!((&software["category"], &software["language"]), (&json!("Language"), &json!("javascript")));
    assert_eq!((&software["fixedVersion"], &software["fixStatus"]), (&json!(""), &json!("NoFixAvailable")));
    assert_eq!(software.get("osDetails"), None);
}

#[test]
fn what_the_base_image_brought_is_mended_by_another_base() {
    let (below, own) = (Digest::sha256(b"layer"), Digest::sha256(b"own"));
    let base = BaseImage { name: "team/base:1".into(), digest: Some(Digest::sha256(b"base")), layers: 1 };
    let layers = json!([{"digest": below, "read": true, "command": "ADD rootfs.tar /"}, {"digest": own, "read": true}]);
    let image = ImageSummary {
        base: Some(base.clone()),
        coverage: json!({"conclusion": {"complete": true}, "layers": layers}),
        ..image()
    };
    let told = shown(Generation::Second, &row(image.clone(), Some((libcrypto(), an_overflow()))));
    assert_eq!(
        told["properties"]["remediation"],
        format!(
            "Rebase: libcrypto1.0 1.0.2n-r0 (built from openssl) comes with the base image team/base:1. Build on one \
            that has version 1.0.2o-r1 or later. It is named by lib/apk/db/installed in layer {below}, which was made \
            by: ADD rootfs.tar /"
        )
    );
    let data = &told["properties"]["additionalData"];
    assert_eq!(data["artifactDetails"]["baseImage"], json!({"name": "team/base:1", "layers": 1}));
    let layer = |command: Option<&str>, digest: &Digest, is_of_base: bool| {
        let mut layer = json!({"digest": digest, "isOfBaseImage": is_of_base});
        if let Some(command) = command {
            layer["command"] = json!(command);
        }
        layer
    };
    assert_eq!(data["softwareDetails"]["layer"], layer(Some("ADD rootfs.tar /"), &below, true));
    // Who asks for the rows of an image by its digest gets none of what was built upon it.
    assert!(!told.to_string().contains(base.digest.as_ref().unwrap().as_str()));
    let nameless = ImageSummary { base: Some(BaseImage { name: String::new(), ..base }), ..image.clone() };
    let told = shown(Generation::Second, &row(nameless, Some((libcrypto(), an_overflow()))));
    let remediation = told["properties"]["remediation"].as_str().unwrap();
    assert!(remediation.contains("comes with the base image. Build on one that"), "{remediation}");
    // What the image brought itself is upgraded in it.
    let upper = InstalledPackage { layer: Some(own.clone()), ..libcrypto() };
    let told = shown(Generation::Second, &row(image, Some((upper, an_overflow()))));
    let remediation = told["properties"]["remediation"].as_str().unwrap();
    assert!(
        remediation.starts_with("Upgrade libcrypto1.0") && remediation.ends_with(&format!("layer {own}."))
    );
    assert_eq!(told["properties"]["additionalData"]["softwareDetails"]["layer"], layer(None, &own, false));
}

#[test]
fn a_clean_image_is_healthy_in_both_generations() {
    let row = row(image(), None);
    for generation in Generation::ALL {
        let shown = shown(generation, &row);
        let properties = &shown["properties"];
        assert_eq!(properties["status"]["code"], "Healthy");
        assert_eq!(properties["status"].get("severity"), None);
        assert_eq!(properties.get("id"), None);
        assert_eq!(properties.get("remediation"), None);
    }
    let digest = Digest::sha256(b"manifest");
    assert_eq!(
        shown(Generation::First, &row)["properties"]["additionalData"],
        json!({
            "assessedResourceType": "ContainerRegistryVulnerability",
            "type": "Information Gathered",
            "cvss": {},
            "patchable": false,
            "cve": [],
            "vendorReferences": [],
            "registryHost": "localhost:5000",
            "repositoryName": "team/app",
            "imageDigest": digest.as_str(),
        })
    );
    let second = &shown(Generation::Second, &row)["properties"]["additionalData"];
    assert_eq!(second["artifactDetails"]["digest"], digest.as_str());
    assert_eq!(second.get("vulnerabilityDetails"), None);
}

#[test]
fn what_could_not_be_judged_is_not_healthy_and_says_why() {
    let status = |state, coverage| {
        let row = row(ImageSummary { state, coverage, ..image() }, None);
        let status = shown(Generation::Second, &row)["properties"]["status"].take();
        ["code", "cause", "description"].map(|key| status[key].as_str().unwrap().to_owned())
    };
    let incomplete = json!({"conclusion": {"complete": false, "reason": "layer 2 is damaged"}});
    let clean = json!({"conclusion": {"complete": true}});
    for (state, coverage, cause, reason) in [
        (ImageState::Done, incomplete, "IncompleteCoverage", "layer 2 is damaged"),
        (
            ImageState::Done,
            json!({}),
            "IncompleteCoverage",
            "it is not recorded how far this image was looked at",
        ),
        (ImageState::Failed("the probe died".into()), clean.clone(), "ScanFailed", "the probe died"),
        (ImageState::Unsupported("a Windows image".into()), Value::Null, "Unsupported", "a Windows image"),
    ] {
        assert_eq!(status(state, coverage), ["NotApplicable", cause, reason]);
    }
    // A scan that goes on again does not take the standing verdict away.
    assert_eq!(status(ImageState::Running, clean)[0], "Healthy");
}

#[test]
fn findings_of_an_image_that_was_not_read_whole_say_so() {
    let coverage = json!({"conclusion": {"complete": false, "reason": "layer 2 is damaged"}});
    let row = row(ImageSummary { coverage, ..image() }, Some((libcrypto(), an_overflow())));
    assert_eq!(
        shown(Generation::First, &row)["properties"]["status"]["description"],
        "libcrypto1.0 1.0.2n-r0 is affected. There may be more than was found: layer 2 is damaged"
    );
}

#[test]
fn every_status_of_a_match_has_its_code_and_its_fix_status() {
    let told = |status, fixed: Option<&str>| {
        let found = Match { status, fixed_version: fixed.map(str::to_owned), ..an_overflow() };
        let row = row(image(), Some((libcrypto(), found)));
        let first = shown(Generation::First, &row);
        let second = shown(Generation::Second, &row);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            text(&first["properties"]["status"]["code"]),
            text(&first["properties"]["additionalData"]["type"]),
            text(&second["properties"]["additionalData"]["softwareDetails"]["fixStatus"]),
        )
    };
    let case = |code: &str, kind: &str, fix: &str| (code.to_owned(), kind.to_owned(), fix.to_owned());
    let unhealthy = |kind, fix| case("Unhealthy", kind, fix);
    assert_eq!(told(MatchStatus::Affected, Some("2")), unhealthy("Vulnerability", "FixAvailable"));
    assert_eq!(told(MatchStatus::Affected, None), unhealthy("Vulnerability", "NoFixAvailable"));
    assert_eq!(told(MatchStatus::WillNotFix, None), unhealthy("Vulnerability", "WontFix"));
    assert_eq!(told(MatchStatus::UnderInvestigation, None), unhealthy("Potential Vulnerability", "Unknown"));
    assert_eq!(told(MatchStatus::Unknown, None), unhealthy("Potential Vulnerability", "Unknown"));
    assert_eq!(told(MatchStatus::NotAffected, None), case("NotApplicable", "Vulnerability", "Unknown"));
}
