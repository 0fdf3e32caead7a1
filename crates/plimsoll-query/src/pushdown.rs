//! What a source can do is handed to it: tests, limits, the paths that are read, and grouping.
//!
//! Three passes, each exact. **Liveness**, from the top: a column that nobody reads is not computed. **Folding**, from the
//! scan up: the filters and projections above a scan become one filter and one projection over the scan's own columns.
//! **Handing down**: conjuncts whose test the catalog allows go into the scan, columns that are read only by a declared path
//! are asked for by that path, and a `summarize` all of whose inputs can be grouped by the source reads groups with weights.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::ast::Comparison;
use crate::catalog::{Catalog, Path, Table, Tests};
use crate::evaluate::{Context, Regexes};
use crate::instant::EPOCH;
use crate::meter::{Limits, Meter};
use crate::plan::{Aggregate, Compared, Expr, Filter, Join, Node, Relation, Scan, Step, Test};
use crate::value::{Type, Value};

/// Nodes and levels that a folded expression may have.
const LARGEST_EXPRESSION: (usize, usize) = (3000, 120);
/// Values that may be handed down in one test.
const MOST_VALUES: usize = 1000;

/// The same relation, with all work at its source that can be done there.
pub(crate) fn push_down(relation: Relation, catalog: &Catalog) -> Relation {
    let live = (0..relation.columns.len()).collect();
    let relation = without_dead(relation, &live);
    handed_down(relation, catalog)
}

// Liveness.

/// Replaces what no one reads by nothing; the numbers of columns stay.
fn without_dead(relation: Relation, live: &HashSet<usize>) -> Relation {
    let Relation { node, columns } = relation;
    let with = |exprs: &[&Expr]| {
        let mut read = live.clone();
        exprs.iter().for_each(|expr| expr.columns(&mut read));
        read
    };
    let node = match node {
        Node::Scan(mut scan) => {
            for (place, path) in scan.paths.iter_mut().enumerate() {
                if !live.contains(&place) {
                    *path = "".into();
                }
            }
            Node::Scan(scan)
        }
        Node::Rows(rows) => Node::Rows(rows),
        Node::Filter(input, condition) => {
            let read = with(&[&condition]);
            let is_chain = is_chain(&input);
            let node = Node::Filter(Box::new(without_dead(*input, &read)), condition);
            if is_chain && read.len() > live.len() {
                // What only the condition reads ends here, which the folding below must be told.
                let column = |place: usize| {
                    if live.contains(&place) { Expr::Column(place) } else { Expr::Constant(Value::Null) }
                };
                let exprs = (0..columns.len()).map(column).collect();
                Node::Project(Box::new(Relation { node, columns: columns.clone() }), exprs)
            } else {
                node
            }
        }
        Node::Project(input, mut exprs) => {
            let mut read = HashSet::new();
            for (place, expr) in exprs.iter_mut().enumerate() {
                if live.contains(&place) {
                    expr.columns(&mut read);
                } else {
                    *expr = Expr::Constant(Value::Null);
                }
            }
            Node::Project(Box::new(without_dead(*input, &read)), exprs)
        }
        Node::Take(input, n) => Node::Take(Box::new(without_dead(*input, live)), n),
        Node::Sample(input, n) => Node::Sample(Box::new(without_dead(*input, live)), n),
        Node::Sort { input, keys, first } => {
            let read = with(&keys.iter().map(|key| &key.expr).collect::<Vec<_>>());
            Node::Sort { input: Box::new(without_dead(*input, &read)), keys, first }
        }
        Node::Summarize { input, keys, aggregates, weight } => {
            let mut read: HashSet<usize> = weight.into_iter().collect();
            let arguments = aggregates.iter().flat_map(|aggregate| &aggregate.arguments);
            keys.iter().chain(arguments).for_each(|expr| expr.columns(&mut read));
            Node::Summarize { input: Box::new(without_dead(*input, &read)), keys, aggregates, weight }
        }
        Node::MvExpand(input, expand) => {
            let read = with(&expand.columns.iter().map(|(expr, _, _)| expr).collect::<Vec<_>>());
            Node::MvExpand(Box::new(without_dead(*input, &read)), expand)
        }
        Node::Join(join) => {
            let Join { kind, left, right, left_keys, right_keys, left_columns, right_columns } = *join;
            let read = |keys: &[Expr], columns: &[usize], offset: usize| {
                let mut read: HashSet<usize> = HashSet::new();
                keys.iter().for_each(|key| key.columns(&mut read));
                let given = columns.iter().enumerate().filter(|(place, _)| live.contains(&(place + offset)));
                read.extend(given.map(|(_, column)| *column));
                read
            };
            let left_read = read(&left_keys, &left_columns, 0);
            let right_read = read(&right_keys, &right_columns, left_columns.len());
            Node::Join(Box::new(Join {
                kind,
                left: without_dead(left, &left_read),
                right: without_dead(right, &right_read),
                left_keys,
                right_keys,
                left_columns,
                right_columns,
            }))
        }
        Node::Union(legs) => Node::Union(legs.into_iter().map(|leg| without_dead(leg, live)).collect()),
    };
    Relation { node, columns }
}

