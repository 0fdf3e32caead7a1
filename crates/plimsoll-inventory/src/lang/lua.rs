//! Lua: rock specifications that LuaRocks installed (github.com/luarocks/luarocks, "Rockspec format").
//!
//! A specification is a program, of which those that matter here are plain assignments.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::json::Licenses;
use super::{licensed, one};
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want};
use crate::path::split;

/// `**/rocks-5.1/NAME/VERSION/NAME-VERSION.rockspec`; the folder is called `rocks` in older trees.
pub(crate) fn matches(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let is_tree = parts.nth(2).is_some_and(|part| part == "rocks" || part.starts_with("rocks-"));
    is_tree && file.ends_with(".rockspec")
}

/// Reads assignments, line by line.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    let mut parts = split(path).0.rsplit('/');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (version, name) = (next(), next());
    ByLine::boxed(Rockspec { name, version, licenses: Licenses::default() })
}

/// Name and version are those of the folders, which LuaRocks takes from the specification.
struct Rockspec {
    name: String,
    version: String,
    licenses: Licenses,
}

impl Lines for Rockspec {
    fn line(&mut self, line: &[u8]) -> Want {
        let Ok(line) = std::str::from_utf8(line) else { return Want::More };
        if let Some((key, value)) = line.split_once('=')
            && key.split(['{', ',']).next_back().is_some_and(|key| key.trim() == "license")
        {
            self.licenses.add(value.split(['"', '\'']).nth(1).unwrap_or_default());
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
        Ok(one(licensed(Package::new(PackageType::Luarocks, &self.name, &self.version), self.licenses)))
    }
}
