//! Functions on texts.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::Gives::Is;
use super::{Function, function, long_at, text_at};
use crate::ast::TextTest;
use crate::error::{Error, Result};
use crate::evaluate::Context;
use crate::meter::LONGEST_TEXT;
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    function("tostring", "*", 1, Is(Type::String), |_, a| Ok(Value::Text(a[0].to_text()))),
    function("tolower", "s", 1, Is(Type::String), |_, a| Ok(text_at(a, 0).to_lowercase().into())),
    function("toupper", "s", 1, Is(Type::String), |_, a| Ok(text_at(a, 0).to_uppercase().into())),
    function("strlen", "s", 1, Is(Type::Long), |_, a| Ok((text_at(a, 0).chars().count() as i64).into())),
    function("string_size", "s", 1, Is(Type::Long), |_, a| Ok((text_at(a, 0).len() as i64).into())),
    function("isempty", "*", 1, Is(Type::Bool), |_, a| Ok(is_empty(&a[0]).into())),
    function("isnotempty", "*", 1, Is(Type::Bool), |_, a| Ok((!is_empty(&a[0])).into())),
    function("notempty", "*", 1, Is(Type::Bool), |_, a| Ok((!is_empty(&a[0])).into())),
    function("strcat", "*+", 1, Is(Type::String), strcat),
    function("strcat_delim", "s*+", 2, Is(Type::String), |context, a| {
        joined(context, &a[1..], text_at(a, 0))
    }),
    function("strcat_array", "js", 2, Is(Type::String), |context, a| match &a[0] {
        Value::Array(list) => joined(context, list, text_at(a, 1)),
        _ => Ok(Value::text("")),
    }),
    function("substring", "sll", 2, Is(Type::String), substring),
    function("indexof", "ssll", 2, Is(Type::Long), index_of),
    function("countof", "sss", 2, Is(Type::Long), count_of),
    function("replace_string", "sss", 3, Is(Type::String), replace_string),
    function("replace_strings", "sjj", 3, Is(Type::String), replace_strings),
    function("replace_regex", "sss", 3, Is(Type::String), |context, a| replace_regex(context, a, 0, 1)),
    // The older name takes the text last.
    function("replace", "sss", 3, Is(Type::String), |context, a| {
        replace_regex(context, &[a[2].clone(), a[0].clone(), a[1].clone()], 0, 1)
    }),
    function("trim", "ss", 2, Is(Type::String), |context, a| trim(context, a, true, true)),
    function("trim_start", "ss", 2, Is(Type::String), |context, a| trim(context, a, true, false)),
    function("trim_end", "ss", 2, Is(Type::String), |context, a| trim(context, a, false, true)),
    function("split", "ssl", 2, Is(Type::Dynamic), split),
    function("extract", "sls*", 3, Is(Type::String), extract),
    function("extract_all", "s**", 2, Is(Type::Dynamic), extract_all),
    function("strrep", "sls", 2, Is(Type::String), repeated),
    function("reverse", "s", 1, Is(Type::String), |_, a| {
        Ok(text_at(a, 0).chars().rev().collect::<String>().into())
    }),
    function("strcmp", "ss", 2, Is(Type::Long), |_, a| Ok((text_at(a, 0).cmp(text_at(a, 1)) as i64).into())),
    function("regex_quote", "s", 1, Is(Type::String), |_, a| Ok(regex::escape(text_at(a, 0)).into())),
    function("translate", "sss", 3, Is(Type::String), translate),
    function("hash_sha256", "*", 1, Is(Type::String), |context, a| {
        let text = a[0].to_text();
        context.meter.read(text.len() * 16)?;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(hex, "{byte:02x}");
        }
        Ok(hex.into())
    }),
    function("base64_encode_tostring", "s", 1, Is(Type::String), |_, a| {
        Ok(base64::engine::general_purpose::STANDARD.encode(text_at(a, 0)).into())
    }),
    function("base64_decode_tostring", "s", 1, Is(Type::String), |_, a| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text_at(a, 0)).ok();
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default().into())
    }),
    function("url_encode", "s", 1, Is(Type::String), |_, a| {
        let mut out = String::new();
        for byte in text_at(a, 0).bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
                byte => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
        Ok(out.into())
    }),
    function("url_decode", "s", 1, Is(Type::String), |_, a| {
        let bytes = text_at(a, 0).as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match (bytes[at], byte) {
                (b'%', Some(byte)) => {
                    out.push(byte);
                    at += 3;
                }
                (b'+', _) => {
                    out.push(b' ');
                    at += 1;
                }
                (byte, _) => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        Ok(String::from_utf8_lossy(&out).into_owned().into())
    }),
    function("parse_version", "s", 1, Is(Type::Decimal), |_, a| {
        // Up to four numbers of eight digits, which a real number holds in their order for versions as they occur.
        let parts: Option<Vec<f64>> =
            text_at(a, 0).split('.').map(|part| part.parse::<u32>().ok().map(f64::from)).collect();
        let Some(parts) = parts.filter(|parts| (1..=4).contains(&parts.len())) else {
            return Ok(Value::Null);
        };
        let sum = (0..4).fold(0.0, |sum, place| sum * 1e8 + parts.get(place).copied().unwrap_or_default());
        Ok(Value::Real(sum))
    }),
    function("parse_url", "s", 1, Is(Type::Dynamic), |_, a| Ok(parse_url(text_at(a, 0)))),
];

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn checked(context: &Context<'_>, text: String) -> Result<Value> {
    if text.len() > LONGEST_TEXT {
        return Err(Error::limit(format!("a function made a text of more than {} MiB", LONGEST_TEXT >> 20)));
    }
    context.meter.read(text.len())?;
    Ok(text.into())
}

