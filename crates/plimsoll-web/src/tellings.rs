//! Findings and verdicts as resources, for those who are told of them without having asked over HTTP.

use http::{HeaderMap, Uri};
use plimsoll_store::{FindingRow, RegistrySummary};
use plimsoll_types::{Generation, Scope};
use serde_json::Value;

use crate::links::{Base, Connection};
use crate::shapes::{Assessment, SubAssessment};

/// The generations, the newer one first.
const PREFERRED: [Generation; 2] = [Generation::Second, Generation::First];

/// A row as the sub-assessments that lists would tell, the newer generation's first.
pub fn sub_assessments_of(scope: &Scope, row: &FindingRow) -> Vec<Value> {
    let shape = |generation| serde_json::to_value(SubAssessment::new(scope, generation, row)).ok();
    PREFERRED.into_iter().filter_map(shape).collect()
}

/// The verdict on a registry under the recommendation of a generation, as an assessment.
pub fn assessment_of(
    scope: &Scope,
    connection: &Connection,
    generation: Generation,
    registry: &RegistrySummary,
) -> Option<Value> {
    let base = Base::of(connection, &Uri::from_static("/"), &HeaderMap::new(), scope);
    serde_json::to_value(Assessment::new(scope, generation, registry, None, &base, true)).ok()
}
