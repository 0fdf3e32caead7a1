//! Layers to image: what an upper layer hides, removes and adds (OCI image specification, layer.md, "Applying changesets").

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    ChannelKind, Channels, Details, Distro, FileContent, FileFact, Found, ImageInventory, InstalledPackage,
    LayerInventory, Problem, ProblemKind, owned_hash, path_hash,
};
use crate::{Digest, Package, PackageType};

/// The files that name the distribution, best first. `etc/os-release` is usually a link to the second; of the older ones,
/// derivatives keep those of their base beside their own.
pub const DISTRO_FILES: [&str; 20] = [
    "etc/os-release",
    "usr/lib/os-release",
    "etc/initrd-release",
    "etc/lsb-release",
    "etc/oracle-release",
    "etc/almalinux-release",
    "etc/rocky-release",
    "etc/centos-release",
    "etc/fedora-release",
    "etc/system-release",
    "etc/redhat-release",
    "etc/SuSE-release",
    "etc/photon-release",
    "etc/mariner-release",
    "etc/alpine-release",
    "etc/debian_version",
    "etc/gentoo-release",
    "etc/slackware-version",
    "etc/arch-release",
    "etc/issue",
];

/// A file of the image while the layers are laid over each other.
struct Placed<'a> {
    content: &'a FileContent,
    layer: usize,
}

impl ImageInventory {
    /// Packages that are listed of one image; the largest images known have a tenth of them.
    pub const MAX_PACKAGES: usize = 500_000;

    /// Lays the layers over each other, lowest first. Each comes with the digest that its manifest gives it, or none
    /// outside an image. The result depends on nothing else.
    pub fn merge(layers: &[(Option<Digest>, &LayerInventory)]) -> Self {
        let mut files: BTreeMap<String, Placed<'_>> = BTreeMap::new();
        // For whole-file databases: since which layer has this package been there without a break?
        let mut since: HashMap<String, HashMap<&Package, usize>> = HashMap::new();
        let mut problems = Vec::new();
        for (number, (_, layer)) in layers.iter().enumerate() {
            let links = follow_links(layer, &files, &mut problems);
            let cover = Cover::of(layer);
            files.retain(|path, _| !cover.hides(path));
            since.retain(|path, _| files.contains_key(path) || layer.fact(path).is_some());
            for (path, content) in
                layer.files.iter().map(|file| (file.path.clone(), &file.content)).chain(links)
            {
                if let FileContent::Database(packages) = content {
                    let before = since.remove(&path).unwrap_or_default();
                    let first = |package| before.get(package).copied().unwrap_or(number);
                    let packages = packages.iter().map(|found| &found.package);
                    since.insert(path.clone(), packages.map(|p| (p, first(p))).collect());
                }
                files.insert(path, Placed { content, layer: number });
            }
            problems.extend(layer.problems.iter().cloned());
        }
        keep_newest_rpm_database(&mut files);
        let mut distro = DISTRO_FILES.iter().find_map(|path| distro_at(path, &files)).cloned();
        let channels = channels(&files);
        if let Some(distro) = &mut distro {
            distro.choose_branch(&channels);
        }
        let digest_of = |number: usize| layers.get(number).and_then(|(digest, _)| digest.clone());
        let owners = owners(&files);
        let lists = DotnetLists::of(&files);
        let mut packages = Vec::new();
        for (path, placed) in &files {
            let since = since.get(path);
            let owner = match placed.content {
                FileContent::Packages(_) => owners.get(&owned_hash(path)).copied(),
                _ => None,
            };
            let room = ImageInventory::MAX_PACKAGES.saturating_sub(packages.len());
            if placed.content.found().len() > room {
                let message = format!("the image names more than {} packages", ImageInventory::MAX_PACKAGES);
                problems.push(Problem::new(ProblemKind::LimitExceeded, message));
                break;
            }
            if is_application_without_packages(path, &files) {
                continue;
            }
            let is_listed = lists.are_beside(path);
            for found in placed.content.found().iter().filter(|found| !is_listed || !is_of_library(found)) {
                let layer = since.and_then(|since| since.get(&found.package).copied());
                let layer = digest_of(layer.unwrap_or(placed.layer));
                packages.push(place(found, path, layer, distro.as_ref(), owner));
            }
        }
        packages.sort();
        packages.dedup();
        let packages = settled(packages);
        Self {
            distro,
            packages,
            channels,
            problems,
            unpacked_bytes: sum(layers.iter().map(|(_, layer)| layer.unpacked_bytes)),
            entries: sum(layers.iter().map(|(_, layer)| layer.entries)),
        }
    }
}

