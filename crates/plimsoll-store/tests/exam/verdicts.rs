//! What readers ask.

use plimsoll_store::{FindingFilter, FindingId, FindingRow, ImageState, RegistrySummary};
use plimsoll_types::{Digest, Generation, InstalledPackage, Match, Severity, Status};

use crate::place::{NOW, Place, affected, layer, name, package};

fn with_status(vulnerability: &str, status: Status) -> Match {
    Match { status, ..affected(vulnerability, Severity::Medium) }
}

/// `repository:tag package vulnerability` of each row.
fn told(rows: &[FindingRow]) -> Vec<String> {
    let tell = |row: &FindingRow| {
        let image = format!("{}:{}", row.image.repository, row.image.tags.join("+"));
        match &row.finding {
            Some((package, found)) => format!("{image} {} {}", package.package.name, found.vulnerability),
            None => format!("{image} -"),
        }
    };
    rows.iter().map(tell).collect()
}

async fn all(place: &Place) -> Vec<FindingRow> {
    place.store.findings(&FindingFilter::default(), None, 10_000).await.unwrap()
}

pub(crate) async fn findings_are_the_join_of_packages_and_matches(place: Place) {
    let first = place.push("app", "v1", &[&layer(1)]).await;
    let second = place.push("web", "v2", &[&layer(2)]).await;
    place.push("web", "unscanned", &[&layer(3)]).await;
    let curl = (
        package("curl", "1"),
        vec![
            affected("CVE-1", Severity::High),
            with_status("CVE-2", Status::Fixed),
            with_status("CVE-3", Status::WillNotFix),
            with_status("CVE-4", Status::NotAffected),
            with_status("CVE-5", Status::UnderInvestigation),
            with_status("CVE-6", Status::Unknown),
        ],
    );
    place.judge(&first, &[curl.clone(), (package("bash", "1"), vec![])]).await;
    place
        .judge(
            &second,
            &[
                (package("curl", "1"), curl.1.clone()),
                (package("zlib", "1"), vec![affected("CVE-9", Severity::Low)]),
            ],
        )
        .await;
    let rows = all(&place).await;
    assert_eq!(
        told(&rows),
        [
            "app:v1 curl CVE-1",
            "app:v1 curl CVE-3",
            "app:v1 curl CVE-5",
            "web:v2 curl CVE-1",
            "web:v2 curl CVE-3",
            "web:v2 curl CVE-5",
            "web:v2 zlib CVE-9",
        ]
    );
    let (found, matched) = rows[0].finding.as_ref().unwrap();
    assert_eq!((found, matched), (&curl.0, &curl.1[0]));
    assert_eq!(rows[0].image.digest, first);
    assert_eq!(rows[0].image.distro.as_ref().unwrap().id, "debian");
    assert_eq!(rows[0].image.state, ImageState::Done);
    assert_eq!(rows[0].image.coverage["layers"], 1);
}

pub(crate) async fn an_image_without_findings_has_one_row(place: Place) {
    let clean = place.push("app", "clean", &[&layer(1)]).await;
    let failed = place.push("app", "failed", &[&layer(2)]).await;
    place.push("app", "pending", &[&layer(3)]).await;
    place.judge(&clean, &[(package("curl", "1"), vec![with_status("CVE-1", Status::Fixed)])]).await;
    let reason = ImageState::Failed("the layer is damaged".to_owned());
    place.store.set_image_state(&failed, &reason, NOW).await.unwrap();
    let rows = all(&place).await;
    assert_eq!(told(&rows), ["app:clean -", "app:failed -"]);
    assert_eq!(rows[1].image.state, reason);
    for row in &rows {
        assert_eq!((row.id.package, row.id.vulnerability, row.first_seen), (0, 0, NOW));
        assert_eq!(place.store.finding(row.id, Generation::Second).await.unwrap().as_ref(), Some(row));
    }
    let images = place.store.images(Some(&name("app")), 10).await.unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(images.iter().filter(|image| image.state == ImageState::Queued).count(), 1);
    assert_eq!(place.store.images(None, 2).await.unwrap().len(), 2);
    assert_eq!(place.store.images(Some(&name("none")), 2).await.unwrap(), []);
}

