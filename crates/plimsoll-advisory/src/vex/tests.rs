use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_types::Severity;

use super::*;

fn found() -> Match {
    Match {
        vulnerability: "CVE-2026-1".to_owned(),
        advisories: vec!["GHSA-1".to_owned()],
        aliases: vec!["GHSA-1".to_owned()],
        status: Status::Affected,
        fixed_version: None,
        severity: Severity::High,
        cvss: Vec::new(),
        summary: String::new(),
        description: String::new(),
        published: None,
        modified: None,
        references: Vec::new(),
        weak: false,
        evidence: Default::default(),
    }
}

/// The status, and the reason where it is no finding.
fn heeded(documents: &[&str], purl: &str, image: Image<'_>) -> (Status, Option<String>) {
    let mut vex = Vex::default();
    for document in documents {
        assert!(vex.add("a.json", document.as_bytes()).unwrap() > 0);
    }
    let mut found = found();
    vex.heed(&mut found, &purl.parse().unwrap(), image);
    (found.status, found.evidence.suppressed.map(|why| format!("{}: {}", why.source, why.reason)))
}

fn openvex(vulnerability: &str, product: &str, status: &str, at: &str) -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://a.example/vex/1","author":"A","timestamp":"{at}","version":1,
            "statements":[{{"vulnerability":{vulnerability},"products":[{product}],"status":"{status}",
            "justification":"vulnerable_code_not_in_execute_path","impact_statement":"It is not called"}}]}}"#
    )
}

const DAY: &str = "2026-01-01T00:00:00Z";

