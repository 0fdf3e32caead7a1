//! Which walls stand around a probe, and what they refused when it was tried.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// What a probe says of its own walls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct WallReport {
    /// The walls, in the order in which they were built.
    pub walls: Vec<Wall>,
    /// What was tried inside them.
    pub attempts: Vec<Attempt>,
}

impl WallReport {
    /// Whether every needed wall stands and every attempt was refused.
    pub fn is_sound(&self) -> bool {
        self.missing().next().is_none() && self.allowed().next().is_none()
    }

    /// The walls that are needed and could not be built.
    pub fn missing(&self) -> impl Iterator<Item = &Wall> {
        self.walls.iter().filter(|wall| wall.state == WallState::Missing)
    }

    /// What should have been refused and was not.
    pub fn allowed(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Allowed)
    }

    /// The report as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Into a growing vector, of plain derived data: there is nothing that can fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// Reads a report: it must be whole, with nothing behind it.
    pub fn decode(bytes: &[u8]) -> Result<Self, ParseError> {
        match postcard::take_from_bytes(bytes) {
            Ok((report, [])) => Ok(report),
            _ => Err(ParseError::new("one whole report of the probe's walls", "other bytes")),
        }
    }
}

/// One wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Which one.
    pub kind: WallKind,
    /// Whether it stands.
    pub state: WallState,
    /// How strong it is, or why it is not there; for a person.
    pub detail: String,
}

/// The walls, in the order in which they are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WallKind {
    /// Nothing was handed down in the environment.
    Environment,
    /// No descriptor but the three pipes.
    Descriptors,
    /// Limits of memory, CPU time, processes, descriptors and files.
    ResourceLimits,
    /// Not root, no capabilities.
    Privileges,
    /// No program that it starts could gain privileges.
    NoNewPrivileges,
    /// No other process of the same user can look into it, and it leaves no core dump.
    NotDumpable,
    /// It ends with its parent.
    DiesWithParent,
    /// Its own network, process and user namespaces.
    Namespaces,
    /// No path, no port, no signal (Landlock).
    Landlock,
    /// No system call but the few it needs (seccomp).
    SystemCalls,
}

impl WallKind {
    /// The name, for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Descriptors => "descriptors",
            Self::ResourceLimits => "resource limits",
            Self::Privileges => "privileges",
            Self::NoNewPrivileges => "no new privileges",
            Self::NotDumpable => "not dumpable",
            Self::DiesWithParent => "dies with parent",
            Self::Namespaces => "namespaces",
            Self::Landlock => "Landlock",
            Self::SystemCalls => "system calls (seccomp)",
        }
    }
}

impl fmt::Display for WallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WallState {
    /// It stands.
    Stands,
    /// It does not, and the others hold without it.
    NotNeeded,
    /// It does not, and without it nothing should be read.
    Missing,
}

/// One thing that a probe must not be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried, for a person: `open a file for reading`.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an [`Attempt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was refused, in these words.
    Refused(String),
    /// It was not.
    Allowed,
}
