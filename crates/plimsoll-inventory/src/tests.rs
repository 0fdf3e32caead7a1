//! Layers as a whole: the formats, the archive, the limits, and damage of all kinds. The archives are built here, by hand
//! where no honest program would write them.

use std::io::{self, Read, Write};

use plimsoll_types::inventory::{FileContent, Problem, ProblemKind, path_hash};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Digest, ImageInventory, LayerInventory};
use proptest::prelude::*;

use crate::{read_layer, walk};

/// Says that a tool is missing; where `./test` has installed what it names, that is a failure.
pub(crate) fn skip(tool: &str) {
    assert!(std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_none(), "there is no {tool}");
    eprintln!("skipped: there is no {tool}");
}

/// An archive that grows entry by entry.
#[derive(Default, Clone)]
pub(crate) struct Archive(Vec<u8>);

impl Archive {
    /// A plain file.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.raw(&header(path.as_bytes(), b'0', content.len() as u64, b""), content)
    }

    pub(crate) fn directory(self, path: &str) -> Self {
        self.raw(&header(path.as_bytes(), b'5', 0, b""), b"")
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.raw(&header(path.as_bytes(), b'1', 0, target.as_bytes()), b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.raw(&header(path.as_bytes(), b'2', 0, target.as_bytes()), b"")
    }

    /// A file whose path is too long for a plain header.
    pub(crate) fn pax_path(self, path: &str, content: &str) -> Self {
        self.pax(&[("path", path.as_bytes())]).file("cut", content)
    }

    /// A hard link whose target is too long for one.
    pub(crate) fn hard_link_long(self, path: &str, target: &str) -> Self {
        self.pax(&[("linkpath", target.as_bytes())]).hard_link(path, "cut")
    }

    /// An extended header with these records before the next entry.
    fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap();
            write!(body, "{length} {key}=").unwrap();
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.raw(&header(b"PaxHeaders/x", b'x', body.len() as u64, b""), &body)
    }

    /// A header and a body as they are, padded.
    fn raw(mut self, header: &[u8; 512], body: &[u8]) -> Self {
        self.0.extend_from_slice(header);
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The archive with its end mark.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    /// What is read from it.
    pub(crate) fn read(self) -> LayerInventory {
        read(&self.bytes())
    }
}

fn header(path: &[u8], kind: u8, size: u64, target: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path);
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[157..157 + target.len()].copy_from_slice(target);
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(block)
}

/// Gives a header its checksum.
fn seal(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

pub(crate) fn read(bytes: &[u8]) -> LayerInventory {
    read_layer(bytes, &Limits::default())
}

/// A layer's packages, each as `path name version`.
pub(crate) fn packages(layer: &LayerInventory) -> Vec<String> {
    let mut shown = Vec::new();
    for file in &layer.files {
        let packages = file.content.found().iter().map(|found| &found.package);
        shown.extend(packages.map(|p| format!("{} {} {}", file.path, p.name, p.version)));
    }
    shown
}

fn kinds(layer: &LayerInventory) -> Vec<ProblemKind> {
    layer.problems.iter().map(|problem| problem.kind).collect()
}

const NPM: &str = "app/node_modules/a/package.json";

fn json(version: &str) -> String {
    format!(r#"{{"name":"a","version":"{version}"}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn a_layer_is_read_in_every_format_whatever_it_is_called() {
    let bytes = Archive::default().directory("app").file(NPM, json("1")).bytes();
    let (first, second) = bytes.split_at(700);
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &zstd(&bytes)[..]].concat();
    for packed in [
        bytes.clone(),
        gzip(&bytes),
        [gzip(first), gzip(second)].concat(),
        zstd(&bytes),
        [zstd(first), zstd(second)].concat(),
        skippable,
    ] {
        let layer = read(&packed);
        assert_eq!(layer.problems, []);
        assert_eq!(packages(&layer), [format!("{NPM} a 1")]);
        assert_eq!(layer.diff_id, Digest::sha256(&bytes));
        assert_eq!((layer.unpacked_bytes, layer.entries), (bytes.len() as u64, 2));
        assert_eq!(walk(&packed[..], &Limits::default()).unwrap().entries, 2);
    }
}

/// Gives a byte at a time, and an interruption between each two.
struct Drip<'a>(&'a [u8], bool);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn a_layer_that_drips_in_is_the_same_layer() {
    let status = "Package: a\nVersion: 1\nDescription: x\n y\n\nPackage: b\nVersion: 2\n";
    let bytes = Archive::default().file(NPM, json("1")).file("var/lib/dpkg/status", status).bytes();
    for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
        assert_eq!(read_layer(Drip(&packed, false), &Limits::default()), read(&bytes));
    }
}

