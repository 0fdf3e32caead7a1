//! Until when a release of a distribution gets the security updates that everybody gets, by the publishers' own pages.
//!
//! A release whose time is over has no new advisories, so that silence about it means nothing. Paid extensions (ESM, ELS,
//! LTSS) do not count.

use jiff::civil::Date;
use jiff::tz::Offset;

use super::Distro;
use crate::Timestamp;

impl Distro {
    /// The last day of support; `None` where it is not known, or where there is none, as for rolling releases.
    pub fn supported_until(&self) -> Option<Date> {
        let ecosystem = self.ecosystem();
        let dates =
            |name: &str| TABLE.iter().find(|(names, _)| names.contains(&name)).map(|(_, dates)| *dates);
        // A rebuild may end on another day than that whose advisories it goes by.
        let (dates, release) = match (dates(&self.id), &ecosystem) {
            (Some(dates), _) => (dates, self.version_id.as_str()),
            (None, Some(ecosystem)) => (dates(ecosystem.name())?, ecosystem.release()?),
            (None, None) => return None,
        };
        // `9.3` is a state of 9; `3.4` of Alpine is no state of 3.
        let major = release.split('.').next().unwrap_or_default();
        let find = |release: &str| dates.iter().find(|(known, _)| *known == release);
        let (_, (year, month, day)) = find(release).or_else(|| find(major))?;
        Date::new(*year, *month, *day).ok()
    }

    /// The last day of support, where it had passed at an instant, as seen from Greenwich.
    pub fn ended_before(&self, instant: Timestamp) -> Option<Date> {
        let instant = jiff::Timestamp::from_millisecond(instant.0).ok()?;
        let day = Offset::UTC.to_datetime(instant).date();
        self.supported_until().filter(|last| *last < day)
    }
}

type Dates = &'static [(&'static str, (i16, i8, i8))];

