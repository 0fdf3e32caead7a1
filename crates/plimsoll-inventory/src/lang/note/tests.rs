//! Notes as linkers write them.

use super::*;
use crate::tests::{Archive, packages};

const JSON: &str = r#"{"type":"deb","os":"ubuntu","osVersion":"24.04","name":"hello","version":"1.0-1","architecture":"amd64"}"#;

/// A program with one segment of notes, at 120.
fn program(json: &[u8], declared: u32) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[40..48].copy_from_slice(&1_u64.to_le_bytes());
    file[54..56].copy_from_slice(&56_u16.to_le_bytes());
    file[56..58].copy_from_slice(&1_u16.to_le_bytes());
    file.extend([4_u32, 4].iter().flat_map(|n| n.to_le_bytes()));
    let size = 16 + 4 + json.len() as u64 + 4;
    file.extend([120_u64, 120, 120, size + 36, size + 36, 4].iter().flat_map(|n| n.to_le_bytes()));
    // Another's note first.
    file.extend([4_u32, 8, 3].iter().flat_map(|n| n.to_le_bytes()));
    file.extend_from_slice(b"GNU\0buildid!");
    file.extend([4_u32, declared, 0xcafe_1a7e].iter().flat_map(|n| n.to_le_bytes()));
    file.extend_from_slice(b"FDO\0");
    file.extend_from_slice(json);
    file.resize(file.len() + 5000, 0);
    file
}

#[test]
fn a_note_names_the_package() {
    let length = u32::try_from(JSON.len()).unwrap();
    let layer = Archive::default().file("usr/bin/hello", program(JSON.as_bytes(), length)).read();
    assert_eq!(
        (packages(&layer), layer.problems.clone()),
        (vec!["usr/bin/hello hello 1.0-1".to_owned()], vec![])
    );
    let found = &layer.files[0].content.found()[0];
    assert_eq!(
        (found.package.package_type, found.package.architecture.as_deref()),
        (PackageType::Deb, Some("amd64"))
    );
    assert_eq!((found.details.origin.as_deref(), found.details.is_hearsay()), (Some("ubuntu 24.04"), true));
    // A length that leads out of the file is no note; a note that is none is a problem.
    assert_eq!(Archive::default().file("a", program(JSON.as_bytes(), u32::MAX)).read().files, []);
    assert_eq!(Archive::default().file("a", program(b"{}  ", 4)).read().problems.len(), 1);
    assert_eq!(Archive::default().file("a", program(b"text", 4)).read().problems.len(), 1);
}

/// The real linker writes the note that it is told.
#[test]
fn a_note_that_ld_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<String> = JSON.bytes().chain([0]).map(|byte| byte.to_string()).collect();
    let assembly = format!(
        ".section .note.package, \"a\", @note\n.align 4\n.long 4\n.long {}\n.long 0xcafe1a7e\n.asciz \"FDO\"\n.byte {}\n.align 4\n",
        content.len(),
        content.join(",")
    );
    std::fs::write(folder.path().join("note.s"), assembly).unwrap();
    std::fs::write(folder.path().join("main.c"), "int main(void) { return 0; }\n").unwrap();
    let mut gcc = std::process::Command::new("gcc");
    let Ok(output) = gcc.current_dir(&folder).args(["-o", "tool", "main.c", "note.s"]).output() else {
        return crate::tests::skip("gcc");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(folder.path().join("tool")).unwrap();
    assert_eq!(packages(&Archive::default().file("tool", bytes).read()), ["tool hello 1.0-1"]);
}
