//! Tree → relations: names are looked up, operators typed, constants computed.
//!
//! Pipelines and their operators are in [`operators`], expressions in [`expressions`], `summarize` in [`summarize`]; here is
//! what they share: scopes, tables by name, columns and how they are called.

mod expressions;
mod operators;
mod summarize;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{self, ExprKind, LetValue, Parameter, Place, Source};
use crate::catalog::{Catalog, Column};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Context, Regexes};
use crate::meter::{Limits, Meter};
use crate::plan::{Expr, Node, Relation, Scan};
use crate::suggest;
use crate::value::{Type, Value};

/// Saved queries that may name each other in a row.
const DEEPEST_SAVED: usize = 5;
/// Relations in one plan: a name that stands for a pipeline is written out where it is used.
const MOST_RELATIONS: usize = 2000;
/// Functions that may call each other in a row.
const DEEPEST_CALLS: usize = 12;

/// A query within the query, run before it.
#[derive(Debug, Clone)]
pub(crate) struct Subquery {
    pub(crate) relation: Relation,
    /// Its first cell is the result; otherwise the list of its first column.
    pub(crate) is_scalar: bool,
}

/// An expression and what it gives.
#[derive(Debug, Clone)]
struct Typed {
    expr: Expr,
    kind: Type,
}

/// What a name stands for.
#[derive(Debug)]
enum Entry {
    Scalar(Typed),
    Table(Relation),
    Function { parameters: Vec<Parameter>, body: ast::Query, scope: Scope },
}

#[derive(Debug)]
struct Frame {
    name: String,
    entry: Entry,
    outer: Scope,
}

/// The names that are known at a place, the innermost first.
type Scope = Option<Rc<Frame>>;

fn found<'s>(scope: &'s Scope, name: &str) -> Option<&'s Entry> {
    let mut at = scope.as_ref();
    while let Some(frame) = at {
        if frame.name == name {
            return Some(&frame.entry);
        }
        at = frame.outer.as_ref();
    }
    None
}

/// The columns that expressions may name at a place.
#[derive(Clone, Copy)]
struct Names<'a> {
    columns: &'a [Column],
    /// The right side of a join; its cells stand behind those of the left.
    right: Option<&'a [Column]>,
    scope: &'a Scope,
}

pub(crate) struct Binder<'a> {
    text: &'a str,
    catalog: &'a Catalog,
    now: i64,
    saved: &'a dyn Fn(&str) -> Option<String>,
    meter: &'a Meter,
    subqueries: &'a RefCell<Vec<Subquery>>,
    relations: &'a RefCell<usize>,
    joins: &'a RefCell<u64>,
    depth: usize,
    calls: usize,
}

/// What a tree means: its relation, and the queries within it.
pub(crate) fn bind(
    text: &str,
    query: &ast::Query,
    catalog: &Catalog,
    now: i64,
    saved: &dyn Fn(&str) -> Option<String>,
    limits: &Limits,
) -> Result<(Relation, Vec<Subquery>)> {
    let meter = Meter::new(limits.clone());
    let (subqueries, relations, joins) = Default::default();
    let mut binder = Binder {
        text,
        catalog,
        now,
        saved,
        meter: &meter,
        subqueries: &subqueries,
        relations: &relations,
        joins: &joins,
        depth: 0,
        calls: 0,
    };
    let relation = binder.tabular_query(query, &None)?;
    Ok((relation, subqueries.into_inner()))
}

