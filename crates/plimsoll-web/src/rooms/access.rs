//! Who may do what, and who one is: role definitions and assignments of `Microsoft.Authorization`, the caller's own
//! permissions, and the token of a managed identity.
//!
//! Policies and their exemptions are `Microsoft.Authorization`'s too, and another room's.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};
use plimsoll_store::Assigned;
use plimsoll_types::access::{Assignment, PrincipalKind, Role, assignable, holds};
use plimsoll_types::{Guid, ResourceId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Call, is};
use crate::error::Error;
use crate::page::Page;
use crate::parameters::LARGEST_PAGE;
use crate::shapes::{permissions_of, role_assignment, role_definition};

const READ: &str = "Microsoft.Authorization/roleAssignments/read";
const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";

/// Answers what this room knows.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    let segments: Vec<&str> = call.path.segments.iter().map(String::as_str).collect();
    if let [msi, token] = segments[..]
        && is(msi, "msi")
        && is(token, "token")
    {
        return identity_token(call).await.map(Some);
    }
    if call.path.provider() != "microsoft.authorization" {
        return Ok(None);
    }
    let rest = call.path.rest();
    let reads = matches!(*call.method, Method::GET | Method::HEAD);
    let response = match rest[..] {
        [kind] if is(kind, "roleDefinitions") && reads => list_definitions(call),
        [kind, id] if is(kind, "roleDefinitions") && reads => get_definition(call, id),
        [kind] if is(kind, "permissions") && reads => list_permissions(call),
        [kind] if is(kind, "roleAssignments") && reads => list_assignments(call).await,
        [kind, id] if is(kind, "roleAssignments") => match *call.method {
            Method::GET | Method::HEAD => get_assignment(call, id).await,
            Method::PUT => put_assignment(call, id).await,
            Method::DELETE => delete_assignment(call, id).await,
            _ => Err(Error::MethodNotAllowed("GET, HEAD, PUT, DELETE")),
        },
        [kind] | [kind, _]
            if ["roleDefinitions", "permissions", "roleAssignments"].iter().any(|word| is(kind, word)) =>
        {
            Err(Error::MethodNotAllowed("GET, HEAD"))
        }
        _ => return Ok(None),
    };
    response.map(Some)
}

