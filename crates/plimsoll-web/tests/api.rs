//! The API over a store with images in all states, asked as Azure's clients ask.

#![allow(clippy::unwrap_used)]

#[path = "api/access.rs"]
mod access;
#[path = "api/graph.rs"]
mod graph;

use std::collections::BTreeSet;

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use plimsoll_access::{Access, Mode};
use plimsoll_store::{ImageState, ManifestPut, Settings, Store, Stored, Verdict};
use plimsoll_testkit::image::{self, Blob, Image, Layer, Packing};
use plimsoll_types::{
    Cvss, Ecosystem, Guid, ImageInventory, InstalledPackage, Manifest, Match, Package, PackageType, Platform,
    RepositoryName, Scope, Severity, Status, Tag, Timestamp,
};
use plimsoll_web::operations::{Area, Operation};
use plimsoll_web::{Connection, Web};
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[path = "api/triggers.rs"]
mod triggers;

const FIRST: &str = "dbd0cb49-b563-45e7-9724-889e799fa648";
const SECOND: &str = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5";
const SUBSCRIPTION: &str = "/subscriptions/00000000-1111-2222-3333-444444444444";
const GROUP: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/Harbour";
const REGISTRY: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/Harbour/providers/\
                        Microsoft.ContainerRegistry/registries/Quay";
const OLD: &str = "api-version=2019-01-01-preview";

#[tokio::test]
async fn every_scope_tells_the_findings_of_both_generations() {
    let api = Api::with_images().await;
    let group = "/providers/Microsoft.Management/managementGroups/any";
    let all = api.rows(&format!("{SUBSCRIPTION}/providers/Microsoft.Security/subAssessments?{OLD}")).await;
    // Two findings of the application, one of one platform; clean, other platform, damaged and Windows have one row each.
    assert_eq!(all.len(), 2 * 7);
    for scope in [GROUP, REGISTRY, group] {
        let rows = api.rows(&format!("{scope}/providers/Microsoft.Security/subAssessments?{OLD}")).await;
        assert_eq!(rows, all, "{scope}");
    }
    for (key, kind, expected) in [
        (FIRST, "ContainerRegistryVulnerability", &all[..7]),
        (SECOND, "AzureContainerRegistryVulnerability", &all[7..]),
    ] {
        for scope in [SUBSCRIPTION, REGISTRY] {
            let rows = api.rows(&format!("{scope}/{}?{OLD}", of_key(key))).await;
            assert_eq!(rows, expected, "{scope} {key}");
        }
        for row in expected {
            assert_eq!(row["properties"]["additionalData"]["assessedResourceType"], kind);
            assert_eq!(row["id"], format!("{REGISTRY}/{}/{}", of_key(key), row["name"].as_str().unwrap()));
        }
    }
}

#[tokio::test]
async fn a_finding_says_what_to_do_and_where() {
    let api = Api::with_images().await;
    let rows = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(FIRST))).await;
    let row = rows.iter().find(|row| row["properties"]["id"] == "CVE-2018-0732").unwrap();
    let properties = &row["properties"];
    assert_eq!(properties["status"]["severity"], "High", "the first generation has no word for critical");
    let remediation = properties["remediation"].as_str().unwrap();
    assert!(remediation.contains("1.0.2o-r1"), "{remediation}");
    let layer = api.application.layers[0].digest.as_str();
    assert!(remediation.contains(layer), "{remediation}");
    assert_eq!(properties["additionalData"]["imageDigest"], api.application.digest().as_str());
    assert_eq!(properties["additionalData"]["patchable"], true);
    assert_eq!(properties["timeGenerated"], "2026-08-21T10:00:00Z");
}

#[tokio::test]
async fn an_image_without_findings_has_one_row_and_a_waiting_one_none() {
    let api = Api::with_images().await;
    for key in [FIRST, SECOND] {
        let rows = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(key))).await;
        let codes = |repository: &str| {
            let told = |row: &&Value| {
                let data = &row["properties"]["additionalData"];
                data["repositoryName"] == repository
                    || data["artifactDetails"]["repositoryName"] == repository
            };
            let status = |row: &Value| {
                let status = &row["properties"]["status"];
                format!("{} {}", status["code"].as_str().unwrap(), status["cause"].as_str().unwrap())
            };
            rows.iter().filter(told).map(status).collect::<Vec<_>>()
        };
        assert_eq!(codes("team/clean"), ["Healthy "]);
        assert_eq!(codes("team/damaged"), ["NotApplicable IncompleteCoverage"]);
        assert_eq!(codes("team/windows"), ["NotApplicable Unsupported"]);
        assert_eq!(codes("team/waiting"), Vec::<String>::new());
        // The index of two platforms: each is an image of its own, the index is none.
        assert_eq!(codes("team/multi"), ["Unhealthy ", "Healthy "]);
        assert_eq!(codes("team/app"), ["Unhealthy ", "Unhealthy "]);
    }
}

#[tokio::test]
async fn pages_tell_every_row_once_and_in_order() {
    let api = Api::with_images().await;
    for list in [
        format!("{SUBSCRIPTION}/providers/Microsoft.Security/subAssessments"),
        format!("//{REGISTRY}/{}", of_key(SECOND)),
    ] {
        let all = api.rows(&format!("{list}?{OLD}")).await;
        for size in [1, 3, 7, all.len(), 1000] {
            let mut next = Some(format!("{list}?{OLD}&$top={size}"));
            let mut walked = Vec::new();
            while let Some(link) = next {
                let (status, page) = api.get(&link).await;
                assert_eq!(status, StatusCode::OK, "{page}");
                let rows = page["value"].as_array().unwrap();
                assert!(!rows.is_empty() && rows.len() <= size, "{} rows on a page of {size}", rows.len());
                walked.extend(rows.iter().cloned());
                next = page["nextLink"].as_str().map(|link| {
                    let path = link.strip_prefix("http://quay.example:5000").expect("the link is absolute");
                    assert!(path.starts_with("/subscriptions/"), "{path}");
                    path.to_owned()
                });
            }
            assert_eq!(walked, all, "pages of {size}");
        }
    }
}

