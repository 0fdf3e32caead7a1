//! Imports: from registries elsewhere and from our own, whole or not at all.

use std::collections::HashMap;
use std::time::Duration;

use plimsoll_scan::{ImportLimits, WorkerSettings};
use plimsoll_store::{ImageState, Operation, OperationState, RegistryId, ScanFilter, Store};
use plimsoll_testkit::image::{self, Blob, Image, Layer, Packing};
use plimsoll_types::import::{Credentials, ImportRequest, Mode, Place, Source, Target};
use plimsoll_types::{Digest, Reference, RepositoryName, ResourceId, Scope, Trigger};
use serde_json::json;

use crate::feed::{Database, Feed};
use crate::sandbox;
use crate::scan::old_alpine;
use crate::web::{Response, Server};
use crate::worker::{House, settings};

const QUAY: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/quay";

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn scope(registry: &str) -> Scope {
    Scope {
        subscription: "00000000-1111-2222-3333-444444444444".into(),
        resource_group: "g".into(),
        registry: registry.into(),
        registry_host: format!("{registry}.example"),
    }
}

/// An image for two platforms, the one with a flaw and the other without.
struct Shelf {
    index: Blob,
    amd64: Image,
    arm64: Image,
}

impl Shelf {
    fn new() -> Self {
        let amd64 = old_alpine();
        let layer = Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r16")]).tar();
        let arm64 = Image::for_platform(&[layer], Packing::Gzip, "linux", "arm64");
        let index = image::index(&[(&amd64, "linux", "amd64"), (&arm64, "linux", "arm64")]);
        Self { index, amd64, arm64 }
    }

    /// A registry that has it as `team/app:1` and tells it to those who say `authorization`.
    async fn serve(&self, authorization: Option<&'static str>) -> Server {
        let manifests = [&self.index, &self.amd64.manifest, &self.arm64.manifest];
        let blobs = self.amd64.blobs().chain(self.arm64.blobs());
        let mut known: HashMap<String, (String, Vec<u8>)> = HashMap::new();
        for blob in manifests.into_iter().chain(blobs) {
            known.insert(blob.digest.to_string(), (blob.media_type.clone(), blob.bytes.clone()));
        }
        let root = self.index.digest.to_string();
        Server::start(move |request| {
            if authorization.is_some_and(|wanted| request.header("authorization") != Some(wanted)) {
                return Response::new(401, "").header("www-authenticate", "Basic realm=\"x\"");
            }
            let last = request.path.rsplit('/').next().unwrap_or_default();
            match known.get(if last == "1" { root.as_str() } else { last }) {
                Some((media_type, bytes)) => {
                    Response::new(200, bytes.clone()).header("content-type", media_type.as_str())
                }
                None => Response::new(404, ""),
            }
        })
        .await
    }
}

fn wanted(place: Place, targets: &[&str], untagged: &[&str]) -> ImportRequest {
    ImportRequest {
        source: Source { place, repository: name("team/app"), reference: "1".parse().unwrap() },
        targets: targets
            .iter()
            .map(|target| target.split_once(':').unwrap())
            .map(|(repository, tag)| Target { repository: name(repository), tag: tag.parse().unwrap() })
            .collect(),
        untagged: untagged.iter().map(|repository| name(repository)).collect(),
        mode: Mode::NoForce,
    }
}

