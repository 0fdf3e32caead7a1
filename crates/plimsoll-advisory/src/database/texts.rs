//! The texts of advisories, in blocks small enough that one text costs microseconds. They are packed with a dictionary that is
//! made of them, without which small blocks would pack badly.

use std::cell::RefCell;
use std::io;

use serde::{Deserialize, Serialize};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, DCtx, DDict};

use super::format::{BlockRow, TextPlace};

/// Unpacked bytes at which a block is closed.
const BLOCK_BYTES: usize = 1 << 10;
/// Unpacked bytes of a block that is read. A text is at most 150 kB, so no block of ours is nearly as large.
const MAX_BLOCK_BYTES: usize = 1 << 20;
const LEVEL: i32 = 9;
/// Bytes that wait together for the dictionary. In the meantime they are packed in a hurry.
const CHUNK_BYTES: usize = 64 << 10;
const LEVEL_IN_A_HURRY: i32 = 1;
/// Bytes of a dictionary.
const DICTIONARY_BYTES: usize = 64 << 10;
/// Bytes of texts of which one is made.
const SAMPLE_BYTES: usize = 2 << 20;
/// Where there are fewer bytes of texts, a dictionary is not worth its place.
const MIN_TEXTS: u64 = 2 << 20;
/// A dictionary is made anew where there are so many times as many texts as it was made of.
const MAX_GROWTH: u64 = 4;

thread_local! {
    /// A decompressor's memory costs more to set up than a block to unpack.
    static DECOMPRESSOR: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// What an advisory says in words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) summary: String,
    pub(crate) details: String,
    pub(crate) references: Vec<String>,
    /// Which versions of which packages, a line each.
    pub(crate) ranges: Vec<String>,
}

/// The part of a [`Text`] that a match shows, as it lies in its block.
#[derive(Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Shown<'b> {
    pub(crate) summary: &'b str,
    pub(crate) details: &'b str,
    #[serde(borrow)]
    pub(crate) references: Vec<&'b str>,
}

/// Reads texts from the file. It keeps the block it read last, since advisories on one package are often neighbours.
pub(crate) struct Reader<'d> {
    blocks: &'d [BlockRow],
    texts: &'d [u8],
    dictionary: Option<&'d DDict<'static>>,
    /// The number of the block that is in `block`.
    last: Option<u32>,
    block: Vec<u8>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(
        blocks: &'d [BlockRow],
        texts: &'d [u8],
        dictionary: Option<&'d DDict<'static>>,
    ) -> Self {
        Self { blocks, texts, dictionary, last: None, block: Vec::new() }
    }

    /// A text; `None` where the file is damaged there.
    pub(super) fn read(&mut self, place: TextPlace) -> Option<Text> {
        postcard::from_bytes(slice(self.block(place.block)?, place)?).ok()
    }

    /// What is shown of a text; nothing where the file is damaged there.
    pub(super) fn shown(&mut self, place: TextPlace) -> Option<Shown<'_>> {
        Some(postcard::take_from_bytes(slice(self.block(place.block)?, place)?).ok()?.0)
    }

    /// A whole block, unpacked.
    pub(super) fn block(&mut self, number: u32) -> Option<&[u8]> {
        if self.last != Some(number) {
            self.last = None;
            self.unpack(number)?;
            self.last = Some(number);
        }
        Some(&self.block)
    }

    fn unpack(&mut self, number: u32) -> Option<()> {
        let row = self.blocks.get(number as usize)?;
        let size = Some(row.unpacked as usize).filter(|size| *size <= MAX_BLOCK_BYTES)?;
        let packed = self.packed(row)?;
        self.block.clear();
        self.block.reserve(size);
        unpacked(packed, self.dictionary, &mut self.block)
    }

    /// A whole block as it lies in the file.
    pub(super) fn packed(&self, row: &BlockRow) -> Option<&'d [u8]> {
        let start = usize::try_from(row.offset).ok()?;
        self.texts.get(start..start.checked_add(row.packed as usize)?)
    }
}

/// Unpacks a frame into the room that `into` has. Never more than that, whatever the frame says.
fn unpacked(packed: &[u8], dictionary: Option<&DDict<'static>>, into: &mut Vec<u8>) -> Option<()> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = DCtx::try_create();
        }
        let decompressor = kept.as_mut()?;
        match dictionary {
            Some(dictionary) => decompressor.decompress_using_ddict(into, packed, dictionary),
            None => decompressor.decompress(into, packed),
        }
        .ok()
        .map(drop)
    })
}

/// The bytes of a text in its block.
pub(super) fn slice(block: &[u8], place: TextPlace) -> Option<&[u8]> {
    let start = place.offset as usize;
    block.get(start..start.checked_add(place.length as usize)?)
}

/// Packs texts into blocks, in the order in which they come: neighbours are of one publisher and pack well together.
#[derive(Default)]
pub(super) struct Writer {
    blocks: Vec<Block>,
    open: Vec<u8>,
    /// Closed blocks, and those that came before them, packed in a hurry.
    chunk: Vec<u8>,
    chunks: Vec<Chunk>,
    hurried: Option<Compressor<'static>>,
    kept: Vec<u8>,
    bytes: u64,
}

