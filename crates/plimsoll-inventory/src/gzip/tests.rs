use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

/// Unpacks with pieces of the input and the output of given sizes.
fn unpack(packed: &[u8], input: usize, output: usize) -> io::Result<Vec<u8>> {
    let mut gunzip = Gunzip::new(io::BufReader::with_capacity(input, packed));
    let mut buffer = vec![0; WINDOW + output + SLACK];
    let (mut whole, mut end) = (Vec::new(), 0);
    loop {
        let from = usize::saturating_sub(end, WINDOW);
        buffer.copy_within(from..end, 0);
        end -= from;
        let read = gunzip.read(&mut buffer, end, end + output)?;
        if read == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(&buffer[end..end + read]);
        end += read;
    }
}

/// zlib's own answer.
fn by_zlib(packed: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    MultiGzDecoder::new(packed).read_to_end(&mut whole).ok().map(|_| whole)
}

fn packed(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(level));
    io::Write::write_all(&mut encoder, content).expect("memory");
    encoder.finish().expect("memory")
}

/// Words, runs, noise and repetitions near and far, of which every kind of symbol is made.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..600),
        (any::<u8>(), 0..3000_usize).prop_map(|(byte, times)| vec![byte; times]),
        proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b' ')], 0..2000),
        ("[a-z]{1,40}", 1..400_usize).prop_map(|(word, times)| word.repeat(times).into_bytes()),
        // A random walk, of which one byte is much rarer than another: codes of every length.
        proptest::collection::vec(any::<u32>(), 0..6000).prop_map(|numbers| numbers
            .iter()
            .map(|number| (number.leading_zeros() * 7 + number % 3) as u8)
            .collect()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| {
        // Each is said again, further and further away.
        let whole = pieces.concat();
        [whole.as_slice(), &pieces.into_iter().rev().flatten().collect::<Vec<u8>>()].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What zlib packs comes out as it was, however the pieces fall.
    #[test]
    fn what_was_packed_comes_out(content in content(), level in 0..10_u32, input in 1..5000_usize, output in 1..70_000_usize) {
        let packed = packed(&content, level);
        prop_assert!(unpack(&packed, input, output).expect("a good stream") == content);
        let twice = [packed.as_slice(), &packed].concat();
        prop_assert!(unpack(&twice, input, output).expect("two members") == [content.as_slice(), &content].concat());
    }

    /// A damaged stream is one for us where it is one for zlib, and otherwise comes out as from there.
    #[test]
    fn damage_is_seen_as_zlib_sees_it(
        content in content(),
        level in 0..10_u32,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0..8_u32), 1..4),
        cut in any::<Option<proptest::sample::Index>>(),
        input in 1..5000_usize,
    ) {
        let mut packed = packed(&content, level);
        for (place, bit) in changes {
            // The header is another test's.
            let place = 10 + place.index(packed.len() - 10);
            packed[place] ^= 1 << bit;
        }
        // What a stream ends with is compared last, and hides nothing if it fits.
        if let Some(cut) = cut {
            packed.truncate(10 + cut.index(packed.len() - 10));
        }
        prop_assert!(unpack(&packed, input, 4096).ok() == by_zlib(&packed));
    }

    /// Noise with the beginning of a block is an error where it is one for zlib, and what came before it is the same.
    #[test]
    fn noise_is_unpacked_as_zlib_does(noise in proptest::collection::vec(any::<u8>(), 1..400), kind in 0..3_u8) {
        let mut noise = noise;
        noise[0] = noise[0] & !6 | kind << 1;
        let mut inflate = flate2::Decompress::new(false);
        let mut expected = Vec::with_capacity(1 << 20);
        let by_zlib = inflate.decompress_vec(&noise, &mut expected, flate2::FlushDecompress::None);
        let (ours, error) = until_error(&[&HEADER[..], &noise].concat());
        match by_zlib {
            // What is behind the last block is no trailer for it.
            Ok(flate2::Status::StreamEnd) => prop_assert_eq!(ours, expected),
            Ok(_) => {
                prop_assert_eq!(ours, expected);
                prop_assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
            Err(_) => prop_assert!(ours.starts_with(&expected), "{} bytes, zlib has {}", ours.len(), expected.len()),
        }
    }
}

