//! The secure score: how much of what can be reached is reached. Pure.
//!
//! The formulas are Defender for Cloud's. A control gives its points in the proportion of healthy resources among those
//! that are healthy or not; resources that are not applicable are in neither count. A subscription's score is the sum of
//! its controls'.

/// How many resources of a control are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Healthy under all recommendations of the control.
    pub healthy: u64,
    /// Unhealthy under one of them.
    pub unhealthy: u64,
    /// Neither: exempted, not scanned, not to be judged.
    pub not_applicable: u64,
}

/// Points.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Points {
    /// Points that can be reached; 0 where there is nothing to judge.
    pub max: f64,
    /// Points that are reached.
    pub current: f64,
}

impl Resources {
    /// The points of a control that gives `max` at most.
    pub fn points(self, max: u32) -> Points {
        let judged = self.healthy + self.unhealthy;
        if judged == 0 {
            return Points::default();
        }
        let max = f64::from(max);
        Points { max, current: max / judged as f64 * self.healthy as f64 }
    }

    /// How many count: what a subscription weighs beside others.
    pub fn weight(self) -> u64 {
        self.healthy + self.unhealthy
    }
}

impl Points {
    /// The part that is reached, 0 to 1; 0 where nothing can be.
    pub fn percentage(self) -> f64 {
        if self.max == 0.0 { 0.0 } else { self.current / self.max }
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, points| Self {
            max: sum.max + points.max,
            current: sum.current + points.current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_comes_out() {
        let points = Resources { healthy: 4, unhealthy: 74, not_applicable: 9 }.points(6);
        assert_eq!(format!("{:.2}", points.current), "0.31");
        assert_eq!(points.max, 6.0);
    }

    #[test]
    fn what_cannot_be_judged_gives_and_costs_nothing() {
        let nothing = Resources { not_applicable: 3, ..Resources::default() }.points(6);
        assert_eq!((nothing.max, nothing.percentage()), (0.0, 0.0));
        let half = Resources { healthy: 1, unhealthy: 1, ..Resources::default() }.points(6);
        let sum: Points = [nothing, half].into_iter().sum();
        assert_eq!((sum.max, sum.current, sum.percentage()), (6.0, 3.0, 0.5));
    }
}
