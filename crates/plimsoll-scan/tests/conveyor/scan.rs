//! `plimsoll scan` without a server: every form of a target.

use std::path::Path;
use std::sync::{Arc, Mutex};

use plimsoll_scan::{
    Advisories, ErrorKind, Report, Result, ScanEvent, ScanProgress, SourceOptions, Target, parse_platform,
    scan_target,
};
use plimsoll_testkit::image::{Blob, Image, Layer, Packing, index, write_layout};
use plimsoll_types::manifest::media;
use plimsoll_types::{Health, Timestamp};
use serde_json::json;

use crate::feed::{Database, Feed};
use crate::sandbox;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) async fn scan_with(
    target: &str,
    options: &SourceOptions,
    advisories: Option<&Advisories>,
) -> Result<(Report, Vec<String>)> {
    let notes: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&notes);
    let progress: ScanProgress = Arc::new(move |event| {
        if let ScanEvent::Note(note) = event {
            heard.lock().unwrap().push(note);
        }
    });
    let target: Target = target.parse()?;
    let report = scan_target(&target, options, &sandbox(), advisories, NOW, &progress).await?;
    let notes = notes.lock().unwrap().clone();
    Ok((report, notes))
}

/// Scans with what the sample feed says.
pub(crate) async fn scan(target: &str) -> Result<Report> {
    let database = Database::of(&Feed::sample()).await;
    let advisories = database.handle().load();
    scan_with(target, &SourceOptions::default(), advisories.as_deref()).await.map(|(report, _)| report)
}

fn oci_dir(folder: &Path, image: &Image) -> String {
    write_layout(folder, &image.manifest, "latest", &[image]).unwrap();
    format!("oci-dir:{}", folder.display())
}

/// musl of Alpine 3.4, before the fix.
pub(crate) fn old_alpine() -> Image {
    let base = Layer::new().alpine("3.4.6", &[("busybox", "1.24.2-r13"), ("musl", "1.1.14-r15")]).tar();
    Image::of(&[base, Layer::new().file("etc/motd", "hello").tar()], Packing::Gzip)
}

/// What a report says, short.
fn said(report: &Report) -> Vec<String> {
    let line = |finding: &plimsoll_scan::report::Finding| {
        let package = &finding.package;
        let fixed = finding.fixed_version.as_deref().unwrap_or("none");
        format!("{} {} {} -> {fixed}", finding.vulnerability, package.name, package.version)
    };
    report.findings.iter().map(line).collect()
}

fn state(report: &Report) -> (Health, String) {
    (report.summary.state, report.coverage.conclusion.reason.clone().unwrap_or_default())
}

fn archive(entries: &[(&str, &[u8])]) -> tar::Builder<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder
}

