//! Governance: who answers for a recommendation, and until when.
//!
//! A rule names owners and a time for the assessments that its conditions choose; carrying it out gives each unhealthy one
//! an assignment. An assignment can be written by hand too.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use plimsoll_store::{Registry, Resource};
use plimsoll_types::{ResourceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::shapes::TENANT;
use plimsoll_types::Generation;

const RULES: &str = "Microsoft.Security/governanceRules";
const ASSIGNMENTS: &str = "Microsoft.Security/assessments/governanceAssignments";
/// The most that a list tells, which is also the most that there may be in a place.
const MOST: u32 = 1000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.security" {
        return Ok(None);
    }
    let rules = |word: &str| is(word, "governanceRules");
    let assignments =
        |first: &str, second: &str| is(first, "assessments") && is(second, "governanceAssignments");
    match call.path.rest()[..] {
        [word] if rules(word) => list(call, RULES, &call.path.scope()?).await,
        [word, _] if rules(word) => one_rule(call).await,
        [word, _, execute] if rules(word) && is(execute, "execute") => execute_rule(call).await,
        [word, _, results, operation] if rules(word) && is(results, "operationResults") => {
            tell_result(call, operation).await
        }
        [first, _, second] if assignments(first, second) => {
            list(call, ASSIGNMENTS, &call.path.resource(2)?).await
        }
        [first, _, second, _] if assignments(first, second) => one_assignment(call).await,
        _ => return Ok(None),
    }
    .map(Some)
}

/// A rule's properties, as clients write them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remediation_timeframe: Option<String>,
    #[serde(default)]
    is_grace_period: bool,
    rule_priority: u16,
    #[serde(default)]
    is_disabled: bool,
    rule_type: RuleType,
    source_resource_type: SourceResourceType,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    excluded_scopes: Vec<String>,
    condition_sets: Vec<ConditionSet>,
    #[serde(default)]
    include_member_scopes: bool,
    owner_source: OwnerSource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    governance_email_notification: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum RuleType {
    Integrated,
    ServiceNow,
}

#[derive(Debug, Serialize, Deserialize)]
enum SourceResourceType {
    Assessments,
}

/// All conditions of a set must hold, of one set at least.
#[derive(Debug, Serialize, Deserialize)]
struct ConditionSet {
    conditions: Vec<Condition>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Condition {
    property: Property,
    /// A text, or a list in JSON for `In`.
    value: String,
    operator: Operator,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Property {
    #[serde(rename = "$.AssessmentKey", alias = "$.assessmentKey")]
    AssessmentKey,
    #[serde(rename = "$.Severity", alias = "$.severity")]
    Severity,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Operator {
    Equals,
    In,
}

#[derive(Debug, Serialize, Deserialize)]
struct OwnerSource {
    #[serde(rename = "type")]
    kind: OwnerKind,
    /// The owner, or the name of the tag that names one.
    value: String,
}

#[derive(Debug, Serialize, Deserialize)]
enum OwnerKind {
    ByTag,
    Manually,
}

/// An assignment's properties.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    remediation_due_date: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remediation_eta: Option<Eta>,
    #[serde(default)]
    is_grace_period: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    governance_email_notification: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    additional_data: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Eta {
    eta: String,
    justification: String,
}

#[derive(Deserialize)]
struct Body<T> {
    properties: T,
}

async fn list(call: &Call<'_>, kind: &'static str, scope: &ResourceId) -> Result<Response, Error> {
    only(call, &Method::GET, "GET, HEAD")?;
    call.authorize(&format!("{kind}/read"), scope)?;
    let found = call.web.store.resources(kind, Some(scope), None, MOST).await?;
    Ok(Json(Page::whole(found.iter().map(|one| shown(kind, one)).collect())).into_response())
}

async fn one_rule(call: &Call<'_>) -> Result<Response, Error> {
    one(call, RULES, &call.path.resource(2)?, |call| {
        let Body { properties: rule } = call.json::<Body<Rule>>()?;
        rule.check()?;
        Ok(json!(rule))
    })
    .await
}

async fn one_assignment(call: &Call<'_>) -> Result<Response, Error> {
    let assessment = call.path.resource(2)?;
    if Generation::of_key(assessment.name()).is_none() {
        return Err(Error::UnknownResource(format!("Microsoft.Security/assessments/{}", assessment.name())));
    }
    one(call, ASSIGNMENTS, &call.path.resource(4)?, |call| {
        let Body { properties: assignment } = call.json::<Body<Assignment>>()?;
        instant("properties.remediationDueDate", &assignment.remediation_due_date)?;
        if let Some(eta) = &assignment.remediation_eta {
            instant("properties.remediationEta.eta", &eta.eta)?;
        }
        Ok(json!(assignment))
    })
    .await
}

/// Reads, writes or removes one document; `read` gives what a body is kept as.
async fn one(
    call: &Call<'_>,
    kind: &'static str,
    id: &ResourceId,
    read: impl FnOnce(&Call<'_>) -> Result<Value, Error>,
) -> Result<Response, Error> {
    let store = &call.web.store;
    match *call.method {
        Method::GET | Method::HEAD => {
            call.authorize(&format!("{kind}/read"), id)?;
            Ok(Json(shown(kind, &found(call, kind, id).await?)).into_response())
        }
        Method::PUT => {
            call.authorize(&format!("{kind}/write"), id)?;
            let is_new = store.put_resource(id, &read(call)?, call.now).await?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(shown(kind, &found(call, kind, id).await?))).into_response())
        }
        Method::DELETE => {
            call.authorize(&format!("{kind}/delete"), id)?;
            let was_there = store.delete_resource(id).await?;
            Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response())
        }
        _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
    }
}

/// Gives each unhealthy assessment that the rule chooses an assignment. It is done when it is answered; Azure's clients
/// want to be told where to ask for the result all the same.
async fn execute_rule(call: &Call<'_>) -> Result<Response, Error> {
    only(call, &Method::POST, "POST")?;
    let id = call.path.resource(2)?;
    call.authorize(&format!("{RULES}/execute/action"), &id)?;
    let rule = found(call, RULES, &id).await?;
    let rule: Rule = serde_json::from_value(rule.body).map_err(|error| {
        Error::conflict("InvalidRule", format!("the rule cannot be carried out: {error}"))
    })?;
    let wanted: Option<Execution> = call.json()?;
    let store = &call.web.store;
    let operation = store.begin_operation("governance", &id, &json!({}), call.now).await?;
    let scope = call.path.scope()?;
    let mut assigned = 0;
    for registry in store.registries().await? {
        assigned +=
            carry_out(call, &rule, &id, &scope, &registry, wanted.as_ref().is_some_and(|w| w.overrides))
                .await?;
    }
    store.note_operation(&operation, &json!({"assigned": assigned}), call.now).await?;
    store.end_operation(&operation, None, call.now).await?;
    let location = call
        .base
        .link(&format!("{id}/operationResults/{operation}?api-version={}", call.parameters.api_version));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location), (header::RETRY_AFTER, "1".into())])
        .into_response())
}

