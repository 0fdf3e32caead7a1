//! The story of one verdict: which packages, where from, which advisories, what was compared with what, and who decided.

use plimsoll_advisory::matching::{self, Account, Judgement};
use plimsoll_advisory::osv::Authority;
use serde::Serialize;

use crate::advisories::Advisories;
use crate::report::{Finding, FindingPackage, Report};

/// The story of one vulnerability in one image. Its JSON is described in `docs/scan-json.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Version of this shape.
    pub schema_version: u32,
    /// The target as it was understood.
    pub target: String,
    /// The vulnerability that was asked about.
    pub vulnerability: String,
    /// Whether what could be read of the image is all of it.
    pub complete: bool,
    /// Each package of which some advisory speaks under this name.
    pub packages: Vec<Story>,
}

/// What is said of one package.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// The package, with the file that names it and the layer that brought it.
    pub package: FindingPackage,
    /// The command that made the layer, as the image's history has it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The verdict: the finding, or what was set aside; `None` where no advisory calls this version affected.
    pub verdict: Option<Finding>,
    /// Whether it is a finding.
    pub affected: bool,
    /// Every advisory that speaks of it, best source first.
    pub advisories: Vec<Told>,
}

/// What one advisory says, and what came of comparing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Its id.
    pub id: String,
    /// The feeds that brought it.
    pub feeds: Vec<String>,
    /// Whose word it is: `publisher`, `ecosystem`, `github` or `cve`.
    pub authority: &'static str,
    /// Other names of the vulnerability.
    pub names: Vec<String>,
    /// The name under which the package was looked up.
    pub looked_up: String,
    /// The version that was compared.
    pub version: String,
    /// The order of versions.
    pub order: &'static str,
    /// What it says of the versions of this package.
    pub ranges: Vec<String>,
    /// What came of comparing: a status, `out-of-range`, `withdrawn` or `cannot-tell`.
    pub judgement: String,
    /// Whether a version was compared that is none of its ecosystem.
    pub weak: bool,
    /// The publisher's reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Tells the story of a vulnerability, by any of its names, in an image that was scanned with these advisories.
pub fn explain(report: &Report, advisories: &Advisories, vulnerability: &str) -> Explanation {
    let name = if vulnerability.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("cve-")) {
        vulnerability.to_ascii_uppercase()
    } else {
        vulnerability.to_owned()
    };
    let is_named = |finding: &&Finding| {
        finding.vulnerability == name || finding.aliases.contains(&name) || finding.advisories.contains(&name)
    };
    let verdicts: Vec<&Finding> = report.findings.iter().chain(&report.suppressed).filter(is_named).collect();
    let packages = report.inventory.packages.iter().filter_map(|installed| {
        let accounts = matching::explain(advisories.database(), installed, &name);
        let package = FindingPackage::from(installed.clone());
        let verdict = verdicts.iter().find(|finding| finding.package == package);
        if accounts.is_empty() && verdict.is_none() {
            return None;
        }
        let affected = report.findings.iter().any(|finding| Some(&finding) == verdict);
        Some(Story {
            affected,
            verdict: verdict.map(|finding| (*finding).clone()),
            command: report.image.command(package.layer.as_ref()).to_owned(),
            package,
            advisories: accounts.into_iter().map(told).collect(),
        })
    });
    Explanation {
        schema_version: 1,
        target: report.image.target.clone(),
        complete: report.coverage.conclusion.complete,
        packages: packages.collect(),
        vulnerability: name,
    }
}

fn told(account: Account) -> Told {
    let advisory = account.advisory;
    Told {
        id: advisory.id,
        feeds: advisory.feeds,
        authority: match account.authority {
            Authority::Publisher => "publisher",
            Authority::Ecosystem => "ecosystem",
            Authority::GitHub => "github",
            Authority::Cve => "cve",
        },
        names: advisory.aliases.into_iter().chain(advisory.upstream).collect(),
        looked_up: account.name,
        version: account.version,
        order: account.order,
        ranges: account.ranges,
        judgement: match account.judgement {
            Judgement::Says(status) => status.as_str().to_owned(),
            Judgement::OutOfRange => "out-of-range".to_owned(),
            Judgement::Withdrawn(_) => "withdrawn".to_owned(),
            Judgement::CannotTell => "cannot-tell".to_owned(),
        },
        weak: account.weak,
        note: account.note,
    }
}
