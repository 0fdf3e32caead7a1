//! Advisories of one vulnerability become one match.
//!
//! Only advisories that affect the same package are joined, by these rules:
//!
//! - Advisories that name exactly one CVE, as id, alias or upstream, and the same one, are one vulnerability: the CVE.
//! - An advisory that names none joins those with which it shares an id or an alias, unless that would join two CVEs.
//! - An advisory that names several CVEs is a bulletin. It stays by itself under its own id, with the CVEs as aliases, and
//!   never joins two others. Two bulletins are one where one has the other's id as alias and both have the same CVEs.
//! - `related` joins nothing.
//!
//! The fixed version is the lowest fix above the installed version that none of the joined advisories calls affected:
//! whoever installs it is rid of the vulnerability by everybody's word.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_types::{Cvss, Match, Severity, Status, Timestamp};

use super::{Hit, Installed};
use crate::database::{AdvisoryMeta, Statement, TextReader};
use crate::interval::Order;
use crate::osv::one_line;
use crate::severity::{Facts, rank};

const MAX_REFERENCES: usize = 20;
/// Characters of a summary that is taken from the details.
const SUMMARY_CHARS: usize = 300;

/// Merges hits to matches, sorted by name.
pub(super) fn merge<'d>(
    hits: Vec<Hit<'d>>,
    installed: &mut Installed<'_>,
    reader: &mut TextReader<'d>,
) -> Vec<Match> {
    let advisories = advisories(hits);
    let to_match = |members: Vec<usize>| to_match(&advisories, &members, installed, reader);
    let mut matches: Vec<Match> = components(&advisories).into_iter().map(to_match).collect();
    matches
        .sort_by(|a, b| a.vulnerability.cmp(&b.vulnerability).then_with(|| a.advisories.cmp(&b.advisories)));
    matches
}

/// An advisory with all its statements that affect the package.
struct Affecting<'d> {
    id: &'d str,
    meta: AdvisoryMeta<'d>,
    cves: BTreeSet<&'d str>,
    statements: Vec<Statement<'d>>,
    weak: bool,
}

impl<'d> Affecting<'d> {
    /// The names that it shares with other advisories of the same vulnerability. One upstream is as good as an alias,
    /// several are a bulletin's.
    fn names(&self) -> impl Iterator<Item = &'d str> + '_ {
        let upstream = if self.meta.upstream.len() == 1 { self.meta.upstream.as_slice() } else { &[] };
        std::iter::once(self.id).chain(self.meta.aliases.iter().copied()).chain(upstream.iter().copied())
    }
}

