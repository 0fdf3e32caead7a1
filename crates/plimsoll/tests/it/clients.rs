//! The programs that people push and pull with: skopeo's and podman's ways, which are also docker's and buildah's.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plimsoll_testkit::image::{self, Image, Layer, Packing};
use serde_json::Value;

use crate::server::{self, Backend, House, NEWER, OLDER};

/// Whether a program is here. `./test` installs them all; without it, a missing one is told.
pub(crate) fn here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_none(), "{program} is not installed");
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

pub(crate) fn alpine(packages: &[(&str, &str)]) -> Image {
    let base = Layer::new().alpine("3.18.4", packages).tar();
    let app = Layer::new().file("srv/app", "#!/bin/sh\n").tar();
    Image::of(&[base, app], Packing::Gzip)
}

pub(crate) fn layout(folder: &Path, image: &Image) -> String {
    image::write_layout(folder, &image.manifest, "latest", &[image]).expect("a layout");
    format!("oci:{}:latest", folder.display())
}

#[test]
fn skopeo_pushes_pulls_lists_and_deletes() {
    if !here("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let server = house.serve();
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    let source = layout(&folder.path().join("layout"), &image);
    let target = format!("docker://{}/team/app:1", server.address);
    run("skopeo", &["copy", "--dest-tls-verify=false", &source, &target]);
    // skopeo has returned: the verdict stands, or will within a second.
    let rows = server.verdict(OLDER, image.digest().as_str(), Duration::from_secs(1));
    assert_eq!(rows[0]["properties"]["additionalData"]["cve"][0]["title"], "CVE-2022-37434", "{rows:?}");

    let seen: Value =
        serde_json::from_str(&run("skopeo", &["inspect", "--tls-verify=false", &target])).expect("JSON");
    assert_eq!(seen["Digest"], image.digest().as_str());
    let tags =
        run("skopeo", &["list-tags", "--tls-verify=false", &format!("docker://{}/team/app", server.address)]);
    assert!(tags.contains("\"1\""), "{tags}");
    // Another repository: the layers are mounted, not sent again. Then back to a layout, in Docker's own format too.
    let second = format!("docker://{}/team/other:1", server.address);
    run("skopeo", &["copy", "--src-tls-verify=false", "--dest-tls-verify=false", &target, &second]);
    let back = folder.path().join("back");
    run("skopeo", &["copy", "--src-tls-verify=false", &second, &format!("oci:{}:back", back.display())]);
    for layer in &image.layers {
        let bytes =
            std::fs::read(back.join("blobs/sha256").join(layer.digest.hex())).expect("the layer came back");
        assert_eq!(bytes, layer.bytes);
    }
    let third = format!("docker://{}/team/docker:2", server.address);
    run(
        "skopeo",
        &["copy", "--format=v2s2", "--src-tls-verify=false", "--dest-tls-verify=false", &target, &third],
    );
    let seen: Value =
        serde_json::from_str(&run("skopeo", &["inspect", "--raw", "--tls-verify=false", &third]))
            .expect("JSON");
    assert_eq!(seen["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    run("skopeo", &["delete", "--tls-verify=false", &second]);
    let gone =
        Command::new("skopeo").args(["inspect", "--tls-verify=false", &second]).output().expect("it runs");
    assert!(!gone.status.success(), "a deleted image is still there");
}

#[test]
fn podman_pushes_and_pulls() {
    if !here("podman") {
        return;
    }
    // podman makes a name of the path of a layout, and names are lower case.
    let name = format!("plimsoll-podman-{}", std::process::id());
    let folder = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let server = house.serve();
    // A storage of its own, with the driver that needs nothing of the kernel.
    let storage = folder.path().join("storage");
    let podman = |arguments: &[&str]| {
        let root = storage.join("root").display().to_string();
        let run_root = storage.join("run").display().to_string();
        let mut all = vec!["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
        all.extend(arguments);
        run("podman", &all)
    };
    let image = alpine(&[("openssl", "3.1.3-r0")]);
    let source = layout(&folder.path().join("layout"), &image);
    let id = podman(&["pull", "--quiet", &source]);
    let target = format!("{}/team/podman:1", server.address);
    podman(&["push", "--quiet", "--tls-verify=false", id.trim(), &target]);
    let (_, tags) = server.get("/v2/team/podman/tags/list");
    assert_eq!(tags["tags"][0], "1", "{tags}");
    podman(&["rmi", "--all", "--force"]);
    podman(&["pull", "--quiet", "--tls-verify=false", &target]);
    // podman packs the layers anew, so that only the repository tells which image it is.
    let rows = server.verdict(NEWER, "team/podman", Duration::from_secs(5));
    assert!(rows.iter().any(|row| row["properties"]["id"] == "CVE-2023-5363"), "{rows:?}");
}

#[test]
fn an_index_of_two_platforms_gives_both() {
    if !here("skopeo") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let server = house.serve();
    let layer = |version| Layer::new().alpine("3.18.4", &[("zlib", version)]).tar();
    let amd64 = Image::for_platform(&[layer("1.2.13-r1")], Packing::Gzip, "linux", "amd64");
    let arm64 = Image::for_platform(&[layer("1.3-r0")], Packing::Zstd, "linux", "arm64");
    let both = image::index(&[(&amd64, "linux", "amd64"), (&arm64, "linux", "arm64")]);
    let layout = folder.path().join("layout");
    image::write_layout(&layout, &both, "latest", &[&amd64, &arm64]).expect("a layout");
    let target = format!("docker://{}/multi:1", server.address);
    run(
        "skopeo",
        &["copy", "--all", "--dest-tls-verify=false", &format!("oci:{}:latest", layout.display()), &target],
    );
    let code = |image: &Image| {
        let rows = server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(1));
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0]["properties"]["status"]["code"].clone()
    };
    assert_eq!((code(&amd64), code(&arm64)), ("Unhealthy".into(), "Healthy".into()));
}
