//! Each function and each scalar operator.

use serde_json::json;

use super::{check, check_value};

#[test]
fn texts_are_compared() {
    for (test, truth) in [
        ("'a' == 'A'", false),
        ("'a' =~ 'A'", true),
        ("'a' != 'b'", true),
        ("'ä' =~ 'Ä'", true),
        ("'a' !~ 'A'", false),
        ("'abc' contains 'B'", true),
        ("'abc' contains_cs 'B'", false),
        ("'abc' !contains 'b'", false),
        ("'abc' startswith 'AB'", true),
        ("'abc' !startswith 'b'", true),
        ("'abc' startswith_cs 'AB'", false),
        ("'abc' endswith 'BC'", true),
        ("'abc' !endswith_cs 'BC'", true),
        ("'one two' has 'TWO'", true),
        ("'one two' has 'tw'", false),
        ("'one two' !has 'tw'", true),
        ("'one two' has_cs 'TWO'", false),
        ("'one two' hasprefix 'tw'", true),
        ("'one two' hassuffix 'NE'", true),
        ("'one two' !hasprefix 'wo'", true),
        ("'a' in ('b', 'a')", true),
        ("'A' in ('a')", false),
        ("'A' in~ ('a')", true),
        ("'A' !in ('a')", true),
        ("'A' !in~ ('a')", false),
        ("2 in (1, 2)", true),
        ("2 in (dynamic([1, 2]))", true),
        ("'x' in (dynamic(['y']))", false),
        ("'one two' has_any ('x', 'two')", true),
        ("'one two' has_all ('one', 'two')", true),
        ("'one' has_all (dynamic(['one', 'two']))", false),
        ("'sha256:aa' matches regex '^sha256:[a-f]+$'", true),
        ("'AB' matches regex '(?i)ab'", true),
        ("'a' < 'b'", true),
        ("not('a' == 'b')", true),
        ("1 == 1.0", true),
        ("5 <> 4", true),
        ("time(1h) == 60m", true),
        ("datetime(2024-01-01) < datetime(2024-01-02)", true),
        ("true and (false or true)", true),
    ] {
        check_value(test, json!(truth));
    }
}

#[test]
fn nothing_is_neither_equal_nor_different_to_itself() {
    check_value("long(null) == long(null)", json!(null));
    check_value("long(null) == 1", json!(false));
    check_value("long(null) != 1", json!(true));
    check_value("long(null) < 1", json!(null));
    check_value(
        "isnull(long(null)) and isnotnull(1) and isempty('') and isnotempty('a') and not(isnull(''))",
        json!(true),
    );
    check_value("long(null) + 1", json!(null));
    check_value("1 / 0", json!(null));
    check_value("coalesce(long(null), 5)", json!(5));
    check_value("coalesce('', 'x')", json!("x"));
}

#[test]
fn values_in_documents_are_compared_as_what_stands_on_the_other_side() {
    let d = "dynamic({'n': 5, 's': 'Text', 'when': '2024-05-10T11:30:00Z', 'b': true, 'num': '7', 'o': {'a': [10, 20]}})";
    let q = |test: &str| format!("print d = {d} | project x = {test}");
    for (test, value) in [
        ("d.n == 5", json!(true)),
        ("d.n > 4.5", json!(true)),
        ("d.s == 'Text'", json!(true)),
        ("d.s =~ 'text'", json!(true)),
        ("d.when > ago(1h)", json!(true)),
        ("d.when > ago(10m)", json!(false)),
        ("d.b == true", json!(true)),
        ("d.num > 6", json!(true)),
        ("d.missing == ''", json!(true)),
        ("d.missing != 'x'", json!(true)),
        ("isnull(d.missing)", json!(true)),
        ("isempty(d.missing)", json!(true)),
        ("d.o.a[1]", json!(20)),
        ("d.o.a.[0]", json!(10)),
        ("d['o']['a'][-1]", json!(20)),
        ("d.O.A[0]", json!(10)),
        ("d.n + 1", json!(6)),
        ("d.n == d.num", json!(false)),
        ("d.o == d.o", json!(true)),
        ("tostring(d.o)", json!("{\"a\":[10,20]}")),
        ("d.n in (5, 6)", json!(true)),
        ("d.s in ('Text')", json!(true)),
        ("tolower(d.s)", json!("text")),
        ("d.n between (1 .. 5)", json!(true)),
        ("bin(todatetime(d.when), 1h)", json!("2024-05-10T11:00:00.0000000Z")),
        ("d.s contains 'ex'", json!(true)),
        ("iff(d.n == 5, d.s, 'none')", json!("Text")),
        ("d.o.a[toint(1)]", json!(20)),
    ] {
        check(&q(test), json!([[value]]));
    }
}

