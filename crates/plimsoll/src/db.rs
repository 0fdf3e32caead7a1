//! `plimsoll db`: the advisory database.

use std::path::PathBuf;

use anyhow::{Context, Result};
use plimsoll_scan::{
    Change, ClientOptions, CredentialFiles, FeedLocation, FeedStatus, Feeds, Imported, RegistryAccess,
    UpdateOptions, Updated,
};
use plimsoll_types::{ImageReference, Timestamp};
use serde_json::json;

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::progress::{self, Spinner};
use crate::table;

pub(crate) async fn run(command: &cli::Db, settings: &Settings) -> Result<()> {
    match command {
        cli::Db::Update { full } => {
            let options =
                UpdateOptions { ecosystems: settings.ecosystems.clone(), full: *full, accept_drop: *full };
            let updated = update(settings, &options).await?;
            show_update(&updated);
            Ok(())
        }
        cli::Db::Export { file, key } => {
            let generation = feeds(settings)?.export(file, read_key(key.as_deref())?.as_deref())?;
            println!("generation {generation} is in {}", file.display());
            Ok(())
        }
        cli::Db::Import { file, key, force } => {
            show_imported(&feeds(settings)?.import(file, read_key(key.as_deref())?.as_deref(), *force)?);
            Ok(())
        }
        cli::Db::Push { reference, key, plain_http } => {
            let (to, key) = (place(reference)?, read_key(key.as_deref())?);
            let feeds = feeds(settings)?.with_registry(registry_access(*plain_http, None));
            let spinner = Spinner::start(&format!("advisories: pushing to {}", table::printable(reference)));
            let pushed = feeds.push(&to, key.as_deref()).await;
            spinner.finish();
            let pushed = pushed.with_context(|| format!("cannot push the advisories to {to}"))?;
            println!(
                "generation {} is at {to} ({}), {:.1} MB",
                pushed.generation,
                pushed.digest,
                pushed.bytes as f64 / 1e6
            );
            Ok(())
        }
        cli::Db::Pull { reference, key, force, plain_http } => {
            let (from, key) = (place(reference)?, read_key(key.as_deref())?);
            let feeds = feeds(settings)?.with_registry(registry_access(*plain_http, key));
            let spinner = Spinner::start(&format!("advisories: asking {}", table::printable(reference)));
            let imported = feeds.pull(&from, *force, &progress::of_feed(&spinner)).await;
            spinner.finish();
            show_imported(&imported.with_context(|| format!("cannot take the advisories of {from}"))?);
            Ok(())
        }
        cli::Db::Status { format } => show_status(&feeds(settings)?, *format),
    }
}

/// A place in a registry, as it was typed.
fn place(typed: &str) -> Result<ImageReference> {
    let bare = typed.strip_prefix("docker://").or_else(|| typed.strip_prefix("oci://")).unwrap_or(typed);
    Ok(bare.parse()?)
}

fn registry_access(plain_http: bool, key: Option<String>) -> RegistryAccess {
    RegistryAccess {
        client: ClientOptions { insecure: plain_http, ..ClientOptions::default() },
        credentials: CredentialFiles::from_environment(|name| std::env::var_os(name)),
        key,
    }
}

fn show_imported(imported: &Imported) {
    println!(
        "generation {}{}: {} advisories{}",
        imported.generation,
        if imported.was_there { ", which was there already" } else { "" },
        imported.advisories,
        if imported.is_signed { ", signed with the key" } else { "" }
    );
}

fn read_key(path: Option<&std::path::Path>) -> Result<Option<String>> {
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))
    };
    path.map(read).transpose()
}

/// The folder of the compiled database.
pub(crate) fn folder(settings: &Settings) -> PathBuf {
    settings.data.join("advisories")
}

/// The feed of the settings over the database of the settings.
pub(crate) fn feeds(settings: &Settings) -> Result<Feeds> {
    let location: FeedLocation = settings.feed.parse()?;
    let feeds = Feeds::new(&folder(settings), location, plimsoll_scan::system_clock());
    let key = read_key(settings.feed_key.as_deref())?;
    Ok(feeds.with_publishers(settings.publishers.clone()).with_registry(registry_access(false, key)))
}

/// Brings the database up to date, with progress on a terminal.
pub(crate) async fn update(settings: &Settings, options: &UpdateOptions) -> Result<Updated> {
    let spinner = Spinner::start("advisories: asking the feed");
    let updated = feeds(settings)?.update(options, &progress::of_feed(&spinner)).await;
    spinner.finish();
    updated.with_context(|| format!("the advisories of {} could not be brought up to date", settings.feed))
}

