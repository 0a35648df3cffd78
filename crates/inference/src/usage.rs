use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest run told apart, µs.
const LONGEST_US: u64 = 60_000_000;

/// What a model has cost in this process, by the wall clock: for reports, never for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The model's name.
    pub name: String,
    /// What it computes in.
    pub precision: String,
    /// What runs it.
    pub execution_provider: String,
    /// Runs measured; the warm-up is not among them.
    pub runs: u64,
    /// Median of a run, ms; 0 before the first.
    pub p50_ms: f64,
    /// 99th percentile, ms; 0 before the first.
    pub p99_ms: f64,
    /// Whether it is still there: a node may have taken another model since.
    pub loaded: bool,
}

/// One loaded model's runs.
#[derive(Debug)]
pub(crate) struct Record {
    name: String,
    precision: String,
    execution_provider: String,
    micros: Mutex<Histogram<u64>>,
}

static LOADED: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

impl Record {
    /// Enters a model into the process's list; one of the same name that was loaded before makes place.
    pub(crate) fn enter(name: &str, precision: &str, execution_provider: &str) -> Arc<Self> {
        // These bounds are within what the histogram takes.
        let micros = Histogram::new_with_bounds(1, LONGEST_US, 3).unwrap_or_else(|_| unreachable!());
        let record = Arc::new(Self {
            name: name.into(),
            precision: precision.into(),
            execution_provider: execution_provider.into(),
            micros: Mutex::new(micros),
        });
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|other| other.name != record.name);
        loaded.push(Arc::clone(&record));
        record
    }

    pub(crate) fn add(&self, run: Duration) {
        let micros = u64::try_from(run.as_micros()).unwrap_or(LONGEST_US);
        self.micros.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    fn usage(&self, loaded: bool) -> Usage {
        let micros = self.micros.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |q: f64| if micros.is_empty() { 0.0 } else { micros.value_at_quantile(q) as f64 / 1000.0 };
        Usage {
            name: self.name.clone(),
            precision: self.precision.clone(),
            execution_provider: self.execution_provider.clone(),
            runs: micros.len(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            loaded,
        }
    }
}

/// What every model loaded in this process has cost so far, by name.
pub fn usage() -> Vec<Usage> {
    let loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut usage: Vec<Usage> = loaded.iter().map(|record| record.usage(Arc::strong_count(record) > 1)).collect();
    usage.sort_by(|a, b| a.name.cmp(&b.name));
    usage
}
