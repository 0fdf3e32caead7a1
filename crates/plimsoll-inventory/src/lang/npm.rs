//! npm: `package.json` of installed packages (docs.npmjs.com, "package.json").
//!
//! Only `node_modules/NAME/package.json` counts, what corepack fetched, and the file of an application whose packages lie
//! beside it. Packages carry test fixtures and build caches full of other `package.json` files, which name what is not there.

use std::fmt;

use plimsoll_types::inventory::{Confidence, FileContent};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::Licenses;
use super::{licensed, one, some};
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::{is_for_tests, split};

/// Those of installed packages and of applications.
pub(crate) fn matches(path: &str) -> bool {
    is_installed(path) || is_fetched(path) || is_application(path)
}

/// `**/node_modules/NAME/package.json` and `**/node_modules/@SCOPE/NAME/package.json`, but for what a package is tested with.
fn is_installed(path: &str) -> bool {
    let Some(directory) = path.strip_suffix("/package.json") else { return false };
    let (parent, name) = split(directory);
    let (above, scope) = split(parent);
    let is_name = |name: &str| !name.is_empty() && !name.starts_with(['.', '@']) && name != "node_modules";
    is_name(name)
        && (scope == "node_modules" || scope.starts_with('@') && split(above).1 == "node_modules")
        && !is_for_tests_of_package(directory)
        && !is_cached(directory)
}

/// Whether it lies in the cache of Yarn 1, from which it would be installed: `v6/npm-NAME-VERSION-HASH/node_modules/…`.
fn is_cached(directory: &str) -> bool {
    let Some((above, _)) = directory.split_once("/node_modules/") else { return false };
    let (parent, entry) = split(above);
    let version = split(parent).1.strip_prefix('v');
    let is_cache = version.is_some_and(|v| !v.is_empty() && v.bytes().all(|byte| byte.is_ascii_digit()));
    is_cache && entry.starts_with("npm-")
}

/// Whether it is below the tests of an installed package.
fn is_for_tests_of_package(directory: &str) -> bool {
    let mut parts = directory.split('/').skip_while(|part| *part != "node_modules");
    while let Some(part) = parts.next() {
        if part == "node_modules" {
            // A package may itself be called `test`.
            if parts.next().is_some_and(|name| name.starts_with('@')) {
                parts.next();
            }
        } else if is_for_tests(part) {
            return true;
        }
    }
    false
}

/// `**/corepack/v1/NAME/VERSION/package.json`, where corepack keeps the package managers that it runs (`v1` is newer), and
/// `**/registry.npmjs.org/NAME/VERSION/package.json`, where Deno keeps the packages that it runs.
fn is_fetched(path: &str) -> bool {
    let Some(directory) = path.strip_suffix("/package.json") else { return false };
    let (above, version) = split(directory);
    let mut parts = above.rsplit('/').skip(1).skip_while(|part| part.starts_with(['@', 'v']));
    version.starts_with(|c: char| c.is_ascii_digit())
        && matches!(parts.next(), Some("corepack" | "registry.npmjs.org"))
}

/// Any other outside `node_modules`. It counts only where packages lie beside it, which its layer alone need not tell:
/// [`plimsoll_types::inventory::ImageInventory::merge`] sees to that.
fn is_application(path: &str) -> bool {
    let (directory, name) = split(path);
    name == "package.json" && !is_fetched(path) && directory.split('/').all(|part| part != "node_modules")
}

/// `**/files/HH/HASH`, where pnpm keeps the content of all files under their hash, and hard-links packages to it. A layer
/// may well have the content there and only links in `node_modules`.
pub(crate) fn is_stored(path: &str) -> bool {
    let (directory, name) = split(path);
    let (parent, prefix) = split(directory);
    let is_hash =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash(name, 126) && is_hash(prefix, 2) && split(parent).1 == "files"
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// A package without a version, or a private one, is in no registry and no advisory.
fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let mut head = Head::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let whole = json.deserialize_any(&mut head).and_then(|()| json.end());
    let is_application = is_application(path);
    if let Err(error) = whole {
        // Outside of packages it may be a template of such a file, or anything else.
        let reason = format!("it is not JSON as npm reads it: {error}");
        return if is_application { Ok(None) } else { Err(Unreadable::because(reason)) };
    }
    let (Some(name), Some(version)) = (head.name, head.version) else { return Ok(None) };
    if head.private || name.is_empty() || version.is_empty() {
        return Ok(None);
    }
    let mut found = licensed(Package::new(PackageType::Npm, &name, &version), head.licenses);
    if is_application {
        // It may have been published under its name, or never.
        found.details.confidence = Confidence::Medium;
    }
    Ok(one(found))
}

/// The keys that matter. Any may hold any value, and a key that stands twice counts the last time, as for npm.
#[derive(Default)]
struct Head {
    name: Option<String>,
    version: Option<String>,
    private: bool,
    licenses: Licenses,
}

impl<'de> Visitor<'de> for &mut Head {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Scalar)? {
            match key {
                Value::Text(key) if key == "name" => self.name = map.next_value_seed(Scalar)?.text(),
                Value::Text(key) if key == "version" => self.version = map.next_value_seed(Scalar)?.text(),
                Value::Text(key) if key == "private" => self.private = map.next_value_seed(Scalar)?.is_true(),
                // A list under the older name, of a time when a package could have several.
                Value::Text(key) if key == "license" || key == "licenses" => {
                    let licenses: Licenses = map.next_value()?;
                    if !licenses.0.is_empty() {
                        self.licenses = licenses;
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A value of which only texts and truth are kept.
struct Scalar;

enum Value<'de> {
    Text(std::borrow::Cow<'de, str>),
    True,
    Other,
}

impl Value<'_> {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    /// npm's builders write `"private": "true"` at times; npm takes any text for yes.
    fn is_true(&self) -> bool {
        matches!(self, Self::True) || matches!(self, Self::Text(text) if !text.is_empty())
    }
}

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(text.to_owned().into()))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value<'de>, E> {
        Ok(if truth { Value::True } else { Value::Other })
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

/// The archives that Yarn's Plug'n'Play runs packages from, without unpacking them (yarnpkg.com, "Offline cache").
pub(crate) mod yarn {
    use super::{FileContent, Limits, Reader, Unreadable, parse, some, split};
    use crate::zip::{self, Wanted};

    /// `**/.yarn/cache/*.zip`, `**/.yarn/berry/cache/*.zip`.
    pub(crate) fn matches(path: &str) -> bool {
        let (directory, name) = split(path);
        let is_cache = |cache: &str| directory == cache || directory.ends_with(&format!("/{cache}"));
        name.ends_with(".zip") && (is_cache(".yarn/cache") || is_cache(".yarn/berry/cache"))
    }

    /// Reads the archive as it streams by.
    pub(crate) fn reader(_: &str, limits: &Limits) -> Box<dyn Reader> {
        let select = |path: &str| {
            let is_own = super::is_installed(path) && path.matches("node_modules/").count() == 1;
            if is_own { Wanted::Start(1024 * 1024) } else { Wanted::Not }
        };
        zip::reader(limits, select, |unzipped, mut problems, _| {
            let mut found = Vec::new();
            for (path, bytes) in &unzipped.files {
                match parse(path, bytes) {
                    Ok(content) => found.extend(content.iter().flat_map(FileContent::found).cloned()),
                    Err(unreadable) => problems.extend(unreadable.problems),
                }
            }
            Unreadable::partly(some(found), problems)
        })
    }
}

#[cfg(test)]
mod tests;