/// Whether only filters, projections and limits stand over a scan.
fn is_chain(relation: &Relation) -> bool {
    match &relation.node {
        Node::Scan(_) => true,
        Node::Filter(input, _) | Node::Project(input, _) | Node::Take(input, _) => is_chain(input),
        _ => false,
    }
}

// Folding and handing down.

fn handed_down(relation: Relation, catalog: &Catalog) -> Relation {
    let Relation { node, columns } = relation;
    let inner = |relation: Box<Relation>| Box::new(handed_down(*relation, catalog));
    let node = match node {
        node @ (Node::Scan(_) | Node::Filter(..) | Node::Project(..) | Node::Take(..)) => {
            match Chain::of(Relation { node, columns: columns.clone() }, catalog) {
                Ok(chain) => return Relation { node: chain.plain().node, columns },
                Err(relation) => match relation.node {
                    Node::Filter(input, condition) => Node::Filter(inner(input), condition),
                    Node::Project(input, exprs) => Node::Project(inner(input), exprs),
                    Node::Take(input, n) => Node::Take(inner(input), n),
                    node => node,
                },
            }
        }
        Node::Summarize { input, keys, aggregates, weight: None } => match Chain::of(*input, catalog) {
            Ok(chain) => chain.summarized(keys, aggregates),
            Err(input) => Node::Summarize {
                input: Box::new(handed_down(input, catalog)),
                keys,
                aggregates,
                weight: None,
            },
        },
        Node::Summarize { input, keys, aggregates, weight } => {
            Node::Summarize { input: inner(input), keys, aggregates, weight }
        }
        Node::Rows(rows) => Node::Rows(rows),
        Node::Sample(input, n) => Node::Sample(inner(input), n),
        Node::Sort { input, keys, first } => Node::Sort { input: inner(input), keys, first },
        Node::MvExpand(input, expand) => Node::MvExpand(inner(input), expand),
        Node::Join(join) => {
            let Join { kind, left, right, left_keys, right_keys, left_columns, right_columns } = *join;
            let (left, right) = (handed_down(left, catalog), handed_down(right, catalog));
            Node::Join(Box::new(Join {
                kind,
                left,
                right,
                left_keys,
                right_keys,
                left_columns,
                right_columns,
            }))
        }
        Node::Union(legs) => Node::Union(legs.into_iter().map(|leg| handed_down(leg, catalog)).collect()),
    };
    Relation { node, columns }
}

/// A scan with what is done to each of its rows alone: only rows that pass, no more than so many, made into these columns.
struct Chain<'a> {
    scan: Scan,
    table: &'a Table,
    /// Tests that stay here.
    conditions: Vec<Expr>,
    exprs: Vec<Expr>,
    limit: Option<u64>,
}

