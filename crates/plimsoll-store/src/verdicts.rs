//! What readers ask: findings.
//!
//! Findings are a join, and a page of them must cost the same whatever the number of images. So a page is not one
//! statement with a union and a sort, which PostgreSQL would compute as a whole, but a walk in the order of the images'
//! rows: a handful of images at a time, and for each that has findings a range of two indexes.

use std::collections::{BTreeSet, HashMap};

use plimsoll_types::exploit::Exploitation;
use plimsoll_types::{
    BaseImage, Digest, Generation, InstalledPackage, Match, ParseError, Platform, RepositoryName, Timestamp,
};

use crate::database::{Arg, Row, args};
use crate::packages::{PACKAGE_COLUMNS, package_at};
use crate::summaries::total;
use crate::{Hiding, ImageState, RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;
/// Images that are looked at together while findings are listed.
const IMAGES_AT_ONCE: usize = 64;

/// The stable name of a finding row: an image in a repository, a package version, a vulnerability. It is written as a GUID
/// from which the rows are found again; the row of an image without findings has neither package nor vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId {
    /// Row of the image in its repository.
    pub image: i64,
    /// Row of the package version, or 0.
    pub package: i64,
    /// Row of the vulnerability, or 0.
    pub vulnerability: i64,
}

/// Which findings are asked for. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// Under the recommendation of which generation: rules may hide a finding under one and not under the other.
    pub generation: Generation,
    /// Only this registry.
    pub registry: Option<RegistryId>,
    /// Only these registries.
    pub registries: Option<Vec<RegistryId>>,
    /// Only this repository, of whatever registry.
    pub repository: Option<RepositoryName>,
    /// Only this image.
    pub image: Option<Digest>,
    /// Only findings of this vulnerability; then images without findings have no row.
    pub vulnerability: Option<String>,
}

/// Where a page ends; the next one begins behind it.
pub type FindingCursor = FindingId;

/// One row as readers present it: a finding, or the row of an image that has none.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingRow {
    /// Its name.
    pub id: FindingId,
    /// The image it is about.
    pub image: ImageSummary,
    /// What was found; `None` in the one row of an image without findings, or with none that is not hidden.
    pub finding: Option<(InstalledPackage, Match)>,
    /// The rule that hides the finding.
    pub hidden: Option<Hiding>,
    /// When this finding was first seen on any image of the store, or for a row without a finding when the verdict was made.
    pub first_seen: Timestamp,
    /// What is known of its exploitation, under any of its CVE names; `None` where no feed knows it.
    pub exploitation: Option<Exploitation>,
}

/// An image in its repository.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSummary {
    /// The registry of its repository.
    pub registry: RegistryId,
    /// The repository.
    pub repository: RepositoryName,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// The tags on it, sorted; empty for an untagged image that can still be pulled.
    pub tags: Vec<String>,
    /// When it was last pushed to this repository.
    pub pushed_at: Timestamp,
    /// Its platform, where the configuration names one.
    pub platform: Option<Platform>,
    /// The distribution's id and version (`alpine`, `3.4.6`), where one was recognised.
    pub distro: Option<plimsoll_types::inventory::Distro>,
    /// How far its scan is; in a row of findings, what the verdict that stands says, even while a new scan is on its way.
    pub state: ImageState,
    /// What was read and what could not be.
    pub coverage: serde_json::Value,
    /// When the verdict that stands was made.
    pub assessed_at: Option<Timestamp>,
    /// What it was built upon, where that is known and was asked for: rows of findings have it.
    pub base: Option<BaseImage>,
}

impl ImageSummary {
    /// The number of a layer, counted from the lowest.
    fn position(&self, layer: &Digest) -> Option<usize> {
        let layers = self.coverage["layers"].as_array()?;
        layers.iter().position(|found| found["digest"].as_str() == Some(layer.as_str()))
    }

    /// The image that brought this layer, where it is not the image itself.
    pub fn base_with(&self, layer: &Digest) -> Option<&BaseImage> {
        let position = self.position(layer)?;
        self.base.as_ref().filter(|base| position < base.layers)
    }

