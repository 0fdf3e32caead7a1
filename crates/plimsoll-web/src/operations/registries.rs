//! `Microsoft.ContainerRegistry`: registries, imports, webhooks.

use super::Operation;

pub(super) const ALL: &[Operation] = &[];
