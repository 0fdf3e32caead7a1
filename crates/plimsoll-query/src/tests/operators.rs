//! Each operator, and how columns are called.

use serde_json::json;

use super::{asked, check, check_columns};

const T: &str = "datatable(a: long, b: string, c: dynamic) [
    1, 'x', dynamic([1, 2]),   2, 'y', dynamic(null),   3, 'x', dynamic([]),   4, 'z', dynamic({'k': 'v'})]";

fn on(operators: &str) -> String {
    format!("{T} | {operators}")
}

#[test]
fn rows_are_filtered_and_counted() {
    check(&on("where b == 'x' and a > 1 | project a"), json!([[3]]));
    check(&on("filter a between (2 .. 3) | count"), json!([[2]]));
    check(&on("where a !between (2 .. 3) | project a"), json!([[1], [4]]));
    check("securityresources | count", json!([[10]]));
    check("count", json!([[2]]));
    check("where name == 'acme' | project name", json!([["acme"]]));
    check_columns(&on("count"), "Count");
}

#[test]
fn take_and_limit_give_no_more_than_they_say() {
    check(&on("take 2 | project a"), json!([[1], [2]]));
    check(&on("limit 1 | where a == 2 | count"), json!([[0]]));
    check(&on("take 0"), json!([]));
    assert_eq!(asked(&on("sample 3")).unwrap().rows.len(), 3);
}

#[test]
fn distinct_gives_each_combination_once() {
    check(&on("distinct b | order by b asc"), json!([["x"], ["y"], ["z"]]));
    check(&on("distinct * | count"), json!([[4]]));
    check(&on("summarize by k = b | order by k desc"), json!([["z"], ["y"], ["x"]]));
}

#[test]
fn columns_are_extended_projected_renamed_and_reordered() {
    check(&on("extend d = a * 2, a = 0 | project a, d | take 1"), json!([[0, 2]]));
    check_columns(&on("extend a, b1 = 1, strcat(b, 'q')"), "a b c b1 Column1");
    check_columns(&on("project-away b, c"), "a");
    check_columns(&on("project-away *b*"), "a c");
    check_columns(&on("project-keep a*, c"), "a c");
    check_columns(&on("project-rename z = a, ['two words'] = b"), "z two words c");
    check_columns(&on("project-reorder c, a"), "c a b");
    check_columns(&on("project-reorder * desc"), "c b a");
    check_columns("securityresources | project properties.status.code, p = properties['a.b'], properties.tags[0]", "properties_status_code p properties_tags_0");
    check_columns("securityresources | project tostring(properties.a.b), parse_json(properties), id, id", "properties_a_b properties id id1");
    check_columns("securityresources | project tolower(id), 1 + 1", "Column1 Column2");
    check(&on("getschema | project ColumnName, ColumnType"), json!([["a", "long"], ["b", "string"], ["c", "dynamic"]]));
    check(&on("as U | serialize n = a | project n | take 1"), json!([[1]]));
}

#[test]
fn rows_are_sorted_with_nothing_last_when_falling_and_first_when_rising() {
    let t = "datatable(a: long, b: string) [2, 'p', long(null), 'q', 1, 'r', 2, 'o']";
    check(&format!("{t} | order by a | project b"), json!([["p"], ["o"], ["r"], ["q"]]));
    check(&format!("{t} | sort by a asc, b asc | project b"), json!([["q"], ["r"], ["o"], ["p"]]));
    check(&format!("{t} | sort by a asc nulls last, b | project b"), json!([["r"], ["p"], ["o"], ["q"]]));
    check(&format!("{t} | top 1 by a"), json!([[2, "p"]]));
    check(&format!("{t} | top 2 by a nulls first | project b"), json!([["q"], ["p"]]));
}

