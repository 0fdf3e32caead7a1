//! rpm's databases: those that rpm and Berkeley DB themselves write, read back package for package as `rpm -qa` says; and
//! forms that nothing here can write, made by hand.

use std::path::Path;
use std::process::Command;

use plimsoll_types::inventory::owned_hash;

use super::*;
use crate::tests::{Archive, packages};

/// A header with texts and numbers, as rpm stores it.
pub(crate) fn header(texts: &[(u32, &str)], epoch: Option<u32>) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    let mut entry = |tag: u32, kind: u32, at: usize| {
        entries.extend([tag, kind, u32::try_from(at).unwrap(), 1].iter().flat_map(|n| n.to_be_bytes()));
    };
    if let Some(epoch) = epoch {
        entry(1003, 4, 0);
        data.extend_from_slice(&epoch.to_be_bytes());
    }
    for (tag, text) in texts {
        entry(*tag, 6, data.len());
        data.extend_from_slice(text.as_bytes());
        data.push(0);
    }
    let count = u32::try_from(entries.len() / 16).unwrap();
    let length = u32::try_from(data.len()).unwrap();
    [&count.to_be_bytes()[..], &length.to_be_bytes(), &entries, &data].concat()
}

fn bash() -> Vec<u8> {
    let texts =
        [(1000, "bash"), (1001, "5.1"), (1002, "8.el9"), (1022, "x86_64"), (1044, "bash-5.1-8.el9.src.rpm")];
    header(&texts, None)
}

fn key() -> Vec<u8> {
    header(&[(1000, "gpg-pubkey"), (1001, "fd431d51"), (1002, "4ae0493b")], None)
}

/// The database that SUSE's rpm would write.
pub(crate) fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let le = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let count = u32::try_from(headers.len()).unwrap();
    let mut file = [b"RpmP", &le(&[0, 7, 1, count + 1])[..], &[0; 12]].concat();
    let mut blobs = Vec::new();
    for (n, header) in headers.iter().enumerate() {
        let index = u32::try_from(n + 1).unwrap();
        let length = u32::try_from(header.len()).unwrap();
        let offset = u32::try_from((4096 + blobs.len()) / 16).unwrap();
        let start = blobs.len();
        blobs.extend([b"BlbS", &le(&[index, 7, length])[..], header].concat());
        blobs.resize((blobs.len() + 12).next_multiple_of(16) - 12, 0);
        blobs.extend([&le(&[0, length]), &b"BlbE"[..]].concat());
        let blocks = u32::try_from((blobs.len() - start) / 16).unwrap();
        file.extend([b"Slot", &le(&[index, offset, blocks])[..]].concat());
    }
    while file.len() < 4096 {
        file.extend([b"Slot", &[0; 12][..]].concat());
    }
    [file, blobs].concat()
}

