//! Records of the OSV schema (ossf.github.io/osv-schema, version 1.7), as far as matching and people need them.
//!
//! Reading is lenient, because a feed is written by many hands: fields, ecosystems and range types that we do not know
//! survive, and a part of a record that is not what the schema says is left out and counted, not the record with it.
//! Ecosystems are plain texts here for the same reason: a closed list of them would lose whole records.

use plimsoll_types::{Status, SubscriptionFix, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Bytes of one record. The largest real ones, of the Linux kernel, have a few million.
pub const MAX_RECORD_BYTES: usize = 32 << 20;
/// Items in `affected`.
const MAX_AFFECTED: usize = 20_000;
/// Versions and events in one record.
const MAX_VERSIONS: usize = 500_000;
/// Names in `aliases` and in `upstream`.
const MAX_NAMES: usize = 5_000;
/// Bytes of an id, an alias, an ecosystem or a package's name.
const MAX_NAME_BYTES: usize = 1_000;
/// Characters that are kept of the summary.
const SUMMARY_CHARS: usize = 300;
/// Characters that are kept of the details.
const DETAILS_CHARS: usize = 4_000;
/// Links that are kept.
const MAX_REFERENCES: usize = 20;
/// Bytes of a link.
const MAX_LINK_BYTES: usize = 2_000;

/// One advisory: a publisher's statement on ranges of versions of packages.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The publisher's id, safe in a path: `GHSA-…`, `ALSA-2024:2193`.
    pub id: String,
    /// When it was changed last; the beginning of time where the record does not say.
    pub modified: Timestamp,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was taken back. From then on it says nothing.
    pub withdrawn: Option<Timestamp>,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// Ids of the vulnerabilities that this one, of a distribution, passes on. A bulletin has many.
    pub upstream: Vec<String>,
    /// One line, cut.
    pub summary: String,
    /// The long text, cut.
    pub details: String,
    /// Links, `http` and `https` only.
    pub references: Vec<String>,
    /// Severities of the whole record.
    pub severity: Vec<Rating>,
    /// The publisher's own fields for the whole record.
    pub database_specific: Specific,
    /// Which versions of which packages.
    pub affected: Vec<Affected>,
    /// Parts that were not what the schema says and were left out.
    pub dropped: u32,
    /// Whose word it is.
    pub authority: Authority,
}

/// Whose word an advisory is: where several speak of one vulnerability in one package, the first kind counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Authority {
    /// The publisher of the packages, on every vulnerability that it knows of, by a feed of its own. Its silence about a
    /// version that it speaks of means that this version has not the flaw.
    Publisher,
    /// The database of the ecosystem or of the distribution.
    Ecosystem,
    /// GitHub's.
    GitHub,
    /// The CVE record.
    Cve,
}

impl Authority {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Publisher, Self::Ecosystem, Self::GitHub, Self::Cve];

    /// Whose word a record of a bucket is, by its id.
    pub fn of_id(id: &str) -> Self {
        match id {
            id if id.starts_with("GHSA-") => Self::GitHub,
            id if id.starts_with("CVE-") => Self::Cve,
            _ => Self::Ecosystem,
        }
    }
}

/// One item of `severity`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rating {
    /// `CVSS_V2`, `CVSS_V3`, `CVSS_V4` or `Ubuntu`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// A vector, or a word.
    #[serde(default)]
    pub score: String,
}

/// One item of `affected`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Affected {
    /// Which package; records of commits have none.
    #[serde(default)]
    pub package: Option<AffectedPackage>,
    /// Severities for this package.
    #[serde(default, deserialize_with = "or_default")]
    pub severity: Vec<Rating>,
    /// Ranges of affected versions.
    #[serde(default, deserialize_with = "or_default")]
    pub ranges: Vec<Range>,
    /// Affected versions one by one.
    #[serde(default, deserialize_with = "or_default")]
    pub versions: Vec<String>,
    /// Fields of the ecosystem.
    #[serde(default, deserialize_with = "or_default")]
    pub ecosystem_specific: Specific,
    /// Fields of the publisher.
    #[serde(default, deserialize_with = "or_default")]
    pub database_specific: Specific,
    /// What is said of the versions in the ranges. The schema knows only `affected`; publishers' own feeds say more.
    #[serde(skip)]
    pub statement: Statement,
}

/// What an item of `affected` says of the versions that it names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The status; `None` stands for affected.
    pub status: Option<Status>,
    /// The publisher's reason.
    pub note: String,
    /// A fix for subscribers.
    pub subscription_fix: Option<SubscriptionFix>,
    /// A fix is announced.
    pub fix_is_announced: bool,
    /// The module and its stream that the packages are of (`nodejs:16`), where they are of one.
    pub module: Option<String>,
}

