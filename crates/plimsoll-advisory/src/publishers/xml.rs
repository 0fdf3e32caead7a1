//! As much of XML as feeds need: elements, attributes, text. One pass over the text, no recursion, no entities but the five
//! that XML has itself and numbers; a document that defines entities of its own is refused.

use std::borrow::Cow;

use crate::Error;

/// What comes next in a document. Names are without their prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node<'t> {
    /// `<name …>`; an element without content (`<name/>`) has its end at once.
    Start { name: &'t str, attributes: Attributes<'t> },
    /// What stands between tags, with its entities resolved.
    Text(Cow<'t, str>),
    /// `</name>`.
    End(&'t str),
}

/// The attributes of an element, as they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attributes<'t>(&'t str);

impl<'t> Attributes<'t> {
    /// The value of one, by its name without prefix.
    pub(super) fn get(&self, wanted: &str) -> Option<Cow<'t, str>> {
        let mut rest = self.0;
        loop {
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = after[1..].split_once(quote)?;
            if without_prefix(name.trim()) == wanted {
                return Some(unescape(value));
            }
            rest = after;
        }
    }
}

/// A document that is read from its beginning to its end.
pub(super) struct Document<'t> {
    rest: &'t str,
    /// The end of an element without content.
    pending: Option<&'t str>,
}

impl<'t> Document<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, pending: None }
    }

    /// What comes next; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node<'t>>, Error> {
        if let Some(name) = self.pending.take() {
            return Ok(Some(Node::End(name)));
        }
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let Some(tag) = self.rest.strip_prefix('<') else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                if text.trim().is_empty() {
                    continue;
                }
                return Ok(Some(Node::Text(unescape(text))));
            };
            if let Some(rest) = tag.strip_prefix("!--") {
                self.rest = behind(rest, "-->")?;
            } else if let Some(rest) = tag.strip_prefix("![CDATA[") {
                let (text, rest) = rest.split_once("]]>").ok_or_else(broken)?;
                self.rest = rest;
                return Ok(Some(Node::Text(text.into())));
            } else if let Some(rest) = tag.strip_prefix('?') {
                self.rest = behind(rest, "?>")?;
            } else if let Some(rest) = tag.strip_prefix("!DOCTYPE") {
                let (declaration, rest) = rest.split_once('>').ok_or_else(broken)?;
                if declaration.contains('[') {
                    return Err(Error::damaged("an XML document with a grammar of its own"));
                }
                self.rest = rest;
            } else if let Some(rest) = tag.strip_prefix('/') {
                let (name, rest) = rest.split_once('>').ok_or_else(broken)?;
                self.rest = rest;
                return Ok(Some(Node::End(without_prefix(name.trim()))));
            } else {
                return self.start(tag).map(Some);
            }
        }
    }

    fn start(&mut self, tag: &'t str) -> Result<Node<'t>, Error> {
        let end = end_of_tag(tag).ok_or_else(broken)?;
        let (inside, rest) = (&tag[..end], &tag[end + 1..]);
        self.rest = rest;
        let (inside, is_empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((inside, ""));
        let name = without_prefix(name);
        if name.is_empty() {
            return Err(broken());
        }
        self.pending = is_empty.then_some(name);
        Ok(Node::Start { name, attributes: Attributes(attributes) })
    }
}

/// Where the `>` of a tag is that stands in no quotes.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn behind<'t>(text: &'t str, end: &str) -> Result<&'t str, Error> {
    text.split_once(end).map(|(_, rest)| rest).ok_or_else(broken)
}

fn broken() -> Error {
    Error::damaged("an XML document that breaks off")
}

fn without_prefix(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 10);
        let character = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            name => {
                let number = name.strip_prefix('#')?;
                let number = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(number)
            }
        });
        match (character, entity) {
            (Some(character), Some((_, after))) => {
                plain.push(character);
                rest = after;
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain.into()
}
