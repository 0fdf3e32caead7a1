//! Real versions and ranges: those that the advisories of the development feeds name, if the feeds are at hand.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_version::Scheme;
use serde_json::Value;

use crate::generate::Pair;
use crate::tool::{Answer, Tool};
use crate::{say, thousands};

/// The folder of development data, which nothing but tests knows.
pub(crate) fn shared() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("PLIMSOLL_SHARED").map_or_else(beside, PathBuf::from)
}

/// Some thousand versions of an ecosystem, in a fixed order. None without the feeds.
pub(crate) fn versions(ecosystem: &str) -> Vec<String> {
    const ADVISORIES: usize = 1_500;
    const VERSIONS_OF_ONE: usize = 40;

    let Ok(file) = File::open(shared().join("feeds/osv").join(ecosystem).join("all.zip")) else {
        return Vec::new();
    };
    let mut archive = zip::ZipArchive::new(file).expect("the feed is a zip archive");
    let mut versions = BTreeSet::new();
    let step = archive.len() / ADVISORIES + 1;
    for index in (0..archive.len()).step_by(step) {
        let entry = archive.by_index(index).expect("the archive has the entry");
        let advisory: Value = serde_json::from_reader(entry).expect("an advisory is JSON");
        for affected in advisory["affected"].as_array().into_iter().flatten() {
            let listed = affected["versions"].as_array().into_iter().flatten().take(VERSIONS_OF_ONE);
            let ranges =
                affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT");
            let events = ranges.flat_map(|range| range["events"].as_array().into_iter().flatten());
            let bounds = events.filter_map(Value::as_object).flat_map(|event| event.values());
            versions.extend(listed.chain(bounds).filter_map(Value::as_str).map(str::to_owned));
        }
    }
    versions.into_iter().collect()
}

