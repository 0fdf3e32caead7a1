//! NVD's JSON 2.0: of each CVE the text, the scores and the weaknesses. Its lists of products (CPE) are not read: they name
//! programs, not packages, and would find what is not there.

use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::{Collected, all, is_cve};
use crate::Error;
use crate::osv::{Authority, Rating, one_line};

/// Bytes of the file of a year, unpacked; the largest have some 100 MB.
const MAX_BYTES: u64 = 1 << 30;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    vulnerabilities: Vec<Value>,
}

#[derive(Deserialize)]
struct Item {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    published: Option<String>,
    last_modified: Option<String>,
    #[serde(default)]
    vuln_status: String,
    #[serde(default)]
    descriptions: Vec<Described>,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    weaknesses: Vec<Weakness>,
    #[serde(default)]
    references: Vec<Link>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metrics {
    cvss_metric_v40: Vec<Metric>,
    cvss_metric_v31: Vec<Metric>,
    cvss_metric_v30: Vec<Metric>,
    cvss_metric_v2: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    cvss_data: Vector,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    vector_string: String,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default)]
    description: Vec<Described>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    url: String,
}

pub(super) fn read(bytes: impl Read, into: &mut Collected) -> Result<(), Error> {
    let content = all(bytes, MAX_BYTES, "a file of NVD")?;
    let file: File = serde_json::from_slice(&content)
        .map_err(|error| Error::damaged(format!("a file of NVD cannot be read: {error}")))?;
    for item in file.vulnerabilities {
        match serde_json::from_value::<Item>(item) {
            Ok(Item { cve }) if is_cve(&cve.id) => take(cve, into)?,
            _ => into.dropped += 1,
        }
    }
    Ok(())
}

fn take(cve: Cve, into: &mut Collected) -> Result<(), Error> {
    // A CVE that was taken back keeps its number and loses all else.
    if cve.vuln_status == "Rejected" {
        return Ok(());
    }
    let Some(record) = into.record(&format!("NVD:{}", cve.id))? else { return Ok(()) };
    // Times have no zone and are of UTC.
    let instant = |text: Option<String>| format!("{}Z", text?.split('.').next()?).parse().ok();
    record.authority = Authority::Cve;
    record.published = instant(cve.published);
    record.modified = instant(cve.last_modified).unwrap_or_default();
    record.aliases = vec![cve.id];
    let english = cve.descriptions.iter().find(|text| text.lang == "en");
    record.details = english.map_or(String::new(), |text| one_line(&text.value, 4_000));
    let Metrics { cvss_metric_v40, cvss_metric_v31, cvss_metric_v30, cvss_metric_v2 } = cve.metrics;
    let metrics =
        cvss_metric_v40.into_iter().chain(cvss_metric_v31).chain(cvss_metric_v30).chain(cvss_metric_v2);
    record.severity = metrics
        .map(|metric| Rating { kind: String::new(), score: metric.cvss_data.vector_string })
        .take(20)
        .collect();
    let weaknesses = cve.weaknesses.iter().flat_map(|weakness| &weakness.description);
    let weaknesses = weaknesses.map(|text| text.value.as_str()).filter(|text| text.starts_with("CWE-"));
    record.database_specific.cwe_ids = Some(weaknesses.take(20).map(Value::from).collect());
    record.references = cve
        .references
        .into_iter()
        .map(|link| link.url)
        .filter(|url| url.starts_with("http"))
        .take(20)
        .collect();
    Ok(())
}
