//! The sandbox with real probes behind real walls. This program is the test and, under other names, the child.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::ExitCode;

use plimsoll_probe::walls;
use plimsoll_scan::sandbox::{Input, Sandbox};
use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::{Limits, ProbeCommand};
use plimsoll_types::{Problem, ProblemKind};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let name = Path::new(&arguments[0]).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match arguments.get(1).map(String::as_str) {
        Some(ProbeCommand::NAME) if name.starts_with("taken-over-and-") => misbehave(name, &arguments[2..]),
        Some(ProbeCommand::NAME) => plimsoll_probe::main(&arguments[2..]),
        _ => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(a_layer_is_read_from_a_file_and_from_a_stream());
            println!("test a_layer_is_read_from_a_file_and_from_a_stream ... ok");
            runtime.block_on(the_walls_stand_and_refuse());
            println!("test the_walls_stand_and_refuse ... ok");
            runtime.block_on(a_probe_that_was_taken_over_is_one_layers_problem());
            println!("test a_probe_that_was_taken_over_is_one_layers_problem ... ok");
            ExitCode::SUCCESS
        }
    }
}

/// What somebody who took over a reader would do, inside the walls.
fn misbehave(name: &str, order: &[String]) -> ExitCode {
    walls::enter(&ProbeCommand::parse(order).unwrap());
    match name {
        "taken-over-and-looping" => loop {
            std::hint::spin_loop();
        },
        "taken-over-and-hoarding" => {
            let mut all = vec![];
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        "taken-over-and-talking" => loop {
            let _ = rustix::io::write(std::io::stdout(), &[7; 4096]);
        },
        _ => std::process::abort(),
    }
}

async fn a_layer_is_read_from_a_file_and_from_a_stream() {
    let sandbox = Sandbox::new(limits(), false, 2);
    let layer = layer();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &layer).unwrap();
    let from_file = Input::File { file, offset: 0, length: layer.len() as u64 };
    let chunks: Vec<_> = layer.chunks(700).map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk))).collect();
    let from_stream = Input::Stream(Box::pin(futures_util::stream::iter(chunks)));
    for input in [from_file, from_stream] {
        let inventory = sandbox.read_layer(input).await.unwrap();
        assert_eq!(inventory.problems, vec![]);
        assert!(matches!(&inventory.files[0].content, FileContent::Distro(distro) if distro.id == "alpine"));
    }
}

async fn the_walls_stand_and_refuse() {
    let report = Sandbox::new(limits(), false, 1).check_walls().await.unwrap();
    assert!(report.is_sound() && report.attempts.len() > 40, "{report:?}");
}

async fn a_probe_that_was_taken_over_is_one_layers_problem() {
    let folder = tempfile::tempdir().unwrap();
    for (name, kind, message) in [
        ("looping", ProblemKind::LimitExceeded, "reading it takes more than 1 seconds of CPU time"),
        ("hoarding", ProblemKind::LimitExceeded, "reading it takes more than 256 MiB of memory"),
        ("talking", ProblemKind::LimitExceeded, "what was found takes more than 100000 bytes"),
        ("aborting", ProblemKind::Crashed, "the probe died of signal 6"),
    ] {
        let program = folder.path().join(format!("taken-over-and-{name}"));
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
        let sandbox = Sandbox::new(limits(), false, 1).with_program(program);
        let chunk = Ok(bytes::Bytes::from_static(b"whatever"));
        let input = Input::Stream(Box::pin(futures_util::stream::iter([chunk])));
        let inventory = sandbox.read_layer(input).await.unwrap();
        assert_eq!(inventory.problems, vec![Problem::new(kind, message)]);
    }
}

fn limits() -> Limits {
    Limits { memory_bytes: 256 << 20, cpu_seconds: 1, output_bytes: 100_000, ..Limits::default() }
}

fn layer() -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    let content = b"ID=alpine\nVERSION_ID=3.18.4\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "etc/os-release", content.as_slice()).unwrap();
    archive.into_inner().unwrap()
}
