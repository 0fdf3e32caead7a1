//! The areas of the API, a module each. A request goes to each in turn, until one knows its path.

pub(crate) mod alerts;
pub(crate) mod clients;
pub(crate) mod exemptions;
pub(crate) mod governance;
pub(crate) mod history;
pub(crate) mod rules;
pub(crate) mod score;
pub(crate) mod security;
