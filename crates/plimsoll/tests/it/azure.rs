//! Azure's own clients, as they come from PyPI, against a server with TLS and authentication.
//!
//! Each program of `tests/clients` is a test here, with a server of its own; each operation is a named check in it.

use std::path::Path;
use std::process::Command;

use plimsoll_testkit::image::{self, Image, Layer, Packing};
use serde_json::json;

use crate::server::{self, Backend, House, REGISTRY, SUBSCRIPTION};

#[test]
fn azure_mgmt_security() {
    check("security.py");
}

#[test]
fn azure_mgmt_resourcegraph() {
    check("resource_graph.py");
}

#[test]
fn azure_mgmt_containerregistry() {
    check("registry_management.py");
}

#[test]
fn azure_containerregistry() {
    check("registry_data.py");
}

#[test]
fn azure_identity() {
    check("identity.py");
}

#[test]
fn az() {
    if std::env::var_os("PLIMSOLL_TEST_AZ").is_none() {
        println!("skipped: PLIMSOLL_TEST_AZ names no azure-cli; ./test installs one");
        return;
    }
    check("cli.py");
}

#[test]
fn the_openapi_document_is_valid_and_true() {
    check("openapi.py");
}

/// Runs a program of `tests/clients` against a new server. It fails where one of its checks does.
fn check(program: &str) {
    let Some(python) = std::env::var_os("PLIMSOLL_TEST_PYTHON") else {
        println!("skipped: PLIMSOLL_TEST_PYTHON names no Python with Azure's SDKs; ./test makes one");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let made = house
        .command(&["token", "create", "admin", "--role", "Owner", "--scope", "/"])
        .output()
        .expect("it runs");
    let token = String::from_utf8(made.stdout).expect("text");
    assert!(token.starts_with("plim_"), "{token}{}", String::from_utf8_lossy(&made.stderr));
    // The checks receive web hooks on this machine.
    let server = house.serve_with(&["--tls", "dev", "--webhook-targets", "public,private,loopback"]);
    let old = Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1"), ("openssl", "3.1.3-r0")]).tar();
    let clean = Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar();
    let layout = |name: &str, layer| {
        let image = Image::of(&[layer], Packing::Gzip);
        let place = folder.path().join(name);
        image::write_layout(&place, &image.manifest, "latest", &[&image]).expect("a layout");
        place
    };
    let facts = json!({
        "endpoint": server.url(""),
        "ca": house.data.path().join("tls/ca.crt"),
        "token": token.trim(),
        "subscription": SUBSCRIPTION,
        "group": "plimsoll",
        "registry": "local",
        "registry_id": REGISTRY,
        "login_server": server.address,
        "layouts": {"old": layout("old", old), "clean": layout("clean", clean)},
    });
    let file = folder.path().join("server.json");
    std::fs::write(&file, facts.to_string()).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(program);
    let output =
        Command::new(python).arg(script).env("PLIMSOLL_TEST_SERVER", &file).output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\nthe server's log:\n{}", server.log());
    println!("{said}");
}
