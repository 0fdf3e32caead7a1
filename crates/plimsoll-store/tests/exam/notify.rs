//! The outbox: events, deliveries, leases.

use plimsoll_store::{
    Claim, DeliveryFilter, DeliveryKind, DeliveryState, Ending, Event, NewDelivery, Origin, PackageId,
    Position, Replay, Store, Target,
};
use plimsoll_types::{Digest, InstalledPackage, Match, Severity, Status};
use serde_json::{Value, json};

use crate::place::{NOW, Place, affected, layer, name, package};

const LEASE: i64 = 60_000;

fn target(name: &str) -> Target {
    let resource =
        format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.Security/automations/{name}");
    Target { resource: resource.parse().unwrap(), action: 0 }
}

fn new(to: &str, event: Option<i64>, kind: DeliveryKind) -> NewDelivery {
    NewDelivery { event, target: target(to), kind, part: String::new(), detail: Value::Null }
}

/// The events that were not seen yet, which counts as routed.
async fn news(store: &Store) -> Vec<Event> {
    let events = store.unrouted_events(1_000).await.unwrap();
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    store.route_events(&ids, &[], 10, NOW).await.unwrap();
    events
}

async fn news_of(store: &Store, kind: &str) -> Vec<Event> {
    news(store).await.into_iter().filter(|event| event.kind == kind).collect()
}

/// `change repository package vulnerability severity` of all that an event is about, in pages of `n`.
async fn told(store: &Store, event: &Event, n: u32) -> Vec<String> {
    let (mut told, mut at) = (Vec::new(), Position::START);
    loop {
        let page = store.findings_of_event(event, at, n).await.unwrap();
        for telling in page.rows {
            let (package, found) = telling.row.finding.as_ref().unwrap();
            told.push(format!(
                "{:?} {} {} {} {}",
                telling.change,
                telling.row.image.repository,
                package.package.name,
                found.vulnerability,
                found.severity
            ));
        }
        match page.next {
            Some(next) => {
                assert!(next > at, "{next:?} is not behind {at:?}");
                at = next;
            }
            None => return told,
        }
    }
}

fn curl(matches: Vec<Match>) -> (InstalledPackage, Vec<Match>) {
    (package("curl", "1"), matches)
}

async fn row_of(store: &Store, package: &InstalledPackage) -> PackageId {
    store.stored_packages(std::slice::from_ref(package)).await.unwrap()[0].as_ref().unwrap().id
}

pub(crate) async fn what_happens_is_written_down_with_it(place: Place) {
    let origin =
        Origin { id: "77aa".into(), host: "quay".into(), useragent: "skopeo".into(), ..Origin::default() };
    let digest = place.push("app", "v1", &[&layer(1)]).await;
    let asked = place.store.on_behalf_of(origin);
    asked.delete_manifest(&name("app"), &digest, NOW).await.unwrap();
    let events = news(&place.store).await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["image.pushed", "image.tagged", "image.untagged", "image.deleted"]);
    let pushed = &events[0];
    assert_eq!((pushed.repository.as_str(), pushed.digest.as_ref(), pushed.at), ("app", Some(&digest), NOW));
    assert_eq!(pushed.detail["tags"], json!(["v1"]));
    let deleted = &events[3].detail;
    assert_eq!(
        (&deleted["request"]["id"], &deleted["request"]["useragent"]),
        (&json!("77aa"), &json!("skopeo"))
    );
    assert!(deleted["mediaType"].as_str().unwrap().contains("manifest"));
    assert_eq!(news(&place.store).await, [], "an event is routed once");
}

pub(crate) async fn a_verdict_tells_what_appeared_and_what_went(place: Place) {
    let digest = place.push("app", "v1", &[&layer(1)]).await;
    let old = curl(vec![affected("CVE-1", Severity::High)]);
    let zlib =
        (package("zlib", "1"), vec![affected("CVE-2", Severity::Low), affected("CVE-3", Severity::Low)]);
    place.judge(&digest, &[old.clone(), (package("bash", "1"), vec![])]).await;
    let first = news_of(&place.store, "image.assessed").await;
    assert_eq!(first.len(), 1);
    assert_eq!(told(&place.store, &first[0], 1).await, ["Appeared app curl CVE-1 High"]);

    place.judge(&digest, &[old.clone(), (package("bash", "1"), vec![])]).await;
    assert_eq!(news(&place.store).await, [], "the same once more is no news");

    place.judge(&digest, &[zlib.clone(), (package("bash", "1"), vec![])]).await;
    let second = news_of(&place.store, "image.assessed").await;
    for n in [1, 2, 100] {
        assert_eq!(
            told(&place.store, &second[0], n).await,
            ["Appeared app zlib CVE-2 Low", "Appeared app zlib CVE-3 Low", "Gone app curl CVE-1 High"],
            "pages of {n}"
        );
    }
}

