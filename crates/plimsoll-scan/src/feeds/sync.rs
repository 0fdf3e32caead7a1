//! One update: ask for each ecosystem what is needed, then compile all that came into one new generation.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use plimsoll_advisory::feed::{self, Modified};
use plimsoll_advisory::{Builder, Database, osv};
use plimsoll_types::Timestamp;

use super::bucket::{Bucket, Got};
use super::publish::{self, PublisherFeed};
use super::state::{FeedState, State, Validator};
use super::{FeedEvent, FeedProgress, Lock, UpdateOptions, Updated};
use crate::advisories::{self, Advisories};
use crate::clock::Clock;
use crate::{Error, ErrorKind, Result};

/// Ecosystems that are asked at the same time.
const PARALLEL_FEEDS: usize = 4;
/// Records of one ecosystem that are fetched at the same time.
const PARALLEL_RECORDS: usize = 16;
/// From this many records on, the archive is less work than the single records.
const MANY_RECORDS: usize = 1_000;
/// An ecosystem that would lose more records than this, and more than three in ten, is not believed.
const SMALL_DROP: usize = 10;

/// What became of an ecosystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing is new.
    None,
    /// It is read whole; how many records there are is known once it is compiled.
    Whole {
        /// Records that were taken.
        records: u64,
        /// Entries of the archive that are no readable record.
        unreadable: u64,
    },
    /// Some records are new, changed or gone.
    Partly {
        /// New or changed records.
        changed: u64,
        /// Records that are gone.
        removed: u64,
    },
    /// It keeps the data it had, for the reason given.
    Failed(String),
}

/// What came of an ecosystem.
enum Fetched {
    Nothing,
    Archive(File),
    Records {
        changed: Vec<osv::Record>,
        removed: Vec<String>,
    },
    /// All files of a publisher.
    Published(publish::Files),
}

struct Answer {
    ecosystem: String,
    fetched: Result<Fetched>,
    validator: Option<Validator>,
    /// What is remembered of a publisher's feed.
    remembered: Option<FeedState>,
}

/// Everything an update needs while it asks.
struct Update<'a> {
    folder: &'a Path,
    bucket: &'a Bucket,
    base: Option<Arc<Advisories>>,
    /// The state before, where it is of the same location.
    known: &'a State,
    same_feed: bool,
    options: &'a UpdateOptions,
    progress: &'a FeedProgress,
}

#[allow(clippy::too_many_arguments)]
pub(super) async fn update(
    lock: Lock,
    folder: &Path,
    bucket: &Bucket,
    publishers: &[PublisherFeed],
    state: State,
    base: Option<Arc<Advisories>>,
    options: &UpdateOptions,
    clock: &Clock,
    progress: &FeedProgress,
) -> Result<Updated> {
    let location = bucket.location().to_string();
    let wanted = wanted(bucket.ecosystems().await?, options)?;
    progress(FeedEvent::Listed(wanted.len()));
    let same_feed = state.location.as_deref().is_none_or(|known| known == location);
    let this = Update { folder, bucket, base: base.clone(), known: &state, same_feed, options, progress };
    let asked: Vec<_> = wanted.into_iter().map(|ecosystem| this.ask(ecosystem).boxed()).collect();
    let mut answers: Vec<Answer> = stream::iter(asked).buffer_unordered(PARALLEL_FEEDS).collect().await;
    answers.sort_by(|a, b| a.ecosystem.cmp(&b.ecosystem));
    for feed in publishers {
        answers.push(this.ask_publisher(feed, clock()).await);
    }

    // A clock that went back must not bring back what was withdrawn meanwhile.
    let now = clock().max(base.as_deref().map_or(Timestamp(0), |base| base.database().created_at()));
    let mut next = if same_feed { state.clone() } else { State::default() };
    next.location = Some(location);
    for answer in &answers {
        let feed = next.feeds.entry(answer.ecosystem.clone()).or_default();
        note(feed, answer, now);
    }
    let accept_drop = options.accept_drop || !same_feed;
    let needs_compiling =
        answers.iter().any(|answer| !matches!(answer.fetched, Ok(Fetched::Nothing) | Err(_)));
    let held;
    let (generation, changed, ecosystems) = if needs_compiling {
        progress(FeedEvent::Compiling);
        let folder = folder.to_owned();
        // The lock goes with the work: a caller that gives up does not end a thread.
        let compile = move || {
            let compiled = compile(&folder, base, answers, now, accept_drop);
            (lock, compiled)
        };
        let compiled = tokio::task::spawn_blocking(compile).await;
        let (lock, compiled) = compiled.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "compiling the advisories failed").because(error)
        })?;
        held = lock;
        compiled?
    } else {
        held = lock;
        let kept = base.map_or(0, |base| base.generation());
        (kept, false, answers.into_iter().map(|answer| (answer.ecosystem, outcome(answer.fetched))).collect())
    };
    // What failed while it was compiled has not been brought to the list that was read.
    for (ecosystem, change) in &ecosystems {
        if let (Change::Failed(reason), Some(feed)) = (change, next.feeds.get_mut(ecosystem)) {
            let before = state.feeds.get(ecosystem).cloned().unwrap_or_default();
            *feed = FeedState { failure: Some(reason.clone()), ..before };
        }
    }
    let all_failed =
        !ecosystems.is_empty() && ecosystems.iter().all(|(_, change)| matches!(change, Change::Failed(_)));
    if !all_failed {
        next.checked_at = Some(now);
    }
    next.save(this.folder)?;
    drop(held);
    if all_failed && let Some((ecosystem, Change::Failed(reason))) = ecosystems.first() {
        let message = format!("no ecosystem of {} could be read; {ecosystem}: {reason}", bucket.location());
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    Ok(Updated { generation, changed, ecosystems })
}

