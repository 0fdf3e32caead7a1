//! NDB, the form that SUSE uses (rpm, `lib/backend/ndb/rpmpkg.c`): slots of 16 bytes that say where a package's header is,
//! in blocks of 16 bytes.

use super::Packages;
use crate::catalogers::Unreadable;

const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8] = b"Slot";
const BLOB_START: &[u8] = b"BlbS";
const BLOB_END: &[u8] = b"BlbE";

const HEADER: usize = 32;
const BLOCK: usize = 16;
const PAGE: usize = 4096;

/// Gives the header of each package.
pub(super) fn headers(bytes: &[u8], packages: &mut Packages) -> Result<(), Unreadable> {
    if !bytes.starts_with(MAGIC) {
        return Err(Unreadable::because("it is no NDB database"));
    }
    if le32(bytes, 4) != Some(0) {
        return Err(Unreadable::because("it is an NDB database of a later format"));
    }
    let cut = || Unreadable::because("the NDB database ends too early");
    let pages = le32(bytes, 12).ok_or_else(cut)? as usize;
    let slots = bytes.get(HEADER..pages.checked_mul(PAGE).ok_or_else(cut)?).ok_or_else(cut)?;
    // Each block may belong to one package: slots that share them would make a short file long.
    let mut room = bytes.len();
    for slot in slots.chunks_exact(BLOCK) {
        let (index, offset) = (le32(slot, 4).unwrap_or(0), le32(slot, 8).unwrap_or(0));
        if !slot.starts_with(SLOT) {
            return Err(Unreadable::because("a slot of the NDB database is damaged"));
        }
        if index == 0 || offset == 0 {
            continue;
        }
        let blob = blob(bytes, offset as usize, index);
        let blob = blob.ok_or_else(|| Unreadable::because("a package of the NDB database is damaged"))?;
        room = room
            .checked_sub(blob.len())
            .ok_or_else(|| Unreadable::because("packages of the NDB database lie over each other"))?;
        packages.add(blob)?;
    }
    Ok(())
}

fn blob(bytes: &[u8], offset: usize, index: u32) -> Option<&[u8]> {
    let blob = bytes.get(offset.checked_mul(BLOCK)?..)?;
    if !blob.starts_with(BLOB_START) || le32(blob, 4) != Some(index) {
        return None;
    }
    let length = le32(blob, 12)?;
    let (content, rest) = blob.get(16..)?.split_at_checked(length as usize)?;
    // Behind it, up to the next block: a checksum, the length again, and the end mark.
    let padding = (16 + content.len() + 12).wrapping_neg() % BLOCK;
    let tail = rest.get(padding..padding + 12)?;
    (le32(tail, 4) == Some(length) && tail.ends_with(BLOB_END)).then_some(content)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
