//! Keys that other readers of a manifest take for ours.
//!
//! Go's `encoding/json`, with which container engines read, compares keys without regard to case, and the last one counts.
//! A manifest with `layers` and behind it `LAYERS` is then one image to us and another to who runs it. JSON as it should
//! be written has no such pairs, so these are refused wherever a name means something; annotations may have any.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// An object of a manifest, whose keys are names.
#[derive(Clone, Copy)]
enum Object {
    Manifest,
    Descriptor,
    Descriptors,
    Platform,
}

use Object::{Descriptor, Descriptors, Platform};

/// A name, and the object that it leads to.
type Name = (&'static str, Option<Object>);

const MANIFEST: &[Name] = &[
    ("schemaVersion", None),
    ("mediaType", None),
    ("artifactType", None),
    ("config", Some(Descriptor)),
    ("layers", Some(Descriptors)),
    ("manifests", Some(Descriptors)),
    ("subject", Some(Descriptor)),
    ("annotations", None),
];

const DESCRIPTOR: &[Name] = &[
    ("mediaType", None),
    ("artifactType", None),
    ("digest", None),
    ("size", None),
    ("platform", Some(Platform)),
    ("urls", None),
    ("data", None),
    ("annotations", None),
];

const PLATFORM: &[Name] =
    &[("os", None), ("architecture", None), ("variant", None), ("os.version", None), ("os.features", None)];

/// Fails for a key that is one of a manifest's in other letters.
pub(super) fn check(body: &[u8]) -> Result<(), serde_json::Error> {
    Object::Manifest.deserialize(&mut serde_json::Deserializer::from_slice(body))
}

impl Object {
    fn names(self) -> &'static [Name] {
        match self {
            Self::Manifest => MANIFEST,
            Self::Descriptor | Self::Descriptors => DESCRIPTOR,
            Self::Platform => PLATFORM,
        }
    }
}

/// Whether Go takes one for the other: without regard to case, where two letters beyond ASCII are `k` and `s` as well.
fn is_same_to_go(key: &str, name: &str) -> bool {
    let plain = |letter: char| match letter {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        letter => letter.to_ascii_lowercase(),
    };
    key.chars().map(plain).eq(name.chars().map(plain))
}

impl<'de> DeserializeSeed<'de> for Object {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("part of a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let named = self.names().iter().find(|(name, _)| is_same_to_go(&key, name));
            match named {
                Some((name, _)) if *name != key => {
                    return Err(A::Error::custom(format_args!("it has the key {key:?} for {name:?}")));
                }
                Some((_, Some(object))) => map.next_value_seed(*object)?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inside = match self {
            Self::Descriptors => Some(Descriptor),
            _ => None,
        };
        match inside {
            Some(inside) => while list.next_element_seed(inside)?.is_some() {},
            None => while list.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_other_letters_is_refused_where_it_means_something() {
        let layer = r#"{"digest":"a","size":1,"platform":{"os":"linux"},"annotations":{"Digest":"b"}}"#;
        let good = format!(
            r#"{{"schemaVersion":2,"config":{layer},"layers":[{layer},{layer}],"manifests":[],"subject":null,
                "annotations":{{"Layers":"x","layers":"y"}},"own":{{"LAYERS":[]}}}}"#
        );
        check(good.as_bytes()).unwrap();
        for (from, to) in [
            (r#""layers":["#, r#""Layers":["#),
            (r#""layers":["#, "\"layer\u{17f}\":["),
            (r#""layers":["#, r#""layer\u0053":["#),
            (r#""digest":"a""#, r#""digest":"a","DIGEST":"b""#),
            (r#""os":"linux""#, r#""oS":"linux""#),
            (r#""config""#, r#""cOnfig""#),
            (r#""manifests""#, r#""Manifests""#),
        ] {
            let error = check(good.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
            assert!(error.contains("it has the key"), "{to}: {error}");
        }
    }
}
