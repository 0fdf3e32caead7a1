//! `Microsoft.ResourceGraph`: queries and what is kept of them.

use super::Operation;

pub(super) const ALL: &[Operation] = &[];
