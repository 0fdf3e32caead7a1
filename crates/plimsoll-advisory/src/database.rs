//! The compiled advisory database: one immutable, memory-mapped file.
//!
//! A look-up hashes ecosystem and name, reads one slot and one package row, and is at the package's entries, one for each
//! advisory and release, whose intervals of version keys lie side by side. Texts are apart, in compressed blocks that are
//! read only for what is shown. Many processes share one copy in memory, and nobody is blocked: a new generation is
//! another file. We tried key-value engines; they cost from four to thirty times as much a look-up.
//!
//! The file may be damaged or hostile. Opening checks magic, version, section table and digest; after that every offset
//! and count is still checked where it is used, and what does not fit is no match.

mod build;
mod format;
mod texts;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use memmap2::Mmap;
use plimsoll_types::{Ecosystem, Status, Timestamp};
use zstd::dict::DDict;

pub use build::{Builder, Stats};
pub(crate) use format::{About, Names, Rest};
pub(crate) use texts::{Reader as TextReader, Shown};

use crate::{Error, osv};
use format::{
    AdvisoryRow, EcosystemInfo, EntryRow, GroupRow, Header, Info, IntervalRow, MemberRow, PackageRow,
    SectionId, Slot,
};

/// One generation of what is known.
pub struct Database {
    map: Mmap,
    header: Header,
    info: Info,
    /// What texts were packed with, made ready when the first is read.
    dictionary: OnceLock<Option<DDict<'static>>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What is known of an ecosystem, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcosystemStatus {
    /// Its name, without release.
    pub name: String,
    /// Its releases, sorted.
    pub releases: Vec<String>,
    /// Advisories that name a package of it.
    pub advisories: u64,
    /// Packages of it that they name.
    pub packages: u64,
    /// Ranges of versions that cannot be evaluated, because the order of its versions is not known to us.
    pub unevaluated_ranges: u64,
    /// When the newest of the advisories was changed.
    pub newest: Timestamp,
    /// When its feed was read last; `None` where no feed has its name.
    pub fetched_at: Option<Timestamp>,
}

/// One advisory with its texts, for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Advisory {
    /// Its id.
    pub id: String,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was changed last.
    pub modified: Timestamp,
    /// When it was taken back.
    pub withdrawn: Option<Timestamp>,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// Ids of the vulnerabilities that it passes on.
    pub upstream: Vec<String>,
    /// One line.
    pub summary: String,
    /// The long text.
    pub details: String,
    /// Links.
    pub references: Vec<String>,
    /// Which versions of which packages it speaks of, a line each: `PyPI a: introduced 1.0, fixed 1.2`. What is affected from
    /// the beginning up to a fix is not among them.
    pub ranges: Vec<String>,
    /// The feeds that brought it.
    pub feeds: Vec<String>,
}

