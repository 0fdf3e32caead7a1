//! `os-release` as it is written in the world.

use plimsoll_types::ImageInventory;
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
    assert_eq!(shown("etc/os-release", "ID=a # b\nVERSION_ID=12 #c\nNAME=A b#c\n"), "a|12||A b#c");
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

#[test]
fn what_stood_in_place_of_os_release_is_understood() {
    let id = |path: &str, content: &str| {
        read(path, content).map(|distro| format!("{} {}", distro.id, distro.version_id)).unwrap_or_default()
    };
    for (path, content, expected) in [
        ("etc/redhat-release", "CentOS release 6.10 (Final)\n", "centos 6.10"),
        ("etc/centos-release", "CentOS Linux release 7.9.2009 (Core)", "centos 7.9.2009"),
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 5.11 (Tikanga)", "rhel 5.11"),
        ("etc/oracle-release", "Oracle Linux Server release 6.10", "ol 6.10"),
        ("etc/system-release", "Amazon Linux AMI release 2018.03", "amzn 2018.03"),
        ("etc/fedora-release", "Fedora release 14 (Laughlin)", "fedora 14"),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4",
            "sles 11.4",
        ),
        ("etc/mariner-release", "CBL-Mariner 2.0.20240112\nMARINER_BUILD_NUMBER=x", "mariner 2.0.20240112"),
        ("etc/photon-release", "VMware Photon OS 3.0\nPHOTON_BUILD_NUMBER=x", "photon 3.0"),
        ("etc/gentoo-release", "Gentoo Base System release 2.15", "gentoo 2.15"),
        ("etc/slackware-version", "Slackware 15.0", "slackware 15.0"),
        ("etc/arch-release", "", "arch "),
        ("etc/issue", "Debian GNU/Linux 9 \\n \\l\n", "debian 9"),
        ("etc/issue", "Welcome to Alpine Linux 3.4\nKernel \\r", "alpine 3.4"),
        ("etc/issue", "Authorised users only\n", ""),
    ] {
        assert_eq!(id(path, content), expected, "{content}");
    }
    let mint = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=21.3\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy";
    assert_eq!(read("etc/os-release", mint).unwrap().ecosystem().unwrap().to_string(), "Ubuntu:22.04");
}

#[test]
fn a_link_in_the_place_of_os_release_is_followed_as_the_kernel_would() {
    let id = |layers: &[Archive]| {
        let layers: Vec<_> = layers.iter().map(|layer| layer.clone().read()).collect();
        assert!(layers.iter().all(|layer| layer.problems.is_empty()));
        let layers: Vec<_> = layers.iter().map(|layer| (None, layer)).collect();
        ImageInventory::merge(&layers).distro.map(|distro| distro.id).unwrap_or_default()
    };
    let link = |target: &str| Archive::default().symlink("etc/os-release", target);
    let usr = |archive: Archive| archive.file("usr/lib/os-release", "ID=usr\n");
    for target in ["../usr/lib/os-release", "/usr/lib/os-release", "../../../usr/lib/./os-release"] {
        assert_eq!(id(&[usr(link(target))]), "usr", "{target}");
        assert_eq!(id(&[link(target), usr(Archive::default())]), "usr", "{target}");
        assert_eq!(id(&[usr(Archive::default()), link(target)]), "usr", "{target}");
    }
    // Elsewhere, and by two links, as Fedora 27 had it.
    assert_eq!(id(&[usr(link("/opt/os-release")).file("opt/os-release", "ID=opt\n")]), "opt");
    let fedora = link("../usr/lib/os-release")
        .symlink("usr/lib/os-release", "./os.release.d/os-release-fedora")
        .file("usr/lib/os.release.d/os-release-fedora", "ID=fedora\n");
    assert_eq!(id(&[fedora]), "fedora");
    // What a later layer removes or puts there is gone, or counts.
    assert_eq!(
        id(&[usr(link("/opt/os-release")), Archive::default().file("etc/os-release", "ID=new\n")]),
        "new"
    );
    assert_eq!(id(&[usr(link("/opt/os-release")), Archive::default().file("etc/.wh.os-release", "")]), "usr");
    // One that leads nowhere, in a circle, or to what names nothing, is as none.
    assert_eq!(id(&[usr(link("/nowhere"))]), "usr");
    assert_eq!(id(&[usr(link("os-release"))]), "usr");
    assert_eq!(id(&[usr(link("/opt/os-release")).file("opt/os-release", "hello\n")]), "usr");
    // Without a link it is the file of another system, such as one that lies in this as a folder.
    assert_eq!(id(&[Archive::default().file("srv/chroot/etc/os-release", "ID=other\n")]), "");
}
