//! `plimsoll fsck`: is what is stored whole?

use std::process::ExitCode;

use anyhow::Result;
use plimsoll_store::Store;

use crate::config::Settings;
use crate::serve;
use crate::table::printable;

/// Exits with success only if nothing is wrong.
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode> {
    let store = Store::open(&serve::store_settings(settings)?).await?;
    let report = store.fsck().await?;
    store.close().await;
    println!("{} blobs, {} manifests, {} images", report.blobs, report.manifests, report.images);
    for problem in &report.problems {
        println!("{}", printable(problem));
    }
    if report.problems.is_empty() {
        println!("Nothing is wrong.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} things are wrong.", report.problems.len());
    Ok(ExitCode::FAILURE)
}
