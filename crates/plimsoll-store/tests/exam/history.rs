//! What was known when.

use plimsoll_store::{Ended, HistoryFilter, HistoryRow, ScorePoint};
use plimsoll_types::score::Points;
use plimsoll_types::{Severity, Status, Timestamp};
use serde_json::json;

use crate::place::{NOW, Place, affected, layer, name, package};

fn at(ms: i64) -> Timestamp {
    NOW.plus_millis(ms)
}

/// `repository package vulnerability severity from..until end` of each row, in milliseconds.
fn told(rows: &[HistoryRow]) -> Vec<String> {
    let tell = |row: &HistoryRow| {
        let until = row.until.map(|until| (until.0 - NOW.0).to_string()).unwrap_or_default();
        format!(
            "{} {} {} {} {}..{until}{}",
            row.repository,
            row.package.package.name,
            row.vulnerability,
            row.severity,
            row.since.0 - NOW.0,
            row.ended_by.map(|end| format!(" {}", end.as_str())).unwrap_or_default(),
        )
    };
    rows.iter().map(tell).collect()
}

async fn known(place: &Place, filter: HistoryFilter) -> Vec<String> {
    told(&place.store.finding_history(&filter, None, 1000).await.unwrap().0)
}

pub(crate) async fn what_was_known_on_a_day_can_be_asked(place: Place) {
    let store = &place.store;
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let (curl, zlib) = (package("curl", "1"), package("zlib", "1"));
    let low = affected("CVE-1", Severity::Low);
    place
        .judge_at(&image, &[(curl.clone(), vec![low.clone()]), (zlib.clone(), vec![low.clone()])], 1, at(10))
        .await;
    let id = store.stored_packages(std::slice::from_ref(&curl)).await.unwrap()[0].as_ref().unwrap().id;
    // It becomes worse, another one comes, and then the first turns out to be no flaw.
    let worse = affected("CVE-1", Severity::Critical);
    let other = affected("CVE-2", Severity::High);
    store.save_matches(&[(id, vec![worse.clone(), other.clone()])], 2, at(20)).await.unwrap();
    store.save_matches(&[(id, vec![worse.clone(), other.clone()])], 3, at(25)).await.unwrap();
    let fixed = plimsoll_types::Match { status: Status::NotAffected, ..worse };
    store.save_matches(&[(id, vec![fixed, other.clone()])], 4, at(30)).await.unwrap();
    // A new scan does not find zlib any more; then the image is deleted.
    place.judge_at(&image, &[(curl, vec![other])], 4, at(40)).await;
    assert_eq!(
        known(&place, HistoryFilter::default()).await,
        [
            "app curl CVE-1 Low 10..20 AdvisoryChanged",
            "app curl CVE-1 Critical 20..30 AdvisoryChanged",
            "app curl CVE-2 High 20..",
            "app zlib CVE-1 Low 10..40 PackageGone",
        ]
    );
    store.delete_manifest(&name("app"), &image, at(50)).await.unwrap();
    let as_of = |ms| HistoryFilter { as_of: Some(at(ms)), ..HistoryFilter::default() };
    for (ms, expected) in [
        (9, vec![]),
        (10, vec!["curl CVE-1 Low", "zlib CVE-1 Low"]),
        (20, vec!["curl CVE-1 Critical", "curl CVE-2 High", "zlib CVE-1 Low"]),
        (30, vec!["curl CVE-2 High", "zlib CVE-1 Low"]),
        (40, vec!["curl CVE-2 High"]),
        (50, vec![]),
    ] {
        let rows = known(&place, as_of(ms)).await;
        let short: Vec<_> = rows
            .iter()
            .map(|row| row["app ".len()..].rsplit_once(' ').unwrap().0.replace(" AdvisoryChanged", ""))
            .collect();
        let short: Vec<String> =
            short.iter().map(|row| row.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(short, expected, "after {ms} ms");
    }
    let rows = store.finding_history(&as_of(40), None, 10).await.unwrap().0;
    assert_eq!((rows[0].until, rows[0].ended_by), (Some(at(50)), Some(Ended::Image)));
}

pub(crate) async fn history_is_filtered_and_paged(place: Place) {
    for number in 0..5 {
        let image = place.push(&format!("r{}", number % 2), &format!("v{number}"), &[&layer(number)]).await;
        let flaws = (0..3).map(|flaw| affected(&format!("CVE-{flaw}"), Severity::Low)).collect();
        place.judge(&image, &[(package("curl", &number.to_string()), flaws)]).await;
    }
    let all = known(&place, HistoryFilter::default()).await;
    assert_eq!(all.len(), 15);
    for size in [1, 2, 7, 15] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let (rows, next) =
                place.store.finding_history(&HistoryFilter::default(), after, size).await.unwrap();
            assert!(rows.len() <= size as usize);
            walked.extend(told(&rows));
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(walked, all, "pages of {size}");
    }
    let filter = HistoryFilter {
        repository: Some(name("r1")),
        vulnerability: Some("CVE-2".into()),
        ..HistoryFilter::default()
    };
    assert_eq!(known(&place, filter).await.len(), 2);
    let none = HistoryFilter { registries: Some(vec![]), ..HistoryFilter::default() };
    assert_eq!(known(&place, none).await, Vec::<String>::new());
}

pub(crate) async fn a_score_is_kept_when_it_changes_and_once_a_day(place: Place) {
    let hours = |hours: i64| at(hours * 60 * 60 * 1000);
    let point = |hour, current| ScorePoint {
        at: hours(hour),
        points: Points { max: 6.0, current },
        weight: 2,
        controls: json!([]),
    };
    let store = &place.store;
    for (hour, current, kept) in
        [(0, 1.5, true), (8, 1.5, false), (9, 0.25, true), (32, 0.25, false), (33, 0.25, true)]
    {
        assert_eq!(store.record_score("S", &point(hour, current)).await.unwrap(), kept, "hour {hour}");
    }
    let history = store.score_history("s", None, 10).await.unwrap();
    assert_eq!(history, [point(33, 0.25), point(9, 0.25), point(0, 1.5)]);
    assert_eq!(store.score_history("s", Some(hours(9)), 10).await.unwrap(), [point(0, 1.5)]);
    assert_eq!(store.score_history("other", None, 10).await.unwrap(), []);
}
