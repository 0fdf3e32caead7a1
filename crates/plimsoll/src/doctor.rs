//! `plimsoll doctor`: tries the walls around the probe, and says which stand on this machine.

use std::process::ExitCode;

use anyhow::Result;
use plimsoll_scan::Sandbox;
use plimsoll_types::probe::{Limits, Outcome, WallState};

use crate::config::Settings;
use crate::table;

/// Exits with success only if every needed wall stands and every attempt was refused.
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode> {
    let report = Sandbox::new(Limits::default(), settings.allow_missing_walls, 1).check_walls().await?;
    let mut walls = table::table(&["Wall", "Stands", "Detail"]);
    for wall in &report.walls {
        let stands = match wall.state {
            WallState::Stands => "yes",
            WallState::NotNeeded => "no, not needed",
            WallState::Missing => "NO",
        };
        walls.add_row([wall.kind.as_str(), stands, &wall.detail]);
    }
    println!("{walls}\n");
    let mut attempts = table::table(&["Tried inside the probe", "Outcome"]);
    for attempt in &report.attempts {
        let outcome = match &attempt.outcome {
            Outcome::Allowed => "ALLOWED".to_owned(),
            Outcome::Refused(words) => format!("refused: {words}"),
        };
        attempts.add_row([&attempt.name, &outcome]);
    }
    println!("{attempts}\n");
    if report.is_sound() {
        println!("The walls stand: each of {} attempts to get out was refused.", report.attempts.len());
        return Ok(ExitCode::SUCCESS);
    }
    for wall in report.missing() {
        println!("Missing: {}: {}", wall.kind, wall.detail);
    }
    for attempt in report.allowed() {
        println!("Not refused: {}", attempt.name);
    }
    println!("Scanning refuses to run on this machine unless it is told --allow-missing-walls.");
    Ok(ExitCode::FAILURE)
}
