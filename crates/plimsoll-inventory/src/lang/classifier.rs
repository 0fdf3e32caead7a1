//! Software that somebody compiled or unpacked by hand, told by what its program says of itself.
//!
//! Such a program has no record anywhere, and is often all that an image is for. Its file's name says what it may be; a text
//! that belongs to it and to nothing else, with the version beside it, says that it is. The text is looked for while the
//! program streams by, in windows, without a regular expression: each sign is a literal text, and the version is read forwards
//! or backwards from there.
//!
//! The package is of the type whose advisories speak of it: `bitnami`, whose feed follows the upstream projects by these names
//! and versions, whoever built the program; and `generic`, under the name that the project has, where that feed has none.

use std::borrow::Cow;

use memchr::memmem;
use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::{Package, PackageType};

use super::some;
use crate::catalogers::{ELF, Reader, Start, Unreadable, Want};
use crate::path::split;

mod signs;

use signs::{SCRIPTS, SOFTWARE, Software};

/// A text that tells a program.
struct Sign {
    /// What is looked for.
    literal: &'static [u8],
    /// Where the version is.
    place: Place,
    /// Numbers that a version has at least.
    numbers: usize,
    /// What the version begins with, where all of the program's do.
    first: &'static [u8],
    /// What must stand behind the version; any of these.
    then: &'static [&'static [u8]],
    confidence: Confidence,
}

#[derive(Clone, Copy)]
enum Place {
    /// Right behind the literal, of which the last bytes may be part of it.
    Behind(usize),
    /// The same, and before the literal is no letter: a text of its own, as the linker lays down what it is told to write into a
    /// variable of a program in Go.
    Alone(usize),
    /// Right before it, with nothing but NULs between: numbers and dots.
    Before,
    /// The text before it, from a NUL on, or from there to its first space: `3.6.0-216.1.beta`.
    Since,
    /// A text of its own, between NULs, this many bytes before or behind.
    Around(usize),
    /// In the text that a build makes of this name, its version and when it was, of which the literal is in the middle.
    BuildId(&'static [u8]),
}

/// How far from its literal a version may be, with a reserve for what must stand behind it.
const REACH: usize = 2048;

/// Places of a window around which a version is looked for. A program has one or two.
const TRIES: usize = 64;

/// What is searched at once.
const WINDOW: usize = 256 * 1024;

/// The longest version.
const VERSION: usize = 40;

/// A reader for a program whose name is one of those known.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let name = split(start.path).1;
    let is_program = start.bytes.starts_with(ELF);
    let first_line = start.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_php = !is_program && memmem::find(first_line, b"php").is_some();
    let known = if is_program { SOFTWARE } else { SCRIPTS };
    if !is_program && !is_php {
        return None;
    }
    let candidates: Vec<&'static Software> = known.iter().filter(|software| software.fits(name)).collect();
    let python = python(name).filter(|_| is_program);
    if candidates.is_empty() && python.is_none() {
        return None;
    }
    Some(Box::new(Classifier { candidates, python, window: vec![], found: None }))
}

/// What the text of a version of Python must begin with, by the name of its program or library: it is a bare number between
/// NULs, of which a program has many.
fn python(name: &str) -> Option<Vec<u8>> {
    let rest = name.strip_prefix("libpython").or_else(|| name.strip_prefix("python"))?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let minor = rest[..end].trim_end_matches('.');
    let is_program = rest.len() == minor.len() || rest[minor.len()..].starts_with(['d', 'm', 'u', 't']);
    let is_library = rest.contains(".so");
    let (major, number) = minor.split_once('.')?;
    let is_minor = matches!(major, "2" | "3") && !number.is_empty() && !number.contains('.');
    (is_minor && (is_program || is_library)).then(|| format!("\0{minor}.").into_bytes())
}

struct Classifier {
    candidates: Vec<&'static Software>,
    python: Option<Vec<u8>>,
    window: Vec<u8>,
    /// The best so far.
    found: Option<Found>,
}

