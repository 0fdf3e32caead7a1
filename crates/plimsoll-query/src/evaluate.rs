//! Expressions over a row.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::ast::Comparison;
use crate::error::{Error, ErrorKind, Result};
use crate::functions::term_test;
use crate::instant;
use crate::meter::Meter;
use crate::plan::{Arithmetic, Compared, Expr, In, Step};
use crate::value::{Type, Value};

/// What an expression needs beside its row.
pub(crate) struct Context<'a> {
    pub(crate) meter: &'a Meter,
    /// Of the queries within the query.
    pub(crate) results: &'a [Value],
    pub(crate) regexes: &'a Regexes,
}

/// Regular expressions that were compiled for this query. A pattern may come out of a row, so that there may be many.
#[derive(Debug, Default)]
pub(crate) struct Regexes {
    compiled: RefCell<HashMap<String, Regex>>,
}

/// Compiled patterns that are kept.
const MOST_REGEXES: usize = 128;
/// The largest program that a pattern may become, in bytes. Matching is linear in the text, and in this.
const LARGEST_REGEX: usize = 1 << 20;

/// Compiles a pattern, within limits.
pub(crate) fn compile(pattern: &str) -> Result<Regex> {
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(LARGEST_REGEX)
        .dfa_size_limit(LARGEST_REGEX)
        .nest_limit(60)
        .build();
    built.map_err(|fault| {
        let shown: String = pattern.chars().take(60).collect();
        match fault {
            regex::Error::CompiledTooBig(_) => {
                Error::limit(format!("the regular expression '{shown}' is too large"))
            }
            fault => {
                // Its text draws the pattern over several lines; the last one says what is wrong.
                let text = fault.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Error::new(
                    ErrorKind::SemanticFailure,
                    format!("'{shown}' is not a regular expression: {reason}"),
                )
            }
        }
    })
}

impl Context<'_> {
    /// The compiled pattern.
    pub(crate) fn regex(&self, pattern: &str) -> Result<Regex> {
        if let Some(found) = self.regexes.compiled.borrow().get(pattern) {
            return Ok(found.clone());
        }
        // Compiling is work: as much as reading some hundred rows.
        self.meter.step(1000 + pattern.len() as u64 * 10)?;
        let regex = compile(pattern)?;
        let mut kept = self.regexes.compiled.borrow_mut();
        if kept.len() >= MOST_REGEXES {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl Expr {
    /// Its value over a row.
    pub(crate) fn value(&self, row: &[Value], context: &Context<'_>) -> Result<Value> {
        context.meter.step(1)?;
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Column(column) => row.get(*column).cloned().unwrap_or_default(),
            Self::Result(place) => context.results.get(*place).cloned().unwrap_or_default(),
            Self::Path(inner, steps) => match &**inner {
                // The common case reads in place.
                Self::Column(column) => {
                    row.get(*column).and_then(|value| walk(value, steps)).cloned().unwrap_or_default()
                }
                inner => walk(&inner.value(row, context)?, steps).cloned().unwrap_or_default(),
            },
            Self::Element(list, index) => {
                let (list, index) = (list.value(row, context)?, index.value(row, context)?);
                let found = match &index {
                    Value::Text(key) => list.member(key),
                    other => other.to_long().and_then(|index| list.element(index)),
                };
                found.cloned().unwrap_or_default()
            }
            Self::Call(function, arguments) => {
                let arguments: Result<Vec<Value>> = arguments.iter().map(|a| a.value(row, context)).collect();
                function.apply(context, arguments?)?
            }
            Self::And(parts) => all_of(parts, row, context, false)?,
            Self::Or(parts) => all_of(parts, row, context, true)?,
            Self::Case(cases, otherwise) => {
                for (when, then) in cases {
                    if when.value(row, context)?.to_bool() == Some(true) {
                        return then.value(row, context);
                    }
                }
                otherwise.value(row, context)?
            }
            Self::Coalesce(parts) => {
                let mut found = Value::Null;
                for part in parts {
                    found = part.value(row, context)?;
                    let is_nothing = found.is_null() || found.as_text() == Some("");
                    if !is_nothing {
                        break;
                    }
                }
                found
            }
            Self::Cast(inner, kind) => inner.value(row, context)?.cast(*kind),
            Self::Compare(how, compared, a, b) => {
                compare(*how, *compared, &a.value(row, context)?, &b.value(row, context)?, context)?
            }
            Self::Arithmetic(how, a, b) => arithmetic(*how, &a.value(row, context)?, &b.value(row, context)?),
            Self::Negate(inner) => match inner.value(row, context)? {
                Value::Timespan(ticks) => Value::Timespan(ticks.wrapping_neg()),
                value => match value.to_number() {
                    Some(Value::Long(number)) => Value::Long(number.wrapping_neg()),
                    Some(Value::Real(number)) => Value::Real(-number),
                    _ => Value::Null,
                },
            },
            Self::Text { how, fold, negated, sides } => {
                let text = sides.0.value(row, context)?.to_text();
                let sought = sides.1.value(row, context)?.to_text();
                context.meter.read(text.len())?;
                Value::Bool(term_test(*how, *fold, &text, &sought) != *negated)
            }
            Self::Matches(text, pattern) => {
                let (text, pattern) = (text.value(row, context)?.to_text(), pattern.value(row, context)?.to_text());
                context.meter.read(text.len())?;
                Value::Bool(context.regex(&pattern)?.is_match(&text))
            }
            Self::In(membership) => membership.value(row, context)?,
            Self::Parsed { subject, pattern, part } => {
                let text = subject.value(row, context)?.to_text();
                context.meter.read(text.len())?;
                match part {
                    None => Value::Bool(pattern.is_match(&text)),
                    Some((part, kind)) => match pattern.captures(&text).and_then(|found| {
                        found.name(&format!("plimsoll{part}")).map(|found| Value::text(found.as_str()))
                    }) {
                        Some(found) => found.cast(*kind),
                        None => kind.null(),
                    },
                }
            }
        })
    }
}

