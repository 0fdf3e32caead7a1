//! Compiles records and writes a generation.
//!
//! A builder that starts from a base takes over what is compiled there: the entries and intervals of an unchanged
//! advisory are copied as they are, and its text stays in its packed block, so that an update costs parsing only for what
//! changed. What comes out answers every question as a fresh build of the same records does.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use plimsoll_types::{Status, Timestamp};
use serde_json::Value;

use super::format::{
    self, About, AdvisoryRow, BlockRow, EcosystemInfo, EntryRow, FeedInfo, GroupRow, HEADER_BYTES, Header,
    Info, IntervalRow, MemberRow, NOTHING, Names as AdvisoryNames, PackageRow, Rest, SECTIONS, SectionId,
    Slot, TextPlace,
};
use super::texts::{self, Text};
use super::{Database, filed_under};
use crate::interval::{self, Interval, Order};
use crate::osv::{self, Affected, Record};
use crate::severity::Facts;
use crate::{Error, ErrorKind};

/// Characters that are kept of a publisher's reason.
const MAX_NOTE_CHARS: usize = 300;
/// Weaknesses that are kept of one advisory.
const MAX_CWES: usize = 20;
/// Lines of symbols, and symbols in a line, that are kept of one package.
const MAX_SYMBOLS: usize = 50;
/// Characters of a path or a symbol.
const MAX_SYMBOL_CHARS: usize = 120;
/// Events of one range that are told in words.
const MAX_EVENTS_IN_WORDS: usize = 40;
/// Bytes in all of what one advisory says of versions, in words.
const MAX_WORDS_BYTES: usize = 64 << 10;

/// Collects advisories and writes them as one file.
pub struct Builder<'b> {
    base: Option<&'b Database>,
    generation: u64,
    created_at: Timestamp,
    feeds: Vec<FeedInfo>,
    ecosystems: Names,
    releases: Names,
    packages: HashMap<(u32, Box<str>), u32>,
    package_names: Vec<(u32, Box<str>)>,
    advisories: HashMap<Box<str>, Draft>,
    heap: Heap,
    intervals: Vec<IntervalRow>,
    texts: texts::Writer,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Advisories, withdrawn ones with them.
    pub advisories: u64,
    /// Packages that they name.
    pub packages: u64,
    /// Statements of an advisory on a package in a release.
    pub statements: u64,
    /// Intervals of versions.
    pub intervals: u64,
    /// Ranges that cannot be evaluated, because the order of their versions is not known to us.
    pub unevaluated_ranges: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// An advisory that will be written.
struct Draft {
    /// Its places in the heap and its intervals are in the base's tables, not in the builder's.
    in_base: bool,
    row: AdvisoryRow,
    authority: u8,
    withdrawn: i64,
    feeds: Vec<u32>,
    entries: Vec<DraftEntry>,
}

/// An entry that will be written. Package and release are the builder's numbers.
struct DraftEntry {
    package: u32,
    release: u32,
    first_interval: u32,
    end_interval: u32,
    about: u32,
    order: u8,
    status: u8,
    unevaluated: u8,
}

