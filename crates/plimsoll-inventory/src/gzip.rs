//! gzip streams (RFC 1952) of deflate (RFC 1951), members behind each other included.
//!
//! Why not a library: this is most of what reading an image costs. The bytes are unpacked to where they are read, with what
//! came before them as the window, so that nothing is copied twice; a symbol is one look-up; and several symbols are decoded
//! of 64 bits at hand. All of it is checked: whatever the stream says, nothing else is read or written.
//!
//! Where readers of gzip differ this one does what Go's `compress/gzip` does, since container engines unpack with that.

use std::io::{self, BufRead};
use std::sync::OnceLock;

use flate2::Crc;

mod bits;
mod table;

use bits::Bits;
use table::{Bad, DISTANCES, SYMBOLS, Tables};

/// How far back a stream can refer.
pub(crate) const WINDOW: usize = 32 * 1024;

/// What may be written behind the place up to which bytes were wanted.
pub(crate) const SLACK: usize = bits::OVERSHOOT;

/// A stream of gzip that is unpacked on demand.
pub(crate) struct Gunzip<R> {
    bits: Bits<R>,
    state: State,
    tables: Box<Tables>,
    /// Of the member at hand.
    sum: Crc,
    length: u64,
    /// What went wrong behind what came out.
    error: Option<io::Error>,
}

/// Where the stream stands.
#[derive(Clone, Copy)]
enum State {
    /// In front of a member, and whether it is the first.
    Member { first: bool },
    /// In front of a block.
    Block,
    /// In a block that is not compressed.
    Stored { left: usize, last: bool },
    /// In a block with a code: its own, or the one that is fixed.
    Coded { fixed: bool, last: bool },
    /// Behind the last block of a member.
    Trailer,
    /// Behind the last member.
    End,
}

