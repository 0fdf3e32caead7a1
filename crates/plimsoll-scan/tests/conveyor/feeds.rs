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
    advisories.find(&musl(), None).into_iter().map(|found| found.vulnerability).collect()
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
    assert_eq!(before.find(&musl(), None)[0].vulnerability, "CVE-2019-14697");
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

const TRACKER: &str = r#"{"musl": {"CVE-2019-14697": {"description":"d","releases":{
    "bookworm":{"status":"open","repositories":{},"urgency":"low","nodsa":"Minor issue","nodsa_reason":"ignored"}}}}}"#;

fn secdb(fixes: &str) -> String {
    format!(
        r#"{{"distroversion":"v3.4","reponame":"main","packages":[{{"pkg":{{"name":"musl","secfixes":{{{fixes}}}}}}}]}}"#
    )
}

/// The publisher's own feed on a server: what it says comes before the bucket, and it is fetched again only when it changed.
#[tokio::test]
async fn a_publisher_s_own_feed_is_read_beside_the_bucket() {
    let database = Database::new(&Feed::sample());
    let site = database.folder.path().join("site");
    std::fs::create_dir_all(site.join("secdb/v3.4")).unwrap();
    std::fs::write(site.join("tracker.json"), TRACKER).unwrap();
    let main = site.join("secdb/v3.4/main.json");
    std::fs::write(&main, secdb(r#""0":["CVE-2019-14697"],"1.1.14-r16":["CVE-2024-0007"]"#)).unwrap();
    let server = Server::of_folder(site.clone(), &[]).await;
    let named = |text: &str| -> plimsoll_scan::PublisherFeed { text.parse().unwrap() };
    let publishers = vec![
        named(&format!("debian=http://{}/tracker.json", server.host)),
        named(&format!("alpine=http://{}/secdb", server.host)),
    ];
    let feeds = database.feeds().with_publishers(publishers);
    let update = async || feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    let updated = update().await;
    assert_eq!(change(&updated, "alpine"), &Change::Whole { records: 2, unreadable: 0 });
    assert_eq!(change(&updated, "debian"), &Change::Whole { records: 1, unreadable: 0 });

    // The bucket calls musl affected, its publisher says that it never was.
    let advisories = database.handle().load().unwrap();
    let found = advisories.find(&musl(), None);
    let told: Vec<_> = found.iter().map(|m| (m.vulnerability.as_str(), m.status.as_str())).collect();
    assert_eq!(told, [("CVE-2019-14697", "not-affected"), ("CVE-2024-0007", "affected")]);
    assert!(found[0].evidence.suppressed.is_some());

    let again = update().await;
    assert_eq!((change(&again, "alpine"), change(&again, "debian")), (&Change::None, &Change::None));
    assert!(!again.changed);

    // One that breaks keeps what it said and holds up nobody.
    std::fs::write(site.join("tracker.json"), "<html>not now</html>").unwrap();
    std::fs::write(&main, secdb(r#""1.1.14-r16":["CVE-2019-14697"]"#)).unwrap();
    let third = update().await;
    assert!(
        matches!(change(&third, "debian"), Change::Failed(reason) if reason.contains("Debian")),
        "{third:?}"
    );
    assert_eq!(change(&third, "alpine"), &Change::Whole { records: 1, unreadable: 0 });
    let status = feeds.status().unwrap().unwrap();
    let debian = status.publishers.iter().find(|publisher| publisher.name == "debian").unwrap();
    assert!(debian.advisories == 1 && debian.failure.is_some() && debian.checked_at.is_some(), "{debian:?}");
    assert!(database.handle().load().unwrap().find(&musl(), None)[0].is_finding());
}

#[tokio::test]
async fn a_publisher_that_shrinks_to_a_tenth_is_not_believed() {
    let database = Database::new(&Feed::sample());
    let path = database.folder.path().join("security.json");
    let write = |count: u32| {
        let cves: Vec<String> = (0..count).map(|n| format!(r#""CVE-2024-{:04}""#, 1000 + n)).collect();
        let json = format!(
            r#"{{"packages":[{{"pkg":{{"name":"curl","secfixes":{{"8.0.0-r1":[{}]}}}}}}]}}"#,
            cves.join(",")
        );
        std::fs::write(&path, json).unwrap();
    };
    let feed = format!("wolfi=file:{}", path.display()).parse().unwrap();
    let feeds = database.feeds().with_publishers(vec![feed]);
    write(100);
    assert_eq!(
        change(&feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap(), "wolfi"),
        &Change::Whole { records: 100, unreadable: 0 }
    );
    write(10);
    for _ in 0..2 {
        let updated = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
        assert!(
            matches!(change(&updated, "wolfi"), Change::Failed(reason) if reason.contains("90 of 100")),
            "{updated:?}"
        );
        assert_eq!(feeds.status().unwrap().unwrap().publishers[0].advisories, 100);
    }
    let options = UpdateOptions { accept_drop: true, ..UpdateOptions::default() };
    feeds.update(&options, &quiet()).await.unwrap();
    assert_eq!(feeds.status().unwrap().unwrap().publishers[0].advisories, 10);
}

#[tokio::test]
async fn alpine_s_rejections_are_a_feed_of_their_own() {
    let database = Database::new(&Feed::sample());
    let site = database.folder.path().join("site");
    std::fs::create_dir_all(&site).unwrap();
    std::fs::write(site.join("main.yaml"), "musl:\n  - CVE-2019-14697  # not in this build\n").unwrap();
    std::fs::write(site.join("community.yaml"), "a:\n- CVE-2020-1000\n- CVE-2020-1001\n- CVE-2020-1002\n")
        .unwrap();
    let server = Server::of_folder(site.clone(), &[]).await;
    let feed = format!("alpine-rejections=http://{}", server.host).parse().unwrap();
    let feeds = database.feeds().with_publishers(vec![feed]);
    let update = async || feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    assert_eq!(change(&update().await, "alpine-rejections"), &Change::Whole { records: 4, unreadable: 0 });
    let find = || database.handle().load().unwrap().find(&musl(), None);
    let found = find();
    assert_eq!(
        (found[0].status.as_str(), found[0].evidence.note.as_str()),
        ("not-affected", "not in this build")
    );
    assert!(!found[0].is_finding() && found[0].evidence.suppressed.is_some());
    assert_eq!(change(&update().await, "alpine-rejections"), &Change::None);
    std::fs::write(site.join("main.yaml"), "# nothing\n").unwrap();
    assert_eq!(change(&update().await, "alpine-rejections"), &Change::Whole { records: 3, unreadable: 0 });
    assert!(find()[0].is_finding());
}

/// Red Hat's document on a vulnerability that is in curl of its 9 and has no fix.
fn red_hat(cve: &str, day: u32) -> String {
    format!(
        r#"{{"document":{{"category":"csaf_vex","title":"curl: a flaw","aggregate_severity":{{"text":"Low"}},
        "tracking":{{"id":"{cve}","initial_release_date":"2024-01-01T00:00:00+00:00","current_release_date":"2024-06-{day:02}T00:00:00+00:00"}}}},
        "product_tree":{{"branches":[
            {{"category":"product_name","name":"RHEL 9","product":{{"name":"RHEL 9","product_id":"rhel9","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}}}}},
            {{"category":"product_version","name":"curl","product":{{"name":"curl","product_id":"curl","product_identification_helper":{{"purl":"pkg:rpm/redhat/curl?arch=src"}}}}}}],
        "relationships":[{{"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"rhel9","full_product_name":{{"name":"x","product_id":"rhel9:curl"}}}}]}},
        "vulnerabilities":[{{"cve":"{cve}","product_status":{{"known_affected":["rhel9:curl"]}}}}]}}"#
    )
}

#[tokio::test]
async fn documents_that_are_read_one_at_a_time_come_change_and_go() {
    let database = Database::new(&Feed::sample());
    let path = database.folder.path().join("vex.tar");
    let write = |documents: &[(&str, u32)]| {
        let mut archive = tar::Builder::new(std::fs::File::create(&path).unwrap());
        for (cve, day) in documents {
            let content = red_hat(cve, *day);
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_entry_type(tar::EntryType::Regular);
            let name = format!("2024/{}.json", cve.to_lowercase());
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap();
    };
    let feed = format!("redhat=file:{}", path.display()).parse().unwrap();
    let feeds = database.feeds().with_publishers(vec![feed]);
    let update = async || feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    let curl = InstalledPackage::new(
        Package::new(PackageType::Rpm, "curl", "7.76.1-29.el9"),
        Some(Ecosystem::release_of("Red Hat", "9")),
    );
    let found = || -> Vec<String> {
        let found = database.handle().load().unwrap().find(&curl, None).into_iter();
        found.map(|m| format!("{} {}", m.vulnerability, &m.modified.unwrap().to_string()[..10])).collect()
    };
    let four = [("CVE-2024-1001", 1), ("CVE-2024-1002", 1), ("CVE-2024-1003", 1), ("CVE-2024-1004", 1)];
    write(&four);
    assert_eq!(change(&update().await, "redhat"), &Change::Whole { records: 4, unreadable: 0 });
    assert_eq!(found().len(), 4);
    write(&[("CVE-2024-1001", 1), ("CVE-2024-1002", 2), ("CVE-2024-1004", 1), ("CVE-2024-1005", 1)]);
    assert_eq!(change(&update().await, "redhat"), &Change::Whole { records: 4, unreadable: 0 });
    let after = [
        "CVE-2024-1001 2024-06-01",
        "CVE-2024-1002 2024-06-02",
        "CVE-2024-1004 2024-06-01",
        "CVE-2024-1005 2024-06-01",
    ];
    assert_eq!(found(), after);
    // One that breaks off changes nothing, and neither does one that shrinks.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(change(&update().await, "redhat"), Change::Failed(_)));
    assert_eq!(found(), after);
    let many: Vec<String> = (0..40).map(|n| format!("CVE-2024-{}", 2000 + n)).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|cve| (cve.as_str(), 1)).collect();
    write(&many);
    assert_eq!(change(&update().await, "redhat"), &Change::Whole { records: 40, unreadable: 0 });
    write(&four);
    assert!(
        matches!(change(&update().await, "redhat"), Change::Failed(reason) if reason.contains("36 of 40"))
    );
    assert_eq!(found().len(), 40);
}

/// Keys of `openssl genpkey -algorithm ed25519`, made for this test.
pub(crate) const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBLGWcpWY8jpkQNao4b3SB3Ccl0fC/OGYkilOUU+cnmZ\n-----END PRIVATE KEY-----\n";
pub(crate) const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAfPWyDzScf0kzgrDnNhgIRzzUluFAJSA+lH5XSSv0KLc=\n-----END PUBLIC KEY-----\n";

#[tokio::test]
async fn a_database_is_carried_to_a_machine_without_a_network() {
    let here = Database::of(&Feed::sample()).await;
    let there = Database::new(&Feed::new());
    let file = here.folder.path().join("advisories.plimsoll");
    let generation = here.feeds().export(&file, None).unwrap();
    let imported = there.feeds().import(&file, None, false).unwrap();
    assert_eq!((imported.generation, imported.advisories, imported.was_there), (generation, 3, false));
    assert_eq!(known(&there), ["CVE-2019-14697"]);
    let status = there.feeds().status().unwrap().unwrap();
    assert!(status.checked_at.is_some() && status.ecosystems[0].checked_at.is_some());
    assert!(there.feeds().import(&file, None, false).unwrap().was_there);

    // Signed: only by this key, and only whole.
    assert_eq!(there.feeds().import(&file, Some(PUBLIC), true).unwrap_err().kind(), ErrorKind::Damaged);
    here.feeds().export(&file, Some(PRIVATE)).unwrap();
    assert!(there.feeds().import(&file, Some(PUBLIC), true).unwrap().is_signed);
    let bytes = std::fs::read(&file).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut turned = bytes.clone();
        turned[at] ^= 0x20;
        std::fs::write(&file, &turned).unwrap();
        let refused = there.feeds().import(&file, Some(PUBLIC), true);
        // A byte of gzip's own header, its time or system, says nothing of what is packed.
        assert!(refused.is_err() || turned[at] != bytes[at] && at < 2_000, "byte {at}");
        std::fs::write(&file, &bytes[..at]).unwrap();
        assert!(there.feeds().import(&file, None, true).is_err(), "cut at {at}");
    }
    assert_eq!(known(&there), ["CVE-2019-14697"]);
}

#[tokio::test]
async fn an_older_database_is_taken_only_by_force() {
    let here = Database::of(&Feed::sample()).await;
    let file = here.folder.path().join("old");
    let old = here.feeds().export(&file, None).unwrap();
    here.publish(&later());
    let new = here.update().await.generation;
    assert!(new > old);
    let error = here.feeds().import(&file, None, false).unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("--force"), "{error}");
    assert_eq!(known(&here), ["CVE-2024-2"]);
    let forced = here.feeds().import(&file, None, true).unwrap();
    assert!(forced.generation > new, "what was matched before is matched anew");
    assert_eq!(known(&here), ["CVE-2019-14697"]);
}

/// A clock that goes back neither stops updates nor brings back what was withdrawn.
#[tokio::test]
async fn a_clock_that_goes_back_is_survived() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let database = Database::new(&Feed::sample());
    let now = Arc::new(AtomicI64::new(1_800_000_000_000));
    let clock = Arc::clone(&now);
    let location = FeedLocation::Folder(database.folder.path().join("feed"));
    let clock = Arc::new(move || plimsoll_types::Timestamp(clock.load(Ordering::SeqCst)));
    let feeds = plimsoll_scan::Feeds::new(&database.advisories(), location, clock);
    let first = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    now.store(1_600_000_000_000, Ordering::SeqCst);
    assert_eq!(feeds.age_ms(), None, "nobody can tell, so that it is asked again");
    database.publish(&later());
    let second = feeds.update(&UpdateOptions::default(), &quiet()).await.unwrap();
    assert!(second.generation > first.generation);
    assert_eq!(known(&database), ["CVE-2024-2"]);
    let created = database.handle().load().unwrap().database().created_at();
    assert_eq!(created.0, 1_800_000_000_000);
}

/// Broken data of every kind: each is told, and yesterday's data are still in use.
#[tokio::test]
async fn whatever_a_feed_sends_yesterday_s_data_stay_in_use() {
    let database = Database::of(&Feed::sample()).await;
    let newer = Feed::sample().advisory(3, "ALPINE-CVE-2024-9", "Alpine:v3.4", "musl", "1.1.14-r18");
    let alpine = database.folder.path().join("feed/Alpine");
    let record = |body: String| {
        newer.write(&database.folder.path().join("feed"), true);
        std::fs::write(alpine.join("ALPINE-CVE-2024-9.json"), body).unwrap();
    };
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let long = "9".repeat(1 << 20);
    let version = format!(
        r#"{{"id":"ALPINE-CVE-2024-9","modified":"2024-01-03T00:00:00Z","affected":[{{"package":{{"ecosystem":"Alpine:v3.4","name":"zlib"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{long}"}}]}}]}}]}}"#
    );
    for body in [deep, "{\"id\":7}".to_owned(), String::new(), "PK".to_owned(), version] {
        record(body);
        database.update().await;
        assert_eq!(known(&database), ["CVE-2019-14697"]);
    }
    // Two gigabytes of one advisory: the file is sparse, and it is never read as a whole.
    let newest = newer.advisory(4, "ALPINE-CVE-2024-9", "Alpine:v3.4", "musl", "1.1.14-r18");
    newest.write(&database.folder.path().join("feed"), true);
    let huge = std::fs::File::create(alpine.join("ALPINE-CVE-2024-9.json")).unwrap();
    huge.set_len(2 << 30).unwrap();
    let updated = database.update().await;
    assert!(
        matches!(change(&updated, "Alpine"), Change::Failed(reason) if reason.contains("more than")),
        "{updated:?}"
    );
    assert_eq!(known(&database), ["CVE-2019-14697"]);
}

/// A real feed, an image that holds every package of which it speaks, and a later state of the feed: of the package versions
/// in the store only those are matched again whose names the difference has.
#[tokio::test(flavor = "multi_thread")]
async fn a_delta_costs_matching_of_the_packages_that_it_names_and_of_no_others() {
    use std::collections::BTreeSet;
    let (Some(before), Some(after)) =
        (plimsoll_testkit::shared::find("feeds/osv"), plimsoll_testkit::shared::find("feeds/osv-delta"))
    else {
        return;
    };
    let options = UpdateOptions { ecosystems: vec!["Alpine".into()], ..UpdateOptions::default() };
    let database = Database::new(&Feed::new());
    database.feeds_from(FeedLocation::Folder(before.clone())).update(&options, &quiet()).await.unwrap();
    let old = database.handle().load().unwrap();

    let mut names = BTreeSet::new();
    let archive = std::fs::File::open(before.join("Alpine/all.zip")).unwrap();
    plimsoll_advisory::feed::read_archive(std::io::BufReader::new(archive), |record| {
        let packages = record.affected.into_iter().filter_map(|affected| affected.package);
        names.extend(packages.map(|package| package.name));
    })
    .unwrap();
    let packages: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1.0-r0")).collect();
    let image = plimsoll_testkit::image::Image::of(
        &[plimsoll_testkit::image::Layer::new().alpine("3.10.9", &packages).tar()],
        plimsoll_testkit::image::Packing::Gzip,
    );
    let house = crate::worker::House::new(database).await;
    house.push(&image).await;
    house.verdict(&image).await;

    house.database.feeds_from(FeedLocation::Folder(after)).update(&options, &quiet()).await.unwrap();
    house.handle.refresh().unwrap();
    let new = house.handle.load().unwrap();
    for _ in 0..2_400 {
        if house.store.matched_generation().await.unwrap() == new.generation() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let untouched = house
        .store
        .packages_to_rematch(new.generation(), None, plimsoll_store::PackageId(0), 10_000)
        .await
        .unwrap();
    let untouched: BTreeSet<String> =
        untouched.into_iter().map(|stored| stored.package.package.name).collect();
    let named: BTreeSet<String> =
        new.database().changed_names(old.database()).into_iter().map(|(_, name)| name).collect();
    let expected: BTreeSet<String> = names.difference(&named).cloned().collect();
    eprintln!("{} package versions, {} matched again", names.len(), names.len() - untouched.len());
    assert_eq!(untouched, expected);
    assert!(names.len() > 300 && untouched.len() > 150, "{} of {}", untouched.len(), names.len());
}
