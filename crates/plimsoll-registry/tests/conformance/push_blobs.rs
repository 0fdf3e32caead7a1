//! Pushing blobs: at once, as a stream, chunk by chunk, by mounting.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use plimsoll_types::{Algorithm, Digest};

use crate::app::{Answer, App};

const CONTENT: &[u8] = b"0123456789abcdefghij";

/// The blob is there, with these bytes.
async fn holds(app: &App, repository: &str, digest: &Digest, content: &[u8]) {
    assert_eq!(app.get(&format!("/v2/{repository}/blobs/{digest}")).await.is(200).body, content);
}

/// The blob is not there.
async fn lacks(app: &App, repository: &str, digest: &Digest) {
    app.head(&format!("/v2/{repository}/blobs/{digest}")).await.is(404);
}

/// The answer to a push that gave the blob `digest`.
#[track_caller]
fn stored(answer: Answer, repository: &str, digest: &Digest) {
    let answer = answer.is(201);
    assert_eq!(answer.header("location"), format!("/v2/{repository}/blobs/{digest}"));
    assert_eq!(answer.digest(), *digest);
}

/// The answer to a part of a push that has `range` bytes so far; gives where to go on.
#[track_caller]
fn goes_on(answer: Answer, range: &str) -> String {
    let answer = answer.is(202);
    assert_eq!(answer.header("range"), range);
    assert!(answer.header("location").ends_with(answer.header("docker-upload-uuid")));
    answer.header("location").to_owned()
}

#[tokio::test]
async fn a_whole_blob_is_pushed_with_one_post() {
    let app = App::start().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for content in [CONTENT, b"", b"{}"] {
            let digest = Digest::of(algorithm, content);
            let line = format!("POST /v2/app/blobs/uploads/?digest={digest}");
            stored(app.send(&line, &[], content).await, "app", &digest);
            holds(&app, "app", &digest, content).await;
        }
    }
}

#[tokio::test]
async fn a_whole_blob_is_pushed_with_post_and_put() {
    let app = App::start().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for content in [CONTENT, b"", b"{}"] {
            let digest = Digest::of(algorithm, content);
            let session = app.open_session("app").await;
            let line = format!("PUT {session}?digest={digest}");
            stored(
                app.send(&line, &[("content-type", "application/octet-stream")], content).await,
                "app",
                &digest,
            );
            holds(&app, "app", &digest, content).await;
            app.get(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_pushed_with_patch_and_put() {
    let app = App::start().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, CONTENT);
        let line = format!("POST /v2/app/blobs/uploads/?digest-algorithm={}", algorithm.as_str());
        let session = goes_on(app.send(&line, &[], "").await, "0-0");
        let frames = CONTENT.chunks(3).map(|frame| Ok::<_, std::io::Error>(Bytes::from_static(frame)));
        let answer =
            app.stream(&format!("PATCH {session}"), &[], Body::from_stream(stream::iter(frames))).await;
        let session = goes_on(answer, "0-19");
        stored(app.send(&format!("PUT {session}?digest={digest}"), &[], "").await, "app", &digest);
        holds(&app, "app", &digest, CONTENT).await;
    }
}

#[tokio::test]
async fn a_stream_may_be_continued_by_a_stream() {
    let app = App::start().await;
    let digest = Digest::sha256(CONTENT);
    let session = app.open_session("app").await;
    let session = goes_on(app.send(&format!("PATCH {session}"), &[], &CONTENT[..7]).await, "0-6");
    let session = goes_on(app.send(&format!("PATCH {session}"), &[], &CONTENT[7..]).await, "0-19");
    stored(app.send(&format!("PUT {session}?digest={digest}"), &[], "").await, "app", &digest);
    holds(&app, "app", &digest, CONTENT).await;
}

#[tokio::test]
async fn chunks_are_pushed_in_order_and_the_last_may_come_with_the_put() {
    let app = App::start().await;
    for (algorithm, last_with_put) in [
        (Algorithm::Sha256, false),
        (Algorithm::Sha256, true),
        (Algorithm::Sha512, false),
        (Algorithm::Sha512, true),
    ] {
        let digest = Digest::of(algorithm, CONTENT);
        let session = app.open_session("app").await;
        let first = app.send(&format!("PATCH {session}"), &[("content-range", "0-9")], &CONTENT[..10]).await;
        let session = goes_on(first, "0-9");
        let answer = if last_with_put {
            let line = format!("PUT {session}?digest={digest}");
            app.send(&line, &[("content-range", "10-19")], &CONTENT[10..]).await
        } else {
            let last =
                app.send(&format!("PATCH {session}"), &[("content-range", "10-19")], &CONTENT[10..]).await;
            let session = goes_on(last, "0-19");
            app.send(&format!("PUT {session}?digest={digest}"), &[], "").await
        };
        stored(answer, "app", &digest);
        holds(&app, "app", &digest, CONTENT).await;
    }
}

#[tokio::test]
async fn a_chunk_out_of_order_is_refused_and_the_session_goes_on() {
    let app = App::start().await;
    let digest = Digest::sha256(CONTENT);
    let session = app.open_session("app").await;
    app.send(&format!("PATCH {session}"), &[("content-range", "10-19")], &CONTENT[10..])
        .await
        .fails(416, "RANGE_INVALID");
    assert_eq!(app.get(&session).await.is(204).header("range"), "0-0");
    app.send(&format!("PATCH {session}"), &[("content-range", "0-9")], &CONTENT[..10]).await.is(202);
    for (range, content) in [("0-9", &CONTENT[..10]), ("5-14", &CONTENT[5..15]), ("12-19", &CONTENT[12..])] {
        for line in [format!("PATCH {session}"), format!("PUT {session}?digest={digest}")] {
            let answer =
                app.send(&line, &[("content-range", range)], content).await.fails(416, "RANGE_INVALID");
            assert_eq!(
                (answer.header("location"), answer.header("range")),
                (session.as_str(), "0-9"),
                "{line} {range}"
            );
            let state = app.get(&session).await.is(204);
            assert_eq!((state.header("location"), state.header("range")), (session.as_str(), "0-9"));
        }
    }
    let line = format!("PUT {session}?digest={digest}");
    stored(app.send(&line, &[("content-range", "10-19")], &CONTENT[10..]).await, "app", &digest);
    holds(&app, "app", &digest, CONTENT).await;
}

#[tokio::test]
async fn a_content_range_that_is_none_is_refused_and_the_session_goes_on() {
    let app = App::start().await;
    let session = app.open_session("app").await;
    for (range, code) in [
        ("bytes=0-9", "BLOB_UPLOAD_INVALID"),
        ("9-0", "BLOB_UPLOAD_INVALID"),
        ("0-", "BLOB_UPLOAD_INVALID"),
        ("x", "BLOB_UPLOAD_INVALID"),
        ("0-18446744073709551615", "BLOB_UPLOAD_INVALID"),
        ("0-8", "SIZE_INVALID"),
        ("0-10", "SIZE_INVALID"),
    ] {
        app.send(&format!("PATCH {session}"), &[("content-range", range)], &CONTENT[..10])
            .await
            .fails(400, code);
    }
    // Without an announced length the body itself must fit.
    for range in ["0-8", "0-10"] {
        let body =
            Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&CONTENT[..10]))]));
        app.stream(&format!("PATCH {session}"), &[("content-range", range)], body)
            .await
            .fails(400, "SIZE_INVALID");
    }
    assert_eq!(app.get(&session).await.is(204).header("range"), "0-0");
    app.send(&format!("PATCH {session}"), &[("content-range", "0-9")], &CONTENT[..10]).await.is(202);
}

