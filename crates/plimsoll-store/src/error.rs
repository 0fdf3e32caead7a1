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
    /// Another thing has the name or stands in the way.
    Conflict,
    /// A limit was passed: too many open uploads, too large.
    LimitExceeded,
    /// Its owner has switched off that this is done with it.
    Locked,
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    /// Whether the database undid the transaction only because another one was in its way.
    conflict: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a cause of its own.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), conflict: false, source: None }
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

    pub(crate) fn is_conflict(&self) -> bool {
        self.conflict
    }

    /// An error of the database. `attempt` continues "cannot …".
    pub(crate) fn database(attempt: &str, source: sqlx::Error) -> Self {
        // PostgreSQL's serialization_failure and deadlock_detected.
        let code = source.as_database_error().and_then(|error| error.code());
        let conflict = matches!(code.as_deref(), Some("40001" | "40P01"));
        let kind = match &source {
            sqlx::Error::Configuration(_) => ErrorKind::Misconfigured,
            sqlx::Error::Database(error) if !matches!(error.kind(), sqlx::error::ErrorKind::Other) => {
                ErrorKind::Corrupt
            }
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => ErrorKind::Corrupt,
            _ => ErrorKind::Unavailable,
        };
        Self { kind, message: format!("cannot {attempt}: {source}"), conflict, source: Some(source.into()) }
    }

    /// An error of the object store. `attempt` continues "cannot …".
    pub(crate) fn objects(attempt: &str, source: object_store::Error) -> Self {
        let kind = match &source {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            object_store::Error::UnknownConfigurationKey { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => ErrorKind::Misconfigured,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {attempt}: {source}")).because(source)
    }

    /// An error of the file system. `attempt` continues "cannot …".
    pub(crate) fn file(attempt: &str, path: &std::path::Path, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::NotADirectory => {
                ErrorKind::Misconfigured
            }
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {attempt} {}: {source}", path.display())).because(source)
    }

    /// Something stored that should never be so.
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// A blocking task that did not come to its end.
    pub(crate) fn stopped(source: tokio::task::JoinError) -> Self {
        Self::new(ErrorKind::Unavailable, "the process is stopping, or a task of it failed").because(source)
    }
}
