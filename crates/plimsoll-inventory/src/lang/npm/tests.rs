//! `package.json` files that count, and those that do not.

use super::matches;
use crate::tests::{Archive, packages};

const PATH: &str = "app/node_modules/a/package.json";

#[test]
fn only_the_package_s_own_file_counts() {
    for path in [
        "node_modules/a/package.json",
        PATH,
        "app/node_modules/@scope/a/package.json",
        "app/node_modules/a/node_modules/b/package.json",
        "app/node_modules/.pnpm/a@1/node_modules/a/package.json",
    ] {
        assert!(matches(path), "{path}");
    }
    for path in [
        "package.json",
        "app/package.json",
        "app/node_modules/package.json",
        "app/node_modules/a/test/package.json",
        "app/node_modules/.cache/package.json",
        "app/node_modules/@scope/package.json",
        "app/node_modules/a/lib/package.json",
        "app/node_modules/a/xpackage.json",
    ] {
        assert!(!matches(path), "{path}");
    }
}

#[test]
fn name_and_version_are_taken_from_whatever_surrounds_them() {
    let read = |content: &str| {
        let layer = Archive::default().file(PATH, content).read();
        (packages(&layer), layer.problems.len())
    };
    let found = || vec![format!("{PATH} @s/a 1.0.0-rc.1")];
    for content in [
        r#"{"name":"@s/a","version":"1.0.0-rc.1"}"#,
        "\u{feff}{\"version\": \"1.0.0-rc.1\", \"x\": [1, -2, 3.5, {\"name\": \"b\"}, null], \"name\": \"@s/a\"}\n",
        r#"{"name":"old","name":"@s\/a","version":1,"version":"1.0.0-rc.1","private":false,"x":{"version":"2"}}"#,
    ] {
        assert_eq!(read(content), (found(), 0), "{content}");
    }
    for nothing in [
        "{}",
        r#"{"name":"a"}"#,
        r#"{"version":"1"}"#,
        r#"{"name":"a","version":""}"#,
        r#"{"name":["a"],"version":{"x":1}}"#,
        r#"{"name":"a","version":"1","private":true}"#,
    ] {
        assert_eq!(read(nothing), (vec![], 0), "{nothing}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    for broken in ["", "{", "[]", r#"{"name":"a","version":"1"} x"#, &deep] {
        assert_eq!(read(broken), (vec![], 1), "{broken:.20}");
    }
}

#[test]
fn licences_are_kept_in_all_their_shapes() {
    let licenses = |member: &str| {
        let text = format!(r#"{{"name":"a","version":"1",{member}}}"#);
        Archive::default().file(PATH, text).read().files[0].content.found()[0].details.licenses.clone()
    };
    assert_eq!(licenses(r#""license":"MIT""#), ["MIT"]);
    assert_eq!(licenses(r#""license":{"type":"BSD","url":"x"}"#), ["BSD"]);
    assert_eq!(licenses(r#""licenses":[{"type":"MIT"},{"type":"GPL"}]"#), ["MIT", "GPL"]);
    assert_eq!(licenses(r#""license":7"#), Vec::<String>::new());
}

#[test]
fn what_yarn_runs_out_of_archives_is_found() {
    use crate::zip::tests::{Builder, How};
    let path = "app/.yarn/cache/lodash-npm-4.17.20-abc.zip";
    let zip = Builder::default()
        .with(
            "node_modules/lodash/package.json",
            br#"{"name":"lodash","version":"4.17.20","license":"MIT"}"#,
            How::Deflated,
        )
        .with(
            "node_modules/lodash/node_modules/x/package.json",
            br#"{"name":"x","version":"1"}"#,
            How::Deflated,
        )
        .with("node_modules/lodash/fp/package.json", b"{}", How::Stored)
        .finish();
    let layer = Archive::default().file(path, zip).read();
    assert_eq!((packages(&layer), layer.problems), (vec![format!("{path} lodash 4.17.20")], vec![]));
    assert_eq!(Archive::default().file(path, "no zip").read().problems.len(), 1);
    assert!(!super::yarn::matches("app/cache/x.zip"));
}
