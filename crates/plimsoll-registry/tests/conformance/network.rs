//! From where a registry may be reached.

use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn an_address_that_no_rule_names_is_refused_everywhere_and_told_why() {
    let app = App::start().await;
    app.push_image("app", "v1").await;
    app.configure(json!({
        "networkRuleSet": { "defaultAction": "Deny", "ipRules": [{ "action": "Allow", "value": "203.0.113.0/24" }] },
    }))
    .await;
    for line in [
        "GET /v2/",
        "GET /v2/app/manifests/v1",
        "HEAD /v2/app/manifests/v1",
        "GET /v2/_catalog",
        "GET /acr/v1/_catalog",
        "DELETE /acr/v1/app",
        "GET /oauth2/token?service=acme.example",
        "POST /oauth2/exchange",
        "GET /v2/no/such/path",
    ] {
        let refused = app.send_from("198.51.100.7", line).await.is(403);
        if !line.starts_with("HEAD") {
            let error = &refused.json()["errors"][0];
            assert_eq!(error["code"], "DENIED", "{line}");
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains("'198.51.100.7'") && message.contains("default action is Deny"),
                "{message}"
            );
            assert_eq!(error["detail"]["clientAddress"], "198.51.100.7");
        }
    }
    app.send_from("203.0.113.80", "GET /v2/app/manifests/v1").await.is(200);
    // Nobody knows where this one comes from.
    app.get("/v2/").await.fails(403, "DENIED");
    app.configure(json!({ "publicNetworkAccess": "Disabled" })).await;
    let refused = app.send_from("203.0.113.80", "GET /v2/").await.fails(403, "DENIED").json();
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("publicNetworkAccess is Disabled"));
    app.configure(json!({})).await;
    app.get("/v2/").await.is(200);
}
