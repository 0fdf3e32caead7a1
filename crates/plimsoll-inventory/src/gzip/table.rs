//! Tables that decode the prefix codes of deflate (RFC 1951, 3.2).
//!
//! An entry is one number, so that a look-up says all that a symbol needs:
//!
//! | bits | |
//! |---|---|
//! | 31 | a literal, whose byte is the value |
//! | 16 to 30 | value: a byte, the lowest length or distance of the symbol, a code length, or where a table begins |
//! | 15 | none of these, and the next two bits say what |
//! | 14 | the code goes on in another table; the value is where that begins |
//! | 13 | the end of the block |
//! | 8 to 11 | bits of the code; of a pointer, bits that the other table is looked up by |
//! | 0 to 7 | bits that are taken: the code, and the extra bits behind it |

/// The entry is a literal.
pub(super) const LITERAL: u32 = 1 << 31;
/// The entry is neither a literal nor a length.
pub(super) const SPECIAL: u32 = 1 << 15;
/// The code goes on in another table.
pub(super) const GOES_ON: u32 = 1 << 14;
/// The end of a block.
pub(super) const END: u32 = 1 << 13;
/// A code that no symbol has, or a symbol that no stream may have.
const INVALID: u32 = SPECIAL;

/// Bits of the longest code.
const LONGEST: usize = 15;

/// Bits by which each first table is looked up. Most codes are not longer, and the table stays in the first-level cache.
pub(super) const SYMBOL_BITS: usize = 11;
pub(super) const DISTANCE_BITS: usize = 9;
pub(super) const LENGTH_BITS: usize = 7;

/// Entries of the first table and all that can follow it, for 288, 32 and 19 symbols with codes of at most 15, 15 and 7 bits
/// (as zlib's `enough.c` counts them).
const SYMBOL_ENTRIES: usize = 2342;
const DISTANCE_ENTRIES: usize = 594;
const LENGTH_ENTRIES: usize = 1 << LENGTH_BITS;

/// The symbols of literals and lengths.
pub(super) const SYMBOLS: usize = 288;
/// The symbols of distances.
pub(super) const DISTANCES: usize = 32;

/// Lowest length and extra bits of the symbols from 257 on (RFC 1951, 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The tables of one block.
pub(super) struct Tables {
    pub(super) symbols: [u32; SYMBOL_ENTRIES],
    pub(super) distances: [u32; DISTANCE_ENTRIES],
}

/// The code says more than bits can, or less.
#[derive(Debug)]
pub(super) struct Bad;

impl Tables {
    pub(super) fn new() -> Self {
        Self { symbols: [INVALID; SYMBOL_ENTRIES], distances: [INVALID; DISTANCE_ENTRIES] }
    }

    /// The code that blocks have which bring none (RFC 1951, 3.2.6).
    pub(super) fn fixed() -> Self {
        let mut lengths = [8; SYMBOLS];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        let mut tables = Self::new();
        tables
            .set(&lengths, &[5; DISTANCES])
            .unwrap_or_else(|Bad| unreachable!("the fixed code is complete"));
        tables
    }

    /// Makes the tables of a code, of which the lengths of all symbols are given; 0 where a symbol does not occur.
    pub(super) fn set(&mut self, symbols: &[u8], distances: &[u8]) -> Result<(), Bad> {
        fill(&mut self.symbols, SYMBOL_BITS, symbols, |symbol| match symbol {
            0..256 => LITERAL | symbol << 16,
            256 => SPECIAL | END,
            _ => LENGTHS
                .get(symbol as usize - 257)
                .map_or(INVALID, |&(lowest, extra)| u32::from(lowest) << 16 | u32::from(extra)),
        })?;
        fill(&mut self.distances, DISTANCE_BITS, distances, |symbol| match symbol {
            0..4 => (symbol + 1) << 16,
            4..30 => {
                let extra = symbol / 2 - 1;
                (((2 + symbol % 2) << extra) + 1) << 16 | extra
            }
            _ => INVALID,
        })
    }
}

