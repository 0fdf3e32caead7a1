//! Resource logs: where `serve` writes them as lines, and `plimsoll logs`, which shows those that are kept.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use plimsoll_registry::Lines;
use plimsoll_store::{LogFilter, RegistryId, Store};
use plimsoll_types::log::Table;
use plimsoll_types::{Scope, Timestamp};
use serde_json::{Map, Value};

use crate::cli::{self, LogTable, PlainFormat};
use crate::config::{ResourceLog, Settings};
use crate::{serve, table};

/// Where the lines go, if anywhere. A file that cannot be opened is told now and not later.
pub(crate) fn lines(settings: &Settings) -> Result<Option<Lines>> {
    match &settings.resource_log {
        ResourceLog::Off => Ok(None),
        ResourceLog::Stdout => {
            Ok(Some(Arc::new(|text: &str| std::io::stdout().lock().write_all(text.as_bytes()))))
        }
        ResourceLog::File(path) => {
            let file = LogFile::open(path)
                .with_context(|| format!("cannot write the resource log {}", path.display()))?;
            Ok(Some(Arc::new(move |text: &str| file.write(text))))
        }
    }
}

/// A file that somebody else may move away at any time, as logrotate does; then another one is begun in its place.
struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl LogFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Mutex::new(append_to(path)?) })
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |there: &Metadata, open: &Metadata| (there.dev(), there.ino()) == (open.dev(), open.ino());
        let in_place = match std::fs::metadata(&self.path) {
            Ok(there) => is_same(&there, &file.metadata()?),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !in_place {
            *file = append_to(&self.path)?;
        }
        file.write_all(text.as_bytes())
    }
}

/// Others than the owner have no business in it: it tells who was here.
fn append_to(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// `plimsoll logs`
pub(crate) async fn run(command: &cli::Logs, settings: &Settings) -> Result<()> {
    let store = Store::open(&serve::store_settings(settings)?).await?;
    let shown = show(&store, command).await;
    store.close().await;
    shown
}

async fn show(store: &Store, command: &cli::Logs) -> Result<()> {
    let scopes: HashMap<RegistryId, Scope> =
        store.registries().await?.into_iter().map(|registry| (registry.id, registry.scope)).collect();
    let instant = |text: &Option<String>| {
        text.as_deref().map(str::parse::<Timestamp>).transpose().context("--since and --until")
    };
    let filter = LogFilter {
        registry: registry(&scopes, command.of_registry.as_deref())?,
        since: instant(&command.since)?,
        until: instant(&command.until)?,
        operation: command.operation.clone(),
        identity: command.identity.clone(),
        repository: command.repository.clone(),
    };
    let kept = match command.table {
        LogTable::Repository => Table::Repository,
        LogTable::Login => Table::Login,
    };
    let mut events = store.newest_resource_logs(kept, &filter, None, command.limit).await?;
    events.reverse();
    let rows = events.iter().map(|logged| logged.event.row(scopes.get(&logged.registry)));
    match command.format {
        PlainFormat::Json => {
            for row in rows {
                println!("{}", Value::Object(row));
            }
        }
        PlainFormat::Table => print_table(kept, rows),
    }
    Ok(())
}

fn registry(scopes: &HashMap<RegistryId, Scope>, name: Option<&str>) -> Result<Option<RegistryId>> {
    let Some(name) = name else { return Ok(None) };
    let found = scopes.iter().find(|(_, scope)| scope.registry.eq_ignore_ascii_case(name));
    match found {
        Some((id, _)) => Ok(Some(*id)),
        None => bail!("there is no registry {name}"),
    }
}

/// What a person looks for; the rest is in the JSON.
fn print_table(kept: Table, rows: impl Iterator<Item = Map<String, Value>>) {
    let columns: &[&str] = match kept {
        Table::Repository => &[
            "TimeGenerated",
            "OperationName",
            "ResultDescription",
            "Repository",
            "Tag",
            "Digest",
            "Identity",
            "CallerIpAddress",
            "UserAgent",
        ],
        Table::Login => &[
            "TimeGenerated",
            "OperationName",
            "ResultDescription",
            "LoginServer",
            "Identity",
            "CallerIpAddress",
            "UserAgent",
        ],
    };
    let mut shown = table::table(columns);
    for row in rows {
        shown.add_row(columns.iter().map(|column| {
            let text = row[*column].as_str().unwrap_or_default();
            match *column {
                "Digest" => table::cell(&text.chars().take(19).collect::<String>()),
                _ => table::cell(text),
            }
        }));
    }
    println!("{shown}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resource.log");
        let log = LogFile::open(&path).unwrap();
        log.write("one\n").unwrap();
        log.write("two\n").unwrap();
        let moved = folder.path().join("resource.log.1");
        std::fs::rename(&path, &moved).unwrap();
        log.write("three\n").unwrap();
        // Somebody may have made the new one already.
        std::fs::rename(&path, folder.path().join("resource.log.2")).unwrap();
        std::fs::write(&path, "").unwrap();
        log.write("four\n").unwrap();
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "four\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_told_at_once() {
        assert!(LogFile::open(Path::new("/no/such/folder/resource.log")).is_err());
    }
}
