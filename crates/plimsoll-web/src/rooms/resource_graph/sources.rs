//! Where the rows come from: findings out of the store, everything else out of what the other rooms list.
//!
//! A row is never shaped here a second time. What REST lists is asked for within the process, as the same caller
//! ([`crate::within`]), and becomes a row with the columns that the tables have; so the caller sees in a query what he sees in
//! a list, and nothing else. Findings, of which there may be millions, come from the store in batches, through the same
//! shape as REST's; where a query only counts them, the store counts.

mod findings;
mod logs;

use std::collections::{BTreeSet, HashMap, VecDeque};

use plimsoll_query::{Row, Scan, Value};
use plimsoll_store::Registry;
use plimsoll_types::ResourceId;
use serde_json::{Map, Value as Json, json};

use super::request::Asked;
use super::tables::{
    ALERT, ASSESSMENT, CONTAINERS, CONTROL, FINDING, GROUP, PRICING, QUERY, REGISTRY, REPLICATION, RESOURCES,
    SCORE, SUBSCRIPTION, TEXT_COLUMNS, WEBHOOK,
};
use super::{Settings, saved};
use crate::call::Call;
use crate::error::Error;
use crate::shapes::TENANT;
use findings::Findings;
use logs::Logs;
use plimsoll_types::Generation;

/// Rows that are handed over at once.
const BATCH: usize = 500;

/// What one request may read.
pub(super) struct Sources {
    /// Ids of subscriptions, in the case in which they are kept.
    subscriptions: Vec<String>,
    registries: Vec<Registry>,
    /// The kept queries that the text names, by their ids in lower case.
    pub(super) saved: HashMap<String, String>,
    settings: Settings,
}

/// The rows of one scan.
pub(super) struct Source<'s> {
    scan: Scan,
    ready: VecDeque<Row>,
    findings: Option<Findings<'s>>,
    logs: Option<Logs<'s>>,
    left: u64,
}

/// The columns of a row, as JSON.
type Columns = Map<String, Json>;

impl Sources {
    /// What this caller may read, within what the request names. Fails where that is nothing of it.
    pub(super) async fn open(call: &Call<'_>, asked: &Asked) -> Result<Self, Error> {
        let listed = crate::within(call, "/subscriptions?api-version=2022-12-01").await?;
        let mut subscriptions: Vec<String> = listed
            .iter()
            .filter_map(|subscription| Some(subscription["subscriptionId"].as_str()?.to_owned()))
            .collect();
        if let Some(named) = &asked.subscriptions {
            subscriptions.retain(|id| named.binary_search(&id.to_ascii_lowercase()).is_ok());
            if subscriptions.is_empty() {
                let message = "the caller may see none of the subscriptions that the query names, or they are not there";
                return Err(Error::access_denied(message));
            }
        }
        let within: BTreeSet<String> = subscriptions.iter().map(|id| id.to_ascii_lowercase()).collect();
        let mut registries = call.web.store.registries().await?;
        registries.retain(|registry| within.contains(&registry.scope.subscription.to_ascii_lowercase()));
        let saved = saved::named_in(call, &asked.query).await?;
        Ok(Self { subscriptions, registries, saved, settings: call.settings })
    }