#[tokio::test]
async fn content_that_is_not_what_the_digest_says_is_not_kept() {
    let app = App::start().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, b"other content");
        let post_only = format!("POST /v2/app/blobs/uploads/?digest={digest}");
        app.send(&post_only, &[], CONTENT).await.fails(400, "DIGEST_INVALID");

        let session = app.open_session("app").await;
        app.send(&format!("PUT {session}?digest={digest}"), &[], CONTENT).await.fails(400, "DIGEST_INVALID");

        let session = app.open_session("app").await;
        app.send(&format!("PATCH {session}"), &[], CONTENT).await.is(202);
        app.send(&format!("PUT {session}?digest={digest}"), &[], "").await.fails(400, "DIGEST_INVALID");

        let session = app.open_session("app").await;
        app.send(&format!("PATCH {session}"), &[("content-range", "0-9")], &CONTENT[..10]).await.is(202);
        let last = format!("PUT {session}?digest={digest}");
        app.send(&last, &[("content-range", "10-19")], &CONTENT[10..]).await.fails(400, "DIGEST_INVALID");

        lacks(&app, "app", &digest).await;
        lacks(&app, "app", &Digest::of(algorithm, CONTENT)).await;
    }
}

#[tokio::test]
async fn a_digest_or_algorithm_that_cannot_be_computed_is_refused() {
    let app = App::start().await;
    let session = app.open_session("app").await;
    for bad in
        ["sha256:baddigeststring", "blake3:00ff", "md5:d41d8cd98f00b204e9800998ecf8427e", "", "nodigest"]
    {
        app.send(&format!("POST /v2/app/blobs/uploads/?digest={bad}"), &[], CONTENT)
            .await
            .fails(400, "DIGEST_INVALID");
        app.send(&format!("PUT {session}?digest={bad}"), &[], CONTENT).await.fails(400, "DIGEST_INVALID");
    }
    app.send(&format!("PUT {session}"), &[], CONTENT).await.fails(400, "DIGEST_INVALID");
    app.send("POST /v2/app/blobs/uploads/?digest-algorithm=md5", &[], "").await.fails(400, "DIGEST_INVALID");
    app.get(&session).await.is(204);
}

