//! The command line, as its help and the README describe it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use plimsoll_testkit::image::{self, Image, Layer, Packing};
use serde_json::Value;

use crate::server::{self, Backend, House};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// A house with the small feed in its database, and an image layout with old zlib and a Python package.
struct Desk {
    folder: tempfile::TempDir,
    house: House,
    image: Image,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
        house.update_advisories();
        let base = Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1"), ("openssl", "3.1.3-r0")]).tar();
        let metadata = "Metadata-Version: 2.1\nName: Flask\nVersion: 2.0.1\n\nName: not this one\n";
        let app = Layer::new().file("usr/lib/python3/Flask-2.0.1.dist-info/METADATA", metadata).tar();
        let image = Image::of(&[base, app], Packing::Gzip);
        image::write_layout(&folder.path().join("image"), &image.manifest, "1", &[&image]).expect("a layout");
        Self { folder, house, image }
    }

    fn target(&self) -> String {
        format!("oci-dir:{}", self.folder.path().join("image").display())
    }

    fn scan(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["scan"];
        all.extend(arguments);
        self.house.command(&all).output().expect("it runs")
    }
}

#[test]
fn scan_answers_in_json_with_package_layer_and_fix() {
    let desk = Desk::new();
    let output = desk.scan(&[&desk.target(), "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    let report = json(&output);
    let finding = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|f| f["package"]["name"] == "zlib")
        .expect("zlib");
    assert_eq!(finding["vulnerability"], "CVE-2022-37434");
    assert_eq!(finding["advisories"][0], "ALPINE-CVE-2022-37434");
    assert_eq!(finding["status"], "affected");
    assert_eq!(finding["fixedVersion"], "1.3-r0");
    assert_eq!(finding["severity"], "high");
    assert_eq!(finding["cvss"][0]["score"], 7.5);
    assert_eq!(finding["package"]["layer"], desk.image.layers[0].digest.as_str());
    assert_eq!(finding["package"]["path"], "lib/apk/db/installed");
    assert_eq!(finding["package"]["ecosystem"], "Alpine:v3.18");
    assert_eq!(report["image"]["digest"], desk.image.digest().as_str());
    assert_eq!(report["summary"]["packages"], 3, "{}", report["summary"]);
}

#[test]
fn every_way_to_hand_over_an_image_gives_the_same_findings() {
    let desk = Desk::new();
    let findings = |target: &str| {
        let output = desk.scan(&[target, "--format", "json"]);
        let mut found: Vec<_> = json(&output)["findings"]
            .as_array()
            .unwrap_or_else(|| panic!("{target}: {}", text(&output.stderr)))
            .iter()
            .map(|f| format!("{} {} {}", f["vulnerability"], f["package"]["name"], f["fixedVersion"]))
            .collect();
        found.sort();
        found
    };
    let expected = findings(&desk.target());
    assert_eq!(expected.len(), 2);
    let path = |name: &str| desk.folder.path().join(name).display().to_string();
    let tar = |archive: &str, folder: &str| {
        let done = Command::new("tar").args(["-C", folder, "-cf", archive, "."]).status().expect("tar runs");
        assert!(done.success());
    };
    tar(&path("image.tar"), &path("image"));
    assert_eq!(findings(&format!("oci-archive:{}", path("image.tar"))), expected);

    let save = desk.folder.path().join("save");
    std::fs::create_dir_all(&save).expect("a folder");
    let names = ["base/layer.tar", "app/layer.tar"];
    for (layer, name) in desk.image.layers.iter().zip(names) {
        std::fs::create_dir_all(save.join(name).parent().expect("a folder")).expect("a folder");
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(layer.bytes.as_slice()), &mut plain)
            .expect("gzip");
        std::fs::write(save.join(name), plain).expect("a file");
    }
    std::fs::write(save.join("config.json"), &desk.image.config.bytes).expect("a file");
    let list = serde_json::json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}]);
    std::fs::write(save.join("manifest.json"), list.to_string()).expect("a file");
    tar(&path("save.tar"), &path("save"));
    assert_eq!(findings(&format!("docker-archive:{}", path("save.tar"))), expected);

    let rootfs = path("rootfs");
    std::fs::create_dir_all(&rootfs).expect("a folder");
    for name in names {
        let done =
            Command::new("tar").args(["-C", &rootfs, "-xf"]).arg(save.join(name)).status().expect("tar runs");
        assert!(done.success());
    }
    assert_eq!(findings(&format!("rootfs:{rootfs}")), expected);

    let server = desk.house.serve();
    server.push("team/app", "1", &desk.image);
    assert_eq!(findings(&format!("docker://{}/team/app:1", server.address)), expected);

    let sbom = desk.scan(&[&desk.target(), "--format", "cyclonedx"]);
    assert_eq!(json(&sbom)["bomFormat"], "CycloneDX");
    std::fs::write(path("sbom.json"), &sbom.stdout).expect("a file");
    assert_eq!(findings(&format!("sbom:{}", path("sbom.json"))), expected);
}

