//! What is wrong with a query is said precisely, and nothing that a stranger writes makes it fall over.

use super::*;

#[track_caller]
fn fault(query: &str) -> Error {
    match plan(query).and_then(|plan| executed(&plan)) {
        Ok(answer) => panic!("{query:?} answered {} rows", answer.rows.len()),
        Err(error) => error,
    }
}

/// Kind, line, character, token, and a part of the message.
#[track_caller]
fn check_fault(query: &str, kind: ErrorKind, place: (u32, u32), token: &str, part: &str) {
    let error = fault(query);
    assert_eq!(error.kind(), kind, "{query}: {error}");
    let position = error.position().unwrap_or_else(|| panic!("{query}: {error} has no position"));
    assert_eq!((position.line, position.character), place, "{query}: {error}");
    assert_eq!(error.token(), Some(token), "{query}: {error}");
    assert!(error.to_string().contains(part), "{query}: {error}");
}

#[test]
fn a_text_that_is_no_query_is_pointed_at() {
    use ErrorKind::ParserFailure;
    check_fault("resources | where name = 'a'", ParserFailure, (1, 23), "=", "cannot stand here");
    check_fault("resources\n| where\n| take 1", ParserFailure, (3, 0), "|", "expected is an expression");
    check_fault("resources | wher name == 'a'", ParserFailure, (1, 12), "wher", "did you mean 'where'?");
    check_fault("resources | where name == 'a", ParserFailure, (1, 26), "'a", "not closed");
    check_fault("resources |", ParserFailure, (1, 11), "<end of query>", "an operator");
    check_fault("resources | where (name == 'a'", ParserFailure, (1, 30), "<end of query>", "')'");
    check_fault("resources | take 1 1", ParserFailure, (1, 19), "1", "'|' or the end");
    check_fault("print 5q", ParserFailure, (1, 6), "5q", "neither a number nor");
    check_fault("print 'a\\q'", ParserFailure, (1, 8), "\\q", "is no escape");
    check_fault("print # 1", ParserFailure, (1, 6), "#", "no meaning");
    check_fault("let x = 1 print x", ParserFailure, (1, 10), "print", "';'");
    check_fault(
        "datatable(a: long, b: long) [1, 2, 3]",
        ParserFailure,
        (1, 37),
        "<end of query>",
        "3 values",
    );
    check_fault("", ParserFailure, (1, 0), "<end of query>", "expression");
    check_fault("print datetime(2024-13-01)", ParserFailure, (1, 6), "datetime(2024-13-01)", "a datetime");
    let error = fault("resources | project (1 + 2");
    assert_eq!(error.expected(), Some(")"));
    // A position counts characters, not bytes.
    check_fault("print 'ääää', §", ParserFailure, (1, 14), "§", "no meaning");
}

#[test]
fn what_the_language_has_and_we_do_not_is_named() {
    for (query, token) in [
        ("resources | evaluate bag_unpack(properties)", "evaluate"),
        ("resources | render piechart", "render"),
        ("resources | make-series count() on x", "make-series"),
        ("resources | top-nested 3 of name", "top-nested"),
        ("resources | mv-apply x = tags on (take 1)", "mv-apply"),
        ("resources | union kind=left resourcecontainers", "union kind=left"),
        ("union *", "union *"),
        ("find 'x'", "find"),
        ("set notruncation; resources", "set"),
        ("resources | extend r = rand()", "rand()"),
        ("resources | extend r = row_number()", "row_number()"),
    ] {
        let error = fault(query);
        assert_eq!(error.kind(), ErrorKind::InvalidQueryLanguage, "{query}: {error}");
        assert_eq!((error.token(), error.position()), (Some(token), None), "{query}");
    }
}

