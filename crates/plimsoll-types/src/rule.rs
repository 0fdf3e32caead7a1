//! Disable rules: what an organisation decided not to be bothered with, and why. Pure.
//!
//! A rule's criteria are of two kinds. Most speak of a match, which is a fact about a package version and a
//! vulnerability: they are evaluated once, however many images hold the package version. The others speak of the image.
//! Criteria are combined by AND, the values of one by OR. Azure documents no wire format for rules, only what the portal
//! offers in each generation; the format here is ours.

mod glob;

use serde_json::{Map, Value};

pub use glob::Glob;

use crate::{Digest, FixStatus, Generation, InstalledPackage, Match, RepositoryName, Severity, Timestamp};

/// The longest text in a rule, in characters.
const MAX_TEXT: usize = 1024;
/// The most values of one criterion.
const MAX_VALUES: usize = 1000;

/// A rule that hides findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The recommendations under which it hides.
    pub generations: Vec<Generation>,
    /// Why; never empty.
    pub reason: String,
    /// Who decided it, as they say.
    pub author: String,
    /// The instant from which on it hides nothing any more.
    pub expires_on: Option<Timestamp>,
    /// What it hides.
    pub criteria: Criteria,
}

/// What a rule hides. An empty list, or `None`, is no condition. There is at least one condition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Criteria {
    /// Ids of the finding: of the vulnerability, of an advisory, or an alias. In lower case.
    pub finding_ids: Vec<String>,
    /// CVE ids, in lower case.
    pub cves: Vec<String>,
    /// The distribution or the language's ecosystem, in lower case.
    pub categories: Vec<String>,
    /// Texts that the title contains, in lower case.
    pub security_checks: Vec<String>,
    /// CVSS 3 base score below this. A match without one is not below.
    pub cvss_v3_below: Option<f64>,
    /// A known severity milder than this (first generation).
    pub severity_below: Option<Severity>,
    /// A known severity no worse than this (second generation).
    pub severity_at_or_below: Option<Severity>,
    /// Whether there is a fixed version.
    pub patchable: Option<bool>,
    /// Whether there is a fix, in the words of the second generation.
    pub fix_statuses: Vec<FixStatus>,
    /// Names of the package.
    pub packages: Vec<Glob>,
    /// Digests of the image.
    pub image_digests: Vec<Digest>,
    /// Distribution and release of the image (`alpine_3.17`), in lower case.
    pub os_versions: Vec<String>,
    /// Names of the repository.
    pub repositories: Vec<Glob>,
}

/// Why a text is no rule, or no exemption: the field, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Invalid {
    /// The field, as a path: `properties.criteria.cves`.
    pub field: String,
    /// What is wrong with it, to be read behind the field: `must be …`.
    pub problem: String,
}

impl Invalid {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl Rule {
    /// Reads the body of a rule: an object with `properties`. The error names the field.
    pub fn parse(body: &Value) -> Result<Self, Invalid> {
        let properties = object(&body["properties"], "properties")?;
        let known = ["displayName", "assessmentKeys", "reason", "author", "expiresOn", "criteria", "state"];
        only(properties, &known, "properties")?;
        text(properties, "properties", "displayName", MAX_TEXT)?;
        let reason = text(properties, "properties", "reason", MAX_TEXT)?.unwrap_or_default();
        if reason.trim().is_empty() {
            return Err(Invalid::new("properties.reason", "must say why the findings are hidden"));
        }
        Ok(Self {
            generations: generations(properties)?,
            reason,
            author: text(properties, "properties", "author", MAX_TEXT)?.unwrap_or_default(),
            expires_on: instant(properties, "properties", "expiresOn")?,
            criteria: Criteria::parse(&properties_value(properties, "criteria"))?,
        })
    }

    /// Whether it hides anything at this instant.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.expires_on.is_none_or(|end| now < end)
    }

    /// Whether it hides this match, as far as the match is concerned.
    pub fn hides_match(&self, package: &InstalledPackage, found: &Match) -> bool {
        self.criteria.fits_match(package, found)
    }

    /// Whether it hides findings of this image, as far as the image is concerned.
    pub fn hides_in_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        os_version: Option<&str>,
    ) -> bool {
        self.criteria.fits_image(repository, digest, os_version)
    }

    /// The recommendations as bits, for the databases.
    pub fn generation_bits(&self) -> i64 {
        self.generations.iter().fold(0, |bits, generation| bits | *generation as i64)
    }
}

