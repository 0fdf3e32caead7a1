//! Who may what: every route refuses who does not say who he is, and tokens open what roles give.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_access::{Access, Minted, Mode, Secret};
use plimsoll_registry::Settings;
use plimsoll_store::{NewToken, Principal};
use plimsoll_types::access::{Assignment, PrincipalKind, Role};
use plimsoll_types::{Digest, Guid, ResourceId, Timestamp};
use serde_json::{Value, json};

use crate::app::{Answer, App, scope};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const HOST: (&str, &str) = ("host", "acme.example:5000");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A registry that asks everybody.
async fn closed() -> App {
    App::start_as(Settings::default(), Mode::Required).await
}

/// Somebody with these roles, each at a scope; gives the text of a token.
async fn somebody(app: &App, name: &str, roles: &[(&str, &str)]) -> Secret {
    let id = Guid::derived(&[name]);
    let kind = PrincipalKind::ServicePrincipal;
    let principal = Principal { id: id.clone(), kind, name: name.to_owned(), created_at: NOW };
    assert!(app.store.create_principal(&principal).await.unwrap());
    let minted = Minted::new().unwrap();
    let token =
        NewToken { id: &minted.id, name, principal: &id, hash: &minted.hash, expires_at: None };
    app.store.create_token(token, NOW).await.unwrap();
    for (role, at) in roles {
        let assignment = Assignment {
            id: Guid::derived(&[name, role, at]),
            scope: at.parse().unwrap(),
            role: Role::named(role).unwrap().guid(),
            principal: id.clone(),
            principal_kind: kind,
            created_by: "test".to_owned(),
            created_at: NOW,
        };
        app.store.assign_role(&assignment).await.unwrap();
    }
    minted.text
}

fn registry() -> String {
    scope().registry_id()
}

fn repository(name: &str) -> String {
    format!("{}/repositories/{name}", registry())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

async fn ask(app: &App, line: &str, authorization: &str) -> Answer {
    app.send(line, &[HOST, ("authorization", authorization)], "").await
}

async fn post(app: &App, path: &str, form: &str) -> Answer {
    app.send(&format!("POST {path}"), &[HOST, FORM], form.to_owned()).await
}

/// The access token that docker gets for these scopes with a token of ours.
async fn docker_token(app: &App, secret: &Secret, scopes: &str) -> String {
    let line = format!("GET /oauth2/token?service=acme.example:5000&scope={scopes}");
    let answer = ask(app, &line, &basic("x", secret.reveal())).await.is(200).json();
    assert_eq!(answer["token"], answer["access_token"]);
    assert!(answer["expires_in"].as_i64().unwrap() > 60 && answer["issued_at"].is_string());
    answer["token"].as_str().unwrap().to_owned()
}

fn access_in(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["access"].clone()
}

/// Every path that the registry answers, with every method, those that it does not have included: the decision falls
/// before anybody looks which endpoint it is, so that a new one is closed before it is thought of.
fn every_request() -> Vec<(String, bool)> {
    let digest = Digest::sha256(b"");
    let upload = "0123456789abcdef0123456789abcdef";
    let paths = [
        "/v2".to_owned(),
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/app/tags/list".to_owned(),
        "/v2/app/manifests/1".to_owned(),
        format!("/v2/app/manifests/{digest}"),
        format!("/v2/app/blobs/{digest}"),
        "/v2/app/blobs/uploads/".to_owned(),
        format!("/v2/app/blobs/uploads/?digest={digest}"),
        format!("/v2/app/blobs/uploads/?mount={digest}&from=other"),
        format!("/v2/app/blobs/uploads/{upload}"),
        format!("/v2/app/blobs/uploads/{upload}?digest={digest}"),
        format!("/v2/app/referrers/{digest}"),
    ];
    let mut all = Vec::new();
    for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        for path in &paths {
            all.push((format!("{method} {path}"), path.starts_with("/v2/app")));
        }
    }
    all
}

