//! The files of an OSV bucket, and nothing else of it: who fetches them hands their bytes in.
//!
//! ```text
//! ecosystems.txt                one ecosystem a line
//! ECOSYSTEM/all.zip             ID.json for each advisory
//! ECOSYSTEM/modified_id.csv     `modified,ID`, newest first
//! ECOSYSTEM/ID.json             one advisory
//! ```
//!
//! The folder is the ecosystem without its release. An advisory that names packages of two ecosystems is in both folders.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Read, Seek};

use plimsoll_types::Timestamp;

use crate::{Database, Error, osv};

/// Entries of one archive. The whole public bucket has fewer than a million advisories.
const MAX_ENTRIES: usize = 3_000_000;
/// Unpacked bytes of one archive.
const MAX_TOTAL_BYTES: u64 = 32 << 30;
/// How much larger than its packed bytes an entry may be; deflate cannot do more, an archive that says more lies.
const MAX_RATIO: u64 = 1_032;
/// Lines of a list.
const MAX_LINES: usize = 5_000_000;
/// Bytes of a line.
const MAX_LINE_BYTES: u64 = 1_000;

/// What was read of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archive {
    /// Records that were handed on.
    pub records: u64,
    /// Entries that are no readable record; each is skipped, the others go on.
    pub unreadable: u64,
    /// Parts of records that were left out, see [`osv::Record::dropped`].
    pub dropped: u64,
}

/// Reads the records of an `all.zip`, one entry at a time, in the archive's order.
///
/// Fails where the archive itself cannot be read or passes a limit; a bad entry is counted.
pub fn read_archive(reader: impl Read + Seek, mut each: impl FnMut(osv::Record)) -> Result<Archive, Error> {
    let unreadable = |error| Error::damaged(format!("the archive of advisories cannot be read: {error}"));
    let mut archive = zip::ZipArchive::new(reader).map_err(unreadable)?;
    if archive.len() > MAX_ENTRIES {
        return Err(Error::too_large(format!("an archive of {} entries", archive.len())));
    }
    let mut read = Archive::default();
    let mut total = 0;
    let mut bytes = Vec::new();
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else {
            read.unreadable += 1;
            continue;
        };
        if entry.is_dir() || !entry.name_raw().ends_with(b".json") {
            continue;
        }
        // The sizes in the archive are claims: the reader stops at the limit whatever they say.
        let packed = entry.compressed_size().max(1);
        let limit = (osv::MAX_RECORD_BYTES as u64).min(packed.saturating_mul(MAX_RATIO));
        bytes.clear();
        let complete = entry.take(limit + 1).read_to_end(&mut bytes).is_ok() && bytes.len() as u64 <= limit;
        total += bytes.len() as u64;
        if total > MAX_TOTAL_BYTES {
            return Err(Error::too_large("an archive of advisories beyond all measure"));
        }
        match osv::parse(&bytes) {
            Ok(record) if complete => {
                read.records += 1;
                read.dropped += u64::from(record.dropped);
                each(record);
            }
            _ => read.unreadable += 1,
        }
    }
    Ok(read)
}

/// One row of `modified_id.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modified {
    /// When the advisory was changed last.
    pub modified: Timestamp,
    /// Its id.
    pub id: String,
}

/// Reads a `modified_id.csv`, newest first. Rows that cannot be read are left out. The whole bucket's list has
/// `ECOSYSTEM/ID` in the place of the id; the folder is dropped.
pub fn read_modified(reader: impl BufRead) -> Result<Vec<Modified>, Error> {
    let mut rows = Vec::new();
    for_each_line(reader, |line| {
        let Some((modified, id)) = line.split_once(',') else { return };
        let id = id.rsplit('/').next().unwrap_or_default();
        if let Ok(modified) = modified.parse()
            && osv::is_safe_id(id)
        {
            rows.push(Modified { modified, id: id.to_owned() });
        }
    })?;
    Ok(rows)
}

/// Reads an `ecosystems.txt`: the names of the folders. Releases (`Alpine:v3.4`) have no folder of their own and are left out.
pub fn read_ecosystems(reader: impl BufRead) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    for_each_line(reader, |line| {
        let is_folder = !line.contains(['/', '\\', ':']) && !line.starts_with('.') && line.len() <= 100;
        if is_folder && !line.chars().any(char::is_control) && !names.iter().any(|name| name == line) {
            names.push(line.to_owned());
        }
    })?;
    Ok(names)
}

fn for_each_line(mut reader: impl BufRead, mut each: impl FnMut(&str)) -> Result<(), Error> {
    let mut line = Vec::new();
    for _ in 0..MAX_LINES {
        line.clear();
        let length = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::damaged(format!("the list cannot be read: {error}")))?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            return Err(Error::too_large("a list with a line beyond all measure"));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() {
            each(text);
        }
    }
    Err(Error::too_large("a list beyond all measure"))
}

/// What has to be done to bring a feed from the state in a database to the state of its list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Advisories that are new or changed, in the list's order: their `ID.json` has to be fetched and added.
    pub fetch: Vec<String>,
    /// Advisories that the list no longer has: to be removed.
    pub remove: Vec<String>,
}

/// Compares the whole list of a feed with what a database has of it.
///
/// An empty list is a broken list, never an order to remove everything: then nothing changes.
pub fn changes(database: &Database, feed: &str, list: &[Modified]) -> Changes {
    if list.is_empty() {
        return Changes::default();
    }
    let known: HashMap<&str, Timestamp> = database.ids(feed).collect();
    let listed: HashSet<&str> = list.iter().map(|row| row.id.as_str()).collect();
    let is_new = |row: &&Modified| known.get(row.id.as_str()).is_none_or(|known| *known < row.modified);
    let mut remove: Vec<String> =
        known.keys().filter(|id| !listed.contains(*id)).map(|id| (*id).to_owned()).collect();
    remove.sort();
    Changes { fetch: list.iter().filter(is_new).map(|row| row.id.clone()).collect(), remove }
}

#[cfg(test)]
mod tests;
