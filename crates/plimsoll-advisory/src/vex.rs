//! VEX documents: somebody's word on which vulnerabilities concern a product, in OpenVEX, CSAF or CycloneDX.
//!
//! A document is one more source of status, and the last one asked: whoever hands it in knows the image better than any feed.
//! What it calls not affected or fixed is no finding any more and keeps the reason; what it calls affected is a finding again
//! whatever a publisher said. It adds no finding of its own: a vulnerability that no advisory knows for a package is none.
//!
//! A document may come as the predicate of an [`attestation`], and is then on the images that the attestation names.

mod attestation;

use std::collections::HashMap;
use std::sync::Arc;

use plimsoll_types::{Match, Purl, Status, SuppressedBy, Suppression, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::osv::one_line;
use crate::publishers::Csaf;

/// Statements, each counted once for each of its products.
const MAX_STATEMENTS: usize = 1_000_000;
const TOO_MANY: &str = "VEX documents with statements beyond all measure";
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 300;

/// The statements of some documents, by the names of vulnerabilities.
#[derive(Debug, Default)]
pub struct Vex {
    statements: Vec<Statement>,
    by_name: HashMap<String, Vec<usize>>,
}

/// That a product has a status under a vulnerability.
#[derive(Debug)]
struct Statement {
    /// The package; `None` where the whole image is meant.
    package: Option<Purl>,
    /// The image, where the statement is on one.
    image: Option<Purl>,
    status: Status,
    reason: String,
    source: String,
    at: Timestamp,
    /// The digests of the images that the attestation is on which brought it; `None` where none did.
    attested: Option<Arc<[String]>>,
}

/// What a statement on an image is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Image<'a> {
    /// The digests that it has: of its manifest, and of the indexes that lead to it.
    pub digests: &'a [&'a str],
    /// Its reference.
    pub reference: Option<&'a str>,
}

impl Vex {
    /// Bytes of one document.
    pub const MAX_DOCUMENT_BYTES: usize = 64 << 20;

