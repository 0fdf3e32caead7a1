//! Operations that take a while: how a client is told of one, and what it is answered when it comes back.
//!
//! Clients poll in two manners. `operationResults` is the URL of a `Location` header: 202 while it runs, then the result, or
//! the error under the status that it would have had. `operationStatuses` is that of `Azure-AsyncOperation`: always 200,
//! with the state in the body. Both stand below every provider.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use plimsoll_store::{Operation, OperationState};
use plimsoll_types::ResourceId;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::Error;

/// Answers what this room knows: `…/operationResults/{id}` and `…/operationStatuses/{id}` of any provider.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let rest = call.path.rest();
    let &[.., kind, name] = &rest[..] else { return Ok(None) };
    let is = |word: &str| kind.eq_ignore_ascii_case(word);
    let wants_status = is("operationStatuses") || is("operationsStatus");
    if call.path.provider().is_empty() || !(wants_status || is("operationResults")) {
        return Ok(None);
    }
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let operation = find(call, name).await?;
    Ok(Some(if wants_status {
        (running_headers(call, &operation, "operationStatuses")?, Json(shape(call, &operation)))
            .into_response()
    } else {
        result(call, &operation)?
    }))
}

/// The answer to a request whose work goes on: 202, with where to ask and after how many seconds.
pub(crate) fn accepted(call: &Call<'_>, operation: &Operation) -> Result<Response, Error> {
    let headers = running_headers(call, operation, "operationResults")?;
    Ok((StatusCode::ACCEPTED, headers, Json(shape(call, operation))).into_response())
}

/// How far an operation is, as `Azure-AsyncOperation` has it.
fn shape(call: &Call<'_>, operation: &Operation) -> Value {
    let status = match operation.state {
        OperationState::InProgress => "InProgress",
        OperationState::Succeeded => "Succeeded",
        OperationState::Failed => "Failed",
    };
    let done = operation.state != OperationState::InProgress;
    let percent = if done { Some(100.0) } else { operation.progress["percentComplete"].as_f64() };
    let mut shape = json!({
        "id": call.base.link(&path(call, operation, "operationStatuses")),
        "name": operation.id,
        "resourceId": operation.target,
        "status": status,
        "startTime": operation.created_at.to_string(),
        "percentComplete": percent.unwrap_or(0.0),
        "properties": operation.progress,
    });
    if let Some(end) = operation.ended_at {
        shape["endTime"] = end.to_string().into();
    }
    if let Some(error) = &operation.error {
        shape["error"] = json!({"code": error["code"], "message": error["message"]});
    }
    shape
}

/// The operation of this name, for those who may see what it works on. Others learn nothing, not even that it is there.
async fn find(call: &Call<'_>, name: &str) -> Result<Operation, Error> {
    let unknown = || Error::UnknownResource(format!("operationResults/{name}"));
    let operation = call.web.store.operation(name).await?.ok_or_else(unknown)?;
    let kind = operation.target.kind();
    let may = ["operationStatuses/read", "importImage/action", "write"]
        .iter()
        .any(|verb| call.may(&format!("{kind}/{verb}"), &operation.target));
    let is_there = call.path.scope()?.subscription().is_none_or(|subscription| {
        operation.target.subscription().is_some_and(|own| own.eq_ignore_ascii_case(subscription))
    });
    if may && is_there { Ok(operation) } else { Err(unknown()) }
}

fn result(call: &Call<'_>, operation: &Operation) -> Result<Response, Error> {
    Ok(match (&operation.state, &operation.error) {
        (OperationState::InProgress, _) => accepted(call, operation)?,
        (OperationState::Succeeded, _) => Json(shape(call, operation)).into_response(),
        (OperationState::Failed, error) => {
            let error =
                error.clone().unwrap_or_else(|| json!({"code": "OperationFailed", "message": "it failed"}));
            let status = status_of(&error);
            (status, Json(json!({"error": {"code": error["code"], "message": error["message"]}})))
                .into_response()
        }
    })
}

/// The status that an error would have had if it had come at once. What clients would repeat, or take for a fault of
/// their own token, is a 400 here: it speaks of the source, and asking again does not change it.
fn status_of(error: &Value) -> StatusCode {
    let code = error["code"].as_str().unwrap_or_default();
    let names = |word: &str| code.contains(word);
    if names("Conflict") || names("AlreadyExists") {
        StatusCode::CONFLICT
    } else if names("NotFound") || names("Unknown") {
        StatusCode::NOT_FOUND
    } else if names("TooLarge") {
        StatusCode::PAYLOAD_TOO_LARGE
    } else {
        StatusCode::BAD_REQUEST
    }
}

/// Where to ask and when, while there is something to wait for.
fn running_headers(call: &Call<'_>, operation: &Operation, kind: &str) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if operation.state == OperationState::InProgress {
        let link = call.base.link(&path(call, operation, kind));
        let link = HeaderValue::from_str(&link)
            .map_err(|_| Error::bad_request("InvalidHost", "the host of the request is no host"))?;
        if kind == "operationResults" {
            headers.insert(header::LOCATION, link);
        }
        // Clients would wait for 30 seconds.
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(headers)
}

/// Where the operation is asked for: below the provider and subscription of what it works on.
fn path(call: &Call<'_>, operation: &Operation, kind: &str) -> String {
    let subscription = operation.target.subscription().map(ResourceId::of_subscription);
    let front = match subscription {
        Some(Ok(subscription)) => subscription.as_str().to_owned(),
        _ => String::new(),
    };
    let provider = match operation.target.kind().split('/').next() {
        Some("microsoft.containerregistry") | None => "Microsoft.ContainerRegistry".to_owned(),
        Some(other) => other.to_owned(),
    };
    let version = &call.parameters.api_version;
    let version = if version.is_empty() { "2025-11-01" } else { version };
    format!("{front}/providers/{provider}/locations/local/{kind}/{}?api-version={version}", operation.id)
}