    /// The command that made this layer, as the image's history has it; empty where it does not say.
    pub fn command(&self, layer: &Digest) -> &str {
        let command =
            self.position(layer).and_then(|number| self.coverage["layers"][number]["command"].as_str());
        command.unwrap_or_default()
    }
}

impl std::fmt::Display for FindingId {
    /// A GUID.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |value: i64, bits: u32| (value as u128) & ((1 << bits) - 1);
        let packed = part(self.image, IMAGE_BITS) << (PACKAGE_BITS + VULNERABILITY_BITS)
            | part(self.package, PACKAGE_BITS) << VULNERABILITY_BITS
            | part(self.vulnerability, VULNERABILITY_BITS);
        // 48 bits, the version, 12 bits, the variant, 62 bits (RFC 9562, 5.8).
        let (a, b, c) = (packed >> 74, (packed >> 62) & 0xfff, packed & ((1 << 62) - 1));
        let guid = a << 80 | 8 << 76 | b << 64 | 0b10 << 62 | c;
        let hex = format!("{guid:032x}");
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl std::str::FromStr for FindingId {
    type Err = ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let bad = || ParseError::new("the GUID of a finding", text);
        let dashes = [8, 13, 18, 23];
        let fits = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if dashes.contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() });
        let hex = if fits { text.replace('-', "") } else { return Err(bad()) };
        let guid = u128::from_str_radix(&hex, 16).map_err(|_| bad())?;
        if (guid >> 76) & 0xf != 8 || (guid >> 62) & 0b11 != 0b10 {
            return Err(bad());
        }
        let packed = (guid >> 80) << 74 | ((guid >> 64) & 0xfff) << 62 | guid & ((1 << 62) - 1);
        let part = |shift: u32, bits: u32| ((packed >> shift) & ((1 << bits) - 1)) as i64;
        let id = Self {
            image: part(PACKAGE_BITS + VULNERABILITY_BITS, IMAGE_BITS),
            package: part(VULNERABILITY_BITS, PACKAGE_BITS),
            vulnerability: part(0, VULNERABILITY_BITS),
        };
        // Rows count from 1, and a package without a vulnerability names nothing.
        if id.image == 0 || (id.package == 0) != (id.vulnerability == 0) { Err(bad()) } else { Ok(id) }
    }
}

/// The 122 free bits of a UUID of version 8.
const IMAGE_BITS: u32 = 38;
const PACKAGE_BITS: u32 = 44;
const VULNERABILITY_BITS: u32 = 40;

