//! What Azure's clients ask beyond the specification: `/acr/v1/…`, locks, quarantine.

use plimsoll_registry::Settings;
use plimsoll_types::Digest;
use serde_json::{Value, json};

use crate::access::{ask, bearer, closed, registry, repository, somebody};
use crate::app::{App, descriptor, digest_of, index};

const ALL: [&str; 4] = ["deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"];

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

/// The path of the next page.
fn next(link: &str) -> &str {
    link.strip_prefix('<').unwrap().split_once('>').unwrap().0
}

#[tokio::test]
async fn a_repository_is_described() {
    let app = App::start().await;
    app.push_image("team/app", "v1").await;
    app.push_image("team/app", "v2").await;
    for path in ["/acr/v1/team/app", "/acr/v1/team%2Fapp?api-version=2021-07-01"] {
        let found = app.get(path).await.is(200).json();
        assert_eq!(
            (&found["registry"], &found["imageName"]),
            (&json!("acme.example:5000"), &json!("team/app"))
        );
        assert_eq!((&found["manifestCount"], &found["tagCount"]), (&json!(2), &json!(2)));
        assert!(found["createdTime"].is_string() && found["createdTime"] != found["lastUpdateTime"]);
        for attribute in ALL {
            assert_eq!(found["changeableAttributes"][attribute], true);
        }
    }
    app.get("/acr/v1/none").await.fails(404, "NAME_UNKNOWN");
    app.get("/acr/v1/team%2F..%2Fapp").await.fails(400, "NAME_INVALID");
    app.send("PUT /acr/v1/team/app", &[], "").await.fails(405, "UNSUPPORTED");
}