    /// The rows of a scan.
    pub(super) async fn scan(&self, call: &Call<'_>, scan: Scan) -> Result<Source<'_>, Error> {
        if let Ok(table) = scan.table.parse() {
            let left = scan.limit.unwrap_or(u64::MAX);
            let logs = Some(Logs::open(self, call, table, &scan));
            return Ok(Source { ready: VecDeque::new(), findings: None, logs, scan, left });
        }
        let mut rows = Vec::new();
        let mut findings = None;
        let kinds: &[&str] = match &*scan.table {
            RESOURCES => &[REGISTRY, WEBHOOK, REPLICATION, QUERY],
            CONTAINERS => &[SUBSCRIPTION, GROUP],
            _ => &[ASSESSMENT, PRICING, SCORE, CONTROL, ALERT, FINDING],
        };
        for kind in kinds.iter().filter(|kind| may_hold(&scan, "type", &Value::text(kind))) {
            if *kind == FINDING {
                findings = Some(Findings::open(self, call, &scan).await?);
                continue;
            }
            let listed = self.listed(call, kind, &scan).await?;
            rows.extend(listed.into_iter().map(|row| columns(row, kind)).filter(|row| passes(&scan, row)));
        }
        let left = scan.limit.unwrap_or(u64::MAX);
        let mut source = Source {
            ready: rows.iter().map(|row| projected(&scan, row)).collect(),
            findings,
            logs: None,
            scan,
            left,
        };
        if source.scan.grouped {
            source.group(call).await?;
        }
        Ok(source)
    }

    /// What REST lists of a type, in the scopes of the request.
    async fn listed(&self, call: &Call<'_>, kind: &str, scan: &Scan) -> Result<Vec<Json>, Error> {
        let in_subscriptions = |path: &str| -> Vec<String> {
            let wanted =
                self.subscriptions.iter().filter(|id| may_hold(scan, "subscriptionId", &Value::text(id)));
            wanted.map(|id| format!("/subscriptions/{id}{path}")).collect()
        };
        let on_registries = |path: &str| -> Vec<String> {
            let wanted = self.registries.iter().filter(|registry| {
                may_hold(scan, "subscriptionId", &Value::text(&registry.scope.subscription))
            });
            wanted.map(|registry| format!("{}{path}", registry.scope.registry_id())).collect()
        };
        let security = "/providers/Microsoft.Security";
        let paths = match kind {
            ASSESSMENT => {
                on_registries(&format!("{security}/assessments?api-version=2021-06-01&$expand=metadata"))
            }
            PRICING => in_subscriptions(&format!("{security}/pricings?api-version=2024-01-01")),
            SCORE => in_subscriptions(&format!("{security}/secureScores?api-version=2020-01-01")),
            CONTROL => in_subscriptions(&format!(
                "{security}/secureScoreControls?api-version=2020-01-01&$expand=definition"
            )),
            ALERT => in_subscriptions(&format!("{security}/alerts?api-version=2022-01-01")),
            REGISTRY => on_registries("?api-version=2025-11-01"),
            WEBHOOK => on_registries("/webhooks?api-version=2025-11-01"),
            REPLICATION => on_registries("/replications?api-version=2025-11-01"),
            QUERY => in_subscriptions("/providers/Microsoft.ResourceGraph/queries?api-version=2021-03-01"),
            SUBSCRIPTION => in_subscriptions("?api-version=2022-12-01"),
            GROUP => in_subscriptions("/resourceGroups?api-version=2022-09-01"),
            _ => Vec::new(),
        };
        let mut rows = Vec::new();
        for path in paths {
            rows.extend(crate::within(call, &path).await?);
        }
        if kind == ASSESSMENT {
            rows.retain(|row| self.generations().any(|generation| row["name"] == generation.key()));
        }
        Ok(rows)
    }

    /// The generations whose rows the tables hold.
    fn generations(&self) -> impl Iterator<Item = Generation> {
        let both = self.settings.both_generations;
        Generation::ALL.into_iter().filter(move |generation| both || *generation == Generation::Second)
    }
}

impl Source<'_> {
    /// The next rows, or that there are no more.
    pub(super) async fn next(&mut self, call: &Call<'_>) -> Result<Option<Vec<Row>>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.ready.is_empty() {
            if let Some(logs) = &mut self.logs {
                let Some(rows) = logs.next(call, BATCH).await? else { return Ok(None) };
                let passes = |row: &&logs::Logged| {
                    self.scan.filters.iter().all(|filter| filter.test.admits(&row.cell(&filter.path)))
                };
                let projected =
                    |row: &logs::Logged| self.scan.paths.iter().map(|path| row.cell(path)).collect();
                self.ready.extend(rows.iter().filter(passes).map(projected));
                continue;
            }
            let Some(findings) = &mut self.findings else { return Ok(None) };
            let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH);
            match findings.next(call, wanted).await? {
                Some(rows) => {
                    let passing = rows.iter().filter(|row| passes(&self.scan, row));
                    self.ready.extend(passing.map(|row| projected(&self.scan, row)));
                }
                None => self.findings = None,
            }
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH).min(self.ready.len());
        self.left -= count as u64;
        Ok(Some(self.ready.drain(..count).collect()))
    }

    /// Turns the rows into groups with their counts.
    async fn group(&mut self, call: &Call<'_>) -> Result<(), Error> {
        let mut groups = Groups::default();
        self.ready.drain(..).for_each(|row| groups.add(row, 1));
        if let Some(mut findings) = self.findings.take() {
            match findings.counted(call, &self.scan).await? {
                Some(counted) => {
                    for (row, count) in counted.iter().filter(|(row, _)| passes(&self.scan, row)) {
                        groups.add(projected(&self.scan, row), *count);
                    }
                }
                None => {
                    while let Some(rows) = findings.next(call, BATCH).await? {
                        let passing = rows.iter().filter(|row| passes(&self.scan, row));
                        passing.for_each(|row| groups.add(projected(&self.scan, row), 1));
                    }
                }
            }
        }
        self.ready = groups.rows.into();
        Ok(())
    }
}

