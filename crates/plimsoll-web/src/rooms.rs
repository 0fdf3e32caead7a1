//! The areas of the API, a module each. A request goes to each in turn, until one knows its path.

pub(crate) mod access;
pub(crate) mod affected;
pub(crate) mod alerts;
pub(crate) mod clients;
pub(crate) mod container_registry;
pub(crate) mod custom;
pub(crate) mod exemptions;
pub(crate) mod governance;
pub(crate) mod history;
pub(crate) mod long_running;
pub(crate) mod notify;
pub(crate) mod pricings;
pub(crate) mod resource_graph;
pub(crate) mod resources;
pub(crate) mod rules;
pub(crate) mod scanning;
pub(crate) mod score;
pub(crate) mod security;

use std::pin::Pin;

use axum::response::Response;

use crate::call::Call;
use crate::error::Error;

/// A room that thinks. It is boxed, so that the rooms together are no larger than the largest of them.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<Option<Response>, Error>> + Send + 'a>>;

/// Asks these rooms, one after the other.
macro_rules! ask {
    ($call:expr, $($room:ident,)*) => {{
        $({
            let asked: Asked<'_> = Box::pin($room::answer($call));
            if let Some(answer) = asked.await? {
                return Ok(Some(answer));
            }
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
        custom,
        security,
        rules,
        exemptions,
        score,
        history,
        affected,
        alerts,
        governance,
        notify,
        long_running,
        resource_graph,
    }
}