impl Store {
    /// Up to `n` rows behind `after`, in the order of their ids. Images that have no verdict yet have no row.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        after: Option<FindingCursor>,
        n: u32,
    ) -> Result<Vec<FindingRow>> {
        let n = n.min(MAX_PAGE) as usize;
        let start = after.unwrap_or(FindingId { image: 0, package: 0, vulnerability: 0 });
        let mut found = Vec::new();
        let prevalence = match &filter.vulnerability {
            Some(name) => Some(self.prevalence(name).await?),
            None => None,
        };
        // An image has few rows of one vulnerability, and many of all.
        let most = if filter.vulnerability.is_some() { MAX_PAGE as usize } else { IMAGES_AT_ONCE };
        // The image of the cursor may have more rows behind it.
        let mut next_image = start.image;
        while found.len() < n {
            let at_once = (n - found.len()).min(most);
            let mut images = self.judged_images(filter, next_image, at_once, prevalence.as_ref()).await?;
            self.add_bases(&mut images).await?;
            let is_last = images.len() < at_once;
            if let Some(last) = images.last() {
                next_image = last.id + 1;
            }
            if let Some(prevalence) = &prevalence {
                let rows = self.findings_of_one(&images, prevalence, filter.generation).await?;
                let place = |id: FindingId| (id.image, id.package, id.vulnerability);
                let behind = rows.into_iter().filter(|row| place(row.id) > place(start));
                found.extend(behind.take(n - found.len()));
            } else {
                for image in images {
                    let beginning = FindingId { image: image.id, package: 0, vulnerability: 0 };
                    let from = if image.id == start.image { start } else { beginning };
                    // Its own row comes first of all; a cursor in this image has it behind it.
                    if image.has_own_row() && image.id != start.image {
                        found.push(image.row_without_finding());
                    }
                    let missing = n - found.len();
                    if image.findings > 0 && missing > 0 {
                        found.extend(self.findings_of(&image, filter, from, missing).await?);
                    }
                    if found.len() >= n {
                        return Ok(found);
                    }
                }
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Which package versions have a vulnerability, and whether few images do, or many.
    async fn prevalence<'a>(&self, vulnerability: &'a str) -> Result<Prevalence<'a>> {
        let sql = "select m.package from vulnerabilities v join matches m on m.vulnerability = v.id and m.listed = 1 \
            where v.name = $1 order by m.package";
        let attempt = "look for the package versions of a vulnerability";
        let rows = self.db.all(attempt, sql, &args![vulnerability]).await?;
        let versions = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
        let sql = "select count(*) from (select 1 as one from vulnerabilities v \
            join matches m on m.vulnerability = v.id and m.listed = 1 \
            join image_packages ip on ip.package = m.package where v.name = $1 limit $2) f";
        let attempt = "look for the images of a vulnerability";
        let row = self.db.one(attempt, sql, &args![vulnerability, MANY_LINKS]).await?;
        let links = row.map(|row| row.get::<i64>(0)).transpose()?.unwrap_or_default();
        Ok(Prevalence { vulnerability, versions, is_rare: links < MANY_LINKS })
    }

    /// One row by its name, as a generation tells it.
    pub async fn finding(&self, id: FindingId, generation: Generation) -> Result<Option<FindingRow>> {
        let sql = format!("{} where s.state > 0 and s.image = $2", judged_images_sql());
        let row = self.db.one("look for a finding", sql, &args![generation as i64, id.image]).await?;
        let Some(row) = row else { return Ok(None) };
        let tags = self.tags_of(&[id.image]).await?;
        let mut image = JudgedImage::read(&row, &tags)?;
        if id.package == 0 {
            return Ok(image.has_own_row().then(|| image.row_without_finding()));
        }
        self.add_bases(std::slice::from_mut(&mut image)).await?;
        let before = FindingId { vulnerability: id.vulnerability - 1, ..id };
        let filter = FindingFilter { generation, ..FindingFilter::default() };
        let found = self.findings_of(&image, &filter, before, 1).await?;
        Ok(found.into_iter().find(|row| row.id == id))
    }

    /// A finding that is not there any more, as far as it is still known: the image and the package version are, and of the
    /// match what was written down of it.
    pub(crate) async fn gone_finding(
        &self,
        image: i64,
        package: i64,
        vulnerability: i64,
        severity: plimsoll_types::Severity,
        status: plimsoll_types::Status,
        fixed_version: Option<String>,
    ) -> Result<Option<FindingRow>> {
        let sql = format!("{} where s.state > 0 and s.image = $2", judged_images_sql());
        let values = args![Generation::default() as i64, image];
        let Some(row) = self.db.one("look for an image", sql, &values).await? else { return Ok(None) };
        let image = JudgedImage::read(&row, &self.tags_of(&[image]).await?)?;
        let sql = format!(
            "select v.name, coalesce(ip.path, ''), {PACKAGE_COLUMNS} from packages p \
            join vulnerabilities v on v.id = $2 left join image_packages ip on ip.package = p.id and ip.image = $3 \
            where p.id = $1"
        );
        let row =
            self.db.one("look for a package version", sql, &args![package, vulnerability, image.row]).await?;
        let Some(row) = row else { return Ok(None) };
        let found = Match {
            vulnerability: row.get(0)?,
            advisories: Vec::new(),
            aliases: Vec::new(),
            status,
            fixed_version,
            severity,
            cvss: Vec::new(),
            summary: String::new(),
            description: String::new(),
            published: None,
            modified: None,
            references: Vec::new(),
            weak: false,
            evidence: Default::default(),
        };
        let installed = InstalledPackage { path: row.get(1)?, ..package_at(&row, 4)? };
        Ok(Some(FindingRow {
            id: FindingId { image: image.id, package, vulnerability },
            first_seen: image.summary.assessed_at.unwrap_or_default(),
            image: image.summary,
            finding: Some((installed, found)),
            exploitation: None,
            hidden: None,
        }))
    }

    /// Up to `n` images behind the row `after` that have a vulnerability, hidden or not, with the rows by which
    /// [`FindingId`]s name them.
    pub async fn images_with(
        &self,
        vulnerability: &str,
        registries: Option<&[RegistryId]>,
        after: i64,
        n: u32,
    ) -> Result<Vec<(i64, ImageSummary)>> {
        let of = match registries {
            None => String::new(),
            Some([]) => return Ok(Vec::new()),
            Some(registries) => {
                let list: Vec<_> = registries.iter().map(|registry| registry.0.to_string()).collect();
                format!(" and s.registry in ({})", list.join(","))
            }
        };
        let attempt = "look for the images of a vulnerability";
        let prevalence = self.prevalence(vulnerability).await?;
        let found = format!(
            "select s.image as image from image_summaries s where s.state > 0 and s.image > $2{of} and {} \
            order by s.image limit $3",
            prevalence.condition(1)
        );
        let sql = format!(
            "select {IMAGE_COLUMNS}, i.verdict, i.verdict_reason from ({found}) f \
            join image_summaries s on s.image = f.image join repository_manifests l on l.id = s.image \
            join repositories r on r.id = l.repository join images i on i.id = s.content order by s.image"
        );
        let values = args![vulnerability, after, i64::from(n.min(MAX_PAGE))];
        let rows = self.db.all(attempt, sql, &values).await?;
        let ids = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
        let tags = self.tags_of(&ids).await?;
        let read = |row: &Row| {
            let state = ImageState::read(row.get(12)?, row.get(13)?)?;
            Ok((row.get(0)?, read_summary(row, &tags, state)?))
        };
        rows.iter().map(read).collect()
    }

    /// Images of all repositories of all registries, or of one repository of this registry, newest push first, with how far their scans are.
    pub async fn images(&self, repository: Option<&RepositoryName>, n: u32) -> Result<Vec<ImageSummary>> {
        let mut sql = format!(
            "select {IMAGE_COLUMNS}, i.state, i.reason from repository_manifests l \
            join repositories r on r.id = l.repository join images i on i.digest = l.digest"
        );
        let mut values = args![i64::from(n.min(MAX_PAGE))].to_vec();
        if let Some(repository) = repository {
            sql.push_str(" where r.key = $2");
            values.push((&self.key(repository)).into());
        }
        sql.push_str(" order by l.pushed_at desc, l.id desc limit $1");
        let rows = self.db.all("list images", sql, &values).await?;
        let ids = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
        let tags = self.tags_of(&ids).await?;
        let read = |row: &Row| read_summary(row, &tags, ImageState::read(row.get(12)?, row.get(13)?)?);
        rows.iter().map(read).collect()
    }

    /// Images with a verdict, from the row `first` on.
    async fn judged_images(
        &self,
        filter: &FindingFilter,
        first: i64,
        n: usize,
        prevalence: Option<&Prevalence<'_>>,
    ) -> Result<Vec<JudgedImage>> {
        let mut registries: Option<BTreeSet<RegistryId>> =
            filter.registries.as_ref().map(|registries| registries.iter().copied().collect());
        if let Some(registry) = filter.registry {
            let is_among = registries.is_none_or(|registries| registries.contains(&registry));
            registries = Some(if is_among { BTreeSet::from([registry]) } else { BTreeSet::new() });
        }
        // A registry's images are in order in an index; those of several registries are not, and are put in order here.
        let parts: Vec<Option<RegistryId>> = match registries {
            None => vec![None],
            Some(registries) => registries.into_iter().map(Some).collect(),
        };
        let mut rows = Vec::new();
        for registry in parts {
            rows.extend(self.judged_images_in(registry, filter, first, n, prevalence).await?);
        }
        let mut rows =
            rows.into_iter().map(|row| Ok((row.get::<i64>(0)?, row))).collect::<Result<Vec<_>>>()?;
        rows.sort_by_key(|(id, _)| *id);
        rows.truncate(n);
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        let tags = self.tags_of(&ids).await?;
        rows.iter().map(|(_, row)| JudgedImage::read(row, &tags)).collect()
    }

    async fn judged_images_in(
        &self,
        registry: Option<RegistryId>,
        filter: &FindingFilter,
        first: i64,
        n: usize,
        prevalence: Option<&Prevalence<'_>>,
    ) -> Result<Vec<Row>> {
        let mut sql = format!("{} where s.state > 0 and s.image >= $2", judged_images_sql());
        let mut values = args![filter.generation as i64, first, n as i64].to_vec();
        let narrow = narrowing(filter, &mut values);
        // The plus keeps an index of the registry's images out of it where there is a shorter way to the rows.
        let is_rare = prevalence.is_some_and(|prevalence| prevalence.is_rare);
        let plus = if narrow.is_empty() && !is_rare { "" } else { "+" };
        if let Some(registry) = registry {
            values.push(registry.0.into());
            sql.push_str(&format!(" and {plus}s.registry = ${}", values.len()));
        }
        sql.push_str(&narrow);
        if let Some(prevalence) = prevalence {
            values.push(prevalence.vulnerability.into());
            sql.push_str(" and ");
            sql.push_str(&prevalence.condition(values.len()));
        }
        sql.push_str(" order by s.image limit $3");
        self.db.all("list findings", sql, &values).await
    }

    /// The findings of one image behind `after`.
    async fn findings_of(
        &self,
        image: &JudgedImage,
        filter: &FindingFilter,
        after: FindingId,
        n: usize,
    ) -> Result<Vec<FindingRow>> {
        let values = args![image.row, after.package, after.vulnerability, n as i64];
        let sql = format!(
            "select ip.package, m.vulnerability, m.doc, m.first_seen, ip.path, ip.layer, {PACKAGE_COLUMNS} \
            from image_packages ip join matches m on m.package = ip.package \
            join packages p on p.id = ip.package \
            where ip.image = $1 and ip.package >= $2 and m.listed = 1 \
            and (ip.package > $2 or m.vulnerability > $3) \
            order by ip.package, m.vulnerability limit $4"
        );
        let rows = self.db.all("list the findings of an image", sql, &values).await?;
        let mut rows = rows.iter().map(|row| image.row_of(row)).collect::<Result<Vec<_>>>()?;
        self.add_exploitation(&mut rows).await?;
        self.add_hiding(image, filter.generation, &mut rows).await?;
        Ok(rows)
    }

    /// The findings of one vulnerability in these images, in the order of their ids.
    async fn findings_of_one(
        &self,
        images: &[JudgedImage],
        prevalence: &Prevalence<'_>,
        generation: Generation,
    ) -> Result<Vec<FindingRow>> {
        // Three plain questions: planners of statements guess wrong how many images hold the package versions of one flaw.
        let attempt = "list the findings of a vulnerability";
        let contents: BTreeSet<i64> = images.iter().map(|image| image.row).collect();
        let contents: Vec<_> = contents.into_iter().map(Arg::from).collect();
        let mut links: HashMap<i64, Vec<Row>> = HashMap::new();
        let mut held: BTreeSet<i64> = BTreeSet::new();
        for part in prevalence.versions.chunks(MANY_VERSIONS) {
            let some: Vec<_> = part.iter().map(i64::to_string).collect();
            // Of many, an image's own package versions are the shorter list.
            let plus = if part.len() < FEW_VERSIONS { "" } else { "+" };
            let sql = format!(
                "select ip.image, ip.package, ip.path, ip.layer from image_packages ip \
                where ip.image in ({{list}}) and {plus}ip.package in ({})",
                some.join(",")
            );
            for row in self.db.all_in(attempt, &sql, &[], &contents).await? {
                held.insert(row.get(1)?);
                links.entry(row.get(0)?).or_default().push(row);
            }
        }
        let sql = format!(
            "select m.vulnerability, m.doc, m.first_seen, {PACKAGE_COLUMNS} from matches m \
            join packages p on p.id = m.package where m.package in ({{list}}) \
            and m.vulnerability = (select id from vulnerabilities where name = $1)"
        );
        let list: Vec<_> = held.into_iter().map(Arg::from).collect();
        let mut matches: HashMap<i64, (i64, Match, Timestamp, InstalledPackage)> = HashMap::new();
        for row in self.db.all_in(attempt, &sql, &args![prevalence.vulnerability], &list).await? {
            let found: Option<Match> = row.json(1)?;
            let found = found.ok_or_else(|| crate::Error::corrupt("a match without its document"))?;
            let told = (row.get(0)?, found, Timestamp(row.get(2)?), package_at(&row, 5)?);
            matches.insert(row.get(3)?, told);
        }
        let mut found = Vec::new();
        for image in images {
            let mut rows = Vec::new();
            for link in links.get(&image.row).into_iter().flatten() {
                let package: i64 = link.get(1)?;
                let Some((vulnerability, matched, first_seen, installed)) = matches.get(&package) else {
                    continue;
                };
                let installed = image.placed(installed.clone(), link.get(2)?, link.get(3)?);
                let finding = (installed, matched.clone());
                rows.push(image.row_with((package, *vulnerability), finding, *first_seen));
            }
            rows.sort_by_key(|row| row.id.package);
            self.add_hiding(image, generation, &mut rows).await?;
            found.extend(rows);
        }
        self.add_exploitation(&mut found).await?;
        Ok(found)
    }

    /// Adds which rule hides which of an image's findings.
    async fn add_hiding(
        &self,
        image: &JudgedImage,
        generation: Generation,
        rows: &mut [FindingRow],
    ) -> Result<()> {
        if image.hidden == 0 || rows.is_empty() {
            return Ok(());
        }
        let packages = rows.iter().map(|row| row.id.package).collect();
        let mut hiding = self.hiding(image.id, image.summary.registry, generation, &packages).await?;
        for row in rows {
            row.hidden = hiding.remove(&(row.id.package, row.id.vulnerability));
        }
        Ok(())
    }

    /// Adds what is known of the exploitation of what was found.
    async fn add_exploitation(&self, rows: &mut [FindingRow]) -> Result<()> {
        let names: BTreeSet<&str> =
            rows.iter().filter_map(|row| row.finding.as_ref()).flat_map(|(_, found)| found.cves()).collect();
        let known = self.exploitation(&names.into_iter().collect::<Vec<_>>()).await?;
        if known.is_empty() {
            return Ok(());
        }
        for row in rows {
            let Some((_, found)) = &row.finding else { continue };
            let all: Vec<&Exploitation> = found.cves().filter_map(|cve| known.get(cve)).collect();
            // One flaw may have several names: it is exploited if it is under any of them, and as probable as under the worst.
            let entry = all.iter().find_map(|known| known.known.clone());
            let epss =
                all.iter().filter_map(|known| known.epss.as_ref()).max_by_key(|epss| epss.score).cloned();
            row.exploitation = (!all.is_empty()).then_some(Exploitation { known: entry, epss });
        }
        Ok(())
    }

    /// The tags on these rows of `repository_manifests`, sorted.
    pub(crate) async fn tags_of(&self, ids: &[i64]) -> Result<HashMap<i64, Vec<String>>> {
        let sql = "select l.id, t.name from repository_manifests l \
            join tags t on t.repository = l.repository and t.digest = l.digest \
            where l.id in ({list}) order by t.name";
        let list: Vec<_> = ids.iter().map(|id| Arg::from(*id)).collect();
        let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
        for row in self.db.all_in("list the tags of images", sql, &[], &list).await? {
            tags.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        Ok(tags)
    }
}

/// Links of images to package versions that have a vulnerability, from which on it is one that most images have.
const MANY_LINKS: i64 = 5_000;
/// Package versions that are looked for at once, and about as many as an image holds.
const MANY_VERSIONS: usize = 5_000;
const FEW_VERSIONS: usize = 150;

/// Conditions on `image_summaries s`, each behind an `and`: the filter's repository and image.
pub(crate) fn narrowing<'f>(filter: &'f FindingFilter, values: &mut Vec<Arg<'f>>) -> String {
    let wanted = [
        (
            "s.repository in (select id from repositories where name =",
            filter.repository.as_ref().map(RepositoryName::as_str),
        ),
        ("s.content = (select id from images where digest =", filter.image.as_ref().map(Digest::as_str)),
    ];
    let mut conditions = String::new();
    for (condition, wanted) in wanted {
        if let Some(wanted) = wanted {
            values.push(wanted.into());
            conditions.push_str(&format!(" and {condition} ${})", values.len()));
        }
    }
    conditions
}

