//! Names, methods, errors: what holds for every path.

use plimsoll_types::Digest;

use crate::app::App;

#[tokio::test]
async fn the_base_says_that_this_is_a_registry() {
    let app = App::start().await;
    for path in ["/v2/", "/v2"] {
        app.get(path).await.is(200);
        app.head(path).await.is(200);
    }
}

#[tokio::test]
async fn a_path_that_names_nothing_is_an_error_in_the_specifications_form() {
    let app = App::start().await;
    for path in ["/v2/app", "/v2/app/tags", "/v2/app/layers/x", "/v2/_catalog/more"] {
        app.get(path).await.fails(404, "UNSUPPORTED");
    }
}

#[tokio::test]
async fn a_method_that_is_not_possible_is_refused_with_those_that_are() {
    let app = App::start().await;
    let digest = Digest::sha256(b"");
    for (line, allowed) in [
        ("POST /v2/".to_owned(), "GET, HEAD"),
        ("DELETE /v2/_catalog".to_owned(), "GET, HEAD"),
        ("PUT /v2/app/tags/list".to_owned(), "GET, HEAD"),
        ("PATCH /v2/app/manifests/1".to_owned(), "GET, HEAD, PUT, DELETE"),
        (format!("PUT /v2/app/blobs/{digest}"), "GET, HEAD, DELETE"),
        ("GET /v2/app/blobs/uploads/".to_owned(), "POST"),
        (
            "POST /v2/app/blobs/uploads/0123456789abcdef0123456789abcdef".to_owned(),
            "GET, HEAD, PATCH, PUT, DELETE",
        ),
        (format!("POST /v2/app/referrers/{digest}"), "GET, HEAD"),
        ("BREW /v2/app/tags/list".to_owned(), "GET, HEAD"),
    ] {
        let answer = app.send(&line, &[], "").await.fails(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), allowed, "{line}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_is_refused_on_every_path() {
    let app = App::start().await;
    let digest = Digest::sha256(b"");
    for name in ["App", "a..b", "a/../b", "a%2F..%2Fb", "-a", "a//b", &"a".repeat(256)] {
        for line in [
            format!("GET /v2/{name}/tags/list"),
            format!("GET /v2/{name}/manifests/1"),
            format!("GET /v2/{name}/blobs/{digest}"),
            format!("POST /v2/{name}/blobs/uploads/"),
            format!("GET /v2/{name}/referrers/{digest}"),
        ] {
            app.send(&line, &[], "").await.fails(400, "NAME_INVALID");
        }
    }
}

#[tokio::test]
async fn a_repository_may_lie_deep_and_be_named_like_a_noun() {
    let app = App::start().await;
    for name in ["a/b/c/d/e/f/g/h/i/j", "blobs/uploads", "tags/list", "manifests", "referrers/manifests"] {
        let digest = app.push_image(name, "1").await;
        assert_eq!(app.get(&format!("/v2/{name}/manifests/1")).await.is(200).digest(), digest, "{name}");
        assert_eq!(app.get(&format!("/v2/{name}/tags/list")).await.is(200).json()["name"], name);
    }
}

#[tokio::test]
async fn the_colon_of_a_digest_may_be_percent_encoded() {
    let app = App::start().await;
    let digest = app.push_blob("app", b"content").await;
    app.get(&format!("/v2/app/blobs/sha256%3A{}", digest.hex())).await.is(200);
}

#[tokio::test]
async fn an_endless_uri_is_refused() {
    let app = App::start().await;
    app.get(&format!("/v2/app/tags/list?last={}", "a".repeat(9000))).await.fails(414, "UNSUPPORTED");
}

#[tokio::test]
async fn a_query_that_is_not_text_is_refused_or_harmless() {
    let app = App::start().await;
    app.push_image("app", "1").await;
    for query in ["n=%ff", "%", "=", "&&", "n", "last=%00"] {
        let status = app.get(&format!("/v2/app/tags/list?{query}")).await.status.as_u16();
        assert!(matches!(status, 200 | 400), "{query}: {status}");
    }
}