impl<'b> Builder<'b> {
    /// A builder with nothing in it, for the first generation. `now` becomes the database's `created_at`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            base: None,
            generation: 1,
            created_at: now,
            feeds: Vec::new(),
            ecosystems: Names::default(),
            releases: Names::default(),
            packages: HashMap::new(),
            package_names: Vec::new(),
            advisories: HashMap::new(),
            heap: Heap::default(),
            intervals: Vec::new(),
            texts: texts::Writer::default(),
        }
    }

    /// A builder with all that a database holds, for the generation after it.
    pub fn from_base(base: &'b Database, now: Timestamp) -> Self {
        let mut builder = Self::new(now);
        builder.base = Some(base);
        builder.generation = base.generation().saturating_add(1);
        builder.feeds = base.info.feeds.clone();
        builder.take_over(base);
        builder
    }

    /// Adds an advisory that a feed brought, or puts it in the place of the one with its id. Of two states of one
    /// advisory, which two feeds may bring, the one that was modified later stays.
    pub fn add(&mut self, feed: &str, record: &Record) -> Result<(), Error> {
        let feed = self.feed(feed);
        let mut feeds = Vec::new();
        if let Some(known) = self.advisories.get_mut(record.id.as_str()) {
            if !known.feeds.contains(&feed) {
                known.feeds.push(feed);
            }
            if known.row.modified > record.modified.0 {
                return Ok(());
            }
            feeds = std::mem::take(&mut known.feeds);
        } else {
            feeds.push(feed);
        }
        let draft = self.compile(record, feeds)?;
        self.advisories.insert(record.id.as_str().into(), draft);
        Ok(())
    }

    /// Removes an advisory that a feed no longer has. It stays while another feed has it. Says whether the feed had it.
    pub fn remove(&mut self, feed: &str, id: &str) -> bool {
        let feed = self.feed(feed);
        let Some(draft) = self.advisories.get_mut(id) else { return false };
        let before = draft.feeds.len();
        draft.feeds.retain(|known| *known != feed);
        let had_it = draft.feeds.len() < before;
        if draft.feeds.is_empty() {
            self.advisories.remove(id);
        }
        had_it
    }

    /// Removes all that a feed brought, for reading the whole feed anew.
    pub fn clear(&mut self, feed: &str) {
        let feed = self.feed(feed);
        self.advisories.retain(|_, draft| {
            draft.feeds.retain(|known| *known != feed);
            !draft.feeds.is_empty()
        });
    }

    /// Notes when a feed was read.
    pub fn fetched(&mut self, feed: &str, at: Timestamp) {
        let feed = self.feed(feed) as usize;
        if let Some(feed) = self.feeds.get_mut(feed) {
            feed.fetched_at = at.0;
        }
    }

    /// How many advisories there are now.
    pub fn len(&self) -> usize {
        self.advisories.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.advisories.is_empty()
    }

    /// Writes the database: into a file beside `path`, to the disk, then renamed to `path`. Whoever has the old file open
    /// keeps it; after a crash there is the old file or the new one, never a part.
    pub fn write(self, path: &Path) -> Result<Stats, Error> {
        let (generation, created_at) = (self.generation, self.created_at.0);
        let (sections, mut stats) = self.sections()?;
        let header = Header::write(generation, created_at, &sections);
        stats.bytes =
            HEADER_BYTES as u64 + sections.iter().map(|s| s.len().next_multiple_of(8) as u64).sum::<u64>();
        let aside = aside(path);
        let written = write_file(&aside, &header, &sections).and_then(|()| fs::rename(&aside, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&aside);
            return Err(Error::io("write the advisory database", path, error));
        }
        // The rename itself is on the disk only when its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::io("write the folder", folder, error))?;
        Ok(stats)
    }

    fn take_over(&mut self, base: &Database) {
        let rows = base.advisory_rows();
        let mut drafts: Vec<Draft> = rows
            .iter()
            .map(|row| Draft {
                in_base: true,
                row: *row,
                authority: 0,
                withdrawn: base.names(row).map_or(i64::MAX, |(names, _)| names.withdrawn()),
                feeds: Vec::new(),
                entries: Vec::new(),
            })
            .collect();
        let entry_rows: &[EntryRow] = base.rows(SectionId::Entries);
        let intervals = base.rows::<IntervalRow>(SectionId::Intervals).len() as u32;
        for member in base.rows::<MemberRow>(SectionId::Members) {
            if let Some(draft) = drafts.get_mut(member.advisory as usize) {
                draft.feeds.push(member.feed);
            }
        }
        // Each entry is one package's. A file that says otherwise would make of a few rows more than there is memory.
        let mut left = entry_rows.len();
        for package in base.rows::<PackageRow>(SectionId::Packages) {
            let info = base.info.ecosystems.get(package.ecosystem as usize);
            let (Some(info), Some(name)) = (info, base.text(package.name)) else { continue };
            let number = self.package(&info.name, name);
            for (group, at) in base.groups_of(package).iter().zip(package.first_group as usize..) {
                let Some(release) = info.releases.get(group.release as usize) else { continue };
                let release = self.releases.number(release);
                for at in base.entries_of(at).take(left) {
                    left -= 1;
                    let Some(entry) = entry_rows.get(at) else { continue };
                    let Some(draft) = drafts.get_mut(entry.advisory as usize) else { continue };
                    draft.authority = entry.authority();
                    draft.entries.push(DraftEntry {
                        package: number,
                        release,
                        first_interval: entry.first_interval,
                        end_interval: entry_rows.get(at + 1).map_or(intervals, |next| next.first_interval),
                        about: entry.about,
                        order: entry.order,
                        status: entry.status,
                        unevaluated: entry.unevaluated,
                    });
                }
            }
        }
        for draft in drafts {
            if let Some(id) = base.text(draft.row.id) {
                self.advisories.insert(id.into(), draft);
            }
        }
    }

    fn compile(&mut self, record: &Record, feeds: Vec<u32>) -> Result<Draft, Error> {
        let ecosystem = record
            .affected
            .iter()
            .find_map(|affected| affected.package.as_ref())
            .map(|p| p.ecosystem.as_str());
        let ecosystem = ecosystem.and_then(|name| name.split(':').next()).unwrap_or_default();
        let mut meta = packed(&AdvisoryNames {
            withdrawn: record.withdrawn.map(|at| at.0),
            aliases: record.aliases.iter().map(String::as_str).collect(),
            upstream: record.upstream.iter().map(String::as_str).collect(),
        })?;
        meta.extend(packed(&Rest {
            published: record.published.map(|at| at.0),
            severity: Facts::of_record(record, ecosystem),
            cwes: cwes(record),
        })?);
        let text = packed(&Text {
            summary: record.summary.clone(),
            details: record.details.clone(),
            references: record.references.clone(),
            ranges: ranges_in_words(record),
        })?;
        let withdrawn = record.withdrawn.map_or(i64::MAX, |at| at.0);
        let mut content = Content::default();
        content.add(&record.modified.0.to_le_bytes());
        content.add(&[record.authority as u8]);
        content.add(&meta);
        content.add(&text);
        let mut entries = Vec::new();
        for ((ecosystem, release, name, status), statement) in statements(record) {
            let package = self.package(&ecosystem, &name);
            let about =
                if statement.about == About::default() { Vec::new() } else { packed(&statement.about)? };
            for part in [ecosystem.as_bytes(), release.as_bytes(), name.as_bytes(), &about] {
                content.add(part);
            }
            content.add(&statement.unevaluated.to_le_bytes());
            content.add(&[status]);
            let about = self.heap.intern(&about)?;
            let release = self.releases.number(&release);
            for (code, intervals) in statement.orders {
                content.add(&[code]);
                let first_interval = fit(self.intervals.len())?;
                for interval in interval::union(intervals) {
                    content.add(&interval.start);
                    content.add(interval.end.as_deref().unwrap_or(b"none"));
                    content.add(interval.fix.as_deref().unwrap_or("none").as_bytes());
                    content.add(&[u8::from(interval.weak), u8::from(interval.end.is_some())]);
                    let row = self.heap.interval(&interval)?;
                    self.intervals.push(row);
                }
                entries.push(DraftEntry {
                    package,
                    release,
                    first_interval,
                    end_interval: fit(self.intervals.len())?,
                    about,
                    order: code,
                    status,
                    unevaluated: u8::try_from(statement.unevaluated).unwrap_or(u8::MAX),
                });
            }
        }
        let row = AdvisoryRow {
            id: NOTHING,
            meta: self.heap.put(&meta)?,
            text: self.texts.push(&text).map_err(too_many)?,
            cve_record: 0,
            modified: record.modified.0,
            content: content.hash,
        };
        Ok(Draft { in_base: false, row, authority: record.authority as u8, withdrawn, feeds, entries })
    }

    fn feed(&mut self, name: &str) -> u32 {
        let at = self.feeds.iter().position(|feed| feed.name == name).unwrap_or_else(|| {
            self.feeds.push(FeedInfo { name: name.to_owned(), fetched_at: 0 });
            self.feeds.len() - 1
        });
        at as u32
    }

    fn package(&mut self, ecosystem: &str, name: &str) -> u32 {
        let key = (self.ecosystems.number(ecosystem), Box::from(name));
        let next = self.package_names.len() as u32;
        *self.packages.entry(key).or_insert_with_key(|key| {
            self.package_names.push(key.clone());
            next
        })
    }

    /// Lays everything out. Numbers are given anew, in the order of names, so that what is dead takes no place.
    fn sections(mut self) -> Result<([Vec<u8>; SECTIONS], Stats), Error> {
        let texts = std::mem::take(&mut self.texts);
        let mut advisories: Vec<(Box<str>, Draft)> =
            std::mem::take(&mut self.advisories).into_iter().collect();
        advisories.sort_by(|a, b| a.0.cmp(&b.0));
        fit(advisories.len())?;

        let mut out = Heap::default();
        let base_heap =
            self.base.map(|base| base.header.section(&base.map, SectionId::Heap)).unwrap_or_default();
        let base_intervals: &[IntervalRow] =
            self.base.map(|base| base.rows(SectionId::Intervals)).unwrap_or_default();
        let heap_of = |draft: &Draft| if draft.in_base { base_heap } else { self.heap.bytes.as_slice() };
        let intervals_of =
            |draft: &Draft| if draft.in_base { base_intervals } else { self.intervals.as_slice() };

        let texts = place_texts(self.base, texts, &mut advisories)?;
        let cve_records = cve_records(&advisories, &heap_of);

        let mut rows = Vec::with_capacity(advisories.len());
        let mut members = Vec::new();
        let mut entries: Vec<(u32, u32, u32, &DraftEntry)> = Vec::new();
        for ((id, draft), number) in advisories.iter().zip(0u32..) {
            let meta = out.put(piece(heap_of(draft), draft.row.meta))?;
            let cve_record = cve_records.get(number as usize).copied().unwrap_or_default();
            rows.push(AdvisoryRow { id: out.put(id.as_bytes())?, meta, cve_record, ..draft.row });
            members.extend(draft.feeds.iter().map(|feed| MemberRow { feed: *feed, advisory: number }));
            entries.extend(draft.entries.iter().map(|entry| (entry.package, entry.release, number, entry)));
        }
        members.sort_unstable();

        let layout = Layout::of(&self, &entries);
        for (package, release, _, _) in &mut entries {
            let ecosystem = self.package_names[*package as usize].0;
            *release = layout.release_number[&(ecosystem, *release)];
            *package = layout.package_number[*package as usize];
        }
        entries.sort_by_key(|(package, release, advisory, entry)| {
            (*package, *release, *advisory, entry.status, entry.order)
        });

        let mut info =
            Info { ecosystems: layout.ecosystems, feeds: self.feeds, dictionary_of: texts.dictionary_of };
        let mut packages: Vec<PackageRow> = Vec::with_capacity(layout.packages.len());
        for (ecosystem, _) in &layout.packages {
            info.ecosystems[*ecosystem as usize].packages += 1;
            packages.push(PackageRow { name: NOTHING, ecosystem: *ecosystem, first_group: 0, groups: 0 });
        }
        // The name and the keys of a package lie side by side: a look-up reads them all.
        let mut keys = Heap::default();
        let mut groups: Vec<GroupRow> = Vec::new();
        let mut ceiling = Ceiling::default();
        let mut entry_rows: Vec<EntryRow> = Vec::with_capacity(entries.len());
        let mut interval_rows: Vec<IntervalRow> = Vec::new();
        let mut counted: Vec<(u32, u32)> = Vec::with_capacity(entries.len());
        for (package, release, advisory, entry) in &entries {
            let draft = &advisories[*advisory as usize].1;
            let heap = heap_of(draft);
            let first_interval = fit(interval_rows.len())?;
            let package_row = &mut packages[*package as usize];
            let is_new_package = package_row.groups == 0;
            if is_new_package {
                package_row.first_group = fit(groups.len())?;
                keys.known.clear();
                package_row.name = keys.put(layout.packages[*package as usize].1.as_bytes())?;
            }
            if is_new_package || groups.last().is_none_or(|group| group.release != *release) {
                package_row.groups += 1;
                ceiling = Ceiling::default();
                let first_entry = fit(entry_rows.len())?;
                groups.push(GroupRow { release: *release, first_entry, ceiling: NOTHING, order: 0 });
            }
            let length = entry.end_interval.saturating_sub(entry.first_interval);
            for row in format::part(intervals_of(draft), entry.first_interval, length) {
                let fix = out.intern(piece(heap, row.fix()))?;
                let end = keys.intern(piece(heap, row.end))?;
                ceiling.raise(entry.order, piece(heap, row.end), end);
                interval_rows.push(IntervalRow {
                    start: keys.intern(piece(heap, row.start))?,
                    end,
                    fix: fix | (row.fix & IntervalRow::WEAK),
                });
            }
            if let Some(group) = groups.last_mut() {
                (group.ceiling, group.order) = ceiling.row();
            }
            let about = out.intern(piece(heap, entry.about))?;
            let ecosystem = &mut info.ecosystems[package_row.ecosystem as usize];
            ecosystem.unevaluated_ranges += u64::from(entry.unevaluated);
            ecosystem.newest = ecosystem.newest.max(draft.row.modified);
            let says_anything = interval_rows.len() > first_interval as usize || entry.unevaluated > 0;
            ecosystem.has_general_ranges |=
                says_anything && ecosystem.releases.get(*release as usize).is_some_and(String::is_empty);
            counted.push((package_row.ecosystem, *advisory));
            let in_force = if draft.withdrawn > self.created_at.0 { EntryRow::IN_FORCE } else { 0 };
            entry_rows.push(EntryRow {
                advisory: *advisory,
                first_interval,
                about,
                order: entry.order,
                status: entry.status,
                flags: draft.authority & !EntryRow::IN_FORCE | in_force,
                unevaluated: entry.unevaluated,
            });
        }
        let moved = out.append(&keys)?;
        packages.iter_mut().for_each(|package| package.name = moved(package.name));
        groups.iter_mut().for_each(|group| group.ceiling = moved(group.ceiling));
        for row in &mut interval_rows {
            (row.start, row.end) = (moved(row.start), moved(row.end));
        }
        counted.sort_unstable();
        counted.dedup();
        for (ecosystem, _) in counted {
            info.ecosystems[ecosystem as usize].advisories += 1;
        }

        let stats = Stats {
            advisories: rows.len() as u64,
            packages: packages.len() as u64,
            statements: entry_rows.len() as u64,
            intervals: interval_rows.len() as u64,
            unevaluated_ranges: info.ecosystems.iter().map(|info| info.unevaluated_ranges).sum(),
            bytes: 0,
        };
        let slots = slots(&packages, &layout.packages, &info.ecosystems);
        let sections = [
            packed(&info)?,
            bytes(&slots),
            bytes(&packages),
            bytes(&groups),
            bytes(&entry_rows),
            bytes(&interval_rows),
            bytes(&rows),
            bytes(&members),
            out.bytes,
            texts.dictionary,
            bytes(&texts.rows),
            texts.texts,
        ];
        Ok((sections, stats))
    }
}

