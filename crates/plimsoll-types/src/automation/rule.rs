//! A rule: a property of a thing, compared with a value.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Fault, Field};

/// Steps of a path: a thing is not deeper.
const MAX_STEPS: usize = 32;

/// A property that must have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where the property is.
    path: Vec<Step>,
    operator: Operator,
    expected: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A member, by a name without case.
    Member(String),
    /// An item of a list.
    Item(usize),
    /// Any item of a list.
    Any,
}

#[derive(Debug, Clone, PartialEq)]
enum Expected {
    /// In lower case.
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
}

/// As what a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyType {
    /// A text, without case.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
}

/// How a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The same.
    Equals,
    /// Greater; a text comes later in the alphabet.
    GreaterThan,
    /// Not smaller.
    GreaterThanOrEqualTo,
    /// Smaller.
    LesserThan,
    /// Not greater.
    LesserThanOrEqualTo,
    /// Another, or not there.
    NotEquals,
    /// A text with this somewhere in it.
    Contains,
    /// A text that begins so.
    StartsWith,
    /// A text that ends so.
    EndsWith,
}

impl Rule {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let field = field.object()?;
        let (path, kind, operator, expected) = (
            field.get("propertyJPath"),
            field.get("propertyType"),
            field.get("operator"),
            field.get("expectedValue"),
        );
        let text =
            path.text()?.ok_or_else(|| path.fault("must be a path such as properties.status.severity"))?;
        let steps = steps(text).map_err(|message| path.fault(message))?;
        let word = kind.text()?.ok_or_else(|| kind.fault("must be String, Integer, Number or Boolean"))?;
        let property_type = PropertyType::read(word)
            .ok_or_else(|| kind.fault(format!("must be String, Integer, Number or Boolean, not {word:?}")))?;
        let word = operator.text()?.ok_or_else(|| operator.fault("must be an operator such as Equals"))?;
        let known = Operator::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(word));
        let chosen = known.ok_or_else(|| {
            let words: Vec<_> = Operator::ALL.into_iter().map(Operator::as_str).collect();
            operator.fault(format!("must be one of {}, not {word:?}", words.join(", ")))
        })?;
        if !chosen.fits(property_type) {
            let message = format!("{} cannot compare a {}", chosen.as_str(), property_type.as_str());
            return Err(operator.fault(format!("does not fit: {message}")));
        }
        // Azure's model has a text here, whatever the type; people write the bare value.
        let written = match expected.value {
            Some(Value::String(text)) if text.len() <= super::MAX_TEXT => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => return Err(expected.fault(format!("must be a text of at most {} bytes", super::MAX_TEXT))),
        };
        let value = property_type.value(&written).ok_or_else(|| {
            expected.fault(format!("must be a {}, not {:?}", property_type.as_str(), super::short(&written)))
        })?;
        Ok(Self { path: steps, operator: chosen, expected: value })
    }

    /// Whether it holds of this thing. With `[*]` in its path it holds when it does of one of the items; `NotEquals`, when
    /// it does of all.
    pub fn holds(&self, thing: &Value) -> bool {
        let mut found = Vec::new();
        collect(thing, &self.path, &mut found);
        let mut judged = found.into_iter().map(|value| self.judge(value));
        match self.operator {
            Operator::NotEquals => judged.all(|truth| truth),
            _ => judged.any(|truth| truth),
        }
    }

    fn judge(&self, value: &Value) -> bool {
        let order = match (&self.expected, value) {
            (Expected::Text(expected), value) => {
                let Some(text) = text(value) else { return self.operator == Operator::NotEquals };
                match self.operator {
                    Operator::Contains => return text.contains(expected.as_str()),
                    Operator::StartsWith => return text.starts_with(expected.as_str()),
                    Operator::EndsWith => return text.ends_with(expected.as_str()),
                    _ => Some(text.as_str().cmp(expected)),
                }
            }
            (Expected::Integer(expected), value) => integer(value).map(|number| number.cmp(expected)),
            (Expected::Number(expected), value) => {
                number(value).and_then(|number| number.partial_cmp(expected))
            }
            (Expected::Boolean(expected), value) => boolean(value).map(|truth| truth.cmp(expected)),
        };
        // What is of another type cannot be compared, and so is another value.
        let Some(order) = order else { return self.operator == Operator::NotEquals };
        match self.operator {
            Operator::Equals => order == Ordering::Equal,
            Operator::NotEquals => order != Ordering::Equal,
            Operator::GreaterThan => order == Ordering::Greater,
            Operator::GreaterThanOrEqualTo => order != Ordering::Less,
            Operator::LesserThan => order == Ordering::Less,
            Operator::LesserThanOrEqualTo => order != Ordering::Greater,
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
        }
    }
}