/// Who has a vulnerability, which decides where a search for its images begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prevalence<'a> {
    /// Its name.
    vulnerability: &'a str,
    /// The package versions that have it.
    versions: Vec<i64>,
    /// Whether few images hold them, and are found from the vulnerability. Where many do, images are looked through in
    /// their order until there are enough.
    is_rare: bool,
}

impl Prevalence<'_> {
    /// The condition on `image_summaries s` that the image has the vulnerability whose name is the argument `$place`.
    fn condition(&self, place: usize) -> String {
        // PostgreSQL would turn an `exists` into a table of all images that have it; the limit keeps it to the image at
        // hand. That something is there it takes for likely, that it is 1 for rare; and where it thinks that few rows
        // pass, it looks at all of them first.
        match self.versions.len() {
            _ if self.is_rare => format!(
                "s.content in (select ip.image from vulnerabilities v \
                join matches m on m.vulnerability = v.id and m.listed = 1 \
                join image_packages ip on ip.package = m.package where v.name = ${place})"
            ),
            0..=MANY_VERSIONS => {
                let list: Vec<_> = self.versions.iter().map(i64::to_string).collect();
                format!(
                    "(select 1 from image_packages ip where ip.image = s.content and ip.package in ({}) \
                    and ${place} <> '' limit 1) is not null",
                    list.join(",")
                )
            }
            _ => format!(
                "(select 1 from matches m join image_packages ip on ip.package = m.package \
                where m.vulnerability = (select id from vulnerabilities where name = ${place}) and m.listed = 1 \
                and ip.image = s.content limit 1) is not null"
            ),
        }
    }
}

