//! Uploads and blobs.

use std::sync::Arc;

use futures_util::StreamExt;
use plimsoll_store::{ByteStream, Deleted, ErrorKind, JobKind};
use plimsoll_types::{Algorithm, Digest, Timestamp};

use crate::place::{NOW, Place, body, broken_body, descriptor, image_manifest, layer, name, read};

/// Bytes that are nowhere the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

async fn content(place: &Place, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
    let blob = place.store.blob(&name(repository), digest).await.unwrap()?;
    Some(read(place.store.read_blob(&blob, None).await.unwrap()).await)
}

pub(crate) async fn an_upload_grows_by_appends_and_becomes_a_blob(place: Place) {
    let (store, app) = (&place.store, name("team/app"));
    let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    assert_eq!(upload.id.to_string().parse(), Ok(upload.id.clone()));
    let grown = store.append(&app, &upload.id, Some(0), body(b"hello, "), NOW).await.unwrap();
    assert_eq!(grown.offset, 7);
    assert_eq!(store.append(&app, &upload.id, None, body(b"wor"), NOW).await.unwrap().offset, 10);
    assert_eq!(store.upload(&app, &upload.id).await.unwrap().unwrap().offset, 10);
    assert_eq!(store.upload(&name("other"), &upload.id).await.unwrap(), None);
    let digest = Digest::sha256(b"hello, world");
    let done = store.finish_upload(&app, &upload.id, Some(10), body(b"ld"), &digest, NOW).await.unwrap();
    assert_eq!((done.blob.size, &done.blob.digest), (12, &digest));
    assert_eq!(content(&place, "team/app", &digest).await.unwrap(), b"hello, world");
    assert_eq!(store.upload(&app, &upload.id).await.unwrap(), None);
    let file = store.open_blob_file(&done.blob).await.unwrap();
    assert_eq!(file.is_some(), place.is_embedded());
    place.is_sound().await;
}

pub(crate) async fn an_upload_goes_on_after_a_restart(place: Place) {
    let app = name("app");
    let bytes = noise(9_000_000);
    let upload = place.store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    place.store.append(&app, &upload.id, None, body(&bytes[..8_500_000]), NOW).await.unwrap();
    // A request that was under way when the process was killed left bytes behind the acknowledged ones.
    let broken = place.store.append(&app, &upload.id, None, broken_body(&noise(77)), NOW).await;
    assert_eq!(broken.unwrap_err().kind(), ErrorKind::Interrupted);

    let store = place.restarted().await;
    assert_eq!(store.upload(&app, &upload.id).await.unwrap().unwrap().offset, 8_500_000);
    store.append(&app, &upload.id, Some(8_500_000), body(&bytes[8_500_000..8_500_100]), NOW).await.unwrap();
    let store = place.restarted().await;
    let digest = Digest::sha256(&bytes);
    store.finish_upload(&app, &upload.id, None, body(&bytes[8_500_100..]), &digest, NOW).await.unwrap();
    assert_eq!(content(&place, "app", &digest).await.unwrap(), bytes);
    place.is_sound().await;
}

pub(crate) async fn a_stream_that_breaks_off_leaves_the_session_where_it_was(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    store.append(&app, &upload.id, None, body(b"kept"), NOW).await.unwrap();
    for lost in [&b"lost"[..], &noise(20_000_000)] {
        let broken = store.append(&app, &upload.id, None, broken_body(lost), NOW).await;
        assert_eq!(broken.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(store.upload(&app, &upload.id).await.unwrap().unwrap().offset, 4);
    }
    let digest = Digest::sha256(b"kept and more");
    store.finish_upload(&app, &upload.id, Some(4), body(b" and more"), &digest, NOW).await.unwrap();
    assert_eq!(content(&place, "app", &digest).await.unwrap(), b"kept and more");
    let broken = store.put_blob(&app, &Digest::sha256(b"x"), broken_body(b"x"), NOW).await;
    assert_eq!(broken.unwrap_err().kind(), ErrorKind::Interrupted);
    place.is_sound().await;
}

pub(crate) async fn nobody_appends_at_the_wrong_place(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    store.append(&app, &upload.id, Some(0), body(b"12345"), NOW).await.unwrap();
    for wrong in [0, 4, 6] {
        let refused = store.append(&app, &upload.id, Some(wrong), body(b"x"), NOW).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::WrongOffset);
    }
    let digest = Digest::sha256(b"12345");
    let refused = store.finish_upload(&app, &upload.id, Some(3), body(b""), &digest, NOW).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WrongOffset);
    let elsewhere = store.append(&name("other"), &upload.id, None, body(b"x"), NOW).await;
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::NotFound);
    store.finish_upload(&app, &upload.id, Some(5), body(b""), &digest, NOW).await.unwrap();
}

