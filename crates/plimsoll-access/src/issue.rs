//! What is issued here: refresh and access tokens of a registry, and tokens for Resource Manager.
//!
//! All nodes derive the same keys from the one that the store keeps, so each takes the others' tokens, and none of them is
//! kept. A refresh token is opaque: Azure's Python client stumbles over one that is a JWT (it decodes it with the wrong
//! alphabet, and exchanges it anew for every request). Access tokens are JWTs, for `az` looks into them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_store::Store;
use plimsoll_types::access::Verb;
use plimsoll_types::{Guid, RepositoryName, ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::identity::Identity;
use crate::jwt::{self, Jwt};
use crate::{Audience, Error, Refusal, Result, secret};

/// How long an access token of a registry counts, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 900;
/// How long a refresh token counts: as long as Azure's.
const REFRESH_TOKEN_SECONDS: i64 = 3 * 3600;
/// How long a token for Resource Manager counts.
const MANAGEMENT_TOKEN_SECONDS: i64 = 3600;
/// Who issues our tokens, in their words.
const ISSUER: &str = "Plimsoll";
/// Scopes that one token may be asked for: it must fit into a request's head.
const MAX_SCOPES: usize = 20;
/// The audience of tokens for registries, whatever the registry.
const REGISTRIES: &str = "https://containerregistry.azure.net";

/// The keys, all derived from one.
pub(crate) struct Keys {
    tokens: hmac::Key,
    refresh: hmac::Key,
    passwords: hmac::Key,
}

/// A token for Resource Manager.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagementToken {
    /// The token, a JWT.
    pub text: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Something that an access token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryScope {
    /// The list of repositories.
    Catalog,
    /// A repository, for these verbs.
    Repository {
        /// Its name.
        name: RepositoryName,
        /// What may be done in it.
        verbs: Vec<Verb>,
    },
}

impl RegistryScope {
    /// The scopes of a request, each written `repository:NAME:pull,push` or `registry:catalog:*`; one text may hold
    /// several, divided by spaces. What is not understood is left out: it is not granted, and that is all.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let all = texts.into_iter().flat_map(|text| text.split(' '));
        all.filter(|text| !text.is_empty()).take(MAX_SCOPES).filter_map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        // `repository(plugin):…` says what kind of content is meant, which makes no difference here.
        match kind.split('(').next()? {
            "repository" | "artifact-repository" => {
                let mut verbs = Vec::new();
                for word in actions.split(',') {
                    match word.trim() {
                        "*" => verbs.extend(Verb::OF_REPOSITORY),
                        word => verbs.extend(word.parse::<Verb>()),
                    }
                }
                verbs.dedup();
                verbs.truncate(Verb::OF_REPOSITORY.len());
                Some(Self::Repository { name: name.parse().ok()?, verbs })
            }
            "registry" if name == "catalog" => Some(Self::Catalog),
            _ => None,
        }
    }

    /// Whether a token with this scope opens this.
    pub(crate) fn covers(&self, verb: Verb, repository: Option<&RepositoryName>) -> bool {
        // Quarantine has no words of its own in scopes: Azure wants pull of who reads, push of who releases.
        let wanted = match verb {
            Verb::QuarantineRead => Verb::Pull,
            Verb::QuarantineWrite => Verb::Push,
            verb => verb,
        };
        match self {
            Self::Catalog => wanted == Verb::Catalog,
            Self::Repository { name, verbs } => repository == Some(name) && verbs.contains(&wanted),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Catalog => json!({"type": "registry", "name": "catalog", "actions": ["*"]}),
            Self::Repository { name, verbs } => {
                let actions: Vec<_> = verbs.iter().map(|verb| verb.as_str()).collect();
                json!({"type": "repository", "name": name.as_str(), "actions": actions})
            }
        }
    }

    fn of_json(value: &Value) -> Option<Self> {
        let name = value["name"].as_str()?;
        match value["type"].as_str()? {
            "registry" => (name == "catalog").then_some(Self::Catalog),
            "repository" => {
                let actions = value["actions"].as_array()?.iter().filter_map(Value::as_str);
                Some(Self::Repository {
                    name: name.parse().ok()?,
                    verbs: actions.filter_map(|word| word.parse().ok()).collect(),
                })
            }
            _ => None,
        }
    }
}

/// What a refresh token says.
#[derive(Serialize, Deserialize)]
struct Refresh {
    identity: Identity,
    host: String,
    expires_at: i64,
}

