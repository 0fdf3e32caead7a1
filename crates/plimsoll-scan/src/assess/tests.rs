use plimsoll_types::inventory::Distro;
use plimsoll_types::{InstalledPackage, Package, PackageType, Purl};

use super::*;

/// A database that knows musl of Alpine v3.4, the Python package flask, and nothing else.
fn advisories() -> (tempfile::TempDir, Advisories) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let mut builder = plimsoll_advisory::Builder::new(Timestamp(0));
    for (ecosystem, name) in [("Alpine:v3.4", "musl"), ("PyPI", "flask")] {
        let record = format!(
            r#"{{"id": "X-{name}", "modified": "2020-01-01T00:00:00Z", "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "{name}"}},
                "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}, {{"fixed": "1.0"}}]}}]}}]}}"#
        );
        builder.add(ecosystem, &plimsoll_advisory::osv::parse(record.as_bytes()).unwrap()).unwrap();
    }
    builder.write(&path).unwrap();
    let database = plimsoll_advisory::Database::open(&path).unwrap();
    (folder, Advisories::from_database(7, database))
}

fn alpine(version: &str) -> Distro {
    Distro {
        id: "alpine".into(),
        version_id: version.into(),
        pretty_name: format!("Alpine {version}"),
        ..Distro::default()
    }
}

fn installed(
    package_type: PackageType,
    name: &str,
    version: &str,
    distro: Option<&Distro>,
) -> InstalledPackage {
    InstalledPackage::from_sbom(Package::new(package_type, name, version), distro, &Purl::default())
}

fn image(distro: Option<Distro>, packages: &[(PackageType, &str, &str)]) -> ImageInventory {
    let packages = packages
        .iter()
        .map(|(kind, name, version)| installed(*kind, name, version, distro.as_ref()))
        .collect();
    ImageInventory { distro, packages, ..ImageInventory::default() }
}

/// Why an image is not judged, or nothing where it is.
fn reason(inventory: &ImageInventory) -> Option<String> {
    let (_folder, advisories) = advisories();
    let looked = Looked {
        inventory,
        layers: Vec::new(),
        platform: None,
        advisories: Some(&advisories),
        now: Timestamp(0),
    };
    let coverage = coverage(looked);
    assert_eq!(coverage.conclusion.complete, coverage.conclusion.reason.is_none());
    coverage.conclusion.reason
}

const MUSL: (PackageType, &str, &str) = (PackageType::Apk, "musl", "1.1");

#[test]
fn an_image_that_was_read_and_compared_is_judged() {
    assert_eq!(reason(&image(Some(alpine("3.4.6")), &[MUSL])), None);
    // Without a distribution, what its language packages are is known all the same.
    assert_eq!(reason(&image(None, &[(PackageType::Pypi, "flask", "2")])), None);
}

#[test]
fn whatever_was_not_read_or_not_compared_is_said() {
    let mut damaged = image(Some(alpine("3.4.6")), &[MUSL]);
    damaged.problems = vec![
        Problem::new(ProblemKind::Damaged, "it ends too early"),
        Problem::new(ProblemKind::Unreadable, "x"),
    ];
    let nothing = image(None, &[]);
    let cases = [
        (nothing, "no operating system and no packages were recognised"),
        (damaged, "part of it could not be read: it ends too early (and 1 more)"),
        (image(Some(alpine("3.4.6")), &[]), "Alpine 3.4.6 was recognised, but no list of its packages"),
        (image(Some(alpine("3.20.3")), &[MUSL]), "no advisories are known for Alpine:v3.20"),
        (
            image(Some(alpine("3.4.6")), &[MUSL, (PackageType::Npm, "left-pad", "1.0.0")]),
            "no advisories are known for npm",
        ),
        (
            image(
                Some(Distro { id: "gentoo".into(), pretty_name: "Gentoo".into(), ..Distro::default() }),
                &[MUSL],
            ),
            "no advisories are known for Gentoo",
        ),
        (image(None, &[MUSL]), "1 package of no known publisher of advisories could not be compared"),
        (
            image(None, &[(PackageType::Pypi, "flask", "")]),
            "1 package without a version could not be compared",
        ),
    ];
    for (inventory, expected) in cases {
        assert_eq!(reason(&inventory).as_deref(), Some(expected));
    }
}

#[test]
fn without_advisories_and_on_windows_nothing_is_judged() {
    let inventory = image(Some(alpine("3.4.6")), &[MUSL]);
    let windows = Platform {
        os: "windows".into(),
        architecture: "amd64".into(),
        variant: None,
        os_version: Some("10.0.1".into()),
    };
    let conclude = |platform: Option<&Platform>| {
        let looked = Looked {
            inventory: &inventory,
            layers: Vec::new(),
            platform,
            advisories: None,
            now: Timestamp(0),
        };
        coverage(looked).conclusion.reason.unwrap()
    };
    assert_eq!(conclude(None), "there is no advisory data yet");
    assert!(conclude(Some(&windows)).contains("build 10.0.1"));
}

#[test]
fn an_image_of_which_no_layer_was_read_says_so() {
    let mut inventory = image(None, &[]);
    inventory.problems = vec![Problem::new(ProblemKind::Missing, "the layer is not there")];
    let (_folder, advisories) = advisories();
    let layers = vec![LayerCoverage { digest: Digest::sha256(b""), read: false, command: String::new() }];
    let looked = Looked {
        inventory: &inventory,
        layers,
        platform: None,
        advisories: Some(&advisories),
        now: Timestamp(0),
    };
    let reason = coverage(looked).conclusion.reason.unwrap();
    assert_eq!(reason, "it could not be read: the layer is not there");
}

#[test]
fn a_configuration_that_lies_about_its_layers_is_found_out() {
    let layer = |content: &[u8], problems| LayerInventory {
        diff_id: Digest::sha256(content),
        unpacked_bytes: 0,
        entries: 0,
        files: vec![],
        whiteouts: vec![],
        opaque: vec![],
        replaced: vec![],
        directories: vec![],
        links: vec![],
        problems,
    };
    let honest = layer(b"a", vec![]);
    let other = layer(b"b", vec![]);
    let cut = layer(b"c", vec![Problem::new(ProblemKind::Damaged, "cut")]);
    let ids = [Digest::sha256(b"a"), Digest::sha256(b"a"), Digest::sha256(b"a"), Digest::sha256(b"a")];
    let kinds = |layers: &[Option<&LayerInventory>], ids: &[Digest]| -> Vec<ProblemKind> {
        check_diff_ids(layers, ids).into_iter().map(|problem| problem.kind).collect()
    };
    // What was cut short or never read has a problem of its own already.
    assert_eq!(kinds(&[Some(&honest), Some(&other), Some(&cut), None], &ids), [ProblemKind::Mismatch]);
    assert_eq!(kinds(&[Some(&honest)], &ids), [ProblemKind::Mismatch]);
    let long = Digest::of(plimsoll_types::Algorithm::Sha512, b"a");
    assert_eq!(kinds(&[Some(&honest)], &[long]), [ProblemKind::Unsupported]);
}
