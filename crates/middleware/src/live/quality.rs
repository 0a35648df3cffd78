//! What the wire has to say of a node's inputs: deadlines missed, publishers that fell silent, ends that do not meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::backend::Subscription;

/// One input's end on the wire.
pub(super) struct Watched {
    topic: String,
    end: Arc<dyn Subscription>,
    /// Deadlines missed when it was last told.
    told: AtomicU32,
}

impl Watched {
    pub fn new(topic: &str, end: Arc<dyn Subscription>) -> Self {
        Self { topic: topic.into(), end, told: AtomicU32::new(0) }
    }

    /// Counts, of what happened at all.
    pub fn facts(&self) -> impl Iterator<Item = (String, String)> {
        let quality = self.end.quality();
        let counts = [
            ("deadlines_missed", quality.deadlines_missed),
            ("liveliness_lost", quality.liveliness_lost),
            ("incompatible_qos", quality.refused),
        ];
        let happened = counts.into_iter().filter(|(_, count)| *count > 0);
        happened.map(|(what, count)| (format!("{what}.{}", self.topic), count.to_string()))
    }

    /// What is wrong now.
    pub fn complaints(&self) -> Vec<String> {
        let quality = self.end.quality();
        let mut complaints = Vec::new();
        let new = quality.deadlines_missed.saturating_sub(self.told.swap(quality.deadlines_missed, Ordering::AcqRel));
        if new > 0 {
            complaints.push(format!("{}: {new} deadlines missed since last told", self.topic));
        }
        if quality.silent > 0 {
            complaints.push(format!("{}: {} publishers not heard of within their lease", self.topic, quality.silent));
        }
        if quality.refused > 0 {
            // Those that left meanwhile are refused no more.
            complaints.extend(self.end.incompatible());
        }
        complaints
    }
}
