//! Against real advisories, where the shared data is at hand: `PLIMSOLL_SHARED`, or `shared` beside the workspace.

#![allow(clippy::unwrap_used)]

mod exact;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_advisory::feed::{self, Archive};
use plimsoll_advisory::osv::{self, Record};
use plimsoll_advisory::{Builder, Database, matching};
use plimsoll_types::{Ecosystem, Severity, Timestamp};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn feeds() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("PLIMSOLL_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let feeds = shared.join("feeds");
    if !feeds.is_dir() {
        eprintln!("skipped: no shared feeds here; set PLIMSOLL_SHARED to the folder that has them");
        return None;
    }
    Some(feeds)
}

fn each_record(bucket: &Path, ecosystem: &str, each: impl FnMut(Record)) -> Archive {
    let file = File::open(bucket.join(ecosystem).join("all.zip")).unwrap();
    feed::read_archive(BufReader::new(file), each).unwrap()
}

fn import(builder: &mut Builder<'_>, bucket: &Path, ecosystem: &str) -> Archive {
    let read = each_record(bucket, ecosystem, |record| builder.add(ecosystem, &record).unwrap());
    builder.fetched(ecosystem, NOW);
    read
}

fn write(builder: Builder<'_>, path: &Path) -> Database {
    builder.write(path).unwrap();
    Database::open(path).unwrap()
}

/// All feeds in one database, built once for all tests.
fn everything(feeds: &Path) -> &'static (Database, BTreeMap<String, Archive>) {
    static EVERYTHING: OnceLock<(Database, BTreeMap<String, Archive>)> = OnceLock::new();
    EVERYTHING.get_or_init(|| {
        let bucket = feeds.join("osv");
        let list = BufReader::new(File::open(bucket.join("ecosystems.txt")).unwrap());
        let mut builder = Builder::new(NOW);
        let read = feed::read_ecosystems(list).unwrap().into_iter().map(|ecosystem| {
            let read = import(&mut builder, &bucket, &ecosystem);
            (ecosystem, read)
        });
        let read = read.collect();
        let folder = tempfile::tempdir().unwrap();
        (write(builder, &folder.path().join("all.db")), read)
    })
}

/// The counts are those of the data's own README.
#[test]
fn every_real_record_is_read() {
    let Some(feeds) = feeds() else { return };
    let (database, read) = everything(&feeds);
    let expected = [
        ("AlmaLinux", 5637, 6506),
        ("Alpine", 2383, 317),
        ("Bitnami", 7444, 177),
        ("Debian", 8911, 2108),
        ("Go", 4156, 1350),
        ("Packagist", 1592, 350),
        ("PyPI", 2654, 661),
        ("RubyGems", 1232, 464),
        ("Wolfi", 16653, 1228),
        ("crates.io", 1206, 908),
    ];
    for (ecosystem, advisories, packages) in expected {
        assert_eq!(
            read[ecosystem],
            Archive { records: advisories, unreadable: 0, dropped: 0 },
            "{ecosystem}"
        );
        assert_eq!(database.ids(ecosystem).count() as u64, advisories, "{ecosystem}");
        let status = database.ecosystems().into_iter().find(|status| status.name == ecosystem).unwrap();
        assert_eq!((status.advisories, status.packages), (advisories, packages), "{ecosystem}");
        assert_eq!(status.unevaluated_ranges, 0, "{ecosystem}");
    }
    assert_eq!(database.advisories(), 51_868);
    let knows = |ecosystem: &str| database.knows(&ecosystem.parse().unwrap());
    assert!(knows("Alpine:v3.10") && knows("AlmaLinux:9") && knows("Debian:3.1") && knows("Wolfi"));
    assert!(!knows("Alpine:v3.20") && !knows("Debian:12") && !knows("Ubuntu:22.04") && !knows("npm"));
}

