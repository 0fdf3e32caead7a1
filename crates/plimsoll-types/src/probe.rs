//! What the server and its probe say to each other: limits on the way in, one bounded record on the way out.

pub(crate) mod budget;
mod command;
mod walls;

pub use command::{ProbeCommand, ProbeTask};
pub use walls::{Attempt, Outcome, Wall, WallKind, WallReport, WallState};

use serde::{Deserialize, Serialize};

use crate::{ImageInventory, LayerInventory, ParseError, Problem};

/// What the probe is given to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeInput {
    /// One layer: a tar archive, plain or compressed.
    Layer,
    /// One SBOM in CycloneDX JSON.
    Sbom,
}

/// What a probe may use for one layer. Passing one of the first four ends the reading with what was found before it,
/// `path_bytes`, `path_depth` and `file_bytes` cost the one file, and the kernel and the parent enforce the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes as they are stored, of a layer that is compressed.
    pub compressed_bytes: u64,
    /// Unpacked bytes.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each compressed byte, once 1 MiB was unpacked.
    pub ratio: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of one path.
    pub path_bytes: usize,
    /// Folders above one file: what is above it is looked up for each.
    pub path_depth: usize,
    /// Bytes of one file that is held in memory to be understood.
    pub file_bytes: usize,
    /// Address space of the process in bytes.
    pub memory_bytes: u64,
    /// CPU time in seconds.
    pub cpu_seconds: u64,
    /// Wall-clock time in seconds.
    pub wall_seconds: u64,
    /// Bytes of the record that comes back.
    pub output_bytes: usize,
}

impl Default for Limits {
    /// Generous for honest layers: 20 GiB compressed and 20 GiB unpacked, 200 to 1, 4,000,000 entries, paths of 4 KiB in 256
    /// folders, files of 64 MiB; 1 GiB of memory, 10 minutes of CPU, 15 of the clock, and a record of 64 MiB.
    fn default() -> Self {
        Self {
            compressed_bytes: 20 << 30,
            unpacked_bytes: 20 << 30,
            ratio: 200,
            entries: 4_000_000,
            path_bytes: 4096,
            path_depth: 256,
            file_bytes: 64 << 20,
            memory_bytes: 1 << 30,
            cpu_seconds: 600,
            wall_seconds: 900,
            output_bytes: 64 << 20,
        }
    }
}

/// What the probe answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ProbeReply {
    /// A layer's inventory, with the problems inside.
    Layer(Box<LayerInventory>),
    /// An SBOM's packages.
    Sbom(Box<ImageInventory>),
    /// Nothing could be read at all.
    Failed(Problem),
    /// The probe did not read a byte, since a wall it needs cannot be built on this machine: which one, and why.
    Refused(String),
}

impl ProbeReply {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Into a growing vector, of plain derived data: there is nothing that can fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// Reads a record, as if an attacker had written it: it must be whole, with nothing behind it, and its lists may not
    /// take more than `memory` bytes. A probe's own books keep an honest record within [`Limits::output_bytes`].
    pub fn decode_within(bytes: &[u8], memory: usize) -> Result<Self, ParseError> {
        budget::within(memory, || Self::decode(bytes))
    }

    /// Reads a record of one's own: it must be whole, with nothing behind it.
    pub fn decode(bytes: &[u8]) -> Result<Self, ParseError> {
        match postcard::take_from_bytes(bytes) {
            Ok((reply, [])) => Ok(reply),
            _ => Err(ParseError::new("one whole record of the probe", "other bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{FileContent, FileFact, Found};
    use crate::{Digest, Package, PackageType};

    fn reply(packages: usize) -> ProbeReply {
        let package = Found::from(Package::new(PackageType::Generic, "", ""));
        ProbeReply::Layer(Box::new(LayerInventory {
            diff_id: Digest::sha256(b""),
            unpacked_bytes: 0,
            entries: 0,
            files: vec![FileFact {
                path: "a".to_owned(),
                content: FileContent::Database(vec![package; packages]),
            }],
            whiteouts: vec!["b".to_owned()],
            opaque: vec![],
            replaced: vec![1, u64::MAX],
            directories: vec![],
            links: vec![],
            problems: vec![],
        }))
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let record = reply(3).encode();
        assert_eq!(ProbeReply::decode_within(&record, 1 << 20), Ok(reply(3)));
        assert!(ProbeReply::decode_within(&[&record[..], &[0]].concat(), 1 << 20).is_err());
        for length in 0..record.len() {
            assert!(ProbeReply::decode_within(&record[..length], 1 << 20).is_err(), "{length}");
        }
    }

    #[test]
    fn of_many_entries_each_takes_few_bytes() {
        let ProbeReply::Layer(mut layer) = reply(0) else { unreachable!() };
        layer.replaced =
            (0..100_000).map(|number: u32| crate::inventory::path_hash(&number.to_string())).collect();
        layer.replaced.sort_unstable();
        layer.directories = vec![7, 3, u64::MAX, 0];
        let reply = ProbeReply::Layer(layer);
        let record = reply.encode();
        assert!(record.len() < 760_000, "{}", record.len());
        assert_eq!(ProbeReply::decode_within(&record, 1 << 20), Ok(reply));
    }

    #[test]
    fn a_short_record_cannot_take_much_memory() {
        let record = reply(100_000).encode();
        let memory = 100_000 * size_of::<Found>();
        assert!(record.len() * 10 < memory);
        assert!(ProbeReply::decode_within(&record, memory / 2).is_err());
        // The refusal leaves no budget behind.
        assert!(ProbeReply::decode(&record).is_ok());
        assert!(ProbeReply::decode_within(&record, 2 * memory).is_ok());
    }
}
