//! Values and types of the language.
//!
//! A column has a [`Type`]; a cell has a [`Value`]. Two rules of Kusto decide the shape: a string is never null (its empty
//! text stands for that), every other type has a null of its own; and `dynamic` may hold anything, so that a value inside a
//! document is the same [`Value`] as one in a column.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::instant;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `true`, `false` or null.
    Bool,
    /// An integer of 32 bits.
    Int,
    /// An integer of 64 bits.
    Long,
    /// A floating-point number.
    Real,
    /// A decimal number; counted as a floating-point number here.
    Decimal,
    /// An instant.
    DateTime,
    /// A length of time.
    Timespan,
    /// A GUID, kept as its text.
    Guid,
    /// A text; never null.
    String,
    /// Anything that JSON can say.
    Dynamic,
}

impl Type {
    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Long => "long",
            Self::Real => "real",
            Self::Decimal => "decimal",
            Self::DateTime => "datetime",
            Self::Timespan => "timespan",
            Self::Guid => "guid",
            Self::String => "string",
            Self::Dynamic => "dynamic",
        }
    }

    /// The type of this name, with the language's other spellings.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bool" | "boolean" => Self::Bool,
            "int" => Self::Int,
            "long" => Self::Long,
            "real" | "double" => Self::Real,
            "decimal" => Self::Decimal,
            "datetime" | "date" => Self::DateTime,
            "timespan" | "time" => Self::Timespan,
            "guid" | "uuid" | "uniqueid" => Self::Guid,
            "string" => Self::String,
            "dynamic" => Self::Dynamic,
            _ => return None,
        })
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Real | Self::Decimal)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Guid)
    }

    /// What an empty cell of this type holds.
    pub(crate) fn null(self) -> Value {
        if self == Self::String { Value::text("") } else { Value::Null }
    }
}

/// A property bag: keys in the order in which they came, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    entries: Vec<(Arc<str>, Value)>,
}

impl Object {
    /// The bag of these entries; of equal keys the first one's place and the last one's value stay.
    pub fn new(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        let mut kept: Vec<(Arc<str>, Value)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (key, value) in entries {
            match places.get(&key) {
                Some(place) => {
                    let place: usize = *place;
                    kept[place].1 = value;
                }
                None => {
                    places.insert(key.clone(), kept.len());
                    kept.push((key, value));
                }
            }
        }
        Self { entries: kept }
    }

    /// The entry of this key; where there is none, one whose key differs in case only. Azure's own published queries read
    /// `resourceDetails.Source` where the rows hold `source`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let exact = self.entries.iter().find(|(name, _)| **name == *key);
        let found = exact.or_else(|| self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
        found.map(|(_, value)| value)
    }

