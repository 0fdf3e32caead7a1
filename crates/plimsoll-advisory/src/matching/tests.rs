use plimsoll_types::{Package, PackageType, Severity, Timestamp};

use super::*;
use crate::{Builder, osv};

/// A database of these records, all of one feed.
fn database(records: &[&str]) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let mut builder = Builder::new("2026-09-01T00:00:00Z".parse().unwrap());
    for record in records {
        builder.add("feed", &osv::parse(record.as_bytes()).unwrap()).unwrap();
    }
    builder.write(&path).unwrap();
    Database::open(&path).unwrap()
}

/// A record with one package and one range: the ends are `introduced fixed`.
fn record(id: &str, names: &str, ecosystem: &str, name: &str, introduced: &str, fixed: &str) -> String {
    let kind = if matches!(ecosystem, "npm" | "Go") { "SEMVER" } else { "ECOSYSTEM" };
    let fixed = if fixed.is_empty() { String::new() } else { format!(r#",{{"fixed":"{fixed}"}}"#) };
    format!(
        r#"{{"id":"{id}","modified":"2026-08-01T00:00:00Z"{names},"affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},
            "ranges":[{{"type":"{kind}","events":[{{"introduced":"{introduced}"}}{fixed}]}}]}}]}}"#
    )
}

/// Each match as `vulnerability: advisories -> fix`.
fn check(records: &[String], ecosystem: &str, name: &str, version: &str, expected: &[&str]) {
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    let database = database(&records);
    let found = find_version(&database, &ecosystem.parse().unwrap(), name, version);
    let shown: Vec<_> = found
        .iter()
        .map(|found| {
            let fix = found.fixed_version.as_deref().unwrap_or("none");
            format!("{}: {} -> {fix}", found.vulnerability, found.advisories.join(" "))
        })
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn an_older_version_is_affected_and_the_fix_is_named() {
    let records =
        [record("GO-1", r#","aliases":["CVE-2026-1","GHSA-1"]"#, "Go", "a.example/m", "1.0.0", "1.5.0")];
    check(&records, "Go", "a.example/m", "v1.4.0", &["CVE-2026-1: GO-1 -> 1.5.0"]);
    check(&records, "Go", "a.example/m", "v1.5.0", &[]);
    check(&records, "Go", "a.example/M", "v1.4.0", &[]);
    check(&records, "npm", "a.example/m", "1.4.0", &[]);
}

#[test]
fn a_release_is_met_exactly() {
    let records = [
        record("A-1", "", "Alpine:v3.4", "musl", "0", "1.1.15-r0"),
        record("A-2", "", "Alpine:v3.5", "musl", "0", "1.1.16-r0"),
    ];
    check(&records, "Alpine:v3.4", "musl", "1.1.14-r15", &["A-1: A-1 -> 1.1.15-r0"]);
    check(&records, "Alpine:v3.45", "musl", "1.1.14-r15", &[]);
    check(&records, "Alpine", "musl", "1.1.14-r15", &[]);
}

#[test]
fn ubuntu_s_long_term_releases_are_met_and_the_subscribers_are_not() {
    let records = [
        record("U-1", "", "Ubuntu:22.04:LTS", "a", "0", "2"),
        record("U-2", "", "Ubuntu:Pro:22.04:LTS", "a", "0", "3"),
        record("U-3", "", "Ubuntu:23.10", "a", "0", "4"),
    ];
    check(&records, "Ubuntu:22.04", "a", "1", &["U-1: U-1 -> 2"]);
    check(&records, "Ubuntu:22.04:LTS", "a", "1", &["U-1: U-1 -> 2"]);
    check(&records, "Ubuntu:23.10", "a", "1", &["U-3: U-3 -> 4"]);
}

#[test]
fn a_statement_without_a_release_is_on_all_of_them() {
    let records = [record("D-1", "", "Debian", "a", "0", "2"), record("D-2", "", "Debian:11", "a", "0", "3")];
    check(&records, "Debian:11", "a", "1", &["D-1: D-1 -> 2", "D-2: D-2 -> 3"]);
    check(&records, "Debian:12", "a", "1", &["D-1: D-1 -> 2"]);
}

#[test]
fn names_are_compared_as_the_ecosystem_compares_them() {
    let records = [record("P-1", "", "PyPI", "Zope.Interface", "0", "2")];
    check(&records, "PyPI", "zope_interface", "1", &["P-1: P-1 -> 2"]);
}

#[test]
fn a_withdrawn_advisory_says_nothing_once_the_day_has_come() {
    let past = record("G-1", r#","withdrawn":"2026-08-31T00:00:00Z""#, "npm", "a", "0", "");
    let future = record("G-2", r#","withdrawn":"2026-09-30T00:00:00Z""#, "npm", "a", "0", "");
    check(&[past, future], "npm", "a", "1.0.0", &["G-2: G-2 -> none"]);
}

#[test]
fn several_items_of_one_advisory_are_one_statement() {
    let json = r#"{"id":"X-1","affected":[
        {"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.5.0"}]}]},
        {"package":{"ecosystem":"npm","name":"b"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},
        {"package":{"ecosystem":"npm","name":"a"},"versions":["3.0.0"],"ranges":[{"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"2.5.0"}]}]}]}"#;
    let records = [json.to_owned()];
    check(&records, "npm", "a", "1.2.0", &["X-1: X-1 -> 1.5.0"]);
    check(&records, "npm", "a", "2.2.0", &["X-1: X-1 -> 2.5.0"]);
    check(&records, "npm", "a", "3.0.0", &["X-1: X-1 -> none"]);
    check(&records, "npm", "a", "1.9.0", &[]);
}

#[test]
fn aliases_of_one_cve_are_one_match() {
    let records = [
        record("GHSA-1", r#","aliases":["CVE-2026-1"]"#, "Go", "m", "0", "1.5.0"),
        record("GO-1", r#","aliases":["CVE-2026-1"]"#, "Go", "m", "0", "1.6.0"),
        record("GO-2", r#","aliases":["CVE-2026-2"],"related":["CVE-2026-1"]"#, "Go", "m", "0", "1.7.0"),
    ];
    check(&records, "Go", "m", "1.0.0", &["CVE-2026-1: GHSA-1 GO-1 -> 1.6.0", "CVE-2026-2: GO-2 -> 1.7.0"]);
    check(&records, "Go", "m", "1.5.5", &["CVE-2026-1: GO-1 -> 1.6.0", "CVE-2026-2: GO-2 -> 1.7.0"]);
}

#[test]
fn advisories_without_a_cve_join_by_any_name_they_share() {
    let records = [
        record("GHSA-1", "", "Go", "m", "0", "2.0.0"),
        record("GO-1", r#","aliases":["GHSA-1"]"#, "Go", "m", "0", "2.0.0"),
        record("GO-2", r#","aliases":["BIT-2"]"#, "Go", "m", "0", "2.0.0"),
        record("GO-3", r#","aliases":["CVE-2026-3","GHSA-3"]"#, "Go", "m", "0", "2.0.0"),
        record("GHSA-3", "", "Go", "m", "0", "2.0.0"),
    ];
    let expected = ["CVE-2026-3: GHSA-3 GO-3 -> 2.0.0", "GO-1: GHSA-1 GO-1 -> 2.0.0", "GO-2: GO-2 -> 2.0.0"];
    check(&records, "Go", "m", "1.0.0", &expected);
}

#[test]
fn two_vulnerabilities_are_not_joined_through_a_third() {
    let records = [
        record("X-1", r#","aliases":["CVE-2026-1"]"#, "npm", "a", "0", "2.0.0"),
        record("X-2", r#","aliases":["CVE-2026-2"]"#, "npm", "a", "0", "2.0.0"),
        record("X-3", r#","aliases":["CVE-2026-1","CVE-2026-2"]"#, "npm", "a", "0", "2.0.0"),
        record("X-4", r#","aliases":["X-1","X-2"]"#, "npm", "a", "0", "2.0.0"),
    ];
    let expected =
        ["CVE-2026-1: X-1 -> 2.0.0", "CVE-2026-2: X-2 -> 2.0.0", "X-3: X-3 -> 2.0.0", "X-4: X-4 -> 2.0.0"];
    check(&records, "npm", "a", "1.0.0", &expected);
}

#[test]
fn a_distribution_s_advisory_is_its_upstream_vulnerability() {
    let records = [
        record("ALPINE-CVE-2019-1", r#","upstream":["CVE-2019-1"]"#, "Debian:11", "a", "0", "2"),
        record("DSA-1-1", r#","upstream":["CVE-2019-1","DEBIAN-CVE-2019-1"]"#, "Debian:11", "a", "0", "3"),
        record("DSA-2-1", r#","upstream":["CVE-2019-1","CVE-2019-2"]"#, "Debian:11", "a", "0", "4"),
        record("CGA-1", r#","upstream":["GHSA-9"]"#, "Debian:11", "a", "0", "4"),
    ];
    let expected =
        ["CGA-1: CGA-1 -> 4", "CVE-2019-1: ALPINE-CVE-2019-1 DSA-1-1 -> 3", "DSA-2-1: DSA-2-1 -> 4"];
    check(&records, "Debian:11", "a", "1", &expected);
    let database = database(&records.each_ref().map(String::as_str));
    let found = find_version(&database, &"Debian:11".parse().unwrap(), "a", "1");
    assert_eq!(found[2].aliases, ["CVE-2019-1", "CVE-2019-2"]);
    assert_eq!(found[1].aliases, ["ALPINE-CVE-2019-1", "DEBIAN-CVE-2019-1", "DSA-1-1"]);
    assert_eq!(found[2].cves().collect::<Vec<_>>(), ["CVE-2019-1", "CVE-2019-2"]);
}

#[test]
fn bulletins_of_the_same_cves_join_only_where_they_name_each_other() {
    let cves = r#""CVE-2026-1","CVE-2026-2""#;
    let records = [
        record("GHSA-1", &format!(r#","aliases":[{cves}]"#), "npm", "a", "0", "2.0.0"),
        record("X-1", &format!(r#","aliases":["GHSA-1",{cves}]"#), "npm", "a", "0", "3.0.0"),
        record("X-2", &format!(r#","aliases":[{cves}]"#), "npm", "a", "0", "4.0.0"),
    ];
    check(&records, "npm", "a", "1.0.0", &["X-1: GHSA-1 X-1 -> 3.0.0", "X-2: X-2 -> 4.0.0"]);
}

#[test]
fn the_fix_is_one_that_no_advisory_calls_affected() {
    let two = |id: &str, fix: &str, again: &str, end: &str| {
        format!(
            r#"{{"id":"{id}","aliases":["CVE-2026-1"],"affected":[{{"package":{{"ecosystem":"npm","name":"a"}},"ranges":[{{"type":"SEMVER",
                "events":[{{"introduced":"0"}},{{"fixed":"{fix}"}},{{"introduced":"{again}"}},{{"fixed":"{end}"}}]}}]}}]}}"#
        )
    };
    let records = [
        two("X-1", "1.2.0", "1.4.0", "1.8.0"),
        record("X-2", r#","aliases":["CVE-2026-1"]"#, "npm", "a", "0", "1.5.0"),
    ];
    check(&records, "npm", "a", "1.0.0", &["CVE-2026-1: X-1 X-2 -> 1.8.0"]);
    let open = [record("X-1", r#","aliases":["CVE-2026-1"]"#, "npm", "a", "0", ""), records[1].clone()];
    check(&open, "npm", "a", "1.0.0", &["CVE-2026-1: X-1 X-2 -> none"]);
}

#[test]
fn everything_an_advisory_says_is_in_the_match() {
    let ghsa = r#"{"id":"GHSA-1","aliases":["CVE-2026-1"],"published":"2026-02-01T00:00:00Z","modified":"2026-05-01T00:00:00Z",
        "summary":"From GitHub","details":"Long","references":[{"url":"https://b.example"},{"url":"https://a.example"}],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected":[{"package":{"ecosystem":"PyPI","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]}]}"#;
    let pysec = r#"{"id":"PYSEC-1","aliases":["GHSA-1","CVE-2026-1"],"published":"2026-01-01T00:00:00Z","modified":"2026-04-01T00:00:00Z",
        "details":"First line\nsecond","references":[{"url":"https://a.example"}],"database_specific":{"severity":"low"},
        "affected":[{"package":{"ecosystem":"PyPI","name":"a"},"versions":["1"]}]}"#;
    let found = find_version(&database(&[ghsa, pysec]), &Ecosystem::of("PyPI"), "a", "1.0");
    let instant = |text: &str| -> Option<Timestamp> { Some(text.parse().unwrap()) };
    assert_eq!(found.len(), 1);
    let found = &found[0];
    assert_eq!(
        (found.vulnerability.as_str(), &found.advisories[..]),
        ("CVE-2026-1", &["GHSA-1".to_owned(), "PYSEC-1".to_owned()][..])
    );
    assert_eq!(found.severity, Severity::Low, "the ecosystem's own database comes before GitHub's");
    assert_eq!((found.cvss[0].score, found.cvss[0].source.as_str()), (9.8, "GHSA-1"));
    assert_eq!((found.summary.as_str(), found.description.as_str()), ("From GitHub", "First line\nsecond"));
    assert_eq!(
        (found.published, found.modified),
        (instant("2026-01-01T00:00:00Z"), instant("2026-05-01T00:00:00Z"))
    );
    assert_eq!(found.references, ["https://a.example", "https://b.example"]);
    assert_eq!((found.fixed_version.as_deref(), found.weak), (Some("2"), false));
}

#[test]
fn packages_of_a_distribution_are_looked_up_by_their_source() {
    let records = [record("D-1", "", "Debian:11", "glibc", "0", "2.31-14")];
    let database = database(&records.each_ref().map(String::as_str));
    let mut package = Package::new(PackageType::Deb, "libc6", "2.31-13+b1");
    package.source = Some("glibc".into());
    package.source_version = Some("2.31-13".into());
    let mut installed = InstalledPackage::new(package, Some("Debian:11".parse().unwrap()));
    assert_eq!(find(&database, &installed)[0].fixed_version.as_deref(), Some("2.31-14"));
    assert_eq!(coverage(&database, &installed), Coverage::Full);
    installed.ecosystem = Some("Debian:12".parse().unwrap());
    assert_eq!((find(&database, &installed), coverage(&database, &installed)), (vec![], Coverage::NoData));
    installed.ecosystem = None;
    assert_eq!((find(&database, &installed), coverage(&database, &installed)), (vec![], Coverage::NoData));
}

/// Which of the versions an item of `affected` on a package of the ecosystem affects.
fn affected_of<'v>(ecosystem: &str, item: &str, versions: &[&'v str]) -> Vec<&'v str> {
    let record = format!(
        r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"a"}},{item}}}]}}"#
    );
    let database = database(&[&record]);
    let is_affected = |version: &&&str| {
        let found = find_version(&database, &ecosystem.parse().unwrap(), "a", version);
        let ids = affecting(&database, &ecosystem.parse().unwrap(), "a", version);
        assert_eq!(found.len(), ids.len());
        !found.is_empty()
    };
    versions.iter().filter(is_affected).copied().collect()
}

#[test]
fn a_listed_text_that_is_no_version_is_equal_to_itself_alone() {
    // To rpm most of these have one key.
    let listed = r#""versions":["..","2.0"]"#;
    let versions = ["..", " .. ", "", "~", ".", "0:.", "-1", "2.0", "2_0"];
    assert_eq!(affected_of("AlmaLinux:9", listed, &versions), ["..", " .. ", "2.0", "2_0"]);
    let listed = r#""versions":["Not.A-version","2.0"]"#;
    assert_eq!(affected_of("PyPI", listed, &["not.a-version", "not-a-version", "2"]), ["not.a-version", "2"]);
    // A range still has what lies in it.
    let range = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1"}]}]"#;
    assert_eq!(affected_of("AlmaLinux:9", range, &["..", "0", "1"]), ["..", "0"]);
    let range = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":".."},{"last_affected":".."}]}]"#;
    assert_eq!(affected_of("AlmaLinux:9", range, &["..", "1"]), [".."]);
}

#[test]
fn a_branch_lies_in_no_range_but_that_of_all_versions() {
    let branches = ["dev-main", "master", "dev-master", "1.0", "1.x-dev"];
    let range = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0"}]}]"#;
    assert_eq!(affected_of("Packagist", range, &branches), ["1.0", "1.x-dev"]);
    let from = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0.0.1"}]}]"#;
    assert_eq!(affected_of("Packagist", from, &branches), ["1.0", "1.x-dev"]);
    let all = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]"#;
    assert_eq!(affected_of("Packagist", all, &branches), branches);
    let listed = r#""versions":["dev-master","1.0"]"#;
    assert_eq!(affected_of("Packagist", listed, &branches), ["master", "dev-master", "1.0"]);
    let database = database(&[
        r#"{"id":"X-1","affected":[{"package":{"ecosystem":"Packagist","name":"a"},"versions":["dev-master"]}]}"#,
    ]);
    assert!(find_version(&database, &Ecosystem::of("Packagist"), "a", "master")[0].weak);
}

#[test]
fn what_a_third_party_built_is_marked_and_never_dropped() {
    let records = [
        record("D-1", r#","upstream":["CVE-1"]"#, "Debian:11", "requests", "0", "9"),
        record("D-2", r#","upstream":["CVE-2"]"#, "Debian:11", "requests", "0", "1"),
        record("PYSEC-1", r#","aliases":["CVE-1"]"#, "PyPI", "requests", "0", "9"),
        record("PYSEC-2", r#","aliases":["CVE-2"]"#, "PyPI", "requests", "0", "9"),
    ];
    let database = database(&records.each_ref().map(String::as_str));
    let package = Package::new(PackageType::Deb, "requests", "2.28.1-1");
    let mut owner = InstalledPackage::new(package, Some("Debian:11".parse().unwrap()));
    assert_eq!(find(&database, &owner)[0].evidence.third_party, None);
    let findings = |owner: &InstalledPackage| -> Vec<String> {
        let mut found = find_version(&database, &Ecosystem::of("PyPI"), "requests", "2.28.1");
        heed_owner(&database, &mut found, owner);
        found.into_iter().filter(|m| m.is_finding()).map(|m| m.vulnerability).collect()
    };
    assert_eq!(findings(&owner), [""; 0], "the distribution has the one, and has fixed the other");

    owner.details.origin = Some("Docker <support@docker.com>".to_owned());
    let found = find(&database, &owner);
    let marked = found[0].evidence.third_party.as_ref().unwrap();
    assert_eq!(
        (found.len(), found[0].is_finding(), marked.vendor.as_str()),
        (1, true, "Docker <support@docker.com>")
    );
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!(json["evidence"]["thirdParty"]["toldBy"], "its maintainer is Docker <support@docker.com>");
    assert_eq!(json["evidence"]["thirdParty"]["confidence"], "low");
    // That the distribution's own package has a flaw is no reason to look away from the files of another.
    assert_eq!(findings(&owner), ["CVE-1"]);
}

#[test]
fn what_cannot_be_compared_is_never_silently_safe() {
    let records = [record("N-1", "", "Nobody's", "a", "0", ""), record("P-1", "", "PyPI", "a", "0", "")];
    let database = database(&records.each_ref().map(String::as_str));
    let at = |ecosystem: &str, name: &str, version: &str| {
        let installed = InstalledPackage::new(
            Package::new(PackageType::Generic, name, version),
            Some(ecosystem.parse().unwrap()),
        );
        (find(&database, &installed).len(), coverage(&database, &installed))
    };
    assert_eq!(at("Nobody's", "a", "1"), (0, Coverage::ListedVersions));
    assert_eq!(at("PyPI", "a", "  "), (0, Coverage::NoVersion));
    assert_eq!(at("PyPI", "a", "1"), (1, Coverage::Full));
    assert_eq!(at("PyPI", "b", "1"), (0, Coverage::Full));
    let found = find_version(&database, &Ecosystem::of("PyPI"), "a", "not a version");
    assert!(found[0].weak);
}

#[test]
fn a_build_is_what_the_advisories_say_of_the_version_that_it_builds() {
    let semver = |id: &str, events: &str| {
        format!(
            r#"{{"id":"{id}","affected":[{{"package":{{"ecosystem":"Bitnami","name":"a"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#
        )
    };
    let records = [
        semver("BIT-1", r#"{"introduced":"3.2.1"},{"fixed":"5.4.6"}"#),
        semver("BIT-2", r#"{"introduced":"5.4.6-0"},{"last_affected":"5.4.7"}"#),
        semver("BIT-3", r#"{"introduced":"0"},{"fixed":"5.4.7-2"}"#),
    ];
    let ids = |version: &str| {
        let database = database(&records.each_ref().map(String::as_str));
        affecting(&database, &Ecosystem::of("Bitnami"), "a", version).join(" ")
    };
    for (version, expected) in [
        ("5.4.5-12", "BIT-1 BIT-3"),
        ("3.2.0-7", "BIT-3"),
        ("5.4.6-rc1", "BIT-1 BIT-2 BIT-3"),
        ("5.4.6-3", "BIT-2 BIT-3"),
        ("5.4.6", "BIT-2 BIT-3"),
        ("5.4.7-1", "BIT-2 BIT-3"),
        ("5.4.7-2", "BIT-2"),
        ("5.4.8-0", ""),
    ] {
        assert_eq!(ids(version), expected, "{version}");
    }
    let listed = r#"{"id":"P-1","affected":[{"package":{"ecosystem":"PyPI","name":"torch"},"versions":["1.13.0"],
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.12"},{"last_affected":"1.12.1"},{"introduced":"1.14"},{"fixed":"1.14.1"}]}]}]}"#;
    let local = r#"{"id":"P-2","affected":[{"package":{"ecosystem":"PyPI","name":"torch"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.13.0+cu117"}]}]}]}"#;
    let database = database(&[listed, local]);
    for (version, expected) in [
        ("1.13.0+cu117", vec!["P-1"]),
        ("1.13.0+cu116", vec!["P-1", "P-2"]),
        ("1.13.0", vec!["P-1", "P-2"]),
        ("1.12.1+cpu", vec!["P-1", "P-2"]),
        ("1.14.1+cpu", vec![]),
    ] {
        assert_eq!(affecting(&database, &Ecosystem::of("PyPI"), "torch", version), expected, "{version}");
    }
}

/// A record of the publisher's own feed: `status` of the versions below `fixed`.
fn published(id: &str, cve: &str, ecosystem: &str, name: &str, fixed: &str, status: Status) -> osv::Record {
    let mut published = osv::parse(record(id, "", ecosystem, name, "0", fixed).as_bytes()).unwrap();
    published.aliases.push(cve.to_owned());
    published.authority = Authority::Publisher;
    published.affected[0].statement =
        osv::Statement { status: Some(status), note: "Minor issue".to_owned(), ..Default::default() };
    published
}

fn with_published(records: &[String], published: &[osv::Record]) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let mut builder = Builder::new("2026-09-01T00:00:00Z".parse().unwrap());
    for record in records {
        builder.add("bucket", &osv::parse(record.as_bytes()).unwrap()).unwrap();
    }
    for record in published {
        builder.add("tracker", record).unwrap();
    }
    builder.write(&path).unwrap();
    Database::open(&path).unwrap()
}

#[test]
fn the_publisher_s_word_comes_before_all_others_and_the_reason_is_kept() {
    let debian: Ecosystem = "Debian:11".parse().unwrap();
    let dsa = record("DSA-1-1", r#","upstream":["CVE-1"]"#, "Debian:11", "a", "0", "9");
    for (status, fixed, version, expected) in [
        (Status::WillNotFix, "", "1", (Status::WillNotFix, true)),
        (Status::EndOfLife, "", "1", (Status::EndOfLife, true)),
        (Status::FixDeferred, "", "1", (Status::FixDeferred, true)),
        (Status::UnderInvestigation, "", "1", (Status::UnderInvestigation, true)),
        (Status::NotAffected, "", "1", (Status::NotAffected, false)),
        (Status::Affected, "2", "1", (Status::Affected, true)),
        (Status::Affected, "2", "3", (Status::Fixed, false)),
        (Status::Affected, "0", "3", (Status::NotAffected, false)),
    ] {
        let records = [published("DEBIAN:CVE-1", "CVE-1", "Debian:11", "a", fixed, status)];
        let database = with_published(std::slice::from_ref(&dsa), &records);
        let found = find_version(&database, &debian, "a", version);
        assert_eq!(found.len(), 1, "{status:?}");
        let found = &found[0];
        assert_eq!((found.status, found.is_finding()), expected, "{status:?} {version}");
        assert_eq!(found.vulnerability, "CVE-1");
        assert_eq!(found.evidence.suppressed.is_some(), !expected.1);
        assert!(found.advisories.contains(&"DSA-1-1".to_owned()));
        assert_eq!(found.evidence.note, "Minor issue");
        // The publisher knows of no fix for what it will not fix, whatever the bulletin says.
        assert_eq!(found.fixed_version.is_some(), status == Status::Affected && found.is_finding());
        assert_eq!(affecting(&database, &debian, "a", version).contains(&"DSA-1-1"), version != "9");
    }
    // Nobody calls it affected: there is nothing to set aside.
    let alone =
        with_published(&[], &[published("DEBIAN:CVE-1", "CVE-1", "Debian:11", "a", "2", Status::Affected)]);
    assert_eq!(find_version(&alone, &debian, "a", "3"), []);
}

#[test]
fn a_bulletin_is_a_name_for_what_the_publisher_speaks_of_singly() {
    let debian: Ecosystem = "Debian:11".parse().unwrap();
    let dsa = record("DSA-1-1", r#","upstream":["CVE-1","CVE-2"]"#, "Debian:11", "a", "0", "9");
    let both = [
        published("DEBIAN:CVE-1", "CVE-1", "Debian:11", "a", "9", Status::Affected),
        published("DEBIAN:CVE-2", "CVE-2", "Debian:11", "a", "0", Status::Affected),
    ];
    let show = |database: &Database| -> Vec<String> {
        let found = find_version(database, &debian, "a", "1");
        found
            .iter()
            .map(|m| format!("{} {} {}", m.vulnerability, m.status.as_str(), m.advisories.join(" ")))
            .collect()
    };
    assert_eq!(
        show(&with_published(std::slice::from_ref(&dsa), &both)),
        ["CVE-1 affected DEBIAN:CVE-1 DSA-1-1", "CVE-2 not-affected DSA-1-1"]
    );
    // Of one of its vulnerabilities the publisher says nothing: the bulletin stands.
    assert_eq!(
        show(&with_published(std::slice::from_ref(&dsa), &both[..1])),
        ["CVE-1 affected DEBIAN:CVE-1", "DSA-1-1 affected DSA-1-1"]
    );
}

#[test]
fn a_language_package_of_the_distribution_s_is_judged_by_the_distribution() {
    let records = [
        record("PYSEC-1", r#","aliases":["CVE-1"]"#, "PyPI", "requests", "0", "9"),
        record("PYSEC-2", r#","aliases":["CVE-2"]"#, "PyPI", "requests", "0", "9"),
        record("PYSEC-3", r#","aliases":["CVE-3"]"#, "PyPI", "requests", "0", "9"),
        record("PYSEC-4", r#","aliases":["CVE-4"]"#, "PyPI", "requests", "0", "9"),
        record("D-1", r#","upstream":["CVE-1"]"#, "Debian:11", "requests", "0", "2.28.1-1"),
        record("D-2", r#","upstream":["CVE-2"]"#, "Debian:11", "requests", "0", "0"),
        record("D-3", r#","upstream":["CVE-3"]"#, "Debian:11", "requests", "0", ""),
    ];
    let database = database(&records.each_ref().map(String::as_str));
    let mut owner = Package::new(PackageType::Deb, "python3-requests", "2.28.1-1+b1");
    owner.source = Some("requests".to_owned());
    owner.source_version = Some("2.28.1-1".to_owned());
    let owner = InstalledPackage::new(owner, Some("Debian:11".parse().unwrap()));
    let mut found = find_version(&database, &Ecosystem::of("PyPI"), "requests", "2.28.1");
    assert_eq!(found.iter().filter(|found| found.is_finding()).count(), 4);
    heed_owner(&database, &mut found, &owner);
    let told: Vec<_> = found.iter().map(|m| (m.vulnerability.as_str(), m.status, m.is_finding())).collect();
    assert_eq!(
        told,
        [
            ("CVE-1", Status::Fixed, false),
            ("CVE-2", Status::NotAffected, false),
            ("CVE-3", Status::Affected, false),
            ("CVE-4", Status::Affected, true)
        ]
    );
    let why = found[0].evidence.suppressed.as_ref().unwrap();
    assert_eq!((why.source.as_str(), why.by), ("D-1", plimsoll_types::SuppressedBy::Owner));
    assert!(why.reason.contains("python3-requests"));
}

#[test]
fn a_subscriber_s_version_is_compared_with_what_subscribers_are_told() {
    let json = r#"{"id":"UBUNTU-CVE-1","upstream":["CVE-1"],"affected":[
        {"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]},
        {"package":{"ecosystem":"Ubuntu:Pro:22.04:LTS","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.0-1ubuntu1+esm2"}]}]}]}"#;
    let records = [json.to_owned()];
    check(&records, "Ubuntu:22.04", "a", "1.0-1ubuntu1", &["CVE-1: UBUNTU-CVE-1 -> none"]);
    check(&records, "Ubuntu:22.04", "a", "1.0-1ubuntu1+esm1", &["CVE-1: UBUNTU-CVE-1 -> 1.0-1ubuntu1+esm2"]);
    check(&records, "Ubuntu:22.04", "a", "1.0-1ubuntu1+esm2", &[]);
}

#[test]
fn red_hat_s_repositories_and_suse_s_modules_are_their_release() {
    let records = [
        record("R-1", "", "Red Hat:enterprise_linux:9::baseos", "a", "0", "2-1.el9"),
        record("R-2", "", "Red Hat:enterprise_linux:9.2::appstream", "a", "0", "2-1.el9"),
        record("R-3", "", "Red Hat:rhel_eus:9.2::baseos", "a", "0", "3-1.el9_2"),
        record("S-1", "", "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "a", "0", "2-1"),
        record("S-2", "", "SUSE:Linux Enterprise Server 15 SP5-LTSS", "a", "0", "3-1"),
    ];
    check(&records, "Red Hat:9", "a", "1-1.el9", &["R-1: R-1 -> 2-1.el9", "R-2: R-2 -> 2-1.el9"]);
    check(&records, "SUSE:Linux Enterprise Server 15 SP5", "a", "1-1", &["S-1: S-1 -> 2-1"]);
}

#[test]
fn a_package_of_a_module_is_compared_with_its_own_stream() {
    let bulletin = |id: &str, title: &str, fixed: &str| {
        record(id, &format!(r#","summary":"{title}""#), "AlmaLinux:8", "npm", "0", fixed)
    };
    let records = [
        bulletin("ALSA-1", "Important: nodejs:16 security update", "1:8.19-1.16.20.module_el8"),
        bulletin("ALSA-2", "Important: nodejs:18 security update", "1:9.2-1.18.14.module_el8"),
        bulletin("ALSA-3", "Moderate: npm security update", "1:10-1.el8"),
        bulletin("ALSA-4", "Moderate: security update", "1:11-1.module_el8"),
    ];
    let database = database(&records.each_ref().map(String::as_str));
    let found = |purl: &str| -> Vec<String> {
        let package = Package::new(PackageType::Rpm, "npm", "1:8.1-1.16.15.module_el8");
        let mut installed = InstalledPackage::new(package, Some("AlmaLinux:8".parse().unwrap()));
        installed.purl = purl.to_owned();
        find(&database, &installed).into_iter().map(|found| found.vulnerability).collect()
    };
    let version = "8.1-1.16.15.module_el8";
    assert_eq!(
        found(&format!("pkg:rpm/almalinux/npm@{version}?rpmmod=nodejs:16:8060:ad")),
        ["ALSA-1", "ALSA-4"]
    );
    assert_eq!(
        found(&format!("pkg:rpm/almalinux/npm@{version}?rpmmod=nodejs:18:8060:ad")),
        ["ALSA-2", "ALSA-4"]
    );
    // Without a label, what the schema says.
    assert_eq!(found(&format!("pkg:rpm/almalinux/npm@{version}")), ["ALSA-1", "ALSA-2", "ALSA-3", "ALSA-4"]);
}

#[test]
fn the_story_of_a_verdict_has_every_advisory_that_speaks_of_it() {
    let records = [
        record("DSA-1-1", r#","upstream":["CVE-1"]"#, "Debian:11", "glibc", "0", "2.31-14"),
        record("DSA-2-1", r#","upstream":["CVE-1"]"#, "Debian:11", "glibc", "0", "2.31-12"),
        record(
            "DSA-3-1",
            r#","upstream":["CVE-1"],"withdrawn":"2026-08-01T00:00:00Z""#,
            "Debian:11",
            "glibc",
            "0",
            "",
        ),
        record("DSA-4-1", r#","upstream":["CVE-2"]"#, "Debian:11", "glibc", "0", "9"),
    ];
    let database = database(&records.each_ref().map(String::as_str));
    let mut package = Package::new(PackageType::Deb, "libc6", "2.31-13+b1");
    package.source = Some("glibc".into());
    package.source_version = Some("2.31-13".into());
    let installed = InstalledPackage::new(package, Some("Debian:11".parse().unwrap()));
    let story = explain(&database, &installed, "CVE-1");
    let told: Vec<_> = story.iter().map(|a| (a.advisory.id.as_str(), a.judgement)).collect();
    assert_eq!(
        told,
        [
            ("DSA-1-1", Judgement::Says(Status::Affected)),
            ("DSA-2-1", Judgement::OutOfRange),
            ("DSA-3-1", Judgement::Withdrawn("2026-08-01T00:00:00Z".parse().unwrap()))
        ]
    );
    let first = &story[0];
    assert_eq!((first.name.as_str(), first.version.as_str(), first.order), ("glibc", "2.31-13", "dpkg"));
    assert_eq!(first.ranges, ["Debian:11 glibc: introduced 0, fixed 2.31-14"]);
    assert_eq!(first.advisory.feeds, ["feed"]);
}
