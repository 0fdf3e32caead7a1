//! The layout of the file, in the order in which it lies there. All numbers are little-endian.
//!
//! ```text
//! header      magic, version, lengths, generation, digest, section table          384 bytes
//! info        ecosystems with their releases, feeds                                postcard
//! slots       open-addressing hash table: tag and package number                     8 bytes each
//! packages    name, ecosystem, its groups                                           16 bytes each
//! groups      a package's entries of one release, the version above which none affects 16 bytes each
//! entries     advisory, its intervals, what else it says, order, status              16 bytes each
//! intervals   start, end and fix                                                    12 bytes each
//! advisories  id, names, date, place of the text, CVE record, content; sorted by id 40 bytes each
//! members     which feed brought which advisory; sorted                              8 bytes each
//! heap        ids, fixes, postcard of names and severities; each package's name with its keys
//! dictionary  what the frames of texts were packed with; may be empty
//! blocks      where the blocks of texts are                                         16 bytes each
//! texts       zstd frames
//! ```
//!
//! What lies in the heap has its length in front, so that a row needs no more than a number to name it. Matching touches a
//! row of entries, the intervals beside each other, and the keys beside each other; whose word it is and whether it is in force
//! stand in the entry, since to look at the advisory itself would be a walk through the memory for each. Most packages are up to
//! date, and of these even the entries are not looked at: their group has the version from which on none of them affects.
//!
//! The digest is over everything but the texts, whose frames have a checksum each: to open the file one need not read
//! what is only read to show it.

use std::path::Path;

use bytemuck::{Pod, Zeroable};
use plimsoll_types::Status;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::severity::Facts;
use crate::{Error, ErrorKind, interval};

pub(super) const MAGIC: [u8; 8] = *b"PLIMADV\0";
/// Goes up with every change of the layout or of what is compiled into it.
pub(super) const VERSION: u32 = 3;
pub(super) const HEADER_BYTES: usize = 384;
pub(super) const SECTIONS: usize = 12;
const DIGEST_AT: usize = 56;
const TABLE_AT: usize = 96;

#[cfg(not(target_endian = "little"))]
compile_error!("rows are read in place, which needs a little-endian machine");

/// The sections by their place in the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum SectionId {
    Info,
    Slots,
    Packages,
    Groups,
    Entries,
    Intervals,
    Advisories,
    Members,
    Heap,
    Dictionary,
    Blocks,
    Texts,
}

/// The header, checked.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) generation: u64,
    pub(super) created_at: i64,
    sections: [(usize, usize); SECTIONS],
}

impl Header {
    /// Writes a header for these sections, each of which begins at a multiple of eight bytes.
    pub(super) fn write(
        generation: u64,
        created_at: i64,
        sections: &[Vec<u8>; SECTIONS],
    ) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        let mut offset = HEADER_BYTES;
        for (number, section) in sections.iter().enumerate() {
            put(TABLE_AT + number * 16, &(offset as u64).to_le_bytes());
            put(TABLE_AT + number * 16 + 8, &(section.len() as u64).to_le_bytes());
            offset += section.len().next_multiple_of(8);
        }
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &(SECTIONS as u32).to_le_bytes());
        put(16, &(offset as u64).to_le_bytes());
        put(24, &generation.to_le_bytes());
        put(32, &created_at.to_le_bytes());
        put(40, &interval::keys_fingerprint().to_le_bytes());
        let digest = digest(&header, sections.iter().map(Vec::as_slice));
        header[DIGEST_AT..DIGEST_AT + 32].copy_from_slice(&digest);
        header
    }

    /// Checks that a file is a whole database of our version.
    pub(super) fn check(file: &[u8], path: &Path) -> Result<Self, Error> {
        let bytes = file.get(..HEADER_BYTES).ok_or_else(|| damaged(path, "it is too short"))?;
        let u64_at = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        if bytes[..8] != MAGIC {
            return Err(damaged(path, "it is no advisory database"));
        }
        if u64_at(8) != u64::from(VERSION) | (SECTIONS as u64) << 32
            || u64_at(40) != interval::keys_fingerprint()
        {
            let message = format!(
                "{} was built by another version of the program: build it anew (plimsoll db update)",
                path.display()
            );
            return Err(Error::new(ErrorKind::Outdated, message));
        }
        if u64_at(16) != file.len() as u64 {
            return Err(damaged(path, "its length is not what it says"));
        }
        let mut sections = [(0, 0); SECTIONS];
        for (number, section) in sections.iter_mut().enumerate() {
            let place = |at| usize::try_from(u64_at(at)).ok();
            let offset = place(TABLE_AT + number * 16).filter(|offset| offset % 8 == 0);
            let end = offset.and_then(|o| o.checked_add(place(TABLE_AT + number * 16 + 8)?));
            *section = offset
                .zip(end)
                .filter(|(_, end)| *end <= file.len())
                .ok_or_else(|| damaged(path, "its section table is wrong"))?;
        }
        let header = Self { generation: u64_at(24), created_at: u64_at(32) as i64, sections };
        let whole_rows = [
            (SectionId::Slots, size_of::<Slot>()),
            (SectionId::Packages, size_of::<PackageRow>()),
            (SectionId::Groups, size_of::<GroupRow>()),
            (SectionId::Entries, size_of::<EntryRow>()),
            (SectionId::Intervals, size_of::<IntervalRow>()),
            (SectionId::Advisories, size_of::<AdvisoryRow>()),
            (SectionId::Members, size_of::<MemberRow>()),
            (SectionId::Blocks, size_of::<BlockRow>()),
        ];
        let slots = header.section(file, SectionId::Slots).len() / size_of::<Slot>();
        if whole_rows.iter().any(|(id, size)| !header.section(file, *id).len().is_multiple_of(*size))
            || !(slots == 0 || slots.is_power_of_two())
        {
            return Err(damaged(path, "its tables are cut"));
        }
        let parts = header.sections.iter().map(|(start, end)| &file[*start..*end]);
        if digest(bytes, parts)[..] != bytes[DIGEST_AT..DIGEST_AT + 32] {
            return Err(damaged(path, "its checksum is wrong"));
        }
        Ok(header)
    }

    pub(super) fn section<'f>(&self, file: &'f [u8], id: SectionId) -> &'f [u8] {
        let (start, end) = self.sections[id as usize];
        file.get(start..end).unwrap_or_default()
    }
}

