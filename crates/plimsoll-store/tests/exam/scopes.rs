//! Registries side by side, settings, operations.

use plimsoll_store::{Deleted, ErrorKind, OperationState, RegistryId, ResourceGroup};
use plimsoll_types::{Digest, Reference, ResourceId, Scope};
use serde_json::json;

use crate::place::{NOW, Place, body, layer, name};

pub(crate) fn scope(registry: &str, host: &str) -> Scope {
    Scope {
        subscription: "00000000-1111-2222-3333-444444444444".into(),
        resource_group: "Harbour".into(),
        registry: registry.into(),
        registry_host: host.into(),
    }
}

fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

pub(crate) async fn registries_keep_their_repositories_apart(place: Place) {
    let store = &place.store;
    let first = store.ensure_registry(&scope("quay", "quay.example"), &json!({}), NOW).await.unwrap();
    assert_eq!(first, RegistryId::FIRST);
    let digest = place.push("team/app", "v1", &[&layer(1)]).await;
    let second = store.put_registry(&scope("pier", "pier.example"), &json!({}), NOW).await.unwrap();
    assert!(second.1, "it is new");
    let pier = store.in_registry(second.0);
    let v1: Reference = "v1".parse().unwrap();
    assert!(store.manifest(&name("team/app"), &v1).await.unwrap().is_some());
    assert_eq!(pier.manifest(&name("team/app"), &v1).await.unwrap(), None);
    assert_eq!(pier.repositories(None, 10).await.unwrap(), []);
    assert_eq!(pier.blob(&name("team/app"), &Digest::sha256(&layer(1))).await.unwrap(), None);
    assert!(!pier.repository_exists(&name("team/app")).await.unwrap());
    let upload = pier.start_upload(&name("team/app"), plimsoll_types::Algorithm::Sha256, NOW).await.unwrap();
    assert_eq!(
        store.upload(&name("team/app"), &upload.id).await.unwrap(),
        None,
        "a session belongs to one registry"
    );
    assert!(pier.cancel_upload(&name("team/app"), &upload.id).await.unwrap());
    assert!(store.manifest(&name("team/app"), &Reference::Digest(digest)).await.unwrap().is_some());
    place.is_sound().await;
}

