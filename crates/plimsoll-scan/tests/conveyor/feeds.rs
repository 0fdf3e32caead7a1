//! Updates of the advisory database: whole, in part, and refused.

use plimsoll_scan::{Change, ErrorKind, FeedLocation, UpdateOptions};
use plimsoll_types::{Ecosystem, InstalledPackage, Package, PackageType};

use crate::feed::{Database, Feed, quiet};
use crate::web::{Response, Server};

fn musl() -> InstalledPackage {
    InstalledPackage {
        package: Package::new(PackageType::Apk, "musl", "1.1.14-r15"),
        ecosystem: Some(Ecosystem::release_of("Alpine", "v3.4")),
        path: String::new(),
        layer: None,
        purl: String::new(),
        details: Default::default(),
    }
}

/// The vulnerabilities of musl, as the database that counts now knows them.
fn known(database: &Database) -> Vec<String> {
    let advisories = database.handle().load().unwrap();
    advisories.find(&musl()).into_iter().map(|found| found.vulnerability).collect()
}

fn change<'a>(updated: &'a plimsoll_scan::Updated, ecosystem: &str) -> &'a Change {
    &updated.ecosystems.iter().find(|(name, _)| name == ecosystem).unwrap().1
}

fn later() -> Feed {
    Feed::sample()
        .advisory(5, "ALPINE-CVE-2024-2", "Alpine:v3.4", "musl", "1.1.14-r17")
        .without("Alpine", "ALPINE-CVE-2019-14697")
}

#[tokio::test]
async fn the_first_time_is_whole_and_later_only_what_changed_is_fetched() {
    let database = Database::new(&Feed::sample());
    let server = Server::of_folder(database.folder.path().join("feed"), &[]).await;
    let feeds = database.feeds_from(FeedLocation::Web(format!("http://{}", server.host)));
    let update = async || {
        server.requests.lock().unwrap().clear();
        let updated = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
        let mut paths = server.paths();
        paths.sort();
        (updated, paths)
    };
    let (first, paths) = update().await;
    assert_eq!(change(&first, "Alpine"), &Change::Whole { records: 2, unreadable: 0 });
    assert!(first.changed && paths.contains(&"/Alpine/all.zip".to_owned()), "{paths:?}");
    assert_eq!(known(&database), ["CVE-2019-14697"]);

    let (second, paths) = update().await;
    assert!(!second.changed && second.generation == first.generation);
    assert_eq!(paths, ["/Alpine/modified_id.csv", "/PyPI/modified_id.csv", "/ecosystems.txt"]);

    database.publish(&later());
    let (third, paths) = update().await;
    assert_eq!(change(&third, "Alpine"), &Change::Partly { changed: 1, removed: 1 });
    assert_eq!(change(&third, "PyPI"), &Change::None);
    assert_eq!(
        paths,
        [
            "/Alpine/ALPINE-CVE-2024-2.json",
            "/Alpine/modified_id.csv",
            "/PyPI/modified_id.csv",
            "/ecosystems.txt"
        ]
    );
    assert!(third.generation > second.generation);
    assert_eq!(known(&database), ["CVE-2024-2"]);
    let status = feeds.status().unwrap().unwrap();
    assert_eq!((status.generation, status.advisories), (third.generation, 3));
    assert!(status.checked_at.is_some() && feeds.age_ms().unwrap() < 600_000);
}

#[tokio::test]
async fn where_single_records_are_missing_the_archive_is_read_again() {
    let database = Database::of(&Feed::sample()).await;
    later().write(&database.folder.path().join("feed"), false);
    let updated = database.update().await;
    assert_eq!(change(&updated, "Alpine"), &Change::Whole { records: 2, unreadable: 0 });
    assert_eq!(known(&database), ["CVE-2024-2"]);
}

