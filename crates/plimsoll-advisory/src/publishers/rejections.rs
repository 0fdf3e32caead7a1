//! Alpine's rejections: package → vulnerabilities that its security team found to be none of Alpine's, in all branches.
//!
//! ```text
//! # the DNS server is meant to be reached from inside
//! dnsmasq:
//!   - CVE-2021-45951  # disputed by upstream
//!   - CVE-2021-45952
//! ```
//!
//! YAML of this one shape, a file for each repository. A comment behind an entry or above it is the reason, as far as there is one;
//! what stands above a package is the reason for those of its entries that have none.

use std::io::Read;

use super::{Collected, all, is_cve, is_name, never, of_cve};
use crate::Error;
use crate::osv::one_line;

const FEED: &str = "ALPINE-REJECTED";
/// Bytes of a file. The repository's are a few kilobytes.
const MAX_BYTES: u64 = 16 << 20;
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 300;

pub(super) fn read(bytes: impl Read, into: &mut Collected) -> Result<(), Error> {
    let content = all(bytes, MAX_BYTES, "the list of Alpine's rejections")?;
    let text = std::str::from_utf8(&content)
        .map_err(|_| Error::damaged("the list of Alpine's rejections is no text"))?;
    let mut list = List::default();
    for line in text.lines() {
        list.take(line.trim_end(), into)?;
    }
    Ok(())
}

/// Where in the list the reader is.
#[derive(Default)]
struct List<'t> {
    /// `None` before the first package, and behind one that cannot be read.
    package: Option<&'t str>,
    reason_of_package: String,
    /// How far its entries stand in: what stands further in is an entry of something else.
    indent: Option<usize>,
    /// Comments since the last entry.
    above: Vec<&'t str>,
}

impl<'t> List<'t> {
    fn take(&mut self, line: &'t str, into: &mut Collected) -> Result<(), Error> {
        let (value, comment) = without_comment(line);
        let trimmed = value.trim();
        match trimmed.strip_prefix('-') {
            _ if trimmed.is_empty() => {
                match comment {
                    Some(comment) => self.above.push(comment),
                    // A comment and what it is about are not parted.
                    None => self.above.clear(),
                }
                Ok(())
            }
            // Marks of a document's beginning and end, and what tools are told.
            _ if matches!(trimmed, "---" | "...") || value.starts_with('%') => Ok(()),
            Some(name) if name.starts_with([' ', '\t']) && self.is_entry(value) => {
                self.reject(name, comment, into)
            }
            None if !value.starts_with([' ', '\t']) => self.begin(trimmed, comment, into),
            _ => {
                into.dropped += 1;
                Ok(())
            }
        }
    }

    fn is_entry(&mut self, line: &str) -> bool {
        let indent = line.len() - line.trim_start().len();
        *self.indent.get_or_insert(indent) == indent
    }

    /// `name:`, or `name: [CVE-…, CVE-…]`.
    fn begin(&mut self, line: &'t str, comment: Option<&str>, into: &mut Collected) -> Result<(), Error> {
        self.indent = None;
        self.reason_of_package = reason(&std::mem::take(&mut self.above), comment);
        let (name, rest) =
            line.rsplit_once(": ").or(line.strip_suffix(':').map(|name| (name, ""))).unwrap_or_default();
        self.package = Some(unquoted(name)).filter(|name| is_name(name));
        let rest = rest.trim();
        let inside = match rest {
            "" | "~" | "null" => Some(""),
            rest => rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')),
        };
        let (Some(_), Some(inside)) = (self.package, inside) else {
            self.package = None;
            into.dropped += 1;
            return Ok(());
        };
        inside
            .split(',')
            .filter(|name| !name.trim().is_empty())
            .try_for_each(|name| self.reject(name, None, into))
    }

    fn reject(&mut self, name: &str, comment: Option<&str>, into: &mut Collected) -> Result<(), Error> {
        let name = unquoted(name);
        let own = reason(&std::mem::take(&mut self.above), comment);
        let (Some(package), true) = (self.package, is_cve(name)) else {
            into.dropped += 1;
            return Ok(());
        };
        let Some(record) = of_cve(into, FEED, name)? else { return Ok(()) };
        record.references = vec![format!("https://security.alpinelinux.org/vuln/{name}")];
        let mut item = never("Alpine", package);
        item.statement.note = if own.is_empty() { self.reason_of_package.clone() } else { own };
        into.add(&format!("{FEED}:{name}"), item)
    }
}

/// A line without its comment, and the comment. None of the names has a `#` in it.
fn without_comment(line: &str) -> (&str, Option<&str>) {
    match line.find('#') {
        Some(at) if at == 0 || line[..at].ends_with([' ', '\t']) => {
            (line[..at].trim_end(), Some(line[at..].trim_start_matches('#').trim()))
        }
        _ => (line, None),
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    quoted.unwrap_or(text)
}

fn reason(above: &[&str], behind: Option<&str>) -> String {
    let lines: Vec<&str> = above.iter().copied().chain(behind).collect();
    one_line(&lines.join(" "), MAX_REASON_CHARS)
}
