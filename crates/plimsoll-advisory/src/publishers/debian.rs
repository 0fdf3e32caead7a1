//! The JSON of Debian's security tracker: source package → vulnerability → release.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufReader, Read};

use plimsoll_types::Status;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{Collected, is_name, item, never, of_cve};
use crate::Error;
use crate::osv::{Affected, one_line};

/// Bytes of the whole file, which has some 70 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Names of releases and their numbers. sid has none, and is named in the same way.
const RELEASES: [(&str, &str); 14] = [
    ("squeeze", "6.0"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("lenny", "5.0"),
    ("etch", "4.0"),
    ("sarge", "3.1"),
    ("sid", "sid"),
];

/// What is said of one vulnerability in one source package.
#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    description: String,
    #[serde(default)]
    releases: HashMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

pub(super) fn read(bytes: impl Read, into: &mut Collected) -> Result<(), Error> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(bytes.take(MAX_BYTES)));
    let read = Packages { into, failure: &mut failure }.deserialize(&mut json);
    match (failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(Error::damaged(format!("Debian's tracker cannot be read: {error}"))),
        (None, Ok(())) => Ok(()),
    }
}

/// Takes the file apart package by package: it is never in memory as a whole.
struct Packages<'a> {
    into: &'a mut Collected,
    failure: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Packages<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("packages with their vulnerabilities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        while let Some(package) = packages.next_key::<String>()? {
            if !is_name(&package) {
                packages.next_value::<IgnoredAny>()?;
                self.into.dropped += 1;
                continue;
            }
            let issues: Value = packages.next_value()?;
            let Value::Object(issues) = issues else {
                self.into.dropped += 1;
                continue;
            };
            for (name, issue) in issues {
                let Ok(issue) = serde_json::from_value::<Issue>(issue) else {
                    self.into.dropped += 1;
                    continue;
                };
                if let Err(error) = take(&package, &name, &issue, self.into) {
                    *self.failure = Some(error);
                    return Err(serde::de::Error::custom("too much"));
                }
            }
        }
        Ok(())
    }
}

fn take(package: &str, name: &str, issue: &Issue, into: &mut Collected) -> Result<(), Error> {
    let id = format!("DEBIAN:{name}");
    let Some(record) = of_cve(into, "DEBIAN", name)? else { return Ok(()) };
    if record.details.is_empty() {
        record.details = one_line(&issue.description, 4_000);
        record.references = vec![format!("https://security-tracker.debian.org/tracker/{name}")];
    }
    for (codename, release) in &issue.releases {
        let Some((_, number)) = RELEASES.iter().find(|(known, _)| known == codename) else { continue };
        match judge(&format!("Debian:{number}"), package, release) {
            Some(item) => into.add(&id, item)?,
            None => into.dropped += 1,
        }
    }
    Ok(())
}

fn judge(ecosystem: &str, package: &str, release: &Release) -> Option<Affected> {
    let urgency = release.urgency.as_deref().unwrap_or_default();
    let mut affected = match release.status.as_str() {
        "resolved" => match release.fixed_version.as_deref()? {
            // The release never had the flaw.
            "0" => never(ecosystem, package),
            fixed => item(ecosystem, package, Some(fixed)),
        },
        "open" | "undetermined" => item(ecosystem, package, None),
        _ => return None,
    };
    affected.statement.status = Some(match (release.status.as_str(), release.nodsa_reason.as_deref()) {
        ("resolved", _) => Status::Affected,
        ("undetermined", _) => Status::Unknown,
        _ if urgency == "end-of-life" => Status::EndOfLife,
        (_, Some("ignored")) => Status::WillNotFix,
        (_, Some("postponed")) => Status::FixDeferred,
        _ => Status::Affected,
    });
    affected.statement.note = release.nodsa.clone().unwrap_or_default();
    if urgency != "end-of-life" {
        affected.ecosystem_specific.urgency = Some(Value::from(urgency));
    }
    Some(affected)
}