impl<R: BufRead> Gunzip<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            bits: Bits::new(input),
            state: State::Member { first: true },
            tables: Box::new(Tables::new()),
            sum: Crc::new(),
            length: 0,
            error: None,
        }
    }

    /// The input. At most seven bytes were taken of it that are not used yet.
    pub(crate) fn get_ref(&self) -> &R {
        self.bits.input()
    }

    /// Unpacks to `at` and behind, until `until` is reached or passed, by at most [`SLACK`]. In front of `at` must stand what
    /// came out before: [`WINDOW`] bytes of it, or all where it is less. Returns the number of bytes; 0 at the end. What
    /// stands in front of an error comes out first.
    pub(crate) fn read(&mut self, buffer: &mut [u8], at: usize, until: usize) -> io::Result<usize> {
        let mut position = at;
        while position < until && self.error.is_none() && !matches!(self.state, State::End) {
            self.error = self.go_on(buffer, &mut position, until).err();
        }
        match &self.error {
            // Again and again: who reads on behind an error must not take it for the end.
            Some(error) if position == at => Err(io::Error::new(error.kind(), error.to_string())),
            _ => Ok(position - at),
        }
    }

    fn go_on(&mut self, buffer: &mut [u8], position: &mut usize, until: usize) -> io::Result<()> {
        match self.state {
            State::Member { first } => self.state = self.member(first)?,
            State::Trailer => self.state = self.trailer()?,
            State::End => {}
            _ => {
                let start = *position;
                let result = self.blocks(buffer, position, until);
                self.sum.update(&buffer[start..*position]);
                self.length += (*position - start) as u64;
                return result;
            }
        }
        Ok(())
    }

    /// Unpacks blocks of one member until enough is there, or the last one is at its end.
    fn blocks(&mut self, buffer: &mut [u8], position: &mut usize, until: usize) -> io::Result<()> {
        // A member cannot refer to what came before it.
        let base = position.saturating_sub(usize::try_from(self.length).unwrap_or(usize::MAX));
        while *position < until {
            let (is_over, last) = match &mut self.state {
                State::Block => {
                    self.state = self.block()?;
                    continue;
                }
                State::Stored { left, last } => {
                    let end = until.min(*position + *left);
                    let copied = self.bits.copy_bytes(&mut buffer[*position..end])?;
                    *left -= copied;
                    *position += copied;
                    (*left == 0, *last)
                }
                State::Coded { fixed, last } => {
                    let tables = if *fixed { fixed_tables() } else { &*self.tables };
                    (self.bits.decode(tables, buffer, position, until, base)?, *last)
                }
                State::Member { .. } | State::Trailer | State::End => break,
            };
            if is_over {
                self.state = if last { State::Trailer } else { State::Block };
            }
        }
        Ok(())
    }

    /// Reads the header of a member (RFC 1952, 2.3), or finds that there is none.
    fn member(&mut self, first: bool) -> io::Result<State> {
        const SUM: u8 = 1 << 1;
        const EXTRA: u8 = 1 << 2;
        const NAME: u8 = 1 << 3;
        const COMMENT: u8 = 1 << 4;
        if !first && self.bits.is_at_end()? {
            return Ok(State::End);
        }
        let mut sum = Crc::new();
        let mut next = || {
            let byte = self.bits.next_byte()?;
            sum.update(&[byte]);
            io::Result::Ok(byte)
        };
        let mut start = [0; 10];
        for byte in &mut start {
            *byte = next()?;
        }
        let [0x1f, 0x8b, 8, flags, ..] = start else { return Err(invalid("a header is not gzip's")) };
        if flags & EXTRA != 0 {
            for _ in 0..u16::from_le_bytes([next()?, next()?]) {
                next()?;
            }
        }
        // Both end with a NUL, and are no longer than Go takes them.
        for field in [NAME, COMMENT] {
            let mut left = if flags & field != 0 { 512 } else { 0 };
            while left > 0 && next()? != 0 {
                left -= 1;
                if left == 0 {
                    return Err(invalid("a name in a header is too long"));
                }
            }
        }
        if flags & SUM != 0 {
            let expected = sum.sum() as u16;
            if u16::from_le_bytes([self.bits.next_byte()?, self.bits.next_byte()?]) != expected {
                return Err(invalid("the check sum of a header is wrong"));
            }
        }
        (self.sum, self.length) = (Crc::new(), 0);
        Ok(State::Block)
    }

    /// Compares what a member says of itself with what came out (RFC 1952, 2.3.1).
    fn trailer(&mut self) -> io::Result<State> {
        self.bits.align()?;
        let mut words = [[0; 4]; 2];
        for byte in words.as_flattened_mut() {
            *byte = self.bits.next_byte()?;
        }
        let [sum, length] = words.map(u32::from_le_bytes);
        if sum != self.sum.sum() {
            return Err(invalid("the check sum is wrong"));
        }
        if length != self.length as u32 {
            return Err(invalid("the length is wrong"));
        }
        Ok(State::Member { first: false })
    }

    /// Reads the header of a block, and the code that it brings (RFC 1951, 3.2.3).
    fn block(&mut self) -> io::Result<State> {
        let last = self.bits.take(1)? == 1;
        match self.bits.take(2)? {
            0 => {
                self.bits.align()?;
                let [length, complement] = [self.bits.take(16)?, self.bits.take(16)?];
                if length != complement ^ 0xffff {
                    return Err(invalid("the length of a stored block is wrong"));
                }
                // The rest is bytes, which come from the input.
                self.bits.align()?;
                Ok(State::Stored { left: length as usize, last })
            }
            1 => Ok(State::Coded { fixed: true, last }),
            2 => {
                self.code()?;
                Ok(State::Coded { fixed: false, last })
            }
            _ => Err(invalid("a block is of no known kind")),
        }
    }

    /// Reads the code of a block: the lengths of its codes, packed in a code of their own (RFC 1951, 3.2.7).
    fn code(&mut self) -> io::Result<()> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let bad = |_: Bad| invalid("the code of a block is none");
        let symbols = 257 + self.bits.take(5)? as usize;
        let distances = 1 + self.bits.take(5)? as usize;
        let written = 4 + self.bits.take(4)? as usize;
        // Two symbols of each kind have codes in the fixed code, and never occur.
        if symbols > SYMBOLS - 2 || distances > DISTANCES - 2 {
            return Err(invalid("a block has too many symbols"));
        }
        let mut lengths = [0; 19];
        for place in &ORDER[..written] {
            lengths[*place] = self.bits.take(3)? as u8;
        }
        let table = table::of_lengths(&lengths).map_err(bad)?;
        let mut lengths = [0; SYMBOLS + DISTANCES];
        let all = symbols + distances;
        let mut at = 0;
        while at < all {
            let (length, times) = match self.bits.length(&table)? {
                length @ 0..16 => (length, 1),
                16 => {
                    let before = at.checked_sub(1).map(|before| lengths[before]);
                    (before.ok_or_else(|| bad(Bad))?, 3 + self.bits.take(2)?)
                }
                17 => (0, 3 + self.bits.take(3)?),
                _ => (0, 11 + self.bits.take(7)?),
            };
            let end = at + times as usize;
            if end > all {
                return Err(bad(Bad));
            }
            lengths[at..end].fill(length);
            at = end;
        }
        // A block must be able to end. Go finds that out in the end, zlib and this at the beginning.
        if lengths[256] == 0 {
            return Err(bad(Bad));
        }
        self.tables.set(&lengths[..symbols], &lengths[symbols..all]).map_err(bad)
    }
}

/// The code of blocks that bring none.
fn fixed_tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(Tables::fixed)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
