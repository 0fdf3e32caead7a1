//! rpm: the database in its three forms, and the list that Azure Linux's images without rpm have in its place.
//!
//! Each form is a box of the same [headers](header), one a package: SQLite since rpm 4.16, SUSE's own NDB, and Berkeley DB
//! before. The file is held as a whole, since all three lead to and fro in it.

mod bdb;
mod header;
mod manifest;
mod ndb;

pub(super) use header::version_of;

use std::rc::Rc;

use plimsoll_types::inventory::{FileContent, Found};
use plimsoll_types::probe::Limits;

use crate::catalogers::{ByLine, Reader, Unreadable, Want, weight};
use crate::layer::Left;
use crate::path::split;
use crate::sqlite;

/// Where rpm keeps its database, and where Fedora, SUSE and systems made of trees keep it.
const DIRECTORIES: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

const MANIFEST: &str = "var/lib/rpmmanifest/container-manifest-2";

const SQLITE: &str = "rpmdb.sqlite";
/// A database that is read without its log: an object of OSTree, which commits hold none of.
pub(super) const ALONE: &str = "rpmdb.sqlite alone";

const LOG: &str = "rpmdb.sqlite-wal";

/// The database in any of its forms, with the log of the first.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    path == MANIFEST
        || DIRECTORIES.contains(&directory) && matches!(name, SQLITE | LOG | "Packages.db" | "Packages")
}

/// Holds a database; reads the list line by line.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    if path == MANIFEST {
        return ByLine::boxed(manifest::Manifest::default());
    }
    let form = match split(path).1 {
        SQLITE => Form::Sqlite,
        ALONE => Form::Alone,
        LOG => Form::Log,
        "Packages.db" => Form::Ndb,
        _ => Form::Berkeley,
    };
    Box::new(Held { form, bytes: Rc::default(), limits: limits.clone() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Sqlite,
    Alone,
    Log,
    Ndb,
    Berkeley,
}

struct Held {
    form: Form,
    bytes: Rc<Vec<u8>>,
    limits: Limits,
}

impl Reader for Held {
    fn expect(&mut self, size: u64) {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(self.limits.file_bytes);
        Rc::make_mut(&mut self.bytes).reserve_exact(size);
    }

    fn read(&mut self, piece: &[u8]) -> Want {
        // Nobody else has it yet, so that nothing is copied.
        Rc::make_mut(&mut self.bytes).extend_from_slice(piece);
        Want::More
    }

    fn held(&self) -> usize {
        self.bytes.len()
    }

    fn left(&self) -> Option<Rc<Vec<u8>>> {
        let waits = match self.form {
            Form::Sqlite => waits_for_log(&self.bytes),
            Form::Log => sqlite::log_says_something(&self.bytes),
            Form::Alone | Form::Ndb | Form::Berkeley => false,
        };
        waits.then(|| self.bytes.clone())
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        // An empty file is what a database is before its first package, or after its removal.
        if !whole || self.bytes.is_empty() {
            return Ok(None);
        }
        let most = self.limits.output_bytes;
        match self.form {
            Form::Log => Ok(None),
            Form::Sqlite if waits_for_log(&self.bytes) => Ok(None),
            Form::Sqlite | Form::Alone => read_sqlite(&self.bytes, &[], most).map(Some),
            Form::Ndb => Packages::collect(most, |packages| ndb::headers(&self.bytes, packages)).map(Some),
            Form::Berkeley => {
                Packages::collect(most, |packages| bdb::headers(&self.bytes, packages)).map(Some)
            }
        }
    }
}

/// A database whose changes may still be in a log beside it; an empty one is one of which all is there.
fn waits_for_log(bytes: &[u8]) -> bool {
    bytes.is_empty() || sqlite::has_log(bytes)
}

/// What databases say together with their logs. The log of a database in a lower layer can be joined to nothing.
pub(crate) fn join<'a>(
    left: &'a [Left],
    limits: &Limits,
) -> Vec<(&'a Left, Result<Option<FileContent>, Unreadable>)> {
    let at = |path: &str| left.iter().find(|file| file.path == path);
    let log_of =
        |database: &str| database.strip_suffix(SQLITE).and_then(|folder| at(&format!("{folder}{LOG}")));
    let mut joined = Vec::new();
    for file in left {
        if let Some(folder) = file.path.strip_suffix(LOG) {
            if at(&format!("{folder}{SQLITE}")).is_none() {
                let reason = "a write-ahead log whose database is not in the same layer";
                joined.push((file, Err(Unreadable::because(reason))));
            }
            continue;
        }
        let log = log_of(&file.path).map_or(&[][..], |log| &log.bytes);
        if !file.bytes.is_empty() || !log.is_empty() {
            joined.push((file, read_sqlite(&file.bytes, log, limits.output_bytes).map(Some)));
        }
    }
    joined
}

fn read_sqlite(database: &[u8], log: &[u8], most: usize) -> Result<FileContent, Unreadable> {
    let database = sqlite::Database::open(database, log)?;
    Packages::collect(most, |packages| {
        let found = database.rows("Packages", &mut |_, columns| match columns {
            // The first is the row's own id, and stored elsewhere.
            [_, blob, ..] => packages.add(blob.bytes()),
            _ => Err(Unreadable::because("a row of the table Packages has no header in it")),
        })?;
        found.ok_or_else(|| Unreadable::because("there is no table Packages in it"))
    })
}

/// Packages, header by header.
struct Packages {
    found: Vec<Found>,
    weight: usize,
    most: usize,
}

impl Packages {
    fn collect(
        most: usize,
        read: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<FileContent, Unreadable> {
        let mut packages = Self { found: vec![], weight: 0, most };
        let read = read(&mut packages);
        let content = FileContent::Database(packages.found);
        match read {
            Ok(()) => Ok(content),
            Err(unreadable) => Err(unreadable.but(content)),
        }
    }

    /// Takes a header. The keys that packages are signed with are kept as packages, and are none.
    fn add(&mut self, header: &[u8]) -> Result<(), Unreadable> {
        let found = header::read(header)?;
        if found.package.name == "gpg-pubkey" {
            return Ok(());
        }
        self.weight += weight(&found);
        if self.weight > self.most {
            return Err(Unreadable::because(format!("its packages take more than {} bytes", self.most)));
        }
        self.found.push(found);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
