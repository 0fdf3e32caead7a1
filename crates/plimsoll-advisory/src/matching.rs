//! Which advisories affect a package version: a pure question to the database.
//!
//! Each advisory is judged by itself, as the evaluation section of the OSV schema has it; then those that speak of one
//! vulnerability are [merged](group) to one [`Match`]. An installed version without text is never affected: what cannot
//! be compared is the business of [`coverage`], which says why nothing was found.

mod group;

use plimsoll_types::{Ecosystem, InstalledPackage, Match};

use crate::Database;
use crate::database::Statement;
use crate::interval::{Key, Order, comparable};

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
pub fn find(database: &Database, package: &InstalledPackage) -> Vec<Match> {
    let Some(ecosystem) = &package.ecosystem else { return Vec::new() };
    let (name, version) = package.package.advised_as();
    find_version(database, ecosystem, name, version)
}

/// The vulnerabilities of a version of a package, by the name under which advisories speak of it.
pub fn find_version(database: &Database, ecosystem: &Ecosystem, name: &str, version: &str) -> Vec<Match> {
    let mut installed = Installed::new(ecosystem, version);
    let hits = hits(database, ecosystem, name, &mut installed);
    if hits.is_empty() { Vec::new() } else { group::merge(hits, &mut installed, &mut database.texts()) }
}

/// The ids of the advisories that affect a version, sorted; without texts, dates or severities.
pub fn affecting<'d>(
    database: &'d Database,
    ecosystem: &Ecosystem,
    name: &str,
    version: &str,
) -> Vec<&'d str> {
    let hits = hits(database, ecosystem, name, &mut Installed::new(ecosystem, version));
    let mut ids: Vec<_> = hits.iter().filter_map(|hit| hit.statement.id()).collect();
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
        .statements(ecosystem, &ecosystem.lookup_name(name))
        .any(|s| s.has_unevaluated() && s.is_in_force())
    {
        true => Coverage::ListedVersions,
        false => Coverage::Full,
    }
}

/// An advisory that affects the installed version.
struct Hit<'d> {
    statement: Statement<'d>,
    /// The interval's bound, or the installed version itself, is no version of its scheme.
    weak: bool,
}

fn hits<'d>(
    database: &'d Database,
    ecosystem: &Ecosystem,
    name: &str,
    installed: &mut Installed<'_>,
) -> Vec<Hit<'d>> {
    let mut hits = Vec::new();
    if installed.version.is_empty() {
        return hits;
    }
    for statement in database.statements(ecosystem, &ecosystem.lookup_name(name)) {
        let Some(key) = installed.key(statement.order()) else { continue };
        if let Some(weak) = statement.holds(&key.bytes)
            && statement.is_in_force()
        {
            hits.push(Hit { statement, weak: key.weak || weak });
        }
    }
    hits
}

/// A version, and its keys as far as they were asked for: most packages need one, packages that nobody advises none.
struct Installed<'v> {
    version: std::borrow::Cow<'v, str>,
    keys: Vec<(u8, Key)>,
}

impl<'v> Installed<'v> {
    fn new(ecosystem: &Ecosystem, version: &'v str) -> Self {
        Self { version: comparable(ecosystem.name(), version), keys: Vec::new() }
    }

    fn key(&mut self, order: u8) -> Option<&Key> {
        let at = match self.keys.iter().position(|(known, _)| *known == order) {
            Some(at) => at,
            None => {
                let key = Order::from_code(order)?.key(&self.version);
                self.keys.push((order, key));
                self.keys.len() - 1
            }
        };
        self.keys.get(at).map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests;