#[test]
fn an_sbom_of_each_format_leads_to_the_findings_of_the_image() {
    let desk = Desk::new();
    let findings = |target: &str| json(&desk.scan(&[target, "--format", "json"]))["findings"].clone();
    let expected = findings(&desk.target());
    assert!(!expected.as_array().expect("a list").is_empty());
    for format in ["cyclonedx", "spdx", "json"] {
        let file = desk.folder.path().join(format!("bom.{format}"));
        let file = file.to_str().expect("a path");
        let arguments = ["sbom", &desk.target(), "--format", format, "-o", file];
        let output = desk.house.command(&arguments).output().expect("it runs");
        assert_eq!(status(&output), 0, "{}", text(&output.stderr));
        assert_eq!(findings(&format!("sbom:{file}")), expected, "{format}");
    }
    assert_eq!(status(&desk.house.command(&["sbom", "oci-dir:/nowhere"]).output().expect("it runs")), 2);
}

#[test]
fn the_exit_status_tells_findings_from_errors() {
    let desk = Desk::new();
    assert_eq!(status(&desk.scan(&[&desk.target(), "--fail-on", "high"])), 1);
    assert_eq!(status(&desk.scan(&[&desk.target(), "--fail-on", "critical"])), 0);
    assert_eq!(status(&desk.scan(&["oci-dir:/nowhere"])), 2);
    assert_eq!(status(&desk.scan(&[&desk.target(), "--fail-on", "dire"])), 2);
    // The feed has nothing on Python's packages, so only the image without one can be judged.
    assert_eq!(status(&desk.scan(&[&desk.target(), "--require-complete"])), 3);
    let alone = Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar();
    let alone = Image::of(&[alone], Packing::Gzip);
    let folder = desk.folder.path().join("alone");
    image::write_layout(&folder, &alone.manifest, "1", &[&alone]).expect("a layout");
    let alone = format!("oci-dir:{}", folder.display());
    assert_eq!(status(&desk.scan(&[&alone, "--fail-on", "low", "--require-complete"])), 0);
    let missing = desk.scan(&["oci-dir:/nowhere"]);
    assert!(text(&missing.stderr).contains("/nowhere"), "{}", text(&missing.stderr));
    assert_eq!(text(&missing.stdout), "");
}

