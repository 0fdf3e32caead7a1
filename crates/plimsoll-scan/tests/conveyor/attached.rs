//! What is attached to an image in its registry: VEX documents that are heeded, and the SBOM that is attached.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_scan::{ErrorKind, Report, Result, SourceOptions, Target, Vex, attach_sbom};
use plimsoll_testkit::image::{Image, index};
use plimsoll_types::manifest::media;
use plimsoll_types::sbom::Format;
use plimsoll_types::{Digest, Manifest};
use serde_json::{Value, json};

use crate::feed::{Database, Feed};
use crate::scan::{old_alpine, scan_with};
use crate::shelf::Shelf;
use crate::web::{Response, Server};

const OPENVEX: &str = "application/vnd.openvex+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const CYCLONEDX: &str = "application/vnd.cyclonedx+json";

/// An old Alpine in a registry. Its musl has one flaw.
struct Berth {
    image: Image,
    server: Server,
    shelf: Arc<Mutex<Shelf>>,
    database: Database,
}

impl Berth {
    async fn new(lists_referrers: bool) -> Self {
        let image = old_alpine();
        let mut shelf = Shelf { lists_referrers, ..Shelf::default() };
        for blob in image.blobs() {
            shelf.put_blob(&blob.bytes);
        }
        shelf.put_manifest("1", media::OCI_MANIFEST, &image.manifest.bytes);
        let (server, shelf) = shelf.serve().await;
        Self { image, server, shelf, database: Database::of(&Feed::sample()).await }
    }

    fn target(&self) -> String {
        format!("docker://{}/team/app:1", self.server.host)
    }

    async fn scan_by(&self, attached_vex: bool, vex: Vex) -> Result<Report> {
        let advisories = plimsoll_scan::Advisories::open(&self.database.advisories()).unwrap().unwrap();
        let options = SourceOptions { attached_vex, ..SourceOptions::default() };
        scan_with(&self.target(), &options, Some(&advisories.with_vex(vex))).await.map(|(report, _)| report)
    }

    async fn scan(&self) -> Report {
        self.scan_by(true, Vex::default()).await.unwrap()
    }

    /// Attaches a document, as `oras attach` does.
    fn attach(&self, media_type: &str, document: &str) -> Digest {
        self.attach_as(self.image.digest(), media_type, document, &json!({}))
    }

    fn attach_as(&self, subject: &Digest, media_type: &str, document: &str, said: &Value) -> Digest {
        let mut shelf = self.shelf.lock().unwrap();
        let layer = shelf.put_blob(document.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "artifactType": media_type,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}"), "size": 2},
            "layers": [{"mediaType": media_type, "digest": layer, "size": document.len()}],
            "subject": {"mediaType": media::OCI_MANIFEST, "digest": subject, "size": 1},
            "annotations": said,
        });
        let manifest = manifest.to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        shelf.put_manifest(digest.as_str(), media::OCI_MANIFEST, manifest.as_bytes());
        if !shelf.lists_referrers {
            let list = json!({
                "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": shelf.referrers(subject.as_str()),
            });
            let tag = subject.as_str().replace(':', "-");
            shelf.put_manifest(&tag, media::OCI_INDEX, list.to_string().as_bytes());
        }
        digest
    }
}

fn openvex(status: &str) -> String {
    openvex_on("pkg:apk/alpine/musl", status)
}

fn openvex_on(product: &str, status: &str) -> String {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://a.example/vex/1", "author": "A",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1,
        "statements": [{
            "vulnerability": {"name": "CVE-2019-14697"}, "products": [{"@id": product}], "status": status,
            "justification": "vulnerable_code_not_present",
        }],
    })
    .to_string()
}

fn statement(about: &Digest, predicate_type: &str, predicate: &str) -> String {
    let predicate: Value = serde_json::from_str(predicate).unwrap();
    json!({
        "_type": "https://in-toto.io/Statement/v0.1", "subject": [{"name": "_", "digest": {"sha256": about.hex()}}],
        "predicateType": predicate_type, "predicate": predicate,
    })
    .to_string()
}

