//! `plimsoll sbom`: all packages of one image, in a form that others read.

use anyhow::{Context, Result, bail};
use plimsoll_scan::{Report, SourceOptions, Target};
use plimsoll_types::ImageReference;
use plimsoll_types::sbom::Format;

use crate::cli::{self, SbomFormat};
use crate::config::Settings;
use crate::scan::{self, Wanted};
use crate::table::printable;

/// Reads the target and writes the document, or attaches it. What could not be read is said, and written where the form has
/// a place for it.
pub(crate) async fn run(sbom: &cli::Sbom, settings: &Settings) -> Result<()> {
    let wanted = Wanted::new(&sbom.target, &sbom.opening)?;
    // Before the work, not behind it.
    let attach_to = match wanted.target() {
        Target::Registry(image) if sbom.attach => Some(image),
        target if sbom.attach => bail!("--attach needs an image in a registry, and {target} is none"),
        _ => None,
    };
    let report = wanted.read("read", None, settings).await?;
    let format = match sbom.format {
        SbomFormat::Cyclonedx => Format::CycloneDx,
        SbomFormat::Spdx => Format::Spdx,
        SbomFormat::Json => Format::Native,
    };
    for problem in &report.inventory.problems {
        eprintln!("plimsoll: not read: {}", printable(&problem.to_string()));
    }
    if let Some(image) = attach_to {
        return attach(image, &report, format, wanted.options()).await;
    }
    let now = plimsoll_scan::system_clock()();
    scan::write(&serde_json::to_string_pretty(&report.to_sbom(format, now))?, sbom.output.as_deref())
}

async fn attach(
    image: &ImageReference,
    report: &Report,
    format: Format,
    options: &SourceOptions,
) -> Result<()> {
    let attached = plimsoll_scan::attach_sbom(image, report, format, options).await;
    let attached = attached.with_context(|| format!("cannot attach the SBOM to {image}"))?;
    let already = if attached.was_there { ", as it was already" } else { "" };
    println!(
        "{} is attached to {}/{}@{}{already}",
        attached.manifest, image.host, image.repository, attached.subject
    );
    Ok(())
}
