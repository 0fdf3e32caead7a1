//! `Microsoft.Security`: verdicts.

use super::{Operation, delete, get, put};

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
    put(
        "/{scope}/providers/Microsoft.Security/assessments/{assessmentName}",
        "Assessments_CreateOrUpdate",
        "Write an assessment of one's own",
    )
    .needs("Microsoft.Security/assessments/write")
    .takes("Assessment")
    .gives("Assessment"),
    delete(
        "/{scope}/providers/Microsoft.Security/assessments/{assessmentName}",
        "Assessments_Delete",
        "Delete an assessment of one's own",
    )
    .needs("Microsoft.Security/assessments/delete"),
    put(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/assessmentMetadata/{assessmentName}",
        "AssessmentsMetadata_CreateInSubscription",
        "Describe a recommendation of one's own",
    )
    .needs("Microsoft.Security/assessmentMetadata/write")
    .takes("AssessmentMetadata")
    .gives("AssessmentMetadata"),
    delete(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/assessmentMetadata/{assessmentName}",
        "AssessmentsMetadata_DeleteInSubscription",
        "Delete a recommendation of one's own",
    )
    .needs("Microsoft.Security/assessmentMetadata/delete"),
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
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/pricings", "Pricings_List", "The plans")
        .needs("Microsoft.Security/pricings/read")
        .gives("PricingList")
        .asks(&["$filter"]),
    get(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/pricings/{pricingName}",
        "Pricings_Get",
        "One plan",
    )
    .needs("Microsoft.Security/pricings/read")
    .gives("Pricing"),
    put(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/pricings/{pricingName}",
        "Pricings_Update",
        "Switches a plan on or off",
    )
    .needs("Microsoft.Security/pricings/write")
    .takes("Pricing")
    .gives("Pricing"),
];

const PAGED: &[&str] = &["$top", "$skipToken"];