#[test]
fn names_that_are_not_there_bring_a_suggestion() {
    use ErrorKind::SemanticFailure;
    check_fault("resource | take 1", SemanticFailure, (1, 0), "resource", "did you mean 'resources'?");
    check_fault("resources | where nam == 'a'", SemanticFailure, (1, 18), "nam", "did you mean 'name'?");
    check_fault(
        "resources | where subscriptionID == 'a'",
        SemanticFailure,
        (1, 18),
        "subscriptionID",
        "'subscriptionId'?",
    );
    check_fault(
        "resources | extend x = tolowr(name)",
        SemanticFailure,
        (1, 23),
        "tolowr(name)",
        "did you mean 'tolower'?",
    );
    check_fault(
        "resources | join kind=iner (resources) on id",
        SemanticFailure,
        (1, 12),
        "join kind=iner (resources) on id",
        "'inner'?",
    );
    check_fault("resources | join (resources) on idd", SemanticFailure, (1, 32), "idd", "'id'?");
    check_fault("{{nothing}}", SemanticFailure, (1, 0), "{{nothing}}", "no saved query 'nothing'");
    check_fault("{{broken}} | take 1", SemanticFailure, (1, 0), "{{broken}}", "in the saved query 'broken'");
    check_fault("{{loop}}", SemanticFailure, (1, 0), "{{loop}}", "5 deep");
    check_fault("resources | where count() > 1", SemanticFailure, (1, 18), "count()", "in summarize only");
    check_fault("resources | project-away nme", SemanticFailure, (1, 25), "nme", "'name'?");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    use ErrorKind::SemanticFailure;
    check_fault("resources | where name == 5", SemanticFailure, (1, 18), "name == 5", "cannot be compared");
    check_fault(
        "resources | where name > ago(1d)",
        SemanticFailure,
        (1, 18),
        "name > ago(1d)",
        "cannot be compared",
    );
    check_fault("resources | where name", SemanticFailure, (1, 18), "name", "a condition");
    check_fault("resources | extend x = name + 'a'", SemanticFailure, (1, 23), "name + 'a'", "strcat");
    check_fault("resources | extend x = name.a", SemanticFailure, (1, 23), "name", "parse_json");
    check_fault("resources | extend x = tolower(5)", SemanticFailure, (1, 31), "5", "must be a text");
    check_fault(
        "resources | extend x = substring(name)",
        SemanticFailure,
        (1, 23),
        "substring(name)",
        "at least 2",
    );
    check_fault(
        "resources | extend x = tolower(name, name)",
        SemanticFailure,
        (1, 37),
        "name",
        "no more than 1",
    );
    check_fault("resources | summarize sum(name)", SemanticFailure, (1, 26), "name", "cannot be added up");
    check_fault("resources | summarize name", SemanticFailure, (1, 22), "name", "takes aggregates");
    check_fault("resources | mv-expand name", SemanticFailure, (1, 22), "name", "dynamic");
    check_fault("resources | mv-expand tags limit 500", SemanticFailure, (1, 33), "500", "at most 400");
    check_fault("resources | take -1", SemanticFailure, (1, 17), "-1", "whole number");
    check_fault(
        "resources | where id matches regex '('",
        SemanticFailure,
        (1, 35),
        "'('",
        "not a regular expression",
    );
    check_fault("let resources = 1; print 1", SemanticFailure, (1, 4), "resources", "a table's name");
    check_fault("resources | where 5 =~ 'a'", SemanticFailure, (1, 18), "5 =~ 'a'", "compare texts");
    check_fault("resources | project-rename name = id", SemanticFailure, (1, 34), "id", "already");
    check_fault(
        "print datetime_add('week-end', 1, now())",
        SemanticFailure,
        (1, 6),
        "datetime_add('week-end', 1, now())",
        "no part of a date",
    );
    check_fault(
        "let f = (x: long) { x }; resources | where f() == 1",
        SemanticFailure,
        (1, 43),
        "f()",
        "lacks its argument 'x'",
    );
}

#[test]
fn a_query_of_ten_megabytes_is_refused_unread() {
    let error = fault(&"resources | where name == 'a' ".repeat(350_000));
    assert_eq!(error.kind(), ErrorKind::QueryTooLarge);
    // What is just short enough is read.
    let list = vec!["'00000000-0000-0000-0000-000000000000'"; 3000].join(",");
    assert_eq!(
        asked(&format!("resources | where id in ({list}) | count")).unwrap().rows[0][0],
        Value::Long(0)
    );
}

#[test]
fn deep_nesting_ends_in_an_error() {
    for query in [
        format!("print {}1{}", "(".repeat(60_000), ")".repeat(60_000)),
        format!("print {}1", "-".repeat(100_000)),
        format!("print {}1", "not(".repeat(30_000)),
        format!("print dynamic({})", "[".repeat(100_000)),
        format!("{}resources", "union (".repeat(15_000)),
        format!("resources {}", "| join (resources ".repeat(5_000)),
        format!("print x{}", ".a".repeat(50_000)),
        format!("print 1{}", "+1".repeat(50_000)),
        format!("print 1{}", "==1".repeat(40_000)),
        format!("resources {}", "| where true ".repeat(8_000)),
        "{".repeat(100_000),
        format!("let f = () {}", "{ let g = () ".repeat(5_000)),
    ] {
        let error = fault(&query);
        let kinds = [ErrorKind::ParserFailure, ErrorKind::LimitExceeded, ErrorKind::SemanticFailure];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}

#[test]
fn long_queries_of_plain_structure_run() {
    let terms = vec!["name == 'acme'"; 4000].join(" or ");
    assert_eq!(asked(&format!("resources | where {terms} | count")).unwrap().rows[0][0], Value::Long(1));
    let many = "| extend a = 1 ".repeat(200);
    assert_eq!(asked(&format!("resources {many} | count")).unwrap().rows[0][0], Value::Long(2));
    // Each one doubles the one before it, were it written out.
    let doubling =
        (1..60).map(|n| format!("| extend a{n} = strcat(a{}, a{})", n - 1, n - 1)).collect::<String>();
    let error = fault(&format!("resources | extend a0 = name {doubling}"));
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let lets: String = (1..40).map(|n| format!("let t{n} = union t{}, t{};", n - 1, n - 1)).collect();
    let error = fault(&format!("let t0 = resources | take 1; {lets} t39 | count"));
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("written out"), "{error}");
}

