//! pacman: `var/lib/pacman/local/NAME-VERSION/`, with a description and a list of files for each package of Arch and its
//! relatives (alpm-db(5), `%NAME%` and its value in the line behind).

use plimsoll_types::inventory::{FileContent, Found, OwnedFiles};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::owned::Owned;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, text};
use crate::path::split;

const DATABASE: &str = "var/lib/pacman/local/";

/// `desc` and `files` of a package.
pub(crate) fn matches(path: &str) -> bool {
    path.strip_prefix(DATABASE)
        .is_some_and(|rest| matches!(rest.split_once('/'), Some((_, "desc" | "files"))))
}

/// Reads sections, a line at a time.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    let (folder, file) = split(path);
    if file == "desc" {
        return ByLine::boxed(Description::default());
    }
    // NAME-VERSION-RELEASE: the name may hold hyphens, the others not.
    let package = split(folder).1.rsplitn(3, '-').nth(2).unwrap_or_default().to_owned();
    ByLine::boxed(Files { package, is_list: false, owned: Owned::default() })
}

#[derive(Default)]
struct Description {
    section: String,
    name: String,
    version: String,
    base: String,
    architecture: String,
    packager: String,
    licenses: Vec<String>,
}

/// More licences than any package has.
const LICENSES: usize = 50;

impl Lines for Description {
    fn line(&mut self, line: &[u8]) -> Want {
        if let Some(section) = line.strip_prefix(b"%").and_then(|rest| rest.strip_suffix(b"%")) {
            self.section = text(section);
            return Want::More;
        }
        if line.is_empty() {
            return Want::More;
        }
        let field = match self.section.as_str() {
            "NAME" => &mut self.name,
            "VERSION" => &mut self.version,
            "BASE" => &mut self.base,
            "ARCH" => &mut self.architecture,
            "PACKAGER" => &mut self.packager,
            "LICENSE" if self.licenses.len() < LICENSES => {
                self.licenses.push(text(line));
                return Want::More;
            }
            _ => return Want::More,
        };
        *field = text(line);
        Want::More
    }

    fn held(&self) -> usize {
        self.licenses.iter().map(|license| license.len() + 24).sum()
    }

    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if self.name.is_empty() || self.version.is_empty() {
            return if whole {
                Err(Unreadable::because("it has no name or no version in it"))
            } else {
                Ok(None)
            };
        }
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut package = Package::new(PackageType::Alpm, &self.name, &self.version);
        package.architecture = some(self.architecture);
        package.source = some(self.base).filter(|base| *base != self.name);
        let mut found = Found::from(package);
        found.details.licenses = self.licenses;
        found.details.origin = some(self.packager).filter(|packager| packager != "Unknown Packager");
        Ok(Some(FileContent::Packages(vec![found])))
    }
}

struct Files {
    package: String,
    is_list: bool,
    owned: Owned,
}

impl Lines for Files {
    fn line(&mut self, line: &[u8]) -> Want {
        match line {
            [b'%', ..] => self.is_list = line == b"%FILES%",
            // Directories end in a slash.
            [.., b'/'] => {}
            path if self.is_list => self.owned.add(path),
            _ => {}
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.owned.held()
    }

    fn finish(self, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let (package, paths) = (self.package, self.owned.finish());
        Ok((!paths.is_empty()).then_some(FileContent::Files(OwnedFiles { package, paths })))
    }
}
