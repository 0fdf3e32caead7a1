//! A registry of a test's own, and the few things that every test does with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use plimsoll_access::{Access, Clock, Mode};
use plimsoll_registry::{Registry, Settings, router};
use plimsoll_store::Store;
use plimsoll_types::manifest::media;
use plimsoll_types::{Digest, Guid, Scope, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A registry with an empty store, which goes with it.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
}

/// What the registry said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        Self::start_as(settings, Mode::Off).await
    }

    pub(crate) async fn start_as(settings: Settings, mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&plimsoll_store::Settings {
            database: format!("sqlite:{}", folder.path().join("plimsoll.db").display()),
            blobs: format!("file:{}", folder.path().join("blobs").display()),
            blob_options: Vec::new(),
            node: "test".to_owned(),
        })
        .await
        .unwrap();
        // A clock that never says the same twice, so that nothing hangs on two things happening at once.
        let ticks = AtomicI64::new(1_700_000_000_000);
        let clock: Clock = Arc::new(move || Timestamp(ticks.fetch_add(1, Ordering::Relaxed)));
        store.ensure_registry(&scope(), &json!({}), clock()).await.unwrap();
        let settings_of_access = plimsoll_access::Settings { mode, tenant: Guid::nil(), oidc: None };
        let access = Access::open(store.clone(), clock.clone(), settings_of_access).await.unwrap();
        let registry = Registry { store: store.clone(), clock, access, settings };
        Self { router: router(registry), store, _folder: folder }
    }

    /// Sends a request: method and path, headers, body. `Content-Length` is that of the body unless given.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            headers.push(("content-length", &length));
        }
        self.stream(line, &headers, Body::from(body)).await
    }

    /// Sends a request whose body has no announced length.
    pub(crate) async fn stream(&self, line: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        answer.keeps_the_protocol(method, line);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(&format!("HEAD {path}"), &[], "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(&format!("DELETE {path}"), &[], "").await
    }

    /// Pushes a blob in one request.
    pub(crate) async fn push_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let line = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
        self.send(&line, &[], content.to_vec()).await.is(201);
        digest
    }

    /// Opens an upload session and gives its location.
    pub(crate) async fn open_session(&self, repository: &str) -> String {
        let answer = self.send(&format!("POST /v2/{repository}/blobs/uploads/"), &[], "").await.is(202);
        answer.header("location").to_owned()
    }

    /// Pushes a manifest with the media type that it names.
    pub(crate) async fn put_manifest(&self, repository: &str, reference: &str, manifest: &Value) -> Answer {
        let media_type = manifest["mediaType"].as_str().unwrap();
        let line = format!("PUT /v2/{repository}/manifests/{reference}");
        self.send(&line, &[("content-type", media_type)], manifest.to_string()).await
    }

    /// Pushes an image with one layer, and gives its digest.
    pub(crate) async fn push_image(&self, repository: &str, reference: &str) -> Digest {
        let manifest = self.image(repository, reference).await;
        self.put_manifest(repository, reference, &manifest).await.is(201).digest()
    }

    /// An image manifest whose blobs are there; `layer` makes it this one and no other.
    pub(crate) async fn image(&self, repository: &str, layer: &str) -> Value {
        let config = br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config_digest = self.push_blob(repository, config).await;
        let layer_digest = self.push_blob(repository, layer.as_bytes()).await;
        json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": { "mediaType": media::OCI_CONFIG, "digest": config_digest, "size": config.len() },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest, "size": layer.len(),
            }],
        })
    }
}

/// Where the registry of a test stands.
pub(crate) fn scope() -> Scope {
    Scope {
        subscription: "s".to_owned(),
        resource_group: "g".to_owned(),
        registry: "acme".to_owned(),
        registry_host: "acme.example:5000".to_owned(),
    }
}

/// A descriptor of a manifest that was pushed as this JSON.
pub(crate) fn descriptor(manifest: &Value) -> Value {
    let body = manifest.to_string();
    json!({
        "mediaType": manifest["mediaType"], "digest": Digest::sha256(body.as_bytes()), "size": body.len(),
    })
}

/// The digest that a manifest has when it is pushed as this JSON.
pub(crate) fn digest_of(manifest: &Value) -> Digest {
    Digest::sha256(manifest.to_string().as_bytes())
}

/// An index of these manifests.
pub(crate) fn index(manifests: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": manifests })
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// The answer, if it is this error.
    #[track_caller]
    pub(crate) fn fails(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.json()["errors"][0]["code"], code, "{answer:?}");
        answer
    }

    /// The value of a header; empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The digest that the answer names.
    #[track_caller]
    pub(crate) fn digest(&self) -> Digest {
        self.header("docker-content-digest").parse().unwrap()
    }

    /// What every answer must be, whatever it is about.
    #[track_caller]
    fn keeps_the_protocol(&self, method: &str, line: &str) {
        assert_eq!(self.header("docker-distribution-api-version"), "registry/2.0", "{line}");
        if method == "HEAD" {
            assert!(self.body.is_empty(), "{line}");
        } else if self.status.is_client_error() || self.status.is_server_error() {
            let errors = self.json();
            assert!(
                errors["errors"][0]["code"].is_string() && errors["errors"][0]["message"].is_string(),
                "{line}"
            );
            assert_eq!(self.header("content-type"), "application/json", "{line}");
        } else if !self.header("content-length").is_empty() {
            assert_eq!(self.header("content-length"), self.body.len().to_string(), "{line}");
        }
        assert!(self.header("location").is_empty() || self.header("location").starts_with("/v2/"), "{line}");
    }
}