/// A hash table as Berkeley DB lays it out, in either byte order: a page of keys for each header, which lies on the pages
/// behind it.
pub(crate) fn berkeley(headers: &[Vec<u8>], is_big_endian: bool) -> Vec<u8> {
    const PAGE: usize = 512;
    let n32 = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if is_big_endian { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let n16 = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if is_big_endian { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let mut pages: Vec<[u8; PAGE]> = vec![[0; PAGE]];
    for header in headers {
        let first = pages.len() + 1;
        let mut page = [0; PAGE];
        page[20..22].copy_from_slice(&n16(2));
        page[25] = HASH_PAGE;
        let (key, value) = (PAGE - 5, PAGE - 17);
        page[26..28].copy_from_slice(&n16(key));
        page[28..30].copy_from_slice(&n16(value));
        page[key] = 1;
        page[value] = 3;
        page[value + 4..value + 8].copy_from_slice(&n32(first));
        page[value + 8..value + 12].copy_from_slice(&n32(header.len()));
        pages.push(page);
        let parts: Vec<_> = header.chunks(PAGE - 26).collect();
        for (n, part) in parts.iter().enumerate() {
            let mut page = [0; PAGE];
            let next = if n + 1 < parts.len() { first + n + 1 } else { 0 };
            page[16..20].copy_from_slice(&n32(next));
            page[22..24].copy_from_slice(&n16(part.len()));
            page[25] = 7;
            page[26..26 + part.len()].copy_from_slice(part);
            pages.push(page);
        }
    }
    let last = pages.len() - 1;
    pages[0][12..16].copy_from_slice(&n32(0x0006_1561));
    pages[0][16..20].copy_from_slice(&n32(9));
    pages[0][20..24].copy_from_slice(&n32(PAGE));
    pages[0][25] = 8;
    pages[0][32..36].copy_from_slice(&n32(last));
    pages.concat()
}

const HASH_PAGE: u8 = 13;

#[test]
fn all_that_matters_is_read_from_a_header() {
    let texts = [
        (1000, "perl-Errno"),
        (1001, "1.28"),
        (1002, "416.module+el8"),
        (1011, "Red Hat, Inc."),
        (1014, "GPL+ or Artistic"),
        (1022, "x86_64"),
        (1044, "perl-5.26.3-416.el8.src.rpm"),
        (5096, "perl:5.26:820181219174508:9edba152"),
    ];
    let found = header::read(&header(&texts, Some(4))).unwrap();
    assert_eq!(found.package.version, "4:1.28-416.module+el8");
    assert_eq!((found.package.source_name(), found.package.source_version()), ("perl", "5.26.3-416.el8"));
    assert_eq!(found.package.architecture.as_deref(), Some("x86_64"));
    assert_eq!(found.details.licenses, ["GPL+ or Artistic"]);
    assert_eq!(found.details.origin.as_deref(), Some("Red Hat, Inc."));
    assert_eq!(found.module.as_deref(), Some("perl:5.26:820181219174508:9edba152"));
    // The source has no epoch: a version that differs in nothing else is the package's own.
    let own = [(1000, "vim"), (1001, "8"), (1002, "1"), (1044, "vim-8-1.nosrc.rpm")];
    let found = header::read(&header(&own, Some(2))).unwrap();
    assert_eq!((found.package.source, found.package.source_version), (None, None));
    assert_eq!(header::read(&header(&own, Some(0))).unwrap().package.version, "8-1");
    for bad in [&b""[..], &[0; 8], &[0xff; 64], &header(&[(1001, "1")], None)] {
        assert!(header::read(bad).is_err());
    }
}

#[test]
fn each_form_gives_its_packages_and_no_keys() {
    let headers = [bash(), key(), header(&[(1000, "tiny"), (1001, "1"), (1002, "2")], Some(3))];
    for (path, database) in [
        ("usr/lib/sysimage/rpm/Packages.db", ndb(&headers)),
        ("var/lib/rpm/Packages", berkeley(&headers, false)),
        ("var/lib/rpm/Packages", berkeley(&headers, true)),
    ] {
        let layer = Archive::default().file(path, database).read();
        assert_eq!(layer.problems, []);
        assert_eq!(packages(&layer), [format!("{path} bash 5.1-8.el9"), format!("{path} tiny 3:1-2")]);
    }
    let empty =
        Archive::default().file("var/lib/rpm/Packages", "").file("var/lib/rpm/rpmdb.sqlite", "").read();
    assert_eq!((empty.files, empty.problems), (vec![], vec![]));
}

#[test]
fn the_list_of_images_without_rpm_is_read() {
    const PATH: &str = "var/lib/rpmmanifest/container-manifest-2";
    let line = "filesystem\t1.1-20.azl3\t1\t2\tMicrosoft Corporation\t(none)\t0\tx86_64\t0\tfilesystem-1.1-20.azl3.src.rpm\n";
    let glibc = "glibc\t2.38-8.azl3\t1\t2\t(none)\t1\t9\tx86_64\t1\tglibc-src-2.38-9.azl3.src.rpm";
    let layer = Archive::default().file(PATH, format!("{line}{glibc}")).read();
    assert_eq!(
        packages(&layer),
        [format!("{PATH} filesystem 1.1-20.azl3"), format!("{PATH} glibc 1:2.38-8.azl3")]
    );
    let found = layer.files[0].content.found();
    assert_eq!(found[0].details.origin.as_deref(), Some("Microsoft Corporation"));
    assert_eq!(found[1].package.source_name(), "glibc-src");
    assert_eq!(found[1].package.source_version(), "2.38-9.azl3");
    let damaged = Archive::default().file(PATH, format!("{line}what is this\n")).read();
    assert_eq!((packages(&damaged).len(), damaged.problems.len()), (1, 1));
}

#[test]
fn what_was_read_before_the_damage_counts_and_the_damage_shows() {
    let headers = [bash(), header(&[(1000, "tiny"), (1001, "1"), (1002, "2")], None)];
    let mut ndb = ndb(&headers);
    let at = ndb.windows(4).rposition(|window| window == b"BlbE").unwrap();
    ndb[at] = b'X';
    let mut looped = berkeley(&headers, false);
    // The chain of the second leads back to the first page of the first.
    looped[512 * 3 + 512 - 17 + 4] = 2;
    for (path, database) in [("var/lib/rpm/Packages.db", ndb), ("var/lib/rpm/Packages", looped)] {
        let layer = Archive::default().file(path, database).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (1, 1), "{path}");
    }
}

/// A database that rpm itself wrote.
struct Real {
    folder: tempfile::TempDir,
    /// What `rpm -qa` says of it.
    listed: Vec<String>,
    database: Vec<u8>,
}

fn run(folder: &Path, program: &str, arguments: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the programs are there; where `./test` installs them they must be.
fn are_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| Command::new(program).arg("--version").output().is_err());
    if let Some(program) = missing {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_none(), "{program} is not installed");
        println!("skipped: {program} is not installed");
    }
    missing.is_none()
}