impl Criteria {
    fn parse(value: &Value) -> Result<Self, Invalid> {
        const AT: &str = "properties.criteria";
        let fields = object(value, AT)?;
        only(
            fields,
            &[
                "findingIds",
                "cves",
                "categories",
                "securityChecks",
                "cvssV3Below",
                "severityBelow",
                "severityAtOrBelow",
                "patchable",
                "fixStatuses",
                "packages",
                "imageDigests",
                "osVersions",
                "repositories",
            ],
            AT,
        )?;
        let criteria = Self {
            finding_ids: each(fields, "findingIds", id)?,
            cves: each(fields, "cves", cve)?,
            categories: each(fields, "categories", lower)?,
            security_checks: each(fields, "securityChecks", lower)?,
            cvss_v3_below: score(fields)?,
            severity_below: severity(fields, "severityBelow")?,
            severity_at_or_below: severity(fields, "severityAtOrBelow")?,
            patchable: match get(fields, "patchable") {
                Value::Null => None,
                Value::Bool(patchable) => Some(*patchable),
                _ => return Err(Invalid::new(format!("{AT}.patchable"), "must be true or false")),
            },
            fix_statuses: each(fields, "fixStatuses", fix_status)?,
            packages: each(fields, "packages", |text| Ok(Glob::new(text)))?,
            image_digests: each(fields, "imageDigests", |text| {
                text.parse().map_err(|_| "must be image digests such as sha256:…".to_owned())
            })?,
            os_versions: each(fields, "osVersions", lower)?,
            repositories: each(fields, "repositories", |text| Ok(Glob::new(text)))?,
        };
        if criteria == Self::default() {
            return Err(Invalid::new(AT, "must have a criterion: a rule without any would hide everything"));
        }
        Ok(criteria)
    }

    /// Whether there are conditions on the image.
    pub fn has_image_conditions(&self) -> bool {
        !(self.image_digests.is_empty() && self.os_versions.is_empty() && self.repositories.is_empty())
    }

    fn fits_match(&self, package: &InstalledPackage, found: &Match) -> bool {
        let known = found.severity != Severity::Unknown;
        let ids = || std::iter::once(&found.vulnerability).chain(&found.advisories).chain(&found.aliases);
        any(&self.finding_ids, |wanted| ids().any(|id| id.eq_ignore_ascii_case(wanted)))
            && any(&self.cves, |wanted| found.cves().any(|cve| cve.eq_ignore_ascii_case(wanted)))
            && any(&self.categories, |wanted| package.category().to_lowercase() == *wanted)
            && {
                let title = || found.title(&package.package.name).to_lowercase();
                any(&self.security_checks, |wanted| title().contains(wanted.as_str()))
            }
            && self.cvss_v3_below.is_none_or(|limit| found.cvss_v3().is_some_and(|score| score < limit))
            && self.severity_below.is_none_or(|limit| known && found.severity < limit)
            && self.severity_at_or_below.is_none_or(|limit| known && found.severity <= limit)
            && self.patchable.is_none_or(|patchable| found.fixed_version.is_some() == patchable)
            && any(&self.fix_statuses, |wanted| found.fix_status() == *wanted)
            && any(&self.packages, |wanted| wanted.fits(&package.package.name))
    }

    fn fits_image(&self, repository: &RepositoryName, digest: &Digest, os_version: Option<&str>) -> bool {
        any(&self.image_digests, |wanted| wanted == digest)
            && any(&self.os_versions, |wanted| os_version.is_some_and(|os| os.eq_ignore_ascii_case(wanted)))
            && any(&self.repositories, |wanted| wanted.fits(repository.as_str()))
    }
}

/// Whether one of the wanted values fits; no values are no condition.
fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

fn generations(properties: &Map<String, Value>) -> Result<Vec<Generation>, Invalid> {
    let keys = values(properties, "properties", "assessmentKeys")?;
    let mut found = Vec::new();
    for key in keys {
        let generation = Generation::of_key(&key).ok_or_else(|| {
            let [first, second] = Generation::ALL.map(Generation::key);
            Invalid::new(
                "properties.assessmentKeys",
                format!("must be of {first} and {second}, found {key:?}"),
            )
        })?;
        if !found.contains(&generation) {
            found.push(generation);
        }
    }
    Ok(if found.is_empty() { Generation::ALL.to_vec() } else { found })
}

fn score(fields: &Map<String, Value>) -> Result<Option<f64>, Invalid> {
    let bad = || Invalid::new("properties.criteria.cvssV3Below", "must be a number above 0 and up to 10");
    let number = match get(fields, "cvssV3Below") {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|score| *score > 0.0 && *score <= 10.0).map(Some).ok_or_else(bad)
}