impl Database {
    /// Opens a file that a [`Builder`] wrote.
    ///
    /// The file must not be changed in place while it is open; generations are replaced by renaming, never by writing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io("open the advisory database", path, error))?;
        // SAFETY: the map is private to reading, and the file is immutable by contract: the builder writes a file of its
        // own and renames it, so no writer of ours ever has this one. Whatever bytes are in it, they are only read as
        // integers and bounds-checked slices, for which every bit pattern is valid.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }
            .map_err(|error| Error::io("map the advisory database", path, error))?;
        let header = Header::check(&map, path)?;
        let info: Info = postcard::from_bytes(header.section(&map, SectionId::Info))
            .map_err(|_| format::damaged(path, "its table of ecosystems cannot be read"))?;
        Ok(Self { map, header, info, dictionary: OnceLock::new() })
    }

    /// The number of this generation; an update's is one higher.
    pub fn generation(&self) -> u64 {
        self.header.generation
    }

    /// When it was built.
    pub fn created_at(&self) -> Timestamp {
        Timestamp(self.header.created_at)
    }

    /// How many advisories there are, withdrawn ones with them.
    pub fn advisories(&self) -> u64 {
        self.advisory_rows().len() as u64
    }

    /// The file's size in bytes.
    pub fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// What is known, by ecosystem, sorted by name.
    pub fn ecosystems(&self) -> Vec<EcosystemStatus> {
        let fetched =
            |name: &str| self.info.feeds.iter().find(|feed| feed.name == name).map(|feed| feed.fetched_at);
        let status = |info: &EcosystemInfo| {
            let mut releases: Vec<String> = info.releases.iter().filter(|r| !r.is_empty()).cloned().collect();
            releases.sort();
            EcosystemStatus {
                name: info.name.clone(),
                releases,
                advisories: info.advisories,
                packages: info.packages,
                unevaluated_ranges: info.unevaluated_ranges,
                newest: Timestamp(info.newest),
                fetched_at: fetched(&info.name).map(Timestamp),
            }
        };
        let mut all: Vec<_> = self.info.ecosystems.iter().map(status).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// When a feed was read last, by the name under which it was added.
    pub fn fetched_at(&self, feed: &str) -> Option<Timestamp> {
        self.info.feeds.iter().find(|info| info.name == feed).map(|info| Timestamp(info.fetched_at))
    }

    /// Whether there is data for this ecosystem and its release: with `Alpine:v3.10` alone, `Alpine:v3.20` is not known.
    /// Where it is not, no match means nothing.
    pub fn knows(&self, ecosystem: &Ecosystem) -> bool {
        let Some((_, info)) = self.ecosystem(ecosystem.name()) else { return false };
        let release = release_key(ecosystem);
        info.has_general_ranges || info.number(&release).is_some_and(|_| !release.is_empty())
    }

    /// An advisory by its id.
    pub fn advisory(&self, id: &str) -> Option<Advisory> {
        let (at, row) = self.row_of(id)?;
        let number = u32::try_from(at).ok()?;
        let members: &[MemberRow] = self.rows(SectionId::Members);
        let feeds = members.iter().filter(|member| member.advisory == number);
        let (names, rest) = self.meta(row)?;
        let text = self.texts().read(row.text).unwrap_or_default();
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Some(Advisory {
            id: id.to_owned(),
            published: rest.published.map(Timestamp),
            modified: Timestamp(row.modified),
            withdrawn: names.withdrawn.map(Timestamp),
            aliases: owned(names.aliases),
            upstream: owned(names.upstream),
            summary: text.summary,
            details: text.details,
            references: text.references,
            ranges: text.ranges,
            feeds: feeds
                .filter_map(|member| Some(self.info.feeds.get(member.feed as usize)?.name.clone()))
                .collect(),
        })
    }

    /// The advisories that a feed brought, with the time of their last change.
    pub fn ids<'d>(&'d self, feed: &str) -> impl Iterator<Item = (&'d str, Timestamp)> + use<'d> {
        let members: &[MemberRow] = self.rows(SectionId::Members);
        let number =
            self.info.feeds.iter().position(|info| info.name == feed).and_then(|n| u32::try_from(n).ok());
        let rows = number.map_or(&members[..0], |number| {
            let start = members.partition_point(|row| row.feed < number);
            let end = members.partition_point(|row| row.feed <= number);
            members.get(start..end).unwrap_or_default()
        });
        rows.iter().filter_map(|member| {
            let row = self.advisory_rows().get(member.advisory as usize)?;
            Some((self.text(row.id)?, Timestamp(row.modified)))
        })
    }

    /// The packages, as ecosystem name and look-up name, of which this generation says something else than `old` did.
    ///
    /// Only these have to be matched anew. The list is sorted and has each pair once.
    pub fn changed_names(&self, old: &Database) -> Vec<(String, String)> {
        let contents = |database: &Self| -> HashMap<String, u64> {
            let rows = database.advisory_rows().iter();
            rows.filter_map(|row| Some((database.text(row.id)?.to_owned(), row.content))).collect()
        };
        let (before, after) = (contents(old), contents(self));
        let mut names = Vec::new();
        for (database, other) in [(old, &after), (self, &before)] {
            let changed: Vec<bool> = database
                .advisory_rows()
                .iter()
                .map(|row| {
                    let id = database.text(row.id).unwrap_or_default();
                    // A date of withdrawal in the future takes effect with the generation that is built behind it.
                    let withdrawn = database.names(row).map_or(i64::MAX, |(names, _)| names.withdrawn());
                    let takes_effect = old.created_at().0 < withdrawn && withdrawn <= self.created_at().0;
                    takes_effect || other.get(id) != Some(&row.content)
                })
                .collect();
            for package in database.rows::<PackageRow>(SectionId::Packages) {
                let is_changed =
                    |entry: &EntryRow| changed.get(entry.advisory as usize).is_some_and(|changed| *changed);
                let first = package.first_group as usize;
                let groups = (first..).take(database.groups_of(package).len());
                let entries: &[EntryRow] = database.rows(SectionId::Entries);
                let mut entries =
                    groups.flat_map(|group| entries.get(database.entries_of(group)).unwrap_or_default());
                if entries.any(is_changed)
                    && let (Some(info), Some(name)) = (
                        database.info.ecosystems.get(package.ecosystem as usize),
                        database.text(package.name),
                    )
                {
                    names.push((info.name.clone(), name.to_owned()));
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// What is said of a package, by its look-up name, in the release of the ecosystem.
    pub(crate) fn said(&self, ecosystem: &Ecosystem, lookup_name: &str) -> Said<'_> {
        let mut said = self.nothing_said();
        let Some((number, info)) = self.ecosystem(ecosystem.name()) else { return said };
        let Some(package) = self.package(number, ecosystem.name(), lookup_name) else { return said };
        let (first, groups) = (package.first_group as usize, self.groups_of(package));
        let mut take = |which: usize, release: u32| {
            if let Ok(at) = groups.binary_search_by_key(&release, |group| group.release) {
                said.groups[which] = groups.get(at);
                said.entries[which] = self.entries_of(first + at);
            }
        };
        // A statement without a release is one on all of them. Sorted, it comes first.
        if info.releases.first().is_some_and(String::is_empty) {
            take(0, 0);
        }
        let wanted = release_key(ecosystem);
        if let Some(release) = (!wanted.is_empty()).then(|| info.number(&wanted)).flatten() {
            take(1, release);
        }
        said
    }

    /// Of nothing.
    pub(crate) fn nothing_said(&self) -> Said<'_> {
        Said {
            database: self,
            rows: self.rows(SectionId::Entries),
            intervals: self.rows(SectionId::Intervals),
            groups: [None, None],
            entries: [0..0, 0..0],
        }
    }

    /// A reader of texts, to be kept while several are read.
    pub(crate) fn texts(&self) -> TextReader<'_> {
        let dictionary = self.dictionary.get_or_init(|| {
            let dictionary = self.dictionary_bytes();
            (!dictionary.is_empty()).then(|| DDict::try_create(dictionary)).flatten()
        });
        let texts = self.header.section(&self.map, SectionId::Texts);
        TextReader::new(self.rows(SectionId::Blocks), texts, dictionary.as_ref())
    }

    fn dictionary_bytes(&self) -> &[u8] {
        self.header.section(&self.map, SectionId::Dictionary)
    }

    /// An ecosystem and its number. The table is sorted by name.
    fn ecosystem(&self, name: &str) -> Option<(u32, &EcosystemInfo)> {
        let ecosystems = &self.info.ecosystems;
        let at = ecosystems.binary_search_by(|info| info.name.as_str().cmp(name)).ok()?;
        Some((u32::try_from(at).ok()?, ecosystems.get(at)?))
    }

    fn package(&self, ecosystem: u32, ecosystem_name: &str, lookup_name: &str) -> Option<&PackageRow> {
        let slots: &[Slot] = self.rows(SectionId::Slots);
        let mask = slots.len().checked_sub(1)?;
        let hash = format::name_hash(ecosystem_name, lookup_name);
        let packages: &[PackageRow] = self.rows(SectionId::Packages);
        for step in 0..slots.len() {
            let slot = slots.get((hash as usize).wrapping_add(step) & mask)?;
            let index = slot.package.checked_sub(1)?;
            if slot.tag != format::tag(hash) {
                continue;
            }
            let package = packages.get(index as usize)?;
            if package.ecosystem == ecosystem && self.piece(package.name) == Some(lookup_name.as_bytes()) {
                return Some(package);
            }
        }
        None
    }

    fn groups_of(&self, package: &PackageRow) -> &[GroupRow] {
        format::part(self.rows(SectionId::Groups), package.first_group, package.groups)
    }

    /// The places of the entries of a group.
    fn entries_of(&self, group: usize) -> Range<usize> {
        let groups: &[GroupRow] = self.rows(SectionId::Groups);
        let all = self.rows::<EntryRow>(SectionId::Entries).len();
        let begin = |at: usize| groups.get(at).map_or(all, |group| group.first_entry as usize).min(all);
        begin(group)..begin(group + 1)
    }

    fn advisory_rows(&self) -> &[AdvisoryRow] {
        self.rows(SectionId::Advisories)
    }

    /// An advisory's place and row. Rows are sorted by id.
    fn row_of(&self, id: &str) -> Option<(usize, &AdvisoryRow)> {
        let rows = self.advisory_rows();
        let at = rows.binary_search_by(|row| self.text(row.id).unwrap_or_default().cmp(id)).ok()?;
        Some((at, rows.get(at)?))
    }

    fn meta<'d>(&'d self, row: &AdvisoryRow) -> Option<(Names<'d>, Rest<'d>)> {
        let (names, rest) = self.names(row)?;
        Some((names, postcard::from_bytes(rest).ok()?))
    }

    /// The names of an advisory, and the bytes of the [`Rest`].
    fn names<'d>(&'d self, row: &AdvisoryRow) -> Option<(Names<'d>, &'d [u8])> {
        postcard::take_from_bytes(self.piece(row.meta)?).ok()
    }

    fn text(&self, at: u32) -> Option<&str> {
        std::str::from_utf8(self.piece(at)?).ok()
    }

    fn piece(&self, at: u32) -> Option<&[u8]> {
        format::piece(self.header.section(&self.map, SectionId::Heap), at)
    }

    fn rows<T: bytemuck::Pod>(&self, id: SectionId) -> &[T] {
        // Sections are aligned and whole, which `open` has checked.
        bytemuck::try_cast_slice(self.header.section(&self.map, id)).unwrap_or_default()
    }
}