#[tokio::test]
async fn tags_are_listed_in_the_order_that_is_asked_for() {
    let app = App::start().await;
    let mut digests = Vec::new();
    for tag in ["c", "a", "b"] {
        digests.push(app.push_image("team/app", tag).await);
    }
    for (query, expected) in [
        ("", ["a", "b", "c"]),
        ("?orderby=none&api-version=1", ["a", "b", "c"]),
        ("?orderby=timeasc", ["c", "a", "b"]),
        ("?orderby=timedesc", ["b", "a", "c"]),
    ] {
        let list = app.get(&format!("/acr/v1/team%2Fapp/_tags{query}")).await.is(200).json();
        assert_eq!(names(&list["tags"], "name"), expected, "{query}");
        // Page by page it is the same.
        let mut path =
            format!("/acr/v1/team/app/_tags{query}{}n=1", if query.is_empty() { '?' } else { '&' });
        let mut seen = Vec::new();
        loop {
            let page = app.get(&path).await.is(200);
            seen.extend(names(&page.json()["tags"], "name"));
            let link = page.header("link");
            if link.is_empty() {
                break;
            }
            path = next(link).to_owned();
        }
        assert_eq!(seen, expected, "{query}");
    }
    let list = app.get(&format!("/acr/v1/team/app/_tags?digest={}", digests[1])).await.is(200).json();
    assert_eq!(names(&list["tags"], "digest"), [digests[1].as_str()]);
    let tag = &list["tags"][0];
    assert_eq!((&tag["name"], &tag["signed"]), (&json!("a"), &json!(false)));
    assert!(tag["createdTime"].is_string() && tag["changeableAttributes"]["writeEnabled"] == true);
    let one = app.get("/acr/v1/team/app/_tags/a").await.is(200).json();
    assert_eq!((&one["tag"], &one["imageName"]), (tag, &json!("team/app")));
    app.get("/acr/v1/team/app/_tags?orderby=size").await.fails(400, "UNSUPPORTED");
    app.get("/acr/v1/team/app/_tags?n=many").await.fails(400, "PAGINATION_NUMBER_INVALID");
    app.get("/acr/v1/team/app/_tags?digest=x").await.fails(400, "DIGEST_INVALID");
    app.get("/acr/v1/team/app/_tags/none").await.fails(404, "TAG_UNKNOWN");
    app.get("/acr/v1/none/_tags").await.fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn manifests_are_described_by_their_content() {
    let app = App::start().await;
    let image = app.image("app", "layer").await;
    app.put_manifest("app", "v1", &image).await.is(201);
    let mut entry = descriptor(&image);
    entry["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    app.put_manifest("app", "list", &index(&[entry])).await.is(201);
    let list = app.get("/acr/v1/app/_manifests?orderby=timeasc").await.is(200).json();
    let [first, second] = [&list["manifests"][0], &list["manifests"][1]];
    assert_eq!(first["digest"], digest_of(&image).as_str());
    let size = image["config"]["size"].as_u64().unwrap() + image["layers"][0]["size"].as_u64().unwrap();
    assert_eq!(first["imageSize"], size);
    assert_eq!((&first["os"], &first["architecture"]), (&json!("linux"), &json!("amd64")));
    assert_eq!(first["mediaType"], image["mediaType"]);
    assert_eq!(first["configMediaType"], image["config"]["mediaType"]);
    assert_eq!((&first["tags"], &second["tags"]), (&json!(["v1"]), &json!(["list"])));
    assert_eq!(first.get("references"), None);
    let reference = json!([{ "digest": digest_of(&image), "architecture": "arm64", "os": "linux" }]);
    assert_eq!(second["references"], reference);
    assert_eq!(first["changeableAttributes"].get("quarantineState"), None);
    let path = format!("/acr/v1/app/_manifests/{}", digest_of(&image).as_str().replace(':', "%3A"));
    assert_eq!(app.get(&path).await.is(200).json()["manifest"], *first);
    let page = app.get("/acr/v1/app/_manifests?n=1&orderby=timedesc").await.is(200);
    assert_eq!(page.json()["manifests"], json!([second]));
    let rest = app.get(next(page.header("link"))).await.is(200);
    assert_eq!((rest.json()["manifests"].clone(), rest.header("link")), (json!([first]), ""));
    let unknown = Digest::sha256(b"unknown");
    app.get(&format!("/acr/v1/app/_manifests/{unknown}")).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn the_catalog_has_two_addresses() {
    let app = App::start().await;
    for name in ["a", "b/c", "d"] {
        app.push_image(name, "1").await;
    }
    let whole = json!({ "repositories": ["a", "b/c", "d"] });
    assert_eq!(app.get("/acr/v1/_catalog").await.is(200).json(), whole);
    assert_eq!(app.get("/v2/_catalog?n=100").await.is(200).json(), whole);
    let page = app.get("/acr/v1/_catalog?n=2&orderby=&last=").await.is(200);
    assert_eq!(page.json(), json!({ "repositories": ["a", "b/c"] }));
    assert_eq!(page.header("link"), "</acr/v1/_catalog?last=b/c&n=2&orderby=>; rel=\"next\"");
    assert_eq!(app.get(next(page.header("link"))).await.is(200).json(), json!({ "repositories": ["d"] }));
    app.patch("/acr/v1/b/c", &json!({ "listEnabled": false })).await.is(200);
    assert_eq!(app.get("/acr/v1/_catalog").await.json(), json!({ "repositories": ["a", "d"] }));
    app.get("/acr/v1/_deleted/_catalog").await.fails(404, "UNSUPPORTED");
    app.get("/acr/v1/_deleted/a/_manifests").await.fails(404, "UNSUPPORTED");
}

#[tokio::test]
async fn a_locked_tag_is_neither_moved_nor_deleted() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    let changed = app.patch("/acr/v1/app/_tags/v1", &json!({ "writeEnabled": false })).await.is(200).json();
    assert_eq!(changed["tag"]["changeableAttributes"]["writeEnabled"], false);
    assert_eq!(changed["tag"]["changeableAttributes"]["deleteEnabled"], true);
    let other = app.image("app", "other").await;
    app.put_manifest("app", "v1", &other).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    for path in ["/acr/v1/app/_tags/v1", "/v2/app/manifests/v1"] {
        app.delete(path).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    }
    app.delete(&format!("/v2/app/manifests/{digest}")).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    app.delete("/acr/v1/app").await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    assert_eq!(app.get("/v2/app/manifests/v1").await.is(200).digest(), digest);
    app.patch("/acr/v1/app/_tags/v1", &json!({ "writeEnabled": true })).await.is(200);
    app.put_manifest("app", "v1", &other).await.is(201);
    app.delete("/acr/v1/app/_tags/v1").await.is(202);
    app.get(&format!("/v2/app/manifests/{digest}")).await.is(200);
    app.delete("/acr/v1/app/_tags/v1").await.fails(404, "TAG_UNKNOWN");
}

#[tokio::test]
async fn a_locked_manifest_is_deleted_by_no_path() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    let path = format!("/acr/v1/app/_manifests/{digest}");
    app.patch(&path, &json!({ "deleteEnabled": false })).await.is(200);
    for way in [path.as_str(), &format!("/v2/app/manifests/{digest}"), "/acr/v1/app"] {
        app.delete(way).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    }
    app.patch(&path, &json!({ "deleteEnabled": true, "readEnabled": false })).await.is(200);
    for way in ["/v2/app/manifests/v1", &format!("/v2/app/manifests/{digest}")] {
        app.get(way).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
        app.head(way).await.is(405);
    }
    app.get(&path).await.is(200);
    app.delete(&path).await.is(202);
    app.get(&path).await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_locked_repository_takes_nothing_in_and_gives_nothing_away() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    let blob = Digest::sha256(b"v1");
    app.patch("/acr/v1/app", &json!({ "writeEnabled": false, "readEnabled": false })).await.is(200);
    app.send("POST /v2/app/blobs/uploads/", &[], "").await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    app.get(&format!("/v2/app/blobs/{blob}")).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    app.get(&format!("/v2/app/manifests/{digest}")).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    // Nor by a mount: the client is told to push what it has.
    app.send(&format!("POST /v2/other/blobs/uploads/?mount={blob}&from=app"), &[], "").await.is(202);
    app.delete("/v2/app/manifests/v1").await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
}

#[tokio::test]
async fn a_deleted_repository_tells_what_it_had() {
    let app = App::start().await;
    let digest = app.push_image("team/app", "v1").await;
    let deleted = app.delete("/acr/v1/team%2Fapp").await.is(202).json();
    assert_eq!(deleted, json!({ "manifestsDeleted": [digest], "tagsDeleted": ["v1"] }));
    app.get("/acr/v1/team/app").await.fails(404, "NAME_UNKNOWN");
    app.get("/v2/team/app/manifests/v1").await.fails(404, "MANIFEST_UNKNOWN");
    app.delete("/acr/v1/team/app").await.fails(404, "NAME_UNKNOWN");
    app.push_image("team/app", "v1").await;
}

#[tokio::test]
async fn changes_that_cannot_be_read_change_nothing() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    let before = app.get("/acr/v1/app").await.json();
    for body in [
        json!({ "deleteEnabled": "no" }),
        json!({ "writeEnabled": 0 }),
        json!([]),
        json!("x"),
        json!({ "quarantineState": "Passed" }),
    ] {
        app.patch("/acr/v1/app", &body).await.fails(400, "UNSUPPORTED");
    }
    app.send("PATCH /acr/v1/app", &[], "{").await.fails(400, "UNSUPPORTED");
    app.send("PATCH /acr/v1/app", &[], vec![b' '; 70_000]).await.fails(400, "UNSUPPORTED");
    let manifest = format!("/acr/v1/app/_manifests/{digest}");
    for state in [json!("Maybe"), json!(1)] {
        app.patch(&manifest, &json!({ "quarantineState": state })).await.fails(400, "UNSUPPORTED");
    }
    assert_eq!(app.get("/acr/v1/app").await.json(), before);
    // What a newer service may have said of it is sent back by clients, and nulls are no wish.
    let body = json!({ "deleteEnabled": null, "metadataSearch": "Enabled" });
    assert_eq!(
        app.patch("/acr/v1/app", &body).await.is(200).json()["changeableAttributes"],
        before["changeableAttributes"]
    );
    app.patch("/acr/v1/none", &json!({})).await.fails(404, "NAME_UNKNOWN");
    app.patch("/acr/v1/app/_tags/none", &json!({})).await.fails(404, "TAG_UNKNOWN");
}

