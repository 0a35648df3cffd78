use serde::{Deserialize, Serialize};

use super::taken::TakenTopic;

/// Time of recording less the message's stamp: age of data, ms.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Age {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// Rates and ages of one topic. Index 0 is A, 1 is B.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TopicTiming {
    /// Messages.
    pub messages: [u64; 2],
    /// Messages a second between the first and the last; 0 for fewer than two.
    pub rate_hz: [f64; 2],
    /// Longest time between two messages, s.
    pub longest_gap_s: [f64; 2],
    /// Age, where the type has a stamp and is compared by content.
    pub age_ms: [Option<Age>; 2],
}

pub(crate) fn compare(a: &TakenTopic, b: &TakenTopic) -> TopicTiming {
    let of = |f: fn(&TakenTopic) -> f64| [f(a), f(b)];
    TopicTiming {
        messages: [a.times.len() as u64, b.times.len() as u64],
        rate_hz: of(|topic| match topic.times[..] {
            [first, .., last] if last > first => (topic.times.len() - 1) as f64 / ((last - first) as f64 * 1e-9),
            _ => 0.0,
        }),
        longest_gap_s: of(|topic| {
            let gaps = topic.times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * 1e-9);
            gaps.fold(0.0, f64::max)
        }),
        age_ms: [age(&a.ages), age(&b.ages)],
    }
}

fn age(ages: &[f64]) -> Option<Age> {
    let mut sorted = ages.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get(((sorted.len().checked_sub(1)?) as f64 * share).round() as usize).copied();
    Some(Age { p50: 1e3 * at(0.5)?, p99: 1e3 * at(0.99)? })
}
