//! The one door for automation: `cargo xtask check` is what CI runs, `cargo xtask layers` keeps the arrow of
//! ARCHITECTURE.md true.

mod layers;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask TASK

  check    fmt, lints, layers and tests: what must be green before a commit lands
  lint     fmt, clippy with warnings denied, layers: the part of check without the tests
  bless    write docs/openapi.json anew, for a change of the API that is meant
  layers   the dependencies between our crates are those that ARCHITECTURE.md draws
";

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let done = match task.as_str() {
        "check" => lint().and_then(|()| run("cargo", &["test", "--workspace", "--quiet"])),
        "lint" => lint(),
        "layers" => layers::check(),
        "bless" => bless(),
        _ => {
            print!("{HELP}");
            return if task.is_empty() || task == "help" { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The test that compares the document with the kept one writes it where it is told to.
fn bless() -> Result<()> {
    let test = ["test", "--package", "plimsoll-web", "--lib", "--quiet", "openapi"];
    run_with("cargo", &test, &[("PLIMSOLL_BLESS", "1")])
}

fn lint() -> Result<()> {
    layers::check()?;
    run("cargo", &["fmt", "--all", "--check"])?;
    run("cargo", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    run_with(program, arguments, &[])
}

fn run_with(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let shown = format!("{program} {}", arguments.join(" "));
    println!("xtask: {shown}");
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown} failed ({status})");
    }
    Ok(())
}
