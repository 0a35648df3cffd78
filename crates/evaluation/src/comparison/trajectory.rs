use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::taken::Points;
use super::{Deviation, pair};

/// Trajectories of one topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrajectoryDifference {
    /// Messages of the same stamp.
    pub messages: u64,
    /// Messages of A whose stamp B has not.
    pub only_a: u64,
    /// Messages of B whose stamp A has not.
    pub only_b: u64,
    /// Distance of the planned places at equal times, over all points of A that B reaches in time, m.
    pub position_m: Deviation,
    /// Difference of the planned speeds at equal times, m/s.
    pub speed_mps: Deviation,
    /// Stamp, s, and largest distance, m: for the plot.
    #[serde(skip)]
    pub(crate) over_time: Vec<(f64, f64)>,
}

pub(crate) fn compare(a: &BTreeMap<i64, Points>, b: &BTreeMap<i64, Points>) -> TrajectoryDifference {
    let (pairs, only_a, only_b) = pair(a, b);
    let (mut places, mut speeds, mut over_time) = (Vec::new(), Vec::new(), Vec::new());
    for (stamp, of_a, of_b) in pairs {
        let mut largest = 0.0_f64;
        for &(t, x, y, speed) in of_a {
            let Some((bx, by, b_speed)) = at(of_b, t) else { continue };
            let distance = (x - bx).hypot(y - by);
            // NaN is a difference, and a large one.
            let distance = if distance.is_finite() { distance } else { f64::INFINITY };
            largest = largest.max(distance);
            places.push(distance);
            speeds.push(speed - b_speed);
        }
        over_time.push((stamp as f64 * 1e-9, largest));
    }
    TrajectoryDifference {
        messages: over_time.len() as u64,
        only_a,
        only_b,
        position_m: Deviation::of(places.into_iter()),
        speed_mps: Deviation::of(speeds.into_iter()),
        over_time,
    }
}

/// Place and speed at a time from the start, between points on a straight line; nothing beyond the ends.
fn at(points: &Points, t: f64) -> Option<(f64, f64, f64)> {
    let after = points.iter().position(|point| point.0 >= t)?;
    let (t1, x1, y1, v1) = points[after];
    if t1 == t || after == 0 {
        return (t1 == t).then_some((x1, y1, v1));
    }
    let (t0, x0, y0, v0) = points[after - 1];
    let s = (t - t0) / (t1 - t0);
    Some((x0 + s * (x1 - x0), y0 + s * (y1 - y0), v0 + s * (v1 - v0)))
}
