//! Assessment metadata, for the tenant or for a subscription.

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::known;
use crate::Web;
use crate::call::Call;
use crate::error::Error;
use crate::page::Page;
use crate::rooms::custom;
use crate::route::Place;
use crate::shapes::Metadata;
use plimsoll_types::Generation;
use serde_json::{Value, json};

pub(crate) async fn list_metadata(call: &Call<'_>, place: Option<&Place>) -> Result<Response, Error> {
    let parent = parent(call.web, place)?;
    let built_in = Generation::ALL.map(|generation| Metadata::new(&parent, generation));
    let mut all: Vec<Value> = built_in.iter().map(|one| json!(one)).collect();
    if place.is_some() {
        all.extend(custom::listed(call, custom::METADATA, &call.path.scope()?).await?);
    }
    Ok(Json(Page::whole(all)).into_response())
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
