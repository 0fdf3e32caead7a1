//! Documents against the rules of their schemas, as far as a test can hold them without the schemas.

use std::collections::HashSet;

use super::*;
use crate::inventory::{Confidence, Details, Distro};
use crate::{Ecosystem, Package, PackageType};

fn installed(kind: PackageType, name: &str, path: &str) -> InstalledPackage {
    let mut installed = InstalledPackage::new(Package::new(kind, name, "1.0"), Some(Ecosystem::of("npm")));
    installed.path = path.to_owned();
    installed.layer = Some(Digest::sha256(b"layer"));
    installed
}

fn inventory() -> ImageInventory {
    let mut guess = installed(PackageType::Bitnami, "nginx", "usr/sbin/nginx");
    guess.details = Details {
        licenses: vec!["MIT".into(), "My \"own\" licence".into(), "MIT OR Apache-2.0".into(), "MIT".into()],
        confidence: Confidence::Low,
        evidence: Some(format!("{}nginx/1.0", Details::BY_CONTENT)),
        ..Details::default()
    };
    let mut expression = installed(PackageType::Npm, "b", "");
    expression.details.licenses = vec!["(MIT or Apache-2.0)".into()];
    let packages = vec![
        installed(PackageType::Npm, "a", "x/a"),
        installed(PackageType::Npm, "a", "y/a"),
        expression,
        installed(PackageType::Generic, "odd name#n=2 \u{1}/é", "p"),
        guess,
    ];
    let distro = Distro { id: "alpine".into(), version_id: "3.18.4".into(), ..Distro::default() };
    let problems =
        (0..1002).map(|n| Problem::at(ProblemKind::Damaged, &format!("p{n}"), "it ends")).collect();
    ImageInventory { distro: Some(distro), packages, problems, ..ImageInventory::default() }
}

