//! The advisory database that readers use, while updates put new generations in its place.
//!
//! A folder holds immutable files, one a generation, and a pointer to the one that counts:
//!
//! ```text
//! advisories/
//!   1763772000.db     a generation: never changed, mapped by whoever reads it
//!   current           the name of the generation that counts
//!   feeds.json        what is known of the feeds: last asked, entity tags, errors
//!   lock              held by the one process that writes
//! ```
//!
//! The number of a generation is the second in which it was made, or one more than its predecessor's where that is
//! greater. So it grows even where the folder was thrown away and the store, which remembers numbers, was not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use plimsoll_advisory::vex::Vex;
use plimsoll_advisory::{Database, matching};
use plimsoll_types::{Ecosystem, InstalledPackage, Match, Timestamp};
use tokio::sync::watch;

use crate::{Error, ErrorKind, Result};

/// Most generations that are kept: the current one, and those before it that a store's matches may stand at.
const KEPT_GENERATIONS: usize = 3;

/// One generation, open.
#[derive(Debug)]
pub struct Advisories {
    generation: u64,
    updated_at: Option<Timestamp>,
    database: Database,
    vex: Vex,
}

impl Advisories {
    /// Opens the generation that counts in a folder; `None` where there is none yet.
    pub fn open(folder: &Path) -> Result<Option<Self>> {
        let Some(generation) = current_generation(folder)? else { return Ok(None) };
        Self::open_generation(folder, generation).map(Some)
    }

    /// Opens a generation that may not count any more.
    pub(crate) fn open_generation(folder: &Path, generation: u64) -> Result<Self> {
        let database = Database::open(&file_of(folder, generation))?;
        let updated_at = crate::feeds::last_checked(folder).or(Some(database.created_at()));
        Ok(Self { generation, updated_at, database, vex: Vex::default() })
    }

    /// A database that lies somewhere else, as tests have it.
    pub fn from_database(generation: u64, database: Database) -> Self {
        Self { generation, updated_at: Some(database.created_at()), database, vex: Vex::default() }
    }

    /// The same with VEX documents, whose word comes last.
    pub fn with_vex(mut self, vex: Vex) -> Self {
        self.vex = vex;
        self
    }

    /// The VEX documents that are heeded.
    pub(crate) fn vex(&self) -> &Vex {
        &self.vex
    }

    /// Its number; greater is newer.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When its feeds were last asked, as far as was known when it was opened.
    pub fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    /// The compiled data.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Whether there is data for an ecosystem and its release. Where there is not, no match means nothing.
    pub fn knows(&self, ecosystem: &Ecosystem) -> bool {
        self.database.knows(ecosystem)
    }

    /// What is known about a package version, of which a package of the distribution may own the files.
    pub fn find(&self, package: &InstalledPackage, owner: Option<&InstalledPackage>) -> Vec<Match> {
        let mut found = matching::find(&self.database, package);
        if let Some(owner) = owner {
            matching::heed_owner(&self.database, &mut found, owner);
        }
        found
    }
}

/// The generation that counts, for many readers at once. Cheap to clone; all clones are one handle.
#[derive(Clone)]
pub struct AdvisoryHandle {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    current: ArcSwapOption<Advisories>,
    generation: watch::Sender<u64>,
}

impl AdvisoryHandle {
    /// A handle on a folder, which may be missing or empty. A database that cannot be opened counts as none: it is logged,
    /// and the next update makes a new one.
    pub fn open(folder: &Path) -> Self {
        let shared = Shared {
            folder: folder.to_owned(),
            current: ArcSwapOption::empty(),
            generation: watch::Sender::new(0),
        };
        let handle = Self { shared: Arc::new(shared) };
        if let Err(error) = handle.refresh() {
            tracing::warn!(
                error = error.chain(),
                "the advisory database cannot be opened; update it to build a new one"
            );
        }
        handle
    }

    /// The generation that counts now. Whoever holds it keeps it, whatever comes after.
    pub fn load(&self) -> Option<Arc<Advisories>> {
        self.shared.current.load_full()
    }

    /// The number of the generation that counts now; 0 for none.
    pub fn generation(&self) -> u64 {
        *self.shared.generation.borrow()
    }

    /// Looks whether another generation counts by now, and opens it; says whether there was one. Cheap where nothing
    /// changed. Blocks on the disk.
    pub fn refresh(&self) -> Result<bool> {
        let Some(generation) = current_generation(&self.shared.folder)? else { return Ok(false) };
        if generation == self.generation() {
            return Ok(false);
        }
        let advisories = Advisories::open_generation(&self.shared.folder, generation)?;
        self.shared.current.store(Some(Arc::new(advisories)));
        self.shared.generation.send_replace(generation);
        Ok(true)
    }

    /// Told of each generation that begins to count.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// An older generation, where its file is still there.
    pub(crate) fn older(&self, generation: u64) -> Option<Advisories> {
        Advisories::open_generation(&self.shared.folder, generation).ok()
    }
}

/// The file of a generation.
pub(crate) fn file_of(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:010}.db"))
}

/// The number that `current` names, where there is one.
pub(crate) fn current_generation(folder: &Path) -> Result<Option<u64>> {
    let path = folder.join("current");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", &path, error)),
    };
    let number = text.trim().strip_suffix(".db").and_then(|number| number.parse().ok());
    let bad = || Error::new(ErrorKind::Damaged, format!("{} does not name a generation", path.display()));
    number.map(Some).ok_or_else(bad)
}

/// Makes a generation, whose file is there already, the one that counts.
pub(crate) fn make_current(folder: &Path, generation: u64) -> Result<()> {
    write_aside(&folder.join("current"), format!("{generation:010}.db\n").as_bytes())
}

/// Removes the generations that nobody needs any more. What cannot be removed stays for the next time.
pub(crate) fn remove_old(folder: &Path, current: u64) {
    let mut generations: Vec<u64> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".db")?.parse().ok())
        .collect();
    generations.sort_unstable_by(|a, b| b.cmp(a));
    // Newer than the current one can only be what a killed update left behind.
    let leftovers = generations.iter().filter(|number| **number > current);
    let old = generations.iter().filter(|number| **number <= current).skip(KEPT_GENERATIONS);
    for generation in leftovers.chain(old) {
        let _ = std::fs::remove_file(file_of(folder, *generation));
    }
}

/// Replaces a file: written aside, to the disk, then renamed, so that after a crash there is the old one or the new one.
pub(crate) fn write_aside(path: &Path, content: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&aside)?;
        std::io::Write::write_all(&mut file, content)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)?;
        std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| Error::file("write", path, error))
}
