//! Bodies of requests as documents: read with the path of what is wrong, merged where a client sends a part.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::call::{Call, malformed};
use crate::error::Error;

/// The longest document that is kept, in bytes.
const MAX_KEPT: usize = 256 << 10;

/// The body as an object, without the members that are null: clients write null for what they do not set.
pub(crate) fn of_call(call: &Call<'_>) -> Result<Map<String, Value>, Error> {
    if call.body.len() > MAX_KEPT {
        let message = format!("the body has {} bytes, a document at most {MAX_KEPT}", call.body.len());
        return Err(Error::bad_request("RequestContentTooLarge", message));
    }
    match without_nulls(call.json()?) {
        Value::Object(members) => Ok(members),
        other => Err(malformed(".", &format!("it must be a JSON object, found {}", kind(&other)))),
    }
}

/// The document as a type. The error names the field that is not as it should be.
pub(crate) fn read<T: DeserializeOwned>(document: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(document)
        .map_err(|error| malformed(&error.path().to_string(), error.inner()))
}

/// The document with what the patch has: objects member by member, anything else replaced.
pub(crate) fn merge(document: &mut Value, patch: Value) {
    match (document, patch) {
        (Value::Object(members), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (document, patch) => *document = patch,
    }
}

/// Fails where a text that must be there is not.
pub(crate) fn require_text(
    document: &Map<String, Value>,
    path: &[&str],
    code: &'static str,
) -> Result<(), Error> {
    let mut found = None;
    let mut members = Some(document);
    for name in path {
        found = members.and_then(|members| members.get(*name));
        members = found.and_then(Value::as_object);
    }
    match found {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(()),
        // Another type is told apart by whoever reads the document, with what was expected.
        Some(other) if !other.is_string() => Ok(()),
        _ => Err(Error::bad_request(
            code,
            format!("{} is missing in the body of the request, a text that is not empty", path.join(".")),
        )),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names() {
        let mut document = json!({"a": {"b": 1, "c": [1, 2]}, "d": true});
        merge(&mut document, json!({"a": {"c": [3]}, "e": {"f": 1}}));
        assert_eq!(document, json!({"a": {"b": 1, "c": [3]}, "d": true, "e": {"f": 1}}));
    }

    #[test]
    fn an_error_names_the_field() {
        let error = read::<plimsoll_types::registry::Description>(json!({
            "properties": {"networkRuleSet": {"ipRules": [{"value": "nowhere"}]}}
        }))
        .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("properties.networkRuleSet.ipRules"), "{text}");
        assert!(text.contains("nowhere"), "{text}");
    }

    #[test]
    fn nulls_are_as_if_they_were_not_there() {
        assert_eq!(without_nulls(json!({"a": null, "b": {"c": null, "d": 1}})), json!({"b": {"d": 1}}));
        let required = |document: Value| {
            require_text(document.as_object().unwrap(), &["sku", "name"], "Missing").is_ok()
        };
        assert!(required(json!({"sku": {"name": "Basic"}})));
        assert!(
            !required(json!({"sku": {}})) && !required(json!({})) && !required(json!({"sku": {"name": " "}}))
        );
    }
}
