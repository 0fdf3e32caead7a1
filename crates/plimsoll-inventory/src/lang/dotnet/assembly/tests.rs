//! Libraries as .NET's compilers lay them out, made by hand.

use super::*;
use crate::tests::{Archive, packages};

/// A part of a version resource.
fn block(key: &str, is_text: bool, value: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
    let units = if is_text { value.len() / 2 } else { value.len() };
    let mut bytes = [0_u16, u16::try_from(units).unwrap(), u16::from(is_text)].map(u16::to_le_bytes).concat();
    let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(utf16(key));
    pad(&mut bytes);
    bytes.extend_from_slice(value);
    for child in children {
        pad(&mut bytes);
        bytes.extend_from_slice(child);
    }
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[..2].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// With its NUL.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn version_info(texts: &[(&str, &str)]) -> Vec<u8> {
    let texts: Vec<_> = texts.iter().map(|(key, text)| block(key, true, &utf16(text), &[])).collect();
    let table = block("000004b0", true, b"", &texts);
    let variables = block("VarFileInfo", true, b"", &[block("Translation", false, &[0, 0, 0xb0, 4], &[])]);
    block("VS_VERSION_INFO", false, &[0; 52], &[variables, block("StringFileInfo", true, b"", &[table])])
}

const ADDRESS: u32 = 0x4000;

/// A section of resources with a version in it, behind a directory of icons.
fn section(info: &[u8]) -> Vec<u8> {
    let directory = |entries: &[(u32, u32)]| {
        let mut bytes = vec![0; 12];
        bytes.extend([0, u16::try_from(entries.len()).unwrap()].map(u16::to_le_bytes).concat());
        entries.iter().for_each(|(id, at)| bytes.extend([*id, *at].map(u32::to_le_bytes).concat()));
        bytes
    };
    let (deeper, size) = (1 << 31, u32::try_from(info.len()).unwrap());
    let mut bytes = directory(&[(3, 96), (16, deeper | 32)]);
    bytes.extend(directory(&[(1, deeper | 56)]));
    bytes.extend(directory(&[(0, 80)]));
    bytes.extend([ADDRESS + 96, size, 0, 0].map(u32::to_le_bytes).concat());
    bytes.extend_from_slice(info);
    bytes
}

/// A library with this section at the end of the file; `runtime` is where the headers of .NET's runtime are.
fn library(resources: &[u8], runtime: u32) -> Vec<u8> {
    let mut file = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &128_u32.to_le_bytes());
    put(128, b"PE\0\0\x4c\x01\x02\0");
    put(148, &224_u16.to_le_bytes());
    put(152, &0x10b_u16.to_le_bytes());
    put(152 + 92, &16_u32.to_le_bytes());
    put(152 + 96 + 16, &ADDRESS.to_le_bytes());
    put(152 + 96 + 8 * 14, &runtime.to_le_bytes());
    let size = u32::try_from(resources.len()).unwrap();
    put(376, b".text\0\0\0");
    put(376 + 12, &[0x2000_u32, 0x200, 512].map(u32::to_le_bytes).concat());
    put(416, b".rsrc\0\0\0");
    put(416 + 12, &[ADDRESS, size, 1024].map(u32::to_le_bytes).concat());
    file.extend_from_slice(resources);
    file
}

const NEWTONSOFT: [(&str, &str); 4] = [
    ("CompanyName", "Newtonsoft"),
    ("FileVersion", "13.0.3.27908"),
    ("OriginalFilename", "Newtonsoft.Json.dll"),
    ("ProductVersion", "13.0.3+0a2e291c0d9c0c7675d445703e51750363a549ef"),
];

#[test]
fn a_library_tells_its_package_where_no_record_does() {
    let layer = Archive::default()
        .file("app/plain.dll", library(&section(&version_info(&NEWTONSOFT)), 0x2008))
        .read();
    assert_eq!(packages(&layer), ["app/plain.dll Newtonsoft.Json 13.0.3"]);
    let details = &layer.files[0].content.found()[0].details;
    assert_eq!(details.confidence, Confidence::Low);
    assert!(
        details.is_by_content() && details.evidence.as_ref().unwrap().contains("ProductVersion 13.0.3+0a2e")
    );
    // A program of another kind with the same resource is a package of no registry.
    let native =
        Archive::default().file("app/tool.exe", library(&section(&version_info(&NEWTONSOFT)), 0)).read();
    assert_eq!(packages(&native), [""; 0]);
}

#[test]
fn names_and_versions_are_those_of_packages() {
    let named = |file: &str, product: &str, version: &str| {
        let said = Said { file: file.into(), product_version: product.into(), file_version: version.into() };
        package(said).map(|found| format!("{} {}", found.package.name, found.package.version))
    };
    assert_eq!(named("A.B.DLL", "1.2", "1.2.0.0").as_deref(), Some("A.B 1.2"));
    assert_eq!(named("a.exe", "4.8.4110.0 built by: NET48REL1", "").as_deref(), Some("a 4.8.4110.0"));
    assert_eq!(
        named("a.dll", "8.0.0-rc.1.23419.4+92959931a3", "8.0.23.41904").as_deref(),
        Some("a 8.0.0-rc.1.23419.4")
    );
    assert_eq!(named("a.dll", " ", "6.0.8.18111").as_deref(), Some("a 6.0.8.18111"));
    assert_eq!(named("a.dll", "main-branch", "2.0.1.0").as_deref(), Some("a 2.0.1.0"));
    for (file, product) in [
        ("a", "1.2.3"),
        ("a.resources.dll", "1.2.3"),
        ("policy.5.0.a.dll", "1.2.3"),
        (".dll", "1.2.3"),
        ("a b.dll", "1.2.3"),
        ("\u{e9}.dll", "1.2.3"),
        ("a.dll", "0.0.0.0"),
        ("a.dll", "7"),
        ("a.dll", "1.2.3.4.5"),
        ("a.dll", "1.2.3-"),
        ("a.dll", "1..3"),
        ("a.dll", "12345678901.2"),
    ] {
        assert_eq!(named(file, product, ""), None, "{file} {product}");
    }
}

#[test]
fn headers_that_lie_lead_nowhere() {
    let good = library(&section(&version_info(&NEWTONSOFT)), 0x2008);
    let read = |bytes: &[u8]| {
        let layer = Archive::default().file("a.dll", bytes).read();
        assert_eq!(layer.problems, []);
        packages(&layer).len()
    };
    assert_eq!(read(&good), 1);
    // Without an archive around it, which takes most of the time.
    let alone = |bytes: &[u8]| {
        let resources = Resources::find(bytes)?;
        let from = usize::try_from(resources.offset).ok()?;
        version_resource(bytes.get(from..)?, resources.address)
    };
    assert!(alone(&good).is_some());
    for length in 0..good.len() {
        alone(&good[..length]);
    }
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            alone(&bytes);
        }
    }
    // A directory that is its own entry.
    let mut circle = section(&version_info(&NEWTONSOFT));
    circle[28..32].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    assert_eq!(read(&library(&circle, 1)), 0);
    // Resources that are said to be gigabytes, and to begin behind the end.
    let mut large = good.clone();
    large[432..436].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&large), 1);
    large[436..440].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&large), 0);
}
