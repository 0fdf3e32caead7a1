//! Libraries, alone and packed into each other.

use plimsoll_types::LayerInventory;
use plimsoll_types::inventory::Confidence;

use super::*;
use crate::tests::{Archive as Layer, packages};
use crate::zip::tests::{Builder, How};

fn pom(group: &str, artifact: &str, version: &str) -> (String, String) {
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    (
        path,
        format!("#Generated\r\n#date\r\nversion={version}\r\ngroupId={group}\r\nartifactId={artifact}\r\n"),
    )
}

fn jar(entries: &[(&str, &str)]) -> Vec<u8> {
    let add =
        |jar: Builder, (path, content): &(&str, &str)| jar.with(path, content.as_bytes(), How::Streamed);
    entries.iter().fold(Builder::default(), add).finish()
}

fn names(layer: &LayerInventory) -> Vec<String> {
    packages(layer).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

fn read(path: &str, bytes: &[u8]) -> Vec<String> {
    let layer = Layer::default().file(path, bytes).read();
    assert_eq!(layer.problems, [], "{path}");
    names(&layer)
}

#[test]
fn a_library_is_what_its_properties_say() {
    let (path, text) = pom("org.apache.logging.log4j", "log4j-core", "2.14.1");
    let manifest = "Manifest-Version: 1.0\r\nImplementation-Title: Apache Log4j Core\r\nBundle-License: Apache-2.0;link=\"x\"\r\n\
                    Implementation-Version: 9.9.9\r\n\r\n";
    let bytes = jar(&[("META-INF/MANIFEST.MF", manifest), (&path, &text), ("a/B.class", "code")]);
    let layer = Layer::default().file("app/renamed.jar", bytes).read();
    let FileContent::Packages(found) = &layer.files[0].content else { panic!() };
    let [log4j] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        log4j.package,
        Package::new(PackageType::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1")
    );
    assert_eq!(
        (log4j.details.licenses.clone(), log4j.details.evidence.clone()),
        (vec!["Apache-2.0".to_owned()], None)
    );
}

#[test]
fn libraries_that_were_packed_into_one_are_all_there() {
    let (a, b) = (pom("com.example", "app", "1.0"), pom("com.google.guava", "guava", "19.0"));
    let both = jar(&[(&a.0, &a.1), (&b.0, &b.1)]);
    assert_eq!(read("app/app-1.0.jar", &both), ["com.example:app 1.0", "com.google.guava:guava 19.0"]);
    // Built by another tool, with these packed into it: it is one more.
    let expected = ["mine 3.1", "com.example:app 1.0", "com.google.guava:guava 19.0"];
    let mut found = read("app/mine-3.1.jar", &both);
    found.sort_by_key(|line| expected.iter().position(|e| e == line));
    assert_eq!(found, expected);
    // What was never filled in says nothing.
    let template = pom("${project.groupId}", "x", "1");
    assert_eq!(read("app/y.jar", &jar(&[(&template.0, &template.1)])), Vec::<String>::new());
}

#[test]
fn archives_inside_archives_are_followed() {
    let lib = pom("com.fasterxml.jackson.core", "jackson-databind", "2.9.8");
    let lib = jar(&[(&lib.0, &lib.1)]);
    let own = pom("com.example", "web", "1.0");
    let war = Builder::default()
        .with("WEB-INF/lib/jackson-databind-2.9.8.jar", &lib, How::Stored)
        .with(
            "WEB-INF/lib/spring-core-5.3.17.jar",
            &jar(&[("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")]),
            How::Deflated,
        )
        .with(&own.0, own.1.as_bytes(), How::Deflated)
        .finish();
    let ear = Builder::default().with("web.war", &war, How::Deflated).finish();
    let layer = Layer::default().file("opt/app.ear", ear).read();
    assert_eq!(layer.problems, []);
    let FileContent::Packages(found) = &layer.files[0].content else { panic!() };
    let shown: Vec<_> = found
        .iter()
        .map(|found| {
            (found.package.name.as_str(), found.details.confidence, found.details.evidence.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("com.example:web", Confidence::High, Some("web.war")),
            (
                "com.fasterxml.jackson.core:jackson-databind",
                Confidence::High,
                Some("web.war!WEB-INF/lib/jackson-databind-2.9.8.jar")
            ),
            (
                "org.springframework:spring-core",
                Confidence::Medium,
                Some("web.war!WEB-INF/lib/spring-core-5.3.17.jar")
            ),
        ]
    );
}

#[test]
fn a_bundle_of_eclipse_s_is_in_the_group_that_its_name_begins_with() {
    let bundle = jar(&[(
        "META-INF/MANIFEST.MF",
        "Manifest-Version: 1.0\nBundle-SymbolicName: org.eclipse.persistence.core;singleton:=true\nBundle-Version: 2.7.0.x\n",
    )]);
    assert_eq!(
        read("lib/org.eclipse.persistence.core-2.7.0.jar", &bundle),
        ["org.eclipse.persistence:org.eclipse.persistence.core 2.7.0"]
    );
}

#[test]
fn a_plug_in_and_the_library_in_it_are_one() {
    let library = pom("org.jenkins-ci.plugins", "git", "4.8.1");
    let manifest =
        "Manifest-Version: 1.0\nShort-Name: git\nGroup-Id: org.jenkins-ci.plugins\nPlugin-Version: 4.8.1\n";
    let plugin = Builder::default()
        .with("META-INF/MANIFEST.MF", manifest.as_bytes(), How::Deflated)
        .with("WEB-INF/lib/git.jar", &jar(&[(&library.0, &library.1)]), How::Deflated)
        .finish();
    assert_eq!(read("plugins/git.hpi", &plugin), ["org.jenkins-ci.plugins:git 4.8.1"]);
}

#[test]
fn names_of_files_are_taken_apart() {
    for (stem, expected) in [
        ("log4j-core-2.14.1", Some(("log4j-core", "2.14.1"))),
        ("log4j-1.2-api-2.17.1", Some(("log4j-1.2-api", "2.17.1"))),
        ("guava-31.1-jre", Some(("guava", "31.1-jre"))),
        (
            "netty-transport-native-epoll-4.1.72.Final-linux-x86_64",
            Some(("netty-transport-native-epoll", "4.1.72.Final")),
        ),
        ("jackson-module-scala_2.13-2.15.0", Some(("jackson-module-scala_2.13", "2.15.0"))),
        ("tool-1.0-20200101.123456-1", Some(("tool", "1.0-20200101.123456-1"))),
        ("spring-core-5.3.20.RELEASE", Some(("spring-core", "5.3.20.RELEASE"))),
        ("h2-1.4.200", Some(("h2", "1.4.200"))),
        ("guice-4.2.3-no_aop", Some(("guice", "4.2.3"))),
        ("x-1-2", Some(("x-1", "2"))),
        ("catalina", None),
        ("-1", None),
        ("", None),
    ] {
        assert_eq!(stem_parts(stem), expected, "{stem}");
    }
}

#[test]
fn a_library_without_properties_is_a_marked_guess() {
    let of = |path: &str, manifest: &str| {
        let layer = Layer::default().file(path, jar(&[("META-INF/MANIFEST.MF", manifest)])).read();
        let found = layer.files.first().and_then(|file| file.content.found().first().cloned());
        found.map(|f| (f.package.name, f.package.version, f.details.confidence))
    };
    let known =
        |name: &str, version: &str, confidence| Some((name.to_owned(), version.to_owned(), confidence));
    let title = "Implementation-Title: spring-core\nImplementation-Version: 5.3.20\nAutomatic-Module-Name: spring.core\n";
    assert_eq!(
        of("a/spring-core.jar", title),
        known("org.springframework:spring-core", "5.3.20", Confidence::Medium)
    );
    let bundle = "Bundle-SymbolicName: org.example.parser;sing\n leton:=true\nBundle-Version: 1.2.3\n";
    assert_eq!(of("a/parser.jar", bundle), known("org.example:parser", "1.2.3", Confidence::Low));
    let vendor = "Implementation-Vendor-Id: com.acme.tools\nImplementation-Version: 2.0 build 7\n";
    assert_eq!(of("a/drill.jar", vendor), known("com.acme.tools:drill", "2.0", Confidence::Low));
    assert_eq!(of("a/plain-1.5.jar", ""), known("plain", "1.5", Confidence::Low));
    let plugin = "Plugin-Version: 3.2\nShort-Name: git-client\nGroup-Id: org.jenkins-ci.plugins\nImplementation-Version: 3.2\n";
    assert_eq!(of("p/x.hpi", plugin), known("org.jenkins-ci.plugins:git-client", "3.2", Confidence::Medium));
    // Nothing that says what it is.
    assert_eq!(of("a/app.jar", "Main-Class: com.example.Main\n\nImplementation-Version: 1\n"), None);
}

#[test]
fn what_is_no_archive_or_only_half_of_one_is_a_problem() {
    let problems = |path: &str, bytes: &[u8]| {
        let layer = Layer::default().file(path, bytes).read();
        (names(&layer), layer.problems.len())
    };
    let lib = pom("g", "a", "1");
    let whole = jar(&[(&lib.0, &lib.1), ("x", "y")]);
    assert_eq!(problems("a.jar", b"not a zip"), (vec![], 1));
    assert_eq!(problems("a.jar", b""), (vec![], 0));
    assert_eq!(problems("a.rar", b"Rar!\x1a\x07"), (vec![], 0));
    assert_eq!(problems("a.jar", &whole[..whole.len() - 30]), (vec!["g:a 1".to_owned()], 1));
    let mut deep = whole;
    for _ in 0..50 {
        deep = Builder::default().with("in.jar", &deep, How::Stored).finish();
    }
    assert_eq!(problems("a.jar", &deep), (vec![], 1));
}

#[test]
fn the_runtime_is_told_by_its_release_file() {
    let read = |text: &str| packages(&Layer::default().file("opt/java/openjdk/release", text).read());
    let modern = "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_RUNTIME_VERSION=\"17.0.9+9\"\nJAVA_VERSION=\"17.0.9\"\nOS_ARCH=\"x86_64\"\n";
    assert_eq!(read(modern), ["opt/java/openjdk/release java 17.0.9"]);
    let old = "JAVA_VERSION=\"1.8.0_392\"\nOS_NAME=\"Linux\"\n";
    assert_eq!(read(old), ["opt/java/openjdk/release java 1.8.392"]);
    for other in ["", "v1.2.3\n", "JAVA_VERSION=\"17\"\n", "\u{0}"] {
        assert_eq!(read(other), Vec::<String>::new(), "{other}");
    }
}

/// Java's own tool writes an archive with all sizes behind the entries.
#[test]
fn what_the_jar_tool_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let lib = pom("com.example", "tool", "1.2.3");
    let file = folder.path().join(&lib.0);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, lib.1).unwrap();
    let mut jar = std::process::Command::new("jar");
    jar.current_dir(&folder).args(["cf", "tool.jar", "META-INF"]);
    let Ok(output) = jar.output() else { return eprintln!("skipped: there is no jar program") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(folder.path().join("tool.jar")).unwrap();
    assert_eq!(read("app/tool.jar", &bytes), ["com.example:tool 1.2.3"]);
}