/// Asks for an import and waits for its end.
async fn import(store: &Store, request: &ImportRequest, credentials: Option<&Credentials>) -> Operation {
    let now = plimsoll_scan::system_clock()();
    let target: ResourceId = QUAY.parse().unwrap();
    let operation = store.queue_import(&target, request, credentials, now).await.unwrap();
    for _ in 0..2_400 {
        let found = store.operation(&operation).await.unwrap().unwrap();
        if found.state != OperationState::InProgress {
            assert_eq!(store.import(&operation).await.unwrap(), None, "the credentials are gone");
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the import does not end");
}

async fn digest_of(store: &Store, repository: &str, reference: &str) -> Option<Digest> {
    let reference: Reference = reference.parse().unwrap();
    store.manifest_head(&name(repository), &reference).await.unwrap().map(|head| head.digest)
}

async fn house() -> House {
    let house = House::new(Database::of(&Feed::sample()).await).await;
    house.store.ensure_registry(&scope("quay"), &json!({}), plimsoll_scan::system_clock()()).await.unwrap();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_two_platforms_is_imported_with_its_tags_and_scanned() {
    let house = house().await;
    let shelf = Shelf::new();
    let server = shelf.serve(Some("Basic YW5uOmdlaGVpbQ==")).await;
    let request =
        wanted(Place::Host(server.host.clone()), &["base/app:1", "base/app:latest", "copy:1"], &["bare"]);
    let credentials = Credentials { username: Some("ann".into()), password: "geheim".into() };
    let ended = import(&house.store, &request, Some(&credentials)).await;
    assert_eq!((ended.state, ended.error.as_ref()), (OperationState::Succeeded, None));
    let blobs = shelf.amd64.blobs().chain(shelf.arm64.blobs()).map(|blob| &blob.digest);
    let blobs = blobs.collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(ended.progress["manifests"], 3);
    assert_eq!(ended.progress["blobsCopied"], 3 * blobs, "{}", ended.progress);
    assert_eq!(ended.progress["bytes"], ended.progress["bytesCopied"]);
    let root = Some(shelf.index.digest.clone());
    for (repository, tag) in [("base/app", "1"), ("base/app", "latest"), ("copy", "1")] {
        assert_eq!(digest_of(&house.store, repository, tag).await, root);
    }
    assert_eq!(digest_of(&house.store, "bare", root.as_ref().unwrap().as_str()).await, root);
    assert_eq!(house.store.tags(&name("bare"), None, 10).await.unwrap(), Some(vec![]));
    house.verdict(&shelf.amd64).await;
    assert_eq!(house.findings(&shelf.amd64).await, ["CVE-2019-14697"; 3], "in each repository");
    house.verdict(&shelf.arm64).await;
    let scans = house.store.scans(&ScanFilter::default(), 0, 100).await.unwrap();
    assert_eq!(scans.len(), 6);
    assert!(scans.iter().all(|scan| scan.trigger == Some(Trigger::Import)));
    let paths = server.paths();
    let once = |digest: &Digest| paths.iter().filter(|path| path.ends_with(digest.as_str())).count();
    // The first answer to each kind of question is a challenge.
    for layer in &shelf.amd64.layers {
        assert!(once(&layer.digest) <= 2, "a blob for three repositories is fetched once: {paths:?}");
    }
    let report = house.store.fsck().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_there_stops_it_before_a_byte_is_copied_unless_forced() {
    let house = house().await;
    let shelf = Shelf::new();
    let server = shelf.serve(None).await;
    let mine = old_alpine();
    house.push(&mine).await;
    let mut request = wanted(Place::Host(server.host.clone()), &["new:1", "team/app:latest"], &[]);
    let ended = import(&house.store, &request, None).await;
    assert_eq!(ended.state, OperationState::Failed);
    let error = ended.error.unwrap();
    assert_eq!(error["code"], "Conflict");
    assert!(error["message"].as_str().unwrap().contains("team/app:latest"), "{error}");
    assert!(!server.paths().iter().any(|path| path.contains("/blobs/")), "{:?}", server.paths());
    assert!(!house.store.repository_exists(&name("new")).await.unwrap());
    request.mode = Mode::Force;
    assert_eq!(import(&house.store, &request, None).await.state, OperationState::Succeeded);
    assert_eq!(digest_of(&house.store, "team/app", "latest").await, Some(shelf.index.digest.clone()));
    assert!(digest_of(&house.store, "team/app", mine.digest().as_str()).await.is_some(), "the old one stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn between_our_own_registries_no_byte_is_copied() {
    let house = house().await;
    let now = plimsoll_scan::system_clock()();
    let (other, _) = house.store.put_registry(&scope("pier"), &json!({}), now).await.unwrap();
    let image = old_alpine();
    house.push(&image).await;
    let pier = house.store.in_registry(other);
    let mut request = wanted(Place::Registry(QUAY.to_uppercase().parse().unwrap()), &["moved:2"], &[]);
    request.source.reference = Reference::Digest(image.digest().clone());
    let ended = import(&pier, &request, None).await;
    assert_eq!((ended.state, ended.error), (OperationState::Succeeded, None));
    assert_eq!(digest_of(&pier, "moved", "2").await.as_ref(), Some(image.digest()));
    assert_eq!(digest_of(&house.store, "moved", "2").await, None);
    for blob in image.blobs() {
        assert_eq!(
            pier.blob(&name("moved"), &blob.digest).await.unwrap(),
            house.store.in_registry(RegistryId::FIRST).blob(&name("team/app"), &blob.digest).await.unwrap(),
            "it is the same file"
        );
    }
    request.source.place = Place::Registry(format!("{QUAY}x").parse().unwrap());
    request.mode = Mode::Force;
    let error = import(&pier, &request, None).await.error.unwrap();
    assert_eq!(error["code"], "SourceImageNotFound", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_and_nothing_is_tagged() {
    let house = house().await;
    let shelf = Shelf::new();
    let closed = shelf.serve(Some("Basic bm9ib2R5")).await;
    let empty = Server::start(|_| Response::new(404, "")).await;
    let layer = shelf.amd64.layers[0].digest.to_string();
    let honest = shelf.serve(None).await;
    let inside = honest.host.clone();
    // Hands out the honest registry's answers, but for one blob of as many other bytes.
    let lying = {
        let (index, amd64, arm64) = (shelf.index.clone(), shelf.amd64.clone(), shelf.arm64.clone());
        Server::start(move |request| {
            let last = request.path.rsplit('/').next().unwrap_or_default().to_owned();
            let all = [&index, &amd64.manifest, &arm64.manifest]
                .into_iter()
                .chain(amd64.blobs())
                .chain(arm64.blobs());
            let found = all
                .into_iter()
                .find(|blob| blob.digest.as_str() == last || (last == "1" && blob.digest == index.digest));
            match found {
                Some(blob) if blob.digest.as_str() == layer => Response::new(200, vec![7; blob.bytes.len()]),
                Some(blob) => {
                    Response::new(200, blob.bytes.clone()).header("content-type", blob.media_type.as_str())
                }
                None => Response::new(404, ""),
            }
        })
        .await
    };
    assert_ne!(inside, lying.host);
    let credentials = Credentials { username: Some("ann".into()), password: "geheim".into() };
    for (server, credentials, code) in [
        (&closed, None, "SourceAccessDenied"),
        (&closed, Some(&credentials), "SourceAccessDenied"),
        (&empty, None, "SourceImageNotFound"),
        (&lying, None, "ImportFailed"),
    ] {
        let request = wanted(Place::Host(server.host.clone()), &["new:1"], &[]);
        let ended = import(&house.store, &request, credentials).await;
        let error = ended.error.unwrap();
        assert_eq!((ended.state, &error["code"]), (OperationState::Failed, &json!(code)), "{error}");
        assert!(!error.to_string().contains("geheim"));
        assert_eq!(digest_of(&house.store, "new", "1").await, None);
    }
    // What the lying one had right is not fetched again.
    let request = wanted(Place::Host(honest.host.clone()), &["new:1"], &[]);
    let there = house.store.blob(&name("new"), &shelf.arm64.layers[0].digest).await.unwrap().is_some();
    assert_eq!(import(&house.store, &request, None).await.state, OperationState::Succeeded);
    let asked = honest.paths().iter().any(|path| path.ends_with(shelf.arm64.layers[0].digest.as_str()));
    assert_eq!(asked, !there);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_before_anything_is_copied() {
    let shelf = Shelf::new();
    let server = shelf.serve(None).await;
    for (limits, words) in [
        (ImportLimits { bytes: 100, ..ImportLimits::default() }, "more than 100 bytes"),
        (ImportLimits { manifests: 2, ..ImportLimits::default() }, "more than 2 manifests"),
        (ImportLimits { blobs: 1, ..ImportLimits::default() }, "more than 1 blobs"),
    ] {
        let settings = WorkerSettings { imports: limits, ..settings() };
        let database = Database::of(&Feed::sample()).await;
        let house = House::by_the_clock(database, sandbox(), settings, plimsoll_scan::system_clock()).await;
        let request = wanted(Place::Host(server.host.clone()), &["new:1"], &[]);
        let error = import(&house.store, &request, None).await.error.unwrap();
        assert_eq!(error["code"], "ImportTooLarge");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert!(!house.store.repository_exists(&name("new")).await.unwrap());
    }
    assert!(!server.paths().iter().any(|path| path.contains("/blobs/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_hold_up_no_push() {
    let house = house().await;
    // A registry that takes its time, and more imports than there are places.
    let slow = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Response::new(503, "").header("retry-after", "1")
    })
    .await;
    let now = plimsoll_scan::system_clock()();
    for number in 0..6 {
        let request = wanted(Place::Host(slow.host.clone()), &[&format!("new{number}:1")], &[]);
        house.store.queue_import(&QUAY.parse().unwrap(), &request, None, now).await.unwrap();
    }
    let image = old_alpine();
    house.push(&image).await;
    house.until(&image, |summary| summary.state == ImageState::Done).await;
}
