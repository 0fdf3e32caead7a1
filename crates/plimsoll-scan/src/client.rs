//! Speaks to registries: our own client of the OCI distribution protocol. It pulls images, and pushes small artifacts
//! ([`push`]): what the command attaches to an image or carries to another machine.
//!
//! It holds credentials and never parses content beyond manifests and configurations, which are bounded; layers pass
//! through it as streams. Three rules come from what went wrong elsewhere: credentials belong to one host and go nowhere
//! else, neither to another realm nor along a redirect (CVE-2026-33540, CVE-2026-49349, CVE-2024-35192); what was asked
//! for by digest is checked against it (GHSA-qv35-3gw6-8q4j); plain HTTP only to this machine, or where it was allowed.

mod challenge;
mod credentials;
mod push;
mod referrers;
mod secret;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use plimsoll_types::manifest::{MAX_MANIFEST_BYTES, media};
use plimsoll_types::{Descriptor, Digest, Hasher, ImageReference, Reference, RepositoryName};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Body, Method, Response, StatusCode, Url};

pub use credentials::{CredentialFiles, Credentials};
pub use secret::Secret;

pub(crate) use push::Content;
pub(crate) use referrers::fallback_tag;

use crate::clock::backoff;
use crate::{Error, ErrorKind, Result, USER_AGENT};
use challenge::Challenge;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// How often a request is begun, and how often a stream is taken up again without having moved on.
const ATTEMPTS: u32 = 4;
/// Largest answer of a token server.
const MAX_TOKEN_BYTES: usize = 1 << 20;
/// Largest answer that is looked at for why something was refused, and the longest reason that is shown.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
const MAX_TOLD_CHARS: usize = 300;
/// Longest that one request of a client takes that pushes, and longest that the content of a blob is on its way.
const MAX_REQUEST: Duration = Duration::from_secs(120);
const MAX_UPLOAD: Duration = Duration::from_secs(6 * 3600);
/// Longest that a server may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How registries are spoken to.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Plain HTTP is allowed with every host. Without it, only with this machine's own names and addresses.
    pub insecure: bool,
    /// Hosts besides the registry's own that its credentials may be sent to for a token.
    pub trusted_realms: Vec<String>,
    /// Log in with the right to push, too. Who may only pull is refused then, so it is asked for where it is needed.
    pub push: bool,
}

/// What is sent to a registry.
struct Request<'a> {
    method: Method,
    url: Url,
    headers: &'a [(reqwest::header::HeaderName, String)],
    body: Bytes,
    /// Statuses that are an answer and no failure, besides those of success.
    also: &'a [StatusCode],
}

/// A way to one registry.
#[derive(Clone)]
pub struct RegistryClient {
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    base: Url,
    credentials: Option<Credentials>,
    options: ClientOptions,
    /// Authorization headers by repository.
    authorizations: Mutex<HashMap<String, Secret>>,
}

/// A manifest as it came, its digest computed from its bytes.
#[derive(Debug, Clone)]
pub struct FetchedManifest {
    /// The `Content-Type` without parameters; empty where there was none.
    pub media_type: String,
    /// Digest of the body.
    pub digest: Digest,
    /// The bytes.
    pub body: Bytes,
}

