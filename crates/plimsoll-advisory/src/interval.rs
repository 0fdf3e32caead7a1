//! OSV's ranges and versions, compiled to intervals of sort keys.
//!
//! The evaluation section of the OSV schema walks events for each version asked. Because keys order as versions do, the
//! walk can be done once: what it finds vulnerable is a union of intervals `[start, end)` of byte strings. `last_affected`
//! and single versions fit in too, since behind a key `k` the next byte string is `k` with a zero byte.

use plimsoll_version::Scheme;

use crate::osv::{Affected, Event, Range};

/// Bytes of a version that is compared. The longest real ones have about a hundred.
const MAX_VERSION_BYTES: usize = 2_000;
/// Bytes of a key. Schemes write a few bytes for each of a version's.
const MAX_KEY_BYTES: usize = u16::MAX as usize - 1;

/// How the versions of an interval are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Not at all: only the same text is the same version.
    Exact,
    By(Scheme),
}

impl Order {
    /// The order of an ecosystem, by its name with or without release.
    pub(crate) fn of_ecosystem(name: &str) -> Self {
        Scheme::of_ecosystem(name).map_or(Self::Exact, Self::By)
    }

    /// The number that stands for it in the database.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exact => 0,
            Self::By(scheme) => scheme.code(),
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        if code == 0 { Some(Self::Exact) } else { Scheme::from_code(code).map(Self::By) }
    }

    /// Its name, for a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "text",
            Self::By(scheme) => scheme.name(),
        }
    }

    /// The key of a version in a list, and by what it is compared. What is no version of its scheme is equal to the same text
    /// and to nothing else, whatever else shares its place in the order.
    pub(crate) fn listed(self, version: &str) -> (Self, Key) {
        let key = self.key(version);
        if key.weak {
            (Self::Exact, Key { bytes: self.plain_text(version), weak: true })
        } else {
            (self, key)
        }
    }

    /// What of a version's text counts where only the same text is the same version.
    pub(crate) fn plain_text(self, version: &str) -> Vec<u8> {
        match self {
            Self::Exact => version.as_bytes().to_vec(),
            Self::By(scheme) => scheme.plain_text(version).into_owned().into_bytes(),
        }
    }

    /// Whether the version has a key, but lies in no range but that of all versions.
    pub(crate) fn is_branch(self, version: &str) -> bool {
        matches!(self, Self::By(scheme) if scheme.is_branch(version))
    }

    pub(crate) fn key(self, version: &str) -> Key {
        match self {
            Self::Exact => Key { bytes: version.as_bytes().to_vec(), weak: false },
            Self::By(scheme) => {
                let key = scheme.key(version);
                Key { weak: key.is_weak(), bytes: key.into_bytes() }
            }
        }
    }
}

/// A number that changes when the keys of any scheme change, so that a database of old keys is recognised.
pub(crate) fn keys_fingerprint() -> u64 {
    let samples =
        ["", "0", "1", "1.0", "1.10", "2:1.0-1", "1.2.3-rc.1+b2", "v1.0_p1-r3", "1!2.0.dev1", "1.0~a^b", "x"];
    let mut all = Vec::new();
    for order in Scheme::ALL.map(Order::By) {
        for sample in samples {
            all.extend_from_slice(&order.key(sample).bytes);
            all.push(0xff);
        }
    }
    rapidhash::v3::rapidhash_v3(&all)
}

/// A version's sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) bytes: Vec<u8>,
    /// The text is no version of its scheme.
    pub(crate) weak: bool,
}

/// Versions from `start` up to and without `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: Vec<u8>,
    /// `None` has no end.
    pub(crate) end: Option<Vec<u8>>,
    /// The version at `end`, where the flaw is fixed there.
    pub(crate) fix: Option<String>,
    /// A bound is no version of its scheme.
    pub(crate) weak: bool,
}

/// What one item of `affected` says, each order's intervals sorted and apart from each other.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) intervals: Vec<(Order, Vec<Interval>)>,
    /// Ranges that say something about versions which we cannot evaluate.
    pub(crate) unevaluated: u32,
}

