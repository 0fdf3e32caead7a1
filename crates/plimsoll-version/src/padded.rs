//! Sequences whose end counts as nulls for ever, as in `1.0 = 1.0.0 < 1.0.1`.
//!
//! An item is null, or below null (`rc`), or above it (`1`). Nulls count only where something follows them: before an item
//! below null many of them are newer than few, before an item above it they are older, and the end lies between the two.

use crate::encode::Writer;

const BELOW: u8 = 0;
const END: u8 = 1;
const ABOVE: u8 = 2;

/// Writes the items of one sequence.
#[derive(Debug, Default)]
pub(crate) struct Padded {
    nulls: usize,
}

impl Padded {
    pub(crate) fn null(&mut self) {
        self.nulls += 1;
    }

    /// Announces an item below null; its own key comes next.
    pub(crate) fn below(&mut self, key: &mut Writer) {
        key.tag(BELOW);
        key.count(self.nulls);
        self.nulls = 0;
    }

    /// Announces an item above null; its own key comes next.
    pub(crate) fn above(&mut self, key: &mut Writer) {
        key.tag(ABOVE);
        key.count_down(self.nulls);
        self.nulls = 0;
    }

    pub(crate) fn end(self, key: &mut Writer) {
        key.tag(END);
    }
}
