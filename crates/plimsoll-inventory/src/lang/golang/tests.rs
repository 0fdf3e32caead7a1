//! Go binaries: built on the spot by the real tool, and made by hand where no tool is left that makes them.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::tests::{Archive, packages as shown};

const MODULES: &str = "path\texample.com/tool/cmd/tool\nmod\texample.com/tool\t(devel)\t\n\
                       dep\tgolang.org/x/net\tv0.1.0\th1:x=\ndep\tgopkg.in/old.v1\tv1.0.0\th1:x=\n\
                       =>\tgithub.com/fork/old\tv1.2.3\th1:y=\ndep\texample.com/local\tv0.0.0\n=>\t./local\t\t\n\
                       build\t-compiler=gc\n";

/// An ELF binary with code, read-only and writable data, the last beginning with the block.
pub(crate) fn binary() -> Vec<u8> {
    let modules = [&[0xaa; 16][..], MODULES.as_bytes(), &[0xbb; 16]].concat();
    let mut block = [MAGIC, &[8, 2], &[0; 16]].concat();
    for string in [&b"go1.22.3"[..], &modules] {
        let length = string.len();
        if length < 128 {
            block.push(u8::try_from(length).unwrap());
        } else {
            block.extend([u8::try_from(length & 127).unwrap() | 128, u8::try_from(length >> 7).unwrap()]);
        }
        block.extend_from_slice(string);
    }
    elf(vec![0; 4096], &block)
}

/// The same of before Go 1.18: pointers lead to headers behind the block, and these back to the read-only data.
fn old_binary() -> Vec<u8> {
    let modules = [&[0xaa; 16][..], MODULES.as_bytes(), &[0xbb; 16]].concat();
    let mut text = b"go1.16.4".to_vec();
    text.extend_from_slice(&modules);
    let length = text.len() as u64;
    text.resize(4096, 0);
    let (read_only, writable) = (0x40_2000_u64, 0x40_3000_u64);
    let mut block = [MAGIC, &[8, 0]].concat();
    let numbers = [writable + 32, writable + 48, read_only, 8, read_only + 8, length - 8];
    block.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    elf(text, &block)
}

fn elf(read_only: Vec<u8>, writable: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[54..56].copy_from_slice(&56_u16.to_le_bytes());
    file[56..58].copy_from_slice(&3_u16.to_le_bytes());
    for (flags, offset, size) in [(5_u32, 0, 8192_u64), (4, 8192, 4096), (6, 12288, writable.len() as u64)] {
        file.extend([1_u32, flags].iter().flat_map(|n| n.to_le_bytes()));
        file.extend([offset, 0x40_0000 + offset, 0, size, size, 4096].iter().flat_map(|n| n.to_le_bytes()));
    }
    file.resize(3996, 0);
    file.extend_from_slice(b"\x04\0\0\0\x53\0\0\0\x04\0\0\0Go\0\0");
    file.resize(8192, 0x90);
    file.extend(read_only);
    file.extend_from_slice(writable);
    file.resize(file.len() + 5000, 1);
    file
}

