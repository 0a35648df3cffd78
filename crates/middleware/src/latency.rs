use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Wall times of one thing in bounded memory: microsecond steps up to a minute, to three digits.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u32>);

/// What a [`Latency`] comes to, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LatencySummary {
    /// Median, ms.
    pub p50: f64,
    /// 99th percentile, ms.
    pub p99: f64,
    /// Largest, ms.
    pub max: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds are constants that the histogram accepts"))
    }
}

impl Latency {
    /// Adds one measurement; above a minute it counts as a minute.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Number of measurements.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Median, 99th percentile and maximum; zeros where nothing was measured.
    pub fn summary(&self) -> LatencySummary {
        let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
        if self.0.is_empty() {
            return LatencySummary::default();
        }
        LatencySummary {
            p50: milliseconds(self.0.value_at_quantile(0.5)),
            p99: milliseconds(self.0.value_at_quantile(0.99)),
            max: milliseconds(self.0.max()),
        }
    }
}