/// From which version on no interval of a group holds any.
#[derive(Default)]
struct Ceiling<'h> {
    /// The order of the intervals so far.
    order: Option<u8>,
    key: &'h [u8],
    at: u32,
    /// An interval has no end, or another order.
    is_broken: bool,
}

impl<'h> Ceiling<'h> {
    /// Takes an interval's order, and its end with its place in the new file.
    fn raise(&mut self, order: u8, end: &'h [u8], at: u32) {
        self.is_broken |= at == NOTHING || *self.order.get_or_insert(order) != order;
        if end > self.key {
            (self.key, self.at) = (end, at);
        }
    }

    /// What a [`GroupRow`] has of it.
    fn row(&self) -> (u32, u32) {
        match self.is_broken {
            true => (NOTHING, 0),
            false => (self.at, u32::from(self.order.unwrap_or_default()) | GroupRow::HAS_CEILING),
        }
    }
}

/// What one record says of one package in one release, of all its items of `affected`.
#[derive(Default)]
struct Compiled {
    /// By the code of the order. A package without intervals has one order, empty: the advisory is known and says nothing.
    orders: BTreeMap<u8, Vec<Interval>>,
    about: About,
    unevaluated: u32,
}

/// By ecosystem name, release, look-up name and the number of the status.
fn statements(record: &Record) -> BTreeMap<(String, String, String, u8), Compiled> {
    let mut statements: BTreeMap<_, Compiled> = BTreeMap::new();
    for affected in &record.affected {
        let Some(package) = &affected.package else { continue };
        let Some((ecosystem, name)) = filed_under(package) else { continue };
        let compiled = interval::compile(affected, &package.ecosystem);
        let release = ecosystem.release().unwrap_or_default().to_owned();
        let status = format::status_code(affected.statement.status.unwrap_or(Status::Affected));
        let key = (ecosystem.name().to_owned(), release, name, status);
        let statement = statements.entry(key).or_default();
        for (order, intervals) in compiled.intervals {
            statement.orders.entry(order.code()).or_default().extend(intervals);
        }
        if statement.orders.is_empty() {
            statement.orders.insert(Order::of_ecosystem(&package.ecosystem).code(), Vec::new());
        }
        let about = About {
            severity: Facts::of_package(affected),
            note: osv::one_line(&affected.statement.note, MAX_NOTE_CHARS),
            subscription_fix: affected
                .statement
                .subscription_fix
                .as_ref()
                .map(|fix| (fix.version.clone(), fix.subscription.clone())),
            fix_is_announced: affected.statement.fix_is_announced,
            module: affected.statement.module.clone().or_else(|| module(record, affected, ecosystem.name())),
            symbols: symbols(affected),
        };
        if statement.about == About::default() {
            statement.about = about;
        }
        statement.unevaluated += compiled.unevaluated;
    }
    statements
}

