//! Every operation that the server answers, in one table: what it is called, what it asks of a caller, what goes in and
//! what comes out.
//!
//! The OpenAPI document is made from it, and the tests go through it: that each operation is answered, and that none
//! answers a caller who may not. A route that is missing here is a fault, which a debug build says at once (see
//! [`check`]). Whoever adds a route adds its line to the area's file.

mod access;
mod clients;
mod data;
mod governance;
mod graph;
mod notify;
mod plimsoll;
mod registries;
mod resources;
mod rules;
mod security;

use http::Method;

use crate::call::Path;

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// `GET`, `PUT` and so on.
    pub method: &'static str,
    /// The path as a template. `{scope}` and `{repository}` stand for one segment or more, other names for one.
    pub path: &'static str,
    /// Its name, unique: `SubAssessments_ListAll`.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What a caller needs.
    pub access: Access,
    /// The schema of the request's body.
    pub request: Option<&'static str>,
    /// The schema of the answer's body.
    pub response: Option<&'static str>,
    /// The statuses of success.
    pub statuses: &'static [u16],
    /// What may stand in the query, besides `api-version`.
    pub query: &'static [&'static str],
    /// The part of the API that it belongs to.
    pub area: Area,
}

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is asked before anybody can have a token.
    Anyone,
    /// A token; what the caller may not see is left out of the answer.
    Known,
    /// A role that allows this action.
    Action(&'static str),
}

/// A part of the API, with rules of its own for versions and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Azure Resource Manager: every request names an `api-version`.
    Manager,
    /// The registry's data: `/v2/…` and `/acr/v1/…`.
    Registry,
    /// Tokens for the registry's data.
    Tokens,
    /// What clients ask first, and what operators ask.
    Server,
}

/// All of them, in the order in which the document tells them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    let areas: &[&'static [Operation]] = &[
        security::ALL,
        governance::ALL,
        plimsoll::ALL,
        notify::ALL,
        rules::ALL,
        resources::ALL,
        access::ALL,
        graph::ALL,
        registries::ALL,
        data::ALL,
        clients::ALL,
    ];
    areas.iter().copied().flatten()
}

/// The operation that a request means, if there is one. Words before names: `/usages` is not a registry's name.
pub fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let path = Path::parse(path)?;
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let fitting = all().filter(|operation| operation.method == method && operation.fits(&segments));
    fitting.max_by_key(|operation| operation.words())
}

/// Fails in a debug build where a request was answered that no operation means.
pub(crate) fn check(method: &Method, path: &str) {
    debug_assert!(
        find(method, path).is_some(),
        "{method} {path} is answered, and has no line in operations.rs"
    );
}

impl Operation {
    /// Whether a path, in its segments, is one of the template's.
    fn fits(&self, path: &[&str]) -> bool {
        let template: Vec<&str> = segments(self.path).collect();
        fits(&template, path)
    }

    /// How many of the template's segments are words.
    fn words(&self) -> usize {
        segments(self.path).filter(|segment| name_of(segment).is_none()).count()
    }

    /// The names in the path, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        segments(self.path).filter_map(name_of)
    }
}

fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn fits(template: &[&str], path: &[&str]) -> bool {
    match (template, path) {
        ([], []) => true,
        ([first, rest @ ..], path) => match name_of(first) {
            // A scope may be nothing at all: `/providers/…` stands at the tenant.
            Some("scope") => (0..=path.len()).any(|taken| fits(rest, &path[taken..])),
            Some("repository") => (1..=path.len()).any(|taken| fits(rest, &path[taken..])),
            Some(_) => !path.is_empty() && fits(rest, &path[1..]),
            None => {
                path.first().is_some_and(|segment| segment.eq_ignore_ascii_case(first))
                    && fits(rest, &path[1..])
            }
        },
        ([], _) => false,
    }
}

fn name_of(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("GET", path, id, summary, &[200])
}

const fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("PUT", path, id, summary, &[200, 201])
}

const fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("PATCH", path, id, summary, &[200])
}

const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("POST", path, id, summary, &[200])
}

const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new("DELETE", path, id, summary, &[200, 204])
}

impl Operation {
    const fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        statuses: &'static [u16],
    ) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            access: Access::Known,
            request: None,
            response: None,
            statuses,
            query: &[],
            area: Area::Manager,
        }
    }

    const fn needs(mut self, action: &'static str) -> Self {
        self.access = Access::Action(action);
        self
    }

    const fn for_anyone(mut self) -> Self {
        self.access = Access::Anyone;
        self
    }

    const fn takes(mut self, schema: &'static str) -> Self {
        self.request = Some(schema);
        self
    }

    const fn gives(mut self, schema: &'static str) -> Self {
        self.response = Some(schema);
        self
    }

    const fn answers(mut self, statuses: &'static [u16]) -> Self {
        self.statuses = statuses;
        self
    }

    const fn asks(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    const fn of(mut self, area: Area) -> Self {
        self.area = area;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn id(method: Method, path: &str) -> Option<&'static str> {
        find(&method, path).map(|operation| operation.id)
    }

    #[test]
    fn no_two_operations_have_a_name_or_a_path_in_common() {
        let ids: BTreeSet<_> = all().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), all().count());
        let paths: BTreeSet<_> = all().map(|operation| (operation.method, operation.path)).collect();
        assert_eq!(paths.len(), all().count());
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for operation in all() {
            let path = operation.path.replace("{scope}", "subscriptions/s").replace(['{', '}'], "");
            let method = operation.method.parse().unwrap();
            assert_eq!(id(method, &path), Some(operation.id), "{} {path}", operation.method);
        }
    }

    #[test]
    fn scopes_and_repositories_have_any_number_of_segments() {
        let rest = "providers/Microsoft.Security/subassessments";
        let registry = "subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r";
        for scope in ["subscriptions/s", registry, "providers/Microsoft.Management/managementGroups/m"] {
            assert_eq!(id(Method::GET, &format!("/{scope}/{rest}")), Some("SubAssessments_ListAll"));
        }
        assert_eq!(id(Method::HEAD, "/v2/team/app/manifests/latest"), Some("Manifests_Get"));
        assert_eq!(id(Method::GET, "/v2/team%2Fapp/manifests/latest"), Some("Manifests_Get"));
        assert_eq!(id(Method::GET, "/v2/manifests/latest"), None);
        assert_eq!(id(Method::DELETE, &format!("/{registry}/{rest}")), None);
    }
}
