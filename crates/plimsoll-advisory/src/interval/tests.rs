use proptest::prelude::*;

use super::*;

fn affected(json: &str) -> Affected {
    serde_json::from_str(json).unwrap()
}

/// Whether a version is in the compiled intervals of an item of `affected`.
fn holds(affected: &Affected, ecosystem: &str, version: &str) -> bool {
    let version = version.trim_ascii();
    compile(affected, ecosystem).intervals.iter().any(|(order, intervals)| {
        let key = order.key(version).bytes;
        let inside = |i: &Interval| i.start <= key && i.end.as_ref().is_none_or(|end| key < *end);
        assert!(intervals.is_sorted_by(|a, b| a.end.as_ref().is_some_and(|end| *end < b.start)));
        intervals.iter().any(inside)
    })
}

/// `yes` and `no` are versions separated by spaces.
fn check(ecosystem: &str, json: &str, yes: &str, no: &str) {
    let affected = affected(json);
    for version in yes.split_whitespace() {
        assert!(holds(&affected, ecosystem, version), "{version} should be affected by {json}");
    }
    for version in no.split_whitespace() {
        assert!(!holds(&affected, ecosystem, version), "{version} should not be affected by {json}");
    }
}

#[test]
fn fixed_is_exclusive_and_last_affected_inclusive() {
    let fixed = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.2"},{"fixed":"1.5"}]}]}"#;
    check("PyPI", fixed, "1.2 1.2.0 1.4.9 1.5rc1 1.5.dev0", "1.1 1.2rc1 1.5 1.5.0 2");
    let last = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.2"},{"last_affected":"1.5"}]}]}"#;
    check("PyPI", last, "1.2 1.5 1.5.0 1.5rc1", "1.5.post1 1.5.1 1.1");
}

#[test]
fn zero_is_before_every_version() {
    let zero = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}"#;
    check("npm", zero, "0.0.0 0.0.0-alpha 0.0.0-0 1.0.0-rc.1", "1.0.0");
    let zero = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1"}]}]}"#;
    check("Debian", zero, "0~~1 0 0~rc1-1 1~", "1 1-0");
}

#[test]
fn a_fix_at_zero_means_never_affected() {
    let never = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0"}],"database_specific":{"false_positive":true}}]}"#;
    check("Wolfi", never, "", "0 0_alpha1 1.2.3-r0");
}

#[test]
fn events_are_sorted_before_they_are_walked() {
    let shuffled = r#"{"ranges":[{"type":"SEMVER","events":[{"fixed":"3.1.0"},{"introduced":"2.0.0"},{"fixed":"1.5.0"},{"introduced":"3.0.0"},{"fixed":"2.2.0"},{"introduced":"0"}]}]}"#;
    check("npm", shuffled, "0.1.0 1.4.9 2.0.0 2.1.9 3.0.5 3.1.0-0", "1.5.0 1.9.9 2.2.0 2.9.9 3.1.0 9.0.0");
    // 10 comes after 9 in versions and before it in texts.
    let digits = r#"{"ranges":[{"type":"SEMVER","events":[{"fixed":"1.10.0"},{"introduced":"1.9.0"}]}]}"#;
    check("npm", digits, "1.9.5", "1.10.0 1.2.0");
}

/// From Bitnami's `BIT-apache-2021-42013`, `BIT-discourse-2026-27166` and `BIT-ceph-2020-1699`, and `PYSEC-2022-236`.
#[test]
fn events_at_one_version_are_taken_together() {
    let goes_on = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"2.4.49"},{"fixed":"2.4.50"},{"introduced":"2.4.50"},{"fixed":"2.4.51"}]}]}"#;
    check("Bitnami", goes_on, "2.4.49 2.4.50", "2.4.48 2.4.51");
    let nothing = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"2026.2.0"},{"fixed":"2026.2.1"},{"introduced":"2026.3.0"},{"fixed":"2026.3.0"}]}]}"#;
    check("Bitnami", nothing, "2026.2.0", "2026.2.1 2026.3.0 2026.3.1");
    let single = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"14.2.5"},{"last_affected":"14.2.5"},{"introduced":"14.2.6"},{"last_affected":"14.2.6"}]}]}"#;
    check("Bitnami", single, "14.2.5 14.2.6", "14.2.4 14.2.7 14.2.6-rc1");
    let unsorted = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.1.1"},{"introduced":"3.2.0"},{"fixed":"3.2.2"},{"introduced":"3.1.1"},{"fixed":"3.1.3"}]}]}"#;
    check("PyPI", unsorted, "3.1.0 3.1.1 3.1.2 3.2.1", "3.1.3 3.2.2");
    let reopened = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"last_affected":"1.5.0"},{"introduced":"1.5.0"},{"last_affected":"2.0.0"}]}]}"#;
    check("npm", reopened, "1.5.0 1.5.1 2.0.0", "0.9.0 2.0.1");
}

