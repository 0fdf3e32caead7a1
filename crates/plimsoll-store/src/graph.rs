//! Findings in groups, for queries that only count them: twenty million are answered by one statement.

use plimsoll_types::{Digest, RepositoryName, Severity};

use crate::database::{Row, args};
use crate::{Result, Store};

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
    /// How many findings of this registry, and images without any, there are in each group.
    pub async fn finding_groups(&self, by_repository: bool, by_image: bool) -> Result<Vec<FindingGroup>> {
        let attempt = "count findings";
        let mut names = Vec::new();
        if by_repository {
            names.push("r.name");
        }
        if by_image {
            names.push("l.digest");
        }
        let columns: String = names.iter().map(|name| format!("{name}, ")).collect();
        let from = "from repositories r join repository_manifests l on l.repository = r.id \
            join images i on i.digest = l.digest";
        let found = format!(
            "select {columns}m.severity, count(*) {from} join image_packages ip on ip.image = i.id \
            join matches m on m.package = ip.package \
            where r.registry = $1 and i.verdict is not null and m.listed = 1 group by {columns}m.severity"
        );
        let clean = "case when i.verdict = 'done' and i.complete = 1 then 1 else 0 end";
        let none = format!(
            "select {columns}{clean}, count(*) {from} where r.registry = $1 and i.verdict is not null and not exists \
            (select 1 from image_packages ip join matches m on m.package = ip.package \
            where ip.image = i.id and m.listed = 1) group by {columns}{clean}"
        );
        let read = |row: &Row| {
            let mut at = 0;
            let mut next = |is_there: bool| {
                at += usize::from(is_there);
                is_there.then(|| at - 1)
            };
            Ok(FindingGroup {
                repository: next(by_repository).map(|at| row.parse(at)).transpose()?,
                digest: next(by_image).map(|at| row.parse(at)).transpose()?,
                severity: None,
                hidden: false,
                clean: false,
                count: row.count(names.len() + 1)?,
            })
        };
        let mut groups = Vec::new();
        for row in self.db.all(attempt, found, &args![self.registry.0]).await? {
            let severity = Severity::from_rank(row.get(names.len())?);
            groups.push(FindingGroup { severity: Some(severity), ..read(&row)? });
        }
        for row in self.db.all(attempt, none, &args![self.registry.0]).await? {
            groups.push(FindingGroup { clean: row.get::<i64>(names.len())? != 0, ..read(&row)? });
        }
        Ok(groups)
    }
}
