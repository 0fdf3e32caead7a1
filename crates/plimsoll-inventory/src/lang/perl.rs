//! Perl: distributions that were installed from CPAN (metacpan.org, `perllocal` and App::cpanminus' `install.json`).
//!
//! A `.packlist` lists files and no version. The two records that have one are those of `cpanm`, a file a distribution, and
//! `perllocal.pod`, to which `make install` adds a paragraph each time.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::json::Text;
use super::{object, one, some};
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, Whole, text};
use crate::path::split;

/// `**/.meta/NAME-VERSION/install.json`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    name == "install.json" && split(split(directory).0).1 == ".meta"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

#[derive(Deserialize)]
struct Install {
    /// `Try-Tiny-0.31`
    #[serde(default)]
    dist: Text,
    /// The main module, `Try::Tiny`.
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
}

fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let install: Install = object(bytes)?;
    let (dist, version) = (install.dist.as_str(), install.version.as_str());
    let of_dist =
        dist.strip_suffix(version).and_then(|rest| rest.strip_suffix('-').or(rest.strip_suffix("-v")));
    let name = match of_dist {
        Some(name) if !version.is_empty() => name.to_owned(),
        _ => distribution(install.name.as_str()),
    };
    if name.is_empty() || version.is_empty() {
        return Err(Unreadable::because("there is no name with a version in it"));
    }
    Ok(one(Package::new(PackageType::Cpan, &name, version).into()))
}

/// The distribution that is named after its main module.
fn distribution(module: &str) -> String {
    module.replace("::", "-")
}

/// The journal of `make install`.
pub(crate) mod local {
    use super::{
        ByLine, FileContent, Limits, Lines, Package, PackageType, Reader, Unreadable, Want, distribution,
        some, split, text,
    };

    /// Distributions in one journal.
    const MOST: usize = 100_000;

    /// `**/perllocal.pod`.
    pub(crate) fn matches(path: &str) -> bool {
        split(path).1 == "perllocal.pod"
    }

    /// Reads paragraphs, line by line.
    pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
        ByLine::boxed(Journal::default())
    }

    #[derive(Default)]
    struct Journal {
        module: String,
        /// Name and version; what was installed again stands further down.
        installed: Vec<(String, String)>,
        has_more: bool,
    }

    impl Lines for Journal {
        fn line(&mut self, line: &[u8]) -> Want {
            let line = text(line);
            if line.starts_with("=head2 ") {
                // `=head2 Sat Jan  6 10:11:12 2024: C<Module> L<Try::Tiny|Try::Tiny>`
                self.module = between(&line, "L<", &['|', '>']).unwrap_or_default();
            } else if let Some(version) = between(&line, "C<VERSION:", &['>'])
                && !self.module.is_empty()
            {
                if self.installed.len() < MOST {
                    let name = distribution(&std::mem::take(&mut self.module));
                    self.installed.push((name, version.trim().to_owned()));
                } else {
                    self.has_more = true;
                }
            }
            Want::More
        }

        fn held(&self) -> usize {
            self.installed.iter().map(|(name, version)| name.len() + version.len() + 64).sum()
        }

        fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
            if self.has_more {
                return Err(Unreadable::because(format!("it lists more than {MOST} distributions")));
            }
            // The last word on each counts.
            let last: std::collections::BTreeMap<_, _> = self.installed.into_iter().collect();
            let packages = last.iter().filter(|(_, version)| !version.is_empty());
            Ok(some(
                packages
                    .map(|(name, version)| Package::new(PackageType::Cpan, name, version).into())
                    .collect(),
            ))
        }
    }

    fn between(line: &str, start: &str, ends: &[char]) -> Option<String> {
        let rest = &line[line.find(start)? + start.len()..];
        Some(rest[..rest.find(ends)?].to_owned())
    }
}

#[cfg(test)]
mod tests;
