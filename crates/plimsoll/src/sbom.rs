//! `plimsoll sbom`: all packages of one image, in a form that others read.

use anyhow::{Context, Result};
use plimsoll_scan::{ClientOptions, CredentialFiles, SourceOptions, Target};
use plimsoll_types::sbom::Format;

use crate::cli::{self, SbomFormat};
use crate::config::Settings;
use crate::progress::Spinner;
use crate::scan;
use crate::table::printable;

/// Reads the target and writes the document. What could not be read is said, and written where the form has a place for it.
pub(crate) async fn run(sbom: &cli::Sbom, settings: &Settings) -> Result<()> {
    let target: Target = sbom.target.parse()?;
    let platform = sbom.platform.as_deref().map(plimsoll_scan::parse_platform).transpose()?;
    let options = SourceOptions {
        platform,
        client: ClientOptions { insecure: sbom.plain_http, ..ClientOptions::default() },
        credentials: CredentialFiles::from_environment(|name| std::env::var_os(name)),
    };
    let sandbox = scan::sandbox(settings);
    let spinner = Spinner::start(&format!("{}: looking", printable(&sbom.target)));
    let now = plimsoll_scan::system_clock()();
    let report =
        plimsoll_scan::scan_target(&target, &options, &sandbox, None, now, &scan::show(&spinner)).await;
    spinner.finish();
    let report = report.with_context(|| format!("cannot read {}", printable(&sbom.target)))?;
    let format = match sbom.format {
        SbomFormat::Cyclonedx => Format::CycloneDx,
        SbomFormat::Spdx => Format::Spdx,
        SbomFormat::Json => Format::Native,
    };
    for problem in &report.inventory.problems {
        eprintln!("plimsoll: not read: {}", printable(&problem.to_string()));
    }
    scan::write(&serde_json::to_string_pretty(&report.to_sbom(format, now))?, sbom.output.as_deref())
}
