//! Telling: from a row in the store to a request that a receiver took.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use plimsoll_scan::{Notifier, NotifySettings, Shapes};
use plimsoll_store::{
    Delivery, DeliveryFilter, DeliveryState, FindingRow, ImageState, ManifestPut, Origin, Replay, Store,
    Verdict,
};
use plimsoll_testkit::image::{Image, Layer, Packing};
use plimsoll_types::{
    Ecosystem, ImageInventory, InstalledPackage, Manifest, Match, Package, PackageType, RepositoryName,
    ResourceId, Scope, Severity, Status, Timestamp,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::web::{Request, Response, Server};

const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";
const SECRET: &str = "0123456789abcdef";
const HOUR: i64 = 3_600_000;

/// A store with an empty registry, and a clock that is turned by hand.
struct Quay {
    store: Store,
    settings: plimsoll_store::Settings,
    now: Arc<AtomicI64>,
    running: Mutex<Option<(CancellationToken, tokio::task::JoinHandle<()>)>>,
    _folder: tempfile::TempDir,
}

impl Quay {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = plimsoll_store::Settings {
            database: format!("sqlite:{}", folder.path().join("db").display()),
            blobs: format!("file:{}", folder.path().join("blobs").display()),
            blob_options: vec![],
            node: "test".into(),
        };
        let store = Store::open(&settings).await.unwrap();
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        store.ensure_registry(&scope(), &json!({}), Timestamp(now.load(Ordering::SeqCst))).await.unwrap();
        Self { store, settings, now, running: Mutex::default(), _folder: folder }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    fn start(&self) {
        self.start_with(|settings| settings);
    }

    fn start_with(&self, change: impl FnOnce(NotifySettings) -> NotifySettings) {
        let now = Arc::clone(&self.now);
        let clock: plimsoll_scan::Clock = Arc::new(move || Timestamp(now.load(Ordering::SeqCst)));
        let settings = NotifySettings {
            poll: Duration::from_millis(10),
            look: Duration::from_millis(10),
            timeout: Duration::from_millis(500),
            reach: "loopback".parse().unwrap(),
            ..NotifySettings::default()
        };
        let notifier = Notifier::new(self.store.clone(), shapes(), clock, change(settings)).unwrap();
        let stop = CancellationToken::new();
        let until = stop.clone();
        let task = tokio::spawn(async move { notifier.run(until).await });
        *self.running.lock().unwrap() = Some((stop, task));
    }

    async fn stop(&self) {
        let (stop, task) = self.running.lock().unwrap().take().expect("it runs");
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), task).await.expect("it ends").unwrap();
    }

    async fn automation(&self, name: &str, sources: Value, actions: Value) -> ResourceId {
        let id: ResourceId =
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/Harbour/providers/Microsoft.Security/automations/{name}")
                .parse()
                .unwrap();
        let mut body = json!({"properties": {"sources": sources, "actions": actions}});
        let secrets = plimsoll_types::automation::Automation::take_secrets(&mut body);
        self.store.put_resource_with_secrets(&id, &body, &secrets, self.now()).await.unwrap();
        id
    }

    async fn push(&self, repository: &str, tag: &str) -> plimsoll_types::Digest {
        let image =
            Image::of(&[Layer::new().file("content", format!("{repository}:{tag}")).tar()], Packing::Gzip);
        let name: RepositoryName = repository.parse().unwrap();
        for blob in image.blobs() {
            let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(blob.bytes.clone()))]));
            self.store.put_blob(&name, &blob.digest, body, self.now()).await.unwrap();
        }
        let put = ManifestPut {
            repository: &name,
            tags: &[tag.parse().unwrap()],
            digest: image.digest(),
            body: image.manifest.bytes.clone().into(),
            manifest: &Manifest::parse(&image.manifest.media_type, &image.manifest.bytes).unwrap(),
            now: self.now(),
        };
        let origin = Origin {
            id: "77aa".into(),
            host: "quay.example".into(),
            method: "PUT".into(),
            useragent: "skopeo/1.15".into(),
            ..Origin::default()
        };
        self.store.on_behalf_of(origin).put_manifest(put).await.unwrap();
        image.digest().clone()
    }

    /// Pushes an image and records what was found in it.
    async fn push_with(&self, repository: &str, found: &[(&str, Severity)]) -> plimsoll_types::Digest {
        let digest = self.push(repository, "v1").await;
        let matches = found.iter().map(|(name, severity)| affected(name, *severity)).collect();
        self.judge(&digest, matches, 1).await;
        digest
    }

    async fn judge(&self, digest: &plimsoll_types::Digest, matches: Vec<Match>, generation: u64) {
        let verdict = Verdict {
            image: digest,
            platform: None,
            inventory: &ImageInventory { packages: vec![curl()], ..ImageInventory::default() },
            chain: &[],
            state: ImageState::Done,
            coverage: json!({"conclusion": {"complete": true}}),
            matches: vec![(curl(), matches)],
            generation,
            now: self.now(),
        };
        self.store.save_verdict(verdict).await.unwrap();
    }

    async fn deliveries(&self, state: DeliveryState) -> Vec<Delivery> {
        let filter = DeliveryFilter { state: Some(state), under: None };
        self.store.deliveries(&filter, None, 1_000).await.unwrap()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..1_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let all = self.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap();
        panic!("it does not come to pass that {what}: {all:#?}");
    }

    async fn until_settled(&self) {
        self.until("nothing waits", async || {
            self.store.unrouted_events(1).await.unwrap().is_empty()
                && self.store.count_deliveries().await.unwrap().0 == 0
        })
        .await;
    }
}

