//! Manifests, tags, referrers, repositories.

use futures_util::future::join_all;
use plimsoll_store::{Deleted, ImageState, JobKind, Stored};
use plimsoll_types::manifest::media;
use plimsoll_types::{Digest, Reference};

use crate::place::{NOW, Place, descriptor, image_manifest, layer, name, put_manifest};

fn index(children: &[&str]) -> String {
    let children: Vec<_> = children.iter().map(|m| descriptor(media::OCI_MANIFEST, m.as_bytes())).collect();
    format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, children.join(","))
}

async fn tags(place: &Place, repository: &str) -> Vec<String> {
    let tags = place.store.tags(&name(repository), None, 100).await.unwrap().unwrap_or_default();
    tags.iter().map(ToString::to_string).collect()
}

pub(crate) async fn a_manifest_is_served_as_it_was_pushed(place: Place) {
    let (store, app) = (&place.store, name("team/app"));
    let digest = place.push("team/app", "v1", &[&layer(1), &layer(2), &layer(1)]).await;
    let by_tag: Reference = "v1".parse().unwrap();
    let by_digest: Reference = digest.to_string().parse().unwrap();
    for reference in [&by_tag, &by_digest] {
        let found = store.manifest(&app, reference).await.unwrap().unwrap();
        assert_eq!(found.digest, digest);
        assert_eq!(Digest::sha256(&found.body), digest);
        assert_eq!(found.media_type, media::OCI_MANIFEST);
        let head = store.manifest_head(&app, reference).await.unwrap().unwrap();
        assert_eq!((head.digest, head.media_type), (digest.clone(), found.media_type));
        assert_eq!(head.size, found.body.len() as u64);
        assert_eq!(store.manifest(&name("other"), reference).await.unwrap(), None);
        assert_eq!(store.manifest_head(&name("other"), reference).await.unwrap(), None);
    }
    assert_eq!(store.image(&digest).await.unwrap().unwrap().state, ImageState::Queued);
    place.is_sound().await;
}

pub(crate) async fn a_manifest_needs_its_blobs_in_the_same_repository(place: Place) {
    let config = place.put("app", b"{}").await;
    place.put("other", &layer(1)).await;
    let manifest = image_manifest(b"{}", &[&layer(1), &layer(2)]);
    let stored = place.put_manifest("app", &["v1"], media::OCI_MANIFEST, &manifest).await;
    let mut missing = vec![Digest::sha256(&layer(1)), Digest::sha256(&layer(2))];
    missing.sort();
    assert_eq!(stored, Stored::Missing(missing));
    assert_eq!(tags(&place, "app").await, Vec::<String>::new());
    assert_eq!(place.store.image(&Digest::sha256(manifest.as_bytes())).await.unwrap(), None);
    let stored = place.put_manifest("empty", &[], media::OCI_MANIFEST, &image_manifest(b"{}", &[])).await;
    assert_eq!(stored, Stored::Missing(vec![config]));
    assert!(!place.store.repository_exists(&name("empty")).await.unwrap(), "nothing was pushed to it");
}

