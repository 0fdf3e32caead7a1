//! `Microsoft.ResourceGraph`: one query over all that the caller may see.
//!
//! A query is planned (`plimsoll_query`), its scans are answered from the store and from what the other rooms list
//! ([`sources`]), and its answer is paged and shaped here. The plan is worked on by threads that may block, because evaluating a
//! stranger's query must not hold up other requests; how many work at once, how long each may take and how often one caller may
//! ask is bounded ([`desk`]).

mod answer;
mod desk;
mod request;
mod run;
mod saved;
mod sources;
mod tables;
#[cfg(test)]
mod tests;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};

use crate::call::{Call, is};
use crate::error::Error;

pub(crate) use desk::Desk;
pub use request::Settings;

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    if call.path.provider() != "microsoft.resourcegraph" {
        return Ok(None);
    }
    let rest = call.path.rest();
    match rest[..] {
        [kind] if is(kind, "resources") => match *call.method {
            Method::POST => query(call).await.map(Some),
            _ => Err(Error::MethodNotAllowed("POST")),
        },
        [kind, ..] if is(kind, "queries") => saved::answer(call).await,
        _ => Ok(None),
    }
}

/// `POST /providers/Microsoft.ResourceGraph/resources`.
async fn query(call: &Call<'_>) -> Result<Response, Error> {
    let quota = call.desk.admit(call.caller.id(), call.now)?;
    let request: request::QueryRequest = call.json()?;
    let asked = request.understand(&call.parameters.api_version)?;
    let sources = sources::Sources::open(call, &asked).await?;
    let mut response = match run::run(call, &asked, sources).await? {
        Ok(body) => Json(body).into_response(),
        Err(fault) => (StatusCode::BAD_REQUEST, Json(answer::fault(call, &fault))).into_response(),
    };
    quota.tell(response.headers_mut());
    Ok(response)
}
