//! Pushing manifests: by tag, by digest, with many tags, and what is not taken.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use plimsoll_types::manifest::{MAX_MANIFEST_BYTES, media};
use plimsoll_types::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::app::{App, descriptor, digest_of, index};

#[tokio::test]
async fn a_pushed_manifest_is_where_its_location_says() {
    let app = App::start().await;
    let manifest = app.image("team/app", "layer").await;
    let digest = digest_of(&manifest);
    for reference in ["1.0", digest.as_str()] {
        let answer = app.put_manifest("team/app", reference, &manifest).await.is(201);
        assert_eq!(answer.digest(), digest);
        assert_eq!(answer.header("location"), format!("/v2/team/app/manifests/{digest}"));
        assert_eq!(answer.header("oci-tag"), "");
        assert_eq!(app.get(answer.header("location")).await.is(200).body, manifest.to_string());
    }
}

#[tokio::test]
async fn a_manifest_can_be_pushed_by_a_sha512_digest() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    let digest = Digest::of(Algorithm::Sha512, manifest.to_string().as_bytes());
    let answer = app.put_manifest("app", &format!("{digest}?tag=1"), &manifest).await.is(201);
    assert_eq!(answer.digest(), digest);
    assert_eq!(app.get("/v2/app/manifests/1").await.is(200).digest(), digest);
    assert_eq!(app.get(&format!("/v2/app/manifests/{digest}")).await.is(200).body, manifest.to_string());
}

#[tokio::test]
async fn pushing_by_tag_moves_the_tag_and_keeps_the_old_manifest() {
    let app = App::start().await;
    let old = app.image("app", "old").await;
    let new = app.image("app", "new").await;
    for manifest in [&old, &new, &new] {
        app.put_manifest("app", "latest", manifest).await.is(201);
    }
    assert_eq!(app.get("/v2/app/manifests/latest").await.digest(), digest_of(&new));
    app.get(&format!("/v2/app/manifests/{}", digest_of(&old))).await.is(200);
}

#[tokio::test]
async fn one_push_by_digest_sets_many_tags() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    let digest = digest_of(&manifest);
    let tags: Vec<String> = (0..46).map(|i| format!("v{i}")).collect();
    let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
    let answer = app.put_manifest("app", &format!("{digest}?{query}"), &manifest).await.is(201);
    let set: Vec<_> = answer.headers.get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect();
    assert_eq!(set, tags);
    for tag in &tags {
        assert_eq!(app.head(&format!("/v2/app/manifests/{tag}")).await.is(200).digest(), digest);
    }
    let one_more = format!("{digest}?{query}&tag=v46");
    app.put_manifest("app", &one_more, &manifest).await.fails(414, "TAG_INVALID");
    app.put_manifest("app", &format!("{digest}?tag=good&tag=.bad"), &manifest)
        .await
        .fails(400, "TAG_INVALID");
    app.get("/v2/app/manifests/good").await.is(404);
}

#[tokio::test]
async fn a_manifest_that_is_not_what_the_digest_says_is_not_kept() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let other = Digest::of(algorithm, b"other");
        app.put_manifest("app", other.as_str(), &manifest).await.fails(400, "DIGEST_INVALID");
        app.get(&format!("/v2/app/manifests/{other}")).await.is(404);
    }
    for bad in ["sha256:baddigeststring", "blake3:00ff", "sha256:"] {
        app.put_manifest("app", bad, &manifest).await.fails(400, "DIGEST_INVALID");
    }
    app.put_manifest("app", ".bad", &manifest).await.fails(400, "TAG_INVALID");
    app.get(&format!("/v2/app/manifests/{}", digest_of(&manifest))).await.is(404);
}

#[tokio::test]
async fn parameters_of_the_content_type_are_ignored() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    let typed = format!("{}; charset=utf-8", media::OCI_MANIFEST);
    app.send("PUT /v2/app/manifests/1", &[("content-type", &typed)], manifest.to_string()).await.is(201);
    assert_eq!(app.get("/v2/app/manifests/1").await.is(200).header("content-type"), media::OCI_MANIFEST);
    // What the document says of itself is enough.
    app.send("PUT /v2/app/manifests/2", &[], manifest.to_string()).await.is(201);
}

#[tokio::test]
async fn the_docker_dialect_is_taken_as_well() {
    let app = App::start().await;
    let mut image = app.image("app", "layer").await;
    image["mediaType"] = media::DOCKER_MANIFEST.into();
    image["config"]["mediaType"] = media::DOCKER_CONFIG.into();
    app.put_manifest("app", "image", &image).await.is(201);
    let mut list = index(&[descriptor(&image)]);
    list["mediaType"] = media::DOCKER_LIST.into();
    app.put_manifest("app", "list", &list).await.is(201);
    assert_eq!(app.get("/v2/app/manifests/list").await.is(200).header("content-type"), media::DOCKER_LIST);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let with = |key: &str, value: Value| {
        let mut manifest = image.clone();
        manifest[key] = value;
        manifest.to_string()
    };
    for (content_type, body) in [
        (media::OCI_MANIFEST, "no json".to_owned()),
        (media::OCI_MANIFEST, String::new()),
        (media::OCI_INDEX, "[".repeat(100_000)),
        (media::OCI_MANIFEST, with("manifests", json!([]))),
        (media::OCI_INDEX, image.to_string()),
        (media::OCI_MANIFEST, with("mediaType", media::DOCKER_MANIFEST.into())),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", with("schemaVersion", 1.into())),
        ("application/vnd.docker.distribution.manifest.v1+json", with("schemaVersion", 1.into())),
        ("text/plain", image.to_string()),
        (media::OCI_MANIFEST, with("layers", json!([{ "digest": "sha256:../../etc/passwd", "size": 1 }]))),
        (media::OCI_MANIFEST, with("layers", json!([{ "digest": Digest::sha256(b""), "size": -1 }]))),
    ] {
        let answer = app.send("PUT /v2/app/manifests/1", &[("content-type", content_type)], body).await;
        answer.fails(400, "MANIFEST_INVALID");
    }
    app.get("/v2/app/manifests/1").await.is(404);
}

