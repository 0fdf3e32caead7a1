//! Disable rules: what they hide, in lists and in sums, however it came about.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_store::{
    CountBy, CountFilter, ErrorKind, FindingFilter, FindingRow, Group, ImageState, RegistryId,
    RegistrySummary, Store, Verdict,
};
use plimsoll_types::inventory::Distro;
use plimsoll_types::{
    Cvss, Digest, Generation, InstalledPackage, Match, ResourceId, Rule, Scope, Severity, Status, Timestamp,
};
use serde_json::{Value, json};

use crate::place::{NOW, Place, affected, inventory, layer, name, package};

const SUBSCRIPTION: &str = "/subscriptions/00000000-1111-2222-3333-444444444444";

fn scope(registry: &str) -> Scope {
    Scope {
        subscription: "00000000-1111-2222-3333-444444444444".into(),
        resource_group: "Harbour".into(),
        registry: registry.into(),
        registry_host: format!("{registry}.example"),
    }
}

fn rule_id(scope: &str, name: &str) -> ResourceId {
    format!("{scope}/providers/Plimsoll.Security/disableRules/{name}").parse().unwrap()
}

fn body(criteria: Value) -> Value {
    json!({"properties": {"reason": "accepted", "author": "ada", "criteria": criteria}})
}

async fn put(store: &Store, id: &ResourceId, body: &Value, now: Timestamp) -> Rule {
    let rule = Rule::parse(body).unwrap();
    store.put_rule(id, body, &rule, now).await.unwrap();
    rule
}

async fn all(store: &Store, generation: Generation) -> Vec<FindingRow> {
    let filter = FindingFilter { generation, ..FindingFilter::default() };
    store.findings(&filter, None, 10_000).await.unwrap()
}

/// `repository vulnerability` of each row, with a star where it is hidden.
async fn told(store: &Store, generation: Generation) -> Vec<String> {
    let tell = |row: &FindingRow| {
        let star = if row.hidden.is_some() { "*" } else { "" };
        let flaw = row.finding.as_ref().map_or("-", |(_, found)| &found.vulnerability);
        format!("{} {flaw}{star}", row.image.repository)
    };
    all(store, generation).await.iter().map(tell).collect()
}

/// Two registries with an image each of the same package, which has two flaws.
async fn two_registries(place: &Place) -> [Digest; 2] {
    place.store.ensure_registry(&scope("quay"), &json!({}), NOW).await.unwrap();
    let pier = place.store.put_registry(&scope("pier"), &json!({}), NOW).await.unwrap().0;
    let there = Place { store: place.store.in_registry(pier), ..place.again() };
    let first = place.push("app", "v1", &[&layer(1)]).await;
    let second = there.push("web", "v1", &[&layer(2)]).await;
    let flaws = vec![affected("CVE-1", Severity::High), affected("CVE-2", Severity::Low)];
    for image in [&first, &second] {
        place.judge(image, &[(package("curl", "1"), flaws.clone())]).await;
    }
    [first, second]
}

pub(crate) async fn a_rule_hides_what_it_hits_until_it_goes(place: Place) {
    two_registries(&place).await;
    let store = &place.store;
    let before = told(store, Generation::Second).await;
    assert_eq!(before, ["app CVE-1", "app CVE-2", "web CVE-1", "web CVE-2"]);
    let id = rule_id(SUBSCRIPTION, "low");
    let body = body(json!({"severityBelow": "medium"}));
    let rule = Rule::parse(&body).unwrap();
    assert!(store.put_rule(&id, &body, &rule, NOW).await.unwrap(), "it is new");
    assert!(!store.put_rule(&id, &body, &rule, NOW).await.unwrap(), "and then it is not");
    for generation in Generation::ALL {
        assert_eq!(told(store, generation).await, ["app CVE-1", "app CVE-2*", "web CVE-1", "web CVE-2*"]);
    }
    let row = all(store, Generation::Second).await.remove(1);
    let hiding = row.hidden.as_ref().unwrap();
    assert_eq!((&hiding.rule, hiding.reason.as_str(), hiding.author.as_str()), (&id, "accepted", "ada"));
    assert_eq!(store.finding(row.id, Generation::Second).await.unwrap(), Some(row));
    let summary = store.registry_summary(Generation::Second).await.unwrap();
    assert_eq!((summary.findings, summary.hidden, summary.patchable), (vec![(Severity::High, 1)], 1, 1));
    assert!(store.delete_rule(&id, NOW).await.unwrap());
    assert!(!store.delete_rule(&id, NOW).await.unwrap());
    assert_eq!(told(store, Generation::Second).await, before);
    assert_eq!(store.resource(&id).await.unwrap(), None);
}

