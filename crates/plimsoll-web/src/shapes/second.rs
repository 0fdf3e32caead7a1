//! `AzureContainerRegistryVulnerability`: the second generation's view of a finding.
//!
//! One part of Azure's shape is left out on purpose: `cpe`, which advisories of packages do not have. And
//! `exploitabilityAssessment` is there only where a feed of exploits knows the vulnerability: elsewhere its flags would claim
//! that there is no exploit where nobody has looked.

use std::collections::BTreeMap;

use plimsoll_store::{FindingRow, ImageSummary};
use plimsoll_types::exploit::Exploitation;
use plimsoll_types::{Generation, InstalledPackage, Match, PackageType, Scope};
use serde::Serialize;

use super::{Link, wording};

/// What stands beside the discriminator. An image without findings has only the part about the artifact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdditionalData<'a> {
    #[serde(rename = "cvssV30Score", skip_serializing_if = "Option::is_none")]
    cvss_v30_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vulnerability_details: Option<VulnerabilityDetails<'a>>,
    artifact_details: ArtifactDetails<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_details: Option<SoftwareDetails<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VulnerabilityDetails<'a> {
    cve_id: &'a str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_date: Option<String>,
    /// CVSS version to assessment. Azure's rows always have both versions, one of them often null.
    cvss: BTreeMap<&'static str, Option<Cvss<'a>>>,
    workarounds: [&'static str; 0],
    references: Vec<Link>,
    weaknesses: Weaknesses,
    #[serde(skip_serializing_if = "Option::is_none")]
    exploitability_assessment: Option<ExploitabilityAssessment>,
    /// Plimsoll's own: whether CISA knows of an exploitation.
    #[serde(skip_serializing_if = "Option::is_none")]
    exploited: Option<bool>,
    /// Plimsoll's own: CISA's entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_exploited: Option<&'a plimsoll_types::exploit::KnownExploited>,
    /// Plimsoll's own: FIRST's prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    epss: Option<Epss<'a>>,
}

/// CISA tells that it was exploited and whether extortionists do it; more is not claimed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExploitabilityAssessment {
    exploit_steps_published: bool,
    exploit_steps_verified: bool,
    is_in_exploit_kit: bool,
    exploit_uris: Vec<&'static str>,
    types: [&'static str; 1],
}

#[derive(Debug, Serialize)]
struct Epss<'a> {
    score: f64,
    percentile: f64,
    #[serde(skip_serializing_if = "str::is_empty")]
    date: &'a str,
}

/// Where CISA shows its catalogue.
const KEV_PAGE: &str = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog";

