//! The image that another was built upon, and what names it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Digest;

/// A base image, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BaseImage {
    /// A reference to it: `registry.example/base:1`; empty where only its digest is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Digest of its manifest, or of the index that it was chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How many layers, counted from the lowest, are its own; 0 where that is not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub layers: usize,
}

impl BaseImage {
    /// Characters of a name that are kept.
    const MAX_NAME: usize = 300;

    /// As the builder wrote it into the manifest (OCI image specification, annotations.md: `…image.base.name` and
    /// `…image.base.digest`). It is the builder's word: which layers are meant it does not say.
    pub fn of_annotations(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let value = |key: &str| annotations.get(&format!("org.opencontainers.image.base.{key}"));
        let name = value("name").map(|name| name.chars().filter(|c| !c.is_control()).take(Self::MAX_NAME));
        let name: String = name.map(Iterator::collect).unwrap_or_default();
        let digest = value("digest").and_then(|digest| digest.parse().ok());
        (!name.is_empty() || digest.is_some()).then_some(Self { name, digest, layers: 0 })
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The chain ids of layers whose diff ids these are, lowest first: each names a layer with all below it (OCI image
/// specification, config.md, "Layer ChainID").
pub fn chain_ids<'a>(diff_ids: impl Iterator<Item = &'a Digest>) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::new();
    for diff_id in diff_ids {
        let next = match chain.last() {
            None => diff_id.clone(),
            Some(below) => Digest::sha256(format!("{below} {diff_id}").as_bytes()),
        };
        chain.push(next);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_each_layer_with_all_below_it() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| Digest::sha256(bytes));
        let chain = chain_ids([&a, &b, &c].into_iter());
        assert_eq!(chain[0], a);
        assert_eq!(chain[1], Digest::sha256(format!("{a} {b}").as_bytes()));
        assert_eq!(chain[2], Digest::sha256(format!("{} {c}", chain[1]).as_bytes()));
        assert_eq!(chain_ids([&a, &b].into_iter()), chain[..2]);
        assert_ne!(chain_ids([&b, &a].into_iter())[1], chain[1]);
    }

    #[test]
    fn builders_name_the_base_in_annotations() {
        let annotations = |pairs: &[(&str, &str)]| {
            let key = |key: &str| format!("org.opencontainers.image.base.{key}");
            pairs.iter().map(|(name, value)| (key(name), (*value).to_owned())).collect()
        };
        let digest = Digest::sha256(b"base");
        let both = annotations(&[("name", "docker.io/library/debian:12"), ("digest", digest.as_str())]);
        let base = BaseImage::of_annotations(&both).unwrap();
        assert_eq!(
            (base.name, base.digest, base.layers),
            ("docker.io/library/debian:12".into(), Some(digest.clone()), 0)
        );
        let nameless = BaseImage::of_annotations(&annotations(&[("digest", digest.as_str())])).unwrap();
        assert_eq!((nameless.name, nameless.digest), (String::new(), Some(digest)));
        assert_eq!(BaseImage::of_annotations(&annotations(&[("digest", "no digest")])), None);
        assert_eq!(BaseImage::of_annotations(&BTreeMap::new()), None);
        let long = BaseImage::of_annotations(&annotations(&[("name", &"a\n".repeat(9_000))])).unwrap();
        assert_eq!(long.name, "a".repeat(300));
    }
}
