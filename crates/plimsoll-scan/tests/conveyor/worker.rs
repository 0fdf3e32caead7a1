//! What happens to a pushed image: from its rows to a verdict that stays true.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_scan::{Coverage, Sandbox, Worker, WorkerSettings};
use plimsoll_store::{
    FindingFilter, FindingRow, ImageState, ImageSummary, JobKind, ManifestPut, Store, Stored,
};
use plimsoll_testkit::image::{Blob, Image, Layer, Packing};
use plimsoll_types::inventory::PROBE_VERSION;
use plimsoll_types::manifest::media;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Digest, Health, Manifest, RepositoryName};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::feed::{Database, Feed};
use crate::sandbox;
use crate::scan::old_alpine;

/// A store with a worker over it.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) database: Database,
    pub(crate) handle: plimsoll_scan::AdvisoryHandle,
    pub(crate) stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new(database: Database) -> Self {
        Self::with(database, sandbox(), settings()).await
    }

    async fn with(database: Database, sandbox: Sandbox, settings: WorkerSettings) -> Self {
        Self::by_the_clock(database, sandbox, settings, plimsoll_scan::system_clock()).await
    }

    pub(crate) async fn by_the_clock(
        database: Database,
        sandbox: Sandbox,
        settings: WorkerSettings,
        clock: plimsoll_scan::Clock,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&plimsoll_store::Settings {
            database: format!("sqlite:{}", folder.path().join("db").display()),
            blobs: format!("file:{}", folder.path().join("blobs").display()),
            blob_options: vec![],
            node: "test".into(),
        })
        .await
        .unwrap();
        let (handle, stop) = (database.handle(), CancellationToken::new());
        let worker = Worker::new(store.clone(), Arc::new(sandbox), handle.clone(), clock, settings);
        let until = stop.clone();
        tokio::spawn(async move { worker.run(until).await });
        Self { store, database, handle, stop, _folder: folder }
    }

    pub(crate) async fn push(&self, image: &Image) {
        self.push_to("team/app", "latest", image, None).await;
    }

    /// Pushes an image, one of its blobs left out.
    async fn push_but(&self, image: &Image, without: Option<&Digest>) {
        self.push_to("team/app", "latest", image, without).await;
    }

    async fn push_to(&self, repository: &str, tag: &str, image: &Image, without: Option<&Digest>) {
        let repository: RepositoryName = repository.parse().unwrap();
        let now = plimsoll_scan::system_clock()();
        for blob in image.blobs().filter(|blob| Some(&blob.digest) != without) {
            let bytes = Bytes::from(blob.bytes.clone());
            let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
            self.store.put_blob(&repository, &blob.digest, body, now).await.unwrap();
        }
        let manifest = Manifest::parse(&image.manifest.media_type, &image.manifest.bytes).unwrap();
        let put = ManifestPut {
            repository: &repository,
            tags: &[tag.parse().unwrap()],
            digest: image.digest(),
            body: image.manifest.bytes.clone().into(),
            manifest: &manifest,
            now,
        };
        assert_eq!(self.store.put_manifest(put).await.unwrap(), Stored::Yes);
    }

    /// Waits until something holds of an image.
    pub(crate) async fn until(&self, image: &Image, holds: impl Fn(&ImageSummary) -> bool) -> ImageSummary {
        for _ in 0..2_400 {
            let images = self.store.images(None, 100).await.unwrap();
            let found = images.into_iter().find(|summary| summary.digest == *image.digest());
            match found {
                Some(found) if holds(&found) => return found,
                _ => tokio::time::sleep(Duration::from_millis(25)).await,
            }
        }
        panic!("it does not come to pass: {:?}", self.store.images(None, 100).await.unwrap());
    }

    pub(crate) async fn verdict(&self, image: &Image) -> Coverage {
        let summary = self.until(image, |summary| summary.state == ImageState::Done).await;
        serde_json::from_value(summary.coverage).unwrap()
    }

    pub(crate) async fn findings(&self, image: &Image) -> Vec<String> {
        let filter = FindingFilter { image: Some(image.digest().clone()), ..FindingFilter::default() };
        let rows: Vec<FindingRow> = self.store.findings(&filter, None, 100).await.unwrap();
        let mut found: Vec<_> =
            rows.into_iter().filter_map(|row| row.finding).map(|(_, found)| found.vulnerability).collect();
        found.sort();
        found
    }

    async fn until_findings(&self, image: &Image, expected: &[&str]) {
        for _ in 0..2_400 {
            if self.findings(image).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(self.findings(image).await, expected);
    }

    /// Publishes and takes over another state of the feed, as `plimsoll db update` would.
    async fn learn(&self, feed: &Feed) {
        self.database.publish(feed);
        assert!(self.database.update().await.changed);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn settings() -> WorkerSettings {
    WorkerSettings {
        concurrency: 3,
        refresh: Duration::from_millis(50),
        first_retry: Duration::from_millis(20),
        max_attempts: 2,
        ..WorkerSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_image_gets_its_verdict() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let image = old_alpine();
    house.push(&image).await;
    let coverage = house.verdict(&image).await;
    assert_eq!(house.findings(&image).await, ["CVE-2019-14697"]);
    assert_eq!(coverage.conclusion.reason, None);
    assert_eq!((coverage.packages, coverage.layers.len()), (2, 2));
    assert_eq!(coverage.advisories.unwrap().generation, house.handle.generation());
    for layer in &image.layers {
        assert!(house.store.layer_inventory(&layer.digest, PROBE_VERSION).await.unwrap().is_some());
    }
    let left = house.store.claim_job(plimsoll_scan::system_clock()(), 1_000).await.unwrap();
    assert!(left.is_none() || matches!(left.unwrap().kind, JobKind::Rematch { .. } | JobKind::ReadLayer(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_knows_what_it_was_built_upon() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let base = Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r15")]).tar();
    let runtime = Layer::new().file("usr/bin/run", "run").tar();
    let own = Layer::new().file("app/flask-0.9.dist-info/METADATA", "Name: flask\nVersion: 0.9\n").tar();
    // The same layers, packed otherwise: it is what they unpack to that counts.
    let lowest = Image::of(std::slice::from_ref(&base), Packing::Gzip);
    let middle = Image::of(&[base.clone(), runtime.clone()], Packing::Zstd);
    let mut app = Image::of(&[base, runtime, own], Packing::Gzip);
    let mut config: serde_json::Value = serde_json::from_slice(&app.config.bytes).unwrap();
    config["history"] = json!([
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
        {"created_by": "ENV A=1", "empty_layer": true},
        {"created_by": "RUN make\n  install"},
        {"created_by": "COPY app /app"},
    ]);
    app = Image::with(Blob::new(media::OCI_CONFIG, config.to_string().into_bytes()), app.layers);
    let findings = async || {
        let filter = FindingFilter { image: Some(app.digest().clone()), ..FindingFilter::default() };
        house.store.findings(&filter, None, 9).await.unwrap()
    };
    house.push_to("team/app", "1", &app, None).await;
    house.verdict(&app).await;
    let rows = findings().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.image.base.is_none()), "nothing is known below it");
    // Its base may come later, and a nearer one later still.
    let mut expected = vec![(&lowest, "team/base:3.4", 1), (&middle, "team/runtime:1", 2)];
    for (image, name, layers) in expected.drain(..) {
        let (repository, tag) = name.split_once(':').unwrap();
        house.push_to(repository, tag, image, None).await;
        house.verdict(image).await;
        let rows = findings().await;
        let found = rows[0].image.base.clone().unwrap();
        assert_eq!((&*found.name, found.digest.as_ref(), found.layers), (name, Some(image.digest()), layers));
    }
    for row in findings().await {
        let (package, _) = row.finding.as_ref().unwrap();
        let layer = package.layer.as_ref().unwrap();
        let is_from_base = row.image.base_with(layer).is_some();
        let expected = match package.package.name.as_str() {
            "musl" => (true, "ADD file:1 in /"),
            _ => (false, "COPY app /app"),
        };
        assert_eq!((is_from_base, row.image.command(layer)), expected);
    }
    // An image is not built upon itself, nor the base upon what was built upon it.
    let filter = FindingFilter { image: Some(lowest.digest().clone()), ..FindingFilter::default() };
    assert_eq!(house.store.findings(&filter, None, 9).await.unwrap()[0].image.base, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_image_is_healthy_and_pushing_it_twice_is_harmless() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let image = Image::of(&[Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r16")]).tar()], Packing::Zstd);
    for _ in 0..2 {
        house.push(&image).await;
        let coverage = house.verdict(&image).await;
        assert_eq!(coverage.health(!house.findings(&image).await.is_empty()), Health::Healthy);
    }
    let rows = house.store.findings(&FindingFilter::default(), None, 100).await.unwrap();
    assert_eq!(rows.len(), 1, "exactly one row, which says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_advisories_it_waits_and_is_judged_when_they_come() {
    let house = House::new(Database::new(&Feed::sample())).await;
    let image = old_alpine();
    house.push(&image).await;
    let waiting = house.until(&image, |summary| summary.state == ImageState::AwaitingAdvisories).await;
    let coverage: Coverage = serde_json::from_value(waiting.coverage).unwrap();
    assert_eq!(coverage.conclusion.reason.as_deref(), Some("there is no advisory data yet"));
    assert_eq!(coverage.packages, 2);
    house.database.update().await;
    house.until_findings(&image, &["CVE-2019-14697"]).await;
    assert_eq!(house.verdict(&image).await.conclusion.reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_advisories_reach_stored_images_without_reading_them_again() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let image = old_alpine();
    house.push(&image).await;
    house.verdict(&image).await;
    let second = Feed::sample().advisory(2, "ALPINE-CVE-2024-7", "Alpine:v3.4", "busybox", "1.25.0-r0");
    house.learn(&second).await;
    house.until_findings(&image, &["CVE-2019-14697", "CVE-2024-7"]).await;
    // One is withdrawn from the feed, and its finding goes.
    house.learn(&second.without("Alpine", "ALPINE-CVE-2019-14697")).await;
    house.until_findings(&image, &["CVE-2024-7"]).await;
    for _ in 0..400 {
        if house.store.matched_generation().await.unwrap() == house.handle.generation() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the matches were never said to be at the new generation");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_distribution_decides_about_what_it_packages() {
    let told = Feed::sample().advisory(1, "CVE-2024-5", "PyPI", "flask", "3.0").advisory(
        1,
        "DEBIAN-CVE-2020-1",
        "Debian:12",
        "other",
        "1",
    );
    let house = House::new(Database::of(&told).await).await;
    let flask = "usr/lib/python3/dist-packages/flask-2.2.2.dist-info/METADATA";
    let status = "Package: python3-flask\nStatus: install ok installed\nSource: flask\nVersion: 2.2.2-3\n\n";
    let debian = |files: &str| {
        Layer::new()
            .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
            .file("var/lib/dpkg/status", status)
            .file("var/lib/dpkg/info/python3-flask.list", files)
            .file(flask, "Metadata-Version: 2.1\nName: Flask\nVersion: 2.2.2\n")
    };
    let packaged = Image::of(&[debian(&format!("/.\n/{flask}\n")).tar()], Packing::Gzip);
    let by_hand = Image::of(&[debian("/.\n").tar()], Packing::Gzip);
    for image in [&packaged, &by_hand] {
        house.push(image).await;
        house.verdict(image).await;
        assert_eq!(house.findings(image).await, ["CVE-2024-5"], "Debian says nothing of it");
    }
    // Debian fixed it in the version that is installed: of its own package nothing is left to find, of the other there is.
    house.learn(&told.clone().advisory(2, "DEBIAN-CVE-2024-5", "Debian:12", "flask", "2.2.2-3")).await;
    house.until_findings(&packaged, &[]).await;
    assert_eq!(house.findings(&by_hand).await, ["CVE-2024-5"]);
    // Debian fixed it later: then that is the finding, once.
    house.learn(&told.clone().advisory(3, "DEBIAN-CVE-2024-5", "Debian:12", "flask", "2.2.2-4")).await;
    house.until_findings(&by_hand, &["CVE-2024-5", "CVE-2024-5"]).await;
    assert_eq!(house.findings(&packaged).await, ["CVE-2024-5"]);
    let filter = FindingFilter { image: Some(packaged.digest().clone()), ..FindingFilter::default() };
    let rows = house.store.findings(&filter, None, 9).await.unwrap();
    assert_eq!(rows[0].finding.as_ref().unwrap().0.package.name, "python3-flask");
    // And when Debian takes its word back, the language's is all there is again.
    house.learn(&told.advisory(4, "DEBIAN-CVE-2024-6", "Debian:12", "another", "1")).await;
    house.until_findings(&by_hand, &["CVE-2024-5"]).await;
    assert_eq!(house.findings(&packaged).await, ["CVE-2024-5"]);
    let rows = house.store.findings(&filter, None, 9).await.unwrap();
    assert_eq!(rows[0].finding.as_ref().unwrap().0.package.name, "Flask");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_partys_package_stays_marked_when_advisories_change() {
    let told = Feed::sample().advisory(1, "DEBIAN-CVE-2024-1", "Debian:12", "docker-ce", "6:1");
    let house = House::new(Database::of(&told).await).await;
    let status = "Package: docker-ce\nStatus: install ok installed\nVersion: 5:24.0.7-1\n\
        Maintainer: Docker <support@docker.com>\n\n";
    let layer =
        Layer::new().file("etc/os-release", "ID=debian\nVERSION_ID=12\n").file("var/lib/dpkg/status", status);
    let image = Image::of(&[layer.tar()], Packing::Gzip);
    house.push(&image).await;
    house.verdict(&image).await;
    let marks = async || {
        let filter = FindingFilter { image: Some(image.digest().clone()), ..FindingFilter::default() };
        let rows = house.store.findings(&filter, None, 9).await.unwrap();
        let marks = rows.into_iter().filter_map(|row| row.finding.unwrap().1.evidence.third_party);
        marks.map(|mark| mark.vendor).collect::<Vec<_>>()
    };
    let docker = "Docker <support@docker.com>";
    assert_eq!(marks().await, [docker]);
    house.learn(&told.advisory(2, "DEBIAN-CVE-2024-2", "Debian:12", "docker-ce", "6:1")).await;
    house.until_findings(&image, &["CVE-2024-1", "CVE-2024-2"]).await;
    assert_eq!(marks().await, [docker, docker]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_an_unknown_release_is_judged_once_there_is_data_for_it() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let image = Image::of(&[Layer::new().alpine("3.20.3", &[("musl", "1.2.5-r0")]).tar()], Packing::Gzip);
    house.push(&image).await;
    let reason = house.verdict(&image).await.conclusion.reason;
    assert_eq!(reason.as_deref(), Some("no advisories are known for Alpine:v3.20"));
    house.learn(&Feed::sample().advisory(2, "ALPINE-CVE-2024-8", "Alpine:v3.20", "zlib", "9")).await;
    let is_complete = |summary: &ImageSummary| summary.coverage["conclusion"]["complete"] == true;
    house.until(&image, is_complete).await;
    assert_eq!(house.findings(&image).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_in_the_middle_of_many_scans_leaves_no_image_behind() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let images: Vec<Image> = (0..12)
        .map(|n| {
            let packages = [("busybox", "1.24.2-r13"), ("musl", "1.1.14-r15"), ("own", &*format!("{n}-r0"))];
            Image::of(&[Layer::new().alpine("3.4.6", &packages).tar()], Packing::Gzip)
        })
        .collect();
    let pushing = async {
        for image in &images {
            house.push(image).await;
        }
    };
    let news = Feed::sample().advisory(2, "ALPINE-CVE-2024-9", "Alpine:v3.4", "own", "100-r0");
    tokio::join!(pushing, house.learn(&news));
    for image in &images {
        house.until_findings(image, &["CVE-2019-14697", "CVE-2024-9"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_image_is_told_and_holds_up_no_other() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let good = old_alpine();
    let lying = Image::with(good.config.clone(), vec![good.layers[0].clone(), good.layers[0].clone()]);
    let cut = Blob::new(&good.layers[0].media_type, good.layers[0].bytes[..60].to_vec());
    let damaged = Image::with(good.config.clone(), vec![cut, good.layers[1].clone()]);
    let foreign =
        Blob::new("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"elsewhere".to_vec());
    let absent = Image::with(good.config.clone(), vec![good.layers[0].clone(), foreign]);
    let nonsense =
        Image::with(Blob::new(media::OCI_CONFIG, b"{\"rootfs\": 7}".to_vec()), good.layers.clone());
    let secret = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", b"nobody knows".to_vec());
    let encrypted = Image::with(good.config.clone(), vec![good.layers[0].clone(), secret]);
    for (image, without, words) in [
        (&encrypted, None, "is encrypted, and cannot be read without its key"),
        (&lying, None, "layer 2 unpacks to"),
        (&damaged, None, ""),
        (&absent, Some(&absent.layers[1].digest), "is distributed elsewhere"),
        (&nonsense, None, "the image configuration is not valid"),
    ] {
        house.push_but(image, without).await;
        let coverage = house.verdict(image).await;
        let problems: Vec<_> = coverage.problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:?}");
        assert!(!coverage.conclusion.complete);
    }
    house.push(&good).await;
    assert_eq!(house.verdict(&good).await.conclusion.reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_was_cut_short_stands_for_no_other() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let empty = Layer::new().tar();
    let whole = plimsoll_testkit::image::pack(&empty, Packing::Plain);
    // It unpacks to the same bytes as the empty layer and then turns out to be damaged: the same diff id, if one believed it.
    let mut packed = plimsoll_testkit::image::pack(&empty, Packing::Gzip);
    let end = packed.bytes.len() - 4;
    packed.bytes[end] ^= 0xff;
    let packed = Blob::new(&packed.media_type, packed.bytes);
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&empty)]}});
    let config = Blob::new(media::OCI_CONFIG, config.to_string().into_bytes());
    let (damaged, honest) =
        (Image::with(config.clone(), vec![packed.clone()]), Image::with(config, vec![whole.clone()]));
    house.push(&damaged).await;
    assert!(house.verdict(&damaged).await.problem_count > 0);
    house.push(&honest).await;
    // In an empty layer there is nothing to judge, and that is no damage.
    house.until(&honest, |summary| matches!(&summary.state, ImageState::Unsupported(_))).await;
    let problems = async |blob: &Blob| {
        house.store.layer_inventory(&blob.digest, PROBE_VERSION).await.unwrap().unwrap().problems.len()
    };
    assert_eq!((problems(&packed).await, problems(&whole).await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_windows_is_unsupported_with_its_build() {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    let config = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"});
    let image = Image::with(Blob::new(media::OCI_CONFIG, config.to_string().into_bytes()), vec![]);
    house.push(&image).await;
    house
        .until(&image, |summary| matches!(&summary.state, ImageState::Unsupported(reason) if reason.contains("10.0.20348.1")))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_fault_is_tried_again_and_told_in_the_end() {
    let broken = Sandbox::new(Limits::default(), true, 2).with_program("/nowhere/probe");
    let house = House::with(Database::of(&Feed::sample()).await, broken, settings()).await;
    let image = old_alpine();
    house.push(&image).await;
    house
        .until(&image, |summary| matches!(&summary.state, ImageState::Failed(reason) if reason.contains("could not be started")))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_leaves_its_work_to_the_next() {
    let database = Database::of(&Feed::sample()).await;
    let house = House::new(database).await;
    house.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let image = old_alpine();
    house.push(&image).await;
    let stop = CancellationToken::new();
    let worker = Worker::new(
        house.store.clone(),
        Arc::new(sandbox()),
        house.handle.clone(),
        plimsoll_scan::system_clock(),
        settings(),
    );
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });
    house.verdict(&image).await;
    stop.cancel();
    running.await.unwrap();
}