/// The columns that [`read_summary`] reads.
const IMAGE_COLUMNS: &str = "l.id, i.id, r.name, l.digest, l.media_type, l.pushed_at, i.platform, i.distro, \
    i.coverage, i.assessed_at, i.layers, r.registry";

/// The first value is the generation.
fn judged_images_sql() -> String {
    format!(
        "select {IMAGE_COLUMNS}, i.verdict, i.verdict_reason, {}, coalesce({}, 0), i.chains \
        from image_summaries s join repository_manifests l on l.id = s.image \
        join repositories r on r.id = l.repository join images i on i.id = s.content \
        left join image_hidden h on h.image = s.image and h.generation = $1",
        total("s"),
        total("h"),
    )
}

/// An image with a verdict, in one repository.
pub(crate) struct JudgedImage {
    /// Row in `repository_manifests`, the image of a [`FindingId`].
    id: i64,
    /// Row in `images`.
    row: i64,
    pub(crate) summary: ImageSummary,
    layers: Vec<Digest>,
    /// The chain ids of its layers, as its row has them.
    pub(crate) chains: Vec<u8>,
    /// Its findings, and those of them that rules hide.
    findings: i64,
    hidden: i64,
}

impl JudgedImage {
    fn read(row: &Row, tags: &HashMap<i64, Vec<String>>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            row: row.get(1)?,
            summary: read_summary(row, tags, ImageState::read(row.get(12)?, row.get(13)?)?)?,
            layers: row.json(10)?.unwrap_or_default(),
            findings: row.get(14)?,
            hidden: row.get(15)?,
            chains: row.get::<Option<Vec<u8>>>(16)?.unwrap_or_default(),
        })
    }

    /// Whether it has a row beside its findings: nothing is found, or all is hidden.
    fn has_own_row(&self) -> bool {
        self.findings <= self.hidden
    }

    fn row_without_finding(&self) -> FindingRow {
        FindingRow {
            id: FindingId { image: self.id, package: 0, vulnerability: 0 },
            image: self.summary.clone(),
            finding: None,
            hidden: None,
            first_seen: self.summary.assessed_at.unwrap_or_default(),
            exploitation: None,
        }
    }

    fn row_of(&self, row: &Row) -> Result<FindingRow> {
        let found: Option<Match> = row.json(2)?;
        let found = found.ok_or_else(|| crate::Error::corrupt("a match without its document"))?;
        // Behind the six columns come those of the package, its id and generation first.
        let installed = self.placed(package_at(row, 8)?, row.get(4)?, row.get(5)?);
        Ok(self.row_with((row.get(0)?, row.get(1)?), (installed, found), Timestamp(row.get(3)?)))
    }

    /// A package version where this image has it: the file, and the number of its layer.
    fn placed(&self, package: InstalledPackage, path: String, layer: Option<i64>) -> InstalledPackage {
        let layer = layer.and_then(|layer| self.layers.get(usize::try_from(layer).ok()?).cloned());
        InstalledPackage { path, layer, ..package }
    }

    /// The row of a finding: the rows of its package version and its vulnerability, and what is found.
    fn row_with(
        &self,
        (package, vulnerability): (i64, i64),
        finding: (InstalledPackage, Match),
        first_seen: Timestamp,
    ) -> FindingRow {
        FindingRow {
            id: FindingId { image: self.id, package, vulnerability },
            image: self.summary.clone(),
            finding: Some(finding),
            hidden: None,
            first_seen,
            exploitation: None,
        }
    }
}

