//! Programs that GraalVM compiled from Java, with the SBOM that it puts into them (graalvm.org, "Embed a SBOM").
//!
//! It is CycloneDX JSON under gzip in the program's data.

use plimsoll_types::inventory::{Details, FileContent, Found};

use super::compressed::{self, Kind};
use super::some;
use crate::catalogers::{Reader, Start, Unreadable};

/// gzip with deflate and without a name, as Java writes it.
const DOCUMENT: Kind = Kind {
    magic: &[b"\x1f\x8b\x08\0"],
    header: 10,
    is_zlib: false,
    beginning: b"{\"bomFormat\":\"CycloneDX\"",
    most: 16 * 1024 * 1024,
    is_writable: true,
};

/// A reader for a program that may have such a document.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    compressed::reader(DOCUMENT, start, parse)
}

fn parse(document: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let document = crate::sbom::parse(document).map_err(|problem| Unreadable::because(problem.message))?;
    let packages = document.packages.into_iter().map(|installed| {
        let evidence = Some("the SBOM inside the program".to_owned());
        Found { details: Details { evidence, ..installed.details }, ..installed.package.into() }
    });
    Ok(some(packages.collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::tests::{Archive, packages};

    #[test]
    fn the_document_in_the_data_names_the_libraries() {
        let json = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[
            {"type":"library","group":"io.netty","name":"netty-codec-http2","version":"4.1.76.Final",
             "purl":"pkg:maven/io.netty/netty-codec-http2@4.1.76.Final"}]}"#;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(json.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let program = crate::lang::elf::tests::program(&b"text".repeat(100), &gzip);
        let layer = Archive::default().file("app/server", program).read();
        assert_eq!(packages(&layer), ["app/server io.netty:netty-codec-http2 4.1.76.Final"]);
        assert_eq!(layer.problems, []);
        let program = crate::lang::elf::tests::program(b"", &gzip[..gzip.len() - 40]);
        assert_eq!(Archive::default().file("app/server", program).read().problems.len(), 1);
    }
}
