//! PHP: what Composer installed (getcomposer.org, "installed.json"), what PEAR and PECL did, and the extensions themselves.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::Deserialize;

use super::json::{Licenses, List, Text};
use super::{licensed, not_json, one, some};
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;

pub(crate) mod extension;

/// `**/composer/installed.json`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    name == "installed.json" && split(directory).1 == "composer"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// Of Composer 2. That of Composer 1 is the list alone.
#[derive(Deserialize)]
struct Installed {
    #[serde(default)]
    packages: List<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(rename = "type", default)]
    kind: Text,
    #[serde(default)]
    license: Licenses,
}

/// All that is in it is installed, the packages for development as well: `dev-package-names` only says why.
fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
    super::json::refill();
    let entries = if is_list {
        serde_json::from_slice::<List<Entry>>(bytes)
    } else {
        serde_json::from_slice::<Installed>(bytes).map(|installed| installed.packages)
    };
    let List(entries) = entries.map_err(|error| not_json(&error))?;
    let packages = entries.into_iter().filter(|entry| {
        // A metapackage is a list of requirements, without a file.
        !entry.name.as_str().is_empty() && entry.kind.as_str() != "metapackage"
    });
    let packages = packages.map(|entry| {
        let package = Package::new(PackageType::Composer, entry.name.as_str(), entry.version.as_str());
        licensed(package, entry.license)
    });
    Ok(some(packages.collect()))
}

/// The registry of PEAR, one file a package in PHP's serialized form.
pub(crate) mod pear {
    use super::{
        FileContent, Licenses, Limits, Package, PackageType, Reader, Unreadable, Whole, licensed, one,
    };

    /// `**/.registry/**/*.reg`.
    pub(crate) fn matches(path: &str) -> bool {
        path.ends_with(".reg") && path.split('/').any(|part| part == ".registry")
    }

    /// Reads the whole file.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    /// PEAR has no advisories of its own. The name says whose the package is, so that an extension `redis` is not taken for
    /// the server.
    fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let mut record = Record::default();
        Serialized { bytes, at: 0 }
            .array(&mut record)
            .ok_or_else(|| Unreadable::because("it is not a serialized array, or one that goes too deep"))?;
        if record.name.is_empty() || record.version.is_empty() {
            return Err(Unreadable::because("there is no name with a version in it"));
        }
        let channel = match record.channel.as_str() {
            "" | "pear.php.net" => "pear",
            "pecl.php.net" => "pecl",
            other => other,
        };
        let package =
            Package::new(PackageType::Generic, &format!("{channel}/{}", record.name), &record.version);
        Ok(one(licensed(package, record.licenses)))
    }

    #[derive(Default)]
    struct Record {
        name: String,
        channel: String,
        version: String,
        licenses: Licenses,
    }

    impl Record {
        /// Takes the text at a place in the array; keys of lists are numbers.
        fn set(&mut self, place: &[String], text: &str) {
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            let field = match place[..] {
                ["name"] => &mut self.name,
                ["channel"] => &mut self.channel,
                ["version", "release"] => &mut self.version,
                // Of the first version of the format.
                ["version"] | ["release", "version"] if self.version.is_empty() => &mut self.version,
                ["license"] | ["license", "_content"] => return self.licenses.add(text),
                _ => return,
            };
            text.clone_into(field);
        }
    }

    /// Values one behind the other: `s:4:"name";`, `i:1;`, `a:2:{KEY VALUE KEY VALUE}` (PHP manual, "serialize").
    struct Serialized<'a> {
        bytes: &'a [u8],
        at: usize,
    }

    /// How deep arrays are followed; PEAR's own go four deep.
    const DEPTH: usize = 64;

    impl Serialized<'_> {
        /// The array that is the whole of it. `None` where it is none.
        fn array(&mut self, record: &mut Record) -> Option<()> {
            // For each open array: how many elements are to come, and under which key it stands.
            let mut open: Vec<(u64, bool)> = vec![];
            let mut place: Vec<String> = vec![];
            loop {
                match self.byte()? {
                    b'a' => {
                        self.expect(b':')?;
                        let count = self.number(b':')?;
                        self.expect(b'{')?;
                        if open.len() == DEPTH {
                            return None;
                        }
                        open.push((count, false));
                    }
                    b's' => {
                        self.expect(b':')?;
                        let length = usize::try_from(self.number(b':')?).ok()?;
                        self.expect(b'"')?;
                        let end = self.at.checked_add(length)?;
                        let text = String::from_utf8_lossy(self.bytes.get(self.at..end)?);
                        self.at = end;
                        self.expect(b'"')?;
                        self.expect(b';')?;
                        Self::scalar(&mut open, &mut place, record, &text)?;
                    }
                    b'i' | b'b' | b'd' => {
                        let end = self.bytes[self.at..].iter().position(|byte| *byte == b';')?;
                        let text = String::from_utf8_lossy(&self.bytes[self.at..self.at + end]);
                        self.at += end + 1;
                        Self::scalar(&mut open, &mut place, record, text.trim_start_matches(':'))?;
                    }
                    b'N' => {
                        self.expect(b';')?;
                        Self::scalar(&mut open, &mut place, record, "")?;
                    }
                    b'}' => {
                        open.pop()?;
                        if open.is_empty() {
                            return Some(());
                        }
                        Self::value_ended(&mut open, &mut place);
                    }
                    _ => return None,
                }
            }
        }

        /// A key, if a key is due, else a value.
        fn scalar(
            open: &mut [(u64, bool)],
            place: &mut Vec<String>,
            record: &mut Record,
            text: &str,
        ) -> Option<()> {
            let (_, has_key) = open.last_mut()?;
            if *has_key {
                record.set(place, text);
                Self::value_ended(open, place);
            } else {
                *has_key = true;
                place.push(text.chars().take(64).collect());
            }
            Some(())
        }

        fn value_ended(open: &mut [(u64, bool)], place: &mut Vec<String>) {
            if let Some((_, has_key)) = open.last_mut() {
                *has_key = false;
                place.pop();
            }
        }

        fn byte(&mut self) -> Option<u8> {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            Some(byte)
        }

        fn expect(&mut self, byte: u8) -> Option<()> {
            (self.byte()? == byte).then_some(())
        }

        fn number(&mut self, end: u8) -> Option<u64> {
            let mut number = 0_u64;
            loop {
                match self.byte()? {
                    digit @ b'0'..=b'9' => {
                        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
                    }
                    byte => return (byte == end).then_some(number),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
