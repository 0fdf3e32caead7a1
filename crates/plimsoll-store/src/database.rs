//! One statement text, two databases: SQLite and PostgreSQL behind the few calls that the rooms above need.
//!
//! Statements are written once, with `$1` placeholders, in what both databases understand. The few differences are asked
//! for by name ([`Tx::for_update`]). sqlx's own `Any` driver and its derive macros were tried and rejected: the one
//! cannot carry all types, the others build every driver a second time.
//!
//! SQLite has one writer connection, so that transactions queue here and never meet a busy database, and a few readers.
//! They are kept by hand: sqlx's pool asks a connection whether it lives, by way of its thread, each time it comes back,
//! which costs more than a small statement does.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_types::{Digest, RepositoryName, Tag, Timestamp};
use sqlx::postgres::{PgArguments, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Decode, PgPool, Postgres, Row as _, Sqlite,
    Transaction, Type,
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::{Error, ErrorKind, Result, migrations};

const SQLITE_READERS: usize = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// Bound values in one statement: SQLite takes 32,766, PostgreSQL 65,535.
const MAX_BOUND: usize = 16_384;
/// The longest list of numbered placeholders. SQLite finds each by walking the list of all, so the work grows with the
/// square of the length; several shorter statements are cheaper than one long one.
const MAX_LIST: usize = 512;
/// Memory of the connection that writes to SQLite, as its pragma `cache_size` has it: 16 MiB, as far as they are needed.
const WRITER_CACHE: &str = "-16384";
/// How often a transaction that met another is begun anew.
pub(crate) const MAX_CONFLICTS: u32 = 5;

/// The database.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(Arc<SqliteFile>),
    Postgres(PgPool),
}

/// A SQLite file with its connections.
pub(crate) struct SqliteFile {
    options: SqliteConnectOptions,
    writer: Arc<AsyncMutex<Option<SqliteConnection>>>,
    idle_readers: Mutex<Vec<SqliteConnection>>,
    readers: Arc<Semaphore>,
}

/// A transaction. Dropped without [`Tx::commit`] it never happened.
pub(crate) struct Tx {
    attempt: &'static str,
    inner: TxInner,
}

enum TxInner {
    Sqlite(SqliteTx),
    Postgres(Transaction<'static, Postgres>),
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A value to bind.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    Int(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
}

/// Statement text: written in the source, or put together from such texts.
pub(crate) type Sql = Cow<'static, str>;

/// A list of [`Arg`]s from all that can become one.
macro_rules! args {
    ($($value:expr),* $(,)?) => { [$($crate::database::Arg::from($value)),*] };
}
pub(crate) use args;

impl Database {
    /// Opens `sqlite:PATH` or `postgres://…` and brings its tables up to date.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(path.strip_prefix("//").unwrap_or(path)).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url).await;
        }
        let message =
            format!("the database must be sqlite:PATH or postgres://…, found {}", without_password(url));
        Err(Error::new(ErrorKind::Misconfigured, message))
    }