impl RegistryClient {
    /// A client for the registry that a reference names. Nothing is sent yet.
    pub fn new(
        reference: &ImageReference,
        credentials: Option<Credentials>,
        options: ClientOptions,
    ) -> Result<Self> {
        let base = base_url(&reference.host, &options)?;
        let mut http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(Duration::from_secs(15))
            // Redirects are followed by hand, since each may be another host.
            .redirect(reqwest::redirect::Policy::none());
        if !options.push {
            // It counts while nothing is read: a client that sends for longer would be cut off.
            http = http.read_timeout(Duration::from_secs(60));
        }
        let http = http.build().map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot set up the web client").because(error)
        })?;
        let shared = Shared { http, base, credentials, options, authorizations: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The same with the credentials that files keep for it.
    pub(crate) async fn with_files(
        reference: &ImageReference,
        files: &CredentialFiles,
        options: ClientOptions,
    ) -> Result<Self> {
        let (files, host, repository) =
            (files.clone(), reference.host.clone(), reference.repository.to_string());
        let found = tokio::task::spawn_blocking(move || files.find(&host, &repository)).await;
        let credentials = found.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot read credentials").because(error)
        })??;
        Self::new(reference, credentials, options)
    }

    /// The manifest or index that a reference names. By digest, the bytes are checked against it.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<FetchedManifest> {
        let path = format!("v2/{repository}/manifests/{reference}");
        let accept =
            [media::OCI_MANIFEST, media::OCI_INDEX, media::DOCKER_MANIFEST, media::DOCKER_LIST].join(", ");
        let response = self.get(repository, &path, &[(ACCEPT, accept)]).await;
        let response = response.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let message = format!("{} has no {reference} in {repository}", self.shared.host());
                Error::new(ErrorKind::NotFound, message)
            }
            _ => error,
        })?;
        let media_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let body = self.whole(response, MAX_MANIFEST_BYTES, &path).await?;
        let digest = match reference {
            Reference::Digest(digest) => Digest::of(digest.algorithm(), &body),
            Reference::Tag(_) => Digest::sha256(&body),
        };
        if let Reference::Digest(asked) = reference
            && *asked != digest
        {
            let message =
                format!("{} answered {asked} with other content, of digest {digest}", self.shared.host());
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(FetchedManifest { media_type, digest, body })
    }

    /// A small blob, such as a configuration, checked against its digest.
    pub async fn blob(&self, repository: &RepositoryName, digest: &Digest, limit: usize) -> Result<Bytes> {
        let path = format!("v2/{repository}/blobs/{digest}");
        let response = self.get(repository, &path, &[]).await?;
        let body = self.whole(response, limit, &path).await?;
        if Digest::of(digest.algorithm(), &body) != *digest {
            let message = format!("{} answered {digest} with other content", self.shared.host());
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(body)
    }

    /// A blob as a stream. Where the connection breaks off it is taken up again; where the bytes are not those of the
    /// digest, the stream ends with an error of the kind `InvalidData`.
    pub fn blob_stream(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        let pull = Pull {
            client: self.clone(),
            repository: repository.clone(),
            path: format!("v2/{repository}/blobs/{digest}"),
            digest: digest.clone(),
            hasher: Some(Hasher::new(digest.algorithm())),
            offset: 0,
            response: None,
            attempt: 1,
        };
        stream::try_unfold(pull, |mut pull| async move { Ok(pull.next().await?.map(|bytes| (bytes, pull))) })
    }

    /// The same, which ends with an error of the kind `InvalidData` where there is more than the descriptor says.
    pub(crate) fn described_blob_stream(
        &self,
        repository: &RepositoryName,
        descriptor: &Descriptor,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        let (mut left, digest) = (descriptor.size, descriptor.digest.clone());
        self.blob_stream(repository, &descriptor.digest).map(move |chunk| {
            let chunk = chunk?;
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                let message = format!("{digest} is larger than its manifest says");
                std::io::Error::new(std::io::ErrorKind::InvalidData, message)
            })?;
            Ok(chunk)
        })
    }

    async fn whole(&self, mut response: Response, limit: usize, path: &str) -> Result<Bytes> {
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| self.broke_off(path, error))?;
            let Some(chunk) = chunk else { return Ok(body.into()) };
            if body.len() + chunk.len() > limit {
                let message = format!("{}/{path} has more than {limit} bytes", self.shared.host());
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn broke_off(&self, path: &str, error: reqwest::Error) -> Error {
        let message = format!("{}/{path} broke off", self.shared.host());
        Error::new(ErrorKind::Unavailable, message).because(error.without_url())
    }

    /// A good answer to a GET.
    async fn get(
        &self,
        repository: &RepositoryName,
        path: &str,
        headers: &[(reqwest::header::HeaderName, String)],
    ) -> Result<Response> {
        let url = self.shared.url(path)?;
        let request = Request { method: Method::GET, url, headers, body: Bytes::new(), also: &[] };
        self.ask(repository, path, request).await
    }

    /// A good answer: logs in where it is asked to, follows redirects, and waits where the server is busy. `what` names it
    /// in errors.
    async fn ask(&self, repository: &RepositoryName, what: &str, request: Request<'_>) -> Result<Response> {
        let shared = &self.shared;
        let (mut logins, mut attempt) = (0, 1);
        loop {
            let authorization = shared.authorization(repository);
            let failure = match shared.follow(&request, authorization.as_ref()).await {
                Ok(response) => match response.status() {
                    status if status.is_success() || request.also.contains(&status) => return Ok(response),
                    StatusCode::UNAUTHORIZED if logins < 2 => {
                        logins += 1;
                        shared.log_in(repository, &response).await?;
                        continue;
                    }
                    status if is_busy(status) && attempt < ATTEMPTS => {
                        let asked = retry_after(&response);
                        let wait = backoff(Duration::from_millis(500), MAX_RETRY_AFTER, attempt);
                        tokio::time::sleep(asked.unwrap_or(wait)).await;
                        attempt += 1;
                        continue;
                    }
                    _ => return Err(shared.refused(what, response, authorization.is_some()).await),
                },
                Err(error) => error,
            };
            if failure.kind() != ErrorKind::Unavailable || attempt == ATTEMPTS {
                return Err(failure);
            }
            tokio::time::sleep(backoff(Duration::from_millis(500), Duration::from_secs(10), attempt)).await;
            attempt += 1;
        }
    }
}

