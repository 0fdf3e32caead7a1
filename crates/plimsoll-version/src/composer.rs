//! Packagist: as Composer reads a version, then PHP's `version_compare`.
//!
//! Source: Composer's documentation of versions, and `composer/semver` 3; in doubt, what they answer. Composer first brings a
//! version into one form: `v` in front, build metadata, an alias (`as …`) and a stability flag (`@beta`) fall away; one to
//! four numbers become four (`1 = 1.0.0.0`, `1.x-dev = 1.9999999.9999999.9999999-dev`), dates keep theirs (`2010-01-02`); one
//! word of stability may follow, and `dev`: `dev < alpha = a < beta = b < RC < stable < patch = pl = p`.
//!
//! A branch (`dev-main`, and `master`, `trunk`, `default`) has no order for Composer and lies in no range: it is weak, below
//! every version, and among its like in the order of the bytes; [`is_branch`] tells it.
//!
//! A text that Composer refuses is weak and compared by `version_compare` as it is, but for a `v` in front.

use std::borrow::Cow;

use crate::VersionKey;
use crate::encode::{Writer, span};
use crate::php;

const BRANCH: u8 = 0;
const VERSION: u8 = 1;

/// Longest first, so that the first that fits is the one that Composer's pattern takes.
const STABILITIES: [(&str, &str); 9] = [
    ("stable", "stable"),
    ("beta", "beta"),
    ("b", "beta"),
    ("rc", "RC"),
    ("alpha", "alpha"),
    ("a", "alpha"),
    ("patch", "patch"),
    ("pl", "patch"),
    ("p", "patch"),
];
const FLAGS: [&str; 5] = ["@stable", "@rc", "@beta", "@alpha", "@dev"];
/// Composer's number for `x` and `*`.
const ANY: &str = ".9999999";

pub(crate) fn key(version: &str) -> VersionKey {
    let mut key = Writer::new();
    let text = stripped(version);
    if let Some(branch) = branch(text) {
        key.tag(BRANCH);
        key.text(branch.as_bytes());
        return VersionKey { bytes: key.into_bytes(), weak: true };
    }
    key.tag(VERSION);
    let normal = normal(text);
    php::write(&mut key, normal.as_deref().unwrap_or_else(|| without_v(text)).as_bytes());
    VersionKey { bytes: key.into_bytes(), weak: normal.is_none() }
}

pub(crate) fn is_branch(version: &str) -> bool {
    branch(stripped(version)).is_some()
}

/// The name of a branch as Composer has it, `dev-` in front; of other texts what it compares as it is.
pub(crate) fn plain_text(version: &str) -> Cow<'_, str> {
    let text = stripped(version);
    branch(text).map_or(without_v(text).into(), |branch| format!("dev-{branch}").into())
}

/// The version without alias and stability flag.
fn stripped(version: &str) -> &str {
    let mut text = version.trim();
    let is_plain =
        |text: &str| !text.is_empty() && !text.contains(|c: char| c == ',' || c.is_ascii_whitespace());
    if let Some((real, alias)) = text.split_once(' ')
        && let Some(alias) = alias.trim_start_matches(' ').strip_prefix("as ")
        && is_plain(real)
        && is_plain(alias.trim_start_matches(' '))
    {
        text = real;
    }
    let flag = FLAGS.iter().find(|flag| ends_with(text, flag));
    flag.map_or(text, |flag| &text[..text.len() - flag.len()])
}

/// The name of a branch, if the version is one.
fn branch(text: &str) -> Option<&str> {
    match text {
        "master" | "trunk" | "default" => Some(text),
        _ => text.get(..4).filter(|start| start.eq_ignore_ascii_case("dev-")).map(|_| &text[4..]),
    }
}

/// The version in Composer's form. None if it has none.
fn normal(text: &str) -> Option<String> {
    let text = match text.split_once('+') {
        Some((version, build))
            if !build.is_empty()
                && !build.contains(|c: char| c.is_ascii_whitespace())
                && !version.contains(|c: char| c == ',' || c.is_ascii_whitespace()) =>
        {
            version
        }
        _ => text,
    };
    let bare = without_v(text);
    classical(bare).or_else(|| date(bare)).or_else(|| numeric_branch(text))
}

fn without_v(text: &str) -> &str {
    let bare = text.strip_prefix(['v', 'V']).filter(|bare| bare.starts_with(|c: char| c.is_ascii_digit()));
    bare.unwrap_or(text)
}

/// One to four numbers between dots, the first of at most five digits, and a modifier.
fn classical(text: &str) -> Option<String> {
    let first = digits(text);
    if !(1..=5).contains(&first) {
        return None;
    }
    let mut end = first;
    let mut count = 1;
    while count < 4 && text[end..].starts_with('.') && digits(&text[end + 1..]) > 0 {
        end += 1 + digits(&text[end + 1..]);
        count += 1;
    }
    let version = format!("{}{}", &text[..end], ".0".repeat(4 - count));
    modified(version, &text[end..])
}

/// `2010-01-02`: four digits, then up to six pairs and a rest of up to three, each with or without a separator.
fn date(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut end = digits(text);
    let mut last = end.checked_sub(4)?;
    let mut total = last;
    while last.is_multiple_of(2) && end < text.len() && matches!(bytes[end], b'.' | b':' | b'-') {
        let run = digits(&text[end + 1..]);
        if run == 0 {
            break;
        }
        end += 1 + run;
        last = run;
        total += run;
    }
    let fits = if last.is_multiple_of(2) {
        (2..=14).contains(&total)
    } else {
        (3..=13).contains(&total) || (total == 15 && last >= 3)
    };
    let dotted = |c: char| if c.is_ascii_digit() { c } else { '.' };
    fits.then(|| modified(text[..end].chars().map(dotted).collect(), &text[end..])).flatten()
}

