//! What `plimsoll scan` tells: the shape of its JSON, described for users in `docs/scan-json.md`.
//!
//! The same target, advisories and instant give the same bytes. How a person sees it is the binary's business.

use std::cmp::Reverse;
use std::collections::HashSet;

use plimsoll_types::inventory::Distro;
use plimsoll_types::sbom::{self, Format, Subject};
use plimsoll_types::{
    BaseImage, Coverage, Cvss, Digest, Ecosystem, Evidence, Health, ImageInventory, InstalledPackage, Match,
    Severity, Status, Timestamp,
};
use serde::Serialize;

/// A scan of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this shape. It goes up when something is taken away or changes its meaning.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// What was scanned.
    pub image: Image,
    /// The findings in numbers.
    pub summary: Summary,
    /// What was read and compared, and what could not be.
    pub coverage: Coverage,
    /// VEX documents that are attached to the image, where they were asked for.
    #[serde(rename = "attachedVex", skip_serializing_if = "Vec::is_empty")]
    pub attached_vex: Vec<AttachedVex>,
    /// The findings, worst first, then by package.
    pub findings: Vec<Finding>,
    /// What an advisory calls affected and somebody whose word counts more does not, with the reason; in the same order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Finding>,
    /// All packages. They are written as an SBOM, not in this JSON.
    #[serde(skip)]
    pub inventory: ImageInventory,
}

/// What was scanned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Image {
    /// The target as it was understood: `oci-dir:./image:latest`.
    pub target: String,
    /// The name of the image, where the target knows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Digest of the manifest, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What it was built upon, as its manifest's annotations say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseImage>,
    /// `linux/amd64`, where the configuration says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The distribution, where one was recognised.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "distro")]
    pub distro: Option<Distro>,
    /// The layers, lowest first.
    pub layers: Vec<ImageLayer>,
    /// When it was built, where the configuration says so.
    #[serde(skip)]
    pub created: Option<Timestamp>,
}

/// A VEX document that is attached to an image in its registry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedVex {
    /// Digest of the manifest that holds it.
    pub manifest: Digest,
    /// Its own digest; missing where the manifest could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
    /// Its media type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// How many statements of it are heeded.
    pub statements: u64,
    /// Why it is not heeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Image {
    /// The command that made a layer; empty where nothing says it.
    pub(crate) fn command(&self, layer: Option<&Digest>) -> &str {
        let made = self.layers.iter().find(|made| Some(&made.digest) == layer);
        made.map(|made| made.command.as_str()).unwrap_or_default()
    }
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageLayer {
    /// Its digest in the manifest, or its diff id where there is no manifest.
    pub digest: Digest,
    /// Digest of what it unpacks to, computed from its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
    /// Its packed size in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether all of it was read.
    pub read: bool,
    /// The command that made it, as the image's history has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
}

/// The findings in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The state of the image.
    pub state: Health,
    /// Findings: each is a vulnerability of an installed package.
    pub findings: u64,
    /// Findings by severity.
    pub by_severity: BySeverity,
    /// Findings for which there is a fixed version.
    pub fixable: u64,
    /// Different vulnerabilities.
    pub vulnerabilities: u64,
    /// Packages found.
    pub packages: u64,
    /// Packages among them with at least one finding.
    pub vulnerable_packages: u64,
}

/// A number for each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[allow(missing_docs)]
pub struct BySeverity {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub negligible: u64,
    pub unknown: u64,
}

impl BySeverity {
    /// The number of one severity.
    pub fn of(&self, severity: Severity) -> u64 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Negligible => self.negligible,
            Severity::Unknown => self.unknown,
        }
    }

    fn add(&mut self, severity: Severity) {
        let number = match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Negligible => &mut self.negligible,
            Severity::Unknown => &mut self.unknown,
        };
        *number += 1;
    }
}

/// A vulnerability of an installed package.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The CVE where the advisories name exactly one, else the advisory's own id.
    pub vulnerability: String,
    /// How bad it is.
    pub severity: Severity,
    /// What the advisories say of this version.
    pub status: Status,
    /// The lowest version above the installed one in which it is fixed, where there is one.
    pub fixed_version: Option<String>,
    /// The package.
    pub package: FindingPackage,
    /// One line.
    pub title: String,
    /// The ids of the advisories that say so, sorted.
    pub advisories: Vec<String>,
    /// All other names of the vulnerability, sorted.
    pub aliases: Vec<String>,
    /// The CVSS assessments, best source first.
    pub cvss: Vec<Cvss>,
    /// Whether the version, or the advisory's, is none of its ecosystem, so that the comparison is a guess.
    pub weak: bool,
    /// What else is known of the verdict.
    #[serde(skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
    /// When the first of the advisories was published.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant")]
    pub published: Option<Timestamp>,
    /// When the last of the advisories was changed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instant")]
    pub modified: Option<Timestamp>,
    /// The longer text, where the publisher gave one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Links.
    pub references: Vec<String>,
}

