//! Packages that lie among a distribution's and were built by somebody else: Docker, PGDG, NodeSource, Remi, EPEL.
//!
//! Advisories of the distribution are on its own package of that name. What is compared with them may be another program, and has
//! its builder's versions: that a fix is missing, or there, is a guess. Such a match is kept and marked, never dropped, since a
//! list of good vendors is always a list with mistakes.
//!
//! What tells it: an rpm's vendor, of which each distribution has its own; what a deb gives as its origin, or as the address of
//! its maintainer, if that is one of those known to publish packages of their own (the other way round would not do: of Debian's
//! own packages many are maintained from private addresses); and marks that some builders leave in versions. Only these last are known of
//! a package that comes from the store.

use plimsoll_types::inventory::{Confidence, UBUNTU_RELEASES};
use plimsoll_types::{InstalledPackage, PackageType, ThirdParty};

/// How the vendor of a distribution's own rpms begins, in lower case.
const VENDORS: [(&str, &[&str]); 12] = [
    ("AlmaLinux", &["almalinux"]),
    ("Amazon Linux", &["amazon"]),
    ("Azure Linux", &["microsoft"]),
    ("Mageia", &["mageia"]),
    ("openEuler", &["openeuler", "http://openeuler.org", "https://openeuler.org"]),
    ("openSUSE", &["opensuse", "suse"]),
    ("Oracle Linux", &["oracle"]),
    ("Photon OS", &["vmware", "broadcom"]),
    // CentOS is judged by what is known of Red Hat's packages.
    ("Red Hat", &["red hat", "centos"]),
    ("Rocky Linux", &["rocky"]),
    ("SUSE", &["suse"]),
    ("TencentOS", &["tencent"]),
];

/// Whose addresses maintain debs that are no distribution's.
const MAINTAINERS: [&str; 40] = [
    "amazon.com",
    "azul.com",
    "bell-sw.com",
    "chromium.org",
    "clickhouse.com",
    "cloudflare.com",
    "confluent.io",
    "couchbase.com",
    "datadoghq.com",
    "docker.com",
    "eclipse.org",
    "elastic.co",
    "erlang-solutions.com",
    "f5.com",
    "github.com",
    "gitlab.com",
    "google.com",
    "grafana.com",
    "haproxy.com",
    "hashicorp.com",
    "influxdata.com",
    "influxdb.com",
    "jenkins-ci.org",
    "kubernetes.io",
    "microsoft.com",
    "mongodb.com",
    "neo4j.com",
    "newrelic.com",
    "nginx.com",
    "nodesource.com",
    "nvidia.com",
    "oss.oracle.com",
    "percona.com",
    "proxysql.com",
    "puppet.com",
    "rabbitmq.com",
    "redis.com",
    "redis.io",
    "slack-corp.com",
    "varnish-software.com",
];

/// What builders write into versions, in lower case, and who they are.
const MARKS: [(&str, &str); 10] = [
    ("pgdg", "the PostgreSQL Global Development Group"),
    ("nodesource", "NodeSource"),
    (".remi", "Remi's repository"),
    ("+maria~", "MariaDB"),
    ("sury.org", "deb.sury.org"),
    ("~++2", "apt.llvm.org"),
    ("~ppa", "a personal package archive"),
    ("+ppa", "a personal package archive"),
    ("~debian.", "Docker"),
    ("~ubuntu-", "Docker"),
];

/// Debian's code names; builders beside Debian tell by them for which release a package is.
const DEBIAN: [&str; 9] =
    ["wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke"];

/// Who built a package of a distribution's format, where that was not the distribution whose advisories it is compared with.
pub fn third_party(package: &InstalledPackage) -> Option<ThirdParty> {
    let ecosystem = package.ecosystem.as_ref()?;
    let origin = package.details.origin.as_deref().map(str::trim).filter(|origin| !origin.is_empty());
    let version = package.package.version.to_ascii_lowercase();
    let told_by = match package.package.package_type {
        PackageType::Deb => {
            origin.and_then(|origin| by_deb_origin(origin, ecosystem.name())).or_else(|| by_version(&version))
        }
        PackageType::Rpm => {
            origin.and_then(|vendor| by_vendor(vendor, ecosystem.name())).or_else(|| by_mark(&version))
        }
        _ => None,
    }?;
    let vendor = origin.unwrap_or_default().to_owned();
    Some(ThirdParty { vendor, told_by, confidence: Confidence::Low })
}

fn by_vendor(vendor: &str, ecosystem: &str) -> Option<String> {
    let (_, own) = VENDORS.iter().find(|(name, _)| *name == ecosystem)?;
    let lower = vendor.to_ascii_lowercase();
    let is_own = own.iter().any(|own| lower.starts_with(own));
    (!is_own).then(|| format!("its vendor is {vendor}"))
}

