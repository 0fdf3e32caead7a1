//! Instants and lengths of time as Kusto counts, reads and writes them: ticks of 100 nanoseconds, since the year 1.
//!
//! The calendar is the proleptic Gregorian one, in UTC throughout; the arithmetic between days and dates is Howard Hinnant's
//! (`days_from_civil`, `civil_from_days`).

/// Ticks in a second, an hour, a day.
pub(crate) const SECOND: i64 = 10_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 1970-01-01.
pub(crate) const EPOCH: i64 = 719_162 * DAY;
/// The years 1 to 9999.
pub(crate) const TICKS: std::ops::RangeInclusive<i64> = 0..=3_652_059 * DAY - 1;

/// A date with a time of day, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// Ticks since midnight.
    pub(crate) ticks: i64,
}

impl Civil {
    pub(crate) fn of(ticks: i64) -> Self {
        let days = ticks.div_euclid(DAY) + 306;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day, ticks: ticks.rem_euclid(DAY) }
    }

    /// The instant, where there is such a date in the years 1 to 9999.
    pub(crate) fn ticks(self) -> Option<i64> {
        let fits = (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && (0..DAY).contains(&self.ticks);
        fits.then(|| {
            let year = self.year - i64::from(self.month <= 2);
            let era = year.div_euclid(400);
            let of_era = year.rem_euclid(400);
            let shifted = if self.month > 2 { self.month - 3 } else { self.month + 9 };
            let day_of_year = (153 * shifted + 2) / 5 + self.day - 1;
            let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 306;
            days * DAY + self.ticks
        })
    }

    /// The same day some months on, or the last of that month where it is shorter.
    pub(crate) fn plus_months(self, months: i64) -> Option<i64> {
        let count = (self.year * 12 + self.month - 1).checked_add(months)?;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        let year = if (1..=9999).contains(&year) { year } else { return None };
        Self { year, month, day: self.day.min(days_in_month(year, month)), ..self }.ticks()
    }

    pub(crate) fn day_of_year(self) -> i64 {
        (1..self.month).map(|month| days_in_month(self.year, month)).sum::<i64>() + self.day
    }
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the last Sunday. The year 1 began on a Monday.
pub(crate) fn day_of_week(ticks: i64) -> i64 {
    (ticks.div_euclid(DAY) + 1).rem_euclid(7)
}

/// `2024-05-02T10:00:00.0000000Z`.
pub(crate) fn datetime_text(ticks: i64) -> String {
    let civil = Civil::of(ticks);
    let (hour, minute, second, fraction) = clock(civil.ticks);
    format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z",
        civil.year, civil.month, civil.day
    )
}

/// `1.02:03:04.5000000`; the days and the fraction only where there are some.
pub(crate) fn timespan_text(ticks: i64) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let all = ticks.unsigned_abs();
    let (days, rest) = (all / DAY as u64, (all % DAY as u64) as i64);
    let (hour, minute, second, fraction) = clock(rest);
    let days = if days == 0 { String::new() } else { format!("{days}.") };
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:07}") };
    format!("{sign}{days}{hour:02}:{minute:02}:{second:02}{fraction}")
}

/// Hour, minute, second and the ticks of a fraction.
pub(crate) fn clock(ticks: i64) -> (i64, i64, i64, i64) {
    (ticks / HOUR, ticks / MINUTE % 60, ticks / SECOND % 60, ticks % SECOND)
}

/// ISO 8601 with what may be left out: `2024`, `2024-05-02`, `2024-05-02 10:00`, `2024-05-02T10:00:00.123+02:00`; and
/// `05/02/2024 10:00`, month first.
pub(crate) fn parse_datetime(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let (year, month, day);
    let first = digits(&mut rest, 4)?;
    if rest.starts_with('/') {
        month = first.0;
        eat(&mut rest, "/")?;
        day = digits(&mut rest, 2)?.0;
        eat(&mut rest, "/")?;
        year = digits(&mut rest, 4).filter(|(_, n)| *n == 4)?.0;
    } else {
        year = Some(first).filter(|(_, n)| *n == 4)?.0;
        month = if eat(&mut rest, "-").is_some() { digits(&mut rest, 2)?.0 } else { 1 };
        day = if eat(&mut rest, "-").is_some() { digits(&mut rest, 2)?.0 } else { 1 };
    }
    let mut ticks = 0;
    let mut offset = 0;
    if eat(&mut rest, "T").or_else(|| eat(&mut rest, "t")).or_else(|| eat(&mut rest, " ")).is_some() {
        rest = rest.trim_start();
        ticks = parse_clock(&mut rest)?;
        rest = rest.trim_start();
        if eat(&mut rest, "Z").or_else(|| eat(&mut rest, "z")).is_none() && !rest.is_empty() {
            let sign = if eat(&mut rest, "+").is_some() { 1 } else { eat(&mut rest, "-").map(|()| -1)? };
            let hours = digits(&mut rest, 2)?.0;
            let _ = eat(&mut rest, ":");
            let minutes = if rest.is_empty() { 0 } else { digits(&mut rest, 2)?.0 };
            offset = sign * (hours * HOUR + minutes * MINUTE);
        }
    }
    let ticks = if rest.is_empty() { Civil { year, month, day, ticks }.ticks()? } else { return None };
    Some(ticks - offset).filter(|ticks| TICKS.contains(ticks))
}