#[tokio::test]
async fn one_row_is_what_the_list_has() {
    let api = Api::with_images().await;
    for row in api.rows(&format!("{SUBSCRIPTION}/providers/Microsoft.Security/subAssessments?{OLD}")).await {
        let id = row["id"].as_str().unwrap();
        assert_eq!(api.get(&format!("{id}?{OLD}")).await, (StatusCode::OK, row.clone()));
        assert_eq!(api.get(&format!("{}?{OLD}", id.to_uppercase())).await.1, row, "case does not count");
    }
}

#[tokio::test]
async fn a_registry_has_a_verdict_under_each_key() {
    let api = Api::with_images().await;
    let current = "api-version=2021-06-01";
    let lists = [SUBSCRIPTION, GROUP, REGISTRY];
    for scope in lists {
        let rows = api.rows(&format!("{scope}/providers/Microsoft.Security/assessments?{current}")).await;
        assert_eq!(rows.iter().map(|row| &row["name"]).collect::<Vec<_>>(), [FIRST, SECOND]);
    }
    let path = format!("{REGISTRY}/providers/Microsoft.Security/assessments/{SECOND}");
    let (status, assessment) = api.get(&format!("{path}?{current}")).await;
    assert_eq!(status, StatusCode::OK);
    let properties = &assessment["properties"];
    assert_eq!(assessment["id"], path);
    assert_eq!(properties["status"]["code"], "Unhealthy");
    assert_eq!(properties["status"]["firstEvaluationDate"], "2026-08-21T10:00:00Z");
    assert_eq!(properties["resourceDetails"], json!({"source": "Azure", "id": REGISTRY}));
    assert_eq!(properties.get("metadata"), None);
    let counters = &properties["additionalData"];
    assert!(counters.as_object().unwrap().values().all(Value::is_string), "{counters}");
    for (name, count) in [
        ("images", "7"),
        ("unhealthyImages", "2"),
        ("pendingImages", "1"),
        ("criticalFindings", "2"),
        ("lowFindings", "1"),
    ] {
        assert_eq!(counters[name], count, "{name} of {counters}");
    }
    let (_, expanded) = api.get(&format!("{path}?{current}&$expand=metadata")).await;
    assert_eq!(expanded["properties"]["metadata"]["assessmentType"], "BuiltIn");
}

#[tokio::test]
async fn an_image_that_was_not_read_whole_is_never_counted_healthy() {
    let api = Api::with_images().await;
    let path = format!("{REGISTRY}/providers/Microsoft.Security/assessments/{FIRST}?{OLD}");
    let (_, assessment) = api.get(&path).await;
    let counters = &assessment["properties"]["additionalData"];
    // The damaged one and the one of Windows; clean are only those whose row says so.
    let counted = (&counters["healthyImages"], &counters["notApplicableImages"]);
    assert_eq!(counted, (&json!("2"), &json!("2")), "{counters}");
}

#[tokio::test]
async fn an_empty_registry_is_not_scanned_and_lists_nothing() {
    let api = Api::empty().await;
    let (_, list) =
        api.get(&format!("{SUBSCRIPTION}/providers/Microsoft.Security/subAssessments?{OLD}")).await;
    assert_eq!(list, json!({"value": []}));
    let (_, assessment) =
        api.get(&format!("{REGISTRY}/providers/Microsoft.Security/assessments/{FIRST}?{OLD}")).await;
    assert_eq!(assessment["properties"]["status"]["cause"], "NotScanned");
}

#[tokio::test]
async fn subscriptions_and_metadata_can_be_found() {
    let api = Api::empty().await;
    let subscriptions = api.rows("/subscriptions?api-version=2022-12-01").await;
    assert_eq!(subscriptions[0]["id"], SUBSCRIPTION);
    assert_eq!(subscriptions[0]["state"], "Enabled");
    let (_, one) = api.get(&format!("{SUBSCRIPTION}?api-version=2022-12-01")).await;
    assert_eq!(one, subscriptions[0]);
    for parent in ["", SUBSCRIPTION] {
        let list = format!("{parent}/providers/Microsoft.Security/assessmentMetadata");
        for metadata in api.rows(&format!("{list}?api-version=2021-06-01")).await {
            let id = format!("{list}/{}", metadata["name"].as_str().unwrap());
            assert_eq!(metadata["id"], id);
            assert_eq!(api.get(&format!("{id}?api-version=2021-06-01")).await.1, metadata);
        }
    }
}

