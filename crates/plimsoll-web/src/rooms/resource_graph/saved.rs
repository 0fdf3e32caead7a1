//! `Microsoft.ResourceGraph/queries`: queries that are kept, and named by `{{id}}` in others.

use std::collections::HashMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use plimsoll_query::{Error as Fault, ErrorKind, LONGEST_QUERY, Limits, Plan};
use plimsoll_store::Resource;
use plimsoll_types::ResourceId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::tables::catalog;
use crate::call::Call;
use crate::error::Error;
use crate::page::Page;

const KIND: &str = "Microsoft.ResourceGraph/queries";
const READ: &str = "Microsoft.ResourceGraph/queries/read";
/// The longest name and description, in characters.
const MAX_NAME: usize = 260;
const MAX_DESCRIPTION: usize = 10_000;
/// Tags of one query.
const MAX_TAGS: usize = 50;
/// The longest list that is given.
const MAX_LIST: u32 = 1000;
/// Queries that one query may lead to, by naming others that name others.
const MOST_NAMED: usize = 20;

/// A query as clients write it. What is missing stays as it is when it is changed.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    tags: Option<Map<String, Value>>,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    properties: WantedProperties,
}

#[derive(Debug, Default, Deserialize)]
struct WantedProperties {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    query: Option<String>,
}

/// Answers what is about kept queries.
pub(super) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let rest = call.path.rest();
    match rest.len() {
        1 => match *call.method {
            Method::GET | Method::HEAD => list(call).await.map(Some),
            _ => Err(Error::MethodNotAllowed("GET, HEAD")),
        },
        2 => {
            let id = call.path.resource(2)?;
            let found = call.web.store.resource(&id).await?;
            match *call.method {
                Method::GET | Method::HEAD => {
                    call.authorize(READ, &id)?;
                    found.map(|query| Some(Json(shown(&query)).into_response())).ok_or_else(|| unknown(&id))
                }
                Method::PUT => put(call, &id, found).await.map(Some),
                Method::PATCH => {
                    let Some(found) = found else { return Err(unknown(&id)) };
                    put(call, &id, Some(found)).await.map(Some)
                }
                Method::DELETE => {
                    call.authorize("Microsoft.ResourceGraph/queries/delete", &id)?;
                    let was_there = call.web.store.delete_resource(&id).await?;
                    let status = if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT };
                    Ok(Some(status.into_response()))
                }
                _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE")),
            }
        }
        _ => Ok(None),
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let after = call.parameters.skip_token.as_deref().map(|token| {
        let id: Option<ResourceId> = token.parse().ok();
        id.ok_or_else(|| Error::of_skip_token(token))
    });
    let after = after.transpose()?;
    let found = call.web.store.resources(KIND, Some(&scope), after.as_ref(), MAX_LIST).await?;
    let next_link = (found.len() == MAX_LIST as usize).then(|| found.last()).flatten().map(|last| {
        let version = &call.parameters.api_version;
        call.base.link(&format!("{}?api-version={version}&$skipToken={}", call.uri.path(), last.id.key()))
    });
    let value = found.iter().filter(|query| call.may(READ, &query.id)).map(shown).collect();
    Ok(Json(Page { value, next_link }).into_response())
}