/// The ecosystems to ask for. `GIT` has commits and no packages; `[EMPTY]` is where the bucket puts records without any.
fn wanted(listed: Vec<String>, options: &UpdateOptions) -> Result<Vec<String>> {
    let usable: Vec<String> = listed.into_iter().filter(|name| name != "GIT" && name != "[EMPTY]").collect();
    if options.ecosystems.is_empty() {
        return Ok(usable);
    }
    let known = |wanted: &String| usable.iter().find(|name| name.eq_ignore_ascii_case(wanted)).cloned();
    let find = |wanted| {
        known(wanted).ok_or_else(|| {
            let message = format!("the feed has no ecosystem {wanted}; it has {}", usable.join(", "));
            Error::new(ErrorKind::Usage, message)
        })
    };
    options.ecosystems.iter().map(find).collect()
}

impl Update<'_> {
    async fn ask(&self, ecosystem: String) -> Answer {
        let (fetched, validator) = match self.fetch(&ecosystem).await {
            Ok((fetched, validator)) => (Ok(fetched), validator),
            Err(error) => (Err(error), None),
        };
        let change = match &fetched {
            Ok(Fetched::Nothing) => Change::None,
            Ok(Fetched::Archive(_) | Fetched::Published(_)) => Change::Whole { records: 0, unreadable: 0 },
            Ok(Fetched::Records { changed, removed }) => {
                Change::Partly { changed: changed.len() as u64, removed: removed.len() as u64 }
            }
            Err(error) => Change::Failed(error.chain()),
        };
        (self.progress)(FeedEvent::Fetched { ecosystem: ecosystem.clone(), change });
        Answer { ecosystem, fetched, validator, remembered: None }
    }

    async fn ask_publisher(&self, feed: &PublisherFeed, now: Timestamp) -> Answer {
        let name = feed.publisher.name().to_owned();
        let known = self.known.feeds.get(&name).cloned().unwrap_or_default();
        let is_there = self.base.as_deref().is_some_and(|base| base.database().ids(&name).next().is_some());
        let is_same = known.location == Some(feed.location.to_string());
        let validators =
            if is_there && is_same && !self.options.full { known.files } else { BTreeMap::new() };
        let told = |bytes, total| {
            (self.progress)(FeedEvent::Downloaded { ecosystem: name.clone(), bytes, total });
        };
        let fetched = publish::fetch(feed, self.folder, &validators, now, &told).await;
        let (fetched, files) = match fetched {
            Ok(None) => (Ok(Fetched::Nothing), validators.clone()),
            Ok(Some((files, validators))) => (Ok(Fetched::Published(files)), validators),
            Err(error) => (Err(error), BTreeMap::new()),
        };
        let change = match &fetched {
            Ok(Fetched::Nothing) => Change::None,
            Ok(_) => Change::Whole { records: 0, unreadable: 0 },
            Err(error) => Change::Failed(error.chain()),
        };
        (self.progress)(FeedEvent::Fetched { ecosystem: name.clone(), change });
        let remembered =
            FeedState { files, location: Some(feed.location.to_string()), ..FeedState::default() };
        Answer { ecosystem: name, fetched, validator: None, remembered: Some(remembered) }
    }

    async fn fetch(&self, ecosystem: &str) -> Result<(Fetched, Option<Validator>)> {
        let known = self
            .base
            .as_deref()
            .map(Advisories::database)
            .filter(|base| base.ids(ecosystem).next().is_some());
        let Some(base) = known.filter(|_| !self.options.full) else {
            // The list is asked for before the archive: what changes in between is then seen as new the next time.
            let validator = match self.bucket.list(ecosystem, None).await? {
                Got::File(_, validator) => validator,
                Got::Unchanged | Got::Missing => None,
            };
            return Ok((Fetched::Archive(self.archive(ecosystem).await?), validator));
        };
        let validator =
            self.known.feeds.get(ecosystem).and_then(|feed| feed.list.as_ref()).filter(|_| self.same_feed);
        let (list, validator) = match self.bucket.list(ecosystem, validator).await? {
            Got::Unchanged => return Ok((Fetched::Nothing, validator.cloned())),
            Got::Missing => {
                return Err(Error::new(ErrorKind::NotFound, "the feed has no modified_id.csv for it"));
            }
            Got::File(bytes, validator) => (feed::read_modified(bytes.as_slice())?, validator),
        };
        let fetched = self.what_changed(ecosystem, base, &list).await?;
        Ok((fetched, validator))
    }

    async fn what_changed(&self, ecosystem: &str, base: &Database, list: &[Modified]) -> Result<Fetched> {
        if list.is_empty() {
            return Err(Error::new(ErrorKind::Damaged, "its list is empty, though there were advisories"));
        }
        let changes = feed::changes(base, ecosystem, list);
        if !self.options.accept_drop && self.same_feed {
            refuse_drop(base.ids(ecosystem).count(), changes.remove.len())?;
        }
        if changes.fetch.is_empty() && changes.remove.is_empty() {
            return Ok(Fetched::Nothing);
        }
        if changes.fetch.len() > MANY_RECORDS {
            return self.archive(ecosystem).await.map(Fetched::Archive);
        }
        let fetch = |id: String| {
            async move {
                let found = self.bucket.record(ecosystem, &id).await?;
                // One bad record must not hold up the others; it is asked for again the next time.
                let readable = |bytes: Vec<u8>| osv::parse(&bytes).ok().filter(|record| record.id == id);
                Ok::<_, Error>(found.map(readable))
            }
            .boxed()
        };
        let asked: Vec<_> = changes.fetch.into_iter().map(fetch).collect();
        let found: Vec<Option<Option<osv::Record>>> =
            stream::iter(asked).buffer_unordered(PARALLEL_RECORDS).try_collect().await?;
        match found.into_iter().collect::<Option<Vec<_>>>() {
            Some(found) => {
                let changed: Vec<_> = found.into_iter().flatten().collect();
                let nothing = changed.is_empty() && changes.remove.is_empty();
                Ok(if nothing {
                    Fetched::Nothing
                } else {
                    Fetched::Records { changed, removed: changes.remove }
                })
            }
            // A mirror without single records, or one that is being written: the archive has them.
            None => self.archive(ecosystem).await.map(Fetched::Archive),
        }
    }

    async fn archive(&self, ecosystem: &str) -> Result<File> {
        let told = |bytes, total| {
            (self.progress)(FeedEvent::Downloaded { ecosystem: ecosystem.to_owned(), bytes, total });
        };
        match self.bucket.archive(ecosystem, self.folder, told).await? {
            Got::File(file, _) => Ok(file),
            Got::Missing | Got::Unchanged => {
                Err(Error::new(ErrorKind::NotFound, "the feed has no all.zip for it"))
            }
        }
    }
}

