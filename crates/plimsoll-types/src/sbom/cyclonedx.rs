//! CycloneDX 1.6 (cyclonedx.org/docs/1.6/json).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{Subject, license, problems, properties, put, uuid};
use crate::inventory::Confidence;
use crate::{ImageInventory, InstalledPackage};

pub(super) fn write(subject: &Subject<'_>, inventory: &ImageInventory) -> Value {
    let mut components = Vec::with_capacity(inventory.packages.len() + 1);
    components.extend(inventory.distro.as_ref().map(|distro| {
        let mut component = Map::new();
        component.insert("bom-ref".into(), json!(format!("os:{}", distro.purl_name())));
        component.insert("type".into(), json!("operating-system"));
        component.insert("name".into(), json!(distro.id));
        put(&mut component, "version", &distro.version_id);
        put(&mut component, "description", &distro.pretty_name);
        let facts = [("distro:codename", distro.codename.clone()), ("distro:like", distro.like.join(" "))];
        insert_properties(&mut component, facts.into_iter().filter(|(_, value)| !value.is_empty()));
        Value::Object(component)
    }));
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for installed in &inventory.packages {
        let times = seen.entry(&installed.purl).or_default();
        *times += 1;
        components.push(component(installed, *times));
    }
    let mut described = Map::new();
    described.insert("bom-ref".into(), json!("image"));
    described.insert("type".into(), json!(if subject.is_image { "container" } else { "file" }));
    described.insert("name".into(), json!(subject.name));
    if let Some(digest) = subject.digest {
        described.insert("version".into(), json!(digest));
    }
    let platform = subject.platform.map(|platform| ("image:platform", platform.to_owned()));
    insert_properties(&mut described, platform.into_iter());
    let mut metadata = Map::new();
    metadata.insert(
        "tools".into(),
        json!({"components": [{"type": "application", "name": "plimsoll", "version": env!("CARGO_PKG_VERSION")}]}),
    );
    metadata.insert("component".into(), Value::Object(described));
    insert_properties(&mut metadata, problems(inventory));
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid("cyclonedx", subject, inventory)),
        "version": 1,
        "metadata": metadata,
        "components": components,
    });
    if !inventory.problems.is_empty() {
        document["compositions"] = json!([{"aggregate": "incomplete", "assemblies": ["image"]}]);
    }
    document
}

fn component(installed: &InstalledPackage, times: usize) -> Value {
    let (package, details) = (&installed.package, &installed.details);
    let mut component = Map::new();
    // A package that is there twice has one purl and two references. No purl ends like the second: a subpath has no `=`.
    let reference = if times == 1 { installed.purl.clone() } else { format!("{}#n={times}", installed.purl) };
    component.insert("bom-ref".into(), json!(reference));
    component.insert("type".into(), json!(if details.is_by_content() { "application" } else { "library" }));
    component.insert("name".into(), json!(package.name));
    put(&mut component, "version", &package.version);
    put(&mut component, "purl", &installed.purl);
    let licenses = licenses(&details.licenses);
    if !licenses.is_empty() {
        component.insert("licenses".into(), json!(licenses));
    }
    let confidence = match details.confidence {
        Confidence::High => 1.0,
        Confidence::Medium => 0.8,
        Confidence::Low => 0.4,
    };
    let technique = match &details.evidence {
        Some(_) if details.is_by_content() => "binary-analysis",
        Some(_) if details.confidence == Confidence::Low => "filename",
        _ => "manifest-analysis",
    };
    let mut evidence = Map::new();
    if details.confidence != Confidence::High {
        let method = json!({"technique": technique, "confidence": confidence, "value": details.evidence.as_deref().unwrap_or("")});
        evidence.insert(
            "identity".into(),
            json!([{"field": "purl", "confidence": confidence, "methods": [method]}]),
        );
    }
    if !installed.path.is_empty() {
        evidence.insert("occurrences".into(), json!([{"location": installed.path}]));
    }
    if !evidence.is_empty() {
        component.insert("evidence".into(), Value::Object(evidence));
    }
    insert_properties(&mut component, properties(installed).into_iter());
    Value::Object(component)
}

/// Either one expression, or any number of licences, each by an id of SPDX or by the name that somebody gave it.
fn licenses(names: &[String]) -> Vec<Value> {
    if let [name] = names
        && !license::is_id(name)
        && let Some(expression) = license::expression(name)
    {
        return vec![json!({"expression": expression})];
    }
    let shape = |name: &String| match license::is_id(name) {
        true => json!({"license": {"id": name}}),
        false => json!({"license": {"name": name}}),
    };
    let mut all: Vec<Value> = Vec::new();
    for license in names.iter().filter(|name| !name.is_empty()).map(shape) {
        if !all.contains(&license) {
            all.push(license);
        }
    }
    all
}

fn insert_properties(
    object: &mut Map<String, Value>,
    properties: impl Iterator<Item = (&'static str, String)>,
) {
    let shape = |(name, value)| json!({"name": format!("plimsoll:{name}"), "value": value});
    let properties: Vec<Value> = properties.map(shape).collect();
    if !properties.is_empty() {
        object.insert("properties".into(), Value::Array(properties));
    }
}
