//! `package.json` files that count, and those that do not.

use super::{is_application, is_fetched, is_installed, matches};
use crate::tests::{Archive, packages};
use plimsoll_types::inventory::Confidence;

const PATH: &str = "app/node_modules/a/package.json";

#[test]
fn only_the_package_s_own_file_counts() {
    for path in [
        "node_modules/a/package.json",
        PATH,
        "app/node_modules/@scope/a/package.json",
        "app/node_modules/a/node_modules/b/package.json",
        "app/node_modules/.pnpm/a@1/node_modules/a/package.json",
        "app/node_modules/test/package.json",
        "app/node_modules/@test/test/node_modules/spec/package.json",
        "test/node_modules/a/package.json",
    ] {
        assert!(is_installed(path) && matches(path), "{path}");
    }
    for path in [
        "app/node_modules/package.json",
        "app/node_modules/a/test/node_modules/b/package.json",
        "app/node_modules/@s/a/src/__tests__/x/node_modules/b/package.json",
        "app/node_modules/a/test/package.json",
        "app/node_modules/.cache/package.json",
        "app/node_modules/@scope/package.json",
        "app/node_modules/a/lib/package.json",
        "app/node_modules/a/xpackage.json",
        "root/.cache/yarn/v6/npm-lodash-4.17.20-b44a9b6297bcb698f1c51a3545a2b3b368d59c52-integrity/node_modules/lodash/package.json",
    ] {
        assert!(!matches(path), "{path}");
    }
}

#[test]
fn applications_and_what_corepack_fetched_are_told_from_packages() {
    for path in ["package.json", "app/package.json", "opt/yarn-v1.22.22/package.json"] {
        assert!(is_application(path) && matches(path) && !is_installed(path) && !is_fetched(path), "{path}");
    }
    for path in [
        "root/.cache/node/corepack/v1/pnpm/9.1.0/package.json",
        "root/.cache/node/corepack/yarn/1.22.22/package.json",
        "root/.cache/node/corepack/v1/@yarnpkg/cli-dist/4.1.0/package.json",
        "deno-dir/npm/registry.npmjs.org/lodash/4.17.20/package.json",
        "deno-dir/npm/registry.npmjs.org/@babel/core/7.19.6/package.json",
    ] {
        assert!(is_fetched(path) && matches(path) && !is_application(path), "{path}");
    }
    let read = |path: &str, content: &str| {
        let layer = Archive::default().file(path, content).read();
        let confidence = layer.files.first().map(|file| file.content.found()[0].details.confidence);
        (packages(&layer), confidence, layer.problems.len())
    };
    let ghost = r#"{"name":"ghost","version":"5.2.0"}"#;
    let path = "var/lib/ghost/package.json";
    assert_eq!(read(path, ghost), (vec![format!("{path} ghost 5.2.0")], Some(Confidence::Medium), 0));
    // A template of such a file is not one.
    assert_eq!(read(path, r#"{"name":"<%= name %>",}"#), (vec![], None, 0));
    let path = "root/.cache/node/corepack/v1/pnpm/9.1.0/package.json";
    let pnpm = r#"{"name":"pnpm","version":"9.1.0"}"#;
    assert_eq!(read(path, pnpm), (vec![format!("{path} pnpm 9.1.0")], Some(Confidence::High), 0));
    assert_eq!(read(path, "{"), (vec![], None, 1));
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
