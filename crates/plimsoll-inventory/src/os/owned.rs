//! The files that packages own, as far as somebody will ask for them.

use plimsoll_types::inventory::owned_hash;

use crate::catalogers::may_matter;
use crate::path::normalise;

/// Short names of the paths that may name packages themselves.
#[derive(Default)]
pub(super) struct Owned {
    hashes: Vec<u64>,
    /// The path at hand, kept so that it costs no allocation.
    path: String,
}

impl Owned {
    /// Takes a path, absolute or from the root of the image.
    pub(super) fn add(&mut self, raw: &[u8]) {
        if normalise(raw, &mut self.path) && !self.path.is_empty() && may_matter(&self.path) {
            self.hashes.push(owned_hash(&self.path));
        }
    }

    /// Bytes in memory.
    pub(super) fn held(&self) -> usize {
        self.hashes.len() * size_of::<u64>()
    }

    /// What was kept.
    pub(super) fn finish(self) -> Vec<u64> {
        self.hashes
    }
}
