//! Photon OS: a list of vulnerability, package, and version in which it was resolved.

use std::io::Read;

use plimsoll_types::Status;
use serde::Deserialize;
use serde_json::Value;

use super::{Collected, all, is_cve, is_name, item, never, of_cve};
use crate::Error;
use crate::osv::Rating;

const MAX_BYTES: u64 = 256 << 20;

#[derive(Deserialize)]
struct Row {
    cve_id: String,
    pkg: String,
    /// A number, sometimes in quotes.
    cve_score: Option<Value>,
    aff_ver: Option<String>,
    res_ver: Option<String>,
    status: Option<String>,
}

/// `name` is `cve_data_photon5.0.json`: the release is in it and nowhere else.
pub(super) fn read(bytes: impl Read, name: &str, into: &mut Collected) -> Result<(), Error> {
    let release = name.strip_prefix("cve_data_photon").and_then(|rest| rest.strip_suffix(".json"));
    let release =
        release.ok_or_else(|| Error::damaged(format!("{name} does not say of which Photon it is")))?;
    let rows: Vec<Value> = serde_json::from_slice(&all(bytes, MAX_BYTES, name)?)
        .map_err(|error| Error::damaged(format!("{name} cannot be read: {error}")))?;
    let ecosystem = format!("Photon OS:{release}");
    for row in rows {
        let Some(row) =
            serde_json::from_value::<Row>(row).ok().filter(|row| is_cve(&row.cve_id) && is_name(&row.pkg))
        else {
            into.dropped += 1;
            continue;
        };
        let Some(record) = of_cve(into, "PHOTON", &row.cve_id)? else { continue };
        let score =
            row.cve_score.as_ref().and_then(|score| score.as_f64().or_else(|| score.as_str()?.parse().ok()));
        if let Some(score) = score.filter(|score| *score > 0.0) {
            record.database_specific.cvss_v3 = Some(Value::from(score));
        }
        record.severity = Vec::<Rating>::new();
        let fixed = row.res_ver.as_deref().filter(|version| !version.is_empty() && *version != "NA");
        let is_never = matches!(row.status.as_deref(), Some("Not Affected"))
            || row.aff_ver.as_deref() == Some("NA") && fixed.is_none();
        let mut affected = match fixed {
            _ if is_never => never(&ecosystem, &row.pkg),
            fixed => item(&ecosystem, &row.pkg, fixed),
        };
        affected.statement.status = Some(Status::Affected);
        into.add(&format!("PHOTON:{}", row.cve_id), affected)?;
    }
    Ok(())
}
