//! The tables, as numbered steps that are built into the binary: one folder a database, the same numbers in both.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

use crate::{Error, ErrorKind, Result};

/// Number, name and text of each step.
type Steps = [(i64, &'static str, &'static str)];

pub(crate) const SQLITE: &Steps = &[
    (1, "initial", include_str!("../migrations/sqlite/0001_initial.sql")),
    (2, "scopes", include_str!("../migrations/sqlite/0002_scopes.sql")),
    (3, "access", include_str!("../migrations/sqlite/0003_access.sql")),
    (5, "acr", include_str!("../migrations/sqlite/0005_acr.sql")),
    (6, "triggers", include_str!("../migrations/sqlite/0006_triggers.sql")),
    (7, "rules", include_str!("../migrations/sqlite/0007_rules.sql")),
    (8, "notify", include_str!("../migrations/sqlite/0008_notify.sql")),
    (9, "room", include_str!("../migrations/sqlite/0009_room.sql")),
    (10, "owners", include_str!("../migrations/sqlite/0010_owners.sql")),
    (11, "bases", include_str!("../migrations/sqlite/0011_bases.sql")),
];
pub(crate) const POSTGRES: &Steps = &[
    (1, "initial", include_str!("../migrations/postgres/0001_initial.sql")),
    (2, "scopes", include_str!("../migrations/postgres/0002_scopes.sql")),
    (3, "access", include_str!("../migrations/postgres/0003_access.sql")),
    (5, "acr", include_str!("../migrations/postgres/0005_acr.sql")),
    (6, "triggers", include_str!("../migrations/postgres/0006_triggers.sql")),
    (7, "rules", include_str!("../migrations/postgres/0007_rules.sql")),
    (8, "notify", include_str!("../migrations/postgres/0008_notify.sql")),
    (9, "room", include_str!("../migrations/postgres/0009_room.sql")),
    (10, "owners", include_str!("../migrations/postgres/0010_owners.sql")),
    (11, "bases", include_str!("../migrations/postgres/0011_bases.sql")),
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

    #[tokio::test]
    async fn an_older_store_keeps_its_repositories() {
        use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

        let folder = tempfile::tempdir().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(folder.path().join("old.db"))
            .create_if_missing(true)
            .foreign_keys(true);
        let mut db = options.connect().await.unwrap();
        run(&SQLITE[..1], &mut db, "make it").await.unwrap();
        for sql in [
            "insert into repositories (name, created_at) values ('team/app', 7), ('base', 8)",
            "insert into manifests (digest, kind, media_type, annotations, size, body) values ('d', 'image', 'm', '{}', 1, x'00')",
            "insert into repository_manifests (repository, digest, media_type, pushed_at) values (1, 'd', 'm', 9)",
            "insert into tags (repository, name, digest, moved_at) values (1, 'v1', 'd', 9)",
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
        }
        run(SQLITE, &mut db, "bring it up to date").await.unwrap();
        let sql = "select r.key, t.name from repositories r join tags t on t.repository = r.id";
        let row = sqlx::query(sql).fetch_one(&mut db).await.unwrap();
        assert_eq!((row.get::<String, _>(0), row.get::<String, _>(1)), ("1/team/app".into(), "v1".into()));
        let broken = sqlx::query("pragma foreign_key_check").fetch_all(&mut db).await.unwrap();
        assert!(broken.is_empty());
        let orphan = sqlx::query(
            "insert into repository_manifests (repository, digest, media_type, pushed_at) values (99, 'd', 'm', 9)",
        );
        assert!(orphan.execute(&mut db).await.is_err(), "the links still point at the table");
    }
}