#[tokio::test]
async fn an_ecosystem_that_fails_keeps_its_data_and_holds_up_no_other() {
    let database = Database::of(&Feed::sample()).await;
    // The archive of PyPI and its list are broken, Alpine's are newer.
    database.publish(&later().advisory(9, "PYSEC-2", "PyPI", "flask", "2.0"));
    let pypi = database.folder.path().join("feed/PyPI");
    std::fs::write(pypi.join("all.zip"), b"PK\x03\x04 cut").unwrap();
    std::fs::remove_file(pypi.join("PYSEC-2.json")).unwrap();
    let updated = database.update().await;
    assert_eq!(updated.failures().count(), 1);
    assert!(matches!(change(&updated, "PyPI"), Change::Failed(reason) if reason.contains("archive")));
    assert_eq!(known(&database), ["CVE-2024-2"]);
    let status = database.feeds().status().unwrap().unwrap();
    let pypi = status.ecosystems.iter().find(|ecosystem| ecosystem.name == "PyPI").unwrap();
    assert!(pypi.advisories == 1 && pypi.failure.is_some(), "{pypi:?}");
    // The next time, it is asked again though its list is the same.
    database.publish(&later().advisory(9, "PYSEC-2", "PyPI", "flask", "2.0"));
    assert_eq!(change(&database.update().await, "PyPI"), &Change::Partly { changed: 1, removed: 0 });
}

fn many(count: u32) -> Feed {
    (0..count).fold(Feed::sample(), |feed, n| {
        feed.advisory(1, &format!("PYSEC-M{n}"), "PyPI", &format!("p{n}"), "1.0")
    })
}

#[tokio::test]
async fn a_feed_that_loses_much_at_once_is_not_believed() {
    let database = Database::of(&many(40)).await;
    database.publish(&many(20));
    for full in [false, true] {
        let options = UpdateOptions { full, ..UpdateOptions::default() };
        let updated = database.feeds().update(&options, &quiet()).await.unwrap();
        assert!(
            matches!(change(&updated, "PyPI"), Change::Failed(reason) if reason.contains("20 of 41 advisories would be gone")),
            "{updated:?}"
        );
        assert_eq!(database.feeds().status().unwrap().unwrap().advisories, 43);
    }
    let options = UpdateOptions { accept_drop: true, ..UpdateOptions::default() };
    let updated = database.feeds().update(&options, &quiet()).await.unwrap();
    assert_eq!(change(&updated, "PyPI"), &Change::Partly { changed: 0, removed: 20 });
    // A little loss is what feeds do.
    database.publish(&many(15));
    assert_eq!(change(&database.update().await, "PyPI"), &Change::Partly { changed: 0, removed: 5 });
}

#[tokio::test]
async fn an_empty_list_removes_nothing() {
    let database = Database::of(&Feed::sample()).await;
    std::fs::write(database.folder.path().join("feed/Alpine/modified_id.csv"), "").unwrap();
    let updated = database.update().await;
    assert!(matches!(change(&updated, "Alpine"), Change::Failed(_)), "{updated:?}");
    assert_eq!(known(&database), ["CVE-2019-14697"]);
}

#[tokio::test]
async fn one_process_updates_at_a_time_and_readers_see_what_it_wrote() {
    let database = Database::of(&Feed::sample()).await;
    let (reader, feeds) = (database.handle(), database.feeds());
    let lock = std::fs::File::open(database.advisories().join("lock")).unwrap();
    lock.lock().unwrap();
    let error = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    drop(lock);
    let before = reader.load().unwrap();
    database.publish(&later());
    let updated = database.update().await;
    assert_eq!(reader.generation(), before.generation());
    assert!(reader.refresh().unwrap() && !reader.refresh().unwrap());
    assert_eq!(reader.load().unwrap().generation(), updated.generation);
    // Whoever held the old one still has it.
    assert_eq!(before.find(&musl())[0].vulnerability, "CVE-2019-14697");
}

