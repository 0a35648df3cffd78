//! Faults on topics between the stand-in for CARLA and the rest, while the car drives in lockstep.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferrodrive::stack::Stack;
use middleware::{Graph, Tap, Topic};
use msgs::Message;
use msgs::nav_msgs::msg::Odometry;
use node::{Event, Input, Node, Output, Outputs, Ports, Qos, Shared, Time};

use crate::Witness;

/// Faster than this the car drives, m/s.
const DRIVES_MPS: f64 = 3.0;
/// And slower than this it stands.
const STANDS_MPS: f64 = 0.1;
/// A fault waits for this long a drive, and a drive for this long after the fault, s of simulated time.
const DRIVEN_S: f64 = 1.0;
/// A fault lasts as long as it takes the car to stop and [`STOOD_S`] more, at most this long, s.
const LONGEST_S: f64 = 7.0;
const STOOD_S: f64 = 1.0;
/// Nobody waits longer for a car to drive, s.
const PATIENCE_S: f64 = 60.0;

/// What happens to a topic's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None comes.
    Vanished,
    /// The last one that came comes again and again.
    Stale,
    /// Each comes this much too late, ms.
    Late(u32),
    /// Of any three one comes.
    Missing,
    /// Each comes twice.
    Doubled,
    /// Two in a row change places.
    Reordered,
    /// Another sender's come as well, of the same stamps.
    SecondSender,
}

/// A fault of a topic.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The topic.
    pub topic: &'static str,
    /// What happens.
    pub kind: Kind,
}

/// What came of a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// When it began and when it ended, s.
    pub during: (f64, f64),
    /// Whether the car stood before it ended.
    pub stopped: bool,
    /// Whether the car drove afterwards, with nothing wrong.
    pub recovered: bool,
}

#[derive(Default)]
struct Stage {
    faults: VecDeque<Fault>,
    active: Option<(Fault, f64)>,
    /// Since when the car drives, and stands.
    drives_since: Option<f64>,
    stands_since: Option<f64>,
    waits_since: f64,
    outcomes: Vec<Outcome>,
    over: bool,
}

impl Stage {
    /// Takes the car's true speed.
    fn take(&mut self, now: f64, speed: f64) {
        self.drives_since = (speed > DRIVES_MPS).then_some(self.drives_since.unwrap_or(now));
        self.stands_since = (speed < STANDS_MPS).then_some(self.stands_since.unwrap_or(now));
        let lasts = |since: Option<f64>, seconds: f64| since.is_some_and(|since| now - since >= seconds);
        if let Some((_, began)) = self.active {
            let stopped = lasts(self.stands_since, STOOD_S);
            if stopped || now - began > LONGEST_S {
                self.outcomes.push(Outcome { during: (began, now), stopped, recovered: false });
                (self.active, self.drives_since, self.waits_since) = (None, None, now);
            }
        } else if lasts(self.drives_since, DRIVEN_S) {
            if let Some(last) = self.outcomes.last_mut() {
                last.recovered = true;
            }
            self.active = self.faults.pop_front().map(|fault| (fault, now));
            self.over = self.active.is_none();
        } else {
            self.over = now - self.waits_since > PATIENCE_S;
        }
    }
}

type Shares = Arc<Mutex<Stage>>;

fn lock(stage: &Shares) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes a topic's messages on, with the fault that is its turn.
struct Saboteur<M> {
    topic: String,
    input: Input<M>,
    out: Output<M>,
    stage: Shares,
    /// What is made of a message by another sender.
    other: fn(&M) -> M,
    last: Option<M>,
    held: VecDeque<(Time, M)>,
    count: u32,
}

impl<M: Message + Clone> Node for Saboteur<M> {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let Some(message) = event.message(self.input).cloned() else { return };
        let active = lock(&self.stage).active.filter(|(fault, _)| fault.topic == self.topic);
        self.count += 1;
        let mut send = |message: M| outputs.publish(self.out, message);
        let Some((fault, _)) = active else {
            self.held.clear();
            self.last = Some(message.clone());
            return send(message);
        };
        match fault.kind {
            Kind::Vanished => {}
            Kind::Stale => self.last.iter().cloned().for_each(send),
            Kind::Missing if self.count.is_multiple_of(3) => send(message),
            Kind::Missing => {}
            Kind::Doubled => {
                send(message.clone());
                send(message);
            }
            Kind::SecondSender => {
                let other = (self.other)(&message);
                send(message);
                send(other);
            }
            Kind::Reordered => match self.held.pop_front() {
                Some((_, before)) => {
                    send(message);
                    send(before);
                }
                None => self.held.push_back((event.now, message)),
            },
            Kind::Late(ms) => {
                self.held.push_back((event.now, message));
                while self.held.front().is_some_and(|(at, _)| event.now.since(*at) >= f64::from(ms) * 1e-3) {
                    self.held.pop_front().into_iter().for_each(|(_, message)| send(message));
                }
            }
        }
    }
}

/// Faults one after the other, each once the car drives.
pub struct Sabotage {
    stage: Shares,
    nodes: Vec<(String, Box<dyn Node>, Ports)>,
}

impl Sabotage {
    /// These faults.
    pub fn new(faults: &[Fault]) -> Self {
        let stage = Stage { faults: faults.iter().copied().collect(), ..Stage::default() };
        Self { stage: Arc::new(Mutex::new(stage)), nodes: Vec::new() }
    }

    /// Gets between the stand-in and the readers of a topic. `other`: what a second sender would send.
    pub fn between<M: Message + Clone>(&mut self, stack: &mut Stack, topic: &str, other: fn(&M) -> M) {
        let raw = format!("/sabotaged{topic}");
        for node in stack.nodes.iter_mut().filter(|node| node.executable == "carla_stand_in") {
            node.remaps.insert(topic.into(), raw.clone());
        }
        let mut ports = Ports::default();
        let (input, out) = (ports.input(&raw, Qos::reliable(10)), ports.output(topic, Qos::reliable(10)));
        let stage = Arc::clone(&self.stage);
        let held = VecDeque::new();
        let node = Saboteur { topic: topic.into(), input, out, stage, other, last: None, held, count: 0 };
        let name = format!("saboteur{}", topic.replace('/', "_"));
        self.nodes.push((name, Box::new(node), ports));
    }

    /// The graph of the stack with the saboteurs, and what watches it.
    pub fn graph(self, stack: &Stack) -> (Graph, Watch) {
        let mut graph = stack.graph().unwrap_or_else(|error| panic!("{error:#}"));
        for (name, node, ports) in self.nodes {
            graph.add(&name, node, ports, &BTreeMap::new(), Duration::ZERO).unwrap_or_else(|error| panic!("{error}"));
        }
        (graph, Watch { stage: self.stage, witness: Witness::default() })
    }
}

/// Sees the car drive and stop, and says when it is whose turn.
pub struct Watch {
    stage: Shares,
    /// What else was seen.
    pub witness: Witness,
}

impl Watch {
    /// What came of each fault whose turn came.
    pub fn outcomes(&self) -> Vec<Outcome> {
        lock(&self.stage).outcomes.clone()
    }
}

impl Tap for Watch {
    fn on_message(&mut self, now: Time, topic: &Topic, message: &Shared) -> ControlFlow<()> {
        if topic.name == "/simulation/ground_truth/odometry"
            && let Some(odometry) = message.as_any().downcast_ref::<Odometry>()
        {
            lock(&self.stage).take(now.seconds(), odometry.twist.twist.linear.x);
        }
        if lock(&self.stage).over {
            return ControlFlow::Break(());
        }
        self.witness.on_message(now, topic, message)
    }
}
