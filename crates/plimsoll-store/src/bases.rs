//! Which image another was built upon.
//!
//! An image that has all the layers of another, below its own, was built upon it. So each image keeps the chain ids of its
//! layers, and its base is the image whose last chain id is the longest of them but the last. That is looked up when
//! somebody reads, so that a base may come after what was built upon it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_types::{BaseImage, Digest};
use sha2::Digest as _;

use crate::database::{Arg, args};
use crate::verdicts::JudgedImage;
use crate::{Result, Store};

/// Bytes of a link.
const WIDTH: usize = 32;
/// Links of one image that are kept: more layers than any builder makes.
const MAX_LINKS: usize = 256;

/// The chain ids of an image, as its row has them.
pub(crate) struct Chain(Vec<u8>);

impl Chain {
    pub(crate) fn new(chain: &[Digest]) -> Self {
        // A chain id may be a digest of another kind; its hash is as good a name.
        let links = chain.iter().take(MAX_LINKS).map(|id| sha2::Sha256::digest(id.as_str().as_bytes()));
        Self(links.flatten().collect())
    }

    /// All links, lowest first; `None` where there is none.
    pub(crate) fn all(&self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then(|| self.0.clone())
    }

    /// The link that names the whole of an image of so many layers; `None` where not all of them are known.
    pub(crate) fn whole(&self, layers: usize) -> Option<Vec<u8>> {
        self.0.chunks_exact(WIDTH).last().filter(|_| self.0.len() == layers * WIDTH).map(<[u8]>::to_vec)
    }
}

/// Images that may be a base, by their last link and the registry in which they have a tag; 0 for any, tagged or not.
type Candidates = HashMap<Vec<u8>, BTreeMap<i64, Digest>>;

impl Store {
    /// Adds to images what they were built upon.
    pub(crate) async fn add_bases(&self, images: &mut [JudgedImage]) -> Result<()> {
        let links: BTreeSet<&[u8]> = images.iter().flat_map(|image| links_below(&image.chains)).collect();
        let candidates = self.candidates(links).await?;
        let told = self.told_bases(images.iter().map(|image| &image.summary.digest)).await?;
        let told_links = self.last_links(told.values().filter_map(|told| told.digest.as_ref())).await?;
        let registries: BTreeSet<i64> = images.iter().map(|image| image.summary.registry.0).collect();
        let mut names: HashMap<(i64, Digest), String> = HashMap::new();
        for registry in registries {
            let tagged = candidates.values().filter_map(|by_registry| by_registry.get(&registry)).collect();
            self.add_names(registry, tagged, &mut names).await?;
        }
        for image in images {
            let registry = image.summary.registry.0;
            let told = told.get(&image.summary.digest);
            // The builder's word counts where the layers bear it out; else the longest chain does.
            let told_link = told.and_then(|told| told_links.get(told.digest.as_ref()?));
            let named =
                links_below(&image.chains).position(|link| told_link.is_some_and(|told| told == link));
            let found = links_below(&image.chains).enumerate().filter_map(|(number, link)| {
                let by_registry = candidates.get(link)?;
                Some((number + 1, by_registry.get(&registry).or_else(|| by_registry.get(&0))?))
            });
            image.summary.base = match (named, told, found.last()) {
                (Some(number), Some(told), _) => Some(BaseImage { layers: number + 1, ..told.clone() }),
                (_, _, Some((layers, digest))) => {
                    let name = names.get(&(registry, digest.clone())).cloned().unwrap_or_default();
                    Some(BaseImage { name, digest: Some(digest.clone()), layers })
                }
                (_, told, None) => told.cloned(),
            };
        }
        Ok(())
    }

