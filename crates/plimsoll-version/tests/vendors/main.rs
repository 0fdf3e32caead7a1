//! The exam of every scheme: at least ten thousand pairs each, judged by the vendor's own tool.
//!
//! Where there is no such tool, an order of two texts that was written apart from the keys stands in. A tool that is not
//! installed is named as skipped, and then nothing is proved here; the vectors beside each scheme run everywhere. Real versions are mixed in where the advisory feeds are at hand (`PLIMSOLL_SHARED`, or `../shared` beside the
//! workspace). The pairs come from a fixed seed: a failure can be repeated.

mod feeds;
mod generate;
mod languages;
mod reference;
mod tool;

use std::cmp::Ordering;
use std::io::Write;

use generate::{Generator, Pair};
use plimsoll_version::Scheme;
use tool::{Answer, Tool};

const PAIRS: usize = 10_000;

#[test]
fn dpkg_agrees() {
    let seeds = [
        "1.0",
        "1:2.30.2-1+deb11u2",
        "1.0~rc1-1~bpo10+1",
        "2.36-9+deb12u4",
        "0.0.0-0ubuntu0.1",
        "20240101-1",
        "1.2a.b+c-1.2",
    ];
    let pieces = [
        "~",
        "~~",
        "+",
        ".",
        "-",
        "0",
        "00",
        "1:",
        "0:",
        "a",
        "Z",
        "~rc1",
        "+deb11u1",
        "-0",
        ".0",
        "12345678901234567890123",
    ];
    let mut generator = Generator::new(&seeds, &feeds::versions("Debian"), &pieces);
    let pairs = generator.pairs(PAIRS, |text| !Scheme::Dpkg.key(text).is_weak() && small_epoch(text));
    check("dpkg", Scheme::Dpkg, tool::dpkg(), &pairs);

    let odd = ["_", "!", " ", "é", "/", ":", "-", "A", "~", "9", "a:", "=", ""];
    let pairs =
        Generator::new(&seeds, &[], &odd).pairs(1_000, |text| !text.starts_with('-') && small_epoch(text));
    check("dpkg, odd characters", Scheme::Dpkg, tool::dpkg(), &pairs);
    check_weak("dpkg", Scheme::Dpkg, tool::dpkg_validate(), &pairs);
}

/// dpkg has a largest epoch, we have not.
fn small_epoch(text: &str) -> bool {
    text.split_once(':').is_none_or(|(epoch, _)| epoch.len() < 9)
}

#[test]
fn apk_agrees() {
    let seeds = [
        "1.2.3-r0",
        "1.0_rc1-r1",
        "1.2.3a_p1-r2",
        "20240101",
        "1.0.0_alpha2_pre3",
        "0.9_git20200101",
        "3.05.010",
        "1.0b2",
        "1_hg",
    ];
    let pieces = [
        ".", ".0", "0", "00", "01", "_alpha", "_beta1", "_pre", "_rc2", "_cvs", "_svn3", "_git1", "_hg",
        "_p", "_p1", "_", "_foo", "a", "b", "Z", "-r", "-r1", "-r02", "-", "+", "..", "9", "10", "010",
    ];
    // Longer numbers and commit hashes are where the scheme goes beyond apk-tools 2.14.
    let comparable = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && !text.contains(['~', ':', ' '])
            && text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() < 17)
    };
    let real = [feeds::versions("Alpine"), feeds::versions("Wolfi")].concat();
    let pairs = Generator::new(&seeds, &real, &pieces).pairs(PAIRS, comparable);
    let root = tool::apk_root();
    check("apk", Scheme::Apk, root.as_ref().map_err(Clone::clone).and_then(tool::apk), &pairs);
    check_weak(
        "apk",
        Scheme::Apk,
        root.as_ref().map_err(Clone::clone).and_then(tool::apk_validate),
        &pairs[..1_000],
    );
}

