//! Several registries behind one listener, told apart by the name that the client knows them by.

use plimsoll_access::Connection;
use plimsoll_registry::Settings;
use plimsoll_types::{Scope, Timestamp};
use serde_json::json;

use crate::app::{App, scope};

fn pier() -> Scope {
    Scope { registry: "pier".to_owned(), registry_host: "pier.example".to_owned(), ..scope() }
}

async fn repositories(app: &App, host: &str) -> serde_json::Value {
    app.send("GET /v2/_catalog", &[("host", host)], "").await.is(200).json()["repositories"].clone()
}

#[tokio::test]
async fn a_host_names_its_registry_and_any_other_the_first() {
    let app = App::start().await;
    app.push_image("first", "1").await;
    // It counts at once, though the registries were asked for a moment ago.
    app.store.put_registry(&pier(), &json!({}), Timestamp(1)).await.unwrap();
    assert_eq!(repositories(&app, "pier.example").await, json!([]));
    let line = format!("POST /v2/second/blobs/uploads/?digest={}", plimsoll_types::Digest::sha256(b"x"));
    app.send(&line, &[("host", "PIER.example")], "x").await.is(201);
    assert_eq!(repositories(&app, "pier.example").await, json!(["second"]));
    for other in ["acme.example:5000", "127.0.0.1:5000", "localhost", "pier.example:443", "nobody.example"] {
        assert_eq!(repositories(&app, other).await, json!(["first"]), "{other}");
    }
    let renamed = Scope { registry_host: "quay.example".to_owned(), ..pier() };
    app.store.put_registry(&renamed, &json!({}), Timestamp(2)).await.unwrap();
    assert_eq!(repositories(&app, "quay.example").await, json!(["second"]));
    assert_eq!(repositories(&app, "pier.example").await, json!(["first"]));
}

#[tokio::test]
async fn a_forwarded_host_counts_where_a_proxy_can_be_believed() {
    let forwarded = [("host", "inner:5000"), ("x-forwarded-host", "pier.example")];
    for (trust_forwarded, seen) in [(true, json!([])), (false, json!(["first"]))] {
        let connection = Connection { trust_forwarded, ..Connection::default() };
        let app = App::start_with(Settings { connection, ..Settings::default() }).await;
        app.push_image("first", "1").await;
        app.store.put_registry(&pier(), &json!({}), Timestamp(1)).await.unwrap();
        let answer = app.send("GET /v2/_catalog", &forwarded, "").await.is(200);
        assert_eq!(answer.json()["repositories"], seen);
    }
}

#[tokio::test]
async fn another_nodes_change_counts_within_a_second() {
    let app = App::start().await;
    assert_eq!(repositories(&app, "acme.example:5000").await, json!([]));
    let other = app.another_node().await;
    other.put_registry(&pier(), &json!({}), Timestamp(1)).await.unwrap();
    let blob = plimsoll_types::Digest::sha256(b"x");
    let pier_id = other.registry_by_host("pier.example").await.unwrap().unwrap().id;
    let body = Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"x"))]));
    let second = "second".parse().unwrap();
    other.in_registry(pier_id).put_blob(&second, &blob, body, Timestamp(1)).await.unwrap();
    app.let_pass(1000);
    assert_eq!(repositories(&app, "pier.example").await, json!(["second"]));
}