fn scope() -> Scope {
    Scope {
        subscription: SUBSCRIPTION.into(),
        resource_group: "Harbour".into(),
        registry: "Quay".into(),
        registry_host: "quay.example".into(),
    }
}

fn curl() -> InstalledPackage {
    let package = Package::new(PackageType::Deb, "curl", "1");
    InstalledPackage {
        purl: package.purl(None).to_string(),
        package,
        ecosystem: Some(Ecosystem::release_of("Debian", "11")),
        path: "var/lib/dpkg/status".into(),
        layer: None,
        details: Default::default(),
    }
}

fn affected(vulnerability: &str, severity: Severity) -> Match {
    Match {
        vulnerability: vulnerability.into(),
        advisories: vec![format!("DSA-{vulnerability}")],
        aliases: vec![],
        status: Status::Affected,
        fixed_version: None,
        severity,
        cvss: vec![],
        summary: String::new(),
        description: String::new(),
        published: None,
        modified: None,
        references: vec![],
        weak: false,
        evidence: Default::default(),
    }
}

/// The words of the API, as far as rules here speak of them. A finding of CVE-HIDDEN is hidden by a rule.
fn shapes() -> Shapes {
    let finding = |scope: &Scope, row: &FindingRow| {
        let status = match &row.finding {
            Some((_, found)) if found.vulnerability == "CVE-HIDDEN" => {
                json!({"code": "NotApplicable", "cause": "Exempt"})
            }
            Some((_, found)) => json!({"code": "Unhealthy", "severity": found.severity.as_str()}),
            None => json!({"code": "Healthy"}),
        };
        let id = row.finding.as_ref().map(|(_, found)| found.vulnerability.clone());
        let registry = scope.registry_id();
        vec![
            json!({"name": row.id.to_string(), "properties": {"id": id, "status": status, "resourceDetails": {"id": registry}}}),
        ]
    };
    let assessment = |_: &Scope, generation, summary: &plimsoll_store::RegistrySummary| {
        if generation == plimsoll_types::Generation::First {
            return None;
        }
        let code = if summary.unhealthy > 0 { "Unhealthy" } else { "Healthy" };
        let images = summary.unhealthy.to_string();
        Some(
            json!({"name": "key", "properties": {"status": {"code": code}, "additionalData": {"unhealthyImages": images}}}),
        )
    };
    Shapes { finding: Arc::new(finding), assessment: Arc::new(assessment) }
}

fn sub_assessments() -> Value {
    json!([{"eventSource": "SubAssessments"}])
}

fn hook(server: &Server) -> Value {
    json!([{"actionType": "Webhook", "uri": format!("http://{}/hook", server.host), "secret": SECRET}])
}

/// What the receiver was told, request by request.
fn told(server: &Server) -> Vec<Value> {
    let requests = server.requests.lock().unwrap();
    requests.iter().filter(|r| r.method == "POST").map(|r| serde_json::from_slice(&r.body).unwrap()).collect()
}