/// The spelling of a release under which it is filed, where feed and machine spell it in different ways.
///
/// - Ubuntu's long-term releases are `Ubuntu:22.04:LTS` in the feed and 22.04 on the machine; `Ubuntu:Pro:22.04:LTS` is
///   another thing, for subscribers.
/// - Red Hat's are the CPEs of products, `Red Hat:enterprise_linux:9::baseos`, and a machine has all repositories of its 9;
///   a stream with an extended life (`rhel_eus:9.2::baseos`) is another thing.
/// - SUSE's modules are one release with the server whose modules they are: `Linux Enterprise Module for Basesystem 15 SP5`
///   and `Linux Enterprise Server 15 SP5`. What has `LTSS` or the like behind it is for subscribers.
fn release_key(ecosystem: &Ecosystem) -> Cow<'_, str> {
    let release = ecosystem.release().unwrap_or_default();
    match ecosystem.name() {
        "Ubuntu" => release.strip_suffix(":LTS").unwrap_or(release).into(),
        "Red Hat" => {
            let version = release.strip_prefix("enterprise_linux:").map(|rest| rest.split(':').next());
            version.flatten().map_or(release, |version| version.split('.').next().unwrap_or(version)).into()
        }
        "SUSE" => {
            let Some(product) = release.strip_prefix("Linux Enterprise ") else { return release.into() };
            let version = product.find(|c: char| c.is_ascii_digit()).map(|at| product.split_at(at));
            match version {
                Some((kind, version))
                    if (kind.starts_with("Module for ") || kind == "Server " || kind == "Desktop ")
                        && !version.contains('-') =>
                {
                    format!("Linux Enterprise {version}").into()
                }
                _ => release.into(),
            }
        }
        _ => release.into(),
    }
}

