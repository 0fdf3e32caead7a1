//! The door from both sides: who gets in, by what, for how long, and who does not.

mod issuer;
mod oidc;

use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use plimsoll_types::access::Verb;

use super::*;
use crate::jwt::Jwt;

const REGISTRY: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acme";
const HOST: &str = "acme.example:5000";
const NOW: i64 = 1_800_000_000_000;

/// A server's door with a store and a clock of its own.
struct House {
    access: Access,
    store: Store,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new(mode: Mode) -> Self {
        Self::with(mode, None).await
    }

    async fn with(mode: Mode, oidc: Option<OidcSettings>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&plimsoll_store::Settings {
            database: format!("sqlite:{}", folder.path().join("plimsoll.db").display()),
            blobs: format!("file:{}", folder.path().join("blobs").display()),
            blob_options: Vec::new(),
            node: "test".to_owned(),
        })
        .await
        .unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let clock: Clock = Arc::new({
            let now = now.clone();
            move || Timestamp(now.load(Ordering::Relaxed))
        });
        let settings = Settings { mode, tenant: Guid::derived(&["tenant"]), oidc };
        let access = Access::open(store.clone(), clock, settings).await.unwrap();
        Self { access, store, now, _folder: folder }
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    async fn principal(&self, name: &str, kind: PrincipalKind) -> Guid {
        let id = Guid::derived(&[name]);
        let principal = Principal { id: id.clone(), kind, name: name.to_owned(), created_at: self.now() };
        assert!(self.store.create_principal(&principal).await.unwrap());
        id
    }

    /// Makes a token of its own principal, and gives its text.
    async fn token(&self, name: &str, seconds: Option<i64>) -> Minted {
        let principal = self.principal(name, PrincipalKind::ServicePrincipal).await;
        let minted = Minted::new().unwrap();
        let expires_at = seconds.map(|seconds| self.now().plus_millis(seconds * 1000));
        let Minted { id, hash, .. } = &minted;
        let token = NewToken { id, name, principal: &principal, hash, expires_at };
        self.store.create_token(token, self.now()).await.unwrap();
        minted
    }

    async fn user(&self, name: &str, password: &str) -> Guid {
        let id = self.principal(name, PrincipalKind::User).await;
        self.store.set_password(&id, &hash_password(password).unwrap(), self.now()).await.unwrap();
        id
    }

    async fn assign(&self, role: &str, scope: &str, principal: &Guid) {
        let assignment = Assignment {
            id: new_guid().unwrap(),
            scope: scope.parse().unwrap(),
            role: Role::named(role).unwrap().guid(),
            principal: principal.clone(),
            principal_kind: PrincipalKind::User,
            created_by: "test".to_owned(),
            created_at: self.now(),
        };
        self.store.assign_role(&assignment).await.unwrap();
    }

    async fn caller(&self, authorization: &str) -> Result<Caller> {
        self.access.caller(&headers(authorization)).await
    }

    async fn caller_at(&self, authorization: &str) -> Result<Caller> {
        self.access.caller_at(&headers(authorization), HOST, &gate()).await
    }

    /// An access token for a caller, limited to these scopes.
    fn access_token(&self, caller: &Caller, scopes: &[&str]) -> String {
        let scopes = RegistryScope::parse_all(scopes.iter().copied());
        let granted = caller.granted(&scopes, &gate());
        self.access.access_token(caller, HOST, &granted).unwrap()
    }
}

fn headers(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !authorization.is_empty() {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    }
    headers
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn gate() -> Gate {
    Gate { id: REGISTRY.parse().unwrap(), name: "acme".into(), anonymous_pull: false, admin_user: false }
}

fn name(text: &str) -> plimsoll_types::RepositoryName {
    text.parse().unwrap()
}

#[track_caller]
fn is_refused<T>(result: Result<T>) -> String {
    match result.err() {
        Some(Error::Refused(refusal @ Refusal::Invalid(_))) => refusal.to_string(),
        other => panic!("not refused as invalid: {other:?}"),
    }
}

/// The JWT with one of its claims changed and the same signature.
fn forged(token: &str, change: impl Fn(&mut serde_json::Value)) -> String {
    let parts: Vec<_> = token.split('.').collect();
    let mut claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    change(&mut claims);
    format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2])
}