/// `affected[].package`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct AffectedPackage {
    /// The ecosystem with its release: `Alpine:v3.4`.
    pub ecosystem: String,
    /// The name as the ecosystem writes it.
    pub name: String,
}

/// `affected[].ranges[]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Range {
    /// `SEMVER`, `ECOSYSTEM`, `GIT`, or what we do not know.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What happened at which version, in any order.
    #[serde(default, deserialize_with = "or_default")]
    pub events: Vec<Event>,
}

/// `affected[].ranges[].events[]`: one of the four.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Event {
    /// From this version on there is the flaw; `0` is before every version.
    pub introduced: Option<String>,
    /// From this version on there is not.
    pub fixed: Option<String>,
    /// Behind this version there is not.
    pub last_affected: Option<String>,
    /// The range says nothing of this version and what follows it.
    pub limit: Option<String>,
}

/// The fields of `database_specific` and `ecosystem_specific` that some publisher is known to use. Their types are the
/// publisher's affair, so they are looked at only where they are needed.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Specific {
    /// A word (GitHub, Bitnami, Ubuntu, Red Hat).
    pub severity: Option<Value>,
    /// A word (Debian).
    pub urgency: Option<Value>,
    /// `unmaintained`, `unsound` or `notice` (RustSec).
    pub informational: Option<Value>,
    /// `<= 1.2.3`: an upper bound where no fix is known (GitHub).
    pub last_known_affected_version_range: Option<Value>,
    /// A score without its vector (RubySec).
    pub cvss_v2: Option<Value>,
    /// A score without its vector (RubySec).
    pub cvss_v3: Option<Value>,
    /// A score without its vector (RubySec).
    pub cvss_v4: Option<Value>,
    /// Weaknesses (GitHub).
    pub cwe_ids: Option<Value>,
    /// Paths and symbols of a module (Go).
    pub imports: Option<Value>,
    /// Functions of a crate (RustSec).
    pub affects: Option<Value>,
}

/// Reads one record. Fails only where there is no record at all: no JSON, no usable id, or beyond our limits.
pub fn parse(bytes: &[u8]) -> Result<Record, Error> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(Error::too_large(format!("an advisory of {} bytes", bytes.len())));
    }
    let (raw, dropped) = match serde_json::from_slice::<Raw>(bytes) {
        Ok(raw) => (raw, 0),
        Err(_) => salvage(bytes)?,
    };
    if !is_safe_id(&raw.id) {
        return Err(Error::damaged("an advisory without a usable id"));
    }
    let listed = |affected: &Affected| {
        affected.versions.len() + affected.ranges.iter().map(|range| range.events.len()).sum::<usize>()
    };
    let too_many = raw.affected.len() > MAX_AFFECTED
        || raw.aliases.len().max(raw.upstream.len()) > MAX_NAMES
        || raw.affected.iter().map(listed).sum::<usize>() > MAX_VERSIONS;
    if too_many {
        return Err(Error::too_large(format!("advisory {} names too many packages or versions", raw.id)));
    }
    Ok(raw.into_record(dropped))
}

/// Whether an id can stand in a path and in a list: its feed has it as `ECOSYSTEM/ID.json`.
pub(crate) fn is_safe_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 200
        && !id.starts_with('.')
        && id.bytes().all(|b| b.is_ascii_graphic() && !b"/\\?#%\"<>|*,".contains(&b))
}

/// The record as JSON has it.
#[derive(Deserialize)]
struct Raw {
    id: String,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    upstream: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    summary: String,
    #[serde(default, deserialize_with = "or_default")]
    details: String,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Link>,
    #[serde(default, deserialize_with = "or_default")]
    severity: Vec<Rating>,
    #[serde(default, deserialize_with = "or_default")]
    database_specific: Specific,
    #[serde(default, deserialize_with = "or_default")]
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    url: String,
}

impl Raw {
    fn into_record(self, dropped: u32) -> Record {
        let instant = |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok());
        // A record that was taken back at a time that nobody can read was taken back all the same.
        let withdrawn = self.withdrawn.map(|text| text.parse().unwrap_or_default());
        let mut dropped = dropped;
        let mut affected = self.affected;
        affected.retain(|item| {
            let fits = item.package.as_ref().is_none_or(|package| {
                let fits = |text: &str| !text.is_empty() && text.len() <= MAX_NAME_BYTES;
                fits(&package.name) && fits(&package.ecosystem)
            });
            dropped += u32::from(!fits);
            fits
        });
        Record {
            authority: Authority::of_id(&self.id),
            id: self.id,
            modified: instant(self.modified).unwrap_or_default(),
            published: instant(self.published),
            withdrawn,
            aliases: names(self.aliases),
            upstream: names(self.upstream),
            summary: one_line(&self.summary, SUMMARY_CHARS),
            details: cut(self.details.trim(), DETAILS_CHARS),
            references: links(self.references),
            severity: self.severity,
            database_specific: self.database_specific,
            affected,
            dropped,
        }
    }
}

