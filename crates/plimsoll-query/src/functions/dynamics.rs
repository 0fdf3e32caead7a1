//! Functions on documents: lists and property bags.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Gives::Is;
use super::{Function, function, long_at, text_at};
use crate::error::{Error, Result};
use crate::evaluate::Context;
use crate::value::{Type, Value};

/// The longest list that a function may make.
const LONGEST_LIST: i64 = 1_048_576;

pub(super) const FUNCTIONS: &[Function] = &[
    function("parse_json", "*", 1, Is(Type::Dynamic), parse_json),
    function("todynamic", "*", 1, Is(Type::Dynamic), parse_json),
    function("parsejson", "*", 1, Is(Type::Dynamic), parse_json),
    function("toobject", "*", 1, Is(Type::Dynamic), parse_json),
    function("dynamic_to_json", "*", 1, Is(Type::String), |context, a| {
        let text = sorted(&a[0]).to_json();
        context.meter.read(text.len())?;
        Ok(text.into())
    }),
    function("extract_json", "ssj", 2, Is(Type::String), extract_json),
    function("extractjson", "ssj", 2, Is(Type::String), extract_json),
    function("gettype", "*", 1, Is(Type::String), |_, a| {
        Ok(match &a[0] {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Long(_) => "long",
            Value::Real(_) => "double",
            Value::Text(_) => "string",
            Value::DateTime(_) => "datetime",
            Value::Timespan(_) => "timespan",
            Value::Array(_) => "array",
            Value::Object(_) => "dictionary",
        }
        .into())
    }),
    function("pack", "**+", 0, Is(Type::Dynamic), pack),
    function("bag_pack", "**+", 0, Is(Type::Dynamic), pack),
    function("pack_dictionary", "**+", 0, Is(Type::Dynamic), pack),
    function("pack_array", "*+", 0, Is(Type::Dynamic), |context, a| list(context, a.to_vec())),
    function("bag_keys", "*", 1, Is(Type::Dynamic), |context, a| match &document(&a[0]) {
        Value::Object(bag) => {
            list(context, bag.entries().iter().map(|(key, _)| Value::Text(key.clone())).collect())
        }
        _ => Ok(Value::Null),
    }),
    function("bag_merge", "*+", 1, Is(Type::Dynamic), bag_merge),
    function("bag_has_key", "*s", 2, Is(Type::Bool), |_, a| {
        Ok(match &a[0] {
            Value::Object(bag) => bag.entries().iter().any(|(key, _)| **key == *text_at(a, 1)).into(),
            _ => Value::Null,
        })
    }),
    function("bag_remove_keys", "**", 2, Is(Type::Dynamic), |_, a| {
        let (Value::Object(bag), Value::Array(gone)) = (&a[0], &a[1]) else { return Ok(a[0].clone()) };
        let gone: HashSet<Arc<str>> = gone.iter().map(Value::to_text).collect();
        Ok(Value::object(bag.entries().iter().filter(|(key, _)| !gone.contains(key)).cloned()))
    }),
    function("bag_set_key", "*s*", 3, Is(Type::Dynamic), |_, a| match &a[0] {
        Value::Object(bag) => {
            Ok(Value::object(bag.entries().iter().cloned().chain([(a[1].to_text(), a[2].clone())])))
        }
        _ => Ok(Value::Null),
    }),
    function("array_length", "*", 1, Is(Type::Long), |_, a| {
        Ok(items(&a[0]).map(|list| Value::Long(list.len() as i64)).unwrap_or_default())
    }),
    function("array_concat", "*+", 1, Is(Type::Dynamic), |context, a| {
        let all = a.iter().filter_map(items).flat_map(|list| list.to_vec()).collect();
        list(context, all)
    }),
    function("array_slice", "*ll", 3, Is(Type::Dynamic), |context, a| {
        let Some(items) = items(&a[0]) else { return Ok(Value::Null) };
        let length = items.len() as i64;
        let place = |n: i64| (if n < 0 { length.saturating_add(n) } else { n }).clamp(0, length);
        let (start, end) = (place(long_at(a, 1, 0)), place(long_at(a, 2, -1).saturating_add(1)));
        // An end of -1 is the last element itself.
        let end = if long_at(a, 2, -1) == -1 { length } else { end };
        list(context, items[start as usize..end.max(start) as usize].to_vec())
    }),
    function("array_index_of", "**ll", 2, Is(Type::Long), |context, a| {
        let Some(items) = items(&a[0]) else { return Ok(Value::Null) };
        context.meter.step(items.len() as u64)?;
        let start = usize::try_from(long_at(a, 2, 0)).unwrap_or(0);
        let found = items.iter().skip(start).position(|item| item == &a[1]);
        Ok(Value::Long(found.map_or(-1, |place| (start + place) as i64)))
    }),
    function("array_reverse", "*", 1, Is(Type::Dynamic), |context, a| match items(&a[0]) {
        Some(items) => list(context, items.iter().rev().cloned().collect()),
        None => Ok(a[0].clone()),
    }),
    function("array_sort_asc", "*", 1, Is(Type::Dynamic), |context, a| sorted_list(context, a, false)),
    function("array_sort_desc", "*", 1, Is(Type::Dynamic), |context, a| sorted_list(context, a, true)),
    function("array_sum", "*", 1, Is(Type::Real), |context, a| {
        let Some(items) = items(&a[0]) else { return Ok(Value::Null) };
        context.meter.step(items.len() as u64)?;
        Ok(Value::Real(items.iter().filter_map(Value::to_real).sum()))
    }),
    function("array_iff", "***", 3, Is(Type::Dynamic), |context, a| {
        let Some(conditions) = items(&a[0]) else { return Ok(Value::Null) };
        let pick = |value: &Value, place: usize| match value {
            Value::Array(list) => list.get(place).cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let chosen = conditions.iter().enumerate().map(|(place, condition)| match condition.to_bool() {
            Some(true) => pick(&a[1], place),
            Some(false) => pick(&a[2], place),
            None => Value::Null,
        });
        list(context, chosen.collect())
    }),
    function("set_union", "*+", 1, Is(Type::Dynamic), |context, a| {
        let all: Vec<Value> = a.iter().filter_map(items).flat_map(|list| list.to_vec()).collect();
        let mut seen = HashSet::new();
        list(context, all.into_iter().filter(|item| seen.insert(key(item))).collect())
    }),
    function("set_intersect", "*+", 2, Is(Type::Dynamic), |context, a| {
        let others: Vec<HashSet<Vec<u8>>> = a[1..].iter().map(keys).collect();
        kept(context, &a[0], |item| others.iter().all(|other| other.contains(item)))
    }),
    function("set_difference", "*+", 2, Is(Type::Dynamic), |context, a| {
        let others: Vec<HashSet<Vec<u8>>> = a[1..].iter().map(keys).collect();
        kept(context, &a[0], |item| !others.iter().any(|other| other.contains(item)))
    }),
    function("set_has_element", "**", 2, Is(Type::Bool), |context, a| {
        let Some(items) = items(&a[0]) else { return Ok(Value::Null) };
        context.meter.step(items.len() as u64)?;
        Ok(items.iter().any(|item| key(item) == key(&a[1])).into())
    }),
    function("set_equals", "**", 2, Is(Type::Bool), |_, a| Ok((keys(&a[0]) == keys(&a[1])).into())),
    function("jaccard_index", "**", 2, Is(Type::Real), |_, a| {
        let (a, b) = (keys(&a[0]), keys(&a[1]));
        let both = a.intersection(&b).count() as f64;
        Ok(Value::Real(both / (a.union(&b).count() as f64)))
    }),
    function("zip", "*+", 2, Is(Type::Dynamic), |context, a| {
        let length = a.iter().filter_map(items).map(|list| list.len()).max().unwrap_or(0);
        context.meter.step((length * a.len()) as u64)?;
        let at = |place: usize| a.iter().map(|list| list.element(place as i64).cloned().unwrap_or_default()).collect();
        list(context, (0..length).map(|place| Value::array(at(place))).collect())
    }),
    function("repeat", "*l", 2, Is(Type::Dynamic), |context, a| {
        let count = long_at(a, 1, 0).clamp(0, LONGEST_LIST + 1);
        context.meter.hold(count as u64 * 16)?;
        context.meter.release(count as u64 * 16);
        list(context, vec![a[0].clone(); count as usize])
    }),
    function("range", "***", 2, Is(Type::Dynamic), range),
];

/// A list made by a function: counted, and not without end.
fn list(context: &Context<'_>, items: Vec<Value>) -> Result<Value> {
    if items.len() as i64 > LONGEST_LIST {
        return Err(Error::limit(format!("a function made a list of more than {LONGEST_LIST} elements")));
    }
    context.meter.step(items.len() as u64)?;
    Ok(Value::array(items))
}

fn items(value: &Value) -> Option<Arc<Vec<Value>>> {
    match document(value) {
        Value::Array(list) => Some(list),
        _ => None,
    }
}

/// Arguments that are texts are read as JSON: Azure's own samples count the elements of a text.
fn document(value: &Value) -> Value {
    match value {
        Value::Text(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str::<serde_json::Value>(text).map(Value::from).unwrap_or_default()
        }
        other => other.clone(),
    }
}

fn key(value: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    value.key(&mut key);
    key
}

fn keys(value: &Value) -> HashSet<Vec<u8>> {
    items(value).map(|list| list.iter().map(key).collect()).unwrap_or_default()
}

/// The elements that are to stay, each once.
fn kept(context: &Context<'_>, of: &Value, stays: impl Fn(&Vec<u8>) -> bool) -> Result<Value> {
    let Some(items) = items(of) else { return Ok(Value::Null) };
    let mut seen = HashSet::new();
    let kept = items.iter().filter(|item| {
        let key = key(item);
        stays(&key) && seen.insert(key)
    });
    list(context, kept.cloned().collect())
}

fn parse_json(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(match &arguments[0] {
        Value::Text(text) => {
            context.meter.read(text.len() * 4)?;
            // What is no JSON stays the text that it is, as in Kusto.
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(json) => Value::from(json),
                Err(_) if text.is_empty() => Value::Null,
                Err(_) => arguments[0].clone(),
            }
        }
        other => other.clone(),
    })
}