fn envelope(statement: &str) -> String {
    json!({"payloadType": IN_TOTO, "payload": STANDARD.encode(statement), "signatures": [{"sig": ""}]})
        .to_string()
}

/// Findings, what was set aside, and the documents with their statements and problems.
fn told(report: &Report) -> (usize, usize, Vec<(u64, bool)>) {
    let documents = report.attached_vex.iter().map(|one| (one.statements, one.problem.is_some())).collect();
    (report.findings.len(), report.suppressed.len(), documents)
}

#[tokio::test]
async fn an_attached_document_is_heeded_where_that_is_wanted() {
    for lists_referrers in [true, false] {
        let berth = Berth::new(lists_referrers).await;
        let manifest = berth.attach(OPENVEX, &openvex("not_affected"));
        let unasked = berth.scan_by(false, Vex::default()).await.unwrap();
        assert_eq!(told(&unasked), (1, 0, vec![]), "nobody asked for it");
        assert!(!berth.server.paths().iter().any(|path| path.contains("referrers")));
        let report = berth.scan().await;
        assert_eq!(told(&report), (0, 1, vec![(1, false)]));
        let why = report.suppressed[0].evidence.suppressed.as_ref().unwrap();
        assert_eq!(why.source, format!("https://a.example/vex/1, attached as {manifest}"));
        assert_eq!(
            (&report.attached_vex[0].manifest, report.attached_vex[0].media_type.as_str()),
            (&manifest, OPENVEX)
        );
    }
}

#[tokio::test]
async fn attestations_are_opened_wherever_tools_put_them() {
    let predicate = openvex("not_affected");
    let of = |about: &Digest| statement(about, "https://openvex.dev/ns/v0.2.0", &predicate);
    let bundled = |text: &str| json!({"mediaType": BUNDLE, "dsseEnvelope": serde_json::from_str::<Value>(&envelope(text)).unwrap()});

    for form in [IN_TOTO, DSSE, BUNDLE] {
        let berth = Berth::new(true).await;
        let text = of(berth.image.digest());
        let document = match form {
            IN_TOTO => text,
            DSSE => envelope(&text),
            _ => bundled(&text).to_string(),
        };
        let said = json!({"dev.sigstore.bundle.predicateType": "https://openvex.dev/ns"});
        berth.attach_as(berth.image.digest(), form, &document, &said);
        // Others of the same type: one that says what it is, and one that has to be looked into.
        let slsa = envelope(&statement(berth.image.digest(), "https://slsa.dev/provenance/v1", "{}"));
        let said = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"});
        let skipped = berth.attach_as(berth.image.digest(), DSSE, &slsa, &said);
        berth.attach(DSSE, &slsa);
        assert_eq!(told(&berth.scan().await), (0, 1, vec![(1, false)]), "{form}");
        assert!(!berth.server.paths().iter().any(|path| path.ends_with(skipped.as_str())));
    }

    // cosign's own tag, without a subject.
    let berth = Berth::new(false).await;
    let document = envelope(&of(berth.image.digest()));
    let manifest = |layer: Value| {
        json!({
            "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
            "config": {"mediaType": media::OCI_CONFIG, "digest": Digest::sha256(b"{}"), "size": 2}, "layers": [layer],
        })
        .to_string()
    };
    let layer = json!({
        "mediaType": DSSE, "digest": Digest::sha256(document.as_bytes()), "size": document.len(),
        "annotations": {"predicateType": "https://openvex.dev/ns"},
    });
    let tag = format!("{}.att", berth.image.digest().as_str().replace(':', "-"));
    {
        let mut shelf = berth.shelf.lock().unwrap();
        shelf.put_blob(document.as_bytes());
        shelf.put_manifest(&tag, media::OCI_MANIFEST, manifest(layer).as_bytes());
    }
    assert_eq!(told(&berth.scan().await), (0, 1, vec![(1, false)]));

    // BuildKit's attestations are entries of the index. A statement on the index is on its images.
    let berth = Berth::new(true).await;
    let document = of(berth.image.digest());
    let layer = json!({
        "mediaType": IN_TOTO, "digest": Digest::sha256(document.as_bytes()), "size": document.len(),
        "annotations": {"in-toto.io/predicate-type": "https://openvex.dev/ns/v0.2.0"},
    });
    let mut top: Value = serde_json::from_slice(&index(&[(&berth.image, "linux", "amd64")]).bytes).unwrap();
    let top = {
        let mut shelf = berth.shelf.lock().unwrap();
        shelf.put_blob(document.as_bytes());
        let attestations = shelf.put_manifest("x", media::OCI_MANIFEST, manifest(layer).as_bytes());
        top["manifests"].as_array_mut().unwrap().push(json!({
            "mediaType": media::OCI_MANIFEST, "digest": attestations, "size": 1,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": berth.image.digest(),
            },
        }));
        shelf.put_manifest("1", media::OCI_INDEX, top.to_string().as_bytes())
    };
    assert_eq!(told(&berth.scan().await), (0, 1, vec![(1, false)]));
    let product = format!("pkg:oci/app@{}", top.as_str().replace(':', "%3A"));
    berth.attach_as(
        &top,
        OPENVEX,
        &openvex_on(&product, "affected").replace("2026-01-01", "2026-01-02"),
        &json!({}),
    );
    assert_eq!(told(&berth.scan().await), (1, 0, vec![(1, false), (1, false)]), "the later word counts");
}

