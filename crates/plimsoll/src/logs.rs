//! Log lines: structured, on stderr, so that stdout belongs to the answer.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Starts logging as the settings say.
pub(crate) fn start(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.log).with_context(|| {
        format!("log is {:?}, which is not a filter such as info or plimsoll_scan=debug", settings.log)
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
    }
    Ok(())
}
