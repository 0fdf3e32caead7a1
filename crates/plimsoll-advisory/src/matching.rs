//! Which advisories affect a package version: a pure question to the database.
//!
//! Each advisory is judged by itself, as the evaluation section of the OSV schema has it; then those that speak of one
//! vulnerability are [merged](group) to one [`Match`], where the word of the package's own publisher comes first. An
//! installed version without text is never affected: what cannot be compared is the business of [`coverage`], which says
//! why nothing was found. [`explain`] tells the whole story of one verdict.

mod explain;
mod group;
mod owner;
mod third_party;

use plimsoll_types::{Ecosystem, InstalledPackage, Match, PackageType, Status};

use crate::Database;
use crate::database::{Said, Statement};
use crate::interval::{Builds, Key, Order};
use crate::osv::Authority;

pub use explain::{Account, Judgement, explain};
pub use owner::heed_owner;
pub use third_party::third_party;

/// How far the silence of the database about a package version means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All that is known of the package was compared with the version.
    Full,
    /// The order of the ecosystem's versions is not known to us: some ranges were not evaluated, listed versions were.
    ListedVersions,
    /// There is no data for the ecosystem, or none for this release of it.
    NoData,
    /// The package has no version to compare.
    NoVersion,
}

/// The vulnerabilities of an installed package, sorted by name. Distribution packages are looked up by their source.
///
/// What a publisher's own feed set aside is among them, with the reason, and is no finding.
pub fn find(database: &Database, package: &InstalledPackage) -> Vec<Match> {
    let Some(ecosystem) = &package.ecosystem else { return Vec::new() };
    let (name, version) = package.package.advised_as();
    let source = (package.package.package_type == PackageType::Rpm).then(|| package.package.source_name());
    let module = stream(package);
    let mut found =
        find_asked(database, Asked { ecosystem, name, source, version, module: module.as_deref() });
    if let Some(third_party) = (!found.is_empty()).then(|| third_party(package)).flatten() {
        found.iter_mut().for_each(|found| found.evidence.third_party = Some(third_party.clone()));
    }
    found
}

/// The module and stream of an rpm, without the module's version and context.
fn stream(package: &InstalledPackage) -> Option<String> {
    if package.package.package_type != PackageType::Rpm {
        return None;
    }
    Some(package.module()?.splitn(3, ':').take(2).collect::<Vec<_>>().join(":"))
}

/// The vulnerabilities of a version of a package, by the name under which advisories speak of it.
pub fn find_version(database: &Database, ecosystem: &Ecosystem, name: &str, version: &str) -> Vec<Match> {
    find_asked(database, Asked { ecosystem, name, source: None, version, module: None })
}

fn find_asked(database: &Database, asked: Asked<'_>) -> Vec<Match> {
    let mut installed = Installed::new(asked.ecosystem, asked.version);
    let words = words(database, &asked, &mut installed);
    if words.iter().all(|word| !word.status.is_finding()) {
        return Vec::new();
    }
    group::merge(words, &mut installed, &mut database.texts())
}

/// The ids of the advisories that affect a version, sorted; without texts, dates or severities. Each speaks for itself:
/// nobody's word is set aside for another's.
pub fn affecting<'d>(
    database: &'d Database,
    ecosystem: &Ecosystem,
    name: &str,
    version: &str,
) -> Vec<&'d str> {
    let asked = Asked { ecosystem, name, source: None, version, module: None };
    let words = words(database, &asked, &mut Installed::new(ecosystem, version));
    let affecting = words.iter().filter(|word| word.status.is_finding());
    let mut ids: Vec<_> = affecting.filter_map(|word| word.statement.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Whether finding nothing for an installed package means that nothing is known against it.
pub fn coverage(database: &Database, package: &InstalledPackage) -> Coverage {
    let (name, version) = package.package.advised_as();
    let Some(ecosystem) = package.ecosystem.as_ref().filter(|ecosystem| database.knows(ecosystem)) else {
        return Coverage::NoData;
    };
    if version.trim().is_empty() {
        return Coverage::NoVersion;
    }
    match database
        .said(ecosystem, &ecosystem.lookup_name(name))
        .statements()
        .any(|s| s.has_unevaluated() && s.is_in_force())
    {
        true => Coverage::ListedVersions,
        false => Coverage::Full,
    }
}

/// A package version that is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    ecosystem: &'a Ecosystem,
    name: &'a str,
    /// The source package of an rpm. Bulletins name binary packages; what has no fix is named by its source.
    source: Option<&'a str>,
    version: &'a str,
    /// The module of an rpm with its stream, where its label is known: `nodejs:16`.
    module: Option<&'a str>,
}

