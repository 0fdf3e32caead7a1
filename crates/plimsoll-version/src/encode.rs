//! The alphabet of keys: how numbers and texts become bytes that `memcmp` orders as they are meant.
//!
//! Each piece is self-delimiting (no piece is the beginning of another), so that pieces can be put one after the other
//! and the first difference decides, exactly as a comparison field by field would.

/// A key while it is written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(32) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A byte that tells what comes next; the schemes number their tags in the order in which they sort.
    pub(crate) fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    /// A natural number of any size, given as ASCII digits; none at all is zero.
    ///
    /// Without its leading zeros, a longer number is a bigger number: the count of digits goes first, then the digits.
    pub(crate) fn integer(&mut self, digits: &[u8]) {
        let digits = without_leading_zeros(digits);
        self.count(digits.len());
        self.bytes.extend_from_slice(digits);
    }

    /// A text that sorts by its bytes, a beginning before what continues it.
    ///
    /// The end is a zero byte, so the bytes 0 and 1 are written as two bytes each.
    pub(crate) fn text(&mut self, text: &[u8]) {
        for &byte in text {
            match byte {
                0 | 1 => self.bytes.extend_from_slice(&[1, byte + 1]),
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(0);
    }

    /// A count, the larger the later: one byte where it is short, as it nearly always is.
    pub(crate) fn count(&mut self, count: usize) {
        match u8::try_from(count) {
            Ok(short) if short < u8::MAX => self.bytes.push(short),
            _ => {
                self.bytes.push(u8::MAX);
                self.bytes.extend_from_slice(&(count as u64).to_be_bytes());
            }
        }
    }

    /// A count, the larger the earlier: the complement of [`Writer::count`].
    pub(crate) fn count_down(&mut self, count: usize) {
        let start = self.bytes.len();
        self.count(count);
        self.bytes[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// How many bytes at the beginning satisfy `test`.
pub(crate) fn span(text: &[u8], test: impl Fn(&u8) -> bool) -> usize {
    text.iter().position(|byte| !test(byte)).unwrap_or(text.len())
}

/// Splits the text after the digits at its beginning.
pub(crate) fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(span(text, u8::is_ascii_digit))
}

/// The digits without the zeros that say nothing; zero itself becomes empty.
pub(crate) fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    &digits[span(digits, |&byte| byte == b'0')..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.into_bytes()
    }

    #[test]
    fn numbers_of_any_length_keep_their_order() {
        let nines = "9".repeat(300);
        let ladder = [
            "",
            "1",
            "2",
            "9",
            "10",
            "0011",
            "99",
            "18446744073709551616",
            &nines,
            &format!("1{}", "0".repeat(300)),
        ];
        for pair in ladder.windows(2) {
            let [low, high] = [pair[0], pair[1]].map(|text| written(|w| w.integer(text.as_bytes())));
            assert!(low < high, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn texts_keep_their_order_whatever_follows(a: Vec<u8>, b: Vec<u8>, tail: [u8; 2]) {
            let key = |text: &[u8], tail| written(|w| { w.text(text); w.tag(tail) });
            prop_assert_eq!(key(&a, tail[0]).cmp(&key(&b, tail[1])), a.cmp(&b).then(tail[0].cmp(&tail[1])));
        }

        #[test]
        fn counts_down_sort_backwards(a in 0usize..600, b in 0usize..600) {
            prop_assert_eq!(written(|w| w.count_down(a)).cmp(&written(|w| w.count_down(b))), b.cmp(&a));
        }
    }
}
