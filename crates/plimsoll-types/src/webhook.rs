//! A registry's webhook: where it is told what happens, and of what.
//!
//! The API keeps it as a document of the store; whoever delivers reads the same document with the same type.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::registry::{PolicyStatus, tags, words};
use crate::{ParseError, RepositoryName, Tag};

/// The document of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Where Azure would keep it; a word that is given back.
    pub location: String,
    /// Free labels.
    #[serde(default, deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
    /// What it does.
    pub properties: WebhookProperties,
}

/// What a webhook does.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookProperties {
    /// Where it is told, an `http` or `https` URI.
    pub service_uri: String,
    /// Headers that go with it; they may hold secrets.
    #[serde(default)]
    pub custom_headers: BTreeMap<String, String>,
    /// Whether it is told anything.
    #[serde(default = "enabled")]
    pub status: PolicyStatus,
    /// The repositories and tags that it is told of.
    #[serde(default)]
    pub scope: WebhookScope,
    /// What it is told of.
    pub actions: Vec<WebhookAction>,
}

/// Neither the URI nor the headers: both may hold secrets.
impl fmt::Debug for WebhookProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookProperties")
            .field("status", &self.status)
            .field("scope", &self.scope)
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}

impl WebhookProperties {
    /// Whether it is told of this action on this repository and tag. A deletion by digest has no tag; all that speak of
    /// the repository are told of it.
    pub fn wants(&self, action: WebhookAction, repository: &RepositoryName, tag: Option<&Tag>) -> bool {
        self.status == PolicyStatus::Enabled
            && self.actions.contains(&action)
            && self.scope.covers(repository, tag)
    }
}

fn enabled() -> PolicyStatus {
    PolicyStatus::Enabled
}

words! {
    /// What a webhook can be told of.
    WebhookAction {
        Push = "push",
        Delete = "delete",
        Quarantine = "quarantine",
        ChartPush = "chart_push",
        ChartDelete = "chart_delete",
    }
}

/// The repositories and tags that a webhook is told of: all where it is empty; `repo:*` means all tags of a repository,
/// `repo:tag` one, and `repo` is `repo:latest`. A `*` at the end of a repository's name means all that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookScope(String);

impl WebhookScope {
    /// The scope as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it covers this tag of this repository; without a tag, whether it speaks of the repository at all.
    pub fn covers(&self, repository: &RepositoryName, tag: Option<&Tag>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let (name, wanted) = self.0.split_once(':').unwrap_or((&self.0, "latest"));
        let fits = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
            Some(front) => text.starts_with(front),
            None => text == pattern,
        };
        fits(name, repository.as_str()) && tag.is_none_or(|tag| fits(wanted, tag.as_str()))
    }
}

impl FromStr for WebhookScope {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || {
            let expected = "a scope of a webhook: nothing, repository:tag, repository:* or repository";
            ParseError::new(expected, text)
        };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let (name, tag) = text.split_once(':').unwrap_or((text, "latest"));
        let name_fits = match name.strip_suffix('*') {
            // What is in front of the star is the beginning of a name: any letter would complete it.
            Some(front) => format!("{front}x").parse::<RepositoryName>().is_ok(),
            None => name.parse::<RepositoryName>().is_ok(),
        };
        let tag_fits = match tag.strip_suffix('*') {
            Some("") => true,
            Some(front) => front.parse::<Tag>().is_ok(),
            None => tag.parse::<Tag>().is_ok(),
        };
        if name_fits && tag_fits { Ok(Self(text.to_owned())) } else { Err(bad()) }
    }
}

impl Serialize for WebhookScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WebhookScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scope_covers_what_it_says() {
        let covers = |scope: &str, repository: &str, tag: Option<&str>| {
            let tag = tag.map(|tag| tag.parse::<Tag>().unwrap());
            scope.parse::<WebhookScope>().unwrap().covers(&repository.parse().unwrap(), tag.as_ref())
        };
        assert!(covers("", "any/thing", Some("v1")));
        assert!(covers("team/app:*", "team/app", Some("v1")));
        assert!(covers("team/app:v1", "team/app", Some("v1")));
        assert!(!covers("team/app:v1", "team/app", Some("v2")));
        assert!(covers("team/app", "team/app", Some("latest")));
        assert!(!covers("team/app", "team/app", Some("v1")));
        assert!(covers("team/*:*", "team/app", Some("v1")));
        assert!(!covers("team/app:*", "team/application", Some("v1")));
        assert!(covers("team/app:v1", "team/app", None), "a deletion by digest has no tag");
        assert!(!covers("team/app:v1", "team/other", None));
        for bad in ["Team", "a b", "app:", "app:v 1", ":v1", "app:v1:v2"] {
            assert!(bad.parse::<WebhookScope>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_is_read_and_wants_what_it_names() {
        let hook: Webhook = serde_json::from_value(json!({
            "location": "local",
            "properties": {
                "serviceUri": "https://hooks.example/?key=secret",
                "customHeaders": {"Authorization": "Bearer secret"},
                "actions": ["Push", "delete"],
            }
        }))
        .unwrap();
        let name: RepositoryName = "app".parse().unwrap();
        assert!(hook.properties.wants(WebhookAction::Push, &name, None));
        assert!(!hook.properties.wants(WebhookAction::Quarantine, &name, None));
        assert!(!format!("{hook:?}").contains("secret"));
        assert_eq!(serde_json::to_value(&hook).unwrap()["properties"]["actions"], json!(["push", "delete"]));
    }
}