#[tokio::test]
async fn errors_come_in_azures_envelope() {
    let api = Api::with_images().await;
    let security = "providers/Microsoft.Security";
    let row = "00000fff-0000-8000-8000-000000000000";
    for (path, status, code) in [
        (format!("{SUBSCRIPTION}/{security}/subAssessments"), 400, "MissingApiVersionParameter"),
        (
            format!("{SUBSCRIPTION}/{security}/subAssessments?api-version=new"),
            400,
            "InvalidApiVersionParameter",
        ),
        (format!("{SUBSCRIPTION}/{security}/subAssessments?{OLD}&$top=0"), 400, "InvalidQueryParameterValue"),
        (
            format!("{SUBSCRIPTION}/{security}/subAssessments?{OLD}&$skipToken=YTE"),
            400,
            "InvalidQueryParameterValue",
        ),
        (format!("/subscriptions/other/{security}/subAssessments?{OLD}"), 404, "SubscriptionNotFound"),
        (format!("/subscriptions/other?{OLD}"), 404, "SubscriptionNotFound"),
        (
            format!("{SUBSCRIPTION}/resourceGroups/other/{security}/assessments?{OLD}"),
            404,
            "ResourceGroupNotFound",
        ),
        (format!("{REGISTRY}s/{security}/subAssessments?{OLD}"), 404, "ResourceNotFound"),
        (format!("{REGISTRY}/{security}/assessments/other?{OLD}"), 404, "ResourceNotFound"),
        (format!("{SUBSCRIPTION}/{security}/assessments/{FIRST}?{OLD}"), 404, "ResourceNotFound"),
        (format!("{REGISTRY}/{security}/assessments/other/subAssessments?{OLD}"), 404, "ResourceNotFound"),
        (format!("{REGISTRY}/{}/other?{OLD}", of_key(FIRST)), 404, "ResourceNotFound"),
        (format!("{REGISTRY}/{}/{row}?{OLD}", of_key(FIRST)), 404, "ResourceNotFound"),
        (format!("/{security}/assessmentMetadata/other?{OLD}"), 404, "ResourceNotFound"),
        (format!("{SUBSCRIPTION}/{security}/secrets?{OLD}"), 404, "NotFound"),
        ("/nowhere".to_owned(), 404, "NotFound"),
    ] {
        let (found, body) = api.get(&path).await;
        assert_eq!((found.as_u16(), &body["error"]["code"]), (status, &json!(code)), "{path}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.len() > 10 && !message.ends_with('.'), "{message}");
    }
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let api = Api::with_images().await;
    let (_, page) = api.get(&format!("{REGISTRY}/{}?{OLD}&$top=1", of_key(SECOND))).await;
    let (_, token) = page["nextLink"].as_str().unwrap().split_once("$skipToken=").unwrap();
    let (status, _) = api.get(&format!("{REGISTRY}/{}?{OLD}&$skipToken={token}", of_key(FIRST))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn other_methods_are_refused_and_every_answer_has_its_ids() {
    let api = Api::empty().await;
    let path = format!("{REGISTRY}/providers/Microsoft.Security/assessments/{FIRST}?{OLD}");
    let (status, _, body) = api.send(Method::PUT, &path).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("BuiltInAssessment")));
    let (status, headers, body) = api.send(Method::PATCH, &path).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(headers["allow"], "GET, HEAD");
    assert_eq!(body["error"]["code"], "MethodNotAllowed");
    let (_, again, _) = api.send(Method::GET, &path).await;
    for headers in [&headers, &again] {
        assert_eq!(headers["x-ms-correlation-request-id"], headers["x-ms-request-id"]);
    }
    assert_ne!(headers["x-ms-request-id"], again["x-ms-request-id"]);
}

#[tokio::test]
async fn case_and_versions_do_not_count() {
    let api = Api::with_images().await;
    let asked = format!("{REGISTRY}/{}", of_key(SECOND));
    let rows = api.rows(&format!("{asked}?{OLD}")).await;
    assert_eq!(api.rows(&format!("{}?API-VERSION=2030-01-01-Preview", asked.to_lowercase())).await, rows);
    assert_eq!(api.rows(&format!("/{}?{OLD}", asked.to_uppercase())).await, rows);
}

/// `./test` makes an environment with the SDK and names its Python.
#[tokio::test]
async fn azures_own_sdk_understands_every_row() {
    let Some(python) = std::env::var_os("PLIMSOLL_TEST_PYTHON") else {
        eprintln!("skipped: PLIMSOLL_TEST_PYTHON names no Python with azure-mgmt-security; ./test makes one");
        return;
    };
    let api = Api::with_images().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, api.router.clone()).into_future());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/azure_sdk.py");
    let subscription = SUBSCRIPTION.rsplit('/').next().unwrap();
    let run =
        tokio::process::Command::new(python).arg(script).args([&endpoint, subscription, REGISTRY]).output();
    let output = run.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |key: &str, code: &str| summary["by_key_and_status"][format!("{key} {code}")].clone();
    for key in [FIRST, SECOND] {
        assert_eq!(count(key, "Unhealthy"), 3);
        assert_eq!(count(key, "Healthy"), 2);
        assert_eq!(count(key, "NotApplicable"), 2);
    }
    assert_eq!(summary["images"].as_array().unwrap().len(), 6);
}

fn of_key(key: &str) -> String {
    format!("providers/Microsoft.Security/assessments/{key}/subAssessments")
}

/// The API over a store of its own.
struct Api {
    router: axum::Router,
    store: Store,
    /// The image with two findings.
    application: Image,
    _folder: tempfile::TempDir,
}

impl Api {
    async fn empty() -> Self {
        Self::over(async |_: &Store, _: &Image| ()).await
    }

    async fn with_images() -> Self {
        Self::over(async |store: &Store, application: &Image| {
            let complete = json!({"conclusion": {"complete": true}});
            let incomplete = json!({"conclusion": {"complete": false, "reason": "layer 1 is damaged"}});
            let done = ImageState::Done;
            let severe = found("CVE-2018-0732", Severity::Critical);
            let mild = found("CVE-2018-0737", Severity::Low);

            push(store, "team/app", "1.0", application).await;
            judge(store, application, "libcrypto1.0", vec![severe.clone(), mild], done.clone(), &complete)
                .await;
            for (repository, state, coverage) in [
                ("team/clean", Some(done.clone()), &complete),
                ("team/damaged", Some(done.clone()), &incomplete),
                ("team/windows", Some(ImageState::Unsupported("a Windows image".into())), &incomplete),
                ("team/waiting", None, &incomplete),
            ] {
                let image = image_with(repository, "linux", "amd64");
                push(store, repository, "1.0", &image).await;
                if let Some(state) = state {
                    judge(store, &image, "musl", Vec::new(), state, coverage).await;
                }
            }

            let (amd, arm) = (image_with("multi", "linux", "amd64"), image_with("multi", "linux", "arm64"));
            push(store, "team/multi", "", &amd).await;
            push(store, "team/multi", "", &arm).await;
            let index = image::index(&[(&amd, "linux", "amd64"), (&arm, "linux", "arm64")]);
            put(store, "team/multi", "1.0", &index).await;
            judge(store, &amd, "libssl1.0", vec![severe], done.clone(), &complete).await;
            judge(store, &arm, "musl", Vec::new(), done, &complete).await;
        })
        .await
    }

