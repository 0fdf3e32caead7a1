//! A tar archive as a table of contents: names, and where the files lie. One pass over the headers, by seeking; no content
//! is read, nothing is unpacked (POSIX pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format").

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::Part;
use crate::{Error, ErrorKind, Result};

const BLOCK: u64 = 512;
/// Entries of an archive of images. An image has some hundred at most, an archive a few images.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of a long name or of extended attributes.
const MAX_EXTENSION: u64 = 64 * 1024;
/// Links from name to name.
const MAX_HOPS: usize = 8;

/// An archive, its contents listed.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File {
        offset: u64,
        length: u64,
    },
    /// To another name of the archive: `docker save` links layers that several images share.
    Link(String),
}

impl Archive {
    /// Lists an archive.
    pub(super) fn open(file: File, path: &Path) -> Result<Self> {
        let failed = |error| Error::file("read", path, error);
        let total = file.metadata().map_err(failed)?.len();
        let damaged = |what: &str| {
            Error::new(ErrorKind::Damaged, format!("{} is not a whole tar archive: {what}", path.display()))
        };
        let mut entries = HashMap::new();
        let (mut long_name, mut long_link, mut pax) = (None, None, Pax::default());
        let mut at = 0;
        let mut headers = 0;
        while at + BLOCK <= total {
            let mut header = [0; BLOCK as usize];
            file.read_exact_at(&mut header, at).map_err(failed)?;
            if header.iter().all(|byte| *byte == 0) {
                break;
            }
            if at == 0 {
                refuse_packed(&header, path)?;
            }
            headers += 1;
            if headers > MAX_ENTRIES {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("{} has more than {MAX_ENTRIES} entries", path.display()),
                ));
            }
            if !checksum_fits(&header) {
                return Err(damaged("a header's checksum is wrong"));
            }
            let kind = header[156];
            let stated = number(&header[124..136]).ok_or_else(|| damaged("a size that is no number"))?;
            // The attributes in front of an entry speak of that entry, not of each other.
            let length =
                if matches!(kind, b'x' | b'g' | b'L' | b'K') { stated } else { pax.size.unwrap_or(stated) };
            let offset = at + BLOCK;
            let next = length.checked_next_multiple_of(BLOCK).and_then(|padded| offset.checked_add(padded));
            let next = next.filter(|_| offset + length <= total).ok_or_else(|| damaged("it is cut short"))?;
            let extension = || -> Result<Vec<u8>> {
                if length > MAX_EXTENSION {
                    return Err(Error::new(
                        ErrorKind::TooLarge,
                        format!("{} has a name beyond all measure", path.display()),
                    ));
                }
                let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
                file.read_exact_at(&mut bytes, offset).map_err(failed)?;
                Ok(bytes)
            };
            match kind {
                b'L' => long_name = Some(text(&extension()?)),
                b'K' => long_link = Some(text(&extension()?)),
                b'x' => {
                    pax = Pax::read(&extension()?)
                        .ok_or_else(|| damaged("extended attributes that are none"))?
                }
                b'g' => {}
                _ => {
                    let name = pax.path.take().or(long_name.take()).unwrap_or_else(|| name_of(&header));
                    let link =
                        pax.link.take().or(long_link.take()).unwrap_or_else(|| text(&header[157..257]));
                    pax = Pax::default();
                    let entry = match kind {
                        b'0' | 0 | b'7' => Some(Entry::File { offset, length }),
                        b'1' => Some(Entry::Link(normal("", &link))),
                        b'2' => Some(Entry::Link(normal(folder_of(&normal("", &name)), &link))),
                        _ => None,
                    };
                    if let Some(entry) = entry {
                        entries.insert(normal("", &name), entry);
                    }
                }
            }
            // Links and folders have no content, whatever size their header states.
            at = if matches!(kind, b'1'..=b'6') { offset } else { next };
        }
        if entries.is_empty() {
            return Err(damaged("it has no files"));
        }
        Ok(Self { file: Arc::new(file), entries })
    }

    /// The file of a name, links followed inside the archive.
    pub(super) fn part(&self, name: &str) -> Option<Part> {
        let mut name = normal("", name);
        for _ in 0..MAX_HOPS {
            match self.entries.get(&name)? {
                Entry::File { offset, length } => {
                    return Some(Part { file: Arc::clone(&self.file), offset: *offset, length: *length });
                }
                Entry::Link(target) => name = target.clone(),
            }
        }
        None
    }
}

