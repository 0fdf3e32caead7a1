//! Real versions: those that the advisories of the development feeds name, if the feeds are at hand.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of development data, which nothing but tests knows.
pub(crate) fn shared() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::env::var_os("PLIMSOLL_SHARED").map_or_else(beside, PathBuf::from)
}

/// Some thousand versions of an ecosystem, in a fixed order. None without the feeds.
pub(crate) fn versions(ecosystem: &str) -> Vec<String> {
    const ADVISORIES: usize = 1_500;
    const VERSIONS_OF_ONE: usize = 40;

    let Ok(file) = File::open(shared().join("feeds/osv").join(ecosystem).join("all.zip")) else {
        return Vec::new();
    };
    let mut archive = zip::ZipArchive::new(file).expect("the feed is a zip archive");
    let mut versions = BTreeSet::new();
    let step = archive.len() / ADVISORIES + 1;
    for index in (0..archive.len()).step_by(step) {
        let entry = archive.by_index(index).expect("the archive has the entry");
        let advisory: Value = serde_json::from_reader(entry).expect("an advisory is JSON");
        for affected in advisory["affected"].as_array().into_iter().flatten() {
            let listed = affected["versions"].as_array().into_iter().flatten().take(VERSIONS_OF_ONE);
            let ranges =
                affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT");
            let events = ranges.flat_map(|range| range["events"].as_array().into_iter().flatten());
            let bounds = events.filter_map(Value::as_object).flat_map(|event| event.values());
            versions.extend(listed.chain(bounds).filter_map(Value::as_str).map(str::to_owned));
        }
    }
    versions.into_iter().collect()
}