pub(crate) async fn pages_of_any_size_give_the_same_rows(place: Place) {
    for number in 0..9 {
        let image = place.push(&format!("r{}", number % 2), &format!("v{number}"), &[&layer(number)]).await;
        let flaws =
            |n: usize| (0..n).map(|v| affected(&format!("CVE-{v}"), Severity::Low)).collect::<Vec<_>>();
        let packages: Vec<_> =
            (0..number % 3).map(|p| (package(&format!("p{p}-{}", number % 5), "1"), flaws(p + 1))).collect();
        place.judge(&image, &packages).await;
    }
    let whole = all(&place).await;
    let mut sorted: Vec<_> = whole.iter().map(|row| row.id).collect();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted, whole.iter().map(|row| row.id).collect::<Vec<_>>());
    assert!(whole.iter().any(|row| row.finding.is_none()) && whole.len() > 12);
    for size in [1, 2, 3, 5, 100] {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = place.store.findings(&FindingFilter::default(), after, size).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= size as usize);
            after = Some(last.id);
            pages.extend(page);
        }
        assert_eq!(pages, whole, "pages of {size}");
    }
    assert_eq!(place.store.findings(&FindingFilter::default(), None, 0).await.unwrap(), []);
}

pub(crate) async fn a_finding_keeps_its_name_and_its_first_sight(place: Place) {
    let store = &place.store;
    let later = |ms| NOW.plus_millis(ms);
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let curl = |matches: &[Match]| [(package("curl", "1"), matches.to_vec())];
    let one = affected("CVE-1", Severity::Low);
    place.judge(&image, &curl(std::slice::from_ref(&one))).await;
    let before = all(&place).await.remove(0);
    // A new scan, a new severity, a new push, another image: the same finding.
    let worse = affected("CVE-1", Severity::Critical);
    place.judge_at(&image, &curl(&[worse.clone(), affected("CVE-2", Severity::Low)]), 2, later(5)).await;
    place.push("app", "v1", &[&layer(1)]).await;
    let rows = all(&place).await;
    assert_eq!(rows[0].id, before.id);
    assert_eq!((rows[0].first_seen, rows[1].first_seen), (NOW, later(5)));
    assert_eq!(rows[0].finding.as_ref().unwrap().1.severity, Severity::Critical);
    let guid = before.id.to_string();
    let found = store.finding(guid.parse().unwrap(), Generation::Second).await.unwrap().unwrap();
    assert_eq!(found, rows[0]);
    let other = place.push("app", "v2", &[&layer(2)]).await;
    place.judge_at(&other, &curl(&[worse]), 3, later(9)).await;
    let rows = all(&place).await;
    assert_eq!(rows.iter().map(|row| row.first_seen).collect::<Vec<_>>(), [NOW, NOW]);
    for id in [
        FindingId { image: 999, ..before.id },
        FindingId { package: 999, ..before.id },
        FindingId { vulnerability: 999, ..before.id },
        FindingId { package: 0, vulnerability: 0, ..before.id },
    ] {
        assert_eq!(store.finding(id, Generation::Second).await.unwrap(), None, "{id:?}");
    }
    store.delete_manifest(&name("app"), &image, NOW).await.unwrap();
    assert_eq!(store.finding(before.id, Generation::Second).await.unwrap(), None);
    assert_eq!(told(&all(&place).await), ["app:v2 curl CVE-1"]);
}

