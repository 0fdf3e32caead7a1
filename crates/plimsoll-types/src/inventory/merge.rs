//! Layers to image: what an upper layer hides, removes and adds (OCI image specification, layer.md, "Applying changesets").

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Distro, FileContent, FileFact, ImageInventory, InstalledPackage, LayerInventory, Problem, ProblemKind,
    path_hash,
};
use crate::{Digest, Package};

/// Where `os-release` may be, best first. `etc/os-release` is usually a link to the second.
const OS_RELEASE: [&str; 6] = [
    "etc/os-release",
    "usr/lib/os-release",
    "etc/initrd-release",
    "etc/lsb-release",
    "etc/alpine-release",
    "etc/debian_version",
];

/// A file of the image while the layers are laid over each other.
struct Placed<'a> {
    content: &'a FileContent,
    layer: usize,
}

impl ImageInventory {
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
                    since.insert(path.clone(), packages.iter().map(|p| (p, first(p))).collect());
                }
                files.insert(path, Placed { content, layer: number });
            }
            problems.extend(layer.problems.iter().cloned());
        }
        let distro = OS_RELEASE.iter().find_map(|path| match files.get(*path)?.content {
            FileContent::Distro(distro) => Some(distro.clone()),
            _ => None,
        });
        let digest_of = |number: usize| layers.get(number).and_then(|(digest, _)| digest.clone());
        let mut packages = Vec::new();
        for (path, placed) in &files {
            let (FileContent::Database(list) | FileContent::Packages(list)) = placed.content else {
                continue;
            };
            for package in list {
                let layer =
                    since.get(path).and_then(|since| since.get(package).copied()).unwrap_or(placed.layer);
                packages.push(place(package, path, digest_of(layer), distro.as_ref()));
            }
        }
        packages.sort();
        packages.dedup();
        Self {
            distro,
            packages,
            problems,
            unpacked_bytes: layers.iter().map(|(_, layer)| layer.unpacked_bytes).sum(),
            entries: layers.iter().map(|(_, layer)| layer.entries).sum(),
        }
    }
}

fn place(package: &Package, path: &str, layer: Option<Digest>, distro: Option<&Distro>) -> InstalledPackage {
    let ecosystem = match package.package_type {
        t if t.is_os() => distro.and_then(Distro::ecosystem),
        t => t.language_ecosystem(),
    };
    InstalledPackage {
        purl: package.purl(distro).to_string(),
        package: package.clone(),
        ecosystem,
        path: path.to_owned(),
        layer,
    }
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
            Some(placed) => found.push((link.path.clone(), placed.content)),
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
