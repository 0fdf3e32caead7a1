//! Layers that somebody made to hurt whoever reads them. Each is built here, by code; none may cost more than its budget,
//! none may crash, and none may look as if all of it had been read where it was not.

#![allow(clippy::unwrap_used, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;

use plimsoll_inventory::{read_layer, read_sbom};
use plimsoll_types::probe::{Limits, ProbeReply};
use plimsoll_types::{ImageInventory, LayerInventory, ProblemKind};

use ProblemKind::{Damaged, LimitExceeded, Unreadable, Unsupported};

#[path = "hostile/languages.rs"]
mod languages;

// What a reading may cost.

/// Counts what this thread holds, so that tests beside each other do not count for each other.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // After the thread's end there is nobody to count for.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: all work is the system allocator's; the counters take no memory from it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory that reading may take, of what 200 MB leave beside the program itself.
const MEMORY: isize = 64 << 20;

/// CPU time in seconds that reading may take, without optimisation and beside all other tests.
const SECONDS: u64 = 30;

fn limits() -> Limits {
    Limits {
        compressed_bytes: 16 << 20,
        unpacked_bytes: 64 << 20,
        entries: 50_000,
        file_bytes: 8 << 20,
        output_bytes: 8 << 20,
        ..Limits::default()
    }
}

/// CPU time of this thread so far, in nanoseconds.
fn cpu_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}

fn within_budget<T>(what: impl FnOnce() -> T) -> T {
    let (held, started) = (HELD.get(), cpu_time());
    PEAK.set(held);
    let result = what();
    let (memory, seconds) = (PEAK.get() - held, (cpu_time() - started) / 1_000_000_000);
    assert!(memory < MEMORY, "{} MiB of memory", memory >> 20);
    assert!(seconds < SECONDS, "{seconds} s of CPU time");
    result
}

/// Reads a layer within its budget, and does all with what comes back that the server does.
fn read(bytes: &[u8]) -> LayerInventory {
    let limits = limits();
    let layer = within_budget(|| read_layer(bytes, &limits));
    let reply = ProbeReply::Layer(Box::new(layer.clone()));
    let record = reply.encode();
    assert!(record.len() <= limits.output_bytes, "a record of {} bytes", record.len());
    assert_eq!(ProbeReply::decode_within(&record, 1 << 30), Ok(reply));
    within_budget(|| ImageInventory::merge(&[(None, &layer), (None, &layer)]));
    layer
}

/// The layer is read in part at most, and says so.
#[track_caller]
fn says(bytes: &[u8], kind: ProblemKind, text: &str) -> Vec<String> {
    let layer = read(bytes);
    let fits = |problem: &plimsoll_types::Problem| problem.kind == kind && problem.to_string().contains(text);
    assert!(layer.problems.iter().any(fits), "{:?}", layer.problems.iter().take(3).collect::<Vec<_>>());
    names(&layer)
}

/// The layer is harmless after all, and has these packages.
#[track_caller]
fn is_only(bytes: &[u8], expected: &[&str]) {
    let layer = read(bytes);
    assert_eq!(layer.problems, []);
    assert_eq!(names(&layer), expected);
}

fn names(layer: &LayerInventory) -> Vec<String> {
    let found = layer.files.iter().flat_map(|file| file.content.found());
    found.map(|found| found.package.name.clone()).collect()
}

// How the layers are made.

#[derive(Default, Clone)]
struct Tar(Vec<u8>);