/// The module and stream that an item is on, empty where it is on a module that is not named; `None` where it is on none.
/// Bulletins of Red Hat's relatives name the module in their title alone: `Important: nodejs:16 security update`.
fn module(record: &Record, affected: &Affected, ecosystem: &str) -> Option<String> {
    if !matches!(ecosystem, "AlmaLinux" | "Rocky Linux" | "Red Hat" | "Oracle Linux") {
        return None;
    }
    let versions =
        affected.ranges.iter().flat_map(|range| &range.events).filter_map(|event| event.fixed.as_deref());
    if !versions.into_iter().any(|version| version.contains(".module+") || version.contains(".module_")) {
        return None;
    }
    let is_stream = |word: &&str| {
        word.split_once(':').is_some_and(|(name, stream)| {
            !name.is_empty()
                && stream.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !stream.contains(':')
        })
    };
    Some(record.summary.split_whitespace().find(is_stream).unwrap_or_default().to_owned())
}

/// `CWE-79` and its like.
fn cwes(record: &Record) -> Vec<&str> {
    let listed = record.database_specific.cwe_ids.as_ref().and_then(Value::as_array);
    let numbers = listed.into_iter().flatten().filter_map(Value::as_str);
    let is_number = |cwe: &&str| {
        cwe.len() <= 12 && cwe.strip_prefix("CWE-").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    numbers.filter(is_number).take(MAX_CWES).collect()
}

/// Which paths and symbols of a package have the flaw, by Go's and RustSec's fields.
fn symbols(affected: &Affected) -> Vec<String> {
    let specific = &affected.ecosystem_specific;
    let texts = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        list.take(MAX_SYMBOLS).map(|text| osv::one_line(text, MAX_SYMBOL_CHARS)).collect()
    };
    let of_go =
        specific.imports.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(|import| {
            let path = osv::one_line(import.get("path")?.as_str()?, MAX_SYMBOL_CHARS);
            let symbols = texts(import.get("symbols"));
            Some(if symbols.is_empty() { path } else { format!("{path}: {}", symbols.join(", ")) })
        });
    let of_rust = texts(specific.affects.as_ref().and_then(|affects| affects.get("functions")));
    of_go.chain(of_rust).take(MAX_SYMBOLS).collect()
}

