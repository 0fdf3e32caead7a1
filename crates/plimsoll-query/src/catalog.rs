//! The tables that a query may name, and what their sources can do themselves. They are handed in: nothing here knows one.

use std::sync::Arc;

use crate::value::{Type, Value};

/// A column: its name and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: Type,
}

impl Column {
    /// A column of this name and type.
    pub fn new(name: &str, kind: Type) -> Self {
        Self { name: name.into(), kind }
    }
}

/// A table that a source can scan.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name; queries may write it in any case.
    pub name: Arc<str>,
    /// Its columns, in the order in which a query without `project` shows them.
    pub columns: Vec<Column>,
    /// What of it the source can filter or group by. Anything else is done here, over whole columns.
    pub paths: Vec<Path>,
}

/// A column, or a member deep in a dynamic one, of which the source knows more than how to give it.
#[derive(Debug, Clone)]
pub struct Path {
    /// `type`, or `properties.status.severity`, as the rows spell it.
    pub text: Arc<str>,
    /// Which tests on it the source can do.
    pub tests: Tests,
    /// Whether the source can give the distinct values of it, and of all other such paths together, with how often each
    /// combination occurs.
    pub groups: bool,
}

/// The tests on a path that a source does, exactly as the evaluator would.
#[derive(Debug, Clone, PartialEq)]
pub enum Tests {
    /// None.
    Nothing,
    /// All the values that it ever has, nothing included where a row may lack it. Then any predicate is a choice among them.
    Listed(Vec<Value>),
    /// A text, or nothing, which counts as the empty one: compared by its bytes, and where it is always ASCII also without
    /// case.
    Text {
        /// Whether no value has a letter beyond ASCII.
        ascii: bool,
    },
    /// An instant in whole milliseconds, or nothing.
    Instant,
}

impl Table {
    /// A table of these columns, of which the source can do nothing but give rows.
    pub fn new(name: &str, columns: Vec<Column>) -> Self {
        Self { name: name.into(), columns, paths: Vec::new() }
    }

    /// The same with one path more.
    pub fn with_path(mut self, text: &str, tests: Tests, groups: bool) -> Self {
        self.paths.push(Path { text: text.into(), tests, groups });
        self
    }
}

/// All tables, and the queries that may be named by `{{id}}`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The tables.
    pub tables: Vec<Table>,
}

impl Catalog {
    /// A catalog of these tables.
    pub fn new(tables: Vec<Table>) -> Self {
        Self { tables }
    }

    /// The table of this name, in any case.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}
