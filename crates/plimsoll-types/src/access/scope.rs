//! Scopes: where an assignment counts.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ParseError, RepositoryName};

/// The longest scope that is read.
const MAX_BYTES: usize = 1024;

/// A place in the hierarchy: `/`, a management group, a subscription, a resource group, a resource, and below a registry
/// `…/registries/NAME/repositories/REPOSITORY`. Compares without case.
///
/// A repository is not a folder: `repositories/team` is that one repository and not `team/app`. All that begin with
/// `team/` are written `repositories/team/*`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessScope {
    text: String,
    /// In lower case, without a slash at the end: the root is the empty text.
    key: String,
}

impl AccessScope {
    /// Everything.
    pub fn root() -> Self {
        Self { text: "/".to_owned(), key: String::new() }
    }

    /// A repository of the registry that this scope is.
    pub fn repository(&self, name: &RepositoryName) -> Self {
        let text = format!("{}/repositories/{name}", self.text);
        Self { key: text.to_ascii_lowercase(), text }
    }

    /// The text as it was first written, with one slash where there were several.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same in lower case, `/` for the root: what databases compare.
    pub fn key(&self) -> &str {
        if self.key.is_empty() { "/" } else { &self.key }
    }

    /// Whether this is `other`, or `other` lies below.
    pub fn contains(&self, other: &Self) -> bool {
        if self.key.is_empty() || self.key == other.key {
            return true;
        }
        if self.is_management_group() {
            // There is one hierarchy: whatever a group is called, all subscriptions are in it.
            return other.key.starts_with("/subscriptions/");
        }
        if let Some(repository) = repository_in(&self.key) {
            let Some(prefix) = repository.strip_suffix('*') else { return false };
            let front = &self.key[..self.key.len() - repository.len()];
            return other.key.strip_prefix(front).is_some_and(|name| name.starts_with(prefix));
        }
        other.key.strip_prefix(&self.key).is_some_and(|rest| rest.starts_with('/'))
    }

    fn is_management_group(&self) -> bool {
        self.key.starts_with("/providers/microsoft.management/managementgroups/")
    }
}

/// What stands behind `…/registries/NAME/repositories/`. Groups and registries may be called `repositories` themselves.
fn repository_in(key: &str) -> Option<&str> {
    let (_, rest) = key.split_once("/providers/microsoft.containerregistry/registries/")?;
    let (_, rest) = rest.split_once('/')?;
    rest.strip_prefix("repositories/")
}

impl FromStr for AccessScope {
    type Err = ParseError;

    /// Reads a scope. It begins with a slash, which may be missing; doubled slashes and one at the end do not count.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new("a scope: /, /subscriptions/… or /providers/Microsoft.Management/managementGroups/NAME", text)
        };
        let printable = |b: u8| b.is_ascii_graphic() || b == b' ' || b >= 0x80;
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(printable) {
            return Err(wrong());
        }
        let mut clean = String::with_capacity(text.len() + 1);
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            if matches!(segment, "." | "..") {
                return Err(wrong());
            }
            clean.push('/');
            clean.push_str(segment);
        }
        let key = clean.to_ascii_lowercase();
        if key.is_empty() {
            return Ok(Self::root());
        }
        let repository = repository_in(&key);
        if let Some(repository) = repository {
            let name = repository.strip_suffix("/*").unwrap_or(repository);
            name.parse::<RepositoryName>()?;
        }
        // A star means something behind a repository, and nowhere else: it must not look as if it did.
        let is_place = key.starts_with("/subscriptions/") || key.starts_with("/providers/");
        if !is_place || (key.contains('*') && repository.is_none()) {
            return Err(wrong());
        }
        Ok(Self { text: clean, key })
    }
}

impl PartialEq for AccessScope {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for AccessScope {}

impl Hash for AccessScope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for AccessScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for AccessScope {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<AccessScope> for String {
    fn from(scope: AccessScope) -> Self {
        scope.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/subscriptions/S/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";

    fn scope(text: &str) -> AccessScope {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_scope_holds_what_lies_below_it_and_nothing_beside_it() {
        let app = scope(&format!("{REGISTRY}/repositories/team/app"));
        for holder in [
            "/",
            "/providers/Microsoft.Management/managementGroups/any",
            "/subscriptions/s",
            "/SUBSCRIPTIONS/s/resourcegroups/G/",
            REGISTRY,
            &format!("{REGISTRY}/repositories/team/app"),
            &format!("{REGISTRY}/repositories/team/*"),
        ] {
            assert!(scope(holder).contains(&app), "{holder}");
        }
        for other in [
            "/subscriptions/s2",
            "/subscriptions/s/resourceGroups/g2",
            &format!("{REGISTRY}2"),
            &format!("{REGISTRY}/repositories/team"),
            &format!("{REGISTRY}/repositories/te/*"),
            &format!("{REGISTRY}/repositories/team/app2"),
            &format!("{REGISTRY}/repositories/team/app/*"),
        ] {
            assert!(!scope(other).contains(&app), "{other}");
        }
        assert!(!scope("/subscriptions/s").contains(&AccessScope::root()));
        assert!(!scope("/providers/Microsoft.Management/managementGroups/any").contains(&AccessScope::root()));
    }

    #[test]
    fn a_group_may_be_called_repositories() {
        let group = scope("/subscriptions/s/resourceGroups/repositories");
        let inside = "/providers/Microsoft.ContainerRegistry/registries/repositories";
        let registry = scope(&format!("{group}{inside}"));
        assert!(group.contains(&registry));
        assert!(registry.contains(&registry.repository(&"team/app".parse().unwrap())));
    }

    #[test]
    fn a_scope_is_compared_without_case_and_shown_as_it_was_written() {
        let mine = scope("subscriptions//S/resourceGroups/G/");
        assert_eq!(mine, scope("/SUBSCRIPTIONS/s/RESOURCEGROUPS/g"));
        assert_eq!(mine.as_str(), "/subscriptions/S/resourceGroups/G");
        assert_eq!((scope("//").as_str(), scope("/").key()), ("/", "/"));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        let long = format!("/subscriptions/{}", "a".repeat(2000));
        for text in [
            "",
            "everything",
            "/subscriptions/../x",
            "/subscriptions/a\nb",
            "/subscriptions/*",
            &long,
            &format!("{REGISTRY}/repositories/Team"),
            &format!("{REGISTRY}/repositories/*/app"),
        ] {
            assert!(text.parse::<AccessScope>().is_err(), "{text}");
        }
    }
}
