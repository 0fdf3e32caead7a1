//! The secure score over time.

use plimsoll_types::Timestamp;
use plimsoll_types::score::Points;
use serde_json::Value;

use crate::database::{Row, args};
use crate::{Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;
/// A score that does not change is written once in this time.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A subscription's score at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePoint {
    /// The instant.
    pub at: Timestamp,
    /// The points.
    pub points: Points,
    /// How many resources count.
    pub weight: u64,
    /// The controls, as their reader wants them.
    pub controls: Value,
}

impl Store {
    /// Writes a score down, unless it is the same as the last one and that is not a day old. Gives whether it did.
    pub async fn record_score(&self, subscription: &str, point: &ScorePoint) -> Result<bool> {
        let key = subscription.to_ascii_lowercase();
        let last = self.scores_of(&key, None, 1).await?.pop();
        let is_known = last.is_some_and(|last| {
            let same = (to_millionths(last.points), last.weight, &last.controls)
                == (to_millionths(point.points), point.weight, &point.controls);
            point.at <= last.at || (same && point.at.0 < last.at.0 + DAY)
        });
        if is_known {
            return Ok(false);
        }
        let sql = "insert into score_history (subscription, at, max_points, current_points, weight, controls) \
            values ($1, $2, $3, $4, $5, $6) on conflict (subscription, at) do nothing";
        let (max, current) = to_millionths(point.points);
        let weight = i64::try_from(point.weight).unwrap_or(i64::MAX);
        let mut tx = self.db.begin("record a score").await?;
        tx.execute(sql, &args![&key, point.at, max, current, weight, point.controls.to_string()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Up to `n` scores of a subscription before an instant, newest first.
    pub async fn score_history(
        &self,
        subscription: &str,
        before: Option<Timestamp>,
        n: u32,
    ) -> Result<Vec<ScorePoint>> {
        self.scores_of(&subscription.to_ascii_lowercase(), before, n).await
    }

    async fn scores_of(&self, key: &str, before: Option<Timestamp>, n: u32) -> Result<Vec<ScorePoint>> {
        let sql = "select at, max_points, current_points, weight, controls from score_history \
            where subscription = $1 and at < $2 order by at desc limit $3";
        let before = before.unwrap_or(Timestamp(i64::MAX));
        let rows = self.db.all("read scores", sql, &args![key, before, i64::from(n.min(MAX_PAGE))]).await?;
        rows.iter().map(read_score).collect()
    }
}

fn to_millionths(points: Points) -> (i64, i64) {
    let round = |points: f64| (points * 1e6).round() as i64;
    (round(points.max), round(points.current))
}

fn read_score(row: &Row) -> Result<ScorePoint> {
    let points = |column: usize| Ok::<_, crate::Error>(row.get::<i64>(column)? as f64 / 1e6);
    Ok(ScorePoint {
        at: Timestamp(row.get(0)?),
        points: Points { max: points(1)?, current: points(2)? },
        weight: row.count(3)?,
        controls: row.json(4)?.unwrap_or_default(),
    })
}
