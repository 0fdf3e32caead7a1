//! The areas of the API, a module each. A request goes to each in turn, until one knows its path.

pub(crate) mod access;
pub(crate) mod clients;
pub(crate) mod resource_graph;
pub(crate) mod security;
