//! The operations: each reads what was asked, asks the store, and hands the answer to a shape.

mod assessments;
mod metadata;
mod sub_assessments;

pub(crate) use assessments::{get_assessment, list_assessments};
pub(crate) use metadata::{get_metadata, list_metadata};
pub(crate) use sub_assessments::{get_sub_assessment, list_sub_assessments};

use crate::error::Error;
use plimsoll_types::Generation;

/// The generation of an assessment key that a path names.
fn known(key: &str) -> Result<Generation, Error> {
    Generation::of_key(key)
        .ok_or_else(|| Error::UnknownResource(format!("Microsoft.Security/assessments/{key}")))
}