pub(crate) async fn an_advisory_is_one_event_however_many_images_have_it(place: Place) {
    for number in 0..5 {
        let image = place.push(&format!("r{number}"), "v1", &[&layer(number)]).await;
        place
            .judge(&image, &[curl(vec![affected("CVE-1", Severity::Low), affected("CVE-2", Severity::Low)])])
            .await;
    }
    news(&place.store).await;
    let id = row_of(&place.store, &package("curl", "1")).await;
    let matches = vec![
        affected("CVE-1", Severity::Critical),
        Match { status: Status::Fixed, ..affected("CVE-2", Severity::Low) },
        affected("CVE-3", Severity::Medium),
    ];
    place.store.save_matches(&[(id, matches.clone())], 2, NOW).await.unwrap();
    let events = news(&place.store).await;
    assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["matches.changed"]);
    let expected: Vec<String> =
        ["Appeared r# curl CVE-3 Medium", "Changed r# curl CVE-1 Critical", "Gone r# curl CVE-2 Low"]
            .iter()
            .flat_map(|text| (0..5).map(|number| text.replace('#', &number.to_string())))
            .collect();
    for n in [1, 2, 7, 100] {
        assert_eq!(told(&place.store, &events[0], n).await, expected, "pages of {n}");
    }
    place.store.save_matches(&[(id, matches)], 3, NOW).await.unwrap();
    assert_eq!(news(&place.store).await, [], "the same matches of a newer generation are no news");
}

pub(crate) async fn an_advisory_with_a_new_name_is_no_news(place: Place) {
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let ghsa = Match { aliases: vec![], ..affected("GHSA-1", Severity::High) };
    place.judge(&image, &[curl(vec![ghsa, affected("CVE-7", Severity::Low)])]).await;
    news(&place.store).await;
    let id = row_of(&place.store, &package("curl", "1")).await;
    let renamed = Match { aliases: vec!["GHSA-1".into()], ..affected("CVE-1", Severity::High) };
    place
        .store
        .save_matches(&[(id, vec![renamed.clone(), affected("CVE-7", Severity::Low)])], 2, NOW)
        .await
        .unwrap();
    assert_eq!(news(&place.store).await, []);
    let again = Match { aliases: vec!["CVE-1".into()], ..affected("CVE-2", Severity::Critical) };
    place.store.save_matches(&[(id, vec![again])], 3, NOW).await.unwrap();
    let events = news(&place.store).await;
    assert_eq!(
        told(&place.store, &events[0], 10).await,
        ["Changed app curl CVE-2 Critical", "Gone app curl CVE-7 Low"],
        "it is worse now, which is news"
    );
}

pub(crate) async fn a_judged_image_in_another_repository_appears_there(place: Place) {
    let digest = place.push("app", "v1", &[&layer(1)]).await;
    place.judge(&digest, &[curl(vec![affected("CVE-1", Severity::High)])]).await;
    news(&place.store).await;
    assert_eq!(place.push("copy", "v1", &[&layer(1)]).await, digest);
    let events = news_of(&place.store, "image.assessed").await;
    assert_eq!(told(&place.store, &events[0], 10).await, ["Appeared copy curl CVE-1 High"]);
    place.push("copy", "v1", &[&layer(1)]).await;
    assert_eq!(news_of(&place.store, "image.assessed").await, [], "it was there already");
}

