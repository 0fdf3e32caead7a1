//! What `summarize` counts, adds and collects.
//!
//! Each row has a weight: how often it stands for itself. A source that groups rows itself gives each combination once with
//! its count, and all that follows is as if the rows had come one by one.

use std::collections::HashSet;

use crate::error::Result;
use crate::meter::Meter;
use crate::value::{Object, Type, Value};

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Count,
    /// `count(x)`: rows in which it is something.
    CountOf,
    CountIf,
    DistinctCount,
    DistinctCountIf,
    Sum,
    SumIf,
    Average,
    AverageIf,
    Min,
    MinIf,
    Max,
    MaxIf,
    List,
    ListIf,
    Set,
    SetIf,
    Bag,
    BagIf,
    Any,
    AnyIf,
    /// The first argument decides, the others are what is given.
    ArgMax,
    ArgMin,
    Percentile,
    Percentiles,
    Deviation,
    Variance,
}

/// Name, what it is, how many arguments it takes at least and at most, and the beginning of its column's name.
pub(crate) const AGGREGATES: &[(&str, Kind, usize, usize, &str)] = &[
    ("count", Kind::Count, 0, 1, "count_"),
    ("countif", Kind::CountIf, 1, 1, "countif_"),
    ("dcount", Kind::DistinctCount, 1, 2, "dcount_"),
    ("count_distinct", Kind::DistinctCount, 1, 1, "count_distinct_"),
    ("dcountif", Kind::DistinctCountIf, 2, 3, "dcountif_"),
    ("sum", Kind::Sum, 1, 1, "sum_"),
    ("sumif", Kind::SumIf, 2, 2, "sumif_"),
    ("avg", Kind::Average, 1, 1, "avg_"),
    ("avgif", Kind::AverageIf, 2, 2, "avgif_"),
    ("min", Kind::Min, 1, 1, "min_"),
    ("minif", Kind::MinIf, 2, 2, "minif_"),
    ("max", Kind::Max, 1, 1, "max_"),
    ("maxif", Kind::MaxIf, 2, 2, "maxif_"),
    ("make_list", Kind::List, 1, 2, "list_"),
    ("makelist", Kind::List, 1, 2, "list_"),
    ("make_list_if", Kind::ListIf, 2, 3, "list_"),
    ("make_set", Kind::Set, 1, 2, "set_"),
    ("makeset", Kind::Set, 1, 2, "set_"),
    ("make_set_if", Kind::SetIf, 2, 3, "set_"),
    ("make_bag", Kind::Bag, 1, 2, "bag_"),
    ("make_dictionary", Kind::Bag, 1, 2, "bag_"),
    ("make_bag_if", Kind::BagIf, 2, 3, "bag_"),
    ("any", Kind::Any, 1, 1, "any_"),
    ("take_any", Kind::Any, 1, 64, ""),
    ("take_anyif", Kind::AnyIf, 2, 2, ""),
    ("anyif", Kind::AnyIf, 2, 2, "any_"),
    ("arg_max", Kind::ArgMax, 1, 64, ""),
    ("arg_min", Kind::ArgMin, 1, 64, ""),
    ("percentile", Kind::Percentile, 2, 2, "percentile_"),
    ("percentiles", Kind::Percentiles, 2, 21, "percentile_"),
    ("stdev", Kind::Deviation, 1, 1, "stdev_"),
    ("variance", Kind::Variance, 1, 1, "variance_"),
];

/// Elements that `make_list` and `make_set` collect where the query does not say.
const MOST_COLLECTED: usize = 1_048_576;

impl Kind {
    /// What it gives for an argument of this type.
    pub(crate) fn gives(self, argument: Type) -> Type {
        match self {
            Self::Count | Self::CountOf | Self::CountIf | Self::DistinctCount | Self::DistinctCountIf => Type::Long,
            Self::Sum | Self::SumIf => match argument {
                Type::Int | Type::Long | Type::Bool => Type::Long,
                Type::Timespan => Type::Timespan,
                _ => Type::Real,
            },
            Self::Average | Self::AverageIf => match argument {
                Type::Timespan | Type::DateTime => argument,
                _ => Type::Real,
            },
            Self::Deviation | Self::Variance => Type::Real,
            Self::List | Self::ListIf | Self::Set | Self::SetIf | Self::Bag | Self::BagIf | Self::Percentiles => Type::Dynamic,
            Self::Min
            | Self::MinIf
            | Self::Max
            | Self::MaxIf
            | Self::Any
            | Self::AnyIf
            | Self::ArgMax
            | Self::ArgMin
            | Self::Percentile => argument,
        }
    }

    /// Which argument is a condition.
    pub(crate) fn condition(self) -> Option<usize> {
        match self {
            Self::CountIf => Some(0),
            Self::DistinctCountIf
            | Self::SumIf
            | Self::AverageIf
            | Self::MinIf
            | Self::MaxIf
            | Self::ListIf
            | Self::SetIf
            | Self::BagIf
            | Self::AnyIf => Some(1),
            _ => None,
        }
    }

