//! The Plimsoll command: reads the settings, assembles the parts, and shows what they say.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod config;
mod db;
mod doctor;
mod fsck;
mod listener;
mod logs;
mod progress;
mod scan;
mod serve;
mod table;
mod tls;
mod version;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::{Settings, Typed};

/// `scan --fail-on` found what it was told to fail on.
const FOUND: u8 = 1;
/// Anything that went wrong; what clap answers to a command line that it does not understand, too.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    // Before anything else: the probe must not inherit threads, descriptors or memory that it has no use for.
    if arguments.first().is_some_and(|first| first == "probe") {
        return plimsoll_probe::main(&arguments[1..]);
    }
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("plimsoll: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    if let Command::Version(version) = &cli.command {
        return version::run(version).map(|()| ExitCode::SUCCESS);
    }
    let typed =
        Typed::collect(cli.common.config.as_deref(), std::env::vars_os().filter_map(readable), cli.flags())?;
    let settings = typed.understand()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(dispatch(cli, &settings));
    // Whatever still runs on a blocking thread (a splice into a probe that is gone) must not hold up the end.
    runtime.shutdown_background();
    code
}

fn readable((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

async fn dispatch(cli: &Cli, settings: &Settings) -> Result<ExitCode> {
    match &cli.command {
        Command::Serve(_) => serve::run(settings).await.map(|()| ExitCode::SUCCESS),
        Command::Scan(scan) => scan::run(scan, settings).await,
        Command::Db(command) => db::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Fsck(_) => fsck::run(settings).await,
        Command::Doctor => doctor::run(settings).await,
        Command::Version(version) => version::run(version).map(|()| ExitCode::SUCCESS),
    }
}
