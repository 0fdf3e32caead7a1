//! Our own JSON, as `plimsoll sbom --format json` writes it.

use std::marker::PhantomData;

use plimsoll_types::inventory::{Confidence, Details, Distro};
use serde::Deserialize;
use serde::de::MapAccess;

use super::{Component, Reading};
use crate::lang::json::{self, Each, Licenses, List, Members, Text};

/// The document, of which system, packages and problems matter.
struct Top<'a>(&'a mut Reading);

#[derive(Deserialize)]
struct System {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    like: List<Text>,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    codename: Text,
    #[serde(default)]
    name: Text,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    purl: Text,
    #[serde(default)]
    path: Text,
    #[serde(default)]
    layer: Text,
    #[serde(default)]
    architecture: Text,
    #[serde(default)]
    source: Text,
    #[serde(rename = "sourceVersion", default)]
    source_version: Text,
    #[serde(default)]
    licenses: Licenses,
    #[serde(default)]
    origin: Text,
    #[serde(default)]
    confidence: Option<Confidence>,
    #[serde(default)]
    evidence: Text,
    #[serde(rename = "ownedBy", default)]
    owned_by: Text,
}

/// Reads the packages of the document.
pub(super) fn read(bytes: &[u8], reading: &mut Reading) -> Result<(), serde_json::Error> {
    json::members(bytes, &mut Top(reading))
}

impl Members for Top<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "distro" => {
                json::refill();
                self.0.distro = map.next_value::<Option<System>>()?.map(distro);
            }
            "packages" => {
                map.next_value_seed(Each(|package| self.0.component(component(package)), PhantomData))?;
            }
            "problems" => {
                map.next_value_seed(Each(|problem| self.0.told(problem), PhantomData))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn distro(system: System) -> Distro {
    Distro {
        id: system.id.0.unwrap_or_default(),
        like: system.like.0.into_iter().take(20).filter_map(|text| text.0).collect(),
        version_id: system.version.0.unwrap_or_default(),
        codename: system.codename.0.unwrap_or_default(),
        pretty_name: system.name.0.unwrap_or_default(),
    }
}

fn component(package: Package) -> Component {
    let details = Details {
        origin: package.origin.0,
        confidence: package.confidence.unwrap_or_default(),
        evidence: package.evidence.0,
        owned_by: package.owned_by.0,
        ..Details::default()
    };
    Component {
        name: package.name.0.unwrap_or_default(),
        version: package.version.0.unwrap_or_default(),
        purl: package.purl.0.unwrap_or_default(),
        path: package.path.0.unwrap_or_default(),
        layer: package.layer.as_str().parse().ok(),
        architecture: package.architecture.0,
        source: package.source.0,
        source_version: package.source_version.0,
        licenses: package.licenses,
        details,
        ..Component::default()
    }
}
