//! Which distribution an image is built on.

use serde::{Deserialize, Serialize};

use super::{ChannelKind, Channels};
use crate::Ecosystem;

/// A distribution, as `os-release` names it (freedesktop.org, os-release(5)).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Distro {
    /// `ID`, lower case: `debian`, `alpine`, `wolfi`.
    pub id: String,
    /// `ID_LIKE`, in its order.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub like: Vec<String>,
    /// `VERSION_ID`; empty for rolling releases.
    pub version_id: String,
    /// `VERSION_CODENAME`, or what stands in its place; empty where there is none.
    pub codename: String,
    /// `PRETTY_NAME`, for a person.
    pub pretty_name: String,
}

/// Code names of Ubuntu's releases and their numbers, by which the distribution's tracker and derivatives name them.
pub const UBUNTU_RELEASES: [(&str, &str); 16] = [
    ("precise", "12.04"),
    ("trusty", "14.04"),
    ("xenial", "16.04"),
    ("bionic", "18.04"),
    ("focal", "20.04"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
];

/// The branches of Alpine that postmarketOS's releases take their packages from.
const POSTMARKETOS_RELEASES: [(&str, &str); 10] = [
    ("21.03", "v3.13"),
    ("21.06", "v3.14"),
    ("21.12", "v3.15"),
    ("22.06", "v3.16"),
    ("22.12", "v3.17"),
    ("23.06", "v3.18"),
    ("23.12", "v3.19"),
    ("24.06", "v3.20"),
    ("24.12", "v3.21"),
    ("25.06", "v3.22"),
];

impl Distro {
    /// A distribution known by no more than id and version, as a purl's `distro` qualifier has it (`debian-11`).
    pub fn from_purl_name(text: &str) -> Option<Self> {
        let (id, version) = text
            .split_once('-')
            .filter(|(_, v)| v.starts_with(|c: char| c.is_ascii_digit()))
            // `opensuse-leap-15.5`: the version is behind the last hyphen.
            .or_else(|| {
                text.rsplit_once('-').filter(|(_, v)| v.starts_with(|c: char| c.is_ascii_digit() || c == 'v'))
            })
            .unwrap_or((text, ""));
        (!id.is_empty()).then(|| Self {
            id: id.to_ascii_lowercase(),
            version_id: version.to_owned(),
            pretty_name: text.to_owned(),
            ..Self::default()
        })
    }

    /// The `distro` qualifier of a purl: `debian-11`.
    pub fn purl_name(&self) -> String {
        match (self.version_id.as_str(), self.codename.as_str()) {
            ("", "") => self.id.clone(),
            ("", codename) => format!("{}-{codename}", self.id),
            (version, _) => format!("{}-{version}", self.id),
        }
    }

    /// Distribution and release in one word, by which Azure's clients filter: `ubuntu_linux_20.04`, `alpine_3.17`.
    pub fn os_version(&self) -> String {
        let id = if self.id == "ubuntu" { "ubuntu_linux" } else { &self.id };
        let release = match self.id.as_str() {
            // `VERSION_ID` has the patch level too: 3.17.1.
            "alpine" => self
                .version_id
                .match_indices('.')
                .nth(1)
                .map_or(self.version_id.as_str(), |(at, _)| &self.version_id[..at]),
            _ => &self.version_id,
        };
        if release.is_empty() { id.to_owned() } else { format!("{id}_{release}") }
    }

    /// The OSV ecosystem, with its release, under which this distribution's packages are advised. `None` where OSV has
    /// none or the release cannot be told.
    pub fn ecosystem(&self) -> Option<Ecosystem> {
        let major = self.version_id.split('.').next().unwrap_or_default();
        let released =
            |name: &str, release: &str| (!release.is_empty()).then(|| Ecosystem::release_of(name, release));
        // A derivative that takes its packages from another distribution says so, and by which release.
        match self.base() {
            "debian" => released("Debian", self.debian_release(major)),
            // OSV writes the long-term releases as `Ubuntu:22.04:LTS`; matching knows that the release is the part before.
            "ubuntu" => released("Ubuntu", self.ubuntu_release()),
            "alpine" => Some(Ecosystem::release_of("Alpine", &self.alpine_release()?)),
            // Rolling: VERSION_ID is a date and means nothing.
            "wolfi" => Some(Ecosystem::of("Wolfi")),
            "chainguard" => Some(Ecosystem::of("Chainguard")),
            "minimos" => Some(Ecosystem::of("MinimOS")),
            "almalinux" => released("AlmaLinux", major),
            "rocky" => released("Rocky Linux", major),
            "azurelinux" | "mariner" | "cbl-mariner" => released("Azure Linux", major),
            "openeuler" => released("openEuler", &self.openeuler_release()),
            // What is rebuilt from Red Hat's sources under its own name has feeds of its own; CentOS has none.
            "rhel" | "centos" => released("Red Hat", major),
            "ol" => released("Oracle Linux", major),
            // The first one has the months of its releases: `2018.03`.
            "amzn" => released("Amazon Linux", if self.version_id.starts_with("201") { "1" } else { major }),
            "sles" | "sled" | "sles_sap" | "sle_hpc" => self.suse_release("Linux Enterprise Server"),
            "sle-micro" | "sle-micro-rancher" => {
                released("SUSE", &format!("Linux Enterprise Micro {}", self.version_id))
            }
            "sl-micro" => released("SUSE", &format!("Linux Micro {}", self.version_id)),
            "opensuse-leap" => released("openSUSE", &format!("Leap {}", self.version_id)),
            // Leap 42 had the name that was openSUSE's before.
            "opensuse" if major == "42" => released("openSUSE", &format!("Leap {}", self.version_id)),
            // Rolling: VERSION_ID is a date and means nothing. MicroOS is made of the same packages.
            "opensuse-tumbleweed" | "opensuse-microos" => {
                Some(Ecosystem::release_of("openSUSE", "Tumbleweed"))
            }
            "echo" => Some(Ecosystem::of("Echo")),
            "mageia" => released("Mageia", major),
            "photon" => released("Photon OS", &self.version_id),
            _ => None,
        }
    }

    /// Whose packages these are: the distribution's own, or those of the one it is made of. `ID_LIKE` alone does not tell:
    /// Rocky is like Red Hat and builds everything anew. So derivatives count that are known to take packages as they are,
    /// and of Debian and Ubuntu those that name the release they took them from.
    fn base(&self) -> &str {
        let is_like = |id: &str| self.like.iter().any(|like| like == id);
        match self.id.as_str() {
            "raspbian" => "debian",
            "postmarketos" => "alpine",
            // Their packages are newer than Debian's stable ones, or changed.
            "kali" | "parrot" | "deepin" | "pureos" => &self.id,
            id if Self::KNOWN.contains(&id) => id,
            _ if is_like("ubuntu") && !self.ubuntu_release().is_empty() => "ubuntu",
            _ if is_like("debian") && !self.debian_release("").is_empty() => "debian",
            id => id,
        }
    }

    const KNOWN: [&str; 2] = ["debian", "ubuntu"];

    /// By the code name where that is known: derivatives have versions of their own.
    fn ubuntu_release(&self) -> &str {
        if self.id == "ubuntu" && !self.version_id.is_empty() {
            return &self.version_id;
        }
        let known = UBUNTU_RELEASES.iter().find(|(codename, _)| *codename == self.codename);
        known.map_or("", |(_, release)| release)
    }

    /// Alpine's packages come from the branches that are switched on. Where none of them is the one that the image says it
    /// is, they are of the highest.
    pub(super) fn choose_branch(&mut self, channels: &[Channels]) {
        let Some(own) = self.alpine_release().filter(|_| self.base() == "alpine") else { return };
        let branches = channels.iter().filter(|channels| channels.kind == ChannelKind::AlpineBranches);
        let branches: Vec<_> = branches.flat_map(|channels| &channels.names).collect();
        if branches.is_empty() || branches.contains(&&own) {
            return;
        }
        let number = |branch: &str| -> Option<(u32, u32)> {
            if branch == "edge" {
                return Some((u32::MAX, 0));
            }
            let (major, minor) = branch.strip_prefix('v')?.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        let highest = branches.iter().filter_map(|branch| Some((number(branch)?, *branch))).max();
        if let Some((_, branch)) = highest {
            self.version_id = branch.strip_prefix('v').unwrap_or(branch).to_owned();
        }
    }

    fn debian_release<'a>(&self, major: &'a str) -> &'a str {
        if !major.is_empty() && matches!(self.id.as_str(), "debian" | "raspbian") {
            return major;
        }
        // sid and testing have no VERSION_ID, only a name; `trixie/sid` is what testing calls itself.
        match self.codename.split('/').next().unwrap_or_default() {
            "wheezy" => "7",
            "jessie" => "8",
            "stretch" => "9",
            "buster" => "10",
            "bullseye" => "11",
            "bookworm" => "12",
            "trixie" => "13",
            "forky" => "14",
            "duke" => "15",
            "sid" => "sid",
            _ => "",
        }
    }

    /// `15.5` is the fifth service pack of 15; since 16 there are none.
    fn suse_release(&self, product: &str) -> Option<Ecosystem> {
        let (major, pack) = self.version_id.split_once('.').unwrap_or((&self.version_id, ""));
        if major.parse::<u32>().is_ok_and(|major| major >= 16) {
            return Some(Ecosystem::release_of("SUSE", &format!("{product} {}", self.version_id)));
        }
        let pack = if pack.is_empty() { String::new() } else { format!(" SP{pack}") };
        (!major.is_empty()).then(|| Ecosystem::release_of("SUSE", &format!("{product} {major}{pack}")))
    }

    /// `22.03-LTS-SP1`, which stands in parentheses in the name for a person: `openEuler 22.03 (LTS-SP1)`.
    fn openeuler_release(&self) -> String {
        let kind = self.pretty_name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        match kind {
            Some((kind, _)) if !self.version_id.is_empty() => format!("{}-{}", self.version_id, kind.trim()),
            _ => self.version_id.clone(),
        }
    }

    fn alpine_release(&self) -> Option<String> {
        if self.id == "postmarketos" && self.version_id != "edge" {
            let version = self.version_id.strip_prefix('v').unwrap_or(&self.version_id);
            let known = POSTMARKETOS_RELEASES.iter().find(|(own, _)| *own == version);
            return known.map(|(_, branch)| (*branch).to_owned());
        }
        if self.version_id.contains("_alpha") || self.version_id == "edge" {
            return Some("edge".to_owned());
        }
        let version = self.version_id.strip_prefix('v').unwrap_or(&self.version_id);
        let mut parts = version.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        (!major.is_empty() && !minor.is_empty()).then(|| format!("v{major}.{minor}"))
    }
}
