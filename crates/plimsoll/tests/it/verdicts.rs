//! From push to verdict, told by the REST API.

use std::io::Write;
use std::time::Duration;

use plimsoll_testkit::image::{self, Blob, Image, Layer, Packing};
use plimsoll_testkit::shared;
use serde_json::Value;

use crate::server::{self, Backend, House, NEWER, OLDER, REGISTRY, Server};

const SOON: Duration = Duration::from_secs(10);

fn small_house() -> (tempfile::TempDir, House) {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    (folder, house)
}

fn codes(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["properties"]["status"]["code"].as_str()).collect()
}

fn one_layer(layer: Layer) -> Image {
    Image::of(&[layer.tar()], Packing::Gzip)
}

#[test]
fn a_clean_image_has_exactly_one_healthy_row() {
    let (_folder, house) = small_house();
    let server = house.serve();
    let image = one_layer(Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]));
    server.push("clean", "1", &image);
    for key in [OLDER, NEWER] {
        let rows = server.verdict(key, image.digest().as_str(), SOON);
        assert_eq!(codes(&rows), ["Healthy"], "{rows:?}");
        let id = rows[0]["id"].as_str().expect("an id");
        assert_eq!(server.get(&format!("{id}?api-version=2019-01-01-preview")), (200, rows[0].clone()));
    }
}

#[test]
fn an_image_that_cannot_be_judged_is_not_called_healthy() {
    let (_folder, house) = small_house();
    let server = house.serve();
    let unknown_release = one_layer(Layer::new().alpine("3.99.0", &[("zlib", "1.3-r0")]));
    let nothing = one_layer(Layer::new().file("hello", "world"));
    for (tag, image) in [("unknown", &unknown_release), ("nothing", &nothing)] {
        server.push("odd", tag, image);
        let rows = server.verdict(NEWER, image.digest().as_str(), SOON);
        assert_eq!(codes(&rows), ["NotApplicable"], "{rows:?}");
        assert_ne!(rows[0]["properties"]["status"]["description"], "", "{rows:?}");
    }
}

#[test]
fn an_upper_layer_that_mends_the_package_mends_the_verdict() {
    let (_folder, house) = small_house();
    let server = house.serve();
    let old = Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1")]).tar();
    let mended = Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar();
    let removed = Layer::new().without("lib/apk/db/installed").tar();
    let first = Image::of(std::slice::from_ref(&old), Packing::Zstd);
    let second = Image::of(&[old.clone(), mended], Packing::Zstd);
    server.push("app", "1", &first);
    server.push("app", "1", &second);
    assert_eq!(codes(&server.verdict(NEWER, second.digest().as_str(), SOON)), ["Healthy"]);
    // The tag has moved on, the old digest can still be pulled: its finding stays.
    assert_eq!(codes(&server.verdict(NEWER, first.digest().as_str(), SOON)), ["Unhealthy"]);
    let emptied = Image::of(&[old, removed], Packing::Plain);
    server.push("app", "2", &emptied);
    assert_eq!(codes(&server.verdict(NEWER, emptied.digest().as_str(), SOON)), ["NotApplicable"]);
}

#[test]
fn images_wait_for_the_first_advisories() {
    let folder = tempfile::tempdir().expect("a folder");
    let feed = server::small_feed(folder.path());
    let house = House::new(Backend::Embedded).with_feed(&feed);
    let hidden = folder.path().join("not-yet");
    std::fs::rename(&feed, &hidden).expect("the feed goes away");
    let server = house.serve();
    let image = one_layer(Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1")]));
    server.push("early", "1", &image);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        server.rows_of(NEWER, image.digest().as_str()),
        Vec::<Value>::new(),
        "no row before it was assessed"
    );
    std::fs::rename(&hidden, &feed).expect("the feed comes back");
    house.update_advisories();
    let rows = server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(30));
    assert_eq!(codes(&rows), ["Unhealthy"]);
}