/// Whether an item has one range, from the beginning up to a fix or for ever: its interval says all of it, and most are so.
fn is_plain(affected: &Affected) -> bool {
    let mut ranges = affected.ranges.iter().filter(|range| range.kind != "GIT");
    let (Some(range), None, true) = (ranges.next(), ranges.next(), affected.versions.is_empty()) else {
        return false;
    };
    let mut events = range.events.iter();
    let from_the_beginning = events.next().is_some_and(|event| event.introduced.as_deref() == Some("0"));
    let then_fixed = events.next().is_none_or(|event| event.fixed.is_some());
    from_the_beginning && then_fixed && events.next().is_none() && affected.statement.status.is_none()
}

/// What a record says of versions, for a person who asks why: `Alpine:v3.4 musl: introduced 0, fixed 1.1.14-r16`.
fn ranges_in_words(record: &Record) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut bytes = 0;
    for affected in &record.affected {
        let Some(package) = affected.package.as_ref().filter(|_| !is_plain(affected)) else { continue };
        let mut parts: Vec<String> = Vec::new();
        for range in affected.ranges.iter().filter(|range| range.kind != "GIT") {
            let events = range.events.iter().take(MAX_EVENTS_IN_WORDS).filter_map(|event| {
                let event = [
                    ("introduced", &event.introduced),
                    ("fixed", &event.fixed),
                    ("last affected", &event.last_affected),
                    ("limit", &event.limit),
                ]
                .into_iter()
                .find_map(|(kind, version)| Some((kind, version.as_ref()?)));
                event.map(|(kind, version)| format!("{kind} {}", osv::one_line(version, 60)))
            });
            parts.push(events.collect::<Vec<_>>().join(", "));
        }
        if let (Some(first), Some(last)) = (affected.versions.first(), affected.versions.last()) {
            let (first, last) = (osv::one_line(first, 60), osv::one_line(last, 60));
            parts.push(match affected.versions.len() {
                1 => format!("version {first}"),
                count => format!("{count} versions listed, {first} to {last}"),
            });
        }
        let status = affected.statement.status.filter(|status| *status != Status::Affected);
        let status = status.map_or(String::new(), |status| format!(" ({})", status.as_str()));
        let line = format!("{} {}: {}{status}", package.ecosystem, package.name, parts.join("; "));
        bytes += line.len();
        if bytes > MAX_WORDS_BYTES {
            break;
        }
        lines.push(line);
    }
    lines.sort();
    lines.dedup();
    lines
}

