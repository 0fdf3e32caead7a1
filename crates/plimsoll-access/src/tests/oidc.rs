//! Tokens of an identity provider.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::KeyPair as _;
use serde_json::json;

use super::issuer::TestIssuer;
use super::*;

async fn house(issuer: &TestIssuer) -> House {
    let settings = OidcSettings {
        issuer: issuer.address.clone(),
        audiences: vec!["plimsoll".to_owned()],
        name_claim: "preferred_username".to_owned(),
        groups_claim: "groups".to_owned(),
    };
    House::with(Mode::WhenConfigured, Some(settings)).await
}

fn rs256(id: &str) -> serde_json::Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": id})
}

#[tokio::test]
async fn a_user_of_the_identity_provider_gets_in_with_its_groups() {
    let issuer = TestIssuer::start().await;
    let house = house(&issuer).await;
    assert!(house.access.is_required().await.unwrap());
    house.assign("AcrPull", REGISTRY, &oidc_group(&issuer.address, "developers")).await;
    house.assign("Security Reader", "/", &oidc_user(&issuer.address, "user-1")).await;
    let es256 = json!({"alg": "ES256", "kid": "ec-1"});
    let without_id = json!({"alg": "RS256"});
    let claims = issuer.claims();
    for token in [
        issuer.rs256(rs256("rsa-1"), &claims),
        issuer.es256(es256, &claims),
        issuer.rs256(without_id, &claims),
    ] {
        let ada = house.caller(&format!("Bearer {token}")).await.unwrap();
        assert_eq!((ada.name(), ada.kind()), ("ada@example.test", PrincipalKind::User));
        assert!(ada.may("Microsoft.Security/assessments/read", &gate().id));
        // By exchange at the registry, and by docker login with the GUID of zeros.
        let at_registry = house.access.caller_of_bearer(&token, &gate()).await.unwrap();
        assert_eq!(at_registry.verdict(Verb::Pull, &gate(), Some(&name("app"))), Verdict::Allowed);
        assert_eq!(at_registry.verdict(Verb::Push, &gate(), Some(&name("app"))), Verdict::Denied);
        assert!(house.caller_at(&basic(Guid::nil().as_str(), &token)).await.is_ok());
        let refresh = house.access.refresh_token(&at_registry, HOST).unwrap();
        let back = house.access.caller_of_refresh_token(&refresh, HOST, &gate()).await.unwrap();
        assert_eq!(back.verdict(Verb::Pull, &gate(), Some(&name("app"))), Verdict::Allowed);
    }
    // Two documents, fetched once.
    assert_eq!(issuer.questions(), 2);
}

#[tokio::test]
async fn a_token_with_something_wrong_is_refused() {
    let issuer = TestIssuer::start().await;
    let house = house(&issuer).await;
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = issuer.claims();
        claims[name] = value;
        claims
    };
    let good = issuer.claims();
    let header = || rs256("rsa-1");
    let signed = |claims: &serde_json::Value| issuer.rs256(header(), claims);
    let public = URL_SAFE_NO_PAD.encode([0x30; 32]);
    let symmetric = TestIssuer::unsigned(json!({"alg": "HS256", "kid": "rsa-1"}), &good);
    let key = hmac::Key::new(hmac::HMAC_SHA256, issuer.rsa.public_key().as_ref());
    let symmetric = format!("{symmetric}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, symmetric.as_bytes())));
    let other = TestIssuer::start().await;
    let own_key = json!({"alg": "RS256", "kid": "rsa-1", "jwk": {"kty": "RSA", "n": public, "e": "AQAB"}});
    for (what, token) in [
        ("expired", signed(&with("exp", (NOW / 1000 - 61).into()))),
        ("without an end", signed(&with("exp", json!(null)))),
        ("not yet", signed(&with("nbf", (NOW / 1000 + 61).into()))),
        ("wrong audience", signed(&with("aud", "somebody else".into()))),
        ("no audience", signed(&with("aud", json!(null)))),
        ("audiences of others", signed(&with("aud", json!(["a", "b"])))),
        ("wrong issuer", signed(&with("iss", "https://evil.example".into()))),
        ("our own name", signed(&with("iss", "Plimsoll".into()))),
        ("no subject", signed(&with("sub", json!(null)))),
        ("alg none", format!("{}.", TestIssuer::unsigned(json!({"alg": "none"}), &good))),
        (
            "alg none with a key",
            format!("{}.", TestIssuer::unsigned(json!({"alg": "none", "kid": "rsa-1"}), &good)),
        ),
        ("public key as a secret", symmetric),
        ("another algorithm's key", issuer.rs256(json!({"alg": "ES256", "kid": "ec-1"}), &good)),
        ("a longer RSA", issuer.rs256(json!({"alg": "RS512", "kid": "rsa-1"}), &good)),
        ("a key out of the header", other.rs256(own_key, &good)),
        ("signed by another", other.rs256(header(), &good)),
        ("something critical", issuer.rs256(json!({"alg": "RS256", "kid": "rsa-1", "crit": ["b64"]}), &good)),
        ("changed claims", forged(&signed(&good), |claims| claims["sub"] = "admin".into())),
    ] {
        let refused = house.caller(&format!("Bearer {token}")).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::Invalid(_)))), "{what}: {refused:?}");
        let refused = house.access.caller_of_bearer(&token, &gate()).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::Invalid(_)))), "{what}: {refused:?}");
    }
    assert!(
        house.caller(&format!("Bearer {}", signed(&with("aud", json!(["a", "plimsoll"]))))).await.is_ok()
    );
}

