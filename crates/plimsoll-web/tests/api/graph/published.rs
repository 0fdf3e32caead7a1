//! The queries that Azure's documentation and the clients in the field publish, in our own words where they are longer than
//! their point; each on many lines and on one.

use plimsoll_web::GraphSettings;

use super::*;

struct Published(Graph);

impl Published {
    /// A store with both generations' rows.
    async fn new() -> Self {
        Self(Graph::embedded(GraphSettings { both_generations: true }).await)
    }

    /// The rows, the same on many lines and on one.
    async fn rows(&self, query: &str) -> Vec<Value> {
        let many = self.0.rows(query).await;
        let lines = query.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
        let one = lines.collect::<Vec<_>>().join(" ");
        assert_eq!(self.0.rows(&one).await, many, "{query}");
        many
    }
}

const KEYS: [(&str, &str); 2] =
    [(FIRST, "ContainerRegistryVulnerability"), (SECOND, "AzureContainerRegistryVulnerability")];

#[tokio::test]
async fn registry_findings_with_their_recommendation() {
    let published = Published::new().await;
    let rows = published
        .rows(
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
            | extend description = properties.description,
                displayName = properties.displayName,
                resourceId = properties.resourceDetails.id,
                resourceSource = properties.resourceDetails.source,
                category = properties.category,
                severity = properties.status.severity,
                code = properties.status.code,
                timeGenerated = properties.timeGenerated,
                remediation = properties.remediation,
                impact = properties.impact,
                vulnId = properties.id,
                additionalData = properties.additionalData",
        )
        .await;
    // That text is not what the recommendation is called here, which has 'should have vulnerability findings' without it.
    assert!(rows.iter().all(|row| row["assessmentKey"] == FIRST));
    let rows = published
        .rows(
            "securityresources
            | where type == 'microsoft.security/assessments'
            | where * contains 'should have findings resolved' or * contains 'vulnerabilities resolved'
            | summarize by assessmentKey=name
            | join kind=inner (
                securityresources
                | where type == 'microsoft.security/assessments/subassessments'
                | extend assessmentKey = extract('.*assessments/(.+?)/.*',1,  id)
            ) on assessmentKey
            | project assessmentKey, subassessmentKey=name, id, parse_json(properties)
            | extend displayName = properties.displayName, resourceId = properties.resourceDetails.id",
        )
        .await;
    assert_eq!(rows.iter().filter(|row| row["assessmentKey"] == SECOND).count(), 17);
}

