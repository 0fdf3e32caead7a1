//! Layer bytes to layer inventory, SBOM bytes to image inventory.
//!
//! One streaming pass: `unpack` decompresses, counts and hashes; `tar` finds the entries; `layer` keeps the books of
//! whiteouts, replaced paths and hard links, and hands the files that matter to the catalogers of `catalogers`. Nothing
//! else is buffered. All bytes here were written by strangers: every number is checked before it is believed, and what
//! cannot be read becomes a [`Problem`] beside what could.
//!
//! Pure over `impl Read`: no file, network, clock or database. Only the probe runs it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod catalogers;
mod distro;
mod gzip;
mod lang;
mod layer;
mod os;
mod path;
mod sbom;
mod sqlite;
mod tar;
mod unpack;
mod zip;

#[cfg(test)]
mod tests;

use std::io::Read;

use plimsoll_types::probe::Limits;
use plimsoll_types::{ImageInventory, LayerInventory, Problem};

/// Reads one layer: tar, plain or in gzip or zstd, whatever its media type says.
///
/// It never fails. A layer that is damaged, or passes a limit, gives what was found before that, and says so in its problems.
pub fn read_layer(input: impl Read, limits: &Limits) -> LayerInventory {
    layer::read(input, limits)
}

/// Reads an SBOM in CycloneDX JSON, SPDX as JSON or as tags and values, or our own JSON. Components that cannot be understood are problems of the inventory; a document that
/// cannot be understood at all is an error.
pub fn read_sbom(input: impl Read, limits: &Limits) -> Result<ImageInventory, Problem> {
    sbom::read(input, limits)
}

/// Decompresses a layer and walks its entries, with the readers that [`read_layer`] uses, and does nothing else: the floor
/// under which no reader of layers can go, to measure against.
pub fn walk(input: impl Read, limits: &Limits) -> Result<Walked, Problem> {
    let mut tar = tar::Tar::new(unpack::Unpack::new(input, limits), limits.path_bytes);
    let mut entries = 0;
    while tar.next()?.is_some() {
        entries += 1;
    }
    tar.drain()?;
    Ok(Walked { unpacked_bytes: tar.unpacked_bytes(), entries })
}

/// What [`walk`] passed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    /// Unpacked size in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
}
