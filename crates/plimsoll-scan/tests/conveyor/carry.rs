//! A database that is carried through a registry.

use std::sync::{Arc, Mutex};

use plimsoll_scan::{
    ErrorKind, FeedLocation, Feeds, Imported, Pushed, RegistryAccess, Result, UpdateOptions,
};
use plimsoll_types::manifest::media;
use serde_json::{Value, json};

use crate::feed::{Database, Feed, quiet};
use crate::feeds::{PRIVATE, PUBLIC};
use crate::shelf::Shelf;
use crate::web::Server;

/// A machine with a network, one without, and a registry between them.
struct Road {
    here: Database,
    there: Database,
    registry: Server,
    shelf: Arc<Mutex<Shelf>>,
}

impl Road {
    async fn new() -> Self {
        let (registry, shelf) = Shelf::default().serve().await;
        Self {
            here: Database::of(&Feed::sample()).await,
            there: Database::new(&Feed::new()),
            registry,
            shelf,
        }
    }

    fn place(&self) -> String {
        format!("{}/plimsoll/advisories:1", self.registry.host)
    }

    async fn push(&self, key: Option<&str>) -> Result<Pushed> {
        self.here.feeds().push(&self.place().parse().unwrap(), key).await
    }

    fn feeds(&self, key: Option<&str>) -> Feeds {
        let key = key.map(str::to_owned);
        self.there.feeds().with_registry(RegistryAccess { key, ..RegistryAccess::default() })
    }

    async fn pull(&self, key: Option<&str>, force: bool) -> Result<Imported> {
        self.feeds(key).pull(&self.place().parse().unwrap(), force, &quiet()).await
    }

    /// The vulnerabilities of an old musl, as the machine without a network knows them.
    fn known(&self) -> usize {
        self.there.handle().load().map_or(0, |advisories| advisories.database().advisories() as usize)
    }

    /// Changes the manifest that is on the shelf.
    fn forge(&self, change: impl Fn(&mut Value)) {
        let mut shelf = self.shelf.lock().unwrap();
        let (media_type, bytes) = shelf.manifests["1"].clone();
        let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut manifest);
        shelf.put_manifest("1", &media_type, manifest.to_string().as_bytes());
    }

    /// What lies in the folder of the machine without a network, beside what always does.
    fn left_behind(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.there.advisories()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let usual = ["current", "feeds.json", "lock"];
        names.filter(|name| !usual.contains(&name.as_str()) && !name.ends_with(".db")).collect()
    }
}

#[tokio::test]
async fn a_database_goes_through_a_registry() {
    let road = Road::new().await;
    let pushed = road.push(None).await.unwrap();
    let pulled = road.pull(None, false).await.unwrap();
    assert_eq!((pulled.generation, pulled.advisories, pulled.was_there), (pushed.generation, 3, false));
    assert_eq!(road.known(), 3);
    let status = road.there.feeds().status().unwrap().unwrap();
    assert!(status.checked_at.is_some(), "when the feeds were asked is carried along");
    assert_eq!(road.left_behind(), Vec::<String>::new());

    // What is there already is not fetched again, but that its feeds were asked meanwhile is heard.
    road.here.update().await;
    road.push(None).await.unwrap();
    let before = road.registry.paths().len();
    assert!(road.pull(None, false).await.unwrap().was_there);
    assert_eq!(road.registry.paths().len(), before + 2, "a manifest and a label");
    let later = road.there.feeds().status().unwrap().unwrap();
    assert!(later.checked_at > status.checked_at && later.generation == status.generation);

    // Pushing the same again sends no blob that is there.
    let manifest = road.shelf.lock().unwrap().manifests["1"].1.clone();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.plimsoll.advisories.v1");
    let said = &manifest["annotations"];
    assert_eq!(said["vnd.plimsoll.advisories.count"], "3");
    assert_eq!(said["vnd.plimsoll.advisories.generation"], pushed.generation.to_string());
    let before = road.registry.requests.lock().unwrap().len();
    road.push(None).await.unwrap();
    let requests = road.registry.requests.lock().unwrap();
    let methods: Vec<_> = requests[before..].iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "PUT"]);
}