/// What an advisory says of the installed version.
struct Word<'d> {
    statement: Statement<'d>,
    status: Status,
    /// The interval's bound, or the installed version itself, is no version of its scheme.
    weak: bool,
}

/// Every word that counts: of versions in a range what is said of them, of others what a publisher's silence says.
fn words<'d>(database: &'d Database, asked: &Asked<'_>, installed: &mut Installed<'_>) -> Vec<Word<'d>> {
    let mut words = Vec::new();
    if installed.version.is_empty() {
        return words;
    }
    let sources = Sources::of(database, asked);
    if sources.are_below(installed) {
        return words;
    }
    let mut silent = Vec::new();
    // Of what nobody can tell, the publisher included, nothing is said.
    let mut undetermined = Vec::new();
    sources.statements(asked).for_each(|statement| {
        let Some(keys) = installed.keys(statement.order()) else { return };
        match keys.lie_in(&statement) {
            Some(_) if statement.status() == Status::Unknown => undetermined.push(statement.advisory()),
            Some(weak) if statement.is_in_force() => {
                words.push(Word { statement, status: statement.status(), weak: keys.key.weak || weak });
            }
            None if statement.authority() == Authority::Publisher && statement.is_in_force() => {
                let has_fix = statement.has_fix_up_to(&keys.key.bytes);
                let status = if has_fix { Status::Fixed } else { Status::NotAffected };
                silent.push(Word { statement, status, weak: keys.key.weak });
            }
            _ => {}
        }
    });
    if !silent.is_empty() {
        let mut spoken = undetermined;
        spoken.extend(words.iter().map(|word| word.statement.advisory()));
        spoken.sort_unstable();
        words.extend(
            silent.into_iter().filter(|word| spoken.binary_search(&word.statement.advisory()).is_err()),
        );
    }
    words
}

/// What is said of a package in its release.
fn statements<'d, 'a>(
    database: &'d Database,
    asked: &Asked<'a>,
) -> impl Iterator<Item = Statement<'d>> + use<'d, 'a> {
    Sources::of(database, asked).statements(asked)
}

/// Under which names and releases a package is spoken of. A version that only subscribers get is compared with what its
/// publisher says to subscribers, wherever it says something to them.
struct Sources<'d> {
    to_subscribers: Said<'d>,
    own: Said<'d>,
    of_source: Said<'d>,
}

impl<'d> Sources<'d> {
    fn of(database: &'d Database, asked: &Asked<'_>) -> Self {
        let Asked { ecosystem, version, .. } = *asked;
        let name = ecosystem.lookup_name(asked.name);
        let nothing = || database.nothing_said();
        let subscribers = subscribers_release(ecosystem, version);
        Self {
            to_subscribers: subscribers.map_or_else(nothing, |release| database.said(&release, &name)),
            own: database.said(ecosystem, &name),
            of_source: asked
                .source
                .map_or_else(nothing, |source| database.said(ecosystem, &format!("{source} (source)"))),
        }
    }

    /// Whether the version is above every one that is said to be affected.
    fn are_below(&self, installed: &mut Installed<'_>) -> bool {
        let mut reaches = |order: u8, ceiling: &[u8]| {
            // The build of a version is compared as that version, which is below it.
            let keys = installed.keys(order).filter(|keys| keys.builds.is_none());
            keys.is_some_and(|keys| ceiling <= keys.key.bytes.as_slice())
        };
        [&self.to_subscribers, &self.own, &self.of_source].into_iter().all(|said| said.is_below(&mut reaches))
    }