#[tokio::test]
async fn an_image_in_quarantine_is_for_those_who_look_at_it() {
    let app = closed().await;
    app.configure(json!({ "policies": { "quarantinePolicy": { "status": "enabled" } } })).await;
    let pusher = somebody(&app, "pusher", &[("AcrPush", &registry())]).await;
    let reader =
        somebody(&app, "reader", &[("AcrPull", &registry()), ("AcrQuarantineReader", &registry())]).await;
    let writer =
        somebody(&app, "writer", &[("AcrPush", &registry()), ("AcrQuarantineWriter", &registry())]).await;
    let push = async |content: &str| {
        let token = bearer(pusher.reveal());
        let mut sent = Vec::new();
        for blob in [br#"{"os":"linux","architecture":"amd64"}"#, content.as_bytes()] {
            let digest = Digest::sha256(blob);
            let line = format!("POST /v2/app/blobs/uploads/?digest={digest}");
            app.send(&line, &[("authorization", &token)], blob.to_vec()).await.is(201);
            sent.push(
                json!({ "mediaType": "application/octet-stream", "digest": digest, "size": blob.len() }),
            );
        }
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": sent[0], "layers": [sent[1]],
        });
        let headers = [("authorization", token.as_str()), ("content-type", media_type)];
        app.send("PUT /v2/app/manifests/v1", &headers, manifest.to_string()).await.is(201).digest()
    };
    let digest = push("layer").await;
    let (by_tag, by_digest) = ("/v2/app/manifests/v1".to_owned(), format!("/v2/app/manifests/{digest}"));
    let get = async |path: &str, who: &plimsoll_access::Secret| {
        ask(&app, &format!("GET {path}"), &bearer(who.reveal())).await
    };
    get(&by_tag, &pusher).await.fails(404, "MANIFEST_UNKNOWN");
    get(&by_digest, &pusher).await.fails(405, "REGISTRY_DISALLOWED_OPERATION");
    get(&by_digest, &reader).await.is(200);
    let path = format!("/acr/v1/app/_manifests/{digest}");
    let state = get(&path, &pusher).await.is(200).json();
    assert_eq!(state["manifest"]["changeableAttributes"]["quarantineState"], "Quarantined");
    let patch = async |who: &plimsoll_access::Secret, body: Value| {
        app.send(&format!("PATCH {path}"), &[("authorization", &bearer(who.reveal()))], body.to_string())
            .await
    };
    let passed = json!({ "quarantineState": "Passed", "quarantineDetails": "{\"state\":\"scan passed\"}" });
    patch(&pusher, passed.clone()).await.fails(403, "DENIED");
    patch(&reader, passed.clone()).await.fails(403, "DENIED");
    let failed = patch(&writer, json!({ "quarantineState": "Failed" })).await.is(200).json();
    assert_eq!(failed["manifest"]["changeableAttributes"]["quarantineState"], "Failed");
    get(&by_tag, &pusher).await.fails(404, "MANIFEST_UNKNOWN");
    let released = patch(&writer, passed).await.is(200).json();
    assert_eq!(
        released["manifest"]["changeableAttributes"]["quarantineDetails"],
        "{\"state\":\"scan passed\"}"
    );
    get(&by_tag, &pusher).await.is(200);
    // Another push under the tag is another image.
    push("another layer").await;
    get(&by_tag, &pusher).await.fails(404, "MANIFEST_UNKNOWN");
    get(&by_digest, &pusher).await.is(200);
    app.configure(json!({})).await;
    get(&by_tag, &pusher).await.is(200);
}