/// `Name <address>` is a maintainer, and anything else a name that a repository gave itself.
fn by_deb_origin(origin: &str, ecosystem: &str) -> Option<String> {
    let address = origin.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    let Some(address) = address.or_else(|| origin.contains('@').then_some(origin)) else {
        let lower = origin.to_ascii_lowercase();
        let is_own = ["debian", "ubuntu", "raspbian"].iter().any(|own| lower.starts_with(own))
            || lower.starts_with(&ecosystem.to_ascii_lowercase());
        return (!is_own).then(|| format!("its origin is {origin}"));
    };
    let domain = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let is_known = MAINTAINERS.iter().any(|known| {
        domain.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    is_known.then(|| format!("its maintainer is {origin}"))
}

fn by_version(version: &str) -> Option<String> {
    by_mark(version).or_else(|| {
        let codenames = DEBIAN.into_iter().chain(UBUNTU_RELEASES.map(|(codename, _)| codename));
        let is_marked = |codename: &&str| {
            version.match_indices(codename).any(|(at, _)| {
                let after = version.as_bytes().get(at + codename.len());
                version[..at].ends_with('~') && !after.is_some_and(u8::is_ascii_alphabetic)
            })
        };
        let codename = { codenames }.find(is_marked)?;
        Some(format!("its version has ~{codename}, which the distribution's own have not"))
    })
}

fn by_mark(version: &str) -> Option<String> {
    let (mark, whose) = MARKS.iter().find(|(mark, _)| version.contains(mark))?;
    Some(format!("its version has {mark}, which is the mark of {whose}"))
}

#[cfg(test)]
mod tests {
    use plimsoll_types::{Ecosystem, Package};

    use super::*;

    fn told(kind: PackageType, ecosystem: &str, version: &str, origin: &str) -> Option<String> {
        let ecosystem: Ecosystem = ecosystem.parse().unwrap();
        let mut package = InstalledPackage::new(Package::new(kind, "a", version), Some(ecosystem));
        package.details.origin = Some(origin.to_owned());
        third_party(&package).map(|found| {
            assert_eq!((found.vendor.as_str(), found.confidence), (origin, Confidence::Low));
            found.told_by
        })
    }

    #[test]
    fn rpms_are_told_by_their_vendor() {
        let rpm = |ecosystem: &str, version: &str, vendor: &str| {
            told(PackageType::Rpm, ecosystem, version, vendor).is_some()
        };
        assert!(rpm("AlmaLinux:9", "2:1.0-1.el9", "Fedora Project"));
        assert!(rpm("Red Hat:9", "18.0-1nodesource", ""));
        assert!(rpm("Red Hat:8", "8.1-1.el8.remi", ""));
        assert!(rpm("Red Hat:8", "15.3-1PGDG.rhel8", "PostgreSQL Global Development Group"));
        assert!(rpm("SUSE:Linux Enterprise Server 15 SP5", "1-1", "openSUSE"));
        for (ecosystem, vendor) in [
            ("AlmaLinux:9", "AlmaLinux"),
            ("Red Hat:9", "Red Hat, Inc."),
            ("Red Hat:7", "CentOS"),
            ("Rocky Linux:9", "Rocky Enterprise Software Foundation"),
            ("Oracle Linux:9", "Oracle America"),
            ("Amazon Linux:2023", "Amazon Linux"),
            ("Amazon Linux:2", "Amazon.com"),
            ("SUSE:Linux Enterprise Server 15 SP5", "SUSE LLC <https://www.suse.com/>"),
            ("openSUSE:Tumbleweed", "openSUSE"),
            ("Photon OS:5.0", "VMware, Inc."),
            ("Azure Linux:3", "Microsoft Corporation"),
            ("Mageia:9", "Mageia.Org"),
            ("openEuler:22.03", "http://openeuler.org"),
            ("Somebody's:1", "Anybody"),
            ("AlmaLinux:9", ""),
        ] {
            assert!(!rpm(ecosystem, "1.0-1.el9_2.1", vendor), "{ecosystem} {vendor}");
        }
    }

    #[test]
    fn debs_are_told_by_origin_maintainer_or_version() {
        let deb = |version: &str, origin: &str| told(PackageType::Deb, "Debian:12", version, origin);
        assert_eq!(
            deb("5:20.10.7~3-0~debian-buster", "Docker <support@docker.com>").as_deref(),
            Some("its maintainer is Docker <support@docker.com>")
        );
        assert_eq!(deb("1.0", "Somebody").as_deref(), Some("its origin is Somebody"));
        for version in [
            "15.3-1.pgdg120+1",
            "18.16.0-deb-1nodesource1",
            "1:10.11.4+maria~deb12",
            "1.25.1-1~bookworm",
            "6:7.2-1rl1~jammy1",
            "8.2.7-1+0~20230609.41+debian11~1.gbp+deb.sury.org+1",
            "1:17~++20230709044550+c54ff51be9c1-1~exp1",
        ] {
            assert!(
                deb(version, "Debian PostgreSQL Maintainers <team@tracker.debian.org>").is_some(),
                "{version}"
            );
        }
        for (version, origin) in [
            ("2.31-13+deb11u5", "GNU Libc Maintainers <debian-glibc@lists.debian.org>"),
            ("1.0-1~bpo12+1", "Somebody <somebody@mail.example>"),
            ("1.0-1", "Debian"),
            ("20.10.25-0ubuntu1~22.04.1", "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>"),
            ("2023c-0+deb11u1", "A <a@notgoogle.com>"),
            ("1~focaliser", ""),
        ] {
            assert_eq!(deb(version, origin), None, "{version} {origin}");
        }
        assert_eq!(told(PackageType::Apk, "Alpine:v3.20", "1-r0", "Docker <a@docker.com>"), None);
    }
}
