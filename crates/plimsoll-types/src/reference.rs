//! Repository names, tags and references (OCI distribution specification, "Pulling manifests").

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, ParseError};

/// A repository name: lower-case components joined by `/`, at most 255 bytes in all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fits = text.len() <= 255 && text.split('/').all(is_component);
        let expected =
            "a repository name such as team/app: lower-case letters and digits, joined by . _ __ - or /";
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseError::new(expected, text)) }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends_in_words = component.starts_with(word) && component.ends_with(word);
    ends_in_words
        && component
            .split(word)
            .filter(|s| !s.is_empty())
            .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

impl TryFrom<String> for RepositoryName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tag: a letter, digit or `_`, then up to 127 of these, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let mut bytes = text.bytes();
        let fits = text.len() <= 128
            && bytes.next().is_some_and(word)
            && bytes.all(|b| word(b) || b == b'.' || b == b'-');
        let expected = "a tag: a letter, digit or _, then at most 127 of these, . or -";
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseError::new(expected, text)) }
    }
}

impl TryFrom<String> for Tag {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a manifest inside a repository. A text with a colon is a digest, any other is a tag; there is no third.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A movable name.
    Tag(Tag),
    /// The content itself.
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// An image somewhere in the world: `host[:port]/repository[:tag][@digest]`, as users type it.
///
/// A missing host means Docker Hub (`docker.io`), where a one-word name lives under `library/`; a missing tag means `latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Host with an optional port: `localhost:5000`, `docker.io`.
    pub host: String,
    /// The repository there.
    pub repository: RepositoryName,
    /// Tag or digest; a digest wins where both were typed.
    pub reference: Reference,
}

impl FromStr for ImageReference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || {
            ParseError::new("an image reference such as host:5000/team/app:1.2 or host/app@sha256:…", text)
        };
        let (head, rest) = text.split_once('/').unwrap_or(("", text));
        let is_host = head.contains(['.', ':']) || head == "localhost";
        let (host, rest) = if is_host { (head, rest) } else { ("docker.io", text) };
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (name, tag) = match rest.split_once(':') {
            Some((name, tag)) => (name, tag),
            None => (rest, "latest"),
        };
        let on_hub = host == "docker.io" && !name.contains('/');
        let name = if on_hub { format!("library/{name}") } else { name.to_owned() };
        let tag: Tag = tag.parse().map_err(|_| bad())?;
        let host_fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        if !host_fits {
            return Err(bad());
        }
        Ok(Self {
            host: host.to_owned(),
            repository: name.parse().map_err(|_| bad())?,
            reference: match digest {
                Some(digest) => Reference::Digest(digest.parse().map_err(|_| bad())?),
                None => Reference::Tag(tag),
            },
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if matches!(self.reference, Reference::Digest(_)) { '@' } else { ':' };
        write!(f, "{}/{}{separator}{}", self.host, self.repository, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_specification() {
        for good in ["a", "team/app", "a.b_c__d---e/f0", "0/1"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in
            ["", "/", "a/", "A", "a..b", "a___b", "a._b", "-a", "a-", "a//b", "../a", "a b", "é", &long]
        {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_colon_makes_a_digest() {
        assert!(matches!("v1.0-rc_1".parse(), Ok(Reference::Tag(_))));
        assert!("sha256:12".parse::<Reference>().is_err());
        assert!(".hidden".parse::<Reference>().is_err());
        assert!("a".repeat(129).parse::<Tag>().is_err());
    }

    #[test]
    fn image_references_get_their_defaults() {
        let show = |text: &str| text.parse::<ImageReference>().map(|r| r.to_string()).unwrap_or_default();
        assert_eq!(show("alpine"), "docker.io/library/alpine:latest");
        assert_eq!(show("team/app:1"), "docker.io/team/app:1");
        assert_eq!(show("localhost:5000/app"), "localhost:5000/app:latest");
        let digest = Digest::sha256(b"");
        assert_eq!(show(&format!("r.example/a/b:1@{digest}")), format!("r.example/a/b@{digest}"));
        assert_eq!(show("r.example/A"), "");
    }
}