fn show_update(updated: &Updated) {
    for (ecosystem, change) in &updated.ecosystems {
        match change {
            Change::None => println!("{ecosystem}: nothing new"),
            Change::Whole { records, unreadable: 0 } => println!("{ecosystem}: {records} advisories"),
            Change::Whole { records, unreadable } => {
                println!("{ecosystem}: {records} advisories, {unreadable} could not be read")
            }
            Change::Partly { changed, removed } => {
                println!("{ecosystem}: {changed} new or changed, {removed} gone")
            }
            Change::Failed(reason) => println!("{ecosystem}: keeps the data it had: {reason}"),
        }
    }
    println!("generation {}{}", updated.generation, if updated.changed { "" } else { ", unchanged" });
}

fn show_status(feeds: &Feeds, format: PlainFormat) -> Result<()> {
    let status = feeds.status()?;
    if format == PlainFormat::Json {
        let document = status
            .as_ref()
            .map(status_json)
            .unwrap_or_else(|| json!({"generation": 0, "advisories": 0, "ecosystems": []}));
        println!("{document:#}");
        return Ok(());
    }
    let Some(status) = status else {
        println!("There is no advisory database yet; `plimsoll db update` fetches one.");
        return Ok(());
    };
    let mut rows =
        table::table(&["Ecosystem", "Releases", "Advisories", "Packages", "Newest", "Asked", "Last failure"]);
    for ecosystem in &status.ecosystems {
        rows.add_row([
            table::cell(&ecosystem.name),
            table::cell(&releases(&ecosystem.releases)),
            table::cell(&ecosystem.advisories.to_string()),
            table::cell(&ecosystem.packages.to_string()),
            table::cell(&day(ecosystem.newest)),
            table::cell(&ecosystem.checked_at.map_or("never".to_owned(), minute)),
            table::cell(ecosystem.failure.as_deref().unwrap_or("")),
        ]);
    }
    println!("{rows}\n");
    if !status.publishers.is_empty() {
        let mut rows = table::table(&["Publisher", "Vulnerabilities", "Asked", "Where", "Last failure"]);
        for publisher in &status.publishers {
            rows.add_row([
                table::cell(&publisher.name),
                table::cell(&publisher.advisories.to_string()),
                table::cell(&publisher.checked_at.map_or("never".to_owned(), minute)),
                table::cell(publisher.location.as_deref().unwrap_or("")),
                table::cell(publisher.failure.as_deref().unwrap_or("")),
            ]);
        }
        println!("{rows}\n");
    }
    println!(
        "{} advisories, generation {}, compiled {}, {:.1} MB",
        status.advisories,
        status.generation,
        minute(status.created_at),
        status.bytes as f64 / 1e6
    );
    if let Some(feed) = &status.feed {
        println!("from {feed}, asked {}", status.checked_at.map_or("never".to_owned(), minute));
    }
    Ok(())
}

fn status_json(status: &FeedStatus) -> serde_json::Value {
    let text = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
    json!({
        "generation": status.generation,
        "createdAt": status.created_at.to_string(),
        "bytes": status.bytes,
        "advisories": status.advisories,
        "feed": status.feed,
        "checkedAt": text(status.checked_at),
        "ecosystems": status.ecosystems.iter().map(|ecosystem| json!({
            "name": ecosystem.name,
            "releases": ecosystem.releases,
            "advisories": ecosystem.advisories,
            "packages": ecosystem.packages,
            "unevaluatedRanges": ecosystem.unevaluated_ranges,
            "newest": ecosystem.newest.to_string(),
            "checkedAt": text(ecosystem.checked_at),
            "failure": ecosystem.failure,
        })).collect::<Vec<_>>(),
        "publishers": status.publishers.iter().map(|publisher| json!({
            "name": publisher.name,
            "location": publisher.location,
            "advisories": publisher.advisories,
            "checkedAt": text(publisher.checked_at),
            "failure": publisher.failure,
        })).collect::<Vec<_>>(),
    })
}

/// `v3.3 … v3.11 (9)`: the list itself may be long.
fn releases(releases: &[String]) -> String {
    match releases {
        [] => String::new(),
        [first, _, _, .., last] => format!("{first} … {last} ({})", releases.len()),
        few => few.join(", "),
    }
}

fn minute(instant: Timestamp) -> String {
    let text = instant.to_string();
    text.get(..16).map_or(text.clone(), |minute| minute.replace('T', " "))
}

fn day(instant: Timestamp) -> String {
    instant.to_string().chars().take(10).collect()
}
