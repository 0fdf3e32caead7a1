//! What can go wrong on the way to a verdict, by what the caller can do about it.

/// The result of a step of the conveyor.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Mend what was typed: a target, a platform, a feed.
    Usage,
    /// Look elsewhere: the named thing is not there.
    NotFound,
    /// Log in, or ask for access.
    Denied,
    /// Try later: a registry, a feed, a disk or a database did not answer.
    Unavailable,
    /// Do not trust it: the content contradicts its own name or cannot be understood.
    Damaged,
    /// A limit was passed.
    TooLarge,
    /// Mend the machine: the probe cannot be sealed, or cannot be started.
    Sandbox,
    /// Wait: another process does the same at the moment.
    Busy,
}

/// An error of the conveyor.
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

    /// The message with those of its causes, in one line. See [`in_one_line`].
    pub fn chain(&self) -> String {
        in_one_line(self)
    }

    /// A file that could not be used.
    pub(crate) fn file(action: &str, path: &std::path::Path, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {action} {}", path.display())).because(error)
    }
}

/// The message of an error with those of its causes, none twice in a row.
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // A chain is as long as the calls that made it; the limit is for one that bites its tail.
    for _ in 0..16 {
        let Some(error) = cause else { break };
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

impl From<plimsoll_advisory::Error> for Error {
    fn from(error: plimsoll_advisory::Error) -> Self {
        let kind = match error.kind() {
            plimsoll_advisory::ErrorKind::Missing => ErrorKind::NotFound,
            plimsoll_advisory::ErrorKind::Outdated | plimsoll_advisory::ErrorKind::Damaged => {
                ErrorKind::Damaged
            }
            plimsoll_advisory::ErrorKind::TooLarge => ErrorKind::TooLarge,
            plimsoll_advisory::ErrorKind::Io => ErrorKind::Unavailable,
        };
        Self::new(kind, error.to_string()).because(error)
    }
}

impl From<plimsoll_store::Error> for Error {
    fn from(error: plimsoll_store::Error) -> Self {
        let kind = match error.kind() {
            plimsoll_store::ErrorKind::NotFound => ErrorKind::NotFound,
            plimsoll_store::ErrorKind::Corrupt => ErrorKind::Damaged,
            // Trying again would not unlock it.
            plimsoll_store::ErrorKind::Locked => {
                return Self::new(ErrorKind::Busy, error.to_string()).because(error);
            }
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, "the store failed").because(error)
    }
}
