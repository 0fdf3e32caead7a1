use plimsoll_types::Ecosystem;

use super::*;
use crate::{ErrorKind, matching};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A record of `name` that is fixed at `fixed`; `modified` is a day of January.
fn record(id: &str, modified: u32, ecosystem: &str, name: &str, fixed: &str) -> osv::Record {
    let json = format!(
        r#"{{"id":"{id}","modified":"2026-01-{modified:02}T00:00:00Z","aliases":["CVE-{id}"],"summary":"About {id}","details":"{}",
            "affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#,
        format!("{id} and more. ").repeat(30),
    );
    osv::parse(json.as_bytes()).unwrap()
}

struct Files {
    folder: tempfile::TempDir,
    count: std::cell::Cell<u32>,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), count: std::cell::Cell::new(0) }
    }

    fn write(&self, builder: Builder<'_>) -> Database {
        self.count.set(self.count.get() + 1);
        let path = self.folder.path().join(format!("{}.db", self.count.get()));
        let stats = builder.write(&path).unwrap();
        assert_eq!(stats.bytes, std::fs::metadata(&path).unwrap().len());
        Database::open(&path).unwrap()
    }
}

fn fresh(records: &[(&str, osv::Record)]) -> Builder<'static> {
    let mut builder = Builder::new(NOW);
    for (feed, record) in records {
        builder.add(feed, record).unwrap();
    }
    builder
}

fn fix(database: &Database, ecosystem: &str, name: &str) -> Option<String> {
    let found = matching::find_version(database, &ecosystem.parse().unwrap(), name, "1.0");
    found.into_iter().next().and_then(|found| found.fixed_version)
}

#[test]
fn what_was_written_is_read() {
    let files = Files::new();
    let mut builder = fresh(&[
        ("PyPI", record("P-1", 1, "PyPI", "a", "2.0")),
        ("PyPI", record("P-2", 5, "PyPI", "b", "3.0")),
        ("Alpine", record("A-1", 3, "Alpine:v3.10", "a", "4.0-r0")),
    ]);
    builder.fetched("PyPI", NOW);
    let database = files.write(builder);
    assert_eq!((database.generation(), database.created_at(), database.advisories()), (1, NOW, 3));
    assert_eq!(fix(&database, "PyPI", "a").as_deref(), Some("2.0"));
    assert_eq!(fix(&database, "Alpine:v3.10", "a").as_deref(), Some("4.0-r0"));
    let advisory = database.advisory("P-2").unwrap();
    assert_eq!(
        (advisory.summary.as_str(), &advisory.aliases[..]),
        ("About P-2", &["CVE-P-2".to_owned()][..])
    );
    assert_eq!(
        (advisory.modified.to_string(), advisory.withdrawn),
        ("2026-01-05T00:00:00Z".to_owned(), None)
    );
    assert_eq!(database.advisory("P-3"), None);
    let ids: Vec<_> = database.ids("PyPI").map(|(id, _)| id).collect();
    assert_eq!((ids, database.ids("Go").count()), (vec!["P-1", "P-2"], 0));
    let status = database.ecosystems();
    assert_eq!(
        status.iter().map(|s| (s.name.as_str(), s.advisories, s.packages)).collect::<Vec<_>>(),
        [("Alpine", 1, 1), ("PyPI", 2, 2)]
    );
    assert_eq!(
        (&status[0].releases[..], status[0].fetched_at),
        (&["v3.10".to_owned()][..], Some(Timestamp(0)))
    );
    assert_eq!(
        (status[1].newest.to_string(), status[1].fetched_at),
        ("2026-01-05T00:00:00Z".to_owned(), Some(NOW))
    );
}

#[test]
fn what_is_known_is_known_by_release() {
    let files = Files::new();
    let database = files.write(fresh(&[
        ("Alpine", record("A-1", 1, "Alpine:v3.10", "a", "2")),
        ("PyPI", record("P-1", 1, "PyPI", "a", "2")),
        ("Ubuntu", record("U-1", 1, "Ubuntu:22.04:LTS", "a", "2")),
    ]));
    let knows = |ecosystem: &str| database.knows(&ecosystem.parse().unwrap());
    assert!(knows("Alpine:v3.10") && knows("PyPI") && knows("Ubuntu:22.04"));
    assert!(!knows("Alpine:v3.20") && !knows("Alpine") && !knows("npm") && !knows("Ubuntu:Pro:22.04:LTS"));
}

