//! What scans write: layer inventories, image inventories, package versions, matches, verdicts.
//!
//! Package versions (`packages`) and their matches are kept once, however many images hold them. An image with thousands of packages is
//! written with a handful of statements. All that lock rows of several tables do so in the order images, package versions,
//! vulnerabilities, matches, and inside a table in the order of a key, so that no two scans lock each other out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;

use plimsoll_types::{
    Digest, ImageInventory, InstalledPackage, LayerInventory, Manifest, Match, Platform, ProblemKind,
    Timestamp,
};

use crate::bases::Chain;
use crate::charges::charge_image;
use crate::database::{Arg, MAX_CONFLICTS, Row, Tx, args, step_aside};
use crate::jobs::enqueue_scans_in;
use crate::notify::changes::{Before, Standing, record_matches};
use crate::packages::{Identities, Identity, PackageId, add_packages, number};
use crate::summaries::Counts;
use crate::{Error, Priority, Result, Store, history, rules, summaries};

/// The largest record of a layer that is unpacked. The probe's own limit is 64 MiB.
const MAX_RECORD_BYTES: u64 = 256 << 20;

/// How far the scan of an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It was never judged, and no plan covers the registries that it is in.
    Uncovered,
    /// A job waits.
    Queued,
    /// A job runs.
    Running,
    /// The inventory is there, but no advisory database yet to match it with.
    AwaitingAdvisories,
    /// A verdict stands.
    Done,
    /// The scan failed for good, for the reason given.
    Failed(String),
    /// Nothing in it can be judged, for the reason given (for example a Windows image).
    Unsupported(String),
}

/// An image row with what a scan needs.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredImage {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest, read.
    pub manifest: Manifest,
    /// How far its scan is.
    pub state: ImageState,
}

/// What a scan found out about an image. The image's findings are not in it: they are the join of its packages with
/// the matches of these package versions.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// Digest of the manifest.
    pub image: &'a Digest,
    /// Platform, as the configuration says.
    pub platform: Option<&'a Platform>,
    /// What the image holds.
    pub inventory: &'a ImageInventory,
    /// The chain ids of its layers, lowest first, as far as their diff ids are known: by them an image is found to be the
    /// base of others.
    pub chain: &'a [Digest],
    /// `Done`, `AwaitingAdvisories`, `Failed` or `Unsupported`.
    pub state: ImageState,
    /// What was read and what could not be, as JSON for readers (see `plimsoll_scan::Coverage`).
    pub coverage: serde_json::Value,
    /// Matches of package versions that were never matched, or with an older generation: package and all its matches.
    pub matches: Vec<(InstalledPackage, Vec<Match>)>,
    /// The generation of the advisory database that `matches` come from; 0 for none.
    pub generation: u64,
    /// The instant of the verdict.
    pub now: Timestamp,
}

impl Store {
    /// The inventory of the layer in this blob, as this version of the probe reads it.
    pub async fn layer_inventory(&self, blob: &Digest, probe_version: i64) -> Result<Option<LayerInventory>> {
        let sql = "select i.record from layer_blobs b join layer_inventories i on i.id = b.inventory \
            where b.blob = $1 and b.probe_version = $2";
        let row = self.db.one("look for a layer inventory", sql, &args![blob, probe_version]).await?;
        let Some(row) = row else { return Ok(None) };
        let record: Vec<u8> = row.get(0)?;
        let unpack = tokio::task::spawn_blocking(move || unpack(&record));
        let inventory = unpack.await.map_err(Error::stopped)?;
        inventory.map(Some).ok_or_else(|| {
            Error::corrupt(format!(
                "the inventory of the layer {blob} cannot be read; its probe version must change"
            ))
        })
    }