fn read_summary(row: &Row, tags: &HashMap<i64, Vec<String>>, state: ImageState) -> Result<ImageSummary> {
    Ok(ImageSummary {
        registry: RegistryId(row.get(11)?),
        repository: row.parse(2)?,
        digest: row.parse(3)?,
        media_type: row.get(4)?,
        tags: tags.get(&row.get(0)?).cloned().unwrap_or_default(),
        pushed_at: Timestamp(row.get(5)?),
        platform: row.json::<Platform>(6)?,
        distro: row.json(7)?,
        state,
        coverage: row.json(8)?.unwrap_or_default(),
        assessed_at: row.get::<Option<i64>>(9)?.map(Timestamp),
        base: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_names_one_finding_and_is_read_back() {
        let most = FindingId { image: (1 << 38) - 1, package: (1 << 44) - 1, vulnerability: (1 << 40) - 1 };
        for id in [
            FindingId { image: 1, package: 0, vulnerability: 0 },
            FindingId { image: 3, package: 77, vulnerability: 12_345 },
            FindingId { image: 1 << 37, package: 1 << 43, vulnerability: 1 << 39 },
            most,
        ] {
            let guid = id.to_string();
            assert_eq!((guid.len(), &guid[14..15]), (36, "8"), "{guid}");
            assert!("89ab".contains(&guid[19..20]), "{guid}");
            assert_eq!(guid.parse(), Ok(id));
            assert_eq!(guid.to_uppercase().parse(), Ok(id));
        }
        assert_eq!(most.to_string(), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }

    #[test]
    fn other_guids_name_no_finding() {
        let good = FindingId { image: 3, package: 77, vulnerability: 5 }.to_string();
        for bad in [
            "",
            "00000000-0000-8000-8000-000000000000",
            "dbd0cb49-b563-45e7-9724-889e799fa648",
            &good.replace('-', ""),
            &good.replacen('8', "4", 1),
            &FindingId { image: 3, package: 77, vulnerability: 0 }.to_string(),
            &format!("{good}0"),
            &good.replacen('0', "+", 1),
        ] {
            assert!(bad.parse::<FindingId>().is_err(), "{bad}");
        }
    }
}
