use super::*;

fn check(json: &str) -> Facts {
    let record = crate::osv::parse(json.as_bytes()).unwrap();
    let ecosystem = record.affected[0].package.as_ref().unwrap().ecosystem.clone();
    Facts::of_package(&record.affected[0])
        .with_record(Facts::of_record(&record, ecosystem.split(':').next().unwrap()))
}

/// Vectors and scores from the examples and the score tables of the CVSS specifications and of NVD.
#[test]
fn vectors_have_the_scores_of_their_specifications() {
    for (vector, version, expected) in [
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", "2.0", 7.8),
        ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", "2.0", 7.5),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.0", 8.1),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:C", "3.1", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "3.1", 6.1),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 9.3),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:X/CR:X/U:X", "4.0", 7.5),
    ] {
        let found = score(vector).unwrap_or_else(|| panic!("{vector}"));
        assert_eq!((found.version.as_str(), found.score), (version, expected), "{vector}");
    }
    for bad in
        ["", "()", "CVSS:3.1/", "CVSS:9.0/AV:N", "9.8", "CVSS:3.1/AV:N/AC:L", &"CVSS:3.1/".repeat(1_000)]
    {
        assert_eq!(score(bad), None, "{bad}");
    }
}

#[test]
fn the_bands_are_those_of_each_version() {
    let words = |version: &str, scores: &[f64]| -> Vec<Severity> {
        scores.iter().map(|s| band(version, *s)).collect()
    };
    use Severity::{Critical, High, Low, Medium, Negligible};
    assert_eq!(
        words("3.1", &[0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0]),
        [Negligible, Low, Low, Medium, Medium, High, High, Critical, Critical]
    );
    assert_eq!(words("2.0", &[0.0, 3.9, 4.0, 6.9, 7.0, 10.0]), [Low, Low, Medium, Medium, High, High]);
}

#[test]
fn the_distribution_s_word_for_the_package_comes_first() {
    let facts = check(
        r#"{"id":"DEBIAN-CVE-1","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ecosystem_specific":{"urgency":"unimportant"}}]}"#,
    );
    assert_eq!(facts.choose(), Severity::Negligible);
    assert_eq!(facts.scores.len(), 1);
    let facts = check(
        r#"{"id":"UBUNTU-CVE-1","severity":[{"type":"Ubuntu","score":"low"}],
            "affected":[{"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"a"}}]}"#,
    );
    assert_eq!(facts.choose(), Severity::Low);
    let facts = check(
        r#"{"id":"DEBIAN-CVE-1","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ecosystem_specific":{"urgency":"not yet assigned"}}]}"#,
    );
    assert_eq!(facts.choose(), Severity::Critical);
}

#[test]
fn the_newest_cvss_comes_before_the_word_of_the_feed() {
    let facts = check(
        r#"{"id":"GHSA-1","database_specific":{"severity":"LOW"},
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                        {"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
                        {"type":"CVSS_V2","score":"(AV:N/AC:L/Au:N/C:P/I:P/A:P)"}],
            "affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#,
    );
    assert_eq!(facts.choose(), Severity::High);
    let versions: Vec<_> = facts.scores.iter().map(|score| score.version.as_str()).collect();
    assert_eq!(versions, ["4.0", "3.1", "2.0"]);
    assert_eq!(facts.word, Some(Severity::Low));
}

#[test]
fn words_are_found_where_publishers_put_them() {
    let of = |json: &str| check(json).choose();
    let alma = r#"{"id":"ALSA-1","summary":"Important: a security update","affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"a"}}]}"#;
    assert_eq!(of(alma), Severity::High);
    let fix = r#"{"id":"ALBA-1","summary":"container-tools: low noise","affected":[{"package":{"ecosystem":"AlmaLinux:9","name":"a"}}]}"#;
    assert_eq!(of(fix), Severity::Unknown);
    let npm = r#"{"id":"X-1","summary":"Important: not a word of npm's","affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#;
    assert_eq!(of(npm), Severity::Unknown);
    let github = r#"{"id":"GHSA-1","database_specific":{"severity":"MODERATE"},"affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#;
    assert_eq!(of(github), Severity::Medium);
    let ruby = r#"{"id":"x_R-1","database_specific":{"cvss_v3":9.1,"cvss_v2":5},"affected":[{"package":{"ecosystem":"RubyGems","name":"a"}}]}"#;
    assert_eq!(of(ruby), Severity::Critical);
    let rust = r#"{"id":"RUSTSEC-1","affected":[{"package":{"ecosystem":"crates.io","name":"a"},"database_specific":{"informational":"unmaintained"}}]}"#;
    assert_eq!(of(rust), Severity::Negligible);
    let odd = r#"{"id":"X-1","database_specific":{"severity":{"a":1}},"affected":[{"package":{"ecosystem":"npm","name":"a"}}]}"#;
    assert_eq!(of(odd), Severity::Unknown);
}
