//! SPDX 2.2 and 2.3 in JSON (spdx.github.io/spdx-spec/v2.3, "Package information").

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::MapAccess;

use super::{Class, Component, Reading, cyclonedx};
use crate::lang::json::{self, Each, List, Members, Text};

/// Reads the packages of the document.
pub(super) fn read(bytes: &[u8], reading: &mut Reading) -> Result<(), serde_json::Error> {
    json::members(bytes, &mut Top(reading))
}

/// The document, of which the packages matter, and what it says of the image.
struct Top<'a>(&'a mut Reading);

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "SPDXID", default)]
    id: Text,
    #[serde(default)]
    name: Text,
    #[serde(rename = "versionInfo", default)]
    version: Text,
    #[serde(rename = "primaryPackagePurpose", default)]
    purpose: Text,
    #[serde(default)]
    summary: Text,
    #[serde(rename = "licenseDeclared", default)]
    declared: Text,
    #[serde(rename = "licenseConcluded", default)]
    concluded: Text,
    #[serde(rename = "externalRefs", default)]
    references: List<Reference>,
    #[serde(default)]
    annotations: List<Annotation>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "referenceType", default)]
    kind: Text,
    #[serde(rename = "referenceLocator", default)]
    locator: Text,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    comment: Text,
}

impl Members for Top<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "packages" => map.next_value_seed(Each(|package| take(package, self.0), PhantomData))?,
            "annotations" => {
                let take = |annotation: Annotation| {
                    if let Some((name, value)) = annotation.own() {
                        self.0.property(name, value);
                    }
                };
                map.next_value_seed(Each(take, PhantomData))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Annotation {
    /// What a document of our own says in it.
    fn own(&self) -> Option<(&str, &str)> {
        self.comment.as_str().strip_prefix("plimsoll:")?.split_once('=')
    }
}

fn take(package: Package, reading: &mut Reading) {
    let mut component = Component {
        kind: class(package.id.as_str(), package.purpose.as_str()),
        reference: package.id.0.unwrap_or_default(),
        name: package.name.0.unwrap_or_default(),
        version: package.version.0.unwrap_or_default(),
        ..Component::default()
    };
    let purl = package.references.0.into_iter().find(|reference| reference.kind.as_str() == "purl");
    component.purl = purl.and_then(|reference| reference.locator.0).unwrap_or_default();
    for license in [package.declared, package.concluded] {
        license_of(&mut component, license.as_str());
    }
    let (mut codename, mut like) = (String::new(), String::new());
    for annotation in package.annotations.0 {
        let Some((name, value)) = annotation.own() else { continue };
        match name {
            "distro:codename" => value.clone_into(&mut codename),
            "distro:like" => value.clone_into(&mut like),
            name => component.property(name, value),
        }
    }
    let is_system = component.kind == Class::System;
    let had_distro = reading.distro.is_some();
    reading.component(component);
    if let Some(distro) = reading.distro.as_mut().filter(|_| is_system && !had_distro) {
        cyclonedx::complete(distro, package.summary.as_str(), codename, &like);
    }
}

/// The image itself is listed as a package by most writers, under names of their own.
pub(super) fn class(id: &str, purpose: &str) -> Class {
    match purpose {
        "OPERATING-SYSTEM" => Class::System,
        "CONTAINER" | "FILE" | "DEVICE" | "ARCHIVE" => Class::Other,
        "APPLICATION" | "FIRMWARE" => Class::Application,
        _ if id.starts_with("SPDXRef-OperatingSystem") => Class::System,
        _ if id.starts_with("SPDXRef-DocumentRoot") || id.starts_with("SPDXRef-ContainerImage") => {
            Class::Other
        }
        _ => Class::Package,
    }
}

/// Takes a licence, unless the document does not say or has one already.
pub(super) fn license_of(component: &mut Component, expression: &str) {
    if component.licenses.0.is_empty() && !matches!(expression, "NOASSERTION" | "NONE") {
        component.licenses.add(expression);
    }
}
