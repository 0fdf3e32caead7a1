//! Publishers' own feeds: which files to fetch, and what becomes of them.
//!
//! A publisher is read whole or not at all: if one of its files has changed, all are fetched, and what they say together takes
//! the place of what was known of it. A publisher that does not answer keeps what it said, and holds up nobody.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::str::FromStr;

use plimsoll_advisory::publishers::{Collected, Layout, Publisher, location_of_updateinfo};
use plimsoll_advisory::{Builder, Database};
use plimsoll_types::Timestamp;
use reqwest::Url;

use super::bucket::{Bucket, FeedLocation, Got};
use super::state::Validator;
use super::sync::{Change, refuse_drop};
use crate::{Error, ErrorKind, Result};

/// Bytes of one file as it is fetched. The largest is an archive of some 300 MB.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Bytes of a file that says where others are.
const MAX_INDEX_BYTES: u64 = 16 << 20;
/// Alpine's branches that are asked for: `v3.BRANCH`.
const BRANCHES: std::ops::RangeInclusive<u32> = 2..=30;
const FIRST_YEAR: i64 = 2002;
const MILLIS_PER_YEAR: i64 = 31_556_952_000;

/// A publisher's own feed, and where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherFeed {
    /// Who publishes it.
    pub publisher: Publisher,
    /// Where: its own address, or a mirror that is laid out alike.
    pub location: FeedLocation,
}

impl FromStr for PublisherFeed {
    type Err = Error;

    /// `debian`, or `debian=https://mirror.example/debian.json`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (name.trim(), Some(address.trim())),
            None => (text.trim(), None),
        };
        let publisher = Publisher::of_name(name).ok_or_else(|| {
            let known = Publisher::ALL.map(Publisher::name).join(", ");
            Error::new(ErrorKind::Usage, format!("{name:?} is no publisher; there are {known}"))
        })?;
        let location: FeedLocation = address.unwrap_or(publisher.default_address()).parse()?;
        if matches!(location, FeedLocation::Registry(_)) {
            let message = format!("{location} carries a whole database, not the feed of a publisher");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(Self { publisher, location })
    }
}

/// What was fetched: each file with the name under which it is read.
pub(super) struct Files {
    publisher: Publisher,
    files: Vec<(String, File)>,
}

type Validators = BTreeMap<String, Validator>;

/// Fetches all files of a publisher; `None` where all are still those that the validators came from.
pub(super) async fn fetch(
    feed: &PublisherFeed,
    folder: &Path,
    known: &Validators,
    now: Timestamp,
    progress: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Option<(Files, Validators)>> {
    let bucket = Bucket::new(&feed.location)?;
    let asking = Asking { bucket, folder, progress };
    let publisher = feed.publisher;
    let mut found = Found::default();
    match publisher.layout() {
        Layout::File => asking.ask(&mut found, "", "", known).await?,
        Layout::Files(names) => {
            for name in names {
                asking.ask(&mut found, name, name, known).await?;
            }
        }
        Layout::Branches => {
            let branches = BRANCHES.rev().map(|branch| format!("v3.{branch}"));
            for branch in std::iter::once("edge".to_owned()).chain(branches) {
                for repository in ["main", "community"] {
                    let path = format!("{branch}/{repository}.json");
                    asking.ask(&mut found, &path, &path, known).await?;
                }
            }
        }
        Layout::Years => {
            for year in FIRST_YEAR..=1970 + now.0 / MILLIS_PER_YEAR {
                let path = format!("nvdcve-2.0-{year}.json.gz");
                asking.ask(&mut found, &path, &path, known).await?;
            }
        }
        Layout::Archive => {
            let address = feed.location.to_string();
            let is_file = [".tar", ".gz", ".tgz", ".zst"].iter().any(|end| address.ends_with(end));
            let path = if is_file { String::new() } else { asking.latest_archive().await? };
            asking.ask(&mut found, &path, "", known).await?;
        }
        Layout::Repositories(repositories) => {
            for repository in repositories {
                let place = asking.repository(repository.path, &feed.location).await?;
                asking.updateinfo(&mut found, &place, repository.ecosystem, known).await?;
            }
        }
    }
    if found.files.is_empty() && found.unchanged.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("{} has none of its files", feed.location)));
    }
    // A file that was there and is gone is a change too.
    if found.files.is_empty() && found.unchanged.len() == known.len() {
        return Ok(None);
    }
    for (path, name, bucket) in std::mem::take(&mut found.unchanged) {
        let asking = Asking { bucket: Bucket::new(&bucket)?, folder, progress };
        asking.ask(&mut found, &path, &name, &Validators::new()).await?;
    }
    let Found { files, validators, .. } = found;
    Ok(Some((Files { publisher, files }, validators)))
}

#[derive(Default)]
struct Found {
    files: Vec<(String, File)>,
    validators: Validators,
    /// Path, name and place of files that have not changed.
    unchanged: Vec<(String, String, FeedLocation)>,
}

struct Asking<'a> {
    bucket: Bucket,
    folder: &'a Path,
    progress: &'a (dyn Fn(u64, Option<u64>) + Sync),
}

