//! The texts of advisories, in blocks small enough that one text costs microseconds and large enough to pack well.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use super::format::{BlockRow, TextPlace};

/// Unpacked bytes at which a block is closed.
const BLOCK_BYTES: usize = 4 << 10;
/// Unpacked bytes of a block that is read. A text is at most 150 kB, so no block of ours is nearly as large.
const MAX_BLOCK_BYTES: usize = 1 << 20;

thread_local! {
    /// A decompressor's memory costs more to set up than a block to unpack.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
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

/// Reads texts from the file. It keeps the block it read last, since advisories on one package are often neighbours.
pub(crate) struct Reader<'d> {
    blocks: &'d [BlockRow],
    texts: &'d [u8],
    last: Option<(u32, Vec<u8>)>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(blocks: &'d [BlockRow], texts: &'d [u8]) -> Self {
        Self { blocks, texts, last: None }
    }

    /// A text; `None` where the file is damaged there.
    pub(super) fn read(&mut self, place: TextPlace) -> Option<Text> {
        postcard::from_bytes(slice(self.block(place.block)?, place)?).ok()
    }

    /// A whole block, unpacked.
    pub(super) fn block(&mut self, number: u32) -> Option<&[u8]> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, self.unpack(number)?));
        }
        self.last.as_ref().map(|(_, block)| block.as_slice())
    }

    fn unpack(&self, number: u32) -> Option<Vec<u8>> {
        let row = self.blocks.get(number as usize)?;
        let size = Some(row.unpacked as usize).filter(|size| *size <= MAX_BLOCK_BYTES)?;
        let packed = self.packed(row)?;
        DECOMPRESSOR.with_borrow_mut(|kept| {
            if kept.is_none() {
                *kept = Decompressor::new().ok();
            }
            kept.as_mut()?.decompress(packed, size).ok()
        })
    }

    /// A whole block as it lies in the file.
    pub(super) fn packed(&self, row: &BlockRow) -> Option<&'d [u8]> {
        let start = usize::try_from(row.offset).ok()?;
        self.texts.get(start..start.checked_add(row.packed as usize)?)
    }
}

/// The bytes of a text in its block.
pub(super) fn slice(block: &[u8], place: TextPlace) -> Option<&[u8]> {
    let start = place.offset as usize;
    block.get(start..start.checked_add(place.length as usize)?)
}

/// Packs texts into blocks, in the order in which they come: neighbours are of one publisher and pack well together.
#[derive(Default)]
pub(super) struct Writer {
    rows: Vec<BlockRow>,
    packed: Vec<u8>,
    open: Vec<u8>,
    compressor: Option<Compressor<'static>>,
}

impl Writer {
    /// Takes the bytes of one text and says where they will be.
    pub(super) fn push(&mut self, text: &[u8]) -> std::io::Result<TextPlace> {
        let place = TextPlace {
            block: fit(self.rows.len())?,
            offset: fit(self.open.len())?,
            length: fit(text.len())?,
        };
        self.open.extend_from_slice(text);
        if self.open.len() >= BLOCK_BYTES {
            self.close()?;
        }
        Ok(place)
    }

    /// Takes a block of an older file as it is, and gives its number here.
    pub(super) fn keep(&mut self, row: &BlockRow, packed: &[u8]) -> std::io::Result<u32> {
        self.close()?;
        let number = fit(self.rows.len())?;
        self.rows.push(BlockRow { offset: self.packed.len() as u64, ..*row });
        self.packed.extend_from_slice(packed);
        Ok(number)
    }

    /// The table of blocks, and the blocks.
    pub(super) fn finish(mut self) -> std::io::Result<(Vec<BlockRow>, Vec<u8>)> {
        self.close()?;
        Ok((self.rows, self.packed))
    }

    fn close(&mut self) -> std::io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => {
                let compressor = none.insert(Compressor::new(9)?);
                compressor.include_checksum(true)?;
                compressor
            }
        };
        let packed = compressor.compress(&self.open)?;
        let (packed_len, unpacked) = (fit(packed.len())?, fit(self.open.len())?);
        self.rows.push(BlockRow { offset: self.packed.len() as u64, packed: packed_len, unpacked });
        self.packed.extend_from_slice(&packed);
        self.open.clear();
        Ok(())
    }
}

fn fit(number: usize) -> std::io::Result<u32> {
    u32::try_from(number).map_err(|_| std::io::Error::other("the texts are too many for one database"))
}