pub(crate) async fn a_manifest_that_lies_about_sizes_is_refused(place: Place) {
    let config = place.put("app", b"{}").await;
    let blob = place.put("app", &layer(1)).await;
    let truth = layer(1).len() as u64;
    let manifest = image_manifest(b"{}", &[&layer(1)]);
    let lying = manifest.replace(&format!(r#""size":{truth}"#), r#""size":99"#);
    let stored = place.put_manifest("app", &["v1"], media::OCI_MANIFEST, &lying).await;
    assert_eq!(stored, Stored::WrongSize(vec![(blob, 99, truth)]));
    assert_eq!(tags(&place, "app").await, Vec::<String>::new());
    let lying = manifest.replace(r#""size":2}"#, r#""size":3}"#);
    let stored = place.put_manifest("app", &["v1"], media::OCI_MANIFEST, &lying).await;
    assert_eq!(stored, Stored::WrongSize(vec![(config, 3, 2)]));
    // An index is held to the sizes of its manifests in the same way.
    assert_eq!(place.put_manifest("app", &[], media::OCI_MANIFEST, &manifest).await, Stored::Yes);
    let size = manifest.len() as u64;
    let lying = index(&[&manifest]).replace(&format!(r#""size":{size}"#), r#""size":1"#);
    let stored = place.put_manifest("app", &["v1"], media::OCI_INDEX, &lying).await;
    assert_eq!(stored, Stored::WrongSize(vec![(Digest::sha256(manifest.as_bytes()), 1, size)]));
    place.is_sound().await;
}

pub(crate) async fn an_index_needs_its_manifests(place: Place) {
    place.put("app", b"{}").await;
    let child = image_manifest(b"{}", &[]);
    let list = index(&[&child]);
    let missing = place.put_manifest("app", &["v1"], media::OCI_INDEX, &list).await;
    assert_eq!(missing, Stored::Missing(vec![Digest::sha256(child.as_bytes())]));
    assert_eq!(place.put_manifest("app", &[], media::OCI_MANIFEST, &child).await, Stored::Yes);
    assert_eq!(place.put_manifest("app", &["v1"], media::OCI_INDEX, &list).await, Stored::Yes);
    assert_eq!(
        place.store.image(&Digest::sha256(list.as_bytes())).await.unwrap(),
        None,
        "an index is no image"
    );
    place.is_sound().await;
}

pub(crate) async fn a_foreign_layer_may_be_absent(place: Place) {
    place.put("app", b"{}").await;
    let manifest = image_manifest(b"{}", &[&layer(1)]).replace(
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    );
    // That another repository holds the layer, and in which size, is not told.
    place.put("other", &layer(1)).await;
    let manifest = manifest.replace(&format!(r#""size":{}}}]"#, layer(1).len()), r#""size":99}]"#);
    assert!(manifest.contains("99"));
    assert_eq!(place.put_manifest("app", &["v1"], media::OCI_MANIFEST, &manifest).await, Stored::Yes);
    let manifest = manifest.replace(r#""size":99}]"#, &format!(r#""size":{}}}]"#, layer(1).len()));
    // One that is there all the same is needed from then on.
    place.put("b", b"{}").await;
    let there = place.put("b", &layer(2)).await;
    let manifest = manifest.replace(Digest::sha256(&layer(1)).as_str(), there.as_str());
    assert_eq!(place.put_manifest("b", &["v1"], media::OCI_MANIFEST, &manifest).await, Stored::Yes);
    assert_eq!(place.store.delete_blob(&name("b"), &there, NOW).await.unwrap(), Deleted::InUse);
    place.is_sound().await;
}

pub(crate) async fn tags_move_and_are_listed_in_order(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let first = place.push("app", "latest", &[&layer(1)]).await;
    let second = place.push("app", "Z", &[&layer(2)]).await;
    let manifest = store.manifest(&app, &Reference::Digest(second.clone())).await.unwrap().unwrap();
    let text = String::from_utf8(manifest.body.to_vec()).unwrap();
    place.put_manifest("app", &["latest", "a", "_b", "1.0"], media::OCI_MANIFEST, &text).await;
    let head = store.manifest_head(&app, &"latest".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(head.digest, second);
    assert!(store.manifest(&app, &Reference::Digest(first)).await.unwrap().is_some(), "it lost its tag only");
    assert_eq!(tags(&place, "app").await, ["1.0", "Z", "_b", "a", "latest"]);
    let page = store.tags(&app, Some("Z"), 2).await.unwrap().unwrap();
    assert_eq!(page.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["_b", "a"]);
    assert_eq!(store.tags(&app, None, 0).await.unwrap(), Some(vec![]));
    assert_eq!(store.tags(&name("none"), None, 9).await.unwrap(), None);
    for other in ["b/c", "a-b", "a/b", "a0"] {
        place.put(other, b"{}").await;
    }
    let names =
        |list: Vec<plimsoll_types::RepositoryName>| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(store.repositories(None, 100).await.unwrap()), ["a-b", "a/b", "a0", "app", "b/c"]);
    assert_eq!(names(store.repositories(Some("a/b"), 2).await.unwrap()), ["a0", "app"]);
}

pub(crate) async fn a_tag_or_a_manifest_is_deleted(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let digest = place.push("app", "v1", &[&layer(1)]).await;
    let text =
        String::from_utf8(store.manifest(&app, &"v1".parse().unwrap()).await.unwrap().unwrap().body.to_vec());
    let text = text.unwrap();
    place.put_manifest("app", &["v2", "v3"], media::OCI_MANIFEST, &text).await;
    let delete = |tag: &'static str| async move {
        store.delete_tag(&name("app"), &tag.parse().unwrap(), NOW).await.unwrap()
    };
    assert_eq!(delete("v1").await, Deleted::Yes);
    assert_eq!(delete("v1").await, Deleted::Unknown);
    assert_eq!(tags(&place, "app").await, ["v2", "v3"]);
    assert_eq!(store.delete_manifest(&app, &digest, NOW).await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_manifest(&app, &digest, NOW).await.unwrap(), Deleted::Unknown);
    assert_eq!(tags(&place, "app").await, Vec::<String>::new());
    assert_eq!(store.manifest(&app, &Reference::Digest(digest.clone())).await.unwrap(), None);
    assert_eq!(store.delete_manifest(&name("none"), &digest, NOW).await.unwrap(), Deleted::Unknown);
    assert_eq!(place.put_manifest("app", &["v1"], media::OCI_MANIFEST, &text).await, Stored::Yes);
    place.is_sound().await;
}

pub(crate) async fn a_manifest_that_an_index_names_is_not_deleted(place: Place) {
    let (store, app) = (&place.store, name("app"));
    place.put("app", b"{}").await;
    let child = image_manifest(b"{}", &[]);
    place.put_manifest("app", &[], media::OCI_MANIFEST, &child).await;
    let list = index(&[&child]);
    place.put_manifest("app", &["v1"], media::OCI_INDEX, &list).await;
    let (child, list) = (Digest::sha256(child.as_bytes()), Digest::sha256(list.as_bytes()));
    assert_eq!(store.delete_manifest(&app, &child, NOW).await.unwrap(), Deleted::InUse);
    assert_eq!(store.delete_manifest(&app, &list, NOW).await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_manifest(&app, &child, NOW).await.unwrap(), Deleted::Yes);
}

pub(crate) async fn referrers_are_listed_and_filtered(place: Place) {
    let (store, app) = (&place.store, name("app"));
    place.put("app", b"{}").await;
    let subject = Digest::sha256(b"a manifest that may come later");
    let mut expected = Vec::new();
    for (number, kind) in ["sbom", "signature", "sbom"].into_iter().enumerate() {
        let text = format!(
            r#"{{"schemaVersion":2,"artifactType":"test/{kind}","config":{},"layers":[],"annotations":{{"n":"{number}"}},"subject":{{"mediaType":"{}","digest":"{subject}","size":3}}}}"#,
            descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            media::OCI_MANIFEST
        );
        assert_eq!(place.put_manifest("app", &[], media::OCI_MANIFEST, &text).await, Stored::Yes);
        expected.push((Digest::sha256(text.as_bytes()), kind, number.to_string(), text.len() as u64));
    }
    expected.sort();
    let all = store.referrers(&app, &subject, None, None, 100).await.unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|r| {
            let kind = r.artifact_type.as_deref().unwrap().trim_start_matches("test/");
            (r.digest.clone(), kind, r.annotations["n"].clone(), r.size)
        })
        .collect();
    assert_eq!(seen, expected);
    let sboms = store.referrers(&app, &subject, Some("test/sbom"), None, 100).await.unwrap();
    assert_eq!(sboms.len(), 2);
    let rest = store.referrers(&app, &subject, None, Some(&all[0].digest), 1).await.unwrap();
    assert_eq!(rest, all[1..2]);
    assert_eq!(store.referrers(&name("other"), &subject, None, None, 9).await.unwrap(), []);
    assert_eq!(store.claim_job(NOW, 1).await.unwrap(), None, "artifacts are not scanned");
}

pub(crate) async fn pushing_again_queues_nothing_new(place: Place) {
    let digest = place.push("app", "v1", &[b"no layer that is read"]).await;
    let job = place.store.claim_job(NOW, 1000).await.unwrap().unwrap();
    assert_eq!(job.kind, JobKind::ScanImage(digest.clone()));
    place.judge(&digest, &[]).await;
    place.store.complete_job(&job).await.unwrap();
    place.push("app", "v1", &[b"no layer that is read"]).await;
    place.push("copy", "v1", &[b"no layer that is read"]).await;
    assert_eq!(place.store.claim_job(NOW, 1000).await.unwrap(), None);
    assert_eq!(place.store.image(&digest).await.unwrap().unwrap().state, ImageState::Done);
    place.is_sound().await;
}

pub(crate) async fn sixteen_pushes_of_shared_content_at_once(place: Place) {
    let pushes = (0..16_usize).map(|client| {
        let store = place.store.clone();
        tokio::spawn(async move {
            let to = format!("app{}", client % 4);
            for round in 0..3 {
                let layers: Vec<_> = (0..6).map(|i| layer((i + client + round) % 8)).collect();
                for bytes in layers.iter().map(Vec::as_slice).chain([&b"{}"[..]]) {
                    let body = crate::place::body(bytes);
                    store.put_blob(&name(&to), &Digest::sha256(bytes), body, NOW).await.unwrap();
                }
                let mut layers: Vec<_> = layers.iter().map(Vec::as_slice).collect();
                layers.sort();
                let manifest = image_manifest(b"{}", &layers);
                let tags = ["latest", "stable", &format!("v{round}")];
                let stored = put_manifest(&store, &to, &tags, media::OCI_MANIFEST, &manifest, NOW).await;
                assert_eq!(stored, Stored::Yes);
                let list = index(&[&manifest]);
                let stored = put_manifest(&store, &to, &["list"], media::OCI_INDEX, &list, NOW).await;
                assert_eq!(stored, Stored::Yes);
            }
        })
    });
    for push in join_all(pushes).await {
        push.unwrap();
    }
    assert_eq!(place.store.repositories(None, 9).await.unwrap().len(), 4);
    assert_eq!(tags(&place, "app3").await, ["latest", "list", "stable", "v0", "v1", "v2"]);
    let mut jobs = 0;
    while place.store.claim_job(NOW, 60_000).await.unwrap().is_some() {
        jobs += 1;
    }
    assert_eq!(jobs, 8 + 8, "each layer and each image once");
    place.is_sound().await;
}

pub(crate) async fn deleting_and_pushing_at_once_leaves_nothing_dangling(place: Place) {
    let bytes = layer(1);
    let manifest = image_manifest(b"{}", &[&bytes]);
    for _ in 0..20 {
        place.put("app", b"{}").await;
        place.put("app", &bytes).await;
        let (a, b) = (place.store.clone(), place.store.clone());
        let (text, blob) = (manifest.clone(), Digest::sha256(&bytes));
        let push =
            tokio::spawn(
                async move { put_manifest(&a, "app", &["v1"], media::OCI_MANIFEST, &text, NOW).await },
            );
        let delete = tokio::spawn(async move { b.delete_blob(&name("app"), &blob, NOW).await.unwrap() });
        let (stored, deleted) = (push.await.unwrap(), delete.await.unwrap());
        match stored {
            Stored::Yes => assert_eq!(deleted, Deleted::InUse),
            Stored::Missing(_) => assert_eq!(deleted, Deleted::Yes),
            Stored::WrongSize(lies) => panic!("{lies:?} are no lies"),
        }
        place.is_sound().await;
        place.store.delete_manifest(&name("app"), &Digest::sha256(manifest.as_bytes()), NOW).await.unwrap();
    }
}
