//! One request to a receiver: bounded in time, not redirected, its answer cut short; and CloudEvents' way of asking first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};

use super::reach::{REFUSED, Reach};
use crate::{Error, ErrorKind, Result, USER_AGENT, in_one_line};

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 4 << 10;
/// Longest that a receiver may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Sends requests.
#[derive(Clone)]
pub(super) struct Post {
    http: reqwest::Client,
    reach: Reach,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exchange {
    /// The answer, where there was one.
    pub(super) answer: Option<Answer>,
    /// What to make of it.
    pub(super) outcome: Outcome,
}

/// An answer, as far as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The receiver took it.
    Taken,
    /// Another attempt may do better, after the time that the receiver asked for.
    Retry(String, Option<Duration>),
    /// No attempt will.
    Hopeless(String),
}

/// What a receiver consented to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Consent {
    /// Requests a minute, where it named a number.
    pub(super) rate: Option<u32>,
}

impl Post {
    pub(super) fn new(reach: Reach, connect_timeout: Duration, timeout: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            // A redirect would lead past the check of the address, and the signature to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would look the name up itself, where it cannot be judged.
            .no_proxy()
            .dns_resolver(Arc::new(reach))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, "cannot set up the web client").because(error)
            })?;
        Ok(Self { http, reach })
    }

    /// Posts a body.
    pub(super) async fn post(&self, uri: &str, headers: HeaderMap, body: Vec<u8>) -> Exchange {
        self.send(Method::POST, uri, headers, body).await
    }

    /// Asks a receiver whether it wants to be told by `origin` (CloudEvents HTTP Webhook 1.0, section 4).
    pub(super) async fn ask(&self, uri: &str, origin: &str) -> std::result::Result<Consent, Outcome> {
        let mut headers = HeaderMap::new();
        if let Ok(origin) = HeaderValue::from_str(origin) {
            headers.insert(HeaderName::from_static("webhook-request-origin"), origin);
        }
        let Exchange { answer, outcome } = self.send(Method::OPTIONS, uri, headers, Vec::new()).await;
        let Some(answer) = answer.filter(|_| outcome == Outcome::Taken) else {
            return Err(match outcome {
                // Some receivers do not know OPTIONS yet, and will once they are mended.
                Outcome::Hopeless(reason) if !reason.contains(REFUSED) => Outcome::Retry(reason, None),
                outcome => outcome,
            });
        };
        let allowed = answer.headers.get("webhook-allowed-origin").map_or("", |value| value.trim());
        if allowed != "*" && !allowed.eq_ignore_ascii_case(origin) {
            let reason = format!(
                "the receiver does not consent: it answered OPTIONS with WebHook-Allowed-Origin {allowed:?}, which is neither {origin} nor *"
            );
            return Err(Outcome::Retry(reason, None));
        }
        let rate = answer.headers.get("webhook-allowed-rate").and_then(|rate| rate.trim().parse().ok());
        Ok(Consent { rate: rate.filter(|rate| *rate > 0) })
    }

    async fn send(&self, method: Method, uri: &str, headers: HeaderMap, body: Vec<u8>) -> Exchange {
        let hopeless = |reason| Exchange { answer: None, outcome: Outcome::Hopeless(reason) };
        let Ok(url) = Url::parse(uri) else { return hopeless("its address cannot be read".to_owned()) };
        if let Err(refusal) = self.reach.check(&url) {
            return hopeless(refusal);
        }
        match self.http.request(method, url).headers(headers).body(body).send().await {
            Ok(response) => judge(response).await,
            Err(error) => {
                let reason: String = in_one_line(&error.without_url()).chars().take(500).collect();
                let outcome = match reason.contains(REFUSED) {
                    true => Outcome::Hopeless(reason),
                    false => Outcome::Retry(reason, None),
                };
                Exchange { answer: None, outcome }
            }
        }
    }
}

async fn judge(response: reqwest::Response) -> Exchange {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    let headers = response
        .headers()
        .iter()
        .take(50)
        .filter(|(name, _)| *name != reqwest::header::SET_COOKIE)
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).chars().take(500).collect();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while body.len() < MAX_ANSWER {
        // The status has decided; a body that breaks off or takes too long changes nothing.
        let Some(Ok(chunk)) = stream.next().await else { break };
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let said = || {
        let text: String = body.chars().filter(|c| !c.is_control()).take(200).collect();
        if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
    };
    let outcome = match status.as_u16() {
        200..=299 => Outcome::Taken,
        300..=399 => Outcome::Retry(
            format!("it answered {status}; redirects are not followed, write the final address"),
            None,
        ),
        // What these say of a request they will say of the same request again.
        400 | 405 | 410 | 413 | 414 | 415 | 422 | 431 => {
            Outcome::Hopeless(format!("it answered {status}{}", said()))
        }
        _ => Outcome::Retry(format!("it answered {status}{}", said()), retry_after),
    };
    Exchange { answer: Some(Answer { status, headers, body }), outcome }
}
