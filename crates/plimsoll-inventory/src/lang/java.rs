//! Java: libraries in archives and in archives inside them, and the runtime itself (Maven, "Maven Archiver"; JAR File
//! Specification, "JAR Manifest"; JEP 223 and JEP 322 for the runtime's version).
//!
//! What a library is, its `pom.properties` says. One archive may hold several: then the libraries were packed into one, and
//! all of them are there. Where there is none, the manifest and the file's name have to tell, which is a guess that is marked
//! as one; the group, without which no advisory speaks of a library, then comes from what is known of common libraries.

use std::collections::HashSet;

use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType, ProblemKind};

use crate::catalogers::{Reader, Unreadable, Want, Whole};
use crate::lang::json::Licenses;
use crate::path::split;
use crate::zip::{Account, Unzipped, Wanted, Zip};

mod groups;

/// What these extensions name is a zip with Java in it.
const EXTENSIONS: [&str; 14] =
    ["jar", "war", "ear", "par", "sar", "nar", "jpi", "hpi", "kar", "far", "lpkg", "rar", "zap", "jarx"];

/// The main section of a manifest comes first, before the digests of a signed archive.
const MANIFEST_BYTES: usize = 32 * 1024;
const PROPERTIES_BYTES: usize = 16 * 1024;

/// Libraries of one file.
const MOST: usize = 100_000;

/// `*.jar` and its relatives.
pub(crate) fn matches(path: &str) -> bool {
    extension(path).is_some()
}

fn extension(path: &str) -> Option<&str> {
    let (_, extension) = split(path).1.rsplit_once('.')?;
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)).then_some(extension)
}

fn select(path: &str) -> Wanted {
    if is_pom_properties(path) {
        Wanted::Start(PROPERTIES_BYTES)
    } else if path.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
        Wanted::Start(MANIFEST_BYTES)
    } else if extension(path).is_some() {
        Wanted::Archive
    } else {
        Wanted::Not
    }
}

/// `META-INF/maven/GROUP/ARTIFACT/pom.properties`, also below `WEB-INF/classes` and the like.
fn is_pom_properties(path: &str) -> bool {
    let Some(directory) = path.strip_suffix("/pom.properties") else { return false };
    let above = directory.rsplitn(3, '/').nth(2).unwrap_or_default();
    above == "META-INF/maven" || above.ends_with("/META-INF/maven")
}

/// Reads an archive as it streams by.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    let (zip, account) = (Zip::new(select), Account::new(limits));
    Box::new(Archive { path: path.to_owned(), zip, account, is_empty: true })
}

struct Archive {
    path: String,
    zip: Zip,
    account: Account,
    is_empty: bool,
}

impl Reader for Archive {
    fn read(&mut self, piece: &[u8]) -> Want {
        self.is_empty &= piece.is_empty();
        if self.zip.push(piece, &mut self.account) { Want::More } else { Want::Nothing }
    }

    /// What is held has a limit of its own.
    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let Self { path, zip, mut account, is_empty } = *self;
        let unzipped = zip.finish(&mut account);
        let mut problems = account.into_problems();
        let Some(unzipped) = unzipped else {
            // The format of Rar archives has the same extension as Java's resource adapters.
            if is_empty || extension(&path).is_some_and(|extension| extension.eq_ignore_ascii_case("rar")) {
                return Ok(None);
            }
            return Err(Unreadable::because("it is not a zip archive"));
        };
        let mut found = Vec::new();
        archive(split(&path).1, "", unzipped, &mut found);
        if found.len() > MOST {
            problems.push((ProblemKind::LimitExceeded, format!("it holds more than {MOST} libraries")));
        }
        found.sort_by(|a, b| a.package.cmp(&b.package).then_with(|| a.details.cmp(&b.details)));
        found.dedup_by(|a, b| a.package == b.package && a.details.evidence == b.details.evidence);
        without_repeated_guesses(&mut found);
        let content = (!found.is_empty()).then_some(FileContent::Packages(found));
        Unreadable::partly(content, problems)
    }
}

