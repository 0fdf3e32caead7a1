//! The areas of the API, a module each. A request goes to each in turn, until one knows its path.

pub(crate) mod access;
pub(crate) mod alerts;
pub(crate) mod clients;
pub(crate) mod container_registry;
pub(crate) mod governance;
pub(crate) mod long_running;
pub(crate) mod notify;
pub(crate) mod pricings;
pub(crate) mod resource_graph;
pub(crate) mod resources;
pub(crate) mod scanning;
pub(crate) mod security;

use axum::response::Response;

use crate::call::Call;
use crate::error::Error;

/// Asks these rooms, one after the other.
macro_rules! ask {
    ($call:expr, $($room:ident,)*) => {{
        $(if let Some(answer) = $room::answer($call).await? {
            return Ok(Some(answer));
        })*
        Ok(None)
    }};
}

/// The answer of the room that knows the path; `None` where none does.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Option<Response>, Error> {
    ask! {
        call,
        clients,
        resources,
        container_registry,
        pricings,
        scanning,
        access,
        security,
        alerts,
        governance,
        notify,
        resource_graph,
        long_running,
        resource_graph,
    }
}
