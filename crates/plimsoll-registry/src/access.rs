//! Who may do what. Every request passes here once for each repository it touches, and nowhere else.
//!
//! Today the registry is open, as on loopback it should be. The place is kept single so that no verb is ever forgotten:
//! CVE-2026-41888 was a tag deletion that went round the check of manifest deletions.

use http::HeaderMap;
use plimsoll_types::RepositoryName;

use crate::errors::Error;

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Know that this is a registry, and which repositories it has.
    Look,
    /// Read what a repository holds, or be told that it is there (HEAD).
    Pull,
    /// Put something into a repository, unfinished uploads included.
    Push,
    /// Take something out of a repository.
    Delete,
}

/// Decides whether the sender of `_headers` may do `_verb` in `_repository` (none: the registry as a whole).
pub(crate) fn decide(
    _headers: &HeaderMap,
    _verb: Verb,
    _repository: Option<&RepositoryName>,
) -> Result<(), Error> {
    Ok(())
}
