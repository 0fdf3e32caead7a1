//! A query as it was written: names are not looked up yet, nothing is typed.

use crate::value::{Type, Value};

/// Where something stands in the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Statements, of which the last is the query itself.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) lets: Vec<Let>,
    pub(crate) body: Expr,
}

#[derive(Debug, Clone)]
pub(crate) struct Let {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: LetValue,
}

#[derive(Debug, Clone)]
pub(crate) enum LetValue {
    /// A scalar or a table; which one shows when names are looked up.
    Expr(Expr),
    Function { parameters: Vec<Parameter>, body: Query },
}

#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) default: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) source: Source,
    pub(crate) place: Place,
    pub(crate) operators: Vec<Operator>,
}

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Name(String),
    SharedQuery(String),
    /// A pipeline in parentheses, or a call of a function that gives a table.
    Expr(Box<Expr>),
    Print(Vec<Named>),
    Range { name: String, from: Expr, to: Expr, step: Expr },
    Datatable { columns: Vec<(String, Type)>, values: Vec<Expr> },
    Union(Union),
    Search { tables: Vec<(String, Place)>, sought: Expr },
}

#[derive(Debug, Clone)]
pub(crate) struct Union {
    pub(crate) outer: bool,
    pub(crate) with_source: Option<String>,
    pub(crate) legs: Vec<Pipeline>,
}

#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) kind: OperatorKind,
    pub(crate) place: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum OperatorKind {
    As(String),
    Count,
    Distinct(Vec<Named>),
    Extend(Vec<Named>),
    GetSchema,
    Join { kind: Option<String>, right: Box<Pipeline>, on: Vec<Expr> },
    Lookup { kind: Option<String>, right: Box<Pipeline>, on: Vec<Expr> },
    MvExpand(MvExpand),
    Parse(Parse),
    Project(Vec<Named>),
    ProjectAway(Vec<Pattern>),
    ProjectKeep(Vec<Pattern>),
    ProjectRename(Vec<Named>),
    ProjectReorder(Vec<(Pattern, Option<bool>)>),
    Sample(Expr),
    Search(Expr),
    Serialize(Vec<Named>),
    Sort(Vec<SortKey>),
    Summarize { aggregates: Vec<Named>, by: Vec<Named> },
    Take(Expr),
    Top { count: Expr, by: Vec<SortKey> },
    Union(Union),
    Where(Expr),
}

#[derive(Debug, Clone)]
pub(crate) struct MvExpand {
    pub(crate) bags_as_arrays: bool,
    pub(crate) index: Option<String>,
    pub(crate) columns: Vec<(Named, Option<Type>)>,
    pub(crate) limit: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(crate) struct Parse {
    /// Only rows that match stay.
    pub(crate) filters: bool,
    pub(crate) kind: ParseKind,
    pub(crate) flags: String,
    pub(crate) subject: Expr,
    pub(crate) parts: Vec<ParsePart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseKind {
    Simple,
    Relaxed,
    Regex,
}

#[derive(Debug, Clone)]
pub(crate) enum ParsePart {
    Any,
    Text(String),
    Column(String, Type),
}

/// A name with stars in it.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// An expression with the name it is given, or the names of the parts of what it gives.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) names: Vec<String>,
    pub(crate) expr: Expr,
}

#[derive(Debug, Clone)]
pub(crate) struct SortKey {
    pub(crate) expr: Named,
    pub(crate) descending: bool,
    pub(crate) nulls_first: Option<bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) place: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    Literal(Value, Type),
    Name(String),
    /// `*`: every column.
    Star,
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
    Negate(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    In { needle: Box<Expr>, how: Membership, set: Vec<Expr> },
    Between { value: Box<Expr>, low: Box<Expr>, high: Box<Expr>, negated: bool },
    Pipeline(Box<Pipeline>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Compare(Comparison),
    Text { how: TextTest, fold: bool, negated: bool },
    MatchesRegex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    EqualFold,
    NotEqualFold,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
    Has,
    HasPrefix,
    HasSuffix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    In { fold: bool, negated: bool },
    HasAny,
    HasAll,
}