impl Tar {
    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(path, b'0', content.len() as u64, content)
    }

    fn entry(self, path: &str, kind: u8, size: u64, body: &[u8]) -> Self {
        self.raw(header(path, kind, &format!("{size:011o}\0").into_bytes(), ""), body)
    }

    fn link(self, path: &str, kind: u8, target: &str) -> Self {
        self.raw(header(path, kind, b"00000000000\0", target), b"")
    }

    fn pax(self, records: &[u8]) -> Self {
        self.entry("pax", b'x', records.len() as u64, records)
    }

    fn raw(mut self, header: [u8; 512], body: &[u8]) -> Self {
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn header(path: &str, kind: u8, size: &[u8], target: &str) -> [u8; 512] {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..108].copy_from_slice(b"0000755\0");
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[157..157 + target.len()].copy_from_slice(target.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A record of an extended header.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A layer with one package in it.
fn honest() -> Tar {
    Tar::default().file(DPKG, "Package: bash\nVersion: 5\n")
}

const DPKG: &str = "var/lib/dpkg/status";
const NPM: &str = "app/node_modules/a/package.json";
const JSON: &str = r#"{"name":"a","version":"1"}"#;
const SQLITE: &str = "var/lib/rpm/rpmdb.sqlite";
const LOG: &str = "var/lib/rpm/rpmdb.sqlite-wal";
const NDB: &str = "usr/lib/sysimage/rpm/Packages.db";
const BERKELEY: &str = "var/lib/rpm/Packages";

fn one(path: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    Tar::default().file(path, content).end()
}

// Compression.

#[test]
fn a_bomb_of_zeros_in_gzip() {
    let bomb = honest().file("zeros", vec![0; 60 << 20]).end();
    assert_eq!(says(&gzip(&bomb), LimitExceeded, "times its size"), ["bash"]);
}

#[test]
fn a_bomb_of_zeros_in_zstd() {
    let bomb = honest().file("zeros", vec![0; 60 << 20]).end();
    assert_eq!(says(&zstd(&bomb), LimitExceeded, "times its size"), ["bash"]);
}

#[test]
fn a_bomb_without_a_ratio() {
    // Random enough that nothing can be compressed, and simply long.
    let noise: Vec<u8> =
        (0_u64..9 << 20).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    assert_eq!(says(&honest().file("noise", noise).end(), LimitExceeded, "unpacks to more"), ["bash"]);
}

#[test]
fn many_small_bombs_in_one_stream() {
    let member = gzip(&vec![0; 1 << 20]);
    says(&[gzip(&honest().0), member.repeat(80)].concat(), LimitExceeded, "times its size");
}

#[test]
fn gzip_members_without_end_and_without_content() {
    says(&gzip(b"").repeat(1_000_000), LimitExceeded, "the layer has more than");
}

#[test]
fn zstd_frames_without_end_and_without_content() {
    says(&zstd(b"").repeat(2_000_000), LimitExceeded, "the layer has more than");
}

#[test]
fn skippable_frames_without_end() {
    says(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(3 << 20), LimitExceeded, "the layer has more than");
}

#[test]
fn a_skippable_frame_longer_than_the_layer() {
    says(&[0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 1, 2, 3], Damaged, "too early");
}

#[test]
fn a_gzip_header_with_a_name_without_end() {
    let header = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    says(&[&header[..], &vec![b'a'; 20 << 20]].concat(), Damaged, "cannot be read");
}

#[test]
fn a_gzip_header_with_fields_that_are_not_there() {
    says(&[0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 0xff, 0xff], Damaged, "too early");
}

#[test]
fn a_window_of_gigabytes_in_zstd() {
    // A frame whose descriptor asks for a window of 2 GiB.
    says(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0], Damaged, "cannot be read");
}

#[test]
fn a_dictionary_that_nobody_has() {
    says(&[0x28, 0xb5, 0x2f, 0xfd, 0x23, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0], Damaged, "cannot be read");
}

#[test]
fn gzip_inside_gzip() {
    says(&gzip(&gzip(&honest().end())), Unsupported, "gzip inside another compression");
}

#[test]
fn zstd_inside_gzip() {
    says(&gzip(&zstd(&honest().end())), Unsupported, "zstd inside another compression");
}

#[test]
fn gzip_inside_zstd_a_hundred_times() {
    let nested = (0..100).fold(honest().end(), |inner, _| zstd(&gzip(&inner)));
    says(&nested, Unsupported, "gzip inside another compression");
}

#[test]
fn a_gzip_with_a_wrong_checksum() {
    let mut packed = gzip(&honest().end());
    let at = packed.len() - 6;
    packed[at] ^= 0xff;
    assert_eq!(says(&packed, Damaged, "cannot be read"), ["bash"]);
}

#[test]
fn a_gzip_that_ends_in_the_middle() {
    let packed = gzip(&honest().end());
    says(&packed[..packed.len() / 2], Damaged, "too early");
}

#[test]
fn a_gzip_with_rubbish_behind_it() {
    let layer = [gzip(&honest().end()), b"rubbish that is no member".to_vec()].concat();
    assert_eq!(says(&layer, Damaged, "cannot be read"), ["bash"]);
}

#[test]
fn a_zstd_stream_that_goes_wrong() {
    let mut packed = zstd(&honest().file("x", (0..=255).collect::<Vec<u8>>()).end());
    let at = packed.len() / 2;
    packed[at..].iter_mut().for_each(|byte| *byte = !*byte);
    says(&packed, Damaged, "");
}

#[test]
fn a_stream_that_is_encrypted() {
    let noise: Vec<u8> =
        (1_u64..999).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    says(&noise, Unsupported, "not a tar archive");
}

#[test]
fn an_archive_of_another_kind() {
    for (start, name) in
        [(&b"PK\x03\x04"[..], "zip"), (b"\xfd7zXZ\0", "xz"), (b"BZh9", "bzip2"), (b"hsqs", "squashfs")]
    {
        says(&[start, &[0; 600]].concat(), Unsupported, name);
    }
}

// The archive.

#[test]
fn an_archive_that_holds_itself() {
    let inner = honest().end();
    let mut nested = inner;
    for _ in 0..40 {
        nested = honest().file("layer.tar", &nested).end();
    }
    is_only(&nested, &["bash"]);
}

#[test]
fn a_negative_size() {
    let size = [0xff; 12];
    assert_eq!(says(&honest().raw(header("x", b'0', &size, ""), b"").end(), Damaged, "size"), ["bash"]);
}

#[test]
fn a_size_of_all_bits() {
    let size = [[0x80].as_slice(), &[0xff; 11]].concat();
    assert_eq!(says(&honest().raw(header("x", b'0', &size, ""), b"").end(), Damaged, "size"), ["bash"]);
}

#[test]
fn a_size_that_is_no_number() {
    assert_eq!(says(&honest().raw(header("x", b'0', b"9lots", ""), b"").end(), Damaged, "size"), ["bash"]);
}

#[test]
fn a_size_that_the_extended_header_makes_negative() {
    let layer = honest().pax(&record("size", b"-1")).file("x", "y").end();
    assert_eq!(says(&layer, Damaged, "size"), ["bash"]);
}

#[test]
fn a_body_longer_than_the_archive() {
    let layer = honest().entry(NPM, b'0', 1 << 40, b"{").end();
    assert_eq!(says(&layer, Damaged, "middle of an entry"), ["bash"]);
}

#[test]
fn a_body_longer_than_the_archive_by_its_extended_header() {
    let layer = honest().pax(&record("size", b"9223372036854775807")).file("x", "y").end();
    assert_eq!(says(&layer, Damaged, "middle of an entry"), ["bash"]);
}

#[test]
fn a_sparse_map_without_end() {
    let mut block = header("x", b'S', b"00000000000\0", "");
    block[482] = 1;
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut more = [0; 512];
    more[504] = 1;
    let layer = [honest().raw(block, b"").0, more.repeat(70_000)].concat();
    assert_eq!(says(&layer, Damaged, "no end"), ["bash"]);
}

#[test]
fn a_sparse_file_of_exabytes() {
    let map = [
        record("GNU.sparse.major", b"1"),
        record("GNU.sparse.minor", b"0"),
        record("GNU.sparse.name", DPKG.as_bytes()),
        record("GNU.sparse.realsize", b"9223372036854775807"),
    ];
    let layer = Tar::default().pax(&map.concat()).file("x", "1\n0\n99999999999999999\n").end();
    says(&layer, Unsupported, "sparse");
}

#[test]
fn a_sparse_file_in_the_place_of_a_database() {
    assert_eq!(says(&honest().entry(DPKG, b'S', 0, b"").end(), Unsupported, "sparse"), Vec::<String>::new());
}

#[test]
fn an_extended_header_of_gigabytes() {
    assert_eq!(says(&honest().entry("pax", b'x', 1 << 32, b"").end(), LimitExceeded, "header"), ["bash"]);
}

#[test]
fn a_long_name_of_gigabytes() {
    assert_eq!(says(&honest().entry("name", b'L', 1 << 32, b"").end(), LimitExceeded, "header"), ["bash"]);
}

#[test]
fn extended_headers_without_end() {
    let endless = (0..1000).fold(honest(), |tar, _| tar.pax(&record("comment", b"x")));
    assert_eq!(says(&endless.end(), Damaged, "too many extended headers"), ["bash"]);
}

#[test]
fn long_names_without_end() {
    let endless = (0..1000).fold(honest(), |tar, _| tar.entry("name", b'L', 2, b"x\0"));
    assert_eq!(says(&endless.end(), Damaged, "too many extended headers"), ["bash"]);
}

#[test]
fn records_whose_lengths_lie() {
    for lie in [
        "0 path=x\n",
        "99999 path=x\n",
        "18446744073709551616 path=x\n",
        "-1 path=x\n",
        "5 path=x\n",
        "path=x\n",
    ] {
        assert_eq!(
            says(&honest().pax(lie.as_bytes()).file("x", "").end(), Damaged, "extended"),
            ["bash"],
            "{lie}"
        );
    }
}

#[test]
fn a_path_with_a_hidden_end() {
    let layer = honest().pax(&record("path", b"var/lib/dpkg/status\0.txt")).file("x", "").end();
    assert_eq!(says(&layer, Damaged, "NUL"), ["bash"]);
}

#[test]
fn a_checksum_that_is_wrong() {
    let mut layer = honest().file("x", "y").end();
    let at = honest().0.len() + 10;
    layer[at] ^= 1;
    assert_eq!(says(&layer, Damaged, "checksum"), ["bash"]);
}

#[test]
fn no_end_mark() {
    assert_eq!(says(&honest().0, Damaged, "end mark"), ["bash"]);
}

#[test]
fn an_end_in_the_middle() {
    // One program stops there, another reads on: what follows is neither read nor passed over in silence.
    let layer = [&honest().0[..], &[0; 512], &one(NPM, JSON)[..]].concat();
    assert_eq!(says(&layer, Damaged, "lone block of zeros"), ["bash"]);
    is_only(&[&honest().0[..], &[0; 512]].concat(), &["bash"]);
}

#[test]
fn entries_without_end() {
    let entry = Tar::default().file("x", "").0;
    assert_eq!(
        says(&[honest().0, entry.repeat(60_000)].concat(), LimitExceeded, "more than 50000"),
        ["bash"]
    );
}

#[test]
fn kinds_of_entries_that_do_not_exist() {
    let tar = (b'A'..=b'Z')
        .filter(|kind| !b"LKSX".contains(kind))
        .fold(honest(), |tar, kind| tar.entry("x", kind, 0, b""));
    is_only(&tar.end(), &["bash"]);
}

#[test]
fn devices_and_pipes_in_the_place_of_databases() {
    for kind in [b'3', b'4', b'6'] {
        let layer = read(&honest().link(DPKG, kind, "").end());
        assert_eq!(names(&layer), Vec::<String>::new());
    }
}

// Paths.

#[test]
fn paths_out_of_the_image() {
    for path in ["../etc/passwd", "a/../../b", "/../x", "a/b/../../../c"] {
        assert_eq!(says(&honest().file(path, "x").end(), Unreadable, "out of the image"), ["bash"], "{path}");
    }
}

#[test]
fn a_database_by_many_spellings() {
    for path in [
        "/var/lib/dpkg/status",
        "./var//lib/./dpkg/status",
        "x/../var/lib/dpkg/status",
        "var/lib/dpkg/info/../status",
    ] {
        is_only(&honest().file(path, "Package: other\nVersion: 1\n").end(), &["other"]);
    }
}

#[test]
fn a_path_of_a_megabyte() {
    let path = "a".repeat(2 << 20);
    let layer = honest().pax(&record("path", path.as_bytes())).file("x", "");
    assert_eq!(says(&layer.end(), LimitExceeded, "header"), ["bash"]);
    let path = "a".repeat(5000);
    let layer = honest().pax(&record("path", path.as_bytes())).file("x", "");
    assert_eq!(says(&layer.end(), LimitExceeded, "longer than 4096"), ["bash"]);
}

#[test]
fn a_path_of_a_thousand_folders() {
    let path = format!("{}node_modules/a/package.json", "a/".repeat(1000));
    let layer = (0..2000).fold(honest(), |tar, _| tar.pax(&record("path", path.as_bytes())).file("x", JSON));
    assert_eq!(says(&layer.end(), LimitExceeded, "deeper than 256"), ["bash"]);
}

#[test]
fn paths_that_are_no_text() {
    let path = [b"app/\xff\xfe/node_modules/a/package.json".as_slice()].concat();
    is_only(&Tar::default().pax(&record("path", &path)).file("x", JSON).end(), &["a"]);
}

#[test]
fn a_path_that_writes_to_the_terminal() {
    let path = b"../\x1b[2J\x07\nvar/lib/dpkg/status";
    let layer = read(&honest().pax(&record("path", path)).file("x", "").end());
    assert_eq!(layer.problems.len(), 1);
}

// Links, whiteouts, duplicates.

#[test]
fn links_that_lead_in_circles() {
    let tar = Tar::default().link("a", b'2', "b").link("b", b'2', "a").link("var", b'2', "var");
    is_only(&tar.file(NPM, JSON).end(), &["a"]);
}

#[test]
fn a_symbolic_link_in_the_place_of_a_database() {
    is_only(&honest().link(DPKG, b'2', "../../../../../etc/shadow").end(), &[]);
}

#[test]
fn a_hard_link_to_itself() {
    let layer = read(&Tar::default().link(NPM, b'1', NPM).end());
    let image = ImageInventory::merge(&[(None, &layer), (None, &layer)]);
    assert!(image.packages.is_empty() && !image.problems.is_empty());
}

#[test]
fn hard_links_in_a_circle() {
    let other = "b/node_modules/a/package.json";
    let layer = read(&Tar::default().link(NPM, b'1', other).link(other, b'1', NPM).end());
    assert!(!layer.problems.is_empty() || !ImageInventory::merge(&[(None, &layer)]).problems.is_empty());
}

#[test]
fn a_hard_link_out_of_the_image() {
    says(&Tar::default().link(DPKG, b'1', "../../etc/shadow").end(), Unreadable, "not a path in the image");
}

#[test]
fn one_file_under_very_many_names() {
    let tar = (0..40_000).fold(Tar::default().file(NPM, JSON), |tar, n| {
        tar.link(&format!("{n}/node_modules/a/package.json"), b'1', NPM)
    });
    says(&tar.end(), LimitExceeded, "what the layer says");
}

#[test]
fn a_large_database_under_many_names() {
    let packages = "Package: a\nVersion: 1\n\n".repeat(10_000);
    let tar = (0..1000).fold(Tar::default().file("var/lib/dpkg/status.d/a", packages), |tar, n| {
        tar.link(&format!("var/lib/dpkg/status.d/a{n}"), b'1', "var/lib/dpkg/status.d/a")
    });
    says(&tar.end(), LimitExceeded, "what the layer says");
}

#[test]
fn two_databases_of_which_the_last_counts() {
    is_only(&honest().file(DPKG, "Package: other\nVersion: 1\n").end(), &["other"]);
}

#[test]
fn a_file_that_becomes_a_folder() {
    is_only(&Tar::default().file("app", "x").file(NPM, JSON).end(), &["a"]);
    is_only(&Tar::default().file(NPM, JSON).file("app", "x").end(), &[]);
}

#[test]
fn whiteouts_of_what_cannot_be() {
    for path in [".wh.", "a/.wh..", "a/.wh...", ".wh..."] {
        assert_eq!(says(&honest().file(path, "").end(), Unreadable, "whiteout"), ["bash"], "{path}");
    }
}

#[test]
fn a_whiteout_of_what_the_same_layer_adds() {
    is_only(&honest().file("var/lib/dpkg/.wh.status", "").file("var/lib/.wh.dpkg", "").end(), &["bash"]);
}

#[test]
fn whiteouts_without_end() {
    let tar = (0..40_000).fold(honest(), |tar, n| tar.file(&format!("{n}/{}/.wh.x", "a".repeat(60)), ""));
    let layer = read(&tar.end());
    let packages = (0..20_000)
        .fold(Tar::default(), |tar, n| tar.file(&format!("{n}/node_modules/a/package.json"), JSON));
    let below = read(&packages.end());
    within_budget(|| ImageInventory::merge(&[(None, &below), (None, &layer), (None, &below)]));
}

#[test]
fn a_thousand_layers_of_one() {
    let layer = read(&honest().end());
    let layers = vec![(None, &layer); 1000];
    assert_eq!(within_budget(|| ImageInventory::merge(&layers)).packages.len(), 1);
}

// Files that name packages.

#[test]
fn a_line_without_end() {
    let content = format!("Package: a\nVersion: {}", "9".repeat(20 << 20));
    let layer = read(&one(DPKG, content));
    assert!(layer.files[0].content.found()[0].package.version.len() < 1 << 20);
}

#[test]
fn stanzas_without_end() {
    let stanzas = "Package: a\nVersion: 1\n\n".repeat(500_000);
    says(&one(DPKG, stanzas), LimitExceeded, "");
    says(&one("lib/apk/db/installed", "P:a\nV:1\n\n".repeat(500_000)), LimitExceeded, "");
}

#[test]
fn a_list_of_files_without_end() {
    says(&one("var/lib/dpkg/info/a.list", "/usr/bin/a\n".repeat(2_000_000)), LimitExceeded, "");
}

#[test]
fn an_os_release_of_megabytes() {
    says(&one("etc/os-release", "ID=debian\n".repeat(1 << 20)), LimitExceeded, "held");
}

#[test]
fn deep_json() {
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let deep = format!("{{\"name\":{}", open.repeat(1 << 20));
        says(&one(NPM, &deep), Unreadable, "not understood");
        says(&one("etc/cos-package-info.json", &deep), Unreadable, "not understood");
        says(&one("root/buildinfo/content_manifests/a.json", &deep), Unreadable, "not understood");
    }
}