/// Queues one delivery for each of `n` pushes.
async fn queued(place: &Place, n: usize, max_pending: u32) -> Vec<i64> {
    for number in 0..n {
        let store = &place.store;
        let digest = Digest::sha256(number.to_string().as_bytes());
        store.delete_tag(&name("none"), &"v1".parse().unwrap(), NOW).await.unwrap();
        place.push("app", &format!("v{number}"), &[digest.as_str().as_bytes()]).await;
    }
    let events = place.store.unrouted_events(1_000).await.unwrap();
    let pushes: Vec<_> =
        events.iter().filter(|event| event.kind == "image.pushed").map(|event| event.id).collect();
    let deliveries: Vec<_> = pushes.iter().map(|id| new("a", Some(*id), DeliveryKind::Registry)).collect();
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    place.store.route_events(&ids, &deliveries, max_pending, NOW).await.unwrap();
    let again = place.store.route_events(&ids, &deliveries, max_pending, NOW).await.unwrap();
    assert_eq!(again, 0, "what was routed is not routed again");
    pushes
}

async fn claim(store: &Store, after: i64) -> Option<Claim> {
    store.claim_target(NOW.plus_millis(after), LEASE).await.unwrap()
}

pub(crate) async fn deliveries_go_in_order_to_one_process_at_a_time(place: Place) {
    let store = &place.store;
    let pushes = queued(&place, 3, 100).await;
    let first = claim(store, 0).await.unwrap();
    assert_eq!(claim(store, LEASE - 1).await, None, "another process is at it");
    let delivery = store.next_delivery(&first).await.unwrap().unwrap();
    assert_eq!((delivery.event, delivery.state), (Some(pushes[0]), DeliveryState::Pending));
    assert!(store.note_delivery(&first, delivery.id, Position([0, 1, 2, 3]), 4, NOW, LEASE).await.unwrap());

    let second = claim(store, LEASE).await.expect("the lease ran out");
    let (at, late) = (Position::START, NOW.plus_millis(LEASE));
    assert!(!store.note_delivery(&first, delivery.id, at, 1, late, LEASE).await.unwrap());
    assert!(!store.end_delivery(&first, delivery.id, &Ending::Done, late, LEASE).await.unwrap());
    assert!(!store.fail_delivery(&first, delivery.id, "late", None, late, late).await.unwrap());
    store.release_target(&first, late).await.unwrap();
    let resumed = store.next_delivery(&second).await.unwrap().unwrap();
    assert_eq!((resumed.id, resumed.position, resumed.sent), (delivery.id, Some(Position([0, 1, 2, 3])), 4));
    for push in &pushes {
        let next = store.next_delivery(&second).await.unwrap().unwrap();
        assert_eq!(next.event, Some(*push));
        assert!(store.end_delivery(&second, next.id, &Ending::Done, late, LEASE).await.unwrap());
    }
    assert_eq!(store.next_delivery(&second).await.unwrap(), None);
    store.release_target(&second, late).await.unwrap();
    assert_eq!(claim(store, 100 * LEASE).await, None, "nothing waits");
    assert_eq!(store.count_deliveries().await.unwrap(), (0, 0));
}

pub(crate) async fn what_is_queued_while_a_target_is_told_is_not_lost(place: Place) {
    let store = &place.store;
    store.queue_delivery(&new("a", None, DeliveryKind::Snapshot), 10, NOW).await.unwrap();
    let held = claim(store, 0).await.unwrap();
    let only = store.next_delivery(&held).await.unwrap().unwrap();
    store.end_delivery(&held, only.id, &Ending::Nothing, NOW, LEASE).await.unwrap();
    store.queue_delivery(&new("a", None, DeliveryKind::Snapshot), 10, NOW).await.unwrap();
    store.release_target(&held, NOW.plus_millis(5)).await.unwrap();
    assert_eq!(claim(store, 4).await, None);
    assert!(claim(store, 5).await.is_some());
    let all = store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 1, "of what told nothing no row is left");
}