fn document(format: Format) -> Value {
    let digest = Digest::sha256(b"manifest");
    let subject =
        Subject { name: "app:1", digest: Some(&digest), platform: Some("linux/amd64"), is_image: true };
    let document = write(format, &subject, &inventory(), Timestamp(1_700_000_000_123));
    assert_eq!(document, write(format, &subject, &inventory(), Timestamp(1_700_000_000_123)));
    // For a look at it with the official schemas: `PLIMSOLL_SBOM_DIR=… cargo test -p plimsoll-types sbom`.
    if let Some(folder) = std::env::var_os("PLIMSOLL_SBOM_DIR") {
        let path = std::path::Path::new(&folder).join(format!("{format:?}.json"));
        std::fs::write(path, document.to_string()).unwrap();
    }
    document
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn cyclonedx_keeps_the_rules_of_its_schema() {
    let document = document(Format::CycloneDx);
    assert_eq!((text(&document, "bomFormat"), text(&document, "specVersion")), ("CycloneDX", "1.6"));
    let serial = text(&document, "serialNumber");
    let hex: Vec<&str> = serial.strip_prefix("urn:uuid:").unwrap().split('-').collect();
    assert_eq!(hex.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(hex[2].starts_with('8') && hex[3].starts_with(['8', '9', 'a', 'b']), "{serial}");
    let mut references = HashSet::new();
    for component in list(&document, "components").iter().chain([&document["metadata"]["component"]]) {
        assert!(references.insert(text(component, "bom-ref")), "{component}");
        let known = ["operating-system", "library", "application", "container", "file"];
        assert!(
            known.contains(&text(component, "type")) && !text(component, "name").is_empty(),
            "{component}"
        );
        for license in component["licenses"].as_array().into_iter().flatten() {
            // One expression and nothing else, or licences that are either an id or a name.
            let inner = license["license"].as_object().map(|inner| inner.keys().cloned().collect::<Vec<_>>());
            match inner.as_deref() {
                None => assert!(license["expression"].is_string() && list(component, "licenses").len() == 1),
                Some([key]) if key == "id" => assert!(license::is_id(text(&license["license"], "id"))),
                Some(keys) => assert_eq!(keys, ["name"]),
            }
        }
        for property in component["properties"].as_array().into_iter().flatten() {
            assert!(text(property, "name").starts_with("plimsoll:") && property["value"].is_string());
        }
        for occurrence in component["evidence"]["occurrences"].as_array().into_iter().flatten() {
            assert!(!text(occurrence, "location").is_empty());
        }
    }
    assert_eq!(references.len(), 7);
    let guess = list(&document, "components").last().unwrap();
    assert_eq!(guess["evidence"]["identity"][0]["methods"][0]["technique"], "binary-analysis");
    assert_eq!(list(guess, "licenses").len(), 3);
    let expression = list(&document, "components")[3]["licenses"][0]["expression"].as_str();
    assert_eq!(expression, Some("(MIT OR Apache-2.0)"));
}

#[test]
fn spdx_keeps_the_rules_of_its_schema() {
    let document = document(Format::Spdx);
    assert_eq!((text(&document, "spdxVersion"), text(&document, "dataLicense")), ("SPDX-2.3", "CC0-1.0"));
    assert!(
        text(&document, "documentNamespace").starts_with("https://")
            && !text(&document, "documentNamespace").contains('#')
    );
    assert_eq!(text(&document["creationInfo"], "created"), "2023-11-14T22:13:20Z");
    let mut ids = HashSet::from(["SPDXRef-DOCUMENT"]);
    let references: HashSet<&str> =
        list(&document, "hasExtractedLicensingInfos").iter().map(|info| text(info, "licenseId")).collect();
    for package in list(&document, "packages") {
        let id = text(package, "SPDXID");
        let rest = id.strip_prefix("SPDXRef-").unwrap();
        assert!(
            ids.insert(id) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b)),
            "{id}"
        );
        assert!(!text(package, "name").is_empty() && text(package, "downloadLocation") == "NOASSERTION");
        let declared = text(package, "licenseDeclared").replace(['(', ')'], " ");
        for word in
            declared.split_whitespace().filter(|word| !["AND", "OR", "WITH", "NOASSERTION"].contains(word))
        {
            assert!(references.contains(word) || license::is_id(word), "{declared}");
        }
        for reference in package["externalRefs"].as_array().into_iter().flatten() {
            assert_eq!(
                (text(reference, "referenceCategory"), text(reference, "referenceType")),
                ("PACKAGE-MANAGER", "purl")
            );
            assert!(text(reference, "referenceLocator").starts_with("pkg:"));
        }
        for annotation in package["annotations"].as_array().into_iter().flatten() {
            assert_eq!(text(annotation, "annotationType"), "OTHER");
            assert!(
                text(annotation, "annotator").starts_with("Tool: ")
                    && text(annotation, "annotationDate").ends_with('Z')
            );
        }
    }
    for relationship in list(&document, "relationships") {
        assert!(
            ids.contains(text(relationship, "spdxElementId"))
                && ids.contains(text(relationship, "relatedSpdxElement"))
        );
    }
    let declared: Vec<&str> =
        list(&document, "packages").iter().map(|package| text(package, "licenseDeclared")).collect();
    assert!(
        declared[6].starts_with("MIT AND LicenseRef-") && declared[6].ends_with(" AND (MIT OR Apache-2.0)"),
        "{declared:?}"
    );
}

#[test]
fn our_own_form_has_all_of_it() {
    let document = document(Format::Native);
    assert_eq!((document["plimsollInventory"].as_u64(), list(&document, "packages").len()), (Some(1), 5));
    let guess = &list(&document, "packages")[4];
    assert_eq!(
        (text(guess, "confidence"), text(guess, "type"), text(guess, "path")),
        ("low", "bitnami", "usr/sbin/nginx")
    );
    assert_eq!(text(&document["image"], "platform"), "linux/amd64");
}

/// What the standards' own programs say: CycloneDX's library has the schema, SPDX's tools have its rules.
const VALIDATE: &str = r#"
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
documents = json.load(sys.stdin)
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(documents["cyclonedx"]))
if error is not None:
    sys.exit(f"CycloneDX: {error}")
for message in validate_full_spdx_document(JsonLikeDictParser().parse(documents["spdx"])):
    sys.exit(f"SPDX: {message}")
print("valid", len(documents["spdx"]["packages"]))
"#;

#[test]
fn documents_hold_against_the_official_schemas() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let Some(python) = std::env::var_os("PLIMSOLL_TEST_PYTHON") else {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_SERVERS").is_none(), "PLIMSOLL_TEST_PYTHON is not set");
        return eprintln!("skipped: PLIMSOLL_TEST_PYTHON names no Python with the standards' own validators");
    };
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let documents = json!({"cyclonedx": document(Format::CycloneDx), "spdx": document(Format::Spdx)});
    child.stdin.take().unwrap().write_all(documents.to_string().as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&said.stdout), "valid 7\n", "{}", text(&said.stderr));
}
