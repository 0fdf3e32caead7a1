//! An assessment: the verdict on a registry under one recommendation.

use std::collections::BTreeMap;

use plimsoll_store::{RegistrySummary, Worst};
use plimsoll_types::Scope;
use serde::Serialize;

use super::metadata::MetadataProperties;
use super::{Code, ResourceDetails};
use crate::exemptions::Exempting;
use crate::links::Base;
use plimsoll_types::Generation;

/// `Microsoft.Security/assessments`.
#[derive(Debug, Serialize)]
pub(crate) struct Assessment {
    id: String,
    name: &'static str,
    #[serde(rename = "type")]
    resource_type: &'static str,
    properties: Properties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    resource_details: ResourceDetails,
    display_name: &'static str,
    status: Status,
    /// Counters. The map is one of strings; Azure's clients turn anything else into its source text.
    additional_data: BTreeMap<String, String>,
    links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<MetadataProperties>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    code: Code,
    cause: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_evaluation_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_change_date: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Links {
    azure_portal_uri: String,
}

impl Assessment {
    /// The verdict on the registry at `scope`.
    pub(crate) fn new(
        scope: &Scope,
        generation: Generation,
        registry: &RegistrySummary,
        exempting: Option<&Exempting>,
        base: &Base,
        with_metadata: bool,
    ) -> Self {
        let id =
            format!("{}/providers/Microsoft.Security/assessments/{}", scope.registry_id(), generation.key());
        let findings = base.link(&format!("{id}/subAssessments?api-version=2019-01-01-preview"));
        Self {
            name: generation.key(),
            resource_type: "Microsoft.Security/assessments",
            properties: Properties {
                resource_details: ResourceDetails::new(scope.registry_id()),
                display_name: generation.recommendation(),
                status: Status::new(registry, exempting),
                additional_data: counters(generation, registry),
                links: Links { azure_portal_uri: findings },
                metadata: with_metadata.then(|| MetadataProperties::new(generation)),
            },
            id,
        }
    }
}

impl Status {
    fn new(registry: &RegistrySummary, exempting: Option<&Exempting>) -> Self {
        let (code, cause, description) = verdict(registry, exempting);
        Self {
            code,
            cause,
            description,
            first_evaluation_date: registry.first_assessed.map(|instant| instant.to_string()),
            status_change_date: registry.last_changed.map(|instant| instant.to_string()),
        }
    }
}

/// The verdict on a registry of which this is the worst that is to be said.
pub(crate) fn code(worst: Worst, exempting: Option<&Exempting>) -> Code {
    match worst {
        _ if exempting.is_some() => Code::NotApplicable,
        Worst::Unhealthy => Code::Unhealthy,
        Worst::Healthy => Code::Healthy,
        Worst::Incomplete | Worst::Unsupported | Worst::Nothing => Code::NotApplicable,
    }
}

/// The verdict on a registry: a code, a word for programs, and a sentence for a person.
fn verdict(registry: &RegistrySummary, exempting: Option<&Exempting>) -> (Code, &'static str, String) {
    let RegistrySummary { images, unhealthy, healthy, not_applicable, unsupported, .. } = registry;
    let code = code(registry.worst(), exempting);
    let (cause, mut description) = match (code, exempting) {
        (_, Some(exempting)) => return (code, "Exempt", exempting.reason()),
        (Code::Unhealthy, _) => ("", format!("{unhealthy} of {images} images have vulnerabilities")),
        (Code::Healthy, _) => ("", format!("{healthy} of {images} images were scanned and are clean")),
        (Code::NotApplicable, _) if *not_applicable > 0 => {
            ("IncompleteCoverage", format!("{not_applicable} of {images} images could not be judged"))
        }
        (Code::NotApplicable, _) => ("NotScanned", "No image has been scanned yet".to_owned()),
    };
    if code == Code::Healthy && *unsupported > 0 {
        description.push_str(&format!("; {unsupported} cannot be scanned"));
    }
    if registry.hidden > 0 {
        description.push_str(&format!("; {} findings are disabled by rules", registry.hidden));
    }
    (code, cause, description)
}

/// Findings are counted in the words of the generation, so that the counters agree with its sub-assessments.
fn counters(generation: Generation, registry: &RegistrySummary) -> BTreeMap<String, String> {
    let mut findings: BTreeMap<&str, u64> = generation.severities().iter().map(|word| (*word, 0)).collect();
    for (severity, count) in &registry.findings {
        *findings.entry(generation.severity(*severity)).or_default() += count;
    }
    let findings =
        findings.into_iter().map(|(word, count)| (format!("{}Findings", word.to_ascii_lowercase()), count));
    [
        ("images", registry.images),
        ("unhealthyImages", registry.unhealthy),
        ("healthyImages", registry.healthy),
        ("notApplicableImages", registry.not_applicable),
        ("unsupportedImages", registry.unsupported),
        ("pendingImages", registry.pending),
        ("patchableFindings", registry.patchable),
        ("disabledFindings", registry.hidden),
    ]
    .into_iter()
    .map(|(name, count)| (name.to_owned(), count))
    .chain(findings)
    .map(|(name, count)| (name, count.to_string()))
    .collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_types::{Severity, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn shown(generation: Generation, registry: &RegistrySummary, with_metadata: bool) -> Value {
        let scope = Scope {
            subscription: "s".into(),
            resource_group: "g".into(),
            registry: "r".into(),
            registry_host: "localhost:5000".into(),
        };
        let headers = http::HeaderMap::new();
        let base = Base::of(&crate::Connection::default(), &http::Uri::from_static("/"), &headers, &scope);
        serde_json::to_value(Assessment::new(&scope, generation, registry, None, &base, with_metadata))
            .unwrap()
    }

    #[test]
    fn a_registry_with_findings_is_unhealthy_and_counted_in_its_generations_words() {
        let registry = RegistrySummary {
            images: 4,
            unhealthy: 1,
            healthy: 1,
            not_applicable: 1,
            pending: 1,
            patchable: 7,
            hidden: 2,
            unsupported: 0,
            findings: vec![(Severity::Critical, 2), (Severity::High, 3), (Severity::Negligible, 5)],
            first_assessed: Some(Timestamp(0)),
            last_changed: Some(Timestamp(1000)),
        };
        let registry_id =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";
        let id = format!(
            "{registry_id}/providers/Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"
        );
        assert_eq!(
            shown(Generation::Second, &registry, false),
            json!({
                "id": id,
                "name": "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5",
                "type": "Microsoft.Security/assessments",
                "properties": {
                    "resourceDetails": {"source": "Azure", "id": registry_id},
                    "displayName": "Registry container images should have vulnerabilities resolved",
                    "status": {
                        "code": "Unhealthy",
                        "cause": "",
                        "description": "1 of 4 images have vulnerabilities; 2 findings are disabled by rules",
                        "firstEvaluationDate": "1970-01-01T00:00:00Z",
                        "statusChangeDate": "1970-01-01T00:00:01Z",
                    },
                    "additionalData": {
                        "images": "4", "unhealthyImages": "1", "healthyImages": "1", "notApplicableImages": "1",
                        "unsupportedImages": "0", "patchableFindings": "7", "disabledFindings": "2",
                        "pendingImages": "1", "criticalFindings": "2", "highFindings": "3", "mediumFindings": "0",
                        "lowFindings": "5", "unknownFindings": "0",
                    },
                    "links": {"azurePortalUri": format!(
                        "http://localhost:5000{id}/subAssessments?api-version=2019-01-01-preview"
                    )},
                },
            })
        );
        let first = &shown(Generation::First, &registry, true)["properties"];
        assert_eq!(first["additionalData"]["highFindings"], "5");
        assert_eq!(first["additionalData"].get("criticalFindings"), None);
        assert_eq!(first["metadata"]["assessmentType"], "BuiltIn");
    }

    #[test]
    fn a_registry_is_healthy_only_when_every_scanned_image_is() {
        let status = |healthy, not_applicable| {
            let images = healthy + not_applicable;
            let registry = RegistrySummary { images, healthy, not_applicable, ..RegistrySummary::default() };
            let status = shown(Generation::First, &registry, false)["properties"]["status"].take();
            assert_eq!(status.get("firstEvaluationDate"), None, "an unknown date is left out");
            (status["code"].as_str().unwrap().to_owned(), status["cause"].as_str().unwrap().to_owned())
        };
        assert_eq!(status(2, 0), ("Healthy".into(), "".into()));
        assert_eq!(status(2, 1), ("NotApplicable".into(), "IncompleteCoverage".into()));
        assert_eq!(status(0, 0), ("NotApplicable".into(), "NotScanned".into()));
    }
}
