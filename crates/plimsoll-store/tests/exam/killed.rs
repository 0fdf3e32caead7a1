//! A process that pushes is killed at any moment. What it was told is durable is there, and nothing dangles.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_store::{Settings, Store, Stored};
use plimsoll_types::manifest::media;
use plimsoll_types::{Algorithm, Digest, Reference};

use crate::place::{NOW, body, image_manifest, layer, name, put_manifest, read};

/// Tells the child where to push.
const FOLDER: &str = "PLIMSOLL_TEST_FOLDER";
const ROUNDS: u64 = 12;

fn settings(folder: &str) -> Settings {
    Settings {
        database: format!("sqlite:{folder}/plimsoll.db"),
        blobs: format!("file:{folder}/blobs"),
        blob_options: vec![],
        node: "one".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut acknowledged: Vec<Digest> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::push_until_killed", "--ignored", "--nocapture"])
            .env(FOLDER, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The clock runs from the first push on, and ends somewhere in one of the next.
        let first = lines.by_ref().map_while(Result::ok).find_map(|line| line.parse().ok());
        acknowledged.extend(first);
        tokio::time::sleep(Duration::from_micros(round * 7919)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| line.parse::<Digest>().ok()));
        let store = Store::open(&settings(path)).await.unwrap();
        assert_eq!(store.fsck().await.unwrap().problems, Vec::<String>::new(), "round {round}");
        for digest in &acknowledged {
            check(&store, digest).await;
        }
        store.close().await;
    }
    assert!(acknowledged.len() as u64 >= ROUNDS);
}

async fn check(store: &Store, digest: &Digest) {
    let manifest = store.manifest(&name("app"), &Reference::Digest(digest.clone())).await.unwrap().unwrap();
    let manifest = plimsoll_types::Manifest::parse(&manifest.media_type, &manifest.body).unwrap();
    for blob in manifest.config.iter().chain(&manifest.layers) {
        let found = store.blob(&name("app"), &blob.digest).await.unwrap().unwrap();
        let bytes = read(store.read_blob(&found, None).await.unwrap()).await;
        assert_eq!(Digest::sha256(&bytes), blob.digest);
    }
}

/// The child: pushes images and says the digest of each that was acknowledged, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs only as the child of what_was_acknowledged_outlives_a_kill"]
async fn push_until_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let store = Store::open(&settings(&folder)).await.unwrap();
    let app = name("app");
    let start = u64::from(std::process::id()) << 20;
    for number in start.. {
        let layer = [layer(number as usize), vec![7; 200_000]].concat();
        let digest = Digest::sha256(&layer);
        let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
        store.append(&app, &upload.id, Some(0), body(&layer[..150_000]), NOW).await.unwrap();
        store.finish_upload(&app, &upload.id, None, body(&layer[150_000..]), &digest, NOW).await.unwrap();
        let config = format!(r#"{{"os":"linux","number":{number}}}"#);
        let digest = Digest::sha256(config.as_bytes());
        store.put_blob(&app, &digest, body(config.as_bytes()), NOW).await.unwrap();
        let manifest = image_manifest(config.as_bytes(), &[&layer]);
        let stored = put_manifest(&store, "app", &["latest"], media::OCI_MANIFEST, &manifest, NOW).await;
        assert_eq!(stored, Stored::Yes);
        println!("\n{}", Digest::sha256(manifest.as_bytes()));
    }
}
