//! JSON that strangers wrote: any value may be of any kind, and a short text may be a long list.
//!
//! Who reads such files looks at a few keys and takes whatever else is there for nothing. These types do the same, within
//! limits: what is of another kind than expected counts as missing, and more elements than any honest file has are an error.
//! A deserializer cannot be handed a budget through derived code, which is why that lives beside it, in the thread.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// Elements of all lists and tables of one file. An element may be two bytes of the file and hundreds in memory.
const ELEMENTS: usize = 100_000;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(ELEMENTS) };
}

/// Begins with the next file, or with the next part of a file of which nothing is kept before it is looked at.
pub(crate) fn refill() {
    LEFT.set(ELEMENTS);
}

fn take_one<E: de::Error>() -> Result<(), E> {
    let left = LEFT.get().checked_sub(1);
    LEFT.set(left.ok_or_else(|| E::custom(format!("it has more than {ELEMENTS} elements")))?);
    Ok(())
}

/// Licences of one package.
const LICENSES: usize = 16;

/// The longest text that is taken for the name of a licence; some packages have all of it in that place.
const LICENSE_BYTES: usize = 200;

/// A text, or nothing where there is anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<String>);

impl Text {
    /// The text; empty where there is none.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A list, empty where there is anything else.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

/// An object as pairs in its order, empty where there is anything else.
#[derive(Debug, Clone)]
pub(crate) struct Table<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

/// Whether something is there, without looking at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// Licences in the shapes that package formats have them: a text, an object with a `type`, `name` or `id`, or a list of those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Licenses(pub(crate) Vec<String>);

impl Licenses {
    /// Adds one, unless it is no name but a whole text, or too many are there.
    pub(crate) fn add(&mut self, name: &str) {
        let name = name.trim();
        if !name.is_empty() && name.len() <= LICENSE_BYTES && !name.contains('\n') && self.0.len() < LICENSES
        {
            self.0.push(name.to_owned());
        }
    }
}

macro_rules! nothing {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E: de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
    };
}

macro_rules! nothing_in_lists {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

macro_rules! nothing_in_tables {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

macro_rules! nothing_in_scalars {
    () => {
        nothing!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Text, E> {
                Ok(Text(Some(text)))
            }

            nothing_in_scalars!();
            nothing_in_lists!();
            nothing_in_tables!();
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Size, A::Error> {
                let mut size = 0_usize;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    size += 1;
                }
                Ok(Size(size))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Size, A::Error> {
                let mut size = 0_usize;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    size += 1;
                }
                Ok(Size(size))
            }

            nothing!(visit_str(&str));
            nothing_in_scalars!();
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = list.next_element()? {
                    take_one()?;
                    all.push(element);
                }
                Ok(List(all))
            }

            nothing!(visit_str(&str));
            nothing_in_scalars!();
            nothing_in_tables!();
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Table<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    take_one()?;
                    all.push(entry);
                }
                Ok(Table(all))
            }

            nothing!(visit_str(&str));
            nothing_in_scalars!();
            nothing_in_lists!();
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// Hands each element of a list on as it comes, and keeps none.
pub(crate) struct Each<T, F>(pub(crate) F, pub(crate) PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        refill();
        while let Some(element) = list.next_element()? {
            (self.0)(element);
            refill();
        }
        Ok(())
    }
}

/// Who takes the members of an object one by one, so that none is kept that nobody wants.
pub(crate) trait Members {
    /// Takes the value of a member; false where it is not wanted and was not touched.
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, object: &mut A) -> Result<bool, A::Error>;
}

/// Reads a whole document, which is one object.
pub(crate) fn members(bytes: &[u8], members: &mut impl Members) -> Result<(), serde_json::Error> {
    struct Object<'a, M>(&'a mut M);
    impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a document")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if !self.0.member(&key, &mut map)? {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    json.deserialize_map(Object(members))?;
    json.end()
}

impl<'de> Deserialize<'de> for Licenses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Licenses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Licenses, E> {
                let mut licenses = Licenses::default();
                licenses.add(text);
                Ok(licenses)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Licenses, A::Error> {
                let mut licenses = Licenses::default();
                while let Some(Licenses(more)) = list.next_element()? {
                    more.iter().for_each(|name| licenses.add(name));
                }
                Ok(licenses)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Licenses, A::Error> {
                let mut licenses = Licenses::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "type" | "name" | "id" | "expression" if licenses.0.is_empty() => {
                            licenses.add(map.next_value::<Text>()?.as_str());
                        }
                        // CycloneDX wraps it once more.
                        "license" => {
                            let Licenses(inner) = map.next_value()?;
                            inner.iter().for_each(|name| licenses.add(name));
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(licenses)
            }

            nothing_in_scalars!();
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Shape {
        #[serde(default)]
        text: Text,
        #[serde(default)]
        list: List<Text>,
        #[serde(default)]
        table: Table<Text>,
        #[serde(default)]
        size: Size,
        #[serde(default)]
        license: Licenses,
    }

    #[test]
    fn what_is_of_another_kind_counts_as_missing() {
        for other in ["null", "true", "-1", "1", "1.5", "\"\"", "[]", "{}", "[[1]]", "{\"a\":{}}"] {
            let json = format!(
                r#"{{"text":{other},"list":{other},"table":{other},"size":{other},"license":{other}}}"#
            );
            let shape: Shape = serde_json::from_str(&json).unwrap();
            assert_eq!(shape.text.as_str(), "", "{other}");
            assert!(
                shape.list.0.iter().chain(shape.table.0.iter().map(|(_, text)| text)).all(|t| t.0.is_none())
            );
            assert!(shape.size.0 < 2 && shape.license.0.is_empty());
        }
        let json = r#"{"text":"a","list":["b",1],"table":{"k":"v"},"size":{"a":1,"b":2},
            "license":["MIT",{"type":"BSD"},{"url":"x","name":"ISC"},7,["X"]]}"#;
        let shape: Shape = serde_json::from_str(json).unwrap();
        assert_eq!((shape.text.as_str(), shape.list.0.len(), shape.size), ("a", 2, Size(2)));
        assert_eq!(shape.table.0[0].1.as_str(), "v");
        assert_eq!(shape.license.0, ["MIT", "BSD", "ISC", "X"]);
    }

    #[test]
    fn a_list_of_many_nothings_ends() {
        refill();
        let many = format!("{{\"list\":[{}0]}}", "0,".repeat(ELEMENTS));
        assert!(serde_json::from_str::<Shape>(&many).is_err());
        refill();
        let tables = format!("{{\"table\":{{\"a\":1{}}}}}", ",\"\":1".repeat(ELEMENTS));
        assert!(serde_json::from_str::<Shape>(&tables).is_err());
        refill();
        let deep = format!("{{\"license\":{}", "[".repeat(1_000_000));
        assert!(serde_json::from_str::<Shape>(&deep).is_err());
        let long = format!("{{\"license\":[{}\"{}\"]}}", "\"MIT\",".repeat(100), "x".repeat(300));
        assert_eq!(serde_json::from_str::<Shape>(&long).unwrap().license.0.len(), LICENSES);
    }
}
