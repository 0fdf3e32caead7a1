//! Writes down what changed for readers, in the transaction that changes it.
//!
//! A row is about an image's packages or about matches, never about the findings that these come to: an advisory that all
//! images are affected by is one row. And what only has another name now (an advisory got its CVE) is no news.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use plimsoll_types::{Digest, Match, Status, Timestamp};
use serde_json::{Value, json};

use crate::database::{Arg, Tx, args};
use crate::registries::RepositoryKey;
use crate::{ImageState, Result, Verdict};

/// Matches in one event.
const MATCHES_AT_ONCE: usize = 1_000;

/// What readers see of an image before its verdict is replaced.
pub(crate) struct Standing {
    /// The verdict that stands.
    verdict: Option<String>,
    /// The packages that its findings come from.
    packages: BTreeSet<i64>,
}

impl Standing {
    pub(crate) async fn of(tx: &mut Tx, image: &Digest) -> Result<Self> {
        let row = tx.one("select id, verdict from images where digest = $1", &args![image]).await?;
        let Some((id, Some(verdict))) = row
            .map(|row| Ok::<_, crate::Error>((row.get::<i64>(0)?, row.get::<Option<String>>(1)?)))
            .transpose()?
        else {
            return Ok(Self { verdict: None, packages: BTreeSet::new() });
        };
        let rows = tx.all("select package from image_packages where image = $1", &args![id]).await?;
        let packages = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
        Ok(Self { verdict: Some(verdict), packages })
    }

    /// Records that the image was assessed, if readers see anything else than before.
    pub(crate) async fn record(
        self,
        tx: &mut Tx,
        verdict: &Verdict<'_>,
        packages: BTreeSet<i64>,
    ) -> Result<()> {
        if self.verdict.is_none() && verdict.state == ImageState::AwaitingAdvisories {
            return Ok(());
        }
        let is_same_word = verdict.state == ImageState::AwaitingAdvisories
            || self.verdict.as_deref() == Some(verdict.state.word());
        if is_same_word && self.packages == packages {
            return Ok(());
        }
        let detail = if self.packages.is_empty() {
            json!({ "all": true })
        } else {
            json!({
                "added": packages.difference(&self.packages).collect::<Vec<_>>(),
                "removed": self.packages.difference(&packages).collect::<Vec<_>>(),
            })
        };
        record(tx, "image.assessed", None, Some(verdict.image), verdict.now, &detail).await
    }
}

/// Records that an image which has a verdict is in one more repository.
pub(crate) async fn record_arrival(
    tx: &mut Tx,
    repository: &RepositoryKey,
    image: &Digest,
    now: Timestamp,
) -> Result<()> {
    record(tx, "image.assessed", Some(repository), Some(image), now, &json!({ "all": true })).await
}

/// A match before it is replaced.
pub(crate) struct Before {
    pub(crate) status: String,
    pub(crate) severity: i64,
    pub(crate) fixed_version: Option<String>,
    pub(crate) is_listed: bool,
}

impl Before {
    fn differs(&self, found: &Match) -> bool {
        self.severity != found.severity.rank()
            || self.status != found.status.as_str()
            || self.fixed_version != found.fixed_version
    }
}