impl PropertyType {
    const ALL: [Self; 4] = [Self::String, Self::Integer, Self::Number, Self::Boolean];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Integer => "Integer",
            Self::Number => "Number",
            Self::Boolean => "Boolean",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(word))
    }

    fn value(self, text: &str) -> Option<Expected> {
        Some(match self {
            Self::String => Expected::Text(text.to_lowercase()),
            Self::Integer => Expected::Integer(text.trim().parse().ok()?),
            Self::Number => {
                Expected::Number(text.trim().parse().ok().filter(|number: &f64| number.is_finite())?)
            }
            Self::Boolean => Expected::Boolean(truth(text)?),
        })
    }
}

impl Operator {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Equals,
        Self::GreaterThan,
        Self::GreaterThanOrEqualTo,
        Self::LesserThan,
        Self::LesserThanOrEqualTo,
        Self::NotEquals,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "Equals",
            Self::GreaterThan => "GreaterThan",
            Self::GreaterThanOrEqualTo => "GreaterThanOrEqualTo",
            Self::LesserThan => "LesserThan",
            Self::LesserThanOrEqualTo => "LesserThanOrEqualTo",
            Self::NotEquals => "NotEquals",
            Self::Contains => "Contains",
            Self::StartsWith => "StartsWith",
            Self::EndsWith => "EndsWith",
        }
    }

    fn fits(self, property_type: PropertyType) -> bool {
        match self {
            Self::Equals | Self::NotEquals => true,
            Self::Contains | Self::StartsWith | Self::EndsWith => property_type == PropertyType::String,
            _ => property_type != PropertyType::Boolean,
        }
    }
}

/// `$.properties.cve[0].title`, `properties['status'].code`, `properties.cve[*].title`.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    let bad = || format!("must be a path such as properties.status.severity, not {:?}", super::short(path));
    let mut rest = path.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    rest = rest.strip_prefix('.').unwrap_or(rest);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MAX_STEPS {
            return Err(format!("may have {MAX_STEPS} steps"));
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, behind) = inner.split_once(']').ok_or_else(bad)?;
            let inside = inside.trim();
            let quoted = inside.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
            steps.push(match (inside, quoted) {
                ("*", _) => Step::Any,
                (_, Some(name)) if !name.is_empty() => Step::Member(name.to_owned()),
                (number, _) => Step::Item(number.parse().map_err(|_| bad())?),
            });
            rest = behind;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            if name.is_empty() || name.chars().any(char::is_control) {
                return Err(bad());
            }
            steps.push(Step::Member(name.to_owned()));
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix('.') {
            if behind.is_empty() {
                return Err(bad());
            }
            rest = behind;
        }
    }
    if steps.is_empty() { Err(bad()) } else { Ok(steps) }
}

fn collect<'a>(value: &'a Value, path: &[Step], found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = path.split_first() else {
        if !value.is_null() {
            found.push(value);
        }
        return;
    };
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => {
            let exact = members.get(name);
            let member = exact
                .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v));
            if let Some(member) = member {
                collect(member, rest, found);
            }
        }
        (Step::Item(number), Value::Array(items)) => {
            if let Some(item) = items.get(*number) {
                collect(item, rest, found);
            }
        }
        (Step::Any, Value::Array(items)) => {
            for item in items {
                collect(item, rest, found);
            }
        }
        _ => {}
    }
}

/// A plain value as a text in lower case.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            // Beyond 2^53 a float names no one integer.
            (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
        }),
        // The counters of an assessment are texts.
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => truth(text),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