/// New numbers for what is alive.
struct Layout {
    ecosystems: Vec<EcosystemInfo>,
    packages: Vec<(u32, Box<str>)>,
    /// By the builder's number of the package.
    package_number: Vec<u32>,
    /// By the builder's numbers of ecosystem and release.
    release_number: HashMap<(u32, u32), u32>,
}

impl Layout {
    fn of(builder: &Builder<'_>, entries: &[(u32, u32, u32, &DraftEntry)]) -> Self {
        let mut used = vec![false; builder.package_names.len()];
        let mut releases: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
        for (package, release, _, _) in entries {
            used[*package as usize] = true;
            let ecosystem = builder.package_names[*package as usize].0;
            let names = (builder.ecosystems.name(ecosystem), builder.releases.name(*release));
            releases.insert(names, (ecosystem, *release));
        }
        let mut layout = Self {
            ecosystems: Vec::new(),
            packages: Vec::new(),
            package_number: vec![0; used.len()],
            release_number: HashMap::new(),
        };
        let mut ecosystem_number: HashMap<u32, u32> = HashMap::new();
        for ((name, release), (ecosystem, number)) in releases {
            if layout.ecosystems.last().is_none_or(|last| last.name != name) {
                ecosystem_number.insert(ecosystem, layout.ecosystems.len() as u32);
                layout.ecosystems.push(EcosystemInfo {
                    name: name.to_owned(),
                    newest: i64::MIN,
                    ..Default::default()
                });
            }
            if let Some(info) = layout.ecosystems.last_mut() {
                layout.release_number.insert((ecosystem, number), info.releases.len() as u32);
                info.releases.push(release.to_owned());
            }
        }
        let alive = builder.package_names.iter().zip(0u32..).filter(|(_, number)| used[*number as usize]);
        let mut packages: Vec<_> =
            alive.map(|((ecosystem, name), number)| (ecosystem_number[ecosystem], name, number)).collect();
        packages.sort();
        for (ecosystem, name, number) in packages {
            layout.package_number[number as usize] = layout.packages.len() as u32;
            layout.packages.push((ecosystem, name.clone()));
        }
        layout
    }
}

