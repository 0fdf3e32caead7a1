//! CSAF documents of the VEX profile (OASIS CSAF 2.0, 4.5): for each vulnerability, which products have which status.
//!
//! A product is a leaf of a tree with a purl or a CPE, or a relationship: a component as part of a platform. Red Hat names
//! fixed binary packages with their versions, and of what has no fix the component, which is the source package; these are
//! filed as `NAME (source)`, a name that no package can have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_types::{Purl, Status, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{Collected, is_cve, is_name, item, never, of_cve};
use crate::Error;
use crate::osv::{Affected, Rating, one_line};

/// Products of one document; the kernel's have some hundred thousand.
const MAX_PRODUCTS: usize = 1_000_000;

/// Whose documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    RedHat,
    Suse,
}

/// A document, as far as statuses go.
pub(crate) struct Csaf {
    pub(crate) id: String,
    title: String,
    severity: String,
    published: Option<Timestamp>,
    modified: Timestamp,
    products: HashMap<String, Product>,
    pub(crate) vulnerabilities: Vec<Vulnerability>,
}

/// A product of the tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Product {
    pub(crate) purl: Option<String>,
    cpe: Option<String>,
    /// The ids of the component and of the platform, where it is one as part of the other.
    part_of: Option<(String, String)>,
}

