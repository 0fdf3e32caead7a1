//! apk: `lib/apk/db/installed`, which merged-usr images have under `usr/` (Alpine wiki, "Apk spec", "Installed database").

use plimsoll_types::inventory::{FileContent, Found};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::owned::Owned;
use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, text, weight};

/// The database in its two places.
pub(crate) fn matches(path: &str) -> bool {
    matches!(path, "lib/apk/db/installed" | "usr/lib/apk/db/installed")
}

/// Reads stanzas, a line at a time.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Installed { stanza: Stanza::default(), packages: vec![], weight: 0 })
}

struct Installed {
    stanza: Stanza,
    packages: Vec<Found>,
    weight: usize,
}

#[derive(Default)]
struct Stanza {
    name: String,
    version: String,
    architecture: String,
    origin: String,
    license: String,
    /// The directory of the files that follow.
    folder: Vec<u8>,
    owned: Owned,
}

impl Lines for Installed {
    fn line(&mut self, line: &[u8]) -> Want {
        match line {
            [] => self.end_stanza(),
            // The case of the letter matters: `p` is what it provides, `a` an owner.
            [b'P', b':', value @ ..] => {
                // A stanza has one: the line between this one and the one before is missing.
                if !self.stanza.name.is_empty() {
                    self.end_stanza();
                }
                self.stanza.name = text(value.trim_ascii());
            }
            [b'V', b':', value @ ..] => self.stanza.version = text(value.trim_ascii()),
            [b'A', b':', value @ ..] => self.stanza.architecture = text(value.trim_ascii()),
            [b'o', b':', value @ ..] => self.stanza.origin = text(value.trim_ascii()),
            [b'L', b':', value @ ..] => self.stanza.license = text(value.trim_ascii()),
            [b'F', b':', folder @ ..] => self.stanza.folder = folder.to_vec(),
            [b'R', b':', name @ ..] => {
                let Stanza { folder, owned, .. } = &mut self.stanza;
                let length = folder.len();
                folder.push(b'/');
                folder.extend_from_slice(name);
                owned.add(folder);
                folder.truncate(length);
            }
            _ => {}
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.weight + self.stanza.owned.held()
    }

    fn finish(mut self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        if whole {
            self.end_stanza();
        }
        Ok(Some(FileContent::Database(self.packages)))
    }
}

impl Installed {
    fn end_stanza(&mut self) {
        let stanza = std::mem::take(&mut self.stanza);
        if stanza.name.is_empty() {
            return;
        }
        let mut package = Package::new(PackageType::Apk, &stanza.name, &stanza.version);
        package.architecture = Some(stanza.architecture).filter(|architecture| !architecture.is_empty());
        package.source = Some(stanza.origin).filter(|origin| !origin.is_empty() && *origin != stanza.name);
        let mut found = Found::from(package);
        found.details.licenses =
            Some(stanza.license).filter(|license| !license.is_empty()).into_iter().collect();
        found.owns = stanza.owned.finish();
        self.weight += weight(&found);
        self.packages.push(found);
    }
}

#[cfg(test)]
mod tests;
