//! How often a caller may ask, and how many queries are worked on at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue};
use plimsoll_types::{Guid, Timestamp};
use tokio::sync::Semaphore;

use crate::error::Error;

/// Queries of one caller in a window. Azure counts 15; a server of one's own can bear more.
const QUOTA: u32 = 150;
/// The window, in milliseconds.
const WINDOW: i64 = 5_000;
/// Callers that are remembered; when there are more, those of past windows are forgotten.
const MOST_CALLERS: usize = 10_000;
/// Queries that are worked on at once. Each may hold memory up to its limit.
const AT_ONCE: usize = 4;

/// Where queries are admitted.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    callers: Arc<Mutex<HashMap<Guid, (i64, u32)>>>,
    pub(super) places: Arc<Semaphore>,
}

/// What is left to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    remaining: u32,
    /// Milliseconds.
    resets_after: i64,
}

impl Default for Desk {
    fn default() -> Self {
        Self { callers: Arc::default(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Desk {
    /// Counts a query of this caller.
    pub(super) fn admit(&self, caller: &Guid, now: Timestamp) -> Result<Quota, Error> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |begun: i64| now.0.saturating_sub(begun) >= WINDOW || now.0 < begun;
        if callers.len() >= MOST_CALLERS {
            callers.retain(|_, (begun, _)| !is_over(*begun));
        }
        let (begun, count) = callers.entry(caller.clone()).or_insert((now.0, 0));
        if is_over(*begun) {
            (*begun, *count) = (now.0, 0);
        }
        let resets_after = WINDOW - (now.0 - *begun);
        if *count >= QUOTA {
            return Err(Error::too_many(resets_after));
        }
        *count += 1;
        Ok(Quota { remaining: QUOTA - *count, resets_after })
    }
}

impl Quota {
    /// Writes the headers that Azure's clients look at.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert("x-ms-user-quota-remaining", HeaderValue::from(self.remaining));
        let seconds = (self.resets_after + 999) / 1000;
        if let Ok(value) = HeaderValue::from_str(&format!("00:00:{seconds:02}")) {
            headers.insert("x-ms-user-quota-resets-after", value);
        }
    }
}
