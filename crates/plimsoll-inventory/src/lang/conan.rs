//! Conan: packages in a local cache (docs.conan.io, "conaninfo.txt").
//!
//! A program that was linked with them tells nothing. Where the cache is in the image, each package's folder says what it is
//! by its path, and its file what it was built with.

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

/// Of `…/.conan/data/NAME/VERSION/USER/CHANNEL/package/ID/conaninfo.txt`. Conan 2 has made-up names instead.
fn own(path: &str) -> Option<(String, String)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Archive, packages};

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
