//! Sub-assessments: findings, and the rows of images that have none.

use std::collections::HashMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use plimsoll_store::{FindingFilter, FindingId, FindingRow, Registry, RegistryId};
use plimsoll_types::Generation;

use super::known;
use crate::call::Call;
use crate::error::Error;
use crate::exemptions::Exemptions;
use crate::page::{self, Cursor, Page};
use crate::parameters::LARGEST_PAGE;
use crate::places::registries_at;
use crate::route::Place;
use crate::shapes::SubAssessment;

const READ: &str = "Microsoft.Security/assessments/subAssessments/read";

/// A page of all rows under one assessment key, or under both.
pub(crate) async fn list_sub_assessments(
    call: &Call<'_>,
    place: &Place,
    key: Option<&str>,
) -> Result<Response, Error> {
    let (store, parameters) = (&call.web.store, &call.parameters);
    let registries = Registries::at(call, place).await?;
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
    store.settle_rules(call.now).await?;
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
        let filter = FindingFilter {
            generation,
            registries: (!registries.are_all).then(|| registries.by_id.keys().copied().collect()),
            ..FindingFilter::default()
        };
        let found = store.findings(&filter, after, missing).await?;
        rows.extend(found.into_iter().map(|row| (generation, row)));
    }
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next_link = rows.last().filter(|_| more).map(|(generation, row)| {
        let cursor = Cursor { generation: *generation, row: row.id };
        page::next_link(&call.base, call.uri.path(), parameters, cursor)
    });
    let exemptions = Exemptions::load(store).await?;
    let value: Vec<_> = rows
        .iter()
        .filter_map(|(generation, row)| registries.shape(call, &exemptions, *generation, row))
        .collect();
    Ok(Json(Page { value, next_link }).into_response())
}

/// One row, by the name that lists give it.
pub(crate) async fn get_sub_assessment(
    call: &Call<'_>,
    place: &Place,
    key: &str,
    name: &str,
) -> Result<Response, Error> {
    let registries = Registries::at(call, place).await?;
    let generation = known(key)?;
    let unknown =
        || Error::UnknownResource(format!("Microsoft.Security/assessments/{key}/subAssessments/{name}"));
    let id: FindingId = name.parse().map_err(|_| unknown())?;
    let store = &call.web.store;
    store.settle_rules(call.now).await?;
    let row = store.finding(id, generation).await?.ok_or_else(unknown)?;
    let exemptions = Exemptions::load(store).await?;
    let shape = registries.shape(call, &exemptions, generation, &row).ok_or_else(unknown)?;
    Ok(Json(shape).into_response())
}

/// The registries that a request may read.
struct Registries {
    by_id: HashMap<RegistryId, Registry>,
    /// Whether these are all that there are.
    are_all: bool,
}

impl Registries {
    async fn at(call: &Call<'_>, place: &Place) -> Result<Self, Error> {
        let held = registries_at(call, place, READ).await?;
        let are_all = held.len() == call.web.store.registries().await?.len();
        Ok(Self { by_id: held.into_iter().map(|registry| (registry.id, registry)).collect(), are_all })
    }

    /// The row as its generation tells it; `None` where it belongs to a registry that is not among these.
    fn shape<'a>(
        &'a self,
        call: &Call<'_>,
        exemptions: &Exemptions,
        generation: Generation,
        row: &'a FindingRow,
    ) -> Option<SubAssessment<'a>> {
        let scope = &self.by_id.get(&row.image.registry)?.scope;
        let exempting = exemptions.of(scope, generation, call.now);
        Some(SubAssessment::new(scope, generation, row).exempted(exempting))
    }
}
