//! What scans write.

use plimsoll_store::{FindingFilter, ImageState, JobKind, PackageId, Verdict};
use plimsoll_types::inventory::{FileContent, FileFact, PROBE_VERSION};
use plimsoll_types::{
    BaseImage, Digest, Ecosystem, InstalledPackage, LayerInventory, Match, Package, PackageType, Problem,
    ProblemKind, Severity, Status, SuppressedBy, Suppression, chain_ids,
};

use crate::place::{NOW, Place, affected, inventory, layer, package};
use crate::scopes::scope;

fn layer_inventory(unpacked: &[u8], packages: usize) -> LayerInventory {
    let packages =
        (0..packages).map(|n| Package::new(PackageType::Deb, &format!("p{n}"), "1.0").into()).collect();
    LayerInventory {
        diff_id: Digest::sha256(unpacked),
        unpacked_bytes: 10,
        entries: 1,
        files: vec![FileFact {
            path: "var/lib/dpkg/status".to_owned(),
            content: FileContent::Database(packages),
        }],
        whiteouts: vec![],
        opaque: vec![],
        replaced: vec![1, 2],
        directories: vec![],
        links: vec![],
        problems: vec![],
    }
}

pub(crate) async fn layer_inventories_are_shared_by_diff_id(place: Place) {
    let store = &place.store;
    let (gzip, zstd) = (Digest::sha256(b"as gzip"), Digest::sha256(b"as zstd"));
    let found = layer_inventory(b"the same", 500);
    assert_eq!(store.layer_inventory(&gzip, PROBE_VERSION).await.unwrap(), None);
    for _ in 0..2 {
        for blob in [&gzip, &zstd] {
            store.save_layer_inventory(blob, PROBE_VERSION, &found, NOW).await.unwrap();
            assert_eq!(store.layer_inventory(blob, PROBE_VERSION).await.unwrap().as_ref(), Some(&found));
        }
    }
    assert_eq!(store.layer_inventory(&gzip, PROBE_VERSION + 1).await.unwrap(), None);
    // What was read already is not queued again when it is pushed again.
    let blob = place.put("app", &layer(1)).await;
    store.complete_job(&store.claim_job(NOW, 1).await.unwrap().unwrap()).await.unwrap();
    store.save_layer_inventory(&blob, PROBE_VERSION, &found, NOW).await.unwrap();
    place.put("app", &layer(1)).await;
    assert_eq!(store.claim_job(NOW, 1).await.unwrap(), None);
}

pub(crate) async fn a_layer_that_was_cut_short_says_nothing_of_others(place: Place) {
    let store = &place.store;
    let (whole, damaged) = (Digest::sha256(b"whole"), Digest::sha256(b"damaged"));
    let mut cut = layer_inventory(b"the same beginning", 1);
    cut.problems.push(Problem::new(ProblemKind::Damaged, "it ends too early"));
    store.save_layer_inventory(&damaged, PROBE_VERSION, &cut, NOW).await.unwrap();
    let mut good = layer_inventory(b"the same beginning", 2);
    good.problems.push(Problem::at(ProblemKind::Unreadable, "a/METADATA", "no name in it"));
    store.save_layer_inventory(&whole, PROBE_VERSION, &good, NOW).await.unwrap();
    assert_eq!(store.layer_inventory(&damaged, PROBE_VERSION).await.unwrap(), Some(cut.clone()));
    assert_eq!(store.layer_inventory(&whole, PROBE_VERSION).await.unwrap(), Some(good.clone()));
    cut.problems[0].message = "read again".to_owned();
    store.save_layer_inventory(&damaged, PROBE_VERSION, &cut, NOW).await.unwrap();
    assert_eq!(store.layer_inventory(&damaged, PROBE_VERSION).await.unwrap(), Some(cut));
}