#[test]
fn an_empty_layer_is_fine() {
    for empty in
        [vec![], gzip(b""), Archive::default().bytes(), gzip(&Archive::default().bytes()), vec![0; 512]]
    {
        let layer = read(&empty);
        assert_eq!((layer.entries, layer.files, layer.problems), (0, vec![], vec![]));
    }
}

#[test]
fn bytes_behind_the_end_mark_belong_to_the_diff_id() {
    let bytes =
        [Archive::default().file(NPM, json("1")).bytes(), b"what tar leaves behind".repeat(1000)].concat();
    let layer = read(&gzip(&bytes));
    assert_eq!((layer.problems, layer.diff_id), (vec![], Digest::sha256(&bytes)));
}

#[test]
fn what_is_no_archive_says_what_it_is() {
    let message = |bytes: &[u8]| read(bytes).problems[0].to_string();
    assert_eq!(message(b"\xfd7zXZ\0\0\x04"), "the layer is not a tar archive but xz");
    assert_eq!(
        message(&gzip(&gzip(b""))),
        "the layer is not a tar archive but gzip inside another compression"
    );
    let html = b"<!DOCTYPE html>".repeat(100);
    assert_eq!(message(&html), "the layer is not a tar archive: it starts with \"<!DOCTYPE html><\"");
    assert_eq!(message(b"\x01\""), "the layer is not a tar archive: it starts with \"\\u{1}\\\"\"");
}

#[test]
fn a_layer_cut_anywhere_says_so_and_keeps_what_came_before() {
    let bytes = Archive::default().file(NPM, json("1")).file("b", "content").file("c", "").bytes();
    let content_end = bytes.len() - 1024;
    for packed in [gzip(&bytes), zstd(&bytes), bytes] {
        let is_plain = packed[0] == b'a';
        for length in 1..packed.len() {
            let layer = read(&packed[..length]);
            if is_plain && length >= content_end + 512 {
                // A part of the end mark is enough of it.
                assert_eq!(kinds(&layer), []);
                continue;
            }
            let [problem] = &layer.problems[..] else { panic!("{length}: {:?}", layer.problems) };
            assert!(
                matches!(problem.kind, ProblemKind::Damaged | ProblemKind::Unsupported),
                "{length}: {problem}"
            );
            if is_plain && length >= 1024 {
                assert_eq!(packages(&layer), [format!("{NPM} a 1")], "{length}");
            }
        }
    }
}

#[test]
fn a_database_that_ends_too_early_names_what_it_named_in_full() {
    let status = "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n\nPackage: c\nVersion: 345678\n";
    let bytes = Archive::default().file("var/lib/dpkg/status", status).bytes();
    let layer = read(&bytes[..512 + status.len() - 3]);
    assert_eq!(packages(&layer), ["var/lib/dpkg/status a 1", "var/lib/dpkg/status b 2"]);
    assert_eq!(kinds(&layer), [ProblemKind::Damaged]);
}