/// Takes away the guesses that a record in the same file confirms: a plug-in of Jenkins' and the library that it is made of.
fn without_repeated_guesses(found: &mut Vec<Found>) {
    let is_guess = |found: &Found| found.details.confidence != Confidence::High;
    let recorded: HashSet<_> = found.iter().filter(|f| !is_guess(f)).map(|f| f.package.clone()).collect();
    found.retain(|found| !is_guess(found) || !recorded.contains(&found.package));
}

/// Adds what an archive says. `inside` is its place in the outermost one, empty for that itself.
fn archive(name: &str, inside: &str, unzipped: Unzipped, found: &mut Vec<Found>) {
    if found.len() > MOST {
        return;
    }
    let mut manifest = Manifest::default();
    let mut poms = Vec::new();
    for (path, bytes) in &unzipped.files {
        if is_pom_properties(path) {
            poms.extend(Pom::read(bytes));
        } else {
            manifest = Manifest::read(bytes);
        }
    }
    let place = |path: &str| if inside.is_empty() { path.to_owned() } else { format!("{inside}!{path}") };
    let own_place = if inside.is_empty() { name } else { inside };
    let own = Own::of(name, &manifest);
    let has_more = !unzipped.archives.is_empty();
    let is_own = |pom: &Pom| poms.len() == 1 || own.artifact == pom.artifact;
    for pom in &poms {
        let name = format!("{}:{}", pom.group, pom.artifact);
        let mut licenses = Licenses::default();
        if is_own(pom) {
            licenses = manifest.licenses();
        }
        let evidence = (!inside.is_empty()).then(|| inside.to_owned());
        found.push(Found {
            details: Details { licenses: licenses.0, evidence, ..Details::default() },
            ..Package::new(PackageType::Maven, &name, &pom.version).into()
        });
    }
    // Where none of several is the archive itself, it is one more: built by another tool, with these packed into it.
    let is_told = poms.iter().any(is_own);
    let says_something = !own.version.is_empty() || !has_more && poms.is_empty() && !manifest.is_empty();
    if !is_told && says_something && !own.artifact.is_empty() {
        let evidence =
            if own.is_from_manifest { place("META-INF/MANIFEST.MF") } else { own_place.to_owned() };
        let (name, confidence) = match &own.group {
            Some((group, confidence)) => (format!("{group}:{}", own.artifact), *confidence),
            None => (own.artifact.clone(), Confidence::Low),
        };
        found.push(Found {
            details: Details {
                licenses: manifest.licenses().0,
                confidence,
                evidence: Some(evidence),
                ..Details::default()
            },
            ..Package::new(PackageType::Maven, &name, &own.version).into()
        });
    }
    for (path, inner) in unzipped.archives {
        archive(split(&path).1, &place(&path), inner, found);
    }
}

/// The three keys of a `pom.properties`.
#[derive(Default)]
struct Pom {
    group: String,
    artifact: String,
    version: String,
}

impl Pom {
    /// `None` where one is missing, or was never filled in.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut pom = Self::default();
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = line.trim_ascii();
            let Some(at) = line.iter().position(|byte| matches!(byte, b'=' | b':')) else { continue };
            let value = String::from_utf8_lossy(line[at + 1..].trim_ascii()).into_owned();
            match line[..at].trim_ascii() {
                b"groupId" => pom.group = value,
                b"artifactId" => pom.artifact = value,
                b"version" => pom.version = value,
                _ => {}
            }
        }
        let all = [&pom.group, &pom.artifact, &pom.version];
        all.iter().all(|text| !text.is_empty() && !text.contains("${")).then_some(pom)
    }
}

/// The keys of a manifest's main section that may name a library.
#[derive(Default)]
struct Manifest {
    implementation_title: String,
    implementation_version: String,
    implementation_vendor_id: String,
    specification_version: String,
    bundle_name: String,
    bundle_version: String,
    bundle_license: String,
    module_name: String,
    short_name: String,
    plugin_version: String,
    plugin_group: String,
}

