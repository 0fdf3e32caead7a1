//! Functions on instants and lengths of time. `now()` and `ago()` are constants of the query: they are not here.

use super::Gives::Is;
use super::{Function, function, long_at, text_at};
use crate::error::{Error, ErrorKind, Result};
use crate::instant::{
    Civil, DAY, EPOCH, HOUR, MINUTE, SECOND, TICKS, clock, day_of_week,
};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    function("todatetime", "*", 1, Is(Type::DateTime), |_, a| Ok(a[0].cast(Type::DateTime))),
    function("totimespan", "*", 1, Is(Type::Timespan), |_, a| Ok(a[0].cast(Type::Timespan))),
    function("datetime_add", "slt", 3, Is(Type::DateTime), |_, a| {
        let (count, ticks) = (long_at(a, 1, 0), ticks_of(&a[2]));
        let months = |each: i64| count.checked_mul(each).and_then(|months| Civil::of(ticks).plus_months(months));
        let sum = match unit(text_at(a, 0))? {
            Unit::Months(each) => months(each),
            Unit::Ticks(each) => count.checked_mul(each).and_then(|more| ticks.checked_add(more)),
        };
        Ok(datetime(sum))
    }),
    function("datetime_diff", "stt", 3, Is(Type::Long), |_, a| {
        let (later, earlier) = (ticks_of(&a[1]), ticks_of(&a[2]));
        Ok(Value::Long(match unit(text_at(a, 0))? {
            // Boundaries between the two are counted, not whole months.
            Unit::Months(each) => {
                let months = |ticks| Civil::of(ticks).year * 12 + Civil::of(ticks).month - 1;
                months(later).div_euclid(each) - months(earlier).div_euclid(each)
            }
            // Weeks begin on Sundays, and the year 1 on a Monday.
            Unit::Ticks(each) if each == 7 * DAY => {
                (later + DAY).div_euclid(each) - (earlier + DAY).div_euclid(each)
            }
            Unit::Ticks(each) => later.div_euclid(each) - earlier.div_euclid(each),
        }))
    }),
    function("datetime_part", "st", 2, Is(Type::Int), |_, a| {
        let ticks = ticks_of(&a[1]);
        let civil = Civil::of(ticks);
        let (hour, minute, second, fraction) = clock(civil.ticks);
        Ok(Value::Long(match text_at(a, 0).to_ascii_lowercase().as_str() {
            "year" => civil.year,
            "quarter" => (civil.month + 2) / 3,
            "month" => civil.month,
            "week_of_year" | "weekofyear" => week_of_year(ticks),
            "day" => civil.day,
            "dayofyear" => civil.day_of_year(),
            "hour" => hour,
            "minute" => minute,
            "second" => second,
            "millisecond" => fraction / 10_000,
            "microsecond" => fraction / 10,
            "nanosecond" => fraction * 100,
            part => return Err(unknown_part(part)),
        }))
    }),
    function("format_datetime", "ts", 2, Is(Type::String), |_, a| {
        let civil = Civil::of(ticks_of(&a[0]));
        let (hour, minute, second, fraction) = clock(civil.ticks);
        Ok(formatted(text_at(a, 1), |letter, length| {
            Some(match letter {
                'y' if length <= 2 => padded(civil.year % 100, length),
                'y' => padded(civil.year, length),
                'M' => padded(civil.month, length),
                'd' => padded(civil.day, length),
                'H' => padded(hour, length),
                'h' => padded((hour + 11) % 12 + 1, length),
                'm' => padded(minute, length),
                's' => padded(second, length),
                't' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
                'f' | 'F' => fraction_text(letter, fraction, length),
                _ => return None,
            })
        })
        .into())
    }),
    function("format_timespan", "ps", 2, Is(Type::String), |_, a| {
        let all = ticks_of(&a[0]);
        let (hour, minute, second, fraction) = clock(all.checked_abs().unwrap_or(i64::MAX) % DAY);
        let days = all.checked_abs().unwrap_or(i64::MAX) / DAY;
        let text = formatted(text_at(a, 1), |letter, length| {
            Some(match letter {
                'd' => padded(days, length),
                'H' | 'h' => padded(hour, length),
                'm' => padded(minute, length),
                's' => padded(second, length),
                'f' | 'F' => fraction_text(letter, fraction, length),
                _ => return None,
            })
        });
        Ok(if all < 0 { format!("-{text}") } else { text }.into())
    }),
    function("startofday", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(period(a, Period::Day, 0)))),
    function("startofweek", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(period(a, Period::Week, 0)))),
    function("startofmonth", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(period(a, Period::Month, 0)))),
    function("startofyear", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(period(a, Period::Year, 0)))),
    function("endofday", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(end(a, Period::Day)))),
    function("endofweek", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(end(a, Period::Week)))),
    function("endofmonth", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(end(a, Period::Month)))),
    function("endofyear", "tl", 1, Is(Type::DateTime), |_, a| Ok(datetime(end(a, Period::Year)))),
    function("dayofweek", "t", 1, Is(Type::Timespan), |_, a| {
        Ok(Value::Timespan(day_of_week(ticks_of(&a[0])) * DAY))
    }),
    function("dayofmonth", "t", 1, Is(Type::Int), |_, a| Ok(Civil::of(ticks_of(&a[0])).day.into())),
    function("dayofyear", "t", 1, Is(Type::Int), |_, a| Ok(Civil::of(ticks_of(&a[0])).day_of_year().into())),
    function("monthofyear", "t", 1, Is(Type::Int), |_, a| Ok(Civil::of(ticks_of(&a[0])).month.into())),
    function("getmonth", "t", 1, Is(Type::Int), |_, a| Ok(Civil::of(ticks_of(&a[0])).month.into())),
    function("getyear", "t", 1, Is(Type::Int), |_, a| Ok(Civil::of(ticks_of(&a[0])).year.into())),
    function("hourofday", "t", 1, Is(Type::Int), |_, a| Ok((ticks_of(&a[0]).rem_euclid(DAY) / HOUR).into())),
    function("week_of_year", "t", 1, Is(Type::Long), |_, a| Ok(week_of_year(ticks_of(&a[0])).into())),
    function("weekofyear", "t", 1, Is(Type::Long), |_, a| Ok(week_of_year(ticks_of(&a[0])).into())),
    function("make_datetime", "lllllr", 3, Is(Type::DateTime), |_, a| {
        let seconds = a.get(5).and_then(Value::to_real).unwrap_or_default();
        let (hour, minute) = (long_at(a, 3, 0), long_at(a, 4, 0));
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&seconds);
        if !fits {
            return Ok(Value::Null);
        }
        let ticks = hour * HOUR + minute * MINUTE + (seconds * SECOND as f64) as i64;
        let (year, month, day) = (long_at(a, 0, 0), long_at(a, 1, 0), long_at(a, 2, 0));
        Ok(datetime(Civil { year, month, day, ticks }.ticks()))
    }),
    function("make_timespan", "llll", 2, Is(Type::Timespan), |_, a| {
        // Hours and minutes; then seconds; with four, days first.
        let n = |place| long_at(a, place, 0);
        let (days, hours, minutes, seconds) = match a.len() {
            4 => (n(0), n(1), n(2), n(3)),
            _ => (0, n(0), n(1), n(2)),
        };
        let fits = (0..=1_000_000).contains(&days)
            && (0..24).contains(&hours)
            && (0..60).contains(&minutes)
            && (0..60).contains(&seconds);
        Ok(if fits {
            Value::Timespan(days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND)
        } else {
            Value::Null
        })
    }),
    function("unixtime_seconds_todatetime", "r", 1, Is(Type::DateTime), |_, a| Ok(unix(&a[0], 1e7))),
    function("unixtime_milliseconds_todatetime", "r", 1, Is(Type::DateTime), |_, a| Ok(unix(&a[0], 1e4))),
    function("unixtime_microseconds_todatetime", "r", 1, Is(Type::DateTime), |_, a| Ok(unix(&a[0], 10.0))),
    function("unixtime_nanoseconds_todatetime", "r", 1, Is(Type::DateTime), |_, a| Ok(unix(&a[0], 0.01))),
];

