//! `Microsoft.Authorization`: who may do what.

use super::Operation;

pub(super) const ALL: &[Operation] = &[];
