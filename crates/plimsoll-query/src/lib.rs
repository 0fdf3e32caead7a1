//! KQL, as Azure Resource Graph speaks it: text to a plan, and the plan to an answer over rows that are handed in.
//!
//! The way of a query: [`Plan::new`] reads the text, looks its names up in a [`Catalog`], and hands what the sources can do down
//! into the [`Scan`]s. [`Plan::run`] gives an [`Execution`], which asks for one scan after the other and is fed rows in batches,
//! so that whoever feeds it may wait for a database. Nothing here knows a table, awaits, or reads a clock: tables, rows and
//! `now()` are handed in. A query is written by a stranger: its size, depth, work and memory have limits, each with an error
//! that names what to do.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aggregates;
mod ast;
mod bind;
mod catalog;
mod error;
mod evaluate;
mod execution;
mod functions;
mod instant;
mod lexer;
mod meter;
mod parser;
mod plan;
mod pushdown;
mod suggest;
mod value;

use bind::Subquery;
pub use catalog::{Catalog, Column, Path, Table, Tests};
pub use error::{Error, ErrorKind, Position, Result};
pub use execution::{Answer, Execution, Flow};
pub use meter::Limits;
pub use parser::LONGEST_QUERY;
pub use plan::{Filter, Row, Scan, Test};
use plan::{Node, Relation};
pub use value::{Object, Type, Value};

/// A query that was understood.
#[derive(Debug, Clone)]
pub struct Plan {
    relation: Relation,
    subqueries: Vec<Subquery>,
    limits: Limits,
    now: i64,
}

impl Plan {
    /// What the text means. `now` is in milliseconds since 1970; `saved` gives the text of a saved query, by what stands between
    /// `{{` and `}}`.
    pub fn new(
        text: &str,
        catalog: &Catalog,
        now: i64,
        limits: &Limits,
        saved: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut plan = Self::without_pushdown(text, catalog, now, limits, saved)?;
        plan.relation = pushdown::push_down(plan.relation, catalog);
        for subquery in &mut plan.subqueries {
            subquery.relation = pushdown::push_down(subquery.relation.clone(), catalog);
        }
        Ok(plan)
    }

    /// The same with nothing handed down: each scan gives all rows of its table, whole. The two are equal by promise, and what
    /// holds them to it is asking both.
    pub fn without_pushdown(
        text: &str,
        catalog: &Catalog,
        now: i64,
        limits: &Limits,
        saved: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let query = parser::parse(text)?;
        let ticks = now.saturating_mul(10_000).saturating_add(instant::EPOCH);
        let (relation, subqueries) = bind::bind(text, &query, catalog, ticks, saved, limits)?;
        Ok(Self { relation, subqueries, limits: limits.clone(), now: ticks })
    }

    /// The columns of the answer.
    pub fn columns(&self) -> &[Column] {
        &self.relation.columns
    }

    /// All scans, in the order in which they will be asked for.
    pub fn scans(&self) -> Vec<&Scan> {
        let mut scans = Vec::new();
        self.subqueries.iter().for_each(|subquery| gather(&subquery.relation, &mut scans));
        gather(&self.relation, &mut scans);
        scans
    }

    /// Whether the query itself says how many rows it gives at most: by `take`, `limit`, `top` or `sample` at its end.
    pub fn has_own_limit(&self) -> bool {
        let mut at = &self.relation;
        loop {
            at = match &at.node {
                Node::Take(..) | Node::Sample(..) | Node::Sort { first: Some(_), .. } => return true,
                Node::Scan(scan) => return scan.limit.is_some(),
                Node::Project(input, _) | Node::Sort { input, .. } => input,
                _ => return false,
            };
        }
    }

    /// A page and the count of all, apart, where that spares reading all rows: the source gives only the rows of the page,
    /// and counts the others itself. `None` where the rows have to be read anyway.
    pub fn page_and_count(&self, skip: u64, top: u64) -> Option<(Self, Self)> {
        let Node::Project(input, exprs) = &self.relation.node else { return None };
        let Node::Scan(scan) = &input.node else { return None };
        if scan.grouped || scan.limit.is_some() || !self.subqueries.is_empty() {
            return None;
        }
        let wanted = Scan { limit: Some(skip.saturating_add(top)), ..scan.clone() };
        let input = Relation { node: Node::Scan(wanted), columns: input.columns.clone() };
        let node = Node::Project(Box::new(input), exprs.clone());
        let page = Self {
            relation: Relation { node, columns: self.relation.columns.clone() },
            ..self.clone()
        };
        let counted = Scan { paths: Vec::new(), grouped: true, ..scan.clone() };
        let columns = vec![Column::new("Count", Type::Long)];
        let input = Relation { node: Node::Scan(counted), columns: columns.clone() };
        let kind = aggregates::Kind::Count;
        let aggregates = vec![plan::Aggregate { kind, gives: Type::Long, arguments: Vec::new() }];
        let node = Node::Summarize { input: Box::new(input), keys: Vec::new(), aggregates, weight: Some(0) };
        let count = Self { relation: Relation { node, columns }, ..self.clone() };
        Some((page, count))
    }

    /// Sets it to work. Of the answer, `top` rows behind `skip` are kept; all are counted.
    pub fn run(&self, skip: u64, top: u64) -> Execution {
        Execution::new(
            self.relation.clone(),
            self.subqueries.clone(),
            self.limits.clone(),
            self.now,
            (skip, top),
        )
    }
}

fn gather<'r>(relation: &'r Relation, scans: &mut Vec<&'r Scan>) {
    match &relation.node {
        Node::Scan(scan) => scans.push(scan),
        Node::Rows(_) => {}
        Node::Filter(input, _)
        | Node::Project(input, _)
        | Node::Take(input, _)
        | Node::Sample(input, _)
        | Node::Sort { input, .. }
        | Node::Summarize { input, .. }
        | Node::MvExpand(input, _) => gather(input, scans),
        Node::Join(join) => {
            gather(&join.right, scans);
            gather(&join.left, scans);
        }
        Node::Union(legs) => legs.iter().for_each(|leg| gather(leg, scans)),
    }
}

#[cfg(test)]
mod tests;
