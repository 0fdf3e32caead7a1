//! What a query means: relations over scans, with every name looked up and every operator typed.

use std::collections::HashSet;
use std::sync::Arc;

use crate::aggregates;
use crate::ast::{Comparison, TextTest};
use crate::catalog::Column;
use crate::functions::Function;
use crate::value::{Type, Value};

/// A row of cells.
pub type Row = Vec<Value>;

/// What a source is asked for. It must do exactly what the scan says, for then nobody does it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The table, by its name in the catalog.
    pub table: Arc<str>,
    /// What each row holds, in this order: columns by name, or declared paths such as `properties.status.severity`.
    pub paths: Vec<Arc<str>>,
    /// Only rows that pass all of these.
    pub filters: Vec<Filter>,
    /// No more than so many rows.
    pub limit: Option<u64>,
    /// Each combination of the paths once, with one cell more at the end of the row: how often it occurs.
    pub grouped: bool,
}

/// A test on a declared path.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The path, as the catalog spells it.
    pub path: Arc<str>,
    /// What it must be.
    pub test: Test,
}

/// The tests that are pushed down.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these values, of a listed path.
    In(Vec<Value>),
    /// A text, where nothing counts as the empty one.
    Text {
        /// The texts that it may be; in lower case where case does not count.
        values: Vec<Arc<str>>,
        /// Whether case does not count.
        fold: bool,
        /// Whether it must be none of them.
        negated: bool,
    },
    /// Milliseconds since 1970, both ends included; nothing passes no bound.
    Millis {
        /// Not before.
        from: Option<i64>,
        /// Not after.
        to: Option<i64>,
    },
}

impl Test {
    /// Whether a value passes: for sources that hold rows in memory, and the words of which a database knows numbers.
    pub fn admits(&self, value: &Value) -> bool {
        match self {
            Self::In(values) => values.contains(value),
            Self::Text { values, fold, negated } => {
                let text = value.to_text();
                let found = if *fold {
                    values.contains(&text.to_ascii_lowercase().into())
                } else {
                    values.contains(&text)
                };
                found != *negated
            }
            Self::Millis { from, to } => value.to_datetime().is_some_and(|ticks| {
                let millis = ticks.saturating_sub(crate::instant::EPOCH).div_euclid(10_000);
                from.is_none_or(|from| millis >= from) && to.is_none_or(|to| millis <= to)
            }),
        }
    }
}

/// Rows, and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) node: Node,
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Scan(Scan),
    Rows(Arc<Vec<Row>>),
    Filter(Box<Relation>, Expr),
    Project(Box<Relation>, Vec<Expr>),
    Take(Box<Relation>, u64),
    Sample(Box<Relation>, u64),
    Sort { input: Box<Relation>, keys: Vec<SortKey>, first: Option<u64> },
    Summarize { input: Box<Relation>, keys: Vec<Expr>, aggregates: Vec<Aggregate>, weight: Option<usize> },
    MvExpand(Box<Relation>, MvExpand),
    Join(Box<Join>),
    Union(Vec<Relation>),
}

#[derive(Debug, Clone)]
pub(crate) struct SortKey {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) kind: aggregates::Kind,
    pub(crate) gives: Type,
    pub(crate) arguments: Vec<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct MvExpand {
    /// The list, the column that gets its elements, and their type.
    pub(crate) columns: Vec<(Expr, usize, Type)>,
    pub(crate) index: Option<usize>,
    pub(crate) limit: u64,
    pub(crate) bags_as_arrays: bool,
    /// Columns of a row behind it.
    pub(crate) width: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) left: Relation,
    pub(crate) right: Relation,
    pub(crate) left_keys: Vec<Expr>,
    pub(crate) right_keys: Vec<Expr>,
    /// The columns of the left side that are given, then those of the right.
    pub(crate) left_columns: Vec<usize>,
    pub(crate) right_columns: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    InnerUnique,
    Inner,
    LeftOuter,
    RightOuter,
    FullOuter,
    LeftSemi,
    LeftAnti,
    RightSemi,
    RightAnti,
}