pub(crate) async fn names_and_hosts_of_registries_belong_to_one(place: Place) {
    let store = &place.store;
    store.ensure_registry(&scope("quay", "quay.example"), &json!({}), NOW).await.unwrap();
    let again = store.ensure_registry(&scope("quay", "quay.example:5000"), &json!({}), NOW).await.unwrap();
    assert_eq!(again, RegistryId::FIRST);
    assert_eq!(store.registries().await.unwrap().len(), 1);
    let body = json!({"properties": {"adminUserEnabled": true}});
    let (id, is_new) = store.put_registry(&scope("QUAY", "quay.example"), &body, NOW).await.unwrap();
    assert_eq!((id, is_new), (RegistryId::FIRST, false));
    let found = store.registry_by_host("quay.example").await.unwrap().unwrap();
    assert_eq!((found.scope.registry.as_str(), &found.body), ("quay", &body));
    for taken in
        [scope("other", "quay.example"), Scope { subscription: "s".into(), ..scope("quay", "x.example") }]
    {
        let error = store.put_registry(&taken, &json!({}), NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    assert_eq!(store.subscriptions().await.unwrap().len(), 1);
    let groups = store.resource_groups("00000000-1111-2222-3333-444444444444").await.unwrap();
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Harbour"]);
}

pub(crate) async fn settings_are_found_by_type_and_scope(place: Place) {
    let store = &place.store;
    let of = |scope: &str, name: &str| id(&format!("{scope}/providers/Microsoft.Security/pricings/{name}"));
    for (scope, name) in
        [("/subscriptions/A", "Containers"), ("/subscriptions/A", "Arm"), ("/subscriptions/AB", "Arm")]
    {
        assert!(store.put_resource(&of(scope, name), &json!({"tier": "Free"}), NOW).await.unwrap());
    }
    let again = of("/subscriptions/a", "containers");
    assert!(!store.put_resource(&again, &json!({"tier": "Standard"}), NOW.plus_millis(5)).await.unwrap());
    let found = store.resource(&again).await.unwrap().unwrap();
    assert_eq!(found.id.as_str(), "/subscriptions/A/providers/Microsoft.Security/pricings/Containers");
    assert_eq!(
        (found.body["tier"].as_str(), found.created_at, found.changed_at),
        (Some("Standard"), NOW, NOW.plus_millis(5))
    );
    let names = async |under: Option<&str>, after: Option<&ResourceId>| {
        let under = under.map(id);
        let found = store.resources("Microsoft.Security/PRICINGS", under.as_ref(), after, 10).await.unwrap();
        found.iter().map(|resource| resource.id.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Some("/subscriptions/a"), None).await, ["Arm", "Containers"]);
    assert_eq!(names(Some("/"), None).await.len(), 3);
    assert_eq!(names(None, Some(&of("/subscriptions/a", "arm"))).await, ["Containers", "Arm"]);
    assert!(store.delete_resource(&again).await.unwrap());
    assert!(!store.delete_resource(&again).await.unwrap());
    assert_eq!(store.resource(&again).await.unwrap(), None);
}

pub(crate) async fn an_operation_ends_once(place: Place) {
    let store = &place.store;
    let target = id("/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/R");
    let name = store.begin_operation("import", &target, &json!({"mode": "Force"}), NOW).await.unwrap();
    store.note_operation(&name, &json!({"blobs": 3}), NOW).await.unwrap();
    let running = store.operation(&name).await.unwrap().unwrap();
    assert_eq!(
        (running.state, running.progress, running.target),
        (OperationState::InProgress, json!({"blobs": 3}), target.clone())
    );
    store.end_operation(&name, Some(&json!({"code": "Conflict", "message": "m"})), NOW).await.unwrap();
    store.end_operation(&name, None, NOW.plus_millis(1)).await.unwrap();
    let ended = store.operations(&target, 5).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].state, ended[0].ended_at), (OperationState::Failed, Some(NOW)));
    assert_eq!(store.operation("nothing").await.unwrap(), None);
}

pub(crate) async fn a_group_with_a_registry_is_not_deleted(place: Place) {
    let store = &place.store;
    let group = |name: &str| ResourceGroup {
        subscription: "S1".into(),
        name: name.into(),
        location: "local".into(),
        tags: json!({"team": "a"}),
        created_at: NOW,
    };
    let error = store.put_resource_group(&group("Quays")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "there is no subscription yet");
    assert!(store.put_subscription("S1", "First", NOW).await.unwrap());
    assert!(!store.put_subscription("s1", "Renamed", NOW).await.unwrap());
    assert_eq!(store.subscription("S1").await.unwrap().unwrap().display_name, "Renamed");
    assert!(store.put_resource_group(&group("Quays")).await.unwrap());
    let changed = ResourceGroup { tags: json!({}), ..group("QUAYS") };
    assert!(!store.put_resource_group(&changed).await.unwrap());
    let found = store.resource_group("S1", "quays").await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), &found.tags),
        ("Quays", &json!({})),
        "it keeps the name it was made with"
    );

    // The first registry of all stands elsewhere; this one may go.
    store.ensure_registry(&scope("first", "first.example"), &json!({}), NOW).await.unwrap();
    let mine =
        Scope { subscription: "s1".into(), resource_group: "quays".into(), ..scope("pier", "pier.example") };
    let nowhere = Scope { resource_group: "other".into(), ..mine.clone() };
    assert_eq!(store.put_registry(&nowhere, &json!({}), NOW).await.unwrap_err().kind(), ErrorKind::NotFound);
    let (registry, _) = store.put_registry(&mine, &json!({}), NOW).await.unwrap();
    let below = id("/subscriptions/s1/resourceGroups/quays/providers/Microsoft.Security/pricings/Containers");
    let beside =
        id("/subscriptions/s1/resourceGroups/quays2/providers/Microsoft.Security/pricings/Containers");
    store.put_resource(&below, &json!({}), NOW).await.unwrap();
    store.put_resource(&beside, &json!({}), NOW).await.unwrap();
    assert_eq!(store.delete_resource_group("S1", "Quays").await.unwrap(), Deleted::InUse);
    assert_eq!(store.delete_subscription("S1").await.unwrap(), Deleted::InUse);
    assert_eq!(store.delete_registry(registry).await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_resource_group("S1", "Quays").await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_resource_group("S1", "Quays").await.unwrap(), Deleted::Unknown);
    assert_eq!(store.resource(&below).await.unwrap(), None);
    assert!(store.resource(&beside).await.unwrap().is_some());
    assert_eq!(store.delete_subscription("S1").await.unwrap(), Deleted::Yes);
    assert_eq!(store.delete_subscription("S1").await.unwrap(), Deleted::Unknown);
    place.is_sound().await;
}