/// A range of an advisory: what happens at which version.
struct Range {
    events: Vec<(Event, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Event {
    Introduced,
    Fixed,
    LastAffected,
    Limit,
}

impl Range {
    fn read(range: &Value) -> Option<Self> {
        let mut events = Vec::new();
        for event in range["events"].as_array()?.iter().filter_map(Value::as_object) {
            for (name, version) in event {
                let kind = match name.as_str() {
                    "introduced" => Event::Introduced,
                    "fixed" => Event::Fixed,
                    "last_affected" => Event::LastAffected,
                    _ => Event::Limit,
                };
                events.push((kind, version.as_str()?.to_owned()));
            }
        }
        (range["type"] != "GIT" && events.len() <= 8).then_some(Self { events })
    }

    /// The evaluation of the OSV schema, by whatever order. `None` where the order cannot tell.
    fn affects(&self, version: &str, order: &impl Fn(&str, &str) -> Option<Ordering>) -> Option<bool> {
        let compare = |a: &str, b: &str| match (a, b) {
            ("0", "0") => Some(Ordering::Equal),
            (_, "0") => Some(Ordering::Greater),
            ("0", _) => Some(Ordering::Less),
            _ => order(a, b),
        };
        let limits: Vec<_> = self.events.iter().filter(|(kind, _)| *kind == Event::Limit).collect();
        let mut within = limits.is_empty();
        for (_, limit) in limits {
            within |= limit == "*" || compare(version, limit)?.is_lt();
        }
        // A selection sort, since an order that cannot tell ends it.
        let mut events: Vec<_> = self.events.iter().filter(|(kind, _)| *kind != Event::Limit).collect();
        for first in 0..events.len() {
            for other in first + 1..events.len() {
                if compare(&events[other].1, &events[first].1)?.is_lt() {
                    events.swap(first, other);
                }
            }
        }
        let mut vulnerable = false;
        for (kind, bound) in events {
            // An installed `0` is a version; an event's `0` is below all of them.
            let at = if bound == "0" { Ordering::Greater } else { order(version, bound)? };
            match kind {
                Event::Introduced if at.is_ge() => vulnerable = true,
                Event::Fixed if at.is_ge() => vulnerable = false,
                Event::LastAffected if at.is_gt() => vulnerable = false,
                _ => {}
            }
        }
        Some(within && vulnerable)
    }

    /// What the evaluation of a version may ask for.
    fn pairs(&self, version: &str) -> Vec<Pair> {
        let bounds =
            self.events.iter().map(|(_, bound)| bound).filter(|bound| *bound != "0" && *bound != "*");
        let bounds: Vec<_> = bounds.collect();
        let mut pairs: Vec<_> = bounds.iter().map(|bound| (version.to_owned(), (*bound).clone())).collect();
        for a in &bounds {
            pairs.extend(bounds.iter().filter(|b| a != *b).map(|b| ((*a).clone(), (*b).clone())));
        }
        pairs
    }
}

/// Versions near a bound: the bound itself, its neighbours, and what an ecosystem's tools make of it.
fn around(bound: &str, suffixes: &[&str]) -> Vec<String> {
    let mut versions = vec![bound.to_owned()];
    let end = bound.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1);
    let start = bound[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    if let Ok(number) = bound[start..end].parse::<u64>() {
        for near in
            [number.checked_sub(1), number.checked_add(1), number.checked_mul(10)].into_iter().flatten()
        {
            versions.push(format!("{}{near}{}", &bound[..start], &bound[end..]));
        }
    }
    versions.extend(suffixes.iter().map(|suffix| format!("{bound}{suffix}")));
    versions
}

/// The real ranges of an ecosystem, each asked about versions around all its bounds: the keys say what the tool says.
pub(crate) fn check_ranges(
    ecosystem: &str,
    scheme: Scheme,
    tool: Result<Tool, String>,
    suffixes: &[&str],
    most: usize,
) {
    let name = format!("{ecosystem}, real ranges");
    let Ok(file) = File::open(shared().join("feeds/osv").join(ecosystem).join("all.zip")) else {
        return say(&format!("{name}: skipped: no feeds at hand"));
    };
    let mut archive = zip::ZipArchive::new(file).expect("the feed is a zip archive");
    let mut ranges: BTreeMap<String, Range> = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).expect("the archive has the entry");
        let advisory: Value = serde_json::from_reader(entry).expect("an advisory is JSON");
        for affected in advisory["affected"].as_array().into_iter().flatten() {
            for range in affected["ranges"].as_array().into_iter().flatten() {
                if let Some(read) = Range::read(range) {
                    ranges.entry(range["events"].to_string()).or_insert(read);
                }
            }
        }
    }
    let questions: Vec<(&Range, String)> = ranges
        .values()
        .flat_map(|range| {
            let bounds =
                range.events.iter().map(|(_, bound)| bound).filter(|bound| *bound != "0" && *bound != "*");
            bounds.flat_map(|bound| around(bound, suffixes)).map(move |version| (range, version))
        })
        .collect();
    // Evenly from all of them.
    let step = questions.len().div_ceil(most).max(1);
    let questions: Vec<_> = questions.into_iter().step_by(step).collect();
    let pairs: BTreeSet<Pair> = questions.iter().flat_map(|(range, version)| range.pairs(version)).collect();
    let pairs: Vec<Pair> = pairs.into_iter().collect();
    let answers = match tool.and_then(|tool| tool.judge(&pairs)) {
        Ok(answers) => answers,
        Err(reason) => return crate::skip(&name, &reason),
    };
    let known: BTreeMap<&Pair, Answer> = pairs.iter().zip(answers).collect();
    let theirs = |a: &str, b: &str| match known.get(&(a.to_owned(), b.to_owned())) {
        Some(Answer::Order(order)) => Some(*order),
        _ => None,
    };
    let ours = |a: &str, b: &str| Some(scheme.compare(a, b));
    let (mut judged, mut affected) = (0, 0);
    for (range, version) in &questions {
        let Some(expected) = range.affects(version, &theirs) else { continue };
        let bounds: Vec<_> = range.events.iter().map(|(_, bound)| bound).collect();
        assert_eq!(range.affects(version, &ours), Some(expected), "{ecosystem}: {version:?} in {bounds:?}");
        judged += 1;
        affected += usize::from(expected);
    }
    assert!(judged > questions.len() / 2, "{name}: only {judged} of {} judged", questions.len());
    assert!(affected > judged / 20 && affected < judged, "{name}: one-sided: {affected} of {judged}");
    say(&format!(
        "{name}: {} versions judged alike, {} of them affected",
        thousands(judged),
        thousands(affected)
    ));
}
