//! Plans and time: what is scanned because of them, and what is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use plimsoll_scan::{Clock, ExploitFeeds, ScheduleSettings, run_schedule};
use plimsoll_store::{FindingFilter, ImageState, Pull, RegistryId, ScanFilter, ScanRow};
use plimsoll_testkit::image::{Image, Layer, Packing};
use plimsoll_types::{ResourceId, Scope, Timestamp, Trigger};
use serde_json::json;

use crate::feed::{Database, Feed};
use crate::sandbox;
use crate::scan::old_alpine;
use crate::worker::{House, settings};

const DAY: i64 = 86_400_000;

/// A clock that a test turns.
#[derive(Clone, Default)]
struct Turned(Arc<AtomicI64>);

impl Turned {
    fn clock(&self) -> Clock {
        let (machine, offset) = (plimsoll_scan::system_clock(), Arc::clone(&self.0));
        Arc::new(move || machine().plus_millis(offset.load(Ordering::Relaxed)))
    }

    fn pass(&self, days: i64) {
        self.0.fetch_add(days * DAY, Ordering::Relaxed);
    }
}

/// A house with a schedule that looks at the turned clock.
async fn house(time: &Turned, exploits: ExploitFeeds) -> House {
    let database = Database::of(&Feed::sample()).await;
    let feeds = database.feeds();
    let house = House::by_the_clock(database, sandbox(), settings(), time.clock()).await;
    let scope = Scope {
        subscription: "s".into(),
        resource_group: "g".into(),
        registry: "quay".into(),
        registry_host: "quay.example".into(),
    };
    house.store.ensure_registry(&scope, &json!({}), time.clock()()).await.unwrap();
    let schedule = run_schedule(
        ScheduleSettings { update_every: None, exploits, ..ScheduleSettings::default() },
        house.store.clone(),
        feeds,
        house.handle.clone(),
        time.clock(),
        house.stop.clone(),
    );
    tokio::spawn(schedule);
    house
}

async fn scan_of(house: &House, image: &Image) -> ScanRow {
    let filter = ScanFilter { digest: Some(image.digest().clone()), ..ScanFilter::default() };
    house.store.scans(&filter, 0, 1).await.unwrap().remove(0)
}

async fn until_assessed(house: &House, image: &Image, since: Timestamp) -> ScanRow {
    for _ in 0..2_400 {
        let scan = scan_of(house, image).await;
        if scan.state == ImageState::Done && scan.assessed_at.is_some_and(|at| at >= since) {
            return scan;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it is not assessed again: {:?}", scan_of(house, image).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pulled_is_assessed_again_when_its_days_have_passed() {
    let time = Turned::default();
    let house = house(&time, ExploitFeeds::default()).await;
    let pulled = old_alpine();
    let left = Image::of(&[Layer::new().alpine("3.4.6", &[("musl", "1.1.14-r15")]).tar()], Packing::Gzip);
    for image in [&pulled, &left] {
        house.push(image).await;
        house.verdict(image).await;
    }
    let pull = Pull {
        registry: RegistryId::FIRST,
        repository: "team/app".parse().unwrap(),
        digest: pulled.digest().clone(),
        at: time.clock()(),
    };
    house.store.record_pulls(&[pull]).await.unwrap();
    time.pass(8);
    let now = time.clock()();
    let scan = until_assessed(&house, &pulled, now).await;
    assert_eq!(scan.trigger, Some(Trigger::RecentlyPulled));
    time.pass(24);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = scan_of(&house, &pulled).await;
    assert_eq!(
        (after.assessed_at, after.state),
        (scan.assessed_at, ImageState::Done),
        "32 days after its pull"
    );
    assert_eq!(scan_of(&house, &left).await.trigger, Some(Trigger::Push), "nobody ever pulled it");
    assert_eq!(house.store.meter("s", None).await.unwrap().iter().map(|row| row.images).sum::<u64>(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_decides_and_its_findings_age_out() {
    let time = Turned::default();
    let house = house(&time, ExploitFeeds::default()).await;
    let id: ResourceId = "/subscriptions/s/providers/Microsoft.Security/pricings/Containers".parse().unwrap();
    let free = json!({"properties": {"pricingTier": "Free"}});
    house.store.put_plan(&id, &free, time.clock()()).await.unwrap();
    let image = old_alpine();
    house.push(&image).await;
    house.store.rescan(None, None, time.clock()()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scan_of(&house, &image).await.state, ImageState::Uncovered);
    let standard = json!({"properties": {"pricingTier": "Standard", "extensions":
        [{"name": "ContainerRegistriesVulnerabilityAssessments", "isEnabled": "True"}]}});
    assert_eq!(house.store.put_plan(&id, &standard, time.clock()()).await.unwrap().queued, 1);
    house.verdict(&image).await;
    assert_eq!(house.findings(&image).await, ["CVE-2019-14697"]);
    house.store.put_plan(&id, &free, time.clock()()).await.unwrap();
    assert_eq!(house.findings(&image).await, ["CVE-2019-14697"], "what is known stays for a while");
    time.pass(31);
    for _ in 0..400 {
        if house.findings(&image).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the findings do not age out");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_exploits_is_read_from_its_feeds() {
    let folder = tempfile::tempdir().unwrap();
    let (kev, epss) = (folder.path().join("kev.json"), folder.path().join("epss.csv"));
    let entry =
        json!({"cveID": "CVE-2019-14697", "dateAdded": "2021-12-10", "knownRansomwareCampaignUse": "Known"});
    std::fs::write(&kev, json!({"vulnerabilities": [entry]}).to_string()).unwrap();
    std::fs::write(&epss, "cve,epss,percentile\nCVE-2019-14697,0.5,0.9\n").unwrap();
    let location = |path: &std::path::Path| Some(format!("file:{}", path.display()));
    let exploits = ExploitFeeds { known_exploited: location(&kev), epss: location(&epss) };
    let house = house(&Turned::default(), exploits).await;
    let image = old_alpine();
    house.push(&image).await;
    house.verdict(&image).await;
    for _ in 0..400 {
        let rows = house.store.findings(&FindingFilter::default(), None, 10).await.unwrap();
        let known = rows[0].exploitation.clone().unwrap_or_default();
        if let (Some(known), Some(epss)) = (known.known, known.epss) {
            assert_eq!((known.ransomware, epss.probability()), (true, 0.5));
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the feeds were never read");
}
