//! Stanzas of `status` and of `status.d`.

use plimsoll_types::Package;
use plimsoll_types::inventory::{Confidence, FileContent, FileFact, owned_hash};

use super::matches;
use crate::tests::Archive;

fn read(path: &str, content: impl AsRef<[u8]>) -> Vec<Package> {
    let layer = Archive::default().file(path, content).read();
    assert_eq!(layer.problems, []);
    layer
        .files
        .into_iter()
        .flat_map(|file| file.content.found().iter().map(|found| found.package.clone()).collect::<Vec<_>>())
        .collect()
}

fn status(content: impl AsRef<[u8]>) -> Vec<Package> {
    read("var/lib/dpkg/status", content)
}

#[test]
fn the_database_and_the_files_of_distroless_are_read() {
    for path in ["var/lib/dpkg/status", "var/lib/dpkg/status.d/libc6", "var/lib/dpkg/status.d/bGliYzY="] {
        assert!(matches(path), "{path}");
    }
    // The last is vcpkg's, which looks much the same.
    for path in
        ["var/lib/dpkg/status.d/libc6.md5sums", "var/lib/dpkg/status-old", "opt/vcpkg/installed/vcpkg/status"]
    {
        assert!(!matches(path), "{path}");
    }
}

#[test]
fn the_files_of_a_package_are_listed_beside_the_database() {
    let list = "/.\r\n/usr\n/usr/bin\n/usr/bin/tool\n/lib/python3/dist-packages/x-1.egg-info\n\
                /usr/share/doc/x/copyright\n/usr/lib/../../../etc\nx/README.md";
    let layer = Archive::default().file("var/lib/dpkg/info/python3-x:amd64.list", list).read();
    let [FileFact { content: FileContent::Files(files), .. }] = &layer.files[..] else { panic!("{layer:?}") };
    assert_eq!(files.package, "python3-x");
    let egg = "usr/lib/python3/dist-packages/x-1.egg-info";
    assert_eq!(files.paths, [owned_hash("usr/bin/tool"), owned_hash(egg)]);
    // The description of the format, scripts, checksums: of no interest.
    for other in ["var/lib/dpkg/info/format", "var/lib/dpkg/info/x.postinst", "opt/dpkg/info/x.list"] {
        assert_eq!(Archive::default().file(other, "/usr/bin/tool\n").read().files, [], "{other}");
    }
}

#[test]
fn name_and_version_of_the_source_are_read() {
    let packages = status(
        "Package: foo\nVersion: 1.2-3+b1\nArchitecture: amd64\nSource: foo (1.2-3)\n\n\
         Package: python3-lxml\nVersion: 4.6\nSource: lxml\n\n\
         Package: gcc\nVersion: 4:10.2.1-1\nSource: gcc-defaults (1.190)\n\n\
         Package: plain\nVersion: 1\n",
    );
    let shown: Vec<_> =
        packages.iter().map(|p| (p.name.as_str(), p.source_name(), p.source_version())).collect();
    assert_eq!(
        shown,
        [
            ("foo", "foo", "1.2-3"),
            ("python3-lxml", "lxml", "4.6"),
            ("gcc", "gcc-defaults", "1.190"),
            ("plain", "plain", "1")
        ]
    );
    assert_eq!((packages[0].source.as_deref(), packages[1].source_version.as_deref()), (None, None));
    assert_eq!(packages[0].architecture.as_deref(), Some("amd64"));
}

#[test]
fn a_package_counts_while_its_files_are_on_the_disk() {
    let is_listed = |state: &str| !status(format!("Package: a\nStatus: {state}\nVersion: 1\n")).is_empty();
    for state in [
        "install ok installed",
        "hold ok installed",
        "deinstall ok half-configured",
        "install ok unpacked",
        "install ok triggers-awaited",
        "install ok triggers-pending",
        "install reinstreq half-installed",
    ] {
        assert!(is_listed(state), "{state}");
    }
    for state in ["deinstall ok config-files", "purge ok not-installed", "unknown ok not-installed"] {
        assert!(!is_listed(state), "{state}");
    }
    assert_eq!(read("var/lib/dpkg/status.d/a", "Package: a\nVersion: 1\n").len(), 1);
}

#[test]
fn two_architectures_are_two_packages() {
    let stanza = |architecture| format!("Package: a\nVersion: 1\nArchitecture: {architecture}\n\n");
    assert_eq!(status(stanza("amd64") + &stanza("i386")).len(), 2);
}

#[test]
fn odd_lines_cost_nothing_but_themselves() {
    let long = "x".repeat(300_000);
    let packages = status(
        format!(
            "no field\n: nothing\nPackage: a\r\npackage-type: deb\r\nVERSION:1\r\nDescription: Version: 9\r\n \
             Package: folded\r\n .\r\n\tVersion: 8\r\nConffiles: {long}\n\nVersion: 7\n\n\n\nPackage:b\nVersion: 2"
        )
        .as_bytes(),
    );
    let shown: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
    assert_eq!(shown, [("a", "1"), ("b", "2")]);
    assert_eq!(status(b"Package: \xff\xfe\nVersion: \xe9\n").len(), 1);
    assert_eq!(status("").len(), 0);
}

