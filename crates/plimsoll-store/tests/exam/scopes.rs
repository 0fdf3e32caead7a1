//! Registries side by side, settings, operations.

use plimsoll_store::{ErrorKind, OperationState, RegistryId};
use plimsoll_types::{Digest, Reference, ResourceId, Scope};
use serde_json::json;

use crate::place::{NOW, Place, layer, name};

fn scope(registry: &str, host: &str) -> Scope {
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
