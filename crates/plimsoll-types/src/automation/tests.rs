use serde_json::json;

use super::*;

fn id() -> ResourceId {
    "/subscriptions/S/resourceGroups/G/providers/Microsoft.Security/automations/A".parse().unwrap()
}

fn document() -> Value {
    json!({
        "location": "local",
        "properties": {
            "scopes": [{"description": "all", "scopePath": "/subscriptions/S"}],
            "sources": [{"eventSource": "SubAssessments", "ruleSets": []}],
            "actions": [{"actionType": "Webhook", "uri": "https://hooks.example/a", "secret": "0123456789abcdef"}],
        },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = document();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn rule(path: &str, kind: &str, operator: &str, expected: Value) -> Value {
    json!({"propertyJPath": path, "propertyType": kind, "operator": operator, "expectedValue": expected})
}

fn complaint(body: &Value) -> String {
    Automation::read(&id(), body).expect_err("it is refused").to_string()
}

fn holds(rules: Value, thing: &Value) -> bool {
    let body = with("/properties/sources/0/ruleSets", rules);
    Automation::read(&id(), &body).unwrap().tells(EventSource::SubAssessments, thing)
}

fn finding() -> Value {
    json!({
        "name": "5f0c",
        "properties": {
            "status": {"code": "Unhealthy", "severity": "High"},
            "additionalData": {
                "patchable": true, "cvssV30Score": 9.8, "count": "12",
                "cve": [{"title": "CVE-2022-1"}, {"title": "CVE-2022-2"}],
            },
        },
    })
}

#[test]
fn a_document_is_read() {
    let automation = Automation::read(&id(), &document()).unwrap();
    assert!(automation.is_enabled && automation.listens_to(EventSource::SubAssessments));
    assert!(!automation.listens_to(EventSource::Assessments));
    assert!(automation.covers(&"/subscriptions/s/resourceGroups/x".parse().unwrap()));
    assert!(!automation.covers(&"/subscriptions/other".parse().unwrap()));
    let hook = Webhook { uri: "https://hooks.example/a".into(), mode: Mode::Batch, handshake: false };
    assert_eq!(automation.actions, [Action::Webhook(hook)]);
    let off = with("/properties/scopes", json!(null));
    assert_eq!(Automation::read(&id(), &off).unwrap().scopes, [ResourceId::of_subscription("S").unwrap()]);
}

#[test]
fn a_disabled_automation_tells_nothing() {
    let mut body = document();
    body["properties"]["isEnabled"] = json!(false);
    assert!(!Automation::read(&id(), &body).unwrap().tells(EventSource::SubAssessments, &finding()));
}

#[test]
fn every_operator_compares_as_its_name_says() {
    let severity = "properties.status.severity";
    let score = "$.properties.additionalData.cvssV30Score";
    let count = "properties.additionalData.count";
    for (path, kind, operator, expected, truth) in [
        (severity, "String", "Equals", "high", true),
        (severity, "String", "Equals", "hig", false),
        (severity, "String", "NotEquals", "Low", true),
        (severity, "String", "NotEquals", "HIGH", false),
        (severity, "String", "Contains", "IG", true),
        (severity, "String", "StartsWith", "hi", true),
        (severity, "String", "StartsWith", "gh", false),
        (severity, "String", "EndsWith", "GH", true),
        (severity, "String", "EndsWith", "hi", false),
        (severity, "String", "GreaterThan", "a", true),
        (severity, "String", "LesserThan", "z", true),
        (score, "Number", "GreaterThan", "9.7", true),
        (score, "Number", "GreaterThan", "9.8", false),
        (score, "Number", "GreaterThanOrEqualTo", "9.8", true),
        (score, "Number", "LesserThan", "10", true),
        (score, "Number", "LesserThanOrEqualTo", "9.79", false),
        (score, "Number", "Equals", "9.80", true),
        (score, "Integer", "Equals", "9", false),
        (score, "Integer", "NotEquals", "9", true),
        (count, "Integer", "GreaterThan", "9", true),
        (count, "Integer", "LesserThanOrEqualTo", "12", true),
        ("properties.additionalData.patchable", "Boolean", "Equals", "True", true),
        ("properties.additionalData.patchable", "Boolean", "NotEquals", "true", false),
        ("properties['status']['code']", "String", "Equals", "unhealthy", true),
        ("PROPERTIES.STATUS.CODE", "String", "Equals", "Unhealthy", true),
        ("properties.additionalData.cve[1].title", "String", "Equals", "cve-2022-2", true),
        ("properties.additionalData.cve[*].title", "String", "EndsWith", "-2", true),
        ("properties.additionalData.cve[*].title", "String", "NotEquals", "CVE-2022-2", false),
        ("properties.additionalData.cve[9].title", "String", "Contains", "CVE", false),
        ("properties.nothing", "String", "Equals", "", false),
        ("properties.nothing", "String", "NotEquals", "x", true),
        ("properties.status", "String", "Contains", "High", false),
    ] {
        let rules = json!([{"rules": [rule(path, kind, operator, json!(expected))]}]);
        assert_eq!(holds(rules, &finding()), truth, "{path} {kind} {operator} {expected}");
    }
}

#[test]
fn rules_of_a_set_must_all_hold_and_one_set_is_enough() {
    let yes = || rule("name", "String", "Equals", json!("5f0c"));
    let no = || rule("name", "String", "Equals", json!("other"));
    assert!(!holds(json!([{"rules": [yes(), no()]}]), &finding()));
    assert!(holds(json!([{"rules": [yes(), no()]}, {"rules": [yes()]}]), &finding()));
    assert!(!holds(json!([{"rules": [no()]}, {"rules": [no()]}]), &finding()));
    assert!(holds(json!([]), &finding()), "no rules: everything");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let source = "/properties/sources/0";
    let rules = |rule: Value| with(&format!("{source}/ruleSets"), json!([{"rules": [rule]}]));
    for (body, begins, contains) in [
        (json!([]), "the body", "object"),
        (json!({}), "properties", "object"),
        (with("/properties/sources", json!([])), "properties.sources ", "at least one"),
        (with("/properties/sources", json!("x")), "properties.sources ", "a list"),
        (
            with(&format!("{source}/eventSource"), json!("Alerts")),
            "properties.sources[0].eventSource",
            "never tells",
        ),
        (with("/properties/actions", json!([])), "properties.actions ", "at least one"),
        (
            with("/properties/actions/0/actionType", json!("EventHub")),
            "properties.actions[0].actionType",
            "no Event Hub",
        ),
        (
            with("/properties/actions/0/actionType", json!("Workspace")),
            "properties.actions[0].actionType",
            "workspace",
        ),
        (with("/properties/actions/0/actionType", json!(7)), "properties.actions[0].actionType", "a text"),
        (with("/properties/actions/0/uri", json!("ftp://x")), "properties.actions[0].uri", "https://"),
        (with("/properties/actions/0/uri", json!("https://a:b@x/")), "properties.actions[0].uri", "password"),
        (with("/properties/actions/0/uri", json!("https:///x")), "properties.actions[0].uri", "absolute"),
        (with("/properties/actions/0/secret", json!("short")), "properties.actions[0].secret", "16 to 256"),
        (
            with("/properties/scopes/0/scopePath", json!("/nowhere")),
            "properties.scopes[0].scopePath",
            "registry",
        ),
        (
            with("/properties/scopes/0/scopePath", json!("/subscriptions/T")),
            "properties.scopes[0].scopePath",
            "own subscription",
        ),
        (
            rules(rule("", "String", "Equals", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].propertyJPath",
            "a path",
        ),
        (
            rules(rule("a..b", "String", "Equals", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].propertyJPath",
            "a path",
        ),
        (
            rules(rule("a[x]", "String", "Equals", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].propertyJPath",
            "a path",
        ),
        (
            rules(rule("a", "Date", "Equals", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].propertyType",
            "Date",
        ),
        (
            rules(rule("a", "String", "Like", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].operator",
            "EndsWith",
        ),
        (
            rules(rule("a", "Boolean", "GreaterThan", json!("true"))),
            "properties.sources[0].ruleSets[0].rules[0].operator",
            "Boolean",
        ),
        (
            rules(rule("a", "Integer", "Contains", json!("1"))),
            "properties.sources[0].ruleSets[0].rules[0].operator",
            "Integer",
        ),
        (
            rules(rule("a", "Integer", "Equals", json!("1.5"))),
            "properties.sources[0].ruleSets[0].rules[0].expectedValue",
            "Integer",
        ),
        (
            rules(rule("a", "Number", "Equals", json!("NaN"))),
            "properties.sources[0].ruleSets[0].rules[0].expectedValue",
            "Number",
        ),
        (
            rules(rule("a", "String", "Equals", json!(["x"]))),
            "properties.sources[0].ruleSets[0].rules[0].expectedValue",
            "text",
        ),
        (
            rules(rule(&"a.".repeat(40), "String", "Equals", json!("x"))),
            "properties.sources[0].ruleSets[0].rules[0].propertyJPath",
            "32 steps",
        ),
        (
            with(&format!("{source}/ruleSets"), json!(vec![json!({}); 51])),
            "properties.sources[0].ruleSets ",
            "50 items",
        ),
    ] {
        let text = complaint(&body);
        assert!(text.starts_with(begins) && text.contains(contains), "{text}");
    }
}

#[test]
fn secrets_are_taken_out_of_what_is_kept() {
    let mut body = document();
    body["properties"]["actions"] = json!([
        {"actionType": "LogicApp", "logicAppResourceId": "/x", "URI": "https://logic.example/?sig=1"},
        {"actionType": "Webhook", "uri": "https://hooks.example/a", "secret": "0123456789abcdef"},
        {"actionType": "Webhook", "uri": "https://hooks.example/b"},
    ]);
    let secrets = Automation::take_secrets(&mut body);
    let expected = [(0, "https://logic.example/?sig=1".to_owned()), (1, "0123456789abcdef".to_owned())];
    assert_eq!(secrets, expected.into());
    let kept = body.to_string();
    assert!(!kept.contains("sig=1") && !kept.contains("0123456789abcdef"), "{kept}");
    assert_eq!(Automation::read(&id(), &body).unwrap().actions.len(), 3, "what is kept can be read");
}