/// A header without anything that can be left out.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// What comes out, and the error that it ends with.
fn until_error(stream: &[u8]) -> (Vec<u8>, io::Error) {
    let mut gunzip = Gunzip::new(stream);
    let mut buffer = vec![0; (1 << 20) + SLACK];
    let mut end = 0;
    loop {
        match gunzip.read(&mut buffer, end, 1 << 20) {
            Ok(0) => panic!("no error after {end} bytes"),
            Ok(more) => end += more,
            Err(error) => {
                buffer.truncate(end);
                return (buffer, error);
            }
        }
    }
}

/// Writes deflate, bit by bit.
#[derive(Clone, Default)]
struct Writer {
    bytes: Vec<u8>,
    bits: u32,
}

impl Writer {
    /// The lowest bit first, as numbers are written.
    fn number(mut self, value: u32, bits: u32) -> Self {
        for bit in 0..bits {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (self.bits % 8);
            self.bits += 1;
        }
        self
    }

    /// The highest bit first, as codes are written.
    fn code(self, code: u32, bits: u32) -> Self {
        self.number(code.reverse_bits() >> (32 - bits), bits)
    }

    /// A symbol of the fixed code.
    fn fixed(self, symbol: u32) -> Self {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    /// A match in the fixed code.
    fn repeat(self, length: usize, distance: usize) -> Self {
        let (number, (lowest, extra)) = row(&lengths(), length);
        let with_length = self.fixed(257 + number).number(length as u32 - lowest, extra);
        let (number, (lowest, extra)) = row(&distances(), distance);
        with_length.code(number, 5).number(distance as u32 - lowest, extra)
    }

    /// The last block, with the fixed code.
    fn begin() -> Self {
        Self::default().number(0b011, 3)
    }

    /// All of it as a member with this content.
    fn member(self, content: &[u8]) -> Vec<u8> {
        let mut sum = Crc::new();
        sum.update(content);
        [&HEADER[..], &self.bytes, &sum.sum().to_le_bytes(), &(content.len() as u32).to_le_bytes()].concat()
    }
}

/// Lowest values and extra bits of the symbols of lengths, made as RFC 1951 explains them: four of each number of extra bits.
fn lengths() -> Vec<(u32, u32)> {
    let mut rows = Vec::new();
    let mut lowest = 3;
    for symbol in 0..28_u32 {
        let extra = (symbol / 4).saturating_sub(1);
        rows.push((lowest, extra));
        lowest += 1 << extra;
    }
    rows.push((258, 0));
    rows
}

/// The same of distances, two of each.
fn distances() -> Vec<(u32, u32)> {
    let mut lowest = 1;
    (0..30_u32)
        .map(|symbol| {
            let extra = (symbol / 2).saturating_sub(1);
            lowest += 1 << extra;
            (lowest - (1 << extra), extra)
        })
        .collect()
}

/// The last row that begins at the value or before.
fn row(rows: &[(u32, u32)], value: usize) -> (u32, (u32, u32)) {
    let number = rows.partition_point(|(lowest, _)| *lowest as usize <= value) - 1;
    (number as u32, rows[number])
}

#[test]
fn every_length_is_repeated_at_every_near_distance() {
    for distance in (1..=40).chain([255, 256, 257]) {
        for length in 3..=258 {
            let mut content: Vec<u8> = (0..distance).map(|n| (n * 7 % 251) as u8).collect();
            let mut writer =
                content.iter().fold(Writer::begin(), |writer, byte| writer.fixed((*byte).into()));
            for _ in 0..2 {
                writer = writer.repeat(length, distance);
                for _ in 0..length {
                    content.push(content[content.len() - distance]);
                }
            }
            // Far from the end of the input, and near it.
            let padded = (0..40).fold(writer.clone(), |writer, _| writer.fixed(b'x'.into()));
            let more = [&content[..], &[b'x'; 40]].concat();
            for (writer, content) in [(writer, &content), (padded, &more)] {
                let packed = writer.fixed(256).member(content);
                // In pieces that end before, in and behind a match.
                for output in [distance + 1, distance + length, content.len()] {
                    let unpacked = unpack(&packed, 4096, output).expect("a good stream");
                    assert!(unpacked == *content, "{length} bytes from {distance} before, {output} at once");
                }
            }
        }
    }
}

#[test]
fn what_is_no_deflate_is_refused() {
    let dynamic = |symbols: u32, distances: u32| {
        Writer::default().number(0b101, 3).number(symbols, 5).number(distances, 5)
    };
    let literal = |writer: Writer| writer.fixed(b'a'.into());
    let cases: [(&str, Writer, usize, &str); 10] = [
        (
            "a block of the kind that is none",
            Writer::default().number(0b111, 3),
            0,
            "a block is of no known kind",
        ),
        (
            "the symbols that the fixed code has too many",
            literal(Writer::begin()).fixed(286),
            1,
            "a code stands for nothing",
        ),
        ("the other one", literal(Writer::begin()).fixed(287), 1, "a code stands for nothing"),
        (
            "a distance that there is not",
            literal(Writer::begin()).fixed(257).code(30, 5),
            1,
            "a code stands for nothing",
        ),
        ("the other one", literal(Writer::begin()).fixed(257).code(31, 5), 1, "a code stands for nothing"),
        (
            "a match from before the start",
            literal(Writer::begin()).repeat(3, 2),
            1,
            "it refers to what is before its start",
        ),
        ("too many symbols", dynamic(30, 0), 0, "a block has too many symbols"),
        ("too many distances", dynamic(0, 30), 0, "a block has too many symbols"),
        (
            "a repetition of nothing",
            // Codes of lengths: 16 and 0, of one bit each.
            dynamic(0, 0).number(0, 4).number(1, 3).number(0, 6).number(1, 3).code(1, 1),
            0,
            "the code of a block is none",
        ),
        (
            "a code without an end",
            // Only zeros: 138, and 120 of them.
            dynamic(0, 0)
                .number(0, 4)
                .number(0, 6)
                .number(1, 3)
                .number(1, 3)
                .code(1, 1)
                .number(127, 7)
                .code(1, 1)
                .number(109, 7),
            0,
            "the code of a block is none",
        ),
    ];
    for (what, writer, before, expected) in cases {
        // Near the end of the input, and far from it.
        for padding in [8, 100] {
            let stream = [&HEADER[..], &writer.bytes, &vec![0xaa; padding]].concat();
            let (content, error) = until_error(&stream);
            assert_eq!((content.len(), error.to_string().as_str()), (before, expected), "{what}");
        }
    }
    let (_, error) = until_error(&[&HEADER[..], &[1, 5, 0, 5, 0, 1, 2, 3, 4, 5]].concat());
    assert_eq!(error.to_string(), "the length of a stored block is wrong");
}

#[test]
fn members_and_blocks_without_content_change_nothing() {
    let (content, empty) = (b"content".as_slice(), packed(b"", 6));
    let full = packed(content, 6);
    // Stored blocks without content: as the only one, in front and behind.
    let stored = |blocks: &[&[u8]]| {
        let mut sum = Crc::new();
        sum.update(content);
        [&[&HEADER[..]], blocks, &[&sum.sum().to_le_bytes(), &7_u32.to_le_bytes()]].concat().concat()
    };
    let (nothing, last) = (&[0, 0, 0, 0xff, 0xff][..], &[1, 0, 0, 0xff, 0xff][..]);
    let some = [&[0, 7, 0, 0xf8, 0xff][..], content].concat();
    for stream in [
        [&empty[..], &full, &empty, &empty].concat(),
        stored(&[nothing, &some, nothing, nothing, last]),
        [stored(&[&some, last]), empty.clone()].concat(),
    ] {
        for (input, output) in [(1, 1), (3, 7), (100, 100)] {
            assert_eq!(unpack(&stream, input, output).expect("a good stream"), content);
        }
    }
    assert_eq!(unpack(&empty, 9, 9).expect("a good stream"), b"");
    for zeros in [1, 9, 10] {
        let (whole, _) = until_error(&[&full[..], &vec![0; zeros]].concat());
        assert_eq!(whole, content, "{zeros} zeros are no member");
    }
    let mut wrong = full.clone();
    let at = wrong.len() - 4;
    wrong[at] ^= 1;
    assert_eq!(until_error(&wrong).1.to_string(), "the length is wrong");
}

#[test]
fn a_header_has_all_that_it_can_have() {
    let mut encoder = GzBuilder::new()
        .extra(vec![7; 300])
        .filename("layer.tar")
        .comment("made for a test")
        .mtime(5)
        .write(Vec::new(), Compression::best());
    io::Write::write_all(&mut encoder, b"content").expect("memory");
    let packed = encoder.finish().expect("memory");
    assert_eq!(unpack(&packed, 1, 10).expect("a good stream"), b"content");
    for cut in 0..packed.len() {
        assert!(unpack(&packed[..cut], 100, 10).is_err(), "{cut} bytes of it are not all");
    }
    // A check sum of the header, which zlib does not write.
    let mut packed = packed;
    packed[3] |= 2;
    let end = packed.windows(16).position(|bytes| bytes == b"made for a test\0").expect("the comment") + 16;
    let mut sum = Crc::new();
    sum.update(&packed[..end]);
    packed.splice(end..end, (sum.sum() as u16).to_le_bytes());
    assert_eq!(unpack(&packed, 7, 10).expect("a good stream"), b"content");
    packed[5] ^= 1;
    assert_eq!(
        unpack(&packed, 7, 10).expect_err("another time").to_string(),
        "the check sum of a header is wrong"
    );
}

#[test]
fn a_member_does_not_see_the_one_before() {
    let first = packed(b"the same words, the same words", 9);
    // One block with the fixed code, which begins with a match: three bytes, one back.
    let second = [&HEADER[..], &[0b011, 0b10, 0, 0, 0, 0, 0, 0, 0]].concat();
    let error = unpack(&[first, second].concat(), 100, 100).expect_err("nothing is there");
    assert_eq!(error.to_string(), "it refers to what is before its start");
}

#[test]
fn what_stands_before_damage_comes_out() {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..90_000).map(|_| next()).collect();
    for level in [0, 9] {
        let mut packed = packed(&noise, level);
        packed.truncate(packed.len() / 2);
        let mut gunzip = Gunzip::new(&packed[..]);
        let mut buffer = vec![0; noise.len() + SLACK];
        let mut end = 0;
        let error = loop {
            match gunzip.read(&mut buffer, end, noise.len()) {
                Ok(length) => end += length,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(end > 40_000, "{end} bytes at level {level}");
        assert_eq!(buffer[..end], noise[..end]);
        assert!(gunzip.read(&mut buffer, end, noise.len()).is_err(), "it stays one");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Codes of any shape have room in their tables, and the code of every symbol leads to it.
    #[test]
    fn every_code_leads_to_its_symbol(
        symbols in 257..=286_usize,
        distances in 2..=30_usize,
        splits in proptest::collection::vec(any::<(u16, u8)>(), 330),
    ) {
        let code = |symbols: usize, splits: &[(u16, u8)]| {
            // A tree grows by splitting one of its leaves, near the deepest of them more often than not.
            let mut lengths = vec![1_u8, 1];
            for (choice, kind) in splits {
                if lengths.len() >= symbols {
                    break;
                }
                lengths.sort_unstable();
                let open = lengths.partition_point(|length| *length < 15);
                if open == 0 {
                    break;
                }
                let chosen = match kind % 4 {
                    0 => usize::from(*choice) % open,
                    _ => open - 1 - usize::from(*choice) % open.min(3),
                };
                lengths[chosen] += 1;
                lengths.push(lengths[chosen]);
            }
            lengths.resize(symbols, 0);
            lengths
        };
        let mut symbols = code(symbols, &splits[..300]);
        // The end must be there; which symbol has which code does not matter otherwise.
        symbols.swap(0, 256);
        leads_to_symbols(&symbols, &code(distances, &splits[300..]));
    }
}

/// Makes the tables of a code, and looks up every code as a stream would.
fn leads_to_symbols(symbols: &[u8], distances: &[u8]) {
    let mut tables = Tables::new();
    assert!(tables.set(symbols, distances).is_ok());
    let (of_lengths, of_distances) = (lengths(), self::distances());
    leads(&tables.symbols, table::SYMBOL_BITS, symbols, |symbol| match symbol {
        0..256 => (table::LITERAL | (symbol as u32) << 16, 0),
        256 => (table::SPECIAL | table::END, 0),
        _ => (of_lengths[symbol - 257].0 << 16, of_lengths[symbol - 257].1),
    });
    leads(&tables.distances, table::DISTANCE_BITS, distances, |symbol| {
        (of_distances[symbol].0 << 16, of_distances[symbol].1)
    });
}

/// The canonical code (RFC 1951, 3.2.2) in one table. `meaning` says of a symbol its flags and value, and its extra bits.
fn leads(table: &[u32], first: usize, lengths: &[u8], meaning: impl Fn(usize) -> (u32, u32)) {
    let mut code = 0_u32;
    for length in 1..=15_u8 {
        for symbol in (0..lengths.len()).filter(|symbol| lengths[*symbol] == length) {
            let reversed = (code.reverse_bits() >> (32 - length)) as usize;
            let (mut entry, mut bits) = (table[reversed & ((1 << first) - 1)], u32::from(length));
            if entry & (table::LITERAL | table::SPECIAL | table::GOES_ON) == table::SPECIAL | table::GOES_ON {
                let mask = (1 << (entry >> 8 & 15)) - 1;
                entry = table[(entry >> 16) as usize + (reversed >> first & mask)];
                bits -= first as u32;
            }
            let (said, extra) = meaning(symbol);
            assert_eq!(
                entry,
                said | bits << 8 | (bits + extra),
                "symbol {symbol} with a code of {length} bits"
            );
            code += 1;
        }
        code <<= 1;
    }
}

#[test]
fn the_codes_that_need_the_largest_tables_have_room() {
    // Found by counting as zlib's `enough.c` does; so many codes of each length.
    let code = |counts: &[(u8, usize)]| -> Vec<u8> {
        counts.iter().flat_map(|(length, count)| std::iter::repeat_n(*length, *count)).collect()
    };
    let mut symbols = code(&[(1, 1), (2, 1), (3, 1), (4, 1), (12, 233), (13, 45), (14, 1), (15, 2)]);
    symbols.resize(286, 0);
    let end = symbols.len() - 1;
    symbols.swap(256, end);
    symbols.swap(0, 256);
    let distances = code(&[
        (2, 3),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 1),
        (10, 13),
        (11, 5),
        (12, 1),
        (13, 1),
        (14, 1),
        (15, 2),
    ]);
    assert_eq!(distances.len(), 30);
    leads_to_symbols(&symbols, &distances);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// However a layer is looked at, what comes out is what went in: matches reach as far back as they may.
    #[test]
    fn a_window_is_kept_however_bytes_are_taken(
        steps in proptest::collection::vec((any::<bool>(), 1..=300_000_usize), 1..60),
        seed in any::<u32>(),
    ) {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let mut content: Vec<u8> = noise.take(WINDOW).collect();
        let mut writer = content.iter().fold(Writer::begin(), |writer, byte| writer.fixed((*byte).into()));
        // All of it again and again, from as far away as can be.
        for _ in 0..4000 {
            writer = writer.repeat(258, WINDOW);
            content.extend_from_within(content.len() - WINDOW..content.len() - WINDOW + 258);
        }
        let packed = writer.fixed(256).member(&content);
        let mut bytes = crate::unpack::Unpack::new(&packed[..], &plimsoll_types::probe::Limits::default());
        let mut at = 0;
        for (peeks, length) in steps {
            if peeks {
                let seen = bytes.peek(length).expect("a good stream");
                prop_assert!(seen.len() >= length.min(262_144).min(content.len() - at));
                prop_assert!(content[at..].starts_with(seen));
            } else {
                let taken = bytes.take(length as u64).expect("a good stream");
                prop_assert!(content[at..].starts_with(taken));
                prop_assert!(!taken.is_empty() || at == content.len());
                at += taken.len();
            }
        }
    }
}

#[test]
fn a_limit_is_exact_where_a_match_goes_beyond_it() {
    let content = [b"a".repeat(5), b"abc".repeat(86)].concat();
    let writer = (0..5).fold(Writer::begin(), |writer, _| writer.fixed(b'a'.into()));
    let writer = writer.fixed(b'a'.into()).fixed(b'b'.into()).fixed(b'c'.into()).repeat(255, 3).fixed(256);
    let packed = writer.member(&content);
    let read = |most: usize| {
        let limits = plimsoll_types::probe::Limits { unpacked_bytes: most as u64, ..Default::default() };
        let mut bytes = crate::unpack::Unpack::new(&packed[..], &limits);
        let mut length = 0;
        loop {
            match bytes.take(u64::MAX) {
                Ok([]) => return Ok(length),
                Ok(piece) => length += piece.len(),
                Err(problem) => return Err(problem.kind),
            }
        }
    };
    assert_eq!(read(content.len()), Ok(content.len()));
    assert_eq!(read(content.len() - 1), Err(plimsoll_types::ProblemKind::LimitExceeded));
    assert_eq!(read(7), Err(plimsoll_types::ProblemKind::LimitExceeded));
}