/// Where it lies what is said of a package in a release.
#[derive(Clone)]
pub(crate) struct Said<'d> {
    database: &'d Database,
    rows: &'d [EntryRow],
    intervals: &'d [IntervalRow],
    /// Of all releases, and of this one.
    groups: [Option<&'d GroupRow>; 2],
    /// The places of their entries, each sorted by advisory.
    entries: [Range<usize>; 2],
}

impl<'d> Said<'d> {
    /// All of it.
    pub(crate) fn statements(&self) -> impl Iterator<Item = Statement<'d>> + use<'d> {
        let Self { database, rows, intervals, entries: [general, own], .. } = self.clone();
        general.chain(own).filter_map(move |at| {
            let entry = rows.get(at)?;
            let end = rows.get(at + 1).map_or(intervals.len(), |next| next.first_interval as usize);
            let intervals = intervals.get(entry.first_interval as usize..end).unwrap_or_default();
            Some(Statement { database, entry, intervals })
        })
    }

    /// Whether a version lies above all of it, so that none of it says that the version is affected. `reaches` tells whether the
    /// version's key, in the order of this number, is another or above it.
    pub(crate) fn is_below(&self, mut reaches: impl FnMut(u8, &[u8]) -> bool) -> bool {
        self.groups.iter().flatten().all(|group| {
            group.order & GroupRow::HAS_CEILING != 0
                && self.database.piece(group.ceiling).is_some_and(|key| reaches(group.order as u8, key))
        })
    }

