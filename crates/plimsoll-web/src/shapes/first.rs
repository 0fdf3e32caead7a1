//! `ContainerRegistryVulnerability`: the first generation's view of a finding.
//!
//! Azure's SDKs know its fields by name. `registryHost` is not among them, but Microsoft's own in-cluster client filters
//! on it.

use std::collections::BTreeMap;

use plimsoll_store::ImageSummary;
use plimsoll_types::{InstalledPackage, Match, Scope, Status};
use serde::Serialize;

use super::{Link, wording};

/// What stands beside the discriminator.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdditionalData<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// CVSS version to base score.
    cvss: BTreeMap<&'static str, Score>,
    patchable: bool,
    cve: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_time: Option<String>,
    vendor_references: Vec<Link>,
    registry_host: &'a str,
    repository_name: &'a str,
    image_digest: &'a str,
}

#[derive(Debug, Serialize)]
struct Score {
    base: f64,
}

impl<'a> AdditionalData<'a> {
    pub(super) fn new(
        scope: &'a Scope,
        image: &'a ImageSummary,
        finding: Option<(&'a InstalledPackage, &'a Match)>,
    ) -> Self {
        let found = finding.map(|(_, found)| found);
        Self {
            kind: found.map_or("Information Gathered", kind),
            cvss: found.map(scores).unwrap_or_default(),
            patchable: found.is_some_and(|found| found.fixed_version.is_some()),
            cve: found.map(wording::cve_links).unwrap_or_default(),
            published_time: found.and_then(|found| found.published).map(|instant| instant.to_string()),
            vendor_references: found.map(wording::references).unwrap_or_default(),
            registry_host: &scope.registry_host,
            repository_name: image.repository.as_str(),
            image_digest: image.digest.as_str(),
        }
    }
}

/// A vulnerability is potential where nobody can tell, or where the versions could not be compared as versions.
fn kind(found: &Match) -> &'static str {
    match found.status {
        _ if found.weak => "Potential Vulnerability",
        Status::UnderInvestigation | Status::Unknown => "Potential Vulnerability",
        Status::Affected
        | Status::WillNotFix
        | Status::FixDeferred
        | Status::EndOfLife
        | Status::Fixed
        | Status::NotAffected => "Vulnerability",
    }
}

/// The versions are keys that clients look up, so that 3.1 stands under `3.0`, as it does in Azure.
fn scores(found: &Match) -> BTreeMap<&'static str, Score> {
    ["2.0", "3.0", "4.0"]
        .into_iter()
        .filter_map(|version| Some((version, Score { base: wording::cvss(found, version)?.score })))
        .collect()
}
