//! Runs readers for a fixed time each, with any compiler: `short [--seconds N] [--seed N] [NAME...]`, where a name is that of a
//! reader or of a target, which stands for all of its readers. `short --write-seeds FOLDER` writes what each target begins
//! with into a folder of its name, for libFuzzer.
//!
//! Seconds are of the processor, where the system tells them: beside other work a reader gets as many inputs as without.
//! It changes seeds at random and knows nothing of the coverage, so that it finds less than libFuzzer does in the same time.
//! What it finds it finds again with the same `--seed`. A finding is written to `artifacts/NAME-HASH`.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use plimsoll_fuzz::{Reader, TARGETS};

/// No input is longer.
const LONGEST: usize = 64 * 1024;

/// One input takes no longer, or it is a finding too.
const SLOWEST: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let (mut seconds, mut seed, mut names) = (10, 1, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
        match argument.as_str() {
            "--seconds" => seconds = number().unwrap_or(seconds),
            "--seed" => seed = number().unwrap_or(seed),
            "--write-seeds" => {
                let folder = arguments.next().unwrap_or_else(|| "corpus".to_owned());
                return write_seeds(Path::new(&folder)).map_or_else(failure, |()| ExitCode::SUCCESS);
            }
            _ => names.push(argument),
        }
    }
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let chosen: Vec<&Reader> = TARGETS
        .iter()
        .flat_map(|target| {
            target.readers.iter().filter(|reader| is_chosen(target.name) || is_chosen(reader.name))
        })
        .collect();
    if chosen.is_empty() {
        let all: Vec<&str> =
            TARGETS.iter().flat_map(|target| target.readers.iter().map(|reader| reader.name)).collect();
        return failure(format!("no such reader; there are {}", all.join(", ")));
    }
    panic::set_hook(Box::new(|info| eprintln!("{info}")));
    let mut findings = 0;
    for reader in chosen {
        match search(reader, Duration::from_secs(seconds), seed) {
            Ok((runs, time)) => {
                println!("{}: {runs} inputs in {:.1} s, nothing found", reader.name, time.as_secs_f64());
            }
            Err(path) => {
                findings += 1;
                println!("{}: found something with --seed {seed}: {path}", reader.name);
            }
        }
    }
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failure(reason: impl Display) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}

fn write_seeds(folder: &Path) -> std::io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in target.seeds().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

/// The number of inputs that were tried and the time that they took, or where the one is that did harm.
fn search(reader: &Reader, time: Duration, seed: u64) -> Result<(u64, Duration), String> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let seeds = (reader.seeds)();
    let clock = Clock::start();
    let (mut runs, mut began) = (0, Duration::ZERO);
    while began < time {
        // The seeds themselves come first.
        let input = match seeds.get(runs as usize) {
            Some(seed) => seed.clone(),
            None => random.changed(&seeds),
        };
        let fine = panic::catch_unwind(AssertUnwindSafe(|| (reader.run)(&input))).is_ok();
        let ended = clock.elapsed();
        if !fine || ended.saturating_sub(began) > SLOWEST {
            let mut hasher = DefaultHasher::new();
            input.hash(&mut hasher);
            let path = format!("artifacts/{}-{:016x}", reader.name, hasher.finish());
            let written = std::fs::create_dir_all("artifacts").and_then(|()| std::fs::write(&path, &input));
            return Err(written.map_or_else(|error| error.to_string(), |()| path));
        }
        runs += 1;
        began = ended;
    }
    Ok((runs, began))
}

/// Time that this thread spent on a processor, or that passed where the system does not tell.
struct Clock {
    started: Instant,
    processor: Option<Duration>,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), processor: Self::processor() }
    }

    fn elapsed(&self) -> Duration {
        let processor = self.processor.zip(Self::processor());
        processor.map_or_else(|| self.started.elapsed(), |(start, now)| now.saturating_sub(start))
    }

    /// The first number of Linux' `schedstat`, in nanoseconds.
    fn processor() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// A generator that gives the same numbers for the same seed (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    /// One of the seeds with a few changes.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds.get(self.below(seeds.len())).cloned().unwrap_or_default();
        for _ in 0..1 + self.below(6) {
            let at = self.below(input.len());
            let length = 1 + self.below(32);
            match self.below(10) {
                0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                1 if !input.is_empty() => input[at] = self.next() as u8,
                // Numbers at the edges, in both byte orders.
                2 | 3 => {
                    let edges: [u64; 10] =
                        [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 62, u64::MAX];
                    let edge = edges[self.below(edges.len())];
                    let bytes = if self.below(2) == 0 { edge.to_le_bytes() } else { edge.to_be_bytes() };
                    let width = 1 << self.below(4);
                    let bytes = if self.below(2) == 0 { &bytes[..width] } else { &bytes[8 - width..] };
                    let end = (at + width).min(input.len());
                    input.splice(at..end, bytes.iter().copied());
                }
                4 => {
                    let end = (at + length).min(input.len());
                    input.drain(at..end);
                }
                5 => {
                    let end = (at + length).min(input.len());
                    let part = input[at..end].to_vec();
                    let times = 1 + self.below(40);
                    input.splice(at..at, part.repeat(times));
                }
                6 => input.truncate(at),
                7 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    let end = (from + 1 + self.below(256)).min(other.len());
                    input.splice(at..at, other[from..end].iter().copied());
                }
                8 => {
                    let digits = self.next().to_string();
                    input.splice(at..at, digits.bytes());
                }
                _ => {
                    let signs = b"\0\n\r\t \"'\\/:.-_~+^%&{}[]()<>|=";
                    let sign = signs[self.below(signs.len())];
                    let times = 1 + self.below(3);
                    input.splice(at..at, std::iter::repeat_n(sign, times));
                }
            }
        }
        input.truncate(LONGEST);
        input
    }
}
