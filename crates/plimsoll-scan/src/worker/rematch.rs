//! Brings the stored matches to a new generation of advisories, without touching an image.

use std::sync::Arc;

use plimsoll_advisory::Database;
use plimsoll_store::PackageId;
use plimsoll_types::{Coverage, Digest, Trigger};

use super::Shared;
use super::image::match_packages;
use crate::advisories::Advisories;
use crate::{Error, ErrorKind, Result};

/// Package versions that are matched and recorded together. Each image that holds some of them is counted once.
const BATCH: u32 = 10_000;
/// Names that are asked for together.
const NAMES: usize = 5_000;
/// With more changed names than this, going through all package versions is less work.
const MANY_NAMES: usize = 50_000;
/// Images that are looked through together for ecosystems that came or went.
const IMAGES: u32 = 500;

/// What changed between two generations.
struct Delta {
    /// The packages by ecosystem and name; `None` where it has to be taken for all of them.
    names: Option<Vec<(String, String)>>,
    /// Whether the set of ecosystems and releases changed, so that another part of an image can be judged.
    ecosystems: bool,
}

impl Shared {
    /// Brings all matches to the generation that counts now. Harmless where they are there already.
    pub(super) async fn rematch(&self) -> Result<()> {
        let _one_at_a_time = self.rematching.lock().await;
        let Some(advisories) = self.advisories.load() else { return Ok(()) };
        let (before, generation) = (self.store.matched_generation().await?, advisories.generation());
        if before >= generation {
            return Ok(());
        }
        let delta = self.delta(before, &advisories).await?;
        let mut matched = 0;
        match &delta.names {
            None => matched += self.rematch_named(&advisories, None).await?,
            Some(names) => {
                for names in names.chunks(NAMES) {
                    matched += self.rematch_named(&advisories, Some(names)).await?;
                }
            }
        }
        self.store.set_matched_generation(generation).await?;
        let rescanned = if delta.ecosystems { self.rescan_changed_coverage(&advisories).await? } else { 0 };
        tracing::info!(
            generation,
            packages = matched,
            images = rescanned,
            "the matches were brought to a new generation"
        );
        Ok(())
    }

    async fn delta(&self, before: u64, advisories: &Arc<Advisories>) -> Result<Delta> {
        let (handle, new) = (self.advisories.clone(), Arc::clone(advisories));
        let compare = move || {
            // Where the older file is gone nobody can tell what changed.
            let Some(old) = handle.older(before) else { return Delta { names: None, ecosystems: true } };
            let names = new.database().changed_names(old.database());
            Delta {
                names: (names.len() <= MANY_NAMES).then_some(names),
                ecosystems: releases(old.database()) != releases(new.database()),
            }
        };
        let compared = tokio::task::spawn_blocking(compare).await;
        compared.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "comparing two generations failed").because(error)
        })
    }

    async fn rematch_named(
        &self,
        advisories: &Arc<Advisories>,
        names: Option<&[(String, String)]>,
    ) -> Result<usize> {
        let generation = advisories.generation();
        let (mut after, mut matched) = (PackageId(0), 0);
        loop {
            let packages = self.store.packages_to_rematch(generation, names, after, BATCH).await?;
            let Some(last) = packages.last() else { return Ok(matched) };
            after = last.id;
            let ids: Vec<PackageId> = packages.iter().map(|package| package.id).collect();
            let packages = packages.into_iter().map(|stored| (stored.package, stored.owner)).collect();
            let found = match_packages(Arc::clone(advisories), packages).await?;
            let matches: Vec<_> = ids.into_iter().zip(found.into_iter().map(|(_, found)| found)).collect();
            matched += matches.len();
            self.store.save_matches(&matches, generation, (self.clock)()).await?;
        }
    }

    /// Queues the images whose verdict says something else of its ecosystems than the new generation does: an image that
    /// could not be judged may be healthy now. Their layers are not read again.
    async fn rescan_changed_coverage(&self, advisories: &Advisories) -> Result<u64> {
        let (mut after, mut queued) = (0, 0);
        loop {
            let images = self.store.judged(after, IMAGES).await?;
            let Some((last, ..)) = images.last() else { return Ok(queued) };
            after = *last;
            let differs = |coverage| {
                serde_json::from_value::<Coverage>(coverage).map_or(true, |coverage| {
                    coverage
                        .ecosystems
                        .iter()
                        .any(|known| known.advisories_known != advisories.knows(&known.ecosystem))
                })
            };
            let changed: Vec<Digest> = images
                .into_iter()
                .filter_map(|(_, digest, coverage)| differs(coverage).then_some(digest))
                .collect();
            queued += self.store.queue_scans(&changed, Trigger::Advisories, (self.clock)()).await?;
        }
    }
}

fn releases(database: &Database) -> Vec<(String, Vec<String>)> {
    database.ecosystems().into_iter().map(|ecosystem| (ecosystem.name, ecosystem.releases)).collect()
}
