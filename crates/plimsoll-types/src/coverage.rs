//! How far an image was looked at, and whether that is far enough to call it clean.
//!
//! A [`Coverage`] is stored beside every verdict and shown with it, so that zero findings never hide "could not look". It
//! knows nothing of findings: those are a join that changes with the advisories. Readers put the two together with
//! [`Coverage::health`].

use serde::{Deserialize, Serialize};

use crate::{Digest, Ecosystem, Problem, Timestamp};

/// The three states of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Looked, understood, found nothing.
    Healthy,
    /// Something was found.
    Unhealthy,
    /// Nothing was found, but not all of it could be judged; [`Conclusion::reason`] says why.
    NotApplicable,
}

impl Health {
    /// The word, as the JSON has it: `not-applicable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// What of an image was read and could be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// What all the rest amounts to.
    pub conclusion: Conclusion,
    /// The distribution, where one was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distro: Option<DistroCoverage>,
    /// The ecosystems that the packages belong to, sorted, with or without advisories for them.
    #[serde(default)]
    pub ecosystems: Vec<EcosystemCoverage>,
    /// The advisory database that was asked; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories: Option<AdvisoryCoverage>,
    /// The layers, lowest first; empty outside an image.
    #[serde(default)]
    pub layers: Vec<LayerCoverage>,
    /// Packages found.
    pub packages: u64,
    /// Packages among them that nobody publishes advisories for that we know how to read.
    pub packages_without_ecosystem: u64,
    /// Packages among them whose version is not known.
    pub packages_without_version: u64,
    /// Packages among them of which some advisories speak in ranges of versions whose order is not known to us.
    #[serde(default)]
    pub packages_partly_compared: u64,
    /// Unpacked bytes that passed the probe.
    pub unpacked_bytes: u64,
    /// What could not be read, at most [`Coverage::MAX_PROBLEMS`] of them.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// How many problems there were in all.
    pub problem_count: u64,
}

/// Whether the absence of findings would mean that the image is clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// All was read, understood and could be compared.
    pub complete: bool,
    /// Why it is not complete: one sentence for a person, without a full stop. `None` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A distribution and whether its packages can be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DistroCoverage {
    /// `ID`: `alpine`.
    pub id: String,
    /// `VERSION_ID`: `3.4.6`; empty for rolling releases.
    pub version: String,
    /// For a person: `Alpine Linux v3.4`.
    pub name: String,
    /// The ecosystem its packages are advised under, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<Ecosystem>,
    /// The last day on which its publisher gave fixes for this release to everybody, where that day is over. What was found
    /// since then may have been looked for in this release by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// An ecosystem of an image's packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcosystemCoverage {
    /// The ecosystem, with its release.
    pub ecosystem: Ecosystem,
    /// How many packages of the image belong to it.
    pub packages: u64,
    /// Whether the database has advisories for it. Without them, its packages were not judged.
    pub advisories_known: bool,
}

/// An advisory database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvisoryCoverage {
    /// Its generation; each change of the data makes a new one.
    pub generation: u64,
    /// When its feeds were last asked; in JSON in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339")]
    pub updated_at: Option<Timestamp>,
    /// How many days before the verdict that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_days: Option<u64>,
}

/// A layer and whether it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerCoverage {
    /// Its digest in the manifest, or its diff id where there is no manifest.
    pub digest: Digest,
    /// Whether all of it was read.
    pub read: bool,
    /// The command that made it, as the image's history has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
}

impl Coverage {
    /// Most problems that are kept.
    pub const MAX_PROBLEMS: usize = 200;

    /// The state of the image, once it is known whether it has findings.
    pub fn health(&self, has_findings: bool) -> Health {
        match (has_findings, self.conclusion.complete) {
            (true, _) => Health::Unhealthy,
            (false, true) => Health::Healthy,
            (false, false) => Health::NotApplicable,
        }
    }
}

/// An instant as a person reads it.
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Timestamp;

    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(|at| at.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_win_and_only_a_complete_look_is_healthy() {
        let coverage = |complete| Coverage {
            conclusion: Conclusion { complete, reason: None },
            distro: None,
            ecosystems: Vec::new(),
            advisories: Some(AdvisoryCoverage {
                generation: 7,
                updated_at: Some(Timestamp(1_000)),
                age_days: Some(0),
            }),
            layers: Vec::new(),
            packages: 0,
            packages_without_ecosystem: 0,
            packages_without_version: 0,
            packages_partly_compared: 0,
            unpacked_bytes: 0,
            problems: Vec::new(),
            problem_count: 0,
        };
        assert_eq!(coverage(true).health(true), Health::Unhealthy);
        assert_eq!(coverage(false).health(true), Health::Unhealthy);
        assert_eq!(coverage(true).health(false), Health::Healthy);
        assert_eq!(coverage(false).health(false), Health::NotApplicable);
        let json = serde_json::to_value(coverage(true)).unwrap();
        assert_eq!(json["advisories"]["updatedAt"], "1970-01-01T00:00:01Z");
        assert_eq!(serde_json::from_value::<Coverage>(json).unwrap(), coverage(true));
    }
}
