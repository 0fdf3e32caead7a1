//! The Plimsoll command: reads the settings, assembles the parts, and shows what they say.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod cli;
mod clock;
mod config;
mod db;
mod deliveries;
mod doctor;
mod explain;
mod fsck;
mod import;
mod listener;
mod logs;
mod meter;
mod progress;
mod query;
mod remote;
mod resource_log;
mod sbom;
mod scan;
mod scans;
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
/// `scan --require-complete` could not read or judge everything.
const INCOMPLETE: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    // Before anything else: the probe must not inherit threads, descriptors or memory that it has no use for.
    if arguments.first().is_some_and(|first| first == "probe") {
        return plimsoll_probe::main(&arguments[1..]);
    }
    end_quietly_without_reader();
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("plimsoll: {}", plimsoll_scan::in_one_line(error.as_ref()));
            ExitCode::from(FAILED)
        }
    }
}

/// `plimsoll logs | head`: when nobody reads any more there is nothing left to say.
fn end_quietly_without_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
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
        Command::Explain(explain) => explain::run(explain, settings).await,
        Command::Sbom(sbom) => sbom::run(sbom, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Db(command) => db::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Token(tokens) => access::tokens(&tokens.command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::User(users) => access::users(&users.command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Role(roles) => access::roles(&roles.command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Fsck(_) => fsck::run(settings).await,
        Command::Deliveries(command) => deliveries::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Logs(command) => resource_log::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Query(command) => query::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor => doctor::run(settings).await,
        Command::Scans(command) => scans::list(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Rescan(command) => scans::rescan(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Import(command) => import::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Meter(command) => meter::run(command, settings).await.map(|()| ExitCode::SUCCESS),
        Command::Version(version) => version::run(version).map(|()| ExitCode::SUCCESS),
    }
}