/// By advisory, the best source first.
fn advisories(hits: Vec<Hit<'_>>) -> Vec<Affecting<'_>> {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    let mut advisories: Vec<Affecting<'_>> = Vec::new();
    for Hit { statement, weak } in hits {
        if let Some(known) = numbers.get(&statement.advisory()).and_then(|at| advisories.get_mut(*at)) {
            known.statements.push(statement);
            known.weak |= weak;
            continue;
        }
        let (Some(id), Some(meta)) = (statement.id(), statement.meta()) else { continue };
        let names =
            std::iter::once(id).chain(meta.aliases.iter().copied()).chain(meta.upstream.iter().copied());
        let cves = names.filter(|name| name.starts_with("CVE-")).collect();
        numbers.insert(statement.advisory(), advisories.len());
        advisories.push(Affecting { id, meta, cves, statements: vec![statement], weak });
    }
    advisories.sort_by_key(|advisory| (rank(advisory.id), advisory.id));
    advisories
}

/// Which advisories are one vulnerability, as places in the list.
fn components(advisories: &[Affecting<'_>]) -> Vec<Vec<usize>> {
    let mut sets = Sets::new(advisories.len());
    let mut by_cve: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    let places = |count: fn(usize) -> bool| {
        advisories.iter().enumerate().filter(move |(_, advisory)| count(advisory.cves.len()))
    };
    for (at, advisory) in places(|cves| cves == 1) {
        if let Some(cve) = advisory.cves.first() {
            let first = *by_cve.entry(cve).or_insert(at);
            sets.join(first, at);
        }
    }
    for (at, advisory) in places(|cves| cves == 0) {
        for name in advisory.names() {
            let first = *by_name.entry(name).or_insert(at);
            sets.join(first, at);
        }
    }
    // Which CVEs a component without one touches: with exactly one, it is that CVE's.
    let mut touched: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (at, advisory) in places(|cves| cves == 1) {
        let cve = sets.root(at);
        for name in advisory.names() {
            if let Some(other) = by_name.get(name) {
                touched.entry(sets.root(*other)).or_default().insert(cve);
            }
        }
    }
    for (component, cves) in touched {
        if let (1, Some(cve)) = (cves.len(), cves.first()) {
            sets.join(*cve, component);
        }
    }
    let bulletins: BTreeMap<&str, usize> =
        places(|cves| cves > 1).map(|(at, advisory)| (advisory.id, at)).collect();
    for (at, advisory) in places(|cves| cves > 1) {
        for other in advisory.meta.aliases.iter().filter_map(|alias| bulletins.get(alias)) {
            if advisories[*other].cves == advisory.cves {
                sets.join(at, *other);
            }
        }
    }
    sets.into_components()
}

/// Disjoint sets of places.
struct Sets {
    parents: Vec<usize>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller place is the root, so that the best source comes first.
        self.parents[a.max(b)] = a.min(b);
    }

    fn into_components(mut self) -> Vec<Vec<usize>> {
        let mut components: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.parents.len() {
            let root = self.root(at);
            components.entry(root).or_default().push(at);
        }
        components.into_values().collect()
    }
}

fn to_match<'d>(
    advisories: &[Affecting<'d>],
    members: &[usize],
    installed: &mut Installed<'_>,
    reader: &mut TextReader<'d>,
) -> Match {
    let members: Vec<&Affecting<'d>> = members.iter().map(|at| &advisories[*at]).collect();
    let names = names(&members);
    let (severity, cvss) = severity(&members);
    let texts = texts(&members, reader);
    Match {
        vulnerability: names.vulnerability,
        advisories: names.advisories,
        aliases: names.aliases,
        status: Status::Affected,
        fixed_version: fixed_version(&members, installed),
        severity,
        cvss,
        summary: texts.summary,
        description: texts.description,
        published: members.iter().filter_map(|member| member.meta.published).min().map(Timestamp),
        modified: members.iter().flat_map(|member| &member.statements).filter_map(Statement::modified).max(),
        references: texts.references,
        weak: members.iter().any(|member| member.weak),
    }
}

struct Naming {
    vulnerability: String,
    advisories: Vec<String>,
    aliases: Vec<String>,
}

fn names(members: &[&Affecting<'_>]) -> Naming {
    let cves: BTreeSet<&str> = members.iter().flat_map(|member| &member.cves).copied().collect();
    let ids: BTreeSet<&str> = members.iter().map(|member| member.id).collect();
    let vulnerability = match (cves.len(), cves.first()) {
        (1, Some(cve)) => *cve,
        _ => members.first().map_or("", |best| best.id),
    };
    let all =
        members.iter().flat_map(|member| member.meta.aliases.iter().chain(&member.meta.upstream)).copied();
    let mut aliases: BTreeSet<&str> = all.chain(ids.iter().copied()).collect();
    aliases.remove(vulnerability);
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Naming { vulnerability: vulnerability.to_owned(), advisories: owned(ids), aliases: owned(aliases) }
}

/// The chosen severity and all CVSS assessments; see [`crate::severity`] for the order of choice.
fn severity(members: &[&Affecting<'_>]) -> (Severity, Vec<Cvss>) {
    let mut chosen: Option<(u8, Severity)> = None;
    let mut all: Vec<Cvss> = Vec::new();
    for member in members {
        let of_package = member.statements.iter().find_map(Statement::severity).unwrap_or_default();
        let facts: Facts = of_package.with_record(member.meta.severity.clone());
        let (rank, severity) = (rank(member.id), facts.choose());
        let is_better = severity != Severity::Unknown
            && chosen.is_none_or(|(best, worst)| rank < best || (rank == best && severity > worst));
        if is_better {
            chosen = Some((rank, severity));
        }
        for score in facts.scores {
            let (version, vector) = (score.version, score.vector);
            let source = member.id.to_owned();
            all.push(Cvss { version, vector, score: score.score, source });
        }
    }
    (chosen.map_or(Severity::Unknown, |(_, severity)| severity), all)
}

struct Texts {
    summary: String,
    description: String,
    references: Vec<String>,
}

fn texts<'d>(members: &[&Affecting<'d>], reader: &mut TextReader<'d>) -> Texts {
    let mut texts = Texts { summary: String::new(), description: String::new(), references: Vec::new() };
    for text in members.iter().filter_map(|member| member.statements.first()).map(|s| s.text(reader)) {
        if texts.summary.is_empty() {
            texts.summary = text.summary;
        }
        if texts.description.is_empty() {
            texts.description = text.details;
        }
        for link in text.references {
            if texts.references.len() < MAX_REFERENCES && !texts.references.contains(&link) {
                texts.references.push(link);
            }
        }
    }
    if texts.summary.is_empty() {
        texts.summary = one_line(texts.description.lines().next().unwrap_or_default(), SUMMARY_CHARS);
    }
    texts
}

/// The lowest fix above the installed version that none of the advisories calls affected.
fn fixed_version(members: &[&Affecting<'_>], installed: &mut Installed<'_>) -> Option<String> {
    let mut fixes: BTreeMap<(u8, Vec<u8>), &str> = BTreeMap::new();
    for statement in members.iter().flat_map(|member| &member.statements) {
        let order = statement.order();
        let Some(key) = installed.key(order) else { continue };
        for fix in statement.fixes_above(&key.bytes) {
            if let Some(order_of_fix) = Order::from_code(order) {
                fixes.entry((order, order_of_fix.key(fix).bytes)).or_insert(fix);
            }
        }
    }
    let is_free = |fix: &str| {
        members.iter().flat_map(|member| &member.statements).all(|statement| {
            let key = Order::from_code(statement.order()).map(|order| order.key(fix));
            key.is_none_or(|key| statement.holds(&key.bytes).is_none())
        })
    };
    fixes.into_values().find(|fix| is_free(fix)).map(str::to_owned)
}
