//! Plans, triggers, the meter, imports, evidence of exploits.

use plimsoll_store::{
    ErrorKind, ImageState, JobKind, OperationState, Priority, Pull, RegistryId, ScanFilter, ScanRow, Store,
    Verdict,
};
use plimsoll_types::exploit::{Epss, KnownExploited};
use plimsoll_types::import::{Credentials, ImportRequest, Mode, Place as From, Source, Target};
use plimsoll_types::manifest::media;
use plimsoll_types::{Digest, ImageInventory, ResourceId, Scope, Severity, Timestamp, Trigger};
use serde_json::{Value, json};

use crate::place::{NOW, Place, affected, descriptor, inventory, layer, name, package};

const DAY: i64 = 86_400_000;
const SUBSCRIPTION: &str = "/subscriptions/00000000-1111-2222-3333-444444444444";

fn scope(registry: &str, subscription: &str) -> Scope {
    Scope {
        subscription: subscription.into(),
        resource_group: "Harbour".into(),
        registry: registry.into(),
        registry_host: format!("{registry}.example"),
    }
}

/// The place with its registry, in a subscription that is covered until somebody says otherwise.
async fn with_registry(place: &Place) -> RegistryId {
    let scope = scope("quay", SUBSCRIPTION.trim_start_matches("/subscriptions/"));
    place.store.ensure_registry(&scope, &json!({}), NOW).await.unwrap()
}

fn plan(name: &str) -> ResourceId {
    format!("{SUBSCRIPTION}/providers/Microsoft.Security/pricings/{name}").parse().unwrap()
}

fn on() -> Value {
    let extension = json!({"name": "ContainerRegistriesVulnerabilityAssessments", "isEnabled": "True"});
    json!({"properties": {"pricingTier": "Standard", "extensions": [extension]}})
}

fn off() -> Value {
    json!({"properties": {"pricingTier": "Free"}})
}

/// Takes all jobs that are due, and tells the images among them that are to be scanned.
async fn scans_due(store: &Store, now: Timestamp) -> Vec<Digest> {
    let mut images = Vec::new();
    while let Some(job) = store.claim_job(now, 1_000).await.unwrap() {
        if let JobKind::ScanImage(image) = &job.kind {
            images.push(image.clone());
        }
        store.complete_job(&job).await.unwrap();
    }
    images.sort();
    images
}

async fn scan_of(store: &Store, image: &Digest) -> ScanRow {
    let filter = ScanFilter { digest: Some(image.clone()), ..ScanFilter::default() };
    store.scans(&filter, 0, 10).await.unwrap().into_iter().next().unwrap()
}

fn sorted(mut images: Vec<Digest>) -> Vec<Digest> {
    images.sort();
    images
}

pub(crate) async fn without_a_plan_a_push_queues_nothing_and_the_plan_queues_all(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let before = place.push("app", "v0", &[&layer(0)]).await;
    place.judge(&before, &[(package("curl", "1"), vec![affected("CVE-1", Severity::High)])]).await;
    scans_due(store, NOW).await;
    assert!(store.is_covered(SUBSCRIPTION.trim_start_matches("/subscriptions/")).await.unwrap());

    let stored = store.put_plan(&plan("Containers"), &off(), NOW).await.unwrap();
    assert_eq!((stored.is_new, stored.covered, stored.queued), (true, false, 0));
    let images =
        [place.push("app", "v1", &[&layer(1)]).await, place.push("team/other", "v2", &[&layer(2)]).await];
    assert_eq!(store.claim_job(NOW, 1_000).await.unwrap(), None, "neither image nor layer is queued");
    assert_eq!(store.image(&images[0]).await.unwrap().unwrap().state, ImageState::Uncovered);
    assert!(!store.is_image_covered(&images[0]).await.unwrap());
    let findings = store.findings(&Default::default(), None, 10).await.unwrap();
    assert_eq!(findings.len(), 1, "what was found before stays");
    place.is_sound().await;

    // The older plan covers registries too.
    let stored = store.put_plan(&plan("ContainerRegistry"), &off(), NOW).await.unwrap();
    assert!(!stored.covered);
    let stored = store.put_plan(&plan("ContainerRegistry"), &on(), NOW).await.unwrap();
    assert_eq!((stored.is_new, stored.covered, stored.queued), (false, true, 2));
    assert_eq!(scan_of(store, &images[0]).await.trigger, Some(Trigger::Plan));
    assert_eq!(scans_due(store, NOW).await, sorted(images.to_vec()));
    let stored = store.put_plan(&plan("Containers"), &on(), NOW).await.unwrap();
    assert_eq!((stored.covered, stored.queued), (true, 0), "it was covered already");
}