#[tokio::test]
async fn nobody_is_asked_until_somebody_can_log_in() {
    let house = House::new(Mode::WhenConfigured).await;
    let owner = house.caller("").await.unwrap();
    assert!(owner.may("Microsoft.Authorization/roleAssignments/write", &ResourceId::root()));
    assert!(!owner.is_anonymous());
    house.token("ci", None).await;
    let nobody = house.caller("").await.unwrap();
    assert!(nobody.is_anonymous() && !nobody.may("Microsoft.Security/assessments/read", &ResourceId::root()));
    // What was issued before does not count any more.
    let early = house.access.refresh_token(&owner, HOST).unwrap();
    is_refused(house.access.caller_of_refresh_token(&early, HOST, &gate()).await);
}

#[tokio::test]
async fn modes_that_were_set_do_not_change() {
    let house = House::new(Mode::Off).await;
    house.token("ci", None).await;
    assert_eq!(house.caller("").await.unwrap().name(), "everyone");
    assert_eq!(house.caller("Bearer rubbish").await.unwrap().name(), "everyone");
    let house = House::new(Mode::Required).await;
    assert!(house.caller("").await.unwrap().is_anonymous());
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_or_is_revoked() {
    let house = House::new(Mode::Required).await;
    let short = house.token("short", Some(60)).await;
    let long = house.token("long", None).await;
    for minted in [&short, &long] {
        let bearer = format!("Bearer {}", minted.text.reveal());
        assert!(house.caller(&bearer).await.is_ok() && house.caller_at(&bearer).await.is_ok());
        assert!(house.caller_at(&basic("whoever", minted.text.reveal())).await.is_ok());
    }
    assert_eq!(house.store.token(&short.id).await.unwrap().unwrap().used_at, Some(Timestamp(NOW)));
    house.pass(60);
    is_refused(house.caller(&format!("Bearer {}", short.text.reveal())).await);
    let bearer = format!("bearer {}", long.text.reveal());
    assert_eq!(house.caller(&bearer).await.unwrap().name(), "long");
    house.store.revoke_token(&long.id).await.unwrap();
    is_refused(house.caller(&bearer).await);
    let unknown = Minted::new().unwrap();
    is_refused(house.caller(&format!("Bearer {}", unknown.text.reveal())).await);
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_refused() {
    let house = House::new(Mode::Required).await;
    for authorization in [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Digest x",
        "plim_",
        "Bearer ..",
        "Bearer e30.e30.",
        "Basic /////w==",
    ] {
        is_refused(house.caller(authorization).await);
        is_refused(house.caller_at(authorization).await);
    }
    is_refused(house.caller(&format!("Bearer {}", "a".repeat(30_000))).await);
}

#[tokio::test]
async fn a_user_logs_in_by_name_and_password() {
    let house = House::new(Mode::Required).await;
    let id = house.user("Ada", "correct horse").await;
    house.assign("AcrPull", REGISTRY, &id).await;
    let ada = house.caller_at(&basic("ada", "correct horse")).await.unwrap();
    assert_eq!((ada.name(), ada.kind(), ada.id()), ("Ada", PrincipalKind::User, &id));
    assert_eq!(ada.verdict(Verb::Pull, &gate(), Some(&name("app"))), Verdict::Allowed);
    let wrong = is_refused(house.caller_at(&basic("ada", "wrong horse")).await);
    let unknown = is_refused(house.caller_at(&basic("bob", "wrong horse")).await);
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn a_changed_password_ends_what_the_old_one_opened() {
    let house = House::new(Mode::Required).await;
    let id = house.user("ada", "correct horse").await;
    let ada = house.caller_at(&basic("ada", "correct horse")).await.unwrap();
    let refresh = house.access.refresh_token(&ada, HOST).unwrap();
    assert!(house.access.caller_of_refresh_token(&refresh, HOST, &gate()).await.is_ok());
    house.pass(1);
    house.store.set_password(&id, &hash_password("battery staple").unwrap(), house.now()).await.unwrap();
    // It was remembered a second ago, and is wrong all the same.
    is_refused(house.caller_at(&basic("ada", "correct horse")).await);
    is_refused(house.access.caller_of_refresh_token(&refresh, HOST, &gate()).await);
    assert!(house.caller_at(&basic("ada", "battery staple")).await.is_ok());
}

#[tokio::test]
async fn guessing_is_slowed_down_and_nobody_is_locked_out_for_good() {
    let house = House::new(Mode::Required).await;
    house.user("ada", "correct horse").await;
    for _ in 0..5 {
        is_refused(house.caller_at(&basic("ADA", "guess")).await);
    }
    let right = basic("ada", "correct horse");
    let refused = house.caller_at(&right).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::TooMany(_)))), "{refused:?}");
    // Names that do not exist are treated alike.
    for _ in 0..5 {
        is_refused(house.caller_at(&basic("nobody", "guess")).await);
    }
    let refused = house.caller_at(&basic("nobody", "guess")).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::TooMany(_)))), "{refused:?}");
    house.pass(1);
    assert!(house.caller_at(&right).await.is_ok());
    is_refused(house.caller_at(&basic("ada", "guess")).await);
}