pub(crate) async fn an_image_of_which_all_is_hidden_counts_as_healthy(place: Place) {
    two_registries(&place).await;
    let store = &place.store;
    let body = body(json!({"cves": "CVE-1;CVE-2"}));
    let id = rule_id(&scope("QUAY").registry_id(), "all");
    put(store, &id, &body, NOW).await;
    let rows = told(store, Generation::First).await;
    assert_eq!(rows, ["app -", "app CVE-1*", "app CVE-2*", "web CVE-1", "web CVE-2"]);
    let healthy = |summary: &RegistrySummary| (summary.healthy, summary.unhealthy);
    let summaries = store.registry_summaries(Generation::First).await.unwrap();
    assert_eq!(summaries.values().map(healthy).collect::<Vec<_>>(), [(1, 0), (0, 1)]);
    // Pages of one row give the same.
    let (mut walked, mut after) = (0, None);
    while let Some(row) = store.findings(&FindingFilter::default(), after, 1).await.unwrap().pop() {
        (walked, after) = (walked + 1, Some(row.id));
    }
    assert_eq!(walked, 5);
    let own = all(store, Generation::First).await.remove(0);
    assert_eq!(store.finding(own.id, Generation::First).await.unwrap(), Some(own));
}

pub(crate) async fn a_rule_hides_under_its_recommendation_and_in_its_scope(place: Place) {
    two_registries(&place).await;
    let store = &place.store;
    let mut body = body(json!({"cves": "CVE-1"}));
    body["properties"]["assessmentKeys"] = json!([Generation::First.key()]);
    let group = format!("{SUBSCRIPTION}/resourceGroups/HARBOUR");
    for (scope, hides) in [
        ("", true),
        ("/providers/Microsoft.Management/managementGroups/all", true),
        (SUBSCRIPTION, true),
        (group.as_str(), true),
        ("/subscriptions/other", false),
        (&format!("{SUBSCRIPTION}/resourceGroups/other"), false),
    ] {
        let id = rule_id(scope, "r");
        put(store, &id, &body, NOW).await;
        assert_eq!(told(store, Generation::First).await.contains(&"web CVE-1*".into()), hides, "{scope}");
        assert!(!told(store, Generation::Second).await.concat().contains('*'), "{scope}");
        store.delete_rule(&id, NOW).await.unwrap();
    }
    let elsewhere = rule_id("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v", "r");
    let error = store.put_rule(&elsewhere, &body, &Rule::parse(&body).unwrap(), NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
}

pub(crate) async fn a_rule_ends_at_its_instant(place: Place) {
    two_registries(&place).await;
    let store = &place.store;
    let mut body = body(json!({"cves": "CVE-1"}));
    body["properties"]["expiresOn"] = json!(NOW.plus_millis(1000).to_string());
    let id = rule_id(SUBSCRIPTION, "r");
    put(store, &id, &body, NOW).await;
    assert_eq!(store.settle_rules(NOW.plus_millis(999)).await.unwrap(), 0);
    assert!(told(store, Generation::Second).await.contains(&"app CVE-1*".into()));
    assert_eq!(store.settle_rules(NOW.plus_millis(1000)).await.unwrap(), 1);
    assert!(!told(store, Generation::Second).await.concat().contains('*'));
    assert!(store.resource(&id).await.unwrap().is_some(), "its document stays");
    put(store, &id, &body, NOW.plus_millis(1000)).await;
    assert!(!told(store, Generation::Second).await.concat().contains('*'), "it ended before it began");
    assert_eq!(store.settle_rules(NOW.plus_millis(2000)).await.unwrap(), 0);
}

pub(crate) async fn a_standing_rule_hides_what_comes_later(place: Place) {
    let [first, _] = two_registries(&place).await;
    let store = &place.store;
    put(store, &rule_id(SUBSCRIPTION, "match"), &body(json!({"packages": "lib*"})), NOW).await;
    let on_image = body(json!({"repositories": "new/*", "osVersions": "debian_11", "cves": "CVE-1"}));
    put(store, &rule_id(SUBSCRIPTION, "image"), &on_image, NOW).await;
    assert!(!told(store, Generation::Second).await.concat().contains('*'));
    // A new image under the rule for images, and a package under the other one.
    let image = place.push("new/app", "v1", &[&layer(9)]).await;
    let curl = (package("curl", "1"), vec![affected("CVE-1", Severity::High)]);
    let libc = (package("libc6", "1"), vec![affected("CVE-7", Severity::High)]);
    place.judge(&image, &[libc.clone(), curl.clone()]).await;
    let rows = told(store, Generation::Second).await;
    assert_eq!(rows[2..], ["new/app -", "new/app CVE-1*", "new/app CVE-7*"]);
    assert!(rows.contains(&"app CVE-1".into()), "the other images are none of its business");
    // An advisory that comes later.
    let known = store.stored_packages(std::slice::from_ref(&libc.0)).await.unwrap();
    let id = known[0].as_ref().unwrap().id;
    let later = vec![affected("CVE-7", Severity::Low), affected("CVE-8", Severity::High)];
    store.save_matches(&[(id, later)], 2, NOW.plus_millis(5)).await.unwrap();
    assert!(told(store, Generation::Second).await.contains(&"new/app CVE-8*".into()));
    // The same content in a repository that the rule for images names.
    let again = place.push("new/copy", "v1", &[&layer(1)]).await;
    assert_eq!(again, first);
    let rows = told(store, Generation::Second).await;
    assert!(rows.contains(&"new/copy CVE-1*".into()) && rows.contains(&"app CVE-1".into()), "{rows:?}");
    // A new scan finds another distribution.
    let other = Distro { id: "debian".into(), version_id: "12".into(), ..Distro::default() };
    judge(&place, &again, other, &[curl], 3).await;
    assert!(told(store, Generation::Second).await.contains(&"new/copy CVE-1".into()));
    is_consistent(store, None).await;
}

pub(crate) async fn a_preview_says_what_a_rule_would_hide_and_hides_nothing(place: Place) {
    two_registries(&place).await;
    let store = &place.store;
    let before = told(store, Generation::Second).await;
    put(store, &rule_id(SUBSCRIPTION, "other"), &body(json!({"packages": "curl", "cves": "CVE-1"})), NOW)
        .await;
    let body = body(json!({"cves": "CVE-1;CVE-2"}));
    let rule = Rule::parse(&body).unwrap();
    let id = rule_id(SUBSCRIPTION, "wide");
    let preview = store.preview_rule(&id, &body, &rule, 3, NOW).await.unwrap();
    assert_eq!((preview.findings, preview.newly_hidden, preview.patchable), (4, 2, 4));
    assert_eq!((preview.images, preview.images_left_clean), (2, 2));
    assert_eq!(preview.by_severity, [(Severity::High, 2), (Severity::Low, 2)]);
    assert_eq!(preview.examples.len(), 3);
    for example in preview.examples {
        assert!(store.finding(example, Generation::Second).await.unwrap().is_some());
    }
    assert_eq!(store.resource(&id).await.unwrap(), None);
    assert_eq!(told(store, Generation::Second).await.concat().matches('*').count(), 2);
    store.delete_rule(&rule_id(SUBSCRIPTION, "other"), NOW).await.unwrap();
    assert_eq!(told(store, Generation::Second).await, before);
    let on_image = json!({"properties": {"reason": "r", "criteria": {"repositories": "web"}}});
    let rule = Rule::parse(&on_image).unwrap();
    let preview = store.preview_rule(&id, &on_image, &rule, 9, NOW).await.unwrap();
    assert_eq!((preview.findings, preview.images, preview.examples.len()), (2, 1, 2));
}

/// A store and its rules change at random. After each step, what SQL says is hidden is what the rules say, finding by
/// finding, and all sums are those of the lists.
pub(crate) async fn what_is_hidden_is_what_the_rules_say(place: Place) {
    for seed in 1..=4 {
        let place = if place.is_embedded() { Place::embedded().await } else { place.again() };
        let mut world = World::new(place, seed).await;
        for _ in 0..40 {
            world.step().await;
            is_consistent(&world.place.store, Some(&world)).await;
        }
        if !world.place.is_embedded() {
            return;
        }
    }
}

struct World {
    place: Place,
    pier: Store,
    random: u64,
    images: Vec<Digest>,
    generation: u64,
    now: Timestamp,
    rules: BTreeMap<ResourceId, Rule>,
}

impl World {
    async fn new(place: Place, seed: u64) -> Self {
        place.store.ensure_registry(&scope("quay"), &json!({}), NOW).await.unwrap();
        let pier = place.store.put_registry(&scope("pier"), &json!({}), NOW).await.unwrap().0;
        let pier = place.store.in_registry(pier);
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { place, pier, random, images: vec![], generation: 1, now: NOW, rules: BTreeMap::new() }
    }

    /// A number below `n` (xorshift).
    fn below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % n
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    async fn step(&mut self) {
        self.now = self.now.plus_millis(1000);
        match self.below(10) {
            0..=2 => {
                let (repository, number) = (self.pick(&["app", "team/web"]), self.below(6));
                let store = if self.below(2) == 0 { self.place.store.clone() } else { self.pier.clone() };
                let there = Place { store, ..self.place.again() };
                let image = there.push(repository, &format!("v{number}"), &[&layer(number)]).await;
                self.images.push(image);
            }
            3..=4 if !self.images.is_empty() => {
                let image = self.pick(&self.images.clone());
                let distro = Distro {
                    id: "alpine".into(),
                    version_id: self.pick(&["3.17.1", "3.18.0"]).into(),
                    ..Distro::default()
                };
                let packages: Vec<_> = (0..self.below(4)).map(|_| self.package()).collect();
                let mut matched = Vec::new();
                for package in packages {
                    let matches = self.matches();
                    matched.push((package, matches));
                }
                judge(&self.place, &image, distro, &matched, self.generation).await;
            }
            5 => {
                let package = self.package();
                let known = self.place.store.stored_packages(&[package]).await.unwrap();
                if let Some(known) = &known[0] {
                    self.generation += 1;
                    let matches = self.matches();
                    let changed = [(known.id, matches)];
                    self.place.store.save_matches(&changed, self.generation, self.now).await.unwrap();
                }
            }
            6 if !self.images.is_empty() => {
                let image = self.pick(&self.images.clone());
                let repository = name(self.pick(&["app", "team/web"]));
                self.place.store.delete_manifest(&repository, &image, self.now).await.unwrap();
            }
            7 if !self.rules.is_empty() => {
                let ids: Vec<_> = self.rules.keys().cloned().collect();
                let id = self.pick(&ids);
                self.place.store.delete_rule(&id, self.now).await.unwrap();
                self.rules.remove(&id);
            }
            8 => {
                let failed = ImageState::Failed("broken".into());
                if let Some(image) = self.images.last() {
                    self.place.store.set_image_state(image, &failed, self.now).await.unwrap();
                }
            }
            _ => {
                let place = self.pick(&[SUBSCRIPTION.to_owned(), scope("quay").registry_id(), String::new()]);
                let number = self.below(3);
                let id = rule_id(&place, &format!("r{number}"));
                let mut body = body(self.criteria());
                if self.below(3) == 0 {
                    body["properties"]["assessmentKeys"] = json!([self.pick(&Generation::ALL).key()]);
                }
                if self.below(3) == 0 {
                    body["properties"]["expiresOn"] = json!(self.now.plus_millis(3500).to_string());
                }
                let rule = put(&self.place.store, &id, &body, self.now).await;
                self.rules.insert(id, rule);
            }
        }
        self.place.store.settle_rules(self.now).await.unwrap();
    }

    fn package(&mut self) -> InstalledPackage {
        package(self.pick(&["curl", "libc6", "libz"]), self.pick(&["1", "2"]))
    }

    fn matches(&mut self) -> Vec<Match> {
        let flaws: BTreeSet<usize> = (0..self.below(4)).map(|_| self.below(6)).collect();
        let make = |flaw: usize| {
            let score = self.below(10) as f64;
            let cvss = Cvss { version: "3.1".into(), vector: String::new(), score, source: String::new() };
            Match {
                status: self.pick(&[Status::Affected, Status::Affected, Status::WillNotFix, Status::Fixed]),
                fixed_version: self.pick(&[None, Some("9".to_owned())]),
                cvss: vec![cvss],
                summary: self.pick(&["heap overflow", "denial of service"]).into(),
                ..affected(&format!("CVE-{flaw}"), self.pick(&Severity::ALL))
            }
        };
        flaws.into_iter().map(make).collect()
    }

    fn criteria(&mut self) -> Value {
        let digest = self.images.last().cloned().unwrap_or_else(|| Digest::sha256(b"none"));
        let choices = [
            ("cves", json!("CVE-1;CVE-2;CVE-5")),
            ("findingIds", json!("DSA-CVE-3;CVE-4")),
            ("categories", json!("debian")),
            ("securityChecks", json!("overflow")),
            ("cvssV3Below", json!(5)),
            ("severityBelow", json!("high")),
            ("severityAtOrBelow", json!("low")),
            ("patchable", json!(self.below(2) == 0)),
            ("fixStatuses", json!("NoFixAvailable;WontFix")),
            ("packages", json!("lib*")),
            ("imageDigests", json!(digest.as_str())),
            ("osVersions", json!("alpine_3.17;debian_11")),
            ("repositories", json!("team/*")),
        ];
        let mut criteria = json!({});
        for _ in 0..1 + self.below(2) {
            let (field, value) = self.pick(&choices);
            criteria[field] = value;
        }
        criteria
    }

    /// Whether a rule hides this row.
    fn hides(&self, row: &FindingRow, generation: Generation) -> bool {
        let Some((package, found)) = &row.finding else { return false };
        let os_version = row.image.distro.as_ref().map(Distro::os_version);
        let registry = if row.image.registry == RegistryId::FIRST { "quay" } else { "pier" };
        let registry: ResourceId = scope(registry).registry_id().parse().unwrap();
        self.rules.iter().any(|(id, rule)| {
            rule.is_active(self.now)
                && rule.generations.contains(&generation)
                && id.parent().unwrap().contains(&registry)
                && rule.hides_match(package, found)
                && rule.hides_in_image(&row.image.repository, &row.image.digest, os_version.as_deref())
        })
    }
}

async fn is_consistent(store: &Store, world: Option<&World>) {
    for generation in Generation::ALL {
        let rows = all(store, generation).await;
        if let Some(world) = world {
            for row in &rows {
                assert_eq!(row.hidden.is_some(), world.hides(row, generation), "{row:?} {:?}", world.rules);
            }
        }
        let mut expected: BTreeMap<RegistryId, (u64, u64, u64, BTreeMap<Severity, u64>)> = BTreeMap::new();
        let mut images: BTreeMap<i64, Vec<&FindingRow>> = BTreeMap::new();
        for row in &rows {
            images.entry(row.id.image).or_default().push(row);
        }
        for rows in images.values() {
            let registry = expected.entry(rows[0].image.registry).or_default();
            let findings: Vec<_> = rows.iter().filter(|row| row.finding.is_some()).collect();
            let active: Vec<_> = findings.iter().filter(|row| row.hidden.is_none()).collect();
            assert_eq!(
                rows.len() - findings.len(),
                usize::from(active.is_empty()),
                "one row of its own, or none"
            );
            let is_judged = rows[0].image.state == ImageState::Done;
            registry.0 += u64::from(is_judged && !active.is_empty());
            registry.1 += (findings.len() - active.len()) as u64;
            for row in active {
                let (_, found) = row.finding.as_ref().unwrap();
                registry.2 += u64::from(found.fixed_version.is_some());
                *registry.3.entry(found.severity).or_default() += 1;
            }
        }
        let summaries = store.registry_summaries(generation).await.unwrap();
        for (registry, summary) in &summaries {
            let (unhealthy, hidden, patchable, findings) = expected.remove(registry).unwrap_or_default();
            let findings: Vec<_> = findings.into_iter().rev().collect();
            assert_eq!(store.worst_of_registry(*registry, generation).await.unwrap(), summary.worst());
            assert_eq!(
                (summary.unhealthy, summary.hidden, summary.patchable, &summary.findings),
                (unhealthy, hidden, patchable, &findings)
            );
        }
        assert_eq!(expected.len(), 0);
        // Whatever findings are counted by, it comes to the same.
        let filter = CountFilter { generation, ..CountFilter::default() };
        for by in [
            CountBy { severity: true, hidden: true, ..CountBy::default() },
            CountBy { registry: true, patchable: true, hidden: true, ..CountBy::default() },
            CountBy { repository: true, ..CountBy::default() },
            CountBy { vulnerability: true, hidden: true, ..CountBy::default() },
            CountBy { package: true, repository: true, severity: true, ..CountBy::default() },
        ] {
            let mut counted: BTreeMap<Group, u64> = BTreeMap::new();
            for row in &rows {
                let Some((package, found)) = &row.finding else { continue };
                let group = Group {
                    registry: by.registry.then_some(row.image.registry),
                    repository: by.repository.then(|| row.image.repository.to_string()),
                    severity: by.severity.then_some(found.severity),
                    patchable: by.patchable.then_some(found.fixed_version.is_some()),
                    hidden: by.hidden.then_some(row.hidden.is_some()),
                    vulnerability: by.vulnerability.then(|| found.vulnerability.clone()),
                    package: by.package.then(|| package.package.name.clone()),
                };
                *counted.entry(group).or_default() += 1;
            }
            assert_eq!(store.count_findings(by, &filter).await.unwrap(), counted, "{by:?}");
        }
    }
}

async fn judge(
    place: &Place,
    image: &Digest,
    distro: Distro,
    packages: &[(InstalledPackage, Vec<Match>)],
    generation: u64,
) {
    let mut inventory = inventory(packages.iter().map(|(package, _)| package.clone()).collect());
    inventory.distro = Some(distro);
    let verdict = Verdict {
        image,
        platform: None,
        inventory: &inventory,
        chain: &[],
        state: ImageState::Done,
        coverage: json!({ "conclusion": { "complete": true } }),
        matches: packages.to_vec(),
        generation,
        now: NOW,
    };
    place.store.save_verdict(verdict).await.unwrap();
}
