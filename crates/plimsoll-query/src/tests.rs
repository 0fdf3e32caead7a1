//! What the tests share: two small tables with a source in memory that does what it is told, and the ways to ask them.

mod errors;
mod functions;
mod generated;
mod operators;
mod published;
mod pushdown;

use serde_json::{Value as Json, json};

use super::*;

/// 2024-05-10T12:00:00Z.
const NOW: i64 = 1_715_342_400_000;

/// Findings and assessments as rows of `securityresources`, and a few `resources` and `resourcecontainers`.
fn catalog() -> Catalog {
    let columns = || {
        let text = |name| Column::new(name, Type::String);
        vec![
            text("id"),
            text("name"),
            text("type"),
            text("tenantId"),
            text("kind"),
            text("location"),
            text("resourceGroup"),
            text("subscriptionId"),
            Column::new("properties", Type::Dynamic),
            Column::new("tags", Type::Dynamic),
        ]
    };
    let listed = |values: &[Json]| Tests::Listed(values.iter().cloned().map(Value::from).collect());
    let security = Table::new("securityresources", columns())
        .with_path("id", Tests::Text { ascii: false }, false)
        .with_path("subscriptionId", Tests::Text { ascii: true }, true)
        .with_path(
            "type",
            listed(&[
                json!("microsoft.security/assessments"),
                json!("microsoft.security/assessments/subassessments"),
                json!("microsoft.security/securescores"),
            ]),
            true,
        )
        .with_path(
            "properties.status.severity",
            listed(&[Json::Null, json!("Low"), json!("Medium"), json!("High"), json!("Critical")]),
            true,
        )
        .with_path(
            "properties.status.code",
            listed(&[Json::Null, json!("Healthy"), json!("Unhealthy"), json!("NotApplicable")]),
            true,
        )
        .with_path("properties.timeGenerated", Tests::Instant, false)
        .with_path("properties.additionalData.artifactDetails.repositoryName", Tests::Nothing, true);
    Catalog::new(vec![
        Table::new("resources", columns()),
        security,
        Table::new("resourcecontainers", columns()),
    ])
}

/// The rows of a table, as objects.
fn rows_of(table: &str) -> Vec<Json> {
    let registry = "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.ContainerRegistry/registries/acme";
    match table {
        "resources" => vec![
            json!({"id": registry, "name": "acme", "type": "microsoft.containerregistry/registries", "subscriptionId": "s1",
                "location": "westeurope", "resourceGroup": "rg1", "tags": {"env": "prod"},
                "properties": {"loginServer": "acme.test", "extended": null, "zones": [1, 2, 3]}}),
            json!({"id": "/subscriptions/s2/x", "name": "other", "type": "microsoft.containerregistry/registries",
                "subscriptionId": "s2", "location": "northeurope", "resourceGroup": "rg2",
                "properties": {"loginServer": "other.test", "extended": {"a": 1}, "zones": []}}),
        ],
        "resourcecontainers" => vec![
            json!({"id": "/subscriptions/s1", "name": "One", "type": "microsoft.resources/subscriptions", "subscriptionId": "s1",
                "properties": {"state": "Enabled", "managementGroupAncestorsChain": [
                    {"name": "mg1", "displayName": "Group 1"}, {"name": "root", "displayName": "Root"}]}}),
            json!({"id": "/subscriptions/s2", "name": "Two", "type": "microsoft.resources/subscriptions", "subscriptionId": "s2",
                "properties": {"state": "Enabled", "managementGroupAncestorsChain": [{"name": "root", "displayName": "Root"}]}}),
        ],
        _ => {
            let key = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5";
            let mut rows = vec![
                json!({"id": format!("{registry}/providers/Microsoft.Security/assessments/{key}"), "name": key,
                    "type": "microsoft.security/assessments", "subscriptionId": "s1", "resourceGroup": "rg1",
                    "properties": {"displayName": "Container registry images should have vulnerability findings resolved",
                        "status": {"code": "Unhealthy"}, "resourceDetails": {"source": "Azure", "Source": "Azure", "id": registry}}}),
                json!({"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore", "name": "ascScore",
                    "type": "microsoft.security/securescores", "subscriptionId": "s1",
                    "properties": {"weight": 4, "score": {"percentage": 0.5, "current": 3.0, "max": 6}}}),
            ];
            let severities = ["Low", "Medium", "High", "Critical", "High", "Low", "High"];
            for (n, severity) in severities.iter().enumerate() {
                let digest = format!("sha256:{:02x}", n % 3);
                rows.push(json!({
                    "id": format!("{registry}/providers/Microsoft.Security/assessments/{key}/subassessments/f{n}"),
                    "name": format!("f{n}"), "type": "microsoft.security/assessments/subassessments",
                    "subscriptionId": if n % 2 == 0 { "s1" } else { "s2" }, "resourceGroup": "rg1", "location": "global",
                    "properties": {
                        "id": format!("CVE-2024-{n:04}"), "displayName": format!("CVE-2024-{n:04}"),
                        "status": {"code": "Unhealthy", "severity": severity, "cause": ""},
                        "timeGenerated": if n < 3 { "2024-05-10T11:30:00Z" } else { "2024-05-01T00:00:00.5Z" },
                        "resourceDetails": {"source": "Azure", "id": format!("/repositories/team/app/images/{digest}")},
                        "additionalData": {
                            "assessedResourceType": "AzureContainerRegistryVulnerability",
                            "cvssV30Score": 5.0 + n as f64 / 2.0,
                            "vulnerabilityDetails": {"severity": severity, "cveId": format!("CVE-2024-{n:04}")},
                            "artifactDetails": {"registryHost": "acme.test", "repositoryName": if n < 5 {"team/app"} else {"team/Base"},
                                "digest": digest, "tags": ["v1", format!("v{n}")]},
                            "softwareDetails": {"packageName": "zlib", "fixStatus": if n % 2 == 0 {"FixAvailable"} else {"Unknown"}}
                        }
                    }
                }));
            }
            rows.push(json!({"id": format!("{registry}/providers/Microsoft.Security/assessments/{key}/subassessments/h0"),
                "name": "h0", "type": "microsoft.security/assessments/subassessments", "subscriptionId": "s1", "resourceGroup": "rg1",
                "properties": {"status": {"code": "Healthy"},
                    "additionalData": {"artifactDetails": {"repositoryName": "team/clean", "digest": "sha256:cc", "tags": []}}}}));
            rows
        }
    }
}