#[test]
fn groups_are_summed_up() {
    check(
        &on("summarize count(), sum(a), avg(a), min(a), max(b), n = countif(a > 1) by b | order by b asc"),
        json!([["x", 2, 4, 2.0, 1, "x", 1], ["y", 1, 2, 2.0, 2, "y", 1], ["z", 1, 4, 4.0, 4, "z", 1]]),
    );
    check_columns(
        &on("summarize count(), sum(a), avg(a), min(a), max(b), dcount(b), countif(a > 1), make_list(a), make_set(b), \
            make_bag(c), any(a), take_any(b), percentile(a, 50), stdev(a), variance(a), sum(a + 1) by b, bin(a, 10)"),
        "b a count_ sum_a avg_a min_a max_b dcount_b countif_ list_a set_b bag_c any_a b1 percentile_a_50 stdev_a variance_a sum_",
    );
    check(&on("where a > 100 | summarize count(), max(a), make_list(a)"), json!([[0, null, []]]));
    check(&on("where a > 100 | summarize count() by b"), json!([]));
    check(&on("summarize dcount(b), dcountif(b, a > 1), sumif(a, b == 'x'), avgif(a, b == 'x')"), json!([[3, 3, 4, 2.0]]));
    check(&on("summarize minif(a, a > 1), maxif(a, a < 4), count(c), make_set(b, 2)"), json!([[2, 3, 3, ["x", "y"]]]));
    check(&on("summarize r = round(sum(a) / 4.0, 1), twice = count() * 2 by b | where b == 'x' | project r, twice"), json!([[1.0, 4]]));
    check(&on("summarize arg_max(a, *) by b | order by b asc"), json!([["x", 3, []], ["y", 2, null], ["z", 4, {"k": "v"}]]));
    check(&on("summarize arg_min(a, b), (m, w) = arg_max(a, b)"), json!([[1, "x", 4, "z"]]));
    check(&on("summarize percentile(a, 50), percentiles(a, 1, 100), round(stdev(a), 3), round(variance(a), 3)"), json!([[2, 1, 4, 1.291, 1.667]]));
    check(&on("summarize make_bag(pack(b, a))"), json!([[{"x": 1, "y": 2, "z": 4}]]));
    check(&on("summarize make_list(a) by b | where b == 'x' | project list_a"), json!([[[1, 3]]]));
    check("resources | summarize count() by type", json!([["microsoft.containerregistry/registries", 2]]));
    check(
        "range x from 1 to 3 step 1 | summarize s = sum(x * 1.5), l = make_list_if(x, x > 1), t = take_anyif(x, x > 2)",
        json!([[9.0, [2, 3], 3]]),
    );
}

#[test]
fn joins_join() {
    let l = "datatable(k: string, v: long) ['a', 1, 'a', 2, 'b', 3]";
    let r = "datatable(k: string, w: long) ['a', 10, 'a', 20, 'c', 30]";
    let q = |kind: &str| format!("let L = {l}; let R = {r}; L | join kind={kind} (R) on k | order by v asc, w asc");
    check(&q("innerunique"), json!([["a", 1, "a", 10], ["a", 1, "a", 20]]));
    check(&q("inner"), json!([["a", 1, "a", 10], ["a", 1, "a", 20], ["a", 2, "a", 10], ["a", 2, "a", 20]]));
    check(&q("leftouter").replace("order by", "where k == 'b' | order by"), json!([["b", 3, "", null]]));
    check(&q("rightouter").replace("order by", "where k1 == 'c' | order by"), json!([["", null, "c", 30]]));
    check(&q("fullouter").replace("order by", "count // "), json!([[6]]));
    check(&q("leftsemi").replace(", w asc", ""), json!([["a", 1], ["a", 2]]));
    check(&q("leftanti").replace(", w asc", ""), json!([["b", 3]]));
    check(&q("rightsemi").replace("v asc, ", ""), json!([["a", 10], ["a", 20]]));
    check(&q("rightanti").replace("v asc, ", ""), json!([["c", 30]]));
    check(&format!("let R = {r}; {l} | join (R) on $left.k == $right.k | count"), json!([[2]]));
    check(&format!("let R = {r}; {l} | join kind=inner hint.strategy=shuffle (R | extend q = w / 10) on $right.q == $left.v, k | project v, w | order by v asc"), json!([[1, 10], [2, 20]]));
    check(&format!("let R = {r}; {l} | lookup (R) on k | order by v asc, w asc | project k, v, w | take 1"), json!([["a", 1, 10]]));
    check_columns(&format!("let R = {r}; {l} | join (R) on k"), "k v k1 w");
    check_columns(&format!("let R = {r}; {l} | lookup (R) on k"), "k v w");
    check(
        "resources | join kind=leftouter (ResourceContainers | project subscriptionId, sub = name) on subscriptionId | project name, sub | order by name asc",
        json!([["acme", "One"], ["other", "Two"]]),
    );
}

#[test]
fn lists_and_bags_are_expanded() {
    check(&on("mv-expand c | project a, c"), json!([[1, 1], [1, 2], [2, null], [4, {"k": "v"}]]));
    check(&on("mvexpand d = c to typeof(long) | where a == 1 | project d, c"), json!([[1, [1, 2]], [2, [1, 2]]]));
    check(&on("mv-expand with_itemindex=i c limit 1 | where a == 1 | project i, c"), json!([[0, 1]]));
    check(&on("mv-expand bagexpansion=array c | where a == 4 | project c"), json!([[["k", "v"]]]));
    check(
        "print x = dynamic([1, 2]), y = dynamic(['a']) | mv-expand x, y",
        json!([[1, "a"], [2, null]]),
    );
    check("resources | mv-expand z = properties.zones | project name, z | count", json!([[3]]));
    check("print x = range(1, 1000) | mv-expand x | count", json!([[128]]));
    check("print x = range(1, 1000) | mv-expand x limit 400 | count", json!([[400]]));
}