    async fn open_sqlite(path: &str) -> Result<Self> {
        let path = std::path::Path::new(path);
        if path.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::Misconfigured, "sqlite: needs the path of a file behind it"));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::file("make the folder", folder, e))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200)
            .disable_statement_logging();
        let attempt = || format!("open the database {}", path.display());
        // What one transaction changes should not be written to the disk before it ends.
        let writing = options.clone().pragma("cache_size", WRITER_CACHE);
        let mut writer = writing.connect().await.map_err(|e| Error::database(&attempt(), e))?;
        migrations::run(migrations::SQLITE, &mut writer, &attempt()).await?;
        Ok(Self::Sqlite(Arc::new(SqliteFile {
            options: options.create_if_missing(false).pragma("query_only", "on"),
            writer: Arc::new(AsyncMutex::new(Some(writer))),
            idle_readers: Mutex::default(),
            readers: Arc::new(Semaphore::new(SQLITE_READERS)),
        })))
    }

    async fn open_postgres(url: &str) -> Result<Self> {
        let attempt = format!("open the database {}", without_password(url));
        let failed = |e| Error::database(&attempt, e);
        let options: sqlx::postgres::PgConnectOptions = url.parse().map_err(failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(Duration::from_secs(15))
            // Compiling a statement that reads an index takes ten times as long as running it.
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::Executor::execute(&mut *connection, "set jit = off").await?;
                    Ok(())
                })
            })
            .connect_with(options.disable_statement_logging())
            .await
            .map_err(failed)?;
        let mut connection = pool.acquire().await.map_err(failed)?;
        migrations::run(migrations::POSTGRES, &mut *connection, &attempt).await?;
        drop(connection);
        Ok(Self::Postgres(pool))
    }

    pub(crate) fn postgres(&self) -> Option<&PgPool> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(pool) => Some(pool),
        }
    }

    /// Begins a transaction that may write. `attempt` continues "cannot …" in its errors.
    pub(crate) async fn begin(&self, attempt: &'static str) -> Result<Tx> {
        let inner = match self {
            Self::Sqlite(file) => TxInner::Sqlite(file.begin(attempt).await?),
            Self::Postgres(pool) => {
                TxInner::Postgres(pool.begin().await.map_err(|e| Error::database(attempt, e))?)
            }
        };
        Ok(Tx { attempt, inner })
    }

    /// The rows of a statement that only reads.
    pub(crate) async fn all(
        &self,
        attempt: &'static str,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>> {
        let (sql, failed) = (AssertSqlSafe(sql.into()), |e| Error::database(attempt, e));
        match self {
            Self::Sqlite(file) => {
                let mut reader = file.reader(attempt).await?;
                let query = sqlx::query_with(sql, sqlite_arguments(args).map_err(failed)?);
                let rows = query.fetch_all(reader.connection()?).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_with(sql, postgres_arguments(args).map_err(failed)?);
                let rows = query.fetch_all(pool).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The first row of a statement that only reads.
    pub(crate) async fn one(
        &self,
        attempt: &'static str,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>> {
        Ok(self.all(attempt, sql, args).await?.into_iter().next())
    }

    /// The rows of a statement that only reads, with `{list}` in its text standing for a list too long to bind at once;
    /// the other values are `$1` and so on. The rows of the parts follow one another.
    pub(crate) async fn all_in(
        &self,
        attempt: &'static str,
        sql: &str,
        fixed: &[Arg<'_>],
        list: &[Arg<'_>],
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for part in list.chunks(MAX_LIST) {
            let (sql, args) = with_list(sql, fixed, part);
            rows.extend(self.all(attempt, sql, &args).await?);
        }
        Ok(rows)
    }

    /// Brings the figures up to date from which the planner of statements guesses. PostgreSQL does so itself.
    pub(crate) async fn gather_statistics(&self) -> Result<()> {
        let Self::Sqlite(file) = self else { return Ok(()) };
        let failed = |e| Error::database("look at the sizes of the tables", e);
        let mut writer = file.writer.lock().await;
        let Some(writer) = writer.as_mut() else { return Err(closed()) };
        // All tables, those that this connection never read too; a sample of each index, so that a large one takes no longer.
        for sql in ["pragma analysis_limit = 1000", "pragma optimize = 0x10002"] {
            sqlx::query(sql).execute(&mut *writer).await.map_err(failed)?;
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(file) => file.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Runs a statement; tells how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<u64> {
        self.run(sql.into(), args, true).await
    }

    /// As [`Tx::execute`], for a text that will not come again: it gets no place among the prepared statements.
    pub(crate) async fn execute_once(&mut self, sql: String, args: &[Arg<'_>]) -> Result<u64> {
        self.run(sql.into(), args, false).await
    }

    /// Keeps others from changing what images count until the transaction ends: everybody, or those who want it alone.
    /// SQLite has one writer at a time anyway. See `summaries`.
    pub(crate) async fn lock_counts(&mut self, alone: bool) -> Result<()> {
        if self.is_postgres() {
            let name = if alone { "pg_advisory_xact_lock" } else { "pg_advisory_xact_lock_shared" };
            // Any number that no other lock has.
            self.execute(format!("select {name}(7202608)"), &[]).await?;
        }
        Ok(())
    }

    async fn run(&mut self, sql: Sql, args: &[Arg<'_>], persistent: bool) -> Result<u64> {
        let (sql, failed) = (AssertSqlSafe(sql), |e| Error::database(self.attempt, e));
        match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(args).map_err(failed)?);
                let done = query.persistent(persistent).execute(tx.connection()?).await.map_err(failed)?;
                Ok(done.rows_affected())
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args).map_err(failed)?);
                let done = query.persistent(persistent).execute(&mut **tx).await.map_err(failed)?;
                Ok(done.rows_affected())
            }
        }
    }

    /// The rows of a statement, which may write and return.
    pub(crate) async fn all(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        let (sql, failed) = (AssertSqlSafe(sql.into()), |e| Error::database(self.attempt, e));
        match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(args).map_err(failed)?);
                let rows = query.fetch_all(tx.connection()?).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args).map_err(failed)?);
                let rows = query.fetch_all(&mut **tx).await.map_err(failed)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The first row of a statement.
    pub(crate) async fn one(&mut self, sql: impl Into<Sql>, args: &[Arg<'_>]) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// As [`Database::all_in`].
    pub(crate) async fn all_in(
        &mut self,
        sql: &str,
        fixed: &[Arg<'_>],
        list: &[Arg<'_>],
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for part in list.chunks(MAX_LIST) {
            let (sql, args) = with_list(sql, fixed, part);
            rows.extend(self.all(sql, &args).await?);
        }
        Ok(rows)
    }

    /// Inserts rows of `width` values each: `{rows}` in the text stands for their placeholders. Many rows are one
    /// statement, or as many as the limit on bound values makes necessary.
    pub(crate) async fn insert(&mut self, sql: &str, width: usize, args: &[Arg<'_>]) -> Result<u64> {
        let rows_at_once = MAX_BOUND / width;
        let mut touched = 0;
        for part in args.chunks(rows_at_once * width) {
            let rows = part.len() / width;
            let mut placeholders = String::with_capacity(rows * (width * 7 + 3));
            for row in 0..rows {
                placeholders.push_str(if row == 0 { "(" } else { ",(" });
                match self.inner {
                    // Without numbers, for the reason given at MAX_LIST.
                    TxInner::Sqlite(_) => {
                        placeholders.extend((0..width).map(|i| if i == 0 { "?" } else { ",?" }))
                    }
                    TxInner::Postgres(_) => push_placeholders(&mut placeholders, row * width, width),
                }
                placeholders.push(')');
            }
            // Only the lengths that come again and again are worth a place among the prepared statements.
            let persistent = rows <= 4 || rows == rows_at_once;
            touched += self.run(sql.replace("{rows}", &placeholders).into(), part, persistent).await?;
        }
        Ok(touched)
    }

    /// What makes a `select` lock its rows for a change that leaves their keys alone: rows that refer to them may be
    /// written meanwhile. SQLite has one writer at a time anyway.
    pub(crate) fn for_change(&self) -> &'static str {
        match self.inner {
            TxInner::Sqlite(_) => "",
            TxInner::Postgres(_) => " for no key update",
        }
    }

    /// What makes a `select` lock its rows so that they can be deleted.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.inner {
            TxInner::Sqlite(_) => "",
            TxInner::Postgres(_) => " for update",
        }
    }

    /// What makes a `select` keep its rows from being changed or deleted until the transaction ends.
    pub(crate) fn for_share(&self) -> &'static str {
        match self.inner {
            TxInner::Sqlite(_) => "",
            TxInner::Postgres(_) => " for share",
        }
    }

    /// What makes a `select` keep its rows from being deleted until the transaction ends.
    pub(crate) fn for_key_share(&self) -> &'static str {
        match self.inner {
            TxInner::Sqlite(_) => "",
            TxInner::Postgres(_) => " for key share",
        }
    }

    /// What makes a `select` lock its rows and pass over those that others have locked.
    pub(crate) fn for_update_skip_locked(&self) -> &'static str {
        match self.inner {
            TxInner::Sqlite(_) => "",
            TxInner::Postgres(_) => " for update skip locked",
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, TxInner::Postgres(_))
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit(self.attempt).await,
            TxInner::Postgres(tx) => tx.commit().await.map_err(|e| Error::database(self.attempt, e)),
        }
    }
}

