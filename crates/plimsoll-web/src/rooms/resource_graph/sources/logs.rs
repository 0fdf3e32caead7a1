//! Resource logs as rows: one registry after the other, each in the order in which it happened.

use plimsoll_query::{Scan, Test, Value};
use plimsoll_store::{LogFilter, Registry};
use plimsoll_types::Timestamp;
use plimsoll_types::log::Table;
use serde_json::Value as Json;

use super::super::tables::{IDENTITY, OPERATION, REPOSITORY_NAME, TIME};
use super::{Columns, Sources};
use crate::call::Call;
use crate::error::Error;

/// What a caller needs to see the logs of a registry: Azure's action for reading what a resource logged.
const READ: &str = "Microsoft.Insights/logs/read";

/// The events that a scan wants.
pub(super) struct Logs<'s> {
    table: Table,
    /// The registries still to be read; the first stands at the end, from where it is taken.
    registries: Vec<&'s Registry>,
    filter: LogFilter,
    after: i64,
}

impl<'s> Logs<'s> {
    pub(super) fn open(sources: &'s Sources, call: &Call<'_>, table: Table, scan: &Scan) -> Self {
        let readable =
            |registry: &&Registry| registry.scope.registry_id().parse().is_ok_and(|id| call.may(READ, &id));
        let mut registries: Vec<_> = sources.registries.iter().filter(readable).collect();
        registries.reverse();
        Self { table, registries, filter: narrowed(scan), after: 0 }
    }

    /// Up to `n` rows; nothing where there are no more. Rows that the store could not leave out are among them.
    pub(super) async fn next(&mut self, call: &Call<'_>, n: usize) -> Result<Option<Vec<Logged>>, Error> {
        let Some(registry) = self.registries.last().copied() else { return Ok(None) };
        let filter = LogFilter { registry: Some(registry.id), ..self.filter.clone() };
        let wanted = u32::try_from(n.max(1)).unwrap_or(u32::MAX);
        let found = call.web.store.resource_logs(self.table, &filter, self.after, wanted).await?;
        self.after = found.last().map_or(0, |logged| logged.row);
        if found.len() < n {
            self.registries.pop();
            self.after = 0;
        }
        let row = |logged: plimsoll_store::LoggedEvent| Logged {
            at: logged.event.at,
            columns: logged.event.row(Some(&registry.scope)),
        };
        Ok(Some(found.into_iter().map(row).collect()))
    }
}

/// One event as a row.
pub(super) struct Logged {
    at: Timestamp,
    columns: Columns,
}

impl Logged {
    pub(super) fn cell(&self, column: &str) -> Value {
        if column == TIME {
            return Value::instant(self.at.0);
        }
        self.columns.get(column).cloned().map_or(Value::Null, |value: Json| Value::from(value))
    }
}

/// What of the scan's tests the store can do.
fn narrowed(scan: &Scan) -> LogFilter {
    let mut filter = LogFilter::default();
    for wanted in &scan.filters {
        match (&*wanted.path, &wanted.test) {
            (TIME, Test::Millis { from, to }) => {
                filter.since = filter.since.max(from.map(Timestamp));
                let before = to.and_then(|to| to.checked_add(1)).map(Timestamp);
                filter.until = filter.until.into_iter().chain(before).min();
            }
            (name, Test::Text { values, fold: false, negated: false }) if values.len() == 1 => {
                let value = values.first().map(|value| value.to_string()).filter(|value| !value.is_empty());
                match name {
                    OPERATION => filter.operation = value,
                    IDENTITY => filter.identity = value,
                    REPOSITORY_NAME => filter.repository = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    filter
}