#[derive(Deserialize)]
struct Execution {
    /// Whether assignments that are there are replaced.
    #[serde(default, rename = "override")]
    overrides: bool,
}

async fn carry_out(
    call: &Call<'_>,
    rule: &Rule,
    rule_id: &ResourceId,
    scope: &ResourceId,
    registry: &Registry,
    overrides: bool,
) -> Result<u32, Error> {
    let Ok(registry_id) = registry.scope.registry_id().parse::<ResourceId>() else { return Ok(0) };
    let excluded = rule.excluded_scopes.iter().filter_map(|scope| scope.parse::<ResourceId>().ok());
    if rule.is_disabled
        || !scope.contains(&registry_id)
        || excluded.into_iter().any(|e| e.contains(&registry_id))
    {
        return Ok(0);
    }
    let store = &call.web.store;
    let due = call.now.plus_millis(rule.time()?);
    let assignment = json!(Assignment {
        owner: rule.owner(registry),
        remediation_due_date: due.to_string(),
        remediation_eta: None,
        is_grace_period: rule.is_grace_period,
        governance_email_notification: rule.governance_email_notification.clone(),
        additional_data: None,
    });
    let mut assigned = 0;
    for generation in Generation::ALL.into_iter().filter(|generation| rule.chooses(*generation)) {
        if store.in_registry(registry.id).registry_summary(generation).await?.unhealthy == 0 {
            continue;
        }
        // Under the rule's own name, so that carrying it out again changes the same assignment.
        let name = rule_id.name();
        let id = format!(
            "{registry_id}/providers/Microsoft.Security/assessments/{}/governanceAssignments/{name}",
            generation.key()
        );
        let Ok(id) = id.parse::<ResourceId>() else { continue };
        if overrides || store.resource(&id).await?.is_none() {
            store.put_resource(&id, &assignment, call.now).await?;
            assigned += 1;
        }
    }
    Ok(assigned)
}

async fn tell_result(call: &Call<'_>, operation: &str) -> Result<Response, Error> {
    only(call, &Method::GET, "GET, HEAD")?;
    let rule = call.path.resource(2)?;
    call.authorize(&format!("{RULES}/read"), &rule)?;
    let found = call.web.store.operation(operation).await?.filter(|found| found.target == rule);
    let found =
        found.ok_or_else(|| Error::UnknownResource(format!("{RULES}/operationResults/{operation}")))?;
    Ok(Json(json!({"status": found.state.as_str(), "assigned": found.progress["assigned"]})).into_response())
}

async fn found(call: &Call<'_>, kind: &str, id: &ResourceId) -> Result<Resource, Error> {
    let found = call.web.store.resource(id).await?;
    found.ok_or_else(|| Error::UnknownResource(format!("{kind}/{}", id.name())))
}

fn shown(kind: &str, one: &Resource) -> Value {
    let mut properties = one.body.clone();
    if kind == RULES {
        properties["tenantId"] = TENANT.into();
        properties["metadata"] =
            json!({"createdOn": one.created_at.to_string(), "updatedOn": one.changed_at.to_string()});
    }
    json!({"id": one.id.as_str(), "name": one.id.name(), "type": kind, "properties": properties})
}

