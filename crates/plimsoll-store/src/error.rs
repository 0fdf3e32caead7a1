//! What can go wrong, by what the caller can do about it.

/// The result of asking the store.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try later: database or blob store did not answer, is full, or is locked.
    Unavailable,
    /// Ask an operator: what is stored contradicts itself.
    Corrupt,
    /// Mend the settings.
    Misconfigured,
    /// The caller's own stream failed or broke off; nothing of the store is at fault.
    Interrupted,
    /// The digest of what was sent is not the digest that was named.
    DigestMismatch,
    /// An upload was continued at the wrong place; `expected_offset` of the upload tells the right one.
    WrongOffset,
    /// The named thing does not exist (any more).
    NotFound,
    /// A limit was passed: too many open uploads, too large.
    LimitExceeded,
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a cause of its own.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
