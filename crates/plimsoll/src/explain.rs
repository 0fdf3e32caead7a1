//! `plimsoll explain`: the whole story of one verdict.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use plimsoll_scan::report::Finding;
use plimsoll_scan::{Explanation, Story, Told};

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::scan::{self, Wanted};
use crate::table::printable;

pub(crate) async fn run(explain: &cli::Explain, settings: &Settings) -> Result<ExitCode> {
    let wanted = Wanted::new(&explain.target, &explain.opening)?.judged_by(&explain.judging);
    let advisories = scan::judge(&explain.judging, settings).await?;
    let report = wanted.read("scan", advisories.as_ref(), settings).await?;
    let Some(advisories) = advisories else {
        bail!("there is no advisory database to explain anything with")
    };
    let story = plimsoll_scan::explain(&report, &advisories, &explain.vulnerability);
    match explain.format {
        PlainFormat::Json => println!("{}", serde_json::to_string_pretty(&story)?),
        PlainFormat::Table => print!("{}", as_text(&story)),
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(story: &Explanation) -> String {
    let mut text = format!("{} in {}\n", printable(&story.vulnerability), printable(&story.target));
    if story.packages.is_empty() {
        text.push_str("\nNo advisory speaks of it in a package of this image.\n");
    }
    for package in &story.packages {
        tell_package(&mut text, package);
    }
    if !story.complete {
        text.push_str("\nNot everything could be judged; `plimsoll scan` says why.\n");
    }
    text
}

fn tell_package(text: &mut String, story: &Story) {
    let package = &story.package;
    let _ = writeln!(text, "\n{} {}", printable(&package.name), printable(&package.version));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {label:<12}{}", printable(value));
        }
    };
    if package.source != package.name || package.source_version != package.version {
        fact("built from", &format!("{} {}", package.source, package.source_version));
    }
    fact("ecosystem", &package.ecosystem.as_ref().map(ToString::to_string).unwrap_or_default());
    fact("named by", &package.path);
    fact("layer", &package.layer.as_ref().map(ToString::to_string).unwrap_or_default());
    fact("made by", &story.command);
    fact("verdict", &verdict(story));
    for told in &story.advisories {
        tell_advisory(text, told);
    }
}

fn verdict(story: &Story) -> String {
    let Some(found) = &story.verdict else {
        return "no finding: no advisory calls this version affected".to_owned();
    };
    let Finding { status, fixed_version, evidence, .. } = found;
    if let Some(why) = &evidence.suppressed {
        return format!("no finding ({}): {}: {}", status.as_str(), why.source, why.reason);
    }
    let mut text = format!("{}, {}", status.as_str(), found.severity.as_str().to_lowercase());
    match (fixed_version, &evidence.subscription_fix) {
        (Some(version), _) => text.push_str(&format!(", fixed in {version}")),
        (None, Some(fix)) => text.push_str(&format!(", fixed in {} for {}", fix.version, fix.subscription)),
        (None, None) => text.push_str(", no fix known"),
    }
    if !evidence.disputed_by.is_empty() {
        text.push_str(&format!("; disputed by {}", evidence.disputed_by.join(", ")));
    }
    if let Some(third_party) = &evidence.third_party {
        text.push_str(&format!(
            "; a guess, since the package is not the distribution's: {}",
            third_party.told_by
        ));
    }
    text
}

fn tell_advisory(text: &mut String, told: &Told) {
    let _ = writeln!(text, "\n  {} ({})", printable(&told.id), printable(&told.feeds.join(", ")));
    let outcome = match told.judgement.as_str() {
        "out-of-range" => "is in none of its ranges".to_owned(),
        "withdrawn" => "is in its range, but the advisory was taken back".to_owned(),
        "cannot-tell" => "cannot be compared with all of its ranges".to_owned(),
        status => format!("is in its range: {status}"),
    };
    let guess = if told.weak { " (a guess: not every version could be read)" } else { "" };
    let _ = writeln!(
        text,
        "    {} {}, in the order of {}, {outcome}{guess}",
        printable(&told.looked_up),
        printable(&told.version),
        told.order
    );
    for range in &told.ranges {
        let _ = writeln!(text, "    {}", printable(range));
    }
    if !told.note.is_empty() {
        let _ = writeln!(text, "    reason: {}", printable(&told.note));
    }
}
