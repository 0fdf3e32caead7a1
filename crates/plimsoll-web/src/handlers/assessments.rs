//! Assessments: one for each generation, of each registry.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use plimsoll_types::Generation;
use serde_json::{Value, json};

use super::known;
use crate::call::Call;
use crate::error::Error;
use crate::exemptions::Exemptions;
use crate::page::Page;
use crate::places::registries_at;
use crate::rooms::custom;
use crate::route::Place;
use crate::shapes::Assessment;

const READ: &str = "Microsoft.Security/assessments/read";

pub(crate) async fn list_assessments(call: &Call<'_>, place: &Place) -> Result<Response, Error> {
    let built_in = assessments(call, place, &Generation::ALL).await?;
    let mut all: Vec<Value> = built_in.iter().map(|one| json!(one)).collect();
    all.extend(custom::listed(call, custom::ASSESSMENT, &call.path.scope()?).await?);
    Ok(Json(Page::whole(all)).into_response())
}

pub(crate) async fn get_assessment(call: &Call<'_>, place: &Place, key: &str) -> Result<Response, Error> {
    let unknown = || Error::UnknownResource(format!("Microsoft.Security/assessments/{key}"));
    let mut all = assessments(call, place, &[known(key)?]).await?;
    // Only a registry is assessed; a subscription merely holds it.
    let assessment = all.pop().filter(|_| place.is_resource()).ok_or_else(unknown)?;
    Ok(Json(assessment).into_response())
}

async fn assessments(
    call: &Call<'_>,
    place: &Place,
    generations: &[Generation],
) -> Result<Vec<Assessment>, Error> {
    let store = &call.web.store;
    let registries = registries_at(call, place, READ).await?;
    store.settle_rules(call.now).await?;
    let exemptions = Exemptions::load(store).await?;
    let mut all = Vec::new();
    for generation in generations {
        let mut summaries = match registries.as_slice() {
            [registry] => {
                let summary = store.in_registry(registry.id).registry_summary(*generation).await?;
                BTreeMap::from([(registry.id, summary)])
            }
            _ => store.registry_summaries(*generation).await?,
        };
        for registry in &registries {
            let summary = summaries.remove(&registry.id).unwrap_or_default();
            let exempting = exemptions.of(&registry.scope, *generation, call.now);
            all.push(Assessment::new(
                &registry.scope,
                *generation,
                &summary,
                exempting,
                &call.base,
                call.parameters.expand_metadata,
            ));
        }
    }
    Ok(all)
}