    /// Reads one more document, whose form its content tells. `name` says where it came from, for a document without an id.
    /// Returns how many statements it has.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<usize, Error> {
        self.add_document(name, bytes, None)
    }

    /// Reads a document that is attached to an image. It is refused where it is an attestation about another one. `name`
    /// says where it is, and stands in the reason of whatever it decides: others than the image's author may attach. An
    /// attestation of something else than VEX has no statements.
    pub fn add_attached(&mut self, name: &str, bytes: &[u8], image: Image<'_>) -> Result<usize, Error> {
        self.add_document(name, bytes, Some(image))
    }

    fn add_document(
        &mut self,
        name: &str,
        bytes: &[u8],
        attached_to: Option<Image<'_>>,
    ) -> Result<usize, Error> {
        if bytes.len() > Self::MAX_DOCUMENT_BYTES {
            return Err(Error::too_large(format!("{name} has more than {} bytes", Self::MAX_DOCUMENT_BYTES)));
        }
        let bad = |what: &str| Error::damaged(format!("{name} is no VEX document: {what}"));
        let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(&error.to_string()))?;
        let (value, attested) = match attestation::open(value).map_err(|what| bad(&what))? {
            attestation::Opened::Document(value) => (value, None),
            attestation::Opened::Attested { predicate, subjects } => (predicate, Some(subjects)),
            attestation::Opened::Other if attached_to.is_some() => return Ok(0),
            attestation::Opened::Other => return Err(bad("it is an attestation of something else")),
        };
        if let (Some(image), Some(subjects)) = (attached_to, &attested)
            && !is_attested(subjects, image)
        {
            return Err(bad("it is an attestation about another image"));
        }
        let mut one = Self::default();
        if value["@context"].as_str().is_some_and(|context| context.contains("openvex")) {
            one.add_openvex(name, serde_json::from_value(value).map_err(|error| bad(&error.to_string()))?)?;
        } else if value["bomFormat"] == "CycloneDX" {
            one.add_cyclonedx(name, &value)?;
        } else if value["document"]["category"].is_string() {
            match attested {
                None => one.add_csaf(&Csaf::parse(bytes)?)?,
                Some(_) => one.add_csaf(&Csaf::parse(value.to_string().as_bytes())?)?,
            }
        } else {
            return Err(bad("it is neither OpenVEX nor CSAF nor CycloneDX"));
        }
        for statement in &mut one.statements {
            statement.attested = attested.clone();
            if attached_to.is_some() && statement.source != name {
                statement.source = format!("{}, {name}", one_line(&statement.source, MAX_REASON_CHARS));
            }
        }
        self.absorb(one)
    }

    /// Takes over what was read of one whole document; nothing of one that broke off in its middle.
    fn absorb(&mut self, one: Self) -> Result<usize, Error> {
        let (before, more) = (self.statements.len(), one.statements.len());
        if before + more > MAX_STATEMENTS {
            return Err(Error::too_large(TOO_MANY));
        }
        for (name, places) in one.by_name {
            self.by_name.entry(name).or_default().extend(places.into_iter().map(|at| before + at));
        }
        self.statements.extend(one.statements);
        Ok(more)
    }

    /// Whether there is no statement.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Says of a match of a package what the documents say; `false` where they say nothing. The latest statement counts.
    pub fn heed(&self, found: &mut Match, purl: &Purl, image: Image<'_>) -> bool {
        let names = std::iter::once(&found.vulnerability).chain(&found.aliases).chain(&found.advisories);
        let places = names.filter_map(|name| self.by_name.get(name)).flatten();
        let fitting = places.filter(|at| {
            let statement = &self.statements[**at];
            statement.package.as_ref().is_none_or(|wanted| is_package(wanted, purl))
                && statement.image.as_ref().is_none_or(|wanted| is_image(wanted, image))
                && statement.attested.as_ref().is_none_or(|subjects| is_attested(subjects, image))
        });
        let Some(at) = fitting.max_by_key(|at| (self.statements[**at].at, **at)) else { return false };
        let statement = &self.statements[*at];
        match statement.status {
            Status::NotAffected | Status::Fixed => {
                found.status = statement.status;
                found.evidence.suppressed = Some(Suppression {
                    by: SuppressedBy::Vex,
                    source: statement.source.clone(),
                    reason: statement.reason.clone(),
                });
            }
            status => {
                if !found.status.is_finding() || found.evidence.suppressed.is_some() {
                    found.status = status;
                }
                found.evidence.suppressed = None;
                if !statement.reason.is_empty() {
                    found.evidence.note = format!("{}: {}", statement.source, statement.reason);
                }
            }
        }
        true
    }

    fn push(&mut self, names: &[String], statement: Statement) -> Result<(), Error> {
        if self.statements.len() >= MAX_STATEMENTS {
            return Err(Error::too_large(TOO_MANY));
        }
        let at = self.statements.len();
        for name in names.iter().filter(|name| !name.is_empty()) {
            self.by_name.entry(name.clone()).or_default().push(at);
        }
        self.statements.push(statement);
        Ok(())
    }

    fn add_openvex(&mut self, name: &str, document: OpenVex) -> Result<(), Error> {
        let source = if document.id.is_empty() { name.to_owned() } else { document.id };
        for statement in document.statements {
            let Some(status) = status(&statement.status) else { continue };
            let (vulnerability, mut aliases) = match statement.vulnerability {
                // Before version 0.2 it was the name alone.
                Value::String(name) => (name, Vec::new()),
                other => {
                    let parsed: OpenVulnerability = serde_json::from_value(other).unwrap_or_default();
                    let named = if parsed.name.is_empty() { last_part(&parsed.id) } else { parsed.name };
                    (named, parsed.aliases)
                }
            };
            aliases.push(vulnerability);
            let at = [&statement.timestamp, &statement.last_updated, &document.timestamp];
            let at = at.into_iter().flatten().find_map(|text| text.parse().ok()).unwrap_or_default();
            let reason = [statement.justification, statement.impact_statement, statement.action_statement];
            let reason = sentence(reason.iter().map(String::as_str));
            for product in statement.products {
                let (purl, parts) = product.purls();
                let say = |package, image| Statement {
                    package,
                    image,
                    status,
                    reason: reason.clone(),
                    source: source.clone(),
                    at,
                    attested: None,
                };
                let is_image =
                    purl.as_ref().is_some_and(|purl| matches!(purl.package_type.as_str(), "oci" | "docker"));
                match (purl, parts.is_empty()) {
                    (Some(image), true) if is_image => self.push(&aliases, say(None, Some(image)))?,
                    (Some(package), true) => self.push(&aliases, say(Some(package), None))?,
                    (None, true) => {}
                    (image, false) => {
                        for part in parts {
                            self.push(&aliases, say(Some(part), image.clone().filter(|_| is_image)))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn add_csaf(&mut self, document: &Csaf) -> Result<(), Error> {
        for vulnerability in &document.vulnerabilities {
            let names =
                std::iter::once(&vulnerability.cve).chain(vulnerability.ids.iter().map(|id| &id.text));
            let names: Vec<String> = names.cloned().collect();
            for (kind, ids) in &vulnerability.product_status {
                let status = match kind.as_str() {
                    "known_not_affected" => Status::NotAffected,
                    "fixed" | "first_fixed" => Status::Fixed,
                    "known_affected" | "first_affected" | "last_affected" => Status::Affected,
                    "under_investigation" => Status::UnderInvestigation,
                    _ => continue,
                };
                for id in ids {
                    let purl =
                        document.component(id).and_then(|product| product.purl.as_deref()?.parse().ok());
                    let Some(purl) = purl else { continue };
                    let flags = vulnerability.flags.iter().filter(|flag| flag.product_ids.contains(id));
                    let threats = vulnerability
                        .threats
                        .iter()
                        .filter(|threat| threat.category == "impact" && threat.product_ids.contains(id));
                    let reason = flags
                        .map(|flag| flag.label.as_str())
                        .chain(threats.map(|threat| threat.details.as_str()));
                    let statement = Statement {
                        package: Some(purl),
                        image: None,
                        status,
                        reason: sentence(reason),
                        source: document.id.clone(),
                        at: document.modified(),
                        attested: None,
                    };
                    self.push(&names, statement)?;
                }
            }
        }
        Ok(())
    }

    fn add_cyclonedx(&mut self, name: &str, document: &Value) -> Result<(), Error> {
        let source = document["serialNumber"].as_str().unwrap_or(name).to_owned();
        let mut purls: HashMap<&str, &str> = HashMap::new();
        let mut open: Vec<&Value> = document["components"].as_array().into_iter().flatten().collect();
        open.extend(document["metadata"].get("component"));
        while let Some(component) = open.pop() {
            open.extend(component["components"].as_array().into_iter().flatten());
            if let (Some(id), Some(purl)) = (component["bom-ref"].as_str(), component["purl"].as_str()) {
                purls.insert(id, purl);
            }
        }
        let at =
            document["metadata"]["timestamp"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
        for vulnerability in document["vulnerabilities"].as_array().into_iter().flatten() {
            let analysis = &vulnerability["analysis"];
            let status = match analysis["state"].as_str() {
                Some("not_affected" | "false_positive") => Status::NotAffected,
                Some("resolved" | "resolved_with_pedigree") => Status::Fixed,
                Some("exploitable") => Status::Affected,
                Some("in_triage") => Status::UnderInvestigation,
                _ => continue,
            };
            let references = vulnerability["references"].as_array().into_iter().flatten();
            let names =
                std::iter::once(&vulnerability["id"]).chain(references.map(|reference| &reference["id"]));
            let names: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
            let reason = ["justification", "detail"].map(|key| analysis[key].as_str().unwrap_or_default());
            for affected in vulnerability["affects"].as_array().into_iter().flatten() {
                let Some(id) = affected["ref"].as_str() else { continue };
                // A link into another document has the component behind the `#`.
                let id = id
                    .strip_prefix("urn:cdx:")
                    .and_then(|link| link.split_once('#'))
                    .map_or(id, |(_, id)| id);
                let Ok(purl) = purls.get(id).copied().unwrap_or(id).parse::<Purl>() else { continue };
                let statement = Statement {
                    package: Some(purl),
                    image: None,
                    status,
                    reason: sentence(reason.into_iter()),
                    source: source.clone(),
                    at,
                    attested: None,
                };
                self.push(&names, statement)?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct OpenVex {
    #[serde(default, rename = "@id")]
    id: String,
    timestamp: Option<String>,
    #[serde(default)]
    statements: Vec<OpenStatement>,
}

#[derive(Deserialize)]
struct OpenStatement {
    #[serde(default)]
    vulnerability: Value,
    #[serde(default)]
    products: Vec<OpenProduct>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    impact_statement: String,
    #[serde(default)]
    action_statement: String,
    timestamp: Option<String>,
    last_updated: Option<String>,
}

#[derive(Default, Deserialize)]
struct OpenVulnerability {
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
}

/// A product, or before version 0.2 its name alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum OpenProduct {
    Name(String),
    Component {
        #[serde(default, rename = "@id")]
        id: String,
        #[serde(default)]
        identifiers: HashMap<String, String>,
        #[serde(default)]
        subcomponents: Vec<OpenPart>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OpenPart {
    Name(String),
    Component {
        #[serde(default, rename = "@id")]
        id: String,
        #[serde(default)]
        identifiers: HashMap<String, String>,
    },
}

impl OpenProduct {
    /// The product's purl, where it has one, and those of its parts.
    fn purls(self) -> (Option<Purl>, Vec<Purl>) {
        let of = |id: &str, identifiers: &HashMap<String, String>| {
            let purl = identifiers.get("purl").map_or(id, String::as_str);
            purl.parse::<Purl>().or_else(|_| id.parse()).ok()
        };
        match self {
            Self::Name(id) => (id.parse().ok(), Vec::new()),
            Self::Component { id, identifiers, subcomponents } => {
                let parts = subcomponents.iter().filter_map(|part| match part {
                    OpenPart::Name(id) => id.parse().ok(),
                    OpenPart::Component { id, identifiers } => of(id, identifiers),
                });
                (of(&id, &identifiers), parts.collect())
            }
        }
    }
}

fn status(word: &str) -> Option<Status> {
    Some(match word {
        "not_affected" => Status::NotAffected,
        "fixed" => Status::Fixed,
        "affected" => Status::Affected,
        "under_investigation" => Status::UnderInvestigation,
        _ => return None,
    })
}

fn last_part(id: &str) -> String {
    id.rsplit('/').next().unwrap_or_default().to_owned()
}

fn sentence<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    one_line(&parts.join(": "), MAX_REASON_CHARS)
}

/// Whether a package is the one that a statement is on: what the statement's purl leaves out may be anything.
fn is_package(wanted: &Purl, purl: &Purl) -> bool {
    (&wanted.package_type, &wanted.namespace, &wanted.name)
        == (&purl.package_type, &purl.namespace, &purl.name)
        && (wanted.version.is_empty() || wanted.version == purl.version)
        && ["arch", "distro", "epoch"].iter().all(|key| {
            wanted.qualifier(key).is_none_or(|value| purl.qualifier(key).is_none_or(|other| value == other))
        })
}

fn is_attested(subjects: &[String], image: Image<'_>) -> bool {
    subjects.iter().any(|subject| image.digests.contains(&subject.as_str()))
}

/// Whether an image is the one that a statement is on. Of an image without a digest or a name nobody can tell, and then the
/// statement does not count.
fn is_image(wanted: &Purl, image: Image<'_>) -> bool {
    if wanted.version.starts_with("sha256:") || wanted.version.starts_with("sha512:") {
        return image.digests.contains(&wanted.version.as_str());
    }
    let Some(reference) = image.reference else { return false };
    let bare = reference.split('@').next().unwrap_or(reference);
    let (path, tag) = match bare.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (bare, ""),
    };
    let wanted_tag = wanted.qualifier("tag").unwrap_or(&wanted.version);
    path.rsplit('/').next() == Some(wanted.name.as_str()) && (wanted_tag.is_empty() || wanted_tag == tag)
}

#[cfg(test)]
mod tests;
