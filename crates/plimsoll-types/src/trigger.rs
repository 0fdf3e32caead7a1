//! Why a scan is due, and when an image that was pulled is assessed again: pure.
//!
//! An image that somebody runs is worth another look even where nobody pushes it again. So every image that was pulled
//! within the pull window is assessed again each so many days, by its digest, whether a tag still points at it or not.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Why an image is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// It was pushed.
    Push,
    /// It was imported.
    Import,
    /// Somebody asked.
    Manual,
    /// The plan was switched on.
    Plan,
    /// The advisories know something else than before of what it is made of.
    Advisories,
    /// It was pulled lately, and its last assessment is some days old.
    RecentlyPulled,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Push, Self::Import, Self::Manual, Self::Plan, Self::Advisories, Self::RecentlyPulled];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "Push",
            Self::Import => "Import",
            Self::Manual => "Manual",
            Self::Plan => "Plan",
            Self::Advisories => "Advisories",
            Self::RecentlyPulled => "RecentlyPulled",
        }
    }

    /// The trigger of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.as_str().eq_ignore_ascii_case(word))
    }
}

/// How long a pull keeps an image under watch, and how often it is assessed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Days for which a pull counts.
    pub pull_window_days: u32,
    /// Days between two assessments.
    pub reassess_every_days: u32,
    /// Days after the last assessment for which the findings of a subscription without the plan are still shown.
    pub keep_findings_days: u32,
}

impl Default for Watch {
    /// As the product that Plimsoll follows does it: pulled within 30 days, assessed each 7.
    fn default() -> Self {
        Self { pull_window_days: 30, reassess_every_days: 7, keep_findings_days: 30 }
    }
}

impl Watch {
    /// Whether an image that was last pulled and last assessed at these instants is due now. One that was never assessed
    /// is not due by this trigger: it waits for its first scan anyway, or cannot be scanned.
    pub fn is_due(&self, pulled: Option<Timestamp>, assessed: Option<Timestamp>, now: Timestamp) -> bool {
        let (Some(pulled), Some(assessed)) = (pulled, assessed) else { return false };
        pulled >= self.pulled_since(now) && assessed <= self.assessed_until(now)
    }

    /// The oldest pull that counts now.
    pub fn pulled_since(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.pull_window_days)
    }

    /// The newest assessment that is old enough to be followed by another one now.
    pub fn assessed_until(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.reassess_every_days)
    }

    /// The newest assessment whose findings are not shown any more where the plan is off.
    pub fn aged_out_until(&self, now: Timestamp) -> Timestamp {
        days_before(now, self.keep_findings_days)
    }
}

fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.plus_millis(-(i64::from(days) * MILLIS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp(1_800_000_000_000 + day * MILLIS_PER_DAY)
    }

    #[test]
    fn what_was_pulled_lately_is_assessed_each_week() {
        let watch = Watch::default();
        for (pulled, assessed, now, due) in [
            (Some(1), Some(0), 6, false),
            (Some(1), Some(0), 7, true),
            (Some(1), Some(7), 8, false),
            (Some(1), Some(24), 31, true),
            // More than 30 days after the last pull.
            (Some(1), Some(24), 32, false),
            (Some(30), Some(24), 32, true),
            (None, Some(0), 8, false),
            (Some(8), None, 8, false),
        ] {
            let is_due = watch.is_due(pulled.map(day), assessed.map(day), day(now));
            assert_eq!(is_due, due, "pulled {pulled:?}, assessed {assessed:?}, now {now}");
        }
    }

    #[test]
    fn both_spans_can_be_set() {
        let watch = Watch { pull_window_days: 2, reassess_every_days: 1, ..Watch::default() };
        assert!(watch.is_due(Some(day(0)), Some(day(0)), day(1)));
        assert!(watch.is_due(Some(day(0)), Some(day(1)), day(2)));
        assert!(!watch.is_due(Some(day(0)), Some(day(2)), day(3)));
    }

    #[test]
    fn a_trigger_is_known_by_its_word() {
        for trigger in Trigger::ALL {
            assert_eq!(Trigger::of(trigger.as_str()), Some(trigger));
        }
        assert_eq!(Trigger::of("recentlypulled"), Some(Trigger::RecentlyPulled));
        assert_eq!(Trigger::of("poll"), None);
    }
}
