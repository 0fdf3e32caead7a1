//! Tokens of an identity provider (OpenID Connect): its keys are fetched and kept, its tokens checked against them.
//!
//! Only the configured issuer is asked, over TLS (or on loopback), without following redirects, and seldom: a token with an
//! unknown key makes one question a minute at most, whoever sends how many. An algorithm counts only with a key of its
//! kind; `none` and the symmetric ones are nowhere in the list.

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_types::access::PrincipalKind;
use plimsoll_types::{Guid, Timestamp};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::identity::{Credential, Identity};
use crate::jwt::Jwt;
use crate::{Error, Refusal, Result};

/// How long keys are used before they are asked for again, in milliseconds.
const FRESH: i64 = 3_600_000;
/// How long they are used where the provider does not answer.
const USABLE: i64 = 24 * 3_600_000;
/// How long to wait between two questions.
const PATIENCE: i64 = 60_000;
/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 1 << 20;
const MAX_KEYS: usize = 100;
/// They go into the tokens that are issued, and a request's head has its limits. Azure stops at as many.
const MAX_GROUPS: usize = 200;
const MAX_NAME: usize = 256;

/// Which identity provider is believed, and about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Its address, exactly as its tokens say it in `iss`.
    pub issuer: String,
    /// The audiences (`aud`) of which a token must have one.
    pub audiences: Vec<String>,
    /// The claim with the name that people know the user by.
    pub name_claim: String,
    /// The claim with the names of the user's groups.
    pub groups_claim: String,
}

/// The identity provider.
pub(crate) struct Issuer {
    settings: OidcSettings,
    client: Client,
    known: Mutex<Known>,
}

/// What is known of its keys.
#[derive(Default)]
struct Known {
    keys: Vec<Key>,
    fetched_at: Option<Timestamp>,
    asked_at: Option<Timestamp>,
}

struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
}

/// The principal that a user or a group of this issuer is here.
pub(crate) fn principal(issuer: &str, what: &str, name: &str) -> Guid {
    // Entra ID names both by GUIDs of its own, which people find there and write into assignments. Of no other provider
    // is it known that its users cannot choose them.
    match name.parse() {
        Ok(guid) if is_entra(issuer) => guid,
        _ => Guid::derived(&["oidc", issuer, what, name]),
    }
}

fn is_entra(issuer: &str) -> bool {
    issuer.starts_with("https://login.microsoftonline.com/") || issuer.starts_with("https://sts.windows.net/")
}

impl Issuer {
    pub(crate) fn new(settings: OidcSettings) -> Result<Self> {
        let url: Url = settings.issuer.parse().map_err(|_| {
            Error::Misconfigured(format!("the identity provider {:?} is not an address", settings.issuer))
        })?;
        may_be_asked(&url)?;
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build().map_err(
                |error| Error::Misconfigured(format!("no client for the identity provider: {error}")),
            )?;
        Ok(Self { settings, client, known: Mutex::default() })
    }

    pub(crate) fn is_named(&self, issuer: &str) -> bool {
        self.settings.issuer == issuer
    }

    /// Who a token speaks of.
    pub(crate) async fn identity(&self, token: &str, now: Timestamp) -> Result<Identity> {
        let refused = |why| Err(Error::Refused(Refusal::Invalid(why)));
        let Some(jwt) = Jwt::parse(token) else { return refused("the bearer token cannot be read") };
        if jwt.text("iss") != Some(&self.settings.issuer) {
            return refused("the bearer token is of an issuer that this server does not know");
        }
        if !jwt.is_for(|audience| self.settings.audiences.iter().any(|known| known == audience)) {
            return refused("the bearer token is not for this server");
        }
        if !jwt.counts_at(now) {
            return refused("the bearer token has expired, or does not count yet");
        }
        if !matches!(jwt.header.alg.as_str(), "RS256" | "ES256") {
            return refused("the bearer token is not signed with RS256 or ES256");
        }
        if !self.has_signed(&jwt, now).await? {
            return refused("the signature of the bearer token is not that of its issuer");
        }
        match self.identity_in(&jwt) {
            Some(identity) => Ok(identity),
            None => refused("the bearer token does not say whom it is about"),
        }
    }

