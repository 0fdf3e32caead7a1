//! Expressions: what each part is, and whether the parts fit together.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Binder, Entry, Names, Subquery, Typed, found};
use crate::aggregates::AGGREGATES;
use crate::ast::{self, Binary, Comparison, ExprKind, Membership, Place, TextTest};
use crate::error::Result;
use crate::functions::{self, Function, Gives};
use crate::plan::{Arithmetic, Compared, Expr, In, Step};
use crate::suggest;
use crate::value::{Type, Value};

/// Functions of the language that have no answer here: they are not the same twice, or need an order of rows or a network.
const NOT_OFFERED: &[&str] = &[
    "rand",
    "new_guid",
    "row_number",
    "row_rank_dense",
    "row_cumsum",
    "prev",
    "next",
    "cluster",
    "database",
    "table",
    "workspace",
    "app",
    "adx",
    "arg",
    "external_table",
    "ingestion_time",
    "current_principal",
    "datetime_utc_to_local",
    "datetime_local_to_utc",
];

fn constant(value: Value, kind: Type) -> Typed {
    Typed { expr: Expr::Constant(value), kind }
}

impl Binder<'_> {
    /// An expression, with what is constant computed.
    pub(super) fn expr(&mut self, expr: &ast::Expr, names: Names<'_>) -> Result<Typed> {
        let typed = self.unfolded(expr, names)?;
        let parts = typed.expr.children();
        if !parts.is_empty() && parts.iter().all(|part| part.is_constant()) {
            let value = self.computed(&typed.expr).map_err(|error| match error.kind() {
                crate::ErrorKind::LimitExceeded => error,
                _ => self.fault(expr.place, error.to_string()),
            })?;
            return Ok(constant(value, typed.kind));
        }
        Ok(typed)
    }

    /// One that decides something.
    pub(super) fn condition(&mut self, expr: &ast::Expr, names: Names<'_>) -> Result<Expr> {
        let typed = self.expr(expr, names)?;
        match typed.kind {
            Type::Bool | Type::Dynamic | Type::Long | Type::Int => Ok(typed.expr),
            kind => {
                Err(self
                    .fault(expr.place, format!("here must stand a condition, and this is a {}", kind.name())))
            }
        }
    }

    fn unfolded(&mut self, expr: &ast::Expr, names: Names<'_>) -> Result<Typed> {
        let boxed = |typed: Typed| Box::new(typed.expr);
        Ok(match &expr.kind {
            ExprKind::Literal(value, kind) => constant(value.clone(), *kind),
            ExprKind::Name(name) => self.name(name, expr.place, names)?,
            ExprKind::Star => {
                return Err(self.fault(expr.place, "'*' cannot stand here; name the columns".to_owned()));
            }
            ExprKind::Member(inner, member) => return self.member(inner, member, expr.place, names),
            ExprKind::Index(inner, index) => {
                let list = self.expr(inner, names)?;
                self.must_be_dynamic(&list, inner.place)?;
                let index = self.expr(index, names)?;
                let expr = match &index.expr {
                    Expr::Constant(Value::Long(index)) => stepped(list.expr, Step::Index(*index)),
                    Expr::Constant(Value::Text(key)) => stepped(list.expr, Step::Member(key.clone())),
                    _ => Expr::Element(Box::new(list.expr), Box::new(index.expr)),
                };
                Typed { expr, kind: Type::Dynamic }
            }
            ExprKind::Call(name, arguments) => self.call(name, arguments, expr.place, names)?,
            ExprKind::Negate(inner) => {
                let inner_typed = self.expr(inner, names)?;
                let kind = inner_typed.kind;
                if !kind.is_number() && !matches!(kind, Type::Timespan | Type::Dynamic) {
                    return Err(self.fault(inner.place, format!("a {} cannot be negated", kind.name())));
                }
                Typed { expr: Expr::Negate(boxed(inner_typed)), kind }
            }
            ExprKind::Binary(binary, left, right) => self.binary(*binary, left, right, expr.place, names)?,
            ExprKind::And(parts) => {
                let parts: Result<Vec<Expr>> = parts.iter().map(|part| self.condition(part, names)).collect();
                Typed { expr: Expr::And(parts?), kind: Type::Bool }
            }
            ExprKind::Or(parts) => {
                let parts: Result<Vec<Expr>> = parts.iter().map(|part| self.condition(part, names)).collect();
                Typed { expr: Expr::Or(parts?), kind: Type::Bool }
            }
            ExprKind::In { needle, how, set } => self.membership(needle, *how, set, names)?,
            ExprKind::Between { value, low, high, negated } => {
                let value_typed = self.expr(value, names)?;
                let low_typed = self.expr(low, names)?;
                let mut high_typed = self.expr(high, names)?;
                // `between (t .. 1d)` counts the end from the beginning.
                if low_typed.kind == Type::DateTime && high_typed.kind == Type::Timespan {
                    let sum = Expr::Arithmetic(
                        Arithmetic::Add,
                        Box::new(low_typed.expr.clone()),
                        boxed(high_typed),
                    );
                    let sum =
                        if low_typed.expr.is_constant() { Expr::Constant(self.computed(&sum)?) } else { sum };
                    high_typed = Typed { expr: sum, kind: Type::DateTime };
                }
                let from =
                    self.compare(Comparison::GreaterOrEqual, value_typed.clone(), low_typed, expr.place)?;
                let to = self.compare(Comparison::LessOrEqual, value_typed, high_typed, expr.place)?;
                let inside = Expr::And(vec![from.expr, to.expr]);
                let kind = Type::Bool;
                if *negated { self.negated(inside) } else { Typed { expr: inside, kind } }
            }
            ExprKind::Pipeline(_) => {
                return Err(self.fault(expr.place, "a query cannot stand here; write toscalar(…)".to_owned()));
            }
        })
    }

    fn name(&mut self, name: &str, place: Place, names: Names<'_>) -> Result<Typed> {
        if let Some(column) = self.column(name, names.columns) {
            return Ok(Typed { expr: Expr::Column(column), kind: names.columns[column].kind });
        }
        if let Some(right) = names.right
            && let Some(column) = self.column(name, right)
        {
            return Ok(Typed { expr: Expr::Column(names.columns.len() + column), kind: right[column].kind });
        }
        match found(names.scope, name) {
            Some(Entry::Scalar(typed)) => Ok(typed.clone()),
            Some(Entry::Table(_)) => {
                Err(self.fault(place, format!("'{name}' is a table, and here must stand a value")))
            }
            Some(Entry::Function { .. }) => {
                Err(self.fault(place, format!("'{name}' is a function: call it as {name}()")))
            }
            None => Err(self.unknown_column(name, place, names.columns)),
        }
    }

    fn member(&mut self, inner: &ast::Expr, member: &str, place: Place, names: Names<'_>) -> Result<Typed> {
        if let ExprKind::Name(side) = &inner.kind
            && let Some(right) = names.right
            && (side == "$left" || side == "$right")
        {
            let (columns, offset) =
                if side == "$left" { (names.columns, 0) } else { (right, names.columns.len()) };
            return match self.column(member, columns) {
                Some(column) => Ok(Typed { expr: Expr::Column(offset + column), kind: columns[column].kind }),
                None => Err(self.unknown_column(member, place, columns)),
            };
        }
        let typed = self.expr(inner, names)?;
        self.must_be_dynamic(&typed, inner.place)?;
        if let Expr::Constant(value) = &typed.expr {
            return Ok(constant(value.member(member).cloned().unwrap_or_default(), Type::Dynamic));
        }
        Ok(Typed { expr: stepped(typed.expr, Step::Member(member.into())), kind: Type::Dynamic })
    }

    fn must_be_dynamic(&self, typed: &Typed, place: Place) -> Result<()> {
        if typed.kind == Type::Dynamic {
            return Ok(());
        }
        let hint = if typed.kind == Type::String { "; write parse_json(…) around it" } else { "" };
        Err(self.fault(place, format!("this is a {} and has no members{hint}", typed.kind.name())))
    }

    // Operators.

    fn binary(
        &mut self,
        binary: Binary,
        left: &ast::Expr,
        right: &ast::Expr,
        place: Place,
        names: Names<'_>,
    ) -> Result<Typed> {
        if matches!(left.kind, ExprKind::Star) && !names.columns.is_empty() {
            return self.any_column(binary, right, place, names);
        }
        let (a, b) = (self.expr(left, names)?, self.expr(right, names)?);
        self.joined(binary, a, b, right, place)
    }

    fn joined(
        &mut self,
        binary: Binary,
        a: Typed,
        b: Typed,
        right: &ast::Expr,
        place: Place,
    ) -> Result<Typed> {
        let arithmetic = |how| Some(how);
        let how = match binary {
            Binary::Compare(how) => return self.compare(how, a, b, place),
            Binary::Text { how, fold, negated } => {
                let sides = Box::new((a.expr, b.expr));
                return Ok(Typed { expr: Expr::Text { how, fold, negated, sides }, kind: Type::Bool });
            }
            Binary::MatchesRegex => {
                if let Expr::Constant(pattern) = &b.expr {
                    crate::evaluate::compile(&pattern.to_text()).map_err(|error| match error.kind() {
                        crate::ErrorKind::LimitExceeded => error,
                        _ => self.fault(right.place, error.to_string()),
                    })?;
                }
                let expr = Expr::Matches(Box::new(a.expr), Box::new(b.expr));
                return Ok(Typed { expr, kind: Type::Bool });
            }
            Binary::Add => arithmetic(Arithmetic::Add),
            Binary::Subtract => arithmetic(Arithmetic::Subtract),
            Binary::Multiply => arithmetic(Arithmetic::Multiply),
            Binary::Divide => arithmetic(Arithmetic::Divide),
            Binary::Modulo => arithmetic(Arithmetic::Modulo),
        };
        let how = how.unwrap_or(Arithmetic::Add);
        let Some(kind) = arithmetic_type(how, a.kind, b.kind) else {
            let hint = if a.kind == Type::String || b.kind == Type::String {
                "; write strcat(…) for texts, or tolong(…), todouble(…), todatetime(…) around them"
            } else {
                ""
            };
            let fault =
                format!("{} and {} cannot be put together by arithmetic{hint}", a.kind.name(), b.kind.name());
            return Err(self.fault(place, fault));
        };
        Ok(Typed { expr: Expr::Arithmetic(how, Box::new(a.expr), Box::new(b.expr)), kind })
    }

    /// `* contains 'x'`: some column does.
    fn any_column(
        &mut self,
        binary: Binary,
        right: &ast::Expr,
        place: Place,
        names: Names<'_>,
    ) -> Result<Typed> {
        let sought = self.expr(right, names)?;
        let mut parts = Vec::new();
        for (number, column) in names.columns.iter().enumerate() {
            let cell = Typed { expr: Expr::Column(number), kind: column.kind };
            let cell = if column.kind.is_text() { cell } else { self.cast(cell, Type::String)? };
            let text = self.cast(sought.clone(), Type::String)?;
            parts.push(self.joined(binary, cell, text, right, place)?.expr);
        }
        Ok(Typed { expr: Expr::Or(parts), kind: Type::Bool })
    }

    pub(super) fn compare(&mut self, how: Comparison, a: Typed, b: Typed, place: Place) -> Result<Typed> {
        let fold = matches!(how, Comparison::EqualFold | Comparison::NotEqualFold);
        let text = |kind: Type| kind.is_text() || kind == Type::Dynamic;
        if fold && !(text(a.kind) && text(b.kind)) {
            let other = if text(a.kind) { b.kind } else { a.kind };
            let fault =
                format!("=~ and !~ compare texts, and here is a {}; write == or tostring(…)", other.name());
            return Err(self.fault(place, fault));
        }
        let class = if fold { Some(Compared::Text) } else { compared_as(a.kind, b.kind) };
        let Some(class) = class else {
            let fault = format!(
                "values of the types {} and {} cannot be compared; write tostring(…), tolong(…), todatetime(…) around one of them",
                a.kind.name(),
                b.kind.name()
            );
            return Err(self.fault(place, fault));
        };
        // Two texts in documents are compared as such, and with anything else as that.
        Ok(Typed { expr: Expr::Compare(how, class, Box::new(a.expr), Box::new(b.expr)), kind: Type::Bool })
    }

    fn membership(
        &mut self,
        needle: &ast::Expr,
        how: Membership,
        set: &[ast::Expr],
        names: Names<'_>,
    ) -> Result<Typed> {
        if matches!(needle.kind, ExprKind::Star) && !names.columns.is_empty() {
            let mut parts = Vec::new();
            for column in names.columns {
                let kind = ExprKind::Call(
                    "tostring".to_owned(),
                    vec![ast::Expr { kind: ExprKind::Name(column.name.to_string()), place: needle.place }],
                );
                let cell = ast::Expr { kind, place: needle.place };
                parts.push(self.membership(&cell, how, set, names)?.expr);
            }
            return Ok(Typed { expr: Expr::Or(parts), kind: Type::Bool });
        }
        let needle_typed = self.expr(needle, names)?;
        let mut items = Vec::new();
        for item in set {
            // A table stands for the values of its first column.
            let typed = if self.is_tabular(item, names.scope)
                && !matches!(&item.kind, ExprKind::Name(name) if self.column(name, names.columns).is_some())
            {
                self.subquery(item, false, names)?
            } else {
                self.expr(item, names)?
            };
            items.push(typed);
        }
        let (fold, negated) = match how {
            Membership::In { fold, negated } => (fold, negated),
            Membership::HasAny | Membership::HasAll => return self.has_many(needle_typed, how, items),
        };
        let texts = items.iter().all(|item| item.kind.is_text() || item.kind == Type::Dynamic);
        let is_text = needle_typed.kind.is_text() || needle_typed.kind == Type::Dynamic;
        for (item, written) in items.iter().zip(set) {
            if compared_as(needle_typed.kind, item.kind).is_none() {
                let fault =
                    format!("a {} cannot be in a list with a {}", needle_typed.kind.name(), item.kind.name());
                return Err(self.fault(written.place, fault));
            }
        }
        let as_text = fold
            || (is_text && texts && (needle_typed.kind.is_text() || items.iter().any(|i| i.kind.is_text())));
        // Texts among instants are read as such.
        let kind = [Type::DateTime, Type::Timespan, Type::Bool]
            .into_iter()
            .find(|kind| needle_typed.kind == *kind || items.iter().any(|item| item.kind == *kind));
        let mut membership =
            In { needle: needle_typed.expr, set: Vec::new(), constants: None, fold, negated, as_text };
        if let Some(kind) = kind {
            membership.needle = Expr::Cast(Box::new(membership.needle), kind);
        }
        for item in items {
            let expr = match (&item.expr, kind) {
                (Expr::Constant(value), Some(kind)) if !matches!(value, Value::Array(_)) => {
                    Expr::Constant(value.cast(kind))
                }
                _ => item.expr,
            };
            membership.set.push(expr);
        }
        if membership.set.iter().all(Expr::is_constant) {
            let mut keys = HashSet::new();
            for item in &membership.set {
                match item {
                    Expr::Constant(Value::Array(list)) => {
                        keys.extend(list.iter().map(|item| membership.key(item)))
                    }
                    Expr::Constant(value) => {
                        keys.insert(membership.key(value));
                    }
                    _ => {}
                }
            }
            membership.constants = Some(Arc::new(keys));
        }
        Ok(Typed { expr: Expr::In(Box::new(membership)), kind: Type::Bool })
    }

    /// `has_any` and `has_all`: whole words out of a list.
    fn has_many(&mut self, text: Typed, how: Membership, items: Vec<Typed>) -> Result<Typed> {
        let mut words = Vec::new();
        for item in items {
            match item.expr {
                Expr::Constant(Value::Array(list)) => words.extend(list.iter().cloned().map(Expr::Constant)),
                expr => words.push(expr),
            }
        }
        let tests = words.into_iter().map(|word| Expr::Text {
            how: TextTest::Has,
            fold: true,
            negated: false,
            sides: Box::new((text.expr.clone(), word)),
        });
        let tests: Vec<Expr> = tests.collect();
        let expr = if how == Membership::HasAny { Expr::Or(tests) } else { Expr::And(tests) };
        Ok(Typed { expr, kind: Type::Bool })
    }

    fn negated(&self, expr: Expr) -> Typed {
        let parts = functions::named("not").map(|not| Expr::Call(not, vec![expr.clone()]));
        Typed { expr: parts.unwrap_or(expr), kind: Type::Bool }
    }

    pub(super) fn cast(&mut self, typed: Typed, kind: Type) -> Result<Typed> {
        let expr = match typed.expr {
            Expr::Constant(value) => Expr::Constant(value.cast(kind)),
            expr => Expr::Cast(Box::new(expr), kind),
        };
        Ok(Typed { expr, kind })
    }

    // Calls.

    fn call(&mut self, name: &str, arguments: &[ast::Expr], place: Place, names: Names<'_>) -> Result<Typed> {
        if let Some(Entry::Function { parameters, body, scope }) = found(names.scope, name) {
            let scope = self.called(name, place, parameters, arguments, scope, names)?;
            self.calls += 1;
            // What a function's body says of columns, it says of its arguments: it sees no others.
            let inner = self.with_lets(body, &scope).and_then(|scope| {
                self.expr(&body.body, Names { columns: names.columns, right: names.right, scope: &scope })
            });
            self.calls -= 1;
            return inner;
        }
        let argument_count = |least: usize, most: usize| {
            let given = arguments.len();
            if (least..=most).contains(&given) {
                return Ok(());
            }
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            Err(self.fault(place, format!("{name}() takes {range} arguments, and {given} are given")))
        };
        match name {
            "iff" | "iif" => {
                argument_count(3, 3)?;
                let condition = self.condition(&arguments[0], names)?;
                let (a, b) = (self.expr(&arguments[1], names)?, self.expr(&arguments[2], names)?);
                let kind = common(&[a.kind, b.kind]);
                let (a, b) = (coerced(a, kind), coerced(b, kind));
                return Ok(Typed { expr: Expr::Case(vec![(condition, a)], Box::new(b)), kind });
            }
            "case" => {
                argument_count(3, 199)?;
                if arguments.len().is_multiple_of(2) {
                    return Err(
                        self.fault(place, "case() needs a last argument for all other cases".to_owned())
                    );
                }
                let mut cases = Vec::new();
                for pair in arguments.chunks_exact(2) {
                    cases.push((self.condition(&pair[0], names)?, self.expr(&pair[1], names)?));
                }
                let otherwise = self.expr(&arguments[arguments.len() - 1], names)?;
                let kinds: Vec<Type> =
                    cases.iter().map(|(_, then)| then.kind).chain([otherwise.kind]).collect();
                let kind = common(&kinds);
                let cases = cases.into_iter().map(|(when, then)| (when, coerced(then, kind))).collect();
                return Ok(Typed { expr: Expr::Case(cases, Box::new(coerced(otherwise, kind))), kind });
            }
            "coalesce" => {
                argument_count(1, 64)?;
                let parts: Result<Vec<Typed>> = arguments.iter().map(|a| self.expr(a, names)).collect();
                let parts = parts?;
                let kind = common(&parts.iter().map(|part| part.kind).collect::<Vec<_>>());
                let parts = parts.into_iter().map(|part| coerced(part, kind)).collect();
                return Ok(Typed { expr: Expr::Coalesce(parts), kind });
            }
            "now" | "ago" => {
                argument_count(usize::from(name == "ago"), 1)?;
                let now = constant(Value::DateTime(self.now), Type::DateTime);
                let Some(argument) = arguments.first() else { return Ok(now) };
                let span = self.expr(argument, names)?;
                if !matches!(span.kind, Type::Timespan | Type::Dynamic) {
                    let fault = format!(
                        "{name}() takes a length of time such as 7d, and this is a {}",
                        span.kind.name()
                    );
                    return Err(self.fault(argument.place, fault));
                }
                let how = if name == "ago" { Arithmetic::Subtract } else { Arithmetic::Add };
                let expr = Expr::Arithmetic(how, Box::new(now.expr), Box::new(span.expr));
                return Ok(Typed { expr, kind: Type::DateTime });
            }
            "toscalar" => {
                argument_count(1, 1)?;
                if !self.is_tabular(&arguments[0], names.scope) {
                    return self.expr(&arguments[0], names);
                }
                return self.subquery(&arguments[0], true, names);
            }
            "typeof" => {
                argument_count(1, 1)?;
                if let ExprKind::Name(kind) = &arguments[0].kind
                    && let Some(kind) = Type::named(kind)
                {
                    return Ok(constant(Value::text(kind.name()), Type::String));
                }
                return Err(self.fault(place, "typeof() takes the name of a type, such as long".to_owned()));
            }
            "column_ifexists" | "columnifexists" => {
                argument_count(2, 2)?;
                let ExprKind::Literal(Value::Text(column), _) = &arguments[0].kind else {
                    return Err(self
                        .fault(arguments[0].place, "here must stand a column's name in quotes".to_owned()));
                };
                return match self.column(column, names.columns) {
                    Some(column) => {
                        Ok(Typed { expr: Expr::Column(column), kind: names.columns[column].kind })
                    }
                    None => self.expr(&arguments[1], names),
                };
            }
            "pack_all" => {
                argument_count(0, 1)?;
                let mut parts = Vec::new();
                for (number, column) in names.columns.iter().enumerate() {
                    parts.push(Expr::Constant(Value::Text(column.name.clone())));
                    parts.push(Expr::Column(number));
                }
                let pack = functions::named("pack").map(|pack| Expr::Call(pack, parts));
                return Ok(Typed { expr: pack.unwrap_or(Expr::Constant(Value::Null)), kind: Type::Dynamic });
            }
            _ => {}
        }
        let Some(function) = functions::named(name) else {
            return Err(self.unknown_function(name, place, names));
        };
        self.catalogued(function, arguments, place, names)
    }

    fn catalogued(
        &mut self,
        function: &'static Function,
        arguments: &[ast::Expr],
        place: Place,
        names: Names<'_>,
    ) -> Result<Typed> {
        let name = function.name;
        if arguments.len() < function.required {
            let fault = format!(
                "{name}() takes at least {} arguments, and {} are given",
                function.required,
                arguments.len()
            );
            return Err(self.fault(place, fault));
        }
        let mut parts = Vec::new();
        for (number, argument) in arguments.iter().enumerate() {
            let Some(letter) = function.letter(number) else {
                let fault = format!("{name}() takes no more than {number} arguments");
                return Err(self.fault(argument.place, fault));
            };
            let typed = self.expr(argument, names)?;
            let kind = typed.kind;
            let (fits, wanted) = match letter {
                's' => (kind.is_text() || kind == Type::Dynamic, "a text"),
                'n' | 'l' | 'r' => {
                    (kind.is_number() || matches!(kind, Type::Dynamic | Type::Bool), "a number")
                }
                't' => (matches!(kind, Type::DateTime | Type::Dynamic), "an instant"),
                'p' => (matches!(kind, Type::Timespan | Type::Dynamic), "a length of time"),
                'b' => (matches!(kind, Type::Bool | Type::Dynamic | Type::Long | Type::Int), "a condition"),
                'j' => (matches!(kind, Type::Dynamic | Type::String), "a dynamic value"),
                _ => (true, ""),
            };
            if !fits {
                let fault = format!(
                    "argument {} of {name}() must be {wanted}, and this is a {}",
                    number + 1,
                    kind.name()
                );
                return Err(self.fault(argument.place, fault));
            }
            parts.push(typed);
        }
        let mut kind = match function.gives {
            Gives::Is(kind) => kind,
            Gives::Like(number) => match parts.get(number).map(|part| part.kind) {
                // A bin is as fine as its size: whole numbers in steps of 0.5 are real ones.
                Some(kind) if kind.is_number() => {
                    common(&parts.iter().map(|part| part.kind).collect::<Vec<_>>())
                }
                Some(Type::Dynamic) if parts.get(1).is_some_and(|size| size.kind == Type::Timespan) => {
                    Type::DateTime
                }
                Some(Type::Dynamic) | None => Type::Real,
                Some(kind) => kind,
            },
            Gives::Common => common(&parts.iter().map(|part| part.kind).collect::<Vec<_>>()),
        };
        // extract(…, typeof(long)) gives a number.
        let wanted = match (name, parts.get(3).map(|part| &part.expr)) {
            ("extract", Some(Expr::Constant(kind))) => Type::named(&kind.to_text()),
            _ => None,
        };
        let mut expr = Expr::Call(function, parts.into_iter().map(|part| part.expr).collect());
        if let Some(wanted) = wanted {
            kind = wanted;
            expr = Expr::Cast(Box::new(expr), wanted);
        }
        Ok(Typed { expr, kind })
    }

    fn unknown_function(&self, name: &str, place: Place, names: Names<'_>) -> crate::Error {
        if NOT_OFFERED.contains(&name) {
            return crate::parser::unsupported(&format!("{name}()"));
        }
        if AGGREGATES.iter().any(|(aggregate, ..)| *aggregate == name) {
            return self.fault(place, format!("{name}() sums up rows: it stands in summarize only"));
        }
        let known = self.function_names(names.scope);
        let suggestion = suggest::like(name, known.iter().map(String::as_str));
        let shown: String = name.chars().take(60).collect();
        self.fault(place, format!("there is no function '{shown}'{suggestion}"))
    }

    /// A query within the query.
    fn subquery(&mut self, expr: &ast::Expr, is_scalar: bool, names: Names<'_>) -> Result<Typed> {
        let relation = self.tabular(expr, names.scope)?;
        let kind = relation.columns.first().map_or(Type::Dynamic, |column| column.kind);
        let mut all = self.subqueries.borrow_mut();
        all.push(Subquery { relation, is_scalar });
        Ok(Typed { expr: Expr::Result(all.len() - 1), kind })
    }
}