pub(crate) async fn an_image_waits_runs_and_fails(place: Place) {
    let store = &place.store;
    let digest = place.push("app", "v1", &[&layer(1)]).await;
    let image = store.image(&digest).await.unwrap().unwrap();
    assert_eq!((image.state, image.manifest.layers.len()), (ImageState::Queued, 1));
    for state in [ImageState::Running, ImageState::Failed("the probe died".to_owned())] {
        store.set_image_state(&digest, &state, NOW).await.unwrap();
        assert_eq!(store.image(&digest).await.unwrap().unwrap().state, state);
    }
    let none = Digest::sha256(b"no image");
    assert_eq!(store.image(&none).await.unwrap(), None);
    assert!(store.set_image_state(&none, &ImageState::Running, NOW).await.is_err());
}

pub(crate) async fn package_versions_are_stored_once(place: Place) {
    let store = &place.store;
    let (a, b) = (place.push("app", "a", &[&layer(1)]).await, place.push("app", "b", &[&layer(2)]).await);
    let curl = package("curl", "7.74-1");
    let newer = package("curl", "7.88-1");
    let elsewhere = InstalledPackage { path: "other/path".to_owned(), layer: None, ..curl.clone() };
    let other_release =
        InstalledPackage { ecosystem: Some(Ecosystem::release_of("Debian", "12")), ..curl.clone() };
    let asked = [curl.clone(), newer.clone(), elsewhere.clone(), other_release.clone()];
    assert_eq!(store.stored_packages(&asked).await.unwrap(), [None, None, None, None]);
    place.judge(&a, &[(curl, vec![])]).await;
    place.judge(&b, &[(newer, vec![]), (elsewhere, vec![])]).await;
    let stored = store.stored_packages(&asked).await.unwrap();
    let ids: Vec<_> = stored.iter().map(|package| package.as_ref().map(|package| package.id)).collect();
    assert!(ids[0].is_some() && ids[0] == ids[2] && ids[0] != ids[1] && ids[3].is_none(), "{ids:?}");
    let first = stored[0].clone().unwrap();
    assert_eq!((first.generation, first.package.path.as_str(), &first.package.layer), (1, "", &None));
    assert_eq!(first.package.package.name, "curl");
}

pub(crate) async fn a_verdict_is_replaced_as_a_whole(place: Place) {
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let flaw = |id: &str| affected(id, Severity::High);
    place
        .judge(&image, &[(package("a", "1"), vec![flaw("CVE-1")]), (package("b", "1"), vec![flaw("CVE-2")])])
        .await;
    place.judge(&image, &[(package("b", "1"), vec![flaw("CVE-3")])]).await;
    let rows = place.store.findings(&Default::default(), None, 100).await.unwrap();
    let found: Vec<_> =
        rows.iter().map(|row| row.finding.as_ref().unwrap().1.vulnerability.as_str()).collect();
    assert_eq!(found, ["CVE-3"]);
}

pub(crate) async fn a_verdict_of_thousands_of_packages_is_saved_whole(place: Place) {
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let packages: Vec<_> = (0..5000)
        .map(|n| {
            let matches =
                if n % 2 == 0 { vec![affected(&format!("CVE-{}", n % 700), Severity::Low)] } else { vec![] };
            (package(&format!("p{n}"), "1"), matches)
        })
        .collect();
    for round in 0..2 {
        place.judge(&image, &packages).await;
        let rows = place.store.findings(&Default::default(), None, 10_000).await.unwrap();
        assert_eq!(rows.len(), 2500, "{round}");
    }
    let asked: Vec<_> = packages.into_iter().map(|(package, _)| package).collect();
    assert!(place.store.stored_packages(&asked).await.unwrap().iter().all(Option::is_some));
}