/// Keeps a query, new or changed.
async fn put(call: &Call<'_>, id: &ResourceId, found: Option<Resource>) -> Result<Response, Error> {
    call.authorize("Microsoft.ResourceGraph/queries/write", id)?;
    if id.resource_group().is_none() || id.name().chars().count() > MAX_NAME {
        let message = "a kept query belongs to a resource group, and has a name of at most 260 characters";
        return Err(Error::bad_request("InvalidResourceId", message));
    }
    let wanted: Wanted = call.json()?;
    if let (Some(etag), Some(found)) = (&wanted.etag, &found)
        && !etag.is_empty()
        && *etag != etag_of(found.changed_at.0)
    {
        let message = "the query has been changed since it was read; read it again";
        return Err(Error::precondition_failed(message));
    }
    let is_patch = *call.method == Method::PATCH;
    let before = found.as_ref().map(|found| found.body.clone()).filter(|_| is_patch).unwrap_or_default();
    let kept = |new: Option<String>, old: &Value| {
        new.or_else(|| old.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let query = kept(wanted.properties.query, &before["properties"]["query"]);
    let description = kept(wanted.properties.description, &before["properties"]["description"]);
    if description.chars().count() > MAX_DESCRIPTION {
        let message = format!("properties.description must not have more than {MAX_DESCRIPTION} characters");
        return Err(Error::bad_request("BadRequest", message));
    }
    check(call, &query).await?;
    let tags = wanted.tags.map(Value::Object).unwrap_or_else(|| match before["tags"].clone() {
        Value::Null => json!({}),
        tags => tags,
    });
    let tags_fit = tags.as_object().is_some_and(|tags| {
        tags.len() <= MAX_TAGS && tags.values().all(|tag| tag.as_str().is_some_and(|tag| tag.len() <= 256))
    });
    if !tags_fit {
        let message = format!("tags must be at most {MAX_TAGS} texts of at most 256 bytes");
        return Err(Error::bad_request("BadRequest", message));
    }
    let location =
        wanted.location.filter(|location| !location.is_empty()).unwrap_or_else(|| "global".to_owned());
    if !location.eq_ignore_ascii_case("global") {
        return Err(Error::bad_request("BadRequest", "location of a kept query must be global"));
    }
    let body = json!({
        "location": "global",
        "tags": tags,
        "properties": {"description": description, "query": query},
    });
    let is_new = call.web.store.put_resource(id, &body, call.now).await?;
    let stored = call.web.store.resource(id).await?.ok_or_else(|| unknown(id))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(shown(&stored))).into_response())
}

/// A query is kept only where it could be run, as far as that can be known without running it.
async fn check(call: &Call<'_>, query: &str) -> Result<(), Error> {
    if query.trim().is_empty() {
        return Err(Error::bad_request(
            "BadRequest",
            "properties.query in the body of the request is missing or empty",
        ));
    }
    let named = named_in(call, query).await?;
    let (text, now) = (query.to_owned(), call.now.0);
    let planned = tokio::task::spawn_blocking(move || {
        let resolve = |id: &str| named.get(&id.to_ascii_lowercase()).cloned();
        Plan::new(&text, &catalog(), now, &Limits::default(), &resolve).map(|_| ())
    });
    let planned: Result<(), Fault> =
        planned.await.map_err(|error| Error::Broken(format!("the reading of a query broke off: {error}")))?;
    planned.map_err(|fault| {
        let at = fault.position().map(|at| format!(" (line {}, character {})", at.line, at.character));
        let code = match fault.kind() {
            ErrorKind::QueryTooLarge => "QueryTooLarge",
            _ => "InvalidQuery",
        };
        Error::bad_request(code, format!("properties.query: {fault}{}", at.unwrap_or_default()))
    })
}

/// The kept queries that a text names, and those that these name: ids in lower case, and texts. What the caller may not read is
/// not among them.
pub(super) async fn named_in(call: &Call<'_>, query: &str) -> Result<HashMap<String, String>, Error> {
    let mut named = HashMap::new();
    let mut to_read = references(query);
    while let Some(id) = to_read.pop() {
        if named.len() >= MOST_NAMED || named.contains_key(&id) {
            continue;
        }
        let Ok(parsed) = id.parse::<ResourceId>() else { continue };
        if !call.may(READ, &parsed) {
            continue;
        }
        let Some(found) = call.web.store.resource(&parsed).await? else { continue };
        let text = found.body["properties"]["query"].as_str().unwrap_or_default().to_owned();
        to_read.extend(references(&text));
        named.insert(id, text);
    }
    Ok(named)
}

/// What stands between `{{` and `}}`.
fn references(query: &str) -> Vec<String> {
    if query.len() > LONGEST_QUERY {
        return Vec::new();
    }
    let behind = query.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    behind.map(|(id, _)| id.trim().to_ascii_lowercase()).take(MOST_NAMED).collect()
}

fn shown(query: &Resource) -> Value {
    let body = &query.body;
    json!({
        "id": query.id.as_str(),
        "name": query.id.name(),
        "type": "microsoft.resourcegraph/queries",
        "location": body["location"],
        "etag": etag_of(query.changed_at.0),
        "tags": body["tags"],
        "properties": {
            "description": body["properties"]["description"],
            "query": body["properties"]["query"],
            "resultKind": "basic",
            "timeModified": query.changed_at.to_string(),
        },
    })
}

fn etag_of(changed_at: i64) -> String {
    format!("{changed_at:016x}")
}

fn unknown(id: &ResourceId) -> Error {
    Error::UnknownResource(format!("{KIND}/{}", id.name()))
}
