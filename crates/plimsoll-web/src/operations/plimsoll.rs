//! `Plimsoll.Security`: what Azure has no resource for.

use super::Operation;

pub(super) const ALL: &[Operation] = &[];
