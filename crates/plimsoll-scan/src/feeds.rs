//! Keeps the advisory database up to date with a feed in the layout of the OSV bucket.
//!
//! The first time, an ecosystem is read whole (`all.zip`). Later its list (`modified_id.csv`) says what is new, changed or
//! gone, and only these records are fetched. Every update that changes something writes a new generation beside the old
//! one; readers of the old one are never blocked. An ecosystem that fails keeps the data it has and does not hold up the
//! others, and one that would lose much of its data at once keeps it too, until somebody says that this is right.

mod bucket;
mod carry;
mod publish;
mod registry;
mod state;
mod sync;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_advisory::publishers::Publisher;
use plimsoll_types::Timestamp;

pub use bucket::FeedLocation;
pub use carry::Imported;
pub use publish::PublisherFeed;
pub use registry::{Pushed, RegistryAccess};
pub(crate) use state::last_checked;
pub use sync::Change;

use crate::advisories::{self, Advisories};
use crate::clock::Clock;
use crate::{Error, ErrorKind, Result};
use bucket::Bucket;
use state::State;

/// Keeps the database in a folder up to date with one feed.
#[derive(Clone)]
pub struct Feeds {
    folder: PathBuf,
    location: FeedLocation,
    publishers: Vec<PublisherFeed>,
    registry: RegistryAccess,
    clock: Clock,
}

/// How an update is done.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// Only these ecosystems, by the name of their folder; empty means all that the feed lists.
    pub ecosystems: Vec<String>,
    /// Read every ecosystem whole, whatever is there already.
    pub full: bool,
    /// Believe a feed that lost much of its data at once.
    pub accept_drop: bool,
}

/// What an update tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// The feed has these ecosystems, as many as are wanted.
    Listed(usize),
    /// Bytes of an archive that have arrived, and how many there will be, where the feed says so.
    Downloaded {
        /// The ecosystem.
        ecosystem: String,
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all.
        total: Option<u64>,
    },
    /// All that is needed of an ecosystem is here.
    Fetched {
        /// The ecosystem.
        ecosystem: String,
        /// What will become of it.
        change: Change,
    },
    /// A new generation is being compiled.
    Compiling,
}

/// Told of each [`FeedEvent`].
pub type FeedProgress = Arc<dyn Fn(FeedEvent) + Send + Sync>;

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The generation that counts now; 0 where there is none yet.
    pub generation: u64,
    /// Whether it is a new one.
    pub changed: bool,
    /// What became of each ecosystem, sorted by name.
    pub ecosystems: Vec<(String, Change)>,
}

impl Updated {
    /// The ecosystems that keep older data, with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ecosystems.iter().filter_map(|(name, change)| match change {
            Change::Failed(reason) => Some((name.as_str(), reason.as_str())),
            _ => None,
        })
    }
}

/// What is known, and how old it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedStatus {
    /// The generation that counts.
    pub generation: u64,
    /// When it was compiled.
    pub created_at: Timestamp,
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Advisories in it.
    pub advisories: u64,
    /// Where its data come from, as far as is known.
    pub feed: Option<String>,
    /// When the feed was asked last with success.
    pub checked_at: Option<Timestamp>,
    /// The ecosystems, sorted by name.
    pub ecosystems: Vec<EcosystemStatus>,
    /// The publishers' own feeds, sorted by name.
    pub publishers: Vec<PublisherStatus>,
}

/// A publisher's own feed in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherStatus {
    /// Its name.
    pub name: String,
    /// Where it was asked last.
    pub location: Option<String>,
    /// Vulnerabilities that it speaks of.
    pub advisories: u64,
    /// When it was asked last with success.
    pub checked_at: Option<Timestamp>,
    /// Why it could not be brought up to date the last time.
    pub failure: Option<String>,
}

/// One ecosystem of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcosystemStatus {
    /// Its name.
    pub name: String,
    /// Its releases, sorted.
    pub releases: Vec<String>,
    /// Advisories that name a package of it.
    pub advisories: u64,
    /// Packages that they name.
    pub packages: u64,
    /// Ranges of versions that cannot be compared, since the order of its versions is not known.
    pub unevaluated_ranges: u64,
    /// When the newest of its advisories was changed.
    pub newest: Timestamp,
    /// When its feed was asked last with success.
    pub checked_at: Option<Timestamp>,
    /// Why it could not be brought up to date the last time.
    pub failure: Option<String>,
}

