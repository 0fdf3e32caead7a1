//! Our own form: the inventory as it is, under the names that the rest of our JSON uses (`docs/sbom.md`).

use serde_json::{Map, Value, json};

use super::{Subject, put};
use crate::inventory::Confidence;
use crate::{ImageInventory, InstalledPackage};

pub(super) fn write(subject: &Subject<'_>, inventory: &ImageInventory) -> Value {
    let distro = inventory.distro.as_ref().map(|distro| {
        json!({"id": distro.id, "like": distro.like, "version": distro.version_id, "codename": distro.codename,
            "name": distro.pretty_name})
    });
    let problem = |problem: &crate::Problem| json!({"kind": problem.kind, "path": problem.path, "message": problem.message});
    json!({
        "plimsollInventory": 1,
        "tool": {"name": "plimsoll", "version": env!("CARGO_PKG_VERSION")},
        "image": {"name": subject.name, "digest": subject.digest, "platform": subject.platform},
        "distro": distro,
        "packages": inventory.packages.iter().map(package).collect::<Vec<_>>(),
        "problems": inventory.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn package(installed: &InstalledPackage) -> Value {
    let (package, details) = (&installed.package, &installed.details);
    let mut object = Map::new();
    object.insert("type".into(), json!(package.package_type.as_str()));
    object.insert("name".into(), json!(package.name));
    object.insert("version".into(), json!(package.version));
    object.insert("purl".into(), json!(installed.purl));
    object.insert("path".into(), json!(installed.path));
    if let Some(layer) = &installed.layer {
        object.insert("layer".into(), json!(layer));
    }
    if let Some(ecosystem) = &installed.ecosystem {
        object.insert("ecosystem".into(), json!(ecosystem));
    }
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    put(&mut object, "architecture", &optional(&package.architecture));
    put(&mut object, "source", &optional(&package.source));
    put(&mut object, "sourceVersion", &optional(&package.source_version));
    if !details.licenses.is_empty() {
        object.insert("licenses".into(), json!(details.licenses));
    }
    put(&mut object, "origin", &optional(&details.origin));
    if details.confidence != Confidence::High {
        object.insert("confidence".into(), json!(details.confidence));
    }
    put(&mut object, "evidence", &optional(&details.evidence));
    put(&mut object, "ownedBy", &optional(&details.owned_by));
    Value::Object(object)
}