    /// Records what a layer's blob holds. The inventory is kept by diff id: blobs that unpack to the same share it. One
    /// that was cut short has no diff id that means anything, and is kept for this blob alone.
    pub async fn save_layer_inventory(
        &self,
        blob: &Digest,
        probe_version: i64,
        inventory: &LayerInventory,
        now: Timestamp,
    ) -> Result<()> {
        let content = if is_whole(inventory) { &inventory.diff_id } else { blob };
        let copy = inventory.clone();
        let pack = tokio::task::spawn_blocking(move || pack(&copy));
        let record = pack.await.map_err(Error::stopped)??;
        let mut tx = self.db.begin("save a layer inventory").await?;
        // A layer that is read again replaces what was cut short; a whole inventory is a fact, and the first one stays.
        let sql = if is_whole(inventory) {
            "insert into layer_inventories (content, probe_version, record, saved_at) values ($1, $2, $3, $4) \
            on conflict (content, probe_version) do nothing"
        } else {
            "insert into layer_inventories (content, probe_version, record, saved_at) values ($1, $2, $3, $4) \
            on conflict (content, probe_version) do update set record = excluded.record, saved_at = excluded.saved_at"
        };
        tx.execute(sql, &args![content, probe_version, record, now]).await?;
        let sql = "insert into layer_blobs (blob, probe_version, inventory) \
            select $1, $2, id from layer_inventories where content = $3 and probe_version = $2 \
            on conflict (blob, probe_version) do update set inventory = excluded.inventory";
        tx.execute(sql, &args![blob, probe_version, content]).await?;
        tx.commit().await
    }

    /// The image of this manifest digest.
    pub async fn image(&self, digest: &Digest) -> Result<Option<StoredImage>> {
        let sql = "select m.media_type, m.body, i.state, i.reason from images i \
            join manifests m on m.digest = i.digest where i.digest = $1";
        let row = self.db.one("look for an image", sql, &args![digest]).await?;
        let read = |row: Row| {
            let manifest = Manifest::parse(row.get(0)?, row.get(1)?).map_err(|e| {
                Error::corrupt(format!("the stored manifest {digest} cannot be read")).because(e)
            })?;
            Ok(StoredImage {
                digest: digest.clone(),
                manifest,
                state: ImageState::read(row.get(2)?, row.get(3)?)?,
            })
        };
        row.map(read).transpose()
    }

    /// Marks an image's scan as running, or as failed for good. The last good verdict stands until its successor is written.
    pub async fn set_image_state(&self, digest: &Digest, state: &ImageState, now: Timestamp) -> Result<()> {
        // A failure is a verdict too, where no better one stands.
        let sql = "update images set state = $2, reason = $3, \
            verdict_reason = case when $4 = 1 and coalesce(verdict, 'failed') <> 'done' then $3 else verdict_reason end, \
            assessed_at = case when $4 = 1 and coalesce(verdict, 'failed') <> 'done' then $5 else assessed_at end, \
            first_assessed_at = case when $4 = 1 then coalesce(first_assessed_at, $5) else first_assessed_at end, \
            verdict = case when $4 = 1 and coalesce(verdict, 'failed') <> 'done' then $2 else verdict end, \
            started_at = case when $2 = 'running' then $5 else started_at end, \
            finished_at = case when $4 = 1 then $5 else finished_at end \
            where digest = $1";
        let is_verdict = i64::from(matches!(state, ImageState::Failed(_) | ImageState::Unsupported(_)));
        let mut tx = self.db.begin("set the state of an image").await?;
        let values = args![digest, state.word(), state.reason(), is_verdict, now];
        let changed = tx.execute(sql, &values).await?;
        if is_verdict == 1 {
            summaries::refresh_state(&mut tx, digest, now).await?;
        }
        tx.commit().await?;
        if changed == 0 { Err(no_image(digest)) } else { Ok(()) }
    }