#[tokio::test]
async fn every_route_refuses_who_does_not_say_who_he_is() {
    let app = closed().await;
    for (line, is_of_repository) in every_request() {
        let answer = app.send(&line, &[HOST], "").await.is(401);
        let challenge = answer.header("www-authenticate").to_owned();
        let start = "Bearer realm=\"http://acme.example:5000/oauth2/token\",service=\"acme.example:5000\",scope=\"";
        assert!(challenge.starts_with(start), "{line}: {challenge}");
        let scope = if is_of_repository { "repository:app:" } else { "registry:catalog:*" };
        assert!(challenge[start.len()..].starts_with(scope), "{line}: {challenge}");
        // az splits at blanks and commas.
        assert!(!challenge.contains(", ") && challenge.matches(' ').count() == 1, "{challenge}");
        if !line.starts_with("HEAD") {
            let error = &answer.json()["errors"][0];
            assert_eq!(error["code"], "UNAUTHORIZED");
            assert!(error["detail"][0]["Type"].is_string() && error["detail"][0]["Action"].is_string(), "{error}");
        }
        for wrong in ["Bearer rubbish", "Basic Onk=", "Bearer a.b.c"] {
            let answer = app.send(&line, &[HOST, ("authorization", wrong)], "").await.is(401);
            assert!(answer.header("www-authenticate").ends_with(",error=\"invalid_token\""), "{line}");
        }
    }
    for (path, form) in [
        ("/oauth2/exchange", "grant_type=access_token&access_token=rubbish"),
        ("/oauth2/exchange", "grant_type=access_token"),
        ("/oauth2/token", "grant_type=refresh_token&refresh_token=rubbish&scope=repository:app:pull"),
        ("/oauth2/token", "grant_type=password&scope=repository:app:pull"),
        ("/oauth2/token", "grant_type=password&username=a&password=b"),
    ] {
        post(&app, path, form).await.fails(401, "UNAUTHORIZED");
    }
    app.send("GET /oauth2/token?scope=repository:app:pull", &[HOST], "").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_role_that_is_not_there_is_told_and_no_login_is_asked_for() {
    let app = closed().await;
    let reader = somebody(&app, "reader", &[("Security Reader", "/")]).await;
    for (line, is_of_repository) in every_request() {
        if !is_of_repository {
            continue;
        }
        let answer = ask(&app, &line, &bearer(reader.reveal())).await.is(403);
        assert_eq!(answer.header("www-authenticate"), "", "{line}");
        if !line.starts_with("HEAD") {
            assert!(answer.json()["errors"][0]["message"].as_str().unwrap().contains("reader has no role"));
        }
    }
    ask(&app, "GET /v2/_catalog", &bearer(reader.reveal())).await.fails(403, "DENIED");
    ask(&app, "GET /v2/", &bearer(reader.reveal())).await.is(200);
    // A token is issued all the same, and opens nothing.
    let token = docker_token(&app, &reader, "repository:app:pull,push").await;
    assert_eq!(access_in(&token), json!([]));
    ask(&app, "GET /v2/", &bearer(&token)).await.is(200);
    ask(&app, "GET /v2/app/tags/list", &bearer(&token)).await.fails(403, "DENIED");
}

#[tokio::test]
async fn who_may_pull_pulls_and_nothing_else() {
    let app = closed().await;
    let pusher = somebody(&app, "pusher", &[("AcrPush", &registry())]).await;
    let puller = somebody(&app, "puller", &[("AcrPull", &registry())]).await;
    let deleter = somebody(&app, "deleter", &[("AcrDelete", &registry()), ("AcrPull", &registry())]).await;
    let token = docker_token(&app, &pusher, "repository:app:pull,push,delete").await;
    assert_eq!(access_in(&token), json!([{"type": "repository", "name": "app", "actions": ["pull", "push"]}]));
    let blob = Digest::sha256(b"content");
    let push = format!("POST /v2/app/blobs/uploads/?digest={blob}");
    app.send(&push, &[HOST, ("authorization", &bearer(&token))], "content").await.is(201);
    let get = format!("GET /v2/app/blobs/{blob}");
    let delete = format!("DELETE /v2/app/blobs/{blob}");
    let token = docker_token(&app, &puller, "repository:app:pull,push").await;
    ask(&app, &get, &bearer(&token)).await.is(200);
    // Our own token and docker's Basic open the same without an exchange.
    ask(&app, &get, &bearer(puller.reveal())).await.is(200);
    ask(&app, &get, &basic("puller", puller.reveal())).await.is(200);
    ask(&app, &push, &bearer(&token)).await.fails(403, "DENIED");
    ask(&app, &delete, &bearer(&token)).await.fails(403, "DENIED");
    // A token for less than the roles give says which to ask for.
    let narrow = docker_token(&app, &deleter, "repository:app:pull").await;
    let answer = ask(&app, &delete, &bearer(&narrow)).await.fails(401, "UNAUTHORIZED");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.ends_with("scope=\"repository:app:delete\",error=\"insufficient_scope\""), "{challenge}");
    let wide = docker_token(&app, &deleter, "repository:app:delete").await;
    ask(&app, &delete, &bearer(&wide)).await.is(202);
}