fn digest<'a>(header: &[u8], sections: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&header[..DIGEST_AT]);
    hasher.update(&header[DIGEST_AT + 32..]);
    for section in sections.take(SectionId::Texts as usize) {
        hasher.update(section);
    }
    hasher.finalize().into()
}

pub(super) fn damaged(path: &Path, what: &str) -> Error {
    Error::damaged(format!("the advisory database {} is damaged: {what}", path.display()))
}

/// The hash by which a package is found.
pub(super) fn name_hash(ecosystem: &str, lookup_name: &str) -> u64 {
    let hash = rapidhash::v3::rapidhash_v3;
    hash(lookup_name.as_bytes()) ^ hash(ecosystem.as_bytes()).rotate_left(17)
}

/// The part of the hash that a slot keeps, so that a foreign package is seldom looked at.
pub(super) fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A part of a table; nothing where it is not wholly inside.
pub(super) fn part<T>(rows: &[T], first: u32, count: u32) -> &[T] {
    let first = first as usize;
    first.checked_add(count as usize).and_then(|end| rows.get(first..end)).unwrap_or_default()
}

/// What the ids of NVD's records of CVEs begin with.
pub(super) const CVE_RECORD: &str = "NVD:";

/// The place in the heap that holds nothing.
pub(super) const NOTHING: u32 = 0;

/// What lies at a place of the heap.
pub(super) fn piece(heap: &[u8], at: u32) -> Option<&[u8]> {
    if at == NOTHING {
        return Some(&[]);
    }
    let rest = heap.get(at as usize..)?;
    match rest.split_first()? {
        (first @ 0..0x80, after) => after.get(..usize::from(*first)),
        _ => {
            let (length, after) = postcard::take_from_bytes::<u32>(rest).ok()?;
            after.get(..length as usize)
        }
    }
}

/// Puts bytes behind what is there, with their length in front.
pub(super) fn push_piece(heap: &mut Vec<u8>, bytes: &[u8]) {
    // As postcard writes an integer: seven bits a byte, the low ones first.
    let mut length = bytes.len();
    while length >= 0x80 {
        heap.push(length as u8 | 0x80);
        length >>= 7;
    }
    heap.push(length as u8);
    heap.extend_from_slice(bytes);
}

/// A slot of the hash table: `package` is one more than its number, zero is an empty slot.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) tag: u32,
    pub(super) package: u32,
}

/// A package of an ecosystem.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PackageRow {
    pub(super) name: u32,
    pub(super) ecosystem: u32,
    pub(super) first_group: u32,
    pub(super) groups: u32,
}

/// What is said of a package in one release. A package's groups are sorted by release. A group's entries are sorted by advisory,
/// and end where those of the next begin.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct GroupRow {
    pub(super) release: u32,
    pub(super) first_entry: u32,
    /// The place of the key from which on no version is in an interval of its entries.
    pub(super) ceiling: u32,
    /// The order of the ceiling, and [`GroupRow::HAS_CEILING`].
    pub(super) order: u32,
}

impl GroupRow {
    /// There is a ceiling: all intervals have an end, and all are of one order.
    pub(super) const HAS_CEILING: u32 = 1 << 8;
}

/// What an advisory says of a package in a release. An entry's intervals end where those of the next begin.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct EntryRow {
    pub(super) advisory: u32,
    pub(super) first_interval: u32,
    pub(super) about: u32,
    pub(super) order: u8,
    pub(super) status: u8,
    /// Whose word it is, and [`EntryRow::IN_FORCE`].
    pub(super) flags: u8,
    /// Ranges that could not be evaluated; 255 are that many or more.
    pub(super) unevaluated: u8,
}