pub(crate) async fn a_deleted_registry_leaves_nothing_but_content(place: Place) {
    let first = place.store.clone();
    first.ensure_registry(&scope("quay", "quay.example"), &json!({}), NOW).await.unwrap();
    assert_eq!(first.delete_registry(RegistryId::FIRST).await.unwrap(), Deleted::InUse);
    place.push("team/app", "v1", &[&layer(1)]).await;
    let (pier, _) = first.put_registry(&scope("pier", "pier.example"), &json!({}), NOW).await.unwrap();
    let there = place.in_registry(pier);
    let shared = there.push("team/app", "v1", &[&layer(1)]).await;
    there.push("team/own", "v2", &[&layer(2)]).await;
    let upload =
        there.store.start_upload(&name("team/app"), plimsoll_types::Algorithm::Sha256, NOW).await.unwrap();
    let pier_id = id(&scope("pier", "").registry_id());
    let hook = pier_id.child("webhooks", "hook1").unwrap();
    first.put_resource(&hook, &json!({}), NOW).await.unwrap();

    let password = first.registry_password_version(&pier_id, "password").await.unwrap();

    assert_eq!(first.registry_at(&pier_id).await.unwrap().unwrap().id, pier);
    assert_eq!(first.delete_registry(pier).await.unwrap(), Deleted::Yes);
    assert_eq!(first.delete_registry(pier).await.unwrap(), Deleted::Unknown);
    assert_eq!(first.registry_at(&pier_id).await.unwrap(), None);
    assert_eq!(first.resource(&hook).await.unwrap(), None);
    assert_eq!(there.store.repositories(None, 10).await.unwrap(), []);
    assert_eq!(there.store.upload(&name("team/app"), &upload.id).await.unwrap(), None);
    let late = layer(3);
    let error =
        there.store.put_blob(&name("team/app"), &Digest::sha256(&late), body(&late), NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "nothing is pushed to what is gone");
    assert_ne!(first.registry_password_version(&pier_id, "password").await.unwrap(), password);
    // The other registry holds the same image, whole.
    let reference = Reference::Digest(shared);
    assert!(first.manifest(&name("team/app"), &reference).await.unwrap().is_some());
    let again = first.put_registry(&scope("pier", "pier.example"), &json!({}), NOW).await.unwrap();
    assert!(again.1 && again.0 != pier, "a number is never given twice");
    there.is_sound().await;
}

pub(crate) async fn what_a_registry_holds_is_counted_once(place: Place) {
    let store = place.store.clone();
    store.ensure_registry(&scope("quay", "quay.example"), &json!({}), NOW).await.unwrap();
    assert_eq!(store.registry_usage(RegistryId::FIRST).await.unwrap(), Default::default());
    place.push("team/app", "v1", &[&layer(1)]).await;
    let one = store.registry_usage(RegistryId::FIRST).await.unwrap();
    assert!(one.bytes > layer(1).len() as u64, "{one:?}");
    place.push("team/copy", "v1", &[&layer(1)]).await;
    let two = store.registry_usage(RegistryId::FIRST).await.unwrap();
    assert_eq!((two.bytes, two.repositories), (one.bytes, 2), "the same content is not held twice");
    let (pier, _) = store.put_registry(&scope("pier", "pier.example"), &json!({}), NOW).await.unwrap();
    assert_eq!(store.registry_usage(pier).await.unwrap(), Default::default());
}