impl Reader for Classifier {
    fn read(&mut self, piece: &[u8]) -> Want {
        self.window.extend_from_slice(piece);
        if self.window.len() >= WINDOW {
            self.search(false);
        }
        let is_sure = self.found.as_ref().is_some_and(|found| found.details.confidence < Confidence::Low);
        if is_sure { Want::Nothing } else { Want::More }
    }

    fn held(&self) -> usize {
        self.window.len()
    }

    fn finish(mut self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let is_sure = self.found.as_ref().is_some_and(|found| found.details.confidence < Confidence::Low);
        if !is_sure {
            self.search(true);
        }
        Ok(self.found.map(|found| some(vec![found])).unwrap_or_default())
    }
}

impl Classifier {
    /// Looks through the window, and keeps its end for what goes on in the next.
    fn search(&mut self, is_last: bool) {
        let window = std::mem::take(&mut self.window);
        let end = if is_last { window.len() } else { window.len() - REACH };
        for software in self.candidates.clone() {
            for sign in software.signs {
                let Some((from, length, text)) = sign.find(&window, end) else { continue };
                let version = String::from_utf8_lossy(&window[from..from + length]).into_owned();
                let name = software.name(&version);
                let version = software.version(version, &window[from + length..]);
                self.keep(software.package_type, &name, &version, &text, sign.confidence);
                break;
            }
        }
        if let Some(minor) = &self.python
            && let Some((version, text)) = find_python(&window, minor, end)
        {
            self.keep(PackageType::Bitnami, "python", &version, &text, Confidence::Medium);
        }
        // Twice the reach: a literal that is found in the next window looks back as far.
        let keep = window.len().min(2 * REACH);
        if !is_last {
            self.window = window[window.len() - keep..].to_vec();
        }
    }

    fn keep(&mut self, kind: PackageType, name: &str, version: &str, text: &str, confidence: Confidence) {
        let is_better = self.found.as_ref().is_none_or(|found| confidence < found.details.confidence);
        if is_better {
            let evidence = Some(format!("{}{text}", Details::BY_CONTENT));
            let details = Details { confidence, evidence, ..Details::default() };
            self.found = Some(Found { details, ..Package::new(kind, name, version).into() });
        }
    }
}

/// Whether a name is as this says, in which an asterisk stands for anything.
fn is_named(name: &str, like: &str) -> bool {
    let Some((start, mut rest)) = like.split_once('*') else { return name == like };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    while let Some((part, behind)) = rest.split_once('*') {
        let Some(at) = name.find(part) else { return false };
        (name, rest) = (&name[at + part.len()..], behind);
    }
    name.ends_with(rest)
}

impl Software {
    fn fits(&self, name: &str) -> bool {
        self.files.iter().any(|file| is_named(name, file))
    }

    /// The name of the package. A module of Go's has the major version in it.
    fn name(&self, version: &str) -> Cow<'static, str> {
        let major = version.split('.').next().unwrap_or_default();
        match (self.name, major) {
            ("helm.sh/helm", "1" | "2") => "k8s.io/helm".into(),
            ("github.com/traefik/traefik", "1") => "github.com/containous/traefik".into(),
            ("helm.sh/helm" | "github.com/traefik/traefik", _) => format!("{}/v{major}", self.name).into(),
            _ => self.name.into(),
        }
    }

    /// The version as the project writes it; `rest` is what stands behind it.
    fn version(&self, version: String, rest: &[u8]) -> String {
        match self.name {
            "java" => super::java::release::numbered(&version),
            // `1.1.1w`, `1.3.8c`: the letter is the patch.
            "openssl" | "proftpd" => {
                let letters = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                version + &String::from_utf8_lossy(&rest[..letters.min(2)])
            }
            // `1.21.4.1` of OpenResty is 1.21.4 of nginx.
            "nginx" => version.split('.').take(3).collect::<Vec<_>>().join("."),
            _ if self.package_type == PackageType::Golang => format!("v{version}"),
            _ => version,
        }
    }
}

