//! How bad: what the publishers say of it, and which of their words is shown.
//!
//! All that an advisory says is kept ([`Facts`]). The one severity that is shown is chosen in this order
//! ([`CHOICE_VERSION`] 1):
//!
//! 1. the word for this very package: `affected[].ecosystem_specific.severity` or `urgency` (Debian, Ubuntu), or a
//!    severity of type `Ubuntu`. Whoever built the package knows what the flaw means in it;
//! 2. the CVSS assessment of the newest CVSS version, the highest score where there are several;
//! 3. the word for the whole advisory: `database_specific.severity`; the first word of a summary of AlmaLinux, Rocky
//!    Linux and Red Hat (`Important: podman security update`), who have no other place for it; and for RustSec's
//!    `unmaintained` and `notice`, which are no flaws, `Negligible`.
//!
//! Where several advisories speak of one vulnerability, the first that says anything wins, in the order of
//! [`Authority`](crate::osv::Authority); of two of the same standing, the worse.

use plimsoll_types::Severity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::osv::{Affected, Rating, Record, Specific};

/// The version of the order of choice. Reports of different orders cannot be compared.
pub const CHOICE_VERSION: u32 = 1;

/// Bytes of a vector.
const MAX_VECTOR_BYTES: usize = 500;
/// Assessments that are kept of one record or one package.
const MAX_SCORES: usize = 20;

/// What an advisory says of how bad it is, for the whole of it or for one package.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// CVSS assessments, newest version first, higher score first.
    pub scores: Vec<Score>,
    /// The word for this very package.
    pub package_word: Option<Severity>,
    /// The word for the whole advisory.
    pub word: Option<Severity>,
}

/// A CVSS assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// `2.0`, `3.0`, `3.1` or `4.0`.
    pub version: String,
    /// The vector; empty where the publisher gives only the number.
    pub vector: String,
    /// The base score, 0 to 10.
    pub score: f64,
}

impl Facts {
    /// What a record says for all its packages.
    pub fn of_record(record: &Record, ecosystem: &str) -> Self {
        let specific = &record.database_specific;
        let mut scores = scores(&record.severity);
        for (version, number) in
            [("2.0", &specific.cvss_v2), ("3.0", &specific.cvss_v3), ("4.0", &specific.cvss_v4)]
        {
            if let Some(score) = number.as_ref().and_then(Value::as_f64).filter(|s| (0.0..=10.0).contains(s))
            {
                scores.push(Score { version: version.to_owned(), vector: String::new(), score });
            }
        }
        let in_summary = matches!(ecosystem, "AlmaLinux" | "Rocky Linux" | "Red Hat")
            .then(|| record.summary.split_once(':'))
            .flatten()
            .and_then(|(first, _)| word(first));
        Self {
            scores: in_order(scores),
            package_word: ubuntu_word(&record.severity),
            word: spoken(&specific.severity).or(in_summary),
        }
    }

    /// What a record says for one package.
    pub fn of_package(affected: &Affected) -> Self {
        let Affected { ecosystem_specific, database_specific, .. } = affected;
        let package_word = ubuntu_word(&affected.severity)
            .or_else(|| spoken(&ecosystem_specific.severity))
            .or_else(|| spoken(&ecosystem_specific.urgency))
            .or_else(|| spoken(&database_specific.urgency));
        let only_a_notice = |specific: &Specific| {
            let kind = specific.informational.as_ref().and_then(Value::as_str);
            matches!(kind, Some("unmaintained" | "notice")).then_some(Severity::Negligible)
        };
        let word = spoken(&database_specific.severity).or_else(|| only_a_notice(database_specific));
        Self { scores: in_order(scores(&affected.severity)), package_word, word }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The severity that is shown, by the order of choice.
    pub fn choose(&self) -> Severity {
        let by_score = || self.scores.first().map(|score| band(&score.version, score.score));
        self.package_word.or_else(by_score).or(self.word).unwrap_or_default()
    }

    /// The facts of one package together with those of its whole record; the package's own come first.
    pub fn with_record(mut self, record: Facts) -> Facts {
        for score in record.scores {
            if !self.scores.contains(&score) {
                self.scores.push(score);
            }
        }
        Facts {
            scores: in_order(self.scores),
            package_word: self.package_word.or(record.package_word),
            word: self.word.or(record.word),
        }
    }
}

/// Scores a CVSS vector of version 2 (also in parentheses, as NVD wrote them), 3.0, 3.1 or 4.0. The temporal and
/// environmental metrics of version 3 do not count: this is the base score.
pub fn score(vector: &str) -> Option<Score> {
    let vector = vector.trim();
    let bare = vector.strip_prefix('(').and_then(|v| v.strip_suffix(')')).unwrap_or(vector);
    if bare.len() > MAX_VECTOR_BYTES {
        return None;
    }
    let cvss: cvss::Cvss = bare.parse().ok()?;
    let (version, mandatory) = match cvss {
        cvss::Cvss::CvssV20(_) => ("2.0", "AV AC Au C I A"),
        cvss::Cvss::CvssV30(_) => ("3.0", "AV AC PR UI S C I A"),
        cvss::Cvss::CvssV31(_) => ("3.1", "AV AC PR UI S C I A"),
        cvss::Cvss::CvssV40(_) => ("4.0", "AV AC AT PR UI VC VI VA SC SI SA"),
        _ => return None,
    };
    // The parser takes a vector without some of its base metrics for harmless; it is no assessment at all.
    let has = |metric: &str| bare.split('/').any(|part| part.split(':').next() == Some(metric));
    if !mandatory.split(' ').all(has) {
        return None;
    }
    // To one decimal, as all versions of CVSS give it; the sum of floating-point steps may be a hair beside it.
    let score = (cvss.score() * 10.0).round() / 10.0;
    (0.0..=10.0).contains(&score).then(|| Score {
        version: version.to_owned(),
        vector: bare.to_owned(),
        score,
    })
}

/// The word for a base score (CVSS 3.1 and 4.0, "Qualitative severity rating scale"; for version 2 that of NVD).
pub fn band(version: &str, score: f64) -> Severity {
    match score {
        s if version.starts_with('2') => match s {
            s if s >= 7.0 => Severity::High,
            s if s >= 4.0 => Severity::Medium,
            _ => Severity::Low,
        },
        s if s >= 9.0 => Severity::Critical,
        s if s >= 7.0 => Severity::High,
        s if s >= 4.0 => Severity::Medium,
        s if s > 0.0 => Severity::Low,
        _ => Severity::Negligible,
    }
}

fn scores(ratings: &[Rating]) -> Vec<Score> {
    ratings.iter().filter_map(|rating| score(&rating.score)).collect()
}

fn in_order(mut scores: Vec<Score>) -> Vec<Score> {
    scores.sort_by(|a, b| b.version.cmp(&a.version).then(b.score.total_cmp(&a.score)));
    scores.truncate(MAX_SCORES);
    scores
}

fn ubuntu_word(ratings: &[Rating]) -> Option<Severity> {
    ratings.iter().filter(|rating| rating.kind == "Ubuntu").find_map(|rating| word(&rating.score))
}

fn spoken(value: &Option<Value>) -> Option<Severity> {
    word(value.as_ref()?.as_str()?)
}

/// A publisher's word. `not yet assigned`, `untriaged` and `end-of-life` say nothing; Debian marks a guess with stars.
fn word(text: &str) -> Option<Severity> {
    let severity = text.trim().trim_end_matches('*').parse().ok()?;
    (severity != Severity::Unknown).then_some(severity)
}

#[cfg(test)]
mod tests;
