//! Sub-assessments as rows.

use std::collections::HashMap;

use plimsoll_query::{Scan, Test, Value};
use plimsoll_store::{FindingCursor, FindingFilter, FindingGroup, Registry, RegistryId};
use plimsoll_types::Generation;
use serde_json::{Map, json};

use super::super::tables::{
    ASSESSED, CODE, CVE, DETAILS_SEVERITY, DIGEST, FINDING, HOST, REPOSITORY, SEVERITY, TEXT_COLUMNS,
    VULNERABILITY, assessed,
};
use super::{Columns, Sources, columns, may_hold};
use crate::call::Call;
use crate::error::Error;
use crate::exemptions::Exemptions;
use crate::shapes::{SubAssessment, TENANT, status_of_group};

/// What a caller needs to see findings of a registry.
const READ: &str = "Microsoft.Security/assessments/subAssessments/read";

/// The findings that a scan wants: registry by registry, generation by generation, each in the order of its rows.
pub(super) struct Findings<'s> {
    parts: Vec<(Generation, &'s Registry)>,
    filter: FindingFilter,
    exemptions: Exemptions,
    after: Option<FindingCursor>,
}

impl<'s> Findings<'s> {
    pub(super) async fn open(sources: &'s Sources, call: &Call<'_>, scan: &Scan) -> Result<Self, Error> {
        call.web.store.settle_rules(call.now).await?;
        let exemptions = Exemptions::load(&call.web.store).await?;
        let holds = |path: &str, value: &str| may_hold(scan, path, &Value::text(value));
        let readable = |registry: &&Registry| {
            let scope = &registry.scope;
            holds("subscriptionId", &scope.subscription)
                && holds("resourceGroup", &scope.resource_group.to_ascii_lowercase())
                && holds("location", "global")
                && scope.registry_id().parse().is_ok_and(|id| call.may(READ, &id))
        };
        let registries: Vec<&Registry> = sources.registries.iter().filter(readable).collect();
        let mut parts: Vec<(Generation, &Registry)> = Vec::new();
        for generation in sources.generations() {
            let host = HOST[generation as usize - 1];
            let wanted = registries.iter().filter(|registry| {
                holds(ASSESSED, assessed(generation)) && holds(host, &registry.scope.registry_host)
            });
            parts.extend(wanted.map(|registry| (generation, *registry)));
        }
        // The first part stands at the end, from where it is taken.
        parts.reverse();
        Ok(Self { parts, filter: narrowed(scan), exemptions, after: None })
    }

    /// Up to `n` rows; nothing where there are no more. Rows that the store could not leave out are among them.
    pub(super) async fn next(&mut self, call: &Call<'_>, n: usize) -> Result<Option<Vec<Columns>>, Error> {
        let Some((generation, registry)) = self.parts.last().copied() else { return Ok(None) };
        let n = n.max(1);
        let filter = FindingFilter { generation, registry: Some(registry.id), ..self.filter.clone() };
        let wanted = u32::try_from(n).unwrap_or(u32::MAX);
        let found = call.web.store.findings(&filter, self.after, wanted).await?;
        self.after = found.last().map(|row| row.id);
        if found.len() < n {
            self.parts.pop();
            self.after = None;
        }
        let exempting = self.exemptions.of(&registry.scope, generation, call.now);
        let shown = found.iter().map(|row| {
            let shown = SubAssessment::new(&registry.scope, generation, row).exempted(exempting);
            let shown = serde_json::to_value(shown);
            columns(shown.unwrap_or_default(), FINDING)
        });
        Ok(Some(shown.collect()))
    }

