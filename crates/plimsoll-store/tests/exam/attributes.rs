//! What may be done with repositories, tags and manifests, and how they are described.

use plimsoll_store::{
    AttributeChange, Attributes, Deleted, ErrorKind, ManifestChange, Order, QuarantineState, Store,
};
use plimsoll_types::manifest::media;
use plimsoll_types::{Algorithm, Digest, Reference, Timestamp};

use crate::place::{NOW, Place, body, image_manifest, layer, name, put_manifest};

const NO_DELETE: AttributeChange =
    AttributeChange { delete: Some(false), write: None, read: None, list: None };
const NO_WRITE: AttributeChange =
    AttributeChange { write: Some(false), delete: None, read: None, list: None };
const NO_READ: AttributeChange = AttributeChange { read: Some(false), delete: None, write: None, list: None };
const NO_LIST: AttributeChange = AttributeChange { list: Some(false), delete: None, write: None, read: None };
const UNLOCKED: AttributeChange =
    AttributeChange { delete: Some(true), write: Some(true), read: Some(true), list: Some(true) };

fn minute(number: i64) -> Timestamp {
    NOW.plus_millis(60_000 * number)
}

fn on_manifest(attributes: AttributeChange) -> ManifestChange {
    ManifestChange { attributes, ..ManifestChange::default() }
}

/// Pushes an image that is this one and no other.
async fn push_at(store: &Store, to: &str, tag: &str, number: usize, at: Timestamp) -> Digest {
    let content = layer(number);
    for bytes in [&b"{}"[..], &content] {
        store.put_blob(&name(to), &Digest::sha256(bytes), body(bytes), at).await.unwrap();
    }
    let text = image_manifest(b"{}", &[&content]);
    put_manifest(store, to, &[tag], media::OCI_MANIFEST, &text, at).await;
    Digest::sha256(text.as_bytes())
}

#[track_caller]
fn is_locked<T: std::fmt::Debug>(result: plimsoll_store::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Locked);
}

