//! What goes down into the scans, to the letter.

use serde_json::json;

use super::{catalog, check, plan, saved};
use crate::{Limits, Plan, Scan, Test, Value};

/// The scans, each in a line: paths, filters, limit, grouping.
#[track_caller]
fn check_scans(query: &str, expected: &[&str]) {
    let plan = plan(query).unwrap_or_else(|error| panic!("{query}\n{error}"));
    let shown: Vec<String> = plan.scans().into_iter().map(shown).collect();
    assert_eq!(shown, expected, "{query}");
    // And what it gives is what it would give without.
    super::asked(query).unwrap();
}

fn shown(scan: &Scan) -> String {
    let list = |values: &[Value]| values.iter().map(Value::to_json).collect::<Vec<_>>().join(",");
    let mut text = format!("{}[{}]", scan.table, scan.paths.join(" "));
    for filter in &scan.filters {
        text += &match &filter.test {
            Test::In(values) => format!(" {} in ({})", filter.path, list(values)),
            Test::Text { values, fold, negated } => {
                let values: Vec<Value> = values.iter().cloned().map(Value::Text).collect();
                let (not, tilde) = (if *negated { "!" } else { "" }, if *fold { "~" } else { "" });
                format!(" {} {not}in{tilde} ({})", filter.path, list(&values))
            }
            Test::Millis { from, to } => format!(" {} in {from:?}..{to:?}", filter.path),
        };
    }
    if let Some(limit) = scan.limit {
        text += &format!(" limit {limit}");
    }
    if scan.grouped {
        text += " grouped";
    }
    text
}

const FINDINGS: &str = "type in (\"microsoft.security/assessments/subassessments\")";

#[test]
fn the_count_of_all_findings_by_severity_is_one_grouped_scan() {
    let scan = format!("securityresources[properties.status.severity] {FINDINGS} grouped");
    for query in [
        "securityresources | where type == 'microsoft.security/assessments/subassessments' \
            | summarize count() by severity = tostring(properties.status.severity)",
        "SecurityResources | where type =~ 'Microsoft.Security/assessments/subAssessments' \
            | extend severity = properties.Status.severity, unused = strcat(id, name) \
            | project sev = tostring(severity), id | summarize n = count() by sev | order by n desc",
        "securityresources | where type has 'subassessments' | extend p = parse_json('{}') \
            | summarize count(), countif(tostring(properties.status.severity) == 'High')",
        "securityresources | where type has 'subassessments' | distinct tostring(properties.status.severity)",
    ] {
        check_scans(query, &[&scan]);
    }
    check(
        "securityresources | where type == 'microsoft.security/assessments/subassessments' \
            | summarize count() by severity = tostring(properties.status.severity) | order by severity asc",
        json!([["", 1], ["Critical", 1], ["High", 3], ["Low", 2], ["Medium", 1]]),
    );
}

#[test]
fn a_count_alone_groups_by_nothing() {
    check_scans("securityresources | count", &["securityresources[] grouped"]);
    check_scans(
        "securityresources | where properties.status.code in ('Unhealthy') | count",
        &["securityresources[] properties.status.code in (\"Unhealthy\") grouped"],
    );
    // What the source cannot test is tested on its groups.
    check_scans(
        "securityresources | where strlen(subscriptionId) == 2 | summarize dcount(subscriptionId), max(subscriptionId)",
        &["securityresources[subscriptionId] grouped"],
    );
}

#[test]
fn what_the_source_cannot_group_comes_as_rows() {
    check_scans("securityresources | summarize count() by name", &["securityresources[name]"]);
    check_scans("securityresources | where id has 'f0' | count", &["securityresources[id]"]);
    check_scans(
        "securityresources | summarize make_list(subscriptionId) by type",
        &["securityresources[type subscriptionId]"],
    );
    check_scans("securityresources | take 3 | count", &["securityresources[] limit 3"]);
}

