//! Which image of an index is meant.

use plimsoll_types::manifest::{ImageConfig, ManifestError, media};
use plimsoll_types::{Descriptor, Platform};

use crate::{Error, ErrorKind, Result};

/// Reads `OS/ARCHITECTURE[/VARIANT]`, such as `linux/arm64/v8`.
pub fn parse(text: &str) -> Result<Platform> {
    let parts: Vec<&str> = text.split('/').collect();
    let fits = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    match parts.as_slice() {
        [os, architecture, variant @ ..] if variant.len() <= 1 && parts.iter().all(fits) => Ok(Platform {
            os: (*os).to_owned(),
            architecture: (*architecture).to_owned(),
            variant: variant.first().map(|variant| (*variant).to_owned()),
            os_version: None,
        }),
        _ => {
            let message = format!("{text:?} is not a platform such as linux/amd64 or linux/arm64/v8");
            Err(Error::new(ErrorKind::Usage, message))
        }
    }
}

/// The platform that images of this machine have: always Linux, since that is what containers run on.
pub fn this_machine() -> Platform {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    };
    Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: None,
        os_version: None,
    }
}

/// Chooses among the manifests of an index: the wanted platform, else `machine`'s, else the only one, else the first one
/// for Linux, with a note that says so.
pub(super) fn choose<'a>(
    manifests: &'a [Descriptor],
    wanted: Option<&Platform>,
    machine: &Platform,
) -> Result<(&'a Descriptor, Option<String>)> {
    let candidates: Vec<&Descriptor> =
        manifests.iter().filter(|descriptor| may_be_image(descriptor)).collect();
    let find = |platform: &Platform| {
        candidates.iter().copied().find(|descriptor| {
            descriptor.platform.as_ref().is_some_and(|found| {
                found.os == platform.os
                    && found.architecture == platform.architecture
                    && (platform.variant.is_none() || found.variant == platform.variant)
            })
        })
    };
    let offered = || {
        let platforms = candidates.iter().filter_map(|descriptor| descriptor.platform.as_ref());
        let mut names: Vec<String> = platforms.map(ToString::to_string).collect();
        names.dedup();
        if names.is_empty() { "none with a platform".to_owned() } else { names.join(", ") }
    };
    if let Some(wanted) = wanted {
        return find(wanted).map(|found| (found, None)).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("the index has no image for {wanted}; it has {}", offered()),
            )
        });
    }
    if let Some(found) = find(machine) {
        let note = (candidates.len() > 1).then(|| {
            format!(
                "the index has several images; {machine} was chosen (--platform chooses another of {})",
                offered()
            )
        });
        return Ok((found, note));
    }
    if let [only] = candidates.as_slice() {
        return Ok((only, None));
    }
    let linux = |descriptor: &&&Descriptor| {
        descriptor.platform.as_ref().is_none_or(|platform| platform.os == "linux")
    };
    let first = candidates.iter().find(linux).or(candidates.first());
    let first = first.ok_or_else(|| Error::new(ErrorKind::NotFound, "the index has no image"))?;
    let chosen = first.platform.as_ref().map_or_else(|| first.digest.to_string(), ToString::to_string);
    let note = format!(
        "the index has no image for {machine}; {chosen} was chosen (--platform chooses another of {})",
        offered()
    );
    Ok((first, Some(note)))
}

/// Indexes that may hold what another one lacks: where they are in it, and it does not say for which platform they are.
pub(super) fn nested(manifests: &[Descriptor]) -> Vec<&Descriptor> {
    let is_nested = |entry: &&Descriptor| {
        matches!(entry.media_type.as_str(), media::OCI_INDEX | media::DOCKER_LIST)
            && entry.platform.is_none()
            && may_be_image(entry)
    };
    manifests.iter().filter(is_nested).take(MAX_MANIFESTS).collect()
}

/// Why the image was not found in indexes.
pub(super) fn too_many() -> ManifestError {
    ManifestError(format!(
        "indexes more than {MAX_DEPTH} deep, or more than {MAX_MANIFESTS} manifests in them"
    ))
}

/// Indexes in one another, and how many manifests are looked at until the image is found.
pub(super) const MAX_DEPTH: usize = 4;
pub(super) const MAX_MANIFESTS: usize = 64;

