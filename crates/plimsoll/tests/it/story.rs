//! The story of the product, told once from end to end: a plan, pushes, an import, weeks that pass, an advisory that comes.
//!
//! The weeks pass by `--clock-offset-file`, which moves the server's clock.

use std::process::Command;
use std::time::{Duration, Instant};

use plimsoll_testkit::image::{self, Image, Layer, Packing};
use serde_json::{Value, json};

use crate::server::{self, Backend, House, NEWER, REGISTRY, SUBSCRIPTION, Server};

const SOON: Duration = Duration::from_secs(20);

/// A server whose clock is moved by a file.
struct Stage {
    folder: tempfile::TempDir,
    house: House,
    server: Server,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
        house.update_advisories();
        let clock = folder.path().join("clock");
        std::fs::write(&clock, "0").expect("a file");
        let server = house.serve_with(&["--clock-offset-file", &clock.display().to_string()]);
        Self { folder, house, server }
    }

    /// Lets days pass, counted from the beginning.
    fn day(&self, day: u32) {
        std::fs::write(self.folder.path().join("clock"), format!("{day}d")).expect("a file");
        // The file is read each second, and the images are looked through each fifteen of the moved clock.
        std::thread::sleep(Duration::from_millis(2_500));
    }

    fn plan(&self, tier: &str) {
        let path = format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/pricings/Containers?api-version=2024-01-01"
        );
        self.put(&path, &json!({"properties": {"pricingTier": tier}}));
    }

    fn put(&self, path: &str, body: &Value) {
        let (json, body) = (("Content-Type", "application/json"), body.to_string());
        let answer =
            server::request(&self.server.address, "PUT", path, &[json], body.as_bytes()).expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{}", String::from_utf8_lossy(&answer.body));
    }

    fn delete(&self, path: &str) {
        let answer = server::request(&self.server.address, "DELETE", path, &[], b"").expect("an answer");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The secure score in percent, 0 to 1.
    fn score(&self) -> f64 {
        let path = format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/secureScores/ascScore?api-version=2020-01-01"
        );
        let (status, score) = self.server.get(&path);
        assert_eq!(status, 200, "{score}");
        score["properties"]["score"]["percentage"].as_f64().expect("a number")
    }

    /// How many findings the list of the subscription has that somebody must act upon.
    fn unhealthy(&self) -> usize {
        let scope = format!("/subscriptions/{SUBSCRIPTION}");
        let rows = self.server.sub_assessments(&scope);
        let newer = rows.iter().filter(|row| row["id"].as_str().is_some_and(|id| id.contains(NEWER)));
        newer.filter(|row| row["properties"]["status"]["code"] == "Unhealthy").count()
    }

    /// The feed has one more advisory, which the server learns of.
    fn publish(&self, id: &str, package: &str, fixed: &str) {
        let ecosystem = self.folder.path().join("feed/Alpine");
        let record = json!({
            "id": id, "modified": "2025-02-14T00:00:00Z", "upstream": [id.trim_start_matches("ALPINE-")],
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
            "affected": [{"package": {"ecosystem": "Alpine:v3.18", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}],
        });
        std::fs::write(ecosystem.join(format!("{id}.json")), record.to_string()).expect("a file");
        let path = ecosystem.join("modified_id.csv");
        let list = std::fs::read_to_string(&path).expect("the list");
        std::fs::write(path, format!("2025-02-14T00:00:00Z,{id}\n{list}")).expect("a file");
        self.house.update_advisories();
    }

    /// Pushes an image with skopeo, as people do.
    fn push(&self, name: &str, image: &Image) {
        let layout = self.folder.path().join(name.replace(['/', ':'], "-")).join(image.digest().hex());
        image::write_layout(&layout, &image.manifest, "latest", &[image]).expect("a layout");
        let source = format!("oci:{}:latest", layout.display());
        run("skopeo", &["copy", "--dest-tls-verify=false", &source, &self.name(name)]);
    }

    fn pull(&self, name: &str) {
        let to = tempfile::tempdir().expect("a folder");
        let target = format!("oci:{}:pulled", to.path().display());
        run("skopeo", &["copy", "--src-tls-verify=false", &self.name(name), &target]);
    }

    fn name(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.server.address)
    }

    /// A command that speaks to this server.
    fn plimsoll(&self, arguments: &[&str]) -> String {
        let mut command = self.house.command(arguments);
        command.args(["--server", &self.server.url("")]);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said
    }

    fn scan(&self, image: &Image) -> Value {
        let path = format!(
            "{REGISTRY}/providers/Plimsoll.Security/scans?api-version=2026-11-01&digest={}",
            image.digest().as_str().replace(':', "%3A")
        );
        let (status, page) = self.server.get(&path);
        assert_eq!(status, 200, "{page}");
        page["value"][0]["properties"].clone()
    }

    fn charges(&self) -> u64 {
        let meter: Value =
            serde_json::from_str(&self.plimsoll(&["meter", "--format", "json"])).expect("JSON");
        let months = meter.as_array().expect("a list");
        months.iter().filter_map(|month| month["properties"]["images"].as_u64()).sum()
    }

    /// Waits until something holds of an image's scan.
    fn until(&self, image: &Image, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            let scan = self.scan(image);
            if holds(&scan) {
                return scan;
            }
            assert!(begin.elapsed() < SOON, "{what} does not come to pass: {scan}\n{}", self.server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn codes(&self, image: &Image) -> Vec<String> {
        let rows = self.server.rows_of(NEWER, image.digest().as_str());
        let mut codes: Vec<_> = rows
            .iter()
            .filter_map(|row| row["properties"]["status"]["code"].as_str())
            .map(str::to_owned)
            .collect();
        codes.sort();
        codes
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn alpine(packages: &[(&str, &str)]) -> Image {
    Image::of(&[Layer::new().alpine("3.18.4", packages).tar()], Packing::Gzip)
}

fn has_skopeo() -> bool {
    let found = Command::new("skopeo").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_none(), "skopeo is not installed");
    found
}

#[test]
fn the_story_of_an_image() {
    if !has_skopeo() {
        return;
    }
    let elsewhere = House::new(Backend::Embedded);
    let source = elsewhere.serve();
    let stage = Stage::new();
    let image = alpine(&[("zlib", "1.2.13-r1"), ("musl", "1.2.4-r2")]);
    let never_pulled = alpine(&[("openssl", "3.1.3-r0")]);
    let imported = alpine(&[("zlib", "1.2.12-r0")]);

    // Without the plan a push gives an image and no findings; with it, both are found.
    stage.plan("Free");
    stage.push("team/app:1", &image);
    let scan = stage.until(&image, "the image is not covered", |scan| scan["state"] == "NotCovered");
    assert_eq!((scan["assessedAt"].clone(), stage.codes(&image)), (Value::Null, vec![]));
    assert_eq!(stage.charges(), 0);
    stage.plan("Standard");
    stage.until(&image, "the verdict", |scan| scan["state"] == "Done" && scan["trigger"] == "Plan");
    assert_eq!(stage.codes(&image), ["Unhealthy"]);
    stage.push("team/other:1", &never_pulled);
    stage.until(&never_pulled, "the verdict", |scan| scan["state"] == "Done" && scan["trigger"] == "Push");
    assert_eq!(stage.codes(&never_pulled), ["Unhealthy"]);
    assert_eq!(stage.charges(), 2);

    // An import is judged like a push.
    source.push("upstream/app", "3", &imported);
    let from = format!("{}/upstream/app:3", source.address);
    assert!(stage.plimsoll(&["import", &from, "base/app:3"]).contains("base/app:3"));
    stage.until(&imported, "the verdict", |scan| scan["state"] == "Done" && scan["trigger"] == "Import");
    assert_eq!(stage.codes(&imported), ["Unhealthy"]);
    assert_eq!((stage.charges(), stage.unhealthy()), (3, 3));

    // Weeks pass. What was pulled is assessed again, without a second charge; what nobody pulled is not.
    stage.pull("team/app:1");
    stage.until(&image, "the pull is known", |scan| scan["lastPulledAt"] != Value::Null);
    let first = stage.scan(&image)["assessedAt"].clone();
    let other = stage.scan(&never_pulled)["assessedAt"].clone();
    stage.day(8);
    let again = stage.until(&image, "the second assessment", |scan| {
        scan["state"] == "Done" && scan["assessedAt"] != first && scan["trigger"] == "RecentlyPulled"
    });
    assert_eq!(stage.scan(&never_pulled)["assessedAt"], other);
    assert_eq!(stage.charges(), 3, "scanning again is free");
    stage.day(39);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        stage.scan(&image)["assessedAt"],
        again["assessedAt"],
        "more than 30 days after the last pull"
    );

    // An advisory comes, and the verdict of the image that holds the package changes, without a scan.
    stage.publish("ALPINE-CVE-2025-26519", "musl", "1.2.4-r3");
    let begin = Instant::now();
    while stage.codes(&image) != ["Unhealthy", "Unhealthy"] {
        assert!(begin.elapsed() < SOON, "{:?}\n{}", stage.codes(&image), stage.server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("the verdict changed {:?} after the update", begin.elapsed());
    assert_eq!(stage.scan(&image)["assessedAt"], again["assessedAt"]);
    assert_eq!(stage.codes(&never_pulled), ["Unhealthy"]);

    // A rule takes what it names off the list and out of the score; without the rule it is back.
    let rule = format!(
        "/subscriptions/{SUBSCRIPTION}/providers/Plimsoll.Security/disableRules/all?api-version=2026-11-01"
    );
    assert_eq!((stage.score(), stage.unhealthy()), (0.0, 4));
    let criteria = json!({"severityAtOrBelow": "critical"});
    stage
        .put(&rule, &json!({"properties": {"criteria": criteria, "reason": "a rehearsal", "author": "ada"}}));
    assert_eq!((stage.score(), stage.unhealthy()), (1.0, 0));
    assert_eq!(stage.codes(&never_pulled), ["Healthy", "NotApplicable"], "the row of what is hidden stays");
    stage.delete(&rule);
    assert_eq!((stage.score(), stage.unhealthy()), (0.0, 4));

    // Somebody asks.
    assert!(stage.plimsoll(&["rescan", "team/app:1"]).contains("1 image is queued"));
    stage.until(&image, "the scan that was asked for", |scan| {
        scan["state"] == "Done" && scan["trigger"] == "Manual" && scan["assessedAt"] != again["assessedAt"]
    });
    assert!(stage.plimsoll(&["scans", "--repository", "team/app"]).contains("Manual"));

    // A fixed image comes under the same tag; the old one is still there, without one.
    let fixed = alpine(&[("zlib", "1.3-r0"), ("musl", "1.2.4-r3")]);
    stage.push("team/app:1", &fixed);
    stage.until(&fixed, "the verdict", |scan| scan["state"] == "Done");
    assert_eq!(stage.codes(&fixed), ["Healthy"]);
    assert_eq!(
        (stage.codes(&image), stage.scan(&image)["tags"].clone()),
        (vec!["Unhealthy".to_owned(); 2], json!([]))
    );
    assert_eq!(stage.charges(), 4);
    let csv = stage.plimsoll(&["meter", "--format", "csv"]);
    assert!(csv.starts_with("month,subscription,registry,images\n") && csv.contains(",local,"), "{csv}");

    // The logs tell the scanner's reading from people's, and only people's is a pull.
    let logs = |flags: &[&str]| -> Vec<Value> {
        let mut arguments = vec!["logs", "--format", "json", "--limit", "10000"];
        arguments.extend(flags);
        let output = stage.house.command(&arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = String::from_utf8(output.stdout).expect("text");
        rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect()
    };
    stage.pull("team/app:1");
    let by_scanner =
        |row: &&Value| row["UserAgent"].as_str().is_some_and(|by| by.starts_with("plimsoll-scanner/"));
    let begin = Instant::now();
    // They are written once a second.
    let (scanner, person) = loop {
        let of_app = logs(&["--repository", "team/app", "--operation", "Pull"]);
        let (scanner, person): (Vec<&Value>, Vec<&Value>) = of_app.iter().partition(by_scanner);
        if let (Some(scanner), Some(person)) = (scanner.last(), person.last()) {
            break ((*scanner).clone(), (*person).clone());
        }
        assert!(begin.elapsed() < SOON, "{of_app:?}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_ne!(scanner["Identity"], person["Identity"]);
    assert_ne!(scanner["Identity"], "");
    let logins = logs(&["--table", "login", "--identity", scanner["Identity"].as_str().expect("a GUID")]);
    assert!(!logins.is_empty(), "the scanner logs in");
}

#[test]
fn the_story_of_an_import() {
    let elsewhere = House::new(Backend::Embedded);
    let source = elsewhere.serve();
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    source.push("upstream/app", "3", &image);
    let stage = Stage::new();
    let from = format!("{}/upstream/app:3", source.address);
    let said = stage.plimsoll(&["import", &from, "base/app:3"]);
    assert!(said.contains("base/app:3"), "{said}");
    stage.until(&image, "the verdict", |scan| scan["state"] == "Done" && scan["trigger"] == "Import");
    assert_eq!(stage.codes(&image), ["Unhealthy"]);
    assert_eq!(stage.charges(), 1);
    let mut again = stage.house.command(&["import", &from, "base/app:3", "--server", &stage.server.url("")]);
    let refused = again.output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("base/app:3"), "it names the tag");
    stage.plimsoll(&["import", &from, "base/app:3", "--force"]);
}