/// `$.a.b[0]` or `$['a']`.
fn extract_json(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let text = text_at(arguments, 1);
    context.meter.read(text.len() * 4)?;
    let root = serde_json::from_str::<serde_json::Value>(text).map(Value::from).unwrap_or_default();
    let mut at = Some(&root);
    let path = text_at(arguments, 0).trim_start_matches('$');
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()).take(100) {
        let step = step.trim_end_matches(']').trim_matches(['\'', '"']);
        at = at.and_then(|value| match (value, step.parse::<i64>()) {
            (Value::Array(_), Ok(index)) => value.element(index),
            _ => value.member(step),
        });
    }
    Ok(Value::Text(at.map(Value::to_text).unwrap_or_default()))
}

fn pack(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    context.meter.step(arguments.len() as u64)?;
    let pairs = arguments.chunks(2).map(|pair| (pair[0].to_text(), pair.get(1).cloned().unwrap_or_default()));
    Ok(Value::object(pairs))
}

/// Of equal keys the first one stays.
fn bag_merge(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let mut places: HashMap<Arc<str>, ()> = HashMap::new();
    let mut merged = Vec::new();
    for argument in arguments {
        let Value::Object(bag) = document(argument) else { continue };
        context.meter.step(bag.entries().len() as u64)?;
        for (key, value) in bag.entries() {
            if places.insert(key.clone(), ()).is_none() {
                merged.push((key.clone(), value.clone()));
            }
        }
    }
    Ok(Value::object(merged))
}