impl Row {
    /// The value of a column, by its number.
    pub(crate) fn get<'r, T>(&'r self, column: usize) -> Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|e| Error::database("read a column of a row", e))
    }

    /// The value of a column that holds the text form of a checked type.
    pub(crate) fn parse<T: std::str::FromStr<Err = plimsoll_types::ParseError>>(
        &self,
        column: usize,
    ) -> Result<T> {
        let text: &str = self.get(column)?;
        text.parse().map_err(|e| Error::corrupt(format!("the database holds what it never should: {e}")))
    }

    /// The value of a column that holds JSON, or `None` where it is null.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<Option<T>> {
        let Some(text) = self.get::<Option<&str>>(column)? else { return Ok(None) };
        let value = serde_json::from_str(text)
            .map_err(|e| Error::corrupt("a JSON column of the database cannot be read").because(e))?;
        Ok(Some(value))
    }

    /// The value of a column that counts.
    pub(crate) fn count(&self, column: usize) -> Result<u64> {
        u64::try_from(self.get::<i64>(column)?).map_err(|_| Error::corrupt("a count below zero"))
    }
}

/// A writing transaction of SQLite, on the one connection that writes.
struct SqliteTx {
    guard: Option<OwnedMutexGuard<Option<SqliteConnection>>>,
}