#[tokio::test]
async fn an_access_token_opens_what_it_says_where_it_says_and_not_for_long() {
    let house = House::new(Mode::Required).await;
    let ci = house.token("ci", None).await;
    house.assign("AcrPush", REGISTRY, &Guid::derived(&["ci"])).await;
    let caller = house.caller_at(&format!("Bearer {}", ci.text.reveal())).await.unwrap();
    let token = house.access_token(&caller, &["repository:app:pull,delete"]);
    let bearer = format!("Bearer {token}");
    let limited = house.caller_at(&bearer).await.unwrap();
    let verdict = |verb, repository: &str| limited.verdict(verb, &gate(), Some(&name(repository)));
    assert_eq!(verdict(Verb::Pull, "app"), Verdict::Allowed);
    assert_eq!(verdict(Verb::Push, "app"), Verdict::NeedsScope);
    assert_eq!(verdict(Verb::Pull, "other"), Verdict::NeedsScope);
    assert_eq!(verdict(Verb::Delete, "app"), Verdict::Denied);
    assert_eq!(limited.verdict(Verb::Look, &gate(), None), Verdict::Allowed);
    // Not at another registry, not at Resource Manager, not in exchange for something better.
    is_refused(house.access.caller_at(&headers(&bearer), "other.example", &gate()).await);
    is_refused(house.caller(&bearer).await);
    is_refused(house.access.caller_of_bearer(&token, &gate()).await);
    house.pass(ACCESS_TOKEN_SECONDS + 61);
    is_refused(house.caller_at(&bearer).await);
}

#[tokio::test]
async fn a_token_for_all_that_may_be_asked_is_short_enough_to_come_back() {
    let house = House::new(Mode::Required).await;
    let ci = house.token("ci", None).await;
    house.assign("Owner", "/", &Guid::derived(&["ci"])).await;
    let caller = house.caller_at(&format!("Bearer {}", ci.text.reveal())).await.unwrap();
    let asked: Vec<_> = (0..500).map(|i| format!("repository:{}{i:03}:*", "a".repeat(230))).collect();
    let asked: Vec<_> = asked.iter().map(String::as_str).collect();
    let token = house.access_token(&caller, &asked);
    let limited = house.caller_at(&format!("Bearer {token}")).await.unwrap();
    let first = name(&format!("{}000", "a".repeat(230)));
    assert_eq!(limited.verdict(Verb::Delete, &gate(), Some(&first)), Verdict::Allowed);
}

