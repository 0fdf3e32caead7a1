//! Plans, scans, rescans and the meter, as clients ask for them.

use plimsoll_types::exploit::{Epss, KnownExploited};

use super::*;

const PRICINGS: &str = "providers/Microsoft.Security/pricings";
const V: &str = "api-version=2024-01-01";

/// The API over a registry with an image that has a finding, and the store behind it.
async fn api() -> (Api, Store) {
    let mut held = None;
    let api = Api::over(async |store, application| {
        let scope = Scope {
            subscription: SUBSCRIPTION.rsplit('/').next().unwrap().into(),
            resource_group: "Harbour".into(),
            registry: "Quay".into(),
            registry_host: "quay.example:5000".into(),
        };
        store.ensure_registry(&scope, &json!({}), instant()).await.unwrap();
        push(store, "team/app", "1.0", application).await;
        let complete = json!({"conclusion": {"complete": true, "reason": null}});
        let flaw = found("CVE-2018-0732", Severity::Critical);
        judge(store, application, "libcrypto1.0", vec![flaw], ImageState::Done, &complete).await;
        held = Some(store.clone());
    })
    .await;
    (api, held.unwrap())
}

async fn send(api: &Api, line: &str, body: &str) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path).header("host", "quay.example:5000");
    let response =
        api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn set(api: &Api, plan: &str, properties: Value) -> (u16, Value) {
    send(
        api,
        &format!("PUT {SUBSCRIPTION}/{PRICINGS}/{plan}?{V}"),
        &json!({"properties": properties}).to_string(),
    )
    .await
}

#[tokio::test]
async fn every_plan_is_listed_and_a_fresh_server_covers_its_registries() {
    let (api, _) = api().await;
    let plans = api.rows(&format!("{SUBSCRIPTION}/{PRICINGS}?{V}")).await;
    assert_eq!(plans.len(), 13);
    let plan = |name: &str| plans.iter().find(|plan| plan["name"] == name).unwrap();
    let containers = plan("Containers");
    assert_eq!(containers["properties"]["pricingTier"], "Standard");
    assert_eq!(
        containers["properties"]["extensions"][0]["name"],
        "ContainerRegistriesVulnerabilityAssessments"
    );
    assert_eq!(containers["properties"]["extensions"][0]["isEnabled"], "True");
    assert_eq!(containers["properties"]["resourcesCoverageStatus"], "FullyCovered");
    assert!(containers["properties"]["enablementTime"].is_string());
    let older = plan("ContainerRegistry");
    assert_eq!(older["properties"]["pricingTier"], "Free");
    assert_eq!(
        (&older["properties"]["deprecated"], &older["properties"]["replacedBy"][0]),
        (&json!(true), &json!("Containers"))
    );
    assert_eq!(older["properties"].get("enablementTime"), None);
    let filter = "%24filter=name%20in%20(Containers,ARM)";
    let some = api.rows(&format!("{SUBSCRIPTION}/{PRICINGS}?{V}&{filter}")).await;
    assert_eq!(some.iter().map(|plan| &plan["name"]).collect::<Vec<_>>(), ["Arm", "Containers"]);
    let (status, error) = api.get(&format!("{SUBSCRIPTION}/{PRICINGS}?{V}&$filter=tier")).await;
    assert_eq!((status, error["error"]["code"].is_string()), (StatusCode::BAD_REQUEST, true));
}

