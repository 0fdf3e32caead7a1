//! `Microsoft.Security`: alerts, and who answers for what.

use super::{Operation, delete, get, post, put};

pub(super) const ALL: &[Operation] = &[
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/alerts", "Alerts_ListBySubscription", "The alerts in a subscription: none is raised here")
        .needs("Microsoft.Security/alerts/read")
        .gives("AlertList"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts", "Alerts_ListSubscriptionLevelByRegion", "The alerts in a location of a subscription")
        .needs("Microsoft.Security/alerts/read")
        .gives("AlertList"),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}", "Alerts_GetSubscriptionLevel", "An alert in a subscription")
        .needs("Microsoft.Security/alerts/read")
        .gives("Alert"),
    post("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/dismiss", "Alerts_DismissSubscriptionLevel", "Change the state of an alert in a subscription")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/resolve", "Alerts_ResolveSubscriptionLevel", "Change the state of an alert in a subscription")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/activate", "Alerts_ActivateSubscriptionLevel", "Change the state of an alert in a subscription")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/inProgress", "Alerts_InProgressSubscriptionLevel", "Change the state of an alert in a subscription")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/alerts", "Alerts_ListByResourceGroup", "The alerts in a resource group: none is raised here")
        .needs("Microsoft.Security/alerts/read")
        .gives("AlertList"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts", "Alerts_ListResourceGroupLevelByRegion", "The alerts in a location of a resource group")
        .needs("Microsoft.Security/alerts/read")
        .gives("AlertList"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}", "Alerts_GetResourceGroupLevel", "An alert in a resource group")
        .needs("Microsoft.Security/alerts/read")
        .gives("Alert"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/dismiss", "Alerts_DismissResourceGroupLevel", "Change the state of an alert in a resource group")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/resolve", "Alerts_ResolveResourceGroupLevel", "Change the state of an alert in a resource group")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/activate", "Alerts_ActivateResourceGroupLevel", "Change the state of an alert in a resource group")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/locations/{location}/alerts/{alertName}/inProgress", "Alerts_InProgressResourceGroupLevel", "Change the state of an alert in a resource group")
        .needs("Microsoft.Security/alerts/write")
        .answers(&[204]),
    post("/subscriptions/{subscriptionId}/providers/Microsoft.Security/locations/{location}/alerts/default/simulate", "Alerts_Simulate", "Refused: nothing here raises alerts")
        .needs("Microsoft.Security/alerts/write")
        .takes("AlertSimulation")
        .answers(&[202]),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/alertsSuppressionRules", "AlertsSuppressionRules_List", "The rules that suppress alerts")
        .needs("Microsoft.Security/alertsSuppressionRules/read")
        .gives("AlertsSuppressionRuleList")
        .asks(&["AlertType"]),
    get("/subscriptions/{subscriptionId}/providers/Microsoft.Security/alertsSuppressionRules/{ruleName}", "AlertsSuppressionRules_Get", "A rule that suppresses alerts")
        .needs("Microsoft.Security/alertsSuppressionRules/read")
        .gives("AlertsSuppressionRule"),
    put("/subscriptions/{subscriptionId}/providers/Microsoft.Security/alertsSuppressionRules/{ruleName}", "AlertsSuppressionRules_Update", "Write a rule that suppresses alerts")
        .needs("Microsoft.Security/alertsSuppressionRules/write")
        .takes("AlertsSuppressionRule")
        .gives("AlertsSuppressionRule")
        .answers(&[200]),
    delete("/subscriptions/{subscriptionId}/providers/Microsoft.Security/alertsSuppressionRules/{ruleName}", "AlertsSuppressionRules_Delete", "Delete a rule that suppresses alerts")
        .needs("Microsoft.Security/alertsSuppressionRules/delete")
        .answers(&[204]),
    get("/{scope}/providers/Microsoft.Security/governanceRules", "GovernanceRules_List", "The governance rules at a scope")
        .needs("Microsoft.Security/governanceRules/read")
        .gives("GovernanceRuleList"),
    get("/{scope}/providers/Microsoft.Security/governanceRules/{ruleId}", "GovernanceRules_Get", "A governance rule")
        .needs("Microsoft.Security/governanceRules/read")
        .gives("GovernanceRule"),
    put("/{scope}/providers/Microsoft.Security/governanceRules/{ruleId}", "GovernanceRules_Put", "Write a governance rule")
        .needs("Microsoft.Security/governanceRules/write")
        .takes("GovernanceRule")
        .gives("GovernanceRule"),
    delete("/{scope}/providers/Microsoft.Security/governanceRules/{ruleId}", "GovernanceRules_Delete", "Delete a governance rule; its assignments stay")
        .needs("Microsoft.Security/governanceRules/delete"),
    post("/{scope}/providers/Microsoft.Security/governanceRules/{ruleId}/execute", "GovernanceRules_Execute", "Assign an owner to each unhealthy assessment that the rule chooses")
        .needs("Microsoft.Security/governanceRules/execute/action")
        .takes("GovernanceExecution")
        .answers(&[202]),
    get("/{scope}/providers/Microsoft.Security/governanceRules/{ruleId}/operationResults/{operationId}", "GovernanceRules_Result", "How carrying out a rule ended")
        .needs("Microsoft.Security/governanceRules/read")
        .gives("GovernanceResult"),
    get("/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/governanceAssignments", "GovernanceAssignments_List", "Who answers for an assessment")
        .needs("Microsoft.Security/assessments/governanceAssignments/read")
        .gives("GovernanceAssignmentList"),
    get("/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/governanceAssignments/{assignmentKey}", "GovernanceAssignments_Get", "An assignment")
        .needs("Microsoft.Security/assessments/governanceAssignments/read")
        .gives("GovernanceAssignment"),
    put("/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/governanceAssignments/{assignmentKey}", "GovernanceAssignments_Put", "Write an assignment")
        .needs("Microsoft.Security/assessments/governanceAssignments/write")
        .takes("GovernanceAssignment")
        .gives("GovernanceAssignment"),
    delete("/{scope}/providers/Microsoft.Security/assessments/{assessmentName}/governanceAssignments/{assignmentKey}", "GovernanceAssignments_Delete", "Delete an assignment")
        .needs("Microsoft.Security/assessments/governanceAssignments/delete"),
];