#[tokio::test]
async fn with_a_key_only_what_is_signed_with_it_is_taken() {
    let road = Road::new().await;
    road.push(None).await.unwrap();
    let error = road.pull(Some(PUBLIC), true).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("not signed"), "{error}");
    road.push(Some(PRIVATE)).await.unwrap();
    let other = PUBLIC.replace("fPWyDzScf0kzgrDnNhgIRzzUluFAJSA", "gPWyDzScf0kzgrDnNhgIRzzUluFAJSA");
    let error = road.pull(Some(&other), true).await.unwrap_err();
    assert!(error.to_string().contains("not of this key"), "{error}");
    let layers = || road.registry.paths().iter().filter(|path| path.contains("/blobs/")).count();
    let before = layers();
    assert!(road.pull(Some(PUBLIC), false).await.unwrap().is_signed);
    assert_eq!(layers(), before + 2);
    assert_eq!(road.known(), 3);
}

#[tokio::test]
async fn an_older_database_is_refused_before_it_is_fetched() {
    let road = Road::new().await;
    road.push(None).await.unwrap();
    road.there.publish(&Feed::sample().advisory(2, "ALPINE-CVE-2024-2", "Alpine:v3.4", "zlib", "2"));
    let newer = road.there.update().await.generation;
    // Both may have been made in the same second.
    let newer = match newer > road.here.feeds().status().unwrap().unwrap().generation {
        true => newer,
        false => {
            road.there.publish(&Feed::sample().advisory(3, "ALPINE-CVE-2024-3", "Alpine:v3.4", "zlib", "3"));
            road.there.update().await.generation
        }
    };
    let before = road.registry.paths().len();
    let error = road.pull(None, false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("--force"), "{error}");
    assert_eq!(road.registry.paths().len(), before + 2);
    assert_eq!(road.known(), 4);
    let forced = road.pull(None, true).await.unwrap();
    assert!(forced.generation > newer, "what was matched before is matched anew");
    assert_eq!(road.known(), 3);
}

#[tokio::test]
async fn what_is_damaged_or_forged_leaves_yesterdays_data_in_use() {
    let road = Road::new().await;
    road.push(None).await.unwrap();
    road.pull(None, false).await.unwrap();
    road.here.publish(&Feed::sample().advisory(2, "ALPINE-CVE-2024-2", "Alpine:v3.4", "zlib", "2"));
    assert!(road.here.update().await.changed);
    road.push(None).await.unwrap();
    let good = road.shelf.lock().unwrap().manifests["1"].clone();
    let manifest: Value = serde_json::from_slice(&good.1).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    let label = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let refused = async |why: &str| {
        let error = road.pull(None, false).await.unwrap_err();
        assert!(error.chain().contains(why), "{} does not say {why:?}", error.chain());
        assert_eq!((road.known(), road.left_behind()), (3, Vec::new()));
        error.kind()
    };

    // A byte that is another one in the registry.
    let bytes = road.shelf.lock().unwrap().blobs[&layer].clone();
    road.shelf.lock().unwrap().blobs.get_mut(&layer).unwrap()[bytes.len() / 2] ^= 1;
    assert_eq!(refused("came with other content").await, ErrorKind::Damaged);
    // One that was another before it was pushed: the digests are right, the label's checksum is not.
    let mut damaged = bytes.clone();
    let at = damaged.len() - 40;
    damaged[at] ^= 1;
    let other = road.shelf.lock().unwrap().put_blob(&damaged);
    road.forge(|manifest| manifest["layers"][0]["digest"] = json!(other));
    assert_eq!(refused("damaged").await, ErrorKind::Damaged);
    // More than the manifest says.
    road.shelf.lock().unwrap().blobs.insert(layer.clone(), bytes.clone());
    road.forge(|manifest| {
        manifest["layers"][0]["digest"] = json!(layer);
        manifest["layers"][0]["size"] = json!(1_000);
    });
    assert_eq!(refused("larger than its manifest says").await, ErrorKind::Damaged);
    // More than any database has.
    road.forge(|manifest| manifest["layers"][0]["size"] = json!(9_u64 << 40));
    assert_eq!(refused("larger than any database").await, ErrorKind::TooLarge);
    // A label of a time that no clock shows: nothing could ever follow it.
    let text = String::from_utf8(road.shelf.lock().unwrap().blobs[&label].clone()).unwrap();
    let generation = format!(
        "\"generation\":{}",
        manifest["annotations"]["vnd.plimsoll.advisories.generation"].as_str().unwrap()
    );
    assert!(text.contains(&generation), "{text}");
    let eternal = text.replace(&generation, &format!("\"generation\":{}", u64::MAX));
    let eternal = road.shelf.lock().unwrap().put_blob(eternal.as_bytes());
    road.forge(|manifest| {
        manifest["config"]["digest"] = json!(eternal);
        manifest["layers"][0]["size"] = json!(bytes.len());
    });
    assert_eq!(refused("no clock shows").await, ErrorKind::Damaged);
    // A new label over the old export: the file says itself how old it is.
    let old = road.there.folder.path().join("old");
    road.there.feeds().export(&old, None).unwrap();
    let old = std::fs::read(old).unwrap();
    let old_digest = road.shelf.lock().unwrap().put_blob(&old);
    road.forge(|manifest| {
        manifest["config"]["digest"] = json!(label);
        manifest["layers"][0]["digest"] = json!(old_digest);
        manifest["layers"][0]["size"] = json!(old.len());
    });
    assert!(road.pull(None, false).await.unwrap().was_there);
    assert_eq!(road.known(), 3);
    // Something else.
    road.forge(|manifest| manifest["config"]["mediaType"] = json!(media::OCI_CONFIG));
    assert_eq!(refused("`plimsoll db push` puts one there").await, ErrorKind::Usage);
    road.shelf.lock().unwrap().manifests.remove("1");
    assert_eq!(refused("has no 1").await, ErrorKind::NotFound);

    road.shelf.lock().unwrap().put_manifest("1", &good.0, &good.1);
    assert!(!road.pull(None, false).await.unwrap().was_there);
    assert_eq!(road.known(), 4);
}

