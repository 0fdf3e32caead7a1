//! SBOMs to image inventory: CycloneDX JSON, SPDX in JSON and as tags and values, and our own JSON.
//!
//! What a component is, its purl says: type, name, version, and for a distribution's packages also epoch, architecture,
//! source and distribution, in the qualifiers that Syft and Trivy write. What a document of our own says beside that is read
//! back, so that it leads to the same findings as the image.
//!
//! Components are taken one by one, as they stand in the document: however many there are, only the packages stay.

use std::collections::HashMap;
use std::io::Read;

use plimsoll_types::inventory::{Confidence, Details, Distro};
use plimsoll_types::probe::Limits;
use plimsoll_types::{
    Digest, ImageInventory, InstalledPackage, Package, PackageType, Problem, ProblemKind, Purl,
};

use crate::lang::json::{Licenses, Text};
use crate::layer::Problems;
use crate::unpack::read_whole;

mod cyclonedx;
mod native;
mod spdx;
mod tag_value;

/// Components of a document.
const COMPONENTS: u64 = 1_000_000;

/// Problems of the image that a document may tell.
const TOLD: usize = 1000;

/// What the packages of a document that lies in an image may take in memory.
const EMBEDDED_WEIGHT: usize = 16 * 1024 * 1024;

/// Reads the document. See [`crate::read_sbom`].
pub(crate) fn read(input: impl Read, limits: &Limits) -> Result<ImageInventory, Problem> {
    let bytes = read_whole(input, limits.file_bytes)?;
    let document = parse_within(&bytes, limits.output_bytes)?;
    Ok(ImageInventory {
        distro: document.distro,
        packages: document.packages,
        problems: document.told.into_iter().chain(document.problems).collect(),
        unpacked_bytes: bytes.len() as u64,
        entries: document.entries,
        ..ImageInventory::default()
    })
}

/// What a document says.
pub(crate) struct Document {
    pub(crate) distro: Option<Distro>,
    pub(crate) packages: Vec<InstalledPackage>,
    pub(crate) problems: Vec<Problem>,
    /// What could not be read of the image that it is of.
    told: Vec<Problem>,
    entries: u64,
}

/// Understands a document that lies in an image.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document, Problem> {
    parse_within(bytes, EMBEDDED_WEIGHT)
}

/// Understands the document; nesting is limited by the parser, to 128 levels of JSON.
fn parse_within(bytes: &[u8], most: usize) -> Result<Document, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unsupported = |message: &str| Problem::new(ProblemKind::Unsupported, message);
    let mut reading = Reading { most, ..Reading::default() };
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        if !tag_value::is_one(bytes) {
            let message = "the document is no SBOM that Plimsoll reads: CycloneDX JSON, or SPDX as JSON or tags and values";
            return Err(unsupported(message));
        }
        tag_value::read(bytes, &mut reading);
        return Ok(reading.finish());
    }
    let unreadable = |error: serde_json::Error| {
        Problem::new(ProblemKind::Unreadable, format!("the document is not JSON as SBOMs have it: {error}"))
    };
    let kind: Kind = serde_json::from_slice(bytes).map_err(unreadable)?;
    match (kind.format.as_str(), kind.spec.as_str(), kind.spdx.as_str(), kind.native) {
        ("CycloneDX", spec, _, _) if spec.starts_with("1.") => cyclonedx::read(bytes, &mut reading),
        ("CycloneDX", ..) => {
            return Err(unsupported("the document is of a CycloneDX version that Plimsoll does not read"));
        }
        (_, _, spdx, _) if spdx.starts_with("SPDX-2.") => spdx::read(bytes, &mut reading),
        (_, _, spdx, _) if !spdx.is_empty() => {
            return Err(unsupported("the document is of an SPDX version that Plimsoll does not read"));
        }
        (.., Some(1)) => native::read(bytes, &mut reading),
        (.., Some(_)) => return Err(unsupported("the document is of a newer Plimsoll")),
        _ => {
            let message =
                "the document is JSON, but neither its bomFormat is CycloneDX nor has it an spdxVersion";
            return Err(unsupported(message));
        }
    }
    .map_err(unreadable)?;
    Ok(reading.finish())
}

/// The keys that tell the formats apart.
#[derive(serde::Deserialize)]
struct Kind {
    #[serde(rename = "bomFormat", default)]
    format: Text,
    #[serde(rename = "specVersion", default)]
    spec: Text,
    #[serde(rename = "spdxVersion", default)]
    spdx: Text,
    #[serde(rename = "plimsollInventory", default)]
    native: Option<u64>,
}

