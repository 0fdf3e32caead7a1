//! Functions on numbers, and conversions.

use super::Gives::{Common, Is, Like};
use super::{Function, function, long_at};
use crate::error::Result;
use crate::evaluate::Context;
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    function("toint", "*", 1, Is(Type::Int), |_, a| Ok(a[0].cast(Type::Int))),
    function("tolong", "*", 1, Is(Type::Long), |_, a| Ok(a[0].cast(Type::Long))),
    function("todouble", "*", 1, Is(Type::Real), |_, a| Ok(a[0].cast(Type::Real))),
    function("toreal", "*", 1, Is(Type::Real), |_, a| Ok(a[0].cast(Type::Real))),
    function("todecimal", "*", 1, Is(Type::Decimal), |_, a| Ok(a[0].cast(Type::Decimal))),
    function("tobool", "*", 1, Is(Type::Bool), |_, a| Ok(a[0].cast(Type::Bool))),
    function("toboolean", "*", 1, Is(Type::Bool), |_, a| Ok(a[0].cast(Type::Bool))),
    function("toguid", "*", 1, Is(Type::Guid), |_, a| Ok(a[0].cast(Type::Guid))),
    function("not", "b", 1, Is(Type::Bool), |_, a| Ok((a[0] == Value::Bool(false)).into())),
    function("isnull", "*", 1, Is(Type::Bool), |_, a| Ok(a[0].is_null().into())),
    function("isnotnull", "*", 1, Is(Type::Bool), |_, a| Ok((!a[0].is_null()).into())),
    function("notnull", "*", 1, Is(Type::Bool), |_, a| Ok((!a[0].is_null()).into())),
    function("abs", "n", 1, Like(0), |_, a| {
        Ok(match &a[0] {
            Value::Long(number) => Value::Long(number.wrapping_abs()),
            other => real(other, f64::abs),
        })
    }),
    function("sign", "n", 1, Is(Type::Long), |_, a| {
        let number = a[0].to_real().unwrap_or_default();
        Ok(Value::Long(i64::from(number > 0.0) - i64::from(number < 0.0)))
    }),
    function("ceiling", "n", 1, Like(0), |_, a| Ok(whole(&a[0], f64::ceil))),
    function("round", "nl", 1, Like(0), |_, a| {
        let Value::Real(number) = a[0] else { return Ok(a[0].clone()) };
        let places = long_at(a, 1, 0).clamp(-300, 300);
        let scale = 10f64.powi(i32::try_from(places).unwrap_or_default());
        let rounded = (number * scale).round() / scale;
        Ok(Value::Real(if rounded.is_finite() { rounded } else { number }))
    }),
    function("sqrt", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::sqrt))),
    function("exp", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::exp))),
    function("exp2", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::exp2))),
    function("exp10", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], |x| 10f64.powf(x)))),
    function("log", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::ln))),
    function("log2", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::log2))),
    function("log10", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::log10))),
    function("sin", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::sin))),
    function("cos", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::cos))),
    function("tan", "r", 1, Is(Type::Real), |_, a| Ok(real(&a[0], f64::tan))),
    function("pow", "rr", 2, Is(Type::Real), |_, a| {
        Ok(Value::Real(a[0].to_real().unwrap_or_default().powf(a[1].to_real().unwrap_or_default())))
    }),
    function("pi", "", 0, Is(Type::Real), |_, _| Ok(Value::Real(std::f64::consts::PI))),
    function("isnan", "r", 1, Is(Type::Bool), |_, a| Ok(a[0].to_real().is_some_and(f64::is_nan).into())),
    function("isinf", "r", 1, Is(Type::Bool), |_, a| Ok(a[0].to_real().is_some_and(f64::is_infinite).into())),
    function("isfinite", "r", 1, Is(Type::Bool), |_, a| Ok(a[0].to_real().is_some_and(f64::is_finite).into())),
    function("min_of", "*+", 1, Common, |_, a| Ok(extreme(a, true))),
    function("max_of", "*+", 1, Common, |_, a| Ok(extreme(a, false))),
    function("tohex", "ll", 1, Is(Type::String), |_, a| {
        let width = usize::try_from(long_at(a, 1, 0).clamp(0, 64)).unwrap_or_default();
        Ok(format!("{:0width$x}", long_at(a, 0, 0)).into())
    }),
    function("binary_and", "ll", 2, Is(Type::Long), |_, a| Ok((long_at(a, 0, 0) & long_at(a, 1, 0)).into())),
    function("binary_or", "ll", 2, Is(Type::Long), |_, a| Ok((long_at(a, 0, 0) | long_at(a, 1, 0)).into())),
    function("binary_xor", "ll", 2, Is(Type::Long), |_, a| Ok((long_at(a, 0, 0) ^ long_at(a, 1, 0)).into())),
    function("binary_not", "l", 1, Is(Type::Long), |_, a| Ok((!long_at(a, 0, 0)).into())),
    function("binary_shift_left", "ll", 2, Is(Type::Long), |_, a| {
        Ok(long_at(a, 0, 0).wrapping_shl(long_at(a, 1, 0) as u32).into())
    }),
    function("binary_shift_right", "ll", 2, Is(Type::Long), |_, a| {
        Ok(long_at(a, 0, 0).wrapping_shr(long_at(a, 1, 0) as u32).into())
    }),
    function("bin", "**", 2, Like(0), bin),
    function("floor", "**", 2, Like(0), bin),
    function("bin_at", "***", 3, Like(0), bin_at),
];

