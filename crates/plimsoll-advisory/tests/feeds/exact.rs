//! Every record of every ecosystem, judged a second time.
//!
//! Here the evaluation of the OSV schema ("Evaluation") is written down once more, as plainly as the schema has it: over the
//! JSON itself, walking events for each version, without intervals and without anything of the crate. For each package all
//! of its records are asked at every version that one of them names, and at versions made of it that lie beside it (of the
//! largest packages at every so many of these); what the crate finds must be the same set of advisories.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use plimsoll_advisory::{Database, matching};
use plimsoll_types::Ecosystem;
use plimsoll_version::{Scheme, VersionKey};
use serde_json::Value;

/// Pairs of version and record of one package beyond which not every version is asked: the largest would take all the time.
const MANY_QUESTIONS: usize = 6_000;

#[test]
fn every_record_says_of_every_version_what_the_schema_says() {
    let Some(feeds) = super::feeds() else { return };
    let (database, read) = super::everything(&feeds);
    let mut counted = BTreeMap::new();
    for ecosystem in read.keys() {
        let mut count = Count::default();
        for ((ecosystem, name), records) in packages(&feeds.join("osv").join(ecosystem)) {
            ask(database, &ecosystem.parse().unwrap(), &name, &records, &mut count);
        }
        eprintln!("{ecosystem}: {count:?}");
        assert!(
            count.versions > 2_000 && count.affected > 2_000 && count.free > 200,
            "{ecosystem}: {count:?}"
        );
        counted.insert(ecosystem, count);
    }
    assert_eq!(counted.len(), 10);
}

#[derive(Debug, Default)]
struct Count {
    /// Package versions that were asked about.
    versions: usize,
    /// Advisories that affect one.
    affected: usize,
    /// Package versions that none affects.
    free: usize,
    /// Advisories that do not affect a version of their package.
    harmless: usize,
}

/// A record of a package: its id and its items of `affected` on it.
type Spoken = (String, Vec<Value>);

/// The records in force, by ecosystem with release and by name.
fn packages(folder: &Path) -> BTreeMap<(String, String), Vec<Spoken>> {
    let mut packages: BTreeMap<(String, String), Vec<Spoken>> = BTreeMap::new();
    let mut archive = zip::ZipArchive::new(File::open(folder.join("all.zip")).unwrap()).unwrap();
    for at in 0..archive.len() {
        let mut text = String::new();
        archive.by_index(at).unwrap().read_to_string(&mut text).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        // All withdrawals of the snapshot are of the past.
        if record.get("withdrawn").is_some() {
            continue;
        }
        let id = record["id"].as_str().unwrap();
        for item in record["affected"].as_array().into_iter().flatten() {
            let text = |key: &str| item["package"][key].as_str().unwrap().to_owned();
            let of_package = packages.entry((text("ecosystem"), text("name"))).or_default();
            match of_package.last_mut() {
                Some((known, items)) if known == id => items.push(item.clone()),
                _ => of_package.push((id.to_owned(), vec![item.clone()])),
            }
        }
    }
    packages
}

fn ask(database: &Database, ecosystem: &Ecosystem, name: &str, records: &[Spoken], count: &mut Count) {
    let rules: Vec<(&str, Rules)> =
        records.iter().map(|(id, items)| (id.as_str(), Rules::of(items, ecosystem.name()))).collect();
    let versions = versions(records, ecosystem.name());
    let step = (versions.len() * records.len()).div_ceil(MANY_QUESTIONS).max(1);
    for version in versions.iter().step_by(step) {
        let asked = Asked::new(version, ecosystem.name());
        let expected: BTreeSet<&str> =
            rules.iter().filter(|(_, rules)| rules.affect(&asked)).map(|(id, _)| *id).collect();
        let found: BTreeSet<&str> =
            matching::affecting(database, ecosystem, name, version).into_iter().collect();
        assert_eq!(found, expected, "{ecosystem} {name} {version}");
        if count.versions.is_multiple_of(16) {
            // Merging to matches loses no advisory and adds none.
            let merged = matching::find_version(database, ecosystem, name, version);
            let merged: BTreeSet<&str> =
                merged.iter().flat_map(|found| &found.advisories).map(String::as_str).collect();
            assert_eq!(merged, expected, "{ecosystem} {name} {version}");
        }
        count.versions += 1;
        count.affected += expected.len();
        count.harmless += rules.len() - expected.len();
        count.free += usize::from(expected.is_empty());
    }
}

