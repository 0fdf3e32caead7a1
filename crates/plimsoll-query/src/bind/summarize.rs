//! `summarize`, `distinct` and `count`.

use super::{Binder, Fresh, Names, Scope, Typed, name_of};
use crate::aggregates::{AGGREGATES, Kind};
use crate::ast::{self, ExprKind, Named, Place};
use crate::catalog::Column;
use crate::error::Result;
use crate::plan::{Aggregate, Expr, Node, Relation, Step};
use crate::value::{Type, Value};

/// What `summarize` makes, before it is put into columns: the cells behind the keys.
struct Summary {
    aggregates: Vec<Aggregate>,
    keys: usize,
    exprs: Vec<Expr>,
    columns: Vec<Column>,
    fresh: Fresh,
}

impl Binder<'_> {
    pub(super) fn counted(&mut self, input: Relation) -> Relation {
        let aggregate = Aggregate { kind: Kind::Count, gives: Type::Long, arguments: Vec::new() };
        let input = Box::new(input);
        Relation {
            node: Node::Summarize { input, keys: Vec::new(), aggregates: vec![aggregate], weight: None },
            columns: vec![Column::new("Count", Type::Long)],
        }
    }

    pub(super) fn distinct(&mut self, input: Relation, named: &[Named], scope: &Scope) -> Result<Relation> {
        let columns = input.columns.clone();
        let names = Names { columns: &columns, right: None, scope };
        let mut fresh = Fresh::default();
        let mut keys = Vec::new();
        let mut given = Vec::new();
        for named in named {
            if matches!(named.expr.kind, ExprKind::Star) {
                for (place, column) in columns.iter().enumerate() {
                    keys.push(Expr::Column(place));
                    given.push(Column::new(&fresh.name(&column.name), column.kind));
                }
                continue;
            }
            let (name, typed) = self.key(named, names, &mut fresh)?;
            keys.push(typed.expr);
            given.push(Column::new(&name, typed.kind));
        }
        let node = Node::Summarize { input: Box::new(input), keys, aggregates: Vec::new(), weight: None };
        Ok(Relation { node, columns: given })
    }

    pub(super) fn summarize(
        &mut self,
        input: Relation,
        aggregates: &[Named],
        by: &[Named],
        place: Place,
        scope: &Scope,
    ) -> Result<Relation> {
        if aggregates.is_empty() && by.is_empty() {
            return Err(self.fault(place, "summarize needs an aggregate, or 'by' and what to group by".to_owned()));
        }
        let columns = input.columns.clone();
        let names = Names { columns: &columns, right: None, scope };
        let mut fresh = Fresh::default();
        let mut keys = Vec::new();
        let mut key_columns = Vec::new();
        for named in by {
            let (name, typed) = self.key(named, names, &mut fresh)?;
            keys.push(typed.expr);
            key_columns.push(Column::new(&name, typed.kind));
        }
        let mut summary = Summary {
            aggregates: Vec::new(),
            keys: keys.len(),
            exprs: (0..keys.len()).map(Expr::Column).collect(),
            columns: key_columns,
            fresh,
        };
        for named in aggregates {
            self.aggregated(named, names, &keys, &mut summary)?;
        }
        let width = keys.len() + summary.aggregates.len();
        let inner = (0..width).map(|place| Column::new(&format!("_{place}"), Type::Dynamic)).collect();
        let node = Node::Summarize { input: Box::new(input), keys, aggregates: summary.aggregates, weight: None };
        let summed = Relation { node, columns: inner };
        Ok(Relation { node: Node::Project(Box::new(summed), summary.exprs), columns: summary.columns })
    }

    fn key(&mut self, named: &Named, names: Names<'_>, fresh: &mut Fresh) -> Result<(String, Typed)> {
        let typed = self.expr(&named.expr, names)?;
        let name = match named.names.first().cloned().or_else(|| name_of(&named.expr)) {
            Some(name) => fresh.name(&name),
            None => fresh.unnamed("Column", 1),
        };
        Ok((name, typed))
    }

    /// One item of the list: an aggregate, several under one name, or an expression over aggregates.
    fn aggregated(
        &mut self,
        named: &Named,
        names: Names<'_>,
        keys: &[Expr],
        summary: &mut Summary,
    ) -> Result<()> {
        let place = named.expr.place;
        if let ExprKind::Call(name, arguments) = &named.expr.kind
            && let Some((_, kind, least, most, stem)) = AGGREGATES.iter().find(|(known, ..)| known == name)
        {
            let arguments = &arguments[..];
            if !(*least..=*most).contains(&arguments.len()) {
                let fault = format!("{name}() takes {least} to {most} arguments, and {} are given", arguments.len());
                return Err(self.fault(place, fault));
            }
            match kind {
                Kind::ArgMax | Kind::ArgMin => return self.extreme_row(*kind, arguments, named, names, keys, summary),
                Kind::Any if arguments.len() > 1 || matches!(arguments[0].kind, ExprKind::Star) => {
                    for argument in self.spread(arguments, names, keys) {
                        let name = summary.fresh.name(stem_name(stem, &argument).as_str());
                        let typed = self.aggregate(*kind, &[argument], names, summary)?;
                        summary.give(&name, typed);
                    }
                    return Ok(());
                }
                Kind::Percentiles if name == "percentiles" => {
                    for rank in &arguments[1..] {
                        let one = [arguments[0].clone(), rank.clone()];
                        let shown = percentile_name(&one);
                        let name = summary.fresh.name(&shown);
                        let typed = self.aggregate(Kind::Percentile, &one, names, summary)?;
                        summary.give(&name, typed);
                    }
                    return Ok(());
                }
                _ => {}
            }
            let typed = self.aggregate(*kind, arguments, names, summary)?;
            let wanted = match (named.names.as_slice(), kind) {
                ([name], _) => name.clone(),
                ([], Kind::Percentile) => percentile_name(arguments),
                ([], _) => arguments.first().map_or_else(|| (*stem).to_owned(), |first| stem_name(stem, first)),
                _ => return Err(self.fault(place, "a list of names stands before arg_max and arg_min only".to_owned())),
            };
            let name = summary.fresh.name(&wanted);
            summary.give(&name, typed);
            return Ok(());
        }
        let typed = self.over_aggregates(&named.expr, names, keys, summary)?;
        let name = match named.names.first() {
            Some(name) => summary.fresh.name(name),
            None => summary.fresh.unnamed("Column", 1),
        };
        summary.give(&name, typed);
        Ok(())
    }

    /// One aggregate more; the cell in which it will stand.
    fn aggregate(
        &mut self,
        kind: Kind,
        arguments: &[ast::Expr],
        names: Names<'_>,
        summary: &mut Summary,
    ) -> Result<Typed> {
        let is_all = kind == Kind::Count && matches!(arguments.first().map(|first| &first.kind), Some(ExprKind::Star));
        let arguments = if is_all { &[] } else { arguments };
        let mut exprs = Vec::new();
        let mut first = Type::Long;
        for (place, argument) in arguments.iter().enumerate() {
            if kind.condition() == Some(place) {
                exprs.push(self.condition(argument, names)?);
                continue;
            }
            let typed = self.expr(argument, names)?;
            if place == 0 {
                first = typed.kind;
                let adds = matches!(
                    kind,
                    Kind::Sum | Kind::SumIf | Kind::Average | Kind::AverageIf | Kind::Deviation | Kind::Variance
                );
                if adds && matches!(typed.kind, Type::String | Type::Guid) {
                    let fault = format!("a {} cannot be added up; write tolong(…) or todouble(…)", typed.kind.name());
                    return Err(self.fault(argument.place, fault));
                }
            }
            exprs.push(typed.expr);
        }
        let kind = if kind == Kind::Count && !exprs.is_empty() { Kind::CountOf } else { kind };
        let gives = kind.gives(first);
        summary.aggregates.push(Aggregate { kind, gives, arguments: exprs });
        Ok(Typed { expr: Expr::Column(summary.keys + summary.aggregates.len() - 1), kind: gives })
    }

    /// `arg_max(x, *)`: the row in which x is greatest; a column for each argument.
    fn extreme_row(
        &mut self,
        kind: Kind,
        arguments: &[ast::Expr],
        named: &Named,
        names: Names<'_>,
        keys: &[Expr],
        summary: &mut Summary,
    ) -> Result<()> {
        let mut all = vec![arguments[0].clone()];
        let first = name_of(&arguments[0]);
        for argument in self.spread(&arguments[1..], names, keys) {
            if name_of(&argument) != first {
                all.push(argument);
            }
        }
        let mut kinds = Vec::new();
        let mut exprs = Vec::new();
        for argument in &all {
            let typed = self.expr(argument, names)?;
            kinds.push(typed.kind);
            exprs.push(typed.expr);
        }
        summary.aggregates.push(Aggregate { kind, gives: Type::Dynamic, arguments: exprs });
        let cell = summary.keys + summary.aggregates.len() - 1;
        for (place, (argument, kind)) in all.iter().zip(kinds).enumerate() {
            let name = match named.names.get(place).cloned().or_else(|| name_of(argument)) {
                Some(name) => summary.fresh.name(&name),
                None => summary.fresh.unnamed(if place == 0 { "max_" } else { "Column" }, 1),
            };
            let part = Expr::Path(Box::new(Expr::Column(cell)), vec![Step::Index(place as i64)]);
            let expr = if kind == Type::String { Expr::Cast(Box::new(part), kind) } else { part };
            summary.give(&name, Typed { expr, kind });
        }
        Ok(())
    }

    /// `*` among arguments is every column that is not grouped by.
    fn spread(&self, arguments: &[ast::Expr], names: Names<'_>, keys: &[Expr]) -> Vec<ast::Expr> {
        let mut spread = Vec::new();
        for argument in arguments {
            if !matches!(argument.kind, ExprKind::Star) {
                spread.push(argument.clone());
                continue;
            }
            for (place, column) in names.columns.iter().enumerate() {
                let is_key = keys.iter().any(|key| matches!(key, Expr::Column(column) if *column == place));
                if !is_key {
                    let kind = ExprKind::Name(column.name.to_string());
                    spread.push(ast::Expr { kind, place: argument.place });
                }
            }
        }
        spread
    }

    /// `round(avg(x), 2)`: aggregates inside of an expression. Each is put aside under a name that no query can write, and
    /// the expression is bound over those.
    fn over_aggregates(
        &mut self,
        expr: &ast::Expr,
        names: Names<'_>,
        keys: &[Expr],
        summary: &mut Summary,
    ) -> Result<Typed> {
        let mut cells: Vec<Typed> = Vec::new();
        let mut outer = expr.clone();
        self.set_aside(&mut outer, names, summary, &mut cells)?;
        if cells.is_empty() {
            let fault = "summarize takes aggregates such as count() or max(…), and this is none".to_owned();
            return Err(self.fault(expr.place, fault));
        }
        // What is grouped by may be named beside the aggregates.
        let mut columns: Vec<Column> = (summary.columns.iter().take(keys.len())).cloned().collect();
        for (place, cell) in cells.iter().enumerate() {
            columns.push(Column::new(&aside(place), cell.kind));
        }
        let inner = Names { columns: &columns, right: None, scope: names.scope };
        let typed = self.expr(&outer, inner)?;
        let over: Vec<Expr> =
            (0..keys.len()).map(Expr::Column).chain(cells.into_iter().map(|cell| cell.expr)).collect();
        Ok(Typed { expr: typed.expr.over(&over), kind: typed.kind })
    }

    fn set_aside(
        &mut self,
        expr: &mut ast::Expr,
        names: Names<'_>,
        summary: &mut Summary,
        cells: &mut Vec<Typed>,
    ) -> Result<()> {
        let found = match &expr.kind {
            ExprKind::Call(name, arguments) => AGGREGATES
                .iter()
                .find(|(known, _, least, most, _)| known == name && (*least..=*most).contains(&arguments.len()))
                .map(|(_, kind, ..)| (*kind, arguments.clone())),
            _ => None,
        };
        if let Some((kind, arguments)) = found {
            if matches!(kind, Kind::ArgMax | Kind::ArgMin) {
                let fault = "arg_max and arg_min give several columns: they stand alone".to_owned();
                return Err(self.fault(expr.place, fault));
            }
            let cell = self.aggregate(kind, &arguments, names, summary)?;
            expr.kind = ExprKind::Name(aside(cells.len()));
            cells.push(cell);
            return Ok(());
        }
        for child in children(expr) {
            self.set_aside(child, names, summary, cells)?;
        }
        Ok(())
    }
}

