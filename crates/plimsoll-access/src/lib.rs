//! Who is asking, and what that one may: one door for the registry and for Resource Manager's API.
//!
//! A request brings a credential: one of our [tokens](secret), a [password](password), a bearer token of an [identity
//! provider](oidc), or a token that was [issued](issue) here in exchange for one of these. Each of them leads to a
//! [`Caller`], which holds the roles it was given and answers [`Caller::may`] without asking anybody. What roles come to is
//! decided in `plimsoll_types::access`; nothing here knows a path, a status code or a table.
//!
//! Nothing that was issued outlives what it was issued for: each names the token or the password that stands behind it,
//! and is worth nothing once that is revoked or changed. Roles are looked up for each request, so they count at once.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod caller;
mod error;
pub mod form;
mod gate;
mod identity;
mod issue;
mod jwt;
mod oidc;
mod origin;
mod password;
mod secret;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, header};
use plimsoll_store::{NewToken, Principal, Store};
use plimsoll_types::access::{Assignment, Grants, PrincipalKind, Role};
use plimsoll_types::{Guid, ResourceId, Timestamp};

pub use caller::{Caller, Verdict};
pub use error::{Error, Refusal, Result};
pub use gate::Gate;
pub use issue::{ACCESS_TOKEN_SECONDS, ManagementToken, RegistryScope};
pub use oidc::OidcSettings;
pub use origin::{Connection, Origin};
pub use password::hash as hash_password;
pub use secret::{Minted, Secret};

use identity::{Credential, Identity};
use issue::Keys;
use oidc::Issuer;
use password::Passwords;

/// Tells what time it is; handed in, so that a test can turn it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Whether one must say who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody is asked, and everybody may do everything.
    Off,
    /// As [`Mode::Off`], until somebody can log in: from the first token, the first user or a configured identity
    /// provider on, as [`Mode::Required`].
    WhenConfigured,
    /// Everybody is asked.
    Required,
}

/// How callers are recognised.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether one must say who one is.
    pub mode: Mode,
    /// The tenant that tokens name; Azure's clients want one.
    pub tenant: Guid,
    /// The identity provider whose tokens are taken, if any.
    pub oidc: Option<OidcSettings>,
}

/// Recognises callers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    settings: Settings,
    keys: Keys,
    passwords: Passwords,
    issuer: Option<Issuer>,
    /// Set once somebody can log in; it is not asked again.
    is_configured: AtomicBool,
}

/// How often the use of a token is written down, in milliseconds.
const USE_IS_NOTED: i64 = 60_000;