impl ExploitabilityAssessment {
    fn new(known: &Exploitation) -> Self {
        let entry = known.known.as_ref();
        Self {
            exploit_steps_published: entry.is_some(),
            exploit_steps_verified: entry.is_some(),
            is_in_exploit_kit: entry.is_some_and(|entry| entry.ransomware),
            exploit_uris: entry.map(|_| KEV_PAGE).into_iter().collect(),
            types: ["NotAvailable"],
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cvss<'a> {
    base: f64,
    cvss_vector_string: &'a str,
}

/// The kinds of flaw. The advisories that are read do not name them.
#[derive(Debug, Serialize)]
struct Weaknesses {
    cwe: [&'static str; 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactDetails<'a> {
    registry_host: &'a str,
    repository_name: &'a str,
    digest: &'a str,
    tags: &'a [String],
    media_type: &'a str,
    artifact_type: &'static str,
    #[serde(rename = "lastPushedToRegistryUTC")]
    last_pushed_to_registry_utc: String,
    /// Plimsoll's own: what it was built upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_image: Option<Base<'a>>,
}

/// Without its digest: a row is found by the digest of the image that it is about, and by no other.
#[derive(Debug, Serialize)]
struct Base<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// How many layers are its own; 0 where that is not known.
    layers: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SoftwareDetails<'a> {
    package_name: &'a str,
    vendor: String,
    version: &'a str,
    /// Empty where there is none.
    fixed_version: &'a str,
    category: &'static str,
    language: &'static str,
    fix_status: &'static str,
    evidence: [String; 1],
    /// Plimsoll's own: the layer that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Layer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_details: Option<OsDetails<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer<'a> {
    digest: &'a str,
    /// As the image's history has it.
    #[serde(skip_serializing_if = "str::is_empty")]
    command: &'a str,
    is_of_base_image: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OsDetails<'a> {
    os_platform: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    os_name: &'a str,
    os_version: String,
}

impl<'a> AdditionalData<'a> {
    pub(super) fn new(scope: &'a Scope, row: &'a FindingRow) -> Self {
        let (image, finding) = (&row.image, row.finding.as_ref());
        Self {
            cvss_v30_score: finding.and_then(|(_, found)| Some(wording::cvss(found, "3.0")?.score)),
            vulnerability_details: finding
                .map(|(_, found)| VulnerabilityDetails::new(found, row.exploitation.as_ref())),
            artifact_details: ArtifactDetails {
                registry_host: &scope.registry_host,
                repository_name: image.repository.as_str(),
                digest: image.digest.as_str(),
                tags: &image.tags,
                media_type: &image.media_type,
                artifact_type: "ContainerImage",
                last_pushed_to_registry_utc: image.pushed_at.to_string(),
                base_image: image.base.as_ref().map(|base| Base { name: &base.name, layers: base.layers }),
            },
            software_details: finding.map(|(package, found)| SoftwareDetails::new(image, package, found)),
        }
    }
}

impl<'a> VulnerabilityDetails<'a> {
    fn new(found: &'a Match, exploitation: Option<&'a Exploitation>) -> Self {
        let cvss = |version| {
            wording::cvss(found, version)
                .map(|cvss| Cvss { base: cvss.score, cvss_vector_string: &cvss.vector })
        };
        let mut all = BTreeMap::from([("2.0", cvss("2.0")), ("3.0", cvss("3.0"))]);
        if let Some(newest) = cvss("4.0") {
            all.insert("4.0", Some(newest));
        }
        Self {
            cve_id: &found.vulnerability,
            severity: Generation::Second.severity(found.severity),
            published_date: found.published.map(|instant| instant.to_string()),
            last_modified_date: found.modified.map(|instant| instant.to_string()),
            cvss: all,
            workarounds: [],
            references: wording::references(found),
            weaknesses: Weaknesses { cwe: [] },
            exploitability_assessment: exploitation.map(ExploitabilityAssessment::new),
            exploited: exploitation.map(|known| known.known.is_some()),
            known_exploited: exploitation.and_then(|known| known.known.as_ref()),
            epss: exploitation.and_then(|known| known.epss.as_ref()).map(|epss| Epss {
                score: epss.probability(),
                percentile: epss.rank(),
                date: &epss.day,
            }),
        }
    }
}

impl<'a> SoftwareDetails<'a> {
    fn new(image: &'a ImageSummary, package: &'a InstalledPackage, found: &'a Match) -> Self {
        let is_os = package.package.package_type.is_os();
        Self {
            package_name: &package.package.name,
            vendor: match &image.distro {
                Some(distro) if is_os => distro.id.clone(),
                _ => wording::category(package).to_ascii_lowercase(),
            },
            version: &package.package.version,
            fixed_version: found.fixed_version.as_deref().unwrap_or_default(),
            category: if is_os { "OS" } else { "Language" },
            language: language(package.package.package_type),
            fix_status: found.fix_status().as_str(),
            evidence: [wording::place(package)],
            layer: package.layer.as_ref().map(|digest| Layer {
                digest: digest.as_str(),
                command: image.command(digest),
                is_of_base_image: image.base_with(digest).is_some(),
            }),
            os_details: OsDetails::new(image),
        }
    }
}

fn language(package_type: PackageType) -> &'static str {
    match package_type {
        PackageType::Pypi => "python",
        PackageType::Npm => "javascript",
        PackageType::Golang => "go",
        PackageType::Cargo => "rust",
        PackageType::Gem => "ruby",
        PackageType::Composer => "php",
        PackageType::Nuget => "dotnet",
        PackageType::Maven => "java",
        PackageType::Hex | PackageType::Otp => "erlang",
        PackageType::Pub => "dart",
        PackageType::Swift => "swift",
        PackageType::Hackage => "haskell",
        PackageType::Cran | PackageType::Bioconductor => "r",
        PackageType::Luarocks => "lua",
        PackageType::Cpan => "perl",
        PackageType::Julia => "julia",
        PackageType::Conan => "c++",
        PackageType::Opam => "ocaml",
        _ => "",
    }
}

impl<'a> OsDetails<'a> {
    fn new(image: &'a ImageSummary) -> Option<Self> {
        let distro = image.distro.as_ref()?;
        Some(Self {
            // Only Linux images have an os-release; the configuration may be silent about it.
            os_platform: image.platform.as_ref().map_or("linux", |platform| &platform.os),
            os_name: &distro.pretty_name,
            os_version: distro.os_version(),
        })
    }
}
