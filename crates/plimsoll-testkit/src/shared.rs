//! The folder of real data for tests, where there is one: advisory feeds and root file systems.

use std::path::{Path, PathBuf};

/// A file or folder of the shared data, or `None`, with a line that says what is skipped.
///
/// The folder is `$PLIMSOLL_SHARED`, or `shared` beside the workspace.
pub fn find(what: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("PLIMSOLL_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let found = folder.join(what);
    if found.exists() {
        return Some(found);
    }
    println!("skipped: there is no {what} in the shared data ({})", folder.display());
    None
}
