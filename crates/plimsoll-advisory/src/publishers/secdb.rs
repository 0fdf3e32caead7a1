//! The `secdb` of Alpine and of those who took it over: package → version in which something was fixed → what was fixed.
//!
//! Only what was fixed is in it, and, under the version `0`, what never was in the package. An entry may hold several names
//! (`CVE-2018-7540 XSA-252`), and people mistype: `CVE_2019-2426`.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::{Collected, all, is_cve, is_name, item, never, of_cve};
use crate::Error;
use crate::osv::Affected;

/// Bytes of a file; the largest have some 10 MB.
const MAX_BYTES: u64 = 256 << 20;

#[derive(Deserialize)]
struct Database {
    /// `v3.20`, or `edge-main`; the rolling ones have none.
    #[serde(default)]
    distroversion: String,
    #[serde(default)]
    packages: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: BTreeMap<String, Value>,
}

pub(super) fn read(bytes: impl Read, feed: &str, ecosystem: &str, into: &mut Collected) -> Result<(), Error> {
    let content = all(bytes, MAX_BYTES, "a secdb")?;
    let database: Database = serde_json::from_slice(&content)
        .map_err(|error| Error::damaged(format!("the secdb of {ecosystem} cannot be read: {error}")))?;
    let release = match database.distroversion.as_str() {
        version if ecosystem != "Alpine" || version.is_empty() => String::new(),
        version if version.starts_with("edge") => ":edge".to_owned(),
        version => format!(":{version}"),
    };
    if ecosystem == "Alpine" && release.is_empty() {
        return Err(Error::damaged("a secdb of Alpine that does not say of which branch it is"));
    }
    let ecosystem = format!("{ecosystem}{release}");
    for entry in database.packages {
        match serde_json::from_value::<Entry>(entry) {
            Ok(Entry { pkg }) if is_name(&pkg.name) => take(&pkg, feed, &ecosystem, into)?,
            _ => into.dropped += 1,
        }
    }
    Ok(())
}

fn take(package: &Package, feed: &str, ecosystem: &str, into: &mut Collected) -> Result<(), Error> {
    for (version, names) in &package.secfixes {
        // A list, or in some hand-made files an empty object.
        let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        let names = names.flat_map(str::split_whitespace).map(|name| name.replace('_', "-"));
        for name in names.filter(|name| is_cve(name) || name.starts_with("GHSA-")) {
            if of_cve(into, feed, &name)?.is_none() {
                continue;
            }
            let item: Affected = match version.as_str() {
                "0" => never(ecosystem, &package.name),
                version => item(ecosystem, &package.name, Some(version)),
            };
            into.add(&format!("{feed}:{name}"), item)?;
        }
    }
    Ok(())
}
