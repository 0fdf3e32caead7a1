use super::*;

fn check(json: &str) -> Record {
    parse(json.as_bytes()).unwrap()
}

#[test]
fn what_we_do_not_know_survives() {
    let record = check(
        r#"{"schema_version":"9.9","id":"X-1","modified":"2026-01-02T03:04:05Z","news":{"a":[1]},"aliases":null,
            "affected":[{"package":{"ecosystem":"Novel OS:7","name":"a","purl":"pkg:x/a"},"mood":"bad",
            "ranges":[{"type":"PHASE","events":[{"waxing":"1"}],"repo":"r"}]},
            {"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}"#,
    );
    assert_eq!((record.affected.len(), record.dropped), (2, 0));
    assert_eq!(record.affected[0].package.as_ref().unwrap().ecosystem, "Novel OS:7");
    assert_eq!(record.affected[0].ranges[0], Range { kind: "PHASE".into(), events: vec![Event::default()] });
    assert_eq!(record.modified.to_string(), "2026-01-02T03:04:05Z");
}

#[test]
fn a_part_of_the_wrong_type_is_left_out_and_counted() {
    let record = check(
        r#"{"id":"X-1","modified":7,"aliases":["CVE-1",5],"summary":["no"],"database_specific":"text",
            "affected":[{"package":{"ecosystem":"npm","name":3}},
                        {"package":{"ecosystem":"npm","name":"a"},"versions":["1",2,"3"],
                         "ranges":[{"type":"SEMVER","events":"none"},{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}"#,
    );
    assert_eq!(record.aliases, ["CVE-1"]);
    assert_eq!(record.affected[1].versions, ["1", "3"]);
    assert_eq!(record.affected[1].ranges[1].events.len(), 1);
    assert_eq!(record.affected[0].package, None);
    assert_eq!(record.dropped, 7);
}

#[test]
fn only_a_record_without_an_id_is_lost() {
    for bad in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"id":""}"#,
        r#"{"id":7}"#,
        r#"{"id":"../up"}"#,
        r#"{"id":"a/b"}"#,
        r#"{"id":"a b"}"#,
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    assert_eq!(check(r#"{"id":"ALSA-2024:2193"}"#).modified, Timestamp(0));
}

#[test]
fn texts_are_cut_and_links_are_links() {
    let long = "wörter und mehr ".repeat(1_000);
    let record = check(&format!(
        r#"{{"id":"X-1","summary":"a\n  b","details":"{long}","references":[{{"url":"javascript:alert(1)"}},
            {{"type":"WEB","url":"https://a.example/1"}},{{"url":"https://a.example/1"}},{{"url":"http://b.example/ 2"}}]}}"#
    ));
    assert_eq!(record.summary, "a b");
    assert_eq!(record.references, ["https://a.example/1"]);
    assert!(record.details.chars().count() <= DETAILS_CHARS && record.details.ends_with('…'));
}

#[test]
fn an_unreadable_withdrawal_is_one() {
    assert_eq!(check(r#"{"id":"X-1","withdrawn":"some day"}"#).withdrawn, Some(Timestamp(0)));
    assert_eq!(check(r#"{"id":"X-1","withdrawn":true}"#).withdrawn, Some(Timestamp(0)));
    assert_eq!(check(r#"{"id":"X-1","withdrawn":null}"#).withdrawn, None);
}

#[test]
fn more_than_anybody_needs_is_refused() {
    let many = format!(r#"{{"id":"X-1","aliases":[{}"a"]}}"#, r#""a","#.repeat(MAX_NAMES));
    assert_eq!(parse(many.as_bytes()).unwrap_err().kind(), crate::ErrorKind::TooLarge);
}
