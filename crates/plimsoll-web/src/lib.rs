//! Verdicts as Azure's clients read them: Resource Manager's resources, over HTTP.
//!
//! A request is read once, into a [`call::Call`]: where its path points, its query, its body, who sends it. Then it goes to
//! the [`rooms`], one after the other, until one knows its path. A room asks the store, and a shape puts the answer into
//! the wire's words ([`shapes`]). Only [`error`] knows status codes. Nothing here decides what is vulnerable; it presents
//! what is stored.
//!
//! Every finding is told twice, once in each generation of the contract ([`generation`]).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod call;
mod error;
mod exemptions;
mod handlers;
mod links;
mod openapi;
pub mod operations;
mod page;
mod parameters;
mod places;
mod request_id;
mod rooms;
mod route;
mod shapes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use plimsoll_store::Store;
use plimsoll_types::{Scope, Timestamp};

pub use links::Connection;
pub use rooms::score::record_scores;
pub use openapi::document as openapi_document;

use call::{Call, MAX_BODY, Path};
use error::Error;
use links::Base;
use parameters::Parameters;
use request_id::RequestIds;

/// Tells the instant; handed in, so that a test can turn it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the API is served from.
#[derive(Clone)]
pub struct Web {
    /// Where the verdicts are.
    pub store: Store,
    /// The clock that changes are dated by.
    pub clock: Clock,
    /// Subscription, resource group and registry that the process was set up with.
    pub scope: Scope,
    /// How clients reach the listener.
    pub connection: Connection,
}

/// The API as a router that answers every path, since case does not count in most of its segments; what it does not know
/// gets a 404 in Azure's error envelope. Put it behind other routes with [`Router::fallback_service`].
pub fn router(web: Web) -> Router {
    let front = Front { web, ids: RequestIds::new() };
    Router::new().fallback(answer).with_state(Arc::new(front))
}

struct Front {
    web: Web,
    ids: RequestIds,
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let id = front.ids.next();
    let correlation = request.headers().clone();
    let answer = dispatch(&front.web, request).await;
    let mut response = answer.unwrap_or_else(|error| error.tell(&id).into_response());
    request_id::mark(response.headers_mut(), &id, &correlation);
    response
}

async fn dispatch(web: &Web, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| Error::BodyTooLarge)?;
    let path = Path::parse(parts.uri.path()).ok_or(Error::UnknownRoute)?;
    let first = path.segments.first().map_or("", String::as_str);
    let is_managed = ["subscriptions", "providers", "tenants"].iter().any(|word| call::is(first, word));
    let call = Call {
        web,
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        path,
        parameters: Parameters::parse(&parts.uri, is_managed)?,
        base: Base::of(&web.connection, &parts.uri, &parts.headers, &web.scope),
        body,
        now: (web.clock)(),
    };
    let answer = if let Some(answer) = rooms::clients::answer(&call)? {
        answer
    } else if let Some(answer) = rooms::security::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::rules::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::exemptions::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::score::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::history::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::alerts::answer(&call).await? {
        answer
    } else if let Some(answer) = rooms::governance::answer(&call).await? {
        answer
    } else {
        return Err(Error::UnknownRoute);
    };
    operations::check(call.method, call.uri.path());
    Ok(answer)
}