#[test]
fn without_an_end_every_later_version_is_affected() {
    let open = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"}]}]}"#;
    check("Go", open, "v1.0.0 1.0.0 v99.0.0+incompatible", "v0.9.0 v1.0.0-rc.1");
    let none = r#"{"ranges":[{"type":"SEMVER","events":[{"fixed":"1.0.0"}]},{"type":"SEMVER","events":[]}]}"#;
    check("Go", none, "", "v0.1.0 v1.0.0 v2.0.0");
}

#[test]
fn a_version_counts_below_any_limit() {
    let limit = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"limit":"1.4.0"},{"limit":"2.0.0"}]}]}"#;
    check("npm", limit, "1.0.0 1.9.9", "2.0.0 3.0.0 0.9.0");
    let all =
        r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"limit":"*"},{"limit":"2.0.0"}]}]}"#;
    check("npm", all, "2.0.0 3.0.0", "0.9.0");
}

#[test]
fn versions_and_ranges_are_a_union() {
    let both = r#"{"ranges":[{"type":"GIT","repo":"r","events":[{"introduced":"0"}]},{"type":"ECOSYSTEM","events":[{"introduced":"2"},{"fixed":"3"}]}],"versions":["1.0","5.0.0"]}"#;
    check("PyPI", both, "1.0 1.0.0 1 2.5 5", "1.0.1 0.9 3 5.0.1");
    let listed = r#"{"versions":["1.0","v2.0"]}"#;
    check("Packagist", listed, "1.0 v1.0 1.0.0 2.0 v2.0", "1.0.1 1.0-beta 2.1");
}

#[test]
fn a_range_of_commits_does_not_hide_the_ranges_behind_it() {
    let json = r#"{"ranges":[{"type":"GIT","repo":"r","events":[{"introduced":"0"},{"fixed":"abc"}]},{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}"#;
    check("npm", json, "0.5.0", "1.0.0");
    assert_eq!(compile(&affected(json), "npm").unevaluated, 0);
}

#[test]
fn a_semver_range_is_semver_in_every_ecosystem() {
    let json = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}"#;
    check("PyPI", json, "1.0.0-rc.1", "1.0.0");
    check("Packagist", json, "0.9.0", "1.0.0");
}

#[test]
fn a_range_whose_order_is_not_known_is_counted() {
    let ranges = r#"{"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],"versions":["1.0"]}"#;
    check("Nobody's", ranges, "1.0", "1.1");
    assert_eq!(compile(&affected(ranges), "Nobody's").unevaluated, 1);
    let strange = r#"{"ranges":[{"type":"PHASE","events":[{"introduced":"0"}]}]}"#;
    assert_eq!(compile(&affected(strange), "npm").unevaluated, 1);
}