#[derive(Deserialize)]
pub(crate) struct Vulnerability {
    #[serde(default)]
    pub(crate) cve: String,
    #[serde(default)]
    pub(crate) ids: Vec<OtherId>,
    #[serde(default)]
    notes: Vec<Note>,
    cwe: Option<Cwe>,
    #[serde(default)]
    scores: Vec<Score>,
    #[serde(default)]
    pub(crate) product_status: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    remediations: Vec<Remediation>,
    #[serde(default)]
    pub(crate) flags: Vec<Flag>,
    #[serde(default)]
    pub(crate) threats: Vec<Threat>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
pub(crate) struct OtherId {
    #[serde(default)]
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Note {
    #[serde(default)]
    category: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Cwe {
    id: String,
}

#[derive(Deserialize)]
struct Score {
    cvss_v3: Option<Vector>,
    cvss_v2: Option<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    vector_string: String,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(default)]
    category: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
pub(crate) struct Flag {
    #[serde(default)]
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) product_ids: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Threat {
    #[serde(default)]
    pub(crate) category: String,
    #[serde(default)]
    pub(crate) details: String,
    #[serde(default)]
    pub(crate) product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    url: String,
}

impl Csaf {
    /// Reads a document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |what: &str| Error::damaged(format!("a CSAF document {what}"));
        let mut value: Value =
            serde_json::from_slice(bytes).map_err(|error| bad(&format!("is no JSON: {error}")))?;
        let document = &value["document"];
        let tracking = &document["tracking"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&tracking["id"]);
        if id.is_empty() {
            return Err(bad("has no id"));
        }
        let (title, severity) = (text(&document["title"]), text(&document["aggregate_severity"]["text"]));
        let instant = |key: &str| tracking[key].as_str().and_then(|text| text.parse().ok());
        let (published, modified) = (instant("initial_release_date"), instant("current_release_date"));
        let products = products(&value["product_tree"])?;
        let vulnerabilities = match value["vulnerabilities"].take() {
            Value::Array(items) => {
                items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
            }
            _ => Vec::new(),
        };
        let modified = modified.unwrap_or_default();
        Ok(Self { id, title, severity, published, modified, products, vulnerabilities })
    }

    /// When it was changed last.
    pub(crate) fn modified(&self) -> Timestamp {
        self.modified
    }

    /// A product, and of a part of a platform the part.
    pub(crate) fn component(&self, id: &str) -> Option<&Product> {
        let product = self.products.get(id)?;
        match &product.part_of {
            Some((component, _)) if product.purl.is_none() => self.products.get(component),
            _ => Some(product),
        }
    }
}

/// The products by their ids. The tree may be deep, but not deeper than JSON is read.
fn products(tree: &Value) -> Result<HashMap<String, Product>, Error> {
    let mut products: HashMap<String, Product> = HashMap::new();
    let mut open: Vec<&Value> = tree["branches"].as_array().into_iter().flatten().collect();
    let mut leaves: Vec<&Value> = tree["full_product_names"].as_array().into_iter().flatten().collect();
    while let Some(branch) = open.pop() {
        open.extend(branch["branches"].as_array().into_iter().flatten());
        leaves.extend(branch.get("product"));
    }
    for relation in tree["relationships"].as_array().into_iter().flatten() {
        leaves.push(&relation["full_product_name"]);
    }
    if leaves.len() > MAX_PRODUCTS {
        return Err(Error::too_large("a CSAF document with products beyond all measure"));
    }
    for leaf in leaves {
        let Some(id) = leaf["product_id"].as_str() else { continue };
        let helper = &leaf["product_identification_helper"];
        let text = |key: &str| helper[key].as_str().map(str::to_owned);
        let product = Product { purl: text("purl"), cpe: text("cpe"), part_of: None };
        products.insert(id.to_owned(), product);
    }
    for relation in tree["relationships"].as_array().into_iter().flatten() {
        let id = relation["full_product_name"]["product_id"].as_str();
        let part =
            relation["product_reference"].as_str().zip(relation["relates_to_product_reference"].as_str());
        if let (Some(product), Some((component, platform))) = (id.and_then(|id| products.get_mut(id)), part) {
            product.part_of = Some((component.to_owned(), platform.to_owned()));
        }
    }
    Ok(products)
}

/// Takes one document of a publisher.
pub(super) fn read(bytes: &[u8], vendor: Vendor, into: &mut Collected) -> Result<(), Error> {
    // What lies beside the documents, an index or a signature, is none.
    let Ok(document) = Csaf::parse(bytes) else {
        into.dropped += 1;
        return Ok(());
    };
    for vulnerability in &document.vulnerabilities {
        if is_cve(&vulnerability.cve) {
            take(&document, vulnerability, vendor, into)?;
        }
    }
    Ok(())
}

fn take(
    document: &Csaf,
    vulnerability: &Vulnerability,
    vendor: Vendor,
    into: &mut Collected,
) -> Result<(), Error> {
    let feed = match vendor {
        Vendor::RedHat => "REDHAT",
        Vendor::Suse => "SUSE",
    };
    let items = items(document, vulnerability, vendor);
    if items.is_empty() {
        return Ok(());
    }
    let Some(record) = of_cve(into, feed, &vulnerability.cve)? else { return Ok(()) };
    record.published = document.published;
    record.modified = document.modified;
    record.summary = one_line(&document.title, 300);
    let description = vulnerability.notes.iter().find(|note| note.category == "description");
    record.details = description.map_or(String::new(), |note| one_line(&note.text, 4_000));
    record.database_specific.severity = Some(Value::from(document.severity.as_str()));
    record.database_specific.cwe_ids =
        vulnerability.cwe.as_ref().map(|cwe| Value::Array(vec![Value::from(cwe.id.as_str())]));
    let vectors = vulnerability.scores.iter().flat_map(|score| [&score.cvss_v3, &score.cvss_v2]).flatten();
    let vectors: BTreeSet<&str> = vectors.map(|vector| vector.vector_string.as_str()).collect();
    record.severity = vectors
        .into_iter()
        .take(20)
        .map(|score| Rating { kind: String::new(), score: score.to_owned() })
        .collect();
    let errata = vulnerability.remediations.iter().map(|remediation| &remediation.url);
    let links = vulnerability.references.iter().map(|reference| &reference.url).chain(errata);
    for link in links.filter(|link| link.starts_with("https://") && link.len() < 2_000) {
        if record.references.len() < 20 && !record.references.contains(link) {
            record.references.push(link.clone());
        }
    }
    let id = record.id.clone();
    for item in items {
        into.add(&id, item)?;
    }
    Ok(())
}

fn items(document: &Csaf, vulnerability: &Vulnerability, vendor: Vendor) -> Vec<Affected> {
    let mut remediations: HashMap<&str, &Remediation> = HashMap::new();
    for remediation in &vulnerability.remediations {
        for id in &remediation.product_ids {
            // A workaround is no word on the fix.
            if remediation.category != "workaround" {
                remediations.insert(id, remediation);
            }
        }
    }
    let mut items: Vec<Affected> = Vec::new();
    let mut known: BTreeSet<(String, String, String, Option<String>)> = BTreeSet::new();
    for (kind, ids) in &vulnerability.product_status {
        for id in ids {
            let Some(part) = part(document, id, vendor) else { continue };
            let Part { ecosystem, name, version, module } = part;
            let key = (ecosystem.clone(), name.clone(), format!("{kind} {version}"), module.clone());
            if !known.insert(key) {
                continue;
            }
            let remediation = remediations.get(id.as_str());
            let (mut affected, status) = match kind.as_str() {
                "fixed" | "first_fixed" if !version.is_empty() => {
                    (item(&ecosystem, &name, Some(&version)), Status::Affected)
                }
                "known_affected" | "first_affected" | "last_affected" => {
                    (item(&ecosystem, &name, None), unfixed(remediation.copied()))
                }
                "known_not_affected" => (never(&ecosystem, &name), Status::Affected),
                "under_investigation" => (item(&ecosystem, &name, None), Status::UnderInvestigation),
                _ => continue,
            };
            affected.statement.status = Some(status);
            affected.statement.module = module;
            if kind != "fixed" {
                affected.statement.note = remediation.map_or(String::new(), |r| r.details.clone());
            }
            items.push(affected);
        }
    }
    items
}

/// What is said of a product without a fix, by the remedy for it.
fn unfixed(remediation: Option<&Remediation>) -> Status {
    let Some(remediation) = remediation else { return Status::Affected };
    match (remediation.category.as_str(), remediation.details.trim()) {
        (_, "Out of support scope") => Status::EndOfLife,
        ("no_fix_planned", _) | (_, "Will not fix") => Status::WillNotFix,
        (_, "Fix deferred") => Status::FixDeferred,
        _ => Status::Affected,
    }
}

/// A package of a release.
struct Part {
    ecosystem: String,
    name: String,
    /// Epoch, version and release; empty where none is named.
    version: String,
    module: Option<String>,
}

fn part(document: &Csaf, id: &str, vendor: Vendor) -> Option<Part> {
    let (component, platform) = document.products.get(id)?.part_of.as_ref()?;
    let product = document.products.get(component);
    let ecosystem = match vendor {
        Vendor::RedHat => red_hat(document.products.get(platform)?.cpe.as_deref()?)?,
        Vendor::Suse => suse(platform)?,
    };
    let purl = product.and_then(|product| product.purl.as_deref()?.parse::<Purl>().ok());
    let named = match purl.filter(|purl| purl.package_type == "rpm") {
        Some(purl) if purl.qualifier("arch") == Some("src") && !purl.version.is_empty() => return None,
        Some(purl) if !purl.version.is_empty() => {
            let epoch = purl.qualifier("epoch").filter(|epoch| *epoch != "0");
            let version = epoch.map_or(purl.version.clone(), |epoch| format!("{epoch}:{}", purl.version));
            let module = purl.qualifier("rpmmod").map(stream);
            Part { ecosystem, name: purl.name, version, module }
        }
        _ if vendor == Vendor::Suse => {
            let (name, version) = split_nevra(component)?;
            Part { ecosystem, name: name.to_owned(), version: version.to_owned(), module: None }
        }
        _ => {
            // `nodejs:16/nodejs` is the component of a module.
            let (module, name) = match component.split_once('/') {
                Some((module, name)) if module.contains(':') => (Some(stream(module)), name),
                _ => (None, component.as_str()),
            };
            Part { ecosystem, name: format!("{name} (source)"), version: String::new(), module }
        }
    };
    is_name(&named.name).then_some(named)
}

/// Name and stream of a module label, without its version and context.
fn stream(label: &str) -> String {
    label.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
}

/// The release of a CPE; only those of the operating system are packages that we match.
fn red_hat(cpe: &str) -> Option<String> {
    let rest = cpe.split_once(":redhat:")?.1;
    let is_release = ["enterprise_linux:", "rhel_eus:", "rhel_aus:", "rhel_e4s:", "rhel_tus:", "rhel_els:"];
    is_release.iter().any(|product| rest.starts_with(product)).then(|| format!("Red Hat:{rest}"))
}

/// The ecosystem of a platform's name, as the bucket has it.
fn suse(platform: &str) -> Option<String> {
    if let Some(rest) = platform.strip_prefix("SUSE ").filter(|rest| rest.starts_with("Linux Enterprise ")) {
        return Some(format!("SUSE:{rest}"));
    }
    platform.strip_prefix("openSUSE ").map(|rest| format!("openSUSE:{rest}"))
}

/// `openssl-3-3.0.8-150500.5.1.x86_64` is a package with its version, `openssl-3` one without.
fn split_nevra(text: &str) -> Option<(&str, &str)> {
    const ARCHITECTURES: [&str; 8] =
        [".x86_64", ".aarch64", ".noarch", ".s390x", ".ppc64le", ".i586", ".i686", ".src"];
    let Some(bare) = ARCHITECTURES.iter().find_map(|suffix| text.strip_suffix(suffix)) else {
        return Some((text, ""));
    };
    if text.ends_with(".src") {
        return None;
    }
    let release = bare.rfind('-')?;
    let version = bare[..release].rfind('-')?;
    Some((&bare[..version], &bare[version + 1..]))
}
