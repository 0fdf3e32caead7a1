//! JSON Web Tokens (RFC 7519), in the one form that is needed: compact, signed, few algorithms.
//!
//! The signatures are aws-lc's; only the envelope is read here. That is little enough that a library for it would bring
//! more than it saves: a second opinion on what time it is, algorithms that nobody asked for, and keys out of headers
//! (CVE-2025-24976). Which algorithm is right is said by the key, never by the token.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longer tokens are not looked at.
const MAX_BYTES: usize = 24 * 1024;
/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;

/// A token that was taken apart. Nothing in it is true before its signature was checked.
pub(crate) struct Jwt<'a> {
    /// What is signed: header and claims as they came.
    pub(crate) signed: &'a [u8],
    pub(crate) header: Header,
    pub(crate) claims: Value,
    pub(crate) signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        let claims: Value = serde_json::from_slice(&decode(claims)?).ok()?;
        claims.is_object().then_some(())?;
        Some(Self { signed: signed.as_bytes(), header, claims, signature: decode(signature)? })
    }

    /// Whether it was signed with this key of ours.
    pub(crate) fn is_signed_with(&self, key: &hmac::Key) -> bool {
        self.header.alg == "HS256" && hmac::verify(key, self.signed, &self.signature).is_ok()
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }

    /// Whether one of its audiences is accepted.
    pub(crate) fn is_for(&self, accepted: impl Fn(&str) -> bool) -> bool {
        match &self.claims["aud"] {
            Value::String(audience) => accepted(audience),
            Value::Array(audiences) => audiences.iter().filter_map(Value::as_str).any(accepted),
            _ => false,
        }
    }

    /// Whether it counts at this instant. A token without an end never does.
    pub(crate) fn counts_at(&self, now: Timestamp) -> bool {
        let now = now.0 as f64 / 1000.0;
        let ends = self.claims["exp"].as_f64();
        let begins = match &self.claims["nbf"] {
            Value::Null => Some(0.0),
            value => value.as_f64(),
        };
        ends.is_some_and(|end| now < end + LEEWAY) && begins.is_some_and(|begin| now + LEEWAY >= begin)
    }
}

/// Signs claims with a key of ours.
pub(crate) fn sign(key: &hmac::Key, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(key, signed.as_bytes()));
    format!("{signed}.{signature}")
}
