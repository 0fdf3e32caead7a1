//! Assessment metadata: what is known of a recommendation, whatever it is about.

use serde::Serialize;

use plimsoll_types::Generation;

/// `Microsoft.Security/assessmentMetadata`.
#[derive(Debug, Serialize)]
pub(crate) struct Metadata {
    id: String,
    name: &'static str,
    #[serde(rename = "type")]
    resource_type: &'static str,
    properties: MetadataProperties,
}

/// The inner part, which stands in an assessment too when it is asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataProperties {
    display_name: &'static str,
    policy_definition_id: &'static str,
    description: &'static str,
    remediation_description: &'static str,
    categories: [&'static str; 1],
    severity: &'static str,
    user_impact: &'static str,
    implementation_effort: &'static str,
    threats: [&'static str; 3],
    preview: bool,
    assessment_type: &'static str,
}

impl Metadata {
    /// The metadata of a generation's recommendation, under the tenant (`""`) or a subscription's id.
    pub(crate) fn new(parent: &str, generation: Generation) -> Self {
        Self {
            id: format!("{parent}/providers/Microsoft.Security/assessmentMetadata/{}", generation.key()),
            name: generation.key(),
            resource_type: "Microsoft.Security/assessmentMetadata",
            properties: MetadataProperties::new(generation),
        }
    }
}

impl MetadataProperties {
    pub(crate) fn new(generation: Generation) -> Self {
        Self {
            display_name: generation.recommendation(),
            policy_definition_id: "/providers/Microsoft.Authorization/policyDefinitions/5f0f936f-2f01-4bf5-b6be-d423792fa562",
            description: "Images in the registry were compared with the advisories of their distributions and \
                          languages. Each sub-assessment is a vulnerability that is known in one of their packages",
            remediation_description: "Rebuild each image with the versions that its sub-assessments name, push it, \
                                      and delete the digests that are no longer used",
            categories: ["Compute"],
            severity: "High",
            user_impact: "Low",
            implementation_effort: "Moderate",
            threats: ["accountBreach", "dataExfiltration", "elevationOfPrivilege"],
            preview: false,
            assessment_type: "BuiltIn",
        }
    }
}
