//! One target for libFuzzer: the one that this binary has its name of.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static TARGET: std::sync::OnceLock<&plimsoll_fuzz::Target> = std::sync::OnceLock::new();
    TARGET.get_or_init(|| plimsoll_fuzz::Target::named(env!("CARGO_BIN_NAME")).expect("a target")).run(data);
});
