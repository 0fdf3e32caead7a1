//! The Azure SDK for Python, as it comes from PyPI, reads the verdicts.

use std::path::Path;
use std::process::Command;

use plimsoll_testkit::image::{Image, Layer, Packing};

use crate::server::{self, Backend, House, NEWER, REGISTRY, SUBSCRIPTION};

#[test]
fn the_sdk_lists_sub_assessments_and_assessments() {
    let Some(python) = std::env::var_os("PLIMSOLL_TEST_PYTHON") else {
        println!("skipped: PLIMSOLL_TEST_PYTHON names no Python with azure-mgmt-security; ./test makes one");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let server = house.serve();
    let old = Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1"), ("openssl", "3.1.3-r0")]).tar();
    let clean = Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar();
    for (tag, layer) in [("old", old), ("clean", clean)] {
        let image = Image::of(&[layer], Packing::Gzip);
        server.push("team/app", tag, &image);
        server.verdict(NEWER, image.digest().as_str(), std::time::Duration::from_secs(10));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/azure_sdk.py");
    let output = Command::new(python)
        .arg(script)
        .args([&server.url(""), SUBSCRIPTION, REGISTRY])
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}