    async fn over(fill: impl AsyncFnOnce(&Store, &Image)) -> Self {
        Self::asking(Mode::Off, fill).await
    }

    /// A server with images that asks everybody who he is.
    async fn closed() -> Self {
        Self::asking(Mode::Required, async |store, application| {
            push(store, "team/app", "1", application).await;
            let matches = vec![found("CVE-2018-0732", Severity::Critical)];
            judge(store, application, "openssl", matches, ImageState::Done, &json!({"layers": 1})).await;
        })
        .await
    }

    async fn asking(mode: Mode, fill: impl AsyncFnOnce(&Store, &Image)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let settings = Settings {
            database: format!("sqlite:{at}/store.db"),
            blobs: format!("file:{at}/blobs"),
            blob_options: Vec::new(),
            node: "test".into(),
        };
        let store = Store::open(&settings).await.unwrap();
        let application = image_with("application", "linux", "amd64");
        let scope = Scope {
            subscription: SUBSCRIPTION.rsplit('/').next().unwrap().into(),
            resource_group: "Harbour".into(),
            registry: "Quay".into(),
            registry_host: "quay.example:5000".into(),
        };
        store.ensure_registry(&scope, &json!({}), instant()).await.unwrap();
        fill(&store, &application).await;
        let clock: plimsoll_access::Clock = std::sync::Arc::new(instant);
        let settings = plimsoll_access::Settings { mode, tenant: Guid::nil(), oidc: None };
        let access = Access::open(store.clone(), clock, settings).await.unwrap();
        let router = plimsoll_web::router(Web {
            access,
            store: store.clone(),
            clock: std::sync::Arc::new(|| Timestamp(1_790_000_000_000)),
            scope,
            connection: Connection::default(),
            login_server_suffix: "quay.example:5000".into(),
        });
        Self { router, store, application, _folder: folder }
    }

    /// All rows of a list that fits on one page.
    async fn rows(&self, path: &str) -> Vec<Value> {
        let (status, mut body) = self.get(path).await;
        assert_eq!((status, body.get("nextLink")), (StatusCode::OK, None), "{path}: {body}");
        let Value::Array(rows) = body["value"].take() else { panic!("{path}: {body}") };
        let ids: BTreeSet<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rows.len(), "{path} tells a row twice");
        rows
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.send(Method::GET, path).await;
        (status, body)
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("host", "quay.example:5000");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn send(&self, method: Method, path: &str) -> (StatusCode, HeaderMap, Value) {
        self.send_body(method, path, "").await
    }

    async fn send_body(&self, method: Method, path: &str, body: &str) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path).header("host", "quay.example:5000");
        let response =
            self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

#[tokio::test]
async fn a_client_finds_the_cloud_before_it_has_a_token() {
    let api = Api::empty().await;
    for path in ["/metadata/endpoints?api-version=2022-09-01", "/metadata/endpoints", "//Metadata/Endpoints/"]
    {
        let (status, cloud) = api.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!(cloud["resourceManager"], "http://quay.example:5000");
        assert_eq!(cloud["authentication"]["audiences"][0], "http://quay.example:5000");
        assert_eq!(cloud["suffixes"]["acrLoginServer"], "quay.example");
    }
    let (_, clouds) = api.get("/metadata/endpoints?api-version=2019-05-01").await;
    assert_eq!(clouds[0]["name"], "Plimsoll");
    let (status, _) = api.get("/metadata/endpoints/other").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, tenants) = api.get("/tenants?api-version=2022-12-01").await;
    let (_, subscriptions) = api.get("/subscriptions?api-version=2022-12-01").await;
    assert_eq!(tenants["value"][0]["tenantId"], subscriptions["value"][0]["tenantId"]);
}

#[tokio::test]
async fn every_operation_of_the_table_is_answered() {
    let api = Api::with_images().await;
    let (_, document) = api.get("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    for (operation, path) in ours() {
        let method = operation.method.parse().unwrap();
        let (status, _, answer) = api.send(method, &format!("{path}?api-version=2021-06-01")).await;
        let code = &answer["error"]["code"];
        assert!(
            code != "NotFound" && code != "MethodNotAllowed",
            "{} {path}: {status} {answer}",
            operation.method
        );
    }
}

#[tokio::test]
async fn every_body_of_a_wrong_type_is_refused() {
    let api = Api::with_images().await;
    for (operation, path) in ours().filter(|(operation, _)| operation.request.is_some()) {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for body in [
            "[]",
            "7",
            "true",
            "\"text\"",
            "{",
            "{\"a\":",
            "\u{fffd}",
            &deep,
            "{\"properties\": 7}",
            "{\"properties\": []}",
        ] {
            let method: Method = operation.method.parse().unwrap();
            let (status, _, answer) =
                api.send_body(method, &format!("{path}?api-version=2021-06-01"), body).await;
            let shown: String = body.chars().take(30).collect();
            // What does not read its properties does not mind them.
            let minds = !body.starts_with("{\"properties") || operation.method == "PUT";
            if minds {
                assert!(status.is_client_error(), "{} {path} {shown}: {status} {answer}", operation.method);
                let message = answer["error"]["message"].as_str().unwrap_or_default();
                assert!(!message.is_empty(), "{} {path} {shown}: {answer}", operation.method);
            }
            assert!(!status.is_server_error(), "{} {path} {shown}: {status} {answer}", operation.method);
        }
    }
}

