//! The bridge as its shipped parameters make it, and messages to and from it by topic.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carla_bridge::CarlaBridge;
use msgs::Message;
use node::{Context, Definition, Event, EventKind, Outputs, Parameters, Ports, Shared, Status, Time};
use road_map::LaneGraph;

pub fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub fn context() -> Context {
    let map = LaneGraph::from_file(&share().join("maps/town.xodr"), None).unwrap();
    let vehicle = vehicle::Vehicle::default();
    Context { vehicle, map: Some(Arc::new(map)), share: share(), onnxruntime: None }
}

/// A node made from its shipped parameters with some set.
pub struct Made<N> {
    pub node: N,
    pub ports: Ports,
    outputs: Outputs,
}

impl<N: Definition> Made<N> {
    pub fn new(context: &Context, set: &[(&str, &str)]) -> Self {
        let file = share().join(format!("params/{}.param.yaml", N::NAME));
        let mut parameters = Parameters::from_file(&file, N::NAME).unwrap();
        for (name, value) in set {
            parameters.set(name, value);
        }
        let mut ports = Ports::default();
        let node = N::new(parameters.parse(N::NAME).unwrap(), &mut ports, context).unwrap();
        Self { node, ports, outputs: Outputs::default() }
    }

    fn handle(&mut self, now: Time, kind: EventKind) {
        self.node.on_event(&Event { now, kind }, &mut self.outputs);
    }

    pub fn timer(&mut self, now: Time) {
        self.handle(now, EventKind::Timer(0));
    }

    /// Hands a message to the input of this topic, if there is one.
    pub fn hear(&mut self, now: Time, topic: &str, message: &Shared) {
        let inputs = self.ports.inputs().iter().enumerate();
        let reading: Vec<usize> = inputs.filter(|(_, port)| port.name == topic).map(|(index, _)| index).collect();
        reading.into_iter().for_each(|index| self.handle(now, EventKind::Message(index, Arc::clone(message))));
    }

    pub fn hear_message<M: Message>(&mut self, now: Time, topic: &str, message: M) {
        let shared: Shared = Arc::new(message);
        self.hear(now, topic, &shared);
    }

    /// What was published since the last call, with its topic.
    pub fn said(&mut self) -> Vec<(String, Shared)> {
        let name = |output: usize| self.ports.outputs()[output].name.clone();
        self.outputs.take_published().into_iter().map(|said| (name(said.output), said.message)).collect()
    }

    pub fn status(&mut self) -> Option<Status> {
        self.outputs.take_status()
    }
}

/// The last message of a topic among those.
pub fn last<M: Message + Clone>(said: &[(String, Shared)], topic: &str) -> Option<M> {
    let found = said.iter().rev().find(|(name, _)| name == topic)?;
    found.1.as_any().downcast_ref::<M>().cloned()
}

pub type Bridge = Made<CarlaBridge>;