#[tokio::test]
async fn the_operators_word_comes_before_what_is_attached() {
    let berth = Berth::new(true).await;
    berth.attach(OPENVEX, &openvex("not_affected").replace("2026-01-01", "2026-12-01"));
    let mut own = Vex::default();
    own.add("own.json", openvex("affected").as_bytes()).unwrap();
    let report = berth.scan_by(true, own).await.unwrap();
    assert_eq!(told(&report), (1, 0, vec![(1, false)]));
}

#[tokio::test]
async fn what_does_not_concern_the_image_or_cannot_be_read_is_not_heeded() {
    let berth = Berth::new(true).await;
    let other = Digest::sha256(b"another image");
    // An SBOM is no VEX document, and no failure.
    berth.attach(CYCLONEDX, r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    assert_eq!(told(&berth.scan().await), (1, 0, vec![]));
    // About another image: by its attestation, by its product.
    berth.attach(DSSE, &envelope(&statement(&other, "https://openvex.dev/ns", &openvex("fixed"))));
    berth.attach(OPENVEX, &openvex_on(&format!("pkg:oci/app@{other}"), "fixed"));
    let report = berth.scan().await;
    let (findings, suppressed, mut documents) = told(&report);
    documents.sort_unstable();
    assert_eq!((findings, suppressed, documents), (1, 0, vec![(0, true), (1, false)]));
    // No document, and one that is another in the registry.
    let berth = Berth::new(true).await;
    berth.attach(OPENVEX, "[[[[");
    let document = openvex("fixed");
    berth.attach(OPENVEX, &document);
    let digest = Digest::sha256(document.as_bytes());
    let changed = openvex("false").into_bytes();
    berth.shelf.lock().unwrap().blobs.insert(digest.to_string(), changed);
    let report = berth.scan().await;
    assert_eq!(told(&report), (1, 0, vec![(0, true), (0, true)]));
    // Larger than what is read: its manifest says so, and nothing is fetched.
    let berth = Berth::new(true).await;
    let manifest = berth.attach(OPENVEX, &document);
    {
        let mut shelf = berth.shelf.lock().unwrap();
        let (media_type, bytes) = shelf.manifests.remove(manifest.as_str()).unwrap();
        let mut lying: Value = serde_json::from_slice(&bytes).unwrap();
        lying["layers"][0]["size"] = json!(u64::MAX);
        let lying = lying.to_string();
        shelf.put_manifest(Digest::sha256(lying.as_bytes()).as_str(), &media_type, lying.as_bytes());
    }
    assert_eq!(told(&berth.scan().await), (1, 0, vec![(0, true)]));
    assert!(!berth.server.paths().iter().any(|path| path.ends_with(&digest.to_string())));
}

#[tokio::test]
async fn a_list_may_name_what_is_not_attached() {
    let berth = Berth::new(false).await;
    let elsewhere = Digest::sha256(b"another image");
    let manifest = berth.attach_as(&elsewhere, OPENVEX, &openvex("fixed"), &json!({}));
    {
        let mut shelf = berth.shelf.lock().unwrap();
        let list = shelf.referrers(elsewhere.as_str());
        let list = json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": list}).to_string();
        let tag = berth.image.digest().as_str().replace(':', "-");
        shelf.put_manifest(&tag, media::OCI_INDEX, list.as_bytes());
    }
    let report = berth.scan().await;
    assert_eq!(told(&report), (1, 0, vec![(0, true)]));
    assert_eq!(report.attached_vex[0].manifest, manifest);
}

#[tokio::test]
async fn a_registry_with_any_amount_of_attachments_ends() {
    // A hundred and fifty documents: some are read, and it is told that there are more.
    let berth = Berth::new(true).await;
    for number in 0..150 {
        berth.attach(OPENVEX, &openvex("fixed").replace("vex/1", &format!("vex/{number}")));
    }
    let report = berth.scan().await;
    let told_of = report.attached_vex.iter().filter(|one| one.problem.is_some()).count();
    assert_eq!((report.attached_vex.len() - told_of, told_of), (50, 2), "it is told that there are more");
    let asked = berth.server.paths().iter().filter(|path| path.contains("/manifests/")).count();
    assert!(asked < 110, "{asked}");

    // A manifest with thousands of attestations of something else.
    let berth = Berth::new(true).await;
    let slsa = statement(berth.image.digest(), "https://slsa.dev/provenance/v1", "{}");
    let manifest = berth.attach(IN_TOTO, &slsa);
    {
        let mut shelf = berth.shelf.lock().unwrap();
        let (media_type, bytes) = shelf.manifests.remove(manifest.as_str()).unwrap();
        let mut many: Value = serde_json::from_slice(&bytes).unwrap();
        let layers = (0..5_000).map(|number| {
            let digest = Digest::sha256(format!("{number}").as_bytes());
            shelf.blobs.insert(digest.to_string(), slsa.clone().into_bytes());
            json!({"mediaType": IN_TOTO, "digest": digest, "size": slsa.len()})
        });
        many["layers"] = json!(layers.collect::<Vec<_>>());
        let many = many.to_string();
        shelf.put_manifest(Digest::sha256(many.as_bytes()).as_str(), &media_type, many.as_bytes());
    }
    assert_eq!(berth.scan().await.findings.len(), 1);
    let asked = berth.server.paths().iter().filter(|path| path.contains("/blobs/")).count();
    assert!(asked < 60, "{asked}");

    // A list whose last page leads to its first.
    let image = old_alpine();
    let endless = Server::start(move |request| {
        if request.path.contains("/referrers/") {
            let entry = json!({"mediaType": media::OCI_MANIFEST, "digest": Digest::sha256(b""), "size": 1, "artifactType": "text/plain"});
            let list = json!({"schemaVersion": 2, "manifests": vec![entry; 10]}).to_string();
            return Response::new(200, list).header("link", format!("<{}>; rel=\"next\"", request.path));
        }
        if request.path.ends_with("/manifests/1") || request.path.ends_with(image.digest().as_str()) {
            return Response::new(200, image.manifest.bytes.clone()).header("content-type", media::OCI_MANIFEST);
        }
        match image.blobs().find(|blob| request.path.ends_with(blob.digest.as_str())) {
            Some(blob) => Response::new(200, blob.bytes.clone()),
            None => Response::new(404, ""),
        }
    })
    .await;
    let advisories = berth.database.handle().load();
    let options = SourceOptions { attached_vex: true, ..SourceOptions::default() };
    let target = format!("docker://{}/team/app:1", endless.host);
    let (report, _) = scan_with(&target, &options, advisories.as_deref()).await.unwrap();
    assert_eq!(told(&report), (1, 0, vec![(0, true)]), "{:?}", report.attached_vex);
    let asked = endless.paths().iter().filter(|path| path.contains("/referrers/")).count();
    assert!(asked <= 20, "{asked}");
}

#[tokio::test]
async fn only_an_image_in_a_registry_has_anything_attached() {
    let options = SourceOptions { attached_vex: true, ..SourceOptions::default() };
    let folder = tempfile::tempdir().unwrap();
    let target = format!("rootfs:{}", folder.path().display());
    let error = scan_with(&target, &options, None).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("--vex"), "{error}");
}