/// The operations of the table that this router answers, each with a path that has known names in it.
fn ours() -> impl Iterator<Item = (&'static Operation, String)> {
    plimsoll_web::operations::all()
        .filter(|operation| is_ours(operation))
        .map(|operation| (operation, path_of(operation)))
}

/// Whether this router answers the operation: the registry and the binary answer the others.
fn is_ours(operation: &Operation) -> bool {
    let starts = ["/msi", "/metadata", "/openapi"].iter().any(|start| operation.path.starts_with(start));
    starts || operation.area == Area::Manager
}

/// A path of the operation, with names that are there where there is one.
fn path_of(operation: &Operation) -> String {
    operation.names().fold(operation.path.to_owned(), |path, name| {
        let value = match name {
            "scope" => REGISTRY.trim_start_matches('/'),
            "subscriptionId" => SUBSCRIPTION.rsplit('/').next().unwrap(),
            "resourceGroupName" => "Harbour",
            "registryName" => "Quay",
            "assessmentName" => FIRST,
            _ => "any",
        };
        path.replace(&format!("{{{name}}}"), value)
    })
}

/// An image that differs from all others by its one file.
fn image_with(content: &str, os: &str, architecture: &str) -> Image {
    let layer = Layer::new().file("content", content).tar();
    Image::for_platform(&[layer], Packing::Gzip, os, architecture)
}

fn instant() -> Timestamp {
    "2026-08-21T10:00:00Z".parse().unwrap()
}

/// Stores the image's blobs and its manifest, under a tag where one is given.
async fn push(store: &Store, repository: &str, tag: &str, image: &Image) {
    let name: RepositoryName = repository.parse().unwrap();
    for blob in image.blobs() {
        let bytes = bytes::Bytes::from(blob.bytes.clone());
        let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
        store.put_blob(&name, &blob.digest, body, instant()).await.unwrap();
    }
    put(store, repository, tag, &image.manifest).await;
}

async fn put(store: &Store, repository: &str, tag: &str, manifest: &Blob) {
    let tags: Vec<Tag> = tag.parse().into_iter().collect();
    let put = ManifestPut {
        repository: &repository.parse().unwrap(),
        tags: &tags,
        digest: &manifest.digest,
        body: manifest.bytes.clone().into(),
        manifest: &Manifest::parse(&manifest.media_type, &manifest.bytes).unwrap(),
        now: instant(),
    };
    assert_eq!(store.put_manifest(put).await.unwrap(), Stored::Yes);
}

/// Records that the image holds this package of Alpine, and what was found of it.
async fn judge(
    store: &Store,
    image: &Image,
    package: &str,
    found: Vec<Match>,
    state: ImageState,
    coverage: &Value,
) {
    let package = InstalledPackage {
        package: Package::new(PackageType::Apk, package, "1.0.2n-r0"),
        ecosystem: Some(Ecosystem::release_of("Alpine", "v3.4")),
        path: "lib/apk/db/installed".into(),
        layer: Some(image.layers[0].digest.clone()),
        purl: format!("pkg:apk/alpine/{package}@1.0.2n-r0"),
        details: Default::default(),
    };
    let verdict = Verdict {
        image: image.digest(),
        platform: None::<&Platform>,
        inventory: &ImageInventory { packages: vec![package.clone()], ..ImageInventory::default() },
        chain: &[],
        state,
        coverage: coverage.clone(),
        matches: vec![(package, found)],
        generation: 1,
        now: instant(),
    };
    store.save_verdict(verdict).await.unwrap();
}

fn found(vulnerability: &str, severity: Severity) -> Match {
    let advisory = format!("ALPINE-{vulnerability}");
    Match {
        vulnerability: vulnerability.into(),
        advisories: vec![advisory.clone()],
        aliases: Vec::new(),
        status: Status::Affected,
        fixed_version: Some("1.0.2o-r1".into()),
        severity,
        cvss: vec![Cvss {
            version: "3.1".into(),
            vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
            score: 9.8,
            source: advisory,
        }],
        summary: String::new(),
        description: "An example".into(),
        published: Some(Timestamp(0)),
        modified: None,
        references: Vec::new(),
        weak: false,
        evidence: Default::default(),
    }
}

