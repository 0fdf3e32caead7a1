//! What was known when: findings that are gone, and since when those that are there have been.
//!
//! Nothing is written while a finding stands. When a match changes or goes, when an image loses a package version in a new
//! scan, or is deleted, what was until then is written down once, whatever the number of images; the history of
//! a finding is the join, as the finding is.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_types::{Digest, InstalledPackage, Match, RepositoryName, Severity, Timestamp};

use crate::database::{Arg, Row, Tx, args};
use crate::packages::{PACKAGE_COLUMNS, package_at};
use crate::scans::{KeptMatch, Places};
use crate::{RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;
/// Images that are looked at together.
const IMAGES_AT_ONCE: i64 = 64;

/// Which findings are asked for. Empty means all, of all times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only of these registries.
    pub registries: Option<Vec<RegistryId>>,
    /// Only of this repository, of whatever registry.
    pub repository: Option<RepositoryName>,
    /// Only of this image.
    pub image: Option<Digest>,
    /// Only of this vulnerability.
    pub vulnerability: Option<String>,
    /// Only what was known at this instant.
    pub as_of: Option<Timestamp>,
}

/// Where a page ends; the next one begins behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryCursor {
    /// Row of the image in its repository.
    pub image: i64,
    /// Rows of this image that were given.
    pub given: u64,
}

/// A finding while it said the same.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The registry.
    pub registry: RegistryId,
    /// The repository.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// The package version.
    pub package: InstalledPackage,
    /// The vulnerability.
    pub vulnerability: String,
    /// What the advisories said of it: `affected`, `will-not-fix`, `under-investigation`.
    pub status: String,
    /// How severe it was thought to be.
    pub severity: Severity,
    /// The version with the fix, as far as one was known.
    pub fixed_version: Option<String>,
    /// From when on it was so.
    pub since: Timestamp,
    /// From when on it was so no more; `None` while it is.
    pub until: Option<Timestamp>,
    /// What ended it.
    pub ended_by: Option<Ended>,
}

/// What ends a finding, or makes it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The advisories say something else.
    Advisory,
    /// A new scan did not find the package version.
    Package,
    /// The image was deleted from the repository.
    Image,
}

impl Ended {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advisory => "AdvisoryChanged",
            Self::Package => "PackageGone",
            Self::Image => "ImageDeleted",
        }
    }
}