/// `type id` of all events that the receiver was told, in their order.
fn events(server: &Server) -> Vec<String> {
    let flat = told(server).into_iter().flat_map(|body| match body {
        Value::Array(events) => events,
        event => vec![event],
    });
    flat.map(|event| {
        let kind = event["type"].as_str().unwrap().trim_start_matches("dev.plimsoll.").to_owned();
        let id = event["data"]["properties"]["id"].as_str().unwrap_or_default().to_owned();
        format!("{kind} {id}").trim_end().to_owned()
    })
    .collect()
}

async fn receiver() -> Server {
    Server::start(|_| Response::new(200, "thanks")).await
}

#[tokio::test]
async fn findings_are_told_as_they_come_and_go_and_signed() {
    let (quay, server) = (Quay::new().await, receiver().await);
    quay.automation("all", sub_assessments(), hook(&server)).await;
    quay.start();
    let first = quay.push_with("app", &[("CVE-1", Severity::High), ("CVE-HIDDEN", Severity::High)]).await;
    let second = quay.push_with("web", &[("CVE-1", Severity::High), ("CVE-HIDDEN", Severity::High)]).await;
    quay.until("the image is told", async || !told(&server).is_empty()).await;
    quay.until_settled().await;
    assert_eq!(events(&server)[0], "finding.appeared CVE-1");
    quay.judge(&first, vec![affected("CVE-1", Severity::Critical), affected("CVE-2", Severity::Low)], 2)
        .await;
    quay.until("news are told", async || events(&server).len() >= 6).await;
    quay.until_settled().await;
    quay.judge(&second, vec![affected("CVE-2", Severity::Low)], 3).await;
    quay.until("what went is told", async || events(&server).len() >= 8).await;
    quay.until_settled().await;
    let mut all = events(&server);
    all.sort();
    assert_eq!(
        all,
        [
            // The package version is in both images; what was found of it in the first holds for the second.
            "finding.appeared CVE-1",
            "finding.appeared CVE-1",
            "finding.appeared CVE-2",
            "finding.appeared CVE-2",
            "finding.changed CVE-1",
            "finding.changed CVE-1",
            "finding.resolved CVE-1",
            "finding.resolved CVE-1",
        ]
    );
    let requests = server.requests.lock().unwrap().clone();
    let ids: std::collections::HashSet<_> =
        requests.iter().map(|r| r.header("webhook-id").unwrap()).collect();
    assert_eq!(ids.len(), requests.len(), "every request has an id of its own");
    for request in &requests {
        assert_eq!(request.header("content-type"), Some("application/cloudevents-batch+json"));
        assert_eq!(request.header("webhook-signature").unwrap(), signature(request));
        for event in serde_json::from_slice::<Vec<Value>>(&request.body).unwrap() {
            assert_eq!(event["specversion"], "1.0");
            assert_eq!(event["source"], scope().registry_id());
            assert!(event["subject"].as_str().unwrap().contains("@sha256:"), "{event}");
            let code = &event["data"]["properties"]["status"]["code"];
            let is_resolved = event["type"] == "dev.plimsoll.finding.resolved";
            assert_eq!(code, if is_resolved { "Healthy" } else { "Unhealthy" });
        }
    }
    quay.stop().await;
}