    /// The findings in groups, as far as the scan reads them, with the number of each; nothing where it reads more than the store
    /// can group by.
    pub(super) async fn counted(
        &mut self,
        call: &Call<'_>,
        scan: &Scan,
    ) -> Result<Option<Vec<(Columns, i64)>>, Error> {
        let read: Vec<&str> = scan
            .paths
            .iter()
            .map(|path| &**path)
            .chain(scan.filters.iter().map(|filter| &*filter.path))
            .collect();
        let is_plain = |path: &&str| {
            [SEVERITY, CODE, ASSESSED, DETAILS_SEVERITY].contains(path)
                || HOST.contains(path)
                || TEXT_COLUMNS.contains(path) && !["id", "name"].contains(path)
        };
        let by_repository = read.iter().any(|path| REPOSITORY.contains(path));
        let by_image = read.iter().any(|path| DIGEST.contains(path));
        // Where the store leaves out all but one vulnerability, its name is the same in all rows.
        let vulnerability = self.filter.vulnerability.clone();
        let is_named = |path: &&str| vulnerability.is_some() && [VULNERABILITY, CVE].contains(path);
        let groups = |path: &&str| {
            is_plain(path) || is_named(path) || REPOSITORY.contains(path) || DIGEST.contains(path)
        };
        if !read.iter().all(groups) {
            return Ok(None);
        }
        let mut counted = Vec::new();
        if let Some(vulnerability) = &vulnerability {
            for generation in Generation::ALL {
                let parts = self.parts.iter().filter(|(of, _)| *of == generation);
                let registries: HashMap<RegistryId, &Registry> =
                    parts.map(|(_, registry)| (registry.id, *registry)).collect();
                let ids: Vec<RegistryId> = registries.keys().copied().collect();
                let store = &call.web.store;
                let groups =
                    store.finding_groups_of(vulnerability, &ids, generation, by_repository, by_image).await?;
                for (id, group) in groups {
                    let Some(registry) = registries.get(&id) else { continue };
                    let is_exempt = self.exemptions.of(&registry.scope, generation, call.now).is_some();
                    let mut row = row_of(&group, generation, registry, is_exempt);
                    name(&mut row, vulnerability, generation);
                    counted.push((row, i64::try_from(group.count).unwrap_or(i64::MAX)));
                }
            }
            self.parts.clear();
            return Ok(Some(counted));
        }
        for (generation, registry) in std::mem::take(&mut self.parts) {
            let store = call.web.store.in_registry(registry.id);
            let filter = FindingFilter { generation, ..self.filter.clone() };
            let is_exempt = self.exemptions.of(&registry.scope, generation, call.now).is_some();
            for group in store.finding_groups(&filter, by_repository, by_image).await? {
                let count = i64::try_from(group.count).unwrap_or(i64::MAX);
                counted.push((row_of(&group, generation, registry, is_exempt), count));
            }
        }
        Ok(Some(counted))
    }
}

/// What the store can leave out itself: all but one repository, one image, or one vulnerability.
fn narrowed(scan: &Scan) -> FindingFilter {
    let only = |path: &str| {
        scan.filters.iter().filter(|filter| *filter.path == *path).find_map(|filter| match &filter.test {
            Test::Text { values, fold: false, negated: false } if values.len() == 1 => {
                values.first().cloned()
            }
            _ => None,
        })
    };
    let mut filter = FindingFilter::default();
    for (repository, digest) in REPOSITORY.into_iter().zip(DIGEST) {
        filter.repository = filter.repository.or_else(|| only(repository)?.parse().ok());
        filter.image = filter.image.or_else(|| only(digest)?.parse().ok());
    }
    let vulnerability = only(VULNERABILITY).or_else(|| only(CVE)).filter(|id| !id.is_empty());
    filter.vulnerability = vulnerability.map(|id| id.as_ref().to_owned());
    filter
}

/// Says in a row which vulnerability it is about, where [`SubAssessment`] does.
fn name(row: &mut Columns, vulnerability: &str, generation: Generation) {
    let Some(properties) = row.get_mut("properties") else { return };
    properties["id"] = vulnerability.into();
    if generation == Generation::Second {
        let details = &mut properties["additionalData"]["vulnerabilityDetails"];
        if !details.is_object() {
            *details = json!({});
        }
        details["cveId"] = vulnerability.into();
    }
}

/// The part of a row that all rows of a group have in common; it is at the places where [`SubAssessment`] has it.
fn row_of(group: &FindingGroup, generation: Generation, registry: &Registry, is_exempt: bool) -> Columns {
    let status = status_of_group(generation, group, is_exempt);
    let mut data = json!({"assessedResourceType": assessed(generation)});
    let own = match generation {
        Generation::First => &mut data,
        Generation::Second => {
            if let Some(severity) = group.severity {
                data["vulnerabilityDetails"] = json!({"severity": generation.severity(severity)});
            }
            data["artifactDetails"] = json!({});
            &mut data["artifactDetails"]
        }
    };
    own["registryHost"] = registry.scope.registry_host.as_str().into();
    if let Some(repository) = &group.repository {
        own["repositoryName"] = repository.as_str().into();
    }
    if let Some(digest) = &group.digest {
        let key = if generation == Generation::First { "imageDigest" } else { "digest" };
        own[key] = digest.as_str().into();
    }
    let mut row = Map::new();
    row.insert("type".into(), FINDING.into());
    row.insert("tenantId".into(), TENANT.into());
    row.insert("location".into(), "global".into());
    row.insert("subscriptionId".into(), registry.scope.subscription.as_str().into());
    row.insert("resourceGroup".into(), registry.scope.resource_group.to_ascii_lowercase().into());
    row.insert("properties".into(), json!({"status": status, "additionalData": data}));
    row
}