fn note(feed: &mut FeedState, answer: &Answer, now: Timestamp) {
    match &answer.fetched {
        Ok(_) => {
            let remembered = answer.remembered.clone().unwrap_or_default();
            *feed = FeedState { list: answer.validator.clone(), checked_at: Some(now), ..remembered };
        }
        Err(error) => feed.failure = Some(error.chain()),
    }
}

fn outcome(fetched: Result<Fetched>) -> Change {
    match fetched {
        Err(error) => Change::Failed(error.chain()),
        Ok(_) => Change::None,
    }
}

/// Protects from a feed that was emptied by a mistake or by an attacker: an image must not become healthy by it.
pub(super) fn refuse_drop(before: usize, gone: usize) -> Result<()> {
    if gone > SMALL_DROP && gone * 10 > before * 3 {
        let message =
            format!("{gone} of {before} advisories would be gone at once; the data before that is kept");
        return Err(Error::new(ErrorKind::Damaged, message));
    }
    Ok(())
}

type Compiled = (u64, bool, Vec<(String, Change)>);

/// Compiles and writes the new generation, and makes it the one that counts.
fn compile(
    folder: &Path,
    base: Option<Arc<Advisories>>,
    answers: Vec<Answer>,
    now: Timestamp,
    accept_drop: bool,
) -> Result<Compiled> {
    let database = base.as_deref().map(Advisories::database);
    let mut builder = database.map_or_else(|| Builder::new(now), |base| Builder::from_base(base, now));
    let mut ecosystems = Vec::with_capacity(answers.len());
    for answer in answers {
        let name = answer.ecosystem;
        let change = match answer.fetched {
            Err(error) => Change::Failed(error.chain()),
            Ok(Fetched::Nothing) => Change::None,
            Ok(Fetched::Published(files)) => publish::take(&mut builder, database, files, accept_drop)
                .unwrap_or_else(|error| Change::Failed(error.chain())),
            Ok(Fetched::Archive(file)) => take_archive(&mut builder, database, &name, file, accept_drop)
                .unwrap_or_else(|error| Change::Failed(error.chain())),
            Ok(Fetched::Records { changed, removed }) => {
                take_records(&mut builder, &name, &changed, &removed)
                    .unwrap_or_else(|error| Change::Failed(error.chain()))
            }
        };
        if !matches!(change, Change::Failed(_)) {
            builder.fetched(&name, now);
        }
        ecosystems.push((name, change));
    }
    let before = base.as_ref().map_or(0, |base| base.generation());
    if ecosystems.iter().all(|(_, change)| matches!(change, Change::Failed(_) | Change::None)) {
        return Ok((before, false, ecosystems));
    }
    let seconds = u64::try_from(now.0 / 1000).unwrap_or(0);
    let last = advisories::current_generation(folder).ok().flatten().unwrap_or(0).max(before);
    let generation = seconds.max(last + 1);
    builder.write(&advisories::file_of(folder, generation))?;
    advisories::make_current(folder, generation)?;
    advisories::remove_old(folder, generation);
    Ok((generation, true, ecosystems))
}

