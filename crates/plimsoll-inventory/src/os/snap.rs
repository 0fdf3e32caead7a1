//! Snaps that are unpacked: `meta/snap.yaml`, alone or under `snap/NAME/REVISION` (snapcraft.io, "The snap format").

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{ByLine, Lines, Reader, Unreadable, Want, field, text};

/// The description of a snap.
pub(crate) fn matches(path: &str) -> bool {
    path == "meta/snap.yaml" || path.starts_with("snap/") && path.ends_with("/meta/snap.yaml")
}

/// Reads two keys of YAML, which stand at the beginning of their lines.
pub(crate) fn reader(_: &str, _: &Limits) -> Box<dyn Reader> {
    ByLine::boxed(Snap::default())
}

#[derive(Default)]
struct Snap {
    name: String,
    version: String,
}

impl Lines for Snap {
    fn line(&mut self, line: &[u8]) -> Want {
        let plain = |value: &[u8]| text(value).trim_matches(['\'', '"']).to_owned();
        if let Some(value) = field(line, "name").filter(|_| self.name.is_empty()) {
            self.name = plain(value);
        } else if let Some(value) = field(line, "version").filter(|_| self.version.is_empty()) {
            self.version = plain(value);
        }
        Want::More
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        match self.name.is_empty() {
            false => {
                Ok(Some(FileContent::packages([Package::new(PackageType::Snap, &self.name, &self.version)])))
            }
            true if whole => Err(Unreadable::because("there is no name in it")),
            true => Ok(None),
        }
    }
}