/// Records what the new matches change for readers. `matched` are the packages that were matched before: of the others the
/// images have no verdict yet, and theirs will tell. To be called before the old matches go.
pub(crate) async fn record_matches(
    tx: &mut Tx,
    before: &BTreeMap<(i64, i64), Before>,
    new: &BTreeMap<(i64, i64), &Match>,
    matched: &HashSet<i64>,
    now: Timestamp,
) -> Result<()> {
    let listed_before = |key: &(i64, i64)| before.get(key).filter(|before| before.is_listed);
    let (mut appeared, mut changed) = (BTreeSet::new(), BTreeSet::new());
    for (key, found) in new.iter().filter(|(key, found)| matched.contains(&key.0) && found.is_finding()) {
        match listed_before(key) {
            None => _ = appeared.insert(*key),
            Some(before) if before.differs(found) => _ = changed.insert(*key),
            Some(_) => {}
        }
    }
    let is_gone =
        |key: &(i64, i64)| new.get(key).is_none_or(|found| !found.is_finding()) && matched.contains(&key.0);
    let mut gone: BTreeSet<(i64, i64)> =
        before.iter().filter(|(key, before)| before.is_listed && is_gone(key)).map(|(key, _)| *key).collect();
    pair_renamed(tx, new, &mut appeared, &mut changed, &mut gone).await?;

    let pairs = |keys: BTreeSet<(i64, i64)>| keys.into_iter().map(|(p, v)| json!([p, v]));
    let gone = gone.into_iter().map(|key| {
        let before = &before[&key];
        json!([key.0, key.1, before.severity, before.fixed_version])
    });
    let all: Vec<(&str, Value)> = pairs(appeared)
        .map(|pair| ("appeared", pair))
        .chain(pairs(changed).map(|pair| ("changed", pair)))
        .chain(gone.map(|pair| ("gone", pair)))
        .collect();
    for part in all.chunks(MATCHES_AT_ONCE) {
        let mut detail = json!({ "appeared": [], "changed": [], "gone": [] });
        for (name, pair) in part {
            if let Some(list) = detail[*name].as_array_mut() {
                list.push(pair.clone());
            }
        }
        record(tx, "matches.changed", None, None, now, &detail).await?;
    }
    Ok(())
}

/// Finds the findings that went away under one name and came back under another, and tells of them only where something
/// else than the name changed too.
async fn pair_renamed(
    tx: &mut Tx,
    new: &BTreeMap<(i64, i64), &Match>,
    appeared: &mut BTreeSet<(i64, i64)>,
    changed: &mut BTreeSet<(i64, i64)>,
    gone: &mut BTreeSet<(i64, i64)>,
) -> Result<()> {
    let losing: BTreeSet<i64> = gone.iter().map(|(package, _)| *package).collect();
    let both: BTreeSet<i64> =
        appeared.iter().map(|(package, _)| *package).filter(|package| losing.contains(package)).collect();
    let list: Vec<Arg<'_>> = both.iter().map(|package| Arg::from(*package)).collect();
    let sql = "select package, vulnerability, doc from matches where listed = 1 and package in ({list})";
    for row in tx.all_in(sql, &[], &list).await? {
        let key = (row.get(0)?, row.get(1)?);
        let Some(old) = row.json::<Match>(2)?.filter(|_| gone.contains(&key)) else { continue };
        let names: HashSet<&str> = names(&old).collect();
        let of_package = appeared.range((key.0, i64::MIN)..=(key.0, i64::MAX));
        let successor = of_package.copied().find(|key| {
            new.get(key).is_some_and(|found| self::names(found).any(|name| names.contains(name)))
        });
        let Some(successor) = successor else { continue };
        gone.remove(&key);
        appeared.remove(&successor);
        let found = new[&successor];
        let is_same = (found.severity, found.status, &found.fixed_version)
            == (old.severity, old.status, &old.fixed_version);
        if !is_same {
            changed.insert(successor);
        }
    }
    Ok(())
}

fn names(found: &Match) -> impl Iterator<Item = &str> {
    std::iter::once(&found.vulnerability).chain(&found.aliases).chain(&found.advisories).map(String::as_str)
}

async fn record(
    tx: &mut Tx,
    kind: &'static str,
    repository: Option<&RepositoryKey>,
    digest: Option<&Digest>,
    now: Timestamp,
    detail: &Value,
) -> Result<()> {
    let sql =
        "insert into events (kind, repository, digest, at, detail, registry) values ($1, $2, $3, $4, $5, $6)";
    let name = repository.map_or("", |repository| repository.name.as_str());
    let registry = repository.map_or(0, |repository| repository.registry.0);
    tx.execute(sql, &args![kind, name, digest.map(Digest::as_str), now, detail.to_string(), registry])
        .await?;
    Ok(())
}

/// The status that a finding had which is gone, as far as anybody still needs it.
pub(crate) const GONE: Status = Status::Affected;
