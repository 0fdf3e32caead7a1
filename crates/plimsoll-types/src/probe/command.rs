//! What the server asks of its child, as the arguments of the hidden subcommand `probe`.
//!
//! Parent and child are the same binary, so the limits are a plain list in the order of their fields. It is text and not
//! a coded record, so that `ps` shows an operator what a probe may use.

use super::{Limits, ProbeInput};
use crate::ParseError;

/// One order to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeCommand {
    /// What to do.
    pub task: ProbeTask,
    /// What it may use.
    pub limits: Limits,
    /// Process id of the parent; a probe whose parent is another one was orphaned before it could ask to die with it.
    pub parent: u32,
    /// Whether to go on where a needed wall cannot be built.
    pub allow_missing_walls: bool,
}

/// What a probe can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeTask {
    /// Read bytes; the answer is a [`ProbeReply`](super::ProbeReply).
    Read(ProbeInput),
    /// Try to break out; the answer is a [`WallReport`](super::WallReport).
    CheckWalls,
}

impl ProbeCommand {
    /// The name of the subcommand.
    pub const NAME: &'static str = "probe";

    /// The arguments behind the name of the subcommand.
    pub fn arguments(&self) -> Vec<String> {
        let task = match self.task {
            ProbeTask::Read(ProbeInput::Layer) => "layer",
            ProbeTask::Read(ProbeInput::Sbom) => "sbom",
            ProbeTask::CheckWalls => "check-walls",
        };
        let mut arguments = vec![
            task.to_owned(),
            format!("--limits={}", write_limits(&self.limits)),
            format!("--parent={}", self.parent),
        ];
        if self.allow_missing_walls {
            arguments.push("--allow-missing-walls".to_owned());
        }
        arguments
    }

    /// Reads what [`ProbeCommand::arguments`] wrote.
    pub fn parse(arguments: &[String]) -> Result<Self, ParseError> {
        let bad = |found: &str| {
            ParseError::new(
                "probe layer|sbom|check-walls --limits=… --parent=… [--allow-missing-walls]",
                found,
            )
        };
        let (task, options) = arguments.split_first().ok_or_else(|| bad(""))?;
        let task = match task.as_str() {
            "layer" => ProbeTask::Read(ProbeInput::Layer),
            "sbom" => ProbeTask::Read(ProbeInput::Sbom),
            "check-walls" => ProbeTask::CheckWalls,
            other => return Err(bad(other)),
        };
        let (mut limits, mut parent, mut allow_missing_walls) = (None, None, false);
        for option in options {
            match option.split_once('=') {
                Some(("--limits", list)) => limits = Some(read_limits(list).ok_or_else(|| bad(option))?),
                Some(("--parent", id)) => parent = Some(id.parse().map_err(|_| bad(option))?),
                None if option == "--allow-missing-walls" => allow_missing_walls = true,
                _ => return Err(bad(option)),
            }
        }
        Ok(Self {
            task,
            limits: limits.ok_or_else(|| bad("no --limits"))?,
            parent: parent.ok_or_else(|| bad("no --parent"))?,
            allow_missing_walls,
        })
    }
}

fn write_limits(limits: &Limits) -> String {
    // Taken apart by name, so that a new limit cannot be forgotten here.
    let Limits {
        compressed_bytes,
        unpacked_bytes,
        ratio,
        entries,
        path_bytes,
        path_depth,
        file_bytes,
        memory_bytes,
        cpu_seconds,
        wall_seconds,
        output_bytes,
    } = limits;
    format!(
        "{compressed_bytes},{unpacked_bytes},{ratio},{entries},{path_bytes},{path_depth},{file_bytes},{memory_bytes},{cpu_seconds},{wall_seconds},{output_bytes}"
    )
}

fn read_limits(list: &str) -> Option<Limits> {
    let mut numbers = list.split(',');
    let mut next = || numbers.next()?.parse::<u64>().ok();
    let limits = Limits {
        compressed_bytes: next()?,
        unpacked_bytes: next()?,
        ratio: next()?,
        entries: next()?,
        path_bytes: next()?.try_into().ok()?,
        path_depth: next()?.try_into().ok()?,
        file_bytes: next()?.try_into().ok()?,
        memory_bytes: next()?,
        cpu_seconds: next()?,
        wall_seconds: next()?,
        output_bytes: next()?.try_into().ok()?,
    };
    numbers.next().is_none().then_some(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_given() {
        for task in
            [ProbeTask::Read(ProbeInput::Layer), ProbeTask::Read(ProbeInput::Sbom), ProbeTask::CheckWalls]
        {
            for allow_missing_walls in [false, true] {
                // Nine different numbers: two that changed places would show.
                let limits = Limits {
                    compressed_bytes: 10,
                    path_depth: 11,
                    unpacked_bytes: 1,
                    ratio: 2,
                    entries: 3,
                    path_bytes: 4,
                    file_bytes: 5,
                    memory_bytes: 6,
                    cpu_seconds: 7,
                    wall_seconds: 8,
                    output_bytes: 9,
                };
                let command = ProbeCommand { task, limits, parent: 4711, allow_missing_walls };
                assert_eq!(ProbeCommand::parse(&command.arguments()), Ok(command));
            }
        }
    }

    #[test]
    fn an_order_that_is_not_whole_is_refused() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            ProbeCommand::parse(&words).is_ok()
        };
        assert!(parse("layer --limits=1,2,3,4,5,6,7,8,9,10,11 --parent=1"));
        for bad in [
            "",
            "layer",
            "layer --parent=1",
            "layer --limits=1,2,3,4,5,6,7,8,9",
            "layer --limits=1,2,3,4,5,6,7,8 --parent=1",
            "layer --limits=1,2,3,4,5,6,7,8,9,10 --parent=1",
            "layer --limits=1,2,3,4,5,6,7,8,-9 --parent=1",
            "shell --limits=1,2,3,4,5,6,7,8,9,10,11 --parent=1",
            "layer --limits=1,2,3,4,5,6,7,8,9,10,11 --parent=1 --allow-everything",
        ] {
            assert!(!parse(bad), "{bad}");
        }
    }
}