    /// Whether one of the issuer's keys has signed it. Keys are asked for where they are old, or where this one is unknown.
    async fn has_signed(&self, jwt: &Jwt<'_>, now: Timestamp) -> Result<bool> {
        let mut known = self.known.lock().await;
        let since = |at: Option<Timestamp>| at.map_or(i64::MAX, |at| now.0.saturating_sub(at.0));
        let is_missing = known.candidates(jwt).next().is_none();
        if (is_missing || since(known.fetched_at) > FRESH) && since(known.asked_at) > PATIENCE {
            known.asked_at = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    known.keys = keys;
                    known.fetched_at = Some(now);
                }
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    issuer = self.settings.issuer,
                    "the identity provider's keys could not be fetched"
                ),
            }
        }
        if since(known.fetched_at) > USABLE {
            return Err(Refusal::Unavailable("the identity provider does not answer; try again").into());
        }
        let candidates: Vec<_> = known.candidates(jwt).cloned().collect();
        drop(known);
        Ok(candidates.iter().any(|key| key.has_signed(jwt)))
    }

    async fn fetch(&self) -> std::result::Result<Vec<Key>, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let place =
            format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let said: Discovery = self.get(&place).await?;
        if said.issuer != self.settings.issuer {
            return Err(FetchError(format!("{place} speaks for another issuer, {:.200}", said.issuer)));
        }
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = self.get(&said.jwks_uri).await?;
        // Keys of kinds that are not understood stand beside those that are.
        Ok(set.keys.iter().take(MAX_KEYS).filter_map(Key::of_json).collect())
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, place: &str) -> std::result::Result<T, FetchError> {
        let fault = |what: String| FetchError(format!("{place:.300}: {what}"));
        let url: Url = place.parse().map_err(|_| fault("not an address".to_owned()))?;
        may_be_asked(&url).map_err(|error| fault(error.to_string()))?;
        let mut answer = self.client.get(url).send().await.map_err(|error| fault(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(fault(format!("status {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| fault(error.to_string()))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(fault(format!("more than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| fault(error.to_string()))
    }

    fn identity_in(&self, jwt: &Jwt<'_>) -> Option<Identity> {
        let issuer = &self.settings.issuer;
        let subject = jwt.text("sub").filter(|subject| !subject.is_empty() && subject.len() <= MAX_NAME)?;
        let id = match jwt.text("oid") {
            Some(oid) if is_entra(issuer) => oid.parse().ok()?,
            _ => principal(issuer, "user", subject),
        };
        let name = jwt.text(&self.settings.name_claim).filter(|name| !name.is_empty()).unwrap_or(subject);
        let groups = jwt.claims[self.settings.groups_claim.as_str()].as_array();
        let groups = groups.map(Vec::as_slice).unwrap_or_default().iter().filter_map(|group| group.as_str());
        let is_program = jwt.text("idtyp") == Some("app");
        Some(Identity {
            id,
            name: name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect(),
            kind: if is_program { PrincipalKind::ServicePrincipal } else { PrincipalKind::User },
            groups: groups.take(MAX_GROUPS).map(|group| principal(issuer, "group", group)).collect(),
            credential: Credential::Issuer { issuer: issuer.clone() },
        })
    }
}

/// Why the keys could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct FetchError(String);

impl Known {
    /// The keys that may have signed a token: the one that it names, or all where it names none.
    fn candidates<'a>(&'a self, jwt: &'a Jwt<'_>) -> impl Iterator<Item = &'a Material> {
        let named = jwt.header.kid.as_deref();
        let fits = move |key: &&Key| named.is_none() || key.id.as_deref() == named;
        self.keys.iter().filter(fits).map(|key| &key.material).filter(|key| key.is_for(&jwt.header.alg))
    }
}

impl Key {
    /// A key of RFC 7517 that signs with one of our algorithms.
    fn of_json(value: &serde_json::Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let part = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        let material = match text("kty")? {
            "RSA" => Material::Rsa { n: part("n")?, e: part("e")? },
            "EC" if text("crv") == Some("P-256") => {
                let (x, y) = (part("x")?, part("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Material::P256([&[4], &x[..], &y[..]].concat())
            }
            _ => return None,
        };
        if text("alg").is_some_and(|alg| !material.is_for(alg)) {
            return None;
        }
        Some(Self { id: text("kid").map(str::to_owned), material })
    }
}

impl Material {
    fn is_for(&self, algorithm: &str) -> bool {
        match self {
            Self::Rsa { .. } => algorithm == "RS256",
            Self::P256(_) => algorithm == "ES256",
        }
    }

    fn has_signed(&self, jwt: &Jwt<'_>) -> bool {
        match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, jwt.signed, &jwt.signature)
                .is_ok(),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(jwt.signed, &jwt.signature)
                .is_ok(),
        }
    }
}

/// Keys come over TLS, or from this machine.
fn may_be_asked(url: &Url) -> Result<()> {
    let is_here = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        _ => Err(Error::Misconfigured(format!(
            "the identity provider must be reached by https, or by http on this machine, not {}",
            url.origin().ascii_serialization()
        ))),
    }
}
