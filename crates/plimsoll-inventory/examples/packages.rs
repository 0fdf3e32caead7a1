//! Lists what the files of a layer name, and what of it could not be read: `packages LAYER.tar`.
//!
//! One line a package: type, name, version, confidence and file, with a tab between them. Problems go to standard error.

use plimsoll_types::ImageInventory;
use plimsoll_types::probe::Limits;

fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        let layer = plimsoll_inventory::read_layer(std::fs::File::open(&path)?, &Limits::default());
        let image = ImageInventory::merge(&[(None, &layer)]);
        for found in &image.packages {
            let (package, details) = (&found.package, &found.details);
            let evidence = details.evidence.as_deref().unwrap_or("");
            println!(
                "{}\t{}\t{}\t{:?}\t{}\t{evidence}\t{}",
                package.package_type.as_str(),
                package.name,
                package.version,
                details.confidence,
                found.path,
                details.licenses.join(" | ")
            );
        }
        for problem in &image.problems {
            eprintln!("{problem}");
        }
    }
    Ok(())
}