#[test]
fn an_empty_database_is_one() {
    let database = Files::new().write(Builder::new(NOW));
    assert_eq!((database.advisories(), database.ecosystems().len()), (0, 0));
    assert_eq!(fix(&database, "PyPI", "a"), None);
}

#[test]
fn an_update_equals_a_fresh_build() {
    let files = Files::new();
    let many = |days: u32| {
        (0..200).map(move |n| {
            ("PyPI", record(&format!("P-{n:03}"), days, "PyPI", &format!("p{}", n % 50), "2.0"))
        })
    };
    let mut first: Vec<_> = many(1).collect();
    first.push(("Go", record("Z-1", 1, "Go", "m", "2.0")));
    let base = files.write(fresh(&first));

    let mut builder = Builder::from_base(&base, NOW);
    let mut later = first.clone();
    for n in [3, 50, 199] {
        let changed = record(&format!("P-{n:03}"), 9, "PyPI", &format!("p{}", (n + 1) % 50), "3.0");
        builder.add("PyPI", &changed).unwrap();
        later[n] = ("PyPI", changed);
    }
    for n in [0, 1, 2, 100] {
        assert!(builder.remove("PyPI", &format!("P-{n:03}")));
    }
    assert!(!builder.remove("PyPI", "P-777") && !builder.remove("Alpine", "P-010"));
    later.retain(|(_, record)| !["P-000", "P-001", "P-002", "P-100"].contains(&record.id.as_str()));
    let added = ("Alpine", record("A-1", 9, "Alpine:v3.10", "x", "2.0-r0"));
    builder.add(added.0, &added.1).unwrap();
    later.push(added);
    let updated = files.write(builder);
    let wanted = files.write(fresh(&later));

    assert_eq!(updated.generation(), 2);
    assert_eq!(updated.changed_names(&wanted), []);
    for (feed, record) in &later {
        assert_eq!(updated.advisory(&record.id), wanted.advisory(&record.id));
        assert_eq!(updated.ids(feed).collect::<Vec<_>>(), wanted.ids(feed).collect::<Vec<_>>());
    }
    for n in 0..50 {
        let find =
            |database| matching::find_version(database, &Ecosystem::of("PyPI"), &format!("p{n}"), "1.0");
        assert_eq!(find(&updated), find(&wanted));
    }
    let names = |n: u32| ("PyPI".to_owned(), format!("p{n}"));
    let mut expected: Vec<_> = [0, 1, 2, 3, 4, 49].map(names).into();
    expected.push(("Alpine".to_owned(), "x".to_owned()));
    expected.sort();
    assert_eq!(updated.changed_names(&base), expected);
}

/// A record with a text of so many kilobytes, which is no other's.
fn wordy(number: u64, kilobytes: usize) -> osv::Record {
    let mut record = record(&format!("P-{number:04}"), 1, "PyPI", &format!("p{number}"), "2.0");
    let mut seed = number;
    record.details = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!(
            "a flaw of kind {} in the part that reads {} lets others in. ",
            seed >> 54,
            (seed >> 33) % 997
        )
    })
    .take(kilobytes * 16)
    .collect();
    record
}

