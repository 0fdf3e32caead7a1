//! Stanzas of `installed`.

use plimsoll_types::inventory::{FileContent, owned_hash};

use crate::tests::{Archive, packages};

#[test]
fn letters_in_either_case_are_different_things() {
    let content = "C:Q1abc=\nP:libssl1.0\nV:1.0.2j-r0\nA:x86_64\np:so:libssl.so.1.0.0=1.0.0\no:openssl\na:0:0:755\n\
                   v:9\n\nP:musl\r\nV:1.1.14-r15\r\no:musl\r\n\r\nV:1\n\nP:last\nV:2";
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let layer = Archive::default().file(path, content).read();
        let [FileContent::Database(found)] =
            &layer.files.iter().map(|f| f.content.clone()).collect::<Vec<_>>()[..]
        else {
            panic!("{:?}", layer.files)
        };
        let shown: Vec<_> = found
            .iter()
            .map(|found| &found.package)
            .map(|p| (p.name.as_str(), p.version.as_str(), p.source_name()))
            .collect();
        assert_eq!(
            shown,
            [("libssl1.0", "1.0.2j-r0", "openssl"), ("musl", "1.1.14-r15", "musl"), ("last", "2", "last")]
        );
        assert_eq!(found[0].package.architecture.as_deref(), Some("x86_64"));
        assert_eq!(found[1].package.source, None);
    }
}

#[test]
fn an_empty_database_is_a_database() {
    let layer = Archive::default().file("lib/apk/db/installed", "").read();
    assert_eq!(layer.files[0].content, FileContent::Database(vec![]));
    assert_eq!(packages(&Archive::default().file("x/lib/apk/db/installed", "P:a\nV:1\n").read()).len(), 0);
}

#[test]
fn files_and_licences_are_kept() {
    let content = "P:py3-six\nV:1.16-r0\nL:MIT AND BSD-3-Clause\nF:usr/lib/python3.11/site-packages/six.egg-info\nR:PKG-INFO\n\
        Z:Q1x=\nF:usr/bin\nR:six\nF:usr/share/man\nR:six.1\n\nP:musl\nV:1\n";
    let layer = Archive::default().file("lib/apk/db/installed", content).read();
    let found = layer.files[0].content.found();
    assert_eq!(found[0].details.licenses, ["MIT AND BSD-3-Clause"]);
    let egg = "usr/lib/python3.11/site-packages/six.egg-info/PKG-INFO";
    assert_eq!(found[0].owns, [owned_hash(egg), owned_hash("usr/bin/six")]);
    assert!(found[1].owns.is_empty());
}

#[test]
fn a_package_is_not_lost_where_the_line_between_two_is() {
    let layer = Archive::default().file("lib/apk/db/installed", "P:a\nV:1\nP:b\nV:2\n").read();
    assert_eq!(packages(&layer), ["lib/apk/db/installed a 1", "lib/apk/db/installed b 2"]);
}
