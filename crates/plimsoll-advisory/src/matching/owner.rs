//! Packages of a language whose files a package of the distribution owns.
//!
//! `python3-requests` of Debian brings what looks like PyPI's `requests`, with the version that upstream gave it and the fixes
//! that Debian put in. What Debian says of its package is right for both, so the distribution's word on the vulnerability
//! replaces that of the language's database: where it calls its package affected, that is the finding; where it calls it fixed
//! or not affected, there is none. Where it says nothing of the vulnerability, the language's database is all there is. Where
//! somebody else than the distribution built the owner, what it says of open flaws is not about that.

use std::collections::HashSet;

use plimsoll_types::{InstalledPackage, Match, Status, SuppressedBy, Suppression};

use super::{Asked, Installed, statements};
use crate::Database;

/// Sets aside, with the reason, what of a language package's matches its owner, a package of the distribution, has a word on.
pub fn heed_owner(database: &Database, matches: &mut [Match], owner: &InstalledPackage) {
    let Some(ecosystem) = &owner.ecosystem else { return };
    if matches.iter().all(|found| !found.is_finding()) {
        return;
    }
    let (name, version) = owner.package.advised_as();
    let mut installed = Installed::new(ecosystem, version);
    if installed.version.is_empty() {
        return;
    }
    let words: Vec<(Status, &str, HashSet<&str>)> =
        statements(database, &Asked { ecosystem, name, source: None, version, module: None })
            .filter(|statement| statement.is_in_force())
            .filter_map(|statement| {
                let keys = installed.keys(statement.order())?;
                let status = match keys.lie_in(&statement) {
                    Some(_) => statement.status(),
                    None if statement.has_fix_up_to(&keys.key.bytes) => Status::Fixed,
                    None => Status::NotAffected,
                };
                let (id, (others, _)) = (statement.id()?, statement.names()?);
                let names = std::iter::once(id).chain(others.aliases).chain(others.upstream).collect();
                Some((status, id, names))
            })
            .collect();
    let is_third_party = super::third_party(owner).is_some();
    for found in matches.iter_mut().filter(|found| found.is_finding()) {
        let is_named = |names: &HashSet<&str>| {
            let mut all =
                std::iter::once(&found.vulnerability).chain(&found.aliases).chain(&found.advisories);
            all.any(|name| names.contains(name.as_str()))
        };
        // The worst of what the owner's distribution says.
        let named = words.iter().filter(|(_, _, names)| is_named(names));
        let Some((status, source, _)) = named.min_by_key(|(status, ..)| !status.is_finding()) else {
            continue;
        };
        // What the distribution calls affected is its own package, not that of somebody else with its name.
        if is_third_party && status.is_finding() {
            continue;
        }
        let owner = &owner.package.name;
        let reason = match status {
            Status::Fixed => {
                format!("its files belong to {owner}, in which the distribution has fixed it")
            }
            Status::NotAffected => {
                format!("its files belong to {owner}, which the distribution says is not affected")
            }
            _ => format!("its files belong to {owner}, which has the finding"),
        };
        if !status.is_finding() {
            found.status = *status;
        }
        found.evidence.suppressed =
            Some(Suppression { by: SuppressedBy::Owner, source: (*source).to_owned(), reason });
    }
}
