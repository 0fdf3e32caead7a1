//! The two generations of the contract. Azure changed its scanner, and with it the recommendation, the shape of a finding
//! and the words for severity. Clients of both are alive, so every finding is told under both keys.

use crate::Severity;

/// A generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Generation {
    /// `ContainerRegistryVulnerability`, made for Qualys.
    First = 1,
    /// `AzureContainerRegistryVulnerability`, made for Microsoft Defender Vulnerability Management.
    #[default]
    Second = 2,
}

impl Generation {
    /// Both, in the order in which lists tell them.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// The generation of an assessment key.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|generation| generation.key().eq_ignore_ascii_case(key))
    }

    /// The key of the recommendation: the name of the assessment.
    pub fn key(self) -> &'static str {
        match self {
            Self::First => "dbd0cb49-b563-45e7-9724-889e799fa648",
            Self::Second => "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5",
        }
    }

    /// The recommendation. Published queries look for the first one's text.
    pub fn recommendation(self) -> &'static str {
        match self {
            Self::First => "Container registry images should have vulnerability findings resolved",
            Self::Second => "Registry container images should have vulnerabilities resolved",
        }
    }

    /// The words for severities, worst first.
    pub fn severities(self) -> &'static [&'static str] {
        match self {
            Self::First => &["High", "Medium", "Low", "Unknown"],
            Self::Second => &["Critical", "High", "Medium", "Low", "Unknown"],
        }
    }

    /// The word for a severity. Neither generation knows negligible, the first does not know critical either; `Unknown`
    /// is in neither declaration, but every client lets it through, and any other word would be a claim.
    pub fn severity(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Critical if self == Self::First => "High",
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low | Severity::Negligible => "Low",
            Severity::Unknown => "Unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_severity_has_a_word_of_its_generation() {
        for generation in Generation::ALL {
            for severity in Severity::ALL {
                assert!(generation.severities().contains(&generation.severity(severity)));
            }
        }
        assert_eq!(Generation::First.severity(Severity::Critical), "High");
        assert_eq!(Generation::Second.severity(Severity::Critical), "Critical");
    }

    #[test]
    fn keys_are_known_in_any_case() {
        let shouted = "C0B7CFC6-3172-465A-B378-53C7FF2CC0D5";
        assert_eq!(Generation::of_key(shouted), Some(Generation::Second));
        assert_eq!(Generation::of_key("c609cf0f-71ab-41e9-a3c6-9a1f7fe1b8d5"), None);
    }
}
