//! A plan at work: rows are fed in batches, the answer comes out.
//!
//! The source, which may have to wait for a database, is outside; so rows are pushed. An [`Execution`] says which scan it wants
//! next, takes its rows in as many batches as there are, and is told when there are no more. A stage takes a batch and gives
//! one to the stage above it; those that must see all rows first (sorting, grouping, the right side of a join) hold on to
//! them, counted against the limits.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::aggregates::State;
use crate::bind::Subquery;
use crate::catalog::Column;
use crate::error::Result;
use crate::evaluate::{Context, Regexes};
use crate::meter::{Limits, Meter};
use crate::plan::{Aggregate, Expr, Join, JoinKind, MvExpand, Node, Relation, Row, Scan, SortKey};
use crate::value::Value;

/// Rows that are made or passed on at once where the stage itself decides.
const BATCH: usize = 1024;

/// What the feeding of a scan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More rows are wanted.
    More,
    /// No further row of this scan can change the answer: it may be ended.
    Enough,
}

/// A part of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows of the window that was asked for.
    pub rows: Vec<Row>,
    /// Rows of the whole answer.
    pub total: u64,
}

/// A plan at work.
#[derive(Debug)]
pub struct Execution {
    meter: Meter,
    regexes: Regexes,
    results: Vec<Value>,
    stages: Vec<Stage>,
    sources: VecDeque<Source>,
    columns: Vec<Column>,
    window: (u64, u64),
    answer: Vec<Row>,
    total: u64,
}

/// Where the rows of a stage go.
#[derive(Debug, Clone, Copy)]
enum To {
    Stage { stage: usize, side: Side },
    Subquery(usize),
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Only,
    Right,
}

#[derive(Debug)]
struct Source {
    from: From,
    to: To,
}

#[derive(Debug)]
enum From {
    Scan(Scan),
    Rows(Arc<Vec<Row>>),
}

#[derive(Debug)]
struct Stage {
    kind: Kind,
    to: To,
}

#[derive(Debug)]
enum Kind {
    Filter(Expr),
    Project(Vec<Expr>),
    Take(u64),
    Sample { wanted: usize, seen: u64, state: u64, kept: Vec<Row> },
    Sort { keys: Vec<SortKey>, first: Option<usize>, held: Vec<(Vec<Value>, Row)> },
    Summarize(Groups),
    MvExpand(MvExpand),
    Join(Box<Joining>),
    Union { legs: usize },
}

#[derive(Debug)]
struct Groups {
    keys: Vec<Expr>,
    aggregates: Vec<Aggregate>,
    weight: Option<usize>,
    places: HashMap<Vec<u8>, usize>,
    groups: Vec<(Vec<Value>, Vec<State>)>,
}

#[derive(Debug)]
struct Joining {
    kind: JoinKind,
    left_keys: Vec<Expr>,
    right_keys: Vec<Expr>,
    left_columns: Vec<usize>,
    right_columns: Vec<usize>,
    /// What an empty cell holds, column by column.
    left_nulls: Row,
    right_nulls: Row,
    rows: Vec<Row>,
    by_key: HashMap<Vec<u8>, Vec<usize>>,
    matched: Vec<bool>,
    seen: HashSet<Vec<u8>>,
}

impl Execution {
    pub(crate) fn new(
        relation: Relation,
        subqueries: Vec<Subquery>,
        limits: Limits,
        seed: i64,
        window: (u64, u64),
    ) -> Self {
        let columns = relation.columns.clone();
        let mut execution = Self {
            meter: Meter::new(limits),
            regexes: Regexes::default(),
            results: Vec::new(),
            stages: Vec::new(),
            sources: VecDeque::new(),
            columns,
            window,
            answer: Vec::new(),
            total: 0,
        };
        for (place, subquery) in subqueries.into_iter().enumerate() {
            let empty =
                if subquery.is_scalar { Value::Null } else { Value::array(Vec::new()) };
            execution.results.push(empty);
            execution.build(subquery.relation, To::Subquery(place), seed);
        }
        execution.build(relation, To::Answer, seed);
        execution
    }

