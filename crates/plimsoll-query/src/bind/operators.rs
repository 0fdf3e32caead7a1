//! Pipelines: each operator takes a relation and gives one.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::expressions::{common, compared_as};
use super::{Binder, Entry, Frame, Fresh, Names, Scope, Typed, name_of, rows};
use crate::ast::{self, Binary, ExprKind, Named, OperatorKind, ParsePart, Pattern, Place, TextTest};
use crate::catalog::Column;
use crate::error::{Error, Result};
use crate::evaluate::parse_pattern;
use crate::functions::steps;
use crate::plan::{Expr, Join, JoinKind, MvExpand, Node, Relation, SortKey};
use crate::value::{Type, Value};

/// Values that `range` may make.
const LONGEST_RANGE: u64 = 1_000_000;

impl Binder<'_> {
    pub(super) fn pipeline(&mut self, pipeline: &ast::Pipeline, scope: &Scope) -> Result<Relation> {
        let mut scope = scope.clone();
        let mut relation = self.source(&pipeline.source, pipeline.place, &scope)?;
        for operator in &pipeline.operators {
            self.count(1)?;
            if let OperatorKind::As(name) = &operator.kind {
                let entry = Entry::Table(relation.clone());
                scope = Some(Rc::new(Frame { name: name.clone(), entry, outer: scope }));
                continue;
            }
            relation = self.operator(relation, operator, &scope)?;
        }
        Ok(relation)
    }

    fn operator(&mut self, input: Relation, operator: &ast::Operator, scope: &Scope) -> Result<Relation> {
        let columns = input.columns.clone();
        let names = Names { columns: &columns, right: None, scope };
        Ok(match &operator.kind {
            OperatorKind::As(_) => input,
            OperatorKind::Where(condition) => {
                let condition = self.condition(condition, names)?;
                filtered(input, condition)
            }
            OperatorKind::Search(sought) => {
                let condition = self.condition(&sought_in_any(sought), names)?;
                filtered(input, condition)
            }
            OperatorKind::Take(count) => {
                let count = self.whole_number(count, scope)?;
                Relation { node: Node::Take(Box::new(input), count), columns }
            }
            OperatorKind::Sample(count) => {
                let count = self.whole_number(count, scope)?;
                Relation { node: Node::Sample(Box::new(input), count), columns }
            }
            OperatorKind::Sort(keys) => {
                let keys = self.sort_keys(keys, names)?;
                Relation { node: Node::Sort { input: Box::new(input), keys, first: None }, columns }
            }
            OperatorKind::Top { count, by } => {
                let first = Some(self.whole_number(count, scope)?);
                let keys = self.sort_keys(by, names)?;
                Relation { node: Node::Sort { input: Box::new(input), keys, first }, columns }
            }
            OperatorKind::Count => self.counted(input),
            OperatorKind::Distinct(named) => self.distinct(input, named, scope)?,
            OperatorKind::Summarize { aggregates, by } => {
                self.summarize(input, aggregates, by, operator.place, scope)?
            }
            OperatorKind::Extend(named) | OperatorKind::Serialize(named) => self.extend(input, named, names)?,
            OperatorKind::Project(named) => self.project(input, named, names)?,
            OperatorKind::ProjectAway(patterns) => {
                let gone = self.matching(patterns, &columns)?;
                keep(input, (0..columns.len()).filter(|column| !gone.contains(column)).collect())
            }
            OperatorKind::ProjectKeep(patterns) => {
                let kept: HashSet<usize> = self.matching(patterns, &columns)?.into_iter().collect();
                keep(input, (0..columns.len()).filter(|column| kept.contains(column)).collect())
            }
            OperatorKind::ProjectRename(named) => self.rename(input, named)?,
            OperatorKind::ProjectReorder(patterns) => {
                let mut order = Vec::new();
                for (pattern, descending) in patterns {
                    let mut found = self.matching(std::slice::from_ref(pattern), &columns)?;
                    if let Some(descending) = descending {
                        found.sort_by(|a, b| columns[*a].name.cmp(&columns[*b].name));
                        if *descending {
                            found.reverse();
                        }
                    }
                    found.retain(|column| !order.contains(column));
                    order.extend(found);
                }
                order.extend((0..columns.len()).filter(|column| !order.contains(column)).collect::<Vec<_>>());
                keep(input, order)
            }
            OperatorKind::GetSchema => schema(&columns),
            OperatorKind::Join { kind, right, on } => {
                let kind = match kind.as_deref() {
                    None | Some("innerunique") => JoinKind::InnerUnique,
                    Some("inner") => JoinKind::Inner,
                    Some("leftouter") => JoinKind::LeftOuter,
                    Some("rightouter") => JoinKind::RightOuter,
                    Some("fullouter") => JoinKind::FullOuter,
                    Some("leftsemi") => JoinKind::LeftSemi,
                    Some("leftanti" | "anti" | "leftantisemi") => JoinKind::LeftAnti,
                    Some("rightsemi") => JoinKind::RightSemi,
                    Some("rightanti" | "rightantisemi") => JoinKind::RightAnti,
                    Some(other) => return Err(self.unknown_join(other, operator.place)),
                };
                let right = self.pipeline(right, scope)?;
                self.join(input, right, kind, on, operator.place, scope, false)?
            }
            OperatorKind::Lookup { kind, right, on } => {
                let kind = match kind.as_deref() {
                    None | Some("leftouter") => JoinKind::LeftOuter,
                    Some("inner") => JoinKind::Inner,
                    Some(other) => return Err(self.unknown_join(other, operator.place)),
                };
                let right = self.pipeline(right, scope)?;
                self.join(input, right, kind, on, operator.place, scope, true)?
            }
            OperatorKind::MvExpand(expand) => self.mv_expand(input, expand, scope)?,
            OperatorKind::Parse(parse) => self.parse(input, parse, names)?,
            OperatorKind::Union(union) => self.union(Some(input), union, scope)?,
        })
    }

    fn unknown_join(&self, kind: &str, place: Place) -> Error {
        let kinds = [
            "innerunique", "inner", "leftouter", "rightouter", "fullouter", "leftsemi", "leftanti", "rightsemi", "rightanti",
        ];
        let suggestion = crate::suggest::like(kind, kinds.into_iter());
        let shown: String = kind.chars().take(40).collect();
        self.fault(place, format!("there is no join kind '{shown}'{suggestion}"))
    }

    fn sort_keys(&mut self, keys: &[ast::SortKey], names: Names<'_>) -> Result<Vec<SortKey>> {
        keys.iter()
            .map(|key| {
                let typed = self.expr(&key.expr.expr, names)?;
                let nulls_first = key.nulls_first.unwrap_or(!key.descending);
                Ok(SortKey { expr: typed.expr, descending: key.descending, nulls_first })
            })
            .collect()
    }

    // Sources.

    pub(super) fn print(&mut self, named: &[Named], scope: &Scope) -> Result<Relation> {
        let names = Names { columns: &[], right: None, scope };
        let mut fresh = Fresh::default();
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        for (place, named) in named.iter().enumerate() {
            let typed = self.expr(&named.expr, names)?;
            let name = match named.names.first() {
                Some(name) => fresh.name(name),
                None => fresh.unnamed("print_", place),
            };
            columns.push(Column::new(&name, typed.kind));
            exprs.push(typed.expr);
        }
        let one = rows(Vec::new(), vec![Vec::new()]);
        Ok(Relation { node: Node::Project(Box::new(one), exprs), columns })
    }

    pub(super) fn range(&mut self, name: &str, bounds: [&ast::Expr; 3], scope: &Scope) -> Result<Relation> {
        let mut values = Vec::new();
        let mut kinds = Vec::new();
        for bound in bounds {
            let (value, kind) = self.constant(bound, scope)?;
            values.push(value);
            kinds.push(kind);
        }
        let kind = if kinds[0] == Type::DateTime { Type::DateTime } else { common(&kinds) };
        let values = steps(&values[0], &values[1], &values[2], LONGEST_RANGE)?;
        self.meter.hold(values.len() as u64 * 48)?;
        Ok(rows(vec![Column::new(name, kind)], values.into_iter().map(|value| vec![value]).collect()))
    }

    pub(super) fn datatable(
        &mut self,
        columns: &[(String, Type)],
        values: &[ast::Expr],
        scope: &Scope,
    ) -> Result<Relation> {
        let mut cells = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let kind = columns[place % columns.len()].1;
            let is_null = matches!(&value.kind, ExprKind::Name(name) if name == "null");
            let cell = if is_null { kind.null() } else { self.constant(value, scope)?.0.cast(kind) };
            cells.push(cell);
        }
        let cells = cells.chunks(columns.len()).map(<[Value]>::to_vec).collect();
        let mut fresh = Fresh::default();
        Ok(rows(columns.iter().map(|(name, kind)| Column::new(&fresh.name(name), *kind)).collect(), cells))
    }

    /// `search` without a table before it: in these tables, or in all.
    pub(super) fn search_all(
        &mut self,
        tables: &[(String, Place)],
        sought: &ast::Expr,
        scope: &Scope,
    ) -> Result<Relation> {
        let all = self.catalog.tables.iter().map(|table| (table.name.to_string(), sought.place)).collect();
        let tables: Vec<(String, Place)> = if tables.is_empty() { all } else { tables.to_vec() };
        let mut legs = Vec::new();
        for (name, place) in tables {
            let table = self.table(&name, place, scope)?;
            let columns = table.columns.clone();
            let names = Names { columns: &columns, right: None, scope };
            let condition = self.condition(&sought_in_any(sought), names)?;
            legs.push((name, filtered(table, condition)));
        }
        self.united(legs, true, Some("$table"))
    }

    pub(super) fn union(
        &mut self,
        input: Option<Relation>,
        union: &ast::Union,
        scope: &Scope,
    ) -> Result<Relation> {
        let mut legs: Vec<(String, Relation)> =
            input.map(|input| ("union_arg0".to_owned(), input)).into_iter().collect();
        for leg in &union.legs {
            let name = match &leg.source {
                ast::Source::Name(name) => name.clone(),
                _ => format!("union_arg{}", legs.len()),
            };
            legs.push((name, self.pipeline(leg, scope)?));
        }
        self.united(legs, union.outer, union.with_source.as_deref())
    }

    /// The rows of all legs, in their order. A column that has another type in another leg is one of its own.
    fn united(
        &mut self,
        legs: Vec<(String, Relation)>,
        outer: bool,
        with_source: Option<&str>,
    ) -> Result<Relation> {
        let mut kinds: Vec<Column> = Vec::new();
        for column in legs.iter().flat_map(|(_, leg)| &leg.columns) {
            if !kinds.contains(column) {
                kinds.push(column.clone());
            }
        }
        if !outer {
            kinds.retain(|column| legs.iter().all(|(_, leg)| leg.columns.contains(column)));
        }
        let mut fresh = Fresh::default();
        let mut columns = Vec::new();
        if let Some(name) = with_source {
            columns.push(Column::new(&fresh.name(name), Type::String));
        }
        for column in &kinds {
            let is_shared = kinds.iter().filter(|other| other.name == column.name).count() > 1;
            let name = if is_shared {
                format!("{}_{}", column.name, column.kind.name())
            } else {
                column.name.to_string()
            };
            columns.push(Column::new(&fresh.name(&name), column.kind));
        }
        let legs = legs.into_iter().map(|(name, leg)| {
            let source = with_source.map(|_| Expr::Constant(Value::from(name)));
            let cells = kinds.iter().map(|column| {
                let place = leg.columns.iter().position(|own| own == column);
                place.map_or(Expr::Constant(column.kind.null()), Expr::Column)
            });
            let exprs = source.into_iter().chain(cells).collect();
            Relation { node: Node::Project(Box::new(leg), exprs), columns: columns.clone() }
        });
        Ok(Relation { node: Node::Union(legs.collect()), columns })
    }

    // Columns.

    fn extend(&mut self, input: Relation, named: &[Named], names: Names<'_>) -> Result<Relation> {
        let mut columns = input.columns.clone();
        let mut exprs: Vec<Expr> = (0..columns.len()).map(Expr::Column).collect();
        let mut fresh = Fresh { taken: columns.iter().map(|column| column.name.to_string()).collect() };
        let mut written = HashSet::new();
        for named in named {
            let typed = self.expr(&named.expr, names)?;
            let name = match (named.names.as_slice(), name_of(&named.expr)) {
                ([name], _) => name.clone(),
                ([], Some(name)) => name,
                ([], None) => fresh.unnamed("Column", 1),
                _ => return Err(self.fault(named.expr.place, "a list of names stands in summarize only".to_owned())),
            };
            let name = if written.insert(name.clone()) { name } else { fresh.name(&name) };
            match self.column(&name, &columns) {
                Some(column) => {
                    columns[column] = Column::new(&name, typed.kind);
                    exprs[column] = typed.expr;
                }
                None => {
                    fresh.taken.insert(name.clone());
                    columns.push(Column::new(&name, typed.kind));
                    exprs.push(typed.expr);
                }
            }
        }
        Ok(Relation { node: Node::Project(Box::new(input), exprs), columns })
    }

    fn project(&mut self, input: Relation, named: &[Named], names: Names<'_>) -> Result<Relation> {
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        let mut fresh = Fresh::default();
        for named in named {
            if matches!(named.expr.kind, ExprKind::Star) && named.names.is_empty() {
                for (place, column) in names.columns.iter().enumerate() {
                    columns.push(Column::new(&fresh.name(&column.name), column.kind));
                    exprs.push(Expr::Column(place));
                }
                continue;
            }
            let typed = self.expr(&named.expr, names)?;
            let name = match (named.names.as_slice(), name_of(&named.expr)) {
                ([name], _) => fresh.name(name),
                ([], Some(name)) => fresh.name(&name),
                ([], None) => fresh.unnamed("Column", 1),
                _ => return Err(self.fault(named.expr.place, "a list of names stands in summarize only".to_owned())),
            };
            columns.push(Column::new(&name, typed.kind));
            exprs.push(typed.expr);
        }
        Ok(Relation { node: Node::Project(Box::new(input), exprs), columns })
    }

    fn rename(&mut self, input: Relation, named: &[Named]) -> Result<Relation> {
        let mut columns = input.columns.clone();
        for named in named {
            let (Some(new), ExprKind::Name(old)) = (named.names.first(), &named.expr.kind) else {
                return Err(self.fault(named.expr.place, "project-rename takes new = old".to_owned()));
            };
            let Some(place) = self.column(old, &input.columns) else {
                return Err(self.unknown_column(old, named.expr.place, &input.columns));
            };
            let is_taken = columns.iter().enumerate().any(|(at, column)| at != place && *column.name == **new);
            if is_taken {
                return Err(self.fault(named.expr.place, format!("there is a column '{new}' already")));
            }
            columns[place].name = new.as_str().into();
        }
        Ok(Relation { columns, ..input })
    }

    /// The columns that the names with stars mean, in their own order.
    fn matching(&self, patterns: &[Pattern], columns: &[Column]) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        for pattern in patterns {
            let hits: Vec<usize> =
                (0..columns.len()).filter(|column| fits(&pattern.text, &columns[*column].name)).collect();
            if hits.is_empty() && !pattern.text.contains('*') {
                return Err(self.unknown_column(&pattern.text, pattern.place, columns));
            }
            found.extend(hits);
        }
        Ok(found)
    }

    // Joins.

    #[allow(clippy::too_many_arguments)]
    fn join(
        &mut self,
        left: Relation,
        right: Relation,
        kind: JoinKind,
        on: &[ast::Expr],
        place: Place,
        scope: &Scope,
        is_lookup: bool,
    ) -> Result<Relation> {
        *self.joins.borrow_mut() += 1;
        if *self.joins.borrow() > self.meter.limits.joins {
            return Err(self.fault(place, format!("the query has more than {} joins", self.meter.limits.joins)));
        }
        let mut left_keys = Vec::new();
        let mut right_keys = Vec::new();
        let mut shared = HashSet::new();
        let mut terms: Vec<&ast::Expr> = Vec::new();
        for term in on {
            match &term.kind {
                ExprKind::And(parts) => terms.extend(parts),
                _ => terms.push(term),
            }
        }
        for term in terms {
            let (a, b) = self.join_key(term, &left, &right, scope)?;
            if let Expr::Column(column) = b.expr {
                shared.insert(column);
            }
            let Some(class) = compared_as(a.kind, b.kind) else {
                let fault = format!("a {} and a {} cannot be joined on", a.kind.name(), b.kind.name());
                return Err(self.fault(term.place, fault));
            };
            // Both sides as the same type, so that their keys are the same.
            let same = match class {
                crate::plan::Compared::Text => Some(Type::String),
                crate::plan::Compared::DateTime => Some(Type::DateTime),
                crate::plan::Compared::Timespan => Some(Type::Timespan),
                _ => None,
            };
            let (a, b) = match same {
                Some(kind) if a.kind != kind || b.kind != kind => (self.cast(a, kind)?, self.cast(b, kind)?),
                _ => (a, b),
            };
            left_keys.push(a.expr);
            right_keys.push(b.expr);
        }
        let all = |relation: &Relation| (0..relation.columns.len()).collect::<Vec<usize>>();
        let (left_columns, right_columns) = match kind {
            JoinKind::LeftSemi | JoinKind::LeftAnti => (all(&left), Vec::new()),
            JoinKind::RightSemi | JoinKind::RightAnti => (Vec::new(), all(&right)),
            _ if is_lookup => {
                (all(&left), all(&right).into_iter().filter(|column| !shared.contains(column)).collect())
            }
            _ => (all(&left), all(&right)),
        };
        let mut fresh = Fresh::default();
        let given = left_columns
            .iter()
            .map(|column| &left.columns[*column])
            .chain(right_columns.iter().map(|column| &right.columns[*column]));
        let columns = given.map(|column| Column::new(&fresh.name(&column.name), column.kind)).collect();
        let join = Join { kind, left, right, left_keys, right_keys, left_columns, right_columns };
        Ok(Relation { node: Node::Join(Box::new(join)), columns })
    }

    /// `name`, or `$left.a == $right.b` in either order.
    fn join_key(
        &mut self,
        term: &ast::Expr,
        left: &Relation,
        right: &Relation,
        scope: &Scope,
    ) -> Result<(Typed, Typed)> {
        if let ExprKind::Name(name) = &term.kind {
            let on = |columns| Names { columns, right: None, scope };
            let side = |columns: &[Column]| self.column(name, columns).is_some();
            if !side(&left.columns) {
                return Err(self.unknown_column(name, term.place, &left.columns));
            }
            if !side(&right.columns) {
                return Err(self.unknown_column(name, term.place, &right.columns));
            }
            return Ok((self.expr(term, on(&left.columns))?, self.expr(term, on(&right.columns))?));
        }
        let wrong = "a join is on the name of a column, or on $left.a == $right.b";
        let ExprKind::Binary(Binary::Compare(ast::Comparison::Equal), a, b) = &term.kind else {
            return Err(self.fault(term.place, wrong.to_owned()));
        };
        let names = Names { columns: &left.columns, right: Some(&right.columns), scope };
        let (a, b) = (self.expr(a, names)?, self.expr(b, names)?);
        let split = left.columns.len();
        let side = |typed: &Typed| {
            let mut read = HashSet::new();
            typed.expr.columns(&mut read);
            (read.iter().any(|column| *column < split), read.iter().any(|column| *column >= split))
        };
        let (a, b) = match (side(&a), side(&b)) {
            ((true, false), (false, true)) => (a, b),
            ((false, true), (true, false)) => (b, a),
            _ => return Err(self.fault(term.place, wrong.to_owned())),
        };
        let shift: Vec<Expr> =
            (0..split + right.columns.len()).map(|column| Expr::Column(column.saturating_sub(split))).collect();
        Ok((a, Typed { expr: b.expr.over(&shift), kind: b.kind }))
    }

    // Rows.

    fn mv_expand(&mut self, input: Relation, expand: &ast::MvExpand, scope: &Scope) -> Result<Relation> {
        let mut columns = input.columns.clone();
        let mut lists = Vec::new();
        for (named, kind) in &expand.columns {
            let names = Names { columns: &input.columns, right: None, scope };
            let typed = self.expr(&named.expr, names)?;
            if typed.kind != Type::Dynamic {
                let fault = format!("mv-expand takes a dynamic value, and this is a {}", typed.kind.name());
                return Err(self.fault(named.expr.place, fault));
            }
            let name = match named.names.first().cloned().or_else(|| name_of(&named.expr)) {
                Some(name) => name,
                None => Fresh { taken: columns.iter().map(|column| column.name.to_string()).collect() }
                    .unnamed("Column", 1),
            };
            let kind = kind.unwrap_or(Type::Dynamic);
            let place = match self.column(&name, &columns) {
                Some(place) => {
                    columns[place].kind = kind;
                    place
                }
                None => {
                    columns.push(Column::new(&name, kind));
                    columns.len() - 1
                }
            };
            lists.push((typed.expr, place, kind));
        }
        let index = expand.index.as_ref().map(|name| {
            columns.push(Column::new(name, Type::Long));
            columns.len() - 1
        });
        let limit = match &expand.limit {
            None => self.meter.limits.expanded_rows,
            Some(written) => {
                let limit = self.whole_number(written, scope)?;
                let most = self.meter.limits.most_expanded_rows;
                if limit > most {
                    let fault = format!("mv-expand makes at most {most} rows of one, and {limit} are asked for");
                    return Err(self.fault(written.place, fault));
                }
                limit
            }
        };
        let width = columns.len();
        let node = MvExpand { columns: lists, index, limit, bags_as_arrays: expand.bags_as_arrays, width };
        Ok(Relation { node: Node::MvExpand(Box::new(input), node), columns })
    }

    fn parse(&mut self, input: Relation, parse: &ast::Parse, names: Names<'_>) -> Result<Relation> {
        let subject = self.expr(&parse.subject, names)?;
        let pattern = parse_pattern(parse).map_err(|error| self.fault(parse.subject.place, error.to_string()))?;
        let subject = Box::new(subject.expr);
        let mut columns = input.columns.clone();
        let mut exprs: Vec<Expr> = (0..columns.len()).map(Expr::Column).collect();
        let parts = parse.parts.iter().filter_map(|part| match part {
            ParsePart::Column(name, kind) => Some((name, *kind)),
            _ => None,
        });
        for (number, (name, kind)) in parts.enumerate() {
            let part = Some((number, kind));
            let expr = Expr::Parsed { subject: subject.clone(), pattern: Arc::clone(&pattern), part };
            match self.column(name, &columns) {
                Some(place) => {
                    columns[place].kind = kind;
                    exprs[place] = expr;
                }
                None => {
                    columns.push(Column::new(name, kind));
                    exprs.push(expr);
                }
            }
        }
        let input = if parse.filters {
            filtered(input, Expr::Parsed { subject, pattern, part: None })
        } else {
            input
        };
        Ok(Relation { node: Node::Project(Box::new(input), exprs), columns })
    }
}

