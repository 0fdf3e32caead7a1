//! Queries as Azure's documentation and the clients in the field write them, in our own words where they are longer than their
//! point; on one line and on many.

use serde_json::{Value as Json, json};

use super::check;

/// Both forms.
fn check_forms(query: &str, rows: Json) {
    check(query, rows.clone());
    let one_line: Vec<&str> = query.lines().map(|line| line.split("//").next().unwrap_or_default().trim()).collect();
    check(&one_line.join(" "), rows);
}

#[test]
fn findings_of_registries_joined_with_their_assessment() {
    check_forms(
        "securityresources
        | where type == 'microsoft.security/assessments'
        | where properties.displayName contains 'Container registry images should have vulnerability findings resolved'
        | summarize by assessmentKey=name //the ID of the assessment
        | join kind=inner (
            securityresources
            | where type == 'microsoft.security/assessments/subassessments'
            | extend assessmentKey = extract('.*assessments/(.+?)/.*',1,  id)
        ) on assessmentKey
        | project assessmentKey, subassessmentKey=name, id, parse_json(properties), resourceGroup, subscriptionId, tenantId
        | extend description = properties.description, displayName = properties.displayName,
            resourceId = properties.resourceDetails.id, severity = properties.status.severity, code = properties.status.code
        | order by subassessmentKey asc
        | project subassessmentKey, displayName, severity, code
        | take 2",
        json!([["f0", "CVE-2024-0000", "Low", "Unhealthy"], ["f1", "CVE-2024-0001", "Medium", "Unhealthy"]]),
    );
}

