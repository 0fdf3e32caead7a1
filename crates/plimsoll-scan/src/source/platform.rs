//! Which image of an index is meant.

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
    fn a_platform_is_two_or_three_words() {
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm64/v8/x", "linux amd64"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