pub(crate) async fn a_scan_that_meets_no_plan_is_taken_back(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let [judged, new] =
        [place.push("app", "v0", &[&layer(0)]).await, place.push("app", "v1", &[&layer(1)]).await];
    place.judge(&judged, &[]).await;
    for image in [&judged, &new] {
        store.set_image_state(image, &ImageState::Running, NOW).await.unwrap();
        assert!(!store.set_uncovered(image).await.unwrap(), "it is covered");
    }
    store.put_plan(&plan("Containers"), &off(), NOW).await.unwrap();
    for (image, state) in [(&judged, ImageState::Done), (&new, ImageState::Uncovered)] {
        assert!(store.set_uncovered(image).await.unwrap());
        assert_eq!(store.image(image).await.unwrap().unwrap().state, state);
    }
}

pub(crate) async fn findings_age_out_where_the_plan_is_off(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let image = place.push("app", "v0", &[&layer(0)]).await;
    place.judge(&image, &[(package("curl", "1"), vec![affected("CVE-1", Severity::High)])]).await;
    scans_due(store, NOW).await;
    assert_eq!(store.age_out(NOW.plus_millis(DAY)).await.unwrap(), 0, "the plan is on");
    store.put_plan(&plan("Containers"), &off(), NOW).await.unwrap();
    assert_eq!(store.age_out(NOW.plus_millis(-1)).await.unwrap(), 0, "it is not old enough");
    assert_eq!(store.age_out(NOW).await.unwrap(), 1);
    assert_eq!(store.findings(&Default::default(), None, 10).await.unwrap(), []);
    place.is_sound().await;
    let stored = store.put_plan(&plan("Containers"), &on(), NOW).await.unwrap();
    assert_eq!(stored.queued, 1, "it has no verdict any more");
}