impl Feeds {
    /// A feed for the database in `folder`. Nothing is touched yet.
    pub fn new(folder: &Path, location: FeedLocation, clock: Clock) -> Self {
        Self {
            folder: folder.to_owned(),
            location,
            publishers: Vec::new(),
            registry: RegistryAccess::default(),
            clock,
        }
    }

    /// How the registries are spoken to that carry databases, and whose databases are taken.
    pub fn with_registry(mut self, registry: RegistryAccess) -> Self {
        self.registry = registry;
        self
    }

    /// Publishers' own feeds that are read beside the bucket.
    pub fn with_publishers(mut self, publishers: Vec<PublisherFeed>) -> Self {
        self.publishers = publishers;
        self
    }

    /// Where the data come from.
    pub fn location(&self) -> &FeedLocation {
        &self.location
    }

    /// Brings the database up to date: what changed is a new generation, in place when this returns.
    ///
    /// Fails with `Busy` while another process updates the same folder. Ecosystems that fail are told in the result; it is
    /// an error only where the feed itself does not answer, or where none of its ecosystems could be read.
    pub async fn update(&self, options: &UpdateOptions, progress: &FeedProgress) -> Result<Updated> {
        if let FeedLocation::Registry(from) = &self.location {
            return self.update_from(from, options, progress).await;
        }
        let lock = Lock::take(&self.folder)?;
        let state = State::load(&self.folder);
        let base = self.base()?.map(Arc::new);
        let bucket = Bucket::new(&self.location)?;
        let publishers = &self.publishers;
        sync::update(lock, &self.folder, &bucket, publishers, state, base, options, &self.clock, progress)
            .await
    }

    /// What is known, and how old it is; `None` where there is no database yet. Blocks on the disk.
    pub fn status(&self) -> Result<Option<FeedStatus>> {
        let Some(advisories) = Advisories::open(&self.folder)? else { return Ok(None) };
        let state = State::load(&self.folder);
        let database = advisories.database();
        let ecosystems = database.ecosystems().into_iter().map(|known| {
            let feed = state.feeds.get(&known.name);
            EcosystemStatus {
                checked_at: feed.and_then(|feed| feed.checked_at).or(known.fetched_at),
                failure: feed.and_then(|feed| feed.failure.clone()),
                name: known.name,
                releases: known.releases,
                advisories: known.advisories,
                packages: known.packages,
                unevaluated_ranges: known.unevaluated_ranges,
                newest: known.newest,
            }
        });
        Ok(Some(FeedStatus {
            generation: advisories.generation(),
            created_at: database.created_at(),
            bytes: database.bytes(),
            advisories: database.advisories(),
            ecosystems: ecosystems.collect(),
            publishers: publishers(database, &state),
            feed: state.location,
            checked_at: state.checked_at,
        }))
    }

    /// How long ago this feed was asked with success, in milliseconds; `None` where it never was.
    pub fn age_ms(&self) -> Option<i64> {
        advisories::current_generation(&self.folder).ok().flatten()?;
        let state = State::load(&self.folder);
        let checked = state.checked_at.filter(|_| state.location == Some(self.location.to_string()))?;
        // A clock that went back says nothing about how long ago it was.
        Some((self.clock)().0.saturating_sub(checked.0)).filter(|age| *age >= 0)
    }

    /// The database to start from. One that cannot be read is no base: it will be compiled anew.
    fn base(&self) -> Result<Option<Advisories>> {
        match Advisories::open(&self.folder) {
            Ok(base) => Ok(base),
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotFound) => {
                tracing::warn!(error = error.chain(), "the advisory database is built anew");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn publishers(database: &plimsoll_advisory::Database, state: &State) -> Vec<PublisherStatus> {
    let all = Publisher::ALL.into_iter().filter_map(|publisher| {
        let (name, feed) = (publisher.name(), state.feeds.get(publisher.name()));
        let advisories = database.ids(name).count() as u64;
        (advisories > 0 || feed.is_some()).then(|| PublisherStatus {
            name: name.to_owned(),
            location: feed.and_then(|feed| feed.location.clone()),
            advisories,
            checked_at: feed.and_then(|feed| feed.checked_at),
            failure: feed.and_then(|feed| feed.failure.clone()),
        })
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The right to write in the folder; the operating system takes it back when the process ends, however it ends.
struct Lock(#[allow(dead_code)] std::fs::File);

impl Lock {
    fn take(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, error))?;
        let path = folder.join("lock");
        let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| Error::file("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                let busy = format!("another process is updating the advisories in {}", folder.display());
                Err(Error::new(ErrorKind::Busy, busy))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(Error::file("lock", &path, error)),
        }
    }
}
