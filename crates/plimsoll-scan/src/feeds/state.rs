//! What is remembered of the feeds between two updates. It is a hint: where it is lost, more is fetched than needed.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::advisories::write_aside;

/// Largest file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// All feeds of one location.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Where the data come from.
    pub(super) location: Option<String>,
    /// When all wanted ecosystems were asked with success.
    pub(super) checked_at: Option<Timestamp>,
    /// The ecosystems.
    #[serde(default)]
    pub(super) feeds: BTreeMap<String, FeedState>,
}

/// One ecosystem.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct FeedState {
    /// The list's validator, when the database was last brought to it.
    #[serde(default)]
    pub(super) list: Option<Validator>,
    /// When it was asked last with success.
    #[serde(default)]
    pub(super) checked_at: Option<Timestamp>,
    /// Why that did not succeed the last time.
    #[serde(default)]
    pub(super) failure: Option<String>,
    /// Where a publisher's own feed was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    /// The validators of a publisher's files, by their paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) files: BTreeMap<String, Validator>,
}

/// What a server gives to ask "has it changed?" with (RFC 9110, section 8.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Validator {
    /// The `ETag`.
    Tag(String),
    /// The `Last-Modified` date.
    Date(String),
}

impl State {
    /// What is remembered, or nothing.
    pub(super) fn load(folder: &Path) -> Self {
        let path = folder.join("feeds.json");
        let small = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= MAX_BYTES);
        let text = if small { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Takes over when others asked the same feeds, where that is later than what is remembered; says whether it is.
    pub(super) fn hear(&mut self, other: &Self) -> bool {
        if self.location != other.location {
            return false;
        }
        let is_news = self.checked_at < other.checked_at;
        self.checked_at = self.checked_at.max(other.checked_at);
        for (name, feed) in &mut self.feeds {
            let heard = other.feeds.get(name).and_then(|other| other.checked_at);
            feed.checked_at = feed.checked_at.max(heard);
        }
        is_news
    }

    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_aside(&folder.join("feeds.json"), &text)
    }
}

/// When the feeds of a folder were last asked with success.
pub(crate) fn last_checked(folder: &Path) -> Option<Timestamp> {
    State::load(folder).checked_at
}