#[test]
fn many_texts_are_packed_with_a_dictionary_that_grows_with_them() {
    let files = Files::new();
    let add = |builder: &mut Builder<'_>, numbers: std::ops::Range<u64>, kilobytes| {
        for number in numbers {
            builder.add("PyPI", &wordy(number, kilobytes)).unwrap();
        }
    };
    let check = |database: &Database, numbers: std::ops::Range<u64>, kilobytes| {
        for number in numbers.step_by(7) {
            let wanted = wordy(number, kilobytes);
            let read = database.advisory(&wanted.id).unwrap();
            assert_eq!((read.summary, read.details), (wanted.summary, wanted.details), "{}", wanted.id);
            let found =
                matching::find_version(database, &Ecosystem::of("PyPI"), &format!("p{number}"), "1.0");
            assert_eq!(found.len(), 1);
        }
    };
    let mut builder = Builder::new(NOW);
    add(&mut builder, 0..500, 1);
    let small = files.write(builder);
    assert!(small.dictionary_bytes().is_empty());
    check(&small, 0..500, 1);

    let mut builder = Builder::from_base(&small, NOW);
    add(&mut builder, 1_000..1_030, 100);
    let large = files.write(builder);
    assert!(!large.dictionary_bytes().is_empty());
    check(&large, 0..500, 1);
    check(&large, 1_000..1_030, 100);

    // What is kept as it is, what is packed anew and what is new: all with the one dictionary.
    let mut builder = Builder::from_base(&large, NOW);
    for number in 100..200 {
        assert!(builder.remove("PyPI", &format!("P-{number:04}")));
    }
    add(&mut builder, 500..600, 1);
    let updated = files.write(builder);
    assert_eq!(updated.dictionary_bytes(), large.dictionary_bytes());
    check(&updated, 0..100, 1);
    check(&updated, 200..600, 1);
    check(&updated, 1_000..1_030, 100);

    let mut builder = Builder::from_base(&updated, NOW);
    add(&mut builder, 2_000..2_120, 100);
    let grown = files.write(builder);
    assert_ne!(grown.dictionary_bytes(), large.dictionary_bytes());
    check(&grown, 200..600, 1);
    check(&grown, 2_000..2_120, 100);
}

#[test]
fn what_lies_above_all_that_is_affected_is_not_looked_at_and_nothing_else() {
    let files = Files::new();
    let mut open = record("P-2", 1, "PyPI", "open", "3.0");
    open.affected[0].ranges[0].events.truncate(1);
    let mut listed = record("P-4", 1, "PyPI", "listed", "3.0");
    // What is no version has an order of its own.
    listed.affected[0].versions = vec!["not.a-version".to_owned()];
    let database = files.write(fresh(&[
        ("PyPI", record("P-1", 1, "PyPI", "a", "2.0")),
        ("PyPI", record("P-3", 1, "PyPI", "a", "3.0")),
        ("PyPI", record("P-5", 1, "PyPI", "open", "2.0")),
        ("PyPI", open),
        ("PyPI", listed),
        ("Debian", record("D-1", 1, "Debian:11", "a", "2.0")),
        ("Debian", record("D-2", 1, "Debian:12", "a", "9.0")),
        ("Debian", record("D-3", 1, "Debian", "a", "3.0")),
    ]));
    let ask = |ecosystem: &str, name: &str, version: &str| {
        matching::affecting(&database, &ecosystem.parse().unwrap(), name, version).join(" ")
    };
    assert_eq!(ask("PyPI", "a", "1.0"), "P-1 P-3");
    assert_eq!((ask("PyPI", "a", "2.0"), ask("PyPI", "a", "3.0")), ("P-3".to_owned(), String::new()));
    // A build of 3.0 is 3.0, and one of a candidate is before it.
    assert_eq!(
        (ask("PyPI", "a", "3.0+cu1"), ask("PyPI", "a", "3.0rc1+cu1")),
        (String::new(), "P-3".to_owned())
    );
    assert_eq!(ask("PyPI", "open", "9.0"), "P-2");
    assert_eq!(
        (ask("PyPI", "listed", "9.0"), ask("PyPI", "listed", "Not.a-version")),
        (String::new(), "P-4".to_owned())
    );
    assert_eq!(
        (ask("Debian:11", "a", "2.5"), ask("Debian:11", "a", "3.0")),
        ("D-3".to_owned(), String::new())
    );
    assert_eq!(ask("Debian:12", "a", "3.0"), "D-2");
}

#[test]
fn an_advisory_of_two_feeds_goes_when_both_have_dropped_it() {
    let files = Files::new();
    let both = record("G-1", 5, "npm", "a", "2.0.0");
    let mut builder = fresh(&[("npm", both.clone()), ("Go", both)]);
    builder.add("Go", &record("G-1", 1, "npm", "a", "1.5.0")).unwrap();
    let base = files.write(builder);
    assert_eq!(fix(&base, "npm", "a").as_deref(), Some("2.0.0"), "the older state does not come back");
    assert_eq!(base.advisory("G-1").unwrap().modified.to_string(), "2026-01-05T00:00:00Z");
    let mut builder = Builder::from_base(&base, NOW);
    assert!(builder.remove("npm", "G-1"));
    assert_eq!(builder.len(), 1);
    builder.clear("Go");
    assert!(builder.is_empty());
}

