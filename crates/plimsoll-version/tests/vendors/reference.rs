//! Orders of vendors whose tools cannot be installed everywhere, written once more: two versions compared step by step, as
//! their documents tell it, without keys. `None` where the vendor refuses one of the two.

use std::cmp::Ordering;
use std::collections::VecDeque;

pub(crate) type Compare = fn(&str, &str) -> Option<Ordering>;

fn digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

fn number(text: &str) -> Option<u128> {
    if digits(text) { text.parse().ok() } else { None }
}

fn identifiers(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<_> = text.split('.').collect();
    let fits = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    parts.iter().all(fits).then_some(parts)
}

/// Semantic Versioning, section 11.4, with the texts compared as asked.
fn compare_identifiers(a: &[&str], b: &[&str], text: fn(&str, &str) -> Ordering) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => text(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

struct Semantic<'a> {
    numbers: Vec<u128>,
    pre_release: Option<Vec<&'a str>>,
    build: Option<Vec<&'a str>>,
}

impl<'a> Semantic<'a> {
    fn parse(text: &'a str, count: std::ops::RangeInclusive<usize>) -> Option<Self> {
        let (rest, build) = match text.split_once('+') {
            Some((rest, build)) => (rest, Some(identifiers(build)?)),
            None => (text, None),
        };
        let (numbers, pre_release) = match rest.split_once('-') {
            Some((numbers, pre_release)) => (numbers, Some(identifiers(pre_release)?)),
            None => (rest, None),
        };
        let numbers: Vec<_> = numbers.split('.').map(number).collect::<Option<_>>()?;
        count.contains(&numbers.len()).then_some(Self { numbers, pre_release, build })
    }

    fn number(&self, at: usize) -> u128 {
        self.numbers.get(at).copied().unwrap_or(0)
    }

    fn compare_numbers(&self, other: &Self) -> Ordering {
        (0..4)
            .map(|at| self.number(at).cmp(&other.number(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn compare_pre_releases(&self, other: &Self, text: fn(&str, &str) -> Ordering) -> Ordering {
        match (&self.pre_release, &other.pre_release) {
            (None, None) => Ordering::Equal,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => compare_identifiers(a, b, text),
        }
    }
}

/// "Package versioning" of NuGet's documentation.
pub(crate) fn nuget(a: &str, b: &str) -> Option<Ordering> {
    let ignoring_case: fn(&str, &str) -> Ordering =
        |a, b| a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
    let [a, b] = [Semantic::parse(a, 1..=4)?, Semantic::parse(b, 1..=4)?];
    Some(a.compare_numbers(&b).then_with(|| a.compare_pre_releases(&b, ignoring_case)))
}

/// The documentation of `pub_semver`.
pub(crate) fn dart(a: &str, b: &str) -> Option<Ordering> {
    let [a, b] = [Semantic::parse(a, 3..=3)?, Semantic::parse(b, 3..=3)?];
    let builds = || match (&a.build, &b.build) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => compare_identifiers(a, b, |a, b| a.cmp(b)),
    };
    Some(a.compare_numbers(&b).then_with(|| a.compare_pre_releases(&b, |a, b| a.cmp(b))).then_with(builds))
}

/// The description of Bitnami's `go-version`.
pub(crate) fn bitnami(a: &str, b: &str) -> Option<Ordering> {
    let [a, b] = [Semantic::parse(a, 3..=3)?, Semantic::parse(b, 3..=3)?];
    let revisions = || match (&a.pre_release, &b.pre_release) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => compare_identifiers(a, b, |a, b| a.cmp(b)),
    };
    Some(a.compare_numbers(&b).then_with(revisions))
}

/// Julia's manual, "Version Number Literals", and what its regular expression takes.
pub(crate) fn julia(a: &str, b: &str) -> Option<Ordering> {
    type Identifiers<'a> = Option<Vec<&'a str>>;
    fn parse(text: &str) -> Option<([u128; 3], Identifiers<'_>, Identifiers<'_>)> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (rest, build) = match text.split_once('+') {
            Some((rest, "")) => (rest, Some(vec![""])),
            Some((rest, build)) => (rest, Some(identifiers(build)?)),
            None => (text, None),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (numbers, tail) = rest.split_at(end);
        let numbers: Vec<_> = numbers.split('.').map(number).collect::<Option<_>>()?;
        if numbers.len() > 3 {
            return None;
        }
        let pre_release = match tail {
            "" => None,
            "-" => Some(vec![""]),
            _ => Some(identifiers(tail.strip_prefix('-').unwrap_or(tail))?),
        };
        let at = |position: usize| numbers.get(position).copied().unwrap_or(0);
        Some(([at(0), at(1), at(2)], pre_release, build))
    }
    let is_bare = |identifiers: &Option<Vec<&str>>| identifiers.as_ref().is_some_and(|all| all == &[""]);
    let [a, b] = [parse(a)?, parse(b)?];
    let pre_releases = || match (&a.1, &b.1) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(x), Some(y)) => {
            is_bare(&b.1).cmp(&is_bare(&a.1)).then_with(|| compare_identifiers(x, y, |a, b| a.cmp(b)))
        }
    };
    let builds = || {
        let empty = Vec::new();
        let [x, y] = [a.2.as_ref().unwrap_or(&empty), b.2.as_ref().unwrap_or(&empty)];
        is_bare(&a.2).cmp(&is_bare(&b.2)).then_with(|| compare_identifiers(x, y, |a, b| a.cmp(b)))
    };
    Some(a.0.cmp(&b.0).then_with(pre_releases).then_with(builds))
}