impl Store {
    /// Up to `n` rows behind `after`, image by image, and where the next page begins.
    pub async fn finding_history(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryCursor>,
        n: u32,
    ) -> Result<(Vec<HistoryRow>, Option<HistoryCursor>)> {
        let n = n.clamp(1, MAX_PAGE) as usize;
        let mut found = Vec::new();
        let mut cursor = after.unwrap_or(HistoryCursor { image: 0, given: 0 });
        loop {
            let images = self.images_of_all_times(filter, cursor.image).await?;
            let is_last = (images.len() as i64) < IMAGES_AT_ONCE;
            for image in images {
                let skip = if image.id == cursor.image { cursor.given } else { 0 };
                let rows = self.history_of(&image, filter).await?;
                let rest = rows.len().saturating_sub(usize::try_from(skip).unwrap_or(usize::MAX));
                let taken = rest.min(n - found.len());
                found.extend(rows.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).take(taken));
                if taken < rest {
                    let next = HistoryCursor { image: image.id, given: skip + taken as u64 };
                    return Ok((found, Some(next)));
                }
                cursor = HistoryCursor { image: image.id + 1, given: 0 };
            }
            if is_last {
                return Ok((found, None));
            }
        }
    }

    /// Images that have or had a verdict, those that were deleted too.
    async fn images_of_all_times(&self, filter: &HistoryFilter, first: i64) -> Result<Vec<PastImage>> {
        let mut values = args![first, IMAGES_AT_ONCE].to_vec();
        let (mut live, mut gone) = (String::new(), String::new());
        if let Some(registries) = &filter.registries {
            // Numbers of ours.
            let list: Vec<_> = registries.iter().map(|registry| registry.0.to_string()).collect();
            let list = if list.is_empty() { "null".to_owned() } else { list.join(",") };
            live.push_str(&format!(" and s.registry in ({list})"));
            gone.push_str(&format!(" and d.registry in ({list})"));
        }
        for (on_live, on_gone, wanted) in [
            ("r.name", "d.repository", filter.repository.as_ref().map(RepositoryName::as_str)),
            ("l.digest", "d.digest", filter.image.as_ref().map(Digest::as_str)),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                live.push_str(&format!(" and {on_live} = ${}", values.len()));
                gone.push_str(&format!(" and {on_gone} = ${}", values.len()));
            }
        }
        if let Some(vulnerability) = &filter.vulnerability {
            values.push(vulnerability.into());
            let named = format!("select id from vulnerabilities where name = ${}", values.len());
            let packages = format!(
                "select package from matches where vulnerability in ({named}) \
                union select package from match_history where vulnerability in ({named})"
            );
            let images = format!(
                "select image from image_packages where package in ({packages}) \
                union select image from image_package_history where package in ({packages})"
            );
            live.push_str(&format!(" and s.content in ({images})"));
            gone.push_str(&format!(" and d.content in ({images})"));
        }
        let sql = format!(
            "select image, content, registry, name, digest, since, until from (\
            select s.image as image, s.content as content, s.registry as registry, r.name as name, \
            l.digest as digest, case when s.since > s.first_assessed_at then s.since else s.first_assessed_at end \
            as since, cast(null as bigint) as until from image_summaries s \
            join repository_manifests l on l.id = s.image join repositories r on r.id = s.repository \
            where s.state > 0 and s.image >= $1{live} union all \
            select d.image, d.content, d.registry, d.repository, d.digest, d.since, d.until \
            from deleted_images d where d.image >= $1{gone}) a order by image limit $2"
        );
        let read = |row: &Row| {
            Ok(PastImage {
                id: row.get(0)?,
                content: row.get(1)?,
                registry: RegistryId(row.get(2)?),
                repository: row.parse(3)?,
                digest: row.parse(4)?,
                since: row.get(5)?,
                until: row.get(6)?,
            })
        };
        self.db.all("list images of all times", sql, &values).await?.iter().map(read).collect()
    }

    async fn history_of(&self, image: &PastImage, filter: &HistoryFilter) -> Result<Vec<HistoryRow>> {
        let mut found = Vec::new();
        let mut values = args![image.content].to_vec();
        let mut condition = "";
        if let Some(vulnerability) = &filter.vulnerability {
            values.push(vulnerability.into());
            condition = "where v.name = $2";
        }
        for matches in [
            "(select package, vulnerability, status, severity, fixed_version, since, cast(null as bigint) as until \
            from matches where listed = 1)",
            "match_history",
        ] {
            let sql = format!(
                "select k.since, k.until, m.since, m.until, v.name, m.status, m.severity, m.fixed_version, \
                {PACKAGE_COLUMNS} from (select ip.package as package, coalesce(h.since, 0) as since, \
                cast(null as bigint) as until from image_packages ip left join image_package_history h \
                on h.image = ip.image and h.package = ip.package and h.until is null where ip.image = $1 \
                union all select package, since, until from image_package_history \
                where image = $1 and until is not null) k join {matches} m on m.package = k.package \
                join vulnerabilities v on v.id = m.vulnerability join packages p on p.id = k.package {condition}"
            );
            for row in self.db.all("read the history of an image", sql, &values).await? {
                found.extend(image.row(&row)?);
            }
        }
        if let Some(instant) = filter.as_of {
            found.retain(|row| row.since <= instant && row.until.is_none_or(|until| instant < until));
        }
        found.sort_by(|a, b| {
            let key =
                |row: &HistoryRow| (row.package.package.name.clone(), row.vulnerability.clone(), row.since);
            key(a).cmp(&key(b))
        });
        Ok(found)
    }
}

struct PastImage {
    id: i64,
    content: i64,
    registry: RegistryId,
    repository: RepositoryName,
    digest: Digest,
    since: i64,
    until: Option<i64>,
}