/// The package of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source package, by which distributions advise; the package's own name where there is no other.
    pub source: String,
    /// The version of the source package.
    pub source_version: String,
    /// The ecosystem, with its release.
    pub ecosystem: Option<Ecosystem>,
    /// Its package URL.
    pub purl: String,
    /// The layer that brought it.
    pub layer: Option<Digest>,
    /// The file that names it.
    pub path: String,
}

impl Report {
    pub(crate) fn new(
        image: Image,
        inventory: ImageInventory,
        matches: Vec<(InstalledPackage, Match)>,
        coverage: Coverage,
        attached_vex: Vec<AttachedVex>,
    ) -> Self {
        let (findings, suppressed): (Vec<_>, Vec<_>) =
            matches.into_iter().partition(|(_, found)| found.is_finding());
        let sorted = |matches: Vec<(InstalledPackage, Match)>| {
            let mut findings: Vec<Finding> =
                matches.into_iter().map(|(package, found)| finding(package, found)).collect();
            findings.sort_by(|a, b| {
                let key = |finding: &Finding| Reverse(finding.severity);
                (key(a), &a.package, &a.vulnerability).cmp(&(key(b), &b.package, &b.vulnerability))
            });
            findings
        };
        let (findings, suppressed) = (sorted(findings), sorted(suppressed));
        let summary = summarise(&findings, &inventory, &coverage);
        Self { schema_version: 1, image, summary, coverage, attached_vex, findings, suppressed, inventory }
    }

    /// The worst severity among the findings; `None` without findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// The inventory as a document in one of the forms that others read. `created` is when that happens.
    pub fn to_sbom(&self, format: Format, created: Timestamp) -> serde_json::Value {
        let subject = Subject {
            name: self.image.reference.as_deref().unwrap_or(&self.image.target),
            digest: self.image.digest.as_ref(),
            platform: self.image.platform.as_deref(),
            is_image: !self.image.layers.is_empty(),
        };
        sbom::write(format, &subject, &self.inventory, created)
    }
}

impl From<InstalledPackage> for FindingPackage {
    fn from(installed: InstalledPackage) -> Self {
        Self {
            source: installed.package.source_name().to_owned(),
            source_version: installed.package.source_version().to_owned(),
            name: installed.package.name,
            version: installed.package.version,
            ecosystem: installed.ecosystem,
            purl: installed.purl,
            layer: installed.layer,
            path: installed.path,
        }
    }
}

fn finding(installed: InstalledPackage, found: Match) -> Finding {
    Finding {
        package: installed.into(),
        vulnerability: found.vulnerability,
        severity: found.severity,
        status: found.status,
        fixed_version: found.fixed_version,
        title: found.summary,
        advisories: found.advisories,
        aliases: found.aliases,
        cvss: found.cvss,
        weak: found.weak,
        evidence: found.evidence,
        published: found.published,
        modified: found.modified,
        description: found.description,
        references: found.references,
    }
}

fn summarise(findings: &[Finding], inventory: &ImageInventory, coverage: &Coverage) -> Summary {
    let mut by_severity = BySeverity::default();
    for finding in findings {
        by_severity.add(finding.severity);
    }
    let vulnerabilities: HashSet<&str> =
        findings.iter().map(|finding| finding.vulnerability.as_str()).collect();
    let packages: HashSet<(&str, &str)> = findings
        .iter()
        .map(|finding| (finding.package.purl.as_str(), finding.package.path.as_str()))
        .collect();
    Summary {
        state: coverage.health(!findings.is_empty()),
        findings: findings.len() as u64,
        by_severity,
        fixable: findings.iter().filter(|finding| finding.fixed_version.is_some()).count() as u64,
        vulnerabilities: vulnerabilities.len() as u64,
        packages: inventory.packages.len() as u64,
        vulnerable_packages: packages.len() as u64,
    }
}

fn distro<S: serde::Serializer>(distro: &Option<Distro>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shape<'a> {
        id: &'a str,
        version: &'a str,
        name: &'a str,
    }
    let shape = distro.as_ref().map(|distro| Shape {
        id: &distro.id,
        version: &distro.version_id,
        name: &distro.pretty_name,
    });
    shape.serialize(serializer)
}

fn instant<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests;
