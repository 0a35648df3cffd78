use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use node::{MessageType, Node, Ports, Qos, Shared, Time};

use crate::DIAGNOSTICS_TOPIC;
use crate::ros::dds_qos;

/// A topic of a graph: its name, type and what its first publisher offers.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Full name, e.g. `/planning/trajectory`.
    pub name: String,
    /// ROS type name.
    pub type_name: &'static str,
    /// The type.
    pub message: MessageType,
    /// Quality of service of the first end that named it.
    pub qos: Qos,
    /// Whether it is for people to look at and made only while somebody does.
    pub debug: bool,
    /// Inputs that read it: indices of member and input.
    pub(crate) readers: Vec<(usize, usize)>,
    /// A middleware brings them what nodes of this process publish.
    pub(crate) by_wire: bool,
}

/// Sees every message of a graph in the order of publication: recorders, metrics, progress lines.
pub trait Tap: Send {
    /// Called once for each message; `Break` ends the run after this message.
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()>;
}

/// A node in a graph.
pub struct Member {
    /// The node's name.
    pub name: String,
    /// The value.
    pub node: Box<dyn Node>,
    /// What it declared.
    pub ports: Ports,
    /// Lockstep only: simulated time from an event to the messages it causes, standing for the node's run time.
    pub simulated_latency: Duration,
    /// Where its status goes.
    pub(crate) diagnostics: String,
    /// Topic index of each input.
    pub(crate) inputs: Vec<usize>,
    /// Topic index of each output.
    pub(crate) outputs: Vec<usize>,
}

/// Why nodes make no graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Two ends of one topic disagree on its type.
    #[error("topic {topic}: {node} has it as {found}, but others as {expected}; remap one of them")]
    TypeMismatch {
        /// The topic.
        topic: String,
        /// The node that came later.
        node: String,
        /// The type it declares.
        found: &'static str,
        /// The type declared before.
        expected: &'static str,
    },
    /// A remap of a node-local name names nothing the node has.
    #[error("node {node}: remap from `{from}` fits none of its ports; it has {ports}")]
    UnknownRemap {
        /// The node.
        node: String,
        /// The name that fits nothing.
        from: String,
        /// The names there are.
        ports: String,
    },
    /// A quality of service that cannot be.
    #[error("node {node}: {what}: {reason}")]
    QosOverride {
        /// The node.
        node: String,
        /// The parameter.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two nodes share a name.
    #[error("two nodes are named {0}; give one another name")]
    DuplicateNode(String),
}

/// Nodes and the topics between them.
#[derive(Default)]
pub struct Graph {
    pub(crate) members: Vec<Member>,
    pub(crate) topics: Vec<Topic>,
    by_name: BTreeMap<String, usize>,
}

impl Graph {
    /// Adds a node. `remaps` takes node-local names (`~/input/imu`) or full names to topics.
    ///
    /// # Errors
    /// [`GraphError`] where the name is taken, a remap of a node-local name fits no port, or a topic has two types.
    pub fn add(
        &mut self,
        name: &str,
        node: Box<dyn Node>,
        ports: Ports,
        remaps: &BTreeMap<String, String>,
        simulated_latency: Duration,
    ) -> Result<(), GraphError> {
        if self.members.iter().any(|m| m.name == name) {
            return Err(GraphError::DuplicateNode(name.into()));
        }
        self.check_remaps(name, &ports, remaps)?;
        let index = self.members.len();
        let mut inputs = Vec::new();
        for (port_index, port) in ports.inputs().iter().enumerate() {
            let topic = self.topic(name, &resolve(name, &port.name, remaps), port.message, port.qos)?;
            self.topics[topic].readers.push((index, port_index));
            inputs.push(topic);
        }
        let mut outputs = Vec::new();
        for port in ports.outputs() {
            let topic = self.topic(name, &resolve(name, &port.name, remaps), port.message, port.qos)?;
            self.topics[topic].debug |= port.debug;
            outputs.push(topic);
        }
        let diagnostics = resolve(name, DIAGNOSTICS_TOPIC, remaps);
        self.members.push(Member { name: name.into(), node, ports, simulated_latency, diagnostics, inputs, outputs });
        Ok(())
    }

    /// The topics, in the order in which nodes named them.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Nodes with the topics they read: what the proof that no node sees ground truth rests on.
    pub fn subscriptions(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.members.iter().map(|m| (m.name.as_str(), m.inputs.iter().map(|&t| self.topics[t].name.as_str()).collect()))
    }

