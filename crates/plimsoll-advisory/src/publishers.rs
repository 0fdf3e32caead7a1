//! The publishers' own feeds: what distributions say of their packages beyond what their bulletins say.
//!
//! A bulletin tells that a fix is there. Only the publisher's own feed tells that a package was never affected, that a fix will
//! never come, or that nobody looks after a release any more. Each format has a module that turns bytes into [`Record`]s like
//! those of a bucket, with a [`Statement`](crate::osv::Statement) beside the versions. Whose word they are is
//! [`Authority::Publisher`]: it comes before what others say of the same packages.
//!
//! | publisher | form | what it adds |
//! |---|---|---|
//! | Debian | the tracker's JSON | never affected, no-dsa with its reason, end of life, urgency |
//! | Ubuntu | the tracker's text files | needed, deferred, ignored, pockets for subscribers, priority |
//! | Alpine, Wolfi, Chainguard | secdb JSON | `0`: never affected |
//! | Alpine's rejections | YAML | what the security team found to be none of Alpine's |
//! | Azure Linux, CBL-Mariner | OVAL | no fix yet |
//! | Red Hat, SUSE | CSAF VEX | not affected, will not fix, out of support, under investigation |
//! | Amazon, Oracle | updateinfo of the repositories | bulletins that no bucket has |
//! | Photon | JSON | never affected |
//! | NVD | JSON 2.0 | scores, weaknesses and texts of CVEs; no versions |
//!
//! Names of records are `FEED:CVE-…` where the publisher has none of its own, so that they never meet those of a bucket.

mod csaf;
mod debian;
mod nvd;
mod oval;
mod photon;
mod rejections;
mod secdb;
mod tar;
mod ubuntu;
mod updateinfo;
mod xml;

use std::collections::BTreeMap;
use std::io::Read;

use plimsoll_types::Timestamp;

use crate::Error;
use crate::osv::{self, Affected, AffectedPackage, Authority, Event, Range, Record};

pub(crate) use csaf::Csaf;
pub use updateinfo::location_of_updateinfo;

/// Records of one feed. The largest, NVD, has fewer than half a million.
const MAX_RECORDS: usize = 2_000_000;
/// Items on packages in all records of one feed.
const MAX_ITEMS: usize = 20_000_000;

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Publisher {
    Debian,
    Ubuntu,
    Alpine,
    AlpineRejections,
    Wolfi,
    Chainguard,
    AzureLinux,
    RedHat,
    Suse,
    Amazon,
    Oracle,
    Photon,
    Nvd,
}

/// How what a publisher has lies on its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The address is the file.
    File,
    /// Files of these names below the address. Some may be missing.
    Files(&'static [&'static str]),
    /// A file for each branch and each repository of it (`v3.20/main.json`), newest branch first, below the address.
    Branches,
    /// A file for each year below the address: `nvdcve-2.0-2024.json.gz`.
    Years,
    /// Repositories below the address, whose `repodata/repomd.xml` names the file.
    Repositories(&'static [Repository]),
    /// An archive with a file for each vulnerability: the address itself, or what `archive_latest.txt` below it names.
    Archive,
}

/// A repository of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repository {
    /// The ecosystem and release of its packages.
    pub ecosystem: &'static str,
    /// Its path below the address. Where it ends with `mirror.list`, that file names the repository.
    pub path: &'static str,
}

const fn repository(ecosystem: &'static str, path: &'static str) -> Repository {
    Repository { ecosystem, path }
}

