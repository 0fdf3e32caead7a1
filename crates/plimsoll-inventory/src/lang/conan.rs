//! Conan: packages in a local cache, and those that were deployed from it (docs.conan.io, "conaninfo.txt", "Deployers").
//!
//! A program that was linked with them tells nothing. Where the cache of Conan 1 is in the image, each package's folder says
//! what it is by its path, and its file what it was built with. Conan 2 gives folders made-up names, and its [`cache`] is a
//! database that knows whose they are.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::some;
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;

/// Packages of one file.
const MOST: usize = 10_000;

/// `**/conaninfo.txt`.
pub(crate) fn matches(path: &str) -> bool {
    split(path).1 == "conaninfo.txt"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let text = String::from_utf8_lossy(bytes);
    let mut packages: Vec<_> = own(path).into_iter().collect();
    let (mut section, mut sections) = ("", 0);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            sections += 1;
        } else if matches!(section, "full_requires" | "requires") {
            packages.extend(reference(line));
            if packages.len() > MOST {
                return Err(Unreadable::because(format!("it lists more than {MOST} packages")));
            }
        }
    }
    if sections == 0 {
        return Err(Unreadable::because("it has none of the sections of such a file"));
    }
    let packages =
        packages.into_iter().map(|(name, version)| Package::new(PackageType::Conan, &name, &version).into());
    Ok(some(packages.collect()))
}

/// Of `…/.conan/data/NAME/VERSION/USER/CHANNEL/package/ID/conaninfo.txt`, and of `…/full_deploy/host/NAME/VERSION/…`.
fn own(path: &str) -> Option<(String, String)> {
    let mut deployed = path.split('/').skip_while(|part| *part != "full_deploy").skip(1);
    if let (Some("host" | "build"), Some(name), Some(version), Some(_)) =
        (deployed.next(), deployed.next(), deployed.next(), deployed.next())
    {
        return Some((name.to_owned(), version.to_owned()));
    }
    let mut parts = split(path).0.rsplit('/');
    let (_, package) = (parts.next()?, parts.next()?);
    let (_, _, version, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (package == "package" && parts.next() == Some("data")).then(|| (name.to_owned(), version.to_owned()))
}

/// `zlib/1.2.13@user/channel:ID`, `zlib/1.2.13#revision`. `zlib/1.2.Z` stands for any version of a series, and names none.
fn reference(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.split_once('/')?;
    let version = rest.split(['@', '#', ':']).next()?;
    let is_version =
        version.starts_with(|c: char| c.is_ascii_alphanumeric()) && !version.contains(['Y', 'Z']);
    (is_version && !name.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}

/// The cache of Conan 2.
pub(crate) mod cache {
    use super::{FileContent, Limits, MOST, Package, PackageType, Reader, Unreadable, Whole, some, split};
    use crate::sqlite;

    /// `**/p/cache.sqlite3`.
    pub(crate) fn matches(path: &str) -> bool {
        let (directory, name) = split(path);
        name == "cache.sqlite3" && split(directory).1 == "p"
    }

    /// Reads the whole file. Conan keeps no log beside it.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    /// Recipes are listed apart: of these, some may never have been built.
    fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let mut packages = Vec::new();
        let mut row = |_, columns: &[sqlite::Value]| {
            let reference = columns.first().map(|reference| String::from_utf8_lossy(reference.bytes()));
            // `zlib/1.2.13@user/channel`
            let reference =
                reference.as_deref().and_then(|reference| reference.split('@').next()?.split_once('/'));
            if let Some((name, version)) =
                reference.filter(|(name, version)| !name.is_empty() && !version.is_empty())
            {
                packages.push(Package::new(PackageType::Conan, name, version).into());
            }
            if packages.len() > MOST {
                return Err(Unreadable::because(format!("it lists more than {MOST} packages")));
            }
            Ok(())
        };
        sqlite::Database::open(bytes, &[])?.rows("packages", &mut row)?;
        Ok(some(packages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Archive, packages};

    #[test]
    fn deployed_packages_are_named_by_their_folders() {
        let path = "app/full_deploy/host/zlib/1.2.13/Release/x86_64/conaninfo.txt";
        let layer = Archive::default().file(path, "[settings]\nos=Linux\n").read();
        assert_eq!(packages(&layer), [format!("{path} zlib 1.2.13")]);
        assert_eq!(own("app/full_deploy/host/zlib/conaninfo.txt"), None);
    }

    /// As Conan 2 writes it, by the same library.
    #[test]
    fn the_cache_of_conan_2_says_whose_its_folders_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache.sqlite3");
        let script = "import sqlite3, sys\n\
            db = sqlite3.connect(sys.argv[1])\n\
            db.execute('CREATE TABLE recipes (reference text NOT NULL, rrev text NOT NULL, path text NOT NULL UNIQUE, \
            timestamp real NOT NULL, lru integer NOT NULL , UNIQUE(reference, rrev))')\n\
            db.execute('CREATE TABLE packages (reference text NOT NULL, rrev text NOT NULL, pkgid text, prev text, path text \
            NOT NULL UNIQUE, timestamp real NOT NULL, build_id text, lru integer NOT NULL , UNIQUE(reference, rrev, pkgid, prev))')\n\
            db.execute(\"INSERT INTO recipes VALUES ('only-a-recipe/1', 'r', 'p0', 1.5, 1)\")\n\
            for n, r in enumerate(['zlib/1.2.11', 'openssl/3.0.1@user/channel', 'zlib/1.2.11']):\n    \
            db.execute('INSERT INTO packages VALUES (?, ?, ?, ?, ?, 1795360842.75, NULL, 7)', (r, 'r', str(n), 'p', f'b/x{n}'))\n\
            db.commit()\n";
        let python = std::process::Command::new("python3").args(["-c", script]).arg(&file).status();
        if !python.is_ok_and(|status| status.success()) {
            return crate::tests::skip("python3");
        }
        let path = "root/.conan2/p/cache.sqlite3";
        let database = std::fs::read(&file).unwrap();
        let layer = Archive::default().file(path, &database).read();
        let expected = [format!("{path} openssl 3.0.1"), format!("{path} zlib 1.2.11")];
        assert_eq!((packages(&layer), layer.problems), (expected.to_vec(), vec![]));
        for broken in [&b"no database"[..], &database[..4096]] {
            assert_eq!(Archive::default().file(path, broken).read().problems.len(), 1);
        }
        assert!(!cache::matches("root/cache.sqlite3"));
    }

    #[test]
    fn a_package_is_named_by_its_folder_and_what_it_needs_by_its_file() {
        let path = "root/.conan/data/libcurl/8.1.2/_/_/package/0a1b/conaninfo.txt";
        let text = "[settings]\n    os=Linux\n\n[requires]\n    openssl/3.Y.Z\n    zlib/1.2.13\n\n[options]\n    shared=False\n\n\
                    [full_requires]\n    openssl/3.1.1:deadbeef\n    zlib/1.2.13:beef\n";
        let names = |path: &str| -> Vec<String> {
            let found = packages(&Archive::default().file(path, text).read());
            found.iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
        };
        assert_eq!(names(path), ["libcurl 8.1.2", "openssl 3.1.1", "zlib 1.2.13"]);
        assert_eq!(names("root/.conan2/p/b/zlib0a/p/conaninfo.txt"), ["openssl 3.1.1", "zlib 1.2.13"]);
        assert_eq!(Archive::default().file(path, "nothing").read().problems.len(), 1);
        assert_eq!(own("conaninfo.txt"), None);
    }
}
