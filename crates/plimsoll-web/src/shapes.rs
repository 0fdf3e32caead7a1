//! The wire's words: what each resource looks like as JSON, and how a stored value becomes one. Pure.
//!
//! Dates are left out where they are not known: an empty one makes Azure's Python client drop the whole page.

mod assessment;
mod first;
mod metadata;
mod registry;
mod role;
mod second;
mod sub_assessment;
mod subscription;
mod wording;

pub(crate) use assessment::{Assessment, code};
pub(crate) use metadata::Metadata;
pub(crate) use registry::{child, registry};
pub(crate) use role::{permissions_of, role_assignment, role_definition};
pub(crate) use sub_assessment::{SubAssessment, status_of_group};
pub(crate) use subscription::{TENANT, group_id, resource_group, subscription};

use serde::Serialize;

/// What an assessment is about. `source` is always `Azure`: the other kinds of Azure's are machines and their databases.
#[derive(Debug, Serialize)]
pub(crate) struct ResourceDetails {
    source: &'static str,
    id: String,
}

impl ResourceDetails {
    fn new(id: String) -> Self {
        Self { source: "Azure", id }
    }
}

/// `status.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Code {
    Healthy,
    Unhealthy,
    NotApplicable,
}

/// A title with a link.
#[derive(Debug, Serialize)]
pub(crate) struct Link {
    title: String,
    link: String,
}