#[tokio::test]
async fn a_plan_is_switched_off_and_on_and_keeps_what_was_said() {
    let (api, store) = api().await;
    let subscription = SUBSCRIPTION.rsplit('/').next().unwrap();
    let (status, plan) = set(&api, "containers", json!({"pricingTier": "Free"})).await;
    assert_eq!((status, &plan["properties"]["pricingTier"]), (200, &json!("Free")));
    assert_eq!(plan["name"], "Containers");
    assert_eq!(plan["properties"]["extensions"][0]["isEnabled"], "False");
    assert_eq!(plan["properties"]["resourcesCoverageStatus"], "NotCovered");
    assert!(!store.is_covered(subscription).await.unwrap());
    let (status, plan) =
        set(&api, "Containers", json!({"pricingTier": "standard", "subPlan": "P2", "extensions": null}))
            .await;
    assert_eq!((status, &plan["properties"]["subPlan"]), (200, &json!("P2")));
    assert_eq!(plan["properties"]["extensions"][0]["isEnabled"], "True", "it is what the plan is for");
    assert!(store.is_covered(subscription).await.unwrap());
    let extensions = json!([
        {"name": "ContainerRegistriesVulnerabilityAssessments", "isEnabled": "False"},
        {"name": "AgentlessDiscoveryForKubernetes", "isEnabled": "True", "additionalExtensionProperties": {"x": 1}},
    ]);
    let (_, plan) =
        set(&api, "Containers", json!({"pricingTier": "Standard", "extensions": extensions})).await;
    let extensions = &plan["properties"]["extensions"];
    assert_eq!(
        (&extensions[0]["isEnabled"], &extensions[1]["additionalExtensionProperties"]["x"]),
        (&json!("False"), &json!(1))
    );
    assert_eq!(extensions[1]["operationStatus"]["code"], "Succeeded");
    assert!(!store.is_covered(subscription).await.unwrap(), "the plan is on without its registry extension");
    let path = format!("{SUBSCRIPTION}/{PRICINGS}/Containers?{V}");
    assert_eq!(api.get(&path).await, (StatusCode::OK, plan));
    set(&api, "ContainerRegistry", json!({"pricingTier": "Standard"})).await;
    assert!(store.is_covered(subscription).await.unwrap());
    let (_, arm) = set(&api, "Arm", json!({"pricingTier": "Standard"})).await;
    assert_eq!(arm["properties"]["pricingTier"], "Standard", "what means nothing here is kept all the same");
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_with_the_reason() {
    let (api, _) = api().await;
    for (properties, words) in [
        (json!({}), "pricingTier"),
        (json!({"pricingTier": "Gold"}), "Free or Standard"),
        (json!({"pricingTier": 7}), "properties.pricingTier"),
        (
            json!({"pricingTier": "Standard", "extensions": [{"name": "x", "isEnabled": true}]}),
            "extensions[0].isEnabled",
        ),
        (
            json!({"pricingTier": "Standard", "extensions": [{"name": "x", "isEnabled": "maybe"}]}),
            "True or False",
        ),
        (json!({"pricingTier": "Standard", "extensions": [{"name": "", "isEnabled": "True"}]}), "1 to 200"),
        (json!({"pricingTier": "Standard", "enforce": "perhaps"}), "enforce"),
    ] {
        let (status, error) = set(&api, "Containers", properties.clone()).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(words), "{properties}: {status} {error}");
    }
    for (line, status, code) in [
        (format!("PUT {SUBSCRIPTION}/{PRICINGS}/Boats?{V}"), 404, "ResourceNotFound"),
        (format!("GET /subscriptions/other/{PRICINGS}?{V}"), 404, "SubscriptionNotFound"),
        (format!("GET {REGISTRY}/{PRICINGS}/Containers?{V}"), 400, "InvalidScope"),
        (format!("DELETE {SUBSCRIPTION}/{PRICINGS}/Containers?{V}"), 400, "InvalidOperation"),
        (format!("PATCH {SUBSCRIPTION}/{PRICINGS}/Containers?{V}"), 405, "MethodNotAllowed"),
    ] {
        let body = json!({"properties": {"pricingTier": "Free"}}).to_string();
        let (found, error) = send(&api, &line, &body).await;
        assert_eq!((found, &error["error"]["code"]), (status, &json!(code)), "{line}: {error}");
    }
}