    /// Replaces the image's inventory and verdict, adds new package versions, replaces the matches handed in: one transaction.
    ///
    /// With the state `AwaitingAdvisories` a verdict that stood before stands on. Matches of package versions that were
    /// matched with a newer generation meanwhile are left as they are.
    pub async fn save_verdict(&self, verdict: Verdict<'_>) -> Result<()> {
        let mut conflicts = 0;
        let mut alone = false;
        loop {
            match self.try_save_verdict(&verdict, alone).await {
                Ok(false) => alone = true,
                Ok(true) => return Ok(()),
                Err(error) if error.is_conflict() && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does nothing, and gives `false`, where what other images count would change, and only one at a time may do that.
    async fn try_save_verdict(&self, verdict: &Verdict<'_>, alone: bool) -> Result<bool> {
        let mut tx = self.db.begin("save a verdict").await?;
        tx.lock_counts(alone).await?;
        let layers: BTreeSet<&Digest> =
            verdict.inventory.packages.iter().filter_map(|package| package.layer.as_ref()).collect();
        let layers: Vec<&Digest> = layers.into_iter().collect();
        let standing = Standing::of(&mut tx, verdict.image).await?;
        let (image, judged_before) = write_image(&mut tx, verdict, &layers).await?;
        let of_image = Identities::among(&verdict.inventory.packages);
        let handed = verdict.matches.iter().map(|(package, _)| package);
        let ids = add_packages(&mut tx, &of_image, verdict.inventory.packages.iter().chain(handed)).await?;
        let places = places(&verdict.inventory.packages, &layers, &of_image, &ids);
        history::remember_links(&mut tx, image, judged_before, &places, verdict.now).await?;
        link_packages(&mut tx, image, places).await?;
        let id_of = |package| ids.get(&of_image.of(package)).copied();
        let matches: BTreeMap<i64, &[Match]> = verdict
            .matches
            .iter()
            .filter_map(|(package, matches)| Some((id_of(package)?, matches.as_slice())))
            .collect();
        let is_seen_by_others = replace_matches(&mut tx, &matches, verdict.generation, verdict.now).await?;
        if is_seen_by_others && !alone && tx.is_postgres() {
            return Ok(false);
        }
        summaries::refresh_image(&mut tx, image, verdict.now).await?;
        let linked = verdict.inventory.packages.iter().filter_map(id_of).collect();
        standing.record(&mut tx, verdict, linked).await?;
        charge_image(&mut tx, verdict.image, verdict.now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Replaces the matches of package versions, unless they were matched with a newer generation already: one transaction.
    pub async fn save_matches(
        &self,
        matches: &[(PackageId, Vec<Match>)],
        generation: u64,
        now: Timestamp,
    ) -> Result<()> {
        let matches: BTreeMap<i64, &[Match]> =
            matches.iter().map(|(package, matches)| (package.0, matches.as_slice())).collect();
        let mut conflicts = 0;
        loop {
            let attempt = async {
                let mut tx = self.db.begin("save matches").await?;
                tx.lock_counts(true).await?;
                replace_matches(&mut tx, &matches, generation, now).await?;
                tx.commit().await
            };
            match attempt.await {
                Err(error) if error.is_conflict() && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                result => return result,
            }
        }
    }

    /// Queues a scan of every image in the state `AwaitingAdvisories`; tells how many.
    pub async fn wake_awaiting_images(&self, now: Timestamp) -> Result<u64> {
        let mut tx = self.db.begin("queue the images that wait for advisories").await?;
        let sql = format!(
            "select digest from images where state = 'awaiting-advisories' order by id{}",
            tx.for_change()
        );
        let rows = tx.all(sql, &[]).await?;
        let images = rows.iter().map(|row| row.parse(0)).collect::<Result<Vec<Digest>>>()?;
        // The reason for which they were queued stands: nobody has judged them yet.
        let sql = "update images set state = 'queued', queued_at = $1 where state = 'awaiting-advisories'";
        tx.execute(sql, &args![now]).await?;
        enqueue_scans_in(&mut tx, &images, Priority::Manual, now).await?;
        tx.commit().await?;
        if !images.is_empty() {
            self.wake_up.one();
        }
        Ok(images.len() as u64)
    }

    /// The generation of the advisory database that all matches were last brought to; 0 for none.
    pub async fn matched_generation(&self) -> Result<u64> {
        let sql = "select value from facts where name = 'matched-generation'";
        let row = self.db.one("read the generation of the matches", sql, &[]).await?;
        Ok(row.map(|row| row.count(0)).transpose()?.unwrap_or_default())
    }

    /// Records that all matches are at this generation.
    pub async fn set_matched_generation(&self, generation: u64) -> Result<()> {
        let mut tx = self.db.begin("record the generation of the matches").await?;
        write_fact(&mut tx, "matched-generation", number(generation)).await?;
        tx.commit().await
    }
}

impl ImageState {
    /// The word that the database has for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Uncovered => "uncovered",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::AwaitingAdvisories => "awaiting-advisories",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Unsupported(_) => "unsupported",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) | Self::Unsupported(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn read(word: &str, reason: Option<String>) -> Result<Self> {
        let reason = reason.unwrap_or_default();
        Ok(match word {
            "uncovered" => Self::Uncovered,
            "queued" => Self::Queued,
            "running" => Self::Running,
            "awaiting-advisories" => Self::AwaitingAdvisories,
            "done" => Self::Done,
            "failed" => Self::Failed(reason),
            "unsupported" => Self::Unsupported(reason),
            _ => return Err(Error::corrupt(format!("{word} is no state of an image"))),
        })
    }
}

/// Whether the whole layer was read, so that its diff id is that of its bytes. A file that could not be understood does
/// not change that.
fn is_whole(inventory: &LayerInventory) -> bool {
    inventory.problems.iter().all(|problem| problem.kind == ProblemKind::Unreadable)
}

fn pack(inventory: &LayerInventory) -> Result<Vec<u8>> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::corrupt("the inventory of a layer cannot be written").because(e)
    };
    let record = postcard::to_stdvec(inventory).map_err(|e| failed(e.into()))?;
    zstd::bulk::compress(&record, 3).map_err(|e| failed(e.into()))
}

fn unpack(record: &[u8]) -> Option<LayerInventory> {
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(record).ok()?;
    decoder.take(MAX_RECORD_BYTES).read_to_end(&mut bytes).ok()?;
    postcard::from_bytes(&bytes).ok()
}

/// Writes the image's own row; gives its id, and when it was judged first if that was before.
async fn write_image(
    tx: &mut Tx,
    verdict: &Verdict<'_>,
    layers: &[&Digest],
) -> Result<(i64, Option<Timestamp>)> {
    let sql = format!("select first_assessed_at from images where digest = $1{}", tx.for_change());
    let before = tx.one(sql, &args![verdict.image]).await?;
    let before = before.map(|row| row.get::<Option<i64>>(0)).transpose()?.flatten().map(Timestamp);
    // While advisories are awaited there is nothing to say, and what was said before stands.
    let standing = i64::from(verdict.state != ImageState::AwaitingAdvisories);
    let sql = "update images set state = $2, reason = $3, \
        verdict = case when $4 = 1 then $2 else verdict end, \
        verdict_reason = case when $4 = 1 then $3 else verdict_reason end, \
        platform = $5, distro = $6, layers = $7, coverage = $8, complete = $10, chains = $12, chain = $13, \
        assessed_at = case when $4 = 1 then $9 else assessed_at end, \
        first_assessed_at = case when $4 = 1 then coalesce(first_assessed_at, $9) else first_assessed_at end, \
        finished_at = $9, billable = $11 where digest = $1 returning id";
    // An image with neither an operating system nor packages gives nothing to judge.
    let inventory = verdict.inventory;
    let billable =
        verdict.state == ImageState::Done && (inventory.distro.is_some() || !inventory.packages.is_empty());
    let chain = Chain::new(verdict.chain);
    let values = args![
        verdict.image,
        verdict.state.word(),
        verdict.state.reason(),
        standing,
        verdict.platform.map(json),
        verdict.inventory.distro.as_ref().map(json),
        json(&layers),
        verdict.coverage.to_string(),
        verdict.now,
        i64::from(verdict.coverage["conclusion"]["complete"] == true),
        i64::from(billable),
        chain.all(),
        chain.whole(verdict.coverage["layers"].as_array().map_or(0, Vec::len)),
    ];
    let row = tx.one(sql, &values).await?.ok_or_else(|| no_image(verdict.image))?;
    Ok((row.get(0)?, before))
}

pub(crate) fn json(value: &impl serde::Serialize) -> String {
    // Plain derived data: there is nothing that can fail.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Package versions with the paths where they are, each with the number of its layer.
pub(crate) type Places<'a> = BTreeMap<i64, BTreeSet<(&'a str, Option<usize>)>>;

fn places<'a>(
    packages: &'a [InstalledPackage],
    layers: &[&Digest],
    of_image: &Identities<'_>,
    ids: &HashMap<Identity, i64>,
) -> Places<'a> {
    let number = |layer: &Option<Digest>| layer.as_ref().and_then(|layer| layers.binary_search(&layer).ok());
    let mut places = Places::new();
    for package in packages {
        if let Some(id) = ids.get(&of_image.of(package)) {
            places.entry(*id).or_default().insert((&package.path, number(&package.layer)));
        }
    }
    places
}