/// An expression over the cells of a row.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Constant(Value),
    Column(usize),
    Path(Box<Expr>, Vec<Step>),
    Element(Box<Expr>, Box<Expr>),
    Call(&'static Function, Vec<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    Coalesce(Vec<Expr>),
    Cast(Box<Expr>, Type),
    Compare(Comparison, Compared, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Text {
        how: TextTest,
        fold: bool,
        negated: bool,
        sides: Box<(Expr, Expr)>,
    },
    Matches(Box<Expr>, Box<Expr>),
    In(Box<In>),
    /// The result of a query within the query: a value, or a list of values.
    Result(usize),
    /// A part of what `parse` found; without a part, whether it found anything.
    Parsed {
        subject: Box<Expr>,
        pattern: Arc<regex::Regex>,
        part: Option<(usize, Type)>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct In {
    pub(crate) needle: Expr,
    pub(crate) set: Vec<Expr>,
    /// The keys of the set where all of it is constant.
    pub(crate) constants: Option<Arc<HashSet<Vec<u8>>>>,
    pub(crate) fold: bool,
    pub(crate) negated: bool,
    /// Compared as texts.
    pub(crate) as_text: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Member(Arc<str>),
    Index(i64),
}

/// As what two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Text,
    Number,
    DateTime,
    Timespan,
    Bool,
    /// As they come.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Expr {
    /// Its parts.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Constant(_) | Self::Column(_) | Self::Result(_) => Vec::new(),
            Self::Path(inner, _) | Self::Cast(inner, _) | Self::Negate(inner) => vec![inner],
            Self::Parsed { subject, .. } => vec![subject],
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) | Self::Coalesce(parts) => {
                parts.iter().collect()
            }
            Self::Element(a, b)
            | Self::Compare(_, _, a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Matches(a, b) => {
                vec![a, b]
            }
            Self::Text { sides, .. } => vec![&sides.0, &sides.1],
            Self::Case(cases, otherwise) => {
                cases.iter().flat_map(|(when, then)| [when, then]).chain([&**otherwise]).collect()
            }
            Self::In(membership) => std::iter::once(&membership.needle).chain(&membership.set).collect(),
        }
    }

    pub(crate) fn children_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Self::Constant(_) | Self::Column(_) | Self::Result(_) => Vec::new(),
            Self::Path(inner, _) | Self::Cast(inner, _) | Self::Negate(inner) => vec![inner],
            Self::Parsed { subject, .. } => vec![subject],
            Self::Call(_, parts) | Self::And(parts) | Self::Or(parts) | Self::Coalesce(parts) => {
                parts.iter_mut().collect()
            }
            Self::Element(a, b)
            | Self::Compare(_, _, a, b)
            | Self::Arithmetic(_, a, b)
            | Self::Matches(a, b) => {
                vec![a, b]
            }
            Self::Text { sides, .. } => {
                let (a, b) = &mut **sides;
                vec![a, b]
            }
            Self::Case(cases, otherwise) => {
                cases.iter_mut().flat_map(|(when, then)| [when, then]).chain([&mut **otherwise]).collect()
            }
            Self::In(membership) => {
                let In { needle, set, .. } = &mut **membership;
                std::iter::once(needle).chain(set).collect()
            }
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// The columns it reads.
    pub(crate) fn columns(&self, into: &mut HashSet<usize>) {
        if let Self::Column(column) = self {
            into.insert(*column);
        }
        self.children().into_iter().for_each(|child| child.columns(into));
    }

    /// Nodes, and levels.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.children()
            .into_iter()
            .map(Self::size)
            .fold((1, 1), |(size, depth), (more, deep)| (size.saturating_add(more), depth.max(deep + 1)))
    }

    /// The same over the rows that `columns` were made from.
    pub(crate) fn over(&self, columns: &[Expr]) -> Expr {
        let mut expr = self.clone();
        expr.substitute(columns);
        expr
    }

    fn substitute(&mut self, columns: &[Expr]) {
        if let Self::Column(column) = self {
            *self = columns[*column].clone();
            return;
        }
        self.children_mut().into_iter().for_each(|child| child.substitute(columns));
        // Steps through a path that was itself made by steps are one path.
        if let Self::Path(inner, steps) = self
            && let Self::Path(deeper, before) = &mut **inner
        {
            let mut all = std::mem::take(before);
            all.append(steps);
            *self = Self::Path(std::mem::replace(deeper, Box::new(Self::Constant(Value::Null))), all);
        }
    }
}
