//! What is noted of requests: pulls, and events for the resource logs.

use plimsoll_store::LogFilter;
use plimsoll_types::log::Table;
use plimsoll_types::{Digest, RepositoryName, Timestamp};
use serde_json::{Value, json};

use crate::access::{ask, bearer, closed, docker_token, registry, somebody};
use crate::app::{App, scope};

fn name() -> RepositoryName {
    "app".parse().unwrap()
}

async fn rows(app: &App, table: Table) -> Vec<Value> {
    app.journal.flush().await;
    let events = app.store.resource_logs(table, &LogFilter::default(), 0, 100).await.unwrap();
    events.iter().map(|event| Value::Object(event.event.row(Some(&scope())))).collect()
}

async fn last_pull(app: &App, digest: &Digest) -> Option<Timestamp> {
    app.journal.flush().await;
    app.store.last_pull(&name(), digest).await.unwrap()
}

#[tokio::test]
async fn a_get_of_a_manifest_is_a_pull_and_nothing_else_is() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    for line in [
        "HEAD /v2/app/manifests/v1",
        "GET /v2/app/tags/list",
        "GET /acr/v1/app/_manifests",
        "GET /acr/v1/app/_tags/v1",
        "GET /v2/app/manifests/none",
        "GET /v2/other/manifests/v1",
    ] {
        app.send(line, &[], "").await;
    }
    assert_eq!(last_pull(&app, &digest).await, None);
    app.get("/v2/app/manifests/v1").await.is(200);
    let first = last_pull(&app, &digest).await.unwrap();
    // Soon again tells nobody anything new; a client that has the manifest already uses it all the same.
    app.get("/v2/app/manifests/v1").await.is(200);
    assert_eq!(last_pull(&app, &digest).await, Some(first));
    app.let_pass(2 * 3_600_000);
    let has_it = [("if-none-match", format!("\"{digest}\""))];
    let has_it: Vec<_> = has_it.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.send(&format!("GET /v2/app/manifests/{digest}"), &has_it, "").await.is(304);
    assert!(last_pull(&app, &digest).await.unwrap() > first.plus_millis(3_600_000));
}

#[tokio::test]
async fn events_tell_who_did_what_to_which_image() {
    let app = App::start().await;
    let digest = app.push_image("app", "v1").await;
    let headers = [("user-agent", "skopeo/1.15"), ("x-ms-client-request-id", "request-1")];
    app.send("GET /v2/app/manifests/v1", &headers, "").await.is(200);
    app.get("/v2/app/manifests/none").await.is(404);
    app.head("/v2/app/manifests/v1").await.is(200);
    app.send_from("203.0.113.9", "DELETE /acr/v1/app/_tags/v1").await.is(202);
    app.delete(&format!("/v2/app/manifests/{digest}")).await.is(202);
    app.delete("/acr/v1/app").await.is(202);
    let rows = rows(&app, Table::Repository).await;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            let text = |column: &str| row[column].as_str().unwrap().to_owned();
            (text("OperationName"), text("Tag"), text("Digest"), text("ResultDescription"))
        })
        .collect();
    let event = |operation: &str, tag: &str, digest: &str, status: &str| {
        (operation.to_owned(), tag.to_owned(), digest.to_owned(), status.to_owned())
    };
    assert_eq!(
        seen,
        [
            event("Push", "v1", digest.as_str(), "201"),
            event("Pull", "v1", digest.as_str(), "200"),
            event("Pull", "none", "", "404"),
            event("Untag", "v1", "", "202"),
            event("Delete", "", digest.as_str(), "202"),
            event("Delete", "", "", "202"),
        ]
    );
    let pull = &rows[1];
    assert_eq!((&pull["UserAgent"], &pull["CorrelationId"]), (&json!("skopeo/1.15"), &json!("request-1")));
    assert_eq!((&pull["Repository"], &pull["LoginServer"]), (&json!("app"), &json!("acme.example:5000")));
    assert_eq!(pull["MediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert!(pull["Size"].as_u64().unwrap() > 100 && rows[0]["Size"] == pull["Size"]);
    assert_eq!(rows[3]["CallerIpAddress"], "203.0.113.9");
    assert_ne!(rows[2]["CorrelationId"], rows[3]["CorrelationId"]);
    // The same as lines.
    let lines = app.lines.lock().unwrap().clone();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, rows);
}

#[tokio::test]
async fn logins_are_events_whether_they_go_well_or_not() {
    let app = closed().await;
    let puller = somebody(&app, "puller", &[("AcrPull", &registry())]).await;
    let token = docker_token(&app, &puller, "repository:app:pull").await;
    ask(&app, "GET /oauth2/token?service=acme.example:5000", "Basic eDp5").await.is(401);
    // Being sent for a token is no event of the repository.
    app.get("/v2/app/manifests/v1").await.is(401);
    ask(&app, "GET /v2/app/manifests/v1", &bearer(&token)).await.is(404);
    app.send("DELETE /acr/v1/app", &[("authorization", &bearer(puller.reveal()))], "").await.is(403);
    app.configure(json!({ "publicNetworkAccess": "Disabled" })).await;
    app.send_from("203.0.113.9", "GET /v2/").await.is(403);
    let logins = rows(&app, Table::Login).await;
    let statuses: Vec<_> = logins.iter().map(|row| row["ResultDescription"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "401", "403"]);
    let identity = plimsoll_types::Guid::derived(&["puller"]);
    assert_eq!(logins[0]["Identity"], identity.as_str());
    assert_eq!(logins[0]["JwtId"].as_str().unwrap().len(), 36);
    assert_eq!((&logins[1]["Identity"], &logins[1]["JwtId"]), (&json!(""), &json!("")));
    assert_eq!(logins[2]["CallerIpAddress"], "203.0.113.9");
    let events = rows(&app, Table::Repository).await;
    let seen: Vec<_> = events.iter().map(|row| (&row["OperationName"], &row["ResultDescription"])).collect();
    assert_eq!(seen, [(&json!("Pull"), &json!("404")), (&json!("Delete"), &json!("403"))]);
    assert_eq!(events[0]["Identity"], identity.as_str());
    let all = format!("{logins:?}{events:?}{}", app.lines.lock().unwrap());
    assert!(!all.contains(puller.reveal()) && !all.contains(&token), "no secret in a log");
}
