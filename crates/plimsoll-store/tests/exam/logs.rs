//! Resource logs.

use plimsoll_store::{LogFilter, RegistryId};
use plimsoll_types::Timestamp;
use plimsoll_types::log::{Event, Operation, Repository, Table, What};

use crate::place::{NOW, Place, layer};

fn event(at: Timestamp, identity: &str, what: What) -> Event {
    Event {
        at,
        correlation: "c".into(),
        login_server: "quay.example".into(),
        identity: identity.into(),
        address: "203.0.113.9".into(),
        user_agent: "skopeo/1".into(),
        duration_ms: 3,
        status: 200,
        what,
    }
}

fn of(operation: Operation, repository: &str) -> What {
    What::Repository(Repository {
        operation,
        repository: repository.into(),
        tag: Some("v1".into()),
        digest: Some("sha256:aa".into()),
        media_type: None,
        artifact_type: None,
        size: Some(7),
    })
}

pub(crate) async fn events_are_kept_and_filtered(place: Place) {
    let store = &place.store;
    let (first, second) = (RegistryId::FIRST, RegistryId(2));
    let at = |minutes: i64| NOW.plus_millis(60_000 * minutes);
    let events = [
        (first, event(at(0), "me", of(Operation::Push, "app"))),
        (first, event(at(1), "you", of(Operation::Pull, "app"))),
        (second, event(at(2), "me", of(Operation::Pull, "base"))),
        (first, event(at(3), "me", What::Login { token: "t".into() })),
    ];
    store.log_events(&events).await.unwrap();
    store.log_events(&[]).await.unwrap();
    let found = store.resource_logs(Table::Repository, &LogFilter::default(), 0, 10).await.unwrap();
    let kept: Vec<_> = found.iter().map(|row| (row.registry, row.event.clone())).collect();
    assert_eq!(kept, events[..3]);
    let logins = store.resource_logs(Table::Login, &LogFilter::default(), 0, 10).await.unwrap();
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].event, events[3].1);
    let rows = async |filter: LogFilter| {
        let rows = store.resource_logs(Table::Repository, &filter, 0, 10).await.unwrap();
        rows.iter().map(|row| row.event.at).collect::<Vec<_>>()
    };
    let all = LogFilter::default;
    assert_eq!(rows(LogFilter { registry: Some(second), ..all() }).await, [at(2)]);
    assert_eq!(rows(LogFilter { identity: Some("me".into()), ..all() }).await, [at(0), at(2)]);
    assert_eq!(rows(LogFilter { operation: Some("Pull".into()), ..all() }).await, [at(1), at(2)]);
    assert_eq!(rows(LogFilter { repository: Some("app".into()), ..all() }).await, [at(0), at(1)]);
    assert_eq!(rows(LogFilter { since: Some(at(1)), until: Some(at(2)), ..all() }).await, [at(1)]);
    let behind = store.resource_logs(Table::Repository, &all(), found[0].row, 1).await.unwrap();
    assert_eq!(behind, found[1..2]);
    let newest = store.newest_resource_logs(Table::Repository, &all(), None, 2).await.unwrap();
    assert_eq!(newest, [found[2].clone(), found[1].clone()]);
    let older = store.newest_resource_logs(Table::Repository, &all(), Some(newest[1].row), 2).await.unwrap();
    assert_eq!(older, found[..1]);
}

pub(crate) async fn old_events_go(place: Place) {
    let store = &place.store;
    let events: Vec<_> = (0..10)
        .map(|day| {
            let at = NOW.plus_millis(86_400_000 * day);
            (RegistryId::FIRST, event(at, "me", of(Operation::Pull, "app")))
        })
        .collect();
    store.log_events(&events).await.unwrap();
    let days = async || {
        let rows = store.resource_logs(Table::Repository, &LogFilter::default(), 0, 100).await.unwrap();
        rows.iter().map(|row| (row.event.at.0 - NOW.0) / 86_400_000).collect::<Vec<_>>()
    };
    assert_eq!(store.expire_resource_logs(NOW.plus_millis(86_400_000 * 4), 100).await.unwrap(), 4);
    assert_eq!(days().await, [4, 5, 6, 7, 8, 9]);
    assert_eq!(store.expire_resource_logs(NOW, 2).await.unwrap(), 4);
    assert_eq!(days().await, [8, 9]);
    assert_eq!(store.expire_resource_logs(NOW, 2).await.unwrap(), 0);
}

pub(crate) async fn the_scanner_keeps_its_identity(place: Place) {
    let identity = place.store.scanner_identity().await.unwrap();
    let lengths: Vec<_> = identity.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(place.store.scanner_identity().await.unwrap(), identity);
    assert_eq!(place.restarted().await.scanner_identity().await.unwrap(), identity);
    let image = place.push("team/app", "v1", &[&layer(1)]).await;
    place.push("copy", "v1", &[&layer(1)]).await;
    let places = place.store.image_places(&image, 10).await.unwrap();
    let names: Vec<_> = places.iter().map(|place| place.repository.as_str()).collect();
    assert_eq!(names, ["team/app", "copy"]);
    assert_eq!(places[0].tag, Some("v1".parse().unwrap()));
}
