//! `plimsoll scan`: one image, one answer.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use plimsoll_scan::report::{Finding, Report};
use plimsoll_scan::{
    Advisories, ClientOptions, CredentialFiles, Sandbox, ScanEvent, ScanProgress, SourceOptions, Target,
    UpdateOptions, Vex,
};
use plimsoll_types::probe::Limits;
use plimsoll_types::sbom;
use plimsoll_types::{Health, Severity};

use crate::cli::{self, Format};
use crate::config::Settings;
use crate::progress::Spinner;
use crate::table::{self, printable};
use crate::{FOUND, INCOMPLETE, db};

/// Scans, answers, and exits with [`FOUND`] or [`INCOMPLETE`] where that was asked for.
pub(crate) async fn run(scan: &cli::Scan, settings: &Settings) -> Result<ExitCode> {
    let wanted = Wanted::new(&scan.target, &scan.opening)?.judged_by(&scan.judging);
    let advisories = match scan.format {
        // An inventory needs none.
        Format::Cyclonedx => vex(&scan.judging).map(|_| None)?,
        Format::Table | Format::Json => judge(&scan.judging, settings).await?,
    };
    let report = wanted.read("scan", advisories.as_ref(), settings).await?;
    answer(scan, &report)?;
    let fails = |threshold: Severity| report.worst().is_some_and(|worst| worst >= threshold);
    Ok(if scan.fail_on.is_some_and(fails) {
        ExitCode::from(FOUND)
    } else if scan.require_complete && !report.coverage.conclusion.complete {
        ExitCode::from(INCOMPLETE)
    } else {
        ExitCode::SUCCESS
    })
}

/// A target that was typed, understood.
pub(crate) struct Wanted<'a> {
    typed: &'a str,
    target: Target,
    options: SourceOptions,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(typed: &'a str, opening: &cli::Opening) -> Result<Self> {
        let target = typed.parse()?;
        let platform = opening.platform.as_deref().map(plimsoll_scan::parse_platform).transpose()?;
        let client = ClientOptions { insecure: opening.plain_http, ..ClientOptions::default() };
        let credentials = CredentialFiles::from_environment(|name| std::env::var_os(name));
        let options = SourceOptions { platform, client, credentials, ..SourceOptions::default() };
        Ok(Self { typed, target, options })
    }

    /// Heeds what is attached to the image where that is wanted.
    pub(crate) fn judged_by(mut self, judging: &cli::Judging) -> Self {
        self.options.attached_vex = judging.attached_vex;
        self
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn options(&self) -> &SourceOptions {
        &self.options
    }

    /// Reads the target, with progress on a terminal, and judges it where there are advisories. `verb` is what an error
    /// says that could not be done.
    pub(crate) async fn read(
        &self,
        verb: &str,
        advisories: Option<&Advisories>,
        settings: &Settings,
    ) -> Result<Report> {
        let (typed, sandbox) = (printable(self.typed), sandbox(settings));
        let spinner = Spinner::start(&format!("{typed}: looking"));
        let (now, progress) = (plimsoll_scan::system_clock()(), show(&spinner));
        let report =
            plimsoll_scan::scan_target(&self.target, &self.options, &sandbox, advisories, now, &progress)
                .await;
        spinner.finish();
        report.with_context(|| format!("cannot {verb} {typed}"))
    }
}

/// The advisory database with the VEX documents that were named.
pub(crate) async fn judge(judging: &cli::Judging, settings: &Settings) -> Result<Option<Advisories>> {
    let vex = vex(judging)?;
    Ok(advisories(judging, settings).await?.map(|advisories| advisories.with_vex(vex)))
}

/// The VEX documents that were named.
fn vex(judging: &cli::Judging) -> Result<Vex> {
    let mut vex = Vex::default();
    for path in &judging.vex {
        let mut bytes = Vec::new();
        let limit = Vex::MAX_DOCUMENT_BYTES as u64 + 1;
        std::fs::File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {}", path.display()))?;
        vex.add(&path.display().to_string(), &bytes)?;
    }
    Ok(vex)
}

/// The probes, as the settings want them.
pub(crate) fn sandbox(settings: &Settings) -> Sandbox {
    Sandbox::new(Limits::default(), settings.allow_missing_walls, settings.workers)
        .with_embedded_sboms(!settings.ignore_embedded_sboms)
}

/// The advisory database; where there is none yet, it is fetched once.
async fn advisories(judging: &cli::Judging, settings: &Settings) -> Result<Option<Advisories>> {
    let folder = db::folder(settings);
    if let Some(advisories) = Advisories::open(&folder)? {
        return Ok(Some(advisories));
    }
    if !judging.offline {
        eprintln!("plimsoll: there is no advisory database yet; fetching one from {}", settings.feed);
        let options = UpdateOptions { ecosystems: settings.ecosystems.clone(), ..UpdateOptions::default() };
        db::update(settings, &options).await.context(
            "without advisories nothing can be judged (--offline lists the packages all the same)",
        )?;
    }
    Ok(Advisories::open(&folder)?)
}