/// What a pax header says of the next entry.
#[derive(Default)]
struct Pax {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl Pax {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut pax = Self::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let value = String::from_utf8_lossy(&record[equals + 1..]).into_owned();
            match &record[..equals] {
                b"path" => pax.path = Some(value),
                b"linkpath" => pax.link = Some(value),
                b"size" => pax.size = Some(value.parse().ok()?),
                _ => {}
            }
            bytes = &bytes[length..];
        }
        Some(pax)
    }
}

fn refuse_packed(start: &[u8], path: &Path) -> Result<()> {
    let packing = match start {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz",
        [b'B', b'Z', b'h', ..] => "bzip2",
        _ => return Ok(()),
    };
    let message = format!(
        "{} is compressed with {packing}; unpack it first ({packing} -d), its layers may stay as they are",
        path.display()
    );
    Err(Error::new(ErrorKind::Usage, message))
}

fn checksum_fits(header: &[u8; BLOCK as usize]) -> bool {
    let bytes = header.iter().enumerate();
    let sum: u64 = bytes.map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    number(&header[148..156]) == Some(sum)
}

/// A number in octal digits, or in base 256 where its first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn name_of(header: &[u8; BLOCK as usize]) -> String {
    let name = text(&header[..100]);
    let prefix = if &header[257..263] == b"ustar\0" { text(&header[345..500]) } else { String::new() };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A name without `.`, `..` and doubled slashes, as seen from a folder. It never leaves the archive: it is only looked up.
fn normal(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if name.starts_with('/') { "" } else { folder };
    for part in start.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn open(bytes: &[u8]) -> Result<Archive> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Archive::open(file, Path::new("image.tar"))
    }

    fn content(archive: &Archive, name: &str) -> Option<Vec<u8>> {
        let part = archive.part(name)?;
        let mut bytes = vec![0; part.length as usize];
        part.file.read_exact_at(&mut bytes, part.offset).unwrap();
        Some(bytes)
    }

    fn sample() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content).unwrap();
        };
        add("manifest.json", b"[]");
        add(&format!("{}/layer.tar", "deep/".repeat(40)), b"long");
        add("a/layer.tar", &[7; 1000]);
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        builder.append_link(&mut link, "b/layer.tar", "../a/layer.tar").unwrap();
        let mut hard = tar::Header::new_gnu();
        hard.set_entry_type(tar::EntryType::Link);
        hard.set_size(0);
        builder.append_link(&mut hard, "c/layer.tar", "a/layer.tar").unwrap();
        let mut round = tar::Header::new_gnu();
        round.set_entry_type(tar::EntryType::Symlink);
        round.set_size(0);
        builder.append_link(&mut round, "round", "round").unwrap();
        builder.append_pax_extensions([("path", "p/named.json".as_bytes())]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(3);
        header.set_path("short").unwrap();
        header.set_cksum();
        builder.append(&header, &b"pax"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn files_are_found_by_name_and_through_links() {
        let archive = open(&sample()).unwrap();
        assert_eq!(content(&archive, "manifest.json").unwrap(), b"[]");
        assert_eq!(content(&archive, &format!("./{}layer.tar", "deep/".repeat(40))).unwrap(), b"long");
        for name in ["a/layer.tar", "b/layer.tar", "c/layer.tar", "x/../a//layer.tar"] {
            assert_eq!(content(&archive, name).unwrap(), [7; 1000], "{name}");
        }
        assert_eq!(content(&archive, "p/named.json").unwrap(), b"pax");
        assert!(
            archive.part("round").is_none() && archive.part("short").is_none() && archive.part("").is_none()
        );
    }

    #[test]
    fn damage_anywhere_is_an_error_and_never_a_panic() {
        let whole = sample();
        for length in (0..whole.len() - 1024).step_by(97) {
            // Whatever is listed of a cut archive lies inside it.
            if let Ok(archive) = open(&whole[..length]) {
                assert!(content(&archive, "manifest.json").is_some());
            }
        }
        for at in 0..whole.len() {
            if at % 3 == 0 {
                let mut bytes = whole.clone();
                bytes[at] ^= 0xff;
                let _ = open(&bytes);
            }
        }
        let packed = open(&[&[0x1f, 0x8b][..], &[1; 600]].concat()).unwrap_err();
        assert!(packed.to_string().contains("gzip -d"), "{packed}");
    }
}
