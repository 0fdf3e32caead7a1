//! Nix: the names of store paths, `nix/store/HASH-NAME-VERSION`. What is in the store is there, whether or not a database
//! tells of it, and images that Nix builds have none.

use plimsoll_types::{Package, PackageType};

/// Where the store is.
pub(crate) const STORE: &str = "nix/store/";

/// Outputs that a package is split into, as nixpkgs names them.
const OUTPUTS: [&str; 12] =
    ["bin", "dev", "lib", "man", "doc", "info", "data", "debug", "static", "out", "devdoc", "getent"];

/// The package of a store path. A path without a version, such as a script or a source, is none.
pub(crate) fn package(store_path: &str) -> Option<Package> {
    let (hash, name) = store_path.split_once('-')?;
    let is_hash =
        hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_other = [".drv", ".patch", ".diff", ".lock", ".gz", ".xz", ".bz2", ".zip", "-source"];
    if !is_hash || is_other.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let is_version = |at: &usize| name[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let at = name.match_indices('-').map(|(at, _)| at).find(is_version)?;
    let (name, mut version) = (&name[..at], &name[at + 1..]);
    if let Some((start, output)) = version.rsplit_once('-')
        && OUTPUTS.contains(&output)
    {
        version = start;
    }
    (!name.is_empty()).then(|| Package::new(PackageType::Nix, name, version))
}
