//! Records of languages, archives in archives and programs that were made to hurt.

use super::*;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A local header; `sizes` are the packed and the unpacked one.
fn local(path: &str, flags: u16, method: u16, sizes: [u32; 2]) -> Vec<u8> {
    let mut header = LOCAL.to_vec();
    [20, flags, method, 0, 0].iter().for_each(|n: &u16| header.extend_from_slice(&n.to_le_bytes()));
    header.extend_from_slice(&[0; 4]);
    sizes.iter().for_each(|n| header.extend_from_slice(&n.to_le_bytes()));
    header.extend_from_slice(&u16::try_from(path.len()).unwrap().to_le_bytes());
    header.extend_from_slice(&[0, 0]);
    header.extend_from_slice(path.as_bytes());
    header
}

fn central(path: &str, offset: u32) -> Vec<u8> {
    let mut header = CENTRAL.to_vec();
    header.resize(46, 0);
    header[28..30].copy_from_slice(&u16::try_from(path.len()).unwrap().to_le_bytes());
    header[42..46].copy_from_slice(&offset.to_le_bytes());
    header.extend_from_slice(path.as_bytes());
    header
}

fn end(offset: usize) -> Vec<u8> {
    let mut record = END.to_vec();
    record.resize(22, 0);
    record[16..20].copy_from_slice(&u32::try_from(offset).unwrap().to_le_bytes());
    record
}

/// An archive of one entry, stored or packed.
fn zip(path: &str, content: &[u8], is_packed: bool) -> Vec<u8> {
    let packed = if is_packed { deflate(content) } else { content.to_vec() };
    let sizes = [packed.len(), content.len()].map(|size| u32::try_from(size).unwrap());
    let mut bytes = local(path, 0, if is_packed { 8 } else { 0 }, sizes);
    bytes.extend(packed);
    let at = bytes.len();
    bytes.extend(central(path, 0));
    bytes.extend(end(at));
    bytes
}

const POM: &str = "META-INF/maven/g/a/pom.properties";

fn jar(content: impl AsRef<[u8]>) -> Vec<u8> {
    one("app/a.jar", content)
}

#[test]
fn a_bomb_in_a_jar() {
    let bomb = zip(POM, &vec![b' '; 256 << 20], true);
    says(&jar(bomb), LimitExceeded, "unpack to more than");
}

#[test]
fn a_bomb_in_a_jar_in_a_jar_in_a_jar() {
    let inner = zip(POM, &vec![b' '; 256 << 20], true);
    let middle = zip("b.jar", &inner, true);
    says(&jar(zip("a.jar", &middle, true)), LimitExceeded, "unpack to more than");
}

#[test]
fn a_bomb_that_must_be_unpacked_to_be_skipped() {
    let mut bytes = local("x.class", 8, 8, [0, 0]);
    bytes.extend(deflate(&vec![0; 256 << 20]));
    says(&jar(bytes), LimitExceeded, "unpack to more than");
}

#[test]
fn fifty_jars_in_each_other() {
    let mut deep = zip(POM, b"groupId=g\nartifactId=a\nversion=1\n", false);
    for _ in 0..50 {
        deep = zip("in.jar", &deep, false);
    }
    says(&jar(deep), Unreadable, "8 deep");
}

#[test]
fn a_jar_that_holds_itself() {
    // The quine's trick: the header of an entry whose content is the archive it stands in.
    let header = local("a.jar", 0, 0, [u32::MAX - 1, u32::MAX - 1]);
    says(&jar(header.repeat(10_000)), Unreadable, "");
}

#[test]
fn a_gigabyte_that_is_not_there() {
    let mut bytes = local(POM, 0, 0, [1 << 30, 1 << 30]);
    bytes.extend_from_slice(b"groupId=g\nartifactId=a\nversion=1\n");
    assert_eq!(says(&jar(bytes), Unreadable, "without an end"), ["g:a"]);
}