#[test]
fn the_last_known_affected_version_closes_an_open_range() {
    let with = |bound: &str, events: &str| {
        format!(
            r#"{{"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}],"database_specific":{{"last_known_affected_version_range":"{bound}"}}}}"#
        )
    };
    check("PyPI", &with("<= 1.2.3", r#"{"introduced":"0"}"#), "1.2.3 0.1", "1.2.4");
    check("PyPI", &with("< 1.2.3", r#"{"introduced":"0"}"#), "1.2.2", "1.2.3");
    check("PyPI", &with("<= 1.2.3", r#"{"introduced":"0"},{"fixed":"2.0"}"#), "1.9", "2.0");
    check("PyPI", &with("<= 1.2.3", r#"{"introduced":"2.0"}"#), "2.1", "1.2.3");
    check("PyPI", &with("everything", r#"{"introduced":"0"}"#), "9", "");
}

#[test]
fn a_fix_inside_another_range_is_none() {
    let json = r#"{"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.5.0"}]},{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"2.0.0"}]}]}"#;
    let compiled = compile(&affected(json), "npm");
    let fixes: Vec<_> = compiled.intervals[0].1.iter().map(|interval| interval.fix.as_deref()).collect();
    assert_eq!(fixes, [Some("2.0.0")]);
}

/// The evaluation of the OSV schema, as its pseudo-code has it, by comparison of versions and without a key.
fn reference(affected: &Affected, scheme: Scheme, version: &str) -> bool {
    let compare = |a: &str, b: &str| match (a, b) {
        ("0", "0") => std::cmp::Ordering::Equal,
        ("0", _) => std::cmp::Ordering::Less,
        (_, "0") => std::cmp::Ordering::Greater,
        _ => scheme.compare(a, b),
    };
    if affected.versions.iter().any(|listed| scheme.compare(listed, version).is_eq()) {
        return true;
    }
    affected.ranges.iter().filter(|range| range.kind != "GIT").any(|range| {
        let limits: Vec<_> = range.events.iter().filter_map(|e| e.limit.as_deref()).collect();
        let below = |limit: &&str| *limit == "*" || scheme.compare(version, limit).is_lt();
        if !(limits.is_empty() || limits.iter().any(below)) {
            return false;
        }
        let at = |e: &Event| e.introduced.clone().or(e.fixed.clone()).or(e.last_affected.clone());
        let mut events: Vec<_> = range.events.iter().filter_map(|e| Some((at(e)?, e))).collect();
        events.sort_by(|a, b| compare(&a.0, &b.0));
        let mut vulnerable = false;
        for (at, event) in events {
            if event.introduced.is_some() && (at == "0" || scheme.compare(version, &at).is_ge()) {
                vulnerable = true;
            } else if event.fixed.is_some() && scheme.compare(version, &at).is_ge()
                || event.last_affected.is_some() && scheme.compare(version, &at).is_gt()
            {
                vulnerable = false;
            }
        }
        vulnerable
    })
}

/// Events at different versions (what two at one version mean is not in the schema), in any order.
fn range_of(kind: &'static str) -> impl Strategy<Value = Range> {
    let ends = prop::collection::btree_map((0u8..4, 0u8..4, 0u8..3), 0u8..3, 0..6);
    (ends, any::<bool>(), prop::option::of((0u8..4, 0u8..4, 0u8..3)), any::<u64>()).prop_map(
        move |(ends, from_zero, limit, seed)| {
            let text = |(a, b, c): (u8, u8, u8)| format!("{}.{b}.{c}", a + 1);
            let mut events: Vec<Event> = ends
                .into_iter()
                .map(|(version, what)| {
                    let version = Some(text(version));
                    match what {
                        0 => Event { introduced: version, ..Event::default() },
                        1 => Event { fixed: version, ..Event::default() },
                        _ => Event { last_affected: version, ..Event::default() },
                    }
                })
                .collect();
            if from_zero {
                events.push(Event { introduced: Some("0".into()), ..Event::default() });
            }
            if let Some(limit) = limit {
                events.push(Event { limit: Some(text(limit)), ..Event::default() });
            }
            let length = events.len().max(1);
            events.rotate_left((seed as usize) % length);
            if seed & 1 == 1 {
                events.reverse();
            }
            Range { kind: kind.into(), events }
        },
    )
}

proptest! {
    #[test]
    fn intervals_hold_what_the_schema_s_evaluation_holds(
        ranges in prop::collection::vec(prop_oneof![range_of("SEMVER"), range_of("ECOSYSTEM"), range_of("GIT")], 0..4),
        listed in prop::collection::vec((0u8..5, 0u8..4, 0u8..3), 0..4),
        asked in prop::collection::vec((0u8..6, 0u8..4, 0u8..3, any::<bool>()), 1..30),
    ) {
        let versions = listed.into_iter().map(|(a, b, c)| format!("{a}.{b}.{c}")).collect();
        let affected = Affected { ranges, versions, ..Affected::default() };
        for (a, b, c, before) in asked {
            let version = format!("{a}.{b}.{c}{}", if before { "-rc.1" } else { "" });
            prop_assert_eq!(holds(&affected, "npm", &version), reference(&affected, Scheme::Semver, &version), "{}", version);
        }
    }
}