    /// Nodes with the topics they write.
    pub fn publications(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.members
            .iter()
            .map(|m| (m.name.as_str(), m.outputs.iter().map(|&t| self.topics[t].name.as_str()).collect()))
    }

    /// Ends of one topic that would not meet on a wire, for an input asks for more than an output offers.
    pub fn quality_mismatches(&self) -> Vec<String> {
        let mut list = Vec::new();
        for (topic, of) in self.topics.iter().enumerate() {
            for writer in &self.members {
                let offers = writer.ports.outputs().iter().zip(&writer.outputs).filter(|(_, at)| **at == topic);
                for ((offer, _), (reader, input)) in offers.flat_map(|o| of.readers.iter().map(move |r| (o, r))) {
                    let reader = &self.members[*reader];
                    let offered = dds_qos(offer.qos, offer.message.hash);
                    let port = &reader.ports.inputs()[*input];
                    for mismatch in dds::mismatches(&offered, &dds_qos(port.qos, port.message.hash)) {
                        let (policy, has, wants) = (mismatch.policy, mismatch.offered, mismatch.requested);
                        let (from, to) = (&writer.name, &reader.name);
                        list.push(format!("{}: {policy}: {from} offers {has}, {to} asks for {wants}", of.name));
                    }
                }
            }
        }
        list
    }

    /// The topic of each member's diagnostics, made where no node named it.
    pub(crate) fn diagnostics_topics(&mut self) -> Result<Vec<usize>, GraphError> {
        let message = MessageType::of::<msgs::diagnostic_msgs::msg::DiagnosticArray>();
        let of: Vec<_> = self.members.iter().map(|m| (m.name.clone(), m.diagnostics.clone())).collect();
        of.iter().map(|(node, topic)| self.topic(node, topic, message, Qos::reliable(10))).collect()
    }

    fn check_remaps(&self, node: &str, ports: &Ports, remaps: &BTreeMap<String, String>) -> Result<(), GraphError> {
        let names: Vec<&str> = ports
            .inputs()
            .iter()
            .map(|p| p.name.as_str())
            .chain(ports.outputs().iter().map(|p| p.name.as_str()))
            .collect();
        // Rules for full names may be meant for other nodes: `set_remap` in launch files gives them to all of a group.
        for from in remaps.keys().filter(|from| from.starts_with("~/")) {
            if !names.contains(&from.as_str()) {
                return Err(GraphError::UnknownRemap {
                    node: node.into(),
                    from: from.clone(),
                    ports: names.join(", "),
                });
            }
        }
        Ok(())
    }

    fn topic(&mut self, node: &str, name: &str, message: MessageType, qos: Qos) -> Result<usize, GraphError> {
        if let Some(&index) = self.by_name.get(name) {
            let (expected, type_name) = (self.topics[index].type_name, message.name);
            if expected == type_name {
                return Ok(index);
            }
            return Err(GraphError::TypeMismatch { topic: name.into(), node: node.into(), found: type_name, expected });
        }
        let topic = Topic {
            name: name.into(),
            type_name: message.name,
            message,
            qos,
            debug: false,
            readers: Vec::new(),
            by_wire: false,
        };
        self.topics.push(topic);
        self.by_name.insert(name.into(), self.topics.len() - 1);
        Ok(self.topics.len() - 1)
    }
}

impl Member {
    /// The debug outputs, with the topic of each.
    pub(crate) fn debug_outputs(&self) -> impl Iterator<Item = (usize, usize)> {
        let outputs = self.ports.outputs().iter().zip(&self.outputs).enumerate();
        outputs.filter(|(_, (port, _))| port.debug).map(|(index, (_, topic))| (index, *topic))
    }
}

/// A node-local name in full: `~/x` of node `a/n` is `/a/n/x`, and `x` is `/a/x`.
fn expand(node: &str, name: &str) -> String {
    match name.strip_prefix("~/") {
        Some(rest) => format!("/{}/{rest}", node.trim_start_matches('/')),
        None if name.starts_with('/') => name.into(),
        None => match node.trim_start_matches('/').rsplit_once('/') {
            Some((namespace, _)) => format!("/{namespace}/{name}"),
            None => format!("/{name}"),
        },
    }
}

fn resolve(node: &str, name: &str, remaps: &BTreeMap<String, String>) -> String {
    let full = expand(node, name);
    let rule = remaps.iter().find(|(from, _)| expand(node, from) == full);
    rule.map_or_else(|| full.clone(), |(_, to)| expand(node, to))
}
