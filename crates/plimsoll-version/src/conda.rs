//! Conda: as `VersionOrder` orders it.
//!
//! Source: Conda's "version ordering" (CEP 33); in doubt, what it answers. An epoch before `!`; components between dots,
//! hyphens or underscores; a local version behind `+`, which counts last and in the same way. A component is numbers and words
//! by turns, a number first, if need be zero (`1.a1 = 1.0a1`); what is missing is zero. `dev` < other words, by their bytes
//! and without regard to case < numbers < `post`: `1.1dev1 < 1.1a1 < 1.1.dev1 < 1.1.rc1 < 1.1 = 1.1.0 < 1.1.post1 < 1.1post1`.
//! An underscore at the end belongs to the last component, as a word or to its word.
//!
//! Weak is what Conda refuses: other characters, hyphens beside underscores, empty components, more than one epoch or local
//! version. It is read by the same rules, empty components being zero.

use crate::VersionKey;
use crate::encode::{Writer, span};
use crate::padded::Padded;

const NUMBER: u8 = 0;
const POST: u8 = 1;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim().to_lowercase();
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"*.+!_-".contains(&byte);
    let mut weak =
        text.is_empty() || !text.bytes().all(is_known) || (text.contains('-') && text.contains('_'));
    let text = text.replace('-', "_");
    let (epoch, rest) = match text.split_once('!') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (epoch, rest)
        }
        _ => ("", text.as_str()),
    };
    weak |= rest.contains('!');
    let (public, local) = match rest.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (rest, None),
    };
    let mut key = Writer::new();
    key.integer(epoch.as_bytes());
    // An underscore at the end belongs to the last component.
    let splits = public.strip_suffix('_').unwrap_or(public).len();
    weak |= !write_components(&mut key, public.as_bytes(), splits);
    weak |= local.is_some_and(|local| local.contains('+'));
    let local = local.map(str::as_bytes);
    weak |= !write_components(&mut key, local.unwrap_or_default(), local.map_or(0, <[u8]>::len))
        && local.is_some();
    VersionKey { bytes: key.into_bytes(), weak }
}

/// Writes the components, which are parted within the first bytes only. False if one of them is empty.
fn write_components(key: &mut Writer, text: &[u8], splits: usize) -> bool {
    let mut complete = true;
    let mut components = Padded::default();
    let mut start = 0;
    for at in 0..=text.len() {
        let is_end = at == text.len();
        if is_end || (at < splits && matches!(text[at], b'.' | b'_')) {
            let component = &text[start..at];
            complete &= !component.is_empty();
            write_component(key, &mut components, component);
            start = at + 1;
        }
    }
    components.end(key);
    complete
}

fn write_component(key: &mut Writer, components: &mut Padded, component: &[u8]) {
    let mut pieces = Padded::default();
    let mut is_announced = false;
    let mut announce = |key: &mut Writer, is_above: bool| {
        if !std::mem::replace(&mut is_announced, true) {
            if is_above { components.above(key) } else { components.below(key) }
        }
    };
    let mut rest = component;
    // A word in front stands behind a zero.
    if !rest.first().is_some_and(u8::is_ascii_digit) {
        pieces.null();
    }
    while let Some(first) = rest.first() {
        let length = match first {
            b'0'..=b'9' => span(rest, u8::is_ascii_digit),
            b'*' => span(rest, |&byte| byte == b'*'),
            _ => span(rest, |byte| !byte.is_ascii_digit() && *byte != b'*'),
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        match piece {
            _ if piece.iter().all(|&byte| byte == b'0') => pieces.null(),
            [b'0'..=b'9', ..] | b"post" => {
                announce(key, true);
                pieces.above(key);
                if first.is_ascii_digit() {
                    key.tag(NUMBER);
                    key.integer(piece);
                } else {
                    key.tag(POST);
                }
            }
            _ => {
                announce(key, false);
                pieces.below(key);
                // As text in capitals, so that it comes before `_` and letters, but not before `*`.
                key.text(if piece == b"dev" { b"DEV" } else { piece });
            }
        }
    }
    if is_announced {
        pieces.end(key);
    } else {
        components.null();
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Conda;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn the_ladder_of_the_documentation() {
        check_ladder(
            Conda,
            &[
                "0.4",
                "0.4.1.rc",
                "0.4.1",
                "0.5a1",
                "0.5b3",
                "0.5C1",
                "0.5",
                "0.9.6",
                "0.960923",
                "1.0",
                "1.1dev1",
                "1.1a1",
                "1.1.0dev1",
                "1.1.a1",
                "1.1.0rc1",
                "1.1",
                "1.1.0post1",
                "1.1post1",
                "1996.07.12",
                "1!0.4.1",
                "1!3.1.1.6",
                "2!0.4.1",
            ],
        );
        check_equal(Conda, &["0.4", "0.4.0", "0.4.0.0"]);
        check_equal(Conda, &["0.4.1.rc", "0.4.1.RC"]);
        check_equal(Conda, &["1.1.0dev1", "1.1.dev1", "1.1-dev1", "1.1_dev1"]);
        check_equal(Conda, &["1.1.0post1", "1.1.post1"]);
    }

    #[test]
    fn a_local_version_counts_last() {
        check_ladder(Conda, &["1.0+rc", "1.0", "1.0+1", "1.0+1.1", "1.0+2", "1.0.1"]);
        check_equal(Conda, &["1.0", "1.0+0"]);
    }

    #[test]
    fn an_underscore_at_the_end_is_a_word() {
        check_ladder(Conda, &["1.0.1dev", "1.0.1_", "1.0.1a", "1.0.1"]);
        check_ladder(Conda, &["1.0.99999999999999999999", "1.0.100000000000000000000"]);
    }

    #[test]
    fn what_conda_refuses_is_weak() {
        check_weak(Conda, &["", "1..0", "1.", "a!1", "1!2!3", "1+2+3", "1.0é", "1 0", "1-0_1", "1+"]);
    }
}
