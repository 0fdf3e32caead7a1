//! `plimsoll query`: asks a server in the query language of Azure Resource Graph.

use std::io::Read as _;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::remote::Remote;
use crate::table;

const PATH: &str = "/providers/Microsoft.ResourceGraph/resources";
/// The rows of a page; a server gives no more at once.
const PAGE: u64 = 1000;
/// The longest query that is read from stdin, in bytes. The server takes fewer.
const MAX_QUERY: u64 = 1 << 20;

pub(crate) async fn run(command: &cli::Query, settings: &Settings) -> Result<()> {
    let text = match command.query.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin()
                .take(MAX_QUERY)
                .read_to_string(&mut text)
                .context("the query on stdin is not text")?;
            text
        }
        text => text.to_owned(),
    };
    let remote = Remote::new(settings)?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut token = None;
    let columns: Vec<String> = loop {
        let mut options = json!({ "resultFormat": "table", "$top": PAGE });
        if let Some(token) = token.take() {
            options["$skipToken"] = token;
        }
        let body = json!({ "query": text, "options": options });
        let mut page = remote.post(PATH, &body).await.context("the query cannot be answered")?.body;
        let named = page["data"]["columns"].as_array().context("the server's answer has no columns")?;
        let names = named.iter().map(|column| column["name"].as_str().unwrap_or_default().to_owned());
        let names: Vec<String> = names.collect();
        let Value::Array(found) = page["data"]["rows"].take() else {
            bail!("the server's answer has no rows")
        };
        rows.extend(
            found.into_iter().map(|row| if let Value::Array(cells) = row { cells } else { Vec::new() }),
        );
        match page["$skipToken"].take() {
            Value::Null => break names,
            next => token = Some(next),
        }
    };
    match command.format {
        PlainFormat::Json => {
            let object = |row: Vec<Value>| Value::Object(columns.iter().cloned().zip(row).collect());
            println!("{:#}", Value::Array(rows.into_iter().map(object).collect()));
        }
        PlainFormat::Table => {
            let mut shown = table::table(&columns.iter().map(String::as_str).collect::<Vec<_>>());
            for row in &rows {
                shown.add_row(row.iter().map(|value| table::cell(&plain(value))));
            }
            println!("{shown}");
        }
    }
    Ok(())
}

/// A value as a person reads it: texts without quotes, nothing where there is nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