pub(crate) async fn lists_of_tags_and_manifests_are_ordered_and_paged(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let old = push_at(store, "app", "c", 1, minute(1)).await;
    let new = push_at(store, "app", "a", 2, minute(2)).await;
    let newest = push_at(store, "app", "b", 3, minute(3)).await;
    push_at(store, "app", "b2", 3, minute(3)).await;
    let tags = async |order, last, n| {
        let found = store.tag_list(&app, None, order, last, n).await.unwrap().unwrap();
        found.iter().map(|tag| tag.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(tags(Order::Name, None, 10).await, ["a", "b", "b2", "c"]);
    assert_eq!(tags(Order::Name, Some("b"), 1).await, ["b2"]);
    assert_eq!(tags(Order::OldestFirst, None, 10).await, ["c", "a", "b", "b2"]);
    assert_eq!(tags(Order::OldestFirst, Some("b"), 10).await, ["b2"]);
    assert_eq!(tags(Order::NewestFirst, None, 2).await, ["b2", "b"]);
    assert_eq!(tags(Order::NewestFirst, Some("b"), 10).await, ["a", "c"]);
    assert_eq!(tags(Order::NewestFirst, Some("gone"), 10).await, Vec::<String>::new());
    let on = store.tag_list(&app, Some(&newest), Order::NewestFirst, None, 10).await.unwrap().unwrap();
    assert_eq!(on.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["b2", "b"]);
    assert_eq!((on[1].created_at, on[1].changed_at), (minute(3), minute(3)));
    assert_eq!(store.tag_list(&name("none"), None, Order::Name, None, 10).await.unwrap(), None);
    let manifests = async |order, last: Option<&Digest>, n| {
        let (found, more) =
            store.manifest_list(&app, order, last.map(Digest::as_str), n).await.unwrap().unwrap();
        (found.into_iter().map(|manifest| manifest.digest).collect::<Vec<_>>(), more)
    };
    let all = [&old, &new, &newest];
    let by_time: Vec<_> = all.iter().map(|digest| (*digest).clone()).collect();
    assert_eq!(manifests(Order::OldestFirst, None, 10).await, (by_time.clone(), false));
    assert_eq!(manifests(Order::NewestFirst, None, 1).await, (vec![newest.clone()], true));
    assert_eq!(
        manifests(Order::NewestFirst, Some(&newest), 2).await,
        (vec![new.clone(), old.clone()], false)
    );
    let mut by_digest = by_time;
    by_digest.sort();
    assert_eq!(manifests(Order::Name, None, 10).await.0, by_digest);
    assert_eq!(manifests(Order::Name, Some(&by_digest[0]), 10).await.0, by_digest[1..]);
    assert_eq!(store.manifest_list(&name("none"), Order::Name, None, 10).await.unwrap(), None);
    let details = store.manifest_details(&app, &newest).await.unwrap().unwrap();
    assert_eq!(details.tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["b", "b2"]);
    assert_eq!(details.attributes, Attributes::ALL);
    // A tag that moves keeps the instant at which it was made.
    push_at(store, "app", "c", 2, minute(9)).await;
    let moved = store.tag_details(&app, &"c".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((moved.created_at, moved.changed_at, moved.digest), (minute(1), minute(9), new));
}

pub(crate) async fn a_repository_is_described(place: Place) {
    let (store, app) = (&place.store, name("app"));
    push_at(store, "app", "v1", 1, minute(1)).await;
    push_at(store, "app", "v2", 2, minute(2)).await;
    let found = store.repository_details(&app).await.unwrap().unwrap();
    assert_eq!((found.created_at, found.changed_at), (minute(1), minute(2)));
    assert_eq!((found.manifests, found.tags, found.attributes), (2, 2, Attributes::ALL));
    assert!(store.change_repository(&app, &NO_DELETE, minute(5)).await.unwrap());
    let found = store.repository_details(&app).await.unwrap().unwrap();
    assert_eq!(
        (found.changed_at, found.attributes),
        (minute(5), Attributes { delete: false, ..Attributes::ALL })
    );
    assert_eq!(store.repository_details(&name("none")).await.unwrap(), None);
    assert!(!store.change_repository(&name("none"), &NO_DELETE, NOW).await.unwrap());
    assert!(!store.change_tag(&app, &"none".parse().unwrap(), &NO_DELETE, NOW).await.unwrap());
    let unknown = Digest::sha256(b"unknown");
    assert!(!store.change_manifest(&app, &unknown, &on_manifest(NO_DELETE), NOW).await.unwrap());
}

pub(crate) async fn what_may_not_be_written_is_not_written(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let v1 = "v1".parse().unwrap();
    let first = push_at(store, "app", "v1", 1, NOW).await;
    assert!(store.change_tag(&app, &v1, &NO_WRITE, NOW).await.unwrap());
    // The same content under the same tag moves nothing.
    push_at(store, "app", "v1", 1, NOW).await;
    place.put("app", &layer(2)).await;
    let other = image_manifest(b"{}", &[&layer(2)]);
    let manifest = plimsoll_types::Manifest::parse(media::OCI_MANIFEST, other.as_bytes()).unwrap();
    let digest = Digest::sha256(other.as_bytes());
    let put = |tags| plimsoll_store::ManifestPut {
        repository: &app,
        tags,
        digest: &digest,
        body: bytes::Bytes::copy_from_slice(other.as_bytes()),
        manifest: &manifest,
        now: NOW,
    };
    is_locked(store.put_manifest(put(std::slice::from_ref(&v1))).await);
    assert_eq!(store.manifest_head(&app, &Reference::Digest(digest.clone())).await.unwrap(), None);
    assert_eq!(store.tag_details(&app, &v1).await.unwrap().unwrap().digest, first);
    is_locked(store.delete_tag(&app, &v1, NOW).await);
    store.change_tag(&app, &v1, &UNLOCKED, NOW).await.unwrap();
    // A repository that may not be written takes neither manifests nor blobs, by whatever way they come.
    store.change_repository(&app, &NO_WRITE, NOW).await.unwrap();
    is_locked(store.put_manifest(put(&[])).await);
    let blob = Digest::sha256(b"new");
    is_locked(store.put_blob(&app, &blob, body(b"new"), NOW).await);
    is_locked(store.start_upload(&app, Algorithm::Sha256, NOW).await);
    place.put("other", b"new").await;
    is_locked(store.mount_blob(&name("other"), &app, &blob, NOW).await);
    is_locked(store.delete_tag(&app, &v1, NOW).await);
    is_locked(store.delete_manifest(&app, &first, NOW).await);
    store.change_repository(&app, &UNLOCKED, NOW).await.unwrap();
    assert_eq!(store.put_manifest(put(&[])).await.unwrap(), plimsoll_store::Stored::Yes);
    place.is_sound().await;
}

pub(crate) async fn what_may_not_be_deleted_is_not_deleted_by_any_way(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let v1 = "v1".parse().unwrap();
    let digest = push_at(store, "app", "v1", 1, NOW).await;
    let manifest = on_manifest(NO_DELETE);
    store.change_manifest(&app, &digest, &manifest, NOW).await.unwrap();
    is_locked(store.delete_manifest(&app, &digest, NOW).await);
    is_locked(store.delete_repository(&app, NOW).await);
    store.change_manifest(&app, &digest, &on_manifest(UNLOCKED), NOW).await.unwrap();
    store.change_tag(&app, &v1, &NO_DELETE, NOW).await.unwrap();
    is_locked(store.delete_manifest(&app, &digest, NOW).await);
    is_locked(store.delete_tag(&app, &v1, NOW).await);
    is_locked(store.delete_repository(&app, NOW).await);
    assert_eq!(
        store.tag_details(&app, &v1).await.unwrap().unwrap().digest,
        digest,
        "nothing was undone by half"
    );
    // But the tag may move.
    push_at(store, "app", "v1", 2, NOW).await;
    store.change_tag(&app, &v1, &UNLOCKED, NOW).await.unwrap();
    store.change_repository(&app, &NO_DELETE, NOW).await.unwrap();
    is_locked(store.delete_repository(&app, NOW).await);
    is_locked(store.delete_manifest(&app, &digest, NOW).await);
    is_locked(store.delete_tag(&app, &v1, NOW).await);
    is_locked(store.delete_blob(&app, &Digest::sha256(&layer(1)), NOW).await);
    store.change_repository(&app, &UNLOCKED, NOW).await.unwrap();
    assert_eq!(store.delete_manifest(&app, &digest, NOW).await.unwrap(), Deleted::Yes);
    place.is_sound().await;
}

pub(crate) async fn what_may_not_be_read_is_not_read(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let digest = push_at(store, "app", "v1", 1, NOW).await;
    let (by_tag, by_digest): (Reference, _) = ("v1".parse().unwrap(), Reference::Digest(digest.clone()));
    store.change_tag(&app, &"v1".parse().unwrap(), &NO_READ, NOW).await.unwrap();
    is_locked(store.manifest(&app, &by_tag).await);
    is_locked(store.manifest_head(&app, &by_tag).await);
    assert!(store.manifest(&app, &by_digest).await.unwrap().is_some());
    store.change_tag(&app, &"v1".parse().unwrap(), &UNLOCKED, NOW).await.unwrap();
    store.change_manifest(&app, &digest, &on_manifest(NO_READ), NOW).await.unwrap();
    is_locked(store.manifest(&app, &by_tag).await);
    is_locked(store.manifest(&app, &by_digest).await);
    store.change_manifest(&app, &digest, &on_manifest(UNLOCKED), NOW).await.unwrap();
    store.change_repository(&app, &NO_READ, NOW).await.unwrap();
    is_locked(store.manifest_head(&app, &by_digest).await);
    is_locked(store.blob(&app, &Digest::sha256(&layer(1))).await);
    store.change_repository(&app, &UNLOCKED, NOW).await.unwrap();
    assert!(store.blob(&app, &Digest::sha256(&layer(1))).await.unwrap().is_some());
    assert!(store.manifest(&app, &by_tag).await.unwrap().is_some());
}

pub(crate) async fn what_may_not_be_listed_is_in_no_list(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let shown = push_at(store, "app", "shown", 1, NOW).await;
    let hidden = push_at(store, "app", "hidden", 2, NOW).await;
    push_at(store, "secret", "v1", 1, NOW).await;
    store.change_tag(&app, &"hidden".parse().unwrap(), &NO_LIST, NOW).await.unwrap();
    store.change_manifest(&app, &hidden, &on_manifest(NO_LIST), NOW).await.unwrap();
    store.change_repository(&name("secret"), &NO_LIST, NOW).await.unwrap();
    assert_eq!(store.repositories(None, 10).await.unwrap(), [name("app")]);
    let tags = store.tags(&app, None, 10).await.unwrap().unwrap();
    assert_eq!(tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["shown"]);
    assert_eq!(store.tag_list(&app, None, Order::Name, None, 10).await.unwrap().unwrap().len(), 1);
    let (manifests, _) = store.manifest_list(&app, Order::Name, None, 10).await.unwrap().unwrap();
    assert_eq!(manifests.iter().map(|manifest| &manifest.digest).collect::<Vec<_>>(), [&shown]);
    // Who knows the name sees it.
    assert!(store.tag_details(&app, &"hidden".parse().unwrap()).await.unwrap().is_some());
    assert_eq!(store.manifest_details(&app, &hidden).await.unwrap().unwrap().tags, []);
    assert!(store.manifest(&app, &"hidden".parse().unwrap()).await.unwrap().is_some());
    assert!(store.repository_details(&name("secret")).await.unwrap().is_some());
}

pub(crate) async fn a_deleted_repository_begins_anew(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let first = push_at(store, "app", "v1", 1, NOW).await;
    let second = push_at(store, "app", "v2", 2, NOW).await;
    push_at(store, "other", "v1", 1, NOW).await;
    store.change_repository(&app, &NO_LIST, NOW).await.unwrap();
    let deleted = store.delete_repository(&app, minute(1)).await.unwrap().unwrap();
    let mut digests = vec![first.clone(), second];
    digests.sort();
    assert_eq!(deleted.manifests, digests);
    assert_eq!(deleted.tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(), ["v1", "v2"]);
    assert_eq!(store.delete_repository(&app, NOW).await.unwrap(), None);
    assert!(!store.repository_exists(&app).await.unwrap());
    assert_eq!(store.blob(&app, &Digest::sha256(&layer(1))).await.unwrap(), None);
    assert!(store.manifest(&name("other"), &"v1".parse().unwrap()).await.unwrap().is_some());
    push_at(store, "app", "v1", 1, minute(2)).await;
    let anew = store.repository_details(&app).await.unwrap().unwrap();
    assert_eq!((anew.created_at, anew.manifests, anew.attributes), (minute(2), 1, Attributes::ALL));
    place.is_sound().await;
}

pub(crate) async fn pushes_while_the_repository_is_deleted(place: Place) {
    let pushes = (0..4_usize).map(|client| {
        let store = place.store.clone();
        tokio::spawn(async move {
            for round in 0..8 {
                let content = layer(client * 100 + round);
                for bytes in [&b"{}"[..], &content] {
                    store.put_blob(&name("app"), &Digest::sha256(bytes), body(bytes), NOW).await.unwrap();
                }
                let text = image_manifest(b"{}", &[&content]);
                // Its blobs may be gone again; what matters is that it is whole or not there.
                put_manifest(&store, "app", &["latest"], media::OCI_MANIFEST, &text, NOW).await;
            }
        })
    });
    let pushes: Vec<_> = pushes.collect();
    for _ in 0..8 {
        place.store.delete_repository(&name("app"), NOW).await.unwrap();
        tokio::task::yield_now().await;
    }
    for push in pushes {
        push.await.unwrap();
    }
    place.is_sound().await;
}

pub(crate) async fn the_word_on_an_image_in_quarantine_is_kept(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let digest = push_at(store, "app", "v1", 1, NOW).await;
    let stored = store.manifest(&app, &"v1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.quarantine, None);
    let said = |state, details: &str| ManifestChange {
        quarantine: Some(state),
        quarantine_details: Some(details.to_owned()),
        ..ManifestChange::default()
    };
    store.change_manifest(&app, &digest, &said(QuarantineState::Failed, "{\"why\":1}"), NOW).await.unwrap();
    let stored = store.manifest_head(&app, &"v1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.quarantine, Some(QuarantineState::Failed));
    store.change_manifest(&app, &digest, &said(QuarantineState::Passed, "{}"), NOW).await.unwrap();
    // A change of other things leaves it, and so does another push.
    store.change_manifest(&app, &digest, &on_manifest(NO_DELETE), NOW).await.unwrap();
    push_at(store, "app", "v1", 1, minute(1)).await;
    let details = store.manifest_details(&app, &digest).await.unwrap().unwrap();
    assert_eq!(
        (details.quarantine, details.quarantine_details.as_deref()),
        (Some(QuarantineState::Passed), Some("{}"))
    );
}