/// `[._-] [stability [numbers]] [dev]`, behind the version that it modifies.
fn modified(mut version: String, text: &str) -> Option<String> {
    // The separator may belong to the `dev` behind it.
    let (stability, numbers, is_dev) =
        modifier(text).or_else(|| modifier(text.strip_prefix(['.', '_', '-'])?))?;
    if let Some((written, stability)) = stability {
        // Composer forgets what follows this word, but only in lower case.
        if written == "stable" {
            return Some(version);
        }
        version.push('-');
        version.push_str(stability);
        version.push_str(numbers.trim_start_matches(['.', '-']));
    }
    if is_dev {
        version.push_str("-dev");
    }
    Some(version)
}

type Modifier<'a> = (Option<(&'a str, &'static str)>, &'a str, bool);

fn modifier(text: &str) -> Option<Modifier<'_>> {
    let is_dev = |text: &str| text.strip_prefix(['.', '-']).unwrap_or(text).eq_ignore_ascii_case("dev");
    if text.is_empty() || is_dev(text) {
        return Some((None, "", !text.is_empty()));
    }
    STABILITIES.iter().find_map(|(name, stability)| {
        let written = text.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name))?;
        let rest = &text[name.len()..];
        let mut end = 0;
        loop {
            let separator = usize::from(rest[end..].starts_with(['.', '-']));
            match digits(&rest[end + separator..]) {
                0 => break,
                run => end += separator + run,
            }
        }
        let (numbers, rest) = rest.split_at(end);
        (rest.is_empty() || is_dev(rest)).then_some((Some((written, *stability)), numbers, !rest.is_empty()))
    })
}

/// `1.x-dev`: a branch for a series of versions, newer than all of the series.
fn numeric_branch(text: &str) -> Option<String> {
    let name = text.get(..text.len().checked_sub(3)?).filter(|_| ends_with(text, "dev"))?;
    let name = without_v(name.strip_suffix(['.', '-']).unwrap_or(name).trim());
    let mut parts = name.split('.');
    let mut version =
        parts.next().filter(|first| !first.is_empty() && digits(first) == first.len())?.to_owned();
    let mut count = 1;
    for part in parts {
        count += 1;
        match part {
            "x" | "X" | "*" => version.push_str(ANY),
            _ if !part.is_empty() && digits(part) == part.len() => {
                version.push('.');
                version.push_str(part);
            }
            _ => return None,
        }
        if count > 4 {
            return None;
        }
    }
    Some(version + &ANY.repeat(4 - count) + "-dev")
}

fn digits(text: &str) -> usize {
    span(text.as_bytes(), u8::is_ascii_digit)
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start.and_then(|start| text.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Composer;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn stabilities_lie_on_both_sides_of_the_version() {
        check_ladder(
            Composer,
            &[
                "1.0-dev",
                "1.0-alpha1",
                "1.0-alpha2",
                "1.0-beta1-dev",
                "1.0-beta1",
                "1.0-RC1",
                "1.0",
                "1.0-p1",
                "1.0-patch2",
                "1.0.0.1",
                "1.0.1",
                "1.x-dev",
                "2.0",
            ],
        );
        check_ladder(Composer, &["2.4.5", "2.4.5-p1", "2.4.5-p8", "2.4.5-p10", "2.4.6-p6"]);
    }

    #[test]
    fn every_spelling_is_accepted() {
        check_equal(
            Composer,
            &["1", "1.0", "v1.0.0", "V1.0.0.0", " 1.0 ", "1.0+build.5", "1.0@beta", "1.0.", "1-stable"],
        );
        check_equal(Composer, &["1.0-beta1", "1.0b1", "1.0_Beta.1", "1.0.0beta-1", "1.0.0.0-BETA1"]);
        check_equal(Composer, &["1.0-p1", "1.0pl1", "1.0-patch1", "1.0.p1"]);
        check_equal(Composer, &["1.x-dev", "1.X-dev", "1.*.x.9999999-dev"]);
        check_equal(Composer, &["1.0.0", "1.0.0 as 2.0", "1.0  as  dev-x"]);
    }

    #[test]
    fn dates_keep_their_parts() {
        check_equal(Composer, &["2010-01-02", "2010:01:02", "v2010-01-02"]);
        check_ladder(
            Composer,
            &["2009.12.31", "2010-01-02", "2010.01.02", "2010-01-02-p1", "20100102", "20100102-203040"],
        );
    }

    #[test]
    fn a_branch_is_below_every_version() {
        check_ladder(Composer, &["dev-feature", "dev-main", "0.0-dev", "0", "1.x-dev"]);
        check_equal(Composer, &["dev-master", "master", "DEV-master"]);
        check_weak(Composer, &["dev-main", "trunk"]);
        assert!(Composer.is_branch("dev-main@dev") && !Composer.is_branch("1.x-dev"));
        assert_eq!(Composer.plain_text(" master as 1.0"), "dev-master");
        assert_eq!(Composer.plain_text("DEV-main@dev"), "dev-main");
        assert_eq!(Composer.plain_text("v1.2.3.4.5"), "1.2.3.4.5");
    }

    #[test]
    fn what_composer_refuses_is_weak() {
        check_weak(
            Composer,
            &["", "x", "1.0-foo", "1.2.3.4.5", "1.0-1", "1..0", "12345.1.2.3.4", "foo-dev", "1.0 beta"],
        );
        check_ladder(Composer, &["", "1.2.3.4", "1.2.3.4.5", "1.2.3.5"]);
        check_ladder(Composer, &["1.0.0.0-foo", "1.0.0.0-beta", "1.0"]);
    }
}
