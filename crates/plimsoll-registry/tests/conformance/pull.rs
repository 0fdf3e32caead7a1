//! Pulling: manifests and blobs, whole and in parts.

use plimsoll_types::Digest;
use plimsoll_types::manifest::media;

use crate::app::App;

#[tokio::test]
async fn a_blob_is_served_as_it_was_pushed() {
    let app = App::start().await;
    let digest = app.push_blob("team/app", b"some layer").await;
    let path = format!("/v2/team/app/blobs/{digest}");
    let got = app.get(&path).await.is(200);
    assert_eq!(&got.body[..], b"some layer");
    assert_eq!(got.header("content-type"), "application/octet-stream");
    let head = app.head(&path).await.is(200);
    assert!(head.body.is_empty());
    for name in ["content-length", "content-type", "docker-content-digest", "etag", "accept-ranges"] {
        assert!(!got.header(name).is_empty(), "{name}");
        assert_eq!(got.header(name), head.header(name), "{name}");
    }
    assert_eq!((got.digest(), got.header("content-length")), (digest, "10"));
}

#[tokio::test]
async fn a_manifest_is_served_by_tag_and_by_digest_as_it_was_pushed() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    let pushed = app.put_manifest("app", "1.0", &manifest).await.is(201).digest();
    for reference in ["1.0", pushed.as_str()] {
        let path = format!("/v2/app/manifests/{reference}");
        let got = app.get(&path).await.is(200);
        assert_eq!(got.body, manifest.to_string());
        let head = app.head(&path).await.is(200);
        assert!(head.body.is_empty());
        for answer in [&got, &head] {
            assert_eq!(answer.digest(), pushed);
            assert_eq!(answer.header("content-type"), media::OCI_MANIFEST);
            assert_eq!(answer.header("content-length"), manifest.to_string().len().to_string());
            assert_eq!(answer.header("etag"), format!("\"{pushed}\""));
        }
    }
}

#[tokio::test]
async fn a_manifest_is_never_converted_to_what_accept_prefers() {
    let app = App::start().await;
    app.push_image("app", "1").await;
    let answer = app.send("GET /v2/app/manifests/1", &[("accept", media::DOCKER_MANIFEST)], "").await.is(200);
    assert_eq!(answer.header("content-type"), media::OCI_MANIFEST);
}

#[tokio::test]
async fn what_is_not_there_is_unknown() {
    let app = App::start().await;
    app.push_image("app", "1").await;
    let digest = Digest::sha256(b"never pushed");
    for repository in ["app", "nobody/knows"] {
        for (path, code) in [
            (format!("/v2/{repository}/blobs/{digest}"), "BLOB_UNKNOWN"),
            (format!("/v2/{repository}/blobs/blake3:00ff"), "BLOB_UNKNOWN"),
            (format!("/v2/{repository}/manifests/{digest}"), "MANIFEST_UNKNOWN"),
            (format!("/v2/{repository}/manifests/2"), "MANIFEST_UNKNOWN"),
            (format!("/v2/{repository}/manifests/.bad"), "MANIFEST_UNKNOWN"),
        ] {
            app.get(&path).await.fails(404, code);
            app.head(&path).await.is(404);
        }
    }
    app.get("/v2/app/manifests/sha256:baddigeststring").await.fails(400, "DIGEST_INVALID");
    app.get("/v2/app/blobs/sha256:baddigeststring").await.fails(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn content_of_one_repository_is_not_readable_from_another() {
    let app = App::start().await;
    let blob = app.push_blob("secret", b"layer of somebody else").await;
    let image = app.push_image("secret", "1").await;
    app.push_blob("open", b"own layer").await;
    app.get(&format!("/v2/open/blobs/{blob}")).await.fails(404, "BLOB_UNKNOWN");
    app.head(&format!("/v2/open/blobs/{blob}")).await.is(404);
    app.get(&format!("/v2/open/manifests/{image}")).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_part_of_a_blob_can_be_had() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"0123456789").await;
    let path = format!("GET /v2/app/blobs/{digest}");
    for (range, part, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=4-4,20-30", "4", "bytes 4-4/10"),
    ] {
        let answer = app.send(&path, &[("range", range)], "").await.is(206);
        assert_eq!(answer.body, part, "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
        assert_eq!(answer.header("content-length"), part.len().to_string(), "{range}");
        assert_eq!(answer.digest(), digest);
    }
}

#[tokio::test]
async fn a_part_that_does_not_exist_cannot_be_had() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"0123456789").await;
    for range in ["bytes=10-", "bytes=5000-10000", "bytes=5-0", "bytes=-0"] {
        let answer = app.send(&format!("GET /v2/app/blobs/{digest}"), &[("range", range)], "").await;
        assert_eq!(answer.fails(416, "RANGE_INVALID").header("content-range"), "bytes */10", "{range}");
    }
}

#[tokio::test]
async fn a_range_that_is_not_understood_or_for_head_or_other_content_gives_the_whole() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"0123456789").await;
    let path = format!("/v2/app/blobs/{digest}");
    for headers in [
        vec![("range", "pages=1-2")],
        vec![("range", "bytes=one-two")],
        vec![("range", "bytes=0-9,0-9")],
        vec![("range", "bytes=2-4"), ("if-range", "\"sha256:other\"")],
    ] {
        assert_eq!(
            app.send(&format!("GET {path}"), &headers, "").await.is(200).body,
            "0123456789",
            "{headers:?}"
        );
    }
    let head = app.send(&format!("HEAD {path}"), &[("range", "bytes=2-4")], "").await.is(200);
    assert_eq!(head.header("content-length"), "10");
    let tag = format!("\"{digest}\"");
    let same = app.send(&format!("GET {path}"), &[("range", "bytes=2-4"), ("if-range", &tag)], "").await;
    assert_eq!(same.is(206).body, "234");
}

#[tokio::test]
async fn several_parts_come_as_one_multipart_answer() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"0123456789").await;
    let answer =
        app.send(&format!("GET /v2/app/blobs/{digest}"), &[("range", "bytes=0-1,-2,4-4")], "").await.is(206);
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let body = std::str::from_utf8(&answer.body).unwrap();
    let parts: Vec<_> = body.split(&format!("\r\n--{boundary}")).collect();
    let part = |range: &str, content: &str| {
        format!(
            "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/10\r\n\r\n{content}"
        )
    };
    assert_eq!(parts, ["", &part("0-1", "01"), &part("8-9", "89"), &part("4-4", "4"), "--\r\n"]);
}

#[tokio::test]
async fn a_client_that_has_it_already_gets_no_body() {
    let app = App::start().await;
    let blob = app.push_blob("app", b"layer").await;
    let image = app.push_image("app", "1").await;
    for (path, digest) in
        [(format!("/v2/app/blobs/{blob}"), &blob), ("/v2/app/manifests/1".to_owned(), &image)]
    {
        for tags in [
            format!("\"{digest}\""),
            format!("W/\"{digest}\""),
            format!("\"x\", \"{digest}\""),
            "*".to_owned(),
        ] {
            for method in ["GET", "HEAD"] {
                let answer =
                    app.send(&format!("{method} {path}"), &[("if-none-match", &tags)], "").await.is(304);
                assert!(answer.body.is_empty());
                assert_eq!(answer.header("etag"), format!("\"{digest}\""));
            }
        }
        app.send(&format!("GET {path}"), &[("if-none-match", "\"sha256:other\"")], "").await.is(200);
    }
    let missing = format!("GET /v2/app/blobs/{}", Digest::sha256(b"never pushed"));
    app.send(&missing, &[("if-none-match", "*")], "").await.is(404);
}
