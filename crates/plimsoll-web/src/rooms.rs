//! The areas of the API, a module each. A request goes to each in turn, until one knows its path.

pub(crate) mod alerts;
pub(crate) mod clients;
pub(crate) mod governance;
pub(crate) mod security;
