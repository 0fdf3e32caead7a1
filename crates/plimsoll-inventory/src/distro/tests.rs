//! `os-release` as it is written in the world.

use plimsoll_types::inventory::{Distro, FileContent};

use crate::tests::Archive;

fn read(path: &str, content: &str) -> Option<Distro> {
    let layer = Archive::default().file(path, content).read();
    match layer.files.into_iter().next().map(|file| file.content) {
        Some(FileContent::Distro(distro)) => Some(distro),
        _ => None,
    }
}

fn shown(path: &str, content: &str) -> String {
    read(path, content).map(|d| [d.id, d.version_id, d.codename, d.pretty_name].join("|")).unwrap_or_default()
}

#[test]
fn os_release_is_read_as_a_shell_reads_it() {
    let debian = "PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"11\"\n\
                  VERSION_CODENAME=bullseye\nID=debian\n";
    for path in ["etc/os-release", "usr/lib/os-release", "etc/initrd-release"] {
        assert_eq!(shown(path, debian), "debian|11|bullseye|Debian GNU/Linux 11 (bullseye)");
    }
    let quoted = "# ID=comment\r\nID='Wolfi'\r\nID_LIKE=\"a b\"\r\nPRETTY_NAME=\"\\\"W\\$\\\" # x\"\r\nVERSION_ID=1\\.2\r\n";
    let distro = read("etc/os-release", quoted).unwrap();
    assert_eq!((distro.id.as_str(), distro.version_id.as_str()), ("wolfi", "1.2"));
    assert_eq!((distro.like, distro.pretty_name.as_str()), (vec!["a".into(), "b".into()], "\"W$\" # x"));
    assert_eq!(shown("etc/os-release", "ID=a\nID=b\n"), "b|||");
    assert_eq!(shown("etc/os-release", "NAME=Own\n"), "linux|||Own");
}

#[test]
fn what_is_not_released_yet_has_a_name_only() {
    let sid = "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nNAME=\"Debian GNU/Linux\"\nID=debian\n";
    assert_eq!(shown("etc/os-release", sid), "debian||trixie/sid|Debian GNU/Linux trixie/sid");
    assert_eq!(read("etc/os-release", sid).unwrap().ecosystem().unwrap().to_string(), "Debian:13");
    assert_eq!(
        shown("etc/debian_version", "bookworm/sid\n"),
        "debian||bookworm/sid|Debian GNU/Linux bookworm/sid"
    );
}

#[test]
fn older_files_stand_in() {
    assert_eq!(shown("etc/alpine-release", "3.18.4\n"), "alpine|3.18.4||Alpine Linux 3.18.4");
    assert_eq!(shown("etc/debian_version", "11.7\n"), "debian|11.7||Debian GNU/Linux 11.7");
    let lsb = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\nDISTRIB_DESCRIPTION=\"Ubuntu 22.04 LTS\"\n";
    assert_eq!(shown("etc/lsb-release", lsb), "ubuntu|22.04|jammy|Ubuntu 22.04 LTS");
}

#[test]
fn a_file_that_names_nothing_is_a_problem_unless_it_is_empty() {
    let problems = |content: &str| Archive::default().file("etc/os-release", content).read().problems.len();
    assert_eq!((problems(""), problems("hello\n"), problems("ID=\n")), (0, 1, 1));
}