/// A block that will be written.
enum Block {
    /// So many of the bytes that wait.
    New(u32),
    /// One of an older file, whose offset is its place among those.
    Kept(BlockRow),
}

struct Chunk {
    packed: Vec<u8>,
    unpacked: usize,
}

/// The texts as they lie in the file.
pub(super) struct Packed {
    pub(super) dictionary: Vec<u8>,
    /// Bytes of all texts when the dictionary was made.
    pub(super) dictionary_of: u64,
    pub(super) rows: Vec<BlockRow>,
    pub(super) texts: Vec<u8>,
}

/// Whether a dictionary that was made of so many bytes of texts is not good enough for so many.
pub(super) fn is_outgrown(dictionary_of: u64, bytes: u64) -> bool {
    bytes >= MIN_TEXTS && bytes / MAX_GROWTH >= dictionary_of
}

impl Writer {
    /// Takes the bytes of one text and says where they will be.
    pub(super) fn push(&mut self, text: &[u8]) -> io::Result<TextPlace> {
        let place = TextPlace {
            block: fit(self.blocks.len())?,
            offset: fit(self.open.len())?,
            length: fit(text.len())?,
        };
        self.open.extend_from_slice(text);
        self.bytes += text.len() as u64;
        if self.open.len() >= BLOCK_BYTES {
            self.close()?;
        }
        Ok(place)
    }

    /// Takes a block of an older file as it is, and gives its number here. It can be read with the older file's dictionary alone.
    pub(super) fn keep(&mut self, row: &BlockRow, packed: &[u8]) -> io::Result<u32> {
        self.close()?;
        let number = fit(self.blocks.len())?;
        self.blocks.push(Block::Kept(BlockRow { offset: self.kept.len() as u64, ..*row }));
        self.kept.extend_from_slice(packed);
        self.bytes += u64::from(row.unpacked);
        Ok(number)
    }

    /// How many bytes of texts there are so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Everything, packed with the dictionary of the older file, and the bytes it was made of; or with a new one, for which
    /// nothing may have been kept.
    pub(super) fn finish(mut self, dictionary: Option<(&[u8], u64)>) -> io::Result<Packed> {
        self.close()?;
        self.close_chunk()?;
        let (dictionary, dictionary_of) = match dictionary {
            Some((dictionary, made_of)) => (dictionary.to_vec(), made_of),
            None if self.bytes >= MIN_TEXTS => (self.dictionary(), self.bytes),
            None => (Vec::new(), 0),
        };
        let mut packed = Packed { dictionary, dictionary_of, rows: Vec::new(), texts: Vec::new() };
        let mut compressor = Compressor::with_dictionary(LEVEL, &packed.dictionary)?;
        compressor.include_checksum(true)?;
        compressor.set_parameter(CParameter::DictIdFlag(false))?;
        let mut chunks = self.chunks.into_iter();
        let mut chunk = Vec::new();
        let mut rest = 0..0;
        for block in self.blocks {
            let offset = packed.texts.len() as u64;
            match block {
                Block::Kept(row) => {
                    let start = row.offset as usize;
                    packed.texts.extend_from_slice(&self.kept[start..start + row.packed as usize]);
                    packed.rows.push(BlockRow { offset, ..row });
                }
                Block::New(unpacked) => {
                    if rest.is_empty() {
                        chunk = chunks.next().map(|chunk| chunk.unpack()).transpose()?.unwrap_or_default();
                        rest = 0..chunk.len();
                    }
                    let end = rest.start + unpacked as usize;
                    let frame = compressor.compress(&chunk[rest.start..end])?;
                    rest.start = end;
                    packed.rows.push(BlockRow { offset, packed: fit(frame.len())?, unpacked });
                    packed.texts.extend_from_slice(&frame);
                }
            }
        }
        Ok(packed)
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.blocks.push(Block::New(fit(self.open.len())?));
        self.chunk.append(&mut self.open);
        if self.chunk.len() >= CHUNK_BYTES { self.close_chunk() } else { Ok(()) }
    }

    fn close_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let compressor = match &mut self.hurried {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(LEVEL_IN_A_HURRY)?),
        };
        let packed = compressor.compress(&self.chunk)?;
        self.chunks.push(Chunk { packed, unpacked: self.chunk.len() });
        self.chunk.clear();
        Ok(())
    }

    /// A dictionary of what waits, from all over it; empty where none can be made.
    fn dictionary(&self) -> Vec<u8> {
        let step = self.chunks.len().div_ceil(SAMPLE_BYTES / CHUNK_BYTES).max(1);
        let samples: Vec<Vec<u8>> =
            self.chunks.iter().step_by(step).filter_map(|chunk| chunk.unpack().ok()).collect();
        let samples: Vec<&[u8]> = samples.iter().flat_map(|chunk| chunk.chunks(BLOCK_BYTES)).collect();
        zstd::dict::from_samples(&samples, DICTIONARY_BYTES).unwrap_or_default()
    }
}

impl Chunk {
    fn unpack(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.unpacked);
        unpacked(&self.packed, None, &mut bytes)
            .map(|()| bytes)
            .ok_or_else(|| io::Error::other("the texts cannot be read back"))
    }
}

fn fit(number: usize) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other("the texts are too many for one database"))
}