#[tokio::test]
async fn a_feed_may_be_a_database_in_a_registry() {
    let road = Road::new().await;
    road.push(Some(PRIVATE)).await.unwrap();
    let location: FeedLocation = format!("oci://{}", road.place()).parse().unwrap();
    let access = RegistryAccess { key: Some(PUBLIC.to_owned()), ..RegistryAccess::default() };
    let feeds = road.there.feeds_from(location).with_registry(access);
    let first = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    assert!(first.changed && first.generation > 0);
    assert!(!feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap().changed);
    road.here.publish(&Feed::sample().advisory(2, "ALPINE-CVE-2024-2", "Alpine:v3.4", "zlib", "2"));
    road.here.update().await;
    road.push(None).await.unwrap();
    let error = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap_err();
    assert!(error.to_string().contains("not signed"), "{error}");
    assert_eq!(road.known(), 3);
    road.push(Some(PRIVATE)).await.unwrap();
    assert!(feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap().changed);
    assert_eq!(road.known(), 4);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_begun_anew() {
    let road = Road::new().await;
    road.shelf.lock().unwrap().breaks_off = 2;
    road.push(None).await.unwrap();
    assert_eq!(road.pull(None, false).await.unwrap().advisories, 3);
    let road = Road::new().await;
    road.shelf.lock().unwrap().loses_answers = 1;
    road.push(None).await.unwrap();
    assert_eq!(road.pull(None, false).await.unwrap().advisories, 3);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_told_before_anything_is_sent() {
    let road = Road::new().await;
    let error = road.there.feeds().push(&road.place().parse().unwrap(), None).await.unwrap_err();
    assert!(error.to_string().contains("db update"), "{error}");
    let digest = plimsoll_types::Digest::sha256(b"x");
    let place = format!("{}/plimsoll/advisories@{digest}", road.registry.host);
    let error = road.here.feeds().push(&place.parse().unwrap(), None).await.unwrap_err();
    assert!(error.to_string().contains("name a tag"), "{error}");
    assert_eq!(road.registry.paths(), Vec::<String>::new());
}
