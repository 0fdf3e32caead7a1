//! `plimsoll query`: KQL over what is stored, or over what a server shows.

use std::io::Read as _;

use anyhow::{Context, Result, bail};
use plimsoll_access::{Access, Mode};
use plimsoll_store::Store;
use plimsoll_web::{Connection, Web};
use serde_json::{Value, json};

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::remote::Remote;
use crate::table::{self, printable};
use crate::{clock, serve};

/// The most that is read of a query.
const LONGEST: u64 = 1 << 20;
/// Rows of a page.
const PAGE: u64 = 1000;

/// Where the question goes.
enum Asked {
    Server(Box<Remote>),
    Store(Box<Web>),
}

pub(crate) async fn run(command: &cli::Query, settings: &Settings) -> Result<()> {
    let text = text(command)?;
    let asked = if settings.names_server {
        Asked::Server(Box::new(Remote::new(settings)?))
    } else {
        Asked::Store(Box::new(web(settings).await?))
    };
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut token = None;
    let mut total = 0;
    let mut is_truncated = false;
    while (rows.len() as u64) < command.limit {
        let mut options = json!({
            "$top": PAGE.min(command.limit - rows.len() as u64),
            "resultFormat": "table",
        });
        if let Some(token) = token.take() {
            options["$skipToken"] = token;
        }
        let mut page = asked.page(settings, &json!({"query": text, "options": options})).await?;
        total = page["totalRecords"].as_u64().unwrap_or_default();
        is_truncated = page["resultTruncated"] == "true";
        let names = page["data"]["columns"].as_array().into_iter().flatten();
        columns = names.map(|column| column["name"].as_str().unwrap_or_default().to_owned()).collect();
        if let Value::Array(found) = page["data"]["rows"].take() {
            rows.extend(found.into_iter().filter_map(|row| match row {
                Value::Array(cells) => Some(cells),
                _ => None,
            }));
        }
        match page["$skipToken"].take() {
            Value::Null => break,
            next => token = Some(next),
        }
    }
    show(command.format, &columns, &rows);
    if is_truncated || (rows.len() as u64) < total {
        eprintln!("plimsoll: {} of {total} rows; --limit shows more", rows.len());
    }
    if let Asked::Store(web) = asked {
        web.store.close().await;
    }
    Ok(())
}

impl Asked {
    async fn page(&self, settings: &Settings, body: &Value) -> Result<Value> {
        match self {
            Self::Server(remote) => {
                let answer = remote.post("/providers/Microsoft.ResourceGraph/resources", body).await;
                Ok(answer.context("the query was not answered")?.body)
            }
            Self::Store(web) => {
                let answer = plimsoll_web::query((**web).clone(), settings.graph, body).await;
                answer.or_else(|fault| bail!("{}", explained(&fault)))
            }
        }
    }
}

/// What is wrong, for the person who wrote the query.
fn explained(fault: &Value) -> String {
    let error = &fault["error"];
    let detail = &error["details"][1];
    let message =
        detail["message"].as_str().or(error["message"].as_str()).unwrap_or("the query was not answered");
    match (detail["line"].as_i64(), detail["characterPositionInLine"].as_i64()) {
        (Some(line @ 1..), Some(character)) => {
            printable(&format!("line {line}, character {}: {message}", character + 1))
        }
        _ => printable(message),
    }
}

fn text(command: &cli::Query) -> Result<String> {
    if command.text != "-" {
        return Ok(command.text.clone());
    }
    let mut text = String::new();
    std::io::stdin().take(LONGEST).read_to_string(&mut text).context("cannot read the query")?;
    Ok(text)
}

/// The API over the store of this machine, for somebody who may read its files anyway.
async fn web(settings: &Settings) -> Result<Web> {
    let store = Store::open(&serve::store_settings(settings)?).await?;
    let clock = clock::of(settings, &tokio_util::sync::CancellationToken::new())?;
    let access = plimsoll_access::Settings { mode: Mode::Off, ..serve::access_settings(settings) };
    let access = Access::open(store.clone(), clock.clone(), access).await?;
    let login_server_suffix = plimsoll_web::login_server_suffix(&settings.scope.registry_host);
    Ok(Web {
        store,
        clock,
        access,
        scope: settings.scope.clone(),
        connection: Connection::default(),
        login_server_suffix,
    })
}

fn show(format: PlainFormat, columns: &[String], rows: &[Vec<Value>]) {
    if format == PlainFormat::Json {
        let objects: Vec<Value> = rows
            .iter()
            .map(|row| {
                columns.iter().cloned().zip(row.iter().cloned()).collect::<serde_json::Map<_, _>>().into()
            })
            .collect();
        println!("{:#}", Value::Array(objects));
        return;
    }
    let head: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut shown = table::table(&head);
    for row in rows {
        shown.add_row(row.iter().map(|cell| {
            table::cell(&match cell {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }));
    }
    println!("{shown}");
}
