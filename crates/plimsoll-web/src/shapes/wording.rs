//! What findings say to a person, in both generations alike. Nothing is said that no advisory and no inventory says.

use plimsoll_store::ImageSummary;
use plimsoll_types::{Cvss, InstalledPackage, Match, Status};

use super::Link;

/// The advisory's own line, or the vulnerability's id with the package where the publisher wrote none.
pub(super) fn title(package: &InstalledPackage, found: &Match) -> String {
    found.title(&package.package.name)
}

/// The title of the row of an image without findings.
pub(super) fn title_of_image(image: &ImageSummary) -> String {
    format!("Scan of {}@{}", image.repository, image.digest)
}

/// The publisher's text, the longest there is.
pub(super) fn description(package: &InstalledPackage, found: &Match) -> String {
    match found.description.trim() {
        "" => title(package, found),
        description => description.to_owned(),
    }
}

/// What is the case, in one sentence without a full stop.
pub(super) fn statement(package: &InstalledPackage, found: &Match) -> String {
    let installed = installed(package);
    let mut text = match found.status {
        Status::Affected => format!("{installed} is affected"),
        Status::WillNotFix => format!("{installed} is affected, and its publisher will not fix it"),
        Status::FixDeferred => {
            format!("{installed} is affected, and its publisher has put off the fix")
        }
        Status::EndOfLife => {
            format!("{installed} is affected, and its publisher looks after it no more")
        }
        Status::UnderInvestigation => {
            format!("The publisher is still looking whether {installed} is affected")
        }
        Status::Unknown => format!("Nobody can tell whether {installed} is affected"),
        Status::Fixed => format!("{installed} has the fix"),
        Status::NotAffected => format!("{installed} is not affected"),
    };
    if found.weak {
        text.push_str(", as far as its version can be read");
    }
    text
}

/// What to do, and where: the upgrade or the newer base image, the file and the layer.
pub(super) fn remediation(image: &ImageSummary, package: &InstalledPackage, found: &Match) -> String {
    let base = package.layer.as_ref().and_then(|layer| image.base_with(layer));
    let what = match (&found.fixed_version, found.status) {
        (Some(fixed), _) => {
            // The fix is counted in the version that advisories speak of: the source package's for dpkg and apk.
            let (advised, _) = package.package.advised_as();
            let built = if advised == package.package.name {
                String::new()
            } else {
                format!(" (built from {advised})")
            };
            match base {
                Some(base) => {
                    let name = if base.name.is_empty() { "" } else { &format!(" {}", base.name) };
                    format!(
                        "Rebase: {}{built} comes with the base image{name}. Build on one that has version {fixed} or later",
                        installed(package),
                    )
                }
                None => format!("Upgrade {}{built} to version {fixed} or later", installed(package)),
            }
        }
        (None, Status::WillNotFix) => {
            format!("The publisher of {} will not fix this. Remove or replace it", installed(package))
        }
        (None, Status::EndOfLife) => {
            format!("Move to a release in which {} is still looked after", installed(package))
        }
        (None, Status::Fixed | Status::NotAffected) => "There is nothing to do".to_owned(),
        (None, Status::Affected | Status::FixDeferred | Status::UnderInvestigation | Status::Unknown) => {
            format!(
                "No fixed version of {} is known yet. Remove it where it is not needed",
                installed(package)
            )
        }
    };
    let made = match package.layer.as_ref().map(|layer| image.command(layer)) {
        Some(command) if !command.is_empty() => format!(", which was made by: {command}"),
        _ => ".".to_owned(),
    };
    format!("{what}. It is named by {}{made}", place(package))
}

/// What CVSS says of the consequences; `None` where no advisory has an assessment.
pub(super) fn impact(found: &Match) -> Option<String> {
    let best = found.best_cvss()?;
    Some(format!(
        "CVSS {} base score {:.1} ({}), according to {}",
        best.version, best.score, best.vector, best.source
    ))
}

/// The distribution or the language's ecosystem: `Alpine`, `npm`.
pub(super) fn category(package: &InstalledPackage) -> String {
    package.category().to_owned()
}

/// Where the package was found: `lib/apk/db/installed in layer sha256:…`.
pub(super) fn place(package: &InstalledPackage) -> String {
    match &package.layer {
        Some(layer) => format!("{} in layer {layer}", package.path),
        None => package.path.clone(),
    }
}

/// The CVEs with pages that tell about them.
pub(super) fn cve_links(found: &Match) -> Vec<Link> {
    found
        .cves()
        .map(|cve| Link { title: cve.to_owned(), link: format!("https://nvd.nist.gov/vuln/detail/{cve}") })
        .collect()
}

/// The advisories and what they refer to. References are strangers' text: only links that a browser may follow pass.
pub(super) fn references(found: &Match) -> Vec<Link> {
    let links =
        || found.references.iter().filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    let of_advisory = |id: &String| links().find(|link| link.contains(id.as_str()));
    let advisories = found.advisories.iter().map(|id| Link {
        title: id.clone(),
        link: of_advisory(id).cloned().unwrap_or_else(|| format!("https://osv.dev/vulnerability/{id}")),
    });
    let others = links()
        .filter(|link| !found.advisories.iter().any(|id| of_advisory(id) == Some(*link)))
        .map(|link| Link { title: link.clone(), link: link.clone() });
    advisories.chain(others).collect()
}

/// The assessment of the best source in a version of CVSS. `3.0` stands for 3.1 as well, which Azure has no key for.
pub(super) fn cvss<'a>(found: &'a Match, version: &str) -> Option<&'a Cvss> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    found.cvss.iter().find(|cvss| major(&cvss.version) == major(version))
}

fn installed(package: &InstalledPackage) -> String {
    match package.package.version.as_str() {
        "" => format!("{} (version not known)", package.package.name),
        version => format!("{} {version}", package.package.name),
    }
}
