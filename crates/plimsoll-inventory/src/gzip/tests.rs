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

    /// The same without the check sum, by which any damage shows in the end: only what comes before it is compared.
    #[test]
    fn noise_is_unpacked_as_zlib_does(noise in proptest::collection::vec(any::<u8>(), 0..400), kind in 0..3_u8) {
        let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        stream.extend_from_slice(&noise);
        if let Some(first) = stream.get_mut(10) {
            *first = *first & !7 | kind << 1;
        }
        let mut inflate = flate2::Decompress::new(false);
        let mut expected = Vec::with_capacity(1 << 20);
        let whole = inflate.decompress_vec(&stream[10..], &mut expected, flate2::FlushDecompress::None);
        let mut gunzip = Gunzip::new(&stream[..]);
        let mut ours = vec![0; expected.len() + SLACK + 1];
        let mut at = 0;
        // As far as zlib came, and not with an error where it has none.
        while at < expected.len() {
            match gunzip.read(&mut ours, at, expected.len()) {
                Ok(0) | Err(_) => break,
                Ok(more) => at += more,
            }
        }
        if whole.is_ok() {
            prop_assert_eq!(&ours[..expected.len()], &expected[..]);
        }
    }
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
    let second = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0b011, 0b10, 0, 0, 0, 0, 0, 0, 0].to_vec();
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
        assert_eq!(gunzip.read(&mut buffer, end, noise.len()).ok(), Some(0), "it is over");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Codes of any shape have room in their tables, and the code of every symbol leads to it.
    #[test]
    fn every_code_leads_to_its_symbol(
        symbols in 257..=286_usize,
        distances in 1..=30_usize,
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
        let mut lengths = code(symbols, &splits[..300]);
        // The end must be there; which symbol has which code does not matter otherwise.
        lengths.swap(0, 256);
        let distances = code(distances.max(2), &splits[300..]);
        let mut tables = Tables::new();
        prop_assert!(tables.set(&lengths, &distances).is_ok());
        let find = |table: &[u32], first: usize, code: u32| {
            let entry = table[code as usize & ((1 << first) - 1)];
            if entry & table::LITERAL == 0 && entry & table::SPECIAL != 0 && entry & table::GOES_ON != 0 {
                let mask = (1 << (entry >> 8 & 15)) - 1;
                table[(entry >> 16) as usize + (code as usize >> first & mask)]
            } else {
                entry
            }
        };
        for (table, first, lengths) in
            [(&tables.symbols[..], table::SYMBOL_BITS, &lengths), (&tables.distances[..], table::DISTANCE_BITS, &distances)]
        {
            // The canonical code (RFC 1951, 3.2.2).
            let mut code = 0_u32;
            for length in 1..=15_u8 {
                for symbol in (0..lengths.len()).filter(|symbol| lengths[*symbol] == length) {
                    let reversed = code.reverse_bits() >> (32 - length);
                    let entry = find(table, first, reversed);
                    let expected = match (first == table::SYMBOL_BITS, symbol) {
                        (true, 0..256) => table::LITERAL | (symbol as u32) << 16,
                        (true, 256) => table::SPECIAL | table::END,
                        _ => entry & 0x7fff_0000,
                    };
                    prop_assert_eq!(entry & !0xfff, expected & !0xfff, "symbol {} of {} bits", symbol, length);
                    code += 1;
                }
                code <<= 1;
            }
        }
    }
}
