//! What clients read: rows as objects or as a table, facets, and what is wrong with a query.

use plimsoll_query::{Answer, Error as Fault, ErrorKind, Plan, Type};
use serde_json::{Map, Value, json};

use super::request::{Asked, Facet, Format};
use crate::call::Call;

/// The body of an answer.
///
/// `resultTruncated` is a text. It is `"true"` only where rows are missing that no further page will bring; `$skipToken` is
/// there only while there is a further page, since some clients ask on as long as the key exists.
pub(super) fn body(asked: &Asked, plan: &Plan, answer: Answer, facets: Vec<Value>) -> Value {
    let has_own_limit = plan.has_own_limit();
    let before = if has_own_limit { 0 } else { asked.skip };
    let count = answer.rows.len() as u64;
    let is_more = before + count < answer.total && count > 0;
    // Rows that are all documents have no order that a page could go on in.
    let can_page = !has_own_limit && answer.columns.iter().any(|column| column.kind != Type::Dynamic);
    let mut body = json!({
        "totalRecords": answer.total,
        "count": count,
        "resultTruncated": if is_more && !can_page { "true" } else { "false" },
        "facets": facets,
    });
    if is_more && can_page {
        body["$skipToken"] = asked.token_at(before + count).into();
    }
    body["data"] = match asked.format {
        Format::Objects => objects(&answer),
        Format::Table => table(&answer, asked.knows_instants),
    };
    body
}

fn objects(answer: &Answer) -> Value {
    let object = |row: &Vec<plimsoll_query::Value>| {
        let cells = answer.columns.iter().zip(row);
        let members: Map<String, Value> =
            cells.map(|(column, cell)| (column.name.to_string(), plain(cell))).collect();
        Value::Object(members)
    };
    answer.rows.iter().map(object).collect()
}

fn table(answer: &Answer, knows_instants: bool) -> Value {
    let kind = |kind: Type| match kind {
        Type::Bool => "boolean",
        Type::Int | Type::Long => "integer",
        Type::Real | Type::Decimal => "number",
        Type::DateTime if knows_instants => "datetime",
        Type::DateTime | Type::Timespan | Type::Guid | Type::String => "string",
        Type::Dynamic => "object",
    };
    let columns: Vec<Value> = answer
        .columns
        .iter()
        .map(|column| json!({"name": &*column.name, "type": kind(column.kind)}))
        .collect();
    let rows: Vec<Value> = answer.rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    json!({"columns": columns, "rows": rows})
}

fn plain(cell: &plimsoll_query::Value) -> Value {
    serde_json::to_value(cell).unwrap_or_default()
}

/// A facet, or why there is none; a facet that cannot be made leaves the answer as it is.
pub(super) fn facet(facet: &Facet, found: Option<Result<Answer, Fault>>) -> Value {
    let names = json!({
        "code": "InvalidColumnNames",
        "message": format!("Invalid column names: [{}].", shortened(&facet.expression)),
    });
    let none = json!({"code": "NoValidColumns", "message": "No valid columns in facet expression."});
    let errors = match found {
        Some(Ok(answer)) => {
            return json!({
                "expression": facet.expression,
                "resultType": "FacetResult",
                "totalRecords": answer.total,
                "count": answer.rows.len(),
                "data": objects(&answer),
            });
        }
        Some(Err(fault)) if fault.kind() == ErrorKind::SemanticFailure => {
            json!([none, names, {"code": fault.kind().code(), "message": fault.to_string()}])
        }
        Some(Err(fault)) => json!([{"code": fault.kind().code(), "message": fault.to_string()}]),
        None => json!([none, names]),
    };
    json!({"expression": shortened(&facet.expression), "resultType": "FacetError", "errors": errors})
}

/// The envelope of a query that cannot be answered: first that it is the query, then what is wrong with it, and where.
pub(super) fn fault(call: &Call<'_>, fault: &Fault) -> Value {
    let correlation =
        call.headers.get("x-ms-correlation-request-id").or(call.headers.get("x-ms-client-request-id"));
    let correlation = correlation.and_then(|id| id.to_str().ok()).map(shortened);
    // Who sent none has nothing that could be looked for.
    let correlation = correlation.map(|id| format!(", correlationId = {id}")).unwrap_or_default();
    let mut detail = json!({"code": fault.kind().code(), "message": fault.to_string()});
    match (fault.kind(), fault.position()) {
        (_, Some(position)) => {
            detail["line"] = position.line.into();
            detail["characterPositionInLine"] = position.character.into();
        }
        // Azure says so where the fault is in no one place.
        (ErrorKind::InvalidQueryLanguage, None) => {
            detail["line"] = (-1).into();
            detail["characterPositionInLine"] = (-1).into();
        }
        _ => {}
    }
    if let Some(token) = fault.token() {
        detail["token"] = token.into();
    }
    if let Some(expected) = fault.expected() {
        detail["expectedToken"] = expected.into();
    }
    let message = format!(
        "{fault}. Please provide below info when asking for support: timestamp = {}{correlation}.",
        call.now
    );
    json!({"error": {
        "code": "BadRequest",
        "message": message,
        "details": [
            {"code": "InvalidQuery", "message": "Query is invalid. The next detail says what is wrong, and where."},
            detail,
        ],
    }})
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}