#[test]
fn a_table_in_a_pipe_has_no_colours_and_names_the_fix() {
    let desk = Desk::new();
    let shown = text(&desk.scan(&[&desk.target()]).stdout);
    for word in ["CVE-2022-37434", "zlib", "1.2.13-r1", "1.3-r0", "High"] {
        assert!(shown.contains(word), "{word} is missing:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn versions_are_compared_one_by_one_and_in_bulk() {
    let compare = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command
            .args(["version", "compare"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    assert_eq!(text(&compare(&["Debian", "1.0~rc1", "1.0"], "").stdout), "<\n");
    assert_eq!(
        text(&compare(&["PyPI", "-"], "1.0\t1.0.0\n1.0.post1\t1.0\n1.0.dev1\t1.0a1\n").stdout),
        "=\n>\n<\n"
    );
    assert_eq!(text(&compare(&["Alpine:v3.18", "-"], "1.2_rc1\t1.2\n").stdout), "<\n");
    let unknown = compare(&["Nobody", "1", "2"], "");
    assert_eq!(status(&unknown), 2);
    assert!(text(&unknown.stderr).contains("Nobody"));
}

#[test]
fn the_database_says_what_it_knows() {
    let desk = Desk::new();
    let report = json(&desk.house.command(&["db", "status", "--format", "json"]).output().expect("it runs"));
    assert_eq!(report["advisories"], 2, "{report}");
    assert_eq!(report["ecosystems"][0]["name"], "Alpine");
    let again = desk.house.command(&["db", "update"]).output().expect("it runs");
    assert!(text(&again.stdout).contains("nothing new"), "{}", text(&again.stdout));
    let empty = House::new(Backend::Embedded);
    let report = json(&empty.command(&["db", "status", "--format", "json"]).output().expect("it runs"));
    assert_eq!(report["advisories"], 0);
    assert_ne!(status(&empty.command(&["db", "update"]).output().expect("it runs")), 0);
}

#[test]
fn the_doctor_finds_the_walls_standing() {
    let output = House::new(Backend::Embedded).command(&["doctor"]).output().expect("it runs");
    assert_eq!(status(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    for word in ["Landlock", "seccomp", "refused"] {
        assert!(text(&output.stdout).contains(word), "{word} is missing:\n{}", text(&output.stdout));
    }
}

#[test]
fn serve_refuses_what_it_cannot_mean() {
    let house = House::new(Backend::Embedded);
    let refusal = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = house.command(arguments);
        command.envs(variable);
        let output = command.output().expect("it runs");
        assert_eq!(status(&output), 2, "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let open = ["serve", "--listen", "0.0.0.0:0", "--authentication", "off"];
    assert!(refusal(&open, None).contains("--serve-anyone-without-tls-or-authentication"));
    assert!(refusal(&["serve", "--database", "mysql://me:secret@h/d"], None).contains("--database"));
    assert!(refusal(&["serve"], Some(("PLIMSOLL_LISTEN", "here"))).contains("PLIMSOLL_LISTEN"));
    let file = house.data.path().join("settings.toml");
    std::fs::write(&file, "lisen = '127.0.0.1:0'\n").expect("a file");
    assert!(refusal(&["serve", "--config", &file.display().to_string()], None).contains("lisen"));
}

#[test]
fn a_server_is_ready_and_stops_gracefully() {
    let house = House::new(Backend::Embedded);
    let mut server = house.serve();
    assert_eq!(server.get("/healthz").0, 200);
    let (status, ready) = server.get("/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(server.log().contains("no advisories yet"), "{}", server.log());
    assert!(server.stop().success());
}

#[test]
fn query_asks_the_store_in_kql() {
    let house = House::new(Backend::Embedded);
    let ask = |arguments: &[&str]| {
        let mut all = vec!["query"];
        all.extend(arguments);
        house.command(&all).output().expect("it runs")
    };
    let output = ask(&["print a = 1, b = 'x' | extend c = dynamic({'k': [1]})", "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    assert_eq!(json(&output), serde_json::json!([{"a": 1, "b": "x", "c": {"k": [1]}}]));
    let output =
        ask(&["range x from 1 to 2500 step 1 | project name = strcat('row ', x)", "--limit", "1200"]);
    let shown = text(&output.stdout);
    assert!(shown.contains("row 1200") && !shown.contains("row 1201"), "pages follow each other");
    assert!(text(&output.stderr).contains("1200 of 2500 rows"), "{}", text(&output.stderr));
    let output = ask(&["securityresources | where nme == 'a'"]);
    assert_eq!(status(&output), 2);
    let said = text(&output.stderr);
    assert!(said.contains("line 1, character 27") && said.contains("did you mean 'name'?"), "{said}");
}
