//! FreeBSD's packages: `version[_revision][,epoch]`, as `pkg version -t` orders it.
//!
//! Source: the Porter's Handbook, "Versions, epochs and revisions", and the description of components in `pkg`. A component is
//! a number, a letter and a patch level: `10 < 10a < 10a1 < 10b`. Words count by their first letter, without regard to case;
//! `pl`, `alpha`, `beta`, `pre` and `rc` always begin a component, and `pl` is before every letter. A component without a
//! number is older than zero, and what is missing is zero: `1.rc2 < 1 = 1.0 < 1.0a`. `*` is the smallest component and
//! ends its block; a plus begins another block. First the epoch counts, then the version, then the revision.
//!
//! Weak is a text that begins with something else than a digit.

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits};
use crate::padded::Padded;

const ANY: u8 = 0;
const NO_NUMBER: u8 = 1;
const NUMBER: u8 = 2;

const NO_LEVEL: u8 = 0;
const LEVEL: u8 = 1;

const STAGES: [(&str, u8); 5] = [("pl", 0), ("alpha", 1), ("beta", 2), ("pre", 16), ("rc", 18)];

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let text = text.rsplit_once('-').map_or(text, |(_, version)| version);
    let (upstream, revision, after) = match text.rsplit_once('_') {
        Some((upstream, after)) => (upstream, leading_digits(after), after),
        None => (text, &b""[..], text),
    };
    let (upstream, epoch) = match after.rsplit_once(',') {
        Some((before, epoch)) if upstream.len() == text.len() => (before, leading_digits(epoch)),
        Some((_, epoch)) => (upstream, leading_digits(epoch)),
        None => (upstream, &b""[..]),
    };
    let mut key = Writer::new();
    key.integer(epoch);
    let mut blocks = Padded::default();
    for block in upstream.as_bytes().split(|&byte| byte == b'+') {
        write_block(&mut key, &mut blocks, block);
    }
    blocks.end(&mut key);
    key.integer(revision);
    VersionKey { bytes: key.into_bytes(), weak: !upstream.starts_with(|c: char| c.is_ascii_digit()) }
}

fn leading_digits(text: &str) -> &[u8] {
    split_digits(text.as_bytes()).0
}

fn write_block(key: &mut Writer, blocks: &mut Padded, mut rest: &[u8]) {
    let mut components = Padded::default();
    let mut is_announced = false;
    while !rest.is_empty() {
        let component = Component::take(&mut rest);
        let is_separator = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'*';
        rest = &rest[span(rest, is_separator)..];
        if component.is_null() {
            components.null();
            continue;
        }
        let is_above = component.kind == NUMBER;
        if !is_announced {
            is_announced = true;
            if is_above { blocks.above(key) } else { blocks.below(key) }
        }
        if is_above {
            components.above(key)
        } else {
            components.below(key)
        }
        component.write(key);
    }
    if is_announced {
        components.end(key);
    } else {
        blocks.null();
    }
}

struct Component<'a> {
    kind: u8,
    number: &'a [u8],
    letter: u8,
    /// None behind a letter without a number.
    level: Option<&'a [u8]>,
}

impl<'a> Component<'a> {
    fn take(rest: &mut &'a [u8]) -> Self {
        let mut component = Self { kind: NO_NUMBER, number: b"", letter: 0, level: Some(b"") };
        let (digits, after) = split_digits(rest);
        *rest = after;
        if !digits.is_empty() {
            (component.kind, component.number) = (NUMBER, digits);
        } else if rest.first() == Some(&b'*') {
            component.kind = ANY;
            *rest = &[];
            return component;
        }
        let letters = span(rest, u8::is_ascii_alphabetic);
        if letters == 0 {
            return component;
        }
        let (word, after) = rest.split_at(letters);
        let stage = STAGES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        match stage {
            // A stage begins a component of its own.
            Some(_) if component.kind == NUMBER => return component,
            Some((_, letter)) => component.letter = *letter,
            None => component.letter = word[0].to_ascii_lowercase() - b'a' + 1,
        }
        let (digits, after) = split_digits(after);
        component.level = (!digits.is_empty()).then_some(digits);
        *rest = after;
        component
    }

    fn is_null(&self) -> bool {
        let is_zero = |digits: &[u8]| digits.iter().all(|&digit| digit == b'0');
        self.kind == NUMBER && is_zero(self.number) && self.letter == 0 && self.level.is_some_and(is_zero)
    }

    fn write(&self, key: &mut Writer) {
        key.tag(self.kind);
        key.integer(self.number);
        key.tag(self.letter);
        match self.level {
            Some(level) => {
                key.tag(LEVEL);
                key.integer(level);
            }
            None => key.tag(NO_LEVEL),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Freebsd;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn epoch_version_revision() {
        check_ladder(
            Freebsd,
            &["1.0", "1.0_1", "1.0_10", "1.0.1", "1.1", "1.10", "0.9,1", "0.9_2,1", "1.0,2"],
        );
        check_ladder(Freebsd, &["1.99999999999999999999", "1.100000000000000000000"]);
    }

    #[test]
    fn components_are_number_letter_and_level() {
        check_ladder(Freebsd, &["10alpha", "10.b2", "10.rc1", "10", "10.1", "10a", "10a1", "10a2", "10b"]);
        check_ladder(Freebsd, &["2.*", "2pl1", "2alpha3", "2.9f7", "3.*"]);
        check_ladder(Freebsd, &["pl11", "alpha3", "0.1beta2", "0.1"]);
        check_equal(Freebsd, &["10", "10.0", "10.0.0", "10..0", "10,0", "10_0"]);
        check_equal(Freebsd, &["10a1b2", "10a1.b2"]);
        check_equal(Freebsd, &["1.d2", "1.dev2", "1.Development2"]);
        check_equal(Freebsd, &["1.0:2003.09.16", "1.0.2003.09.16"]);
    }

    #[test]
    fn a_plus_begins_a_block() {
        check_ladder(Freebsd, &["1.0+rc1", "1.0", "1.0+1", "1.0.1"]);
        check_equal(Freebsd, &["1.0", "1+0", "1.0+"]);
    }

    #[test]
    fn what_begins_without_a_digit_is_weak() {
        check_weak(Freebsd, &["", "a1", ".1", ",1"]);
    }
}
