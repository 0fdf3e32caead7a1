//! The whole story of one verdict: every advisory that speaks of a vulnerability in a package, and what came of comparing.

use plimsoll_types::{InstalledPackage, PackageType, Status, Timestamp};

use super::{Asked, Installed, statements};
use crate::Database;
use crate::database::{Advisory, Statement};
use crate::interval::Order;
use crate::osv::Authority;

/// What one advisory says of a package, and what that means for the installed version.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The advisory, with all that it says.
    pub advisory: Advisory,
    /// Whose word it is.
    pub authority: Authority,
    /// The name under which it was looked up: the source package's where the distribution advises by source.
    pub name: String,
    /// The version that was compared.
    pub version: String,
    /// By which order: `dpkg`, `pep440`; `text` where only the same text is the same version.
    pub order: &'static str,
    /// What it says of versions of this package, a line for each of its releases.
    pub ranges: Vec<String>,
    /// What came of it.
    pub judgement: Judgement,
    /// The installed version or the bound that decided is none of its ecosystem, so that the comparison is a guess.
    pub weak: bool,
    /// The publisher's reason, where it gives one.
    pub note: String,
}

/// What came of comparing a version with an advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The version is in a range, of which the advisory says this.
    Says(Status),
    /// The version is in none of its ranges.
    OutOfRange,
    /// The version is in a range, and the advisory was taken back at this time.
    Withdrawn(Timestamp),
    /// It has ranges that we cannot evaluate, and none of the others has the version.
    CannotTell,
}

/// Every advisory that speaks of a vulnerability, by any of its names, in an installed package, best source first.
pub fn explain(database: &Database, package: &InstalledPackage, vulnerability: &str) -> Vec<Account> {
    let Some(ecosystem) = &package.ecosystem else { return Vec::new() };
    let (name, version) = package.package.advised_as();
    let mut installed = Installed::new(ecosystem, version);
    let mut accounts: Vec<Account> = Vec::new();
    let source = (package.package.package_type == PackageType::Rpm).then(|| package.package.source_name());
    let module = super::stream(package);
    for statement in
        statements(database, &Asked { ecosystem, name, source, version, module: module.as_deref() })
    {
        let Some(advisory) = named(database, &statement, vulnerability) else { continue };
        let (judgement, weak) = judge(&statement, &advisory, &mut installed);
        let about = statement.about().unwrap_or_default();
        let lookup_name = ecosystem.lookup_name(name);
        let is_of_package = |line: &&String| {
            line.split_once(": ").and_then(|(package, _)| package.rsplit_once(' ')).is_some_and(
                |(of, called)| {
                    of.split(':').next() == Some(ecosystem.name())
                        && ecosystem.lookup_name(called) == lookup_name
                },
            )
        };
        let mut ranges: Vec<String> = advisory.ranges.iter().filter(is_of_package).cloned().collect();
        if ranges.is_empty() {
            ranges.extend(statement.in_words().map(|words| format!("{ecosystem} {name}: {words}")));
        }
        let account = Account {
            ranges,
            authority: statement.authority(),
            name: name.to_owned(),
            version: version.to_owned(),
            order: Order::from_code(statement.order()).map_or("", Order::name),
            judgement,
            weak,
            note: about.note,
            advisory,
        };
        // An advisory may have several statements on one package; the one that decides is told.
        match accounts.iter_mut().find(|known| known.advisory.id == account.advisory.id) {
            Some(known) if matches!(known.judgement, Judgement::OutOfRange | Judgement::CannotTell) => {
                *known = account;
            }
            Some(_) => {}
            None => accounts.push(account),
        }
    }
    accounts.sort_by(|a, b| (a.authority, &a.advisory.id).cmp(&(b.authority, &b.advisory.id)));
    accounts
}

/// The advisory of a statement, where it has the name.
fn named(database: &Database, statement: &Statement<'_>, name: &str) -> Option<Advisory> {
    let (id, (names, _)) = (statement.id()?, statement.names()?);
    let has = id == name || names.aliases.contains(&name) || names.upstream.contains(&name);
    if has { database.advisory(id) } else { None }
}

fn judge(statement: &Statement<'_>, advisory: &Advisory, installed: &mut Installed<'_>) -> (Judgement, bool) {
    if installed.version.is_empty() {
        return (Judgement::CannotTell, true);
    }
    let Some(keys) = installed.keys(statement.order()) else { return (Judgement::CannotTell, true) };
    match (keys.lie_in(statement), advisory.withdrawn) {
        (Some(weak), Some(at)) if !statement.is_in_force() => (Judgement::Withdrawn(at), weak),
        (Some(weak), _) => (Judgement::Says(statement.status()), weak || keys.key.weak),
        (None, _) if statement.has_unevaluated() => (Judgement::CannotTell, keys.key.weak),
        (None, _) => (Judgement::OutOfRange, keys.key.weak),
    }
}