#[tokio::test]
async fn an_sbom_is_attached_once_however_often() {
    for (lists_referrers, format) in [(true, Format::Spdx), (false, Format::CycloneDx)] {
        let berth = Berth::new(lists_referrers).await;
        let report = berth.scan_by(false, Vex::default()).await.unwrap();
        let Target::Registry(place) = berth.target().parse().unwrap() else { panic!("a registry") };
        let attach = async || attach_sbom(&place, &report, format, &SourceOptions::default()).await.unwrap();
        let first = attach().await;
        assert_eq!((&first.subject, first.was_there), (berth.image.digest(), false));
        let again = attach().await;
        assert_eq!((again.manifest, again.was_there), (first.manifest.clone(), true));
        let shelf = berth.shelf.lock().unwrap();
        let referrers = shelf.referrers(berth.image.digest().as_str());
        assert_eq!(referrers.len(), 1);
        assert_eq!(referrers[0]["artifactType"], format.media_type());
        let (_, bytes) = &shelf.manifests[first.manifest.as_str()];
        let layer = Manifest::parse(media::OCI_MANIFEST, bytes).unwrap().layers.remove(0);
        let document: Value = serde_json::from_slice(&shelf.blobs[layer.digest.as_str()]).unwrap();
        assert!(document.to_string().contains("1.1.14-r15") && !document.to_string().contains("team/app:1"));
        let tag = berth.image.digest().as_str().replace(':', "-");
        match shelf.manifests.get(&tag) {
            None => assert!(lists_referrers),
            Some((_, list)) => {
                let list = Manifest::parse(media::OCI_INDEX, list).unwrap();
                assert_eq!(list.manifests.len(), 1);
                assert_eq!(list.manifests[0].digest, first.manifest);
                assert_eq!(list.manifests[0].artifact_type.as_deref(), Some(format.media_type()));
            }
        }
    }
}

