//! Text → tokens. One pass, no look back, and every token knows where it stands.

use crate::error::{Error, ErrorKind, Result};
use crate::instant;
use crate::value::Type;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A name or a keyword; the language tells them apart by their place only. `!in`, `in~` and `!contains_cs` are words too.
    Word(String),
    Text(String),
    Long(i64),
    Real(f64),
    Timespan(i64),
    /// `datetime(…)`, `timespan(…)`, `guid(…)`: what stands in the parentheses has a grammar of its own.
    Literal(Type, String),
    /// `{{…}}`.
    SharedQuery(String),
    Sign(&'static str),
    End,
}

/// All signs, the longer ones first.
const SIGNS: &[&str] = &[
    "==", "!=", "<>", "<=", ">=", "=~", "!~", "=>", "..", "|", "(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "=",
    "<", ">", "+", "-", "*", "/", "%", "$", "?",
];

/// The tokens of a text, the last of which is its end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let kind = lexer.token()?;
        let is_end = kind == Kind::End;
        lexer.tokens.push(Token { kind, start, end: lexer.at });
        if is_end {
            return Ok(lexer.tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Blanks and comments.
    fn skip_blanks(&mut self) {
        loop {
            let blanks = self.rest().len() - self.rest().trim_start().len();
            self.at += blanks;
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn token(&mut self) -> Result<Kind> {
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        let second = self.rest().chars().nth(1);
        match first {
            '"' | '\'' => self.text_literal(),
            '@' if matches!(second, Some('"' | '\'')) => {
                self.at += 1;
                self.verbatim()
            }
            'h' | 'H' if matches!(second, Some('"' | '\'')) => {
                self.at += 1;
                self.text_literal()
            }
            '`' if self.rest().starts_with("```") => self.fenced(),
            '{' if second == Some('{') => self.shared_query(),
            c if c.is_ascii_digit() => self.number(),
            c if c.is_alphabetic() || c == '_' || c == '$' && second.is_some_and(is_name) => self.word(),
            '!' if second.is_some_and(|c| c.is_ascii_alphabetic()) => self.word(),
            c => {
                let sign = SIGNS.iter().find(|sign| self.rest().starts_with(**sign));
                let Some(sign) = sign else {
                    let fault = Error::new(ErrorKind::ParserFailure, format!("'{c}' has no meaning here"));
                    return Err(fault.at(self.text, self.at, &c.to_string()));
                };
                self.at += sign.len();
                Ok(Kind::Sign(sign))
            }
        }
    }

    fn word(&mut self) -> Result<Kind> {
        let start = self.at;
        self.at += 1; // A letter of more bytes is stepped over below.
        self.at += (self.at..self.text.len()).take_while(|at| !self.text.is_char_boundary(*at)).count();
        self.at += self.rest().find(|c: char| !is_name(c)).unwrap_or(self.rest().len());
        let name = &self.text[start..self.at];
        if matches!(name, "in" | "!in" | "has_any" | "has_all") && self.rest().starts_with('~') {
            self.at += 1;
        }
        let word = self.text[start..self.at].to_owned();
        let kind = Type::named(&word);
        if let Some(kind @ (Type::DateTime | Type::Timespan | Type::Guid)) = kind
            && let Some(inner) = self.parenthesised()
        {
            return Ok(Kind::Literal(kind, inner));
        }
        Ok(Kind::Word(word))
    }

    /// The text up to the closing parenthesis, where one opens here and closes on this line.
    fn parenthesised(&mut self) -> Option<String> {
        let rest = self.rest();
        let open = rest.trim_start_matches([' ', '\t']).strip_prefix('(')?;
        let close = open.find([')', '\n', '|', ';', '('])?;
        let inner = open[..close].trim();
        if !open[close..].starts_with(')') {
            return None;
        }
        let inner = inner.trim_matches(['"', '\'']).to_owned();
        let before = rest.len() - open.len();
        self.at += before + close + 1;
        Some(inner)
    }

    fn number(&mut self) -> Result<Kind> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.at += 2;
            self.at += bytes[self.at..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
            let number = u64::from_str_radix(&self.text[start + 2..self.at], 16).map(|number| number as i64);
            return number.map(Kind::Long).map_err(|_| self.bad_number(start));
        }
        let run = |at: usize| bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += run(self.at);
        let mut is_real = false;
        // `1..5` is a range, `a[1].b` a path.
        if bytes.get(self.at) == Some(&b'.') && bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            is_real = true;
            self.at += 1;
            self.at += run(self.at);
        }
        let exponent = match bytes.get(self.at..) {
            Some([b'e' | b'E', b'+' | b'-', digit, ..]) if digit.is_ascii_digit() => 2,
            Some([b'e' | b'E', digit, ..]) if digit.is_ascii_digit() => 1,
            _ => 0,
        };
        if exponent > 0 {
            is_real = true;
            self.at += exponent;
            self.at += run(self.at);
        }
        let number = &self.text[start..self.at];
        let unit = bytes[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if unit > 0 {
            let unit = &self.text[self.at..self.at + unit];
            let literal = format!("{number}{unit}");
            self.at += unit.len();
            let ticks = instant::literal_timespan(&literal);
            return ticks.map(Kind::Timespan).ok_or_else(|| self.bad_number(start));
        }
        let kind = if is_real { number.parse().map(Kind::Real).ok() } else { number.parse().map(Kind::Long).ok() };
        kind.ok_or_else(|| self.bad_number(start))
    }

    fn bad_number(&self, start: usize) -> Error {
        let number = &self.text[start..self.at];
        Error::new(ErrorKind::ParserFailure, format!("'{number}' is neither a number nor a length of time"))
            .at(self.text, start, number)
    }

    fn text_literal(&mut self) -> Result<Kind> {
        let start = self.at;
        let quote = self.peek().unwrap_or('"');
        let mut out = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = start + 1 + offset + 1;
                    return Ok(Kind::Text(out));
                }
                '\n' => break,
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('0') => out.push('\0'),
                    Some(c @ ('\\' | '\'' | '"' | '/' | '`')) => out.push(c),
                    Some(c @ ('u' | 'x')) => {
                        let length = if c == 'u' { 4 } else { 2 };
                        let hex: String = chars.by_ref().take(length).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                        let place = start + 1 + offset;
                        out.push(code.ok_or_else(|| self.bad_escape(place, &format!("\\{c}{hex}")))?);
                    }
                    Some(c) => return Err(self.bad_escape(start + 1 + offset, &format!("\\{c}"))),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err(self.unclosed(start, quote))
    }

    /// `@'…'`: no escapes, a doubled quote stands for one.
    fn verbatim(&mut self) -> Result<Kind> {
        let start = self.at;
        let quote = self.peek().unwrap_or('"');
        let mut out = String::new();
        let mut chars = self.text[start + 1..].char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            if c != quote {
                out.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
                out.push(quote);
                chars.next();
            } else {
                self.at = start + 1 + offset + 1;
                return Ok(Kind::Text(out));
            }
        }
        Err(self.unclosed(start, quote))
    }

    /// A text over many lines between three backquotes.
    fn fenced(&mut self) -> Result<Kind> {
        let start = self.at;
        let Some(length) = self.text[start + 3..].find("```") else { return Err(self.unclosed(start, '`')) };
        self.at = start + 3 + length + 3;
        Ok(Kind::Text(self.text[start + 3..start + 3 + length].to_owned()))
    }

    fn shared_query(&mut self) -> Result<Kind> {
        let start = self.at;
        let Some(length) = self.text[start + 2..].find("}}") else {
            return Err(Error::new(ErrorKind::ParserFailure, "the reference to a saved query is not closed")
                .at(self.text, start, "{{")
                .expecting("}}"));
        };
        self.at = start + 2 + length + 2;
        Ok(Kind::SharedQuery(self.text[start + 2..start + 2 + length].trim().to_owned()))
    }

    fn bad_escape(&self, at: usize, escape: &str) -> Error {
        Error::new(
            ErrorKind::ParserFailure,
            format!("'{escape}' is no escape; write '\\\\' for a backslash, or @'…' for a text without escapes"),
        )
        .at(self.text, at, escape)
    }

    fn unclosed(&self, start: usize, quote: char) -> Error {
        Error::new(ErrorKind::ParserFailure, "the text is not closed")
            .at(self.text, start, &self.text[start..])
            .expecting(quote.to_string())
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