pub(crate) async fn an_image_is_charged_once_and_only_where_there_was_something_to_judge(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let subscription = SUBSCRIPTION.trim_start_matches("/subscriptions/");
    let charged = async || {
        let rows = store.meter(&subscription.to_uppercase(), None).await.unwrap();
        rows.into_iter().map(|row| (row.month, row.registry_name, row.images)).collect::<Vec<_>>()
    };
    let found = [(package("curl", "1"), vec![])];
    let image = place.push("app", "v0", &[&layer(0)]).await;
    assert_eq!(charged().await, [], "a push alone costs nothing");
    for day in [0, 8, 40] {
        place.judge_at(&image, &found, 1, NOW.plus_millis(day * DAY)).await;
    }
    let month: String = NOW.to_string()[..7].to_owned();
    assert_eq!(charged().await, [(month.clone(), "quay".to_owned(), 1)], "scanning again is free");
    place.push("team/copy", "v0", &[&layer(0)]).await;

    let nothing = place.push("app", "v1", &[&layer(1)]).await;
    let windows = place.push("app", "v2", &[&layer(2)]).await;
    for (image, state) in
        [(&nothing, ImageState::Done), (&windows, ImageState::Unsupported("Windows".into()))]
    {
        let inventory = match state {
            ImageState::Done => ImageInventory::default(),
            _ => inventory(vec![]),
        };
        let (coverage, matches) = (json!({}), vec![]);
        let verdict = Verdict {
            image,
            platform: None,
            inventory: &inventory,
            chain: &[],
            state,
            coverage,
            matches,
            generation: 1,
            now: NOW,
        };
        store.save_verdict(verdict).await.unwrap();
    }
    assert_eq!(charged().await.len(), 1);
    assert_eq!(charged().await[0].2, 1, "what cannot be judged is free");

    store.put_plan(&plan("Containers"), &off(), NOW).await.unwrap();
    let unplanned = place.push("app", "v3", &[&layer(3)]).await;
    place.judge(&unplanned, &found).await;
    assert_eq!(charged().await[0].2, 1, "without the plan nothing is charged");
    store.put_plan(&plan("Containers"), &on(), NOW).await.unwrap();
    assert_eq!(charged().await[0].2, 2);

    // The same image in another subscription is charged there when it comes.
    let other = store.ensure_registry(&scope("pier", "other"), &json!({}), NOW).await.unwrap();
    let pier = store.in_registry(other);
    assert!(
        pier.mount_blob_from(RegistryId::FIRST, &name("app"), &name("x"), &Digest::sha256(&layer(0)), NOW)
            .await
            .unwrap()
    );
    let config = br#"{"os":"linux","architecture":"amd64","history":"v0"}"#;
    assert!(
        pier.mount_blob_from(RegistryId::FIRST, &name("app"), &name("x"), &Digest::sha256(config), NOW)
            .await
            .unwrap()
    );
    let manifest = crate::place::image_manifest(config, &[&layer(0)]);
    crate::place::put_manifest(&pier, "x", &["1"], media::OCI_MANIFEST, &manifest, NOW).await;
    let there = store.meter("OTHER", Some(&month)).await.unwrap();
    assert_eq!((there.len(), there[0].registry, there[0].images), (1, other, 1));
    let charges = store.charges("other", &month, None, 10).await.unwrap();
    assert_eq!(charges[0].digest, image);
    assert_eq!(store.charges("other", &month, Some(image.as_str()), 10).await.unwrap(), []);
}

pub(crate) async fn what_was_pulled_lately_is_queued_each_week(place: Place) {
    let store = &place.store;
    let registry = with_registry(&place).await;
    let pulled = place.push("app", "v0", &[&layer(0)]).await;
    let left = place.push("app", "v1", &[&layer(1)]).await;
    for image in [&pulled, &left] {
        place.judge(image, &[]).await;
    }
    // The tag moves on; the digest is what counts.
    place.push("app", "v0", &[&layer(9)]).await;
    scans_due(store, NOW).await;
    let day = |day: i64| NOW.plus_millis(day * DAY);
    let pull = |at| Pull { registry, repository: name("app"), digest: pulled.clone(), at };
    let look = async |today: i64| {
        let watch = plimsoll_types::Watch::default();
        let now = day(today);
        let queued = store
            .queue_recently_pulled(watch.pulled_since(now), watch.assessed_until(now), now)
            .await
            .unwrap();
        let due = scans_due(store, now).await;
        assert_eq!(due.len() as u64, queued);
        for image in &due {
            store.set_image_state(image, &ImageState::Running, now).await.unwrap();
            place.judge_at(image, &[], 1, now).await;
        }
        due
    };
    assert_eq!(look(8).await, [], "nobody has pulled");
    store.record_pulls(&[pull(day(8))]).await.unwrap();
    assert_eq!(look(8).await, std::slice::from_ref(&pulled));
    assert_eq!(scan_of(store, &pulled).await.trigger, Some(Trigger::RecentlyPulled));
    assert_eq!(look(14).await, [], "six days are no week");
    assert_eq!(look(15).await, std::slice::from_ref(&pulled));
    assert_eq!(look(38).await, std::slice::from_ref(&pulled), "thirty days after the pull it still counts");
    assert_eq!(look(46).await, []);
    store.record_pulls(&[pull(day(46))]).await.unwrap();
    assert_eq!(look(46).await, std::slice::from_ref(&pulled));
    let scan = scan_of(store, &pulled).await;
    assert_eq!((scan.pulled_at, scan.assessed_at, scan.tags.len()), (Some(day(46)), Some(day(46)), 0));
    store.put_plan(&plan("Containers"), &off(), day(60)).await.unwrap();
    assert_eq!(look(60).await, [], "without the plan nothing is scanned");
}