/// A component as any of the formats has it.
#[derive(Default)]
struct Component {
    kind: Class,
    /// What the document calls it elsewhere.
    reference: String,
    name: String,
    version: String,
    purl: String,
    licenses: Licenses,
    path: String,
    layer: Option<Digest>,
    architecture: Option<String>,
    source: Option<String>,
    source_version: Option<String>,
    details: Details,
}

/// What kind of thing a component without a purl is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A library, or anything that may hold code: it is listed.
    #[default]
    Package,
    /// Something that is a package only where it has a version.
    Application,
    System,
    /// A file, the image itself, a device.
    Other,
}

impl Component {
    /// Takes what a document of our own says beside the purl. The name has no `plimsoll:` in front any more.
    fn property(&mut self, name: &str, value: &str) {
        let text = || Some(value.to_owned());
        match name {
            "layer:digest" => self.layer = value.parse().ok(),
            "location:path" => value.clone_into(&mut self.path),
            "package:source" => self.source = text(),
            "package:sourceVersion" => self.source_version = text(),
            "package:confidence" => {
                self.details.confidence = match value {
                    "medium" => Confidence::Medium,
                    "low" => Confidence::Low,
                    _ => Confidence::High,
                }
            }
            "package:evidence" => self.details.evidence = text(),
            "package:origin" => self.details.origin = text(),
            "package:ownedBy" => self.details.owned_by = text(),
            _ => {}
        }
    }
}

/// The books while a document is read.
#[derive(Default)]
struct Reading {
    distro: Option<Distro>,
    packages: Vec<InstalledPackage>,
    /// For each package, which of the `distro` qualifiers it has; zero for none.
    distro_of: Vec<u32>,
    distro_names: HashMap<String, u32>,
    problems: Problems,
    told: Vec<Problem>,
    entries: u64,
    weight: usize,
    most: usize,
    is_full: bool,
}

impl Reading {
    fn component(&mut self, component: Component) {
        self.entries += 1;
        if self.is_full {
            return;
        }
        if self.entries > COMPONENTS || self.weight > self.most {
            self.is_full = true;
            let message = "the document has more components than are read";
            return self.problems.add(Problem::new(ProblemKind::LimitExceeded, message));
        }
        if component.kind == Class::System {
            return self.system(&component);
        }
        if component.purl.is_empty() {
            return self.nameless(component);
        }
        match component.purl.parse::<Purl>() {
            // The image itself, and parts of it that are no packages.
            Ok(purl) if matches!(purl.package_type.as_str(), "oci" | "docker" | "file") => {}
            Ok(purl) => {
                let package = package(&component, &purl);
                self.add(package, Some(purl), component);
            }
            Err(error) => {
                let name = if component.name.is_empty() { "a component" } else { &component.name };
                self.problems.add(Problem::at(ProblemKind::Unreadable, name, error.to_string()));
            }
        }
    }

    /// Takes what a document of our own says of the whole image. The name has no `plimsoll:` in front any more.
    fn property(&mut self, name: &str, value: &str) {
        if name == "problem"
            && let Ok(problem) = serde_json::from_str(value)
        {
            self.told(problem);
        }
    }

    /// Takes what could not be read of the image. A document of ours says how many it leaves out.
    fn told(&mut self, problem: Problem) {
        if self.told.len() <= TOLD {
            self.weight += size_of::<Problem>() + problem.message.len();
            self.told.push(problem);
        }
    }

    /// The first operating system is the image's.
    fn system(&mut self, component: &Component) {
        if self.distro.is_some() || component.name.is_empty() {
            return;
        }
        let id = component.name.to_ascii_lowercase();
        let version_id = component.version.clone();
        let pretty_name = format!("{id} {version_id}").trim().to_owned();
        self.distro = Some(Distro { id, version_id, pretty_name, ..Distro::default() });
    }

    /// A component without a purl is listed, so that it is seen, but nobody can say what is known of it. Files are no
    /// packages; nor is an application without a version, which is a lock file's name.
    fn nameless(&mut self, component: Component) {
        let is_package = match component.kind {
            Class::Package => true,
            Class::Application => !component.version.is_empty(),
            Class::System | Class::Other => false,
        };
        if is_package && !component.name.is_empty() {
            let package = Package::new(PackageType::Generic, &component.name, &component.version);
            self.add(package, None, component);
        }
    }

