//! Tokens → tree, by recursive descent with a limit on its depth.
//!
//! Operators of tables are in [`operators`], expressions in [`expressions`]; here are the statements, and what both lean on.

mod expressions;
mod operators;

use crate::ast::{Let, LetValue, Parameter, Place, Query};
use crate::error::{Error, ErrorKind, Result};
use crate::lexer::{Kind, Token, tokens};
use crate::value::Type;

/// The longest query, in bytes.
pub const LONGEST_QUERY: usize = 128 * 1024;
/// Levels of nesting, of expressions and pipelines together.
const DEEPEST: usize = 48;
/// Operators, legs and statements of one query.
const MOST_OPERATORS: usize = 250;

/// The tree of a query.
pub(crate) fn parse(text: &str) -> Result<Query> {
    if text.len() > LONGEST_QUERY {
        return Err(Error::new(
            ErrorKind::QueryTooLarge,
            format!("the query has {} bytes; at most {LONGEST_QUERY} are read", text.len()),
        ));
    }
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0, operators: 0 };
    let query = parser.query()?;
    match parser.peek() {
        Kind::End => Ok(query),
        _ => Err(parser.unexpected("'|' or the end of the query")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    /// Statements up to the end of the text or of the function's body.
    fn query(&mut self) -> Result<Query> {
        let mut lets = Vec::new();
        loop {
            while self.eat(";") {}
            if !self.at_word("let") {
                break;
            }
            lets.push(self.let_statement()?);
            if !self.eat(";") {
                return Err(self.unexpected("';' behind a let statement"));
            }
        }
        let unsaid = ["set", "declare", "alias", "pattern", "restrict"];
        if let Some(word) = unsaid.into_iter().find(|word| self.at_word(word))
            && matches!(self.kind_at(1), Kind::Word(_))
        {
            return Err(unsupported(word));
        }
        let body = self.tabular_or_scalar()?;
        while self.eat(";") {}
        Ok(Query { lets, body })
    }

    fn let_statement(&mut self) -> Result<Let> {
        self.advance();
        self.count_operator()?;
        let place = self.place();
        let name = self.name("a name")?;
        self.expect("=")?;
        let is_function = self.is_sign("(")
            && (self.sign_at(1, ")") && self.sign_at(2, "{")
                || matches!(self.kind_at(1), Kind::Word(_)) && self.sign_at(2, ":"));
        let value = if is_function { self.function()? } else { LetValue::Expr(self.tabular_or_scalar()?) };
        Ok(Let { name, place, value })
    }

    /// `(a: string, b: long = 1) { … }`
    fn function(&mut self) -> Result<LetValue> {
        self.expect("(")?;
        let mut parameters = Vec::new();
        while !self.is_sign(")") {
            let name = self.name("a parameter's name")?;
            self.expect(":")?;
            if self.is_sign("(") {
                return Err(unsupported("tabular parameter"));
            }
            let kind = self.type_name()?;
            let default = if self.eat("=") { Some(self.expression()?) } else { None };
            parameters.push(Parameter { name, kind, default });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        self.expect("{")?;
        let body = self.deeper(Self::query)?;
        self.expect("}")?;
        Ok(LetValue::Function { parameters, body })
    }

    fn type_name(&mut self) -> Result<Type> {
        let kind = match self.peek() {
            Kind::Word(word) => Type::named(word),
            _ => None,
        };
        let kind = kind.ok_or_else(|| self.unexpected("a type such as string, long, datetime or dynamic"))?;
        self.advance();
        Ok(kind)
    }

    fn name(&mut self, expected: &str) -> Result<String> {
        match (self.peek().clone(), self.kind_at(1).clone()) {
            (Kind::Word(word), _) if !word.starts_with('!') && !word.ends_with('~') => {
                self.advance();
                Ok(word)
            }
            // ['any text'] is a name too.
            (Kind::Sign("["), Kind::Text(name)) if self.sign_at(2, "]") => {
                self.at += 3;
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    // What everything leans on.

    fn kind_at(&self, ahead: usize) -> &Kind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].kind
    }

    fn peek(&self) -> &Kind {
        self.kind_at(0)
    }

    fn place(&self) -> Place {
        let token = &self.tokens[self.at.min(self.tokens.len() - 1)];
        Place { start: token.start, end: token.end }
    }

    /// From `start` to the end of the last token taken.
    fn since(&self, start: Place) -> Place {
        Place { start: start.start, end: self.tokens[self.at.saturating_sub(1)].end.max(start.start) }
    }

    /// Whether the token at hand follows the one before it without a blank.
    fn is_adjacent(&self) -> bool {
        self.at > 0 && self.at < self.tokens.len() && self.tokens[self.at - 1].end == self.tokens[self.at].start
    }

    fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.sign_at(0, sign)
    }

    fn sign_at(&self, ahead: usize, sign: &str) -> bool {
        matches!(self.kind_at(ahead), Kind::Sign(found) if *found == sign)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Kind::Word(found) if found == word)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(&format!("'{sign}'"))) }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("'{word}'"))) }
    }

    /// One level down, where that is still allowed.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEEPEST {
            let fault = format!("the query is nested deeper than {DEEPEST} levels");
            return Err(self.fault(fault));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn count_operator(&mut self) -> Result<()> {
        self.operators += 1;
        if self.operators <= MOST_OPERATORS {
            return Ok(());
        }
        Err(self.fault(format!("the query has more than {MOST_OPERATORS} operators and statements")))
    }

    fn token_text(&self) -> &str {
        let place = self.place();
        match &self.text[place.start..place.end] {
            "" => "<end of query>",
            text => text,
        }
    }

    fn fault(&self, message: String) -> Error {
        Error::new(ErrorKind::ParserFailure, message).at(self.text, self.place().start, self.token_text())
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found = Error::new(
            ErrorKind::ParserFailure,
            format!("'{}' cannot stand here; expected is {expected}", shortened(self.token_text())),
        );
        let sign = expected.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(expected);
        found.at(self.text, self.place().start, self.token_text()).expecting(sign)
    }
}

/// The refusal of what the language has and this service does not. Azure gives it no position.
pub(crate) fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::InvalidQueryLanguage, format!("'{what}' is not offered here")).about(what)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