fn filtered(input: Relation, condition: Expr) -> Relation {
    let columns = input.columns.clone();
    Relation { node: Node::Filter(Box::new(input), condition), columns }
}

/// Only these columns, in this order.
fn keep(input: Relation, order: Vec<usize>) -> Relation {
    let columns = order.iter().map(|column| input.columns[*column].clone()).collect();
    let exprs = order.into_iter().map(Expr::Column).collect();
    Relation { node: Node::Project(Box::new(input), exprs), columns }
}

/// The columns as rows, with the names that .NET has for their types.
fn schema(columns: &[Column]) -> Relation {
    let net = |kind: Type| match kind {
        Type::Bool => "System.SByte",
        Type::Int => "System.Int32",
        Type::Long => "System.Int64",
        Type::Real => "System.Double",
        Type::Decimal => "System.Data.SqlTypes.SqlDecimal",
        Type::DateTime => "System.DateTime",
        Type::Timespan => "System.TimeSpan",
        Type::Guid => "System.Guid",
        Type::String => "System.String",
        Type::Dynamic => "System.Object",
    };
    let cells = columns.iter().enumerate().map(|(place, column)| {
        vec![
            Value::Text(column.name.clone()),
            Value::Long(place as i64),
            Value::text(net(column.kind)),
            Value::text(column.kind.name()),
        ]
    });
    let text = |name| Column::new(name, Type::String);
    let columns = vec![
        text("ColumnName"),
        Column::new("ColumnOrdinal", Type::Int),
        text("DataType"),
        text("ColumnType"),
    ];
    rows(columns, cells.collect())
}

