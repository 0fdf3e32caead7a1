//! CPU time of building, opening and asking an advisory database, for `docs/performance.md`.
//!
//! `cargo run --release -p plimsoll-advisory --example match_speed -- ../shared/feeds/osv`
//!
//! A number behind the folder takes every advisory that many times, under other names and on other packages: with 10, half a
//! million advisories whose texts and ranges are as those of real ones.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use plimsoll_advisory::{Builder, Database, Error, feed, matching, osv};
use plimsoll_types::{Ecosystem, InstalledPackage, Package, PackageType, Timestamp};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let usage = "usage: match_speed BUCKET_FOLDER [COPIES]";
    let bucket = PathBuf::from(std::env::args().nth(1).ok_or(usage)?);
    let copies: u32 = std::env::args().nth(2).map_or(Ok(1), |number| number.parse()).map_err(|_| usage)?;
    let path = std::env::temp_dir().join(format!("match_speed.{}.db", std::process::id()));
    let measured = measure(&bucket, copies, &path);
    let _ = fs::remove_file(&path);
    measured
}

fn measure(bucket: &Path, copies: u32, path: &Path) -> Result<(), Failure> {
    let mut questions = Vec::new();
    let (seconds, stats) = timed(|| build(bucket, copies, path, &mut questions))?;
    println!(
        "build: {} advisories, {} packages, {} intervals, {} bytes: {seconds:.2} s",
        stats.advisories, stats.packages, stats.intervals, stats.bytes
    );
    println!("peak memory so far: {} MiB", peak_mebibytes());

    let (seconds, database) = timed(|| Ok(Database::open(path)?))?;
    println!("open: {:.2} ms", seconds * 1e3);
    let (seconds, _) =
        timed(|| Ok(Builder::from_base(&database, Timestamp(0)).write(&path.with_extension("again"))?))?;
    let _ = fs::remove_file(path.with_extension("again"));
    println!("rebuild from the base, nothing changed: {seconds:.2} s");

    // Each package once, at the newest version that an advisory calls fixed: what an up-to-date image has.
    questions.sort();
    questions.reverse();
    questions.dedup_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1));
    let questions = shuffled(questions);
    const LOOKUPS: usize = 1_000_000;
    let ask = |(ecosystem, name, version): &Question| {
        matching::affecting(&database, ecosystem, name, version).len()
    };
    let (seconds, found) = timed(|| Ok(questions.iter().cycle().take(LOOKUPS).map(ask).sum::<usize>()))?;
    println!(
        "{LOOKUPS} look-ups of {} known packages, {found} advisories: {:.0} ns each",
        questions.len(),
        nanoseconds(seconds, LOOKUPS)
    );
    let unknown: Vec<Question> =
        questions.iter().map(|(e, name, v)| (e.clone(), format!("{name}-x"), v.clone())).collect();
    let (seconds, found) = timed(|| Ok(unknown.iter().cycle().take(LOOKUPS).map(ask).sum::<usize>()))?;
    println!(
        "{LOOKUPS} look-ups of unknown packages, {found} advisories: {:.0} ns each",
        nanoseconds(seconds, LOOKUPS)
    );

    // A large image: a third of its packages has a history of advisories, one in thirty is old.
    let mut packages: Vec<InstalledPackage> = Vec::new();
    for (at, (known, unknown)) in questions.iter().zip(&unknown).take(3_000).enumerate() {
        let mut package = installed(if at % 3 == 0 { known } else { unknown });
        if at % 30 == 0 {
            package.package.version = "0.1".to_owned();
        }
        packages.push(package);
    }
    // Processor time is counted in steps of milliseconds, so one image is asked about many times.
    const ROUNDS: usize = 100;
    let ask = |package: &InstalledPackage| {
        let ecosystem = package.ecosystem.as_ref()?;
        let (name, version) = package.package.advised_as();
        Some(matching::affecting(&database, ecosystem, name, version).len())
    };
    let (seconds, found) =
        timed(|| Ok((0..ROUNDS).map(|_| packages.iter().filter_map(ask).sum::<usize>()).sum::<usize>()))?;
    println!(
        "image of {} packages, which advisories affect them, {}: {:.2} ms",
        packages.len(),
        found / ROUNDS,
        milliseconds(seconds, ROUNDS)
    );
    let find = |package: &InstalledPackage| matching::find(&database, package).len();
    let (seconds, found) =
        timed(|| Ok((0..ROUNDS).map(|_| packages.iter().map(find).sum::<usize>()).sum::<usize>()))?;
    println!(
        "the same with texts, severities and merging, {} matches: {:.2} ms",
        found / ROUNDS,
        milliseconds(seconds, ROUNDS)
    );
    Ok(())
}

type Question = (Ecosystem, String, String);

fn build(
    bucket: &Path,
    copies: u32,
    path: &Path,
    questions: &mut Vec<Question>,
) -> Result<plimsoll_advisory::database::Stats, Failure> {
    let mut builder = Builder::new(Timestamp(0));
    for ecosystem in feed::read_ecosystems(BufReader::new(File::open(bucket.join("ecosystems.txt"))?))? {
        let file = BufReader::new(File::open(bucket.join(&ecosystem).join("all.zip"))?);
        let mut failed: Option<Error> = None;
        feed::read_archive(file, |record| {
            // The newest version that a record names is what an up-to-date image has.
            let named = record.affected.first().and_then(|affected| {
                let package = affected.package.as_ref()?;
                let mut fix = affected
                    .ranges
                    .iter()
                    .flat_map(|range| &range.events)
                    .filter_map(|event| event.fixed.clone());
                Some((package.ecosystem.parse().ok()?, package.name.clone(), fix.next_back()?))
            });
            questions.extend(named);
            for copy in 0..copies {
                if let Err(error) = builder.add(&ecosystem, &copied(&record, copy)) {
                    failed = Some(error);
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    Ok(builder.write(path)?)
}

/// A record under another name and on another package; the first copy is the record itself.
fn copied(record: &osv::Record, copy: u32) -> osv::Record {
    let mut record = record.clone();
    if copy > 0 {
        record.id = format!("{}-C{copy}", record.id);
        for name in record.aliases.iter_mut().chain(&mut record.upstream) {
            *name = format!("{name}{copy}");
        }
        for package in record.affected.iter_mut().filter_map(|affected| affected.package.as_mut()) {
            package.name = format!("{}-c{copy}", package.name);
        }
    }
    record
}

/// Far apart from each other, in the same way each time.
fn shuffled(questions: Vec<Question>) -> Vec<Question> {
    let mut keyed: Vec<_> =
        questions.into_iter().zip(1u64..).map(|(q, n)| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15), q)).collect();
    keyed.sort();
    keyed.into_iter().map(|(_, question)| question).collect()
}

fn installed((ecosystem, name, version): &Question) -> InstalledPackage {
    InstalledPackage::new(Package::new(PackageType::Generic, name, version), Some(ecosystem.clone()))
}

fn nanoseconds(seconds: f64, count: usize) -> f64 {
    seconds * 1e9 / count as f64
}

fn milliseconds(seconds: f64, count: usize) -> f64 {
    seconds * 1e3 / count as f64
}

/// What something took of this process's CPU time.
fn timed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(f64, T), Failure> {
    let before = cpu_seconds()?;
    let value = work()?;
    Ok((cpu_seconds()? - before, value))
}

/// CPU time of this process so far, from the scheduler's own count in nanoseconds.
fn cpu_seconds() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}
