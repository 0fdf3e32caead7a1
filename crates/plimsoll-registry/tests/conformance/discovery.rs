//! Lists: tags, repositories, referrers.

use plimsoll_types::Digest;
use plimsoll_types::manifest::media;
use serde_json::{Value, json};

use crate::app::{Answer, App, descriptor, digest_of, index};

/// The path that the answer's `Link` names, if any.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    (!link.is_empty()).then(|| {
        let (path, relation) = link.split_once('>').unwrap();
        assert_eq!(relation, "; rel=\"next\"");
        path.strip_prefix('<').unwrap().to_owned()
    })
}

/// All pages from `path` on: their items at `key`.
async fn pages(app: &App, path: &str, key: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut path = Some(path.to_owned());
    while let Some(this) = path {
        let answer = app.get(&this).await.is(200);
        pages.push(answer.json()[key].as_array().unwrap().clone());
        path = next(&answer);
        assert!(pages.len() < 100, "the pages have no end");
    }
    pages
}

async fn with_tags(tags: &[&str]) -> App {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    for tag in tags {
        app.put_manifest("app", tag, &manifest).await.is(201);
    }
    app
}

#[tokio::test]
async fn tags_are_listed_in_ascii_order() {
    let app = with_tags(&["b", "1.0", "latest", "B", "1.10", "_x"]).await;
    let answer = app.get("/v2/app/tags/list").await.is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), json!({ "name": "app", "tags": ["1.0", "1.10", "B", "_x", "b", "latest"] }));
    assert_eq!(answer.header("link"), "");
}