impl<'a> Chain<'a> {
    /// The chain that this is, or the relation as it was.
    fn of(relation: Relation, catalog: &'a Catalog) -> std::result::Result<Self, Relation> {
        let Relation { node, columns } = relation;
        match node {
            Node::Scan(scan) => match catalog.table(&scan.table).filter(|table| is_whole(&scan, table)) {
                Some(table) => {
                    let column = |place: usize| match scan.paths.get(place).map(|path| path.is_empty()) {
                        Some(false) => Expr::Column(place),
                        _ => Expr::Constant(Value::Null),
                    };
                    let exprs = (0..columns.len()).map(column).collect();
                    Ok(Self { scan, table, conditions: Vec::new(), exprs, limit: None })
                }
                None => Err(Relation { node: Node::Scan(scan), columns }),
            },
            Node::Filter(input, condition) => match Self::of(*input, catalog) {
                Ok(mut chain) if chain.limit.is_none() && fits(&condition, &chain.exprs) => {
                    let condition = condition.over(&chain.exprs);
                    chain.filter(condition);
                    Ok(chain)
                }
                Ok(chain) => {
                    Err(Relation { node: Node::Filter(Box::new(chain.plain()), condition), columns })
                }
                Err(input) => Err(Relation { node: Node::Filter(Box::new(input), condition), columns }),
            },
            Node::Project(input, exprs) => match Self::of(*input, catalog) {
                Ok(mut chain) if exprs.iter().all(|expr| fits(expr, &chain.exprs)) => {
                    chain.exprs = exprs.iter().map(|expr| expr.over(&chain.exprs)).collect();
                    Ok(chain)
                }
                Ok(chain) => Err(Relation { node: Node::Project(Box::new(chain.plain()), exprs), columns }),
                Err(input) => Err(Relation { node: Node::Project(Box::new(input), exprs), columns }),
            },
            Node::Take(input, n) => match Self::of(*input, catalog) {
                Ok(mut chain) => {
                    chain.limit = Some(chain.limit.map_or(n, |limit| limit.min(n)));
                    Ok(chain)
                }
                Err(input) => Err(Relation { node: Node::Take(Box::new(input), n), columns }),
            },
            node => Err(Relation { node, columns }),
        }
    }

    /// Takes each conjunct that the source can test, keeps the others.
    fn filter(&mut self, condition: Expr) {
        match condition {
            Expr::And(parts) => parts.into_iter().for_each(|part| self.filter(part)),
            condition => match test_of(&condition, self.table) {
                Some(filter) => self.scan.filters.push(filter),
                None => self.conditions.push(condition),
            },
        }
    }

    /// The rows as they are.
    fn plain(mut self) -> Relation {
        if self.conditions.is_empty() {
            self.scan.limit = self.limit;
        }
        let limit = self.limit.filter(|_| !self.conditions.is_empty());
        let mut read = Vec::new();
        self.exprs.iter().chain(&self.conditions).for_each(|expr| read.push(expr.clone()));
        let slots = Slots::of(&read, self.table);
        self.over_slots(&slots, limit, false)
    }

    /// What is summed up from them.
    fn summarized(mut self, keys: Vec<Expr>, aggregates: Vec<Aggregate>) -> Node {
        let keys_fit = keys.iter().all(|expr| fits(expr, &self.exprs));
        let arguments_fit =
            aggregates.iter().flat_map(|aggregate| &aggregate.arguments).all(|expr| fits(expr, &self.exprs));
        let weighable = aggregates.iter().all(|aggregate| aggregate.kind.takes_weights());
        if self.limit.is_some() || !keys_fit || !arguments_fit || !weighable {
            return Node::Summarize { input: Box::new(self.plain()), keys, aggregates, weight: None };
        }
        // The columns that the summary reads, and nothing else, are the chain's columns now.
        let mut read: Vec<Expr> = keys.iter().map(|key| key.over(&self.exprs)).collect();
        for aggregate in &aggregates {
            read.extend(aggregate.arguments.iter().map(|argument| argument.over(&self.exprs)));
        }
        let mut needed = read.clone();
        needed.extend(self.conditions.iter().cloned());
        let slots = Slots::of(&needed, self.table);
        let groups = slots
            .paths
            .iter()
            .all(|path| self.table.paths.iter().any(|declared| declared.groups && declared.text == *path));
        if !groups {
            return Node::Summarize { input: Box::new(self.plain()), keys, aggregates, weight: None };
        }
        self.exprs = read;
        let weight = self.exprs.len();
        let input = Box::new(self.over_slots(&slots, None, true));
        let mut columns = 0..weight;
        let mut next = || Expr::Column(columns.next().unwrap_or_default());
        let keys = keys.iter().map(|_| next()).collect();
        let aggregates = aggregates
            .into_iter()
            .map(|aggregate| Aggregate {
                arguments: aggregate.arguments.iter().map(|_| next()).collect(),
                ..aggregate
            })
            .collect();
        Node::Summarize { input, keys, aggregates, weight: Some(weight) }
    }

