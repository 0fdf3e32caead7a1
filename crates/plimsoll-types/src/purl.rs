//! Package URLs (ECMA-427, "Rules for each PURL component", and the definitions of the registered types).
//!
//! Reading is a little more generous than the standard, since SBOMs are written by many hands: an unencoded `@` in front of
//! an npm scope, an encoded slash in a namespace, and an empty version are read as they are meant. Two rules of types are
//! not followed: names of Go modules and of old npm packages keep their case, by which alone their registries and
//! advisories know them (`github.com/Masterminds/semver`, `JSONStream`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{Ecosystem, ParseError};

/// A package URL, taken apart and percent-decoded: `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Purl {
    /// Lower-case type, such as `deb`.
    pub package_type: String,
    /// Namespace with `/` between its parts; empty where there is none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Version; empty where there is none.
    pub version: String,
    qualifiers: BTreeMap<String, String>,
    /// Path inside the package; empty where there is none.
    pub subpath: String,
}

impl Purl {
    /// The value of a qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// Sets a qualifier; an empty value means that there is none.
    pub fn set(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.qualifiers.remove(key);
        } else {
            self.qualifiers.insert(key.to_ascii_lowercase(), value.to_owned());
        }
    }

    /// Namespace and name with a `/` between them, or the name alone.
    pub fn full_name(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

impl FromStr for Purl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError::new("a package URL such as pkg:deb/debian/libc6@2.31-13", text);
        let (scheme, rest) = text.split_once(':').ok_or_else(bad)?;
        if !scheme.eq_ignore_ascii_case("pkg") || text.len() > 16 * 1024 {
            return Err(bad());
        }
        // From the right, as the specification says: a name may hold what separates the parts before it.
        let (rest, subpath) = rest.rsplit_once('#').unwrap_or((rest, ""));
        let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (package_type, rest) = rest.trim_start_matches('/').split_once('/').ok_or_else(bad)?;
        let type_fits = package_type.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
        if !type_fits || !package_type.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(bad());
        }
        let (path, version) = split_version(rest);
        let path = path.trim_matches('/');
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut purl = Self {
            package_type: package_type.to_ascii_lowercase(),
            namespace: namespace_of(namespace).ok_or_else(bad)?,
            name: decode(name).ok_or_else(bad)?,
            version: decode(version).ok_or_else(bad)?,
            qualifiers: BTreeMap::new(),
            subpath: subpath_of(subpath).ok_or_else(bad)?,
        };
        for pair in qualifiers.split('&').filter(|pair| !pair.is_empty()) {
            // A key without a value is as if it were not there.
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key_fits = key.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
                && key.starts_with(|c: char| c.is_ascii_alphabetic());
            let value = decode(value).ok_or_else(bad)?;
            let key = key.to_ascii_lowercase();
            if !key_fits || (!value.is_empty() && purl.qualifiers.contains_key(&key)) {
                return Err(bad());
            }
            purl.set(&key, &value);
        }
        purl.normalise();
        if purl.is_complete() { Ok(purl) } else { Err(bad()) }
    }
}

/// The version is behind the last at sign. One that begins a path segment with others behind it begins an npm scope.
fn split_version(path: &str) -> (&str, &str) {
    match path.rsplit_once('@') {
        Some((before, after)) if (before.is_empty() || before.ends_with('/')) && after.contains('/') => {
            (path, "")
        }
        // Here the name is missing.
        Some((before, version)) if before.ends_with('/') => ("", version),
        Some(split) => split,
        None => (path, ""),
    }
}

impl Purl {
    /// The rules of the registered types.
    fn normalise(&mut self) {
        match self.package_type.as_str() {
            "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "gitlab" | "hex" | "luarocks"
            | "vscode-extension" => {
                self.namespace.make_ascii_lowercase();
                self.name.make_ascii_lowercase();
            }
            "rpm" | "qpkg" => self.namespace.make_ascii_lowercase(),
            "cpan" => self.namespace.make_ascii_uppercase(),
            "bitnami" | "oci" => self.name.make_ascii_lowercase(),
            "pub" => self.name = self.name.to_ascii_lowercase().replace('-', "_"),
            "pypi" => self.name = Ecosystem::of("PyPI").lookup_name(&self.name).into_owned(),
            "huggingface" => self.version.make_ascii_lowercase(),
            "mlflow" if self.qualifier("repository_url").is_some_and(|url| url.contains("databricks")) => {
                self.name.make_ascii_lowercase();
            }
            _ => {}
        }
    }

    /// Whether there is what the type asks for.
    fn is_complete(&self) -> bool {
        let more = match self.package_type.as_str() {
            "swift" => !self.namespace.is_empty() && !self.version.is_empty(),
            "cran" => !self.version.is_empty(),
            _ => true,
        };
        more && !self.name.is_empty()
    }
}

fn namespace_of(text: &str) -> Option<String> {
    let segments: Vec<_> = text.split('/').map(decode).collect::<Option<_>>()?;
    // Some writers encode the slashes of a namespace too.
    let segments =
        segments.iter().flat_map(|segment| segment.split('/')).filter(|segment| !segment.is_empty());
    Some(segments.collect::<Vec<_>>().join("/"))
}

/// The subpath, which nothing may lead out of the package.
fn subpath_of(text: &str) -> Option<String> {
    let segments: Vec<_> = text.split('/').map(decode).collect::<Option<_>>()?;
    if segments.iter().any(|segment| segment.contains('/')) {
        return None;
    }
    let segments = segments.iter().map(String::as_str).filter(|segment| !matches!(*segment, "" | "." | ".."));
    Some(segments.collect::<Vec<_>>().join("/"))
}

fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let [high, low, after @ ..] = rest else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(*high)? << 4 | digit(*low)?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}", self.package_type)?;
        for segment in self.namespace.split('/').filter(|segment| !segment.is_empty()) {
            write!(f, "/{}", encode(segment))?;
        }
        write!(f, "/{}", encode(&self.name))?;
        if !self.version.is_empty() {
            write!(f, "@{}", encode(&self.version))?;
        }
        for (i, (key, value)) in self.qualifiers.iter().enumerate() {
            write!(f, "{}{key}={}", if i == 0 { '?' } else { '&' }, encode(value))?;
        }
        if !self.subpath.is_empty() {
            let segments: Vec<_> = self.subpath.split('/').map(encode).collect();
            write!(f, "#{}", segments.join("/"))?;
        }
        Ok(())
    }
}

/// Percent-encodes all but what the specification leaves as it is: letters, digits, `.-_~` and the colon.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