impl Access {
    /// Opens the door. The key that tokens are signed with is made where the store has none, so all nodes have the same.
    pub async fn open(store: Store, clock: Clock, settings: Settings) -> Result<Self> {
        let keys = Keys::open(&store, clock()).await?;
        let issuer = settings.oidc.clone().map(Issuer::new).transpose()?;
        let passwords = Passwords::new()?;
        let is_configured = AtomicBool::new(issuer.is_some());
        let inner = Inner { store, clock, settings, keys, passwords, issuer, is_configured };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether one must say who one is, at this moment.
    pub async fn is_required(&self) -> Result<bool> {
        let inner = &*self.inner;
        match inner.settings.mode {
            Mode::Off => Ok(false),
            Mode::Required => Ok(true),
            Mode::WhenConfigured if inner.is_configured.load(Ordering::Relaxed) => Ok(true),
            Mode::WhenConfigured => {
                let is_configured = inner.store.has_logins().await?;
                if is_configured {
                    tracing::info!("somebody can log in now: from here on everybody must");
                    inner.is_configured.store(true, Ordering::Relaxed);
                }
                Ok(is_configured)
            }
        }
    }

    /// The tenant that tokens name.
    pub fn tenant(&self) -> &Guid {
        &self.inner.settings.tenant
    }

    /// Who sends a request to Resource Manager's API. Without credentials it is [`Caller::anonymous`], who may nothing.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        match Credentials::of(headers)? {
            None => Ok(Caller::anonymous()),
            Some(Credentials::Bearer(token)) => {
                let identity = self.identity_of_bearer(token, Audience::Management).await?;
                self.known(identity, None).await
            }
            Some(Credentials::Basic(basic)) => {
                let (name, password) = basic.parts()?;
                let identity = self.identity_of_basic(name, password, None).await?;
                self.known(identity, None).await
            }
        }
    }

    /// Who sends a request to the registry of this gate, which the client knows by the name `host`.
    pub async fn caller_at(&self, headers: &HeaderMap, host: &str, gate: &Gate) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        match Credentials::of(headers)? {
            None => Ok(Caller::anonymous()),
            Some(Credentials::Bearer(token)) if Secret::is_one(token) => {
                let identity = self.identity_of_token(token).await?;
                self.known(identity, Some(gate)).await
            }
            Some(Credentials::Bearer(token)) => {
                let (identity, scopes) = self.inner.keys.read_access_token(token, host, self.now())?;
                self.must_stand(&identity, Some(gate)).await?;
                Ok(self.known(identity, Some(gate)).await?.limited_to(scopes))
            }
            Some(Credentials::Basic(basic)) => {
                let (name, password) = basic.parts()?;
                let identity = self.identity_of_basic(name, password, Some((host, gate))).await?;
                self.known(identity, Some(gate)).await
            }
        }
    }

    /// Who asks for a token of the registry with name and password: a user, a token, the registry's own user, or with
    /// the GUID of zeros a refresh token.
    pub async fn caller_of_password(
        &self,
        name: &str,
        password: &str,
        host: &str,
        gate: &Gate,
    ) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        let identity = self.identity_of_basic(name, password, Some((host, gate))).await?;
        self.known(identity, Some(gate)).await
    }

    /// Who asks for a token of the registry without any credentials. Refused where the registry does not allow that.
    pub async fn caller_of_nothing(&self, gate: &Gate) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        if gate.anonymous_pull {
            Ok(Caller::anonymous())
        } else {
            Err(invalid("this registry wants to know who you are"))
        }
    }

    /// Who asks for a refresh token with a bearer token of Resource Manager, of the identity provider, or our own.
    pub async fn caller_of_bearer(&self, token: &str, gate: &Gate) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        let identity = self.identity_of_bearer(token, Audience::Exchange).await?;
        self.known(identity, Some(gate)).await
    }

    /// Who asks for an access token with a refresh token.
    pub async fn caller_of_refresh_token(&self, token: &str, host: &str, gate: &Gate) -> Result<Caller> {
        if !self.is_required().await? {
            return Ok(Caller::everyone());
        }
        let identity = self.identity_of_refresh_token(token, host, gate).await?;
        self.known(identity, Some(gate)).await
    }

    /// A refresh token for this caller at the registry that is known as `host`.
    pub fn refresh_token(&self, caller: &Caller, host: &str) -> Result<String> {
        self.inner.keys.refresh_token(caller.identity(), host, self.now())
    }

    /// An access token for this caller at the registry, limited to `scopes`, which must have been granted.
    pub fn access_token(&self, caller: &Caller, host: &str, scopes: &[RegistryScope]) -> Result<String> {
        let tenant = &self.inner.settings.tenant;
        self.inner.keys.access_token(caller.identity(), tenant, host, scopes, self.now())
    }

    /// A token for `resource` in exchange for one of ours, as a managed identity gets one. `host` is the name that the
    /// client knows this server by. Where nobody is asked who he is, any `secret` will do.
    pub async fn management_token(
        &self,
        secret: &str,
        resource: &str,
        host: &str,
    ) -> Result<ManagementToken> {
        let identity = match self.is_required().await? {
            true => self.identity_of_token(secret).await?,
            false => Identity::everyone(),
        };
        let tenant = &self.inner.settings.tenant;
        self.inner.keys.management_token(&identity, tenant, resource, host, self.now())
    }

    /// The registry's own password of this name, `password` or `password2`.
    pub async fn registry_password(&self, registry: &ResourceId, name: &str) -> Result<String> {
        let version = self.inner.store.registry_password_version(registry, name).await?;
        Ok(self.inner.keys.registry_password(registry, name, version))
    }

    /// Makes the registry's own password of this name another one.
    pub async fn renew_registry_password(&self, registry: &ResourceId, name: &str) -> Result<String> {
        let version = self.inner.store.renew_registry_password(registry, name).await?;
        Ok(self.inner.keys.registry_password(registry, name, version))
    }

    async fn identity_of_bearer(&self, token: &str, audience: Audience) -> Result<Identity> {
        if Secret::is_one(token) {
            return self.identity_of_token(token).await;
        }
        if self.inner.keys.are_for(token) {
            let identity = self.inner.keys.read_management_token(token, audience, self.now())?;
            self.must_stand(&identity, None).await?;
            return Ok(identity);
        }
        match &self.inner.issuer {
            Some(issuer) => issuer.identity(token, self.now()).await,
            None => Err(invalid("the bearer token is not one that this server knows")),
        }
    }

    /// Who holds this token of ours.
    async fn identity_of_token(&self, text: &str) -> Result<Identity> {
        let unknown = || invalid("the token is unknown, was revoked or has expired");
        if !Secret::is_one(text) {
            return Err(unknown());
        }
        let now = self.now();
        let found = self.inner.store.token_by_hash(&secret::hash(text)).await?;
        let token = found.filter(|token| token.expires_at.is_none_or(|end| end > now)).ok_or_else(unknown)?;
        if token.used_at.is_none_or(|used| used.plus_millis(USE_IS_NOTED) <= now) {
            self.inner.store.token_used(&token.id, now).await?;
        }
        Ok(Identity::new(token.principal, Credential::Token { id: token.id }))
    }

    async fn identity_of_basic(
        &self,
        name: &str,
        password: &str,
        at: Option<(&str, &Gate)>,
    ) -> Result<Identity> {
        if Secret::is_one(password) {
            // Whatever name stands beside it: docker wants one.
            return self.identity_of_token(password).await;
        }
        if let Some((host, gate)) = at {
            if name == Guid::nil().as_str() {
                return match password.matches('.').count() {
                    2 => self.identity_of_bearer(password, Audience::Exchange).await,
                    _ => self.identity_of_refresh_token(password, host, gate).await,
                };
            }
            if gate.admin_user
                && name.eq_ignore_ascii_case(&gate.name)
                && let Some(identity) = self.identity_of_registry(gate, password).await?
            {
                return Ok(identity);
            }
        }
        let inner = &*self.inner;
        inner.passwords.identity(&inner.store, &inner.clock, name, password).await
    }

    async fn identity_of_refresh_token(&self, token: &str, host: &str, gate: &Gate) -> Result<Identity> {
        let identity = self.inner.keys.read_refresh_token(token, host, self.now())?;
        self.must_stand(&identity, Some(gate)).await?;
        Ok(identity)
    }

    /// The registry's own user, if this is one of its passwords.
    async fn identity_of_registry(&self, gate: &Gate, password: &str) -> Result<Option<Identity>> {
        for name in Gate::PASSWORDS {
            let version = self.inner.store.registry_password_version(&gate.id, name).await?;
            let expected = self.inner.keys.registry_password(&gate.id, name, version);
            if secret::are_equal(expected.as_bytes(), password.as_bytes()) {
                let registry = gate.id.key().to_owned();
                let credential = Credential::Registry { registry, name: name.to_owned(), version };
                return Ok(Some(Identity::of_registry(gate, credential)));
            }
        }
        Ok(None)
    }

    /// Fails unless that which a token was issued for still stands.
    async fn must_stand(&self, identity: &Identity, gate: Option<&Gate>) -> Result<()> {
        let store = &self.inner.store;
        let stands = match &identity.credential {
            Credential::Token { id } => store.token(id).await?.is_some_and(|t| {
                t.principal.id == identity.id && t.expires_at.is_none_or(|end| end > self.now())
            }),
            Credential::Password { changed_at } => {
                store.password_changed_at(&identity.id).await? == Some(Timestamp(*changed_at))
            }
            Credential::Issuer { issuer } => {
                self.inner.issuer.as_ref().is_some_and(|known| known.is_named(issuer))
            }
            Credential::Registry { registry, name, version } => match gate {
                Some(gate) if gate.admin_user && gate.id.key() == registry => {
                    store.registry_password_version(&gate.id, name).await? == *version
                }
                _ => false,
            },
            Credential::Nothing => gate.is_some_and(|gate| gate.anonymous_pull),
            // It was issued while nobody was asked, and now everybody is.
            Credential::Everyone => false,
        };
        if stands { Ok(()) } else { Err(invalid("what the token was issued for was revoked or changed")) }
    }

    /// The caller that an identity is, with the roles it has now.
    async fn known(&self, identity: Identity, gate: Option<&Gate>) -> Result<Caller> {
        if let (Credential::Registry { .. }, Some(gate)) = (&identity.credential, gate) {
            return Ok(Caller::registry_user(identity, gate));
        }
        if identity.credential == Credential::Nothing {
            return Ok(Caller::anonymous());
        }
        let mut principals = vec![identity.id.clone()];
        principals.extend(identity.groups.iter().cloned());
        let assignments = self.inner.store.assignments_of(&principals).await?;
        Ok(Caller::new(identity, Grants::of(&assignments)))
    }

    fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }
}

