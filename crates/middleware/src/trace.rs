//! Wall time along a chain of topics, where simulated time stands still while nodes work.

use std::time::Duration;

use crate::graph::{Member, Topic};
use crate::latency::Latency;

/// Which message of the path's first topic a message rests on, and the wall time that nodes took since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Provenance {
    origin: u64,
    took: Duration,
}

/// Follows messages along a path of topics.
#[derive(Default)]
pub(crate) struct Trace {
    path: Vec<usize>,
    /// For each member: the place on the path of the topic it reads, where it writes the next one.
    place: Vec<Option<usize>>,
    /// For each member: what its newest input on the path rests on.
    newest: Vec<Option<Provenance>>,
    origins: u64,
    last_arrived: u64,
    pub latency: Latency,
}

impl Trace {
    pub(crate) fn new(members: &[Member], topics: &[Topic], path: &[&str]) -> Self {
        let path: Vec<usize> =
            path.iter().map_while(|name| topics.iter().position(|topic| topic.name == **name)).collect();
        let place = members.iter().map(|member| {
            path.windows(2).position(|pair| member.inputs.contains(&pair[0]) && member.outputs.contains(&pair[1]))
        });
        Self { place: place.collect(), newest: vec![None; members.len()], path, ..Self::default() }
    }

    /// A message reached its topic.
    pub(crate) fn arrive(&mut self, topic: usize, provenance: Option<Provenance>) {
        let Some(provenance) = provenance.filter(|_| self.path.last() == Some(&topic)) else { return };
        if provenance.origin > self.last_arrived {
            self.last_arrived = provenance.origin;
            self.latency.record(provenance.took);
        }
    }

    /// A member handled an event for so long; `from` is the topic and provenance of the message, if it had one.
    pub(crate) fn handled(&mut self, member: usize, from: Option<(usize, Provenance)>, took: Duration) {
        let Some((topic, provenance)) = from else { return };
        let reads = self.place.get(member).copied().flatten().map(|place| self.path[place]);
        if reads != Some(topic) {
            return;
        }
        if self.newest[member].is_none_or(|known| provenance.origin > known.origin) {
            self.newest[member] = Some(Provenance { took: provenance.took + took, ..provenance });
        }
    }

    /// What a message that a member published rests on; `later` where it came from another event than the input.
    pub(crate) fn of_output(&mut self, member: usize, topic: usize, later: bool, took: Duration) -> Option<Provenance> {
        if self.path.first() == Some(&topic) {
            self.origins += 1;
            return Some(Provenance { origin: self.origins, took: Duration::ZERO });
        }
        let place = (*self.place.get(member)?)?;
        let known = self.newest[member].filter(|_| self.path[place + 1] == topic)?;
        Some(if later { Provenance { took: known.took + took, ..known } } else { known })
    }
}