#[test]
fn names_come_in_many_ways() {
    let long = format!("{}/node_modules/a/package.json", "d".repeat(150));
    let body = json("1");
    let prefixed = {
        let mut block = header(b"node_modules/a/package.json", b'0', body.len() as u64, b"");
        block[345..345 + 150].copy_from_slice(&[b'd'; 150]);
        seal(block)
    };
    let short = header(b"cut", b'0', body.len() as u64, b"");
    let gnu = header(b"././@LongLink", b'L', long.len() as u64 + 1, b"");
    let mut named = long.clone().into_bytes();
    named.push(0);
    for archive in [
        Archive::default().raw(&prefixed, body.as_bytes()),
        Archive::default().raw(&gnu, &named).raw(&short, body.as_bytes()),
        Archive::default().pax(&[("path", long.as_bytes())]).raw(&short, body.as_bytes()),
        Archive::default()
            .pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.name", b"holes"),
                ("path", b"GNUSparseFile.0/holes"),
            ])
            .file("cut", "")
            .file(&long[100..], &body),
        // GNU's name wins over the other, a second extended header replaces the first, and what only looks sparse is not.
        Archive::default().raw(&gnu, &named).pax(&[("path", b"cut")]).raw(&short, body.as_bytes()),
        Archive::default().pax(&[("path", b"cut")]).pax(&[("mtime", b"1")]).raw(&prefixed, body.as_bytes()),
        Archive::default()
            .pax(&[("GNU.sparse.major", b"9"), ("GNU.sparse.name", b"cut"), ("path", long.as_bytes())])
            .raw(&short, body.as_bytes()),
        // A global header is for nobody: no engine applies it.
        Archive::default()
            .raw(&header(b"g", b'g', 16, b""), b"16 path=ignored\n")
            .raw(&prefixed, body.as_bytes()),
    ] {
        let layer = archive.read();
        assert_eq!(layer.problems, [], "{:?}", layer.files);
        assert!(packages(&layer)[0].ends_with("d/node_modules/a/package.json a 1"));
    }
    // Long names hold for one entry, and a link's long target belongs to the link.
    let target = header(b"././@LongLink", b'K', long.len() as u64, b"");
    let layer = Archive::default()
        .pax(&[("path", long.as_bytes())])
        .file("cut", &body)
        .raw(&target, long.as_bytes())
        .hard_link(NPM, "cut")
        .read();
    assert_eq!(packages(&layer), [format!("{NPM} a 1"), format!("{long} a 1")]);
}

#[test]
fn the_library_that_others_use_writes_what_we_read() {
    let mut builder = tar::Builder::new(Vec::new());
    let deep = format!("{}/node_modules/a/package.json", vec!["deeper"; 60].join("/"));
    for path in [NPM, &deep] {
        let mut header = tar::Header::new_gnu();
        header.set_size(json("1").len() as u64);
        builder.append_data(&mut header, path, json("1").as_bytes()).unwrap();
    }
    let layer = read(&builder.into_inner().unwrap());
    assert_eq!((packages(&layer).len(), layer.entries, layer.problems), (2, 2, vec![]));
}