/// What a bearer token is presented for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A request to Resource Manager's API.
    Management,
    /// A refresh token of a registry.
    Exchange,
}

/// Makes the token that a new server is taken over with, Owner of everything, if nobody can log in yet. It is shown once,
/// by the caller, and never again.
pub async fn first_token(store: &Store, now: Timestamp) -> Result<Option<Secret>> {
    let minted = Minted::new()?;
    let id = Guid::random(secret::random()?);
    let name = "admin".to_owned();
    let principal =
        Principal { id: id.clone(), kind: PrincipalKind::ServicePrincipal, name, created_at: now };
    let token = NewToken {
        id: &minted.id,
        name: "first start",
        principal: &id,
        hash: &minted.hash,
        expires_at: None,
    };
    let Some(owner) = Role::named("Owner") else { return Ok(None) };
    let assignment = Assignment {
        id: Guid::random(secret::random()?),
        scope: ResourceId::root(),
        role: owner.guid(),
        principal: id.clone(),
        principal_kind: PrincipalKind::ServicePrincipal,
        created_by: "first start".to_owned(),
        created_at: now,
    };
    let is_first = store.create_first_token(&principal, token, &assignment).await?;
    Ok(is_first.then_some(minted.text))
}

/// The principal that an identity provider's user is here. Assignments to it may be made before it was ever seen.
pub fn oidc_user(issuer: &str, subject: &str) -> Guid {
    oidc::principal(issuer, "user", subject)
}

