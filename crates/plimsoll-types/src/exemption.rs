//! Policy exemptions: a resource that an organisation takes out of the assessments. Pure.

use serde_json::Value;

use crate::Timestamp;
use crate::rule::{Invalid, instant, object, only, text};

/// An exemption, as `Microsoft.Authorization/policyExemptions` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// `Waiver` or `Mitigated`.
    pub category: &'static str,
    /// The instant from which on it exempts nothing any more; the resource stays.
    pub expires_on: Option<Timestamp>,
    /// Its name for people.
    pub display_name: String,
    /// Why.
    pub description: String,
    /// The parts of the policy that are exempted, in lower case: here, keys of recommendations. Empty: all.
    pub parts: Vec<String>,
}

impl Exemption {
    /// Reads the body of an exemption. The error names the field.
    pub fn parse(body: &Value) -> Result<Self, Invalid> {
        const AT: &str = "properties";
        let fields = object(&body[AT], AT)?;
        only(
            fields,
            &[
                "policyAssignmentId",
                "policyDefinitionReferenceIds",
                "exemptionCategory",
                "expiresOn",
                "displayName",
                "description",
                "metadata",
                "assignmentScopeValidation",
                "resourceSelectors",
            ],
            AT,
        )?;
        if text(fields, AT, "policyAssignmentId", 2048)?.is_none_or(|id| id.is_empty()) {
            return Err(Invalid::new(
                "properties.policyAssignmentId",
                "must be the id of a policy assignment",
            ));
        }
        let category = text(fields, AT, "exemptionCategory", 32)?.unwrap_or_default();
        let category = ["Waiver", "Mitigated"].into_iter().find(|word| word.eq_ignore_ascii_case(&category));
        let parts = match fields.get("policyDefinitionReferenceIds") {
            None | Some(Value::Null) => Some(vec![]),
            Some(Value::Array(items)) if items.len() <= 1000 => {
                items.iter().map(|item| Some(item.as_str()?.to_ascii_lowercase())).collect()
            }
            Some(_) => None,
        };
        let bad = |name: &str, problem: &str| Invalid::new(format!("{AT}.{name}"), problem);
        Ok(Self {
            category: category.ok_or_else(|| bad("exemptionCategory", "must be Waiver or Mitigated"))?,
            expires_on: instant(fields, AT, "expiresOn")?,
            display_name: text(fields, AT, "displayName", 128)?.unwrap_or_default(),
            description: text(fields, AT, "description", 512)?.unwrap_or_default(),
            parts: parts
                .ok_or_else(|| bad("policyDefinitionReferenceIds", "must be a list of at most 1000 texts"))?,
        })
    }

    /// Whether it exempts from this recommendation (by its key or the name of its policy) at this instant.
    pub fn covers(&self, key: &str, policy: &str, now: Timestamp) -> bool {
        let named = |part: &String| part == key || part == policy;
        self.expires_on.is_none_or(|end| now < end) && (self.parts.is_empty() || self.parts.iter().any(named))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exemption_covers_what_it_names_until_it_ends() {
        let parse = |more: Value| {
            let mut properties = json!({"policyAssignmentId": "/x", "exemptionCategory": "waiver"});
            properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Exemption::parse(&json!({"properties": properties}))
        };
        let all = parse(json!({"expiresOn": "1970-01-01T00:00:01Z"})).unwrap();
        assert!(all.covers("k", "p", Timestamp(0)) && !all.covers("k", "p", Timestamp(1000)));
        let some = parse(json!({"policyDefinitionReferenceIds": ["K"]})).unwrap();
        assert!(some.covers("k", "p", Timestamp(0)) && !some.covers("l", "p", Timestamp(0)));
        for (more, field) in [
            (json!({"policyAssignmentId": ""}), "properties.policyAssignmentId"),
            (json!({"exemptionCategory": "no"}), "properties.exemptionCategory"),
            (json!({"expiresOn": 7}), "properties.expiresOn"),
            (json!({"policyDefinitionReferenceIds": "x"}), "properties.policyDefinitionReferenceIds"),
            (json!({"displayName": "x".repeat(129)}), "properties.displayName"),
        ] {
            assert_eq!(parse(more).unwrap_err().field, field);
        }
    }
}