    fn over_slots(self, slots: &Slots, limit: Option<u64>, grouped: bool) -> Relation {
        let column = |place: usize| crate::Column::new(&format!("_{place}"), Type::Dynamic);
        let numbered = |count: usize| (0..count).map(column).collect::<Vec<_>>();
        let mut exprs: Vec<Expr> = self.exprs.iter().map(|expr| slots.over(expr, self.table)).collect();
        let conditions: Vec<Expr> = self.conditions.iter().map(|expr| slots.over(expr, self.table)).collect();
        let width = slots.paths.len() + usize::from(grouped);
        if grouped {
            exprs.push(Expr::Column(slots.paths.len()));
        }
        let scan = Scan { paths: slots.paths.clone(), grouped, ..self.scan };
        let mut relation = Relation { node: Node::Scan(scan), columns: numbered(width) };
        if !conditions.is_empty() {
            relation = Relation {
                node: Node::Filter(Box::new(relation), Expr::And(conditions)),
                columns: numbered(width),
            };
        }
        if let Some(limit) = limit {
            relation = Relation { node: Node::Take(Box::new(relation), limit), columns: numbered(width) };
        }
        let columns = numbered(exprs.len());
        Relation { node: Node::Project(Box::new(relation), exprs), columns }
    }
}

/// Whether a scan is still as it was written: all columns in their order, save those that nobody reads.
fn is_whole(scan: &Scan, table: &Table) -> bool {
    let same = |(path, column): (&Arc<str>, &crate::Column)| path.is_empty() || *path == column.name;
    !scan.grouped
        && scan.limit.is_none()
        && scan.paths.len() == table.columns.len()
        && scan.paths.iter().zip(&table.columns).all(same)
}

/// Whether an expression over these columns stays of a bearable size.
fn fits(expr: &Expr, columns: &[Expr]) -> bool {
    fn measure(expr: &Expr, columns: &[Expr]) -> (usize, usize) {
        if let Expr::Column(column) = expr {
            return columns[*column].size();
        }
        let children = expr.children().into_iter().map(|child| measure(child, columns));
        children.fold((1, 1), |(size, depth), (more, deep)| (size.saturating_add(more), depth.max(deep + 1)))
    }
    let (size, depth) = measure(expr, columns);
    size <= LARGEST_EXPRESSION.0 && depth <= LARGEST_EXPRESSION.1
}

/// Which paths a scan gives, and where each stands in its rows.
struct Slots {
    paths: Vec<Arc<str>>,
}

impl Slots {
    /// For these expressions over the table's columns. A column that is read whole is given whole; then its paths need no
    /// slots of their own.
    fn of(exprs: &[Expr], table: &Table) -> Self {
        let mut whole = BTreeSet::new();
        let mut declared = BTreeMap::new();
        exprs.iter().for_each(|expr| note(expr, table, &mut whole, &mut declared));
        let mut paths: Vec<Arc<str>> =
            whole.iter().map(|column| table.columns[*column].name.clone()).collect();
        paths
            .extend(declared.into_iter().filter(|(_, column)| !whole.contains(column)).map(|(path, _)| path));
        Self { paths }
    }

    fn place(&self, path: &str) -> Option<usize> {
        self.paths.iter().position(|given| **given == *path)
    }

    /// The expression over the rows that the scan gives.
    fn over(&self, expr: &Expr, table: &Table) -> Expr {
        if let Some((column, path, rest)) = declared_path(expr, table)
            && self.place(&table.columns[column].name).is_none()
            && let Some(place) = self.place(&path.text)
        {
            let slot = Expr::Column(place);
            return if rest.is_empty() { slot } else { Expr::Path(Box::new(slot), rest.to_vec()) };
        }
        if let Expr::Column(column) = expr {
            let place = self.place(&table.columns[*column].name);
            return place.map_or(Expr::Constant(Value::Null), Expr::Column);
        }
        let mut expr = expr.clone();
        for child in expr.children_mut() {
            *child = self.over(child, table);
        }
        expr
    }
}