impl Sign {
    /// Where the version is that this sign shows, and the text that says so. Literals behind `end` are for the next window.
    fn find(&self, window: &[u8], end: usize) -> Option<(usize, usize, String)> {
        let most = if matches!(self.place, Place::Around(_)) { TRIES } else { usize::MAX };
        for at in memmem::find_iter(window, self.literal).take_while(|at| *at <= end).take(most) {
            let behind = at + self.literal.len();
            let found = match self.place {
                Place::Behind(part) => self.at(window, behind - part).map(|length| (behind - part, length)),
                Place::Alone(_) if at > 0 && window[at - 1].is_ascii_graphic() => None,
                Place::Alone(part) => self.at(window, behind - part).map(|length| (behind - part, length)),
                Place::Before => before(window, at, self.numbers),
                Place::Since => since(window, at, self.numbers),
                Place::Around(distance) => self.around(window, at, distance),
                Place::BuildId(program) => build_id(window, at, program),
            };
            if let Some((from, length)) = found.filter(|(from, _)| window[*from..].starts_with(self.first)) {
                let text = printable(window, at.min(from), behind.max(from + length));
                return Some((from, length, text));
            }
        }
        None
    }

    /// The length of the version that begins here, where what stands behind it is right.
    fn at(&self, window: &[u8], from: usize) -> Option<usize> {
        let length = version(&window[from..], self.numbers)?;
        let rest = &window[from + length..];
        (self.then.is_empty() || self.then.iter().any(|then| rest.starts_with(then))).then_some(length)
    }

    /// The nearest text between NULs that is a version.
    fn around(&self, window: &[u8], at: usize, distance: usize) -> Option<(usize, usize)> {
        let to = (at + self.literal.len() + distance).min(window.len());
        let mut best: Option<(usize, usize, usize)> = None;
        let from = at.saturating_sub(distance);
        for nul in memchr::memchr_iter(0, &window[from..to]).map(|nul| from + nul + 1) {
            let Some(plain) = version(&window[nul..], self.numbers) else { continue };
            if !window[nul..].starts_with(self.first)
                || !matches!(window.get(nul + plain), Some(0 | b'+' | b'-' | b'_'))
            {
                continue;
            }
            // What a build adds, as in `17.0.9+9-LTS`, is part of the text.
            let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".+-_".contains(byte);
            let length = window[nul..].iter().take(VERSION).take_while(is_part).count();
            if window.get(nul + length) == Some(&0) {
                let away = nul.abs_diff(at);
                if best.is_none_or(|(_, _, other)| away < other) {
                    best = Some((nul, length, away));
                }
            }
        }
        best.map(|(from, length, _)| (from, length))
    }
}

/// The length of the version at the beginning of these bytes: numbers with dots between them, and what a release before a
/// release adds.
pub(super) fn version(bytes: &[u8], numbers: usize) -> Option<usize> {
    const PRE: [&[u8]; 12] = [
        b"-alpha",
        b"-beta",
        b"-rc",
        b"-RC",
        b"-dev",
        b"-preview",
        b"alpha",
        b"beta",
        b"rc",
        b"RC",
        b"a",
        b"b",
    ];
    let bytes = &bytes[..bytes.len().min(VERSION)];
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut at, mut count) = (0, 0);
    loop {
        let length = digits(at);
        if length == 0 {
            // A dot that is the end of a sentence.
            at = at.checked_sub(1).filter(|_| count > 0)?;
            break;
        }
        at += length;
        count += 1;
        if count == 4 || bytes.get(at) != Some(&b'.') {
            break;
        }
        at += 1;
    }
    if count < numbers {
        return None;
    }
    for pre in PRE {
        if bytes[at..].starts_with(pre) {
            let behind = at + pre.len();
            let behind = behind + usize::from(matches!(bytes.get(behind), Some(b'.' | b'-')));
            let number = digits(behind);
            if number > 0 {
                return Some(behind + number);
            }
        }
    }
    Some(at)
}

