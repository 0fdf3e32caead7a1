//! CycloneDX JSON to image inventory (cyclonedx.org, specification 1.2 to 1.6).
//!
//! What a component is, its purl says: type, name, version, and for a distribution's packages also epoch, architecture,
//! source and distribution, in the qualifiers that Syft and Trivy write.

use std::collections::HashMap;
use std::io::Read;

use plimsoll_types::inventory::Distro;
use plimsoll_types::probe::Limits;
use plimsoll_types::{ImageInventory, InstalledPackage, Package, PackageType, Problem, ProblemKind, Purl};
use serde::Deserialize;

use crate::layer::Problems;
use crate::unpack::read_whole;

/// Reads the document. See [`crate::read_sbom`].
pub(crate) fn read(input: impl Read, limits: &Limits) -> Result<ImageInventory, Problem> {
    let bytes = read_whole(input, limits.file_bytes)?;
    let unpacked_bytes = bytes.len() as u64;
    let document = parse(&bytes)?;
    drop(bytes);
    let distro = document.distro();
    let mut reading = Reading {
        distro,
        distros: HashMap::new(),
        packages: vec![],
        problems: Problems::default(),
        entries: 0,
    };
    for component in &document.components {
        reading.component(component);
    }
    reading.packages.sort();
    reading.packages.dedup();
    Ok(ImageInventory {
        distro: reading.distro,
        packages: reading.packages,
        problems: reading.problems.finish(),
        unpacked_bytes,
        entries: reading.entries,
        ..ImageInventory::default()
    })
}

/// The document; nesting is limited by the parser, to 128 levels of JSON.
fn parse(bytes: &[u8]) -> Result<Document, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unsupported = |message: &str| Err(Problem::new(ProblemKind::Unsupported, message));
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return unsupported("the document is not JSON; of SBOMs Plimsoll reads CycloneDX JSON");
    }
    let document: Document = serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("the document is not CycloneDX JSON: {error}");
        Problem::new(ProblemKind::Unreadable, message)
    })?;
    if document.bom_format != "CycloneDX" {
        return unsupported("the document is JSON, but its bomFormat is not CycloneDX");
    }
    if !document.spec_version.starts_with("1.") {
        return unsupported("the document is of a CycloneDX version that Plimsoll does not read");
    }
    Ok(document)
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "bomFormat", default)]
    bom_format: String,
    #[serde(rename = "specVersion", default)]
    spec_version: String,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "bom-ref", default)]
    reference: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
}

impl Document {
    /// What the component of the operating system says; without one, what the first purl says that names a distribution.
    fn distro(&self) -> Option<Distro> {
        let system = self.components.iter().find(|component| component.kind == "operating-system");
        let of_system = system.and_then(|system| {
            let id = system.name.as_deref().filter(|name| !name.is_empty())?.to_ascii_lowercase();
            let version_id = system.version.clone().unwrap_or_default();
            let pretty_name = system.description.clone().unwrap_or_else(|| format!("{id} {version_id}"));
            Some(Distro { id, version_id, pretty_name, ..Distro::default() })
        });
        of_system.or_else(|| {
            self.components.iter().find_map(|component| {
                let purl: Purl =
                    component.purl.as_deref().filter(|purl| purl.contains("distro="))?.parse().ok()?;
                Distro::from_purl_name(purl.qualifier("distro")?)
            })
        })
    }
}

struct Reading {
    distro: Option<Distro>,
    /// What `distro` qualifiers say, each read once.
    distros: HashMap<String, Option<Distro>>,
    packages: Vec<InstalledPackage>,
    problems: Problems,
    entries: u64,
}

impl Reading {
    /// Takes a component with those inside it.
    fn component(&mut self, component: &Component) {
        self.entries += 1;
        match component.purl.as_deref().filter(|purl| !purl.is_empty()) {
            Some(text) => match text.parse::<Purl>() {
                Ok(purl) => self.package(component, &purl),
                Err(error) => {
                    let name = component.name.as_deref().unwrap_or("a component");
                    self.problems.add(Problem::at(ProblemKind::Unreadable, name, error.to_string()));
                }
            },
            None => self.nameless(component),
        }
        for inner in &component.components {
            self.component(inner);
        }
    }

    fn package(&mut self, component: &Component, purl: &Purl) {
        let package = package(component, purl);
        let Self { distro, distros, .. } = self;
        let distro = match purl.qualifier("distro") {
            Some(name) if package.package_type.is_os() => {
                let named = distros.entry(name.to_owned()).or_insert_with(|| Distro::from_purl_name(name));
                named.as_ref().or(distro.as_ref())
            }
            _ => distro.as_ref(),
        };
        let mut installed = InstalledPackage::from_sbom(package, distro, purl);
        installed.path = component.reference.clone().unwrap_or_default();
        self.packages.push(installed);
    }

    /// A component without a purl is listed, so that it is seen, but nobody can say what is known of it. Files and the
    /// operating system are no packages; nor is an application without a version, which is a lock file's name.
    fn nameless(&mut self, component: &Component) {
        let version = component.version.as_deref().unwrap_or_default();
        let is_package = match component.kind.as_str() {
            "library" | "framework" | "" => true,
            "application" | "firmware" | "platform" => !version.is_empty(),
            _ => false,
        };
        let Some(name) = component.name.as_deref().filter(|name| is_package && !name.is_empty()) else {
            return;
        };
        let group = component.group.as_deref().filter(|group| !group.is_empty());
        let name = group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
        let package = Package::new(PackageType::Generic, &name, version);
        let purl = package.purl(None);
        let mut installed = InstalledPackage::from_sbom(package, None, &purl);
        installed.path = component.reference.clone().unwrap_or_default();
        self.packages.push(installed);
    }
}

fn package(component: &Component, purl: &Purl) -> Package {
    let package_type = PackageType::ALL.into_iter().find(|t| t.as_str() == purl.package_type);
    let package_type = package_type.unwrap_or(PackageType::Generic);
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
        version = component.version.clone().unwrap_or_default();
    }
    if let Some(epoch) = purl.qualifier("epoch").filter(|epoch| package_type.is_os() && *epoch != "0")
        && !version.contains(':')
    {
        version = format!("{epoch}:{version}");
    }
    let mut package = Package::new(package_type, &name, &version);
    if !package_type.is_os() {
        return package;
    }
    package.architecture = purl.qualifier("arch").map(str::to_owned);
    if let Some(upstream) = purl.qualifier("upstream") {
        let (source, source_version) = upstream_of(package_type, upstream);
        package.source =
            Some(source.to_owned()).filter(|source| *source != package.name && !source.is_empty());
        package.source_version = Some(source_version.to_owned())
            .filter(|version| *version != package.version && !version.is_empty());
    }
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