#[test]
fn json_with_a_number_of_megabytes() {
    let json = format!("{{\"name\":\"a\",\"version\":{}}}", "9".repeat(4 << 20));
    let layer = read(&one(NPM, json));
    assert_eq!(names(&layer), Vec::<String>::new());
}

#[test]
fn json_with_one_key_very_often() {
    let json = format!("{{{}\"name\":\"a\",\"version\":\"1\"}}", "\"name\":\"b\",".repeat(400_000));
    is_only(&one(NPM, json), &["a"]);
}

#[test]
fn store_paths_without_end() {
    let tar = (0..40_000).fold(Tar::default(), |tar, n| tar.file(&format!("nix/store/{n:0>32}-a-1/x"), ""));
    says(&tar.end(), LimitExceeded, "what the layer says");
}

#[test]
fn a_bomb_in_chisel_s_manifest() {
    let bomb = zstd(&b"{\"kind\":\"package\",\"name\":\"a\",\"version\":\"1\"}\n".repeat(1_000_000));
    says(&one("var/lib/chisel/manifest.wall", bomb), Unreadable, "larger than any manifest");
    let long = zstd(&vec![b' '; 60 << 20]);
    says(&one("var/lib/chisel/manifest.wall", long), Unreadable, "");
}

// Databases of rpm.

