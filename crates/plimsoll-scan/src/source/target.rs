//! What `plimsoll scan` is told to look at.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use plimsoll_types::ImageReference;

use crate::{Error, ErrorKind};

/// A target as it was typed, its kind told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `oci-dir:PATH[:tag]`: a folder in the OCI image layout.
    OciDir(String),
    /// `oci-archive:FILE[:tag]`: such a folder in a tar archive.
    OciArchive(String),
    /// `docker-archive:FILE[:reference]`: what `docker save` writes.
    DockerArchive(String),
    /// `rootfs:DIR`: an unpacked root file system.
    Rootfs(PathBuf),
    /// `docker://host/repository:tag`, or the reference alone.
    Registry(ImageReference),
    /// `sbom:FILE`: a CycloneDX inventory in JSON.
    Sbom(PathBuf),
}

/// The forms, for messages and for help.
const FORMS: &str = "oci-dir:PATH[:tag], oci-archive:FILE[:tag], docker-archive:FILE[:reference], rootfs:DIR, \
                     sbom:FILE, docker://HOST/REPOSITORY:TAG or a reference such as alpine:3.20";

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let usage = |message: String| Error::new(ErrorKind::Usage, message);
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        let path = |make: fn(String) -> Self| match rest {
            "" => Err(usage(format!("{kind}: needs a path behind the colon, as in {kind}:./image"))),
            path => Ok(make(path.to_owned())),
        };
        match kind {
            "oci-dir" | "oci" => path(Self::OciDir),
            "oci-archive" => path(Self::OciArchive),
            "docker-archive" => path(Self::DockerArchive),
            "rootfs" | "dir" => path(|path| Self::Rootfs(path.into())),
            "sbom" => path(|path| Self::Sbom(path.into())),
            "docker-daemon" | "containers-storage" | "podman" => Err(usage(format!(
                "{kind}: is not read directly; save the image first (docker save IMAGE -o image.tar) and scan \
                 docker-archive:image.tar"
            ))),
            _ => {
                let reference = text.strip_prefix("docker://").unwrap_or(text);
                if reference.starts_with(['/', '.', '~']) || reference.contains("://") {
                    return Err(usage(format!("{text:?} does not say what it is; write one of {FORMS}")));
                }
                reference.parse().map(Self::Registry).map_err(|_| {
                    usage(format!("{text:?} is neither an image reference nor any other target: {FORMS}"))
                })
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OciDir(place) => write!(f, "oci-dir:{place}"),
            Self::OciArchive(place) => write!(f, "oci-archive:{place}"),
            Self::DockerArchive(place) => write!(f, "docker-archive:{place}"),
            Self::Rootfs(path) => write!(f, "rootfs:{}", path.display()),
            Self::Registry(reference) => write!(f, "docker://{reference}"),
            Self::Sbom(path) => write!(f, "sbom:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_told_apart() {
        let show = |text: &str| text.parse::<Target>().unwrap().to_string();
        assert_eq!(show("oci-dir:./a:b:latest"), "oci-dir:./a:b:latest");
        assert_eq!(show("oci:a"), "oci-dir:a");
        assert_eq!(
            show("docker-archive:/tmp/x.tar:r.example/a:1"),
            "docker-archive:/tmp/x.tar:r.example/a:1"
        );
        assert_eq!(show("rootfs:/"), "rootfs:/");
        assert_eq!(show("sbom:bom.json"), "sbom:bom.json");
        assert_eq!(show("docker://alpine"), "docker://docker.io/library/alpine:latest");
        assert_eq!(show("localhost:5000/app:1"), "docker://localhost:5000/app:1");
        assert_eq!(show("alpine:3.20"), "docker://docker.io/library/alpine:3.20");
    }

    #[test]
    fn what_is_no_target_is_told_what_would_be_one() {
        for bad in [
            "",
            "./image.tar",
            "/srv/rootfs",
            "oci-dir:",
            "https://r.example/a",
            "UPPER/case",
            "docker-daemon:a",
        ] {
            let error = bad.parse::<Target>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{bad}");
            let teaches =
                error.to_string().contains("rootfs:DIR") || error.to_string().contains(":image.tar");
            assert!(teaches || bad == "oci-dir:", "{error}");
        }
    }
}