/// Whether a name is what the stars stand for.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// In a search a text alone is a word that any column may have; stars make it a part of one.
fn sought_in_any(expr: &ast::Expr) -> ast::Expr {
    let place = expr.place;
    let kind = match &expr.kind {
        ExprKind::And(parts) => ExprKind::And(parts.iter().map(sought_in_any).collect()),
        ExprKind::Or(parts) => ExprKind::Or(parts.iter().map(sought_in_any).collect()),
        ExprKind::Literal(Value::Text(text), kind) => {
            let (how, sought) = match (text.strip_prefix('*'), text.strip_suffix('*')) {
                (Some(_), Some(_)) => (TextTest::Contains, text.trim_matches('*')),
                (Some(rest), None) => (TextTest::HasSuffix, rest),
                (None, Some(rest)) => (TextTest::HasPrefix, rest),
                (None, None) => (TextTest::Has, &**text),
            };
            let star = ast::Expr { kind: ExprKind::Star, place };
            let sought = ast::Expr { kind: ExprKind::Literal(Value::text(sought), *kind), place };
            let test = Binary::Text { how, fold: true, negated: false };
            ExprKind::Binary(test, Box::new(star), Box::new(sought))
        }
        kind => kind.clone(),
    };
    ast::Expr { kind, place }
}