fn show(spinner: &Spinner) -> ScanProgress {
    let spinner = spinner.clone();
    let progress = Mutex::new((0_usize, 0_usize));
    Arc::new(move |event| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ScanEvent::Opened { layers, bytes } => {
                progress.1 = layers;
                spinner.say(format!("reading {layers} layers, {:.1} MB", bytes as f64 / 1e6));
            }
            ScanEvent::Note(note) => spinner.note(&printable(&note)),
            ScanEvent::LayerRead { .. } => {
                progress.0 += 1;
                spinner.say(format!("read {} of {} layers", progress.0, progress.1));
            }
            ScanEvent::Matching { packages } => spinner.say(format!("matching {packages} packages")),
        }
    })
}

fn answer(scan: &cli::Scan, report: &Report) -> Result<()> {
    let text = match scan.format {
        Format::Table => as_table(report),
        Format::Json => serde_json::to_string_pretty(report)?,
        Format::Cyclonedx => {
            let now = plimsoll_scan::system_clock()();
            serde_json::to_string_pretty(&report.to_sbom(sbom::Format::CycloneDx, now))?
        }
    };
    write(&text, scan.output.as_deref())
}

/// Writes an answer to a file, or to who called.
pub(crate) fn write(text: &str, output: Option<&Path>) -> Result<()> {
    match output {
        Some(file) => std::fs::write(file, format!("{text}\n"))
            .with_context(|| format!("cannot write {}", file.display())),
        None => {
            let mut stdout = std::io::stdout().lock();
            match stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")) {
                // `plimsoll scan … | head`: whoever reads has seen enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                done => done.context("cannot write the answer"),
            }
        }
    }
}

fn as_table(report: &Report) -> String {
    let mut text = String::new();
    let image = &report.image;
    let name = image.reference.as_deref().unwrap_or(&image.target);
    let _ = writeln!(text, "{}", printable(name));
    for (label, value) in [
        ("digest", image.digest.as_ref().map(ToString::to_string)),
        ("platform", image.platform.clone()),
        ("distribution", image.distro.as_ref().map(|distro| distro.pretty_name.clone())),
        ("packages", Some(report.summary.packages.to_string())),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {label:<14}{}", printable(&value));
        }
    }
    if !report.findings.is_empty() {
        let mut rows =
            table::table(&["Severity", "Vulnerability", "Package", "Installed", "Fixed in", "What"]);
        for finding in &report.findings {
            rows.add_row([
                table::severity(finding.severity),
                table::cell(&finding.vulnerability),
                table::cell(&package(finding)),
                table::cell(&finding.package.version),
                table::cell(finding.fixed_version.as_deref().unwrap_or("-")),
                table::cell(&title(finding)),
            ]);
        }
        let _ = writeln!(text, "\n{rows}");
    }
    if !report.suppressed.is_empty() {
        let _ = writeln!(
            text,
            "\n{} more are no findings by the word of the publisher or of a VEX document; --format json tells why.",
            report.suppressed.len()
        );
    }
    for document in &report.attached_vex {
        let outcome = match &document.problem {
            Some(problem) => format!("was not heeded: {problem}"),
            None => format!("{} statements, heeded", document.statements),
        };
        let kind = if document.media_type.is_empty() { "manifest" } else { &document.media_type };
        let _ =
            write!(text, "\nattached {}: {}, {}", document.manifest, printable(kind), printable(&outcome));
    }
    let _ = write!(text, "\n{}", conclusion(report));
    if let Some((distro, day)) =
        report.coverage.distro.as_ref().and_then(|distro| Some((&distro.name, distro.ended.as_ref()?)))
    {
        let _ = write!(
            text,
            "\n{} was looked after until {day}; flaws found since may be missing.",
            printable(distro)
        );
    }
    for problem in &report.coverage.problems {
        let _ = write!(text, "\n  not read: {}", printable(&problem.to_string()));
    }
    let hidden = report.coverage.problem_count.saturating_sub(report.coverage.problems.len() as u64);
    if hidden > 0 {
        let _ = write!(text, "\n  and {hidden} more");
    }
    text
}

/// The package, with its source where advisories speak of that.
fn package(finding: &Finding) -> String {
    let package = &finding.package;
    if package.source == package.name {
        package.name.clone()
    } else {
        format!("{} ({})", package.name, package.source)
    }
}

fn title(finding: &Finding) -> String {
    let text = if finding.title.is_empty() { &finding.description } else { &finding.title };
    let line = text.lines().next().unwrap_or_default();
    let mut cut: String = line.chars().take(80).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let by_severity: Vec<_> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| (severity, summary.by_severity.of(*severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {}", severity.as_str().to_lowercase()))
        .collect();
    let reason = report.coverage.conclusion.reason.as_deref().map(printable);
    match summary.state {
        Health::Healthy => "Healthy: looked, understood, found nothing.".to_owned(),
        Health::NotApplicable => format!("No findings, but not healthy: {}.", reason.unwrap_or_default()),
        Health::Unhealthy => {
            let by_severity = by_severity.join(", ");
            let mut text = match (summary.findings, summary.fixable) {
                (1, 1) => format!("1 finding ({by_severity}), with a fix."),
                (1, _) => format!("1 finding ({by_severity}), without a fix."),
                (findings, fixable) => {
                    format!("{findings} findings ({by_severity}), {fixable} of them with a fix.")
                }
            };
            if let Some(reason) = reason {
                let _ = write!(text, "\nNot everything could be judged: {reason}.");
            }
            text
        }
    }
}
