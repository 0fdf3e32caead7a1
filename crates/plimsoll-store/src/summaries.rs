//! Images in numbers, kept beside what they are made of, so that registries with millions of findings are summed up from
//! one short row an image.
//!
//! A row of `image_summaries` counts an image's findings by severity; `image_hidden` counts those that rules hide. Both
//! are changed in the transaction that changes a match, a link or a rule, by the difference that it makes, and only for
//! the images that hold the package versions in question.
//!
//! In PostgreSQL two transactions could each miss the other's part: one links an image to a package version while the other
//! changes its matches. So whoever counts a single image holds a shared lock until the end, and whoever changes
//! what many images count holds it alone ([`Tx::lock_counts`]).

use std::collections::BTreeMap;

use plimsoll_types::{Generation, Severity, Timestamp};

use crate::database::{Row, Tx, args};
use crate::{RegistryId, Result, Store, rules};

/// Package versions whose differences are handed over in one statement.
const PACKAGES_AT_ONCE: usize = 10_000;
/// Package versions whose images are changed one package version after the other.
const FEW_PACKAGES: usize = 16;
/// Severities, each with and without a fix.
const BUCKETS: usize = 12;

/// Findings by severity, and those of them that have a fix: the columns `c0` to `c5` and `f0` to `f5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts(pub(crate) [i64; BUCKETS]);

impl Counts {
    /// Counts a finding `times` times.
    pub(crate) fn add(&mut self, severity: i64, has_fix: bool, times: i64) {
        let rank = usize::try_from(Severity::from_rank(severity).rank()).unwrap_or_default();
        self.0[rank] += times;
        if has_fix {
            self.0[6 + rank] += times;
        }
    }

    fn is_zero(&self) -> bool {
        self.0 == [0; BUCKETS]
    }

    /// Reads twelve columns from `at` on.
    pub(crate) fn read(row: &Row, at: usize) -> Result<Self> {
        let mut counts = Self::default();
        for (i, count) in counts.0.iter_mut().enumerate() {
            *count = row.get(at + i)?;
        }
        Ok(counts)
    }
}

/// `c0 … f5`, each made by `write` from its name.
pub(crate) fn columns(separator: &str, write: impl Fn(&str) -> String) -> String {
    let names = (0..6).map(|i| format!("c{i}")).chain((0..6).map(|i| format!("f{i}")));
    names.map(|name| write(&name)).collect::<Vec<_>>().join(separator)
}

/// What counts rows of `matches m`: twelve sums with the columns' names.
pub(crate) fn sums() -> String {
    let condition = |name: &str| match name.split_at(1) {
        ("c", rank) => format!("m.severity = {rank}"),
        (_, rank) => format!("m.severity = {rank} and m.fixed_version is not null"),
    };
    columns(", ", |name| {
        format!("cast(sum(case when {} then 1 else 0 end) as bigint) as {name}", condition(name))
    })
}

/// The findings of `image_summaries s`, or the hidden ones of `image_hidden h`, whatever their severity.
pub(crate) fn total(alias: &str) -> String {
    (0..6).map(|i| format!("{alias}.c{i}")).collect::<Vec<_>>().join(" + ")
}

/// The state of `images i`, as `image_summaries` has it.
const STATE: &str = "case when i.verdict is null then 0 when i.verdict = 'done' and i.complete = 1 then 1 \
    when i.verdict = 'done' then 2 when i.verdict = 'failed' then 3 else 4 end";

/// Counts an image anew, in all repositories that hold it.
pub(crate) async fn refresh_image(tx: &mut Tx, content: i64, now: Timestamp) -> Result<()> {
    let sql = format!(
        "insert into image_summaries (image, content, registry, repository, since, state, first_assessed_at, \
        assessed_at, changed_at, {names}) \
        select l.id, i.id, r.registry, r.id, $2, {STATE}, i.first_assessed_at, i.assessed_at, $2, {counts} \
        from images i join repository_manifests l on l.digest = i.digest join repositories r on r.id = l.repository \
        left join (select ip.image, {sums} from image_packages ip join matches m on m.package = ip.package \
        where ip.image = $1 and m.listed = 1 group by ip.image) k on k.image = i.id where i.id = $1 \
        on conflict (image) do update set state = excluded.state, first_assessed_at = excluded.first_assessed_at, \
        assessed_at = excluded.assessed_at, changed_at = excluded.changed_at, {updates}",
        names = columns(", ", str::to_owned),
        counts = columns(", ", |name| format!("coalesce(k.{name}, 0)")),
        sums = sums(),
        updates = columns(", ", |name| format!("{name} = excluded.{name}")),
    );
    tx.execute(sql, &args![content, now]).await?;
    rules::refresh_image(tx, content).await
}

