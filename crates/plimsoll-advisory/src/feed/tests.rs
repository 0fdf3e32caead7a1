use std::io::{Cursor, Write};

use super::*;
use crate::Builder;

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn ids(bytes: Vec<u8>) -> (Vec<String>, Archive) {
    let mut ids = Vec::new();
    let read = read_archive(Cursor::new(bytes), |record| ids.push(record.id)).unwrap();
    (ids, read)
}

#[test]
fn one_bad_record_does_not_lose_the_others() {
    let bytes = archive(&[
        ("A-1.json", br#"{"id":"A-1"}"#),
        ("A-2.json", b"\xff\xfenot json"),
        ("A-3.json", br#"{"id":"A-3","aliases":[1]}"#),
        ("readme.txt", b"hello"),
        ("A-4.json", br#"{"id":"A-4"}"#),
    ]);
    let (ids, read) = ids(bytes);
    assert_eq!(ids, ["A-1", "A-3", "A-4"]);
    assert_eq!(read, Archive { records: 3, unreadable: 1, dropped: 1 });
}

#[test]
fn a_record_beyond_the_limit_is_skipped_and_not_unpacked() {
    let bomb = vec![b' '; osv::MAX_RECORD_BYTES + 10];
    let (ids, read) = ids(archive(&[("A-1.json", &bomb), ("A-2.json", br#"{"id":"A-2"}"#)]));
    assert_eq!((ids, read.unreadable), (vec!["A-2".to_owned()], 1));
}

#[test]
fn a_damaged_archive_is_an_error_or_loses_entries_and_never_panics() {
    let good = archive(&[("A-1.json", br#"{"id":"A-1"}"#), ("A-2.json", br#"{"id":"A-2"}"#)]);
    assert!(read_archive(Cursor::new(b"<html>not found</html>".to_vec()), |_| ()).is_err());
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let _ = read_archive(Cursor::new(bytes), |_| ());
        let _ = read_archive(Cursor::new(good[..at].to_vec()), |_| ());
    }
}

#[test]
fn lists_are_read_and_what_is_no_row_is_left_out() {
    let list = "2026-08-21T10:00:00Z,GO-2\nnonsense\n2026-08-20T10:00:00.123456Z,Go/GO-1\r\nyesterday,GO-3\n2026-08-20T10:00:00Z,../x y\n";
    let rows = read_modified(list.as_bytes()).unwrap();
    let shown: Vec<_> = rows.iter().map(|row| format!("{} {}", row.modified, row.id)).collect();
    assert_eq!(shown, ["2026-08-21T10:00:00Z GO-2", "2026-08-20T10:00:00.123Z GO-1"]);
    assert!(read_modified("x".repeat(2_000).as_bytes()).is_err());
    let names =
        read_ecosystems("PyPI\nAlpine\nAlpine:v3.4\n\n../etc\nRocky Linux\nPyPI\n".as_bytes()).unwrap();
    assert_eq!(names, ["PyPI", "Alpine", "Rocky Linux"]);
}

#[test]
fn changes_are_what_is_newer_and_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let mut builder = Builder::new(Timestamp(0));
    for (id, modified) in
        [("A-1", "2026-01-01T00:00:00Z"), ("A-2", "2026-01-02T00:00:00Z"), ("A-3", "2026-01-03T00:00:00Z")]
    {
        let json = format!(r#"{{"id":"{id}","modified":"{modified}"}}"#);
        builder.add("Go", &osv::parse(json.as_bytes()).unwrap()).unwrap();
    }
    builder.write(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let list = read_modified(
        "2026-02-01T00:00:00Z,A-4\n2026-01-31T00:00:00Z,A-2\n2026-01-01T00:00:00Z,A-1\n".as_bytes(),
    )
    .unwrap();
    let wanted = changes(&database, "Go", &list);
    assert_eq!(
        (wanted.fetch, wanted.remove),
        (vec!["A-4".to_owned(), "A-2".to_owned()], vec!["A-3".to_owned()])
    );
    assert_eq!(changes(&database, "PyPI", &list).fetch.len(), 3);
    assert_eq!(changes(&database, "Go", &[]), Changes::default());
}
