//! SPDX 2.2 and 2.3 as tags and values (spdx.github.io/spdx-spec/v2.3, "Package information").
//!
//! A line is `Tag: value`; a value may go over lines between `<text>` and `</text>`. A package begins with `PackageName`.

use super::{Component, Reading, spdx};

/// Whether the document begins like one.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    start.lines().any(|line| line.trim_start().starts_with("SPDXVersion: SPDX-2."))
}

/// Reads the packages of the document.
pub(super) fn read(bytes: &[u8], reading: &mut Reading) {
    let text = String::from_utf8_lossy(bytes);
    let mut open: Option<(Component, String)> = None;
    let mut is_text = false;
    for line in text.lines() {
        if is_text {
            is_text = !line.contains("</text>");
            continue;
        }
        is_text = line.contains("<text>") && !line.contains("</text>");
        let Some((tag, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match tag.trim() {
            "PackageName" => {
                close(open.take(), reading);
                let component = Component { name: value.to_owned(), ..Component::default() };
                open = Some((component, String::new()));
            }
            // What belongs to a file or a snippet is none of a package's.
            "FileName" | "SnippetSPDXID" => close(open.take(), reading),
            tag => {
                if let Some((component, purpose)) = &mut open {
                    take(component, purpose, tag, value);
                }
            }
        }
    }
    close(open, reading);
}

fn take(component: &mut Component, purpose: &mut String, tag: &str, value: &str) {
    match tag {
        "SPDXID" => value.clone_into(&mut component.reference),
        "PackageVersion" => value.clone_into(&mut component.version),
        "PrimaryPackagePurpose" => value.clone_into(purpose),
        "PackageLicenseDeclared" | "PackageLicenseConcluded" => spdx::license_of(component, value),
        "ExternalRef" if component.purl.is_empty() => {
            let mut words = value.split_whitespace().skip(1);
            if words.next() == Some("purl") {
                words.next().unwrap_or_default().clone_into(&mut component.purl);
            }
        }
        _ => {}
    }
}

fn close(open: Option<(Component, String)>, reading: &mut Reading) {
    if let Some((mut component, purpose)) = open {
        component.kind = spdx::class(&component.reference, &purpose);
        reading.component(component);
    }
}
