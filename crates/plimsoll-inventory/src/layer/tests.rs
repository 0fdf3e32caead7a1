//! What a layer does to those below it, and to itself.

use plimsoll_types::inventory::{HardLink, path_hash};

use crate::tests::{Archive, packages};

const A: &str = "app/node_modules/a/package.json";
const B: &str = "srv/node_modules/b/package.json";
const JSON: &str = r#"{"name":"a","version":"1"}"#;

#[test]
fn whiteouts_are_written_down_and_say_nothing_else() {
    let layer = Archive::default()
        .file("app/.wh.old", "")
        .file(".wh.srv", "")
        .file("opt/.wh..wh..opq", "")
        .file(".wh..wh..opq", "")
        .file(".wh..wh.plnk", "")
        .directory(".wh..wh.aufs")
        .file("opt/.wh...", "")
        .file("opt/.wh.", "")
        .read();
    assert_eq!(
        (layer.whiteouts, layer.opaque),
        (vec!["app/old".into(), "srv".into()], vec!["".into(), "opt".into()])
    );
    assert_eq!((layer.replaced, layer.entries, layer.problems.len()), (vec![], 8, 2));
}

#[test]
fn an_entry_survives_a_whiteout_of_its_own_layer() {
    for archive in [
        Archive::default().file(A, JSON).file("app/node_modules/.wh.a", ""),
        Archive::default().file("app/node_modules/.wh.a", "").file(A, JSON),
    ] {
        let layer = archive.read();
        assert_eq!((packages(&layer).len(), layer.whiteouts), (1, vec!["app/node_modules/a".into()]));
    }
}

#[test]
fn the_last_entry_of_a_path_wins() {
    let newer = JSON.replace('1', "2");
    assert_eq!(packages(&Archive::default().file(A, JSON).file(A, newer).read()), [format!("{A} a 2")]);
    // It wins even where it says nothing, or is of another kind, or stands where a directory above was.
    for archive in [
        Archive::default().file(A, JSON).file(A, "{}"),
        Archive::default().file(A, JSON).symlink(A, "elsewhere"),
        Archive::default().file(A, JSON).directory(A),
        Archive::default().file(A, JSON).symlink("app/node_modules", "../elsewhere"),
        Archive::default().file(A, JSON).file("app", ""),
    ] {
        assert_eq!(packages(&archive.read()), Vec::<String>::new());
    }
    for archive in [
        Archive::default().symlink("app", "elsewhere").file(A, JSON),
        Archive::default().file(A, JSON).directory("app/node_modules"),
        Archive::default().file(A, JSON).file("app/node", ""),
    ] {
        assert_eq!(packages(&archive.read()).len(), 1);
    }
}

#[test]
fn entries_are_replacements_and_directories_are_not() {
    let layer = Archive::default()
        .directory("./")
        .directory("etc/")
        .file("etc/a", "")
        .symlink("lib", "usr/lib")
        .read();
    let mut replaced = vec![path_hash("etc/a"), path_hash("lib")];
    replaced.sort_unstable();
    assert_eq!((layer.replaced, layer.directories), (replaced, vec![path_hash("etc")]));
}

#[test]
fn a_hard_link_says_what_its_target_says() {
    let layer = Archive::default().file(A, JSON).hard_link(B, &format!("/{A}")).read();
    assert_eq!(packages(&layer), [format!("{A} a 1"), format!("{B} a 1")]);
    // Not under a name that nobody reads, and not what came later.
    let layer = Archive::default().file(A, JSON).hard_link("copy.json", A).read();
    assert_eq!(packages(&layer), [format!("{A} a 1")]);
    let layer = Archive::default().file(A, JSON).hard_link(B, A).file(A, "{}").read();
    assert_eq!(packages(&layer), [format!("{B} a 1")]);
    let layer = Archive::default().file(A, "{}").hard_link(B, A).read();
    assert_eq!((packages(&layer), layer.links, layer.problems), (vec![], vec![], vec![]));
}

#[test]
fn a_hard_link_out_of_the_layer_is_left_to_the_merge() {
    let layer = Archive::default().hard_link(B, A).hard_link("other.txt", "thing").read();
    assert_eq!(layer.links, [HardLink { path: B.into(), target: A.into(), wanted: true }]);
    assert_eq!(layer.problems, []);
    // A program may be there under any name; one that lies in the same layer was looked at.
    let layer = Archive::default().file("a", "").hard_link("b", "a").hard_link("opt/tool", "bin/tool").read();
    let link = HardLink { path: "opt/tool".into(), target: "bin/tool".into(), wanted: false };
    assert_eq!((layer.links, layer.problems), (vec![link], vec![]));
    let replaced = Archive::default().hard_link(B, A).file(B, "{}").read();
    assert_eq!(replaced.links, []);
}

#[test]
fn a_hard_link_to_what_was_not_read_is_a_problem() {
    let layer = Archive::default().file("store/files/0a", JSON).hard_link(B, "store/files/0a").read();
    assert_eq!(layer.problems[0].path.as_deref(), Some(B));
    let escaping = Archive::default().hard_link(B, "../../etc/shadow").read();
    assert_eq!(escaping.problems.len(), 1);
}

#[test]
fn the_files_of_an_ostree_are_links_to_its_objects() {
    let object = |n: u8| format!("sysroot/ostree/repo/objects/0{n}/{}.file", "b".repeat(62));
    let layer = Archive::default()
        .file(&object(1), "NAME=\"Fedora Linux\"\nID=fedora\n")
        .hard_link("usr/lib/os-release", &object(1))
        .file(&object(2), "Metadata-Version: 2.1\nName: x\nVersion: 1\n")
        .hard_link("usr/lib/python3/site-packages/x-1.dist-info/METADATA", &object(2))
        .file(&object(3), JSON)
        .hard_link(B, &object(3))
        // What no link names says nothing, and what turns out to be something else is no problem.
        .file(&object(4), JSON)
        .file(&object(5), "{ not JSON")
        .file(&object(6), "SQLite format 3\0 of something else")
        .file(&object(7), "ID=a")
        .read();
    assert_eq!(layer.problems, []);
    let paths: Vec<_> = layer.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, [B, "usr/lib/os-release", "usr/lib/python3/site-packages/x-1.dist-info/METADATA"]);
    assert_eq!(packages(&layer).len(), 2);
}

#[test]
fn packages_are_found_through_links_into_pnpm_s_store() {
    let stored = format!("root/.local/share/pnpm/store/v3/files/0a/{}", "b".repeat(126));
    let layer = Archive::default().pax_path(&stored, JSON).hard_link_long(B, &stored).read();
    assert_eq!((packages(&layer), layer.problems), (vec![format!("{B} a 1")], vec![]));
    let other = Archive::default().pax_path(&stored, "{ not JSON").read();
    assert_eq!((packages(&other), other.problems), (vec![], vec![]));
}
