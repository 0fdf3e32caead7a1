//! The files of an archive, plain or packed, one at a time.

use std::io::Read;

use crate::Error;

/// Unpacked bytes of an archive.
const MAX_TOTAL_BYTES: u64 = 64 << 30;
/// Bytes of one file; larger ones are passed over.
const MAX_FILE_BYTES: u64 = 64 << 20;
const MAX_ENTRIES: u64 = 5_000_000;
const BLOCK: usize = 512;

/// What is packed, unpacked: gzip and zstd are recognised by their first bytes.
pub(super) fn unpacked<'r>(mut bytes: impl Read + 'r) -> Result<Box<dyn Read + 'r>, Error> {
    let mut magic = [0; 4];
    let mut filled = 0;
    while filled < magic.len() {
        match bytes.read(&mut magic[filled..]).map_err(broken)? {
            0 => break,
            count => filled += count,
        }
    }
    let whole = std::io::Cursor::new(magic[..filled].to_vec()).chain(bytes);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let mut decoder = zstd::Decoder::new(whole).map_err(broken)?;
            // 128 MB: what `zstd --long` needs.
            decoder.window_log_max(27).map_err(broken)?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    })
}

/// Hands each regular file on, by its path.
pub(super) fn each(
    bytes: impl Read,
    mut take: impl FnMut(&str, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = bytes.take(MAX_TOTAL_BYTES);
    let mut long_name: Option<String> = None;
    for _ in 0..MAX_ENTRIES {
        let mut header = [0; BLOCK];
        match bytes.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) => return Err(broken(error)),
        }
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let size = octal(&header[124..136]).ok_or_else(|| Error::damaged("an archive with a wrong size"))?;
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let kind = header[156];
        let name = long_name.take().filter(|_| matches!(kind, b'0' | 0)).unwrap_or_else(|| name(&header));
        let mut content = Vec::new();
        let is_wanted = matches!(kind, b'0' | 0 | b'L' | b'x') && size <= MAX_FILE_BYTES;
        if is_wanted {
            bytes.by_ref().take(size).read_to_end(&mut content).map_err(broken)?;
            if content.len() as u64 != size {
                return Err(Error::damaged("an archive that breaks off"));
            }
            skip(&mut bytes, padding)?;
        } else {
            skip(&mut bytes, size + padding)?;
        }
        match kind {
            b'L' => long_name = Some(String::from_utf8_lossy(&content).trim_end_matches('\0').to_owned()),
            b'x' => long_name = path_of_pax(&content),
            b'0' | 0 if is_wanted => take(name.trim_start_matches("./"), &content)?,
            _ => {}
        }
    }
    Err(Error::too_large("an archive with entries beyond all measure"))
}

fn skip(bytes: &mut impl Read, count: u64) -> Result<(), Error> {
    let skipped = std::io::copy(&mut bytes.take(count), &mut std::io::sink()).map_err(broken)?;
    if skipped == count { Ok(()) } else { Err(Error::damaged("an archive that breaks off")) }
}

fn broken(error: std::io::Error) -> Error {
    Error::damaged(format!("an archive cannot be read: {error}"))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok().filter(|size| *size <= MAX_TOTAL_BYTES)
}

fn name(header: &[u8; BLOCK]) -> String {
    let field = |range: std::ops::Range<usize>| {
        let bytes = &header[range];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let (name, prefix) = (field(0..100), field(345..500));
    if prefix.is_empty() || &header[257..262] != b"ustar" { name } else { format!("{prefix}/{name}") }
}

/// `27 path=some/long/name`, a record a line.
fn path_of_pax(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    text.lines().find_map(|line| Some(line.split_once(' ')?.1.strip_prefix("path=")?.to_owned()))
}
