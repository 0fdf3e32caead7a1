//! Queries made at random answer the same with and without anything handed down.

use proptest::prelude::*;

use super::asked;

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    one_of(&[
        "id", "name", "type", "subscriptionId", "location", "tostring(properties.status.severity)", "tostring(properties.status.code)",
        "tolower(type)", "tostring(properties.additionalData.artifactDetails.repositoryName)", "strcat(name, type)",
        "iff(subscriptionId == 's1', 'one', name)", "extract('sub(.*)s', 1, type)", "tostring(properties.Status.Severity)",
    ])
}

fn condition() -> impl Strategy<Value = String> {
    let literal = one_of(&[
        "'High'", "'low'", "''", "'s1'", "'S1'", "'microsoft.security/assessments/subassessments'", "'Microsoft.Security/assessments'",
        "'f1'", "'Unhealthy'", "'team/app'", "'sub'",
    ]);
    let how = one_of(&["==", "!=", "=~", "!~", "contains", "!contains", "has", "startswith", "endswith", "matches regex", "<", ">="]);
    let simple = prop_oneof![
        (text(), how, literal.clone()).prop_map(|(text, how, literal)| format!("{text} {how} {literal}")),
        (text(), one_of(&["in", "in~", "!in", "!in~"]), literal.clone(), literal)
            .prop_map(|(text, how, a, b)| format!("{text} {how} ({a}, {b})")),
        one_of(&[
            "properties.status.severity == 'High'", "properties.status.severity != 'High'", "properties.status.severity in ('High', 'Low')",
            "isempty(properties.status.severity)", "isnull(properties.status.code)", "properties.timeGenerated > ago(1h)",
            "properties.timeGenerated <= datetime(2024-05-01T00:00:00.5Z)", "todatetime(properties.timeGenerated) < now()",
            "properties.timeGenerated < datetime(2024-05-01T00:00:00.5000001Z)", "datetime(2024-05-10 11:30) >= properties.timeGenerated",
            "properties.additionalData.cvssV30Score > 6.5", "isnotnull(properties.displayName)", "array_length(properties.additionalData.artifactDetails.tags) == 2",
            "properties.status has 'Un'", "* contains 'acme'",
        ]),
    ];
    simple.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|inner| format!("not({inner})")),
        ]
    })
}

/// What leaves all columns in their place.
fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => condition().prop_map(|condition| format!("where {condition}")),
        2 => text().prop_map(|text| format!("extend extra = {text}")),
        1 => text().prop_map(|text| format!("extend name = {text}")),
        1 => Just("project id, name, type, subscriptionId, location, properties, tags".to_owned()),
        1 => Just("order by id asc".to_owned()),
        1 => Just("mv-expand tags".to_owned()),
        1 => Just("union (securityresources | where name == 'f1')".to_owned()),
        1 => Just("join kind=leftouter (resources | project subscriptionId, owner = name) on subscriptionId".to_owned()),
    ]
}

fn ending() -> impl Strategy<Value = String> {
    let aggregates = one_of(&[
        "count()", "n = count()", "dcount(name)", "dcount(type), count()", "countif(properties.status.severity == 'High')",
        "max(subscriptionId), min(type)", "make_set(type)", "sum(todouble(properties.additionalData.cvssV30Score))",
        "avg(strlen(subscriptionId)), count()", "count(properties.status.severity)", "sumif(strlen(type), type has 'sub')", "round(stdev(strlen(type)), 6)",
    ]);
    prop_oneof![
        Just("count".to_owned()),
        Just("project name, s = properties.status.severity".to_owned()),
        Just("project-away properties, tags".to_owned()),
        text().prop_map(|text| format!("distinct t = {text}").replace("distinct t =", "summarize by t =")),
        aggregates.clone().prop_map(|aggregates| format!("summarize {aggregates}")),
        (aggregates, text()).prop_map(|(aggregates, by)| format!("summarize {aggregates} by k = {by}")),
        text().prop_map(|text| format!("order by id asc, name asc | take 3 | project x = {text}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn handing_down_changes_no_answer(steps in prop::collection::vec(step(), 0..5), ending in ending()) {
        let query = format!("securityresources | {}", steps.into_iter().chain([ending]).collect::<Vec<_>>().join(" | "));
        // `asked` compares the two.
        if let Err(error) = asked(&query) {
            panic!("{query}\n{error}");
        }
    }
}
