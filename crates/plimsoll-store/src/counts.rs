//! Findings counted by whatever they are asked by, without looking at each.
//!
//! Severity, fix, registry, repository and whether a rule hides them come from the images in numbers: one short row an image.
//! Vulnerability and package come from the matches, each with the number of images that hold its package version.

use std::collections::BTreeMap;

use plimsoll_types::{Generation, Severity};

use crate::database::{Arg, Row, args};
use crate::summaries::{Counts, columns};
use crate::{RegistryId, Result, Store, rules};

/// By what findings are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountBy {
    /// By registry.
    pub registry: bool,
    /// By repository (within its registry).
    pub repository: bool,
    /// By severity.
    pub severity: bool,
    /// By whether there is a fix.
    pub patchable: bool,
    /// By whether a rule hides them.
    pub hidden: bool,
    /// By vulnerability.
    pub vulnerability: bool,
    /// By name of the package.
    pub package: bool,
}

/// Which findings are counted. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountFilter {
    /// Under the recommendation of which generation.
    pub generation: Generation,
    /// Only of these registries.
    pub registries: Option<Vec<RegistryId>>,
    /// Only of this vulnerability.
    pub vulnerability: Option<String>,
    /// Only of packages of this name.
    pub package: Option<String>,
}

/// A group of findings; what they were not counted by is `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Group {
    /// The registry.
    pub registry: Option<RegistryId>,
    /// The repository.
    pub repository: Option<String>,
    /// The severity.
    pub severity: Option<Severity>,
    /// Whether there is a fix.
    pub patchable: Option<bool>,
    /// Whether a rule hides them.
    pub hidden: Option<bool>,
    /// The vulnerability.
    pub vulnerability: Option<String>,
    /// The package's name.
    pub package: Option<String>,
}

impl Store {
    /// Counts findings of images that have a verdict. Groups without findings are left out.
    pub async fn count_findings(&self, by: CountBy, filter: &CountFilter) -> Result<BTreeMap<Group, u64>> {
        let mut groups = BTreeMap::new();
        let needs_matches =
            by.vulnerability || by.package || filter.vulnerability.is_some() || filter.package.is_some();
        if needs_matches {
            self.count_by_matches(by, filter, &mut groups).await?;
        } else {
            self.count_by_images(by, filter, &mut groups).await?;
        }
        let positive = |(group, count)| Some((group, u64::try_from(count).ok().filter(|count| *count > 0)?));
        Ok(groups.into_iter().filter_map(positive).collect())
    }

    async fn count_by_images(
        &self,
        by: CountBy,
        filter: &CountFilter,
        groups: &mut BTreeMap<Group, i64>,
    ) -> Result<()> {
        let (name, join, group) = if by.repository {
            ("r.name", "join repositories r on r.id = s.repository", "s.registry, r.name")
        } else {
            ("''", "", "s.registry")
        };
        let of = among("s.registry", filter.registries.as_deref());
        let sum = |alias: &str| columns(", ", |name| format!("cast(sum({alias}.{name}) as bigint)"));
        let sql = format!(
            "select s.registry, {name}, {} from image_summaries s {join} where s.state > 0{of} group by {group}",
            sum("s")
        );
        let attempt = "count findings";
        for row in self.db.all(attempt, sql, &[]).await? {
            add_counts(&row, by, false, 1, groups)?;
        }
        let sql = format!(
            "select s.registry, {name}, {} from image_hidden h join image_summaries s on s.image = h.image {join} \
            where h.generation = $1 and s.state > 0{of} group by {group}",
            sum("h")
        );
        for row in self.db.all(attempt, sql, &args![filter.generation as i64]).await? {
            add_counts(&row, by, true, 1, groups)?;
            // They were counted among those that no rule hides.
            add_counts(&row, by, false, -1, groups)?;
        }
        Ok(())
    }