    fn add(&mut self, package: Package, purl: Option<Purl>, component: Component) {
        let purl = purl.unwrap_or_else(|| package.purl(None));
        // The ecosystem is known once the whole document is.
        let mut installed = InstalledPackage::from_sbom(package, None, &purl);
        installed.path = if component.path.is_empty() { component.reference } else { component.path };
        installed.layer = component.layer;
        installed.details = Details { licenses: component.licenses.0, ..component.details };
        let named = u32::try_from(self.distro_names.len() + 1).unwrap_or(0);
        let distro = purl.qualifier("distro").filter(|_| installed.package.package_type.is_os());
        let distro = distro.map_or(0, |name| *self.distro_names.entry(name.to_owned()).or_insert(named));
        self.weight += size_of::<InstalledPackage>()
            + 2 * installed.purl.len()
            + installed.path.len()
            + installed.details.licenses.iter().map(|text| text.len() + 40).sum::<usize>();
        self.packages.push(installed);
        self.distro_of.push(distro);
    }

    fn finish(self) -> Document {
        let Self { distro: system, mut packages, distro_of, distro_names, problems, told, entries, .. } =
            self;
        let own_name = system.as_ref().map(Distro::purl_name);
        // What `distro` qualifiers say, in their order. That of the system itself says less than the system.
        let mut named: Vec<(u32, Option<Distro>)> = distro_names
            .into_iter()
            .map(|(name, number)| {
                let is_own = own_name.as_ref() == Some(&name);
                (number, Distro::from_purl_name(&name).filter(|_| !is_own))
            })
            .collect();
        named.sort_by_key(|(number, _)| *number);
        let distro = system.or_else(|| named.iter().find_map(|(_, distro)| distro.clone()));
        for (installed, number) in packages.iter_mut().zip(distro_of) {
            if installed.package.package_type.is_os() {
                let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
                let of_name = at.and_then(|at| named.get(at)?.1.as_ref());
                installed.ecosystem = of_name.or(distro.as_ref()).and_then(Distro::ecosystem);
            }
        }
        packages.sort();
        packages.dedup();
        Document { distro, packages, problems: problems.finish(), told, entries }
    }
}

fn package(component: &Component, purl: &Purl) -> Package {
    let known = PackageType::ALL.into_iter().find(|t| t.as_str() == purl.package_type);
    let package_type = known.unwrap_or(PackageType::Generic);
    let name = match package_type {
        t if t.is_os() => purl.name.clone(),
        PackageType::Maven if !purl.namespace.is_empty() => {
            format!("{}:{}", purl.namespace.replace('/', "."), purl.name)
        }
        PackageType::Npm
        | PackageType::Golang
        | PackageType::Composer
        | PackageType::Swift
        | PackageType::Github
        | PackageType::Generic => purl.full_name(),
        _ => purl.name.clone(),
    };
    let mut version = purl.version.clone();
    if version.is_empty() {
        version = component.version.clone();
    }
    if let Some(epoch) = purl.qualifier("epoch").filter(|epoch| package_type.is_os() && *epoch != "0")
        && !version.contains(':')
    {
        version = format!("{epoch}:{version}");
    }
    let mut package = Package::new(package_type, &name, &version);
    // A purl's name may be in another case than the package's own.
    let looked_up = |name: &str| package_type.language_ecosystem().map(|e| e.lookup_name(name).into_owned());
    if package.name != component.name
        && looked_up(&component.name).is_some_and(|own| looked_up(&name) == Some(own))
    {
        package.name.clone_from(&component.name);
    }
    let of_purl =
        || ["arch", "platform", "subdir"].into_iter().find_map(|key| purl.qualifier(key)).map(str::to_owned);
    package.architecture = component.architecture.clone().or_else(of_purl);
    if !package_type.is_os() {
        return package;
    }
    if let Some(upstream) = purl.qualifier("upstream") {
        let (source, source_version) = upstream_of(package_type, upstream);
        package.source = Some(source.to_owned());
        package.source_version = Some(source_version.to_owned());
    }
    let differs = |text: Option<String>, own: &str| text.filter(|text| !text.is_empty() && text != own);
    package.source = differs(component.source.clone().or(package.source), &package.name);
    package.source_version =
        differs(component.source_version.clone().or(package.source_version), &package.version);
    package
}

/// `glibc@2.31-13` or `glibc`; for an rpm the file name of its source, `glibc-2.28-1.el8.src.rpm`.
fn upstream_of(package_type: PackageType, upstream: &str) -> (&str, &str) {
    if package_type == PackageType::Rpm
        && let Some(file) = upstream.strip_suffix(".src.rpm")
        && let Some((release, _)) = file.rmatch_indices('-').nth(1)
    {
        return (&file[..release], &file[release + 1..]);
    }
    upstream.split_once('@').unwrap_or((upstream, ""))
}

#[cfg(test)]
mod tests;