#[test]
fn a_new_advisory_changes_the_verdict_without_a_push() {
    let (folder, house) = small_house();
    let server = house.serve();
    let image = one_layer(Layer::new().alpine("3.18.4", &[("musl", "1.2.4-r2")]));
    server.push("app", "1", &image);
    assert_eq!(codes(&server.verdict(NEWER, image.digest().as_str(), SOON)), ["Healthy"]);
    let ecosystem = folder.path().join("feed/Alpine");
    let record = serde_json::json!({
        "id": "ALPINE-CVE-2025-26519", "modified": "2025-02-14T00:00:00Z", "upstream": ["CVE-2025-26519"],
        "affected": [{"package": {"ecosystem": "Alpine:v3.18", "name": "musl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.4-r3"}]}]}],
    });
    std::fs::write(ecosystem.join("ALPINE-CVE-2025-26519.json"), record.to_string()).expect("a file");
    let list = std::fs::read_to_string(ecosystem.join("modified_id.csv")).expect("the list");
    std::fs::write(
        ecosystem.join("modified_id.csv"),
        format!("2025-02-14T00:00:00Z,ALPINE-CVE-2025-26519\n{list}"),
    )
    .expect("a file");
    house.update_advisories();
    let begin = std::time::Instant::now();
    loop {
        let rows = server.rows_of(NEWER, image.digest().as_str());
        if codes(&rows) == ["Unhealthy"] {
            assert_eq!(rows[0]["properties"]["id"], "CVE-2025-26519");
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{rows:?}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_assessment_of_the_registry_sums_up() {
    let (_folder, house) = small_house();
    let server = house.serve();
    for (tag, version) in [("old", "1.2.13-r1"), ("new", "1.3-r0")] {
        let image = one_layer(Layer::new().alpine("3.18.4", &[("zlib", version)]));
        server.push("app", tag, &image);
        server.verdict(NEWER, image.digest().as_str(), SOON);
    }
    let path = format!("{REGISTRY}/providers/microsoft.security/ASSESSMENTS/{NEWER}?api-version=2021-06-01");
    let (status, assessment) = server.get(&path);
    assert_eq!(status, 200, "{assessment}");
    assert_eq!(assessment["properties"]["status"]["code"], "Unhealthy");
    assert_eq!(assessment["properties"]["additionalData"]["unhealthyImages"], "1", "{assessment}");
}

#[test]
fn hostile_layers_end_as_a_reason_and_nothing_else_is_harmed() {
    let (_folder, house) = small_house();
    let server = house.serve();
    let honest = Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("gzip");
        Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", encoder.finish().expect("gzip"))
    };
    let whole = image::pack(&honest, Packing::Gzip);
    let truncated = Blob::new(&whole.media_type, whole.bytes[..whole.bytes.len() / 2].to_vec());
    let bomb = gzip(&vec![0; 300 << 20]);
    let noise =
        gzip(&(0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>());
    let escaping = image::pack(
        &Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).file("lib/apk/db/x", "").tar(),
        Packing::Gzip,
    );
    let lying = Blob { bytes: escaping.bytes.clone(), ..escaping };
    let honest_config = |layer: &[u8]| Image::of(&[layer.to_vec()], Packing::Gzip).config;
    let cases = [
        ("truncated", Image::with(honest_config(&honest), vec![truncated])),
        ("bomb", Image::with(honest_config(&honest), vec![bomb])),
        ("noise", Image::with(honest_config(&honest), vec![noise])),
        // The configuration promises other bytes than the layer unpacks to.
        ("lying", Image::with(honest_config(&honest), vec![lying])),
    ];
    for (tag, image) in &cases {
        server.push("hostile", tag, image);
        let rows = server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(60));
        assert_eq!(codes(&rows), ["NotApplicable"], "{tag}: {rows:?}");
        let reason = rows[0]["properties"]["status"]["description"].as_str().unwrap_or_default();
        assert!(reason.len() > 10, "{tag} has no reason: {rows:?}");
        println!("{tag}: {reason}");
    }
    still_works(&server);
}

#[test]
fn manifests_that_lie_are_refused_at_the_door() {
    let (_folder, house) = small_house();
    let server = house.serve();
    let image = one_layer(Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]));
    for blob in image.blobs() {
        server.push_blob("lies", blob).expect("the blob is taken");
    }
    let text = String::from_utf8(image.manifest.bytes.clone()).expect("JSON");
    let size = format!("\"size\":{}", image.layers[0].bytes.len());
    assert!(text.contains(&size));
    let lies = [
        ("a size that is not the blob's", text.replace(&size, "\"size\":1")),
        ("a size below zero", text.replace(&size, "\"size\":-1")),
        ("no such blob", text.replace(image.layers[0].digest.hex(), &"0".repeat(64))),
        ("two kinds at once", text.replacen('{', "{\"manifests\":[],", 1)),
        ("no JSON", text[1..].to_owned()),
    ];
    for (lie, body) in lies {
        let manifest = Blob::new(&image.manifest.media_type, body.into_bytes());
        let refusal = server.push_manifest("lies", "1", &manifest).expect_err(lie);
        assert!(
            refusal.starts_with("status 400") && refusal.contains("MANIFEST_")
                || refusal.contains("SIZE_INVALID"),
            "{lie}: {refusal}"
        );
    }
    still_works(&server);
}

fn still_works(server: &Server) {
    let image = one_layer(Layer::new().alpine("3.18.4", &[("zlib", "1.2.12-r0"), ("openssl", "3.1.3-r0")]));
    server.push("honest", "1", &image);
    let rows = server.verdict(NEWER, image.digest().as_str(), SOON);
    assert_eq!(codes(&rows), ["Unhealthy", "Unhealthy"]);
}

#[test]
fn a_real_alpine_root_file_system_has_its_real_findings() {
    let (Some(feed), Some(rootfs)) =
        (shared::find("feeds/osv"), shared::find("images/alpine-library-3.4.6-x86_64.tar.xz"))
    else {
        return;
    };
    let unpacked = std::process::Command::new("xz")
        .args(["--decompress", "--stdout"])
        .arg(rootfs)
        .output()
        .expect("xz runs");
    assert!(unpacked.status.success());
    let house = House::new(Backend::Embedded).with_feed(&feed);
    let output = house.command(&["db", "update", "--ecosystems", "Alpine"]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let server = house.serve();
    let image = Image::of(&[unpacked.stdout], Packing::Gzip);
    server.push("library/alpine", "3.4.6", &image);
    let rows = server.verdict(OLDER, image.digest().as_str(), Duration::from_secs(10));
    let mut found: Vec<_> = rows.iter().filter_map(|row| row["properties"]["id"].as_str()).collect();
    found.sort_unstable();
    println!("Alpine 3.4.6: {found:?}");
    assert!(!found.is_empty() && codes(&rows).iter().all(|code| *code == "Unhealthy"), "{rows:?}");
}