#[test]
fn a_statement_is_on_the_packages_that_its_purl_names() {
    let suppressed =
        "https://a.example/vex/1: vulnerable_code_not_in_execute_path: It is not called".to_owned();
    let yes = (Status::NotAffected, Some(suppressed));
    let no = (Status::Affected, None);
    let installed = "pkg:npm/%40a/b@1.0.0";
    for (vulnerability, product, expected) in [
        (r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/%40a/b@1.0.0"}"#, &yes),
        (r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/%40a/b"}"#, &yes),
        (r#"{"name":"GHSA-1"}"#, r#"{"@id":"x","identifiers":{"purl":"pkg:npm/%40a/b"}}"#, &yes),
        (r#"{"@id":"https://nvd.nist.gov/vuln/detail/CVE-2026-1"}"#, r#"{"@id":"pkg:npm/%40a/b"}"#, &yes),
        (r#"{"name":"OTHER","aliases":["CVE-2026-1"]}"#, r#"{"@id":"pkg:npm/%40a/b"}"#, &yes),
        (r#""CVE-2026-1""#, r#""pkg:npm/%40a/b@1.0.0""#, &yes),
        (r#"{"name":"CVE-2026-2"}"#, r#"{"@id":"pkg:npm/%40a/b@1.0.0"}"#, &no),
        (r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/%40a/b@1.0.1"}"#, &no),
        (r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/b@1.0.0"}"#, &no),
    ] {
        let document = openvex(vulnerability, product, "not_affected", DAY);
        assert_eq!(heeded(&[&document], installed, Image::default()), *expected, "{vulnerability} {product}");
    }
}

#[test]
fn a_statement_on_an_image_is_on_that_image_alone() {
    let digest = "sha256:aaaa";
    let product = r#"{"@id":"pkg:oci/app@sha256%3Aaaaa","subcomponents":[{"@id":"pkg:npm/b"}]}"#;
    let whole = r#"{"@id":"pkg:oci/app@sha256%3Aaaaa"}"#;
    let named = r#"{"@id":"pkg:oci/app?tag=1.2"}"#;
    let status = |product: &str, purl: &str, image| {
        heeded(&[&openvex(r#"{"name":"CVE-2026-1"}"#, product, "not_affected", DAY)], purl, image).0
    };
    let this = Image { digests: &[digest], reference: Some("registry.example:5000/team/app:1.2") };
    let other = Image { digests: &["sha256:bbbb"], reference: Some("registry.example:5000/team/app:1.3") };
    assert_eq!(status(product, "pkg:npm/b@1", this), Status::NotAffected);
    assert_eq!(status(product, "pkg:npm/c@1", this), Status::Affected);
    assert_eq!(status(product, "pkg:npm/b@1", other), Status::Affected);
    assert_eq!(status(product, "pkg:npm/b@1", Image::default()), Status::Affected);
    assert_eq!(status(whole, "pkg:npm/c@1", this), Status::NotAffected);
    assert_eq!(status(named, "pkg:npm/c@1", this), Status::NotAffected);
    assert_eq!(status(named, "pkg:npm/c@1", other), Status::Affected);
}

#[test]
fn the_latest_statement_counts() {
    let say =
        |status: &str, at: &str| openvex(r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/b"}"#, status, at);
    let (fixed, affected) = (say("fixed", "2026-01-02T00:00:00Z"), say("affected", "2026-01-01T00:00:00Z"));
    assert_eq!(heeded(&[&fixed, &affected], "pkg:npm/b@1", Image::default()).0, Status::Fixed);
    let affected = say("affected", "2026-01-03T00:00:00Z");
    assert_eq!(heeded(&[&fixed, &affected], "pkg:npm/b@1", Image::default()), (Status::Affected, None));
}

#[test]
fn what_a_publisher_set_aside_is_a_finding_again() {
    let mut vex = Vex::default();
    let document = openvex(r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/b"}"#, "affected", DAY);
    vex.add("a.json", document.as_bytes()).unwrap();
    let mut found = found();
    found.status = Status::Fixed;
    found.evidence.suppressed =
        Some(Suppression { by: SuppressedBy::Publisher, source: "D".to_owned(), reason: String::new() });
    vex.heed(&mut found, &"pkg:npm/b@1".parse().unwrap(), Image::default());
    assert!(found.is_finding());
}

#[test]
fn csaf_and_cyclonedx_say_the_same() {
    let csaf = r#"{"document":{"category":"csaf_vex","title":"t","tracking":{"id":"A-1","current_release_date":"2026-01-01T00:00:00Z"}},
        "product_tree":{"branches":[{"category":"vendor","name":"v","branches":[{"category":"product_version","name":"1",
            "product":{"product_id":"B","name":"b","product_identification_helper":{"purl":"pkg:npm/b@1.0.0"}}}]}],
          "full_product_names":[{"product_id":"P","name":"platform"}],
          "relationships":[{"category":"default_component_of","product_reference":"B","relates_to_product_reference":"P",
            "full_product_name":{"product_id":"P:B","name":"b on platform"}}]},
        "vulnerabilities":[{"cve":"CVE-2026-1","product_status":{"known_not_affected":["P:B"]},
            "flags":[{"label":"vulnerable_code_not_present","product_ids":["P:B"]}],
            "threats":[{"category":"impact","details":"Not built in","product_ids":["P:B"]}]}]}"#;
    let expected = (Status::NotAffected, Some("A-1: vulnerable_code_not_present: Not built in".to_owned()));
    assert_eq!(heeded(&[csaf], "pkg:npm/b@1.0.0", Image::default()), expected);
    assert_eq!(heeded(&[csaf], "pkg:npm/b@1.0.1", Image::default()).0, Status::Affected);

    let cyclonedx = |state: &str, link: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","metadata":{{"timestamp":"2026-01-01T00:00:00Z"}},
                "components":[{{"type":"library","name":"a","bom-ref":"a","components":[{{"type":"library","name":"b","bom-ref":"b","purl":"pkg:npm/b@1.0.0"}}]}}],
                "vulnerabilities":[{{"id":"GHSA-1","references":[{{"id":"CVE-2026-1"}}],"affects":[{{"ref":"{link}"}}],
                  "analysis":{{"state":"{state}","justification":"code_not_reachable","detail":"d"}}}}]}}"#
        )
    };
    for (state, link, expected) in [
        ("not_affected", "b", Status::NotAffected),
        ("false_positive", "urn:cdx:1/1#b", Status::NotAffected),
        ("resolved", "pkg:npm/b@1.0.0", Status::Fixed),
        ("exploitable", "b", Status::Affected),
    ] {
        assert_eq!(
            heeded(&[&cyclonedx(state, link)], "pkg:npm/b@1.0.0", Image::default()).0,
            expected,
            "{state}"
        );
    }
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "[]", "{}", r#"{"@context":7}"#, r#"{"document":{"category":"csaf_vex"}}"#] {
        assert!(Vex::default().add("a.json", text.as_bytes()).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(Vex::default().add("a.json", deep.as_bytes()).is_err());
}

/// A document as the predicate of a statement about an image.
fn attested(document: &str, digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap();
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"_","digest":{{"{algorithm}":"{hex}"}}}}],
            "predicateType":"https://openvex.dev/ns/v0.2.0","predicate":{document}}}"#
    )
}

fn enveloped(statement: &str) -> String {
    let payload = STANDARD.encode(statement);
    format!(r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[]}}"#)
}

#[test]
fn an_attestation_is_opened_and_counts_for_its_images_alone() {
    let document = openvex(r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/b"}"#, "not_affected", DAY);
    let digest = format!("sha256:{:064}", 7);
    let bare = attested(&document, &digest);
    let envelope = enveloped(&bare);
    let bundle = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{envelope}}}"#
    );
    let other = format!("sha256:{:064}", 8);
    for form in [&bare, &envelope, &bundle] {
        let of =
            |digests: &[&str]| heeded(&[form.as_str()], "pkg:npm/b@1", Image { digests, reference: None }).0;
        assert_eq!(of(&[other.as_str(), digest.as_str()]), Status::NotAffected, "{form}");
        assert_eq!(of(&[other.as_str()]), Status::Affected);
        assert_eq!(of(&[]), Status::Affected);
        let attach = |digest: &str| {
            Vex::default().add_attached("x", form.as_bytes(), Image { digests: &[digest], reference: None })
        };
        assert_eq!(attach(&digest).unwrap(), 1);
        assert!(attach(&other).unwrap_err().to_string().contains("another image"));
    }
    for bad in [
        attested("{}", &digest),
        attested(&document, "md5:1"),
        enveloped(&document).replace("in-toto", "other"),
        enveloped("{"),
        r#"{"payloadType":"application/vnd.in-toto+json","payload":"*"}"#.to_owned(),
        r#"{"dsseEnvelope":null}"#.to_owned(),
        enveloped(&enveloped(&bare)),
        bare.replace(
            "https://openvex.dev/ns/v0.2.0\",\"predicate\"",
            "https://slsa.dev/provenance/v1\",\"predicate\"",
        ),
    ] {
        assert!(Vex::default().add("x", bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn what_an_attached_document_decides_says_that_it_is_attached() {
    let document = openvex(r#"{"name":"CVE-2026-1"}"#, r#"{"@id":"pkg:npm/b"}"#, "fixed", DAY);
    let mut vex = Vex::default();
    let image = Image { digests: &[], reference: None };
    vex.add_attached("attached as sha256:1", document.as_bytes(), image).unwrap();
    let mut found = found();
    assert!(vex.heed(&mut found, &"pkg:npm/b@1".parse().unwrap(), image));
    let source = found.evidence.suppressed.unwrap().source;
    assert_eq!(source, "https://a.example/vex/1, attached as sha256:1");
    assert!(!vex.heed(&mut self::found(), &"pkg:npm/c@1".parse().unwrap(), image));
}