    /// The stages of a relation. The right side of a join is fed before its left one.
    fn build(&mut self, relation: Relation, to: To, seed: i64) {
        let nulls = |columns: &[Column]| columns.iter().map(|column| column.kind.null()).collect::<Row>();
        let mut stage = |kind: Kind| {
            self.stages.push(Stage { kind, to });
            To::Stage { stage: self.stages.len() - 1, side: Side::Only }
        };
        let (input, to) = match relation.node {
            Node::Scan(scan) => {
                self.sources.push_back(Source { from: From::Scan(scan), to });
                return;
            }
            Node::Rows(rows) => {
                self.sources.push_back(Source { from: From::Rows(rows), to });
                return;
            }
            Node::Filter(input, condition) => (input, stage(Kind::Filter(condition))),
            Node::Project(input, exprs) => (input, stage(Kind::Project(exprs))),
            Node::Take(input, n) => (input, stage(Kind::Take(n))),
            Node::Sample(input, n) => {
                let wanted = usize::try_from(n).unwrap_or(usize::MAX);
                let state = (seed as u64) | 1;
                (input, stage(Kind::Sample { wanted, seen: 0, state, kept: Vec::new() }))
            }
            Node::Sort { input, keys, first } => {
                let first = first.map(|first| usize::try_from(first).unwrap_or(usize::MAX));
                (input, stage(Kind::Sort { keys, first, held: Vec::new() }))
            }
            Node::Summarize { input, keys, aggregates, weight } => {
                let groups = Groups { keys, aggregates, weight, places: HashMap::new(), groups: Vec::new() };
                (input, stage(Kind::Summarize(groups)))
            }
            Node::MvExpand(input, expand) => (input, stage(Kind::MvExpand(expand))),
            Node::Union(legs) => {
                let to = stage(Kind::Union { legs: legs.len() });
                legs.into_iter().for_each(|leg| self.build(leg, to, seed));
                return;
            }
            Node::Join(join) => {
                let Join { kind, left, right, left_keys, right_keys, left_columns, right_columns } = *join;
                let joining = Joining {
                    kind,
                    left_keys,
                    right_keys,
                    left_nulls: left_columns.iter().map(|column| left.columns[*column].kind.null()).collect(),
                    right_nulls: nulls(&right.columns),
                    left_columns,
                    right_columns,
                    rows: Vec::new(),
                    by_key: HashMap::new(),
                    matched: Vec::new(),
                    seen: HashSet::new(),
                };
                let to = stage(Kind::Join(Box::new(joining)));
                let To::Stage { stage, .. } = to else { return };
                self.build(right, To::Stage { stage, side: Side::Right }, seed);
                self.build(left, to, seed);
                return;
            }
        };
        self.build(*input, to, seed);
    }

    /// The scan whose rows are wanted now; `None` when the answer is complete. Rows that the query itself writes are fed on
    /// the way there.
    pub fn wanted(&mut self) -> Result<Option<&Scan>> {
        loop {
            let rows = match self.sources.front() {
                None => return Ok(None),
                Some(Source { from: From::Scan(_), to }) => {
                    let to = *to;
                    if !self.is_full(to) {
                        break;
                    }
                    self.end()?;
                    continue;
                }
                Some(Source { from: From::Rows(rows), .. }) => Arc::clone(rows),
            };
            for batch in rows.chunks(BATCH) {
                self.meter.step(batch.len() as u64)?;
                if self.push(batch.to_vec())? == Flow::Enough {
                    break;
                }
            }
            self.end()?;
        }
        Ok(match self.sources.front() {
            Some(Source { from: From::Scan(scan), .. }) => Some(scan),
            _ => None,
        })
    }

    /// Rows of the scan that is wanted.
    pub fn feed(&mut self, rows: Vec<Row>) -> Result<Flow> {
        self.meter.scanned(rows.len() as u64)?;
        self.push(rows)
    }

    /// The scan that is wanted has no more rows.
    pub fn end(&mut self) -> Result<()> {
        match self.sources.pop_front() {
            Some(source) => self.ended(source.to),
            None => Ok(()),
        }
    }

    /// The answer, when no scan is wanted any more.
    pub fn finish(self) -> Answer {
        Answer { columns: self.columns, rows: self.answer, total: self.total }
    }

    /// Rows that came in so far.
    pub fn scanned_rows(&self) -> u64 {
        self.meter.scanned_rows()
    }

    fn push(&mut self, rows: Vec<Row>) -> Result<Flow> {
        let Some(to) = self.sources.front().map(|source| source.to) else { return Ok(Flow::Enough) };
        self.give(rows, to)?;
        Ok(if self.is_full(to) { Flow::Enough } else { Flow::More })
    }

    /// Whether some stage on the way up lets nothing through any more.
    fn is_full(&self, mut to: To) -> bool {
        while let To::Stage { stage, .. } = to {
            if matches!(self.stages[stage].kind, Kind::Take(0)) {
                return true;
            }
            to = self.stages[stage].to;
        }
        false
    }