fn strcat(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    joined(context, arguments, "")
}

fn joined(context: &Context<'_>, parts: &[Value], delimiter: &str) -> Result<Value> {
    let mut out = String::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            out.push_str(delimiter);
        }
        out.push_str(&part.to_text());
        if out.len() > LONGEST_TEXT {
            break;
        }
    }
    checked(context, out)
}

fn repeated(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let count = usize::try_from(long_at(arguments, 1, 0)).unwrap_or_default();
    let each = text_at(arguments, 0).len() + text_at(arguments, 2).len();
    if count.saturating_mul(each.max(1)) > LONGEST_TEXT {
        return Err(Error::limit(format!("a function made a text of more than {} MiB", LONGEST_TEXT >> 20)));
    }
    context.meter.read(count * each.max(1))?;
    let parts = vec![text_at(arguments, 0); count];
    Ok(parts.join(text_at(arguments, 2)).into())
}

fn substring(_: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 0);
    let start = long_at(arguments, 1, 0);
    // A negative start counts from the end.
    let start = if start < 0 { (text.chars().count() as i64).saturating_add(start).max(0) } else { start };
    let length = long_at(arguments, 2, i64::MAX).max(0);
    let usize_of = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(text.chars().skip(usize_of(start)).take(usize_of(length)).collect::<String>().into())
}

/// Characters before the first occurrence, or −1.
fn index_of(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, sought) = (text_at(arguments, 0), text_at(arguments, 1));
    context.meter.read(text.len())?;
    let start = usize::try_from(long_at(arguments, 2, 0)).unwrap_or(0);
    let Some((offset, _)) = text.char_indices().chain([(text.len(), ' ')]).nth(start) else {
        return Ok(Value::Long(-1));
    };
    let found = text[offset..].find(sought);
    let characters = found.map(|found| (start + text[offset..offset + found].chars().count()) as i64);
    let length = long_at(arguments, 3, -1);
    let fits = |place: &i64| length < 0 || place + sought.chars().count() as i64 <= start as i64 + length;
    Ok(Value::Long(characters.filter(fits).unwrap_or(-1)))
}

fn count_of(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, sought) = (text_at(arguments, 0), text_at(arguments, 1));
    context.meter.read(text.len())?;
    if text_at(arguments, 2) == "regex" {
        return Ok(Value::Long(context.regex(sought)?.find_iter(text).count() as i64));
    }
    if sought.is_empty() {
        return Ok(Value::Long(0));
    }
    // Occurrences may overlap.
    let mut count = 0;
    let mut rest = text;
    while let Some(found) = rest.find(sought) {
        count += 1;
        let step = rest[found..].chars().next().map_or(1, char::len_utf8);
        rest = &rest[found + step..];
    }
    Ok(Value::Long(count))
}