/// What a source gives for a scan: exactly what is asked for.
fn scanned(scan: &Scan) -> Vec<Row> {
    let catalog = catalog();
    let table = catalog.tables.iter().find(|table| table.name == scan.table).unwrap();
    let cell = |row: &Json, path: &str| {
        let column = path.split('.').next().unwrap_or_default();
        let kind = table.columns.iter().find(|known| *known.name == *column).map(|column| column.kind);
        let value = path.split('.').fold(row, |at, step| &at[step]).clone();
        match (value, kind) {
            (Json::Null, Some(Type::String)) => Value::text(""),
            (value, _) => Value::from(value),
        }
    };
    let passes = |row: &Json| scan.filters.iter().all(|filter| filter.test.admits(&cell(row, &filter.path)));
    let rows = rows_of(&scan.table).into_iter().filter(passes);
    let rows = rows.map(|row| scan.paths.iter().map(|path| cell(&row, path)).collect::<Row>());
    let rows: Vec<Row> = rows.take(scan.limit.unwrap_or(u64::MAX) as usize).collect();
    if !scan.grouped {
        return rows;
    }
    let mut groups: Vec<(Row, i64)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(key, _)| *key == row) {
            Some((_, count)) => *count += 1,
            None => groups.push((row, 1)),
        }
    }
    groups.into_iter().map(|(key, count)| key.into_iter().chain([Value::Long(count)]).collect()).collect()
}

fn saved(id: &str) -> Option<String> {
    match id {
        "saved" => Some("resources | project name".to_owned()),
        "broken" => Some("resources | where".to_owned()),
        "loop" => Some("{{loop}} | take 1".to_owned()),
        _ => None,
    }
}

fn executed(plan: &Plan) -> Result<Answer> {
    let mut execution = plan.run(0, u64::MAX);
    while let Some(scan) = execution.wanted()? {
        let rows = scanned(scan);
        for batch in rows.chunks(3) {
            if execution.feed(batch.to_vec())? == Flow::Enough {
                break;
            }
        }
        execution.end()?;
    }
    Ok(execution.finish())
}

fn plan(query: &str) -> Result<Plan> {
    Plan::new(query, &catalog(), NOW, &Limits::default(), &saved)
}

/// The answer, which is the same whether anything is handed down or not. Groups come in the order in which their rows come, so
/// that without `order by` the rows are compared as a set.
fn asked(query: &str) -> Result<Answer> {
    let answer = executed(&plan(query)?)?;
    let plain = Plan::without_pushdown(query, &catalog(), NOW, &Limits::default(), &saved)?;
    let plain = executed(&plain)?;
    assert_eq!(answer.columns, plain.columns, "{query}");
    let sorted = |answer: &Answer| {
        let mut rows: Vec<String> = answer.rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    };
    assert_eq!(sorted(&answer), sorted(&plain), "pushed down and not, {query}");
    Ok(answer)
}

/// The rows, as lists in JSON.
#[track_caller]
fn check(query: &str, rows: Json) {
    let answer = asked(query).unwrap_or_else(|error| panic!("{query}\n{error}"));
    assert_eq!(serde_json::to_value(&answer.rows).unwrap(), rows, "{query}");
}

/// The names of the columns.
#[track_caller]
fn check_columns(query: &str, names: &str) {
    let plan = plan(query).unwrap_or_else(|error| panic!("{query}\n{error}"));
    let found: Vec<&str> = plan.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(found.join(" "), names, "{query}");
}

/// What one expression comes to.
#[track_caller]
fn check_value(expression: &str, value: Json) {
    check(&format!("print x = {expression}"), json!([[value]]));
}
