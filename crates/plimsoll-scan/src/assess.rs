//! What was looked at, and whether that is enough to call an image clean: pure.
//!
//! `Healthy` is a promise: looked, understood, found nothing. So everything that was not read, or not compared, takes it
//! away and says why; nothing is "not affected" by our not having looked.

use std::collections::BTreeMap;

use plimsoll_advisory::matching;
use plimsoll_types::coverage::{
    AdvisoryCoverage, Conclusion, Coverage, DistroCoverage, EcosystemCoverage, Health, LayerCoverage,
};
use plimsoll_types::{
    Digest, Ecosystem, ImageInventory, LayerInventory, Platform, Problem, ProblemKind, Timestamp,
};

use crate::advisories::Advisories;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// All that the conclusion is drawn from.
pub(crate) struct Looked<'a> {
    /// What the image holds, its problems included.
    pub(crate) inventory: &'a ImageInventory,
    /// Its layers, lowest first.
    pub(crate) layers: Vec<LayerCoverage>,
    /// Its platform, where the configuration names one.
    pub(crate) platform: Option<&'a Platform>,
    /// The database that its packages are matched with.
    pub(crate) advisories: Option<&'a Advisories>,
    /// The instant of the verdict.
    pub(crate) now: Timestamp,
}

/// The state of an image: unhealthy with findings, healthy without any if all was read and compared, else not applicable.
pub fn verdict_state(coverage: &Coverage, has_findings: bool) -> Health {
    coverage.health(has_findings)
}

/// What was looked at, and the conclusion of it.
pub(crate) fn coverage(looked: Looked<'_>) -> Coverage {
    let Looked { inventory, layers, platform, advisories, now } = looked;
    let mut by_ecosystem: BTreeMap<&Ecosystem, u64> = BTreeMap::new();
    let (mut without_ecosystem, mut without_version, mut partly, mut of_the_distribution) = (0, 0, 0, 0);
    for installed in &inventory.packages {
        of_the_distribution += u64::from(installed.package.package_type.is_os());
        match &installed.ecosystem {
            Some(ecosystem) => *by_ecosystem.entry(ecosystem).or_default() += 1,
            None => without_ecosystem += 1,
        }
        if installed.package.advised_as().1.trim().is_empty() {
            without_version += 1;
        } else if advisories.is_some_and(|advisories| {
            matching::coverage(advisories.database(), installed) == matching::Coverage::ListedVersions
        }) {
            partly += 1;
        }
    }
    let known = |ecosystem: &Ecosystem| advisories.is_some_and(|advisories| advisories.knows(ecosystem));
    let mut coverage = Coverage {
        conclusion: Conclusion { complete: false, reason: None },
        distro: inventory.distro.as_ref().map(|distro| DistroCoverage {
            id: distro.id.clone(),
            version: distro.version_id.clone(),
            name: if distro.pretty_name.is_empty() { distro.purl_name() } else { distro.pretty_name.clone() },
            ecosystem: distro.ecosystem(),
            ended: distro.ended_before(now).map(|day| day.to_string()),
        }),
        ecosystems: by_ecosystem
            .into_iter()
            .map(|(ecosystem, packages)| EcosystemCoverage {
                ecosystem: ecosystem.clone(),
                packages,
                advisories_known: known(ecosystem),
            })
            .collect(),
        advisories: advisories.map(|advisories| AdvisoryCoverage {
            generation: advisories.generation(),
            updated_at: advisories.updated_at(),
            age_days: advisories
                .updated_at()
                .map(|at| u64::try_from(now.0.saturating_sub(at.0) / MILLIS_PER_DAY).unwrap_or(0)),
        }),
        layers,
        packages: inventory.packages.len() as u64,
        packages_without_ecosystem: without_ecosystem,
        packages_without_version: without_version,
        packages_partly_compared: partly,
        unpacked_bytes: inventory.unpacked_bytes,
        problems: inventory.problems.iter().take(Coverage::MAX_PROBLEMS).cloned().collect(),
        problem_count: inventory.problems.len() as u64,
    };
    let reason = windows(platform).or_else(|| incomplete(&coverage, of_the_distribution));
    coverage.conclusion = Conclusion { complete: reason.is_none(), reason };
    coverage
}

