//! Why somebody is not let in.

use std::time::Duration;

/// The answer, or why there is none.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, by who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's credentials.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The settings: a name that is no address, an address that must not be asked.
    #[error("{0}")]
    Misconfigured(String),
    /// The machine gives no random numbers, or cannot compute.
    #[error("{0}")]
    Broken(&'static str),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] plimsoll_store::Error),
}

/// Why credentials are refused. The texts may be shown: none says whether a name exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They are not good (any more).
    #[error("{0}")]
    Invalid(&'static str),
    /// Too many wrong ones came before.
    #[error("too many logins failed; try again in {} s", .0.as_secs().max(1))]
    TooMany(Duration),
    /// They cannot be judged now: the identity provider does not answer, or too many wait.
    #[error("{0}")]
    Unavailable(&'static str),
}