#[tokio::test]
async fn automations_are_written_read_and_deleted_without_their_secrets() {
    let api = Api::empty().await;
    let path = format!("{GROUP}/providers/Microsoft.Security/automations/severe?{OLD}");
    let body = automation("https://hooks.example/a");
    let (status, made) = api.write(Method::PUT, &path, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!((&made["name"], &made["type"]), (&json!("severe"), &json!("Microsoft.Security/automations")));
    assert_eq!(made["id"], format!("{GROUP}/providers/Microsoft.Security/automations/severe"));
    assert_eq!((&made["properties"]["isEnabled"], &made["location"]), (&json!(true), &json!("local")));
    assert!(!made.to_string().contains("0123456789abcdef"), "{made}");
    assert_eq!(api.write(Method::PUT, &path, &made).await.0, StatusCode::OK, "what was read can be written");
    let patch = json!({"properties": {"isEnabled": false}});
    let (_, patched) =
        api.write(Method::PATCH, &path.to_uppercase().replace(&OLD.to_uppercase(), OLD), &patch).await;
    assert_eq!(patched["properties"]["isEnabled"], false);
    assert_eq!(patched["properties"]["actions"], made["properties"]["actions"]);
    for scope in [SUBSCRIPTION, GROUP] {
        let listed = api.rows(&format!("{scope}/providers/Microsoft.Security/automations?{OLD}")).await;
        assert_eq!(listed, std::slice::from_ref(&patched));
    }
    assert_eq!(api.get(&path).await.1, patched);
    for _ in 0..2 {
        assert_eq!(api.write(Method::DELETE, &path, &Value::Null).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(api.get(&path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_automation_that_cannot_work_is_refused_with_its_fault() {
    let api = Api::empty().await;
    let path = format!("{GROUP}/providers/Microsoft.Security/automations/severe");
    let mut logic = automation("https://hooks.example/a");
    logic["properties"]["actions"] = json!([{"actionType": "LogicApp", "logicAppResourceId": "/x"}]);
    let mut hub = logic.clone();
    hub["properties"]["actions"][0]["actionType"] = json!("EventHub");
    for (body, at) in [
        (json!({"properties": {}}), "properties.sources must name at least one source"),
        (automation("ftp://x"), "properties.actions[0].uri must begin with https:// or http://"),
        (logic.clone(), "properties.actions[0].uri must be the address to post to"),
        (hub, "properties.actions[0].actionType is EventHub: this server reaches no Event Hub"),
    ] {
        let (status, answer) = api.write(Method::PUT, &format!("{path}?{OLD}"), &body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::BAD_REQUEST, &json!("InvalidAutomation"))
        );
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(at), "{answer}");
        let (status, answer) = api.write(Method::POST, &format!("{path}/validate?{OLD}"), &body).await;
        assert_eq!((status, &answer["isValid"]), (StatusCode::OK, &json!(false)));
        assert!(answer["message"].as_str().unwrap().starts_with(at), "{answer}");
    }
    let good = automation("https://hooks.example/a");
    let (_, answer) = api.write(Method::POST, &format!("{path}/validate?{OLD}"), &good).await;
    assert_eq!(answer["isValid"], true);
    assert_eq!(api.get(&format!("{path}?{OLD}")).await.0, StatusCode::NOT_FOUND, "nothing was written");
    let elsewhere =
        format!("/subscriptions/other/resourceGroups/x/providers/Microsoft.Security/automations/a?{OLD}");
    assert_eq!(api.write(Method::PUT, &elsewhere, &good).await.1["error"]["code"], "SubscriptionNotFound");
    let no_group =
        format!("{SUBSCRIPTION}/resourceGroups/none/providers/Microsoft.Security/automations/a?{OLD}");
    assert_eq!(api.write(Method::PUT, &no_group, &good).await.1["error"]["code"], "ResourceGroupNotFound");
    logic["properties"]["actions"][0]["uri"] = json!("https://logic.example/?sig=1");
    let (_, made) = api.write(Method::PUT, &format!("{path}?{OLD}"), &logic).await;
    assert!(!made.to_string().contains("sig=1"), "{made}");
    assert_eq!(
        api.write(Method::PUT, &format!("{path}?{OLD}"), &made).await.0,
        StatusCode::OK,
        "its address is kept"
    );
}

#[tokio::test]
async fn deliveries_are_listed_and_replayed() {
    use plimsoll_store::{DeliveryKind, Ending, NewDelivery, Target};
    let api = Api::empty().await;
    let resource = format!("{GROUP}/providers/Microsoft.Security/automations/severe");
    let target = Target { resource: resource.parse().unwrap(), action: 0 };
    for _ in 0..3 {
        let (target, kind) = (target.clone(), DeliveryKind::Snapshot);
        let new = NewDelivery { event: None, target, kind, part: String::new(), detail: Value::Null };
        api.store.queue_delivery(&new, 10, instant()).await.unwrap();
    }
    let claim = api.store.claim_target(instant(), 1_000).await.unwrap().unwrap();
    let first = api.store.next_delivery(&claim).await.unwrap().unwrap();
    let dead = Ending::Dead("it answered 410 Gone".into(), Some(410));
    api.store.end_delivery(&claim, first.id, &dead, instant(), 1_000).await.unwrap();

    let list = format!("{GROUP}/providers/Plimsoll.Security/deliveries");
    let given_up = api.rows(&format!("{list}?{OLD}&state=dead")).await;
    assert_eq!(given_up.len(), 1);
    let properties = &given_up[0]["properties"];
    assert_eq!(
        (&properties["reason"], &properties["httpStatus"]),
        (&json!("it answered 410 Gone"), &json!(410))
    );
    assert_eq!(properties["target"].as_str().unwrap().to_lowercase(), resource.to_lowercase());
    let (_, page) = api.get(&format!("{list}?{OLD}&state=pending&$top=1")).await;
    let next = page["nextLink"].as_str().unwrap().strip_prefix("http://quay.example:5000").unwrap();
    let (_, last) = api.get(next).await;
    assert_ne!(page["value"][0]["name"], last["value"][0]["name"]);
    assert_eq!(last.get("nextLink"), None);

    let one = format!("{list}/{}", first.id);
    assert_eq!(api.get(&format!("{one}?{OLD}")).await.1, given_up[0]);
    let (status, replayed) = api.write(Method::POST, &format!("{one}/replay?{OLD}"), &Value::Null).await;
    assert_eq!((status, &replayed["properties"]["state"]), (StatusCode::OK, &json!("pending")));
    let (status, answer) = api.write(Method::POST, &format!("{one}/replay?{OLD}"), &Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("DeliveryPending")));
    let (_, all) = api.write(Method::POST, &format!("{list}/replay?{OLD}"), &Value::Null).await;
    assert_eq!(all, json!({"replayed": 0}));
    for (path, code) in [
        (format!("{list}/x?{OLD}"), "ResourceNotFound"),
        (
            format!("/subscriptions/other/providers/Plimsoll.Security/deliveries/{}?{OLD}", first.id),
            "ResourceNotFound",
        ),
        (format!("{list}?{OLD}&state=lost"), "InvalidQueryParameterValue"),
        (format!("{list}?{OLD}&$skipToken=YWJj"), "InvalidQueryParameterValue"),
    ] {
        assert_eq!(api.get(&path).await.1["error"]["code"], code, "{path}");
    }
    assert!(
        api.rows(&format!("/subscriptions/other/providers/Plimsoll.Security/deliveries?{OLD}"))
            .await
            .is_empty()
    );
}

fn automation(uri: &str) -> Value {
    json!({
        "location": "local",
        "properties": {
            "scopes": [{"scopePath": SUBSCRIPTION}],
            "sources": [{"eventSource": "SubAssessments"}],
            "actions": [{"actionType": "Webhook", "uri": uri, "secret": "0123456789abcdef"}],
        },
    })
}

const LOW: &str = "providers/Plimsoll.Security/disableRules/low";

#[tokio::test]
async fn a_disabled_finding_keeps_its_row_and_leaves_counters_and_score() {
    let api = Api::with_images().await;
    let before = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await;
    let score = format!("{SUBSCRIPTION}/providers/Microsoft.Security/secureScores/ascScore?{OLD}");
    let (_, shown) = api.get(&score).await;
    assert_eq!(shown["properties"]["score"], json!({"max": 6, "current": 0.0, "percentage": 0.0}));
    assert_eq!(shown["properties"]["weight"], 1);

    let rule = json!({"properties": {"reason": "not reachable", "author": "ada", "criteria": {"severityAtOrBelow": "critical"}}});
    let preview = format!("{SUBSCRIPTION}/{LOW}/preview?{OLD}");
    let (status, _, preview) = api.send_body(Method::POST, &preview, &rule.to_string()).await;
    assert_eq!((status, &preview["findings"]), (StatusCode::OK, &json!(3)), "{preview}");
    assert_eq!(preview["examples"].as_array().unwrap().len(), 3);
    let path = format!("{SUBSCRIPTION}/{LOW}?{OLD}");
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let (status, _, shown) = api.send_body(Method::PUT, &path, &rule.to_string()).await;
        assert_eq!((status, &shown["properties"]["state"]), (expected, &json!("Active")), "{shown}");
    }
    let rows = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await;
    let hidden: Vec<_> = rows.iter().filter(|row| row["properties"]["status"]["cause"] == "Exempt").collect();
    assert_eq!(hidden.len(), 3);
    for row in hidden {
        let status = &row["properties"]["status"];
        assert_eq!(status["code"], "NotApplicable");
        let description = status["description"].as_str().unwrap();
        assert!(description.contains("low") && description.contains("not reachable"), "{description}");
    }
    let unhealthy = rows.iter().filter(|row| row["properties"]["status"]["code"] == "Unhealthy").count();
    let healthy = rows.iter().filter(|row| row["properties"]["status"]["code"] == "Healthy").count();
    assert_eq!((unhealthy, healthy), (0, 4), "the two images of which all is hidden have a row that says so");
    let (_, assessment) =
        api.get(&format!("{REGISTRY}/providers/Microsoft.Security/assessments/{SECOND}?{OLD}")).await;
    assert_eq!(assessment["properties"]["additionalData"]["disabledFindings"], "3");
    assert_eq!(assessment["properties"]["additionalData"]["unhealthyImages"], "0");

    let rules = api.rows(&format!("{REGISTRY}/providers/Plimsoll.Security/disableRules?{OLD}")).await;
    assert_eq!(rules.len(), 0, "it hangs above the registry");
    let rules = api.rows(&format!("{SUBSCRIPTION}/providers/Plimsoll.Security/disableRules?{OLD}")).await;
    assert_eq!(rules[0]["name"], "low");
    // What was read can be written back.
    let (status, _, _) = api.send_body(Method::PUT, &path, &rules[0].to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, _) = api.send(Method::DELETE, &path).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await, before);
    assert_eq!(api.send(Method::DELETE, &path).await.0, StatusCode::NO_CONTENT);
    let (status, _, _) =
        api.send_body(Method::POST, &format!("{SUBSCRIPTION}/{LOW}/preview?{OLD}"), "").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "there is no rule any more whose preview could be made");
}