fn unpacked(blob: &Blob) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(blob.bytes.as_slice()), &mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn every_form_of_an_image_gives_the_same_findings() {
    let image = old_alpine();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut targets = vec![oci_dir(&at("layout"), &image)];

    let mut layout = tar::Builder::new(std::fs::File::create(at("layout.tar")).unwrap());
    layout.append_dir_all("", at("layout")).unwrap();
    layout.finish().unwrap();
    targets.push(format!("oci-archive:{}:latest", at("layout.tar").display()));

    // As Docker before version 25 saved it, the second layer a link to where another image has it.
    let config = format!("{}.json", image.config.digest.hex());
    let list = json!([{"Config": config, "RepoTags": ["docker.io/library/app:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]);
    let (list, base, top) = (list.to_string(), unpacked(&image.layers[0]), unpacked(&image.layers[1]));
    let mut saved = archive(&[
        ("a/layer.tar", &base),
        ("c/layer.tar", &top),
        (&config, &image.config.bytes),
        ("manifest.json", list.as_bytes()),
    ]);
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    saved.append_link(&mut link, "b/layer.tar", "../c/layer.tar").unwrap();
    std::fs::write(at("saved.tar"), saved.into_inner().unwrap()).unwrap();
    targets.push(format!("docker-archive:{}", at("saved.tar").display()));
    for name in ["app:1", "docker.io/library/app:1", "1"] {
        targets.push(format!("docker-archive:{}:{name}", at("saved.tar").display()));
    }

    // As Docker saves it since: an OCI layout with the old list beside it.
    let blob = |digest: &plimsoll_types::Digest| format!("blobs/sha256/{}", digest.hex());
    let layers: Vec<_> = image.layers.iter().map(|layer| blob(&layer.digest)).collect();
    let list =
        json!([{"Config": blob(&image.config.digest), "RepoTags": null, "Layers": layers}]).to_string();
    std::fs::write(at("layout").join("manifest.json"), list).unwrap();
    let mut layout = tar::Builder::new(std::fs::File::create(at("docker25.tar")).unwrap());
    layout.append_dir_all(".", at("layout")).unwrap();
    layout.finish().unwrap();
    targets.push(format!("docker-archive:{}", at("docker25.tar").display()));

    for layer in &image.layers {
        tar::Archive::new(unpacked(layer).as_slice()).unpack(at("rootfs")).unwrap();
    }
    targets.push(format!("rootfs:{}", at("rootfs").display()));

    for target in targets {
        let report = scan(&target).await.unwrap();
        assert_eq!(said(&report), ["CVE-2019-14697 musl 1.1.14-r15 -> 1.1.14-r16"], "{target}");
        assert_eq!(report.coverage.conclusion.reason, None, "{target}");
        assert_eq!((report.summary.state, report.summary.packages), (Health::Unhealthy, 2), "{target}");
        let has_digest = report.image.digest.as_ref() == Some(image.digest());
        assert_eq!(has_digest, !target.contains("rootfs") && !target.contains("saved.tar"), "{target}");
    }
}

#[tokio::test]
async fn a_finding_names_its_layer_and_its_file() {
    let image = old_alpine();
    let folder = tempfile::tempdir().unwrap();
    let report = scan(&oci_dir(folder.path(), &image)).await.unwrap();
    let package = &report.findings[0].package;
    assert_eq!(package.layer.as_ref(), Some(&image.layers[0].digest));
    assert_eq!((package.path.as_str(), package.source.as_str()), ("lib/apk/db/installed", "musl"));
    assert!(package.purl.starts_with("pkg:apk/alpine/musl@1.1.14-r15"), "{}", package.purl);
    assert_eq!(report.image.reference.as_deref(), Some("latest"));
    assert_eq!(report.image.platform.as_deref(), Some("linux/amd64"));
    assert!(report.image.layers.iter().all(|layer| layer.read && layer.diff_id.is_some()));
    assert_eq!(
        report.to_sbom(plimsoll_types::sbom::Format::CycloneDx, plimsoll_types::Timestamp(0))["components"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn a_clean_image_is_healthy_and_one_without_advisories_is_not() {
    let of = |version: &str, musl: &str| {
        Image::of(&[Layer::new().alpine(version, &[("musl", musl)]).tar()], Packing::Zstd)
    };
    let check = async |image: &Image| {
        let folder = tempfile::tempdir().unwrap();
        state(&scan(&oci_dir(folder.path(), image)).await.unwrap())
    };
    assert_eq!(check(&of("3.10.3", "1.1.22-r3")).await, (Health::Healthy, String::new()));
    let unknown = "no advisories are known for Alpine:v3.20".to_owned();
    assert_eq!(check(&of("3.20.3", "1.0-r0")).await, (Health::NotApplicable, unknown));
    let empty = Image::of(&[Layer::new().file("bin/app", "x").tar()], Packing::Plain);
    let nothing = "no operating system and no packages were recognised".to_owned();
    assert_eq!(check(&empty).await, (Health::NotApplicable, nothing));

    let folder = tempfile::tempdir().unwrap();
    let target = oci_dir(folder.path(), &old_alpine());
    let (report, _) = scan_with(&target, &SourceOptions::default(), None).await.unwrap();
    assert_eq!(state(&report), (Health::NotApplicable, "there is no advisory data yet".to_owned()));
    assert_eq!(report.inventory.packages.len(), 2);
}

#[tokio::test]
async fn a_layer_that_lies_is_missing_or_is_cut_is_a_problem_and_the_rest_is_read() {
    let good = old_alpine();
    let (other, cut) = (Layer::new().file("a", "b").tar(), &good.layers[1].bytes[..40]);
    let with = |second: Blob| Image::with(good.config.clone(), vec![good.layers[0].clone(), second]);
    let check = async |image: &Image, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let target = oci_dir(folder.path(), image);
        if expected.contains("is not there") {
            std::fs::remove_file(folder.path().join("blobs/sha256").join(image.layers[1].digest.hex()))
                .unwrap();
        }
        let report = scan(&target).await.unwrap();
        let problems: Vec<_> = report.coverage.problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        assert!(!report.coverage.conclusion.complete);
        assert_eq!(said(&report).len(), 1, "the layer below was read all the same");
    };
    check(&with(plimsoll_testkit::image::pack(&other, Packing::Gzip)), "layer 2 unpacks to").await;
    check(&with(Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", cut.to_vec())), "").await;
    check(&with(good.layers[1].clone()), "is not there").await;
    check(
        &Image::with(good.config.clone(), good.layers[..1].to_vec()),
        "the manifest has 1 layers, the configuration 2",
    )
    .await;
}

#[tokio::test]
async fn an_index_gives_this_machines_image_or_the_one_that_is_asked_for() {
    let alpine = |version: &str, architecture: &str| {
        let layer = Layer::new().alpine(version, &[("musl", "1.1.14-r15")]).tar();
        Image::for_platform(&[layer], Packing::Gzip, "linux", architecture)
    };
    let (one, two) = (alpine("3.4.6", "amd64"), alpine("3.10.3", "s390x"));
    let top = index(&[(&one, "linux", "amd64"), (&two, "linux", "s390x")]);
    let folder = tempfile::tempdir().unwrap();
    write_layout(folder.path(), &top, "multi", &[&one, &two]).unwrap();
    let target = format!("oci-dir:{}:multi", folder.path().display());
    let wanted = |platform: &str| SourceOptions {
        platform: Some(parse_platform(platform).unwrap()),
        ..SourceOptions::default()
    };
    let (report, notes) = scan_with(&target, &wanted("linux/s390x"), None).await.unwrap();
    assert_eq!((report.image.platform.as_deref(), notes.len()), (Some("linux/s390x"), 0));
    assert_eq!(report.image.distro.unwrap().version_id, "3.10.3");
    let error = scan_with(&target, &wanted("linux/riscv64"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("linux/amd64, linux/s390x"), "{error}");
    let (_, notes) = scan_with(&target, &SourceOptions::default(), None).await.unwrap();
    assert!(notes[0].contains("--platform"), "{notes:?}");
    // In an index of indexes it is found as well, and an image alone is not taken for one of another platform.
    let (first, second) = (index(&[(&one, "linux", "amd64")]), index(&[(&two, "linux", "s390x")]));
    for inside in [&first, &second] {
        let hex = inside.digest.hex().to_owned();
        std::fs::write(folder.path().join("blobs/sha256").join(hex), &inside.bytes).unwrap();
    }
    let nested = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [first.descriptor(), second.descriptor()]});
    let nested = Blob::new("application/vnd.oci.image.index.v1+json", nested.to_string().into_bytes());
    write_layout(folder.path(), &nested, "nested", &[&one, &two]).unwrap();
    let target = format!("oci-dir:{}:nested", folder.path().display());
    let (report, _) = scan_with(&target, &wanted("linux/s390x"), None).await.unwrap();
    assert_eq!(report.image.distro.unwrap().version_id, "3.10.3");
    let error = scan_with(&target, &wanted("linux/riscv64"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    write_layout(folder.path(), &two.manifest, "alone", &[&two]).unwrap();
    let target = format!("oci-dir:{}:alone", folder.path().display());
    assert!(scan_with(&target, &wanted("linux/s390x"), None).await.is_ok());
    let error = scan_with(&target, &wanted("linux/amd64"), None).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no image for linux/amd64; this one is for linux/s390x");
}

#[tokio::test]
async fn a_target_that_is_not_what_it_says_is_told_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (one, two) = (old_alpine(), Image::of(&[Layer::new().file("a", "b").tar()], Packing::Plain));
    write_layout(&folder.path().join("layout"), &one.manifest, "one", &[&one, &two]).unwrap();
    let (mut first, mut second) = (one.manifest.descriptor(), two.manifest.descriptor());
    first["annotations"] = json!({"org.opencontainers.image.ref.name": "one"});
    second["annotations"] = json!({"org.opencontainers.image.ref.name": "two"});
    let index = json!({"schemaVersion": 2, "manifests": [first, second]}).to_string();
    std::fs::write(folder.path().join("layout/index.json"), index).unwrap();
    std::fs::write(
        folder.path().join("saved.tar"),
        archive(&[("manifest.json", b"[]")]).into_inner().unwrap(),
    )
    .unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &[0; 4096]).unwrap();
    std::fs::write(folder.path().join("packed.tar.gz"), [packed.finish().unwrap(), vec![0; 600]].concat())
        .unwrap();

    let cases = [
        (format!("oci-dir:{}", at("layout")), ErrorKind::Usage, "it has one, two"),
        (
            format!("oci-dir:{}:three", at("layout")),
            ErrorKind::NotFound,
            "has no image three; it has one, two",
        ),
        (format!("oci-dir:{}", at("missing")), ErrorKind::NotFound, "does not exist"),
        (format!("oci-archive:{}", at("saved.tar")), ErrorKind::Usage, "write docker-archive:"),
        (format!("docker-archive:{}", at("saved.tar")), ErrorKind::NotFound, "has no image"),
        (format!("oci-dir:{}", at("saved.tar")), ErrorKind::Usage, "write oci-archive:"),
        (format!("docker-archive:{}", at("packed.tar.gz")), ErrorKind::Usage, "unpack it first (gzip -d)"),
        (format!("rootfs:{}", at("saved.tar")), ErrorKind::Usage, "is not a folder"),
        (format!("sbom:{}", at("layout")), ErrorKind::Usage, "is not a file"),
        (format!("sbom:{}", at("saved.tar")), ErrorKind::Damaged, "is not an SBOM"),
    ];
    for (target, kind, words) in cases {
        let error = scan(&target).await.unwrap_err();
        assert!(
            error.kind() == kind && error.to_string().contains(words),
            "{target}: {:?} {error}",
            error.kind()
        );
    }
    assert_eq!(said(&scan(&format!("oci-dir:{}:one", at("layout"))).await.unwrap()).len(), 1);
}

#[tokio::test]
async fn a_manifest_that_is_not_its_digest_is_not_trusted() {
    let image = old_alpine();
    let folder = tempfile::tempdir().unwrap();
    let target = oci_dir(folder.path(), &image);
    let path = folder.path().join("blobs/sha256").join(image.digest().hex());
    let honest = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&honest[..], b" "].concat()).unwrap();
    let error = scan(&target).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    // A false configuration is a problem of the image: its layers can be read without it.
    std::fs::write(&path, honest).unwrap();
    std::fs::write(folder.path().join("blobs/sha256").join(image.config.digest.hex()), b"{}").unwrap();
    let report = scan(&target).await.unwrap();
    assert!(
        report.coverage.problems[0].message.contains("has other content"),
        "{:?}",
        report.coverage.problems
    );
}

#[tokio::test]
async fn an_image_for_windows_is_not_applicable() {
    let config = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1", "rootfs": {"type": "layers", "diff_ids": []}});
    let layer = Blob::new("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"not read".to_vec());
    let image = Image::with(Blob::new(media::OCI_CONFIG, config.to_string().into_bytes()), vec![layer]);
    let folder = tempfile::tempdir().unwrap();
    let report = scan(&oci_dir(folder.path(), &image)).await.unwrap();
    let (health, reason) = state(&report);
    assert!(health == Health::NotApplicable && reason.contains("build 10.0.20348.1"), "{health:?} {reason}");
}

#[tokio::test]
async fn layers_tell_what_made_them_where_the_history_fits() {
    let image = old_alpine();
    let commands = async |history: serde_json::Value| {
        let mut config: serde_json::Value = serde_json::from_slice(&image.config.bytes).unwrap();
        config["history"] = history;
        let config = Blob::new(media::OCI_CONFIG, config.to_string().into_bytes());
        let folder = tempfile::tempdir().unwrap();
        let report = scan(&oci_dir(folder.path(), &Image::with(config, image.layers.clone()))).await.unwrap();
        assert_eq!(report.coverage.problems, [], "a history is for people, and makes no image worse");
        let of_layers = report.image.layers.iter().map(|layer| layer.command.clone()).collect::<Vec<_>>();
        let database = Database::of(&Feed::sample()).await;
        let advisories = Advisories::open(&database.advisories()).unwrap().unwrap();
        let story = plimsoll_scan::explain(&report, &advisories, "CVE-2019-14697");
        assert_eq!(story.packages[0].command, of_layers[0]);
        of_layers
    };
    let step = |command: &str| json!({"created_by": command});
    let nothing = json!({"created_by": "ENV A=1", "empty_layer": true});
    let long = format!("RUN {}", "x".repeat(9_000));
    let told = commands(json!([step("/bin/sh -c #(nop) ADD file:1 in / "), nothing, step(&long)])).await;
    assert_eq!(told, ["ADD file:1 in /".to_owned(), format!("RUN {}", "x".repeat(196))]);
    for odd in
        [json!([step("RUN one")]), json!([]), json!("words"), json!([{"created_by": 7}, {}]), json!(null)]
    {
        assert_eq!(commands(odd).await, ["", ""]);
    }
}

#[tokio::test]
async fn an_encrypted_layer_is_refused_with_the_reason() {
    let good = old_alpine();
    let secret = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", b"nobody knows".to_vec());
    let image = Image::with(good.config, vec![good.layers[0].clone(), secret]);
    let folder = tempfile::tempdir().unwrap();
    let report = scan(&oci_dir(folder.path(), &image)).await.unwrap();
    assert_eq!(said(&report).len(), 1, "what the other layer brings is found");
    let problem = &report.coverage.problems[0];
    assert!(problem.message.contains("is encrypted, and cannot be read without its key"), "{problem}");
    assert_eq!(report.image.layers.iter().map(|layer| layer.read).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn an_inventory_of_another_tool_is_matched() {
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
        {"type": "library", "name": "musl-utils", "version": "1.1.14-r15",
         "purl": "pkg:apk/alpine/musl-utils@1.1.14-r15?arch=x86_64&distro=alpine-3.4.6&upstream=musl"},
    ]});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bom.json");
    std::fs::write(&path, bom.to_string()).unwrap();
    let report = scan(&format!("sbom:{}", path.display())).await.unwrap();
    assert_eq!(said(&report), ["CVE-2019-14697 musl-utils 1.1.14-r15 -> 1.1.14-r16"]);
    assert_eq!(report.findings[0].package.source, "musl");
    assert_eq!(report.coverage.conclusion.reason, None);
}

#[tokio::test]
async fn a_root_file_system_is_read_without_following_links() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let layer = Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r15")]).tar();
    tar::Archive::new(layer.as_slice()).unpack(outside.path().join("secret")).unwrap();
    let inside = outside.path().join("rootfs");
    std::fs::create_dir_all(inside.join("etc")).unwrap();
    // The only way to packages is a link that leads out.
    symlink("../secret/lib", inside.join("lib")).unwrap();
    symlink("../../secret/etc/os-release", inside.join("etc/os-release")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, inside.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let long = "d".repeat(200);
    std::fs::create_dir_all(inside.join(&long)).unwrap();
    std::fs::write(inside.join(&long).join("empty"), "").unwrap();
    let report = scan(&format!("rootfs:{}", inside.display())).await.unwrap();
    assert_eq!(
        (report.inventory.packages.len(), report.coverage.problem_count),
        (0, 0),
        "{:?}",
        report.coverage
    );
    assert_eq!(report.summary.state, Health::NotApplicable);
}

#[tokio::test]
async fn the_same_layer_twice_is_read_once_and_counts_twice() {
    let empty = Layer::new().file("a", "b").tar();
    let base = Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r15")]).tar();
    let image = Image::of(&[empty.clone(), base, empty], Packing::Gzip);
    let folder = tempfile::tempdir().unwrap();
    let report = scan(&oci_dir(folder.path(), &image)).await.unwrap();
    assert_eq!((report.image.layers.len(), said(&report).len()), (3, 1));
    assert_eq!(report.coverage.conclusion.reason, None);
}

#[tokio::test]
async fn a_vex_document_has_the_last_word_and_the_story_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let target = oci_dir(folder.path(), &old_alpine());
    let database = Database::of(&Feed::sample()).await;
    let advisories = || Advisories::open(&database.advisories()).unwrap().unwrap();
    let scan = async |advisories: &Advisories| {
        scan_with(&target, &SourceOptions::default(), Some(advisories)).await.unwrap().0
    };
    let plain = advisories();
    let report = scan(&plain).await;
    assert_eq!((report.findings.len(), report.suppressed.len()), (1, 0));
    let story = plimsoll_scan::explain(&report, &plain, "cve-2019-14697");
    assert_eq!(story.packages.len(), 1);
    let musl = &story.packages[0];
    assert!(musl.affected && musl.package.path == "lib/apk/db/installed" && musl.package.layer.is_some());
    assert_eq!((musl.advisories[0].order, musl.advisories[0].judgement.as_str()), ("apk", "affected"));
    assert_eq!(musl.advisories[0].ranges, ["Alpine:v3.4 musl: introduced 0, fixed 1.1.14-r16"]);
    assert_eq!(plimsoll_scan::explain(&report, &plain, "CVE-1999-0001").packages, []);

    let purl = &report.findings[0].package.purl;
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://a.example/1", "author": "A",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2019-14697"}, "products": [{"@id": purl}],
            "status": "not_affected", "justification": "vulnerable_code_not_present"}],
    });
    let mut vex = plimsoll_scan::Vex::default();
    assert_eq!(vex.add("a.json", document.to_string().as_bytes()).unwrap(), 1);
    let heeding = advisories().with_vex(vex);
    let report = scan(&heeding).await;
    assert_eq!((report.findings.len(), report.suppressed.len()), (0, 1));
    assert_eq!(report.summary.state, Health::Healthy);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["suppressed"][0]["evidence"]["suppressed"]["source"], "https://a.example/1");
    let story = plimsoll_scan::explain(&report, &heeding, "CVE-2019-14697");
    assert!(!story.packages[0].affected && story.packages[0].verdict.is_some());
}