/// The hash table, at most half full.
fn slots(rows: &[PackageRow], names: &[(u32, Box<str>)], ecosystems: &[EcosystemInfo]) -> Vec<Slot> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut slots = vec![Slot::default(); (rows.len() * 2).next_power_of_two()];
    let mask = slots.len() - 1;
    for ((ecosystem, name), number) in names.iter().zip(1u32..) {
        let hash = format::name_hash(&ecosystems[*ecosystem as usize].name, name);
        let mut slot = hash as usize & mask;
        while slots[slot].package != 0 {
            slot = (slot + 1) & mask;
        }
        slots[slot] = Slot { tag: format::tag(hash), package: number };
    }
    slots
}

/// By advisory, one more than the number of NVD's record of the CVE that it names, so that a match need not search for it.
fn cve_records<'h>(advisories: &[(Box<str>, Draft)], heap_of: &impl Fn(&Draft) -> &'h [u8]) -> Vec<u32> {
    let id = |at: usize| advisories[at].0.as_ref();
    let start = advisories.partition_point(|(id, _)| id.as_ref() < format::CVE_RECORD);
    let length = advisories[start..].iter().take_while(|(id, _)| id.starts_with(format::CVE_RECORD)).count();
    let records: HashMap<&str, u32> = (start..start + length)
        .filter_map(|at| Some((id(at).strip_prefix(format::CVE_RECORD)?, fit(at + 1).ok()?)))
        .collect();
    if records.is_empty() {
        return Vec::new();
    }
    let record_of = |(id, draft): &(Box<str>, Draft)| {
        let meta = piece(heap_of(draft), draft.row.meta);
        let (names, _) = postcard::take_from_bytes::<AdvisoryNames<'_>>(meta).ok()?;
        let mut cves = std::iter::once(id.as_ref())
            .chain(names.aliases)
            .chain(names.upstream)
            .filter(|name| name.starts_with("CVE-"));
        let cve = cves.next()?;
        // A bulletin is called by its own id.
        (cve == id.as_ref() || cves.all(|other| other == cve)).then(|| records.get(cve).copied()).flatten()
    };
    advisories.iter().map(|advisory| record_of(advisory).unwrap_or(0)).collect()
}

/// Gives each text its place in the new file. A block of the base of which at least half is still needed is taken over
/// packed as it is; of the others what is needed is packed anew. Where the base's dictionary is outgrown, all is.
fn place_texts(
    base: Option<&Database>,
    mut writer: texts::Writer,
    advisories: &mut [(Box<str>, Draft)],
) -> Result<texts::Packed, Error> {
    let Some(base) = base else { return writer.finish(None).map_err(too_many) };
    let mut reader = base.texts();
    let mut needed: BTreeMap<u32, Vec<&mut TextPlace>> = BTreeMap::new();
    let mut bytes = writer.bytes();
    for (_, draft) in advisories.iter_mut().filter(|(_, draft)| draft.in_base) {
        bytes += u64::from(draft.row.text.length);
        needed.entry(draft.row.text.block).or_default().push(&mut draft.row.text);
    }
    let dictionary = Some((base.dictionary_bytes(), base.info.dictionary_of))
        .filter(|(_, made_of)| !texts::is_outgrown(*made_of, bytes));
    let rows: &[BlockRow] = base.rows(SectionId::Blocks);
    for (number, mut places) in needed {
        let row = rows.get(number as usize).filter(|_| dictionary.is_some());
        let live: u64 = places.iter().map(|place| u64::from(place.length)).sum();
        let kept = row.filter(|row| live * 2 >= u64::from(row.unpacked));
        if let Some((row, packed)) = kept.and_then(|row| Some((row, reader.packed(row)?))) {
            let block = writer.keep(row, packed).map_err(too_many)?;
            places.into_iter().for_each(|place| place.block = block);
            continue;
        }
        // In the order in which they lay there: neighbours stay neighbours.
        places.sort_by_key(|place| place.offset);
        let block = reader.block(number).unwrap_or_default();
        for place in places {
            *place = writer.push(texts::slice(block, *place).unwrap_or_default()).map_err(too_many)?;
        }
    }
    writer.finish(dictionary).map_err(too_many)
}