/// A blob on its way.
struct Pull {
    client: RegistryClient,
    repository: RepositoryName,
    path: String,
    digest: Digest,
    /// Taken once all bytes have passed.
    hasher: Option<Hasher>,
    offset: u64,
    response: Option<Response>,
    attempt: u32,
}

impl Pull {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            if self.hasher.is_none() {
                return Ok(None);
            }
            let mut response = match self.response.take() {
                Some(response) => response,
                None => self.open().await?,
            };
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&chunk);
                    }
                    self.offset += chunk.len() as u64;
                    self.attempt = 1;
                    self.response = Some(response);
                    return Ok(Some(chunk));
                }
                Ok(None) => {
                    let found = self.hasher.take().map(Hasher::finish);
                    if found.as_ref() == Some(&self.digest) {
                        return Ok(None);
                    }
                    let message = format!("{} came with other content", self.digest);
                    return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
                }
                Err(error) if self.attempt >= ATTEMPTS => {
                    return Err(std::io::Error::other(self.client.broke_off(&self.path, error).chain()));
                }
                Err(_) => {
                    tokio::time::sleep(backoff(
                        Duration::from_millis(500),
                        Duration::from_secs(10),
                        self.attempt,
                    ))
                    .await;
                    self.attempt += 1;
                }
            }
        }
    }

    async fn open(&self) -> std::io::Result<Response> {
        let headers = match self.offset {
            0 => Vec::new(),
            offset => vec![(RANGE, format!("bytes={offset}-"))],
        };
        let response = self.client.get(&self.repository, &self.path, &headers).await;
        let response = response.map_err(|error| std::io::Error::other(error.chain()))?;
        if self.offset > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(std::io::Error::other(format!(
                "{} broke off, and the registry cannot go on in its middle",
                self.digest
            )));
        }
        Ok(response)
    }
}

impl Shared {
    /// Host and port, for messages.
    fn host(&self) -> String {
        host_of(&self.base)
    }

    fn authorization(&self, repository: &RepositoryName) -> Option<Secret> {
        let known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(repository.as_str()).cloned()
    }

    fn url(&self, path: &str) -> Result<Url> {
        let wrong = |error| Error::new(ErrorKind::Usage, "no such path").because(error);
        self.base.join(path).map_err(wrong)
    }

