//! CycloneDX JSON (cyclonedx.org, specification 1.2 to 1.6).

use std::fmt;

use plimsoll_types::inventory::Distro;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Class, Component, Reading};
use crate::lang::json::{self, Licenses, List, Members, Text};

/// Reads the components of the document.
pub(super) fn read(bytes: &[u8], reading: &mut Reading) -> Result<(), serde_json::Error> {
    json::members(bytes, &mut Top(reading))
}

/// The document, of which the components matter, and what it says of the image.
struct Top<'a>(&'a mut Reading);

/// A list of components, in the document or in one of them.
struct Components<'a>(&'a mut Reading);

/// One component, with those inside it.
struct One<'a>(&'a mut Reading);

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    value: Text,
}

impl Members for Top<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "components" => map.next_value_seed(Components(self.0))?,
            "metadata" => {
                json::refill();
                let properties = map.next_value::<Option<Metadata>>()?.unwrap_or_default().properties.0;
                for Property { name, value } in properties {
                    if let Some(name) = name.as_str().strip_prefix("plimsoll:") {
                        self.0.property(name, value.as_str());
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What is said of the document.
#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    properties: List<Property>,
}

impl<'de> DeserializeSeed<'de> for Components<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Components<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        json::refill();
        while list.next_element_seed(One(self.0))?.is_some() {
            json::refill();
        }
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut component = Component::default();
        let (mut kind, mut group, mut description) = (Text::default(), Text::default(), Text::default());
        let (mut codename, mut like) = (String::new(), String::new());
        while let Some(key) = map.next_key::<String>()? {
            let text = |map: &mut A| map.next_value::<Text>().map(|text| text.0.unwrap_or_default());
            match key.as_str() {
                "type" => kind = map.next_value()?,
                "group" => group = map.next_value()?,
                "description" => description = map.next_value()?,
                "name" => component.name = text(&mut map)?,
                "version" => component.version = text(&mut map)?,
                "purl" => component.purl = text(&mut map)?,
                "bom-ref" => component.reference = text(&mut map)?,
                "licenses" => component.licenses = map.next_value::<Licenses>()?,
                "properties" => {
                    for Property { name, value } in map.next_value::<List<Property>>()?.0 {
                        match name.as_str() {
                            "plimsoll:distro:codename" | "syft:distro:versionCodename" => {
                                value.as_str().clone_into(&mut codename);
                            }
                            "plimsoll:distro:like" => value.as_str().clone_into(&mut like),
                            // Where Syft and Trivy say what file it was.
                            "syft:location:0:path" | "aquasecurity:trivy:FilePath" => {
                                value.as_str().trim_start_matches('/').clone_into(&mut component.path);
                            }
                            name => {
                                if name.starts_with("syft:distro:idLike:") {
                                    like.extend([" ", value.as_str()]);
                                } else if let Some(name) = name.strip_prefix("plimsoll:") {
                                    component.property(name, value.as_str());
                                }
                            }
                        }
                    }
                }
                "components" => map.next_value_seed(Components(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        component.kind = match kind.as_str() {
            "operating-system" => Class::System,
            "library" | "framework" | "" => Class::Package,
            "application" | "firmware" | "platform" => Class::Application,
            _ => Class::Other,
        };
        if component.purl.is_empty() && !group.as_str().is_empty() {
            component.name = format!("{}/{}", group.as_str(), component.name);
        }
        let is_system = component.kind == Class::System;
        let had_distro = self.0.distro.is_some();
        self.0.component(component);
        if let Some(distro) = self.0.distro.as_mut().filter(|_| is_system && !had_distro) {
            complete(distro, description.as_str(), codename, &like);
        }
        Ok(())
    }
}

/// What a system says beside its name and version.
pub(super) fn complete(distro: &mut Distro, pretty_name: &str, codename: String, like: &str) {
    if !pretty_name.is_empty() {
        pretty_name.clone_into(&mut distro.pretty_name);
    }
    distro.codename = codename;
    distro.like = like.split_whitespace().take(20).map(str::to_owned).collect();
}
