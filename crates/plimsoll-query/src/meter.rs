//! Limits on the work of one query, and the count of what it used.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// What one query may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rows that its scans may give together.
    pub scanned_rows: u64,
    /// Bytes that it may hold on to at once: sorted rows, groups, the smaller side of a join, the answer.
    pub memory: u64,
    /// Evaluation steps: about one for each part of an expression and row, more for long texts.
    pub steps: u64,
    /// How many rows `mv-expand` makes of one row when the query does not say.
    pub expanded_rows: u64,
    /// How many it may be told to make.
    pub most_expanded_rows: u64,
    /// Joins in one query.
    pub joins: u64,
    /// Set from outside to stop the query at its next step.
    pub stop: Arc<AtomicBool>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scanned_rows: 5_000_000,
            memory: 256 << 20,
            steps: 2_000_000_000,
            expanded_rows: 128,
            most_expanded_rows: 400,
            joins: 10,
            stop: Arc::default(),
        }
    }
}

/// The count.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Limits,
    steps: Cell<u64>,
    memory: Cell<u64>,
    rows: Cell<u64>,
}

/// The longest text that a function may make.
pub(crate) const LONGEST_TEXT: usize = 16 << 20;

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, steps: Cell::new(0), memory: Cell::new(0), rows: Cell::new(0) }
    }

    /// Work was done.
    pub(crate) fn step(&self, steps: u64) -> Result<()> {
        let all = self.steps.get().saturating_add(steps);
        // Now and then is often enough to look at a flag that another thread sets.
        if (self.steps.get() ^ all) >> 10 != 0 && self.limits.stop.load(Ordering::Relaxed) {
            return Err(Error::limit("the query took longer than it may; filter earlier, or ask for less at once"));
        }
        self.steps.set(all);
        if all <= self.limits.steps {
            return Ok(());
        }
        Err(Error::limit(format!(
            "the query takes more than {} evaluation steps; filter earlier, or join less",
            self.limits.steps
        )))
    }

    /// Work over so many bytes of text.
    pub(crate) fn read(&self, bytes: usize) -> Result<()> {
        self.step(1 + bytes as u64 / 16)
    }

    /// Bytes are held on to.
    pub(crate) fn hold(&self, bytes: u64) -> Result<()> {
        let all = self.memory.get().saturating_add(bytes);
        self.memory.set(all);
        if all <= self.limits.memory {
            return Ok(());
        }
        Err(Error::limit(format!(
            "the query holds on to more than {} MiB at once; filter earlier, project fewer columns, or summarize",
            self.limits.memory >> 20
        )))
    }

    /// Bytes were let go.
    pub(crate) fn release(&self, bytes: u64) {
        self.memory.set(self.memory.get().saturating_sub(bytes));
    }

    /// Rows came in.
    pub(crate) fn scanned(&self, rows: u64) -> Result<()> {
        let all = self.rows.get().saturating_add(rows);
        self.rows.set(all);
        if all <= self.limits.scanned_rows {
            return Ok(());
        }
        Err(Error::limit(format!(
            "the query reads more than {} rows; filter by columns that narrow the scan, such as type and subscriptionId",
            self.limits.scanned_rows
        )))
    }

    pub(crate) fn scanned_rows(&self) -> u64 {
        self.rows.get()
    }
}