#[tokio::test]
async fn a_blob_is_mounted_only_from_where_one_may_pull() {
    let app = closed().await;
    let admin = somebody(&app, "admin", &[("Owner", "/")]).await;
    let roles = [("AcrPush", repository("mine")), ("AcrPull", repository("shared"))];
    let roles: Vec<_> = roles.iter().map(|(role, at)| (*role, at.as_str())).collect();
    let user = somebody(&app, "user", &roles).await;
    let blob = Digest::sha256(b"content");
    for name in ["shared", "secret"] {
        let push = format!("POST /v2/{name}/blobs/uploads/?digest={blob}");
        app.send(&push, &[HOST, ("authorization", &bearer(admin.reveal()))], "content").await.is(201);
    }
    let mount = |from: &str| format!("POST /v2/mine/blobs/uploads/?mount={blob}&from={from}");
    ask(&app, &mount("secret"), &bearer(user.reveal())).await.is(202);
    let both = docker_token(&app, &user, "repository:mine:push&scope=repository:shared:pull").await;
    let target_only = docker_token(&app, &user, "repository:mine:push").await;
    ask(&app, &mount("shared"), &bearer(&target_only)).await.is(202);
    ask(&app, &mount("secret"), &bearer(&both)).await.is(202);
    ask(&app, &format!("HEAD /v2/mine/blobs/{blob}"), &bearer(admin.reveal())).await.is(404);
    ask(&app, &mount("shared"), &bearer(&both)).await.is(201);
}