pub(crate) async fn two_requests_cannot_append_at_once(place: Place) {
    let app = name("app");
    let upload = place.store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    // The first request has begun, and its client thinks about the rest.
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel::<()>();
    let slow = futures_util::stream::once(async move {
        began.send(()).unwrap();
        receive.await.unwrap();
        Ok("first".into())
    });
    let (store, id, to) = (place.store.clone(), upload.id.clone(), app.clone());
    let slow: ByteStream = Box::pin(slow);
    let first = tokio::spawn(async move { store.append(&to, &id, None, slow, NOW).await });
    begun.await.unwrap();
    let second = place.store.append(&app, &upload.id, None, body(b"second"), NOW).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::WrongOffset);
    assert_eq!(place.store.expire_uploads(NOW.plus_millis(1)).await.unwrap(), 0, "it is in use");
    if !place.is_embedded() {
        let other_node = place.restarted().await;
        let second = other_node.append(&app, &upload.id, None, body(b"second"), NOW).await;
        assert_eq!(second.unwrap_err().kind(), ErrorKind::WrongOffset);
    }
    send.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap().offset, 5);
    let digest = Digest::sha256(b"first, then");
    // A hold may end a moment after its request.
    let mut tries = 0;
    loop {
        match place.store.finish_upload(&app, &upload.id, Some(5), body(b", then"), &digest, NOW).await {
            Err(error) if error.kind() == ErrorKind::WrongOffset && tries < 100 => tries += 1,
            finished => break finished.map(|_| ()).unwrap(),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(content(&place, "app", &digest).await.unwrap(), b"first, then");
}

pub(crate) async fn a_wrong_digest_ends_the_session_and_keeps_nothing(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let promised = Digest::sha256(b"promised");
    for size in [5, 9_000_000] {
        let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
        store.append(&app, &upload.id, None, body(&noise(size)), NOW).await.unwrap();
        let error =
            store.finish_upload(&app, &upload.id, None, body(b"x"), &promised, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DigestMismatch, "{error}");
        assert_eq!(store.upload(&app, &upload.id).await.unwrap(), None);
        let error = store.put_blob(&app, &promised, body(&noise(size)), NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DigestMismatch);
    }
    assert_eq!(store.blob_anywhere(&promised).await.unwrap(), None);
    if let Some(path) = place.settings.blobs.strip_prefix("file:") {
        assert_eq!(std::fs::read_dir(format!("{path}/uploads")).unwrap().count(), 0);
    }
    place.is_sound().await;
}

pub(crate) async fn an_upload_hashed_with_one_algorithm_may_be_named_by_another(place: Place) {
    let (store, app) = (&place.store, name("app"));
    for (hashed, size) in
        [(Algorithm::Sha256, 1000), (Algorithm::Sha512, 1001), (Algorithm::Sha256, 9_000_000)]
    {
        let bytes = noise(size);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        let upload = store.start_upload(&app, hashed, NOW).await.unwrap();
        let (a, b) = bytes.split_at(900);
        store.append(&app, &upload.id, None, body(a), NOW).await.unwrap();
        store.finish_upload(&app, &upload.id, None, body(b), &digest, NOW).await.unwrap();
        assert_eq!(content(&place, "app", &digest).await.unwrap(), bytes);
        let upload = store.start_upload(&app, hashed, NOW).await.unwrap();
        let other = Digest::of(Algorithm::Sha512, b"other");
        let error = store.finish_upload(&app, &upload.id, None, body(a), &other, NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DigestMismatch);
    }
    place.is_sound().await;
}

pub(crate) async fn a_large_upload_in_odd_chunks_is_the_same_blob(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let bytes = noise(30_000_000);
    let digest = Digest::sha256(&bytes);
    let upload = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    let mut rest = &bytes[..];
    for size in [1, 5_000_000, 8_388_607, 8_388_608, 100] {
        let (chunk, behind) = rest.split_at(size);
        let pieces: Vec<_> = chunk.chunks(65_537).map(|piece| Ok(piece.to_vec().into())).collect();
        let stream = Box::pin(futures_util::stream::iter(pieces));
        store.append(&app, &upload.id, None, stream, NOW).await.unwrap();
        rest = behind;
    }
    store.finish_upload(&app, &upload.id, None, body(rest), &digest, NOW).await.unwrap();
    assert!(content(&place, "app", &digest).await.unwrap() == bytes);
    place.is_sound().await;
}

pub(crate) async fn an_empty_blob_is_a_blob(place: Place) {
    let digest = place.put("app", b"").await;
    assert_eq!(content(&place, "app", &digest).await.unwrap(), b"");
    let upload = place.store.start_upload(&name("b"), Algorithm::Sha256, NOW).await.unwrap();
    place.store.finish_upload(&name("b"), &upload.id, Some(0), body(b""), &digest, NOW).await.unwrap();
    assert_eq!(content(&place, "b", &digest).await.unwrap(), b"");
    place.is_sound().await;
}

pub(crate) async fn a_blob_is_read_by_range(place: Place) {
    let bytes = noise(3_000_000);
    let digest = place.put("app", &bytes).await;
    let blob = place.store.blob(&name("app"), &digest).await.unwrap().unwrap();
    for range in
        [0..1, 10..20, 2_999_999..3_000_000, 500_000..2_000_001, 0..9_999_999, 5..5, 4_000_000..5_000_000]
    {
        let found = read(place.store.read_blob(&blob, Some(range.clone())).await.unwrap()).await;
        let (start, end) = (range.start.min(3_000_000) as usize, range.end.min(3_000_000) as usize);
        assert!(found == bytes[start..end], "{range:?}");
    }
}

pub(crate) async fn a_blob_belongs_to_the_repositories_that_hold_it(place: Place) {
    let (store, a, b) = (&place.store, name("a"), name("b"));
    let digest = place.put("a", b"secret of a").await;
    assert_eq!(store.blob(&b, &digest).await.unwrap(), None);
    assert!(store.blob_anywhere(&digest).await.unwrap().is_some());
    assert!(!store.mount_blob(&name("c"), &b, &digest, NOW).await.unwrap());
    assert!(!store.repository_exists(&b).await.unwrap());
    assert!(store.mount_blob(&a, &b, &digest, NOW).await.unwrap());
    assert!(store.mount_blob(&a, &b, &digest, NOW).await.unwrap());
    assert_eq!(store.delete_blob(&a, &digest, NOW).await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_blob(&a, &digest, NOW).await.unwrap(), Deleted::Unknown);
    assert_eq!(store.blob(&a, &digest).await.unwrap(), None);
    assert_eq!(content(&place, "b", &digest).await.unwrap(), b"secret of a");
}

pub(crate) async fn a_blob_that_a_manifest_needs_is_not_deleted(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let digest = Digest::sha256(&layer(1));
    assert_eq!(store.delete_blob(&app, &digest, NOW).await.unwrap(), Deleted::InUse);
    assert_eq!(store.delete_manifest(&app, &image, NOW).await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_blob(&app, &digest, NOW).await.unwrap(), Deleted::Yes);
    let manifest = image_manifest(br#"{"os":"linux","architecture":"amd64","history":"v1"}"#, &[&layer(1)]);
    assert!(manifest.contains(&descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer(1))));
    place.is_sound().await;
}

pub(crate) async fn only_layers_are_queued_for_reading(place: Place) {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], b"frame"].concat();
    let mut queued = Vec::new();
    for bytes in [layer(1), zstd, tar] {
        queued.push(JobKind::ReadLayer(place.put("app", &bytes).await));
    }
    for other in [&b"{\"os\":\"linux\"}"[..], b"", &[0; 300], b"\x1f"] {
        place.put("app", other).await;
    }
    // The same blob again, by a session whose first append is shorter than what tells it a layer.
    let upload = place.store.start_upload(&name("b"), Algorithm::Sha256, NOW).await.unwrap();
    place.store.append(&name("b"), &upload.id, None, body(&layer(9)[..1]), NOW).await.unwrap();
    let digest = Digest::sha256(&layer(9));
    place
        .store
        .finish_upload(&name("b"), &upload.id, None, body(&layer(9)[1..]), &digest, NOW)
        .await
        .unwrap();
    queued.push(JobKind::ReadLayer(digest));
    place.put("c", &layer(9)).await;
    let mut jobs = Vec::new();
    while let Some(job) = place.store.claim_job(NOW, 1000).await.unwrap() {
        jobs.push(job.kind);
    }
    assert_eq!(jobs, queued);
}