impl EntryRow {
    /// The advisory was not taken back before the database was built.
    pub(super) const IN_FORCE: u8 = 0x80;

    /// The number of whose word it is.
    pub(super) fn authority(&self) -> u8 {
        self.flags & !Self::IN_FORCE
    }
}

/// The number that stands for a status.
pub(super) fn status_code(status: Status) -> u8 {
    Status::ALL
        .into_iter()
        .position(|known| known == status)
        .and_then(|at| u8::try_from(at).ok())
        .unwrap_or(0)
}

/// The status of a number; of one that is none, nobody can tell.
pub(super) fn status(code: u8) -> Status {
    Status::ALL.get(usize::from(code)).copied().unwrap_or(Status::Unknown)
}

/// An interval of keys. Sorted, and apart from each other, inside their entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct IntervalRow {
    /// [`NOTHING`] is the beginning of all versions.
    pub(super) start: u32,
    /// [`NOTHING`] is no end. No interval ends where all versions begin.
    pub(super) end: u32,
    /// The place of the text of the version at `end`, [`NOTHING`] where the flaw is not fixed there, and [`IntervalRow::WEAK`].
    pub(super) fix: u32,
}

impl IntervalRow {
    /// A bound is no version of its scheme.
    pub(super) const WEAK: u32 = 1 << 31;

    pub(super) fn has_end(&self) -> bool {
        self.end != NOTHING
    }

    pub(super) fn fix(&self) -> u32 {
        self.fix & !Self::WEAK
    }

    pub(super) fn has_fix(&self) -> bool {
        self.fix() != NOTHING
    }

    pub(super) fn is_weak(&self) -> bool {
        self.fix & Self::WEAK != 0
    }
}

/// An advisory.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct AdvisoryRow {
    pub(super) id: u32,
    /// [`Names`] and [`Rest`], one behind the other.
    pub(super) meta: u32,
    pub(super) text: TextPlace,
    /// One more than the number of NVD's record of the CVE that it names; zero where there is none.
    pub(super) cve_record: u32,
    pub(super) modified: i64,
    /// A hash of all that the advisory says.
    pub(super) content: u64,
}

/// Where an advisory's text is: in which block, and where there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct TextPlace {
    pub(super) block: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// That a feed brought an advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub(super) struct MemberRow {
    pub(super) feed: u32,
    pub(super) advisory: u32,
}

/// Where a block of texts is.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct BlockRow {
    pub(super) offset: u64,
    pub(super) packed: u32,
    pub(super) unpacked: u32,
}

/// The small tables.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Info {
    pub(super) ecosystems: Vec<EcosystemInfo>,
    pub(super) feeds: Vec<FeedInfo>,
    /// Bytes of all texts when the dictionary was made of them.
    pub(super) dictionary_of: u64,
}

/// An ecosystem. Releases are known by their place in the sorted list; `""` is the statements on all releases.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct EcosystemInfo {
    pub(super) name: String,
    pub(super) releases: Vec<String>,
    pub(super) advisories: u64,
    pub(super) packages: u64,
    pub(super) unevaluated_ranges: u64,
    pub(super) newest: i64,
    /// Whether something is affected whatever the release: then it is known of every release.
    pub(super) has_general_ranges: bool,
}

impl EcosystemInfo {
    /// The number of a release.
    pub(super) fn number(&self, release: &str) -> Option<u32> {
        let at = self.releases.binary_search_by(|known| known.as_str().cmp(release)).ok()?;
        u32::try_from(at).ok()
    }
}

/// A feed: a folder of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FeedInfo {
    pub(super) name: String,
    pub(super) fetched_at: i64,
}

/// What an advisory is called, and whether it holds: what tells advisories of one vulnerability.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names<'a> {
    pub(crate) withdrawn: Option<i64>,
    #[serde(borrow)]
    pub(crate) aliases: Vec<&'a str>,
    #[serde(borrow)]
    pub(crate) upstream: Vec<&'a str>,
}

impl Names<'_> {
    /// When it was taken back; the end of time where it never was.
    pub(super) fn withdrawn(&self) -> i64 {
        self.withdrawn.unwrap_or(i64::MAX)
    }
}

/// What else a match tells of an advisory.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rest<'a> {
    pub(crate) published: Option<i64>,
    pub(crate) severity: Facts,
    #[serde(borrow)]
    pub(crate) cwes: Vec<&'a str>,
}

impl<'a> Rest<'a> {
    /// Of the bytes behind the names; nothing where they are damaged.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}

/// What an advisory says of a package beside the versions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) severity: Facts,
    /// The publisher's reason for the status.
    pub(crate) note: String,
    /// A fix for subscribers, and who they are.
    pub(crate) subscription_fix: Option<(String, String)>,
    pub(crate) fix_is_announced: bool,
    /// The module and stream that the packages are of.
    pub(crate) module: Option<String>,
    /// `path: Symbol, Symbol`.
    pub(crate) symbols: Vec<String>,
}