pub(crate) async fn package_versions_to_match_again_are_found_by_name(place: Place) {
    let store = &place.store;
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let mut libcurl = package("libcurl4", "7.74-1");
    libcurl.package.source = Some("curl".to_owned());
    let python = InstalledPackage {
        package: Package::new(PackageType::Pypi, "Zope.Interface", "5.0"),
        ecosystem: Some(Ecosystem::of("PyPI")),
        ..package("x", "1")
    };
    let unknown = InstalledPackage { ecosystem: None, ..package("unknown", "1") };
    let held = [package("curl", "7.74-1"), libcurl, package("bash", "5"), python, unknown];
    place.judge(&image, &held.map(|package| (package, vec![]))).await;
    let names = async |generation, names: &[(&str, &str)], after, n| {
        let names: Vec<_> = names.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let found = store.packages_to_rematch(generation, Some(&names), after, n).await.unwrap();
        found.into_iter().map(|found| found.package.package.name).collect::<Vec<_>>()
    };
    let first = PackageId(0);
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let curl = ("Debian", "curl");
    assert_eq!(sorted(names(2, &[curl], first, 9).await), ["curl", "libcurl4"]);
    assert_eq!(names(1, &[curl], first, 9).await, Vec::<String>::new(), "they are at 1 already");
    assert_eq!(
        names(2, &[("PyPI", "zope-interface"), ("Debian", "none")], first, 9).await,
        ["Zope.Interface"]
    );
    assert_eq!(names(2, &[("PyPI", "curl"), ("Debian", "libcurl4")], first, 9).await, Vec::<String>::new());
    assert_eq!(names(2, &[curl, curl], first, 1).await.len(), 1);
    assert_eq!(names(2, &[], first, 9).await, Vec::<String>::new());
    let many: Vec<_> = (0..9000).map(|n| ("Debian".to_owned(), format!("none{n}"))).collect();
    let many = [many, vec![("Debian".to_owned(), "bash".to_owned())]].concat();
    assert_eq!(store.packages_to_rematch(2, Some(&many), first, 9).await.unwrap().len(), 1);
    // All, in pages.
    let mut after = first;
    let mut all = 0;
    loop {
        let page = store.packages_to_rematch(2, None, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(last.id > after);
        (after, all) = (last.id, all + page.len());
    }
    assert_eq!(all, 5);
}

pub(crate) async fn a_package_with_an_owner_is_another_and_follows_it(place: Place) {
    let store = &place.store;
    let (owned, free) =
        (place.push("app", "a", &[&layer(1)]).await, place.push("app", "b", &[&layer(2)]).await);
    let mut owner = package("python3-flask", "2.2.2-3");
    owner.package.source = Some("flask".to_owned());
    let mut flask = InstalledPackage {
        package: Package::new(PackageType::Pypi, "flask", "2.2.2"),
        ecosystem: Some(Ecosystem::of("PyPI")),
        ..package("x", "1")
    };
    place.judge(&free, &[(flask.clone(), vec![affected("CVE-1", Severity::High)])]).await;
    flask.details.owned_by = Some("python3-flask".to_owned());
    flask.details.licenses = vec!["BSD-3-Clause".to_owned()];
    // Whose owner is not among the packages of its image has none.
    let alone = store.stored_packages(std::slice::from_ref(&flask)).await.unwrap();
    assert!(alone[0].as_ref().is_some_and(|stored| stored.owner.is_none()));
    let held = [flask.clone(), owner.clone()];
    assert_eq!(store.stored_packages(&held).await.unwrap(), [None, None]);
    let mut fixed = affected("CVE-1", Severity::High);
    fixed.evidence.suppressed = Some(Suppression {
        by: SuppressedBy::Owner,
        source: "DSA-1".to_owned(),
        reason: "its files belong to python3-flask, which has the finding".to_owned(),
    });
    place.judge(&owned, &[(flask, vec![fixed]), (owner, vec![])]).await;
    let filter = |image: &Digest| FindingFilter { image: Some(image.clone()), ..FindingFilter::default() };
    let findings = async |image: &Digest| store.findings(&filter(image), None, 9).await.unwrap();
    assert!(findings(&owned).await[0].finding.is_none(), "what was set aside is no finding");
    assert!(findings(&free).await[0].finding.is_some());
    // Matched again by its own name and by its owner's.
    for (ecosystem, name, expected) in
        [("PyPI", "flask", 2), ("Debian", "flask", 2), ("Debian", "python3-flask", 0)]
    {
        let names = [(ecosystem.to_owned(), name.to_owned())];
        let found = store.packages_to_rematch(2, Some(&names), PackageId(0), 9).await.unwrap();
        assert_eq!(found.len(), expected, "{ecosystem} {name}");
        let of_owned = found.iter().find(|found| found.owner.is_some());
        if let Some(found) = of_owned {
            assert_eq!(found.package.package.name, "flask");
            assert_eq!(found.package.details.licenses, ["BSD-3-Clause"]);
            assert_eq!(found.owner.as_ref().unwrap().package.name, "python3-flask");
        }
        assert_eq!(of_owned.is_some(), expected > 0);
    }
    let all = store.packages_to_rematch(2, None, PackageId(0), 9).await.unwrap();
    assert_eq!(all.iter().filter(|found| found.owner.is_some()).count(), 1);
    place.is_sound().await;
}

pub(crate) async fn the_base_of_an_image_is_found_by_its_layers(place: Place) {
    let store = &place.store;
    let chain = chain_ids([b"a", b"b", b"c"].map(|bytes| Digest::sha256(bytes)).iter());
    let flaw = (package("curl", "1"), vec![affected("CVE-1", Severity::High)]);
    let judge = async |image: &Digest, chain: &[Digest]| {
        let layers: Vec<_> = chain.iter().map(|id| serde_json::json!({"digest": id, "read": true})).collect();
        let verdict = Verdict {
            image,
            platform: None,
            inventory: &inventory(vec![flaw.0.clone()]),
            chain,
            state: ImageState::Done,
            coverage: serde_json::json!({"conclusion": {"complete": true}, "layers": layers}),
            matches: vec![flaw.clone()],
            generation: 1,
            now: NOW,
        };
        store.save_verdict(verdict).await.unwrap();
    };
    let bases = async || {
        let rows = store.findings(&FindingFilter::default(), None, 99).await.unwrap();
        let told = |base: Option<BaseImage>| base.map(|base| (base.name, base.layers));
        rows.into_iter()
            .map(|row| (row.image.repository.to_string(), told(row.image.base)))
            .collect::<Vec<_>>()
    };
    let app = place.push("app", "1", &[&layer(1)]).await;
    judge(&app, &chain).await;
    assert_eq!(bases().await, [("app".to_owned(), None)]);
    // Two builds of the same layers: the newest that has a tag is told.
    let (old, new) =
        (place.push("base", "1", &[&layer(2)]).await, place.push("base", "2", &[&layer(3)]).await);
    judge(&old, &chain[..2]).await;
    judge(&new, &chain[..2]).await;
    let expected = Some(("base:2".to_owned(), 2));
    assert_eq!(bases().await[0], ("app".to_owned(), expected.clone()));
    assert_eq!(bases().await[1..], [("base".to_owned(), None), ("base".to_owned(), None)]);
    // What was cut short is nobody's base, and has one as far as it was read.
    let cut = place.push("cut", "1", &[&layer(4)]).await;
    judge(&cut, &chain[..1]).await;
    assert_eq!(bases().await[0].1, expected);
    // In another registry its name is not known, and that it is there is.
    let json = serde_json::json!({});
    store.ensure_registry(&scope("quay", "quay.example"), &json, NOW).await.unwrap();
    let (pier, _) = store.put_registry(&scope("pier", "pier.example"), &json, NOW).await.unwrap();
    let elsewhere = store.in_registry(pier);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#,
        crate::place::descriptor(plimsoll_types::manifest::media::OCI_CONFIG, b"{}")
    );
    let config = Digest::sha256(b"{}");
    let to = crate::place::name("apps");
    elsewhere.put_blob(&to, &config, crate::place::body(b"{}"), NOW).await.unwrap();
    let media_type = plimsoll_types::manifest::media::OCI_MANIFEST;
    crate::place::put_manifest(&elsewhere, "apps", &["1"], media_type, &manifest, NOW).await;
    judge(&Digest::sha256(manifest.as_bytes()), &chain).await;
    let rows = store.findings(&FindingFilter::default(), None, 99).await.unwrap();
    let other = rows.iter().find(|row| row.image.registry == pier).unwrap();
    let base = other.image.base.clone().unwrap();
    assert_eq!((base.name.as_str(), base.digest, base.layers), ("", Some(new), 2));
    // The builder's word counts where the layers bear it out.
    let annotated = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[],"annotations":{{
            "org.opencontainers.image.base.name":"example.org/base:9","org.opencontainers.image.base.digest":"{old}"}}}}"#,
        crate::place::descriptor(plimsoll_types::manifest::media::OCI_CONFIG, b"{}")
    );
    place.put("told", b"{}").await;
    place.put_manifest("told", &["1"], media_type, &annotated).await;
    let told = Digest::sha256(annotated.as_bytes());
    judge(&told, &chain).await;
    let of_told = async || {
        let filter = FindingFilter { image: Some(told.clone()), ..FindingFilter::default() };
        store.findings(&filter, None, 9).await.unwrap()[0].image.base.clone().unwrap()
    };
    let base = of_told().await;
    assert_eq!((base.name.as_str(), base.digest, base.layers), ("example.org/base:9", Some(old), 2));
    judge(&told, &[Digest::sha256(b"x")]).await;
    assert_eq!(of_told().await.layers, 0, "then which layers are meant is not known");
}

