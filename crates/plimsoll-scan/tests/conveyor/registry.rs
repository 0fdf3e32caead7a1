//! Pulls from registries, honest and other.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use plimsoll_scan::{
    ClientOptions, CredentialFiles, ErrorKind, RegistryClient, SourceOptions, Target, scan_target,
};
use plimsoll_testkit::image::Image;
use plimsoll_types::manifest::media;
use plimsoll_types::{ImageReference, Reference, Timestamp};

use crate::feed::{Database, Feed};
use crate::sandbox;
use crate::scan::old_alpine;
use crate::web::{Request, Response, Server};

/// What a registry with one image answers to whoever is let in.
fn serve(image: &Image, request: &Request) -> Response {
    let path = request.path.as_str();
    if path.ends_with("/manifests/1") || path.ends_with(image.digest().as_str()) {
        return Response::new(200, image.manifest.bytes.clone()).header("content-type", media::OCI_MANIFEST);
    }
    match image.blobs().find(|blob| path.ends_with(blob.digest.as_str())) {
        Some(blob) => Response::new(200, blob.bytes.clone()),
        None => Response::new(404, ""),
    }
}

fn client(host: &str, options: ClientOptions) -> (RegistryClient, ImageReference) {
    let reference: ImageReference = format!("{host}/team/app:1").parse().unwrap();
    (RegistryClient::new(&reference, None, options).unwrap(), reference)
}

async fn scan(host: &str, config: &str) -> plimsoll_scan::Result<plimsoll_scan::Report> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, config).unwrap();
    let options = SourceOptions { credentials: CredentialFiles::of([path]), ..SourceOptions::default() };
    let target: Target = format!("docker://{host}/team/app:1").parse().unwrap();
    let database = Database::of(&Feed::sample()).await;
    let advisories = database.handle().load();
    let quiet: plimsoll_scan::ScanProgress = std::sync::Arc::new(|_| {});
    scan_target(&target, &options, &sandbox(), advisories.as_deref(), Timestamp(0), &quiet).await
}

