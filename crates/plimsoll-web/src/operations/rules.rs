//! Disable rules, exemptions, scores, and what was known when.

use super::{Operation, delete, get, post, put};

const READ_RULES: &str = "Plimsoll.Security/disableRules/read";
const READ_EXEMPTIONS: &str = "Microsoft.Authorization/policyExemptions/read";
const READ_SCORES: &str = "Microsoft.Security/secureScores/read";
const READ_FINDINGS: &str = "Microsoft.Security/assessments/subAssessments/read";

pub(super) const ALL: &[Operation] = &[
    get("/{scope}/providers/Plimsoll.Security/disableRules", "DisableRules_List", "The disable rules at a scope and below it")
        .needs(READ_RULES)
        .gives("DisableRuleList"),
    get("/{scope}/providers/Plimsoll.Security/disableRules/{ruleName}", "DisableRules_Get", "A disable rule")
        .needs(READ_RULES)
        .gives("DisableRule"),
    put("/{scope}/providers/Plimsoll.Security/disableRules/{ruleName}", "DisableRules_Put", "Hide the findings that a rule hits")
        .needs("Plimsoll.Security/disableRules/write")
        .takes("DisableRule")
        .gives("DisableRule"),
    delete("/{scope}/providers/Plimsoll.Security/disableRules/{ruleName}", "DisableRules_Delete", "Show again what a rule hid")
        .needs("Plimsoll.Security/disableRules/delete"),
    post("/{scope}/providers/Plimsoll.Security/disableRules/preview", "DisableRules_PreviewNew", "What a rule would hide")
        .needs(READ_RULES)
        .takes("DisableRule")
        .gives("DisableRulePreview"),
    post("/{scope}/providers/Plimsoll.Security/disableRules/{ruleName}/preview", "DisableRules_Preview", "What a rule would hide in place of the one that has this name")
        .needs(READ_RULES)
        .takes("DisableRule")
        .gives("DisableRulePreview"),
    get("/{scope}/providers/Microsoft.Authorization/policyExemptions", "PolicyExemptions_List", "The exemptions that concern a scope")
        .needs(READ_EXEMPTIONS)
        .gives("PolicyExemptionList"),
    get("/{scope}/providers/Microsoft.Authorization/policyExemptions/{exemptionName}", "PolicyExemptions_Get", "An exemption")
        .needs(READ_EXEMPTIONS)
        .gives("PolicyExemption"),
    put("/{scope}/providers/Microsoft.Authorization/policyExemptions/{exemptionName}", "PolicyExemptions_CreateOrUpdate", "Take a resource out of the assessments")
        .needs("Microsoft.Authorization/policyExemptions/write")
        .takes("PolicyExemption")
        .gives("PolicyExemption"),
    delete("/{scope}/providers/Microsoft.Authorization/policyExemptions/{exemptionName}", "PolicyExemptions_Delete", "Put a resource back into the assessments")
        .needs("Microsoft.Authorization/policyExemptions/delete"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/secureScores", "SecureScores_List", "The scores of a subscription")
        .needs(READ_SCORES)
        .gives("SecureScoreList"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/secureScores/{secureScoreName}", "SecureScores_Get", "A score of a subscription")
        .needs(READ_SCORES)
        .gives("SecureScore"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/secureScores/{secureScoreName}/secureScoreControls", "SecureScoreControls_ListBySecureScore", "The controls that a score is made of")
        .needs(READ_SCORES)
        .gives("SecureScoreControlList")
        .asks(&["$expand"]),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/secureScoreControls", "SecureScoreControls_List", "The controls of a subscription")
        .needs(READ_SCORES)
        .gives("SecureScoreControlList")
        .asks(&["$expand"]),
    get("/providers/Microsoft.Security/secureScoreControlDefinitions", "SecureScoreControlDefinitions_List", "What the controls are")
        .gives("SecureScoreControlDefinitionList"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/secureScoreControlDefinitions", "SecureScoreControlDefinitions_ListBySubscription", "What the controls of a subscription are")
        .needs(READ_SCORES)
        .gives("SecureScoreControlDefinitionList"),
    get("/subscriptions/{subscriptionId}/providers/Plimsoll.Security/secureScores/{secureScoreName}/history", "SecureScores_ListHistory", "The scores that a subscription had, newest first")
        .needs(READ_SCORES)
        .gives("SecureScorePointList")
        .asks(&["before", "$top"]),
    get("/{scope}/providers/Plimsoll.Security/findingHistory", "FindingHistory_List", "Which findings there were, or were known at an instant")
        .needs(READ_FINDINGS)
        .gives("PastFindingList")
        .asks(&["asOf", "vulnerability", "repository", "digest", "$top", "$skipToken"]),
    get("/{scope}/providers/Plimsoll.Security/affectedImages", "AffectedImages_List", "Which images have a vulnerability")
        .needs(READ_FINDINGS)
        .gives("AffectedImageList")
        .asks(&["vulnerability", "$top", "$skipToken"]),
];
