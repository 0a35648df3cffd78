use std::fmt;
use std::time::Duration;

use crate::{Endpoint, Guid, Qos, Reliability};

/// A policy in which two ends do not meet: what the writer offers is less than what the reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The policy.
    pub policy: &'static str,
    /// What the writer offers.
    pub offered: String,
    /// What the reader asks for.
    pub requested: String,
}

/// An end that is not connected, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    /// The topic.
    pub topic: String,
    /// The other end.
    pub other: Guid,
    /// What does not meet.
    pub mismatches: Vec<Mismatch>,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {}: no connection with {}: ", self.topic, self.other)?;
        for (n, mismatch) in self.mismatches.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            let Mismatch { policy, offered, requested } = mismatch;
            write!(f, "{separator}{policy}: the writer offers {offered}, the reader asks for {requested}")?;
        }
        Ok(())
    }
}

fn time(duration: Option<Duration>) -> String {
    duration.map_or("any time".into(), |d| format!("{d:?}"))
}

/// Where an offer is less than a request. Source: OMG DDS 1.4, 2.2.3, "RxO" policies, without those that ROS 2 has not.
pub fn mismatches(offered: &Qos, requested: &Qos) -> Vec<Mismatch> {
    let reliable = |qos: &Qos| matches!(qos.reliability, Reliability::Reliable { .. });
    let kind = |qos: &Qos| if reliable(qos) { "reliable" } else { "best effort" };
    let longer = |a: Option<Duration>, b: Option<Duration>| a.unwrap_or(Duration::MAX) > b.unwrap_or(Duration::MAX);
    let mut list = Vec::new();
    let mut add = |policy, offered: String, requested: String| list.push(Mismatch { policy, offered, requested });
    if reliable(requested) && !reliable(offered) {
        add("reliability", kind(offered).into(), kind(requested).into());
    }
    if offered.durability < requested.durability {
        add("durability", format!("{:?}", offered.durability), format!("{:?}", requested.durability));
    }
    if longer(offered.deadline, requested.deadline) {
        add("deadline", time(offered.deadline), time(requested.deadline));
    }
    if offered.liveliness < requested.liveliness {
        add("liveliness", format!("{:?}", offered.liveliness), format!("{:?}", requested.liveliness));
    }
    if longer(offered.lease, requested.lease) {
        add("liveliness lease", time(offered.lease), time(requested.lease));
    }
    list
}

/// The others on a topic that an end cannot be connected with; `offers`: the end is a writer.
pub(crate) fn refused(topic: &str, own: &Qos, offers: bool, others: Vec<Endpoint>) -> Vec<Incompatibility> {
    let refusal = |other: Endpoint| {
        let mismatches = if offers { mismatches(own, &other.qos) } else { mismatches(&other.qos, own) };
        (!mismatches.is_empty()).then(|| Incompatibility { topic: topic.into(), other: other.guid, mismatches })
    };
    others.into_iter().filter(|other| other.topic == topic).filter_map(refusal).collect()
}