impl SqliteFile {
    async fn begin(&self, attempt: &str) -> Result<SqliteTx> {
        let mut tx = SqliteTx { guard: Some(self.writer.clone().lock_owned().await) };
        sqlx::query("begin immediate")
            .execute(tx.connection()?)
            .await
            .map_err(|e| Error::database(attempt, e))?;
        Ok(tx)
    }

    async fn reader(&self, attempt: &str) -> Result<SqliteReader<'_>> {
        let permit = self.readers.clone().acquire_owned().await.map_err(|_| closed())?;
        let idle = self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(|e| Error::database(attempt, e))?,
        };
        Ok(SqliteReader { file: self, connection: Some(connection), _permit: permit })
    }

    async fn close(&self) {
        self.readers.close();
        let idle = std::mem::take(&mut *self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner));
        for reader in idle {
            let _ = reader.close().await;
        }
        if let Some(writer) = self.writer.lock().await.take() {
            let _ = writer.close().await;
        }
    }
}

impl SqliteTx {
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.guard.as_mut().and_then(|guard| guard.as_mut()).ok_or_else(closed)
    }

    async fn commit(mut self, attempt: &str) -> Result<()> {
        let done = sqlx::query("commit").execute(self.connection()?).await;
        done.map_err(|e| Error::database(attempt, e))?;
        self.guard = None;
        Ok(())
    }
}

impl Drop for SqliteTx {
    /// Undoes what was not committed. The next writer waits for it, since the guard goes along; without a runtime the
    /// process is at its end, and SQLite forgets what was not committed.
    fn drop(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Some(connection) = guard.as_mut() {
                // Fails where the transaction had not begun yet; then there is nothing to undo.
                let _ = sqlx::query("rollback").execute(connection).await;
            }
        });
    }
}

/// A reading connection on loan.
struct SqliteReader<'a> {
    file: &'a SqliteFile,
    connection: Option<SqliteConnection>,
    _permit: OwnedSemaphorePermit,
}

impl SqliteReader<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or_else(closed)
    }
}

impl Drop for SqliteReader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.file.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the store is closed")
}

/// Lets the transaction pass that the database preferred.
pub(crate) async fn step_aside(conflicts: u32) {
    tokio::time::sleep(Duration::from_millis(10) * conflicts).await;
}

