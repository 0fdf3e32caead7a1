//! What is known about a package version: matches, their status and severity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ParseError, Timestamp};

/// How bad a vulnerability is. The order is that of urgency, so that the maximum is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No source says anything.
    #[default]
    Unknown,
    /// CVSS 0, or the vendor's word for unimportant.
    Negligible,
    /// CVSS 0.1 to 3.9.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 7.0 to 8.9 (version 2: 7.0 to 10).
    High,
    /// CVSS 9.0 to 10.
    Critical,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Negligible, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word with a capital, as the wire has it: `High`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Negligible => "Negligible",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }

    /// A number for the databases; greater is worse.
    pub fn rank(self) -> i64 {
        self as i64
    }

    /// The severity of a number of [`Severity::rank`]; any other number is `Unknown`.
    pub fn from_rank(rank: i64) -> Self {
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied()).unwrap_or_default()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = ParseError;

    /// Takes the words of publishers, whatever their case; `moderate` and `important` are Red Hat's and GitHub's.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "unknown" => Self::Unknown,
            "negligible" | "none" | "unimportant" | "informational" => Self::Negligible,
            "low" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => {
                return Err(ParseError::new(
                    "a severity: unknown, negligible, low, medium, high or critical",
                    text,
                ));
            }
        })
    }
}

/// What an advisory says of a package version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The flaw is in this version.
    Affected,
    /// The flaw was in an older version.
    Fixed,
    /// The flaw never was in this package.
    NotAffected,
    /// The publisher has not decided yet.
    UnderInvestigation,
    /// The publisher will not fix it.
    WillNotFix,
    /// Nobody can tell, for example because the version is not known.
    Unknown,
}

impl Status {
    /// The word, as the JSON has it: `not-affected`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::NotAffected => "not-affected",
            Self::UnderInvestigation => "under-investigation",
            Self::WillNotFix => "will-not-fix",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether there is a fix, in the words of the second generation of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FixStatus {
    /// Nobody says.
    Unknown,
    /// A version with the fix is known.
    FixAvailable,
    /// No version with the fix is known.
    NoFixAvailable,
    /// A fix is announced. No advisory that is read says so.
    Scheduled,
    /// The publisher will not fix it.
    WontFix,
}

impl FixStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::FixAvailable, Self::NoFixAvailable, Self::Scheduled, Self::WontFix];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::FixAvailable => "FixAvailable",
            Self::NoFixAvailable => "NoFixAvailable",
            Self::Scheduled => "Scheduled",
            Self::WontFix => "WontFix",
        }
    }
}

/// One CVSS assessment, kept as its publisher gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// `2.0`, `3.0`, `3.1` or `4.0`.
    pub version: String,
    /// The vector.
    pub vector: String,
    /// The base score, 0 to 10.
    pub score: f64,
    /// The advisory that carries it.
    pub source: String,
}

/// A package version under a vulnerability: the facts of all its advisories, aliases merged to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// The canonical id: the CVE where the advisories name exactly one, else the advisory's own id.
    pub vulnerability: String,
    /// The ids of the advisories that say so, sorted.
    pub advisories: Vec<String>,
    /// All other names of the vulnerability, sorted.
    pub aliases: Vec<String>,
    /// What they say.
    pub status: Status,
    /// The lowest version above this one in which the flaw is fixed.
    pub fixed_version: Option<String>,
    /// The chosen severity.
    pub severity: Severity,
    /// All CVSS assessments, best source first.
    pub cvss: Vec<Cvss>,
    /// One line.
    pub summary: String,
    /// The longer text, where the publisher gave one.
    pub description: String,
    /// When the first of the advisories was published.
    pub published: Option<Timestamp>,
    /// When the last of the advisories was changed.
    pub modified: Option<Timestamp>,
    /// Links for a person, at most 20.
    pub references: Vec<String>,
    /// Whether a version that could not be parsed was compared, so that the match is weak.
    pub weak: bool,
}

impl Match {
    /// The CVE ids among the vulnerability and its aliases.
    pub fn cves(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.vulnerability)
            .chain(&self.aliases)
            .map(String::as_str)
            .filter(|id| id.starts_with("CVE-"))
    }

    /// The advisory's own line, or the vulnerability's id with the package where the publisher wrote none.
    pub fn title(&self, package: &str) -> String {
        match self.summary.trim() {
            "" => format!("{} in {package}", self.vulnerability),
            summary => summary.to_owned(),
        }
    }

    /// Whether there is a fix.
    pub fn fix_status(&self) -> FixStatus {
        match (self.status, &self.fixed_version) {
            (Status::WillNotFix, _) => FixStatus::WontFix,
            (_, Some(_)) => FixStatus::FixAvailable,
            (Status::Affected, None) => FixStatus::NoFixAvailable,
            _ => FixStatus::Unknown,
        }
    }

    /// The base score of CVSS 3.0 or 3.1, of the best source that has one.
    pub fn cvss_v3(&self) -> Option<f64> {
        self.cvss.iter().find(|cvss| cvss.version.starts_with("3.")).map(|cvss| cvss.score)
    }

    /// Whether it is a finding: what is fixed or not affected is none, and neither is what nobody can tell.
    pub fn is_finding(&self) -> bool {
        matches!(self.status, Status::Affected | Status::WillNotFix | Status::UnderInvestigation)
    }

    /// The highest base score, of the newest CVSS version that there is.
    pub fn best_cvss(&self) -> Option<&Cvss> {
        self.cvss.iter().max_by(|a, b| {
            (&a.version, a.score).partial_cmp(&(&b.version, b.score)).unwrap_or(std::cmp::Ordering::Equal)
        })
    }
}