    /// Hands rows up from stage to stage.
    fn give(&mut self, mut rows: Vec<Row>, mut to: To) -> Result<()> {
        while !rows.is_empty() {
            match to {
                To::Answer => return self.answered(rows),
                To::Subquery(place) => return self.answered_within(rows, place),
                To::Stage { stage, side } => {
                    let context =
                        Context { meter: &self.meter, results: &self.results, regexes: &self.regexes };
                    let above = self.stages[stage].to;
                    // A join may make very many rows of a few: they go up in pieces.
                    if let Kind::Join(joining) = &mut self.stages[stage].kind
                        && side == Side::Only
                    {
                        let pieces: Vec<Vec<Row>> = rows.chunks(64).map(<[Row]>::to_vec).collect();
                        let mut made = Vec::new();
                        for piece in pieces {
                            made.extend(joining.probe(piece, &context)?);
                        }
                        rows = made;
                    } else {
                        rows = self.stages[stage].kind.take(rows, side, &context)?;
                    }
                    to = above;
                }
            }
        }
        Ok(())
    }

    /// There is no more for this stage; what it held goes up.
    fn ended(&mut self, mut to: To) -> Result<()> {
        while let To::Stage { stage, side } = to {
            let context = Context { meter: &self.meter, results: &self.results, regexes: &self.regexes };
            let above = self.stages[stage].to;
            let Some(rows) = self.stages[stage].kind.end(side, &context)? else { return Ok(()) };
            self.give(rows, above)?;
            to = above;
        }
        Ok(())
    }

    fn answered(&mut self, rows: Vec<Row>) -> Result<()> {
        let (skip, top) = self.window;
        for row in rows {
            let is_inside = self.total >= skip && self.total - skip < top;
            self.total += 1;
            if is_inside {
                self.meter.hold(weight(&row))?;
                self.answer.push(row);
            }
        }
        Ok(())
    }