fn ticks_of(value: &Value) -> i64 {
    match value {
        Value::DateTime(ticks) | Value::Timespan(ticks) => *ticks,
        _ => 0,
    }
}

fn datetime(ticks: Option<i64>) -> Value {
    ticks.filter(|ticks| TICKS.contains(ticks)).map(Value::DateTime).unwrap_or_default()
}

fn unix(value: &Value, ticks_each: f64) -> Value {
    let ticks = value.to_real().map(|number| number * ticks_each).filter(|ticks| ticks.abs() < 4e18);
    datetime(ticks.map(|ticks| EPOCH + ticks as i64))
}

enum Unit {
    Months(i64),
    Ticks(i64),
}

fn unit(name: &str) -> Result<Unit> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "year" => Unit::Months(12),
        "quarter" => Unit::Months(3),
        "month" => Unit::Months(1),
        "week" => Unit::Ticks(7 * DAY),
        "day" => Unit::Ticks(DAY),
        "hour" => Unit::Ticks(HOUR),
        "minute" => Unit::Ticks(MINUTE),
        "second" => Unit::Ticks(SECOND),
        "millisecond" => Unit::Ticks(SECOND / 1000),
        "microsecond" => Unit::Ticks(10),
        name => return Err(unknown_part(name)),
    })
}

