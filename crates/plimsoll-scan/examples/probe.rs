//! The probe and nothing else, for this crate's tests: in the product it is the binary itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    // `probe`, then the order.
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    plimsoll_probe::main(&arguments)
}
