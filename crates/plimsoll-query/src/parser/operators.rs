//! Pipelines: where rows come from, and what is done with them.

use super::{Parser, unsupported};
use crate::ast::{
    Expr, ExprKind, MvExpand, Named, Operator, OperatorKind, Parse, ParseKind, ParsePart, Pattern, Pipeline, Place,
    SortKey, Source, Union,
};
use crate::error::Result;
use crate::lexer::Kind;
use crate::value::{Type, Value};

/// What the language has and this service does not.
const NOT_OFFERED: &[&str] = &[
    "consume", "evaluate", "externaldata", "facet", "find", "fork", "graph-match", "invoke", "macro-expand", "make-graph",
    "make-series", "mv-apply", "parse-kv", "partition", "project-by-names", "reduce", "render", "sample-distinct", "scan",
    "top-hitters", "top-nested",
];

const OPERATORS: &[&str] = &[
    "as", "count", "distinct", "extend", "filter", "getschema", "join", "limit", "lookup", "mv-expand", "mvexpand", "order",
    "parse", "parse-where", "project", "project-away", "project-keep", "project-rename", "project-reorder", "sample", "search",
    "serialize", "sort", "summarize", "take", "top", "union", "where",
];

impl Parser<'_> {
    /// A pipeline, or a scalar: an expression with an operator behind it is the source of one.
    pub(super) fn tabular_or_scalar(&mut self) -> Result<Expr> {
        let start = self.place();
        if let Some(source) = self.source_operator()? {
            let pipeline = self.operators(start, source)?;
            return Ok(Expr { kind: ExprKind::Pipeline(Box::new(pipeline)), place: self.since(start) });
        }
        let expr = self.expression()?;
        if !self.is_sign("|") {
            return Ok(expr);
        }
        let source = source_of(expr);
        let pipeline = self.operators(start, source)?;
        Ok(Expr { kind: ExprKind::Pipeline(Box::new(pipeline)), place: self.since(start) })
    }

    /// `print …`, `union …`, `{{…}}` and their like, and an operator where a table should stand: that means the default one.
    fn source_operator(&mut self) -> Result<Option<Source>> {
        if let Kind::SharedQuery(id) = self.peek().clone() {
            self.advance();
            return Ok(Some(Source::SharedQuery(id)));
        }
        let Kind::Word(word) = self.peek().clone() else { return Ok(None) };
        // A name that stands for itself: `count` may be a column, `print(…)` is none of ours.
        let alone = matches!(self.kind_at(1), Kind::End | Kind::Sign("|" | ";" | ")" | "," | "=" | "." | "=="));
        Ok(Some(match word.as_str() {
            "print" if !alone => {
                self.advance();
                Source::Print(self.named_list()?)
            }
            "range" if matches!(self.kind_at(1), Kind::Word(_)) => self.range()?,
            "datatable" if self.sign_at(1, "(") => self.datatable()?,
            "union" if !alone => {
                self.advance();
                Source::Union(self.union()?)
            }
            "search" if !alone && !self.sign_at(1, "(") || word == "search" && self.sign_at(1, "(") => {
                self.advance();
                let tables = if self.eat_word("in") { self.table_list()? } else { Vec::new() };
                Source::Search { tables, sought: self.expression()? }
            }
            // Azure Resource Graph reads a query that begins with an operator as one on `Resources`.
            word if self.depth == 0 && self.begins_with_operator(word) => Source::Name("Resources".to_owned()),
            word if self.depth == 0 && self.stands_before_operand() && NOT_OFFERED.contains(&word) => {
                return Err(unsupported(word));
            }
            _ => return Ok(None),
        }))
    }

    fn begins_with_operator(&self, word: &str) -> bool {
        let followed = match self.kind_at(1) {
            Kind::Word(_) | Kind::Long(_) | Kind::Text(_) => true,
            Kind::Sign(sign) => matches!(*sign, "-" | "*" | "["),
            Kind::End => word == "count",
            _ => false,
        };
        let hyphen = ["project", "mv", "parse"].contains(&word) && self.sign_at(1, "-");
        followed && (OPERATORS.contains(&word) || hyphen) && (hyphen || !self.sign_at(1, "-"))
    }

    fn stands_before_operand(&self) -> bool {
        matches!(self.kind_at(1), Kind::Word(_) | Kind::Text(_) | Kind::Long(_))
    }

    fn range(&mut self) -> Result<Source> {
        self.advance();
        let name = self.name("a column's name")?;
        self.expect_word("from")?;
        let from = self.expression()?;
        self.expect_word("to")?;
        let to = self.expression()?;
        self.expect_word("step")?;
        Ok(Source::Range { name, from, to, step: self.expression()? })
    }

    fn datatable(&mut self) -> Result<Source> {
        self.advance();
        self.expect("(")?;
        let mut columns = Vec::new();
        while !self.is_sign(")") {
            let name = self.name("a column's name")?;
            self.expect(":")?;
            columns.push((name, self.type_name()?));
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        self.expect("[")?;
        let values = self.expression_list("]")?;
        if columns.is_empty() || values.len() % columns.len() != 0 {
            return Err(self.fault(format!(
                "{} values do not fill rows of {} columns",
                values.len(),
                columns.len()
            )));
        }
        Ok(Source::Datatable { columns, values })
    }

    fn table_list(&mut self) -> Result<Vec<(String, Place)>> {
        self.expect("(")?;
        let mut tables = Vec::new();
        while !self.is_sign(")") {
            let place = self.place();
            tables.push((self.name("a table")?, place));
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(tables)
    }

    fn operators(&mut self, start: Place, source: Source) -> Result<Pipeline> {
        let mut operators = Vec::new();
        let place = self.since(start);
        if matches!(&source, Source::Name(_)) && self.begins_with_implicit_source(start) {
            operators.push(self.operator()?);
        }
        while self.eat("|") {
            operators.push(self.operator()?);
        }
        Ok(Pipeline { source, place, operators })
    }

    /// Nothing was taken for the source: the first operator stands right here.
    fn begins_with_implicit_source(&self, start: Place) -> bool {
        self.place().start == start.start
    }

    /// A table by name, or a pipeline in parentheses.
    fn leg(&mut self) -> Result<Pipeline> {
        let start = self.place();
        if self.is_sign("*") {
            return Err(unsupported("union *"));
        }
        let source = match self.peek().clone() {
            Kind::Sign("(") => {
                self.advance();
                let inner = self.deeper(Self::tabular_or_scalar)?;
                self.expect(")")?;
                source_of(inner)
            }
            Kind::SharedQuery(id) => {
                self.advance();
                Source::SharedQuery(id)
            }
            Kind::Word(_) if self.sign_at(1, "(") => source_of(self.expression()?),
            _ => {
                let name = self.name("a table, or a query in parentheses")?;
                if self.is_sign("*") && self.is_adjacent() {
                    return Err(unsupported("union with a wildcard"));
                }
                Source::Name(name)
            }
        };
        Ok(Pipeline { source, place: self.since(start), operators: Vec::new() })
    }

    fn union(&mut self) -> Result<Union> {
        let mut union = Union { outer: true, with_source: None, legs: Vec::new() };
        while let Some((key, value)) = self.parameter(&["kind", "withsource", "with_source", "isfuzzy"])? {
            match (key.as_str(), value.as_str()) {
                ("kind", "inner") => union.outer = false,
                ("kind", "outer") | ("isfuzzy", _) => {}
                ("kind", other) => return Err(unsupported(&format!("union kind={other}"))),
                _ => union.with_source = Some(value),
            }
        }
        loop {
            self.count_operator()?;
            union.legs.push(self.leg()?);
            if !self.eat(",") {
                return Ok(union);
            }
        }
    }

    /// `key=value` for one of these keys, and `hint.*=…`, which is read and not needed.
    fn parameter(&mut self, keys: &[&str]) -> Result<Option<(String, String)>> {
        loop {
            if self.at_word("hint") && self.sign_at(1, ".") {
                self.at += 2;
                self.name("a hint")?;
                self.expect("=")?;
                self.advance();
                continue;
            }
            let Kind::Word(key) = self.peek().clone() else { return Ok(None) };
            if !keys.contains(&key.as_str()) || !self.sign_at(1, "=") {
                return Ok(None);
            }
            self.at += 2;
            let place = self.place();
            let value = self.text[place.start..place.end].trim_matches(['"', '\'']).to_owned();
            self.advance();
            return Ok(Some((key, value)));
        }
    }

    fn operator(&mut self) -> Result<Operator> {
        self.count_operator()?;
        let start = self.place();
        let name = self.operator_name()?;
        let kind = self.deeper(|parser| parser.operator_body(&name, start))?;
        Ok(Operator { kind, place: self.since(start) })
    }

    /// Words joined by hyphens.
    fn operator_name(&mut self) -> Result<String> {
        let Kind::Word(mut name) = self.peek().clone() else {
            return Err(self.unexpected("an operator such as where, project or summarize"));
        };
        self.advance();
        let joins = ["project", "mv", "parse", "top", "make", "sample", "graph", "macro"].contains(&name.as_str());
        while joins && self.is_sign("-") && self.is_adjacent() && matches!(self.kind_at(1), Kind::Word(_)) {
            self.advance();
            if let Kind::Word(more) = self.peek() {
                name = format!("{name}-{more}");
            }
            self.advance();
        }
        Ok(name)
    }

    fn operator_body(&mut self, name: &str, start: Place) -> Result<OperatorKind> {
        Ok(match name {
            "as" => {
                let _ = self.parameter(&[])?;
                OperatorKind::As(self.name("a name")?)
            }
            "count" => OperatorKind::Count,
            "distinct" => OperatorKind::Distinct(self.named_list()?),
            "extend" => OperatorKind::Extend(self.named_list()?),
            "getschema" => OperatorKind::GetSchema,
            "join" => {
                let (kind, right, on) = self.join()?;
                OperatorKind::Join { kind, right, on }
            }
            "lookup" => {
                let (kind, right, on) = self.join()?;
                OperatorKind::Lookup { kind, right, on }
            }
            "limit" | "take" => OperatorKind::Take(self.expression()?),
            "mv-expand" | "mvexpand" => OperatorKind::MvExpand(self.mv_expand()?),
            "order" | "sort" => {
                let _ = self.parameter(&[])?;
                self.expect_word("by")?;
                OperatorKind::Sort(self.sort_keys()?)
            }
            "parse" | "parse-where" => OperatorKind::Parse(self.parse_operator(name == "parse-where")?),
            "project" => OperatorKind::Project(self.named_list()?),
            "project-away" => OperatorKind::ProjectAway(self.patterns()?),
            "project-keep" => OperatorKind::ProjectKeep(self.patterns()?),
            "project-rename" => OperatorKind::ProjectRename(self.named_list()?),
            "project-reorder" => OperatorKind::ProjectReorder(self.reordered()?),
            "sample" => OperatorKind::Sample(self.expression()?),
            "search" => OperatorKind::Search(self.expression()?),
            "serialize" => {
                let ends = matches!(self.peek(), Kind::End | Kind::Sign("|" | ")" | ";"));
                OperatorKind::Serialize(if ends { Vec::new() } else { self.named_list()? })
            }
            "summarize" => self.summarize()?,
            "top" => {
                let count = self.expression()?;
                self.expect_word("by")?;
                OperatorKind::Top { count, by: self.sort_keys()? }
            }
            "union" => OperatorKind::Union(self.union()?),
            "where" | "filter" => OperatorKind::Where(self.expression()?),
            name if NOT_OFFERED.contains(&name) => return Err(unsupported(name)),
            name => {
                let suggestion = crate::suggest::like(name, OPERATORS.iter().copied());
                let token = name.chars().take(60).collect::<String>();
                let message = format!("'{token}' is no operator{suggestion}");
                return Err(crate::Error::new(crate::ErrorKind::ParserFailure, message)
                    .at(self.text, start.start, &token)
                    .expecting("an operator such as where, project or summarize"));
            }
        })
    }

    fn join(&mut self) -> Result<(Option<String>, Box<Pipeline>, Vec<Expr>)> {
        let mut kind = None;
        while let Some((_, value)) = self.parameter(&["kind"])? {
            kind = Some(value);
        }
        let right = Box::new(self.leg()?);
        self.expect_word("on")?;
        let mut on = vec![self.expression()?];
        while self.eat(",") {
            on.push(self.expression()?);
        }
        Ok((kind, right, on))
    }

    fn mv_expand(&mut self) -> Result<MvExpand> {
        let mut expand = MvExpand { bags_as_arrays: false, index: None, columns: Vec::new(), limit: None };
        let keys = ["bagexpansion", "kind", "with_itemindex"];
        while let Some((key, value)) = self.parameter(&keys)? {
            match (key.as_str(), value.as_str()) {
                ("with_itemindex", _) => expand.index = Some(value),
                (_, "array") => expand.bags_as_arrays = true,
                (_, "bag") => {}
                _ => return Err(self.fault(format!("'{value}' is neither bag nor array"))),
            }
        }
        loop {
            let column = self.named()?;
            let kind = if self.eat_word("to") {
                self.expect_word("typeof")?;
                self.expect("(")?;
                let kind = self.type_name()?;
                self.expect(")")?;
                Some(kind)
            } else {
                None
            };
            expand.columns.push((column, kind));
            if !self.eat(",") {
                break;
            }
        }
        if self.eat_word("limit") {
            expand.limit = Some(self.expression()?);
        }
        Ok(expand)
    }

    fn parse_operator(&mut self, filters: bool) -> Result<Parse> {
        let mut kind = ParseKind::Simple;
        let mut flags = String::new();
        while let Some((key, value)) = self.parameter(&["kind", "flags"])? {
            match (key.as_str(), value.as_str()) {
                ("flags", _) => flags = value,
                (_, "simple") => kind = ParseKind::Simple,
                (_, "relaxed") => kind = ParseKind::Relaxed,
                (_, "regex") => kind = ParseKind::Regex,
                _ => return Err(self.fault(format!("'{value}' is none of simple, relaxed and regex"))),
            }
        }
        let subject = self.expression()?;
        self.expect_word("with")?;
        let mut parts = Vec::new();
        loop {
            match self.peek().clone() {
                Kind::Sign("*") => {
                    self.advance();
                    parts.push(ParsePart::Any);
                }
                Kind::Text(text) => {
                    self.advance();
                    parts.push(ParsePart::Text(text));
                }
                Kind::Word(_) | Kind::Sign("[") => {
                    let name = self.name("a column's name")?;
                    let kind = if self.eat(":") { self.type_name()? } else { Type::String };
                    parts.push(ParsePart::Column(name, kind));
                }
                _ if parts.is_empty() => return Err(self.unexpected("a text, a column's name or '*'")),
                _ => break,
            }
        }
        Ok(Parse { filters, kind, flags, subject, parts })
    }

    /// Names with stars in them.
    fn pattern(&mut self) -> Result<Pattern> {
        let start = self.place();
        let mut text = String::new();
        loop {
            match self.peek().clone() {
                _ if !text.is_empty() && !self.is_adjacent() => break,
                Kind::Sign("*") => {
                    self.advance();
                    text.push('*');
                }
                Kind::Word(_) | Kind::Sign("[") => text.push_str(&self.name("a column's name")?),
                _ => break,
            }
        }
        if text.is_empty() {
            return Err(self.unexpected("a column's name"));
        }
        Ok(Pattern { text, place: self.since(start) })
    }

    fn patterns(&mut self) -> Result<Vec<Pattern>> {
        let mut patterns = vec![self.pattern()?];
        while self.eat(",") {
            patterns.push(self.pattern()?);
        }
        Ok(patterns)
    }

    fn reordered(&mut self) -> Result<Vec<(Pattern, Option<bool>)>> {
        let mut list = Vec::new();
        loop {
            let pattern = self.pattern()?;
            let order = if self.eat_word("asc") || self.eat_word("granny_asc") {
                Some(false)
            } else if self.eat_word("desc") || self.eat_word("granny_desc") {
                Some(true)
            } else {
                None
            };
            list.push((pattern, order));
            if !self.eat(",") {
                return Ok(list);
            }
        }
    }

    fn sort_keys(&mut self) -> Result<Vec<SortKey>> {
        let mut keys = Vec::new();
        loop {
            let expr = self.named()?;
            let descending = if self.eat_word("asc") {
                false
            } else {
                let _ = self.eat_word("desc");
                true
            };
            let nulls_first = if self.eat_word("nulls") {
                let first = self.eat_word("first");
                if !first {
                    self.expect_word("last")?;
                }
                Some(first)
            } else {
                None
            };
            keys.push(SortKey { expr, descending, nulls_first });
            if !self.eat(",") {
                return Ok(keys);
            }
        }
    }

    fn summarize(&mut self) -> Result<OperatorKind> {
        let _ = self.parameter(&[])?;
        let aggregates = if self.at_word("by") { Vec::new() } else { self.named_list()? };
        let by: Vec<Named> = if self.eat_word("by") { self.named_list()? } else { Vec::new() };
        Ok(OperatorKind::Summarize { aggregates, by })
    }
}

fn source_of(expr: Expr) -> Source {
    match expr.kind {
        ExprKind::Name(name) => Source::Name(name),
        // A text where a table should stand is a mistake that the look-up of names explains.
        ExprKind::Literal(Value::Text(name), _) => Source::Name(name.as_ref().to_owned()),
        kind => Source::Expr(Box::new(Expr { kind, place: expr.place })),
    }
}