impl Keys {
    /// The keys of this store.
    pub(crate) async fn open(store: &Store, now: Timestamp) -> Result<Self> {
        let main = store.signing_key("main", &secret::random::<32>()?, now).await?;
        let main = hmac::Key::new(hmac::HMAC_SHA256, &main);
        let derived =
            |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&main, purpose.as_bytes()).as_ref());
        Ok(Self { tokens: derived("tokens"), refresh: derived("refresh"), passwords: derived("passwords") })
    }

    /// Whether a token says that it was issued here. It may lie; its signature will tell.
    pub(crate) fn are_for(&self, token: &str) -> bool {
        Jwt::parse(token).is_some_and(|jwt| jwt.text("iss") == Some(ISSUER))
    }

    pub(crate) fn refresh_token(&self, identity: &Identity, host: &str, now: Timestamp) -> Result<String> {
        let expires_at = now.plus_millis(REFRESH_TOKEN_SECONDS * 1000).0;
        let said = Refresh { identity: identity.clone(), host: host.to_ascii_lowercase(), expires_at };
        let said = serde_json::to_vec(&said).map_err(|_| Error::Broken("a token could not be written"))?;
        let said = URL_SAFE_NO_PAD.encode(said);
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.refresh, said.as_bytes()));
        Ok(format!("{said}.{signature}"))
    }

    pub(crate) fn read_refresh_token(&self, token: &str, host: &str, now: Timestamp) -> Result<Identity> {
        let read = || {
            let (said, signature) = token.split_once('.')?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            hmac::verify(&self.refresh, said.as_bytes(), &signature).ok()?;
            let said: Refresh = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()?;
            (said.host.eq_ignore_ascii_case(host) && said.expires_at > now.0).then_some(said.identity)
        };
        read().ok_or_else(|| refused("the refresh token is not one of this registry, or has expired"))
    }

    pub(crate) fn access_token(
        &self,
        identity: &Identity,
        tenant: &Guid,
        host: &str,
        scopes: &[RegistryScope],
        now: Timestamp,
    ) -> Result<String> {
        let access: Vec<_> = scopes.iter().map(RegistryScope::to_json).collect();
        let more = json!({
            "aud": host.to_ascii_lowercase(),
            "version": "1.0",
            "grant_type": "access_token",
            "access": access,
        });
        self.token(identity, tenant, ACCESS_TOKEN_SECONDS, more, now)
    }

    /// Who an access token was issued to, and what it opens. Only the registry that is known as `host` takes it.
    pub(crate) fn read_access_token(
        &self,
        token: &str,
        host: &str,
        now: Timestamp,
    ) -> Result<(Identity, Vec<RegistryScope>)> {
        let unknown = || refused("the access token is not one of this registry, or has expired");
        let jwt = self.read(token, "access_token", now).ok_or_else(unknown)?;
        if !jwt.is_for(|audience| audience.eq_ignore_ascii_case(host)) {
            return Err(unknown());
        }
        let access = jwt.claims["access"].as_array().map(Vec::as_slice).unwrap_or_default();
        let scopes = access.iter().filter_map(RegistryScope::of_json).collect();
        Ok((identity_in(&jwt).ok_or_else(unknown)?, scopes))
    }

    pub(crate) fn management_token(
        &self,
        identity: &Identity,
        tenant: &Guid,
        resource: &str,
        host: &str,
        now: Timestamp,
    ) -> Result<ManagementToken> {
        let more = json!({
            "aud": resource,
            "ver": "1.0",
            "grant_type": "management",
            "use": purpose_of(resource, host),
        });
        let text = self.token(identity, tenant, MANAGEMENT_TOKEN_SECONDS, more, now)?;
        Ok(ManagementToken { text, expires_at: now.plus_millis(MANAGEMENT_TOKEN_SECONDS * 1000) })
    }

    pub(crate) fn read_management_token(
        &self,
        token: &str,
        audience: Audience,
        now: Timestamp,
    ) -> Result<Identity> {
        let unknown = || refused("the bearer token is not one for this service, or has expired");
        let jwt = self.read(token, "management", now).ok_or_else(unknown)?;
        let fits = match jwt.text("use") {
            Some("management") => true,
            Some("registries") => audience == Audience::Exchange,
            _ => false,
        };
        if fits { identity_in(&jwt).ok_or_else(unknown) } else { Err(unknown()) }
    }

    /// The password of a registry's own user. The next version is another one.
    pub(crate) fn registry_password(&self, registry: &ResourceId, name: &str, version: u64) -> String {
        // Neither an id nor a name has a zero in it.
        let about = format!("{}\0{name}\0{version}", registry.key());
        secret::hex(hmac::sign(&self.passwords, about.as_bytes()).as_ref())
    }

    /// A JWT with what all have in common, and these claims more.
    fn token(
        &self,
        identity: &Identity,
        tenant: &Guid,
        seconds: i64,
        more: Value,
        now: Timestamp,
    ) -> Result<String> {
        let broken = || Error::Broken("a token could not be written");
        let begins = now.0.div_euclid(1000);
        let mut claims = json!({
            "jti": Guid::random(secret::random()?),
            "iss": ISSUER,
            "sub": identity.id,
            "oid": identity.id,
            "appid": identity.id,
            "tid": tenant,
            "iat": begins,
            "nbf": begins,
            "exp": begins + seconds,
            "plimsoll": identity,
        });
        let all = claims.as_object_mut().ok_or_else(broken)?;
        all.extend(more.as_object().cloned().ok_or_else(broken)?);
        Ok(jwt::sign(&self.tokens, &claims))
    }

    fn read<'a>(&self, token: &'a str, kind: &str, now: Timestamp) -> Option<Jwt<'a>> {
        let jwt = Jwt::parse(token)?;
        let is_good = jwt.is_signed_with(&self.tokens)
            && jwt.text("iss") == Some(ISSUER)
            && jwt.text("grant_type") == Some(kind)
            && jwt.counts_at(now);
        is_good.then_some(jwt)
    }
}

