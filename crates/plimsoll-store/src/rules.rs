//! Disable rules: what they hit, and how many findings of which image they hide.
//!
//! A rule's document is a resource like any other. While it holds, it has a row in `rules`, and what it hits is written
//! down: matches in `rule_matches`, and images in `rule_images` where it has conditions on the image. Whoever reads asks
//! only for these rows, so that hiding a finding costs nothing when it is read, and a rule that ends takes its
//! rows along.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_types::inventory::Distro;
use plimsoll_types::{Generation, InstalledPackage, Match, ResourceId, Rule, Severity, Timestamp};
use serde_json::Value;

use crate::database::{Arg, MAX_CONFLICTS, Tx, args, step_aside};
use crate::packages::{PACKAGE_COLUMNS, package_at};
use crate::resources::write_resource;
use crate::scans::write_fact;
use crate::summaries::{Counts, columns, sums};
use crate::{Error, ErrorKind, FindingId, RegistryId, Result, Store};

/// Rules that hold at once.
const MAX_RULES: u64 = 1000;
/// Rows that are looked through together.
const PAGE: i64 = 5_000;
/// Ids that are looked for by pattern; with more, all matches are looked through.
const MAX_PATTERNS: usize = 20;

/// A rule as a finding names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hiding {
    /// The rule.
    pub rule: ResourceId,
    /// Why it hides.
    pub reason: String,
    /// Who says so.
    pub author: String,
    /// When it ends.
    pub expires_on: Option<Timestamp>,
}

/// What a rule would hide.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preview {
    /// Findings that it hits, under one of its recommendations.
    pub findings: u64,
    /// Those of them that other rules do not hide already.
    pub newly_hidden: u64,
    /// Images with a finding that it hits.
    pub images: u64,
    /// Images of which it would leave no finding.
    pub images_left_clean: u64,
    /// Findings that it hits by severity, worst first.
    pub by_severity: Vec<(Severity, u64)>,
    /// Findings that it hits and that have a fix.
    pub patchable: u64,
    /// The first of them.
    pub examples: Vec<FindingId>,
}

/// Does a transaction, and does it anew where the database undid it because of another one. A macro, since a closure that
/// is asynchronous and borrows cannot be sent between threads.
macro_rules! again {
    ($attempt:expr) => {{
        let mut conflicts = 0;
        loop {
            match $attempt.await {
                Err(error) if Error::is_conflict(&error) && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    step_aside(conflicts).await;
                }
                result => break result,
            }
        }
    }};
}

impl Store {
    /// Stores a rule, and hides from now on what it hits: one transaction. Its scope is what its id hangs on: the tenant, a
    /// management group, a subscription, a resource group or a registry. Gives whether it is new.
    pub async fn put_rule(&self, id: &ResourceId, body: &Value, rule: &Rule, now: Timestamp) -> Result<bool> {
        let place = Place::of(id)?;
        again!(async {
            let mut tx = self.db.begin("store a rule").await?;
            tx.lock_counts(true).await?;
            let is_new = write_resource(&mut tx, id, body, now).await?;
            apply(&mut tx, id, &place, Some((body, rule)), now).await?;
            tx.commit().await?;
            Ok(is_new)
        })
    }

    /// Removes a rule; what it alone hid comes back. `false` where there was none.
    pub async fn delete_rule(&self, id: &ResourceId, now: Timestamp) -> Result<bool> {
        let place = Place::of(id)?;
        again!(async {
            let mut tx = self.db.begin("delete a rule").await?;
            tx.lock_counts(true).await?;
            let deleted = tx.execute("delete from resources where id = $1", &args![id.key()]).await?;
            apply(&mut tx, id, &place, None, now).await?;
            tx.commit().await?;
            Ok(deleted > 0)
        })
    }