/// The principal that an identity provider's group is here.
pub fn oidc_group(issuer: &str, group: &str) -> Guid {
    oidc::principal(issuer, "group", group)
}

/// A new GUID, for a principal or an assignment.
pub fn new_guid() -> Result<Guid> {
    Ok(Guid::random(secret::random()?))
}

/// What stands in `Authorization`.
enum Credentials<'a> {
    Bearer(&'a str),
    Basic(Basic),
}

/// Name and password, decoded.
struct Basic(String);

impl<'a> Credentials<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Option<Self>> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let text = value.to_str().map_err(|_| invalid("Authorization is not text"))?;
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("Bearer") {
            return Ok(Some(Self::Bearer(rest)));
        }
        if scheme.eq_ignore_ascii_case("Basic") {
            return Ok(Some(Self::Basic(Basic::decode(rest)?)));
        }
        Err(invalid("Authorization is Basic or Bearer here"))
    }
}

impl Basic {
    fn decode(text: &str) -> Result<Self> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Self).ok_or_else(|| invalid("the Basic credentials cannot be read"))
    }

    fn parts(&self) -> Result<(&str, &str)> {
        self.0.split_once(':').ok_or_else(|| invalid("the Basic credentials have no password"))
    }
}

/// Name and password of a request, if it brings some: what a token endpoint looks for.
pub fn basic_credentials(headers: &HeaderMap) -> Result<Option<(String, String)>> {
    match Credentials::of(headers)? {
        Some(Credentials::Basic(basic)) => {
            let (name, password) = basic.parts()?;
            Ok(Some((name.to_owned(), password.to_owned())))
        }
        _ => Ok(None),
    }
}

fn invalid(why: &'static str) -> Error {
    Error::Refused(Refusal::Invalid(why))
}
