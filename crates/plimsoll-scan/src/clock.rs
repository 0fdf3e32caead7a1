//! The time, handed in, and a little chance to spread retries.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plimsoll_types::Timestamp;

/// Tells the time. Tests hand in their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
pub fn system() -> Clock {
    Arc::new(now)
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `base`, longer by up to a half, so that many who failed together do not come back together.
pub(crate) fn jitter(base: Duration) -> Duration {
    // Each RandomState is keyed anew; that is chance enough for this, and costs no crate.
    let chance = RandomState::new().hash_one(0) % 1000;
    base + base * u32::try_from(chance).unwrap_or(0) / 2000
}

/// How long to wait before the attempt after `attempt` (the first is 1): doubling from `first` up to `most`.
pub(crate) fn backoff(first: Duration, most: Duration, attempt: u32) -> Duration {
    let doubled = first.saturating_mul(1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    jitter(doubled.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_and_stays_bounded() {
        let (first, most) = (Duration::from_secs(1), Duration::from_secs(60));
        for (attempt, at_least) in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60), (u32::MAX, 60)] {
            let wait = backoff(first, most, attempt).as_secs_f64();
            let base = f64::from(at_least);
            assert!(wait >= base && wait <= base * 1.5, "attempt {attempt}: {wait}");
        }
    }
}