    /// Ends the rules whose time has come. To be called before anything is read that rules change; it costs one look into
    /// an index where there is nothing to do. Gives how many ended.
    pub async fn settle_rules(&self, now: Timestamp) -> Result<u64> {
        let sql = "select written_id from rules where expires_at <= $1 order by id";
        let mut ended = 0;
        for row in self.db.all("look for rules that end", sql, &args![now]).await? {
            let id: ResourceId = row.parse(0)?;
            let place = Place::of(&id)?;
            again!(async {
                let mut tx = self.db.begin("end a rule").await?;
                tx.lock_counts(true).await?;
                // Another node may have ended it, or a client prolonged it, meanwhile.
                let sql = "select 1 from rules where resource = $1 and expires_at <= $2";
                if tx.one(sql, &args![id.key(), now]).await?.is_some() {
                    apply(&mut tx, &id, &place, None, now).await?;
                }
                tx.commit().await
            })?;
            ended += 1;
        }
        Ok(ended)
    }

    /// What a rule would hide if it were stored now under this id, with up to `examples` findings.
    ///
    /// A preview is the change itself, which is then not kept: so it cannot say anything else than what happens.
    pub async fn preview_rule(
        &self,
        id: &ResourceId,
        body: &Value,
        rule: &Rule,
        examples: u32,
        now: Timestamp,
    ) -> Result<Preview> {
        let place = Place::of(id)?;
        again!(async {
            let mut tx = self.db.begin("preview a rule").await?;
            tx.lock_counts(true).await?;
            // Against the other rules alone, should it be a change of one that is there.
            apply(&mut tx, id, &place, None, now).await?;
            // Without its end, which may lie in the past.
            let rule = Rule { expires_on: None, ..rule.clone() };
            let row = hold(&mut tx, id, &place, body, &rule).await?;
            let preview = preview(&mut tx, row, &rule, examples).await;
            drop(tx);
            preview
        })
    }

    /// Which of these findings of an image are hidden in a generation, and by which rule; the oldest one is named.
    pub(crate) async fn hiding(
        &self,
        image: i64,
        registry: RegistryId,
        generation: Generation,
        packages: &BTreeSet<i64>,
    ) -> Result<HashMap<(i64, i64), Hiding>> {
        let sql = "select ru.id, rm.package, rm.vulnerability from rule_matches rm join rules ru on ru.id = rm.rule \
            join rule_registries rr on rr.rule = ru.id \
            where rr.registry = $1 and ru.generations in ($2, 3) and (ru.by_image = 0 or exists \
            (select 1 from rule_images ri where ri.rule = ru.id and ri.image = $3)) and rm.package in ({list})";
        let list: Vec<_> = packages.iter().map(|package| Arg::from(*package)).collect();
        let fixed = args![registry.0, generation as i64, image];
        let mut oldest: HashMap<(i64, i64), i64> = HashMap::new();
        for row in self.db.all_in("look for hidden findings", sql, &fixed, &list).await? {
            let rule: i64 = row.get(0)?;
            oldest.entry((row.get(1)?, row.get(2)?)).and_modify(|id| *id = rule.min(*id)).or_insert(rule);
        }
        if oldest.is_empty() {
            return Ok(HashMap::new());
        }
        let mut rules = HashMap::new();
        for row in self.db.all("read the rules", "select id, written_id, body from rules", &[]).await? {
            let rule = read_rule(row.json(2)?)?;
            let (reason, author) = (rule.reason, rule.author);
            let hiding = Hiding { rule: row.parse(1)?, reason, author, expires_on: rule.expires_on };
            rules.insert(row.get::<i64>(0)?, hiding);
        }
        let named = |(finding, rule): ((i64, i64), i64)| Some((finding, rules.get(&rule)?.clone()));
        Ok(oldest.into_iter().filter_map(named).collect())
    }
}

/// Where a rule holds: the keys of subscription, resource group and registry; `None` is everywhere.
struct Place {
    subscription: Option<String>,
    group: Option<String>,
    registry: Option<String>,
}