/// Notes which columns an expression reads whole, and which by a declared path.
fn note(expr: &Expr, table: &Table, whole: &mut BTreeSet<usize>, declared: &mut BTreeMap<Arc<str>, usize>) {
    if let Some((column, path, _)) = declared_path(expr, table) {
        declared.insert(path.text.clone(), column);
        return;
    }
    if let Expr::Column(column) = expr {
        whole.insert(*column);
    }
    expr.children().into_iter().for_each(|child| note(child, table, whole, declared));
}

/// The declared path that an expression reads or begins with: the column it is of, and the steps behind it. A path of one
/// step, which is a column, is read as such.
fn declared_path<'t, 'e>(expr: &'e Expr, table: &'t Table) -> Option<(usize, &'t Path, &'e [Step])> {
    let (column, steps): (usize, &[Step]) = match expr {
        Expr::Path(inner, steps) => match &**inner {
            Expr::Column(column) => (*column, steps),
            _ => return None,
        },
        _ => return None,
    };
    let name = &table.columns.get(column)?.name;
    let begins = |path: &&Path| {
        let mut parts = path.text.split('.');
        let mut given = steps.iter();
        parts.next() == Some(&**name)
            && path.text.len() > name.len()
            && parts.all(|part| match given.next() {
                Some(Step::Member(member)) => member.eq_ignore_ascii_case(part),
                _ => false,
            })
    };
    let path = table.paths.iter().filter(begins).max_by_key(|path| path.text.len())?;
    let length = path.text.matches('.').count();
    Some((column, path, &steps[length..]))
}

/// The declared path that an expression is, to its end.
fn path_of<'t>(expr: &Expr, table: &'t Table) -> Option<&'t Path> {
    match expr {
        Expr::Column(column) => {
            let name = &table.columns.get(*column)?.name;
            table.paths.iter().find(|path| path.text == *name)
        }
        expr => declared_path(expr, table).filter(|(_, _, rest)| rest.is_empty()).map(|(_, path, _)| path),
    }
}

// Tests.

/// The test that a condition over the table's columns is, where the source can do it.
fn test_of(condition: &Expr, table: &Table) -> Option<Filter> {
    let path = only_path(condition, table)?;
    let test = match &path.tests {
        Tests::Nothing => None,
        Tests::Listed(values) => choice(condition, values, table),
        Tests::Text { ascii } => text_test(condition, *ascii, table),
        Tests::Instant => instant_test(condition, table),
    };
    test.map(|test| Filter { path: path.text.clone(), test })
}

/// The one declared path that a condition reads, where it reads nothing else.
fn only_path<'t>(condition: &Expr, table: &'t Table) -> Option<&'t Path> {
    fn gather<'t>(expr: &Expr, table: &'t Table, found: &mut Vec<&'t Path>) -> bool {
        if let Some(path) = path_of(expr, table) {
            found.push(path);
            return true;
        }
        match expr {
            Expr::Column(_) | Expr::Result(_) => false,
            expr => expr.children().into_iter().all(|child| gather(child, table, found)),
        }
    }
    let mut found = Vec::new();
    let is_closed = gather(condition, table, &mut found);
    let first = found.first().copied()?;
    (is_closed && found.iter().all(|path| path.text == first.text)).then_some(first)
}

/// The values, of all that there are, for which the condition holds: it is tried on each.
fn choice(condition: &Expr, values: &[Value], table: &Table) -> Option<Test> {
    let meter = Meter::new(Limits { steps: 1_000_000, ..Limits::default() });
    let regexes = Regexes::default();
    let context = Context { meter: &meter, results: &[], regexes: &regexes };
    let mut tried = condition.clone();
    slot(&mut tried, table);
    let mut admitted = Vec::new();
    for value in values {
        // What goes wrong goes wrong where rows are, with its message.
        if tried.value(std::slice::from_ref(value), &context).ok()?.to_bool() == Some(true) {
            admitted.push(value.clone());
        }
    }
    Some(Test::In(admitted))
}