#[test]
fn semver_agrees() {
    let seeds = [
        "1.0.0",
        "1.2.3-rc.1",
        "0.0.1-alpha.beta.11",
        "1.0.0-0",
        "v1.0.0+build.5",
        "2.0.0-x-y.0a+1",
        "10.20.30--1",
    ];
    let pieces = [
        ".",
        "-",
        "0",
        "1",
        "10",
        "a",
        "B",
        "-a",
        "-0",
        ".0",
        ".1",
        "+b",
        "-rc.1",
        "999999999999999",
        "alpha",
        "--",
    ];
    let real = feeds::versions("crates.io");
    // JavaScript's numbers are exact up to here.
    let exact = |text: &str| text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= 15);
    let pairs = Generator::new(&seeds, &real, &pieces)
        .pairs(4 * PAIRS, |text| exact(text) && well_formed_semver(text));
    check("semver", Scheme::Semver, tool::node_semver(), &pairs);
}

#[test]
fn go_agrees() {
    let seeds = [
        "v1.0.0",
        "v0.0.0-20230101000000-abcdefabcdef",
        "v1.2.4-0.20230101000000-abcdefabcdef",
        "v2.0.0+incompatible",
        "v1.2.3-pre.1",
        "v1.2.3-pre.0.20230101000000-abcdefabcdef",
        "v1.0",
        "v2",
    ];
    let pieces = [
        ".",
        "-",
        "0",
        "1",
        "10",
        "a",
        "B",
        "-a",
        "-0",
        ".0",
        ".1",
        "+incompatible",
        "-rc.1",
        "99999999999999999999",
        "-0.2023",
    ];
    let real = feeds::versions("Go");
    let pairs = Generator::new(&seeds, &real, &pieces).pairs(4 * PAIRS, well_formed_semver);
    check("Go modules", Scheme::Go, tool::go_semver(), &pairs);

    let seeds = [
        "go1.20",
        "go1.20.12",
        "go1.21.0",
        "go1.22rc1",
        "go1.18beta2",
        "go1.9.2rc2",
        "go1.21.5-bigcorp",
        "go1.22rc2-x.1",
    ];
    let pieces =
        ["1", "0", "2", ".1", ".0", "rc1", "rc10", "beta1", "-bigcorp", "9", "21", "99999999999999999999"];
    // Since 1.21 Go tells the language version go1.21 from the toolchain go1.21.0; for us both are the release.
    let toolchain = |text: &str| {
        !Scheme::Go.key(text).is_weak() && text.starts_with("go1.") && text.matches('.').count() <= 3
    };
    let pairs = Generator::new(&seeds, &[], &pieces).pairs(6 * PAIRS, toolchain);
    check("Go toolchains", Scheme::Go, tool::go_toolchain(), &pairs);
}