impl Place {
    fn of(rule: &ResourceId) -> Result<Self> {
        let scope = rule.parent().unwrap_or_else(ResourceId::root);
        let lower = |text: Option<&str>| text.map(str::to_ascii_lowercase);
        let kind = scope.kind();
        let registry = match kind.as_str() {
            ""
            | "microsoft.management/managementgroups"
            | "microsoft.resources/subscriptions"
            | "microsoft.resources/subscriptions/resourcegroups" => None,
            "microsoft.containerregistry/registries" => lower(Some(scope.name())),
            _ => {
                let message =
                    format!("a rule cannot hang on {scope}: it is no registry, group or subscription");
                return Err(Error::new(ErrorKind::Misconfigured, message));
            }
        };
        Ok(Self { subscription: lower(scope.subscription()), group: lower(scope.resource_group()), registry })
    }
}

/// Takes the rows of a rule away, and writes those of its new form, if it has one that holds now.
async fn apply(
    tx: &mut Tx,
    id: &ResourceId,
    place: &Place,
    new: Option<(&Value, &Rule)>,
    now: Timestamp,
) -> Result<()> {
    let old = tx.one("select id from rules where resource = $1", &args![id.key()]).await?;
    if let Some(row) = old {
        let old: i64 = row.get(0)?;
        let sql = "insert into touched_matches (package, vulnerability) \
            select package, vulnerability from rule_matches where rule = $1";
        tx.execute(sql, &args![old]).await?;
        add_hidden(tx, -1).await?;
        for sql in [
            "delete from rule_matches where rule = $1",
            "delete from rule_images where rule = $1",
            "delete from rules where id = $1",
        ] {
            tx.execute(sql, &args![old]).await?;
        }
        // What other rules hide as well stays hidden.
        add_hidden(tx, 1).await?;
        tx.execute("delete from touched_matches", &[]).await?;
        write_fact(tx, "rules-changed-at", now.0).await?;
    }
    if let Some((body, rule)) = new.filter(|(_, rule)| rule.is_active(now)) {
        hold(tx, id, place, body, rule).await?;
        write_fact(tx, "rules-changed-at", now.0).await?;
    }
    Ok(())
}

/// Takes the rows of rules away whose documents went with a registry. It had their images; nothing is to be counted.
pub(crate) async fn forget_rules_without_document(tx: &mut Tx) -> Result<()> {
    let sql = "delete from rules where not exists (select 1 from resources r where r.id = rules.resource) returning id";
    for row in tx.all(sql, &[]).await? {
        let rule: i64 = row.get(0)?;
        tx.execute("delete from rule_matches where rule = $1", &args![rule]).await?;
        tx.execute("delete from rule_images where rule = $1", &args![rule]).await?;
    }
    Ok(())
}

