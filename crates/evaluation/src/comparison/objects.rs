use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::taken::{Frame, Object};
use super::{Deviation, pair};

/// Centres of one object are no farther apart than this, m.
const MATCH_M: f64 = 2.0;

/// Objects of one class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClassDifference {
    /// Objects in A's messages that have a partner in B.
    pub matched: u64,
    /// Objects of A without one.
    pub missed: u64,
    /// Objects of B that A has not.
    pub added: u64,
    /// Distance of matched centres, m.
    pub position_m: Deviation,
    /// Difference of matched speeds, m/s.
    pub speed_mps: Deviation,
    /// Difference of matched lengths, m.
    pub length_m: Deviation,
    /// Difference of matched widths, m.
    pub width_m: Deviation,
}

/// Objects of one topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObjectDifference {
    /// Messages of the same stamp.
    pub messages: u64,
    /// Messages of A whose stamp B has not.
    pub only_a: u64,
    /// Messages of B whose stamp A has not.
    pub only_b: u64,
    /// By class; of a pair whose classes differ A's counts as missed and B's as added.
    pub classes: BTreeMap<String, ClassDifference>,
    /// Stamp, s, and objects matched, missed and added: for the plot.
    #[serde(skip)]
    pub(crate) over_time: Vec<(f64, u64, u64, u64)>,
}

/// Matches nearest first, within [`MATCH_M`] and one class.
pub(crate) fn compare(
    a: &BTreeMap<i64, Frame>,
    b: &BTreeMap<i64, Frame>,
    notes: &mut Vec<String>,
    topic: &str,
) -> ObjectDifference {
    let (pairs, only_a, only_b) = pair(a, b);
    let mut difference = ObjectDifference { only_a, only_b, ..ObjectDifference::default() };
    let mut matches: BTreeMap<&str, Vec<(&Object, &Object)>> = BTreeMap::new();
    let mut other_frames = 0_u64;
    for (stamp, of_a, of_b) in pairs {
        if of_a.frame_id != of_b.frame_id {
            other_frames += 1;
            continue;
        }
        difference.messages += 1;
        let partners = matched(&of_a.objects, &of_b.objects);
        let has_a = |index: usize| partners.iter().any(|&(i, _)| i == index);
        let has_b = |index: usize| partners.iter().any(|&(_, j)| j == index);
        let mut count = (0, 0, 0);
        for &(i, j) in &partners {
            matches.entry(of_a.objects[i].class).or_default().push((&of_a.objects[i], &of_b.objects[j]));
            count.0 += 1;
        }
        for (_, object) in of_a.objects.iter().enumerate().filter(|(i, _)| !has_a(*i)) {
            difference.classes.entry(object.class.into()).or_default().missed += 1;
            count.1 += 1;
        }
        for (_, object) in of_b.objects.iter().enumerate().filter(|(j, _)| !has_b(*j)) {
            difference.classes.entry(object.class.into()).or_default().added += 1;
            count.2 += 1;
        }
        difference.over_time.push((stamp as f64 * 1e-9, count.0, count.1, count.2));
    }
    for (class, pairs) in matches {
        let of = |f: fn(&Object, &Object) -> f64| Deviation::of(pairs.iter().map(|(a, b)| f(a, b)));
        let class = difference.classes.entry(class.into()).or_default();
        class.matched = pairs.len() as u64;
        class.position_m = of(|a, b| (a.x - b.x).hypot(a.y - b.y));
        class.speed_mps = of(|a, b| a.speed - b.speed);
        class.length_m = of(|a, b| a.length - b.length);
        class.width_m = of(|a, b| a.width - b.width);
    }
    if other_frames > 0 {
        notes.push(format!("{topic}: {other_frames} messages are in another frame in B and were not compared"));
    }
    difference
}

fn matched(a: &[Object], b: &[Object]) -> Vec<(usize, usize)> {
    let mut candidates = Vec::new();
    for (i, one) in a.iter().enumerate() {
        for (j, two) in b.iter().enumerate().filter(|(_, two)| two.class == one.class) {
            let distance = (one.x - two.x).hypot(one.y - two.y);
            if distance <= MATCH_M {
                candidates.push((distance, i, j));
            }
        }
    }
    candidates.sort_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (_, i, j) in candidates {
        if pairs.iter().all(|&(x, y)| x != i && y != j) {
            pairs.push((i, j));
        }
    }
    pairs
}
