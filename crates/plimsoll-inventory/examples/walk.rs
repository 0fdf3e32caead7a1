//! The floor for reading layers: decompresses the layers named on the command line, walks their entries, and does nothing
//! else. `read` in front of the names reads them as the probe does, to compare.

use std::fs::File;
use std::process::ExitCode;

use plimsoll_types::probe::Limits;

fn main() -> ExitCode {
    let mut names: Vec<_> = std::env::args_os().skip(1).collect();
    let reads = names.first().is_some_and(|first| first == "read");
    if reads {
        names.remove(0);
    }
    let limits = Limits::default();
    for name in &names {
        let file = match File::open(name) {
            Ok(file) => file,
            Err(error) => {
                eprintln!("{}: {error}", name.display());
                return ExitCode::FAILURE;
            }
        };
        if reads {
            let layer = plimsoll_inventory::read_layer(file, &limits);
            println!(
                "{}: {} bytes, {} entries, {} files that say something, {} problems, {}",
                name.display(),
                layer.unpacked_bytes,
                layer.entries,
                layer.files.len(),
                layer.problems.len(),
                layer.diff_id
            );
            continue;
        }
        match plimsoll_inventory::walk(file, &limits) {
            Ok(walked) => {
                println!("{}: {} bytes, {} entries", name.display(), walked.unpacked_bytes, walked.entries);
            }
            Err(problem) => {
                eprintln!("{}: {problem}", name.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