#[tokio::test]
async fn old_generations_go_and_a_damaged_one_is_built_anew() {
    let database = Database::of(&Feed::sample()).await;
    for day in 2..8 {
        database.publish(&Feed::sample().advisory(
            day,
            "ALPINE-CVE-2024-3",
            "Alpine:v3.4",
            "musl",
            "1.1.14-r17",
        ));
        assert!(database.update().await.changed);
    }
    let files = || std::fs::read_dir(database.advisories()).unwrap().map(|entry| entry.unwrap().path());
    let generations: Vec<_> =
        files().filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
    assert_eq!(generations.len(), 3);
    let before = database.feeds().status().unwrap().unwrap().generation;
    for path in generations {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"not a database").unwrap();
    }
    assert!(database.handle().load().is_none());
    let updated = database.update().await;
    assert!(updated.changed && updated.generation > before);
    assert_eq!(known(&database), ["CVE-2019-14697", "CVE-2024-3"]);
}

#[tokio::test]
async fn chosen_ecosystems_are_all_that_is_asked() {
    let database = Database::new(&Feed::sample());
    let options =
        |name: &str| UpdateOptions { ecosystems: vec![name.to_owned()], ..UpdateOptions::default() };
    let updated = database.feeds().update(&options("pypi"), &quiet()).await.unwrap();
    assert_eq!(updated.ecosystems.len(), 1);
    assert_eq!(database.feeds().status().unwrap().unwrap().advisories, 1);
    let error = database.feeds().update(&options("npm"), &quiet()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("Alpine, PyPI"), "{error}");
}

#[tokio::test]
async fn a_feed_that_does_not_answer_changes_nothing() {
    let database = Database::of(&Feed::sample()).await;
    let server = Server::start(|_| Response::new(403, "")).await;
    let feeds = database.feeds_from(FeedLocation::Web(format!("http://{}", server.host)));
    let error = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(known(&database), ["CVE-2019-14697"]);
    assert_eq!(feeds.age_ms(), None, "this feed was never asked with success");
}

/// A real feed and a later state of it: what an update in part gives must be what a fresh import of the later state gives.
#[tokio::test]
async fn a_real_feed_updated_in_part_equals_a_fresh_import() {
    let (Some(before), Some(after)) =
        (plimsoll_testkit::shared::find("feeds/osv"), plimsoll_testkit::shared::find("feeds/osv-delta"))
    else {
        return;
    };
    let options =
        UpdateOptions { ecosystems: vec!["Alpine".into(), "Go".into()], ..UpdateOptions::default() };
    let updated = Database::new(&Feed::new());
    updated.feeds_from(FeedLocation::Folder(before)).update(&options, &quiet()).await.unwrap();
    let old = updated.handle().load().unwrap();
    // The same feed, later: on a server the address stays, so here the state is told so.
    let server = Server::of_folder(after.clone(), &[]).await;
    let state = std::fs::read_to_string(updated.advisories().join("feeds.json")).unwrap();
    let location = format!("http://{}", server.host);
    let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
    state["location"] = location.clone().into();
    std::fs::write(updated.advisories().join("feeds.json"), state.to_string()).unwrap();
    let result = updated.feeds_from(FeedLocation::Web(location)).update(&options, &quiet()).await.unwrap();
    assert_eq!(change(&result, "Alpine"), &Change::Partly { changed: 150, removed: 0 });
    assert_eq!(change(&result, "Go"), &Change::Partly { changed: 164, removed: 0 });

    let fresh = Database::new(&Feed::new());
    fresh.feeds_from(FeedLocation::Folder(after)).update(&options, &quiet()).await.unwrap();
    let (new, fresh) = (updated.handle().load().unwrap(), fresh.handle().load().unwrap());
    assert!(!new.database().changed_names(old.database()).is_empty());
    assert_eq!(new.database().changed_names(fresh.database()), []);
    assert_eq!(new.database().advisories(), fresh.database().advisories());
}