#[test]
fn a_jar_of_nothing_but_headers() {
    let entry = local(POM, 0, 0, [0, 0]);
    says(&jar(entry.repeat(500_000)), LimitExceeded, "held");
}

#[test]
fn a_jar_of_nothing_but_a_directory() {
    let mut bytes = central(POM, 7).repeat(400_000);
    bytes.extend(end(0));
    says(&jar(bytes), LimitExceeded, "held");
}

#[test]
fn a_directory_that_points_elsewhere() {
    let mut bytes = local("x", 0, 0, [0, 0]);
    let at = bytes.len();
    bytes.extend((0..1000).flat_map(|n| central(POM, n)));
    bytes.extend(end(at));
    assert_eq!(says(&jar(bytes), Unreadable, "not where it should be"), Vec::<String>::new());
}

#[test]
fn an_archive_with_very_many_ends() {
    let mut bytes = local("x", 0, 0, [0, 0]);
    bytes.extend(end(0).repeat(100_000));
    says(&jar(bytes), Unreadable, "more ends");
}

#[test]
fn signatures_that_lead_nowhere() {
    let mut bytes = local("x", 0, 0, [0, 0]);
    bytes.extend(b"PKPK\x03PK".repeat(1 << 20));
    says(&jar(bytes), Unreadable, "without an end");
}

#[test]
fn entries_without_lengths_that_cannot_be_told_apart() {
    let mut bytes = Vec::new();
    for _ in 0..50_000 {
        bytes.extend(local("a.jar", 9, 0, [0, 0]));
    }
    says(&jar(bytes), Unreadable, "encrypted");
}

#[test]
fn names_as_long_as_they_can_be() {
    let name = format!("{}.jar", "n".repeat(65_000));
    let bytes = local(&name, 0, 0, [0, 0]).repeat(500);
    says(&jar(bytes), LimitExceeded, "held");
}

#[test]
fn an_extra_field_that_lies() {
    let mut bytes = local(POM, 0, 0, [u32::MAX, u32::MAX]);
    bytes[28] = 20;
    bytes.extend_from_slice(&[1, 0, 16, 0]);
    bytes.extend_from_slice(&[0xff; 16]);
    bytes.extend_from_slice(b"text");
    says(&jar(bytes), Unreadable, "without an end");
}

#[test]
fn a_script_of_megabytes_before_the_jar() {
    let bytes = [b"#!/bin/sh\n".repeat(500_000), zip(POM, b"", false)].concat();
    says(&jar(bytes), Unreadable, "not a zip");
}

#[test]
fn an_egg_and_a_cache_that_are_bombs() {
    let egg = zip("EGG-INFO/PKG-INFO", &vec![b'\n'; 256 << 20], true);
    says(&one("lib/a.egg", egg), LimitExceeded, "unpack to more than");
    let cached = zip("node_modules/a/package.json", &vec![b' '; 256 << 20], true);
    says(&one("app/.yarn/cache/a.zip", cached), LimitExceeded, "unpack to more than");
}

#[test]
fn lists_of_nothing_in_every_record_of_json() {
    let many = |start: &str, element: &str, end: &str| {
        format!("{start}{}{end}", element.repeat(7_000_000 / element.len()))
    };
    for (path, text) in [
        ("v/composer/installed.json", many("[", "{},", "{}]")),
        ("v/composer/installed.json", many("{\"packages\":[", "{},", "{}]}")),
        ("a.deps.json", many("{\"libraries\":{", "\"\":{},", "\"\":{}}}")),
        ("a.deps.json", many("{\"targets\":{\"a\":{", "\"\":{},", "\"\":{}}}}")),
        ("a.deps.json", many("{\"targets\":{", "\"\":{},", "\"\":{}}}")),
        ("c/.crates2.json", many("{\"installs\":{", "\"\":{},", "\"\":{}}}")),
        (".build/workspace-state.json", many("{\"object\":{\"dependencies\":[", "{},", "{}]}}")),
    ] {
        says(&one(path, text), Unreadable, "elements");
    }
    for (path, text) in [
        (
            "n/node_modules/a/package.json",
            many("{\"name\":\"a\",\"version\":\"1\",\"license\":[", "\"MIT\",", "1]}"),
        ),
        ("c/conda-meta/a.json", many("{\"name\":\"a\",\"version\":\"1\",\"depends\":[", "[],", "1]}")),
    ] {
        is_only(&one(path, text), &["a"]);
    }
}

