//! Python: PEP 440.
//!
//! Source: <https://peps.python.org/pep-0440/> with its appendix B (the accepted spellings); in doubt, what the `packaging`
//! library answers. The order of one release: `.devN`, alphas, betas and candidates (each with its own `.postN` and `.devN`),
//! the release, its post-releases. A local version (`1.0+local`) comes after the public one that it continues: plain order,
//! not the matching rule by which a specifier may ignore it. Trailing zeros of the release do not count.
//!
//! What is no PEP 440 version is weak. It sorts below every version that is one, and among its like as the
//! `LegacyVersion` of packaging before 22 did (setuptools' rules from before the PEP).

use crate::VersionKey;
use crate::encode::{Writer, span, split_digits, without_leading_zeros};

const LEGACY: u8 = 0;
const VERSION: u8 = 1;

const END: u8 = 0;
const ANOTHER: u8 = 1;

// The place of a version in its release. One that only has a `.devN` comes before the alphas.
const DEV_ONLY: u8 = 0;
const NO_PRE: u8 = 4;
const PRE_LABELS: [(&str, u8); 8] =
    [("alpha", 1), ("a", 1), ("beta", 2), ("b", 2), ("preview", 3), ("pre", 3), ("rc", 3), ("c", 3)];
const POST_LABELS: [(&str, u8); 3] = [("post", POST), ("rev", POST), ("r", POST)];

const NO_POST: u8 = 0;
const POST: u8 = 1;

const DEV: u8 = 0;
const NO_DEV: u8 = 1;

const LOCAL_TEXT: u8 = 1;
const LOCAL_NUMBER: u8 = 2;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim_matches(is_python_space).to_ascii_lowercase();
    match Version::parse(text.as_bytes()) {
        Some(parsed) => VersionKey { bytes: parsed.write(), weak: false },
        None => VersionKey { bytes: write_legacy(&version.to_lowercase()), weak: true },
    }
}

/// Python's `\s` takes four separators of ASCII for white space that Unicode does not.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// A version in lower case, taken apart. Numbers are digits, empty for zero.
struct Version<'a> {
    epoch: &'a [u8],
    release: Vec<&'a [u8]>,
    pre: Option<(u8, &'a [u8])>,
    post: Option<&'a [u8]>,
    dev: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
}

impl<'a> Version<'a> {
    /// Reads from left to right and never back: where a separator could belong to two parts, both readings are equal.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.strip_prefix(b"v").unwrap_or(text);
        let (first, after) = split_digits(text);
        let (epoch, mut rest) = match after {
            [b'!', after @ ..] if !first.is_empty() => (first, after),
            _ => (&b""[..], text),
        };
        let mut release = Vec::with_capacity(4);
        loop {
            let (digits, after) = split_digits(rest);
            if digits.is_empty() {
                return None;
            }
            release.push(without_leading_zeros(digits));
            rest = after;
            match after {
                [b'.', b'0'..=b'9', ..] => rest = &after[1..],
                _ => break,
            }
        }
        let pre = take_labelled(&mut rest, &PRE_LABELS);
        let post = take_bare_post(&mut rest).or_else(|| Some(take_labelled(&mut rest, &POST_LABELS)?.1));
        let dev = take_labelled(&mut rest, &[("dev", DEV)]).map(|(_, number)| number);
        let local = rest.strip_prefix(b"+");
        let complete = local.map_or(rest.is_empty(), is_local);
        complete.then_some(Self { epoch, release, pre, post, dev, local })
    }

    fn write(&self) -> Vec<u8> {
        let mut key = Writer::new();
        key.tag(VERSION);
        key.integer(self.epoch);

        let significant =
            self.release.iter().rposition(|number| !number.is_empty()).map_or(0, |last| last + 1);
        for number in &self.release[..significant] {
            key.tag(ANOTHER);
            key.integer(number);
        }
        key.tag(END);

        match self.pre {
            Some((label, number)) => {
                key.tag(label);
                key.integer(number);
            }
            None if self.post.is_none() && self.dev.is_some() => key.tag(DEV_ONLY),
            None => key.tag(NO_PRE),
        }
        match self.post {
            Some(number) => {
                key.tag(POST);
                key.integer(number);
            }
            None => key.tag(NO_POST),
        }
        match self.dev {
            Some(number) => {
                key.tag(DEV);
                key.integer(number);
            }
            None => key.tag(NO_DEV),
        }
        for part in self.local.into_iter().flat_map(|local| local.split(is_separator)) {
            if part.iter().all(u8::is_ascii_digit) {
                key.tag(LOCAL_NUMBER);
                key.integer(part);
            } else {
                key.tag(LOCAL_TEXT);
                key.text(part);
            }
        }
        key.tag(END);
        key.into_bytes()
    }
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_')
}

fn after_separator(text: &[u8]) -> &[u8] {
    &text[usize::from(text.first().is_some_and(is_separator))..]
}

/// `[separator] label [separator] [number]`
fn take_labelled<'a>(rest: &mut &'a [u8], labels: &[(&str, u8)]) -> Option<(u8, &'a [u8])> {
    let text = after_separator(rest);
    let &(name, tag) = labels.iter().find(|(name, _)| text.starts_with(name.as_bytes()))?;
    let (number, after) = split_digits(after_separator(&text[name.len()..]));
    *rest = after;
    Some((tag, number))
}

/// `-N`, the post-release without a label.
fn take_bare_post<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (number, after) = split_digits(rest.strip_prefix(b"-")?);
    if number.is_empty() {
        return None;
    }
    *rest = after;
    Some(number)
}

fn is_local(text: &[u8]) -> bool {
    text.split(is_separator).all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_alphanumeric))
}