impl Rule {
    fn check(&self) -> Result<(), Error> {
        let bad = |field: &str, expected: &str| {
            Err(invalid(format!("properties.{field} in the body of the request must be {expected}")))
        };
        if !(1..=1000).contains(&self.rule_priority) {
            return bad("rulePriority", "a number from 1 to 1000");
        }
        if self.time().is_err() {
            return bad("remediationTimeframe", "days, or days and a time such as 7.00:00:00");
        }
        for condition in self.condition_sets.iter().flat_map(|set| &set.conditions) {
            if condition.values().is_none() {
                return bad(
                    "conditionSets",
                    "conditions whose value is a list of texts in JSON where the operator is In",
                );
            }
        }
        Ok(())
    }

    /// How long there is to mend, in milliseconds; a week where it is not said.
    fn time(&self) -> Result<i64, Error> {
        let Some(text) = &self.remediation_timeframe else { return Ok(7 * DAY) };
        timeframe(text).ok_or_else(|| invalid(format!("{text:?} is no time such as 7.00:00:00")))
    }

    fn chooses(&self, generation: Generation) -> bool {
        self.condition_sets.is_empty()
            || self
                .condition_sets
                .iter()
                .any(|set| set.conditions.iter().all(|condition| condition.holds(generation)))
    }

    fn owner(&self, registry: &Registry) -> Option<String> {
        match self.owner_source.kind {
            OwnerKind::Manually => Some(self.owner_source.value.clone()),
            OwnerKind::ByTag => registry.body["tags"][&self.owner_source.value].as_str().map(str::to_owned),
        }
    }
}

impl Condition {
    fn holds(&self, generation: Generation) -> bool {
        let subject = match self.property {
            Property::AssessmentKey => generation.key(),
            // Both recommendations are told as severe.
            Property::Severity => "High",
        };
        self.values().is_some_and(|values| values.iter().any(|value| is(value, subject)))
    }

    fn values(&self) -> Option<Vec<String>> {
        match self.operator {
            Operator::Equals => Some(vec![self.value.clone()]),
            Operator::In => serde_json::from_str(&self.value).ok(),
        }
    }
}

/// `7.00:00:00`, .NET's way of writing a span of time, in milliseconds.
fn timeframe(text: &str) -> Option<i64> {
    let (days, time) = match text.split_once('.') {
        Some((days, time)) => (days, time),
        None if text.contains(':') => ("0", text),
        None => (text, "0:0:0"),
    };
    let days = days.parse::<u16>().ok()?;
    let mut parts = time.split(':').map(|part| part.parse::<u8>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(
        i64::from(days) * DAY
            + (i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds)) * 1000,
    )
}

fn instant(field: &str, text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| {
        invalid(format!("{field} in the body of the request must be an RFC 3339 instant, found {text:?}"))
    })
}

fn invalid(message: String) -> Error {
    Error::bad_request("InvalidRequestContent", message)
}

fn only(call: &Call<'_>, method: &Method, allowed: &'static str) -> Result<(), Error> {
    let asked = if *call.method == Method::HEAD { &Method::GET } else { call.method };
    if asked == method { Ok(()) } else { Err(Error::MethodNotAllowed(allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeframe_is_days_and_a_time() {
        assert_eq!(timeframe("7.00:00:00"), Some(7 * DAY));
        assert_eq!(timeframe("30"), Some(30 * DAY));
        assert_eq!(timeframe("12:30:01"), Some(((12 * 60 + 30) * 60 + 1) * 1000));
        for bad in ["", "week", "7.24:00:00", "-1", "1.1", "99999999.00:00:00", "7.00:00:00:00"] {
            assert_eq!(timeframe(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_rule_chooses_by_key_and_severity() {
        let rule = |sets: Value| -> Rule {
            serde_json::from_value(json!({
                "displayName": "r", "rulePriority": 1, "ruleType": "Integrated", "sourceResourceType": "Assessments",
                "conditionSets": sets, "ownerSource": {"type": "Manually", "value": "me"},
            }))
            .unwrap()
        };
        let condition = |property: &str, operator: &str, value: &str| json!({"property": property, "operator": operator, "value": value});
        let second = Generation::Second.key();
        let by_key = condition("$.AssessmentKey", "In", &json!([second]).to_string());
        assert!(rule(json!([])).chooses(Generation::First));
        assert!(rule(json!([{"conditions": [by_key]}])).chooses(Generation::Second));
        assert!(!rule(json!([{"conditions": [by_key]}])).chooses(Generation::First));
        let low = condition("$.Severity", "Equals", "Low");
        assert!(!rule(json!([{"conditions": [by_key, low]}])).chooses(Generation::Second));
        assert!(rule(json!([{"conditions": [low]}, {"conditions": [by_key]}])).chooses(Generation::Second));
        assert!(
            rule(json!([{"conditions": [condition("$.AssessmentKey", "In", "no list")]}])).check().is_err()
        );
    }
}