impl Binder<'_> {
    // Statements.

    fn tabular_query(&mut self, query: &ast::Query, scope: &Scope) -> Result<Relation> {
        let scope = self.with_lets(query, scope)?;
        self.tabular(&query.body, &scope)
    }

    fn with_lets(&mut self, query: &ast::Query, scope: &Scope) -> Result<Scope> {
        let mut scope = scope.clone();
        for statement in &query.lets {
            let entry = match &statement.value {
                LetValue::Function { parameters, body } => Entry::Function {
                    parameters: parameters.clone(),
                    body: body.clone(),
                    scope: scope.clone(),
                },
                LetValue::Expr(expr) if self.is_tabular(expr, &scope) => {
                    Entry::Table(self.tabular(expr, &scope)?)
                }
                LetValue::Expr(expr) => {
                    let names = Names { columns: &[], right: None, scope: &scope };
                    Entry::Scalar(self.expr(expr, names)?)
                }
            };
            if self.catalog.table(&statement.name).is_some() {
                let fault = format!("'{}' is a table's name; choose another one", statement.name);
                return Err(self.fault(statement.place, fault));
            }
            scope = Some(Rc::new(Frame { name: statement.name.clone(), entry, outer: scope }));
        }
        Ok(scope)
    }

    /// Whether an expression stands for rows.
    fn is_tabular(&self, expr: &ast::Expr, scope: &Scope) -> bool {
        match &expr.kind {
            ExprKind::Pipeline(_) => true,
            ExprKind::Name(name) => match found(scope, name) {
                Some(Entry::Table(_)) => true,
                Some(_) => false,
                None => self.catalog.table(name).is_some(),
            },
            ExprKind::Call(name, arguments) if name == "materialize" || name == "view" => {
                arguments.first().is_some_and(|argument| self.is_tabular(argument, scope))
            }
            ExprKind::Call(name, _) => match found(scope, name) {
                Some(Entry::Function { body, scope, .. }) => {
                    // Its own lets may be tables; a body that names one of them shows it.
                    let named = |let_: &ast::Let| match &body.body.kind {
                        ExprKind::Name(name) => {
                            let_.name == *name
                                && matches!(&let_.value, LetValue::Expr(value) if self.is_tabular(value, scope))
                        }
                        _ => false,
                    };
                    self.is_tabular(&body.body, scope) || body.lets.iter().any(named)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The rows that an expression stands for.
    fn tabular(&mut self, expr: &ast::Expr, scope: &Scope) -> Result<Relation> {
        match &expr.kind {
            ExprKind::Pipeline(pipeline) => self.pipeline(pipeline, scope),
            ExprKind::Name(name) => self.table(name, expr.place, scope),
            ExprKind::Call(name, arguments) if name == "materialize" && arguments.len() == 1 => {
                self.tabular(&arguments[0], scope)
            }
            ExprKind::Call(name, arguments) => match found(scope, name) {
                Some(Entry::Function { parameters, body, scope: inner }) => {
                    let outer = Names { columns: &[], right: None, scope };
                    let scope = self.called(name, expr.place, parameters, arguments, inner, outer)?;
                    self.calls += 1;
                    let relation = self.tabular_query(body, &scope);
                    self.calls -= 1;
                    relation
                }
                _ => {
                    let functions = self.function_names(scope);
                    let suggestion = suggest::like(name, functions.iter().map(String::as_str));
                    Err(self
                        .fault(expr.place, format!("'{name}' is no function that gives a table{suggestion}")))
                }
            },
            _ => {
                Err(self
                    .fault(expr.place, "here must stand a table or a query, and this is a value".to_owned()))
            }
        }
    }

    /// The scope of a function's body: what its parameters are.
    fn called(
        &mut self,
        name: &str,
        place: Place,
        parameters: &[Parameter],
        arguments: &[ast::Expr],
        inner: &Scope,
        outer: Names<'_>,
    ) -> Result<Scope> {
        if self.calls >= DEEPEST_CALLS {
            return Err(
                self.fault(place, format!("functions call each other more than {DEEPEST_CALLS} deep"))
            );
        }
        if arguments.len() > parameters.len() {
            let fault =
                format!("{name}() takes {} arguments, and {} are given", parameters.len(), arguments.len());
            return Err(self.fault(place, fault));
        }
        let mut scope = inner.clone();
        for (number, parameter) in parameters.iter().enumerate() {
            let given = arguments.get(number).or(parameter.default.as_ref());
            let Some(given) = given else {
                return Err(self.fault(place, format!("{name}() lacks its argument '{}'", parameter.name)));
            };
            let mut value = self.expr(given, outer)?;
            if value.kind != parameter.kind {
                value = self.cast(value, parameter.kind)?;
            }
            scope = Some(Rc::new(Frame {
                name: parameter.name.clone(),
                entry: Entry::Scalar(value),
                outer: scope,
            }));
        }
        Ok(scope)
    }

    /// A table or a let of this name.
    fn table(&mut self, name: &str, place: Place, scope: &Scope) -> Result<Relation> {
        match found(scope, name) {
            Some(Entry::Table(relation)) => {
                let relation = relation.clone();
                self.count(size(&relation))?;
                return Ok(relation);
            }
            Some(Entry::Function { .. }) => {
                return Err(self.fault(place, format!("'{name}' is a function: call it as {name}()")));
            }
            Some(Entry::Scalar(_)) => {
                return Err(self.fault(place, format!("'{name}' is a value, and here must stand a table")));
            }
            None => {}
        }
        let Some(table) = self.catalog.table(name) else {
            let mut known: Vec<&str> = self.catalog.tables.iter().map(|table| &*table.name).collect();
            let mut at = scope.as_ref();
            while let Some(frame) = at {
                known.push(&frame.name);
                at = frame.outer.as_ref();
            }
            let suggestion = suggest::like(name, known.iter().copied());
            let shown: String = name.chars().take(60).collect();
            return Err(self.fault(place, format!("there is no table '{shown}'{suggestion}")));
        };
        self.count(1)?;
        let scan = Scan {
            table: table.name.clone(),
            paths: table.columns.iter().map(|column| column.name.clone()).collect(),
            filters: Vec::new(),
            limit: None,
            grouped: false,
        };
        Ok(Relation { node: Node::Scan(scan), columns: table.columns.clone() })
    }

    /// A query that was saved, bound as if it stood here.
    fn saved_query(&mut self, id: &str, place: Place) -> Result<Relation> {
        let shown: String = id.chars().take(200).collect();
        if self.depth >= DEEPEST_SAVED {
            let fault = format!("saved queries name each other more than {DEEPEST_SAVED} deep, at '{shown}'");
            return Err(self.fault(place, fault));
        }
        let Some(text) = (self.saved)(id) else {
            return Err(self.fault(place, format!("there is no saved query '{shown}'")));
        };
        let within = |error: Error| self.fault(place, format!("in the saved query '{shown}': {error}"));
        let query = crate::parser::parse(&text).map_err(within)?;
        let mut inner = Binder {
            text: &text,
            catalog: self.catalog,
            now: self.now,
            saved: self.saved,
            meter: self.meter,
            subqueries: self.subqueries,
            relations: self.relations,
            joins: self.joins,
            depth: self.depth + 1,
            calls: 0,
        };
        inner.tabular_query(&query, &None).map_err(within)
    }

    fn source(&mut self, source: &Source, place: Place, scope: &Scope) -> Result<Relation> {
        match source {
            Source::Name(name) => self.table(name, place, scope),
            Source::SharedQuery(id) => self.saved_query(id, place),
            Source::Expr(expr) => self.tabular(expr, scope),
            Source::Print(named) => self.print(named, scope),
            Source::Range { name, from, to, step } => self.range(name, [from, to, step], scope),
            Source::Datatable { columns, values } => self.datatable(columns, values, scope),
            Source::Union(union) => self.union(None, union, scope),
            Source::Search { tables, sought } => self.search_all(tables, sought, scope),
        }
    }

    // What all lean on.

    fn count(&self, relations: usize) -> Result<()> {
        let mut all = self.relations.borrow_mut();
        *all = all.saturating_add(relations);
        if *all <= MOST_RELATIONS {
            return Ok(());
        }
        Err(Error::limit(format!(
            "with all names written out the query has more than {MOST_RELATIONS} operators"
        )))
    }

    fn fault(&self, place: Place, message: String) -> Error {
        let token = self.text.get(place.start..place.end).unwrap_or_default();
        Error::new(ErrorKind::SemanticFailure, message).at(self.text, place.start, token)
    }

    /// The value of an expression that needs no row.
    fn computed(&self, expr: &Expr) -> Result<Value> {
        let regexes = Regexes::default();
        let context = Context { meter: self.meter, results: &[], regexes: &regexes };
        expr.value(&[], &context)
    }

    /// The value of a constant expression.
    fn constant(&mut self, expr: &ast::Expr, scope: &Scope) -> Result<(Value, Type)> {
        let typed = self.expr(expr, Names { columns: &[], right: None, scope })?;
        match typed.expr {
            Expr::Constant(value) => Ok((value, typed.kind)),
            _ => Err(self.fault(expr.place, "here must stand a constant".to_owned())),
        }
    }

    fn whole_number(&mut self, expr: &ast::Expr, scope: &Scope) -> Result<u64> {
        match self.constant(expr, scope)?.0 {
            Value::Long(number) if number >= 0 => Ok(number.unsigned_abs()),
            _ => {
                Err(self.fault(expr.place, "here must stand a whole number that is not negative".to_owned()))
            }
        }
    }

    fn column(&self, name: &str, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| *column.name == *name)
    }

    fn unknown_column(&self, name: &str, place: Place, columns: &[Column]) -> Error {
        let suggestion = suggest::like(name, columns.iter().map(|column| &*column.name));
        let shown: String = name.chars().take(60).collect();
        self.fault(place, format!("there is no column '{shown}' here{suggestion}"))
    }

    fn function_names(&self, scope: &Scope) -> Vec<String> {
        let mut names: Vec<String> =
            crate::functions::all().map(|function| function.name.to_owned()).collect();
        names.extend(["iff", "iif", "case", "coalesce", "now", "ago", "toscalar"].map(str::to_owned));
        let mut at = scope.as_ref();
        while let Some(frame) = at {
            names.push(frame.name.clone());
            at = frame.outer.as_ref();
        }
        names
    }
}

fn size(relation: &Relation) -> usize {
    1 + match &relation.node {
        Node::Scan(_) | Node::Rows(_) => 0,
        Node::Filter(input, _)
        | Node::Project(input, _)
        | Node::Take(input, _)
        | Node::Sample(input, _)
        | Node::Sort { input, .. }
        | Node::Summarize { input, .. }
        | Node::MvExpand(input, _) => size(input),
        Node::Join(join) => size(&join.left) + size(&join.right),
        Node::Union(legs) => legs.iter().map(size).sum(),
    }
}

fn rows(columns: Vec<Column>, rows: Vec<crate::plan::Row>) -> Relation {
    Relation { node: Node::Rows(Arc::new(rows)), columns }
}

/// What an expression is called where the query gives it no name: as the column or path that it is, or converts.
fn name_of(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Member(inner, member) => match &inner.kind {
            // Which side a column is of says nothing about its name.
            ExprKind::Name(side) if side == "$left" || side == "$right" => Some(member.clone()),
            _ => Some(format!("{}_{member}", name_of(inner)?)),
        },
        ExprKind::Index(inner, index) => match &index.kind {
            ExprKind::Literal(value, _) => Some(format!("{}_{}", name_of(inner)?, value.to_text())),
            _ => name_of(inner),
        },
        ExprKind::Call(name, arguments) if NAME_KEEPERS.contains(&name.as_str()) => {
            name_of(arguments.first()?)
        }
        _ => None,
    }
}

/// Functions whose result is called as their first argument is.
const NAME_KEEPERS: &[&str] = &[
    "tostring",
    "toint",
    "tolong",
    "todouble",
    "toreal",
    "todecimal",
    "tobool",
    "toboolean",
    "todatetime",
    "totimespan",
    "toguid",
    "parse_json",
    "parsejson",
    "todynamic",
    "toobject",
    "bin",
    "floor",
    "bin_at",
    "startofday",
    "startofweek",
    "startofmonth",
    "startofyear",
    "endofday",
    "endofweek",
    "endofmonth",
    "endofyear",
];

/// Names that are given, each once: a second `x` becomes `x1`.
#[derive(Default)]
struct Fresh {
    taken: HashSet<String>,
}

impl Fresh {
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 0;
        while !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}{number}");
        }
        name
    }

    /// `Column1`, `Column2`, … for what has no name of its own.
    fn unnamed(&mut self, stem: &str, first: usize) -> String {
        let mut number = first;
        loop {
            let name = format!("{stem}{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }
}
