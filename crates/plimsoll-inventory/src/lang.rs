//! Packages of programming languages, and software that nobody's package manager put there: installed evidence only. A lock
//! file lists what may not be installed.

pub(crate) mod bitnami;
pub(crate) mod classifier;
mod compressed;
pub(crate) mod conan;
pub(crate) mod conda;
pub(crate) mod dart;
pub(crate) mod dotnet;
pub(crate) mod elf;
pub(crate) mod erlang;
pub(crate) mod golang;
pub(crate) mod java;
pub(crate) mod json;
pub(crate) mod julia;
pub(crate) mod lua;
pub(crate) mod native_image;
pub(crate) mod note;
pub(crate) mod npm;
mod pe;
pub(crate) mod perl;
pub(crate) mod php;
pub(crate) mod python;
pub(crate) mod r;
pub(crate) mod ruby;
pub(crate) mod rust;
pub(crate) mod swift;
pub(crate) mod upx;
pub(crate) mod wordpress;

use plimsoll_types::Package;
use plimsoll_types::inventory::{Details, FileContent, Found};

use crate::catalogers::{Cataloger, Unreadable};
use crate::path::split;
use json::Licenses;

/// All that find their files by path. Of two that want the same file, the first has it.
static CATALOGERS: &[Cataloger] = &[
    Cataloger { name: "npm", matches: npm::matches, reader: npm::reader },
    Cataloger { name: "Python", matches: python::matches, reader: python::reader },
    Cataloger { name: "Java", matches: java::matches, reader: java::reader },
    Cataloger { name: "Ruby", matches: ruby::matches, reader: ruby::reader },
    Cataloger { name: ".NET", matches: dotnet::matches, reader: dotnet::reader },
    Cataloger { name: "PHP", matches: php::matches, reader: php::reader },
    Cataloger { name: "Python egg", matches: python::egg::matches, reader: python::egg::reader },
    Cataloger { name: "Yarn", matches: npm::yarn::matches, reader: npm::yarn::reader },
    Cataloger { name: "Conda", matches: conda::matches, reader: conda::reader },
    Cataloger { name: "Java runtime", matches: java::release::matches, reader: java::release::reader },
    Cataloger { name: "PEAR", matches: php::pear::matches, reader: php::pear::reader },
    Cataloger { name: "Erlang", matches: erlang::matches, reader: erlang::reader },
    Cataloger { name: "Erlang release", matches: erlang::release::matches, reader: erlang::release::reader },
    Cataloger { name: "R", matches: r::matches, reader: r::reader },
    Cataloger { name: "Lua", matches: lua::matches, reader: lua::reader },
    Cataloger { name: "Perl", matches: perl::matches, reader: perl::reader },
    Cataloger { name: "Perl journal", matches: perl::local::matches, reader: perl::local::reader },
    Cataloger { name: "Dart", matches: dart::matches, reader: dart::reader },
    Cataloger { name: "Julia", matches: julia::matches, reader: julia::reader },
    Cataloger { name: "Swift", matches: swift::matches, reader: swift::reader },
    Cataloger { name: "Conan", matches: conan::matches, reader: conan::reader },
    Cataloger { name: "Conan cache", matches: conan::cache::matches, reader: conan::cache::reader },
    Cataloger { name: "Cargo", matches: rust::installed::matches, reader: rust::installed::reader },
    Cataloger { name: "WordPress", matches: wordpress::matches, reader: wordpress::reader },
    Cataloger { name: "Bitnami", matches: bitnami::matches, reader: bitnami::reader },
    Cataloger { name: "SBOM", matches: bitnami::embedded::matches, reader: bitnami::embedded::reader },
];

/// npm's, which also reads what a package store holds under other names.
pub(crate) fn npm_cataloger() -> &'static Cataloger {
    &CATALOGERS[0]
}

/// Those that may want a file at this path: none, for nearly all of the million files that an image may have.
pub(crate) fn catalogers(path: &str) -> &'static [Cataloger] {
    if may_match(split(path).1) { CATALOGERS } else { &[] }
}

/// Whether any cataloger looks for files of this name.
fn may_match(name: &str) -> bool {
    match name {
        "package.json"
        | "METADATA"
        | "PKG-INFO"
        | "installed.json"
        | "release"
        | "OTP_VERSION"
        | "DESCRIPTION"
        | "install.json"
        | "perllocal.pod"
        | "pubspec.yaml"
        | "Project.toml"
        | "JuliaProject.toml"
        | "workspace-state.json"
        | "conaninfo.txt"
        | "cache.sqlite3"
        | "version.php"
        | "style.css" => return true,
        _ => {}
    }
    let Some((start, extension)) = name.rsplit_once('.') else { return false };
    match extension {
        "egg-info" | "egg" | "gemspec" | "zip" | "reg" | "app" | "rockspec" | "php" | "spdx" => true,
        // Records of Conda have any name.
        "json" => true,
        _ => !start.is_empty() && java::matches(name),
    }
}

/// A package with its licences.
fn licensed(package: Package, licenses: Licenses) -> Found {
    Found { details: Details { licenses: licenses.0, ..Details::default() }, ..package.into() }
}

/// What a file says that names one package.
fn one(package: Found) -> Option<FileContent> {
    Some(FileContent::Packages(vec![package]))
}

/// What a file says that names these, without any twice; nothing where there are none.
fn some(mut packages: Vec<Found>) -> Option<FileContent> {
    packages.sort_by(|a, b| a.package.cmp(&b.package).then_with(|| a.details.cmp(&b.details)));
    packages.dedup_by(|a, b| a.package == b.package);
    (!packages.is_empty()).then_some(FileContent::Packages(packages))
}

/// Reads an object. A list would do for a structure, too, and say nothing.
fn object<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Unreadable::because("it is not a JSON object"));
    }
    json::refill();
    serde_json::from_slice(bytes).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Unreadable {
    Unreadable::because(format!("it is not JSON as expected: {error}"))
}

#[cfg(test)]
mod tests;