    /// Whether an advisory has a part in it.
    pub(crate) fn has(&self, advisory: u32) -> bool {
        self.entries.iter().any(|entries| {
            let rows = self.rows.get(entries.clone()).unwrap_or_default();
            rows.binary_search_by_key(&advisory, |row| row.advisory).is_ok()
        })
    }
}

/// What one advisory says of one package in one release.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'d> {
    database: &'d Database,
    entry: &'d EntryRow,
    intervals: &'d [IntervalRow],
}

impl<'d> Statement<'d> {
    /// The number of the advisory in this generation.
    pub(crate) fn advisory(&self) -> u32 {
        self.entry.advisory
    }

    /// What it says of the versions in its intervals.
    pub(crate) fn status(&self) -> Status {
        format::status(self.entry.status)
    }

    /// Whose word it is.
    pub(crate) fn authority(&self) -> osv::Authority {
        let known = osv::Authority::ALL.get(usize::from(self.entry.authority()));
        known.copied().unwrap_or(osv::Authority::Cve)
    }

    /// The number of the order of its versions.
    pub(crate) fn order(&self) -> u8 {
        self.entry.order
    }

    /// The interval that holds a key.
    pub(crate) fn holder(&self, key: &[u8]) -> Option<Holder<'d>> {
        let starts_below =
            |row: &IntervalRow| self.database.piece(row.start).is_some_and(|start| start <= key);
        // Nearly all have one interval; only others need a search.
        let row = match self.intervals {
            [row] => Some(row).filter(|row| starts_below(row)),
            rows => rows.get(rows.partition_point(starts_below).checked_sub(1)?),
        }?;
        let holds = !row.has_end() || key < self.database.piece(row.end)?;
        holds.then_some(Holder { database: self.database, row })
    }

    /// Whether one of its bounds lies between two keys, both included.
    pub(crate) fn has_bound_between(&self, first: &[u8], last: &[u8]) -> bool {
        let lies = |at: u32| {
            at != format::NOTHING && self.database.piece(at).is_some_and(|key| first <= key && key <= last)
        };
        self.intervals.iter().any(|row| lies(row.start) || lies(row.end))
    }

    /// Whether it names a fix at a key or below.
    pub(crate) fn has_fix_up_to(&self, key: &[u8]) -> bool {
        let below =
            |row: &IntervalRow| row.has_fix() && self.database.piece(row.end).is_some_and(|end| end <= key);
        self.intervals.iter().any(below)
    }

    /// The fixes above a key with their keys, lowest first.
    pub(crate) fn fixes_above<'k>(
        &self,
        key: &'k [u8],
    ) -> impl Iterator<Item = (&'d [u8], &'d str)> + use<'d, 'k> {
        let database = self.database;
        self.intervals.iter().filter(|row| row.has_fix()).filter_map(move |row| {
            let end = database.piece(row.end).filter(|end| *end > key)?;
            Some((end, database.text(row.fix())?))
        })
    }

    /// In words what its one interval says; `None` where it has more, or one that begins later.
    pub(crate) fn in_words(&self) -> Option<String> {
        match self.intervals {
            [row] if row.start == format::NOTHING && row.has_fix() => {
                Some(format!("introduced 0, fixed {}", self.database.text(row.fix())?))
            }
            [row] if row.start == format::NOTHING && !row.has_end() => Some("introduced 0".to_owned()),
            [] => Some("no version".to_owned()),
            _ => None,
        }
    }

    /// Whether it has ranges that could not be evaluated.
    pub(crate) fn has_unevaluated(&self) -> bool {
        self.entry.unevaluated > 0
    }

    /// Whether the advisory was not taken back before the database was built.
    pub(crate) fn is_in_force(&self) -> bool {
        self.entry.flags & EntryRow::IN_FORCE != 0
    }

    /// The advisory's id.
    pub(crate) fn id(&self) -> Option<&'d str> {
        self.database.text(self.row()?.id)
    }

    /// When the advisory was changed last.
    pub(crate) fn modified(&self) -> Option<Timestamp> {
        Some(Timestamp(self.row()?.modified))
    }

    /// Names of the advisory, and what [`Rest::of`] makes its dates and severities of.
    pub(crate) fn names(&self) -> Option<(Names<'d>, &'d [u8])> {
        self.database.names(self.row()?)
    }

    /// Whether it says anything beside its intervals of this package.
    pub(crate) fn has_about(&self) -> bool {
        self.entry.about != format::NOTHING
    }

    /// What it says beside its intervals of this package.
    pub(crate) fn about(&self) -> Option<About> {
        if !self.has_about() {
            return None;
        }
        postcard::from_bytes(self.database.piece(self.entry.about)?).ok()
    }

    /// Its texts; empty where they are damaged.
    pub(crate) fn text<'t>(&self, texts: &'t mut TextReader<'d>) -> Shown<'t> {
        self.row().and_then(|row| texts.shown(row.text)).unwrap_or_default()
    }

    /// The CVE record of a vulnerability that the advisory names, where its feed is read. It names no packages.
    pub(crate) fn cve_record(&self, cve: &str) -> Option<CveRecord<'d>> {
        let number = self.row()?.cve_record.checked_sub(1)?;
        let row = self.database.advisory_rows().get(number as usize)?;
        let is_it = self.database.text(row.id)?.strip_prefix(format::CVE_RECORD) == Some(cve);
        is_it.then_some(CveRecord { database: self.database, row })
    }

    fn row(&self) -> Option<&'d AdvisoryRow> {
        self.database.advisory_rows().get(self.entry.advisory as usize)
    }
}