fn take_records(
    builder: &mut Builder<'_>,
    ecosystem: &str,
    changed: &[osv::Record],
    removed: &[String],
) -> Result<Change> {
    for record in changed {
        builder.add(ecosystem, record)?;
    }
    for id in removed {
        builder.remove(ecosystem, id);
    }
    Ok(Change::Partly { changed: changed.len() as u64, removed: removed.len() as u64 })
}

/// Takes a whole archive. Where there are data already, the archive is first read to its end without taking anything:
/// one that is cut short, or that lost too much, must change nothing.
fn take_archive(
    builder: &mut Builder<'_>,
    base: Option<&Database>,
    ecosystem: &str,
    mut file: File,
    accept_drop: bool,
) -> Result<Change> {
    let known: HashSet<&str> =
        base.into_iter().flat_map(|base| base.ids(ecosystem)).map(|(id, _)| id).collect();
    if !known.is_empty() {
        let mut still_there = 0;
        let read = feed::read_archive(BufReader::new(&file), |record| {
            still_there += usize::from(known.contains(record.id.as_str()));
        })?;
        if !accept_drop {
            refuse_drop(known.len(), known.len().saturating_sub(still_there))?;
        }
        if read.records == 0 {
            return Err(Error::new(ErrorKind::Damaged, "its archive is empty, though there were advisories"));
        }
        file.rewind().map_err(|error| {
            Error::new(ErrorKind::Unavailable, "the archive cannot be read again").because(error)
        })?;
    }
    let mut gone: HashSet<&str> = known;
    let mut failure = None;
    let read = feed::read_archive(BufReader::new(&file), |record| {
        gone.remove(record.id.as_str());
        if failure.is_none() {
            failure = builder.add(ecosystem, &record).err();
        }
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    for id in gone {
        builder.remove(ecosystem, id);
    }
    Ok(Change::Whole { records: read.records, unreadable: read.unreadable })
}