const QUERY: &str = "%{NAME}|%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}|%{ARCH}|%{SOURCERPM}|%|MODULARITYLABEL?{%{MODULARITYLABEL}}||%{LICENSE}|%{VENDOR}\\n";

impl Real {
    /// Builds 70 packages of one source, one with thousands of files, and gives them to a database.
    fn build() -> Option<Self> {
        if !are_installed(&["rpm", "rpmbuild", "sqlite3"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut spec = "Name: many\nVersion: 1.2~rc1\nRelease: 3.module+el8.1\nEpoch: 2\nSummary: x\nLicense: MIT AND BSD\n\
            Vendor: Somebody\nBuildArch: noarch\nModularityLabel: many:1:8060:ad008a3a\n%define _build_id_links none\n\
            %description\nx\n%install\n\
            mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/python3/site-packages %{buildroot}/usr/share/many\n\
            touch %{buildroot}/usr/bin/many %{buildroot}/usr/lib/python3/site-packages/many-1.egg-info\n\
            for n in $(seq 3000); do : > %{buildroot}/usr/share/many/a-name-that-is-not-so-short-$n; done\n\
            %files\n/usr/bin/many\n/usr/lib/python3/site-packages/many-1.egg-info\n/usr/share/many\n"
            .to_owned();
        for n in 0..69 {
            let epoch = if n % 3 == 0 { "Epoch: 0\n" } else { "" };
            spec += &format!(
                "%package -n part{n}\nSummary: x\nVersion: {n}\nRelease: {n}\n{epoch}%description -n part{n}\n\
                 {}\n%files -n part{n}\n",
                "A long description. ".repeat(n * 8)
            );
        }
        std::fs::write(folder.path().join("many.spec"), spec).unwrap();
        let top = format!("_topdir {}", folder.path().display());
        run(folder.path(), "rpmbuild", &["-bb", "--quiet", "--define", &top, "many.spec"], "");
        let dbpath = folder.path().join("db").display().to_string();
        let rpm = |arguments: &[&str]| {
            let all = [&["--define", "_db_backend sqlite", "--dbpath", &dbpath], arguments].concat();
            run(folder.path(), "rpm", &all, "")
        };
        rpm(&["--initdb"]);
        let rpms = std::fs::read_dir(folder.path().join("RPMS/noarch")).unwrap();
        let rpms: Vec<_> = rpms.map(|file| file.unwrap().path().display().to_string()).collect();
        let mut install = vec!["-i", "--justdb", "--nodeps", "--force-debian"];
        install.extend(rpms.iter().map(String::as_str));
        rpm(&install);
        let listed = sorted(rpm(&["-qa", "--qf", QUERY]).lines().map(str::to_owned).collect());
        let database = std::fs::read(folder.path().join("db/rpmdb.sqlite")).unwrap();
        assert_eq!((rpms.len(), listed.len()), (70, 70));
        Some(Self { folder, listed, database })
    }

    /// The headers themselves.
    fn headers(&self) -> Vec<Vec<u8>> {
        let mut headers = Vec::new();
        let database = sqlite::Database::open(&self.database, &[]).unwrap();
        let mut row = |_, columns: &[sqlite::Value]| {
            headers.push(columns[1].bytes().to_vec());
            Ok(())
        };
        database.rows("Packages", &mut row).unwrap().unwrap();
        headers
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// What we read, as the query of rpm would say it.
fn listed(layer: &plimsoll_types::LayerInventory) -> Vec<String> {
    let found = layer.files.iter().flat_map(|file| file.content.found());
    let line = |found: &Found| {
        let package = &found.package;
        let (epoch, version) = package.version.split_once(':').unwrap_or(("", &package.version));
        // An epoch of 0 is none to us, and printed by rpm.
        let is_zero = package.name.strip_prefix("part").is_some_and(|n| n.parse::<u32>().unwrap() % 3 == 0);
        let epoch = if is_zero { "0" } else { epoch };
        let colon = if epoch.is_empty() { "" } else { ":" };
        format!(
            "{}|{epoch}{colon}{version}|{}|{}-{}.src.rpm|{}|{}|{}",
            package.name,
            package.architecture.as_deref().unwrap_or("(none)"),
            package.source_name(),
            package.source_version.as_deref().unwrap_or(version),
            found.module.as_deref().unwrap_or_default(),
            found.details.licenses.join(" "),
            found.details.origin.as_deref().unwrap_or("(none)"),
        )
    };
    sorted(found.map(line).collect())
}

#[test]
fn databases_that_rpm_wrote_are_read_as_rpm_reads_them() {
    let Some(real) = Real::build() else { return };
    let headers = real.headers();
    let mut databases = vec![
        ("var/lib/rpm/rpmdb.sqlite", real.database.clone()),
        ("var/lib/rpm/Packages.db", ndb(&headers)),
        ("var/lib/rpm/Packages", berkeley(&headers, false)),
    ];
    if are_installed(&["db5.3_load"]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for page_size in [512, 4096, 65536] {
            let mut dump =
                format!("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={page_size}\nHEADER=END\n");
            dump += " 00000000\n 46000000\n";
            for (n, header) in headers.iter().enumerate() {
                dump +=
                    &format!(" {}\n {}\n", hex(&u32::try_from(n + 1).unwrap().to_le_bytes()), hex(header));
            }
            dump += "DATA=END\n";
            let name = format!("berkeley{page_size}/Packages");
            std::fs::create_dir(real.folder.path().join(format!("berkeley{page_size}"))).unwrap();
            run(real.folder.path(), "db5.3_load", &[&name], &dump);
            let path = real.folder.path().join(&name);
            databases.push(("var/lib/rpm/Packages", std::fs::read(&path).unwrap()));
            // rpm reads it the same way, so that it is what an rpm of that time had.
            let dbpath = path.parent().unwrap().display().to_string();
            let backend = ["--define", "_db_backend bdb_ro", "--dbpath", &dbpath, "-qa", "--qf", QUERY];
            let says = run(real.folder.path(), "rpm", &backend, "");
            assert_eq!(sorted(says.lines().map(str::to_owned).collect()), real.listed);
        }
    }
    for (path, database) in databases {
        let layer = Archive::default().file(path, database).read();
        assert_eq!(layer.problems, []);
        let (ours, theirs) = (listed(&layer), &real.listed);
        let different: Vec<_> = ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).collect();
        assert_eq!((ours.len(), different), (theirs.len(), vec![]), "{path}");
        let found = layer.files[0].content.found();
        let many = found.iter().find(|found| found.package.name == "many").unwrap();
        let egg = "usr/lib/python3/site-packages/many-1.egg-info";
        assert_eq!(many.owns, [owned_hash("usr/bin/many"), owned_hash(egg)]);
    }
}

#[test]
fn what_a_write_ahead_log_says_counts() {
    let Some(real) = Real::build() else { return };
    let db = real.folder.path().join("db");
    // The log stays as it is while the database is open.
    let script = ".dbconfig no_ckpt_on_close on\nPRAGMA wal_autocheckpoint=0;\n\
        DELETE FROM Packages WHERE hnum > 40;\nUPDATE Packages SET blob = (SELECT blob FROM Packages WHERE hnum = 1) WHERE hnum = 2;\n\
        BEGIN; DELETE FROM Packages WHERE hnum = 7; ROLLBACK;\n";
    run(&db, "sqlite3", &["rpmdb.sqlite"], script);
    let database = std::fs::read(db.join("rpmdb.sqlite")).unwrap();
    let log = std::fs::read(db.join("rpmdb.sqlite-wal")).unwrap();
    assert!(log.len() > 4096);
    let (path, log_path) = ("var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite-wal");
    let before = Archive::default().file(path, &database);
    let names = |archive: Archive| {
        let layer = archive.read();
        assert_eq!(layer.problems, []);
        packages(&layer).len()
    };
    assert_eq!(names(before.clone()), 70);
    let object = format!("sysroot/ostree/repo/objects/01/{}.file", "0".repeat(62));
    let linked = Archive::default().file(&object, &database).hard_link("usr/share/rpm/rpmdb.sqlite", &object);
    assert_eq!(names(linked), 70);
    assert_eq!(names(before.clone().file(log_path, &log)), 40);
    assert_eq!(names(Archive::default().file(log_path, &log).file(path, &database)), 40);
    // A log that was removed or emptied in the same layer, or whose end was never written.
    assert_eq!(names(before.clone().file(log_path, &log).file(log_path, "")), 70);
    assert_eq!(names(before.clone().file(log_path, &log[..100])), 70);
    let mut torn = log.clone();
    torn[32 + 24 + 9] ^= 1;
    assert_eq!(names(before.file(log_path, torn)), 70);
    // Without the database it cannot be told what it changes.
    let alone = Archive::default().file(log_path, &log).read();
    assert_eq!((alone.files.len(), alone.problems.len()), (0, 1));
}