#[tokio::test]
async fn a_list_of_others_is_added_to_and_what_is_no_list_is_left_alone() {
    let berth = Berth::new(false).await;
    let vex = berth.attach(OPENVEX, &openvex("fixed"));
    let report = berth.scan_by(false, Vex::default()).await.unwrap();
    let Target::Registry(place) = berth.target().parse().unwrap() else { panic!("a registry") };
    let attach = async || attach_sbom(&place, &report, Format::CycloneDx, &SourceOptions::default()).await;
    let sbom = attach().await.unwrap().manifest;
    let tag = berth.image.digest().as_str().replace(':', "-");
    let list = Manifest::parse(media::OCI_INDEX, &berth.shelf.lock().unwrap().manifests[&tag].1).unwrap();
    let digests: Vec<_> = list.manifests.into_iter().map(|entry| entry.digest).collect();
    assert_eq!(digests, [vex, sbom]);
    // Our own SBOM is not taken for a VEX document, and not even fetched.
    assert_eq!(told(&berth.scan().await), (0, 1, vec![(1, false)]));
    for other in ["[]", "{}", "\"x\"", r#"{"schemaVersion":2,"manifests":{}}"#] {
        berth.shelf.lock().unwrap().put_manifest(&tag, media::OCI_INDEX, other.as_bytes());
        assert_eq!(attach().await.unwrap_err().kind(), ErrorKind::Damaged, "{other}");
        assert_eq!(berth.shelf.lock().unwrap().manifests[&tag].1, other.as_bytes());
    }
}
