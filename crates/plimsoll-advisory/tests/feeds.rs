//! Against real advisories, where the shared data is at hand: `PLIMSOLL_SHARED`, or `shared` beside the workspace.

#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_advisory::feed::{self, Archive};
use plimsoll_advisory::osv::{self, Affected, Event, Range, Record};
use plimsoll_advisory::{Builder, Database, matching};
use plimsoll_types::{Ecosystem, Severity, Timestamp};
use plimsoll_version::Scheme;

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
        let order_is_known = Scheme::of_ecosystem(ecosystem).is_some() || ecosystem == "Bitnami";
        assert_eq!(status.unevaluated_ranges == 0, order_is_known, "{ecosystem}");
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

/// Every seventh record, at each version that it names: what the database says is what the evaluation of the OSV schema
/// says of the record alone.
#[test]
fn matching_agrees_with_the_schema_s_evaluation_of_each_record() {
    let Some(feeds) = feeds() else { return };
    let (database, read) = everything(&feeds);
    let (mut count, mut asked, mut affected_count) = (0, 0, 0);
    for ecosystem in read.keys() {
        each_record(&feeds.join("osv"), ecosystem, |record| {
            count += 1;
            if count % 7 != 0 || record.withdrawn.is_some() {
                return;
            }
            for affected in record.affected.iter().take(10) {
                let package = affected.package.as_ref().unwrap();
                let ecosystem: Ecosystem = package.ecosystem.parse().unwrap();
                for version in versions_of(affected) {
                    let items = record.affected.iter().filter(|a| a.package == affected.package);
                    let Some(expected) = items
                        .map(|a| reference(a, &ecosystem, &version))
                        .try_fold(false, |any, one| Some(any | one?))
                    else {
                        continue;
                    };
                    let ids = matching::affecting(database, &ecosystem, &package.name, &version);
                    let found = ids.contains(&record.id.as_str());
                    assert_eq!(found, expected, "{} {} {version}", record.id, package.name);
                    (asked, affected_count) = (asked + 1, affected_count + u32::from(found));
                }
            }
        });
    }
    assert!(asked > 20_000 && affected_count > 5_000, "{asked} asked, {affected_count} affected");
}

fn version_at(event: &Event) -> Option<&str> {
    event.introduced.as_deref().or(event.fixed.as_deref()).or(event.last_affected.as_deref())
}

fn versions_of(affected: &Affected) -> Vec<String> {
    let events = affected.ranges.iter().filter(|r| r.kind != "GIT").flat_map(|range| &range.events);
    let listed = affected.versions.iter().map(String::as_str).step_by(5);
    events.filter_map(version_at).chain(listed).map(str::to_owned).collect()
}

/// The pseudo-code of the schema. `None` where it does not say, or where a build of Bitnami is meant.
fn reference(affected: &Affected, ecosystem: &Ecosystem, version: &str) -> Option<bool> {
    let own = Scheme::of_ecosystem(ecosystem.name());
    if ecosystem.name() == "Bitnami" && version.contains('-') {
        return None;
    }
    let is_same = |listed: &String| match own {
        Some(scheme) => scheme.compare(listed, version).is_eq(),
        None => listed.trim_start_matches('v') == version.trim_start_matches('v'),
    };
    let mut any = affected.versions.iter().any(is_same);
    for range in &affected.ranges {
        let scheme = match range.kind.as_str() {
            "SEMVER" if own == Some(Scheme::Go) => own,
            "SEMVER" => Some(Scheme::Semver),
            "ECOSYSTEM" => own,
            _ => None,
        };
        if let Some(scheme) = scheme {
            any |= walk(range, scheme, version)?;
        }
    }
    Some(any)
}

fn walk(range: &Range, scheme: Scheme, version: &str) -> Option<bool> {
    let compare = |a: &str, b: &str| match (a, b) {
        ("0", "0") => Ordering::Equal,
        ("0", _) => Ordering::Less,
        (_, "0") => Ordering::Greater,
        _ => scheme.compare(a, b),
    };
    let mut events: Vec<(&str, &Event)> =
        range.events.iter().filter_map(|e| Some((version_at(e)?, e))).collect();
    events.sort_by(|a, b| compare(a.0, b.0));
    // Two events at one version: the schema does not say which is first. The crate's own tests have these.
    if events.windows(2).any(|pair| pair[0].0 != "0" && compare(pair[0].0, pair[1].0).is_eq()) {
        return None;
    }
    let mut vulnerable = false;
    for (at, event) in events {
        let order = if at == "0" { Ordering::Greater } else { scheme.compare(version, at) };
        if event.introduced.is_some() && order.is_ge() {
            vulnerable = true;
        } else if event.fixed.is_some() && order.is_ge() || event.last_affected.is_some() && order.is_gt() {
            vulnerable = false;
        }
    }
    Some(vulnerable)
}
