//! Who may: principals, passwords, tokens, assignments.

use plimsoll_store::{Assigned, FailedLogins, NewToken, Principal};
use plimsoll_types::access::{Assignment, PrincipalKind};
use plimsoll_types::{Guid, ResourceId, Timestamp};

use crate::place::{NOW, Place};

fn principal(name: &str, kind: PrincipalKind) -> Principal {
    Principal { id: Guid::derived(&[name]), kind, name: name.to_owned(), created_at: NOW }
}

fn token<'a>(id: &'a str, principal: &'a Principal, hash: &'a str) -> NewToken<'a> {
    NewToken { id, name: "laptop", principal: &principal.id, hash, expires_at: Some(NOW.plus_millis(1000)) }
}

fn assignment(id: &str, scope: &str, principal: &Principal) -> Assignment {
    Assignment {
        id: Guid::derived(&[id]),
        scope: scope.parse().unwrap(),
        role: Guid::derived(&["role"]),
        principal: principal.id.clone(),
        principal_kind: principal.kind,
        created_by: "somebody".to_owned(),
        created_at: NOW,
    }
}

pub(crate) async fn a_principal_has_one_name_whatever_its_case(place: Place) {
    let store = &place.store;
    let ada = principal("Ada", PrincipalKind::User);
    assert!(store.create_principal(&ada).await.unwrap());
    let same = Principal { id: Guid::derived(&["x"]), name: "aDA".to_owned(), ..ada.clone() };
    assert!(!store.create_principal(&same).await.unwrap());
    assert_eq!(store.principal_named("ADA").await.unwrap(), Some(ada.clone()));
    assert_eq!(store.principal(&ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.principals().await.unwrap(), std::slice::from_ref(&ada));
    assert!(store.remove_principal(&ada.id).await.unwrap());
    assert!(!store.remove_principal(&ada.id).await.unwrap());
    assert_eq!(store.principal_named("Ada").await.unwrap(), None);
}

pub(crate) async fn a_password_is_set_and_changed(place: Place) {
    let store = &place.store;
    let ada = principal("Ada", PrincipalKind::User);
    store.create_principal(&ada).await.unwrap();
    assert!(store.user_login("ada").await.unwrap().is_none() && !store.has_logins().await.unwrap());
    store.set_password(&ada.id, "$argon2id$1", NOW).await.unwrap();
    let later = NOW.plus_millis(5);
    store.set_password(&ada.id, "$argon2id$2", later).await.unwrap();
    let login = store.user_login("ada").await.unwrap().unwrap();
    assert_eq!((login.hash.as_str(), login.changed_at), ("$argon2id$2", later));
    assert!(!format!("{login:?}").contains("argon2"));
    assert_eq!(store.password_changed_at(&ada.id).await.unwrap(), Some(later));
    assert_eq!(store.users().await.unwrap(), [login]);
    assert!(store.has_logins().await.unwrap());
    assert!(store.set_password(&Guid::derived(&["nobody"]), "x", NOW).await.is_err());
    store.remove_principal(&ada.id).await.unwrap();
    assert!(!store.has_logins().await.unwrap());
}

pub(crate) async fn a_token_is_found_by_its_hash_and_ends_with_its_program(place: Place) {
    let store = &place.store;
    let ci = principal("ci", PrincipalKind::ServicePrincipal);
    store.create_principal(&ci).await.unwrap();
    store.create_token(token("1", &ci, "aa"), NOW).await.unwrap();
    store.create_token(token("2", &ci, "bb"), NOW.plus_millis(1)).await.unwrap();
    assert!(store.create_token(token("3", &ci, "aa"), NOW).await.is_err());
    let found = store.token_by_hash("aa").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.name.as_str(), &found.principal), ("1", "laptop", &ci));
    assert_eq!((found.expires_at, found.used_at), (Some(NOW.plus_millis(1000)), None));
    let used = NOW.plus_millis(60_000);
    store.token_used("1", used).await.unwrap();
    store.token_used("1", NOW).await.unwrap();
    assert_eq!(store.token("1").await.unwrap().unwrap().used_at, Some(used));
    store.assign_role(&assignment("a", "/", &ci)).await.unwrap();
    assert!(store.revoke_token("1").await.unwrap() && !store.revoke_token("1").await.unwrap());
    assert_eq!(store.token_by_hash("aa").await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap().len(), 1);
    // With its last token the program is gone, and nobody can come back under its name with its rights.
    store.revoke_token("2").await.unwrap();
    assert_eq!(store.principal(&ci.id).await.unwrap(), None);
    assert_eq!(store.assignments_of(&[ci.id]).await.unwrap(), []);
}