impl Manifest {
    fn read(bytes: &[u8]) -> Self {
        let mut manifest = Self::default();
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r')).peekable();
        while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
            let Some((key, value)) = line.split_once(':') else { continue };
            let mut value = value.trim_start().to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with(' ')) {
                value.push_str(&more[1..]);
            }
            let value = value.trim();
            if value.is_empty() || value.contains("${") || value.len() > 1000 {
                continue;
            }
            let field = match key.to_ascii_lowercase().as_str() {
                "implementation-title" => &mut manifest.implementation_title,
                "implementation-version" => &mut manifest.implementation_version,
                "implementation-vendor-id" => &mut manifest.implementation_vendor_id,
                "specification-version" => &mut manifest.specification_version,
                "bundle-symbolicname" => &mut manifest.bundle_name,
                "bundle-version" => &mut manifest.bundle_version,
                "bundle-license" => &mut manifest.bundle_license,
                "automatic-module-name" => &mut manifest.module_name,
                // Jenkins' plug-ins.
                "short-name" | "extension-name" if manifest.short_name.is_empty() => &mut manifest.short_name,
                "plugin-version" => &mut manifest.plugin_version,
                "group-id" => &mut manifest.plugin_group,
                _ => continue,
            };
            *field = value.to_owned();
        }
        // `org.example.bundle;singleton:=true`
        let end = manifest.bundle_name.find(';').unwrap_or(manifest.bundle_name.len());
        manifest.bundle_name.truncate(end);
        manifest
    }

    fn is_empty(&self) -> bool {
        self.implementation_title.is_empty() && self.bundle_name.is_empty() && self.module_name.is_empty()
    }

    fn version(&self) -> &str {
        let versions = [
            &self.plugin_version,
            &self.implementation_version,
            &self.bundle_version,
            &self.specification_version,
        ];
        let is_version = |text: &&&String| text.starts_with(|c: char| c.is_ascii_digit());
        // `2.3.1 build 17` and `1.0 (2020-01-01)` say more than the version.
        versions.iter().find(is_version).and_then(|text| text.split_whitespace().next()).unwrap_or_default()
    }

    fn licenses(&self) -> Licenses {
        let mut licenses = Licenses::default();
        for license in self.bundle_license.split(',') {
            // `Apache-2.0;link="https://…"`
            licenses.add(license.split(';').next().unwrap_or_default().trim_matches('"'));
        }
        licenses
    }
}

/// What an archive is by its manifest and its name.
struct Own {
    artifact: String,
    version: String,
    group: Option<(String, Confidence)>,
    is_from_manifest: bool,
}

impl Own {
    fn of(name: &str, manifest: &Manifest) -> Self {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let (artifact, version, is_from_manifest) = match stem_parts(stem) {
            Some((artifact, version)) => (artifact, version, false),
            None => (stem, manifest.version(), true),
        };
        let artifact = match manifest.short_name.as_str() {
            "" => artifact,
            short if !manifest.plugin_version.is_empty() => short,
            _ => artifact,
        };
        let group = group(artifact, version, manifest);
        Self { artifact: artifact.to_owned(), version: version.to_owned(), group, is_from_manifest }
    }
}