/// The version whose last byte, but for NULs, is right before this place.
fn before(window: &[u8], at: usize, numbers: usize) -> Option<(usize, usize)> {
    let start = at.saturating_sub(VERSION);
    let text = &window[start..at];
    let end = text.iter().rposition(|byte| *byte != 0)? + 1;
    let from =
        text[..end].iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'.').map_or(0, |at| at + 1);
    let from = from + text[from..end].iter().position(u8::is_ascii_digit)?;
    (version(&text[from..end], numbers)? == end - from).then_some((start + from, end - from))
}

/// The text before this place, from a NUL on, that begins with a version; what is behind a space is not of it.
fn since(window: &[u8], at: usize, numbers: usize) -> Option<(usize, usize)> {
    let start = at.saturating_sub(2 * VERSION);
    let text = &window[start..at];
    let end = text.iter().rposition(|byte| *byte != 0)? + 1;
    let from = text[..end].iter().rposition(|byte| *byte == 0)? + 1;
    let text = &text[from..end];
    let length = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let is_version = text[..length].iter().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(byte));
    (is_version && length <= VERSION && version(text, numbers).is_some()).then_some((start + from, length))
}

/// The version in `valkey7.2.4runner-1702957741000000000`: what the program is called, or nothing; the version; the name of the
/// machine that built it, and a dash; seconds; how many lines were changed; and eight digits of a commit. The literal is the
/// first digit of the seconds, with the dash. The name may begin with a digit where it is a container's, of twelve. Where
/// builds are to be the same everywhere there is neither name nor dash: then changed lines are taken to be none.
fn build_id(window: &[u8], at: usize, program: &[u8]) -> Option<(usize, usize)> {
    let has_machine = window[at] == b'-';
    let seconds = at + usize::from(has_machine);
    // Before anything that takes longer: a file may be nothing but ones.
    if !has_machine && window.get(seconds + 19) != Some(&0) {
        return None;
    }
    let rest = &window[seconds..(seconds + 40).min(window.len())];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = rest.iter().position(|byte| *byte == 0)?;
    if length < 19 || digits < length - 8 || !rest[length - 8..length].iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let start = at.saturating_sub(120);
    let head = &window[start..at];
    let from = head.iter().rposition(|byte| !byte.is_ascii_graphic()).map_or(0, |at| at + 1);
    let head = &head[from..];
    if !has_machine && head.ends_with(b"-") {
        return None;
    }
    let hex = |bytes: &[u8]| bytes.len() == 12 && bytes.iter().all(u8::is_ascii_hexdigit);
    let name = match head.len().checked_sub(12) {
        Some(at) if has_machine && hex(&head[at..]) => &head[..at],
        _ => head,
    };
    let first = name.windows(2).position(|pair| pair[0].is_ascii_digit() && pair[1] == b'.')?;
    let first = first - name[..first].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    // Before a bare version there may be the end of anything, but not another program's name.
    let is_other = program.is_empty() && name[..first].ends_with(b"valkey");
    if is_other || !name[..first].ends_with(program) {
        return None;
    }
    let length = version(&name[first..], 3)?;
    // Three numbers: a fourth would be the machine's.
    let third = name[first..first + length].iter().enumerate().filter(|(_, byte)| **byte == b'.').nth(2);
    let length = third.map_or(length, |(at, _)| at);
    Some((start + from + first, length))
}

/// `\03.11.4\0`, also with a plus behind it where it is no release.
fn find_python(window: &[u8], minor: &[u8], end: usize) -> Option<(String, String)> {
    memmem::find_iter(window, minor).take_while(|at| *at <= end).find_map(|at| {
        let length = version(&window[at + 1..], 3)?;
        let rest = &window[at + 1 + length..];
        let is_end = rest.first() == Some(&0) || rest.starts_with(b"+\0");
        let text = String::from_utf8_lossy(&window[at + 1..at + 1 + length]).into_owned();
        is_end.then(|| (text.clone(), text))
    })
}

/// The text around a sign, for a person.
fn printable(window: &[u8], from: usize, to: usize) -> String {
    let bytes = window[from..to].iter().map(|byte| if byte.is_ascii_graphic() { *byte } else { b' ' });
    let text = String::from_utf8(bytes.take(120).collect()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
