//! The clock that a server is run by: the machine's, or that one moved, for a rehearsal.
//!
//! What Plimsoll does after days and weeks (assess again what is pulled, forget what has aged out) can be watched in a
//! minute by moving its clock: `--clock-offset-file` names a file with the time to add, `8d` or `1d 12h`, that is read again
//! each second. Everything that is dated goes by the moved clock; waiting for others (retries, leases being renewed) and
//! certificates go by the real one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use plimsoll_scan::Clock;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// The longest file that is read.
const MAX_BYTES: usize = 1_000;
/// A hundred years.
const MAX_OFFSET_MS: i64 = 36_525 * 86_400_000;

/// The clock of the settings. A file that cannot be understood is an error at start, and later keeps the offset as it was.
pub(crate) fn of(settings: &Settings, stop: &CancellationToken) -> Result<Clock> {
    let machine = plimsoll_scan::system_clock();
    let Some(file) = &settings.clock_offset_file else { return Ok(machine) };
    let offset = Arc::new(AtomicI64::new(read(file)?));
    tracing::warn!(
        file = %file.display(),
        offset_ms = offset.load(Ordering::Relaxed),
        "the clock is moved by a file: this is for rehearsals, all dates are false"
    );
    tokio::spawn(follow(file.clone(), Arc::clone(&offset), stop.clone()));
    Ok(Arc::new(move || machine().plus_millis(offset.load(Ordering::Relaxed))))
}

async fn follow(file: PathBuf, offset: Arc<AtomicI64>, stop: CancellationToken) {
    let mut told = String::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        match read(&file) {
            Ok(new) => {
                told.clear();
                if offset.swap(new, Ordering::Relaxed) != new {
                    tracing::warn!(offset_ms = new, "the clock is moved by another time");
                }
            }
            Err(error) => {
                let message = format!("{error:#}");
                if message != told {
                    tracing::warn!(error = message, "the clock stays moved as it was");
                    told = message;
                }
            }
        }
    }
}

fn read(file: &Path) -> Result<i64> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("clock_offset_file: cannot read {}", file.display()))?;
    if text.len() > MAX_BYTES {
        bail!("clock_offset_file: {} is too long for a span of time", file.display());
    }
    parse(text.trim()).with_context(|| format!("clock_offset_file: {}", file.display()))
}

/// `8d`, `1d 12h`, `-90m`, `10s`; nothing at all is nothing.
fn parse(text: &str) -> Result<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut sum = 0_i64;
    for part in rest.split_whitespace().filter(|part| *part != "0") {
        let unit = part.char_indices().last().map_or(0, |(at, _)| at);
        let (number, unit) = part.split_at(unit);
        let millis = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            _ => bail!("{part:?} is no span of time such as 8d, 12h, 90m or 10s"),
        };
        let number: u32 =
            number.parse().with_context(|| format!("{part:?} is no span of time such as 8d"))?;
        sum += i64::from(number) * millis;
    }
    if sum > MAX_OFFSET_MS {
        bail!("{text:?} is more than a hundred years");
    }
    Ok(sign * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, millis) in [
            ("", 0),
            ("0", 0),
            ("8d", 8 * 86_400_000),
            ("1d 12h", 36 * 3_600_000),
            ("-90m", -5_400_000),
            ("10s", 10_000),
        ] {
            assert_eq!(parse(text).ok(), Some(millis), "{text}");
        }
        for bad in ["8", "d", "8 d", "8w", "one day", "4000000000d", "99999999d", "8ä", "--1d"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