#[tokio::test]
async fn an_image_is_pulled_with_a_token_and_scanned() {
    let image = old_alpine();
    let digest = image.digest().clone();
    let server = Server::start(move |request| {
        let realm = format!("http://{}/token", request.header("host").unwrap());
        if request.path.starts_with("/token?") {
            // "ann:geheim"
            return match request.header("authorization") {
                Some("Basic YW5uOmdlaGVpbQ==") => Response::new(200, r#"{"access_token": "abc"}"#),
                _ => Response::new(401, ""),
            };
        }
        if request.header("authorization") != Some("Bearer abc") {
            let challenge =
                format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"repository:team/app:pull\"");
            return Response::new(401, "").header("www-authenticate", challenge);
        }
        serve(&image, request)
    })
    .await;
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "YW5uOmdlaGVpbQ=="}}}}}}"#, server.host);
    let report = scan(&server.host, &config).await.unwrap();
    assert_eq!((report.findings.len(), report.image.digest), (1, Some(digest)));
    assert_eq!(report.coverage.conclusion.reason, None);
    let requests = server.requests.lock().unwrap().clone();
    let token = requests.iter().filter(|request| request.path.starts_with("/token")).collect::<Vec<_>>();
    assert_eq!(token.len(), 1, "one token serves all");
    assert_eq!(token[0].path, "/token?service=test&scope=repository%3Ateam%2Fapp%3Apull");
    assert!(requests.iter().all(|request| request.header("user-agent").unwrap().starts_with("plimsoll/")));

    let error = scan(&server.host, "{}").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("docker login"), "{error}");
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token() {
    let image = old_alpine();
    let server = Server::start(move |request| {
        if request.method == "POST" && request.path == "/token" {
            let form = String::from_utf8(request.body.clone()).unwrap();
            let right =
                form.contains("grant_type=refresh_token") && form.contains("refresh_token=ge+heim%26");
            return Response::new(if right { 200 } else { 400 }, r#"{"token": "abc"}"#);
        }
        if request.header("authorization") != Some("Bearer abc") {
            let challenge = format!("Bearer realm=\"http://{}/token\"", request.header("host").unwrap());
            return Response::new(401, "").header("www-authenticate", challenge);
        }
        serve(&image, request)
    })
    .await;
    let config = format!(r#"{{"auths": {{"{}": {{"identitytoken": "ge heim&"}}}}}}"#, server.host);
    assert_eq!(scan(&server.host, &config).await.unwrap().findings.len(), 1);
}

#[tokio::test]
async fn credentials_go_to_no_other_host() {
    let thief = Server::start(|_| Response::new(200, r#"{"token": "abc"}"#)).await;
    let elsewhere = thief.host.replace("127.0.0.1", "localhost");
    let challenge = format!("Bearer realm=\"http://{elsewhere}/token\",service=\"x\"");
    let server =
        Server::start(move |_| Response::new(401, "").header("www-authenticate", challenge.clone())).await;
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "YW5uOmdlaGVpbQ=="}}}}}}"#, server.host);
    let error = scan(&server.host, &config).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("trusted"), "{error}");
    assert!(!error.chain().contains("geheim"));
    assert_eq!(thief.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_credentials() {
    let image = old_alpine();
    let (config, blobs) = (image.config.clone(), image.clone());
    let store = Server::start(move |request| serve(&blobs, request)).await;
    let host = store.host.clone();
    let server = Server::start(move |request| match request.header("authorization") {
        None => Response::new(401, "").header("www-authenticate", "Basic realm=\"x\""),
        Some(_) if request.path.contains("/blobs/") => {
            Response::new(307, "").header("location", format!("http://{host}{}", request.path))
        }
        Some(_) => serve(&image, request),
    })
    .await;
    let login = format!(r#"{{"auths": {{"{}": {{"auth": "YW5uOmdlaGVpbQ=="}}}}}}"#, server.host);
    assert_eq!(scan(&server.host, &login).await.unwrap().findings.len(), 1);
    let requests = store.requests.lock().unwrap();
    assert!(requests.iter().any(|request| request.path.ends_with(config.digest.as_str())));
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_is_not_taken() {
    let image = old_alpine();
    let (asked, config) = (image.digest().clone(), image.config.digest.clone());
    let layer = image.layers[0].digest.clone();
    let server = Server::start(move |request| {
        let mut response = serve(&image, request);
        response.body.push(b' ');
        response
    })
    .await;
    let (client, reference) = client(&server.host, ClientOptions::default());
    let repository = &reference.repository;
    let error = client.manifest(repository, &Reference::Digest(asked)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(client.blob(repository, &config, 10_000).await.unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(client.blob(repository, &config, 10).await.unwrap_err().kind(), ErrorKind::TooLarge);
    let bytes: Result<Vec<_>, _> = client.blob_stream(repository, &layer).try_collect().await;
    assert_eq!(bytes.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    // In a scan it is a problem of the layer.
    let report = scan(&server.host, "{}").await.unwrap();
    let problems: Vec<_> = report.coverage.problems.iter().map(|problem| problem.message.clone()).collect();
    assert!(problems.iter().any(|problem| problem.contains("came with other content")), "{problems:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let image = old_alpine();
    let layer = image.layers[0].clone();
    let times = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let whole = serve(&image, request);
        let Some(range) = request.header("range") else {
            return Response { cut_at: Some(50), ..whole };
        };
        let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
        let cut_at = (times.fetch_add(1, Ordering::SeqCst) == 0).then_some(30);
        Response { status: 206, body: whole.body[from..].to_vec(), cut_at, ..whole }
    })
    .await;
    let (client, reference) = client(&server.host, ClientOptions::default());
    let chunks: Vec<_> =
        client.blob_stream(&reference.repository, &layer.digest).try_collect().await.unwrap();
    assert_eq!(chunks.concat(), layer.bytes);
    assert_eq!(server.paths().len(), 3);
}

#[tokio::test]
async fn a_busy_registry_is_asked_again_and_a_missing_image_is_not() {
    let image = old_alpine();
    let times = AtomicUsize::new(0);
    let server = Server::start(move |request| match times.fetch_add(1, Ordering::SeqCst) {
        0 => Response::new(429, "").header("retry-after", "0"),
        1 => Response::new(503, ""),
        _ => serve(&image, request),
    })
    .await;
    let (client, reference) = client(&server.host, ClientOptions::default());
    client.manifest(&reference.repository, &reference.reference).await.unwrap();
    assert_eq!(server.paths().len(), 3);
    let missing = "2".parse().unwrap();
    let error = client.manifest(&reference.repository, &missing).await.unwrap_err();
    assert_eq!((error.kind(), server.paths().len()), (ErrorKind::NotFound, 4));
}