/// JEP 223, and the old form in its terms.
pub(crate) fn jvm(a: &str, b: &str) -> Option<Ordering> {
    fn parse(text: &str) -> Option<(VecDeque<u128>, Option<String>, Option<u128>)> {
        let old = text.starts_with("1.") || text.split_once('u').is_some_and(|(feature, _)| digits(feature));
        let (text, build) = match text.rsplit_once("-b") {
            Some((text, build)) if digits(build) => (text, format!("+{build}")),
            _ => (text, String::new()),
        };
        let modern = if old {
            let numbers = text.strip_prefix("1.").unwrap_or(text);
            let numbers = if numbers.contains('u') {
                numbers.replacen('u', ".0.", 1)
            } else {
                let (version, update) = numbers.split_once('_').unwrap_or((numbers, "0"));
                let padding = if version.contains('.') { "" } else { ".0" };
                match update.split_once('-') {
                    Some((update, word)) => format!("{version}{padding}.{update}-{word}"),
                    None if numbers.contains('_') => format!("{version}{padding}.{update}"),
                    None => numbers.to_owned(),
                }
            };
            numbers + &build
        } else {
            text.to_owned() + &build
        };
        let (rest, build) = match modern.split_once('+') {
            Some((rest, build)) => (rest, Some(number(build.split('-').next()?)?)),
            None => (modern.as_str(), None),
        };
        let (numbers, word) = match rest.split_once('-') {
            Some((numbers, word)) => (numbers, Some(word)),
            None => (rest, None),
        };
        if word.is_some_and(|word| word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric())) {
            return None;
        }
        let mut numbers: VecDeque<_> = numbers.split('.').map(number).collect::<Option<_>>()?;
        while numbers.back() == Some(&0) {
            numbers.pop_back();
        }
        Some((numbers, word.map(str::to_owned), build))
    }
    let [a, b] = [parse(a)?, parse(b)?];
    let words = || match (&a.1, &b.1) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_identifiers(&[a], &[b], |a, b| a.cmp(b)),
    };
    Some(a.0.cmp(&b.0).then_with(words).then_with(|| a.2.cmp(&b.2)))
}

/// The Porter's Handbook and the rules that `pkg` lists for components.
pub(crate) fn freebsd(a: &str, b: &str) -> Option<Ordering> {
    type Component = (i128, i128, i128);
    fn component(text: &mut &str) -> Component {
        let take_number = |text: &mut &str| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (digits, rest) = text.split_at(end);
            *text = rest;
            digits.parse::<i128>().ok()
        };
        let mut component = (-1, 0, 0);
        if let Some(number) = take_number(text) {
            component.0 = number;
        } else if text.starts_with('*') {
            *text = "";
            return (-2, 0, 0);
        }
        let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        if end > 0 {
            let word = text[..end].to_lowercase();
            let first = i128::from(word.as_bytes()[0] - b'a') + 1;
            let stage = [("pl", 0), ("alpha", 1), ("beta", 2), ("pre", 16), ("rc", 18)];
            let stage = stage.iter().find(|(name, _)| *name == word);
            if stage.is_none() || component.0 == -1 {
                component.1 = stage.map_or(first, |(_, value)| *value);
                *text = &text[end..];
                component.2 = take_number(text).unwrap_or(-1);
            }
        }
        *text = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*');
        component
    }
    fn parse(text: &str) -> (u128, Vec<Vec<Component>>, u128) {
        let leading = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().unwrap_or(0)
        };
        let (version, revision, tail) = match text.rfind('_') {
            Some(at) => (&text[..at], leading(&text[at + 1..]), &text[at + 1..]),
            None => (text, 0, text),
        };
        let (version, epoch) = match tail.rfind(',') {
            Some(at) if revision == 0 && !text.contains('_') => (&version[..at], leading(&tail[at + 1..])),
            Some(at) => (version, leading(&tail[at + 1..])),
            None => (version, 0),
        };
        let blocks = version.split('+').map(|mut block| {
            let mut components = Vec::new();
            while !block.is_empty() {
                components.push(component(&mut block));
            }
            components
        });
        (epoch, blocks.collect(), revision)
    }
    let [a, b] = [parse(a), parse(b)];
    let mut order = a.0.cmp(&b.0);
    for block in 0..a.1.len().max(b.1.len()) {
        let empty = Vec::new();
        let [x, y] = [a.1.get(block).unwrap_or(&empty), b.1.get(block).unwrap_or(&empty)];
        for at in 0..x.len().max(y.len()) {
            let null = (0, 0, 0);
            order = order.then_with(|| x.get(at).unwrap_or(&null).cmp(y.get(at).unwrap_or(&null)));
        }
    }
    Some(order.then_with(|| a.2.cmp(&b.2)))
}