/// What NVD says of a CVE.
pub(crate) struct CveRecord<'d> {
    database: &'d Database,
    row: &'d AdvisoryRow,
}

impl<'d> CveRecord<'d> {
    /// Dates and severities; nothing where they are damaged.
    pub(crate) fn rest(&self) -> Rest<'d> {
        self.database.meta(self.row).map(|(_, rest)| rest).unwrap_or_default()
    }

    /// Its texts; empty where they are damaged.
    pub(crate) fn text<'t>(&self, texts: &'t mut TextReader<'d>) -> Shown<'t> {
        texts.shown(self.row.text).unwrap_or_default()
    }
}

/// An interval that holds a version.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'d> {
    database: &'d Database,
    row: &'d IntervalRow,
}

impl Holder<'_> {
    /// Whether one of its bounds is no version of its scheme.
    pub(crate) fn is_weak(&self) -> bool {
        self.row.is_weak()
    }

    /// Whether it holds one version and no other.
    pub(crate) fn is_of_one(&self) -> bool {
        let (start, end) = (self.database.piece(self.row.start), self.database.piece(self.row.end));
        start.zip(end).is_some_and(|(start, end)| end.split_last() == Some((&0, start)))
    }

    /// Whether it holds every version that there is or will be.
    pub(crate) fn is_of_all(&self) -> bool {
        self.row.start == format::NOTHING && !self.row.has_end()
    }
}

/// The file of an ecosystem in which a record's package is looked up.
fn filed_under(package: &osv::AffectedPackage) -> Option<(Ecosystem, String)> {
    let ecosystem: Ecosystem = package.ecosystem.parse().ok()?;
    let release = release_key(&ecosystem).into_owned();
    let name = ecosystem.lookup_name(&package.name).into_owned();
    let filed = if release.is_empty() {
        Ecosystem::of(ecosystem.name())
    } else {
        Ecosystem::release_of(ecosystem.name(), &release)
    };
    Some((filed, name))
}

#[cfg(test)]
mod tests;
