//! The scanner at the gate of a registry: what it reads stands in the logs, and rules that keep it out are kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use plimsoll_scan::{Worker, WorkerSettings};
use plimsoll_store::{ImageState, ManifestPut, RegistryId, Store, Stored};
use plimsoll_testkit::image::Image;
use plimsoll_types::log::{Event, Table};
use plimsoll_types::{Manifest, RepositoryName, Scope};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::feed::{Database, Feed};
use crate::sandbox;
use crate::scan::old_alpine;

type Noted = Arc<Mutex<Vec<(RegistryId, Event)>>>;

fn scope() -> Scope {
    Scope {
        subscription: "00000000-0000-0000-0000-000000000000".into(),
        resource_group: "harbour".into(),
        registry: "quay".into(),
        registry_host: "quay.example".into(),
    }
}

/// What came of a scan.
struct Scanned {
    store: Store,
    state: ImageState,
    noted: Noted,
    _folder: tempfile::TempDir,
}

/// Pushes an image to a registry with these properties, and waits until its scan is over.
async fn scanned(image: &Image, properties: Value) -> Scanned {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&plimsoll_store::Settings {
        database: format!("sqlite:{}", folder.path().join("db").display()),
        blobs: format!("file:{}", folder.path().join("blobs").display()),
        blob_options: vec![],
        node: "test".into(),
    })
    .await
    .unwrap();
    let clock = plimsoll_scan::system_clock();
    store.ensure_registry(&scope(), &json!({}), clock()).await.unwrap();
    store.put_registry(&scope(), &json!({ "properties": properties }), clock()).await.unwrap();
    let database = Database::of(&Feed::sample()).await;
    let (noted, stop) = (Noted::default(), CancellationToken::new());
    let log = {
        let noted = Arc::clone(&noted);
        Arc::new(move |registry, event| noted.lock().unwrap().push((registry, event)))
    };
    let (sandbox, settings) = (Arc::new(sandbox()), WorkerSettings::default());
    let worker =
        Worker::new(store.clone(), sandbox, database.handle(), clock.clone(), settings).noting_in(log);
    let until = stop.clone();
    let worker = tokio::spawn(async move { worker.run(until).await });
    push(&store, image).await;
    let state = loop {
        let images = store.images(None, 10).await.unwrap();
        match images.into_iter().find(|summary| summary.digest == *image.digest()) {
            Some(found) if !matches!(found.state, ImageState::Queued | ImageState::Running) => {
                break found.state;
            }
            _ => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    };
    stop.cancel();
    worker.await.unwrap();
    Scanned { store, state, noted, _folder: folder }
}

async fn push(store: &Store, image: &Image) {
    let repository: RepositoryName = "team/app".parse().unwrap();
    let now = plimsoll_scan::system_clock()();
    for blob in image.blobs() {
        let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(blob.bytes.clone()))]));
        store.put_blob(&repository, &blob.digest, body, now).await.unwrap();
    }
    let manifest = Manifest::parse(&image.manifest.media_type, &image.manifest.bytes).unwrap();
    let put = ManifestPut {
        repository: &repository,
        tags: &["latest".parse().unwrap()],
        digest: image.digest(),
        body: image.manifest.bytes.clone().into(),
        manifest: &manifest,
        now,
    };
    assert_eq!(store.put_manifest(put).await.unwrap(), Stored::Yes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_a_login_and_a_pull_of_the_scanners_own() {
    let image = old_alpine();
    let Scanned { store, state, noted, _folder } = scanned(&image, json!({})).await;
    assert_eq!(state, ImageState::Done);
    let rows: Vec<_> = noted.lock().unwrap().iter().map(|(_, event)| event.row(Some(&scope()))).collect();
    assert_eq!(rows.len(), 2);
    let identity = store.scanner_identity().await.unwrap();
    for row in &rows {
        assert_eq!((&row["Identity"], &row["ResultDescription"]), (&json!(identity), &json!("200")));
        assert_eq!(row["LoginServer"], "quay.example");
        assert!(row["UserAgent"].as_str().unwrap().starts_with("plimsoll-scanner/"));
    }
    assert_eq!(
        (&rows[0]["OperationName"], &rows[0]["Type"]),
        (&json!("Login"), &json!(Table::Login.as_str()))
    );
    assert_eq!((&rows[1]["OperationName"], &rows[1]["Repository"]), (&json!("Pull"), &json!("team/app")));
    assert_eq!((&rows[1]["Digest"], &rows[1]["Tag"]), (&json!(image.digest()), &json!("latest")));
    // What the scanner reads keeps no image in use.
    let repository = "team/app".parse().unwrap();
    assert_eq!(store.last_pull(&repository, image.digest()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scanner_passes_rules_as_a_trusted_service_and_only_so() {
    let image = old_alpine();
    for closed in [
        json!({ "publicNetworkAccess": "Disabled" }),
        json!({ "networkRuleSet": { "defaultAction": "Deny" }, "networkRuleBypassOptions": "AzureServices" }),
    ] {
        assert_eq!(scanned(&image, closed).await.state, ImageState::Done);
    }
    let shut = json!({ "publicNetworkAccess": "Disabled", "networkRuleBypassOptions": "None" });
    let Scanned { state, noted, .. } = scanned(&image, shut).await;
    let ImageState::Unsupported(reason) = state else { panic!("{state:?}") };
    assert!(reason.contains("quay") && reason.contains("networkRuleBypassOptions"), "{reason}");
    let refused: Vec<_> =
        noted.lock().unwrap().iter().map(|(_, event)| (event.operation(), event.status)).collect();
    assert_eq!(refused, [("Login", 403)]);
    // Where everybody gets in, nobody needs to be trusted.
    let open = scanned(&image, json!({ "networkRuleBypassOptions": "None" })).await;
    assert_eq!(open.state, ImageState::Done);
}