pub(crate) async fn uploads_expire_and_are_cancelled(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let later = |hours: i64| NOW.plus_millis(hours * 3_600_000);
    let old = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    store.append(&app, &old.id, None, body(&noise(9_000_000)), NOW).await.unwrap();
    let busy = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    store.append(&app, &busy.id, None, body(b"bytes"), later(2)).await.unwrap();
    assert_eq!(store.expire_uploads(NOW).await.unwrap(), 0);
    assert_eq!(store.expire_uploads(later(1)).await.unwrap(), 1);
    assert_eq!(store.upload(&app, &old.id).await.unwrap(), None);
    assert!(store.upload(&app, &busy.id).await.unwrap().is_some());
    assert!(!store.cancel_upload(&name("other"), &busy.id).await.unwrap());
    assert!(store.cancel_upload(&app, &busy.id).await.unwrap());
    assert!(!store.cancel_upload(&app, &busy.id).await.unwrap());
    let endless = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
    store.append(&app, &endless.id, None, body(b"byte"), later(26)).await.unwrap();
    assert_eq!(store.expire_uploads(later(25)).await.unwrap(), 1, "a day is enough");
    if let Some(path) = place.settings.blobs.strip_prefix("file:") {
        let uploads = format!("{path}/uploads");
        assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
        // What a killed process left is removed at the next start.
        std::fs::write(format!("{uploads}/{}", "0".repeat(32)), b"stray").unwrap();
        place.restarted().await;
        assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    }
}

