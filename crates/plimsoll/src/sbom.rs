//! `plimsoll sbom`: all packages of one image, in a form that others read.

use anyhow::Result;
use plimsoll_types::sbom::Format;

use crate::cli::{self, SbomFormat};
use crate::config::Settings;
use crate::scan::{self, Wanted};
use crate::table::printable;

/// Reads the target and writes the document. What could not be read is said, and written where the form has a place for it.
pub(crate) async fn run(sbom: &cli::Sbom, settings: &Settings) -> Result<()> {
    let report = Wanted::new(&sbom.target, &sbom.opening)?.read("read", None, settings).await?;
    let format = match sbom.format {
        SbomFormat::Cyclonedx => Format::CycloneDx,
        SbomFormat::Spdx => Format::Spdx,
        SbomFormat::Json => Format::Native,
    };
    for problem in &report.inventory.problems {
        eprintln!("plimsoll: not read: {}", printable(&problem.to_string()));
    }
    let now = plimsoll_scan::system_clock()();
    scan::write(&serde_json::to_string_pretty(&report.to_sbom(format, now))?, sbom.output.as_deref())
}
