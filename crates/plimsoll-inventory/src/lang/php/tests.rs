//! What Composer, PEAR and PECL leave.

use super::*;
use crate::tests::{Archive, packages};

const PATH: &str = "app/vendor/composer/installed.json";

#[test]
fn both_forms_of_installed_packages_are_read() {
    assert!(matches(PATH) && !matches("app/installed.json") && !matches("app/composer.lock"));
    let entries = r#"[{"name":"symfony/yaml","version":"v5.4.3","type":"library","license":["MIT"],"dev":true},
        {"name":"a/meta","version":"1.0","type":"metapackage"},{"name":"a/branch","version":"dev-main"},{"x":1}]"#;
    for text in [
        entries.to_owned(),
        format!(r#"{{"packages":{entries},"dev":true,"dev-package-names":["symfony/yaml"]}}"#),
    ] {
        let layer = Archive::default().file(PATH, &text).read();
        assert_eq!(
            packages(&layer),
            [format!("{PATH} a/branch dev-main"), format!("{PATH} symfony/yaml v5.4.3")]
        );
        assert_eq!(layer.files[0].content.found()[1].details.licenses, ["MIT"]);
    }
    for (text, problems) in [("{}", 0), ("[]", 0), ("", 1), ("[1]", 1), ("{\"packages\":[", 1)] {
        let layer = Archive::default().file(PATH, text).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (0, problems), "{text}");
    }
}

#[test]
fn the_registry_of_pear_is_read() {
    let path = "usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg";
    let text = r#"a:5:{s:4:"name";s:5:"redis";s:7:"channel";s:12:"pecl.php.net";s:4:"date";N;s:7:"version";a:2:{s:7:"release";s:5:"5.3.7";s:3:"api";s:5:"5.3.7";}s:7:"license";a:2:{s:7:"attribs";a:1:{s:3:"uri";s:1:"x";}s:8:"_content";s:3:"PHP";}}"#;
    let layer = Archive::default().file(path, text).read();
    assert_eq!(
        (packages(&layer), layer.problems.clone()),
        (vec![format!("{path} pecl/redis 5.3.7")], vec![])
    );
    assert_eq!(layer.files[0].content.found()[0].details.licenses, ["PHP"]);
    let deep = format!("{}i:1;", "a:1:{i:0;".repeat(100_000));
    for broken in ["", "a:1:{", "s:99999999999999999999:\"x\";", "a:0:{}", &text[..100], &deep, "}"] {
        assert_eq!(Archive::default().file(path, broken).read().problems.len(), 1, "{broken:.30}");
    }
}
