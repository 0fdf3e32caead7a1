//! Julia: packages in a depot (pkgdocs.julialang.org, "Project.toml"), and those that come with the runtime.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::one;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want};

/// `**/packages/NAME/SLUG/Project.toml`, `**/stdlib/vX.Y/NAME/Project.toml`; the older name of the file counts as well.
pub(crate) fn matches(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let is_project = matches!(parts.next(), Some("Project.toml" | "JuliaProject.toml"));
    let (below, above, root) = (parts.next(), parts.next(), parts.next());
    let is_slug = |slug: &str| slug.len() == 5 && slug.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_project
        && below.is_some_and(|below| !below.is_empty())
        && (root == Some("packages") && below.is_some_and(is_slug)
            || root == Some("stdlib") && above.is_some_and(|version| version.starts_with('v')))
}

/// Reads keys up to the first table, line by line.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Project::default())
}

#[derive(Default)]
struct Project {
    name: String,
    version: String,
}

impl Lines for Project {
    fn line(&mut self, line: &[u8]) -> Want {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.starts_with('[') {
            return Want::Nothing;
        }
        let Some((key, value)) = line.split_once('=') else { return Want::More };
        let value = || value.split(['"', '\'']).nth(1).unwrap_or_default().to_owned();
        match key.trim() {
            "name" => self.name = value(),
            "version" => self.version = value(),
            _ => {}
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    /// A part of the standard library without a version of its own has that of the runtime, which does not stand here.
    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        match (self.name.as_str(), self.version.as_str()) {
            ("", _) if whole => Err(Unreadable::because("there is no name in it")),
            ("", _) | (_, "") => Ok(None),
            (name, version) => Ok(one(Package::new(PackageType::Julia, name, version).into())),
        }
    }
}