    fn answered_within(&mut self, rows: Vec<Row>, place: usize) -> Result<()> {
        for row in rows {
            let first = row.into_iter().next().unwrap_or_default();
            match &mut self.results[place] {
                Value::Array(list) => {
                    self.meter.hold(first.weight())?;
                    Arc::make_mut(list).push(first);
                }
                result if result.is_null() => *result = first,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Kind {
    fn take(&mut self, rows: Vec<Row>, side: Side, context: &Context<'_>) -> Result<Vec<Row>> {
        match self {
            Self::Filter(condition) => {
                let mut kept = Vec::with_capacity(rows.len());
                for row in rows {
                    if condition.value(&row, context)?.to_bool() == Some(true) {
                        kept.push(row);
                    }
                }
                Ok(kept)
            }
            Self::Project(exprs) => rows
                .iter()
                .map(|row| exprs.iter().map(|expr| expr.value(row, context)).collect::<Result<Row>>())
                .collect(),
            Self::Take(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rows.len());
                *left -= count as u64;
                let mut rows = rows;
                rows.truncate(count);
                Ok(rows)
            }
            Self::Sample { wanted, seen, state, kept } => {
                for row in rows {
                    *seen += 1;
                    // xorshift: the same instant samples the same rows.
                    *state ^= *state << 13;
                    *state ^= *state >> 7;
                    *state ^= *state << 17;
                    if kept.len() < *wanted {
                        context.meter.hold(weight(&row))?;
                        kept.push(row);
                    } else if *wanted > 0
                        && let Some(place) = kept.get_mut((*state % *seen) as usize)
                    {
                        *place = row;
                    }
                }
                Ok(Vec::new())
            }
            Self::Sort { keys, first, held } => {
                for row in rows {
                    let by: Result<Vec<Value>> = keys.iter().map(|key| key.expr.value(&row, context)).collect();
                    let by = by?;
                    context.meter.hold(weight(&row) + weight(&by))?;
                    held.push((by, row));
                    // `top` keeps no more than a few times what it gives.
                    if let Some(first) = *first
                        && held.len() > first.saturating_mul(2).saturating_add(BATCH)
                    {
                        sort(held, keys, context)?;
                        for (by, row) in held.drain(first..) {
                            context.meter.release(weight(&row) + weight(&by));
                        }
                    }
                }
                Ok(Vec::new())
            }
            Self::Summarize(groups) => {
                for row in &rows {
                    groups.add(row, context)?;
                }
                Ok(Vec::new())
            }
            Self::MvExpand(expand) => {
                let mut made = Vec::new();
                for row in rows {
                    expand.row(row, &mut made, context)?;
                }
                Ok(made)
            }
            Self::Join(joining) => {
                if side == Side::Right {
                    joining.build(rows, context)?;
                }
                Ok(Vec::new())
            }
            Self::Union { .. } => Ok(rows),
        }
    }

    /// What is held when an input ends; `None` where another input still feeds the stage.
    fn end(&mut self, side: Side, context: &Context<'_>) -> Result<Option<Vec<Row>>> {
        Ok(Some(match self {
            Self::Filter(_) | Self::Project(_) | Self::Take(_) | Self::MvExpand(_) => Vec::new(),
            Self::Sample { kept, .. } => std::mem::take(kept),
            Self::Sort { keys, first, held } => {
                sort(held, keys, context)?;
                let count = first.unwrap_or(usize::MAX).min(held.len());
                let mut rows = Vec::with_capacity(count);
                for (place, (by, row)) in std::mem::take(held).into_iter().enumerate() {
                    context.meter.release(weight(&row) + weight(&by));
                    if place < count {
                        rows.push(row);
                    }
                }
                rows
            }
            Self::Summarize(groups) => groups.finish(),
            Self::Union { legs } => {
                *legs -= 1;
                if *legs > 0 {
                    return Ok(None);
                }
                Vec::new()
            }
            Self::Join(_) if side == Side::Right => return Ok(None),
            Self::Join(joining) => joining.unmatched(),
        }))
    }
}

fn weight(row: &[Value]) -> u64 {
    24 + row.iter().map(Value::weight).sum::<u64>()
}

fn sort(held: &mut [(Vec<Value>, Row)], keys: &[SortKey], context: &Context<'_>) -> Result<()> {
    let length = held.len() as u64;
    context.meter.step(length * u64::from(length.max(2).ilog2()))?;
    held.sort_by(|(a, _), (b, _)| {
        let orders = keys.iter().enumerate().map(|(place, key)| {
            let (a, b) = (&a[place], &b[place]);
            match (is_nothing(a), is_nothing(b)) {
                (true, true) => Ordering::Equal,
                (true, false) => if key.nulls_first { Ordering::Less } else { Ordering::Greater },
                (false, true) => if key.nulls_first { Ordering::Greater } else { Ordering::Less },
                (false, false) if key.descending => b.order(a),
                (false, false) => a.order(b),
            }
        });
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    Ok(())
}

/// A number that is none sorts with nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Real(number) => number.is_nan(),
        _ => false,
    }
}

/// The key of some expressions over a row, and whether all of them are something.
fn key_of(exprs: &[Expr], row: &[Value], context: &Context<'_>) -> Result<(Vec<u8>, bool)> {
    let mut key = Vec::new();
    let mut is_whole = true;
    for expr in exprs {
        let value = expr.value(row, context)?;
        is_whole &= !value.is_null();
        value.key(&mut key);
    }
    Ok((key, is_whole))
}

impl Groups {
    fn add(&mut self, row: &[Value], context: &Context<'_>) -> Result<()> {
        let mut key = Vec::new();
        let mut values = Vec::with_capacity(self.keys.len());
        for expr in &self.keys {
            let value = expr.value(row, context)?;
            value.key(&mut key);
            values.push(value);
        }
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let states = self.aggregates.iter().map(|a| State::new(a.kind, a.gives)).collect::<Vec<_>>();
                let own = std::mem::size_of::<State>() * states.len();
                context.meter.hold(weight(&values) + key.len() as u64 + own as u64 + 64)?;
                self.groups.push((values, states));
                self.places.insert(key, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let weight = self.weight.and_then(|column| row.get(column)?.to_long()).unwrap_or(1);
        for (state, aggregate) in self.groups[place].1.iter_mut().zip(&self.aggregates) {
            let arguments: Result<Vec<Value>> =
                aggregate.arguments.iter().map(|argument| argument.value(row, context)).collect();
            state.add(arguments?, weight, context.meter)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Vec<Row> {
        let mut groups = std::mem::take(&mut self.groups);
        self.places.clear();
        // Without keys there is one group, also of no rows.
        if groups.is_empty() && self.keys.is_empty() {
            groups.push((Vec::new(), self.aggregates.iter().map(|a| State::new(a.kind, a.gives)).collect()));
        }
        groups
            .into_iter()
            .map(|(keys, states)| keys.into_iter().chain(states.into_iter().map(State::finish)).collect())
            .collect()
    }
}

impl MvExpand {
    fn row(&self, row: Row, made: &mut Vec<Row>, context: &Context<'_>) -> Result<()> {
        let mut lists = Vec::new();
        for (expr, _, _) in &self.columns {
            lists.push(match expr.value(&row, context)? {
                Value::Array(list) => list,
                Value::Object(bag) => {
                    let entries = bag.entries().iter().map(|(key, value)| {
                        if self.bags_as_arrays {
                            Value::array(vec![Value::Text(key.clone()), value.clone()])
                        } else {
                            Value::object([(key.clone(), value.clone())])
                        }
                    });
                    Arc::new(entries.collect())
                }
                // A row whose value is nothing, or one alone, stays one row; an empty list leaves none.
                other => Arc::new(vec![other]),
            });
        }
        let length = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        let length = length.min(usize::try_from(self.limit).unwrap_or(usize::MAX));
        context.meter.step((length * self.width) as u64)?;
        for place in 0..length {
            let mut expanded = row.clone();
            expanded.resize(self.width, Value::Null);
            for ((_, column, kind), list) in self.columns.iter().zip(&lists) {
                expanded[*column] = list.get(place).cloned().unwrap_or_default().cast(*kind);
            }
            if let Some(index) = self.index {
                expanded[index] = Value::Long(place as i64);
            }
            made.push(expanded);
        }
        Ok(())
    }
}

impl Joining {
    /// Keeps the rows of the right side.
    fn build(&mut self, rows: Vec<Row>, context: &Context<'_>) -> Result<()> {
        for row in rows {
            let (key, is_whole) = key_of(&self.right_keys, &row, context)?;
            context.meter.hold(weight(&row) + key.len() as u64 + 64)?;
            // What is nothing joins with nothing.
            if is_whole {
                self.by_key.entry(key).or_default().push(self.rows.len());
            }
            self.rows.push(row);
            self.matched.push(false);
        }
        Ok(())
    }

    /// Rows of the left side against those of the right.
    fn probe(&mut self, rows: Vec<Row>, context: &Context<'_>) -> Result<Vec<Row>> {
        let mut made = Vec::new();
        let mut held = 0;
        for row in rows {
            let (key, is_whole) = key_of(&self.left_keys, &row, context)?;
            let found = if is_whole { self.by_key.get(&key) } else { None };
            if self.kind == JoinKind::InnerUnique && found.is_some() {
                let length = key.len() as u64;
                if !self.seen.insert(key) {
                    continue;
                }
                context.meter.hold(length + 48)?;
            }
            let found = found.map(Vec::as_slice).unwrap_or_default();
            context.meter.step(1 + found.len() as u64)?;
            match self.kind {
                JoinKind::LeftSemi if !found.is_empty() => made.push(row),
                JoinKind::LeftAnti if found.is_empty() => made.push(row),
                JoinKind::LeftSemi | JoinKind::LeftAnti => {}
                JoinKind::RightSemi | JoinKind::RightAnti => found.iter().for_each(|at| self.matched[*at] = true),
                _ => {
                    let left = self.left_columns.iter().map(|column| row[*column].clone());
                    let left: Row = left.collect();
                    let outer = matches!(self.kind, JoinKind::LeftOuter | JoinKind::FullOuter);
                    if found.is_empty() && outer {
                        let nulls = self.right_columns.iter().map(|column| self.right_nulls[*column].clone());
                        made.push(left.iter().cloned().chain(nulls).collect());
                    }
                    for at in found {
                        self.matched[*at] = true;
                        let right = self.right_columns.iter().map(|column| self.rows[*at][*column].clone());
                        let joined: Row = left.iter().cloned().chain(right).collect();
                        // A cross join is large before anybody else counts its rows; the cells themselves are shared.
                        let own = 24 + joined.len() as u64 * std::mem::size_of::<Value>() as u64;
                        held += own;
                        context.meter.hold(own)?;
                        made.push(joined);
                    }
                }
            }
        }
        context.meter.release(held);
        Ok(made)
    }

    /// Rows of the right side that are given when the left one has ended.
    fn unmatched(&mut self) -> Vec<Row> {
        let wanted = match self.kind {
            JoinKind::RightOuter | JoinKind::FullOuter | JoinKind::RightAnti => false,
            JoinKind::RightSemi => true,
            _ => return Vec::new(),
        };
        let rows = std::mem::take(&mut self.rows);
        let chosen = rows.into_iter().zip(&self.matched).filter(|(_, matched)| **matched == wanted);
        chosen
            .map(|(row, _)| {
                let left = self.left_nulls.iter().cloned();
                left.chain(self.right_columns.iter().map(|column| row[*column].clone())).collect()
            })
            .collect()
    }
}
