//! What can be wrong with a query, for the person who wrote it.

/// A place in the text of a query. Both count as Azure's own answers do: lines from 1, characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Characters before it on its line.
    pub character: u32,
}

impl Position {
    /// The place of a byte of the text.
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = &text[..text.floor_char_boundary(byte.min(text.len()))];
        let line = before.matches('\n').count() + 1;
        let character = before.chars().rev().take_while(|c| *c != '\n').count();
        Self {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            character: u32::try_from(character).unwrap_or(u32::MAX),
        }
    }
}

/// The kinds of errors, named by what the writer of the query can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not a query: mend it at the position.
    ParserFailure,
    /// The language has this, but it is not offered here: say it in another way.
    InvalidQueryLanguage,
    /// The text is a query, but it names what there is not, or puts together what does not fit.
    SemanticFailure,
    /// The text is larger than a query may be.
    QueryTooLarge,
    /// The query would take more rows, memory or work than it may: narrow it.
    LimitExceeded,
}

impl ErrorKind {
    /// The word for programs, as Azure Resource Graph uses it in the details of an error.
    pub fn code(self) -> &'static str {
        match self {
            Self::ParserFailure => "ParserFailure",
            Self::InvalidQueryLanguage => "InvalidQueryLanguage",
            Self::SemanticFailure => "SemanticFailure",
            Self::QueryTooLarge => "QueryTooLarge",
            Self::LimitExceeded => "LimitExceeded",
        }
    }
}

/// Why a query cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    position: Option<Position>,
    token: Option<String>,
    expected: Option<String>,
}

/// The longest part of a query that an error repeats.
const LONGEST_TOKEN: usize = 100;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, token: None, expected: None }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::LimitExceeded, message)
    }

    /// The query was stopped from outside, because it took too long.
    pub fn stopped() -> Self {
        Self::limit("the query took longer than it may; filter earlier, or ask for less at once")
    }

    pub(crate) fn at(mut self, text: &str, byte: usize, token: &str) -> Self {
        self.position = Some(Position::of(text, byte));
        self.token = Some(token.chars().take(LONGEST_TOKEN).collect());
        self
    }

    /// Names what it is about, without a place.
    pub(crate) fn about(mut self, token: &str) -> Self {
        self.token = Some(token.chars().take(LONGEST_TOKEN).collect());
        self
    }

    pub(crate) fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where in the text; `None` where the fault is in no one place.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The text at that place.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// What should have stood there.
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