/// One step further on a path.
fn stepped(expr: Expr, step: Step) -> Expr {
    match expr {
        Expr::Path(inner, mut steps) => {
            steps.push(step);
            Expr::Path(inner, steps)
        }
        expr => Expr::Path(Box::new(expr), vec![step]),
    }
}

/// As what values of these types are compared; `None` where they are not.
pub(super) fn compared_as(a: Type, b: Type) -> Option<Compared> {
    let class = |kind: Type| match kind {
        Type::String | Type::Guid => Compared::Text,
        Type::Int | Type::Long | Type::Real | Type::Decimal => Compared::Number,
        Type::Bool => Compared::Bool,
        Type::DateTime => Compared::DateTime,
        Type::Timespan => Compared::Timespan,
        Type::Dynamic => Compared::Any,
    };
    match (class(a), class(b)) {
        (Compared::Any, other) | (other, Compared::Any) => Some(other),
        (a, b) if a == b => Some(a),
        (Compared::Bool, Compared::Number) | (Compared::Number, Compared::Bool) => Some(Compared::Number),
        _ => None,
    }
}

fn arithmetic_type(how: Arithmetic, a: Type, b: Type) -> Option<Type> {
    use Arithmetic::{Add, Divide, Modulo, Multiply, Subtract};
    let number = |kind: Type| kind.is_number() || matches!(kind, Type::Dynamic | Type::Bool);
    let whole = |kind: Type| matches!(kind, Type::Int | Type::Long | Type::Bool);
    Some(match (how, a, b) {
        (Add, Type::DateTime, Type::Timespan) | (Add, Type::Timespan, Type::DateTime) => Type::DateTime,
        (Subtract, Type::DateTime, Type::Timespan) => Type::DateTime,
        (Subtract, Type::DateTime, Type::DateTime | Type::Dynamic)
        | (Subtract, Type::Dynamic, Type::DateTime) => Type::Timespan,
        (Add | Subtract | Modulo, Type::Timespan, Type::Timespan) => Type::Timespan,
        (Add | Subtract, Type::Dynamic, Type::Timespan) | (Add, Type::Timespan, Type::Dynamic) => {
            Type::Dynamic
        }
        (Divide, Type::Timespan, Type::Timespan) => Type::Real,
        (Multiply | Divide, Type::Timespan, b) if number(b) => Type::Timespan,
        (Multiply, a, Type::Timespan) if number(a) => Type::Timespan,
        (_, a, b) if whole(a) && whole(b) => Type::Long,
        (_, a, b) if number(a) && number(b) => Type::Real,
        _ => return None,
    })
}

/// The type that all of these are; numbers widen, and anything else that differs is dynamic.
pub(super) fn common(kinds: &[Type]) -> Type {
    let mut all = kinds.iter().copied();
    let first = all.next().unwrap_or(Type::Dynamic);
    all.fold(first, |a, b| match (a, b) {
        (a, b) if a == b => a,
        (a, b) if a.is_number() && b.is_number() => {
            let whole = |kind| matches!(kind, Type::Int | Type::Long);
            if whole(a) && whole(b) { Type::Long } else { Type::Real }
        }
        _ => Type::Dynamic,
    })
}

/// A whole number among real ones is written as one of them.
fn coerced(typed: Typed, kind: Type) -> Expr {
    if typed.kind != kind && kind == Type::Real {
        return match typed.expr {
            Expr::Constant(value) => Expr::Constant(value.cast(kind)),
            expr => Expr::Cast(Box::new(expr), kind),
        };
    }
    typed.expr
}