/// Replaces the image's links to package versions. One that is there at several paths is one row.
async fn link_packages(tx: &mut Tx, image: i64, places: Places<'_>) -> Result<()> {
    tx.execute("delete from image_packages where image = $1", &args![image]).await?;
    let mut rows = Vec::with_capacity(places.len() * 5);
    for (package, mut places) in places {
        let Some((path, layer)) = places.pop_first() else { continue };
        let more = (!places.is_empty()).then(|| json(&places));
        rows.extend(args![image, package, path, layer.map(|layer| layer as i64), more]);
    }
    let sql = "insert into image_packages (image, package, path, layer, more) values {rows}";
    tx.insert(sql, 5, &rows).await?;
    Ok(())
}

/// Replaces the matches of package versions that are not at a newer generation, and brings these to this one. A match
/// that was there before keeps the instant at which it was first seen; one that did not change is not written. Gives
/// whether matches changed of package versions that were matched before: other images may count them.
async fn replace_matches(
    tx: &mut Tx,
    matches: &BTreeMap<i64, &[Match]>,
    generation: u64,
    now: Timestamp,
) -> Result<bool> {
    let generation = number(generation);
    let list: Vec<_> = matches.keys().map(|id| Arg::from(*id)).collect();
    let sql = format!(
        "select id, generation from packages where generation <= $1 and id in ({{list}}) order by id{}",
        tx.for_change()
    );
    let mut ours: BTreeMap<i64, bool> = BTreeMap::new();
    for row in tx.all_in(&sql, &args![generation], &list).await? {
        ours.insert(row.get(0)?, row.get::<i64>(1)? > 0);
    }
    let list: Vec<_> = ours.keys().map(|id| Arg::from(*id)).collect();
    let sql = "update packages set generation = $1 where id in ({list}) and generation < $1 returning 1";
    tx.all_in(sql, &args![generation], &list).await?;

    let mut old: BTreeMap<(i64, i64), KeptMatch> = BTreeMap::new();
    let sql = "select package, vulnerability, status, severity, fixed_version, listed, doc, since, first_seen \
        from matches where package in ({list})";
    for row in tx.all_in(sql, &[], &list).await? {
        old.insert((row.get(0)?, row.get(1)?), KeptMatch::read(&row)?);
    }
    let names: BTreeSet<&str> =
        ours.keys().flat_map(|id| matches[id]).map(|found| found.vulnerability.as_str()).collect();
    let vulnerabilities = add_vulnerabilities(tx, &names).await?;
    let mut said: BTreeMap<(i64, i64), &Match> = BTreeMap::new();
    for package in ours.keys() {
        for found in matches[package] {
            if let Some(vulnerability) = vulnerabilities.get(&found.vulnerability) {
                said.insert((*package, *vulnerability), found);
            }
        }
    }
    // `new` is what comes or changes; in `old`, only what changes or goes is left.
    let mut new: BTreeMap<(i64, i64), (KeptMatch, &Match)> = BTreeMap::new();
    for (key, found) in said {
        let kept = KeptMatch::new(found, old.get(&key), now);
        if old.get(&key) == Some(&kept) {
            old.remove(&key);
        } else {
            new.insert(key, (kept, found));
        }
    }
    if old.is_empty() && new.is_empty() {
        return Ok(false);
    }
    let rules = rules::active(tx).await?;
    if !rules.is_empty() {
        rules::forget_matches(tx, &old.keys().chain(new.keys()).copied().collect()).await?;
    }
    record_changes(tx, &old, &new, &ours, now).await?;
    history::remember_matches(tx, &old, &new, now).await?;
    remove_matches(tx, old.keys().filter(|key| !new.contains_key(*key)).copied().collect()).await?;
    let rows: Vec<Arg<'_>> = new.iter().flat_map(|(key, (kept, _))| kept.row(*key)).collect();
    let sql = "insert into matches \
        (package, vulnerability, status, severity, fixed_version, listed, doc, since, first_seen) \
        values {rows} on conflict (package, vulnerability) do update set status = excluded.status, \
        severity = excluded.severity, fixed_version = excluded.fixed_version, listed = excluded.listed, \
        doc = excluded.doc, since = excluded.since";
    tx.insert(sql, 9, &rows).await?;
    if !rules.is_empty() {
        let findings = new.iter().filter(|(_, (kept, _))| kept.listed == 1);
        let findings = findings.map(|(key, (_, found))| (*key, *found)).collect();
        rules::learn_matches(tx, &rules, &findings).await?;
    }
    let mut differences: BTreeMap<i64, Counts> = BTreeMap::new();
    let signed = old.iter().map(|(key, kept)| (key, kept, -1));
    for ((package, _), kept, sign) in signed.chain(new.iter().map(|(key, (kept, _))| (key, kept, 1))) {
        if kept.listed == 1 {
            let counts = differences.entry(*package).or_default();
            counts.add(kept.severity, kept.fixed_version.is_some(), sign);
        }
    }
    summaries::add_differences(tx, &differences, now).await?;
    write_fact(tx, "matches-changed-at", now.0).await?;
    Ok(old.keys().chain(new.keys()).any(|(package, _)| ours[package]))
}

