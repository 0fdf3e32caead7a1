//! The probe: the sealed child process that reads strangers' bytes.
//!
//! The process that holds secrets never parses what strangers wrote; the process that parses it can do nothing else.
//! `plimsoll probe …` is a child of the same binary. It [walls itself in](walls), reads bytes from its standard input,
//! writes one record ([`ProbeReply`] or [`WallReport`]) to its standard output, and ends. It keeps nothing and knows
//! no store, no network and no configuration but its arguments ([`ProbeCommand`]).
//!
//! It must be started before any thread and before the binary does anything else: threads that run already would stay
//! outside of the walls, and the life of a probe is a few milliseconds. The binary must keep the system's allocator, or
//! one that reserves no address space ahead, since the limit on memory is one on address space.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod attempts;
pub mod walls;

use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use plimsoll_types::probe::{Limits, ProbeCommand, ProbeInput, ProbeReply, ProbeTask, WallReport};
use plimsoll_types::{Problem, ProblemKind};

/// Runs the probe with the arguments that stand behind `probe`, and ends with success once a whole record was written.
pub fn main(arguments: &[String]) -> ExitCode {
    let command = match ProbeCommand::parse(arguments) {
        Ok(command) => command,
        Err(error) => return complain(&error),
    };
    // For whoever looks at a list of processes; without it the name is `exe`, from how it was started.
    let _ = rustix::thread::set_name(c"plimsoll-probe");
    let record = match command.task {
        ProbeTask::Read(input) => within(&command.limits, read(input, &command)),
        ProbeTask::CheckWalls => check_walls(&command).encode(),
    };
    match Pipe.write_all(&record) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

/// Builds the walls and reads what comes, unless a needed wall is missing and nobody allowed that.
fn read(input: ProbeInput, command: &ProbeCommand) -> ProbeReply {
    let report = WallReport { walls: walls::enter(command), attempts: vec![] };
    if let Some(wall) = report.missing().next()
        && !command.allow_missing_walls
    {
        return ProbeReply::Refused(format!("{}: {}", wall.kind, wall.detail));
    }
    let limits = &command.limits;
    without_panic(|| match input {
        ProbeInput::Layer => ProbeReply::Layer(Box::new(plimsoll_inventory::read_layer(Pipe, limits))),
        ProbeInput::Sbom => match plimsoll_inventory::read_sbom(Pipe, limits) {
            Ok(inventory) => ProbeReply::Sbom(Box::new(inventory)),
            Err(problem) => ProbeReply::Failed(problem),
        },
    })
}

/// A panic of a reader is an outcome of the layer, with its message cut and its control characters escaped.
fn without_panic(read: impl FnOnce() -> ProbeReply) -> ProbeReply {
    static MESSAGE: Mutex<String> = Mutex::new(String::new());
    panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("without a message");
        let text: String = text.chars().take(200).flat_map(char::escape_debug).collect();
        let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
        *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = format!("the probe failed: {text}{place}");
    }));
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let message = MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ProbeReply::Failed(Problem::new(ProblemKind::Crashed, message))
    })
}

/// The record, or a short one that tells why where it is longer than the parent takes.
fn within(limits: &Limits, reply: ProbeReply) -> Vec<u8> {
    let record = reply.encode();
    if record.len() <= limits.output_bytes {
        return record;
    }
    let (length, allowed) = (record.len(), limits.output_bytes);
    let message = format!("what was found takes {length} bytes, more than the {allowed} allowed");
    ProbeReply::Failed(Problem::new(ProblemKind::LimitExceeded, message)).encode()
}

/// Builds the walls and runs against each of them.
fn check_walls(command: &ProbeCommand) -> WallReport {
    let walls = walls::enter(command);
    WallReport { walls, attempts: attempts::try_all(command) }
}

fn complain(error: &dyn std::fmt::Display) -> ExitCode {
    // Where even this cannot be written, nobody is there to read it.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

/// Standard input and output without the locks and buffers of the standard library: the readers buffer for themselves.
struct Pipe;

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin(), buffer)?)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_reader_is_an_answer() {
        let reply = without_panic(|| panic!("index {} out of range\n\u{1b}[31m", 7));
        let _ = panic::take_hook();
        let ProbeReply::Failed(problem) = reply else { panic!("{reply:?}") };
        assert_eq!(problem.kind, ProblemKind::Crashed);
        assert!(
            problem.message.starts_with(r"the probe failed: index 7 out of range\n\u{1b}[31m (crates/"),
            "{}",
            problem.message
        );
    }
}
