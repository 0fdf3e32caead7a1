//! Assessment metadata, for the tenant or for a subscription.

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::known;
use crate::Web;
use crate::error::Error;
use crate::page::Page;
use crate::route::Place;
use crate::shapes::Metadata;
use plimsoll_types::Generation;

pub(crate) fn list_metadata(web: &Web, place: Option<&Place>) -> Result<Response, Error> {
    let parent = parent(web, place)?;
    let all = Generation::ALL.map(|generation| Metadata::new(&parent, generation));
    Ok(Json(Page::whole(all.into())).into_response())
}

pub(crate) fn get_metadata(web: &Web, place: Option<&Place>, key: &str) -> Result<Response, Error> {
    let parent = parent(web, place)?;
    Ok(Json(Metadata::new(&parent, known(key)?)).into_response())
}

fn parent(web: &Web, place: Option<&Place>) -> Result<String, Error> {
    let Some(place) = place else { return Ok(String::new()) };
    place.must_hold(&web.scope)?;
    Ok(web.scope.subscription_id())
}