pub(crate) async fn a_failure_backs_off_and_a_dead_letter_is_replayed(place: Place) {
    let store = &place.store;
    queued(&place, 2, 100).await;
    let held = claim(store, 0).await.unwrap();
    let delivery = store.next_delivery(&held).await.unwrap().unwrap();
    store.note_delivery(&held, delivery.id, Position([0, 7, 0, 0]), 2, NOW, LEASE).await.unwrap();
    let retry_at = NOW.plus_millis(9_000);
    assert!(store.fail_delivery(&held, delivery.id, "no answer", Some(503), retry_at, NOW).await.unwrap());
    assert_eq!(claim(store, 8_999).await, None, "it backs off");
    let held = claim(store, 9_000).await.unwrap();
    assert_eq!(held.failures, 1);
    let failed = store.next_delivery(&held).await.unwrap().unwrap();
    assert_eq!((failed.attempts, failed.reason.as_deref(), failed.status), (1, Some("no answer"), Some(503)));
    let dead = Ending::Dead("gone for good".into(), Some(410));
    store.end_delivery(&held, delivery.id, &dead, NOW, LEASE).await.unwrap();
    let next = store.next_delivery(&held).await.unwrap().unwrap();
    assert_ne!(next.id, delivery.id, "the next one is not held up");
    store.end_delivery(&held, next.id, &Ending::Done, NOW, LEASE).await.unwrap();
    store.release_target(&held, NOW).await.unwrap();

    let dead = DeliveryFilter { state: Some(DeliveryState::Dead), under: None };
    let listed = store.deliveries(&dead, None, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|d| (d.id, d.reason.as_deref())).collect::<Vec<_>>(),
        [(delivery.id, Some("gone for good"))]
    );
    let elsewhere = "/subscriptions/other".parse().unwrap();
    assert_eq!(store.replay(Replay::AllDead(Some(&elsewhere)), NOW).await.unwrap(), 0);
    let later = NOW.plus_millis(1_000_000);
    let here = "/subscriptions/S".parse().unwrap();
    assert_eq!(store.replay(Replay::AllDead(Some(&here)), later).await.unwrap(), 1);
    assert_eq!(store.replay(Replay::One(delivery.id), later).await.unwrap(), 0, "it waits already");
    assert_eq!(store.replay(Replay::One(next.id), later).await.unwrap(), 1, "what is done can be sent again");
    let held = claim(store, 1_000_000).await.unwrap();
    let replayed = store.next_delivery(&held).await.unwrap().unwrap();
    assert_eq!((replayed.id, replayed.since, replayed.attempts), (delivery.id, later, 0));
    assert_eq!(replayed.position, Some(Position([0, 7, 0, 0])), "it goes on where it stopped");
    store.end_delivery(&held, replayed.id, &Ending::Done, later, LEASE).await.unwrap();
    assert_eq!(store.next_delivery(&held).await.unwrap().unwrap().position, None);
}

pub(crate) async fn a_full_queue_takes_no_more(place: Place) {
    queued(&place, 3, 2).await;
    let state = async |state| {
        let filter = DeliveryFilter { state: Some(state), under: Some(target("a").resource) };
        place.store.deliveries(&filter, None, 10).await.unwrap()
    };
    assert_eq!(state(DeliveryState::Pending).await.len(), 2);
    let dead = state(DeliveryState::Dead).await;
    assert!(dead[0].reason.as_deref().unwrap().contains("2 deliveries were waiting"), "{dead:?}");
}

pub(crate) async fn verdicts_that_wait_are_told_once(place: Place) {
    let store = &place.store;
    let verdict = || new("a", None, DeliveryKind::Assessments);
    store.queue_delivery(&verdict(), 10, NOW).await.unwrap();
    store.queue_delivery(&verdict(), 10, NOW).await.unwrap();
    assert_eq!(store.count_deliveries().await.unwrap(), (1, 0));
    let held = claim(store, 0).await.unwrap();
    let begun = store.next_delivery(&held).await.unwrap().unwrap();
    store.note_delivery(&held, begun.id, Position::START, 0, NOW, LEASE).await.unwrap();
    store.queue_delivery(&verdict(), 10, NOW).await.unwrap();
    assert_eq!(store.count_deliveries().await.unwrap(), (2, 0), "one that was begun may have looked before");
    assert_eq!(store.last_told(&held.target, "r").await.unwrap(), None);
    for told in ["Healthy", "Unhealthy"] {
        store.note_told(&held.target, "r", told).await.unwrap();
        assert_eq!(store.last_told(&held.target, "r").await.unwrap().as_deref(), Some(told));
    }
}