/// The text with placeholders for the list. The list is filled up to a power of two with its last value, so that a
/// handful of prepared statements serve all lengths; in an `in (…)` the repetition means nothing.
fn with_list<'a>(sql: &str, fixed: &[Arg<'a>], list: &[Arg<'a>]) -> (Sql, Vec<Arg<'a>>) {
    let length = list.len().next_power_of_two();
    let mut args = Vec::with_capacity(fixed.len() + length);
    args.extend_from_slice(fixed);
    args.extend_from_slice(list);
    while let Some(last) = list.last().filter(|_| args.len() < fixed.len() + length) {
        args.push(last.clone());
    }
    let mut placeholders = String::with_capacity(length * 7);
    push_placeholders(&mut placeholders, fixed.len(), length);
    (sql.replace("{list}", &placeholders).into(), args)
}

fn push_placeholders(text: &mut String, before: usize, count: usize) {
    use std::fmt::Write as _;
    for i in 0..count {
        let _ = write!(text, "{}${}", if i == 0 { "" } else { "," }, before + i + 1);
    }
}

fn sqlite_arguments(args: &[Arg<'_>]) -> std::result::Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(args.len(), 0);
    for arg in args {
        match arg {
            Arg::Int(value) => Arguments::add(&mut arguments, *value),
            Arg::Text(value) => Arguments::add(&mut arguments, value.as_deref().map(without_nul)),
            Arg::Bytes(value) => Arguments::add(&mut arguments, value.as_deref()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(args: &[Arg<'_>]) -> std::result::Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    arguments.reserve(args.len(), args.len() * 16);
    for arg in args {
        match arg {
            Arg::Int(value) => arguments.add(*value),
            Arg::Text(value) => arguments.add(value.as_deref().map(without_nul)),
            Arg::Bytes(value) => arguments.add(value.as_deref()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// PostgreSQL cannot hold U+0000 in a text, and strangers write it into package names. Both databases get the same.
fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A database URL for people and logs: without user, password and parameters.
pub(crate) fn without_password(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        (None, Some(at)) => url[at + 1..].to_owned(),
        _ => url.to_owned(),
    }
}

macro_rules! arg_from {
    ($($type:ty => |$value:ident| $arg:expr;)*) => {
        $(impl<'a> From<$type> for Arg<'a> {
            fn from($value: $type) -> Self { $arg }
        })*
    };
}

arg_from! {
    i64 => |value| Arg::Int(Some(value));
    Option<i64> => |value| Arg::Int(value);
    Timestamp => |value| Arg::Int(Some(value.0));
    Option<Timestamp> => |value| Arg::Int(value.map(|at| at.0));
    &'a str => |value| Arg::Text(Some(Cow::Borrowed(value)));
    Option<&'a str> => |value| Arg::Text(value.map(Cow::Borrowed));
    &'a String => |value| Arg::Text(Some(Cow::Borrowed(value)));
    String => |value| Arg::Text(Some(Cow::Owned(value)));
    Option<String> => |value| Arg::Text(value.map(Cow::Owned));
    Cow<'a, str> => |value| Arg::Text(Some(value));
    &'a Digest => |value| Arg::Text(Some(Cow::Borrowed(value.as_str())));
    &'a RepositoryName => |value| Arg::Text(Some(Cow::Borrowed(value.as_str())));
    &'a Tag => |value| Arg::Text(Some(Cow::Borrowed(value.as_str())));
    &'a [u8] => |value| Arg::Bytes(Some(Cow::Borrowed(value)));
    Vec<u8> => |value| Arg::Bytes(Some(Cow::Owned(value)));
    Option<Vec<u8>> => |value| Arg::Bytes(value.map(Cow::Owned));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_a_password() {
        for (url, shown) in [
            ("postgres://me:secret@host:5432/db?sslmode=require", "postgres://host:5432/db"),
            ("postgres://me:se@cret@host/db", "postgres://host/db"),
            ("me:secret@host", "host"),
            ("postgres://host/db?password=secret", "postgres://host/db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn lists_are_filled_up_to_a_power_of_two() {
        let (sql, args) = with_list("a = $1 and b in ({list})", &args![1_i64], &args!["x", "y", "z"]);
        assert_eq!(sql, "a = $1 and b in ($2,$3,$4,$5)");
        assert!(
            matches!(args.as_slice(), [.., Arg::Text(Some(a)), Arg::Text(Some(b))] if a == b && b == "z")
        );
    }
}