fn be16(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

/// A SQLite database of pages of 512 bytes; the table of packages has its root on the second.
fn sqlite(pages: &[Vec<u8>]) -> Vec<u8> {
    let schema = [&[6, 0x17, 0x1d, 0x1d, 1, 0][..], b"tablePackagesPackages\x02"].concat();
    let mut first = vec![0; 512];
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..20].copy_from_slice(&[2, 0, 1, 1]);
    first[100] = 0x0d;
    first[103..105].copy_from_slice(&be16(1));
    let at = 512 - schema.len() - 2;
    first[108..110].copy_from_slice(&be16(at));
    first[at] = u8::try_from(schema.len()).unwrap();
    first[at + 1] = 1;
    first[at + 2..].copy_from_slice(&schema);
    let mut file = first;
    for page in pages {
        file.extend_from_slice(page);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file
}

fn sqlite_says(database: Vec<u8>, text: &str) {
    says(&one(SQLITE, database), Unreadable, text);
}

#[test]
fn a_sqlite_database_that_is_only_a_header() {
    sqlite_says(sqlite(&[])[..100].to_vec(), "");
    sqlite_says(b"SQLite format 3\0".to_vec(), "makes no sense");
    sqlite_says(b"not SQLite".to_vec(), "no SQLite database");
}

#[test]
fn a_sqlite_database_with_pages_of_no_size() {
    for size in [[0, 0], [0, 2], [1, 1], [0xff, 0xff], [0, 255]] {
        let mut database = sqlite(&[vec![0x0d]]);
        database[16..18].copy_from_slice(&size);
        sqlite_says(database, "makes no sense");
    }
    let mut database = sqlite(&[vec![0x0d]]);
    database[20] = 255;
    sqlite_says(database, "makes no sense");
}

#[test]
fn a_sqlite_tree_that_leads_to_itself() {
    sqlite_says(sqlite(&[vec![5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]]), "page 2");
    sqlite_says(sqlite(&[vec![5, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]]), "damaged");
    sqlite_says(sqlite(&[vec![5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]), "page 0");
}

#[test]
fn a_sqlite_tree_of_very_many_levels() {
    let level = |n: u32| [&[5, 0, 0, 0, 0, 0, 0, 0][..], &n.to_be_bytes()].concat();
    sqlite_says(sqlite(&(3..5000).map(level).collect::<Vec<_>>()), "damaged");
}

#[test]
fn sqlite_cells_that_are_all_the_same() {
    // 200 pointers to one cell of 200 bytes on each of many pages: the rows take a hundred times what the file does.
    let mut leaf = vec![0x0d, 0, 0];
    leaf.extend(be16(100));
    leaf.extend([0; 3]);
    leaf.extend(be16(300).repeat(100));
    leaf.resize(300, 0);
    leaf.extend([0x81, 0x40, 1, 3, 0, 0x82, 0x00]);
    let mut root = vec![5, 0, 0];
    root.extend(be16(30));
    root.extend([0; 3]);
    root.extend(33_u32.to_be_bytes());
    (0..30).for_each(|n| root.extend(be16(80 + 5 * n)));
    root.resize(80, 0);
    (3_u32..33).for_each(|n| root.extend([&n.to_be_bytes()[..], &[1]].concat()));
    sqlite_says(sqlite(&[vec![root], vec![leaf; 31]].concat()), "");
}

#[test]
fn a_sqlite_row_of_exabytes() {
    let leaf = [&[0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10][..], &[0xff; 9], &[1, 3, 0]].concat();
    sqlite_says(sqlite(&[leaf]), "damaged");
}

#[test]
fn a_sqlite_row_that_flows_over_to_itself() {
    let mut leaf = vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10, 0x88, 0x00, 1];
    leaf.resize(512, 2);
    sqlite_says(sqlite(&[leaf]), "damaged");
}

#[test]
fn a_sqlite_record_of_kinds_that_do_not_exist() {
    let leaf = vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10, 4, 1, 3, 10, 11, 0];
    sqlite_says(sqlite(&[leaf]), "damaged");
}

