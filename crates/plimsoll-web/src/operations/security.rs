//! `Microsoft.Security`: verdicts.

use super::{Operation, get};

const READ: &str = "Microsoft.Security/assessments/read";
const READ_SUB: &str = "Microsoft.Security/assessments/subAssessments/read";
const READ_METADATA: &str = "Microsoft.Security/assessmentMetadata/read";

pub(super) const ALL: &[Operation] = &[
    get("/{scope}/providers/Microsoft.Security/subAssessments", "SubAssessments_ListAll", "All findings at a scope")
        .needs(READ_SUB)
        .gives("SubAssessmentList")
        .asks(PAGED),
    get(
        "/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/subAssessments",
        "SubAssessments_List",
        "The findings of one assessment",
    )
    .needs(READ_SUB)
    .gives("SubAssessmentList")
    .asks(PAGED),
    get(
        "/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/subAssessments/{subAssessmentName}",
        "SubAssessments_Get",
        "One finding",
    )
    .needs(READ_SUB)
    .gives("SubAssessment"),
    get("/{scope}/providers/Microsoft.Security/assessments", "Assessments_List", "The assessments at a scope")
        .needs(READ)
        .gives("AssessmentList")
        .asks(&["$expand"]),
    get(
        "/{scope}/providers/Microsoft.Security/assessments/{assessmentName}",
        "Assessments_Get",
        "One assessment of a registry",
    )
    .needs(READ)
    .gives("Assessment")
    .asks(&["$expand"]),
    get(
        "/providers/Microsoft.Security/assessmentMetadata",
        "AssessmentsMetadata_List",
        "What is known of each recommendation",
    )
    .gives("AssessmentMetadataList"),
    get(
        "/providers/Microsoft.Security/assessmentMetadata/{assessmentName}",
        "AssessmentsMetadata_Get",
        "What is known of one recommendation",
    )
    .gives("AssessmentMetadata"),
    get(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/assessmentMetadata",
        "AssessmentsMetadata_ListBySubscription",
        "What is known of each recommendation, in a subscription",
    )
    .needs(READ_METADATA)
    .gives("AssessmentMetadataList"),
    get(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/assessmentMetadata/{assessmentName}",
        "AssessmentsMetadata_GetInSubscription",
        "What is known of one recommendation, in a subscription",
    )
    .needs(READ_METADATA)
    .gives("AssessmentMetadata"),
];

const PAGED: &[&str] = &["$top", "$skipToken"];