#[test]
fn functions_on_texts() {
    for (call, value) in [
        ("tolower('ÄB')", json!("äb")),
        ("toupper('ab')", json!("AB")),
        ("strlen('äb')", json!(2)),
        ("tostring(1.0)", json!("1.0")),
        ("tostring(dynamic([1]))", json!("[1]")),
        ("tostring(true)", json!("true")),
        ("strcat('a', 1, 'b')", json!("a1b")),
        ("strcat_delim('-', 'a', 'b')", json!("a-b")),
        ("strcat_array(dynamic(['a', 1]), '/')", json!("a/1")),
        ("substring('abcd', 1, 2)", json!("bc")),
        ("substring('abcd', -2)", json!("cd")),
        ("indexof('abcb', 'b')", json!(1)),
        ("indexof('abcb', 'b', 2)", json!(3)),
        ("indexof('abc', 'x')", json!(-1)),
        ("countof('aaa', 'aa')", json!(2)),
        ("countof('a1b22', '[0-9]+', 'regex')", json!(2)),
        ("replace_string('aXa', 'X', 'b')", json!("aba")),
        ("replace_regex('a1b2', '([a-z])(\\\\d)', '\\\\2\\\\1')", json!("1a2b")),
        ("replace(@'(\\d)', @'<\\1>', 'a1')", json!("a<1>")),
        ("replace_strings('ab', dynamic(['a', 'b']), dynamic(['1', '2']))", json!("12")),
        ("trim('[ -]+', ' -a b- ')", json!("a b")),
        ("trim_start('x', 'xxa')", json!("xa")),
        ("trim_end(@'\\s+', 'a  ')", json!("a")),
        ("split('a/b/c', '/')", json!(["a", "b", "c"])),
        ("split('a/b', '/')[1]", json!("b")),
        ("split('a/b', '/', 1)", json!(["b"])),
        ("extract('(?i).*/(.+?)@', 1, 'host/Repo@x')", json!("Repo")),
        ("extract('x(.)', 0, 'axb')", json!("xb")),
        ("extract('q', 0, 'a')", json!("")),
        ("extract(@'(\\d+)', 1, 'a12', typeof(long))", json!(12)),
        ("extract_all('(a)(.)', 'abac')", json!([["a", "b"], ["a", "c"]])),
        ("extract_all('a(.)', 'abac')", json!(["b", "c"])),
        ("strrep('ab', 2, '-')", json!("ab-ab")),
        ("reverse('abc')", json!("cba")),
        ("strcmp('a', 'b')", json!(-1)),
        ("translate('ab', 'x', 'abc')", json!("xxc")),
        ("regex_quote('a.b')", json!("a\\.b")),
        ("hash_sha256('a')", json!("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")),
        ("base64_encode_tostring('ab')", json!("YWI=")),
        ("base64_decode_tostring('YWI=')", json!("ab")),
        ("url_encode('a b/')", json!("a%20b%2F")),
        ("url_decode('a%20b+c')", json!("a b c")),
        ("parse_url('https://h:1/p?a=b').Port", json!("1")),
        ("parse_version('1.10') > parse_version('1.9')", json!(true)),
        ("string_size('ä')", json!(2)),
        ("'a\\tb'", json!("a\tb")),
        ("@'a\\b'", json!("a\\b")),
        ("'it''s'", json!("its")),
        ("@'it''s'", json!("it's")),
        ("h'secret'", json!("secret")),
        ("```a'b```", json!("a'b")),
    ] {
        check_value(call, value);
    }
}