/// Writes the rows of a rule that has none, and counts what it hides. Gives its row.
async fn hold(tx: &mut Tx, id: &ResourceId, place: &Place, body: &Value, rule: &Rule) -> Result<i64> {
    let count = tx.one("select count(*) from rules", &[]).await?;
    if count.map(|row| row.count(0)).transpose()?.unwrap_or_default() >= MAX_RULES {
        let message = format!("there are {MAX_RULES} rules, no more are taken");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    let hits = hits(tx, rule).await?;
    let pairs: Vec<Arg<'_>> = hits.iter().flat_map(|(package, flaw)| args![*package, *flaw]).collect();
    tx.insert("insert into touched_matches (package, vulnerability) values {rows}", 2, &pairs).await?;
    add_hidden(tx, -1).await?;

    let sql = "insert into rules (resource, written_id, generations, subscription, resource_group, registry, \
        by_image, expires_at, body) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id";
    let values = args![
        id.key(),
        id.as_str(),
        rule.generation_bits(),
        place.subscription.clone(),
        place.group.clone(),
        place.registry.clone(),
        i64::from(rule.criteria.has_image_conditions()),
        rule.expires_on,
        body.to_string(),
    ];
    let row = tx.one(sql, &values).await?.ok_or_else(|| Error::corrupt("the rule was not kept"))?;
    let row: i64 = row.get(0)?;
    let sql = "insert into rule_matches (rule, package, vulnerability) \
        select cast($1 as bigint), package, vulnerability from touched_matches";
    tx.execute(sql, &args![row]).await?;
    if rule.criteria.has_image_conditions() {
        write_images(tx, row, rule, None).await?;
    }
    add_hidden(tx, 1).await?;
    tx.execute("delete from touched_matches", &[]).await?;
    Ok(row)
}

/// The matches of the store that a rule hits.
async fn hits(tx: &mut Tx, rule: &Rule) -> Result<Vec<(i64, i64)>> {
    // The database leaves out most of what does not fit; the rule itself decides.
    let criteria = &rule.criteria;
    let mut conditions = "m.listed = 1 and (m.package, m.vulnerability) > ($1, $2)".to_owned();
    let mut values: Vec<Arg<'_>> = args![0_i64, 0_i64, PAGE].to_vec();
    if let Some(limit) = criteria.severity_below.into_iter().chain(criteria.severity_at_or_below).min() {
        conditions.push_str(&format!(" and m.severity between 1 and {}", limit.rank()));
    }
    match criteria.patchable {
        Some(true) => conditions.push_str(" and m.fixed_version is not null"),
        Some(false) => conditions.push_str(" and m.fixed_version is null"),
        None => {}
    }
    for ids in [&criteria.cves, &criteria.finding_ids] {
        if (1..=MAX_PATTERNS).contains(&ids.len()) {
            let patterns = ids.iter().map(|id| {
                values.push(format!("%{id}%").into());
                format!("lower(m.doc) like ${}", values.len())
            });
            let patterns = patterns.collect::<Vec<_>>().join(" or ");
            conditions.push_str(&format!(" and ({patterns})"));
        }
    }
    let names: Option<Vec<&str>> = criteria.packages.iter().map(|name| name.literal()).collect();
    if let Some(names) = names.filter(|names| (1..=MAX_PATTERNS).contains(&names.len())) {
        let names = names.into_iter().map(|name| {
            values.push(name.into());
            format!("${}", values.len())
        });
        let names = names.collect::<Vec<_>>().join(", ");
        conditions.push_str(&format!(" and p.name in ({names})"));
    }
    let sql = format!(
        "select m.vulnerability, m.doc, {PACKAGE_COLUMNS} from matches m join packages p on p.id = m.package \
        where {conditions} order by m.package, m.vulnerability limit $3"
    );
    let mut hits = Vec::new();
    loop {
        let rows = tx.all(sql.clone(), &values).await?;
        for row in &rows {
            if rule.hides_match(&package_at(row, 4)?, &read_match(row.json(1)?)?) {
                hits.push((row.get(2)?, row.get(0)?));
            }
        }
        let Some(last) = rows.last().filter(|_| rows.len() as i64 == PAGE) else { return Ok(hits) };
        values[0] = last.get::<i64>(2)?.into();
        values[1] = last.get::<i64>(0)?.into();
    }
}

/// Writes down which images of its registries a rule's conditions on the image fit; with `content`, only of this one.
async fn write_images(tx: &mut Tx, row: i64, rule: &Rule, content: Option<i64>) -> Result<()> {
    let mut conditions = "rr.rule = $1 and s.image > $2".to_owned();
    let mut values: Vec<Arg<'_>> = args![row, 0_i64, PAGE].to_vec();
    if let Some(content) = content {
        values.push(content.into());
        conditions.push_str(" and s.content = $4");
    }
    let sql = format!(
        "select s.image, r.name, l.digest, i.distro from rule_registries rr \
        join image_summaries s on s.registry = rr.registry join repository_manifests l on l.id = s.image \
        join repositories r on r.id = s.repository join images i on i.id = s.content \
        where {conditions} order by s.image limit $3"
    );
    loop {
        let rows = tx.all(sql.clone(), &values).await?;
        let mut fitting = Vec::new();
        for found in &rows {
            let os_version = found.json::<Distro>(3)?.map(|distro| distro.os_version());
            if rule.hides_in_image(&found.parse(1)?, &found.parse(2)?, os_version.as_deref()) {
                fitting.extend(args![row, found.get::<i64>(0)?]);
            }
        }
        tx.insert("insert into rule_images (rule, image) values {rows}", 2, &fitting).await?;
        let Some(last) = rows.last().filter(|_| rows.len() as i64 == PAGE) else { return Ok(()) };
        values[1] = last.get::<i64>(0)?.into();
    }
}

/// The generations as rows.
const GENERATIONS: &str = "(select 1 as generation union all select 2) k";

/// Adds what rules hide of the matches in `touched_matches` to the counts of images, `sign` times.
///
/// First the rules without conditions on the image: what they hide is summed up by package version before the images come
/// in. Then, image by image, what only the others hide.
async fn add_hidden(tx: &mut Tx, sign: i64) -> Result<()> {
    let sql = "select coalesce(min(ru.by_image), -1), coalesce(max(ru.by_image), -1) from rules ru where exists \
        (select 1 from touched_matches w join rule_matches rm on rm.package = w.package \
        and rm.vulnerability = w.vulnerability where rm.rule = ru.id)";
    let Some(row) = tx.one(sql, &[]).await? else { return Ok(()) };
    let (least, most): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (names, sums) = (columns(", ", str::to_owned), sums());
    let signed = columns(", ", |name| format!("{sign} * v.{name}"));
    let signed_sum = columns(", ", |name| format!("{sign} * cast(sum(v.{name}) as bigint)"));
    let upsert = columns(", ", |name| format!("{name} = image_hidden.{name} + excluded.{name}"));
    if least == 0 {
        let sql = format!(
            "insert into image_hidden (image, generation, {names}) \
            select s.image, v.generation, {signed_sum} from (select d.package, d.registry, d.generation, {sums} from \
            (select distinct w.package, w.vulnerability, rr.registry, k.generation from touched_matches w \
            join rule_matches rm on rm.package = w.package and rm.vulnerability = w.vulnerability \
            join rules ru on ru.id = rm.rule and ru.by_image = 0 join rule_registries rr on rr.rule = ru.id \
            join {GENERATIONS} on ru.generations in (k.generation, 3)) d \
            join matches m on m.package = d.package and m.vulnerability = d.vulnerability and m.listed = 1 \
            group by d.package, d.registry, d.generation) v \
            join image_packages ip on ip.package = v.package \
            join image_summaries s on s.content = ip.image and s.registry = v.registry \
            group by s.image, v.generation on conflict (image, generation) do update set {upsert}"
        );
        tx.execute(sql, &[]).await?;
    }
    if most == 1 {
        let sql = format!(
            "insert into image_hidden (image, generation, {names}) \
            select v.image, v.generation, {signed} from (select d.image, d.generation, {sums} from \
            (select distinct s.image, k.generation, w.package, w.vulnerability from touched_matches w \
            join rule_matches rm on rm.package = w.package and rm.vulnerability = w.vulnerability \
            join rules ru on ru.id = rm.rule and ru.by_image = 1 \
            join image_packages ip on ip.package = w.package join image_summaries s on s.content = ip.image \
            join rule_images ri on ri.rule = ru.id and ri.image = s.image \
            join {GENERATIONS} on ru.generations in (k.generation, 3) \
            where not exists (select 1 from rule_matches om join rules oru on oru.id = om.rule \
            join rule_registries orr on orr.rule = oru.id where om.package = w.package \
            and om.vulnerability = w.vulnerability and oru.by_image = 0 and orr.registry = s.registry \
            and oru.generations in (k.generation, 3))) d \
            join matches m on m.package = d.package and m.vulnerability = d.vulnerability and m.listed = 1 \
            group by d.image, d.generation) v where true \
            on conflict (image, generation) do update set {upsert}"
        );
        tx.execute(sql, &[]).await?;
    }
    Ok(())
}

/// Counts anew what rules hide of one image, whose packages or distribution may have changed.
pub(crate) async fn refresh_image(tx: &mut Tx, content: i64) -> Result<()> {
    let rules = active(tx).await?;
    if rules.is_empty() {
        return Ok(());
    }
    for table in ["image_hidden", "rule_images"] {
        let sql = format!(
            "delete from {table} where image in (select image from image_summaries where content = $1)"
        );
        tx.execute(sql, &args![content]).await?;
    }
    for (row, rule) in rules.iter().filter(|(_, rule)| rule.criteria.has_image_conditions()) {
        write_images(tx, *row, rule, Some(content)).await?;
    }
    let sql = format!(
        "insert into image_hidden (image, generation, {names}) \
        select d.image, d.generation, {sums} from ({HIT}) d \
        join matches m on m.package = d.package and m.vulnerability = d.vulnerability and m.listed = 1 \
        where true group by d.image, d.generation",
        names = columns(", ", str::to_owned),
        sums = sums(),
        HIT = hit("s.content = $1"),
    );
    tx.execute(sql, &args![content]).await?;
    Ok(())
}

/// The hidden findings that a condition on their images `s` or rules' matches `rm` picks: image, generation, package, vulnerability.
pub(crate) fn hit(condition: &str) -> String {
    format!(
        "select distinct s.image, k.generation, rm.package, rm.vulnerability from image_summaries s \
        join image_packages ip on ip.image = s.content join rule_matches rm on rm.package = ip.package \
        join rules ru on ru.id = rm.rule join rule_registries rr on rr.rule = ru.id and rr.registry = s.registry \
        join {GENERATIONS} on ru.generations in (k.generation, 3) \
        where {condition} and (ru.by_image = 0 or exists \
        (select 1 from rule_images ri where ri.rule = ru.id and ri.image = s.image))"
    )
}

/// The rules that hold, with their rows.
pub(crate) async fn active(tx: &mut Tx) -> Result<Vec<(i64, Rule)>> {
    let rows = tx.all("select id, body from rules order by id", &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, read_rule(row.json(1)?)?))).collect()
}