pub(crate) async fn the_first_token_is_made_by_one_node_only(place: Place) {
    let (one, two) = (place.store.clone(), place.restarted().await);
    let admin = principal("admin", PrincipalKind::ServicePrincipal);
    let other = Principal { id: Guid::derived(&["other"]), ..admin.clone() };
    let (a, b) = (assignment("a", "/", &admin), assignment("b", "/", &other));
    let (first, second) = tokio::join!(
        one.create_first_token(&admin, token("1", &admin, "aa"), &a),
        two.create_first_token(&other, token("2", &other, "bb"), &b),
    );
    // One of them may meet the other's transaction and fail; never do both make one.
    let made = [first, second].into_iter().filter(|made| matches!(made, Ok(true))).count();
    assert_eq!(made, 1);
    assert_eq!(one.tokens().await.unwrap().len(), 1);
    assert!(!one.create_first_token(&other, token("3", &other, "cc"), &b).await.unwrap());
}

pub(crate) async fn a_role_is_assigned_once(place: Place) {
    let store = &place.store;
    let (ada, group) = (principal("ada", PrincipalKind::User), principal("devs", PrincipalKind::Group));
    let first = assignment("1", "/subscriptions/S", &ada);
    assert_eq!(store.assign_role(&first).await.unwrap(), Assigned::New);
    assert_eq!(store.assign_role(&first).await.unwrap(), Assigned::Same);
    let again = assignment("2", "/SUBSCRIPTIONS/s", &ada);
    assert_eq!(store.assign_role(&again).await.unwrap(), Assigned::Exists(first.id.clone()));
    let taken = assignment("1", "/subscriptions/t", &ada);
    assert_eq!(store.assign_role(&taken).await.unwrap(), Assigned::IdTaken);
    let of_group = assignment("3", "/", &group);
    store.assign_role(&of_group).await.unwrap();
    assert_eq!(store.assignment(&first.id).await.unwrap(), Some(first.clone()));
    let mut both = store.assignments_of(&[ada.id.clone(), group.id.clone()]).await.unwrap();
    both.sort_by_key(|assignment| assignment.scope.key().len());
    assert_eq!(both, [of_group.clone(), first.clone()]);
    assert_eq!(store.assignments_of(&[]).await.unwrap(), []);
    let mut pages = Vec::new();
    while let [one] = &store.assignments(pages.last().map(|a: &Assignment| &a.id), 1).await.unwrap()[..] {
        pages.push(one.clone());
    }
    assert_eq!(pages.len(), 2);
    assert_eq!(store.remove_assignment(&first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.remove_assignment(&first.id).await.unwrap(), None);
    assert_eq!(store.assignments_of(&[ada.id]).await.unwrap(), []);
}

pub(crate) async fn all_nodes_have_one_signing_key(place: Place) {
    let other = place.restarted().await;
    let first = place.store.signing_key("main", &[1; 32], NOW).await.unwrap();
    assert_eq!(first, [1; 32]);
    assert_eq!(other.signing_key("main", &[2; 32], NOW).await.unwrap(), first);
    assert_eq!(other.signing_key("another", &[2; 32], NOW).await.unwrap(), [2; 32]);
}

pub(crate) async fn failed_logins_are_counted_and_forgotten(place: Place) {
    let store = &place.store;
    let count = async |name: &str| store.failed_logins(name).await.unwrap();
    assert_eq!(count("ada").await, None);
    store.login_failed("Ada", NOW).await.unwrap();
    let later = NOW.plus_millis(10);
    store.login_failed("ADA", later).await.unwrap();
    assert_eq!(count("ada").await, Some(FailedLogins { failures: 2, failed_at: later }));
    store.login_failed("bob", later).await.unwrap();
    store.login_worked("ada").await.unwrap();
    assert_eq!(count("ada").await, None);
    // Hours later it begins anew, and what is old goes.
    let much_later = Timestamp(NOW.0 + 7_200_000);
    store.login_failed("eve", much_later).await.unwrap();
    assert_eq!(count("bob").await, None);
    assert_eq!(count("eve").await, Some(FailedLogins { failures: 1, failed_at: much_later }));
}

pub(crate) async fn a_registrys_password_is_renewed_alone(place: Place) {
    let store = &place.store;
    let registry: ResourceId = "/subscriptions/S/resourceGroups/g".parse().unwrap();
    let version = async |name: &str| store.registry_password_version(&registry, name).await.unwrap();
    assert_eq!(version("password").await, 0);
    assert_eq!(store.renew_registry_password(&registry, "password").await.unwrap(), 1);
    assert_eq!(store.renew_registry_password(&registry, "password").await.unwrap(), 2);
    assert_eq!((version("password").await, version("password2").await), (2, 0));
}