    /// Sends a request, and a GET again to where it is redirected. Anything else stays where it was sent: what a client
    /// gives away is not taken elsewhere at a server's word.
    async fn follow(&self, request: &Request<'_>, authorization: Option<&Secret>) -> Result<Response> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let body = request.body.clone();
            let response =
                self.send(&request.method, &url, authorization, request.headers, body.into()).await?;
            let may_follow = request.method == Method::GET;
            if !response.status().is_redirection() || !may_follow {
                return Ok(response);
            }
            let location =
                response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let next = url.join(location).ok().filter(|_| !location.is_empty());
            url = next.filter(|next| may_speak(next, &self.options)).ok_or_else(|| {
                let message = format!(
                    "{} redirects to where Plimsoll does not go: plain HTTP or no address",
                    self.host()
                );
                Error::new(ErrorKind::Denied, message)
            })?;
        }
        Err(Error::new(ErrorKind::Unavailable, format!("{} redirects without an end", self.host())))
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        authorization: Option<&Secret>,
        headers: &[(reqwest::header::HeaderName, String)],
        body: Body,
    ) -> Result<Response> {
        let mut request = self.http.request(method.clone(), url.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // Exact host and port, and no step down to plain HTTP: everything else gets no credentials.
        let is_home = url.origin() == self.base.origin();
        if let Some(authorization) = authorization.filter(|_| is_home) {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        if *method != Method::GET && *method != Method::HEAD {
            request = request.body(body);
        }
        if self.options.push {
            request = request.timeout(if *method == Method::PATCH { MAX_UPLOAD } else { MAX_REQUEST });
        }
        request.send().await.map_err(|error| {
            let host = host_of(url);
            Error::new(ErrorKind::Unavailable, format!("{host} does not answer")).because(error.without_url())
        })
    }

    /// Answers a challenge: what it gets is sent with the next requests about the repository.
    async fn log_in(&self, repository: &RepositoryName, response: &Response) -> Result<()> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let challenges: Vec<Challenge> =
            headers.iter().filter_map(|value| value.to_str().ok()).flat_map(challenge::parse).collect();
        let bearer = challenges.iter().find(|challenge| challenge.is("bearer"));
        let authorization = match (bearer, &self.credentials) {
            (Some(bearer), _) => self.token(repository, bearer).await?,
            (None, Some(Credentials::Password { username, password }))
                if challenges.iter().any(|challenge| challenge.is("basic")) =>
            {
                basic(username, password)
            }
            _ => return Err(self.refusal("", StatusCode::UNAUTHORIZED, false)),
        };
        let mut known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(repository.to_string(), authorization);
        Ok(())
    }

    /// Fetches a token (Docker's token specification; anonymous where there are no credentials).
    async fn token(&self, repository: &RepositoryName, bearer: &Challenge) -> Result<Secret> {
        let realm = bearer.parameter("realm").and_then(|realm| Url::parse(realm).ok());
        let realm = realm.filter(|realm| may_speak(realm, &self.options)).ok_or_else(|| {
            let message = format!("{} names no usable address to log in at", self.host());
            Error::new(ErrorKind::Denied, message)
        })?;
        if self.credentials.is_some() && !self.trusts(&realm) {
            let message = format!(
                "{} asks to send its credentials to {}; this is not done unless that host is trusted as a realm",
                self.host(),
                host_of(&realm)
            );
            return Err(Error::new(ErrorKind::Denied, message));
        }
        let rights = if self.options.push { "pull,push" } else { "pull" };
        let scope = format!("repository:{repository}:{rights}");
        let service = bearer.parameter("service").unwrap_or_default();
        let mut request = match &self.credentials {
            Some(Credentials::IdentityToken(token)) => {
                let mut form = Url::parse("http://form.invalid/").unwrap_or_else(|_| realm.clone());
                form.query_pairs_mut()
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("service", service)
                    .append_pair("scope", &scope)
                    .append_pair("client_id", "plimsoll")
                    .append_pair("refresh_token", token.expose());
                let body = form.query().unwrap_or_default().to_owned();
                self.http
                    .post(realm.clone())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(body)
            }
            _ => {
                let mut url = realm.clone();
                url.query_pairs_mut().append_pair("service", service).append_pair("scope", &scope);
                self.http.get(url)
            }
        };
        if let Some(Credentials::Password { username, password }) = &self.credentials {
            request = request.header(AUTHORIZATION, basic(username, password).expose());
        }
        let host = host_of(&realm);
        let mut response = request.send().await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("{host} does not answer")).because(error.without_url())
        })?;
        if !response.status().is_success() {
            return Err(self.refusal("", response.status(), self.credentials.is_some()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("{host} broke off")).because(error.without_url())
        })? {
            if body.len() + chunk.len() > MAX_TOKEN_BYTES {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("the token of {host} is beyond all measure"),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        // The body holds a secret, so an error must not quote it.
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| {
            Error::new(ErrorKind::Damaged, format!("{host} answered something else than a token"))
        })?;
        let token = answer.token.or(answer.access_token).filter(|token| is_header_text(token));
        let token = token
            .ok_or_else(|| Error::new(ErrorKind::Damaged, format!("{host} answered without a token")))?;
        Ok(Secret::new(format!("Bearer {token}")))
    }

    /// Whether the registry's credentials may go to this realm: the registry's own host, a domain that it is a part of
    /// (`registry.gitlab.com` and `gitlab.com`), Docker Hub's, or one that was named.
    fn trusts(&self, realm: &Url) -> bool {
        let (Some(realm), Some(home)) = (realm.host_str(), self.base.host_str()) else { return false };
        let is_parent =
            realm.contains('.') && home.strip_suffix(realm).is_some_and(|rest| rest.ends_with('.'));
        let is_hub = home == "registry-1.docker.io" && realm == "auth.docker.io";
        realm == home
            || is_hub
            || is_parent && !is_address(home)
            || self.options.trusted_realms.iter().any(|t| t == realm)
    }

    /// A refusal, with the registry's own words for it.
    async fn refused(&self, path: &str, mut response: Response, with_credentials: bool) -> Error {
        let error = self.refusal(path, response.status(), with_credentials);
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_REFUSAL_BYTES {
                return error;
            }
        }
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let told = answer["errors"][0]["message"].as_str().unwrap_or_default();
        let told: String = told.chars().filter(|c| !c.is_control()).take(MAX_TOLD_CHARS).collect();
        if told.is_empty() { error } else { error.because(told) }
    }

    fn refusal(&self, path: &str, status: StatusCode, with_credentials: bool) -> Error {
        let host = self.host();
        let (kind, message) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_credentials => {
                (ErrorKind::Denied, format!("{host} does not accept these credentials for it ({status})"))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
                ErrorKind::Denied,
                format!("{host} asks for a login ({status}); log in with docker login {host}"),
            ),
            StatusCode::NOT_FOUND => (ErrorKind::NotFound, format!("{host} has no {path}")),
            status => (ErrorKind::Unavailable, format!("{host} answered {status} for {path}")),
        };
        Error::new(kind, message)
    }
}

#[derive(serde::Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
}

fn is_header_text(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The registry's address. Docker Hub answers under another name than the one that people type.
fn base_url(host: &str, options: &ClientOptions) -> Result<Url> {
    let host = if matches!(host, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { host };
    let bad = || Error::new(ErrorKind::Usage, format!("{host:?} is not a registry's host"));
    let secure = Url::parse(&format!("https://{host}/")).map_err(|_| bad())?;
    let name = secure.host_str().ok_or_else(bad)?;
    if secure.path() != "/" || !secure.username().is_empty() {
        return Err(bad());
    }
    let plain = options.insecure || is_this_machine(name);
    if plain { Url::parse(&format!("http://{host}/")).map_err(|_| bad()) } else { Ok(secure) }
}

fn may_speak(url: &Url, options: &ClientOptions) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => options.insecure || url.host_str().is_some_and(is_this_machine),
        _ => false,
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok()
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