/// Refuses an image that is not of the wanted platform. What an index says of an image counts before what the image says
/// of itself, which builders for other machines often leave as it was: so this is asked only where no index said anything.
pub(super) fn check(wanted: Option<&Platform>, config: Option<&ImageConfig>) -> Result<()> {
    let (Some(wanted), Some(found)) = (wanted, config.and_then(ImageConfig::platform)) else {
        return Ok(());
    };
    let other_variant =
        wanted.variant.is_some() && found.variant.is_some() && wanted.variant != found.variant;
    let is_other = found.os != wanted.os
        || !found.architecture.is_empty() && found.architecture != wanted.architecture
        || other_variant;
    if is_other {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no image for {wanted}; this one is for {found}"),
        ));
    }
    Ok(())
}

/// BuildKit puts provenance and SBOMs into an index as manifests for a platform that is none.
fn may_be_image(descriptor: &Descriptor) -> bool {
    let is_attestation = descriptor
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key("vnd.docker.reference.type"));
    let is_nowhere = descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown");
    !is_attestation && !is_nowhere && descriptor.artifact_type.is_none()
}

#[cfg(test)]
mod tests {
    use plimsoll_types::Digest;

    use super::*;

    fn index(platforms: &[&str]) -> Vec<Descriptor> {
        let descriptor = |name: &&str| Descriptor {
            media_type: String::new(),
            digest: Digest::sha256(name.as_bytes()),
            size: 1,
            platform: parse(name).ok(),
            artifact_type: None,
            annotations: None,
        };
        platforms.iter().map(descriptor).collect()
    }

    /// What is chosen on an amd64 machine, and whether there is a note.
    fn chosen(platforms: &[&str], wanted: Option<&str>) -> Option<(String, bool)> {
        let index = index(platforms);
        let wanted = wanted.map(|wanted| parse(wanted).unwrap());
        let (found, note) = choose(&index, wanted.as_ref(), &parse("linux/amd64").unwrap()).ok()?;
        Some((found.platform.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string), note.is_some()))
    }

    #[test]
    fn the_wanted_platform_then_this_machines_then_the_only_one_then_the_first_for_linux() {
        let both = ["linux/arm64/v8", "linux/amd64"];
        let some = |name: &str, note| Some((name.to_owned(), note));
        assert_eq!(chosen(&both, None), some("linux/amd64", true));
        assert_eq!(chosen(&both, Some("linux/arm64")), some("linux/arm64/v8", false));
        assert_eq!(chosen(&both, Some("linux/arm64/v7")), None);
        assert_eq!(chosen(&["linux/s390x"], None), some("linux/s390x", false));
        assert_eq!(chosen(&["windows/amd64", "linux/s390x", "linux/arm64"], None), some("linux/s390x", true));
        assert_eq!(chosen(&["linux/amd64", "unknown/unknown"], None), some("linux/amd64", false));
        assert_eq!(chosen(&["unknown/unknown"], None), None);
        assert_eq!(chosen(&["-"], None), some("none", false));
        assert_eq!(chosen(&[], None), None);
    }

    #[test]
    fn an_image_of_another_platform_is_not_the_wanted_one() {
        let fits = |wanted: &str, os: &str, architecture: &str, variant: Option<&str>| {
            let config = ImageConfig {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: variant.map(str::to_owned),
                ..ImageConfig::default()
            };
            check(Some(&parse(wanted).unwrap()), Some(&config)).is_ok()
        };
        assert!(fits("linux/arm64", "linux", "arm64", Some("v8")));
        assert!(fits("linux/arm64/v8", "linux", "arm64", None));
        assert!(fits("linux/arm64", "", "", None) && fits("linux/arm64", "linux", "", None));
        assert!(
            !fits("linux/arm64", "linux", "amd64", None) && !fits("linux/amd64", "windows", "amd64", None)
        );
        assert!(!fits("linux/arm/v6", "linux", "arm", Some("v7")));
        assert!(check(None, Some(&ImageConfig::default())).is_ok());
    }

    #[test]
    fn a_platform_is_two_or_three_words() {
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm64/v8/x", "linux amd64"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
