//! Assessments: one for each generation, of the one registry.

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::known;
use crate::Web;
use crate::error::Error;
use plimsoll_types::Generation;
use crate::links::Base;
use crate::page::Page;
use crate::parameters::Parameters;
use crate::route::Place;
use crate::shapes::Assessment;

pub(crate) async fn list_assessments(
    web: &Web,
    place: &Place,
    parameters: &Parameters,
    base: &Base,
) -> Result<Response, Error> {
    place.must_hold(&web.scope)?;
    let registry = web.store.registry_summary().await?;
    let shown =
        |generation| Assessment::new(&web.scope, generation, &registry, base, parameters.expand_metadata);
    Ok(Json(Page::whole(Generation::ALL.map(shown).into())).into_response())
}

pub(crate) async fn get_assessment(
    web: &Web,
    place: &Place,
    key: &str,
    parameters: &Parameters,
    base: &Base,
) -> Result<Response, Error> {
    place.must_hold(&web.scope)?;
    let generation = known(key)?;
    if !place.is_resource() {
        // Only a registry is assessed; a subscription merely holds it.
        return Err(Error::UnknownResource(format!("Microsoft.Security/assessments/{key}")));
    }
    let registry = web.store.registry_summary().await?;
    let assessment = Assessment::new(&web.scope, generation, &registry, base, parameters.expand_metadata);
    Ok(Json(assessment).into_response())
}