/// The tools refuse leading zeros; most of the pairs shall not be wasted on them.
fn well_formed_semver(text: &str) -> bool {
    let leading_zero = |part: &str| {
        part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let text = text.split('+').next().unwrap_or_default().trim_start_matches('v');
    !text.split(['.', '-']).any(leading_zero) && !Scheme::Semver.key(text).is_weak()
}

#[test]
fn packaging_agrees() {
    let seeds = [
        "1.0",
        "1!1.0",
        "1.0a1",
        "1.0.post1.dev2",
        "1.0rc1+local.1",
        "1.0-1",
        "v1.0.dev0",
        "2020.1.1",
        "1.0b2.post345.dev456",
        "1.0+abc.5",
        "1.0_alpha_1",
        "1.0-preview.2",
    ];
    let pieces = [
        ".",
        "-",
        "_",
        "0",
        "00",
        "1",
        "10",
        ".0",
        "a1",
        "b",
        "rc1",
        "c2",
        "pre",
        "preview1",
        "alpha",
        "beta",
        ".post1",
        "post",
        "rev2",
        "-r",
        "-1",
        ".dev1",
        "dev",
        "1!",
        "0!",
        "+a",
        "+1",
        "+a.1",
        "v",
        "RC",
        "123456789012345678901234567890",
        " ",
    ];
    let real = feeds::versions("PyPI");
    let mut generator = Generator::new(&seeds, &real, &pieces);
    let pairs = generator.pairs(PAIRS, |text| !Scheme::Pep440.key(text).is_weak());
    check("PEP 440", Scheme::Pep440, tool::packaging(), &pairs);
    let pairs = generator.pairs(PAIRS, |_| true);
    check_weak("PEP 440", Scheme::Pep440, tool::packaging(), &of_one(&pairs));
    check("PEP 440, legacy", Scheme::Pep440, tool::packaging_legacy(), &pairs);
}

#[test]
fn rpm_agrees() {
    let seeds = [
        "1.0-1",
        "1:1.2.3-4.el8_1",
        "4.18.0-147.0.3.el8_1",
        "1.0~rc1-1",
        "1.0^git1-1",
        "2020a-1.fc33",
        "1.0",
    ];
    let pieces = [
        ".",
        "~",
        "^",
        "~rc1",
        "^1",
        "0",
        "00",
        "10",
        "a",
        "Z",
        "_",
        "+",
        "-",
        "-1",
        "1:",
        ".el8",
        "..",
        "%",
        "é",
        "12345678901234567890123",
    ];
    let real = feeds::versions("AlmaLinux");
    let pairs = Generator::new(&seeds, &real, &pieces).pairs(PAIRS, |text| !Scheme::Rpm.key(text).is_weak());
    check("rpm", Scheme::Rpm, tool::rpm(), &pairs);
}

#[test]
fn rubygems_agree() {
    let seeds = ["1.0", "1.0.0.rc1", "1.2.3-4", "2.0.a.0.b", "0", "3.0.0.beta.2", "1.0.0.1"];
    let pieces = [
        ".",
        ".0",
        ".00",
        ".a",
        ".b1",
        "-",
        "-1",
        "-a",
        ".rc2",
        "0",
        "1",
        "10",
        ".0.0.1",
        ".A",
        "a1",
        ".12345678901234567890123",
    ];
    let real = feeds::versions("RubyGems");
    let mut generator = Generator::new(&seeds, &real, &pieces);
    let pairs = generator.pairs(PAIRS, |text| !Scheme::Gem.key(text).is_weak());
    check("RubyGems", Scheme::Gem, tool::rubygems(), &pairs);
    check_weak("RubyGems", Scheme::Gem, tool::rubygems(), &of_one(&generator.pairs(PAIRS, |_| true)));
}

/// Every ecosystem of the feeds, judged by its own tool as far as the time of a process for each pair allows.
#[test]
fn real_ranges_hold_what_the_vendors_say() {
    let apk_root = tool::apk_root();
    let apk = || apk_root.as_ref().map_err(Clone::clone).and_then(tool::apk);
    let alpine = [".1", "_rc1", "_p1", "a", ".0-r0"];
    feeds::check_ranges("Alpine", Scheme::Apk, apk(), &alpine, 3_000);
    feeds::check_ranges("Wolfi", Scheme::Apk, apk(), &alpine, 3_000);
    let debian = ["~", "~bpo10+1", "+b1", ".1", "a"];
    feeds::check_ranges("Debian", Scheme::Dpkg, tool::dpkg(), &debian, 3_000);
    feeds::check_ranges("AlmaLinux", Scheme::Rpm, tool::rpm(), &["~1", "^1", ".1", ".alma.1", "_2"], 40_000);
    let python = ["rc1", ".dev0", ".post1", "+cu118", ".0", ".1"];
    feeds::check_ranges("PyPI", Scheme::Pep440, tool::packaging(), &python, 40_000);
    feeds::check_ranges("RubyGems", Scheme::Gem, tool::rubygems(), &[".a", ".0", ".1", ".rc1", "-1"], 40_000);
    let go = ["-0", "-rc.1", "-0.20230101000000-abcdefabcdef", "+incompatible"];
    feeds::check_ranges("Go", Scheme::Go, tool::go_semver(), &go, 40_000);
    feeds::check_ranges(
        "crates.io",
        Scheme::Semver,
        tool::node_semver(),
        &["-0", "-alpha.1", "+build"],
        40_000,
    );
    feeds::check_ranges(
        "Packagist",
        Scheme::Composer,
        tool::composer(),
        &["-beta1", "-p1", ".0", "-dev", "RC2"],
        40_000,
    );
    let bitnami =
        Tool::Each(Box::new(|a, b| reference::bitnami(a, b).map_or(Answer::Refused, Answer::Order)));
    feeds::check_ranges("Bitnami", Scheme::Bitnami, Ok(bitnami), &["-0", "-1", "-10", "+x"], 80_000);
}

/// Each pair has the order that the tool gives it, where it gives one.
fn check(name: &str, scheme: Scheme, tool: Result<Tool, String>, pairs: &[Pair]) {
    let answers = match tool.and_then(|tool| tool.judge(pairs)) {
        Ok(answers) => answers,
        Err(reason) => return skip(name, &reason),
    };
    compare(name, scheme, &answers, pairs, PAIRS);
}

/// The same, judged by an order that is part of this exam.
fn check_by(name: &str, scheme: Scheme, reference: reference::Compare, pairs: &[Pair]) {
    let judge = |a: &str, b: &str| reference(a, b).map_or(Answer::Refused, Answer::Order);
    let answers: Vec<_> = pairs.iter().map(|(a, b)| judge(a, b)).collect();
    compare(&format!("{name}, by its rules"), scheme, &answers, pairs, PAIRS);

    // What the rules say of three versions must not contradict itself, or no key could agree with them.
    for window in pairs.windows(2) {
        let [a, b, c] = [&window[0].0, &window[0].1, &window[1].0];
        if let (Some(ab), Some(bc), Some(ac)) = (reference(a, b), reference(b, c), reference(a, c))
            && ab == bc
        {
            assert_eq!(ac, ab, "{name}: {a:?}, {b:?}, {c:?}");
        }
    }
}

fn compare(name: &str, scheme: Scheme, answers: &[Answer], pairs: &[Pair], least: usize) {
    let mut wrong = Vec::new();
    let mut seen = [0; 3];
    for ((a, b), answer) in pairs.iter().zip(answers) {
        let ours = scheme.compare(a, b);
        let Answer::Order(theirs) = *answer else { continue };
        seen[(theirs as i8 + 1) as usize] += 1;
        if ours != theirs {
            wrong.push(format!("{a:?} and {b:?}: {theirs:?} is right, not {ours:?}"));
        }
    }
    let judged: usize = seen.iter().sum();
    assert!(
        wrong.is_empty(),
        "{name}: {} of {judged} pairs differ, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(judged >= least || pairs.len() < least, "{name}: only {judged} pairs were judged");
    assert!(seen.iter().all(|&count| count > judged / 100), "{name}: one-sided pairs: {seen:?}");
    say(&format!("{name}: {} pairs agree", thousands(judged)));
}

/// Each first text with itself: whether the tool takes it for a version at all.
fn of_one(pairs: &[Pair]) -> Vec<Pair> {
    pairs.iter().map(|(text, _)| (text.clone(), text.clone())).collect()
}

/// A text is weak exactly where the tool refuses it. The first of each pair is asked.
fn check_weak(name: &str, scheme: Scheme, tool: Result<Tool, String>, pairs: &[Pair]) {
    let answers = match tool.and_then(|tool| tool.judge(pairs)) {
        Ok(answers) => answers,
        Err(reason) => return skip(&format!("{name}, valid or not"), &reason),
    };
    let refused = answers.iter().filter(|&&answer| answer == Answer::Refused).count();
    assert!(
        (1..pairs.len()).contains(&refused),
        "{name}: one-sided texts: {refused} of {} refused",
        pairs.len()
    );
    for ((text, _), answer) in pairs.iter().zip(answers) {
        assert_eq!(scheme.key(text).is_weak(), answer == Answer::Refused, "{name}: {text:?}");
    }
    say(&format!("{name}, valid or not: {} texts agree", thousands(pairs.len())));
}

/// Tools that `./test` does not install: they are large, or need the network or the shared data.
const OPTIONAL: [&str; 9] =
    ["apk", "Alpine", "Wolfi", "Go toolchains", "Bitnami", "CRAN", "Haskell", "Hex", "Java runtime"];

fn skip(name: &str, reason: &str) {
    let is_optional = OPTIONAL.iter().any(|optional| name.starts_with(optional));
    let required = std::env::var("PLIMSOLL_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(is_optional || !required, "{name}: {reason}");
    say(&format!("{name}: skipped: {reason}"));
}

/// A plain line that is seen although the test passes: what is written to the stream itself is not captured.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

fn thousands(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// The sign by which the tools answer.
fn order(sign: &str) -> Answer {
    match sign {
        "<" => Answer::Order(Ordering::Less),
        "=" => Answer::Order(Ordering::Equal),
        ">" => Answer::Order(Ordering::Greater),
        _ => Answer::Refused,
    }
}