#[test]
fn texts_are_parsed_into_columns() {
    check("print s = 'host/repo@sha256:aa' | parse s with host '/' repo '@' digest | project host, repo, digest", json!([["host", "repo", "sha256:aa"]]));
    check("print s = 'a=1, b=x' | parse s with * 'a=' a: long ', b=' b | project a, b", json!([[1, "x"]]));
    check("print s = 'a=q, b=x' | parse s with * 'a=' a: long ', b=' b | project a, b", json!([[null, ""]]));
    check("print s = 'a=q, b=x' | parse kind=relaxed s with * 'a=' a: long ', b=' b | project a, b", json!([[null, "x"]]));
    check("print s = 'ab12cd' | parse kind=regex s with '[a-z]+' n: long '[a-z]+' | project n", json!([[12]]));
    check("print s = 'no' | parse-where s with 'yes' x", json!([]));
    check("securityresources | where name == 'f0' | parse id with registry '/providers/Microsoft.Security/assessments/' * | project registry", json!([["/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.ContainerRegistry/registries/acme"]]));
}

#[test]
fn tables_are_united() {
    let a = "datatable(x: long, y: string) [1, 'a']";
    let b = "datatable(x: long, z: long) [2, 5]";
    check(&format!("let A = {a}; let B = {b}; union A, B"), json!([[1, "a", null], [2, "", 5]]));
    check(&format!("let A = {a}; let B = {b}; union kind=inner A, (B | where x == 2)"), json!([[1], [2]]));
    check(&format!("let A = {a}; let B = {b}; A | union withsource=src B | project src, x"), json!([["union_arg0", 1], ["B", 2]]));
    check_columns("union (print x = 1), (print x = 'a')", "x_long x_string");
    check("union resources, resourcecontainers | summarize count() by type | order by type asc | project count_", json!([[2], [2]]));
}

#[test]
fn names_stand_for_values_tables_and_functions() {
    check("let n = 2; let t = range x from 1 to 5 step 1; t | where x > n | count", json!([[3]]));
    check("let f = (a: long, b: long = 10) { a * b }; print f(2), f(2, 3)", json!([[20, 6]]));
    check("let f = (n: long) { range x from 1 to n step 1 | where x > 1 }; f(4) | count", json!([[3]]));
    check("let t = materialize(range x from 1 to 5 step 1); print m = toscalar(t | summarize max(x))", json!([[5]]));
    check("let ids = resources | project subscriptionId; resourcecontainers | where subscriptionId in (ids) | count", json!([[2]]));
    check("resources | where name in ((resourcecontainers | project name)) | count", json!([[0]]));
    check("{{saved}} | where name startswith 'a'", json!([["acme"]]));
    check("resources | join kind=leftsemi ({{ saved }}) on name | count", json!([[2]]));
}

#[test]
fn every_column_can_be_searched() {
    check("resources | where * contains 'NORTHEU' | project name", json!([["other"]]));
    check("resources | where * == 'acme' | project name", json!([["acme"]]));
    check("resources | where * in ('acme', 'x') | project name", json!([["acme"]]));
    check("resources | search 'northeurope' | project name", json!([["other"]]));
    check("resources | search name:'acme' and 'westeurope' | project name", json!([["acme"]]));
    check("search in (resources, resourcecontainers) 'north*' | project ['$table'], name", json!([["resources", "other"]]));
    check("search 'Group' | summarize count() by ['$table']", json!([["resourcecontainers", 1]]));
}

#[test]
fn sources_write_rows_themselves() {
    check("print 1, b = 'x', now() - ago(1h)", json!([[1, "x", "01:00:00"]]));
    check_columns("print 1, b = 'x', 2", "print_0 b print_2");
    check("range x from 10 to 1 step -4", json!([[10], [6], [2]]));
    check("range d from datetime(2024-01-01) to datetime(2024-01-02) step 12h | count", json!([[3]]));
    check("datatable(a: datetime, b: bool, c: real, d: guid) [datetime(2024-01-01), true, 1, guid(00000000-0000-0000-0000-0000000000AA)]",
        json!([["2024-01-01T00:00:00.0000000Z", true, 1.0, "00000000-0000-0000-0000-0000000000aa"]]));
}

#[test]
fn comments_and_line_breaks_mean_nothing() {
    check("// first\nresources // of all\n  | where name == 'acme' // one\n| project name // end", json!([["acme"]]));
    check("resources|where name=='acme'|project name;", json!([["acme"]]));
    check("RESOURCES | where name == 'ac' 'me' | project name", json!([["acme"]]));
}
