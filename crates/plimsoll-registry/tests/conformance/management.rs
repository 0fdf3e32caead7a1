//! Deleting: tags, manifests, blobs.

use plimsoll_types::Digest;
use serde_json::json;

use crate::app::{App, descriptor, digest_of, index};

#[tokio::test]
async fn deleting_a_tag_leaves_the_manifest() {
    let app = App::start().await;
    let digest = app.push_image("app", "1").await;
    app.delete("/v2/app/manifests/1").await.is(202);
    app.get("/v2/app/manifests/1").await.fails(404, "MANIFEST_UNKNOWN");
    app.get(&format!("/v2/app/manifests/{digest}")).await.is(200);
    assert_eq!(app.get("/v2/app/tags/list").await.is(200).json()["tags"], json!([]));
    app.delete("/v2/app/manifests/1").await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn deleting_a_manifest_takes_all_its_tags_at_once() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    for tag in ["1", "latest"] {
        app.put_manifest("app", tag, &manifest).await.is(201);
    }
    let path = format!("/v2/app/manifests/{}", digest_of(&manifest));
    app.delete(&path).await.is(202);
    for gone in [path.as_str(), "/v2/app/manifests/1", "/v2/app/manifests/latest"] {
        app.get(gone).await.fails(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(app.get("/v2/app/tags/list").await.is(200).json()["tags"], json!([]));
    app.delete(&path).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_that_an_index_lists_stays_until_the_index_goes() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let image_path = format!("/v2/app/manifests/{}", app.put_manifest("app", "1", &image).await.digest());
    let list = index(&[descriptor(&image)]);
    let list_path = format!("/v2/app/manifests/{}", app.put_manifest("app", "list", &list).await.digest());
    app.delete(&image_path).await.fails(405, "DENIED");
    app.get(&image_path).await.is(200);
    app.delete(&list_path).await.is(202);
    app.delete(&image_path).await.is(202);
}

#[tokio::test]
async fn a_deleted_blob_is_gone_for_its_repository_only() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"layer").await;
    app.push_blob("other", b"layer").await;
    let path = format!("/v2/app/blobs/{digest}");
    app.delete(&path).await.is(202);
    app.get(&path).await.fails(404, "BLOB_UNKNOWN");
    app.head(&path).await.is(404);
    app.delete(&path).await.fails(404, "BLOB_UNKNOWN");
    app.get(&format!("/v2/other/blobs/{digest}")).await.is(200);
    app.push_blob("app", b"layer").await;
    app.get(&path).await.is(200);
}

#[tokio::test]
async fn a_blob_that_a_manifest_needs_stays_until_the_manifest_goes() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    app.put_manifest("app", "1", &image).await.is(201);
    let path = format!("/v2/app/blobs/{}", image["layers"][0]["digest"].as_str().unwrap());
    app.delete(&path).await.fails(405, "DENIED");
    app.get(&path).await.is(200);
    app.delete(&format!("/v2/app/manifests/{}", digest_of(&image))).await.is(202);
    app.delete(&path).await.is(202);
}

#[tokio::test]
async fn a_deleted_referrer_is_listed_no_more() {
    let app = App::start().await;
    let mut signature = app.image("app", "signature").await;
    let subject = Digest::sha256(b"image");
    signature["subject"] = json!({ "mediaType": signature["mediaType"], "digest": subject, "size": 5 });
    let digest = app.put_manifest("app", "signature", &signature).await.is(201).digest();
    let listed = format!("/v2/app/referrers/{subject}");
    assert_eq!(app.get(&listed).await.json()["manifests"][0]["digest"], digest.as_str());
    app.delete(&format!("/v2/app/manifests/{digest}")).await.is(202);
    assert_eq!(app.get(&listed).await.is(200).json()["manifests"], json!([]));
}

#[tokio::test]
async fn what_was_never_there_cannot_be_deleted() {
    let app = App::start().await;
    let digest = Digest::sha256(b"never pushed");
    for repository in ["app", "nobody/knows"] {
        app.push_blob("app", b"layer").await;
        app.delete(&format!("/v2/{repository}/manifests/{digest}")).await.fails(404, "MANIFEST_UNKNOWN");
        app.delete(&format!("/v2/{repository}/manifests/1")).await.fails(404, "MANIFEST_UNKNOWN");
        app.delete(&format!("/v2/{repository}/blobs/{digest}")).await.fails(404, "BLOB_UNKNOWN");
    }
}