/// Names and their numbers.
#[derive(Default)]
struct Names {
    numbers: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.into(), number);
        self.names.push(name.into());
        number
    }

    fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

/// The bytes of variable length.
struct Heap {
    bytes: Vec<u8>,
    known: HashMap<u64, u32>,
}

impl Default for Heap {
    fn default() -> Self {
        // Nothing may lie at the place that means nothing.
        Self { bytes: vec![0], known: HashMap::new() }
    }
}

impl Heap {
    /// Puts bytes that are hardly there already, and says where.
    fn put(&mut self, bytes: &[u8]) -> Result<u32, Error> {
        if bytes.is_empty() {
            return Ok(NOTHING);
        }
        let at = self.end()?;
        format::push_piece(&mut self.bytes, bytes);
        Ok(at)
    }

    /// Puts bytes once, however often they come: a fix is the same for hundreds of packages of a bulletin.
    fn intern(&mut self, bytes: &[u8]) -> Result<u32, Error> {
        if bytes.is_empty() {
            return Ok(NOTHING);
        }
        let hash = rapidhash::v3::rapidhash_v3(bytes);
        if let Some(at) = self.known.get(&hash)
            && piece(&self.bytes, *at) == bytes
        {
            return Ok(*at);
        }
        let at = self.put(bytes)?;
        self.known.insert(hash, at);
        Ok(at)
    }

    /// Puts all of another heap behind this one, and says where its pieces are now.
    fn append(&mut self, other: &Heap) -> Result<impl Fn(u32) -> u32 + use<>, Error> {
        let by = self.end()?;
        self.bytes.extend_from_slice(&other.bytes);
        self.end()?;
        Ok(move |at| if at == NOTHING { NOTHING } else { at + by })
    }

    fn interval(&mut self, interval: &Interval) -> Result<IntervalRow, Error> {
        let fix = self.intern(interval.fix.as_deref().unwrap_or_default().as_bytes())?;
        Ok(IntervalRow {
            start: self.intern(&interval.start)?,
            end: self.intern(interval.end.as_deref().unwrap_or_default())?,
            fix: fix | if interval.weak { IntervalRow::WEAK } else { 0 },
        })
    }

    /// Where the next piece will be. One bit of a place means something else, see [`IntervalRow::WEAK`].
    fn end(&self) -> Result<u32, Error> {
        fit(self.bytes.len()).and_then(|end| fit(end as usize * 2)).map(|twice| twice / 2)
    }
}

fn piece(heap: &[u8], at: u32) -> &[u8] {
    format::piece(heap, at).unwrap_or_default()
}

/// A hash of parts that cannot run into each other.
#[derive(Default)]
struct Content {
    hash: u64,
}

impl Content {
    fn add(&mut self, part: &[u8]) {
        let next = rapidhash::v3::rapidhash_v3(part) ^ (part.len() as u64).rotate_left(32);
        let joined = [self.hash.to_le_bytes(), next.to_le_bytes()].concat();
        self.hash = rapidhash::v3::rapidhash_v3(&joined);
    }
}

fn packed<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot write a table: {error}")))
}

fn bytes<T: bytemuck::Pod>(rows: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(rows).to_vec()
}

fn fit(number: usize) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::too_large("the advisories are too many for one database"))
}

fn too_many(error: io::Error) -> Error {
    Error::too_large(error.to_string())
}

/// A file beside the path, of a name that no other process uses.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn write_file(path: &Path, header: &[u8], sections: &[Vec<u8>]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(header)?;
    for section in sections {
        file.write_all(section)?;
        file.write_all(&[0; 7][..section.len().next_multiple_of(8) - section.len()])?;
    }
    file.sync_all()
}
