//! Until when publishers look after their releases: the last day on which fixes are given to everybody.

use super::Distro;

/// Distribution, release and day, by what the publishers announce. Where a community goes on for free (Debian's LTS), its day
/// counts; what is sold to subscribers does not.
const LAST_DAYS: [(&str, &str, &str); 74] = [
    ("alpine", "3.2", "2017-05-01"),
    ("alpine", "3.3", "2017-11-01"),
    ("alpine", "3.4", "2018-05-01"),
    ("alpine", "3.5", "2018-11-01"),
    ("alpine", "3.6", "2019-05-01"),
    ("alpine", "3.7", "2019-11-01"),
    ("alpine", "3.8", "2020-05-01"),
    ("alpine", "3.9", "2020-11-01"),
    ("alpine", "3.10", "2021-05-01"),
    ("alpine", "3.11", "2021-11-01"),
    ("alpine", "3.12", "2022-05-01"),
    ("alpine", "3.13", "2022-11-01"),
    ("alpine", "3.14", "2023-05-01"),
    ("alpine", "3.15", "2023-11-01"),
    ("alpine", "3.16", "2024-05-23"),
    ("alpine", "3.17", "2024-11-22"),
    ("alpine", "3.18", "2025-05-09"),
    ("alpine", "3.19", "2025-11-01"),
    ("alpine", "3.20", "2026-04-01"),
    ("alpine", "3.21", "2026-11-01"),
    ("alpine", "3.22", "2027-05-01"),
    ("debian", "6", "2016-02-29"),
    ("debian", "7", "2018-05-31"),
    ("debian", "8", "2020-06-30"),
    ("debian", "9", "2022-06-30"),
    ("debian", "10", "2024-06-30"),
    ("debian", "11", "2026-08-31"),
    ("debian", "12", "2028-06-30"),
    ("debian", "13", "2030-06-30"),
    ("ubuntu", "12.04", "2017-04-28"),
    ("ubuntu", "14.04", "2019-04-25"),
    ("ubuntu", "16.04", "2021-04-30"),
    ("ubuntu", "18.04", "2023-05-31"),
    ("ubuntu", "20.04", "2025-05-31"),
    ("ubuntu", "21.04", "2022-01-20"),
    ("ubuntu", "21.10", "2022-07-14"),
    ("ubuntu", "22.04", "2027-04-30"),
    ("ubuntu", "22.10", "2023-07-20"),
    ("ubuntu", "23.04", "2024-01-25"),
    ("ubuntu", "23.10", "2024-07-11"),
    ("ubuntu", "24.04", "2029-05-31"),
    ("ubuntu", "24.10", "2025-07-10"),
    ("ubuntu", "25.04", "2026-01-15"),
    ("centos", "6", "2020-11-30"),
    ("centos", "7", "2024-06-30"),
    ("centos", "8", "2021-12-31"),
    ("rhel", "6", "2020-11-30"),
    ("rhel", "7", "2024-06-30"),
    ("rhel", "8", "2029-05-31"),
    ("rhel", "9", "2032-05-31"),
    ("rhel", "10", "2035-05-31"),
    ("almalinux", "8", "2029-03-01"),
    ("almalinux", "9", "2032-05-31"),
    ("almalinux", "10", "2035-05-31"),
    ("rocky", "8", "2029-05-31"),
    ("rocky", "9", "2032-05-31"),
    ("rocky", "10", "2035-05-31"),
    ("ol", "6", "2021-03-31"),
    ("ol", "7", "2024-12-31"),
    ("ol", "8", "2029-07-31"),
    ("ol", "9", "2032-06-30"),
    ("amzn", "2018", "2023-12-31"),
    ("amzn", "2", "2026-06-30"),
    ("amzn", "2023", "2029-06-30"),
    ("photon", "1.0", "2022-02-28"),
    ("photon", "2.0", "2022-12-31"),
    ("photon", "3.0", "2024-03-01"),
    ("photon", "4.0", "2026-03-01"),
    ("mariner", "1", "2023-07-31"),
    ("mariner", "2", "2025-07-31"),
    ("opensuse-leap", "15.3", "2022-12-31"),
    ("opensuse-leap", "15.4", "2023-12-07"),
    ("opensuse-leap", "15.5", "2024-12-31"),
    ("opensuse-leap", "15.6", "2026-04-30"),
];

