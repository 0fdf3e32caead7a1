//! A sub-assessment: one finding on one image, or the one row of an image without any.

use plimsoll_store::{FindingGroup, FindingRow, Hiding, ImageState, ImageSummary};
use plimsoll_types::coverage::Conclusion;
use plimsoll_types::{InstalledPackage, Match, Scope, Status as MatchStatus};
use serde::{Deserialize as _, Serialize};

use super::{Code, ResourceDetails, first, second, wording};
use crate::exemptions::Exempting;
use plimsoll_types::Generation;

/// `Microsoft.Security/assessments/subAssessments`.
#[derive(Debug, Serialize)]
pub(crate) struct SubAssessment<'a> {
    id: String,
    name: String,
    #[serde(rename = "type")]
    resource_type: &'static str,
    properties: Properties<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    /// Id of the vulnerability. The row of an image without findings has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    display_name: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_generated: Option<String>,
    resource_details: ResourceDetails,
    additional_data: AdditionalData<'a>,
}

#[derive(Debug, Serialize)]
struct Status {
    code: Code,
    /// For programs; empty where the code says it all.
    cause: &'static str,
    description: String,
    /// A row without a finding has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
}

/// The generations' own shapes. The Python client knows only the first by name; it hands the second out as it came.
#[derive(Debug, Serialize)]
#[serde(tag = "assessedResourceType")]
enum AdditionalData<'a> {
    #[serde(rename = "ContainerRegistryVulnerability")]
    First(first::AdditionalData<'a>),
    #[serde(rename = "AzureContainerRegistryVulnerability")]
    Second(Box<second::AdditionalData<'a>>),
}

impl<'a> SubAssessment<'a> {
    /// A row, as a generation tells it.
    pub(crate) fn new(scope: &'a Scope, generation: Generation, row: &'a FindingRow) -> Self {
        let name = row.id.to_string();
        let image = &row.image;
        let finding = row.finding.as_ref().map(|(package, found)| (package, found));
        let properties = Properties {
            id: finding.map(|(_, found)| found.vulnerability.as_str()),
            display_name: match finding {
                Some((_, found)) if generation == Generation::Second => found.vulnerability.clone(),
                Some((package, found)) => wording::title(package, found),
                None => wording::title_of_image(image),
            },
            status: match finding {
                Some((package, found)) => match &row.hidden {
                    Some(hiding) => Status::of_hidden(generation, found, hiding),
                    None => Status::of_finding(generation, image, package, found),
                },
                None => Status::of_image(image),
            },
            remediation: finding.map(|(package, found)| wording::remediation(image, package, found)),
            impact: finding.and_then(|(_, found)| wording::impact(found)),
            category: finding.map(|(package, _)| wording::category(package)),
            description: match finding {
                Some((package, found)) => wording::description(package, found),
                None => wording::title_of_image(image),
            },
            time_generated: image.assessed_at.map(|instant| instant.to_string()),
            resource_details: ResourceDetails::new(match generation {
                Generation::First => scope.registry_id(),
                Generation::Second => format!("/repositories/{}/images/{}", image.repository, image.digest),
            }),
            additional_data: match generation {
                Generation::First => AdditionalData::First(first::AdditionalData::new(scope, image, finding)),
                Generation::Second => {
                    AdditionalData::Second(Box::new(second::AdditionalData::new(scope, row)))
                }
            },
        };
        Self {
            id: format!(
                "{}/providers/Microsoft.Security/assessments/{}/subAssessments/{name}",
                scope.registry_id(),
                generation.key()
            ),
            name,
            resource_type: "Microsoft.Security/assessments/subAssessments",
            properties,
        }
    }
}

/// `status` as far as all findings of a group share it; the group of images without findings has no severity.
pub(crate) fn status_of_group(
    generation: Generation,
    group: &FindingGroup,
    is_exempt: bool,
) -> serde_json::Value {
    let code = match group.severity {
        _ if is_exempt => Code::NotApplicable,
        Some(_) if group.hidden => Code::NotApplicable,
        Some(_) => Code::Unhealthy,
        None if group.clean => Code::Healthy,
        None => Code::NotApplicable,
    };
    let severity = group.severity.map(|severity| generation.severity(severity));
    match severity {
        Some(severity) => serde_json::json!({"code": code, "severity": severity}),
        None => serde_json::json!({"code": code}),
    }
}

impl SubAssessment<'_> {
    /// The same, of a registry that is exempted, if it is.
    pub(crate) fn exempted(mut self, exempting: Option<&Exempting>) -> Self {
        if let Some(exempting) = exempting {
            let status = &mut self.properties.status;
            (status.code, status.cause) = (Code::NotApplicable, EXEMPT);
            status.description = exempting.reason();
        }
        self
    }
}