    /// The entries in their order.
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
        &self.entries
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Long(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(Arc<str>),
    /// An instant: ticks of 100 nanoseconds since the beginning of the year 1.
    DateTime(i64),
    /// A length of time in ticks.
    Timespan(i64),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// A property bag.
    Object(Arc<Object>),
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// An instant, from milliseconds since 1970.
    pub fn instant(millis: i64) -> Self {
        Self::DateTime(crate::instant::EPOCH.saturating_add(millis.saturating_mul(10_000)))
    }

    pub(crate) fn array(values: Vec<Value>) -> Self {
        Self::Array(Arc::new(values))
    }

    pub(crate) fn object(entries: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        Self::Object(Arc::new(Object::new(entries)))
    }

    /// Whether it is the null that every type but `string` has.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What `tostring()` makes of it: nothing becomes the empty text, documents become compact JSON.
    pub fn to_text(&self) -> Arc<str> {
        match self {
            Self::Null => "".into(),
            Self::Text(text) => text.clone(),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Long(number) => number.to_string().into(),
            Self::Real(number) => real_text(*number).into(),
            Self::DateTime(ticks) => instant::datetime_text(*ticks).into(),
            Self::Timespan(ticks) => instant::timespan_text(*ticks).into(),
            Self::Array(_) | Self::Object(_) => self.to_json().into(),
        }
    }

    /// Compact JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The member of a bag, or nothing.
    pub(crate) fn member(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The element of a list; negative numbers count from its end.
    pub(crate) fn element(&self, index: i64) -> Option<&Value> {
        let Self::Array(list) = self else { return None };
        let index = if index < 0 { index.checked_add(list.len() as i64)? } else { index };
        usize::try_from(index).ok().and_then(|index| list.get(index))
    }

    /// About how many bytes it holds on to.
    pub(crate) fn weight(&self) -> u64 {
        let own = std::mem::size_of::<Self>() as u64;
        own + match self {
            Self::Text(text) => text.len() as u64,
            Self::Array(list) => list.iter().map(Value::weight).sum(),
            Self::Object(object) => {
                object.entries.iter().map(|(key, value)| 16 + key.len() as u64 + value.weight()).sum()
            }
            _ => 0,
        }
    }

    // Conversions, as `tolong()` and its siblings make them.

    pub(crate) fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Long(number) => Some(*number != 0),
            Self::Real(number) => Some(*number != 0.0),
            Self::Text(text) => match text.trim() {
                t if t.eq_ignore_ascii_case("true") || t == "1" => Some(true),
                t if t.eq_ignore_ascii_case("false") || t == "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn to_long(&self) -> Option<i64> {
        match self {
            Self::Bool(truth) => Some(i64::from(*truth)),
            Self::Long(number) => Some(*number),
            Self::Real(number) => real_to_long(*number),
            Self::DateTime(ticks) | Self::Timespan(ticks) => Some(*ticks),
            Self::Text(text) => {
                let text = text.trim();
                let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
                match hex {
                    Some(hex) => u64::from_str_radix(hex, 16).ok().map(|number| number as i64),
                    None => text.parse().ok().or_else(|| number_of(text).and_then(real_to_long)),
                }
            }
            _ => None,
        }
    }

    pub(crate) fn to_real(&self) -> Option<f64> {
        match self {
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Long(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::DateTime(ticks) | Self::Timespan(ticks) => Some(*ticks as f64),
            Self::Text(text) => number_of(text.trim()),
            _ => None,
        }
    }

    pub(crate) fn to_datetime(&self) -> Option<i64> {
        match self {
            Self::DateTime(ticks) => Some(*ticks),
            Self::Long(ticks) => Some(*ticks).filter(|ticks| instant::TICKS.contains(ticks)),
            Self::Text(text) => instant::parse_datetime(text),
            _ => None,
        }
    }

    pub(crate) fn to_timespan(&self) -> Option<i64> {
        match self {
            Self::Timespan(ticks) | Self::Long(ticks) => Some(*ticks),
            Self::Text(text) => instant::parse_timespan(text),
            _ => None,
        }
    }

    /// A number as such, or a text that is one; whether it is whole is kept.
    pub(crate) fn to_number(&self) -> Option<Value> {
        match self {
            Self::Long(_) | Self::Real(_) => Some(self.clone()),
            Self::Bool(truth) => Some(Self::Long(i64::from(*truth))),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().map(Self::Long).ok().or_else(|| number_of(text).map(Self::Real))
            }
            _ => None,
        }
    }

    /// It, as a cell of a column of this type.
    pub(crate) fn cast(&self, to: Type) -> Value {
        let found = match to {
            Type::Dynamic => return self.clone(),
            Type::String => return Self::Text(self.to_text()),
            Type::Bool => self.to_bool().map(Self::Bool),
            Type::Int => self.to_long().filter(|number| i32::try_from(*number).is_ok()).map(Self::Long),
            Type::Long => self.to_long().map(Self::Long),
            Type::Real | Type::Decimal => self.to_real().map(Self::Real),
            Type::DateTime => self.to_datetime().map(Self::DateTime),
            Type::Timespan => self.to_timespan().map(Self::Timespan),
            Type::Guid => guid_of(&self.to_text()).map(|guid| Self::text(&guid)),
        };
        found.unwrap_or_default()
    }

    /// An order over all values, for sorting: nothing first, then by kind, texts by their bytes.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Long(a), Self::Long(b))
            | (Self::DateTime(a), Self::DateTime(b))
            | (Self::Timespan(a), Self::Timespan(b)) => a.cmp(b),
            (Self::Long(a), Self::Real(b)) => compare_long_real(*a, *b),
            (Self::Real(a), Self::Long(b)) => compare_long_real(*b, *a).reverse(),
            (Self::Real(a), Self::Real(b)) => order_reals(*a, *b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) => {
                let unequal = a.iter().zip(b.iter()).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
                unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Object(_), Self::Object(_)) => self.to_json().cmp(&other.to_json()),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Long(_) | Self::Real(_) => 2,
            Self::DateTime(_) => 3,
            Self::Timespan(_) => 4,
            Self::Text(_) => 5,
            Self::Array(_) => 6,
            Self::Object(_) => 7,
        }
    }