pub(crate) async fn a_snapshot_is_queued_when_it_is_due(place: Place) {
    let (store, target) = (&place.store, target("a"));
    let week = 7 * 86_400_000;
    let ask = async |after: i64| {
        store.queue_snapshot(&target, NOW.plus_millis(after), NOW.plus_millis(after + week)).await.unwrap()
    };
    assert!(ask(0).await, "the first one at once");
    assert!(!ask(week - 1).await);
    assert!(ask(week).await);
    assert!(!ask(week).await);
    assert_eq!(store.count_deliveries().await.unwrap(), (2, 0));
}

pub(crate) async fn what_a_web_hook_was_sent_is_kept_for_a_while(place: Place) {
    let store = &place.store;
    let hook =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/R/webhooks/W";
    let hook = hook.parse().unwrap();
    for number in 0..105 {
        let answer = json!({"statusCode": "200"});
        let answer = (number % 2 == 0).then_some(&answer);
        store
            .record_webhook_event(&hook, &format!("e{number}"), &json!({"method": "POST"}), answer, NOW)
            .await
            .unwrap();
    }
    let events = store.webhook_events(&hook, 1_000).await.unwrap();
    assert_eq!(events.len(), 100);
    assert_eq!(
        events[0],
        json!({"id": "e104", "eventRequestMessage": {"method": "POST"}, "eventResponseMessage": {"statusCode": "200"}})
    );
    assert_eq!(events[1].get("eventResponseMessage"), None);
    let id = store.ping_webhook(&hook, NOW).await.unwrap();
    let held = claim(store, 0).await.unwrap();
    let ping = store.next_delivery(&held).await.unwrap().unwrap();
    assert_eq!((&ping.detail["id"], &ping.detail["action"], id.len()), (&json!(id), &json!("ping"), 36));
    store.forget_target(&hook).await.unwrap();
    assert_eq!(store.webhook_events(&hook, 10).await.unwrap(), Vec::<Value>::new());
    assert_eq!(store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap(), []);
    assert_eq!(claim(store, LEASE).await, None);
}

pub(crate) async fn secrets_are_kept_apart_from_documents(place: Place) {
    let (store, id) = (&place.store, target("a").resource);
    let body = json!({"properties": {}});
    let secrets = [(0, "one".to_owned()), (3, "three".to_owned())].into();
    assert!(store.put_resource_with_secrets(&id, &body, &secrets, NOW).await.unwrap());
    assert_eq!(store.secrets(&id).await.unwrap(), secrets);
    assert_eq!(store.resource(&id).await.unwrap().unwrap().body, body);
    let fewer = [(1, "two".to_owned())].into();
    assert!(!store.put_resource_with_secrets(&id, &body, &fewer, NOW).await.unwrap());
    assert_eq!(store.secrets(&id).await.unwrap(), fewer);
    store.forget_target(&id).await.unwrap();
    assert!(store.secrets(&id).await.unwrap().is_empty());
}

pub(crate) async fn a_restart_frees_the_targets_of_the_node_and_loses_nothing(place: Place) {
    let pushes = queued(&place, 1, 10).await;
    claim(&place.store, 0).await.unwrap();
    let after = place.restarted().await;
    assert_eq!(claim(&after, 1).await, None);
    assert_eq!(after.release_own_targets(NOW).await.unwrap(), 1);
    let held = claim(&after, 1).await.unwrap();
    assert_eq!(after.next_delivery(&held).await.unwrap().unwrap().event, Some(pushes[0]));
}

pub(crate) async fn old_deliveries_are_cleared_away(place: Place) {
    let store = &place.store;
    queued(&place, 2, 10).await;
    let image = place.push("app", "last", &[&layer(9)]).await;
    place.judge(&image, &[curl(vec![affected("CVE-1", Severity::High)])]).await;
    let assessed = news_of(store, "image.assessed").await[0].id;
    let held = claim(store, 0).await.unwrap();
    for ending in [Ending::Done, Ending::Dead("no".into(), None)] {
        let next = store.next_delivery(&held).await.unwrap().unwrap();
        store.end_delivery(&held, next.id, &ending, NOW, LEASE).await.unwrap();
    }
    let (week, month) = (NOW.plus_millis(7), NOW.plus_millis(-30));
    assert_eq!(store.tidy_deliveries(week, month).await.unwrap(), 1);
    assert_eq!(store.count_deliveries().await.unwrap(), (0, 1));
    assert_eq!(store.event(assessed).await.unwrap(), None, "it was told");
}