#[tokio::test]
async fn scans_are_listed_in_pages_and_asked_for_again() {
    let (api, store) = api().await;
    let scans = format!("{REGISTRY}/providers/Plimsoll.Security/scans");
    let rescan = format!("POST {REGISTRY}/providers/Plimsoll.Security/rescan?{V}");
    push(&store, "team/other", "2", &image_with("other", "linux", "amd64")).await;
    let rows = api.rows(&format!("{scans}?{V}")).await;
    assert_eq!(rows.len(), 2);
    let properties = &rows[0]["properties"];
    assert_eq!(
        (&properties["repository"], &properties["tags"], &properties["state"]),
        (&json!("team/app"), &json!(["1.0"]), &json!("Done"))
    );
    assert_eq!(
        (&properties["trigger"], &properties["assessedAt"]),
        (&json!("Push"), &json!("2026-08-21T10:00:00Z"))
    );
    assert_eq!(rows[1]["properties"]["state"], "Queued");
    assert_eq!(api.get(&format!("{}?{V}", rows[0]["id"].as_str().unwrap())).await.1, rows[0]);
    let (_, page) = api.get(&format!("{scans}?{V}&$top=1")).await;
    let next =
        page["nextLink"].as_str().unwrap().strip_prefix("http://quay.example:5000").unwrap().to_owned();
    assert_eq!(api.get(&next).await.1["value"], json!([rows[1]]));
    assert_eq!(api.rows(&format!("{scans}?{V}&state=queued")).await, rows[1..]);
    assert_eq!(api.rows(&format!("{scans}?{V}&repository=team%2Fapp")).await, rows[..1]);
    assert_eq!(api.get(&format!("{scans}?{V}&digest=x")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(api.get(&format!("{scans}?{V}&$skipToken=!")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(api.get(&format!("{scans}/99?{V}")).await.0, StatusCode::NOT_FOUND);

    assert_eq!(send(&api, &rescan, "").await, (200, json!({"queued": 2})));
    assert_eq!(
        send(&api, &rescan, r#"{"repository": "team/app", "tag": "1.0"}"#).await,
        (200, json!({"queued": 1}))
    );
    let scan = &api.rows(&format!("{scans}?{V}")).await[0]["properties"];
    assert_eq!((&scan["state"], &scan["trigger"]), (&json!("Queued"), &json!("Manual")));
    assert!(
        !api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await.is_empty(),
        "the last verdict stands"
    );
    for (body, status, words) in [
        (r#"{"tag": "1.0"}"#, 400, "needs the repository"),
        (r#"{"repository": "A"}"#, 400, "repository name"),
        (r#"{"repository": "team/app", "tag": "9"}"#, 404, "has no 9"),
        (r#"{"repository": "none"}"#, 404, "no repository none"),
        ("[", 400, "body"),
    ] {
        let (found, error) = send(&api, &rescan, body).await;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(words), "{body}: {found} {error}");
    }
    let elsewhere = REGISTRY.replace("Quay", "Pier");
    assert_eq!(
        api.get(&format!("{elsewhere}/providers/Plimsoll.Security/scans?{V}")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_meter_counts_an_image_once() {
    let (api, store) = api().await;
    let complete = json!({"conclusion": {"complete": true, "reason": null}});
    judge(&store, &api.application, "libcrypto1.0", vec![], ImageState::Done, &complete).await;
    let meters = format!("{SUBSCRIPTION}/providers/Plimsoll.Security/meters");
    let rows = api.rows(&format!("{meters}?{V}")).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["name"], &rows[0]["properties"]["images"]), (&json!("2026-08"), &json!(1)));
    assert_eq!(rows[0]["properties"]["registries"], json!([{"registry": "Quay", "images": 1}]));
    assert_eq!(api.get(&format!("{meters}/2026-08?{V}")).await.1, rows[0]);
    let (_, empty) = api.get(&format!("{meters}/2020-01?{V}")).await;
    assert_eq!(empty["properties"]["images"], 0);
    let charges = api.rows(&format!("{meters}/2026-08/charges?{V}")).await;
    assert_eq!(charges[0]["properties"]["digest"], api.application.digest().as_str());
    assert_eq!(api.get(&format!("{meters}/august?{V}")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(&api, &format!("POST {meters}?{V}"), "").await.0, 405);
}

#[tokio::test]
async fn evidence_of_exploits_stands_in_the_newer_generation() {
    let (api, store) = api().await;
    let details = async || {
        let rows = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await;
        rows[0]["properties"]["additionalData"]["vulnerabilityDetails"].clone()
    };
    assert_eq!(details().await.get("exploitabilityAssessment"), None, "nobody has looked");
    let epss = Epss { score: 943_580, percentile: 999_570, day: "2026-11-22".into() };
    store.save_epss(&[("CVE-2018-0732".into(), epss)], instant()).await.unwrap();
    assert_eq!(details().await["exploited"], false);
    assert_eq!(
        details().await["epss"],
        json!({"score": 0.94358, "percentile": 0.99957, "date": "2026-11-22"})
    );
    let entry = KnownExploited {
        cve: "CVE-2018-0732".into(),
        date_added: "2021-12-10".into(),
        due_date: "2021-12-24".into(),
        ransomware: true,
        required_action: "Mend it".into(),
    };
    store.save_known_exploited(&[entry], instant()).await.unwrap();
    let details = details().await;
    assert_eq!(
        (&details["exploited"], &details["knownExploited"]["dueDate"]),
        (&json!(true), &json!("2021-12-24"))
    );
    assert_eq!(details["exploitabilityAssessment"]["isInExploitKit"], true);
    assert_eq!(details["exploitabilityAssessment"]["types"], json!(["NotAvailable"]));
}