pub(crate) async fn older_matches_do_not_replace_newer_ones(place: Place) {
    let store = &place.store;
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let curl = package("curl", "1");
    place.judge(&image, &[(curl.clone(), vec![affected("CVE-1", Severity::Low)])]).await;
    let id = store.stored_packages(std::slice::from_ref(&curl)).await.unwrap()[0].as_ref().unwrap().id;
    let save = async |name: &str, generation| {
        let matches = [(id, vec![affected(name, Severity::Low)])];
        store.save_matches(&matches, generation, NOW).await.unwrap();
        let rows = store.findings(&Default::default(), None, 9).await.unwrap();
        assert_eq!(rows.len(), 1);
        rows[0].finding.as_ref().unwrap().1.vulnerability.clone()
    };
    assert_eq!(save("CVE-5", 5).await, "CVE-5");
    assert_eq!(save("CVE-3", 3).await, "CVE-5");
    place.judge_at(&image, &[(curl.clone(), vec![affected("CVE-4", Severity::Low)])], 4, NOW).await;
    assert_eq!(save("CVE-5b", 5).await, "CVE-5b");
    store.save_matches(&[(id, vec![])], 6, NOW).await.unwrap();
    let rows = store.findings(&Default::default(), None, 9).await.unwrap();
    assert!(rows[0].finding.is_none(), "the image is clean now");
    assert_eq!(store.matched_generation().await.unwrap(), 0);
    store.set_matched_generation(6).await.unwrap();
    store.set_matched_generation(7).await.unwrap();
    assert_eq!(place.restarted().await.matched_generation().await.unwrap(), 7);
}