/// `GET /msi/token`, as a managed identity's endpoint on App Service answers: one of our tokens in `X-IDENTITY-HEADER`
/// becomes a bearer token for `resource`. So `az login --identity` works without an identity provider.
async fn identity_token(call: &Call<'_>) -> Result<Response, Error> {
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed("GET, HEAD"));
    }
    let secret = call.headers.get("x-identity-header").and_then(|value| value.to_str().ok());
    let secret = secret.ok_or_else(|| {
        Error::bad_request(
            "InvalidRequest",
            "the header X-IDENTITY-HEADER is missing: a token of this server",
        )
    })?;
    let resource = call.parameters.get("resource").filter(|resource| !resource.is_empty());
    let resource = resource.ok_or_else(|| {
        Error::bad_request("InvalidRequest", "the query parameter resource is missing: what the token is for")
    })?;
    if resource.len() > 500 {
        return Err(Error::bad_request("InvalidRequest", "the query parameter resource is too long"));
    }
    let token = call.web.access.management_token(secret, resource, call.base.host()).await;
    let token = token.map_err(|error| call.unauthenticated(error))?;
    let expires_on = token.expires_at.0.div_euclid(1000);
    let answer = json!({
        "access_token": token.text,
        // A text, as the clients want it.
        "expires_on": expires_on.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    let mut response = Json(answer).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The built-in roles. They are no secret.
fn list_definitions(call: &Call<'_>) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    let wanted = wanted_definitions(call.parameters.get("$filter").unwrap_or_default())?;
    let found = Role::ALL.iter().filter(|role| wanted.as_ref().is_none_or(|name| is(role.name, name)));
    Ok(Json(Page::whole(found.map(|role| role_definition(role, &scope)).collect::<Vec<_>>())).into_response())
}

/// The one role that a filter asks for by name. `az` and Azure's modules ask with nothing else.
fn wanted_definitions(filter: &str) -> Result<Option<String>, Error> {
    let mut name = None;
    for part in conditions(filter) {
        match equals(part, "roleName") {
            Some(wanted) => name = Some(wanted),
            // All are built in, and all can be assigned anywhere.
            None if is(part, "atScopeAndBelow()")
                || equals(part, "type").is_some_and(|t| is(&t, "BuiltInRole")) => {}
            None => {
                return Err(unknown_filter(
                    part,
                    "roleName eq 'NAME', type eq 'BuiltInRole' and atScopeAndBelow()",
                ));
            }
        }
    }
    Ok(name)
}

fn get_definition(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    let role = id.parse::<Guid>().ok().and_then(|id| Role::by_id(&id));
    let role = role.ok_or_else(|| {
        let message = format!("there is no role definition {:.100}; GET roleDefinitions lists them", id);
        Error::not_found("RoleDefinitionDoesNotExist", message)
    })?;
    Ok(Json(role_definition(role, &scope)).into_response())
}

/// What the caller may do at a scope.
fn list_permissions(call: &Call<'_>) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    let mut roles: Vec<&Role> = call.caller.roles_at(&scope).collect();
    roles.dedup();
    Ok(Json(Page::whole(roles.into_iter().map(permissions_of).collect::<Vec<_>>())).into_response())
}

/// The assignments that count at a scope, and those below it.
async fn list_assignments(call: &Call<'_>) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let filter = AssignmentFilter::read(call.parameters.get("$filter").unwrap_or_default())?;
    let mut after = match call.parameters.skip_token.as_deref() {
        Some(token) => Some(token.parse::<Guid>().map_err(|_| Error::of_skip_token(token))?),
        None => None,
    };
    let wanted = call.parameters.top.unwrap_or(LARGEST_PAGE);
    let mut found = Vec::new();
    // One more than wanted tells whether there is another page.
    while found.len() <= wanted {
        let some = call.web.store.assignments(after.as_ref(), STORED_AT_ONCE).await?;
        let is_end = some.len() < STORED_AT_ONCE as usize;
        after = some.last().map(|assignment| assignment.id.clone());
        found.extend(some.into_iter().filter(|assignment| filter.fits(assignment, &scope)));
        if is_end {
            break;
        }
    }
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next_link = found.last().filter(|_| more).map(|last| {
        let again: Vec<_> = ["api-version", "$top", "$filter"]
            .into_iter()
            .filter_map(|name| Some(format!("{name}={}", encoded(call.parameters.get(name)?))))
            .collect();
        call.base.link(&format!("{}?{}&$skiptoken={}", call.uri.path(), again.join("&"), last.id))
    });
    let value = found.iter().map(role_assignment).collect::<Vec<_>>();
    Ok(Json(Page { value, next_link }).into_response())
}

const STORED_AT_ONCE: u32 = 1000;

/// Which assignments a list asks for.
#[derive(Default)]
struct AssignmentFilter {
    /// Only those that count at the scope, not those below.
    at_scope: bool,
    principal: Option<Guid>,
}

impl AssignmentFilter {
    fn read(filter: &str) -> Result<Self, Error> {
        let mut read = Self::default();
        for part in conditions(filter) {
            let of = |name: &str| {
                let rest =
                    part.get(..name.len()).filter(|start| is(start, name)).map(|_| &part[name.len()..])?;
                Some(rest.strip_prefix("('")?.strip_suffix("')")?.to_owned())
            };
            if is(part, "atScope()") {
                read.at_scope = true;
            } else if let Some(id) = equals(part, "principalId").or_else(|| of("assignedTo")) {
                read.principal = Some(id.parse().map_err(|error: plimsoll_types::ParseError| {
                    Error::bad_request("InvalidPrincipalId", error.to_string())
                })?);
            } else {
                return Err(unknown_filter(part, "atScope(), principalId eq 'ID' and assignedTo('ID')"));
            }
        }
        Ok(read)
    }

    fn fits(&self, assignment: &Assignment, scope: &ResourceId) -> bool {
        let counts = holds(&assignment.scope, scope);
        let is_in = counts || (!self.at_scope && scope.contains(&assignment.scope));
        is_in && self.principal.as_ref().is_none_or(|id| *id == assignment.principal)
    }
}

async fn get_assignment(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    call.authorize(READ, &scope)?;
    let assignment = stored(call, id, &scope).await?.ok_or_else(|| {
        let message = format!("the role assignment '{id:.100}' is not found at {scope}");
        Error::not_found("RoleAssignmentNotFound", message)
    })?;
    Ok(Json(role_assignment(&assignment)).into_response())
}

/// The body of a request for an assignment.
#[derive(Deserialize)]
struct Asked {
    properties: AskedProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AskedProperties {
    role_definition_id: String,
    principal_id: String,
    #[serde(default)]
    principal_type: Option<String>,
    #[serde(default)]
    condition: Option<Value>,
}

async fn put_assignment(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let invalid = |code, error: plimsoll_types::ParseError| Error::bad_request(code, error.to_string());
    let scope = call.path.scope()?;
    call.authorize(WRITE, &scope)?;
    let scope = assignable(scope.as_str()).map_err(|error| invalid("InvalidScope", error))?;
    let id: Guid = id.parse().map_err(|error| invalid("InvalidRoleAssignmentId", error))?;
    let asked = call.json::<Asked>()?.properties;
    if asked.condition.is_some_and(|condition| !condition.is_null()) {
        // Leaving it out would give more than was meant.
        return Err(Error::bad_request("ConditionNotSupported", "a role assignment has no condition here"));
    }
    let role = asked.role_definition_id.rsplit('/').next().unwrap_or_default();
    let role = role.parse::<Guid>().ok().and_then(|id| Role::by_id(&id)).ok_or_else(|| {
        let message = format!("there is no role definition {:.200}", asked.role_definition_id);
        Error::bad_request("RoleDefinitionDoesNotExist", message)
    })?;
    let principal: Guid = asked.principal_id.parse().map_err(|error| invalid("InvalidPrincipalId", error))?;
    let principal_kind = match asked.principal_type {
        Some(kind) => kind.parse().map_err(|error| invalid("InvalidPrincipalType", error))?,
        None => call.web.store.principal(&principal).await?.map_or(PrincipalKind::User, |known| known.kind),
    };
    let assignment = Assignment {
        id,
        scope,
        role: role.guid(),
        principal,
        principal_kind,
        created_by: call.caller.id().to_string(),
        created_at: call.now,
    };
    match call.web.store.assign_role(&assignment).await? {
        Assigned::New => {
            tracing::info!(
                caller = call.caller.name(),
                role = role.name,
                principal = %assignment.principal,
                scope = %assignment.scope,
                "a role was assigned"
            );
            Ok((StatusCode::CREATED, Json(role_assignment(&assignment))).into_response())
        }
        Assigned::Same => {
            let kept = call.web.store.assignment(&assignment.id).await?.unwrap_or(assignment);
            Ok(Json(role_assignment(&kept)).into_response())
        }
        Assigned::Exists(other) => {
            let message = format!("the role assignment already exists; its id is {other}");
            Err(Error::conflict("RoleAssignmentExists", message))
        }
        Assigned::IdTaken => {
            let message =
                "this id belongs to another role assignment, and those are not changed, only deleted";
            Err(Error::conflict("RoleAssignmentUpdateNotPermitted", message))
        }
    }
}

async fn delete_assignment(call: &Call<'_>, id: &str) -> Result<Response, Error> {
    let scope = call.path.scope()?;
    call.authorize(DELETE, &scope)?;
    let Some(assignment) = stored(call, id, &scope).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let removed = call.web.store.remove_assignment(&assignment.id).await?;
    tracing::info!(
        caller = call.caller.name(),
        role = %assignment.role,
        principal = %assignment.principal,
        scope = %assignment.scope,
        "a role assignment was removed"
    );
    match removed {
        Some(removed) => Ok(Json(role_assignment(&removed)).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The assignment of this id, if it is at this scope: the right to see one is a right at its own scope.
async fn stored(call: &Call<'_>, id: &str, scope: &ResourceId) -> Result<Option<Assignment>, Error> {
    let Ok(id) = id.parse::<Guid>() else { return Ok(None) };
    let found = call.web.store.assignment(&id).await?;
    Ok(found.filter(|assignment| assignment.scope == *scope))
}

/// The conditions of a filter, of which all must hold.
fn conditions(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(" and ").map(str::trim).filter(|part| !part.is_empty())
}

/// The text that a condition `NAME eq 'TEXT'` wants.
fn equals(condition: &str, name: &str) -> Option<String> {
    let mut words = condition.splitn(3, ' ');
    let fits = is(words.next()?, name) && is(words.next()?, "eq");
    let text = words.next()?.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    fits.then(|| text.replace("''", "'"))
}

fn unknown_filter(part: &str, known: &str) -> Error {
    Error::bad_request(
        "InvalidFilter",
        format!("the filter {part:.200} is not understood; there are {known}"),
    )
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