/// Takes over how far the scan of an image is, where that is a verdict.
pub(crate) async fn refresh_state(
    tx: &mut Tx,
    digest: &plimsoll_types::Digest,
    now: Timestamp,
) -> Result<()> {
    let sql = format!(
        "update image_summaries as t set state = d.state, first_assessed_at = d.first_assessed_at, \
        assessed_at = d.assessed_at, changed_at = $2 from (select i.id, {STATE} as state, i.first_assessed_at, \
        i.assessed_at from images i where i.digest = $1) as d where t.content = d.id"
    );
    tx.execute(sql, &args![digest, now]).await?;
    Ok(())
}

/// Adds differences in the matches of package versions to the counts of all images that hold them.
pub(crate) async fn add_differences(
    tx: &mut Tx,
    differences: &BTreeMap<i64, Counts>,
    now: Timestamp,
) -> Result<()> {
    let differences: Vec<_> = differences.iter().filter(|(_, counts)| !counts.is_zero()).collect();
    let name = |i: usize| if i < 6 { format!("c{i}") } else { format!("f{}", i - 6) };
    // Few package versions are seldom in one image together: then it is half the work not to sum them up first.
    let (few, many) = match differences.len() {
        0..=FEW_PACKAGES => (&differences[..], &[][..]),
        _ => (&[][..], &differences[..]),
    };
    for (package, counts) in few {
        let changed = counts.0.iter().enumerate().filter(|(_, count)| **count != 0);
        let sets: Vec<_> = changed.map(|(i, count)| format!("{0} = {0} + ({count})", name(i))).collect();
        let sql = format!(
            "update image_summaries set {}, changed_at = $1 \
            where content in (select image from image_packages where package = $2)",
            sets.join(", ")
        );
        tx.execute_once(sql, &args![now, **package]).await?;
    }
    for part in many.chunks(PACKAGES_AT_ONCE) {
        // Only the columns in which something changes. The numbers are ours and stand in the text: bound, they
        // would be thousands of values.
        let changed: Vec<usize> =
            (0..BUCKETS).filter(|i| part.iter().any(|(_, counts)| counts.0[*i] != 0)).collect();
        let each = |write: &dyn Fn(usize) -> String| {
            changed.iter().map(|i| write(*i)).collect::<Vec<_>>().join(", ")
        };
        let rows: Vec<_> = part
            .iter()
            .map(|(package, counts)| format!("({package}, {})", each(&|i| counts.0[i].to_string())))
            .collect();
        let sql = format!(
            "with v (package, {names}) as (values {rows}) update image_summaries as t set {sets}, changed_at = $1 \
            from (select ip.image as content, {sums} from v cross join image_packages ip \
            where ip.package = v.package group by ip.image) as d where t.content = d.content",
            names = each(&name),
            rows = rows.join(", "),
            sets = each(&|i| format!("{0} = t.{0} + d.{0}", name(i))),
            sums = each(&|i| format!("cast(sum(v.{0}) as bigint) as {0}", name(i))),
        );
        tx.execute_once(sql, &args![now]).await?;
    }
    Ok(())
}

/// A registry in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrySummary {
    /// Images in all repositories.
    pub images: u64,
    /// Images with at least one finding that no rule hides.
    pub unhealthy: u64,
    /// Images that were looked at, understood and have no finding, or none that is not hidden.
    pub healthy: u64,
    /// Images that could not be judged, those that nothing can judge among them.
    pub not_applicable: u64,
    /// Of these, images in which nothing can be judged (of Windows, for example).
    pub unsupported: u64,
    /// Images whose first verdict is not there yet.
    pub pending: u64,
    /// Findings that no rule hides by severity, worst first.
    pub findings: Vec<(Severity, u64)>,
    /// Findings that no rule hides and that have a fix.
    pub patchable: u64,
    /// Findings that rules hide.
    pub hidden: u64,
    /// When the first verdict was made.
    pub first_assessed: Option<Timestamp>,
    /// When the last verdict was made, or matches or rules last changed.
    pub last_changed: Option<Timestamp>,
}

/// The worst that is to be said of a registry's images: enough for a verdict on it, and found without counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Worst {
    /// One has a finding that no rule hides.
    Unhealthy,
    /// One was judged in part, or its scan failed.
    Incomplete,
    /// One was looked at, understood and has no such finding, and of all others nothing can be said.
    Healthy,
    /// Nothing can be judged in any (of Windows, for example).
    Unsupported,
    /// None has a verdict.
    #[default]
    Nothing,
}

impl RegistrySummary {
    /// The worst that is to be said of the images that are counted.
    pub fn worst(&self) -> Worst {
        if self.unhealthy > 0 {
            Worst::Unhealthy
        } else if self.not_applicable > self.unsupported {
            Worst::Incomplete
        } else if self.healthy > 0 {
            Worst::Healthy
        } else if self.unsupported > 0 {
            Worst::Unsupported
        } else {
            Worst::Nothing
        }
    }
}