fn names(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
    names.sort();
    names.dedup();
    names
}

fn links(links: Vec<Link>) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for Link { url } in links {
        // What a dashboard makes a link of must not be `javascript:`.
        let fits = (url.starts_with("https://") || url.starts_with("http://"))
            && url.len() <= MAX_LINK_BYTES
            && !url.contains(|c: char| c.is_whitespace() || c.is_control());
        if fits && !urls.contains(&url) {
            urls.push(url);
        }
        if urls.len() == MAX_REFERENCES {
            break;
        }
    }
    urls
}

/// A text on one line, at most so many characters.
pub(crate) fn one_line(text: &str, chars: usize) -> String {
    // Twice the length is enough to look at: the rest would be cut.
    let head: String = text.chars().take(chars.saturating_mul(2)).collect();
    cut(&head.split_whitespace().collect::<Vec<_>>().join(" "), chars)
}

fn cut(text: &str, chars: usize) -> String {
    if text.len() <= chars {
        return text.to_owned();
    }
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(chars.saturating_sub(1)).map_or(0, |(at, _)| at);
            format!("{}…", text[..end].trim_end())
        }
    }
}

/// `null` stands for nothing in many records.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Takes from a record that does not follow the schema what does. Returns it with the count of parts left out.
fn salvage(bytes: &[u8]) -> Result<(Raw, u32), Error> {
    let bad = || Error::damaged("an advisory that is no JSON object with an id");
    let value: Value = serde_json::from_slice(bytes).map_err(|_| bad())?;
    let mut parts = Parts { value, dropped: 0 };
    let id = parts.take::<String>("id").ok_or_else(bad)?;
    let affected = parts.items("affected").into_iter().map(|value| {
        let mut parts = Parts { value, dropped: 0 };
        let ranges = parts.items("ranges").into_iter().map(|value| {
            let mut parts = Parts { value, dropped: 0 };
            // A range without one of its events would be another range: all or nothing.
            let range = Range { kind: parts.or_default("type"), events: parts.or_default("events") };
            (range, parts.dropped)
        });
        let (ranges, dropped): (Vec<_>, Vec<_>) = ranges.unzip();
        let affected = Affected {
            package: parts.take("package"),
            severity: parts.list("severity"),
            ranges,
            versions: parts.list("versions"),
            ecosystem_specific: parts.or_default("ecosystem_specific"),
            database_specific: parts.or_default("database_specific"),
            statement: Statement::default(),
        };
        (affected, parts.dropped + dropped.iter().sum::<u32>())
    });
    let (affected, dropped): (Vec<_>, Vec<_>) = affected.unzip();
    let raw = Raw {
        id,
        modified: parts.take("modified"),
        published: parts.take("published"),
        // Whatever stands here, something does.
        withdrawn: match parts.value.get("withdrawn") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => Some(String::new()),
        },
        aliases: parts.list("aliases"),
        upstream: parts.list("upstream"),
        summary: parts.or_default("summary"),
        details: parts.or_default("details"),
        references: parts.list("references"),
        severity: parts.list("severity"),
        database_specific: parts.or_default("database_specific"),
        affected,
    };
    Ok((raw, parts.dropped + dropped.iter().sum::<u32>()))
}

/// A JSON object that is taken apart, and what of it was of the wrong type.
struct Parts {
    value: Value,
    dropped: u32,
}

impl Parts {
    fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.value.get_mut(key).map(Value::take).filter(|value| !value.is_null())?;
        let taken = serde_json::from_value(value).ok();
        self.dropped += u32::from(taken.is_none());
        taken
    }

    fn or_default<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        self.take(key).unwrap_or_default()
    }

    fn items(&mut self, key: &str) -> Vec<Value> {
        self.or_default(key)
    }

    fn list<T: DeserializeOwned>(&mut self, key: &str) -> Vec<T> {
        let items = self.items(key);
        let count = items.len();
        let list: Vec<T> = items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect();
        self.dropped += u32::try_from(count - list.len()).unwrap_or(u32::MAX);
        list
    }
}

#[cfg(test)]
mod tests;