fn real(value: &Value, f: fn(f64) -> f64) -> Value {
    value.to_real().map(f).map(Value::Real).unwrap_or_default()
}

fn whole(value: &Value, f: fn(f64) -> f64) -> Value {
    if let Value::Long(_) = value { value.clone() } else { real(value, f) }
}

/// The least or the greatest of what there is.
fn extreme(values: &[Value], least: bool) -> Value {
    let there = values.iter().filter(|value| !value.is_null());
    let found = if least { there.min_by(|a, b| a.order(b)) } else { there.max_by(|a, b| a.order(b)) };
    found.cloned().unwrap_or_default()
}

/// Down to a multiple: of numbers, instants and lengths of time.
fn bin(context: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (value, size) = (&arguments[0], &arguments[1]);
    // A text in a document may be an instant.
    let value = match (value, size) {
        (Value::Text(_), Value::Timespan(_)) => &value.cast(Type::DateTime),
        (Value::Text(_), _) => &value.to_number().unwrap_or_default(),
        _ => value,
    };
    let origin = match value {
        Value::Real(_) => Value::Real(0.0),
        _ => Value::Long(0),
    };
    bin_at(context, &[value.clone(), size.clone(), origin])
}

fn bin_at(_: &Context<'_>, arguments: &[Value]) -> Result<Value> {
    let (value, size, origin) = (&arguments[0], &arguments[1], &arguments[2]);
    let ticks = |value: &Value| value.to_long();
    let down = |value: i64, size: i64, origin: i64| -> Option<i64> {
        if size <= 0 {
            return None;
        }
        let steps = value.checked_sub(origin)?.div_euclid(size);
        steps.checked_mul(size)?.checked_add(origin)
    };
    let whole = || down(ticks(value)?, ticks(size)?, ticks(origin)?);
    Ok(match (value, size) {
        (Value::DateTime(_), Value::Timespan(_)) => whole().map(Value::DateTime).unwrap_or_default(),
        (Value::Timespan(_), Value::Timespan(_)) => whole().map(Value::Timespan).unwrap_or_default(),
        (Value::Long(_), Value::Long(_)) => whole().map(Value::Long).unwrap_or_default(),
        (Value::Long(_) | Value::Real(_), Value::Long(_) | Value::Real(_)) => {
            match (value.to_real(), size.to_real(), origin.to_real()) {
                (Some(value), Some(size), Some(origin)) if size > 0.0 => {
                    Value::Real(((value - origin) / size).floor() * size + origin)
                }
                _ => Value::Null,
            }
        }
        _ => Value::Null,
    })
}