impl Publisher {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Debian,
        Self::Ubuntu,
        Self::Alpine,
        Self::AlpineRejections,
        Self::Wolfi,
        Self::Chainguard,
        Self::AzureLinux,
        Self::RedHat,
        Self::Suse,
        Self::Amazon,
        Self::Oracle,
        Self::Photon,
        Self::Nvd,
    ];

    /// The name of its feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Ubuntu => "ubuntu",
            Self::Alpine => "alpine",
            Self::AlpineRejections => "alpine-rejections",
            Self::Wolfi => "wolfi",
            Self::Chainguard => "chainguard",
            Self::AzureLinux => "azurelinux",
            Self::RedHat => "redhat",
            Self::Suse => "suse",
            Self::Amazon => "amazon",
            Self::Oracle => "oracle",
            Self::Photon => "photon",
            Self::Nvd => "nvd",
        }
    }

    /// The publisher of a feed's name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|publisher| publisher.name() == name)
    }

    /// Where it publishes.
    pub fn default_address(self) -> &'static str {
        match self {
            Self::Debian => "https://security-tracker.debian.org/tracker/data/json",
            Self::Ubuntu => {
                "https://git.launchpad.net/ubuntu-cve-tracker/snapshot/ubuntu-cve-tracker-master.tar.gz"
            }
            Self::Alpine => "https://secdb.alpinelinux.org",
            Self::AlpineRejections => {
                "https://gitlab.alpinelinux.org/alpine/security/security-rejections/-/raw/master"
            }
            Self::Wolfi => "https://packages.wolfi.dev/os/security.json",
            Self::Chainguard => "https://packages.cgr.dev/chainguard/security.json",
            Self::AzureLinux => {
                "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main"
            }
            Self::RedHat => "https://security.access.redhat.com/data/csaf/v2/vex",
            Self::Suse => "https://ftp.suse.com/pub/projects/security/csaf-vex.tar.gz",
            Self::Amazon => "https://cdn.amazonlinux.com",
            Self::Oracle => "https://yum.oracle.com/repo/OracleLinux",
            Self::Photon => "https://packages.vmware.com/photon/photon_cve_metadata",
            Self::Nvd => "https://nvd.nist.gov/feeds/json/cve/2.0",
        }
    }

    /// How it lies there.
    pub fn layout(self) -> Layout {
        match self {
            Self::Debian | Self::Wolfi | Self::Chainguard => Layout::File,
            Self::Ubuntu | Self::RedHat | Self::Suse => Layout::Archive,
            Self::Alpine => Layout::Branches,
            Self::AlpineRejections => Layout::Files(&["main.yaml", "community.yaml"]),
            Self::AzureLinux => Layout::Files(&["azurelinux-3.0-oval.xml", "cbl-mariner-2.0-oval.xml"]),
            Self::Photon => Layout::Files(&[
                "cve_data_photon5.0.json",
                "cve_data_photon4.0.json",
                "cve_data_photon3.0.json",
            ]),
            Self::Nvd => Layout::Years,
            Self::Amazon => {
                const {
                    Layout::Repositories(&[
                        repository("Amazon Linux:2023", "al2023/core/mirrors/latest/x86_64/mirror.list"),
                        repository("Amazon Linux:2", "2/core/latest/x86_64/mirror.list"),
                    ])
                }
            }
            Self::Oracle => {
                const {
                    Layout::Repositories(&[
                        repository("Oracle Linux:10", "OL10/baseos/latest/x86_64"),
                        repository("Oracle Linux:10", "OL10/appstream/x86_64"),
                        repository("Oracle Linux:9", "OL9/baseos/latest/x86_64"),
                        repository("Oracle Linux:9", "OL9/appstream/x86_64"),
                        repository("Oracle Linux:8", "OL8/baseos/latest/x86_64"),
                        repository("Oracle Linux:8", "OL8/appstream/x86_64"),
                        repository("Oracle Linux:7", "OL7/latest/x86_64"),
                    ])
                }
            }
        }
    }

    /// Whether what one document says is all that is said of its vulnerability, so that no more than one need be in memory.
    pub fn is_streamed(self) -> bool {
        matches!(self, Self::RedHat | Self::Suse)
    }

    /// Reads one of its files as [`Publisher::read`] does. Where it [is streamed](Publisher::is_streamed) the records are handed on
    /// as they come; nothing stays of them but their number.
    pub fn read_each(
        self,
        name: &str,
        bytes: impl Read,
        into: &mut Collected,
        mut each: impl FnMut(Record) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let vendor = match self {
            Self::RedHat => csaf::Vendor::RedHat,
            Self::Suse => csaf::Vendor::Suse,
            _ => return self.read(name, bytes, into),
        };
        tar::each(tar::unpacked(bytes)?, |_, content| {
            csaf::read(content, vendor, into)?;
            into.handed_on += into.records.len();
            std::mem::take(&mut into.records).into_values().try_for_each(&mut each)
        })
    }

    /// Reads one of its files. `name` is its path below the address, or the repository's ecosystem for an updateinfo.
    ///
    /// A file that is packed with gzip or zstd is unpacked on the way. Fails where the file as a whole cannot be read; what of it is not what the format says is counted and left out.
    pub fn read(self, name: &str, bytes: impl Read, into: &mut Collected) -> Result<(), Error> {
        let bytes = tar::unpacked(bytes)?;
        match self {
            Self::Debian => debian::read(bytes, into),
            Self::Ubuntu => tar::each(bytes, |path, content| ubuntu::read(path, content, into)),
            Self::Alpine => secdb::read(bytes, "ALPINE", "Alpine", into),
            Self::AlpineRejections => rejections::read(bytes, into),
            Self::Wolfi => secdb::read(bytes, "WOLFI", "Wolfi", into),
            Self::Chainguard => secdb::read(bytes, "CHAINGUARD", "Chainguard", into),
            Self::AzureLinux => oval::read(bytes, into),
            Self::RedHat => tar::each(bytes, |_, content| csaf::read(content, csaf::Vendor::RedHat, into)),
            Self::Suse => tar::each(bytes, |_, content| csaf::read(content, csaf::Vendor::Suse, into)),
            Self::Amazon | Self::Oracle => updateinfo::read(bytes, name, into),
            Self::Photon => photon::read(bytes, name, into),
            Self::Nvd => nvd::read(bytes, into),
        }
    }
}