impl Distro {
    /// The last day on which its publisher gives fixes for this release to everybody (`2024-06-30`); `None` where it has
    /// announced none that we know of, or where the distribution has no releases.
    pub fn last_day(&self) -> Option<&'static str> {
        let id = match self.id.as_str() {
            "cbl-mariner" => "mariner",
            "raspbian" => "debian",
            id => id,
        };
        let mut parts = self.version_id.split('.');
        let major = parts.next()?;
        let minor = parts.next().map_or(major.to_owned(), |minor| format!("{major}.{minor}"));
        let is_it = |of: &str, release: &str| of == id && (release == minor || release == major);
        LAST_DAYS.iter().find(|(of, release, _)| is_it(of, release)).map(|(_, _, day)| *day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_its_last_day() {
        let of = |id: &str, version: &str| {
            Distro { id: id.into(), version_id: version.into(), ..Distro::default() }.last_day()
        };
        assert_eq!(of("alpine", "3.4.6"), Some("2018-05-01"));
        assert_eq!(of("alpine", "3.20.3"), Some("2026-04-01"));
        assert_eq!(of("debian", "9"), Some("2022-06-30"));
        assert_eq!(of("ubuntu", "20.04"), Some("2025-05-31"));
        assert_eq!(of("rhel", "7.9"), Some("2024-06-30"));
        assert_eq!(of("amzn", "2018.03"), Some("2023-12-31"));
        assert_eq!((of("wolfi", "20230201"), of("alpine", ""), of("debian", "99")), (None, None, None));
        for (_, _, day) in LAST_DAYS {
            assert!(format!("{day}T00:00:00Z").parse::<crate::Timestamp>().is_ok(), "{day}");
        }
    }

    #[test]
    fn ecosystems_have_the_releases_that_feeds_file_them_under() {
        let of = |id: &str, version: &str, name: &str| {
            let distro = Distro {
                id: id.into(),
                version_id: version.into(),
                pretty_name: name.into(),
                ..Distro::default()
            };
            distro.ecosystem().map(|ecosystem| ecosystem.to_string()).unwrap_or_default()
        };
        assert_eq!(of("rhel", "9.4", ""), "Red Hat:9");
        assert_eq!(of("centos", "7", ""), "Red Hat:7");
        assert_eq!(of("ol", "8.9", ""), "Oracle Linux:8");
        assert_eq!(of("amzn", "2", ""), "Amazon Linux:2");
        assert_eq!(of("amzn", "2018.03", ""), "Amazon Linux:1");
        assert_eq!(of("mariner", "2.0", ""), "Azure Linux:2");
        assert_eq!(of("sles", "15.5", ""), "SUSE:Linux Enterprise Server 15 SP5");
        assert_eq!(of("sles", "15", ""), "SUSE:Linux Enterprise Server 15");
        assert_eq!(of("opensuse-leap", "15.6", ""), "openSUSE:Leap 15.6");
        assert_eq!(of("opensuse-tumbleweed", "20240101", ""), "openSUSE:Tumbleweed");
        assert_eq!(of("openeuler", "22.03", "openEuler 22.03 (LTS-SP1)"), "openEuler:22.03-LTS-SP1");
        let sid = Distro { id: "debian".into(), codename: "sid".into(), ..Distro::default() };
        assert_eq!(sid.ecosystem().map(|ecosystem| ecosystem.to_string()).as_deref(), Some("Debian:sid"));
    }
}