#[tokio::test]
async fn a_forged_token_is_worth_nothing() {
    let house = House::new(Mode::Required).await;
    let ci = house.token("ci", None).await;
    let caller = house.caller_at(&format!("Bearer {}", ci.text.reveal())).await.unwrap();
    let token = house.access_token(&caller, &["repository:app:pull"]);
    let wider = forged(&token, |claims| {
        claims["access"] = serde_json::json!([{"type": "registry", "name": "catalog"}])
    });
    is_refused(house.caller_at(&format!("Bearer {wider}")).await);
    let longer = forged(&token, |claims| claims["exp"] = 9_999_999_999_i64.into());
    is_refused(house.caller_at(&format!("Bearer {longer}")).await);
    let (_, rest) = token.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    for header in
        [r#"{"alg":"none"}"#, r#"{"alg":"NONE","typ":"JWT"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"HS512"}"#]
    {
        let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header));
        is_refused(house.caller_at(&format!("Bearer {unsigned}")).await);
        is_refused(house.caller(&format!("Bearer {unsigned}")).await);
    }
    // Signed, but by another server.
    let other = House::new(Mode::Required).await;
    let stranger = other.access_token(&caller, &["repository:app:pull"]);
    is_refused(house.caller_at(&format!("Bearer {stranger}")).await);
}

#[tokio::test]
async fn a_refresh_token_is_opaque_and_of_one_registry() {
    let house = House::new(Mode::Required).await;
    let ci = house.token("ci", None).await;
    let caller = house.caller_at(&format!("Bearer {}", ci.text.reveal())).await.unwrap();
    let token = house.access.refresh_token(&caller, HOST).unwrap();
    assert!(token.matches('.').count() < 2, "{token}");
    let used = house.access.caller_of_refresh_token(&token, "ACME.example:5000", &gate()).await.unwrap();
    assert_eq!(used.id(), caller.id());
    let zeros = Guid::nil();
    assert!(house.access.caller_of_password(zeros.as_str(), &token, HOST, &gate()).await.is_ok());
    is_refused(house.access.caller_of_refresh_token(&token, "other.example", &gate()).await);
    is_refused(house.access.caller_of_refresh_token(&format!("{token}A"), HOST, &gate()).await);
    is_refused(house.access.caller_of_refresh_token("", HOST, &gate()).await);
    is_refused(house.caller_at(&format!("Bearer {token}")).await);
    is_refused(house.caller(&format!("Bearer {token}")).await);
    house.store.revoke_token(&ci.id).await.unwrap();
    is_refused(house.access.caller_of_refresh_token(&token, HOST, &gate()).await);
}

#[tokio::test]
async fn a_management_token_is_good_for_what_it_was_asked_for() {
    let house = House::new(Mode::Required).await;
    let ci = house.token("ci", None).await;
    let issue = async |resource: &str| {
        house.access.management_token(ci.text.reveal(), resource, HOST).await.unwrap().text
    };
    let arm = issue("https://management.core.windows.net/").await;
    let registries = issue("https://containerregistry.azure.net").await;
    let other = issue("https://vault.azure.net").await;
    let claims = Jwt::parse(&arm).unwrap().claims;
    assert_eq!(claims["tid"], house.access.tenant().as_str());
    assert_eq!(claims["aud"], "https://management.core.windows.net/");
    assert_eq!(house.caller(&format!("Bearer {arm}")).await.unwrap().name(), "ci");
    assert!(house.access.caller_of_bearer(&arm, &gate()).await.is_ok());
    assert!(house.access.caller_of_bearer(&registries, &gate()).await.is_ok());
    is_refused(house.caller(&format!("Bearer {registries}")).await);
    is_refused(house.caller(&format!("Bearer {other}")).await);
    is_refused(house.access.caller_of_bearer(&other, &gate()).await);
    // It must be exchanged before a registry takes it.
    is_refused(house.caller_at(&format!("Bearer {registries}")).await);
    is_refused(house.access.management_token("anything", "https://management.azure.com", HOST).await);
    house.pass(3 * 3600);
    is_refused(house.caller(&format!("Bearer {arm}")).await);
    let open = House::new(Mode::Off).await;
    assert!(open.access.management_token("anything", "https://management.azure.com", HOST).await.is_ok());
}

