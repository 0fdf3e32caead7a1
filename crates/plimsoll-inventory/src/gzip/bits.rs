//! The bits of a deflate stream, and the symbols in them.

use std::io::{self, BufRead};

use super::invalid;
use super::table::{DISTANCE_BITS, END, GOES_ON, LENGTH_BITS, LITERAL, SPECIAL, SYMBOL_BITS, Tables};

/// Bytes of a match that are copied at once.
const PIECE: usize = 16;

/// What is written behind the place up to which bytes are wanted, at most: two literals, a match, and the rest of its last
/// piece.
pub(super) const OVERSHOOT: usize = 2 + 258 + 2 * PIECE;

/// Bytes that the fast loop must have before it in each round: it takes 64 bits twice, of which it uses 56 at most.
const AHEAD: usize = 16;

/// A stream read bit by bit, the lowest of a byte first.
pub(super) struct Bits<R> {
    input: R,
    /// Bits that were read and not used; above `count` of them are zeros.
    bits: u64,
    count: u32,
    /// Bytes of `bits` that stand for what is behind the end of the input.
    borrowed: u32,
}

/// What the fast loop works on.
struct Work<'a> {
    input: &'a [u8],
    used: usize,
    bits: u64,
    count: u32,
}

impl<R: BufRead> Bits<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bits: 0, count: 0, borrowed: 0 }
    }

    pub(super) fn input(&self) -> &R {
        &self.input
    }

    /// Takes a few bits, 32 at most.
    pub(super) fn take(&mut self, wanted: u32) -> io::Result<u32> {
        if self.count < wanted {
            self.refill()?;
        }
        let value = self.bits & ((1 << wanted) - 1);
        self.drop(wanted);
        self.check()?;
        Ok(value as u32)
    }

    /// Takes a length of a code, by the table of such.
    pub(super) fn length(&mut self, table: &[u32; 1 << LENGTH_BITS]) -> io::Result<u8> {
        if self.count < LENGTH_BITS as u32 {
            self.refill()?;
        }
        let entry = table[self.bits as usize & ((1 << LENGTH_BITS) - 1)];
        self.drop(entry & 0xff);
        self.check()?;
        Ok((entry >> 16) as u8)
    }

    /// Leaves what is left of a byte.
    pub(super) fn align(&mut self) -> io::Result<()> {
        self.drop(self.count % 8);
        self.check()?;
        self.count -= 8 * self.borrowed;
        self.borrowed = 0;
        Ok(())
    }

    /// The next byte, where a byte begins.
    pub(super) fn next_byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.copy_bytes(&mut byte)?;
        Ok(byte[0])
    }

    /// Some of the next bytes, at least one, where a byte begins.
    pub(super) fn copy_bytes(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.count > 0 {
            let length = to.len().min(self.count as usize / 8);
            for byte in &mut to[..length] {
                *byte = self.bits as u8;
                self.drop(8);
            }
            return Ok(length);
        }
        let input = fill(&mut self.input)?;
        let length = to.len().min(input.len());
        if input.is_empty() && !to.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to[..length].copy_from_slice(&input[..length]);
        self.input.consume(length);
        Ok(length)
    }

    /// Whether there are no more bytes.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.count == 0 && fill(&mut self.input)?.is_empty())
    }

    /// Unpacks symbols until enough is there, or to the end of the block; whether that was reached. Nothing before `base` is
    /// referred to.
    pub(super) fn decode(
        &mut self,
        tables: &Tables,
        buffer: &mut [u8],
        position: &mut usize,
        until: usize,
        base: usize,
    ) -> io::Result<bool> {
        while *position < until {
            let input = fill(&mut self.input)?;
            if input.len() > 2 * AHEAD {
                let mut work = Work { input, used: 0, bits: self.bits, count: self.count };
                let is_over = work.decode(tables, buffer, position, until, base)?;
                let Work { used, bits, count, .. } = work;
                self.input.consume(used);
                (self.bits, self.count) = (bits, count);
                if is_over {
                    return Ok(true);
                }
            }
            if *position < until && self.symbol(tables, buffer, position, base)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Unpacks one symbol near the end of the input at hand; whether it was the end of the block.
    fn symbol(
        &mut self,
        tables: &Tables,
        buffer: &mut [u8],
        position: &mut usize,
        base: usize,
    ) -> io::Result<bool> {
        self.refill()?;
        let entry = self.entry(&tables.symbols, SYMBOL_BITS);
        let value = self.value(entry);
        if entry & LITERAL != 0 {
            self.check()?;
            buffer[*position] = (entry >> 16) as u8;
            *position += 1;
            return Ok(false);
        }
        if entry & SPECIAL != 0 {
            self.check()?;
            return if entry & END != 0 { Ok(true) } else { Err(no_symbol()) };
        }
        let entry = self.entry(&tables.distances, DISTANCE_BITS);
        let distance = self.value(entry);
        self.check()?;
        if entry & SPECIAL != 0 {
            return Err(no_symbol());
        }
        if distance > *position - base {
            return Err(too_far());
        }
        repeat(buffer, *position, distance, value);
        *position += value;
        Ok(false)
    }

    /// Looks up the code at hand, in two steps where it is long. Of a long one the first bits are taken.
    fn entry(&mut self, table: &[u32], first: usize) -> u32 {
        let entry = table[self.bits as usize & ((1 << first) - 1)];
        if entry & GOES_ON == 0 || entry & SPECIAL == 0 || entry & LITERAL != 0 {
            return entry;
        }
        self.drop(entry & 0xff);
        table[next_place(entry, self.bits)]
    }

    /// Takes a symbol with its extra bits.
    fn value(&mut self, entry: u32) -> usize {
        let value = value(entry, self.bits);
        self.drop(entry & 0xff);
        value
    }

    fn drop(&mut self, count: u32) {
        self.bits >>= count;
        self.count -= count;
    }

    /// Has at least 56 bits at hand, of zeros behind the end of the input.
    fn refill(&mut self) -> io::Result<()> {
        if let Some(next) = fill(&mut self.input)?.first_chunk() {
            let taken = (63 - self.count) / 8;
            self.bits |= u64::from_le_bytes(*next) << self.count;
            self.count += 8 * taken;
            self.bits &= (1 << self.count) - 1;
            self.input.consume(taken as usize);
            return Ok(());
        }
        while self.count < 56 {
            if let Some(byte) = fill(&mut self.input)?.first() {
                self.bits |= u64::from(*byte) << self.count;
                self.input.consume(1);
            } else {
                self.borrowed += 1;
            }
            self.count += 8;
        }
        Ok(())
    }

    /// Whether all bits that were used are in the input.
    fn check(&self) -> io::Result<()> {
        if 8 * self.borrowed > self.count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl Work<'_> {
    /// Unpacks symbols as long as there is input enough to take 64 bits at once; whether the end of the block was reached.
    fn decode(
        &mut self,
        tables: &Tables,
        buffer: &mut [u8],
        position: &mut usize,
        until: usize,
        base: usize,
    ) -> io::Result<bool> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("bmi2") {
            // SAFETY: the processor has the instructions, which is all that is asked for.
            #[allow(unsafe_code)]
            return unsafe { self.decode_with_bmi2(tables, buffer, position, until, base) };
        }
        self.decode_with_any(tables, buffer, position, until, base)
    }

    /// The same where bits are shifted by any number in one step, which is most of what is done here.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi2")]
    fn decode_with_bmi2(
        &mut self,
        tables: &Tables,
        buffer: &mut [u8],
        position: &mut usize,
        until: usize,
        base: usize,
    ) -> io::Result<bool> {
        self.decode_with_any(tables, buffer, position, until, base)
    }

    /// A round needs at most 22 bits for two literals and 20 for a length, then at most 28 for a distance and 11 to look up
    /// the next symbol, so that 56 bits at its start and before a distance are enough.
    #[inline(always)]
    fn decode_with_any(
        &mut self,
        tables: &Tables,
        buffer: &mut [u8],
        position: &mut usize,
        until: usize,
        base: usize,
    ) -> io::Result<bool> {
        let last = self.input.len() - AHEAD;
        let mut at = *position;
        // In registers.
        let mut work = Work { ..*self };
        work.refill();
        // A look-up is begun before it is needed: what comes between does not wait for it.
        let mut entry = work.symbol(tables);
        let is_over = loop {
            if at >= until || work.used > last {
                break Ok(false);
            }
            work.refill();
            if entry & LITERAL != 0 {
                entry = work.literal(entry, tables, buffer, &mut at);
                if entry & LITERAL != 0 {
                    entry = work.literal(entry, tables, buffer, &mut at);
                    if entry & LITERAL != 0 {
                        entry = work.literal(entry, tables, buffer, &mut at);
                        continue;
                    }
                }
            }
            if entry & SPECIAL != 0 {
                if entry & GOES_ON != 0 {
                    work.drop(entry);
                    entry = tables.symbols[next_place(entry, work.bits)];
                }
                if entry & LITERAL != 0 {
                    entry = work.literal(entry, tables, buffer, &mut at);
                    continue;
                }
                if entry & END != 0 {
                    work.drop(entry);
                    break Ok(true);
                }
                if entry & SPECIAL != 0 {
                    break Err(no_symbol());
                }
            }
            let length = value(entry, work.bits);
            work.drop(entry);
            let mut pair = tables.distances[work.bits as usize & ((1 << DISTANCE_BITS) - 1)];
            work.refill();
            if pair & SPECIAL != 0 {
                if pair & GOES_ON != 0 {
                    work.drop(pair);
                    pair = tables.distances[next_place(pair, work.bits)];
                }
                if pair & SPECIAL != 0 {
                    break Err(no_symbol());
                }
            }
            let distance = value(pair, work.bits);
            work.drop(pair);
            entry = work.symbol(tables);
            if distance > at - base {
                break Err(too_far());
            }
            repeat(buffer, at, distance, length);
            at += length;
        };
        *position = at;
        work.bits &= (1 << work.count) - 1;
        *self = work;
        is_over
    }

    /// Takes and writes a literal, and looks up what is behind it.
    #[inline(always)]
    fn literal(&mut self, entry: u32, tables: &Tables, buffer: &mut [u8], at: &mut usize) -> u32 {
        self.drop(entry);
        buffer[*at] = (entry >> 16) as u8;
        *at += 1;
        self.symbol(tables)
    }

    /// Looks up the symbol at hand.
    #[inline(always)]
    fn symbol(&self, tables: &Tables) -> u32 {
        tables.symbols[self.bits as usize & ((1 << SYMBOL_BITS) - 1)]
    }

    #[inline(always)]
    fn refill(&mut self) {
        if let Some(next) = self.input[self.used..].first_chunk() {
            self.bits |= u64::from_le_bytes(*next) << self.count;
            self.used += (63 ^ self.count as usize) / 8;
            // As many whole bytes as there was room for.
            self.count |= 56;
        }
    }

    #[inline(always)]
    fn drop(&mut self, entry: u32) {
        self.bits >>= entry & 63;
        self.count -= entry & 63;
    }
}

/// Where a pointer to another table leads.
#[inline(always)]
fn next_place(pointer: u32, bits: u64) -> usize {
    let mask = (1_u64 << (pointer >> 8 & 15)) - 1;
    (pointer >> 16) as usize + (bits & mask) as usize
}

/// The value of a symbol that is no literal, with its extra bits, which stand behind its code.
#[inline(always)]
fn value(entry: u32, bits: u64) -> usize {
    let taken = bits & ((1 << (entry & 63)) - 1);
    (entry >> 16) as usize + (taken >> (entry >> 8 & 15)) as usize
}

/// Repeats what stands `distance` in front of `at`, which may overlap with what is written. Up to [`PIECE`] bytes behind may
/// be written, too.
#[inline(always)]
fn repeat(buffer: &mut [u8], at: usize, distance: usize, length: usize) {
    if distance < PIECE {
        return repeat_near(buffer, at, distance, length);
    }
    // Most are done with two pieces.
    let (mut to, end) = (at, at + length);
    loop {
        for _ in 0..2 {
            buffer.copy_within(to - distance..to - distance + PIECE, to);
            to += PIECE;
        }
        if to >= end {
            break;
        }
    }
}

/// The same where what is repeated is shorter than a piece, which is rare: until it was repeated often enough.
#[inline(never)]
fn repeat_near(buffer: &mut [u8], at: usize, distance: usize, length: usize) {
    let mut pattern = [0; PIECE];
    let before = &buffer[at - distance..at];
    for (to, from) in pattern.iter_mut().zip(before.iter().cycle()) {
        *to = *from;
    }
    // As much of a piece as holds the pattern some whole times.
    let step = PIECE - PIECE % distance;
    let mut to = at;
    while to < at + length {
        buffer[to..to + PIECE].copy_from_slice(&pattern);
        to += step;
    }
}

/// The bytes at hand; empty at the end only.
fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What was read is there still.
    input.fill_buf()
}

fn no_symbol() -> io::Error {
    invalid("a code stands for nothing")
}

fn too_far() -> io::Error {
    invalid("it refers to what is before its start")
}