fn unknown_part(name: &str) -> Error {
    let name: String = name.chars().take(40).collect();
    Error::new(ErrorKind::SemanticFailure, format!("'{name}' is no part of a date; write year, month, day, hour …"))
}

#[derive(Clone, Copy)]
enum Period {
    Day,
    Week,
    Month,
    Year,
}

/// The beginning of the period that the first argument is in, `plus` and the second argument's many further on.
fn period(arguments: &[Value], which: Period, plus: i64) -> Option<i64> {
    let ticks = ticks_of(&arguments[0]);
    let count = long_at(arguments, 1, 0).checked_add(plus)?;
    let midnight = ticks - ticks.rem_euclid(DAY);
    let civil = Civil::of(midnight);
    let on = |start: i64, each: i64| count.checked_mul(each).and_then(|more| start.checked_add(more));
    match which {
        Period::Day => on(midnight, DAY),
        Period::Week => on(midnight - day_of_week(midnight) * DAY, 7 * DAY),
        Period::Month => Civil { day: 1, ..civil }.plus_months(count),
        Period::Year => Civil { day: 1, month: 1, ..civil }.plus_months(count.checked_mul(12)?),
    }
}

fn end(arguments: &[Value], which: Period) -> Option<i64> {
    period(arguments, which, 1).map(|next| next - 1)
}

/// ISO 8601: the week of the year's first Thursday is the first.
fn week_of_year(ticks: i64) -> i64 {
    let weekday = (day_of_week(ticks) + 6) % 7;
    let thursday = Civil::of((ticks + (3 - weekday) * DAY).max(0));
    (thursday.day_of_year() - 1) / 7 + 1
}

/// Runs of letters that `part` knows are replaced, the rest stays.
fn formatted(format: &str, part: impl Fn(char, usize) -> Option<String>) -> String {
    let mut out = String::new();
    let letters: Vec<char> = format.chars().take(200).collect();
    let mut at = 0;
    while at < letters.len() {
        let run = letters[at..].iter().take_while(|c| **c == letters[at]).count();
        match part(letters[at], run) {
            Some(text) => out.push_str(&text),
            None => out.extend(&letters[at..at + run]),
        }
        at += run;
    }
    out
}

fn padded(number: i64, width: usize) -> String {
    let width = width.min(8);
    format!("{number:0width$}")
}

/// `fff` keeps its zeros, `FFF` drops those at the end.
fn fraction_text(letter: char, fraction: i64, length: usize) -> String {
    let digits: String = format!("{fraction:07}").chars().take(length).collect();
    if letter == 'F' { digits.trim_end_matches('0').to_owned() } else { digits }
}
