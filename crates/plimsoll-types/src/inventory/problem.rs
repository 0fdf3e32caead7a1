//! What went wrong while an image was read.

use serde::{Deserialize, Serialize};

/// Something that could not be read. It is shown with the verdict; what could not be judged is never counted as safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of thing it is.
    pub kind: ProblemKind,
    /// The file, where it is about one.
    pub path: Option<String>,
    /// One sentence for a person, without a full stop.
    pub message: String,
}

/// The kinds, named by what they mean for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// A limit was passed: size, ratio, entries, memory, time. What came before it was read.
    LimitExceeded,
    /// The layer ends too early or is damaged. What came before was read.
    Damaged,
    /// The content is not what the manifest or the configuration says.
    Mismatch,
    /// A format that Plimsoll does not read.
    Unsupported,
    /// The layer is not there to be read.
    Missing,
    /// The probe died.
    Crashed,
    /// One file that should name packages could not be understood; the rest was read.
    Unreadable,
}

impl Problem {
    /// A problem of a whole layer or image.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, path: None, message: message.into() }
    }

    /// A problem of one file.
    pub fn at(kind: ProblemKind, path: &str, message: impl Into<String>) -> Self {
        Self { kind, path: Some(path.to_owned()), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{path}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
