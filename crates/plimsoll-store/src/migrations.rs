//! The tables, as numbered steps that are built into the binary: one folder a database, the same numbers in both.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

use crate::{Error, ErrorKind, Result};

/// Number, name and text of each step.
type Steps = [(i64, &'static str, &'static str)];

pub(crate) const SQLITE: &Steps = &[
    (1, "initial", include_str!("../migrations/sqlite/0001_initial.sql")),
    (3, "access", include_str!("../migrations/sqlite/0003_access.sql")),
];
pub(crate) const POSTGRES: &Steps = &[
    (1, "initial", include_str!("../migrations/postgres/0001_initial.sql")),
    (3, "access", include_str!("../migrations/postgres/0003_access.sql")),
];

/// Runs the steps that this database has not seen yet. Fails where it has seen others, of a newer Plimsoll.
pub(crate) async fn run<C: Migrate>(steps: &Steps, connection: &mut C, attempt: &str) -> Result<()> {
    let migrations = steps.iter().map(|(number, name, sql)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect()).run_direct(None, connection, false).await.map_err(|e| {
        let newer = matches!(e, sqlx::migrate::MigrateError::VersionMissing(_));
        let kind = if newer { ErrorKind::Misconfigured } else { ErrorKind::Unavailable };
        Error::new(kind, format!("cannot {attempt}: its tables cannot be brought up to date: {e}")).because(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_steps() {
        let names =
            |steps: &Steps| steps.iter().map(|(number, name, _)| (*number, *name)).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
    }
}
