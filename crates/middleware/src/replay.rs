//! Nodes over a recording: what they do not write themselves is fed to them at the time it was recorded.

use std::ops::ControlFlow;

use msgs::diagnostic_msgs::msg::DiagnosticArray;
use node::{Shared, Time};

use crate::graph::{Graph, GraphError, Tap};
use crate::{DIAGNOSTICS_TOPIC, Lockstep};

/// Runs a graph in lockstep by the time of a recording: same graph, same recording, same messages out, bit for bit.
///
/// What is recorded at one time comes in its order behind the timers that fall due then and before what the nodes
/// publish in answer: as in the drive that [`Lockstep`] recorded, so that unchanged nodes publish the same again.
pub struct Replay {
    driver: Lockstep,
    members: Vec<String>,
    /// For each topic, whether recorded messages on it are taken.
    fed: Vec<bool>,
    /// Time of the last message that was fed.
    fed_at: Option<Time>,
}

/// Topics that nodes read and that the recording must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededTopic {
    /// The topic.
    pub name: String,
    /// Its ROS type.
    pub type_name: &'static str,
    /// The nodes that read it.
    pub readers: Vec<String>,
}

impl Replay {
    /// Takes the graph at the time of the recording's first message. Timers fall due at multiples of their period, as
    /// in a drive that began at time zero.
    ///
    /// # Errors
    /// [`GraphError`] where a node uses `/diagnostics` with another type.
    pub fn new(graph: Graph, start: Time) -> Result<Self, GraphError> {
        let members: Vec<String> = graph.members.iter().map(|member| member.name.clone()).collect();
        let mut fed: Vec<bool> = graph.topics.iter().map(|topic| !topic.readers.is_empty()).collect();
        for member in &graph.members {
            member.outputs.iter().for_each(|&topic| fed[topic] = false);
        }
        let driver = Lockstep::starting_at(graph, start)?;
        Ok(Self { driver, members, fed, fed_at: None })
    }

    /// The topics that are fed, by name.
    pub fn needed(&self) -> Vec<NeededTopic> {
        let mut needed: Vec<NeededTopic> = self
            .driver
            .topics()
            .iter()
            .zip(&self.fed)
            .filter(|(_, fed)| **fed)
            .map(|(topic, _)| NeededTopic {
                name: topic.name.clone(),
                type_name: topic.type_name,
                readers: topic.readers.iter().map(|&(member, _)| self.members[member].clone()).collect(),
            })
            .collect();
        needed.sort_by(|a, b| a.name.cmp(&b.name));
        needed
    }

    /// Runs up to `time` and feeds one recorded message; the tap sees what the nodes publish, not what is fed. Messages
    /// on topics that the nodes write or do not read are passed over; says whether this one was fed.
    ///
    /// Of `/diagnostics` what the replayed nodes said in the recording is passed over: they speak for themselves.
    pub fn feed(&mut self, time: Time, topic: &str, message: &Shared, tap: &mut dyn Tap) -> ControlFlow<(), bool> {
        let index = self.driver.topics().iter().position(|known| known.name == topic);
        let Some(index) = index.filter(|&index| self.fed.get(index).copied().unwrap_or(false)) else {
            return ControlFlow::Continue(false);
        };
        let message_type = message.as_ref().type_name();
        if message_type != self.driver.topics()[index].type_name {
            return ControlFlow::Continue(false);
        }
        if topic == DIAGNOSTICS_TOPIC && self.is_of_replayed(message) {
            return ControlFlow::Continue(false);
        }
        if self.fed_at != Some(time) {
            self.driver.run(time, tap)?;
            self.fed_at = Some(time);
        }
        self.driver.feed(time, index, message);
        ControlFlow::Continue(true)
    }

    /// Runs to the recording's end.
    pub fn run_to(&mut self, end: Time, tap: &mut dyn Tap) -> ControlFlow<()> {
        self.driver.run(end, tap)
    }

    /// The driver: for latencies and statuses.
    pub fn driver(&self) -> &Lockstep {
        &self.driver
    }

    fn is_of_replayed(&self, message: &Shared) -> bool {
        let Some(array) = message.as_any().downcast_ref::<DiagnosticArray>() else { return false };
        array.status.iter().any(|status| self.members.contains(&status.name))
    }
}