/// The distribution that a file names, or what it links to. The kernel follows forty links; honest images have two.
fn distro_at<'a>(path: &str, files: &BTreeMap<String, Placed<'a>>) -> Option<&'a Distro> {
    let mut content = files.get(path)?.content;
    for _ in 0..8 {
        match content {
            FileContent::Distro(distro) => return Some(distro),
            FileContent::Link(target) => content = files.get(target)?.content,
            _ => return None,
        }
    }
    None
}

/// A layer may say of itself what it likes.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Without what a better source says: a program of the distribution needs no guess by its content, a package that has a
/// record no note or SBOM that repeats it; and a program under many names, or in many parts, is one.
fn settled(packages: Vec<InstalledPackage>) -> Vec<InstalledPackage> {
    let told = |is_source: fn(&Details) -> bool| -> HashSet<Package> {
        let told = packages.iter().filter(|installed| is_source(&installed.details));
        told.map(|installed| bare(&installed.package)).collect()
    };
    let told_or_seen = told(|details| !details.is_hearsay());
    let recorded = told(|details| !details.is_hearsay() && !details.is_by_content());
    let mut seen = HashSet::new();
    let mut is_needed = |installed: &InstalledPackage| {
        let InstalledPackage { package, details, layer, .. } = installed;
        let is_first =
            |seen: &mut HashSet<_>| seen.insert((package.clone(), layer.clone(), details.evidence.clone()));
        if details.is_hearsay() {
            return details.owned_by.is_none()
                && !told_or_seen.contains(&bare(package))
                && is_first(&mut seen);
        }
        let is_needless = details.owned_by.is_some() || recorded.contains(&bare(package));
        !details.is_by_content() || !is_needless && is_first(&mut seen)
    };
    packages.into_iter().filter(|installed| is_needed(installed)).collect()
}

/// What sources of different knowledge say alike.
fn bare(package: &Package) -> Package {
    Package::new(package.package_type, &package.name, &package.version)
}

/// What all files tell of where the packages came from.
fn channels(files: &BTreeMap<String, Placed<'_>>) -> Vec<Channels> {
    let mut by_kind: BTreeMap<ChannelKind, BTreeSet<&str>> = BTreeMap::new();
    for placed in files.values() {
        if let FileContent::Channels(channels) = placed.content {
            by_kind.entry(channels.kind).or_default().extend(channels.names.iter().map(String::as_str));
        }
    }
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    by_kind.into_iter().map(|(kind, names)| Channels { kind, names: owned(names) }).collect()
}

/// The forms of rpm's database, newest first. A system that changed to another form may have the old one lying about.
const RPM_FORMS: [&str; 4] = ["/rpmdb.sqlite", "/Packages.db", "/Packages", "/container-manifest-2"];

/// Of rpm's databases, those of the newest form count that names a package.
fn keep_newest_rpm_database(files: &mut BTreeMap<String, Placed<'_>>) {
    let form = |path: &str, content: &FileContent| {
        let is_rpm = matches!(content, FileContent::Database(found)
            if found.first().is_some_and(|found| found.package.package_type == PackageType::Rpm));
        RPM_FORMS.iter().position(|form| is_rpm && path.ends_with(form))
    };
    let newest = files.iter().filter_map(|(path, placed)| form(path, placed.content)).min();
    files.retain(|path, placed| form(path, placed.content).is_none_or(|form| Some(form) == newest));
}

/// Whether it is the `package.json` of a folder in which nothing was installed: a template, test data, a source tree. Where
/// packages lie beside it, it is that of an application. Yarn's own archive needs no other package.
fn is_application_without_packages(path: &str, files: &BTreeMap<String, Placed<'_>>) -> bool {
    let folder = folder(path);
    let is_application = path
        .strip_prefix(folder)
        .is_some_and(|name| name.trim_matches('/') == "package.json")
        && folder.split('/').all(|part| !matches!(part, "node_modules" | "corepack" | "registry.npmjs.org"));
    if !is_application || folder.rsplit('/').next().is_some_and(|name| name.starts_with("yarn-v")) {
        return false;
    }
    let packages =
        if folder.is_empty() { "node_modules/".to_owned() } else { format!("{folder}/node_modules/") };
    !files.range(packages.clone()..).next().is_some_and(|(path, _)| path.starts_with(&packages))
}

/// The folders in which a `deps.json` says what .NET deploys: the libraries there need not speak for themselves.
struct DotnetLists<'a>(HashSet<&'a str>);

impl<'a> DotnetLists<'a> {
    fn of(files: &'a BTreeMap<String, Placed<'_>>) -> Self {
        let lists = files.keys().filter(|path| path.ends_with(".deps.json"));
        Self(lists.map(|path| folder(path)).collect())
    }

