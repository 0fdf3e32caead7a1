//! OVAL definitions of vulnerabilities, as Azure Linux and CBL-Mariner publish them: a definition has a CVE and points at a
//! test, the test at an object (a package) and a state (older than a version, or of any).

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::xml::{Document, Node};
use super::{Collected, all, is_cve, is_name, item, of_cve};
use crate::Error;
use crate::osv::one_line;

/// Bytes of a file, unpacked; the largest have some 20 MB.
const MAX_BYTES: u64 = 512 << 20;
/// Definitions, tests, objects and states each.
const MAX_PARTS: usize = 2_000_000;

#[derive(Default)]
struct Definition {
    cve: String,
    title: String,
    description: String,
    severity: String,
    date: String,
    patchable: String,
    tests: Vec<String>,
}

#[derive(Default)]
struct Parts {
    definitions: Vec<Definition>,
    /// Test → object and state.
    tests: HashMap<String, (String, String)>,
    /// Object → package.
    objects: HashMap<String, String>,
    /// State → operation and version.
    states: HashMap<String, (String, String)>,
    product: String,
}

pub(super) fn read(bytes: impl Read, into: &mut Collected) -> Result<(), Error> {
    let content = all(bytes, MAX_BYTES, "an OVAL file")?;
    let parts = parts(&String::from_utf8_lossy(&content))?;
    for definition in &parts.definitions {
        take(definition, &parts, into)?;
    }
    Ok(())
}

fn parts(text: &str) -> Result<Parts, Error> {
    let mut parts = Parts::default();
    let mut document = Document::new(text);
    let mut definition = Definition::default();
    // The part that is open, and the operation of its state.
    let (mut id, mut operation, mut element) = (String::new(), String::new(), "");
    let owned =
        |text: Option<std::borrow::Cow<'_, str>>| text.map(|text| text.into_owned()).unwrap_or_default();
    while let Some(node) = document.next()? {
        match node {
            Node::Start { name, attributes } => {
                element = name;
                match name {
                    "definition" => definition = Definition::default(),
                    "rpminfo_test" | "rpminfo_object" | "rpminfo_state" => id = owned(attributes.get("id")),
                    "reference" if definition.cve.is_empty() => {
                        definition.cve = owned(attributes.get("ref_id").filter(|id| is_cve(id)));
                    }
                    "criterion" => definition.tests.push(owned(attributes.get("test_ref"))),
                    "object" => {
                        parts.tests.entry(id.clone()).or_default().0 = owned(attributes.get("object_ref"));
                    }
                    "state" => {
                        parts.tests.entry(id.clone()).or_default().1 = owned(attributes.get("state_ref"))
                    }
                    "evr" => operation = owned(attributes.get("operation")),
                    _ => {}
                }
            }
            Node::Text(text) => match element {
                "product_name" => parts.product = text.into_owned(),
                "platform" if parts.product.is_empty() => parts.product = text.into_owned(),
                "title" => definition.title = text.into_owned(),
                "description" => definition.description = text.into_owned(),
                "severity" => definition.severity = text.into_owned(),
                "advisory_date" => definition.date = text.into_owned(),
                "patchable" => definition.patchable = text.into_owned(),
                "name" => {
                    parts.objects.insert(id.clone(), text.into_owned());
                }
                "evr" => {
                    parts.states.insert(id.clone(), (operation.clone(), text.into_owned()));
                }
                _ => {}
            },
            Node::End(name) => {
                if name == "definition" {
                    parts.definitions.push(std::mem::take(&mut definition));
                }
                element = "";
            }
        }
        let most = [parts.definitions.len(), parts.tests.len(), parts.objects.len(), parts.states.len()];
        if most.into_iter().any(|count| count > MAX_PARTS) {
            return Err(Error::too_large("an OVAL file beyond all measure"));
        }
    }
    if parts.definitions.is_empty() {
        return Err(Error::damaged("an OVAL file without definitions"));
    }
    Ok(parts)
}

fn take(definition: &Definition, parts: &Parts, into: &mut Collected) -> Result<(), Error> {
    if !is_cve(&definition.cve) {
        into.dropped += 1;
        return Ok(());
    }
    let Some(record) = of_cve(into, "AZURE", &definition.cve)? else { return Ok(()) };
    let modified = definition.date.parse().unwrap_or_default();
    record.modified = record.modified.max(modified);
    if record.details.is_empty() {
        record.details = one_line(&definition.description, 4_000);
        record.summary = one_line(&definition.title, 300);
        record.references = vec![format!("https://nvd.nist.gov/vuln/detail/{}", definition.cve)];
    }
    let id = record.id.clone();
    for test in &definition.tests {
        let found = parts.tests.get(test).and_then(|(object, state)| {
            let name = parts.objects.get(object).filter(|name| is_name(name))?;
            Some((name, parts.states.get(state)?))
        });
        let Some((name, (operation, version))) = found else {
            into.dropped += 1;
            continue;
        };
        let ecosystem = ecosystem(version, &parts.product);
        let Some(ecosystem) = ecosystem else {
            into.dropped += 1;
            continue;
        };
        let mut affected = match operation.as_str() {
            "less than" => item(&ecosystem, name, Some(version)),
            // Any version that there is: `less than or equal` to the newest, or `greater than` zero.
            _ => item(&ecosystem, name, None),
        };
        affected.ecosystem_specific.severity = Some(Value::from(definition.severity.as_str()));
        if !definition.patchable.is_empty() && definition.patchable != "true" {
            affected.statement.note = format!("patchable: {}", definition.patchable);
        }
        into.add(&id, affected)?;
    }
    Ok(())
}

/// The release is in the version: `0:2.6.7-3.azl3`, `0:1.2.3-4.cm2`.
fn ecosystem(version: &str, product: &str) -> Option<String> {
    let tag = |tag: &str| {
        let (_, release) = version.rsplit_once(tag)?;
        let digits: String = release.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then_some(digits)
    };
    if let Some(release) = tag(".azl") {
        return Some(format!("Azure Linux:{release}"));
    }
    if let Some(release) = tag(".cm") {
        return Some(format!("Azure Linux:{release}"));
    }
    // A version without a tag: `0:0.0.0-0` of what has no fix.
    product.contains("Mariner").then(|| "Azure Linux:2".to_owned()).or(Some("Azure Linux:3".to_owned()))
}