#[test]
fn findings_of_the_last_hour() {
    check_forms(
        "SecurityResources
        | where type =~ 'microsoft.security/assessments/subassessments' and properties.additionalData.assessedResourceType == \"AzureContainerRegistryVulnerability\"
        | extend assessmentKey = extract(@\"(?i)providers/Microsoft.Security/assessments/([^/]*)\", 1, id)
        | where assessmentKey == \"c0b7cfc6-3172-465a-b378-53c7ff2cc0d5\"
        | extend timeGenerated = properties.timeGenerated
        | where timeGenerated > ago(1h)
        | summarize count()",
        json!([[3]]),
    );
}

#[test]
fn unhealthy_and_healthy_images() {
    let query = |code: &str| {
        format!(
            "securityresources
            | where type =~ 'microsoft.security/assessments/subassessments'
            | project Resource = tolower(extract(@'(?i)(.*?)/providers/Microsoft.Security/([^/]+)', 1, id)),
                ResourceType = tolower(split(id, '/').[6]), severity = properties.additionalData.vulnerabilityDetails.severity,
                status = properties.status.code, patchable = properties.additionalData.softwareDetails.fixStatus,
                Repo = properties.additionalData.artifactDetails.repositoryName, imageUri = properties.resourceDetails.id
            | where status == '{code}'
            | summarize count() by ResourceType"
        )
    };
    check_forms(&query("Unhealthy"), json!([["microsoft.containerregistry", 7]]));
    check_forms(&query("Healthy"), json!([["microsoft.containerregistry", 1]]));
}

#[test]
fn distinct_vulnerabilities_by_severity() {
    check_forms(
        "securityresources
        | where type =~ 'microsoft.security/assessments/subassessments'
        | extend status = tostring(parse_json(properties).status.code), vulId = tostring((properties).id)
        | where status == 'Unhealthy'
        | extend severity = tostring(parse_json(properties).additionalData.vulnerabilityDetails.severity)
        | distinct vulId, severity
        | summarize count=count() by tostring(severity)
        | order by severity asc",
        json!([["Critical", 1], ["High", 3], ["Low", 2], ["Medium", 1]]),
    );
}

#[test]
fn a_summary_for_each_image() {
    check_forms(
        "securityresources
        | where type == 'microsoft.security/assessments/subassessments'
        | where id matches regex '(.+?)/providers/Microsoft.ContainerRegistry/registries/(.+)/providers/Microsoft.Security/assessments/c0b7cfc6-3172-465a-b378-53c7ff2cc0d5/'
        | extend registryResourceId = tostring(split(id, '/providers/Microsoft.Security/assessments/')[0])
        | parse registryResourceId with * \"/providers/Microsoft.ContainerRegistry/registries/\" registryName
        | extend imageDigest = tostring(properties.additionalData.artifactDetails.digest), repository = tostring(properties.additionalData.artifactDetails.repositoryName)
        | extend scanFindingSeverity = tostring(properties.status.severity), scanStatus = tostring(properties.status.code)
        | summarize scanFindingSeverityCount = count() by scanFindingSeverity, scanStatus, registryResourceId, registryName, repository, imageDigest
        | summarize severitySummary = make_bag(pack(scanFindingSeverity, scanFindingSeverityCount)) by registryName, repository, imageDigest, scanStatus
        | where imageDigest =~ 'SHA256:00' and repository == 'team/app'",
        json!([["acme", "team/app", "sha256:00", "Unhealthy", {"Low": 1, "Critical": 1}]]),
    );
}

#[test]
fn one_image_as_the_admission_client_asks() {
    check_forms(
        "securityresources
        | where type == 'microsoft.security/assessments/subassessments'
        | extend registry = tostring(properties.additionalData.artifactDetails.registryHost), repository = tostring(properties.additionalData.artifactDetails.repositoryName), digest = tostring(properties.additionalData.artifactDetails.digest)
        | where registry =~ 'ACME.test' and repository =~ 'team/app' and digest == 'sha256:01'
        | parse id with registryResourceId '/providers/Microsoft.Security/assessments/' *
        | project name, repository, severity = properties.status.severity | order by name asc",
        json!([["f1", "team/app", "Medium"], ["f4", "team/app", "High"]]),
    );
}

#[test]
fn the_score_of_each_management_group() {
    check_forms(
        "SecurityResources
        | where type == 'microsoft.security/securescores'
        | project subscriptionId,
            subscriptionTotal = iff(properties.score.max == 0, 0.00, round(tolong(properties.weight) * todouble(properties.score.current)/tolong(properties.score.max),2)),
            weight = tolong(iff(properties.weight == 0, 1, properties.weight))
        | join kind=leftouter (
            ResourceContainers
            | where type == 'microsoft.resources/subscriptions' and properties.state == 'Enabled'
            | project subscriptionId, mgChain=properties.managementGroupAncestorsChain )
            on subscriptionId
        | mv-expand mg=mgChain
        | summarize sumSubs = sum(subscriptionTotal), sumWeight = sum(weight), resultsNum = count() by tostring(mg.displayName), mgId = tostring(mg.name)
        | extend secureScore = iff(tolong(resultsNum) == 0, 404.00, round(sumSubs/sumWeight*100,2))
        | project mgName=mg_displayName, mgId, sumSubs, sumWeight, resultsNum, secureScore
        | order by mgName asc",
        json!([["Group 1", "mg1", 2.0, 4, 1, 50.0], ["Root", "root", 2.0, 4, 1, 50.0]]),
    );
}

#[test]
fn recommendations_counted_by_their_state() {
    check_forms(
        "SecurityResources
        | where type == 'microsoft.security/assessments'
        | extend resourceId=id, recommendationId=name, recommendationName=properties.displayName, source=properties.resourceDetails.Source,
            recommendationState=properties.status.code, azurePortalRecommendationLink=properties.links.azurePortal
        | project tenantId, subscriptionId, resourceId, recommendationName, recommendationId, recommendationState, source
        | summarize numberOfResources=count(resourceId) by tostring(recommendationName), tostring(recommendationState)",
        json!([["Container registry images should have vulnerability findings resolved", "Unhealthy", 1]]),
    );
}