/// The key of packaging's `LegacyVersion`: the text in pieces, numbers padded to eight digits, words behind a star.
///
/// The star sorts before the digits, and so do the words before the numbers; `*final` parts what precedes a release
/// from what follows it.
fn write_legacy(text: &str) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(part) = take_legacy_part(&mut rest) {
        if part.starts_with(b"*") {
            if part.as_slice() < b"*final".as_slice() {
                drop_trailing(&mut parts, b"*final-");
            }
            drop_trailing(&mut parts, b"00000000");
        }
        parts.push(part);
    }
    drop_trailing(&mut parts, b"00000000");
    parts.push(b"*final".to_vec());

    let mut key = Writer::new();
    key.tag(LEGACY);
    for part in parts {
        key.tag(ANOTHER);
        key.text(&part);
    }
    key.tag(END);
    key.into_bytes()
}

fn drop_trailing(parts: &mut Vec<Vec<u8>>, unwanted: &[u8]) {
    while parts.last().is_some_and(|part| part == unwanted) {
        parts.pop();
    }
}

/// The next piece that counts: digits, letters, a hyphen, or whatever lies between those. Dots only part pieces.
fn take_legacy_part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let is_other =
        |byte: &u8| !byte.is_ascii_digit() && !byte.is_ascii_lowercase() && !matches!(byte, b'.' | b'-');
    let text = &rest[span(rest, |&byte| byte == b'.')..];
    let length = match text.first()? {
        b'0'..=b'9' => span(text, u8::is_ascii_digit),
        b'a'..=b'z' => span(text, u8::is_ascii_lowercase),
        b'-' => 1,
        _ => span(text, is_other),
    };
    let (part, after) = text.split_at(length);
    *rest = after;
    let word: &[u8] = match part {
        [b'0'..=b'9', ..] => return Some([&b"00000000"[part.len().min(8)..], part].concat()),
        b"pre" | b"preview" | b"rc" => b"c",
        b"-" => b"final-",
        b"dev" => b"@",
        other => other,
    };
    Some([b"*", word].concat())
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Pep440;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn the_ladder_of_the_pep() {
        check_ladder(
            Pep440,
            &[
                "1.dev0",
                "1.0.dev456",
                "1.0a1.dev1",
                "1.0a1",
                "1.0a2.dev456",
                "1.0a12.dev456",
                "1.0a12",
                "1.0b1.dev456",
                "1.0b2",
                "1.0b2.post345.dev456",
                "1.0b2.post345",
                "1.0rc1.dev456",
                "1.0rc1",
                "1.0",
                "1.0+abc.5",
                "1.0+abc.7",
                "1.0+5",
                "1.0.post456.dev34",
                "1.0.post456",
                "1.0.15",
                "1.1.dev1",
                "1!0.1",
            ],
        );
    }

    #[test]
    fn local_versions_compare_by_segment() {
        check_ladder(
            Pep440,
            &[
                "1.0", "1.0+a", "1.0+a.b", "1.0+a.0", "1.0+ab", "1.0+0", "1.0+0.a", "1.0+0.0", "1.0+1",
                "1.0+10",
            ],
        );
        check_equal(Pep440, &["1.0+ubuntu.1", "1.0+Ubuntu-01", "1.0+ubuntu_1"]);
    }

    #[test]
    fn every_spelling_is_accepted() {
        check_equal(Pep440, &["1", "1.0", "1.0.0", "v1.0", "V1", "0!1", "01.00", " 1.0\n"]);
        check_equal(Pep440, &["1.0a1", "1.0.alpha1", "1.0-alpha.1", "1.0_A_1", "1A1", "1.0ALPHA01"]);
        check_equal(Pep440, &["1.0rc1", "1.0c1", "1.0.pre1", "1.0-preview_1", "1.0RC1"]);
        check_equal(
            Pep440,
            &["1.0.post1", "1.0-1", "1.0.rev1", "1.0r1", "1.0-r-1", "1.0post1", "1.0_post.1"],
        );
        check_equal(Pep440, &["1.0a0", "1.0a", "1.0a-", "1.0-alpha"]);
        check_equal(Pep440, &["1.0a0.post1", "1.0a--1", "1.0a.post1", "1.0a.r1"]);
        check_equal(Pep440, &["1.0.dev0", "1.0dev", "1.0-DEV_"]);
    }

    #[test]
    fn numbers_have_no_bound() {
        check_ladder(
            Pep440,
            &["20240101123456789012345", "20240101123456789012346", "120240101123456789012345", "1!0"],
        );
    }

    #[test]
    fn what_the_pep_does_not_know_is_weak_and_below() {
        check_weak(
            Pep440,
            &[
                "",
                "foo",
                "1.0-x",
                "1.0.",
                "1..0",
                "1.0+",
                "1.0+a..b",
                "1.0+é",
                "1.0-1-2",
                "!1",
                "1.0post--1",
                "v",
                "1.0 a",
            ],
        );
        check_ladder(Pep440, &["foo", "999.x", "0.dev0", "0"]);
    }

    /// Confirmed with packaging 21.3.
    #[test]
    fn legacy_versions_keep_the_order_of_setuptools() {
        check_ladder(
            Pep440,
            &[
                "@",
                "bar",
                "",
                "foo",
                "2.0dev-x",
                "2.0a-x",
                "2.0-rcx",
                "2.0-x",
                "2.x",
                "10.x",
                "123456789.x",
                "99999999.x",
            ],
        );
        check_equal(Pep440, &["1.0.x", "1.x", "01.0.0.x"]);
        check_equal(Pep440, &["1.0-pre-x", "1.0c-x", "1.0rc-x", "1.0-preview-x"]);
    }
}
