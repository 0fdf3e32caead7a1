//! The OpenAPI document: the table of operations, in the words of OpenAPI 3.1. The schemas are in the files of `openapi/`,
//! one an area, but for those of lists, which are all alike: `AssessmentList` is a page of `Assessment`s.

use serde_json::{Map, Value, json};

use crate::operations::{Access, Area, Operation, all};

/// The schemas of bodies, by name, as OpenAPI's `components/schemas` has them.
const SCHEMAS: &[&str] = &[
    include_str!("openapi/schemas.json"),
    include_str!("openapi/governance.json"),
    include_str!("openapi/resources.json"),
    include_str!("openapi/registries.json"),
    include_str!("openapi/access.json"),
    include_str!("openapi/graph.json"),
    include_str!("openapi/plimsoll.json"),
    include_str!("openapi/notify.json"),
    include_str!("openapi/rules.json"),
];

/// The document. It is the same for every server of a version; `servers` is left to whoever reads it.
pub fn document() -> Value {
    let mut paths = Map::new();
    for operation in all() {
        let path =
            paths.entry(operation.path).or_insert_with(|| json!({"parameters": path_parameters(operation)}));
        path[operation.method.to_ascii_lowercase()] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "summary": "A container registry that knows which of its images are fit to sail",
            "description": "Azure Resource Manager's resources for registries and their security, Resource Graph, the OCI \
                            Distribution API and Azure Container Registry's own. `{scope}` and `{repository}` stand for \
                            one path segment or more, whose slashes are not escaped. Case does not count in the words of \
                            Resource Manager's paths.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "Manager", "description": "Azure Resource Manager"},
            {"name": "Registry", "description": "The registry's data"},
            {"name": "Tokens", "description": "Tokens for the registry's data"},
            {"name": "Server", "description": "The server itself"},
        ],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the server's or of the issuer that it trusts"},
                "basic": {"type": "http", "scheme": "basic", "description": "A user's name and password, or a token as the password"},
            },
        },
    })
}

fn schemas() -> Map<String, Value> {
    let read = |text: &&str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let mut schemas: Map<String, Value> = SCHEMAS.iter().flat_map(read).collect();
    for name in all().filter_map(|operation| operation.response) {
        if let Some(item) = name.strip_suffix("List") {
            schemas.entry(name).or_insert_with(|| {
                json!({
                    "type": "object",
                    "description": "A page of a list",
                    "properties": {
                        "value": {"type": "array", "items": {"$ref": format!("#/components/schemas/{item}")}},
                        "nextLink": {"type": "string", "description": "Where the next page is, while there is one"},
                    },
                    "required": ["value"],
                })
            });
        }
    }
    schemas
}

fn path_parameters(operation: &Operation) -> Value {
    let describe = |name: &str| match name {
        "scope" => "A subscription, resource group, management group or resource, without its first slash",
        "repository" => "A repository, such as team/app",
        "reference" => "A tag or a digest",
        _ => "",
    };
    let parameter = |name: &'static str| {
        let mut parameter =
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        if !describe(name).is_empty() {
            parameter["description"] = describe(name).into();
        }
        parameter
    };
    operation.names().map(parameter).collect()
}

fn describe(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [format!("{:?}", operation.area)],
        "responses": responses(operation),
    });
    let parameters = query_parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(schema) = operation.request {
        described["requestBody"] = json!({"required": true, "content": content(schema)});
    }
    match operation.access {
        Access::Anyone => described["security"] = json!([]),
        Access::Known if operation.area == Area::Registry => {
            described["security"] = json!([{"bearer": []}, {"basic": []}])
        }
        Access::Known => {}
        Access::Action(action) => {
            described["x-plimsoll-action"] = action.into();
            if operation.area == Area::Registry {
                described["security"] = json!([{"bearer": []}, {"basic": []}]);
            }
        }
    }
    described
}

fn query_parameters(operation: &Operation) -> Vec<Value> {
    let mut parameters = Vec::new();
    if operation.area == Area::Manager {
        parameters.push(json!({
            "name": "api-version", "in": "query", "required": true,
            "description": "A date, such as 2021-06-01 or 2019-01-01-preview; the answer does not depend on it",
            "schema": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d(-[A-Za-z0-9.-]+)?$"},
        }));
    }
    let schema = |name: &str| match name {
        "$top" => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
        "n" => json!({"type": "integer", "minimum": 0}),
        _ => json!({"type": "string"}),
    };
    parameters.extend(
        operation.query.iter().map(|name| json!({"name": name, "in": "query", "schema": schema(name)})),
    );
    parameters
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for status in operation.statuses {
        let mut response = json!({"description": meaning(*status)});
        let has_body = !matches!(status, 204) && (*status != 202 || operation.area != Area::Manager);
        if let Some(schema) = operation.response.filter(|_| has_body) {
            response["content"] = content(schema);
        }
        if *status == 202 && operation.area == Area::Manager {
            response["headers"] = json!({
                "Location": {"description": "Where to ask how far it is", "schema": {"type": "string"}},
                "Retry-After": {"description": "After how many seconds to ask", "schema": {"type": "integer"}},
            });
        }
        responses.insert(status.to_string(), response);
    }
    let error = match operation.area {
        Area::Manager => "Error",
        Area::Registry | Area::Tokens => "RegistryErrors",
        Area::Server => return responses.into(),
    };
    responses.insert("default".into(), json!({"description": "Why not", "content": content(error)}));
    responses.into()
}

fn content(schema: &str) -> Value {
    let reference = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}});
    match schema {
        "Bytes" => json!({"application/octet-stream": {}}),
        "Form" => json!({"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}),
        _ if schema.ends_with("Form") => json!({"application/x-www-form-urlencoded": reference}),
        "Manifest" => json!({"application/vnd.oci.image.manifest.v1+json": reference}),
        "Index" => json!({"application/vnd.oci.image.index.v1+json": reference}),
        _ => json!({"application/json": reference}),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done",
        201 => "Made",
        202 => "Taken on",
        204 => "Done, and there is nothing to tell",
        206 => "The part that was asked for",
        503 => "Not at the moment",
        _ => "Answered",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_is_the_one_in_docs() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("PLIMSOLL_BLESS").is_some() {
            std::fs::write(file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            kept == made,
            "the API has changed: look at the difference that `cargo xtask bless` makes in {file}"
        );
    }

    #[test]
    fn every_schema_is_there_and_used() {
        for text in SCHEMAS {
            serde_json::from_str::<Map<String, Value>>(text).expect("the schemas can be read");
        }
        let there = schemas();
        let there: BTreeSet<&str> = there.keys().map(String::as_str).collect();
        let document = document();
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        let missing: Vec<_> = named.difference(&there).collect();
        let unused: Vec<_> = there.difference(&named).collect();
        assert!(missing.is_empty() && unused.is_empty(), "missing: {missing:?}, unused: {unused:?}");
    }

    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                    found.insert(name.trim_start_matches("#/components/schemas/"));
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
}