#[test]
fn depth_in_every_record_of_json() {
    for path in [
        "v/composer/installed.json",
        "a.deps.json",
        ".build/workspace-state.json",
        "c/conda-meta/a.json",
        "p/.meta/a-1/install.json",
        "c/.crates2.json",
        "x.cdx.json",
    ] {
        for text in ["[".repeat(1 << 20), "{\"packages\":".repeat(1 << 19), "{\"a\":[".repeat(1 << 19)] {
            says(&one(path, text), ProblemKind::Unreadable, "").clear();
        }
    }
}

#[test]
fn texts_without_end() {
    for path in [
        "c/conda-meta/a.json",
        "a.deps.json",
        "e/ebin/a.app",
        "x.spdx.json",
        "p/.registry/a.reg",
        "c/conaninfo.txt",
    ] {
        says(&one(path, format!("{{\"a\":\"{}", "x".repeat(20 << 20))), LimitExceeded, "held");
    }
}

#[test]
fn lines_without_end_and_without_number() {
    let gem = "r/specifications/a-1.gemspec";
    is_only(
        &one(gem, format!("# stub: a 1 ruby lib\n{}", "s.licenses = [\"MIT\"]\n".repeat(500_000))),
        &["a"],
    );
    is_only(&one(gem, format!("# stub: a 1 ruby lib\ns.summary = {}", "\"x\" ".repeat(3_000_000))), &["a"]);
    let journal: String =
        (0..120_000).map(|n| format!("=head2 x: C<Module> L<m{n}|x>\nC<VERSION: 1>\n")).collect();
    says(&one("p/perllocal.pod", &journal), Unreadable, "more than");
    says(
        &one("c/conaninfo.txt", format!("[requires]\n{}", "a/1\n".repeat(1_500_000))),
        Unreadable,
        "more than",
    );
    is_only(
        &one(
            "r/library/a/DESCRIPTION",
            format!("Package: a\nVersion: 1\n{}Built: R\n", "License: x | y\n".repeat(300_000)),
        ),
        &["a"],
    );
}

#[test]
fn terms_without_end() {
    says(&one("e/ebin/a.app", "{a,".repeat(2_000_000)), Unreadable, "term");
    says(
        &one("e/ebin/a.app", format!("{{application,a,[\"{}", "\\\"".repeat(3_000_000))),
        Unreadable,
        "term",
    );
    says(&one("p/.registry/a.reg", "a:1:{i:0;".repeat(700_000)), Unreadable, "too deep");
    says(&one("p/.registry/a.reg", "a:9:{s:99999999999:\"x\";}"), Unreadable, "");
    says(&one("p/.registry/a.reg", format!("a:9:{{{}}}", "i:1;".repeat(1_500_000))), Unreadable, "no name");
}

/// A program whose data are these bytes.
fn elf(data: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[40..48].copy_from_slice(&1_u64.to_le_bytes());
    file[54..56].copy_from_slice(&56_u16.to_le_bytes());
    file[56..58].copy_from_slice(&1_u16.to_le_bytes());
    file.extend([1_u32, 4].iter().flat_map(|n| n.to_le_bytes()));
    let size = data.len() as u64;
    file.extend([4096, 4096, 0, size, size, 4096_u64].iter().flat_map(|n| n.to_le_bytes()));
    file.resize(4096, 0);
    file.extend_from_slice(data);
    file
}