impl Asking<'_> {
    async fn ask(&self, found: &mut Found, path: &str, name: &str, known: &Validators) -> Result<()> {
        let key = format!("{}/{path}", self.bucket.location());
        match self.bucket.file(path, MAX_FILE_BYTES, known.get(&key), self.folder, self.progress).await? {
            Got::File(file, validator) => {
                found.validators.extend(validator.map(|validator| (key, validator)));
                found.files.push((name.to_owned(), file));
            }
            Got::Unchanged => {
                found.unchanged.push((path.to_owned(), name.to_owned(), self.bucket.location().clone()));
            }
            Got::Missing => {}
        }
        Ok(())
    }

    async fn text(&self, path: &str) -> Result<Option<String>> {
        match self.bucket.file(path, MAX_INDEX_BYTES, None, self.folder, &|_, _| {}).await? {
            Got::File(file, _) => {
                let mut text = Vec::new();
                let read = file.take(MAX_INDEX_BYTES).read_to_end(&mut text);
                read.map_err(|error| Error::file("read", self.folder, error))?;
                Ok(Some(String::from_utf8_lossy(&text).into_owned()))
            }
            Got::Unchanged | Got::Missing => Ok(None),
        }
    }

    /// The file that `archive_latest.txt` names.
    async fn latest_archive(&self) -> Result<String> {
        let named = self.text("archive_latest.txt").await?;
        let named = named.as_deref().map(str::trim).filter(|name| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !name.is_empty() && name.len() < 200 && name.chars().all(fits) && !name.starts_with('.')
        });
        named.map(str::to_owned).ok_or_else(|| {
            let message = format!("{} has no archive_latest.txt that names a file", self.bucket.location());
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// Where a repository is: at its path, or where its list of mirrors says, which must be on the same host.
    async fn repository(&self, path: &str, address: &FeedLocation) -> Result<FeedLocation> {
        let (FeedLocation::Web(root), Some(parent)) = (address, path.strip_suffix("/mirror.list")) else {
            let path = path.strip_suffix("/mirror.list").unwrap_or(path);
            return Ok(match address {
                FeedLocation::Web(root) => FeedLocation::Web(format!("{root}/{path}")),
                FeedLocation::Folder(root) => FeedLocation::Folder(root.join(path)),
                // It was refused where it was typed.
                FeedLocation::Registry(_) => address.clone(),
            });
        };
        let list = self.text(path).await?.unwrap_or_default();
        let mirror = list.lines().map(str::trim).find(|line| !line.is_empty());
        let Some(mirror) = mirror else { return Ok(FeedLocation::Web(format!("{root}/{parent}"))) };
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        if host(mirror) != host(root) || !mirror.starts_with("http") {
            return Err(Error::new(ErrorKind::Damaged, format!("{root}/{path} leads to another host")));
        }
        mirror.trim_end_matches('/').parse()
    }

    async fn updateinfo(
        &self,
        found: &mut Found,
        place: &FeedLocation,
        ecosystem: &str,
        known: &Validators,
    ) -> Result<()> {
        let there = Asking { bucket: Bucket::new(place)?, ..*self };
        let Some(index) = there.text("repodata/repomd.xml").await? else { return Ok(()) };
        match location_of_updateinfo(index.as_bytes())? {
            Some(path) => there.ask(found, &path, ecosystem, known).await,
            None => Ok(()),
        }
    }
}

/// Puts what a publisher says now in the place of what it said. Where it would say much less, or nothing can be read of it,
/// nothing changes.
pub(super) fn take(
    builder: &mut Builder<'_>,
    base: Option<&Database>,
    files: Files,
    accept_drop: bool,
) -> Result<Change> {
    let Files { publisher, files } = files;
    let mut collected = Collected::default();
    // What is too much to be kept is read twice: once to see whether it can be believed, and once to take it.
    let mut streamed: HashSet<String> = HashSet::new();
    for (name, file) in &files {
        publisher.read_each(name, BufReader::new(file), &mut collected, |record| {
            streamed.insert(record.id);
            Ok(())
        })?;
    }
    let name = publisher.name();
    let count = collected.len() + streamed.len();
    if count == 0 {
        return Err(Error::new(ErrorKind::Damaged, "its files have no advisory that can be read"));
    }
    let before = base.map_or(0, |base| base.ids(name).count());
    if !accept_drop {
        refuse_drop(before, before.saturating_sub(count))?;
    }
    let (records, unreadable) = (count as u64, collected.dropped);
    if publisher.is_streamed() {
        for (path, mut file) in files {
            file.rewind().map_err(|error| Error::file("read", Path::new(&path), error))?;
            publisher.read_each(&path, BufReader::new(file), &mut Collected::default(), |record| {
                builder.add(name, &record)
            })?;
        }
        // Last, so that nothing is lost where the second reading fails.
        let gone = base.into_iter().flat_map(|base| base.ids(name)).filter(|(id, _)| !streamed.contains(*id));
        for (id, _) in gone {
            builder.remove(name, id);
        }
        return Ok(Change::Whole { records, unreadable });
    }
    builder.clear(name);
    for record in collected.into_records() {
        builder.add(name, &record)?;
    }
    Ok(Change::Whole { records, unreadable })
}