#[tokio::test]
async fn a_manifest_of_4_mib_is_taken_and_a_longer_one_is_not() {
    let app = App::start().await;
    let mut manifest = app.image("app", "layer").await;
    manifest["annotations"] = json!({ "padding": "" });
    let frame = manifest.to_string().len();
    manifest["annotations"]["padding"] = "x".repeat(MAX_MANIFEST_BYTES - frame).into();
    app.put_manifest("app", "large", &manifest).await.is(201);
    assert_eq!(app.get("/v2/app/manifests/large").await.is(200).body.len(), MAX_MANIFEST_BYTES);

    manifest["annotations"]["padding"] = "x".repeat(MAX_MANIFEST_BYTES - frame + 1).into();
    app.put_manifest("app", "larger", &manifest).await.fails(413, "MANIFEST_INVALID");
    // An endless body without an announced length ends at the limit too.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65536])));
    app.stream("PUT /v2/app/manifests/endless", &[], Body::from_stream(endless))
        .await
        .fails(413, "MANIFEST_INVALID");
    // And nobody waits for a body that is announced to be too long.
    let never = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
    app.stream("PUT /v2/app/manifests/huge", &[("content-length", "4294967296")], never)
        .await
        .fails(413, "MANIFEST_INVALID");
}

#[tokio::test]
async fn a_manifest_whose_body_breaks_off_is_not_kept() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    let length = (manifest.to_string().len() + 1).to_string();
    let answer =
        app.send("PUT /v2/app/manifests/1", &[("content-length", &length)], manifest.to_string()).await;
    answer.fails(400, "SIZE_INVALID");
    app.get("/v2/app/manifests/1").await.is(404);
}

#[tokio::test]
async fn content_that_a_manifest_names_must_be_there_first() {
    let app = App::start().await;
    let elsewhere = app.image("elsewhere", "layer").await;
    let answer = app.put_manifest("app", "1", &elsewhere).await.fails(400, "MANIFEST_BLOB_UNKNOWN");
    let missing = answer.json()["errors"][0]["detail"].to_string();
    for named in [&elsewhere["config"]["digest"], &elsewhere["layers"][0]["digest"]] {
        assert!(missing.contains(named.as_str().unwrap()), "{missing}");
    }
    let list = index(&[descriptor(&elsewhere)]);
    app.put_manifest("app", "1", &list).await.fails(400, "MANIFEST_BLOB_UNKNOWN");
    app.get("/v2/app/manifests/1").await.is(404);
}

#[tokio::test]
async fn non_distributable_layers_may_be_absent() {
    let app = App::start().await;
    let mut image = app.image("app", "layer").await;
    for media_type in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        image["layers"][0] = json!({
            "mediaType": media_type, "digest": Digest::sha256(b"kept by its maker"), "size": 17,
            "urls": ["https://maker.example/layer"],
        });
        app.put_manifest("app", "windows", &image).await.is(201);
    }
}

#[tokio::test]
async fn every_shape_of_manifest_that_the_specification_has_is_taken() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let empty = app.push_blob("app", b"{}").await;
    let artifact = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "artifactType": "application/vnd.example.sbom",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2, "data": "e30=" },
        "layers": [], "annotations": { "org.example.note": "é" }, "org.example.unknown": { "kept": [1, 2, 3] },
    });
    let nested = index(&[descriptor(&image), descriptor(&artifact)]);
    let outer = index(&[descriptor(&nested)]);
    let mut typed = index(&[]);
    typed["artifactType"] = "application/vnd.example.list".into();
    typed["subject"] = descriptor(&image);
    for manifest in [&image, &artifact, &nested, &outer, &index(&[]), &typed] {
        let digest = app.put_manifest("app", digest_of(manifest).as_str(), manifest).await.is(201).digest();
        assert_eq!(app.get(&format!("/v2/app/manifests/{digest}")).await.is(200).body, manifest.to_string());
    }
}

#[tokio::test]
async fn a_manifest_with_a_subject_says_so_even_if_the_subject_is_absent() {
    let app = App::start().await;
    let mut signature = app.image("app", "signature").await;
    let subject = Digest::sha256(b"not pushed yet");
    signature["subject"] = json!({ "mediaType": media::OCI_MANIFEST, "digest": subject, "size": 14 });
    let answer = app.put_manifest("app", "signature", &signature).await.is(201);
    assert_eq!(answer.header("oci-subject"), subject.as_str());
    let plain = app.image("app", "layer").await;
    assert_eq!(app.put_manifest("app", "plain", &plain).await.is(201).header("oci-subject"), "");
}