/// Reads the path from the first cell of a row.
fn slot(expr: &mut Expr, table: &Table) {
    if path_of(expr, table).is_some() {
        *expr = Expr::Column(0);
        return;
    }
    expr.children_mut().into_iter().for_each(|child| slot(child, table));
}

/// The texts are what `tostring` makes of them, which a text path is already.
fn reads_text(expr: &Expr, table: &Table) -> bool {
    match expr {
        Expr::Cast(inner, Type::String) => reads_text(inner, table),
        Expr::Call(function, arguments) if function.name == "tostring" => {
            arguments.first().is_some_and(|argument| reads_text(argument, table))
        }
        expr => path_of(expr, table).is_some(),
    }
}

fn text_test(condition: &Expr, ascii: bool, table: &Table) -> Option<Test> {
    let test = |texts: Vec<Arc<str>>, fold: bool, negated: bool| {
        if !fold {
            return Some(Test::Text { values: texts, fold, negated });
        }
        let is_plain = ascii && texts.iter().all(|text| text.is_ascii());
        let values = texts.iter().map(|text| text.to_ascii_lowercase().into()).collect();
        is_plain.then_some(Test::Text { values, fold, negated })
    };
    match condition {
        Expr::Compare(how, Compared::Text, a, b) => {
            let text = match (&**a, &**b) {
                (path, Expr::Constant(Value::Text(text))) | (Expr::Constant(Value::Text(text)), path)
                    if reads_text(path, table) =>
                {
                    vec![text.clone()]
                }
                _ => return None,
            };
            match how {
                Comparison::Equal => test(text, false, false),
                Comparison::NotEqual => test(text, false, true),
                Comparison::EqualFold => test(text, true, false),
                Comparison::NotEqualFold => test(text, true, true),
                _ => None,
            }
        }
        Expr::In(membership) if membership.as_text && reads_text(&membership.needle, table) => {
            let mut texts = Vec::new();
            for item in &membership.set {
                match item {
                    Expr::Constant(Value::Array(list)) => texts.extend(list.iter().map(Value::to_text)),
                    Expr::Constant(value) => texts.push(value.to_text()),
                    _ => return None,
                }
            }
            if texts.len() > MOST_VALUES { None } else { test(texts, membership.fold, membership.negated) }
        }
        _ => None,
    }
}

/// Whole milliseconds stand at the source, ticks in the query: a bound between two milliseconds is moved to the next one inside.
fn instant_test(condition: &Expr, table: &Table) -> Option<Test> {
    let Expr::Compare(how, Compared::DateTime, a, b) = condition else { return None };
    let reads = |expr: &Expr| match expr {
        Expr::Cast(inner, Type::DateTime) => path_of(inner, table).is_some(),
        Expr::Call(function, arguments) if function.name == "todatetime" => {
            arguments.first().is_some_and(|argument| path_of(argument, table).is_some())
        }
        expr => path_of(expr, table).is_some(),
    };
    let (how, ticks) = match (&**a, &**b) {
        (path, Expr::Constant(Value::DateTime(ticks))) if reads(path) => (*how, *ticks),
        (Expr::Constant(Value::DateTime(ticks)), path) if reads(path) => (turned(*how), *ticks),
        _ => return None,
    };
    let since = ticks - EPOCH;
    let floor = since.div_euclid(10_000);
    let ceiling = floor + i64::from(since.rem_euclid(10_000) != 0);
    Some(match how {
        Comparison::Greater => Test::Millis { from: Some(floor + 1), to: None },
        Comparison::GreaterOrEqual => Test::Millis { from: Some(ceiling), to: None },
        Comparison::Less => Test::Millis { from: None, to: Some(ceiling - 1) },
        Comparison::LessOrEqual => Test::Millis { from: None, to: Some(floor) },
        Comparison::Equal if floor == ceiling => Test::Millis { from: Some(floor), to: Some(floor) },
        _ => return None,
    })
}

/// `a < b` is `b > a`.
fn turned(how: Comparison) -> Comparison {
    match how {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        how => how,
    }
}