#[tokio::test]
async fn a_new_key_is_found_and_nobody_can_make_us_ask_often() {
    let issuer = TestIssuer::start().await;
    let house = house(&issuer).await;
    let token = |id: &str| format!("Bearer {}", issuer.rs256(rs256(id), &issuer.claims()));
    assert!(house.caller(&token("rsa-1")).await.is_ok());
    issuer.publish(&["rsa-2"]);
    for made_up in 0..20 {
        is_refused(house.caller(&token(&format!("rsa-x{made_up}"))).await);
    }
    assert_eq!(issuer.questions(), 2);
    house.pass(61);
    assert!(house.caller(&token("rsa-2")).await.is_ok());
    assert_eq!(issuer.questions(), 4);
}

#[tokio::test]
async fn an_identity_provider_that_is_away_is_not_forgotten_at_once() {
    let issuer = TestIssuer::start().await;
    let house = house(&issuer).await;
    let token = |minutes: i64| {
        let mut claims = issuer.claims();
        claims["exp"] = (NOW / 1000 + minutes * 60).into();
        format!("Bearer {}", issuer.rs256(rs256("rsa-1"), &claims))
    };
    assert!(house.caller(&token(5)).await.is_ok());
    issuer.goes_down();
    house.pass(2 * 3600);
    assert!(house.caller(&token(130)).await.is_ok());
    house.pass(24 * 3600);
    let refused = house.caller(&token(60 * 27)).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Unavailable(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_provider_that_speaks_for_another_is_not_believed() {
    let issuer = TestIssuer::start().await;
    issuer.calls_itself("https://login.example");
    let house = house(&issuer).await;
    let token = issuer.rs256(rs256("rsa-1"), &issuer.claims());
    let refused = house.caller(&format!("Bearer {token}")).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Unavailable(_)))), "{refused:?}");
}

#[test]
fn an_identity_provider_is_asked_over_tls_or_at_home() {
    let issuer = |address: &str| {
        Issuer::new(OidcSettings {
            issuer: address.to_owned(),
            audiences: Vec::new(),
            name_claim: "name".to_owned(),
            groups_claim: "groups".to_owned(),
        })
    };
    for good in ["https://login.example/realm", "http://127.0.0.1:9/", "http://[::1]:9", "http://localhost:9"]
    {
        assert!(issuer(good).is_ok(), "{good}");
    }
    for bad in ["http://login.example", "ftp://login.example", "login", "http://10.0.0.1/"] {
        assert!(issuer(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_entra_names_principals_by_guids_of_its_own() {
    let guid = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    assert_eq!(oidc_user("https://login.microsoftonline.com/t/v2.0", guid).as_str(), guid);
    assert_ne!(oidc_user("https://login.example", guid).as_str(), guid);
    assert_ne!(oidc_user("https://login.example", "a"), oidc_group("https://login.example", "a"));
}