fn sorted_list(context: &Context<'_>, arguments: &[Value], descending: bool) -> Result<Value> {
    let Some(items) = items(&arguments[0]) else { return Ok(Value::Null) };
    context.meter.step(items.len() as u64 * 8)?;
    let mut items = items.to_vec();
    items.sort_by(|a, b| {
        // Nothing stands at the end, whichever way it goes.
        let order = a.is_null().cmp(&b.is_null());
        order.then_with(|| if descending { b.order(a) } else { a.order(b) })
    });
    list(context, items)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::array(list.iter().map(sorted).collect()),
        Value::Object(bag) => {
            let mut entries: Vec<_> =
                bag.entries().iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::object(entries)
        }
        other => other.clone(),
    }
}

/// The values from the first to the second, by steps of the third.
fn range(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let step = arguments.get(2).cloned().unwrap_or(match &arguments[0] {
        Value::DateTime(_) => Value::Timespan(crate::instant::DAY),
        _ => Value::Long(1),
    });
    let rows = steps(&arguments[0], &arguments[1], &step, LONGEST_LIST as u64)?;
    list(context, rows)
}

/// The values from one to another; both functions and the source `range` count so.
pub(crate) fn steps(from: &Value, to: &Value, step: &Value, most: u64) -> Result<Vec<Value>> {
    let too_many = || Error::limit(format!("range makes more than {most} values"));
    let exact = |from: i64, to: i64, step: i64, make: fn(i64) -> Value| -> Result<Vec<Value>> {
        if step == 0 || (to < from) != (step < 0) && to != from {
            return Ok(Vec::new());
        }
        let count = (i128::from(to) - i128::from(from)) / i128::from(step) + 1;
        if count > i128::from(most) {
            return Err(too_many());
        }
        Ok((0..count).map(|n| make((i128::from(from) + n * i128::from(step)) as i64)).collect())
    };
    match (from, to, step) {
        (Value::Long(from), Value::Long(to), Value::Long(step)) => exact(*from, *to, *step, Value::Long),
        (Value::DateTime(from), Value::DateTime(to), Value::Timespan(step)) => {
            exact(*from, *to, *step, Value::DateTime)
        }
        (Value::Timespan(from), Value::Timespan(to), Value::Timespan(step)) => {
            exact(*from, *to, *step, Value::Timespan)
        }
        _ => match (from.to_real(), to.to_real(), step.to_real()) {
            (Some(from), Some(to), Some(step)) if step != 0.0 => {
                let count = ((to - from) / step).floor() + 1.0;
                if count > most as f64 {
                    return Err(too_many());
                }
                let count = if count > 0.0 { count as u64 } else { 0 };
                Ok((0..count).map(|n| Value::Real(from + n as f64 * step)).collect())
            }
            _ => Ok(Vec::new()),
        },
    }
}