#[tokio::test]
async fn the_catalog_shows_what_may_be_pulled() {
    let app = closed().await;
    let admin = somebody(&app, "admin", &[("Owner", "/")]).await;
    for name in ["a", "b", "team/x", "team/y", "z"] {
        let push = format!("POST /v2/{name}/blobs/uploads/?digest={}", Digest::sha256(b"content"));
        app.send(&push, &[HOST, ("authorization", &bearer(admin.reveal()))], "content").await.is(201);
    }
    let catalog = async |path: &str, secret: &Secret| {
        let answer = ask(&app, &format!("GET {path}"), &bearer(secret.reveal())).await.is(200);
        (answer.json()["repositories"].clone(), answer.header("link").to_owned())
    };
    assert_eq!(catalog("/v2/_catalog", &admin).await.0, json!(["a", "b", "team/x", "team/y", "z"]));
    let roles = [("AcrPull", repository("b")), ("AcrPull", repository("team/*"))];
    let roles: Vec<_> = roles.iter().map(|(role, at)| (*role, at.as_str())).collect();
    let user = somebody(&app, "user", &roles).await;
    assert_eq!(catalog("/v2/_catalog", &user).await, (json!(["b", "team/x", "team/y"]), String::new()));
    let (page, link) = catalog("/v2/_catalog?n=1", &user).await;
    assert_eq!((page, link.as_str()), (json!(["b"]), "</v2/_catalog?n=1&last=b>; rel=\"next\""));
    assert_eq!(catalog("/v2/_catalog?n=5&last=b", &user).await, (json!(["team/x", "team/y"]), String::new()));
    // With a token, that must be one for the catalog.
    let token = docker_token(&app, &user, "registry:catalog:*").await;
    assert_eq!(ask(&app, "GET /v2/_catalog", &bearer(&token)).await.is(200).json()["repositories"][0], "b");
    let token = docker_token(&app, &user, "repository:b:pull").await;
    ask(&app, "GET /v2/_catalog", &bearer(&token)).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn azures_clients_exchange_their_token_and_come_back() {
    let app = closed().await;
    let secret = somebody(&app, "sdk", &[("AcrPush", &registry())]).await;
    for grant in ["access_token", "refresh_token", "access_token_refresh_token"] {
        let form =
            format!("grant_type={grant}&service=acme.example%3A5000&tenant=t&access_token={}", secret.reveal());
        post(&app, "/oauth2/exchange?api-version=2021-07-01", &form).await.is(200);
    }
    let form = format!("grant_type=access_token&service=acme.example%3A5000&access_token={}", secret.reveal());
    let answer = post(&app, "/oauth2/exchange?api-version=2021-07-01", &form).await.is(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let refresh = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    // The Python client takes one with two points for a JWT, and decodes it with the wrong alphabet.
    assert!(refresh.matches('.').count() < 2);
    let form = format!(
        "grant_type=refresh_token&service=acme.example%3A5000&scope=repository%3Ateam%2Fapp%3Ametadata_read&scope=repository%3Ab%3A%2A&refresh_token={refresh}"
    );
    let answer = post(&app, "/oauth2/token?api-version=2021-07-01", &form).await.is(200).json();
    let access = access_in(answer["access_token"].as_str().unwrap());
    assert_eq!(access[0], json!({"type": "repository", "name": "team/app", "actions": ["metadata_read"]}));
    assert_eq!(access[1]["actions"], json!(["pull", "push", "metadata_read", "metadata_write"]));
    // docker login with the GUID of zeros, as `az acr login` does.
    let line = "GET /oauth2/token?service=acme.example:5000&scope=repository:team/app:pull&offline_token=true";
    let zeros = basic("00000000-0000-0000-0000-000000000000", &refresh);
    let answer = ask(&app, line, &zeros).await.is(200).json();
    assert!(answer["refresh_token"].is_string());
    let password = form_of_password("00000000-0000-0000-0000-000000000000", &refresh);
    post(&app, "/oauth2/token", &password).await.is(200);
    // Of this registry, and of no other.
    let elsewhere = [("host", "other.example"), ("authorization", zeros.as_str())];
    app.send(line, &elsewhere, "").await.fails(401, "UNAUTHORIZED");
}

fn form_of_password(name: &str, password: &str) -> String {
    format!("grant_type=password&service=s&scope=repository:team/app:pull&username={name}&password={password}")
}

#[tokio::test]
async fn a_user_gets_a_token_by_password_in_every_form() {
    let app = closed().await;
    let id = Guid::derived(&["ada"]);
    let principal =
        Principal { id: id.clone(), kind: PrincipalKind::User, name: "ada".to_owned(), created_at: NOW };
    app.store.create_principal(&principal).await.unwrap();
    let hash = plimsoll_access::hash_password("correct horse").unwrap();
    app.store.set_password(&id, &hash, NOW).await.unwrap();
    post(&app, "/oauth2/token", &form_of_password("ada", "correct+horse")).await.is(200);
    post(&app, "/oauth2/token", &form_of_password("ada", "wrong")).await.fails(401, "UNAUTHORIZED");
    ask(&app, "GET /oauth2/token?service=s", &basic("ada", "correct horse")).await.is(200);
    ask(&app, "GET /v2/", &basic("ada", "correct horse")).await.is(200);
    for _ in 0..5 {
        ask(&app, "GET /v2/", &basic("eve", "guess")).await.is(401);
    }
    let answer = ask(&app, "GET /v2/", &basic("eve", "guess")).await.fails(429, "TOOMANYREQUESTS");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn everybody_pulls_where_the_registry_allows_it() {
    let app = closed().await;
    let admin = somebody(&app, "admin", &[("Owner", "/")]).await;
    let blob = Digest::sha256(b"content");
    let push = format!("POST /v2/app/blobs/uploads/?digest={blob}");
    app.send(&push, &[HOST, ("authorization", &bearer(admin.reveal()))], "content").await.is(201);
    let body = json!({"properties": {"anonymousPullEnabled": true}});
    app.store.put_registry(&scope(), &body, NOW).await.unwrap();
    let get = format!("GET /v2/app/blobs/{blob}");
    // First a challenge, as everywhere: clients come back with a token of nobody.
    app.send(&get, &[HOST], "").await.is(401);
    let scopes = "repository:app:pull,push,metadata_read&scope=registry:catalog:*";
    let answer = app.send(&format!("GET /oauth2/token?scope={scopes}"), &[HOST], "").await.is(200).json();
    let token = answer["token"].as_str().unwrap().to_owned();
    let sdk = post(&app, "/oauth2/token", "grant_type=password&service=s&scope=repository:app:pull").await;
    assert_eq!(access_in(sdk.is(200).json()["access_token"].as_str().unwrap())[0]["actions"], json!(["pull"]));
    assert_eq!(access_in(&token)[0]["actions"], json!(["pull", "metadata_read"]));
    ask(&app, &get, &bearer(&token)).await.is(200);
    ask(&app, "GET /v2/_catalog", &bearer(&token)).await.is(200);
    ask(&app, &push, &bearer(&token)).await.fails(401, "UNAUTHORIZED");
    ask(&app, &format!("DELETE /v2/app/blobs/{blob}"), &bearer(&token)).await.is(401);
}

#[tokio::test]
async fn a_registry_with_a_user_of_its_own_knows_its_passwords() {
    let app = closed().await;
    let body = json!({"properties": {"adminUserEnabled": true}});
    app.store.put_registry(&scope(), &body, NOW).await.unwrap();
    let id: ResourceId = registry().parse().unwrap();
    let settings = plimsoll_access::Settings { mode: Mode::Required, tenant: Guid::nil(), oidc: None };
    let clock: plimsoll_access::Clock = std::sync::Arc::new(|| NOW);
    let access = Access::open(app.store.clone(), clock, settings).await.unwrap();
    let password = access.registry_password(&id, "password").await.unwrap();
    let line = "GET /oauth2/token?scope=repository:app:pull,push,delete";
    let answer = ask(&app, line, &basic("acme", &password)).await.is(200).json();
    assert_eq!(access_in(answer["token"].as_str().unwrap())[0]["actions"], json!(["pull", "push", "delete"]));
    ask(&app, line, &basic("acme", "password")).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_open_registry_asks_nobody_and_takes_any_credentials() {
    let app = App::start().await;
    app.send("GET /v2/", &[HOST, ("authorization", "Bearer rubbish")], "").await.is(200);
    let answer = ask(&app, "GET /oauth2/token?scope=repository:app:*", &basic("a", "b")).await.is(200).json();
    assert_eq!(access_in(answer["token"].as_str().unwrap())[0]["name"], "app");
    post(&app, "/oauth2/exchange", "grant_type=access_token&access_token=x").await.is(200);
}

#[tokio::test]
async fn strange_forms_are_refused() {
    let app = App::start().await;
    for (path, form) in [
        ("/oauth2/exchange", "grant_type=magic&access_token=x".to_owned()),
        ("/oauth2/exchange", String::new()),
        ("/oauth2/token", "grant_type=magic".to_owned()),
        ("/oauth2/token", "a=%ff".to_owned()),
        ("/oauth2/token", format!("grant_type=password&x={}", "a".repeat(70_000))),
    ] {
        post(&app, path, &form).await.fails(400, "UNSUPPORTED");
    }
    for line in ["DELETE /oauth2/token", "GET /oauth2/exchange"] {
        app.send(line, &[HOST], "").await.fails(405, "UNSUPPORTED");
    }
}