#[test]
fn functions_on_documents() {
    for (call, value) in [
        ("parse_json('{\"a\":{\"b\":1}}').a.b", json!(1)),
        ("todynamic('[1]')[0]", json!(1)),
        ("parse_json('no json')", json!("no json")),
        ("pack('a', 1, 'b', dynamic([2]))", json!({"a": 1, "b": [2]})),
        ("bag_pack('a', 1)", json!({"a": 1})),
        ("pack_array(1, 'x')", json!([1, "x"])),
        ("bag_keys(dynamic({'a': 1, 'b': 2}))", json!(["a", "b"])),
        ("bag_merge(dynamic({'a': 1}), dynamic({'a': 2, 'b': 3}))", json!({"a": 1, "b": 3})),
        ("bag_has_key(dynamic({'a': 1}), 'a')", json!(true)),
        ("bag_remove_keys(dynamic({'a': 1, 'b': 2}), dynamic(['a']))", json!({"b": 2})),
        ("bag_set_key(dynamic({'a': 1}), 'b', 2)", json!({"a": 1, "b": 2})),
        ("array_length(dynamic([1, 2]))", json!(2)),
        ("array_length(dynamic({'a': 1}))", json!(null)),
        ("array_concat(dynamic([1]), dynamic([2]))", json!([1, 2])),
        ("array_slice(dynamic([1, 2, 3, 4]), 1, 2)", json!([2, 3])),
        ("array_slice(dynamic([1, 2, 3]), -2, -1)", json!([2, 3])),
        ("array_index_of(dynamic(['a', 'b']), 'b')", json!(1)),
        ("array_reverse(dynamic([1, 2]))", json!([2, 1])),
        ("array_sort_asc(dynamic([2, null, 1]))", json!([1, 2, null])),
        ("array_sort_desc(dynamic([1, 3]))", json!([3, 1])),
        ("array_sum(dynamic([1, 2]))", json!(3.0)),
        ("array_iff(dynamic([true, false]), 'a', dynamic([1, 2]))", json!(["a", 2])),
        ("set_union(dynamic([1, 2]), dynamic([2, 3]))", json!([1, 2, 3])),
        ("set_intersect(dynamic([1, 2]), dynamic([2, 3]))", json!([2])),
        ("set_difference(dynamic([1, 2]), dynamic([2, 3]))", json!([1])),
        ("set_has_element(dynamic([1, 'a']), 'a')", json!(true)),
        ("set_equals(dynamic([1, 2]), dynamic([2, 1]))", json!(true)),
        ("jaccard_index(dynamic([1, 2]), dynamic([2]))", json!(0.5)),
        ("zip(dynamic([1, 2]), dynamic(['a']))", json!([[1, "a"], [2, null]])),
        ("repeat('a', 2)", json!(["a", "a"])),
        ("range(1, 7, 3)", json!([1, 4, 7])),
        ("gettype(dynamic([]))", json!("array")),
        ("gettype(1.5)", json!("double")),
        ("extract_json('$.a[1].b', '{\"a\":[0,{\"b\":5}]}')", json!("5")),
        ("dynamic_to_json(dynamic({'b': 1, 'a': 2}))", json!("{\"a\":2,\"b\":1}")),
        ("dynamic(null)", json!(null)),
    ] {
        check_value(call, value);
    }
    check("print a = 1, b = 'x' | project p = pack_all()", json!([[{"a": 1, "b": "x"}]]));
    check("print a = 1 | project column_ifexists('a', 0), column_ifexists('q', 7)", json!([[1, 7]]));
}

#[test]
fn functions_on_numbers() {
    for (call, value) in [
        ("toint('5')", json!(5)),
        ("tolong('0x10')", json!(16)),
        ("tolong(2.9)", json!(2)),
        ("todouble('1.5')", json!(1.5)),
        ("toint('x')", json!(null)),
        ("toint(99999999999)", json!(null)),
        ("tobool('true')", json!(true)),
        ("toguid('{00000000-0000-0000-0000-0000000000AA}')", json!("00000000-0000-0000-0000-0000000000aa")),
        ("abs(-3)", json!(3)),
        ("sign(-2.5)", json!(-1)),
        ("ceiling(1.2)", json!(2.0)),
        ("round(2.346, 2)", json!(2.35)),
        ("round(7)", json!(7)),
        ("floor(7.9, 1)", json!(7.0)),
        ("bin(17, 5)", json!(15)),
        ("bin(-1, 5)", json!(-5)),
        ("bin(4.5, 2)", json!(4.0)),
        ("bin_at(6.5, 2.5, 7)", json!(4.5)),
        ("sqrt(9)", json!(3.0)),
        ("pow(2, 10)", json!(1024.0)),
        ("exp2(3)", json!(8.0)),
        ("log10(100)", json!(2.0)),
        ("min_of(3, 1, 2)", json!(1)),
        ("max_of(3, 1.5)", json!(3)),
        ("tohex(255)", json!("ff")),
        ("isnan(real(nan))", json!(true)),
        ("isinf(1.0 / 0)", json!(true)),
        ("isfinite(1.0)", json!(true)),
        ("binary_and(6, 3)", json!(2)),
        ("binary_or(6, 3)", json!(7)),
        ("binary_xor(6, 3)", json!(5)),
        ("binary_shift_left(1, 4)", json!(16)),
        ("7 / 2", json!(3)),
        ("7 / 2.0", json!(3.5)),
        ("7 % 3", json!(1)),
        ("-(2 + 3) * 2", json!(-10)),
        ("2 - -1", json!(3)),
        ("1e3", json!(1000.0)),
        ("iff(1 < 2, 'a', 'b')", json!("a")),
        ("iif(false, 1, 2.5)", json!(2.5)),
        ("case(1 > 2, 'a', 2 > 1, 'b', 'c')", json!("b")),
        ("real(-1.5)", json!(-1.5)),
        ("round(pi(), 1)", json!(3.1)),
        ("not(true)", json!(false)),
    ] {
        check_value(call, value);
    }
}