/// What was read of a feed so far. Several files may speak of one vulnerability.
#[derive(Debug, Default)]
pub struct Collected {
    records: BTreeMap<String, Record>,
    /// Records that are no longer here.
    handed_on: usize,
    items: usize,
    /// Parts that were not what the format says.
    pub dropped: u64,
}

impl Collected {
    /// The record of this id, which is new where it is not there yet; `None` where it is no usable id.
    fn record(&mut self, id: &str) -> Result<Option<&mut Record>, Error> {
        if !osv::is_safe_id(id) {
            self.dropped += 1;
            return Ok(None);
        }
        if self.records.len() + self.handed_on >= MAX_RECORDS {
            return Err(Error::too_large("a feed with advisories beyond all measure"));
        }
        Ok(Some(self.records.entry(id.to_owned()).or_insert_with(|| empty(id))))
    }

    /// Adds an item on a package to a record.
    fn add(&mut self, id: &str, item: Affected) -> Result<(), Error> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(Error::too_large("a feed with packages beyond all measure"));
        }
        if let Some(record) = self.record(id)? {
            record.affected.push(item);
        }
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, sorted by id.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        self.records.into_values()
    }
}

fn empty(id: &str) -> Record {
    Record {
        id: id.to_owned(),
        modified: Timestamp::default(),
        published: None,
        withdrawn: None,
        aliases: Vec::new(),
        upstream: Vec::new(),
        summary: String::new(),
        details: String::new(),
        references: Vec::new(),
        severity: Vec::new(),
        database_specific: Default::default(),
        affected: Vec::new(),
        dropped: 0,
        authority: Authority::Publisher,
    }
}

/// The record of a CVE in a feed that numbers by CVE, with the CVE as its alias.
fn of_cve<'c>(into: &'c mut Collected, feed: &str, cve: &str) -> Result<Option<&'c mut Record>, Error> {
    let mut record = into.record(&format!("{feed}:{cve}"))?;
    if let Some(record) = &mut record
        && record.aliases.is_empty()
        && !cve.starts_with("TEMP-")
    {
        record.aliases.push(cve.to_owned());
    }
    Ok(record)
}

/// An item on a package: affected from the beginning up to a fix, or for ever.
fn item(ecosystem: &str, name: &str, fixed: Option<&str>) -> Affected {
    let event = |introduced: Option<&str>, fixed: Option<&str>| Event {
        introduced: introduced.map(str::to_owned),
        fixed: fixed.map(str::to_owned),
        ..Event::default()
    };
    let mut events = vec![event(Some("0"), None)];
    events.extend(fixed.map(|fixed| event(None, Some(fixed))));
    Affected {
        package: Some(AffectedPackage { ecosystem: ecosystem.to_owned(), name: name.to_owned() }),
        ranges: vec![Range { kind: "ECOSYSTEM".to_owned(), events }],
        ..Affected::default()
    }
}

/// An item on a package that never was affected.
fn never(ecosystem: &str, name: &str) -> Affected {
    item(ecosystem, name, Some("0"))
}

/// Whether a text can be a package's name in a feed.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 300 && !name.chars().any(|c| c.is_control())
}

/// Whether a text is the number of a CVE.
fn is_cve(text: &str) -> bool {
    let Some((year, number)) = text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let digits = |text: &str, few: usize| {
        text.len() >= few && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit())
    };
    year.len() == 4 && digits(year, 4) && digits(number, 4)
}

/// Reads all of a file, up to a limit.
fn all(mut bytes: impl Read, limit: u64, what: &str) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    bytes
        .by_ref()
        .take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|error| Error::damaged(format!("{what} cannot be read: {error}")))?;
    if content.len() as u64 > limit {
        return Err(Error::too_large(format!("{what} has more than {limit} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