#[tokio::test]
async fn a_registry_has_a_user_of_its_own_if_it_wants() {
    let house = House::new(Mode::Required).await;
    let open = Gate { admin_user: true, ..gate() };
    let password = house.access.registry_password(&open.id, "password2").await.unwrap();
    let headers = headers(&basic("ACME", &password));
    is_refused(house.access.caller_at(&headers, HOST, &gate()).await);
    let user = house.access.caller_at(&headers, HOST, &open).await.unwrap();
    for verb in [Verb::Pull, Verb::Push, Verb::Delete] {
        assert_eq!(user.verdict(verb, &open, Some(&name("app"))), Verdict::Allowed);
    }
    assert!(!user.may("Microsoft.Security/assessments/read", &open.id));
    let refresh = house.access.refresh_token(&user, HOST).unwrap();
    assert!(house.access.caller_of_refresh_token(&refresh, HOST, &open).await.is_ok());
    is_refused(house.access.caller_of_refresh_token(&refresh, HOST, &gate()).await);
    let elsewhere = Gate { id: "/subscriptions/s/resourceGroups/h".parse().unwrap(), ..open.clone() };
    is_refused(house.access.caller_of_refresh_token(&refresh, HOST, &elsewhere).await);
    let renewed = house.access.renew_registry_password(&open.id, "password2").await.unwrap();
    assert_ne!(renewed, password);
    is_refused(house.access.caller_at(&headers, HOST, &open).await);
    is_refused(house.access.caller_of_refresh_token(&refresh, HOST, &open).await);
}

#[tokio::test]
async fn a_registry_may_let_everybody_pull_with_a_token_of_nobody() {
    let house = House::new(Mode::Required).await;
    let open = Gate { anonymous_pull: true, ..gate() };
    is_refused(house.access.caller_of_nothing(&gate()).await);
    let nobody = house.access.caller_of_nothing(&open).await.unwrap();
    let asked = RegistryScope::parse_all(["repository:app:pull,push", "registry:catalog:*"]);
    let granted = nobody.granted(&asked, &open);
    let token = house.access.access_token(&nobody, HOST, &granted).unwrap();
    let headers = headers(&format!("Bearer {token}"));
    let caller = house.access.caller_at(&headers, HOST, &open).await.unwrap();
    assert!(caller.is_anonymous());
    assert_eq!(caller.verdict(Verb::Pull, &open, Some(&name("app"))), Verdict::Allowed);
    assert_eq!(caller.verdict(Verb::Push, &open, Some(&name("app"))), Verdict::NeedsLogin);
    assert_eq!(caller.verdict(Verb::Pull, &open, Some(&name("other"))), Verdict::NeedsScope);
    assert_eq!(Caller::anonymous().verdict(Verb::Pull, &open, Some(&name("app"))), Verdict::NeedsLogin);
    // Once the registry is closed again, the token opens nothing.
    is_refused(house.access.caller_at(&headers, HOST, &gate()).await);
}

#[tokio::test]
async fn the_first_token_is_made_once() {
    let house = House::new(Mode::Required).await;
    let token = first_token(&house.store, house.now()).await.unwrap().unwrap();
    let admin = house.caller(&format!("Bearer {}", token.reveal())).await.unwrap();
    assert!(admin.may("Microsoft.Authorization/roleAssignments/write", &ResourceId::root()));
    assert_eq!(first_token(&house.store, house.now()).await.unwrap(), None);
}

#[tokio::test]
async fn the_scanner_reads_and_nothing_else() {
    let scanner = Caller::scanner();
    assert!(scanner.is_scanner() && !scanner.is_anonymous());
    assert_eq!(scanner.verdict(Verb::Pull, &gate(), Some(&name("app"))), Verdict::Allowed);
    assert_eq!(scanner.verdict(Verb::QuarantineRead, &gate(), Some(&name("app"))), Verdict::Allowed);
    assert_eq!(scanner.verdict(Verb::Push, &gate(), Some(&name("app"))), Verdict::Denied);
    assert!(!scanner.may("Microsoft.Security/assessments/read", &gate().id));
}