    /// Libraries for one system among many lie in `runtimes/SYSTEM/…` below.
    fn are_beside(&self, path: &str) -> bool {
        let above = path.split_once("/runtimes/").map(|(above, _)| above);
        [Some(folder(path)), above].into_iter().flatten().any(|folder| self.0.contains(folder))
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether it is what a .NET library says of itself.
fn is_of_library(found: &Found) -> bool {
    found.package.package_type == PackageType::Nuget && found.details.is_by_content()
}

fn place(
    found: &Found,
    path: &str,
    layer: Option<Digest>,
    distro: Option<&Distro>,
    owner: Option<&str>,
) -> InstalledPackage {
    let package = &found.package;
    let ecosystem = match package.package_type {
        t if t.is_os() => distro.and_then(Distro::ecosystem),
        t => t.language_ecosystem(),
    };
    let mut details = found.details.clone();
    details.owned_by = owner.map(str::to_owned);
    let mut purl = package.purl(distro);
    purl.set(InstalledPackage::MODULE, found.module.as_deref().unwrap_or_default());
    InstalledPackage {
        purl: purl.to_string(),
        package: package.clone(),
        ecosystem,
        path: path.to_owned(),
        layer,
        details,
    }
}

/// The packages of the distribution that own files which name packages, by the hash of the path. Where several own one,
/// it is the first by name. What lists its files and is not installed (any more) owns nothing.
fn owners<'a>(files: &BTreeMap<String, Placed<'a>>) -> HashMap<u64, &'a str> {
    let facts = || files.iter().map(|(path, placed)| (path, placed.content));
    let wanted: HashSet<u64> = facts()
        .filter(|(_, content)| matches!(content, FileContent::Packages(_)))
        .map(|(path, _)| owned_hash(path))
        .collect();
    let of_system =
        |content: &'a FileContent| content.found().iter().filter(|found| found.package.package_type.is_os());
    let installed: HashSet<&str> = facts()
        .flat_map(|(_, content)| of_system(content))
        .map(|found| found.package.name.as_str())
        .collect();
    let mut owners: HashMap<u64, &'a str> = HashMap::new();
    let mut own = |name: &'a str, paths: &[u64]| {
        for path in paths.iter().filter(|path| wanted.contains(path)) {
            let owner = owners.entry(*path).or_insert(name);
            *owner = name.min(*owner);
        }
    };
    for (_, content) in facts() {
        match content {
            FileContent::Files(list) if installed.contains(list.package.as_str()) => {
                own(&list.package, &list.paths);
            }
            content => of_system(content).for_each(|found| own(&found.package.name, &found.owns)),
        }
    }
    owners
}

/// Hard links into lower layers, before this layer hides anything: appliers resolve them while they unpack.
fn follow_links<'a>(
    layer: &LayerInventory,
    below: &BTreeMap<String, Placed<'a>>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, &'a FileContent)> {
    let mut found = Vec::new();
    for link in &layer.links {
        match below.get(&link.target) {
            Some(placed) if link.wanted || matches!(placed.content, FileContent::Packages(_)) => {
                found.push((link.path.clone(), placed.content));
            }
            Some(_) => {}
            None if !link.wanted => {}
            None => problems.push(Problem::at(
                ProblemKind::Unreadable,
                &link.path,
                "a hard link to a file that says nothing or is not there",
            )),
        }
    }
    found
}

/// What a layer hides of those below, made ready for many look-ups: a hostile layer may have as many whiteouts as the
/// layers below have files.
struct Cover<'a> {
    layer: &'a LayerInventory,
    whiteouts: HashSet<&'a str>,
    opaque: HashSet<&'a str>,
}

impl<'a> Cover<'a> {
    fn of(layer: &'a LayerInventory) -> Self {
        Self {
            layer,
            whiteouts: layer.whiteouts.iter().map(String::as_str).collect(),
            opaque: layer.opaque.iter().map(String::as_str).collect(),
        }
    }

    /// Whether a file that lower layers have at `path` is gone once this layer lies over them.
    fn hides(&self, path: &str) -> bool {
        let has = |list: &[u64], path: &str| list.binary_search(&path_hash(path)).is_ok();
        let gone = |path: &str| self.whiteouts.contains(path) || has(&self.layer.replaced, path);
        let mut ancestors = path.match_indices('/').map(|(at, _)| &path[..at]);
        gone(path)
            || has(&self.layer.directories, path)
            || self.opaque.contains("")
            || ancestors.any(|directory| gone(directory) || self.opaque.contains(directory))
    }
}

impl LayerInventory {
    fn fact(&self, path: &str) -> Option<&FileFact> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }
}