#[tokio::test]
async fn a_wrong_rule_is_refused_by_the_name_of_its_field() {
    let api = Api::with_images().await;
    for (scope, body, told) in [
        (SUBSCRIPTION, json!({"properties": {"criteria": {"cves": "CVE-1"}}}), "properties.reason"),
        (SUBSCRIPTION, json!({"properties": {"reason": "r", "criteria": {}}}), "properties.criteria"),
        (
            SUBSCRIPTION,
            json!({"properties": {"reason": "r", "criteria": {"cve": "x"}}}),
            "properties.criteria.cve",
        ),
        (
            &format!("{REGISTRY}x"),
            json!({"properties": {"reason": "r", "criteria": {"cves": "CVE-1"}}}),
            "Quayx",
        ),
    ] {
        let path = format!("{scope}/{LOW}?{OLD}");
        let (status, _, answer) = api.send_body(Method::PUT, &path, &body.to_string()).await;
        assert!(status.is_client_error(), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(told), "{answer}");
    }
    let body = json!({"properties": {"reason": "r", "expiresOn": "2020-01-01T00:00:00Z", "criteria": {"cves": "CVE-2018-0732"}}});
    let path = format!("{SUBSCRIPTION}/{LOW}?{OLD}");
    let (_, _, shown) = api.send_body(Method::PUT, &path, &body.to_string()).await;
    assert_eq!(shown["properties"]["state"], "Expired");
    let rows = api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await;
    assert!(rows.iter().all(|row| row["properties"]["status"]["cause"] != "Exempt"));
}

