//! What an event means for findings, looked up page by page when it is told: an event names matches or packages, and any
//! number of images may hold them.

use plimsoll_types::{Digest, Generation, RepositoryName, Severity};

use super::Event;
use super::changes::GONE;
use crate::database::args;
use crate::{Error, FindingFilter, FindingId, FindingRow, Result, Store};

/// How a finding changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It was not there before.
    Appeared,
    /// Its severity, its fix or its status is another.
    Changed,
    /// It is not there any more. The row has what is still known of it.
    Gone,
}

/// A place in what a delivery has to tell. Which numbers mean what is known to whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub [i64; 4]);

impl Position {
    /// In front of everything.
    pub const START: Self = Self([0; 4]);

    /// As the database has it, and as ids of requests have it: `0.7.3.1`.
    pub fn to_text(self) -> String {
        let [a, b, c, d] = self.0;
        format!("{a}.{b}.{c}.{d}")
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let numbers: Option<Vec<i64>> = text.split('.').map(|number| number.parse().ok()).collect();
        let numbers = numbers.and_then(|numbers| numbers.try_into().ok());
        numbers.map(Self).ok_or_else(|| Error::corrupt(format!("{text} is no position in a delivery")))
    }
}

/// A finding to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Where to go on once it is told.
    pub behind: Position,
    /// How it changed.
    pub change: Change,
    /// The finding, as it is now.
    pub row: FindingRow,
}

/// A page of findings to tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tellings {
    /// The findings. A page may have none, and yet not be the last.
    pub rows: Vec<Telling>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Position>,
}

impl Store {
    /// The findings that an event is about, behind a position: about `n` of them are looked at.
    pub async fn findings_of_event(&self, event: &Event, after: Position, n: u32) -> Result<Tellings> {
        let n = n.clamp(1, 1_000) as usize;
        match event.kind.as_str() {
            "image.assessed" => self.findings_of_assessment(event, after, n).await,
            "matches.changed" => self.findings_of_matches(event, after, n).await,
            _ => Ok(Tellings::default()),
        }
    }

    /// Part 0 are the findings of new packages, in the order of their ids; part 1 those of packages that went away, by the
    /// number of the package, the image's row in the repository, and how many of its findings were told.
    async fn findings_of_assessment(&self, event: &Event, after: Position, n: usize) -> Result<Tellings> {
        let Some(digest) = &event.digest else { return Ok(Tellings::default()) };
        let mut rows = Vec::new();
        if after.0[0] == 0 {
            let filter = FindingFilter {
                registry: event.registry,
                repository: event.repository.parse::<RepositoryName>().ok(),
                image: Some(digest.clone()),
                ..FindingFilter::default()
            };
            let [_, image, package, vulnerability] = after.0;
            let start = (after != Position::START).then_some(FindingId { image, package, vulnerability });
            let found = self.findings(&filter, start, n as u32).await?;
            let is_last = found.len() < n;
            let next = found.last().map(|row| position_of(row.id));
            let added = numbers(event, "added");
            let is_new = |package| event.detail["all"] == true || added.binary_search(&package).is_ok();
            rows.extend(
                found
                    .into_iter()
                    .filter(|row| row.finding.is_some() && row.hidden.is_none() && is_new(row.id.package))
                    .map(|row| Telling { behind: position_of(row.id), change: Change::Appeared, row }),
            );
            let next = if is_last { Some(Position([1, 0, 0, 0])) } else { next };
            return Ok(Tellings { rows, next });
        }
        let removed = numbers(event, "removed");
        let Some(package) = usize::try_from(after.0[1]).ok().and_then(|number| removed.get(number)) else {
            return Ok(Tellings::default());
        };
        // The fourth number counts the findings of this image that were told already.
        let [_, number, link, told] = after.0;
        let links = self.links_of(digest, link - i64::from(told > 0), n).await?;
        for at in &links {
            let gone = self.listed_matches(*package).await?;
            let skip = if *at == link { usize::try_from(told).unwrap_or(0) } else { 0 };
            for (count, found) in gone.iter().enumerate().skip(skip) {
                let (vulnerability, severity, fixed) = found.clone();
                let told = if count + 1 == gone.len() { 0 } else { count as i64 + 1 };
                let behind = Position([1, number, *at, told]);
                let row = self.gone_finding(*at, *package, vulnerability, severity, GONE, fixed).await?;
                rows.extend(row.map(|row| Telling { behind, change: Change::Gone, row }));
            }
        }
        let next = match links.last() {
            Some(last) if links.len() == n => Position([1, number, *last, 0]),
            _ => Position([1, number + 1, 0, 0]),
        };
        Ok(Tellings { rows, next: Some(next) })
    }