#[tokio::test]
async fn resources_counted_and_listed_by_recommendation() {
    let published = Published::new().await;
    let extends = "SecurityResources
        | where type == 'microsoft.security/assessments'
        | extend resourceId=id, recommendationId=name, resourceType=type, recommendationName=properties.displayName,
            source=properties.resourceDetails.Source, recommendationState=properties.status.code,
            description=properties.metadata.description, assessmentType=properties.metadata.assessmentType,
            remediationDescription=properties.metadata.remediationDescription, policyDefinitionId=properties.metadata.policyDefinitionId,
            implementationEffort=properties.metadata.implementationEffort, recommendationSeverity=properties.metadata.severity,
            category=properties.metadata.categories, userImpact=properties.metadata.userImpact, threats=properties.metadata.threats,
            portalLink=properties.links.azurePortal";
    let listed = published
        .rows(&format!("{extends}
            | project tenantId, subscriptionId, resourceId, recommendationName, recommendationId, recommendationState, recommendationSeverity,
                description, remediationDescription, assessmentType, policyDefinitionId, implementationEffort, userImpact, category, threats, source, portalLink"))
        .await;
    assert!(listed.iter().any(|row| row["recommendationSeverity"] == "High" && row["source"] == "Azure"));
    let counted = published
        .rows(&format!("{extends}
            | summarize numberOfResources=count(resourceId) by tostring(recommendationName), tostring(recommendationState)"))
        .await;
    let sum: i64 = counted.iter().map(|row| row["numberOfResources"].as_i64().unwrap()).sum();
    assert_eq!(sum as usize, listed.len());
    assert!(counted[0].get("recommendationName").is_some());
}

#[tokio::test]
async fn findings_of_the_last_hour() {
    let published = Published::new().await;
    let query = |span: &str| {
        format!("SecurityResources
            | where type =~ \"microsoft.security/assessments/subassessments\" and properties.additionalData.assessedResourceType == \"AzureContainerRegistryVulnerability\"
            | extend assessmentKey = extract(@\"(?i)providers/Microsoft.Security/assessments/([^/]*)\", 1, id)
            | where assessmentKey == \"c0b7cfc6-3172-465a-b378-53c7ff2cc0d5\"
            | extend timeGenerated = properties.timeGenerated
            | where timeGenerated > {span}
            | extend displayName = properties.displayName, severity = properties.status.severity")
    };
    assert_eq!(published.rows(&query("ago(1h)")).await.len(), 17);
    assert_eq!(published.rows(&query("now()")).await.len(), 0);
}

#[tokio::test]
async fn unhealthy_and_healthy_images_of_both_generations() {
    let published = Published::new().await;
    for ((key, _), paths) in KEYS.into_iter().zip([
        "severity = properties.status.severity, patchable = properties.additionalData.patchable, Repo = properties.additionalData.repositoryName, image = properties.additionalData.imageDigest",
        "severity = properties.additionalData.vulnerabilityDetails.severity, patchable = properties.additionalData.softwareDetails.fixStatus, \
            Repo = properties.additionalData.artifactDetails.repositoryName, image = properties.resourceDetails.id",
    ]) {
        for (status, count) in [("Unhealthy", 15), ("Healthy", 1), ("NotApplicable", 1)] {
            let rows = published
                .rows(&format!("securityresources
                    | where type =~ 'microsoft.security/assessments/subassessments'
                    | where id contains '{key}' // one generation
                    | project Resource = tolower(extract(@'(?i)(.*?)/providers/Microsoft.Security/([^/]+)',1,id)),
                        ResourceType = tolower(split(id,\"/\").[6]), status = properties.status.code, {paths}
                    | where status == '{status}'"))
                .await;
            assert_eq!(rows.len(), count, "{key} {status}");
            assert_eq!(rows[0]["ResourceType"], "microsoft.containerregistry");
            assert!(rows[0]["Resource"].as_str().unwrap().contains("/registries/"));
            assert!(rows.iter().all(|row| row["Repo"].is_string()));
        }
    }
}

#[tokio::test]
async fn distinct_vulnerabilities_by_severity() {
    let published = Published::new().await;
    for (key, severity) in [
        (FIRST, "properties.status.severity"),
        (SECOND, "properties.additionalData.vulnerabilityDetails.severity"),
    ] {
        let rows = published
            .rows(&format!(
                "securityresources
                | where type == 'microsoft.security/assessments/subassessments'
                | where id has '{key}'
                | extend status = tostring(parse_json(properties).status.code)
                | extend vulId = tostring((properties).id)
                | where status == 'Unhealthy'
                | extend severity = {severity}
                | distinct vulId, tostring(severity)
                | summarize count=count() by tostring(severity)
                | order by severity asc"
            ))
            .await;
        assert!(rows.iter().all(|row| row["count"].as_i64().unwrap() > 0), "{rows:?}");
        // Five of the first images, five of the other one; two names are common to them, under another severity.
        assert_eq!(rows.iter().map(|row| row["count"].as_i64().unwrap()).sum::<i64>(), 10);
    }
}

#[tokio::test]
async fn running_images_with_findings() {
    // Nothing here knows what runs; the queries are answered all the same, with their four expansions.
    let published = Published::new().await;
    let rows = published
        .rows(
            "securityresources
            | where type == 'microsoft.security/assessments/subassessments'
            | where id contains 'c609cf0f-71ab-41e9-a3c6-9a1f7fe1b8d5'
            | extend additional = parse_json(tostring(properties.additionalData))
            | mv-expand cluster = additional.clusterDetails
            | mv-expand workload = additional.kubernetesContext.workloads
            | mv-expand container = workload.containers to typeof(dynamic)
            | mv-expand owned = workload.ownedResources
            | where isnotempty(owned.name)
            | extend image = iff(isnotempty(container.image), container.image, tostring(properties.resourceDetails.id))
            | project image, repo = extract('(?i)(.*?)@([^/]+)', 1, tostring(image)), name = extract(\"(.+)@sha256:\", 1, tostring(image))",
        )
        .await;
    assert_eq!(rows, Vec::<Value>::new());
}

#[tokio::test]
async fn a_summary_for_each_image() {
    let published = Published::new().await;
    for (key, path) in
        [(FIRST, "properties.additionalData"), (SECOND, "properties.additionalData.artifactDetails")]
    {
        let digest = if key == FIRST { "imageDigest" } else { "digest" };
        let query = |end: &str| {
            format!("securityresources
                | where type == 'microsoft.security/assessments/subassessments'
                | where id matches regex '(.+?)/providers/Microsoft.ContainerRegistry/registries/(.+)/providers/Microsoft.Security/assessments/{key}/'
                | extend registryResourceId = tostring(split(id, '/providers/Microsoft.Security/assessments/')[0])
                | parse registryResourceId with * \"/providers/Microsoft.ContainerRegistry/registries/\" registryName
                | extend imageDigest = tostring({path}.{digest}), repository = tostring({path}.repositoryName)
                | extend severity = tostring(properties.status.severity), status = tostring(properties.status.code)
                | summarize sevCount = count() by severity, status, registryResourceId, registryName, repository, imageDigest
                | summarize summary = make_bag(pack(severity, sevCount)) by registryName, repository, imageDigest, status
                | {end}")
        };
        let rows = published.rows(&query("where repository == 'team/app' and registryName == 'Quay'")).await;
        assert_eq!(rows.len(), 1);
        let expected = match key {
            FIRST => json!({"High": 3, "Medium": 1, "Low": 1}),
            _ => json!({"Critical": 1, "High": 2, "Medium": 1, "Low": 1}),
        };
        assert_eq!(rows[0]["summary"], expected);
        let digest = rows[0]["imageDigest"].as_str().unwrap().to_uppercase();
        assert_eq!(published.rows(&query(&format!("where imageDigest =~ '{digest}'"))).await, rows);
    }
}

#[tokio::test]
async fn one_image_as_the_admission_client_asks() {
    let published = Published::new().await;
    let digest = published
        .rows("securityresources | where properties.additionalData.repositoryName == 'team/app' | take 1 | project d = tostring(properties.additionalData.imageDigest), h = tostring(properties.additionalData.registryHost)")
        .await;
    let (digest, host) = (digest[0]["d"].as_str().unwrap(), digest[0]["h"].as_str().unwrap());
    let rows = published
        .rows(&format!("securityresources
            | where type == 'microsoft.security/assessments/subassessments'
            | extend registry = tostring(properties.additionalData.registryHost), repository = tostring(properties.additionalData.repositoryName), digest = tostring(properties.additionalData.imageDigest)
            | where registry =~ '{host}' and repository =~ 'team/app' and digest == '{digest}'
            | parse id with registryResourceId '/providers/Microsoft.Security/assessments/' *
            | project id = name, registryResourceId, repository, patchable = properties.additionalData.patchable, severity = properties.status.severity,
                status = properties.status.code, cve = properties.additionalData.cve"))
        .await;
    assert_eq!(rows.len(), 5);
    assert!(rows[0]["registryResourceId"].as_str().unwrap().contains("/registries/"));
    assert!(rows.iter().all(|row| row["cve"].is_array()));
}

#[tokio::test]
async fn scores_plans_and_alerts() {
    let published = Published::new().await;
    for query in [
        "SecurityResources
        | where type == 'microsoft.security/securescores/securescorecontrols'
        | extend controlName=properties.displayName, controlId=properties.definition.name, notApplicable=properties.notApplicableResourceCount,
            unhealthy=properties.unhealthyResourceCount, healthy=properties.healthyResourceCount, percentage=properties.score.percentage,
            current=properties.score.current, max=properties.definition.properties.maxScore, weight=properties.weight,
            controlType=properties.definition.properties.source.sourceType, recommendations=properties.definition.properties.assessmentDefinitions
        | project tenantId, subscriptionId, controlName, controlId, unhealthy, healthy, notApplicable, percentage, current, max, weight, controlType, recommendations",
        "SecurityResources
        | where type == 'microsoft.security/securescores'
        | extend percentage=properties.score.percentage, current=properties.score.current, max=properties.score.max, weight=properties.weight
        | project tenantId, subscriptionId, percentage, current, max, weight",
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
        "securityresources
        | where type == 'microsoft.security/pricings'
        | project Subscription = subscriptionId, plan = name, Status = properties.pricingTier",
        "securityresources
        | where type =~ 'microsoft.security/locations/alerts'
        | where properties.Status in ('Active')
        | extend severity = tostring(properties.Severity), entities = todynamic(properties.Entities)
        | project id, severity, entities",
        "securityresources
        | where type == 'microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments'
        | extend standard = extract(@'/regulatoryComplianceStandards/(.+)/regulatoryComplianceControls',1,id)
        | summarize count() by standard, tostring(properties.state)",
    ] {
        published.rows(query).await;
    }
}

#[tokio::test]
async fn the_starter_queries() {
    let published = Published::new().await;
    let names = published.rows("ResourceContainers | where type =~ 'Microsoft.Resources/Subscriptions' | project name | order by name asc").await;
    assert_eq!(names.len(), 1);
    for query in [
        "Resources | summarize count() by type | order by count_ desc",
        "Resources | where id in~ ('/subscriptions/x', '/subscriptions/y') | project name",
        "Resources | project id, name, type, location | order by type asc, name desc | top 5 by name",
        "Resources | distinct type | order by type asc",
        "Resources | project-away tags, properties | take 5",
        "Resources | where isnotnull(properties.extended) | summarize count()",
        "Resources | project id, type | union (ResourceContainers | project id, type) | summarize n = count()",
        "Resources | join kind=leftouter (ResourceContainers | where type=='microsoft.resources/subscriptions' | project SubName=name, subscriptionId) on subscriptionId | project type, name, subscriptionId, SubName",
        "summarize count()",
    ] {
        published.rows(query).await;
    }
}