fn replace_string(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, old, new) = (text_at(arguments, 0), text_at(arguments, 1), text_at(arguments, 2));
    if old.is_empty() {
        return Ok(arguments[0].clone());
    }
    bounded_growth(text, new)?;
    checked(context, text.replace(old, new))
}

fn replace_strings(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (Value::Array(old), Value::Array(new)) = (&arguments[1], &arguments[2]) else {
        return Ok(arguments[0].clone());
    };
    let mut text = arguments[0].clone();
    for (old, new) in old.iter().zip(new.iter()) {
        text = replace_string(context, &[text, Value::Text(old.to_text()), Value::Text(new.to_text())])?;
    }
    Ok(text)
}

/// `\1` and `$1` both stand for a group.
fn replace_regex(context: &Context<'_>, arguments: &[Value], text: usize, pattern: usize) -> Result<Value> {
    let (text, new) = (text_at(arguments, text), text_at(arguments, 2));
    let regex = context.regex(text_at(arguments, pattern))?;
    context.meter.read(text.len())?;
    bounded_growth(text, new)?;
    let mut template = String::with_capacity(new.len());
    let mut characters = new.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                let _ = write!(template, "${{{digit}}}");
                characters.next();
            }
            ('$', Some(digit)) if digit.is_ascii_digit() => {
                let _ = write!(template, "${{{digit}}}");
                characters.next();
            }
            ('$', _) => template.push_str("$$"),
            (c, _) => template.push(c),
        }
    }
    checked(context, regex.replace_all(text, template.as_str()).into_owned())
}

/// A replacement may stand at each place of a text.
fn bounded_growth(text: &str, new: &str) -> Result<()> {
    if text.len().saturating_add(1).saturating_mul(new.len().max(1)) > LONGEST_TEXT * 4 {
        return Err(Error::limit("a replacement would make a text that is too long"));
    }
    Ok(())
}

fn trim(context: &Context<'_>, arguments: &[Value], at_start: bool, at_end: bool) -> Result<Value> {
    let (pattern, mut text) = (text_at(arguments, 0), text_at(arguments, 1));
    context.meter.read(text.len())?;
    if at_start && let Some(found) = context.regex(&format!("^(?:{pattern})"))?.find(text) {
        text = &text[found.end()..];
    }
    if at_end && let Some(found) = context.regex(&format!("(?:{pattern})$"))?.find(text) {
        text = &text[..found.start()];
    }
    Ok(text.into())
}

fn split(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, delimiter) = (text_at(arguments, 0), text_at(arguments, 1));
    context.meter.read(text.len() * 4)?;
    let parts: Vec<Value> = match delimiter {
        "" => text.chars().map(|c| Value::text(c.encode_utf8(&mut [0; 4]))).collect(),
        delimiter => text.split(delimiter).map(Value::text).collect(),
    };
    match arguments.get(2) {
        Some(Value::Long(index)) => {
            let part = usize::try_from(*index).ok().and_then(|index| parts.get(index).cloned());
            Ok(Value::array(part.into_iter().collect()))
        }
        _ => Ok(Value::array(parts)),
    }
}

/// The group of the first match; the empty text where there is none.
fn extract(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 2);
    context.meter.read(text.len())?;
    let regex = context.regex(text_at(arguments, 0))?;
    let group = usize::try_from(long_at(arguments, 1, 0)).unwrap_or(usize::MAX);
    let found = if group == 0 {
        regex.find(text).map(|found| found.as_str())
    } else {
        regex.captures(text).and_then(|groups| groups.get(group)).map(|found| found.as_str())
    };
    Ok(found.unwrap_or_default().into())
}

