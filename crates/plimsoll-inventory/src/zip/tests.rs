//! Archives made by hand, honest and otherwise.

use std::io::Write;

use super::*;

/// An archive that grows entry by entry, as honest as its maker.
#[derive(Default, Clone)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

/// How an entry is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Stored,
    Deflated,
    /// Its sizes behind it, as who writes to a stream must.
    Streamed,
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

impl Builder {
    pub(crate) fn with(mut self, path: &str, content: &[u8], how: How) -> Self {
        let offset = u32::try_from(self.bytes.len()).unwrap();
        let (method, packed) = match how {
            How::Stored => (0_u16, content.to_vec()),
            _ => (8, deflate(content)),
        };
        let is_streamed = how == How::Streamed;
        let flags = if is_streamed { 8_u16 } else { 0 };
        let sizes = [0, u32::try_from(packed.len()).unwrap(), u32::try_from(content.len()).unwrap()];
        let header = |sizes: [u32; 3]| {
            let mut bytes = Vec::new();
            for number in [20, flags, method, 0, 0] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            sizes.iter().for_each(|size| bytes.extend_from_slice(&size.to_le_bytes()));
            bytes.extend_from_slice(&u16::try_from(path.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&[0, 0]);
            bytes
        };
        self.bytes.extend_from_slice(LOCAL);
        self.bytes.extend(header(if is_streamed { [0; 3] } else { sizes }));
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.extend_from_slice(&packed);
        if is_streamed {
            self.bytes.extend_from_slice(DESCRIPTOR);
            sizes.iter().for_each(|size| self.bytes.extend_from_slice(&size.to_le_bytes()));
        }
        self.list(path, offset, header(sizes))
    }

    /// An entry of the directory alone.
    fn list(mut self, path: &str, offset: u32, header: Vec<u8>) -> Self {
        self.directory.extend_from_slice(CENTRAL);
        self.directory.extend_from_slice(&[20, 0]);
        self.directory.extend(header);
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(path.as_bytes());
        self.entries += 1;
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let at = u32::try_from(self.bytes.len()).unwrap();
        let size = u32::try_from(self.directory.len()).unwrap();
        self.bytes.append(&mut self.directory);
        self.bytes.extend_from_slice(DIRECTORY_END);
        for number in [0, 0, self.entries, self.entries] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes.extend_from_slice(&at.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes
    }
}

fn select(path: &str) -> Wanted {
    match path.rsplit('.').next() {
        Some("txt") => Wanted::Start(1 << 20),
        Some("zip") => Wanted::Archive,
        _ => Wanted::Not,
    }
}

/// Paths with their content, `outer.zip!inner.txt` for those inside, and problems.
fn read_in_pieces(bytes: &[u8], size: usize) -> (Vec<String>, Vec<String>) {
    let mut account = Account::new(&Limits::default());
    let mut zip = Zip::new(select);
    for piece in bytes.chunks(size) {
        if !zip.push(piece, &mut account) {
            break;
        }
    }
    let mut found = Vec::new();
    if let Some(unzipped) = zip.finish(&mut account) {
        flatten("", &unzipped, &mut found);
    } else {
        found.push("no archive".to_owned());
    }
    (found, account.into_problems().into_iter().map(|(_, message)| message).collect())
}

fn flatten(inside: &str, unzipped: &Unzipped, found: &mut Vec<String>) {
    for (path, content) in &unzipped.files {
        let content = String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
        found.push(format!("{inside}{path}={content}"));
    }
    for (path, archive) in &unzipped.archives {
        flatten(&format!("{inside}{path}!"), archive, found);
    }
}

/// The same for pieces of all sizes.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let whole = read_in_pieces(bytes, usize::MAX);
    for size in [1, 3, 29, 1000] {
        assert_eq!(read_in_pieces(bytes, size), whole, "{size}");
    }
    whole
}

fn fine(found: &[&str]) -> (Vec<String>, Vec<String>) {
    (found.iter().map(|text| (*text).to_owned()).collect(), vec![])
}

fn three() -> Builder {
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Builder::default()
        .with("a.txt", b"one", How::Stored)
        .with("skipped.class", &noise, How::Streamed)
        .with("b.txt", b"two", How::Deflated)
        .with("skipped.bin", &noise, How::Stored)
        .with("c.txt", b"three", How::Streamed)
        .with("empty.txt", b"", How::Deflated)
}

#[test]
fn entries_are_found_however_they_are_written_and_cut() {
    let expected = fine(&["a.txt=one", "b.txt=two", "c.txt=three", "empty.txt="]);
    let bytes = three().finish();
    assert_eq!(read(&bytes), expected);
    // A script in front that starts the archive, with offsets that know of it or not.
    let script = [b"#!/bin/sh\nexec java -jar \"$0\"\nPK\n", &bytes[..]].concat();
    assert_eq!(read(&script), expected);
    assert_eq!(read(&[&bytes[..], b"garbage behind the end"].concat()), expected);
    assert_eq!(read(&Builder::default().finish()), fine(&[]));
}

#[test]
fn archives_inside_are_read_where_they_are_stored_and_where_they_are_packed() {
    let inner = three().finish();
    for how in [How::Stored, How::Deflated, How::Streamed] {
        let outer =
            Builder::default().with("in.zip", &inner, how).with("d.txt", b"four", How::Deflated).finish();
        let expected =
            ["d.txt=four", "in.zip!a.txt=one", "in.zip!b.txt=two", "in.zip!c.txt=three", "in.zip!empty.txt="];
        assert_eq!(read(&outer), fine(&expected));
    }
}

#[test]
fn the_directory_decides_which_entries_count() {
    // An entry that no directory lists is one that somebody deleted.
    let mut hidden = Builder::default().with("gone.txt", b"old", How::Stored);
    (hidden.directory, hidden.entries) = (vec![], 0);
    let bytes = hidden.with("here.txt", b"new", How::Stored).finish();
    assert_eq!(read(&bytes), fine(&["here.txt=new"]));
    // The same name twice: the one at the offset counts.
    let both = Builder::default().with("x.txt", b"first", How::Stored).with("x.txt", b"second", How::Stored);
    let mut second = both.clone();
    second.directory.drain(..51);
    assert_eq!(read(&second.finish()), fine(&["x.txt=second"]));
    assert_eq!(read(&both.finish()), fine(&["x.txt=first", "x.txt=second"]));
    // A directory that lists what is not there, or elsewhere.
    let lying = Builder::default()
        .with("a.txt", b"a", How::Stored)
        .list("b.txt", 7, vec![0; 26].with_name(5))
        .finish();
    let (found, problems) = read(&lying);
    assert_eq!((found, problems.len()), (vec!["a.txt=a".to_owned()], 1));
}

trait WithName {
    fn with_name(self, length: u8) -> Self;
}

impl WithName for Vec<u8> {
    /// A header without anything but the length of its name.
    fn with_name(mut self, length: u8) -> Self {
        self[22] = length;
        self
    }
}

#[test]
fn of_two_archives_in_one_file_the_last_counts() {
    let first = Builder::default().with("a.txt", b"first", How::Stored).finish();
    let second = Builder::default().with("a.txt", b"second", How::Stored).finish();
    assert_eq!(read(&[&first[..], &second].concat()), fine(&["a.txt=second"]));
    // An end whose comment does not fit the file is none: nothing can be hidden behind it.
    let mut fake = DIRECTORY_END.to_vec();
    fake.extend_from_slice(&[0; 16]);
    fake.extend_from_slice(&[77, 0]);
    let mut commented = first.clone();
    let length = commented.len();
    commented[length - 2] = u8::try_from(fake.len()).unwrap();
    assert_eq!(read(&[&commented[..], &fake].concat()), fine(&["a.txt=first"]));
}

#[test]
fn what_is_cut_or_damaged_says_so_and_keeps_what_came_before() {
    let bytes = three().finish();
    for length in 4..bytes.len() - 1 {
        let (found, problems) = read_in_pieces(&bytes[..length], 100);
        assert!(found.len() <= 4 && !problems.is_empty(), "{length}: {found:?}");
    }
    let mut damaged = Builder::default().with("a.txt", &b"text ".repeat(100), How::Deflated);
    damaged.bytes[36] = 0xff;
    damaged.bytes[37] = 0xff;
    let (_, problems) = read(&damaged.with("b.txt", b"two", How::Stored).finish());
    assert_eq!(problems, ["a.txt is damaged"]);
    let mut encrypted = Builder::default().with("a.txt", b"secret", How::Stored);
    encrypted.bytes[6] |= 1;
    let (found, problems) = read(&encrypted.with("b.txt", b"two", How::Stored).finish());
    assert_eq!((found, problems), (vec!["b.txt=two".to_owned()], vec!["a.txt is encrypted".to_owned()]));
    for none in [&b""[..], b"PK", b"text", &[0; 3_000_000]] {
        assert_eq!(read_in_pieces(none, 4096), fine(&["no archive"]));
    }
}

#[test]
fn every_byte_turned_over_is_survived() {
    let bytes = Builder::default()
        .with("in.zip", &three().finish(), How::Deflated)
        .with("a.txt", b"one", How::Streamed)
        .finish();
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            read_in_pieces(&bytes, 64);
        }
    }
}