#[test]
fn a_list_of_crates_that_is_a_bomb() {
    let bomb = zlib(&[b"{\"packages\":[", &vec![b' '; 64 << 20][..]].concat());
    says(&one("bin/a", elf(&bomb)), Unreadable, "larger than");
    let nothings = zlib(format!("{{\"packages\":[{}{{}}]}}", "{},".repeat(2_000_000)).as_bytes());
    says(&one("bin/a", elf(&nothings)), Unreadable, "elements");
}

#[test]
fn a_program_of_nothing_but_places_to_look_at() {
    says(&one("bin/a", elf(&b"\x78\xda\x4d".repeat(4_000_000))), Unreadable, "can be tried");
    let begins = &zlib(b"{\"packages\":[")[..15];
    says(&one("bin/a", elf(&begins.repeat(500_000))), Unreadable, "");
    says(
        &one("bin/a", elf(&b"\x1f\x8b\x08\0\0\0\0\0\0\0\x4d".repeat(1_000_000))),
        Unreadable,
        "can be tried",
    );
}

#[test]
fn a_native_image_with_a_bomb() {
    let json = [b"{\"bomFormat\":\"CycloneDX\"", &vec![b' '; 64 << 20][..]].concat();
    says(&one("bin/a", elf(&gzip(&json))), Unreadable, "larger than");
}

#[test]
fn programs_of_nothing_but_signs() {
    for (name, sign) in [
        ("nginx", &b"nginx version: nginx/"[..]),
        ("curl", b"curl/"),
        ("envoy", b"ValidationError\0"),
        ("envoy", b"envoy_quic_\x001.2.3x"),
        ("java", b"openjdk\0"),
        ("redis-server", b"000000000\0"),
        ("redis-server", b"1.1-1111111111000000000\0"),
        ("mariadbd", b"1.1.-MariaDB"),
        ("python3.11", b"\x003.11."),
        ("mysqld", b"/mysql-"),
        ("perl", b"/perl/5."),
    ] {
        let bytes = elf(&sign.repeat((8 << 20) / sign.len()));
        is_only(&one(&format!("bin/{name}"), bytes), &[]);
    }
}

#[test]
fn notes_whose_lengths_lie() {
    for (name, content) in [(u32::MAX, 4), (4, u32::MAX), (u32::MAX, u32::MAX), (0, 0), (4, 0x7fff_fff0)] {
        let mut data =
            [name, content, 0xcafe_1a7e_u32].iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>();
        data.extend_from_slice(b"FDO\0");
        data.resize(9000, 0);
        let mut file = elf(&data);
        file[64..68].copy_from_slice(&4_u32.to_le_bytes());
        is_only(&one("bin/a", file), &[]);
    }
}

#[test]
fn documents_of_nothing_but_components() {
    let many = |start: &str, element: &str, end: &str| {
        format!("{start}{}{end}", element.repeat(7_500_000 / element.len()))
    };
    for text in [
        many("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[", "{},", "{}]}"),
        many(
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{\"components\":[",
            "{},",
            "{}]}]}",
        ),
        many("{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[", "{},", "{}]}"),
        many("{\"plimsollInventory\":1,\"packages\":[", "{},", "{}]}"),
    ] {
        let image = within_budget(|| read_sbom(text.as_bytes(), &limits())).unwrap();
        assert_eq!((image.packages.len(), image.problems[0].kind), (0, LimitExceeded));
        says(&one("a.cdx.json", text), LimitExceeded, "components").clear();
    }
    let properties = many(
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[{\"name\":\"a\",\"properties\":[",
        "{},",
        "{}]}]}",
    );
    assert_eq!(within_budget(|| read_sbom(properties.as_bytes(), &limits())).unwrap_err().kind, Unreadable);
    let tags = many("SPDXVersion: SPDX-2.3\n", "PackageName: a\n", "");
    within_budget(|| read_sbom(tags.as_bytes(), &limits())).unwrap();
}