    async fn count_by_matches(
        &self,
        by: CountBy,
        filter: &CountFilter,
        groups: &mut BTreeMap<Group, i64>,
    ) -> Result<()> {
        let mut values: Vec<Arg<'_>> = args![filter.generation as i64].to_vec();
        let mut conditions = String::new();
        for (column, wanted) in [("v.name", &filter.vulnerability), ("p.name", &filter.package)] {
            if let Some(wanted) = wanted {
                values.push(wanted.into());
                conditions.push_str(&format!(" and {column} = ${}", values.len()));
            }
        }
        let of = among("s.registry", filter.registries.as_deref());
        let or_none = |asked: bool, column: &'static str| if asked { column } else { "''" };
        let dimensions = format!(
            "m.severity, cast(case when m.fixed_version is null then 0 else 1 end as bigint), {}, {}",
            or_none(by.vulnerability, "v.name"),
            or_none(by.package, "p.name"),
        );
        let (place, join) = if by.repository {
            ("s.registry as registry, r.name as repository", "join repositories r on r.id = s.repository")
        } else {
            ("s.registry as registry, '' as repository", "")
        };
        let narrow = if conditions.is_empty() {
            String::new()
        } else {
            // Few matches: only the images of their package versions are counted.
            format!(
                " and ip.package in (select m.package from matches m \
                join vulnerabilities v on v.id = m.vulnerability join packages p on p.id = m.package \
                where m.listed = 1{conditions})"
            )
        };
        let sql = format!(
            "select k.registry, k.repository, cast(sum(k.images) as bigint), {dimensions} from \
            (select ip.package as package, {place}, count(*) as images from image_packages ip \
            join image_summaries s on s.content = ip.image {join} where s.state > 0{of}{narrow} and $1 > 0 \
            group by 1, 2, 3) k join matches m on m.package = k.package and m.listed = 1 \
            join vulnerabilities v on v.id = m.vulnerability join packages p on p.id = m.package \
            where 1 = 1{conditions} group by 1, 2, 4, 5, 6, 7"
        );
        let attempt = "count findings";
        for row in self.db.all(attempt, sql, &values).await? {
            let count: i64 = row.get(2)?;
            *groups.entry(group(&row, by, false)?).or_default() += count;
        }
        let sql = format!(
            "select s.registry, {}, count(*), {dimensions} from ({}) h \
            join image_summaries s on s.image = h.image and s.state > 0 join repositories r on r.id = s.repository \
            join matches m on m.package = h.package and m.vulnerability = h.vulnerability and m.listed = 1 \
            join vulnerabilities v on v.id = m.vulnerability join packages p on p.id = m.package \
            where h.generation = $1{of}{conditions} group by 1, 2, 4, 5, 6, 7",
            if by.repository { "r.name" } else { "''" },
            rules::hit("1 = 1"),
        );
        for row in self.db.all(attempt, sql, &values).await? {
            let count: i64 = row.get(2)?;
            *groups.entry(group(&row, by, true)?).or_default() += count;
            *groups.entry(group(&row, by, false)?).or_default() -= count;
        }
        Ok(())
    }
}

/// A condition on a registry's row; the numbers are ours.
fn among(column: &str, registries: Option<&[RegistryId]>) -> String {
    let Some(registries) = registries else { return String::new() };
    let list: Vec<_> = registries.iter().map(|registry| registry.0.to_string()).collect();
    if list.is_empty() { " and 1 = 0".to_owned() } else { format!(" and {column} in ({})", list.join(",")) }
}

/// Adds the twelve sums of a row, `sign` times: registry, repository, sums.
fn add_counts(
    row: &Row,
    by: CountBy,
    hidden: bool,
    sign: i64,
    groups: &mut BTreeMap<Group, i64>,
) -> Result<()> {
    let counts = Counts::read(row, 2)?;
    for severity in Severity::ALL {
        let rank = usize::try_from(severity.rank()).unwrap_or_default();
        let (all, with_fix) = (counts.0[rank], counts.0[6 + rank]);
        for (patchable, count) in [(true, with_fix), (false, all - with_fix)] {
            let group = Group {
                registry: by.registry.then_some(RegistryId(row.get(0)?)),
                repository: if by.repository { Some(row.get(1)?) } else { None },
                severity: by.severity.then_some(severity),
                patchable: by.patchable.then_some(patchable),
                hidden: by.hidden.then_some(hidden),
                vulnerability: None,
                package: None,
            };
            *groups.entry(group).or_default() += sign * count;
        }
    }
    Ok(())
}

/// Registry, repository, count, severity, fix, vulnerability, package.
fn group(row: &Row, by: CountBy, hidden: bool) -> Result<Group> {
    let text = |asked: bool, column: usize| if asked { row.get(column).map(Some) } else { Ok(None) };
    let patchable = row.get::<i64>(4)? == 1;
    Ok(Group {
        registry: by.registry.then_some(RegistryId(row.get(0)?)),
        repository: text(by.repository, 1)?,
        severity: by.severity.then_some(Severity::from_rank(row.get(3)?)),
        patchable: by.patchable.then_some(patchable),
        hidden: by.hidden.then_some(hidden),
        vulnerability: text(by.vulnerability, 5)?,
        package: text(by.package, 6)?,
    })
}