/// The hidden counts without what is about to change: these matches will be others, or gone.
pub(crate) async fn forget_matches(tx: &mut Tx, pairs: &BTreeSet<(i64, i64)>) -> Result<()> {
    let values: Vec<Arg<'_>> = pairs.iter().flat_map(|(package, flaw)| args![*package, *flaw]).collect();
    tx.insert("insert into touched_matches (package, vulnerability) values {rows}", 2, &values).await?;
    add_hidden(tx, -1).await?;
    let sql = "delete from rule_matches where exists (select 1 from touched_matches w \
        where w.package = rule_matches.package and w.vulnerability = rule_matches.vulnerability)";
    tx.execute(sql, &[]).await?;
    Ok(())
}

/// The hidden counts with what has changed since [`forget_matches`]: the matches that are findings now.
pub(crate) async fn learn_matches(
    tx: &mut Tx,
    rules: &[(i64, Rule)],
    found: &BTreeMap<(i64, i64), &Match>,
) -> Result<()> {
    let packages: BTreeSet<i64> = found.keys().map(|(package, _)| *package).collect();
    let list: Vec<_> = packages.into_iter().map(Arg::from).collect();
    let sql = format!("select {PACKAGE_COLUMNS} from packages p where p.id in ({{list}})");
    let mut packages: HashMap<i64, InstalledPackage> = HashMap::new();
    for row in tx.all_in(&sql, &[], &list).await? {
        packages.insert(row.get(0)?, package_at(&row, 2)?);
    }
    let mut rows = Vec::new();
    for ((package, vulnerability), found) in found {
        let Some(installed) = packages.get(package) else { continue };
        for (rule, _) in rules.iter().filter(|(_, rule)| rule.hides_match(installed, found)) {
            rows.extend(args![*rule, *package, *vulnerability]);
        }
    }
    tx.insert("insert into rule_matches (rule, package, vulnerability) values {rows}", 3, &rows).await?;
    add_hidden(tx, 1).await?;
    tx.execute("delete from touched_matches", &[]).await?;
    Ok(())
}