/// Ecosystems, or where there is none ids, with their releases.
const TABLE: &[(&[&str], Dates)] = &[
    (
        &["Alpine"],
        &[
            ("v3.1", (2016, 11, 1)),
            ("v3.2", (2017, 5, 1)),
            ("v3.3", (2017, 11, 1)),
            ("v3.4", (2018, 5, 1)),
            ("v3.5", (2018, 11, 1)),
            ("v3.6", (2019, 5, 1)),
            ("v3.7", (2019, 11, 1)),
            ("v3.8", (2020, 5, 1)),
            ("v3.9", (2020, 11, 1)),
            ("v3.10", (2021, 5, 1)),
            ("v3.11", (2021, 11, 1)),
            ("v3.12", (2022, 5, 1)),
            ("v3.13", (2022, 11, 1)),
            ("v3.14", (2023, 5, 1)),
            ("v3.15", (2023, 11, 1)),
            ("v3.16", (2024, 5, 23)),
            ("v3.17", (2024, 11, 22)),
            ("v3.18", (2025, 5, 9)),
            ("v3.19", (2025, 11, 1)),
            ("v3.20", (2026, 4, 1)),
            ("v3.21", (2026, 11, 1)),
            ("v3.22", (2027, 5, 1)),
            ("v3.23", (2027, 11, 1)),
        ],
    ),
    // With the years of long-term support, whose updates come the same way.
    (
        &["Debian"],
        &[
            ("7", (2018, 5, 31)),
            ("8", (2020, 6, 30)),
            ("9", (2022, 6, 30)),
            ("10", (2024, 6, 30)),
            ("11", (2026, 8, 31)),
            ("12", (2028, 6, 30)),
            ("13", (2030, 6, 30)),
        ],
    ),
    (
        &["Ubuntu"],
        &[
            ("12.04", (2017, 4, 28)),
            ("14.04", (2019, 4, 25)),
            ("16.04", (2021, 4, 30)),
            ("18.04", (2023, 5, 31)),
            ("20.04", (2025, 5, 31)),
            ("22.04", (2027, 4, 30)),
            ("22.10", (2023, 7, 20)),
            ("23.04", (2024, 1, 25)),
            ("23.10", (2024, 7, 11)),
            ("24.04", (2029, 4, 30)),
            ("24.10", (2025, 7, 10)),
            ("25.04", (2026, 1, 15)),
        ],
    ),
    (&["AlmaLinux", "Rocky Linux"], &[("8", (2029, 5, 31)), ("9", (2032, 5, 31)), ("10", (2035, 5, 31))]),
    (
        &["rhel", "Red Hat"],
        &[
            ("5", (2017, 3, 31)),
            ("6", (2020, 11, 30)),
            ("7", (2024, 6, 30)),
            ("8", (2029, 5, 31)),
            ("9", (2032, 5, 31)),
            ("10", (2035, 5, 31)),
        ],
    ),
    // The streams of 8 and 9 have the version too, and end no later than this.
    (&["centos"], &[("5", (2017, 3, 31)), ("6", (2020, 11, 30)), ("7", (2024, 6, 30)), ("8", (2024, 5, 31))]),
    (&["ol"], &[("6", (2021, 3, 31)), ("7", (2024, 12, 31)), ("8", (2029, 7, 31)), ("9", (2032, 6, 30))]),
    (
        &["amzn"],
        &[
            ("2016", (2023, 12, 31)),
            ("2017", (2023, 12, 31)),
            ("2018", (2023, 12, 31)),
            ("2", (2026, 6, 30)),
            ("2023", (2029, 6, 30)),
        ],
    ),
    (
        &["fedora"],
        &[
            ("34", (2022, 6, 7)),
            ("35", (2022, 12, 13)),
            ("36", (2023, 5, 16)),
            ("37", (2023, 12, 5)),
            ("38", (2024, 5, 21)),
            ("39", (2024, 11, 26)),
            ("40", (2025, 5, 13)),
        ],
    ),
    (
        &["opensuse-leap"],
        &[
            ("42.3", (2019, 6, 30)),
            ("15.0", (2019, 12, 3)),
            ("15.1", (2021, 2, 2)),
            ("15.2", (2022, 1, 4)),
            ("15.3", (2022, 12, 31)),
            ("15.4", (2023, 12, 7)),
            ("15.5", (2024, 12, 31)),
            ("15.6", (2026, 4, 30)),
        ],
    ),
    (
        &["sles"],
        &[
            ("12.5", (2024, 10, 31)),
            ("15.1", (2021, 1, 31)),
            ("15.2", (2021, 12, 31)),
            ("15.3", (2022, 12, 31)),
            ("15.4", (2023, 12, 31)),
            ("15.5", (2024, 12, 31)),
            ("15.6", (2025, 12, 31)),
            ("15.7", (2031, 7, 31)),
        ],
    ),
    (&["mariner"], &[("1", (2023, 7, 31)), ("2", (2025, 7, 31))]),
    (&["Photon OS"], &[("1", (2022, 2, 28)), ("2", (2022, 12, 31)), ("3", (2024, 3, 1))]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_release_is_known_by_its_major_or_its_whole_version() {
        let until =
            |name: &str| Distro::from_purl_name(name).unwrap().supported_until().map(|date| date.to_string());
        let day = |text: &str| Some(text.to_owned());
        assert_eq!(until("alpine-3.4.6"), day("2018-05-01"));
        assert_eq!(until("alpine-3.18.9"), day("2025-05-09"));
        assert_eq!(until("debian-10"), day("2024-06-30"));
        assert_eq!(until("ubuntu-18.04"), day("2023-05-31"));
        assert_eq!(until("almalinux-9.3"), day("2032-05-31"));
        assert_eq!(until("centos-7"), day("2024-06-30"));
        assert_eq!(until("amzn-2018.03"), day("2023-12-31"));
        assert_eq!(until("opensuse-leap-15.4"), day("2023-12-07"));
        for unknown in ["wolfi-20230201", "alpine-3.21_alpha20240807", "debian", "ubuntu-99.04", "plan9-4"] {
            assert_eq!(until(unknown), None, "{unknown}");
        }
        let buster = Distro::from_purl_name("debian-10").unwrap();
        let ended = |instant: &str| buster.ended_before(instant.parse().unwrap()).map(|day| day.to_string());
        assert_eq!(ended("2024-07-01T00:00:00Z"), day("2024-06-30"));
        assert_eq!(ended("2024-06-30T23:59:59Z"), None);
    }

    #[test]
    fn every_day_of_the_table_is_a_day() {
        let all = TABLE.iter().flat_map(|(_, dates)| *dates);
        for (release, (year, month, day)) in all {
            assert!(Date::new(*year, *month, *day).is_ok(), "{release}");
        }
    }
}