/// Compiles an item of `affected` whose ecosystem has this name, with or without release.
pub(crate) fn compile(affected: &Affected, ecosystem: &str) -> Compiled {
    let own = Order::of_ecosystem(ecosystem);
    let bound = affected
        .database_specific
        .last_known_affected_version_range
        .as_ref()
        .and_then(|value| value.as_str())
        .and_then(UpperBound::parse);
    let mut compiled = Compiled::default();
    let mut found: Vec<(Order, Interval)> = Vec::new();
    for range in &affected.ranges {
        let order = match range.kind.as_str() {
            // Commits are no versions; the ranges and versions beside them speak for themselves.
            "GIT" => continue,
            "ECOSYSTEM" => own,
            // Semantic versions whatever the ecosystem (OSV schema, "affected[].ranges[].type").
            "SEMVER" if own == Order::By(Scheme::Go) => own,
            "SEMVER" => Order::By(Scheme::Semver),
            _ => Order::Exact,
        };
        match (order != Order::Exact).then(|| walk(range, order, bound.as_ref())).flatten() {
            Some(intervals) => found.extend(intervals.into_iter().map(|interval| (order, interval))),
            None => compiled.unevaluated += 1,
        }
    }
    for version in affected.versions.iter().filter(|version| version.len() <= MAX_VERSION_BYTES) {
        let (order, key) = own.listed(version.trim_ascii());
        if key.bytes.len() < MAX_KEY_BYTES {
            found.push((order, Interval::only(key)));
        }
    }
    found.sort_by_key(|(order, _)| order.code());
    for of_order in found.chunk_by(|a, b| a.0 == b.0) {
        let intervals = of_order.iter().map(|(_, interval)| interval.clone()).collect();
        compiled.intervals.extend(of_order.first().map(|(order, _)| (*order, union(intervals))));
    }
    compiled
}

/// The versions that are builds of one: what somebody else added to a version that advisories speak of.
pub(crate) struct Builds {
    /// The version itself.
    pub(crate) of: Key,
    /// Keys of builds lie between these two, both included.
    pub(crate) first: Vec<u8>,
    pub(crate) last: Vec<u8>,
}

impl Builds {
    /// Where a version is a build of another: `5.4.6-3` is Bitnami's third build of 5.4.6, which to semantic versioning
    /// would be a pre-release of it; `1.13.1+cu117` is somebody's build of Python's 1.13.1 (PEP 440, "Local version
    /// identifiers"). Advisories speak of 5.4.6 and of 1.13.1. One that itself tells builds apart speaks of the build.
    pub(crate) fn of(ecosystem: &str, version: &str, order: Order) -> Option<Self> {
        const HIGH: &str = "99999999999999999999999999999999";
        let (of, separator) = match ecosystem {
            "Bitnami" => {
                let is_number = |build: &str| !build.is_empty() && build.bytes().all(|b| b.is_ascii_digit());
                (version.rsplit_once('-').filter(|(_, build)| is_number(build))?.0, '-')
            }
            "PyPI" => (version.split_once('+')?.0, '+'),
            _ => return None,
        };
        (order != Order::Exact && !of.is_empty()).then(|| {
            let of_key = order.key(of);
            let first = match separator {
                '-' => order.key(&format!("{of}-0")).bytes,
                // Behind the version itself, and behind the end of what `last_affected` says of it.
                _ => behind(&behind(&of_key.bytes)),
            };
            Self { of: of_key, first, last: order.key(&format!("{of}{separator}{HIGH}")).bytes }
        })
    }
}

impl Interval {
    /// One version.
    fn only(key: Key) -> Self {
        Self { end: Some(behind(&key.bytes)), start: key.bytes, fix: None, weak: key.weak }
    }
}

/// The next byte string after this one.
fn behind(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    bytes.extend_from_slice(key);
    bytes.push(0);
    bytes
}

/// What happens at a version.
struct Stop<'a> {
    key: Key,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Introduced,
    Fixed(&'a str),
    LastAffected,
}

/// Walks the events of a range, as the schema's evaluation does for each version. `None` where one of them cannot be placed.
///
/// Several events may stand at one version, and real records have both `fixed 2.4.50, introduced 2.4.50` (the flaw goes on)
/// and `introduced 2026.1.0, fixed 2026.1.0` (there is none). The schema sorts by version and says no more; its publishers'
/// own tools leave such events in the order of the file, and so do we.
fn walk(range: &Range, order: Order, bound: Option<&UpperBound<'_>>) -> Option<Vec<Interval>> {
    let mut intervals = Vec::new();
    let mut open: Option<Key> = None;
    let stops = stops(&range.events, order)?;
    for of_version in stops.chunk_by(|a, b| a.key.bytes == b.key.bytes) {
        let Some(key) = of_version.first().map(|stop| &stop.key) else { continue };
        let key = Key { bytes: key.bytes.clone(), weak: of_version.iter().any(|stop| stop.key.weak) };
        // What holds at the version itself, and what behind it.
        let (mut at, mut behind_it) = (open.is_some(), open.is_some());
        let mut fix = None;
        for stop in of_version {
            match stop.kind {
                Kind::Introduced => (at, behind_it) = (true, true),
                Kind::Fixed(version) => {
                    (at, behind_it) = (false, false);
                    fix = fix.or(Some(version));
                }
                Kind::LastAffected => behind_it = false,
            }
        }
        match (open.take(), at, behind_it) {
            (Some(start), false, _) => intervals.push(Interval {
                weak: start.weak || key.weak,
                start: start.bytes,
                end: Some(key.bytes),
                fix: fix.map(str::to_owned),
            }),
            (Some(start), true, false) => intervals.push(Interval {
                weak: start.weak || key.weak,
                start: start.bytes,
                end: Some(behind(&key.bytes)),
                fix: None,
            }),
            (Some(start), true, true) => open = Some(start),
            (None, true, false) => intervals.push(Interval::only(key)),
            (None, true, true) => open = Some(key),
            (None, false, _) => {}
        }
    }
    if let Some(start) = open {
        intervals.push(unfixed(start, order, bound));
    }
    match limit(&range.events, order)? {
        Some(limit) => Some(intervals.into_iter().filter_map(|interval| below(interval, &limit)).collect()),
        None => Some(intervals),
    }
}