/// Said of an image that only its digest names.
const UNTAGGED: &str = ". The image has no tag any more, and can still be pulled by its digest";
/// The cause of what somebody decided not to be bothered with.
const EXEMPT: &str = "Exempt";

impl Status {
    /// Of a finding that a rule hides.
    fn of_hidden(generation: Generation, found: &Match, hiding: &Hiding) -> Self {
        let mut description = format!("Disabled by the rule {}: {}", hiding.rule.name(), hiding.reason);
        if !hiding.author.is_empty() {
            description.push_str(&format!(" ({})", hiding.author));
        }
        if let Some(end) = hiding.expires_on {
            description.push_str(&format!(", until {end}"));
        }
        let severity = Some(generation.severity(found.severity));
        Self { code: Code::NotApplicable, cause: EXEMPT, description, severity }
    }

    fn of_finding(
        generation: Generation,
        image: &ImageSummary,
        package: &InstalledPackage,
        found: &Match,
    ) -> Self {
        let (code, cause) = match found.status {
            MatchStatus::Affected
            | MatchStatus::WillNotFix
            | MatchStatus::FixDeferred
            | MatchStatus::EndOfLife => (Code::Unhealthy, ""),
            // Nobody says that it is safe, so it does not count as safe.
            MatchStatus::UnderInvestigation => (Code::Unhealthy, "UnderInvestigation"),
            MatchStatus::Unknown => (Code::Unhealthy, "Undecided"),
            MatchStatus::Fixed => (Code::NotApplicable, "Fixed"),
            MatchStatus::NotAffected => (Code::NotApplicable, "NotAffected"),
        };
        let mut description = wording::statement(package, found);
        if let Some((_, reason)) = doubt(image) {
            // A list of findings looks whole; where it may not be, every row says so.
            description.push_str(&format!(". There may be more than was found: {reason}"));
        }
        if image.tags.is_empty() {
            description.push_str(UNTAGGED);
        }
        Self { code, cause, description, severity: Some(generation.severity(found.severity)) }
    }

    fn of_image(image: &ImageSummary) -> Self {
        let (code, cause, description) = match doubt(image) {
            None => (Code::Healthy, "", "No known vulnerability was found in this image".to_owned()),
            Some((cause, reason)) => (Code::NotApplicable, cause, reason),
        };
        let description = if image.tags.is_empty() { description + UNTAGGED } else { description };
        Self { code, cause, description, severity: None }
    }
}

/// Why the absence of findings would not mean that the image is clean: a word for programs and a sentence for a person.
fn doubt(image: &ImageSummary) -> Option<(&'static str, String)> {
    match &image.state {
        ImageState::Failed(reason) => Some(("ScanFailed", reason.clone())),
        ImageState::Unsupported(reason) => Some(("Unsupported", reason.clone())),
        ImageState::AwaitingAdvisories => Some((
            "AwaitingAdvisories",
            "there is no advisory database yet to compare this image's packages with".to_owned(),
        )),
        // While the next scan waits or runs, the last verdict stands.
        ImageState::Done | ImageState::Queued | ImageState::Running | ImageState::Uncovered => {
            let conclusion = Conclusion::deserialize(&image.coverage["conclusion"]);
            let unsaid = || "it is not recorded how far this image was looked at".to_owned();
            match conclusion {
                Ok(Conclusion { complete: true, .. }) => None,
                Ok(Conclusion { reason, .. }) => Some(("IncompleteCoverage", reason.unwrap_or_else(unsaid))),
                Err(_) => Some(("IncompleteCoverage", unsaid())),
            }
        }
    }
}

#[cfg(test)]
mod tests;