    /// Bytes that are the same exactly for values that group, join and count as one.
    pub(crate) fn key(&self, into: &mut Vec<u8>) {
        into.push(self.rank());
        match self {
            Self::Null => {}
            Self::Bool(truth) => into.push(u8::from(*truth)),
            Self::Long(number) => {
                into.push(0);
                into.extend(number.to_be_bytes());
            }
            // A whole number is one key, however it is written.
            Self::Real(number) => match real_to_long(*number).filter(|whole| *whole as f64 == *number) {
                Some(whole) => {
                    into.push(0);
                    into.extend(whole.to_be_bytes());
                }
                None => {
                    into.push(1);
                    into.extend(number.to_bits().to_be_bytes());
                }
            },
            Self::DateTime(ticks) | Self::Timespan(ticks) => into.extend(ticks.to_be_bytes()),
            Self::Text(text) => {
                into.extend((text.len() as u64).to_be_bytes());
                into.extend(text.as_bytes());
            }
            Self::Array(list) => {
                into.extend((list.len() as u64).to_be_bytes());
                list.iter().for_each(|value| value.key(into));
            }
            Self::Object(object) => {
                // The order of a bag's entries says nothing.
                let mut entries: Vec<_> = object.entries.iter().collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                into.extend((entries.len() as u64).to_be_bytes());
                for (key, value) in entries {
                    Self::Text(key.clone()).key(into);
                    value.key(into);
                }
            }
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Long(whole),
                None => number.as_f64().map(Self::Real).unwrap_or_default(),
            },
            serde_json::Value::String(text) => Self::Text(text.into()),
            serde_json::Value::Array(list) => Self::array(list.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                Self::object(members.into_iter().map(|(key, value)| (key.into(), Self::from(value))))
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Long(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map(Into::into).unwrap_or_default()
    }
}

impl Serialize for Value {
    /// As JSON: instants and lengths of time as their texts, what is not a number as null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Long(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::DateTime(ticks) => serializer.serialize_str(&instant::datetime_text(*ticks)),
            Self::Timespan(ticks) => serializer.serialize_str(&instant::timespan_text(*ticks)),
            Self::Array(list) => {
                let mut out = serializer.serialize_seq(Some(list.len()))?;
                for value in list.iter() {
                    out.serialize_element(value)?;
                }
                out.end()
            }
            Self::Object(object) => {
                let mut out = serializer.serialize_map(Some(object.entries.len()))?;
                for (key, value) in &object.entries {
                    out.serialize_entry(&**key, value)?;
                }
                out.end()
            }
        }
    }
}

/// `1.0`, `0.5`, `NaN`, `Infinity`.
fn real_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".to_owned(),
        n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        n => format!("{n:?}"),
    }
}

/// Rust reads `inf` and `nan` in any case, which would make numbers of words.
fn number_of(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| begins)
}

fn real_to_long(number: f64) -> Option<i64> {
    let fits = number.is_finite() && number >= -(2f64.powi(63)) && number < 2f64.powi(63);
    fits.then_some(number as i64)
}

fn compare_long_real(long: i64, real: f64) -> Ordering {
    if real.is_nan() {
        return Ordering::Greater;
    }
    match real_to_long(real) {
        Some(whole) => long.cmp(&whole).then_with(|| 0f64.total_cmp(&(real - whole as f64))),
        None if real > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    }
}

/// What is not a number comes before every number; the two zeros are one.
fn order_reals(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// A GUID in its usual form, lower case.
pub(crate) fn guid_of(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let hex = digits.to_ascii_lowercase();
    let mut guid = String::with_capacity(36);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    for (place, part) in parts.into_iter().enumerate() {
        let dash = if place == 0 { "" } else { "-" };
        let _ = write!(guid, "{dash}{part}");
    }
    Some(guid)
}