#[test]
fn a_sqlite_database_without_the_table() {
    let mut database = sqlite(&[vec![0x0d]]);
    let at = database.windows(8).position(|window| window == b"Packages").unwrap();
    database[at] = b'p';
    database[at + 8] = b'x';
    database[at + 1] = b'X';
    sqlite_says(database, "no table");
}

#[test]
fn a_log_of_a_database_that_is_not_there() {
    let log = log(&[(2, 2, vec![0; 512])], 512);
    says(&one(LOG, log), Unreadable, "not in the same layer");
}

/// A write-ahead log of these pages: number, size after the commit, content.
fn log(frames: &[(u32, u32, Vec<u8>)], page_size: u32) -> Vec<u8> {
    fn sum((mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        for pair in bytes.chunks_exact(8) {
            a = a.wrapping_add(u32::from_be_bytes(pair[..4].try_into().unwrap())).wrapping_add(b);
            b = b.wrapping_add(u32::from_be_bytes(pair[4..].try_into().unwrap())).wrapping_add(a);
        }
        (a, b)
    }
    let mut file = [0x377f_0683_u32, 3_007_000, page_size, 0, 1, 2]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect::<Vec<u8>>();
    let mut total = sum((0, 0), &file);
    file.extend([total.0.to_be_bytes(), total.1.to_be_bytes()].concat());
    for (number, committed, page) in frames {
        let head = [number.to_be_bytes(), committed.to_be_bytes()].concat();
        total = sum(sum(total, &head), page);
        file.extend(
            [head, [1_u32, 2, total.0, total.1].iter().flat_map(|n| n.to_be_bytes()).collect(), page.clone()]
                .concat(),
        );
    }
    file
}

#[test]
fn a_log_of_pages_without_number() {
    for number in [0, 1 << 30, u32::MAX] {
        let layer =
            Tar::default().file(SQLITE, waiting()).file(LOG, log(&[(number, u32::MAX, vec![0; 512])], 512));
        let layer = read(&layer.end());
        assert!(number == 0 || !layer.problems.is_empty(), "{number}");
    }
}

#[test]
fn a_log_of_another_database() {
    let layer =
        Tar::default().file(SQLITE, waiting()).file(LOG, log(&[(1, 2, sqlite(&[])[..512].to_vec())], 512));
    let mut other = waiting();
    other[16..18].copy_from_slice(&[4, 0]);
    other.resize(4096, 0);
    let other = Tar::default().file(SQLITE, other).file(LOG, log(&[(2, 2, vec![0; 512])], 512));
    says(&other.end(), Unreadable, "another database");
    is_only(&layer.end(), &[]);
}

/// A database that may have a log.
fn waiting() -> Vec<u8> {
    let mut database = sqlite(&[vec![0x0d]]);
    database[18..20].copy_from_slice(&[2, 2]);
    database
}

#[test]
fn an_ndb_database_that_lies() {
    let start = |pages: u32| [b"RpmP", &[0; 8][..], &pages.to_le_bytes(), &[0; 16]].concat();
    says(&one(NDB, start(u32::MAX)), Unreadable, "too early");
    says(&one(NDB, b"RpmP"), Unreadable, "");
    says(&one(NDB, b"what"), Unreadable, "no NDB");
    let slot = |index: u32, offset: u32| {
        [b"Slot", &index.to_le_bytes()[..], &offset.to_le_bytes(), &[0xff; 4]].concat()
    };
    let lies = [start(1), slot(1, u32::MAX).repeat(254)].concat();
    says(&one(NDB, lies), Unreadable, "damaged");
    says(&one(NDB, [start(1), vec![0; 4064]].concat()), Unreadable, "slot");
    let mut later = start(1);
    later[4] = 1;
    says(&one(NDB, later), Unreadable, "later format");
}

#[test]
fn ndb_packages_that_lie_over_each_other() {
    let package = rpm_header(&[(1000, 6, b"a\0")], &[]);
    let padded = [package.clone(), vec![0; 4 << 20]].concat();
    let length = u32::try_from(padded.len()).unwrap().to_le_bytes();
    let padding = (16 + padded.len() + 12).wrapping_neg() % 16;
    let tail = [&vec![0; padding][..], &[0; 4], &length, b"BlbE"].concat();
    let blob = [b"BlbS", &1_u32.to_le_bytes()[..], &[0; 4], &length, &padded, &tail].concat();
    let slot = [b"Slot", &1_u32.to_le_bytes()[..], &256_u32.to_le_bytes(), &[0; 4]].concat();
    let start = [b"RpmP", &[0; 8][..], &1_u32.to_le_bytes(), &[0; 16]].concat();
    says(&one(NDB, [start, slot.repeat(254), blob].concat()), Unreadable, "over each other");
}

fn berkeley(pages: &[[u8; 512]]) -> Vec<u8> {
    let mut first = [0; 512];
    first[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    first[20..24].copy_from_slice(&512_u32.to_le_bytes());
    first[25] = 8;
    first[32..36].copy_from_slice(&u32::try_from(pages.len()).unwrap().to_le_bytes());
    [&[first][..], pages].concat().concat()
}

/// A page with one key whose value is on other pages.
fn off_page(first: u32, length: u32) -> [u8; 512] {
    let mut page = [0; 512];
    page[20] = 2;
    page[25] = 13;
    page[26..30].copy_from_slice(&[[0xfb, 1], [0xef, 1]].concat());
    page[507] = 1;
    page[495] = 3;
    page[499..503].copy_from_slice(&first.to_le_bytes());
    page[503..507].copy_from_slice(&length.to_le_bytes());
    page
}

#[test]
fn a_berkeley_db_whose_header_lies() {
    let honest = berkeley(&[]);
    let lie = |at: usize, bytes: &[u8]| {
        let mut file = honest.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    says(&one(BERKELEY, lie(20, &[0; 4])), Unreadable, "size that cannot be");
    says(&one(BERKELEY, lie(20, &[0xff; 4])), Unreadable, "size that cannot be");
    says(&one(BERKELEY, lie(32, &[0xff; 4])), Unreadable, "too early");
    says(&one(BERKELEY, lie(24, &[1])), Unreadable, "encrypted");
    says(&one(BERKELEY, lie(26, &[1])), Unreadable, "checksums");
    says(&one(BERKELEY, lie(12, &[0; 4])), Unreadable, "no Berkeley DB");
    says(&one(BERKELEY, &honest[..20]), Unreadable, "no Berkeley DB");
}

#[test]
fn a_berkeley_chain_that_leads_to_itself() {
    let mut overflow = [0; 512];
    overflow[16] = 2;
    overflow[22..24].copy_from_slice(&[0xe6, 1]);
    overflow[25] = 7;
    says(&one(BERKELEY, berkeley(&[off_page(2, u32::MAX), overflow])), Unreadable, "page 2");
    says(&one(BERKELEY, berkeley(&[off_page(9, 10), overflow])), Unreadable, "page 9");
    says(&one(BERKELEY, berkeley(&[off_page(1, 10), overflow])), Unreadable, "page 1");
    overflow[22..24].copy_from_slice(&[0xff, 0xff]);
    says(&one(BERKELEY, berkeley(&[off_page(2, 10), overflow])), Unreadable, "page 2");
}

#[test]
fn a_berkeley_chain_of_empty_pages() {
    let mut pages = vec![off_page(2, 1000)];
    for next in 3_u32..10_000 {
        let mut page = [0; 512];
        page[16..20].copy_from_slice(&next.to_le_bytes());
        page[25] = 7;
        pages.push(page);
    }
    says(&one(BERKELEY, berkeley(&pages)), Unreadable, "damaged");
}

#[test]
fn berkeley_items_out_of_their_page() {
    for (entries, index) in
        [(2, [[0, 0], [0, 0]]), (2, [[0xff, 0xff], [0, 1]]), (255, [[0xfb, 1], [0xfc, 1]])]
    {
        let mut page = off_page(2, 10);
        page[20] = entries;
        page[26..30].copy_from_slice(&index.concat());
        says(&one(BERKELEY, berkeley(&[page])), Unreadable, "page 1");
    }
}

/// A header of rpm: entries of tag, kind and data, and more of them as they are.
fn rpm_header(entries: &[(u32, u32, &[u8])], raw: &[[u32; 4]]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, bytes) in entries {
        index.extend(
            [*tag, *kind, u32::try_from(data.len()).unwrap(), 1].iter().flat_map(|n| n.to_be_bytes()),
        );
        data.extend_from_slice(bytes);
    }
    index.extend(raw.iter().flatten().flat_map(|n| n.to_be_bytes()));
    let count = u32::try_from(entries.len() + raw.len()).unwrap();
    let length = u32::try_from(data.len()).unwrap();
    [&count.to_be_bytes()[..], &length.to_be_bytes(), &index, &data].concat()
}

/// The header in a database.
fn with_header(header: &[u8]) -> Vec<u8> {
    let mut pages = vec![off_page(2, u32::try_from(header.len()).unwrap())];
    let chunks: Vec<_> = header.chunks(486).collect();
    for (n, chunk) in chunks.iter().enumerate() {
        let mut page = [0; 512];
        page[16..20].copy_from_slice(&u32::try_from(n + 3).unwrap().to_le_bytes());
        page[22..24].copy_from_slice(&u16::try_from(chunk.len()).unwrap().to_le_bytes());
        page[25] = 7;
        page[26..26 + chunk.len()].copy_from_slice(chunk);
        pages.push(page);
    }
    one(BERKELEY, berkeley(&pages))
}

#[test]
fn a_header_of_rpm_that_lies_about_its_size() {
    for lie in [[u32::MAX, 0], [0, u32::MAX], [0xffff, 0xffff], [1, 1]] {
        let header: Vec<u8> = lie.iter().flat_map(|n| n.to_be_bytes()).chain([0; 12]).collect();
        says(&with_header(&header), Unreadable, "header");
    }
}

#[test]
fn tags_of_rpm_that_point_nowhere() {
    let name = (1000, 6, &b"a\0"[..]);
    let nowhere =
        [[1001, 6, u32::MAX, 1], [1003, 4, 1, u32::MAX], [1117, 8, 0, u32::MAX], [1116, 4, 0, u32::MAX]];
    is_only(&with_header(&rpm_header(&[name], &nowhere)), &["a"]);
    says(&with_header(&rpm_header(&[(1000, 6, b"without end")], &[])), Unreadable, "no name");
    says(&with_header(&rpm_header(&[(1000, 7, b"a\0")], &[])), Unreadable, "no name");
}

#[test]
fn tags_of_rpm_that_share_one_long_text() {
    let long = [vec![b'a'; 4 << 20], vec![0]].concat();
    let tags = [1001, 1002, 1011, 1014, 1022, 1044, 5096].map(|tag| [tag, 6, 0, 1]);
    let layer = read(&with_header(&rpm_header(&[(1000, 6, &long)], &tags)));
    let found = layer.files[0].content.found();
    assert!(found.iter().all(|found| found.package.name.len() <= 64 << 10));
}

#[test]
fn files_of_rpm_in_very_long_folders() {
    let folder = [vec![b'a'; 1 << 20], vec![0]].concat();
    let names = b"b\0".repeat(200_000);
    let indexes = [0; 4].repeat(200_000);
    let data = [&b"x\0"[..], &folder, &names, &indexes].concat();
    let at = |n: usize| u32::try_from(n).unwrap();
    let (names_at, indexes_at) = (2 + folder.len(), 2 + folder.len() + names.len());
    let raw = [[1118, 8, 2, 1], [1117, 8, at(names_at), 200_000], [1116, 4, at(indexes_at), 200_000]];
    is_only(&with_header(&rpm_header(&[(1000, 6, &data)], &raw)), &["x"]);
}

#[test]
fn a_list_without_rpm_that_is_rubbish() {
    const PATH: &str = "var/lib/rpmmanifest/container-manifest-2";
    says(&one(PATH, "\t".repeat(1 << 20)), Unreadable, "none of a package");
    says(&one(PATH, "a\n".repeat(1 << 20)), Unreadable, "none of a package");
}

// Programs.

/// A program of 64 bits with a table of segments, as long as a page.
fn program(table: u64, entry: u16, count: u16, segments: &[[u64; 7]]) -> Vec<u8> {
    let mut file = [&b"\x7fELF\x02\x01\x01"[..], &[0; 57]].concat();
    file[32..40].copy_from_slice(&table.to_le_bytes());
    file[54..56].copy_from_slice(&entry.to_le_bytes());
    file[56..58].copy_from_slice(&count.to_le_bytes());
    for segment in segments {
        file.extend((1_u32).to_le_bytes());
        file.extend((6_u32).to_le_bytes());
        file.extend(segment[..6].iter().flat_map(|n| n.to_le_bytes()));
    }
    file.resize(16 << 10, 0);
    file
}

#[test]
fn a_program_whose_headers_lie() {
    let everything = [0, 0, 0, u64::MAX, u64::MAX, 1, 0];
    for file in [
        program(u64::MAX, 56, 10, &[]),
        program(64, 0, u16::MAX, &[everything]),
        program(64, 56, u16::MAX, &vec![everything; 128]),
        program(64, u16::MAX, 3, &[everything]),
        program(64, 56, 1, &[[u64::MAX, 0, 0, u64::MAX, u64::MAX, 1, 0]]),
    ] {
        is_only(&one("usr/bin/tool", file), &[]);
    }
}

#[test]
fn a_program_whose_every_segment_is_the_whole_file() {
    let whole = [0, 0, 0, 6 << 20, 6 << 20, 1, 0];
    let mut file = program(64, 56, 128, &vec![whole; 128]);
    file.resize(6 << 20, 0);
    read(&one("usr/bin/tool", file));
}

#[test]
fn build_information_that_lies() {
    let whole = [0, 0, 0, 1 << 20, 1 << 20, 1, 0];
    let start = program(64, 56, 1, &[whole]);
    for block in [
        // A string as long as can be said, one of no length, pointers to nowhere, one after the other.
        [&b"\xff Go buildinf:\x08\x02"[..], &[0; 16], &[0xff, 0xff, 0xff, 0x7f]].concat(),
        [&b"\xff Go buildinf:\x08\x02"[..], &[0; 16], &[0xff; 10]].concat(),
        [&b"\xff Go buildinf:\x08\x02"[..], &[0; 20]].concat(),
        b"\xff Go buildinf:\x03\x00".repeat(30_000),
        b"\xff Go buildinf:\x08\x02".repeat(30_000),
    ] {
        let mut file = [start.clone(), block].concat();
        file.resize(1 << 20, 0);
        let layer = read(&one("usr/bin/tool", file));
        assert!(names(&layer).len() < 3);
    }
}

#[test]
fn a_program_in_the_place_of_a_file_of_the_system() {
    let start = program(64, 56, 1, &[[0, 0, 0, 1 << 20, 1 << 20, 1, 0]]);
    let block = [&b"\xff Go buildinf:\x08\x02"[..], &[0; 16], b"\x08go1.20.1\x00"].concat();
    let mut file = [start, block].concat();
    file.resize(1 << 20, 0);
    let found = names(&read(&one("usr/bin/tool", &file)));
    assert!(found.contains(&"stdlib".to_owned()), "{found:?}");
    for path in [
        "etc/arch-release",
        "etc/issue",
        "etc/lsb-release",
        "etc/apk/repositories",
        DPKG,
        "opt/os-release",
        NPM,
    ] {
        assert_eq!(names(&read(&one(path, &file))), found, "{path}");
    }
}

#[test]
fn build_information_whose_pointers_lead_nowhere() {
    let mut file = program(64, 56, 1, &[[0, 0, 0, 1 << 20, 1 << 20, 1, 0]]);
    file.extend([&b"\xff Go buildinf:\x08\x00"[..], &[0xff; 16]].concat());
    file.resize(1 << 20, 0);
    says(&one("usr/bin/tool", file), Unreadable, "build information");
}

#[test]
fn a_program_for_windows_full_of_marks() {
    let file = [&b"MZ"[..], &b"\xff Go buildinf:".repeat(400_000)].concat();
    read(&one("app/tool.exe", file));
}

#[test]
fn very_many_small_programs() {
    let program = program(64, 56, 1, &[[0, 0, 0, 1 << 14, 1 << 14, 1, 0]]);
    let tar = (0..3000).fold(Tar::default(), |tar, n| tar.file(&format!("bin/{n}"), &program));
    is_only(&tar.end(), &[]);
}

// Documents.

#[test]
fn a_document_of_deep_components() {
    let deep = format!(
        "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":{}",
        "[{\"components\":".repeat(1 << 17)
    );
    let problem = within_budget(|| read_sbom(deep.as_bytes(), &limits())).unwrap_err();
    assert_eq!(problem.kind, Unreadable);
}

#[test]
fn a_document_without_end() {
    let long = format!("{{\"bomFormat\":\"CycloneDX\",\"a\":\"{}", "a".repeat(20 << 20));
    let problem = within_budget(|| read_sbom(long.as_bytes(), &limits())).unwrap_err();
    assert_eq!(problem.kind, LimitExceeded);
}

#[test]
fn purls_that_are_none() {
    let purls = [
        "pkg:".to_owned(),
        format!("pkg:npm/{}", "a/".repeat(9000)),
        format!("pkg:npm/a?{}", "a=b&".repeat(5000)),
        "pkg:npm/%ff%fe".to_owned(),
        "pkg:npm/a@%".to_owned(),
    ];
    let components = purls.map(|purl| serde_json::json!({"type": "library", "name": "a", "purl": purl}));
    let document =
        serde_json::json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components});
    let image = within_budget(|| read_sbom(document.to_string().as_bytes(), &limits())).unwrap();
    assert_eq!((image.packages.len(), image.problems.len()), (0, 5));
}