/// Rows, each once, with how often.
#[derive(Default)]
struct Groups {
    places: HashMap<String, usize>,
    rows: Vec<Row>,
}

impl Groups {
    fn add(&mut self, mut row: Row, count: i64) {
        let key = format!("{row:?}");
        let place = *self.places.entry(key).or_insert(self.rows.len());
        match self.rows.get_mut(place).and_then(|row| row.last_mut()) {
            Some(Value::Long(sum)) => *sum += count,
            _ => {
                row.push(Value::Long(count));
                self.rows.push(row);
            }
        }
    }
}

/// Whether a scan may want rows that hold this.
fn may_hold(scan: &Scan, path: &str, value: &Value) -> bool {
    scan.filters.iter().filter(|filter| *filter.path == *path).all(|filter| filter.test.admits(value))
}

fn passes(scan: &Scan, row: &Columns) -> bool {
    scan.filters.iter().all(|filter| filter.test.admits(&cell(row, &filter.path)))
}

fn projected(scan: &Scan, row: &Columns) -> Row {
    scan.paths.iter().map(|path| cell(row, path)).collect()
}

/// What a row holds at a path. A column of texts is never empty-handed.
fn cell(row: &Columns, path: &str) -> Value {
    let mut parts = path.split('.');
    let column = parts.next().unwrap_or_default();
    let found = parts.try_fold(row.get(column), |at, part| at.map(|at| at.get(part))).flatten();
    match found {
        None | Some(Json::Null) if TEXT_COLUMNS.contains(&path) => Value::text(""),
        None => Value::Null,
        Some(value) => Value::from(value.clone()),
    }
}

/// The columns of what REST shows. Types are in lower case, as Azure keeps them.
fn columns(shown: Json, kind: &str) -> Columns {
    let Json::Object(mut row) = shown else { return Columns::new() };
    let id = row.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    if kind == SUBSCRIPTION {
        as_container(&mut row);
    }
    if kind == ASSESSMENT
        && let Some(links) = row.get_mut("properties").and_then(|properties| properties.get_mut("links"))
        && let Some(link) = links.get("azurePortalUri").cloned()
    {
        // REST says azurePortalUri, and published queries read azurePortal.
        links["azurePortal"] = link;
    }
    let parsed: Option<ResourceId> = id.parse().ok();
    let part = |part: Option<&str>| Json::from(part.unwrap_or_default());
    let group = parsed.as_ref().and_then(ResourceId::resource_group).map(str::to_ascii_lowercase);
    let is_security = kind.starts_with("microsoft.security/");
    row.insert("type".into(), kind.into());
    row.insert("tenantId".into(), TENANT.into());
    row.insert("resourceGroup".into(), part(group.as_deref()));
    row.insert("subscriptionId".into(), part(parsed.as_ref().and_then(ResourceId::subscription)));
    if is_security || !row.contains_key("location") {
        row.insert("location".into(), if is_security { "global" } else { "" }.into());
    }
    row
}

/// A subscription has its name for people as its name, and the rest below `properties`, with the groups above it.
fn as_container(row: &mut Columns) {
    let root = json!({"name": TENANT, "displayName": "Tenant Root Group"});
    let properties = json!({
        "state": row.get("state").cloned().unwrap_or_default(),
        "managementGroupAncestorsChain": [root],
    });
    row.insert("properties".into(), properties);
    if let Some(name) = row.get("displayName").cloned() {
        row.insert("name".into(), name);
    }
}