/// The packages of the image `alpine` 3.4.6, judged by reading the records.
#[test]
fn the_packages_of_a_real_image_have_their_vulnerabilities() {
    let Some(feeds) = feeds() else { return };
    let (database, _) = everything(&feeds);
    let release: Ecosystem = "Alpine:v3.4".parse().unwrap();
    let found = |name: &str, version: &str| -> Vec<String> {
        let found = matching::find_version(database, &release, name, version);
        found
            .into_iter()
            .map(|m| format!("{} {}", m.vulnerability, m.fixed_version.unwrap_or_default()))
            .collect()
    };
    let openssl = [
        "CVE-2018-0732 1.0.2o-r1",
        "CVE-2018-0733 1.0.2o-r0",
        "CVE-2018-0734 1.0.2q-r0",
        "CVE-2018-0737 1.0.2o-r2",
        "CVE-2018-0739 1.0.2o-r0",
        "CVE-2018-5407 1.0.2q-r0",
    ];
    assert_eq!(found("openssl", "1.0.2n-r0"), openssl);
    for (name, version) in [
        ("musl", "1.1.14-r16"),
        ("busybox", "1.24.2-r14"),
        ("zlib", "1.2.11-r0"),
        ("apk-tools", "2.6.10-r0"),
        ("libc-dev", "0.7-r0"),
    ] {
        assert_eq!(found(name, version), [""; 0], "{name}");
    }
    assert_eq!(found("musl", "1.1.14-r15"), ["CVE-2017-15650 1.1.14-r16"]);
    assert_eq!(found("busybox", "1.24.2-r11").len(), 3);
}

#[test]
fn real_severities_are_understood() {
    let Some(feeds) = feeds() else { return };
    let (database, _) = everything(&feeds);
    let mut unread = Vec::new();
    for ecosystem in ["Bitnami", "PyPI", "crates.io"] {
        each_record(&feeds.join("osv"), ecosystem, |record| {
            let ratings =
                record.severity.iter().chain(record.affected.iter().flat_map(|item| &item.severity));
            for rating in ratings.filter(|rating| plimsoll_advisory::severity::score(&rating.score).is_none())
            {
                unread.push(format!("{} {}", record.id, rating.score));
            }
        });
    }
    assert_eq!(unread, [""; 0]);
    let podman = matching::find_version(database, &"AlmaLinux:9".parse().unwrap(), "podman", "2:4.9.3-1.el9");
    let alma = podman.iter().find(|found| found.vulnerability == "ALSA-2024:2193").unwrap();
    assert_eq!((alma.severity, alma.fixed_version.as_deref()), (Severity::Medium, Some("2:4.9.4-0.1.el9")));
}

/// After an update the data equals a fresh import of the later state, record by record and match by match.
#[test]
fn an_update_from_real_deltas_equals_a_fresh_import() {
    let Some(feeds) = feeds() else { return };
    let (before, after) = (feeds.join("osv"), feeds.join("osv-delta"));
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut fresh) = (Builder::new(NOW), Builder::new(NOW));
    for ecosystem in ["Alpine", "Go"] {
        import(&mut first, &before, ecosystem);
        import(&mut fresh, &after, ecosystem);
    }
    let base = write(first, &folder.path().join("1.db"));
    let fresh = write(fresh, &folder.path().join("fresh.db"));

    let mut builder = Builder::from_base(&base, NOW);
    for (ecosystem, changed) in [("Alpine", 150), ("Go", 164)] {
        let list = BufReader::new(File::open(after.join(ecosystem).join("modified_id.csv")).unwrap());
        let changes = feed::changes(&base, ecosystem, &feed::read_modified(list).unwrap());
        assert_eq!((changes.fetch.len(), changes.remove.len()), (changed, 0), "{ecosystem}");
        for id in changes.fetch {
            let bytes = fs::read(after.join(ecosystem).join(format!("{id}.json"))).unwrap();
            builder.add(ecosystem, &osv::parse(&bytes).unwrap()).unwrap();
        }
    }
    let updated = write(builder, &folder.path().join("2.db"));

    assert_eq!((updated.advisories(), updated.generation()), (2_432 + 4_291, 2));
    assert_eq!(updated.changed_names(&fresh), []);
    for ecosystem in ["Alpine", "Go"] {
        assert!(updated.ids(ecosystem).eq(fresh.ids(ecosystem)));
        for (id, _) in fresh.ids(ecosystem) {
            assert_eq!(updated.advisory(id), fresh.advisory(id));
        }
    }
    let touched = updated.changed_names(&base);
    assert!(touched.len() > 100 && touched.len() < 400, "{}", touched.len());
    assert_eq!(touched, fresh.changed_names(&base));
    let versions = ["v0.1.0", "1.0.2n-r0", "3.0.1-r4"];
    for (name, package) in &touched {
        let releases = ["", ":v3.4", ":v3.11"];
        for (release, version) in releases.iter().flat_map(|r| versions.iter().map(move |v| (r, v))) {
            let ecosystem = format!("{name}{release}").parse().unwrap();
            let find = |database| matching::find_version(database, &ecosystem, package, version);
            assert_eq!(find(&updated), find(&fresh), "{ecosystem} {package} {version}");
        }
    }
}
