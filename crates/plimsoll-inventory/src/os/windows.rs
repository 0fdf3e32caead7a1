//! Windows: nothing of it is read, but it must be told from an empty image.

/// Whether an entry at this path makes a layer one of Windows: its files, or changes of its registry.
pub(crate) fn is_windows(path: &str) -> bool {
    let is_hive = |name: &str| name.ends_with("_Delta") || name.ends_with("_Base");
    path.starts_with("Files/Windows/") || path.strip_prefix("Hives/").is_some_and(is_hive)
}

/// The build, by the one folder that is named by it: `10.0.20348.1`.
pub(crate) fn build(path: &str) -> Option<&str> {
    let version = path.strip_prefix("Files/Windows/servicing/Version/")?.split('/').next()?;
    let is_number =
        |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit());
    (version.split('.').count() == 4 && version.split('.').all(is_number)).then_some(version)
}