/// `log4j-1.2-api` and `2.17.1` of `log4j-1.2-api-2.17.1`: the version is behind the last hyphen with a digit behind it,
/// save what a snapshot or a build for one platform puts behind that.
fn stem_parts(stem: &str) -> Option<(&str, &str)> {
    const CLASSIFIERS: [&str; 16] = [
        "-linux",
        "-osx",
        "-windows",
        "-sources",
        "-javadoc",
        "-tests",
        "-shaded",
        "-all",
        "-exec",
        "-jar-with-dependencies",
        "-bundle",
        "-standalone",
        "-no_aop",
        "-jakarta",
        "-uber",
        "-fat",
    ];
    let is_start = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    let mut hyphens = stem.match_indices('-').map(|(at, _)| at).filter(is_start);
    let mut at = hyphens.next_back()?;
    // `1.0-20200101.123456-1` is one version, of a snapshot.
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(&stem[at + 1..])
        && let Some(before) = hyphens.next_back()
    {
        let stamp = &stem[before + 1..at];
        let is_stamp = stamp.len() == 15
            && stamp.split_once('.').is_some_and(|(day, time)| is_number(day) && is_number(time));
        match hyphens.next_back() {
            Some(start) if is_stamp => at = start,
            _ => {}
        }
    }
    let (artifact, version) = (&stem[..at], &stem[at + 1..]);
    let end = CLASSIFIERS.iter().filter_map(|classifier| version.find(classifier)).min();
    let version = &version[..end.unwrap_or(version.len())];
    (!artifact.is_empty()).then_some((artifact, version))
}

/// The group of an artifact: what is known of it, what a vendor says of himself, what the bundle's name suggests.
fn group(artifact: &str, version: &str, manifest: &Manifest) -> Option<(String, Confidence)> {
    if let Some(group) = groups::of(artifact, version) {
        return Some((group.to_owned(), Confidence::Medium));
    }
    let is_group = |text: &str| {
        text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if is_group(&manifest.plugin_group) {
        return Some((manifest.plugin_group.clone(), Confidence::Medium));
    }
    let of_name = |name: &String| {
        let (group, last) = name.rsplit_once('.')?;
        (last == artifact && is_group(group)).then(|| group.to_owned())
    };
    // Bundles of Eclipse's and OSGi's are published under their whole name, in the group that it begins with.
    let of_artifact = || {
        let is_whole = ["org.", "com.", "net.", "io."].iter().any(|start| artifact.starts_with(start));
        let (group, _) = artifact.rsplit_once('.').filter(|(group, _)| is_whole && is_group(group))?;
        Some(group.to_owned())
    };
    let guesses = [
        of_artifact(),
        Some(manifest.implementation_vendor_id.clone()).filter(|id| is_group(id)),
        of_name(&manifest.bundle_name),
        of_name(&manifest.module_name),
        Some(manifest.bundle_name.clone()).filter(|name| is_group(name)),
        Some(manifest.module_name.clone()).filter(|name| is_group(name)),
    ];
    guesses.into_iter().flatten().next().map(|group| (group, Confidence::Low))
}

/// The runtime's own file, `release`, in the folder where it is installed.
pub(crate) mod release {
    use super::{
        Details, FileContent, Found, Limits, Package, PackageType, Reader, Unreadable, Whole, split,
    };

    /// A file `release`. What it is, only its content says.
    pub(crate) fn matches(path: &str) -> bool {
        split(path).1 == "release"
    }

    /// Reads the whole file.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    /// Lines `KEY="value"`. Without the keys of a Java runtime it is somebody else's file.
    pub(super) fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let text = String::from_utf8_lossy(bytes);
        let value = |key: &str| {
            let of_line = |line: &str| {
                Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().trim_matches('"').to_owned())
            };
            text.lines().find_map(of_line).filter(|value| !value.is_empty())
        };
        let Some(version) = value("JAVA_VERSION") else { return Ok(None) };
        if value("OS_ARCH").or_else(|| value("OS_NAME")).or_else(|| value("MODULES")).is_none() {
            return Ok(None);
        }
        let package = Package::new(PackageType::Bitnami, "java", &numbered(&version));
        let details = Details { origin: value("IMPLEMENTOR"), ..Details::default() };
        Ok(Some(FileContent::Packages(vec![Found { details, ..package.into() }])))
    }

    /// `1.8.392` of `1.8.0_392`, as advisories number what was called 8u392; what is newer than Java 8 as it is.
    pub(crate) fn numbered(version: &str) -> String {
        let version = version.split(['-', '+']).next().unwrap_or_default();
        match version.split_once(".0_") {
            Some((feature, update)) => format!("{feature}.{}", update.trim_start_matches('0')),
            None => version.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