fn severity(fields: &Map<String, Value>, name: &str) -> Result<Option<Severity>, Invalid> {
    let bad = || Invalid::new(format!("properties.criteria.{name}"), "must be low, medium, high or critical");
    match get(fields, name) {
        Value::Null => Ok(None),
        Value::String(text) => match text.trim().parse() {
            Ok(severity) if severity >= Severity::Low => Ok(Some(severity)),
            _ => Err(bad()),
        },
        _ => Err(bad()),
    }
}

fn id(text: &str) -> Result<String, String> {
    // The characters of all publishers' ids. The store may look for them by pattern.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '/');
    if text.chars().all(fits) { lower(text) } else { Err("must be ids such as CVE-2022-37434".to_owned()) }
}

fn cve(text: &str) -> Result<String, String> {
    let id = id(text)?;
    if id.starts_with("cve-") { Ok(id) } else { Err("must be CVE ids such as CVE-2022-37434".to_owned()) }
}

fn lower(text: &str) -> Result<String, String> {
    Ok(text.to_lowercase())
}

fn fix_status(text: &str) -> Result<FixStatus, String> {
    let found = FixStatus::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("must be of {}", FixStatus::ALL.map(FixStatus::as_str).join(", ")))
}

/// The values of a criterion, each read.
fn each<T>(
    fields: &Map<String, Value>,
    name: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Invalid> {
    let read = |text: String| {
        read(&text).map_err(|problem| {
            let found: String = text.chars().take(100).collect();
            Invalid::new(format!("properties.criteria.{name}"), format!("{problem}, found {found:?}"))
        })
    };
    values(fields, "properties.criteria", name)?.into_iter().map(read).collect()
}

/// Several values: a text in which `;` separates them, as in Azure's portal, or a list of texts.
fn values(fields: &Map<String, Value>, at: &str, name: &str) -> Result<Vec<String>, Invalid> {
    let bad = |problem: &str| Err(Invalid::new(format!("{at}.{name}"), problem));
    let texts: Vec<&str> = match get(fields, name) {
        Value::Null => return Ok(vec![]),
        Value::String(text) => text.split(';').collect(),
        Value::Array(items) => match items.iter().map(Value::as_str).collect::<Option<_>>() {
            Some(texts) => texts,
            None => return bad("must be a list of texts"),
        },
        _ => return bad("must be a text with values separated by ; or a list of texts"),
    };
    let texts: Vec<&str> = texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() {
        return bad("has no value in it; leave it out where it is no condition");
    }
    if texts.len() > MAX_VALUES || texts.iter().any(|text| text.len() > MAX_TEXT) {
        return bad("has more than 1000 values, or one of more than 1024 bytes");
    }
    Ok(texts.into_iter().map(str::to_owned).collect())
}

pub(crate) fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, Invalid> {
    value.as_object().ok_or_else(|| Invalid::new(field, "must be an object"))
}

pub(crate) fn only(fields: &Map<String, Value>, known: &[&str], at: &str) -> Result<(), Invalid> {
    // A criterion that is misspelt and ignored would make a rule hide more than was meant.
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let name: String = name.chars().take(100).collect();
            Err(Invalid::new(format!("{at}.{name}"), format!("is not known; there are {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

pub(crate) fn text(
    fields: &Map<String, Value>,
    at: &str,
    name: &str,
    longest: usize,
) -> Result<Option<String>, Invalid> {
    let bad = |problem: String| Err(Invalid::new(format!("{at}.{name}"), problem));
    match get(fields, name) {
        Value::Null => Ok(None),
        Value::String(text) if text.chars().count() > longest => {
            bad(format!("must not be longer than {longest} characters"))
        }
        Value::String(text) => Ok(Some(text.clone())),
        _ => bad("must be a text".to_owned()),
    }
}

pub(crate) fn instant(
    fields: &Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<Option<Timestamp>, Invalid> {
    let Some(text) = text(fields, at, name, 64)? else { return Ok(None) };
    let bad =
        || Invalid::new(format!("{at}.{name}"), "must be an RFC 3339 instant such as 2026-08-21T10:00:00Z");
    text.parse().map(Some).map_err(|_| bad())
}

fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

fn properties_value(fields: &Map<String, Value>, name: &str) -> Value {
    get(fields, name).clone()
}

#[cfg(test)]
mod tests;
