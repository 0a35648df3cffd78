//! What differs between two recordings of one drive: objects, trajectories, control, timing.
//!
//! Feed each recording into a [`Taken`], then [`compare`] the two.

mod control;
mod objects;
mod page;
mod plot;
mod table;
mod taken;
mod timing;
mod trajectory;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use control::ControlDifference;
pub use objects::{ClassDifference, ObjectDifference};
pub use taken::Taken;
pub use timing::{Age, TopicTiming};
pub use trajectory::TrajectoryDifference;

/// Mean and largest of absolute differences; both 0 where there was nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Deviation {
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub max: f64,
}

impl Deviation {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut sum, mut max, mut count) = (0.0, 0.0_f64, 0_u64);
        for value in values {
            sum += value.abs();
            max = max.max(value.abs());
            count += 1;
        }
        Self { mean: if count > 0 { sum / count as f64 } else { 0.0 }, max }
    }
}

/// What differs between recordings A and B. Keys are topics.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Topics whose messages have equal bytes and times in both.
    pub identical: Vec<String>,
    /// Topics that differ in any byte or time.
    pub different: Vec<String>,
    /// Topics of A that B lacks.
    pub only_a: Vec<String>,
    /// Topics of B that A lacks.
    pub only_b: Vec<String>,
    /// Detected, tracked and predicted objects.
    pub objects: BTreeMap<String, ObjectDifference>,
    /// Trajectories.
    pub trajectories: BTreeMap<String, TrajectoryDifference>,
    /// Control commands.
    pub control: BTreeMap<String, ControlDifference>,
    /// Rates and ages.
    pub timing: BTreeMap<String, TopicTiming>,
    /// What could not be compared, one sentence each.
    pub notes: Vec<String>,
}

/// Compares two recordings, topic by topic, messages of the same stamp with each other.
pub fn compare(a: &Taken, b: &Taken) -> Comparison {
    let mut comparison = Comparison::default();
    for (topic, of_a) in &a.topics {
        let Some(of_b) = b.topics.get(topic) else {
            comparison.only_a.push(topic.clone());
            continue;
        };
        if of_a.type_name != of_b.type_name {
            comparison.notes.push(format!("{topic} is {} in A and {} in B", of_a.type_name, of_b.type_name));
            continue;
        }
        let same = of_a.digest.hex() == of_b.digest.hex();
        if same { &mut comparison.identical } else { &mut comparison.different }.push(topic.clone());
        comparison.timing.insert(topic.clone(), timing::compare(of_a, of_b));
    }
    comparison.only_b.extend(b.topics.keys().filter(|topic| !a.topics.contains_key(*topic)).cloned());
    for (topic, of_a) in &a.objects {
        if let Some(of_b) = b.objects.get(topic) {
            comparison.objects.insert(topic.clone(), objects::compare(of_a, of_b, &mut comparison.notes, topic));
        }
    }
    for (topic, of_a) in &a.trajectories {
        if let Some(of_b) = b.trajectories.get(topic) {
            comparison.trajectories.insert(topic.clone(), trajectory::compare(of_a, of_b));
        }
    }
    for (topic, of_a) in &a.control {
        if let Some(of_b) = b.control.get(topic) {
            comparison.control.insert(topic.clone(), control::compare(of_a, of_b));
        }
    }
    comparison
}

/// Pairs of equal keys, and how many of each side have no partner. Where a key comes twice the later one counts.
pub(crate) fn pair<'a, T>(
    a: &'a BTreeMap<i64, T>,
    b: &'a BTreeMap<i64, T>,
) -> (impl Iterator<Item = (i64, &'a T, &'a T)>, u64, u64) {
    let only = |x: &BTreeMap<i64, T>, y: &BTreeMap<i64, T>| x.keys().filter(|key| !y.contains_key(key)).count() as u64;
    let pairs = a.iter().filter_map(|(key, of_a)| b.get(key).map(|of_b| (*key, of_a, of_b)));
    (pairs, only(a, b), only(b, a))
}

#[cfg(test)]
mod tests;