    fn statements<'a>(self, asked: &Asked<'a>) -> impl Iterator<Item = Statement<'d>> + use<'d, 'a> {
        let Asked { version, module, .. } = *asked;
        let Self { to_subscribers, own, of_source } = self;
        let (all_to_subscribers, all_own, all_of_source) =
            (to_subscribers.statements(), own.statements(), of_source.statements());
        let to_subscribers_too = to_subscribers.clone();
        all_to_subscribers
            .chain(all_own.filter(move |statement| !to_subscribers_too.has(statement.advisory())))
            .chain(all_of_source.filter(move |statement| {
                !to_subscribers.has(statement.advisory()) && !own.has(statement.advisory())
            }))
            .filter(move |statement| is_of_stream(statement, version, module))
    }
}

/// Whether a statement is on packages of the same module and stream, or like them of none: a module's packages are built
/// beside the release's own, with versions of their own. A package whose label nobody knows is compared with what buckets say of
/// any stream, which is what the schema says, but not with what its publisher says of a module that it cannot be of.
fn is_of_stream(statement: &Statement<'_>, version: &str, module: Option<&str>) -> bool {
    let is_publisher = statement.authority() == Authority::Publisher;
    if module.is_none() && (!is_publisher || !statement.has_about()) {
        return true;
    }
    let of = statement.about().and_then(|about| about.module);
    match (of.as_deref(), module) {
        (Some(""), Some(_)) | (None, None) => true,
        (Some(of), Some(module)) => of == module,
        (None, Some(_)) => false,
        (Some(_), None) => version.contains(".module+") || version.contains(".module_"),
    }
}

/// The release for subscribers whose package this is, by its version: `7.4.3-4ubuntu2.20+esm1`.
fn subscribers_release(ecosystem: &Ecosystem, version: &str) -> Option<Ecosystem> {
    let is_theirs = ecosystem.name() == "Ubuntu" && (version.contains("+esm") || version.contains("~esm"));
    let release = ecosystem.release().filter(|release| is_theirs && !release.starts_with("Pro:"))?;
    Some(Ecosystem::release_of("Ubuntu", &format!("Pro:{release}")))
}

/// A version, and its keys as far as they were asked for: most packages need one, packages that nobody advises none.
struct Installed<'v> {
    ecosystem: &'v Ecosystem,
    version: &'v str,
    keys: Vec<(u8, Keys)>,
}

/// A version in one order.
struct Keys {
    key: Key,
    builds: Option<Builds>,
    /// It has a place in the order, but lies in no range: `dev-main` of Composer.
    is_branch: bool,
}

impl<'v> Installed<'v> {
    fn new(ecosystem: &'v Ecosystem, version: &'v str) -> Self {
        Self { ecosystem, version: version.trim_ascii(), keys: Vec::new() }
    }

    fn keys(&mut self, order: u8) -> Option<&Keys> {
        let at = match self.keys.iter().position(|(known, _)| *known == order) {
            Some(at) => at,
            None => {
                let by = Order::from_code(order)?;
                let key = match by {
                    // In an ecosystem that has an order this is for listed versions that have no place in it.
                    Order::Exact => {
                        let own = Order::of_ecosystem(&self.ecosystem.to_string());
                        Key { bytes: own.plain_text(self.version), weak: false }
                    }
                    by => by.key(self.version),
                };
                let builds = Builds::of(self.ecosystem.name(), self.version, by);
                let is_branch = by.is_branch(self.version);
                self.keys.push((order, Keys { key, builds, is_branch }));
                self.keys.len() - 1
            }
        };
        self.keys.get(at).map(|(_, keys)| keys)
    }
}

impl Keys {
    /// The key to compare with a statement's bounds.
    fn for_statement(&self, statement: &Statement<'_>) -> &[u8] {
        match &self.builds {
            Some(builds) if !statement.has_bound_between(&builds.first, &builds.last) => &builds.of.bytes,
            _ => &self.key.bytes,
        }
    }

    /// Whether the version lies in one of a statement's intervals, and if so, whether that interval is weak.
    fn lie_in(&self, statement: &Statement<'_>) -> Option<bool> {
        let holder = statement.holder(self.for_statement(statement))?;
        // All versions are all, branches with them (Composer's constraint `*`); no other range has one (`>=0,<2.0`).
        let is_out_of_order = self.is_branch && !holder.is_of_all();
        // What is no version may share the key of one that is listed, and is another text all the same.
        let only_looks_alike = self.key.weak && !holder.is_weak() && holder.is_of_one();
        (!is_out_of_order && !only_looks_alike).then_some(holder.is_weak())
    }
}

#[cfg(test)]
mod tests;
