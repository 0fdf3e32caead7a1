//! Speaks to a server over its REST API, as the commands that ask something of a server do.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::header::{AUTHORIZATION, LOCATION};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::config::Settings;
use crate::table::printable;

/// The largest answer that is read.
const MAX_BYTES: usize = 64 << 20;

/// A way to the server of the settings.
pub(crate) struct Remote {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    registry: String,
    subscription: String,
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Where to ask how far a long operation is.
    pub(crate) location: Option<Url>,
    pub(crate) body: Value,
}

impl Remote {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let server = &settings.server;
        let base: Url =
            server.url.parse().with_context(|| format!("{} is not the address of a server", server.url))?;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(120))
            // A redirect would take the token along.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(file) = &server.authority {
            let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let all = reqwest::Certificate::from_pem_bundle(&pem);
            for authority in all.with_context(|| format!("{} is not a certificate", file.display()))? {
                http = http.add_root_certificate(authority);
            }
        }
        Ok(Self {
            http: http.build().context("cannot set up the web client")?,
            base,
            token: server.token.clone(),
            registry: settings.scope.registry_id(),
            subscription: settings.scope.subscription_id(),
        })
    }

    /// The id of the registry that the command speaks of.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// The id of its subscription.
    pub(crate) fn subscription(&self) -> &str {
        &self.subscription
    }

    /// All rows of a list, page by page.
    pub(crate) async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut next = Some(self.url(path, query)?);
        let mut rows = Vec::new();
        while let Some(url) = next.take() {
            let mut page = self.send(Method::GET, url, None).await?.body;
            if let Value::Array(value) = page["value"].take() {
                rows.extend(value);
            }
            if let Some(link) = page["nextLink"].as_str() {
                next = Some(self.ours(link)?);
            }
        }
        Ok(rows)
    }

    /// One document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(self.send(Method::GET, self.url(path, &[])?, None).await?.body)
    }

    /// Asks for something to be done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, self.url(path, &[])?, Some(body)).await
    }

    /// Asks again at an address that the server gave.
    pub(crate) async fn poll(&self, url: &Url) -> Result<Answer> {
        self.send(Method::GET, url.clone(), None).await
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url> {
        let mut url = self.base.join(path.trim_start_matches('/')).context("no such path")?;
        url.query_pairs_mut().append_pair("api-version", "2026-11-01").extend_pairs(query);
        Ok(url)
    }

    /// An address that the server gave. The token goes to that server only.
    fn ours(&self, text: &str) -> Result<Url> {
        let url =
            self.base.join(text).with_context(|| format!("the server answered with no address: {text}"))?;
        if url.origin() != self.base.origin() {
            bail!(
                "the server leads to {}, which is not {}; ask it by the name that it has for itself",
                printable(url.as_str()),
                self.base
            );
        }
        Ok(url)
    }

    async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Answer> {
        let mut request = self.http.request(method, url.clone());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut response = request.send().await.with_context(|| {
            format!(
                "no server answers at {}; start one with plimsoll serve, or name it with --server",
                self.base
            )
        })?;
        let status = response.status();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let location = header(LOCATION.as_str()).or_else(|| header("azure-asyncoperation"));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.context("the server's answer broke off")? {
            if bytes.len() + chunk.len() > MAX_BYTES {
                bail!("the server's answer has more than {MAX_BYTES} bytes");
            }
            bytes.extend_from_slice(&chunk);
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !status.is_success() {
            let told = body["error"]["message"].as_str().unwrap_or("the server does not say why");
            let hint = match status {
                StatusCode::UNAUTHORIZED => "; set PLIMSOLL_TOKEN to a token of the server",
                _ => "",
            };
            bail!("{status}: {}{hint}", printable(told));
        }
        let location = location.map(|text| self.ours(&text)).transpose()?;
        Ok(Answer { status, location, body })
    }
}