/// HMAC by hand, from RFC 2104 and a hash: not with what signs.
fn signature(request: &Request) -> String {
    let sha256 = |bytes: &[u8]| {
        let hex = plimsoll_types::Digest::sha256(bytes).hex().to_owned();
        (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let mut key = SECRET.as_bytes().to_vec();
    key.resize(64, 0);
    let pad = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let (id, seconds) = (request.header("webhook-id").unwrap(), request.header("webhook-timestamp").unwrap());
    let text = [format!("{id}.{seconds}.").into_bytes(), request.body.clone()].concat();
    let mac = sha256(&[pad(0x5c), sha256(&[pad(0x36), text].concat())].concat());
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(mac))
}

#[tokio::test]
async fn what_was_committed_before_a_kill_is_told_after_it() {
    let (quay, server) = (Quay::new().await, receiver().await);
    quay.automation("all", sub_assessments(), hook(&server)).await;
    quay.push_with("app", &[("CVE-1", Severity::High)]).await;
    // Another process had taken the queue, and was killed.
    let first = quay.store.unrouted_events(100).await.unwrap();
    assert!(!first.is_empty());
    let again = Store::open(&quay.settings).await.unwrap();
    drop(again);
    quay.start();
    quay.until("it is told", async || events(&server) == ["finding.appeared CVE-1"]).await;
    quay.stop().await;
    quay.start();
    quay.until_settled().await;
    assert_eq!(events(&server).len(), 1, "what was taken is not told again");
    quay.stop().await;
}

#[tokio::test]
async fn only_what_the_rules_want_is_told_and_nothing_healthy() {
    let (quay, server) = (Quay::new().await, receiver().await);
    let rules = json!([{"rules": [{"propertyJPath": "properties.status.severity", "propertyType": "String", "operator": "Equals", "expectedValue": "critical"}]}]);
    quay.automation("some", json!([{"eventSource": "SubAssessments", "ruleSets": rules}]), hook(&server))
        .await;
    quay.start();
    quay.push_with(
        "app",
        &[("CVE-1", Severity::High), ("CVE-2", Severity::Critical), ("CVE-3", Severity::Low)],
    )
    .await;
    quay.until("it is told", async || !told(&server).is_empty()).await;
    let clean = quay.push("clean", "v1").await;
    let nothing = Verdict {
        image: &clean,
        platform: None,
        inventory: &ImageInventory::default(),
        chain: &[],
        state: ImageState::Done,
        coverage: json!({"conclusion": {"complete": true}}),
        matches: vec![],
        generation: 1,
        now: quay.now(),
    };
    quay.store.save_verdict(nothing).await.unwrap();
    quay.until_settled().await;
    assert_eq!(events(&server), ["finding.appeared CVE-2"]);
    assert_eq!(quay.deliveries(DeliveryState::Done).await.len(), 1, "of what told nothing no row is left");
    quay.stop().await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_later_and_in_the_end_given_up_and_replayed() {
    let quay = Quay::new().await;
    let status = Arc::new(Mutex::new(503));
    let answer = Arc::clone(&status);
    let server = Server::start(move |_| Response::new(*answer.lock().unwrap(), "overloaded")).await;
    quay.automation("all", json!([{"eventSource": "RegistryEvents"}]), hook(&server)).await;
    quay.start();
    quay.push("app", "v1").await;
    quay.push("app", "v2").await;
    quay.until("it failed", async || {
        quay.deliveries(DeliveryState::Pending).await.iter().any(|d| d.attempts == 1)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(told(&server).len(), 1, "it backs off, and the second waits behind the first");
    quay.pass(10_000);
    quay.until("it is tried again", async || told(&server).len() == 2).await;
    quay.pass(25 * HOUR);
    quay.until("it is given up", async || quay.deliveries(DeliveryState::Dead).await.len() == 1).await;
    let dead = quay.deliveries(DeliveryState::Dead).await.remove(0);
    let reason = dead.reason.clone().unwrap();
    assert!(
        reason.contains("3 attempts in 24 hours") && reason.contains("503") && reason.contains("overloaded"),
        "{reason}"
    );
    assert_eq!(dead.status, Some(503));

    *status.lock().unwrap() = 200;
    quay.pass(25 * HOUR);
    quay.until_settled().await;
    assert_eq!(quay.store.replay(Replay::AllDead(None), quay.now()).await.unwrap(), 1);
    quay.until("all is told", async || quay.deliveries(DeliveryState::Done).await.len() == 2).await;
    let subjects: Vec<_> = told(&server).iter().map(|body| body[0]["subject"].clone()).collect();
    let expected = ["app:v1", "app:v1", "app:v1", "app:v2", "app:v1"];
    assert_eq!(subjects[subjects.len() - 2..], expected[3..], "{subjects:?}");
    let ids: Vec<_> =
        told(&server).iter().filter(|b| b[0]["subject"] == "app:v1").map(|b| b[0]["id"].clone()).collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "one event has one id, however often it is told: {ids:?}"
    );
    quay.stop().await;
}

#[tokio::test]
async fn what_no_attempt_can_mend_is_given_up_at_once() {
    let quay = Quay::new().await;
    let server = Server::start(|_| Response::new(410, "gone\u{7}")).await;
    quay.automation("all", json!([{"eventSource": "RegistryEvents"}]), hook(&server)).await;
    let inside = json!([{"actionType": "Webhook", "uri": "http://10.0.0.1:9/", "secret": SECRET}]);
    quay.automation("inside", json!([{"eventSource": "RegistryEvents"}]), inside).await;
    quay.start();
    quay.push("app", "v1").await;
    quay.until("both are given up", async || quay.deliveries(DeliveryState::Dead).await.len() == 2).await;
    let reasons: Vec<_> =
        quay.deliveries(DeliveryState::Dead).await.into_iter().map(|d| d.reason.unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason == "it answered 410 Gone: gone"), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("webhook_targets")), "{reasons:?}");
    quay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn redirects_are_not_followed_and_silence_ends() {
    let quay = Quay::new().await;
    let elsewhere = receiver().await;
    let to = format!("http://{}/", elsewhere.host);
    let server = Server::start(move |request| match request.path.as_str() {
        "/silent" => {
            std::thread::sleep(Duration::from_secs(2));
            Response::new(200, "")
        }
        _ => Response::new(307, "").header("location", to.clone()),
    })
    .await;
    quay.automation("moved", json!([{"eventSource": "RegistryEvents"}]), hook(&server)).await;
    let silent = json!([{"actionType": "Webhook", "uri": format!("http://{}/silent", server.host)}]);
    quay.automation("silent", json!([{"eventSource": "RegistryEvents"}]), silent).await;
    quay.start();
    quay.push("app", "v1").await;
    let failed = async || {
        let pending = quay.deliveries(DeliveryState::Pending).await;
        pending.into_iter().filter_map(|delivery| delivery.reason).collect::<Vec<_>>()
    };
    quay.until("both failed", async || failed().await.len() == 2).await;
    let reasons = failed().await;
    assert!(reasons.iter().any(|reason| reason.contains("redirects are not followed")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("timed out")), "{reasons:?}");
    assert_eq!(elsewhere.requests.lock().unwrap().len(), 0);
    quay.stop().await;
}

#[tokio::test]
async fn a_receiver_is_asked_first_where_that_is_wanted() {
    let quay = Quay::new().await;
    let consents = Arc::new(Mutex::new(false));
    let answer = Arc::clone(&consents);
    let server = Server::start(move |request| match (request.method.as_str(), *answer.lock().unwrap()) {
        ("OPTIONS", true) => Response::new(200, "").header("WebHook-Allowed-Origin", "quay.example"),
        ("OPTIONS", false) => Response::new(200, ""),
        _ => Response::new(202, ""),
    })
    .await;
    let action = json!([{"actionType": "Webhook", "uri": format!("http://{}/", server.host), "validation": "Handshake", "mode": "Single"}]);
    quay.automation("all", json!([{"eventSource": "RegistryEvents"}]), action).await;
    quay.start_with(|settings| NotifySettings { origin: "quay.example".into(), ..settings });
    quay.push("app", "v1").await;
    quay.until("it is refused", async || {
        quay.deliveries(DeliveryState::Pending).await.iter().any(|d| d.attempts == 1)
    })
    .await;
    assert_eq!(told(&server).len(), 0, "without consent nothing is told");
    *consents.lock().unwrap() = true;
    quay.pass(10_000);
    quay.until_settled().await;
    quay.push("app", "v2").await;
    quay.until("both are told", async || told(&server).len() == 2).await;
    let requests = server.requests.lock().unwrap().clone();
    let asked: Vec<_> = requests.iter().filter(|r| r.method == "OPTIONS").collect();
    assert_eq!(asked.len(), 2, "consent counts for a day");
    assert_eq!(asked[0].header("webhook-request-origin"), Some("quay.example"));
    let event = requests.last().unwrap();
    assert_eq!(event.header("content-type"), Some("application/cloudevents+json"));
    assert_eq!(event.header("webhook-signature"), None, "there is no secret to sign with");
    quay.stop().await;
}

#[tokio::test]
async fn registry_events_look_like_event_grids() {
    let (quay, server) = (Quay::new().await, receiver().await);
    quay.automation("all", json!([{"eventSource": "RegistryEvents"}]), hook(&server)).await;
    quay.start();
    let digest = quay.push("team/app", "v1").await;
    quay.store.delete_manifest(&"team/app".parse().unwrap(), &digest, quay.now()).await.unwrap();
    quay.until("both are told", async || told(&server).len() == 2).await;
    let (pushed, deleted) = (told(&server)[0][0].clone(), told(&server)[1][0].clone());
    assert_eq!(pushed["type"], "Microsoft.ContainerRegistry.ImagePushed");
    assert_eq!(
        (&pushed["subject"], &pushed["source"]),
        (&json!("team/app:v1"), &json!(scope().registry_id()))
    );
    let target = &pushed["data"]["target"];
    assert_eq!(
        (&target["digest"], &target["tag"], &target["repository"]),
        (&json!(digest), &json!("v1"), &json!("team/app"))
    );
    assert_eq!(target["size"], target["length"]);
    let request = json!({"id": "77aa", "host": "quay.example", "method": "PUT", "useragent": "skopeo/1.15"});
    assert_eq!(pushed["data"]["request"], request);
    assert_eq!(
        (&deleted["type"], &deleted["subject"]),
        (&json!("Microsoft.ContainerRegistry.ImageDeleted"), &json!("team/app"))
    );
    let names: Vec<_> = deleted["data"]["target"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["digest", "mediaType", "repository"]);
    quay.stop().await;
}

#[tokio::test]
async fn a_registrys_web_hook_is_told_in_its_own_words() {
    let (quay, server) = (Quay::new().await, receiver().await);
    let id: ResourceId = format!("{}/webhooks/hook1", scope().registry_id()).parse().unwrap();
    let body = json!({"location": "local", "properties": {
        "serviceUri": format!("http://{}/acr?key=secret", server.host),
        "customHeaders": {"Authorization": "Bearer secret"},
        "actions": ["push", "delete"], "scope": "team/app:*", "status": "enabled",
    }});
    quay.store.put_resource(&id, &body, quay.now()).await.unwrap();
    quay.start();
    quay.push("other", "v1").await;
    let digest = quay.push("team/app", "v1").await;
    quay.store.delete_tag(&"team/app".parse().unwrap(), &"v1".parse().unwrap(), quay.now()).await.unwrap();
    quay.store.delete_manifest(&"team/app".parse().unwrap(), &digest, quay.now()).await.unwrap();
    let ping = quay.store.ping_webhook(&id, quay.now()).await.unwrap();
    quay.until("all is told", async || told(&server).len() == 3).await;
    quay.until_settled().await;
    let told = told(&server);
    let actions: Vec<_> = told.iter().map(|body| body["action"].as_str().unwrap()).collect();
    assert!(
        actions.contains(&"push") && actions.contains(&"delete") && actions.contains(&"ping"),
        "{actions:?}"
    );
    let push = told.iter().find(|body| body["action"] == "push").unwrap();
    assert_eq!((&push["target"]["tag"], &push["target"]["repository"]), (&json!("v1"), &json!("team/app")));
    let request = server.requests.lock().unwrap()[0].clone();
    assert_eq!(
        (request.header("authorization"), request.header("content-type")),
        (Some("Bearer secret"), Some("application/json"))
    );
    let kept = quay.store.webhook_events(&id, 10).await.unwrap();
    assert_eq!(kept.len(), 3);
    let kept_ping = kept.iter().find(|event| event["id"] == json!(ping)).unwrap();
    assert_eq!(kept_ping["eventResponseMessage"]["statusCode"], "200");
    assert_eq!(kept_ping["eventResponseMessage"]["content"], "thanks");
    assert!(!json!(kept).to_string().contains("secret"), "{kept:?}");
    quay.stop().await;
}

#[tokio::test]
async fn verdicts_on_registries_are_told_when_they_change() {
    let (quay, server) = (Quay::new().await, receiver().await);
    quay.automation("all", json!([{"eventSource": "Assessments"}]), hook(&server)).await;
    let logic = json!([{"actionType": "LogicApp", "logicAppResourceId": "/x", "uri": format!("http://{}/logic?sig=1", server.host)}]);
    quay.automation("logic", json!([{"eventSource": "Assessments"}]), logic).await;
    quay.start();
    let digest = quay.push_with("app", &[]).await;
    quay.until_settled().await;
    assert_eq!(told(&server), Vec::<Value>::new(), "nobody is told of the healthy");
    quay.judge(&digest, vec![affected("CVE-1", Severity::High)], 2).await;
    quay.until("it is told", async || told(&server).len() == 2).await;
    quay.judge(&digest, vec![], 3).await;
    quay.until("it is told that it is over", async || told(&server).len() == 3).await;
    quay.until_settled().await;
    let kinds: Vec<_> =
        told(&server).iter().filter_map(|body| body[0]["type"].as_str().map(str::to_owned)).collect();
    assert_eq!(kinds, ["dev.plimsoll.assessment.changed", "dev.plimsoll.assessment.resolved"]);
    let bare = told(&server).into_iter().find(|body| body.is_object()).unwrap();
    assert_eq!(bare["properties"]["status"]["code"], "Unhealthy", "a Logic App gets the bare resource");
    quay.stop().await;
}

#[tokio::test]
async fn a_snapshot_tells_everything_once_a_week() {
    let (quay, server) = (Quay::new().await, receiver().await);
    let many: Vec<String> = (0..130).map(|number| format!("CVE-{number:03}")).collect();
    let found: Vec<_> = many.iter().map(|name| (name.as_str(), Severity::Low)).collect();
    quay.push_with("app", &found).await;
    let sources = json!([{"eventSource": "SubAssessmentsSnapshot"}, {"eventSource": "AssessmentsSnapshot"}]);
    quay.automation("export", sources, hook(&server)).await;
    quay.start();
    quay.until("it is told", async || events(&server).len() == 131).await;
    quay.until_settled().await;
    let all = events(&server);
    assert_eq!(all[0], "assessment.snapshot");
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 131);
    assert!(told(&server).iter().all(|body| body.as_array().unwrap().len() <= 100));
    quay.pass(7 * 24 * HOUR - 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(events(&server).len(), 131, "the week is not over");
    quay.pass(1);
    quay.until("it is told again", async || events(&server).len() == 262).await;
    quay.stop().await;
}

#[tokio::test]
async fn what_is_left_of_a_large_delivery_is_told_after_a_failure() {
    let quay = Quay::new().await;
    let taken = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&taken);
    // Takes one request in two.
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Response::new(200, ""),
        _ => Response::new(500, ""),
    })
    .await;
    let action =
        json!([{"actionType": "Webhook", "uri": format!("http://{}/", server.host), "mode": "Single"}]);
    quay.automation("all", sub_assessments(), action).await;
    quay.start();
    quay.push_with("app", &[("CVE-1", Severity::Low), ("CVE-2", Severity::Low), ("CVE-3", Severity::Low)])
        .await;
    for _ in 0..3 {
        quay.until("it waits or is done", async || {
            let pending = quay.deliveries(DeliveryState::Pending).await;
            pending.iter().any(|d| d.attempts > 0) || !quay.deliveries(DeliveryState::Done).await.is_empty()
        })
        .await;
        quay.pass(HOUR);
    }
    quay.until("it is done", async || {
        quay.pass(60_000);
        quay.deliveries(DeliveryState::Done).await.len() == 1
    })
    .await;
    let mut told = events(&server);
    let of_first = told.iter().filter(|event| *event == "finding.appeared CVE-1").count();
    assert_eq!(of_first, 1, "what was taken is not told again: {told:?}");
    // What failed is; and the clock runs so fast here that a lease may run out in between.
    told.dedup();
    assert_eq!(told, ["CVE-1", "CVE-2", "CVE-3"].map(|id| format!("finding.appeared {id}")));
    assert_eq!(quay.deliveries(DeliveryState::Done).await[0].sent, 3);
    quay.stop().await;
}

#[tokio::test]
async fn who_is_gone_or_silenced_is_not_told() {
    let (quay, server) = (Quay::new().await, receiver().await);
    let gone = quay.automation("gone", json!([{"eventSource": "RegistryEvents"}]), hook(&server)).await;
    quay.push("app", "v1").await;
    let events = quay.store.unrouted_events(10).await.unwrap();
    quay.start();
    quay.until("it is told", async || told(&server).len() == 1).await;
    assert!(!events.is_empty());
    quay.stop().await;
    quay.store.delete_resource(&gone).await.unwrap();
    assert_eq!(
        quay.store
            .replay(Replay::One(quay.deliveries(DeliveryState::Done).await[0].id), quay.now())
            .await
            .unwrap(),
        1
    );
    quay.start();
    quay.until("nothing is left", async || {
        quay.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(told(&server).len(), 1);
    quay.stop().await;
}
