//! One target for libFuzzer: the one that this binary has its name of.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static RUN: std::sync::OnceLock<fn(&[u8])> = std::sync::OnceLock::new();
    let run = RUN.get_or_init(|| plimsoll_fuzz::target(env!("CARGO_BIN_NAME")).expect("a target").run);
    run(data);
});