#[test]
fn functions_on_instants() {
    for (call, value) in [
        ("now()", json!("2024-05-10T12:00:00.0000000Z")),
        ("ago(1d)", json!("2024-05-09T12:00:00.0000000Z")),
        ("now(-1h)", json!("2024-05-10T11:00:00.0000000Z")),
        ("todatetime('2024-02-29 10:00')", json!("2024-02-29T10:00:00.0000000Z")),
        ("datetime(2024-05-02) + 1.5d", json!("2024-05-03T12:00:00.0000000Z")),
        ("datetime(2024-05-02) - datetime(2024-05-01)", json!("1.00:00:00")),
        ("datetime_add('month', 1, datetime(2024-01-31))", json!("2024-02-29T00:00:00.0000000Z")),
        ("datetime_add('hour', -1, datetime(2024-01-01))", json!("2023-12-31T23:00:00.0000000Z")),
        ("datetime_diff('day', datetime(2024-05-02), datetime(2024-04-30))", json!(2)),
        ("datetime_diff('month', datetime(2024-05-01), datetime(2023-12-31))", json!(5)),
        ("datetime_part('month', datetime(2024-05-02))", json!(5)),
        (
            "format_datetime(datetime(2024-05-02 13:04:05.678), 'yyyy-MM-dd HH:mm:ss.fff')",
            json!("2024-05-02 13:04:05.678"),
        ),
        ("format_datetime(datetime(2024-05-02 13:04), 'yy/M/d h:mm tt')", json!("24/5/2 1:04 PM")),
        ("format_timespan(1d + 2h, 'd.hh:mm:ss')", json!("1.02:00:00")),
        ("startofday(now())", json!("2024-05-10T00:00:00.0000000Z")),
        ("startofweek(now())", json!("2024-05-05T00:00:00.0000000Z")),
        ("startofmonth(now(), -1)", json!("2024-04-01T00:00:00.0000000Z")),
        ("startofyear(now())", json!("2024-01-01T00:00:00.0000000Z")),
        ("endofday(now())", json!("2024-05-10T23:59:59.9999999Z")),
        ("endofmonth(datetime(2024-02-03))", json!("2024-02-29T23:59:59.9999999Z")),
        ("dayofweek(now())", json!("5.00:00:00")),
        ("dayofmonth(now())", json!(10)),
        ("dayofyear(now())", json!(131)),
        ("monthofyear(now())", json!(5)),
        ("getyear(now())", json!(2024)),
        ("hourofday(now())", json!(12)),
        ("week_of_year(datetime(2024-12-31))", json!(1)),
        ("make_datetime(2024, 5, 2, 10, 30)", json!("2024-05-02T10:30:00.0000000Z")),
        ("make_timespan(1, 30)", json!("01:30:00")),
        ("unixtime_seconds_todatetime(0)", json!("1970-01-01T00:00:00.0000000Z")),
        ("unixtime_milliseconds_todatetime(1500)", json!("1970-01-01T00:00:01.5000000Z")),
        ("bin(now(), 7d)", json!("2024-05-06T00:00:00.0000000Z")),
        ("totimespan('01:30')", json!("01:30:00")),
        ("2h / 30m", json!(4.0)),
        ("2 * 90s", json!("00:03:00")),
        ("1d > 23h", json!(true)),
        ("datetime(2024-05-02) between (datetime(2024-05-01) .. 2d)", json!(true)),
        ("todatetime('x')", json!(null)),
    ] {
        check_value(call, value);
    }
}
