//! Verdicts as Azure's clients read them: Resource Manager's resources of `Microsoft.Security`, over HTTP.
//!
//! A request is read in four steps, each a module: its path says what is asked for ([`route`]), its query how
//! ([`parameters`]), a handler asks the store ([`handlers`]), and a shape puts the answer into the wire's words
//! ([`shapes`]). Only [`error`] knows status codes. Nothing here decides what is vulnerable; it presents what is stored.
//!
//! Every finding is told twice, once in each generation of the contract ([`generation`]).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod generation;
mod handlers;
mod links;
mod page;
mod parameters;
mod request_id;
mod route;
mod shapes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, Uri};
use plimsoll_store::Store;
use plimsoll_types::Scope;

pub use links::Connection;

use error::Error;
use links::Base;
use parameters::Parameters;
use request_id::RequestIds;
use route::Route;

/// What the API is served from.
#[derive(Clone)]
pub struct Web {
    /// Where the verdicts are.
    pub store: Store,
    /// Subscription, resource group and registry that they are told under.
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
    // The body stays behind: no operation here has one, and it could not be shared between threads.
    let (parts, _) = request.into_parts();
    let mut response = dispatch(&front.web, &parts.method, &parts.uri, &parts.headers)
        .await
        .unwrap_or_else(|error| error.tell(&id).into_response());
    request_id::mark(response.headers_mut(), &id, &parts.headers);
    response
}

async fn dispatch(web: &Web, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Response, Error> {
    let route = Route::parse(uri.path()).ok_or(Error::UnknownRoute)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed);
    }
    let parameters = Parameters::parse(uri)?;
    let base = Base::of(&web.connection, uri, headers, &web.scope);
    match &route {
        Route::Subscriptions => handlers::list_subscriptions(web),
        Route::Subscription(id) => handlers::get_subscription(web, id),
        Route::SubAssessments(place) => {
            handlers::list_sub_assessments(web, place, None, uri.path(), &parameters, &base).await
        }
        Route::SubAssessmentsOf(place, key) => {
            handlers::list_sub_assessments(web, place, Some(key), uri.path(), &parameters, &base).await
        }
        Route::SubAssessment(place, key, name) => handlers::get_sub_assessment(web, place, key, name).await,
        Route::Assessments(place) => handlers::list_assessments(web, place, &parameters, &base).await,
        Route::Assessment(place, key) => handlers::get_assessment(web, place, key, &parameters, &base).await,
        Route::AllMetadata(place) => handlers::list_metadata(web, place.as_ref()),
        Route::Metadata(place, key) => handlers::get_metadata(web, place.as_ref(), key),
    }
}