/// Why an image for Windows cannot be judged; `None` for any other.
pub(crate) fn windows(platform: Option<&Platform>) -> Option<String> {
    let platform = platform.filter(|platform| platform.os.eq_ignore_ascii_case("windows"))?;
    Some(match &platform.os_version {
        Some(build) => format!("this is an image for Windows (build {build}), which Plimsoll does not read"),
        None => "this is an image for Windows, which Plimsoll does not read".to_owned(),
    })
}

/// Why there is nothing in an image that could be judged; `None` where there is something, or it could not be read.
pub(crate) fn unsupported(platform: Option<&Platform>, inventory: &ImageInventory) -> Option<String> {
    let is_empty =
        inventory.distro.is_none() && inventory.packages.is_empty() && inventory.problems.is_empty();
    windows(platform).or_else(|| is_empty.then(|| NOTHING.to_owned()))
}

/// What is said of an image in which nothing was recognised.
const NOTHING: &str = "no operating system and no packages were recognised";

/// The first reason, in the order of what a person would mend first.
fn incomplete(coverage: &Coverage, of_the_distribution: u64) -> Option<String> {
    if coverage.advisories.is_none() {
        return Some("there is no advisory data yet".to_owned());
    }
    if let Some(first) = coverage.problems.first() {
        let nothing = !coverage.layers.is_empty() && coverage.layers.iter().all(|layer| !layer.read);
        let what = if nothing { "it could not be read" } else { "part of it could not be read" };
        let more = match coverage.problem_count {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        return Some(format!("{what}: {first}{more}"));
    }
    if let Some(distro) = &coverage.distro {
        if distro.ecosystem.is_none() {
            return Some(format!("no advisories are known for {}", distro.name));
        }
        if of_the_distribution == 0 {
            return Some(format!("{} was recognised, but no list of its packages", distro.name));
        }
    } else if coverage.packages == 0 {
        return Some(NOTHING.to_owned());
    }
    let unknown: Vec<String> = coverage
        .ecosystems
        .iter()
        .filter(|ecosystem| !ecosystem.advisories_known)
        .map(|ecosystem| ecosystem.ecosystem.to_string())
        .collect();
    if !unknown.is_empty() {
        return Some(format!("no advisories are known for {}", unknown.join(", ")));
    }
    let packages = |count: u64| if count == 1 { "1 package".to_owned() } else { format!("{count} packages") };
    match (
        coverage.packages_without_ecosystem,
        coverage.packages_without_version,
        coverage.packages_partly_compared,
    ) {
        (0, 0, 0) => None,
        (0, 0, partly) => {
            Some(format!("the version of {} could not be compared with every advisory", packages(partly)))
        }
        (0, without, _) => Some(format!("{} without a version could not be compared", packages(without))),
        (without, _, _) => {
            Some(format!("{} of no known publisher of advisories could not be compared", packages(without)))
        }
    }
}

/// Whether a problem cut the layer short, so that its diff id means nothing. A problem of one file does not.
pub(crate) fn is_cut_short(layer: &LayerInventory) -> bool {
    layer.problems.iter().filter(|problem| problem.path.is_none()).any(|problem| {
        matches!(
            problem.kind,
            ProblemKind::LimitExceeded
                | ProblemKind::Damaged
                | ProblemKind::Unsupported
                | ProblemKind::Missing
                | ProblemKind::Crashed
        )
    })
}

/// Compares what the layers unpack to with what the configuration says they unpack to. A configuration that lies lets
/// two programs see two images under one digest.
pub(crate) fn check_diff_ids(layers: &[Option<&LayerInventory>], diff_ids: &[Digest]) -> Vec<Problem> {
    if layers.len() != diff_ids.len() {
        let message =
            format!("the manifest has {} layers, the configuration {}", layers.len(), diff_ids.len());
        return vec![Problem::new(ProblemKind::Mismatch, message)];
    }
    let pairs = layers.iter().zip(diff_ids).enumerate();
    pairs
        .filter_map(|(number, (layer, expected))| {
            let layer = layer.filter(|layer| !is_cut_short(layer))?;
            if layer.diff_id == *expected {
                return None;
            }
            let number = number + 1;
            Some(if layer.diff_id.algorithm() == expected.algorithm() {
                let message =
                    format!("layer {number} unpacks to {}, the configuration says {expected}", layer.diff_id);
                Problem::new(ProblemKind::Mismatch, message)
            } else {
                let message = format!(
                    "layer {number} is named by a {} in the configuration",
                    expected.algorithm().as_str()
                );
                Problem::new(ProblemKind::Unsupported, message)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
