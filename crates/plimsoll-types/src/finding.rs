//! What is known about a package version: matches, their status and severity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::inventory::Confidence;
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
    /// The publisher will fix it some day: with the next update of another kind, or when it has the time.
    FixDeferred,
    /// The publisher looks after the package, or its whole release, no more.
    EndOfLife,
    /// Nobody can tell, for example because the version is not known.
    Unknown,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Affected,
        Self::Fixed,
        Self::NotAffected,
        Self::UnderInvestigation,
        Self::WillNotFix,
        Self::FixDeferred,
        Self::EndOfLife,
        Self::Unknown,
    ];

    /// Whether a package version of this status is a finding: what is fixed or not affected is none, and neither is what
    /// nobody can tell.
    pub fn is_finding(self) -> bool {
        match self {
            Self::Affected
            | Self::WillNotFix
            | Self::FixDeferred
            | Self::EndOfLife
            | Self::UnderInvestigation => true,
            Self::Fixed | Self::NotAffected | Self::Unknown => false,
        }
    }

    /// The word, as the JSON has it: `not-affected`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::NotAffected => "not-affected",
            Self::UnderInvestigation => "under-investigation",
            Self::WillNotFix => "will-not-fix",
            Self::FixDeferred => "fix-deferred",
            Self::EndOfLife => "end-of-life",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Status {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| ParseError::new("a status such as affected or not-affected", text))
    }
}

/// Who said that what another called affected is no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuppressedBy {
    /// The publisher of the package: the distribution that built it.
    Publisher,
    /// The distribution that owns the files of a language's package; the word on its own package counts.
    Owner,
    /// A VEX document.
    Vex,
}

/// Why a match is no finding although an advisory calls the version affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Who said so.
    pub by: SuppressedBy,
    /// The advisory or document that says it.
    pub source: String,
    /// What it says: one sentence for a person, without a full stop.
    pub reason: String,
}

/// A fix for those who pay for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFix {
    /// The version.
    pub version: String,
    /// To whom it is given: `Ubuntu Pro (esm-infra)`.
    pub subscription: String,
}

/// That a package is not the distribution's own, although it lies among its packages.
///
/// Its versions follow rules of its builder's, and what the distribution fixed in its own package says nothing of it: whoever
/// compares them guesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThirdParty {
    /// Who built it, as far as its records tell: `Docker <support@docker.com>`; empty where only its version gives it away.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vendor: String,
    /// What told it: a sentence for a person, without a full stop.
    pub told_by: String,
    /// How sure it is that the advisory is about this package.
    pub confidence: Confidence,
}

/// What beside the verdict is known of a match: what a person asks for who doubts it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// Why it is no finding, where another's word was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
    /// Advisories of the same standing that say that this version is not affected; the verdict is the worse of the two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disputed_by: Vec<String>,
    /// The publisher's own words on its decision: `Minor issue`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// A fix that only subscribers get; it is never the fixed version of a match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_fix: Option<SubscriptionFix>,
    /// Whether a fix is announced and not there yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fix_is_announced: bool,
    /// Weaknesses, by their number in the CWE list: `CWE-79`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    /// What of the package has the flaw, as `path: Symbol, Symbol`: who does not use it is not concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<String>,
    /// Whether the package is somebody else's than the distribution's whose advisories it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party: Option<ThirdParty>,
}

impl Evidence {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
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
    /// A fix is announced.
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
    /// What else is known.
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
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
            (Status::WillNotFix | Status::EndOfLife, _) => FixStatus::WontFix,
            (_, Some(_)) => FixStatus::FixAvailable,
            (Status::Affected | Status::FixDeferred, None) if self.evidence.fix_is_announced => {
                FixStatus::Scheduled
            }
            (Status::Affected | Status::FixDeferred, None) => FixStatus::NoFixAvailable,
            _ => FixStatus::Unknown,
        }
    }

    /// The base score of CVSS 3.0 or 3.1, of the best source that has one.
    pub fn cvss_v3(&self) -> Option<f64> {
        self.cvss.iter().find(|cvss| cvss.version.starts_with("3.")).map(|cvss| cvss.score)
    }

    /// Whether it is a finding: what is fixed or not affected is none, and neither is what nobody can tell.
    pub fn is_finding(&self) -> bool {
        self.status.is_finding() && self.evidence.suppressed.is_none()
    }

    /// The highest base score, of the newest CVSS version that there is.
    pub fn best_cvss(&self) -> Option<&Cvss> {
        self.cvss.iter().max_by(|a, b| {
            (&a.version, a.score).partial_cmp(&(&b.version, b.score)).unwrap_or(std::cmp::Ordering::Equal)
        })
    }
}