impl PastImage {
    /// The finding of a row, for as long as image, package version and match were there together; `None` where they never
    /// were.
    fn row(&self, row: &Row) -> Result<Option<HistoryRow>> {
        let since = self.since.max(row.get(0)?).max(row.get(2)?);
        let ends =
            [(self.until, Ended::Image), (row.get(1)?, Ended::Package), (row.get(3)?, Ended::Advisory)];
        let end = ends.into_iter().filter_map(|(end, by)| Some((end?, by))).min_by_key(|(end, _)| *end);
        if end.is_some_and(|(end, _)| end <= since) {
            return Ok(None);
        }
        Ok(Some(HistoryRow {
            registry: self.registry,
            repository: self.repository.clone(),
            digest: self.digest.clone(),
            vulnerability: row.get(4)?,
            status: row.get(5)?,
            severity: Severity::from_rank(row.get(6)?),
            fixed_version: row.get(7)?,
            // Behind the package's row and generation come its other columns.
            package: package_at(row, 10)?,
            since: Timestamp(since),
            until: end.map(|(end, _)| Timestamp(end)),
            ended_by: end.map(|(_, by)| by),
        }))
    }
}

/// Writes down what matches were that are about to change, or to go.
pub(crate) async fn remember_matches(
    tx: &mut Tx,
    old: &BTreeMap<(i64, i64), KeptMatch>,
    new: &BTreeMap<(i64, i64), (KeptMatch, &Match)>,
    now: Timestamp,
) -> Result<()> {
    let changed = old.iter().filter(|(key, before)| {
        let same = new.get(key).is_some_and(|(after, _)| after.says_the_same(before));
        before.listed == 1 && !same && before.since < now.0
    });
    let rows: Vec<Arg<'_>> = changed
        .flat_map(|((package, vulnerability), before)| {
            args![
                *package,
                *vulnerability,
                before.since,
                now,
                &before.status,
                before.severity,
                before.fixed_version.as_deref()
            ]
        })
        .collect();
    let sql = "insert into match_history \
        (package, vulnerability, since, until, status, severity, fixed_version) values {rows} \
        on conflict (package, vulnerability, until, since) do nothing";
    tx.insert(sql, 7, &rows).await?;
    Ok(())
}

/// Writes down which package versions come and go with the new scan of an image that was judged before.
pub(crate) async fn remember_links(
    tx: &mut Tx,
    image: i64,
    judged_before: Option<Timestamp>,
    places: &Places<'_>,
    now: Timestamp,
) -> Result<()> {
    let Some(first) = judged_before else { return Ok(()) };
    let mut before = BTreeSet::new();
    for row in tx.all("select package from image_packages where image = $1", &args![image]).await? {
        before.insert(row.get::<i64>(0)?);
    }
    for package in before.iter().filter(|package| !places.contains_key(package)) {
        let sql = "update image_package_history set until = $3 \
            where image = $1 and package = $2 and until is null";
        if tx.execute(sql, &args![image, *package, now]).await? == 0 {
            let sql = "insert into image_package_history (image, package, since, until) \
                values ($1, $2, $3, $4) on conflict (image, package, since) do nothing";
            tx.execute(sql, &args![image, *package, first, now]).await?;
        }
    }
    let new = places.keys().filter(|package| !before.contains(package));
    let rows: Vec<Arg<'_>> = new.flat_map(|package| args![image, *package, now]).collect();
    let sql = "insert into image_package_history (image, package, since) values {rows} \
        on conflict (image, package, since) do update set until = null";
    tx.insert(sql, 3, &rows).await?;
    Ok(())
}

/// Writes down that an image with a verdict is about to leave its repository.
pub(crate) async fn remember_image(
    tx: &mut Tx,
    repository: i64,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    let sql = "insert into deleted_images (image, content, registry, repository, digest, since, until) \
        select s.image, s.content, s.registry, r.name, l.digest, \
        case when s.since > s.first_assessed_at then s.since else s.first_assessed_at end, $3 \
        from repository_manifests l join image_summaries s on s.image = l.id \
        join repositories r on r.id = l.repository \
        where l.repository = $1 and l.digest = $2 and s.state > 0";
    tx.execute(sql, &args![repository, digest, now]).await?;
    Ok(())
}