#[tokio::test]
async fn a_body_that_is_shorter_or_longer_than_announced_is_not_kept() {
    let app = App::start().await;
    let digest = Digest::sha256(CONTENT);
    for length in ["19", "21"] {
        let post = format!("POST /v2/app/blobs/uploads/?digest={digest}");
        app.send(&post, &[("content-length", length)], CONTENT).await.fails(400, "SIZE_INVALID");
        let session = app.open_session("app").await;
        for line in [format!("PATCH {session}"), format!("PUT {session}?digest={digest}")] {
            app.send(&line, &[("content-length", length)], CONTENT).await.fails(400, "SIZE_INVALID");
            assert_eq!(app.get(&session).await.is(204).header("range"), "0-0", "{line}");
        }
        lacks(&app, "app", &digest).await;
        stored(app.send(&format!("PUT {session}?digest={digest}"), &[], CONTENT).await, "app", &digest);
        app.delete(&format!("/v2/app/blobs/{digest}")).await.is(202);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_session_where_it_was() {
    let app = App::start().await;
    let digest = Digest::sha256(CONTENT);
    let session = app.open_session("app").await;
    app.send(&format!("PATCH {session}"), &[], &CONTENT[..5]).await.is(202);
    for line in [format!("PATCH {session}"), format!("PUT {session}?digest={digest}")] {
        let broken =
            stream::iter([Ok(Bytes::from_static(&CONTENT[5..9])), Err(std::io::Error::other("gone"))]);
        app.stream(&line, &[], Body::from_stream(broken)).await.fails(400, "SIZE_INVALID");
        assert_eq!(app.get(&session).await.is(204).header("range"), "0-4", "{line}");
    }
    stored(app.send(&format!("PUT {session}?digest={digest}"), &[], &CONTENT[5..]).await, "app", &digest);
    holds(&app, "app", &digest, CONTENT).await;
}

#[tokio::test]
async fn a_session_is_cancelled_with_delete() {
    let app = App::start().await;
    let session = app.open_session("app").await;
    app.send(&format!("PATCH {session}"), &[], CONTENT).await.is(202);
    app.delete(&session).await.is(204);
    app.delete(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    app.get(&session).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_session_belongs_to_its_repository_and_must_exist() {
    let app = App::start().await;
    let session = app.open_session("app").await;
    let elsewhere = session.replace("/app/", "/other/");
    let invented = "/v2/app/blobs/uploads/00000000000000000000000000000000";
    let no_name = "/v2/app/blobs/uploads/passwd";
    let digest = Digest::sha256(CONTENT);
    for path in [elsewhere.as_str(), invented, no_name] {
        app.get(path).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
        app.send(&format!("PATCH {path}"), &[], CONTENT).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
        app.send(&format!("PATCH {path}"), &[("content-range", "0-19")], CONTENT)
            .await
            .fails(404, "BLOB_UPLOAD_UNKNOWN");
        app.send(&format!("PUT {path}?digest={digest}"), &[], CONTENT)
            .await
            .fails(404, "BLOB_UPLOAD_UNKNOWN");
        app.delete(path).await.fails(404, "BLOB_UPLOAD_UNKNOWN");
    }
    app.get(&session).await.is(204);
}

#[tokio::test]
async fn a_blob_is_mounted_from_a_repository_that_holds_it() {
    let app = App::start().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, CONTENT);
        app.send(&format!("POST /v2/base/blobs/uploads/?digest={digest}"), &[], CONTENT).await.is(201);
        // crane also tells from which host it copies.
        let line = format!("POST /v2/app/blobs/uploads/?mount={digest}&from=base&origin=registry.example");
        stored(app.send(&line, &[], "").await, "app", &digest);
        holds(&app, "app", &digest, CONTENT).await;
    }
}

#[tokio::test]
async fn a_mount_that_cannot_be_becomes_a_session() {
    let app = App::start().await;
    let held = app.push_blob("base", CONTENT).await;
    let missing = Digest::sha256(b"never pushed");
    for query in [
        format!("mount={missing}&from=base"),
        format!("mount={held}&from=nobody/knows"),
        format!("mount={held}&from=NO"),
        format!("mount={held}"),
        "mount=nodigest&from=base".to_owned(),
    ] {
        let answer = app.send(&format!("POST /v2/app/blobs/uploads/?{query}"), &[], "").await;
        let session = goes_on(answer, "0-0");
        lacks(&app, "app", &held).await;
        stored(app.send(&format!("PUT {session}?digest={held}"), &[], CONTENT).await, "app", &held);
        app.delete(&format!("/v2/app/blobs/{held}")).await.is(202);
    }
    let sha512 = Digest::of(Algorithm::Sha512, CONTENT);
    let session =
        goes_on(app.send(&format!("POST /v2/app/blobs/uploads/?mount={sha512}"), &[], "").await, "0-0");
    stored(app.send(&format!("PUT {session}?digest={sha512}"), &[], CONTENT).await, "app", &sha512);
}

#[tokio::test]
async fn pushing_a_blob_again_is_harmless() {
    let app = App::start().await;
    for _ in 0..2 {
        let digest = app.push_blob("app", CONTENT).await;
        let session = app.open_session("app").await;
        stored(app.send(&format!("PUT {session}?digest={digest}"), &[], CONTENT).await, "app", &digest);
        holds(&app, "app", &digest, CONTENT).await;
    }
}
