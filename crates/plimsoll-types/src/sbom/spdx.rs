//! SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Subject, license, problems, properties, put, tool, uuid};
use crate::{Digest, ImageInventory, InstalledPackage, Timestamp};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";

pub(super) fn write(subject: &Subject<'_>, inventory: &ImageInventory, created: Timestamp) -> Value {
    // The specification has no fractions of seconds.
    let date = Timestamp(created.0.div_euclid(1000) * 1000).to_string();
    let mut names = Names::default();
    let mut packages = vec![image(subject)];
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", IMAGE)];
    if let Some(distro) = &inventory.distro {
        let mut package = base("SPDXRef-OperatingSystem", &distro.id);
        put(&mut package, "versionInfo", &distro.version_id);
        put(&mut package, "summary", &distro.pretty_name);
        package.insert("primaryPackagePurpose".into(), json!("OPERATING-SYSTEM"));
        let facts = [("distro:codename", distro.codename.clone()), ("distro:like", distro.like.join(" "))];
        annotate(&mut package, facts.into_iter().filter(|(_, value)| !value.is_empty()), &date);
        packages.push(Value::Object(package));
        relationships.push(relationship(IMAGE, "CONTAINS", "SPDXRef-OperatingSystem"));
    }
    for (number, installed) in inventory.packages.iter().enumerate() {
        let id = format!("SPDXRef-Package-{}", number + 1);
        relationships.push(relationship(IMAGE, "CONTAINS", &id));
        packages.push(package(installed, &id, &mut names, &date));
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": subject.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/plimsoll-{}", uuid("spdx", subject, inventory)),
        "creationInfo": {"created": date, "creators": [format!("Tool: {}", tool())]},
        "packages": packages,
        "relationships": relationships,
    });
    let mut notes = Map::new();
    annotate(&mut notes, problems(inventory), &date);
    for (name, notes) in notes {
        document[name] = notes;
    }
    if !names.0.is_empty() {
        let shape =
            |(id, text): (String, String)| json!({"licenseId": id, "name": text, "extractedText": text});
        let infos: Vec<Value> = names.0.into_iter().map(shape).collect();
        document["hasExtractedLicensingInfos"] = json!(infos);
    }
    document
}

fn image(subject: &Subject<'_>) -> Value {
    let mut package = base(IMAGE, subject.name);
    package
        .insert("primaryPackagePurpose".into(), json!(if subject.is_image { "CONTAINER" } else { "FILE" }));
    if let Some(digest) = subject.digest {
        put(&mut package, "versionInfo", digest.as_str());
        if digest.as_str().starts_with("sha256:") {
            package
                .insert("checksums".into(), json!([{"algorithm": "SHA256", "checksumValue": digest.hex()}]));
        }
    }
    put(&mut package, "comment", subject.platform.unwrap_or_default());
    Value::Object(package)
}

/// What every package must have.
fn base(id: &str, name: &str) -> Map<String, Value> {
    let mut package = Map::new();
    package.insert("SPDXID".into(), json!(id));
    package.insert("name".into(), json!(name));
    package.insert("downloadLocation".into(), json!("NOASSERTION"));
    package.insert("filesAnalyzed".into(), json!(false));
    package.insert("licenseConcluded".into(), json!("NOASSERTION"));
    package.insert("licenseDeclared".into(), json!("NOASSERTION"));
    package.insert("copyrightText".into(), json!("NOASSERTION"));
    package
}

fn package(installed: &InstalledPackage, id: &str, names: &mut Names, date: &str) -> Value {
    let mut package = base(id, &installed.package.name);
    put(&mut package, "versionInfo", &installed.package.version);
    if let Some(declared) = names.expression(&installed.details.licenses) {
        package.insert("licenseDeclared".into(), json!(declared));
    }
    if !installed.path.is_empty() {
        package.insert("sourceInfo".into(), json!(format!("named by the file {}", installed.path)));
    }
    if !installed.purl.is_empty() {
        package.insert(
            "externalRefs".into(),
            json!([{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": installed.purl}]),
        );
    }
    annotate(&mut package, properties(installed).into_iter(), date);
    Value::Object(package)
}

/// SPDX has no properties; a tool may leave notes.
fn annotate(
    package: &mut Map<String, Value>,
    properties: impl Iterator<Item = (&'static str, String)>,
    date: &str,
) {
    let shape = |(name, value)| {
        json!({
            "annotationDate": date,
            "annotationType": "OTHER",
            "annotator": format!("Tool: {}", tool()),
            "comment": format!("plimsoll:{name}={value}"),
        })
    };
    let annotations: Vec<Value> = properties.map(shape).collect();
    if !annotations.is_empty() {
        package.insert("annotations".into(), Value::Array(annotations));
    }
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

/// Names of licences that are no expression of SPDX, by the references that the document gives them.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// All of them together as one expression; `None` where there are none.
    fn expression(&mut self, licenses: &[String]) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        for name in licenses.iter().filter(|name| !name.trim().is_empty()) {
            let part = license::expression(name).unwrap_or_else(|| {
                let id = format!("LicenseRef-{}", &Digest::sha256(name.as_bytes()).hex()[..16]);
                self.0.insert(id.clone(), name.clone());
                id
            });
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if parts.len() > 1 {
            // A list says that each of them holds; what of it is an expression of its own keeps together.
            let grouped = |part: &String| if part.contains(' ') { format!("({part})") } else { part.clone() };
            parts = vec![parts.iter().map(grouped).collect::<Vec<_>>().join(" AND ")];
        }
        parts.pop()
    }
}
