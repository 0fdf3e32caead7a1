//! Programs with a list of crates, made by hand as the linker lays them out.

use std::io::Write;

use super::*;
use crate::catalogers::Want;
use crate::lang::elf::tests::program;
use crate::tests::{Archive, packages};

const LIST_JSON: &str = r#"{"packages":[{"name":"adler","version":"1.0.2","source":"crates.io"},
    {"name":"cc","version":"1.0.79","source":"crates.io","kind":"build"},
    {"name":"tool","version":"0.1.0","source":"local","dependencies":[0],"root":true},
    {"name":"time","version":"0.1.43","source":"git"}],"format":1}"#;

fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn compact() -> String {
    LIST_JSON.split_whitespace().collect()
}

#[test]
fn crates_that_run_are_listed_and_those_that_built_are_not() {
    for level in [6, 9] {
        let data = [
            &b"\x78\xda and other noise \x78\x9c\xff".repeat(40)[..],
            &zlib(compact().as_bytes(), level),
            &[7; 5000],
        ]
        .concat();
        let layer = Archive::default().file("usr/bin/tool", program(&data, b"")).read();
        assert_eq!(layer.problems, []);
        let expected = ["usr/bin/tool adler 1.0.2", "usr/bin/tool time 0.1.43", "usr/bin/tool tool 0.1.0"];
        assert_eq!(packages(&layer), expected);
        let confidence: Vec<_> =
            layer.files[0].content.found().iter().map(|found| found.details.confidence).collect();
        assert_eq!(confidence, [Confidence::High, Confidence::Medium, Confidence::Medium]);
    }
    // In what is written to, or behind the last segment.
    assert_eq!(Archive::default().file("a", program(b"", &zlib(compact().as_bytes(), 9))).read().files, []);
    let appended = [program(b"", b""), zlib(compact().as_bytes(), 9)].concat();
    assert_eq!(packages(&Archive::default().file("a", appended).read()).len(), 3);
}

#[test]
fn the_list_is_found_across_pieces_of_any_size() {
    let file = program(&[&[3; 70_000][..], &zlib(compact().as_bytes(), 9), &[3; 3000]].concat(), b"");
    for size in [1, 100, 513, 8192] {
        let start =
            Start { path: "a", size: file.len() as u64, bytes: &file[..16384], limits: &Default::default() };
        let mut reader = sniff(&start).unwrap();
        for piece in file.chunks(size) {
            if reader.read(piece) == Want::Nothing {
                break;
            }
        }
        assert_eq!(reader.finish(true).unwrap().unwrap().found().len(), 3, "{size}");
    }
}

#[test]
fn lists_that_are_cut_broken_or_bombs_are_problems() {
    let problems = |data: &[u8]| {
        let layer = Archive::default().file("usr/bin/tool", program(data, b"")).read();
        (packages(&layer).len(), layer.problems.len())
    };
    let list = zlib(compact().as_bytes(), 9);
    assert_eq!(problems(&list[..list.len() / 2]), (0, 1));
    assert_eq!(problems(&zlib(b"{\"packages\":[{\"name\"", 9)), (0, 1));
    let bomb = zlib(&[b"{\"packages\":[", &vec![b' '; 20 << 20][..]].concat(), 9);
    assert_eq!(problems(&bomb), (0, 1));
    // So many places to try that trying them all is not worth it.
    assert_eq!(problems(&b"\x78\xda\x4d".repeat(100_000)), (0, 1));
    assert_eq!(problems(b"nothing"), (0, 0));
}

/// The real linker lays out what `cargo auditable` would have it link.
#[test]
fn a_section_that_gcc_links_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<String> = zlib(compact().as_bytes(), 9).iter().map(ToString::to_string).collect();
    let source = format!(
        "__attribute__((section(\".dep-v0\"), used)) static const unsigned char list[] = {{{}}};\nint main(void) {{ return 0; }}\n",
        list.join(",")
    );
    std::fs::write(folder.path().join("main.c"), source).unwrap();
    let mut gcc = std::process::Command::new("gcc");
    let Ok(output) = gcc.current_dir(&folder).args(["-o", "tool", "main.c"]).output() else {
        return crate::tests::skip("gcc");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(folder.path().join("tool")).unwrap();
    assert_eq!(packages(&Archive::default().file("tool", bytes).read()).len(), 3);
}

#[test]
fn what_cargo_installed_is_in_its_journal() {
    let path = "usr/local/cargo/.crates2.json";
    let journal = r#"{"installs":{
        "ripgrep 13.0.0 (registry+https://github.com/rust-lang/crates.io-index)":{"version_req":null,"bins":["rg"]},
        "mine 0.1.0 (path+file:///src/mine)":{"bins":["mine"]}, "odd":{}}}"#;
    let layer = Archive::default().file(path, journal).read();
    let expected = [format!("{path} mine 0.1.0"), format!("{path} ripgrep 13.0.0")];
    assert_eq!((packages(&layer), layer.problems.clone()), (expected.to_vec(), vec![]));
    let found = layer.files[0].content.found();
    assert_eq!(
        (found[0].details.origin.as_deref(), found[0].details.confidence),
        (Some("path"), Confidence::Medium)
    );
    assert_eq!((found[1].details.origin.as_deref(), found[1].details.confidence), (None, Confidence::High));
    assert_eq!(Archive::default().file(path, "[]").read().problems.len(), 1);
}