    /// The parts are what appeared, changed and went away; in each, by the number of the match, the image's row, and its row
    /// in the repository.
    async fn findings_of_matches(&self, event: &Event, after: Position, n: usize) -> Result<Tellings> {
        let [mut part, mut number, mut image, mut link] = after.0;
        let (mut rows, mut looked_at) = (Vec::new(), 0);
        loop {
            let (name, change) = match part {
                0 => ("appeared", Change::Appeared),
                1 => ("changed", Change::Changed),
                2 => ("gone", Change::Gone),
                _ => return Ok(Tellings { rows, next: None }),
            };
            let found = usize::try_from(number).ok().and_then(|number| event.detail[name].get(number));
            let Some(found) = found else {
                (part, number, image, link) = (part + 1, 0, 0, 0);
                continue;
            };
            let (Some(package), Some(vulnerability)) = (found[0].as_i64(), found[1].as_i64()) else {
                return Err(Error::corrupt(format!("the event {} names no match", event.id)));
            };
            let holders = self.holders(package, image, link, n - looked_at).await?;
            let is_last = holders.len() < n - looked_at;
            for holder in holders {
                (image, link) = holder;
                looked_at += 1;
                let row = match change {
                    Change::Gone => {
                        let severity = Severity::from_rank(found[2].as_i64().unwrap_or_default());
                        let fixed = found[3].as_str().map(str::to_owned);
                        self.gone_finding(link, package, vulnerability, severity, GONE, fixed).await?
                    }
                    // What is gone again meanwhile is told by the event that says so.
                    _ => {
                        let id = FindingId { image: link, package, vulnerability };
                        let found = self.finding(id, Generation::default()).await?;
                        // What a rule hides is nobody's concern.
                        found.filter(|row| row.hidden.is_none())
                    }
                };
                let behind = Position([part, number, image, link]);
                rows.extend(row.map(|row| Telling { behind, change, row }));
            }
            if is_last {
                (number, image, link) = (number + 1, 0, 0);
            }
            // A match that no image holds is work, too.
            looked_at += 1;
            if looked_at >= n {
                return Ok(Tellings { rows, next: Some(Position([part, number, image, link])) });
            }
        }
    }

    /// The images with a verdict that hold a package version, behind a row: their rows, and those in repositories.
    async fn holders(&self, package: i64, image: i64, link: i64, n: usize) -> Result<Vec<(i64, i64)>> {
        let sql = "select ip.image, l.id from image_packages ip join images i on i.id = ip.image \
            join repository_manifests l on l.digest = i.digest \
            where ip.package = $1 and i.verdict is not null and ip.image >= $2 and (ip.image > $2 or l.id > $3) \
            order by ip.image, l.id limit $4";
        let rows = self
            .db
            .all("look for the images of a package", sql, &args![package, image, link, n as i64])
            .await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// The rows of an image in repositories.
    async fn links_of(&self, digest: &Digest, after: i64, n: usize) -> Result<Vec<i64>> {
        let sql = "select id from repository_manifests where digest = $1 and id > $2 order by id limit $3";
        let rows = self
            .db
            .all("look for the repositories of an image", sql, &args![digest, after, n as i64])
            .await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Vulnerability, severity and fix of each listed match of a package version.
    async fn listed_matches(&self, package: i64) -> Result<Vec<(i64, Severity, Option<String>)>> {
        let sql = "select vulnerability, severity, fixed_version from matches where package = $1 and listed = 1 \
            order by vulnerability";
        let rows = self.db.all("look for matches", sql, &args![package]).await?;
        rows.iter().map(|row| Ok((row.get(0)?, Severity::from_rank(row.get(1)?), row.get(2)?))).collect()
    }
}

fn position_of(id: FindingId) -> Position {
    Position([0, id.image, id.package, id.vulnerability])
}

/// A list of rows in the event, sorted.
fn numbers(event: &Event, name: &str) -> Vec<i64> {
    let items = event.detail[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut numbers: Vec<i64> = items.iter().filter_map(serde_json::Value::as_i64).collect();
    numbers.sort_unstable();
    numbers
}
