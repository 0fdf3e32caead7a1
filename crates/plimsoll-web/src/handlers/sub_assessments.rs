//! Sub-assessments: findings, and the rows of images that have none.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use plimsoll_store::{FindingFilter, FindingId};

use super::known;
use crate::Web;
use crate::error::Error;
use plimsoll_types::Generation;
use crate::links::Base;
use crate::page::{self, Cursor, Page};
use crate::parameters::{LARGEST_PAGE, Parameters};
use crate::route::Place;
use crate::shapes::SubAssessment;

/// A page of all rows under one assessment key, or under both.
pub(crate) async fn list_sub_assessments(
    web: &Web,
    place: &Place,
    key: Option<&str>,
    path: &str,
    parameters: &Parameters,
    base: &Base,
) -> Result<Response, Error> {
    place.must_hold(&web.scope)?;
    let generations = match key {
        Some(key) => vec![known(key)?],
        None => Generation::ALL.to_vec(),
    };
    let after = match parameters.skip_token.as_deref() {
        None => None,
        Some(token) => {
            let cursor = Cursor::from_token(token).filter(|cursor| generations.contains(&cursor.generation));
            Some(cursor.ok_or_else(|| Error::of_skip_token(token))?)
        }
    };
    let wanted = parameters.top.unwrap_or(LARGEST_PAGE);
    let mut rows = Vec::new();
    let begin = after.map_or(Generation::First, |cursor| cursor.generation);
    for generation in generations.into_iter().filter(|generation| *generation >= begin) {
        // One row more than wanted tells whether there is another page.
        let missing = wanted + 1 - rows.len();
        if missing == 0 {
            break;
        }
        let after = after.filter(|cursor| cursor.generation == generation).map(|cursor| cursor.row);
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let found = web.store.findings(&FindingFilter::default(), after, missing).await?;
        rows.extend(found.into_iter().map(|row| (generation, row)));
    }
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next_link = rows.last().filter(|_| more).map(|(generation, row)| {
        page::next_link(base, path, parameters, Cursor { generation: *generation, row: row.id })
    });
    let value =
        rows.iter().map(|(generation, row)| SubAssessment::new(&web.scope, *generation, row)).collect();
    Ok(Json(Page { value, next_link }).into_response())
}

/// One row, by the name that lists give it.
pub(crate) async fn get_sub_assessment(
    web: &Web,
    place: &Place,
    key: &str,
    name: &str,
) -> Result<Response, Error> {
    place.must_hold(&web.scope)?;
    let generation = known(key)?;
    let unknown =
        || Error::UnknownResource(format!("Microsoft.Security/assessments/{key}/subAssessments/{name}"));
    let id: FindingId = name.parse().map_err(|_| unknown())?;
    let row = web.store.finding(id).await?.ok_or_else(unknown)?;
    Ok(Json(SubAssessment::new(&web.scope, generation, &row)).into_response())
}