/// The walk of Homebrew's `Version`: a number against something else is skipped if it is zero.
pub(crate) fn homebrew(a: &str, b: &str) -> Option<Ordering> {
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    enum Token {
        Alpha(u128),
        Beta(u128),
        Pre(u128),
        Rc(u128),
        Missing,
        Word(String),
        Patch(u128),
        Number(u128),
    }
    fn tokens(text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = text.to_lowercase();
        let take = |rest: &mut String, fits: fn(&char) -> bool| {
            let taken: String = rest.chars().take_while(fits).collect();
            rest.drain(..taken.len());
            taken
        };
        while !rest.is_empty() {
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                let digits = take(&mut rest, char::is_ascii_digit);
                tokens.push(Token::Number(digits.parse().unwrap_or(u128::MAX)));
            } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let follows = |name: &str| {
                    rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                };
                let named = ["alpha", "beta", "pre", "rc", "p"].into_iter().find(|name| match *name {
                    "alpha" => rest.starts_with("alpha") || follows("a"),
                    "beta" => rest.starts_with("beta") || follows("b"),
                    name => rest.starts_with(name),
                });
                let Some(name) = named else {
                    let word = take(&mut rest, char::is_ascii_alphabetic);
                    tokens.push(Token::Word(word));
                    continue;
                };
                rest = rest.strip_prefix(name).unwrap_or(&rest[1..]).to_owned();
                let number = take(&mut rest, char::is_ascii_digit).parse().unwrap_or(0);
                tokens.push(match name {
                    "alpha" => Token::Alpha(number),
                    "beta" => Token::Beta(number),
                    "pre" => Token::Pre(number),
                    "rc" => Token::Rc(number),
                    _ => Token::Patch(number),
                });
            } else {
                rest.remove(0);
            }
        }
        tokens
    }
    fn revision(text: &str) -> (&str, u128) {
        match text.rsplit_once('_') {
            Some((version, digits)) if !version.is_empty() && number(digits).is_some() => {
                (version, number(digits).unwrap_or(0))
            }
            _ => (text, 0),
        }
    }
    let [(a, a_revision), (b, b_revision)] = [revision(a), revision(b)];
    let [a, b] = [tokens(a), tokens(b)];
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let x = a.get(i).cloned().unwrap_or(Token::Missing);
        let y = b.get(j).cloned().unwrap_or(Token::Missing);
        match (&x, &y) {
            (Token::Number(n), Token::Number(m)) if n != m => return Some(n.cmp(m)),
            (Token::Number(_), Token::Number(_)) => (i, j) = (i + 1, j + 1),
            (Token::Number(0), _) => i += 1,
            (_, Token::Number(0)) => j += 1,
            _ if x == y => (i, j) = (i + 1, j + 1),
            _ => return Some(x.cmp(&y)),
        }
    }
    Some(a_revision.cmp(&b_revision))
}

/// The Package Versioning Policy: numbers, more after fewer.
pub(crate) fn haskell(a: &str, b: &str) -> Option<Ordering> {
    let parse = |text: &str| text.split('.').map(number).collect::<Option<Vec<_>>>();
    Some(parse(a)?.cmp(&parse(b)?))
}

/// "Writing R Extensions": the same with hyphens.
pub(crate) fn cran(a: &str, b: &str) -> Option<Ordering> {
    let parse = |text: &str| text.split(['.', '-']).map(number).collect::<Option<Vec<_>>>();
    Some(parse(a)?.cmp(&parse(b)?))
}