async fn preview(tx: &mut Tx, row: i64, rule: &Rule, examples: u32) -> Result<Preview> {
    // One of its recommendations is enough: it hits the same under each.
    let generation = rule.generations.first().copied().unwrap_or_default() as i64;
    let fits = "ru.id = $1 and (ru.by_image = 0 or exists \
        (select 1 from rule_images ri where ri.rule = ru.id and ri.image = s.image))";
    let from = "from rules ru join rule_registries rr on rr.rule = ru.id \
        join rule_matches rm on rm.rule = ru.id join image_packages ip on ip.package = rm.package \
        join image_summaries s on s.content = ip.image and s.registry = rr.registry";
    let others = "exists (select 1 from rule_matches om join rules oru on oru.id = om.rule \
        join rule_registries orr on orr.rule = oru.id where om.package = rm.package \
        and om.vulnerability = rm.vulnerability and om.rule <> ru.id and orr.registry = s.registry \
        and oru.generations in ($2, 3) and (oru.by_image = 0 or exists \
        (select 1 from rule_images ri where ri.rule = oru.id and ri.image = s.image)))";
    let sql = format!(
        "select s.image, {}, cast(sum(case when {others} then 1 else 0 end) as bigint) {from} \
        join matches m on m.package = rm.package and m.vulnerability = rm.vulnerability \
        where {fits} group by s.image",
        sums()
    );
    let mut preview = Preview::default();
    let (mut all, mut hidden_by_others) = (Counts::default(), 0);
    for found in tx.all(sql, &args![row, generation]).await? {
        for (sum, count) in all.0.iter_mut().zip(Counts::read(&found, 1)?.0) {
            *sum += count;
        }
        preview.images += 1;
        hidden_by_others += found.count(13)?;
    }
    let count = |at: usize| u64::try_from(all.0[at]).unwrap_or_default();
    preview.findings = (0..6).map(count).sum();
    preview.newly_hidden = preview.findings - hidden_by_others;
    preview.patchable = (6..12).map(count).sum();
    preview.by_severity =
        (0..6).rev().map(|rank| (Severity::ALL[rank], count(rank))).filter(|(_, count)| *count > 0).collect();
    let sql = format!(
        "select count(*) from image_summaries s join image_hidden h on h.image = s.image and h.generation = $2 \
        where s.state = 1 and {} = {} and {} > 0 and exists (select 1 from rules ru \
        join rule_registries rr on rr.rule = ru.id and rr.registry = s.registry \
        join rule_matches rm on rm.rule = ru.id join image_packages ip on ip.package = rm.package \
        and ip.image = s.content where {fits})",
        crate::summaries::total("s"),
        crate::summaries::total("h"),
        crate::summaries::total("h"),
    );
    let clean = tx.one(sql, &args![row, generation]).await?;
    preview.images_left_clean = clean.map(|row| row.count(0)).transpose()?.unwrap_or_default();
    let sql = format!(
        "select s.image, rm.package, rm.vulnerability {from} where {fits} \
        order by rm.package, rm.vulnerability, s.image limit $2"
    );
    for found in tx.all(sql, &args![row, i64::from(examples.min(1000))]).await? {
        let id = FindingId { image: found.get(0)?, package: found.get(1)?, vulnerability: found.get(2)? };
        preview.examples.push(id);
    }
    Ok(preview)
}

fn read_match(found: Option<Match>) -> Result<Match> {
    found.ok_or_else(|| Error::corrupt("a match without its document"))
}

fn read_rule(body: Option<Value>) -> Result<Rule> {
    Rule::parse(&body.unwrap_or_default())
        .map_err(|error| Error::corrupt("the database holds a rule that is none").because(error))
}