impl Store {
    /// The worst that is to be said of a registry's images under the recommendation of a generation.
    pub async fn worst_of_registry(&self, registry: RegistryId, generation: Generation) -> Result<Worst> {
        // What is hidden is looked up for images with findings alone: most registries whose images are all clean have no rule.
        let found = total("s");
        let hidden = format!(
            "coalesce((select {} from image_hidden h where h.image = s.image and h.generation = $2), 0)",
            total("h")
        );
        let any = |condition: &str| {
            format!("exists (select 1 from image_summaries s where s.registry = $1 and {condition})")
        };
        // What is found first ends the search.
        let sql = format!(
            "select cast(case when {} then 1 when {} then 2 when {} then 3 when {} then 4 else 0 end as bigint)",
            any(&format!("s.state in (1, 2) and {found} > 0 and {found} > {hidden}")),
            any(&format!("(s.state = 3 or (s.state = 2 and ({found} = 0 or {found} = {hidden})))")),
            any("s.state = 1"),
            any("s.state = 4"),
        );
        let values = args![registry.0, generation as i64];
        let row = self.db.one("look what images a registry has", sql, &values).await?;
        Ok(match row.map(|row| row.get::<i64>(0)).transpose()? {
            Some(1) => Worst::Unhealthy,
            Some(2) => Worst::Incomplete,
            Some(3) => Worst::Healthy,
            Some(4) => Worst::Unsupported,
            _ => Worst::Nothing,
        })
    }

    /// This registry in numbers, under the recommendation of a generation. An image in two repositories counts twice, as
    /// it does in the list of findings.
    pub async fn registry_summary(&self, generation: Generation) -> Result<RegistrySummary> {
        let summaries = self.summaries(generation, Some(self.registry_id())).await?;
        Ok(summaries.into_values().next().unwrap_or_default())
    }

    /// All registries that have images, in numbers.
    pub async fn registry_summaries(
        &self,
        generation: Generation,
    ) -> Result<BTreeMap<RegistryId, RegistrySummary>> {
        self.summaries(generation, None).await
    }

    async fn summaries(
        &self,
        generation: Generation,
        registry: Option<RegistryId>,
    ) -> Result<BTreeMap<RegistryId, RegistrySummary>> {
        let attempt = "sum up the registries";
        let mut values = args![generation as i64].to_vec();
        let mut condition = "";
        if let Some(registry) = registry {
            values.push(registry.0.into());
            condition = "where s.registry = $2";
        }
        let sum_if =
            |condition: String| format!("cast(sum(case when {condition} then 1 else 0 end) as bigint)");
        let active = format!("({}) - coalesce({}, 0)", total("s"), total("h"));
        let sql = format!(
            "select s.registry, count(*), {}, {}, {}, {}, min(s.first_assessed_at), max(s.assessed_at), \
            max(case when s.state > 0 then s.changed_at end), {}, {} \
            from image_summaries s left join image_hidden h on h.image = s.image and h.generation = $1 \
            {condition} group by s.registry",
            sum_if("s.state = 0".into()),
            sum_if(format!("s.state in (1, 2) and {active} > 0")),
            sum_if(format!("s.state = 1 and {active} = 0")),
            sum_if("s.state = 4".into()),
            columns(", ", |name| {
                format!("cast(sum(case when s.state > 0 then s.{name} else 0 end) as bigint)")
            }),
            columns(", ", |name| {
                format!("cast(coalesce(sum(case when s.state > 0 then h.{name} end), 0) as bigint)")
            }),
        );
        let rows = self.db.all(attempt, sql, &values).await?;
        let sql = "select value from facts where name = 'rules-changed-at'";
        let rules = self.db.one(attempt, sql, &[]).await?.map(|row| row.get::<i64>(0)).transpose()?;
        rows.iter().map(|row| Ok((RegistryId(row.get(0)?), read_summary(row, rules)?))).collect()
    }
}

fn read_summary(row: &Row, rules_changed: Option<i64>) -> Result<RegistrySummary> {
    let (images, pending, unhealthy, healthy) = (row.count(1)?, row.count(2)?, row.count(3)?, row.count(4)?);
    let (all, hidden) = (Counts::read(row, 9)?, Counts::read(row, 9 + BUCKETS)?);
    let active = |at: usize| u64::try_from(all.0[at] - hidden.0[at]).unwrap_or_default();
    let findings = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| (severity, active(usize::try_from(severity.rank()).unwrap_or_default())));
    let first_assessed = row.get::<Option<i64>>(6)?;
    let last_changed = row.get::<Option<i64>>(7)?.max(row.get::<Option<i64>>(8)?);
    Ok(RegistrySummary {
        images,
        unhealthy,
        healthy,
        not_applicable: images - pending - unhealthy - healthy,
        unsupported: row.count(5)?,
        pending,
        findings: findings.filter(|(_, count)| *count > 0).collect(),
        patchable: (6..BUCKETS).map(active).sum(),
        hidden: u64::try_from(hidden.0[..6].iter().sum::<i64>()).unwrap_or_default(),
        first_assessed: first_assessed.map(Timestamp),
        last_changed: last_changed.map(|at| Timestamp(at.max(rules_changed.unwrap_or(at)))),
    })
}