fn walk<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(key) => value.member(key),
        Step::Index(index) => value.element(*index),
    })
}

/// `and` (or, with `sought`, `or`) of three values: what decides it wins over what is not known.
fn all_of(parts: &[Expr], row: &[Value], context: &Context<'_>, sought: bool) -> Result<Value> {
    let mut unknown = false;
    for part in parts {
        match part.value(row, context)?.to_bool() {
            Some(truth) if truth == sought => return Ok(Value::Bool(sought)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { Value::Null } else { Value::Bool(!sought) })
}

impl In {
    fn value(&self, row: &[Value], context: &Context<'_>) -> Result<Value> {
        let needle = self.key(&self.needle.value(row, context)?);
        let found = match &self.constants {
            Some(constants) => constants.contains(&needle),
            None => {
                let mut found = false;
                for item in &self.set {
                    match item.value(row, context)? {
                        Value::Array(list) => {
                            context.meter.step(list.len() as u64)?;
                            found |= list.iter().any(|item| self.key(item) == needle);
                        }
                        item => found |= self.key(&item) == needle,
                    }
                    if found {
                        break;
                    }
                }
                found
            }
        };
        Ok(Value::Bool(found != self.negated))
    }

    /// What is compared.
    pub(crate) fn key(&self, value: &Value) -> Vec<u8> {
        let mut key = Vec::new();
        if self.as_text || self.fold {
            let text = value.to_text();
            let text = if self.fold { text.to_lowercase().into() } else { text };
            Value::Text(text).key(&mut key);
        } else {
            // A number in a document may be written as a text.
            let number = if matches!(value, Value::Text(_)) { value.to_number() } else { None };
            number.as_ref().unwrap_or(value).key(&mut key);
        }
        key
    }
}

/// Two values. What is nothing is equal to nothing else, and with itself neither equal nor different.
fn compare(how: Comparison, compared: Compared, a: &Value, b: &Value, context: &Context<'_>) -> Result<Value> {
    use Comparison::{Equal, EqualFold, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, NotEqualFold};
    let order = match compared_as(compared, a, b) {
        Compared::Text => {
            let (a, b) = (a.to_text(), b.to_text());
            context.meter.read(a.len().min(b.len()))?;
            match how {
                EqualFold | NotEqualFold if a.is_ascii() && b.is_ascii() => {
                    return Ok(Value::Bool(a.eq_ignore_ascii_case(&b) == (how == EqualFold)));
                }
                EqualFold | NotEqualFold => {
                    return Ok(Value::Bool((a.to_lowercase() == b.to_lowercase()) == (how == EqualFold)));
                }
                _ => Some(a.cmp(&b)),
            }
        }
        class => {
            let cast = |value: &Value| match class {
                Compared::Number => value.to_number().unwrap_or_default(),
                Compared::DateTime => value.cast(Type::DateTime),
                Compared::Timespan => value.cast(Type::Timespan),
                Compared::Bool => value.cast(Type::Bool),
                _ => value.clone(),
            };
            let (a, b) = (cast(a), cast(b));
            match (a.is_null(), b.is_null()) {
                (true, true) => return Ok(Value::Null),
                (true, false) | (false, true) => {
                    return Ok(match how {
                        Equal | EqualFold => Value::Bool(false),
                        NotEqual | NotEqualFold => Value::Bool(true),
                        _ => Value::Null,
                    });
                }
                (false, false) => {}
            }
            match (&a, &b) {
                (Value::Real(x), _) | (_, Value::Real(x)) if x.is_nan() => None,
                _ if class == Compared::Any && matches!(how, Equal | NotEqual) => {
                    let key = |value: &Value| {
                        let mut key = Vec::new();
                        value.key(&mut key);
                        key
                    };
                    Some(if key(&a) == key(&b) { Ordering::Equal } else { Ordering::Less })
                }
                _ => Some(a.order(&b)),
            }
        }
    };
    // What is not a number is different from everything.
    let Some(order) = order else { return Ok(Value::Bool(how == NotEqual)) };
    Ok(Value::Bool(match how {
        Equal | EqualFold => order.is_eq(),
        NotEqual | NotEqualFold => order.is_ne(),
        Less => order.is_lt(),
        LessOrEqual => order.is_le(),
        Greater => order.is_gt(),
        GreaterOrEqual => order.is_ge(),
    }))
}

/// Two values out of documents are compared as what one of them is.
fn compared_as(compared: Compared, a: &Value, b: &Value) -> Compared {
    if compared != Compared::Any {
        return compared;
    }
    match (a, b) {
        (Value::DateTime(_), _) | (_, Value::DateTime(_)) => Compared::DateTime,
        (Value::Timespan(_), _) | (_, Value::Timespan(_)) => Compared::Timespan,
        (Value::Text(_), Value::Text(_)) => Compared::Text,
        (Value::Long(_) | Value::Real(_), Value::Text(_) | Value::Long(_) | Value::Real(_))
        | (Value::Text(_), Value::Long(_) | Value::Real(_)) => Compared::Number,
        _ => Compared::Any,
    }
}

fn arithmetic(how: Arithmetic, a: &Value, b: &Value) -> Value {
    use Arithmetic::{Add, Divide, Modulo, Multiply, Subtract};
    let datetime = |ticks: Option<i64>| {
        ticks.filter(|ticks| instant::TICKS.contains(ticks)).map(Value::DateTime).unwrap_or_default()
    };
    let span = |ticks: Option<i64>| ticks.map(Value::Timespan).unwrap_or_default();
    let scaled = |ticks: i64, by: f64| {
        let scaled = ticks as f64 * by;
        span((scaled.abs() < 9.2e18).then_some(scaled as i64))
    };
    match (how, a, b) {
        (Add, Value::DateTime(a), Value::Timespan(b)) | (Add, Value::Timespan(a), Value::DateTime(b)) => {
            return datetime(a.checked_add(*b));
        }
        (Subtract, Value::DateTime(a), Value::Timespan(b)) => return datetime(a.checked_sub(*b)),
        (Subtract, Value::DateTime(a), other) => {
            return span(other.to_datetime().and_then(|b| a.checked_sub(b)));
        }
        (Subtract, other, Value::DateTime(b)) => {
            return span(other.to_datetime().and_then(|a| a.checked_sub(*b)));
        }
        (Add | Subtract, Value::Text(text), Value::Timespan(_)) if instant::parse_datetime(text).is_some() => {
            return arithmetic(how, &a.cast(Type::DateTime), b);
        }
        (Add, Value::Timespan(a), Value::Timespan(b)) => return span(a.checked_add(*b)),
        (Subtract, Value::Timespan(a), Value::Timespan(b)) => return span(a.checked_sub(*b)),
        (Modulo, Value::Timespan(a), Value::Timespan(b)) => return span(a.checked_rem_euclid(*b)),
        (Divide, Value::Timespan(a), Value::Timespan(b)) if *b != 0 => return Value::Real(*a as f64 / *b as f64),
        (Multiply, Value::Timespan(a), other) | (Multiply, other, Value::Timespan(a)) => {
            return other.to_real().map(|by| scaled(*a, by)).unwrap_or_default();
        }
        (Divide, Value::Timespan(a), other) => {
            return other.to_real().filter(|by| *by != 0.0).map(|by| scaled(*a, 1.0 / by)).unwrap_or_default();
        }
        _ => {}
    }
    match (a.to_number(), b.to_number()) {
        (Some(Value::Long(a)), Some(Value::Long(b))) => match how {
            Add => Value::Long(a.wrapping_add(b)),
            Subtract => Value::Long(a.wrapping_sub(b)),
            Multiply => Value::Long(a.wrapping_mul(b)),
            Divide => a.checked_div(b).map(Value::Long).unwrap_or_default(),
            Modulo => a.checked_rem_euclid(b).map(Value::Long).unwrap_or_default(),
        },
        (Some(a), Some(b)) => {
            let (a, b) = (a.to_real().unwrap_or_default(), b.to_real().unwrap_or_default());
            Value::Real(match how {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide => a / b,
                Modulo => a.rem_euclid(b),
            })
        }
        _ => Value::Null,
    }
}

/// What `parse` looks for, as a regular expression whose groups are named by the numbers of the columns.
pub(crate) fn parse_pattern(parse: &crate::ast::Parse) -> Result<Arc<Regex>> {
    use crate::ast::{ParseKind, ParsePart};
    let mut pattern = String::from("(?s");
    if parse.kind == ParseKind::Regex {
        pattern.extend(parse.flags.chars().filter(|flag| "imUx".contains(*flag)));
    }
    pattern.push_str(")^");
    let mut columns = 0;
    for (place, part) in parse.parts.iter().enumerate() {
        let is_last = place + 1 == parse.parts.len();
        match part {
            ParsePart::Any if is_last => {}
            ParsePart::Any => pattern.push_str(".*?"),
            ParsePart::Text(text) if parse.kind == ParseKind::Regex => pattern.push_str(&format!("(?:{text})")),
            ParsePart::Text(text) => pattern.push_str(&regex::escape(text)),
            ParsePart::Column(_, kind) => {
                let sought = match kind {
                    _ if parse.kind == ParseKind::Relaxed => "",
                    Type::Int | Type::Long => r"-?\d+",
                    Type::Real | Type::Decimal => r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?",
                    Type::Bool => "true|false|0|1",
                    _ => "",
                };
                let sought = match sought {
                    "" if is_last => ".*",
                    "" => ".*?",
                    sought => sought,
                };
                pattern.push_str(&format!("(?P<plimsoll{columns}>{sought})"));
                if is_last {
                    pattern.push('$');
                }
                columns += 1;
            }
        }
    }
    compile(&pattern).map(Arc::new)
}