    /// Whether rows may come grouped with weights.
    pub(crate) fn takes_weights(self) -> bool {
        !matches!(
            self,
            Self::List | Self::ListIf | Self::Percentile | Self::Percentiles | Self::Any | Self::AnyIf | Self::ArgMax | Self::ArgMin
        )
    }
}

/// The aggregate of one group.
#[derive(Debug, Clone)]
pub(crate) struct State {
    kind: Kind,
    gives: Type,
    count: i64,
    whole: i64,
    /// Whether `whole` holds the sum exactly.
    is_whole: bool,
    sum: f64,
    /// Of the values' distances from their mean, the sum of squares (Welford).
    squares: f64,
    best: Option<Vec<Value>>,
    seen: HashSet<Vec<u8>>,
    values: Vec<Value>,
    weights: Vec<f64>,
    most: usize,
}

impl State {
    pub(crate) fn new(kind: Kind, gives: Type) -> Self {
        Self {
            kind,
            gives,
            count: 0,
            whole: 0,
            is_whole: true,
            sum: 0.0,
            squares: 0.0,
            best: None,
            seen: HashSet::new(),
            values: Vec::new(),
            weights: Vec::new(),
            most: MOST_COLLECTED,
        }
    }

    /// A row's arguments, and how often it stands.
    pub(crate) fn add(&mut self, arguments: Vec<Value>, weight: i64, meter: &Meter) -> Result<()> {
        meter.step(1)?;
        if let Some(place) = self.kind.condition()
            && arguments.get(place).and_then(Value::to_bool) != Some(true)
        {
            return Ok(());
        }
        let first = arguments.first().cloned().unwrap_or_default();
        match self.kind {
            Kind::Count | Kind::CountIf => self.count += weight,
            Kind::CountOf => self.count += if first.is_null() { 0 } else { weight },
            Kind::DistinctCount | Kind::DistinctCountIf => {
                if !first.is_null() {
                    self.see(&first, meter)?;
                }
            }
            Kind::Sum | Kind::SumIf | Kind::Average | Kind::AverageIf => self.add_number(&first, weight),
            Kind::Deviation | Kind::Variance => self.add_deviation(&first, weight),
            Kind::Min | Kind::MinIf => self.choose(vec![first], meter, |new, old| new.order(old).is_lt())?,
            Kind::Max | Kind::MaxIf => self.choose(vec![first], meter, |new, old| new.order(old).is_gt())?,
            Kind::ArgMin => self.choose(arguments, meter, |new, old| new.order(old).is_lt())?,
            Kind::ArgMax => self.choose(arguments, meter, |new, old| new.order(old).is_gt())?,
            Kind::Any | Kind::AnyIf => {
                if self.best.is_none() && !first.is_null() {
                    meter.hold(first.weight())?;
                    self.best = Some(vec![first]);
                }
            }
            Kind::List | Kind::ListIf | Kind::Set | Kind::SetIf => {
                self.bound(&arguments);
                let is_set = matches!(self.kind, Kind::Set | Kind::SetIf);
                if !first.is_null() && self.values.len() < self.most && (!is_set || self.see(&first, meter)?) {
                    meter.hold(first.weight())?;
                    self.values.push(first);
                }
            }
            Kind::Bag | Kind::BagIf => {
                self.bound(&arguments);
                if let Value::Object(bag) = &first
                    && self.values.len() < self.most
                {
                    meter.hold(first.weight())?;
                    meter.step(bag.entries().len() as u64)?;
                    self.values.push(first);
                }
            }
            Kind::Percentile | Kind::Percentiles => {
                if !first.is_null() {
                    meter.hold(first.weight())?;
                    self.values.push(first);
                }
                if self.weights.is_empty() {
                    self.weights = arguments[1..].iter().filter_map(Value::to_real).collect();
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Value {
        let real = |number: f64| if number.is_finite() { Value::Real(number) } else { Value::Null };
        match self.kind {
            Kind::Count | Kind::CountOf | Kind::CountIf => Value::Long(self.count),
            Kind::DistinctCount | Kind::DistinctCountIf => Value::Long(self.seen.len() as i64),
            Kind::Sum | Kind::SumIf => match self.gives {
                Type::Timespan => Value::Timespan(self.whole),
                Type::Long => Value::Long(self.whole),
                _ if self.is_whole => Value::Real(self.whole as f64),
                _ => Value::Real(self.sum),
            },
            Kind::Average | Kind::AverageIf if self.count == 0 => {
                if self.gives == Type::Real { Value::Real(f64::NAN) } else { Value::Null }
            }
            Kind::Average | Kind::AverageIf => match self.gives {
                Type::Timespan => Value::Timespan(self.whole / self.count),
                Type::DateTime => Value::DateTime((self.sum / self.count as f64) as i64),
                _ if self.is_whole => Value::Real(self.whole as f64 / self.count as f64),
                _ => Value::Real(self.sum / self.count as f64),
            },
            Kind::Variance if self.count > 1 => real(self.squares / (self.count - 1) as f64),
            Kind::Deviation if self.count > 1 => real((self.squares / (self.count - 1) as f64).sqrt()),
            Kind::Variance | Kind::Deviation => Value::Real(0.0),
            Kind::Min | Kind::MinIf | Kind::Max | Kind::MaxIf | Kind::Any | Kind::AnyIf => {
                self.best.map(|mut best| best.swap_remove(0)).unwrap_or(self.gives.null())
            }
            // The caller takes the list apart.
            Kind::ArgMax | Kind::ArgMin => self.best.map(Value::array).unwrap_or_default(),
            Kind::List | Kind::ListIf | Kind::Set | Kind::SetIf => Value::array(self.values),
            Kind::Bag | Kind::BagIf => {
                // Of equal keys the first one's value stays.
                let mut seen = HashSet::new();
                let entries = self.values.iter().flat_map(|bag| match bag {
                    Value::Object(bag) => bag.entries().to_vec(),
                    _ => Vec::new(),
                });
                let entries: Vec<_> = entries.filter(|(key, _)| seen.insert(key.clone())).collect();
                Value::Object(Object::new(entries).into())
            }
            Kind::Percentile => {
                let rank = self.weights.first().copied().unwrap_or(50.0);
                percentile(&mut self.values.clone(), rank)
            }
            Kind::Percentiles => {
                let mut values = self.values;
                Value::array(self.weights.iter().map(|rank| percentile(&mut values, *rank)).collect())
            }
        }
    }

    /// Whether it was not seen before.
    fn see(&mut self, value: &Value, meter: &Meter) -> Result<bool> {
        let mut key = Vec::new();
        value.key(&mut key);
        let length = key.len() as u64;
        let is_new = self.seen.insert(key);
        if is_new {
            meter.hold(length + 48)?;
        }
        Ok(is_new)
    }

    /// The second argument of `make_list` and its siblings is the most they collect.
    fn bound(&mut self, arguments: &[Value]) {
        let place = if self.kind.condition().is_some() { 2 } else { 1 };
        if let Some(most) = arguments.get(place).and_then(Value::to_long) {
            self.most = usize::try_from(most).unwrap_or(0).min(MOST_COLLECTED);
        }
    }

    fn add_number(&mut self, value: &Value, weight: i64) {
        let value = match value {
            Value::DateTime(ticks) => &Value::Real(*ticks as f64),
            Value::Timespan(ticks) => &Value::Long(*ticks),
            Value::Text(_) | Value::Bool(_) => &value.to_number().unwrap_or_default(),
            other => other,
        };
        match value {
            Value::Long(number) => {
                let more = number.checked_mul(weight).and_then(|more| self.whole.checked_add(more));
                match more {
                    Some(whole) => self.whole = whole,
                    None if self.gives == Type::Long => {
                        self.whole = self.whole.wrapping_add(number.wrapping_mul(weight));
                    }
                    None => self.is_whole = false,
                }
                self.sum += *number as f64 * weight as f64;
            }
            Value::Real(number) => {
                self.is_whole = false;
                self.sum += number * weight as f64;
            }
            _ => return,
        }
        self.count += weight;
    }

    fn add_deviation(&mut self, value: &Value, weight: i64) {
        let Some(number) = value.to_real() else { return };
        // `sum` is the mean so far.
        self.count += weight;
        let distance = number - self.sum;
        self.sum += distance * weight as f64 / self.count as f64;
        self.squares += weight as f64 * distance * (number - self.sum);
    }

    /// Keeps the row whose first value is the better one; what is nothing is never better.
    fn choose(&mut self, row: Vec<Value>, meter: &Meter, better: fn(&Value, &Value) -> bool) -> Result<()> {
        let is_better = match &self.best {
            _ if row[0].is_null() => self.best.is_none() && row.len() > 1,
            None => true,
            Some(best) => best[0].is_null() || better(&row[0], &best[0]),
        };
        if is_better {
            let weight = |row: &[Value]| row.iter().map(Value::weight).sum::<u64>();
            meter.release(self.best.as_deref().map(weight).unwrap_or_default());
            meter.hold(weight(&row))?;
            self.best = Some(row);
        }
        Ok(())
    }
}

/// The nearest rank.
fn percentile(values: &mut [Value], rank: f64) -> Value {
    values.sort_by(Value::order);
    if values.is_empty() {
        return Value::Null;
    }
    let place = (rank.clamp(0.0, 100.0) / 100.0 * values.len() as f64).ceil() as usize;
    values[place.clamp(1, values.len()) - 1].clone()
}
