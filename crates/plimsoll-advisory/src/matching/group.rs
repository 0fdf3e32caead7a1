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
use crate::database::{About, Names, Rest, Statement, TextReader};
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
    others: Names<'d>,
    /// Of which [`Rest`] is made.
    rest: &'d [u8],
    authority: Authority,
    /// Sorted.
    cves: Vec<&'d str>,
    statements: Vec<Statement<'d>>,
    /// The worst of what it says.
    status: Status,
    weak: bool,
}

impl<'d> Spoken<'d> {
    /// Of what one advisory says.
    fn of(words: &[Word<'d>]) -> Option<Self> {
        let first = words.first()?;
        let id = first.statement.id()?;
        let (others, rest) = first.statement.names()?;
        let names = std::iter::once(&id).chain(&others.aliases).chain(&others.upstream);
        let mut cves: Vec<&str> = names.filter(|name| name.starts_with("CVE-")).copied().collect();
        cves.sort_unstable();
        cves.dedup();
        // What it calls affected counts, and is what its other fields are about.
        let affects = words.iter().any(|word| word.status.is_finding());
        let mut counting = words.iter().filter(|word| word.status.is_finding() == affects);
        Some(Self {
            id,
            others,
            rest,
            authority: first.statement.authority(),
            cves,
            statements: counting.clone().map(|word| word.statement).collect(),
            weak: counting.clone().any(|word| word.weak),
            status: counting.next()?.status,
        })
    }

    /// The names that it shares with other advisories of the same vulnerability. One upstream is as good as an alias,
    /// several are a bulletin's.
    fn names(&self) -> impl Iterator<Item = &'d str> + '_ {
        let upstream = if self.others.upstream.len() == 1 { self.others.upstream.as_slice() } else { &[] };
        std::iter::once(self.id).chain(self.others.aliases.iter().copied()).chain(upstream.iter().copied())
    }

    fn affects(&self) -> bool {
        self.status.is_finding()
    }
}

/// By advisory, the best source first.
fn advisories(mut words: Vec<Word<'_>>) -> Vec<Spoken<'_>> {
    words.sort_by_key(|word| word.statement.advisory());
    let of_one = words.chunk_by(|a, b| a.statement.advisory() == b.statement.advisory());
    let mut advisories: Vec<Spoken<'_>> = of_one.filter_map(Spoken::of).collect();
    advisories.sort_unstable_by_key(|advisory| (advisory.authority, advisory.id));
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
    if advisories.iter().all(|advisory| advisory.cves.len() <= 1) {
        groups.extend(components.into_iter().map(|members| Group { members, bulletins: Vec::new() }));
        return groups;
    }
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
    for (at, advisory) in places(|cves| cves == 1).filter(|_| !by_name.is_empty()) {
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
        for other in advisory.others.aliases.iter().filter_map(|alias| bulletins.get(alias)) {
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

/// An advisory of which a match is made.
struct Member<'m, 'd> {
    spoken: &'m Spoken<'d>,
    rest: Rest<'d>,
    /// What its statements say beside their intervals.
    abouts: Vec<About>,
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
    let counts = |one: &&Spoken<'_>| one.affects() || !verdict.status.is_finding();
    let mut members: Vec<Member<'_, 'd>> = all
        .iter()
        .copied()
        .filter(counts)
        .map(|spoken| Member {
            spoken,
            rest: Rest::of(spoken.rest),
            abouts: spoken.statements.iter().filter_map(Statement::about).collect(),
        })
        .collect();
    let names = naming(&members, &all, &bulletins)?;
    let (mut severity, mut cvss) = severity(&mut members);
    let mut texts = texts(&members, reader);
    let mut cwes: Vec<&str> =
        members.iter_mut().flat_map(|member| std::mem::take(&mut member.rest.cwes)).collect();
    let mut statements = members.iter().flat_map(|member| &member.spoken.statements);
    if let Some(record) = statements.find_map(|one| one.cve_record(&names.vulnerability)) {
        let (rest, text) = (record.rest(), record.text(reader));
        if severity == Severity::Unknown {
            severity = rest.severity.choose();
        }
        cvss.extend(scores(rest.severity.scores, "NVD"));
        cwes.extend(rest.cwes);
        if texts.summary.is_empty() {
            texts.summary = one_line(text.details, SUMMARY_CHARS);
        }
        if texts.description.is_empty() {
            texts.description = text.details.to_owned();
        }
    }
    cwes.sort_unstable();
    cwes.dedup();
    let fixed_version = match verdict.status {
        // What is fixed has no version to go to.
        Status::Fixed | Status::NotAffected => None,
        _ => fixed_version(&members, installed),
    };
    let symbols = symbols(&members);
    let about = members.first_mut().filter(|best| !best.abouts.is_empty());
    let about = about.map(|best| best.abouts.swap_remove(0)).unwrap_or_default();
    let evidence = Evidence {
        suppressed: verdict.suppressed,
        disputed_by: verdict.disputed_by,
        note: about.note,
        subscription_fix: about
            .subscription_fix
            .map(|(version, subscription)| SubscriptionFix { version, subscription }),
        fix_is_announced: about.fix_is_announced,
        cwes: cwes.into_iter().map(str::to_owned).collect(),
        symbols,
        // Known where the package is, not where its version alone is.
        third_party: None,
    };
    let modified = members.iter().flat_map(|member| &member.spoken.statements);
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
        published: members.iter().filter_map(|member| member.rest.published).min().map(Timestamp),
        modified: modified.filter_map(Statement::modified).max(),
        references: texts.references,
        weak: members.iter().any(|member| member.spoken.weak),
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

/// `None` where nobody spoke.
fn naming(members: &[Member<'_, '_>], all: &[&Spoken<'_>], bulletins: &[&Spoken<'_>]) -> Option<Naming> {
    let best = members.first()?.spoken;
    let mut cves = members.iter().flat_map(|member| &member.spoken.cves).copied();
    let vulnerability = match cves.next() {
        Some(cve) if cves.all(|other| other == cve) => cve,
        _ => best.id,
    };
    let affecting = all.iter().chain(bulletins).filter(|one| one.affects()).map(|one| one.id);
    let mut ids: Vec<&str> = affecting.collect();
    let mut aliases: Vec<&str> = ids.clone();
    for member in members {
        aliases.push(member.spoken.id);
        aliases.extend(&member.spoken.others.aliases);
        aliases.extend(&member.spoken.others.upstream);
    }
    aliases.extend(bulletins.iter().map(|bulletin| bulletin.id));
    aliases.retain(|alias| *alias != vulnerability);
    for names in [&mut ids, &mut aliases] {
        names.sort_unstable();
        names.dedup();
    }
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Some(Naming { vulnerability: vulnerability.to_owned(), advisories: owned(ids), aliases: owned(aliases) })
}

fn scores(scores: Vec<Score>, source: &str) -> impl Iterator<Item = Cvss> {
    scores.into_iter().map(|Score { version, vector, score }| Cvss {
        version,
        vector,
        score,
        source: source.to_owned(),
    })
}

fn symbols(members: &[Member<'_, '_>]) -> Vec<String> {
    let all = members.iter().flat_map(|member| &member.abouts).flat_map(|about| &about.symbols);
    let mut lines: Vec<&String> = all.collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().take(MAX_SYMBOLS).cloned().collect()
}

/// The chosen severity and all CVSS assessments; see [`crate::severity`] for the order of choice.
fn severity(members: &mut [Member<'_, '_>]) -> (Severity, Vec<Cvss>) {
    let mut chosen: Option<(Authority, Severity)> = None;
    let mut all: Vec<Cvss> = Vec::new();
    for member in members {
        let of_record = std::mem::take(&mut member.rest.severity);
        let facts: Facts = match member.abouts.first_mut() {
            Some(about) => std::mem::take(&mut about.severity).with_record(of_record),
            None => of_record,
        };
        let (rank, severity) = (member.spoken.authority, facts.choose());
        let is_better = severity != Severity::Unknown
            && chosen.is_none_or(|(best, worst)| rank < best || (rank == best && severity > worst));
        if is_better {
            chosen = Some((rank, severity));
        }
        all.extend(scores(facts.scores, member.spoken.id));
    }
    (chosen.map_or(Severity::Unknown, |(_, severity)| severity), all)
}

#[derive(Default)]
struct Texts {
    summary: String,
    description: String,
    references: Vec<String>,
}

fn texts<'d>(members: &[Member<'_, 'd>], reader: &mut TextReader<'d>) -> Texts {
    let mut texts = Texts::default();
    for statement in members.iter().filter_map(|member| member.spoken.statements.first()) {
        let text = statement.text(reader);
        if texts.summary.is_empty() {
            texts.summary = text.summary.to_owned();
        }
        if texts.description.is_empty() {
            texts.description = text.details.to_owned();
        }
        for link in text.references {
            if texts.references.len() < MAX_REFERENCES && !texts.references.iter().any(|known| known == link)
            {
                texts.references.push(link.to_owned());
            }
        }
    }
    if texts.summary.is_empty() {
        texts.summary = one_line(texts.description.lines().next().unwrap_or_default(), SUMMARY_CHARS);
    }
    texts
}

/// The lowest fix above the installed version that none of the advisories calls affected.
fn fixed_version(members: &[Member<'_, '_>], installed: &mut Installed<'_>) -> Option<String> {
    let statements = || members.iter().flat_map(|member| &member.spoken.statements);
    // With the number of its order, and its key, which is where an interval ends.
    let mut fixes: Vec<(u8, &[u8], &str)> = Vec::new();
    for statement in statements() {
        let order = statement.order();
        if let Some(key) = installed.keys(order) {
            let above = statement.fixes_above(key.for_statement(statement));
            fixes.extend(above.map(|(key, fix)| (order, key, fix)));
        }
    }
    fixes.sort_by_key(|(order, key, _)| (*order, *key));
    fixes.dedup_by_key(|(order, key, _)| (*order, *key));
    let is_free = |(order, key, fix): &(u8, &[u8], &str)| {
        statements().all(|statement| {
            if statement.order() == *order {
                return statement.holder(key).is_none();
            }
            let key = Order::from_code(statement.order()).map(|order| order.key(fix));
            key.is_none_or(|key| statement.holder(&key.bytes).is_none())
        })
    };
    fixes.into_iter().find(is_free).map(|(_, _, fix)| fix.to_owned())
}