/// The events by version, lowest first, those of one version in the order of the file.
fn stops<'a>(events: &'a [Event], order: Order) -> Option<Vec<Stop<'a>>> {
    let mut stops: Vec<Stop<'a>> = Vec::with_capacity(events.len());
    for event in events {
        let (key, kind) = match event {
            Event { introduced: Some(version), .. } => (boundary(version, order)?, Kind::Introduced),
            Event { fixed: Some(version), .. } => (boundary(version, order)?, Kind::Fixed(version)),
            Event { last_affected: Some(version), .. } => (place(version, order)?, Kind::LastAffected),
            // A limit has its own turn; an event of a later schema is none that we know.
            Event { .. } => continue,
        };
        stops.push(Stop { key, kind });
    }
    stops.sort_by(|a, b| a.key.bytes.cmp(&b.key.bytes));
    Some(stops)
}

/// The key of an event's version. `0` is below every version, also below `0.0.0-alpha` and `0~1`; `fixed 0` with it says
/// that no version ever was affected.
fn boundary(version: &str, order: Order) -> Option<Key> {
    if version == "0" { Some(Key { bytes: Vec::new(), weak: false }) } else { place(version, order) }
}

fn place(version: &str, order: Order) -> Option<Key> {
    let key = (version.len() <= MAX_VERSION_BYTES).then(|| order.key(version.trim_ascii()))?;
    (key.bytes.len() < MAX_KEY_BYTES).then_some(key)
}

/// The highest limit: a version counts where it is below any of them. The outer `None` where one cannot be placed.
fn limit(events: &[Event], order: Order) -> Option<Option<Key>> {
    let mut highest: Option<Key> = None;
    for limit in events.iter().filter_map(|event| event.limit.as_deref()) {
        if limit == "*" {
            return Some(None);
        }
        let key = place(limit, order)?;
        if highest.as_ref().is_none_or(|highest| key.bytes > highest.bytes) {
            highest = Some(key);
        }
    }
    Some(highest)
}

/// The part of an interval below a limit.
fn below(interval: Interval, limit: &Key) -> Option<Interval> {
    if interval.start >= limit.bytes {
        return None;
    }
    match &interval.end {
        Some(end) if *end <= limit.bytes => Some(interval),
        _ => Some(Interval {
            end: Some(limit.bytes.clone()),
            fix: None,
            weak: interval.weak || limit.weak,
            ..interval
        }),
    }
}

/// A publisher's bound for a range that has no fix: `<= 1.2.3` or `< 1.2.3`.
struct UpperBound<'a> {
    version: &'a str,
    inclusive: bool,
}

impl<'a> UpperBound<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (version, inclusive) = match text.strip_prefix("<=") {
            Some(version) => (version, true),
            None => (text.strip_prefix('<')?, false),
        };
        Some(Self { version: version.trim(), inclusive }).filter(|bound| !bound.version.is_empty())
    }
}

/// The interval of a range that nothing closes. A bound that contradicts its beginning is not believed.
fn unfixed(start: Key, order: Order, bound: Option<&UpperBound<'_>>) -> Interval {
    let end = bound.and_then(|bound| {
        let key = place(bound.version, order)?;
        let end = if bound.inclusive { behind(&key.bytes) } else { key.bytes };
        (end > start.bytes).then_some((end, key.weak))
    });
    let weak = start.weak || end.as_ref().is_some_and(|(_, weak)| *weak);
    Interval { start: start.bytes, end: end.map(|(end, _)| end), fix: None, weak }
}

/// The same versions in intervals that are sorted and do not touch, so that a fix inside another interval is none.
pub(crate) fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|interval| interval.end.as_ref().is_none_or(|end| *end > interval.start));
    intervals.sort_by(|a, b| a.start.cmp(&b.start));
    let mut apart: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match apart.last_mut() {
            Some(last) if last.end.as_ref().is_none_or(|end| *end >= interval.start) => {
                absorb(last, interval)
            }
            _ => apart.push(interval),
        }
    }
    apart
}

fn absorb(into: &mut Interval, interval: Interval) {
    // A bound that lies inside does not count, however weak it was.
    let Some(end) = into.end.as_ref() else { return };
    match interval.end {
        Some(other) if other < *end => {}
        Some(other) if other == *end => into.fix = into.fix.take().or(interval.fix),
        other => {
            into.end = other;
            into.fix = interval.fix;
            into.weak |= interval.weak;
        }
    }
}

#[cfg(test)]
mod tests;
