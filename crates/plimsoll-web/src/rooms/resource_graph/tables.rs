//! The tables as queries see them: their columns, and what their sources can do themselves.

use plimsoll_query::{Catalog, Column, Table, Tests, Type, Value};

use crate::shapes::TENANT;
use plimsoll_types::Generation;
use plimsoll_types::log;

/// The table of findings, assessments, plans and scores.
pub(super) const SECURITY: &str = "securityresources";
/// The table of registries and what hangs on them.
pub(super) const RESOURCES: &str = "resources";
/// The table of subscriptions and resource groups.
pub(super) const CONTAINERS: &str = "resourcecontainers";

pub(super) const FINDING: &str = "microsoft.security/assessments/subassessments";
pub(super) const ASSESSMENT: &str = "microsoft.security/assessments";
pub(super) const PRICING: &str = "microsoft.security/pricings";
pub(super) const SCORE: &str = "microsoft.security/securescores";
pub(super) const CONTROL: &str = "microsoft.security/securescores/securescorecontrols";
pub(super) const ALERT: &str = "microsoft.security/locations/alerts";
pub(super) const REGISTRY: &str = "microsoft.containerregistry/registries";
pub(super) const WEBHOOK: &str = "microsoft.containerregistry/registries/webhooks";
pub(super) const REPLICATION: &str = "microsoft.containerregistry/registries/replications";
pub(super) const QUERY: &str = "microsoft.resourcegraph/queries";
pub(super) const SUBSCRIPTION: &str = "microsoft.resources/subscriptions";
pub(super) const GROUP: &str = "microsoft.resources/subscriptions/resourcegroups";

pub(super) const SEVERITY: &str = "properties.status.severity";
pub(super) const CODE: &str = "properties.status.code";
pub(super) const ASSESSED: &str = "properties.additionalData.assessedResourceType";
pub(super) const DETAILS_SEVERITY: &str = "properties.additionalData.vulnerabilityDetails.severity";
pub(super) const REPOSITORY: [&str; 2] =
    ["properties.additionalData.repositoryName", "properties.additionalData.artifactDetails.repositoryName"];
pub(super) const DIGEST: [&str; 2] =
    ["properties.additionalData.imageDigest", "properties.additionalData.artifactDetails.digest"];
pub(super) const HOST: [&str; 2] =
    ["properties.additionalData.registryHost", "properties.additionalData.artifactDetails.registryHost"];
pub(super) const VULNERABILITY: &str = "properties.id";
pub(super) const CVE: &str = "properties.additionalData.vulnerabilityDetails.cveId";

/// Columns that hold a text in every row of every table.
pub(super) const TEXT_COLUMNS: [&str; 9] =
    ["id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy"];

/// The columns that hold documents.
pub(super) const DOCUMENT_COLUMNS: [&str; 7] =
    ["sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation"];

pub(super) const TIME: &str = "TimeGenerated";
pub(super) const OPERATION: &str = "OperationName";
pub(super) const IDENTITY: &str = "Identity";
pub(super) const REPOSITORY_NAME: &str = "Repository";

/// The word that stands in `assessedResourceType`.
pub(super) fn assessed(generation: Generation) -> &'static str {
    match generation {
        Generation::First => "ContainerRegistryVulnerability",
        Generation::Second => "AzureContainerRegistryVulnerability",
    }
}

/// All tables.
pub(super) fn catalog() -> Catalog {
    let mut security = common(SECURITY, &[FINDING, ASSESSMENT, PRICING, SCORE, CONTROL, ALERT]);
    let words = |words: &[&str]| {
        Tests::Listed(
            std::iter::once(Value::Null).chain(words.iter().map(|word| Value::text(word))).collect(),
        )
    };
    let assessed = Generation::ALL.map(assessed);
    let severities = ["Critical", "High", "Medium", "Low", "Unknown", "Informational"];
    security = security
        .with_path(SEVERITY, words(&severities), true)
        .with_path(CODE, words(&["Healthy", "Unhealthy", "NotApplicable"]), true)
        .with_path(ASSESSED, words(&assessed), true)
        .with_path(DETAILS_SEVERITY, words(&severities), true)
        .with_path(VULNERABILITY, Tests::Text { ascii: false }, false)
        .with_path(CVE, Tests::Text { ascii: false }, false);
    for path in REPOSITORY.into_iter().chain(DIGEST).chain(HOST) {
        // Names of repositories and hosts and digests are ASCII by their grammar.
        security = security.with_path(path, Tests::Text { ascii: true }, true);
    }
    Catalog::new(vec![
        common(RESOURCES, &[REGISTRY, WEBHOOK, REPLICATION, QUERY]),
        common(CONTAINERS, &[SUBSCRIPTION, GROUP]),
        security,
        logged(log::Table::Repository),
        logged(log::Table::Login),
    ])
}

/// A table of resource logs, with the types that its columns have in Azure Monitor.
fn logged(table: log::Table) -> Table {
    let columns = table.columns().map(|name| {
        let kind = match name {
            TIME => Type::DateTime,
            "Size" => Type::Long,
            "_BilledSize" => Type::Real,
            _ => Type::String,
        };
        Column::new(name, kind)
    });
    let text = || Tests::Text { ascii: false };
    let mut logged = Table::new(table.as_str(), columns.collect()).with_path(TIME, Tests::Instant, false);
    for name in
        [OPERATION, IDENTITY].into_iter().chain((table == log::Table::Repository).then_some(REPOSITORY_NAME))
    {
        logged = logged.with_path(name, text(), false);
    }
    logged
}

fn common(name: &str, types: &[&str]) -> Table {
    let text = TEXT_COLUMNS.iter().map(|name| Column::new(name, Type::String));
    let documents = DOCUMENT_COLUMNS.iter().map(|name| Column::new(name, Type::Dynamic));
    let types = Tests::Listed(types.iter().map(|word| Value::text(word)).collect());
    Table::new(name, text.chain(documents).collect())
        .with_path("type", types, true)
        .with_path("tenantId", Tests::Listed(vec![Value::text(TENANT)]), true)
        .with_path("subscriptionId", Tests::Text { ascii: true }, true)
        .with_path("resourceGroup", Tests::Text { ascii: false }, true)
        .with_path("location", Tests::Text { ascii: false }, true)
        .with_path("kind", Tests::Text { ascii: false }, true)
        .with_path("id", Tests::Text { ascii: false }, false)
        .with_path("name", Tests::Text { ascii: false }, false)
}
