//! The inventory as CycloneDX 1.6 (cyclonedx.org/docs/1.6/json). There is no time in it and nothing of chance, so that
//! the same image gives the same bytes.

use std::collections::HashMap;

use plimsoll_types::{Digest, ImageInventory, InstalledPackage};
use serde_json::{Map, Value, json};

use super::Image;

pub(super) fn write(image: &Image, inventory: &ImageInventory) -> Value {
    let mut components = Vec::with_capacity(inventory.packages.len() + 1);
    components.extend(inventory.distro.as_ref().map(|distro| {
        let mut component = Map::new();
        component.insert("bom-ref".into(), json!(format!("os:{}", distro.purl_name())));
        component.insert("type".into(), json!("operating-system"));
        component.insert("name".into(), json!(distro.id));
        put(&mut component, "version", &distro.version_id);
        put(&mut component, "description", &distro.pretty_name);
        Value::Object(component)
    }));
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for installed in &inventory.packages {
        let times = seen.entry(&installed.purl).or_default();
        *times += 1;
        components.push(library(installed, *times));
    }
    let mut described = Map::new();
    described.insert("bom-ref".into(), json!("image"));
    described.insert("type".into(), json!(if image.layers.is_empty() { "file" } else { "container" }));
    described.insert("name".into(), json!(image.reference.as_deref().unwrap_or(&image.target)));
    if let Some(digest) = &image.digest {
        described.insert("version".into(), json!(digest));
    }
    let properties = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| json!({"name": name, "value": value}))
    };
    let properties: Vec<Value> = properties("plimsoll:image:platform", &image.platform).into_iter().collect();
    if !properties.is_empty() {
        described.insert("properties".into(), json!(properties));
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(image, &components),
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "plimsoll", "version": env!("CARGO_PKG_VERSION")}]},
            "component": described,
        },
        "components": components,
    })
}

fn library(installed: &InstalledPackage, times: usize) -> Value {
    let package = &installed.package;
    let mut component = Map::new();
    // A package that is there twice has one purl and two references.
    let reference = if times == 1 { installed.purl.clone() } else { format!("{}#{times}", installed.purl) };
    component.insert("bom-ref".into(), json!(reference));
    component.insert("type".into(), json!("library"));
    component.insert("name".into(), json!(package.name));
    put(&mut component, "version", &package.version);
    put(&mut component, "purl", &installed.purl);
    let mut properties = Vec::new();
    let mut property = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            properties.push(json!({"name": format!("plimsoll:{name}"), "value": value}));
        }
    };
    property("layer:digest", installed.layer.as_ref().map(Digest::as_str));
    property("location:path", Some(&installed.path));
    property("package:ecosystem", installed.ecosystem.as_ref().map(ToString::to_string).as_deref());
    property("package:source", package.source.as_deref());
    property("package:sourceVersion", package.source_version.as_deref());
    if !properties.is_empty() {
        component.insert("properties".into(), Value::Array(properties));
    }
    Value::Object(component)
}

fn put(component: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        component.insert(name.to_owned(), json!(value));
    }
}

/// A UUID of version 8 (RFC 9562, section 5.8) made of the image's digest, or of the content where there is none.
fn serial_number(image: &Image, components: &[Value]) -> String {
    let seed = match &image.digest {
        Some(digest) => digest.to_string(),
        None => json!([image.target, components]).to_string(),
    };
    let mut hex: Vec<char> =
        Digest::sha256(format!("plimsoll cyclonedx {seed}").as_bytes()).hex().chars().take(32).collect();
    hex[12] = '8';
    hex[16] = ['8', '9', 'a', 'b'][hex[16].to_digit(16).unwrap_or(0) as usize % 4];
    let part = |range: std::ops::Range<usize>| hex[range].iter().collect::<String>();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