    /// The newest image of each link that is in some repository, and in each registry the newest that has a tag there.
    async fn candidates(&self, links: BTreeSet<&[u8]>) -> Result<Candidates> {
        let attempt = "look for the base of images";
        let list: Vec<_> = links.into_iter().map(Arg::from).collect();
        let any = "select i.chain, cast(0 as bigint), max(i.id) from images i where i.chain in ({list}) \
            and exists (select 1 from repository_manifests l where l.digest = i.digest) group by i.chain";
        let tagged = "select i.chain, r.registry, max(i.id) from images i \
            join repository_manifests l on l.digest = i.digest join repositories r on r.id = l.repository \
            join tags t on t.repository = l.repository and t.digest = l.digest \
            where i.chain in ({list}) group by i.chain, r.registry";
        let mut found: Vec<(Vec<u8>, i64, i64)> = Vec::new();
        for sql in [any, tagged] {
            for row in self.db.all_in(attempt, sql, &[], &list).await? {
                found.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
        }
        let ids: BTreeSet<i64> = found.iter().map(|(.., id)| *id).collect();
        let list: Vec<_> = ids.into_iter().map(Arg::from).collect();
        let mut digests: HashMap<i64, Digest> = HashMap::new();
        let sql = "select id, digest from images where id in ({list})";
        for row in self.db.all_in(attempt, sql, &[], &list).await? {
            digests.insert(row.get(0)?, row.parse(1)?);
        }
        let mut candidates = Candidates::new();
        for (link, registry, id) in found {
            if let Some(digest) = digests.get(&id) {
                candidates.entry(link).or_default().insert(registry, digest.clone());
            }
        }
        Ok(candidates)
    }

    /// `repository:tag` of images in a registry: the tag that was moved last.
    async fn add_names(
        &self,
        registry: i64,
        digests: BTreeSet<&Digest>,
        names: &mut HashMap<(i64, Digest), String>,
    ) -> Result<()> {
        let list: Vec<_> = digests.into_iter().map(Arg::from).collect();
        let sql = "select l.digest, r.name, t.name from repository_manifests l \
            join repositories r on r.id = l.repository \
            join tags t on t.repository = l.repository and t.digest = l.digest \
            where r.registry = $1 and l.digest in ({list}) order by t.moved_at, r.name, t.name";
        for row in self.db.all_in("look for the names of base images", sql, &args![registry], &list).await? {
            let name = format!("{}:{}", row.get::<&str>(1)?, row.get::<&str>(2)?);
            names.insert((registry, row.parse(0)?), name);
        }
        Ok(())
    }

    /// The last links of images.
    async fn last_links<'a>(
        &self,
        digests: impl Iterator<Item = &'a Digest>,
    ) -> Result<HashMap<Digest, Vec<u8>>> {
        let digests: BTreeSet<&Digest> = digests.collect();
        let list: Vec<_> = digests.into_iter().map(Arg::from).collect();
        let sql = "select digest, chain from images where chain is not null and digest in ({list})";
        let rows = self.db.all_in("look for the base of images", sql, &[], &list).await?;
        rows.iter().map(|row| Ok((row.parse(0)?, row.get(1)?))).collect()
    }

    /// What builders wrote into the manifests of these images.
    async fn told_bases<'a>(
        &self,
        digests: impl Iterator<Item = &'a Digest>,
    ) -> Result<HashMap<Digest, BaseImage>> {
        let digests: BTreeSet<&Digest> = digests.collect();
        let list: Vec<_> = digests.into_iter().map(Arg::from).collect();
        let sql = "select m.digest, m.annotations from manifests m \
            where m.digest in ({list}) and m.annotations like $1";
        let mut told = HashMap::new();
        let like = args!["%org.opencontainers.image.base.%"];
        for row in self.db.all_in("look for what images are built upon", sql, &like, &list).await? {
            let annotations: Option<BTreeMap<String, String>> = row.json(1)?;
            if let Some(base) = annotations.as_ref().and_then(BaseImage::of_annotations) {
                told.insert(row.parse(0)?, base);
            }
        }
        Ok(told)
    }
}

/// The links of an image that could be the whole of its base: all but the last.
fn links_below(chains: &[u8]) -> impl Iterator<Item = &[u8]> {
    let below = chains.len().saturating_sub(WIDTH);
    chains[..below].chunks_exact(WIDTH)
}