pub(crate) async fn no_more_than_1024_uploads_are_open(place: Place) {
    let (store, app) = (&place.store, name("app"));
    let starts = futures_util::stream::iter(0..1024)
        .map(|_| store.start_upload(&app, Algorithm::Sha256, NOW))
        .buffer_unordered(8);
    assert_eq!(starts.filter(|started| std::future::ready(started.is_ok())).count().await, 1024);
    let refused = store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert_eq!(store.expire_uploads(Timestamp(NOW.0 + 1)).await.unwrap(), 1024);
    store.start_upload(&app, Algorithm::Sha256, NOW).await.unwrap();
}

pub(crate) async fn two_clients_upload_the_same_blob(place: Place) {
    let bytes = Arc::new([layer(1), noise(1_000_000)].concat());
    let digest = Digest::sha256(&bytes);
    let clients = (0..6).map(|client| {
        let (store, bytes, digest) = (place.store.clone(), bytes.clone(), digest.clone());
        tokio::spawn(async move {
            let app = name(&format!("app{}", client % 2));
            store.put_blob(&app, &digest, body(&bytes), NOW).await.unwrap().blob
        })
    });
    let blobs: Vec<_> =
        futures_util::future::join_all(clients).await.into_iter().map(Result::unwrap).collect();
    assert!(blobs.iter().all(|blob| blob == &blobs[0]));
    assert!(content(&place, "app1", &digest).await.unwrap() == *bytes);
    place.is_sound().await;
}