#[test]
fn tests_go_down_where_both_sides_mean_the_same() {
    for (condition, expected) in [
        ("id == 'a'", "id in (\"a\")"),
        ("id != 'a'", "id !in (\"a\")"),
        ("'a' == id", "id in (\"a\")"),
        ("id in ('a', 'b')", "id in (\"a\",\"b\")"),
        ("id !in ('a')", "id !in (\"a\")"),
        ("subscriptionId =~ 'S1'", "subscriptionId in~ (\"s1\")"),
        ("subscriptionId in~ ('S1', 's2')", "subscriptionId in~ (\"s1\",\"s2\")"),
        ("subscriptionId !~ 'S1'", "subscriptionId !in~ (\"s1\")"),
        ("type startswith 'microsoft.security/secure'", "type in (\"microsoft.security/securescores\")"),
        (
            "properties.status.severity == 'High' or properties.status.severity == 'Low'",
            "properties.status.severity in (\"Low\",\"High\")",
        ),
        ("isempty(properties.status.severity)", "properties.status.severity in (null)"),
        (
            "properties.status.severity != 'Low'",
            "properties.status.severity in (null,\"Medium\",\"High\",\"Critical\")",
        ),
        ("properties.timeGenerated > ago(1h)", "properties.timeGenerated in Some(1715338800001)..None"),
        (
            "todatetime(properties.timeGenerated) <= datetime(2024-05-10)",
            "properties.timeGenerated in None..Some(1715299200000)",
        ),
    ] {
        let query = format!("securityresources | where {condition} | project name");
        check_scans(&query, &[&format!("securityresources[name] {expected}")]);
    }
}

#[test]
fn tests_stay_here_where_the_source_might_see_it_otherwise() {
    // The case of letters beyond ASCII, a text made of two columns, and what a query within the query gives.
    for condition in [
        "id =~ 'a'",
        "strcat(id, name) == 'a'",
        "id in ((resources | project id))",
        "id > 'a'",
        "properties.timeGenerated != ago(1h)",
    ] {
        let query = format!("securityresources | where {condition} | project name");
        let plan = plan(&query).unwrap();
        let scan = plan.scans().into_iter().find(|scan| *scan.table == *"securityresources").unwrap();
        assert_eq!(scan.filters, [], "{condition}");
    }
}

#[test]
fn only_what_is_read_is_asked_for() {
    check_scans(
        "securityresources | where type contains 'subass' | extend s = properties.status.severity, d = properties.displayName | project s",
        &[&format!("securityresources[properties.status.severity] {FINDINGS}")],
    );
    check_scans(
        "securityresources | where type contains 'subass' | project properties.status.severity, properties.displayName",
        &[&format!("securityresources[properties] {FINDINGS}")],
    );
    check_scans(
        "resources | join kind=inner (resourcecontainers | project subscriptionId, n = name) on subscriptionId | project n",
        &["resourcecontainers[name subscriptionId]", "resources[subscriptionId]"],
    );
    check_scans(
        "securityresources | where type contains 'subass' | mv-expand t = tags | project t, name",
        &[&format!("securityresources[name tags] {FINDINGS}")],
    );
}

#[test]
fn a_limit_goes_down_when_all_tests_before_it_did() {
    check_scans(
        "securityresources | where type contains 'subass' | project name | take 2",
        &[&format!("securityresources[name] {FINDINGS} limit 2")],
    );
    check_scans(
        "securityresources | where name has 'f' | take 2 | project name",
        &["securityresources[name]"],
    );
    check_scans(
        "securityresources | take 5 | where type contains 'subass' | project name",
        &["securityresources[name type] limit 5"],
    );
    check_scans("securityresources | order by name | take 2 | project name", &["securityresources[name]"]);
}

#[test]
fn a_page_is_read_alone_and_the_rest_is_counted() {
    let of = |query: &str| Plan::new(query, &catalog(), super::NOW, &Limits::default(), &saved).unwrap();
    let plan = of("securityresources | where type contains 'subass' | project name");
    let (page, count) = plan.page_and_count(2, 3).unwrap();
    assert_eq!(shown(page.scans()[0]), format!("securityresources[name] {FINDINGS} limit 5"));
    assert_eq!(shown(count.scans()[0]), format!("securityresources[] {FINDINGS} grouped"));
    assert_eq!(super::executed(&count).unwrap().rows, [[Value::Long(8)]]);
    for query in [
        "securityresources | where id has 'f'",
        "securityresources | take 3",
        "securityresources | order by name",
        "print 1",
    ] {
        assert!(of(query).page_and_count(0, 10).is_none(), "{query}");
    }
    assert!(of("resources | take 3").has_own_limit());
    assert!(of("resources | order by id | project id | limit 1").has_own_limit());
    assert!(!of("resources | take 3 | summarize count() by id").has_own_limit());
}

#[test]
fn a_window_keeps_its_rows_and_counts_all() {
    let plan = plan("securityresources | where id contains '/f' | project name | order by name asc").unwrap();
    let mut execution = plan.run(1, 2);
    while let Some(scan) = execution.wanted().unwrap() {
        let rows = super::scanned(scan);
        execution.feed(rows).unwrap();
        execution.end().unwrap();
    }
    let answer = execution.finish();
    assert_eq!(serde_json::to_value(&answer.rows).unwrap(), json!([["f1"], ["f2"]]));
    assert_eq!(answer.total, 7);
}