/// The table of the code that lengths of codes are written in. It must be complete.
pub(super) fn of_lengths(lengths: &[u8; 19]) -> Result<[u32; LENGTH_ENTRIES], Bad> {
    let mut table = [INVALID; LENGTH_ENTRIES];
    fill(&mut table, LENGTH_BITS, lengths, |symbol| symbol << 16)?;
    if table.contains(&INVALID) { Err(Bad) } else { Ok(table) }
}

/// Fills a table. `entry` says of a symbol what is not the length of its code: in the lowest bits its extra bits.
///
/// Codes come from a stream beginning with their highest bit, and the table is looked up by the lowest bits first, so that
/// codes are reversed.
fn fill(table: &mut [u32], first: usize, lengths: &[u8], entry: impl Fn(u32) -> u32) -> Result<(), Bad> {
    let mut counts = [0_u16; LONGEST + 1];
    for length in lengths {
        counts[usize::from(*length) & LONGEST] += 1;
    }
    let longest = (1..=LONGEST).rev().find(|length| counts[*length] > 0).unwrap_or(0);
    // Codes of the length at hand that are still free.
    let mut free = 1_i32;
    for count in &counts[1..] {
        free = 2 * free - i32::from(*count);
        if free < 0 {
            return Err(Bad);
        }
    }
    // Only a code of one bit, or none at all, may be incomplete.
    if free > 0 && longest > 1 {
        return Err(Bad);
    }

    let mut starts = [0_u16; LONGEST + 2];
    for length in 1..=LONGEST {
        starts[length + 1] = starts[length] + counts[length];
    }
    let mut sorted = [0_u16; SYMBOLS];
    let mut next = starts;
    for (symbol, length) in (0..).zip(lengths).filter(|(_, length)| **length > 0) {
        let place = &mut next[usize::from(*length)];
        sorted[usize::from(*place)] = symbol;
        *place += 1;
    }
    let of_length = |length: usize| &sorted[usize::from(starts[length])..usize::from(starts[length + 1])];
    let with = |symbol: u16, length: usize| {
        let (entry, length) = (entry(symbol.into()), length as u32);
        entry + (length << 8 | length)
    };
    let reversed = |code: u32, length: usize| (code.reverse_bits() >> (32 - length)) as usize;

    // The first table: as large as the codes so far are long, and doubled with each further bit.
    table[0] = INVALID;
    let mut code = 0_u32;
    for length in 1..=first {
        table.copy_within(..1 << (length - 1), 1 << (length - 1));
        for symbol in of_length(length) {
            table[reversed(code, length)] = with(*symbol, length);
            code += 1;
        }
        code <<= 1;
    }

    // Longer codes: a table for all that have their first bits in common.
    let mut end = 1 << first;
    let (mut start, mut bits, mut prefix) = (0, 0, usize::MAX);
    for length in first + 1..=longest {
        for (number, symbol) in of_length(length).iter().enumerate() {
            let place = reversed(code, length);
            if place & ((1 << first) - 1) != prefix {
                prefix = place & ((1 << first) - 1);
                (start, bits) = (end, length - first);
                // As many bits as the longest of them needs.
                let mut free = (1 << bits) - (of_length(length).len() - number) as i32;
                while free > 0 && first + bits < longest {
                    bits += 1;
                    free = 2 * free - i32::from(counts[first + bits]);
                }
                end += 1 << bits;
                table[prefix] = SPECIAL | GOES_ON | (start as u32) << 16 | (bits as u32) << 8 | first as u32;
            }
            let (rest, entry) = (length - first, with(*symbol, length - first));
            for place in table[start..start + (1 << bits)][place >> first..].iter_mut().step_by(1 << rest) {
                *place = entry;
            }
            code += 1;
        }
        code <<= 1;
    }
    Ok(())
}