pub(crate) async fn images_that_wait_for_advisories_are_woken(place: Place) {
    let store = &place.store;
    let waiting = place.push("app", "v1", &[b"no layer"]).await;
    let done = place.push("app", "v2", &[b"no layer"]).await;
    place.judge(&done, &[]).await;
    while let Some(job) = store.claim_job(NOW, 1).await.unwrap() {
        store.complete_job(&job).await.unwrap();
    }
    let found = inventory(vec![package("curl", "1")]);
    store
        .save_verdict(Verdict {
            image: &waiting,
            platform: None,
            inventory: &found,
            chain: &[],
            state: ImageState::AwaitingAdvisories,
            coverage: serde_json::Value::Null,
            matches: vec![],
            generation: 0,
            now: NOW,
        })
        .await
        .unwrap();
    assert_eq!(store.image(&waiting).await.unwrap().unwrap().state, ImageState::AwaitingAdvisories);
    assert_eq!(store.findings(&Default::default(), None, 9).await.unwrap().len(), 1, "of the other image");
    place.is_sound().await;
    assert_eq!(store.wake_awaiting_images(NOW).await.unwrap(), 1);
    assert_eq!(store.wake_awaiting_images(NOW).await.unwrap(), 0);
    let job = store.claim_job(NOW, 1).await.unwrap().unwrap();
    assert_eq!(job.kind, JobKind::ScanImage(waiting.clone()));
    assert_eq!(store.image(&waiting).await.unwrap().unwrap().state, ImageState::Queued);
    // What was stored without advisories was never matched.
    let stored = store.stored_packages(&found.packages).await.unwrap();
    assert_eq!(stored[0].as_ref().unwrap().generation, 0);
}

