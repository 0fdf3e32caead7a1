//! `updateinfo.xml` of a repository of rpm packages, and the `repomd.xml` that names it.

use std::io::Read;

use plimsoll_types::Severity;
use serde_json::Value;

use super::xml::{Document, Node};
use super::{Collected, all, is_cve, is_name, item};
use crate::Error;
use crate::osv::one_line;

/// Bytes of a file, unpacked; the largest have some 100 MB.
const MAX_BYTES: u64 = 1 << 30;
/// Packages of one update.
const MAX_PACKAGES: usize = 20_000;

#[derive(Default)]
struct Update {
    id: String,
    kind: String,
    title: String,
    severity: String,
    description: String,
    issued: String,
    updated: String,
    cves: Vec<String>,
    links: Vec<String>,
    /// Name and epoch:version-release, the source packages left out.
    packages: Vec<(String, String)>,
    module: Option<String>,
}

/// Where a repository's updateinfo is, below the repository, by its `repomd.xml`.
pub fn location_of_updateinfo(repomd: &[u8]) -> Result<Option<String>, Error> {
    let text = String::from_utf8_lossy(repomd);
    let mut document = Document::new(&text);
    let mut is_it = false;
    while let Some(node) = document.next()? {
        if let Node::Start { name, attributes } = node {
            match name {
                "data" => is_it = attributes.get("type").as_deref() == Some("updateinfo"),
                "location" if is_it => {
                    let href = attributes.get("href").map(|href| href.into_owned());
                    let is_below = |href: &String| {
                        !href.starts_with('/')
                            && !href.contains("..")
                            && !href.contains("://")
                            && href.len() < 500
                    };
                    return Ok(href.filter(is_below));
                }
                _ => {}
            }
        }
    }
    Ok(None)
}

/// `ecosystem` has the release: `Amazon Linux:2023`.
pub(super) fn read(bytes: impl Read, ecosystem: &str, into: &mut Collected) -> Result<(), Error> {
    let content = all(bytes, MAX_BYTES, "an updateinfo")?;
    let text = String::from_utf8_lossy(&content);
    let mut document = Document::new(&text);
    let (mut update, mut element) = (Update::default(), "");
    let mut is_module = false;
    while let Some(node) = document.next()? {
        match node {
            Node::Start { name, attributes } => {
                element = name;
                let get = |key: &str| attributes.get(key).map(|value| value.into_owned()).unwrap_or_default();
                match name {
                    "update" => update = Update { kind: get("type"), ..Update::default() },
                    "issued" => update.issued = get("date"),
                    "updated" => update.updated = get("date"),
                    "reference" => {
                        let (id, href) = (get("id"), get("href"));
                        if is_cve(&id) {
                            update.cves.push(id);
                        }
                        if href.starts_with("https://") {
                            update.links.push(href);
                        }
                    }
                    "module" => {
                        is_module = true;
                        update.module = Some(format!("{}:{}", get("name"), get("stream")));
                    }
                    "package" => {
                        let (name, architecture) = (get("name"), get("arch"));
                        let epoch = get("epoch");
                        let epoch = if epoch.is_empty() || epoch == "0" {
                            String::new()
                        } else {
                            format!("{epoch}:")
                        };
                        let version = format!("{epoch}{}-{}", get("version"), get("release"));
                        if architecture != "src" && is_name(&name) && update.packages.len() < MAX_PACKAGES {
                            update.packages.push((name, version));
                        }
                    }
                    _ => {}
                }
            }
            Node::Text(text) => match element {
                "id" if update.id.is_empty() => update.id = text.trim().to_owned(),
                "title" => update.title = text.into_owned(),
                "severity" => update.severity = text.into_owned(),
                "description" if update.description.is_empty() => update.description = text.into_owned(),
                _ => {}
            },
            Node::End(name) => {
                if name == "update" {
                    take(std::mem::take(&mut update), ecosystem, into)?;
                    is_module = false;
                }
                if !is_module {
                    update.module = None;
                }
                element = "";
            }
        }
    }
    Ok(())
}

fn take(update: Update, ecosystem: &str, into: &mut Collected) -> Result<(), Error> {
    if !matches!(update.kind.as_str(), "security" | "") || update.cves.is_empty() {
        return Ok(());
    }
    let Some(record) = into.record(&update.id)? else { return Ok(()) };
    let day = |text: &str| {
        let day = text.get(..10).unwrap_or_default();
        format!("{day}T00:00:00Z").parse().ok()
    };
    record.published = day(&update.issued).or(record.published);
    record.modified = day(&update.updated).or(record.published).unwrap_or_default().max(record.modified);
    record.summary = one_line(&update.title, 300);
    record.details = one_line(&update.description, 4_000);
    record.upstream.extend(update.cves.iter().cloned());
    record.upstream.sort();
    record.upstream.dedup();
    record.references.extend(update.links.into_iter().take(20));
    record.references.sort();
    record.references.dedup();
    record.references.truncate(20);
    let id = record.id.clone();
    let mut packages = update.packages;
    packages.sort();
    packages.dedup();
    let severity = update.severity.trim().parse::<Severity>().ok();
    for (name, version) in packages {
        let mut affected = item(ecosystem, &name, Some(&version));
        affected.ecosystem_specific.severity = severity.map(|severity| Value::from(severity.as_str()));
        affected.statement.module = update.module.clone();
        into.add(&id, affected)?;
    }
    Ok(())
}