pub(crate) async fn a_rescan_names_images_by_registry_repository_tag_and_digest(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let one = place.push("app", "v1", &[&layer(1)]).await;
    let two = place.push("app", "v2", &[&layer(2)]).await;
    let other = place.push("other", "v3", &[&layer(3)]).await;
    let child = |tag: &str, number| {
        let config = format!(r#"{{"os":"linux","architecture":"amd64","history":"{tag}"}}"#);
        crate::place::image_manifest(config.as_bytes(), &[&layer(number)])
    };
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{},{}]}}"#,
        media::OCI_INDEX,
        descriptor(media::OCI_MANIFEST, child("v1", 1).as_bytes()),
        descriptor(media::OCI_MANIFEST, child("v2", 2).as_bytes())
    );
    place.put_manifest("app", &["both"], media::OCI_INDEX, &index).await;
    scans_due(store, NOW).await;
    let rescan = async |repository: Option<&str>, reference: Option<&str>| {
        let repository = repository.map(name);
        let reference = reference.map(|reference| reference.parse().unwrap());
        let queued = store.rescan(repository.as_ref(), reference.as_ref(), NOW).await?;
        let due = scans_due(store, NOW).await;
        assert_eq!(due.len() as u64, queued);
        Ok::<_, plimsoll_store::Error>(due)
    };
    assert_eq!(rescan(None, None).await.unwrap(), sorted(vec![one.clone(), two.clone(), other]));
    assert_eq!(rescan(Some("app"), None).await.unwrap(), sorted(vec![one.clone(), two.clone()]));
    assert_eq!(rescan(Some("app"), Some("v2")).await.unwrap(), std::slice::from_ref(&two));
    assert_eq!(rescan(Some("app"), Some(one.as_str())).await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(rescan(Some("app"), Some("both")).await.unwrap(), sorted(vec![one.clone(), two]));
    for (repository, reference) in [("nothing", None), ("app", Some("v9")), ("other", Some(one.as_str()))] {
        let error = rescan(Some(repository), reference).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

pub(crate) async fn a_scan_tells_how_far_it_is(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let image = place.push("app", "v1", &[b"no layer"]).await;
    place.push("team/app", "v2", &[&layer(2)]).await;
    let scan = scan_of(store, &image).await;
    assert_eq!((scan.state, scan.trigger, scan.attempts), (ImageState::Queued, Some(Trigger::Push), 0));
    assert_eq!((scan.queued_at, scan.next_attempt, scan.tags), (Some(NOW), Some(NOW), vec!["v1".to_owned()]));
    let job = store.claim_job(NOW, 1_000).await.unwrap().unwrap();
    assert_eq!(job.kind, JobKind::ScanImage(image.clone()));
    store.set_image_state(&image, &ImageState::Running, NOW.plus_millis(1)).await.unwrap();
    let scan = scan_of(store, &image).await;
    assert_eq!(
        (scan.state, scan.attempts, scan.started_at),
        (ImageState::Running, 1, Some(NOW.plus_millis(1)))
    );
    store.fail_job(&job, "the disk is full", Some(NOW.plus_millis(9_000))).await.unwrap();
    let scan = scan_of(store, &image).await;
    assert_eq!(scan.state, ImageState::Queued);
    assert_eq!(scan.last_failure.as_deref(), Some("the disk is full"));
    assert_eq!(scan.next_attempt, Some(NOW.plus_millis(9_000)));
    let job = store.claim_job(NOW.plus_millis(9_000), 1_000).await.unwrap();
    place.judge_at(&image, &[], 1, NOW.plus_millis(9_001)).await;
    let mut again = job;
    while let Some(job) = again {
        store.complete_job(&job).await.unwrap();
        again = store.claim_job(NOW.plus_millis(9_000), 1_000).await.unwrap();
    }
    let scan = scan_of(store, &image).await;
    assert_eq!(
        (scan.state, scan.finished_at, scan.last_failure),
        (ImageState::Done, Some(NOW.plus_millis(9_001)), None)
    );
    // In pages, and by repository.
    let all = store.scans(&ScanFilter::default(), 0, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(store.scans(&ScanFilter::default(), all[0].row, 10).await.unwrap(), all[1..]);
    let of_team = ScanFilter { repository: Some(name("team/app")), ..ScanFilter::default() };
    assert_eq!(store.scans(&of_team, 0, 10).await.unwrap(), all[1..]);
    assert_eq!(store.in_registry(RegistryId(99)).scans(&ScanFilter::default(), 0, 10).await.unwrap(), []);
    assert_eq!(store.judged(0, 10).await.unwrap().len(), 1);
}

pub(crate) async fn push_comes_before_import_before_manual_before_periodic(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let mut images = Vec::new();
    for (number, trigger) in
        [Trigger::RecentlyPulled, Trigger::Manual, Trigger::Import, Trigger::Push].into_iter().enumerate()
    {
        let config = format!(r#"{{"n":{number}}}"#);
        let to = store.triggered_by(trigger);
        to.put_blob(
            &name("app"),
            &Digest::sha256(config.as_bytes()),
            crate::place::body(config.as_bytes()),
            NOW,
        )
        .await
        .unwrap();
        let manifest = crate::place::image_manifest(config.as_bytes(), &[]);
        crate::place::put_manifest(&to, "app", &[], media::OCI_MANIFEST, &manifest, NOW).await;
        images.push(Digest::sha256(manifest.as_bytes()));
    }
    let mut order = Vec::new();
    while let Some(job) = store.claim_job(NOW, 1_000).await.unwrap() {
        order.push(job.kind);
    }
    images.reverse();
    assert_eq!(order, images.into_iter().map(JobKind::ScanImage).collect::<Vec<_>>());
}

pub(crate) async fn an_import_keeps_its_credentials_only_while_it_lives(place: Place) {
    let store = &place.store;
    with_registry(&place).await;
    let target: ResourceId = format!(
        "{SUBSCRIPTION}/resourceGroups/Harbour/providers/Microsoft.ContainerRegistry/registries/quay"
    )
    .parse()
    .unwrap();
    let wanted = |mode| ImportRequest {
        source: Source {
            place: From::Host("registry.example".into()),
            repository: name("team/app"),
            reference: "v1".parse().unwrap(),
        },
        targets: vec![Target { repository: name("app"), tag: "v1".parse().unwrap() }],
        untagged: vec![],
        mode,
    };
    let secret = Credentials { username: Some("ann".into()), password: "geheim".into() };
    let operation = store.queue_import(&target, &wanted(Mode::NoForce), Some(&secret), NOW).await.unwrap();
    assert_eq!(store.claim_job_but_imports(NOW, 1_000).await.unwrap(), None);
    let job = store.claim_job(NOW, 1_000).await.unwrap().unwrap();
    assert_eq!(job.kind, JobKind::Import(operation.clone()));
    let import = store.import(&operation).await.unwrap().unwrap();
    assert_eq!((import.request, import.credentials), (wanted(Mode::NoForce), Some(secret)));
    let shown = format!("{:?}", store.operation(&operation).await.unwrap().unwrap());
    assert!(shown.contains("team/app") && !shown.contains("geheim"), "{shown}");
    assert_eq!(store.taken_targets(&wanted(Mode::NoForce)).await.unwrap(), []);
    let there = place.push("app", "v1", &[&layer(1)]).await;
    assert_eq!(store.taken_targets(&wanted(Mode::NoForce)).await.unwrap(), [("app:v1".to_owned(), there)]);
    assert_eq!(store.taken_targets(&wanted(Mode::Force)).await.unwrap(), []);

    store
        .end_import(&operation, &json!({"blobs": 3}), Some(("Conflict", "app:v1 is there")), NOW)
        .await
        .unwrap();
    assert_eq!(store.import(&operation).await.unwrap(), None);
    store.end_import(&operation, &json!({}), None, NOW).await.unwrap();
    let ended = store.operation(&operation).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.progress), (OperationState::Failed, json!({"blobs": 3})));
    assert_eq!(ended.error.unwrap()["code"], "Conflict");
}

pub(crate) async fn a_blob_is_mounted_between_registries(place: Place) {
    let store = &place.store;
    let first = with_registry(&place).await;
    let second = store.ensure_registry(&scope("pier", "other"), &json!({}), NOW).await.unwrap();
    let digest = place.put("app", &layer(1)).await;
    let pier = store.in_registry(second);
    assert!(!pier.mount_blob_from(first, &name("nothing"), &name("x"), &digest, NOW).await.unwrap());
    assert!(pier.mount_blob_from(first, &name("app"), &name("x"), &digest, NOW).await.unwrap());
    assert!(pier.blob(&name("x"), &digest).await.unwrap().is_some());
    assert!(store.blob(&name("x"), &digest).await.unwrap().is_none());
    place.is_sound().await;
}

pub(crate) async fn findings_tell_what_is_known_of_exploits(place: Place) {
    let store = &place.store;
    let image = place.push("app", "v0", &[&layer(0)]).await;
    let mut aliased = affected("GHSA-1", Severity::Low);
    aliased.aliases = vec!["CVE-2021-1".to_owned(), "CVE-2021-2".to_owned()];
    place
        .judge(&image, &[(package("curl", "1"), vec![affected("CVE-2020-7", Severity::High), aliased])])
        .await;
    let entry = |cve: &str| KnownExploited {
        cve: cve.into(),
        date_added: "2021-12-10".into(),
        due_date: String::new(),
        ransomware: true,
        required_action: "Mend it".into(),
    };
    let score = |score| Epss { score, percentile: 999_000, day: "2026-11-22".into() };
    assert_eq!(store.exploits_read_at().await.unwrap(), (None, None));
    let scores = [("CVE-2020-7".to_owned(), score(10_000)), ("CVE-2021-1".to_owned(), score(20_000))];
    assert_eq!(store.save_epss(&scores, NOW).await.unwrap(), 2);
    assert_eq!(store.save_epss(&scores, NOW).await.unwrap(), 0, "nothing changed");
    assert_eq!(
        store.save_known_exploited(&[entry("CVE-2021-2"), entry("CVE-1999-1")], NOW).await.unwrap(),
        2
    );
    let known = async || {
        let rows = store.findings(&Default::default(), None, 10).await.unwrap();
        rows.into_iter()
            .map(|row| {
                let known = row.exploitation.unwrap_or_default();
                (
                    row.finding.unwrap().1.vulnerability,
                    known.known.is_some(),
                    known.epss.map(|epss| epss.score),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        known().await,
        [("CVE-2020-7".to_owned(), false, Some(10_000)), ("GHSA-1".to_owned(), true, Some(20_000))]
    );
    // What leaves the catalogue is not in it any more.
    assert_eq!(store.save_known_exploited(&[entry("CVE-2020-7")], NOW).await.unwrap(), 1);
    assert_eq!(
        known().await,
        [("CVE-2020-7".to_owned(), true, Some(10_000)), ("GHSA-1".to_owned(), false, Some(20_000))]
    );
    assert_eq!(store.exploits_read_at().await.unwrap(), (Some(NOW), Some(NOW)));
    assert_eq!(Priority::from(Trigger::Import), Priority::Import);
}
