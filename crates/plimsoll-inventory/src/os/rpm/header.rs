//! One package of an rpm database: its header (rpm's manual, "Header Format", without the lead and the magic that files have).

use plimsoll_types::inventory::{Details, Found};
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{LONGEST_LINE, Unreadable, text};
use crate::os::owned::Owned;

/// What rpm itself takes for the most (`HEADER_TAGS_MAX`, `HEADER_DATA_MAX`).
const ENTRIES: usize = 0xffff;
const DATA: usize = 256 << 20;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const SOURCE_RPM: u32 = 1044;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
const MODULARITY_LABEL: u32 = 5096;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// The package of a header.
pub(super) fn read(header: &[u8]) -> Result<Found, Unreadable> {
    let header =
        Header::open(header).ok_or_else(|| Unreadable::because("a package's header makes no sense"))?;
    let name = header.text(NAME).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Unreadable::because("a package's header has no name in it"))?;
    let version = header.text(VERSION).unwrap_or_default();
    let release = header.text(RELEASE).unwrap_or_default();
    let epoch = header.numbers(EPOCH).next();
    let mut package = Package::new(PackageType::Rpm, &name, &version_of(epoch, &version, &release));
    package.architecture = header.text(ARCH).filter(|architecture| !is_nothing(architecture));
    if let Some(file) = header.text(SOURCE_RPM) {
        set_source(&mut package, &file);
    }
    let text_of = |tag| header.text(tag).filter(|text| !is_nothing(text));
    Ok(Found {
        details: Details {
            licenses: text_of(LICENSE).into_iter().collect(),
            origin: text_of(VENDOR),
            ..Details::default()
        },
        owns: header.files(),
        module: text_of(MODULARITY_LABEL),
        package,
    })
}

/// `EPOCH:VERSION-RELEASE`, without an epoch of 0, which is what none means.
pub(in crate::os) fn version_of(epoch: Option<u32>, version: &str, release: &str) -> String {
    let epoch = epoch.filter(|epoch| *epoch != 0).map_or_else(String::new, |epoch| format!("{epoch}:"));
    let release = if release.is_empty() { String::new() } else { format!("-{release}") };
    format!("{epoch}{version}{release}")
}

/// The name and version of the source, from the name of its file: `NAME-VERSION-RELEASE.src.rpm`, which has no epoch. So a
/// version that differs in the epoch alone is the package's own.
pub(super) fn set_source(package: &mut Package, file: &str) {
    let Some(stem) = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm")) else {
        return;
    };
    let Some((at, _)) = stem.rmatch_indices('-').nth(1) else { return };
    let (name, version) = (&stem[..at], &stem[at + 1..]);
    let own = package.version.split_once(':').map_or(package.version.as_str(), |(_, version)| version);
    if name.is_empty() || version.is_empty() {
        return;
    }
    package.source_version = (version != own).then(|| version.to_owned());
    package.source = (name != package.name).then(|| name.to_owned());
}

/// What stands where there is nothing, when rpm itself wrote it as text.
pub(super) fn is_nothing(text: &str) -> bool {
    text.is_empty() || text == "(none)"
}

struct Header<'a> {
    /// 16 bytes each: tag, type, offset, count.
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let (entries, length) = (be32(bytes, 0)? as usize, be32(bytes, 4)? as usize);
        if entries > ENTRIES || length > DATA {
            return None;
        }
        let rest = bytes.get(8..)?;
        let (entries, rest) = rest.split_at_checked(entries * 16)?;
        Some(Self { entries, data: rest.get(..length)? })
    }

    /// Type, count and data of a tag. The first one counts.
    fn find(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let entry = self.entries.chunks_exact(16).find(|entry| be32(entry, 0) == Some(tag))?;
        let data = self.data.get(be32(entry, 8)? as usize..)?;
        Some((be32(entry, 4)?, be32(entry, 12)? as usize, data))
    }

    /// The strings of a tag. A count larger than there are strings ends with the data.
    fn strings(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let (kind, count, mut data) = self.find(tag).unwrap_or((0, 0, &[]));
        let count = match kind {
            STRING => 1,
            STRING_ARRAY | I18N_STRING => count,
            _ => 0,
        };
        (0..count).map_while(move |_| {
            let end = memchr::memchr(0, data)?;
            let string = &data[..end];
            data = &data[end + 1..];
            Some(string)
        })
    }

    fn text(&self, tag: u32) -> Option<String> {
        // Many tags could name one long text.
        self.strings(tag).next().map(|string| text(&string[..string.len().min(LONGEST_LINE)]))
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (kind, count, data) = self.find(tag).unwrap_or((0, 0, &[]));
        let count = if kind == INT32 { count } else { 0 };
        data.chunks_exact(4).take(count).filter_map(|bytes| be32(bytes, 0))
    }

    /// The files, as far as they matter: a name and the number of its directory each; whole paths in very old packages.
    fn files(&self) -> Vec<u64> {
        let mut owned = Owned::default();
        let directories: Vec<_> = self.strings(DIRECTORY_NAMES).collect();
        let mut path = Vec::new();
        // A lie about long directories would make little data long; no honest package comes near.
        let mut room = 64 * self.data.len();
        for (name, directory) in self.strings(BASE_NAMES).zip(self.numbers(DIRECTORY_INDEXES)) {
            let Some(directory) = directories.get(directory as usize) else { continue };
            path.clear();
            path.extend_from_slice(directory);
            path.extend_from_slice(name);
            let Some(rest) = room.checked_sub(path.len()) else { break };
            room = rest;
            owned.add(&path);
        }
        self.strings(OLD_FILE_NAMES).for_each(|path| owned.add(path));
        owned.finish()
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
