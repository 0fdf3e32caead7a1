//! Advisories of one vulnerability become one match.
//!
//! Only advisories on the same package are joined, by these rules:
//!
//! - Advisories that name exactly one CVE, as id, alias or upstream, and the same one, are one vulnerability: the CVE.
//! - An advisory that names none joins those with which it shares an id or an alias, unless that would join two CVEs.
//! - An advisory that names several CVEs is a bulletin. It stays by itself under its own id, with the CVEs as aliases, and
//!   never joins two others. Two bulletins are one where one has the other's id as alias and both have the same CVEs.
//! - `related` joins nothing.
//!
//! Whose word counts: that of the package's publisher, where a feed of its own speaks of the very CVE, before all others
//! ([`Authority`]). What it calls fixed or not affected is set aside whatever others say, and the match tells who said so; a
//! bulletin all of whose CVEs the publisher speaks of singly is a name for these and no finding of its own. Among those of
//! the same standing who affects wins, and the match tells who disputes it.
//!
//! The fixed version is the lowest fix above the installed version that none of the joined advisories calls affected:
//! whoever installs it is rid of the vulnerability by everybody's word.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_types::{
    Cvss, Evidence, Match, Severity, Status, SubscriptionFix, SuppressedBy, Suppression, Timestamp,
};

use super::{Installed, Word};
use crate::database::{About, AdvisoryMeta, Statement, TextReader};
use crate::interval::Order;
use crate::osv::{Authority, one_line};
use crate::severity::{Facts, Score};

const MAX_REFERENCES: usize = 20;
/// Characters of a summary that is taken from the details.
const SUMMARY_CHARS: usize = 300;
/// Lines of symbols that one match keeps.
const MAX_SYMBOLS: usize = 50;

/// Merges the words on a package version to matches, sorted by name.
pub(super) fn merge<'d>(
    words: Vec<Word<'d>>,
    installed: &mut Installed<'_>,
    reader: &mut TextReader<'d>,
) -> Vec<Match> {
    let advisories = advisories(words);
    let groups = fold_bulletins(&advisories, components(&advisories));
    let to_match = |group: Group| to_match(&advisories, &group, installed, reader);
    let mut matches: Vec<Match> = groups.into_iter().filter_map(to_match).collect();
    matches
        .sort_by(|a, b| a.vulnerability.cmp(&b.vulnerability).then_with(|| a.advisories.cmp(&b.advisories)));
    matches
}

/// An advisory with all that it says of the installed version of the package.
struct Spoken<'d> {
    id: &'d str,
    meta: AdvisoryMeta<'d>,
    authority: Authority,
    cves: BTreeSet<&'d str>,
    statements: Vec<Statement<'d>>,
    /// The worst of what it says.
    status: Status,
    weak: bool,
}

impl<'d> Spoken<'d> {
    /// The names that it shares with other advisories of the same vulnerability. One upstream is as good as an alias,
    /// several are a bulletin's.
    fn names(&self) -> impl Iterator<Item = &'d str> + '_ {
        let upstream = if self.meta.upstream.len() == 1 { self.meta.upstream.as_slice() } else { &[] };
        std::iter::once(self.id).chain(self.meta.aliases.iter().copied()).chain(upstream.iter().copied())
    }

    fn affects(&self) -> bool {
        self.status.is_finding()
    }

    fn about(&self) -> Option<About> {
        self.statements.iter().find_map(Statement::about)
    }
}