// Archives in the layer.

/// The layer is not read whole, and says so in whatever words.
#[track_caller]
fn complains(bytes: &[u8]) -> Vec<String> {
    let layer = read(bytes);
    assert!(!layer.problems.is_empty(), "{:?}", names(&layer));
    names(&layer)
}

/// One file of a zip archive.
struct Member<'a> {
    name: &'a str,
    flags: u16,
    method: u16,
    /// As they are said to be.
    packed: u32,
    unpacked: u32,
    bytes: &'a [u8],
}

impl<'a> Member<'a> {
    fn stored(name: &'a str, bytes: &'a [u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        Self { name, flags: 0, method: 0, packed: length, unpacked: length, bytes }
    }

    fn deflated(name: &'a str, bytes: &'a [u8], unpacked: usize) -> Self {
        let (packed, unpacked) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(unpacked).unwrap());
        Self { name, flags: 0, method: 8, packed, unpacked, bytes }
    }

    fn sizes(&self, crc: u32) -> Vec<u8> {
        let name = u16::try_from(self.name.len()).unwrap().to_le_bytes();
        let sizes = [crc, self.packed, self.unpacked].map(u32::to_le_bytes).concat();
        [&self.flags.to_le_bytes()[..], &self.method.to_le_bytes(), &[0; 4], &sizes, &name, &[0; 2]].concat()
    }
}