#[test]
fn sizes_are_believed_only_where_they_can_be() {
    let body = json("1");
    let with_size = |field: &[u8; 12]| {
        let mut block = header(NPM.as_bytes(), b'0', 0, b"");
        block[124..136].copy_from_slice(field);
        Archive::default().raw(&seal(block), body.as_bytes()).read()
    };
    let base_256 = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, u8::try_from(body.len()).unwrap()];
    assert_eq!(packages(&with_size(&base_256)).len(), 1);
    for lie in [
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        [0xbf; 12],
        *b"-0000000001\0",
        *b"9999\0\0\0\0\0\0\0\0",
    ] {
        assert_eq!(kinds(&with_size(&lie)), [ProblemKind::Damaged], "{lie:?}");
    }
    // Larger than the archive, up to the largest there is.
    assert_eq!(kinds(&with_size(b"77777777777\0")), [ProblemKind::Damaged]);
    assert_eq!(kinds(&with_size(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")), [ProblemKind::Damaged]);
    // The extended header's size is the one that counts (CVE-2025-62518 came of the other).
    let size = body.len().to_string();
    let layer = Archive::default()
        .pax(&[("size", size.as_bytes())])
        .raw(&header(NPM.as_bytes(), b'0', 0, b""), body.as_bytes())
        .file("after", "")
        .read();
    assert_eq!((packages(&layer).len(), layer.entries, layer.problems), (1, 2, vec![]));
    for lie in ["-1", "99999999999999999999", "1e3", "18446744073709551615"] {
        let layer = Archive::default().pax(&[("size", lie.as_bytes())]).file(NPM, &body).read();
        assert_eq!(kinds(&layer), [ProblemKind::Damaged], "{lie}");
    }
    // A hard link repeats its target's size and has no body.
    let layer = Archive::default().raw(&header(b"l", b'1', 5000, b"x"), b"").file(NPM, &body).read();
    assert_eq!((packages(&layer).len(), layer.problems), (1, vec![]));
}

#[test]
fn extended_headers_that_are_none_are_damage() {
    for records in
        ["x", "5 a", "99 path=a\n", "0 path=a\n", "8 path=a\n", " \n", "99999999999999999999999 a=b\n"]
    {
        let header = header(b"x", b'x', records.len() as u64, b"");
        let layer = Archive::default().raw(&header, records.as_bytes()).file(NPM, json("1")).read();
        assert_eq!(kinds(&layer), [ProblemKind::Damaged], "{records}");
    }
    let layer = Archive::default().pax(&[("path", b"a\0b")]).file(NPM, json("1")).read();
    assert_eq!(kinds(&layer), [ProblemKind::Damaged]);
    let many = (0..100).fold(Archive::default(), |archive, _| archive.pax(&[("mtime", b"1")]));
    assert_eq!(kinds(&many.file(NPM, json("1")).read()), [ProblemKind::Damaged]);
    let large =
        Archive::default().file(NPM, json("1")).pax(&[("comment", &vec![b'a'; 3 << 20])]).file("b", "");
    let layer = large.read();
    assert_eq!((packages(&layer).len(), kinds(&layer)), (1, vec![ProblemKind::LimitExceeded]));
}

#[test]
fn a_sparse_file_is_stepped_over() {
    let mut block = header(b"holes", b'S', 512, b"");
    block[257..265].copy_from_slice(b"ustar  \0");
    block[482] = 1;
    let mut map = [b'7'; 512];
    map[504] = 1;
    let mut last = [b'7'; 512];
    last[504] = 0;
    let mut archive = Archive::default();
    archive.0.extend([seal(block), map, last, [b'x'; 512]].concat());
    let layer = archive.clone().file(NPM, json("1")).read();
    assert_eq!((packages(&layer).len(), layer.problems), (1, vec![]));
    // One whose content matters is not silently left out.
    block[..NPM.len()].copy_from_slice(NPM.as_bytes());
    block[482] = 0;
    let layer = Archive::default().raw(&seal(block), &[b'x'; 512]).read();
    assert_eq!(kinds(&layer), [ProblemKind::Unsupported]);
}

#[test]
fn paths_cannot_leave_the_image_and_need_not_be_text() {
    let traversal =
        Archive::default().file("a/../../etc/os-release", "ID=evil\n").file(NPM, json("1")).read();
    assert_eq!((packages(&traversal).len(), kinds(&traversal)), (1, vec![ProblemKind::Unreadable]));
    assert_eq!(traversal.problems[0].path.as_deref(), Some("a/../../etc/os-release"));
    let mut name = b"caf\xe9/".to_vec();
    name.extend_from_slice(NPM.as_bytes());
    let bytes = json("1");
    let layer =
        Archive::default().raw(&header(&name, b'0', bytes.len() as u64, b""), bytes.as_bytes()).read();
    assert_eq!(packages(&layer), [format!("caf\\xe9/{NPM} a 1")]);
    let layer =
        Archive::default().file(&format!("./{NPM}"), json("1")).file(&format!("/{NPM}"), json("2")).read();
    assert_eq!(packages(&layer), [format!("{NPM} a 2")]);
}

#[test]
fn each_limit_that_is_passed_is_one_problem() {
    let archive = Archive::default().file(NPM, json("1")).file("zeros", vec![0; 4 << 20]).bytes();
    let check = |packed: &[u8], limits: Limits, message: &str| {
        let layer = read_layer(packed, &limits);
        let [Problem { kind: ProblemKind::LimitExceeded, message: said, .. }] = &layer.problems[..] else {
            panic!("{:?}", layer.problems)
        };
        assert_eq!(said, message);
        assert_eq!(packages(&layer), [format!("{NPM} a 1")]);
        assert!(layer.unpacked_bytes <= limits.unpacked_bytes);
        layer
    };
    let few = Limits { unpacked_bytes: 3 << 20, ..Limits::default() };
    check(&archive, few.clone(), "the layer unpacks to more than 3145728 bytes");
    check(&zstd(&archive), Limits { ratio: u64::MAX, ..few }, "the layer unpacks to more than 3145728 bytes");
    // A bomb is told by its ratio, long before its size.
    for bomb in [gzip(&archive), zstd(&archive)] {
        let layer = check(&bomb, Limits::default(), "the layer unpacks to more than 200 times its size");
        assert!(layer.unpacked_bytes < 2 << 20);
    }
    let exact =
        Limits { unpacked_bytes: archive.len() as u64, ratio: u64::MAX, entries: 2, ..Limits::default() };
    assert_eq!(read_layer(&gzip(&archive)[..], &exact).problems, []);
    check(&archive, Limits { entries: 1, ..Limits::default() }, "the layer has more than 1 entries");
}

#[test]
fn a_file_or_a_path_over_its_limit_costs_only_itself() {
    let limits = Limits { file_bytes: 100, path_bytes: 60, ..Limits::default() };
    let large = format!(r#"{{"name":"b","version":"1","x":"{}"}}"#, "x".repeat(100));
    let long = format!("{}/{NPM}", "d".repeat(50));
    let bytes = Archive::default()
        .file("node_modules/b/package.json", large)
        .file(&long, json("1"))
        .file(NPM, json("1"))
        .bytes();
    let layer = read_layer(&bytes[..], &limits);
    assert_eq!(packages(&layer), [format!("{NPM} a 1")]);
    assert_eq!(kinds(&layer), [ProblemKind::LimitExceeded; 2]);
    assert_eq!(layer.problems[0].path.as_deref(), Some("node_modules/b/package.json"));
}

#[test]
fn an_endless_archive_ends_at_the_limits() {
    let entry = Archive::default().file("x", "").0;
    let endless = Cycle(entry.clone(), 0);
    let layer = read_layer(endless, &Limits { entries: 20_000, ..Limits::default() });
    assert_eq!((layer.entries, kinds(&layer)), (20_000, vec![ProblemKind::LimitExceeded]));
    let limits = Limits { unpacked_bytes: 10 << 20, ..Limits::default() };
    // Zeros without end behind the end mark, and packages without end in one database.
    let zeros = io::repeat(0);
    assert_eq!(kinds(&read_layer(zeros, &limits)), [ProblemKind::LimitExceeded]);
    let header = header(b"var/lib/dpkg/status", b'0', 7 << 30, b"");
    let database = header.chain(Cycle(b"Package: a\nVersion: 1\n\n".to_vec(), 0));
    let limits = Limits { file_bytes: 1 << 20, unpacked_bytes: 64 << 20, ..Limits::default() };
    let layer = read_layer(database, &limits);
    assert_eq!(kinds(&layer), [ProblemKind::LimitExceeded; 2]);
    assert!((1000..10_000).contains(&packages(&layer).len()));
}

/// The same bytes again and again.
struct Cycle(Vec<u8>, usize);

impl Read for Cycle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = &self.0[self.1..];
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        self.1 = (self.1 + length) % self.0.len();
        Ok(length)
    }
}

#[test]
fn what_a_layer_says_has_a_limit_too() {
    let limits = Limits { output_bytes: 1 << 20, ..Limits::default() };
    let whiteouts = (0..10_000)
        .fold(Archive::default(), |archive, n| archive.file(&format!("{}/.wh.{n}", "d".repeat(80)), ""));
    let layer = read_layer(&whiteouts.bytes()[..], &limits);
    assert_eq!(kinds(&layer), [ProblemKind::LimitExceeded]);
    assert!((1000..10_000).contains(&layer.whiteouts.len()));
    let bad = (0..1000).fold(Archive::default(), |archive, n| archive.file(&format!("../{n}"), ""));
    let problems = bad.read().problems;
    assert_eq!(problems.last().unwrap().message, "500 more files could not be read");
    assert_eq!(problems.len(), 501);
}

#[test]
fn a_million_entries_are_read_and_one_more_is_not() {
    let entry = Archive::default().file("x", "").0;
    let limits = Limits { entries: 100_000, ..Limits::default() };
    let million = Cycle(entry, 0).take(100_000 * 512).chain(io::repeat(0).take(1024));
    let layer = read_layer(million, &limits);
    assert_eq!((layer.entries, layer.problems), (100_000, vec![]));
    assert_eq!(layer.replaced, [path_hash("x")]);
}

/// A layer in which every cataloger has something to do.
fn busy_layer() -> Vec<u8> {
    Archive::default()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n")
        .file(
            "var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n\n",
        )
        .file("lib/apk/db/installed", "P:musl\nV:1\nA:x86\no:musl\n\n")
        .file("usr/lib/python3/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n\nName: y\n")
        .file(NPM, json("1"))
        .pax(&[("path", b"long/node_modules/a/package.json")])
        .file("short", json("2"))
        .hard_link("b/node_modules/a/package.json", NPM)
        .symlink("etc/alpine-release", "nowhere")
        .directory("opt")
        .file("opt/.wh..wh..opq", "")
        .file("usr/bin/app", crate::lang::golang::tests::binary())
        .bytes()
}

#[test]
fn the_busy_layer_is_understood_before_it_is_damaged() {
    let layer = read(&busy_layer());
    assert_eq!((layer.problems, layer.files.len()), (vec![], 9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_never_breaks_the_reader(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        packing in 0..3,
        mend in any::<bool>(),
    ) {
        let mut bytes = busy_layer();
        let hurt = |bytes: &mut Vec<u8>| for (at, byte) in &damage {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        };
        let packed = match packing {
            0 => { hurt(&mut bytes); if mend { mend_headers(&mut bytes); } bytes }
            1 => { let mut packed = gzip(&bytes); hurt(&mut packed); packed }
            _ => { let mut packed = zstd(&bytes); hurt(&mut packed); packed }
        };
        let limits = Limits { unpacked_bytes: 1 << 20, entries: 100, file_bytes: 64 << 10, ..Limits::default() };
        let layer = read_layer(&packed[..], &limits);
        prop_assert!(layer.unpacked_bytes <= limits.unpacked_bytes && layer.entries <= limits.entries);
        prop_assert!(layer.files.is_sorted_by(|a, b| a.path < b.path));
        prop_assert!(layer.replaced.is_sorted() && layer.directories.is_sorted());
    }

    #[test]
    fn noise_never_breaks_the_reader(noise in prop::collection::vec(any::<u8>(), 0..2000), magic in 0..3_usize) {
        let magics: [&[u8]; 3] = [b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd"];
        let noise = [magics[magic], &noise].concat();
        let layer = read(&noise);
        prop_assert!(noise.is_empty() || !layer.problems.is_empty() || layer.entries == 0);
        let _ = crate::read_sbom(&noise[..], &Limits::default());
    }
}

/// Makes every damaged header sound again, so that the damage gets past the checksum.
fn mend_headers(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            let sealed = seal(<[u8; 512]>::try_from(&*block).unwrap());
            block.copy_from_slice(&sealed);
        }
    }
}

mod real {
    //! Real root file systems, where the shared data is at hand.

    use std::fs::File;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::*;

    fn shared(path: &str) -> Option<PathBuf> {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("PLIMSOLL_SHARED").map_or(beside, PathBuf::from);
        let path = shared.join(path);
        if !path.exists() {
            eprintln!("skipped: there is no {}", path.display());
        }
        path.exists().then_some(path)
    }

    fn check(layer: &LayerInventory, version: &str, expected: usize) {
        assert_eq!(layer.problems, []);
        // What the content of programs says counts only where no record speaks of them.
        let image = ImageInventory::merge(&[(None, layer)]);
        assert_eq!(image.packages.len(), expected, "{version}: {:?}", image.packages);
        let distro = layer.files.iter().find_map(|file| match &file.content {
            FileContent::Distro(distro) => Some(distro.version_id.clone()),
            _ => None,
        });
        assert_eq!(distro.as_deref(), Some(version));
    }

    #[test]
    fn alpine_root_file_systems_hold_the_packages_they_should() {
        for (name, version, expected) in [
            ("alpine-minirootfs-3.10.3-x86_64", "3.10.3", 14),
            ("alpine-minirootfs-3.11.13-x86_64", "3.11.13", 14),
            ("alpine-minirootfs-3.18.9-x86_64", "3.18.9", 15),
            ("alpine-minirootfs-3.20.3-x86_64", "3.20.3", 14),
            ("alpine-minirootfs-3.20.3-aarch64", "3.20.3", 14),
        ] {
            let Some(path) = shared(&format!("images/{name}.tar.gz")) else { continue };
            check(&read_layer(File::open(path).unwrap(), &Limits::default()), version, expected);
        }
    }

    #[test]
    fn alpine_3_4_6_holds_eleven_packages() {
        let Some(path) = shared("images/alpine-library-3.4.6-x86_64.tar.xz") else { return };
        let xz = Command::new("xz").arg("-dc").arg(path).stdout(Stdio::piped()).spawn();
        let Ok(mut xz) = xz else { return eprintln!("skipped: there is no xz program") };
        check(&read_layer(xz.stdout.take().unwrap(), &Limits::default()), "3.4.6", 11);
        assert!(xz.wait().unwrap().success());
    }

    #[test]
    fn busybox_under_four_hundred_names_is_one_program() {
        let Some(path) = shared("images/busybox-musl-amd64.tar.gz") else { return };
        let layer = read_layer(File::open(path).unwrap(), &Limits::default());
        let image = ImageInventory::merge(&[(None, &layer)]);
        let found: Vec<_> =
            image.packages.iter().map(|p| (p.package.name.as_str(), p.package.version.as_str())).collect();
        assert_eq!((found, &image.problems), (vec![("busybox", "1.38.0")], &vec![]));
        assert!(layer.entries > 400);
    }
}

#[test]
fn layers_made_to_be_pulled_in_parts_are_layers_like_others() {
    let toc = br#"{"version":1,"entries":[]}"#;
    let archive = Archive::default().file(NPM, json("1")).file("stargz.index.json", toc).bytes();
    // eStargz: a member for each entry, and an empty one at the end whose extra field says where the table is.
    let footer = {
        let mut builder = flate2::GzBuilder::new();
        builder = builder.extra([b"SG\x16\0", &[b'0'; 16][..], b"STARGZ"].concat());
        builder.write(Vec::new(), flate2::Compression::none()).finish().unwrap()
    };
    let stargz = [archive.chunks(512).map(gzip).collect::<Vec<_>>().concat(), footer].concat();
    // zstd:chunked: a frame for each entry, and behind them the table and a footer that decoders skip.
    let skippable = |content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&[0x50, 0x2a, 0x4d, 0x18][..], &length, content].concat()
    };
    let frames = archive.chunks(512).map(zstd).collect::<Vec<_>>().concat();
    let chunked = [frames, skippable(&zstd(toc)), skippable(&[0; 64])].concat();
    for packed in [stargz, chunked] {
        let layer = read(&packed);
        assert_eq!((packages(&layer), &layer.problems), (vec![format!("{NPM} a 1")], &vec![]));
        assert_eq!(layer.diff_id, Digest::sha256(&archive));
    }
}

#[test]
fn one_layer_twice_is_the_same_image() {
    let base = Archive::default()
        .file("var/lib/dpkg/status", "Package: bash\nVersion: 5\n")
        .file(NPM, json("1"))
        .read();
    let empty = read(&Archive::default().bytes());
    let digest = |n: u8| Some(Digest::sha256(&[n]));
    let once = ImageInventory::merge(&[(digest(1), &base)]);
    let again = ImageInventory::merge(&[
        (digest(1), &base),
        (digest(2), &empty),
        (digest(2), &empty),
        (digest(1), &base),
    ]);
    assert_eq!(once.packages, again.packages);
}
