//! Verdicts as Azure's clients read them: Resource Manager's resources, over HTTP.
//!
//! A request is read once, into a [`call::Call`]: where its path points, its query, its body, who sends it. Then it goes to
//! the [`rooms`], one after the other, until one knows its path. A room asks the store, and a shape puts the answer into
//! the wire's words ([`shapes`]). Only [`error`] knows status codes. Nothing here decides what is vulnerable; it presents
//! what is stored.
//!
//! Every finding is told twice, once in each generation of the contract.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod call;
mod document;
mod error;
mod exemptions;
mod handlers;
mod links;
mod listing;
mod openapi;
pub mod operations;
mod page;
mod parameters;
mod places;
mod request_id;
mod rooms;
mod route;
mod shapes;
mod tellings;

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use plimsoll_access::{Access, Caller};
use plimsoll_store::Store;
use plimsoll_types::{Scope, Timestamp};

pub use links::{Connection, login_server_suffix};
pub use openapi::document as openapi_document;
pub use rooms::resource_graph::Settings as GraphSettings;
pub use rooms::score::record_scores;
pub use tellings::{assessment_of, sub_assessments_of};

use call::{Call, MAX_BODY, Path};
use error::Error;
use links::Base;
use parameters::Parameters;
use request_id::RequestIds;
use rooms::resource_graph::Desk;

/// Tells the instant; handed in, so that a test can turn it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the API is served from.
#[derive(Clone)]
pub struct Web {
    /// Where the verdicts are.
    pub store: Store,
    /// The clock that changes are dated by.
    pub clock: Clock,
    /// Recognises callers.
    pub access: Access,
    /// Subscription, resource group and registry that the process was set up with.
    pub scope: Scope,
    /// How clients reach the listener.
    pub connection: Connection,
    /// What the host names of new registries end with: `localhost:5000`, so that one is `quay.localhost:5000`. See
    /// [`login_server_suffix`].
    pub login_server_suffix: String,
}

/// The API as a router that answers every path, since case does not count in most of its segments; what it does not know
/// gets a 404 in Azure's error envelope. Put it behind other routes with [`Router::fallback_service`].
pub fn router(web: Web) -> Router {
    router_with(web, GraphSettings::default())
}

/// The same, with settings of Resource Graph.
pub fn router_with(web: Web, graph: GraphSettings) -> Router {
    let front = Front { web, ids: RequestIds::new(), desk: Desk::default(), graph };
    Router::new().fallback(answer).with_state(Arc::new(front))
}

/// Asks Resource Graph within the process: the body of a query, and the body of its answer or of its error.
pub async fn query(
    web: Web,
    graph: GraphSettings,
    body: &serde_json::Value,
) -> Result<serde_json::Value, serde_json::Value> {
    let front = Front { web, ids: RequestIds::new(), desk: Desk::default(), graph };
    let path = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";
    let request = Request::post(path).body(body.to_string().into());
    let broken = |why: String| serde_json::json!({"error": {"code": "InternalServerError", "message": why}});
    let request = request.map_err(|error| broken(error.to_string()))?;
    let response = answer(State(Arc::new(front)), request).await;
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let bytes = bytes.map_err(|error| broken(error.to_string()))?;
    let body = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    if status.is_success() { Ok(body) } else { Err(body) }
}

struct Front {
    web: Web,
    ids: RequestIds,
    desk: Desk,
    graph: GraphSettings,
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let id = front.ids.next();
    let correlation = request.headers().clone();
    let answer = dispatch(&front, request).await;
    let mut response = answer.unwrap_or_else(|error| error.tell(&id).into_response());
    request_id::mark(response.headers_mut(), &id, &correlation);
    response
}

async fn dispatch(front: &Front, request: Request) -> Result<Response, Error> {
    let web = &front.web;
    let (parts, body) = request.into_parts();
    let path = Path::parse(parts.uri.path()).ok_or(Error::UnknownRoute)?;
    let base = Base::of(&web.connection, &parts.uri, &parts.headers, &web.scope);
    let operation = operations::find(&parts.method, parts.uri.path());
    // Before the body is read, and before anybody is told which routes there are.
    let caller = caller(web, &parts, &base, operation.map(|operation| operation.access)).await?;
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| Error::BodyTooLarge)?;
    let first = path.segments.first().map_or("", String::as_str);
    let is_managed = ["subscriptions", "providers", "tenants"].iter().any(|word| call::is(first, word));
    let call = Call {
        web,
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        path,
        parameters: Parameters::parse(&parts.uri, is_managed)?,
        base,
        body,
        now: (web.clock)(),
        caller,
        desk: &front.desk,
        settings: front.graph,
    };
    routed(&call).await
}

/// The answer of the room that knows the path.
async fn routed(call: &Call<'_>) -> Result<Response, Error> {
    let operation = operations::find(call.method, call.uri.path());
    if let Some(operations::Access::Action(action)) = operation.map(|operation| operation.access) {
        call.authorize(action, &call.path.nearest()?)?;
    }
    let answer = rooms::answer(call).await?.ok_or(Error::UnknownRoute)?;
    operations::check(call.method, call.uri.path());
    Ok(answer)
}

/// What the caller of a request is shown at another path: the rows of a list with all its pages, or the one resource. Nothing
/// where there is none, or none that this caller may see.
///
/// The future is boxed: a room may ask another one, which asks no further.
pub(crate) fn within<'a>(
    call: &'a Call<'_>,
    path: &'a str,
) -> Pin<Box<dyn Future<Output = Result<Vec<serde_json::Value>, Error>> + Send + 'a>> {
    Box::pin(listed(call, path))
}

async fn listed(call: &Call<'_>, path: &str) -> Result<Vec<serde_json::Value>, Error> {
    let mut rows = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take() {
        let uri: http::Uri = path.parse().map_err(|_| Error::Broken(format!("{path} is no path")))?;
        let inner = Call {
            method: &http::Method::GET,
            uri: &uri,
            path: Path::parse(uri.path()).ok_or(Error::UnknownRoute)?,
            parameters: Parameters::parse(&uri, true)?,
            base: call.base.clone(),
            body: bytes::Bytes::new(),
            caller: call.caller.clone(),
            ..*call
        };
        let response = match routed(&inner).await {
            Err(error) if error.is_absence() => continue,
            response => response?,
        };
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        let mut shown: serde_json::Value = body
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Error::Broken(format!("{path} was not answered with JSON")))?;
        next = shown["nextLink"]
            .as_str()
            .and_then(|link| link.strip_prefix(&call.base.link("")))
            .map(str::to_owned);
        match shown["value"].take() {
            serde_json::Value::Array(page) => rows.extend(page),
            _ => rows.push(shown),
        }
    }
    Ok(rows)
}

/// Who sends a request. Fails where that is not known, unless the operation is for anyone: a path that has no operation is
/// for nobody, so that one which is forgotten in the table is not open.
async fn caller(
    web: &Web,
    parts: &http::request::Parts,
    base: &Base,
    access: Option<operations::Access>,
) -> Result<Caller, Error> {
    let is_for_anyone = access == Some(operations::Access::Anyone);
    match web.access.caller(&parts.headers).await {
        Ok(caller) if caller.is_anonymous() && !is_for_anyone => Err(Error::anonymous(base)),
        Ok(caller) => Ok(caller),
        // What was sent along without need does no harm.
        Err(plimsoll_access::Error::Refused(_)) if is_for_anyone => Ok(Caller::anonymous()),
        Err(error) => Err(Error::of_access(error, base)),
    }
}