impl Summary {
    fn give(&mut self, name: &str, typed: Typed) {
        self.columns.push(Column::new(name, typed.kind));
        self.exprs.push(typed.expr);
    }
}

fn aside(place: usize) -> String {
    format!("\u{0}{place}")
}

/// `sum_x`; the stem alone where what is summed up has no name.
fn stem_name(stem: &str, argument: &ast::Expr) -> String {
    match name_of(argument) {
        Some(name) => format!("{stem}{name}"),
        None if stem.is_empty() => "any_".to_owned(),
        None => stem.to_owned(),
    }
}

fn percentile_name(arguments: &[ast::Expr]) -> String {
    let rank = match arguments.get(1).map(|rank| &rank.kind) {
        Some(ExprKind::Literal(value @ (Value::Long(_) | Value::Real(_)), _)) => value.to_text().replace('.', "_"),
        _ => String::new(),
    };
    let name = arguments.first().and_then(name_of).unwrap_or_default();
    format!("percentile_{name}_{rank}")
}

fn children(expr: &mut ast::Expr) -> Vec<&mut ast::Expr> {
    match &mut expr.kind {
        ExprKind::Literal(..) | ExprKind::Name(_) | ExprKind::Star | ExprKind::Pipeline(_) => Vec::new(),
        ExprKind::Member(inner, _) | ExprKind::Negate(inner) => vec![inner],
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => vec![a, b],
        ExprKind::Call(_, parts) | ExprKind::And(parts) | ExprKind::Or(parts) => parts.iter_mut().collect(),
        ExprKind::In { needle, set, .. } => std::iter::once(&mut **needle).chain(set).collect(),
        ExprKind::Between { value, low, high, .. } => vec![value, low, high],
    }
}
