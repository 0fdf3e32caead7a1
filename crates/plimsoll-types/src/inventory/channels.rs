//! Where the packages of an image came from, as far as that decides which advisories speak of them.

use serde::{Deserialize, Serialize};

/// What one file tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Channels {
    /// What the names name.
    pub kind: ChannelKind,
    /// The names, as the file has them.
    #[serde(deserialize_with = "crate::probe::budget::list")]
    pub names: Vec<String>,
}

/// The kinds of sources that distributions tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// Branches of Alpine that `etc/apk/repositories` switches on: `v3.18`, `edge`.
    AlpineBranches,
    /// Red Hat's repositories that an image was built from: `rhel-8-for-x86_64-baseos-rpms`.
    ContentSets,
    /// Name, version and release of an image that Red Hat built: `ubi8-container-8.5-204`.
    RedHatBuilds,
    /// Products of Red Hat that an image says it is: `cpe:/a:redhat:enterprise_linux:9::appstream`.
    Products,
    /// Services of Ubuntu Pro that were switched on: `esm-infra`.
    UbuntuPro,
}