#[tokio::test]
async fn roles_open_what_they_should() {
    let app = closed().await;
    let puller = somebody(&app, "puller", &[("AcrPull", &repository("app"))]).await;
    let pusher = somebody(&app, "pusher", &[("AcrPush", &registry())]).await;
    let deleter = somebody(&app, "deleter", &[("AcrDelete", &registry())]).await;
    let open = bearer(pusher.reveal());
    for name in ["app", "other"] {
        let digest = Digest::sha256(b"blob");
        let line = format!("POST /v2/{name}/blobs/uploads/?digest={digest}");
        app.send(&line, &[("authorization", &open)], "blob").await.is(201);
    }
    let (puller, deleter) = (bearer(puller.reveal()), bearer(deleter.reveal()));
    assert_eq!(
        ask(&app, "GET /acr/v1/_catalog", &puller).await.is(200).json(),
        json!({ "repositories": ["app"] })
    );
    ask(&app, "GET /acr/v1/app", &puller).await.is(200);
    ask(&app, "GET /acr/v1/other", &puller).await.fails(403, "DENIED");
    ask(&app, "DELETE /acr/v1/app", &puller).await.fails(403, "DENIED");
    let patch = async |who: &str| {
        app.send("PATCH /acr/v1/app", &[("authorization", who)], r#"{"listEnabled":true}"#).await
    };
    patch(&puller).await.fails(403, "DENIED");
    patch(&deleter).await.fails(403, "DENIED");
    patch(&open).await.is(200);
    ask(&app, "DELETE /acr/v1/app", &open).await.fails(403, "DENIED");
    ask(&app, "DELETE /acr/v1/app", &deleter).await.is(202);
}

#[tokio::test]
async fn encoded_names_are_names() {
    let app = App::start_with(Settings::default()).await;
    let digest = app.push_image("team/app", "v1").await;
    let encoded = digest.as_str().replace(':', "%3A");
    for path in [
        "/v2/team%2Fapp/manifests/v1".to_owned(),
        format!("/v2/team%2fapp/manifests/{encoded}"),
        format!("/v2/team%2Fapp/blobs/{}", Digest::sha256(b"v1").as_str().replace(':', "%3a")),
        "/v2/team%2Fapp/tags/list".to_owned(),
    ] {
        app.get(&path).await.is(200);
    }
    // An upload as Azure's Python client makes it: the name encoded, the location taken as it comes.
    let location =
        app.send("POST /v2/team%2Fapp/blobs/uploads/", &[], "").await.is(202).header("location").to_owned();
    assert!(location.starts_with("/v2/team/app/blobs/uploads/"));
    let location = app
        .stream(&format!("PATCH {location}"), &[], "new".into())
        .await
        .is(202)
        .header("location")
        .to_owned();
    let blob = Digest::sha256(b"new");
    app.send(&format!("PUT {location}?digest={}", blob.as_str().replace(':', "%3A")), &[], "").await.is(201);
    let part = app
        .send(&format!("GET /v2/team%2Fapp/blobs/{blob}"), &[("range", "bytes=0-4194303")], "")
        .await
        .is(206);
    assert_eq!(part.header("content-range"), "bytes 0-2/3");
    assert_eq!(part.header("content-length"), "3");
}