#[tokio::test]
async fn an_exempted_registry_is_not_applicable_and_not_in_the_score() {
    let api = Api::with_images().await;
    let path = format!("{GROUP}/providers/Microsoft.Authorization/policyExemptions/legacy?{OLD}");
    let body = json!({"properties": {
        "policyAssignmentId": "/x", "exemptionCategory": "waiver", "displayName": "Legacy",
        "policyDefinitionReferenceIds": [SECOND], "expiresOn": "2099-01-01T00:00:00Z",
    }});
    let (status, _, shown) = api.send_body(Method::PUT, &path, &body.to_string()).await;
    assert_eq!((status, &shown["properties"]["exemptionCategory"]), (StatusCode::CREATED, &json!("Waiver")));
    let code = async |key: &str| {
        let path = format!("{REGISTRY}/providers/Microsoft.Security/assessments/{key}?{OLD}");
        let status = &api.get(&path).await.1["properties"]["status"];
        format!("{} {}", status["code"].as_str().unwrap(), status["cause"].as_str().unwrap())
    };
    assert_eq!((code(FIRST).await, code(SECOND).await), ("Unhealthy ".into(), "NotApplicable Exempt".into()));
    for row in api.rows(&format!("{REGISTRY}/{}?{OLD}", of_key(SECOND))).await {
        assert_eq!(row["properties"]["status"]["cause"], "Exempt", "{row}");
    }
    let all = json!({"properties": {"policyAssignmentId": "/x", "exemptionCategory": "Mitigated"}});
    assert_eq!(api.send_body(Method::PUT, &path, &all.to_string()).await.0, StatusCode::OK);
    let (_, controls) = api
        .get(&format!(
            "{SUBSCRIPTION}/providers/Microsoft.Security/secureScoreControls?{OLD}&$expand=definition"
        ))
        .await;
    let properties = &controls["value"][0]["properties"];
    assert_eq!(properties["notApplicableResourceCount"], 1);
    assert_eq!(properties["score"]["max"], 0);
    assert_eq!(properties["definition"]["properties"]["maxScore"], 6);
    let listed =
        api.rows(&format!("{REGISTRY}/providers/Microsoft.Authorization/policyExemptions?{OLD}")).await;
    assert_eq!(listed.len(), 1, "what is above the registry concerns it");
    let bad = json!({"properties": {"policyAssignmentId": "/x", "exemptionCategory": "no"}});
    let (status, _, answer) = api.send_body(Method::PUT, &path, &bad.to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("properties.exemptionCategory"));
    assert_eq!(api.send(Method::DELETE, &path).await.0, StatusCode::OK);
    assert_eq!(code(SECOND).await, "Unhealthy ");
    let (_, history) = api
        .get(&format!("{SUBSCRIPTION}/providers/Plimsoll.Security/secureScores/ascScore/history?{OLD}"))
        .await;
    assert_eq!(history["value"][0]["score"]["max"], 0, "{history}");
}

#[tokio::test]
async fn the_images_that_have_a_vulnerability_are_listed_page_by_page() {
    let api = Api::with_images().await;
    let findings = api.rows(&format!("{SUBSCRIPTION}/{}?{OLD}", of_key(SECOND))).await;
    let vulnerability = findings[0]["properties"]["id"].as_str().unwrap().to_owned();
    let mut expected: Vec<&str> = findings
        .iter()
        .filter(|row| row["properties"]["id"] == vulnerability.as_str())
        .map(|row| row["properties"]["additionalData"]["artifactDetails"]["digest"].as_str().unwrap())
        .collect();
    expected.sort_unstable();
    let path = format!(
        "{SUBSCRIPTION}/providers/Plimsoll.Security/affectedImages?{OLD}&vulnerability={vulnerability}"
    );
    let (mut walked, mut next) = (Vec::new(), Some(format!("{path}&$top=1")));
    while let Some(link) = next {
        let (status, page) = api.get(&link).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for image in page["value"].as_array().unwrap() {
            assert_eq!(image["registryHost"], "quay.example:5000");
            walked.push(image["digest"].as_str().unwrap().to_owned());
        }
        next = page["nextLink"].as_str().map(|link| link["http://quay.example:5000".len()..].to_owned());
    }
    walked.sort_unstable();
    assert_eq!(walked, expected);
    let (_, none) = api.get(&path.replace(&vulnerability, "CVE-1999-0001")).await;
    assert_eq!(none["value"], json!([]));
    for wrong in
        [path.replace(&vulnerability, ""), format!("{path}&$skipToken=-1"), format!("{path}&$skipToken=x")]
    {
        let (status, answer) = api.get(&wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn what_was_known_can_be_asked_page_by_page() {
    let api = Api::with_images().await;
    let path = format!("{SUBSCRIPTION}/providers/Plimsoll.Security/findingHistory?{OLD}");
    let (_, all) = api.get(&path).await;
    let all = all["value"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3);
    assert_eq!((&all[0]["firstSeen"], &all[0]["goneOn"]), (&json!("2026-08-21T10:00:00Z"), &Value::Null));
    let (mut walked, mut next) = (Vec::new(), Some(format!("{path}&$top=2")));
    while let Some(link) = next {
        let (status, page) = api.get(&link).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        walked.extend(page["value"].as_array().unwrap().iter().cloned());
        next = page["nextLink"].as_str().map(|link| link["http://quay.example:5000".len()..].to_owned());
    }
    assert_eq!(walked, all);
    let (_, before) = api.get(&format!("{path}&asOf=2026-08-21T09:59:59Z")).await;
    assert_eq!(before["value"], json!([]));
    let (_, one) = api.get(&format!("{path}&vulnerability=CVE-2018-0732")).await;
    assert!(!one["value"].as_array().unwrap().is_empty());
    let (status, answer) = api.get(&format!("{path}&asOf=yesterday")).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("InvalidQueryParameterValue"))
    );
}