pub(crate) async fn text_that_a_database_cannot_hold_is_replaced(place: Place) {
    let image = place.push("app", "v1", &[&layer(1)]).await;
    let odd = InstalledPackage { path: "a\0b/\u{1f600}'\"".to_owned(), ..package("na\0me", "1\0") };
    let mut flaw = affected("CVE-1", Severity::Low);
    flaw.summary = "a\0b".to_owned();
    place.judge(&image, &[(odd.clone(), vec![flaw.clone()])]).await;
    let rows = place.store.findings(&Default::default(), None, 9).await.unwrap();
    let (found, matched) = rows[0].finding.as_ref().unwrap();
    assert_eq!(found.package.name, "na\u{fffd}me");
    assert_eq!(found.path, "a\u{fffd}b/\u{1f600}'\"");
    assert_eq!(matched, &flaw);
    assert!(place.store.stored_packages(&[odd]).await.unwrap()[0].is_some());
}

pub(crate) async fn scans_of_the_same_packages_at_once(place: Place) {
    let mut images = Vec::new();
    for number in 0..8 {
        images.push(place.push("app", &format!("v{number}"), &[&layer(number)]).await);
    }
    let place = std::sync::Arc::new(place);
    let scans = images.iter().enumerate().map(|(number, image)| {
        let (place, image) = (place.clone(), image.clone());
        tokio::spawn(async move {
            let mut packages: Vec<(InstalledPackage, Vec<Match>)> = (0..40)
                .map(|n| {
                    let flaws =
                        (0..3).map(|v| affected(&format!("CVE-{}", (n * 7 + v) % 50), Severity::High));
                    (package(&format!("p{n}"), "1"), flaws.collect())
                })
                .collect();
            packages.rotate_left(number * 5);
            for round in 0..3 {
                place.judge_at(&image, &packages, 1 + round, NOW).await;
                let held: Vec<_> = packages.iter().map(|(package, _)| package.clone()).collect();
                let ids = place.store.stored_packages(&held).await.unwrap();
                let matches: Vec<_> = ids
                    .iter()
                    .zip(&packages)
                    .map(|(id, (_, matches))| (id.as_ref().unwrap().id, matches.clone()))
                    .collect();
                place.store.save_matches(&matches, 1 + round, NOW).await.unwrap();
            }
        })
    });
    for scan in futures_util::future::join_all(scans).await {
        scan.unwrap();
    }
    let rows = place.store.findings(&Default::default(), None, 10_000).await.unwrap();
    assert_eq!(rows.len(), 8 * 40 * 3);
    assert!(rows.iter().all(|row| row.finding.as_ref().unwrap().1.status == Status::Affected));
    place.is_sound().await;
}
