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
        let body = json!({"properties": {"pricingTier": tier}}).to_string();
        let json = ("Content-Type", "application/json");
        let answer =
            server::request(&self.server.address, "PUT", &path, &[json], body.as_bytes()).expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{}", String::from_utf8_lossy(&answer.body));
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
    let stage = Stage::new();
    let image = alpine(&[("zlib", "1.2.13-r1"), ("musl", "1.2.4-r2")]);
    let never_pulled = alpine(&[("openssl", "3.1.3-r0")]);

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
    assert_eq!(stage.charges(), 2, "scanning again is free");
    stage.day(39);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        stage.scan(&image)["assessedAt"],
        again["assessedAt"],
        "more than 30 days after the last pull"
    );

    // Somebody asks.
    assert!(stage.plimsoll(&["rescan", "team/app:1"]).contains("1 image is queued"));
    stage.until(&image, "the scan that was asked for", |scan| {
        scan["state"] == "Done" && scan["trigger"] == "Manual" && scan["assessedAt"] != again["assessedAt"]
    });
    assert!(stage.plimsoll(&["scans", "--repository", "team/app"]).contains("Manual"));

    // A fixed image comes under the same tag; the old one is still there, without one.
    let fixed = alpine(&[("zlib", "1.3-r0"), ("musl", "1.2.4-r2")]);
    stage.push("team/app:1", &fixed);
    stage.until(&fixed, "the verdict", |scan| scan["state"] == "Done");
    assert_eq!(stage.codes(&fixed), ["Healthy"]);
    assert_eq!(
        (stage.codes(&image), stage.scan(&image)["tags"].clone()),
        (vec!["Unhealthy".to_owned()], json!([]))
    );
    assert_eq!(stage.charges(), 3);
    let csv = stage.plimsoll(&["meter", "--format", "csv"]);
    assert!(csv.starts_with("month,subscription,registry,images\n") && csv.contains(",local,"), "{csv}");
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
