//! One arrow: which of our crates may import which, and which may know what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Crate and what it may import of ours, outside its tests. A crate that is not here may not exist.
const ARROW: &[(&str, &[&str])] = &[
    ("plimsoll-types", &[]),
    ("plimsoll-version", &[]),
    ("plimsoll-inventory", &["types"]),
    ("plimsoll-probe", &["types", "inventory"]),
    ("plimsoll-advisory", &["types", "version"]),
    ("plimsoll-query", &[]),
    ("plimsoll-store", &["types", "version"]),
    ("plimsoll-access", &["types", "store"]),
    ("plimsoll-registry", &["types", "store", "access"]),
    ("plimsoll-scan", &["types", "advisory", "store"]),
    ("plimsoll-web", &["types", "query", "store", "access"]),
    ("plimsoll-testkit", &["types"]),
    ("plimsoll", &["types", "version", "probe", "advisory", "store", "access", "registry", "scan", "web"]),
];

/// The crates that never await, and never open a socket or a database: they may not even name the means.
const PURE: &[&str] =
    &["plimsoll-types", "plimsoll-version", "plimsoll-inventory", "plimsoll-advisory", "plimsoll-query"];
const IMPURE_MEANS: &[&str] = &["tokio", "reqwest", "sqlx", "object_store", "axum", "hyper"];

/// Who may name a means that belongs to one room.
const MEANS: &[(&str, &[&str])] = &[
    ("sqlx", &["plimsoll-store"]),
    ("object_store", &["plimsoll-store"]),
    ("landlock", &["plimsoll-probe"]),
    ("seccompiler", &["plimsoll-probe"]),
    ("reqwest", &["plimsoll-scan", "plimsoll-access", "plimsoll"]),
];

/// Fails with every arrow that points the wrong way.
pub(crate) fn check() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for manifest in manifests(&root)? {
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let document: toml::Table =
            text.parse().with_context(|| format!("{} is not TOML", manifest.display()))?;
        let name = document["package"]["name"].as_str().unwrap_or_default().to_owned();
        let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
        if folder.to_string_lossy() != name {
            faults
                .push(format!("{name} lives in {}: a crate's folder has its name", folder.to_string_lossy()));
        }
        let Some((_, allowed)) = ARROW.iter().find(|(crate_name, _)| *crate_name == name) else {
            faults.push(format!("{name} is not on the map: give it a line here and in ARCHITECTURE.md"));
            continue;
        };
        let imports = dependencies(&document, "dependencies");
        faults.extend(forbidden(&name, allowed, &imports));
        seen.insert(name);
    }
    faults.extend(
        ARROW
            .iter()
            .filter(|(name, _)| !seen.contains(*name))
            .map(|(name, _)| format!("{name} is on the map and nowhere else")),
    );
    if !faults.is_empty() {
        bail!("the arrow is broken:\n  {}", faults.join("\n  "));
    }
    println!("layers: {} crates, one arrow", seen.len());
    Ok(())
}

fn manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root).with_context(|| format!("cannot list {}", root.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.exists() {
            found.push(manifest);
        }
    }
    found.sort();
    Ok(found)
}

fn dependencies(document: &toml::Table, section: &str) -> Vec<String> {
    let table = document.get(section).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn forbidden(name: &str, allowed: &[&str], imports: &[String]) -> Vec<String> {
    let ours = |import: &&String| import.starts_with("plimsoll-");
    let may = |import: &str| allowed.iter().any(|allowed| import.strip_prefix("plimsoll-") == Some(allowed));
    let mut faults: Vec<String> = imports
        .iter()
        .filter(ours)
        .filter(|import| !may(import))
        .map(|import| format!("{name} imports {import}; it may import {allowed:?} of ours"))
        .collect();
    for import in imports {
        if PURE.contains(&name) && IMPURE_MEANS.contains(&import.as_str()) {
            faults.push(format!("{name} is pure and imports {import}"));
        }
        if let Some((_, rooms)) = MEANS.iter().find(|(means, _)| means == import)
            && !rooms.contains(&name)
        {
            faults.push(format!("{name} imports {import}, which only {rooms:?} may know"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrow_holds() {
        check().expect("the arrow holds");
    }

    #[test]
    fn an_arrow_that_points_back_is_found() {
        let faults =
            forbidden("plimsoll-types", &[], &["plimsoll-store".into(), "tokio".into(), "serde".into()]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(forbidden("plimsoll-scan", &["types"], &["plimsoll-types".into()]), Vec::<String>::new());
    }
}