/// Every match: its one group, or a list of its groups. The groups may be chosen by their numbers.
fn extract_all(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let regex = context.regex(text_at(arguments, 0))?;
    let text = arguments.last().unwrap_or(&Value::Null).to_text();
    context.meter.read(text.len() * 4)?;
    let groups: Vec<usize> = match (&arguments[1], arguments.len()) {
        (Value::Array(list), 3) => {
            list.iter().filter_map(Value::to_long).filter_map(|group| usize::try_from(group).ok()).collect()
        }
        _ => (1..regex.captures_len()).collect(),
    };
    if regex.captures_len() == 1 {
        return Err(Error::new(
            crate::ErrorKind::SemanticFailure,
            "extract_all() needs a regular expression with at least one group in parentheses",
        ));
    }
    let mut found = Vec::new();
    for captures in regex.captures_iter(&text) {
        let mut parts: Vec<Value> =
            groups.iter().map(|group| captures.get(*group).map_or("", |part| part.as_str()).into()).collect();
        context.meter.step(parts.len() as u64)?;
        found.push(if parts.len() == 1 { parts.remove(0) } else { Value::array(parts) });
    }
    Ok(if found.is_empty() { Value::Null } else { Value::array(found) })
}

/// Letters of the first text become those at the same places of the second; the last of these stands for what is missing.
fn translate(_: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let from: Vec<char> = text_at(arguments, 0).chars().take(1000).collect();
    let to: Vec<char> = text_at(arguments, 1).chars().take(1000).collect();
    let swap = |c: char| match from.iter().position(|from| *from == c) {
        None => Some(c),
        Some(place) => to.get(place).or(to.last()).copied(),
    };
    Ok(text_at(arguments, 2).chars().filter_map(swap).collect::<String>().into())
}

fn parse_url(text: &str) -> Value {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let (host, port) = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).unwrap_or((host, ""));
    let parameters = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key.into(), Value::text(value))
    });
    let parameters = Value::object(parameters);
    let parts = [
        ("Scheme", scheme),
        ("Host", host),
        ("Port", port),
        ("Path", path),
        ("Username", name),
        ("Password", password),
    ];
    let parts = parts.into_iter().map(|(key, value)| (key.into(), Value::text(value)));
    let tail = [("Query Parameters".into(), parameters), ("Fragment".into(), Value::text(fragment))];
    Value::object(parts.chain(tail))
}

/// The tests that are written as operators: `contains`, `startswith`, `has`, and their like.
pub(crate) fn term_test(how: TextTest, fold: bool, text: &str, sought: &str) -> bool {
    if fold && !(text.is_ascii() && sought.is_ascii()) {
        return term_test(how, false, &text.to_lowercase(), &sought.to_lowercase());
    }
    let same = |a: &[u8], b: &[u8]| if fold { a.eq_ignore_ascii_case(b) } else { a == b };
    let (bytes, needle) = (text.as_bytes(), sought.as_bytes());
    match how {
        TextTest::StartsWith => bytes.len() >= needle.len() && same(&bytes[..needle.len()], needle),
        TextTest::EndsWith => {
            bytes.len() >= needle.len() && same(&bytes[bytes.len() - needle.len()..], needle)
        }
        TextTest::Contains if !fold => text.contains(sought),
        // Lower case throughout makes it a search that is linear whatever the texts are.
        TextTest::Contains => text.to_ascii_lowercase().contains(&sought.to_ascii_lowercase()),
        TextTest::Has | TextTest::HasPrefix | TextTest::HasSuffix if fold => {
            has_term(how, &text.to_ascii_lowercase(), &sought.to_ascii_lowercase())
        }
        TextTest::Has | TextTest::HasPrefix | TextTest::HasSuffix => has_term(how, text, sought),
    }
}

/// Whether the text has it as a whole word: what stands before and behind is neither letter nor digit.
fn has_term(how: TextTest, text: &str, sought: &str) -> bool {
    if sought.is_empty() {
        return true;
    }
    let mut from = 0;
    while let Some(found) = text[from..].find(sought) {
        let (start, end) = (from + found, from + found + sought.len());
        let before = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let behind = text[end..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        let holds = match how {
            TextTest::HasPrefix => before,
            TextTest::HasSuffix => behind,
            _ => before && behind,
        };
        if holds {
            return true;
        }
        from = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}