/// `1.02:03:04.5`, `02:03`, `7` (days), and the literals of the language: `7d`, `1.5h`, `10ms`.
pub(crate) fn parse_timespan(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    if let Some(ticks) = literal_timespan(text) {
        return Some(sign * ticks);
    }
    let mut rest = text;
    if !rest.contains(':') {
        let days = rest.parse::<i64>().ok()?;
        return days.checked_mul(DAY).map(|ticks| sign * ticks);
    }
    let mut days = 0;
    let before_colon = rest.split(':').next().unwrap_or_default();
    if let Some((number, _)) = before_colon.split_once('.') {
        days = number.parse::<i64>().ok().filter(|days| (0..=10_675_199).contains(days))?;
        rest = &rest[number.len() + 1..];
    }
    let ticks = parse_clock(&mut rest)?;
    rest.is_empty().then(|| sign * (days.saturating_mul(DAY).saturating_add(ticks)))
}

/// A number with a unit.
pub(crate) fn literal_timespan(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let unit = unit_ticks(unit)?;
    match number.parse::<i64>() {
        Ok(whole) => whole.checked_mul(unit),
        Err(_) => {
            let ticks = number.parse::<f64>().ok()? * unit as f64;
            (ticks.abs() < 9.2e18).then_some(ticks as i64)
        }
    }
}

pub(crate) fn unit_ticks(unit: &str) -> Option<i64> {
    Some(match unit {
        "d" | "day" | "days" => DAY,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "s" | "sec" | "second" | "seconds" => SECOND,
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => SECOND / 1000,
        "micro" | "micros" | "microsecond" | "microseconds" => 10,
        "tick" | "ticks" => 1,
        _ => return None,
    })
}

/// `10`, `10:00`, `10:00:00.123`.
fn parse_clock(rest: &mut &str) -> Option<i64> {
    let hour = digits(rest, 2)?.0;
    let mut ticks = hour * HOUR;
    let mut minute = 0;
    let mut second = 0;
    if eat(rest, ":").is_some() {
        minute = digits(rest, 2)?.0;
        if eat(rest, ":").is_some() {
            second = digits(rest, 2)?.0;
            if eat(rest, ".").is_some() {
                let (mut fraction, length) = digits(rest, 9)?;
                for _ in length..9 {
                    fraction *= 10;
                }
                ticks += fraction / 100;
            }
        }
    }
    (hour < 24 && minute < 60 && second < 60).then_some(ticks + minute * MINUTE + second * SECOND)
}

/// A number of at most so many digits, with how many there were.
fn digits(rest: &mut &str, most: usize) -> Option<(i64, usize)> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at(length);
    *rest = behind;
    Some((number.parse().ok()?, length))
}

fn eat(rest: &mut &str, expected: &str) -> Option<()> {
    *rest = rest.strip_prefix(expected)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_it_was_read() {
        for text in ["0001-01-01T00:00:00.0000000Z", "2024-02-29T23:59:59.1234567Z", "9999-12-31T00:00:00.0000000Z"] {
            assert_eq!(datetime_text(parse_datetime(text).unwrap()), text);
        }
        assert_eq!(parse_datetime("1970-01-01"), Some(EPOCH));
        assert_eq!(parse_datetime("2024-05-02T10:00+02:00"), parse_datetime("2024-05-02 08:00:00Z"));
        assert_eq!(parse_datetime("05/02/2024"), parse_datetime("2024-05-02"));
        for text in ["", "yesterday", "2024-13-01", "2023-02-29", "2024-05-02T25:00", "2024-05-02x", "24-05-02"] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_is_read_back() {
        for day in (0..3_652_059).step_by(37) {
            assert_eq!(Civil::of(day * DAY).ticks(), Some(day * DAY), "{day}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, ticks) in
            [("1.02:03:04.5000000", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + SECOND / 2), ("-00:00:01", -SECOND)]
        {
            assert_eq!(parse_timespan(text), Some(ticks));
            assert_eq!(timespan_text(ticks), text);
        }
        assert_eq!(parse_timespan("1.5h"), Some(90 * MINUTE));
        assert_eq!(parse_timespan("7"), Some(7 * DAY));
        assert_eq!(parse_timespan("99999999999999999999d"), None);
    }
}
