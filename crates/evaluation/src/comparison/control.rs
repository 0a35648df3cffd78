use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Deviation;

/// Commands of A and B belong together when no more than this lies between them, ns: less than half a period.
const APART_NS: i64 = 9_000_000;

/// Commands of one topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ControlDifference {
    /// Commands of A with one of B at the same time.
    pub commands: u64,
    /// Commands of A without.
    pub only_a: u64,
    /// Commands of B that belong to none of A.
    pub only_b: u64,
    /// Steering angle at the wheels, rad.
    pub steering_rad: Deviation,
    /// Acceleration, m/s².
    pub acceleration_mps2: Deviation,
    /// Speed, m/s.
    pub speed_mps: Deviation,
    /// Time, s, and the values of A and B: for the plot.
    #[serde(skip)]
    pub(crate) over_time: Vec<(f64, [f64; 3], [f64; 3])>,
}

pub(crate) fn compare(a: &BTreeMap<i64, [f64; 3]>, b: &BTreeMap<i64, [f64; 3]>) -> ControlDifference {
    let mut difference = ControlDifference::default();
    let mut used = std::collections::BTreeSet::new();
    for (&time, &of_a) in a {
        let near = b.range(time.saturating_sub(APART_NS)..=time.saturating_add(APART_NS));
        let Some((&other, &of_b)) = near.min_by_key(|(other, _)| time.abs_diff(**other)) else {
            difference.only_a += 1;
            continue;
        };
        used.insert(other);
        difference.over_time.push((time as f64 * 1e-9, of_a, of_b));
    }
    difference.commands = difference.over_time.len() as u64;
    difference.only_b = (b.len() - used.len()) as u64;
    let of = |index: usize| {
        Deviation::of(difference.over_time.iter().map(|(_, a, b)| {
            let apart = a[index] - b[index];
            // NaN is a difference, and a large one.
            if apart.is_finite() { apart } else { f64::INFINITY }
        }))
    };
    (difference.steering_rad, difference.acceleration_mps2, difference.speed_mps) = (of(0), of(1), of(2));
    difference
}
