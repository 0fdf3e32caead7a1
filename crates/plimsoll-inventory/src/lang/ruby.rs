//! Ruby: the specifications of installed gems (guides.rubygems.org, "Specification Reference").
//!
//! A specification is a program. Those that RubyGems installs are written by RubyGems itself, one assignment a line, and the
//! second line of the newer ones is a stub that names the gem without running anything: `# stub: NAME VERSION PLATFORM DIRS`.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::json::Licenses;
use super::{licensed, one};
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want};
use crate::path::split;

/// `**/specifications/*.gemspec`, those of default gems one folder below, and those of gems that Bundler has from git.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    let (above, folder) = split(directory);
    name.ends_with(".gemspec")
        && (folder == "specifications"
            || folder == "default" && split(above).1 == "specifications"
            || is_from_git(path))
}

/// `**/bundler/gems/REPOSITORY-REVISION/NAME.gemspec`; a repository of several gems has each in a folder of its name. Bundler
/// writes them anew when it has checked them out, as RubyGems would.
fn is_from_git(path: &str) -> bool {
    let (directory, file) = split(path);
    let is_checkout = |directory: &str| {
        let (gems, checkout) = split(directory);
        checkout.contains('-') && split(gems).1 == "gems" && split(split(gems).0).1 == "bundler"
    };
    let (above, folder) = split(directory);
    is_checkout(directory) || file.strip_suffix(".gemspec") == Some(folder) && is_checkout(above)
}

/// Reads assignments, line by line.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    let file_name = split(path).1.trim_end_matches(".gemspec").to_owned();
    ByLine::boxed(Specification { file_name, is_from_git: is_from_git(path), ..Specification::default() })
}

#[derive(Default)]
struct Specification {
    file_name: String,
    is_from_git: bool,
    name: String,
    version: String,
    platform: String,
    licenses: Licenses,
}

impl Lines for Specification {
    fn line(&mut self, line: &[u8]) -> Want {
        let Ok(line) = std::str::from_utf8(line) else { return Want::More };
        let line = line.trim();
        if let Some(stub) = line.strip_prefix("# stub:").filter(|_| self.name.is_empty()) {
            let mut words = stub.split_whitespace();
            let mut next = || words.next().unwrap_or_default().to_owned();
            (self.name, self.version, self.platform) = (next(), next(), next());
            return Want::More;
        }
        // `s.name = "rake".freeze`: what the object is called, its author chose.
        let Some((target, value)) = line.split_once('=') else { return Want::More };
        let Some((_, key)) = target.trim().rsplit_once('.') else { return Want::More };
        match key {
            "name" if self.name.is_empty() => self.name = text(value),
            "version" if self.version.is_empty() => self.version = text(value),
            "platform" if self.platform.is_empty() => self.platform = text(value),
            "license" | "licenses" => {
                // Between quotes are the odd parts.
                value.split(['"', '\'']).skip(1).step_by(2).for_each(|name| self.licenses.add(name));
            }
            _ => {}
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(mut self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if self.version.is_empty() || !self.version.starts_with(|c: char| c.is_ascii_digit()) {
            // Somebody computes it; then the name of the file has it: `NAME-VERSION` or `NAME-VERSION-PLATFORM`.
            self.version = of_file_name(&self.file_name, &self.name).unwrap_or_default();
        }
        if self.is_from_git && self.name.is_empty() {
            self.name = self.file_name;
        }
        let is_known = !self.version.is_empty() || self.is_from_git;
        if self.name.is_empty() || !is_known {
            return if whole {
                Err(Unreadable::because("there is no name with a version in it"))
            } else {
                Ok(None)
            };
        }
        let mut package = Package::new(PackageType::Gem, &self.name, &self.version);
        package.architecture =
            Some(self.platform).filter(|platform| !platform.is_empty() && platform != "ruby");
        Ok(one(licensed(package, self.licenses)))
    }
}

/// The first text in quotes, in whichever way it is wrapped: `Gem::Version.new("1.0".freeze)`.
fn text(value: &str) -> String {
    value.split(['"', '\'']).nth(1).unwrap_or_default().to_owned()
}

fn of_file_name(file_name: &str, name: &str) -> Option<String> {
    let rest = file_name.strip_prefix(name)?.strip_prefix('-')?;
    let version = rest.split('-').next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests;