#[tokio::test]
async fn tags_come_page_by_page() {
    let app = with_tags(&["a", "b", "c", "d", "e"]).await;
    assert_eq!(
        pages(&app, "/v2/app/tags/list?n=2", "tags").await,
        [vec![json!("a"), json!("b")], vec![json!("c"), json!("d")], vec![json!("e")]]
    );
    assert_eq!(pages(&app, "/v2/app/tags/list?n=5", "tags").await.len(), 1);
    for (query, tags) in [
        ("last=c", json!(["d", "e"])),
        ("last=bb", json!(["c", "d", "e"])),
        ("n=1&last=b", json!(["c"])),
        ("last=e", json!([])),
        ("n=99999999999999999999999", json!(["a", "b", "c", "d", "e"])),
    ] {
        assert_eq!(
            app.get(&format!("/v2/app/tags/list?{query}")).await.is(200).json()["tags"],
            tags,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_page_of_none_is_empty_and_leads_nowhere() {
    let app = with_tags(&["a"]).await;
    let answer = app.get("/v2/app/tags/list?n=0").await.is(200);
    assert_eq!((answer.json()["tags"].clone(), answer.header("link")), (json!([]), ""));
    let answer = app.get("/v2/_catalog?n=0").await.is(200);
    assert_eq!((answer.json()["repositories"].clone(), answer.header("link")), (json!([]), ""));
}

#[tokio::test]
async fn the_length_of_a_page_is_a_number() {
    let app = with_tags(&["a"]).await;
    for n in ["-1", "x", "1.5", "", "+1"] {
        for path in [
            "/v2/app/tags/list".to_owned(),
            "/v2/_catalog".to_owned(),
            format!("/v2/app/referrers/{}", Digest::sha256(b"")),
        ] {
            app.get(&format!("{path}?n={n}")).await.fails(400, "PAGINATION_NUMBER_INVALID");
        }
    }
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list_and_no_repository_has_none() {
    let app = App::start().await;
    let manifest = app.image("app", "layer").await;
    app.put_manifest("app", digest_of(&manifest).as_str(), &manifest).await.is(201);
    assert_eq!(app.get("/v2/app/tags/list").await.is(200).json(), json!({ "name": "app", "tags": [] }));
    app.get("/v2/nobody/tags/list").await.fails(404, "NAME_UNKNOWN");
    app.get("/v2/nobody/tags/list?n=0").await.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn the_catalog_lists_repositories_page_by_page() {
    let app = App::start().await;
    assert_eq!(app.get("/v2/_catalog").await.is(200).json(), json!({ "repositories": [] }));
    for repository in ["team/b", "a", "team/a"] {
        app.push_image(repository, "1").await;
    }
    assert_eq!(
        app.get("/v2/_catalog").await.is(200).json(),
        json!({ "repositories": ["a", "team/a", "team/b"] })
    );
    assert_eq!(
        pages(&app, "/v2/_catalog?n=2", "repositories").await,
        [vec![json!("a"), json!("team/a")], vec![json!("team/b")]]
    );
}

/// An artifact about `subject`.
async fn referrer(app: &App, subject: &Value, artifact_type: &str) -> Value {
    let mut manifest = app.image("app", artifact_type).await;
    if !artifact_type.is_empty() {
        manifest["artifactType"] = artifact_type.into();
    }
    manifest["annotations"] = json!({ "org.example.about": artifact_type });
    manifest["subject"] = descriptor(subject);
    manifest
}

/// The digests that the referrers of `subject` have, with this query.
async fn listed(app: &App, subject: &Value, query: &str) -> Vec<String> {
    let pages = pages(app, &format!("/v2/app/referrers/{}{query}", digest_of(subject)), "manifests").await;
    pages.into_iter().flatten().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

fn sorted(manifests: &[&Value]) -> Vec<String> {
    let mut digests: Vec<_> = manifests.iter().map(|manifest| digest_of(manifest).to_string()).collect();
    digests.sort();
    digests
}

#[tokio::test]
async fn nobody_refers_to_a_digest_of_which_nobody_knows() {
    let app = App::start().await;
    app.push_image("app", "1").await;
    for repository in ["app", "nobody"] {
        let answer = app.get(&format!("/v2/{repository}/referrers/{}", Digest::sha256(b"x"))).await.is(200);
        assert_eq!(answer.header("content-type"), media::OCI_INDEX);
        assert_eq!(
            answer.json(),
            json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] })
        );
        assert_eq!(answer.header("oci-filters-applied"), "");
    }
    for bad in ["sha256:baddigeststring", "nodigest", "blake3:00ff"] {
        app.get(&format!("/v2/app/referrers/{bad}")).await.fails(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn referrers_are_listed_at_once_with_their_type_and_annotations() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let sbom = referrer(&app, &image, "application/vnd.example.sbom").await;
    app.put_manifest("app", "sbom", &sbom).await.is(201);
    // The config's type stands in for a missing artifact type; an index has none to offer.
    let plain = referrer(&app, &image, "").await;
    app.put_manifest("app", "plain", &plain).await.is(201);
    let mut list = index(&[]);
    list["subject"] = descriptor(&image);
    app.put_manifest("app", "list", &list).await.is(201);

    let found = app.get(&format!("/v2/app/referrers/{}", digest_of(&image))).await.is(200).json();
    let entry = |manifest: &Value| {
        let digest = digest_of(manifest).to_string();
        let entries = found["manifests"].as_array().unwrap();
        entries.iter().find(|entry| entry["digest"] == digest).unwrap().clone()
    };
    let mut expected = descriptor(&sbom);
    expected["artifactType"] = "application/vnd.example.sbom".into();
    expected["annotations"] = sbom["annotations"].clone();
    assert_eq!(entry(&sbom), expected);
    assert_eq!(entry(&plain)["artifactType"], media::OCI_CONFIG);
    assert_eq!(entry(&list), descriptor(&list));
    assert_eq!(found["manifests"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn referrers_are_filtered_by_type() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let sbom = referrer(&app, &image, "application/sbom+json").await;
    let signature = referrer(&app, &image, "application/signature").await;
    for manifest in [&sbom, &signature] {
        app.put_manifest("app", digest_of(manifest).as_str(), manifest).await.is(201);
    }
    let path = format!("/v2/app/referrers/{}?artifactType=application%2Fsbom%2Bjson", digest_of(&image));
    let answer = app.get(&path).await.is(200);
    assert_eq!(answer.header("oci-filters-applied"), "artifactType");
    assert_eq!(answer.json()["manifests"][0]["digest"], digest_of(&sbom).to_string());
    assert_eq!(answer.json()["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(listed(&app, &image, "?artifactType=none/such").await, Vec::<String>::new());
    assert_eq!(listed(&app, &image, "").await, sorted(&[&sbom, &signature]));
}

#[tokio::test]
async fn referrers_come_page_by_page_with_their_filter() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let mut about = Vec::new();
    for i in 0..5 {
        let mut manifest = referrer(&app, &image, "application/sbom+json").await;
        manifest["annotations"] = json!({ "number": i.to_string() });
        app.put_manifest("app", digest_of(&manifest).as_str(), &manifest).await.is(201);
        about.push(manifest);
    }
    let other = referrer(&app, &image, "application/other").await;
    app.put_manifest("app", "other", &other).await.is(201);
    let path = format!("/v2/app/referrers/{}?n=2&artifactType=application/sbom%2Bjson", digest_of(&image));
    let lengths: Vec<_> = pages(&app, &path, "manifests").await.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2, 1]);
    let all: Vec<&Value> = about.iter().collect();
    assert_eq!(listed(&app, &image, "?n=2&artifactType=application/sbom%2Bjson").await, sorted(&all));
    app.get(&format!("/v2/app/referrers/{}?last=x", digest_of(&image))).await.fails(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn referrers_that_clients_listed_under_the_fallback_tag_are_listed_too() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let known = referrer(&app, &image, "application/signature").await;
    app.put_manifest("app", "known", &known).await.is(201);
    // What a client pushed elsewhere, for a registry that could not list it: no subject, only an index under the tag.
    let mut tagged = app.image("app", "tagged").await;
    tagged["artifactType"] = "application/sbom".into();
    app.put_manifest("app", "tagged", &tagged).await.is(201);
    let mut entry = descriptor(&tagged);
    entry["artifactType"] = "application/sbom".into();
    entry["annotations"] = json!({ "org.example": "kept" });
    let fallback = index(&[entry.clone(), descriptor(&known)]);
    app.put_manifest("app", &format!("sha256-{}", digest_of(&image).hex()), &fallback).await.is(201);

    assert_eq!(listed(&app, &image, "").await, sorted(&[&known, &tagged]));
    assert_eq!(listed(&app, &image, "?n=1").await, sorted(&[&known, &tagged]));
    assert_eq!(listed(&app, &image, "?artifactType=application/sbom").await, sorted(&[&tagged]));
    assert_eq!(listed(&app, &image, "?artifactType=application/signature").await, sorted(&[&known]));
    let path = format!("/v2/app/referrers/{}?artifactType=application/sbom", digest_of(&image));
    assert_eq!(app.get(&path).await.json()["manifests"], json!([entry]));
}

#[tokio::test]
async fn a_fallback_tag_on_something_else_lists_nothing() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    app.put_manifest("app", &format!("sha256-{}", digest_of(&image).hex()), &image).await.is(201);
    assert_eq!(listed(&app, &image, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_of_referrers_never_outgrows_what_clients_take_as_an_index() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    let mut about = Vec::new();
    for i in 0..6 {
        let mut manifest = referrer(&app, &image, "application/large").await;
        manifest["annotations"] = json!({ "number": i.to_string(), "padding": "x".repeat(900_000) });
        app.put_manifest("app", digest_of(&manifest).as_str(), &manifest).await.is(201);
        about.push(manifest);
    }
    let path = format!("/v2/app/referrers/{}", digest_of(&image));
    let first = app.get(&path).await.is(200);
    assert!(first.body.len() < 4 * 1024 * 1024 + 1000, "{}", first.body.len());
    let all: Vec<&Value> = about.iter().collect();
    assert_eq!(listed(&app, &image, "").await, sorted(&all));
}