/// By advisory, the best source first.
fn advisories(words: Vec<Word<'_>>) -> Vec<Spoken<'_>> {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    let mut advisories: Vec<Spoken<'_>> = Vec::new();
    for Word { statement, status, weak } in words {
        if let Some(known) = numbers.get(&statement.advisory()).and_then(|at| advisories.get_mut(*at)) {
            // What it calls affected counts, and is what its other fields are about.
            if status.is_finding() && !known.affects() {
                (known.status, known.weak) = (status, weak);
                known.statements.clear();
            }
            if status.is_finding() == known.affects() {
                known.statements.push(statement);
                known.weak |= weak;
            }
            continue;
        }
        let (Some(id), Some(meta)) = (statement.id(), statement.meta()) else { continue };
        let names =
            std::iter::once(id).chain(meta.aliases.iter().copied()).chain(meta.upstream.iter().copied());
        let cves = names.filter(|name| name.starts_with("CVE-")).collect();
        numbers.insert(statement.advisory(), advisories.len());
        let authority = statement.authority();
        advisories.push(Spoken { id, meta, authority, cves, statements: vec![statement], status, weak });
    }
    advisories.sort_by_key(|advisory| (advisory.authority, advisory.id));
    advisories
}

/// Advisories of one vulnerability, as places in the list, and the bulletins that are no more than names for it.
struct Group {
    members: Vec<usize>,
    bulletins: Vec<usize>,
}

/// Makes names of the bulletins whose every CVE is spoken of singly by a better source.
fn fold_bulletins(advisories: &[Spoken<'_>], components: Vec<Vec<usize>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(components.len());
    let mut bulletins: Vec<Vec<usize>> = Vec::new();
    let mut by_cve: BTreeMap<&str, (Authority, usize)> = BTreeMap::new();
    for members in components {
        let Some(first) = members.first().and_then(|at| advisories.get(*at)) else { continue };
        if first.cves.len() > 1 {
            bulletins.push(members);
            continue;
        }
        let cves = members.iter().filter_map(|at| advisories[*at].cves.first());
        for cve in cves {
            by_cve.entry(cve).or_insert((first.authority, groups.len()));
        }
        groups.push(Group { members, bulletins: Vec::new() });
    }
    for members in bulletins {
        let best = &advisories[members[0]];
        let singly: Option<BTreeSet<usize>> = best
            .cves
            .iter()
            .map(|cve| {
                by_cve.get(cve).filter(|(authority, _)| *authority < best.authority).map(|(_, at)| *at)
            })
            .collect();
        match singly {
            Some(singly) => {
                singly.into_iter().for_each(|at| groups[at].bulletins.extend(&members));
            }
            None => groups.push(Group { members, bulletins: Vec::new() }),
        }
    }
    groups
}

/// Which advisories are one vulnerability, as places in the list.
fn components(advisories: &[Spoken<'_>]) -> Vec<Vec<usize>> {
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

/// The match of a group; `None` where nobody in it calls the version affected.
fn to_match<'d>(
    advisories: &[Spoken<'d>],
    group: &Group,
    installed: &mut Installed<'_>,
    reader: &mut TextReader<'d>,
) -> Option<Match> {
    let of = |places: &[usize]| -> Vec<&Spoken<'d>> { places.iter().map(|at| &advisories[*at]).collect() };
    let (all, bulletins) = (of(&group.members), of(&group.bulletins));
    let verdict = verdict(&all, &bulletins)?;
    // Fixes and severities are those of who calls it affected; where that was set aside, of all who spoke.
    let affecting: Vec<&Spoken<'d>> =
        all.iter().chain(&bulletins).filter(|one| one.affects()).copied().collect();
    let members: Vec<&Spoken<'d>> = if verdict.status.is_finding() {
        all.iter().filter(|one| one.affects()).copied().collect()
    } else {
        all.clone()
    };
    let best = *members.first()?;
    let names = names(&members, &affecting, &bulletins);
    let (mut severity, mut cvss) = severity(&members);
    let mut texts = texts(&members, reader);
    let mut cwes: BTreeSet<&str> =
        members.iter().flat_map(|member| member.meta.cwes.iter().copied()).collect();
    if let Some((meta, text)) =
        best.statements.first().and_then(|one| one.of_cve(&names.vulnerability, reader))
    {
        if severity == Severity::Unknown {
            severity = meta.severity.choose();
        }
        cvss.extend(scores(meta.severity.scores, "NVD"));
        cwes.extend(meta.cwes);
        if texts.summary.is_empty() {
            texts.summary = one_line(&text.details, SUMMARY_CHARS);
        }
        if texts.description.is_empty() {
            texts.description = text.details;
        }
    }
    let about = best.about().unwrap_or_default();
    let fixed_version = match verdict.status {
        // What is fixed has no version to go to.
        Status::Fixed | Status::NotAffected => None,
        _ => fixed_version(&members, installed),
    };
    let evidence = Evidence {
        suppressed: verdict.suppressed,
        disputed_by: verdict.disputed_by,
        note: about.note,
        subscription_fix: about
            .subscription_fix
            .map(|(version, subscription)| SubscriptionFix { version, subscription }),
        fix_is_announced: about.fix_is_announced,
        cwes: cwes.into_iter().map(str::to_owned).collect(),
        symbols: symbols(&members),
    };
    Some(Match {
        vulnerability: names.vulnerability,
        advisories: names.advisories,
        aliases: names.aliases,
        status: verdict.status,
        fixed_version,
        severity,
        cvss,
        summary: texts.summary,
        description: texts.description,
        published: members.iter().filter_map(|member| member.meta.published).min().map(Timestamp),
        modified: members.iter().flat_map(|member| &member.statements).filter_map(Statement::modified).max(),
        references: texts.references,
        weak: members.iter().any(|member| member.weak),
        evidence,
    })
}

struct Verdict {
    status: Status,
    suppressed: Option<Suppression>,
    disputed_by: Vec<String>,
}

/// What all together say, by whose word counts; `None` where nobody calls the version affected.
fn verdict(all: &[&Spoken<'_>], bulletins: &[&Spoken<'_>]) -> Option<Verdict> {
    all.iter().chain(bulletins).find(|one| one.affects())?;
    let best = all.iter().map(|one| one.authority).min()?;
    let mut of_the_best = all.iter().filter(|one| one.authority == best);
    if let Some(affecting) = of_the_best.clone().find(|one| one.affects()) {
        let disputed = all.iter().filter(|one| one.authority == best && !one.affects());
        return Some(Verdict {
            status: affecting.status,
            suppressed: None,
            disputed_by: disputed.map(|one| one.id.to_owned()).collect(),
        });
    }
    let clear = of_the_best.next()?;
    let reason = match clear.status {
        Status::Fixed => "the publisher of the package has fixed it in this version or an older one",
        _ => "the publisher of the package says that it is not affected",
    };
    Some(Verdict {
        status: clear.status,
        suppressed: Some(Suppression {
            by: SuppressedBy::Publisher,
            source: clear.id.to_owned(),
            reason: reason.to_owned(),
        }),
        disputed_by: Vec::new(),
    })
}

struct Naming {
    vulnerability: String,
    advisories: Vec<String>,
    aliases: Vec<String>,
}

fn names(members: &[&Spoken<'_>], affecting: &[&Spoken<'_>], bulletins: &[&Spoken<'_>]) -> Naming {
    let cves: BTreeSet<&str> = members.iter().flat_map(|member| &member.cves).copied().collect();
    let ids: BTreeSet<&str> = affecting.iter().map(|member| member.id).collect();
    let vulnerability = match (cves.len(), cves.first()) {
        (1, Some(cve)) => *cve,
        _ => members.first().map_or("", |best| best.id),
    };
    let all =
        members.iter().flat_map(|member| member.meta.aliases.iter().chain(&member.meta.upstream)).copied();
    let others = members.iter().chain(bulletins).map(|member| member.id);
    let mut aliases: BTreeSet<&str> = all.chain(ids.iter().copied()).chain(others).collect();
    aliases.remove(vulnerability);
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Naming { vulnerability: vulnerability.to_owned(), advisories: owned(ids), aliases: owned(aliases) }
}

fn scores(scores: Vec<Score>, source: &str) -> impl Iterator<Item = Cvss> {
    scores.into_iter().map(|Score { version, vector, score }| Cvss {
        version,
        vector,
        score,
        source: source.to_owned(),
    })
}

fn symbols(members: &[&Spoken<'_>]) -> Vec<String> {
    let lines = members.iter().flat_map(|member| &member.statements).filter_map(Statement::about);
    let lines: BTreeSet<String> = lines.flat_map(|about| about.symbols).collect();
    lines.into_iter().take(MAX_SYMBOLS).collect()
}

/// The chosen severity and all CVSS assessments; see [`crate::severity`] for the order of choice.
fn severity(members: &[&Spoken<'_>]) -> (Severity, Vec<Cvss>) {
    let mut chosen: Option<(Authority, Severity)> = None;
    let mut all: Vec<Cvss> = Vec::new();
    for member in members {
        let of_package = member.about().map(|about| about.severity).unwrap_or_default();
        let facts: Facts = of_package.with_record(member.meta.severity.clone());
        let (rank, severity) = (member.authority, facts.choose());
        let is_better = severity != Severity::Unknown
            && chosen.is_none_or(|(best, worst)| rank < best || (rank == best && severity > worst));
        if is_better {
            chosen = Some((rank, severity));
        }
        all.extend(scores(facts.scores, member.id));
    }
    (chosen.map_or(Severity::Unknown, |(_, severity)| severity), all)
}

struct Texts {
    summary: String,
    description: String,
    references: Vec<String>,
}

fn texts<'d>(members: &[&Spoken<'d>], reader: &mut TextReader<'d>) -> Texts {
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
fn fixed_version(members: &[&Spoken<'_>], installed: &mut Installed<'_>) -> Option<String> {
    let mut fixes: BTreeMap<(u8, Vec<u8>), &str> = BTreeMap::new();
    for statement in members.iter().flat_map(|member| &member.statements) {
        let order = statement.order();
        let Some(key) = installed.keys(order) else { continue };
        for fix in statement.fixes_above(key.for_statement(statement)) {
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
