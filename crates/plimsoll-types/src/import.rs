//! What a client asks for when it imports an image: from where, under which names, over what is there or not.
//!
//! The body of `importImage` is read into these types by the API; whoever copies reads nothing else. Credentials are a value
//! of their own, so that a request can be kept and shown without them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Reference, RepositoryName, ResourceId, Tag};

/// An import, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportRequest {
    /// What is copied.
    pub source: Source,
    /// The names that it gets here.
    pub targets: Vec<Target>,
    /// Repositories that get it without a tag.
    pub untagged: Vec<RepositoryName>,
    /// Whether a tag that is there already may be moved.
    pub mode: Mode,
}

/// What is copied: an image of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The registry.
    pub place: Place,
    /// The repository there.
    pub repository: RepositoryName,
    /// Tag or digest.
    #[serde(with = "as_text")]
    pub reference: Reference,
}

/// The registry that is copied from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Another of our own, or the same: its resource id.
    Registry(ResourceId),
    /// Any other, by its host with an optional port: `docker.io`, `registry.example:5000`.
    Host(String),
}

/// A name that an import sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
}

/// Whether a tag that is there already may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Mode {
    /// No: where one of the tags is there, nothing is copied.
    #[default]
    NoForce,
    /// Yes.
    Force,
}

/// What opens the source. It is never shown: `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user. Absent where the password is a token.
    pub username: Option<String>,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Reference;

    pub(super) fn serialize<S: Serializer>(reference: &Reference, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(reference)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_be_kept_and_read_again() {
        let request = ImportRequest {
            source: Source {
                place: Place::Host("docker.io".into()),
                repository: "library/alpine".parse().unwrap(),
                reference: "3.20".parse().unwrap(),
            },
            targets: vec![Target { repository: "alpine".parse().unwrap(), tag: "3".parse().unwrap() }],
            untagged: vec!["base/alpine".parse().unwrap()],
            mode: Mode::Force,
        };
        let kept = serde_json::to_value(&request).unwrap();
        assert_eq!(kept["source"]["reference"], "3.20");
        assert_eq!(kept["source"]["place"]["host"], "docker.io");
        assert_eq!(serde_json::from_value::<ImportRequest>(kept).unwrap(), request);
    }

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials { username: Some("u".into()), password: "hunter2".into() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