fn identity_in(jwt: &Jwt<'_>) -> Option<Identity> {
    serde_json::from_value(jwt.claims["plimsoll"].clone()).ok()
}

/// What a token for this resource is good for. Clients write our own address in several ways; the port may differ, since
/// tokens may be asked for at a plain port beside the one with TLS.
fn purpose_of(resource: &str, host: &str) -> &'static str {
    let plain = resource.trim_end_matches('/').to_ascii_lowercase();
    let plain = plain.strip_suffix("/.default").unwrap_or(&plain).trim_end_matches('/');
    if plain == REGISTRIES {
        return "registries";
    }
    let place = plain.split_once("://").map_or(plain, |(_, rest)| rest);
    let is_ours = without_port(place) == without_port(&host.to_ascii_lowercase());
    match plain {
        "https://management.azure.com" | "https://management.core.windows.net" => "management",
        _ if is_ours => "management",
        _ => "nothing here",
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn refused(why: &'static str) -> Error {
    Error::Refused(Refusal::Invalid(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_what_is_strange_is_left_out() {
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let scopes = RegistryScope::parse_all([
            "repository:team/app:pull,push repository(plugin):a:pull",
            "registry:catalog:*",
            "repository:B:pull",
            "registry:moon:*",
            "repository:c:fly,delete",
            "nonsense",
            "",
        ]);
        assert_eq!(
            scopes,
            [
                RegistryScope::Repository { name: name("team/app"), verbs: vec![Verb::Pull, Verb::Push] },
                RegistryScope::Repository { name: name("a"), verbs: vec![Verb::Pull] },
                RegistryScope::Catalog,
                RegistryScope::Repository { name: name("c"), verbs: vec![Verb::Delete] },
            ]
        );
        let all = RegistryScope::parse_all(["repository:a:*"]);
        assert!(Verb::OF_REPOSITORY.iter().all(|verb| all[0].covers(*verb, Some(&name("a")))));
        assert!(!all[0].covers(Verb::Pull, Some(&name("b"))) && !all[0].covers(Verb::Catalog, None));
        for scope in &scopes {
            assert_eq!(RegistryScope::of_json(&scope.to_json()).as_ref(), Some(scope));
        }
    }

    #[test]
    fn the_purpose_of_a_resource_is_known() {
        for (resource, purpose) in [
            ("https://management.azure.com/", "management"),
            ("https://management.core.windows.net//", "management"),
            ("https://localhost:5001", "management"),
            ("https://LOCALHOST/.default", "management"),
            ("https://containerregistry.azure.net", "registries"),
            ("https://containerregistry.azure.net/.default", "registries"),
            ("https://vault.azure.net", "nothing here"),
            ("https://localhost.example", "nothing here"),
            ("", "nothing here"),
        ] {
            assert_eq!(purpose_of(resource, "localhost:5000"), purpose, "{resource}");
        }
    }
}