/// Tells whoever wants to be notified.
async fn record_changes(
    tx: &mut Tx,
    old: &BTreeMap<(i64, i64), KeptMatch>,
    new: &BTreeMap<(i64, i64), (KeptMatch, &Match)>,
    ours: &BTreeMap<i64, bool>,
    now: Timestamp,
) -> Result<()> {
    let before = old.iter().map(|(key, kept)| {
        let (status, fixed_version) = (kept.status.clone(), kept.fixed_version.clone());
        (*key, Before { status, severity: kept.severity, fixed_version, is_listed: kept.listed == 1 })
    });
    let after = new.iter().map(|(key, (_, found))| (*key, *found)).collect();
    let matched = ours.iter().filter(|(_, was_matched)| **was_matched).map(|(package, _)| *package);
    record_matches(tx, &before.collect(), &after, &matched.collect(), now).await
}

/// A match as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptMatch {
    pub(crate) status: String,
    pub(crate) severity: i64,
    pub(crate) fixed_version: Option<String>,
    /// 1 where the status makes it a finding.
    pub(crate) listed: i64,
    doc: String,
    /// When it became what it is, the text of its document aside.
    pub(crate) since: i64,
    first_seen: i64,
}

impl KeptMatch {
    fn new(found: &Match, before: Option<&Self>, now: Timestamp) -> Self {
        let mut kept = Self {
            status: found.status.as_str().to_owned(),
            severity: found.severity.rank(),
            fixed_version: found.fixed_version.clone(),
            listed: i64::from(found.is_finding()),
            doc: json(found),
            since: now.0,
            first_seen: before.map_or(now.0, |before| before.first_seen),
        };
        if let Some(before) = before.filter(|before| before.says_the_same(&kept)) {
            kept.since = before.since;
        }
        kept
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            status: row.get(2)?,
            severity: row.get(3)?,
            fixed_version: row.get(4)?,
            listed: row.get(5)?,
            doc: row.get(6)?,
            since: row.get(7)?,
            first_seen: row.get(8)?,
        })
    }

    /// Whether status, severity and fix are the same.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (&self.status, self.severity, &self.fixed_version)
            == (&other.status, other.severity, &other.fixed_version)
    }

    fn row(&self, (package, vulnerability): (i64, i64)) -> [Arg<'_>; 9] {
        args![
            package,
            vulnerability,
            &self.status,
            self.severity,
            self.fixed_version.as_deref(),
            self.listed,
            &self.doc,
            self.since,
            self.first_seen,
        ]
    }
}