pub(crate) async fn findings_are_filtered_by_repository_and_image(place: Place) {
    let store = &place.store;
    let shared = place.push("a", "v1", &[&layer(1)]).await;
    place.push("b", "v1", &[&layer(1)]).await;
    let only = place.push("b", "v2", &[&layer(2)]).await;
    for image in [&shared, &only] {
        place.judge(image, &[(package("curl", "1"), vec![affected("CVE-1", Severity::Low)])]).await;
    }
    let find = async |repository: Option<&str>, image: Option<&Digest>| {
        let filter = FindingFilter {
            repository: repository.map(name),
            image: image.cloned(),
            ..FindingFilter::default()
        };
        told(&store.findings(&filter, None, 10).await.unwrap())
    };
    assert_eq!(find(Some("b"), None).await, ["b:v1 curl CVE-1", "b:v2 curl CVE-1"]);
    assert_eq!(find(None, Some(&shared)).await, ["a:v1 curl CVE-1", "b:v1 curl CVE-1"]);
    assert_eq!(find(Some("b"), Some(&shared)).await, ["b:v1 curl CVE-1"]);
    assert_eq!(find(Some("a"), Some(&only)).await, Vec::<String>::new());
    assert_eq!(find(Some("none"), None).await, Vec::<String>::new());
}

pub(crate) async fn a_package_at_two_paths_is_one_finding(place: Place) {
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let at = |path: &str| InstalledPackage { path: path.to_owned(), ..package("left-pad", "1") };
    let flaw = vec![affected("CVE-1", Severity::Low)];
    let packages =
        ["z/package.json", "a/package.json", "m/package.json"].map(|path| (at(path), flaw.clone()));
    place.judge(&image, &packages).await;
    let rows = all(&place).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].finding.as_ref().unwrap().0.path, "a/package.json");
    assert_eq!(rows[0].finding.as_ref().unwrap().0.layer, Some(Digest::sha256(b"a layer")));
}

pub(crate) async fn the_registry_is_summed_up(place: Place) {
    let store = &place.store;
    assert_eq!(store.registry_summary(Generation::Second).await.unwrap(), RegistrySummary::default());
    let mut images = Vec::new();
    for number in 0..5 {
        images.push(place.push("app", &format!("v{number}"), &[&layer(number)]).await);
    }
    let flaws = vec![affected("CVE-1", Severity::High), affected("CVE-2", Severity::Low)];
    place.judge_at(&images[0], &[(package("a", "1"), flaws.clone())], 1, NOW).await;
    place.judge_at(&images[1], &[(package("a", "1"), flaws)], 1, NOW.plus_millis(1)).await;
    place.judge_at(&images[2], &[(package("b", "1"), vec![])], 1, NOW.plus_millis(2)).await;
    let reason = ImageState::Unsupported("a Windows image".to_owned());
    store.set_image_state(&images[3], &reason, NOW.plus_millis(3)).await.unwrap();
    let summary = store.registry_summary(Generation::Second).await.unwrap();
    let expected = RegistrySummary {
        images: 5,
        unhealthy: 2,
        healthy: 1,
        not_applicable: 1,
        unsupported: 1,
        pending: 1,
        findings: vec![(Severity::High, 2), (Severity::Low, 2)],
        patchable: 4,
        hidden: 0,
        first_assessed: Some(NOW),
        last_changed: Some(NOW.plus_millis(3)),
    };
    assert_eq!(summary, expected);
    let id = store.stored_packages(&[package("b", "1")]).await.unwrap()[0].as_ref().unwrap().id;
    let fresh = vec![(id, vec![affected("CVE-3", Severity::Critical)])];
    store.save_matches(&fresh, 2, NOW.plus_millis(9)).await.unwrap();
    let summary = store.registry_summary(Generation::Second).await.unwrap();
    assert_eq!((summary.unhealthy, summary.healthy), (3, 0));
    assert_eq!(summary.last_changed, Some(NOW.plus_millis(9)));
}

pub(crate) async fn the_last_verdict_stands_while_a_scan_runs(place: Place) {
    let store = &place.store;
    let image = place.push("app", "v1", &[&layer(1)]).await;
    place.judge(&image, &[(package("curl", "1"), vec![affected("CVE-1", Severity::Low)])]).await;
    let before = all(&place).await;
    for state in [ImageState::Queued, ImageState::Running, ImageState::Failed("no memory".to_owned())] {
        store.set_image_state(&image, &state, NOW.plus_millis(1)).await.unwrap();
        assert_eq!(all(&place).await, before);
        assert_eq!(store.images(None, 1).await.unwrap()[0].state, state);
    }
    assert_eq!(store.registry_summary(Generation::Second).await.unwrap().unhealthy, 1);
}
