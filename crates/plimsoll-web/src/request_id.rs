//! The ids by which a person finds a request again: `x-ms-request-id`, ours, and `x-ms-correlation-request-id`, which a
//! caller may choose.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");

/// Makes ids that differ within a process and, by its random keys, between processes. They are names, not secrets.
pub(crate) struct RequestIds {
    keys: RandomState,
    made: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { keys: RandomState::new(), made: AtomicU64::new(0) }
    }

    /// A new GUID.
    pub(crate) fn next(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (self.keys.hash_one((number, "high")), self.keys.hash_one((number, "low")));
        // Version 4, variant 1 (RFC 9562, section 5.4).
        let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Puts the ids on an answer. The caller's correlation id is kept where it is short and plain.
pub(crate) fn mark(answer: &mut HeaderMap, id: &str, request: &HeaderMap) {
    let Ok(own) = HeaderValue::from_str(id) else { return };
    let plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let correlation = request.get(CORRELATION).filter(plain).cloned().unwrap_or_else(|| own.clone());
    answer.insert(REQUEST, own);
    answer.insert(CORRELATION, correlation);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_guids_and_differ() {
        let ids = RequestIds::new();
        let (a, b) = (ids.next(), ids.next());
        assert_ne!(a, b);
        let lengths: Vec<_> = a.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&a[14..15], "4");
        assert!("89ab".contains(&b[19..20]));
    }

    #[test]
    fn a_callers_correlation_id_is_kept_where_it_is_plain() {
        let told = |correlation: &'static str| {
            let request = HeaderMap::from_iter([(CORRELATION, HeaderValue::from_static(correlation))]);
            let mut answer = HeaderMap::new();
            mark(&mut answer, "own", &request);
            answer[CORRELATION].to_str().unwrap().to_owned()
        };
        assert_eq!(told("6f-1"), "6f-1");
        assert_eq!(told("<script>"), "own");
        assert_eq!(told(""), "own");
    }
}
