//! Documents that lie in an image.

use super::*;
use crate::tests::{Archive, packages};

const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","packages":[
    {"SPDXID":"SPDXRef-redis","name":"redis","versionInfo":"7.2.4-0","licenseDeclared":"BSD-3-Clause",
     "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:bitnami/redis@7.2.4-0?arch=amd64&distro=debian-12"}]},
    {"SPDXID":"SPDXRef-other","name":"source tree","versionInfo":"1"}]}"#;

#[test]
fn bitnami_s_own_are_records() {
    let path = "opt/bitnami/redis/.spdx-redis.spdx";
    let layer = Archive::default().file(path, SPDX).read();
    assert_eq!((packages(&layer), layer.problems.clone()), (vec![format!("{path} redis 7.2.4-0")], vec![]));
    let found = &layer.files[0].content.found()[0];
    assert_eq!(
        (found.package.package_type, found.details.confidence),
        (PackageType::Bitnami, Confidence::High)
    );
    assert_eq!(
        (found.details.licenses.clone(), found.details.is_hearsay()),
        (vec!["BSD-3-Clause".to_owned()], false)
    );
    assert_eq!(Archive::default().file(path, "{}").read().problems.len(), 1);
}

#[test]
fn what_only_an_sbom_names_is_marked() {
    let path = "var/lib/db/sbom/redis-7.2.spdx.json";
    let layer = Archive::default().file(path, SPDX).read();
    let found = layer.files[0].content.found();
    assert_eq!(found.len(), 2);
    assert!(
        found.iter().all(|found| found.details.is_hearsay() && found.details.confidence == Confidence::Low)
    );
    assert_eq!(Archive::default().file(path, "[]").read().problems.len(), 1);
    // Anything may be called so.
    assert_eq!(Archive::default().file("app/bom.json", "[]").read().problems, []);
    assert!(!embedded::matches("app/package.json") && !embedded::matches("opt/bitnami/x/.spdx-x.spdx"));
}