/// dpkg itself is the authority, on a database that it wrote.
#[test]
fn this_machine_s_own_database_is_read_as_dpkg_reads_it() {
    let format = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n";
    let output = std::process::Command::new("dpkg-query").args(["-W", "-f", format]).output();
    let (Ok(output), Ok(content)) = (output, std::fs::read("/var/lib/dpkg/status")) else {
        return eprintln!("skipped: this machine has no dpkg");
    };
    let gone = ["config-files\t", "not-installed\t"];
    let listing = String::from_utf8(output.stdout).unwrap();
    let mut expected: Vec<_> = listing
        .lines()
        .filter(|line| !gone.iter().any(|state| line.starts_with(state)))
        .map(|line| line.split_once('\t').unwrap().1.to_owned())
        .collect();
    let mut found: Vec<_> = status(content)
        .iter()
        .map(|p| {
            let architecture = p.architecture.as_deref().unwrap_or_default();
            [p.name.as_str(), &p.version, architecture, p.source_name(), p.source_version()].join("\t")
        })
        .collect();
    expected.sort();
    found.sort();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[test]
fn who_built_a_package_and_whether_it_is_whole_is_kept() {
    let content = "Package: docker-ce\nStatus: install ok installed\nMaintainer: Docker <support@docker.com>\nVersion: 5:25\n\n\
        Package: x\nStatus: install ok half-installed\nOrigin: Somebody\nMaintainer: y\nVersion: 1\n";
    let layer = Archive::default().file("var/lib/dpkg/status", content).read();
    let details: Vec<_> = layer.files[0].content.found().iter().map(|found| &found.details).collect();
    assert_eq!(details[0].origin.as_deref(), Some("Docker <support@docker.com>"));
    assert_eq!(details[1].origin.as_deref(), Some("Somebody"));
    assert_eq!((details[0].confidence, details[1].confidence), (Confidence::High, Confidence::Low));
}

/// dpkg itself is the authority on who owns a file, too.
#[test]
fn this_machine_s_own_language_packages_belong_to_whom_dpkg_says() {
    let Ok(folder) = std::fs::read_dir("/var/lib/dpkg/info") else {
        return eprintln!("skipped: this machine has no dpkg");
    };
    let mut archive =
        Archive::default().file("var/lib/dpkg/status", std::fs::read("/var/lib/dpkg/status").unwrap());
    let mut records = std::collections::BTreeSet::new();
    for list in
        folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "list"))
    {
        let content = std::fs::read_to_string(&list).unwrap();
        let is_record = |path: &&str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            matches!(name, "METADATA" | "PKG-INFO") || name.ends_with(".egg-info")
        };
        records.extend(content.lines().filter(is_record).map(str::to_owned));
        archive = archive.file(&list.display().to_string(), content);
    }
    let records: Vec<_> =
        records.into_iter().filter(|path| std::path::Path::new(path).is_file()).take(200).collect();
    for path in &records {
        archive = archive.pax_path(path, &std::fs::read_to_string(path).unwrap());
    }
    // One that nobody packaged, beside them.
    let own = "usr/local/lib/python3/dist-packages/mine-1.dist-info/METADATA";
    let layer = archive.file(own, "Name: mine\nVersion: 1\n").read();
    let image = plimsoll_types::ImageInventory::merge(&[(None, &layer)]);
    let owner = |path: &str| {
        image
            .packages
            .iter()
            .find(|package| package.path == path)
            .map(|package| package.details.owned_by.clone())
    };
    assert_eq!(owner(own), Some(None));
    for path in &records {
        let output = std::process::Command::new("dpkg-query").args(["-S", path]).output().unwrap();
        let says = String::from_utf8(output.stdout).unwrap();
        let owners: Vec<_> = says.split(": ").next().unwrap_or_default().split(", ").collect();
        let owners: Vec<_> = owners.iter().map(|name| name.split(':').next().unwrap_or_default()).collect();
        // A record without a name or version says nothing.
        if let Some(ours) = owner(path.trim_start_matches('/')) {
            assert!(
                ours.as_deref().is_some_and(|name| owners.contains(&name)),
                "{path}: {ours:?}, {owners:?}"
            );
        }
    }
    eprintln!("{} records of Python's packages are owned", records.len());
}

#[test]
fn a_package_is_not_lost_where_the_line_between_two_is_none() {
    let two = status("Package: a\nVersion: 1\n \nPackage: b\nVersion: 2\nPackage: c\nVersion: 3\n");
    let shown: Vec<_> = two.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect();
    assert_eq!(shown, [("a", "1"), ("b", "2"), ("c", "3")]);
}
