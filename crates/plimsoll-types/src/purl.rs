//! Package URLs (package-url/purl-spec, "Rules for each purl component").

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::ParseError;

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
        let rest = rest.trim_matches('/');
        let (package_type, rest) = rest.split_once('/').ok_or_else(bad)?;
        let (path, version) = match rest.rsplit_once('@') {
            // `@scope/name` without a version: the at sign belongs to the namespace.
            Some((path, version)) if !version.contains('/') && !path.is_empty() => (path, version),
            _ => (rest, ""),
        };
        let type_fits = package_type.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-".contains(&b));
        if !type_fits || !package_type.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(bad());
        }
        let segments = decoded_segments(path).ok_or_else(bad)?;
        let (name, namespace) = segments.split_last().ok_or_else(bad)?;
        let mut purl = Self {
            package_type: package_type.to_ascii_lowercase(),
            namespace: namespace.join("/"),
            name: name.clone(),
            version: decode(version).ok_or_else(bad)?,
            qualifiers: BTreeMap::new(),
            subpath: decoded_segments(subpath).ok_or_else(bad)?.join("/"),
        };
        for pair in qualifiers.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(bad)?;
            let key_fits = key.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
                && key.starts_with(|c: char| c.is_ascii_alphabetic());
            if !key_fits {
                return Err(bad());
            }
            purl.set(key, &decode(value).ok_or_else(bad)?);
        }
        purl.normalise();
        Ok(purl)
    }
}

impl Purl {
    /// The case rules of the types (purl-spec, "Known purl types").
    fn normalise(&mut self) {
        match self.package_type.as_str() {
            "deb" | "apk" | "alpm" | "bitbucket" | "github" | "composer" | "hex" => {
                self.namespace.make_ascii_lowercase();
                self.name.make_ascii_lowercase();
            }
            "rpm" => self.namespace.make_ascii_lowercase(),
            "pypi" => self.name = self.name.to_lowercase().replace('_', "-"),
            "bitnami" => self.name.make_ascii_lowercase(),
            _ => {}
        }
    }
}

fn decoded_segments(path: &str) -> Option<Vec<String>> {
    path.split('/').filter(|segment| !matches!(*segment, "" | "." | "..")).map(decode).collect()
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
            let hex = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
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
mod tests {
    use super::*;

    #[test]
    fn what_syft_writes_is_read_and_written_back() {
        for text in [
            "pkg:deb/debian/libc6@2.31-13?distro=debian-11&upstream=glibc%402.31-13",
            "pkg:rpm/redhat/perl-Errno@1.28-416.el8?arch=x86_64&epoch=4",
            "pkg:npm/%40babel/core@7.0.0-beta.1%2Bbuild",
            "pkg:golang/golang.org/x/net@v0.1.0#http2/hpack",
            "pkg:apk/alpine/musl@1.1.14-r15",
        ] {
            assert_eq!(text.parse::<Purl>().unwrap().to_string(), text);
        }
        let purl: Purl = "pkg:deb/debian/libc6@2.31-13?upstream=glibc%402.31-13&empty=".parse().unwrap();
        assert_eq!((purl.qualifier("upstream"), purl.qualifier("empty")), (Some("glibc@2.31-13"), None));
    }

    #[test]
    fn the_rules_of_the_specification_hold() {
        let parse = |text: &str| text.parse::<Purl>().map(|purl| purl.to_string()).unwrap_or_default();
        assert_eq!(parse("PKG://NPM/%40scope/Name"), "pkg:npm/%40scope/Name");
        assert_eq!(parse("pkg:npm/@scope/name"), "pkg:npm/%40scope/name");
        assert_eq!(parse("pkg:pypi/Django_Rest@1"), "pkg:pypi/django-rest@1");
        assert_eq!(
            parse("pkg:GitHub/Package-url/Purl-Spec@244fd47"),
            "pkg:github/package-url/purl-spec@244fd47"
        );
        for bad in ["", "pkg:npm", "pkg:npm/", "npm/a@1", "pkg:n~pm/a", "pkg:npm/a%zz", "pkg:npm/a?1=2"] {
            assert_eq!(parse(bad), "", "{bad}");
        }
    }
}