#[test]
fn work_and_memory_have_limits() {
    let limits = Limits { steps: 5_000_000, memory: 4 << 20, ..Limits::default() };
    let run = |query: &str| {
        Plan::new(query, &catalog(), NOW, &limits, &saved)
            .and_then(|plan| executed(&plan))
            .map(|answer| answer.total)
    };
    for (query, part) in [
        // A cross join of a million pairs and more.
        (
            "let t = range x from 1 to 5000 step 1 | extend k = 1; t | join kind=inner (t) on k | count",
            "holds on to more than 4 MiB|evaluation steps",
        ),
        ("range x from 1 to 1000000 step 1 | sort by x", "holds on to more than 4 MiB"),
        (
            "range x from 1 to 90000 step 1 | summarize make_list(strcat('a long text for each of them ', x))",
            "4 MiB",
        ),
        (
            "range x from 1 to 90000 step 1 | summarize count() by strcat('a long text for each of them ', x)",
            "4 MiB",
        ),
        ("range x from 1 to 10000000 step 1", "more than 1000000 values"),
        ("print strrep('a', 100000000)", "text of more than"),
        (
            "print x = strlen(replace_string(strrep('a', 1000000), 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'))",
            "too long|text of more",
        ),
        ("print repeat(1, 100000000)", "list of more than|4 MiB"),
        ("print 'a' matches regex '((a{100}){100}){100}'", "too large"),
        (
            "range x from 1 to 400000 step 1 | extend a = hash_sha256(tostring(x)), b = hash_sha256(strcat(x, x)) | count | extend y = 1",
            "evaluation steps|",
        ),
        (
            "let t = range x from 1 to 4000 step 1; range y from 1 to 100000 step 1 | where toscalar(t | summarize make_list(x)) has tostring(y) | count",
            "evaluation steps|4 MiB",
        ),
    ] {
        match run(query) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{query}: {error}");
                let fits = part.split('|').any(|part| error.to_string().contains(part));
                assert!(fits, "{query}: {error}");
            }
            Ok(rows) => assert!(part.ends_with('|'), "{query} gave {rows} rows"),
        }
    }
}

#[test]
fn a_regular_expression_made_to_be_slow_is_not() {
    // Exponential for engines that go back; linear here.
    let query = "print strrep('a', 50000) | where print_0 matches regex '^(a+)+$' and print_0 !contains 'b' \
        | project extract('(a*)*b', 0, print_0), extract('(?i)(x+x+)+y', 1, print_0)";
    check(query, json!([["", ""]]));
}

#[test]
fn a_query_can_be_stopped_from_outside() {
    let limits = Limits::default();
    limits.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let plan = Plan::new("print 1", &catalog(), NOW, &limits, &saved).unwrap();
    assert!(executed(&plan).is_ok(), "what ends at once is not stopped");
    let plan = Plan::new("range x from 1 to 100000 step 1 | count", &catalog(), NOW, &limits, &saved);
    let error = plan.and_then(|plan| executed(&plan)).unwrap_err();
    assert!(error.to_string().contains("longer than it may"), "{error}");
}

#[test]
fn more_rows_than_a_query_may_read_are_refused() {
    let limits = Limits { scanned_rows: 5, ..Limits::default() };
    let run = |query| Plan::new(query, &catalog(), NOW, &limits, &saved).and_then(|plan| executed(&plan));
    assert!(run("securityresources | take 3").is_ok());
    assert!(run("securityresources | summarize count() by type").is_ok(), "groups are few");
    let error = run("securityresources | where id contains 'f'").unwrap_err();
    assert!(error.to_string().contains("reads more than 5 rows"), "{error}");
}

mod proptests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
            let _ = plan(&text).and_then(|plan| executed(&plan));
        }

        #[test]
        fn no_shuffle_of_tokens_makes_it_panic(tokens in prop::collection::vec(prop::sample::select(vec![
            "resources", "securityresources", "|", "where", "project", "summarize", "by", "count()", "(", ")", "==", "=", "'a'", "1",
            "1h", "name", "properties", ".", "status", "[", "]", ",", "in", "and", "or", "join", "on", "union", "let", ";", "x", "mv-expand",
            "extend", "tostring(", "datetime(2024-01-01)", "dynamic({'a': [1]})", "*", "-", "/", "take", "order by", "parse", "with", "{{saved}}",
            "print", "range", "from", "to", "step", "toscalar(", "make_list(", "arg_max(", "..", "between", "has_any", "distinct", "{", "}", "$left",
        ]), 0..25)) {
            let _ = plan(&tokens.join(" ")).and_then(|plan| executed(&plan));
        }
    }
}
