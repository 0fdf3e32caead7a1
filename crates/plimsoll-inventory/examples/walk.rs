//! The floor for reading layers: decompresses the layers named on the command line, walks their entries, and does nothing
//! else. In front of the names, `libraries` does it by flate2 (zlib-rs) and tar instead of our own readers, and `read` reads
//! the layers as the probe does, to compare.

use std::fs::File;
use std::io::{self, BufReader};
use std::process::ExitCode;

use plimsoll_types::probe::Limits;

fn main() -> ExitCode {
    let mut names: Vec<_> = std::env::args_os().skip(1).collect();
    let mode = names.first().and_then(|first| first.to_str().map(str::to_owned)).unwrap_or_default();
    if ["read", "libraries"].contains(&mode.as_str()) {
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
        if mode == "libraries" {
            match count(file) {
                Ok(entries) => println!("{}: {entries} entries", name.display()),
                Err(error) => {
                    eprintln!("{}: {error}", name.display());
                    return ExitCode::FAILURE;
                }
            }
            continue;
        }
        if mode == "read" {
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

/// The entries of a layer in gzip, by the libraries.
fn count(file: File) -> io::Result<usize> {
    let bytes = flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(128 * 1024, file));
    let mut archive = tar::Archive::new(bytes);
    let mut entries = 0;
    for entry in archive.entries()? {
        entry?;
        entries += 1;
    }
    Ok(entries)
}