async fn add_vulnerabilities(tx: &mut Tx, names: &BTreeSet<&str>) -> Result<HashMap<String, i64>> {
    let list: Vec<_> = names.iter().map(|name| Arg::from(*name)).collect();
    let find = "select name, id from vulnerabilities where name in ({list})";
    let mut ids = HashMap::with_capacity(names.len());
    for row in tx.all_in(find, &[], &list).await? {
        ids.insert(row.get(0)?, row.get(1)?);
    }
    let new: Vec<_> =
        names.iter().filter(|name| !ids.contains_key(**name)).map(|name| Arg::from(*name)).collect();
    let sql = "insert into vulnerabilities (name) values {rows} on conflict (name) do nothing";
    tx.insert(sql, 1, &new).await?;
    for row in tx.all_in(find, &[], &new).await? {
        ids.insert(row.get(0)?, row.get(1)?);
    }
    Ok(ids)
}

async fn remove_matches(tx: &mut Tx, gone: Vec<(i64, i64)>) -> Result<()> {
    let mut by_vulnerability: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (package, vulnerability) in gone {
        by_vulnerability.entry(vulnerability).or_default().insert(package);
    }
    let sql = "delete from matches where vulnerability = $1 and package in ({list}) returning 1";
    for (vulnerability, packages) in by_vulnerability {
        let list: Vec<_> = packages.into_iter().map(Arg::from).collect();
        tx.all_in(sql, &args![vulnerability], &list).await?;
    }
    Ok(())
}

pub(crate) async fn write_fact(tx: &mut Tx, name: &'static str, value: i64) -> Result<()> {
    let sql = "insert into facts (name, value) values ($1, $2) \
        on conflict (name) do update set value = excluded.value";
    tx.execute(sql, &args![name, value]).await?;
    Ok(())
}

fn no_image(digest: &Digest) -> Error {
    Error::new(crate::ErrorKind::NotFound, format!("no image has the digest {digest}"))
}
