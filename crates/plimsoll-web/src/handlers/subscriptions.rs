//! Subscriptions: how a user finds the one that is configured.

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use crate::Web;
use crate::error::Error;
use crate::page::Page;
use crate::route::Place;
use crate::shapes::Subscription;

pub(crate) fn list_subscriptions(web: &Web) -> Result<Response, Error> {
    Ok(Json(Page::whole(vec![Subscription::new(&web.scope)])).into_response())
}

pub(crate) fn get_subscription(web: &Web, id: &str) -> Result<Response, Error> {
    Place::Subscription(id.to_owned()).must_hold(&web.scope)?;
    Ok(Json(Subscription::new(&web.scope)).into_response())
}
