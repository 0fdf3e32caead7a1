//! Paths of entries: one spelling for each, relative to the root of the image.

use std::borrow::Cow;

/// Writes `raw` in its one spelling to `path`: without leading slash, `.`, empty parts or a slash at the end; `..` takes
/// its parent away; bytes that are not UTF-8 become `\xNN`. False for a path that climbs out of the image.
///
/// `path` is handed in so that the many entries that say nothing cost no allocation.
pub(crate) fn normalise(raw: &[u8], path: &mut String) -> bool {
    path.clear();
    let text = match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(escape(raw)),
    };
    let text = text.strip_prefix("./").unwrap_or(&text);
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => match path.rfind('/') {
                Some(at) => path.truncate(at),
                None if path.is_empty() => return false,
                None => path.clear(),
            },
            part => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(part);
            }
        }
    }
    true
}

/// Where a symbolic link at `path` leads: from the root, or from its own directory. As for a process in the image, the
/// root is its own parent. Only the path itself is looked at; links on the way are not followed.
pub(crate) fn resolve(path: &str, target: &[u8]) -> String {
    let target = escape(target);
    let from = if target.starts_with('/') { "" } else { split(path).0 };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The text of bytes that may not be UTF-8.
pub(crate) fn escape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// The directory and the name of a path in its one spelling.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether a folder of this name, inside a package, holds what the package is tested with. Other packages in there are props.
pub(crate) fn is_for_tests(folder: &str) -> bool {
    matches!(
        folder,
        "test"
            | "tests"
            | "testdata"
            | "__tests__"
            | "spec"
            | "fixture"
            | "fixtures"
            | "__fixtures__"
            | "test-fixtures"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_somewhere_in_the_image() {
        let from_etc = |target: &str| resolve("etc/os-release", target.as_bytes());
        for target in
            ["../usr/lib/x", "/usr/lib/x", "..//./usr/a/../lib/x", "../../../usr/lib/x", "/../usr/lib/x"]
        {
            assert_eq!(from_etc(target), "usr/lib/x", "{target}");
        }
        assert_eq!(
            (from_etc("x").as_str(), from_etc("..").as_str(), from_etc("").as_str()),
            ("etc/x", "", "etc")
        );
    }

    #[test]
    fn each_path_has_one_spelling_and_none_leaves_the_image() {
        let normal = |raw: &[u8]| {
            let mut path = "what was before".to_owned();
            normalise(raw, &mut path).then_some(path)
        };
        for raw in [
            "etc/passwd",
            "./etc/passwd",
            "/etc/passwd",
            "//etc/./passwd",
            "etc//passwd/",
            "a/../etc/b/../passwd",
        ] {
            assert_eq!(normal(raw.as_bytes()).as_deref(), Some("etc/passwd"), "{raw}");
        }
        for root in ["", ".", "./", "/", "a/.."] {
            assert_eq!(normal(root.as_bytes()).as_deref(), Some(""), "{root}");
        }
        for out in ["..", "../etc/passwd", "a/../../b", "/.."] {
            assert_eq!(normal(out.as_bytes()), None, "{out}");
        }
        assert_eq!(normal(b"caf\xe9/\xc3\xa9").as_deref(), Some("caf\\xe9/\u{e9}"));
    }
}
