//! Findings in groups, for queries that only count them: twenty million are answered by one statement.

use std::collections::BTreeMap;

use plimsoll_types::{Digest, Generation, RepositoryName, Severity};

use crate::database::{Row, args};
use crate::summaries::total;
use crate::verdicts::narrowing;
use crate::{Error, FindingFilter, RegistryId, Result, Store, rules};

/// Findings of one registry that have these things in common. Where a query does not ask by repository or by image, a group
/// holds those of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingGroup {
    /// The repository, where findings are grouped by it.
    pub repository: Option<RepositoryName>,
    /// The image, where findings are grouped by it.
    pub digest: Option<Digest>,
    /// Their severity; `None` for the rows of images without findings.
    pub severity: Option<Severity>,
    /// Whether a rule hides them.
    pub hidden: bool,
    /// For rows of images without findings: whether these were looked at and understood.
    pub clean: bool,
    /// How many there are.
    pub count: u64,
}

impl Store {
    /// How many findings of this registry, and images without any, there are in each group, as a generation tells them. The
    /// images' own numbers are added up; no finding is looked at. Of the filter, generation, repository and image count.
    pub async fn finding_groups(
        &self,
        filter: &FindingFilter,
        by_repository: bool,
        by_image: bool,
    ) -> Result<Vec<FindingGroup>> {
        let mut names = Vec::new();
        let mut joins = String::new();
        if by_repository {
            names.push("r.name");
            joins.push_str(" join repositories r on r.id = s.repository");
        }
        if by_image {
            names.push("l.digest");
            joins.push_str(" join repository_manifests l on l.id = s.image");
        }
        let sum = |what: String| format!("cast(coalesce(sum({what}), 0) as bigint)");
        let ranks = Severity::ALL.map(|severity| severity.rank());
        let counts = ["s", "h"].map(|of| ranks.map(|rank| sum(format!("{of}.c{rank}"))).join(", "));
        // An image has a row of its own where nothing is found, or rules hide all of it.
        let own = |state: &str| {
            let condition = format!("{} <= coalesce({}, 0) and s.state {state}", total("s"), total("h"));
            sum(format!("case when {condition} then 1 else 0 end"))
        };
        let group = if names.is_empty() { String::new() } else { format!(" group by {}", names.join(", ")) };
        let mut values = args![self.registry.0, filter.generation as i64].to_vec();
        let conditions = narrowing(filter, &mut values);
        let sql = format!(
            "select {}{}, {}, {}, {} from image_summaries s{joins} \
            left join image_hidden h on h.image = s.image and h.generation = $2 \
            where {}s.registry = $1 and s.state > 0{conditions}{group}",
            names.iter().map(|name| format!("{name}, ")).collect::<String>(),
            counts[0],
            counts[1],
            own("= 1"),
            own("<> 1"),
            if conditions.is_empty() { "" } else { "+" },
        );
        let rows = self.db.all("count findings", sql, &values).await?;
        let mut groups = Vec::new();
        for row in &rows {
            groups.extend(read_groups(row, by_repository, by_image)?);
        }
        Ok(groups)
    }
}

impl Store {
    /// The same for the findings of one vulnerability, in all of these registries at once.
    pub async fn finding_groups_of(
        &self,
        vulnerability: &str,
        registries: &[RegistryId],
        generation: Generation,
        by_repository: bool,
        by_image: bool,
    ) -> Result<Vec<(RegistryId, FindingGroup)>> {
        if registries.is_empty() {
            return Ok(Vec::new());
        }
        let (repository, of_repository) = match by_repository {
            true => ("r.name", " join repositories r on r.id = s.repository"),
            false => ("''", ""),
        };
        let (digest, of_image) = match by_image {
            true => ("l.digest", " join repository_manifests l on l.id = s.image"),
            false => ("''", ""),
        };
        let list: Vec<_> = registries.iter().map(|registry| registry.0.to_string()).collect();
        let values = args![vulnerability, generation as i64];
        let mut groups: BTreeMap<(i64, String, String, i64, bool), i64> = BTreeMap::new();
        // Those that rules hide are among all, and counted apart.
        let all = "select s.image, m.severity from vulnerabilities v \
            join matches m on m.vulnerability = v.id and m.listed = 1 \
            join image_packages ip on ip.package = m.package join image_summaries s on s.content = ip.image \
            where v.name = $1 and $2 > 0";
        let hidden = format!(
            "select h.image, m.severity from ({}) h \
            join matches m on m.package = h.package and m.vulnerability = h.vulnerability and m.listed = 1 \
            where h.generation = $2",
            rules::hit("rm.vulnerability = (select id from vulnerabilities where name = $1)")
        );
        for (found, is_hidden) in [(all, false), (hidden.as_str(), true)] {
            let sql = format!(
                "select s.registry, {repository}, {digest}, f.severity, count(*) from ({found}) f \
                join image_summaries s on s.image = f.image{of_repository}{of_image} \
                where s.state > 0 and s.registry in ({}) group by 1, 2, 3, 4",
                list.join(",")
            );
            for row in self.db.all("count the findings of a vulnerability", sql, &values).await? {
                let key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let count: i64 = row.get(4)?;
                let (registry, repository, digest, severity): (i64, String, String, i64) = key;
                if is_hidden {
                    *groups
                        .entry((registry, repository.clone(), digest.clone(), severity, false))
                        .or_default() -= count;
                }
                *groups.entry((registry, repository, digest, severity, is_hidden)).or_default() += count;
            }
        }
        let mut found = Vec::new();
        for ((registry, repository, digest, severity, hidden), count) in groups {
            let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) else { continue };
            let corrupt = |error| Error::corrupt("a name that is none").because(error);
            let group = FindingGroup {
                repository: by_repository.then(|| repository.parse()).transpose().map_err(corrupt)?,
                digest: by_image.then(|| digest.parse()).transpose().map_err(corrupt)?,
                severity: Some(Severity::from_rank(severity)),
                hidden,
                clean: false,
                count,
            };
            found.push((RegistryId(registry), group));
        }
        Ok(found)
    }
}

/// The groups in a row: by severity what is shown and what is hidden, then the images without findings, clean or not.
fn read_groups(row: &Row, by_repository: bool, by_image: bool) -> Result<Vec<FindingGroup>> {
    let first = usize::from(by_repository) + usize::from(by_image);
    let whole = FindingGroup {
        repository: by_repository.then(|| row.parse(0)).transpose()?,
        digest: by_image.then(|| row.parse(first - 1)).transpose()?,
        severity: None,
        hidden: false,
        clean: false,
        count: 0,
    };
    let mut groups = Vec::new();
    let severities = Severity::ALL.len();
    for (place, severity) in Severity::ALL.into_iter().enumerate() {
        let (all, hidden) = (row.count(first + place)?, row.count(first + severities + place)?);
        let severity = Some(severity);
        groups.push(FindingGroup { severity, count: all.saturating_sub(hidden), ..whole.clone() });
        groups.push(FindingGroup { severity, hidden: true, count: hidden, ..whole.clone() });
    }
    for (place, clean) in [true, false].into_iter().enumerate() {
        let count = row.count(first + 2 * severities + place)?;
        groups.push(FindingGroup { clean, count, ..whole.clone() });
    }
    groups.retain(|group| group.count > 0);
    Ok(groups)
}