#[test]
fn a_withdrawal_that_takes_effect_is_a_change() {
    let files = Files::new();
    let json = r#"{"id":"X-1","withdrawn":"2030-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"a"},"versions":["1.0"]}]}"#;
    let base = files.write(fresh(&[("PyPI", osv::parse(json.as_bytes()).unwrap())]));
    let before = files.write(Builder::from_base(&base, NOW));
    let after = files.write(Builder::from_base(&base, "2030-01-02T00:00:00Z".parse().unwrap()));
    let find = |database| matching::find_version(database, &Ecosystem::of("PyPI"), "a", "1.0").len();
    assert_eq!((find(&base), find(&before), find(&after)), (1, 1, 0));
    assert_eq!((before.changed_names(&base).len(), after.changed_names(&base).len()), (0, 1));
}

#[test]
fn another_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let kind = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Database::open(&path).unwrap_err().kind()
    };
    assert_eq!(Database::open(&path).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(kind(b"short"), ErrorKind::Damaged);
    assert_eq!(kind(&[7; 4_096]), ErrorKind::Damaged);
    fresh(&[("PyPI", record("P-1", 1, "PyPI", "a", "2.0"))]).write(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let with = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert_eq!(kind(&with(8)), ErrorKind::Outdated);
    assert_eq!(kind(&with(24)), ErrorKind::Damaged);
    assert_eq!(kind(&with(format::HEADER_BYTES + 3)), ErrorKind::Damaged);
    assert_eq!(kind(&good[..good.len() - 8]), ErrorKind::Damaged);
    assert_eq!(kind(&[&good[..], &[0; 8]].concat()), ErrorKind::Damaged);
}

/// Asks everything there is to ask; what comes out does not matter, that something does is the test.
fn ask_everything(database: &Database) {
    for n in 0..4 {
        let found = matching::find_version(database, &Ecosystem::of("PyPI"), &format!("p{n}"), "1.0");
        assert!(found.iter().all(|found| found.references.len() <= 20));
    }
    let ids: Vec<String> = database.ids("PyPI").map(|(id, _)| id.to_owned()).collect();
    for id in ids.iter().map(String::as_str).chain(["P-0", "P-1", "P-2"]) {
        let _ = database.advisory(id);
    }
    let _ = (database.ecosystems(), database.knows(&Ecosystem::of("PyPI")), database.changed_names(database));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.db");
    if Builder::from_base(database, NOW).write(&path).is_ok() {
        let _ = Database::open(&path);
    }
}

/// Writes a valid checksum over damaged bytes, so that the damage gets past the first check.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let place = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..56]);
    hasher.update(&bytes[88..format::HEADER_BYTES]);
    for section in 0..SectionId::Texts as usize {
        let start = place(96 + section * 16);
        let end = start.saturating_add(place(96 + section * 16 + 8));
        hasher.update(bytes.get(start..end).unwrap_or_default());
    }
    let digest = hasher.finalize();
    bytes[56..88].copy_from_slice(&digest);
    bytes
}

#[test]
fn a_damaged_or_hostile_file_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let records: Vec<_> =
        (0..4).map(|n| ("PyPI", record(&format!("P-{n}"), 1, "PyPI", &format!("p{n}"), "2.0"))).collect();
    fresh(&records).write(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut opened = 0;
    let mut attempt = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        if let Ok(database) = Database::open(&path) {
            opened += 1;
            ask_everything(&database);
        }
    };
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] = if at % 2 == 0 { good[at] ^ 1 } else { 0xff };
        attempt(resealed(bytes));
    }
    for length in (0..good.len()).step_by(7) {
        attempt(good[..length].to_vec());
    }
    assert!(opened > good.len() / 2, "the damage must get past the first check: {opened}");
}
