//! `plimsoll meter`: what a server has charged.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::{self, MeterFormat};
use crate::config::Settings;
use crate::remote::Remote;
use crate::table;

pub(crate) async fn run(command: &cli::Meter, settings: &Settings) -> Result<()> {
    let remote = Remote::new(settings)?;
    let path = format!("{}/providers/Plimsoll.Security/meters", remote.subscription());
    let months = match &command.month {
        None => remote.list(&path, &[]).await,
        Some(month) => remote.get(&format!("{path}/{month}")).await.map(|month| vec![month]),
    };
    let months = months.context("the meter cannot be read")?;
    if command.format == MeterFormat::Json {
        println!("{:#}", Value::Array(months));
        return Ok(());
    }
    let mut rows = Vec::new();
    for month in &months {
        for registry in month["properties"]["registries"].as_array().into_iter().flatten() {
            rows.push([
                month["name"].as_str().unwrap_or_default().to_owned(),
                registry["registry"].as_str().unwrap_or_default().to_owned(),
                registry["images"].as_u64().unwrap_or_default().to_string(),
            ]);
        }
    }
    if command.format == MeterFormat::Csv {
        // Months, names of registries and numbers have nothing in them that would need quotes.
        println!("month,subscription,registry,images");
        for [month, registry, images] in rows {
            println!("{month},{},{registry},{images}", settings.scope.subscription);
        }
        return Ok(());
    }
    let mut shown = table::table(&["Month", "Registry", "Images"]);
    for row in &rows {
        shown.add_row(row.iter().map(|text| table::cell(text)));
    }
    println!("{shown}");
    Ok(())
}
