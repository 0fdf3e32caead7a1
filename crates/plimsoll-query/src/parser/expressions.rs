//! Scalar expressions, by precedence.

use super::Parser;
use crate::ast::{Binary, Comparison, Expr, ExprKind, Membership, Named, Place, TextTest};
use crate::error::Result;
use crate::lexer::Kind;
use crate::value::{Object, Type, Value};

/// Terms in one chain of `+` or `*`.
const LONGEST_CHAIN: usize = 100;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.deeper(Self::disjunction)
    }

    /// `name = expr`, `(a, b) = expr`, or an expression alone.
    pub(super) fn named(&mut self) -> Result<Named> {
        if matches!(self.peek(), Kind::Word(_)) && self.sign_at(1, "=") {
            let name = self.name("a name")?;
            self.expect("=")?;
            return Ok(Named { names: vec![name], expr: self.expression()? });
        }
        if self.is_sign("[") && matches!(self.kind_at(1), Kind::Text(_)) && self.sign_at(3, "=") {
            let name = self.name("a name")?;
            self.expect("=")?;
            return Ok(Named { names: vec![name], expr: self.expression()? });
        }
        if let Some(names) = self.name_list() {
            return Ok(Named { names, expr: self.expression()? });
        }
        Ok(Named { names: Vec::new(), expr: self.expression()? })
    }

    /// `(a, b) =`, taken if it stands here.
    fn name_list(&mut self) -> Option<Vec<String>> {
        let start = self.at;
        let mut names = Vec::new();
        if self.eat("(") {
            while let Ok(name) = self.name("a name") {
                names.push(name);
                if !self.eat(",") {
                    break;
                }
            }
            if !names.is_empty() && self.eat(")") && self.eat("=") {
                return Some(names);
            }
        }
        self.at = start;
        None
    }

    pub(super) fn named_list(&mut self) -> Result<Vec<Named>> {
        let mut list = vec![self.named()?];
        while self.eat(",") {
            list.push(self.named()?);
        }
        Ok(list)
    }

    pub(super) fn expression_list(&mut self, close: &str) -> Result<Vec<Expr>> {
        let mut list = Vec::new();
        while !self.is_sign(close) {
            list.push(self.argument()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(close)?;
        Ok(list)
    }

    /// An expression, or a pipeline where one is meant (`toscalar(T | count)`, `x in (T | project y)`).
    fn argument(&mut self) -> Result<Expr> {
        let argument = self.deeper(Self::tabular_or_scalar)?;
        Ok(argument)
    }

    fn disjunction(&mut self) -> Result<Expr> {
        let start = self.place();
        let mut terms = vec![self.conjunction()?];
        while self.eat_word("or") {
            terms.push(self.conjunction()?);
        }
        Ok(self.joined(start, terms, ExprKind::Or))
    }

    fn conjunction(&mut self) -> Result<Expr> {
        let start = self.place();
        let mut terms = vec![self.comparison()?];
        while self.eat_word("and") {
            terms.push(self.comparison()?);
        }
        Ok(self.joined(start, terms, ExprKind::And))
    }

    fn joined(&self, start: Place, mut terms: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind) -> Expr {
        match terms.len() {
            1 => terms.remove(0),
            _ => Expr { kind: kind(terms), place: self.since(start) },
        }
    }

    fn comparison(&mut self) -> Result<Expr> {
        let start = self.place();
        let mut left = self.sum()?;
        for _ in 0..LONGEST_CHAIN {
            let kind = if let Some(how) = self.comparison_sign() {
                self.advance();
                Binary::Compare(how)
            } else if let Some((how, fold, negated)) = self.text_test() {
                self.advance();
                Binary::Text { how, fold, negated }
            } else if self.at_word("matches") {
                self.advance();
                self.expect_word("regex")?;
                Binary::MatchesRegex
            } else if let Some(how) = self.membership() {
                self.advance();
                self.expect("(")?;
                let set = self.expression_list(")")?;
                let kind = ExprKind::In { needle: Box::new(left), how, set };
                left = Expr { kind, place: self.since(start) };
                continue;
            } else if self.at_word("between") || self.at_word("!between") {
                left = self.between(start, left)?;
                continue;
            } else {
                return Ok(left);
            };
            let right = self.sum()?;
            let kind = ExprKind::Binary(kind, Box::new(left), Box::new(right));
            left = Expr { kind, place: self.since(start) };
        }
        Err(self.fault(format!("more than {LONGEST_CHAIN} comparisons in a row")))
    }

    fn between(&mut self, start: Place, value: Expr) -> Result<Expr> {
        let negated = self.at_word("!between");
        self.advance();
        self.expect("(")?;
        let low = Box::new(self.expression()?);
        self.expect("..")?;
        let high = Box::new(self.expression()?);
        self.expect(")")?;
        let kind = ExprKind::Between { value: Box::new(value), low, high, negated };
        Ok(Expr { kind, place: self.since(start) })
    }

    fn comparison_sign(&self) -> Option<Comparison> {
        let Kind::Sign(sign) = self.peek() else { return None };
        Some(match *sign {
            "==" => Comparison::Equal,
            "!=" | "<>" => Comparison::NotEqual,
            "=~" => Comparison::EqualFold,
            "!~" => Comparison::NotEqualFold,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    /// `contains`, `!has_cs`, … with whether case counts and whether it is turned round. `:` in a search is `has`.
    fn text_test(&self) -> Option<(TextTest, bool, bool)> {
        if self.is_sign(":") {
            return Some((TextTest::Has, true, false));
        }
        let Kind::Word(word) = self.peek() else { return None };
        let (negated, word) = word.strip_prefix('!').map_or((false, word.as_str()), |word| (true, word));
        let (fold, word) = word.strip_suffix("_cs").map_or((true, word), |word| (false, word));
        let how = match word {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            "has" => TextTest::Has,
            "hasprefix" => TextTest::HasPrefix,
            "hassuffix" => TextTest::HasSuffix,
            _ => return None,
        };
        Some((how, fold, negated))
    }

    fn membership(&self) -> Option<Membership> {
        let Kind::Word(word) = self.peek() else { return None };
        Some(match word.as_str() {
            "in" => Membership::In { fold: false, negated: false },
            "in~" => Membership::In { fold: true, negated: false },
            "!in" => Membership::In { fold: false, negated: true },
            "!in~" => Membership::In { fold: true, negated: true },
            "has_any" | "has_any~" => Membership::HasAny,
            "has_all" | "has_all~" => Membership::HasAll,
            _ => return None,
        })
    }

    fn sum(&mut self) -> Result<Expr> {
        self.chain(Self::product, |sign| match sign {
            "+" => Some(Binary::Add),
            "-" => Some(Binary::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expr> {
        self.chain(Self::unary, |sign| match sign {
            "*" => Some(Binary::Multiply),
            "/" => Some(Binary::Divide),
            "%" => Some(Binary::Modulo),
            _ => None,
        })
    }

    fn chain(
        &mut self,
        next: fn(&mut Self) -> Result<Expr>,
        operation: fn(&str) -> Option<Binary>,
    ) -> Result<Expr> {
        let start = self.place();
        let mut left = next(self)?;
        for _ in 0..LONGEST_CHAIN {
            let Kind::Sign(sign) = self.peek() else { return Ok(left) };
            let Some(operation) = operation(sign) else { return Ok(left) };
            self.advance();
            let right = next(self)?;
            let kind = ExprKind::Binary(operation, Box::new(left), Box::new(right));
            left = Expr { kind, place: self.since(start) };
        }
        Err(self.fault(format!("more than {LONGEST_CHAIN} terms in a row")))
    }

    fn unary(&mut self) -> Result<Expr> {
        let start = self.place();
        if self.eat("-") {
            let inner = self.deeper(Self::unary)?;
            let kind = match inner.kind {
                ExprKind::Literal(Value::Long(number), kind) => {
                    ExprKind::Literal(Value::Long(number.wrapping_neg()), kind)
                }
                ExprKind::Literal(Value::Real(number), kind) => ExprKind::Literal(Value::Real(-number), kind),
                ExprKind::Literal(Value::Timespan(ticks), kind) => {
                    ExprKind::Literal(Value::Timespan(ticks.wrapping_neg()), kind)
                }
                _ => ExprKind::Negate(Box::new(inner)),
            };
            return Ok(Expr { kind, place: self.since(start) });
        }
        if self.eat("+") {
            return self.deeper(Self::unary);
        }
        let primary = self.primary()?;
        self.postfix(start, primary)
    }

    /// `.member`, `['member']`, `[0]`, and `.[0]`, which Azure's own samples write.
    fn postfix(&mut self, start: Place, mut left: Expr) -> Result<Expr> {
        for _ in 0..LONGEST_CHAIN {
            if self.is_sign(".") && !self.sign_at(1, "[") {
                self.advance();
                let member = self.name("a member's name")?;
                left = Expr { kind: ExprKind::Member(Box::new(left), member), place: self.since(start) };
            } else if self.is_sign("[") || self.is_sign(".") {
                self.eat(".");
                self.expect("[")?;
                let index = self.expression()?;
                self.expect("]")?;
                let kind = match index.kind {
                    ExprKind::Literal(Value::Text(name), _) => ExprKind::Member(Box::new(left), name.as_ref().to_owned()),
                    _ => ExprKind::Index(Box::new(left), Box::new(index)),
                };
                left = Expr { kind, place: self.since(start) };
            } else {
                return Ok(left);
            }
        }
        Err(self.fault(format!("a path of more than {LONGEST_CHAIN} steps")))
    }

    fn primary(&mut self) -> Result<Expr> {
        let start = self.place();
        let literal = |value, kind| ExprKind::Literal(value, kind);
        let kind = match self.peek().clone() {
            Kind::Text(text) => {
                self.advance();
                // Texts that follow each other are one.
                let mut text = text;
                while let Kind::Text(more) = self.peek() {
                    text.push_str(more);
                    self.advance();
                }
                literal(Value::Text(text.into()), Type::String)
            }
            Kind::Long(number) => {
                self.advance();
                literal(Value::Long(number), Type::Long)
            }
            Kind::Real(number) => {
                self.advance();
                literal(Value::Real(number), Type::Real)
            }
            Kind::Timespan(ticks) => {
                self.advance();
                literal(Value::Timespan(ticks), Type::Timespan)
            }
            Kind::Literal(kind, text) => {
                let value = Value::text(&text).cast(kind);
                if value.is_null() && text != "null" {
                    return Err(self.unexpected(&format!("a {}", kind.name())));
                }
                self.advance();
                literal(value, kind)
            }
            Kind::Sign("*") => {
                self.advance();
                ExprKind::Star
            }
            Kind::Sign("(") => {
                self.advance();
                let inner = self.deeper(Self::tabular_or_scalar)?;
                self.expect(")")?;
                return Ok(Expr { place: self.since(start), ..inner });
            }
            Kind::Sign("[") if matches!(self.kind_at(1), Kind::Text(_)) && self.sign_at(2, "]") => {
                ExprKind::Name(self.name("a name")?)
            }
            Kind::Word(word) if word == "dynamic" && self.sign_at(1, "(") => {
                self.advance();
                self.advance();
                let value = self.deeper(Self::document)?;
                self.expect(")")?;
                literal(value, Type::Dynamic)
            }
            Kind::Word(word) if Type::named(&word).is_some() && self.sign_at(1, "(") => {
                return self.typed_literal(&word);
            }
            Kind::Word(word) if self.sign_at(1, "(") => {
                self.advance();
                self.advance();
                ExprKind::Call(word, self.expression_list(")")?)
            }
            Kind::Word(word) if word == "true" || word == "false" => {
                self.advance();
                literal(Value::Bool(word == "true"), Type::Bool)
            }
            Kind::Word(word) if !word.starts_with('!') => {
                self.advance();
                ExprKind::Name(word)
            }
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { kind, place: self.since(start) })
    }

    /// `long(5)`, `real(-1.5)`, `bool(null)`, `string('x')`.
    fn typed_literal(&mut self, word: &str) -> Result<Expr> {
        let start = self.place();
        let kind = Type::named(word).unwrap_or(Type::Dynamic);
        self.advance();
        self.expect("(")?;
        let value = if self.eat_word("null") {
            kind.null()
        } else if kind == Type::Real && self.eat_word("nan") {
            Value::Real(f64::NAN)
        } else {
            let sign = if self.eat("-") { -1.0 } else { 1.0 };
            let _ = self.eat("+");
            if kind == Type::Real && (self.eat_word("inf") || self.eat_word("infinity")) {
                Value::Real(sign * f64::INFINITY)
            } else {
                match self.document()? {
                    Value::Long(number) if sign < 0.0 => Value::Long(number.wrapping_neg()).cast(kind),
                    Value::Real(number) if sign < 0.0 => Value::Real(-number).cast(kind),
                    value => value.cast(kind),
                }
            }
        };
        self.expect(")")?;
        Ok(Expr { kind: ExprKind::Literal(value, kind), place: self.since(start) })
    }

    /// JSON, with the literals of the language in it.
    fn document(&mut self) -> Result<Value> {
        let value = match self.peek().clone() {
            Kind::Sign("[") => {
                self.advance();
                let mut list = Vec::new();
                while !self.is_sign("]") {
                    list.push(self.deeper(Self::document)?);
                    if !self.eat(",") {
                        break;
                    }
                }
                self.expect("]")?;
                return Ok(Value::array(list));
            }
            Kind::Sign("{") => {
                self.advance();
                let mut members = Vec::new();
                while !self.is_sign("}") {
                    let Kind::Text(key) = self.peek().clone() else {
                        return Err(self.unexpected("a key in quotes"));
                    };
                    self.advance();
                    self.expect(":")?;
                    members.push((key.into(), self.deeper(Self::document)?));
                    if !self.eat(",") {
                        break;
                    }
                }
                self.expect("}")?;
                return Ok(Value::Object(Object::new(members).into()));
            }
            Kind::Sign("-") => {
                self.advance();
                return match self.document()? {
                    Value::Long(number) => Ok(Value::Long(number.wrapping_neg())),
                    Value::Real(number) => Ok(Value::Real(-number)),
                    _ => Err(self.unexpected("a number")),
                };
            }
            Kind::Text(text) => Value::Text(text.into()),
            Kind::Long(number) => Value::Long(number),
            Kind::Real(number) => Value::Real(number),
            Kind::Timespan(ticks) => Value::Timespan(ticks),
            Kind::Literal(kind, text) => Value::text(&text).cast(kind),
            Kind::Word(word) if word == "null" => Value::Null,
            Kind::Word(word) if word == "true" || word == "false" => Value::Bool(word == "true"),
            _ => return Err(self.unexpected("a value")),
        };
        self.advance();
        Ok(value)
    }
}