#[test]
fn bombs_of_all_kinds_end_at_their_limit() {
    let zeros = deflate(&vec![0; 210 << 20]);
    let raw = |content: &[u8], declared: u32| {
        let mut bomb = Builder::default().with("a.txt", b"", How::Deflated);
        bomb.bytes.truncate(30 + 5);
        bomb.bytes[18..22].copy_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        bomb.bytes[22..26].copy_from_slice(&declared.to_le_bytes());
        bomb.bytes.extend_from_slice(content);
        bomb.finish()
    };
    let bomb = raw(&zeros, 210 << 20);
    let (_, problems) = read_in_pieces(&bomb, 4096);
    assert!(problems[0].contains("200 times"), "{problems:?}");
    // Inside of another, and again.
    let mut nested = bomb.clone();
    for _ in 0..3 {
        nested = Builder::default().with("in.zip", &nested, How::Deflated).finish();
    }
    let (_, problems) = read_in_pieces(&nested, 4096);
    assert!(problems[0].contains("200 times"), "{problems:?}");
    // A size of 4 GB that is not there costs nothing.
    let (found, _) = read_in_pieces(&raw(&deflate(b"small"), u32::MAX - 1), 4096);
    assert_eq!(found, ["a.txt=small"]);
    let mut lying = Builder::default().with("a.txt", b"short", How::Stored).bytes;
    lying[18..22].copy_from_slice(&0x4000_0000_u32.to_le_bytes());
    let (_, problems) = read_in_pieces(&lying, 4096);
    assert_eq!(problems, ["an archive without an end"]);
    // Fifty archives in each other.
    let mut deep = Builder::default().with("a.txt", b"deep", How::Stored).finish();
    for _ in 0..50 {
        deep = Builder::default().with("in.zip", &deep, How::Stored).finish();
    }
    let (found, problems) = read_in_pieces(&deep, 4096);
    assert_eq!((found, problems.len()), (vec![], 1));
    assert!(problems[0].contains("8 deep"), "{problems:?}");
}

#[test]
fn an_archive_of_nothing_but_entries_ends() {
    let mut many = Builder::default().with("a.txt", b"", How::Stored);
    let entry = many.bytes.clone();
    many.bytes = entry.repeat(400_000);
    let (_, problems) = read_in_pieces(&many.finish(), 1 << 16);
    assert!(problems[0].contains("must be held"), "{problems:?}");
}

/// Python's own library is the authority for what it writes.
#[test]
fn what_python_writes_is_read() {
    let script = r#"
import sys, zipfile, io
class Pipe(io.RawIOBase):
    def __init__(self): self.bytes = bytearray()
    def writable(self): return True
    def write(self, b): self.bytes += b; return len(b)
pipe = Pipe()
with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("a.txt", "one")
    z.writestr("x.bin", b"x" * 100000)
    with z.open("big.txt", "w", force_zip64=True) as f: f.write(b"zip64")
    z.comment = b"a comment"
sys.stdout.buffer.write(bytes(pipe.bytes))
"#;
    let Ok(output) = std::process::Command::new("python3").args(["-c", script]).output() else {
        return crate::tests::skip("python3");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(&output.stdout), fine(&["a.txt=one", "big.txt=zip64"]));
}