/// An archive, whose directory says that it has `entries`.
fn zip_of(members: &[Member<'_>], entries: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let mut crc = flate2::Crc::new();
        crc.update(&match member.method {
            8 => inflate(member.bytes),
            _ => member.bytes.to_vec(),
        });
        let at = u32::try_from(file.len()).unwrap().to_le_bytes();
        let sizes = member.sizes(crc.sum());
        file.extend([b"PK\x03\x04\x14\0", &sizes[..], member.name.as_bytes(), member.bytes].concat());
        directory
            .extend([b"PK\x01\x02\x14\0\x14\0", &sizes[..], &[0; 10], &at, member.name.as_bytes()].concat());
    }
    let (at, size) = (u32::try_from(file.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let counts = [entries.to_le_bytes(), entries.to_le_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0", &counts[..], &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat();
    [file, directory, end].concat()
}

fn zip(members: &[Member<'_>]) -> Vec<u8> {
    zip_of(members, u16::try_from(members.len()).unwrap())
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(bytes), &mut all);
    all
}

const POM: &str = "META-INF/maven/g/a/pom.properties";
const PROPERTIES: &[u8] = b"groupId=g\nartifactId=a\nversion=1\n";
const JAR: &str = "app/lib/a.jar";

fn library() -> Vec<u8> {
    zip(&[Member::stored(POM, PROPERTIES)])
}

#[test]
fn the_library_that_the_next_ones_are_made_of_is_read() {
    is_only(&one(JAR, library()), &["g:a"]);
    let packed = deflate(PROPERTIES);
    is_only(&one(JAR, zip(&[Member::deflated(POM, &packed, PROPERTIES.len())])), &["g:a"]);
}

#[test]
fn archives_in_archives_without_end() {
    let deep = (0..100).fold(library(), |inner, _| zip(&[Member::stored("lib/inner.jar", &inner)]));
    complains(&one(JAR, deep));
}

#[test]
fn bombs_in_archives_in_archives() {
    let zeros = deflate(&vec![0; 60 << 20]);
    let bomb = zip(&[Member::deflated("zeros", &zeros, 60 << 20), Member::stored(POM, PROPERTIES)]);
    // What nobody wants is passed over without unpacking it, but an archive inside must be unpacked to be read.
    is_only(&one(JAR, &bomb), &["g:a"]);
    let inner = deflate(&zip(&[Member::stored("zeros", &vec![0; 60 << 20])]));
    let nested: Vec<Member<'_>> = (0..40).map(|_| Member::deflated("lib/b.jar", &inner, 60 << 20)).collect();
    read(&one(JAR, zip(&nested)));
}

#[test]
fn a_file_of_megabytes_where_a_few_lines_belong() {
    let properties = deflate(&b"version=1\n".repeat(2 << 20));
    read(&one(JAR, zip(&[Member::deflated(POM, &properties, 20 << 20)])));
}

#[test]
fn an_archive_that_ends_in_the_middle() {
    let library = library();
    for length in [1, 10, 30, 60, library.len() - 40, library.len() - 1] {
        complains(&one(JAR, &library[..length]));
    }
}

#[test]
fn an_archive_that_lies_about_sizes() {
    let lie = |packed: u32, unpacked: u32| Member { packed, unpacked, ..Member::stored(POM, PROPERTIES) };
    for (packed, unpacked) in [(u32::MAX, u32::MAX), (u32::MAX - 1, 33), (1 << 30, 1 << 30)] {
        complains(&one(JAR, zip(&[lie(packed, unpacked)])));
    }
}

#[test]
fn an_archive_that_lies_about_its_entries() {
    let hidden = zip_of(&[Member::stored(POM, PROPERTIES)], 0);
    let names_of_hidden = names(&read(&one(JAR, hidden)));
    let many = read(&one(JAR, zip_of(&[Member::stored(POM, PROPERTIES)], u16::MAX)));
    // Java would open neither as we see it: what is shown must hold the library, or say that something is wrong.
    assert!(!names_of_hidden.is_empty());
    assert!(!names(&many).is_empty() || !many.problems.is_empty());
}

#[test]
fn an_archive_that_is_locked() {
    let locked = Member { flags: 1, ..Member::stored(POM, PROPERTIES) };
    complains(&one(JAR, zip(&[locked])));
}

#[test]
fn an_archive_packed_in_a_way_nobody_knows() {
    let unknown = Member { method: 99, ..Member::stored(POM, PROPERTIES) };
    complains(&one(JAR, zip(&[unknown])));
}

#[test]
fn an_archive_whose_stream_goes_wrong() {
    let broken = Member::deflated(POM, &[0xff; 40], 33);
    complains(&one(JAR, zip(&[broken])));
}

#[test]
fn an_archive_with_two_files_of_one_name() {
    let other = b"groupId=g\nartifactId=b\nversion=2\n";
    let layer = read(&one(JAR, zip(&[Member::stored(POM, PROPERTIES), Member::stored(POM, other)])));
    assert!(names(&layer).contains(&"g:b".to_owned()), "{:?}", names(&layer));
}

#[test]
fn an_archive_of_very_many_files() {
    let members: Vec<_> = (0..60_000).map(|_| Member::stored("META-INF/maven/g/a/x", b"")).collect();
    read(&one(JAR, zip(&members)));
}