fn names(found: &[String]) -> Vec<&str> {
    found.iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

#[test]
fn modules_come_with_their_replacements_and_the_standard_library() {
    let layer = Archive::default().file("usr/bin/tool", binary()).read();
    assert_eq!(layer.problems, []);
    assert_eq!(
        names(&shown(&layer)),
        [
            "stdlib 1.22.3",
            "example.com/tool ",
            "golang.org/x/net v0.1.0",
            "github.com/fork/old v1.2.3",
            "example.com/local "
        ]
    );
    let old = Archive::default().file("usr/bin/tool", old_binary()).read();
    assert_eq!((shown(&old).len(), old.problems), (5, vec![]));
    assert_eq!(names(&shown(&Archive::default().file("x", old_binary()).read()))[0], "stdlib 1.16.4");
}

#[test]
fn a_binary_is_one_under_any_name_and_through_links() {
    let layer =
        Archive::default().file("opt/data.bin", binary()).hard_link("bin/tool", "opt/data.bin").read();
    assert_eq!(shown(&layer).len(), 10);
}

#[test]
fn the_block_is_found_across_pieces_of_any_size() {
    for (file, parts) in [(binary(), 5), (old_binary(), 5)] {
        for size in [1, 7, 511, 4096] {
            let spans = spans(&file[..crate::catalogers::FIRST_PAGES.min(file.len())]);
            let mut reader = Box::new(Binary {
                spans,
                offset: 0,
                window: vec![],
                window_start: 0,
                kept: vec![],
                room: 1 << 20,
                block: Block::Unseen,
            });
            for piece in file.chunks(size) {
                if reader.read(piece) == Want::Nothing {
                    break;
                }
            }
            let Ok(Some(FileContent::Packages(found))) = reader.finish(true) else { panic!("{size}") };
            assert_eq!(found.len(), parts);
        }
    }
}

#[test]
fn an_old_block_that_leads_nowhere_is_a_problem() {
    let mut file = old_binary();
    file[12288 + 16] ^= 0x77;
    let layer = Archive::default().file("usr/bin/tool", file).read();
    assert_eq!((shown(&layer).len(), layer.problems.len()), (0, 1));
}

#[test]
fn releases_lose_what_vendors_add() {
    for (toolchain, expected) in [
        ("go1.22.3", "1.22.3"),
        ("go1.22rc1", "1.22rc1"),
        ("go1.21", "1.21"),
        ("go1.9beta2", "1.9beta2"),
        ("go1.22.3 X:boringcrypto", "1.22.3"),
        ("go1.20.12 (Red Hat 1.20.12-1.el9)", "1.20.12"),
        ("go1.21.5-bigcorp", "1.21.5"),
        ("go1.19.4+abc", "1.19.4"),
        ("go1.22.3-fips", "1.22.3"),
        ("go1.16.5b7", "1.16.5"),
        ("devel go1.23-0123abc", ""),
        ("go1.26-devel_0123abc Tue Sep 2 10:00:00 2025", ""),
        ("", ""),
    ] {
        assert_eq!(release(toolchain), expected, "{toolchain}");
    }
}

#[test]
fn the_linker_may_have_been_told_the_version_of_the_main_module() {
    let version = |flags: &str| {
        let modules =
            format!("path\texample.com/tool\nmod\texample.com/tool\t(devel)\t\nbuild\t-ldflags={flags}\n");
        super::packages("go1.20", &modules)[1].version.clone()
    };
    for (flags, expected) in [
        (r#""-s -w -X main.version=1.2.3 -X main.commit=abc""#, "v1.2.3"),
        (r#""-X 'example.com/tool/cmd.Version=v1.2.3-rc.1' -X main.date=x""#, "v1.2.3-rc.1"),
        (r#""-X=github.com/prometheus/common/version.Version=2.45.0""#, "v2.45.0"),
        (r#""-X \"main.gitVersion=v1.28.2+k3s1\"""#, "v1.28.2+k3s1"),
        (r#""-X github.com/other/version.Version=9.9.9 -X main.Version=1.0.0""#, "v1.0.0"),
        // Two that disagree, a version of something else, what is no version.
        (r#""-X main.version=1.2.3 -X main.gitversion=1.2.4""#, ""),
        (r#""-X github.com/lib/pq.Version=1.2.3""#, ""),
        (r#""-X main.version=master -X main.schemaVersion=1.2.3""#, ""),
        ("-s", ""),
        (r#""-X"#, ""),
    ] {
        assert_eq!(version(flags), expected, "{flags}");
    }
    let tree = "path\tgo.etcd.io/etcd/server/v3\nmod\tgo.etcd.io/etcd/server/v3\t(devel)\t\n\
                dep\tgo.etcd.io/etcd/api/v3\tv3.5.9\t\n=>\t../api\t(devel)\t\n";
    let found = super::packages("go1.20", tree);
    assert_eq!((found[1].version.as_str(), found[2].name.as_str()), ("v3.5.9", "go.etcd.io/etcd/api/v3"));
    assert_eq!(found[2].version, "");
}

#[test]
fn a_binary_without_a_module_is_named_by_its_package() {
    let found = super::packages("go1.20", "path\tgithub.com/docker/cli/cmd/docker\nbuild\tx\n");
    assert_eq!(found[1].name, "github.com/docker/cli/cmd/docker");
    assert_eq!(super::packages("go1.20", "path\tcommand-line-arguments\n=>\tx\tv1\n").len(), 1);
}

/// `go version -m` is the authority on what `go build` wrote.
#[test]
fn what_go_builds_is_read_as_go_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("go.mod"), "module example.com/tiny\n\ngo 1.18\n").unwrap();
    std::fs::write(folder.path().join("main.go"), "package main\n\nfunc main() { println(1) }\n").unwrap();
    if Command::new("go").arg("version").output().is_err() {
        return eprintln!("skipped: there is no go program");
    }
    let builds: [(&str, &[&str], &str); 5] = [
        ("plain", &[], "linux"),
        ("stripped", &["-ldflags=-s -w"], "linux"),
        ("independent", &["-buildmode=pie"], "linux"),
        ("windows", &[], "windows"),
        ("mac", &[], "darwin"),
    ];
    for (name, flags, system) in builds {
        let built =
            go(folder.path(), system).args(["build", "-o", name]).args(flags).arg(".").output().unwrap();
        if !built.status.success() {
            eprintln!("skipped: go cannot build {name}: {}", String::from_utf8_lossy(&built.stderr));
            continue;
        }
        let listing = go(folder.path(), "linux").args(["version", "-m", name]).output().unwrap();
        let listing = String::from_utf8(listing.stdout).unwrap();
        let (first, rest) = listing.split_once('\n').unwrap();
        let toolchain = first.split_once(": ").unwrap().1;
        let modules: String = rest.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
        let expected = super::packages(toolchain, &modules);
        assert!(expected.len() == 2 && !expected[0].version.is_empty(), "{listing}");

        let layer = Archive::default().file(name, std::fs::read(folder.path().join(name)).unwrap()).read();
        assert_eq!(layer.problems, []);
        assert_eq!(layer.files[0].content, FileContent::packages(expected), "{name}");
    }
}

fn go(folder: &Path, system: &str) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local");
    go.env("GOOS", system).env("GOPROXY", "off").env("GOWORK", "off");
    go
}

/// Code, read-only data from 8192 and the block from 12288, as old Go laid out programs for other systems: `header` says where
/// they are in memory.
fn old_program(header: Vec<u8>, memory: u64) -> Vec<u8> {
    let modules = [&[0xaa; 16][..], MODULES.as_bytes(), &[0xbb; 16]].concat();
    let (read_only, writable) = (memory + 0x2000, memory + 0x3000);
    let length = modules.len() as u64;
    let numbers = [writable + 32, writable + 48, read_only, 8, read_only + 8, length];
    let mut file = header;
    assert!(file.len() < 1536);
    file.resize(1536, 0);
    file.extend_from_slice(b"\xff Go build ID: \"abc\"\n \xff");
    file.resize(8192, 0x90);
    file.extend_from_slice(b"go1.16.4");
    file.extend_from_slice(&modules);
    file.resize(12288, 0);
    file.extend_from_slice(&[MAGIC, &[8, 0]].concat());
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    file.resize(16384, 0);
    file
}

fn pe() -> Vec<u8> {
    let mut file = b"MZ".to_vec();
    file.resize(0x80, 0);
    file[0x3c] = 0x80;
    file.extend_from_slice(b"PE\0\0\x64\x86\x03\0");
    file.resize(0x80 + 24 + 0xf0, 0);
    file[0x80 + 20] = 0xf0;
    file[0x80 + 24..0x80 + 26].copy_from_slice(&[0x0b, 2]);
    file[0x80 + 48..0x80 + 56].copy_from_slice(&0x1_4000_0000_u64.to_le_bytes());
    for (offset, size, kind) in
        [(1536_u32, 6656_u32, 0x6000_0020_u32), (8192, 4096, 0x4000_0040), (12288, 4096, 0xc000_0040)]
    {
        file.extend_from_slice(b".section");
        for number in [size, offset, size, offset, 0, 0, 0, kind] {
            file.extend_from_slice(&number.to_le_bytes());
        }
    }
    old_program(file, 0x1_4000_0000)
}

fn mach_o() -> Vec<u8> {
    let mut file = b"\xcf\xfa\xed\xfe".to_vec();
    file.resize(16, 0);
    file.push(1);
    file.resize(32, 0);
    file.extend([0x19_u32, 72 + 2 * 80].iter().flat_map(|number| number.to_le_bytes()));
    file.resize(32 + 64, 0);
    file.push(2);
    file.resize(32 + 72, 0);
    for offset in [8192_u32, 12288] {
        let start = file.len();
        file.resize(start + 32, b'x');
        file.extend([0x100_0000 + u64::from(offset), 4096].iter().flat_map(|number| number.to_le_bytes()));
        file.extend_from_slice(&offset.to_le_bytes());
        file.resize(start + 80, 0);
    }
    old_program(file, 0x100_0000)
}

#[test]
fn old_programs_for_windows_and_macos_are_read_through_their_pointers() {
    let expected = shown(&Archive::default().file("bin/tool", old_binary()).read());
    assert_eq!(expected.len(), 5);
    for program in [pe(), mach_o()] {
        let layer = Archive::default().file("bin/tool", &program).read();
        assert_eq!((shown(&layer), layer.problems), (expected.clone(), vec![]));
        // Headers that lead nowhere.
        let mut broken = program.clone();
        broken[16..1500].fill(0xff);
        assert_eq!(Archive::default().file("bin/tool", broken).read().problems.len(), 1);
        assert_eq!(Archive::default().file("bin/tool", &program[..12300]).read().problems, []);
    }
}