/// A version with its keys in the order of its ecosystem and in that of semantic versioning.
struct Asked {
    /// A branch of Composer's lies in no range.
    is_branch: bool,
    listed: Listed,
    own: VersionKey,
    semver: VersionKey,
}

impl Asked {
    fn new(version: &str, ecosystem: &str) -> Self {
        let is_branch = ecosystem == "Packagist"
            && (version.starts_with("dev-") || ["master", "trunk", "default"].contains(&version));
        Self {
            is_branch,
            listed: Listed::of(version, ecosystem),
            own: own_order(ecosystem).key(version),
            semver: Scheme::Semver.key(version),
        }
    }
}

/// What makes two versions the same: their keys, or their texts where these are no versions.
#[derive(PartialEq)]
enum Listed {
    Version(VersionKey),
    Text(String),
}

impl Listed {
    fn of(version: &str, ecosystem: &str) -> Self {
        let key = own_order(ecosystem).key(version);
        let text = version.trim();
        match ecosystem {
            _ if !key.is_weak() => Self::Version(key),
            "PyPI" => Self::Text(text.to_lowercase()),
            "Packagist" if ["master", "trunk", "default"].contains(&text) => {
                Self::Text(format!("dev-{text}"))
            }
            "Packagist" => {
                let is_number = text.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
                Self::Text(text.strip_prefix(['v', 'V']).filter(|_| is_number).unwrap_or(text).to_owned())
            }
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// The order of `ECOSYSTEM` ranges and listed versions. Go's versions are semantic ones, with spellings of its own.
fn own_order(ecosystem: &str) -> Scheme {
    match ecosystem {
        "AlmaLinux" => Scheme::Rpm,
        "Alpine" | "Wolfi" => Scheme::Apk,
        "Debian" => Scheme::Dpkg,
        "PyPI" => Scheme::Pep440,
        "RubyGems" => Scheme::Gem,
        "Go" => Scheme::Go,
        "Packagist" => Scheme::Composer,
        "crates.io" | "Bitnami" => Scheme::Semver,
        other => panic!("{other} is not among the shared feeds"),
    }
}

/// What one record says of a package.
struct Rules {
    listed: Vec<Listed>,
    ranges: Vec<OneRange>,
}

struct OneRange {
    is_semver: bool,
    limits: Vec<VersionKey>,
    /// Sorted.
    events: Vec<(VersionKey, Kind)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Introduced,
    Fixed,
    LastAffected,
}

impl Rules {
    fn of(items: &[Value], ecosystem: &str) -> Self {
        let mut rules = Self { listed: Vec::new(), ranges: Vec::new() };
        for item in items {
            for version in item["versions"].as_array().into_iter().flatten() {
                rules.listed.push(Listed::of(version.as_str().unwrap(), ecosystem));
            }
            for range in item["ranges"].as_array().into_iter().flatten() {
                let is_semver = match range["type"].as_str().unwrap() {
                    "SEMVER" => true,
                    "ECOSYSTEM" => false,
                    "GIT" => continue,
                    other => panic!("{other} is no type of the schema"),
                };
                let order =
                    if is_semver && ecosystem != "Go" { Scheme::Semver } else { own_order(ecosystem) };
                let key = |version: &str| match version {
                    "0" => VersionKey::lowest(),
                    version => order.key(version),
                };
                let (mut events, mut limits) = (Vec::new(), Vec::new());
                for event in range["events"].as_array().unwrap() {
                    let (kind, version) = event.as_object().unwrap().iter().next().unwrap();
                    let version = key(version.as_str().unwrap());
                    match kind.as_str() {
                        "introduced" => events.push((version, Kind::Introduced)),
                        "fixed" => events.push((version, Kind::Fixed)),
                        "last_affected" => events.push((version, Kind::LastAffected)),
                        "limit" => limits.push(version),
                        other => panic!("{other} is no event of the schema"),
                    }
                }
                // Stable: events at one version stay in the order of the file.
                events.sort_by(|a, b| a.0.cmp(&b.0));
                rules.ranges.push(OneRange { is_semver, limits, events });
            }
        }
        rules
    }

    fn affect(&self, asked: &Asked) -> bool {
        let in_a_range = self.ranges.iter().any(|OneRange { is_semver, limits, events }| {
            let version = if *is_semver { &asked.semver } else { &asked.own };
            if asked.is_branch {
                let all = events.len() == 1 && events[0].0 == VersionKey::lowest();
                return all && limits.is_empty() && events[0].1 == Kind::Introduced;
            }
            let mut vulnerable = false;
            for (at, kind) in events {
                match kind {
                    Kind::Introduced if version >= at => vulnerable = true,
                    Kind::Fixed if version >= at => vulnerable = false,
                    Kind::LastAffected if version > at => vulnerable = false,
                    _ => {}
                }
            }
            vulnerable && (limits.is_empty() || limits.iter().any(|limit| version < limit))
        });
        in_a_range || self.listed.contains(&asked.listed)
    }
}

/// Every version that a record of the package names, and versions beside it.
fn versions(records: &[Spoken], ecosystem: &str) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    for item in records.iter().flat_map(|(_, items)| items) {
        let listed = item["versions"].as_array().into_iter().flatten().filter_map(Value::as_str);
        versions.extend(listed.map(str::to_owned));
        for range in item["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT") {
            let events = range["events"].as_array().unwrap().iter();
            let named =
                events.flat_map(|event| event.as_object().unwrap().values()).filter_map(Value::as_str);
            for version in named {
                versions.insert(version.to_owned());
                versions.extend(beside(version, ecosystem));
            }
        }
    }
    versions.retain(|version| !is_a_build(version, ecosystem));
    versions
}

/// Versions a hair below and above another, in the spelling of its ecosystem. Where one is on the wrong side, or is no
/// version at all, the question is as good.
fn beside(version: &str, ecosystem: &str) -> Vec<String> {
    let with = |tails: &[&str]| tails.iter().map(|tail| format!("{version}{tail}")).collect::<Vec<_>>();
    let mut beside = match ecosystem {
        "Debian" => with(&["~", "~rc1", "+b1", "a", ".0", "-0"]),
        "AlmaLinux" => with(&["~", "^1", ".0", "a"]),
        "Alpine" | "Wolfi" => {
            match version.rsplit_once("-r").and_then(|(v, r)| Some((v, r.parse::<u32>().ok()?))) {
                Some((head, revision)) => vec![
                    format!("{head}-r{}", revision + 1),
                    format!("{head}-r{}", revision.saturating_sub(1)),
                    format!("{head}_rc1-r{revision}"),
                    format!("{head}_p1-r0"),
                    head.to_owned(),
                ],
                None => with(&["_rc1", "_p1", "-r1", ".1"]),
            }
        }
        "PyPI" => with(&[".dev0", "a1", "rc1", ".post1", ".0", ".0.1"]),
        "RubyGems" => with(&[".a", ".rc1", ".0", ".0.1"]),
        "Packagist" => with(&["-alpha1", "-RC1", "-p1", ".0"]),
        "Go" => with(&["-0", "-rc.1", "-0.20200101000000-000000000000", "+incompatible"]),
        _ => with(&["-0", "-rc.1", "-alpha", "+build"]),
    };
    // The last number one less and one more.
    let digits = version.rfind(|c: char| c.is_ascii_digit()).map(|end| {
        let start = version[..=end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
        (start, end + 1)
    });
    if let Some((start, end)) = digits
        && let Ok(number) = version[start..end].parse::<u64>()
    {
        for other in [number.checked_sub(1), number.checked_add(1)].into_iter().flatten() {
            beside.push(format!("{}{other}{}", &version[..start], &version[end..]));
        }
    }
    if ecosystem == "Go" {
        beside.extend(beside.clone().iter().map(|version| format!("v{version}")));
        beside.push(format!("v{version}"));
    }
    beside
}

/// Whether a version is a distributor's build of another. Here the crate means to differ from the schema's letter: see its
/// own tests.
fn is_a_build(version: &str, ecosystem: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match ecosystem {
        "Bitnami" => version.rsplit_once('-').is_some_and(|(_, build)| is_number(build)),
        "PyPI" => version.contains('+'),
        _ => false,
    }
}
